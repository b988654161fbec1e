"""Populations: encoding, neurons and decoding as one instruction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from nengo.builder.neurons import SimNeurons
from nengo.builder.operator import Copy, DotInc, Operator, Reset
from nengo.builder.signal import Signal
from nengo.neurons import RatesToSpikesNeuronType


@dataclass(frozen=True, eq=False)
class Population:
    """The operators of some neurons with the same input, and what they work on.

    Attributes
    ----------
    operators : tuple of nengo.builder.Operator
    x : Signal
        The encoded value, (dimensions,).
    encoders : Signal
        With gains and the radius in them, (n_neurons, dimensions).
    bias : Signal
        Bias currents, (n_neurons,).
    neurons : tuple of SimNeurons
        The neurons; for spikes made of rates, first the rates.
    decoders : tuple of (Signal, Signal)
        Decoders (size, n_neurons), and the signal that the decoded value is added to.
    currents, output : Signal or None
        The neurons' currents and output, where anything else reads them.
    watched : bool
        Whether anything reads a state of the neurons.
    """

    operators: tuple[Operator, ...]
    x: Signal
    encoders: Signal
    bias: Signal
    neurons: tuple[SimNeurons, ...]
    decoders: tuple[tuple[Signal, Signal], ...]
    currents: Signal | None
    output: Signal | None
    watched: bool

    @property
    def stacked_decoders(self) -> np.ndarray:
        """All decoders, (sum of sizes, n_neurons)."""
        n = self.encoders.shape[0]
        return np.concatenate(
            [np.empty((0, n)), *(A.initial_value for A, _ in self.decoders)]
        )


def populations(operators: Iterable[Operator]) -> list[Population]:
    """The populations of a network.

    Nothing else may write to a population's currents, and encoders, biases and decoders
    must be constant. Decoders that are learned remain operators of their own. Signals
    that only bring a value to a population, or from it to another signal, are left out:
    they keep their initial values.
    """
    writers: dict[Signal, list[Operator]] = defaultdict(list)
    readers: dict[Signal, list[Operator]] = defaultdict(list)
    for operator in operators:
        for signal in operator.sets + operator.incs + operator.updates:
            writers[signal.base].append(operator)
        for signal in operator.reads:
            readers[signal.base].append(operator)
    found: list[Population] = []
    taken: set[Operator] = set()  # a copy between two populations belongs to one
    for operator in operators:
        if type(operator) is SimNeurons:
            population = _population(operator, writers, readers, taken)
            if population is not None:
                found.append(population)
                taken.update(population.operators)
    return found


Users = dict[Signal, list[Operator]]


def _population(
    neurons: SimNeurons, writers: Users, readers: Users, taken: set[Operator]
) -> Population | None:
    J = neurons.J
    if J.is_view or len(writers[J]) != 2:
        return None
    copies = [o for o in writers[J] if type(o) is Copy]
    products = [o for o in writers[J] if type(o) is DotInc]
    if not (copies and products):
        return None
    (bias,), (encoding,) = copies, products
    if not (_is_plain(bias, J) and _is_product(encoding) and encoding.Y is J):
        return None
    stages: tuple[SimNeurons, ...] = (neurons,)
    output = neurons.output
    users = readers[output]
    if len(users) == 1 and _makes_spikes(users[0], neurons):
        stages, output = (neurons, users[0]), users[0].output
        users = readers[output]
    if output.is_view or writers[output] != [stages[-1]]:
        return None
    decoding = [o for o in users if type(o) is DotInc and _is_product(o)]
    decoding = [o for o in decoding if o.X is output]
    x, into = _source(encoding, writers, readers, taken)
    operators = [*into, bias, encoding, *stages, *decoding]
    decoders = []
    for product in decoding:
        Y, out_of = _destination(product, writers, readers, taken)
        operators += out_of
        decoders.append((product.A, Y))
    return Population(
        operators=tuple(operators),
        x=x,
        encoders=encoding.A,
        bias=bias.src,
        neurons=stages,
        decoders=tuple(decoders),
        currents=J if len(readers[J]) > 1 else None,
        output=output if len(decoding) < len(users) else None,
        watched=any(readers[s] for stage in stages for s in stage.state.values()),
    )


def _source(
    encoding: DotInc, writers: Users, readers: Users, taken: set[Operator]
) -> tuple[Signal, list[Operator]]:
    """Where the encoded value comes from, and the operators that bring it.

    A value that is copied from elsewhere, and from one place only, is read there.
    """
    x = encoding.X
    reset, copy = _reset_and(Copy, writers[x])
    if copy is None or copy in taken or x.is_view or readers[x] != [encoding]:
        return x, []
    if not (_is_increment(copy) and copy.dst is x and copy.src.shape == x.shape):
        return x, []
    return copy.src, [reset, copy]


def _destination(
    decoding: DotInc, writers: Users, readers: Users, taken: set[Operator]
) -> tuple[Signal, list[Operator]]:
    """Where a decoded value goes, and the operators that bring it there."""
    Y = decoding.Y
    reset, product = _reset_and(DotInc, writers[Y])
    if product is not decoding or Y.is_view or len(readers[Y]) != 1:
        return Y, []
    (copy,) = readers[Y]
    if type(copy) is not Copy or copy in taken:
        return Y, []
    if not (_is_increment(copy) and copy.src is Y):
        return Y, []
    if copy.dst.shape != Y.shape:
        return Y, []
    return copy.dst, [reset, copy]


def _reset_and(kind: type[Operator], operators: list[Operator]) -> Any:
    """A reset to zero and an operator of a kind, if there is nothing else."""
    if len(operators) == 2:
        for reset, other in (operators, operators[::-1]):
            if type(reset) is Reset and reset.value == 0 and type(other) is kind:
                return reset, other
    return None, None


def _is_increment(copy: Copy) -> bool:
    return copy.inc and copy.src_slice is None and copy.dst_slice is None


def _is_plain(copy: Copy, J: Signal) -> bool:
    """Whether it sets all of J to constants."""
    whole = copy.src_slice is None and copy.dst_slice is None and copy.dst is J
    return whole and not copy.inc and copy.src.readonly and copy.src.shape == J.shape


def _is_product(dot: DotInc) -> bool:
    """Whether it is a product of a constant matrix and a vector."""
    return dot.A.readonly and dot.A.ndim == 2 and dot.X.ndim == dot.Y.ndim == 1


def _makes_spikes(operator: Operator, rates: SimNeurons) -> bool:
    return (
        type(operator) is SimNeurons
        and isinstance(operator.neurons, RatesToSpikesNeuronType)
        and operator.J is rates.output
        and operator.neurons.base_type is rates.neurons
    )
