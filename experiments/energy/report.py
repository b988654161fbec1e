"""What the page of the energy experiment shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from spiking_lmu.experiments.energy import figures, laws
from spiking_lmu.experiments.energy.trials import DT
from spiking_lmu.experiments.experiment import Figures, Result
from spiking_lmu.experiments.pages import style
from spiking_lmu.hardware.processors import IDLE


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figures."""
    frame = result.frame
    means = figures.cells(frame)
    orders = means.groupby("order")
    best = pd.concat([figures.front(rows, "energy") for _, rows in orders])
    total = means[list(figures.PARTS)].sum()
    values = {
        "runs": len(frame),
        "laws": [
            *laws.exact_laws(means),
            *laws.rate_laws(frame),
            *laws.scaling_laws(frame, means),
            *laws.front_laws(means),
            *laws.processor_laws(means),
        ],
        "operations_share": 100 * total.iloc[0] / total.sum(),
        "idle": IDLE,
        "dt": DT,
        "best": _table(best, means),
        "all": _table(means, means),
    }
    return values, {
        "tradeoff": partial(figures.plot, frame),
        "energy": partial(figures.plot_energy, frame),
    }


def _table(cells: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """Rows of the exact memory, for each order and processor, and then of cells."""
    exact = [
        {
            "Order": order,
            "Neurons": f"none: exact memory on {name}",
            "RMSE": 0.0,
            "Operations per step": order * (order + 1),
            "nJ, low": rows[column].iloc[0],
            "nJ, high": rows[column].iloc[0],
        }
        for order, rows in means.groupby("order", sort=True)
        if order in set(cells["order"])
        for name, column in laws.EXACT.items()
    ]
    of_neurons = pd.DataFrame(
        {
            "Order": cells["order"],
            "Neurons": cells["neuron_type"].map(style.NAMES),
            "Rates, Hz": cells["rates"].str.replace("-", "–"),
            "Per dimension": cells["n_neurons"],
            "RMSE": cells["rmse"],
            "Spikes per second": cells["spikes_per_second"].round(),
            "Operations per step": cells["synaptic_operations"],
            "nJ, low": cells["energy_low"],
            "nJ, high": cells["energy_high"],
            "Cores": cells["cores"].round(),
        }
    )
    return pd.concat([pd.DataFrame(exact), of_neurons])[list(of_neurons)]
