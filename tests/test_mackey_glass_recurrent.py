"""Recurrent networks for the Mackey-Glass task: LSTM, LMU and hybrid, in Keras."""

from __future__ import annotations

import numpy as np
import pytest

from spiking_lmu.compatibility import require
from spiking_lmu.experiments.mackey_glass.recurrent import (
    make_model,
    run_on_nengo,
    to_nengo,
    train_recurrent,
)
from spiking_lmu.experiments.mackey_glass.series import Split, make_split
from spiking_lmu.metrics import nrmse

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def split():
    return make_split((4, 1, 1), 400, 15, 17, False, seed=0)


@pytest.fixture(scope="module")
def tf():
    return require("tensorflow")


def test_parameters_are_those_of_the_paper(tf):
    counts = {name: make_model(tf, name, 0).count_params() for name in SIZES}
    assert counts == SIZES


# four LSTM cells of 4 (n_in + 25 + 1) 25, four LMU cells of
# n_in + 49 + 4 + (n_in + 49 + 4) 49, both in turn, and n + 1 for the readout
SIZES = {
    "lstm": 4 * 25 * (1 + 26) + 3 * 4 * 25 * (25 + 26) + 26,
    "lmu": (1 + 53) * 50 + 3 * (49 + 53) * 50 + 50,
    "hybrid": (1 + 44) * 41 + 4 * 25 * (40 + 26) + (25 + 44) * 41 + 4 * 25 * 66 + 26,
}


def test_the_lmu_is_networks_lmu(tf):
    """The cell, with random weights, against layers of `networks.LMU` on Nengo."""
    network = make_model(tf, "lmu", seed=3)
    rng = np.random.default_rng(0)
    small = [0.2 * rng.standard_normal(w.shape) for w in network.get_weights()]
    network.set_weights(small)
    x = rng.standard_normal((1, 80, 1)).astype(np.float32)
    given = run_on_nengo(to_nengo(network), x[0])
    assert np.abs(given).max() > 0.1
    assert np.allclose(given, network(x).numpy()[0], atol=1e-5)


def test_the_lstm_is_that_of_keras(tf):
    """Cells in one loop, against layers of tf.keras.layers.LSTM."""
    network = make_model(tf, "lstm", seed=1)
    layers = [tf.keras.layers.LSTM(25, return_sequences=True) for _ in range(4)]
    plain = tf.keras.Sequential([*layers, tf.keras.layers.Dense(1)])
    plain.build((None, None, 1))
    plain.set_weights(network.get_weights())
    x = np.random.default_rng(0).standard_normal((2, 50, 1)).astype(np.float32)
    assert np.allclose(plain(x), network(x), atol=1e-5)


def test_seeds_decide_the_initial_weights(tf):
    first, same, other = (make_model(tf, "hybrid", seed) for seed in (1, 1, 2))
    for a, b in zip(first.get_weights(), same.get_weights()):
        assert np.array_equal(a, b)
    kernels = [network.get_weights()[1] for network in (first, other)]
    assert not np.allclose(*kernels)
    assert kernels[0].std() > 0


def test_training_improves_and_keeps_the_best_epoch(split):
    learned = train_recurrent("hybrid", split, epochs=3, length=50, seed=0)
    errors = [row["validation_nrmse"] for row in learned.history]
    assert [row["epoch"] for row in learned.history] == [1, 2, 3]
    assert learned.history[-1]["loss"] < learned.history[0]["loss"]
    x, y = split.validation
    assert nrmse(learned.predict(x), y) == pytest.approx(min(errors), rel=1e-6)


def test_targets_that_are_nan_do_not_count(tf, split):
    """The first epoch, of one update, begins with the loss over all others."""
    (x, y), initial = split.train, make_model(tf, "lstm", seed=7)
    known = y.copy()
    known[:, :250] = np.nan
    masked = Split((x, known), split.validation, split.test)
    learned = train_recurrent("lstm", masked, epochs=1, length=x.shape[1], seed=7)
    expected = np.mean((initial(x).numpy() - y)[:, 250:] ** 2)
    assert learned.history[0]["loss"] == pytest.approx(expected, rel=1e-4)
    for weights in learned.network.get_weights():
        assert np.isfinite(weights).all()


def test_the_comparison_with_nengo_is_the_same_in_each_process(tf, monkeypatch):
    """Nengo's optimizer sums in an order that is not."""
    import nengo

    told = []

    class Simulator(nengo.Simulator):
        def __init__(self, *args, **options):
            told.append(options)
            super().__init__(*args, **options)

    monkeypatch.setattr(nengo, "Simulator", Simulator)
    x = np.zeros((5, 1), np.float32)
    run_on_nengo(to_nengo(make_model(tf, "lmu", seed=3)), x)
    (options,) = told
    assert options["optimize"] is False
