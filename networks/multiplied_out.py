"""Layers of a Nengo network with decoders, transforms and encoders multiplied out."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import nengo
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .synaptic_layers import (
    VALUE,
    BuiltNetwork,
    Form,
    Layer,
    Source,
    layer,
    receiver,
    source_of,
)

Synapses = tuple[nengo.synapses.Synapse, ...]


class Product:
    """A matrix (n_out, n_in), and whether it holds more than factors of numbers.

    Parameters
    ----------
    matrix : ndarray
    weighted : bool
        Whether a matrix of weights is among the factors.
    """

    def __init__(self, matrix: np.ndarray, weighted: bool) -> None:
        self.matrix, self.weighted = matrix, weighted

    def times(self, weights: np.ndarray | None) -> Product:
        """The product with weights on the left."""
        if weights is None:
            return self
        if weights.ndim == 2:
            return Product(weights @ self.matrix, True)
        return Product(np.reshape(weights, (-1, 1)) * self.matrix, self.weighted)


Incoming = dict[tuple[Source, Synapses], Product]


class MultipliedOut:
    """A weight for each neuron, and for each number that its current depends on.

    Nodes that only pass on what they receive vanish. In a loop of such nodes the
    smallest remains, which holds a state. What goes from one group to another through
    the same synapses is one layer.

    Parameters
    ----------
    built : BuiltNetwork
    """

    def __init__(self, built: BuiltNetwork) -> None:
        self._built = built
        self._known: dict[Any, Incoming] = {}
        self._connections: dict[Any, list[nengo.Connection]] = {}
        for connection in built.connections:
            self._connections.setdefault(receiver(connection), []).append(connection)

    def form(self) -> Form:
        """All layers."""
        layers: list[Layer] = []
        states = 0
        senders = {c.pre_obj for c in self._built.connections}
        for target in self._connections:
            if target in self._vanishing and target in senders:
                continue
            encoders = None
            if target in self._built.encoded:
                encoders = self._built.encoders(target)
            chains: dict[Synapses, Any] = {}
            for (source, chain), product in self._into(target).items():
                layers += _layers(source, product, encoders)
                reached = product.matrix.any(axis=1)
                chains[chain] = chains.get(chain, False) | reached
            for chain, reached in chains.items():
                if encoders is not None:
                    reached = encoders[:, reached].any(axis=1)
                filtered = sum(self._orders[synapse] for synapse in chain)
                states += int(np.count_nonzero(reached)) * filtered
        return Form(layers, self._built.parameters_and_states + states)

    @cached_property
    def _orders(self) -> dict[nengo.synapses.Synapse, int]:
        """Number of states of each synapse, for one signal."""
        return {s: states // size for s, size, states in self._built.filters}

    @cached_property
    def _vanishing(self) -> set[nengo.Node]:
        """Nodes that pass on what they receive, without those that loops require."""
        connections = self._built.connections
        functional = {c.pre_obj for c in connections if c.function is not None}
        passing = [n for n in self._built.nodes if n.output is None]
        left = [n for n in passing if n not in functional]
        edges = [
            (c.pre_obj, c.post_obj)
            for c in connections
            if isinstance(c.post_obj, nengo.Node) and self._acts(c)
        ]
        own = {pre for pre, post in edges if pre is post}
        left = [n for n in left if n not in own]
        while loop := _in_a_loop(left, edges):
            left.remove(min(loop, key=lambda node: node.size_in))
        return set(left)

    def _acts(self, connection: nengo.Connection) -> bool:
        weights = self._built.weights(connection)
        return weights is None or bool(weights.any())

    def _into(self, target: Any) -> Incoming:
        """All products that add up to the input of an object."""
        if target not in self._known:
            found: Incoming = {}
            for connection in self._connections.get(target, ()):
                rows = np.arange(target.size_in)[connection.post_slice]
                for key, product in self._through(connection).items():
                    whole = np.zeros((target.size_in, product.matrix.shape[1]))
                    whole[rows] = product.matrix
                    if key in found:
                        whole += found[key].matrix
                        product.weighted |= found[key].weighted
                    found[key] = Product(whole, product.weighted)
            self._known[target] = found
        return self._known[target]

    def _through(self, connection: nengo.Connection) -> Incoming:
        """All products that a connection adds."""
        weights = self._built.weights(connection)
        after = () if connection.synapse is None else (connection.synapse,)
        if connection.pre_obj in self._vanishing:
            return {
                (source, (*synapses, *after)): Product(
                    product.matrix[connection.pre_slice], product.weighted
                ).times(weights)
                for (source, synapses), product in self._into(
                    connection.pre_obj
                ).items()
                if product.matrix[connection.pre_slice].any()
            }
        if weights is not None and weights.ndim == 2:
            product = Product(weights, True)
        else:
            product = Product(np.eye(connection.size_mid), False).times(weights)
        return {(source_of(connection), after): product}


def _in_a_loop(
    nodes: list[nengo.Node], edges: list[tuple[nengo.Node, nengo.Node]]
) -> list[nengo.Node]:
    """Those nodes of one loop through these nodes alone; none if there is no loop."""
    place = {node: k for k, node in enumerate(nodes)}
    pairs = [(place[a], place[b]) for a, b in edges if a in place and b in place]
    if not pairs:
        return []
    graph = coo_array((np.ones(len(pairs)), np.array(pairs).T), shape=2 * [len(nodes)])
    _, part = connected_components(graph, connection="strong")
    largest = np.argmax(np.bincount(part))
    loop = [node for node, k in place.items() if part[k] == largest]
    return loop if len(loop) > 1 else []


def _layers(
    source: Source, product: Product, encoders: np.ndarray | None
) -> list[Layer]:
    """The layer of a product, of what it connects; none if that is nothing."""
    matrix = product.matrix
    if encoders is None and not product.weighted:
        return []
    if source.kind == VALUE and source.function is None:
        reaching = np.asarray(matrix.any(axis=0))
        matrix = matrix[:, reaching]
        places = np.arange(len(reaching)) if source.part is None else source.part
        if not reaching.all():
            part = tuple(np.array(places)[reaching].tolist())
            source = replace(source, part=part)
    if encoders is not None and encoders.shape[1] == 1:
        # of one dimension: an outer product, without making it
        n = int(np.count_nonzero(encoders))
        layers = [Layer(source, n, n * (matrix[0] != 0))]
    else:
        weights = matrix if encoders is None else encoders @ matrix
        layers = [layer(source, weights[weights.any(axis=1)])]
    return [each for each in layers if each.fan_out.any()]
