"""Sequences through a network whose memory is on the emulator."""

from __future__ import annotations

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments.classification import chip as psmnist_chip
from spiking_lmu.experiments.classification.chip import run_on_chip
from spiking_lmu.hardware import loihi
from spiking_lmu.networks import SequenceNetwork, freeze, run_sequences
from spiking_lmu.training.weights import draw_weights

PRESENTATION = 5

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def data():
    return np.random.default_rng(0).random((5, 12, 1))


@pytest.fixture(scope="module")
def network(data):
    """Untrained weights: what is asked here is whether they are computed with."""
    network = SequenceNetwork(1, 3, order=3, window=12, units=10, seed=1)
    draw_weights(network, 1)
    network.lmu.hidden.encoders = np.ones((10, 1))
    return network


def frozen(network, data, memory="lif", n_neurons=20):
    settings = {"presentation": PRESENTATION, "seed": 2}
    return freeze(network, memory, n_neurons, data, **settings)


@pytest.mark.parametrize("read", [False, True], ids=["decoded", "read"])
@pytest.mark.parametrize("memory", ["lif", "poisson-relu"])
def test_each_spike_is_counted_once(network, data, memory, read):
    """Also those of random neurons that are higher, where they are read."""
    on_chip = frozen(network, data, memory)
    populations = on_chip.lmu.memory.ensembles
    with on_chip:
        probes = [nengo.Probe(e.neurons) for e in populations]
        reader = nengo.Node(size_in=1)
        for ensemble in populations if read else []:
            every = np.ones((1, ensemble.n_neurons))
            nengo.Connection(ensemble.neurons, reader, transform=every)
    _, spikes, _ = run_on_chip(on_chip, data[:1], seed=0)
    (drawn,) = np.random.SeedSequence([0, 0]).generate_state(1)
    with loihi.Simulator(
        on_chip, target="sim", seed=int(drawn), progress_bar=False
    ) as sim:
        items = np.repeat(data[0], PRESENTATION, axis=0)
        sim.run_steps(len(items), data={on_chip.stimulus: items})
    assert spikes == sum(np.count_nonzero(sim.data[p]) for p in probes) > 0


def test_batches_and_parts_of_a_run_change_nothing(network, data, monkeypatch):
    monkeypatch.setattr(psmnist_chip, "STEPS", 7)  # 60 steps in parts that do not fit
    on_chip = frozen(network, data)
    values, spikes, extra = run_on_chip(on_chip, data, seed=0, batch_size=2)
    expected, counts, energies = [], [], []
    for items in np.repeat(data, PRESENTATION, axis=1):
        with loihi.Simulator(on_chip, target="sim", progress_bar=False) as sim:
            sim.run_steps(len(items), data={on_chip.stimulus: items})
            expected.append(sim.data[on_chip.probe][-1])
            energy = loihi.energy(sim)
        counts.append(energy.counts.spikes)
        energies.append(energy.per_step)
    assert np.allclose(values, expected, rtol=0, atol=1e-9)
    assert spikes == pytest.approx(np.mean(counts))
    low, high = 1e9 * np.mean(energies, axis=0)
    assert extra["energy_low"] == pytest.approx(low)
    assert extra["energy_high"] == pytest.approx(high)
    assert extra["cores"] == loihi.resources(on_chip).cores
    assert extra["steps"] == 12 * PRESENTATION


@pytest.mark.parametrize("target", ["sim", "simreal"])
def test_the_answers_are_those_of_the_network(network, data, target):
    """Off by what neurons do, and no more than in Nengo, give or take."""
    on_chip = frozen(network, data, n_neurons=100)
    exact = run_sequences(network, data).values
    in_nengo = run_sequences(on_chip, data).values
    values, _, extra = run_on_chip(on_chip, data, seed=0, target=target)
    assert extra["target"] == target
    error, usual = (np.sqrt(np.mean((v - exact) ** 2)) for v in (values, in_nengo))
    assert error < 3 * usual
    assert error < 0.5 * np.std(exact)


def test_random_neurons_follow_the_seed(network, data):
    on_chip = frozen(network, data, "poisson-relu", 10)
    first, again, other = (run_on_chip(on_chip, data[:2], s)[0] for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    "change, match",
    [
        ({"inputs": np.zeros((2, 12, 2))}, "inputs.*of shape"),
        ({"inputs": [[[np.nan]]]}, "inputs.*finite"),
        ({"seed": -1}, "seed"),
        ({"target": "loihi"}, "target.*'simreal'"),
        ({"batch_size": 0}, "batch_size"),
        ({"network": None}, "network.*SequenceNetwork"),
    ],
)
def test_bad_arguments(network, data, change, match):
    arguments = {"network": frozen(network, data), "inputs": data, "seed": 0}
    with pytest.raises(ValidationError, match=match):
        run_on_chip(**{**arguments, **change})


@pytest.mark.parametrize("memory", ["exact", "rate"])
def test_a_chip_has_spiking_neurons_only(network, data, memory):
    with pytest.raises(ValidationError, match="of spiking neurons"):
        run_on_chip(frozen(network, data, memory), data, seed=0)
