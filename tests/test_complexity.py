"""NeuroBench's measures, against counts by hand; `make peers` has NeuroBench itself."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.hardware.processors import count_factors
from spiking_lmu.networks import (
    LMU,
    LegendreMemory,
    LSTMLayer,
    SequenceNetwork,
    complexity_of_layers,
    measure_complexity,
)


class Scripted(nengo.neurons.NeuronType):
    """Neurons that do what their currents say: J spikes in a step."""

    spiking = True
    negative = False

    def gain_bias(self, max_rates, intercepts):
        return np.ones(len(max_rates)), np.zeros(len(max_rates))

    def max_rates_intercepts(self, gain, bias):
        return gain, bias

    def rates(self, x, gain, bias):
        return np.maximum(self.current(x, gain, bias), 0)

    def step(self, dt, J, output):
        output[:] = np.round(J) / dt


def test_a_layer_by_hand():
    """The example of NeuroBench's page on synaptic operations."""
    weights = np.array([[1.3, 0, -3.2], [0, 1.2, -5.1], [-1.1, 2.7, 0]])
    found = complexity_of_layers([(weights, [[[0, 1.3, -1]]])], [[0, 1, 2, 0]], [0.0])
    assert (found.dense, found.effective_macs, found.effective_acs) == (9, 4, 0)
    assert found.connection_sparsity == 3 / 9
    assert found.activation_sparsity == 0.5
    assert found.footprint == 10 * 8
    spikes = complexity_of_layers([(weights, [[[0, 1, -1]]])])
    assert (spikes.effective_macs, spikes.effective_acs) == (0, 4)


def test_each_step_of_each_sample_adds_or_multiplies():
    inputs = np.zeros((2, 2, 2), np.float32)
    inputs[0, 0] = [1, 0.5]  # multiplies: 2 inputs
    inputs[0, 1] = [0, 1]  # adds: 1
    inputs[1, 1] = [-1, 1]  # adds: 2
    found = complexity_of_layers([(np.ones((3, 2), np.float32), inputs)])
    assert found.effective_macs == 3 * 2 / 4
    assert found.effective_acs == 3 * 3 / 4
    assert found.results == {
        "Footprint": 24,
        "ConnectionSparsity": 0.0,
        "ActivationSparsity": 0.0,
        "SynapticOperations": {
            "Effective_MACs": 3.0,
            "Effective_ACs": 4.5,
            "Dense": 12.0,
        },
    }


@pytest.mark.parametrize(
    "layers, match",
    [
        ([], "layers"),
        ([(np.ones((2, 3)), np.ones((1, 4, 2)))], "inputs.*n_steps, 3"),
        ([(np.ones(3), np.ones((1, 4, 3)))], "weights"),
        (["a layer of Keras"], "layers.*pairs .weights, inputs. or LSTMLayer"),
        (
            [(np.ones((1, 1)), np.ones((1, 4, 1))), (np.ones((1, 1)), [[[1]]])],
            "layers",
        ),
    ],
)
def test_layers_that_do_not_fit(layers, match):
    with pytest.raises(ValidationError, match=match):
        complexity_of_layers(layers)


def test_an_lstm_by_its_sizes():
    """Operations of all weights, and three products for each unit."""
    n, size_in, steps = 4, 3, 10
    rng = np.random.default_rng(0)
    shapes = {"W_x": (4 * n, size_in), "W_h": (4 * n, n), "bias": 4 * n}
    arrays = {k: rng.normal(size=s).astype(np.float32) for k, s in shapes.items()}
    layer = LSTMLayer(**arrays, inputs=rng.normal(size=(2, steps, size_in)))
    found = complexity_of_layers([layer])
    assert found.dense == 4 * n * (size_in + n) + 3 * n
    assert found.footprint == 4 * (4 * n * (size_in + n + 1) + 2 * n)
    # in the first step, outputs and cells of the step before are zero
    assert found.effective_macs == found.dense - (4 * n * n + n) / steps
    assert found.effective_acs == found.connection_sparsity == 0
    assert found.activation_sparsity == 0
    # a step of the first sample without input, and a unit that receives nothing
    layer.inputs[0, 3] = 0
    some = {k: w.copy() for k, w in arrays.items()}
    for w in some.values():
        w[0::n] = 0
    quiet = LSTMLayer(**some, inputs=layer.inputs)
    assert not quiet.outputs[..., 0].any() and quiet.outputs[..., 1:].all()
    found = complexity_of_layers([quiet])
    rows, others = 4 * (n - 1), n - 1
    assert found.connection_sparsity == 1 / n
    assert found.activation_sparsity == 1 / n
    # the step that receives zeros adds, as in NeuroBench's package
    adds = rows * others + 3 * others
    assert found.effective_acs == adds / (2 * steps)
    macs = (rows * (size_in + others) + 3 * others) * (2 * steps - 1)
    assert found.effective_macs == (macs - 2 * (rows * others + others)) / (2 * steps)


@pytest.mark.parametrize(
    "name, shape",
    [
        ("W_h", (8, 3)),
        ("W_x", (7, 3)),
        ("W_x", (8, 2)),
        ("bias", 7),
        ("inputs", (5, 3)),
    ],
)
def test_an_lstm_whose_arrays_do_not_fit(name, shape):
    shapes = {"W_x": (8, 3), "W_h": (8, 2), "bias": 8, "inputs": (1, 5, 3)}
    arrays = {k: np.ones(s) for k, s in {**shapes, name: shape}.items()}
    with pytest.raises(ValidationError, match=name):
        LSTMLayer(**arrays)


@pytest.fixture(scope="module")
def scripted():
    """Three neurons driven one to one, and a population of two that hears of them."""
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node(np.zeros(3))
        pre = nengo.Ensemble(
            3, 1, neuron_type=Scripted(), gain=np.ones(3), bias=np.zeros(3)
        )
        middle = nengo.Node(size_in=2)
        post = nengo.Ensemble(
            2,
            2,
            neuron_type=Scripted(),
            gain=np.ones(2),
            bias=np.zeros(2),
            encoders=[[1, 0], [0, 1]],
            normalize_encoders=False,
        )
        nengo.Connection(stimulus, pre.neurons, synapse=None)
        weights = np.array([[1, 0, 1], [0, 2, 0]])
        nengo.Connection(pre.neurons, middle, transform=weights, synapse=0.01)
        nengo.Connection(middle, post, transform=[[1, 0], [1, 1]], synapse=None)
    x = np.zeros((2, 4, 3))
    x[0, :3] = [[1, 0, 0], [0, 1, 1], [2, 1, 0]]
    x[1, 3] = [0, 0, 1]
    return network, stimulus, measure_complexity(network, {stimulus: x})


def test_factors_by_hand(scripted):
    found = scripted[-1].factors
    # transforms 2 x 3 and 2 x 2, encoders 2 x 2
    assert found.dense == 6 + 4 + 4
    assert found.connection_sparsity == (3 + 1 + 2) / 14
    # five biases, and the filter of two numbers
    assert found.footprint == 4 * (14 + 5 + 2)
    # spikes of neurons 0; 1 and 2; 2; the step with two spikes of one neuron multiplies
    assert found.effective_acs == (1 + 2 + 1) / 8
    # the filter passes on 0 in the first step, [1, 0] in the second, and two numbers in
    # the third and fourth: transform 2, 3, 3, encoders (both rows) 2, 2, 2
    values = (2 + 3 + 3) + (2 + 2 + 2)
    assert found.effective_macs == (2 + values) / 8


def test_multiplied_out_by_hand(scripted):
    found = scripted[-1].weights
    # encoders, transform and transform: [[1, 0, 1], [1, 2, 1]]
    assert found.dense == 6
    assert found.connection_sparsity == 1 / 6
    assert found.footprint == 4 * (6 + 5 + 2)
    assert found.effective_acs == (2 + 1 + 2 + 2) / 8
    assert found.effective_macs == (2 + 1) / 8


def test_activations_by_hand(scripted):
    """Six outputs of the first population are not zero, and the second's after that."""
    for form in (scripted[-1].factors, scripted[-1].weights):
        assert form.activation_sparsity == 1 - (6 + 3 * 2) / (2 * 4 * 5)


@pytest.mark.parametrize("size_in", [1, 2])
def test_a_memory_by_its_sizes(size_in):
    order, n = 3, 10
    total = size_in * order * n
    with nengo.Network(seed=1) as network:
        stimulus = nengo.Node(np.zeros(size_in))
        memory = LegendreMemory(0.5, order, n, size_in=size_in, neuron_type=nengo.LIF())
        nengo.Connection(stimulus, memory.input, synapse=None)
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 1, (2, 60, size_in))
    found = measure_complexity(network, {stimulus: x})
    # the recurrent transform and that to Legendre coordinates, and the input
    systems = size_in * (2 * order**2 + order)
    assert found.factors.dense == count_factors(network) == 2 * total + systems
    states = 2 * total + size_in * 2 * order  # of neurons, and of both synapses
    assert found.factors.footprint == 4 * (2 * total + systems + total + states)
    one = order * n  # neurons of the memory of one input
    products = size_in * (one * one + one + order * one + order)
    assert found.weights.dense == products
    filters = 2 * total + 2 * size_in * order  # two synapses into neurons and output
    assert found.weights.footprint == 4 * (products + total + 2 * total + filters)
    # a neuron is decoded once, and reaches all neurons and the whole output
    spikes = found.factors.effective_acs
    assert spikes > 0
    assert found.weights.effective_acs == pytest.approx(spikes * (one + order))
    assert found.factors.activation_sparsity == pytest.approx(1 - spikes / total)


def test_an_exact_network():
    units, order, size_in, size_out = 5, 4, 2, 3
    network = SequenceNetwork(size_in, size_out, order, 20, units, seed=0)
    x = np.random.default_rng(0).uniform(0.1, 1, (3, 20, size_in))
    found = measure_complexity(network, x)
    state = size_in * order
    own = size_in * (order**2 + order)  # of the memory
    rest = units * (state + size_in) + size_out * units
    assert found.factors.dense == own + rest + size_in**2  # e_x is a matrix, 1
    assert found.factors.footprint == 4 * (own + rest + size_in**2 + units + state)
    assert found.factors.effective_acs == 0
    # a loop of nodes holds the state, and remains; both inputs and both memories are
    # one layer, half of which is zero
    zeros = size_in * (size_in - 1) * order
    assert found.weights.dense == own + rest + zeros
    assert found.weights.connection_sparsity == zeros / found.weights.dense
    sparsity = found.factors.activation_sparsity
    assert 0 < sparsity < 1
    # in each step Nengo multiplies the new state for the step after
    hidden = units * (state + size_in) + size_out * units * (1 - sparsity)
    assert found.weights.effective_macs == pytest.approx(own + hidden)


def test_items_are_shown_as_often_as_the_network_says():
    network = SequenceNetwork(1, 2, 2, 5, 3, presentation=4, seed=0)
    found = measure_complexity(network, np.ones((1, 5, 1)))
    assert found.factors.steps == 20


def test_a_unit_with_recurrent_hidden_units():
    units, order = 4, 3
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node([0.5])
        unit = LMU(units, order, theta=0.1)
        nengo.Connection(stimulus, unit.input, synapse=None)
    found = measure_complexity(network, 10)
    encoders = 1 + units + order
    kernels = units * (1 + units + order)
    assert found.factors.dense == order**2 + order + encoders + kernels
    # e_m is zero, which counts as factors, and is nothing multiplied out
    assert found.factors.connection_sparsity == order / found.factors.dense
    assert found.weights.dense == order * (order + 1 + units) + kernels


def test_a_loop_keeps_its_smallest_node():
    """The memory of a unit with neurons: u remains beside the neurons' weights."""
    units, order, n = 4, 3, 10
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node([0.5])
        e_m = [[0.1, 0.2, 0.3]]
        unit = LMU(units, order, 0.1, e_m=e_m, memory_args={"n_neurons": n})
        nengo.Connection(stimulus, unit.input, synapse=None)
    found = measure_complexity(network, 10)
    total = order * n
    # u also comes through the memory's synapse, and to the hidden units at once
    into_u = 1 + units + total + 1
    into_hidden = units * (1 + units + total + 2)
    assert found.weights.dense == total * (total + 1) + into_u + into_hidden


def test_one_seed_gives_the_same_counts_in_any_batch(monkeypatch):
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node([0.0])
        nengo.Connection(stimulus, nengo.Ensemble(20, 1), synapse=None)
    x = np.random.default_rng(0).normal(size=(3, 30, 1))
    at_once = measure_complexity(network, {stimulus: x})
    monkeypatch.setattr("spiking_lmu.networks.measured_complexity.AT_ONCE", 2)
    monkeypatch.setattr("spiking_lmu.networks.measured_complexity.MOST_VALUES", 200)
    assert measure_complexity(network, {stimulus: x}) == at_once


def test_full_weights_functions_and_sparse_transforms():
    solver = nengo.solvers.LstsqL2(weights=True)
    sparse = nengo.Sparse((3, 2), indices=[[0, 0], [2, 1]], init=[1.0, 2.0])
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node([0.5, 0.5])
        a, b = nengo.Ensemble(10, 2), nengo.Ensemble(7, 1)
        squares = nengo.Node(size_in=3)
        nengo.Connection(stimulus, a, synapse=None)
        nengo.Connection(a[0], b, solver=solver)
        nengo.Connection(
            stimulus, squares, function=np.square, transform=sparse, synapse=None
        )
    found = measure_complexity(network, 5)
    assert found.factors.dense == 10 * 2 + 7 * 10 + 3 * 2
    assert found.weights.dense == 10 * 2 + 7 * 10 + 2 * 2  # a row that is zero goes
    assert found.factors.connection_sparsity == 4 / 96
    assert found.factors.effective_macs == 10 * 2 + 2


def test_tables():
    network = SequenceNetwork(1, 2, 2, 5, 3, seed=0)
    found = measure_complexity(network, np.ones((1, 5, 1)))
    lines = str(found).splitlines()
    assert lines[0].split() == ["factors", "weights"]
    assert len({len(line) for line in lines}) == 1
    assert f"{found.factors.footprint:,}" in str(found.factors)
    assert "operations" in repr(found.factors) and "factors" in repr(found)


@pytest.mark.parametrize(
    "inputs, match",
    [
        (0, "inputs"),
        (np.ones((1, 5, 2)), "inputs"),
        ({}, "inputs"),
        ("samples", "inputs"),
    ],
)
def test_inputs_that_do_not_fit(inputs, match):
    with pytest.raises(ValidationError, match=match):
        measure_complexity(SequenceNetwork(1, 2, 2, 5, 3), inputs)


def test_refusals():
    with pytest.raises(ValidationError, match="network"):
        measure_complexity("network", 5)
    with nengo.Network() as network:
        image = nengo.Node(np.zeros(16))
        out = nengo.Node(size_in=8)
        convolution = nengo.Convolution(2, (4, 4, 1), kernel_size=(3, 3))
        nengo.Connection(image, out, transform=convolution)
    with pytest.raises(ValidationError, match="convolution"):
        measure_complexity(network, 5)
    with nengo.Network() as network:
        nengo.Ensemble(5, 1)
    with pytest.raises(ValidationError, match="bytes_per_number"):
        measure_complexity(network, 5, bytes_per_number=0)
