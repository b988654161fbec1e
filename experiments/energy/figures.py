"""Figures of the energy experiment, and the Pareto front that they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.energy.trials import parse_rates
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.means import averaged, by_type, check_trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = ["order", "neuron_type", "rates", "n_neurons"]  # what trials share
COSTS = {
    "spikes_per_second": "Spikes per second",
    "synaptic_operations": "Synaptic operations per step",
    "energy": "Energy per step (nJ)",
}
PARTS = {
    "synaptic_operations_energy": ("synaptic operations", "#4d535b"),
    "neuron_updates_energy": ("neuron updates", "#b4b9c0"),
    "spikes_to_cores_energy": ("spikes to cores", "#101113"),
}
SHAPES = ("o", "s", "^", "D", "v", "P", "X")


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Means over the trials of each combination; ``energy`` is the middle estimate."""
    check_trials(frame)
    found = averaged(frame.drop(columns=["seed"]), CELL, "rmse")
    found = found.rename(columns={"low": "rmse_low", "high": "rmse_high"})
    return found.assign(energy=np.sqrt(found["energy_low"] * found["energy_high"]))


def front(means: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The cells than which no other is as cheap and as precise, from cheap to dear."""
    ordered = means.sort_values([cost, "rmse"])
    best_before = ordered["rmse"].astype(float).cummin().shift(fill_value=np.inf)
    return ordered[ordered["rmse"] < best_before]


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """RMSE against three costs, a row of panels for each order, with Pareto fronts."""
    means = cells(frame)
    orders = sorted(means["order"].unique())
    figure = style.new_figure("double", 0.12 + 0.31 * len(orders))
    axes = figure.subplots(len(orders), 3, sharex="col", sharey="row", squeeze=False)
    shapes = dict(zip(sorted(set(means["rates"]), key=parse_rates), SHAPES * 9))
    for row, order in zip(axes, orders):
        panel = means[means["order"] == order]
        for ax, cost in zip(row, COSTS):
            _draw_trade(ax, panel, cost, shapes)
            style.log_axis(ax.yaxis)
        row[0].set_ylabel(f"RMSE, $d = {order}$")
    for ax, text in zip(axes[-1], COSTS.values()):
        style.log_axis(ax.xaxis)
        ax.set_xlabel(text)
    style.letters(axes.flat)
    _add_legend(figure, list(by_type(means)), shapes)
    return figure


def _draw_trade(
    ax: Axes, panel: pd.DataFrame, cost: str, shapes: dict[str, str]
) -> None:
    best = front(panel, cost)
    ax.step(
        [*best[cost], panel[cost].max()],
        [*best["rmse"], best["rmse"].iloc[-1]],
        where="post",
        color=style.INK,
        linewidth=0.8,
        zorder=2.4,
    )
    for kind, rows in by_type(panel).items():
        for rates, line in rows.groupby("rates"):
            line = line.sort_values("n_neurons")
            color = style.colour(kind)
            ax.plot(line[cost], line["rmse"], color=color, linewidth=0.6, alpha=0.35)
            for k, cell in line.iterrows():
                _draw_cell(ax, cell, cost, k in best.index, marker=shapes[rates])


def _draw_cell(
    ax: Axes, cell: pd.Series, cost: str, is_best: bool, marker: str
) -> None:
    """A point, pale lines for its interval, and the range of its energy."""
    color, x, y = style.colour(cell["neuron_type"]), cell[cost], cell["rmse"]
    ends = [cell["rmse_low"], cell["rmse_high"]]
    ax.plot([x, x], ends, color=color, linewidth=0.7, alpha=0.3, zorder=2)
    if cost == "energy":
        ends = [cell["energy_low"], cell["energy_high"]]
        ax.plot(ends, [y, y], color=color, linewidth=1.2, zorder=2.6)
    style.points(
        ax,
        x,
        y,
        color=color,
        marker=marker,
        markersize=3.6,
        markeredgecolor=color,
        markeredgewidth=0.8,
        markerfacecolor=color if is_best else "white",
    )


def _add_legend(figure: Figure, kinds: list[str], shapes: dict[str, str]) -> None:
    dots: dict[str, Any] = {"linestyle": "none", "markersize": 4}
    hollow = {**dots, "color": style.INK, "markerfacecolor": "white", "markersize": 3.6}
    entries = [
        style.entry(style.NAMES[kind], color=style.colour(kind), marker="o", **dots)
        for kind in kinds
    ]
    entries += [
        style.entry(f"{rates.replace('-', '–')} Hz", marker=shape, **hollow)
        for rates, shape in shapes.items()
    ]
    entries.append(style.entry("Pareto front", color=style.INK, linewidth=0.8))
    style.legend_above(figure, entries)


@style.rc()
def plot_energy(frame: pd.DataFrame) -> Figure:
    """What the energy goes to, and what the same network takes on processors."""
    means = cells(frame)
    figure = style.new_figure("double", 0.46)
    shares, machines = figure.subplots(1, 2, width_ratios=(1, 1.15))
    _draw_shares(shares, means)
    _draw_machines(machines, means)
    style.letters([shares, machines])
    return figure


def _draw_shares(ax: Axes, means: pd.DataFrame) -> None:
    """Shares of the energy for each network size, all rates and types together."""
    order = means["order"].max()
    sizes = means[means["order"] == order].groupby("n_neurons")[list(PARTS)].sum()
    shares = 100 * sizes.div(sizes.sum(axis=1), axis=0)
    bottom = np.zeros(len(shares))
    places = np.arange(len(shares))
    for part, (name, color) in PARTS.items():
        ax.bar(places, shares[part], 0.66, bottom, color=color, label=name)
        bottom += shares[part].to_numpy()
    ax.set_xticks(places, [f"{order * n:,}" for n in shares.index])
    ax.tick_params(axis="x", length=0)
    ax.set_ylim(0, 100)
    ax.set_xlabel(f"Neurons in all, $d = {order}$")
    ax.set_ylabel("Share of the energy (%)")
    style.legend_above(ax, ncols=2)


def _draw_machines(ax: Axes, means: pd.DataFrame) -> None:
    look: dict[str, Any] = {"linewidth": 1.0, "color": style.QUIET}
    alike = means.groupby("total_neurons").mean(numeric_only=True)
    lines = {
        "cpu_factors_energy": ("CPU, encoders and decoders", "-"),
        "arm_factors_energy": ("ARM, encoders and decoders", "-."),
        "gpu_weights_energy": ("GPU, all weights", (0, (4, 2.5))),
        "gpu_factors_energy": ("GPU, encoders and decoders", (0, (1, 1.5))),
    }
    for column, (name, dashes) in lines.items():
        ax.plot(alike.index, alike[column], linestyle=dashes, label=name, **look)
    for kind, rows in by_type(means).items():
        sizes = rows.groupby("total_neurons")
        low, high = sizes["energy_low"].min(), sizes["energy_high"].max()
        color = style.colour(kind)
        ax.fill_between(low.index, low, high, color=color, alpha=0.25, linewidth=0)
        for edge in (low, high):
            ax.plot(edge.index, edge, color=color, marker="o", markersize=2.2)
        ax.fill_between([], [], color=color, label=f"Loihi, {style.NAMES[kind]}")
    style.log_axes(ax, means["total_neurons"].unique())
    ax.set_xlabel("Neurons in all")
    ax.set_ylabel("Energy per step (nJ)")
    style.legend_above(ax, ncols=2)
