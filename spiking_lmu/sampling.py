"""The noise of coordinated spikes along a given input, whatever their shift.

Errors of random shifts are independent from step to step, and `noise` knows their
effect for any input. With other shifts, the error of a step follows from the state and
from the step before. It then depends on how the state moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from nengo.neurons import NeuronType
from numpy.typing import ArrayLike

from .decoders import cached_blocks
from .linear_systems import simulate
from .metrics import length_rmse
from .neurons import SystematicSpiking, is_coordinated, spike_height
from .noise import (
    check_populations,
    check_synapse,
    noise_input,
    noise_rmse,
    spiking_noise,
)
from .populations import Population, predictable
from .realization import Realization
from .signals import lowpass
from .validation import check_array, check_flag, check_integer, refusal

PASSES = 2  # along the state with the errors of the pass before; the first has none


def sampling_rmse(
    realization: Realization,
    populations: Sequence[Population],
    u: ArrayLike,
    synapse: float | None = None,
    settled: int = 0,
    seed: int = 0,
) -> float:
    """RMSE of the state that coordinated spikes cause along an input.

    The spikes of a population in a step follow from its coordinate and from its number
    U. They are computed along the state of the exact memory, from a U that is drawn at
    the beginning, and their errors go through the memory, which is linear. Since they
    move the state in their turn, this is done twice more along the state with the
    errors of the pass before, each time from another U. The result is the root mean
    square over these two. Within a pass, spikes have no effect on later ones. Nothing
    is fitted.

    Errors depend on the U at the beginning: results of several seeds differ by about a
    tenth. The rates of all neurons are computed in each step and pass, which takes
    longer than `Simulator` takes for the network itself.

    If the input is constant, errors settle in patterns that follow from the errors
    themselves, and may be larger than predicted.

    Parameters
    ----------
    realization : Realization
    populations : sequence of Population
        One for each coordinate, of `SystematicSpiking` neurons.
    u : (n,) array_like
        Input at each step.
    synapse : float, optional
        Time constant of a filter through which the state is read, in seconds.
    settled : int
        Steps at the beginning that are not counted.
    seed : int
        Of the numbers U at the beginning.

    Returns
    -------
    rmse : float
        Of the length of the error of the state m, in its original coordinates. The
        static distortion of the decoders is not included (`distortion_rmse`).

    Raises
    ------
    nengo.exceptions.ValidationError
        If the neurons are others, an argument is out of range, or there is no step to
        count.
    """
    check_populations(realization, populations)
    for population in populations:
        if not isinstance(population.neuron_type, SystematicSpiking):
            raise refusal("neuron_type", population.neuron_type, "SystematicSpiking")
    u = check_array("u", u, ndims=(1,))
    settled = check_integer("settled", settled, low=0, high=len(u) - 1)
    synapse = check_synapse(synapse)
    rng = np.random.default_rng(check_integer("seed", seed, low=0))
    F, G = realization.step[0], noise_input(realization)
    exact = simulate(*realization.step, u)
    error = np.zeros_like(exact)
    found = []
    for k in range(1 + PASSES):
        along = (exact + error).T
        added = [
            decoded_errors(population, x, realization.dt, rng)
            for population, x in zip(populations, along)
        ]
        error = simulate(F, G, np.transpose(added))
        if k == 0:
            continue
        read = error @ realization.T.T
        if synapse is not None:
            read = lowpass(read, synapse, realization.dt)
        found.append(length_rmse(read[settled:]))
    return float(np.sqrt(np.mean(np.square(found))))


def noise_along(
    realization: Realization,
    populations: Sequence[Population],
    u: ArrayLike,
    synapse: float | None = None,
    settled: int = 0,
    noise_shaping: bool = False,
) -> float:
    """RMSE of the state that spiking noise causes, by the theory that knows it.

    That is `noise_rmse` where errors are independent from step to step; the input is
    then of no effect. For coordinated neurons with other shifts it is `sampling_rmse`.
    Parameters are those of `distortion_rmse`.

    Raises
    ------
    nengo.exceptions.ValidationError
        If no theory knows the noise of the neurons (`predictable_along`), an argument
        is out of range, or there is no step to count.
    """
    check_populations(realization, populations)
    u = check_array("u", u, ndims=(1,))
    settled = check_integer("settled", settled, low=0, high=len(u) - 1)
    noise_shaping = check_flag("noise_shaping", noise_shaping)
    kinds = [population.neuron_type for population in populations]
    if (
        not noise_shaping
        and all(is_coordinated(kind) for kind in kinds)
        and not all(predictable(kind) for kind in kinds)
    ):
        return sampling_rmse(realization, populations, u, synapse, settled)
    q = spiking_noise(realization, populations, noise_shaping=noise_shaping)
    return noise_rmse(realization, q, synapse, noise_shaping)


def predictable_along(neuron_type: NeuronType, noise_shaping: bool) -> bool:
    """Whether `noise_along` knows the noise of these neurons."""
    if predictable(neuron_type):
        return True
    return is_coordinated(neuron_type) and not noise_shaping


def decoded_errors(
    population: Population, x: np.ndarray, dt: float, rng: np.random.Generator
) -> np.ndarray:
    """What the spikes at the values x (n,), one a step, add to the decoded values."""
    kind = population.neuron_type
    assert isinstance(kind, SystematicSpiking)
    height = spike_height(kind)
    errors = np.empty(len(x))
    last = 0.5 if kind.shift == "nearest" else rng.uniform()
    for part in cached_blocks(len(x), len(population.gain)):
        expected = population.rates(x[part]) * (dt / height)
        reached = np.cumsum(expected, axis=1)
        offsets, last = kind.offsets(reached[:, -1], last, rng)
        spikes = np.diff(np.floor(reached + offsets[:, None]), axis=1, prepend=0.0)
        errors[part] = (spikes - expected) @ population.decoders
    return errors * (height / dt)
