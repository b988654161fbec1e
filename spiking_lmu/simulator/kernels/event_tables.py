"""Tables of Poisson populations, which `poisson_events` reads.

Which neurons can be active, and what bounds their rates, depends on the represented
value x alone. `event_table` finds both, once, for cells of x:

- Neurons are sorted such that those active at some x are neighbors: first the ones with
  negative slopes, by threshold, then the ones with positive slopes, by threshold.
- Rates rise with currents, so a current's bound gives a rate's.

Most candidates are accepted or rejected without computing a rate. The currents are
divided into cells too, 64 for each factor of two, with a lower and an upper bound on
the rate in each. Only if the drawn number lies between the two is the rate computed.
"""

from __future__ import annotations

import nengo
import numpy as np
from nengo.neurons import RatesToSpikesNeuronType

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


def _is_linear(neuron_type: RatesToSpikesNeuronType) -> bool:
    return isinstance(neuron_type.base_type, nengo.RectifiedLinear)


def time_constants(neuron_type: RatesToSpikesNeuronType) -> tuple[float, float]:
    """Refractory period and time constant of tuning curves; -1 and 0 of linear ones."""
    base = neuron_type.base_type
    return (-1.0, 0.0) if _is_linear(neuron_type) else (base.tau_ref, base.tau_rc)


def currents(
    gain: np.ndarray, bias: np.ndarray, neuron_type: RatesToSpikesNeuronType
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and offsets (n,) of what the currents are above the threshold."""
    gain, bias = np.asarray(gain, float), np.asarray(bias, float)
    return gain, bias if _is_linear(neuron_type) else bias - 1


def _rates(neuron_type: nengo.PoissonSpiking, j: np.ndarray) -> np.ndarray:
    """Rates at currents above the threshold; without limit where they overflow."""
    base = neuron_type.base_type
    threshold = 0.0 if _is_linear(neuron_type) else 1.0
    with np.errstate(over="ignore", divide="ignore"):
        return base.rates(j, np.ones(1), np.full(1, threshold))[:, 0]


def rate_table(neuron_type: nengo.PoissonSpiking) -> np.ndarray:
    """The tuning curve of an `eligible` type, which its populations can share."""
    base, header = neuron_type.base_type, time_constants(neuron_type)
    bits = (FIRST_BITS + np.arange(1, N_RATES)) << SHIFT
    edges = _rates(neuron_type, bits.view(np.float64))
    unbounded = _is_linear(neuron_type) or base.tau_ref == 0
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
    gain, offset = currents(gain, bias, neuron_type)
    order, n_negative, crossing = _sorted(gain, offset)
    gain, offset = gain[order], offset[order]
    scale, left, right = cell_edges(crossing)
    first = np.searchsorted(crossing[:n_negative], left)
    last = n_negative + np.searchsorted(crossing[n_negative:], right, side="right")
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
    crossing = crossings(gain, offset)
    order = np.lexsort([crossing, gain >= 0])
    return order, int(np.count_nonzero(gain < 0)), crossing[order]


def crossings(gain: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """The x at which each neuron becomes active; infinity where there is none."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        crossing = -offset / gain
    constant = gain == 0
    crossing[constant] = np.where(offset[constant] > 0, -np.inf, np.inf)
    return crossing


def cell_edges(crossing: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The scale of the cells of x, and the left and right edge of each."""
    known = np.abs(crossing[np.isfinite(crossing)])
    scale = float(np.quantile(known, 0.9)) if len(known) else 0.0
    if not scale > 0:
        scale = 1.0
    edges = np.linspace(-1, 1, CELLS + 1)
    return (
        scale,
        _values(edges[:-1], -GUARD, scale),
        _values(edges[1:], GUARD, scale),
    )


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
