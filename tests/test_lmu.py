"""The whole unit: its equations, step by step, and how it composes."""

import nengo
import numpy as np
import pytest
from nengo.dists import Uniform
from nengo.exceptions import ValidationError

from spiking_lmu.compatibility import require
from spiking_lmu.legendre import sampled_readout
from spiking_lmu.metrics import rmse
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import poisson
from spiking_lmu.signals import white_noise
from unit_cases import (
    ARGS,
    DT,
    ORDER,
    PATHS,
    SIZE_IN,
    STEPS,
    THETA,
    UNITS,
    X,
    assert_equal,
    fed,
    make,
    random_weights,
    run,
    shapes,
    unit_of_the_paper,
)

# The equations


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("memory_d", [1, 2])
def test_equals_the_equations_in_every_step(memory_d, optimize):
    weights = random_weights(memory_d=memory_d)
    network, _ = fed(memory_d=memory_d, **weights)
    expected = unit_of_the_paper(X, weights)
    assert_equal(run(network, optimize=optimize), expected)


@pytest.mark.parametrize("memory_d", [1, 2])
def test_equals_the_equations_on_nengo_dl(memory_d):
    nengo_dl = require("nengo_dl")
    weights = random_weights(memory_d=memory_d)
    network, _ = fed(memory_d=memory_d, **weights)
    expected = unit_of_the_paper(X, weights)
    ours = run(network, simulator=nengo_dl.Simulator)
    assert_equal(ours, expected, atol=1e-5)


def test_equals_keras_lmu():
    keras_lmu = pytest.importorskip("keras_lmu")
    tf = require("tensorflow")
    memory_d = 2
    weights = random_weights(memory_d=memory_d)
    hidden = tf.keras.layers.SimpleRNNCell(UNITS, use_bias=False, dtype="float64")
    cell = keras_lmu.LMUCell(
        memory_d,
        ORDER,
        THETA / DT,
        hidden,
        hidden_to_memory=True,
        memory_to_memory=True,
        input_to_hidden=True,
        dtype="float64",
    )
    layer = tf.keras.layers.RNN(cell, return_sequences=True, dtype="float64")
    layer.build((1, STEPS, SIZE_IN))
    cell.kernel.assign(np.hstack([weights["e_x"], weights["e_h"]]).T)
    cell.recurrent_kernel.assign(weights["e_m"].T)
    hidden.kernel.assign(np.hstack([weights["W_m"], weights["W_x"]]).T)
    hidden.recurrent_kernel.assign(weights["W_h"].T)
    theirs = layer(X[None]).numpy()[0]
    network, _ = fed(memory_d=memory_d, **weights)
    assert_equal(run(network)[2:], [theirs], atol=1e-5)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_may_be_left_out(path):
    weights = random_weights()
    without = {**weights, path: np.zeros_like(weights[path])}
    network, lmu = fed(**{**weights, path: None})
    assert set(lmu.weights) == set(PATHS) - {path}
    expected = unit_of_the_paper(X, without)
    assert_equal(run(network), expected)
    assert rmse(expected[2], unit_of_the_paper(X, weights)[2]) > 0.01


def test_units_stack_without_delay():
    first, second = random_weights(1), random_weights(2, size_in=UNITS, units=4)
    network, lmu = fed(**first)
    with network:
        upper = make(units=4, size_in=UNITS, **second)
        nengo.Connection(lmu.output, upper.input, synapse=None)
        probe = nengo.Probe(upper.output)
    (h,) = run(network, [probe])
    between = unit_of_the_paper(X, first)[2]
    assert_equal([h], unit_of_the_paper(between, second)[2:])


def test_arrays_for_one_memory_may_be_vectors():
    weights = random_weights()
    vectors = {name: w[0] if name[0] == "e" else w for name, w in weights.items()}
    network, lmu = fed(**vectors)
    assert_equal(run(network), unit_of_the_paper(X, weights))
    assert (lmu.memory.input.size_in, lmu.state.size_out) == (1, ORDER)


def test_with_the_kernel_of_a_window_it_is_a_delay():
    """What the memory is for: the hidden units read the input as it was."""
    u = white_noise(1.0, DT, 0.5 / THETA, 0.1, seed=0)
    network, _ = fed(
        u[:, None],
        units=1,
        e_x=[1.0],
        e_h=None,
        e_m=None,
        W_x=None,
        W_h=None,
        W_m=sampled_readout(THETA, ORDER, DT, [0.5 * THETA], newest=0),
    )
    h = run(network)[2][:, 0]
    shift = round(0.5 * THETA / DT)
    late = slice(round(2 * THETA / DT), None)
    expected = np.tanh(np.concatenate([np.zeros(shift), u[:-shift]]))
    assert rmse(h[late], expected[late]) < 0.01 * np.std(expected)


# Weights


def drawn(seed=0, **kwargs):
    network, lmu = fed(seed=seed, **kwargs)
    with nengo.Simulator(network, progress_bar=False) as sim:
        return {name: np.array(sim.data[c].weights) for name, c in lmu.weights.items()}


def test_default_weights_are_those_of_the_paper():
    sizes = {"units": 100, "order": 80, "size_in": 60, "memory_d": 30}
    x = np.zeros((1, sizes["size_in"]))
    weights = drawn(x=x, **{k: v for k, v in sizes.items() if k != "size_in"})
    assert {name: w.shape for name, w in weights.items()} == shapes(**sizes)
    for name in ("e_x", "e_h"):
        limit = np.sqrt(3 / weights[name].shape[1])
        assert 0.95 * limit < np.abs(weights[name]).max() <= limit
        assert weights[name].std() == pytest.approx(limit / np.sqrt(3), rel=0.05)
    np.testing.assert_array_equal(weights["e_m"], 0)
    for name in ("W_x", "W_h", "W_m"):
        deviation = np.sqrt(2 / sum(weights[name].shape))
        assert weights[name].std() == pytest.approx(deviation, rel=0.05)
        assert np.abs(weights[name]).max() > 3 * deviation


def test_weights_from_distributions_and_names():
    weights = drawn(e_x=Uniform(2, 3), W_x="zeros", e_m="xavier_normal")
    assert np.all((weights["e_x"] >= 2) & (weights["e_x"] <= 3))
    np.testing.assert_array_equal(weights["W_x"], 0)
    assert np.all(weights["e_m"] != 0)


def test_weights_from_distributions_of_nengo_dl():
    dists = require("nengo_dl").dists
    weights = drawn(W_m=dists.Glorot(distribution="normal"), e_x=dists.He())
    assert weights["W_m"].std() < 3 * np.sqrt(2 / (UNITS + ORDER))
    assert np.abs(weights["e_x"]).max() <= np.sqrt(6 / SIZE_IN)


def test_seeds_decide():
    def all_of(**kwargs):
        return np.concatenate([w.ravel() for w in drawn(**kwargs).values()])

    first = all_of(seed=1)
    np.testing.assert_array_equal(all_of(seed=1), first)
    assert np.any(all_of(seed=2) != first)


def test_own_seed_fixes_the_weights():
    def weights(seed, own):
        with nengo.Network(seed=seed):
            lmu = make(seed=own)
        with nengo.Simulator(lmu, progress_bar=False) as sim:
            return sim.data[lmu.weights["W_h"]].weights

    np.testing.assert_array_equal(weights(1, 5), weights(2, 5))
    assert np.any(weights(1, 5) != weights(1, 6))


def test_training_changes_the_weights_and_nothing_else():
    """With all settings of NengoDL as they come, on several minibatches."""
    nengo_dl = require("nengo_dl")
    tf = require("tensorflow")
    network, lmu = fed(X[:20])
    with network:
        upper = make(units=4, size_in=UNITS)
        nengo.Connection(lmu.output, upper.input, synapse=None)
        for probe in network.probes_of_unit:
            network.probes.remove(probe)
        nengo.Probe(upper.output)
        lmu.config[lmu.weights["W_x"]].trainable = False
    weights = {
        f"{name} of {k}": c
        for k, unit in enumerate((lmu, upper))
        for name, c in unit.weights.items()
    }

    def parameters(sim):
        hidden = [sim.data[unit.hidden] for unit in (lmu, upper)]
        return (
            {name: np.array(sim.data[c].weights) for name, c in weights.items()},
            [np.array(sim.data[c].weights) for c in lmu.fixed + upper.fixed]
            + [np.array(values) for h in hidden for values in (h.bias, h.gain)],
        )

    x, y = np.stack([X[:20]] * 4), np.full((4, 20, 4), 0.5)
    with nengo_dl.Simulator(network, minibatch_size=2, progress_bar=False) as sim:
        before = parameters(sim)
        sim.compile(tf.optimizers.SGD(0.1), loss="mse")
        losses = sim.fit(x, y, epochs=3, verbose=0).history["loss"]
        after = parameters(sim)
    assert losses[-1] < losses[0]
    for name in weights:
        changed = np.any(before[0][name] != after[0][name])
        assert changed == (name != "W_x of 0"), name
    for a, b in zip(before[1], after[1]):
        np.testing.assert_array_equal(a, b)


def test_only_weights_are_marked_for_training():
    lmu = make(memory_args={"n_neurons": 10})
    assert all(lmu.config[c].trainable is None for c in lmu.weights.values())
    own = set(lmu.fixed) & set(lmu.connections)
    assert len(own) == 3  # from the memory and its input to the state; from f to h
    assert all(lmu.config[c].trainable is False for c in own)
    assert lmu.config[lmu.hidden].trainable is False
    for kind in (nengo.Ensemble, nengo.Connection, nengo.ensemble.Neurons):
        assert lmu.memory.config[kind].trainable is False


# Composition


def test_labels_and_sizes():
    lmu = make(label="unit", memory_d=2)
    assert (lmu.label, lmu.input.label, lmu.output.label) == ("unit", "input", "output")
    assert (lmu.memory.label, lmu.hidden.label) == ("memory", "hidden")
    assert (lmu.input.size_in, lmu.output.size_out) == (SIZE_IN, UNITS)
    assert (lmu.units, lmu.order, lmu.theta, lmu.dt) == (UNITS, ORDER, THETA, DT)
    assert [c.label for c in lmu.weights.values()] == list(PATHS)
    # A and B for each memory, and the outputs of the neurons
    assert len(lmu.fixed) == 2 * 2 + 1
    assert not set(lmu.fixed) & set(lmu.weights.values())


def test_configuration_is_for_memory_and_hidden_units():
    with nengo.Network() as network:
        network.config[nengo.Ensemble].neuron_type = nengo.LIF(tau_rc=0.03)
        network.config[nengo.Ensemble].max_rates = Uniform(50, 60)
        network.config[nengo.Connection].synapse = 0.2
        exact = make()
        spiking = make(memory_args={"n_neurons": 10})
        given = make(neuron_type=nengo.Sigmoid())
        assert given.hidden.neuron_type == nengo.Sigmoid()
        assert make(neuron_type=None).hidden.neuron_type == nengo.Tanh(tau_ref=1)
    for lmu in (exact, spiking):
        assert lmu.hidden.neuron_type == nengo.LIF(tau_rc=0.03)
        assert lmu.amplitude == pytest.approx(0.002)
        assert all(c.synapse != nengo.Lowpass(0.2) for c in lmu.all_connections)
    assert spiking.memory.neuron_type == nengo.LIF(tau_rc=0.03)
    assert spiking.memory.max_rates == Uniform(50, 60)
    assert make(memory_args=ARGS).memory.neuron_type == poisson()


def test_direct_mode_makes_it_its_own_reference():
    weights = random_weights()
    with nengo.Network() as network:
        network.config[nengo.Ensemble].neuron_type = nengo.Direct()
        stimulus = nengo.Node(nengo.processes.PresentInput(X, DT))
        lmu = make(memory_args={"n_neurons": 10}, **weights)
        nengo.Connection(stimulus, lmu.input, synapse=None)
        probe = nengo.Probe(lmu.output)
    expected = unit_of_the_paper(X, weights)[2]
    assert_equal(run(network, [probe]), [expected])


def test_nests_in_other_networks_and_is_copied():
    weights = random_weights()
    network, lmu = fed(**weights)
    with nengo.Network() as outer:
        outer.add(network)
    copy = outer.copy()
    (again,) = copy.networks[0].networks
    assert set(again.weights) == set(PATHS)
    assert set(again.weights.values()) <= set(again.connections)
    assert again.weights["e_x"] is not lmu.weights["e_x"]
    assert len(again.fixed) == len(lmu.fixed)
    # as told to NengoDL
    (scale,) = set(again.fixed) & set(again.connections)
    assert again.config[scale].trainable is False
    assert again.config[again.weights["e_x"]].trainable is None
    assert again.memory.config[nengo.Connection].trainable is False
    expected = unit_of_the_paper(X, weights)
    assert_equal(run(copy, copy.networks[0].probes), expected)


@pytest.mark.parametrize("memory_args", [None, ARGS])
def test_other_time_steps_are_refused_at_build_time(memory_args):
    network, _ = fed(memory_args=memory_args)
    with pytest.raises(ValidationError, match=r"dt: must be 0.001.*but is 0.002"):
        nengo.Simulator(network, dt=0.002, progress_bar=False)


def test_windows_may_be_counted_in_steps():
    """With a step of one second, as keras-lmu does."""
    weights = random_weights()
    with nengo.Network() as network:
        stimulus = nengo.Node(nengo.processes.PresentInput(X, 1))
        lmu = make(theta=50, dt=1, **weights)
        nengo.Connection(stimulus, lmu.input, synapse=None)
        probe = nengo.Probe(lmu.output)
    assert_equal(run(network, [probe], dt=1), unit_of_the_paper(X, weights)[2:], 1e-9)


# Refusals


NAN, INF = float("nan"), float("inf")
NUMBERS = [-1, 0, NAN, INF, "a", [], [1, 2], 1e60, 1j]
INTEGERS = [-1, 0, NAN, INF, 2.5, "a", None, [], 10**8, True]
ARRAYS = ["x", "", 3, 1.0, [], [[]], np.ones((2, 2)), np.ones((1, 1, 1)), {}, 1j]
BAD = {
    "units": INTEGERS,
    "order": INTEGERS,
    "theta": [*NUMBERS, None],
    "size_in": INTEGERS,
    "memory_d": INTEGERS,
    "dt": [*NUMBERS, None, 2 * THETA],
    **dict.fromkeys(PATHS, ARRAYS),
    "neuron_type": ["tanh", 3, nengo.Tanh, nengo.Direct()],
    "amplitude": NUMBERS[:-2] + [1j],
    "synapse": [-1, NAN, INF, "a", [], [1, 2]],
    "memory_args": [{}, "exact", 3, [], LegendreMemory],
    "label": [3, []],
    "seed": [-1, NAN, 1.5, "a", [], 2**40],
}


@pytest.mark.parametrize("name", BAD)
def test_refuses(name):
    for value in BAD[name]:
        with pytest.raises(ValidationError, match=rf"^(\w+\.)?{name}: "):
            make(**{name: value})


@pytest.mark.parametrize("name", ["e_x", "e_h", "e_m", "W_x", "W_h", "W_m"])
def test_refuses_weights_of_another_shape(name):
    weights = random_weights()[name]
    wanted = rf"{name}: must be of shape \({weights.shape[0]}, {weights.shape[1]}\)"
    with pytest.raises(ValidationError, match=wanted):
        make(**{name: np.hstack([weights, weights])})
    bad = weights.copy()
    bad[0, -1] = NAN
    with pytest.raises(ValidationError, match=f"{name}: must be finite numbers"):
        make(**{name: bad})


@pytest.mark.parametrize(
    "memory_args",
    [{}, 3, "n_neurons", {"freq": 1}, {**ARGS, "theta": 1}, {**ARGS, "x": 1}],
)
def test_refuses_arguments_of_the_spiking_memory(memory_args):
    with pytest.raises(ValidationError, match="memory_args: must be"):
        make(memory_args=memory_args)


def test_the_memory_refuses_its_own_arguments():
    with pytest.raises(ValidationError, match="n_neurons: must be an integer"):
        make(memory_args={"n_neurons": -1})
