"""How the host sends values to the chip, which hears nothing but spikes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nengo
import numpy as np
from nengo.params import IntParam, NumberParam

CODE_BITS = 6  # finer than the weights that the digits go through


class InputCode(nengo.Process):
    """Writes values as spikes: each step a binary number, one axon a digit.

    What a step leaves over is carried on to the next, so that the mean over some
    steps is finer than the digits.

    Parameters
    ----------
    size : int
        Values at each step.
    scale : float
        Magnitude up to which they are expected.
    bits : int
        Digits, for each sign.

    Attributes
    ----------
    values : (size, 2 * bits * size) ndarray
        What a spike of each axon is worth.
    largest : (1,) ndarray
        Largest magnitude that any run has seen, relative to the scale.
    """

    size = IntParam("size", low=1)
    scale = NumberParam("scale", low=0, low_open=True)
    bits = IntParam("bits", low=1)

    def __init__(self, size: int, scale: float, bits: int) -> None:
        super().__init__(default_size_in=size, default_size_out=2 * bits * size)
        self.size = size
        self.scale = scale
        self.bits = bits
        self.largest = np.zeros(1)

    @property
    def values(self) -> np.ndarray:
        powers = 2.0 ** np.arange(self.bits)
        digits = powers * (self.scale / (2**self.bits - 1))
        return np.kron(np.eye(self.size), np.concatenate([digits, -digits]))

    def make_state(
        self, shape_in: Any, shape_out: Any, dt: float, dtype: Any = None
    ) -> dict[str, Any]:
        return {}

    def make_step(
        self, shape_in: Any, shape_out: Any, dt: float, rng: Any, state: Any
    ) -> Callable[[float, np.ndarray], np.ndarray]:
        highest = 2**self.bits - 1
        left = np.zeros(self.size)
        signs = np.array([1, -1])

        def step(t: float, x: np.ndarray) -> np.ndarray:
            relative = x / self.scale
            self.largest[0] = max(self.largest[0], np.abs(relative).max())
            wanted = np.clip(relative, -1, 1) * highest + left
            number = np.clip(np.round(wanted), -highest, highest)
            left[:] = wanted - number
            magnitudes = np.maximum(number[:, None] * signs, 0).astype(int)
            digits = magnitudes[:, :, None] >> np.arange(self.bits) & 1
            return digits.astype(float).ravel()

        return step
