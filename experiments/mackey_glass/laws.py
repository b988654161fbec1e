"""What the trials of the Mackey-Glass experiment say: errors, and their ratios."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from spiking_lmu.experiments.mackey_glass.figures import PUBLISHED, by_model
from spiking_lmu.experiments.pages.means import Law, with_interval
from spiking_lmu.intervals import mean_interval


def test_laws(tests: pd.DataFrame) -> Iterator[Law]:
    """NRMSE of each model, and the model with the smallest."""
    errors = {}
    for model, rows in by_model(tests).items():
        error = with_interval("nrmse", rows["nrmse"], "positive")
        errors[model] = error["nrmse"]
        first = rows.iloc[0]
        law = {
            "law": "nrmse",
            "model": str(first["model"]),
            "protocol": str(first["protocol"]),
            **error,
            "settled": mean_interval(rows["nrmse_settled"], "positive")[0],
            "parameters": int(first["parameters"]),
        }
        if model in PUBLISHED and not first["swapped"]:
            law["published"] = PUBLISHED[model]
        yield law
    if errors:
        best = min(errors, key=lambda model: errors[model])
        yield {"law": "best", "model": best, "nrmse": errors[best], "lead": True}


def ratio_laws(tests: pd.DataFrame) -> Iterator[Law]:
    """Errors over those of the LSTM of the same trial: the same series, paired."""
    for protocol in ("ours", "paper"):
        rows = tests[tests["protocol"] == protocol]
        errors = rows.pivot(index="trial", columns="model", values="nrmse")
        for model in ("lmu", "hybrid"):
            if "lstm" in errors and model in errors:
                logs = np.log((errors[model] / errors["lstm"]).dropna())
                ratio, low, high = np.exp(mean_interval(logs)).tolist()
                law = {"law": "over_lstm", "model": model, "protocol": protocol}
                yield {**law, "ratio": ratio, "low": low, "high": high, "lead": True}


def spiking_laws(spikes: pd.DataFrame) -> Iterator[Law]:
    """The smallest error of each neuron type, and the effect of training with noise."""
    if not len(spikes):
        return
    for kind, rows in spikes.groupby("neuron_type", sort=False):
        cells = rows.groupby(["presentation", "n_neurons", "aware"])["nrmse"].mean()
        presentation, n, aware = cells.idxmin()
        yield {
            "law": "spiking",
            "neuron_type": str(kind),
            "nrmse": float(cells.min()),
            "total_neurons": int(rows["total_neurons"][rows["n_neurons"] == n].iloc[0]),
            "presentation": int(presentation),
            "aware": bool(aware),
            "lead": True,
        }
    cells = spikes.pivot_table("nrmse", ["n_neurons", "presentation"], "aware")
    ratios = cells[False] / cells[True]
    yield {"law": "aware", "low": float(ratios.min()), "high": float(ratios.max())}
