"""Many sequences at once through one memory of neurons."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from nengo.builder.neurons import SimNeurons
from numpy.typing import ArrayLike
from tqdm import tqdm

from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize
from spiking_lmu.neurons import is_coordinated, spike_height
from spiking_lmu.noise import error_covariance, spiking_noise
from spiking_lmu.populations import predictable
from spiking_lmu.simulator.program import lane_seed
from spiking_lmu.simulator.simulator import Simulator
from spiking_lmu.simulators import repeatable
from spiking_lmu.validation import check_flag, check_integer, check_sequences, refusal

from .counting import add_counter
from .legendre_memory import LegendreMemory
from .sequence import SequenceNetwork

__all__ = ["Answers", "BatchedMemory", "run_sequences", "state_noise"]

AT_ONCE = 64  # sequences side by side
MEASURED = 64  # sequences to measure errors with


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of a network to some sequences.

    Attributes
    ----------
    values : (n, size_out) ndarray
        The network's output at the end of each sequence.
    spikes : float
        Mean number of spikes for a sequence, of the memory and of hidden units that
        spike.
    hidden_spikes : float
        How many of them are those of hidden units.
    """

    values: np.ndarray
    spikes: float
    hidden_spikes: float = 0.0

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

    The answers are those of Nengo. The sequences are a minibatch of the compiled
    simulator.

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
    if network.hidden_spikes:
        return _run_whole(network, x, seed, progress)
    if not isinstance(network.lmu.memory, LegendreMemory):
        return Answers(network.answer(network.final_states(x), x[:, -1]), 0.0)
    memory = BatchedMemory(network.lmu.memory, seed)
    m = _final_states(network, memory, x, progress)
    return Answers(network.answer(m, x[:, -1]), memory.spikes)


def _run_whole(
    network: SequenceNetwork, x: np.ndarray, seed: int, progress: bool
) -> Answers:
    """The answers of a network whose hidden units spike: all of it step by step."""
    counted = {
        "memory": network.lmu.memory.all_ensembles,
        "hidden units": network.layers,
    }
    lanes = _Lanes(network, network.stimulus, network.output, counted, network.dt, seed)
    values = lanes.run(x, network.presentation, progress)
    return Answers(values, sum(lanes.spikes.values()), lanes.spikes["hidden units"])


def state_noise(
    network: SequenceNetwork, inputs: ArrayLike, seed: int = 0
) -> np.ndarray:
    """Covariance of the noise in the state of a network's memory of neurons.

    Noise-aware training requires it: ``training.fit(..., noise={network.lmu.state:
    covariance})``. For Poisson neurons it comes from theory. For other neurons, it has
    the form that theory gives it, or would give it if their spikes were Poisson, and is
    scaled to the errors of some sequences.

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
        A memory of neurons.
    seed : int
        Seed of neurons without a seed of their own, initial states and random spikes.

    Attributes
    ----------
    spikes : float
        Mean number of spikes for a sequence, in the last `run`; 0 before that and for
        neurons that do not spike.
    n_neurons : int
        Number of all neurons.
    populations : list of Population
        The neurons of each coordinate of each memory.
    data : mapping
        ``sim.data`` of the simulator that has built the memory.
    """

    def __init__(self, memory: LegendreMemory, seed: int = 0) -> None:
        if not isinstance(memory, LegendreMemory):
            raise refusal("memory", memory, "a LegendreMemory")
        check_integer("seed", seed, low=0, high=2**32 - 1)
        self.memory = memory
        counted = {"memory": memory.all_ensembles}
        self._lanes = _Lanes(
            memory, memory.input, memory.output, counted, memory.dt, seed
        )
        self.data = self._lanes.data
        self.populations = memory.populations(self.data)
        self.n_neurons = sum(len(p.gain) for p in self.populations)

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
        x = check_sequences(inputs, self.memory.size_in)
        check_integer("presentation", presentation)
        return self._lanes.run(x, presentation, check_flag("progress", progress))

    @property
    def spikes(self) -> float:
        """Mean number of spikes for a sequence, in the last `run`."""
        return self._lanes.spikes["memory"]

    def noise(self) -> np.ndarray:
        """Covariance of the noise in the state m of one memory, from theory.

        For neurons without a theory, or without spikes, it is that of Poisson spikes,
        which gives the form of the covariance but not its size.
        """
        r, d = self.memory.realization, self.memory.order
        kind = self.memory.neuron_type
        poisson = not (kind.spiking and predictable(kind))
        shaped = self.memory.noise_shaping
        q = spiking_noise(r, self.populations[:d], poisson, shaped)
        P = error_covariance(r, q, noise_shaping=shaped)
        return r.T @ P @ r.T.T


class _Lanes:
    """A built network that runs batches of sequences, from one node to another.

    Parameters
    ----------
    network : nengo.Network
    source, output : nengo.Node
        The node that receives the sequences, and the one that gives the results.
    counted : mapping of list of nengo.Ensemble
        Ensembles whose spikes are counted together. Those that do not spike are
        omitted.
    dt : float
    seed : int

    Attributes
    ----------
    data : mapping
        ``sim.data`` of the simulator that has built the network.
    spikes : dict of float
        Mean number of spikes for a sequence by the names of ``counted``, in the last
        `run`; 0 before that.
    """

    def __init__(
        self,
        network: nengo.Network,
        source: nengo.Node,
        output: nengo.Node,
        counted: Mapping[str, Sequence[nengo.Ensemble]],
        dt: float,
        seed: int,
    ) -> None:
        self.source, self.output, self.seed = source, output, seed
        self.spikes = dict.fromkeys(counted, 0.0)
        self._probes = {}
        with nengo.Network(seed=seed) as whole:
            nengo.Network.add(network)
            for name, ensembles in counted.items():
                spiking = [e for e in ensembles if e.neuron_type.spiking]
                heights = {spike_height(e.neuron_type) for e in spiking}
                if len(heights) == 1:
                    counter = add_counter(spiking, name, dt / heights.pop())
                    self._probes[name] = nengo.Probe(counter)
        with repeatable(whole, dt, seed) as sim:
            self.data, self._model = sim.data, sim.model
        ensembles = whole.all_ensembles
        poisson = any(
            isinstance(e.neuron_type, nengo.PoissonSpiking) for e in ensembles
        )
        self._simulator = Simulator if poisson else ShortFloatSimulator

    def run(self, x: np.ndarray, presentation: int, progress: bool) -> np.ndarray:
        """The values of ``output`` (n, size) in the last step of each sequence."""
        at_once = min(AT_ONCE, len(x))
        values = np.empty((len(x), self.output.size_out))
        spikes = dict.fromkeys(self.spikes, 0.0)
        simulator = self._simulator(
            None, model=self._model, progress_bar=False, minibatch_size=at_once
        )
        bar = tqdm(total=len(x), unit="sequence", disable=not progress)
        with simulator as sim, bar, warnings.catch_warnings():
            # a single value beyond the expected ones is no fault of a whole data set
            warnings.filterwarnings("ignore", "the input of .* is ")
            output = sim.signals[sim.model.sig[self.output]["out"]]
            for k in range(0, len(x), at_once):
                part = x[k : k + at_once]
                lanes = np.resize(part, (at_once, *part.shape[1:]))
                shown = np.repeat(lanes, presentation, axis=1)
                sim.reset(lane_seed(self.seed, k))
                _start_anew(sim, np.random.RandomState([self.seed, k]))
                sim.run_steps(shown.shape[1], data={self.source: shown})
                values[k : k + at_once] = output.T[: len(part)]
                for name, probe in self._probes.items():
                    spikes[name] += float(np.sum(sim.data[probe][: len(part)]))
                bar.update(len(part))
        self.spikes = {name: total / len(x) for name, total in spikes.items()}
        return values


class ShortFloatSimulator(Simulator):
    """A simulator that calculates in 32 bits, twice as fast in minibatches.

    They are enough for sequences of some thousand steps. Poisson populations are faster
    event by event, which requires 64 bits.
    """

    _dtype = np.float32


def _start_anew(sim: Simulator, rng: np.random.RandomState) -> None:
    """Let neurons start in another random state for each sequence."""
    lanes = sim.minibatch_size or 1
    for operator in sim.model.operators:
        if isinstance(operator, SimNeurons):
            n, kind = operator.output.size, operator.neurons
            # neurons that share an offset share it in one lane only; the states of
            # others can be drawn at once, which is ten times as fast
            each = lanes if is_coordinated(kind) else 1
            states = [kind.make_state(n * lanes // each, rng) for _ in range(each)]
            for name, signal in operator.state.items():
                values = np.stack([state[name] for state in states], axis=-1)
                sim.signals[signal][...] = values.reshape(n, lanes)
