"""A sweep on a Dask cluster gives the local numbers, though a worker is killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from functools import partial

import numpy as np
import pandas as pd
import pytest

from spiking_lmu.experiments.sweeps import workers
from spiking_lmu.experiments.sweeps.tasks import sweep

pytest.importorskip("distributed", reason="a Dask cluster needs the extra `cluster`")

TASKS = [{"seed": seed, "size": size} for size in (20, 160) for seed in range(20)]

# What the cluster's workers import; they know nothing of this file.
MODULE = """
import os
import time

import numpy as np


def trial(task, scale, log):
    with open(log, "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(0.1)
    matrix = np.random.default_rng(task["seed"]).normal(size=(task["size"],) * 2)
    values = np.linalg.svd(matrix @ matrix.T * scale[0], compute_uv=False)
    return [{**task, "index": i, "value": v} for i, v in enumerate(values[:2])]


def failing(task):
    if task["seed"] % 2:
        raise ArithmeticError(f"seed {task['seed']}")
    return [task]


class Unreadable:
    def __call__(self, task):
        return [task]

    def __reduce__(self):
        return __import__, ("no_such_module",)
"""


class Cluster:
    """A scheduler and two workers, each a process, as a user would start them."""

    def __init__(self, modules, folder):
        self.modules = modules
        self.processes = []
        contact = str(folder / "scheduler.json")
        self.start(
            "scheduler",
            *("--scheduler-file", contact, "--host", "127.0.0.1", "--port", "0"),
            *("--dashboard-address", "127.0.0.1:0"),
        )
        for threads in "12":
            self.start(
                "worker",
                *("--scheduler-file", contact, "--no-nanny", "--nthreads", threads),
                *("--no-dashboard", "--local-directory", str(folder)),
            )
        from distributed import Client

        with Client(scheduler_file=contact, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            self.address = client.scheduler.address

    def start(self, *arguments):
        self.processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                env={**os.environ, "PYTHONPATH": str(self.modules)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    @property
    def whole(self):
        return all(process.poll() is None for process in self.processes)

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """The folder in which workers find their functions."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "cluster_trials.py").write_text(MODULE)
    return folder


@pytest.fixture
def functions(modules, monkeypatch):
    monkeypatch.syspath_prepend(modules)
    monkeypatch.delitem(sys.modules, "cluster_trials", raising=False)
    import cluster_trials

    return cluster_trials


@pytest.fixture(scope="module")
def clusters():
    """All that were started. A test goes on with the last one if that is whole."""
    clusters = []
    yield clusters
    for cluster in clusters:
        cluster.close()


@pytest.fixture
def cluster(modules, tmp_path, clusters):
    if not clusters or not clusters[-1].whole:
        clusters.append(Cluster(modules, tmp_path))
    return clusters[-1]


def when_stored(count, folder, action):
    """Do something in a thread as soon as some tasks are stored."""

    def watch():
        stored = 0
        while stored < count:
            time.sleep(0.02)
            if (folder / "trials.sqlite").exists():
                with closing(sqlite3.connect(folder / "trials.sqlite")) as store:
                    find = "SELECT count(*) FROM sqlite_master"
                    if store.execute(find).fetchone()[0]:
                        find = "SELECT count(*) FROM trials"
                        stored = store.execute(find).fetchone()[0]
        action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.mark.slow
def test_failures_are_reported(tmp_path, functions, cluster, monkeypatch):
    tasks = [{"seed": seed} for seed in range(6)]
    where = {"scheduler": cluster.address, "progress": False}
    result = sweep(functions.failing, tasks, tmp_path / "failing", **where)
    assert result.frame["seed"].tolist() == [0, 2, 4]
    assert [task["seed"] for task, _ in result.failures] == [1, 3, 5]
    assert "ArithmeticError: seed 1" in result.failures[0][1]
    assert "in failing" in result.failures[0][1]

    result = sweep(functions.Unreadable(), tasks, tmp_path / "unreadable", **where)
    assert len(result.failures) == len(tasks)
    assert "no_such_module" in result.failures[0][1]

    expected = {**workers.versions(), "nengo": "9.9"}
    monkeypatch.setattr(workers, "versions", lambda: expected)
    result = sweep(functions.failing, tasks, tmp_path / "other", **where)
    assert len(result.failures) == len(tasks)
    assert "versions on the worker" in result.failures[0][1]


@pytest.mark.slow
def test_a_worker_is_killed_midway(tmp_path, functions, cluster):
    def bound(name):
        return partial(functions.trial, scale=np.ones(3), log=tmp_path / name)

    here = sweep(bound("here"), TASKS, tmp_path / "one", jobs=1, progress=False)
    victim = cluster.processes[-1]
    folder = tmp_path / "cluster"
    killer = when_stored(10, folder, lambda: victim.send_signal(signal.SIGKILL))
    there = sweep(bound("there"), TASKS, folder, scheduler=cluster.address)

    killer.join()
    assert victim.wait() == -signal.SIGKILL
    assert there.failures == []
    assert there.new == len(TASKS)
    pd.testing.assert_frame_equal(there.frame, here.frame, check_exact=True)
    ran_on = (tmp_path / "there").read_text().split()
    assert {str(process.pid) for process in cluster.processes[1:]} == set(ran_on)
    # again ran what the killed worker was running or had not handed over
    assert len(TASKS) < len(ran_on) <= len(TASKS) + 8

    again = sweep(bound("here"), TASKS, folder, jobs=1, progress=False)
    assert again.reused == len(TASKS)


@pytest.mark.slow
def test_a_scheduler_that_goes_away_costs_what_was_running(
    tmp_path, functions, cluster
):
    function = partial(functions.trial, scale=np.ones(3), log=tmp_path / "log")
    folder = tmp_path / "cluster"
    when_stored(10, folder, cluster.processes[0].kill)
    with pytest.raises(ConnectionError, match="went away"):
        sweep(function, TASKS, folder, scheduler=cluster.address, progress=False)
    again = sweep(function, TASKS, folder, jobs=1, progress=False)
    assert again.reused >= 10
    assert again.new + again.reused == len(TASKS)
