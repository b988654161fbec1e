"""Figures of the classification experiments, and the means that they show."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from spiking_lmu.data.archives import read_archive
from spiking_lmu.experiments.classification.answers import unpack
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.complexity import COLUMNS
from spiking_lmu.experiments.pages.means import check_trials, those, with_interval
from spiking_lmu.intervals import mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AWARE = ", noise-aware"  # of a rung whose networks were trained on with noise
SPIKING = ", all spiking"  # of a rung whose hidden units spike
SHAPED = ", noise-shaped"  # of a rung whose populations carry their errors over
RUNGS = {
    **{
        name: style.NAMES[name]
        for name in (
            "rate", "relu", "regular", "lif", "poisson-relu", "poisson",
            "coordinated-relu", "coordinated-golden-relu", "coordinated-carry-relu",
            "coordinated-nearest-relu", "coordinated", "coordinated-golden",
            "coordinated-carry", "coordinated-nearest",
        )
    },
    "loihi": "Loihi, emulated",
}  # fmt: skip
#: All rungs, without and with that, in the order in which they are always shown.
NAMES = {
    f"{k}{shaped}{aware}{hidden}": f"{v}{shaped}{aware}{hidden}"
    for k, v in RUNGS.items()
    for shaped in ("", SHAPED)
    for hidden in ("", SPIKING)
    for aware in ("", AWARE)
}
COLOURS = {**style.COLOURS, "loihi": "#b0407f"}
MARKERS = {**style.MARKERS, "loihi": "*"}
SOLID: Any = "-"
DASHED: Any = (0, (2, 1.5))
REAL = "real"
TEST = "test"
KEYS = ["order", "step", "presentation", "total_neurons"]  # what runs of a cell share
# where they are in the trials: those of a chip, and NeuroBench's
EXTRAS = (
    *("cores", "chips", "energy_low", "energy_high", "steps", "synaptic_operations"),
    *COLUMNS,
)


def exact(frame: pd.DataFrame) -> pd.DataFrame:
    """The trained networks: means of each order, ``low`` and ``high`` their interval.

    The interval is over networks and images together; of a single network it is over
    images. See `mean_interval`.
    """
    groups = those(frame, "rung", "exact").groupby("order", sort=True)
    columns = ["validation_accuracy", "parameters", "best_epoch", "train_seconds"]
    columns += COLUMNS
    means = [
        {
            "order": order,
            "units": "{units} {activation}".format(**group.iloc[0]),
            **_accuracy(group),
            **{name: group[name].mean() for name in columns if name in group},
        }
        for order, group in groups
    ]
    return pd.DataFrame(means)


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs in neurons: means over the networks of each combination.

    ``step`` is the rung, with what it was trained on; ``drop`` is by how much less
    accurate it is than the exact network on the same images, and ``drop_low`` and
    ``drop_high`` the interval of that, over networks and images together.
    """
    check_trials(frame)
    rows = frame[frame["rung"] != "exact"]
    if rows.empty:
        return pd.DataFrame()
    aware = np.where(rows["noise_aware"].astype(bool), AWARE, "")
    hidden = np.where(_column(rows, "hidden", REAL) == REAL, "", SPIKING)
    shaped = np.where(_column(rows, "noise_shaping", False).astype(bool), SHAPED, "")
    rows = rows.assign(step=rows["rung"] + shaped + aware + hidden)
    means = []
    rows = rows.assign(images_of=_column(rows, "images_of", TEST))
    rows = rows.assign(hidden=_column(rows, "hidden", REAL))
    for keys, group in rows.groupby([*KEYS, "hidden"], sort=True):
        drop = mean_interval(unpack(group, "exact_right") - unpack(group))
        extras = [name for name in EXTRAS if name in group]
        means.append(
            {
                **dict(zip([*KEYS, "hidden"], keys)),
                **_accuracy(group),
                "images_of": group["images_of"].iloc[0],
                "exact_accuracy": group["exact_accuracy"].mean(),
                **dict(zip(("drop", "drop_low", "drop_high"), drop)),
                "spikes_per_image": group["spikes_per_image"].mean(),
                "hidden_spikes": _column(group, "hidden_spikes", 0.0).mean(),
                **{name: group[name].mean() for name in extras},
            }
        )
    found = pd.DataFrame(means)
    place = found["step"].map(list(NAMES).index)
    return found.assign(place=place).sort_values(
        ["order", "place", "presentation", "total_neurons"], ignore_index=True
    )


def _column(rows: pd.DataFrame, name: str, before: Any) -> pd.Series:
    """A column that the trials of earlier versions do not have."""
    if name not in rows:
        return pd.Series(before, rows.index)
    return rows[name].where(rows[name].notna(), before)


class Parts(NamedTuple):
    """What a name in `NAMES` says."""

    rung: str
    aware: bool
    spiking: bool
    shaped: bool


def parts_of(step: str) -> Parts:
    """The rung of a name in `NAMES`, and what else it says."""
    rung, *_ = step.split(", ")
    return Parts(rung, AWARE in step, SPIKING in step, SHAPED in step)


def _accuracy(group: pd.DataFrame) -> dict[str, Any]:
    right = unpack(group)
    counts = {"networks": len(group), "images": right.shape[1]}
    return {**counts, **with_interval("accuracy", right, "share")}


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """Test errors against neurons: a column of panels for each presentation time.

    Where there is nothing in neurons, of the exact networks against their order."""
    trained, means = exact(frame), cells(frame)
    if means.empty:
        figure = style.new_figure("single", 0.75)
        _draw_exact(figure.subplots(), trained)
        return figure
    orders = sorted(means["order"].unique())
    times = sorted(means["presentation"].unique())
    figure = style.new_figure("double", 0.13 + 0.33 * len(orders))
    axes = figure.subplots(
        len(orders), len(times), sharex=True, sharey=True, squeeze=False
    )
    for row, order in zip(axes, orders):
        of_order = means[means["order"] == order]
        for ax, time in zip(row, times):
            _draw_line(ax, trained[trained["order"] == order])
            _draw_ladder(ax, of_order[of_order["presentation"] == time])
        row[0].set_ylabel(f"Test error (%), $d = {order}$")
    for ax, time in zip(axes[0], times):
        ax.set_title(f"{time} ms for each step")
    low, high = means["total_neurons"].min(), means["total_neurons"].max()
    few = sorted(means["total_neurons"].unique())
    axes[0, 0].set_xlim(low / 1.5, high * 1.5)
    style.log_axis(axes[0, 0].xaxis, few if len(few) <= 5 else None)
    style.log_axis(axes[0, 0].yaxis)
    for ax in axes[-1]:
        ax.set_xlabel("Neurons of the memory, in all")
    style.letters(axes.flat)
    _add_legend(figure, [name for name in NAMES if name in set(means["step"])])
    return figure


def _errors(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors in percent and their bounds; on a log axis none may be zero."""
    least = 50 / rows["images"]  # half an image
    columns = (1 - rows["accuracy"], 1 - rows["high"], 1 - rows["low"])
    middle, low, high = (np.maximum(100 * c, least).to_numpy() for c in columns)
    return middle, low, high


def _draw_line(ax: Axes, trained: pd.DataFrame) -> None:
    """The exact networks: a line across, with a band for the interval."""
    if len(trained):
        (middle,), (low,), (high,) = _errors(trained)
        ax.axhspan(low, high, color=style.INK, alpha=0.1, linewidth=0, zorder=1)
        ax.axhline(middle, color=style.INK, linewidth=0.9, zorder=1.5)


def _draw_ladder(ax: Axes, means: pd.DataFrame, along: str = "total_neurons") -> None:
    """Test errors along a column; a line for each rung."""
    steps = [name for name in NAMES if name in set(means["step"])]
    for k, step in enumerate(steps):
        rows = means[means["step"] == step].sort_values(along)
        # apart by a little, so that intervals do not hide each other
        x = rows[along] * 1.04 ** (k - (len(steps) - 1) / 2)
        middle, low, high = _errors(rows)
        rung, aware, spiking, shaped = parts_of(step)
        color, line = COLOURS[rung], SOLID if aware else DASHED
        width = 2.4 if shaped else 1.0
        ax.plot(x, middle, color=color, linestyle=line, linewidth=width, zorder=2)
        look = {"marker": MARKERS[rung], "markersize": 7 if rung == "loihi" else 4.5}
        if not aware:
            look |= {"markerfacecolor": "white", "markeredgecolor": color}
            look["markeredgewidth"] = 1.0
        if spiking:
            look |= {"markeredgecolor": style.INK, "markeredgewidth": 1.2}
        style.points(ax, x, middle, low, high, color, **look)


def most_neurons(means: pd.DataFrame) -> pd.DataFrame:
    """The runs in spikes with the most neurons of each order; not those on the chip."""
    rungs = means["step"].map(lambda step: parts_of(step)[0])
    rows = means[~rungs.isin(["rate", "loihi"])]
    most = rows.groupby("order")["total_neurons"].transform("max")
    return rows[rows["total_neurons"] == most]


@style.rc()
def plot_costs(frame: pd.DataFrame) -> Figure:
    """Test errors against presentation time and spikes, with the most neurons.

    A row of two panels for each order.
    """
    trained, means = exact(frame), most_neurons(cells(frame))
    orders = sorted(means["order"].unique())
    figure = style.new_figure("double", 0.13 + 0.33 * len(orders))
    axes = figure.subplots(len(orders), 2, sharey=True, squeeze=False)
    for row, order in zip(axes, orders):
        of_order = means[means["order"] == order]
        for ax, along in zip(row, ("presentation", "spikes_per_image")):
            _draw_line(ax, trained[trained["order"] == order])
            _draw_ladder(ax, of_order, along)
        style.log_axis(row[0].xaxis, sorted(of_order["presentation"].unique()))
        style.log_axis(row[1].xaxis)
        total = of_order["total_neurons"].iloc[0]
        row[0].set_ylabel(f"Test error (%), $d = {order}$, {total:,} neurons")
    style.log_axis(axes[0, 0].yaxis)
    axes[-1, 0].set_xlabel("Presentation of each step (ms)")
    axes[-1, 1].set_xlabel("Spikes for each sequence")
    style.letters(axes.flat)
    _add_legend(figure, [name for name in NAMES if name in set(means["step"])])
    return figure


def _draw_exact(ax: Axes, trained: pd.DataFrame) -> None:
    middle, low, high = _errors(trained)
    style.points(ax, trained["order"], middle, low, high, markersize=5)
    style.log_axis(ax.yaxis)
    ax.set_xticks(sorted(trained["order"]))
    ax.margins(x=0.3)
    ax.set_xlabel("Order $d$")
    ax.set_ylabel("Test error (%)")


def _add_legend(figure: Figure, steps: list[str]) -> None:
    entries = [style.entry("exact", color=style.INK, linewidth=0.9)]
    entries += [
        style.entry(RUNGS[name], color=COLOURS[name], marker=MARKERS[name])
        for name in RUNGS
        if name in {parts_of(step)[0] for step in steps}
    ]
    if any(AWARE in step for step in steps):
        look: dict[str, Any] = {"color": style.QUIET, "marker": "o"}
        without = {**look, "linestyle": DASHED, "markerfacecolor": "white"}
        entries += [
            style.entry("noise-aware", linestyle=SOLID, **look),
            style.entry("without", **without),
        ]
    if any(SPIKING in step for step in steps):
        rim: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 1.2}
        rim |= {"color": style.QUIET, "marker": "o", "markeredgecolor": style.INK}
        entries.append(style.entry("all spiking", linestyle=DASHED, **rim))
    if any(SHAPED in step for step in steps):
        wide: dict[str, Any] = {
            "color": style.QUIET,
            "linewidth": 2.4,
            "linestyle": DASHED,
        }
        entries.append(style.entry("noise-shaped", **wide))
    style.legend_above(figure, entries, ncols=7)


def histories(
    folder: str | os.PathLike[str], frame: pd.DataFrame
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Order and epochs of each trained network whose file is in the folder."""
    for _, row in frame[frame["rung"] == "exact"].iterrows():
        path = Path(folder, str(row["model"]))
        if path.is_file():
            _, texts = read_archive(path)
            yield int(row["order"]), pd.DataFrame(texts["about"]["about"]["history"])


@style.rc()
def plot_training(folder: str | os.PathLike[str], frame: pd.DataFrame) -> Figure:
    """Loss, and error on validation sequences, against epochs; a line a network.

    Of networks that were trained without validation sequences, only the loss.

    Parameters
    ----------
    folder : path
        Where the trained networks are.
    frame : pandas.DataFrame
        As `run` returns it.
    """
    check_trials(frame)
    found = list(histories(folder, frame))
    shades = style.order_colours(order for order, _ in found)
    held_out = [epochs for _, epochs in found if "validation_loss" in epochs]
    if not held_out:
        figure = style.new_figure("single", 0.75)
        panels = [figure.subplots()]
    else:
        figure = style.new_figure("double", 0.38)
        panels = list(figure.subplots(1, 2))
    losses, errors = panels[0], panels[-1]
    for order, epochs in found:
        look: dict[str, Any] = {"color": shades[order], "linewidth": 0.9}
        losses.plot(epochs["epoch"], epochs["loss"], linestyle=(0, (3, 1.5)), **look)
        if "validation_loss" not in epochs:
            continue
        losses.plot(epochs["epoch"], epochs["validation_loss"], **look)
        wrong = 100 * (1 - epochs["validation_accuracy"])
        errors.plot(epochs["epoch"], wrong.where(wrong > 0), **look)
        best = int(epochs["validation_loss"].idxmin())
        style.points(errors, best + 1, wrong[best], color=shades[order])
    for ax in panels:
        if found:
            style.log_axis(ax.yaxis)
        ax.set_xlabel("Epoch")
    losses.set_ylabel("Cross entropy")
    if held_out:
        errors.set_ylabel("Validation error (%)")
        style.letters(panels)
    _add_training_legend(figure, shades, bool(held_out))
    return figure


def _add_training_legend(
    figure: Figure, shades: dict[float, str], held_out: bool
) -> None:
    look: dict[str, Any] = {"color": style.QUIET, "linewidth": 0.9}
    dot: dict[str, Any] = {"color": style.QUIET, "linestyle": "none", "marker": "o"}
    entries = [style.entry("training", linestyle=(0, (3, 1.5)), **look)]
    if held_out:
        entries += [style.entry("validation", **look), style.entry("kept", **dot)]
    entries += [
        style.entry(f"$d = {order}$", color=shade, linewidth=2.2)
        for order, shade in shades.items()
    ]
    style.legend_above(figure, entries)
