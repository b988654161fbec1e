"""A sweep that is killed, twice, ends with what an undisturbed one gives.

Run as a script, this file is the sweep that is killed.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import nengo
import numpy as np
import pytest

from spiking_lmu.experiments.sweeps.tasks import sweep
from spiking_lmu.simulators import repeatable

KILLS = 2  # of the process that runs the sweep, and of it and all of its workers
JOBS = 2
TASKS = [{"seed": seed, "rate": rate} for rate in (50, 100.5) for seed in range(30)]


def trial(task, log):
    """Spikes and a decomposition; the log gets a line for each task that starts."""
    with open(log, "a") as file:
        file.write(f"{os.getpid()} {task['rate']} {task['seed']}\n")
    with nengo.Network(seed=task["seed"]) as model:
        ensemble = nengo.Ensemble(30, 1, max_rates=[task["rate"]] * 30)
        probe = nengo.Probe(ensemble, synapse=0.01)
    with repeatable(model, dt=0.001) as sim:
        sim.run(0.3)
    time.sleep(0.05)
    noise = np.random.default_rng(task["seed"]).normal(size=(150, 150))
    largest = np.linalg.norm(noise @ noise.T, 2)
    rmse = np.sqrt(np.mean(sim.data[probe] ** 2))
    return [{**task, "rmse": rmse, "largest": largest, "nothing": np.nan}]


def main(folder: Path, jobs: int) -> None:
    result = sweep(partial(trial, log=folder / "log"), TASKS, folder, jobs=jobs)
    assert result.failures == []
    result.frame.to_csv(folder / "trials.csv", index=False)


def start(folder):
    return subprocess.Popen(
        [sys.executable, __file__, str(folder), str(JOBS)],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )


def count_stored(folder):
    if not (folder / "trials.sqlite").exists():
        return 0
    with closing(sqlite3.connect(folder / "trials.sqlite", timeout=10)) as store:
        try:
            return store.execute("SELECT count(*) FROM trials").fetchone()[0]
        except sqlite3.OperationalError:  # the table is not there yet
            return 0


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def kill_midway(folder, moment, whole_group):
    """Kill a sweep at a random moment; return how many are stored."""
    delay = moment.uniform(0, 0.05)
    new = moment.randint(1, 4)
    before = count_stored(folder)
    process = start(folder)
    while count_stored(folder) < before + new:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    time.sleep(delay)
    assert process.poll() is None
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.stderr.close()
    assert process.wait() == -signal.SIGKILL
    return count_stored(folder)


@pytest.mark.slow
def test_killed_twice_and_run_again(tmp_path):
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    main(undisturbed, jobs=1)

    disturbed = tmp_path / "disturbed"
    disturbed.mkdir()
    moment = random.Random(0)
    stored = [
        kill_midway(disturbed, moment, whole_group=bool(kill % 2))
        for kill in range(KILLS)
    ]
    assert stored == sorted(set(stored))
    assert 0 < stored[0] < stored[-1] < len(TASKS)
    last = start(disturbed)
    assert last.wait(120) == 0, last.communicate()[1]
    assert f"{stored[-1]}/{len(TASKS)}" in last.communicate()[1]

    same = (undisturbed / "trials.csv").read_bytes()
    assert (disturbed / "trials.csv").read_bytes() == same
    starts = (disturbed / "log").read_text().splitlines()
    # a kill costs the tasks that run, and the results on their way to the store
    assert len(TASKS) < len(starts) <= len(TASKS) + KILLS * 2 * JOBS

    # the processes whose owner was killed have ended too
    processes = {int(line.split()[0]) for line in starts}
    end = time.monotonic() + 10
    while any(map(alive, processes)):
        assert time.monotonic() < end
        time.sleep(0.1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
