"""The page of the capacity experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.delay_errors import delay_error
from spiking_lmu.experiments.capacity.figures import (
    NAMES,
    by_delay,
    growing,
    overall,
    trained,
)
from spiking_lmu.experiments.pages.report import Law, Report, Section, duration, number

HELD = 0.1  # an RMSE up to which a memory holds the input
SOLVED = 0.5  # an RMSE at which a quarter of the signal's power is missed


def report(frame: pd.DataFrame, arguments: Mapping[str, Any]) -> Report:
    """What the trials say; the figures are "capacity" and "example".

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    arguments : mapping
        Those of `run`.
    """
    means = overall(frame)
    final = trained(means).sort_values(["model", "steps"])
    final = final.assign(cycles=arguments["cycles"])
    grown = growing(frame) if (frame["band"] == "growing").any() else None
    laws = (
        *_recall_laws(final),
        *_reach_laws(by_delay(frame)),
        *(() if grown is None else (_break_law(grown),)),
    )
    lead = " ".join(
        [
            _all_windows(final[final["model"] == "lmu"], arguments["cycles"]),
            *(
                law.words
                for law in laws
                if law.values["law"] == "breaks" or law.values.get("model") == "lstm"
            ),
            "RMSE is relative to the input's root mean square.",
        ]
    )
    sections = (
        _task_section(frame, arguments, laws),
        *(() if grown is None else (_growing_section(grown, arguments, laws),)),
        _example_section(frame),
        Section("Each window", table=_table(final), table_caption=_caption(final)),
    )
    title = "Capacity: how long a window can be recalled"
    return Report("capacity", title, lead, sections, laws)


def _all_windows(memory: pd.DataFrame, cycles: float) -> str:
    """What the memory recalls of each window, in one sentence."""
    each = ", ".join(
        f"{number(rmse)} (window of {int(steps):,} steps)"
        for steps, rmse in zip(memory["steps"], memory["rmse"])
    )
    order = int(memory["state_variables"].iloc[0])
    return (
        f"An untrained memory of {order} state variables recalls inputs of up to "
        f"{cycles:g} cycles a window with an RMSE of {each}."
    )


def _break_law(grown: pd.DataFrame) -> Law:
    """Up to where the memory holds an input whose band grows, and where it breaks."""
    grown = grown.sort_values("steps")
    order = int(grown["state_variables"].iloc[0])
    density = float((grown["cycles"] / grown["steps"]).iloc[0])
    missed = (grown["rmse"] > HELD).to_numpy()
    n_held = int(np.argmax(missed)) if missed.any() else len(grown)
    held = grown.iloc[n_held - 1] if n_held else None
    broken = grown.iloc[n_held] if n_held < len(grown) else None

    def window(row: pd.Series) -> str:
        return f"{int(row['steps']):,} steps ({row['cycles']:g} cycles)"

    words = (
        f"Of an input of {density:g} cycles a step, whose band grows with the window, "
    )
    words += f"a memory of {order} state variables "
    parts = []
    if held is not None:
        parts.append(
            f"holds windows of up to {window(held)}, with an RMSE of "
            f"{number(held['rmse'])}"
        )
    if broken is not None:
        parts.append(
            f"breaks at {window(broken)}, with one of {number(broken['rmse'])}"
        )
    values: dict[str, Any] = {"law": "breaks", "order": order, "density": density}
    for name, row in (("held", held), ("broken", broken)):
        for key in ("steps", "cycles", "rmse", "low", "high"):
            values[f"{name}_{key}"] = None if row is None else float(row[key])
    return Law(words + " and ".join(parts) + ".", values)


def _growing_section(
    grown: pd.DataFrame, arguments: Mapping[str, Any], laws: tuple[Law, ...]
) -> Section:
    order = arguments["order"]
    (law,) = (law for law in laws if law.values["law"] == "breaks")
    return Section(
        "Where the memory breaks",
        (
            "With so many cycles in a window, a window of more steps is the same "
            "signal, sampled more finely, and no harder to hold: its error falls. What "
            "the order bounds is the number of cycles. Here the input has "
            f"{arguments['density']:g} cycles for each step of every window, so that a "
            "window of more steps has more of them.",
            law.words,
        ),
        "growing",
        caption=(
            f"RMSE of a memory of {order} state variables over delays from none to the "
            "whole window, against the highest frequency of an input that has "
            f"{arguments['density']:g} cycles in each step; means over trials with "
            "95 % intervals. The grey line is how far its readout of the longest delay "
            "is off at that frequency alone."
        ),
        table=pd.DataFrame(
            {
                "Window, steps": grown["steps"].astype(int),
                "Cycles a window": grown["cycles"],
                "RMSE": grown["rmse"],
                "Low": grown["low"],
                "High": grown["high"],
            }
        ),
    )


def _recall_laws(final: pd.DataFrame) -> Iterator[Law]:
    for _, row in final.iterrows():
        untrained = row["model"] == "lmu"
        what = "An untrained memory" if untrained else "An LSTM"
        words = f"{what} of {int(row['state_variables'])} state variables"
        if not untrained:
            steps, seconds = row["trained_steps"] / 1e6, row["train_seconds"]
            words += (
                f", trained on {number(steps, pad=False)} million time steps "
                f"({int(row['updates']):,} updates, {duration(seconds)}),"
            )
        words += (
            f" recalls a window of {int(row['steps']):,} steps with a relative RMSE of "
            f"{number(row['rmse'])}{_interval(row)}, for inputs of up to "
            f"{row['cycles']:g} cycles a window."
        )
        values = {"law": "recall", "model": row["model"], "steps": int(row["steps"])}
        names = ("rmse", "low", "high", "train_seconds")
        yield Law(words, {**values, **{name: float(row[name]) for name in names}})


def _interval(row: pd.Series) -> str:
    if not np.isfinite(row["low"]):
        return ""
    return f" (95 % interval {number(row['low'])} to {number(row['high'])})"


def _reach_laws(delays: pd.DataFrame) -> Iterator[Law]:
    """How far back the LSTM recalls more than three quarters of the power."""
    for steps, rows in delays[delays["model"] == "lstm"].groupby("steps"):
        rows = rows.sort_values("delay")
        missed = (rows["rmse"] > SOLVED).to_numpy()
        n_recalled = int(np.argmax(missed)) if missed.any() else len(rows)
        reach = int(rows["delay_steps"].iloc[n_recalled - 1]) if n_recalled else None
        if reach is None:
            reached = "recalls none of the inputs"
        elif n_recalled == len(rows):
            reached = "recalls all of the inputs"
        elif reach == 0:
            reached = "recalls only the present input"
        else:
            reached = f"recalls inputs of up to {reach:,} steps ago"
        words = (
            f"In a window of {int(steps):,} steps, the LSTM {reached}, of those it was "
            f"asked for, with an RMSE below {SOLVED}."
        )
        yield Law(words, {"law": "reach", "steps": int(steps), "delay_steps": reach})


def _task_section(
    frame: pd.DataFrame, arguments: Mapping[str, Any], laws: tuple[Law, ...]
) -> Section:
    cycles, order, k = (arguments[name] for name in ("cycles", "order", "delays"))
    error = float(delay_error(order, cycles)[0])
    paragraphs = [
        f"The input is white noise with frequencies of up to {cycles:g} cycles in a "
        "window, the same process whatever the number of steps that the window is "
        f"sampled at. In each step, {k} inputs are to be recalled, from the present "
        "one to that of a whole window ago; of the memory, more between them. The task "
        "is that of LMU 2019, section 3.1, whose figure is to be compared in kind: "
        "signals, budgets and readouts are not the same in every detail.",
        f"The memory is exact, in double precision, simulated step by step, and not "
        f"trained: its readouts are Legendre polynomials. {order} state variables are "
        f"more than enough for {cycles:g} cycles, where the delay itself is wrong by "
        f"{number(error)} at most of what passes. What is left is that the input "
        "stands still within a step, the less the finer the steps are; and, for the "
        "finest steps and the longest delays, a rest of what the beginning of the "
        "input set off. One and a half windows from there on are not counted.",
    ]
    if (frame["model"] == "lstm").any():
        paragraphs += [
            f"The LSTM ({arguments['units']} units, Keras' layer, with a linear one "
            "after it) is trained by Adam on all delays at once, backpropagated "
            "through whole sequences of two windows, with "
            f"{arguments['batch']} sequences for each update. All windows have the "
            f"same budget, {arguments['budget']:g} million time steps, and so about "
            "the same computing time: the longer the window, the fewer updates. "
            "Panel c shows which of them would still improve: what is compared is what "
            "this budget buys, and not what an LSTM can hold in principle.",
            " ".join(law.words for law in laws if law.values["law"] == "reach"),
        ]
    caption = (
        "RMSE relative to the input's root mean square: over all delays against the "
        "window (a), and against the delay (b)"
    )
    if (frame["model"] == "lstm").any():
        caption += (
            ", where the LSTM's lines are dashed; that of the LSTM against what it was "
            "trained on (c)"
        )
    caption += (
        ". Means over trials with 95 % intervals. At 1, the dotted line, an answer of "
        "zero is as good."
    )
    return Section(
        "Recall across the window", tuple(paragraphs), "capacity", caption=caption
    )


def _example_section(frame: pd.DataFrame) -> Section:
    steps = int(frame[frame["model"] == "lmu"]["steps"].max())
    return Section(
        "What is recalled",
        figure="example",
        caption=f"One run of the memory with a window of {steps:,} steps: what its "
        "readouts give (thin) over what they should, the input so long ago (grey).",
    )


def _table(final: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Model": final["model"].map(NAMES),
            "Window, steps": final["steps"],
            "Cycles a window": final["cycles"],
            "State variables": final["state_variables"].astype(int),
            "Parameters": final["parameters"].astype(int),
            "Updates": final["updates"].astype(int),
            "Training, s": final["train_seconds"],
            "RMSE": final["rmse"],
            "Low": final["low"],
            "High": final["high"],
        }
    )


def _caption(final: pd.DataFrame) -> str:
    text = "Over all delays that both models have, with 95 % intervals."
    if (final["model"] == "lstm").any():
        text += " Seconds are for one run, on one core."
    return text
