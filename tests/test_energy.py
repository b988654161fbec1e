"""Energy of a run: counts by hand, published energies by hand, and who is refused."""

from __future__ import annotations

from dataclasses import asdict, replace
from types import SimpleNamespace

import nengo
import nengo_loihi
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.hardware import loihi
from spiking_lmu.hardware.energy import Counts, Range, estimate, hops
from spiking_lmu.hardware.processors import (
    PROCESSORS,
    compare,
    count_exact,
    count_factors,
)
from spiking_lmu.networks import LegendreMemory

COUNTS = Counts(
    steps=1000,
    dt=0.001,
    cores=9,
    compartments=300,
    weights=90_000,
    spikes=2000.0,
    input_spikes=500.0,
    messages=4000.0,
    synaptic_operations=60_000.0,
)


LIF = nengo.LIF(initial_state={"voltage": nengo.dists.Choice([0])})


def simulate(network, steps=200, **kwargs):
    with loihi.Simulator(
        network, seed=0, target="sim", progress_bar=False, **kwargs
    ) as sim:
        sim.run_steps(steps)
    return sim


@pytest.fixture(scope="module")
def pair():
    """Two neurons that fire by themselves, the first also for three silent ones."""
    with nengo.Network(seed=0) as network:
        pre = nengo.Ensemble(
            2, 1, gain=[1, 1], bias=[3, 8], encoders=[[1], [1]], neuron_type=LIF
        )
        post = nengo.Ensemble(3, 1, gain=[1] * 3, bias=[-9] * 3, neuron_type=LIF)
        nengo.Connection(
            pre.neurons[:1], post.neurons, transform=-np.ones((3, 1)), synapse=0.01
        )
        probe = nengo.Probe(pre.neurons)
    return network, probe


@pytest.fixture(scope="module")
def driven():
    """A population that an input drives and that the host reads."""
    with nengo.Network(seed=0) as network:
        node = nengo.Node([0.5])
        ensemble = nengo.Ensemble(20, 1, neuron_type=LIF)
        nengo.Connection(node, ensemble)
        nengo.Probe(ensemble, synapse=0.01)
    return network, node


def test_counts_by_hand(pair):
    network, probe = pair
    sim = simulate(network)
    spikes = (sim.data[probe] > 0).sum(axis=0)
    assert (spikes > 5).all() and spikes[0] != spikes[1]
    assert loihi.energy(sim).counts == Counts(
        steps=200,
        dt=0.001,
        cores=2,
        compartments=5,
        weights=3,
        spikes=spikes.sum(),
        input_spikes=0,
        messages=spikes[0],
        synaptic_operations=3 * spikes[0],
    )


def test_spikes_of_the_host_count(driven):
    sim = simulate(driven[0])
    counts = loihi.energy(sim).counts
    assert counts.input_spikes > 0
    # inputs go to all neurons, and these to two compartments that the host reads
    assert counts.compartments == 22 and counts.cores == 2
    assert counts.messages == counts.input_spikes + counts.spikes
    operations = 20 * counts.input_spikes + 2 * counts.spikes
    assert counts.synaptic_operations == operations


def test_counts_go_on_where_runs_do(driven):
    with loihi.Simulator(driven[0], seed=0, target="sim", progress_bar=False) as sim:
        sim.run_steps(100)
        first = loihi.energy(sim)
        sim.run_steps(100)
        both = loihi.energy(sim)
    assert (
        both.counts
        == loihi.energy(sim).counts
        == loihi.energy(simulate(driven[0])).counts
    )
    assert both.counts.steps == 200 and both.total.low > first.total.low


def test_several_runs_give_their_mean(driven):
    network, node = driven
    inputs = np.ones((2, 100, 1)) * np.array([[[-0.9]], [[0.8]]])
    counted = []
    for u in inputs:
        with loihi.Simulator(network, seed=0, progress_bar=False) as sim:
            sim.run_steps(100, data={node: u})
        counted.append(asdict(loihi.energy(sim).counts))
    with loihi.Simulator(network, seed=0, progress_bar=False, minibatch_size=2) as sim:
        sim.run_steps(100, data={node: inputs})
    assert counted[0] != counted[1]
    for name, value in asdict(loihi.energy(sim).counts).items():
        assert value == np.mean([one[name] for one in counted])


def test_energies_by_hand():
    parts = estimate(COUNTS)
    pico = {kind: Range(1e12 * p.low, 1e12 * p.high) for kind, p in parts.items()}
    assert pico["synaptic operations"] == pytest.approx((1_416_000, 1_416_000))
    # of 300,000 updates, 2,000 are of neurons that spike
    assert pico["neuron updates"] == pytest.approx((15_658_000, 24_300_000))
    # three tiles in a row: two hops
    assert pico["spikes to cores"] == pytest.approx((6800, 30_800))


@pytest.mark.parametrize(
    "cores, pico", [(1, 0), (4, 0), (5, 3), (32, 21), (33, 25), (128, 33), (500, 33)]
)
def test_hops_of_the_longest_way(cores, pico):
    assert hops(cores) == pytest.approx(1e-12 * pico)


@pytest.mark.parametrize("factor", [0, 2, 7])
def test_energy_is_linear_in_counts(factor):
    more = replace(
        COUNTS,
        compartments=factor * COUNTS.compartments,
        spikes=factor * COUNTS.spikes,
        messages=factor * COUNTS.messages,
        synaptic_operations=factor * COUNTS.synaptic_operations,
    )
    for kind, part in estimate(COUNTS).items():
        assert estimate(more)[kind] == pytest.approx(part.times(factor))


def test_totals(driven):
    energy = loihi.energy(simulate(driven[0]))
    assert 0 < energy.total.low < energy.total.high
    assert energy.total.low == pytest.approx(sum(p.low for p in energy.parts.values()))
    assert energy.per_step.high == pytest.approx(energy.total.high / 200)
    assert energy.per_second.low == pytest.approx(energy.total.low / 0.2)
    assert all(part.low <= part.high for part in energy.parts.values())


def test_table(driven):
    energy = loihi.energy(simulate(driven[0]))
    text = str(energy)
    assert text.startswith("Estimate for Loihi: 200 steps of 0.001 s, 22 compartments")
    assert "static power" in text
    for kind in energy.parts:
        assert kind in text
    for processor in PROCESSORS:
        assert f"{processor}, by factors" in text and f"{processor}, by weights" in text
    assert "Idle power, published: 29,000 microwatts, 29,000 nJ in a step" in text
    assert max(map(len, text.splitlines())) < 80


def test_learning_is_left_out_in_words():
    with nengo.Network(seed=0) as network:
        pre = nengo.Ensemble(10, 1, neuron_type=LIF)
        post = nengo.Node(size_in=1)
        learns = nengo.Connection(pre, post, learning_rule_type=nengo.PES())
        nengo.Connection(post, learns.learning_rule)
    energy = loihi.energy(simulate(network, steps=20))
    assert any("learn" in text for text in energy.left_out)


def test_factors_by_hand():
    with nengo.Network() as network:
        node = nengo.Node([1.0])
        a, b = nengo.Ensemble(10, 2), nengo.Ensemble(7, 3)
        direct = nengo.Ensemble(50, 1, neuron_type=nengo.Direct())
        nengo.Connection(node, a, transform=[[1], [1]])
        nengo.Connection(a, b[:1], function=lambda x: x[0] * x[1])
        nengo.Connection(a[0], b[1], transform=0.5)
        nengo.Connection(direct, b[2])
    encoders, decoders, transforms = 10 * 2 + 7 * 3, 10 + 10, 2 + 1
    assert count_factors(network) == encoders + decoders + transforms


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda: nengo.Dense((16, 16), init=np.ones((16, 16))), 256),
        (lambda: nengo.Sparse((16, 16), indices=[[0, 1], [2, 3]], init=[1, 2]), 2),
        (
            lambda: nengo.Convolution(
                4, (4, 4, 1), kernel_size=(3, 3), padding="same", strides=(2, 2)
            ),
            2 * 2 * 9 * 4,
        ),
    ],
)
def test_factors_of_transforms(make, expected):
    with nengo.Network() as network:
        pre, transform = nengo.Ensemble(16, 1), make()
        post = nengo.Ensemble(transform.size_out, 1)
        nengo.Connection(pre.neurons, post.neurons, transform=transform)
    assert count_factors(network) == 16 + transform.size_out + expected


def test_factors_of_full_weights():
    with nengo.Network() as network:
        a, b = nengo.Ensemble(10, 1), nengo.Ensemble(7, 1)
        nengo.Connection(a, b, solver=nengo.solvers.LstsqL2(weights=True))
    assert count_factors(network) == 10 + 7 + 10 * 7


def test_processors_take_their_energy_for_each_operation():
    with nengo.Network() as network:
        nengo.Ensemble(10, 2)
    for one in compare(network, on_chip=1000):
        assert one.operations == {"factors": 30, "weights": 1000}[one.method]
        assert one.joules == one.operations * PROCESSORS[one.name]


@pytest.mark.parametrize("order, size_in", [(6, 1), (3, 2)])
def test_an_exact_memory_is_its_system_and_what_reads_it(order, size_in):
    with nengo.Network() as network:
        stimulus = nengo.Node([0.0] * size_in)
        memory = LegendreMemory(0.5, order, 50, size_in=size_in)
        nengo.Connection(stimulus, memory.input, synapse=None)
        nengo.Probe(memory.output)
    operations = size_in * (order * order + order)
    exact = {p.name: p for p in compare(network, 1000) if p.method == "exact"}
    assert {p.operations for p in exact.values()} == {operations}
    assert exact["ARM"].joules == pytest.approx(0.9e-9 * operations)
    with network:
        memory.add_readout([0.1, 0.2, 0.3])
        other = nengo.Ensemble(20, 2)
        nengo.Connection(memory.output[:2], other)
    assert count_exact(network) == operations + 3 * order * size_in + 20 + 20 * 2


def test_idle_power_is_that_of_the_chips_in_use(driven):
    energy = loihi.energy(simulate(driven[0]))
    assert energy.idle == 0.029
    two = replace(energy, counts=replace(energy.counts, cores=129))
    assert two.idle == 2 * 0.029 and two.total == energy.total


def test_who_is_refused(driven):
    network, _ = driven
    with loihi.Simulator(network, target="sim", progress_bar=False) as sim:
        with pytest.raises(ValidationError, match="sim.*has made no step"):
            loihi.energy(sim)
        sim.run_steps(5)
    with pytest.raises(ValidationError, match="target='sim'"):
        loihi.energy(SimpleNamespace(sims={"loihi": None}, n_steps=5))
    for other in (None, network):
        with pytest.raises(ValidationError, match="loihi.Simulator, but is"):
            loihi.energy(other)


def test_the_simulator_of_nengo_loihi_is_refused(driven):
    with nengo_loihi.Simulator(driven[0], target="sim", progress_bar=False) as sim:
        sim.run_steps(2)
        with pytest.raises(ValidationError, match="loihi.Simulator, but is"):
            loihi.energy(sim)
