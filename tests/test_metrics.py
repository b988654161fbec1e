"""Errors, and the fitted law by which they fall with neurons."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from nengo.exceptions import ValidationError
from scipy.stats import binom, linregress

from spiking_lmu.metrics import fit_floor, fit_scaling, nrmse, rmse

finite = arrays(
    np.float64, array_shapes(max_dims=3, max_side=4), elements=st.floats(-1e6, 1e6)
)
LEVELS = np.geomspace(30, 3000, 5)


@given(finite)
def test_rmse_is_a_scaled_norm(target):
    actual = target[::-1] + 1
    expected = np.linalg.norm(actual - target) / np.sqrt(target.size)
    result = rmse(actual, target)
    assert type(result) is float
    assert result == pytest.approx(expected, rel=1e-12)


def test_rmse_along_axes():
    rng = np.random.default_rng(0)
    actual, target = rng.normal(size=(2, 4, 3, 5))
    expected = [rmse(a, b) for a, b in zip(actual, target)]
    np.testing.assert_allclose(rmse(actual, target, axis=(1, 2)), expected)
    np.testing.assert_allclose(rmse(actual, target, axis=(-2, -1)), expected)
    assert rmse(actual, target, axis=0).shape == (3, 5)


@given(finite, st.floats(0.01, 100))
def test_nrmse_ignores_units(target, unit):
    target = target + 2e6  # never zero
    assert nrmse(target, target) == 0
    assert nrmse(0 * target, target) == pytest.approx(1)
    actual = target[::-1] * 1.5
    expected = nrmse(actual, target)
    assert nrmse(unit * actual, unit * target) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("metric", [rmse, nrmse])
@pytest.mark.parametrize(
    "bad", [np.nan, np.inf, "a", None, [], [1, 2, 3], [[1, 2]], [1j, 2], 1e200, 1.0]
)
def test_metrics_refuse(metric, bad):
    with pytest.raises(ValidationError, match="actual"):
        metric(bad, [1.0, 2.0])
    with pytest.raises(ValidationError, match="actual|target"):
        metric([1.0, 2.0], bad)


BAD_AXES = [2, -3, 0.5, "x", (0, 0), (0, -2), (0, 5), 10**30, (10**30,), [0], True, {}]


@pytest.mark.parametrize("axis", [*BAD_AXES, np.True_, np.timedelta64(1, "s")])
def test_rmse_refuses_an_axis(axis):
    with pytest.raises(ValidationError, match="^axis: must be"):
        rmse(np.ones((2, 3)), np.ones((2, 3)), axis=axis)


def test_nrmse_of_zero_target():
    with pytest.raises(ValidationError, match="target: .*different from zero"):
        nrmse([1.0, 1.0], [0.0, 0.0])


def trials(n_trials, seed, exponent=-0.5, constant=3.0, spread=0.1, floor=0.0):
    rng = np.random.default_rng(seed)
    neurons = np.repeat(LEVELS, n_trials)
    errors = np.hypot(constant * neurons**exponent, floor)
    return neurons, errors * np.exp(spread * rng.normal(size=neurons.size))


@given(st.floats(-2, 2), st.floats(1e-3, 1e3), st.integers(1, 4))
def test_exact_law_is_recovered(exponent, constant, n_trials):
    law = fit_scaling(*trials(n_trials, 0, exponent, constant, spread=0), 100)
    assert law.exponent == pytest.approx(exponent, abs=1e-9)
    assert law.constant == pytest.approx(constant, rel=1e-9)
    assert (law.low, law.high) == pytest.approx((exponent, exponent), abs=1e-9)
    expected = constant * np.array([[10.0], [1e4]]) ** exponent
    np.testing.assert_allclose(law.predict([[10], [1e4]]), expected, rtol=1e-8)


def test_estimate_is_the_regression_of_logarithms():
    rng = np.random.default_rng(3)
    neurons = rng.choice(LEVELS, size=37)
    errors = rng.lognormal(size=37)
    line = linregress(np.log(neurons), np.log(errors))
    law = fit_scaling(neurons, errors, 100)
    assert law.exponent == pytest.approx(line.slope)
    assert law.constant == pytest.approx(np.exp(line.intercept))


def test_order_of_trials_does_not_matter_and_seed_decides():
    neurons, errors = trials(4, 1)
    law = fit_scaling(neurons, errors, seed=7)
    assert fit_scaling(neurons, errors, seed=7) == law
    assert fit_scaling(neurons, errors, seed=8) != law
    shuffled = np.random.default_rng(0).permutation(neurons.size)
    other = fit_scaling(neurons[shuffled], errors[shuffled], seed=8)
    assert other.exponent == pytest.approx(law.exponent)
    assert other.high - other.low == pytest.approx(law.high - law.low, rel=0.15)


@pytest.mark.parametrize("n_trials", [1, 20])
def test_interval_agrees_with_regression_theory(n_trials):
    """Student's t is exact for one spread and normal deviations."""
    from scipy.stats import t

    ratios = []
    for seed in range(40):
        neurons, errors = trials(n_trials, seed)
        line = linregress(np.log(neurons), np.log(errors))
        law = fit_scaling(neurons, errors, seed=seed)
        width = 2 * t.ppf(0.975, neurons.size - 2) * line.stderr
        ratios.append((law.high - law.low) / width)
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("n_trials", [1, 3, 5, 20])
@pytest.mark.parametrize("steeper", [1, 3])
def test_interval_covers_as_often_as_it_says(n_trials, steeper):
    """The spread grows ``steeper`` times from the fewest to the most neurons."""
    n_repeats, covered = 400, 0
    neurons = np.repeat(LEVELS, n_trials)
    spread = 0.1 * np.repeat(np.linspace(1, steeper, LEVELS.size), n_trials)
    rng = np.random.default_rng(5)
    for seed in range(n_repeats):
        errors = neurons**-0.5 * np.exp(spread * rng.normal(size=neurons.size))
        law = fit_scaling(neurons, errors, n_bootstrap=400, seed=seed)
        covered += law.low <= -0.5 <= law.high
    assert covered >= binom.ppf(0.001, n_repeats, 0.93)
    assert covered <= binom.ppf(0.999, n_repeats, 0.97)


def test_two_trials_have_an_infinite_interval():
    law = fit_scaling([10, 1000], [1.0, 0.1])
    assert law.exponent == pytest.approx(-0.5)
    assert (law.low, law.high) == (-np.inf, np.inf)


@settings(max_examples=25)
@given(st.floats(-2, -0.4), st.floats(0.05, 0.5))
def test_exact_floor_is_recovered(exponent, share):
    constant, middle = 3.0, 500.0
    floor = share * constant * middle**exponent
    fit = fit_floor(*trials(2, 0, exponent, constant, 0, floor), n_bootstrap=100)
    assert fit.exponent == pytest.approx(exponent, rel=1e-4)
    assert fit.constant == pytest.approx(constant, rel=1e-3)
    assert fit.floor == pytest.approx(floor, rel=1e-3)
    expected = np.hypot(constant * LEVELS**exponent, floor)
    np.testing.assert_allclose(fit.predict(LEVELS), expected, rtol=1e-4)


def test_law_without_a_floor_has_none():
    fit = fit_floor(*trials(3, 0, spread=0), n_bootstrap=100)
    assert fit.floor == 0
    assert fit.floor_interval == (0, 0)
    assert fit.exponent == pytest.approx(-0.5)
    noisy = fit_floor(*trials(3, 1), n_bootstrap=100)
    assert noisy.floor_interval[0] == pytest.approx(0, abs=1e-3)
    assert noisy.floor < 3 * 3000**-0.5


def test_errors_that_rise_are_taken_as_level():
    fit = fit_floor(*trials(3, 0, exponent=0.5, spread=0), n_bootstrap=100)
    assert fit.exponent == 0


def test_floor_intervals_cover():
    truth, covered, n_repeats = np.array([-1.0, 3.0, 0.01]), np.zeros(3), 25
    for seed in range(n_repeats):
        data = trials(5, seed, exponent=-1, floor=0.01)
        fit = fit_floor(*data, n_bootstrap=100, seed=seed)
        intervals = fit.exponent_interval, fit.constant_interval, fit.floor_interval
        low, high = np.transpose(intervals)
        assert np.all(low <= [fit.exponent, fit.constant, fit.floor])
        assert np.all(high >= [fit.exponent, fit.constant, fit.floor])
        covered += (low <= truth) & (truth <= high)
    assert np.all(covered >= binom.ppf(0.001, n_repeats, 0.95))


def test_floor_of_single_trials():
    fit = fit_floor(*trials(1, 0, exponent=-1, floor=0.01), n_bootstrap=100)
    low, high = fit.floor_interval
    assert low < fit.floor < high
    # one size more than there are parameters
    fit = fit_floor([10, 100, 1000, 10000], [1.0, 0.2, 0.1, 0.08], n_bootstrap=100)
    low, high = fit.floor_interval
    assert low <= fit.floor <= high


@pytest.mark.parametrize("fit", [fit_scaling, fit_floor])
@pytest.mark.parametrize(
    "name, arguments",
    [
        ("neurons", ([0, 10, 20], [1, 2, 3])),
        ("neurons", ([-1, 10, 20], [1, 2, 3])),
        ("neurons", ([10, 10, 10], [1, 2, 3])),
        ("neurons", ([], [])),
        ("neurons", ("abc", [1, 2, 3])),
        ("neurons", ([np.nan, 10, 20], [1, 2, 3])),
        ("errors", ([10, 20, 30], [1, 2])),
        ("errors", ([10, 20, 30], [1, 2, 0])),
        ("errors", ([10, 20, 30], [1, 2, -1])),
        ("errors", ([10, 20, 30], [1, 2, np.inf])),
        ("errors", ([10, 20, 30], [[1, 2, 3]])),
        ("n_bootstrap", ([10, 20, 30, 40], [1, 2, 3, 4], 99)),
        ("n_bootstrap", ([10, 20, 30, 40], [1, 2, 3, 4], 10**9)),
        ("n_bootstrap", ([10, 20, 30, 40], [1, 2, 3, 4], 200.0)),
        ("seed", ([10, 20, 30, 40], [1, 2, 3, 4], 200, -1)),
        ("seed", ([10, 20, 30, 40], [1, 2, 3, 4], 200, None)),
    ],
)
def test_fits_refuse(fit, name, arguments):
    with pytest.raises(ValidationError, match=f"^{name}: must be"):
        fit(*arguments)


def test_a_floor_takes_more_sizes_than_parameters():
    with pytest.raises(ValidationError, match="at least 4 different"):
        fit_floor([10, 20, 30], [3, 2, 1])


def test_predictions_refuse_no_neurons():
    law = fit_scaling(*trials(2, 0))
    with pytest.raises(ValidationError, match="neurons"):
        law.predict(0)
    with pytest.raises(ValidationError, match="neurons"):
        fit_floor(*trials(2, 0), n_bootstrap=100).predict(-1)
