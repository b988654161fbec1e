"""Where every signal of a network lies: one flat array."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from nengo.builder.operator import Reset
from nengo.builder.signal import Signal, SignalDict

LINE = 64  # bytes in a line of the processor's cache


class NotCompiled(Exception):
    """What an operator has that no kernel knows. Its message tells users why."""


@dataclass(frozen=True)
class Place:
    """Where the elements of a signal lie.

    Element i of lane b has the index ``offset + i * stride + b * lane``.
    """

    offset: int
    stride: int
    lane: int

    @property
    def code(self) -> list[int]:
        """The place as operands of an instruction."""
        return [self.offset, self.stride, self.lane]

    def __getitem__(self, first: int) -> Place:
        """The place from an element on."""
        return Place(self.offset + first * self.stride, self.stride, self.lane)


class Arena:
    """One array of numbers, in which all signals and parameters have their place.

    First everything gets a place, then `allocate` makes the array.

    Parameters
    ----------
    operators : iterable of nengo.builder.Operator
        All operators of the network.
    dtype : numpy.dtype
        Type of the numbers. Signals other than of 64-bit floats have arrays of their
        own.
    minibatch_size : int, optional
        Number of networks side by side. What operators write is there once for each of
        them, and the numbers of one element lie next to each other.
    shared : set of nengo.builder.signal.Signal
        Bases of written signals that all networks of a minibatch share.
    varying : set of nengo.builder.signal.Signal
        Bases of signals that no operator writes and that differ in a minibatch.

    Attributes
    ----------
    numbers : ndarray
        The array, after `allocate`.
    aligned : int
        Numbers in a line of the processor's cache; places begin with a line.
    n_varying : int
        Signals that operators write lie before this index, everything else behind it.
    """

    def __init__(
        self,
        operators: Iterable[Any],
        dtype: np.dtype,
        minibatch_size: int | None = None,
        shared: set[Signal] | None = None,
        varying: set[Signal] | None = None,
    ) -> None:
        self.dtype, self.minibatch_size = np.dtype(dtype), minibatch_size
        self.aligned = LINE // self.dtype.itemsize
        self.numbers = np.empty(0, self.dtype)
        self._places: dict[Signal, Place] = {}
        self._constants: list[tuple[int, np.ndarray]] = []
        self._size = self.n_varying = self._n_writable = 0
        written = set(varying or ())
        bases: dict[Signal, None] = {}
        resets: set[Signal] = set()
        for operator in operators:
            bases.update((signal.base, None) for signal in operator.all_signals)
            written.update(
                signal.base
                for signal in operator.sets + operator.incs + operator.updates
            )
            if type(operator) is Reset:
                resets.add(operator.dst.base)
        written -= shared or set()
        # What is reset lies together, so that one instruction can do it. What varies
        # lies in front of what does not, and what users may write in front of the rest.
        for base in sorted(
            bases, key=lambda b: (b not in resets, b not in written, b.readonly)
        ):
            if base.sparse or base.dtype != np.float64:
                continue
            many = base in written and minibatch_size is not None
            lanes = minibatch_size if many and minibatch_size else 1
            self._places[base] = Place(self.reserve(base.size * lanes), lanes, many)
            if base in written:
                self.n_varying = self._size
            if base in written or not base.readonly:
                self._n_writable = self._size

    def reserve(self, size: int) -> int:
        """The offset of room for some numbers."""
        offset = self._size
        self._size += -(-size // self.aligned) * self.aligned
        return offset

    def constant(self, values: Any) -> int:
        """The offset of some constant numbers."""
        values = np.asarray(values, self.dtype).reshape(-1)
        offset = self.reserve(values.size)
        self._constants.append((offset, values))
        return offset

    def holds(self, signal: Signal) -> bool:
        """Whether a signal has its place here."""
        return signal.base in self._places

    def place(self, signal: Signal) -> Place:
        """The place of a signal, with the elements of a matrix row by row."""
        start, strides = self.start(signal), self.strides(signal)
        axes = [(n, s) for n, s in zip(signal.shape, strides, strict=True) if n > 1]
        for (_, outer), (n, inner) in pairwise(axes):
            if outer != n * inner:
                raise NotCompiled("a view of a matrix that is not contiguous")
        return Place(start.offset, axes[-1][1] if axes else start.stride, start.lane)

    def start(self, signal: Signal) -> Place:
        """The place of a signal's first element and of those behind it in its base."""
        if not self.holds(signal):
            kind = "sparse" if signal.sparse else str(signal.dtype)
            raise NotCompiled(f"a signal of {kind} numbers")
        return self._places[signal.base][signal.elemoffset]

    def strides(self, signal: Signal) -> tuple[int, ...]:
        """Strides of a signal's axes."""
        return tuple(s * self.start(signal).stride for s in signal.elemstrides)

    def allocate(self) -> None:
        """Make the array, with all constants in it."""
        room = np.zeros(self._size + self.aligned, self.dtype)
        first = -(room.ctypes.data // self.dtype.itemsize) % self.aligned
        self.numbers = room[first : first + self._size]
        for offset, values in self._constants:
            self.numbers[offset : offset + values.size] = values
        self._constants.clear()

    def keep_start(self) -> None:
        """Keep the numbers as they are, for `restart`."""
        self._at_start = self.numbers[: self._n_writable].copy()

    def restart(self) -> None:
        """Set all signals that may have changed to what they were at the start."""
        self.numbers[: self._n_writable] = self._at_start

    def view(self, signal: Signal, lane: int | None = None) -> np.ndarray:
        """A signal's numbers, in one lane, or in all, which are the last axis.

        What all lanes share has no such axis.
        """
        start, size = self.start(signal), self.dtype.itemsize
        offset, strides, shape = start.offset, self.strides(signal), signal.shape
        if lane is not None:
            offset += lane * start.lane
        elif start.lane:
            strides, shape = (*strides, start.lane), (*shape, self.minibatch_size)
        return np.ndarray(
            shape,
            self.dtype,
            self.numbers.data,
            offset * size,
            tuple(size * stride for stride in strides),
        )


class ArenaSignals(SignalDict):
    """Map from signals to arrays, most of which are views of an arena.

    Parameters
    ----------
    arena : Arena
    own : dict
        Arrays of signals with a place elsewhere.
    lane : int, optional
        Which network of a minibatch.
    """

    def __init__(
        self, arena: Arena, own: dict[Signal, np.ndarray], lane: int | None = None
    ) -> None:
        super().__init__()
        self._arena, self._own, self._lane = arena, own, lane

    def __getitem__(self, key: Any) -> np.ndarray:
        held = isinstance(key, Signal) and self._arena.holds(key)
        if held and key not in self and key.base in self:
            self._attach(key)
        return super().__getitem__(key)

    def init(self, signal: Signal) -> None:
        """Give a signal its array, with its initial values."""
        if signal in self._own and signal not in self:
            dict.__setitem__(self, signal, self._own[signal])
        elif signal in self or not self._arena.holds(signal):
            super().init(signal)
        else:
            if signal.base not in self:
                self._attach(signal.base)
                self._start(signal.base)
            if signal.is_view:
                self._attach(signal)

    def reset(self, signal: Signal) -> None:
        """Set a signal to its initial values."""
        if not self._arena.holds(signal):
            super().reset(signal)
        elif not signal.readonly:
            self._start(signal)

    def _attach(self, signal: Signal) -> None:
        view = self._arena.view(signal, self._lane)
        view.setflags(write=not signal.readonly)
        dict.__setitem__(self, signal, view)

    def _start(self, signal: Signal) -> None:
        view, value = self._arena.view(signal, self._lane), signal.initial_value
        view[...] = value if value.ndim == view.ndim else value[..., np.newaxis]
