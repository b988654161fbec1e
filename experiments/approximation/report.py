"""The page of the approximation experiment."""

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
from spiking_lmu.experiments.approximation.figures import (
    METHOD_NAMES,
    example_orders,
    percent,
)
from spiking_lmu.experiments.pages.report import Law, Report, Section, number

READING_WORDS = {
    "state": "the state",
    "shifted": "the state, its lag allowed for",
    "system": "the whole system",
}


def report(frame: pd.DataFrame) -> Report:
    """What the numbers say; the figures are "delay", "windows" and "methods".

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    laws = (
        Law(
            _best_band(frame), {"law": "bands", "theta_times_freq": _bands_found(frame)}
        ),
        *_band_laws(frame),
        *_slope_laws(frame),
        *_window_laws(frame),
        *_method_laws(frame),
        *_limit_laws(frame),
    )
    sections = (
        _delay_section(frame),
        _need_section(frame),
        _windows_section(frame),
        *_methods_sections(frame),
    )
    lead = (
        "A memory of order d stands for a delay of θ seconds by d numbers. "
        f"{_best_band(frame)} What it errs, before there is any neuron, depends on d "
        "and on the number θf of cycles in the window alone; time steps add to it, "
        "by how much depends on the method."
    )
    title = "The linear memory: approximation and its limits"
    return Report("approximation", title, lead, sections, laws)


def _best_band(frame: pd.DataFrame) -> str:
    tolerance = frame["tolerance"].min()
    rows = rows_of(frame, "band", tolerance=tolerance).sort_values("order")
    enough = rows[rows["theta_times_freq"] >= 1]
    row = (enough if len(enough) else rows[::-1]).iloc[0]
    return (
        f"Order {row['order']} delays signals of up to θf = "
        f"{number(row['theta_times_freq'])} within {percent(tolerance)}."
    )


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


def _band_laws(frame: pd.DataFrame) -> Iterator[Law]:
    for tolerance, rows in rows_of(frame, "band").groupby("tolerance"):
        rows = _high_orders(rows)
        if len(rows) < 2:
            continue
        slope, offset = np.polyfit(rows["order"], rows["theta_times_freq"], 1)
        least, most = rows["order"].iloc[[0, -1]]
        sign = "−" if offset < 0 else "+"
        yield Law(
            f"Within {percent(tolerance)}, the usable band grows by {number(slope)} "
            f"cycles an order: θf ≈ {number(slope)} d {sign} {number(abs(offset))} "
            f"from order {least} to {most}. The limit is 1/π = {number(1 / np.pi)}: "
            "polynomials take π orders for each cycle.",
            {
                "law": "band",
                "tolerance": tolerance,
                "cycles_per_order": slope,
                "offset": offset,
            },
        )


def _slope_laws(frame: pd.DataFrame) -> Iterator[Law]:
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
        found = ", ".join(f"{number(v)} at order {d}" for d, v in slopes.items())
        yield Law(
            "At low frequency the error grows as the power 2 d of θf, for as many "
            f"moments of the delay are exact; fitted: {found}.",
            {"law": "slope", "exponents": slopes},
        )


def _window_laws(frame: pd.DataFrame) -> Iterator[Law]:
    rows = rows_of(frame, "window")
    errors = rows.pivot(index="order", columns="method", values="error")
    order = example_orders(frame)[-1]
    memory, best = errors.loc[order, ["memory", "projection"]]
    cycles = float(rows["theta_times_freq"].iloc[0])
    yield Law(
        f"Of signals up to θf = {cycles:g}, order {order} holds the whole window "
        f"with an rms error of {number(100 * memory)} %; the nearest polynomial of the "
        f"same order errs by {number(100 * best)} %.",
        {"law": "window", "order": order, "memory": memory, "projection": best},
    )


def _exponent(rows: pd.DataFrame, floor: float) -> float:
    """k where the error falls as steps^-k, over the finer half; NaN if it does not."""
    rows = rows.sort_values("steps")[len(rows) // 2 :]
    rows = rows[rows["stable"] & (rows["error"] > 10 * floor)]
    if len(rows) < 3:
        return np.nan
    steps, errors = np.log(rows["steps"]), np.log(rows["error"])
    slope, offset = np.polyfit(steps, errors, 1)
    straight = np.abs(errors - slope * steps - offset).max() < 0.2
    return float(-slope) if straight else np.nan


def _told_apart(method: str, reading: str) -> bool:
    """Whether this reading of this method differs from its state alone."""
    if reading == "shifted":
        return LAGS[method] > 0
    return reading == "state" or method not in ("zoh", "euler")


def _method_laws(frame: pd.DataFrame) -> Iterator[Law]:
    steps = rows_of(frame, "step")
    order = int(steps["order"].max())
    cycles = float(steps["theta_times_freq"].iloc[0])
    floor = float(delay_error(order, cycles)[0])
    for method, rows in steps[steps["order"] == order].groupby("method", sort=False):
        exponents = {
            reading: exponent
            for reading, line in rows.groupby("reading", sort=False)
            if _told_apart(method, reading)
            and np.isfinite(exponent := _exponent(line, floor))
        }
        if exponents:
            found = ", ".join(
                f"{number(k)} for {READING_WORDS[r]}" for r, k in exponents.items()
            )
            yield Law(
                f"{_capital(METHOD_NAMES[method])}, order {order}, θf = {cycles:g}: "
                f"the error falls as (θ / dt)^−k with k = {found}.",
                {"law": "steps", "method": method, "order": order, **exponents},
            )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _limit_laws(frame: pd.DataFrame) -> Iterator[Law]:
    rows = _high_orders(rows_of(frame, "limit"))
    if len(rows) < 2:
        return
    power = _power(rows["order"], rows["steps"])
    last = rows.iloc[-1]
    yield Law(
        f"Euler's method is stable from {last['steps']} steps per window on at order "
        f"{last['order']}; that limit grows as the power {number(power)} of the order.",
        {"law": "euler", "exponent": power},
    )


def _delay_section(frame: pd.DataFrame) -> Section:
    bands = rows_of(frame, "band")
    table = pd.DataFrame({"Order d": sorted(set(bands["order"]))})
    for tolerance, rows in bands.groupby("tolerance"):
        found = rows.set_index("order")["theta_times_freq"]
        table[f"θf within {percent(tolerance)}"] = table["Order d"].map(found)
        table[f"Orders per cycle at {percent(tolerance)}"] = (
            table["Order d"] / table[f"θf within {percent(tolerance)}"]
        )
    return Section(
        "The delay",
        (
            "The transfer function of the memory is the Padé approximant of degrees "
            "d − 1 over d of an ideal delay. Held against it, the error rises as a "
            "power of the frequency and ends at about 1, where the output has died "
            "out. The higher the order, the sharper is the edge of the usable band.",
            _best_band(frame),
        ),
        figure="delay",
        caption=(
            "a, Distance between the frequency responses of the memory and of a delay "
            "of θ, by the number of cycles that the window holds; the dashed line is "
            "at 1 %. b, The θf at which the error first reaches the tolerance; dashed, "
            "one cycle for each π orders."
        ),
        table=table,
        table_caption="Usable band of each order",
    )


def _need_section(frame: pd.DataFrame) -> Section:
    need = rows_of(frame, "need")
    table = pd.DataFrame({"Cycles θf": sorted(set(need["theta_times_freq"]))})
    for tolerance, rows in need.groupby("tolerance"):
        found = rows.set_index("theta_times_freq")["order"]
        table[f"Order for {percent(tolerance)}"] = table["Cycles θf"].map(found)
    return Section(
        "The order that a task needs",
        (
            "The smallest order whose error stays within the tolerance at all "
            "frequencies up to θf." + _price_of_cycles(need),
        ),
        table=table,
        table_caption="Order needed",
    )


def _price_of_cycles(need: pd.DataFrame) -> str:
    rows = need[need["tolerance"] == need["tolerance"].min()]
    rows = rows.sort_values("theta_times_freq")
    if len(rows) < 2:
        return ""
    orders, cycles = rows["order"].to_numpy(), rows["theta_times_freq"].to_numpy()
    price = (orders[-1] - orders[-2]) / (cycles[-1] - cycles[-2])
    return (
        f" From {cycles[-2]:g} to {cycles[-1]:g} cycles, each further one takes "
        f"{number(price)} orders."
    )


def _windows_section(frame: pd.DataFrame) -> Section:
    rows = rows_of(frame, "window")
    cycles = float(rows["theta_times_freq"].iloc[0])
    table = rows.pivot(index="order", columns="method", values="error").reset_index()
    table = table[["order", "memory", "projection"]]
    table.columns = ["Order d", "Memory, rms error", "Nearest polynomial"]
    return Section(
        "The window",
        (
            "The state holds more than the delay by θ: its d numbers are the "
            "coefficients of Legendre polynomials over the last θ seconds. No choice "
            "of coefficients comes closer than the nearest polynomial in the mean "
            "square does; the memory, which must find them as it goes, errs a "
            "little more.",
        ),
        figure="windows",
        caption=(
            "a, The polynomials that the first six state variables weigh, from now "
            "(age 0) to one window ago (1). b, Rms error over the whole window, "
            "relative to the rms of a signal of flat spectrum up to "
            f"θf = {cycles:g}; the dotted line is at 1 %. c, One window of such a "
            "signal (grey) and what memories of several orders hold of it."
        ),
        table=table,
        table_caption=f"Error of the window for signals up to θf = {cycles:g}",
    )


def _methods_sections(frame: pd.DataFrame) -> Iterator[Section]:
    steps = rows_of(frame, "step")
    cycles = float(steps["theta_times_freq"].iloc[0])
    yield Section(
        "Time steps",
        (
            "A simulator moves in steps. Six methods turn the memory into a "
            "difference equation, and three comparisons with an ideal delay are fair: "
            "of the state alone, which is what a network holds; of the state with "
            "allowance for the constant lag of the method; and of the whole system, "
            "with the direct path from input to output that some methods ask for.",
            "Zero-order hold is exact for an input that stands still within a step, as "
            "a simulator has it. Its error against the delay is a lag of half a step, "
            "the mean age of such an input, and reading half a step less of delay "
            "takes it away. First-order hold and impulse invariance put a share of "
            "the response into the direct path, and the state lacks it: d / 2 of a "
            "step, once the steps are fine enough. Euler's method amplifies, and is "
            "unstable below a number of steps that grows faster than the order.",
        ),
        figure="methods",
        caption=(
            f"Error of the delay at θf = {cycles:g}, by the number of steps in a "
            "window. Columns: the state, the state against a delay longer by the lag "
            "of the method, and the system with its output equation. Crosses: the "
            "system is unstable. Dashed: the error in continuous time, where it is "
            "in range."
        ),
        table=_limit_table(frame),
        table_caption="The least number of steps at which Euler's method is stable",
    )
    for order in sorted(set(steps["order"])):
        floor = float(delay_error(order, cycles)[0])
        yield Section(
            f"Time steps at order {order}",
            (f"In continuous time the error at θf = {cycles:g} is {number(floor)}.",),
            table=_method_table(steps[steps["order"] == order], floor),
            table_caption=(
                f"Error of the delay at θf = {cycles:g}, by steps per window; it falls "
                "as steps to the −k where it does so as a power, well above the error "
                "in continuous time"
            ),
        )


def _limit_table(frame: pd.DataFrame) -> pd.DataFrame:
    rows = rows_of(frame, "limit").sort_values("order")
    return rows[["order", "steps"]].set_axis(["Order d", "Steps per window"], axis=1)


def _method_table(rows: pd.DataFrame, floor: float) -> pd.DataFrame:
    steps = sorted(set(rows["steps"]))
    kept = [
        steps[k]
        for k in np.unique(np.linspace(0, len(steps) - 1, 5).round(0)).astype(int)
    ]
    lines = []
    for (method, reading), line in rows.groupby(["method", "reading"], sort=False):
        if not _told_apart(method, reading):
            continue
        errors = line.set_index("steps")["error"]
        stable = line.set_index("steps")["stable"]
        lines.append(
            {
                "Method": _capital(METHOD_NAMES[method]),
                "Held against the delay": READING_WORDS[reading],
                "Lag in steps": LAGS[method] if reading == "shifted" else 0.0,
                **{
                    f"{n} steps": number(errors[n]) if stable[n] else "unstable"
                    for n in kept
                },
                "Exponent k": _exponent(line, floor),
            }
        )
    return pd.DataFrame(lines)
