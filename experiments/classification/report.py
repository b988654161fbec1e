"""What the page of the classification experiments shows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.data.train_test_files import common_name
from spiking_lmu.experiments.classification import figures, laws
from spiking_lmu.experiments.classification.figures import (
    AWARE,
    NAMES,
    REAL,
    SHAPED,
    SPIKING,
)
from spiking_lmu.experiments.classification.sources import is_mnist, is_own
from spiking_lmu.experiments.experiment import Figures, Result
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.complexity import complexity_section
from spiking_lmu.experiments.pages.report import number
from spiking_lmu.experiments.pages.templates import percent, signed

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


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figures."""
    frame = result.frame
    trained, means = figures.exact(frame), figures.cells(frame)
    found = list(laws.exact_laws(trained))
    if len(means):
        found += [*laws.best_laws(means), *laws.enough_laws(means)]
        found += laws.aware_laws(frame)
    data, permuted = str(frame["data"].iloc[0]), bool(frame["permuted"].iloc[0])
    images = data == "digits" or is_mnist(data)
    on_chip = means[means["step"].str.startswith("loihi")] if len(means) else means
    values = {
        "task": _task(data, permuted),
        "last": result.arguments.get("keep") == "last",
        "things": "images" if images else "sequences",
        "item": "pixel" if images else "step",
        "test": int(trained["images"].max()),
        "laws": found,
        "best": _best(found),
        "training": _training_table(trained),
        "published": _published_table(trained, means)
        if is_mnist(data) and permuted
        else None,
        "ladder": _ladder_table(means, "pixel" if images else "step"),
        "counts": sorted(set(means["images"])) if len(means) else [],
        "parts": sorted(set(means["images_of"])) if len(means) else [],
        "costs": len(means) > 0 and len(figures.most_neurons(means)) > 0,
        "coordinated": len(means) > 0 and means["step"].str.contains("coord").any(),
        "aware": len(means) > 0 and means["step"].str.contains(AWARE).any(),
        "spiking": len(means) > 0 and means["step"].str.contains(SPIKING).any(),
        "shaped": len(means) > 0 and means["step"].str.contains(SHAPED).any(),
        "complexity": _complexity(trained, means),
        "chip": _chip_table(on_chip) if "cores" in on_chip and len(on_chip) else None,
    }
    drawn: Figures = {
        "ladder": partial(figures.plot, frame),
        "training": partial(figures.plot_training, result.folder, frame),
    }
    if values["costs"]:
        drawn["costs"] = partial(figures.plot_costs, frame)
    return values, drawn


def _task(data: str, permuted: bool) -> str:
    """What the page is about: how the steps are ordered, and a name of the data."""
    if is_own(data):
        return f"{'Permuted ' if permuted else ''}{common_name(Path(data))}"
    name = "MNIST" if is_mnist(data) else data
    return f"{'Permuted' if permuted else 'Sequential'} {name}"


def _best(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The laws of the best exact network, and of the best in spikes."""
    spiking = [law for law in found if not str(law.get("rung")).startswith("rate")]
    kinds = [[law for law in spiking if law["law"] == k] for k in ("exact", "best")]
    return [max(some, key=lambda law: law["accuracy"]) for some in kinds if some]


def _interval(row: Any) -> str:
    return "–".join(percent(row[name], row["images"]) for name in ("low", "high"))


def _percents(rows: pd.DataFrame, name: str) -> list[str]:
    return [percent(r[name], r["images"]) for _, r in rows.iterrows()]


def _with_intervals(rows: pd.DataFrame) -> list[str]:
    """Accuracies in percent, each with its interval."""
    middles = _percents(rows, "accuracy")
    return [f"{m} ({_interval(r)})" for m, (_, r) in zip(middles, rows.iterrows())]


def _training_table(trained: pd.DataFrame) -> pd.DataFrame:
    chosen_by = {}
    if "validation_accuracy" in trained:
        chosen_by = {"Validation, %": _percents(trained, "validation_accuracy")}
    return pd.DataFrame(
        {
            "Order": trained["order"],
            "Hidden units": trained["units"],
            "Parameters": trained["parameters"].astype(int),
            "Networks": trained["networks"],
            "Correct, %": _with_intervals(trained),
            **chosen_by,
            "Seconds": trained["train_seconds"],
        }
    )


def _published_table(trained: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """Exact networks, the best of each kind of neurons, and those of others."""
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
    for law in laws.best_laws(means) if len(means) else ():
        if not law["rung"].startswith("rate") and law["images_of"] == "test":
            what = f"LMU, {NAMES[law['rung']]}, {law['total_neurons']:,} neurons"
            how = f"{law['spikes_per_image']:,.0f} spikes an image"
            rows.append(
                (
                    f"{what}, {law['presentation']} ms",
                    law["accuracy"],
                    "",
                    _here(law),
                    f"{how}; {_hidden(law['rung'])}",
                )
            )
    rows += [(row[0], row[1] / 100, *row[2:]) for row in PUBLISHED]
    rows.sort(key=lambda row: -row[1])
    network, shares, parameters, source, protocol = zip(*rows)
    return pd.DataFrame(
        {
            "Network": network,
            "Test accuracy, %": [f"{100 * share:.2f}" for share in shares],
            "Parameters, thousands": parameters,
            "Source": source,
            "Protocol": protocol,
        }
    )


def _hidden(step: str) -> str:
    return "hidden units spike" if SPIKING in step else "hidden units not spiking"


def _here(row: Any) -> str:
    """Where a value is from that is not published, with its interval."""
    n, images = int(row["networks"]), int(row["images"])
    return f"here: {_interval(row)}, {n} networks, {images:,} images"


def _ladder_table(means: pd.DataFrame, item: str) -> pd.DataFrame:
    if means.empty:
        return means
    return pd.DataFrame(
        {
            "Memory of": means["step"].map(NAMES),
            "Hidden units": [
                "real numbers" if kind == REAL else style.NAMES[kind]
                for kind in means["hidden"]
            ],
            "Order": means["order"],
            "Neurons": means["total_neurons"],
            f"ms a {item}": means["presentation"],
            "Correct, %": _with_intervals(means),
            "Exact, %": _percents(means, "exact_accuracy"),
            "Drop, points": [_drop_in_points(r) for _, r in means.iterrows()],
            "Spikes, each": means["spikes_per_image"].round().astype(int),
        }
    )


def _complexity(trained: pd.DataFrame, means: pd.DataFrame) -> dict[str, Any] | None:
    rows = pd.concat([trained.assign(step="exact", total_neurons=0), means])
    presentation = rows.get("presentation", pd.Series(np.nan, rows.index))
    labels = {
        "Memory of": ["exact" if s == "exact" else NAMES[s] for s in rows["step"]],
        "Order": rows["order"].to_numpy(),
        "Neurons": rows["total_neurons"].to_numpy(),
        "ms": presentation.fillna(1).astype(int).to_numpy(),
    }
    return complexity_section(rows.reset_index(drop=True), labels)


def _drop_in_points(row: Any) -> str:
    names = ("drop", "drop_low", "drop_high")
    drop, low, high = (signed(100 * row[name], 1) for name in names)
    return f"{drop} ({low} to {high})" if np.isfinite(row["drop_low"]) else drop


def _chip_table(chip: pd.DataFrame) -> pd.DataFrame:
    joule = 1e-3 * chip["steps"]  # from nJ a step to µJ for all of them
    low, high = chip["energy_low"], chip["energy_high"]
    return pd.DataFrame(
        {
            "Noise-aware": np.where(chip["step"].str.contains(AWARE), "yes", "no"),
            "Order": chip["order"],
            "Neurons": chip["total_neurons"],
            "ms": chip["presentation"],
            "Correct, %": _with_intervals(chip),
            "Cores": chip["cores"].round().astype(int),
            "Synaptic operations a step": chip.get("synaptic_operations", np.nan),
            "nJ a step": _range(low, high),
            "µJ in all": _range(joule * low, joule * high),
        }
    )


def _range(low: pd.Series, high: pd.Series) -> list[str]:
    return [f"{number(a)}–{number(b)}" for a, b in zip(low, high)]
