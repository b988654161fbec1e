"""The store of finished tasks: exact, atomic, and clear about what is wrong."""

from __future__ import annotations

import json
import os
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

from spiking_lmu.experiments.sweeps.store import (
    Store,
    describe_context,
    encode,
    versions,
)
from spiking_lmu.experiments.sweeps.tasks import sweep

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
        one.put("a", '[{"x": 1}]')
        assert two.load(["a", "b"]) == {"a": '[{"x": 1}]'}
        two.put("a", '[{"x": 2}]')
        assert one.load("a") == {"a": '[{"x": 2}]'}


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


def filled(path):
    sweep(long_row, TASKS, path.parent, jobs=1, progress=False)
    return path


def one_byte_less(path):
    path.write_bytes(filled(path).read_bytes()[:-1])


def one_page_less(path):
    path.write_bytes(filled(path).read_bytes()[:-4096])


def executed(path, *statements):
    with closing(sqlite3.connect(filled(path), isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def another_number(path):
    executed(
        path, "UPDATE trials SET rows = replace(rows, '\"seed\": 3', '\"seed\": 4')"
    )


def another_task(path):
    executed(
        path, "UPDATE OR REPLACE trials SET task = '{\"seed\": 1}' WHERE rowid = 4"
    )


def other_checksum(path):
    executed(path, "UPDATE trials SET checksum = 3")


def view(path):
    executed(
        path,
        "DROP TABLE trials",
        "CREATE VIEW trials AS WITH RECURSIVE t(task, context, rows, checksum) AS"
        " (SELECT 1, 1, 1, 1 UNION ALL SELECT task + 1, 1, 1, 1 FROM t)"
        " SELECT * FROM t",
    )


def another_form(path):
    executed(path, "UPDATE trials SET checksum = NULL, rows = '[3, \"x\"]'")


def no_text(path):
    executed(path, "UPDATE trials SET checksum = NULL, rows = x'ff00ff'")


@pytest.mark.parametrize(
    "damage",
    [
        garbage, foreign, other_columns, truncated, folder, one_byte_less,
        one_page_less, another_number, another_task, other_checksum, view,
        another_form, no_text, os.mkfifo,
    ],
)  # fmt: skip
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


def test_a_store_of_an_earlier_version_is_read(tmp_path):
    """Its rows have no checksums; those that are added do."""
    path = tmp_path / "trials.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS trials (task TEXT, context TEXT, rows TEXT NOT"
            " NULL, PRIMARY KEY (task, context))"
        )
        for task in TASKS[:3]:
            row = (
                encode(task),
                describe_context(None),
                encode([{**task, "old": True}]),
            )
            connection.execute("INSERT INTO trials VALUES (?, ?, ?)", row)
    result = sweep(long_row, TASKS, tmp_path, jobs=1, progress=False)
    assert result.reused == 3 and result.frame["old"].sum() == 3
    assert sweep(long_row, TASKS, tmp_path, jobs=1, progress=False).reused == 6
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT checksum FROM trials").fetchall()
    assert sum(checksum is None for (checksum,) in found) == 3


def test_stores_damaged_at_random(tmp_path, damaged):
    """What is read is what was stored; all else is refused, or run again."""
    rng = np.random.default_rng(0)
    tasks = [{"seed": seed} for seed in range(40)]
    sound = sweep(small_row, tasks, tmp_path, jobs=1, progress=False).frame
    path = tmp_path / "trials.sqlite"
    content = path.read_bytes()
    messages = []
    for _ in range(80):
        path.write_bytes(damaged(content, rng))
        try:
            result = sweep(small_row, tasks, tmp_path, jobs=1, progress=False)
        except ValidationError as error:
            messages.append(str(error))
        else:
            assert result.frame.equals(sound)
    assert 25 < len(messages) < 80
    assert all(str(path) in text and "\n" not in text for text in messages)


def small_row(task):
    return [{**task, "rmse": 0.1 * task["seed"]}]
