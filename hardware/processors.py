"""What the same network takes on processors, which compute all of it in each step.

An operation is a multiplication with addition, or the update of a neuron, and what one
takes is a published figure for much of them at once: small networks take more. Those
figures hold no idle power, which is published too.

References
----------
B. Degnan, B. Marr, J. Hasler, "Assessing trends in performance per watt for signal
processing applications", IEEE Transactions on VLSI Systems 24(1), 2016; the figures are
those that keras-spiking takes from it, in `keras_spiking.ModelEnergy`.
P. Blouw, X. Choo, E. Hunsberger, C. Eliasmith, "Benchmarking keyword spotting
efficiency on neuromorphic hardware", NICE 2019, table 1, for idle power.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import nengo
import numpy as np

from spiking_lmu.networks import LegendreMemory

# joules for an operation: an Intel i7-4960X, an Nvidia GTX Titan Black at work on large
# batches, and an ARM Cortex-A
PROCESSORS = {"CPU": 8.6e-9, "GPU": 0.3e-9, "ARM": 0.9e-9}
# watts at rest of a Loihi and, as a whole, of machines other than those above, with an
# ARM processor in a Jetson TX1
IDLE = {"Loihi": 0.029, "CPU": 17.01, "GPU": 14.97, "ARM": 2.64}


@dataclass(frozen=True)
class Processor:
    """The same network on another kind of machine.

    Attributes
    ----------
    name : str
    method : str
        How it computes the network: ``"exact"``, with each `LegendreMemory` as the
        linear system that its neurons stand for, without neurons; ``"factors"``, by
        encoders and decoders as Nengo does; or ``"weights"``, those on the chip, one
        for each pair of neurons.
    operations : int
        In each step.
    joules : float
        In each step.
    """

    name: str
    method: str
    operations: int
    joules: float


def compare(network: nengo.Network, on_chip: int) -> tuple[Processor, ...]:
    """Operations and energies of a network on each processor, by each method.

    Parameters
    ----------
    network : nengo.Network
        Of which ``"factors"`` counts all, with what a host computes beside the chip;
        ``"exact"`` is told only where there is a `LegendreMemory`.
    on_chip : int
        Weights and neurons on the chip, which ``"weights"`` counts.
    """
    n_neurons = sum(e.n_neurons for e in network.all_ensembles)
    operations = {"factors": count_factors(network) + n_neurons, "weights": on_chip}
    if _memories(network):
        operations = {"exact": count_exact(network), **operations}
    return tuple(
        Processor(name, method, n, n * joules)
        for method, n in operations.items()
        for name, joules in PROCESSORS.items()
    )


def count_factors(network: nengo.Network) -> int:
    """Multiplications of a step as Nengo makes them: encoders, decoders, transforms."""
    return _count(network.all_ensembles, network.all_connections)


def count_exact(network: nengo.Network) -> int:
    """Operations of a step with exact memories, and with all else as it is.

    A memory of d state variables takes d² + d for each of its inputs.
    """
    memories = _memories(network)
    own = {e for memory in memories for e in memory.ensembles}
    nodes = {
        node
        for memory in memories
        for node in (memory.input, memory.encoded, memory.output, *memory.decoded)
    }
    inside = {*own, *nodes}
    ensembles = [e for e in network.all_ensembles if e not in own]
    connections = [
        c
        for c in network.all_connections
        if not (c.pre_obj in inside and c.post_obj in inside)
    ]
    systems = sum(m.size_in * m.order * (m.order + 1) for m in memories)
    n_neurons = sum(e.n_neurons for e in ensembles)
    return systems + n_neurons + _count(ensembles, connections)


def _memories(network: nengo.Network) -> list[LegendreMemory]:
    networks = [network, *network.all_networks]
    return [each for each in networks if isinstance(each, LegendreMemory)]


def _count(
    ensembles: Sequence[nengo.Ensemble], connections: Sequence[nengo.Connection]
) -> int:
    direct = [e for e in ensembles if isinstance(e.neuron_type, nengo.Direct)]
    encoding = sum(e.n_neurons * e.dimensions for e in ensembles if e not in direct)
    return encoding + sum(_multiplications(c, direct) for c in connections)


def _multiplications(
    connection: nengo.Connection, direct: Sequence[nengo.Ensemble]
) -> int:
    pre = connection.pre_obj
    decoding = 0
    if isinstance(pre, nengo.Ensemble) and pre not in direct:
        if connection.solver.weights:
            return int(pre.n_neurons * connection.post_obj.neurons.size_in)
        decoding = pre.n_neurons * connection.size_mid
    transform = connection.transform
    if isinstance(transform, nengo.transforms.NoTransform):
        return int(decoding)
    if isinstance(transform, nengo.Dense):
        shape = transform.init_shape or (connection.size_mid,)
        return int(decoding + np.prod(shape))
    if isinstance(transform, nengo.Sparse):
        return int(decoding + transform.init.data.size)
    shape = transform.output_shape
    if isinstance(transform, nengo.ConvolutionTranspose):
        shape = transform.input_shape
    places = np.prod(shape.spatial_shape)
    return int(decoding + places * np.prod(transform.kernel_shape))
