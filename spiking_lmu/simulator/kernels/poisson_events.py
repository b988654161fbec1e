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
"""

from __future__ import annotations

import math
from typing import Any

import nengo
import numpy as np

from .bits import bits_of, high_product
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
# its current, current above the threshold at x = 0, decoders.
DT, HEIGHT, SCALE, N_CELLS = range(4)
HEADER = 4
# A cell of x: first of the neurons that can be active, their number, a bound on their
# rates, mean number of candidates
FIRST, COUNT, BOUND, MEAN = range(4)
CELL = 4
CELLS = 256

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
    j = np.maximum(
        _largest(gain[:n_negative], offset[:n_negative], left),
        _largest(gain[n_negative:], offset[n_negative:], right),
    )
    bound = np.where(j > 0, _rates(neuron_type, j * (1 + GUARD)), 0) * (1 + GUARD)
    mean = np.where(bound * dt <= MOST, bound * dt * (last - first), np.inf)
    cells = np.column_stack([first, last - first, bound, mean])
    header = [dt, neuron_type.amplitude / dt, scale, CELLS]
    rows = np.column_stack([gain, offset, np.asarray(decoders, float)[order]])
    return np.concatenate([header, cells.ravel(), rows.ravel()]), order


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


def _largest(gain: np.ndarray, offset: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The largest of the neurons' currents above the threshold at each x."""
    with np.errstate(over="ignore"):
        return np.array([np.max(gain * value + offset, initial=0) for value in x])


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
X, TABLE, RATE_TABLE, STREAM, ADDS, COUNTER = 0, 3, 4, 5, 6, 7
SPIKES, N, ORDER, N_OUTPUTS, OUTPUTS = 9, 12, 13, 14, 15


@compiled
def poisson_events(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """One time step of a population.

    Operands: x (a place); table, table of rates, random stream; increments?; counter of
    spikes (offset and lane); spikes (a place), number of neurons, their order (where
    its n integers begin, counted from `at`); number of outputs, then the place of each.

    An offset of -1 stands for no counter and no spikes. Without spikes, the order is
    not used.
    """
    if lanes is None:
        _step(code, at, arena, words, 0)
    else:
        for lane in range(lanes):
            _step(code, at, arena, words, lane)


@compiled
def _step(code: Any, at: int, arena: Any, words: Any, lane: int) -> None:
    x = float(arena[code[at + X] + lane * code[at + X + 2]])
    table, rates = code[at + TABLE], code[at + RATE_TABLE]
    stream = code[at + STREAM] + SIZE * lane
    n_outputs, with_spikes = code[at + N_OUTPUTS], code[at + SPIKES] >= 0
    nothing = math.nan if math.isnan(x) else 0.0
    for k in range(n_outputs):
        to = _output(code, at, k, lane)
        arena[to] = nothing + arena[to] if code[at + ADDS] else nothing
    if with_spikes:
        spikes = code[at + SPIKES] + lane * code[at + SPIKES + 2]
        if code[at + SPIKES + 1] == 1:
            arena[spikes : spikes + code[at + N]] = nothing
        else:
            for i in range(code[at + N]):
                arena[spikes + i * code[at + SPIKES + 1]] = nothing
    if math.isnan(x):
        return
    x = min(max(x, -FARTHEST), FARTHEST)
    part = (1.0 + x / (abs(x) + arena[table + SCALE])) * (0.5 * CELLS)
    cell = table + HEADER + CELL * min(int(part), CELLS - 1)
    rows = table + HEADER + CELL * CELLS
    rows += int(arena[cell + FIRST]) * (2 + n_outputs)
    mean = float(arena[cell + MEAN])
    if mean == 0.0:
        return
    if mean == math.inf:
        count = _each(code, at, arena, words, lane, x, cell, rows)
    elif n_outputs == 1 and not with_spikes:
        n = int(poisson(mean, words, stream))
        total, count = _one_output(n, x, arena, words, stream, cell, rows, rates)
        arena[_output(code, at, 0, lane)] += total * arena[table + HEIGHT]
    else:
        count = _candidates(code, at, arena, words, lane, x, cell, rows)
    if code[at + COUNTER] >= 0:
        arena[code[at + COUNTER] + lane * code[at + COUNTER + 1]] += count


@compiled
def _output(code: Any, at: int, k: int, lane: int) -> int:
    return code[at + OUTPUTS + 3 * k] + lane * code[at + OUTPUTS + 3 * k + 2]


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
    cell: int,
    rows: Any,
    rates: int,
) -> tuple[float, int]:
    """Sum of the decoders, and number, of the accepted ones among n candidates."""
    total, count = 0.0, 0
    s0, s1 = words[stream], words[stream + 1]
    s2, s3 = words[stream + 2], words[stream + 3]
    n_active, bound = np.uint64(arena[cell + COUNT]), float(arena[cell + BOUND])
    rows = np.uint64(rows)
    for _ in range(n):
        # the upper half of the product is the neuron, the lower half a fraction
        word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        row = rows + np.uint64(3) * high_product(word, n_active)
        j = arena[row] * x + arena[row + np.uint64(1)]
        accepted = _accepts(fraction(word * n_active), bound, j, arena, rates)
        total += arena[row + np.uint64(2)] * accepted
        count += accepted
    words[stream], words[stream + 1] = s0, s1
    words[stream + 2], words[stream + 3] = s2, s3
    return total, count


@compiled
def _candidates(
    code: Any,
    at: int,
    arena: Any,
    words: Any,
    lane: int,
    x: float,
    cell: int,
    rows: int,
) -> int:
    """As `_one_output`, for any number of outputs and with spikes."""
    stream, rates = code[at + STREAM] + SIZE * lane, code[at + RATE_TABLE]
    n = int(poisson(float(arena[cell + MEAN]), words, stream))
    count, first, n_outputs = 0, int(arena[cell + FIRST]), code[at + N_OUTPUTS]
    s0, s1 = words[stream], words[stream + 1]
    s2, s3 = words[stream + 2], words[stream + 3]
    n_active, bound = np.uint64(arena[cell + COUNT]), float(arena[cell + BOUND])
    for _ in range(n):
        word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        i = np.int64(high_product(word, n_active))
        row = rows + i * (2 + n_outputs)
        j = arena[row] * x + arena[row + 1]
        accepted = _accepts(fraction(word * n_active), bound, j, arena, rates)
        # to add nothing is faster than to guess whether there is something to add
        if accepted or n_outputs < MANY_OUTPUTS:
            _spike(code, at, arena, lane, first + i, row, float(accepted))
        count += accepted
    words[stream], words[stream + 1] = s0, s1
    words[stream + 2], words[stream + 3] = s2, s3
    return count


@compiled
def _each(
    code: Any,
    at: int,
    arena: Any,
    words: Any,
    lane: int,
    x: float,
    cell: int,
    rows: int,
) -> float:
    """Numbers of spikes of one neuron after the other, where there are many."""
    stream, dt = code[at + STREAM] + SIZE * lane, arena[code[at + TABLE] + DT]
    count = 0.0
    for i in range(int(arena[cell + COUNT])):
        row = rows + i * (2 + code[at + N_OUTPUTS])
        j = arena[row] * x + arena[row + 1]
        n = poisson(rate_at(j, arena, code[at + RATE_TABLE]) * dt, words, stream)
        if n != 0.0:
            _spike(code, at, arena, lane, int(arena[cell + FIRST]) + i, row, n)
        count += n
    return count


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
