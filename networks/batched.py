"""Many sequences at once through one memory of neurons.

A general simulator spends its time on passing values around. A `LegendreMemory` always
computes the same: a linear step of its state, and for every neuron a current, spikes
and a decoder. This module does so for all neurons and a batch of sequences in a few
NumPy operations on arrays that fit the processor's cache. Neurons and decoders are
those that Nengo builds, and events have the same order.

Arrays have the shape (neurons, sequences). Neurons of one population form small blocks,
so currents and decoded values are products of many small matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize
from spiking_lmu.noise import error_covariance, spiking_noise
from spiking_lmu.simulators import repeatable
from spiking_lmu.validation import check_flag, check_integer, check_sequences, refusal

from .batched_neurons import kind_of
from .legendre_memory import LegendreMemory
from .sequence import SequenceNetwork

__all__ = ["Answers", "BatchedMemory", "run_sequences", "state_noise"]

CACHE = 2**17  # neurons times sequences at once: a few such arrays fit the cache
FEWEST = 32  # sequences at once: with fewer, Python takes most of the time
BLOCK = 16  # neurons in a block
MEASURED = 64  # sequences to measure errors with


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of a network to some sequences.

    Attributes
    ----------
    values : (n, size_out) ndarray
        The network's output at the end of each sequence.
    spikes : float
        Mean number of spikes of the memory for a sequence.
    """

    values: np.ndarray
    spikes: float

    def __repr__(self) -> str:
        n, size = self.values.shape
        each = f"{self.spikes:,.0f} spikes each"
        return f"<Answers: {size} values for {n} sequences, {each}>"


def run_sequences(
    network: SequenceNetwork,
    inputs: ArrayLike,
    seed: int = 0,
    progress: bool = False,
) -> Answers:
    """Run a trained network on many sequences, with an exact memory or one of neurons.

    The answers are those of Nengo, about ten times as fast as with NengoDL.

    Parameters
    ----------
    network : SequenceNetwork
        The trained network.
    inputs : (n, n_items, size_in) array_like
        The sequences.
    seed : int
        Seed of everything random, as for `BatchedMemory`.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    answers : Answers

    Raises
    ------
    nengo.exceptions.ValidationError
        If the inputs have another shape, or this function does not support the neurons.
    """
    _check_network(network)
    x = check_sequences(inputs, network.size_in)
    seed = check_integer("seed", seed, low=0, high=2**32 - 1)
    progress = check_flag("progress", progress)
    if not isinstance(network.lmu.memory, LegendreMemory):
        return Answers(network.answer(network.final_states(x), x[:, -1]), 0.0)
    memory = BatchedMemory(network.lmu.memory, seed)
    m = _final_states(network, memory, x, progress)
    return Answers(network.answer(m, x[:, -1]), memory.spikes)


def state_noise(
    network: SequenceNetwork, inputs: ArrayLike, seed: int = 0
) -> np.ndarray:
    """Covariance of the noise in the state of a network's memory of neurons.

    Noise-aware training requires it: ``training.fit(..., noise={network.lmu.state:
    covariance})``. For Poisson neurons it comes from theory. For other neurons, it has
    the form that Poisson spikes would cause, scaled to the errors of some sequences.

    Parameters
    ----------
    network : SequenceNetwork
        A network that `freeze` has returned, with a memory of neurons.
    inputs : (n, n_items, size_in) array_like
        Examples of the sequences that it was trained on. At most 64 of them are used.
    seed : int
        Seed of everything random, as for `BatchedMemory`.

    Returns
    -------
    covariance : (size_in * order, size_in * order) ndarray

    Raises
    ------
    nengo.exceptions.ValidationError
        If the memory is not made of neurons, or the inputs have another shape.
    """
    _check_network(network)
    x = check_sequences(inputs, network.size_in)
    if not isinstance(network.lmu.memory, LegendreMemory):
        raise refusal("network", network, "one with a memory of neurons, see `freeze`")
    memory = BatchedMemory(network.lmu.memory, seed)
    noise = np.kron(np.eye(network.size_in), memory.noise())
    if isinstance(network.lmu.memory.neuron_type, nengo.PoissonSpiking):
        return noise
    x = x[np.linspace(0, len(x) - 1, min(len(x), MEASURED)).astype(int)]
    errors = _final_states(network, memory, x) - network.final_states(x)
    return noise * np.mean(np.sum(errors**2, axis=1)) / np.trace(noise)


def _check_network(network: Any) -> None:
    if not isinstance(network, SequenceNetwork):
        raise refusal("network", network, "a SequenceNetwork")


def _final_states(
    network: SequenceNetwork,
    memory: BatchedMemory,
    x: np.ndarray,
    progress: bool = False,
) -> np.ndarray:
    late = memory.run(x, network.presentation, progress)
    # a memory of neurons gives the state of the step before, see LMU
    Ad, Bd = discretize(*state_space(network.lmu.theta, network.order), network.dt)
    m = late.reshape(len(x), network.size_in, -1) @ Ad.T + x[:, -1, :, None] * Bd[:, 0]
    return np.asarray(m.reshape(len(x), -1))


class BatchedMemory:
    """A built `LegendreMemory` that runs batches of sequences.

    Parameters
    ----------
    memory : LegendreMemory
        A memory of Poisson neurons, ``nengo.LIF``, ``nengo.SpikingRectifiedLinear`` or
        neurons that do not spike.
    seed : int
        Seed of neurons without a seed of their own, initial voltages and Poisson
        spikes.

    Attributes
    ----------
    spikes : float
        Mean number of spikes for a sequence, in the last `run`; 0 before that and for
        neurons that do not spike.
    n_neurons : int
        Number of all neurons.
    populations : list of Population
        The neurons of each coordinate of each memory.
    """

    def __init__(self, memory: LegendreMemory, seed: int = 0) -> None:
        if not isinstance(memory, LegendreMemory):
            raise refusal("memory", memory, "a LegendreMemory")
        self._kind = kind_of(memory.neuron_type)
        check_integer("seed", seed, low=0, high=2**32 - 1)
        self.memory, self.seed = memory, seed
        with repeatable(memory, memory.dt, seed) as sim:
            self.populations = populations = memory.populations(sim.data)
        sizes = np.array([len(p.gain) for p in populations])
        self.n_neurons = int(sizes.sum())
        gain = _in_blocks([p.gain * p.encoders / p.radius for p in populations])
        self._currents = np.stack(
            [gain, _in_blocks([p.bias for p in populations])], axis=2
        )
        # the sums over the spikes of a block: decoded values and counts
        decoders = _in_blocks([p.decoders for p in populations])
        ones = _in_blocks([np.ones(size) for size in sizes])
        self._sums = np.stack([decoders, ones], axis=1)
        n_blocks = -(-sizes // BLOCK)
        self._of = np.repeat(np.arange(len(sizes)), n_blocks)
        self._starts = np.concatenate([[0], np.cumsum(n_blocks)[:-1]])
        self.spikes = 0.0

    def run(
        self, inputs: ArrayLike, presentation: int = 1, progress: bool = False
    ) -> np.ndarray:
        """The state of the memory at the end of each sequence.

        Parameters
        ----------
        inputs : (n, n_items, size_in) array_like
        presentation : int
            Number of time steps for which each item is shown.
        progress : bool
            Whether to show a progress bar on stderr.

        Returns
        -------
        states : (n, size_in * order) ndarray
            m, the value of ``memory.output`` in the last step.
        """
        x = check_sequences(inputs, self.memory.size_in).astype(np.float32)
        check_integer("presentation", presentation)
        check_flag("progress", progress)
        few = max(FEWEST, CACHE // self.n_neurons)
        states, spikes = [], 0.0
        bar = tqdm(total=len(x), unit="sequence", disable=not progress)
        with bar:
            for k in range(0, len(x), few):
                rng = np.random.Generator(np.random.SFC64([self.seed, k]))
                part = x[k : k + few]
                m, count = self._run(part, presentation, rng)
                states.append(m)
                spikes += count
                bar.update(len(part))
        self.spikes = spikes / len(x)
        return np.concatenate(states)

    def noise(self) -> np.ndarray:
        """Covariance of the noise in the state m of one memory, from theory.

        The theory is for Poisson spikes. For other neurons, it gives the form of the
        covariance but not its size.
        """
        r, d = self.memory.realization, self.memory.order
        P = error_covariance(r, spiking_noise(r, self.populations[:d], poisson=True))
        return r.T @ P @ r.T.T

    def _run(
        self, x: np.ndarray, presentation: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, float]:
        memory, n = self.memory, len(x)
        d, k = memory.order, memory.size_in
        recurrent, feed = memory.realization.transforms
        ratio = memory.dt / memory.synapse.tau
        a, b = np.float32(np.exp(-ratio)), -np.expm1(-ratio)
        R, F = (b * recurrent).astype(np.float32), (b * feed).astype(np.float32)
        shape = (len(self._of), BLOCK, n)
        neurons = self._kind(memory.neuron_type, shape, memory.dt, rng)
        currents = (self._currents * neurons.gain).astype(np.float32)
        sums = (self._sums * [[neurons.height], [1]]).astype(np.float32)
        J = np.empty(shape, np.float32)
        value_and_one = np.ones((len(self._of), 2, n), np.float32)
        of_block = np.empty((len(self._of), 2, n), np.float32)
        coordinates = np.zeros((k, d, n), np.float32)
        count = 0.0
        for t in range(x.shape[1]):
            into = F * x[:, t].T[:, None]
            for _ in range(presentation):
                final = coordinates
                value_and_one[:, 0] = coordinates.reshape(k * d, n)[self._of]
                np.matmul(currents, value_and_one, out=J)
                np.matmul(sums, neurons.step(J), out=of_block)
                decoded = np.add.reduceat(of_block, self._starts, axis=0)
                if neurons.spiking:
                    count += float(decoded[:, 1].sum(dtype=np.float64))
                fed_back = R @ decoded[:, 0].reshape(k, d, n)
                coordinates = a * coordinates + fed_back + into
        m = memory.realization.T @ final
        return m.reshape(k * d, n).T, count


def _in_blocks(parts: list[np.ndarray]) -> np.ndarray:
    """The numbers of each population as (n_blocks, BLOCK), padded with zeros."""
    padded = [np.pad(part, (0, -len(part) % BLOCK)) for part in parts]
    return np.concatenate(padded).reshape(-1, BLOCK)
