"""What the trials of the copy experiment say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages.means import Law, check_trials
from spiking_lmu.intervals import mean_interval

#: Names of what is compared: a model, and where its encoders come from.
NAMES = {
    ("lmu", "learned"): "LMU",
    ("lstm", "learned"): "LSTM",
    ("lmu", "ring"): "ring by hand",
}
SOLVED = 100  # times below the baseline


def kinds(frame: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """The trials of each model and kind of encoders, in the order of ``NAMES``."""
    check_trials(frame)
    found = dict(iter(frame.groupby(["model", "encoders"])))
    return {kind: found[kind] for kind in NAMES if kind in found}


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each kind and delay, from all of its trials.

    ``loss`` is the geometric mean over the networks, with the interval of the mean
    logarithm, ``loss_low`` to ``loss_high``. ``ratio`` is the baseline over the loss.
    """
    check_trials(frame)
    # a loss of exactly zero would have no logarithm
    logs = np.log(np.maximum(frame["loss"], 1e-300))
    groups = frame.assign(log=logs).groupby(["model", "encoders", "delay"])
    means = groups.first().assign(
        trials=groups.size(),
        accuracy=groups["accuracy"].mean(),
        seconds=groups["seconds"].mean(),
    )
    losses = [np.exp(mean_interval(of)) for _, of in groups["log"]]
    means[["loss", "loss_low", "loss_high"]] = losses
    means["ratio"] = means["baseline"] / means["loss"]
    # the bounds of the loss change places
    means["ratio_low"] = means["baseline"] / means["loss_high"]
    means["ratio_high"] = means["baseline"] / means["loss_low"]
    return pd.concat(list(kinds(means.reset_index()).values()), ignore_index=True)


def loss_laws(means: pd.DataFrame) -> Iterator[Law]:
    """How far a model came at one T."""
    for _, cell in means.iterrows():
        loss = cell[["loss", "loss_low", "loss_high"]] / cell["baseline"]
        yield {
            "law": "loss",
            "model": cell["model"],
            "encoders": cell["encoders"],
            "delay": int(cell["delay"]),
            "updates": int(cell["updates"]),
            "networks": int(cell["trials"]),
            "ratio": float(cell["ratio"]),
            "ratio_low": float(cell["ratio_low"]),
            "ratio_high": float(cell["ratio_high"]),
            "loss": dict(zip(("mean", "low", "high"), map(float, loss))),
            "accuracy": float(cell["accuracy"]),
            "solved": bool(cell["ratio"] >= SOLVED),
        }
