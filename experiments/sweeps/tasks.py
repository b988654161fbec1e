"""Sweeps: many tasks in parallel, each stored as soon as it has finished.

A task is a dict that describes one unit of work completely, and a function turns it
into rows. `sweep` runs the tasks that are not stored yet and returns the rows of all.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from nengo.exceptions import ValidationError
from tqdm import tqdm

from spiking_lmu.experiments.sweeps.store import Store, describe_context, encode
from spiking_lmu.experiments.sweeps.workers import Function, Task, reason, run
from spiking_lmu.validation import check_integer, refusal


@dataclass(frozen=True)
class SweepResult:
    """What a sweep gives back.

    Attributes
    ----------
    frame : pandas.DataFrame
        The rows of every task that finished, in the order of the tasks.
    failures : list of (dict, str)
        The tasks that failed, in their order, each with its error and traceback.
    reused : int
        Number of tasks whose rows were stored already.
    new : int
        Number of tasks that were run and finished.
    finished : list of dict
        The tasks that finished, in their order.
    """

    frame: pd.DataFrame
    failures: list[tuple[Task, str]]
    reused: int
    new: int
    finished: list[Task] = field(default_factory=list)

    def __repr__(self) -> str:
        tasks = (
            f"{self.new} tasks run, {self.reused} reused, {len(self.failures)} failed"
        )
        return f"<SweepResult: {len(self.frame)} rows; {tasks}>"

    def check_some(self) -> None:
        """Raise an OSError if no task finished, with the first one's error."""
        if self.frame.empty:
            error = reason(self.failures[0][1])
            raise OSError(f"all {len(self.failures)} tasks failed, the first: {error}")


def sweep(
    function: Function,
    tasks: Sequence[Task],
    folder: str | os.PathLike[str],
    *,
    context: Mapping[str, Any] | None = None,
    before: Callable[[], object] | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> SweepResult:
    """Run a function on every task, in parallel, and lose no finished work.

    Each finished task is stored at once in ``folder``. Tasks that are found there are
    not run again, if they were run by the same versions of spiking-lmu, nengo, numpy
    and scipy in the same ``context``. BLAS runs one thread and Nengo's decoder cache
    is off wherever tasks run, so the numbers do not depend on where that is.

    Parameters
    ----------
    function : callable
        Turns a task into a list of rows: dicts of numbers, strings, booleans and None.
        It must be picklable unless ``jobs=1``.
    tasks : sequence of dict
        Complete descriptions of the units of work, all different, of what JSON can
        express. NumPy scalars reach the function as Python's, tuples as lists.
    folder : path
        Where the store, ``trials.sqlite``, lies. Made if need be.
    context : dict, optional
        What else the rows depend on, versions of further packages for instance.
    before : callable, optional
        What to do once in this process if there are tasks to run, unless they run on a
        cluster.
    jobs : int, optional
        Number of processes, by default one for each usable core. With 1, tasks run in
        this process. It has no meaning with a ``scheduler``.
    scheduler : str, optional
        Address of a running Dask scheduler, such as ``"tcp://host:8786"``, whose
        workers run the tasks instead of local processes.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    SweepResult
        The rows, and the tasks that failed.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is bad, the store is damaged or the scheduler out of reach.
    OSError
        If finished rows could not be stored; it says where they are instead.
    """
    texts = check_tasks(tasks)
    if not callable(function):
        raise refusal("function", function, "a function of a task")
    jobs = joblib.cpu_count() if jobs is None else check_integer("jobs", jobs)
    if scheduler is not None and not isinstance(scheduler, str):
        raise refusal("scheduler", scheduler, "the address of a Dask scheduler")

    with closing(Store(check_folder(folder), describe_context(context))) as store:
        finished = store.load(texts)
        reused = len(finished)
        pending = {key: text for key, text in texts.items() if key not in finished}
        if progress and (outdated := store.outdated(pending)):
            tqdm.write(
                f"{outdated} trials in {folder} are of other versions of packages, and "
                "are run again.",
                file=sys.stderr,
            )
        if before is not None and pending and scheduler is None:
            before()
        errors: dict[str, str] = {}
        bar = tqdm(total=len(texts), initial=reused, unit="task", disable=not progress)
        with bar, closing(run(function, pending, jobs, scheduler)) as outcomes:
            for key, rows, error in outcomes:
                if rows is None:
                    errors[key] = error
                else:
                    finished[key] = rows
                    store.put(key, rows)
                troubles = {"failed": len(errors), "unsaved": len(store.unsaved)}
                bar.set_postfix({k: n for k, n in troubles.items() if n}, refresh=False)
                bar.update()

    frame = pd.DataFrame(
        [row for key in texts if key in finished for row in json.loads(finished[key])]
    )
    failures = [(task, errors[key]) for key, task in zip(texts, tasks) if key in errors]
    done = [task for key, task in zip(texts, tasks) if key in finished]
    return SweepResult(frame, failures, reused, len(finished) - reused, done)


def join(results: Sequence[SweepResult]) -> SweepResult:
    """Several sweeps as one: their rows and failures, one after the other."""
    if len(results) == 1:
        return results[0]
    return SweepResult(
        pd.concat([r.frame for r in results], ignore_index=True)
        if results
        else pd.DataFrame(),
        [failure for r in results for failure in r.failures],
        sum(r.reused for r in results),
        sum(r.new for r in results),
        [task for r in results for task in r.finished],
    )


def derived_seed(seed: int, *path: Any) -> int:
    """A seed of its own for each path of integers, and of what else `repr` tells apart.

    Trials of one path, whatever else they differ in, have the same seed.
    """
    keys = [p if isinstance(p, int) else zlib.crc32(repr(p).encode()) for p in path]
    return int(np.random.SeedSequence([seed, *keys]).generate_state(1)[0] >> 1)


def check_tasks(tasks: Any) -> dict[str, str]:
    """Each task's key, whatever the order of its items, and the task as text."""
    if not isinstance(tasks, (list, tuple)) or len(tasks) == 0:
        raise refusal("tasks", tasks, "a list of at least one task")
    texts: dict[str, str] = {}
    for task in tasks:
        if not isinstance(task, dict) or any(not isinstance(k, str) for k in task):
            raise refusal("tasks", task, "dicts with names as keys")
        try:
            key, text = encode(task, sort_keys=True), encode(task)
        except (TypeError, ValueError, RecursionError) as error:
            raise refusal(
                "tasks", task, f"data that JSON can represent ({error})"
            ) from error
        if key in texts:
            raise refusal("tasks", task, "all different")
        texts[key] = text
    return texts


def check_folder(folder: Any) -> Path:
    """The folder as a path, made if it is not there."""
    try:
        if folder == "":  # which would be the working directory
            raise ValueError("it has no name")
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValidationError(
            f"must be a folder that can be made, but {path} cannot: {error.strerror}",
            attr="folder",
        ) from error
    except (TypeError, ValueError) as error:
        raise refusal("folder", folder, f"a folder ({error})") from error
    return path
