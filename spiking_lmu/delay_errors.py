"""How well the memory delays, and the order that this takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .legendre import MAX_ORDER
from .validation import check_array, check_integer, check_number, refusal

MAX_CYCLES = 1e12

# below the first, `delay_error` is rounding; above the second, it is not monotonic
TOLERANCES = 1e-12, 0.5


def delay_error(order: ArrayLike, theta_times_freq: ArrayLike) -> np.ndarray:
    r"""Distance of the memory from an ideal delay of theta at given frequencies.

    .. math:: |e^{-i\omega\theta} - C (i\omega I - A)^{-1} B|,
        \quad \omega = 2 \pi f

    which depends only on the order and on the product of theta and f.

    Parameters
    ----------
    order : int or array_like of int
    theta_times_freq : float or array_like
        Number of cycles that the window holds, theta * f.

    Returns
    -------
    error : ndarray
        0 is perfect; 1 is the error without output. Its shape is that of the two
        arguments after broadcasting, and at least 1-D.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an order is no positive integer, or a frequency is negative, or the
        two do not broadcast.

    References
    ----------
    LMU 2019, section 2; VE 2018.
    """
    cycles = check_array(
        "theta_times_freq", theta_times_freq, 0, MAX_CYCLES, ndims=(0, 1, 2)
    )
    orders = _check_orders(order)
    try:
        orders, cycles = np.broadcast_arrays(orders, cycles)
    except ValueError:
        raise refusal(
            "order", order, f"of a shape that broadcasts with {cycles.shape}"
        ) from None
    orders, cycles = np.atleast_1d(orders), np.atleast_1d(cycles)
    error = np.empty(cycles.shape)
    for d in np.unique(orders):
        s = 2j * np.pi * cycles[orders == d]
        error[orders == d] = np.abs(np.exp(-s) - _oldest(int(d), s))
    return error


def _oldest(order: int, s: np.ndarray) -> np.ndarray:
    """C (s I - A)^-1 B with theta = 1 and C = 1, ..., 1: the input theta ago.

    It is the Padé approximant [order - 1 / order] of exp(-s): one over a convergent of
    the continued fraction exp(s) = 1 + s/(1 - s/(2 + s/(3 - s/(2 + s/(5 - ...
    """
    tail = np.zeros_like(s)
    for k in range(2 * order - 1, 0, -1):
        tail = s / (k + tail) if k % 2 else -s / (2 + tail)
    return 1 / (1 + tail)


def _check_orders(order: Any) -> np.ndarray:
    for d in np.ravel(np.asarray(order, dtype=object)):
        check_integer("order", d, high=MAX_ORDER)
    return check_array("order", order, low=1, ndims=(0, 1, 2)).astype(int)


def choose_order(theta_times_freq: float, tolerance: float = 0.01) -> int:
    """The smallest order whose delay is within a tolerance up to a frequency.

    Parameters
    ----------
    theta_times_freq : float
        Number of cycles that the window holds, theta * f, at the highest frequency.
    tolerance : float
        Largest allowed `delay_error` at any frequency up to it; from 1e-12 to 0.5.

    Returns
    -------
    order : int

    Raises
    ------
    nengo.exceptions.ValidationError
        If the frequency is negative, the tolerance out of range, or no order
        that `state_space` allows is sufficient.
    """
    limit = check_number("theta_times_freq", theta_times_freq, 0, MAX_CYCLES)
    tolerance = check_number("tolerance", tolerance, *TOLERANCES)

    def enough(d: int) -> bool:
        # the error need not grow monotonically: look at lower frequencies too
        return bool(np.max(delay_error(d, np.linspace(0, limit, 33))) <= tolerance)

    high = 1
    while not enough(high):
        if high == MAX_ORDER:
            raise refusal(
                "theta_times_freq",
                theta_times_freq,
                f"low enough for an order of at most {MAX_ORDER} "
                f"with an error of at most {tolerance:g}",
            )
        high = min(2 * high, MAX_ORDER)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def usable_band(order: int, tolerance: float = 0.01) -> float:
    """The highest theta * f up to which an order delays within a tolerance.

    The inverse of `choose_order`: the first crossing of `delay_error` with the
    tolerance, to three digits.

    Parameters
    ----------
    order : int
    tolerance : float
        From 1e-12 to 0.5.

    Returns
    -------
    theta_times_freq : float

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range.
    """
    order = check_integer("order", order, high=MAX_ORDER)
    tolerance = check_number("tolerance", tolerance, *TOLERANCES)
    low, high = 0.0, 1.0
    while delay_error(order, high)[0] <= min(tolerance, 1e-3):
        low, high = high, 2 * high
    # beyond there, errors may come back: to find the first, do not skip any
    high = low + 0.1 if tolerance > 1e-3 else high
    while True:
        ahead = np.cumsum([high] + [0.1] * 31)  # many at once cost no more than one
        outside = np.flatnonzero(delay_error(order, ahead) > tolerance)
        if outside.size:
            break
        low, high = ahead[-1], ahead[-1] + 0.1
    first = int(outside[0])
    low, high = (ahead[first - 1] if first else low), ahead[first]
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        inside = delay_error(order, middle)[0] <= tolerance
        low, high = (middle, high) if inside else (low, middle)
    return float(low)
