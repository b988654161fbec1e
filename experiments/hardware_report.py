"""The page of the hardware experiment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from spiking_lmu.experiments.hardware_laws import (
    AGAIN,
    NAMES,
    PUBLISHED,
    ablation_laws,
    ablation_table,
    by_trial,
    inputs,
    of_study,
    platform_laws,
    scaling_laws,
)
from spiking_lmu.experiments.report import Law, Report, Section
from spiking_lmu.intervals import mean_interval


def report(frame: pd.DataFrame, figures: Sequence[str] = ()) -> Report:
    """What the trials say.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    figures : sequence of str
        Those that there are, of "platforms", "scaling", "ablation" and "example".
    """
    platforms = platform_laws(of_study(frame, "platforms"), inputs(frame))
    laws = (*platforms, *scaling_laws(frame), *ablation_laws(frame))
    lead = (
        "Three dimensions of 128 neurons remember the last tenth of a second of noise "
        "below 3 Hz. Two chips have been measured on this task. "
    ) + " ".join(law.words for law in platforms or laws[:2])
    sections = (
        *_platform_sections(frame, figures),
        *_example_sections(figures),
        *_scaling_sections(frame, figures, laws),
        *_ablation_sections(frame, figures, laws),
    )
    return Report("hardware", "A benchmark of chips", lead, sections, laws)


# ---- Platforms ---------------------------------------------------------------------


def _platform_sections(
    frame: pd.DataFrame, figures: Sequence[str]
) -> Iterator[Section]:
    rows = of_study(frame, "platforms")
    if not len(rows):
        return
    paragraphs = [
        "The protocol is that of Voelker 2019: θ = 0.1 s, order 3, 128 neurons a "
        "dimension, steps of 1 ms, 2 s of noise below 3 Hz. Decoded spikes are put "
        "through Principle 3 and a synapse of 20 ms once the run is over; the error "
        "is taken over 100 points of the window and all times, relative to the "
        "window of the exact linear memory.",
        "The published network is built as its code says: ensembles in coordinates "
        "that balance the delay, a recurrent synapse of 10 ms, and for Loihi 100 to "
        "120 Hz at most. Nothing was fitted, and all settings of nengo-loihi are its "
        "defaults. One of them, decode_tau, would be the synapse of what goes through "
        "decoding neurons; it changes nothing here, for a neuron of the chip has a "
        "single synapse, and that of the recurrence is slower.",
        "A trial is a network with random neurons of its own, which all inputs share; "
        "in the published trials each input had others. What counts is what spikes "
        "decode to: with the decoders of its recurrence in a LegendreMemory, with "
        "those that Nengo solves for a probe in the published network.",
    ]
    if inputs(frame) == "published":
        paragraphs.append(
            "What was published was measured on hardware. The emulator computes what "
            "the chip does with its integers; no chip was at hand here, and for "
            "LegendreMemory there is no measurement on one."
        )
    else:
        paragraphs.append(
            "These inputs are fresh ones, other than those of the published "
            "measurements, which are therefore not quite comparable; inputs differ in "
            "difficulty by almost a factor of two."
        )
    has = "platforms" in figures
    yield Section(
        "The same task on chips, on their emulator and in software",
        tuple(paragraphs),
        figure="platforms" if has else None,
        caption=(
            "NRMSE of the window (a): small points are trials, each a network's mean "
            "over all inputs; large ones their means, with 95 % intervals. Diamonds "
            "are published, with intervals over 25 trials. On the published inputs, "
            "(b) compares the published networks, run here, with their published "
            "means, input by input; the line is equality."
            if has
            else ""
        ),
        table=_platform_table(rows),
        table_caption="Means over trials and inputs, with 95 % intervals over trials.",
    )


def _platform_table(rows: pd.DataFrame) -> pd.DataFrame:
    table = [
        {
            "Network": "published",
            "Run on": f"{p.name}, published",
            "Trials": 25,
            "NRMSE": p.mean,
            "from": p.low,
            "to": p.high,
        }
        for p in PUBLISHED.values()
    ]
    for platform, of in rows.groupby("platform", sort=False):
        mean, low, high = mean_interval(by_trial(of), "positive")
        network = "published" if str(platform) in AGAIN else "LegendreMemory"
        table.append(
            {
                "Network": network,
                "Run on": NAMES[str(platform)],
                "Trials": of["trial"].nunique(),
                "NRMSE": mean,
                "from": low,
                "to": high,
                "Spikes per neuron and second": of["spikes_per_second"].mean(),
                "Build and run, s": (of["build_seconds"] + of["run_seconds"]).mean(),
            }
        )
    return pd.DataFrame(table)


def _example_sections(figures: Sequence[str]) -> Iterator[Section]:
    if "example" in figures:
        yield Section(
            "One run",
            figure="example",
            caption=(
                "State (above) and window at three delays (below), as read from the "
                "spikes, in colour, and of the exact linear memory, in black."
            ),
        )


# ---- Scaling -----------------------------------------------------------------------


def _scaling_sections(
    frame: pd.DataFrame, figures: Sequence[str], laws: Sequence[Law]
) -> Iterator[Section]:
    rows = of_study(frame, "scaling")
    if not len(rows):
        return
    table = [
        {
            "Memory": NAMES[str(platform)],
            "Neurons a dimension": n,
            "NRMSE": mean_interval(by_trial(of), "positive")[0],
            "from": mean_interval(by_trial(of), "positive")[1],
            "to": mean_interval(by_trial(of), "positive")[2],
        }
        for (platform, n), of in rows.groupby(["platform", "n_neurons"], sort=False)
    ]
    words = tuple(law.words for law in laws if law.values["law"] == "scaling")
    has = "scaling" in figures
    yield Section(
        "Error against neurons",
        (
            *words,
            "Spikes at random err as 1/√p with p neurons; those of LIF neurons are "
            "more regular and err less, until what is common to all neurons remains.",
        ),
        figure="scaling" if has else None,
        caption="NRMSE of a LegendreMemory; points are means over trials with 95 % "
        "intervals, lines the fitted laws with a floor."
        if has
        else "",
        table=pd.DataFrame(table),
    )


# ---- Designs -----------------------------------------------------------------------


def _ablation_sections(
    frame: pd.DataFrame, figures: Sequence[str], laws: Sequence[Law]
) -> Iterator[Section]:
    table = ablation_table(frame)
    if not len(table):
        return
    has = "ablation" in figures
    names = ("Design", "Neurons a dimension", "NRMSE", "from", "to", "Hz per neuron")
    yield Section(
        "What decides the error",
        (
            "All are a LegendreMemory with LIF neurons, on the emulator unless said "
            "otherwise; a design is its recurrent synapse and its maximal rates. Even: "
            "intercepts evenly from −1 to 0.5, and as many neurons for each "
            "dimension, as in the published network. Tuned: intercepts and numbers of "
            "neurons by the distribution of the state, the default.",
            *(law.words for law in laws if law.values["law"] == "design"),
            "Rates end at 500 Hz, for a LIF neuron rests for 2 ms after each spike.",
        ),
        figure="ablation" if has else None,
        caption="NRMSE of designs from low rates and a short synapse to the "
        "defaults, and around these. Means over trials, with 95 % intervals."
        if has
        else "",
        table=table.set_axis(names, axis=1),
    )
