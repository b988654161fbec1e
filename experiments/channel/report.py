"""What the page of the channel experiment shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.channel import figures, laws
from spiking_lmu.experiments.experiment import Figures, Result
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.means import by_type, check_trials


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figure."""
    frame = result.frame
    check_trials(frame)
    theory = laws.of_theory(frame)
    values = {
        "sizes": [int(frame["n_neurons"].min()), int(frame["n_neurons"].max())],
        "freq": float(frame["freq"].iloc[0]),
        "dt": float(frame["dt"].max()),
        "kinds": list(by_type(frame)),
        "periods": int(frame["periods"].min()),
        "laws": [
            *laws.scaling_laws(frame),
            *laws.theory_laws(frame),
            *laws.floor_laws(frame),
        ],
        "shares": {
            kind: float(np.max(rows["distortion"] / rows["predicted_rmse"]))
            for kind, rows in by_type(theory).items()
        },
        "means": _table(frame),
        "bytes": float((frame["parameter_bytes"] / frame["n_neurons"]).mean()),
        "costs": list(laws.costs(frame)),
    }
    return values, {"channel": partial(figures.plot, frame)}


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "Neurons": style.NAMES[kind],
            "m": int(n),
            "Trials": len(group),
            "RMSE": group["rmse"].mean(),
            "Theory": laws.predicted(group).mean()
            if len(laws.of_theory(group))
            else None,
            "Distortion": group["distortion"].mean(),
            "Spikes per second": round(group["spikes_per_second"].mean()),
            "Build, s": group["build_seconds"].mean(),
            "Run, s": group["run_seconds"].mean(),
        }
        for kind, of_kind in by_type(frame).items()
        for n, group in of_kind.groupby("n_neurons")
    ]
    return pd.DataFrame(rows)
