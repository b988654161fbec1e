"""Systems whose information processing is measured: inputs in, states out.

Each takes an input u (n,), one value a step, and gives states (n, size). Row k is the
state once u[k] has arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from scipy.linalg import solve_discrete_lyapunov

from spiking_lmu.experiments.information.capacity import expected_memory
from spiking_lmu.experiments.sweeps.backends import SIMULATORS, of_task
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.networks import LMU, LegendreMemory
from spiking_lmu.neurons import neuron_type
from spiking_lmu.noise import error_covariance, spiking_noise
from spiking_lmu.populations import predictable
from spiking_lmu.signals import Spectrum

VARIANCE = 1 / 3  # of an input that is uniform on [-1, 1]
DT = 0.001  # seconds


def linear_memory(u: np.ndarray, order: int, window: float) -> np.ndarray:
    """The exact memory, with a window of so many values."""
    return simulate(*memory_step(order, window), np.append(u, 0.0))[1:]


def memory_step(order: int, window: float) -> tuple[np.ndarray, np.ndarray]:
    """The memory's matrices for one value, with a window of so many."""
    return discretize(*state_space(float(window), order), 1.0)


@dataclass(frozen=True)
class Hidden:
    """Random tanh units, and how they are connected.

    Attributes
    ----------
    units : int
    radius : float
        Spectral radius of the recurrent weights; with 0 there are none.
    gain : float
        Standard deviation of the external input of a unit, from input or memory.
    bias : float
        Standard deviation of the biases. Without biases, units are odd functions of
        the input, and functions of even degree cannot be read out.
    """

    units: int
    radius: float
    gain: float
    bias: float

    def recurrent(self, rng: np.random.Generator) -> np.ndarray:
        """Weights (units, units) of this spectral radius."""
        W = rng.standard_normal((self.units, self.units))
        if self.radius == 0:
            return np.zeros_like(W)
        return W * (self.radius / np.abs(np.linalg.eigvals(W)).max())

    def feed(self, covariance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Weights (units, d) on variables of this covariance (d, d)."""
        W = rng.standard_normal((self.units, len(covariance)))
        W /= np.sqrt(np.diag(covariance))  # all variables count alike
        spread = np.sqrt(np.einsum("ij,jk,ik->i", W, covariance, W))
        return W * (self.gain / spread)[:, None]

    def biases(self, rng: np.random.Generator) -> np.ndarray:
        """A bias (units,) for each unit."""
        return self.bias * rng.standard_normal(self.units)


def echo_state(u: np.ndarray, hidden: Hidden, seed: int) -> np.ndarray:
    """A recurrent network of tanh units with random weights (Jaeger 2001)."""
    rng = np.random.default_rng(seed)
    W = hidden.recurrent(rng)
    W_in = hidden.feed(np.array([[VARIANCE]]), rng)[:, 0]
    outside = u[:, None] * W_in + hidden.biases(rng)
    states = np.empty((len(u), hidden.units))
    h = np.zeros(hidden.units)
    for k in range(len(u)):
        h = np.tanh(W @ h + outside[k])
        states[k] = h
    return states


def lmu_weights(hidden: Hidden, order: int, window: float, seed: int) -> dict[str, Any]:
    """Random kernels of an LMU whose input is (u, 1): the 1 is for the biases."""
    rng = np.random.default_rng(seed)
    A, B = memory_step(order, window)
    K = VARIANCE * solve_discrete_lyapunov(A, B @ B.T)
    both = np.block([[K, VARIANCE * B], [VARIANCE * B.T, VARIANCE]])  # of m and u
    W = hidden.feed(both, rng)
    W_x = np.column_stack([W[:, -1], hidden.biases(rng)])
    W_h = hidden.recurrent(rng) if hidden.radius else None
    return {"W_x": W_x, "W_m": W[:, :-1], "W_h": W_h}


def lmu(
    u: np.ndarray,
    hidden: Hidden,
    order: int,
    window: float,
    seed: int,
    backend: str = "compiled",
) -> np.ndarray:
    """The hidden state of an LMU with an exact memory, as a Nengo network."""
    x = np.column_stack([u, np.ones(len(u))])
    with nengo.Network(seed=seed) as network:
        stimulus = nengo.Node(nengo.processes.PresentInput(x, DT))
        unit = LMU(
            hidden.units,
            order,
            window * DT,
            size_in=2,
            dt=DT,
            e_x=[1.0, 0.0],
            e_h=None,
            e_m=None,
            **lmu_weights(hidden, order, window, seed),
        )
        nengo.Connection(stimulus, unit.input, synapse=None)
        probe = nengo.Probe(unit.output)
    with SIMULATORS[backend](network, DT, None) as sim:
        sim.run_steps(len(u))
        return np.array(sim.data[probe])


def spiking_memory(
    u: np.ndarray, task: Mapping[str, Any], n_delays: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """The memory of spiking neurons of a task, each value held for some time steps.

    Returns
    -------
    states : (n, order) ndarray
        At the end of each value.
    predicted : (n_delays,) ndarray or None
        Memory function that the theory of the spikes' noise predicts, if there is one.
    """
    order, window = task["order"], task["window"]
    presentation, seed = task["presentation"], task["seed"]
    # the state of a step has seen the inputs up to the step before: one step more
    held = np.append(np.repeat(u, presentation), 0.0)
    with nengo.Network(seed=seed) as network:
        stimulus = nengo.Node(nengo.processes.PresentInput(held[:, None], DT))
        memory = LegendreMemory(
            window * presentation * DT,
            order,
            task["n_neurons"],
            synapse=task["synapse"],
            dt=DT,
            neuron_type=neuron_type(task["neuron_type"]),
            spectrum=Spectrum.from_signal(held[:-1], DT),
        )
        nengo.Connection(stimulus, memory.input, synapse=None)
        probe = nengo.Probe(memory.output)
    with SIMULATORS[of_task(task)](network, DT, seed) as sim:
        sim.run_steps(len(held))
        states = np.array(sim.data[probe][presentation::presentation])
        populations = memory.populations(sim.data)
    if not predictable(memory.neuron_type):
        return states, None
    T = memory.realization.T
    r, shaped = memory.realization, memory.noise_shaping
    q = spiking_noise(r, populations, noise_shaping=shaped)
    noise = T @ error_covariance(r, q, noise_shaping=shaped) @ T.T
    # zero-order hold is exact: that a value is held for many steps does not matter
    step = memory_step(order, window)
    return states, expected_memory(step, n_delays, noise / VARIANCE)
