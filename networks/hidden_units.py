"""The hidden units of an LMU: neuron type, amplitude, scale, biases and synapse."""

from __future__ import annotations

from typing import Any

import nengo
import numpy as np
from nengo.params import Default

from spiking_lmu.validation import check_array, check_number, refusal

from .configuration import configured


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
