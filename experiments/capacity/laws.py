"""What the trials of the capacity experiment say: means, and where recall ends."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages.means import Law, averaged, those

HELD = 0.1  # an RMSE up to which a memory holds the input
SOLVED = 0.5  # an RMSE at which a quarter of the signal's power is missed


def overall(frame: pd.DataFrame) -> pd.DataFrame:
    """RMSE over the delays that both models have, with its interval over trials.

    One row for each model, window and amount of training.
    """
    frame = of_band(frame, "fixed")
    shared = frame[frame["compared"]].assign(square=frame["rmse"] ** 2)
    keys = ["model", "steps", "trained_steps", "updates"]
    trials = shared.groupby([*keys, "seed"])
    one = trials.first().assign(rmse=np.sqrt(trials["square"].mean()))
    return averaged(one.reset_index(), keys, "rmse")


def by_delay(frame: pd.DataFrame) -> pd.DataFrame:
    """RMSE at each delay after all training, with its interval over trials."""
    last = trained(of_band(frame, "fixed"))
    return averaged(last, ["model", "steps", "delay"], "rmse")


def of_band(frame: pd.DataFrame, band: str) -> pd.DataFrame:
    """The trials of the input with a ``"fixed"`` or a ``"growing"`` band."""
    return those(frame, "band", band, f"trial of the {band} band")


def growing(frame: pd.DataFrame) -> pd.DataFrame:
    """RMSE over all delays of the input whose band grows, with its interval."""
    rows = of_band(frame, "growing")
    keys = ["state_variables", "steps", "cycles"]
    squares = rows.assign(square=rows["rmse"] ** 2).groupby([*keys, "seed"])["square"]
    one = np.sqrt(squares.mean()).rename("rmse").reset_index()
    return averaged(one, keys, "rmse")


def trained(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows, or means, after all training."""
    last = frame.groupby(["model", "steps"])["trained_steps"].transform("max")
    return frame[frame["trained_steps"] == last]


def recall_laws(final: pd.DataFrame) -> Iterator[Law]:
    """The error of each model over each window, after all training."""
    counts = ("steps", "state_variables", "trained_steps", "updates")
    numbers = ("rmse", "low", "high", "train_seconds")
    for _, row in final.iterrows():
        yield {
            "law": "recall",
            "model": row["model"],
            **{name: int(row[name]) for name in counts},
            **{name: float(row[name]) for name in numbers},
        }


def reach_laws(delays: pd.DataFrame) -> Iterator[Law]:
    """How far back the LSTM recalls more than three quarters of the power.

    ``delay_steps`` is the longest such delay, or None where there is none; ``all``
    tells whether it is the longest of all.
    """
    for steps, rows in delays[delays["model"] == "lstm"].groupby("steps"):
        rows = rows.sort_values("delay")
        n = _leading(rows["rmse"] <= SOLVED)
        yield {
            "law": "reach",
            "steps": int(steps),
            "delay_steps": int(rows["delay_steps"].iloc[n - 1]) if n else None,
            "all": n == len(rows),
        }


def break_law(grown: pd.DataFrame) -> Law:
    """Up to where the memory holds an input whose band grows, and where it breaks."""
    grown = grown.sort_values("steps")
    n = _leading(grown["rmse"] <= HELD)
    law: Law = {
        "law": "breaks",
        "order": int(grown["state_variables"].iloc[0]),
        "density": float((grown["cycles"] / grown["steps"]).iloc[0]),
    }
    for name, place in (("held", n - 1), ("broken", n)):
        row = grown.iloc[place] if 0 <= place < len(grown) else None
        for key in ("steps", "cycles", "rmse", "low", "high"):
            law[f"{name}_{key}"] = None if row is None else float(row[key])
    return law


def _leading(holds: pd.Series) -> int:
    """How many rows hold before the first one that does not."""
    return int(holds.cummin().sum())
