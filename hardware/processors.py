"""What the same network takes on processors, which compute all of it in each step.

An operation is a multiplication with addition, or the update of a neuron, and what one
takes is a published figure for much of them at once: small networks take more.

References
----------
B. Degnan, B. Marr, J. Hasler, "Assessing trends in performance per watt for signal
processing applications", IEEE Transactions on VLSI Systems 24(1), 2016; the figures are
those that keras-spiking takes from it, in `keras_spiking.ModelEnergy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import nengo
import numpy as np

# joules for an operation: an Intel i7-4960X, and an Nvidia GTX Titan Black at work on
# large batches
PROCESSORS = {"CPU": 8.6e-9, "GPU": 0.3e-9}


@dataclass(frozen=True)
class Processor:
    """The same network on another kind of machine.

    Attributes
    ----------
    name : str
    method : str
        How it computes the network: ``"factors"``, by encoders and decoders as Nengo
        does, or ``"weights"``, those on the chip, one for each pair of neurons.
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
        Of which ``"factors"`` counts all, with what a host computes beside the chip.
    on_chip : int
        Weights and neurons on the chip, which ``"weights"`` counts.
    """
    n_neurons = sum(e.n_neurons for e in network.all_ensembles)
    operations = {"factors": count_factors(network) + n_neurons, "weights": on_chip}
    return tuple(
        Processor(name, method, n, n * joules)
        for method, n in operations.items()
        for name, joules in PROCESSORS.items()
    )


def count_factors(network: nengo.Network) -> int:
    """Multiplications of a step as Nengo makes them: encoders, decoders, transforms."""
    direct = [
        e for e in network.all_ensembles if isinstance(e.neuron_type, nengo.Direct)
    ]
    ensembles = [e for e in network.all_ensembles if e not in direct]
    encoding = sum(e.n_neurons * e.dimensions for e in ensembles)
    return encoding + sum(_multiplications(c, direct) for c in network.all_connections)


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
