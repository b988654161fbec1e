"""The figure of the channel experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.channel.laws import of_theory, predicted
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.means import by_type, check_trials
from spiking_lmu.intervals import mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# power laws of the noise, by neuron type
GUIDES = {
    "poisson": (-0.5, r"$\propto 1/\sqrt{m}$"),
    "coordinated": (-1.0, r"$\propto 1/m$"),
}


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """RMSE against neurons; and that of neurons with a theory, relative to it."""
    check_trials(frame)
    figure = style.new_figure("double", aspect=0.44)
    if not len(of_theory(frame)):
        _draw_errors(figure.subplots(), frame)
        return figure
    errors, ratios = figure.subplots(1, 2, width_ratios=(1.35, 1))
    _draw_errors(errors, frame)
    _draw_ratios(ratios, frame)
    style.letters([errors, ratios])
    return figure


def _draw_points(ax: Axes, kind: str, x: Any, values: pd.Series) -> None:
    """Mean and interval of the values that share an x."""
    look: dict[str, Any] = {"color": style.colour(kind), "marker": style.marker(kind)}
    for k, (at, group) in enumerate(values.groupby(np.asarray(x))):
        look["label"] = "_" if k else style.NAMES[kind]
        style.points(ax, at, *mean_interval(group, "positive"), **look)


def _draw_errors(ax: Axes, frame: pd.DataFrame) -> None:
    for kind, rows in by_type(frame).items():
        _draw_points(ax, kind, rows["n_neurons"], rows["rmse"])
    for k, (kind, theory) in enumerate(by_type(of_theory(frame)).items()):
        line = predicted(theory).groupby(theory["n_neurons"]).mean()
        label = "_" if k else "theory"
        ax.plot(line.index, line, color=style.colour(kind), label=label, zorder=2)
    for kind, law in GUIDES.items():
        rows = frame[frame["neuron_type"] == kind]
        if kind == "coordinated":  # its law is of several spikes in each step
            rows = rows[rows["spikes_per_second"] * rows["dt"] > 1]
        _draw_guide(ax, rows, *law)
    style.log_axes(ax)
    ax.legend(loc="best")
    ax.set_xlabel(r"neurons, $m$")
    ax.set_ylabel("RMSE")
    ax.set_title("A sine, represented and decoded")


def _draw_guide(ax: Axes, rows: pd.DataFrame, exponent: float, text: str) -> None:
    """A power law, above the errors from a tenth of the largest size on."""
    means = rows.groupby("n_neurons")["rmse"].mean()
    means = means[means.index >= means.index.max() / 10]
    if len(means) > 1:
        height = 1.35 * float((means / means.index**exponent).max())
        first, last = means.index[0], means.index[-1]
        style.guide_line(ax, (first, last), height * first**exponent, exponent, text)


def _draw_ratios(ax: Axes, frame: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.axhline(1, color=style.QUIET)
    furthest = 0.1
    for kind, rows in by_type(of_theory(frame)).items():
        ratios = rows["rmse"] / predicted(rows)
        ax.plot(
            rows["n_neurons"],
            ratios,
            "o",
            color=style.colour(kind),
            alpha=0.35,
            markersize=2.5,
            markeredgewidth=0,
        )
        _draw_points(ax, kind, rows["n_neurons"], ratios)
        for _, group in ratios.groupby(rows["n_neurons"]):
            reach = np.abs(np.subtract([*mean_interval(group, "positive"), *group], 1))
            furthest = max(furthest, 1.05 * float(np.nanmax(reach)))
    style.log_axis(ax.xaxis)
    ax.set_ylim(max(0, 1 - furthest), 1 + furthest)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.set_xlabel(r"neurons, $m$")
    ax.set_ylabel("measured RMSE / theory")
    ax.set_title("Measurement against theory")
