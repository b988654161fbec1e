"""Errors of a signal, and the law by which errors fall with neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .validation import check_array, check_integer, refusal

LARGEST = 1e100  # squares of it, and their sums, are still finite
NORMAL_QUANTILE = 1.959963984540054  # 97.5 % of a normal distribution
ANY = range(65)  # numbers of dimensions that an array may have
LEVELS_OF_FLOOR = 4  # numbers of neurons that a law of three parameters takes
STEEPEST = -2.0  # a bound for fits: no measured error falls as fast


def rmse(
    actual: Any, target: Any, axis: int | tuple[int, ...] | None = None
) -> float | np.ndarray:
    """Root mean square of ``actual - target``.

    Parameters
    ----------
    actual, target : array_like
        Values in the same unit, of one and the same shape.
    axis : int or tuple of int, optional
        Axes averaged over; all of them by default.

    Returns
    -------
    float, or array of the remaining axes

    Raises
    ------
    nengo.exceptions.ValidationError
        If the shapes differ, values are not finite or there is no such axis.
    """
    actual, target = _check_pair(actual, target)
    if axis is not None:
        axes = axis if isinstance(axis, tuple) else (axis,)
        for one in axes:
            check_integer("axis", one, -actual.ndim, actual.ndim - 1)
        if len({one % actual.ndim for one in axes}) < len(axes):
            raise refusal("axis", axis, "axes that are all different")
    mean_square = np.mean((actual - target) ** 2, axis=axis)
    root = np.sqrt(mean_square)
    return root if np.ndim(root) else float(root)


def length_rmse(error: np.ndarray) -> float:
    """Root mean square over time of the length of an error vector (n, d)."""
    return float(np.sqrt(np.mean(np.sum(error**2, axis=1))))


def nrmse(actual: Any, target: Any) -> float:
    """Root mean square of ``actual - target``, relative to that of ``target``.

    Parameters
    ----------
    actual, target : array_like
        Values in the same unit, of one and the same shape.

    Returns
    -------
    float
        0 where they agree, 1 where ``actual`` might as well be zero.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the shapes differ, values are not finite or ``target`` is zero
        throughout.
    """
    actual, target = _check_pair(actual, target)
    size = float(rmse(target, np.zeros_like(target)))
    if size == 0:
        raise refusal("target", target, "different from zero in at least one place")
    return float(rmse(actual, target)) / size


@dataclass(frozen=True)
class Scaling:
    """The law ``error = constant * neurons ** exponent``.

    Attributes
    ----------
    exponent : float
    low, high : float
        Bounds of the 95 % interval of the exponent.
    constant : float
        In the unit of the errors.
    """

    exponent: float
    low: float
    high: float
    constant: float

    def __repr__(self) -> str:
        exponent = f"{self.exponent:.3g} ({self.low:.3g} to {self.high:.3g})"
        return f"<Scaling: exponent {exponent}, constant {self.constant:.3g}>"

    def predict(self, neurons: Any) -> np.ndarray:
        """Errors of networks of so many ``neurons``, in the same shape."""
        neurons = check_array("neurons", neurons, 0, exclusive=True, ndims=ANY)
        return self.constant * neurons**self.exponent


@dataclass(frozen=True)
class Floor:
    """The law ``error² = (constant * neurons ** exponent)² + floor²``.

    Attributes
    ----------
    exponent, constant, floor : float
        Constant and floor are in the unit of the errors.
    exponent_interval, constant_interval, floor_interval : (float, float)
        Bounds of the 95 % interval of each.
    """

    exponent: float
    constant: float
    floor: float
    exponent_interval: tuple[float, float]
    constant_interval: tuple[float, float]
    floor_interval: tuple[float, float]

    def __repr__(self) -> str:
        parts = (
            "{} {:.3g} ({:.3g} to {:.3g})".format(
                name, getattr(self, name), *getattr(self, f"{name}_interval")
            )
            for name in ("exponent", "constant", "floor")
        )
        return f"<Floor: {', '.join(parts)}>"

    def predict(self, neurons: Any) -> np.ndarray:
        """Errors of networks of so many ``neurons``, in the same shape."""
        neurons = check_array("neurons", neurons, 0, exclusive=True, ndims=ANY)
        return np.hypot(self.constant * neurons**self.exponent, self.floor)


def fit_scaling(
    neurons: Any, errors: Any, n_bootstrap: int = 2000, seed: int = 0
) -> Scaling:
    """Fit error = constant * neurons ** exponent to trials.

    A line through the logarithms by least squares, hence through geometric
    means. The interval of its slope is a bootstrap percentile interval: trials
    are drawn again among those of the same number of neurons, so that spread
    may differ from one number to the next. A plain bootstrap is too sure of
    itself where trials are few (80 % instead of 95 % for three trials each).
    Deviations are therefore widened by sqrt(n / (n - 1)) for n trials, and by
    the ratio of Student's t to the normal quantile [1]_, with the degrees of
    freedom of Welch and Satterthwaite [2]_.

    Where any number of neurons has a single trial, all deviations are taken
    from the line instead and drawn from one pool; two trials alone say nothing
    of their spread, and the interval is then infinite. Neither interval covers
    the error of fitting a line to what is no line: see `fit_floor`.

    Parameters
    ----------
    neurons : (n,) array_like
        The number of neurons in each trial; at least two different ones.
    errors : (n,) array_like
        The error of each trial, positive.
    n_bootstrap : int
        How often trials are drawn again, 100 to 10,000 times.
    seed : int
        Of the drawing.

    Returns
    -------
    Scaling

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is none of the above, or the lengths differ.

    References
    ----------
    .. [1] T. C. Hesterberg, "What teachers should know about the bootstrap",
       The American Statistician 69(4), 2015.
    .. [2] F. E. Satterthwaite, "An approximate distribution of estimates of
       variance components", Biometrics Bulletin 2(6), 1946.
    """
    trials = _check_trials(neurons, errors, n_levels=2)
    rng = _check_bootstrap(n_bootstrap, seed)
    weights = trials.slope_weights
    exponent = float(trials.means @ weights)
    level, centre = trials.centre
    line = level + exponent * (trials.x - centre)
    with np.errstate(over="ignore"):
        constant = float(np.exp(level - exponent * centre))
    means = trials.resample(line, 2, n_bootstrap, rng)
    if means is None:
        return Scaling(exponent, -np.inf, np.inf, constant)
    low, high = np.quantile(means @ weights, [0.025, 0.975])
    return Scaling(exponent, float(low), float(high), constant)


def fit_floor(
    neurons: Any, errors: Any, n_bootstrap: int = 200, seed: int = 0
) -> Floor:
    """Fit error² = (constant * neurons ** exponent)² + floor² to trials.

    For errors that level off: what remains with endless neurons adds to their
    noise in power. Least squares in the logarithm of the error, with an
    exponent between -2 and 0 and a floor of at least 0. Intervals are
    bootstrap percentile intervals, of the same draws as in `fit_scaling`. A
    floor that lies well below all errors has an interval that begins at 0.

    Parameters
    ----------
    neurons : (n,) array_like
        The number of neurons in each trial; at least `LEVELS_OF_FLOOR` different ones,
        more than there are parameters.
    errors : (n,) array_like
        The error of each trial, positive.
    n_bootstrap : int
        How often trials are drawn again, 100 to 10,000 times; each takes a
        millisecond or two.
    seed : int
        Of the drawing.

    Returns
    -------
    Floor

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is none of the above, or the lengths differ.
    """
    trials = _check_trials(neurons, errors, n_levels=LEVELS_OF_FLOOR)
    rng = _check_bootstrap(n_bootstrap, seed)
    slope = float(trials.means @ trials.slope_weights)
    starts = [(slope, 0.1), (-0.5, 0.9), (-1.0, 0.9), (-2.0, 0.9)]
    fits = [_least_squares(trials, trials.means, start) for start in starts]
    _, best, fitted = min(fits, key=lambda fit: fit[0])
    means = trials.resample(fitted, 3, n_bootstrap, rng)
    if means is None:
        wide = (0.0, np.inf)
        return Floor(*best, (-np.inf, np.inf), wide, wide)
    share = min(best[2] / np.exp(trials.means.min()), 1.0) ** 2
    draws = [_least_squares(trials, y, (best[0], share))[1] for y in means]
    intervals = np.quantile(draws, [0.025, 0.975], axis=0).T
    return Floor(*best, *((float(low), float(high)) for low, high in intervals))


@dataclass(frozen=True)
class _Trials:
    """Logarithms of neurons and errors, the errors sorted by neurons.

    ``x`` and ``counts`` have an element for each number of neurons, ``y`` one
    for each trial.
    """

    x: np.ndarray
    y: np.ndarray
    counts: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """Where the trials of each number of neurons begin in ``y``."""
        return np.cumsum(self.counts) - self.counts

    @property
    def means(self) -> np.ndarray:
        """Mean logarithm of the error at each number of neurons."""
        return np.add.reduceat(self.y, self.starts) / self.counts

    @property
    def centre(self) -> tuple[float, float]:
        """A point of the regression line: mean error and neurons."""
        return float(np.mean(self.y)), float(np.average(self.x, weights=self.counts))

    @property
    def slope_weights(self) -> np.ndarray:
        """What each of the means has to say in the slope of the line."""
        x = self.x - self.centre[1]
        return self.counts * x / np.sum(self.counts * x**2)

    def resample(
        self, fitted: np.ndarray, n_parameters: int, n_draws: int, rng: Any
    ) -> np.ndarray | None:
        """Draw trials again, and return (n_draws, n_levels) means.

        None where there are no more trials than parameters.
        """
        from scipy.special import stdtrit

        n = self.y.size
        if np.all(self.counts > 1):
            expected = self.means
            first, size = self.starts, self.counts
            scale = self.counts / (self.counts - 1)
        elif n > n_parameters:
            expected = fitted
            first, size = np.zeros_like(self.counts), np.full_like(self.counts, n)
            scale = np.full(self.counts.size, n / (n - n_parameters))
        else:
            return None
        deviations = self.y - np.repeat(expected, self.counts)
        deviations *= np.sqrt(np.repeat(scale, self.counts))
        freedom = float(n - n_parameters)
        if expected is not fitted:
            freedom = self._freedom(deviations)
        deviations *= stdtrit(freedom, 0.975) / NORMAL_QUANTILE
        draws = rng.random((n_draws, n)) * np.repeat(size, self.counts)
        index = np.repeat(first, self.counts) + draws.astype(int)
        sums = np.add.reduceat(deviations[index], self.starts, axis=1)
        return expected + sums / self.counts

    def _freedom(self, deviations: np.ndarray) -> float:
        """Degrees of freedom of the slope's variance, after Satterthwaite."""
        variances = np.add.reduceat(deviations**2, self.starts) / self.counts
        variances *= self.slope_weights**2 / self.counts
        if not variances.any():
            return np.inf
        variances /= variances.max()
        return variances.sum() ** 2 / np.sum(variances**2 / (self.counts - 1))


def _least_squares(
    trials: _Trials, means: np.ndarray, start: tuple[float, float]
) -> tuple[float, tuple[float, float, float], np.ndarray]:
    """Cost, (exponent, constant, floor) and fitted ``means`` from ``start``.

    ``start`` is an exponent and the floor's share in the smallest error's
    power. The share is linear in the model where the floor itself is not, so
    the fit can leave zero again.
    """
    from scipy.optimize import least_squares

    centre = trials.centre[1]
    x, weights = trials.x - centre, np.sqrt(trials.counts)
    lowest = means.min()

    def powers(parameters: np.ndarray) -> np.ndarray:
        level, exponent, share = parameters
        return np.exp(2 * (level + exponent * x)) + share

    def residuals(parameters: np.ndarray) -> np.ndarray:
        return weights * (0.5 * np.log(powers(parameters)) + lowest - means)

    def jacobian(parameters: np.ndarray) -> np.ndarray:
        total = powers(parameters)
        noise = 1 - parameters[2] / total
        return weights[:, None] * np.stack([noise, x * noise, 0.5 / total], axis=1)

    level = np.average(means, weights=trials.counts) - lowest
    begin = np.array([level, np.clip(start[0], STEEPEST, 0), start[1]])
    bounds = ([-np.inf, STEEPEST, 0], [np.inf, 0, np.inf])
    best = least_squares(residuals, begin, jacobian, bounds, x_scale="jac").x
    slope = np.clip(means @ trials.slope_weights, STEEPEST, 0)
    line = np.array([level, slope, 0])  # the search only ever comes near a bound
    if np.sum(residuals(line) ** 2) <= np.sum(residuals(best) ** 2) + 1e-12:
        best = line
    parameters = (
        float(best[1]),
        float(np.exp(best[0] + lowest - best[1] * centre)),
        float(np.exp(lowest) * np.sqrt(best[2])),
    )
    left = residuals(best)
    return float(left @ left), parameters, means + left / weights


def _check_pair(actual: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    actual = check_array("actual", actual, -LARGEST, LARGEST, ndims=ANY)
    target = check_array("target", target, -LARGEST, LARGEST, ndims=ANY)
    if actual.shape != target.shape:
        allowed = f"of the shape {target.shape} of the target"
        raise refusal("actual", actual.shape, allowed)
    return actual, target


def _check_trials(neurons: Any, errors: Any, n_levels: int) -> _Trials:
    neurons = check_array("neurons", neurons, low=0, exclusive=True, ndims=(1,))
    errors = check_array("errors", errors, low=0, exclusive=True, ndims=(1,))
    if errors.size != neurons.size:
        raise refusal("errors", errors, f"{neurons.size} numbers, as many as neurons")
    x, level, counts = np.unique(
        np.log(neurons), return_inverse=True, return_counts=True
    )
    if x.size < n_levels:
        raise refusal("neurons", neurons, f"of at least {n_levels} different values")
    return _Trials(x, np.log(errors)[np.argsort(level, kind="stable")], counts)


def _check_bootstrap(n_bootstrap: Any, seed: Any) -> np.random.Generator:
    check_integer("n_bootstrap", n_bootstrap, low=100, high=10_000)
    seed = check_integer("seed", seed, low=0)
    return np.random.default_rng(np.random.SeedSequence(seed))
