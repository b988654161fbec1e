"""What the trials of the hardware experiment say, and the published measurements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.chips.designs import in_current_words
from spiking_lmu.experiments.pages.means import (
    Law,
    check_trials,
    scaling,
    with_interval,
)
from spiking_lmu.intervals import mean_interval
from spiking_lmu.metrics import LEVELS_OF_FLOOR, Scaling, fit_floor, fit_scaling


@dataclass(frozen=True)
class Published:
    """NRMSE of 25 trials on each of ten inputs.

    Attributes
    ----------
    name : str
        What was measured.
    settings : tuple of str
        Recurrent synapse and highest rates of the network.
    mean, low, high : float
        Mean of all trials, and its 95 % bootstrap interval over trials.
    cases : tuple of float
        Mean for each input.
    """

    name: str
    settings: tuple[str, str]
    mean: float
    low: float
    high: float
    cases: tuple[float, ...]


#: NRMSE on each input, on Loihi, on Braindrop and with Nengo: data of Voelker 2019.
_CASES = (
    (0.1471, 0.1573, 0.0545),
    (0.1473, 0.1601, 0.0565),
    (0.1203, 0.1279, 0.0442),
    (0.1543, 0.1669, 0.0605),
    (0.1359, 0.1426, 0.0507),
    (0.1239, 0.1401, 0.0468),
    (0.2084, 0.2124, 0.0818),
    (0.1173, 0.1329, 0.0425),
    (0.1641, 0.1634, 0.0600),
    (0.1755, 0.1885, 0.0720),
)
_LOIHI, _BRAINDROP, _NENGO = zip(*_CASES)
_AS_LOIHI, _AS_NENGO = ("10 ms", "100 to 120 Hz"), ("10 ms", "200 to 400 Hz")
_ANALOG = ("analog", "analog")

PUBLISHED = {
    "loihi": Published("Loihi, chip", _AS_LOIHI, 0.1494, 0.1482, 0.1507, _LOIHI),
    "braindrop": Published(
        "Braindrop, chip", _ANALOG, 0.1592, 0.1568, 0.1615, _BRAINDROP
    ),
    "nengo": Published("Nengo 2.8", _AS_NENGO, 0.0570, 0.0561, 0.0578, _NENGO),
}

#: The published networks that are run again, and what was measured of each.
AGAIN = {"thesis-loihi": "loihi", "thesis-nengo": "nengo"}

#: The memory of this package at the settings of the published networks.
MATCHED = {"thesis-loihi": "matched-sim", "thesis-nengo": "matched-nengo"}

#: Designs of the ablation, before and after one change.
STEPS = (
    ("published: Nengo", "published: 100 ms, Nengo"),
    ("published: Nengo", "published: 200 to 400 Hz, Nengo"),
    ("published: Nengo", "published: 100 ms, 200 to 400 Hz, Nengo"),
    ("published: as published", "published: 100 ms"),
    ("published: as published", "published: 200 to 400 Hz"),
    ("published: as published", "even: published coordinates and decoders"),
    ("even: published coordinates and decoders", "even: published coordinates"),
    ("even: published coordinates", "even: ranges of examples"),
    ("even: ranges of examples", "even: expected ranges"),
    ("even: ranges of examples", "tuned: ranges of examples"),
    ("tuned: ranges of examples", "tuned: 100 ms"),
    ("tuned: ranges of examples", "tuned: 200 to 400 Hz"),
    ("tuned: ranges of examples", "tuned: 100 ms, 200 to 400 Hz"),
    ("tuned: expected ranges", "tuned: expected ranges, rates in Nengo"),
    ("tuned: ranges of examples, real numbers", "tuned: ranges of examples"),
)

#: What figures and tables call platforms.
NAMES = {
    "thesis-loihi": "for Loihi, emulator",
    "thesis-nengo": "for Nengo, Nengo",
    "matched-sim": "as for Loihi, emulator",
    "matched-nengo": "as for Nengo, Nengo",
    "lif-nengo": "LIF, Nengo",
    "lif-nengo-dl": "LIF, NengoDL",
    "lif-simreal": "LIF, emulator, real numbers",
    "lif-sim": "LIF, emulator",
    "poisson-nengo": "Poisson, Nengo",
    "poisson-sim": "on-chip noise, emulator",
}


def of_study(frame: pd.DataFrame, study: str) -> pd.DataFrame:
    """The rows of one study."""
    check_trials(frame)
    return in_current_words(frame[frame["study"] == study])


def by_trial(rows: pd.DataFrame) -> pd.Series:
    """Mean NRMSE of each network over its inputs."""
    return rows.groupby("trial")["nrmse"].mean()


def fits(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, Scaling, Any]]:
    """For each platform of the scaling study: its trials and the fitted laws."""
    study = of_study(frame, "scaling")
    for platform, rows in study.groupby("platform", sort=False):
        means = rows.groupby(["n_neurons", "trial"])["nrmse"].mean().reset_index()
        n = means["n_neurons"].nunique()
        if n > 1:
            m, errors = means["n_neurons"], means["nrmse"]
            floor = fit_floor(m, errors) if n >= LEVELS_OF_FLOOR else None
            yield str(platform), means, fit_scaling(m, errors), floor


def cells(frame: pd.DataFrame, study: str, what: str) -> pd.DataFrame:
    """Means of each platform or change, ``what``, and number of neurons.

    ``low`` to ``high`` is the 95 % interval of the NRMSE over trials.
    """
    rows = []
    groups = of_study(frame, study).groupby([what, "n_neurons"], sort=False)
    for (name, n), of in groups:
        row = {what: name, "n_neurons": n, **mean_error(of)}
        rows.append({**row, "rate": of["spikes_per_second"].mean()})
    return pd.DataFrame(
        rows, columns=[what, "n_neurons", "nrmse", "low", "high", "rate"]
    )


def mean_error(rows: pd.DataFrame) -> dict[str, float]:
    """Mean NRMSE, and its 95 % interval over trials."""
    return with_interval("nrmse", by_trial(rows), "positive")


def per_input(rows: pd.DataFrame) -> pd.DataFrame:
    """NRMSE of each network, a row, on each input, a column."""
    return rows.pivot(index="trial", columns="test_case", values="nrmse")


# ---- Laws ----------------------------------------------------------------------------


def platform_laws(rows: pd.DataFrame) -> Iterator[Law]:
    """The memory at published settings, the published networks, the memory at its own.

    ``spikes`` is the number of spikes relative to that of the published network.
    """
    of = {str(p): r for p, r in rows.groupby("platform", sort=False)}
    rates = rows.groupby("platform")["spikes_per_second"].mean()
    for then, now in MATCHED.items():
        if then in of and now in of:
            ratios = np.log(per_input(of[now])) - np.log(per_input(of[then]))
            ratio, low, high = np.exp(mean_interval(ratios.to_numpy()))
            yield {
                "law": "matched",
                "platform": then,
                "ratio": float(ratio),
                "low": float(low),
                "high": float(high),
                "nrmse": float(of[now]["nrmse"].mean()),
                "published": float(of[then]["nrmse"].mean()),
                "spikes": float(rates[now] / rates[then]),
            }
    for platform, origin in AGAIN.items():
        if platform in of and (rows["inputs"] == "published").all():
            error, published = mean_error(of[platform]), PUBLISHED[origin].mean
            yield {
                "law": "reproduction",
                "platform": platform,
                **error,
                "published": published,
                "ratio": error["nrmse"] / published,
            }
    for platform in ("lif-sim", "poisson-sim"):
        if platform in of:
            yield {
                "law": "own",
                "platform": platform,
                **mean_error(of[platform]),
                "rate": float(rates[platform]),
                "spikes": float(rates[platform] / rates["thesis-loihi"])
                if "thesis-loihi" in of
                else None,
            }


def scaling_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """How the error falls with neurons."""
    for platform, means, line, floor in fits(frame):
        law: Law = {
            "law": "scaling",
            "platform": platform,
            "sizes": [int(means["n_neurons"].min()), int(means["n_neurons"].max())],
            **scaling(line),
        }
        if floor is not None:
            law["floor"] = floor.floor
            law["floor_low"], law["floor_high"] = floor.floor_interval
        yield law


def ablation_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """What each change does to the error, with the most neurons."""
    table = cells(frame, "ablation", "change")
    if not len(table):
        return
    at = table[table["n_neurons"] == table["n_neurons"].max()].set_index("change")
    for step in STEPS:
        if set(step) <= set(at.index):
            before, after = (at.loc[name, ["nrmse", "rate"]].tolist() for name in step)
            yield {
                "law": "design",
                "change": " → ".join(step),
                "ratio": after[0] / before[0],
                "nrmse": [before[0], after[0]],
                "rates": [before[1], after[1]],
            }
