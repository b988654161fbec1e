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


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """RMSE against neurons; and that of Poisson neurons relative to theory."""
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
    theory = of_theory(frame)
    if len(theory):
        line = predicted(theory).groupby(theory["n_neurons"]).mean()
        colour = style.colour("poisson")
        ax.plot(line.index, line, color=colour, label="theory", zorder=2)
        if len(line) > 1:
            ends = line.index[0], line.index[-1]
            style.guide_line(ax, ends, 0.68 * line.iloc[0])
    style.log_axes(ax)
    ax.legend(loc="best")
    ax.set_xlabel(r"neurons, $m$")
    ax.set_ylabel("RMSE")
    ax.set_title("A sine, represented and decoded")


def _draw_ratios(ax: Axes, frame: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.axhline(1, color=style.colour("poisson"))
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
