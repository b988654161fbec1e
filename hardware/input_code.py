"""Codes in which the host sends values to the chip, as spikes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nengo
import numpy as np
from nengo.params import IntParam, NdarrayParam, NumberParam

CODE_BITS = 6  # finer than the weights that follow
# few and large digits, which differ even after the chip rounds their weights
GATE_BITS = 2
# how far beyond its limit a gate may drive a current, to change it faster
GATE_SPEED = 4.0
# largest change of the current in one step, relative to the gate's limit
GATE_STEP = 0.04


class InputCode(nengo.Process):
    """Encodes values as spikes: a binary number in each step, one axon for each digit.

    The remainder of a step is added to the next value, so the mean over some steps is
    finer than the digits.

    Parameters
    ----------
    size : int
        Number of values in each step.
    scale : float
        Largest magnitude of the values; larger ones are clipped.
    bits : int
        Number of digits for each sign.

    Attributes
    ----------
    values : (size, 2 * bits * size) ndarray
        The value of a spike of each axon.

    Notes
    -----
    The state of a simulation has the remainder, ``"left"``, and the largest magnitude
    so far relative to the scale, ``"largest"``.
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
        """The value of a spike of each axon, (size, 2 * bits * size)."""
        powers = 2.0 ** np.arange(self.bits)
        digits = powers * (self.scale / (2**self.bits - 1))
        return np.kron(np.eye(self.size), np.concatenate([digits, -digits]))

    def make_state(
        self, shape_in: Any, shape_out: Any, dt: float, dtype: Any = None
    ) -> dict[str, Any]:
        """No remainder, and no input so far."""
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
    """Encodes values as spikes that drive a current of the chip to these values.

    The filter between spikes and current is known, so each step sends the difference
    between the value and the current. The filter delays the value only as long as the
    largest step limits the speed of the current.

    Parameters
    ----------
    limits : (size,) ndarray
        Magnitudes at which the values are clipped.
    kept : float
        Share of the current that remains after a step.

    Attributes
    ----------
    values : (size, 2 * bits * size) ndarray
        The value of a spike of each axon, relative to the limits.
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
    """Binary digits of integers: of the positive ones, then of the negative ones."""
    magnitudes = np.maximum(numbers[:, None] * np.array([1, -1]), 0).astype(int)
    digits = magnitudes[:, :, None] >> np.arange(bits) & 1
    return digits.astype(float).ravel()
