"""Where tasks run: in this process, in local processes or on a Dask cluster."""

from __future__ import annotations

import functools
import json
import multiprocessing.resource_tracker
import os
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import joblib
import nengo
import scipy.linalg  # noqa: F401 (threadpoolctl limits only the BLAS that is loaded)
from threadpoolctl import threadpool_limits

from spiking_lmu.compatibility import missing, require
from spiking_lmu.experiments.sweeps.store import encode, versions
from spiking_lmu.validation import refusal

try:
    from joblib.externals.loky.backend import resource_tracker
except ImportError:  # joblib brings cloudpickle no more, and may do so with loky
    from loky.backend import resource_tracker

Task = dict[str, Any]
Function = Callable[[Task], list[dict[str, Any]]]

CONNECT_SECONDS = 10.0
DEATHS = 3


class Outcome(NamedTuple):
    """The rows of a task as text, or None and what went wrong."""

    key: str
    rows: str | None
    error: str = ""


Outcomes = Generator[Outcome, None, None]


def run(
    function: Function, pending: dict[str, str], jobs: int, scheduler: str | None
) -> Outcomes:
    """Yield the outcome of every pending task as soon as it is there."""
    if not pending:
        return
    if scheduler is not None:
        yield from run_on_cluster(function, pending, scheduler)
    elif jobs > 1:
        yield from run_on_cores(function, pending, jobs)
    else:
        yield from (compute_quietly(function, item) for item in pending.items())


def run_on_cores(function: Function, pending: dict[str, str], jobs: int) -> Outcomes:
    """Run tasks in local processes, and start new ones in place of any that die.

    A process may be killed by its task or by chance. The tasks that were running are
    run again, one at a time, so that the one to blame is found: it fails when
    processes have died of it `DEATHS` times.
    """
    left = dict(pending)
    deaths = dict.fromkeys(pending, 0)
    while left:
        suspects = {key: text for key, text in left.items() if deaths[key]}
        started: set[str] = set()
        outcomes = run_in_pool(
            function, suspects or left, jobs, 1 if suspects else jobs, started
        )
        try:
            with closing(outcomes):
                for outcome in outcomes:
                    del left[outcome.key]
                    yield outcome
        except BrokenProcessPool as error:
            if error.__cause__ is not None:  # no death: a process could not read a task
                raise
            for key in started & left.keys():
                deaths[key] += 1
                if deaths[key] == DEATHS:
                    del left[key]
                    yield Outcome(key, None, describe(error))


def run_in_pool(
    function: Function,
    tasks: dict[str, str],
    jobs: int,
    at_once: int,
    started: set[str],
) -> Outcomes:
    """Run tasks in a pool of processes, ``at_once`` of them at any time.

    The key of every task goes into ``started`` when it is handed to the pool.
    """

    def calls() -> Iterator[Any]:
        for item in list(tasks.items()):
            started.add(item[0])
            yield joblib.delayed(compute_in_pool)(function, item, os.getpid())

    with joblib.parallel_config("loky", inner_max_num_threads=1), interrupts_wait():
        outcomes = joblib.Parallel(
            n_jobs=max(2, min(jobs, len(tasks))),  # with 1, joblib starts no process
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch=at_once,
            max_nbytes=None,
        )(calls())
    try:
        for outcome in outcomes:  # noqa: UP028 (it would end them with a warning)
            yield outcome
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that tasks end early is what we want
            outcomes.close()


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Start processes that are deaf to Ctrl-C, which this one hears afterwards.

    A terminal sends it to all processes. This one ends its workers; each of them would
    show a traceback. And what starts them may lose a KeyboardInterrupt.
    """
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    for tracker in (multiprocessing.resource_tracker, resource_tracker):
        tracker.ensure_running()  # once it starts, it would let the signal through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_on_cluster(
    function: Function, pending: dict[str, str], address: str
) -> Outcomes:
    """Run tasks on a Dask cluster, which runs those of lost workers again itself."""
    try:
        from distributed import CancelledError, Client, as_completed
    except ImportError as error:
        problem = f"cannot be imported ({error})"
        raise missing("distributed", "scheduler", problem) from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        allowed = f"the address of a running Dask scheduler ({error})"
        raise refusal("scheduler", address, allowed) from error
    call = functools.partial(compute_on_cluster, function, versions())
    with client:
        futures = client.map(call, list(pending.items()), pure=False)
        keys = dict(zip(futures, pending))
        del futures
        for future in as_completed(list(keys), loop=client.loop):
            key = keys.pop(future)
            try:
                if future.status == "error":
                    outcome = Outcome(key, None, describe(future.exception()))
                else:
                    outcome = future.result()
            except (OSError, CancelledError) as error:
                raise ConnectionError(
                    f"the Dask scheduler at {address} went away; what has finished is"
                    " stored, and the same sweep continues there when run again"
                ) from error
            yield outcome


# One task


def encode_rows(rows: Any) -> str:
    """The text that stands for the rows of one task."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError(f"a task must give a list of dicts, not {rows!r:.60}")
    return encode(rows)


def compute(function: Function, item: tuple[str, str]) -> Outcome:
    """Run one task; whatever it raises is its outcome."""
    key, text = item
    try:
        return Outcome(key, encode_rows(function(json.loads(text))))
    except (Exception, SystemExit) as error:
        return Outcome(key, None, describe(error))


def describe(error: BaseException) -> str:
    """The error with its traceback."""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def reason(error: str) -> str:
    """What `describe` gave, in one line and without its traceback."""
    lines = error.strip().split("\n")
    frames = [k for k, line in enumerate(lines) if line.startswith("  ")]
    text = " ".join(" ".join(lines[frames[-1] + 1 if frames else 0 :]).split())
    return text.removeprefix("nengo.exceptions.")


def compute_quietly(function: Function, item: tuple[str, str]) -> Outcome:
    """`compute` with one BLAS thread and no decoder cache, for as long as it runs."""
    cache = nengo.rc.get("decoder_cache", "enabled")
    nengo.rc.set("decoder_cache", "enabled", "False")
    try:
        with threadpool_limits(limits=1):
            return compute(function, item)
    finally:
        nengo.rc.set("decoder_cache", "enabled", cache)


def import_tensorflow(needed_by: str) -> Any:
    """TensorFlow with one thread, as BLAS has here, unless it runs already."""
    tf = require("tensorflow", needed_by)
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:  # it has started, with as many threads as it wanted
        pass
    return tf


def compute_in_pool(function: Function, item: tuple[str, str], owner: int) -> Outcome:
    """`compute_quietly` in a process that ends when its owner is gone."""
    if os.getpid() != owner:  # joblib falls back to it inside daemons
        end_with(owner)
    return compute_quietly(function, item)


@functools.cache
def end_with(owner: int) -> None:
    """End this process as soon as it has another parent than its owner."""

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def compute_on_cluster(
    function: Function, expected: dict[str, str], item: tuple[str, str]
) -> Outcome:
    """`compute` in a Dask worker, whose other threads may run tasks as well.

    The settings therefore stay as they are put here. A worker with other versions
    than the sweep's would give other numbers: it fails.
    """
    if versions() != expected:
        error = f"versions on the worker: {versions()}, of the sweep: {expected}"
        return Outcome(item[0], None, error)
    nengo.rc.set("decoder_cache", "enabled", "False")
    threadpool_limits(limits=1)
    return compute(function, item)
