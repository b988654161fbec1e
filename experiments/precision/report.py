"""What the page of the precision experiment shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from spiking_lmu.experiments.experiment import Figures, Result
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.means import Law
from spiking_lmu.experiments.precision import example, figures, laws


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figures; one run is done again, in full."""
    signal = result.arguments.get("signal")
    return show(result.frame, example.run_example(result.tasks, signal))


def show(frame: pd.DataFrame, shown: example.Example) -> tuple[dict[str, Any], Figures]:
    """As `present`, with the run that is shown in full."""
    trials = laws.grid(frame)
    drawn: Figures = {
        "rmse": partial(figures.plot, frame),
        "types": partial(figures.plot_types, frame),
    }
    if trials["order"].nunique() > 1:
        drawn["orders"] = partial(figures.plot_orders, frame)
    drawn["example"] = partial(example.plot_example, shown)
    shaping = laws.shaping_laws(frame)
    if shaping:
        drawn["shaping"] = partial(figures.plot_shaping, frame)
    compared = laws.generator_laws(frame)
    if compared:
        drawn["generators"] = partial(figures.plot_generators, frame)
    study = laws.floor_study(frame)
    values = {
        "runs": len(frame),
        "orders": sorted(trials["order"].unique()),
        "neurons": sorted(trials["n_neurons"].unique()),
        "on_chip": set(trials["backend"]) == {"loihi"},
        "poisson": "poisson" in set(frame["neuron_type"]),
        "held": _held(trials),
        "ratios": _ratios(frame),
        "gains": _at_most(laws.gains(frame)),
        "coordination": _at_most(laws.coordination_gains(frame)),
        "shaping": _first_kind(shaping),
        "shaped": _shaped(laws.shaping_gains(frame)),
        "generators": compared,
        "needs": _needs(compared),
        "slower": laws.slower_neurons(frame),
        "laws": [
            *laws.neuron_laws(frame),
            *laws.order_laws(frame),
            *laws.floor_laws(frame),
            *shaping,
            *compared,
        ],
        "scaling": _readable_exponents(laws.scaling_table(frame), "order", "d"),
        "by_order": _readable_exponents(
            laws.order_table(frame), "n_neurons", "Neurons per dim."
        ),
        "changes": _changes(study),
        "task": shown.task,
        "cells": _cells(frame),
    }
    return values, drawn


def _held(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """How much of a recording the exact memories can hold."""
    recorded = trials["signal"].str.startswith("recording").all()
    if not recorded or "exact_nrmse_window" not in trials:  # of an earlier version
        return []
    errors = trials.groupby(["theta", "order"])["exact_nrmse_window"].mean().dropna()
    return errors.reset_index().to_dict("records")


def _ratios(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Least and greatest ratio of measured to predicted error of each neuron type."""
    ratios = laws.theory_ratios(frame)
    enough = ratios[ratios["n_neurons"] >= 100]
    many = len(enough) > 0
    spans = (enough if many else ratios).groupby("neuron_type", sort=False)["ratio"]
    return [
        {"neuron_type": kind, "low": span.min(), "high": span.max(), "of_many": many}
        for kind, span in spans
    ]


def _needs(compared: list[Law]) -> pd.DataFrame:
    """Errors and exponents of all ways to make spikes."""
    return pd.DataFrame(
        {
            "Spikes": style.NAMES[law["neuron_type"]],
            "RMSE": law["rmse"]["mean"],
            "from": law["rmse"]["low"],
            "to": law["rmse"]["high"],
            "Times less": law["times_less"],
            "Exponent": law["scaling"].get("exponent"),
            "Exponent from": law["scaling"].get("low"),
            "Exponent to": law["scaling"].get("high"),
        }
        for law in compared
    )


def _at_most(gains: pd.DataFrame) -> list[dict[str, Any]]:
    """Of Poisson neurons, at the largest number a dimension."""
    if gains.empty:
        return []
    gains = gains[gains["neuron_type"] == "poisson"]
    most = gains[gains["n_neurons"] == gains["n_neurons"].max()]
    return most[["order", "gain"]].to_dict("records")


def _first_kind(found: list[Law]) -> list[Law]:
    """Laws of Poisson neurons, or of the first type where there are none."""
    kinds = [law["neuron_type"] for law in found]
    first = "poisson" if "poisson" in kinds else (kinds or [""])[0]
    return [law for law in found if law["neuron_type"] == first]


def _shaped(gains: pd.DataFrame) -> pd.DataFrame:
    """Errors and spikes of the same neurons without and with noise shaping."""
    if gains.empty:
        return gains
    return pd.DataFrame(
        {
            "Neurons": gains["neuron_type"].map(style.NAMES),
            "Design": gains["design"],
            "d": gains["order"],
            "Neurons per dim.": gains["n_neurons"],
            "RMSE without": gains["rmse"],
            "RMSE with": gains["rmse_better"],
            "Times less": gains["gain"],
            "Theory of it": gains["predicted"],
            "Measured over theory, with": gains["rmse_better"] / gains["theory_better"],
            "Spikes/s without": gains["spikes_per_second"],
            "Spikes/s with": gains["spikes_per_second_better"],
        }
    )


def _changes(study: pd.DataFrame) -> dict[str, float]:
    """Error of the largest LIF network with one thing changed, relative to it."""
    if study.empty:
        return {}
    ratios = study["rmse"] / study["rmse"].iloc[0]
    return dict(zip(study["change"].iloc[1:], ratios.iloc[1:]))


def _cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Means over the trials of every combination."""
    columns = {
        "rmse": "RMSE",
        "theory": "Theory",
        "predicted_rmse": "Theory, noise only",
        "distortion": "Static distortion",
        "nrmse_window": "NRMSE of window",
        "spikes_per_second": "Spikes/s",
        "build_seconds": "Build (s)",
        "run_seconds": "Run (s)",
    }
    keys = ["neuron_type", "coordinates", "allocation", "order", "n_neurons"]
    trials = laws.with_theory(laws.completed(frame[frame["study"] == "grid"]))
    varied = ("noise_shaping", "theta", "synapse")
    keys += [k for k in varied if trials[k].nunique() > 1]
    cells = trials.groupby(keys, sort=False)[list(columns)].mean().reset_index()
    cells["neuron_type"] = cells["neuron_type"].map(style.NAMES)
    names = {
        "neuron_type": "Neurons",
        "coordinates": "Coordinates",
        "allocation": "Allocation",
        "noise_shaping": "Noise shaping",
        "order": "d",
        "n_neurons": "Neurons per dim.",
        "theta": "θ (s)",
        "synapse": "τ (s)",
    }
    return cells.rename(columns={**columns, **names})


def _readable_exponents(table: pd.DataFrame, at: str, name: str) -> pd.DataFrame:
    columns = {
        "Neurons": table["neuron_type"].map(style.NAMES),
        "Design": table["design"],
        name: table[at],
        "Exponent": table["exponent"],
        "from": table["low"],
        "to": table["high"],
    }
    if "theory" in table and table["theory"].notna().any():
        columns["Exponent of theory"] = table["theory"]
    return pd.DataFrame(columns)
