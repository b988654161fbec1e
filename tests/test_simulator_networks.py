"""Processes, synapses, learning rules and transforms give the numbers of Nengo.

What is compared: Nengo's simulator, ours, and ours with three networks side by side,
each with data and random numbers of its own.
"""

import nengo
import numpy as np
import pytest
from nengo.builder.operator import (
    BsrDotInc,
)
from nengo.processes import (
    BrownNoise,
    FilteredNoise,
    Piecewise,
    PresentInput,
    WhiteNoise,
    WhiteSignal,
)

from simulator_cases import LANES, SEED, assert_close
from spiking_lmu import Simulator
from spiking_lmu.simulator.program import lane_seed
from spiking_lmu.simulators import presented


def assert_same_probes(network, stimulus=None, n_steps=30, compiled=True):
    """Compare all probes of a network, whose stimulus is PresentInput."""
    rng = np.random.RandomState(1)
    shape = (LANES, n_steps, 1 if stimulus is None else stimulus.size_out)
    values = rng.uniform(-1, 1, shape)
    found, side_by_side = {}, {}
    kwargs = {"progress_bar": False, "seed": SEED}
    data = None if stimulus is None else {stimulus: values}
    with Simulator(network, minibatch_size=LANES, **kwargs) as sim:
        sim.run_steps(n_steps, data=data)
        side_by_side = {p: sim.data[p] for p in network.probes}
    data = None if stimulus is None else {stimulus: values[0]}
    with Simulator(network, **kwargs) as sim:
        sim.run_steps(n_steps, data=data)
        found = {p: sim.data[p] for p in network.probes}
        assert (not sim.fallbacks) == compiled, [str(f) for f in sim.fallbacks]
    for lane in range(LANES):
        kwargs["seed"] = lane_seed(SEED, lane)
        if stimulus is None:
            reference = nengo.Simulator(network, optimize=False, **kwargs)
        else:
            with presented(stimulus, values[lane], 0.001):
                reference = nengo.Simulator(network, optimize=False, **kwargs)
        with reference:
            reference.run_steps(n_steps)
        for probe in network.probes:
            expected = reference.data[probe]
            assert np.any(expected != expected[0])  # something happens
            assert_close(side_by_side[probe][lane], expected)
            if lane == 0:
                assert_close(found[probe], expected)


def stimulus(size):
    return nengo.Node(PresentInput(np.zeros((2, size)), 0.001))


@pytest.mark.parametrize(
    "process",
    [
        WhiteSignal(0.02, high=200),
        WhiteSignal(0.5, high=20, y0=0),
        WhiteNoise(),
        WhiteNoise(nengo.dists.Uniform(-1, 2), scale=False),
        WhiteNoise(nengo.dists.Exponential(1.5)),
        WhiteNoise(seed=8),
        FilteredNoise(nengo.Alpha(0.01)),
        FilteredNoise(nengo.Lowpass(0.01), scale=False),
        BrownNoise(),
        PresentInput([[0.5, 1.0], [-0.5, 0.2], [0.1, 0.0]], 0.0035),
        Piecewise({0.0035: [1.0, 2.0], 0.01: [0.0, -1.0], 0.02: [3.0, 4.0]}),
    ],
    ids=str,
)
def test_processes(process):
    with nengo.Network(seed=0) as network:
        node = nengo.Node(process, size_out=2)
        nengo.Probe(node)
    assert_same_probes(network)


@pytest.mark.parametrize(
    "process, reason",
    [
        (FilteredNoise(nengo.synapses.Triangle(0.005)), "a Triangle"),
        (Piecewise({0.01: lambda t: [t, 1]}), "a Piecewise with functions"),
        (Piecewise({0: [0, 1], 0.1: [2, 5]}, interpolation="linear"), "interpolation"),
    ],
    ids=["synapse", "functions", "interpolation"],
)
def test_processes_in_python(process, reason):
    with nengo.Network(seed=0) as network:
        nengo.Probe(nengo.Node(process, size_out=2))
    assert_same_probes(network, compiled=False)
    with Simulator(network, progress_bar=False) as sim:
        assert reason in sim.fallbacks[0].reason


@pytest.mark.parametrize("noise", [WhiteNoise(), FilteredNoise(nengo.Lowpass(0.01))])
def test_noise_of_an_ensemble_is_added(noise):
    with nengo.Network(seed=0) as network:
        node = stimulus(2)
        ensemble = nengo.Ensemble(10, 2, neuron_type=nengo.Tanh(), noise=noise)
        nengo.Connection(node, ensemble, synapse=None)
        nengo.Probe(ensemble.neurons, "input")
        nengo.Probe(ensemble.neurons)
    assert_same_probes(network, node)


@pytest.mark.parametrize(
    "synapse",
    [
        nengo.Lowpass(0.005),
        nengo.Lowpass(0),
        nengo.Alpha(0.005),
        nengo.LinearFilter([1], [0.0002, 0.02, 1]),
        nengo.LinearFilter([0.01, 1], [0.003, 1]),  # the input passes through
        nengo.LinearFilter([0.003, 0.1, 1], [0.0002, 0.03, 1]),
        nengo.LinearFilter([1, 0.5], [1, -0.5, 0.2], analog=False),
        nengo.LinearFilter([3], [1]),
        nengo.synapses.Triangle(0.004),
        nengo.synapses.Triangle(0),
    ],
    ids=str,
)
def test_synapses(synapse):
    with nengo.Network(seed=0) as network:
        node = stimulus(3)
        output = nengo.Node(size_in=2)
        nengo.Connection(node[::2], output, synapse=synapse)
        nengo.Probe(output)
        nengo.Probe(node, synapse=synapse)
    assert_same_probes(network, node)


@pytest.mark.parametrize("every", [0.001, 0.003, 0.0025, 0.0004, 0.007])
def test_samples(every):
    with nengo.Network(seed=0) as network:
        node = stimulus(2)
        nengo.Probe(node, sample_every=every)
    assert_same_probes(network, node)


def learning(rule, pre="decoded", post="decoded"):
    """A network that learns between two populations, and its stimulus."""
    with nengo.Network(seed=0) as network:
        network.config[nengo.Ensemble].neuron_type = nengo.RectifiedLinear()
        node = stimulus(2)
        first, second = nengo.Ensemble(12, 2), nengo.Ensemble(9, 2)
        nengo.Connection(node, first, synapse=None)
        if pre == "neurons":
            weights = np.random.RandomState(2).uniform(-0.002, 0.002, (9, 12))
            connection = nengo.Connection(
                first.neurons, second.neurons, transform=weights
            )
        else:
            solver = nengo.solvers.LstsqL2(weights=post == "neurons")
            connection = nengo.Connection(first, second, solver=solver)
        connection.learning_rule_type = rule
        nengo.Probe(second.neurons, sample_every=0.002)
        if isinstance(rule, nengo.Voja):
            nengo.Probe(connection.learning_rule, "scaled_encoders")
        else:
            nengo.Probe(connection, "weights")
        if isinstance(rule, nengo.PES | nengo.RLS):
            nengo.Connection(node, connection.learning_rule, synapse=None)
        if isinstance(rule, nengo.Voja):
            nengo.Connection(node[0], connection.learning_rule, synapse=None)
    return network, node


@pytest.mark.parametrize(
    "rule, kwargs",
    [
        (nengo.PES(1e-3), {}),
        (nengo.PES(1e-3, pre_synapse=None), {}),
        (nengo.PES(1e-3), {"post": "neurons"}),
        (nengo.RLS(1e-2), {}),
        (nengo.Voja(1e-2), {}),
        (nengo.Voja(1e-2, post_synapse=None), {}),
        (nengo.BCM(1e-9), {"post": "neurons"}),
        (nengo.BCM(1e-9, theta_synapse=0.01), {"pre": "neurons"}),
        (nengo.Oja(1e-6), {"post": "neurons"}),
        (nengo.Oja(1e-6, beta=0.3), {"pre": "neurons"}),
    ],
    ids=str,
)
def test_learning_rules(rule, kwargs):
    assert_same_probes(*learning(rule, **kwargs))


def test_learning_of_one_error_on_neurons():
    """PES multiplies the error by some columns of the encoders."""
    with nengo.Network(seed=0) as network:
        node = stimulus(1)
        first = nengo.Ensemble(12, 1, neuron_type=nengo.RectifiedLinear())
        second = nengo.Ensemble(9, 3, neuron_type=nengo.RectifiedLinear())
        nengo.Connection(node, first, synapse=None)
        solver = nengo.solvers.LstsqL2(weights=True)
        connection = nengo.Connection(
            first, second[1], solver=solver, learning_rule_type=nengo.PES(1e-3)
        )
        nengo.Connection(node, connection.learning_rule, synapse=None)
        nengo.Probe(connection, "weights")
    assert_same_probes(network, node)


def test_several_rules_on_one_connection():
    network, node = learning([nengo.PES(1e-3), nengo.PES(1e-4)])
    with network:
        for rule in network.connections[1].learning_rule:
            nengo.Connection(node, rule, synapse=0.002)
    assert_same_probes(network, node)


IMAGES = [
    {"input_shape": (6, 7, 4), "kernel_size": (3, 2), "strides": (1, 1)},
    {"input_shape": (7, 5, 4), "kernel_size": (2, 3), "strides": (2, 3)},
    {"input_shape": (9, 4), "kernel_size": (4,), "strides": (2,)},
]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("transform", [nengo.Convolution, nengo.ConvolutionTranspose])
@pytest.mark.parametrize("image", IMAGES, ids=str)
def test_convolutions(image, transform, channels_last, padding):
    shape = image["input_shape"]
    shape = shape if channels_last else (shape[-1], *shape[:-1])
    kwargs = {**image, "channels_last": channels_last, "padding": padding}
    kwargs["input_shape"] = shape
    transforms = [transform(6, **kwargs)]
    if transform is nengo.Convolution:
        transforms += [transform(6, groups=groups, **kwargs) for groups in (2,)]
    with nengo.Network(seed=0) as network:
        node = stimulus(int(np.prod(shape)))
        for conv in transforms:
            output = nengo.Node(size_in=conv.size_out)
            nengo.Connection(node, output, transform=conv, synapse=None)
            nengo.Probe(output)
    assert_same_probes(network, node, n_steps=3)


def test_convolutions_of_spikes():
    """Inputs that are zero are left out."""
    with nengo.Network(seed=0) as network:
        node = nengo.Node(PresentInput(np.eye(25)[:21:4] - np.eye(25)[1:22:4], 0.001))
        conv = nengo.Convolution(3, (5, 5, 1), padding="same")
        output = nengo.Node(size_in=conv.size_out)
        nengo.Connection(node, output, transform=conv, synapse=0.003)
        nengo.Probe(output)
    assert_same_probes(network, n_steps=8)


def test_convolutions_in_three_dimensions_are_refused_as_by_nengo():
    with nengo.Network() as network:
        conv = nengo.Convolution(1, (3, 3, 3, 1), (2, 2, 2), (1, 1, 1))
        node, output = nengo.Node(np.zeros(27)), nengo.Node(size_in=conv.size_out)
        nengo.Connection(node, output, transform=conv)
    for simulator in (nengo.Simulator, Simulator):
        with pytest.raises(NotImplementedError, match="Convolution > 2D"):
            simulator(network, progress_bar=False)


def test_operators_that_the_optimizer_has_merged():
    with nengo.Network(seed=0) as network:
        node = nengo.Node(WhiteSignal(0.5, high=20), size_out=2)
        for seed in range(3):
            ensemble = nengo.Ensemble(10, 1, seed=seed, neuron_type=nengo.Sigmoid())
            nengo.Connection(node[seed % 2], ensemble, synapse=0.01)
            nengo.Probe(ensemble, synapse=nengo.Alpha(0.003))
            nengo.Probe(ensemble.neurons, sample_every=0.003)
    with nengo.Simulator(network, progress_bar=False, seed=SEED) as reference:
        reference.run_steps(30)
    assert any(type(o) is BsrDotInc for o in reference.model.operators)
    expected = {probe: reference.data[probe] for probe in network.probes}
    with Simulator(None, model=reference.model, progress_bar=False, seed=SEED) as sim:
        sim.run_steps(30)
        assert not [f for f in sim.fallbacks if "SimNeurons" not in f.reason]
        for probe in network.probes:
            assert_close(sim.data[probe], expected[probe])


def test_fallbacks_name_the_function():
    def my_function(t):
        return t

    with nengo.Network() as network:
        node = nengo.Node(my_function)
        output = nengo.Node(size_in=1)
        nengo.Connection(node, output, function=lambda x: x**2)
    with Simulator(network, progress_bar=False) as sim:
        reasons = {f.reason for f in sim.fallbacks}
    expected = {"a Python function (my_function)", "a Python function (<lambda>)"}
    assert reasons == expected
