"""Linear filters (`nengo.synapses.LinearFilter`), one step of each kind of Nengo's."""

from __future__ import annotations

from typing import Any

from numba import njit

from .lanes import n_lanes
from .operators import FAST_SUMS


@njit
def gain_filter(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``y = D u``. Operands: increments?, n, y, u, D."""
    inc, n = code[at], code[at + 1]
    y, y_stride, y_lane = code[at + 2], code[at + 3], code[at + 4]
    u, u_stride, u_lane = code[at + 5], code[at + 6], code[at + 7]
    D = arena[code[at + 8]]
    for i in range(n):
        for b in range(n_lanes(lanes)):
            value = D * arena[u + i * u_stride + b * u_lane]
            to = y + i * y_stride + b * y_lane
            arena[to] = arena[to] + value if inc else value


@njit(fastmath=FAST_SUMS)
def lowpass(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``y = x = a x + b u``. Operands: increments?, n, y, u, x, parameters a, b."""
    inc, n = code[at], code[at + 1]
    y, y_stride, y_lane = code[at + 2], code[at + 3], code[at + 4]
    u, u_stride, u_lane = code[at + 5], code[at + 6], code[at + 7]
    x, x_stride, x_lane = code[at + 8], code[at + 9], code[at + 10]
    keep, take = arena[code[at + 11]], arena[code[at + 11] + 1]
    if inc:
        for i in range(n):
            for b in range(n_lanes(lanes)):
                here = x + i * x_stride + b * x_lane
                value = keep * arena[here] + take * arena[u + i * u_stride + b * u_lane]
                arena[here] = value
                arena[y + i * y_stride + b * y_lane] += value
    else:
        for i in range(n):
            for b in range(n_lanes(lanes)):
                here = x + i * x_stride + b * x_lane
                value = keep * arena[here] + take * arena[u + i * u_stride + b * u_lane]
                arena[here] = value
                arena[y + i * y_stride + b * y_lane] = value


@njit
def state_space_filter(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``x = A x + B u`` with ``y = C x + D u``, of the new x where D is zero.

    Operands: increments?, n, y, u, x, parameters, number of states, y of the new x?.
    Parameters: A, B, C, D and room for a state.
    """
    inc, n = code[at], code[at + 1]
    y, y_stride, y_lane = code[at + 2], code[at + 3], code[at + 4]
    u, u_stride, u_lane = code[at + 5], code[at + 6], code[at + 7]
    x, x_stride, x_lane = code[at + 8], code[at + 9], code[at + 10]
    A, order, of_new = code[at + 11], code[at + 12], code[at + 13]
    B = A + order * order
    C = B + order
    D = C + order
    new = D + 1
    for i in range(n):
        for b in range(n_lanes(lanes)):
            value = arena[u + i * u_stride + b * u_lane]
            output = arena[D] * value
            for k in range(order):
                total = 0.0
                for j in range(order):
                    here = x + (j * n + i) * x_stride + b * x_lane
                    total += arena[A + k * order + j] * arena[here]
                arena[new + k] = total + arena[B + k] * value
            for k in range(order):
                here = x + (k * n + i) * x_stride + b * x_lane
                if of_new:
                    output += arena[C + k] * arena[new + k]
                else:
                    output += arena[C + k] * arena[here]
                arena[here] = arena[new + k]
            to = y + i * y_stride + b * y_lane
            arena[to] = arena[to] + output if inc else output


@njit
def triangle_filter(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """`nengo.synapses.Triangle`.

    Operands: increments?, n, y, u, Y, X, Xi, number of taps, parameters (first tap,
    difference of two taps).
    """
    inc, n = code[at], code[at + 1]
    y, y_stride, y_lane = code[at + 2], code[at + 3], code[at + 4]
    u, u_stride, u_lane = code[at + 5], code[at + 6], code[at + 7]
    Y, Y_stride, Y_lane = code[at + 8], code[at + 9], code[at + 10]
    X, X_stride, X_lane = code[at + 11], code[at + 12], code[at + 13]
    Xi, Xi_lane = code[at + 14], code[at + 16]
    n_taps, first = code[at + 17], arena[code[at + 18]]
    difference = arena[code[at + 18] + 1]
    for b in range(n_lanes(lanes)):
        position = (int(arena[Xi + b * Xi_lane]) + 1) % n_taps
        arena[Xi + b * Xi_lane] = position
        for i in range(n):
            value = arena[u + i * u_stride + b * u_lane]
            total = 0.0
            for k in range(n_taps):
                total += arena[X + (k * n + i) * X_stride + b * X_lane]
            here = Y + i * Y_stride + b * Y_lane
            output = arena[here] + first * value - total
            arena[here] = output
            arena[X + (position * n + i) * X_stride + b * X_lane] = difference * value
            to = y + i * y_stride + b * y_lane
            arena[to] = arena[to] + output if inc else output
