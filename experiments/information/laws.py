"""What the trials of the information experiment say: capacities, and their theory."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from spiking_lmu.experiments.information.trials import SYSTEMS
from spiking_lmu.experiments.pages.means import Law, averaged, by_type, those

KEYS = ["system", "neuron_type", "n_neurons"]  # what trials share


def totals(frame: pd.DataFrame) -> pd.DataFrame:
    """All degrees together: the mean over trials of each system, with its interval."""
    degrees = _of_measure(frame, "degree")
    trials = degrees.groupby([*KEYS, "seed"], sort=False)
    one = trials.agg(
        capacity=("capacity", "sum"),
        predicted=("predicted", "max"),
        variables=("variables", "first"),
        rank=("rank", "first"),
    )
    return averaged(one.reset_index(), KEYS, "capacity")


def measured(frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Means over trials, with intervals, for each degree or each delay."""
    return averaged(_of_measure(frame, measure), [*KEYS, "index"], "capacity")


def _of_measure(frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    rows = those(frame, "measure", measure, f"row of the measure {measure!r}")
    return rows.fillna({"neuron_type": ""})  # none, in a frame that comes from a file


def without_spikes(frame: pd.DataFrame) -> list[str]:
    """The systems without spikes, in the order in which they are shown."""
    found = set(frame["system"]) - {"spiking"}
    return [name for name in SYSTEMS if name in found]


def system_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """The capacity of each system without spikes, in all and by degree."""
    total, degrees = totals(frame), measured(frame, "degree")
    for name in without_spikes(frame):
        row = total[total["system"] == name].iloc[0]
        parts = degrees[degrees["system"] == name].sort_values("index")["capacity"]
        yield {
            "law": "system",
            "system": name,
            "variables": int(row["variables"]),
            "total": float(row["capacity"]),
            "low": float(row["low"]),
            "high": float(row["high"]),
            "by_degree": parts.tolist(),
        }


def spiking_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """The capacity of the spiking memory against neurons, and relative to theory.

    ``low`` and ``high`` are of the largest number of neurons.
    """
    total = totals(frame)
    rows = total[total["system"] == "spiking"].sort_values("n_neurons")
    for kind, line in by_type(rows).items():
        last = line.iloc[-1]
        d = int(last["variables"])
        yield {
            "law": "spiking",
            "neuron_type": kind,
            "variables": d,
            "total_neurons": (line["n_neurons"] * d).astype(int).tolist(),
            "totals": line["capacity"].tolist(),
            "low": float(last["low"]),
            "high": float(last["high"]),
        }
        ratios = line["capacity"] / line["predicted"]
        if ratios.notna().all():
            low, high = float(ratios.min()), float(ratios.max())
            yield {"law": "theory", "neuron_type": kind, "low": low, "high": high}
