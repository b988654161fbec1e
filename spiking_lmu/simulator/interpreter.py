"""The loop over instructions, which Numba compiles once and keeps on disk."""

from __future__ import annotations

import hashlib
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from numba import types

from . import opcodes as do
from .kernels import (
    convolutions,
    filters,
    inputs,
    learning,
    operators,
    poisson_events,
    populations,
    rate_populations,
)

__all__ = ["load_interpreter"]

ANNOUNCED_AFTER = 1.0  # seconds


def _fingerprint() -> str:
    """All that compiled code depends on, except for the types of its arguments."""
    here = Path(__file__).parent
    files = [Path(__file__), here / "opcodes.py", *sorted(here.glob("kernels/*.py"))]
    parts = [file.read_bytes() for file in files]
    features = llvmlite.binding.get_host_cpu_features().flatten()
    for word in (numba.__version__, llvmlite.binding.get_host_cpu_name(), features):
        parts.append(word.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _interpreter() -> Any:
    def run(
        code: Any,
        begin: int,
        end: int,
        first: int,
        last: int,
        dt: float,
        arena: Any,
        words: Any,
        clock: Any,
        fed: Any,
        starts: Any,
        recorded: Any,
        lanes: Any,
    ) -> None:
        """Go on from `begin` in the step `first` to `end` in the step `last`."""
        for row in range(first, last + 1):
            here = begin if row == first else 0
            stop = end if row == last else len(code)
            while here < stop:
                opcode = code[here]
                at = here + 2
                here += code[here + 1]
                if opcode == do.RESET:
                    operators.reset(code, at, arena, words, lanes)
                elif opcode == do.COPY:
                    operators.copy(code, at, arena, words, lanes)
                elif opcode == do.INCREMENT:
                    operators.increment(code, at, arena, words, lanes)
                elif opcode == do.DOT_INC:
                    operators.dot_inc(code, at, arena, words, lanes)
                elif opcode == do.POPULATION:
                    populations.population(code, at, arena, words, lanes)
                elif opcode == do.POISSON_EVENTS:
                    poisson_events.poisson_events(code, at, arena, words, lanes)
                elif opcode == do.RATE_POPULATION:
                    rate_populations.rate_population(code, at, arena, words, lanes)
                elif opcode == do.LOWPASS:
                    filters.lowpass(code, at, arena, words, lanes)
                elif opcode == do.TIME_UPDATE:
                    clock[0] += 1
                    arena[code[at]] = clock[0] * dt
                elif opcode == do.RECORD:
                    inputs.record(code, at, arena, recorded, clock, lanes)
                elif opcode == do.FEED:
                    inputs.feed(code, at, arena, fed, starts, row, lanes)
                elif opcode == do.COPY_INDEXED:
                    operators.copy_indexed(code, at, arena, words, lanes)
                elif opcode == do.INCREMENT_INDEXED:
                    operators.increment_indexed(code, at, arena, words, lanes)
                elif opcode == do.ELEMENTWISE_INC:
                    operators.elementwise_inc(code, at, arena, words, lanes)
                elif opcode == do.SPARSE_DOT_INC:
                    operators.sparse_dot_inc(code, at, arena, words, lanes)
                elif opcode == do.GAIN_FILTER:
                    filters.gain_filter(code, at, arena, words, lanes)
                elif opcode == do.STATE_SPACE_FILTER:
                    filters.state_space_filter(code, at, arena, words, lanes)
                elif opcode == do.TRIANGLE_FILTER:
                    filters.triangle_filter(code, at, arena, words, lanes)
                elif opcode == do.TABLE:
                    inputs.table(code, at, arena, words, lanes)
                elif opcode == do.PRESENT_INPUT:
                    inputs.present_input(code, at, arena, words, lanes)
                elif opcode == do.PIECEWISE:
                    inputs.piecewise(code, at, arena, words, lanes)
                elif opcode == do.WATCH:
                    inputs.watch(code, at, arena, words, lanes)
                elif opcode == do.PES:
                    learning.pes(code, at, arena, words, lanes)
                elif opcode == do.BCM:
                    learning.bcm(code, at, arena, words, lanes)
                elif opcode == do.OJA:
                    learning.oja(code, at, arena, words, lanes)
                elif opcode == do.VOJA:
                    learning.voja(code, at, arena, words, lanes)
                elif opcode == do.RLS:
                    learning.rls(code, at, arena, words, lanes)
                elif opcode == do.CONVOLUTION:
                    convolutions.convolution(code, at, arena, words, lanes)
                elif opcode == do.UNTIL_LAST and row != last:
                    here += code[at]

    return run


def _signature(floats: np.dtype, minibatch: bool) -> tuple[Any, ...]:
    integers = types.Array(types.int64, 1, "C")
    arena = types.Array(numba.from_dtype(floats), 1, "C")
    values = types.Array(types.float64, 1, "C")
    words = types.Array(types.uint64, 1, "C")
    counts = (types.int64,) * 4
    arrays = (arena, words, integers, values, integers, values)
    lanes = types.int64 if minibatch else types.none
    return (integers, *counts, types.float64, *arrays, lanes)


_COMPILED: dict[tuple[np.dtype, bool], Any] = {}


def load_interpreter(
    minibatch: bool, announce: bool = True, dtype: Any = np.float64
) -> Any:
    """The interpreter for one network, or for many side by side.

    The first use on a machine compiles it, which takes some time. Later ones load it.

    Parameters
    ----------
    minibatch : bool
    announce : bool
        Whether to say on stderr that it is being compiled.
    dtype : numpy.dtype
        Type of the arena's numbers.
    """
    key = np.dtype(dtype), minibatch
    if key not in _COMPILED:
        function = _interpreter()
        # Numba names files by the function. Each has files of its own: processes that
        # write at the same time would otherwise mix up theirs, for good.
        lanes = "many" if minibatch else "one"
        function.__qualname__ = f"{lanes}_{key[0].name}_{_fingerprint()}"
        word = threading.Timer(ANNOUNCED_AFTER, _announce)
        if announce:
            word.start()
        try:
            _COMPILED[key] = _compiled(function, _signature(*key))
        finally:
            word.cancel()
    return _COMPILED[key]


def _compiled(function: Any, signature: tuple[Any, ...]) -> Any:
    """The function for arguments of these types, from the disk if it is there."""
    try:
        dispatcher = numba.njit(function, cache=True, nogil=True)
    except RuntimeError:  # no folder is writable
        warnings.warn(
            "Numba finds no folder for compiled code and compiles anew in each "
            "process; set NUMBA_CACHE_DIR to a writable folder",
            stacklevel=3,
        )
        dispatcher = numba.njit(function, nogil=True)
    try:
        return _overload(dispatcher, signature)
    except Exception:  # whatever comes of files that are damaged
        kept = Path(dispatcher.stats.cache_path or "")
        files = [*kept.glob(f"*.{function.__qualname__}-*.nb[ci]")]
        if not files:
            raise
        for file in files:
            file.unlink(missing_ok=True)
        return _overload(numba.njit(function, cache=True, nogil=True), signature)


def _overload(dispatcher: Any, signature: tuple[Any, ...]) -> Any:
    try:
        dispatcher.compile(signature)
    except OSError as error:  # it is compiled, but could not be written
        warnings.warn(
            f"the compiled simulator cannot be kept in {dispatcher.stats.cache_path} "
            f"({error.strerror}), and each process compiles anew; set NUMBA_CACHE_DIR "
            "to another folder",
            stacklevel=5,
        )
    # without the look at the types of arguments, which takes longer than a step of
    # a small network, and never compiled anew, for an integer time step, say
    return dispatcher.get_overload(signature)


def _announce() -> None:
    print(
        "Compiling the simulator for this machine (once, about half a minute) ...",
        file=sys.stderr,
        flush=True,
    )
