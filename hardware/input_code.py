"""How the host sends values to the chip, which hears nothing but spikes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nengo
import numpy as np
from nengo.params import IntParam, NdarrayParam, NumberParam

CODE_BITS = 6  # finer than the weights that the digits go through
# few and large digits, which the chip's weights can tell apart
GATE_BITS = 2
# how far beyond its limit a gate may push a current, to change it faster
GATE_SPEED = 4.0
# of its limit, what a gate may change of the current at once
GATE_STEP = 0.04


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

    Notes
    -----
    The state of a simulation holds what is carried on, ``"left"``, and the largest
    magnitude so far relative to the scale, ``"largest"``.
    """

    size = IntParam("size", low=1)
    scale = NumberParam("scale", low=0, low_open=True)
    bits = IntParam("bits", low=1)

    def __init__(self, size: int, scale: float, bits: int) -> None:
        super().__init__(default_size_in=size, default_size_out=2 * bits * size)
        self.size = size
        self.scale = scale
        self.bits = bits

    @property
    def values(self) -> np.ndarray:
        powers = 2.0 ** np.arange(self.bits)
        digits = powers * (self.scale / (2**self.bits - 1))
        return np.kron(np.eye(self.size), np.concatenate([digits, -digits]))

    def make_state(
        self, shape_in: Any, shape_out: Any, dt: float, dtype: Any = None
    ) -> dict[str, Any]:
        """Nothing carried on, and no input seen."""
        return {"left": np.zeros(self.size), "largest": np.zeros(1)}

    def make_step(
        self, shape_in: Any, shape_out: Any, dt: float, rng: Any, state: Any
    ) -> Callable[[float, np.ndarray], np.ndarray]:
        """A function from the values of a step to its spikes."""
        highest = 2**self.bits - 1
        left, largest = state["left"], state["largest"]

        def step(t: float, x: np.ndarray) -> np.ndarray:
            relative = x / self.scale
            largest[0] = max(largest[0], np.abs(relative).max())
            wanted = np.clip(relative, -1, 1) * highest + left
            number = np.clip(np.round(wanted), -highest, highest)
            left[:] = wanted - number
            return _digits(number, self.bits)

        return step


class GateCode(InputCode):
    """Writes values as spikes that drive a current of the chip where it is wanted.

    The chip's filter between spikes and current is known: what is sent in each step
    is what takes the current from where it is to the value. So the filter delays it by
    no more than it takes to get there at full speed.

    Parameters
    ----------
    limits : (size,) ndarray
        Magnitudes at which the values are cut off.
    kept : float
        What the current keeps of itself in a step.

    Attributes
    ----------
    values : (size, 2 * bits * size) ndarray
        What a spike of each axon is worth, relative to the limits.
    """

    limits = NdarrayParam("limits", shape=("*",))
    kept = NumberParam("kept", low=0, high=1, high_open=True)

    def __init__(self, limits: np.ndarray, kept: float) -> None:
        speed = np.clip(GATE_STEP / (1 - kept), 1, GATE_SPEED)
        super().__init__(len(limits), float(speed), GATE_BITS)
        self.limits = limits
        self.kept = kept

    def make_state(
        self, shape_in: Any, shape_out: Any, dt: float, dtype: Any = None
    ) -> dict[str, Any]:
        """No current yet."""
        return {"current": np.zeros(self.size)}

    def make_step(
        self, shape_in: Any, shape_out: Any, dt: float, rng: Any, state: Any
    ) -> Callable[[float, np.ndarray], np.ndarray]:
        """A function from the values of a step to its spikes."""
        highest = 2**self.bits - 1
        # the change of the current by one unit of the code
        quantum = (1 - self.kept) * self.scale / highest
        current = state["current"]

        def step(t: float, x: np.ndarray) -> np.ndarray:
            current[:] *= self.kept
            wanted = (np.clip(x / self.limits, -1, 1) - current) / quantum
            number = np.clip(np.round(wanted), -highest, highest)
            current[:] += number * quantum
            return _digits(number, self.bits)

        return step


def _digits(numbers: np.ndarray, bits: int) -> np.ndarray:
    """Binary digits of whole numbers: those of positive ones, then of negative ones."""
    magnitudes = np.maximum(numbers[:, None] * np.array([1, -1]), 0).astype(int)
    digits = magnitudes[:, :, None] >> np.arange(bits) & 1
    return digits.astype(float).ravel()
