"""Training: both forms, interruption, best weights, bad data."""

import nengo
import numpy as np
import pytest
import scipy.sparse
from nengo.exceptions import ValidationError

from spiking_lmu import training
from spiking_lmu.data.archives import read_archive
from spiking_lmu.training.descent import Descent
from spiking_lmu.training.weights import draw_weights
from training_cases import STEPS, classifier, fit, regression, sequences, weights


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
    assert str(result).startswith("Trained 100 parameters in parallel form (")


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


def test_recurrence_is_unrolled_and_the_reason_told():
    network = regression(W_h="xavier_normal")
    x, _ = sequences(8)
    result = training.fit(network, x, x, epochs=1, batch_size=4)
    assert result.form == "sequential"
    assert "W_h" in result.reason
    with pytest.raises(ValidationError, match="form.*W_h"):
        training.fit(regression(W_h="xavier_normal"), x, x, form="parallel")


def test_training_is_traced_once(monkeypatch):
    traced = []

    def use_best(descent):
        train = descent.model.train_function
        traced.append(train.experimental_get_tracing_count())

    monkeypatch.setattr(Descent, "use_best", use_best)
    fit(classifier(), epochs=2)
    assert traced == [1]


def test_early_stopping():
    x, y = sequences(seed=6)
    result = fit(classifier(), epochs=200, validation=(x, 1 - y), patience=2)
    # against the truth, things get worse from early on
    assert len(result.history) == result.best_epoch + 2 < 200


def test_the_last_weights_can_be_kept(tmp_path):
    x, y = sequences(seed=6)
    same = {"epochs": 4, "validation": (x, 1 - y)}  # which gets worse and worse
    path = tmp_path / "checkpoint.npz"
    result = fit(classifier(), **same, keep="last", checkpoint=path)
    assert result.best_epoch == 4 > result.history["validation_loss"].argmin() + 1
    arrays, _ = read_archive(path)
    kept = [name for name in arrays if name.startswith("best")]
    for name in kept:
        last = arrays[name.replace("best", "weights")]
        np.testing.assert_array_equal(arrays[name], last)
    assert kept
    with pytest.raises(ValidationError, match="patience: must be None .* last weights"):
        fit(classifier(), **same, keep="last", patience=1)


def test_drawn_weights_may_be_those_of_standardized_inputs():
    """Then each is divided by what its input is divided by, and nothing else is."""
    still = {"epochs": 1, "learning_rate": 1e-12, "initial": "standardized"}
    plain, standardized = classifier(), classifier()
    draw_weights(plain, 0)
    drawn = {name: c.transform.init for name, c in plain.kernels.items()}
    fit(standardized, **still)
    x, _ = sequences()
    rms = [np.sqrt(np.mean(m**2, axis=0)) for m in (x[:, -1], plain.final_states(x))]
    assert rms[1].max() > 2 * rms[1].min()
    for name, scale in zip(("W_x", "W_m", "readout"), (*rms, 1)):
        stored = standardized.kernels[name].transform.init
        np.testing.assert_allclose(stored * scale, drawn[name], rtol=1e-4, atol=1e-6)
    fit(plain, **still)  # whose weights are there already
    for name, connection in plain.kernels.items():
        stored = connection.transform.init
        np.testing.assert_allclose(stored, drawn[name], rtol=1e-4, atol=1e-6)


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


def test_covariances_must_be_some(trained):
    network = classifier()
    for covariance in (np.eye(5), np.triu(np.ones((6, 6))), -np.eye(6), np.ones(6)):
        with pytest.raises(ValidationError, match="noise"):
            fit(network, noise={network.lmu.state: covariance})


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


def around_all():
    """Transforms of every kind, each of values, to hidden units and an answer."""
    with nengo.Network(seed=0) as network:
        network.stimulus = nengo.Node(np.zeros(16))
        network.answers = {}
        for kind, (size, _, transform) in KEPT.items():
            n = getattr(transform, "size_out", size)
            hidden = nengo.Ensemble(
                n,
                1,
                gain=np.ones(n),
                bias=np.zeros(n),
                neuron_type=nengo.Tanh(tau_ref=1),
            )
            answer = nengo.Node(size_in=2)
            values = network.stimulus[:size]
            nengo.Connection(values, hidden.neurons, transform=transform, synapse=None)
            initial = nengo.dists.Uniform(-1, 1)
            nengo.Connection(hidden.neurons, answer, transform=initial, synapse=None)
            network.answers[kind] = nengo.Probe(answer)
    return network


@pytest.mark.parametrize("form", ["parallel", "sequential"])
def test_weights_of_every_kind_are_kept(tmp_path, form):
    """What NengoDL has learned is what Nengo then computes, also from a file."""
    x = np.random.default_rng(0).normal(size=(20, 3, 16))
    network, untrained = around_all(), around_all()
    targets = {probe: x[:, :, :2] for probe in network.answers.values()}
    before = training.predict(untrained, x[:1], dtype="float64")
    result = training.fit(
        network, x, targets, epochs=2, batch_size=5, form=form, learning_rate=0.05,
        checkpoint=tmp_path / "checkpoint.npz",
    )  # fmt: skip
    # of hidden units, encoders, biases and two decoders learn
    n_hidden = sum(ensemble.n_neurons for ensemble in network.ensembles)
    n_weights = sum(n_weights for _, n_weights, _ in KEPT.values())
    assert result.n_parameters == n_weights + 4 * n_hidden
    scores = training.evaluate(network, x, targets)
    assert scores["loss"] < result.history.loss.iloc[0]
    expected = training.predict(network, x[:1], dtype="float64")
    path = training.save(tmp_path / "network.npz", network)
    loaded = around_all()
    training.load(path, loaded)
    for one in (network, loaded):
        one.stimulus.output = nengo.processes.PresentInput(x[0], 0.001)
        with nengo.Simulator(one, progress_bar=False, optimize=False) as sim:
            sim.run_steps(3)
        for kind, probe in network.answers.items():
            learned = expected[probe][0]
            assert not np.allclose(learned, before[untrained.answers[kind]][0]), kind
            found = sim.data[one.answers[kind]]
            np.testing.assert_allclose(found, learned, atol=1e-6, err_msg=kind)


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
