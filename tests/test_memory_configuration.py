"""Labels, seeds, configuration, nesting and the size of a memory."""

import nengo
import numpy as np
import pytest
from nengo.dists import Choice, Uniform
from nengo.exceptions import ValidationError

from memory_cases import COORDINATES, DT, IDEAL, ORDER, THETA, U, fed, make, probe, run
from spiking_lmu.delay_errors import usable_band
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.networks import LMU, LegendreMemory, SequenceNetwork
from spiking_lmu.networks.exact_memory import ExactMemory
from spiking_lmu.neurons import coordinated, poisson
from spiking_lmu.tuning_curves import EqualRates, OrderedIntercepts

# Neurons


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("allocation", ["equal", "optimal"])
@pytest.mark.parametrize("n_neurons", [1, 7, 50])
def test_total_of_neurons(coordinates, allocation, n_neurons):
    memory = make(
        n_neurons=n_neurons, coordinates=coordinates, allocation=allocation, size_in=2
    )
    assert memory.n_neurons == 2 * ORDER * n_neurons
    sizes = [ensemble.n_neurons for ensemble in memory.ensembles]
    assert sizes[:ORDER] == sizes[ORDER:]
    if allocation == "equal":
        assert set(sizes) == {n_neurons}


def test_labels():
    memory = make(label="window", size_in=2)
    assert memory.label == "window"
    assert [e.label for e in memory.ensembles[:2]] == ["x0", "x1"]
    assert memory.ensembles[ORDER].label == "x0 of input 1"
    assert (memory.input.label, memory.output.label) == ("input", "output")


def test_seeds_decide():
    def noisy(seed):
        network, memory = fed(seed=seed)
        return run(network, probe(network, memory.output), n_steps=100)[0]

    first = noisy(1)
    np.testing.assert_array_equal(noisy(1), first)
    assert np.any(noisy(2) != first)


def test_own_seed_fixes_the_neurons():
    def gains(seed, own):
        with nengo.Network(seed=seed):
            memory = make(order=2, seed=own)
        with nengo.Simulator(memory, progress_bar=False) as sim:
            return np.concatenate([sim.data[e].gain for e in memory.ensembles])

    np.testing.assert_array_equal(gains(1, 5), gains(2, 5))
    assert np.any(gains(1, 5) != gains(1, 6))


def test_honours_the_configuration_of_the_enclosing_network():
    with nengo.Network() as network:
        network.config[nengo.Ensemble].neuron_type = nengo.LIF(tau_rc=0.03)
        network.config[nengo.Ensemble].max_rates = Uniform(50, 60)
        network.config[nengo.Ensemble].intercepts = Choice([0.1])
        configured = make(order=2)
        own = make(order=2, neuron_type=nengo.LIFRate(), max_rates=Uniform(90, 95))
        together = make(order=2, neuron_type=coordinated())
    configured.add_output(np.sum, [0.1, 0.2])
    for ensemble in configured.all_ensembles:
        assert ensemble.neuron_type == nengo.LIF(tau_rc=0.03)
        assert ensemble.max_rates == Uniform(50, 60)
        assert ensemble.intercepts == Choice([0.1])
    for ensemble in own.ensembles:
        assert ensemble.neuron_type == nengo.LIFRate()
        assert ensemble.max_rates == Uniform(90, 95)
        assert ensemble.intercepts == Choice([0.1])
    for ensemble in together.ensembles:
        assert ensemble.max_rates == EqualRates(Uniform(50, 60))
        assert ensemble.intercepts == OrderedIntercepts(Choice([0.1]))


def test_defaults_without_configuration():
    memory = LegendreMemory(theta=0.5, order=6, n_neurons=20)
    assert memory.neuron_type == poisson()
    assert memory.max_rates == Uniform(200, 400)
    assert memory.realization.coordinates == "balanced"
    assert memory.spectrum.freq == pytest.approx(usable_band(6) / 0.5)
    assert memory.spectrum.rms == pytest.approx(0.5)


def test_default_band_ends_where_time_steps_do():
    memory = LegendreMemory(theta=0.004, order=12, n_neurons=20)
    assert memory.spectrum.freq == pytest.approx(500)


CONFIGURATIONS = {
    "transform": (nengo.Connection, "transform", 2.0),
    "synapse": (nengo.Connection, "synapse", 0.1),
    "solver": (nengo.Connection, "solver", nengo.solvers.LstsqL2(weights=True)),
    "gain": (nengo.Ensemble, "gain", Choice([1.5])),
    "bias": (nengo.Ensemble, "bias", Choice([0.5])),
    "radius": (nengo.Ensemble, "radius", 3.0),
    "eval_points": (nengo.Ensemble, "eval_points", Uniform(-0.1, 0.1)),
    "encoders": (nengo.Ensemble, "encoders", Choice([[1.0]])),
    "n_eval_points": (nengo.Ensemble, "n_eval_points", 5),
    "probe": (nengo.Probe, "synapse", 0.1),
}


def parts_of_networks():
    """All that our networks are made of, as it was configured."""
    with nengo.Network(seed=0):
        memory = make(order=2, seed=1)
        memory.add_readout([0, THETA])
        memory.add_output(np.prod, [0.0, 0.1])
        lmu = LMU(3, 4, THETA, memory_args={"n_neurons": 5}, seed=2)
        networks = [memory, lmu, ExactMemory(THETA, 3)]
        networks.append(SequenceNetwork(1, 2, 3, 20, units=[4, 3], seed=3))
    values = []
    for network in networks:
        for c in network.all_connections:
            values += [c.transform, getattr(c.synapse, "tau", None)]
            values += [c.solver, c.eval_points]
        for e in network.all_ensembles:
            values += [e.gain, e.bias, e.radius, e.encoders, e.normalize_encoders]
            values += [e.eval_points, e.n_eval_points]
        for node in network.all_nodes:
            values += [node.size_in, node.size_out, node.output is None]
        values += [p.synapse for p in network.all_probes]
    return values


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_configurations_that_would_ruin_a_network_stay_outside(name):
    kind, parameter, value = CONFIGURATIONS[name]
    expected = parts_of_networks()
    with nengo.Network() as network:
        setattr(network.config[kind], parameter, value)
        found = parts_of_networks()
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected):
        np.testing.assert_equal(repr(ours), repr(theirs))


def test_no_node_stands_alone():
    """Every node of a memory is a part of what it does."""
    with nengo.Network() as network:
        memory = make(size_in=2)
    used = {c.pre_obj for c in network.all_connections}
    used |= {c.post_obj for c in network.all_connections}
    assert set(memory.all_nodes) <= used
    assert all(node.output is None for node in memory.all_nodes)


# Composition


def test_nests_in_other_networks_and_is_copied():
    with nengo.Network(seed=0) as outer:
        stimulus = nengo.Node(nengo.processes.PresentInput(U[:, None], DT))
        with nengo.Network(), nengo.Network() as inner:
            memory = make(neuron_type=nengo.Direct())
        nengo.Connection(stimulus, memory.input, synapse=None)
        probes = [nengo.Probe(memory.output, synapse=None)]
    assert inner.networks == [memory]
    (m,) = run(outer, *probes)
    np.testing.assert_allclose(m, IDEAL, atol=1e-10)
    copy = outer.copy()
    (again,) = run(copy, *copy.probes)
    np.testing.assert_array_equal(again, m)


def test_a_copy_knows_its_own_neurons():
    network, _ = fed(order=2)
    copy = network.copy()
    (memory,) = copy.networks
    with nengo.Simulator(copy, progress_bar=False) as sim:
        assert len(memory.populations(sim.data)) == 2
        assert memory.predict_rmse(sim.data) > 0


def test_any_ensemble_can_be_probed():
    network, memory = fed()
    with network:
        probes = [nengo.Probe(e) for e in memory.ensembles]
        probes += [nengo.Probe(e.neurons) for e in memory.ensembles]
    data = run(network, *probes, n_steps=50)
    sizes = [e.n_neurons for e in memory.ensembles]
    assert [d.shape[1] for d in data] == [1] * ORDER + sizes


def test_synapse_as_a_nengo_object():
    memory = make(synapse=nengo.Lowpass(0.05))
    assert memory.synapse == nengo.Lowpass(0.05)
    assert memory.realization.tau == 0.05


@pytest.mark.parametrize("dt", [0.0005, 0.00101, 0.002])
def test_other_time_steps_are_refused_at_build_time(dt):
    network, _ = fed()
    with pytest.raises(ValidationError, match=r"dt: must be 0.001.*but is 0.00"):
        nengo.Simulator(network, dt=dt, progress_bar=False)


def test_other_time_steps_can_be_asked_for():
    u, dt = U[::2], 2 * DT
    with nengo.Network() as network:
        stimulus = nengo.Node(nengo.processes.PresentInput(u[:, None], dt))
        memory = make(dt=dt, neuron_type=nengo.Direct())
        nengo.Connection(stimulus, memory.input, synapse=None)
    (m,) = run(network, probe(network, memory.output), n_steps=len(u), dt=dt)
    expected = simulate(*discretize(*state_space(THETA, ORDER), dt), u)
    np.testing.assert_allclose(m, expected, atol=1e-10)


def test_size_grows_with_order_and_not_with_its_square():
    """O(d) connections of one decoder each, and one dense recurrent transform."""

    def decoders(order):
        memory = make(order=order, n_neurons=10)
        memory.add_readout([0.1, 0.2])
        connections = memory.all_connections
        decoded = [c for c in connections if isinstance(c.pre_obj, nengo.Ensemble)]
        assert [c.size_out for c in decoded] == [1] * order
        dense = [c for c in connections if c.synapse is not None and c.size_in > 1]
        assert [c.transform.init.shape for c in dense] == [(order, order)]
        model = nengo.builder.Model()
        model.build(memory)
        return len(connections), len(model.operators)

    counts = np.array([decoders(order) for order in (4, 8, 16)])
    np.testing.assert_array_equal(counts[2] - counts[1], 2 * (counts[1] - counts[0]))


def test_size_grows_with_inputs_and_not_with_their_square():
    def weights(size_in):
        memory = make(order=3, size_in=size_in)
        memory.add_readout([0.1, 0.2])
        return sum(
            np.size(c.transform.init)
            for c in memory.all_connections
            if isinstance(c.transform, nengo.Dense)
        )

    assert weights(8) == 2 * weights(4)
