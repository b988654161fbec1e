"""Decoders of spiking neurons that weigh distortion against the noise of spikes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import nengo
import numpy as np
from nengo.builder import Builder
from nengo.builder.connection import get_eval_points, get_targets
from nengo.exceptions import BuildError
from nengo.neurons import NeuronType
from nengo.params import NumberParam
from nengo.rc import rc
from nengo.solvers import Solver

from .neurons import MOST_NEURONS, firing_rates, is_coordinated, spike_height
from .validation import check_integer, check_number

# neurons whose activities are in memory at once: those at 1,500 points fit in a cache
BLOCK = 400
ACTIVITIES = 32_000  # that stay in a processor's cache
# For more coordinated neurons, cost does not fall any further: decoders would vary more
# and more from each neuron to the next, and noise would not fall as 1 / n.
ROUGH = 300


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
        n_points, n_neurons = A.shape
        if n_neurons > n_points:
            parts = list(blocks(n_neurons))
            return self.solve_in_blocks(lambda *part: A[part], parts, Y)
        A = np.divide(A, self.height, dtype=float)
        mean_rates = np.abs(A).mean(axis=0)  # spikes may be negative
        # for activities that are scaled to equal costs
        scale = 1 / np.sqrt(_costs(mean_rates) * n_points)
        gram = A.T @ A
        gram *= scale
        gram *= scale[:, None]
        gram.flat[:: n_neurons + 1] += 1 / (2 * self.noise_tau)
        X = np.linalg.solve(gram, scale[:, None] * (A.T @ Y))
        decoders = scale[:, None] * X
        info = {
            "rmses": np.sqrt(np.mean((A @ decoders - Y) ** 2, axis=0)),
            "active": int(np.count_nonzero(mean_rates)),
        }
        return decoders / self.height, info

    def solve_in_blocks(
        self,
        activities: Callable[[slice, Any], np.ndarray],
        parts: Sequence[Any],
        Y: np.ndarray,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        r"""Decoders of more neurons than evaluation points, in little memory.

        With activities :math:`S` (points, neurons), scaled to equal costs c, decoders
        are :math:`S^T (S S^T + c I)^{-1} y`. The matrix :math:`S S^T` is a sum over
        neurons. Activities of a few neurons at a time are computed, three times: for
        the mean rates, for this sum, and for the decoders.

        Parameters
        ----------
        activities : callable
            Takes a slice of the evaluation points and one of ``parts``; returns the
            activities (points, neurons).
        parts : sequence
            Indices of neurons: slices or arrays, which hold each neuron once. Neurons
            that are silent at the same first or last points should be in one part, for
            these points are left out.
        Y : (n_points, size) ndarray
            Targets.

        Returns
        -------
        decoders : (n_neurons, size) ndarray
        info : dict
            Root mean squared errors (``rmses``) and the number of neurons that are
            active at any point (``active``).
        """
        n_points = len(Y)
        means: list[np.ndarray] = []
        awake: list[slice] = []
        for part in parts:
            A = np.abs(activities(slice(None), part))
            means.append(A.mean(axis=0, dtype=float) / self.height)
            rows = np.flatnonzero(A.any(axis=1))
            awake.append(slice(rows[0], rows[-1] + 1) if len(rows) else slice(0))
        mean_rates = np.concatenate(means)
        costs = np.split(_costs(mean_rates), np.cumsum([len(m) for m in means])[:-1])

        gram = np.diag(np.full(n_points, 1 / (2 * self.noise_tau)))
        for part, points, cost in zip(parts, awake, costs):
            S = activities(points, part) / (self.height * np.sqrt(n_points * cost))
            gram[points, points] += S @ S.T
        solved = np.linalg.solve(gram, Y) / n_points

        decoders = np.empty((len(mean_rates), Y.shape[1]))
        errors = -np.asarray(Y, dtype=float)
        for part, points, cost in zip(parts, awake, costs):
            A = activities(points, part) / self.height
            decoders[part] = A.T @ solved[points] / cost[:, None]
            errors[points] += A @ decoders[part]
        info = {
            "rmses": np.sqrt(np.mean(errors**2, axis=0)),
            "active": int(np.count_nonzero(mean_rates)),
        }
        return decoders / self.height, info

    def solve_tuned(
        self,
        neuron_type: NeuronType,
        x: np.ndarray,
        encoders: np.ndarray,
        gain: np.ndarray,
        bias: np.ndarray,
        Y: np.ndarray,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Decoders of neurons by their tuning curves.

        Parameters
        ----------
        neuron_type : nengo.neurons.NeuronType
        x : (n_points, dimensions) ndarray
            Evaluation points.
        encoders : (n_neurons, dimensions) ndarray
            Over the radius.
        gain, bias : (n_neurons,) ndarray
        Y : (n_points, size) ndarray
            Targets.

        Returns
        -------
        decoders, info
            As from `solve_in_blocks`.
        """

        def activities(points: slice, part: Any) -> np.ndarray:
            along = np.dot(x[points], encoders[part].T)
            return firing_rates(neuron_type, along, gain[part], bias[part])

        n_neurons = len(gain)
        if n_neurons <= len(x):
            A = np.empty((len(x), n_neurons))
            for points in cached_blocks(len(x), n_neurons):
                A[points] = activities(points, slice(None))
            return self(A, Y)
        # in this order, the neurons of a part are silent at the same points
        ascending = np.argsort(x[:, 0], kind="stable")
        x, Y = x[ascending], Y[ascending]
        with np.errstate(divide="ignore", invalid="ignore"):  # gains of users may be 0
            thresholds = bias / gain
        alike = np.lexsort((thresholds, encoders[:, 0]))
        parts = [alike[part] for part in blocks(n_neurons)]
        return self.solve_in_blocks(activities, parts, Y)


def _costs(mean_rates: np.ndarray) -> np.ndarray:
    """Mean rates, but a neuron that is always silent must not become free of cost."""
    return mean_rates + 0.01 * mean_rates.mean() + 1e-12


def blocks(length: int, size: int = BLOCK) -> Iterator[slice]:
    """All of the neurons or values, a few at a time."""
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))


def cached_blocks(n_values: int, n_neurons: int) -> Iterator[slice]:
    """All of the values, so few at a time that the rates of all neurons are cached."""
    return blocks(n_values, max(1, ACTIVITIES // n_neurons))


@Builder.register(PoissonL2)
def build_decoders(
    model: nengo.builder.Model,
    solver: PoissonL2,
    connection: nengo.Connection,
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Solve for decoders as Nengo does, but never with all activities in memory."""
    ensemble = connection.pre_obj
    built = model.params[ensemble]
    eval_points = get_eval_points(model, connection, rng)
    targets = get_targets(connection, eval_points, dtype=rc.float_dtype)
    decoders, info = solver.solve_tuned(
        ensemble.neuron_type,
        eval_points,
        built.encoders / ensemble.radius,
        built.gain,
        built.bias,
        targets,
    )
    if not info["active"]:
        raise BuildError(
            f"Building {connection}: 'activities' matrix is all zero for {ensemble}. "
            "This is because no evaluation points fall in the firing "
            "ranges of any neurons."
        )
    return eval_points, decoders.T, info


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
    if is_coordinated(neuron_type):
        n_neurons = min(n_neurons, ROUGH)
    return PoissonL2(noise_tau(averaging, n_neurons), height=spike_height(neuron_type))
