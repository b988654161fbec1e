"""What the trials of the hardware experiment say, and the published measurements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages.report import Law, number
from spiking_lmu.intervals import mean_interval
from spiking_lmu.metrics import LEVELS_OF_FLOOR, Floor, Scaling, fit_floor, fit_scaling
from spiking_lmu.validation import refusal


@dataclass(frozen=True)
class Published:
    """NRMSE of 25 trials on each of ten inputs.

    Attributes
    ----------
    name : str
        Of what was measured.
    settings : tuple of str
        Recurrent synapse and highest rates of the network.
    mean, low, high : float
        Of all trials; the 95 % bootstrap interval of the mean over trials.
    cases : tuple of float
        Mean for each input.
    """

    name: str
    settings: tuple[str, str]
    mean: float
    low: float
    high: float
    cases: tuple[float, ...]


#: From the data published with Voelker 2019.
PUBLISHED = {
    "loihi": Published(
        "Loihi, chip",
        ("10 ms", "100 to 120 Hz"),
        0.1494,
        0.1482,
        0.1507,
        (
            0.1471,
            0.1473,
            0.1203,
            0.1543,
            0.1359,
            0.1239,
            0.2084,
            0.1173,
            0.1641,
            0.1755,
        ),
    ),
    "braindrop": Published(
        "Braindrop, chip",
        ("analog", "analog"),
        0.1592,
        0.1568,
        0.1615,
        (
            0.1573,
            0.1601,
            0.1279,
            0.1669,
            0.1426,
            0.1401,
            0.2124,
            0.1329,
            0.1634,
            0.1885,
        ),
    ),
    "nengo": Published(
        "Nengo 2.8",
        ("10 ms", "200 to 400 Hz"),
        0.0570,
        0.0561,
        0.0578,
        (
            0.0545,
            0.0565,
            0.0442,
            0.0605,
            0.0507,
            0.0468,
            0.0818,
            0.0425,
            0.0600,
            0.0720,
        ),
    ),
}

#: The published networks that are run again, and what was measured of each.
AGAIN = {"thesis-loihi": "loihi", "thesis-nengo": "nengo"}

#: The memory of this package at the settings of the published networks.
MATCHED = {"thesis-loihi": "matched-sim", "thesis-nengo": "matched-nengo"}

#: What one change of the ablation does to the error: in words, before and after.
STEPS_OF_DESIGN = {
    "The published network in Nengo, with a recurrent synapse of 100 ms instead of "
    "10 ms": ("published: Nengo", "published: 100 ms, Nengo"),
    "With highest rates of 200 to 400 Hz instead of 100 to 120 Hz": (
        "published: Nengo",
        "published: 200 to 400 Hz, Nengo",
    ),
    "With both": ("published: Nengo", "published: 100 ms, 200 to 400 Hz, Nengo"),
    "On the emulator, with a recurrent synapse of 100 ms": (
        "published: as published",
        "published: 100 ms",
    ),
    "On the emulator, with highest rates of 200 to 400 Hz": (
        "published: as published",
        "published: 200 to 400 Hz",
    ),
    "LegendreMemory with the coordinates, radii and decoders of that network, at its "
    "synapse and rates, instead of that network": (
        "published: as published",
        "even: published coordinates and decoders",
    ),
    "With decoders of its own": (
        "even: published coordinates and decoders",
        "even: published coordinates",
    ),
    "With coordinates of its own as well, and radii that cover examples": (
        "even: published coordinates",
        "even: ranges of examples",
    ),
    "With radii for any input of that band and rms instead, its starts and jumps too": (
        "even: ranges of examples",
        "even: announced ranges",
    ),
    "With neurons placed where the state is": (
        "even: ranges of examples",
        "tuned: ranges of examples",
    ),
    "Of these, with a recurrent synapse of 100 ms": (
        "tuned: ranges of examples",
        "tuned: 100 ms",
    ),
    "Or with highest rates of 200 to 400 Hz": (
        "tuned: ranges of examples",
        "tuned: 200 to 400 Hz",
    ),
    "Or with both": ("tuned: ranges of examples", "tuned: 100 ms, 200 to 400 Hz"),
    "Rates instead of spikes, with radii for any input": (
        "tuned: announced ranges",
        "tuned: announced ranges, rates in Nengo",
    ),
    "The chip's integers instead of real numbers": (
        "tuned: ranges of examples, real numbers",
        "tuned: ranges of examples",
    ),
}

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
    if len(frame) == 0:
        raise refusal("frame", "empty", "of at least one trial")
    return frame[frame["study"] == study]


def by_trial(rows: pd.DataFrame) -> pd.Series:
    """Mean NRMSE of each network over its inputs."""
    return rows.groupby("trial")["nrmse"].mean()


def fits(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, Scaling, Any]]:
    """Of each platform of the scaling study: its trials and the laws fitted."""
    study = of_study(frame, "scaling")
    for platform, rows in study.groupby("platform", sort=False):
        means = rows.groupby(["n_neurons", "trial"])["nrmse"].mean().reset_index()
        n = means["n_neurons"].nunique()
        if n > 1:
            m, errors = means["n_neurons"], means["nrmse"]
            floor = fit_floor(m, errors) if n >= LEVELS_OF_FLOOR else None
            yield str(platform), means, fit_scaling(m, errors), floor


def ablation_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean NRMSE of each design and number of neurons, with intervals."""
    rows = of_study(frame, "ablation")
    return pd.DataFrame(
        [
            {
                "change": change,
                "n_neurons": n,
                "nrmse": mean_interval(by_trial(of), "positive")[0],
                "low": mean_interval(by_trial(of), "positive")[1],
                "high": mean_interval(by_trial(of), "positive")[2],
                "rate": of["spikes_per_second"].mean(),
            }
            for (change, n), of in rows.groupby(["change", "n_neurons"], sort=False)
        ]
    )


def per_input(rows: pd.DataFrame) -> pd.DataFrame:
    """NRMSE of each network, a row, on each input, a column."""
    return rows.pivot(index="trial", columns="test_case", values="nrmse")


def inputs(frame: pd.DataFrame) -> str:
    return str(frame["inputs"].iloc[0])


def _interval(values: Any) -> str:
    _, low, high = mean_interval(values, "positive")
    if not np.isfinite(low):
        return "a single trial"
    return f"95 % interval {number(low)} to {number(high)}"


# ---- Laws ----------------------------------------------------------------------------


def platform_laws(rows: pd.DataFrame, inputs: str) -> tuple[Law, ...]:
    of = dict(iter(rows.groupby("platform", sort=False)))
    means = {p: by_trial(r) for p, r in of.items()}
    rates = rows.groupby("platform")["spikes_per_second"].mean()
    laws = [
        _matched(of[then], of[now], rates)
        for then, now in MATCHED.items()
        if then in of and now in of
    ]
    if inputs == "published":
        laws += [
            _again(platform, means[platform], PUBLISHED[origin])
            for platform, origin in AGAIN.items()
            if platform in means
        ]
    for platform in ("lif-sim", "poisson-sim"):
        if platform in means:
            laws.append(_at_own_settings(platform, means, rates))
    return tuple(laws)


def _matched(then: pd.DataFrame, now: pd.DataFrame, rates: pd.Series) -> Law:
    """Our memory at the settings of a published network, on the same inputs."""
    platform = str(then["platform"].iloc[0])
    ratios = np.log(per_input(now)) - np.log(per_input(then))
    ratio, low, high = (float(v) for v in np.exp(mean_interval(ratios.to_numpy())))
    synapse, highest = PUBLISHED[AGAIN[platform]].settings
    where = "on the emulator" if platform == "thesis-loihi" else "in Nengo"
    words = (
        f"At the published settings {where} (recurrent synapse of {synapse}, highest "
        f"rates of {highest}, readout synapse of 20 ms, as many neurons, the same "
        f"inputs), LegendreMemory has an NRMSE of {number(now['nrmse'].mean())} and "
        f"the published network one of {number(then['nrmse'].mean())}: the ratio is "
        f"{number(ratio)}"
    )
    if np.isfinite(low):
        words += f" (95 % interval {number(low)} to {number(high)}, over networks and "
        words += "inputs)"
    words += f"{_spikes(MATCHED[platform], rates, platform)}."
    values = {"law": "matched", "platform": platform, "ratio": ratio}
    return Law(words, {**values, "low": low, "high": high})


def _again(platform: str, values: pd.Series, published: Published) -> Law:
    mean, low, high = mean_interval(values, "positive")
    where = "on the emulator" if platform == "thesis-loihi" else "on today's Nengo"
    words = (
        f"The published network, run {where}, has an NRMSE of {number(mean)} "
        f"({_interval(values)}), where {number(published.mean)} was published for "
        f"{published.name}"
    )
    if published.mean < low or published.mean > high:
        words += ", which is beyond that interval"
    facts = {"law": "reproduction", "platform": platform, "nrmse": mean}
    return Law(f"{words}.", {**facts, "ratio": mean / published.mean})


def _at_own_settings(
    platform: str, means: dict[Any, pd.Series], rates: pd.Series
) -> Law:
    """Our memory by its defaults: not the settings of what was published."""
    who = {
        "lif-sim": "At settings of its own (recurrent synapse of 100 ms, highest "
        "rates of 200 to 400 Hz) LegendreMemory has",
        "poisson-sim": "With neurons that fire at random on the chip (recurrent "
        "synapse of 100 ms, up to 180 Hz) it has",
    }[platform]
    values = means[platform]
    words = f"{who} {number(values.mean())} on the emulator ({_interval(values)})"
    words += f"{_spikes(platform, rates)}."
    return Law(
        words, {"law": "own", "platform": platform, "nrmse": float(values.mean())}
    )


def _spikes(platform: str, rates: pd.Series, then: str = "thesis-loihi") -> str:
    """How many spikes that takes, against those of a published network."""
    if then not in rates:
        return f", at {number(rates[platform])} Hz a neuron in the mean"
    ratio = float(rates[platform] / rates[then])
    return f", for {number(ratio)} times the spikes of the published network"


def scaling_laws(frame: pd.DataFrame) -> Iterator[Law]:
    for platform, means, line, floor in fits(frame):
        least, most = int(means["n_neurons"].min()), int(means["n_neurons"].max())
        words = (
            f"{_capital(NAMES[platform])}: from {number(least)} to {number(most)} "
            f"neurons a dimension the NRMSE falls as their number to the power of "
            f"{number(line.exponent)}"
        )
        words += (
            f" (95 % interval {number(line.low)} to {number(line.high)})."
            if np.isfinite(line.low)
            else "."
        )
        values: dict[str, Any] = {
            "law": "scaling",
            "platform": platform,
            "exponent": line.exponent,
            "low": line.low,
            "high": line.high,
        }
        if floor is not None:
            words += _floor_words(floor)
            values["floor"] = floor.floor
            values["floor_low"], values["floor_high"] = floor.floor_interval
        yield Law(words, values)


def _floor_words(fit: Floor) -> str:
    low, high = fit.floor_interval
    if low <= 0 or not np.isfinite(high):
        return " No floor shows at these sizes."
    return (
        f" A law with a floor levels off at {number(fit.floor)} ({number(low)} to "
        f"{number(high)})."
    )


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def ablation_laws(frame: pd.DataFrame) -> Iterator[Law]:
    table = ablation_table(frame)
    if not len(table):
        return
    most = table["n_neurons"].max()
    at = table[table["n_neurons"] == most].set_index("change")
    for words, (before, after) in STEPS_OF_DESIGN.items():
        if before in at.index and after in at.index:
            ratio = float(at["nrmse"][after] / at["nrmse"][before])
            then, now = (
                f"{number(at['nrmse'][name])} at {number(at['rate'][name])} Hz a neuron"
                for name in (before, after)
            )
            yield Law(
                f"{words}: {number(ratio)} times the NRMSE ({then} becomes {now}).",
                {"law": "design", "change": words, "ratio": ratio},
            )
