"""The capacity task: how well the inputs of a long window can be recalled.

After LMU 2019, section 3.1: delays across a window of ever more time steps, for the
memory as it is and for a trained LSTM.
"""

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
)
from spiking_lmu.experiments.capacity.figures import plot, plot_example, plot_growing
from spiking_lmu.experiments.capacity.report import report
from spiking_lmu.experiments.capacity.trials import make_tasks, run_task
from spiking_lmu.experiments.publishing import Figures, publish
from spiking_lmu.experiments.sweeps.tasks import SweepResult, sweep

__all__ = ["add_arguments", "execute", "main", "plot", "run"]

#: What ``--full`` changes.
FULL = {"lstm_steps": (100, 300, 1_000, 3_000, 10_000), "budget": 90.0, "trials": 5}


def windows(text: str) -> tuple[int, ...]:
    """``"100,1000"`` as (100, 1000); ``"none"`` as ()."""
    return () if text.strip() == "none" else integers(text)


OPTIONS: dict[str, Option] = {
    "steps": (integers, "N,...", "windows of the memory, in time steps"),
    "lstm_steps": (windows, "N,...", "windows of the LSTM, in time steps, or none"),
    "order": (int, "D", "state variables of the memory"),
    "units": (int, "N", "of the LSTM, each with two state variables"),
    "delays": (int, "N", "to be recalled, evenly from none to the whole window"),
    "cycles": (float, "N", "highest frequency of the input, in cycles per window"),
    "growing_steps": (windows, "N,...", "windows of the growing input, or none"),
    "density": (float, "X", "highest frequency of that input, in cycles per step"),
    "trials": (int, "N", "runs of each, with inputs and initial weights of their own"),
    "budget": (float, "N", "millions of time steps that each LSTM is trained on"),
    "batch": (int, "N", "sequences for each update of the LSTM"),
    "learning_rate": (float, "X", "of the LSTM"),
    "seed": (int, "N", "from which all others are derived"),
}


def run(
    steps: Sequence[int] = (100, 1_000, 10_000, 100_000),
    lstm_steps: Sequence[int] = (100, 1_000),
    order: int = 105,
    units: int = 105,
    delays: int = 5,
    cycles: float = 10.0,
    growing_steps: Sequence[int] = (50, 100, 200, 250, 300, 350, 400, 500, 1_000),
    density: float = 0.1,
    trials: int = 3,
    budget: float = 4.5,
    batch: int = 20,
    learning_rate: float = 0.01,
    seed: int = 0,
    folder: str = "results/capacity",
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Measure how well inputs of some time ago are recalled; one row a delay and trial.

    The input is white noise, band-limited to so many cycles in a window: the signal is
    the same whatever the number of steps that it is sampled at. A longer window of it
    is no harder for the memory. A second input, for the memory alone, has a band that
    grows with the window: so many cycles in each step, up to where the memory breaks.
    The memory is exact and
    not trained; the LSTM learns from sequences of two windows, backpropagated as a
    whole. For neither do the first one and a half windows count.

    Parameters
    ----------
    steps, lstm_steps : sequence of int
        Windows of the memory and of the LSTM, in time steps. No LSTM if empty.
    order : int
        State variables of the memory.
    units : int
        Of the LSTM.
    delays : int
        What the LSTM is to give, all in each step: the input 0 to a whole window ago,
        at so many evenly spaced delays. The memory is read at three more between them.
    cycles : float
        Highest frequency of the input, in cycles per window; at least 1.
    growing_steps : sequence of int
        Windows, in time steps, of the input whose band grows. None if empty.
    density : float
        Its highest frequency, in cycles per step, at most 0.25.
    trials : int
        Runs of each.
    budget : float
        What each LSTM is trained on, in millions of time steps, those of all sequences
        together: windows of any length cost equal time.
    batch : int
        Sequences for each update.
    learning_rate : float
        Of Adam.
    seed : int
        From which all others are derived.
    folder : str
        Where finished trials are stored, and found again.
    jobs, scheduler, progress
        See `sweep`.

    Returns
    -------
    trials : pandas.DataFrame
        ``rmse`` is relative to the root mean square of the input. LSTMs have rows for
        each amount of training that they were tested at, ``trained_steps``.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range.
    ImportError
        If there is an LSTM to train, and TensorFlow is not installed.
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
    context = {}
    if any(task["model"] == "lstm" for task in tasks):
        try:
            context["tensorflow"] = metadata.version("tensorflow")
        except metadata.PackageNotFoundError:
            raise ImportError(
                "the LSTM needs TensorFlow; install it with: pip install "
                "'spiking-lmu[dl]', or leave the LSTM out: --lstm-steps none"
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
    parser.add_argument(
        "--full",
        action="store_true",
        help="train LSTMs twenty times as long, on longer windows too; takes hours",
    )
    add_options(parser, OPTIONS, run, FULL)
    add_execution(parser)


def _draw(frame: pd.DataFrame, longest: dict[str, Any]) -> Figures:
    figures = {"capacity": plot(frame), "example": plot_example(longest)}
    if (frame["band"] == "growing").any():
        figures["growing"] = plot_growing(frame)
    return figures


def main(args: argparse.Namespace, out: Path, command: str) -> tuple[Path, int]:
    """Run, draw and write everything; see `publishing.publish`."""
    arguments = chosen(run, args, FULL if args.full else {})
    tasks = make_tasks(**arguments)
    longest = next(task for task in tasks if task["model"] == "lmu")
    return publish(
        args,
        out,
        command,
        arguments,
        partial(execute, tasks),
        lambda result: (
            report(result.frame, arguments),
            _draw(result.frame, longest),
        ),
    )
