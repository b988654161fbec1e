"""Several runs at once, and inputs that are given: as one run after the other."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import SimulatorClosed, ValidationError

from spiking_lmu.hardware import loihi
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.signals import white_noise

DT, STEPS, RUNS = 0.001, 300, 3


def fed(neuron_type=None, loop=False):
    """A memory of a signal and a constant, with probes on the chip and on the host."""
    with nengo.Network(seed=2) as network:
        signal = nengo.Node(lambda t: 0.0)
        constant = nengo.Node(0.1)
        memory = LegendreMemory(
            0.1, 3, 30, neuron_type=neuron_type or nengo.LIF(), freq=10
        )
        nengo.Connection(signal, memory.input, synapse=None)
        nengo.Connection(constant, memory.input, synapse=None)
        delayed = memory.add_readout([0.05])
        if loop:
            back = nengo.Node(lambda t, x: 0.1 * x, size_in=1)
            nengo.Connection(delayed, back, synapse=None)
            nengo.Connection(back, memory.input, synapse=0.01)
        probes = [
            nengo.Probe(delayed),
            nengo.Probe(delayed, synapse=0.02, sample_every=0.005),
            nengo.Probe(memory.ensembles[0].neurons),
            nengo.Probe(memory.ensembles[1], synapse=0.01),
            nengo.Probe(signal),
        ]
    return network, signal, constant, probes


def inputs():
    return np.stack([white_noise(0.3, DT, 10, 0.3, seed)[:, None] for seed in range(3)])


def simulator(network, **arguments):
    return loihi.Simulator(network, progress_bar=False, seed=1, **arguments)


@pytest.mark.parametrize("target", ["sim", "simreal"])
@pytest.mark.parametrize("loop", [False, True])
def test_runs_at_once_are_runs_one_by_one(target, loop):
    network, signal, _, probes = fed(loop=loop)
    us = inputs()
    with simulator(network, target=target, minibatch_size=RUNS) as sim:
        assert sim.precompute is not loop
        sim.run_steps(100, data={signal: us[:, :100]})
        sim.run_steps(STEPS - 100, data={signal: us[:, 100:]})
        assert sim.n_steps == STEPS
    for item, u in enumerate(us):
        with simulator(network, target=target) as one:
            one.run_steps(STEPS, data={signal: u})
        for probe in probes:
            assert sim.data[probe].shape == (RUNS, *one.data[probe].shape)
            np.testing.assert_array_equal(sim.data[probe][item], one.data[probe])
    np.testing.assert_array_equal(sim.data[probes[-1]], us)


def test_nodes_give_their_own_again():
    network, signal, constant, probes = fed()
    with simulator(network) as sim:
        sim.run_steps(10, data={signal: np.ones((10, 1)), constant: np.zeros((10, 1))})
        sim.run_steps(10)
        np.testing.assert_array_equal(sim.data[probes[-1]][:, 0], [1] * 10 + [0] * 10)


def test_a_constant_can_be_given_values():
    """No operator of Nengo's sets it at run time."""
    network, signal, constant, probes = fed()
    us = inputs()[0]
    with simulator(network) as sim:
        sim.run_steps(STEPS, data={signal: us, constant: np.full((STEPS, 1), 0.1)})
    with simulator(network) as same:
        same.run_steps(STEPS, data={signal: us})
    for probe in probes:
        np.testing.assert_array_equal(sim.data[probe], same.data[probe])
    with simulator(network) as other:
        other.run_steps(STEPS, data={signal: us, constant: np.zeros((STEPS, 1))})
    assert not np.array_equal(sim.data[probes[2]], other.data[probes[2]])


def test_noise_differs_between_runs():
    from spiking_lmu.neurons import poisson

    network, signal, _, probes = fed(poisson())
    with simulator(network, minibatch_size=2) as sim:
        sim.run_steps(STEPS, data={signal: inputs()[[0, 0]]})
    first, second = sim.data[probes[2]]
    assert not np.array_equal(first, second)
    assert first.mean() == pytest.approx(second.mean(), rel=0.2)


def test_reset_starts_anew():
    network, signal, _, probes = fed()
    us = inputs()[0]
    with simulator(network) as sim:
        sim.run_steps(STEPS, data={signal: us})
        first = sim.data[probes[0]].copy()
        sim.reset()
        assert sim.n_steps == 0 and len(sim.data[probes[0]]) == 0
        sim.run_steps(STEPS, data={signal: us})
        np.testing.assert_array_equal(sim.data[probes[0]], first)
    with pytest.raises(SimulatorClosed):
        sim.reset()


def learning():
    """A network that learns on the chip, with noise of the host that has no seed."""
    with nengo.Network(seed=3) as network:
        stimulus = nengo.Node(nengo.processes.WhiteNoise(nengo.dists.Uniform(0.3, 0.5)))
        pre = nengo.Ensemble(40, 1, neuron_type=nengo.LIF(initial_state=STILL))
        post = nengo.Node(size_in=1)
        rule = nengo.PES(1e-3)
        learned = nengo.Connection(
            pre, post, function=lambda x: 0, learning_rule_type=rule, synapse=0.01
        )
        nengo.Connection(stimulus, pre, synapse=None)
        nengo.Connection(post, learned.learning_rule)
        nengo.Connection(stimulus, learned.learning_rule, transform=-1)
        probes = [nengo.Probe(post, synapse=0.02), nengo.Probe(stimulus)]
    return network, probes


STILL = {"voltage": nengo.dists.Choice([0])}


@pytest.mark.parametrize("minibatch_size", [None, 1])
def test_reset_forgets_what_was_learned_and_builds_nothing(minibatch_size, monkeypatch):
    network, probes = learning()

    class Named(loihi.Simulator):
        def __init__(self, name):
            self.name = name
            super().__init__(
                network, progress_bar=False, seed=1, minibatch_size=minibatch_size
            )

    with Named("one") as sim:
        model = sim.model
        sim.run_steps(STEPS)
        first = [sim.data[probe].copy() for probe in probes]
        assert np.abs(first[0]).max() > 0.05  # it has learned something
        monkeypatch.setattr(type(model), "build", None)
        sim.reset()
        sim.run_steps(STEPS)
        for probe, before in zip(probes, first):
            np.testing.assert_array_equal(sim.data[probe], before)
        assert sim.model is model and sim.name == "one"
        sim.reset(seed=2)
        sim.run_steps(STEPS)
        assert not np.array_equal(sim.data[probes[1]], first[1])
        sim.reset()
        sim.run_steps(20)
        sim.reset(seed=1)
        sim.run_steps(STEPS)
        np.testing.assert_array_equal(sim.data[probes[1]], first[1])


def test_processes_keep_no_state_of_their_own():
    """The state of a code is that of a simulator, and is reset with it."""
    network, signal, *_ = fed()
    with simulator(network) as sim:
        (code,) = sim.model.codes.values()
        before = {name: repr(value) for name, value in vars(code).items()}
        sim.run_steps(20, data={signal: np.full((20, 1), 0.7)})
        assert {name: repr(value) for name, value in vars(code).items()} == before
        (lane,) = sim._lanes
        assert lane.state_of(code)["largest"][0] > 0
        sim.reset()
        (lane,) = sim._lanes
        assert lane.state_of(code)["largest"][0] == 0


def test_probes_can_be_cleared():
    network, _, _, probes = fed()
    with simulator(network, minibatch_size=2) as sim:
        sim.run_steps(20)
        sim.clear_probes()
        sim.run_steps(5)
        assert sim.data[probes[0]].shape == (2, 5, 1)


@pytest.mark.parametrize("every", [0.005, 0.0025, 0.0004])
@pytest.mark.parametrize("runs", [None, 2])
def test_probes_keep_the_samples_that_nengo_keeps(runs, every):
    network, _, _, _ = fed()
    ensembles = network.all_networks[0].ensembles
    with network:
        kinds = [
            (ensembles[0].neurons, None),
            (ensembles[0].neurons[:3], None),
            (ensembles[1], 0.01),
            (network.all_networks[0].output, 0.01),
        ]
        whole = [nengo.Probe(obj, synapse=synapse) for obj, synapse in kinds]
        some = [
            nengo.Probe(obj, synapse=synapse, sample_every=every)
            for obj, synapse in kinds
        ]
    with nengo.Simulator(nengo.Network(), progress_bar=False) as reference:
        reference.run_steps(50)
        times = reference.trange(sample_every=every)
    kept = np.round(times / DT).astype(int) - 1
    with simulator(network, minibatch_size=runs) as sim:
        for steps in (17, 1, 32):
            sim.run_steps(steps)
        for all_of_it, sampled in zip(whole, some):
            expected = sim.data[all_of_it][..., kept, :]
            np.testing.assert_array_equal(sim.data[sampled], expected)
        np.testing.assert_array_equal(sim.trange(sample_every=every), times)


@pytest.mark.filterwarnings("ignore:Model is precomputable")
@pytest.mark.parametrize("kind", ["lif", "poisson"])
def test_the_host_sees_each_step_of_the_chip_once(kind):
    """Whether the chip runs before the host, or step by step with it."""
    from spiking_lmu.neurons import poisson

    network, signal, _, _ = fed(poisson() if kind == "poisson" else None)
    ensemble = network.all_networks[0].ensembles[0]
    with network:
        node = nengo.Node(size_in=ensemble.n_neurons)
        nengo.Connection(ensemble.neurons, node, synapse=None, transform=DT)
        fired = nengo.Probe(ensemble.neurons)
        seen, state = nengo.Probe(node), nengo.Probe(network.all_networks[0].output)
    recorded = []
    for precompute in (True, False):
        with simulator(network, precompute=precompute) as sim:
            sim.run_steps(4, data={signal: inputs()[0][:4]})
            sim.run_steps(20, data={signal: inputs()[0][4:24]})
        spikes = sim.data[fired] * DT
        assert spikes.any() and spikes[0].any() == (kind == "poisson")
        # spikes that are read one by one make up for rates that the chip scales
        height = sim.data[seen].max() if kind == "poisson" else 1.0
        np.testing.assert_allclose(sim.data[seen][1:], height * spikes[:-1])
        assert not sim.data[seen][0].any()
        recorded.append(sim.data[state])
    np.testing.assert_allclose(*recorded, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [0, -1, 1.5, "a", np.nan])
def test_refuses_minibatch_sizes(size):
    with pytest.raises(ValidationError, match="minibatch_size: must be"):
        simulator(fed()[0], minibatch_size=size)


def test_refuses_data_that_do_not_fit():
    network, signal, _, _ = fed()
    other = nengo.Node(0, add_to_container=False)
    passing = network.all_networks[0].input
    with simulator(network, minibatch_size=2) as sim:
        for data, words in [
            (3, "mapping from nodes"),
            ({other: np.zeros((2, 5, 1))}, "nodes of the network"),
            ({passing: np.zeros((2, 5, 1))}, "without inputs"),
            ({signal: np.zeros((5, 1))}, r"shape \(2, 5, 1\)"),
            ({signal: np.zeros((2, 4, 1))}, r"shape \(2, 5, 1\)"),
            ({signal: "abc"}, r"shape \(2, 5, 1\)"),
            ({signal: np.full((2, 5, 1), np.nan)}, "finite"),
        ]:
            with pytest.raises(ValidationError, match=words):
                sim.run_steps(5, data=data)
        assert sim.n_steps == 0
    with pytest.raises(SimulatorClosed):
        sim.run_steps(5)
