"""One-dimensional populations with coordinated spikes.

A neuron spikes where the running sum of the expected numbers of spikes, in the order of
the neurons, passes a whole number less the population's random number. A step computes
the rates of all neurons that can be active, and their sums over blocks. Only in
blocks in which the running sum passes such a number, it looks at each neuron.

Rates are computed with 32 bits first. Where the running sum comes so close to a whole
number that their errors may matter, the step is done again with 64 bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .bits import bits_of, float_of
from .compilation import compiled
from .coordinated_tables import (
    CELL,
    END,
    EXPECTED,
    FIRST,
    HEADER,
    HEIGHT,
    N_ROWS,
    SCALE,
    TAU_RC,
    TAU_REF,
    rounded_up,
)
from .event_tables import CELLS, FARTHEST
from .lanes import n_lanes
from .neurons import fractional_part, log1p_inverse
from .poisson_events import cell_of
from .populations import _dot
from .random_numbers import SIZE, uniform

# Sums are of whole numbers of units. Their order does not matter, and a processor adds
# them three times as fast as floats.
DIGITS = 52
UNITS = 2.0**DIGITS
REST = (1 << DIGITS) - 1


def scratch_size(n: int, n_outputs: int, lanes: int | None) -> int:
    """How many numbers `coordinated_spikes` needs for its own use in the arena."""
    return 3 * rounded_up(n) if lanes is None else (3 + n_outputs) * lanes


# operands of `coordinated_spikes`; those of places are followed by stride and lane
X, TABLE, SCRATCH, STREAM, OFFSET, SHIFT = 0, 3, 4, 5, 6, 8
SPIKES, N, N_OUTPUTS, OUTPUTS = 9, 12, 13, 14


@compiled
def coordinated_spikes(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """One time step of a population.

    Operands: x (a place); table, scratch, random stream (-1 for none); the population's
    random number (offset and lane), what is added to it without a random stream; spikes
    (a place; an offset of -1 if nobody reads them); number of neurons; number of
    outputs, then the place of each. Outputs are incremented.
    """
    if lanes is None:
        _alone(code, at, arena, words)
    else:
        _side_by_side(code, at, arena, words, n_lanes(lanes))


@compiled
def _drawn(code: Any, at: int, arena: Any, words: Any, lane: int) -> Any:
    """The population's random number in this step."""
    place = code[at + OFFSET] + lane * code[at + OFFSET + 1]
    if code[at + STREAM] < 0:
        arena[place] = fractional_part(arena[place] + arena[code[at + SHIFT]])
    else:
        arena[place] = uniform(words, code[at + STREAM] + SIZE * lane)
    return arena[place]


@compiled
def _alone(code: Any, at: int, arena: Any, words: Any) -> None:
    x, table = float(arena[code[at + X]]), code[at + TABLE]
    total = _drawn(code, at, arena, words, 0)
    nothing = math.nan if math.isnan(x) else 0.0
    if code[at + SPIKES] >= 0:
        for i in range(code[at + N]):
            arena[code[at + SPIKES] + i * code[at + SPIKES + 1]] = nothing
    if math.isnan(x):
        for k in range(code[at + N_OUTPUTS]):
            arena[code[at + OUTPUTS + 3 * k]] = nothing
        return
    x = min(max(x, -FARTHEST), FARTHEST)
    cell = table + HEADER + CELL * cell_of(x, arena[table + SCALE])
    first, end = int(arena[cell + FIRST]), int(arena[cell + END])
    if end > first:
        _all(code, at, arena, x, total, first, end)


@compiled
def _all(
    code: Any,
    at: int,
    arena: Any,
    x: float,
    total: float,
    first: int,
    end: int,
) -> None:
    """A step of all neurons of some blocks; `total` is the population's number."""
    table, m = code[at + TABLE], end - first
    size = int(arena[table + N_ROWS])
    slopes = table + HEADER + CELL * CELLS + first
    slope = arena[slopes : slopes + m]
    offset = arena[slopes + size : slopes + size + m]
    scratch = code[at + SCRATCH]
    expected = arena[scratch : scratch + m]
    parts = arena[scratch + size : scratch + size + m]
    before = arena[scratch + 2 * size : scratch + 2 * size + m]
    tau_ref, tau_rc = arena[table + TAU_REF], arena[table + TAU_RC]
    if tau_ref < 0.0:
        _linear(x, slope, offset, expected, arena[table + EXPECTED])
    else:
        _lif(x, slope, offset, expected, tau_ref, tau_rc, arena[table + EXPECTED])
    _split(expected, parts)
    _add_up(total, parts, before)
    _count(expected, parts, before)
    height = arena[table + HEIGHT]
    for k in range(code[at + N_OUTPUTS]):
        of = slopes + (2 + k) * size
        arena[code[at + OUTPUTS + 3 * k]] += height * _dot(arena[of : of + m], expected)
    if code[at + SPIKES] >= 0:
        to, stride = code[at + SPIKES], code[at + SPIKES + 1]
        for i in range(min(m, code[at + N] - first)):
            arena[to + (first + i) * stride] = height * expected[i]


@compiled
def _split(numbers: Any, parts: Any) -> None:
    """Split numbers into their whole parts and the `UNITS` of the rest."""
    for i in range(len(numbers)):
        whole = np.floor(numbers[i])
        parts[i] = float_of(np.int64((numbers[i] - whole) * UNITS))
        numbers[i] = whole


@compiled
def _add_up(start: float, parts: Any, before: Any) -> None:
    """For each neuron, the sum of the parts before it."""
    total = np.int64(start * UNITS)
    for i in range(len(parts)):
        before[i] = float_of(total)
        total += bits_of(parts[i])


@compiled
def _count(numbers: Any, parts: Any, before: Any) -> None:
    """Add one where the sum of parts passes a whole number."""
    for i in range(len(numbers)):
        total = (bits_of(before[i]) & REST) + bits_of(parts[i])
        numbers[i] += float(total >> DIGITS)


@compiled(fastmath={"contract"})
def _linear(x: float, slope: Any, offset: Any, expected: Any, scale: float) -> None:
    """Expected numbers of spikes of neurons with rectified linear rates."""
    for i in range(len(expected)):
        j = slope[i] * x + offset[i]
        expected[i] = scale * j if j > 0.0 else 0.0


@compiled(fastmath={"contract"})
def _lif(
    x: float,
    slope: Any,
    offset: Any,
    expected: Any,
    tau_ref: float,
    tau_rc: float,
    scale: float,
) -> None:
    """Expected numbers of spikes of neurons with the rates of LIF neurons."""
    for i in range(len(expected)):
        j = slope[i] * x + offset[i]
        active = j > 0.0
        log = log1p_inverse(j if active else 1.0)
        expected[i] = scale / (tau_ref + tau_rc * log) if active else 0.0


@compiled
def _side_by_side(code: Any, at: int, arena: Any, words: Any, n_lane: int) -> None:
    """One time step of a population in each network of a minibatch."""
    table, scratch = code[at + TABLE], code[at + SCRATCH]
    n_outputs, size = code[at + N_OUTPUTS], np.uint64(n_lane)
    x = np.uint64(scratch)
    sums, spikes, totals = x + size, x + size + size, x + size + size + size
    for b in range(n_lane):
        arena[scratch + b] = arena[code[at + X] + b * code[at + X + 2]]
        arena[sums + np.uint64(b)] = _drawn(code, at, arena, words, b)
    arena[scratch + 3 * n_lane : scratch + (3 + n_outputs) * n_lane] = 0.0
    n_rows = int(arena[table + N_ROWS])
    row = table + HEADER + CELL * CELLS
    tau_ref, tau_rc = arena[table + TAU_REF], arena[table + TAU_RC]
    scale, height = arena[table + EXPECTED], arena[table + HEIGHT]
    zero = scale - scale
    for i in range(code[at + N]):
        slope, offset = arena[row], arena[row + n_rows]
        if tau_ref < zero:
            for b in range(size):
                j = slope * arena[x + b] + offset
                total = arena[sums + b] + scale * (zero if zero >= j else j)
                n = np.floor(total)
                arena[sums + b] = total - n
                arena[spikes + b] = n
        else:
            for b in range(size):
                j = slope * arena[x + b] + offset
                rate = scale / (tau_ref + tau_rc * log1p_inverse(j))
                total = arena[sums + b] + (zero if zero >= j else rate)
                n = np.floor(total)
                arena[sums + b] = total - n
                arena[spikes + b] = n
        to = totals
        for k in range(n_outputs):
            weight = arena[row + (2 + k) * n_rows]
            for b in range(size):
                arena[to + b] += weight * arena[spikes + b]
            to += size
        if code[at + SPIKES] >= 0:
            place = code[at + SPIKES] + i * code[at + SPIKES + 1]
            for b in range(n_lane):
                arena[place + b * code[at + SPIKES + 2]] = (
                    height * arena[spikes + np.uint64(b)]
                )
        row += 1
    for k in range(n_outputs):
        place = at + OUTPUTS + 3 * k
        for b in range(n_lane):
            arena[code[place] + b * code[place + 2]] += (
                height * arena[scratch + (3 + k) * n_lane + b]
            )
