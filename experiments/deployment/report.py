"""What the page of a deployment shows."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pandas as pd

from spiking_lmu.experiments.deployment.figures import labels, plot
from spiking_lmu.experiments.deployment.trials import facts_path
from spiking_lmu.experiments.experiment import Figures, Result
from spiking_lmu.experiments.pages.report import number
from spiking_lmu.experiments.pages.templates import percent
from spiking_lmu.intervals import mean_interval


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figure."""
    path = facts_path(result.folder, result.tasks[0])
    try:
        told = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        again = f"remove {result.folder} to run this again"
        raise OSError(f"{path}, which the page requires, is missing; {again}") from None
    return show(result.frame, told)


def show(frame: pd.DataFrame, told: dict[str, Any]) -> tuple[dict[str, Any], Figures]:
    """As `present`, with what `run_task` has kept beside the rows."""
    facts = {**told["law"], **accuracies(frame)}
    values = {
        "facts": facts,
        "by_label": _by_label(frame),
        "costs": _costs(facts),
        "chip": told["chip"],
        "populations": pd.DataFrame(told["chip"].get("populations", [])),
    }
    return values, {"answers": partial(plot, frame)}


def accuracies(frame: pd.DataFrame) -> dict[str, Any]:
    """Shares of the sequences, and the 95 % interval of the first."""
    right = frame["predicted"] == frame["label"]
    accuracy, low, high = mean_interval(right.to_numpy(float)[None], "share")
    return {
        "sequences": len(frame),
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "exact_accuracy": float((frame["exact"] == frame["label"]).mean()),
        "agreement": float((frame["predicted"] == frame["exact"]).mean()),
    }


def _by_label(frame: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for label in labels(frame):
        group = frame[frame["label"].astype(str) == label]
        if len(group):
            n, found = len(group), accuracies(group)
            low, high = (percent(found[name], n) for name in ("low", "high"))
            rows.append(
                {
                    "Label": label,
                    "Sequences": n,
                    "Right": f"{percent(found['accuracy'], n)} %",
                    "Interval": f"{low} % to {high} %",
                    "Exact network": f"{percent(found['exact_accuracy'], n)} %",
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
