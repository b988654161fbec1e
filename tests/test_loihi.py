"""Networks on the emulated chip, against Nengo and against nengo-loihi."""

import io

import nengo
import nengo_loihi
import numpy as np
import pytest
from nengo.exceptions import SimulatorClosed, ValidationError
from nengo.utils.progress import ProgressBar

from loihi_cases import DT, NETWORKS, ORDER, THETA, U, fed, run, simulator, stimulus
from spiking_lmu.hardware import loihi
from spiking_lmu.hardware.stochastic import ChipPoisson
from spiking_lmu.networks import LMU
from spiking_lmu.neurons import poisson

# what simulators offer


def test_everything_can_be_probed():
    network, memory = fed(neuron_type=poisson(), n_neurons=20)
    ensemble = memory.ensembles[0]
    with network:
        other = nengo.Ensemble(7, ORDER)
        nengo.Connection(memory.output, other)
        probes = {
            nengo.Probe(memory.input): 1,
            nengo.Probe(memory.output): ORDER,
            nengo.Probe(memory.output[1:]): ORDER - 1,
            nengo.Probe(memory.encoded): ORDER,
            nengo.Probe(memory.decoded[0]): ORDER,
            nengo.Probe(memory.add_readout([0, THETA])): 2,
            nengo.Probe(ensemble): 1,
            nengo.Probe(ensemble, synapse=0.1, solver=nengo.solvers.LstsqL2()): 1,
            nengo.Probe(ensemble.neurons): ensemble.n_neurons,
            nengo.Probe(ensemble.neurons[9:12]): 3,  # those that always spike
            nengo.Probe(ensemble.neurons, "input"): ensemble.n_neurons,
            nengo.Probe(other.neurons, "voltage"): 7,
        }
    sim = run(network, steps=50)
    for probe, size in probes.items():
        assert sim.data[probe].shape == (50, size), probe
        assert np.isfinite(sim.data[probe]).all() and np.ptp(sim.data[probe]) > 0
    spikes = sim.data[next(p for p in probes if p.obj == ensemble.neurons)]
    assert set(np.unique(spikes)) == {0, 1 / DT}
    np.testing.assert_array_equal(sim.data[next(iter(probes))], U[:50, None])


@pytest.mark.parametrize(
    "units",
    [nengo.Tanh(tau_ref=1), nengo.PoissonSpiking(nengo.Tanh(tau_ref=0.0025))],
    ids=["tanh", "random tanh"],
)
def test_what_stays_on_the_host_can_be_probed(units):
    with nengo.Network(seed=0) as network:
        lmu = LMU(
            4,
            ORDER,
            THETA,
            neuron_type=units,
            synapse=0.01,
            memory_args={"n_neurons": 20, "neuron_type": nengo.LIF()},
        )
        nengo.Connection(stimulus(), lmu.input, synapse=None)
        others = [
            nengo.Ensemble(20, 2, neuron_type=nengo.Sigmoid()),
            nengo.Ensemble(20, 2),
        ]
        nengo_loihi.add_params(network)
        network.config[others[1]].on_chip = False
        for other in others:
            nengo.Connection(lmu.memory.output[:2], other)
        objects = [lmu.hidden, lmu.hidden.neurons, *others, others[1].neurons]
        probes = [nengo.Probe(obj) for obj in objects]
    sim = run(network, steps=60)
    assert any("stay on the host" in text for text in sim.changes)
    for probe in probes:
        assert sim.data[probe].shape == (60, probe.size_in)
        assert np.ptp(sim.data[probe]) > 0


def test_decoded_values_are_those_of_spikes():
    """What is probed is what the host makes of the spikes, exactly."""
    network, memory = fed(neuron_type=poisson(), n_neurons=20)
    ensemble = memory.ensembles[1]
    with network:
        spikes = nengo.Probe(ensemble.neurons)
        value = nengo.Probe(ensemble, solver=nengo.solvers.LstsqL2(reg=0.1))
    sim = run(network, steps=200)
    built = sim.data[ensemble]
    rates = ChipPoisson().rates(
        built.eval_points @ built.encoders.T / ensemble.radius, built.gain, built.bias
    )
    decoders, _ = nengo.solvers.LstsqL2(reg=0.1)(rates, built.eval_points)
    np.testing.assert_allclose(sim.data[value], sim.data[spikes] @ decoders, rtol=1e-4)


def test_data_of_what_was_built():
    network, memory = fed(neuron_type=poisson())
    with simulator(network) as sim:
        for ensemble in memory.ensembles:
            built = sim.data[ensemble]
            assert built.gain.shape == built.bias.shape == (ensemble.n_neurons,)
            assert built.max_rates.max() <= 180 * (1 + 1e-6)
        populations = memory.populations(sim.data)
    sizes = [len(p.gain) for p in populations]
    assert sizes == list(memory.n_neurons_per_ensemble)


def test_pieces_are_one_run():
    network = NETWORKS["fed by both"]()
    whole = run(network, steps=450, seed=3)
    with simulator(network, seed=3) as sim:
        sim.step()
        sim.run_steps(0)
        sim.run_steps(219)
        sim.run(0.23)
        assert (sim.n_steps, sim.time) == (450, pytest.approx(0.45))
    assert sim.closed
    np.testing.assert_allclose(sim.trange(), DT * np.arange(1, 451))
    for probe in network.all_probes:
        np.testing.assert_array_equal(sim.data[probe], whole.data[probe])
    with pytest.raises(SimulatorClosed):
        sim.run_steps(1)
    sim.close()


def test_probes_can_be_cleared():
    network, memory = fed(neuron_type=poisson())
    with network:
        probes = [nengo.Probe(memory.output), nengo.Probe(memory.ensembles[0].neurons)]
    whole = run(network, steps=60)
    with simulator(network) as sim:
        sim.run_steps(20)
        sim.clear_probes()
        sim.run_steps(40)
        for probe in probes:
            np.testing.assert_array_equal(sim.data[probe], whole.data[probe][20:])


def test_seeds_decide_what_is_random():
    network, memory = fed(neuron_type=poisson())
    with network:
        probe = nengo.Probe(memory.ensembles[0].neurons)
    runs = [run(network, steps=100, seed=s).data[probe] for s in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


class Bar(ProgressBar):
    def __init__(self):
        self.seen = []

    def update(self, progress):
        self.seen.append((progress.name_during, progress.progress))


@pytest.mark.parametrize("progress_bar", [True, False, None])
def test_progress_bars_are_no_matter_for_warnings(progress_bar, monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    run(fed()[0], steps=20, progress_bar=progress_bar)


def test_progress_is_shown():
    bar = Bar()
    run(fed()[0], steps=900, progress_bar=bar)
    shares = {name: [p for n, p in bar.seen if n == name] for name, _ in bar.seen}
    assert set(shares) == {"Building", "Simulating"}
    assert len(set(shares["Simulating"])) >= 2  # Nengo shows no more than it has time
    for values in shares.values():
        assert values == sorted(values) and values[-1] == 1


def test_networks_are_left_as_they_are():
    network = NETWORKS["nested"]()
    before = {kind: list(objects) for kind, objects in network.objects.items()}
    attributes = [
        (c, c.pre, c.post, c.synapse, c.transform) for c in network.all_connections
    ]
    run(network, steps=10)
    assert network.objects == before
    after = [
        (c, c.pre, c.post, c.synapse, c.transform) for c in network.all_connections
    ]
    assert after == attributes


def test_changes_are_told():
    network, _ = fed(neuron_type=poisson())
    with simulator(network) as sim:
        text = "\n".join(sim.changes)
    assert "3 ensembles of 150 Poisson neurons" in text
    assert "connections from population to population" in text
    assert "synapses" in str(sim.resources)


# what is refused


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"dt": 0}, "dt: .* but is 0"),
        ({"dt": "fast"}, "dt"),
        ({"dt": 0.002}, "dt: .*LegendreMemory\\(dt=...\\) was built"),
        ({"dt": 1}, "dt: .* at most 0.1"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"target": "chip"}, "target.*'sim'"),
        ({"model": nengo.builder.Model()}, "model: must be a nengo_loihi.builder"),
        ({"model": nengo_loihi.builder.Model(dt=0.002)}, "model: .* dt=0.001"),
        ({"precompute": "yes"}, "precompute"),
        ({"hardware_options": 3}, "hardware_options"),
    ],
)
def test_bad_arguments(arguments, message):
    network, _ = fed()
    arguments = {"target": "sim", **arguments}
    with pytest.raises(ValidationError, match=message):
        loihi.Simulator(network, progress_bar=False, **arguments)
    with pytest.raises(ValidationError, match="progress_bar: must be True, False"):
        loihi.Simulator(network, progress_bar="yes")


@pytest.mark.filterwarnings("ignore:.*not support initial values")
def test_bad_times_and_seeds_leave_the_simulator_as_it_is():
    with simulator(nengo_only(), minibatch_size=None) as sim:
        for seconds in (np.nan, np.inf, -1, "a", None, [1]):
            with pytest.raises(ValidationError, match="time_in_seconds: must be"):
                sim.run(seconds)
        for every in (0, -1, np.nan, "a"):
            with pytest.raises(ValidationError, match="sample_every: must be"):
                sim.trange(sample_every=every)
        for seed in (-1, 1.5, "a"):
            with pytest.raises(ValidationError, match="seed: must be"):
                sim.reset(seed=seed)
        sim.run(0.003)
        assert sim.n_steps == 3


def nengo_only():
    """A small network without a memory."""
    with nengo.Network(seed=0) as network:
        nengo.Probe(nengo.Ensemble(10, 1))
    return network
