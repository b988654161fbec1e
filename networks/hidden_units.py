"""Hidden units: their response, neuron type, amplitude, scale, biases and synapse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from nengo.params import Default

from spiking_lmu.validation import check_array, check_number, refusal

from .configuration import configured


@dataclass(frozen=True)
class Activation:
    """The response of hidden units: as neurons, and as f and f' of arrays."""

    neuron_type: nengo.neurons.NeuronType
    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]


ACTIVATIONS = {
    "tanh": Activation(
        nengo.Tanh(tau_ref=1), np.tanh, lambda z: np.asarray(1 - np.tanh(z) ** 2)
    ),
    "relu": Activation(
        nengo.RectifiedLinear(),
        lambda z: np.maximum(z, 0),
        lambda z: (z > 0).astype(float),
    ),
}


def spiking_units(
    given: Any, n_layers: int
) -> tuple[nengo.neurons.NeuronType, list[float], nengo.synapses.Synapse | None]:
    """Neuron type, scale of each layer, and synapse of hidden units that spike."""
    names = {"neuron_type", "scale", "synapse"}
    if not isinstance(given, Mapping) or set(given) != names:
        allowed = "a mapping with " + ", ".join(sorted(names))
        raise refusal("hidden_args", given, allowed)
    neuron_type, scales = hidden_neurons(given["neuron_type"]), given["scale"]
    base = getattr(neuron_type, "base_type", neuron_type)
    if not neuron_type.spiking or not isinstance(base, nengo.RectifiedLinear):
        allowed = "neurons that spike, with rectified linear tuning curves"
        raise refusal('hidden_args["neuron_type"]', neuron_type, allowed)
    if not isinstance(scales, Sequence) or len(scales) != n_layers:
        raise refusal('hidden_args["scale"]', scales, f"of {n_layers} numbers")
    scales = [check_scale(scale, neuron_type) for scale in scales]
    return neuron_type, scales, check_synapse(given["synapse"])


def hidden_neurons(neuron_type: Any) -> nengo.neurons.NeuronType:
    """The neuron type of hidden units; see `LMU`."""
    tanh = nengo.Tanh(tau_ref=1)
    if neuron_type is None:
        return tanh
    if neuron_type is Default:
        neuron_type = configured("neuron_type", neuron_type, tanh)
        if isinstance(neuron_type, nengo.Direct):
            return tanh
    known = isinstance(neuron_type, nengo.neurons.NeuronType)
    if not known or isinstance(neuron_type, nengo.Direct):
        allowed = "an instance of a Nengo neuron type other than Direct"
        raise refusal("neuron_type", neuron_type, allowed)
    return neuron_type


def default_amplitude(neuron_type: nengo.neurons.NeuronType) -> float:
    """One over the largest output of the neurons, or 1 if it has no bound."""
    base = getattr(neuron_type, "base_type", None)
    parts = [neuron_type] if base is None else [neuron_type, base]
    tau_ref = getattr(parts[-1], "tau_ref", 0)
    if tau_ref == 0:
        return 1.0
    return tau_ref / float(np.prod([getattr(p, "amplitude", 1.0) for p in parts]))


def check_scale(scale: Any, neuron_type: nengo.neurons.NeuronType) -> float:
    """Return ``scale``, which only rectified linear neurons may have."""
    scale = check_number("scale", scale, low=0, exclusive=True)
    base = getattr(neuron_type, "base_type", neuron_type)
    if scale != 1 and not isinstance(base, nengo.RectifiedLinear):
        allowed = f"1 for {neuron_type}, which is not rectified linear"
        raise refusal("scale", scale, allowed)
    return scale


def check_biases(bias: Any, units: int) -> np.ndarray:
    """Return the biases (units,)."""
    array = check_array("bias", bias)
    if array.shape not in ((), (units,)):
        raise refusal("bias", array.shape, f"of shape ({units},)")
    return np.full(units, array)


def check_synapse(synapse: Any) -> nengo.synapses.Synapse | None:
    """Return the filter on the hidden units' output."""
    if synapse is None or isinstance(synapse, nengo.synapses.Synapse):
        return synapse
    return nengo.Lowpass(check_number("synapse", synapse, low=0))
