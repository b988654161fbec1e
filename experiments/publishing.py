"""From the tasks of an experiment to its results folder, the same way for all."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spiking_lmu.experiments.pages import report as pages
from spiking_lmu.experiments.pages.files import write_files
from spiking_lmu.experiments.sweeps.tasks import SweepResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FAILURES = "failures.txt"  # with all tracebacks, where there is no report to hold them
Tasks = list[dict[str, Any]]
Figures = dict[str, "Figure"]


def publish(
    args: argparse.Namespace,
    out: Path,
    command: str,
    arguments: Mapping[str, Any],
    execute: Callable[..., SweepResult],
    present: Callable[[SweepResult], tuple[pages.Report, Figures]],
) -> tuple[Path, int]:
    """Run, draw and write everything.

    Parameters
    ----------
    args : argparse.Namespace
        With what `arguments.add_execution` adds.
    out : pathlib.Path
        The results folder.
    command : str
        The exact command, for the record.
    arguments : mapping
        What is run, with a ``seed``, for the record.
    execute : callable
        Of the folder, jobs, scheduler and ``progress``: runs the tasks in a sweep.
    present : callable
        The report on its result, and the figures of that.

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
    ImportError
        If a package that the experiment needs is not installed.
    OSError
        If all trials failed, or a file cannot be written.
    """
    start = time.perf_counter()
    result = execute(str(out), args.jobs, args.scheduler, progress=not args.quiet)
    try:
        result.check_some()
    except OSError as error:
        told = "\n".join(f"{task}\n{error}" for task, error in result.failures)
        write_files(out, {FAILURES: told.encode(errors=pages.LEGIBLE)})
        raise OSError(f"{error}; all errors are in {out / FAILURES}") from None
    report, figures = present(result)
    run = pages.Run(
        command,
        arguments,
        arguments["seed"],
        time.perf_counter() - start,
        result.failures,
        result.reused + result.new,
    )
    page = pages.write(out, report, result.frame, figures, run)
    return page, len(result.failures)
