"""How precise the spiking memory is: RMSE against neurons, order, time constants."""

from __future__ import annotations

import os
from typing import Any

from nengo.exceptions import ValidationError

from spiking_lmu.data.recordings import load_signal
from spiking_lmu.experiments import channel
from spiking_lmu.experiments.experiment import Experiment, Otherwise
from spiking_lmu.experiments.precision.figures import plot
from spiking_lmu.experiments.precision.laws import completed
from spiking_lmu.experiments.sweeps.backends import needs
from spiking_lmu.experiments.sweeps.backends import prepare as prepare_backend

__all__ = ["FULL_GRID", "experiment", "plot", "run"]

# for publication; the defaults take minutes
FULL_GRID: dict[str, Any] = {
    "orders": (3, 6, 12, 24, 48),
    "neurons": (10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
    "neuron_types": ("poisson", "coordinated", "lif", "relu", "rate"),
    "trials": 20,
}
ON_CHIP = {"neuron_types": ("poisson", "lif")}


def prepare(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with the recording read, where it is a file."""
    of_file = {name: arguments[name] for name in ("rate", "dt", "channel")}
    signal = arguments["signal"]
    if isinstance(signal, (str, os.PathLike)):
        return {**arguments, "signal": load_signal(signal, **of_file)}
    for name in ("rate", "channel"):
        if of_file[name] is not None:
            raise ValidationError("is for a recording, --signal FILE", attr=name)
    return arguments


experiment = Experiment.of_folder(
    __name__,
    "precision",
    prepare=prepare,
    finish=completed,
    full=FULL_GRID,
    full_help="The publication grid, which takes days.",
    otherwise=(
        Otherwise(
            "with --backend loihi",
            lambda given: str(given["backend"]) == "loihi",
            ON_CHIP,
        ),
    ),
    folders={"network": "memory", "signal": None, "backend": "compiled"},
    needs=needs,
    before=prepare_backend,
    fixed={"network": "memory"},
    choice=(
        "network",
        "memory",
        "memory, or channel: a single population that communicates a sine.",
    ),
    variants={"channel": channel.experiment},
)
run = experiment.run
