"""What the trials of the channel experiment say: fitted laws, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages.means import Law, by_type, scaling, with_interval
from spiking_lmu.metrics import LEVELS_OF_FLOOR, fit_floor, fit_scaling


def of_theory(frame: pd.DataFrame) -> pd.DataFrame:
    """Trials of neurons whose spikes there is a theory of."""
    return frame[frame["predicted_rmse"] > 0]


def predicted(frame: pd.DataFrame) -> pd.Series:
    """Noise and static distortion together: independent, so that their squares add."""
    return np.hypot(frame["predicted_rmse"], frame["distortion"])


def scaling_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """How the error falls with neurons."""
    for kind, rows in by_type(frame[frame["rmse"] > 0]).items():
        sizes = rows["n_neurons"]
        if sizes.nunique() < 2:
            continue
        fit = fit_scaling(sizes, rows["rmse"])
        yield {
            "law": "neurons",
            "neuron_type": kind,
            **scaling(fit),
            "constant": fit.constant,
            "sizes": [int(sizes.min()), int(sizes.max())],
        }


def theory_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """The measured error, relative to theory."""
    for kind, rows in by_type(of_theory(frame)).items():
        ratio = with_interval("ratio", rows["rmse"] / predicted(rows), "positive")
        yield {"law": "theory", "neuron_type": kind, **ratio}


def floor_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """Floors of neurons whose spikes are not random, and what is alike each period."""
    for kind, rows in by_type(
        frame[frame["neuron_type"].isin(["lif", "relu"])]
    ).items():
        if rows["n_neurons"].nunique() < LEVELS_OF_FLOOR:
            continue
        fit = fit_floor(rows["n_neurons"], rows["rmse"])
        largest = rows[rows["n_neurons"] == rows["n_neurons"].max()]
        share = float(np.mean(largest["locked"] ** 2) / np.mean(largest["rmse"] ** 2))
        yield {
            "law": "floor",
            "neuron_type": kind,
            "floor": fit.floor,
            "low": fit.floor_interval[0],
            "high": fit.floor_interval[1],
            "locked_share": share,
        }


def costs(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Time of the largest network of each type, in seconds for each neuron.

    ``"overhead"`` and ``"slope"``, of a step and of each neuron in it, are of a
    straight line through all sizes, where that is one.
    """
    for kind, rows in by_type(frame).items():
        largest = rows[rows["n_neurons"] == rows["n_neurons"].max()]
        n = int(largest["n_neurons"].iloc[0])
        cost = {
            "neuron_type": kind,
            "n_neurons": n,
            "step": float((largest["run_seconds"] / (largest["steps"] * n)).mean()),
            "build": float((largest["build_seconds"] / n).mean()),
        }
        if rows["n_neurons"].nunique() > 2:
            seconds = rows["run_seconds"] / rows["steps"]
            slope, overhead = np.polyfit(rows["n_neurons"], seconds, 1)
            if slope > 0 and overhead > 0:
                cost.update(slope=float(slope), overhead=float(overhead))
        yield cost
