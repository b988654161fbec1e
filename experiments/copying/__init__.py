"""The copy memory task: ten symbols kept for T steps by LMU and LSTM, all learned."""

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
    numbers,
    words,
)
from spiking_lmu.experiments.copying.figures import plot, plot_training
from spiking_lmu.experiments.copying.report import report
from spiking_lmu.experiments.copying.trials import make_tasks, run_task
from spiking_lmu.experiments.pages import report as pages
from spiking_lmu.experiments.publishing import Figures, publish
from spiking_lmu.experiments.sweeps.tasks import SweepResult, sweep

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
    "encoders": (words, "KIND,...", "learned, or ring: made by hand, as demonstration"),
    "delays": (integers, "T,...", "steps to remember, with learned encoders"),
    "models": (words, "MODEL,...", "lmu, lstm, with learned encoders"),
    "updates": (int, "N", "each on 20 new sequences; 20000 as published"),
    "learning_rates": (numbers, "X,...", "to choose from, on validation sequences"),
    "trials": (int, "N", "networks of each kind for each delay"),
    "ring_delays": (integers, "T,...", "steps to remember, with the ring"),
    "ring_units": (int, "N", "its hidden units"),
    "ring_order": (int, "D", "state variables of each of its memories, at least 20"),
    "ring_sequences": (int, "N", "to train its readout on"),
    "ring_epochs": (int, "N", "passes through them"),
    "ring_learning_rate": (float, "X", "at the beginning"),
    "seed": (int, "N", "from which all others are derived"),
}


def run(
    encoders: Sequence[str] = ("learned", "ring"),
    delays: Sequence[int] = (100,),
    models: Sequence[str] = ("lmu", "lstm"),
    updates: int = 2000,
    learning_rates: Sequence[float] = (0.001, 0.003, 0.01),
    trials: int = 3,
    ring_delays: Sequence[int] = (100, 300, 1000),
    ring_units: int = 64,
    ring_order: int = 20,
    ring_sequences: int = 400,
    ring_epochs: int = 30,
    ring_learning_rate: float = 0.03,
    seed: int = 0,
    folder: str = "results/copy",
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Train networks on the copy memory task and test them.

    Parameters
    ----------
    encoders : sequence of str
        ``"learned"``: the task as published, every weight of the LMU and the LSTM
        learned. ``"ring"``: a demonstration of what the memory can hold, by an LMU
        whose e_x and e_m are made by hand and only its readout learned.
    delays : sequence of int
        T of the task: each symbol is to be kept for T + 10 steps.
    models : sequence of str
        ``"lmu"``, ``"lstm"``, both of some 6,500 parameters.
    updates : int
        Of RMSProp, each on 20 new sequences. Published are 20,000.
    learning_rates : sequence of float
        Each model takes for each delay the one that has the least validation loss after
        2,000 updates of a network that is not counted. Published is 0.001.
    trials : int
        Networks of each kind for each delay, from weights and on data of their own.
    ring_delays : sequence of int
        T for the ring.
    ring_units, ring_order : int
        Hidden units, and state variables of each of the nine memories, at least 20.
    ring_sequences, ring_epochs : int
        To train the ring's readout on, and how often.
    ring_learning_rate : float
        From which it falls to zero by half a cosine.
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
        ``accuracy`` the share of symbols that were right. ``curve_updates`` and
        ``curve_loss`` are updates and losses of validation sequences on the way, as
        text; ``rates`` and ``rate_losses`` what the learning rate was chosen by;
        ``symbols`` and ``answers`` an example.

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
    context = {name: pages.versions().get(name) for name in ("nengo-dl", "tensorflow")}
    missing = [name for name, version in context.items() if version is None]
    if missing and any(task["encoders"] == "ring" for task in tasks):
        raise ImportError(
            f"the ring of the copy experiment needs {missing[0]}; install it with: "
            "pip install 'spiking-lmu[dl]'"
        )
    return sweep(
        partial(run_task, folder=str(Path(folder) / "training")),
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

    def present(result: SweepResult) -> tuple[pages.Report, Figures]:
        drawn = {"loss": plot(result.frame)}
        if (result.frame["encoders"] == "learned").any():
            drawn["training"] = plot_training(result.frame)
        return report(result.frame), drawn

    return publish(
        args,
        out,
        command,
        arguments,
        partial(execute, make_tasks(**arguments)),
        present,
    )
