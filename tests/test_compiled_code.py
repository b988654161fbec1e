"""Where compiled code is kept, with a small function in place of the interpreter."""

import errno
import os
import pickle

import numba
import numpy as np
import pytest
from numba.core import caching

from spiking_lmu.simulator import interpreter


def small():
    def run(code, begin, end, first, last, dt, arena, words, clock, fed, starts, r, n):
        arena[0] += 1

    return run


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads what is on the disk, as a new process would."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(interpreter, "_interpreter", small)

    def fresh(minibatch=False):
        monkeypatch.setattr(interpreter, "_COMPILED", {})
        run = interpreter.load_interpreter(minibatch, announce=False)
        arena, integers = np.zeros(1), np.zeros(1, np.int64)
        lanes = 2 if minibatch else None
        words, values = np.zeros(1, np.uint64), np.zeros(1)
        arrays = arena, words, integers, values, integers, values
        run(integers, 0, 0, 0, 0, 0.001, *arrays, lanes)
        return arena[0]

    return fresh


def files(folder):
    return {path.name: path for path in folder.rglob("*.nb[ci]")}


def test_kinds_of_calls_and_versions_have_files_of_their_own(
    load, tmp_path, monkeypatch
):
    """Numba numbers the files of an index, which processes that write it mix up."""
    assert load() == load(minibatch=True) == 1
    monkeypatch.setattr(numba, "__version__", "other")
    assert load() == 1
    found = files(tmp_path)
    indices = [path for name, path in found.items() if name.endswith(".nbi")]
    assert len(indices) == 3 and len(found) == 6


def test_damaged_files_are_compiled_again(load, tmp_path):
    load()
    before = files(tmp_path)
    for ending, content in (
        ("nbc", b"half"),
        ("nbi", b""),
        ("nbc", pickle.dumps((1,))),
    ):
        (damaged,) = (path for name, path in before.items() if name.endswith(ending))
        whole = damaged.stat().st_size
        damaged.write_bytes(content)
        assert load() == 1
        assert files(tmp_path).keys() == before.keys()
        assert damaged.stat().st_size > 0.9 * whole


def test_code_that_cannot_be_kept_runs(load, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(caching.IndexDataCacheFile, "_save_data", full)
    with pytest.warns(UserWarning, match="cannot be kept in .*No space left"):
        assert load() == 1
