"""Classify images seen pixel by pixel: trained, then in neurons, then on chip.

One experiment under two names: ``psmnist`` shuffles the pixels, by one permutation for
all images, and ``seqmnist`` leaves them in their order.
"""

from __future__ import annotations

import argparse
import inspect
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from spiking_lmu.compatibility import require
from spiking_lmu.experiments.arguments import (
    Option,
    add_execution,
    integers,
    shown,
    words,
)
from spiking_lmu.experiments.classification.figures import plot, plot_training
from spiking_lmu.experiments.classification.report import report
from spiking_lmu.experiments.classification.trials import (
    load,
    make_ladder_tasks,
    make_training_tasks,
    run_task,
)
from spiking_lmu.experiments.publishing import publish
from spiking_lmu.experiments.sweeps.backends import backend
from spiking_lmu.experiments.sweeps.tasks import SweepResult, sweep

__all__ = ["add_arguments", "execute", "main", "plot", "run"]

OPTIONS: dict[str, Option] = {
    "orders": (integers, "D,...", "state variables"),
    "units": (int, "N", "hidden units"),
    "activation": (str, "NAME", "of hidden units: relu, or tanh"),
    "trainings": (int, "N", "networks, each with weights of its own"),
    "epochs": (int, "N", "of training"),
    "batch_size": (int, "N", "images for each step of training"),
    "learning_rate": (float, "X", "at the beginning of training"),
    "noise": (float, "X", "on the state in training, relative to its size"),
    "dropout": (float, "X", "share of hidden units left out in training"),
    "rungs": (
        words,
        "NAME,...",
        "rate, relu, lif, poisson-relu, poisson, loihi; none for none",
    ),
    "ladder_orders": (integers, "D,...", "orders that are run in neurons"),
    "neurons": (integers, "N,...", "of the memory, in all"),
    "presentations": (integers, "N,...", "steps of 1 ms that a pixel is shown for"),
    "images": (int, "N", "test images in neurons, drawn at random"),
    "chip_images": (int, "N", "test images on the chip"),
    "chip_neurons": (int, "N", "of the memory on the chip"),
    "noise_aware": (
        words,
        "no,yes",
        "whether they are trained on, with noise, or both",
    ),
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
    "rungs": ("rate", "relu", "lif", "poisson-relu"),
    "ladder_orders": None,
    "neurons": (500, 2000),
    "presentations": (4, 16),
    "images": 200,
    "chip_images": 100,
    "chip_neurons": 1024,
    "noise_aware": ("no", "yes"),
    "synapse": 0.3,
    "rates": 400.0,
}
LARGE: dict[str, Any] = {
    **QUICK,
    "orders": (128, 256, 468),
    "units": 512,
    "epochs": 15,
    "batch_size": 100,
    "learning_rate": 2e-3,
    "noise": 0.7,
    "ladder_orders": (128, 256),
    "neurons": (10_000,),
    "presentations": (4, 10),
    "images": 1000,
    "chip_images": 500,
    "chip_neurons": 3072,
}


def run(
    data: str = "digits",
    permuted: bool = True,
    seed: int = 0,
    folder: str = "results/psmnist",
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
    **options: Any,
) -> pd.DataFrame:
    """Train networks on images seen pixel by pixel, and run them in neurons.

    Parameters
    ----------
    data : str
        ``"digits"``, the small images of scikit-learn; ``"mnist"``, Keras' copy of
        MNIST; the name of an ``.npz`` file like it; or of a ``.csv`` or ``.tsv`` file
        of your own sequences.
    permuted : bool
        Whether to shuffle the steps, by one permutation for all.
    seed : int
        From which all others are derived.
    folder : str
        Where finished trials and trained networks are kept, and found again.
    jobs, scheduler, progress
        See `sweep`; of the runs in neurons. Networks are trained here, one after the
        other, and a cluster must see the same folder.
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
    tasks = plan(data, permuted, seed, chosen)
    return execute(*tasks, folder, jobs, scheduler, progress).frame


def defaults(data: str) -> dict[str, Any]:
    """The options that go with some data."""
    return LARGE if data == "mnist" or str(data).endswith(".npz") else QUICK


def plan(
    data: str, permuted: bool, seed: int, options: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Tasks that train, and tasks that run what they trained.

    A file of data is read once here, so that what is wrong with it is said at once.
    """
    if data not in ("digits", "mnist"):
        load(data, permuted)
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
        **{n: v for n, v in options.items() if n in of_ladder},
    )
    return trained, ladder


def execute(
    trained: list[dict[str, Any]],
    ladder: list[dict[str, Any]],
    folder: str,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> SweepResult:
    """Train, one network after the other, and then run them in parallel."""
    require("nengo_dl")
    used = [
        "nengo-dl",
        *(["loihi"] if any(t["rung"] == "loihi" for t in ladder) else []),
    ]
    context = {k: v for name in used for k, v in backend(name).versions().items()}
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
        partial(run_task, folder=str(folder)),
        runnable,
        folder,
        context=context,
        jobs=jobs,
        scheduler=scheduler,
        progress=progress,
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
        help="digits (8 x 8), mnist (Keras' copy), an .npz file like it, or a .csv or "
        ".tsv of your own sequences (digits)",
    )
    for name, (kind, metavar, text) in OPTIONS.items():
        quick, large = (shown(v[name]) or "all" for v in (QUICK, LARGE))
        default = quick if quick == large else f"{quick}; MNIST: {large}"
        flag = f"--{name.replace('_', '-')}"
        add(flag, type=kind, metavar=metavar, help=f"{text} ({default})")
    add("--seed", type=int, default=0, help="from which all others are derived (0)")
    add_execution(parser)


def main(
    args: argparse.Namespace, out: Path, command: str, permuted: bool = True
) -> tuple[Path, int]:
    """Train, run, draw and write everything; see `publishing.publish`.

    ``permuted`` tells whether to shuffle the pixels.
    """
    given = {n: getattr(args, n) for n in OPTIONS if getattr(args, n) is not None}
    options = {**defaults(args.data), **given}
    tasks = plan(args.data, permuted, args.seed, options)
    return publish(
        args,
        out,
        command,
        {"data": args.data, **options, "seed": args.seed},
        partial(execute, *tasks),
        lambda result: (
            report(result.frame),
            {
                "ladder": plot(result.frame),
                "training": plot_training(out, result.frame),
            },
        ),
    )
