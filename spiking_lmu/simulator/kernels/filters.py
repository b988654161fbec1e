"""Linear filters (`nengo.synapses.LinearFilter`), one step of each kind of Nengo's."""

from __future__ import annotations

from typing import Any

from .compilation import kernel
from .lanes import n_lanes
from .operators import FAST_SUMS, add_scaled, packed


@kernel()
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


@kernel(fastmath=FAST_SUMS)
def lowpass(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``y = x = a x + b u``. Operands: increments?, n, y, u, x, parameters a, b."""
    inc, n = code[at], code[at + 1]
    y, y_stride, y_lane = code[at + 2], code[at + 3], code[at + 4]
    u, u_stride, u_lane = code[at + 5], code[at + 6], code[at + 7]
    x, x_stride, x_lane = code[at + 8], code[at + 9], code[at + 10]
    keep, take = arena[code[at + 11]], arena[code[at + 11] + 1]
    size = n * n_lanes(lanes)
    simple = packed(y_stride, y_lane, lanes) and packed(u_stride, u_lane, lanes)
    if simple and packed(x_stride, x_lane, lanes):
        X, U, Y = arena[x : x + size], arena[u : u + size], arena[y : y + size]
        if inc:
            for i in range(size):
                X[i] = keep * X[i] + take * U[i]
                Y[i] += X[i]
        else:
            for i in range(size):
                X[i] = keep * X[i] + take * U[i]
                Y[i] = X[i]
        return
    for i in range(n):
        for b in range(n_lanes(lanes)):
            here = x + i * x_stride + b * x_lane
            value = keep * arena[here] + take * arena[u + i * u_stride + b * u_lane]
            arena[here] = value
            to = y + i * y_stride + b * y_lane
            arena[to] = arena[to] + value if inc else value


@kernel(fastmath=FAST_SUMS)
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
    simple = packed(y_stride, y_lane, lanes) and packed(u_stride, u_lane, lanes)
    if order == 2 and simple and packed(x_stride, x_lane, lanes) and not inc:
        _second_order(arena, n * n_lanes(lanes), y, u, x, A, of_new)
        return
    for i in range(n):
        for b in range(n_lanes(lanes)):
            value = arena[u + i * u_stride + b * u_lane]
            output = 0.0 if of_new else arena[D] * value
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


@kernel(fastmath=FAST_SUMS)
def _second_order(
    arena: Any, n: int, y: int, u: int, x: int, at: int, of_new: int
) -> None:
    """A filter with two states, such as `nengo.Alpha`, for neighbours."""
    A00, A01, A10, A11 = arena[at], arena[at + 1], arena[at + 2], arena[at + 3]
    B0, B1, C0, C1 = arena[at + 4], arena[at + 5], arena[at + 6], arena[at + 7]
    D = arena[at + 8]
    Y, U = arena[y : y + n], arena[u : u + n]
    X0, X1 = arena[x : x + n], arena[x + n : x + 2 * n]
    if of_new:
        for i in range(n):
            new = A00 * X0[i] + A01 * X1[i] + B0 * U[i]
            X1[i] = A10 * X0[i] + A11 * X1[i] + B1 * U[i]
            X0[i] = new
            Y[i] = C0 * new + C1 * X1[i]
    else:
        for i in range(n):
            output = C0 * X0[i] + C1 * X1[i] + D * U[i]
            new = A00 * X0[i] + A01 * X1[i] + B0 * U[i]
            X1[i] = A10 * X0[i] + A11 * X1[i] + B1 * U[i]
            X0[i] = new
            Y[i] = output


@kernel(fastmath=FAST_SUMS)
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
    size = n * n_lanes(lanes)
    simple = packed(Y_stride, Y_lane, lanes) and packed(X_stride, X_lane, lanes)
    for k in range(n_taps):
        if simple:
            add_scaled(arena, Y, -1.0, X + k * size, size)
        else:
            for i in range(n):
                for b in range(n_lanes(lanes)):
                    arena[Y + i * Y_stride + b * Y_lane] -= arena[
                        X + (k * n + i) * X_stride + b * X_lane
                    ]
    for b in range(n_lanes(lanes)):
        position = (int(arena[Xi + b * Xi_lane]) + 1) % n_taps
        arena[Xi + b * Xi_lane] = position
        for i in range(n):
            value = arena[u + i * u_stride + b * u_lane]
            here = Y + i * Y_stride + b * Y_lane
            output = arena[here] + first * value
            arena[here] = output
            arena[X + (position * n + i) * X_stride + b * X_lane] = difference * value
            to = y + i * y_stride + b * y_lane
            arena[to] = arena[to] + output if inc else output
