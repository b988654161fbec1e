"""The weights of a unit before training."""

from __future__ import annotations

from typing import Any

import numpy as np
from nengo.dists import Distribution, Gaussian, Uniform

from spiking_lmu.validation import check_array, check_choice, refusal

WEIGHTS = ("e_x", "e_h", "e_m", "W_x", "W_h", "W_m")
INITIAL = ("lecun_uniform", "xavier_normal", "zeros")


def initial_weights(name: str, value: Any, n_in: int, n_out: int) -> Any:
    """What Nengo takes as the weights (n_out, n_in) of a connection."""
    if isinstance(value, Distribution):
        return value
    if isinstance(value, str):
        check_choice(name, value, INITIAL)
        if value == "lecun_uniform":
            return Uniform(-np.sqrt(3 / n_in), np.sqrt(3 / n_in))
        if value == "xavier_normal":
            return Gaussian(0, np.sqrt(2 / (n_in + n_out)))
        return np.zeros((n_out, n_in))
    array = check_array(name, value, ndims=(1, 2) if n_out == 1 else (2,))
    if array.ndim == 1:
        array = array[None]
    if array.shape != (n_out, n_in):
        raise refusal(name, np.shape(value), f"of shape ({n_out}, {n_in})")
    return array
