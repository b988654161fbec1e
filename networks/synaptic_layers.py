"""The layers of weights that a built Nengo network multiplies its signals by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from nengo.builder.neurons import SimNeurons
from nengo.builder.processes import SimProcess
from nengo.ensemble import Neurons
from nengo.transforms import SparseMatrix
from scipy.sparse import issparse

from spiking_lmu.validation import refusal

INPUT, NEURONS, VALUE = "input", "neurons", "value"
CONVOLUTIONS = (nengo.Convolution, nengo.ConvolutionTranspose)


@dataclass(frozen=True)
class Source:
    """What a layer receives.

    Attributes
    ----------
    obj : nengo.Node or nengo.Ensemble
    kind : str
        ``"neurons"``, the outputs of an ensemble's neurons; ``"input"``, what its
        encoders receive; or ``"value"``, the value of a node.
    part : tuple of int, optional
        The part of these numbers; None for all.
    function : callable, optional
        A function of that part.
    """

    obj: Any
    kind: str
    part: tuple[int, ...] | None = None
    function: Callable[[np.ndarray], Any] | None = None

    def of(self, values: np.ndarray) -> np.ndarray:
        """What the layer receives, of all values (..., n) of the object."""
        if self.part is not None:
            values = values[..., list(self.part)]
        if self.function is None:
            return values
        rows = values.reshape(-1, values.shape[-1])
        results = np.array([np.ravel(self.function(row)) for row in rows])
        return results.reshape(*values.shape[:-1], -1)


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights between two groups.

    Attributes
    ----------
    source : Source
        What they are multiplied by.
    rows : int
        Number of outputs.
    fan_out : (n,) ndarray
        Number of weights of each input that are not zero.
    """

    source: Source
    rows: int
    fan_out: np.ndarray

    @property
    def size(self) -> int:
        """Number of weights, zeros included."""
        return self.rows * len(self.fan_out)


@dataclass(frozen=True, eq=False)
class Form:
    """All layers of a network, in one form.

    Attributes
    ----------
    layers : list of Layer
    others : int
        Number of all other parameters, and of the states of neurons and filters.
    """

    layers: list[Layer]
    others: int

    @property
    def weights(self) -> int:
        """Number of weights, zeros included."""
        return sum(layer.size for layer in self.layers)

    @property
    def zero_weights(self) -> int:
        """Number of weights that are zero."""
        return self.weights - int(sum(layer.fan_out.sum() for layer in self.layers))


class BuiltNetwork:
    """What a simulator has built of a network, as layers.

    Parameters
    ----------
    network : nengo.Network
    model : nengo.builder.Model
        What a simulator has built.

    Attributes
    ----------
    connections : list of nengo.Connection
    nodes : list of nengo.Node
    ensembles : list of nengo.Ensemble
        Those that have neurons.
    encoded : list of nengo.Ensemble
        Those whose encoders receive anything.

    Raises
    ------
    nengo.exceptions.ValidationError
        If a connection is a convolution.
    """

    def __init__(self, network: nengo.Network, model: Any) -> None:
        self._model = model
        self.connections, self.nodes = network.all_connections, network.all_nodes
        for c in self.connections:
            if isinstance(c.transform, CONVOLUTIONS):
                raise refusal("network", c, "without convolutions")
        self.ensembles = [e for e in network.all_ensembles if has_neurons(e)]
        receiving = {receiver(c) for c in self.connections}
        self.encoded = [e for e in self.ensembles if e in receiving]

    def encoders(self, ensemble: nengo.Ensemble) -> np.ndarray:
        """Encoders of an ensemble, with gains, relative to the radius."""
        return np.asarray(self._model.params[ensemble].scaled_encoders)

    def weights(self, connection: nengo.Connection) -> np.ndarray | None:
        """Decoders and transform of a connection; None if it passes on what it gets."""
        weights = self._model.params[connection].weights
        if isinstance(weights, SparseMatrix) or issparse(weights):
            weights = weights.toarray()
        return None if weights is None else np.asarray(weights)

    @property
    def parameters_and_states(self) -> int:
        """Number of biases, and of the states of neurons."""
        signals = {self._model.sig[e.neurons]["out"] for e in self.ensembles}
        states = sum(
            _numbers(op)
            for op in self._model.operators
            if isinstance(op, SimNeurons) and op.output in signals
        )
        return states + sum(e.n_neurons for e in self.ensembles)

    @property
    def filters(self) -> list[tuple[nengo.synapses.Synapse, int, int]]:
        """All synapses, with the number of signals and of states of each.

        A synapse without a state of its own delays its signals by a step.
        """
        return [
            (op.process, op.output.size, _numbers(op) or op.output.size)
            for op in self._model.operators
            if isinstance(op, SimProcess)
            and isinstance(op.process, nengo.synapses.Synapse)
        ]

    def factors(self) -> Form:
        """Encoders, decoders and transforms, as Nengo multiplies by them.

        Decoders include the transform of their connection. A transform that is one
        number, or a number for each dimension, is no layer.
        """
        layers = [layer(Source(e, INPUT), self.encoders(e)) for e in self.encoded]
        others = self.parameters_and_states + sum(n for _, _, n in self.filters)
        for connection in self.connections:
            weights = self.weights(connection)
            if weights is not None and weights.ndim == 2:
                layers.append(layer(source_of(connection), weights))
            elif weights is not None and weights.ndim == 1:
                others += weights.size
        return Form(layers, others)


def layer(source: Source, weights: np.ndarray) -> Layer:
    """The layer with these weights (n_out, n_in)."""
    return Layer(source, len(weights), np.count_nonzero(weights, axis=0))


def has_neurons(obj: Any) -> bool:
    """Whether this is an ensemble whose neurons compute anything."""
    direct = isinstance(getattr(obj, "neuron_type", None), nengo.Direct)
    return isinstance(obj, nengo.Ensemble) and not direct


def receiver(connection: nengo.Connection) -> Any:
    """What a connection adds to; full weights go to neurons, not to encoders."""
    post = connection.post_obj
    return post.neurons if connection.solver.weights else post


def source_of(connection: nengo.Connection) -> Source:
    """What the weights of a connection are multiplied by."""
    pre = connection.pre_obj
    if has_neurons(pre):
        return Source(pre, NEURONS)  # decoded
    part: tuple[int, ...] | None = None
    places = tuple(np.arange(pre.size_out)[connection.pre_slice].ravel().tolist())
    if len(places) < pre.size_out or list(places) != sorted(places):
        part = places
    if isinstance(pre, Neurons):
        return Source(pre.ensemble, NEURONS, part)
    return Source(pre, VALUE, part, connection.function)


def _numbers(operator: Any) -> int:
    """Number of the real numbers that an operator keeps for the next step."""
    if isinstance(getattr(operator, "process", None), nengo.LinearFilter):
        return int(operator.state["X"].size)
    states: Iterable[Any] = operator.state.values()
    return sum(s.size for s in states if np.issubdtype(s.dtype, np.floating))
