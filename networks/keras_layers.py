"""Layers of Keras and keras-lmu, read from configurations and lists of weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.validation import (
    check_array,
    check_choice,
    check_integer,
    check_number,
    refusal,
)

#: Layers of a model that have no effect after training.
IDLE = ("InputLayer", "Dropout")


class MemoryLayer:
    """A layer with an LMU, read from its configuration and the arrays that come next.

    Arrays are laid out as in Keras, (n_in, n_out).

    Attributes
    ----------
    kernel : (size_in, memory_d) or (size_in + units, memory_d) ndarray
        From the input, and from the hidden state if that reaches the memory.
    recurrent : (states, memory_d) ndarray or None
    hidden : DenseLayer or None
        It hears ``heard`` numbers: the memory's states, and the input if that reaches
        it.
    """

    def __init__(self, config: Mapping[str, Any], arrays: Iterator[np.ndarray]) -> None:
        if config.get("go_backwards"):
            raise refusal("go_backwards", True, "False")
        if "cell" in config:
            config = _part(config["cell"], "cell", ("LMUCell",))[1]
        for name in ("memory_d", "order", "theta", "hidden_cell"):
            if name not in config:
                raise refusal("layer", config, f"a layer with an LMU, which has {name}")
        discretizer = config.get("discretizer", "zoh")
        if discretizer != "zoh":
            allowed = "'zoh': our memories are exact, and no weights make them Euler's"
            raise refusal("discretizer", discretizer, allowed)
        self.memory_d = check_integer("memory_d", config["memory_d"])
        self.order = check_integer("order", config["order"])
        self.theta = check_number("theta", config["theta"], 1, exclusive=True)
        self.states = self.memory_d * self.order
        self.hidden = _hidden_of(config)
        self._read(config, arrays)

        heard = (
            self.hidden.units if self.hidden and _has(config, "hidden_to_memory") else 0
        )
        self.size_in = len(self.kernel) - heard
        if self.size_in < 1:
            raise refusal("kernel", self.kernel.shape, f"of more than {heard} rows")
        self.heard = self.states
        if _has(config, "input_to_hidden"):
            self.heard += self.size_in
        if self.hidden:
            self.hidden.check(self.heard)

    def _read(self, config: Mapping[str, Any], arrays: Iterator[np.ndarray]) -> None:
        """Take the weights, in the order of ``get_weights()``."""
        # Keras lists what has been attached first: to keras_lmu.LMU, the hidden cell,
        # since the cell that has all other weights is made when the layer is built
        first = "return_sequences" in config and "conv_mode" not in config
        if first and self.hidden:
            self.hidden.read(arrays)
        self.kernel, self.recurrent = np.eye(self.memory_d), None
        if config.get("kernel_initializer", "glorot_uniform") is not None:
            self.kernel = _take(arrays, "kernel", (None, self.memory_d))
        if _has(config, "use_bias"):
            bias = _take(arrays, "bias", (self.memory_d,))
            if bias.any():
                allowed = "0: make it the weight of one more input, which is always 1"
                raise refusal("bias of the memory", bias, allowed)
        if _has(config, "trainable_theta"):
            inverse = _take(arrays, "theta_inv", ())
            self.theta = 1 / check_number("theta_inv", inverse, 0, 1, exclusive=True)
        if _has(config, "memory_to_memory"):
            shape = (self.states, self.memory_d)
            self.recurrent = _take(arrays, "recurrent_kernel", shape)
        if not first and self.hidden:
            self.hidden.read(arrays)


def _has(config: Mapping[str, Any], name: str) -> bool:
    """Whether a layer has an option, which is off by default."""
    return bool(config.get(name, False))


def _hidden_of(config: Mapping[str, Any]) -> DenseLayer | None:
    if config["hidden_cell"] is None:
        return None
    kinds = ("Dense", "SimpleRNNCell")
    kind, hidden = _part(config["hidden_cell"], "hidden_cell", kinds)
    if not hidden.get("trainable", True) and config.get("trainable", True):
        allowed = "trainable if the layer is: Keras orders its weights otherwise"
        raise refusal("hidden_cell", "not trainable", allowed)
    return DenseLayer(hidden, recurrent=kind == "SimpleRNNCell")


class DenseLayer:
    """A ``Dense`` layer or a ``SimpleRNNCell``."""

    kernel: np.ndarray
    recurrent: np.ndarray | None = None
    bias: np.ndarray | None = None

    def __init__(self, config: Mapping[str, Any], recurrent: bool = False) -> None:
        self.units = check_integer("units", config.get("units"))
        self.activation = config.get("activation") or "linear"
        self._has_recurrent = recurrent
        self._has_bias = config.get("use_bias", True)

    def read(self, arrays: Iterator[np.ndarray]) -> DenseLayer:
        """Take its weights."""
        self.kernel = _take(arrays, "kernel", (None, self.units))
        if self._has_recurrent:
            shape = (self.units, self.units)
            self.recurrent = _take(arrays, "recurrent_kernel", shape)
        if self._has_bias:
            self.bias = _take(arrays, "bias", (self.units,))
        return self

    def check(self, size_in: int) -> None:
        """Refuse a kernel for another number of inputs."""
        if len(self.kernel) != size_in:
            shape = (size_in, self.units)
            raise refusal("kernel", self.kernel.shape, f"of shape {shape}")

    @property
    def biases(self) -> np.ndarray:
        return np.zeros(self.units) if self.bias is None else self.bias


def chain(layers: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The layers of a model that compute, one after the other: the LMU comes first."""
    if not isinstance(layers, (list, tuple)):
        raise refusal("layers", layers, "a list")
    names = {one.get("name") for one in layers if isinstance(one, Mapping)}
    allowed: tuple[str, ...] = ("LMU", "LMUFeedforward", "RNN")
    before = None
    for one in layers:
        kind, config = _part(one, "layers", (*IDLE, *allowed))
        # a model whose layers name those that they hear
        heard = set(_texts(one.get("inbound_nodes", ()))) & names
        if heard - {before}:
            allowed_here = f"a chain, in which {one.get('name')} hears {before} only"
            raise refusal("layers", sorted(heard), allowed_here)
        before = one.get("name")
        if kind not in IDLE:
            yield kind, config
            allowed = ("Dense",)
    if allowed != ("Dense",):
        raise refusal("layers", list(names), "layers of which the first has an LMU")


def _texts(nested: Any) -> Iterator[str]:
    """All texts within lists and mappings."""
    if isinstance(nested, str):
        yield nested
    elif isinstance(nested, Mapping):
        yield from _texts(list(nested.values()))
    elif isinstance(nested, (list, tuple)):
        for one in nested:
            yield from _texts(one)


def described(
    layer: Any, weights: Any
) -> tuple[Mapping[str, Any], Iterator[np.ndarray]]:
    """The configuration of a layer or model, and its weights."""
    config = layer
    if not isinstance(layer, Mapping):
        if not hasattr(layer, "get_config") or not hasattr(layer, "get_weights"):
            allowed = "a layer or model of Keras, or its configuration"
            raise refusal("layer", layer, allowed)
        if weights is not None:
            raise refusal("weights", weights, "None if a layer is given")
        config, weights = layer.get_config(), layer.get_weights()
    if weights is None or not np.iterable(weights):
        raise refusal("weights", weights, "the list that get_weights() returns")
    given = [check_array("weights", one, ndims=(0, 1, 2)) for one in weights]
    if not given:
        raise refusal("weights", given, "those of a layer that has been built")
    return config, iter(given)


def _part(
    serialized: Any, name: str, allowed: tuple[str, ...]
) -> tuple[str, Mapping[str, Any]]:
    """The class and the configuration of a part that Keras has serialized."""
    names = ("class_name", "config")
    if not isinstance(serialized, Mapping) or any(n not in serialized for n in names):
        raise refusal(name, serialized, "as Keras serializes it")
    kind = str(serialized["class_name"]).rpartition(">")[2]
    config = serialized["config"]
    if not isinstance(config, Mapping):
        raise refusal(name, config, "a configuration")
    return check_choice(name, kind, allowed), config


def _take(
    arrays: Iterator[np.ndarray], name: str, shape: tuple[int | None, ...]
) -> np.ndarray:
    """The next array, of this shape; None is any size."""
    array = next(arrays, None)
    words = str(tuple("any" if n is None else n for n in shape)).replace("'", "")
    if array is None:
        raise ValidationError(
            f"must be as many arrays as the configuration describes, but end before "
            f"the {name} of shape {words}",
            attr="weights",
        )
    if array.ndim != len(shape) or any(
        n is not None and n != m for n, m in zip(shape, array.shape)
    ):
        raise refusal(f"weights: {name}", array.shape, f"of shape {words}")
    return array
