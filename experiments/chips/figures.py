"""Figures of the hardware experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.chips.laws import (
    AGAIN,
    MATCHED,
    NAMES,
    PUBLISHED,
    by_trial,
    cells,
    fits,
    of_study,
)
from spiking_lmu.experiments.chips.protocol import DT, ORDER, STEPS, THETA
from spiking_lmu.experiments.chips.trials import Example
from spiking_lmu.experiments.pages import style
from spiking_lmu.intervals import mean_interval
from spiking_lmu.legendre import sampled_readout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GROUPS = {
    "Published (Voelker 2019)": tuple(PUBLISHED),
    "Published networks, run here": tuple(AGAIN),
    "LegendreMemory, published settings": tuple(MATCHED.values()),
    "LegendreMemory, 100 ms and up to 400 Hz": tuple(
        name for name in NAMES if name not in {*AGAIN, *MATCHED.values()}
    ),
}
HOLLOW = "lif-nengo"  # shares the colour of LIF with the emulator
ERRORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # ticks of a logarithmic axis
DELAYS = (0.0, 0.5, 1.0)  # of theta, in the example


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """NRMSE of each platform beside the published ones, and input by input."""
    rows = of_study(frame, "platforms")
    figure = style.new_figure("double", 0.5)
    again = [p for p in AGAIN if p in set(rows["platform"])]
    compared = bool(again) and rows["inputs"].iloc[0] == "published"
    axes = figure.subplots(
        1, 1 + compared, squeeze=False, width_ratios=[1.3, 1][: 1 + compared]
    )[0]
    _draw_platforms(axes[0], rows)
    if compared:
        _draw_inputs(axes[1], rows, again)
    style.letters(axes)
    return figure


def _draw_platforms(ax: Axes, rows: pd.DataFrame) -> None:
    measured = dict(iter(rows.groupby("platform")))
    shown = {
        title: [m for m in members if m in PUBLISHED or m in measured]
        for title, members in GROUPS.items()
    }
    published = {name: one.name for name, one in PUBLISHED.items()}
    for place, name in _list(ax, shown, {**NAMES, **published}):
        if name in PUBLISHED:
            _draw_published(ax, place, name)
        else:
            _draw_measured(ax, place, name, by_trial(measured[name]))
    ax.set_xlim(left=0)
    ax.set_xlabel("NRMSE of the window")
    ax.set_title("128 neurons a dimension")


def _list(
    ax: Axes, groups: Mapping[str, Sequence[str]], names: Mapping[str, str]
) -> list[tuple[float, str]]:
    """Give each name a line, below the title of its group; where these lines are."""
    from matplotlib.ticker import MaxNLocator

    place, places = 0.0, []
    for title, members in groups.items():
        if not members:
            continue
        _note(ax, 0, place, title, fontstyle="italic")
        for name in members:
            place -= 1
            places.append((place, name))
        place -= 1.2
    ax.set_yticks([at for at, _ in places], [names[name] for _, name in places])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(place + 0.5, 0.6)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#e3e5e8", linewidth=0.6)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    return places


def _draw_published(ax: Axes, place: float, name: str) -> None:
    of = PUBLISHED[name]
    ax.plot([of.low, of.high], [place, place], color=style.INK, linewidth=0.9)
    ax.plot(of.mean, place, "D", color="white", markeredgecolor=style.INK)


def _draw_measured(ax: Axes, place: float, name: str, values: pd.Series) -> None:
    colour = _colour(name)
    look: dict[str, Any] = {"color": colour, "markeredgewidth": 0}
    up = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else [0]
    ax.plot(values, place + np.asarray(up), "o", alpha=0.35, markersize=2.5, **look)
    mean, low, high = mean_interval(values, "positive")
    ax.plot([low, high], [place, place], color=colour, linewidth=0.9)
    ax.plot(mean, place, "o", color=colour, markeredgecolor="white", zorder=3)


def _colour(platform: str) -> str:
    if platform in AGAIN:
        return style.INK
    kind = platform.split("-")[0]
    return style.colour("lif" if kind == "matched" else kind)


def _draw_inputs(ax: Axes, rows: pd.DataFrame, again: Sequence[str]) -> None:
    """Of each input, the published mean against that of the same network here."""
    from matplotlib.ticker import MultipleLocator

    markers = {"thesis-loihi": "o", "thesis-nengo": "^"}
    for platform in again:
        means = rows[rows["platform"] == platform].groupby("test_case")["nrmse"].mean()
        then = np.array(PUBLISHED[AGAIN[platform]].cases)[means.index - 1]
        ax.plot(
            then,
            means,
            markers[platform],
            color=style.INK,
            **style.RIMMED,
            label=PUBLISHED[AGAIN[platform]].name,
        )
    limit = 1.05 * max(ax.get_xlim()[1], ax.get_ylim()[1])
    ax.plot([0, limit], [0, limit], color=style.QUIET, linewidth=0.8, zorder=1)
    ax.set_xlim(0, limit)
    ax.set_ylim(0, limit)
    ax.set_aspect("equal")
    ax.set_xlabel("published NRMSE")
    ax.set_ylabel("NRMSE here, on emulator or Nengo")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MultipleLocator(0.05))
    ax.set_title("Published networks, each input")
    ax.legend(loc="upper left", title="published for", alignment="left")


@style.rc()
def plot_scaling(frame: pd.DataFrame) -> Figure:
    """NRMSE against the neurons of a dimension, with the fitted laws."""
    figure = style.new_figure("single", 0.85)
    ax = figure.subplots()
    means = cells(frame, "scaling", "platform")
    for platform, of in means.groupby("platform", sort=False):
        look = {"color": _colour(str(platform)), "label": NAMES[str(platform)]}
        if platform == HOLLOW:
            look |= {"markerfacecolor": "white", "markeredgecolor": look["color"]}
        marker = style.marker(str(platform).split("-")[0])
        interval = of["low"], of["high"]
        style.points(ax, of["n_neurons"], of["nrmse"], *interval, marker=marker, **look)
    for name, trials, line, floor in fits(frame):
        n = np.geomspace(trials["n_neurons"].min(), trials["n_neurons"].max())
        dash: Any = (0, (3, 2)) if name == HOLLOW else "-"
        law = (floor or line).predict(n)
        ax.plot(n, law, color=_colour(name), linestyle=dash, zorder=2)
    style.log_axes(ax, sorted(set(means["n_neurons"])))
    ax.set_xlabel("neurons a dimension, $p$")
    ax.set_ylabel("NRMSE of the window")
    ax.legend(loc="best")
    return figure


@style.rc()
def plot_ablation(frame: pd.DataFrame) -> Figure:
    """NRMSE from the published network to the defaults, a change at a time."""
    table = cells(frame, "ablation", "change")
    changes = list(table["change"].unique())
    groups = {
        title: [c for c in changes if c.startswith(kind)]
        for kind, title in {
            "published": "Published network",
            "even": "LegendreMemory, neurons spread evenly",
            "tuned": "LegendreMemory, neurons where the state is",
        }.items()
    }
    figure = style.new_figure("double", 0.6)
    ax = figure.subplots()
    names = {change: change.partition(": ")[2] for change in changes}
    places = {name: place for place, name in _list(ax, groups, names)}
    sizes, colour = sorted(table["n_neurons"].unique()), style.colour("lif")
    for n in sizes:
        of = table[table["n_neurons"] == n]
        at = [places[change] for change in of["change"]]
        for place, low, high in zip(at, of["low"], of["high"]):
            ax.plot([low, high], [place, place], color=colour, linewidth=0.9)
        if n == sizes[-1]:
            for place, rate in zip(at, of["rate"]):
                _note(ax, 1, place, f"{rate:.0f} Hz", fontsize="small")
        face = colour if n == sizes[-1] else "white"
        look: dict[str, Any] = {"color": colour, "markerfacecolor": face, "zorder": 3}
        ax.plot(of["nrmse"], at, "s", label=f"{n:,} neurons a dimension", **look)
    least, most = table["nrmse"].min() / 1.3, 1.3 * table["nrmse"].max()
    style.log_axis(ax.xaxis, [tick for tick in ERRORS if least < tick < most])
    ax.set_xlabel("NRMSE of the window")
    if len(sizes) > 1:
        ax.legend(loc="lower right")
    return figure


def _note(ax: Axes, end: int, place: float, text: str, **look: Any) -> None:
    """Write beside the left end of a line, 0, or its right end, 1."""
    ax.annotate(
        text,
        (end, place),
        (4 if end else -4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="left" if end else "right",
        va="center",
        color=style.QUIET,
        **look,
    )


@style.rc()
def plot_example(examples: Sequence[Example]) -> Figure:
    """State and window of single runs, beside those of the exact linear memory."""
    figure = style.new_figure("double", 0.62)
    axes = figure.subplots(2, len(examples), sharex=True, sharey="row", squeeze=False)
    t = np.arange(1, STEPS + 1) * DT
    C = sampled_readout(THETA, ORDER, DT, THETA * np.array(DELAYS))
    colours = list(style.order_colours(range(ORDER)).values())
    for column, example in zip(axes.T, examples):
        states = [f"$m_{i}$" for i in range(ORDER)]
        _draw_lines(column[0], t, example.estimate, example.ideal, states, colours)
        windows = example.estimate @ C.T, example.ideal @ C.T
        delays = [f"{1000 * THETA * delay:.0f} ms ago" for delay in DELAYS]
        _draw_lines(column[1], t, *windows, delays, colours)
        column[0].set_title(_title(example))
        column[1].set_xlabel("time (s)")
    axes[0, 0].set_ylabel("state")
    axes[1, 0].set_ylabel("window")
    for ax in axes[:, -1]:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    style.letters(axes.ravel())
    return figure


def _draw_lines(
    ax: Axes,
    t: np.ndarray,
    estimate: np.ndarray,
    ideal: np.ndarray,
    labels: Sequence[str],
    colours: Sequence[str],
) -> None:
    for i, label in enumerate(labels):
        ax.plot(t, estimate[:, i], color=colours[i], linewidth=1.1, label=label)
        exact = "exact" if i == len(labels) - 1 else "_"
        ax.plot(t, ideal[:, i], color=style.INK, linewidth=0.5, label=exact)


def _title(example: Example) -> str:
    platform = example.task["platform"]
    if platform in AGAIN:
        return f"Published network {NAMES[platform]}"
    if platform in NAMES:
        return f"LegendreMemory, {NAMES[platform]}"
    return f"LegendreMemory, {example.task['change']}"
