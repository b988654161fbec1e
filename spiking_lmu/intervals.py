"""Confidence intervals of means over networks, over items, and over both together.

An experiment runs several networks, often each on the same items (inputs, images).
Both are samples, and both move the mean. An interval over networks says what other
networks would give on the same items; one over items says what the same network would
give on other items; one over both covers both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from .validation import check_array, check_choice, check_number, refusal

SCALES = ("linear", "positive", "share")


class Interval(NamedTuple):
    """A mean, and the bounds of its confidence interval.

    Attributes
    ----------
    mean, low, high : float
        The bounds are NaN where a single value says nothing of its spread.
    """

    mean: float
    low: float
    high: float


def mean_interval(values: Any, scale: str = "linear", level: float = 0.95) -> Interval:
    r"""The mean of a sample, and its confidence interval.

    Parameters
    ----------
    values : (n,) or (n_networks, n_items) array_like
        Independent values; or a table of the values of each network (row) on each item
        (column), where all networks see the same items. The interval of a table is
        over networks and items together: networks, items and what is left are the
        components of variance of a crossed random-effects model [1]_, and degrees of
        freedom follow Satterthwaite [2]_. A table of one row has an interval over
        items, a table of one column has one over networks.
    scale : {"linear", "positive", "share"}
        What values the mean can have. ``"linear"`` is Student's interval.
        ``"positive"``, for errors, is Student's interval of the logarithm of the mean,
        with the standard error of first order; its lower bound is above 0.
        ``"share"``, for values between 0 and 1, is Wilson's score interval [3]_ for as
        many independent items as would give the same standard error; for zeros and
        ones in one row it is Wilson's interval itself. It stays between 0 and 1.
    level : float
        Probability with which the interval covers the mean.

    Returns
    -------
    Interval

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is none of the above, or values are outside of the scale.

    References
    ----------
    .. [1] S. R. Searle, G. Casella, C. E. McCulloch, "Variance Components", 1992.
    .. [2] F. E. Satterthwaite, "An approximate distribution of estimates of variance
       components", Biometrics Bulletin 2(6), 1946.
    .. [3] E. B. Wilson, "Probable inference, the law of succession, and statistical
       inference", Journal of the American Statistical Association 22, 1927.
    """
    check_choice("scale", scale, SCALES)
    low = -np.inf if scale == "linear" else 0
    high = 1 if scale == "share" else np.inf
    table = check_array("values", values, low, high, ndims=(1, 2))
    level = check_number("level", level, 0, 1, exclusive=True)
    if level == 1:
        raise refusal("level", level, "below 1")
    mean = float(table.mean())
    if table.ndim == 1:
        table = table[:, None]
    if scale == "share" and len(table) == 1:
        # every value says something of its spread: it is the mean of yes and no
        variance, freedom = mean * (1 - mean) / table.size, np.inf
    else:
        variance, freedom = _variance_of_mean(table)
    quantile = float(stdtrit(freedom, (1 + level) / 2))
    reach = quantile * np.sqrt(variance)
    if np.isnan(reach):
        return Interval(mean, np.nan, np.nan)
    if scale == "share":
        return _wilson(mean, variance, quantile, table.shape[1])
    if scale == "linear" or mean == 0:
        return Interval(mean, mean - reach, mean + reach)
    with np.errstate(over="ignore"):
        factor = np.exp(reach / mean)
    return Interval(mean, float(mean / factor), float(mean * factor))


def _variance_of_mean(table: np.ndarray) -> tuple[float, float]:
    """Variance of the grand mean of rows and columns, and its degrees of freedom."""
    a, b = table.shape
    if 1 in (a, b):
        n = a * b
        return (float(table.var(ddof=1)) / n if n > 1 else np.nan), max(n - 1, 1)
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    left = table - rows[:, None] - columns + table.mean()
    squares = np.array(
        [
            b * rows.var(ddof=1),
            a * columns.var(ddof=1),
            np.sum(left**2) / ((a - 1) * (b - 1)),
        ]
    )
    freedoms = np.array([a - 1, b - 1, (a - 1) * (b - 1)])
    total = squares @ [1, 1, -1]
    largest = int(np.argmax(squares[:2]))
    if total <= squares[largest]:  # the smaller component may be zero
        return float(squares[largest]) / (a * b), float(freedoms[largest])
    # Satterthwaite's ratio of squares, in units of the largest: squares may underflow
    parts = squares / squares.max()
    freedom = (parts @ [1, 1, -1]) ** 2 / np.sum(parts**2 / freedoms)
    return float(total) / (a * b), float(freedom)


def _wilson(mean: float, variance: float, quantile: float, n_items: int) -> Interval:
    """The score interval of a share, for the number of items that the variance means.

    If all values agree, the variance follows from the number of items alone.
    """
    n = mean * (1 - mean) / variance if variance > 0 else float(n_items)
    spread = quantile**2 / n
    middle = (mean + spread / 2) / (1 + spread)
    half = np.sqrt(spread * (mean * (1 - mean) + spread / 4)) / (1 + spread)
    low = 0.0 if mean == 0 else float(middle - half)
    high = 1.0 if mean == 1 else float(middle + half)
    return Interval(mean, low, high)
