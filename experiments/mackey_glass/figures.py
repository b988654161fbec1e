"""Figures of the Mackey-Glass experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.means import averaged, by_type, of_study
from spiking_lmu.intervals import mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {
    "lstm": "LSTM",
    "lmu": "LMU",
    "hybrid": "hybrid",
    "parallel": "parallel LMU",
    "lstm paper": "LSTM (paper's protocol)",
    "lmu paper": "LMU (paper's protocol)",
    "hybrid paper": "hybrid (paper's protocol)",
}
COLOURS = {
    "lstm": "#7c828a",
    "lmu": "#0072b2",
    "hybrid": "#c77f00",
    "parallel": "#009e73",
    "lstm paper": "#4a4f55",
    "lmu paper": "#56b4e9",
    "hybrid paper": "#e69f00",
}
#: Test NRMSE that the authors of LMU 2019 gave for the true direction of the task, with
#: some 18,000 parameters after 500 epochs: https://github.com/nengo/keras-lmu/issues/14
PUBLISHED = {"lstm paper": 0.0587, "lmu paper": 0.0487, "hybrid paper": 0.0447}
SHOWN = 200  # steps of the example


def kinds(rows: pd.DataFrame) -> pd.Series:
    """The model of each row, with its protocol if that is the paper's."""
    ours = rows["protocol"] != "paper"
    return rows["model"].where(ours, rows["model"] + " paper")


def by_model(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each model and protocol, in the order in which they are shown."""
    found = {model: rows[kinds(rows) == model] for model in NAMES}
    return {model: of for model, of in found.items() if len(of)}


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """Test NRMSE of each model, over all steps and once settled."""
    rows = of_study(frame, "test")
    figure = style.new_figure("double", 0.36)
    every, settled = axes = figure.subplots(1, 2)
    _draw_bars(every, rows, "nrmse", {} if rows["swapped"].any() else PUBLISHED)
    _draw_bars(settled, rows, "nrmse_settled", {})
    every.set_title("All steps")
    settled.set_title("After the first 100 steps")
    style.letters(axes)
    return figure


def _draw_bars(
    ax: Axes, rows: pd.DataFrame, column: str, published: dict[str, float]
) -> None:
    models = by_model(rows)
    dots: dict[str, Any] = {"marker": "o", "markersize": 2.6, "linestyle": "none"}
    dashes: dict[str, Any] = {"color": style.INK, "linestyle": style.DASHED}
    for place, (model, of) in enumerate(models.items()):
        mean, low, high = (100 * x for x in mean_interval(of[column], "positive"))
        color = COLOURS[model]
        ax.bar(place, mean, 0.62, color=color, alpha=0.35)
        aside = np.linspace(-0.12, 0.12, len(of)) if len(of) > 1 else np.zeros(1)
        ax.plot(place + aside, 100 * of[column], color=color, **dots)
        ax.plot([place, place], [low, high], color=style.INK, linewidth=0.9)
        if model in published:
            ends = [place - 0.36, place + 0.36]
            ax.plot(ends, [100 * published[model]] * 2, **dashes)
    names = [NAMES[model].replace(" (paper's ", "\n(paper's\n") for model in models]
    ax.set_xticks(range(len(models)), names)
    ax.tick_params(axis="x", length=0)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("Test NRMSE (%)")
    if published.keys() & models:
        style.legend_above(ax, [style.entry("published", **dashes)])


@style.rc()
def plot_prediction(frame: pd.DataFrame) -> Figure:
    """Predictions of each model for a stretch of a test series, and their errors."""
    models = by_model(of_study(frame, "example"))
    figure = style.new_figure("double", 0.44)
    above, below = axes = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1))
    for model, of in models.items():
        of = of.sort_values("step").head(SHOWN)
        look = {"color": COLOURS[model], "label": NAMES[model], "linewidth": 0.9}
        above.plot(of["step"], of["prediction"], **look)
        below.plot(of["step"], of["prediction"] - of["target"], **look)
    target = next(iter(models.values())).sort_values("step").head(SHOWN)
    line = {"color": style.INK, "linestyle": (0, (2, 2)), "linewidth": 1.1}
    above.plot(target["step"], target["target"], label="series", **line)
    above.set_ylabel("Series (SD)")
    below.set_ylabel("Error")
    below.set_xlabel("Step")
    style.legend_above(above)
    style.letters(axes)
    return figure


@style.rc()
def plot_training(frame: pd.DataFrame) -> Figure:
    """NRMSE of the validation series after each epoch."""
    figure = style.new_figure("double", 0.38)
    by_epoch, by_time = axes = figure.subplots(1, 2, sharey=True)
    for model, of in by_model(of_study(frame, "training")).items():
        for trial, one in of.groupby("trial"):
            one = one.sort_values("epoch")
            errors = 100 * one["validation_nrmse"]
            look = {"color": COLOURS[model], "linewidth": 0.9, "alpha": 0.8}
            name = NAMES[model] if trial == of["trial"].min() else None
            by_epoch.plot(one["epoch"], errors, label=name, **look)
            by_time.plot(one["seconds"].cumsum(), errors, **look)
    for ax, text in zip(axes, ("Epoch", "Seconds")):
        style.log_axes(ax)
        ax.set_xlabel(text)
    style.letters(axes)
    by_epoch.set_ylabel("Validation NRMSE (%)")
    by_epoch.legend(loc="best")
    return figure


@style.rc()
def plot_spiking(frame: pd.DataFrame) -> Figure:
    """NRMSE against neurons, one panel for each presentation time."""
    kinds = {"n_neurons": int, "presentation": int, "aware": bool}
    rows = of_study(frame, "spiking").astype(kinds)
    presentations = sorted(rows["presentation"].unique())
    width = "single" if len(presentations) == 1 else "double"
    figure = style.new_figure(width, 0.95 if width == "single" else 0.42)
    axes = figure.subplots(1, len(presentations), sharey=True, squeeze=False)[0]
    for ax, presentation in zip(axes, presentations):
        _draw_spiking(ax, rows[rows["presentation"] == presentation])
        style.log_axes(ax, rows["n_neurons"].unique())
        ax.set_title(f"{presentation} ms for each value")
        ax.set_xlabel("Neurons per dimension")
    if width == "double":
        style.letters(axes)
    axes[0].set_ylabel("NRMSE (%)")
    _add_legend(figure, list(by_type(rows)), 2 if width == "single" else 3)
    return figure


def _draw_spiking(ax: Axes, rows: pd.DataFrame) -> None:
    kinds = by_type(rows)
    for place, (kind, of) in enumerate(kinds.items()):
        aside = 1.03 ** (place - (len(kinds) - 1) / 2)  # lest intervals hide each other
        for aware in (False, True):
            cells = averaged(of[of["aware"] == aware], ["n_neurons"], "nrmse")
            cells = cells.sort_values("n_neurons")
            mean, low, high = 100 * cells[["nrmse", "low", "high"]].to_numpy().T
            look = _look(kind, aware)
            line = {name: look.pop(name) for name in ("linestyle", "linewidth")}
            x = aside * cells["n_neurons"]
            ax.plot(x, mean, color=look["color"], **line)
            style.points(ax, x, mean, low, high, **look)
    exact = rows[rows["aware"]].groupby("n_neurons")["exact_nrmse"].mean()
    ax.plot(exact.index, 100 * exact, color=style.INK, linewidth=0.8)


def _look(kind: str, aware: bool) -> dict[str, Any]:
    color = style.INK if kind == "" else style.colour(kind)
    return {
        "color": color,
        "marker": style.marker(kind) if kind else "o",
        "markersize": 3.6,
        "markeredgecolor": color,
        "markeredgewidth": 0.8,
        "markerfacecolor": color if aware else "white",
        "linestyle": "-" if aware else (0, (2, 2)),
        "linewidth": 0.9,
    }


def _add_legend(figure: Figure, kinds: list[str], columns: int) -> None:
    entries = [style.entry(style.NAMES[kind], **_look(kind, True)) for kind in kinds]
    for aware, name in ((True, "trained with noise"), (False, "without")):
        entries.append(style.entry(name, **_look("", aware)))
    entries.append(style.entry("exact", color=style.INK, linewidth=0.8))
    style.legend_above(figure, entries, columns)
