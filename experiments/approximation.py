"""How well the linear memory approximates a delay, and what time steps do to it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import gammaln, spherical_jn

from spiking_lmu.experiments import report as pages
from spiking_lmu.experiments import style
from spiking_lmu.experiments.arguments import integers, numbers, words
from spiking_lmu.experiments.report import Law, Report, Run, Section, number
from spiking_lmu.signals import white_noise
from spiking_lmu.state_space import (
    METHODS,
    choose_order,
    delay_error,
    discretize,
    readout,
    state_space,
    transfer,
    usable_band,
    window_weights,
)
from spiking_lmu.validation import (
    check_choice,
    check_integer,
    check_number,
    refusal,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST_ORDER = 256
STEPS = (20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000)

#: Steps by which the state of each method is late, beyond the delay of theta.
LAGS = {
    "zoh": 0.5,  # an input that is held for a step is half a step old on average
    "foh": 0.0,
    "bilinear": 0.5,  # the mean of two inputs, of which the later one is missing
    "euler": 0.0,
    "backward_diff": 1.0,  # the input at the end of the step, one step late
    "impulse": 0.0,
}

#: What is compared with an ideal delay, and what the figure calls it.
READINGS = {
    "state": r"state, $C\,m$",
    "shifted": "state, its lag allowed for",
    "system": "whole system",
}

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


# ---- The numbers -------------------------------------------------------------------


def run(
    orders: Sequence[int] = (1, 2, 3, 6, 12, 24, 48),
    max_cycles: float = 50.0,
    points: int = 401,
    tolerances: Sequence[float] = (0.01, 0.1),
    cycles: Sequence[float] = (1, 2, 5, 10, 20, 50),
    window_cycles: float = 3.0,
    methods: Sequence[str] = METHODS,
    steps: Sequence[int] = STEPS,
    step_orders: Sequence[int] = (6, 24),
    step_cycles: float = 1.0,
) -> pd.DataFrame:
    r"""Errors of the linear memory, in continuous time and with time steps.

    Parameters
    ----------
    orders : sequence of int
        Orders of the memory, at most 256.
    max_cycles : float
        Highest theta * f, the number of cycles that the window holds.
    points : int
        How many frequencies, in equal ratios from 0.005 cycles up.
    tolerances : sequence of float
        Errors to be kept to, 1e-9 to 0.5.
    cycles : sequence of float
        Numbers of cycles, at most 100, for which to find the order needed.
    window_cycles : float
        The whole window is reconstructed of a signal of flat spectrum that is
        limited to this theta * f.
    methods : sequence of str
        Of `spiking_lmu.state_space.discretize`.
    steps : sequence of int
        Time steps in a window, theta / dt.
    step_orders : sequence of int
        Orders at which to compare methods.
    step_cycles : float
        The theta * f at which to compare them; below half the least of ``steps``.

    Returns
    -------
    pandas.DataFrame
        One row a number; a column that does not apply is empty. By ``kind``:

        ======== ===================================================================
        delay    ``error`` of a delay of theta at ``theta_times_freq``, in continuous
                 time
        band     the ``theta_times_freq`` up to which ``error`` <= ``tolerance``
        need     the ``order`` which that takes
        window   ``error``, the rms over the window relative to the rms of the signal,
                 of ``method`` "memory" or "projection" (the best polynomial)
        limit    ``steps`` from which on ``method`` "euler" is stable
        step     ``error`` of ``method`` with ``steps`` in a window; missing where the
                 system is not ``stable``, for its ``spectral_radius`` is 1 or more
        ======== ===================================================================

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is none of the above.

    Notes
    -----
    With steps, the frequency response H(z), :math:`z = e^{i \omega dt}`, is held
    against an ideal delay: ``error`` is
    :math:`|H(z) - e^{-i \omega (\theta + \mathrm{lag} \cdot dt)}|`. What a method
    yields is a state space of four matrices, and `discretize` returns two of them.
    Hence three fair comparisons, by ``reading``:

    "state"
        C m with C = ``readout(order, 1)``, all that a network has whose neurons
        hold the state; what it knows of the input is one step old. "foh" and
        "impulse" leave a share of the response to the direct path from input to
        output, and C m lacks that.
    "shifted"
        The same, against a delay that is longer by the ``lag`` of the method,
        which is half a step for "zoh" and "bilinear" and a whole one for
        "backward_diff": what remains if one reads ``1 - lag / steps`` instead
        of 1, or takes the delay for what it is.
    "system"
        The output equation of `scipy.signal.cont2discrete` too, with its direct path.
    """
    orders = _check_integers("orders", orders, high=LARGEST_ORDER)
    max_cycles = check_number("max_cycles", max_cycles, 0.01, 1000)
    points = check_integer("points", points, 2, 10_000)
    tolerances = _check_numbers("tolerances", tolerances, 1e-9, 0.5)
    cycles = _check_numbers("cycles", cycles, 0.01, 100)
    window_cycles = check_number("window_cycles", window_cycles, 0.01, 100)
    methods = _check_methods(methods)
    steps = _check_integers("steps", steps, low=2, high=10**6)
    step_orders = _check_integers("step_orders", step_orders, high=LARGEST_ORDER)
    step_cycles = check_number("step_cycles", step_cycles, 0.001)
    if step_cycles >= min(steps) / 2:
        allowed = f"below {min(steps) / 2:g}, half the least of steps"
        raise refusal("step_cycles", step_cycles, allowed)
    rows = [
        *_delays(orders, np.geomspace(0.005, max_cycles, points)),
        *_bands(orders, tolerances, cycles),
        *_windows(orders, window_cycles),
        *_limits(orders),
        *_steps(step_orders, methods, steps, step_cycles),
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _check_sequence(name: str, values: Any) -> list[Any]:
    listed = isinstance(values, (Sequence, np.ndarray)) and np.iterable(values)
    if not listed or isinstance(values, str) or not len(values):
        raise refusal(name, values, "a sequence of at least one value")
    return list(values)


def _check_integers(
    name: str, values: Any, low: int = 1, high: int | None = None
) -> list[int]:
    values = _check_sequence(name, values)
    return sorted({check_integer(name, value, low, high) for value in values})


def _check_numbers(name: str, values: Any, low: float, high: float) -> list[float]:
    values = _check_sequence(name, values)
    return sorted({check_number(name, value, low, high) for value in values})


def _check_methods(values: Any) -> list[str]:
    values = _check_sequence("methods", values)
    return list(dict.fromkeys(check_choice("methods", v, METHODS) for v in values))


def _delays(orders: Sequence[int], cycles: np.ndarray) -> Iterator[Row]:
    for order in orders:
        for freq, error in zip(cycles, delay_error(order, cycles)):
            yield {
                "kind": "delay",
                "order": order,
                "theta_times_freq": freq,
                "error": error,
            }


def _bands(
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


def _windows(orders: Sequence[int], cycles: float) -> Iterator[Row]:
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


def _limits(orders: Sequence[int]) -> Iterator[Row]:
    for order in orders:
        steps = int(np.floor(euler_limit(order) * (1 + 1e-9))) + 1
        yield {"kind": "limit", "order": order, "method": "euler", "steps": steps}


def _steps(
    orders: Sequence[int],
    methods: Sequence[str],
    steps: Sequence[int],
    cycles: float,
) -> Iterator[Row]:
    for order in orders:
        for method in methods:
            for n in steps:
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


def _kind(frame: pd.DataFrame, kind: str, **wanted: Any) -> pd.DataFrame:
    """The rows of one kind, and of these values, with whole numbers as such."""
    rows = frame[frame["kind"] == kind]
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    if kind in ("limit", "step"):
        rows = rows.astype({"steps": "int64"})
    return rows.astype({"stable": "bool"}) if kind == "step" else rows


# ---- The figures -------------------------------------------------------------------


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """Delay error against theta * f at each order, and the band that it leaves.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    figure = style.new_figure("double", aspect=0.46)
    curves, bands = figure.subplots(1, 2, width_ratios=(1.55, 1))
    _draw_delays(curves, _kind(frame, "delay"))
    _draw_bands(bands, _kind(frame, "band"))
    style.letter(curves, "a")
    style.letter(bands, "b")
    return figure


def _draw_delays(ax: Axes, rows: pd.DataFrame) -> None:
    colours = style.order_colours(rows["order"])
    low, high = 1e-7, 3.0
    ax.axhline(0.01, color=style.QUIET, linewidth=0.8, linestyle=(0, (4, 2.5)))
    for order, curve in rows.groupby("order"):
        freqs, errors = curve["theta_times_freq"], curve["error"]
        ax.plot(freqs, errors, color=colours[order], linewidth=1.3)
        below = np.flatnonzero(errors.to_numpy() < 1e-3)
        if below.size and below[-1] + 1 < len(errors):
            place = slice(below[-1], below[-1] + 2)
            at = np.interp(
                np.log(1e-3), np.log(errors.iloc[place]), np.log(freqs.iloc[place])
            )
            _label(ax, float(np.exp(at)), 1e-3, f"{order}", colours[order])
    ax.set_xlim(rows["theta_times_freq"].min(), rows["theta_times_freq"].max())
    ax.set_ylim(low, high)
    style.log_axis(ax.xaxis)
    style.log_axis(ax.yaxis)
    ax.annotate(
        "1 %",
        (1, 0.01),
        (-1, 2),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        color=style.QUIET,
    )
    ax.set_xlabel(r"cycles in the window, $\theta f$")
    ax.set_ylabel("error of the delay")
    ax.set_title(r"Orders $d$")


def _label(ax: Axes, x: float, y: float, text: str, color: str) -> None:
    """Text upon a line, which it interrupts."""
    box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"}
    ax.text(x, y, text, color=color, ha="center", va="center", bbox=box)


def _draw_bands(ax: Axes, rows: pd.DataFrame) -> None:
    shades = [style.INK, style.COLOURS["poisson"], *style.COLOURS.values()]
    ends = rows["order"].min(), rows["order"].max()
    style.guide_line(ax, ends, ends[0] / np.pi, 1.0, r"$d/\pi$")
    for k, (tolerance, band) in enumerate(rows.groupby("tolerance")):
        ax.plot(
            band["order"],
            band["theta_times_freq"],
            marker="os^D"[k % 4],
            markeredgecolor="white",
            markeredgewidth=0.5,
            color=shades[k % len(shades)],
            label=f"error ≤ {_percent(tolerance)}",
        )
    ax.legend(loc="lower right")
    style.log_axis(ax.xaxis, rows["order"])
    style.log_axis(ax.yaxis)
    ax.set_xlabel(r"order, $d$")
    ax.set_ylabel(r"usable cycles in the window, $\theta f$")
    ax.set_title("Usable band")


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


@style.rc()
def plot_windows(frame: pd.DataFrame, seed: int = 0) -> Figure:
    """The Legendre polynomials, and windows reconstructed from them.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    seed : int
        Of the example, white noise that is limited to the frame's ``window_cycles``.
    """
    rows = _kind(frame, "window")
    cycles = float(rows["theta_times_freq"].iloc[0])
    shown = _example_orders(frame)
    figure = style.new_figure("double", aspect=0.68)
    grids = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    top = grids[0].subplots(1, 2)
    bottom = grids[1].subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)
    _draw_polynomials(top[0])
    _draw_window_errors(top[1], rows, cycles)
    _draw_reconstructions(list(bottom[0]), shown, cycles, seed, set(rows["order"]))
    for ax, text in zip([*top, bottom[0][0]], "abc"):
        style.letter(ax, text)
    return figure


def _example_orders(frame: pd.DataFrame) -> list[int]:
    """Up to three orders, of which the last just holds the window, if any does."""
    rows = _kind(frame, "window", method="memory").sort_values("order")
    enough = (rows["error"] <= 0.05).to_numpy()
    last = int(np.argmax(enough)) if enough.any() else len(rows) - 1
    return [int(order) for order in rows["order"].iloc[max(0, last - 2) : last + 1]]


def _draw_polynomials(ax: Axes, count: int = 6) -> None:
    r = np.linspace(0, 1, 401)
    colours = style.order_colours(range(count))
    for i, values in enumerate(readout(count, r).T):
        ax.axhline(-2.5 * i, color=style.QUIET, linewidth=0.4)
        ax.plot(r, values - 2.5 * i, color=colours[i], linewidth=1.3)
    ax.set_yticks([-2.5 * i for i in range(count)], [f"$P_{i}$" for i in range(count)])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    _window_axis(ax)
    ax.set_title("What each state variable stands for")


def _window_axis(ax: Axes) -> None:
    ax.set_xlim(1, 0)
    ax.set_xticks([1, 0.5, 0], ["1", "0.5", "0"])
    ax.set_xlabel(r"age $r$, in windows $\theta$")


def _draw_window_errors(ax: Axes, rows: pd.DataFrame, cycles: float) -> None:
    looks: dict[str, dict[str, Any]] = {
        "memory": {"color": style.INK, "marker": "o", "label": "memory"},
        "projection": {
            "color": style.COLOURS["legendre"],
            "marker": "s",
            "linestyle": (0, (4, 2)),
            "label": "nearest polynomial",
        },
    }
    for method, line in rows.groupby("method"):
        ax.plot(
            line["order"],
            np.maximum(line["error"], 1e-12),
            markeredgecolor="white",
            markeredgewidth=0.5,
            **looks[method],
        )
    ax.axhline(0.01, color=style.QUIET, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.set_ylim(1e-7, 2)
    ax.legend(loc="lower left")
    style.log_axis(ax.xaxis, rows["order"])
    style.log_axis(ax.yaxis)
    ax.set_xlabel(r"order, $d$")
    ax.set_ylabel("rms error of the window")
    ax.set_title(rf"Signals up to $\theta f = {cycles:g}$")


def _draw_reconstructions(
    axes: Sequence[Axes],
    orders: Sequence[int],
    cycles: float,
    seed: int,
    all_orders: set[int],
) -> None:
    colours = style.order_colours(all_orders)
    r, true, held = example_windows(orders, cycles, seed)
    for ax, order, window in zip(axes, orders, held):
        ax.plot(r, true, color=style.QUIET, linewidth=2.6, alpha=0.55)
        ax.plot(r, window, color=colours[order], linewidth=1.3)
        ax.set_title(f"$d = {order}$")
        _window_axis(ax)
    axes[0].set_ylabel(r"$u(t - r\theta)$")


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


METHOD_LOOKS = {
    "zoh": ("#0072b2", "o", "-"),
    "foh": ("#009e73", "^", "-"),
    "bilinear": ("#c77f00", "v", (0, (4, 1.5))),
    "euler": ("#d55e00", "s", "-"),
    "backward_diff": ("#9a4f86", "D", "-"),
    "impulse": ("#7c828a", "P", (0, (1.5, 1))),
}
METHOD_NAMES = {
    "zoh": "zero-order hold",
    "foh": "first-order hold",
    "bilinear": "bilinear",
    "euler": "Euler",
    "backward_diff": "backward difference",
    "impulse": "impulse invariance",
}


@style.rc()
def plot_methods(frame: pd.DataFrame) -> Figure:
    """Error against steps per window, one line a method, crosses where unstable.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    rows = _kind(frame, "step")
    orders = sorted(set(rows["order"]))
    cycles = float(rows["theta_times_freq"].iloc[0])
    figure = style.new_figure("double", aspect=0.1 + 0.31 * len(orders))
    head, body = figure.subfigures(2, 1, height_ratios=(0.17, len(orders)))
    axes = body.subplots(len(orders), 3, sharex=True, sharey="row", squeeze=False)
    for order, line in zip(orders, axes):
        floor = float(delay_error(order, cycles)[0])
        for ax, reading in zip(line, READINGS):
            chosen = rows[(rows["order"] == order) & (rows["reading"] == reading)]
            _draw_methods(ax, chosen, floor)
        low, high = line[0].get_ylim()
        line[0].set_ylim(low, high * (high / low) ** 0.1)  # room for the crosses
        line[0].set_ylabel(f"error at $d = {order}$")
    for ax, title in zip(axes[0], READINGS.values()):
        ax.set_title(title)
    for ax in axes[-1]:
        ax.set_xlabel(r"steps per window, $\theta / dt$")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    head.legend(handles, labels, loc="center", ncol=6)
    for ax, text in zip(axes.flat, "abcdefghijklmnopqrstuvwxyz"):
        style.letter(ax, text)
    return figure


def _draw_methods(ax: Axes, rows: pd.DataFrame, floor: float) -> None:
    for method, line in rows.groupby("method", sort=False):
        color, marker, dashes = METHOD_LOOKS[method]
        ax.plot(
            line["steps"],
            line["error"],
            color=color,
            marker=marker,
            linestyle=dashes,
            markersize=3.4,
            markeredgecolor="white",
            markeredgewidth=0.4,
            label=METHOD_NAMES[method],
        )
        unstable = line.loc[~line["stable"], "steps"]
        ax.plot(
            unstable,
            np.full(len(unstable), 0.97),
            "x",
            color=color,
            markersize=3.6,
            transform=ax.get_xaxis_transform(),
        )
        if len(unstable):
            ax.annotate(
                "unstable",
                (unstable.max(), 0.97),
                (5, 0),
                xycoords=ax.get_xaxis_transform(),
                textcoords="offset points",
                color=color,
                fontsize="small",
                va="center",
            )
    if floor > rows["error"].min() / 30:
        ax.axhline(floor, color=style.QUIET, linewidth=0.8, linestyle=(0, (4, 2.5)))
    if not np.isfinite(rows["error"]).any():
        ax.set_ylim(0.1, 1)
    style.log_axis(ax.xaxis)
    style.log_axis(ax.yaxis)


# ---- The report --------------------------------------------------------------------


def report(frame: pd.DataFrame) -> Report:
    """What the numbers say; the figures are "delay", "windows" and "methods".

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    laws = (
        Law(
            _best_band(frame), {"law": "bands", "theta_times_freq": _bands_found(frame)}
        ),
        *_band_laws(frame),
        *_slope_laws(frame),
        *_window_laws(frame),
        *_method_laws(frame),
        *_limit_laws(frame),
    )
    sections = (
        _delay_section(frame),
        _need_section(frame),
        _windows_section(frame),
        *_methods_sections(frame),
    )
    lead = (
        "A memory of order d stands for a delay of θ seconds by d numbers. "
        f"{_best_band(frame)} What it errs, before there is any neuron, depends on d "
        "and on the number θf of cycles in the window alone; time steps add to it, "
        "by how much depends on the method."
    )
    title = "The linear memory: approximation and its limits"
    return Report("approximation", title, lead, sections, laws)


def _best_band(frame: pd.DataFrame) -> str:
    tolerance = frame["tolerance"].min()
    rows = _kind(frame, "band", tolerance=tolerance).sort_values("order")
    enough = rows[rows["theta_times_freq"] >= 1]
    row = (enough if len(enough) else rows[::-1]).iloc[0]
    return (
        f"Order {row['order']} delays signals of up to θf = "
        f"{number(row['theta_times_freq'])} within {_percent(tolerance)}."
    )


def _bands_found(frame: pd.DataFrame) -> dict[str, dict[int, float]]:
    """By tolerance and order."""
    return {
        f"{tolerance:g}": dict(zip(rows["order"], rows["theta_times_freq"]))
        for tolerance, rows in _kind(frame, "band").groupby("tolerance")
    }


def _power(x: Any, y: Any) -> float:
    """The exponent of y against x."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def _high_orders(rows: pd.DataFrame) -> pd.DataFrame:
    """Orders from 6 on, where there are two of them."""
    high = rows[rows["order"] >= 6]
    return (high if len(high) > 1 else rows).sort_values("order")


def _band_laws(frame: pd.DataFrame) -> Iterator[Law]:
    for tolerance, rows in _kind(frame, "band").groupby("tolerance"):
        rows = _high_orders(rows)
        if len(rows) < 2:
            continue
        slope, offset = np.polyfit(rows["order"], rows["theta_times_freq"], 1)
        least, most = rows["order"].iloc[[0, -1]]
        sign = "−" if offset < 0 else "+"
        yield Law(
            f"Within {_percent(tolerance)}, the usable band grows by {number(slope)} "
            f"cycles an order: θf ≈ {number(slope)} d {sign} {number(abs(offset))} "
            f"from order {least} to {most}. The limit is 1/π = {number(1 / np.pi)}: "
            "polynomials take π orders for each cycle.",
            {
                "law": "band",
                "tolerance": tolerance,
                "cycles_per_order": slope,
                "offset": offset,
            },
        )


def _slope_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """The exponent of the error at low frequency, where the leading term rules."""
    slopes = {}
    for order, rows in _kind(frame, "delay").groupby("order"):
        freqs, errors = rows["theta_times_freq"], rows["error"]
        leading = leading_error(int(order), freqs.to_numpy())
        # above rounding, and close to the leading term
        used = (errors > 1e-11) & (np.abs(errors / leading - 1) < 0.1)
        if used.sum() >= 3:
            slopes[int(order)] = _power(freqs[used], errors[used])
    if slopes:
        found = ", ".join(f"{number(v)} at order {d}" for d, v in slopes.items())
        yield Law(
            "At low frequency the error grows as the power 2 d of θf, for as many "
            f"moments of the delay are exact; fitted: {found}.",
            {"law": "slope", "exponents": slopes},
        )


def _window_laws(frame: pd.DataFrame) -> Iterator[Law]:
    rows = _kind(frame, "window")
    errors = rows.pivot(index="order", columns="method", values="error")
    order = _example_orders(frame)[-1]
    memory, best = errors.loc[order, ["memory", "projection"]]
    cycles = float(rows["theta_times_freq"].iloc[0])
    yield Law(
        f"Of signals up to θf = {cycles:g}, order {order} holds the whole window "
        f"with an rms error of {number(100 * memory)} %; the nearest polynomial of the "
        f"same order errs by {number(100 * best)} %.",
        {"law": "window", "order": order, "memory": memory, "projection": best},
    )


def _exponent(rows: pd.DataFrame, floor: float) -> float:
    """k where the error falls as steps^-k, over the finer half; NaN if it does not."""
    rows = rows.sort_values("steps")[len(rows) // 2 :]
    rows = rows[rows["stable"] & (rows["error"] > 10 * floor)]
    if len(rows) < 3:
        return np.nan
    steps, errors = np.log(rows["steps"]), np.log(rows["error"])
    slope, offset = np.polyfit(steps, errors, 1)
    straight = np.abs(errors - slope * steps - offset).max() < 0.2
    return float(-slope) if straight else np.nan


def _told_apart(method: str, reading: str) -> bool:
    """Whether this reading of this method differs from its state alone."""
    if reading == "shifted":
        return LAGS[method] > 0
    return reading == "state" or method not in ("zoh", "euler")


def _method_laws(frame: pd.DataFrame) -> Iterator[Law]:
    steps = _kind(frame, "step")
    order = int(steps["order"].max())
    cycles = float(steps["theta_times_freq"].iloc[0])
    floor = float(delay_error(order, cycles)[0])
    for method, rows in steps[steps["order"] == order].groupby("method", sort=False):
        exponents = {
            reading: exponent
            for reading, line in rows.groupby("reading", sort=False)
            if _told_apart(method, reading)
            and np.isfinite(exponent := _exponent(line, floor))
        }
        if exponents:
            found = ", ".join(
                f"{number(k)} for {READING_WORDS[r]}" for r, k in exponents.items()
            )
            yield Law(
                f"{_capital(METHOD_NAMES[method])}, order {order}, θf = {cycles:g}: "
                f"the error falls as (θ / dt)^−k with k = {found}.",
                {"law": "steps", "method": method, "order": order, **exponents},
            )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _limit_laws(frame: pd.DataFrame) -> Iterator[Law]:
    rows = _high_orders(_kind(frame, "limit"))
    if len(rows) < 2:
        return
    power = _power(rows["order"], rows["steps"])
    last = rows.iloc[-1]
    yield Law(
        f"Euler's method is stable from {last['steps']} steps per window on at order "
        f"{last['order']}; that limit grows as the power {number(power)} of the order.",
        {"law": "euler", "exponent": power},
    )


def _delay_section(frame: pd.DataFrame) -> Section:
    bands = _kind(frame, "band")
    table = pd.DataFrame({"Order d": sorted(set(bands["order"]))})
    for tolerance, rows in bands.groupby("tolerance"):
        found = rows.set_index("order")["theta_times_freq"]
        table[f"θf within {_percent(tolerance)}"] = table["Order d"].map(found)
        table[f"Orders per cycle at {_percent(tolerance)}"] = (
            table["Order d"] / table[f"θf within {_percent(tolerance)}"]
        )
    return Section(
        "The delay",
        (
            "The transfer function of the memory is the Padé approximant of degrees "
            "d − 1 over d of an ideal delay. Held against it, the error rises as a "
            "power of the frequency and ends at about 1, where the output has died "
            "out. The higher the order, the sharper is the edge of the usable band.",
            _best_band(frame),
        ),
        figure="delay",
        caption=(
            "a, Distance between the frequency responses of the memory and of a delay "
            "of θ, by the number of cycles that the window holds; the dashed line is "
            "at 1 %. b, The θf at which the error first reaches the tolerance; dashed, "
            "one cycle for each π orders."
        ),
        table=table,
        table_caption="Usable band of each order",
    )


def _need_section(frame: pd.DataFrame) -> Section:
    need = _kind(frame, "need")
    table = pd.DataFrame({"Cycles θf": sorted(set(need["theta_times_freq"]))})
    for tolerance, rows in need.groupby("tolerance"):
        found = rows.set_index("theta_times_freq")["order"]
        table[f"Order for {_percent(tolerance)}"] = table["Cycles θf"].map(found)
    return Section(
        "The order that a task needs",
        (
            "The smallest order whose error stays within the tolerance at all "
            "frequencies up to θf." + _price_of_cycles(need),
        ),
        table=table,
        table_caption="Order needed",
    )


def _price_of_cycles(need: pd.DataFrame) -> str:
    rows = need[need["tolerance"] == need["tolerance"].min()]
    rows = rows.sort_values("theta_times_freq")
    if len(rows) < 2:
        return ""
    orders, cycles = rows["order"].to_numpy(), rows["theta_times_freq"].to_numpy()
    price = (orders[-1] - orders[-2]) / (cycles[-1] - cycles[-2])
    return (
        f" From {cycles[-2]:g} to {cycles[-1]:g} cycles, each further one takes "
        f"{number(price)} orders."
    )


def _windows_section(frame: pd.DataFrame) -> Section:
    rows = _kind(frame, "window")
    cycles = float(rows["theta_times_freq"].iloc[0])
    table = rows.pivot(index="order", columns="method", values="error").reset_index()
    table = table[["order", "memory", "projection"]]
    table.columns = ["Order d", "Memory, rms error", "Nearest polynomial"]
    return Section(
        "The window",
        (
            "The state holds more than the delay by θ: its d numbers are the "
            "coefficients of Legendre polynomials over the last θ seconds. No choice "
            "of coefficients comes closer than the nearest polynomial in the mean "
            "square does; the memory, which must find them as it goes, errs a "
            "little more.",
        ),
        figure="windows",
        caption=(
            "a, The polynomials that the first six state variables weigh, from now "
            "(age 0) to one window ago (1). b, Rms error over the whole window, "
            "relative to the rms of a signal of flat spectrum up to "
            f"θf = {cycles:g}; the dotted line is at 1 %. c, One window of such a "
            "signal (grey) and what memories of several orders hold of it."
        ),
        table=table,
        table_caption=f"Error of the window for signals up to θf = {cycles:g}",
    )


READING_WORDS = {
    "state": "the state",
    "shifted": "the state, its lag allowed for",
    "system": "the whole system",
}


def _methods_sections(frame: pd.DataFrame) -> Iterator[Section]:
    steps = _kind(frame, "step")
    cycles = float(steps["theta_times_freq"].iloc[0])
    yield Section(
        "Time steps",
        (
            "A simulator moves in steps. Six methods turn the memory into a "
            "difference equation, and three comparisons with an ideal delay are fair: "
            "of the state alone, which is what a network holds; of the state with "
            "allowance for the constant lag of the method; and of the whole system, "
            "with the direct path from input to output that some methods ask for.",
            "Zero-order hold is exact for an input that stands still within a step, as "
            "a simulator has it. Its error against the delay is a lag of half a step, "
            "the mean age of such an input, and reading half a step less of delay "
            "takes it away. First-order hold and impulse invariance put a share of "
            "the response into the direct path, and the state lacks it: d / 2 of a "
            "step, once the steps are fine enough. Euler's method amplifies, and is "
            "unstable below a number of steps that grows faster than the order.",
        ),
        figure="methods",
        caption=(
            f"Error of the delay at θf = {cycles:g}, by the number of steps in a "
            "window. Columns: the state, the state against a delay longer by the lag "
            "of the method, and the system with its output equation. Crosses: the "
            "system is unstable. Dashed: the error in continuous time, where it is "
            "in range."
        ),
        table=_limit_table(frame),
        table_caption="The least number of steps at which Euler's method is stable",
    )
    for order in sorted(set(steps["order"])):
        floor = float(delay_error(order, cycles)[0])
        yield Section(
            f"Time steps at order {order}",
            (f"In continuous time the error at θf = {cycles:g} is {number(floor)}.",),
            table=_method_table(steps[steps["order"] == order], floor),
            table_caption=(
                f"Error of the delay at θf = {cycles:g}, by steps per window; it falls "
                "as steps to the −k where it does so as a power, well above the error "
                "in continuous time"
            ),
        )


def _limit_table(frame: pd.DataFrame) -> pd.DataFrame:
    rows = _kind(frame, "limit").sort_values("order")
    return rows[["order", "steps"]].set_axis(["Order d", "Steps per window"], axis=1)


def _method_table(rows: pd.DataFrame, floor: float) -> pd.DataFrame:
    steps = sorted(set(rows["steps"]))
    kept = [
        steps[k]
        for k in np.unique(np.linspace(0, len(steps) - 1, 5).round(0)).astype(int)
    ]
    lines = []
    for (method, reading), line in rows.groupby(["method", "reading"], sort=False):
        if not _told_apart(method, reading):
            continue
        errors = line.set_index("steps")["error"]
        stable = line.set_index("steps")["stable"]
        lines.append(
            {
                "Method": _capital(METHOD_NAMES[method]),
                "Held against the delay": READING_WORDS[reading],
                "Lag in steps": LAGS[method] if reading == "shifted" else 0.0,
                **{
                    f"{n} steps": number(errors[n]) if stable[n] else "unstable"
                    for n in kept
                },
                "Exponent k": _exponent(line, floor),
            }
        )
    return pd.DataFrame(lines)


# ---- The command -------------------------------------------------------------------

OPTIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "orders": (integers, "orders of the memory, at most 256"),
    "max_cycles": (float, "highest theta * f, cycles in the window"),
    "points": (int, "number of frequencies"),
    "tolerances": (numbers, "errors to be kept to"),
    "cycles": (numbers, "theta * f for which to find the order needed"),
    "window_cycles": (float, "highest theta * f of the window's signal"),
    "methods": (words, "methods of discretization"),
    "steps": (integers, "time steps in a window, theta / dt"),
    "step_orders": (integers, "orders at which to compare methods"),
    "step_cycles": (float, "theta * f at which to compare methods"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`, and the seed of the example."""
    parameters = signature(run).parameters
    for name, (kind, text) in OPTIONS.items():
        default = parameters[name].default
        several = isinstance(default, tuple)
        shown = ",".join(map(str, default)) if several else f"{default:g}"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            default=default,
            metavar="LIST" if several else "N" if kind is int else "NUMBER",
            help=f"{text} (default: {shown})",
        )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the example signal that the figure of windows shows (default: 0)",
    )


def main(args: argparse.Namespace, out: Path, command: str) -> Path:
    """Compute, draw and write everything.

    Parameters
    ----------
    args : argparse.Namespace
        As a parser with `add_arguments` returns it.
    out : pathlib.Path
        The results folder.
    command : str
        The exact command, for the record.

    Returns
    -------
    pathlib.Path
        The page of the report.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an option is of no use.
    OSError
        If a file cannot be written.
    """
    start = time.perf_counter()
    seed = check_integer("seed", args.seed, 0, np.iinfo(np.int32).max)
    arguments = {name: getattr(args, name) for name in OPTIONS}
    frame = run(**arguments)
    figures = {
        "delay": plot(frame),
        "windows": plot_windows(frame, seed),
        "methods": plot_methods(frame),
    }
    seconds = time.perf_counter() - start
    done = Run(command, {**arguments, "seed": seed}, seed, seconds)
    return pages.write(out, report(frame), frame, figures, done)
