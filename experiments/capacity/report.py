"""What the page of the capacity experiment shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from spiking_lmu.delay_errors import delay_error
from spiking_lmu.experiments.capacity import figures, laws
from spiking_lmu.experiments.experiment import Figures, Result


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figures."""
    frame, arguments = result.frame, result.arguments
    cycles = arguments["cycles"]
    final = laws.trained(laws.overall(frame)).sort_values(["model", "steps"])
    memory = final[final["model"] == "lmu"]
    has_growing = bool((frame["band"] == "growing").any())
    found = [*laws.recall_laws(final), *laws.reach_laws(laws.by_delay(frame))]
    drawn: Figures = {"capacity": partial(figures.plot, frame)}
    examples = [task for task in result.tasks if task["model"] == "lmu"]
    if examples:
        drawn["example"] = partial(figures.plot_example, examples[0])
    if has_growing:
        found.append(laws.break_law(laws.growing(frame)))
        drawn["growing"] = partial(figures.plot_growing, frame)
    values = {
        "laws": found,
        "arguments": arguments,
        "cycles": cycles,
        "solved": laws.SOLVED,
        "order": int(memory["state_variables"].iloc[0]),
        "memory": memory[["steps", "rmse"]].to_dict("records"),
        "longest": int(memory["steps"].max()),
        "has_lstm": bool((frame["model"] == "lstm").any()),
        "delay_error": float(delay_error(arguments["order"], cycles)[0]),
        "grown": _growing_table(laws.growing(frame)) if has_growing else None,
        "windows": _table(final.assign(cycles=cycles)),
    }
    return values, drawn


def _growing_table(grown: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Window, steps": grown["steps"].astype(int),
            "Cycles a window": grown["cycles"],
            "RMSE": grown["rmse"],
            "Low": grown["low"],
            "High": grown["high"],
        }
    )


def _table(final: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Model": final["model"].map(figures.NAMES),
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
