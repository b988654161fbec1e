"""What the trials of the precision experiment say: fitted laws, gains, ratios."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages.means import (
    Law,
    averaged,
    by_type,
    of_study,
    scaling,
    with_interval,
)
from spiking_lmu.experiments.precision.studies import GENERATORS
from spiking_lmu.experiments.precision.trials import SHAPED
from spiking_lmu.intervals import mean_interval
from spiking_lmu.metrics import LEVELS_OF_FLOOR, Floor, fit_floor, fit_scaling

CELL = ["neuron_type", "design", "order", "n_neurons"]


def grid(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials of the grid, at the first theta and synapse, with their design."""
    frame = of_study(frame, "grid")
    first = frame.iloc[0]
    frame = frame[
        (frame["theta"] == first["theta"]) & (frame["synapse"] == first["synapse"])
    ]
    return with_theory(with_design(frame))


def completed(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials, with ``noise_shaping`` False in those of earlier versions."""
    known = "noise_shaping" in frame
    shaped = frame["noise_shaping"].eq(True) if known else False
    return frame.assign(noise_shaping=shaped)


def with_design(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials, and the ``design`` of each, as the command line has it."""
    frame = completed(frame)
    shaping = np.where(frame["noise_shaping"], SHAPED, "")
    design = frame["coordinates"] + "/" + frame["allocation"] + shaping
    return frame.assign(design=design)


def with_theory(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials, and the ``theory`` of each: noise and distortion together.

    They are independent, so that their squares add up. Empty where there is no theory
    of the neurons' noise.
    """
    return frame.assign(theory=np.hypot(frame["predicted_rmse"], frame["distortion"]))


def scaling_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Exponent of m at each order, with its 95 % interval, for each kind of network.

    ``theory`` is the exponent of the predictions for the same trials. For independent
    neurons, it is -1/2 but for small corrections: few neurons are decoded with more
    regularization and more distortion, and noise that is not small moves the neurons to
    other rates.
    """
    rows = []
    for (kind, design, order), cell in grid(frame).groupby(CELL[:3], sort=False):
        if cell["n_neurons"].nunique() < 2:
            continue
        m = cell["total_neurons"].to_numpy()
        law = scaling(fit_scaling(m, cell["rmse"].to_numpy()))
        theory = np.nan
        if (cell["predicted_rmse"] > 0).all():  # there is a theory of the noise
            theory = fit_scaling(m, cell["theory"].to_numpy()).exponent
        rows.append((kind, design, order, *law.values(), theory))
    columns = ["neuron_type", "design", "order", "exponent", "low", "high", "theory"]
    return pd.DataFrame(rows, columns=columns)


def order_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Exponent of d at the largest p, with its 95 % interval."""
    rows = []
    trials = grid(frame)
    most = trials["n_neurons"].max()
    trials = trials[trials["n_neurons"] == most]
    for (kind, design), cell in trials.groupby(CELL[:2], sort=False):
        if cell["order"].nunique() < 2:
            continue
        law = scaling(fit_scaling(cell["order"].to_numpy(), cell["rmse"].to_numpy()))
        rows.append((kind, design, most, *law.values()))
    columns = ["neuron_type", "design", "n_neurons", "exponent", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def floors(frame: pd.DataFrame) -> dict[tuple[str, int], Floor]:
    """For LIF neurons, by design and order: the law with its floor, where it shows."""
    trials = grid(frame)
    trials = trials[trials["neuron_type"] == "lif"]
    return {
        (design, order): fit_floor(
            cell["total_neurons"].to_numpy(), cell["rmse"].to_numpy()
        )
        for (design, order), cell in trials.groupby(["design", "order"], sort=False)
        if cell["n_neurons"].nunique() >= LEVELS_OF_FLOOR
    }


def gains(frame: pd.DataFrame) -> pd.DataFrame:
    """RMSE of legendre/equal over that of balanced/optimal, for the same neurons."""
    return _gains(frame, "design", "legendre/equal", "balanced/optimal")


def coordination_gains(frame: pd.DataFrame) -> pd.DataFrame:
    """RMSE of independent Poisson neurons over that of as many coordinated ones.

    In the last design.
    """
    gains = _gains(frame, "neuron_type", "poisson", "coordinated")
    return gains[gains["design"] == last_design(frame)] if len(gains) else gains


def shaping_gains(frame: pd.DataFrame) -> pd.DataFrame:
    """RMSE without noise shaping over that with it, for the same neurons.

    Of each design that is run with and without.
    """
    designs = [str(one) for one in grid(frame)["design"].unique()]
    both = [
        _gains(frame, "design", one, one + SHAPED)
        for one in designs
        if one + SHAPED in designs
    ]
    return pd.concat(both, ignore_index=True) if both else pd.DataFrame()


def last_design(frame: pd.DataFrame) -> str:
    """The design in which neuron types are compared."""
    return str(grid(frame)["design"].unique()[-1])


def _gains(frame: pd.DataFrame, name: str, worse: str, better: str) -> pd.DataFrame:
    trials = grid(frame)
    columns = ["rmse", "theory", "spikes_per_second"]
    means = trials.groupby(CELL, sort=False)[columns].mean().reset_index()
    parts = dict(iter(means.groupby(name)))
    if not {worse, better} <= set(parts):
        return pd.DataFrame()
    same = [column for column in CELL if column != name]
    both = parts[worse].merge(parts[better], on=same, suffixes=("", "_better"))
    return both.assign(
        gain=both["rmse"] / both["rmse_better"],
        predicted=both["theory"] / both["theory_better"],
    )


def theory_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean RMSE over the mean of its theory, for each cell whose noise has a theory."""
    trials = grid(frame)
    trials = trials[trials["predicted_rmse"] > 0]
    means = trials.groupby(CELL, sort=False)[["rmse", "theory"]].mean()
    return means.assign(ratio=means["rmse"] / means["theory"]).reset_index()


def generator_trials(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials of all `GENERATORS` at one order and in one design.

    Empty where they are not compared.
    """
    study = with_design(frame[frame["study"] == "generators"])
    if study.empty:
        return study
    some, trials = study.iloc[0], grid(frame)
    trials = trials[trials["neuron_type"].isin(GENERATORS)]
    for name in ("order", "design"):
        trials = trials[trials[name] == some[name]]
    return pd.concat([trials, study])


def generator_means(frame: pd.DataFrame) -> pd.DataFrame:
    """Means of `generator_trials`; ``low`` and ``high`` are of the RMSE."""
    keys = ["neuron_type", "n_neurons", "rate_factor"]
    return averaged(generator_trials(frame), keys, "rmse")


def slower_neurons(frame: pd.DataFrame) -> dict[str, Any]:
    """What a quarter of their rates, or so, costs each of the `GENERATORS`.

    ``times`` is the error over that of as many neurons at the usual rates, by type.
    """
    trials = generator_trials(frame)
    if trials.empty:
        return {}
    least, usual = trials["rate_factor"].min(), trials["rate_factor"].max()
    same = trials[trials["rate_factor"] == least][["n_neurons"]].drop_duplicates()
    means = trials.merge(same).groupby(["neuron_type", "rate_factor"])["rmse"].mean()
    both = means.unstack()
    if least == usual:
        return {}
    times = (both[least] / both[usual]).dropna()
    return {
        "share": least / usual,
        "total_neurons": int(trials.merge(same)["total_neurons"].iloc[0]),
        "times": {kind: times[kind] for kind in GENERATORS if kind in times},
    }


def floor_study(frame: pd.DataFrame) -> pd.DataFrame:
    """RMSE of the largest LIF network, and of the same with one thing changed."""
    study = with_design(frame[frame["study"] == "floor"])
    if study.empty:
        return study
    some = study.iloc[0]
    base = grid(frame)
    base = base[base["neuron_type"] == "lif"]
    for name in ("order", "n_neurons", "design"):
        base = base[base[name] == some[name]]
    if base.empty:  # all of them failed
        return base
    was = base.iloc[0]
    rows = [("as it is", base)]
    for change, cells in (
        ("half the time step", study[study["dt"] < was["dt"]]),
        ("twice the synapse", study[study["synapse"] > was["synapse"]]),
        ("half the frequencies", study[study["cycles"] < was["cycles"]]),
        ("no spikes: decoders alone", study[study["neuron_type"] == "rate"]),
    ):
        if len(cells):
            rows.append((change, cells))
    return pd.DataFrame(
        [
            (
                change,
                *mean_interval(cells["rmse"], "positive"),
                cells["total_neurons"].iloc[0],
            )
            for change, cells in rows
        ],
        columns=["change", "rmse", "low", "high", "m"],
    )


def neuron_laws(frame: pd.DataFrame) -> list[Law]:
    """How the error falls with neurons, for each kind of network."""
    table = scaling_table(frame)
    return [
        {
            "law": "neurons",
            "neuron_type": kind,
            "design": design,
            "exponents": rows.drop(columns=CELL[:2]).to_dict("records"),
        }
        for (kind, design), rows in table.groupby(CELL[:2], sort=False)
    ]


def order_laws(frame: pd.DataFrame) -> list[Law]:
    """How the error grows with the order, at the largest number of neurons."""
    rows = order_table(frame).to_dict("records")
    return [{"law": "order", **row} for row in rows]


def floor_laws(frame: pd.DataFrame) -> list[Law]:
    """Where the error of LIF neurons ends, for each design."""
    by_design: dict[str, list[Law]] = {}
    for (design, order), fitted in floors(frame).items():
        low, high = fitted.floor_interval
        by_design.setdefault(design, []).append(
            {
                "order": order,
                "floor": fitted.floor,
                "low": low,
                "high": high,
                "exponent": fitted.exponent,
            }
        )
    return [
        {"law": "floor", "neuron_type": "lif", "design": design, "floors": found}
        for design, found in by_design.items()
    ]


def shaping_laws(frame: pd.DataFrame) -> list[Law]:
    """By what noise shaping divides the error, at the most neurons a dimension."""
    gains = shaping_gains(frame)
    if gains.empty:
        return []
    gains = gains[gains["n_neurons"] == gains["n_neurons"].max()]
    return [
        {
            "law": "noise shaping",
            "neuron_type": kind,
            "design": design,
            "n_neurons": int(rows["n_neurons"].iloc[0]),
            "gains": rows[["order", "gain"]].to_dict("records"),
        }
        for (kind, design), rows in gains.groupby(CELL[:2], sort=False)
    ]


def generator_laws(frame: pd.DataFrame) -> list[Law]:
    """The error of each of the `GENERATORS` with the most neurons, and its exponent.

    ``times_less`` is the error of independent Poisson neurons over it.
    """
    trials = generator_trials(frame)
    trials = trials[trials["rate_factor"] == trials["rate_factor"].max()]
    found: list[Law] = []
    for kind, cells in by_type(trials).items():
        last = cells[cells["n_neurons"] == trials["n_neurons"].max()]
        if last.empty:
            continue
        m, errors = cells["total_neurons"].to_numpy(), cells["rmse"].to_numpy()
        fitted = scaling(fit_scaling(m, errors)) if len(set(m)) > 1 else {}
        found.append(
            {
                "law": "generators",
                "neuron_type": kind,
                "order": int(last["order"].iloc[0]),
                "total_neurons": int(last["total_neurons"].iloc[0]),
                "rmse": with_interval("mean", last["rmse"], "positive"),
                "scaling": fitted,
            }
        )
    return [
        {**law, "times_less": found[0]["rmse"]["mean"] / law["rmse"]["mean"]}
        for law in found
        if found[0]["neuron_type"] == GENERATORS[0]
    ]
