"""The page of the hardware experiment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from spiking_lmu.experiments.chips.laws import (
    AGAIN,
    MATCHED,
    NAMES,
    PUBLISHED,
    Published,
    ablation_laws,
    ablation_table,
    by_trial,
    inputs,
    of_study,
    platform_laws,
    scaling_laws,
)
from spiking_lmu.experiments.chips.trials import headrooms
from spiking_lmu.experiments.pages.report import Law, Report, Section, number
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
        "that balance the delay, with radii of 1/(i + 1), a recurrent synapse of "
        "10 ms, and for Loihi 100 to 120 Hz at most. Nothing was fitted, and all "
        "settings of nengo-loihi are its defaults. One of them, decode_tau, would be "
        "the synapse of what goes through decoding neurons; it changes nothing here, "
        "for a neuron of the chip has a single synapse, and that of the recurrence is "
        "slower.",
        "A trial is a network with random neurons of its own, which all inputs share; "
        "in the published trials each input had others. What counts is what spikes "
        "decode to: with the decoders of its recurrence in a LegendreMemory, with "
        "those that Nengo solves for a probe in the published network.",
        "The first rows of the table are comparisons at equal settings: synapse, "
        "highest rates, number of neurons, readout and inputs are those of the "
        "published network. Radii tell how far a coordinate may go. The published ones "
        "suit inputs of this kind; a LegendreMemory at these settings has its own from "
        "20 other inputs of the protocol (realize_for). By freq and rms alone it "
        "prepares for starts and jumps too, with radii up to five times as "
        "large; the further rows, at its default settings, have those. They are no "
        "comparison with what was published: their synapse is ten times as long and "
        "their neurons fire more.",
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
        table_caption="Means over trials and inputs, with 95 % intervals over trials "
        "on these inputs. All have order 3, θ = 0.1 s, 128 neurons a dimension and a "
        "readout synapse of 20 ms.",
    )


def _platform_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Each published number, that network here, and ours at its settings; the rest."""
    of = dict(iter(rows.groupby("platform", sort=False)))
    table = []
    for again, origin in AGAIN.items():
        table.append(_published_row(PUBLISHED[origin]))
        table += [
            _measured_row(p, of.pop(p)) for p in (again, MATCHED[again]) if p in of
        ]
    table += [
        _published_row(p) for n, p in PUBLISHED.items() if n not in AGAIN.values()
    ]
    table += [_measured_row(str(p), measured) for p, measured in of.items()]
    return pd.DataFrame(table)


def _published_row(p: Published) -> dict[str, Any]:
    synapse, rates = p.settings
    return {
        "Network": "published",
        "Run on": f"{p.name}, published",
        "Synapse": synapse,
        "Highest rates": rates,
        "Radii": "1/(i + 1)",
        "Trials": 25,
        "NRMSE": p.mean,
        "from": p.low,
        "to": p.high,
    }


def _measured_row(platform: str, of: pd.DataFrame) -> dict[str, Any]:
    mean, low, high = mean_interval(by_trial(of), "positive")
    again, first = platform in AGAIN, of.iloc[0]
    rates = "200 to 400" if first["max_rates"] == "default" else first["max_rates"]
    if platform == "poisson-sim":
        rates = "90 to 180"
    radii = {"announced": "by freq and rms", "examples": "by examples"}
    return {
        "Network": "published" if again else "LegendreMemory",
        "Run on": NAMES[platform],
        "Synapse": f"{1000 * first['synapse']:g} ms",
        "Highest rates": f"{rates} Hz",
        "Radii": "1/(i + 1)" if again else radii[first["ranges"]],
        "Trials": of["trial"].nunique(),
        "NRMSE": mean,
        "from": low,
        "to": high,
        "Spikes per neuron and second": of["spikes_per_second"].mean(),
        "Build and run, s": (of["build_seconds"] + of["run_seconds"]).mean(),
    }


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
            "From the published network for Loihi to a LegendreMemory by default, one "
            "change at a time. All run on the emulator with LIF neurons, a recurrent "
            "synapse of 10 ms and highest rates of 100 to 120 Hz, unless a name says "
            "otherwise. Even: intercepts evenly from −1 to 0.5, and as many neurons "
            "for each dimension, as in the published network. Tuned: intercepts and "
            "numbers of neurons by the distribution of the state. Ranges are the radii "
            "of the coordinates.",
            *(law.words for law in laws if law.values["law"] == "design"),
            "The published network bears neither a slower synapse nor higher rates on "
            "the chip as nengo-loihi builds it: the neurons that bring it its input "
            "stand for values between −1 and 1, which the input times its transform "
            "leaves at 100 ms, and all neurons of an ensemble share one scale of "
            "weights. In Nengo, which has no such limits, it gains as a LegendreMemory "
            "does.",
            "Spikes of LIF neurons do not follow a moving state as their rates would: "
            "an error that all networks have in common, behind a short synapse and at "
            "low rates most of it. It grows with the radii, since slower neurons then "
            f"represent the state. {_radii_words()}",
        ),
        figure="ablation" if has else None,
        caption="NRMSE from the published network to the defaults of LegendreMemory. "
        "Means over trials, with 95 % intervals; beside them spikes per neuron and "
        "second."
        if has
        else "",
        table=table.set_axis(names, axis=1),
    )


def _radii_words() -> str:
    """How far radii reach in the designs."""
    said = {
        "published": "those of the published network",
        "examples": "those by examples",
        "announced": "those by freq and rms alone",
    }
    spans = [
        f"{name} are " + ", ".join(number(h) for h in headrooms(ranges, 0.01))
        for ranges, name in said.items()
    ]
    return (
        "In standard deviations of the three coordinates on inputs of the protocol, "
        + "; ".join(spans)
        + "."
    )
