"""What the page of the copy experiment shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from spiking_lmu.experiments.copying import learned, ring
from spiking_lmu.experiments.copying.figures import plot, plot_training
from spiking_lmu.experiments.copying.laws import NAMES, SOLVED, cells, loss_laws
from spiking_lmu.experiments.copying.sequences import LENGTH
from spiking_lmu.experiments.experiment import Figures, Result
from spiking_lmu.experiments.pages.templates import listed


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figures."""
    frame = result.frame
    means = cells(frame)
    figures: Figures = {"loss": partial(plot, frame)}
    values: dict[str, Any] = {
        "laws": list(loss_laws(means)),
        "longest": int(means["delay"].max()),
        "solved": SOLVED,
        "length": LENGTH,
        "blanks": ring.BLANKS,
        "means": _table(means),
    }
    trained = means[means["encoders"] == "learned"]
    if len(trained):
        figures["training"] = partial(plot_training, frame)
        rates = frame.loc[frame["encoders"] == "learned", "rates"].iloc[0]
        tried = [float(rate) for rate in rates.split()]
        values |= {
            "rates": tried,
            "at_an_end": bool(set(trained["learning_rate"]) & {min(tried), max(tried)}),
            "pilot": learned.PILOT,
            "every": learned.EVERY,
            "updates": int(trained["updates"].max()),
            "protocol": _protocol(trained),
        }
    return values, figures


def _protocol(means: pd.DataFrame) -> pd.DataFrame:
    rates = ", ".join(
        f"{rate:g} ({NAMES[model, 'learned']}, T = {delay:,})"
        for model, delay, rate in zip(
            means["model"], means["delay"], means["learning_rate"]
        )
    )
    sizes, updates, networks = (
        listed(sorted({int(n) for n in means[name]}))
        for name in ("parameters", "updates", "trials")
    )
    rows = [
        ("Training sequences", "100,000, repeatedly", "new in each update"),
        ("Sequences in each update", "20", f"{learned.BATCH}"),
        ("Updates", "about 20,000", updates),
        ("Optimizer", "RMSProp, decay 0.9", f"RMSProp, decay {learned.DECAY:g}"),
        ("Learning rate", "0.001", f"chosen: {rates}"),
        ("Clipping", "each gradient at 1 (LSTM)", f"each gradient at {learned.CLIP:g}"),
        ("Parameters", "about 6,500", f"{sizes} (target: {learned.PARAMETERS:,})"),
        ("LSTM", "peepholes to the output gate", "none"),
        ("Networks", "1", networks),
        (
            "Tested weights",
            "best in test",
            f"best in validation, {learned.VALIDATION} sequences",
        ),
        ("Test sequences", "10,000", f"{learned.TEST:,}"),
    ]
    return pd.DataFrame(rows, columns=["", "Published", "Here"])


def _table(means: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Network": [NAMES[kind] for kind in zip(means["model"], means["encoders"])],
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
