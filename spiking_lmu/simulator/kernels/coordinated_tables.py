"""Tables of populations with coordinated spikes, which `coordinated_spikes` reads.

Neurons stay in their order, in blocks of `BLOCK`. For cells of the represented value x,
as in `event_tables`, the table says which blocks have active neurons. In the order of
tuning, these are neighbors.
"""

from __future__ import annotations

import nengo
import numpy as np

from spiking_lmu.neurons import SystematicSpiking

from .event_tables import cell_edges, crossings

BLOCK = 8  # neurons in a block

# The table: a header, cells of x, then slopes of the neurons' currents, their currents
# above the threshold at x = 0, and for each neuron its decoders
HEIGHT, SCALE, N_ROWS, TAU_REF, TAU_RC, EXPECTED = range(6)
HEADER = 8
FIRST, END = range(2)  # of the neurons in blocks with active ones
CELL = 2


def rounded_up(n: int) -> int:
    """The number of rows for n neurons: whole blocks."""
    return -(-n // BLOCK) * BLOCK


def eligible(neuron_type: nengo.neurons.NeuronType) -> bool:
    """Whether there are tables for neurons of a type."""
    return type(neuron_type) is SystematicSpiking and type(neuron_type.base_type) in (
        nengo.LIFRate,
        nengo.RectifiedLinear,
    )


def coordinated_table(
    gain: np.ndarray,
    bias: np.ndarray,
    decoders: np.ndarray,
    neuron_type: SystematicSpiking,
    dt: float,
) -> np.ndarray:
    """What `coordinated_spikes` must know of a population.

    Parameters
    ----------
    gain : (n,) ndarray
        Slopes of the neurons' currents: gains times encoders over the radius.
    bias : (n,) ndarray
    decoders : (n, n_outputs) ndarray
    neuron_type : SystematicSpiking
        An `eligible` type.
    dt : float
        Length of a time step in seconds.
    """
    base = neuron_type.base_type
    linear = isinstance(base, nengo.RectifiedLinear)
    gain, bias = np.asarray(gain, float), np.asarray(bias, float)
    offset = bias if linear else bias - 1
    n = len(gain)
    crossing = crossings(gain, offset)
    scale, left, right = cell_edges(crossing)
    # active in a cell: those that are so at one of its edges
    below = np.where(gain < 0, crossing, -np.inf)
    above = np.where(gain < 0, np.inf, crossing)
    cells = np.zeros((len(left), CELL))
    for cell, low, high in zip(cells, left, right, strict=True):
        active = np.flatnonzero((below > low) | (above < high)) // BLOCK * BLOCK
        if len(active):
            cell[:] = active[0], active[-1] + BLOCK
    header = np.zeros(HEADER)
    rows = np.zeros((2 + decoders.shape[1], rounded_up(n)))
    rows[1] = -1  # what fills up is never active
    rows[:, :n] = gain, offset, *decoders.T
    header[[HEIGHT, SCALE, N_ROWS]] = neuron_type.amplitude / dt, scale, rows.shape[1]
    header[[TAU_REF, TAU_RC]] = (-1, 0) if linear else (base.tau_ref, base.tau_rc)
    header[EXPECTED] = base.amplitude * dt
    return np.concatenate([header, cells.ravel(), rows.ravel()])
