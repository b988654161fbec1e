"""Linear and nonlinear processing, measured: capacities by delay and by degree.

After Jaeger (2002) and Dambre et al. (2012): of the linear memory, of the LMU, of a
recurrent tanh network and of memories of spiking neurons.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
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
from spiking_lmu.experiments.information.figures import plot, plot_memory
from spiking_lmu.experiments.information.report import report
from spiking_lmu.experiments.information.trials import make_tasks, run_task
from spiking_lmu.experiments.publishing import publish
from spiking_lmu.experiments.sweeps.tasks import SweepResult, sweep

__all__ = ["add_arguments", "execute", "main", "plot", "run"]

OPTIONS: dict[str, Option] = {
    "systems": (words, "NAME,...", "what to measure"),
    "units": (int, "N", "variables of all systems but the spiking memory"),
    "radius": (float, "X", "spectral radius of recurrent weights"),
    "gain": (float, "X", "deviation of what arrives at tanh units"),
    "bias": (float, "X", "deviation of the biases of tanh units"),
    "order": (int, "D", "state variables of the LMU's and of the spiking memory"),
    "window": (float, "N", "of these memories, in values of the input"),
    "steps": (int, "N", "values that systems without spikes are measured with"),
    "delays": (integers, "N,...", "longest delay of each degree, from degree 1 on"),
    "neurons": (integers, "N,...", "mean neurons per dimension"),
    "neuron_types": (words, "TYPE,...", "poisson, lif, relu"),
    "synapse": (float, "S", "recurrent synapse of the spiking memory, in seconds"),
    "presentation": (int, "MS", "time for which it gets each value"),
    "spiking_steps": (int, "N", "values that it is measured with"),
    "trials": (int, "N", "runs of each, with inputs and weights of their own"),
    "seed": (int, "N", "from which all others are derived"),
}


def run(
    systems: Sequence[str] = ("linear", "lmu-feedforward", "lmu", "tanh", "spiking"),
    units: int = 50,
    radius: float = 0.95,
    gain: float = 0.5,
    bias: float = 0.5,
    order: int = 6,
    window: float = 12.0,
    steps: int = 30_000,
    delays: Sequence[int] = (120, 30, 16, 10),
    neurons: Sequence[int] = (10, 30, 100, 300),
    neuron_types: Sequence[str] = ("poisson", "lif"),
    synapse: float = 0.1,
    presentation: int = 10,
    spiking_steps: int = 3_000,
    trials: int = 5,
    seed: int = 0,
    folder: str = "results/information",
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Measure what systems hold of their input; one row a degree or delay and trial.

    Parameters
    ----------
    systems : sequence of str
        ``"linear"``: the exact memory. ``"lmu"`` and ``"lmu-feedforward"``: tanh units
        on a small exact memory, with and without recurrent weights. ``"tanh"``: an
        echo state network. ``"spiking"``: the small memory in spiking neurons.
    units : int
        Variables of the first four, which are read: states or tanh units.
    radius, gain, bias : float
        Of tanh units: spectral radius of the recurrent weights, and deviations of
        what arrives from outside and of the biases.
    order : int
        State variables of the LMU's memory and of the spiking one.
    window : float
        Their window, in values of the input. That of the linear memory is as much
        longer as it has more variables.
    steps, spiking_steps : int
        Values of the input that count, without spikes and with.
    delays : sequence of int
        The longest delay for each degree, from 1 on. Those of the spiking memory end
        after five windows.
    neurons : sequence of int
        Mean numbers of neurons per dimension.
    neuron_types : sequence of str
        ``"poisson"``, ``"lif"`` or ``"relu"`` (integrate-and-fire).
    synapse : float
        Recurrent time constant of the spiking memory, in seconds.
    presentation : int
        Time steps of 1 ms for which it gets each value.
    trials : int
        Runs of each system.
    seed : int
        From which all others are derived; systems share inputs.
    folder : str
        Where finished trials are stored, and found again.
    jobs, scheduler, progress
        See `sweep`.

    Returns
    -------
    trials : pandas.DataFrame
        ``measure`` says what ``index`` is: the degree, or the delay of the linear
        memory function.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range.
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
    return sweep(
        run_task, tasks, folder, jobs=jobs, scheduler=scheduler, progress=progress
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
            report(result.frame, arguments),
            {"capacity": plot(result.frame), "memory": plot_memory(result.frame)},
        ),
    )
