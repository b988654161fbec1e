"""Learning on the emulated chip, for all axons of a synapse at once.

Nengo-loihi loops over the axons, which takes most of the time of a step. The integers
and the order of random numbers are the same here.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from nengo_loihi.builder.discretize import LEARN_FRAC, learn_overflow_bits, shift


def update_weights(synapse: Any, changes: np.ndarray, rng: Any = None) -> None:
    """Change the weights of a synapse, with stochastic rounding.

    The results are those of nengo-loihi's `SynapseState` in
    ``nengo_loihi.emulator.interface``.

    Parameters
    ----------
    synapse : nengo_loihi.block.Synapse
        Discretized, with as many weights for each axon.
    changes : (n_axons, n_weights) ndarray
    rng : numpy.random.RandomState
    """
    exponent = synapse.synapse_cfg.real_weight_exp
    dropped = synapse.synapse_cfg.shift_bits
    overflow = learn_overflow_bits(n_factors=2)
    weights = np.array(synapse.weights)
    product = shift(
        changes[:, None, :] * synapse._lr_int,
        LEARN_FRAC + synapse._lr_exp - overflow,
    )
    wanted = shift(weights, LEARN_FRAC - exponent) + product
    scaled = wanted * 2 ** (-LEARN_FRAC - dropped)
    fraction, whole = np.modf(np.abs(scaled))
    size = whole.astype(weights.dtype) + (fraction > rng.rand(*scaled.shape))
    largest = 2 ** (8 - dropped) - 1
    if (size > largest).any():
        warnings.warn("Clipping learning weights", stacklevel=2)
        np.minimum(size, largest, out=size)
    learned = np.left_shift(
        np.sign(scaled).astype(weights.dtype) * size, exponent + dropped
    )
    for row, new in zip(synapse.weights, learned):
        row[:] = new
