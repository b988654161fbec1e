"""The store of finished tasks: exact, atomic, and clear about what is wrong."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
import time
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nengo.exceptions import ValidationError

from spiking_lmu.experiments.store import Store, describe_context, encode, versions
from spiking_lmu.experiments.sweep import sweep

TASKS = [{"seed": seed} for seed in range(6)]


def long_row(task):
    return [{**task, "text": "x" * 3000}]


def open_store(folder, context="{}"):
    return closing(Store(folder, context))


@pytest.fixture
def small_disk(monkeypatch, tmp_path):
    """Stores have room for five pages where ``limits`` holds, copies always have."""
    limits = {"pages": 5}
    connect = sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, *args):
            super().execute(f"PRAGMA max_page_count = {limits['pages']}")
            return super().execute(*args)

    def connect_small(path, **kwargs):
        if str(path).startswith(str(tmp_path / "store")):
            kwargs["factory"] = Connection
        return connect(path, **kwargs)

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(sqlite3, "connect", connect_small)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "elsewhere"))
    return limits


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=5))
def test_text_brings_every_value_back(row):
    back = json.loads(encode(row))
    assert list(back) == list(row)
    assert [type(v) for v in back.values()] == [type(v) for v in row.values()]
    assert list(map(repr, back.values())) == list(map(repr, row.values()))


@given(st.floats(width=32), st.integers(-128, 127), st.booleans())
def test_numpy_scalars_become_pythons(number, integer, truth):
    scalars = [
        np.float32(number),
        np.float64(number),
        np.int8(integer),
        np.bool_(truth),
    ]
    assert encode(scalars) == encode([number, number, integer, truth])


@pytest.mark.parametrize("value", [1j, np.complex64(1), np.longdouble(1), b"", {1}])
def test_other_values_have_no_text(value):
    with pytest.raises(TypeError, match="neither number"):
        encode(value)


def test_rows_are_there_at_once_for_others(tmp_path):
    with open_store(tmp_path) as one, open_store(tmp_path) as two:
        one.put("a", "[1]")
        assert two.load(["a", "b"]) == {"a": "[1]"}
        two.put("a", "[2]")
        assert one.load("a") == {"a": "[2]"}


def test_two_writers_lose_nothing(tmp_path):
    def write(name):
        with open_store(tmp_path) as store:
            for index in range(50):
                store.put(f"{name}{index}", "[]")

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = {f"{name}{index}" for name in "ab" for index in range(50)}
    with open_store(tmp_path) as store:
        assert set(store.load(keys)) == keys


def test_contexts_are_kept_apart(tmp_path):
    with open_store(tmp_path, "one") as one, open_store(tmp_path, "two") as two:
        one.put("a", "[1]")
        assert two.load(["a"]) == {}


def test_the_context_holds_the_versions():
    context = json.loads(describe_context({"nengo-dl": "3.6"}))
    assert context == {"nengo-dl": "3.6", "versions": versions()}
    assert versions()["numpy"] == np.__version__


def garbage(path):
    path.write_bytes(b"order,rmse\n" * 1000)


def foreign(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE birds (name TEXT)")


def other_columns(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE trials (name TEXT)")


def truncated(path):
    with open_store(path.parent, describe_context(None)) as store:
        for index in range(20):
            store.put(str(index), "x" * 3000)
    path.write_bytes(path.read_bytes()[:20000])


def folder(path):
    path.mkdir()


@pytest.mark.parametrize("damage", [garbage, foreign, other_columns, truncated, folder])
def test_a_file_that_is_no_store_is_named_and_left_alone(tmp_path, damage):
    path = tmp_path / "trials.sqlite"
    damage(path)
    before = path.is_file() and path.read_bytes()
    with pytest.raises(ValidationError, match=r"^folder: .*move that file") as refused:
        sweep(long_row, TASKS, tmp_path, jobs=1, progress=False)
    assert str(path) in str(refused.value)
    assert (path.is_file() and path.read_bytes()) == before


def test_rows_that_found_no_room_are_stored_when_there_is(small_disk, tmp_path, capsys):
    def make_room_late(task):
        if task["seed"] == 4:
            time.sleep(0.2)  # longer than the progress bar keeps still
        if task["seed"] == 5:
            small_disk["pages"] = 1000
        return long_row(task)

    folder = tmp_path / "store"
    first = sweep(make_room_late, TASKS, folder, jobs=1)
    assert "unsaved=" in capsys.readouterr().err
    second = sweep(long_row, TASKS, folder, jobs=1, progress=False)
    assert second.reused == len(TASKS)
    assert second.frame.equals(first.frame)


def test_rows_that_found_no_room_at_all_are_elsewhere(small_disk, tmp_path):
    folder = tmp_path / "store"
    with pytest.raises(OSError, match=r"full.*make room") as raised:
        sweep(long_row, TASKS, folder, jobs=1, progress=False)
    [rescued] = (tmp_path / "elsewhere").glob("*/trials.sqlite")
    assert str(rescued) in str(raised.value)
    small_disk["pages"] = 1000
    rescued.replace(folder / "trials.sqlite")
    assert sweep(long_row, TASKS, folder, jobs=1).reused == len(TASKS)


def test_interrupted_without_room_rows_are_elsewhere(small_disk, tmp_path):
    def interrupted(task):
        if task["seed"] == 5:
            raise KeyboardInterrupt
        return long_row(task)

    with pytest.raises(OSError, match="make room") as raised:
        sweep(interrupted, TASKS, tmp_path / "store", jobs=1, progress=False)
    assert isinstance(raised.value.__context__, KeyboardInterrupt)
    [rescued] = (tmp_path / "elsewhere").glob("*")
    assert sweep(long_row, TASKS, rescued, jobs=1, progress=False).reused == 5


def test_no_room_anywhere_is_said(small_disk, tmp_path):
    (tmp_path / "elsewhere").rmdir()
    with pytest.raises(OSError, match="nor can a copy"):
        sweep(long_row, TASKS, tmp_path / "store", jobs=1, progress=False)
