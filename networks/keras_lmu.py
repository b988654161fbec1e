"""Weights of keras-lmu's layers into our networks, and back, without Keras."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import nengo
import numpy as np
from nengo.exceptions import ValidationError
from numpy.typing import ArrayLike

from spiking_lmu.validation import check_choice, check_number, refusal

from .hidden_units import ACTIVATIONS
from .keras_layers import DenseLayer, MemoryLayer, chain, described
from .lmu import LMU
from .sequence import SequenceNetwork

#: Responses of hidden units by the names that Keras has for them.
RESPONSES: dict[str, nengo.neurons.NeuronType] = {
    **{name: one.neuron_type for name, one in ACTIVATIONS.items()},
    "sigmoid": nengo.Sigmoid(tau_ref=1),
}


def from_keras_lmu(
    layer: Any,
    weights: Iterable[ArrayLike] | None = None,
    dt: float = 0.001,
    label: str | None = None,
    seed: int | None = None,
) -> LMU | SequenceNetwork:
    """The network that computes the same as a layer or a model of keras-lmu.

    Neither Keras nor keras-lmu is imported.

    Parameters
    ----------
    layer : object or mapping
        A layer ``keras_lmu.LMU`` or ``LMUFeedforward``, a ``LMUCell``, or a Keras
        ``RNN`` of such a cell; for a `SequenceNetwork`, a model of one such layer and
        ``Dense`` layers after it. Or its configuration, as its ``get_config()`` returns
        it.
    weights : sequence of array_like, optional
        What its ``get_weights()`` returns, if the configuration is given.
    dt : float
        Time step of the network, in seconds. The window is ``theta * dt`` seconds long.
    label, seed
        As for `nengo.Network`.

    Returns
    -------
    network : LMU or SequenceNetwork
        An `LMU` for a layer, a `SequenceNetwork` for a model. In the step in which its
        input is that of the layer, its output is that of the layer, too.

    Raises
    ------
    nengo.exceptions.ValidationError
        If our networks cannot compute the same, or the weights do not have the shapes
        that the configuration describes.

    Notes
    -----
    Dropout is left out, since it has no effect after training, and so is a softmax at
    the end of a model: a `SequenceNetwork` gives logits. A bias of the model's last
    layer becomes one more hidden unit, whose output is constant.
    """
    config, arrays = described(layer, weights)
    own = {
        "dt": check_number("dt", dt, 0, exclusive=True),
        "label": label,
        "seed": seed,
    }
    if "layers" in config:
        network = _sequence_network(config, arrays, own)
    else:
        network = _unit(MemoryLayer(config, arrays), own)
    if unused := len(list(arrays)):
        raise ValidationError(
            f"must be as many arrays as the configuration describes, but are {unused} "
            "more",
            attr="weights",
        )
    return network


def to_keras_lmu(
    network: LMU | SequenceNetwork,
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Configuration and weights of the layer or model of keras-lmu that does the same.

    Parameters
    ----------
    network : LMU or SequenceNetwork
        A trained network. As in `LMU.run`, its memory is taken as exact, and rates take
        the place of its hidden units' spikes.

    Returns
    -------
    config : dict
        For an `LMU`, what ``keras_lmu.LMU.from_config`` takes; for a `SequenceNetwork`,
        what ``keras.Sequential.from_config`` takes.
    weights : list of ndarray
        What ``set_weights`` of the layer or model takes once it is built.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the network has not been trained, or Keras has no such hidden units.
    """
    if isinstance(network, SequenceNetwork):
        return _model_of(network)
    if not isinstance(network, LMU):
        raise refusal("network", network, "an LMU or a SequenceNetwork")
    arrays, memory_d, units = network.trained_arrays(), network.memory_d, network.units
    e_x = arrays.get("e_x", np.zeros((memory_d, network.size_in)))
    W_m = arrays.get("W_m", np.zeros((units, memory_d * network.order)))
    hidden = _keras_layer("Dense", units, _activation(network), network.has_bias)
    weights = [_beside(W_m, arrays.get("W_x"))]
    if "W_h" in arrays:
        hidden["class_name"] = "SimpleRNNCell"
        weights.append(arrays["W_h"].T)
    weights += [arrays["bias"]] if network.has_bias else []
    weights.append(_beside(e_x, arrays.get("e_h")))
    weights += [arrays["e_m"].T] if "e_m" in arrays else []
    steps = network.theta / network.dt
    config = {
        "memory_d": memory_d,
        "order": network.order,
        # layers that do not know the length of their input require an integer
        "theta": round(steps) if np.isclose(steps, round(steps), rtol=1e-12) else steps,
        "hidden_cell": hidden,
        "hidden_to_memory": "e_h" in arrays,
        "memory_to_memory": "e_m" in arrays,
        "input_to_hidden": "W_x" in arrays,
        "return_sequences": True,
    }
    return config, weights


def _unit(layer: MemoryLayer, own: Mapping[str, Any]) -> LMU:
    hidden = layer.hidden
    if hidden is None:
        allowed = "Dense or SimpleRNNCell: ExactMemory is the memory alone"
        raise refusal("hidden_cell", None, allowed)
    activation = check_choice("activation", hidden.activation, tuple(RESPONSES))
    e_x, e_h = np.split(layer.kernel, [layer.size_in])
    W_m, W_x = np.split(hidden.kernel, [layer.states])
    return LMU(
        hidden.units,
        layer.order,
        layer.theta * own["dt"],
        size_in=layer.size_in,
        memory_d=layer.memory_d,
        e_x=e_x.T,
        e_h=_weights(e_h),
        e_m=_weights(layer.recurrent),
        W_x=_weights(W_x),
        W_h=_weights(hidden.recurrent),
        W_m=W_m.T,
        neuron_type=RESPONSES[activation],
        bias=hidden.bias,
        **own,
    )


def _weights(kernel: np.ndarray | None) -> np.ndarray | None:
    """Weights (n_out, n_in) of a path; None if there is no such path."""
    return None if kernel is None or kernel.size == 0 else kernel.T


def _sequence_network(
    config: Mapping[str, Any], arrays: Iterator[np.ndarray], own: Mapping[str, Any]
) -> SequenceNetwork:
    first, *others = list(chain(config["layers"]))
    layer = MemoryLayer(first[1], arrays)
    dense = [DenseLayer(one).read(arrays) for _, one in others]
    if layer.recurrent is not None or len(layer.kernel) != layer.size_in:
        raise _recurrent("memory", "the hidden state or the memory")
    if layer.hidden is not None:
        if layer.hidden.recurrent is not None:
            raise _recurrent("hidden_cell", "hidden units")
        dense = [layer.hidden, *dense]
    if len(dense) < 2:
        raise refusal("layer", config, "a model that ends with a Dense layer")
    sizes = [layer.heard, *(one.units for one in dense)]
    for one, size in zip(dense, sizes):
        one.check(size)
    *hidden, last = dense
    check_choice("activation of the last layer", last.activation, ("linear", "softmax"))
    activation = check_choice("activation", hidden[0].activation, tuple(ACTIVATIONS))
    for one in hidden:
        check_choice("activation of all hidden layers", one.activation, (activation,))
    if layer.theta != round(layer.theta):
        allowed = "a whole number of items for a model; a layer alone may have any"
        raise refusal("theta", layer.theta, allowed)

    W_m, W_x = np.split(hidden[0].kernel, [layer.states])
    # each input has a memory of its own: the kernel comes after them instead of before
    W_m = W_m.reshape(layer.memory_d, layer.order, -1)
    W_m = np.einsum("xk,kou->xou", layer.kernel, W_m).reshape(-1, hidden[0].units)
    if W_x.size == 0:
        W_x = np.zeros((layer.size_in, hidden[0].units))
    kernels = [*(one.kernel for one in hidden[1:]), last.kernel]
    biases = [one.biases for one in hidden]
    if last.biases.any():
        units = ACTIVATIONS[activation].value(np.ones(1))
        if len(hidden) == 1:
            W_m, W_x = _with_unit(W_m), _with_unit(W_x)
        else:
            kernels[-2] = _with_unit(kernels[-2])
        biases[-1] = np.append(biases[-1], 1.0)
        kernels[-1] = np.vstack([kernels[-1], last.biases / units])
    network = SequenceNetwork(
        layer.size_in,
        last.units,
        layer.order,
        round(layer.theta),
        [len(bias) for bias in biases],
        activation,
        **own,
    )
    for connection, kernel in zip(network.kernels.values(), [W_x, W_m, *kernels]):
        connection.transform = kernel.T
    for ensemble, bias in zip(network.layers, biases):
        ensemble.bias, ensemble.encoders = bias, np.ones((len(bias), 1))
    return network


def _with_unit(kernel: np.ndarray) -> np.ndarray:
    """A kernel with one more unit, which hears nothing."""
    return np.pad(kernel, [(0, 0), (0, 1)])


def _recurrent(name: str, source: str) -> ValidationError:
    return ValidationError(
        f"has a recurrent connection from {source}, which a SequenceNetwork does not "
        "have: give the layer instead of the model, for an LMU",
        attr=name,
    )


def _model_of(network: SequenceNetwork) -> tuple[dict[str, Any], list[np.ndarray]]:
    arrays, biases = dict(network._arrays), network._biases
    first, *further = network.units
    lmu = {
        "memory_d": network.size_in,
        "order": network.order,
        "theta": network.window,
        "hidden_cell": _keras_layer("Dense", first, network.activation),
        "input_to_hidden": True,
        "kernel_initializer": None,
        "return_sequences": True,
    }
    layers = [{"class_name": "keras-lmu>LMU", "config": lmu}]
    layers += [_keras_layer("Dense", n, network.activation) for n in further]
    layers.append(_keras_layer("Dense", network.size_out, "linear", use_bias=False))
    kernels = [_beside(arrays.pop("W_m"), arrays.pop("W_x"))]
    kernels += [array.T for array in arrays.values()]
    weights = []
    for kernel, bias in zip(kernels, biases):
        weights += [kernel, bias]
    return {"name": "spiking_lmu", "layers": layers}, [*weights, kernels[-1]]


def _beside(first: np.ndarray, second: np.ndarray | None) -> np.ndarray:
    """The kernel (n_in, n_out) of two paths that hear one after the other."""
    return (first if second is None else np.hstack([first, second])).T


def _keras_layer(
    kind: str, units: int, activation: str, use_bias: bool = True
) -> dict[str, Any]:
    """A layer of Keras itself, as Keras 2 and Keras 3 both read it."""
    config = {"units": units, "activation": activation, "use_bias": use_bias}
    return {"module": "keras.layers", "class_name": kind, "config": config}


def _activation(unit: LMU) -> str:
    """The name that Keras has for the response of hidden units."""
    z = np.linspace(-3, 3, 25)
    response = unit.response(np.repeat(z[:, None], unit.units, axis=1))[:, 0]
    for name, neuron_type in RESPONSES.items():
        expected = neuron_type.rates(z[:, None], np.ones(1), np.zeros(1))[:, 0]
        if np.allclose(response, expected, atol=1e-9):
            return name
    allowed = f"of one whose response is {', '.join(RESPONSES)}"
    raise refusal("neuron_type", unit.hidden.neuron_type, allowed)
