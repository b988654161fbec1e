"""Tables of populations whose spikes follow from rates, for `rate_populations`.

Neurons stay in their order. For cells of the represented value x, as in `event_tables`,
the table says where there are active neurons: in a few runs, if the neurons are in the
order of tuning.
"""

from __future__ import annotations

import nengo
import numpy as np

from spiking_lmu.neurons import SystematicSpiking

from .event_tables import cell_edges, crossings, currents, time_constants

# The table: a header, cells of x, then slopes of the neurons' currents, their currents
# above the threshold at x = 0, and for each output the neurons' decoders
HEIGHT, SCALE, TAU_REF, TAU_RC, EXPECTED = range(5)
HEADER = 8
RUNS = 3  # of active neurons in a cell; for each, the first and the end
CELL = 2 * RUNS
GAP = 8  # runs that are not further apart are one


def eligible(neuron_type: nengo.neurons.NeuronType) -> bool:
    """Whether there are tables for neurons of a type."""
    return type(neuron_type) in (SystematicSpiking, nengo.RegularSpiking) and type(
        neuron_type.base_type
    ) in (nengo.LIFRate, nengo.RectifiedLinear)


def population_table(
    gain: np.ndarray,
    bias: np.ndarray,
    decoders: np.ndarray,
    neuron_type: nengo.neurons.RatesToSpikesNeuronType,
    dt: float,
) -> np.ndarray:
    """What `rate_populations` must know of a population.

    Parameters
    ----------
    gain : (n,) ndarray
        Slopes of the neurons' currents: gains times encoders over the radius.
    bias : (n,) ndarray
    decoders : (n, n_outputs) ndarray
    neuron_type : nengo.neurons.RatesToSpikesNeuronType
        An `eligible` type.
    dt : float
        Length of a time step in seconds.
    """
    gain, offset = currents(gain, bias, neuron_type)
    crossing = crossings(gain, offset)
    scale, left, right = cell_edges(crossing)
    # active in a cell: those that are so at one of its edges
    below = np.where(gain < 0, crossing, -np.inf)
    above = np.where(gain < 0, np.inf, crossing)
    cells = [
        _runs(np.flatnonzero((below > low) | (above < high)))
        for low, high in zip(left, right, strict=True)
    ]
    header = np.zeros(HEADER)
    header[[HEIGHT, SCALE]] = neuron_type.amplitude / dt, scale
    header[[TAU_REF, TAU_RC]] = time_constants(neuron_type)
    header[EXPECTED] = neuron_type.base_type.amplitude * dt
    rows = [gain, offset, *np.asarray(decoders, float).T]
    return np.concatenate([header, np.ravel(cells), *rows])


def _runs(active: np.ndarray) -> np.ndarray:
    """Where runs of active neurons begin and end, with the largest gaps in between."""
    runs = np.zeros(CELL)
    if len(active):
        gaps = np.diff(active)
        wide = np.flatnonzero(gaps > GAP)
        if len(wide) >= RUNS:  # one run more than gaps
            wide = np.sort(wide[np.argsort(gaps[wide])[-(RUNS - 1) :]])
        stop = 2 * len(wide) + 2
        runs[0], runs[2:stop:2] = active[0], active[wide + 1]
        runs[1 : stop - 2 : 2], runs[stop - 1] = active[wide] + 1, active[-1] + 1
    return runs
