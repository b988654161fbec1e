"""What the page of the information experiment shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from spiking_lmu.experiments.experiment import Figures, Result
from spiking_lmu.experiments.information import laws
from spiking_lmu.experiments.information.figures import NAMES, plot, plot_memory
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.means import by_type


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figures."""
    frame = result.frame
    total = laws.totals(frame)
    values = {
        "arguments": result.arguments,
        "laws": [*laws.system_laws(frame), *laws.spiking_laws(frame)],
        "without_spikes": laws.without_spikes(frame),
        "kinds": list(by_type(frame)),
        "thresholds": [frame["threshold"].min(), frame["threshold"].max()],
        "largest": float((total["capacity"] / total["variables"]).max()),
        "systems": _table(frame, total),
    }
    return values, {
        "capacity": partial(plot, frame),
        "memory": partial(plot_memory, frame),
    }


def _table(frame: pd.DataFrame, total: pd.DataFrame) -> pd.DataFrame:
    degrees = laws.measured(frame, "degree")
    wide = degrees.pivot_table(index=laws.KEYS, columns="index", values="capacity")
    rows = total.merge(wide.reset_index(), on=laws.KEYS, how="left")
    rows["place"] = rows["system"].map([*NAMES, "spiking"].index)
    rows = rows.sort_values(["place", *laws.KEYS])
    names = rows["system"].map(NAMES).fillna("spiking memory")
    neurons = (rows["n_neurons"] * rows["variables"]).astype(int)
    return pd.DataFrame(
        {
            "System": names.str.replace("$W_h = 0$", "no recurrent weights"),
            "Neurons": rows["neuron_type"].map(style.NAMES),
            "How many": [n if n else None for n in neurons],
            "Variables": rows["variables"].astype(int),
            "Independent": rows["rank"].round().astype(int),
            **{f"Degree {k}": rows[k] for k in wide.columns},
            "Total": rows["capacity"],
            "Low": rows["low"],
            "High": rows["high"],
        }
    )
