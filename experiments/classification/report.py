"""The page of the classification experiments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.classification.figures import (
    AWARE,
    KEYS,
    NAMES,
    RUNGS,
    cells,
    exact,
)
from spiking_lmu.experiments.classification.trials import unpack
from spiking_lmu.experiments.pages.report import Law, Report, Section, number
from spiking_lmu.intervals import mean_interval

#: Test accuracies on permuted MNIST, in percent, as published, with what is known of
#: the protocol: parameters in thousands, and what was trained how.
PUBLISHED = (
    (
        "LMU in parallel form", 98.49, "165", "Chilkuri and Eliasmith 2021",
        "order 468, 346 units, no recurrent weights",
    ),
    (
        "LMU", 97.15, "102", "Voelker, Kajić and Eliasmith 2019",
        "order 256, 212 tanh units with recurrent weights; 50,000 images to train on, "
        "10,000 to choose by; Adam, 10 epochs in batches of 100; one network",
    ),
    ("Dilated RNN", 96.1, "", "Chang et al. 2017", ""),
    ("IndRNN", 96.0, "", "Li et al. 2018", ""),
    ("Zoneout", 95.9, "", "Krueger et al. 2016", ""),
    (
        "TC-LIF, spiking", 95.36, "", "Zhang et al. 2024",
        "all units spike, trained on spikes; one time step a pixel",
    ),
    ("LSTM", 89.86, "", "Voelker, Kajić and Eliasmith 2019", ""),
)  # fmt: skip
INTERVALS = (
    "95 % intervals are over networks and images together: what other networks would "
    "do on other images. Of a single network they are over images alone."
)
CLOSE = 0.01  # a drop that counts as small
PHRASES = {
    "rate": "With rate neurons, which do not spike",
    "relu": "With integrate-and-fire neurons",
    "lif": "With LIF neurons",
    "poisson-relu": "With Poisson neurons of linear tuning curves",
    "poisson": "With Poisson neurons",
    "loihi": "On the emulator of Loihi",
}
PHRASES.update(
    {k + AWARE: f"{v}, after noise-aware training" for k, v in PHRASES.items()}
)
HOW = (
    "The sequence goes straight into the memory, u = x, and hidden units do not hear "
    "each other: so the memory's state after a whole sequence is a fixed linear map of "
    "it, computed once, and training is that of a feed-forward network (Chilkuri and "
    "Eliasmith 2021). The exact network answers step by step, as any Nengo network.",
    "For neurons the memory is written in other coordinates. Their ranges are those "
    "that training sequences bring about, and they are balanced against what the "
    "classifier makes of errors in them: how its logits change against each other, "
    "carried back through the memory. Coordinates in which noise hurts get more "
    "neurons. Weights are those of the exact network. Only the memory is made of "
    "neurons: the hidden units and the readout are real numbers in every row.",
    "A longer presentation changes nothing in what is computed. The memory's window is "
    "as much longer in seconds, and spikes average out over it.",
)
HOW_AWARE = (
    "Noise-aware networks are trained on for a few epochs, with the noise added to the "
    "state that theory predicts for these very neurons: its whole covariance, from "
    "their decoders and rates, without simulating any; for neurons that fire more "
    "regularly than Poisson's, as large as 64 training sequences in spikes show it to "
    "be. Spikes enter training in this one way. Then coordinates and neurons are "
    "chosen anew, and that once more."
)
HOW_CHIP = (
    "On the chip, as its emulator has it, the memory is made of integrate-and-fire "
    "neurons, with integers for weights and voltages; hidden units and readout are "
    "computed by the host. Energies are estimates from counts of spikes, operations "
    "and updates (Davies et al. 2018), from low to high; without static power."
)


def report(frame: pd.DataFrame) -> Report:
    """What the trials say; the figures are "ladder" and "training".

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    task = _Task(frame)
    trained, means = exact(frame), cells(frame)
    laws = tuple(_exact_laws(trained, task))
    if len(means):
        laws += tuple(_best_laws(means, task))
        laws += tuple(_enough_laws(means, task))
        laws += tuple(_aware_laws(frame))
    sections = [_training_section(trained, task)]
    if task.published and len(trained):
        sections.append(_published_section(trained, means, task))
    if len(means):
        sections.append(_ladder_section(means, task))
        chip = means[means["step"].str.startswith("loihi")]
        if "cores" in chip and len(chip):
            sections.append(_chip_section(chip))
    sections.append(_how_section(means))
    title = f"{task.name}: seen step by step, and remembered in spikes"
    name = "psmnist" if task.permuted else "seqmnist"
    return Report(name, title, _lead(laws), tuple(sections), laws)


class _Task:
    """What was classified, in words."""

    def __init__(self, frame: pd.DataFrame) -> None:
        trained = exact(frame)  # refuses what is empty
        data = str(frame["data"].iloc[0])
        self.permuted = bool(frame["permuted"].iloc[0])
        self.mnist = data == "mnist" or data.endswith(".npz")
        self.published = self.mnist and self.permuted
        known = "MNIST" if self.mnist else "digits" if data == "digits" else data
        self.name = f"Permuted {known}" if self.permuted else f"Sequential {known}"
        self.images = not data.lower().endswith((".csv", ".tsv"))
        self.a_step = "a pixel" if self.images else "a step"
        self.test = int(trained["images"].max()) if len(trained) else 0

    @property
    def things(self) -> str:
        return "images" if self.images else "sequences"


def _percent(share: float, images: float) -> str:
    """A share in percent, with as many digits as so many images can tell apart."""
    return f"{100 * share:.{2 if images >= 1000 else 1}f}"


def _interval(row: Any) -> str:
    low, high = (_percent(row[name], row["images"]) for name in ("low", "high"))
    return f"{low}–{high}"


def _accuracy(row: Any) -> str:
    """Accuracy with its interval, and what that is over."""
    n = int(row["networks"])
    over = _over(n, int(row["images"]))
    middle = _percent(row["accuracy"], row["images"])
    return f"{middle} % (95 % interval {_interval(row)} {over})"


def _over(networks: int, images: int) -> str:
    """What an interval is over."""
    if networks == 1:
        return f"over {images:,} images, of one network"
    return f"over {networks} networks and {images:,} images"


def _exact_laws(trained: pd.DataFrame, task: _Task) -> Iterator[Law]:
    for _, row in trained.iterrows():
        words = (
            f"With an exact memory of order {int(row['order'])}, {_accuracy(row)} of "
            f"the {int(row['images']):,} test {task.things} are classified rightly."
        )
        values = {"law": "exact", "order": int(row["order"]), **_values(row)}
        yield Law(words, values)


def _best_laws(means: pd.DataFrame, task: _Task) -> Iterator[Law]:
    """The most accurate network of each rung."""
    for step in (name for name in NAMES if name in set(means["step"])):
        rows = means[means["step"] == step]
        row = rows.loc[rows["accuracy"].idxmax()]
        words = (
            f"{PHRASES[step]}, it is {_accuracy(row)} at best, of {_size(row)} neurons "
            f"and order {int(row['order'])} at {int(row['presentation'])} ms "
            f"{task.a_step}; exact on the same {task.things}: "
            f"{_percent(row['exact_accuracy'], row['images'])} %. The memory sends "
            f"{row['spikes_per_image']:,.0f} spikes for each; hidden units and readout "
            "are real numbers."
        )
        values = {"law": "best", "rung": step, "order": int(row["order"])}
        yield Law(words, {**values, **_place(row), **_values(row), **_drop(row)})


def _enough_laws(means: pd.DataFrame, task: _Task) -> Iterator[Law]:
    """How few neurons are enough, at each presentation time, of each rung."""
    for (order, step), rows in means.groupby(["order", "step"], sort=False):
        if step == "rate" or rows["total_neurons"].nunique() < 2:
            continue
        close = rows[rows["drop"] <= CLOSE]
        few = close.groupby("presentation")["total_neurons"].min()
        if few.empty:
            continue
        ends = [f"{int(n):,} at {time} ms {task.a_step}" for time, n in few.items()]
        words = (
            f"{PHRASES[step]}, {' and '.join(ends)} come within {CLOSE * 100:g} point "
            f"of exact at order {order}."
        )
        enough = {str(time): int(n) for time, n in few.items()}
        values = {"law": "enough", "order": int(order), "rung": step}
        yield Law(words, {**values, "drop": CLOSE, "neurons": enough})


def _aware_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """What noise-aware training brings, over all cells that were run without too."""
    aware = frame["noise_aware"].astype(bool)
    keys = ["rung", *(key for key in KEYS if key != "step"), "seed"]
    both = frame[aware].merge(frame[~aware], on=keys, suffixes=("", "_without"))
    for rung in (name for name in RUNGS if name in set(both["rung"])):
        of = both[both["rung"] == rung]
        gains = np.stack(
            [
                np.mean(unpack(cells) - unpack(cells, "right_without"), axis=0)
                for _, cells in of.groupby("seed")
            ]
        )
        mean, low, high = (100 * x for x in mean_interval(gains))
        between = (
            f" (95 % interval {_points(low)} to {_points(high)} {_over(*gains.shape)})"
        )
        words = (
            f"{PHRASES[rung]}, noise-aware training changes the accuracy by "
            f"{_points(mean)} points{between}, over all sizes and times."
        )
        values = {"law": "noise-aware", "rung": rung, "points": mean}
        yield Law(words, {**values, "low": low, "high": high, "networks": len(gains)})


def _points(points: float) -> str:
    return f"{points:.1f}".replace("-", "−")


def _values(row: Any) -> dict[str, Any]:
    names = ("accuracy", "low", "high")
    counts = {"networks": int(row["networks"]), "images": int(row["images"])}
    return {**{name: float(row[name]) for name in names}, **counts}


def _place(row: Any) -> dict[str, Any]:
    names = ("presentation", "total_neurons")
    return {name: int(row[name]) for name in names}


def _drop(row: Any) -> dict[str, float]:
    return {name: float(row[name]) for name in ("drop", "drop_low", "drop_high")}


def _size(row: Any) -> str:
    return f"{int(row['total_neurons']):,}"


def _lead(laws: tuple[Law, ...]) -> str:
    """The best exact network, and the best in spikes."""
    parts = []
    for wanted in ("exact", "best"):
        found = [
            law
            for law in laws
            if law.values["law"] == wanted and law.values.get("rung") != "rate"
        ]
        if found:
            best = max(found, key=lambda law: float(law.values["accuracy"]))
            parts.append(best.words)
    return " ".join(parts)


def _with_intervals(rows: pd.DataFrame) -> list[str]:
    """Accuracies in percent for a table, each with its interval."""
    return [
        f"{_percent(r['accuracy'], r['images'])} ({_interval(r)})"
        for _, r in rows.iterrows()
    ]


def _training_section(trained: pd.DataFrame, task: _Task) -> Section:
    table = pd.DataFrame(
        {
            "Order": trained["order"],
            "Hidden units": trained["units"],
            "Parameters": trained["parameters"].astype(int),
            "Networks": trained["networks"],
            "Right, %": _with_intervals(trained),
            "In validation, %": [
                _percent(r["validation_accuracy"], r["images"])
                for _, r in trained.iterrows()
            ],
            "Seconds": trained["train_seconds"],
        }
    )
    return Section(
        "Training",
        figure="training",
        caption=(
            "Cross entropy against epochs of training, with its noise and dropout "
            "(dashed), and on validation sequences without (a); share of validation "
            "sequences that are classified wrongly (b). A line a network; each keeps "
            "the weights of the epoch with the lowest validation loss (points)."
        ),
        table=table,
        table_caption=(
            f"Means over the networks, on the same {task.test:,} test {task.things}. "
            f"{INTERVALS} Seconds are for the training of one."
        ),
    )


def _published_section(
    trained: pd.DataFrame, means: pd.DataFrame, task: _Task
) -> Section:
    rows = [
        (
            f"LMU, order {int(r['order'])}, {r['units']} units",
            r["accuracy"],
            f"{r['parameters'] / 1000:.0f}",
            _here(r),
            "exact memory, parallel form",
        )
        for _, r in trained.iterrows()
    ]
    spiking = means[means["step"] != "rate"] if len(means) else means
    for step in (name for name in NAMES if len(means) and name in set(spiking["step"])):
        of_step = spiking[spiking["step"] == step]
        r = of_step.loc[of_step["accuracy"].idxmax()]
        what = f"LMU, {NAMES[step]}, {_size(r)} neurons, {r['presentation']} ms"
        how = f"{r['spikes_per_image']:,.0f} spikes an image; hidden units not spiking"
        rows.append((what, r["accuracy"], "", _here(r), how))
    rows += [(row[0], row[1] / 100, *row[2:]) for row in PUBLISHED]
    rows.sort(key=lambda row: -row[1])
    table = pd.DataFrame(
        {
            "Network": [row[0] for row in rows],
            "Test accuracy, %": [f"{100 * row[1]:.2f}" for row in rows],
            "Parameters, thousands": [row[2] for row in rows],
            "Source": [row[3] for row in rows],
            "Protocol": [row[4] for row in rows],
        }
    )
    return Section(
        "Beside published values",
        (
            "Published values are mostly of one network, on the full test set, and of "
            "permutations of their own. Those here are means over networks, trained on "
            "50,000 images with noise on the memory's state, dropout and a learning "
            "rate that falls, and chosen by 10,000 others. Networks of unequal size "
            "are not a comparison of methods.",
        ),
        table=table,
        table_caption=f"{task.name}, from accurate to less so.",
    )


def _here(row: Any) -> str:
    """Where a value is from that is not published, with its interval."""
    n, images = int(row["networks"]), int(row["images"])
    return f"here: {_interval(row)}, {n} networks, {images:,} images"


def _ladder_section(means: pd.DataFrame, task: _Task) -> Section:
    table = pd.DataFrame(
        {
            "Memory of": means["step"].map(NAMES),
            "Order": means["order"],
            "Neurons": means["total_neurons"],
            f"ms {task.a_step}": means["presentation"],
            "Right, %": _with_intervals(means),
            "Exact, %": [
                _percent(r["exact_accuracy"], r["images"]) for _, r in means.iterrows()
            ],
            "Drop, points": [_drop_in_points(r) for _, r in means.iterrows()],
            "Spikes, each": means["spikes_per_image"].round().astype(int),
        }
    )
    return Section(
        "From exact to spikes",
        (
            "The same trained networks, with the same weights, around a memory of "
            "neurons. What rate neurons lose is distortion, for tuning curves that "
            "bend are decoded with small errors; LIF and Poisson neurons have the same "
            "curves, and those of integrate-and-fire neurons bend only where they "
            "begin. The rest of what is lost is spikes.",
        ),
        figure="ladder",
        caption=(
            "Test errors, means over the trained networks, with 95 % intervals over "
            "networks and images. The line and its band are the exact networks on all "
            f"test {task.things}. Zero errors are drawn as half a one."
        ),
        table=table,
        table_caption=(
            f"On {_counts(means)} test {task.things}. {INTERVALS} Exact networks and "
            "drops are on the same, network by network. Spikes are "
            f"of all neurons of the memory, for one of the {task.things}."
        ),
    )


def _drop_in_points(row: Any) -> str:
    drop, low, high = (100 * row[name] for name in ("drop", "drop_low", "drop_high"))
    between = f" ({_points(low)} to {_points(high)})" if np.isfinite(low) else ""
    return _points(drop) + between


def _counts(means: pd.DataFrame) -> str:
    """How many there are to a run."""
    few, most = means["images"].min(), means["images"].max()
    return f"{few:,}" if few == most else f"{few:,} to {most:,}"


def _chip_section(chip: pd.DataFrame) -> Section:
    joule = 1e-3 * chip["steps"]  # from nJ a step to µJ for all of them
    table = pd.DataFrame(
        {
            "Noise-aware": np.where(chip["step"].str.endswith(AWARE), "yes", "no"),
            "Order": chip["order"],
            "Neurons": chip["total_neurons"],
            "ms": chip["presentation"],
            "Right, %": _with_intervals(chip),
            "Cores": chip["cores"].round().astype(int),
            "nJ a step": _range(chip["energy_low"], chip["energy_high"]),
            "µJ in all": _range(
                joule * chip["energy_low"], joule * chip["energy_high"]
            ),
        }
    )
    return Section(
        "On the chip",
        (HOW_CHIP,),
        table=table,
        table_caption="Means over the networks; µJ are for one whole sequence.",
    )


def _range(low: pd.Series, high: pd.Series) -> list[str]:
    return [f"{number(a)}–{number(b)}" for a, b in zip(low, high)]


def _how_section(means: pd.DataFrame) -> Section:
    aware = len(means) and means["step"].str.endswith(AWARE).any()
    return Section("How it was done", (*HOW, *((HOW_AWARE,) if aware else ())))
