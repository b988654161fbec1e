"""Figures of the information experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.information.capacity import expected_memory
from spiking_lmu.experiments.information.laws import (
    KEYS,
    measured,
    totals,
    without_spikes,
)
from spiking_lmu.experiments.information.systems import memory_step
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.means import by_type, check_trials

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
THEORY: dict[str, Any] = {"linewidth": 1.0, "linestyle": (0, (3, 1.5))}
LEAST = 0.01  # capacity that a figure still shows


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """Capacity by degree of each system; that of the spiking memory against neurons."""
    check_trials(frame)
    figure = style.new_figure("double", 0.46)
    spiking = bool(by_type(frame))
    panels = figure.subplots(
        1, 1 + spiking, squeeze=False, width_ratios=(1.6, 1)[: 1 + spiking]
    )[0]
    _draw_bars(panels[0], frame)
    if spiking:
        _draw_neurons(panels[1], totals(frame))
    style.letters(panels)
    return figure


def _draw_bars(ax: Axes, frame: pd.DataFrame) -> None:
    """Shares of the variables: one bar a system, from degree 1 up."""
    total, degrees = totals(frame), measured(frame, "degree")
    shown = [(name, "", 0) for name in without_spikes(total)]
    # trials of the largest memories may have failed
    shown += [("spiking", k, of["n_neurons"].max()) for k, of in by_type(total).items()]
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
    style.reference(ax, 100)
    ax.set_xticks(range(len(shown)), labels, fontsize=7.5)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.6, len(shown) - 0.4)
    ax.set_ylim(0, 104)
    ax.set_ylabel("Capacity (% of the variables)")
    handles = [
        ax.bar(0, 0, color=color, label=f"degree {degree:g}")
        for degree, color in colours.items()
    ]
    style.legend_above(ax, handles)


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
    for kind, line in by_type(rows).items():
        line = line.sort_values("n_neurons")
        color, x = style.colour(kind), line["n_neurons"] * d
        ax.plot(x, line["capacity"], color=color, alpha=0.5)
        _draw_line(ax, x, line, color, style.NAMES[kind])
        if line["predicted"].notna().all():
            name = f"{style.NAMES[kind]}, theory"
            ax.plot(x, line["predicted"], color=color, label=name, **THEORY)
    style.reference(ax, d)
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
    has = bool(without_spikes(frame)), bool(by_type(frame))
    panels = list(figure.subplots(1, sum(has), squeeze=False)[0])
    style.letters(panels)
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
    for kind, of_kind in by_type(means).items():
        for size, strength in shown.items():
            rows = of_kind[of_kind["n_neurons"] == size].sort_values("index")
            color, x = _paler(style.colour(kind), strength), rows["index"] + 1
            name = f"{style.NAMES[kind]}, {size * order:,} neurons"
            _draw_line(ax, x, rows, color, name)
            # nothing, where there is no theory
            ax.plot(x, rows["predicted"], color=color, **THEORY)
    reach = float(np.flatnonzero(exact > LEAST).max())
    _finish(ax, 0.5, 1.2 * (reach + 1))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("Age (values; the latest is 1)")
    ax.legend(loc="upper right")


def _draw_line(
    ax: Axes, x: pd.Series, rows: pd.DataFrame, color: str, label: str
) -> None:
    marker = style.marker(rows["neuron_type"].iloc[0])
    y, low, high = rows["capacity"], rows["low"], rows["high"]
    style.points(ax, x, y, low, high, color, marker=marker, label=label)


def _paler(color: str, strength: float) -> str:
    """A colour mixed with white."""
    from matplotlib.colors import to_hex, to_rgb

    r, g, b = (1 - strength * (1 - part) for part in to_rgb(color))
    return to_hex((r, g, b))


def _finish(ax: Axes, left: float, right: float) -> None:
    ax.set_xlim(left, right)
    ax.set_ylim(0, 1.03)
    ax.set_ylabel("Linear memory capacity")
