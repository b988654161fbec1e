"""What the page of a deployment shows."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pandas as pd

from spiking_lmu.experiments.deployment.figures import labels, plot
from spiking_lmu.experiments.deployment.trials import facts_path
from spiking_lmu.experiments.experiment import Figures, Result
from spiking_lmu.experiments.pages.complexity import complexity_section
from spiking_lmu.experiments.pages.means import with_interval
from spiking_lmu.experiments.pages.templates import percent


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
        "complexity": complexity_section(pd.DataFrame([told["law"]]), {}),
        "chip": told["chip"],
        "populations": pd.DataFrame(told["chip"].get("populations", [])),
    }
    return values, {"answers": partial(plot, frame)}


def accuracies(frame: pd.DataFrame) -> dict[str, Any]:
    """Shares of the sequences, and the 95 % interval of the first."""
    right = frame["predicted"] == frame["label"]
    return {
        "sequences": len(frame),
        **with_interval("accuracy", right.to_numpy(float)[None], "share"),
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
