"""Many sequences at once through one memory of neurons.

A simulator of networks in general spends its time on passing values around. What a
`LegendreMemory` computes is always the same: a linear step for its state, and for every
neuron a current, a spike or none, and a decoder. Here that is done for all neurons and
a batch of sequences in a few NumPy operations on arrays that stay in the processor's
cache, with the neurons and decoders that Nengo has built, in the same order of events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from spiking_lmu.noise import error_covariance, spiking_noise
from spiking_lmu.state_space import discretize, state_space
from spiking_lmu.validation import check_array, check_integer, refusal

from .legendre_memory import LegendreMemory
from .sequence import SequenceNetwork

__all__ = ["Answers", "BatchedMemory", "run_sequences"]

CACHE = 2**17  # neurons times sequences at once, so that a few arrays stay in cache


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network made of sequences.

    Attributes
    ----------
    values : (n, size_out) ndarray
        At the end of each sequence.
    spikes : float
        Of all neurons of the memory, for each sequence.
    """

    values: np.ndarray
    spikes: float


def run_sequences(
    network: SequenceNetwork,
    inputs: ArrayLike,
    seed: int = 0,
    progress: bool = False,
) -> Answers:
    """Answers of a trained network to many sequences; its memory exact or of neurons.

    What Nengo computes for the network, some ten times as fast as NengoDL does.

    Parameters
    ----------
    network : SequenceNetwork
    inputs : (n, n_items, size_in) array_like
    seed, progress
        As for `BatchedMemory`.

    Returns
    -------
    answers : Answers

    Raises
    ------
    nengo.exceptions.ValidationError
        If the inputs do not fit, or there is no way to run these neurons.
    """
    x = check_array("inputs", inputs, ndims=(3,))
    if not isinstance(network.lmu.memory, LegendreMemory):
        return Answers(network.answer(network.states(x)[:, -1], x[:, -1]), 0.0)
    memory = BatchedMemory(network.lmu.memory, seed)
    late = memory.run(x, network.presentation, progress)
    # a memory of neurons gives the state of the step before: see LMU
    Ad, Bd = discretize(*state_space(network.lmu.theta, network.order), network.dt)
    m = late.reshape(len(x), network.size_in, -1) @ Ad.T + x[:, -1, :, None] * Bd[:, 0]
    values = network.answer(m.reshape(len(x), -1), x[:, -1])
    return Answers(values, memory.spikes)


class BatchedMemory:
    """A built `LegendreMemory` that hears batches of sequences.

    Parameters
    ----------
    memory : LegendreMemory
        Of Poisson neurons, ``nengo.LIF``, ``nengo.SpikingRectifiedLinear``, or neurons
        that do not spike.
    seed : int
        Of neurons without a seed of their own, initial voltages and Poisson spikes.

    Attributes
    ----------
    n_neurons : int
        In all.
    populations : list of Population
        The neurons, of each coordinate of each memory.
    spikes : float
        Of all neurons, for each sequence of the last `run`.
    """

    def __init__(self, memory: LegendreMemory, seed: int = 0) -> None:
        if not isinstance(memory, LegendreMemory):
            raise refusal("memory", memory, "a LegendreMemory")
        kind = memory.neuron_type
        self._kind = _NEURONS.get(type(kind))
        if self._kind is None and not kind.spiking and not kind.state:
            self._kind = _Rates
        if self._kind is None:
            raise refusal(
                "neuron_type", kind, "Poisson, LIF, integrate-and-fire or rates"
            )
        check_integer("seed", seed, low=0, high=2**32 - 1)
        self.memory, self.seed = memory, seed
        with nengo.Simulator(
            memory, dt=memory.dt, progress_bar=False, seed=seed
        ) as sim:
            self.populations = populations = memory.populations(sim.data)
        sizes = [len(p.gain) for p in populations]
        self.n_neurons = sum(sizes)
        scaled = [p.gain * p.encoders / p.radius for p in populations]
        self._of = np.repeat(np.arange(len(sizes)), sizes)
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._gain = np.concatenate(scaled).astype(np.float32)
        self._bias = np.concatenate([p.bias for p in populations]).astype(np.float32)
        self._decoders = np.concatenate([p.decoders for p in populations])
        self._decoders = self._decoders.astype(np.float32)
        self.spikes = 0.0

    def run(
        self, inputs: ArrayLike, presentation: int = 1, progress: bool = False
    ) -> np.ndarray:
        """The state of the memory at the end of each sequence.

        Parameters
        ----------
        inputs : (n, n_items, size_in) array_like
        presentation : int
            Time steps for which each item is shown.
        progress : bool
            Whether to show a progress bar on stderr.

        Returns
        -------
        states : (n, size_in * order) ndarray
            m, as ``memory.output`` gives it in the last step.
        """
        x = check_array("inputs", inputs, ndims=(3,)).astype(np.float32)
        if x.shape[2] != self.memory.size_in:
            size = self.memory.size_in
            raise refusal("inputs", x.shape, f"of shape (n, n_items, {size})")
        check_integer("presentation", presentation)
        few = max(1, CACHE // self.n_neurons)
        states, spikes = [], 0.0
        bar = tqdm(total=len(x), unit="sequence", disable=not progress)
        with bar:
            for k in range(0, len(x), few):
                rng = np.random.default_rng([self.seed, k])
                part = x[k : k + few]
                m, count = self._run(part, presentation, rng)
                states.append(m)
                spikes += count
                bar.update(len(part))
        self.spikes = spikes / len(x)
        return np.concatenate(states)

    def noise(self) -> np.ndarray:
        """Covariance of the noise in the state m of one memory, by theory.

        For Poisson spikes; that of more regular ones is less.
        """
        r, d = self.memory.realization, self.memory.order
        P = error_covariance(r, spiking_noise(r, self.populations[:d]))
        return r.T @ P @ r.T.T

    def _run(
        self, x: np.ndarray, presentation: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, float]:
        memory, n = self.memory, len(x)
        d, k = memory.order, memory.size_in
        recurrent, feed = memory.realization.transforms
        a = np.float32(np.exp(-memory.dt / memory.synapse.tau))
        R = ((1 - a) * recurrent.T).astype(np.float32)
        F = ((1 - a) * feed[:, 0]).astype(np.float32)
        assert self._kind is not None
        neurons = self._kind(memory.neuron_type, (n, self.n_neurons), memory.dt, rng)
        coordinates = np.zeros((n, k * d), np.float32)
        current = np.empty((n, self.n_neurons), np.float32)
        for t in range(x.shape[1]):
            into = (x[:, t, :, None] * F).reshape(n, k * d)
            for _ in range(presentation):
                final = coordinates
                np.take(coordinates, self._of, axis=1, out=current, mode="clip")
                np.multiply(current, self._gain, out=current)
                np.add(current, self._bias, out=current)
                output = neurons.step(current)
                np.multiply(output, self._decoders, out=output)
                decoded = np.add.reduceat(output, self._starts, axis=1)
                fed_back = (decoded.reshape(n * k, d) @ R).reshape(n, k * d)
                coordinates = a * coordinates + fed_back + into
        m = final.reshape(n * k, d) @ memory.realization.T.T
        return m.reshape(n, k * d), neurons.count


class _Neurons:
    """Neurons (n, n_neurons) that turn currents into outputs, in spikes per second."""

    def __init__(
        self,
        neuron_type: nengo.neurons.NeuronType,
        shape: tuple[int, int],
        dt: float,
        rng: np.random.Generator,
    ) -> None:
        self.neuron_type, self.dt, self.rng = neuron_type, np.float32(dt), rng
        self.amplitude = np.float32(getattr(neuron_type, "amplitude", 1.0))
        self.count = 0.0
        self.start(shape)

    def start(self, shape: tuple[int, int]) -> None:
        """Set up what the neurons remember."""

    def step(self, J: np.ndarray) -> np.ndarray:
        """Outputs of this time step; may change and return J."""
        raise NotImplementedError

    def spike(self, spiked: np.ndarray) -> np.ndarray:
        """Count spikes, and make outputs of them in place."""
        self.count += float(spiked.sum(dtype=np.float64))
        spiked *= self.amplitude / self.dt
        return spiked


class _Rates(_Neurons):
    def step(self, J: np.ndarray) -> np.ndarray:
        self.neuron_type.step(self.dt, J, J)
        return J


class _IntegrateAndFire(_Neurons):
    def start(self, shape: tuple[int, int]) -> None:
        self.voltage = self.rng.random(shape, dtype=np.float32)

    def step(self, J: np.ndarray) -> np.ndarray:
        np.maximum(J, 0, out=J)
        J *= self.dt
        self.voltage += J
        np.floor(self.voltage, out=J)
        self.voltage -= J
        return self.spike(J)


class _LIF(_Neurons):
    def start(self, shape: tuple[int, int]) -> None:
        self.voltage = self.rng.random(shape, dtype=np.float32)
        self.refractory = np.zeros(shape, np.float32)
        self.left = np.empty(shape, np.float32)

    def step(self, J: np.ndarray) -> np.ndarray:
        kind, dt, v = self.neuron_type, self.dt, self.voltage
        tau = np.float32(kind.tau_rc)
        np.subtract(dt, self.refractory, out=self.left)
        np.clip(self.left, 0, dt, out=self.left)
        self.left *= -1 / tau
        np.expm1(self.left, out=self.left)
        self.left *= v - J
        v += self.left
        self.refractory -= dt
        fired = np.flatnonzero(v > 1)
        if len(fired):
            over, drive = v.flat[fired], J.flat[fired]
            late = -tau * np.log1p(-(over - 1) / (drive - 1))
            self.refractory.flat[fired] = np.float32(kind.tau_ref) - late
        np.maximum(v, np.float32(kind.min_voltage), out=v)
        v.flat[fired] = 0
        J[...] = 0
        J.flat[fired] = 1
        return self.spike(J)


class _Poisson(_Neurons):
    def start(self, shape: tuple[int, int]) -> None:
        self.uniform = np.empty(shape, np.float32)
        self.none = np.empty(shape, np.float32)

    def step(self, J: np.ndarray) -> np.ndarray:
        base = self.neuron_type.base_type
        base.step(self.dt, J, J)
        J *= self.dt
        self.rng.random(dtype=np.float32, out=self.uniform)
        np.negative(J, out=self.none)
        np.exp(self.none, out=self.none)
        # the chances of none, of one at most, and so on, until no number is beyond
        counts = np.greater(self.uniform, self.none).astype(np.float32)
        fired = np.flatnonzero(counts)
        mean, u = J.flat[fired], self.uniform.flat[fired]
        term = total = self.none.flat[fired]
        number = np.zeros(len(fired), np.float32)
        for k in range(1, MOST_SPIKES):
            number += u > total
            term = term * mean / k
            total = total + term
            if not (u > total).any():
                break
        counts.flat[fired] = number
        return self.spike(counts)


MOST_SPIKES = 20  # of a Poisson neuron in one step; nearly all have none

_NEURONS: dict[Any, type[_Neurons]] = {
    nengo.SpikingRectifiedLinear: _IntegrateAndFire,
    nengo.LIF: _LIF,
    nengo.PoissonSpiking: _Poisson,
}
