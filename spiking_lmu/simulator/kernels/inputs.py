"""Processes that give values: tables, presented inputs, pieces."""

from __future__ import annotations

from typing import Any

from .bits import float_of
from .compilation import kernel
from .lanes import n_lanes


@kernel()
def table(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """Rows of a table, one each step, again and again (`nengo.processes.WhiteSignal`).

    Operands: increments?, n, y, time, table, number of rows, parameters (dt). The table
    has one value for each row, element and lane.
    """
    inc, n = code[at], code[at + 1]
    y, y_stride, y_lane = code[at + 2], code[at + 3], code[at + 4]
    rows, dt = code[at + 7], arena[code[at + 8]]
    row = round(arena[code[at + 5]] / dt) % rows
    of = code[at + 6] + row * n * n_lanes(lanes)
    for i in range(n):
        for b in range(n_lanes(lanes)):
            value = arena[of + i * n_lanes(lanes) + b]
            to = y + i * y_stride + b * y_lane
            arena[to] = arena[to] + value if inc else value


@kernel()
def present_input(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """`nengo.processes.PresentInput`.

    Operands: increments?, n, y, time, inputs, number of inputs, parameters (dt,
    presentation time). The inputs are the same for all lanes.
    """
    inc, n = code[at], code[at + 1]
    y, y_stride, y_lane = code[at + 2], code[at + 3], code[at + 4]
    time, rows, parameters = arena[code[at + 5]], code[at + 7], code[at + 8]
    shown = (time - arena[parameters]) / arena[parameters + 1]
    of = code[at + 6] + int(shown + 1e-7) % rows * n
    for i in range(n):
        for b in range(n_lanes(lanes)):
            to = y + i * y_stride + b * y_lane
            arena[to] = arena[to] + arena[of + i] if inc else arena[of + i]


@kernel()
def piecewise(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """`nengo.processes.Piecewise` without interpolation.

    Operands: increments?, n, y, time, values, number of pieces, parameters (dt, then
    the times at which the pieces begin).
    """
    inc, n = code[at], code[at + 1]
    y, y_stride, y_lane = code[at + 2], code[at + 3], code[at + 4]
    pieces, parameters = code[at + 7], code[at + 8]
    time = arena[code[at + 5]] + 0.5 * arena[parameters]
    piece = -1
    while piece + 1 < pieces and arena[parameters + 1 + piece + 1] < time:
        piece += 1
    for i in range(n):
        value = 0.0 if piece < 0 else arena[code[at + 6] + piece * n + i]
        for b in range(n_lanes(lanes)):
            to = y + i * y_stride + b * y_lane
            arena[to] = arena[to] + value if inc else value


@kernel()
def feed(
    code: Any, at: int, arena: Any, values: Any, starts: Any, row: int, lanes: Any
) -> None:
    """Values that were made before. Operands: increments?, n, y, which feed."""
    inc, n = code[at], code[at + 1]
    y, y_stride, y_lane = code[at + 2], code[at + 3], code[at + 4]
    of = starts[code[at + 5]] + row * n * n_lanes(lanes)
    for i in range(n):
        for b in range(n_lanes(lanes)):
            to = y + i * y_stride + b * y_lane
            value = values[of + i * n_lanes(lanes) + b]
            arena[to] = arena[to] + value if inc else value


@kernel()
def record(code: Any, at: int, arena: Any, values: Any, clock: Any, lanes: Any) -> None:
    """Write a probed signal to its record, if it is time to.

    Operands: n, signal, k, and the bits of the period in steps. ``clock[0]`` is the
    number of the step; ``clock[k]`` says where the probe's next row begins.
    """
    if clock[0] % float_of(code[at + 5]) >= 1:
        return
    n, x, x_stride, x_lane = code[at], code[at + 1], code[at + 2], code[at + 3]
    to = clock[code[at + 4]]
    clock[code[at + 4]] = to + n * n_lanes(lanes)
    for b in range(n_lanes(lanes)):
        for i in range(n):
            values[to + b * n + i] = arena[x + i * x_stride + b * x_lane]


@kernel()
def watch(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """Note the first value of a signal's element outside of its bounds.

    Operands: signal's element, whether it was noted, time, parameters (largest
    magnitude, then room for time and value of the note).
    """
    x, x_lane, noted, noted_lane = code[at], code[at + 2], code[at + 3], code[at + 5]
    parameters = code[at + 7]
    largest = arena[parameters]
    for b in range(n_lanes(lanes)):
        value = arena[x + b * x_lane]
        if not -largest <= value <= largest and arena[noted + b * noted_lane] == 0:
            arena[noted + b * noted_lane] = 1
            arena[parameters + 1] = arena[code[at + 6]]
            arena[parameters + 2] = value
