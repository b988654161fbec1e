"""How well the linear memory approximates a delay, and what time steps do to it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from spiking_lmu.experiments.approximation import report as page
from spiking_lmu.experiments.approximation.errors import run
from spiking_lmu.experiments.approximation.figures import (
    plot,
    plot_methods,
    plot_windows,
)
from spiking_lmu.experiments.arguments import integers, numbers, words
from spiking_lmu.experiments.pages import report as pages
from spiking_lmu.experiments.pages.report import Run
from spiking_lmu.validation import check_integer

__all__ = ["add_arguments", "main", "plot", "run"]

OPTIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "orders": (integers, "orders of the memory, at most 256"),
    "max_cycles": (float, "highest theta * f, cycles in the window"),
    "points": (int, "number of frequencies"),
    "tolerances": (numbers, "errors to be kept to"),
    "cycles": (numbers, "theta * f for which to find the order needed"),
    "window_cycles": (float, "highest theta * f of the window's signal"),
    "methods": (words, "methods of discretization"),
    "steps": (integers, "time steps in a window, theta / dt"),
    "step_orders": (integers, "orders at which to compare methods"),
    "step_cycles": (float, "theta * f at which to compare methods"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`, and the seed of the example."""
    parameters = signature(run).parameters
    for name, (kind, text) in OPTIONS.items():
        default = parameters[name].default
        several = isinstance(default, tuple)
        shown = ",".join(map(str, default)) if several else f"{default:g}"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            default=default,
            metavar="LIST" if several else "N" if kind is int else "NUMBER",
            help=f"{text} (default: {shown})",
        )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the example signal that the figure of windows shows (default: 0)",
    )


def main(args: argparse.Namespace, out: Path, command: str) -> Path:
    """Compute, draw and write everything.

    Parameters
    ----------
    args : argparse.Namespace
        As a parser with `add_arguments` returns it.
    out : pathlib.Path
        The results folder.
    command : str
        The exact command, for the record.

    Returns
    -------
    pathlib.Path
        The page of the report.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an option is of no use.
    OSError
        If a file cannot be written.
    """
    start = time.perf_counter()
    seed = check_integer("seed", args.seed, 0, np.iinfo(np.int32).max)
    arguments = {name: getattr(args, name) for name in OPTIONS}
    frame = run(**arguments)
    figures = {
        "delay": plot(frame),
        "windows": plot_windows(frame, seed),
        "methods": plot_methods(frame),
    }
    seconds = time.perf_counter() - start
    done = Run(command, {**arguments, "seed": seed}, seed, seconds)
    return pages.write(out, page.report(frame), frame, figures, done)
