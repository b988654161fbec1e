"""What the numbers of the approximation experiment say: fitted powers and bands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.delay_errors import delay_error
from spiking_lmu.experiments.approximation.errors import (
    LAGS,
    leading_error,
    rows_of,
)
from spiking_lmu.experiments.approximation.figures import example_orders
from spiking_lmu.experiments.pages.means import Law


def best_band(frame: pd.DataFrame) -> Law:
    """The lowest order that holds a cycle within the least tolerance, or the last."""
    tolerance = frame["tolerance"].min()
    rows = rows_of(frame, "band", tolerance=tolerance).sort_values("order")
    enough = rows[rows["theta_times_freq"] >= 1]
    row = (enough if len(enough) else rows[::-1]).iloc[0]
    return {
        "law": "bands",
        "order": int(row["order"]),
        "band": float(row["theta_times_freq"]),
        "tolerance": float(tolerance),
        "theta_times_freq": _bands_found(frame),
    }


def _bands_found(frame: pd.DataFrame) -> dict[str, dict[int, float]]:
    """By tolerance and order."""
    return {
        f"{tolerance:g}": dict(zip(rows["order"], rows["theta_times_freq"]))
        for tolerance, rows in rows_of(frame, "band").groupby("tolerance")
    }


def _power(x: Any, y: Any) -> float:
    """The exponent of y against x."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def _high_orders(rows: pd.DataFrame) -> pd.DataFrame:
    """Orders from 6 on, where there are two of them."""
    high = rows[rows["order"] >= 6]
    return (high if len(high) > 1 else rows).sort_values("order")


def band_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """How the usable band grows with the order."""
    for tolerance, rows in rows_of(frame, "band").groupby("tolerance"):
        rows = _high_orders(rows)
        if len(rows) < 2:
            continue
        slope, offset = np.polyfit(rows["order"], rows["theta_times_freq"], 1)
        yield {
            "law": "band",
            "tolerance": tolerance,
            "cycles_per_order": slope,
            "offset": offset,
            "orders": rows["order"].iloc[[0, -1]].tolist(),
        }


def slope_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """The exponent of the error at low frequency, where the leading term rules."""
    slopes = {}
    for order, rows in rows_of(frame, "delay").groupby("order"):
        freqs, errors = rows["theta_times_freq"], rows["error"]
        leading = leading_error(int(order), freqs.to_numpy())
        # above rounding, and close to the leading term
        used = (errors > 1e-11) & (np.abs(errors / leading - 1) < 0.1)
        if used.sum() >= 3:
            slopes[int(order)] = _power(freqs[used], errors[used])
    if slopes:
        yield {"law": "slope", "exponents": slopes}


def window_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """Error of the whole window, beside that of the nearest polynomial."""
    rows = rows_of(frame, "window")
    errors = rows.pivot(index="order", columns="method", values="error")
    order = example_orders(frame)[-1]
    memory, best = errors.loc[order, ["memory", "projection"]]
    yield {
        "law": "window",
        "order": order,
        "cycles": float(rows["theta_times_freq"].iloc[0]),
        "memory": memory,
        "projection": best,
    }


def exponent(rows: pd.DataFrame, floor: float) -> float:
    """k where the error falls as steps^-k, over the finer half; NaN if it does not."""
    rows = rows.sort_values("steps")[len(rows) // 2 :]
    rows = rows[rows["stable"] & (rows["error"] > 10 * floor)]
    if len(rows) < 3:
        return np.nan
    steps, errors = np.log(rows["steps"]), np.log(rows["error"])
    slope, offset = np.polyfit(steps, errors, 1)
    straight = np.abs(errors - slope * steps - offset).max() < 0.2
    return float(-slope) if straight else np.nan


def told_apart(method: str, reading: str) -> bool:
    """Whether this reading of this method differs from its state alone."""
    if reading == "shifted":
        return LAGS[method] > 0
    return reading == "state" or method not in ("zoh", "euler")


def method_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """How the error of each method falls with the steps in a window."""
    steps = rows_of(frame, "step")
    order = int(steps["order"].max())
    cycles = float(steps["theta_times_freq"].iloc[0])
    floor = float(delay_error(order, cycles)[0])
    for method, rows in steps[steps["order"] == order].groupby("method", sort=False):
        exponents = {
            reading: power
            for reading, line in rows.groupby("reading", sort=False)
            if told_apart(method, reading)
            and np.isfinite(power := exponent(line, floor))
        }
        if exponents:
            law = {"law": "steps", "method": method, "order": order, "cycles": cycles}
            yield {**law, **exponents}


def limit_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """How the steps that Euler's method needs grow with the order."""
    rows = _high_orders(rows_of(frame, "limit"))
    if len(rows) < 2:
        return
    order, steps = (int(rows[name].iloc[-1]) for name in ("order", "steps"))
    power = _power(rows["order"], rows["steps"])
    yield {"law": "euler", "exponent": power, "order": order, "steps": steps}
