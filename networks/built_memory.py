"""What theory says of a memory whose neurons a simulator has built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import nengo
import numpy as np
from numpy.typing import ArrayLike

from spiking_lmu.distortion import distortion_rmse
from spiking_lmu.noise import noise_rmse, spiking_noise
from spiking_lmu.populations import Population
from spiking_lmu.sampling import noise_along
from spiking_lmu.validation import check_array, check_column, refusal

if TYPE_CHECKING:
    from .legendre_memory import LegendreMemory


def built_populations(
    memory: LegendreMemory,
    decoders: Sequence[nengo.Connection],
    data: Any,
    neuron_types: Any,
) -> list[Population]:
    """The neurons and decoders of a memory; see `LegendreMemory.populations`.

    ``decoders`` are the connections from its ensembles to their decoded values.
    """
    if isinstance(memory.neuron_type, nengo.Direct):
        raise refusal("neuron_type", memory.neuron_type, "a type other than Direct")
    built = isinstance(data, Mapping) and all(e in data for e in memory.ensembles)
    if not built:
        allowed = "sim.data of a simulator that has built this network"
        raise refusal("data", data, allowed)
    if neuron_types is None:
        neuron_types = getattr(data, "neuron_types", {})
    if not isinstance(neuron_types, Mapping):
        allowed = "sim.neuron_types of that simulator, or None"
        raise refusal("neuron_types", neuron_types, allowed)
    return [
        Population.solved(data, ensemble, connection, neuron_types.get(ensemble))
        for ensemble, connection in zip(memory.ensembles, decoders)
    ]


def built_rmse(
    memory: LegendreMemory,
    populations: Sequence[Population],
    synapse: float | None,
    signal: ArrayLike | None,
) -> float:
    """RMSE of the output of a memory; see `LegendreMemory.predict_rmse`."""
    r, d, shaped = memory.realization, memory.order, memory.noise_shaping
    parts = [populations[k : k + d] for k in range(0, len(populations), d)]
    if signal is None:
        errors = [
            noise_rmse(r, spiking_noise(r, part, noise_shaping=shaped), synapse, shaped)
            for part in parts
        ]
        return float(np.linalg.norm(errors))
    u = _check_signal(memory, signal)
    longest = max(memory.synapse.tau, synapse or 0)
    settled = int(np.ceil((memory.theta + 5 * longest) / memory.dt))
    if len(u) <= settled:
        raise refusal("signal", f"{len(u)} steps", f"of more than {settled}")
    errors = []
    for part, one in zip(parts, u.T):
        errors += [
            noise_along(r, part, one, synapse, settled, shaped),
            distortion_rmse(r, part, one, synapse, settled, shaped),
        ]
    return float(np.linalg.norm(errors))


def _check_signal(memory: LegendreMemory, signal: ArrayLike) -> np.ndarray:
    """The input (n, size_in)."""
    if memory.size_in == 1:
        return check_column("signal", signal)[:, None]
    u = check_array("signal", signal, ndims=(2,))
    if u.shape[1] != memory.size_in:
        raise refusal("signal", u.shape, f"of shape (n, {memory.size_in})")
    return u
