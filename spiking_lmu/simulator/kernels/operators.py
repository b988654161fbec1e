"""Nengo's operators on signals: resets, copies and products."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compilation import kernel
from .lanes import n_lanes

# Sums may be reordered, so that they can be vectorized. NaN and infinity keep their
# meaning.
FAST_SUMS = {"reassoc", "contract", "nsz"}
MANY = 64  # products of a matrix and a vector that are worth an array for the sums
FOR_BLAS = 1024  # in a minibatch


@kernel()
def packed(stride: int, lane: int, lanes: Any) -> bool:
    """Whether the elements of a place, with all lanes, lie side by side.

    Loops over them are then loops over neighbours, which are many times as fast.
    """
    return stride == n_lanes(lanes) and (lanes is None or lane == 1)


@kernel(fastmath=FAST_SUMS)
def reset(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``dst[...] = value``. Operands: n, dst, value."""
    n, dst, stride, lane = code[at], code[at + 1], code[at + 2], code[at + 3]
    value = arena[code[at + 4]]
    if packed(stride, lane, lanes):
        arena[dst : dst + n * n_lanes(lanes)] = value
        return
    for i in range(n):
        for b in range(n_lanes(lanes)):
            arena[dst + i * stride + b * lane] = value


@kernel(fastmath=FAST_SUMS)
def copy(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``dst[...] = src``. Operands: n, dst, src."""
    n, dst, dst_stride, dst_lane = code[at], code[at + 1], code[at + 2], code[at + 3]
    src, src_stride, src_lane = code[at + 4], code[at + 5], code[at + 6]
    if packed(dst_stride, dst_lane, lanes) and packed(src_stride, src_lane, lanes):
        size = n * n_lanes(lanes)
        to, of = arena[dst : dst + size], arena[src : src + size]
        for i in range(size):
            to[i] = of[i]
        return
    for i in range(n):
        for b in range(n_lanes(lanes)):
            arena[dst + i * dst_stride + b * dst_lane] = arena[
                src + i * src_stride + b * src_lane
            ]


@kernel(fastmath=FAST_SUMS)
def increment(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``dst[...] += src``. Operands: n, dst, src."""
    n, dst, dst_stride, dst_lane = code[at], code[at + 1], code[at + 2], code[at + 3]
    src, src_stride, src_lane = code[at + 4], code[at + 5], code[at + 6]
    if packed(dst_stride, dst_lane, lanes) and packed(src_stride, src_lane, lanes):
        size = n * n_lanes(lanes)
        to, of = arena[dst : dst + size], arena[src : src + size]
        for i in range(size):
            to[i] += of[i]
        return
    for i in range(n):
        for b in range(n_lanes(lanes)):
            arena[dst + i * dst_stride + b * dst_lane] += arena[
                src + i * src_stride + b * src_lane
            ]


@kernel()
def copy_indexed(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``dst[to] = src[of]``. Operands: n, dst, src, n of `to`, n of `of`."""
    n, dst, dst_stride, dst_lane = code[at], code[at + 1], code[at + 2], code[at + 3]
    src, src_stride, src_lane = code[at + 4], code[at + 5], code[at + 6]
    for i in range(n):
        to = dst + code[at + 7 + i] * dst_stride
        of = src + code[at + 7 + n + i] * src_stride
        for b in range(n_lanes(lanes)):
            arena[to + b * dst_lane] = arena[of + b * src_lane]


@kernel()
def increment_indexed(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``dst[to] += src[of]``, once for each pair. Operands as of `copy_indexed`."""
    n, dst, dst_stride, dst_lane = code[at], code[at + 1], code[at + 2], code[at + 3]
    src, src_stride, src_lane = code[at + 4], code[at + 5], code[at + 6]
    for i in range(n):
        to = dst + code[at + 7 + i] * dst_stride
        of = src + code[at + 7 + n + i] * src_stride
        for b in range(n_lanes(lanes)):
            arena[to + b * dst_lane] += arena[of + b * src_lane]


@kernel(fastmath=FAST_SUMS)
def elementwise_inc(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``Y[...] += A * X``, in two dimensions.

    Operands: rows, columns; then of Y, A and X each: offset, stride of rows, stride of
    columns, lane. A stride is 0 where an operand is repeated.
    """
    rows, columns = code[at], code[at + 1]
    y, y_row, y_column, y_lane = code[at + 2], code[at + 3], code[at + 4], code[at + 5]
    a, a_row, a_column, a_lane = code[at + 6], code[at + 7], code[at + 8], code[at + 9]
    x, x_row, x_column = code[at + 10], code[at + 11], code[at + 12]
    x_lane = code[at + 13]
    size = columns * n_lanes(lanes)
    y_packed = packed(y_column, y_lane, lanes)
    a_packed, x_packed = (
        packed(a_column, a_lane, lanes),
        packed(x_column, x_lane, lanes),
    )
    for i in range(rows):
        Y, A, X = y + i * y_row, a + i * a_row, x + i * x_row
        if y_packed and a_packed and x_packed:
            _add_products(arena, Y, A, X, size)
        elif y_packed and x_packed and a_column == 0 and a_lane == 0:
            add_scaled(arena, Y, arena[A], X, size)
        elif y_packed and a_packed and x_column == 0 and x_lane == 0:
            add_scaled(arena, Y, arena[X], A, size)
        elif y_lane == 1 and x_lane == 1 and a_lane == 0:
            for j in range(columns):
                factor = arena[A + j * a_column]
                add_scaled(
                    arena, Y + j * y_column, factor, X + j * x_column, n_lanes(lanes)
                )
        else:
            for j in range(columns):
                for b in range(n_lanes(lanes)):
                    arena[Y + j * y_column + b * y_lane] += (
                        arena[A + j * a_column + b * a_lane]
                        * arena[X + j * x_column + b * x_lane]
                    )


@kernel(fastmath=FAST_SUMS)
def _add_products(arena: Any, y: int, a: int, x: int, n: int) -> None:
    Y, A, X = arena[y : y + n], arena[a : a + n], arena[x : x + n]
    for i in range(n):
        Y[i] += A[i] * X[i]


@kernel(fastmath=FAST_SUMS)
def add_scaled(arena: Any, y: int, factor: float, x: int, n: int) -> None:
    """``Y += factor * X`` for neighbours."""
    Y, X = arena[y : y + n], arena[x : x + n]
    for i in range(n):
        Y[i] += factor * X[i]


@kernel(fastmath=FAST_SUMS)
def dot_inc(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``Y[...] += A.dot(X)``. Operands: rows, columns, Y, A, X; A is contiguous."""
    rows, columns = code[at], code[at + 1]
    y, y_stride, y_lane = code[at + 2], code[at + 3], code[at + 4]
    a, a_stride, a_lane = code[at + 5], code[at + 6], code[at + 7]
    x, x_stride, x_lane = code[at + 8], code[at + 9], code[at + 10]
    if lanes is None:
        if columns == 1 and y_stride == 1:
            add_scaled(arena, y, arena[x], a, rows)
        elif x_stride == 1:
            X = arena[x : x + columns]
            for i in range(rows):
                A = arena[a + i * columns : a + (i + 1) * columns]
                total = 0.0
                for j in range(columns):
                    total += A[j] * X[j]
                arena[y + i * y_stride] += total
        else:
            for i in range(rows):
                total = 0.0
                for j in range(columns):
                    total += arena[a + i * columns + j] * arena[x + j * x_stride]
                arena[y + i * y_stride] += total
    elif a_lane == 0 and x_lane == 1:
        n = n_lanes(lanes)
        if rows * columns >= FOR_BLAS and x_stride == y_stride == n:
            A = arena[a : a + rows * columns].reshape(rows, columns)
            X = arena[x : x + columns * n].reshape(columns, n)
            product = np.empty((rows, n), arena.dtype)
            np.dot(A, X, product)
            Y = arena[y : y + rows * n]
            for i in range(rows * n):
                Y[i] += product.flat[i]
        elif rows * columns < MANY:
            for i in range(rows):
                to, row = y + i * y_stride, a + i * columns
                _add_columns(arena, to, arena, row, columns, x, x_stride, n)
        else:
            # an array of its own is known not to overlap
            totals = np.empty(n, arena.dtype)
            for i in range(rows):
                totals[:] = 0
                row = a + i * columns
                _add_columns(totals, 0, arena, row, columns, x, x_stride, n)
                for b in range(n):
                    arena[y + i * y_stride + b] += totals[b]
    else:
        for i in range(rows):
            for j in range(columns):
                for b in range(n_lanes(lanes)):
                    arena[y + i * y_stride + b * y_lane] += (
                        arena[a + (i * columns + j) * a_stride + b * a_lane]
                        * arena[x + j * x_stride + b * x_lane]
                    )


@kernel(fastmath=FAST_SUMS)
def _add_columns(
    totals: Any,
    y: int,
    arena: Any,
    a: int,
    columns: int,
    x: int,
    stride: int,
    lanes: int,
) -> None:
    """Add the product of one row of a matrix in all lanes, four columns at a time."""
    # unsigned, for indices that may be negative need a test each
    y0, n, step = np.uint64(y), np.uint64(lanes), np.uint64(stride)
    at, of = np.uint64(a), np.uint64(x)
    four, one = np.uint64(4), np.uint64(1)
    for _ in range(columns // 4):
        w0, w1 = arena[at], arena[at + one]
        w2, w3 = arena[at + np.uint64(2)], arena[at + np.uint64(3)]
        x1 = of + step
        x2 = x1 + step
        x3 = x2 + step
        for b in range(n):
            totals[y0 + b] += (
                w0 * arena[of + b]
                + w1 * arena[x1 + b]
                + w2 * arena[x2 + b]
                + w3 * arena[x3 + b]
            )
        at += four
        of = x3 + step
    for _ in range(columns % 4):
        w0 = arena[at]
        for b in range(n):
            totals[y0 + b] += w0 * arena[of + b]
        at += one
        of += step


@kernel(fastmath=FAST_SUMS)
def sparse_dot_inc(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``Y[...] += A.dot(X)`` with sparse A, whose entries are sorted by rows.

    Operands: rows, Y, X, entries (shared by all lanes); then where each row begins,
    where the last one ends, and the columns of the entries.
    """
    rows, y, y_stride, y_lane = code[at], code[at + 1], code[at + 2], code[at + 3]
    x, x_stride, x_lane = code[at + 4], code[at + 5], code[at + 6]
    entries, begins, columns = code[at + 7], at + 8, at + 9 + rows
    # unsigned, for indices that may be negative need a test each
    data, columns = np.uint64(entries), np.uint64(columns)
    of, step = np.uint64(x), np.uint64(x_stride)
    for i in range(rows):
        to = y + i * y_stride
        first, end = np.uint64(code[begins + i]), np.uint64(code[begins + i + 1])
        if lanes is None:
            total = 0.0
            for k in range(first, end):
                total += (
                    arena[data + k] * arena[of + np.uint64(code[columns + k]) * step]
                )
            arena[to] += total
        else:
            for k in range(first, end):
                here = x + code[columns + k] * x_stride
                if x_lane == y_lane == 1:
                    add_scaled(arena, to, arena[data + k], here, n_lanes(lanes))
                else:
                    for b in range(n_lanes(lanes)):
                        arena[to + b * y_lane] += (
                            arena[data + k] * arena[here + b * x_lane]
                        )
