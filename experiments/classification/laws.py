"""What the trials of the classification experiments say of accuracy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from spiking_lmu.experiments.classification.answers import unpack
from spiking_lmu.experiments.classification.figures import KEYS, NAMES, RUNGS
from spiking_lmu.experiments.pages.complexity import COLUMNS
from spiking_lmu.experiments.pages.means import Law, with_interval

CLOSE = 0.01  # a drop that counts as small
COUNTS = ("networks", "images", "presentation", "total_neurons")
SHARES = ("accuracy", "low", "high")
OF_NEURONS = (
    "drop", "drop_low", "drop_high", "exact_accuracy", "spikes_per_image",
    "hidden_spikes", *COLUMNS,
)  # fmt: skip


def exact_laws(trained: pd.DataFrame) -> Iterator[Law]:
    """Accuracy of the exact networks of each order."""
    for _, row in trained.iterrows():
        yield {"law": "exact", "order": int(row["order"]), **_numbers(row)}


def best_laws(means: pd.DataFrame) -> Iterator[Law]:
    """The most accurate network of each rung."""
    for step in (name for name in NAMES if name in set(means["step"])):
        rows = means[means["step"] == step]
        row = rows.loc[rows["accuracy"].idxmax()]
        law = {"law": "best", "rung": step, "order": int(row["order"])}
        yield {**law, "images_of": row["images_of"], **_numbers(row)}


def enough_laws(means: pd.DataFrame) -> Iterator[Law]:
    """The fewest neurons that are enough, at each presentation time, of each rung."""
    for (order, step), rows in means.groupby(["order", "step"], sort=False):
        if step.startswith("rate") or rows["total_neurons"].nunique() < 2:
            continue
        close = rows[rows["drop"] <= CLOSE]
        few = close.groupby("presentation")["total_neurons"].min()
        if len(few):
            enough = {str(time): int(n) for time, n in few.items()}
            law = {"law": "enough", "order": int(order), "rung": step}
            yield {**law, "drop": CLOSE, "neurons": enough}


def aware_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """What noise-aware training brings, over all cells that were run without too."""
    aware = frame["noise_aware"].astype(bool)
    new = [n for n in ("hidden", "images_of", "noise_shaping") if n in frame]
    keys = ["rung", *(key for key in KEYS if key != "step"), *new, "seed"]
    both = frame[aware].merge(frame[~aware], on=keys, suffixes=("", "_without"))
    for rung in (name for name in RUNGS if name in set(both["rung"])):
        of = both[both["rung"] == rung]
        gains = np.stack(
            [
                np.mean(unpack(cells) - unpack(cells, "right_without"), axis=0)
                for _, cells in of.groupby("seed")
            ]
        )
        yield {
            "law": "noise-aware",
            "rung": rung,
            **with_interval("points", 100 * gains),
            "networks": gains.shape[0],
            "images": gains.shape[1],
        }


def _numbers(row: pd.Series) -> Law:
    """Accuracy of a row with its interval, and what it is of."""
    counts = {name: int(row[name]) for name in COUNTS if name in row}
    found = (*SHARES, *OF_NEURONS)
    shares = {name: float(row[name]) for name in found if pd.notna(row.get(name))}
    return {**counts, **shares}
