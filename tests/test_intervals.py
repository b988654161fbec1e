"""Confidence intervals, against scipy's and by how often they cover the mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from nengo.exceptions import ValidationError
from scipy import stats

from spiking_lmu.intervals import mean_interval

shares = arrays(
    np.float64, array_shapes(max_dims=2, max_side=5), elements=st.floats(0, 1)
)


def test_linear_is_students():
    values = np.random.default_rng(0).normal(3, 2, 12)
    mean, low, high = mean_interval(values, level=0.9)
    expected = stats.t.interval(0.9, 11, loc=values.mean(), scale=stats.sem(values))
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx(expected)
    assert mean_interval(values[None], level=0.9) == (mean, low, high)
    assert mean_interval(values[:, None], level=0.9) == (mean, low, high)


@pytest.mark.parametrize("scale", ["linear", "positive"])
def test_one_value_says_nothing_of_its_spread(scale):
    mean, low, high = mean_interval([2.0], scale)
    assert mean == 2
    assert np.isnan([low, high]).all()


def test_one_network_on_images_is_wilsons():
    right = np.arange(500) < 471
    expected = stats.binomtest(471, 500).proportion_ci(method="wilson")
    mean, low, high = mean_interval(1.0 * right[None], "share")
    assert mean == 471 / 500
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_all_right_is_not_certain():
    expected = stats.binomtest(300, 300).proportion_ci(method="wilson")
    mean, low, high = mean_interval(np.ones((1, 300)), "share")
    assert (mean, high) == (1, 1)
    assert low == pytest.approx(expected.low)
    assert mean_interval(np.ones((3, 300)), "share").low < 0.99


def test_errors_stay_above_zero():
    values = [0.1, 0.2, 0.9]
    assert mean_interval(values).low < 0
    mean, low, high = mean_interval(values, "positive")
    assert mean == pytest.approx(0.4)
    assert 0 < low < mean < high
    close = 1 + 0.01 * np.array(values)
    linear, positive = mean_interval(close), mean_interval(close, "positive")
    np.testing.assert_allclose(linear, positive, rtol=1e-3)


@given(shares)
def test_shares_stay_between_their_bounds(values):
    mean, low, high = mean_interval(values, "share")
    if not np.isnan(low):
        assert -1e-12 <= low <= mean + 1e-12
        assert mean - 1e-12 <= high <= 1 + 1e-12


@pytest.mark.parametrize("unit", [1e-140, 1e-100, 1e100])
def test_the_unit_of_the_values_does_not_matter(unit):
    values = np.random.default_rng(0).normal(size=(3, 4))
    expected = unit * np.array(mean_interval(values))
    np.testing.assert_allclose(mean_interval(unit * values), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "networks, items, noise", [(0.3, 1.0, 0.5), (1.0, 0.1, 0.5), (0.5, 0.5, 0.1)]
)
def test_a_table_covers_other_networks_and_other_items(networks, items, noise):
    rng = np.random.default_rng(0)
    draws, a, b = 1000, 5, 10
    table = 7 + noise * rng.normal(size=(draws, a, b))
    table += networks * rng.normal(size=(draws, a, 1))
    table += items * rng.normal(size=(draws, 1, b))
    bounds = np.array([mean_interval(one)[1:] for one in table])
    covered = np.mean((bounds[:, 0] < 7) & (bounds[:, 1] > 7))
    # four standard errors of a share of 95 % in a thousand draws
    assert covered > 0.95 - 0.028
    # means over items treat what networks share as if it were independent
    alone = np.array([mean_interval(one.mean(axis=1))[1:] for one in table])
    assert np.mean((alone[:, 0] < 7) & (alone[:, 1] > 7)) < covered + 0.02


def test_networks_that_share_images():
    rng = np.random.default_rng(1)
    draws, a, b, true = 600, 3, 400, 0.95
    # hard images are hard for all networks; networks differ a little
    logit = (
        3.9
        + 1.5 * rng.normal(size=(draws, 1, b))
        + 0.1 * rng.normal(size=(draws, a, 1))
    )
    chance = 1 / (1 + np.exp(-logit))
    true = np.mean(1 / (1 + np.exp(-3.9 - 1.5 * rng.normal(size=10**6))))
    table = rng.random((draws, a, b)) < chance
    bounds = np.array([mean_interval(1.0 * one, "share")[1:] for one in table])
    assert np.mean((bounds[:, 0] < true) & (bounds[:, 1] > true)) > 0.95 - 0.036


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([]),
        lambda: mean_interval([1, np.inf]),
        lambda: mean_interval([1, 2], level=1.5),
        lambda: mean_interval([1, 2], level=1),
        lambda: mean_interval([1, -2], "positive"),
        lambda: mean_interval([0.5, 1.5], "share"),
        lambda: mean_interval([1, 2], "log"),
        lambda: mean_interval(np.ones((2, 2, 2))),
    ],
)
def test_bad_arguments(call):
    with pytest.raises(ValidationError):
        call()
