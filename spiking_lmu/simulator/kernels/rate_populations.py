"""One-dimensional populations whose spikes follow from rates: coordinated or regular.

Regular neurons add up what they are expected to spike, each for itself, and spike where
this passes a whole number. Coordinated ones do so from neuron to neuron, beginning with
a number that is drawn in each step.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .bits import bits_of, float_of
from .compilation import compiled
from .event_tables import CELLS, FARTHEST
from .lanes import n_lanes
from .neurons import fractional_part, log1p_inverse
from .poisson_events import cell_of
from .populations import dot
from .random_numbers import SIZE, uniform
from .rate_tables import (
    CELL,
    EXPECTED,
    HEADER,
    HEIGHT,
    RUNS,
    SCALE,
    TAU_RC,
    TAU_REF,
)

# Sums along the order are of whole numbers of units: a processor adds these three times
# as fast as floats.
DIGITS = 52
UNITS = 2.0**DIGITS
REST = (1 << DIGITS) - 1

VECTORS = 32  # loops over so many numbers, or multiples of them, are fast
ONE_DRAW, REGULAR = -1, -2  # instead of a random stream
ROWS = 3  # of numbers of all neurons in the scratch


def scratch_size(n: int, n_outputs: int, lanes: int | None) -> int:
    """How many numbers `rate_population` needs for its own use in the arena."""
    return ROWS * (n + VECTORS) if lanes is None else (3 + n_outputs) * lanes


# operands of `rate_population`; those of places are followed by stride and lane
X, TABLE, SCRATCH, STREAM, STATE, SHIFT = 0, 3, 4, 5, 6, 8
SPIKES, N, N_OUTPUTS, OUTPUTS = 9, 12, 13, 14


@compiled
def rate_population(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """One time step of a population.

    Operands: x (a place); table, scratch; random stream, `ONE_DRAW` or `REGULAR`; the
    population's random number, or the neurons' voltages (offset and lane); what is
    added to a number that was drawn once, where 0 means that the running sum goes on
    from step to step; spikes (a place; an offset of -1 if nobody reads them); number of
    neurons; number of outputs, then the place of each. Outputs are incremented.
    """
    if lanes is None:
        _alone(code, at, arena, words)
    else:
        _side_by_side(code, at, arena, words, n_lanes(lanes))


@compiled
def _padded(n: int) -> int:
    """The next multiple of `VECTORS`."""
    return (n + VECTORS - 1) // VECTORS * VECTORS


@compiled
def _drawn(code: Any, at: int, arena: Any, words: Any, lane: int) -> Any:
    """The population's random number in this step."""
    place = code[at + STATE] + lane * code[at + STATE + 1]
    if code[at + STREAM] == ONE_DRAW:
        arena[place] = fractional_part(arena[place] + arena[code[at + SHIFT]])
    else:
        arena[place] = uniform(words, code[at + STREAM] + SIZE * lane)
    return arena[place]


@compiled
def _carries(code: Any, at: int, arena: Any) -> bool:
    """Whether the running sum of a step begins where that of the last step ended."""
    return code[at + STREAM] == ONE_DRAW and arena[code[at + SHIFT]] == 0.0


@compiled
def _alone(code: Any, at: int, arena: Any, words: Any) -> None:
    """One time step of a population in a single network."""
    x, table, n = float(arena[code[at + X]]), code[at + TABLE], code[at + N]
    regular = code[at + STREAM] == REGULAR
    start = 0.0 if regular else _drawn(code, at, arena, words, 0)
    invalid = math.isnan(x) or math.isnan(start)
    nothing = math.nan if invalid else 0.0
    to, stride = code[at + SPIKES], code[at + SPIKES + 1]
    if to >= 0:
        for i in range(n):
            arena[to + i * stride] = nothing
    if invalid:
        for k in range(code[at + N_OUTPUTS]):
            arena[code[at + OUTPUTS + 3 * k]] = nothing
        if regular:
            arena[code[at + STATE] : code[at + STATE] + n] = nothing
        elif _carries(code, at, arena):
            arena[code[at + STATE]] = nothing
        return
    x = min(max(x, -FARTHEST), FARTHEST)
    cell = table + HEADER + CELL * cell_of(x, arena[table + SCALE])
    rows, scratch, size = table + HEADER + CELL * CELLS, code[at + SCRATCH], _padded(n)
    slopes, offsets = scratch, scratch + size
    # the active neurons side by side, and what fills up and is never active
    _gather(arena, cell, rows, slopes, 0.0)
    m = _gather(arena, cell, rows + n, offsets, -1.0)
    # in the same places: numbers of spikes, and what they are made of
    parts, before = arena[slopes : slopes + m], arena[offsets : offsets + m]
    spikes = arena[scratch + 2 * size : scratch + 2 * size + m]
    tau_ref, tau_rc = arena[table + TAU_REF], arena[table + TAU_RC]
    if tau_ref < 0.0:
        _linear(x, parts, before, spikes, arena[table + EXPECTED])
    else:
        _lif(x, parts, before, spikes, tau_ref, tau_rc, arena[table + EXPECTED])
    if not regular:
        _split(spikes, parts)
        total = _add_up(start, parts, before)
        if _carries(code, at, arena):
            arena[code[at + STATE]] = (total & REST) / UNITS
        _count(spikes, parts, before)
    height = arena[table + HEIGHT]
    if regular or to >= 0:
        m = 0
        for run in range(RUNS):
            first, end = int(arena[cell + 2 * run]), int(arena[cell + 2 * run + 1])
            here = spikes[m : m + end - first]
            if regular:
                voltages = code[at + STATE]
                _integrate(arena[voltages + first : voltages + end], here)
            if to >= 0:
                for i in range(end - first):
                    arena[to + (first + i) * stride] = height * here[i]
            m += end - first
    for k in range(code[at + N_OUTPUTS]):
        _gather(arena, cell, rows + (2 + k) * n, slopes, 0.0)
        arena[code[at + OUTPUTS + 3 * k]] += height * dot(parts, spikes)


@compiled
def _gather(arena: Any, cell: int, of: int, to: int, rest: float) -> int:
    """Put the numbers of the active neurons side by side; how many there are then."""
    m = 0
    for run in range(RUNS):
        first, end = int(arena[cell + 2 * run]), int(arena[cell + 2 * run + 1])
        _copy(arena[of + first : of + end], arena[to + m : to + m + end - first])
        m += end - first
    for i in range(m, _padded(m)):
        arena[to + i] = rest
    return _padded(m)


@compiled
def _copy(numbers: Any, to: Any) -> None:
    for i in range(len(to)):
        to[i] = numbers[i]


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
def _split(numbers: Any, parts: Any) -> None:
    """Split numbers into their whole parts and the `UNITS` of the rest."""
    for i in range(len(numbers)):
        whole = np.floor(numbers[i])
        parts[i] = float_of(np.int64((numbers[i] - whole) * UNITS))
        numbers[i] = whole


@compiled
def _add_up(start: float, parts: Any, before: Any) -> Any:
    """For each neuron, the sum of the parts before it; and the sum of all."""
    total = np.int64(start * UNITS)
    for i in range(len(parts)):
        before[i] = float_of(total)
        total += bits_of(parts[i])
    return total


@compiled
def _count(numbers: Any, parts: Any, before: Any) -> None:
    """Add one where the sum of parts passes a whole number."""
    for i in range(len(numbers)):
        total = (bits_of(before[i]) & REST) + bits_of(parts[i])
        numbers[i] += float(total >> DIGITS)


@compiled
def _integrate(voltage: Any, spikes: Any) -> None:
    """Regular spikes instead of their expected numbers."""
    for i in range(len(voltage)):
        total = voltage[i] + spikes[i]
        spikes[i] = np.floor(total)
        voltage[i] = total - spikes[i]


@compiled
def _side_by_side(code: Any, at: int, arena: Any, words: Any, n_lane: int) -> None:
    """One time step of a population in each network of a minibatch."""
    table, scratch, n = code[at + TABLE], code[at + SCRATCH], code[at + N]
    n_outputs, size = code[at + N_OUTPUTS], np.uint64(n_lane)
    x, sums = np.uint64(scratch), np.uint64(scratch + n_lane)
    spikes = np.uint64(scratch + 2 * n_lane)
    totals = np.uint64(scratch + 3 * n_lane)
    for b in range(n_lane):
        arena[scratch + b] = arena[code[at + X] + b * code[at + X + 2]]
        if code[at + STREAM] != REGULAR:
            arena[scratch + n_lane + b] = _drawn(code, at, arena, words, b)
    arena[scratch + 3 * n_lane : scratch + (3 + n_outputs) * n_lane] = 0.0
    row = table + HEADER + CELL * CELLS
    tau_ref, tau_rc = arena[table + TAU_REF], arena[table + TAU_RC]
    scale, height = arena[table + EXPECTED], arena[table + HEIGHT]
    zero = scale - scale
    if code[at + STREAM] == REGULAR:
        sums = np.uint64(code[at + STATE])
    for _ in range(n):
        slope, offset = arena[row], arena[row + n]
        if tau_ref < zero:
            for b in range(size):
                j = slope * arena[x + b] + offset
                total = arena[sums + b] + scale * (zero if zero >= j else j)
                number = np.floor(total)
                arena[sums + b] = total - number
                arena[spikes + b] = number
        else:
            for b in range(size):
                j = slope * arena[x + b] + offset
                rate = scale / (tau_ref + tau_rc * log1p_inverse(j))
                total = arena[sums + b] + (zero if zero >= j else rate)
                number = np.floor(total)
                arena[sums + b] = total - number
                arena[spikes + b] = number
        if code[at + STREAM] == REGULAR:
            sums += size
        to = totals
        for k in range(n_outputs):
            weight = arena[row + (2 + k) * n]
            for b in range(size):
                arena[to + b] += weight * arena[spikes + b]
            to += size
        if code[at + SPIKES] >= 0:
            i = row - table - HEADER - CELL * CELLS
            place = code[at + SPIKES] + i * code[at + SPIKES + 1]
            for b in range(n_lane):
                arena[place + b * code[at + SPIKES + 2]] = (
                    height * arena[scratch + 2 * n_lane + b]
                )
        row += 1
    if _carries(code, at, arena):
        for b in range(n_lane):
            place = code[at + STATE] + b * code[at + STATE + 1]
            arena[place] = arena[scratch + n_lane + b]
    for k in range(n_outputs):
        place = at + OUTPUTS + 3 * k
        for b in range(n_lane):
            arena[code[place] + b * code[place + 2]] += (
                height * arena[scratch + (3 + k) * n_lane + b]
            )
