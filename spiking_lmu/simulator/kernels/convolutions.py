"""Convolutions of images (`nengo.builder.transforms`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compilation import kernel
from .lanes import n_lanes
from .operators import FAST_SUMS

OUTSIDE = -1


@kernel(fastmath=FAST_SUMS)
def convolution(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``Y[...] += W * X``, a correlation, or the transpose of one.

    Operands: transpose?, skip zeros?; rows, columns of X, of Y and of the kernel;
    strides and padding of rows and columns; channels of X and of Y in a group, number
    of groups; W (contiguous, shared by all lanes); then of X and Y each: offset, stride
    of rows, columns and channels, lane. W has the axes row, column, channel of X,
    channel of Y.

    Each pixel of Y is a product of weights with the pixels of X that it sees, of which
    a list is made first.
    """
    rows, columns = code[at + 4], code[at + 5]
    n_in, n_out, groups = code[at + 12], code[at + 13], code[at + 14]
    y, y_row, y_column = code[at + 21], code[at + 22], code[at + 23]
    y_channel, y_lane = code[at + 24], code[at + 25]
    n = n_lanes(lanes)
    most = code[at + 6] * code[at + 7] * n_in
    seen, weights = np.empty(most, np.uint64), np.empty(most, np.uint64)
    totals = np.empty(n_out * n, arena.dtype)
    for row in range(rows):
        for column in range(columns):
            for group in range(groups):
                n_seen = _see(code, at, arena, row, column, group, seen, weights, lanes)
                totals[:] = 0
                x_lane = code[at + 20]
                _add_seen(arena, totals, seen, weights, n_seen, n_out, x_lane, lanes)
                to = y + row * y_row + column * y_column + group * n_out * y_channel
                for m in range(n_out):
                    for b in range(n):
                        arena[to + m * y_channel + b * y_lane] += totals[m * n + b]


@kernel()
def _see(
    code: Any,
    at: int,
    arena: Any,
    row: int,
    column: int,
    group: int,
    seen: Any,
    weights: Any,
    lanes: Any,
) -> int:
    """List where the values lie that a pixel sees, and the first of their weights."""
    transpose, skip = code[at], code[at + 1]
    kernel_rows, kernel_columns = code[at + 6], code[at + 7]
    n_in, n_out, groups = code[at + 12], code[at + 13], code[at + 14]
    W, x, x_row, x_column = code[at + 15], code[at + 16], code[at + 17], code[at + 18]
    x_channel, n_seen = code[at + 19], 0
    for i in range(kernel_rows):
        of_row = _source(row, i, code[at + 8], code[at + 10], code[at + 2], transpose)
        if of_row == OUTSIDE:
            continue
        for j in range(kernel_columns):
            of_column = _source(
                column, j, code[at + 9], code[at + 11], code[at + 3], transpose
            )
            if of_column == OUTSIDE:
                continue
            of = x + of_row * x_row + of_column * x_column + group * n_in * x_channel
            by = W + ((i * kernel_columns + j) * n_in * groups + group) * n_out
            for c in range(n_in):
                # most neurons do not spike in a step
                if lanes is None and skip and arena[of + c * x_channel] == 0.0:
                    continue
                seen[n_seen] = of + c * x_channel
                weights[n_seen] = by + c * groups * n_out
                n_seen += 1
    return n_seen


@kernel()
def _source(
    to: int, k: int, stride: int, padding: int, size: int, transpose: int
) -> int:
    """The row of X that a row of Y sees through row k of the kernel, if any."""
    if transpose:
        of = to + padding - k
        if of % stride != 0:
            return OUTSIDE
        of //= stride
    else:
        of = to * stride + k - padding
    return of if 0 <= of < size else OUTSIDE


@kernel(fastmath=FAST_SUMS)
def _add_seen(
    arena: Any,
    totals: Any,
    seen: Any,
    weights: Any,
    n_seen: int,
    n_out: int,
    x_lane: int,
    lanes: Any,
) -> None:
    """Add the products of values and weights, four values at a time."""
    n, lane, outputs = np.uint64(n_lanes(lanes)), np.uint64(x_lane), np.uint64(n_out)
    for k in range(0, n_seen - 3, 4):
        x0, x1, x2, x3 = seen[k], seen[k + 1], seen[k + 2], seen[k + 3]
        w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        if lanes is None:
            v0, v1, v2, v3 = arena[x0], arena[x1], arena[x2], arena[x3]
            for m in range(outputs):
                totals[m] += (
                    v0 * arena[w0 + m]
                    + v1 * arena[w1 + m]
                    + v2 * arena[w2 + m]
                    + v3 * arena[w3 + m]
                )
        else:
            for m in range(outputs):
                v0, v1 = arena[w0 + m], arena[w1 + m]
                v2, v3 = arena[w2 + m], arena[w3 + m]
                for b in range(n):
                    totals[m * n + b] += (
                        v0 * arena[x0 + b * lane]
                        + v1 * arena[x1 + b * lane]
                        + v2 * arena[x2 + b * lane]
                        + v3 * arena[x3 + b * lane]
                    )
    for k in range(n_seen - n_seen % 4, n_seen):
        for m in range(outputs):
            weight = arena[weights[k] + m]
            for b in range(n):
                totals[m * n + b] += weight * arena[seen[k] + b * lane]
