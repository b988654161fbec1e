"""A chaotic series, predicted: LSTM, LMU, both in layers, and an LMU in spikes.

The Mackey-Glass task of LMU 2019, in its true direction: to tell from a series what it
will be 15 steps later.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from spiking_lmu.compatibility import require
from spiking_lmu.experiments.arguments import (
    Option,
    add_execution,
    add_options,
    chosen,
    integers,
    words,
)
from spiking_lmu.experiments.mackey_glass.figures import (
    plot,
    plot_prediction,
    plot_spiking,
    plot_training,
)
from spiking_lmu.experiments.mackey_glass.report import report
from spiking_lmu.experiments.mackey_glass.trials import make_tasks, run_task
from spiking_lmu.experiments.pages import report as pages
from spiking_lmu.experiments.publishing import Figures, publish
from spiking_lmu.experiments.sweeps.tasks import SweepResult, sweep

__all__ = ["FULL", "add_arguments", "execute", "main", "plot", "run"]

OPTIONS: dict[str, Option] = {
    "models": (words, "NAME,...", "lstm, lmu, hybrid, parallel, spiking"),
    "series": (integers, "N,N,N", "series to train on, to validate, to test"),
    "steps": (int, "N", "steps of each series"),
    "ahead": (int, "N", "how many steps to look ahead"),
    "tau": (int, "N", "delay of the equation, in steps"),
    "length": (int, "N", "steps of the windows that are trained on"),
    "epochs": (int, "N", "passes through the series, of recurrent networks"),
    "order": (int, "D", "state variables of the parallel LMU"),
    "window": (int, "N", "its window, in steps"),
    "units": (int, "N", "units in each of its two layers"),
    "parallel_epochs": (int, "N", "passes through the series, of the parallel LMU"),
    "spiking_order": (int, "D", "state variables of the LMU in spikes"),
    "spiking_units": (int, "N", "units in each of its two layers"),
    "spiking_epochs": (int, "N", "its passes, without noise and then with it"),
    "neurons": (integers, "N,...", "mean neurons per dimension"),
    "neuron_types": (words, "TYPE,...", "poisson-relu, poisson, lif, relu, rate"),
    "presentations": (integers, "MS,...", "time steps for which it gets each value"),
    "spiking_steps": (int, "N", "values of a series that it is tested with"),
    "protocol": (words, "NAME,...", "ours, paper: as the published notebook trains"),
    "paper_series": (integers, "N,N,N", "as series, for the paper's protocol"),
    "paper_length": (
        int,
        "N",
        "first steps of each series, to train on; by default all",
    ),
    "paper_epochs": (int, "N", "each of one update; 500 as published"),
    "trials": (int, "N", "networks of each kind, with series of their own"),
    "seed": (int, "N", "from which all others are derived"),
}

#: Figures, and the trials without which there is nothing on them.
FIGURES = {
    "models": ("test", plot),
    "prediction": ("example", plot_prediction),
    "training": ("training", plot_training),
    "spiking": ("spiking", plot_spiking),
}

#: What ``--full`` sets: the size of the reference.
FULL: dict[str, Any] = {
    "series": (32, 32, 64),
    "epochs": 25,
    "parallel_epochs": 25,
    "spiking_epochs": 15,
    "neurons": (10, 30, 100, 300, 1000),
    "neuron_types": ("poisson-relu", "lif", "relu"),
    "presentations": (1, 3, 10),
    "spiking_steps": 2000,
}


def run(
    models: Sequence[str] = ("lstm", "lmu", "hybrid", "parallel", "spiking"),
    series: Sequence[int] = (16, 4, 16),
    steps: int = 5000,
    ahead: int = 15,
    tau: int = 17,
    swapped: bool = False,
    length: int = 100,
    epochs: int = 12,
    order: int = 18,
    window: int = 20,
    units: int = 110,
    parallel_epochs: int = 8,
    spiking_order: int = 6,
    spiking_units: int = 80,
    spiking_epochs: int = 3,
    neurons: Sequence[int] = (20, 60, 200),
    neuron_types: Sequence[str] = ("poisson-relu", "relu"),
    presentations: Sequence[int] = (10,),
    spiking_steps: int = 500,
    protocol: Sequence[str] = ("ours",),
    paper_series: Sequence[int] = (32, 32, 64),
    paper_length: int | None = None,
    paper_epochs: int = 500,
    trials: int = 3,
    seed: int = 0,
    folder: str = "results/mackey-glass",
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Train networks to predict the Mackey-Glass series, and test them.

    Parameters
    ----------
    models : sequence of str
        ``"lstm"``, ``"lmu"`` and ``"hybrid"``, both in turn: four recurrent layers with
        some 18,000 parameters. ``"parallel"``: a feed-forward LMU, trained in
        parallel form. ``"spiking"``: a smaller one, its memory made of neurons.
    series : sequence of three int
        How many to train on, to validate and to test with.
    steps : int
        Of each series.
    ahead : int
        How far to look ahead.
    tau : int
        Delay of the equation, in steps.
    swapped : bool
        Exchange inputs and targets, as the published notebook did: tell from the series
        what it was ``ahead`` steps ago.
    length : int
        Steps of the windows that series are cut into, for training.
    epochs, parallel_epochs, spiking_epochs : int
        Passes through the series: of the recurrent networks, of the parallel one, and
        of that in spikes, which gets as many again with noise.
    order, units, spiking_order, spiking_units : int
        State variables and units of each of the two layers, of the parallel network
        and of that in spikes.
    window : int
        Of both, in steps of the series.
    neurons : sequence of int
        Mean numbers of neurons per dimension.
    neuron_types : sequence of str
        ``"relu"`` (integrate-and-fire) and ``"poisson-relu"``, with linear tuning
        curves; ``"poisson"``, ``"lif"`` or ``"rate"``, with those of LIF neurons.
    presentations : sequence of int
        Time steps of 1 ms for which a spiking memory gets each value.
    spiking_steps : int
        Values of a test series for it.
    protocol : sequence of str
        ``"ours"``; ``"paper"``: recurrent networks as the notebook of LMU 2019 trains
        them, see `mackey_glass_paper`.
    paper_series : sequence of three int
        As ``series``, for the paper's protocol.
    paper_length : int, optional
        Steps, from the beginning of each series, that are trained on by the paper's
        protocol; by default all, as published. Validation and test have all steps.
    paper_epochs : int
        Of the paper's protocol, each of one update.
    trials : int
        Networks of each kind, each with series and initial weights of its own.
    seed : int
        From which all others are derived.
    folder : str
        Where finished trials are stored, and found again.
    jobs, scheduler, progress
        See `sweep`.

    Returns
    -------
    trials : pandas.DataFrame
        ``study`` says what a row is: see `mackey_glass_trials.run_task`.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or NengoDL is not installed.
    """
    arguments = {
        name: value
        for name, value in locals().items()
        if name in OPTIONS or name == "swapped"
    }
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
    if any(task["protocol"] == "ours" for task in tasks):
        require("tensorflow")
    context = {name: pages.versions().get(name) for name in ("nengo-dl", "tensorflow")}
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
    parser.add_argument(
        "--full", action="store_true", help="the size of the reference; takes hours"
    )
    parser.add_argument(
        "--swapped",
        action="store_true",
        help="exchange inputs and targets, as the published notebook did",
    )
    add_options(parser, OPTIONS, run, FULL)
    add_execution(parser)


def main(args: argparse.Namespace, out: Path, command: str) -> tuple[Path, int]:
    """Run, draw and write everything; see `publishing.publish`."""
    arguments = chosen(run, args, FULL if args.full else {})

    def present(result: SweepResult) -> tuple[pages.Report, Figures]:
        drawn = {
            name: draw(result.frame)
            for name, (study, draw) in FIGURES.items()
            if (result.frame["study"] == study).any()
        }
        return report(result.frame, arguments, tuple(drawn)), drawn

    return publish(
        args,
        out,
        command,
        arguments,
        partial(execute, make_tasks(**arguments)),
        present,
    )
