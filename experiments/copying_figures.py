"""Figures of the copy experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spiking_lmu.experiments import style
from spiking_lmu.experiments.copying_trials import (
    LENGTH,
    LETTERS,
    baseline,
)
from spiking_lmu.intervals import mean_interval
from spiking_lmu.validation import refusal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {"lmu": "LMU", "lstm": "LSTM"}
COLOURS = {"lmu": "#0072b2", "lstm": "#d55e00"}
MARKERS = {"lmu": "o", "lstm": "s"}
SOLVED = 100  # times below the baseline


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """What trials of each model and delay have in common.

    ``loss`` is the geometric mean over the trials, with the interval of the mean
    logarithm, ``loss_low`` to ``loss_high``.
    """
    if len(frame) == 0:
        raise refusal("frame", "empty", "of at least one trial")
    rows = []
    for (model, delay), group in frame.groupby(["model", "delay"], sort=False):
        # a loss of exactly zero would have no logarithm
        logs = np.log(np.maximum(group["loss"].to_numpy(dtype=float), 1e-300))
        mean, low, high = np.exp(mean_interval(logs))
        rows.append(
            {
                "model": model,
                "delay": int(delay),
                "trials": len(group),
                "units": int(group["units"].iloc[0]),
                "order": group["order"].iloc[0],
                "parameters": int(group["parameters"].iloc[0]),
                "baseline": baseline(int(delay)),
                "loss": mean,
                "loss_low": low,
                "loss_high": high,
                "accuracy": group["accuracy"].mean(),
                "seconds": group["seconds"].mean(),
            }
        )
    return pd.DataFrame(rows)


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """Test loss against T, and one sequence that each model was to recall.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    means = cells(frame)
    figure = style.new_figure("double", 0.44)
    losses, example = figure.subplots(1, 2, width_ratios=(1, 1.1))
    _draw_losses(losses, means)
    _draw_example(example, frame)
    style.letter(losses, "a")
    style.letter(example, "b")
    return figure


def _draw_losses(ax: Axes, means: pd.DataFrame) -> None:
    low, high = means["delay"].min(), means["delay"].max()
    delays = np.geomspace(low / 1.3, high * 1.3, 50)
    floor = np.array([baseline(delay) for delay in delays])
    ax.plot(delays, floor, color=style.INK, linewidth=0.9, label="no memory")
    ax.plot(
        delays,
        floor / SOLVED,
        color=style.QUIET,
        linewidth=0.8,
        linestyle=(0, (4, 2.5)),
        label=f"{SOLVED} times less",
    )
    for model, rows in means.groupby("model", sort=False):
        style.points(
            ax,
            rows["delay"],
            rows["loss"],
            rows["loss_low"],
            rows["loss_high"],
            color=COLOURS[model],
            marker=MARKERS[model],
            markersize=5,
            label=NAMES[model],
        )
    style.log_axis(ax.yaxis)
    style.log_axis(ax.xaxis, sorted(set(means["delay"])))
    ax.set_xlabel("$T$ (steps)")
    ax.set_ylabel("Cross entropy per step (nats)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, columnspacing=1)


def _draw_example(ax: Axes, rows: pd.DataFrame) -> None:
    """The first trial of each model at its longest delay, letter by letter."""
    from matplotlib import colormaps

    colours = colormaps["Set2"]
    strips: list[tuple[str, str, str]] = []
    for model, group in rows.groupby("model", sort=False):
        delay = group["delay"].max()
        one = group[group["delay"] == delay].iloc[0]
        strips.append((f"shown, $T$ = {delay:,}", one["symbols"], one["symbols"]))
        strips.append((f"{NAMES[model]} answers", one["answers"], one["symbols"]))
    places = np.arange(len(strips)) + 0.55 * (np.arange(len(strips)) // 2)
    for y, (_, written, right) in zip(places, strips):
        for x, (letter, wanted) in enumerate(zip(written, right)):
            blank = letter == LETTERS[-1]
            colour = "#e8eaec" if blank else colours(LETTERS.index(letter))
            ax.barh(y, 0.92, 0.88, x - 0.46, color=colour)
            ax.text(
                x,
                y,
                "–" if blank else letter,
                color=style.INK,
                ha="center",
                va="center_baseline",
                fontweight="bold" if letter == wanted else "normal",
            )
    ax.set_yticks(places, [name for name, *_ in strips])
    ax.set_xticks(range(LENGTH), [str(k + 1) for k in range(LENGTH)])
    ax.invert_yaxis()
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set_xlabel("Symbol")


@style.rc()
def plot_training(frame: pd.DataFrame) -> Figure:
    """Validation loss over the baseline against seconds of training.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    from matplotlib.lines import Line2D

    if len(frame) == 0:
        raise refusal("frame", "empty", "of at least one trial")
    figure = style.new_figure("double", 0.38)
    delays = sorted(frame["delay"].unique())
    axes = figure.subplots(1, len(delays), sharey=True, squeeze=False)[0]
    for ax, delay in zip(axes, delays):
        for _, one in frame[frame["delay"] == delay].iterrows():
            seconds, losses = (
                np.array(one[name].split(), dtype=float)
                for name in ("curve_seconds", "curve_loss")
            )
            ax.plot(
                seconds,
                losses / one["baseline"],
                color=COLOURS[one["model"]],
                linewidth=0.9,
            )
        ax.axhline(1, color=style.INK, linewidth=0.9)
        ax.axhline(
            1 / SOLVED, color=style.QUIET, linewidth=0.8, linestyle=(0, (4, 2.5))
        )
        ax.set_xlim(left=0)
        ax.set_xlabel("Seconds of training")
        ax.set_title(f"$T$ = {delay:,}")
    style.log_axis(axes[0].yaxis)
    axes[0].set_ylabel("Cross entropy / baseline")
    entries = [
        Line2D([], [], color=COLOURS[model], label=NAMES[model])
        for model in frame["model"].unique()
    ]
    figure.legend(handles=entries, loc="outside upper right", ncols=len(entries))
    return figure
