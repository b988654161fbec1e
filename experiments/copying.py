"""The copy memory task: ten symbols kept for up to thousands of steps, LMU and LSTM."""

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
from spiking_lmu.experiments.copying_figures import plot, plot_training
from spiking_lmu.experiments.copying_report import report
from spiking_lmu.experiments.copying_trials import make_tasks, run_task
from spiking_lmu.experiments.publishing import publish
from spiking_lmu.experiments.sweep import SweepResult, sweep

__all__ = [
    "add_arguments",
    "execute",
    "main",
    "make_tasks",
    "plot",
    "plot_training",
    "report",
    "run",
    "run_task",
]

OPTIONS: dict[str, Option] = {
    "delays": (integers, "T,...", "steps that the LMU has to remember"),
    "lstm_delays": (integers, "T,...", "steps that the LSTM has to remember"),
    "models": (words, "MODEL,...", "lmu, lstm"),
    "trials": (int, "N", "networks of each kind for each delay"),
    "units": (int, "N", "hidden units of the LMU; the LSTM gets as many parameters"),
    "order": (int, "D", "state variables of each memory, at least 20"),
    "sequences": (int, "N", "to train the LMU on"),
    "epochs": (int, "N", "passes of the LMU through them"),
    "learning_rate": (float, "X", "of the LMU, at the beginning"),
    "lstm_updates": (int, "N", "of the LSTM, each on 50 new sequences"),
    "seed": (int, "N", "from which all others are derived"),
}


def run(
    delays: Sequence[int] = (100, 300, 1000),
    lstm_delays: Sequence[int] = (100,),
    models: Sequence[str] = ("lmu", "lstm"),
    trials: int = 3,
    units: int = 64,
    order: int = 20,
    sequences: int = 400,
    epochs: int = 30,
    learning_rate: float = 0.03,
    lstm_updates: int = 400,
    seed: int = 0,
    folder: str = "results/copy",
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Train networks on the copy memory task and test them.

    Parameters
    ----------
    delays : sequence of int
        T of the task for the LMU: each symbol is to be kept for T + 10 steps.
    lstm_delays : sequence of int
        The same for the LSTM, whose training takes T times as long.
    models : sequence of str
        ``"lmu"``, ``"lstm"``.
    trials : int
        Networks of each kind for each delay, from weights and on data of their own.
    units : int
        Hidden units of the LMU. The LSTM gets the size that comes closest to as many
        parameters.
    order : int
        State variables of each of the nine memories, at least 20.
    sequences, epochs : int
        To train the LMU on, and how often.
    learning_rate : float
        Of the LMU, from which it falls to zero by half a cosine.
    lstm_updates : int
        Of the LSTM, each on 50 new sequences.
    seed : int
        From which all others are derived.
    folder : str
        Where finished trials are stored, and found again.
    jobs, scheduler, progress
        See `sweep`.

    Returns
    -------
    trials : pandas.DataFrame, one row a trial
        Failed trials are left out. ``loss`` is the mean cross entropy over all steps of
        test sequences, in nats, ``baseline`` what it would be without memory,
        ``accuracy`` the share of symbols that were right. ``curve_seconds`` and
        ``curve_loss`` are seconds of training and losses of validation sequences on
        the way, as text; ``symbols`` and ``answers`` an example.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range.
    ImportError
        If NengoDL is not installed.
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
        context = {name: metadata.version(name) for name in ("nengo-dl", "tensorflow")}
    except metadata.PackageNotFoundError as error:
        raise ImportError(
            f"the copy experiment needs {error.name}; install it with: "
            "pip install 'spiking-lmu[dl]'"
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
            {"loss": plot(result.frame), "training": plot_training(result.frame)},
        ),
    )
