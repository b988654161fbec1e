"""What the page of the copy experiment shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from spiking_lmu.experiments.copying import figures, laws, learned, ring
from spiking_lmu.experiments.copying.sequences import LENGTH
from spiking_lmu.experiments.experiment import Figures, Result


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figures."""
    frame = result.frame
    means = laws.cells(frame)
    drawn: Figures = {"loss": partial(figures.plot, frame)}
    values: dict[str, Any] = {
        "laws": list(laws.loss_laws(means)),
        "longest": int(means["delay"].max()),
        "solved": laws.SOLVED,
        "length": LENGTH,
        "blanks": ring.BLANKS,
        "means": _table(means),
    }
    trained = means[means["encoders"] == "learned"]
    if len(trained):
        drawn["training"] = partial(figures.plot_training, frame)
        rates = frame.loc[frame["encoders"] == "learned", "rates"].iloc[0]
        tried = [float(rate) for rate in rates.split()]
        values |= {
            "rates": tried,
            "at_an_end": bool(set(trained["learning_rate"]) & {min(tried), max(tried)}),
            "settings": learned,
            "updates": int(trained["updates"].max()),
            "chosen": _chosen(trained),
            "counts": {
                name: sorted({int(n) for n in trained[name]})
                for name in ("parameters", "updates", "trials")
            },
        }
    return values, drawn


def _chosen(trained: pd.DataFrame) -> str:
    """The learning rate of each model and delay."""
    columns = trained["model"], trained["delay"], trained["learning_rate"]
    return ", ".join(
        f"{rate:g} ({laws.NAMES[model, 'learned']}, T = {delay:,})"
        for model, delay, rate in zip(*columns)
    )


def _table(means: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Network": [
                laws.NAMES[kind] for kind in zip(means["model"], means["encoders"])
            ],
            "T": means["delay"],
            "Networks": means["trials"],
            "Weights": means["parameters"],
            "State variables": means["state_variables"],
            "Updates": means["updates"],
            "Loss": means["loss"],
            "Factor": means["ratio"],
            "Low": means["ratio_low"],
            "High": means["ratio_high"],
            "Correct, %": 100 * means["accuracy"],
            "Seconds": means["seconds"],
        }
    )
