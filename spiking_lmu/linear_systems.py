"""Linear systems: time steps, synapses, responses and states over time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from nengo.exceptions import ValidationError
from numpy.typing import ArrayLike
from scipy.linalg import expm, schur

from .validation import check_array, check_choice, check_positive, refusal

METHODS = ("zoh", "foh", "bilinear", "euler", "backward_diff", "impulse")


def check_system(
    A: ArrayLike, B: ArrayLike, names: tuple[str, str] = ("A", "B")
) -> tuple[np.ndarray, np.ndarray]:
    """Return a square ``A`` (d, d) and a matching ``B`` (d, k) as float arrays."""
    A = check_array(names[0], A, ndims=(2,))
    B = check_array(names[1], B, ndims=(2,))
    if A.shape[0] != A.shape[1]:
        raise refusal(names[0], A.shape, "a square matrix")
    if B.shape[0] != A.shape[0]:
        allowed = f"a matrix of {A.shape[0]} rows, as {names[0]}"
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
        each step. The others are for comparison: ``"foh"``, ``"bilinear"``,
        ``"euler"``, ``"backward_diff"`` and ``"impulse"``, as in
        `scipy.signal.cont2discrete`.

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
        # the input is one more state, constant during a step
        block = np.zeros((d + k, d + k))
        block[:d, :d] = A * dt
        block[:d, d:] = B * dt
        step = expm(block)
        return step[:d, :d], step[:d, d:]

    from scipy.signal import cont2discrete  # slow to import

    Ad, Bd, *_ = cont2discrete((A, B, np.eye(d), np.zeros((d, k))), dt, method=method)
    return Ad, Bd


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


def transfer(A: np.ndarray, B: np.ndarray, s: np.ndarray) -> np.ndarray:
    """(s I - A)^-1 B for each ``s`` (n,), as (n, d) (one input)."""
    # A = Q U Q* with U triangular, once for all s: each s then takes d² operations
    U, Q = schur(A, output="complex")
    # in blocks, which limits the memory for intermediate results
    block = max(1, 2**22 // len(A))
    pieces = []
    for i in range(0, len(s), block):
        part = s[i : i + block]
        x = _solve_shifted(U, Q, part, np.repeat(B, len(part), axis=1))
        # one step of iterative refinement, as exact as elimination for each s
        x += _solve_shifted(U, Q, part, B - (x * part - A @ x))
        pieces.append(x.T)
    return np.concatenate(pieces)


def _solve_shifted(
    U: np.ndarray, Q: np.ndarray, s: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """(s I - Q U Q*)^-1 b for each ``s`` (n,) and its column of b (d, n)."""
    b = Q.conj().T @ b
    for j in reversed(range(len(U))):
        b[j] = (b[j] + U[j, j + 1 :] @ b[j + 1 :]) / (s - U[j, j])
    return Q @ b


def lag_of(C: np.ndarray, Ad: np.ndarray, Bd: np.ndarray) -> np.ndarray:
    """By how many steps each of the outputs C x (n,) follows a ramp late."""
    of_constant = np.linalg.solve(np.eye(len(Ad)) - Ad, Bd)
    of_ramp = np.linalg.solve(np.eye(len(Ad)) - Ad, of_constant)
    return ((C @ of_ramp) / (C @ of_constant))[:, 0]


def simulate(Ad: ArrayLike, Bd: ArrayLike, u: ArrayLike) -> np.ndarray:
    """States of the exact linear memory: x[n] = Ad x[n - 1] + Bd u[n - 1], x[0] = 0.

    Parameters
    ----------
    Ad : (d, d) array_like
    Bd : (d, k) array_like
    u : (n,) or (n, k) array_like
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
        and its state exceeds the largest number within these steps.
    """
    Ad, Bd = check_system(Ad, Bd, ("Ad", "Bd"))
    u = check_array("u", u, ndims=(1, 2))
    if u.ndim == 1:
        if Bd.shape[1] != 1:
            raise refusal("Bd", Bd.shape, "a matrix of one column")
        u = u[:, None]
    if u.shape[1] != Bd.shape[1]:
        raise refusal(
            "u", u.shape, f"of shape (n, {Bd.shape[1]}), a column for each of Bd"
        )
    x = np.zeros((len(u), len(Ad)))
    with np.errstate(over="ignore", invalid="ignore"):
        x[1:] = u[:-1] @ Bd.T
        for state, following in pairwise(x):
            following += Ad.dot(state)
    if not np.isfinite(x[-1]).all():  # once infinite, always infinite or NaN
        radius = float(np.abs(np.linalg.eigvals(Ad)).max())
        if radius > 1:
            finite = int(np.isfinite(x).all(axis=1).sum())
            raise ValidationError(
                f"must be stable, but has a spectral radius of {radius:.4g}: the state "
                f"exceeds the largest number within {finite} steps",
                attr="Ad",
            )
        raise refusal("u", np.abs(u).max(), "small enough for the state to stay finite")
    return x
