"""What the page of the Mackey-Glass experiment shows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.experiment import Figures, Result
from spiking_lmu.experiments.mackey_glass import figures, laws
from spiking_lmu.experiments.mackey_glass.paper import EVERY
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.complexity import complexity_section
from spiking_lmu.experiments.pages.means import check_trials
from spiking_lmu.intervals import mean_interval

#: Figures, each with the study that it shows.
FIGURES = {
    "models": ("test", figures.plot),
    "prediction": ("example", figures.plot_prediction),
    "training": ("training", figures.plot_training),
    "spiking": ("spiking", figures.plot_spiking),
}


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figures."""
    frame, arguments = result.frame, result.arguments
    check_trials(frame)
    tests = frame[frame["study"] == "test"]
    spikes = frame[frame["study"] == "spiking"]
    values: dict[str, Any] = {
        "arguments": arguments,
        "names": figures.NAMES,
        "laws": [
            *laws.test_laws(tests),
            *laws.ratio_laws(tests),
            *laws.spiking_laws(spikes),
        ],
        "tests": _tests(tests, arguments) if len(tests) else None,
        "complexity": _complexity(tests, spikes),
        "spikes": _spiking_table(spikes) if len(spikes) else None,
    }
    drawn: Figures = {
        name: partial(draw, frame)
        for name, (study, draw) in FIGURES.items()
        if (frame["study"] == study).any()
    }
    return values, drawn


def _tests(tests: pd.DataFrame, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "protocols": set(tests["protocol"]),
        "gap": _largest(tests["nrmse_deviation"] / tests["nrmse"] - 1),
        "difference": _largest(tests["nengo_difference"]),
        "networks": int(tests["trial"].nunique()),
        "errors": _error_table(tests, arguments["swapped"]),
        "epochs": tests.groupby("protocol")["epochs"].max().to_dict(),
        "every": EVERY,
    }


def _largest(values: pd.Series) -> float | None:
    found = values.dropna().abs().max()
    return None if np.isnan(found) else float(found)


def _percent(errors: pd.Series) -> dict[str, float]:
    mean, low, high = (100 * x for x in mean_interval(errors, "positive"))
    return {"NRMSE, %": mean, "from": low, "to": high}


def _error_table(tests: pd.DataFrame, swapped: bool) -> pd.DataFrame:
    rows = [
        {
            "Model": figures.NAMES[model],
            "Networks": len(of),
            "Parameters": int(of["parameters"].iloc[0]),
            **_percent(of["nrmse"]),
            "settled, %": 100 * of["nrmse_settled"].mean(),
            "published, %": 100 * figures.PUBLISHED.get(model, np.nan),
            "Epochs": int(of["epochs"].iloc[0]),
            "s per epoch": of["seconds_per_epoch"].mean(),
        }
        for model, of in figures.by_model(tests).items()
    ]
    return pd.DataFrame(rows).drop(columns=["published, %"] if swapped else [])


def _complexity(tests: pd.DataFrame, spikes: pd.DataFrame) -> Any:
    """Means over the networks of each kind."""
    keys = [
        "protocol",
        "model",
        "neuron_type",
        "total_neurons",
        "presentation",
        "aware",
    ]
    if len(spikes):  # without any, there is no such column
        spikes = spikes[spikes["aware"].astype(bool)]
    rows = pd.concat([tests, spikes], ignore_index=True)
    kinds = [key for key in keys if key in rows]
    groups = rows.groupby(kinds, sort=False, dropna=False)
    means = groups.mean(numeric_only=True).reset_index()

    names = {**figures.NAMES, "spiking": "spiking LMU"}
    models = figures.kinds(means)
    labels: dict[str, Any] = {"Model": [names[model] for model in models]}
    if len(spikes):
        labels["Memory of"] = [
            style.NAMES.get(str(kind), "exact") for kind in means["neuron_type"]
        ]
        for name, key in (("Neurons", "total_neurons"), ("ms", "presentation")):
            labels[name] = means[key].astype("Int64").tolist()
    return complexity_section(means, labels)


def _spiking_table(spikes: pd.DataFrame) -> pd.DataFrame:
    keys = ["presentation", "neuron_type", "n_neurons", "aware"]
    return pd.DataFrame(
        {
            "ms for each value": int(presentation),
            "Neurons": style.NAMES[str(kind)],
            "per dimension": int(n),
            "in all": int(of["total_neurons"].iloc[0]),
            "Trained with noise": "yes" if aware else "no",
            **_percent(of["nrmse"]),
            "exact memory, %": 100 * of["exact_nrmse"].mean(),
            "Spikes per second": of["spikes_per_second"].mean(),
        }
        for (presentation, kind, n, aware), of in spikes.groupby(keys, sort=False)
    )
