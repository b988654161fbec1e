"""The memory in Legendre coordinates: its state space, and readouts of its window."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .linear_systems import discretize, lag_of
from .validation import check_array, check_integer, check_number, check_positive

MAX_ORDER = 1024

NEIGHBOURS = 4  # readings that a sample is interpolated from

OUTSIDE = 2  # the same, for samples newer than all readings


def state_space(theta: float, order: int) -> tuple[np.ndarray, np.ndarray]:
    r"""The delay of ``theta`` seconds as a linear system in Legendre coordinates.

    The system :math:`\dot m = A m + B u` represents the last ``theta`` seconds of
    its input by the coefficients of Legendre polynomials (`readout`). It is the
    Padé approximant :math:`[d - 1 / d]` of :math:`e^{-\theta s}`.

    Parameters
    ----------
    theta : float
        Length of the window, in seconds.
    order : int
        Number of state variables, d.

    Returns
    -------
    A : (order, order) ndarray
        In 1/s: :math:`1 / \theta` is folded in.
    B : (order, 1) ndarray

    Raises
    ------
    nengo.exceptions.ValidationError
        If ``theta`` is not positive or ``order`` not an integer from 1 to 1024.

    References
    ----------
    LMU 2019, equations 1 and 2.
    """
    theta = check_positive("theta", theta)
    order = check_integer("order", order, high=MAX_ORDER)
    i = np.arange(order)[:, None]
    j = np.arange(order)[None, :]
    A = (2 * i + 1) * np.where(i < j, -1.0, (-1.0) ** (i - j + 1))
    B = (2 * i + 1) * (-1.0) ** i
    return A / theta, B / theta


def readout(order: int, delays: ArrayLike) -> np.ndarray:
    """Weights that read past inputs out of the state: u(t - delay * theta) = C m(t).

    These are for continuous time. With time steps, the input is half a step late; see
    `sampled_readout`.

    Parameters
    ----------
    order : int
        Number of state variables.
    delays : float or (n,) array_like
        Relative to theta: 0 is now and 1 is theta ago.

    Returns
    -------
    C : (n, order) ndarray
        Shifted Legendre polynomials, ``P_i(2 * delay - 1)``, evaluated by their
        three-term recurrence, which is stable at every order on this interval.

    Raises
    ------
    nengo.exceptions.ValidationError
        If a delay lies outside of [0, 1] or ``order`` is no positive integer.

    References
    ----------
    LMU 2019, equation 3.
    """
    order = check_integer("order", order, high=MAX_ORDER)
    x = 2 * np.atleast_1d(check_array("delays", delays, low=0, high=1)) - 1
    C = np.ones((len(x), order))
    if order > 1:
        C[:, 1] = x
    for i in range(2, order):
        C[:, i] = ((2 * i - 1) * x * C[:, i - 1] - (i - 1) * C[:, i - 2]) / i
    return C


def sampled_readout(
    theta: float, order: int, dt: float, delays: ArrayLike, newest: int = 1
) -> np.ndarray:
    r"""Weights that read past samples out of the state of a system with time steps.

    An input that is sampled every ``dt`` is constant for a step. It reaches the state
    as a staircase, late by half a step on average. `readout` gives the staircase.
    These weights give the sampled signal, :math:`C m_n \approx
    u(n\,dt - \mathrm{delay})`. Use this function to read a window
    out of a state with time steps, or to compare it with a signal.

    Parameters
    ----------
    theta : float
        Length of the window, in seconds.
    order : int
        Number of state variables.
    dt : float
        Time step, in seconds.
    delays : float or (n,) array_like
        In seconds, from 0 to theta.
    newest : int
        Age in steps of the newest input in the state: 1 for `simulate` and
        `LegendreMemory`, where the input of a step arrives in the next one; 0 for a
        state that includes it at once, as in `LMU`.

    Returns
    -------
    C : (n, order) ndarray

    Raises
    ------
    nengo.exceptions.ValidationError
        If a delay lies outside of the window, or another argument is out of range.

    Notes
    -----
    The staircase is read in the middle of four neighbouring steps. Each reading is
    the signal averaged over a step, with a lag that is known exactly from the response
    of the discrete system to a ramp. The result is the value at the delay of the cubic
    with these four averages. This removes the lag of half a step, and the attenuation
    by the average. Near a delay of 0, the state does not contain all of the required
    input yet. There, the line through the newest two readings is extrapolated. A cubic
    would follow a ramp no better and would multiply noise. High polynomials outside the
    window would multiply it without bound.
    """
    A, B = state_space(theta, order)
    theta, dt = float(theta), check_number("dt", dt, 0, theta, exclusive=True)
    ages = np.atleast_1d(check_array("delays", delays, low=0, high=theta)) / dt
    newest = check_integer("newest", newest, low=0, high=1)
    Ad, Bd = discretize(A, B, dt)
    outside = ages < newest + 0.5
    C = np.empty((len(ages), len(A)))
    for part, count in ((outside, OUTSIDE), (~outside, NEIGHBOURS)):
        if part.any():
            count = min(count, len(A))
            C[part] = _from_averages(ages[part], theta / dt, count, Ad, Bd, newest)
    return C


def _from_averages(
    ages: np.ndarray,
    steps: float,
    count: int,
    Ad: np.ndarray,
    Bd: np.ndarray,
    newest: int,
) -> np.ndarray:
    """Weights for samples of these ages, in steps, from so many averages each."""
    order = len(Ad)
    n = max(count, round(steps))
    # each delay's nearest steps: one begins where the staircase ends, now
    first = np.floor(ages * n / steps).astype(int) - count // 2 + 1 - newest
    chosen = np.clip(first, 0, n - count)[:, None] + np.arange(count)
    C = readout(order, (chosen.ravel() + 0.5) / n)
    lags = lag_of(C, Ad, Bd) - (1 - newest)
    from_delay = lags.reshape(chosen.shape) - ages[:, None]
    powers = np.arange(1, count + 1)[:, None]
    averages = [(from_delay[:, None] + side) ** powers for side in (-0.5, 0.5)]
    polynomial = (averages[1] - averages[0]) / powers
    weights = np.linalg.solve(polynomial, np.eye(count)[None, :, :1])
    return np.sum(weights * C.reshape(*chosen.shape, order), axis=1)


def window_weights(order: int) -> np.ndarray:
    """Weights w (order,) with: mean over the window of (C m)² = sum of w m²."""
    return 1 / (2 * np.arange(check_integer("order", order, high=MAX_ORDER)) + 1)
