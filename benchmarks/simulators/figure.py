"""The figure of the documentation: time of a simulated second against neurons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workers import REPOSITORY

from spiking_lmu.experiments import style

PLACE = REPOSITORY / "docs" / "simulator_speed.png"
TITLES = {
    "poisson": "Poisson neurons, at most 20 to 40 Hz",
    "lif": "LIF neurons, at most 200 to 400 Hz",
}
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
    measured = json.loads(measurements.read_text())
    with style.rc():
        figure = style.new_figure("double", 0.45)
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for ax, (kind, title) in zip(axes, TITLES.items()):
            for name, (_, colour, marker) in LOOKS.items():
                ax.plot(*curve(measured, kind, name), color=colour, marker=marker)
            style.log_axis(ax.xaxis)
            style.reference(ax, 1.0)
            ax.set_title(title)
            ax.set_xlabel("Neurons")
        style.log_axis(axes[0].yaxis)
        axes[0].set_ylabel("Seconds for a simulated second")
        style.letters(axes)
        entries = [
            style.entry(label, color=colour, marker=marker)
            for label, colour, marker in LOOKS.values()
        ]
        style.legend_above(figure, entries, ncols=4)
    PLACE.write_bytes(style.render(figure, "png"))
    print(PLACE)


def curve(
    measured: list[dict[str, Any]], kind: str, name: str
) -> tuple[list[float], list[float]]:
    """Neurons and seconds of one simulator."""
    points = sorted(
        (one["neurons"], one["seconds"])
        for one in measured
        if (one["neuron_type"], one["simulator"]) == (kind, name)
    )
    return [n for n, _ in points], [seconds for _, seconds in points]
