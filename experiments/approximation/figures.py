"""Figures of the approximation experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.delay_errors import delay_error
from spiking_lmu.experiments.approximation.errors import example_windows, rows_of
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.means import those
from spiking_lmu.legendre import readout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What is compared with an ideal delay, and what the figure calls it.
READINGS = {
    "state": r"state, $C\,m$",
    "shifted": "state without its lag",
    "system": "whole system",
}
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
def plot(frame: pd.DataFrame) -> Figure:
    """Delay error against theta * f at each order, and the band that it leaves."""
    delays, limits = (
        those(frame, "kind", kind, f"row of the kind {kind!r}")
        for kind in ("delay", "band")
    )
    figure = style.new_figure("double", aspect=0.46)
    curves, bands = figure.subplots(1, 2, width_ratios=(1.55, 1))
    _draw_delays(curves, delays)
    _draw_bands(bands, limits)
    style.letters([curves, bands])
    return figure


def _draw_delays(ax: Axes, rows: pd.DataFrame) -> None:
    colours = style.order_colours(rows["order"])
    low, high = 1e-7, 3.0
    style.reference(ax, 0.01)
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
    style.log_axes(ax)
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
            **style.RIMMED,
            color=shades[k % len(shades)],
            label=f"error ≤ {percent(tolerance)}",
        )
    ax.legend(loc="lower right")
    style.log_axes(ax, rows["order"])
    ax.set_xlabel(r"order, $d$")
    ax.set_ylabel(r"usable cycles in the window, $\theta f$")
    ax.set_title("Usable band")


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
    rows = rows_of(frame, "window")
    cycles = float(rows["theta_times_freq"].iloc[0])
    shown = example_orders(frame)
    figure = style.new_figure("double", aspect=0.68)
    grids: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    top = grids[0].subplots(1, 2)
    bottom = grids[1].subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)
    _draw_polynomials(top[0])
    _draw_window_errors(top[1], rows, cycles)
    _draw_reconstructions(list(bottom[0]), shown, cycles, seed, set(rows["order"]))
    style.letters([*top, bottom[0][0]])
    return figure


def example_orders(frame: pd.DataFrame) -> list[int]:
    """Up to three orders, of which the last just holds the window, if any does."""
    rows = rows_of(frame, "window", method="memory").sort_values("order")
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
    ax.set_title("Polynomial of each state variable")


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
            **style.RIMMED,
            **looks[method],
        )
    style.reference(ax, 0.01, linestyle=style.DOTTED)
    ax.set_ylim(1e-7, 2)
    ax.legend(loc="lower left")
    style.log_axes(ax, rows["order"])
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


@style.rc()
def plot_methods(frame: pd.DataFrame) -> Figure:
    """Error against steps per window, one line a method, crosses where unstable."""
    rows = rows_of(frame, "step")
    orders = sorted(set(rows["order"]))
    cycles = float(rows["theta_times_freq"].iloc[0])
    figure = style.new_figure("double", aspect=0.1 + 0.31 * len(orders))
    grids: Any = figure.subfigures(2, 1, height_ratios=(0.17, len(orders)))
    head, body = grids
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
    style.letters(axes.flat)
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
        style.reference(ax, floor)
    if not np.isfinite(rows["error"]).any():
        ax.set_ylim(0.1, 1)
    style.log_axes(ax)


def percent(share: float) -> str:
    """0.01 as "1 %"."""
    return f"{100 * share:g} %"
