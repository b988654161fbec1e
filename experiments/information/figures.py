"""Figures of the information experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.information.capacity import expected_memory
from spiking_lmu.experiments.information.laws import (
    KEYS,
    kinds,
    measured,
    totals,
    without_spikes,
)
from spiking_lmu.experiments.information.systems import memory_step
from spiking_lmu.experiments.pages import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {
    "linear": "linear memory",
    "lmu-feedforward": "LMU, $W_h = 0$",
    "lmu": "LMU",
    "tanh": "tanh network",
}
COLOURS = {
    "linear": style.INK,
    "lmu-feedforward": "#a05a9c",
    "lmu": "#4b3b8f",
    "tanh": "#c77f00",
}
DASHES = {"linear": "-", "lmu-feedforward": (0, (3, 1.5)), "lmu": "-", "tanh": "-"}
LEAST = 0.01  # capacity that a figure still shows


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """Capacity by degree of each system; that of the spiking memory against neurons."""
    figure = style.new_figure("double", 0.46)
    spiking = bool(kinds(frame))
    panels = figure.subplots(
        1, 1 + spiking, squeeze=False, width_ratios=(1.6, 1)[: 1 + spiking]
    )[0]
    _draw_bars(panels[0], frame)
    style.letter(panels[0], "a")
    if spiking:
        _draw_neurons(panels[1], totals(frame))
        style.letter(panels[1], "b")
    return figure


def _draw_bars(ax: Axes, frame: pd.DataFrame) -> None:
    """Shares of the variables: one bar a system, from degree 1 up."""
    total, degrees = totals(frame), measured(frame, "degree")
    largest = total[total["system"] == "spiking"]["n_neurons"].max()
    shown = [(name, "", 0) for name in without_spikes(frame)]
    shown += [("spiking", kind, largest) for kind in kinds(frame)]
    colours = style.order_colours(degrees["index"])
    labels = []
    for place, key in enumerate(shown):
        whole = _of(total, key).iloc[0]
        percent, bottom = 100 / whole["variables"], 0.0
        for _, part in _of(degrees, key).sort_values("index").iterrows():
            height = percent * part["capacity"]
            ax.bar(place, height, 0.66, bottom, color=colours[part["index"]])
            bottom += height
        ends = [percent * whole["low"], percent * whole["high"]]
        for color, width in (("white", 3.0), (style.INK, 1.1)):  # seen on dark, too
            ax.plot([place, place], ends, color=color, linewidth=width)
        labels.append(_label(key, int(whole["variables"])))
    ax.axhline(100, color=style.QUIET, linewidth=0.8, linestyle=(0, (4, 2.5)))
    ax.set_xticks(range(len(shown)), labels, fontsize=7.5)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.6, len(shown) - 0.4)
    ax.set_ylim(0, 104)
    ax.set_ylabel("Capacity (% of the variables)")
    handles = [
        ax.bar(0, 0, color=color, label=f"degree {degree:g}")
        for degree, color in colours.items()
    ]
    ax.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=len(handles),
        columnspacing=1.2,
        handlelength=1.0,
    )


def _of(rows: pd.DataFrame, key: tuple[str, str, int]) -> pd.DataFrame:
    chosen = (rows[KEYS] == list(key)).all(axis=1)
    return rows[chosen]


def _label(key: tuple[str, str, int], variables: int) -> str:
    system, kind, _ = key
    name = NAMES.get(system) or f"spiking memory, {style.NAMES[kind]}"
    words = {"linear memory": "linear\nmemory", "tanh network": "tanh\nnetwork"}
    name = words.get(name, name.replace(", ", ",\n").replace("spiking ", "spiking\n"))
    return f"{name}\n({variables})"


def _draw_neurons(ax: Axes, means: pd.DataFrame) -> None:
    rows = means[means["system"] == "spiking"]
    d = int(rows["variables"].iloc[0])
    for kind in kinds(rows):
        line = rows[rows["neuron_type"] == kind].sort_values("n_neurons")
        color, x = style.colour(kind), line["n_neurons"] * d
        ax.plot(x, line["capacity"], color=color, alpha=0.5)
        style.points(
            ax,
            x,
            line["capacity"],
            line["low"],
            line["high"],
            color,
            marker=style.marker(kind),
            label=style.NAMES[kind],
        )
        if kind == "poisson":
            look: dict[str, Any] = {"linewidth": 1.0, "linestyle": (0, (3, 1.5))}
            name = "Poisson, theory"
            ax.plot(x, line["predicted"], color=color, label=name, **look)
    ax.axhline(d, color=style.QUIET, linewidth=0.8, linestyle=(0, (4, 2.5)))
    ax.set_ylim(0, d * 1.04)
    style.log_axis(ax.xaxis, sorted(set(rows["n_neurons"] * d)))
    ax.set_xlabel("Neurons of the memory")
    ax.set_ylabel(f"Capacity, of {d} at most")
    ax.legend(loc="lower right")


@style.rc()
def plot_memory(frame: pd.DataFrame) -> Figure:
    """Linear memory functions: the capacity for the input some steps ago."""
    means = measured(frame, "delay")
    figure = style.new_figure("double", 0.4)
    has = bool(without_spikes(frame)), bool(kinds(frame))
    panels = list(figure.subplots(1, sum(has), squeeze=False)[0])
    for ax, name in zip(panels, "ab"):
        style.letter(ax, name)
    if has[0]:
        _draw_functions(panels.pop(0), means[means["system"] != "spiking"])
    if has[1]:
        _draw_spiking(panels.pop(0), means[means["system"] == "spiking"])
    return figure


def _draw_functions(ax: Axes, means: pd.DataFrame) -> None:
    for name in without_spikes(means):
        rows = means[means["system"] == name].sort_values("index")
        color, x = COLOURS[name], rows["index"] + 1
        ax.plot(x, rows["capacity"], color=color, ls=DASHES[name], label=NAMES[name])
        ax.fill_between(x, rows["low"], rows["high"], color=color, alpha=0.15, lw=0)
    reach = means[means["capacity"] > LEAST]["index"].max()
    _finish(ax, 1.0, 1.3 * (reach + 1))
    style.log_axis(ax.xaxis)
    ax.set_xlabel("Age (values; the latest is 1)")
    ax.legend(loc="lower left")


def _draw_spiking(ax: Axes, means: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    order, window = int(means["order"].iloc[0]), float(means["window"].iloc[0])
    n = int(means["index"].max()) + 1
    exact = expected_memory(memory_step(order, window), n)
    ax.plot(np.arange(1, n + 1), exact, color=style.INK, label="exact memory")
    sizes = sorted(means["n_neurons"].unique())
    shown = {sizes[0]: 0.45, sizes[-1]: 1.0}
    for kind in kinds(means):
        for size, strength in shown.items():
            chosen = (means["neuron_type"] == kind) & (means["n_neurons"] == size)
            rows = means[chosen].sort_values("index")
            color = _paler(style.colour(kind), strength)
            style.points(
                ax,
                rows["index"] + 1,
                rows["capacity"],
                rows["low"],
                rows["high"],
                color,
                marker=style.marker(kind),
                label=f"{style.NAMES[kind]}, {size * order:,} neurons",
            )
            if kind == "poisson":
                look: dict[str, Any] = {"linewidth": 1.0, "linestyle": (0, (3, 1.5))}
                ax.plot(rows["index"] + 1, rows["predicted"], color=color, **look)
    reach = float(np.flatnonzero(exact > LEAST).max())
    _finish(ax, 0.5, 1.2 * (reach + 1))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("Age (values; the latest is 1)")
    ax.legend(loc="upper right")


def _paler(color: str, strength: float) -> str:
    """A colour mixed with white."""
    from matplotlib.colors import to_hex, to_rgb

    r, g, b = (1 - strength * (1 - part) for part in to_rgb(color))
    return to_hex((r, g, b))


def _finish(ax: Axes, left: float, right: float) -> None:
    ax.set_xlim(left, right)
    ax.set_ylim(0, 1.03)
    ax.set_ylabel("Linear memory capacity")
