"""The figure of a deployment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.means import check_trials
from spiking_lmu.experiments.pages.user_text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LABELS = 20  # that a figure can name


def labels(frame: pd.DataFrame) -> list[str]:
    """All labels, integers by their size."""
    found = {str(label) for name in ("label", "predicted") for label in frame[name]}
    numbers = all(re.fullmatch(r"-?[0-9]{1,18}", label) for label in found)
    return sorted(found, key=int if numbers else str)


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """Labels against answers, and how sure these are, with an exact memory and here.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    check_trials(frame, "sequence")
    frame = frame.astype({"label": str, "predicted": str})
    figure = style.new_figure("double", 0.46)
    confusion, margins = figure.subplots(1, 2)
    _draw_confusion(confusion, frame)
    _draw_margins(margins, frame)
    style.letters([confusion, margins])
    return figure


def _draw_confusion(ax: Axes, frame: pd.DataFrame) -> None:
    names = labels(frame)
    counts = pd.crosstab(frame["label"], frame["predicted"])
    counts = counts.reindex(index=names, columns=names, fill_value=0)
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0).to_numpy()
    n = len(names)
    extent = (-0.5, n - 0.5, -0.5, n - 0.5)
    style.heatmap(ax, shares, extent, cmap="Greys", vmin=0, vmax=1.1)
    ax.invert_yaxis()
    ax.set_xlabel("Answer of the network")
    ax.set_ylabel("Label")
    for spine in ax.spines.values():
        spine.set_visible(True)
    if n > MOST_LABELS:
        return
    shown = [plain(name) for name in names]
    ax.set_xticks(range(n), shown, rotation=90 if max(map(len, shown)) > 3 else 0)
    ax.set_yticks(range(n), shown)
    ax.tick_params(length=0)
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5}
    for (row, column), count in np.ndenumerate(counts.to_numpy()):
        if count:
            ink = "white" if shares[row, column] > 0.55 else style.INK
            ax.text(column, row, f"{count:,}", color=ink, **look)


def _draw_margins(ax: Axes, frame: pd.DataFrame) -> None:
    x, y = frame["exact_margin"], frame["margin"]
    ends = [min(x.min(), y.min(), 0.0), max(x.max(), y.max(), 0.0)]
    ax.plot(ends, ends, color=style.QUIET, linewidth=0.8, linestyle=(0, (4, 2.5)))
    ax.axhline(0, color=style.INK, linewidth=0.6)
    ax.axvline(0, color=style.QUIET, linewidth=0.5)
    wrong = frame["predicted"] != frame["label"]
    look: dict[str, Any] = {
        "linestyle": "none",
        "marker": "o",
        "markersize": 3,
        "alpha": 0.7,
    }
    for rows, text, kind in ((~wrong, "right", "poisson"), (wrong, "wrong", "lif")):
        look |= {"color": style.colour(kind), "label": f"{text} ({rows.sum():,})"}
        ax.plot(x[rows], y[rows], markeredgewidth=0, **look)
    ax.legend(loc="upper left", handletextpad=0.2)
    ax.set_xlabel("Margin, exact memory")
    ax.set_ylabel("Margin, this memory")
