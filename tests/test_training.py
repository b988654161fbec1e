"""Training: both forms, interruption, best weights, bad data."""

import inspect

import nengo
import numpy as np
import pytest
import scipy.sparse
from nengo.exceptions import ValidationError

from spiking_lmu import training
from spiking_lmu.compatibility import require
from spiking_lmu.networks import LMU, SequenceNetwork

STEPS = 20


def sequences(n=60, seed=0, size=1):
    """Sequences, and whether their first half is the larger."""
    x = np.random.default_rng(seed).normal(size=(n, STEPS, size))
    half = STEPS // 2
    return x, (x[:, :half].sum((1, 2)) > x[:, half:].sum((1, 2))).astype(int)


def classifier(seed=0, **kwargs):
    return SequenceNetwork(1, 2, 6, STEPS, kwargs.pop("units", 10), seed=seed, **kwargs)


def fit(network, **kwargs):
    x, y = sequences()
    settings = {
        "loss": "crossentropy",
        "epochs": 5,
        "batch_size": 10,
        "learning_rate": 0.01,
        **kwargs,
    }
    return training.fit(network, x, y, **settings)


def weights(network):
    return [c.transform.init for c in network.kernels.values()] + [
        layer.bias for layer in network.layers
    ]


@pytest.fixture(scope="module")
def trained():
    network = classifier()
    x, y = sequences(seed=1)
    result = fit(network, epochs=25, validation=(x, y))
    return network, result


def test_it_learns(trained):
    network, result = trained
    history = result.history
    assert list(history.epoch) == list(range(1, 26))
    assert history.loss.iloc[-1] < 0.5 * history.loss.iloc[0]
    x, y = sequences(200, seed=2)
    scores = training.evaluate(network, x, y, loss="crossentropy")
    # guessing is right in 100 of 200, with a deviation of 7
    assert scores["accuracy"] > 0.5 + 5 * 7 / 200
    outputs = training.predict(network, x, last=True)[:, 0]
    assert scores["accuracy"] == np.mean(outputs.argmax(axis=1) == y)


def test_the_result_tells_what_was_done(trained):
    _, result = trained
    assert result.form == "parallel"
    # W_x, W_m, biases, readout
    assert result.n_parameters == 10 * 1 + 10 * 6 + 10 + 2 * 10
    assert result.seconds == pytest.approx(result.history.seconds.sum())
    assert "70" not in str(result)
    assert "100 parameters in parallel form" in str(result)


def test_the_best_weights_are_kept(trained):
    network, result = trained
    best = result.history.validation_loss.idxmin()
    assert result.best_epoch == best + 1
    scores = training.evaluate(network, *sequences(seed=1), loss="crossentropy")
    expected = result.history.validation_loss[best]
    assert scores["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("last", [True, False])
def test_both_forms_compute_the_same(trained, last):
    network, _ = trained
    x, _ = sequences(7, seed=3)
    outputs = [
        training.predict(network, x, last=last, form=form, dtype="float64")
        for form in ("parallel", "sequential")
    ]
    assert outputs[0].shape == (7, 1 if last else STEPS, 2)
    np.testing.assert_allclose(*outputs, atol=1e-10)


def test_nengo_computes_the_same(trained):
    network, _ = trained
    x, _ = sequences(3, seed=4)
    expected = training.predict(network, x, dtype="float64")
    for sequence, outputs in zip(x, expected):
        network.stimulus.output = nengo.processes.PresentInput(sequence, network.dt)
        with nengo.Simulator(network, progress_bar=False) as sim:
            sim.run_steps(STEPS)
            np.testing.assert_allclose(sim.data[network.probe], outputs, atol=1e-10)
    network.stimulus.output = np.zeros(1)


def test_both_forms_learn_the_same():
    # without standardization they would take the same steps; with it, only the goal
    # is the same; unrolled steps take long to compile, so these are few
    x = sequences(600)[0][:, :8]
    targets = x[:, :, :1] * 0.5
    networks = [regression() for _ in range(2)]
    for network, form in zip(networks, ("parallel", "sequential")):
        result = training.fit(
            network, x, targets, epochs=6, batch_size=60, form=form, learning_rate=0.05
        )
        assert result.form == form
        scores = training.evaluate(network, x, targets)
        assert scores["nrmse"] < 0.25


def regression(**kwargs):
    """A unit with a linear readout, without recurrence through the hidden units."""
    with nengo.Network(seed=1) as network:
        stimulus = nengo.Node(np.zeros(1))
        paths = {"e_x": [1.0], "e_h": None, "e_m": None, "W_h": None, **kwargs}
        unit = LMU(8, 4, STEPS * 0.001, **paths)
        unit.config[unit.weights["e_x"]].trainable = paths["e_x"] != [1.0]
        nengo.Connection(stimulus, unit.input, synapse=None)
        output = nengo.Node(size_in=1)
        initial = nengo.dists.Uniform(-0.3, 0.3)
        nengo.Connection(unit.output, output, transform=initial, synapse=None)
        nengo.Probe(output)
    network.unit = unit
    return network


def test_recurrence_is_unrolled_and_the_reason_told():
    network = regression(W_h="xavier_normal")
    x, _ = sequences(8)
    result = training.fit(network, x, x, epochs=1, batch_size=4)
    assert result.form == "sequential"
    assert "W_h" in result.reason
    with pytest.raises(ValidationError, match="form.*W_h"):
        training.fit(regression(W_h="xavier_normal"), x, x, form="parallel")


def test_killed_and_continued_is_as_uninterrupted(tmp_path):
    whole, parts = classifier(), classifier()
    settings = {"noise": 0.1, "dropout": 0.2, "validation": sequences(seed=5)}
    rate = {"learning_rate": lambda epoch: 0.01 / (1 + epoch)}
    expected = fit(whole, epochs=6, **settings, **rate)
    checkpoint = tmp_path / "training.npz"
    for epochs in (2, 5, 6):
        # as a new process would find it
        parts = classifier()
        result = fit(parts, epochs=epochs, checkpoint=checkpoint, **settings, **rate)
    for own, theirs in zip(weights(parts), weights(whole)):
        np.testing.assert_array_equal(own, theirs)
    columns = ["epoch", "loss", "validation_loss"]
    assert result.history[columns].equals(expected.history[columns])


def test_interruption_loses_no_epoch(tmp_path):
    def interrupt(epoch):
        if epoch == 3:
            raise KeyboardInterrupt
        return 0.01

    network, checkpoint = classifier(), tmp_path / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        fit(network, learning_rate=interrupt, checkpoint=checkpoint)
    resumed = fit(classifier(), learning_rate=lambda epoch: 0.01, checkpoint=checkpoint)
    assert len(resumed.history) == 5
    three = classifier()
    fit(three, epochs=3)
    for own, theirs in zip(weights(network), weights(three)):
        np.testing.assert_array_equal(own, theirs)


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"batch_size": 12}, {"dropout": 0.1}, {"learning_rate": 0.2}]
)
def test_checkpoint_of_another_training_is_refused(tmp_path, other):
    checkpoint = tmp_path / "training.npz"
    fit(classifier(), epochs=1, checkpoint=checkpoint)
    before = checkpoint.read_bytes()
    with pytest.raises(ValidationError, match="checkpoint"):
        fit(classifier(), checkpoint=checkpoint, **other)
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 truncated"])
def test_damaged_checkpoint_is_refused(tmp_path, content):
    checkpoint = tmp_path / "training.npz"
    checkpoint.write_bytes(content)
    with pytest.raises(ValidationError):
        fit(classifier(), checkpoint=checkpoint)
    assert checkpoint.read_bytes() == content


def test_checkpoint_of_other_data_is_refused(tmp_path):
    checkpoint = tmp_path / "training.npz"
    fit(classifier(), epochs=1, checkpoint=checkpoint)
    x, y = sequences(seed=8)
    with pytest.raises(ValidationError, match="another data"):
        training.fit(
            classifier(),
            x,
            y,
            loss="crossentropy",
            epochs=2,
            batch_size=10,
            learning_rate=0.01,
            checkpoint=checkpoint,
        )


def test_early_stopping():
    x, y = sequences(seed=6)
    result = fit(classifier(), epochs=200, validation=(x, 1 - y), patience=2)
    # against the truth, things get worse from early on
    assert len(result.history) == result.best_epoch + 2 < 200


def test_calling_again_goes_on(trained):
    network = classifier()
    fit(network, epochs=10)
    before = weights(network)[1]
    result = fit(network, epochs=1, learning_rate=1e-6)
    np.testing.assert_allclose(weights(network)[1], before, atol=1e-3)
    assert result.history.loss.iloc[0] < 0.65  # of chance, log(2) = 0.69


def test_noise_of_a_given_covariance():
    """With noise in one direction alone, what learns does without that direction."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(1500, 1, 1)), STEPS, axis=1)
    networks = [regression(W_m="zeros") for _ in range(2)]
    for network, size in zip(networks, (0.0, 100.0)):
        covariance = np.diag([size, 0, 0, 0])
        training.fit(
            network,
            x,
            0.3 * x[:, -1:],
            epochs=6,
            learning_rate=0.02,
            noise={network.unit.state: covariance},
        )
    clean, noisy = (np.abs(n.unit.weights["W_m"].transform.init) for n in networks)
    assert noisy[:, 0].mean() < 0.2 * clean[:, 0].mean()


def test_targets_that_are_missing_do_not_count():
    x, _ = sequences(300)
    target = np.full((300, STEPS, 1), np.nan)
    target[:, 3] = 0.5 * x[:, 3]
    network = regression()
    first = training.fit(
        network, x, target, epochs=5, batch_size=30, learning_rate=0.05
    )
    assert first.history.loss.iloc[-1] < 0.02
    scores = training.evaluate(network, x, target)
    wanted = training.predict(network, x)[:, 3, 0]
    assert scores["loss"] == pytest.approx(
        np.mean((wanted - 0.5 * x[:, 3, 0]) ** 2), rel=1e-4
    )


def test_warm_up_does_not_count():
    x, _ = sequences(6)
    y = np.zeros_like(x)
    y[:, :5] = np.nan
    network = regression()
    training.fit(network, x, x, epochs=1)
    expected = training.evaluate(network, x, y)
    y[:, :5] = 1e6
    assert training.evaluate(network, x, y, warm_up=5)["loss"] == expected["loss"]
    sequential = training.evaluate(network, x, y, warm_up=5, form="sequential")
    assert sequential["loss"] == pytest.approx(expected["loss"], rel=1e-4)


def test_dropout_scales_what_is_left():
    network = classifier(units=200)
    result = fit(network, dropout=0.5, epochs=20, validation=sequences(seed=7))
    assert result.history.validation_loss.iloc[-1] < np.log(2)


def test_nothing_to_drop_out_is_refused():
    with nengo.Network() as network:
        stimulus = nengo.Node(np.zeros(1))
        output = nengo.Node(size_in=1)
        nengo.Connection(stimulus, output, transform=[[0.1]], synapse=None)
        nengo.Probe(output)
    x, _ = sequences(4)
    assert training.fit(network, x, x, epochs=2).n_parameters == 1
    with pytest.raises(ValidationError, match="dropout"):
        training.fit(network, x, x, dropout=0.1)


def test_decoders_learn_and_stay_in_the_network():
    with nengo.Network() as network:  # no seed: fit gives one
        stimulus = nengo.Node(np.zeros(1))
        ensemble = nengo.Ensemble(30, 1, neuron_type=nengo.RectifiedLinear())
        nengo.Connection(stimulus, ensemble, synapse=None)
        output = nengo.Node(size_in=1)
        nengo.Connection(ensemble, output, synapse=None)
        probe = nengo.Probe(output)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(2000, 1, 1))
    result = training.fit(
        network, x, np.abs(x), epochs=6, batch_size=20, learning_rate=1e-3
    )
    assert result.form == "parallel"
    assert result.history.loss.iloc[-1] < 0.2 * result.history.loss.iloc[0]
    outputs = training.predict(network, x[:3])
    for value, expected in zip(x[:3, 0], outputs[:, 0]):
        stimulus.output = value
        with nengo.Simulator(network, progress_bar=False) as sim:
            sim.step()
            np.testing.assert_allclose(sim.data[probe][0], expected, atol=1e-4)


def test_several_inputs_and_outputs():
    with nengo.Network(seed=0) as network:
        nodes = [nengo.Node(np.zeros(1)) for _ in range(2)]
        outputs = [nengo.Node(size_in=1) for _ in range(2)]
        for pre, post in zip(nodes, outputs):
            nengo.Connection(pre, post, transform=[[0.5]], synapse=None)
        probes = [nengo.Probe(o) for o in outputs]
    x, _ = sequences(200)
    data = dict(zip(nodes, (x, 2 * x)))
    targets = dict(zip(probes, (3 * x, x)))
    result = training.fit(
        network, data, targets, epochs=6, batch_size=20, learning_rate=0.05
    )
    assert result.history.loss.iloc[-1] < 0.05
    given = training.predict(network, data)
    assert set(given) == set(probes)
    with pytest.raises(ValidationError, match=r"inputs.*2 of them"):
        training.predict(network, x)
    with pytest.raises(ValidationError, match="equal numbers of sequences and steps"):
        training.predict(network, {nodes[0]: x, nodes[1]: x[:, :-1]})


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


def test_covariances_must_be_some(trained):
    network = classifier()
    for covariance in (np.eye(5), np.triu(np.ones((6, 6))), -np.eye(6), np.ones(6)):
        with pytest.raises(ValidationError, match="noise"):
            fit(network, noise={network.lmu.state: covariance})


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


KEPT = {
    "convolution": (16, 3 * 3 * 2, nengo.Convolution(2, (4, 4, 1), strides=(1, 1))),
    "transposed": (
        4,
        2 * 2 * 2,
        nengo.ConvolutionTranspose(2, (2, 2, 1), kernel_size=(2, 2), strides=(1, 1)),
    ),
    "sparse": (
        12,
        8,
        nengo.Sparse(
            (8, 12), [(k, k + 1) for k in range(8)], nengo.dists.Uniform(-1, 1)
        ),
    ),
    "scipy": (12, 8, nengo.Sparse((8, 12), init=scipy.sparse.eye(8, 12))),
    "scalar": (8, 1, 0.5),
    "diagonal": (8, 8, np.ones(8)),
}


def around(size, transform):
    """Values, a transform, hidden units and an answer."""
    with nengo.Network(seed=0) as network:
        network.stimulus = nengo.Node(np.zeros(size))
        n = getattr(transform, "size_out", size)
        hidden = nengo.Ensemble(
            n, 1, gain=np.ones(n), bias=np.zeros(n), neuron_type=nengo.Tanh(tau_ref=1)
        )
        answer = nengo.Node(size_in=2)
        nengo.Connection(
            network.stimulus, hidden.neurons, transform=transform, synapse=None
        )
        initial = nengo.dists.Uniform(-1, 1)
        nengo.Connection(hidden.neurons, answer, transform=initial, synapse=None)
        network.probe = nengo.Probe(answer)
    return network


@pytest.mark.parametrize("form", ["parallel", "sequential"])
@pytest.mark.parametrize("kind", KEPT)
def test_weights_of_every_kind_are_kept(tmp_path, kind, form):
    """What NengoDL has learned is what Nengo then computes, also from a file."""
    size, n_weights, transform = KEPT[kind]
    x = np.random.default_rng(0).normal(size=(20, 3, size))
    network = around(size, transform)
    before = training.predict(around(size, transform), x[:1], dtype="float64")
    result = training.fit(
        network, x, x[:, :, :2], epochs=2, batch_size=5, form=form, learning_rate=0.05,
        checkpoint=tmp_path / "checkpoint.npz",
    )  # fmt: skip
    (hidden,) = network.ensembles  # of which encoders, biases and two decoders learn
    assert result.n_parameters == n_weights + 4 * hidden.n_neurons
    scores = training.evaluate(network, x, x[:, :, :2])
    assert scores["loss"] < result.history.loss.iloc[0]
    expected = training.predict(network, x[:1], dtype="float64")
    assert not np.allclose(expected, before)
    path = training.save(tmp_path / "network.npz", network)
    loaded = around(size, transform)
    training.load(path, loaded)
    for one in (network, loaded):
        one.stimulus.output = nengo.processes.PresentInput(x[0], 0.001)
        with nengo.Simulator(one, progress_bar=False, optimize=False) as sim:
            sim.run_steps(3)
        np.testing.assert_allclose(sim.data[one.probe], expected[0], atol=1e-6)


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


@pytest.mark.parametrize("form", ["parallel", "sequential"])
@pytest.mark.parametrize("part", [slice(None), slice(1, 2), [1, 0]])
def test_the_stimulus_can_be_probed(form, part):
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node(np.zeros(2))
        answer = nengo.Node(size_in=2)
        nengo.Connection(stimulus, answer, transform=2 * np.eye(2), synapse=None)
        heard = nengo.Probe(stimulus[part])
        nengo.Probe(answer)
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    outputs = training.predict(network, x, form=form, dtype="float64")
    np.testing.assert_allclose(outputs[heard], x[:, :, part])
    with network:
        filtered = nengo.Probe(stimulus, synapse=0.003)
    outputs = training.predict(network, x, dtype="float64")
    expected = [nengo.Lowpass(0.003).filt(one, dt=0.001) for one in x]
    np.testing.assert_allclose(outputs[filtered][:, 1:], np.array(expected)[:, :-1])


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


@pytest.mark.parametrize("form", ["parallel", "sequential"])
def test_predict_gives_the_steps_that_probes_take(form):
    with nengo.Network() as network:
        stimulus, late = nengo.Node([0.0]), nengo.Node(size_in=1)
        nengo.Connection(stimulus, late, synapse=0.005)
        probes = [
            nengo.Probe(late, sample_every=every) for every in (None, 0.003, 0.0025)
        ]
    x = np.random.default_rng(0).normal(size=(1, STEPS, 1))
    found = training.predict(network, x, form=form, dtype="float64")
    newest = training.predict(network, x, form=form, dtype="float64", last=True)
    stimulus.output = nengo.processes.PresentInput(x[0], 0.001)
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.run_steps(STEPS)
    for probe in probes:
        np.testing.assert_allclose(found[probe][0], sim.data[probe], atol=1e-12)
        np.testing.assert_allclose(newest[probe][0], sim.data[probes[0]][-1:])
    assert [found[p].shape[1] for p in probes] == [20, 6, 8]
