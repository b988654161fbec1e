"""Layers of long short-term memory, for NeuroBench's measures of other networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from spiking_lmu.validation import check_array, refusal

__all__ = ["LSTMLayer"]


class LSTMLayer:
    """A layer of long short-term memory and its inputs, for `complexity_of_layers`.

    Gates are in the order input, forget, candidate, output, as in Keras and PyTorch.
    Units begin with zeros.

    Parameters
    ----------
    W_x : (4 n, n_in) array_like
        Weights of the inputs.
    W_h : (4 n, n) array_like
        Weights of the units' last outputs.
    bias : (4 n,) array_like
        PyTorch has two vectors of biases, whose sum this is.
    inputs : (n_samples, n_steps, n_in) array_like

    Attributes
    ----------
    outputs : (n_samples, n_steps, n) ndarray
        Outputs of the units, which are computed from the inputs.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the arrays do not fit together.
    """

    def __init__(
        self, W_x: ArrayLike, W_h: ArrayLike, bias: ArrayLike, inputs: ArrayLike
    ) -> None:
        self.W_h = check_array("W_h", W_h, ndims=(2,))
        self.n_units = n = self.W_h.shape[1]
        self.W_x = check_array("W_x", W_x, ndims=(2,))
        self.bias = check_array("bias", bias, ndims=(1,))
        self.inputs = check_array("inputs", inputs, ndims=(3,))
        size_in = self.inputs.shape[2]
        for name, shape in (
            ("W_h", (4 * n, n)),
            ("W_x", (4 * n, size_in)),
            ("bias", (4 * n,)),
        ):
            if getattr(self, name).shape != shape:
                allowed = f"of shape {shape} for {n} units and {size_in} inputs"
                raise refusal(name, getattr(self, name).shape, allowed)
        self.bytes_per_number = np.asarray(W_x).itemsize
        self.outputs, self._cells = self._run()

    def _run(self) -> tuple[np.ndarray, np.ndarray]:
        """Outputs and cell states of all units, (n_samples, n_steps, n) each."""
        h = c = np.zeros((len(self.inputs), self.n_units))
        outputs, cells = [], []
        for x in self.inputs.swapaxes(0, 1):
            gates = x @ self.W_x.T + h @ self.W_h.T + self.bias
            i, f, g, o = np.split(gates, 4, axis=1)
            c = expit(f) * c + expit(i) * np.tanh(g)
            h = expit(o) * np.tanh(c)
            outputs.append(h)
            cells.append(c)
        return np.stack(outputs, axis=1), np.stack(cells, axis=1)

    @property
    def weights(self) -> np.ndarray:
        """All weights, without biases."""
        return np.concatenate([self.W_x, self.W_h], axis=1)

    @property
    def products(self) -> int:
        """Products in a step besides those with weights: three for each unit.

        The forget gate multiplies the cell, the input gate the candidate, and the
        output gate what leaves the cell.
        """
        return 3 * self.n_units

    @property
    def footprint(self) -> int:
        """Bytes of weights, biases, outputs and cells."""
        numbers = self.weights.size + self.bias.size + 2 * self.n_units
        return numbers * self.bytes_per_number

    def effective(self) -> np.ndarray:
        """Operations without those that have a zero as a factor, (n_samples, n_steps).

        As in NeuroBench's package, a gate counts as zero if it has neither a bias nor
        an input that is not zero.
        """
        h, c = _before(self.outputs) != 0, _before(self._cells) != 0
        heard = np.concatenate([self.inputs != 0, h], axis=2).astype(float)
        used = heard @ (self.weights != 0).T
        i, f, g, o = np.split((used > 0) | (self.bias != 0), 4, axis=2)
        kept, written = f & c, i & g
        left = o & (kept | written)
        products = np.concatenate([kept, written, left], axis=2)
        total = used.sum(axis=2) + products.sum(axis=2)
        return np.asarray(total)


def _before(values: np.ndarray) -> np.ndarray:
    """Values of the step before; zeros in the first."""
    return np.concatenate([np.zeros_like(values[:, :1]), values[:, :-1]], axis=1)
