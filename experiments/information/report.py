"""The page of the information experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.information.figures import (
    NAMES,
    kinds,
    measured,
    present,
    totals,
)
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import Law, Report, Section, number

MEASURE = (
    "The input is a sequence of independent values, uniform between −1 and 1. How much "
    "of a function of past inputs a linear readout of a system's state gives is its "
    "capacity for that function, from 0 to 1. For the functions that are the input of "
    "some steps ago it is the linear memory capacity (Jaeger 2002); products of "
    "Legendre polynomials of inputs of several delays are the rest of an orthonormal "
    "basis, ordered by their degree (Dambre et al. 2012). All together can be no more "
    "than the number of linearly independent variables, and are as many if the system "
    "forgets its past, has no noise, and the basis is complete."
)


def report(frame: pd.DataFrame, arguments: Mapping[str, Any]) -> Report:
    """What the trials say; the figures are "capacity" and "memory".

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    arguments : mapping
        Those of `run`.
    """
    total = totals(frame)
    laws = (*_system_laws(frame, total), *_spiking_laws(frame, total))
    sections = (
        _degree_section(frame, arguments, laws),
        _memory_section(frame),
        Section(
            "All systems",
            table=_table(frame, total),
            table_caption="Means over trials, with 95 % intervals of the total.",
        ),
    )
    lead = " ".join(law.words for law in laws if law.values["law"] != "theory")
    title = "Information processing: what memories and networks hold of their input"
    return Report("information", title, lead, sections, laws)


def _system_laws(frame: pd.DataFrame, total: pd.DataFrame) -> Iterator[Law]:
    degrees = measured(frame, "degree")
    for name in present(frame):
        row = total[total["system"] == name].iloc[0]
        parts = degrees[degrees["system"] == name].sort_values("index")["capacity"]
        linear = float(parts.iloc[0])
        words = (
            f"{_sentence(name)} of {int(row['variables'])} variables has a capacity of "
            f"{number(row['capacity'])}{_interval(row)}, {number(linear)} of it linear."
        )
        values = {"law": "system", "system": name, "total": float(row["capacity"])}
        bounds = {"low": float(row["low"]), "high": float(row["high"])}
        by_degree = {"by_degree": parts.tolist()}
        yield Law(words, {**values, **bounds, **by_degree})


def _sentence(name: str) -> str:
    return {
        "linear": "The linear memory",
        "lmu-feedforward": "An LMU without recurrent weights in its hidden layer",
        "lmu": "An LMU",
        "tanh": "A recurrent tanh network",
    }[name]


def _interval(row: pd.Series) -> str:
    if not np.isfinite(row["low"]):
        return ""
    return f" (95 % interval {number(row['low'])} to {number(row['high'])})"


def _spiking_laws(frame: pd.DataFrame, total: pd.DataFrame) -> Iterator[Law]:
    rows = total[total["system"] == "spiking"].sort_values("n_neurons")
    for kind in kinds(frame):
        line = rows[rows["neuron_type"] == kind]
        first, last = line.iloc[0], line.iloc[-1]
        d = int(first["variables"])
        words = f"With {style.NAMES[kind]} neurons, a memory of {d} variables holds "
        words += f"{number(first['capacity'])} with {int(first['n_neurons']) * d:,}"
        if len(line) > 1:
            words += (
                f" neurons and {number(last['capacity'])}{_interval(last)} with "
                f"{int(last['n_neurons']) * d:,}."
            )
        else:
            words += f" neurons{_interval(first)}."
        values = {"law": "spiking", "neuron_type": kind, "variables": d}
        sizes = {"total_neurons": (line["n_neurons"] * d).tolist()}
        yield Law(words, {**values, **sizes, "totals": line["capacity"].tolist()})
        if kind == "poisson":
            ratios = line["capacity"] / line["predicted"]
            low, high = float(ratios.min()), float(ratios.max())
            yield Law(
                "The capacity of Poisson neurons is "
                f"{number(low)} to {number(high)} times what the theory of their noise "
                "says; no constant is fitted.",
                {"law": "theory", "low": low, "high": high},
            )


def _degree_section(
    frame: pd.DataFrame, arguments: Mapping[str, Any], laws: tuple[Law, ...]
) -> Section:
    paragraphs = [MEASURE, _estimate(frame, arguments)]
    order, window = arguments["order"], arguments["window"]
    if present(frame):
        paragraphs.append(
            f"The linear memory has {arguments['units']} state variables. The LMUs "
            f"and the tanh network have {arguments['units']} tanh units, which are "
            "what is read, with random weights and biases (deviations of "
            f"{arguments['gain']:g} and {arguments['bias']:g}) and recurrent weights "
            f"of a spectral radius of {arguments['radius']:g}. The LMUs' units see a "
            f"memory of {order} state variables, a window of {window:g} values."
        )
    if kinds(frame):
        paragraphs.append(
            f"The spiking memory, of {order} state variables as well, gets each value "
            f"for {arguments['presentation']} ms, so that its window of {window:g} "
            f"values is {window * arguments['presentation']:g} ms, and is read at the "
            "end of each. "
            + " ".join(law.words for law in laws if law.values["law"] == "theory")
            + " The theory is that of noise alone, without the decoders' distortion."
        )
    caption = (
        "Capacity by degree, as a share of the number of variables, which stands in "
        "brackets (a), and that of the spiking memory in all against its neurons (b). "
        "Dark lines are 95 % intervals of the totals over trials, dashed grey lines "
        "the most that there can be. What the bars lack is of higher degree, further "
        "back, too small to be told from chance, or lost in noise."
    )
    return Section(
        "Capacity by degree", tuple(paragraphs), figure="capacity", caption=caption
    )


def _estimate(frame: pd.DataFrame, arguments: Mapping[str, Any]) -> str:
    low, high = frame["threshold"].min(), frame["threshold"].max()
    reach = ", ".join(map(str, arguments["delays"]))
    total = totals(frame)
    share = float((total["capacity"] / total["variables"]).max())
    return (
        f"Functions of degree 1 to {len(arguments['delays'])} are measured, with "
        f"delays of up to {reach} values. Chance alone gives some capacity to all of "
        "them, distributed as chi-square; only what exceeds the quantile that chance "
        f"reaches once in ten thousand ({number(low)} to {number(high)} here) counts, "
        "less what chance adds to it on average. Two errors remain. Small capacities "
        "go unseen, which makes totals too small. Functions are orthogonal only on "
        "average, not in a finite sample, which can make totals too large, even beyond "
        f"the number of variables; the largest total here is {number(share)} times it."
    )


def _memory_section(frame: pd.DataFrame) -> Section:
    caption = "How well a linear readout recovers the input of some values ago"
    if present(frame) and kinds(frame):
        caption += ": systems without spikes (a) and the spiking memory (b)"
    caption += ". Bands and bars are 95 % intervals over trials."
    if kinds(frame):
        caption += (
            " The dark line is the exact memory in closed form, dashed lines are the "
            "theory of Poisson spikes; pale points are the fewest neurons."
        )
    return Section("Memory functions", figure="memory", caption=caption)


def _table(frame: pd.DataFrame, total: pd.DataFrame) -> pd.DataFrame:
    keys = ["system", "neuron_type", "n_neurons"]
    degrees = measured(frame, "degree")
    wide = degrees.pivot_table(index=keys, columns="index", values="capacity")
    rows = total.merge(wide.reset_index(), on=keys, how="left")
    shown = [*NAMES, "spiking"]
    rows = rows.sort_values(
        ["system", "neuron_type", "n_neurons"],
        key=lambda column: (
            column.map(shown.index) if column.name == "system" else column
        ),
    )
    names = rows["system"].map(NAMES).fillna("spiking memory")
    names = names.str.replace("$W_h = 0$", "no recurrent weights", regex=False)
    kind = rows["neuron_type"].map(style.NAMES)
    neurons = (rows["n_neurons"] * rows["variables"]).astype(int)
    return pd.DataFrame(
        {
            "System": names,
            "Neurons": kind,
            "How many": [n if n else None for n in neurons],
            "Variables": rows["variables"].astype(int),
            "Independent": rows["rank"].round().astype(int),
            **{f"Degree {k}": rows[k] for k in wide.columns},
            "Total": rows["capacity"],
            "Low": rows["low"],
            "High": rows["high"],
        }
    )
