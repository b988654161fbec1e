"""The whole unit: its equations, step by step, and how it composes."""

import nengo
import numpy as np
import pytest
from nengo.dists import Uniform
from nengo.exceptions import ValidationError

from spiking_lmu.compatibility import require
from spiking_lmu.data.archives import read_archive, write_archive
from spiking_lmu.legendre import sampled_readout, state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.metrics import rmse
from spiking_lmu.networks import LMU, LegendreMemory, freeze
from spiking_lmu.neurons import poisson
from spiking_lmu.signals import white_noise

UNITS, ORDER, SIZE_IN, THETA, DT, STEPS = 7, 5, 3, 0.05, 0.001, 1000
PATHS = ("e_x", "e_h", "e_m", "W_x", "W_h", "W_m")
X = np.random.default_rng(0).standard_normal((STEPS, SIZE_IN))


def shapes(memory_d=1, size_in=SIZE_IN, units=UNITS, order=ORDER):
    d = memory_d * order
    return {
        "e_x": (memory_d, size_in),
        "e_h": (memory_d, units),
        "e_m": (memory_d, d),
        "W_x": (units, size_in),
        "W_h": (units, units),
        "W_m": (units, d),
    }


def random_weights(seed=0, **sizes):
    """Of all six paths, such that each of them matters, and the unit is stable."""
    rng = np.random.default_rng(seed)
    scales = dict(zip(PATHS, (2.0, 1.0, 0.2, 0.5, 0.5, 2.0)))
    return {
        name: scales[name] * rng.standard_normal(shape) / np.sqrt(shape[1])
        for name, shape in shapes(**sizes).items()
    }


def unit_of_the_paper(x, weights, theta=THETA, order=ORDER, dt=DT):
    """LMU 2019, equations 6 and 7 as they stand: u, m and h in each step."""
    i, j = np.arange(order)[:, None], np.arange(order)
    A = (2 * i + 1) * np.where(i < j, -1.0, (-1.0) ** (i - j + 1)) / theta
    B = (2 * i + 1) * (-1.0) ** i / theta
    Abar, Bbar = discretize(A, B, dt)
    e_x, e_h, e_m, W_x, W_h, W_m = (weights[name] for name in PATHS)
    m, h = np.zeros((len(e_x), order)), np.zeros(len(W_x))
    steps = []
    for x_t in x:
        u = e_x @ x_t + e_h @ h + e_m @ m.ravel()
        m = m @ Abar.T + u[:, None] * Bbar[:, 0]
        h = np.tanh(W_x @ x_t + W_h @ h + W_m @ m.ravel())
        steps.append((u, m.ravel(), h))
    return [np.array(values) for values in zip(*steps)]


def rms(values):
    return rmse(values, np.zeros_like(values))


def make(units=UNITS, order=ORDER, theta=THETA, size_in=SIZE_IN, **kwargs):
    return LMU(units, order, theta, size_in=size_in, **kwargs)


def fed(x=X, seed=0, **kwargs):
    """A network, the unit in it that hears x, and probes of u, m and h."""
    with nengo.Network(seed=seed) as network:
        network.stimulus = nengo.Node(nengo.processes.PresentInput(x, DT))
        lmu = make(size_in=x.shape[1], **kwargs)
        nengo.Connection(network.stimulus, lmu.input, synapse=None)
        network.probes_of_unit = [
            nengo.Probe(o) for o in (lmu.memory.input, lmu.state, lmu.output)
        ]
    return network, lmu


def run(network, probes=None, n_steps=STEPS, simulator=nengo.Simulator, **kwargs):
    if simulator is nengo.Simulator:
        kwargs.setdefault("optimize", False)
    with simulator(network, progress_bar=False, **kwargs) as sim:
        sim.run_steps(n_steps)
    return [np.array(sim.data[p]) for p in probes or network.probes_of_unit]


def assert_equal(ours, expected, atol=1e-10):
    for a, b in zip(ours, expected):
        assert b.std() > 0.05
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


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


# Neurons in place of the exact memory

ARGS = {"n_neurons": 100, "freq": 1 / THETA, "rms": 0.5}


def test_a_spiking_memory_without_neurons_is_the_exact_one():
    weights = random_weights(memory_d=2)
    args = {**ARGS, "neuron_type": nengo.Direct(), "coordinates": "legendre"}
    network, lmu = fed(memory_args=args, memory_d=2, **weights)
    assert isinstance(lmu.memory, LegendreMemory)
    expected = unit_of_the_paper(X, weights)
    assert_equal(run(network), expected)


def test_spiking_memory_errs_as_predicted():
    u = white_noise(2.0, DT, 1 / THETA, 0.5, seed=3)
    weights = random_weights(size_in=1)
    weights |= {"e_x": np.ones((1, 1)), "e_h": None, "e_m": None, "W_h": None}
    network, lmu = fed(u[:, None], memory_args=ARGS, **weights)
    with network:
        probe = nengo.Probe(lmu.memory.output)
    with nengo.Simulator(network, progress_bar=False, optimize=False) as sim:
        sim.run_steps(len(u))
        predicted = lmu.memory.predict_rmse(sim.data)
    m, h = sim.data[probe], sim.data[network.probes_of_unit[2]]
    Ad, Bd = discretize(*state_space(THETA, ORDER), DT)
    exact = simulate(Ad, Bd, u)
    late = slice(round((THETA + 0.5) / DT), None)
    error = np.sqrt(ORDER) * rmse(m[late], exact[late])  # of the vector
    assert error == pytest.approx(predicted, rel=0.2)
    # tanh makes differences no larger
    now = exact @ Ad.T + u[:, None] * Bd[:, 0]
    ideal = np.tanh(u[:, None] @ weights["W_x"].T + now @ weights["W_m"].T)
    gain = np.linalg.norm(weights["W_m"] @ Ad, 2)
    error = np.sqrt(UNITS) * rmse(h[late], ideal[late])
    assert 0.1 * gain * predicted < error < gain * predicted


def test_spiking_memory_in_a_closed_loop():
    """With all six paths, it goes to where the exact unit goes, as 1/√neurons."""
    x = white_noise(1.0, DT, 1 / THETA, 0.5, seed=4)[:, None]
    weights = random_weights(size_in=1)
    exact = unit_of_the_paper(x, weights)[2]
    errors = []
    for n_neurons in (200, 1800):
        args = {**ARGS, "n_neurons": n_neurons}
        network, _ = fed(x, memory_args=args, **weights)
        errors.append(rmse(run(network)[2], exact))
    assert errors[1] < 0.2 * rms(exact)
    assert errors[0] / errors[1] == pytest.approx(3, rel=0.3)


def test_arguments_of_the_memory_are_handed_on():
    args = {"n_neurons": 30, "coordinates": "legendre", "allocation": "equal"}
    args |= {"neuron_type": nengo.LIF(), "synapse": 0.05}
    memory = make(memory_args=args, memory_d=2).memory
    assert (memory.theta, memory.order, memory.size_in) == (THETA, ORDER, 2)
    assert memory.realization.coordinates == "legendre"
    assert [e.n_neurons for e in memory.ensembles] == [30] * 2 * ORDER
    assert (memory.neuron_type, memory.synapse.tau) == (nengo.LIF(), 0.05)


# Other hidden units


def rates(x, weights, f):
    """Of the feed-forward unit: f of its currents."""
    _, m, _ = unit_of_the_paper(x, {**weights, "W_h": 0 * weights["W_h"]})
    return f(x @ weights["W_x"].T + m @ weights["W_m"].T)


@pytest.mark.parametrize(
    "neuron_type, f",
    [
        (nengo.Tanh(), np.tanh),
        (nengo.Sigmoid(tau_ref=0.01), lambda J: 1 / (1 + np.exp(-J))),
        (nengo.RectifiedLinear(), lambda J: np.maximum(J, 0)),
        (nengo.RectifiedLinear(amplitude=2), lambda J: 2 * np.maximum(J, 0)),
    ],
)
def test_hidden_units_of_other_rates(neuron_type, f):
    weights = random_weights()
    feed = {**weights, "e_h": None, "W_h": None}
    network, _ = fed(neuron_type=neuron_type, **feed)
    weights["e_h"] = 0 * weights["e_h"]
    assert_equal(run(network)[2:], [rates(X, weights, f)])


@pytest.mark.parametrize(
    "neuron_type, amplitude",
    [
        (nengo.LIF(tau_ref=0.002), 0.002),
        (nengo.LIF(tau_ref=0.002, amplitude=0.1), 0.02),
        (nengo.LIF(tau_ref=0), 1),
        (nengo.SpikingRectifiedLinear(), 1),
        (nengo.PoissonSpiking(nengo.Tanh(tau_ref=0.01)), 0.01),
        (nengo.RegularSpiking(nengo.Tanh(tau_ref=0.01), amplitude=0.01), 1),
        (nengo.StochasticSpiking(nengo.LIFRate(tau_ref=0.1, amplitude=2)), 0.05),
    ],
)
def test_hidden_state_is_one_at_the_highest_rate(neuron_type, amplitude):
    lmu = make(neuron_type=neuron_type)
    assert lmu.hidden.neuron_type == neuron_type
    assert lmu.amplitude == pytest.approx(amplitude)
    assert make(neuron_type=neuron_type, amplitude=3).amplitude == 3


@pytest.mark.parametrize(
    "kind", [nengo.PoissonSpiking, nengo.RegularSpiking, nengo.StochasticSpiking]
)
def test_hidden_units_that_spike_have_the_right_mean(kind):
    x = np.ones((STEPS, 1)) * 0.5
    network, _ = fed(
        x,
        units=20,
        neuron_type=kind(nengo.Tanh(tau_ref=0.0025)),
        e_h=None,
        W_h=None,
        W_m=None,
        W_x=np.ones((20, 1)),
    )
    h = run(network)[2]
    assert h.mean() == pytest.approx(np.tanh(0.5), rel=0.07)
    assert set(np.unique(np.round(h / 2.5, 6))) >= {0, 1}  # spikes of 0.0025 / dt


def test_filtered_hidden_state_is_the_previous_one():
    """A synapse's own delay stands in for that of the recurrences."""
    weights = random_weights()
    network, _ = fed(synapse=0, **weights)
    u, m, h = run(network)
    expected = unit_of_the_paper(X, weights)
    assert_equal([u, m, h[1:]], [*expected[:2], expected[2][:-1]])


def test_spiking_unit_follows_the_exact_one():
    """Everything spikes: the memory, and the hidden units behind a synapse."""
    x = white_noise(1.0, DT, 5, 0.5, seed=5)[:, None]
    weights = random_weights(size_in=1)
    exact = unit_of_the_paper(x, weights)[2]
    network, _ = fed(
        x,
        neuron_type=nengo.RegularSpiking(nengo.Tanh(tau_ref=0.0025)),
        synapse=0.01,
        memory_args={**ARGS, "n_neurons": 300},
        **weights,
    )
    h = run(network)[2]
    expected = nengo.Lowpass(0.01).filt(exact, dt=DT, y0=0)
    assert rmse(h, expected) < 0.5 * rms(expected)


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


# ---- Biases, spiking hidden units, files and freezing ------------------------------


def trained_unit(**changes):
    """A unit as after training, with every path and biases."""
    rng = np.random.default_rng(3)
    shapes = {"e_x": (1, 2), "e_h": (1, 5), "e_m": (1, 3), "W_x": (5, 2),
              "W_h": (5, 5), "W_m": (5, 3), "bias": (5,)}  # fmt: skip
    sizes = {"e_x": 0.5, "e_h": 0.05, "e_m": 0.1, "W_h": 0.2}
    weights = {k: sizes.get(k, 0.5) * rng.normal(size=s) for k, s in shapes.items()}
    arguments = {"neuron_type": nengo.RectifiedLinear(), **weights, **changes}
    return LMU(5, 3, 0.02, size_in=2, seed=0, **arguments)


def unit_inputs(n, n_steps=60, seed=1):
    white = np.random.default_rng(seed).uniform(-1, 1, (n, n_steps + 4, 2))
    return sum(white[:, k : k + n_steps] for k in range(5)) / 2


def run_unit(unit, x):
    """States and hidden states (n_steps, size) of a unit on Nengo."""
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node(nengo.processes.PresentInput(x, unit.dt))
        network.add(unit)
        nengo.Connection(stimulus, unit.input, synapse=None)
        m, h = nengo.Probe(unit.state), nengo.Probe(unit.output)
    simulator = nengo.Simulator(network, unit.dt, progress_bar=False, optimize=False)
    with simulator as sim:
        sim.run_steps(len(x))
        return sim.data[m], sim.data[h]


@pytest.mark.parametrize(
    "left_out", [(), ("e_h", "e_m", "W_h"), ("W_x", "W_m", "bias")]
)
def test_the_equations_are_what_nengo_computes(left_out):
    unit = trained_unit(**dict.fromkeys(left_out))
    x = unit_inputs(2)
    run = unit.run(x)
    for k in range(2):
        m, h = run_unit(unit, x[k])
        np.testing.assert_allclose(run.m[k], m, atol=1e-12)
        np.testing.assert_allclose(run.h[k], h, atol=1e-12)


@pytest.mark.parametrize("scale", [0.1, 100.0])
def test_a_scale_leaves_the_function_as_it_is(scale):
    unit, x = trained_unit(), unit_inputs(1)
    scaled = unit.rebuilt(scale=scale)
    assert scaled.amplitude == pytest.approx(1 / scale)
    np.testing.assert_allclose(scaled.run(x).h, unit.run(x).h, atol=1e-12)
    np.testing.assert_allclose(run_unit(scaled, x[0])[1], unit.run(x).h[0], atol=1e-12)


def test_hidden_units_spike_at_useful_rates():
    """Without a scale, weights near 1 make a spike every ten seconds."""
    unit = trained_unit(e_h=None, e_m=None, W_h=None)
    x = np.tile(unit_inputs(1)[0][30], (2000, 1))
    expected = unit.run(x[None]).h[0, -1]
    settings = {"neuron_type": nengo.SpikingRectifiedLinear(), "synapse": 0.1}
    errors = {}
    for scale in (1.0, 100.0):
        spiking = unit.rebuilt(scale=scale, **settings)
        _, h = run_unit(spiking, x)
        deviation = np.sqrt(np.mean((h[1000:] - expected) ** 2))
        errors[scale] = deviation / np.sqrt(np.mean(expected**2))
    assert errors[100.0] < 0.1 and errors[1.0] > 0.5


def test_curves_that_are_no_lines_have_no_scale():
    for neuron_type in (None, nengo.LIF(), nengo.PoissonSpiking(nengo.Tanh())):
        with pytest.raises(ValidationError, match="scale.*must be 1"):
            trained_unit(neuron_type=neuron_type, scale=100)
    poisson = nengo.PoissonSpiking(nengo.RectifiedLinear())
    assert trained_unit(neuron_type=poisson, scale=100).amplitude == 0.01


@pytest.mark.parametrize("bias", ["a", np.zeros(4), np.zeros((5, 1)), np.nan, [None]])
def test_bad_biases(bias):
    with pytest.raises(ValidationError, match="bias"):
        trained_unit(bias=bias)


def test_without_biases_tanh_computes_odd_functions_only():
    x = unit_inputs(1)
    unit = trained_unit(neuron_type=None, bias=None)
    np.testing.assert_allclose(unit.run(-x).h, -unit.run(x).h, atol=1e-12)
    assert not np.allclose(
        unit.rebuilt(bias=0.5).run(-x).h, -unit.rebuilt(bias=0.5).run(x).h, atol=0.1
    )


@pytest.mark.slow
def test_products_are_learned_with_biases():
    from spiking_lmu import training

    x = np.random.default_rng(0).uniform(-1, 1, (300, 1, 2))
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node(np.zeros(2))
        off = dict.fromkeys(("e_h", "e_m", "W_h", "W_m"))
        unit = LMU(20, 2, 0.02, size_in=2, bias=0.0, seed=0, **off)
        nengo.Connection(stimulus, unit.input, synapse=None)
        answer = nengo.Node(size_in=1)
        initial = nengo.dists.Uniform(-0.5, 0.5)
        nengo.Connection(unit.output, answer, transform=initial, synapse=None)
        nengo.Probe(answer)
    product = x[:, :, :1] * x[:, :, 1:]
    result = training.fit(network, x, product, epochs=25, learning_rate=0.05)
    # an odd function errs by the mean square of a product, 1/9, at least
    assert result.history.loss.iloc[-1] < 0.3 / 9
    assert np.abs(unit.arrays["bias"]).max() > 0.1


KEPT = [
    {},
    {"neuron_type": None, "e_h": None, "bias": None},
    {"neuron_type": nengo.PoissonSpiking(nengo.Tanh(tau_ref=0.004)), "synapse": 0.02},
    {"neuron_type": nengo.SpikingRectifiedLinear(), "scale": 50.0, "amplitude": 0.5},
]


@pytest.mark.parametrize("arguments", KEPT)
def test_units_are_kept_in_files(tmp_path, arguments):
    unit, x = trained_unit(**arguments), unit_inputs(2)
    unit.config[unit.weights["e_x"]].trainable = False
    path = unit.save(tmp_path / "unit.npz", {"task": "none"})
    loaded, about = LMU.load(path)
    assert about == {"task": "none"}
    assert set(loaded.arrays) == set(unit.arrays)
    for name, array in unit.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array)
    assert repr(loaded.hidden.neuron_type) == repr(unit.hidden.neuron_type)
    assert loaded.config[loaded.weights["e_x"]].trainable is False
    np.testing.assert_array_equal(loaded.run(x).h, unit.run(x).h)
    assert len(loaded.all_connections) == len(unit.all_connections)


def test_what_files_do_not_hold(tmp_path):
    path = tmp_path / "unit.npz"
    with pytest.raises(ValidationError, match="network.*must be trained"):
        LMU(5, 3, 0.02).save(path)
    with pytest.raises(ValidationError, match="neuron_type.*stored in a file"):
        trained_unit(neuron_type=nengo.AdaptiveLIF()).save(path)
    with pytest.raises(ValidationError, match="synapse.*stored in a file"):
        trained_unit(synapse=nengo.Alpha(0.01)).save(path)
    with pytest.raises(ValidationError, match="about.*must be a mapping"):
        trained_unit().save(path, [1])
    with pytest.raises(ValidationError, match="W_x.*at most"):
        trained_unit(W_x=np.full((5, 2), 1e300)).save(path)
    assert not path.exists()


def changed(name, value, of="unit"):
    def change(arrays, texts):
        content = texts["about"] if of == "about" else texts["about"][of]
        content[name] = value

    return change


def replaced(name, array):
    return lambda arrays, texts: arrays.update({name: array})


DAMAGE = [
    changed("kind", "other", "about"), changed("unit", None, "about"),
    changed("about", None, "about"), changed("unit", {}, "about"),
    *(changed("order", v) for v in (0, 4, 2.5, "3", None, 10**9, True)),
    *(changed("memory_d", v) for v in (2, 10**4, [1])),
    *(changed("units", v) for v in (6, -1, 1e9, float("nan"))),
    *(changed("dt", v) for v in (0, 1, "x")), changed("theta", 1e308),
    *(changed("fixed", v) for v in (None, ["W_q"], [3])),
    *(changed("synapse", v) for v in ("x", -1, [])),
    *(changed("neuron_type", v) for v in (
        None, "Tanh", {"type": "Direct"}, {"type": ["Tanh"]}, {"type": "Tanh"},
        {"type": "RectifiedLinear", "amplitude": "x"}, {"type": "Tanh", "tau_ref": []},
        {"type": "RectifiedLinear", "amplitude": -1},
    )),
    replaced("W_x", np.zeros((2, 5))), replaced("W_x", np.full((5, 2), np.nan)),
    replaced("W_x", np.full((5, 2), 1e300)), replaced("W_x", np.zeros((5, 2), int)),
    replaced("units", np.zeros(3)), replaced("json more", np.array("x")),
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_units_are_refused(tmp_path, damage):
    path = trained_unit().save(tmp_path / "unit.npz")
    arrays, texts = read_archive(path)
    damage(arrays, texts)
    write_archive(path, arrays, texts)
    with pytest.raises(ValidationError, match="unit.npz"):
        LMU.load(path)


# recurrent noise lifts u beyond what is announced, for some steps
@pytest.mark.filterwarnings("ignore:the input of")
@pytest.mark.parametrize("memory", ["rate", "lif", "relu", "poisson-relu"])
def test_many_neurons_compute_as_the_exact_unit(memory):
    """A memory of neurons made for what the unit hears; better with more of them."""
    unit, x = trained_unit(bias=0.2), unit_inputs(4, 300)
    unit.config[unit.weights["W_x"]].trainable = False
    errors = []
    for n_neurons in (20, 600):
        frozen = freeze(unit, memory, n_neurons, x[1:], synapse=0.01, seed=0)
        assert isinstance(frozen.memory, LegendreMemory)
        assert frozen.config[frozen.weights["W_x"]].trainable is False
        _, h = run_unit(frozen, x[0])
        errors.append(np.sqrt(np.mean((h - unit.run(x[:1]).h[0])[50:] ** 2)))
    assert errors[1] < 0.5 * errors[0]
    assert errors[1] < 0.15 * unit.run(x[:1]).h.std()


def test_an_exact_copy_and_what_freezing_refuses():
    unit, x = trained_unit(), unit_inputs(3)
    np.testing.assert_array_equal(freeze(unit).run(x).h, unit.run(x).h)
    wanted = {"memory_type": "lif", "n_neurons": 20, "inputs": x}
    for name, value in (
        ("presentation", 2), ("classes", True), ("n_neurons", None), ("inputs", None),
        ("inputs", x[:, :, :1]), ("inputs", 0 * x), ("coordinates", "polar"),
        ("seed", -1), ("synapse", -1), ("memory_type", "loihi"),
    ):  # fmt: skip
        match = {"synapse": "tau|synapse"}.get(name, name)
        with pytest.raises(ValidationError, match=match):
            freeze(unit, **{**wanted, name: value})
    with pytest.raises(ValidationError, match="network.*must be trained"):
        freeze(LMU(5, 3, 0.02, size_in=2), **wanted)
    with pytest.raises(ValidationError, match="changes.*arguments of LMU"):
        unit.rebuilt(colour="red")
