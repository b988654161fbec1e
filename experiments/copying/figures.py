"""Figures of the copy experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.copying.laws import NAMES, SOLVED, cells, kinds
from spiking_lmu.experiments.copying.sequences import LENGTH, LETTERS, baseline
from spiking_lmu.experiments.pages import style
from spiking_lmu.validation import refusal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    ("lmu", "learned"): "#0072b2",
    ("lstm", "learned"): "#d55e00",
    ("lmu", "ring"): "#7c828a",
}
MARKERS = {("lmu", "learned"): "o", ("lstm", "learned"): "s", ("lmu", "ring"): "^"}


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """Test loss against T, and one sequence that each model was to recall."""
    means = cells(frame)
    figure = style.new_figure("double", 0.44)
    losses, example = figure.subplots(1, 2, width_ratios=(1, 1.1))
    _draw_losses(losses, means)
    _draw_example(example, frame)
    style.letters([losses, example])
    return figure


def _draw_losses(ax: Axes, means: pd.DataFrame) -> None:
    low, high = means["delay"].min(), means["delay"].max()
    delays = np.geomspace(low / 1.3, high * 1.3, 50)
    floor = np.array([baseline(delay) for delay in delays])
    ax.plot(delays, floor, color=style.INK, linewidth=0.9, label="no memory")
    look: dict[str, Any] = {"color": style.QUIET, "linewidth": 0.8}
    label = f"{SOLVED} times less"
    ax.plot(delays, floor / SOLVED, linestyle=style.DASHED, label=label, **look)
    for kind, rows in kinds(means).items():
        columns = ("delay", "loss", "loss_low", "loss_high")
        look = {"color": COLOURS[kind], "marker": MARKERS[kind], "label": NAMES[kind]}
        style.points(ax, *(rows[name] for name in columns), markersize=5, **look)
    style.log_axis(ax.yaxis)
    style.log_axis(ax.xaxis, sorted(set(means["delay"])))
    ax.set_xlabel("$T$ (steps)")
    ax.set_ylabel("Cross entropy per step (nats)")
    style.legend_above(ax, ncols=2)


def _draw_example(ax: Axes, rows: pd.DataFrame) -> None:
    """The first trial of each kind at its longest delay, letter by letter."""
    from matplotlib import colormaps

    colours = colormaps["Set2"]
    strips: list[tuple[str, str, str]] = []
    for kind, group in kinds(rows).items():
        delay = group["delay"].max()
        one = group[group["delay"] == delay].iloc[0]
        strips.append((f"shown, $T$ = {delay:,}", one["symbols"], one["symbols"]))
        strips.append((f"{NAMES[kind]} answers", one["answers"], one["symbols"]))
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
    """Validation loss over the baseline against updates, with learned encoders."""
    learned = {
        kind: rows for kind, rows in kinds(frame).items() if kind[1] == "learned"
    }
    if not learned:
        raise refusal("frame", "without any", "of trials with learned encoders")
    no_memory: dict[str, Any] = {"color": style.INK, "linewidth": 0.9}
    figure = style.new_figure("double", 0.42)
    delays = sorted(set().union(*(rows["delay"] for rows in learned.values())))
    axes = figure.subplots(1, len(delays), sharey=True, squeeze=False)[0]
    for ax, delay in zip(axes, delays):
        for kind, rows in learned.items():
            for _, one in rows[rows["delay"] == delay].iterrows():
                updates, losses = (
                    np.array(one[name].split(), dtype=float)
                    for name in ("curve_updates", "curve_loss")
                )
                look: dict[str, Any] = {"color": COLOURS[kind], "alpha": 0.8}
                marker = "." if len(updates) == 1 else ""
                relative = losses / one["baseline"]
                ax.plot(updates, relative, marker=marker, linewidth=0.7, **look)
        style.reference(ax, 1, **no_memory)
        ax.set_xlim(left=0)
        ax.set_xlabel("Updates")
        ax.set_title(f"$T$ = {delay:,}")
    style.log_axis(axes[0].yaxis)
    axes[0].set_ylabel("Cross entropy / that of no memory")
    entries = [style.entry(NAMES[k], color=COLOURS[k]) for k in learned]
    entries.append(style.entry("no memory", linestyle=style.DASHED, **no_memory))
    style.legend_above(figure, entries)
    return figure
