"""The numbers of the linear memory: how well it approximates a delay and a window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln, spherical_jn

from spiking_lmu.delay_errors import choose_order, delay_error, usable_band
from spiking_lmu.legendre import readout, state_space, window_weights
from spiking_lmu.linear_systems import discretize, transfer
from spiking_lmu.signals import white_noise

#: Steps by which the state of each method is late, beyond the delay of theta.
LAGS = {
    "zoh": 0.5,  # an input that is held for a step is half a step old on average
    "foh": 0.0,
    "bilinear": 0.5,  # the mean of two inputs, of which the later one is missing
    "euler": 0.0,
    "backward_diff": 1.0,  # the input at the end of the step, one step late
    "impulse": 0.0,
}

#: Types of the columns of all rows; one that does not apply is empty.
COLUMNS = {
    "kind": "object",
    "order": "int64",
    "theta_times_freq": "float64",
    "tolerance": "float64",
    "method": "object",
    "reading": "object",
    "steps": "Int64",
    "lag": "float64",
    "spectral_radius": "float64",
    "stable": "boolean",
    "error": "float64",
}

Row = dict[str, Any]


def delay_rows(orders: Sequence[int], cycles: np.ndarray) -> Iterator[Row]:
    for order in orders:
        for freq, error in zip(cycles, delay_error(order, cycles)):
            yield {
                "kind": "delay",
                "order": order,
                "theta_times_freq": freq,
                "error": error,
            }


def band_rows(
    orders: Sequence[int], tolerances: Sequence[float], cycles: Sequence[float]
) -> Iterator[Row]:
    for tolerance in tolerances:
        for order in orders:
            yield {
                "kind": "band",
                "order": order,
                "theta_times_freq": usable_band(order, tolerance),
                "tolerance": tolerance,
            }
        for freq in cycles:
            yield {
                "kind": "need",
                "order": choose_order(freq, tolerance),
                "theta_times_freq": freq,
                "tolerance": tolerance,
            }


def window_rows(orders: Sequence[int], cycles: float) -> Iterator[Row]:
    """Relative rms errors of the window, over its whole length and all frequencies."""
    nodes, weights = np.polynomial.legendre.leggauss(32 + int(8 * cycles))
    freqs, weights = cycles * (nodes + 1) / 2, weights / 2
    for order in orders:
        for method, squares in zip(
            ("memory", "projection"), window_errors(order, freqs)
        ):
            yield {
                "kind": "window",
                "order": order,
                "theta_times_freq": cycles,
                "method": method,
                "error": np.sqrt(weights @ squares),
            }


def window_errors(order: int, cycles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Mean square errors of the window of a complex wave, :math:`e^{i \omega t}`.

    Parameters
    ----------
    order : int
    cycles : (n,) array
        Numbers of cycles in the window.

    Returns
    -------
    memory : (n,) array
        Of the window that the memory holds.
    projection : (n,) array
        Of the polynomial of the same order that is nearest to the window.

    Notes
    -----
    The wave's coefficients are
    :math:`(2 i + 1) (-i)^i e^{-i \omega \theta / 2} j_i(\omega \theta / 2)` with the
    spherical Bessel functions :math:`j_i`. Those from ``order`` on are out of reach
    of both; the memory errs in the others too.
    """
    cycles = np.asarray(cycles, dtype=float)
    s = 2j * np.pi * cycles
    i = np.arange(order + 64 + int(4 * cycles.max(initial=0)))
    wave = (2 * i + 1) * (-1j) ** (i % 4) * np.exp(-s / 2)[:, None]
    wave = wave * spherical_jn(i, np.pi * cycles[:, None])
    weights = window_weights(len(i))
    held = transfer(*state_space(1.0, order), s)
    projection = np.abs(wave[:, order:]) ** 2 @ weights[order:]
    memory = np.abs(held - wave[:, :order]) ** 2 @ weights[:order]
    return projection + memory, projection


def leading_error(order: int, cycles: np.ndarray) -> np.ndarray:
    """What `delay_error` tends to at low frequency: the first missing power of s."""
    logs = gammaln(order + 1) + gammaln(order)
    logs -= gammaln(2 * order + 1) + gammaln(2 * order)
    return np.exp(logs + 2 * order * np.log(2 * np.pi * np.asarray(cycles)))


def euler_limit(order: int) -> float:
    """Steps in a window that Euler's method needs more of, to be stable.

    The largest of :math:`-|a|^2 / (2 Re a)` over the eigenvalues a of the state
    matrix with theta = 1.
    """
    A, _ = state_space(1.0, order)
    scale = np.sqrt(window_weights(order))
    # in normalized polynomials the eigenvalues suffer less from rounding
    a = np.linalg.eigvals(A * scale[:, None] / scale)
    return float(np.max(np.abs(a) ** 2 / (-2 * a.real)))


def limit_rows(orders: Sequence[int]) -> Iterator[Row]:
    for order in orders:
        steps = int(np.floor(euler_limit(order) * (1 + 1e-9))) + 1
        yield {"kind": "limit", "order": order, "method": "euler", "steps": steps}


def step_rows(
    orders: Sequence[int], methods: Sequence[str], steps: Sequence[int], cycles: float
) -> Iterator[Row]:
    for order, method, n in product(orders, methods, steps):
        yield from _compared(order, method, n, cycles)


def _compared(order: int, method: str, steps: int, cycles: float) -> Iterator[Row]:
    from scipy.signal import cont2discrete

    A, B = state_space(1.0, order)
    C = readout(order, 1.0)
    Ad, Bd = discretize(A, B, 1 / steps, method)
    radius = float(np.abs(np.linalg.eigvals(Ad)).max())
    z = np.exp(2j * np.pi * cycles / steps)
    state = (C @ np.linalg.solve(z * np.eye(order) - Ad, Bd)).item()
    F, G, H, D, _ = cont2discrete((A, B, C, np.zeros((1, 1))), 1 / steps, method=method)
    system = (H @ np.linalg.solve(z * np.eye(order) - F, G) + D).item()
    for reading, response, lag in (
        ("state", state, 0.0),
        ("shifted", state, LAGS[method]),
        ("system", system, 0.0),
    ):
        error = np.abs(response - z ** -(steps + lag))
        yield {
            "kind": "step",
            "order": order,
            "theta_times_freq": cycles,
            "method": method,
            "reading": reading,
            "steps": steps,
            "lag": lag,
            "spectral_radius": radius,
            "stable": radius < 1,
            "error": error if radius < 1 else np.nan,
        }


def rows_of(frame: pd.DataFrame, kind: str, **wanted: Any) -> pd.DataFrame:
    """The rows of one kind, and of these values, with whole numbers as such."""
    rows = frame[frame["kind"] == kind]
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    if kind in ("limit", "step"):
        rows = rows.astype({"steps": "int64"})
    return rows.astype({"stable": "bool"}) if kind == "step" else rows


def example_windows(
    orders: Sequence[int], cycles: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One window of white noise, and what memories of several orders hold of it.

    The noise repeats after 16 windows and more, and the memory has heard it forever;
    the states follow from its Fourier series, without time steps.

    Returns
    -------
    r : (n,) array
        Ages, 0 to 1.
    true : (n,) array
        The signal at each age.
    held : (len(orders), n) array
        What is read out of each memory.
    """
    period = max(16.0, np.ceil(2 / cycles))
    per_window = max(64, int(np.ceil(8 * cycles)))
    u = white_noise(period, 1 / per_window, cycles, 1.0, seed)
    waves = np.fft.rfft(u) / len(u)
    waves[1:] *= 2
    used = np.abs(waves) > 1e-12 * np.abs(waves).max()
    waves, s = waves[used], 2j * np.pi * np.flatnonzero(used) / period
    r = np.linspace(0, 1, 301)
    true = (waves @ np.exp(-np.outer(s, r))).real
    held = [
        readout(order, r) @ (waves @ transfer(*state_space(1.0, order), s)).real
        for order in orders
    ]
    return r, true, np.array(held)
