"""The page of a deployed network, and its figure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import Law, Report, Section, number
from spiking_lmu.hardware.resources import Resources
from spiking_lmu.intervals import mean_interval
from spiking_lmu.validation import refusal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WHERE = {
    "nengo": ("Nengo", "nengo.Simulator, one sequence after the other"),
    "batched": ("Nengo", "networks.run_sequences, which computes what Nengo does"),
    "dl": ("NengoDL", "NengoDL, unrolled in time"),
    "loihi": ("Loihi", "the emulator of Loihi, with the chip's integers"),
}
KINDS = {"exact": "exact", **style.NAMES}
MOST_LABELS = 20  # that a figure can name
ENERGY = (
    "Energies are estimates from published figures for single operations. On the chip: "
    "counted spikes, synaptic operations and neuron updates of the memory (Davies et "
    "al. 2018, table 2), without static power and without the host, which computes the "
    "hidden units and the readout. On processors: all of the network in each step, at "
    "8.6 nJ an operation on a CPU, 0.3 nJ on a GPU with much to do at once and 0.9 nJ "
    "on an ARM Cortex-A (Degnan et al. 2016), good for orders of magnitude."
)


def report(
    frame: pd.DataFrame, facts: dict[str, Any], resources: Resources | str
) -> Report:
    """What a network did on a target; the figure is "answers".

    Parameters
    ----------
    frame, facts, resources
        As in `deploy.Deployment`.
    """
    kind = KINDS[facts["memory"]]
    name, how = WHERE[facts["target"]]
    neurons = f", {facts['neurons']:,} neurons" if facts["neurons"] else ""
    lead = (
        f"{_percent(facts['accuracy'])} of {facts['sequences']:,} sequences right "
        f"(95 % interval {_percent(facts['low'])} to {_percent(facts['high'])}), on "
        f"{how}. Memory: {kind}{neurons}. The exact network has "
        f"{_percent(facts['exact_accuracy'])} on the same sequences."
    )
    words = (
        f"With {facts['spikes']:,.0f} spikes a sequence, the network says what the "
        f"exact one says of {_percent(facts['agreement'])} of the sequences."
    )
    sections = (
        Section(
            "Answers",
            (
                "The right class and the one with the highest logit at the end of each "
                "sequence. trials.csv has a row for each.",
            ),
            figure="answers",
            caption=(
                "Left, sequences by their label and by what the network said. Right, "
                "each sequence by its margin, the logit of the right class less the "
                "highest other: with an exact memory, and here. Below the line, the "
                "answer is wrong."
            ),
            table=_by_label(frame),
            table_caption="Share of right answers, with 95 % intervals (Wilson 1927).",
        ),
        Section(
            "What it takes",
            (ENERGY,),
            table=_costs(facts),
            table_caption=f"Memory: {kind}. Each sequence is {facts['steps']:,} steps.",
        ),
        _resources_section(resources),
    )
    title = f"A trained network on {name}: {facts['data']}"
    return Report("deploy", title, lead, sections, (Law(words, facts),))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _by_label(frame: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for label in labels(frame):
        group = frame[frame["label"] == label]
        if group.empty:
            continue
        right = (group["predicted"] == label).to_numpy(float)
        share, low, high = mean_interval(right[None], "share")
        exact = float((group["exact"] == label).mean())
        rows.append(
            {
                "Label": label,
                "Sequences": len(group),
                "Right": _percent(share),
                "Interval": f"{_percent(low)} to {_percent(high)}",
                "Exact network": _percent(exact),
            }
        )
    return pd.DataFrame(rows)


def _costs(facts: dict[str, Any]) -> pd.DataFrame:
    seconds = facts["run_seconds"] / facts["sequences"]
    rows = {
        "State variables": f"{facts['order']:,}",
        "Neurons of the memory": f"{facts['neurons']:,}",
        "Steps for each item": f"{facts['presentation']:,}",
        "Spikes for each sequence": f"{facts['spikes']:,.0f}",
    }
    if "chip_energy" in facts:
        low, high = (1e6 * value for value in facts["chip_energy"])
        rows["Cores"] = f"{facts['cores']:,}"
        rows["µJ for each sequence, on the chip"] = f"{number(low)} to {number(high)}"
    processors = {"cpu": "a CPU", "gpu": "a GPU", "arm": "an ARM processor"}
    for name, machine in processors.items():
        energy = number(1e6 * facts[f"{name}_energy"])
        rows[f"µJ for each sequence, on {machine}"] = energy
    rows["Seconds for each sequence, here"] = number(seconds)
    return pd.DataFrame({"Quantity": list(rows), "Value": list(rows.values())})


def _resources_section(resources: Resources | str) -> Section:
    title = "Resources of the chip"
    if isinstance(resources, str):
        return Section(title, (resources,))
    total = str(resources).splitlines()[-1]
    columns = {
        "Population": "label",
        "Neurons": "n_neurons",
        "Cores": "cores",
        "Input axons": "in_axons",
        "Output axons": "out_axons",
    }
    largest = sorted(resources.populations, key=lambda p: -p.n_neurons)[:10]
    rows = {name: [getattr(p, key) for p in largest] for name, key in columns.items()}
    more = len(resources.populations) - len(largest)
    return Section(
        title,
        (f"Counted before anything is built: {total}.",),
        table=pd.DataFrame(rows),
        table_caption="The largest populations"
        + (f"; {more:,} more are left out." if more else "."),
    )


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
        As `deploy.run` returns it.
    """
    if len(frame) == 0:
        raise refusal("frame", "empty", "of at least one sequence")
    frame = frame.astype({"label": str, "predicted": str})
    figure = style.new_figure("double", 0.46)
    confusion, margins = figure.subplots(1, 2)
    _draw_confusion(confusion, frame)
    _draw_margins(margins, frame)
    style.letter(confusion, "a")
    style.letter(margins, "b")
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
    ax.set_xlabel("What the network said")
    ax.set_ylabel("Label")
    for spine in ax.spines.values():
        spine.set_visible(True)
    if n > MOST_LABELS:
        return
    shown = [style.plain(name) for name in names]
    ax.set_xticks(range(n), shown, rotation=90 if max(map(len, shown)) > 3 else 0)
    ax.set_yticks(range(n), shown)
    ax.tick_params(length=0)
    for (row, column), count in np.ndenumerate(counts.to_numpy()):
        if count:
            ink = "white" if shares[row, column] > 0.55 else style.INK
            ax.text(
                column,
                row,
                f"{count:,}",
                ha="center",
                va="center",
                fontsize=7.5,
                color=ink,
            )


def _draw_margins(ax: Axes, frame: pd.DataFrame) -> None:
    x, y = frame["exact_margin"], frame["margin"]
    ends = [min(x.min(), y.min(), 0.0), max(x.max(), y.max(), 0.0)]
    ax.plot(ends, ends, color=style.QUIET, linewidth=0.8, linestyle=(0, (4, 2.5)))
    ax.axhline(0, color=style.INK, linewidth=0.6)
    ax.axvline(0, color=style.QUIET, linewidth=0.5)
    wrong = frame["predicted"] != frame["label"]
    for rows, text, color in (
        (~wrong, "right", style.colour("poisson")),
        (wrong, "wrong", style.colour("lif")),
    ):
        ax.plot(
            x[rows],
            y[rows],
            linestyle="none",
            marker="o",
            markersize=3,
            markeredgewidth=0,
            alpha=0.7,
            color=color,
            label=f"{text} ({int(rows.sum()):,})",
        )
    ax.legend(loc="upper left", handletextpad=0.2)
    ax.set_xlabel("Margin, exact memory")
    ax.set_ylabel("Margin, here")
