"""From Nengo's operators to instructions of the interpreter.

A function decorated with ``@translates(Operator)`` makes the instructions of operators
of that type. Each names the kernel that does the work.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from nengo.builder.operator import (
    BsrDotInc,
    Copy,
    DotInc,
    ElementwiseInc,
    Operator,
    Reset,
    SimPyFunc,
    SparseDotInc,
    TimeUpdate,
)
from nengo.builder.signal import Signal
from nengo.builder.transforms import ConvInc, ConvTransposeInc, GeneralConvInc
from nengo.transforms import ChannelShape
from nengo.utils.functions import function_name
from scipy.sparse import csr_array

from . import opcodes
from .arena import Arena, NotCompiled, Place
from .sources import Sources

__all__ = ["Instruction", "Room", "translate", "translates"]


@dataclass(frozen=True)
class Instruction:
    """One instruction: which kernel, and the integers that are its operands."""

    opcode: int
    operands: list[int]

    @property
    def code(self) -> list[int]:
        """The instruction as it stands in the program."""
        return [self.opcode, 2 + len(self.operands), *self.operands]


@dataclass(frozen=True)
class Room:
    """What a translation may use.

    Attributes
    ----------
    arena : Arena
        Places of signals, and room for parameters.
    sources : Sources
        Random streams, and values that are made outside of the interpreter.
    dt : float
        Length of a time step in seconds.
    resets : dict
        For operators, what to do at each reset with the functions that the operator's
        process has made for its steps, one for each lane.
    looks : list of callable
        What to look at after some steps.
    """

    arena: Arena
    sources: Sources
    dt: float
    resets: dict[Operator, Callable[[list[Any]], None]] = field(default_factory=dict)
    looks: list[Callable[[], None]] = field(default_factory=list)
    _shared: dict[Hashable, int] = field(default_factory=dict)

    def place(self, signal: Signal) -> Place:
        """The place of a signal."""
        return self.arena.place(signal)

    def places(self, *signals: Signal) -> list[int]:
        """The places of some signals as operands."""
        return [number for signal in signals for number in self.place(signal).code]

    def constant(self, *values: Any) -> int:
        """The offset of some parameters."""
        return self.arena.constant(np.concatenate([np.ravel(v) for v in values]))

    def shared(self, key: Hashable, make: Callable[[], Any]) -> int:
        """The offset of constants that several instructions use."""
        if key not in self._shared:
            self._shared[key] = self.constant(make())
        return self._shared[key]

    def scratch(self, key: Hashable, size: int) -> int:
        """The offset of room that instructions use while they run."""
        if key not in self._shared:
            self._shared[key] = self.arena.reserve(size)
        return self._shared[key]

    def at_reset(self, operator: Operator, do: Callable[[list[Any]], None]) -> None:
        """Do something with the functions that an operator's process makes."""
        self.resets[operator] = do


Translation = Callable[[Any, Room], list[Instruction]]
_TRANSLATIONS: dict[type[Operator], Translation] = {}


def translates(kind: type[Operator]) -> Callable[[Translation], Translation]:
    """Decorator of the function that translates operators of a type."""

    def register(function: Translation) -> Translation:
        _TRANSLATIONS[kind] = function
        return function

    return register


def translate(operator: Operator, room: Room) -> list[Instruction]:
    """The instructions of an operator.

    Raises
    ------
    NotCompiled
        If no kernel does what the operator does.
    """
    function = _TRANSLATIONS.get(type(operator))
    if function is None:
        raise NotCompiled(f"an operator of the type {type(operator).__name__}")
    return function(operator, room)


@translates(TimeUpdate)
def time_update(operator: TimeUpdate, room: Room) -> list[Instruction]:
    # the interpreter counts the steps
    return [Instruction(opcodes.TIME_UPDATE, [room.place(operator.time).offset])]


@translates(Reset)
def reset(operator: Reset, room: Room) -> list[Instruction]:
    signal, dst = operator.dst, room.place(operator.dst)
    n, value = signal.size, room.shared(operator.value, lambda: operator.value)
    unused, odd = divmod(-n * dst.stride % room.arena.aligned, dst.stride)
    if not odd and n == signal.base.size and dst == room.place(signal.base):
        n += unused  # so that it adjoins the next signal
    return [Instruction(opcodes.RESET, [n, *dst.code, value])]


@translates(Copy)
def copy(operator: Copy, room: Room) -> list[Instruction]:
    src, dst, inc = operator.src, operator.dst, operator.inc
    whole = operator.dst_slice is None and operator.src_slice is None
    one = src.size == 1 and src.ndim <= dst.ndim
    if whole and (one or src.shape == dst.shape):
        with suppress(NotCompiled):  # blocks of matrices need indices
            places = room.places(dst, src)
            if one:
                places[4] = 0
            opcode = opcodes.INCREMENT if inc else opcodes.COPY
            return [Instruction(opcode, [dst.size, *places])]
    to, of = _elements(dst)[_index(operator.dst_slice)], _elements(src)
    try:
        of = np.broadcast_to(of[_index(operator.src_slice)], to.shape)
    except ValueError:
        raise NotCompiled(f"a copy from shape {src.shape} to {dst.shape}") from None
    places = [*room.arena.start(dst).code, *room.arena.start(src).code]
    opcode = opcodes.INCREMENT_INDEXED if inc else opcodes.COPY_INDEXED
    indices = [*to.ravel().tolist(), *of.ravel().tolist()]
    return [Instruction(opcode, [to.size, *places, *indices])]


def _index(of: Any) -> Any:
    return ... if of is None else of


def _elements(signal: Signal) -> np.ndarray:
    """Where the elements of a signal are in its base, behind the first."""
    strides = np.array(signal.elemstrides, int).reshape(-1, *[1] * signal.ndim)
    return (np.indices(signal.shape) * strides).sum(axis=0)


@translates(ElementwiseInc)
def elementwise_inc(operator: ElementwiseInc, room: Room) -> list[Instruction]:
    A, X, Y = operator.A, operator.X, operator.Y
    if max(A.ndim, X.ndim, Y.ndim) > 2:
        raise NotCompiled("products in more than two dimensions")
    shape = (1,) * (2 - Y.ndim) + Y.shape
    operands = list(shape)
    for signal in (Y, A, X):
        own = (1,) * (2 - signal.ndim) + signal.shape
        strides = (0,) * (2 - signal.ndim) + room.arena.strides(signal)
        strides = tuple(
            0 if n == 1 < of else s
            for n, of, s in zip(own, shape, strides, strict=True)
        )
        place = room.arena.start(signal)
        operands += [place.offset, *strides, place.lane]
    return [Instruction(opcodes.ELEMENTWISE_INC, operands)]


@translates(DotInc)
def dot_inc(operator: DotInc, room: Room) -> list[Instruction]:
    A, X, Y = operator.A, operator.X, operator.Y
    if A.ndim == 0 or X.ndim == 0:
        if (X.ndim and X.ndim != Y.ndim) or (A.ndim and A.ndim != Y.ndim):
            raise NotCompiled(f"a product of shapes {A.shape} and {X.shape}")
        return elementwise_inc(operator, room)
    columns = A.shape[-1]
    if A.ndim > 2 or X.size != columns or Y.size * columns != A.size:
        raise NotCompiled(f"a product of shapes {A.shape} and {X.shape}")
    if A.initial_value.flags.c_contiguous:
        return [Instruction(opcodes.DOT_INC, [Y.size, columns, *room.places(Y, A, X)])]
    a, x, y = room.arena.start(A), room.place(X), room.place(Y)
    strides = (0,) * (2 - A.ndim) + room.arena.strides(A)
    # products of elements, where each row of Y is one element, repeated
    operands = [Y.size, columns, y.offset, y.stride, 0, y.lane]
    operands += [a.offset, *strides, a.lane, x.offset, 0, x.stride, x.lane]
    return [Instruction(opcodes.ELEMENTWISE_INC, operands)]


@translates(SparseDotInc)
def sparse_dot_inc(operator: SparseDotInc, room: Room) -> list[Instruction]:
    matrix = operator.A.initial_value
    matrix = matrix.allocate() if hasattr(matrix, "allocate") else matrix
    matrix = csr_array(matrix)  # Nengo without scipy has a dense one
    operands = [matrix.shape[0], *room.places(operator.Y, operator.X)]
    operands += [room.constant(matrix.data), *matrix.indptr.tolist()]
    operands += matrix.indices.tolist()
    return [Instruction(opcodes.SPARSE_DOT_INC, operands)]


@translates(BsrDotInc)
def bsr_dot_inc(operator: BsrDotInc, room: Room) -> list[Instruction]:
    # only Nengo's optimizer makes these: blocks of weights on parts of X and Y
    _, height, width = operator.A.shape
    Y, A, X = (room.place(s) for s in (operator.Y, operator.A, operator.X))
    rows = np.repeat(np.arange(len(operator.indptr) - 1), np.diff(operator.indptr))
    places = [
        [Y[row * height], A[block * height * width], X[column * width]]
        for block, (row, column) in enumerate(
            zip(rows.tolist(), np.array(operator.indices).tolist(), strict=True)
        )
    ]
    return [
        Instruction(opcodes.DOT_INC, [height, width, *y.code, *a.code, *x.code])
        for y, a, x in places
    ]


@translates(ConvInc)
@translates(ConvTransposeInc)
def convolution(operator: GeneralConvInc, room: Room) -> list[Instruction]:
    conv, W = operator.conv, operator.W
    if conv.dimensions > 2:  # Nengo refuses it
        raise NotCompiled("a convolution in more than two dimensions")
    if room.place(W).lane or not W.initial_value.flags.c_contiguous:
        raise NotCompiled("a convolution whose weights change")
    lead = (1,) * (2 - conv.dimensions)  # a line is an image with one row
    sizes = [(*lead, *s.spatial_shape) for s in (conv.input_shape, conv.output_shape)]
    kernel, strides = (*lead, *conv.kernel_size), (*lead, *conv.strides)
    # the kernel is laid on the large image, once for each pixel of the small one
    small, large = sizes if operator.is_transpose else sizes[::-1]
    padding = [0, 0]
    if conv.padding == "same":
        padding = [
            max((of - 1) * stride + width - to, 0) // 2
            for of, to, width, stride in zip(small, large, kernel, strides, strict=True)
        ]
    skip = W.readonly and bool(np.isfinite(W.initial_value).all())
    operands = [int(operator.is_transpose), int(skip), *sizes[0], *sizes[1], *kernel]
    operands += [*strides, *padding, W.shape[-2], conv.n_filters // conv.groups]
    operands += [conv.groups, room.place(W).offset]
    operands += _image(operator.X, conv.input_shape, room)
    operands += _image(operator.Y, conv.output_shape, room)
    return [Instruction(opcodes.CONVOLUTION, operands)]


def _image(signal: Signal, shape: ChannelShape, room: Room) -> list[int]:
    """The place of an image, with strides of rows, columns and channels."""
    place, columns = room.place(signal), shape.spatial_shape[-1]
    strides = [columns, 1, shape.size // shape.n_channels]
    if shape.channels_last:
        strides = [columns * shape.n_channels, shape.n_channels, 1]
    return [place.offset, *(int(s) * place.stride for s in strides), place.lane]


@translates(SimPyFunc)
def python_function(operator: SimPyFunc, room: Room) -> list[Instruction]:
    raise NotCompiled(f"a Python function ({function_name(operator.fn)})")
