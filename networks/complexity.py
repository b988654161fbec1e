"""What a network costs, by the definitions of NeuroBench: memory and operations.

References
----------
J. Yik et al., "The neurobench framework for benchmarking neuromorphic computing
algorithms and systems", Nature Communications 16, 2025; and its package `neurobench`,
version 2.3, whose results these are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spiking_lmu.validation import check_array, check_integer, refusal

from .lstm_layer import LSTMLayer

__all__ = ["Complexity", "complexity_of_layers"]


@dataclass(frozen=True)
class Complexity:
    """NeuroBench's measures of the cost of a network. Print it for a table.

    Operations are those of one time step, which is NeuroBench's model execution, as a
    mean over all steps of all samples.

    Attributes
    ----------
    footprint : int
        Bytes of all weights, biases and states.
    connection_sparsity : float
        Share of the weights that are zero.
    activation_sparsity : float
        Share of the outputs of neurons that are zero, over all neurons and steps.
    dense : float
        Synaptic operations, if every input of every weight counts.
    effective_macs : float
        Those of inputs that are not zero, with weights that are not zero, in layers
        whose inputs are real numbers: multiplications with additions.
    effective_acs : float
        The same in layers whose inputs are all 0, 1 or -1: additions.
    steps : int
        Number of time steps of a sample.
    """

    footprint: int
    connection_sparsity: float
    activation_sparsity: float
    dense: float
    effective_macs: float
    effective_acs: float
    steps: int

    @property
    def results(self) -> dict[str, Any]:
        """As `neurobench.benchmarks.Benchmark.run` names and rounds it, for a sample.

        NeuroBench's package adds up the operations of all time steps of a sample.
        """
        return {
            "Footprint": self.footprint,
            "ConnectionSparsity": round(self.connection_sparsity, 4),
            "ActivationSparsity": self.activation_sparsity,
            "SynapticOperations": {
                "Effective_MACs": self.effective_macs * self.steps,
                "Effective_ACs": self.effective_acs * self.steps,
                "Dense": self.dense * self.steps,
            },
        }

    @property
    def numbers(self) -> dict[str, float]:
        """All measures by name, without the number of steps."""
        return {k: v for k, v in asdict(self).items() if k != "steps"}

    def __repr__(self) -> str:
        return (
            f"<Complexity: {self.footprint:,} bytes; in a step {self.dense:,.0f} "
            f"operations, effective {self.effective_macs:,.0f} MACs and "
            f"{self.effective_acs:,.0f} ACs; zero: "
            f"{100 * self.connection_sparsity:.3g} % of weights, "
            f"{100 * self.activation_sparsity:.3g} % of activations>"
        )

    @property
    def table(self) -> dict[str, str]:
        """All measures in words and figures."""
        return {
            "Footprint, bytes": f"{self.footprint:,}",
            "Connection sparsity": f"{self.connection_sparsity:.4f}",
            "Activation sparsity": f"{self.activation_sparsity:.4f}",
            "Dense operations in a step": f"{self.dense:,.1f}",
            "Effective MACs in a step": f"{self.effective_macs:,.1f}",
            "Effective ACs in a step": f"{self.effective_acs:,.1f}",
        }

    def __str__(self) -> str:
        rows = self.table.items()
        return "\n".join(f"{name:<28}{value:>17}" for name, value in rows)


class Tally:
    """Counts of what happens in the layers of a network while it runs.

    Attributes
    ----------
    macs, acs : float
        Effective operations so far.
    zeros, activations : int
        Outputs of neurons so far that were zero, and all of them.
    """

    def __init__(self) -> None:
        self.macs = self.acs = 0.0
        self.zeros = self.activations = 0

    def add_inputs(self, values: np.ndarray, fan_out: np.ndarray) -> None:
        """Count the operations that the inputs of a layer cause.

        Parameters
        ----------
        values : (..., n) ndarray
            The inputs, one of them for each sample and step. A layer adds in a step in
            which all of its inputs are 0, 1 or -1, and otherwise it multiplies.
        fan_out : (n,) ndarray
            Number of weights of each input that are not zero.
        """
        self.add_operations((values != 0) @ fan_out.astype(float), values)

    def add_operations(self, operations: np.ndarray, values: np.ndarray) -> None:
        """Count the operations (...) of a layer that receives values (..., n)."""
        # what is not zero must be one
        adds = np.all((values == 0) | (np.abs(values) == 1), axis=-1)
        self.acs += float(operations[adds].sum())
        self.macs += float(operations[~adds].sum())

    def add_activations(self, values: np.ndarray) -> None:
        """Count the outputs of neurons that are zero."""
        self.activations += values.size
        self.zeros += values.size - int(np.count_nonzero(values))

    def complexity(
        self,
        footprint: int,
        weights: int,
        zero_weights: int,
        samples: int,
        steps: int,
        products: int = 0,
    ) -> Complexity:
        """The measures, with what is known of the network.

        Its products are those of two signals, which have no weight.
        """
        runs = samples * steps
        return Complexity(
            footprint=int(footprint),
            connection_sparsity=zero_weights / weights if weights else 0.0,
            activation_sparsity=self.zeros / max(self.activations, 1),
            dense=float(weights + products),
            effective_macs=self.macs / runs,
            effective_acs=self.acs / runs,
            steps=steps,
        )


def complexity_of_layers(
    layers: Iterable[tuple[ArrayLike, ArrayLike] | LSTMLayer],
    activations: Sequence[ArrayLike] = (),
    others: Sequence[ArrayLike] = (),
) -> Complexity:
    """NeuroBench's measures of any network, from its weights and recorded activity.

    Parameters
    ----------
    layers : sequence of (weights, inputs) or LSTMLayer
        For each layer, its weights (n_out, n_in), and its inputs
        (n_samples, n_steps, n_in). An `LSTMLayer` has these, and its biases, states and
        outputs.
    activations : sequence of array_like
        Outputs of all other neurons, of any shape.
    others : sequence of array_like
        All other parameters and states: biases, membrane voltages, filters. They count
        for the footprint alone, with the sizes of their types.

    Returns
    -------
    complexity : Complexity

    Raises
    ------
    nengo.exceptions.ValidationError
        If there are no layers, or arrays do not fit together.
    """
    tally = Tally()
    n_weights = n_zero = n_bytes = n_products = 0
    lengths = set()
    for layer in layers:
        if isinstance(layer, LSTMLayer):
            W, x = layer.weights, layer.inputs
            tally.add_operations(layer.effective(), x)
            tally.add_activations(layer.outputs)
            n_products += layer.products
            n_bytes += layer.footprint
        else:
            W, x = _check_layer(layer)
            tally.add_inputs(x, np.count_nonzero(W, axis=0))
            n_bytes += np.asarray(layer[0]).nbytes
        lengths.add(x.shape[:2])
        n_weights += W.size
        n_zero += W.size - int(np.count_nonzero(W))
    if len(lengths) != 1:
        allowed = "at least one, all with inputs of as many samples and steps"
        raise refusal("layers", sorted(lengths), allowed)
    for values in activations:
        tally.add_activations(np.asarray(values))
    n_bytes += sum(np.asarray(array).nbytes for array in others)
    ((samples, steps),) = lengths
    check_integer("n_steps", steps)
    return tally.complexity(n_bytes, n_weights, n_zero, samples, steps, n_products)


def _check_layer(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """The weights and the inputs of a layer."""
    if not isinstance(layer, (tuple, list)) or len(layer) != 2:
        allowed = "pairs (weights, inputs) or LSTMLayer; no other layer is defined here"
        raise refusal("layers", layer, allowed)
    W = check_array("weights", layer[0], ndims=(2,))
    x = check_array("inputs", layer[1], ndims=(3,))
    if x.shape[2] != W.shape[1]:
        allowed = f"of shape (n_samples, n_steps, {W.shape[1]})"
        raise refusal("inputs", x.shape, allowed)
    return W, x
