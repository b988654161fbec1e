"""Mackey-Glass series: as the reference makes them, and cut into windows."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments.mackey_glass.series import (
    STARTS,
    UNKNOWN,
    WASHOUT,
    mackey_glass,
    make_split,
    windows,
)


def test_series_by_a_queue_of_the_past():
    tau, n_steps, substeps = 17, 60, 10
    rng = np.random.RandomState(5)
    x, expected = 1.2, []
    for _ in range(3):
        past = deque(1.2 + 0.2 * (rng.rand(tau * substeps) - 0.5))
        values = []
        for _ in range(n_steps):
            for _ in range(substeps):
                late = past.popleft()
                past.append(x)
                x = x + (0.2 * late / (1 + late**10) - 0.1 * x) / substeps
            values.append(np.tanh(x - 1))
        expected.append(values)
    assert np.allclose(mackey_glass(3, n_steps, tau, seed=5), expected, atol=1e-12)


def test_the_series_solves_the_equation():
    """Its derivative, by central differences, is the right-hand side."""
    x = 1 + np.arctanh(mackey_glass(1, 2000, 17, seed=1)[0, WASHOUT:])
    now, late = x[18:-1], x[1:-18]
    derivative = (x[19:] - x[17:-2]) / 2
    expected = 0.2 * late / (1 + late**10) - 0.1 * now
    # differences over a step, and Euler's method with a tenth of it
    assert np.abs(derivative - expected).max() < 0.01
    assert np.abs(derivative).max() > 0.05


def test_only_a_long_delay_keeps_the_series_moving():
    """With a short delay, the series comes to rest."""
    short = mackey_glass(1, 3000, 3, seed=0)[0, 1000:]
    long = mackey_glass(1, 3000, 17, seed=0)[0, 1000:]
    assert short.std() < 1e-3 < 0.1 < long.std()  # a fixed point below some 4.5


def test_splits_are_different_series_centred_and_scaled():
    split = make_split((3, 2, 1), 250, 15, 17, False, seed=2)
    for (x, y), n in zip((split.train, split.validation, split.test), (3, 2, 1)):
        assert x.shape == y.shape == (n, 250, 1) and x.dtype == np.float32
        assert np.array_equal(x[:, 15:], y[:, :-15])
    every = np.concatenate([split.train[0], split.validation[0], split.test[0]])
    assert len(np.unique(every[:, 0, 0])) == 6
    assert abs(every.mean()) < 0.1 and abs(split.train[0].std() - 1) < 0.1


def test_swapped_exchanges_inputs_and_targets():
    true = make_split((2, 1, 1), 250, 15, 17, False, seed=2)
    swapped = make_split((2, 1, 1), 250, 15, 17, True, seed=2)
    for a, b in zip(true.__dict__.values(), swapped.__dict__.values()):
        assert np.array_equal(a[0], b[1]) and np.array_equal(a[1], b[0])


@pytest.mark.parametrize("length", [7, 40, 100])
def test_windows_are_stretches_of_the_series(length):
    x = np.arange(300.0).reshape(3, 100, 1)
    inputs, targets = windows(x, -x, length, np.random.default_rng(0))
    assert np.array_equal(np.diff(inputs, axis=1), np.ones_like(inputs[:, 1:]))
    first = inputs[:, 0, 0] % 100 == 0
    assert first.sum() == 3 * STARTS  # each series from its beginning
    assert np.array_equal(targets[first], -inputs[first])
    cut = targets[~first]
    unknown = min(UNKNOWN, length - 1)
    assert np.isnan(cut[:, :unknown]).all()
    assert np.array_equal(cut[:, unknown:], -inputs[~first][:, unknown:])


def test_windows_leave_little_out_and_begin_elsewhere_each_time():
    x = np.arange(400.0).reshape(1, 400, 1)
    rng = np.random.default_rng(1)
    starts = set()
    for _ in range(20):
        inputs, _ = windows(x, x, 50, rng)
        missing = 400 - len(np.unique(inputs))
        assert missing < 50
        starts.add(np.unique(inputs[:, 0, 0])[1])
    assert len(starts) > 5


@pytest.mark.parametrize(
    "name, value",
    [("n", 0), ("n_steps", 0), ("tau", 0), ("tau", 1.5), ("seed", -1), ("seed", 2**32)],
)
def test_bad_arguments(name, value):
    arguments = {"n": 1, "n_steps": 10, "tau": 17, "seed": 0, name: value}
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        mackey_glass(**arguments)


@pytest.mark.parametrize("scaled", [False, True])
def test_nothing_of_the_test_series_is_in_the_mean(scaled):
    """Other series to test with leave those to train on as they are."""
    splits = [
        make_split((2, 1, n), 200, 15, 17, False, seed=0, scaled=scaled) for n in (1, 9)
    ]
    few, many = splits
    for part in ("train", "validation"):
        for a, b in zip(getattr(few, part), getattr(many, part)):
            np.testing.assert_array_equal(a, b)
    whole = np.concatenate([few.train[0], few.train[1][:, -15:]], axis=1)
    assert whole.mean() == pytest.approx(0, abs=1e-6)
    assert (whole.std() == pytest.approx(1, abs=1e-5)) == scaled
