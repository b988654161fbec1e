"""The linear memory: state space, time steps, readouts and how well it delays."""

from __future__ import annotations

from typing import Any

import numpy as np
from nengo.exceptions import ValidationError
from numpy.typing import ArrayLike
from scipy.linalg import expm

from .validation import (
    check_array,
    check_choice,
    check_integer,
    check_number,
    check_positive,
    refusal,
)

MAX_ORDER = 1024
MAX_CYCLES = 1e12
# `delay_error` is rounding below the first, and comes and goes above the second
TOLERANCES = 1e-12, 0.5
METHODS = ("zoh", "foh", "bilinear", "euler", "backward_diff", "impulse")


def state_space(theta: float, order: int) -> tuple[np.ndarray, np.ndarray]:
    r"""The delay of ``theta`` seconds as a linear system in Legendre coordinates.

    The system :math:`\dot m = A m + B u` holds the last ``theta`` seconds of
    its input as the coefficients of Legendre polynomials (`readout`). It is the
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


def check_system(
    A: ArrayLike, B: ArrayLike, names: tuple[str, str] = ("A", "B")
) -> tuple[np.ndarray, np.ndarray]:
    """Return a square ``A`` (d, d) and a matching ``B`` (d, k) as float arrays."""
    A = check_array(names[0], A, ndims=(2,))
    B = check_array(names[1], B, ndims=(2,))
    if A.shape[0] != A.shape[1]:
        raise refusal(names[0], A.shape, "a square matrix")
    if B.shape[0] != A.shape[0]:
        allowed = f"a matrix of {A.shape[0]} rows, as many as {names[0]} has"
        raise refusal(names[1], B.shape, allowed)
    return A, B


def discretize(
    A: ArrayLike, B: ArrayLike, dt: float, method: str = "zoh"
) -> tuple[np.ndarray, np.ndarray]:
    r"""Turn :math:`\dot x = A x + B u` into :math:`x_{n+1} = \bar A x_n + \bar B u_n`.

    Parameters
    ----------
    A : (d, d) array_like
    B : (d, k) array_like
    dt : float
        Time step, in seconds.
    method : str
        ``"zoh"`` (zero-order hold) is exact for an input that is constant during
        each step. The others are there to compare: ``"foh"``, ``"bilinear"``,
        ``"euler"``, ``"backward_diff"`` and ``"impulse"``, which mean what they
        mean in `scipy.signal.cont2discrete`.

    Returns
    -------
    Ad : (d, d) ndarray
    Bd : (d, k) ndarray

    Raises
    ------
    nengo.exceptions.ValidationError
        If the shapes do not match, ``dt`` is not positive, or so large that the
        result would not be finite, or ``method`` is unknown.
    """
    A, B = check_system(A, B)
    dt = check_positive("dt", dt)
    check_choice("method", method, METHODS)
    allowed = "a step for which the result is finite"
    try:
        with np.errstate(all="ignore"):
            Ad, Bd = _discretize(A, B, dt, method)
    except (np.linalg.LinAlgError, ValueError, OverflowError):
        raise refusal("dt", dt, allowed) from None
    if not (np.all(np.isfinite(Ad)) and np.all(np.isfinite(Bd))):
        raise refusal("dt", dt, allowed)
    return Ad, Bd


def _discretize(
    A: np.ndarray, B: np.ndarray, dt: float, method: str
) -> tuple[np.ndarray, np.ndarray]:
    d, k = B.shape
    if method == "zoh":
        # the input is one more state, which stands still during a step
        block = np.zeros((d + k, d + k))
        block[:d, :d] = A * dt
        block[:d, d:] = B * dt
        step = expm(block)
        return step[:d, :d], step[:d, d:]

    from scipy.signal import cont2discrete  # slow to import

    Ad, Bd, *_ = cont2discrete((A, B, np.eye(d), np.zeros((d, k))), dt, method=method)
    return Ad, Bd


def readout(order: int, delays: ArrayLike) -> np.ndarray:
    """Weights that read past inputs out of the state: u(t - delay * theta) = C m(t).

    In continuous time; with time steps, the input is half a step late (see
    `sampled_readout`).

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


NEIGHBOURS = 4  # readings that a sample is put together from
OUTSIDE = 2  # so many where it is newer than all of them


def sampled_readout(
    theta: float, order: int, dt: float, delays: ArrayLike, newest: int = 1
) -> np.ndarray:
    r"""Weights that read past samples out of the state that time steps make of them.

    An input that is sampled every ``dt`` is held for a step: it reaches the state as
    a staircase, which is late by half a step on average. `readout` gives the staircase;
    the weights here give the signal that was sampled, :math:`C m_n \approx
    u(n\,dt - \mathrm{delay})`. All that reads a window out of a state with time
    steps, or compares it with a signal, goes through this function.

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
        How many steps ago the newest input was sampled that the state holds: 1 for
        `simulate` and `LegendreMemory`, where the input of a step arrives in the next
        one; 0 for a state that holds it at once, as that of `LMU`.

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
    the signal averaged over a step, about a lag that is known exactly, from the
    response of the discrete system to a ramp. Of the cubic that has these four
    averages, the value at the delay is taken. The half step thus disappears, and so
    does the share of the amplitude that an average takes away. Near a delay of 0, for
    which no state has the input yet that it needs, the line through the newest two
    readings is extrapolated: a cubic would follow a ramp no better, and multiply
    noise. High polynomials, outside of the window, would do so without bounds.
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


def lag_of(C: np.ndarray, Ad: np.ndarray, Bd: np.ndarray) -> np.ndarray:
    """By how many steps each of the outputs C x (n,) follows a ramp late."""
    of_constant = np.linalg.solve(np.eye(len(Ad)) - Ad, Bd)
    of_ramp = np.linalg.solve(np.eye(len(Ad)) - Ad, of_constant)
    return ((C @ of_ramp) / (C @ of_constant))[:, 0]


def window_weights(order: int) -> np.ndarray:
    """Weights w (order,) with: mean over the window of (C m)² = sum of w m²."""
    return 1 / (2 * np.arange(check_integer("order", order, high=MAX_ORDER)) + 1)


def transfer(A: np.ndarray, B: np.ndarray, s: np.ndarray) -> np.ndarray:
    """(s I - A)^-1 B for each ``s`` (n,), as (n, d) (one input)."""
    d = len(A)
    # a block of frequencies at a time: n matrices of d x d need not fit in memory
    block = max(1, 2**22 // d**2)
    pieces = [
        np.linalg.solve(s[i : i + block, None, None] * np.eye(d) - A, B[None])[..., 0]
        for i in range(0, len(s), block)
    ]
    return np.concatenate(pieces)


def delay_error(order: ArrayLike, theta_times_freq: ArrayLike) -> np.ndarray:
    r"""How far the memory is from an ideal delay of theta, at given frequencies.

    .. math:: |e^{-i\omega\theta} - C (i\omega I - A)^{-1} B|,
        \quad \omega = 2 \pi f

    which depends on the order and on the product of theta and f alone.

    Parameters
    ----------
    order : int or array_like of int
    theta_times_freq : float or array_like
        Number of cycles that the window holds, theta * f.

    Returns
    -------
    error : ndarray
        0 is perfect; 1 is as bad as no output. Of the shape to which the two
        arguments broadcast; at least 1-D.

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
        response = transfer(*state_space(1.0, int(d)), s).sum(axis=1)  # C = 1, ..., 1
        error[orders == d] = np.abs(np.exp(-s) - response)
    return error


def _check_orders(order: Any) -> np.ndarray:
    for d in np.ravel(np.asarray(order, dtype=object)):
        check_integer("order", d, high=MAX_ORDER)
    return check_array("order", order, low=1, ndims=(0, 1, 2)).astype(int)


def choose_order(theta_times_freq: float, tolerance: float = 0.01) -> int:
    """The smallest order that delays all frequencies up to a limit well enough.

    Parameters
    ----------
    theta_times_freq : float
        Number of cycles that the window holds, theta * f, at the highest frequency.
    tolerance : float
        Largest `delay_error` allowed at any frequency up to that; from 1e-12 to 0.5.

    Returns
    -------
    order : int

    Raises
    ------
    nengo.exceptions.ValidationError
        If the frequency is negative, the tolerance out of range, or no order
        within what `state_space` allows is enough.
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
    while delay_error(order, high)[0] <= tolerance:
        low, high = high, high + 0.1
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        inside = delay_error(order, middle)[0] <= tolerance
        low, high = (middle, high) if inside else (low, middle)
    return low


def map_to_synapse(
    A: ArrayLike, B: ArrayLike, tau: float, dt: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    r"""Principle 3: the transforms that make a filtered loop follow x' = A x + B u.

    A population whose output passes through a lowpass synapse of time constant
    ``tau``, connected to itself with A' and to its input with B', follows the
    system. In continuous time A' = tau A + I and B' = tau B. On a simulator with
    step ``dt``, with :math:`a = e^{-dt/\tau}` and the zero-order hold of the system,
    :math:`A' = (\bar A - a I) / (1 - a)` and :math:`B' = \bar B / (1 - a)`, which is
    exact on the time grid.

    Parameters
    ----------
    A : (d, d) array_like
    B : (d, k) array_like
    tau : float
        Time constant of the synapse, in seconds.
    dt : float, optional
        Time step of the simulator, in seconds; None is continuous time.

    Returns
    -------
    A', B' : ndarray
        The recurrent and the input transform, of the shapes of A and B.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the shapes do not match or ``tau`` or ``dt`` is not positive.

    References
    ----------
    VE 2018, section 3; Voelker 2019, equation 5.9.
    """
    A, B = check_system(A, B)
    tau = check_positive("tau", tau)
    if dt is None:
        return tau * A + np.eye(len(A)), tau * B
    Ad, Bd = discretize(A, B, dt)
    dt = float(dt)
    a = np.exp(-dt / tau)
    return (Ad - a * np.eye(len(A))) / -np.expm1(-dt / tau), Bd / -np.expm1(-dt / tau)


def simulate(Ad: ArrayLike, Bd: ArrayLike, u: ArrayLike) -> np.ndarray:
    """States of the exact linear memory: x[n] = Ad x[n - 1] + Bd u[n - 1], x[0] = 0.

    Parameters
    ----------
    Ad : (d, d) array_like
    Bd : (d, 1) array_like
    u : (n,) array_like
        Input at each step.

    Returns
    -------
    x : (n, d) ndarray
        The state at each step, as a `nengo.Probe` without synapse on the network
        would see it: the input of a step arrives in the next one.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the shapes do not match, a number is not finite, or the system is unstable
        and its state grows beyond all numbers within these steps.
    """
    Ad, Bd = check_system(Ad, Bd, ("Ad", "Bd"))
    if Bd.shape[1] != 1:
        raise refusal("Bd", Bd.shape, "a matrix of one column")
    u = check_array("u", u, ndims=(1,))
    x = np.empty((len(u), len(Ad)))
    state = np.zeros(len(Ad))
    with np.errstate(over="ignore", invalid="ignore"):
        drive = u[:, None] * Bd[:, 0]
        for n in range(len(u)):
            x[n] = state
            state = Ad @ state
            state += drive[n]
    if not np.isfinite(x[-1]).all():  # once infinite, always infinite or NaN
        radius = float(np.abs(np.linalg.eigvals(Ad)).max())
        if radius > 1:
            finite = int(np.isfinite(x).all(axis=1).sum())
            raise ValidationError(
                f"must be stable, but has a spectral radius of {radius:.4g}: the state "
                f"grows beyond all numbers within {finite} steps",
                attr="Ad",
            )
        raise refusal("u", np.abs(u).max(), "small enough for the state to stay finite")
    return x
