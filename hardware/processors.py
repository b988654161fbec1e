"""The energy of the same network on processors, which compute all of it in each step.

An operation is a multiplication with addition, or the update of a neuron. Its energy is
a published figure for many operations at once; small networks require more. The figures
do not include idle power, which has been published as well.

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

# joules for an operation: an Intel i7-4960X, an Nvidia GTX Titan Black with large
# batches, and an ARM Cortex-A
PROCESSORS = {"CPU": 8.6e-9, "GPU": 0.3e-9, "ARM": 0.9e-9}
# watts at rest: of a Loihi, and of whole machines, which differ from those above; the
# ARM processor is that of a Jetson TX1
IDLE = {"Loihi": 0.029, "CPU": 17.01, "GPU": 14.97, "ARM": 2.64}


@dataclass(frozen=True)
class Processor:
    """The same network on another kind of machine.

    It computes the whole network in each step.

    Attributes
    ----------
    name : str
        Name of the machine.
    method : str
        How it computes the network: ``"exact"``, with each `LegendreMemory` as a linear
        system, without neurons; ``"factors"``, with encoders and decoders as in Nengo;
        or ``"weights"``, with the weights on the chip, one for each pair of neurons.
    operations : int
        Number of operations in each step.
    joules : float
        Energy of each step.
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
        The network. ``"factors"`` counts all of it, also the part on the host;
        ``"exact"`` is included only if there is a `LegendreMemory`.
    on_chip : int
        Number of weights and neurons on the chip, for ``"weights"``.

    Returns
    -------
    processors : tuple of Processor
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
    """Multiplications of a step in Nengo, with encoders, decoders and transforms."""
    return _count(network.all_ensembles, network.all_connections)


def count_exact(network: nengo.Network) -> int:
    """Operations of a step with exact memories, and everything else as in Nengo.

    A memory of d state variables requires d² + d for each of its inputs.
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
