"""What the page of the Mackey-Glass experiment shows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.experiment import Figures, Result
from spiking_lmu.experiments.mackey_glass.figures import (
    NAMES,
    PUBLISHED,
    by_model,
    plot,
    plot_prediction,
    plot_spiking,
    plot_training,
)
from spiking_lmu.experiments.mackey_glass.laws import (
    ratio_laws,
    spiking_laws,
    test_laws,
)
from spiking_lmu.experiments.mackey_glass.paper import EVERY
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.means import check_trials
from spiking_lmu.intervals import mean_interval

#: Figures, each with the study that it shows.
FIGURES = {
    "models": ("test", plot),
    "prediction": ("example", plot_prediction),
    "training": ("training", plot_training),
    "spiking": ("spiking", plot_spiking),
}
#: How recurrent networks are trained: as published, by the paper's protocol here, and
#: by ours.
PROTOCOLS = {
    "Widths": (
        "LSTM 25, LMU 49, hybrid 40 and 25; order 4, window 4 steps",
        "the same",
        "the same",
    ),
    "Biases of the LMU; readout": (
        "yes; LSTM and hybrid through tanh",
        "the same",
        "no; linear",
    ),
    "Series to train, validate, test": ("32, 32, 64", "{paper_series}", "{series}"),
    "Steps of each that are trained on": (
        "5,000, from the beginning",
        "{paper_length:,}, from the beginning",
        "all, in windows of {length}; beginnings eight times",
    ),
    "Updates in an epoch; epochs": (
        "1; 500",
        "1; {paper_epochs:,}",
        "one for each 32 windows; {epochs}",
    ),
    "Optimizer": (
        "Adam at 0.001",
        "the same",
        "Adam, at 0.005 falling to 0; gradients clipped",
    ),
    "Mean subtracted": (
        "of all series, test series included",
        "of the training series",
        "of the training series; scaled",
    ),
    "Validated": ("after each epoch", "every {every} epochs", "after each epoch"),
    "Networks of each kind": ("1", "{trials}", "{trials}"),
}


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figures."""
    frame, arguments = result.frame, result.arguments
    check_trials(frame)
    tests = frame[frame["study"] == "test"]
    spikes = frame[frame["study"] == "spiking"]
    values: dict[str, Any] = {
        "arguments": arguments,
        "names": NAMES,
        "laws": [*test_laws(tests), *ratio_laws(tests), *spiking_laws(spikes)],
        "tests": _tests(tests, arguments) if len(tests) else None,
        "spikes": _spiking_table(spikes) if len(spikes) else None,
    }
    figures: Figures = {
        name: partial(draw, frame)
        for name, (study, draw) in FIGURES.items()
        if (frame["study"] == study).any()
    }
    return values, figures


def _tests(tests: pd.DataFrame, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "protocols": set(tests["protocol"]),
        "gap": _largest(tests["nrmse_deviation"] / tests["nrmse"] - 1),
        "difference": _largest(tests["nengo_difference"]),
        "networks": int(tests["trial"].nunique()),
        "errors": _error_table(tests, arguments["swapped"]),
        "training": _protocol_table(tests, arguments),
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
            "Model": NAMES[model],
            "Networks": len(of),
            "Parameters": int(of["parameters"].iloc[0]),
            **_percent(of["nrmse"]),
            "settled, %": 100 * of["nrmse_settled"].mean(),
            "published, %": 100 * PUBLISHED.get(model, np.nan),
            "Epochs": int(of["epochs"].iloc[0]),
            "s per epoch": of["seconds_per_epoch"].mean(),
        }
        for model, of in by_model(tests).items()
    ]
    return pd.DataFrame(rows).drop(columns=["published, %"] if swapped else [])


def _protocol_table(tests: pd.DataFrame, arguments: Mapping[str, Any]) -> pd.DataFrame:
    """The published protocol beside those that were run."""
    epochs = tests.groupby("protocol")["epochs"].max()
    facts = {
        **arguments,
        "series": ", ".join(map(str, arguments["series"])),
        "paper_series": ", ".join(map(str, arguments["paper_series"])),
        "paper_length": arguments["paper_length"] or arguments["steps"],
        "paper_epochs": int(epochs.get("paper", 0)),
        "every": EVERY,
        "trials": tests["trial"].nunique(),
    }
    columns = {"paper": "Paper's protocol, here", "ours": "Ours"}
    texts = pd.DataFrame.from_dict(
        PROTOCOLS, orient="index", columns=["Published", *columns.values()]
    )
    shown = ["Published", *(name for key, name in columns.items() if key in epochs)]
    texts = texts[shown].map(lambda text: text.format(**facts))
    return texts.reset_index(names="")


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
