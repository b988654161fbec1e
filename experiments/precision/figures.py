"""Figures of the precision experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import number
from spiking_lmu.experiments.pages.templates import initial
from spiking_lmu.experiments.precision.laws import floor_study, floors, gains, grid
from spiking_lmu.experiments.precision.trials import (
    as_recording,
    make_input,
    make_model,
    warm_up,
)
from spiking_lmu.experiments.sweeps.backends import backend
from spiking_lmu.intervals import mean_interval
from spiking_lmu.legendre import sampled_readout, state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.signals import lowpass

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST_EXAMPLE = 2000  # neurons, in the run that is shown in full


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """RMSE against m, one panel a design, with the theory and the 1/sqrt(m) guide.

    Of Poisson neurons, or of the first type where there are none.
    """
    trials = _of_one_type(grid(frame))
    designs = list(trials["design"].unique())
    figure = style.new_figure("double", 0.46 if len(designs) > 1 else 0.6)
    axes = figure.subplots(1, len(designs), sharey=True, squeeze=False)[0]
    colours = style.order_colours(trials["order"])
    for ax, design in zip(axes, designs):
        panel = trials[trials["design"] == design]
        for order, cell in panel.groupby("order"):
            _cells(ax, cell, "total_neurons", colours[order], f"$d = {order}$")
        ax.set_title(_design_title(design))
        ax.set_xlabel("Neurons in all, $m$")
        style.log_axes(ax)
    for ax, design in zip(axes, designs):
        _guide(ax, trials[trials["design"] == design])
    axes[0].set_ylabel("RMSE of the state")
    axes[-1].legend(
        *_reversed_legend(axes[0]), loc="upper left", bbox_to_anchor=(1.01, 1)
    )
    return figure


def _of_one_type(trials: pd.DataFrame) -> pd.DataFrame:
    kinds = trials["neuron_type"]
    return trials[kinds == ("poisson" if "poisson" in set(kinds) else kinds.iloc[0])]


def _cells(ax: Axes, cells: pd.DataFrame, x: str, color: str, label: str) -> None:
    """Means and intervals of the trials at each x, and the theory through them."""
    stats = [(v, *mean_interval(c["rmse"], "positive")) for v, c in cells.groupby(x)]
    values, means, lows, highs = map(np.array, zip(*stats))
    theory = cells.groupby(x)["theory"].mean()
    if (theory > 0).all():  # not where there is none
        ax.plot(theory.index, theory, color=color, linewidth=1.0, zorder=2)
    style.points(ax, values, means, lows, highs, color=color, label=label)


def _guide(ax: Axes, cells: pd.DataFrame) -> None:
    m = cells["total_neurons"]
    if m.nunique() < 2:
        return
    lowest = cells[cells["order"] == cells["order"].min()]
    start, stop = lowest["total_neurons"].min(), m.max()
    height = 0.55 * lowest[lowest["total_neurons"] == start]["rmse"].min()
    style.guide_line(ax, (start, stop), height)


@style.rc()
def plot_orders(frame: pd.DataFrame) -> Figure:
    """RMSE against d at fixed neurons per dimension, for each design; and the gain."""
    trials = _of_one_type(grid(frame))
    kind = trials["neuron_type"].iloc[0]
    most = trials["n_neurons"].max()
    gain = gains(frame)
    gain = gain[gain["neuron_type"] == kind] if len(gain) else gain
    figure = style.new_figure("double", 0.42)
    axes = figure.subplots(1, 2 if len(gain) else 1, squeeze=False)[0]
    for design, cell in trials[trials["n_neurons"] == most].groupby("design"):
        name = design.split("/")[0]
        _cells(axes[0], cell, "order", style.colour(name), _design_title(design))
    axes[0].set_title(f"{most:,} {style.NAMES[kind]} neurons a dimension")
    axes[0].set_ylabel("RMSE of the state")
    style.log_axis(axes[0].yaxis)
    axes[0].legend(loc="best")
    if len(gain):
        shades = style.order_colours(gain["n_neurons"])
        for n, cell in gain.groupby("n_neurons"):
            axes[1].plot(cell["order"], cell["predicted"], color=shades[n])
            label = f"{n:,} a dimension"
            style.points(
                axes[1], cell["order"], cell["gain"], color=shades[n], label=label
            )
        style.reference(axes[1], 1)
        axes[1].set_title("RMSE legendre/equal over balanced/optimal")
        axes[1].set_ylabel("Ratio")
        axes[1].set_ylim(bottom=0)
        axes[1].legend(loc="best")
    for ax in axes:
        ax.set_xlabel("Order, $d$")
        style.log_axis(ax.xaxis, ticks=trials["order"].unique())
    return figure


@style.rc()
def plot_types(frame: pd.DataFrame) -> Figure:
    """RMSE against m for each neuron type; and what moves the floor of LIF neurons."""
    trials = grid(frame)
    design = list(trials["design"].unique())[-1]
    panel = trials[trials["design"] == design]
    order = panel["order"].max()
    panel = panel[panel["order"] == order]
    study = floor_study(frame)
    figure = style.new_figure("double", 0.46)
    axes = figure.subplots(1, 2 if len(study) else 1, squeeze=False)[0]
    for kind, cell in panel.groupby("neuron_type", sort=False):
        _cells(
            axes[0], cell, "total_neurons", style.colour(kind), style.NAMES[str(kind)]
        )
    fitted = floors(frame).get((design, int(order)))
    if fitted is not None:
        m = np.geomspace(panel["total_neurons"].min(), panel["total_neurons"].max())
        axes[0].plot(m, fitted.predict(m), color=style.colour("lif"), linewidth=1.0)
    axes[0].set_title(f"{_design_title(design)}, $d = {order}$")
    axes[0].set_xlabel("Neurons in all, $m$")
    axes[0].set_ylabel("RMSE of the state")
    style.log_axes(axes[0])
    axes[0].legend(loc="best")
    if len(study):
        ax = axes[1]
        places = np.arange(len(study))[::-1]
        ax.barh(places, study["rmse"], color=style.colour("lif"), height=0.6)
        for place, (mean, low, high) in zip(
            places, study[["rmse", "low", "high"]].values
        ):
            ax.plot([low, high], [place, place], color=style.INK, linewidth=0.9)
            ax.text(
                max(mean, high if np.isfinite(high) else mean)
                + 0.02 * study["rmse"].max(),
                place,
                number(mean, pad=False),
                va="center",
                fontsize="small",
            )
        ax.set_yticks(places, study["change"])
        ax.set_xlim(0, 1.25 * np.nanmax(study[["rmse", "high"]].to_numpy()))
        ax.set_title(f"Cause of the LIF floor, $m = {study['m'].iloc[0]:,}$")
        ax.set_xlabel("RMSE of the state")
        ax.tick_params(axis="y", length=0)
    return figure


@dataclass(frozen=True, eq=False)
class Example:
    """One run in full: what the neurons did and what can be read from them."""

    task: dict[str, Any]
    times: np.ndarray
    u: np.ndarray
    exact: np.ndarray
    decoded: np.ndarray
    spikes: np.ndarray


def run_example(
    tasks: list[dict[str, Any]], signal: np.ndarray | None = None
) -> Example:
    """Run one network again, and record each spike."""
    recording = as_recording(signal)
    candidates = [
        task
        for task in tasks
        if task["study"] == "grid"
        and task["order"] * task["n_neurons"] <= LARGEST_EXAMPLE
    ]
    kinds = [task for task in candidates if task["neuron_type"] == "poisson"]
    chosen = max(
        kinds or candidates or tasks[:1],
        key=lambda task: (
            min(task["order"], 6),
            task["design"] == "balanced/optimal",
            task["n_neurons"],
        ),
    )
    task = {**chosen, "duration": 3 * chosen["theta"]}
    if backend(task["backend"]).shares_network:
        task["backend"] = "compiled"
    seed = task["seeds"][0]
    # the start of the very run that is among the trials
    u = make_input({**task, "duration": chosen["duration"]}, seed, recording)
    n = min(len(u), warm_up(task) + int(task["duration"] / task["dt"]))
    model, memory = make_model(task, seed, recording, spikes=True)
    recorded = backend(task["backend"]).run([model], [u[:n]], task["dt"], [seed])[0]
    Ad, Bd = discretize(*state_space(memory.theta, memory.order), task["dt"])
    spikes = [recorded.data[f"spikes {i}"] > 0 for i in range(memory.order)]
    shown = slice(warm_up(task), None)
    return Example(
        task,
        np.arange(n)[shown] * task["dt"] - warm_up(task) * task["dt"],
        u[:n],
        lowpass(simulate(Ad, Bd, u[:n]), task["readout_synapse"], task["dt"])[shown],
        recorded.data["state"][shown],
        np.concatenate(spikes, axis=1)[shown],
    )


@style.rc()
def plot_example(example: Example) -> Figure:
    """Raster, decoded state and reconstructed window of one run."""
    task, t = example.task, example.times
    d, theta = task["order"], task["theta"]
    figure = style.new_figure("double", 0.78)
    axes = figure.subplots(3, 1, sharex=True, height_ratios=[1.1, 1, 1.1])
    neurons = np.arange(example.spikes.shape[1])
    few = neurons[:: max(1, len(neurons) // 150)]
    steps, which = np.nonzero(example.spikes[:, few])
    style.raster(axes[0], t[steps], which)
    axes[0].set_ylabel(f"Neuron ({len(few)} of {len(neurons):,})")
    axes[0].set_ylim(-1, len(few))
    axes[0].set_title(
        f"Spikes of {style.NAMES[task['neuron_type']]} neurons, "
        f"{_design_words(task['design'])}, $d = {d}$"
    )
    colours = style.order_colours(range(d))
    for i in range(d)[::-1]:
        axes[1].plot(t, example.exact[:, i], color=style.QUIET, linewidth=0.8)
        label = f"$m_{{{i}}}$" if d <= 8 else None
        axes[1].plot(
            t, example.decoded[:, i], color=colours[i], linewidth=0.9, label=label
        )
    axes[1].set_title("Decoded state, and the exact memory in grey")
    axes[1].set_ylabel("State $m$")
    axes[1].legend(
        *_reversed_legend(axes[1]),
        ncol=d,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        columnspacing=1,
    )
    delays = np.linspace(0, theta, 100)
    window = example.decoded @ sampled_readout(theta, d, task["dt"], delays).T
    image = style.heatmap(axes[2], window.T, (t[0], t[-1], 0, theta))
    axes[2].set_title("Window read from the state: the input of the last seconds")
    axes[2].set_ylabel("Ago (s)")
    axes[2].invert_yaxis()
    axes[2].set_xlabel("Time (s)")
    figure.colorbar(image, ax=axes[2], label="Input", pad=0.01)
    style.letters(axes)
    return figure


def _reversed_legend(ax: Axes) -> tuple[list[Any], list[str]]:
    handles, labels = ax.get_legend_handles_labels()
    return handles[::-1], labels[::-1]


def _design_title(design: str) -> str:
    return initial(_design_words(design))


def _design_words(design: str) -> str:
    coordinates, allocation = design.split("/")
    return f"{coordinates} coordinates, {allocation} allocation"
