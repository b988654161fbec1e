"""What the trials of the hardware experiment say, and the published measurements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.report import Law, number
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
    mean, low, high : float
        Of all trials; the 95 % bootstrap interval of the mean over trials.
    cases : tuple of float
        Mean for each input.
    """

    name: str
    mean: float
    low: float
    high: float
    cases: tuple[float, ...]


#: From the data published with Voelker 2019.
PUBLISHED = {
    "loihi": Published(
        "Loihi, chip",
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

#: What figures and tables call platforms.
NAMES = {
    "thesis-loihi": "for Loihi, emulator",
    "thesis-nengo": "for Nengo, Nengo",
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


def inputs(frame: pd.DataFrame) -> str:
    return str(frame["inputs"].iloc[0])


def _interval(values: Any) -> str:
    _, low, high = mean_interval(values, "positive")
    if not np.isfinite(low):
        return "a single trial"
    return f"95 % interval {number(low)} to {number(high)}"


# ---- Laws ----------------------------------------------------------------------------


def platform_laws(rows: pd.DataFrame, inputs: str) -> tuple[Law, ...]:
    means = {p: by_trial(r) for p, r in rows.groupby("platform", sort=False)}
    rates = rows.groupby("platform")["spikes_per_second"].mean()
    if inputs != "published":
        return tuple(_against_emulated(means, rates))
    laws = [
        _again(platform, means[platform], PUBLISHED[origin])
        for platform, origin in AGAIN.items()
        if platform in means
    ]
    for platform in ("lif-sim", "poisson-sim"):
        if platform in means:
            laws.append(_against_chip(platform, means[platform], rates))
    return tuple(laws)


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


def _against_chip(platform: str, values: pd.Series, rates: pd.Series) -> Law:
    chip, (mean, low, high) = PUBLISHED["loihi"], mean_interval(values, "positive")
    who = {
        "lif-sim": "LegendreMemory with as many LIF neurons has",
        "poisson-sim": "With neurons that fire at random on the chip, it has",
    }[platform]
    if low <= chip.mean <= high:
        than = f"no more and no less, within chance, than the chip's {chip.mean:.3f}"
    else:
        than = f"{number(mean / chip.mean)} times the chip's {chip.mean:.3f}"
    words = f"{who} {number(mean)} on the emulator ({_interval(values)}), {than}"
    words += f"{_spikes(platform, rates)}."
    facts = {"law": "chip", "platform": platform, "nrmse": mean}
    return Law(words, {**facts, "ratio": mean / chip.mean})


def _spikes(platform: str, rates: pd.Series) -> str:
    """How many spikes that takes, against those of the published network."""
    if "thesis-loihi" not in rates:
        return ""
    ratio = float(rates[platform] / rates["thesis-loihi"])
    return f", for {number(ratio)} times the spikes of the published network"


def _against_emulated(means: dict[Any, pd.Series], rates: pd.Series) -> Iterator[Law]:
    if not {"thesis-loihi", "lif-sim"} <= means.keys():
        return
    then, now = (float(means[p].mean()) for p in ("thesis-loihi", "lif-sim"))
    words = (
        f"On inputs that nothing was tuned on, the published network has an NRMSE of "
        f"{number(then)} on the emulator, and LegendreMemory with as many LIF neurons "
        f"{number(now)}, {number(now / then)} times as much"
    )
    words += f"{_spikes('lif-sim', rates)}."
    yield Law(words, {"law": "fresh inputs", "ratio": now / then})


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
    errors = table[table["n_neurons"] == most].set_index("change")["nrmse"]
    low, best = "even: 20 ms, 100 to 120 Hz", "tuned: 100 ms, 200 to 400 Hz"
    fast = "even: 100 ms, 200 to 400 Hz"
    pairs = {
        "the chip's integers instead of real numbers": (f"{low}, real numbers", low),
        "a recurrent synapse of 100 ms instead of 20 ms": (
            low,
            "even: 100 ms, 100 to 120 Hz",
        ),
        "200 to 400 Hz instead of 100 to 120 Hz": (low, "even: 20 ms, 200 to 400 Hz"),
        "both": (low, fast),
        "both, and neurons placed where the state is": (low, best),
        "the chip's integers in the best of these": (f"{best}, real numbers", best),
    }
    for words, (before, after) in pairs.items():
        if before in errors and after in errors:
            ratio = float(errors[after] / errors[before])
            yield Law(
                f"With {number(most)} neurons a dimension, {words}: "
                f"{number(ratio)} times the NRMSE ({number(errors[before])} becomes "
                f"{number(errors[after])}).",
                {"law": "design", "change": words, "ratio": ratio},
            )
