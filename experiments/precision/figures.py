"""Figures of the precision experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.means import by_type
from spiking_lmu.experiments.pages.report import number
from spiking_lmu.experiments.pages.templates import initial
from spiking_lmu.experiments.precision import laws
from spiking_lmu.experiments.precision.trials import SHAPED
from spiking_lmu.intervals import mean_interval
from spiking_lmu.neurons import COORDINATED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ABREAST = 3  # panels
SPIKES = {
    "poisson": "Independent Poisson spikes",
    "coordinated": "Coordinated Poisson spikes",
}
HALF = (-0.5, r"$\propto 1/\sqrt{m}$")
ONE = (-1.0, r"$\propto 1/m$")


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """RMSE against m, one panel a network, with the theory and a guide for its slope.

    See `networks`.
    """
    trials = laws.grid(frame)
    shown = networks(trials)
    columns = min(len(shown), ABREAST)
    rows = -(-len(shown) // columns)
    figure = style.new_figure("double", (0.44 if columns > 1 else 0.6) * rows)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    colours = style.order_colours(trials["order"])
    panels = dict(zip(shown, axes.flat))
    for (kind, design), ax in panels.items():
        for order, cell in _network(trials, kind, design).groupby("order"):
            _cells(ax, cell, "total_neurons", colours[order])
        style.log_axes(ax)
        ax.set_title(_title(kind, design), fontsize=8.5, linespacing=1.25)
    for (kind, design), ax in panels.items():
        _guide(ax, _network(trials, kind, design), *_slope(kind))
    _label(axes, len(shown))
    entries = [
        style.entry(f"$d = {order}$", color=color, **style.mark("o"))
        for order, color in colours.items()
    ]
    style.legend_above(figure, entries)
    return figure


def networks(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """Neuron types and designs that are shown beside each other.

    Poisson neurons, or the first type where there are none, in each design; and
    coordinated neurons in the last one.
    """
    kinds = list(trials["neuron_type"].unique())
    first = "poisson" if "poisson" in kinds else kinds[0]
    pairs = list(trials[["neuron_type", "design"]].itertuples(index=False, name=None))
    designs = list(trials["design"].unique())
    shown = [(first, design) for design in designs]
    shown += [(k, designs[-1]) for k in kinds if k in COORDINATED and k != first]
    return [pair for pair in shown if pair in pairs]


def _network(trials: pd.DataFrame, kind: str, design: str) -> pd.DataFrame:
    return trials[(trials["neuron_type"] == kind) & (trials["design"] == design)]


def _slope(kind: str) -> tuple[float, str]:
    return ONE if kind in COORDINATED else HALF


def _label(axes: np.ndarray, used: int) -> None:
    """Label the panels of a grid, and take away those that are not used."""
    for ax in axes.flat[used:]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("Neurons in all, $m$")
    for ax in axes[:, 0]:
        ax.set_ylabel("RMSE of the state")


def _cells(
    ax: Axes, cells: pd.DataFrame, x: str, color: str, label: str = "", **look: Any
) -> None:
    """Means and intervals of the trials at each x, and the theory through them."""
    stats = [(v, *mean_interval(c["rmse"], "positive")) for v, c in cells.groupby(x)]
    values, means, lows, highs = map(np.array, zip(*stats))
    theory = cells.groupby(x)["theory"].mean()
    if (theory > 0).all():  # not where there is none
        ax.plot(theory.index, theory, color=color, linewidth=1.0, zorder=2)
    style.points(ax, values, means, lows, highs, color=color, label=label, **look)


def _guide(ax: Axes, cells: pd.DataFrame, exponent: float, text: str) -> None:
    lowest = cells[cells["order"] == cells["order"].min()]
    start, stop = lowest["total_neurons"].min(), lowest["total_neurons"].max()
    if start == stop:
        return
    means = lowest.groupby("total_neurons")["rmse"].mean()
    # below all of them, whether they fall faster or not
    height = 0.55 * (means / (means.index / start) ** exponent).min()
    style.guide_line(ax, (start, stop), height, exponent, text, above=False)


@style.rc()
def plot_orders(frame: pd.DataFrame) -> Figure:
    """RMSE against d at fixed neurons per dimension, for each network; and the gains.

    Those of coordinates and allocation, and those of coordination.
    """
    trials = laws.grid(frame)
    shown = networks(trials)
    most = trials["n_neurons"].max()
    gain = laws.gains(frame)
    gain = gain[gain["neuron_type"] == shown[0][0]] if len(gain) else gain
    ratios = {
        "RMSE, legendre/equal\nover balanced/optimal": gain,
        "RMSE, independent\nover coordinated": laws.coordination_gains(frame),
    }
    ratios = {title: rows for title, rows in ratios.items() if len(rows)}
    figure = style.new_figure("double", 0.42)
    axes = figure.subplots(1, 1 + len(ratios), squeeze=False)[0]
    for kind, design in shown:
        cell = _network(trials[trials["n_neurons"] == most], kind, design)
        if len(cell):
            name = kind if kind in COORDINATED else design.split("/")[0]
            shaped = design.endswith(SHAPED)
            look = {"marker": "^" if shaped else style.marker(name)}
            label = f"{style.NAMES[kind]}, {design}"
            _cells(axes[0], cell, "order", style.colour(name), label, **look)
    axes[0].set_ylabel(f"RMSE with {most:,} neurons a dimension")
    style.log_axis(axes[0].yaxis)
    for ax, (title, rows) in zip(axes[1:], ratios.items()):
        _draw_ratios(ax, rows, title)
    for ax in axes:
        ax.set_xlabel("Order, $d$")
        style.log_axis(ax.xaxis, ticks=trials["order"].unique())
        style.legend_above(ax, ncols=1)
    return figure


def _draw_ratios(ax: Axes, rows: pd.DataFrame, title: str) -> None:
    shades = style.order_colours(rows["n_neurons"])
    for n, cell in rows.groupby("n_neurons"):
        ax.plot(cell["order"], cell["predicted"], color=shades[n])
        label = f"{n:,} a dimension"
        style.points(ax, cell["order"], cell["gain"], color=shades[n], label=label)
    style.reference(ax, 1)
    ax.set_ylabel(title)
    ax.set_ylim(bottom=0)


@style.rc()
def plot_types(frame: pd.DataFrame) -> Figure:
    """RMSE against m for each neuron type; and what moves the floor of LIF neurons."""
    trials, design = laws.grid(frame), laws.last_design(frame)
    panel = trials[trials["design"] == design]
    order = panel["order"].max()
    panel = panel[panel["order"] == order]
    study = laws.floor_study(frame)
    figure = style.new_figure("double", 0.46)
    axes = figure.subplots(1, 2 if len(study) else 1, squeeze=False)[0]
    for kind, cell in panel.groupby("neuron_type", sort=False):
        _cells(axes[0], cell, "total_neurons", *_looks(kind), marker=style.marker(kind))
    fitted = laws.floors(frame).get((design, int(order)))
    if fitted is not None:
        m = np.geomspace(panel["total_neurons"].min(), panel["total_neurons"].max())
        axes[0].plot(m, fitted.predict(m), color=style.colour("lif"), linewidth=1.0)
    axes[0].set_title(f"{initial(design_words(design))}, $d = {order}$")
    _label_sizes(axes[0])
    style.log_axes(axes[0])
    axes[0].legend(loc="best")
    if len(study):
        _draw_floor(axes[1], study)
    return figure


def _looks(kind: str) -> tuple[str, str]:
    """Colour and name of a neuron type."""
    return style.colour(kind), style.NAMES[kind]


def _label_sizes(ax: Axes) -> None:
    ax.set_xlabel("Neurons in all, $m$")
    ax.set_ylabel("RMSE of the state")


def _draw_floor(ax: Axes, study: pd.DataFrame) -> None:
    places = np.arange(len(study))[::-1]
    ax.barh(places, study["rmse"], color=style.colour("lif"), height=0.6)
    for place, (mean, low, high) in zip(places, study[["rmse", "low", "high"]].values):
        ax.plot([low, high], [place, place], color=style.INK, linewidth=0.9)
        end = max(mean, high if np.isfinite(high) else mean)
        beside = end + 0.02 * study["rmse"].max()
        text = number(mean, pad=False)
        ax.text(beside, place, text, va="center", fontsize="small")
    ax.set_yticks(places, study["change"])
    ax.set_xlim(0, 1.25 * np.nanmax(study[["rmse", "high"]].to_numpy()))
    ax.set_title(f"Cause of the LIF floor, $m = {study['m'].iloc[0]:,}$")
    ax.set_xlabel("RMSE of the state")
    ax.tick_params(axis="y", length=0)


@style.rc()
def plot_generators(frame: pd.DataFrame) -> Figure:
    """RMSE of all ways to make spikes, against neurons and against spikes a second."""
    means = laws.generator_means(frame)
    usual = means["rate_factor"] == means["rate_factor"].max()
    varied = means[means["n_neurons"].isin(means[~usual]["n_neurons"])]
    figure = style.new_figure("double", 0.52)
    left, right = figure.subplots(1, 2, sharey=True)
    for kind, cells in by_type(means[usual]).items():
        _line(left, cells, "total_neurons")
        if kind != "rate":
            _line(right, cells, "spikes_per_second")
    for kind, cells in by_type(varied).items():
        if kind != "rate":
            _line(right, cells, "spikes_per_second", hollow=True)
    for ax in (left, right):
        style.log_axes(ax)
    _label_sizes(left)
    right.set_xlabel("Spikes a second")
    style.letters([left, right])
    entries = [
        style.entry(style.NAMES[kind], color=color, **style.mark(style.marker(kind)))
        for kind in by_type(means)
        for color in [style.colour(kind)]
    ]
    if len(varied):
        text = f"{varied['total_neurons'].iloc[0]:,.0f} neurons at lower rates"
        hollow = {"color": style.INK, **_hollow("o", style.INK)}
        entries.append(style.entry(text, linestyle=style.DOTTED, **hollow))
    style.legend_above(figure, entries, ncols=4)
    return figure


def _hollow(marker: str, color: str) -> dict[str, Any]:
    look = {"markeredgecolor": color, "markerfacecolor": "white"}
    return {**style.mark(marker), **look}


def _line(ax: Axes, cells: pd.DataFrame, x: str, hollow: bool = False) -> None:
    """Means over trials, pale lines for their intervals, and one that connects them."""
    cells, kind = cells.sort_values(x), cells["neuron_type"].iloc[0]
    color, marker = style.colour(kind), style.marker(kind)
    dashes: Any = style.DOTTED if hollow else "-"
    ax.plot(cells[x], cells["rmse"], color=color, linewidth=0.9, ls=dashes, zorder=2)
    look: dict[str, Any] = {"color": color, "marker": marker}
    if hollow:
        cells = cells[cells["rate_factor"] < cells["rate_factor"].max()]
        look = {"color": color, **_hollow(marker, color)}
    ax.vlines(cells[x], cells["low"], cells["high"], color=color, lw=0.9, alpha=0.35)
    style.points(ax, cells[x], cells["rmse"], **look)


@style.rc()
def plot_shaping(frame: pd.DataFrame) -> Figure:
    """RMSE with and without noise shaping against m, one panel an order."""
    trials, gains = laws.grid(frame), laws.shaping_gains(frame)
    design = gains["design"].iloc[-1]
    orders = sorted(gains["order"].unique())
    columns = min(len(orders), ABREAST)
    rows = -(-len(orders) // columns)
    figure = style.new_figure("double", (0.52 if columns > 1 else 0.6) * rows)
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
    kinds = by_type(trials[trials["design"].isin([design, design + SHAPED])])
    for order, ax in zip(orders, axes.flat):
        for kind in kinds:
            color, marker = style.colour(kind), style.marker(kind)
            looks = {design: _hollow(marker, color), design + SHAPED: {}}
            for one, look in looks.items():
                cell = _network(trials[trials["order"] == order], kind, one)
                if len(cell):
                    look = {"marker": marker, **look}
                    _cells(ax, cell, "total_neurons", color, **look)
        style.log_axes(ax)
        ax.set_title(f"{initial(design_words(design))}, $d = {order}$")
    _label(axes, len(orders))
    looks = {"without noise shaping": _hollow("o", style.INK), "with": style.mark("o")}
    entries = [
        style.entry(text, color=style.INK, linestyle="none", **look)
        for text, look in looks.items()
    ]
    entries += [
        style.entry(_looks(kind)[1], color=_looks(kind)[0], **mark)
        for kind in kinds
        for mark in [style.mark(style.marker(kind))]
    ]
    style.legend_above(figure, entries, ncols=6)
    return figure


def design_words(design: str) -> str:
    """A design as pages and figures call it."""
    named = design.replace("legendre", "Legendre").removesuffix(SHAPED)
    coordinates, allocation = named.split("/")
    shaping = ", noise shaping" if design.endswith(SHAPED) else ""
    return f"{coordinates} coordinates, {allocation} allocation{shaping}"


def _title(kind: str, design: str) -> str:
    spikes = SPIKES.get(kind) or f"{initial(style.NAMES[kind])} neurons"
    if design.endswith(SHAPED):  # beside the spikes, for the other line is long
        spikes += ", noise shaping"
    return f"{spikes}\n{initial(design_words(design.removesuffix(SHAPED)))}"
