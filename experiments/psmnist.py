"""Classify images seen pixel by pixel: trained, then in neurons, then on chip.

One experiment under two names: ``psmnist`` shuffles the pixels, by one permutation for
all images, and ``seqmnist`` leaves them in their order.
"""

from __future__ import annotations

import argparse
import inspect
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from spiking_lmu.experiments import report as pages
from spiking_lmu.experiments.arguments import add_execution, integers, words
from spiking_lmu.experiments.backends import backend
from spiking_lmu.experiments.psmnist_figures import plot, plot_training
from spiking_lmu.experiments.psmnist_report import report
from spiking_lmu.experiments.psmnist_trials import (
    make_ladder_tasks,
    make_training_tasks,
    run_task,
)
from spiking_lmu.experiments.sweep import SweepResult, sweep
from spiking_lmu.simulators import require

__all__ = ["add_arguments", "execute", "main", "plot", "run"]

OPTIONS: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "orders": (integers, "D,...", "state variables"),
    "units": (int, "N", "hidden units"),
    "activation": (str, "NAME", "of hidden units: relu, or tanh"),
    "trainings": (int, "N", "networks, each with weights of its own"),
    "epochs": (int, "N", "of training"),
    "batch_size": (int, "N", "images for each step of training"),
    "learning_rate": (float, "X", "at the beginning of training"),
    "noise": (float, "X", "on the state in training, relative to its size"),
    "dropout": (float, "X", "share of hidden units left out in training"),
    "rungs": (words, "NAME,...", "rate, relu, lif, poisson, loihi; none for none"),
    "ladder_orders": (integers, "D,...", "orders that are run in neurons"),
    "neurons": (integers, "N,...", "of the memory, in all"),
    "presentations": (integers, "N,...", "steps of 1 ms that a pixel is shown for"),
    "images": (int, "N", "test images in neurons, drawn at random"),
    "chip_images": (int, "N", "test images on the chip"),
    "chip_neurons": (int, "N", "of the memory on the chip"),
    "synapse": (float, "S", "recurrent synapse of the memory, in seconds"),
    "rates": (float, "HZ", "highest rate of the fastest neurons"),
}

# what depends on the data: images of 64 pixels, or of 784
QUICK: dict[str, Any] = {
    "orders": (32,),
    "units": 100,
    "activation": "relu",
    "trainings": 3,
    "epochs": 40,
    "batch_size": 50,
    "learning_rate": 1e-2,
    "noise": 0.3,
    "dropout": 0.1,
    "rungs": ("rate", "relu", "poisson"),
    "ladder_orders": None,
    "neurons": (500, 2000),
    "presentations": (4, 16),
    "images": 200,
    "chip_images": 100,
    "chip_neurons": 1024,
    "synapse": 0.3,
    "rates": 400.0,
}
LARGE: dict[str, Any] = {
    **QUICK,
    "orders": (256, 468),
    "units": 512,
    "epochs": 15,
    "batch_size": 100,
    "learning_rate": 2e-3,
    "noise": 1.0,
    "rungs": ("rate", "relu", "poisson"),
    "ladder_orders": (256,),
    "neurons": (10_000,),
    "presentations": (4, 10),
    "images": 2000,
    "chip_images": 500,
    "chip_neurons": 2048,
}


def run(
    data: str = "digits",
    permuted: bool = True,
    noise_aware: bool = True,
    seed: int = 0,
    folder: str = "results/psmnist",
    jobs: int | None = None,
    progress: bool = False,
    **options: Any,
) -> pd.DataFrame:
    """Train networks on images seen pixel by pixel, and run them in neurons.

    Parameters
    ----------
    data : str
        ``"digits"``, the small images of scikit-learn; ``"mnist"``, Keras' copy of
        MNIST; the name of an ``.npz`` file like it; or of a ``.csv`` file of your own
        sequences.
    permuted : bool
        Whether to shuffle the steps, by one permutation for all.
    noise_aware : bool
        Whether networks in Poisson neurons are also run after training on with the
        noise that theory predicts for those neurons.
    seed : int
        From which all others are derived.
    folder : str
        Where finished trials and trained networks are kept, and found again.
    jobs : int, optional
        Processes for the runs in neurons.
    progress : bool
        Whether to show progress bars.
    **options
        Any of `OPTIONS`; by default those of `QUICK` for the digits and `LARGE` for
        MNIST.

    Returns
    -------
    trials : pandas.DataFrame
        One row a trained network and run. Failed trials are left out.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or the data cannot be read.
    """
    chosen = {**defaults(data), **options}
    tasks = plan(data, permuted, noise_aware, seed, chosen)
    return execute(*tasks, folder, jobs, progress).frame


def defaults(data: str) -> dict[str, Any]:
    """The options that go with some data."""
    return LARGE if data == "mnist" or str(data).endswith(".npz") else QUICK


def plan(
    data: str, permuted: bool, noise_aware: bool, seed: int, options: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Tasks that train, and tasks that run what they trained."""
    of_ladder = set(inspect.signature(make_ladder_tasks).parameters)
    of_training = set(inspect.signature(make_training_tasks).parameters)
    trained = make_training_tasks(
        data,
        permuted,
        **{n: v for n, v in options.items() if n in of_training},
        seed=seed,
    )
    orders = options["ladder_orders"] or options["orders"]
    ladder = make_ladder_tasks(
        [task for task in trained if task["order"] in orders],
        noise_aware=noise_aware,
        **{n: v for n, v in options.items() if n in of_ladder},
    )
    return trained, ladder


def execute(
    trained: list[dict[str, Any]],
    ladder: list[dict[str, Any]],
    folder: str,
    jobs: int | None = None,
    progress: bool = False,
) -> SweepResult:
    """Train, one network after the other, and then run them in parallel."""
    require("nengo_dl", "dl")
    used = [
        "nengo-dl",
        *(["loihi"] if any(t["rung"] == "loihi" for t in ladder) else []),
    ]
    context = {k: v for name in used for k, v in backend(name).versions().items()}
    task = partial(run_task, folder=str(folder))
    first = sweep(
        partial(run_task, folder=str(folder), progress=progress),
        trained,
        folder,
        context=context,
        jobs=1,
        progress=progress,
    )
    if not ladder:
        return first
    failed = [one for one, _ in first.failures]
    runnable = [t for t in ladder if not any(_trained_by(one, t) for one in failed)]
    if not runnable:
        return first
    second = sweep(
        task, runnable, folder, context=context, jobs=jobs, progress=progress
    )
    return SweepResult(
        pd.concat([first.frame, second.frame], ignore_index=True),
        first.failures + second.failures,
        first.reused + second.reused,
        first.new + second.new,
    )


def _trained_by(one: dict[str, Any], task: dict[str, Any]) -> bool:
    return all(task[name] == value for name, value in one.items() if name != "rung")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`."""
    add = parser.add_argument
    add(
        "--data",
        default="digits",
        metavar="DATA",
        help="digits (8 x 8), mnist (Keras' copy), an .npz file like it, or a .csv of "
        "your own sequences (digits)",
    )
    for name, (kind, metavar, text) in OPTIONS.items():
        quick, large = (_shown(values[name]) for values in (QUICK, LARGE))
        shown = quick if quick == large else f"{quick}; MNIST: {large}"
        flag = f"--{name.replace('_', '-')}"
        add(flag, type=kind, metavar=metavar, help=f"{text} ({shown})")
    add(
        "--no-noise-aware",
        action="store_true",
        help="leave out training with the noise that theory predicts",
    )
    add("--seed", type=int, default=0, help="from which all others are derived (0)")
    add_execution(parser)


def _shown(value: Any) -> str:
    if value is None:
        return "all"
    return ",".join(map(str, value)) if isinstance(value, tuple) else f"{value}"


def main(
    args: argparse.Namespace, out: Path, command: str, permuted: bool = True
) -> tuple[Path, int]:
    """Train, run, draw and write everything.

    Parameters
    ----------
    args : argparse.Namespace
        As a parser with `add_arguments` returns it.
    out : pathlib.Path
        The results folder.
    command : str
        The exact command, for the record.
    permuted : bool
        Whether to shuffle the pixels.

    Returns
    -------
    page : pathlib.Path
        Of the report.
    n_failed : int
        How many trials failed.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an option is of no use.
    OSError
        If all trials failed, or a file cannot be written.
    """
    start = time.perf_counter()
    given = {n: getattr(args, n) for n in OPTIONS if getattr(args, n) is not None}
    options = {**defaults(args.data), **given}
    noise_aware = not args.no_noise_aware
    tasks = plan(args.data, permuted, noise_aware, args.seed, options)
    result = execute(*tasks, str(out), args.jobs, progress=not args.quiet)
    result.check_some()
    figures = {
        "ladder": plot(result.frame),
        "training": plot_training(out, result.frame),
    }
    shown = {"data": args.data, "noise_aware": noise_aware, **options}
    done = pages.Run(
        command, shown, args.seed, time.perf_counter() - start, result.failures
    )
    page = pages.write(out, report(result.frame), result.frame, figures, done)
    return page, len(result.failures)
