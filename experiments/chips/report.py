"""What the page of the hardware experiment shows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from spiking_lmu.experiments.chips import figures, laws
from spiking_lmu.experiments.chips.networks import headrooms
from spiking_lmu.experiments.chips.trials import run_example
from spiking_lmu.experiments.experiment import Figures, Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = {
    "platforms": figures.plot,
    "scaling": figures.plot_scaling,
    "ablation": figures.plot_ablation,
}
CELLS = ("Neurons a dimension", "NRMSE", "from", "to", "Hz per neuron")
RADII = {"expected": "by freq and rms", "examples": "by examples"}


def present(result: Result) -> tuple[dict[str, Any], Figures]:
    """The values of the template, and the figures."""
    frame = result.frame
    rows = laws.of_study(frame, "platforms")
    drawn: Figures = {
        study: partial(draw, frame)
        for study, draw in FIGURES.items()
        if len(laws.of_study(frame, study))
    }
    if result.tasks:
        drawn["example"] = partial(_draw_examples, result.tasks)
    values = {
        "laws": [
            *laws.platform_laws(rows),
            *laws.scaling_laws(frame),
            *laws.ablation_laws(frame),
        ],
        "names": laws.NAMES,
        "origins": {now: laws.PUBLISHED[origin] for now, origin in laws.AGAIN.items()},
        "inputs": str(frame["inputs"].iloc[0]),
        "platforms": _platform_table(rows),
        "scaling": laws.cells(frame, "scaling", "platform")
        .replace({"platform": laws.NAMES})
        .set_axis(["Memory", *CELLS], axis=1),
        "ablation": laws.cells(frame, "ablation", "change").set_axis(
            ["Design", *CELLS], axis=1
        ),
        "radii": {
            ranges: headrooms(ranges, 0.01).tolist()
            for ranges in ("published", "examples", "expected")
            if "ablation" in drawn
        },
    }
    return values, drawn


def _draw_examples(tasks: Sequence[dict[str, Any]]) -> Figure:
    """Runs of the published network and of ours, on the emulator, or of any."""
    first = {task["platform"]: task for task in reversed(tasks)}
    shown = [first[p] for p in ("thesis-loihi", "matched-sim") if p in first]
    return figures.plot_example([run_example(task) for task in shown or tasks[:1]])


def _platform_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Each published number, that network here, and ours at its settings; the rest."""
    of = {str(p): measured for p, measured in rows.groupby("platform", sort=False)}
    table = []
    for again, origin in laws.AGAIN.items():
        table.append(_published_row(laws.PUBLISHED[origin]))
        table += [
            _measured_row(p, of.pop(p)) for p in (again, laws.MATCHED[again]) if p in of
        ]
    table += [
        _published_row(p)
        for n, p in laws.PUBLISHED.items()
        if n not in laws.AGAIN.values()
    ]
    table += [_measured_row(p, measured) for p, measured in of.items()]
    return pd.DataFrame(table)


def _published_row(p: laws.Published) -> dict[str, Any]:
    synapse, rates = p.settings
    return {
        "Network": "published",
        "Run on": f"{p.name}, published",
        "Synapse": synapse,
        "Maximum rates": rates,
        "Radii": "1/(i + 1)",
        "Trials": 25,
        "NRMSE": p.mean,
        "from": p.low,
        "to": p.high,
    }


def _measured_row(platform: str, of: pd.DataFrame) -> dict[str, Any]:
    again, first, error = platform in laws.AGAIN, of.iloc[0], laws.mean_error(of)
    rates = "200 to 400" if first["max_rates"] == "default" else first["max_rates"]
    if platform == "poisson-sim":
        rates = "90 to 180"
    return {
        "Network": "published" if again else "LegendreMemory",
        "Run on": laws.NAMES[platform],
        "Synapse": f"{1000 * first['synapse']:g} ms",
        "Maximum rates": f"{rates} Hz",
        "Radii": "1/(i + 1)" if again else RADII[first["ranges"]],
        "Trials": of["trial"].nunique(),
        "NRMSE": error["nrmse"],
        "from": error["low"],
        "to": error["high"],
        "Spikes per neuron and second": of["spikes_per_second"].mean(),
        "Build and run, s": (of["build_seconds"] + of["run_seconds"]).mean(),
    }
