"""What training refuses: arguments, data, weights that cannot be kept."""

import inspect

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu import training
from spiking_lmu.compatibility import require
from spiking_lmu.networks import LMU
from training_cases import STEPS, classifier, fit, regression, sequences

BAD = {
    "loss": ["l2", None],
    "epochs": [0, 1.5],
    "batch_size": [0, "many"],
    "learning_rate": [0, -1, np.nan, lambda epoch: -1.0],
    "noise": [-1, "much", {"state": np.eye(6)}],
    "dropout": [-0.1, 1],
    "patience": [0, 3],
    "warm_up": [-1, STEPS],
    "form": ["both"],
    "keep": ["first"],
    "initial": ["drawn", None],
    "seed": [-1, 0.5],
    "validation": [3, (1, 2, 3)],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in BAD for value in BAD[name]]
)
def test_bad_arguments(name, value):
    with pytest.raises(ValidationError):
        fit(classifier(), **{name: value})


def bad_data():
    x, y = sequences(8)
    broken = x.copy()
    broken[3, 2, 0] = np.nan
    yield broken, y, "inputs"
    yield x[..., 0], y, "inputs"
    yield np.concatenate([x, x], axis=2), y, "inputs"
    yield x[:0], y[:0], "inputs"
    yield "x", y, "inputs"
    yield x, y[:-1], "targets"
    yield x, y + 1, "targets"
    yield x, y - 2, "targets"
    yield x, y.astype(float), "targets"
    yield x, np.full(8, -1), "targets"
    yield x, np.zeros((8, STEPS + 1), int), "targets"
    yield x, [[1], [2, 3]], "targets"
    yield {"stimulus": x}, y, "inputs"


@pytest.mark.parametrize(("x", "y", "name"), list(bad_data()))
def test_bad_data(x, y, name):
    with pytest.raises(ValidationError, match=name):
        training.fit(classifier(), x, y, loss="crossentropy")


def test_infinite_targets():
    x, _ = sequences(4)
    with pytest.raises(ValidationError, match="targets"):
        training.fit(regression(), x, np.full_like(x, np.inf))


def test_too_high_a_rate_is_told():
    x, _ = sequences(4)
    with pytest.raises(ValidationError, match="learning_rate"):
        training.fit(regression(), x, 1e30 * x, learning_rate=1e30, epochs=5)


def test_networks_without_anything_to_train():
    network = classifier()
    network.config[nengo.Connection].trainable = False
    network.lmu.config[nengo.Connection].trainable = False
    for layer in network.layers:
        network.lmu.config[layer.neurons].trainable = False
    with pytest.raises(ValidationError, match="trainable weights"):
        fit(network)
    with pytest.raises(ValidationError, match="network"):
        training.fit("network", *sequences())


def test_two_time_steps_must_be_told_apart():
    network = classifier()
    with network:
        LMU(3, 4, 1, dt=0.01)
    with pytest.raises(ValidationError, match="dt"):
        fit(network)


@pytest.mark.parametrize("wrapped", [True, False])
def test_layers_of_keras_are_refused_before_training(tmp_path, wrapped):
    nengo_dl, tf = require("nengo_dl"), require("tensorflow")
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node(np.zeros(2))
        layer = tf.keras.layers.Dense(3)
        if wrapped:
            hidden = nengo_dl.Layer(layer)(stimulus)
        else:
            hidden = nengo_dl.TensorNode(layer, (2,), (3,), pass_time=False, label="L")
            nengo.Connection(stimulus, hidden, synapse=None)
        answer = nengo.Node(size_in=2)
        nengo.Connection(hidden, answer, transform=np.ones((2, 3)), synapse=None)
        nengo.Probe(answer)
    x = np.zeros((4, 3, 2))
    checkpoint = tmp_path / "checkpoint.npz"
    with pytest.raises(ValidationError, match="network.*Keras layer in <TensorNode"):
        training.fit(network, x, x, checkpoint=checkpoint)
    assert not checkpoint.exists()
    with pytest.raises(ValidationError, match="network.*Keras layer in <TensorNode"):
        training.save(tmp_path / "network.npz", network)


def test_decoders_through_a_convolution_are_refused_before_training(tmp_path):
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node(np.zeros(4))
        ensemble = nengo.Ensemble(20, 4, neuron_type=nengo.RectifiedLinear())
        nengo.Connection(stimulus, ensemble, synapse=None)
        transform = nengo.Convolution(1, (4, 1), kernel_size=(2,), strides=(1,))
        answer = nengo.Node(size_in=3)
        nengo.Connection(
            ensemble, answer, transform=transform, synapse=None, label="decoded"
        )
        nengo.Probe(answer)
    x = np.zeros((4, 3, 4))
    with pytest.raises(ValidationError, match="network.*decoded.*a Convolution"):
        training.fit(network, x, x[:, :, :3], checkpoint=tmp_path / "c.npz")
    assert not (tmp_path / "c.npz").exists()


WRONG = {
    "network": [None, 3, "network", [], LMU],
    "inputs": [None, {}, {3: 4}, object(), [[["a"]]], np.zeros((2, 3, 1), complex)],
    "targets": [None, {}, {3: 4}, object(), "y", np.zeros((8, 2), complex)],
    "loss": [3, None, ["mse"]],
    "warm_up": ["a", None, 0.5],
    "form": [3, None, ["parallel"]],
    "dt": ["a", 0, -1, np.nan, [1]],
    "validation": ["ab", np.zeros((2, 3)), ({}, {})],
    "epochs": ["a", None, True],
    "batch_size": [[3], 0.5, True],
    "learning_rate": ["a", None, [0.1], lambda epoch: "a", lambda epoch: None],
    "noise": [[0.1], object(), np.zeros(3), True, 1j],
    "dropout": ["a", None, [0.1]],
    "patience": ["a", 0.5],
    "checkpoint": [3, "", "a\0b", ["a"]],
    "seed": ["a", None, 2**32, True],
    "progress": ["a", None, 1],
    "last": ["a", None, 1, np.zeros(2)],
    "dtype": ["int", None, np.float32],
}


@pytest.mark.parametrize("function", ["fit", "predict", "evaluate"])
def test_wrong_types(function):
    function = getattr(training, function)
    taken = inspect.signature(function).parameters
    x, y = sequences(8)
    network = classifier()
    for name in set(WRONG) & set(taken):
        for value in WRONG[name]:
            given = {"network": network, "inputs": x, "targets": y, "epochs": 1}
            given.update(loss="crossentropy", validation=(x, y))
            given[name] = value
            given = {k: v for k, v in given.items() if k in taken}
            with pytest.raises(ValidationError):
                function(**given)


def test_wrong_types_of_files(tmp_path):
    network = classifier()
    fit(network, epochs=1)
    path = tmp_path / "network.npz"
    for bad in (None, 3, "", "a\0b", ["a"]):
        with pytest.raises(ValidationError, match="path"):
            training.save(bad, network)
        with pytest.raises(ValidationError, match="path"):
            training.load(bad, network)
    for bad in (3, "about", [1], {"a": object()}, {(1, 2): 3}, {"a": np.zeros(3)}):
        with pytest.raises(ValidationError, match="about"):
            training.save(path, network, bad)
    for bad in (None, 3, "network"):
        with pytest.raises(ValidationError, match="network"):
            training.save(path, bad)
    assert not path.exists()
    training.save(path, network)
    for bad in (None, 3, "network"):
        with pytest.raises(ValidationError, match="network"):
            training.load(path, bad)
