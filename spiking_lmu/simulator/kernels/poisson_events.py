"""One-dimensional populations of independent Poisson neurons, event by event.

A neuron spikes n times in a time step, n from a Poisson distribution of mean rate * dt.
So the spikes of a population are events of one Poisson process, each of which belongs
to a neuron in proportion to its rate. Rather than for each neuron, a step draws for the
whole population: a number of candidates from a Poisson distribution whose mean is a
bound on the rates times the number of neurons times dt, then for each candidate one of
the neurons, all alike, which accepts it with probability rate / bound. The numbers of
spikes have exactly the distribution of `nengo.PoissonSpiking` (thinning of a Poisson
process). The work is proportional to the spikes, not to the neurons.

Which neurons can be active, and what bounds their rates, depends on the represented
value x alone. `event_tables` finds both, once, for cells of x:

- Neurons are sorted such that those active at some x are neighbors: first the ones with
  negative slopes, by threshold, then the ones with positive slopes, by threshold.
- Rates rise with currents, so a current's bound gives a rate's.

Most candidates are accepted or rejected without computing a rate. The currents are
divided into cells too, 64 for each factor of two, with a lower and an upper bound on
the rate in each. Only if the drawn number lies between the two is the rate computed.

Candidates are neurons in random order. Where the table of a population is larger than
what a processor keeps at hand, they are drawn block by block, each of which fits there
and has a bound of its own.
"""

from __future__ import annotations

import math
from typing import Any

import nengo
import numpy as np

from .bits import bits_of, high_product, prefetch
from .compilation import compiled
from .random_numbers import (
    SIZE,
    advance,
    fraction,
    poisson,
)

# The table of rates: tau_ref, tau_rc, amplitude, then the rates at the edges of cells
# of currents above the threshold. They reach from 2**LOWEST to 2**HIGHEST, the first
# extends down to minus and the last up to infinity.
TAU_REF, TAU_RC, AMPLITUDE, RATES = range(4)
LOWEST, HIGHEST = -20, 16
DIGITS = 6  # there are 2**DIGITS cells for each factor of two
N_RATES = (HIGHEST - LOWEST) << DIGITS
SHIFT = 52 - DIGITS  # the upper bits of a float are the number of its cell
FIRST_BITS = (1023 + LOWEST) << DIGITS

# The table of a population: a header, cells of x, then a row for each neuron: slope of
# its current, current above the threshold at x = 0, decoders. If there are several
# blocks of rows, then for each cell of x a bound on the rates in each block. The header
# says how many rows a block has, how many blocks there are, and where the bounds begin.
DT, HEIGHT, SCALE, ROWS, N_BLOCKS, BOUNDS = range(6)
HEADER = 8
# A cell of x: first of the neurons that can be active, their number, a bound on their
# rates, mean number of candidates
FIRST, COUNT, BOUND, MEAN = range(4)
CELL = 4
CELLS = 256

BLOCK = 2**14  # numbers in a block of rows, 128 KB: a part of the second cache
ALIGNED = 8  # numbers in a line of the cache
FETCHED = 32 * ALIGNED  # numbers that are fetched at a time
MANY_OUTPUTS = 8
MOST = 4.0  # candidates of a neuron in a step; with more, each neuron draws its number
FARTHEST = 1e300  # values x beyond are moved there
GUARD = 1e-9  # more than all errors of rounding


def eligible(neuron_type: nengo.neurons.NeuronType) -> bool:
    """Whether neurons of a type can be simulated by events."""
    return type(neuron_type) is nengo.PoissonSpiking and type(
        neuron_type.base_type
    ) in (nengo.LIFRate, nengo.RectifiedLinear)


def _is_linear(neuron_type: nengo.PoissonSpiking) -> bool:
    return isinstance(neuron_type.base_type, nengo.RectifiedLinear)


def _rates(neuron_type: nengo.PoissonSpiking, j: np.ndarray) -> np.ndarray:
    """Rates at currents above the threshold; without limit where they overflow."""
    base = neuron_type.base_type
    threshold = 0.0 if _is_linear(neuron_type) else 1.0
    with np.errstate(over="ignore", divide="ignore"):
        return base.rates(j, np.ones(1), np.full(1, threshold))[:, 0]


def rate_table(neuron_type: nengo.PoissonSpiking) -> np.ndarray:
    """The tuning curve of an `eligible` type, which its populations can share."""
    base, linear = neuron_type.base_type, _is_linear(neuron_type)
    header = [-1.0, 0.0] if linear else [base.tau_ref, base.tau_rc]
    bits = (FIRST_BITS + np.arange(1, N_RATES)) << SHIFT
    edges = _rates(neuron_type, bits.view(np.float64))
    unbounded = linear or base.tau_ref == 0
    highest = np.inf if unbounded else base.amplitude / base.tau_ref
    return np.concatenate([header, [base.amplitude], [0.0], edges, [highest]])


def event_table(
    gain: np.ndarray,
    bias: np.ndarray,
    decoders: np.ndarray,
    neuron_type: nengo.PoissonSpiking,
    dt: float,
) -> tuple[np.ndarray, np.ndarray]:
    """What `poisson_events` must know of a population.

    Parameters
    ----------
    gain : (n,) ndarray
        Slopes of the neurons' currents: gains times encoders over the radius.
    bias : (n,) ndarray
    decoders : (n, n_outputs) ndarray
    neuron_type : nengo.PoissonSpiking
        An `eligible` type.
    dt : float
        Length of a time step in seconds.

    Returns
    -------
    table : ndarray
        Numbers to be put into the arena.
    order : (n,) ndarray of int
        The neurons in the order of the table.
    """
    gain, bias = np.asarray(gain, float), np.asarray(bias, float)
    offset = bias if _is_linear(neuron_type) else bias - 1
    order, n_negative, crossings = _sorted(gain, offset)
    gain, offset = gain[order], offset[order]
    known = np.abs(crossings[np.isfinite(crossings)])
    scale = float(np.quantile(known, 0.9)) if len(known) else 0.0
    if not scale > 0:
        scale = 1.0
    edges = np.linspace(-1, 1, CELLS + 1)
    left, right = _values(edges[:-1], -GUARD, scale), _values(edges[1:], GUARD, scale)
    first = np.searchsorted(crossings[:n_negative], left)
    last = n_negative + np.searchsorted(crossings[n_negative:], right, side="right")
    rows = np.column_stack([gain, offset, np.asarray(decoders, float)[order]])
    block = max(BLOCK // rows.shape[1], 1)
    largest = _largest(gain, offset, n_negative, left, right, block)
    bounds = _rates(neuron_type, largest.ravel() * (1 + GUARD)).reshape(largest.shape)
    bounds = np.where(largest > 0, bounds, 0) * (1 + GUARD)
    bound, n_blocks = bounds.max(axis=1), largest.shape[1]
    mean = np.where(bound * dt <= MOST, bound * dt * (last - first), np.inf)
    cells = np.column_stack([first, last - first, bound, mean])
    where = HEADER + cells.size + rows.size
    header = [dt, neuron_type.amplitude / dt, scale, block, n_blocks, where, 0, 0]
    parts = [np.array(header), cells.ravel(), rows.ravel()]
    parts += [bounds.ravel()] if n_blocks > 1 else []
    return np.concatenate(parts), order


def _sorted(gain: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
    """An order in which the neurons active at some x are neighbors.

    Returns the order, the number of negative slopes, and, in this order, the x at which
    each neuron becomes active. The first are active below it, the others above.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        crossing = -offset / gain
    constant = gain == 0
    crossing[constant] = np.where(offset[constant] > 0, -np.inf, np.inf)
    order = np.lexsort([crossing, gain >= 0])
    return order, int(np.count_nonzero(gain < 0)), crossing[order]


def _values(s: np.ndarray, more: float, scale: float) -> np.ndarray:
    """The inverse of ``s = x / (abs(x) + scale)``, which maps all x to (-1, 1)."""
    s = np.clip(s + more, -1, 1)
    with np.errstate(divide="ignore"):
        x = scale * s / (1 - np.abs(s))
    return np.clip(x, -FARTHEST, FARTHEST)


def _largest(
    gain: np.ndarray,
    offset: np.ndarray,
    n_negative: int,
    left: np.ndarray,
    right: np.ndarray,
    block: int,
) -> np.ndarray:
    """The largest of the currents above the threshold: (cells, blocks of neurons).

    Those with negative slopes are largest at the left edge of a cell.
    """
    largest = np.empty((len(left), -(-len(gain) // block)))
    j = np.empty(len(gain))
    with np.errstate(over="ignore"):
        for k, (low, high) in enumerate(zip(left, right, strict=True)):
            np.multiply(gain[:n_negative], low, out=j[:n_negative])
            np.multiply(gain[n_negative:], high, out=j[n_negative:])
            j += offset
            largest[k] = np.maximum.reduceat(j, np.arange(0, len(j), block))
    return np.maximum(largest, 0)


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
    part = (1.0 + x / (abs(x) + arena[table + SCALE])) * (0.5 * CELLS)
    cell = table + HEADER + CELL * min(int(part), CELLS - 1)
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
