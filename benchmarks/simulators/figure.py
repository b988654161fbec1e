"""The figure of the documentation: time of a simulated second against neurons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workers import REPOSITORY, SIMULATORS

from spiking_lmu.experiments import style

PLACE = REPOSITORY / "docs" / "simulator_speed.png"
#: Name, colour and marker of each, in the order of the legend.
LOOKS = {
    "nengo": ("Nengo", "#2f3338", "D"),
    "nengo-plain": ("Nengo without optimizer", "#7c828a", "d"),
    "spiking-lmu": ("spiking_lmu", "#0072b2", "o"),
    "nengo-dl": ("NengoDL", "#d55e00", "s"),
    "nengo-ocl": ("NengoOCL", "#c77f00", "v"),
    "nengo-torch": ("nengo-torch", "#56b4e9", "P"),
    "brian2": ("Brian2, C++ standalone", "#009e73", "^"),
}


def draw(measurements: Path) -> None:
    """Draw what ``simulator.py --scaling`` wrote."""
    found = json.loads(measurements.read_text())
    with style.rc():
        figure = style.new_figure("single", 0.85)
        ax = figure.subplots()
        for name in SIMULATORS:
            points = sorted(curve(found, name))
            if points:
                label, colour, marker = LOOKS[name]
                ax.plot(*zip(*points), color=colour, marker=marker, label=label)
        style.log_axis(ax.xaxis)
        style.log_axis(ax.yaxis)
        style.reference(ax, 1.0)
        ax.set_xlabel("Neurons")
        ax.set_ylabel("Seconds for a simulated second")
        style.legend_above(ax, ncols=2)
    PLACE.write_bytes(style.render(figure, "png"))
    print(PLACE)


def curve(found: list[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    return [
        (one["neurons"], one["seconds"]) for one in found if one["simulator"] == name
    ]
