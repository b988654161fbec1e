"""Neuron models of `BatchedMemory`, for arrays of neurons and sequences."""

from __future__ import annotations

from collections import deque
from typing import Any

import nengo
import numpy as np

from spiking_lmu.validation import refusal


class Neurons:
    """Neurons in an array of any shape, from currents to outputs.

    Attributes
    ----------
    gain : float
        Factor by which currents are to be multiplied before `step`.
    height : float
        Height of an output of 1, in spikes per second.
    spiking : bool
        Whether outputs are numbers of spikes.
    """

    spiking = True
    gain = 1.0

    def __init__(
        self,
        neuron_type: Any,
        shape: tuple[int, ...],
        dt: float,
        rng: np.random.Generator,
    ) -> None:
        self.neuron_type, self.dt, self.rng = neuron_type, dt, rng
        self.height = getattr(neuron_type, "amplitude", 1.0) / dt
        self.start(shape)

    def start(self, shape: tuple[int, ...]) -> None:
        """Set up the state of the neurons."""

    def step(self, J: np.ndarray) -> np.ndarray:
        """Outputs of this time step; may change and return J."""
        raise NotImplementedError

    def voltages(self, shape: tuple[int, ...]) -> np.ndarray:
        """Initial voltages of the neuron type."""
        rng = np.random.RandomState(self.rng.integers(2**32))
        size = int(np.prod(shape))
        voltage = self.neuron_type.make_state(size, rng, np.float32)["voltage"]
        return voltage.reshape(shape)


class Rates(Neurons):
    """Neurons that do not spike."""

    spiking = False

    def start(self, shape: tuple[int, ...]) -> None:
        self.height = 1.0
        self.active = np.empty(shape, bool)

    def step(self, J: np.ndarray) -> np.ndarray:
        return _rates(self.neuron_type, self.dt, J, self.active)


def _rates(neuron_type: Any, dt: float, J: np.ndarray, active: np.ndarray) -> Any:
    """Replace currents by rates; for LIF neurons without Nengo's indexing."""
    if type(neuron_type) is not nengo.LIFRate:
        neuron_type.step(dt, J, J)
        return J
    np.greater(J, 1, out=active)
    J -= 1
    np.maximum(J, 1e-30, out=J)  # logarithms of infinity are slow
    np.reciprocal(J, out=J)
    np.log1p(J, out=J)
    J *= neuron_type.tau_rc / neuron_type.amplitude
    J += neuron_type.tau_ref / neuron_type.amplitude
    np.reciprocal(J, out=J)
    J *= active
    return J


class IntegrateAndFire(Neurons):
    """``nengo.SpikingRectifiedLinear``."""

    def start(self, shape: tuple[int, ...]) -> None:
        self.gain = self.dt
        self.voltage = self.voltages(shape)

    def step(self, J: np.ndarray) -> np.ndarray:
        np.maximum(J, 0, out=J)
        self.voltage += J
        np.floor(self.voltage, out=J)
        self.voltage -= J
        return J


class LIF(Neurons):
    """``nengo.LIF``."""

    def start(self, shape: tuple[int, ...]) -> None:
        kind = self.neuron_type
        self.voltage = self.voltages(shape)
        self.gain = -np.expm1(-self.dt / kind.tau_rc)
        self.fired = np.empty(shape, bool)
        # neurons that fired in each of the last steps, and how long before its end
        none = np.empty(0, np.intp), np.empty(0, np.float32)
        n_steps = int(np.ceil(kind.tau_ref / self.dt - 1e-6))
        self.refractory = deque([none] * n_steps, maxlen=n_steps)

    def step(self, J: np.ndarray) -> np.ndarray:
        kind, tau = self.neuron_type, self.neuron_type.tau_rc
        self.voltage *= np.float32(1 - self.gain)
        self.voltage += J
        v, drive = self.voltage.reshape(-1), J.reshape(-1)
        # the few that are refractory for the whole step or a part of it
        for k, (who, before) in enumerate(self.refractory, 1):
            left = before + np.float32(k * self.dt - kind.tau_ref)
            late = left < self.dt
            who, left = who[late], np.maximum(left[late], 0)
            v[who] = drive[who] * (np.expm1(left / -tau) / -self.gain)
        np.greater(self.voltage, 1, out=self.fired)
        who = np.flatnonzero(self.fired)
        with np.errstate(divide="ignore", invalid="ignore"):  # of rounding errors
            over = (v[who] - 1) / (drive[who] / np.float32(self.gain) - 1)
            before = np.fmin(np.log1p(-over) * np.float32(-tau), np.float32(self.dt))
        self.refractory.appendleft((who, before))
        v[who] = 0
        np.maximum(v, kind.min_voltage, out=v)
        np.copyto(J, self.fired)
        return J


class Poisson(Neurons):
    """``nengo.PoissonSpiking`` of any rates, with independent spikes."""

    def start(self, shape: tuple[int, ...]) -> None:
        self.active = np.empty(shape, bool)
        self.drawn = np.empty(shape, np.float32)

    def step(self, J: np.ndarray) -> np.ndarray:
        rates = _rates(self.neuron_type.base_type, self.dt, J, self.active)
        # the first spike comes after an exponential time: if u < 1 - exp(-rate dt),
        # hence only if u < rate dt, which 16 bits of u decide for nearly all neurons
        coarse = self.rng.bit_generator.random_raw(-(-J.size // 4)).view(np.uint16)
        coarse = coarse[: J.size].reshape(J.shape)
        np.copyto(self.drawn, coarse)
        rates *= 2**16 * self.dt
        np.less(self.drawn, rates, out=self.active)
        who = np.flatnonzero(self.active)
        u = self.rng.random(len(who))
        u += coarse.reshape(-1)[who]
        left = rates.reshape(-1)[who] / 2**16 + np.log1p(u / -(2**16))
        counts, flat = J, J.reshape(-1)
        counts[...] = 0
        while len(who := who[left > 0]):
            flat[who] += 1
            # the next spike, in the rest of the step
            left = left[left > 0] + np.log1p(-self.rng.random(len(who)))
        return counts


NEURONS: dict[Any, type[Neurons]] = {
    nengo.SpikingRectifiedLinear: IntegrateAndFire,
    nengo.LIF: LIF,
    nengo.PoissonSpiking: Poisson,
}


def kind_of(neuron_type: nengo.neurons.NeuronType) -> type[Neurons]:
    """The model for neurons of a type of Nengo."""
    kind = NEURONS.get(type(neuron_type))
    if kind is None and not neuron_type.spiking and not neuron_type.state:
        kind = Rates
    if kind is None or (kind is Poisson and neuron_type.negative):
        allowed = "Poisson, LIF, integrate-and-fire or rate neurons"
        raise refusal("neuron_type", neuron_type, allowed)
    return kind
