"""Decoders of spiking neurons that weigh distortion against the noise of spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
from nengo.neurons import NeuronType
from nengo.params import NumberParam
from nengo.solvers import Solver

from .neurons import MOST_NEURONS, spike_height
from .validation import check_integer, check_number


def noise_tau(tau: float, n_neurons: int) -> float:
    """Time over which `PoissonL2` lets noise average out in a memory, in seconds.

    In proportion to the neurons: their noise falls with the square root of their
    number, and so their distortion must fall faster to stay small beside it. The
    factor keeps noise times the square root constant within some percent, from 10
    neurons on, so that few neurons are not driven to be exact at the price of noise.

    Parameters
    ----------
    tau : float
        Time over which the memory averages noise, in seconds.
    n_neurons : int
        Of the population.
    """
    tau = check_number("tau", tau, low=0, exclusive=True)
    return tau * check_integer("n_neurons", n_neurons, high=MOST_NEURONS) / 60


class PoissonL2(Solver):
    r"""Decoders that weigh distortion against the noise of Poisson spikes.

    Minimizes the mean of :math:`(\sum_k w_k r_k(x) - x)^2` over the evaluation
    points plus the variance :math:`\sum_k w_k^2 \bar r_k / (2 \tau_n)` that Poisson
    spikes of mean rates :math:`\bar r_k` have after a lowpass filter of time
    constant :math:`\tau_n`. `nengo.solvers.LstsqL2` assumes the same noise on
    every neuron instead, whatever its rate.

    Parameters
    ----------
    noise_tau : float
        Time over which the noise averages out, in seconds. The longer, the less
        distortion and the more noise.
    weights : bool
        Whether to solve for connection weights, as for every Nengo solver.
    height : float
        Of the spikes, the ``amplitude`` of the neurons (`spike_height`): activities
        are that times as large as the rates of the spikes. Decoders are in proportion
        to one over it.
    """

    compositional = True

    noise_tau = NumberParam("noise_tau", low=0, low_open=True)
    height = NumberParam("height", low=0, low_open=True)

    def __init__(
        self, noise_tau: float = 0.5, weights: bool = False, height: float = 1.0
    ) -> None:
        super().__init__(weights=weights)
        self.noise_tau = check_number("noise_tau", noise_tau, low=0, exclusive=True)
        self.height = check_number("height", height, low=0, exclusive=True)

    def __call__(
        self, A: np.ndarray, Y: np.ndarray, rng: Any = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Decoders (n_neurons, size) for activities A and targets Y."""
        A = A / self.height
        mean_rates = np.abs(A).mean(axis=0)  # spikes may be negative
        # a neuron that is silent at all these points must not become free of cost
        scale = 1 / np.sqrt(mean_rates + 0.01 * mean_rates.mean() + 1e-12)
        S = A * (scale / np.sqrt(len(A)))
        y = Y / np.sqrt(len(A))
        cost = 1 / (2 * self.noise_tau)
        if S.shape[1] <= S.shape[0]:
            X = np.linalg.solve(S.T @ S + cost * np.eye(S.shape[1]), S.T @ y)
        else:
            X = S.T @ np.linalg.solve(S @ S.T + cost * np.eye(S.shape[0]), y)
        decoders = scale[:, None] * X
        rmses = np.sqrt(np.mean((A @ decoders - Y) ** 2, axis=0))
        return decoders / self.height, {"rmses": rmses}


def decoder_solver(
    averaging: float, n_neurons: int, neuron_type: NeuronType
) -> PoissonL2:
    """The solver for decoders of one population of a memory.

    Parameters
    ----------
    averaging : float
        Time over which the memory averages noise, in seconds.
    n_neurons : int
        Number of neurons of the population.
    neuron_type : nengo.neurons.NeuronType
    """
    return PoissonL2(noise_tau(averaging, n_neurons), height=spike_height(neuron_type))
