"""Convolutions of images (`nengo.builder.transforms`)."""

from __future__ import annotations

from typing import Any

from numba import njit

from .lanes import n_lanes
from .operators import FAST_SUMS


@njit(fastmath=FAST_SUMS)
def convolution(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``Y[...] += W * X``, a correlation, or the transpose of one.

    The small image has a pixel where a kernel is laid on the large one. A correlation
    goes from the large image to the small one, its transpose the other way.

    Operands: transpose?, skip zeros?; rows, columns of the small image, of the large
    image and of the kernel; strides and padding of rows and columns; channels of X and
    of Y in a group, number of groups; W; then of X and Y each: offset, stride of rows,
    columns and channels, lane. W has the axes row, column, channel of X, channel of Y.
    """
    transpose = code[at]
    rows, columns = code[at + 2], code[at + 3]
    large_rows, large_columns = code[at + 4], code[at + 5]
    kernel_rows, kernel_columns = code[at + 6], code[at + 7]
    down, across = code[at + 8], code[at + 9]
    above, before = code[at + 10], code[at + 11]
    n_in, n_out, groups = code[at + 12], code[at + 13], code[at + 14]
    for row in range(rows):
        for column in range(columns):
            for i in range(kernel_rows):
                large_row = row * down + i - above
                if large_row < 0 or large_row >= large_rows:
                    continue
                for j in range(kernel_columns):
                    large_column = column * across + j - before
                    if large_column < 0 or large_column >= large_columns:
                        continue
                    kernel = (i * kernel_columns + j) * n_in * n_out * groups
                    if transpose:
                        x = row * code[at + 19] + column * code[at + 20]
                        y = large_row * code[at + 24] + large_column * code[at + 25]
                    else:
                        x = large_row * code[at + 19] + large_column * code[at + 20]
                        y = row * code[at + 24] + column * code[at + 25]
                    _pixel(code, at, arena, kernel, x, y, lanes)


@njit(fastmath=FAST_SUMS)
def _pixel(
    code: Any, at: int, arena: Any, kernel: int, x: int, y: int, lanes: Any
) -> None:
    """``Y[y] += X[x] W[kernel]``, a product over the channels of two pixels."""
    n_in, n_out, groups = code[at + 12], code[at + 13], code[at + 14]
    W, W_stride, W_lane = code[at + 15], code[at + 16], code[at + 17]
    x_channel, x_lane = code[at + 21], code[at + 22]
    y_channel, y_lane = code[at + 26], code[at + 27]
    x, y, W = x + code[at + 18], y + code[at + 23], W + kernel * W_stride
    for group in range(groups):
        to = y + group * n_out * y_channel
        for c in range(n_in):
            of = x + (group * n_in + c) * x_channel
            by = W + (c * groups + group) * n_out * W_stride
            if lanes is None:
                value = arena[of]
                if value == 0.0 and code[at + 1]:
                    continue  # most neurons do not spike
                if W_stride == 1 and y_channel == 1:
                    weights, sums = arena[by : by + n_out], arena[to : to + n_out]
                    for m in range(n_out):
                        sums[m] += weights[m] * value
                else:
                    for m in range(n_out):
                        arena[to + m * y_channel] += arena[by + m * W_stride] * value
            else:
                for m in range(n_out):
                    for b in range(n_lanes(lanes)):
                        arena[to + m * y_channel + b * y_lane] += (
                            arena[by + m * W_stride + b * W_lane]
                            * arena[of + b * x_lane]
                        )
