"""One-dimensional populations of independent Poisson neurons, event by event.

A neuron spikes n times in a time step, n from a Poisson distribution of mean rate * dt.
So the spikes of a population are events of one Poisson process, each of which belongs
to a neuron in proportion to its rate. Rather than for each neuron, a step draws for the
whole population: a number of candidates from a Poisson distribution whose mean is a
bound on the rates times the number of neurons times dt, then for each candidate one of
the neurons, all alike, which accepts it with probability rate / bound. The numbers of
spikes have exactly the distribution of `nengo.PoissonSpiking` (thinning of a Poisson
process). The work is proportional to the spikes, not to the neurons.

The tables with what a step must know of neurons are made by `event_tables`.

Candidates are neurons in random order. Where the table of a population is larger than
what a processor keeps at hand, they are drawn block by block, each of which fits there
and has a bound of its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .bits import bits_of, high_product, prefetch
from .compilation import compiled
from .event_tables import (
    ALIGNED,
    AMPLITUDE,
    BOUND,
    BOUNDS,
    CELL,
    CELLS,
    COUNT,
    DT,
    FARTHEST,
    FETCHED,
    FIRST,
    FIRST_BITS,
    GUARD,
    HEADER,
    HEIGHT,
    MANY_OUTPUTS,
    MEAN,
    N_BLOCKS,
    N_RATES,
    RATES,
    ROWS,
    SCALE,
    SHIFT,
    TAU_RC,
    TAU_REF,
)
from .random_numbers import (
    SIZE,
    advance,
    fraction,
    poisson,
)


@compiled
def rate_at(j: float, arena: Any, rates: int) -> float:
    """The rate at a current j above the threshold."""
    if not j > 0.0:
        return 0.0
    if arena[rates + TAU_REF] < 0.0:
        return arena[rates + AMPLITUDE] * j
    return arena[rates + AMPLITUDE] / (
        arena[rates + TAU_REF] + arena[rates + TAU_RC] * math.log1p(1.0 / j)
    )


@compiled
def cell_of(x: float, scale: float) -> int:
    """The number of the cell of x that holds a value."""
    return min(int((1.0 + x / (abs(x) + scale)) * (0.5 * CELLS)), CELLS - 1)


# operands of `poisson_events`; those of places are followed by stride and lane
X, TABLE, RATE_TABLE, STREAM = 0, 3, 4, 5
SPIKES, N, ORDER, N_OUTPUTS, OUTPUTS = 6, 9, 10, 11, 12


@compiled
def poisson_events(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """One time step of a population.

    Operands: x (a place); table, table of rates, random stream; spikes (a place; an
    offset of -1 if nobody reads them); number of neurons, their order (where its n
    integers begin, counted from `at`; used for spikes only); number of outputs, then
    the place of each. Outputs are incremented.
    """
    if lanes is None:
        _step(code, at, arena, words, 0)
    else:
        for lane in range(lanes):
            _step(code, at, arena, words, lane)


@compiled
def _step(code: Any, at: int, arena: Any, words: Any, lane: int) -> None:
    x = float(arena[code[at + X] + lane * code[at + X + 2]])
    table = code[at + TABLE]
    stream = code[at + STREAM] + SIZE * lane
    n_outputs, with_spikes = code[at + N_OUTPUTS], code[at + SPIKES] >= 0
    nothing = math.nan if math.isnan(x) else 0.0
    if with_spikes:
        spikes = code[at + SPIKES] + lane * code[at + SPIKES + 2]
        if code[at + SPIKES + 1] == 1:
            arena[spikes : spikes + code[at + N]] = nothing
        else:
            for i in range(code[at + N]):
                arena[spikes + i * code[at + SPIKES + 1]] = nothing
    if math.isnan(x):
        for k in range(n_outputs):
            arena[_output(code, at, k, lane)] = nothing
        return
    x = min(max(x, -FARTHEST), FARTHEST)
    cell = table + HEADER + CELL * cell_of(x, arena[table + SCALE])
    mean = float(arena[cell + MEAN])
    if mean == 0.0:
        return
    first, n_active = int(arena[cell + FIRST]), int(arena[cell + COUNT])
    alone = n_outputs == 1 and not with_spikes
    total = 0.0
    if mean == math.inf:
        _each(code, at, arena, words, lane, x, first, n_active)
    elif arena[table + N_BLOCKS] == 1.0:
        bound = float(arena[cell + BOUND])
        n = int(poisson(mean, words, stream))
        total = _drawn(
            code, at, arena, words, lane, alone, n, x, first, n_active, bound
        )
    else:
        bounds = table + int(arena[table + BOUNDS])
        bounds += (cell - table - HEADER) // CELL * int(arena[table + N_BLOCKS])
        total = _in_blocks(
            code, at, arena, words, lane, alone, x, first, first + n_active, bounds
        )
    if alone:
        arena[_output(code, at, 0, lane)] += total * arena[table + HEIGHT]


@compiled
def _output(code: Any, at: int, k: int, lane: int) -> int:
    return code[at + OUTPUTS + 3 * k] + lane * code[at + OUTPUTS + 3 * k + 2]


@compiled
def _row(code: Any, at: int, i: int) -> int:
    """Where the row of the neuron at position i of the table begins."""
    width = 2 + code[at + N_OUTPUTS]
    return code[at + TABLE] + HEADER + CELL * CELLS + i * width


@compiled
def _drawn(
    code: Any,
    at: int,
    arena: Any,
    words: Any,
    lane: int,
    alone: bool,
    n: int,
    x: float,
    first: int,
    n_active: int,
    bound: float,
) -> float:
    """Work on n candidates among some neurons.

    Where there is one output alone, the sum of the decoders of the accepted ones is
    returned. Otherwise, their spikes are added to outputs and spikes.
    """
    if alone:
        stream, rates = code[at + STREAM] + SIZE * lane, code[at + RATE_TABLE]
        rows = _row(code, at, first)
        return _one_output(n, x, arena, words, stream, rows, n_active, bound, rates)
    _candidates(code, at, arena, words, lane, n, x, first, n_active, bound)
    return 0.0


@compiled
def _in_blocks(
    code: Any,
    at: int,
    arena: Any,
    words: Any,
    lane: int,
    alone: bool,
    x: float,
    first: int,
    end: int,
    bounds: int,
) -> float:
    """Draw candidates among some neurons and work on them, block by block."""
    table, stream = code[at + TABLE], code[at + STREAM] + SIZE * lane
    block, total = int(arena[table + ROWS]), 0.0
    while first < end:
        n_active = min(block - first % block, end - first)
        bound = float(arena[bounds + first // block])
        n = int(poisson(bound * arena[table + DT] * n_active, words, stream))
        # with many candidates, all of the next block is fetched meanwhile, bit by bit
        fetched = _row(code, at, first + n_active)
        fetched_end = _row(code, at, min(first + n_active + block, end))
        parts = 1
        if n > n_active // 8:
            parts += (fetched_end - fetched) // FETCHED
        for part in range(parts, 0, -1):
            if parts > 1:
                for k in range(fetched, min(fetched + FETCHED, fetched_end), ALIGNED):
                    prefetch(arena, k)
                fetched += FETCHED
            now = n // part
            total += _drawn(
                code, at, arena, words, lane, alone, now, x, first, n_active, bound
            )
            n -= now
        first += n_active
    return total


@compiled(forceinline=True)
def _accepts(u: float, bound: float, j: float, arena: Any, rates: int) -> int:
    """Whether ``u * bound`` is below the rate at j."""
    edge = np.uint64(rates + RATES)
    edge += np.uint64(min(max((bits_of(j) >> SHIFT) - FIRST_BITS, 0), N_RATES - 1))
    # without branches, so that the processor works on several candidates at once
    certain = int(u * (bound * (1.0 + GUARD)) < arena[edge])
    possible = int(u * (bound * (1.0 - GUARD)) < arena[edge + np.uint64(1)])
    if certain != possible:
        return int(u * bound < rate_at(j, arena, rates))
    return certain


@compiled
def _one_output(
    n: int,
    x: float,
    arena: Any,
    words: Any,
    stream: int,
    rows: Any,
    n_active: Any,
    bound: float,
    rates: int,
) -> float:
    """Sum of the decoders of the accepted ones among n candidates."""
    total = 0.0
    s0, s1 = words[stream], words[stream + 1]
    s2, s3 = words[stream + 2], words[stream + 3]
    rows, n_active = np.uint64(rows), np.uint64(n_active)
    for _ in range(n):
        # the upper half of the product is the neuron, the lower half a fraction
        word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        row = rows + np.uint64(3) * high_product(word, n_active)
        j = arena[row] * x + arena[row + np.uint64(1)]
        accepted = _accepts(fraction(word * n_active), bound, j, arena, rates)
        total += arena[row + np.uint64(2)] * accepted
    words[stream], words[stream + 1] = s0, s1
    words[stream + 2], words[stream + 3] = s2, s3
    return total


@compiled
def _candidates(
    code: Any,
    at: int,
    arena: Any,
    words: Any,
    lane: int,
    n: int,
    x: float,
    first: int,
    n_active: Any,
    bound: float,
) -> None:
    """As `_one_output`, for any number of outputs and with spikes."""
    stream, rates = code[at + STREAM] + SIZE * lane, code[at + RATE_TABLE]
    n_outputs = code[at + N_OUTPUTS]
    rows, n_active = _row(code, at, first), np.uint64(n_active)
    s0, s1 = words[stream], words[stream + 1]
    s2, s3 = words[stream + 2], words[stream + 3]
    for _ in range(n):
        word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        i = np.int64(high_product(word, n_active))
        row = rows + i * (2 + n_outputs)
        j = arena[row] * x + arena[row + 1]
        accepted = _accepts(fraction(word * n_active), bound, j, arena, rates)
        # to add nothing is faster than to guess whether there is something to add
        if accepted or n_outputs < MANY_OUTPUTS:
            _spike(code, at, arena, lane, first + i, row, float(accepted))
    words[stream], words[stream + 1] = s0, s1
    words[stream + 2], words[stream + 3] = s2, s3


@compiled
def _each(
    code: Any,
    at: int,
    arena: Any,
    words: Any,
    lane: int,
    x: float,
    first: int,
    n_active: int,
) -> None:
    """Numbers of spikes of one neuron after the other, where there are many."""
    stream, dt = code[at + STREAM] + SIZE * lane, arena[code[at + TABLE] + DT]
    for i in range(first, first + n_active):
        row = _row(code, at, i)
        j = arena[row] * x + arena[row + 1]
        n = poisson(rate_at(j, arena, code[at + RATE_TABLE]) * dt, words, stream)
        if n != 0.0:
            _spike(code, at, arena, lane, i, row, n)


@compiled(forceinline=True)
def _spike(
    code: Any, at: int, arena: Any, lane: int, i: int, row: int, n: float
) -> None:
    """Add n spikes of the neuron that has position i and this row in the table."""
    height = n * arena[code[at + TABLE] + HEIGHT]
    for k in range(code[at + N_OUTPUTS]):
        arena[_output(code, at, k, lane)] += arena[row + 2 + k] * height
    if code[at + SPIKES] >= 0:
        spikes = code[at + SPIKES] + lane * code[at + SPIKES + 2]
        arena[spikes + code[at + code[at + ORDER] + i] * code[at + SPIKES + 1]] += (
            height
        )
