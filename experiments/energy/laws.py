"""What the trials of the energy experiment say of error, spikes and energy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from spiking_lmu.experiments.energy.figures import front
from spiking_lmu.experiments.pages.means import Law
from spiking_lmu.metrics import NORMAL_QUANTILE

DRAWS = 2000
EXACT = {
    "CPU": "cpu_exact_energy",
    "GPU": "gpu_exact_energy",
    "ARM": "arm_exact_energy",
}


class Fit(NamedTuple):
    """Coefficients of a regression (k,), and the bounds of their intervals."""

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray


def fit_clustered(x: Any, y: Any, clusters: Any, strata: Any, seed: int = 0) -> Fit:
    """Least squares, where observations of one cluster are not independent.

    Intervals are of a bootstrap that draws whole clusters, among those of the same
    stratum. As in `fit_scaling`, deviations are widened for few clusters: by
    sqrt(n / (n - 1)) for n in a stratum, and by the ratio of Student's t to the normal
    quantile.

    Parameters
    ----------
    x : (n, k) ndarray
    y : (n,) ndarray
    clusters, strata : (n,) array_like
        Of which cluster and stratum each observation is.
    seed : int
        Of the drawing.

    Returns
    -------
    Fit
        Bounds are NaN where a stratum has a single cluster.
    """
    frame = pd.DataFrame(
        {"stratum": np.asarray(strata), "cluster": np.asarray(clusters)}
    )
    groups = frame.groupby(["stratum", "cluster"], sort=True)
    squares = np.array([x[i].T @ x[i] for i in groups.indices.values()])
    products = np.array([x[i].T @ y[i] for i in groups.indices.values()])
    values = np.linalg.solve(squares.sum(axis=0), products.sum(axis=0))
    counts = pd.Series([stratum for stratum, _ in groups.indices]).value_counts(
        sort=False
    )
    sizes = counts.to_numpy()
    if sizes.min() < 2:
        unknown = np.full(len(values), np.nan)
        return Fit(values, unknown, unknown)
    rng = np.random.default_rng(seed)
    weights = np.zeros((DRAWS, len(squares)))
    ends = np.cumsum(sizes)
    for first, n in zip(ends - sizes, sizes):
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=DRAWS)
        # about one, and as wide as the spread of n clusters about their own mean is not
        weights[:, first : first + n] = 1 + (drawn - 1) * np.sqrt(n / (n - 1))
    # to first order in the weights, so that no draw is singular
    left: np.ndarray = products - squares @ values
    changes = np.linalg.solve(squares.sum(axis=0), (weights @ left).T).T
    freedom = float(np.sum(sizes - 1))
    changes *= stdtrit(freedom, 0.975) / NORMAL_QUANTILE
    low, high = np.quantile(changes, [0.025, 0.975], axis=0)
    return Fit(values, values + low, values + high)


def _fit(rows: pd.DataFrame, *columns: np.ndarray) -> Fit:
    """The logarithm of the RMSE against columns.

    Runs of one seed share their neurons and their input, over all rates and types.
    """
    x = np.column_stack([np.ones(len(rows)), *columns])
    y = np.log(rows["rmse"].to_numpy())
    return fit_clustered(x, y, rows["seed"], rows["n_neurons"])


def rate_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """RMSE as powers of the neurons and of their mean rate, by least squares."""
    for (order, kind), rows in frame.groupby(["order", "neuron_type"], sort=False):
        few = rows["n_neurons"].nunique() < 2 or rows["rates"].nunique() < 2
        if len(rows) < 6 or few:
            continue
        m = rows["total_neurons"].to_numpy(dtype=float)
        rate = rows["spikes_per_second"].to_numpy() / m
        fit = _fit(rows, np.log(m), np.log(rate))
        law = {"law": "rates", "order": int(order), "neuron_type": kind}
        for k, name in enumerate(("neurons", "rate"), start=1):
            law[name] = float(fit.values[k])
            law[f"{name}_low"], law[f"{name}_high"] = (
                float(fit.low[k]),
                float(fit.high[k]),
            )
        yield law


def scaling_laws(frame: pd.DataFrame, means: pd.DataFrame) -> Iterator[Law]:
    """RMSE as a power of the energy, over all combinations of a type."""
    for (order, kind), rows in means.groupby(["order", "neuron_type"], sort=False):
        keys = ["rates", "n_neurons", "order", "neuron_type"]
        trials = frame.merge(rows[[*keys, "energy"]], on=keys)
        if trials["energy"].nunique() < 2:
            continue
        fit = _fit(trials, np.log(trials["energy"].to_numpy()))
        exponent, low, high = (float(v[1]) for v in fit)
        yield {
            "law": "energy",
            "order": int(order),
            "neuron_type": kind,
            "exponent": exponent,
            "low": low,
            "high": high,
            "constant": float(np.exp(fit.values[0])),
        }


def exact_laws(means: pd.DataFrame) -> Iterator[Law]:
    """What the linear memory takes without any neurons, beside the front."""
    for order, rows in means.groupby("order"):
        joules = {name: float(rows[column].iloc[0]) for name, column in EXACT.items()}
        best = front(rows, "energy")["energy"]
        bounds = [float(best.min()), float(best.max())]
        yield {"law": "exact", "order": int(order), **joules, "front": bounds}


def front_laws(means: pd.DataFrame) -> Iterator[Law]:
    """From where to where the Pareto front goes."""
    for order, rows in means.groupby("order"):
        best = front(rows, "energy")
        kinds = {kind: int(n) for kind, n in best["neuron_type"].value_counts().items()}
        yield {
            "law": "front",
            "order": int(order),
            "combinations": len(best),
            "of_types": kinds,
            "rmse": [float(best["rmse"].iloc[k]) for k in (0, -1)],
            "energy": [float(best["energy"].iloc[k]) for k in (0, -1)],
        }


def processor_laws(means: pd.DataFrame) -> Iterator[Law]:
    """The same networks of neurons on processors."""
    for name in EXACT:
        ratios = means[f"{name.lower()}_factors_energy"] / means["energy"]
        low, high = float(ratios.min()), float(ratios.max())
        yield {"law": "processor", "processor": name, "low": low, "high": high}
