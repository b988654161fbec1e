"""The trade between precision and communication: RMSE against spikes and energy."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from spiking_lmu.experiments.arguments import (
    Option,
    add_execution,
    add_options,
    chosen,
    integers,
    words,
)
from spiking_lmu.experiments.energy.figures import plot, plot_energy
from spiking_lmu.experiments.energy.report import report
from spiking_lmu.experiments.energy.trials import make_tasks, run_task
from spiking_lmu.experiments.publishing import publish
from spiking_lmu.experiments.sweeps.tasks import SweepResult, sweep

__all__ = ["add_arguments", "execute", "main", "plot", "run"]

OPTIONS: dict[str, Option] = {
    "orders": (integers, "D,...", "state variables"),
    "neurons": (integers, "N,...", "mean neurons per dimension"),
    "rates": (words, "LOW-HIGH,...", "ranges of the neurons' highest rates, in Hz"),
    "neuron_types": (words, "TYPE,...", "poisson, lif, relu"),
    "trials": (int, "N", "runs of each combination"),
    "theta": (float, "S", "window in seconds"),
    "synapse": (float, "S", "recurrent synapse in seconds"),
    "cycles": (float, "N", "highest frequency of the input, in cycles per window"),
    "rms": (float, "X", "root mean square of the input"),
    "duration": (float, "S", "seconds that count"),
    "seed": (int, "N", "from which all others are derived"),
}


def run(
    orders: Sequence[int] = (3, 6),
    neurons: Sequence[int] = (32, 64, 128, 256),
    rates: Sequence[str] = ("25-50", "50-100", "100-200", "200-400"),
    neuron_types: Sequence[str] = ("poisson", "lif"),
    trials: int = 3,
    theta: float = 0.5,
    synapse: float = 0.1,
    cycles: float = 1.0,
    rms: float = 0.5,
    duration: float = 3.0,
    seed: int = 0,
    folder: str = "results/energy",
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Measure error and cost of memories on the emulator of Loihi; one row a trial.

    The memory's state is compared with that of the exact linear memory, both filtered
    by the same readout synapse of 5 ms. The first theta and five synapses are run but
    not counted in the error.

    Parameters
    ----------
    orders : sequence of int
        Numbers of state variables.
    neurons : sequence of int
        Mean numbers of neurons per dimension.
    rates : sequence of str
        Ranges that the highest rates of the neurons are drawn from, in Hz, such as
        ``"50-100"``. The chip's random neurons, which take the place of Poisson
        neurons, fire at up to 180 Hz: ranges that reach higher are scaled down to
        that, and run once where several come to the same.
    neuron_types : sequence of str
        ``"poisson"``, ``"lif"`` or ``"relu"`` (integrate-and-fire).
    trials : int
        Runs of each combination, each with neurons and input of its own.
    theta, synapse : float
        Window and recurrent time constant, in seconds.
    cycles : float
        Highest frequency of the white-noise input, in cycles per window.
    rms : float
        Root mean square of the input.
    duration : float
        Seconds that count, of each run.
    seed : int
        From which all others are derived.
    folder : str
        Where finished trials are stored, and found again.
    jobs, scheduler, progress
        See `sweep`.

    Returns
    -------
    trials : pandas.DataFrame
        Failed trials are left out. Columns that end in ``energy``, ``energy_low`` or
        ``energy_high`` are estimates in nJ for each time step.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range.
    ImportError
        If nengo-loihi is not installed.
    """
    arguments = {name: value for name, value in locals().items() if name in OPTIONS}
    tasks = make_tasks(**arguments)
    return execute(tasks, folder, jobs, scheduler, progress).frame


def execute(
    tasks: list[dict[str, Any]],
    folder: str,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> SweepResult:
    """Run the tasks through a sweep."""
    try:
        context = {"nengo-loihi": metadata.version("nengo-loihi")}
    except metadata.PackageNotFoundError:
        raise ImportError(
            "the energy experiment needs nengo-loihi; install it with: "
            "pip install 'spiking-lmu[loihi]'"
        ) from None
    return sweep(
        run_task,
        tasks,
        folder,
        context=context,
        jobs=jobs,
        scheduler=scheduler,
        progress=progress,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`."""
    add_options(parser, OPTIONS, run)
    add_execution(parser)


def main(args: argparse.Namespace, out: Path, command: str) -> tuple[Path, int]:
    """Run, draw and write everything; see `publishing.publish`."""
    arguments = chosen(run, args)
    return publish(
        args,
        out,
        command,
        arguments,
        partial(execute, make_tasks(**arguments)),
        lambda result: (
            report(result.frame),
            {"tradeoff": plot(result.frame), "energy": plot_energy(result.frame)},
        ),
    )
