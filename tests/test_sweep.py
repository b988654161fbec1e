"""Sweeps in one process and in many, their results and their failures."""

from __future__ import annotations

import _thread
import functools
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import nengo
import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError
from threadpoolctl import threadpool_info

from spiking_lmu.experiments.sweeps import workers
from spiking_lmu.experiments.sweeps.tasks import sweep

try:
    from joblib.externals import cloudpickle
except ImportError:  # joblib since 1.6
    import cloudpickle

# worker processes cannot import this module
cloudpickle.register_pickle_by_value(sys.modules[__name__])

TASKS = [{"seed": seed, "size": size} for size in (2, 40) for seed in range(4)]


def trial(task, scale=1.0):
    matrix = np.random.default_rng(task["seed"]).normal(size=(task["size"],) * 2)
    values = np.linalg.svd(matrix @ matrix.T * scale, compute_uv=False)
    return [{**task, "index": i, "value": v} for i, v in enumerate(values[:2])]


class Unreadable:
    def __call__(self, task):
        return [task]

    def __reduce__(self):
        return __import__, ("no_such_module",)


def settings(task):
    pools = [pool["num_threads"] for pool in threadpool_info()]
    cache = nengo.rc.get("decoder_cache", "enabled")
    return [{"threads": max(pools), "cache": cache, "process": os.getpid()}]


def failing(task):
    if task["seed"] == 1:
        raise ArithmeticError("seed one")
    if task["seed"] == 2:
        sys.exit("seed two")
    if task["seed"] == 3:
        return task
    return [task]


def deadly(task, folder):
    """Kill the process: for task 1 always, for task 2 the first time."""
    mark = Path(folder) / f"ran{task['seed']}"
    first = not mark.exists()
    mark.touch()
    if task["seed"] == 1 or (task["seed"] == 2 and first):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return [task]


def slow(task, folder):
    (Path(folder) / f"{os.getpid()}.pid").touch()
    time.sleep(0.01 if task["seed"] < 4 else 60)
    return [task]


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def run(function, tasks, folder, **kwargs):
    return sweep(function, tasks, folder, **{"jobs": 1, "progress": False, **kwargs})


def test_rows_come_in_the_order_of_the_tasks(tmp_path):
    result = run(trial, TASKS, tmp_path)
    expected = pd.DataFrame([row for task in TASKS for row in trial(task)])
    pd.testing.assert_frame_equal(result.frame, expected, check_exact=True)
    assert (result.failures, result.reused, result.new) == ([], 0, len(TASKS))


def test_one_process_and_two_give_the_same_bits(tmp_path):
    tasks = [{"seed": seed, "size": 300} for seed in range(8)]
    function = functools.partial(trial, scale=np.linspace(0, 1, 300))
    one = run(function, tasks, tmp_path / "one")
    two = run(function, tasks, tmp_path / "two", jobs=2)
    pd.testing.assert_frame_equal(one.frame, two.frame, check_exact=True)


def test_stored_tasks_are_reused_and_others_left_out(tmp_path):
    first = run(trial, TASKS[:5], tmp_path)
    turned = [dict(reversed(list(task.items()))) for task in TASKS[3:]]
    second = run(trial, turned, tmp_path)
    assert (second.reused, second.new) == (2, 3)
    assert first.frame["value"][6:].tolist() == second.frame["value"][:4].tolist()
    again = run(failing, TASKS, tmp_path)
    assert (again.reused, again.new, again.failures) == (len(TASKS), 0, [])


def test_another_context_is_run_anew(tmp_path):
    assert run(trial, TASKS, tmp_path, context={"backend": "1.0"}).new == len(TASKS)
    assert run(trial, TASKS, tmp_path, context={"backend": "1.1"}).new == len(TASKS)
    assert run(trial, TASKS, tmp_path, context={"backend": "1.0"}).new == 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_done_before_is_done_once_here_and_only_for_new_tasks(tmp_path, jobs):
    mark = tmp_path / "mark"

    def here():
        mark.write_text(str(os.getpid()))

    def marked(task):
        return [{**task, "owner": mark.read_text()}]

    first = run(marked, TASKS, tmp_path, jobs=jobs, before=here)
    assert set(first.frame["owner"]) == {str(os.getpid())}
    mark.unlink()
    assert run(marked, TASKS, tmp_path, jobs=jobs, before=here).reused == len(TASKS)
    assert not mark.exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failed_task_leaves_the_others_alone(tmp_path, jobs):
    tasks = [{"seed": seed} for seed in range(5)]
    result = run(failing, tasks, tmp_path, jobs=jobs)
    assert result.frame["seed"].tolist() == [0, 4]
    assert [task for task, _ in result.failures] == tasks[1:4]
    for (_, error), words in zip(
        result.failures, ["ArithmeticError: seed one", "SystemExit", "list of dicts"]
    ):
        assert words in error
        assert "Traceback" in error
        assert "in compute" in error
    assert run(trial, [{"seed": 1, "size": 2}], tmp_path).new == 1
    assert run(failing, tasks, tmp_path).reused == 2


def test_one_blas_thread_and_no_decoder_cache(tmp_path):
    nengo.rc.set("decoder_cache", "enabled", "True")
    try:
        before = [pool["num_threads"] for pool in threadpool_info()]
        tasks = [{"seed": seed} for seed in range(4)]
        for jobs in (1, 2):
            frame = run(settings, tasks, tmp_path / str(jobs), jobs=jobs).frame
            assert set(frame["threads"]) == {1}
            assert set(frame["cache"]) == {"False"}
            assert set(frame["process"] == os.getpid()) == {jobs == 1}
        assert nengo.rc.get("decoder_cache", "enabled") == "True"
        assert [pool["num_threads"] for pool in threadpool_info()] == before
    finally:
        nengo.rc.set("decoder_cache", "enabled", "False")


def test_a_task_that_kills_its_process_fails_and_others_complete(tmp_path):
    tasks = [{"seed": seed} for seed in range(8)]
    result = run(functools.partial(deadly, folder=tmp_path), tasks, tmp_path, jobs=2)
    assert result.frame["seed"].tolist() == [0, *range(2, 8)]
    [(task, error)] = result.failures
    assert task == {"seed": 1}
    assert "TerminatedWorkerError" in error


@pytest.mark.usefixtures("heard_interrupts")
def test_ctrl_c_keeps_what_has_finished_and_ends_the_workers(tmp_path):
    tasks = [{"seed": seed} for seed in range(8)]
    function = functools.partial(slow, folder=tmp_path)

    ended = threading.Event()

    def interrupt():
        # while processes start, an interrupt can get lost in what starts them; on a
        # busy machine that takes long, and one presses Ctrl-C again
        wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 2, seconds=180)
        time.sleep(1)
        while not ended.is_set():
            _thread.interrupt_main()
            ended.wait(20)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run(function, tasks, tmp_path, jobs=2)
    ended.set()
    pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert len(pids) == 2
    wait_for(lambda: not any(map(alive, pids)))
    assert run(function, tasks[:4], tmp_path).reused == 4


def test_ctrl_c_while_a_result_is_stored(tmp_path, monkeypatch):
    def interrupt(self, key, rows):
        raise KeyboardInterrupt

    monkeypatch.setattr("spiking_lmu.experiments.sweeps.store.Store.put", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(trial, TASKS, tmp_path, jobs=2)


def test_a_sweep_runs_below_a_thread(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(run, settings, TASKS, tmp_path, jobs=2).result()
    assert os.getpid() not in set(result.frame["process"])


def test_a_worker_ends_when_its_owner_has_gone(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(os, "_exit", lambda status: ended.set())
    workers.end_with(-1)
    assert ended.wait(5)


def test_a_pool_that_fell_back_to_its_owner_leaves_it_alone(monkeypatch):
    monkeypatch.setattr(workers, "end_with", pytest.fail)
    item = ("key", '{"seed": 0, "size": 2}')
    assert workers.compute_in_pool(trial, item, os.getpid()).key == "key"


def test_a_function_that_processes_cannot_read_is_an_error(tmp_path):
    with pytest.raises(BrokenProcessPool, match="un-serialize"):
        run(Unreadable(), TASKS, tmp_path, jobs=2)


def test_jobs_default_to_the_cores(tmp_path, monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    frame = run(settings, [{}], tmp_path, jobs=None).frame
    assert frame["process"].tolist() == [os.getpid()]


def test_progress_starts_at_what_is_stored(tmp_path, capsys):
    run(trial, TASKS[:3], tmp_path)
    assert capsys.readouterr() == ("", "")
    run(trial, TASKS, tmp_path, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "3/8" in err
    assert "8/8" in err


def test_progress_counts_failures(tmp_path, capsys):
    tasks = [{"seed": seed} for seed in range(5)]
    run(failing, tasks, tmp_path, progress=True)
    assert "failed=3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("tasks", {"tasks": []}),
        ("tasks", {"tasks": None}),
        ("tasks", {"tasks": {"seed": 1}}),
        ("tasks", {"tasks": [1]}),
        ("tasks", {"tasks": [{1: 2}]}),
        ("tasks", {"tasks": [{"seed": object()}]}),
        ("tasks", {"tasks": [{"seed": 1j}]}),
        ("tasks", {"tasks": [{"seed": np.arange(3)}]}),
        ("tasks", {"tasks": [{"a": 1, "b": 2}, {"b": 2, "a": 1}]}),
        ("tasks", {"tasks": [{"a": 1}, {"a": np.int64(1)}]}),
        ("function", {"function": None}),
        ("jobs", {"jobs": 0}),
        ("jobs", {"jobs": 1.5}),
        ("scheduler", {"scheduler": 8786}),
        ("context", {"context": 3}),
        ("context", {"context": {"version": {1}}}),
        ("folder", {"folder": None}),
        ("folder", {"folder": "\0"}),
    ],
)
def test_bad_arguments_are_refused(tmp_path, name, arguments):
    good = {"function": trial, "tasks": TASKS, "folder": tmp_path / "new"}
    with pytest.raises(ValidationError, match=f"^{name}: ") as refused:
        run(**{**good, **arguments})
    assert len(str(refused.value)) < 300


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValidationError, match=r"^folder: "):
        run(trial, TASKS, tmp_path / "file")


def test_a_cluster_needs_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"^scheduler: .*spiking-lmu\[cluster\]"):
        run(trial, TASKS, tmp_path, scheduler="tcp://127.0.0.1:8786")


@pytest.fixture
def without_old_clients():
    """Dask may block for seconds if an old client is collected while one starts."""
    yield
    gc.collect()


@pytest.mark.usefixtures("without_old_clients")
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "what://is:this"])
def test_a_scheduler_out_of_reach_is_refused(tmp_path, monkeypatch, address):
    pytest.importorskip("distributed", reason="needs the extra `cluster`")
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 1)
    with pytest.raises(ValidationError, match=r"^scheduler: must be the address"):
        run(trial, TASKS, tmp_path, scheduler=address)


BLOCKED = """
import signal, sys
from spiking_lmu.experiments.sweeps import tasks
def blocked(task):
    return [{"interrupts": signal.SIGINT in signal.pthread_sigmask(0, [])}]
options = {"jobs": 2, "progress": False}
result = tasks.sweep(blocked, [{"seed": 0}, {"seed": 1}], sys.argv[1], **options)
print(*result.frame["interrupts"], blocked({})[0]["interrupts"])
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="not on Windows")
def test_workers_leave_ctrl_c_to_their_owner(tmp_path):
    """A terminal sends it to all processes; each worker would show a traceback.

    In a process of its own, where all that processes need is started anew.
    """
    command = [sys.executable, "-c", BLOCKED, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True", "False"]


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="not on Windows")
@pytest.mark.usefixtures("heard_interrupts")
def test_ctrl_c_waits_while_processes_start():
    reached = []
    with pytest.raises(KeyboardInterrupt):
        interrupt_while_it_waits(reached)
    assert reached == [True]


def interrupt_while_it_waits(reached):
    with workers.interrupts_wait():
        signal.raise_signal(signal.SIGINT)
        reached.append(True)


def test_trials_of_other_versions_are_run_again_and_it_is_said(tmp_path, capsys):
    run(trial, TASKS[:2], tmp_path, context={"nengo-dl": "3.5"})
    result = run(trial, TASKS, tmp_path, context={"nengo-dl": "3.6"}, progress=True)
    assert result.reused == 0
    said = (
        f"2 trials in {tmp_path} are of other versions of packages, and are run again"
    )
    assert said in capsys.readouterr().err
    run(trial, TASKS, tmp_path, context={"nengo-dl": "3.6"}, progress=True)
    assert "other versions" not in capsys.readouterr().err


def test_a_folder_without_a_name_is_refused(tmp_path, monkeypatch):
    """It would be the working directory."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValidationError, match="folder: must be a folder"):
        run(trial, TASKS, "")
    assert not list(tmp_path.iterdir())
