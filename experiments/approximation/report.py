"""What the page of the approximation experiment shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.delay_errors import delay_error
from spiking_lmu.experiments.approximation import errors, figures, laws
from spiking_lmu.experiments.experiment import Figures, Result
from spiking_lmu.experiments.pages.report import number
from spiking_lmu.experiments.pages.templates import initial

READING_WORDS = {
    "state": "the state",
    "shifted": "the state without its lag",
    "system": "the whole system",
}


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figures."""
    frame = result.frame
    steps = errors.rows_of(frame, "step")
    cycles = float(steps["theta_times_freq"].iloc[0])
    values = {
        "laws": [
            laws.best_band(frame),
            *laws.band_laws(frame),
            *laws.slope_laws(frame),
            *laws.window_laws(frame),
            *laws.method_laws(frame),
            *laws.limit_laws(frame),
        ],
        "methods": figures.METHOD_NAMES,
        "readings": READING_WORDS,
        "bands": _band_table(frame),
        "need": _need_table(frame),
        "price": _price_of_cycles(errors.rows_of(frame, "need")),
        "window_cycles": float(
            errors.rows_of(frame, "window")["theta_times_freq"].iloc[0]
        ),
        "windows": _window_table(frame),
        "cycles": cycles,
        "limits": _limit_table(frame),
        "orders": [
            {
                "order": order,
                "floor": float(delay_error(order, cycles)[0]),
                "table": _method_table(
                    steps[steps["order"] == order],
                    float(delay_error(order, cycles)[0]),
                ),
            }
            for order in sorted(set(steps["order"]))
        ],
    }
    return values, {
        "delay": partial(figures.plot, frame),
        "windows": partial(
            figures.plot_windows, frame, result.arguments.get("seed", 0)
        ),
        "methods": partial(figures.plot_methods, frame),
    }


def _band_table(frame: pd.DataFrame) -> pd.DataFrame:
    bands = errors.rows_of(frame, "band")
    table = pd.DataFrame({"Order d": sorted(set(bands["order"]))})
    for tolerance, rows in bands.groupby("tolerance"):
        found = rows.set_index("order")["theta_times_freq"]
        band = table["Order d"].map(found)
        table[f"θf within {figures.percent(tolerance)}"] = band
        table[f"Orders per cycle at {figures.percent(tolerance)}"] = (
            table["Order d"] / band
        )
    return table


def _need_table(frame: pd.DataFrame) -> pd.DataFrame:
    need = errors.rows_of(frame, "need")
    table = pd.DataFrame({"Cycles θf": sorted(set(need["theta_times_freq"]))})
    for tolerance, rows in need.groupby("tolerance"):
        found = rows.set_index("theta_times_freq")["order"]
        table[f"Order for {figures.percent(tolerance)}"] = table["Cycles θf"].map(found)
    return table


def _price_of_cycles(need: pd.DataFrame) -> dict[str, float]:
    """Orders that a further cycle takes, between the two largest numbers of cycles."""
    rows = need[need["tolerance"] == need["tolerance"].min()]
    rows = rows.sort_values("theta_times_freq")
    if len(rows) < 2:
        return {}
    orders, cycles = rows["order"].to_numpy(), rows["theta_times_freq"].to_numpy()
    price = (orders[-1] - orders[-2]) / (cycles[-1] - cycles[-2])
    return {"low": cycles[-2], "high": cycles[-1], "orders": price}


def _window_table(frame: pd.DataFrame) -> pd.DataFrame:
    rows = errors.rows_of(frame, "window")
    table = rows.pivot(index="order", columns="method", values="error").reset_index()
    table = table[["order", "memory", "projection"]]
    return table.set_axis(
        ["Order d", "Memory, rms error", "Nearest polynomial"], axis=1
    )


def _limit_table(frame: pd.DataFrame) -> pd.DataFrame:
    rows = errors.rows_of(frame, "limit").sort_values("order")
    return rows[["order", "steps"]].set_axis(["Order d", "Steps per window"], axis=1)


def _method_table(rows: pd.DataFrame, floor: float) -> pd.DataFrame:
    steps = sorted(set(rows["steps"]))
    kept = [
        steps[k]
        for k in np.unique(np.linspace(0, len(steps) - 1, 5).round(0)).astype(int)
    ]
    lines = []
    for (method, reading), line in rows.groupby(["method", "reading"], sort=False):
        if not laws.told_apart(method, reading):
            continue
        found = line.set_index("steps")["error"]
        stable = line.set_index("steps")["stable"]
        lines.append(
            {
                "Method": initial(figures.METHOD_NAMES[method]),
                "Compared with the delay": READING_WORDS[reading],
                "Lag in steps": errors.LAGS[method] if reading == "shifted" else 0.0,
                **{
                    f"{n} steps": number(found[n]) if stable[n] else "unstable"
                    for n in kept
                },
                "Exponent k": laws.exponent(line, floor),
            }
        )
    return pd.DataFrame(lines)
