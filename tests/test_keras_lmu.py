"""Layers of keras-lmu: the equations of the paper, from the layouts that Keras has.

tests/peers/test_keras_lmu.py compares with keras-lmu itself.
"""

from __future__ import annotations

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.linalg import expm

from spiking_lmu.networks import LMU, SequenceNetwork, from_keras_lmu, to_keras_lmu

F = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "linear": lambda z: z,
}
# the order of get_weights(): that of keras-lmu 0.6.0 (Keras 2.12) and of 0.9.0 (3.15)
HIDDEN = ("hidden kernel", "hidden recurrent_kernel", "hidden bias")
MEMORY = ("kernel", "bias", "theta_inv", "recurrent_kernel")
LAYOUTS = {
    "LMU": HIDDEN + MEMORY,
    "LMUFeedforward": MEMORY + HIDDEN,
    "LMUCell": MEMORY + HIDDEN,
    "RNN": MEMORY + HIDDEN,
}
PATHS = ("hidden_to_memory", "memory_to_memory", "input_to_hidden")


def part(kind, **config):
    return {"class_name": kind, "config": config}


def dense(units=7, activation="tanh", use_bias=True, kind="Dense"):
    return part(kind, units=units, activation=activation, use_bias=use_bias)


def layer(kind="LMU", hidden="SimpleRNNCell", paths=PATHS, **changes):
    """The configuration of a layer, as get_config() returns it."""
    config = {
        "name": "lmu",
        "memory_d": 2,
        "order": 4,
        "theta": 9,
        "hidden_cell": dense(kind=hidden),
        "discretizer": "zoh",
        "kernel_initializer": "glorot_uniform",
        **changes,
    }
    if kind != "LMUFeedforward":
        config |= {path: path in paths for path in PATHS}
    if kind in ("LMU", "LMUFeedforward"):
        config["return_sequences"] = True
    if kind == "LMUFeedforward":
        config |= {"conv_mode": "fft", "input_to_hidden": "input_to_hidden" in paths}
    if kind == "RNN":
        return {"return_sequences": True, "cell": part("keras-lmu>LMUCell", **config)}
    return config


def draw(config, size_in=3, seed=0):
    """Weights for a configuration, by name."""
    rng = np.random.default_rng(seed)
    hidden, d = config["hidden_cell"], config["memory_d"] * config["order"]
    units = hidden["config"]["units"]
    heard = units if config.get("hidden_to_memory") else 0
    shapes = {
        "hidden kernel": (d + (size_in if config["input_to_hidden"] else 0), units)
    }
    if hidden["class_name"] == "SimpleRNNCell":
        shapes["hidden recurrent_kernel"] = (units, units)
    if hidden["config"]["use_bias"]:
        shapes["hidden bias"] = (units,)
    if config["kernel_initializer"] is not None:
        shapes["kernel"] = (size_in + heard, config["memory_d"])
    if config.get("use_bias"):
        shapes["bias"] = (config["memory_d"],)
    if config.get("memory_to_memory"):
        shapes["recurrent_kernel"] = (d, config["memory_d"])
    named = {name: rng.normal(0, 0.3, shape) for name, shape in shapes.items()}
    if config.get("trainable_theta"):
        named["theta_inv"] = np.array(1 / 7.3)
    return named


def listed(kind, named):
    return [named[name] for name in LAYOUTS[kind] if name in named]


def outputs(config, named, x):
    """Equations 6 and 7 of LMU 2019, step by step, with weights (n_in, n_out)."""
    theta = 1 / named["theta_inv"] if "theta_inv" in named else config["theta"]
    d, k = config["order"], config["memory_d"]
    hidden = config["hidden_cell"]["config"]
    i, j = np.mgrid[:d, :d]
    A = (2 * i + 1) * np.where(i < j, -1.0, (-1.0) ** (i - j + 1)) / theta
    B = ((2 * i + 1) * (-1.0) ** i)[:, :1] / theta
    both = expm(np.block([[A, B], [np.zeros((1, d + 1))]]))
    Ad, Bd = both[:d, :d], both[:d, d]
    m, h, ys = np.zeros((len(x), k, d)), np.zeros((len(x), hidden["units"])), []
    for t in range(x.shape[1]):
        u = x[:, t]
        if config.get("hidden_to_memory"):
            u = np.hstack([u, h])
        if "kernel" in named:
            u = u @ named["kernel"]
        if "recurrent_kernel" in named:
            u = u + m.reshape(len(x), -1) @ named["recurrent_kernel"]
        m = np.einsum("ij,nkj->nki", Ad, m) + u[:, :, None] * Bd
        z = m.reshape(len(x), -1)
        if config["input_to_hidden"]:
            z = np.hstack([z, x[:, t]])
        z = z @ named["hidden kernel"] + named.get("hidden bias", 0)
        if "hidden recurrent_kernel" in named:
            z = z + h @ named["hidden recurrent_kernel"]
        h = F[hidden["activation"]](z)
        ys.append(h)
    return np.stack(ys, axis=1)


def signals(size_in=3, n_steps=50):
    return np.random.default_rng(1).normal(size=(2, n_steps, size_in))


@pytest.mark.parametrize("kind", ["LMU", "LMUCell", "RNN"])
@pytest.mark.parametrize("hidden", ["SimpleRNNCell", "Dense"])
@pytest.mark.parametrize("n_paths", range(4))
def test_a_layer_becomes_a_unit_that_computes_the_same(kind, hidden, n_paths):
    config = layer(kind, hidden, PATHS[:n_paths])
    inner = config["cell"]["config"] if kind == "RNN" else config
    named = draw(inner, seed=n_paths)
    unit = from_keras_lmu(config, listed(kind, named), dt=0.01)
    assert isinstance(unit, LMU) and unit.theta == pytest.approx(0.09)
    x = signals()
    np.testing.assert_allclose(unit.run(x).h, outputs(inner, named, x), atol=1e-11)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("LMUFeedforward", {"paths": PATHS[2:]}),
        ("LMU", {"trainable_theta": True, "use_bias": True}),
        ("LMU", {"hidden_cell": dense(5, "sigmoid")}),
        ("LMUCell", {"hidden_cell": dense(5, "relu", False), "input_d": 3, "seed": 1}),
        ("LMU", {"kernel_initializer": None, "memory_d": 3, "paths": PATHS[1:]}),
        ("LMU", {"kernel_initializer": None, "memory_d": 10, "paths": PATHS}),
    ],
)
def test_options_of_a_layer(kind, changes):
    config = layer(kind, **changes)
    named = draw(config)
    if "bias" in named:
        named["bias"] *= 0
    unit = from_keras_lmu(config, listed(kind, named))
    x = signals()
    np.testing.assert_allclose(unit.run(x).h, outputs(config, named, x), atol=1e-11)


def test_the_network_computes_it_in_nengo_from_the_first_step():
    config = layer()
    named = draw(config)
    x = signals()[:1]
    with nengo.Network() as model:
        stimulus = nengo.Node(nengo.processes.PresentInput(x[0], 0.001))
        unit = from_keras_lmu(config, listed("LMU", named), label="from Keras", seed=3)
        nengo.Connection(stimulus, unit.input, synapse=None)
        probe = nengo.Probe(unit.output)
    assert (unit.label, unit.seed) == ("from Keras", 3)
    with nengo.Simulator(model, progress_bar=False) as sim:
        sim.run_steps(x.shape[1])
    np.testing.assert_allclose(sim.data[probe], outputs(config, named, x)[0], atol=1e-9)


class Layer:
    """What a layer of Keras is for us."""

    def __init__(self, config, weights):
        self.get_config, self.get_weights = lambda: config, lambda: weights


def test_a_layer_is_taken_as_it_is():
    config = layer()
    weights = listed("LMU", draw(config))
    x = signals()
    expected = from_keras_lmu(config, weights).run(x).h
    assert (from_keras_lmu(Layer(config, weights)).run(x).h == expected).all()


# ---- Models ------------------------------------------------------------------------


def model(hidden, others, size_in=3, functional=0, **changes):
    """Configuration, weights and answer of a model; hidden is None or the first."""
    layers = list(others) if hidden else list(others)[1:]
    config = layer(hidden="Dense", paths=PATHS[2:], **changes)
    config["hidden_cell"] = hidden or others[0]
    named = draw(config, size_in)
    if hidden is None:
        config = {**config, "hidden_cell": None}
        lists = listed("LMU", {k: v for k, v in named.items() if "hidden" not in k})
        lists += [named[name] for name in HIDDEN if name in named]
    else:
        lists = listed("LMU", named)
    rng = np.random.default_rng(3)
    x = signals(size_in)
    y = outputs({**config, "hidden_cell": hidden or others[0]}, named, x)[:, -1]
    for one in layers:
        settings = one["config"]
        kernel = rng.normal(0, 0.5, (y.shape[1], settings["units"]))
        bias = rng.normal(0, 0.5, settings["units"])
        y = y @ kernel + (bias if settings["use_bias"] else 0)
        y = F[
            "linear" if settings["activation"] == "softmax" else settings["activation"]
        ](y)
        lists += [kernel, bias] if settings["use_bias"] else [kernel]
    chain = [part("InputLayer"), part("keras-lmu>LMU", **config), part("Dropout")]
    chain += others if hidden is None else layers
    if functional:  # of Keras 2, or of Keras 3
        for k, one in enumerate(chain):
            one["name"], one["inbound_nodes"] = f"layer {k}", []
            if k and functional == 2:
                one["inbound_nodes"] = [[[f"layer {k - 1}", 0, 0, {}]]]
            elif k:
                tensor = part(
                    "__keras_tensor__", keras_history=[f"layer {k - 1}", 0, 0]
                )
                one["inbound_nodes"] = [
                    {"args": [tensor], "kwargs": {"training": False}}
                ]
    return {"name": "model", "layers": chain}, lists, x, y


@pytest.mark.parametrize(
    ("hidden", "others", "changes"),
    [
        (dense(7, "relu"), [dense(2, "linear", False)], {}),
        (dense(7, "relu"), [dense(2, "softmax")], {"functional": 2}),
        (dense(7, "tanh"), [dense(5, "tanh"), dense(2, "linear")], {"functional": 3}),
        (None, [dense(7, "relu"), dense(2, "linear")], {"memory_d": 1}),
        (
            dense(7, "tanh", False),
            [dense(2, "linear")],
            {"kernel_initializer": None, "size_in": 2},
        ),
    ],
)
def test_a_model_becomes_a_sequence_network(hidden, others, changes):
    config, weights, x, y = model(hidden, others, **changes)
    network = from_keras_lmu(config, weights)
    assert isinstance(network, SequenceNetwork)
    found = network.answer(network.final_states(x), x[:, -1])
    np.testing.assert_allclose(found, y, atol=1e-11)
    # and back, as another model
    again = from_keras_lmu(*to_keras_lmu(network))
    assert (again.answer(again.final_states(x), x[:, -1]) == found).all()


def test_a_sequence_network_from_keras_is_a_trained_one(tmp_path):
    config, weights, x, y = model(dense(7, "relu"), [dense(2, "linear")])
    network = from_keras_lmu(config, weights)
    file = network.save(tmp_path / "model.npz")
    loaded, _ = SequenceNetwork.load(file)
    found = loaded.answer(loaded.final_states(x), x[:, -1])
    np.testing.assert_allclose(found, y, atol=1e-11)


# ---- To Keras ----------------------------------------------------------------------


def unit_of(seed, **changes):
    rng = np.random.default_rng(seed)
    shapes = {
        "e_x": (2, 3), "e_h": (2, 7), "e_m": (2, 8),
        "W_x": (7, 3), "W_h": (7, 7), "W_m": (7, 8), "bias": (7,),
    }  # fmt: skip
    given = {name: rng.normal(0, 0.3, shape) for name, shape in shapes.items()}
    given |= changes
    return LMU(7, 4, 0.09, size_in=3, memory_d=2, dt=0.01, **given)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"W_h": None, "bias": None},
        {"e_h": None, "e_m": None, "W_x": None},
        {"e_x": None, "W_m": None},
        {"neuron_type": nengo.PoissonSpiking(nengo.Tanh(tau_ref=0.0025))},
        {"neuron_type": nengo.SpikingRectifiedLinear(), "scale": 100, "synapse": 0.01},
        {"neuron_type": nengo.Sigmoid(tau_ref=1)},
    ],
)
def test_a_unit_becomes_a_layer_that_computes_the_same(changes):
    unit, x = unit_of(2, **changes), signals()
    config, weights = to_keras_lmu(unit)
    assert config["theta"] == 9 and isinstance(config["theta"], int)
    has = {
        "hidden recurrent_kernel": "W_h" in unit.weights,
        "hidden bias": unit.has_bias,
        "bias": False,
        "theta_inv": False,
        "recurrent_kernel": "e_m" in unit.weights,
    }
    names = [name for name in LAYOUTS["LMU"] if has.get(name, True)]
    assert len(names) == len(weights)
    named = dict(zip(names, weights))
    np.testing.assert_allclose(outputs(config, named, x), unit.run(x).h, atol=1e-11)
    again = from_keras_lmu(config, weights, dt=0.01)
    for name, array in unit.arrays.items():
        assert (again.arrays[name] == array).all()


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("an LMU", "an LMU or a SequenceNetwork"),
        (unit_of(0, neuron_type=nengo.LIF()), "tanh, relu, sigmoid"),
        (unit_of(0, amplitude=2), "tanh, relu, sigmoid"),
        (unit_of(0, W_h="xavier_normal"), "trained"),
        (SequenceNetwork(1, 2, 4, 10, units=5), "trained"),
    ],
)
def test_networks_that_keras_does_not_have_are_refused(network, words):
    with pytest.raises(ValidationError, match=words):
        to_keras_lmu(network)


# ---- Refusals ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"discretizer": "euler"}, "discretizer: must be 'zoh'.* is 'euler'"),
        ({"hidden_cell": None}, "ExactMemory is the memory alone"),
        ({"hidden_cell": part("LSTMCell", units=7)}, "'Dense', 'SimpleRNNCell'"),
        ({"hidden_cell": part("Dense", units=7, activation="gelu")}, "is 'gelu'"),
        ({"hidden_cell": part("Dense", units=7)}, "is 'linear'"),
        ({"hidden_cell": part("Dense", units=0)}, "units"),
        ({"hidden_cell": {"units": 7}}, "as Keras serializes it"),
        ({"hidden_cell": part("Dense", units=7, trainable=False)}, "not trainable"),
        ({"use_bias": True}, "bias of the memory: .* one more input"),
        ({"theta": 1}, "theta"),
        ({"order": 5}, "kernel.* of shape"),
        ({"memory_d": 3}, "kernel.* of shape"),
        ({"theta": [9]}, "theta"),
    ],
)
def test_layers_that_our_networks_cannot_be_are_refused(changes, words):
    config = layer(**changes)
    # the weights are those of the layer as it would be
    weights = listed("LMU", draw(layer(use_bias="use_bias" in changes)))
    if (changes.get("hidden_cell") or {}).get("class_name") == "Dense":
        weights = weights[:1] + weights[2:]
    with pytest.raises(ValidationError, match=words):
        from_keras_lmu(config, weights[3:] if "ExactMemory" in words else weights)


def test_cells_that_run_backwards_are_refused():
    config = layer("RNN")
    weights = listed("RNN", draw(config["cell"]["config"]))
    with pytest.raises(ValidationError, match="go_backwards"):
        from_keras_lmu({**config, "go_backwards": True}, weights)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("a layer",), "a layer or model of Keras"),
        ((layer(),), "the list that get_weights"),
        ((layer(), []), "has been built"),
        ((layer(), [[np.nan]]), "weights: must be finite"),
        (
            (layer(), listed("LMU", draw(layer()))[:-1]),
            r"end before the recurrent_kernel of shape \(8, 2\)",
        ),
        ((layer(), [*listed("LMU", draw(layer())), np.ones(3)]), "are 1 more"),
        ((layer(), listed("RNN", draw(layer()))), "of shape"),
        (({"units": 7}, [np.ones(1)]), "memory_d"),
        ((Layer(layer(), [np.ones(1)]), [np.ones(1)]), "None if a layer is given"),
    ],
)
def test_what_is_no_layer_is_refused(given, words):
    with pytest.raises(ValidationError, match=words):
        from_keras_lmu(*given)


def changed(change):
    """A model of which something has been changed."""
    config, weights, *_ = model(
        dense(7, "relu"), [dense(7, "relu"), dense(2, "linear")], functional=3
    )
    change(config["layers"])
    return config, weights


def recurrent(layers):
    layers[1]["config"]["hidden_cell"] = dense(kind="SimpleRNNCell")


def feedback(layers):
    layers[1]["config"]["memory_to_memory"] = True


def skip(layers):
    layers[-1]["inbound_nodes"] = layers[-2]["inbound_nodes"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (recurrent, "give the layer instead of the model"),
        (feedback, "give the layer instead of the model"),
        (skip, "a chain"),
        (lambda layers: layers.pop(1), "one of 'InputLayer', 'Dropout', 'LMU'"),
        (lambda layers: layers.clear(), "the first has an LMU"),
        (lambda layers: layers[1]["config"].update(theta=9.5), "a whole number"),
        (lambda layers: layers[3]["config"].update(activation="tanh"), "'relu'"),
        (lambda layers: layers[4]["config"].update(activation="relu"), "'softmax'"),
        (lambda layers: layers.append(part("LSTM")), "'Dense'"),
    ],
)
def test_models_that_are_no_sequence_network_are_refused(change, words):
    config, weights = changed(change)
    if change is recurrent:
        weights.insert(1, np.zeros((7, 7)))
    if change is feedback:
        weights.insert(3, np.zeros((8, 2)))
    with pytest.raises(ValidationError, match=words):
        from_keras_lmu(config, weights)


def test_a_model_ends_with_a_readout():
    config, weights, *_ = model(dense(7, "relu"), [])
    with pytest.raises(ValidationError, match="ends with a Dense layer"):
        from_keras_lmu(config, weights)
