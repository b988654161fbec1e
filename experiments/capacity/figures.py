"""Figures of the capacity experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.delay_errors import delay_error
from spiking_lmu.experiments.capacity.laws import (
    by_delay,
    growing,
    overall,
    trained,
)
from spiking_lmu.experiments.capacity.recall import (
    WARM_UP,
    delay_steps,
    delayed,
    make_signal,
    remember,
)
from spiking_lmu.experiments.capacity.trials import COUNTED
from spiking_lmu.experiments.pages import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {"lmu": "LMU, not trained", "lstm": "LSTM, trained"}
COLOURS = {"lmu": "#4b3b8f", "lstm": "#c77f00"}
MARKERS = {"lmu": "o", "lstm": "s"}
DASHES: dict[str, Any] = {"lmu": "-", "lstm": (0, (3, 1.5))}
DRAWN = 3000  # points of each line of the example


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """RMSE against the window, across it, and against training."""
    means, delays = overall(frame), by_delay(frame)
    has_lstm = bool((means["model"] == "lstm").any())
    figure = style.new_figure("double", 0.42)
    panels = figure.subplots(1, 2 + has_lstm, squeeze=False)[0]
    shades = style.order_colours(means["steps"])
    _draw_windows(panels[0], trained(means))
    _draw_delays(panels[1], delays, shades)
    if has_lstm:
        _draw_training(panels[2], means[means["model"] == "lstm"], shades)
    style.letters(panels)
    _add_legend(figure, shades, has_lstm)
    return figure


@style.rc()
def plot_growing(frame: pd.DataFrame) -> Figure:
    """RMSE of the memory against the window, for an input whose band grows with it."""
    means = growing(frame)
    order = int(means["state_variables"].iloc[0])
    figure = style.new_figure("single", 0.8)
    ax = figure.subplots()
    cycles = np.linspace(means["cycles"].min(), means["cycles"].max(), 400)
    ax.plot(
        cycles,
        np.minimum(delay_error(order, cycles), 2),
        color=style.QUIET,
        linewidth=0.9,
        label="error of the delay at this frequency",
    )
    ax.plot(means["cycles"], means["rmse"], color=COLOURS["lmu"])
    _draw_points(ax, means, "cycles", COLOURS["lmu"], MARKERS["lmu"])
    _draw_chance(ax)
    style.log_axis(ax.yaxis)
    ax.set_ylim(bottom=means["rmse"].min() / 3)
    ax.set_xlabel("Highest frequency of the input (cycles per window)")
    ax.set_ylabel("RMSE over delays, relative")
    ax.legend(loc="lower right")
    return figure


def _draw_windows(ax: Axes, means: pd.DataFrame) -> None:
    for model, rows in means.groupby("model"):
        color = COLOURS[model]
        ax.plot(rows["steps"], rows["rmse"], color=color, linestyle=DASHES[model])
        _draw_points(ax, rows, "steps", color, MARKERS[model])
    _draw_chance(ax)
    style.log_axis(ax.yaxis)
    style.log_axis(ax.xaxis, _ticks(means["steps"]))
    ax.set_xlim(means["steps"].min() / 1.6, means["steps"].max() * 1.6)
    ax.set_xlabel("Window (time steps)")
    ax.set_ylabel("RMSE over delays, relative")


def _ticks(steps: pd.Series) -> list[int]:
    """Powers of ten, where there are several; else what was run."""
    tens = [n for n in set(steps) if np.log10(n) % 1 == 0]
    return tens if len(tens) > 1 else list(steps)


def _draw_delays(ax: Axes, means: pd.DataFrame, shades: dict[float, str]) -> None:
    for (model, steps), rows in means.groupby(["model", "steps"]):
        color = shades[steps]
        ax.plot(rows["delay"], rows["rmse"], color=color, linestyle=DASHES[model])
        _draw_points(ax, rows, "delay", color, MARKERS[model], markersize=3)
    _draw_chance(ax)
    style.log_axis(ax.yaxis)
    ax.set_xlabel("Delay (windows)")
    ax.set_ylabel("RMSE, relative")


def _draw_training(ax: Axes, means: pd.DataFrame, shades: dict[float, str]) -> None:
    for steps, rows in means.groupby("steps"):
        x = rows["trained_steps"] / 1e6
        ax.plot(x, rows["rmse"], color=shades[steps], linestyle=DASHES["lstm"])
        look = {"marker": "s", "markersize": 3}
        ends = rows["low"], rows["high"]
        style.points(ax, x, rows["rmse"], *ends, shades[steps], **look)
    _draw_chance(ax)
    ax.set_ylim(0, None)
    ax.set_xlabel("Training (millions of time steps)")
    ax.set_ylabel("RMSE of the LSTM over delays")


def _draw_points(
    ax: Axes, rows: pd.DataFrame, x: str, color: str, marker: str, **look: Any
) -> None:
    look = {"marker": marker, **look}
    style.points(ax, rows[x], rows["rmse"], rows["low"], rows["high"], color, **look)


def _draw_chance(ax: Axes) -> None:
    """Where a model is that always answers with zero."""
    style.reference(ax, 1, linestyle=style.DOTTED, zorder=1)


def _add_legend(figure: Figure, shades: dict[float, str], has_lstm: bool) -> None:
    entries = [
        style.entry(
            NAMES[model],
            color=COLOURS[model],
            marker=MARKERS[model],
            linestyle=DASHES[model],
        )
        for model in ("lmu", "lstm")[: 1 + has_lstm]
    ]
    entries += [
        style.entry(f"{steps:,} steps", color=shade, linewidth=2.2)
        for steps, shade in shades.items()
    ]
    dots: dict[str, Any] = {"linewidth": 0.8, "linestyle": style.DOTTED}
    entries.append(style.entry("answering zero", color=style.QUIET, **dots))
    style.legend_above(figure, entries)


@style.rc()
def plot_example(task: dict[str, Any]) -> Figure:
    """What one memory recalls, over what it should, at each delay.

    Parameters
    ----------
    task : dict
        Of a memory, as `make_tasks` gives it; it is run again.
    """
    n = task["steps"]
    lags = delay_steps(n, task["delays"])
    first = round(WARM_UP * n)
    u = make_signal(n, first + round(COUNTED * n), task["cycles"], task["seed"])
    step = max(1, len(u) // DRAWN)
    recalled = remember(u, n, task["order"], lags)[first::step]
    target = delayed(u, lags)[first::step]
    time = np.arange(len(target)) * step / n
    figure = style.new_figure("double", 0.12 + 0.075 * len(lags))
    ax = figure.subplots()
    gap = 1.1 * float(np.ptp(u))
    for k in range(len(lags)):
        shift = -gap * k
        ax.plot(time, target[:, k] + shift, color="#c9cdd2", linewidth=3.2)
        ax.plot(time, recalled[:, k] + shift, color=COLOURS["lmu"], linewidth=0.9)
    names = ["now", *(f"{lag:,} steps ago" for lag in lags[1:])]
    ax.set_yticks(-gap * np.arange(len(lags)), names)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(0, time[-1])
    ax.set_xlabel(f"Time (windows of {n:,} steps)")
    return figure
