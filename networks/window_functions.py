"""Nonlinear functions of a memory's window, decoded from one more ensemble."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nengo
import numpy as np
from nengo.dists import Distribution
from nengo.exceptions import ValidationError
from nengo.params import NdarrayParam
from nengo.utils.builder import default_n_eval_points
from numpy.typing import ArrayLike

from spiking_lmu.decoders import PoissonL2
from spiking_lmu.neurons import spike_height
from spiking_lmu.tuning_curves import spread_intercepts
from spiking_lmu.validation import check_integer, refusal

# Nengo uses two for each neuron, and its memory grows with the square of the neurons
MOST_EVAL_POINTS = 5000


def add_function(
    memory: Any,
    function: Callable[[np.ndarray], ArrayLike],
    weights: np.ndarray,
    n_neurons: int | None,
    label: str | None,
) -> nengo.Node:
    """Add to a `LegendreMemory` a node that gives a function of its window.

    Weights (n, d) read the values that the function takes out of the state m; see
    `LegendreMemory.add_output`.
    """
    size_out = _size_of("function", function, memory.size_in * len(weights))
    label = label or "function of the window"
    # in a separate network, since memory.ensembles are the memory's populations
    with memory, nengo.Network(label=label):
        window = _ensemble(memory, weights, n_neurons, f"{label}: values")
        output = nengo.Node(size_in=size_out, label=label)
        nengo.Connection(
            window,
            output,
            function=function,
            solver=PoissonL2(
                memory.synapse.tau, height=spike_height(memory.neuron_type)
            ),
            synapse=None,
        )
    memory._connect_state(window, weights)
    return output


def add_ensemble(
    memory: Any, weights: np.ndarray, n_neurons: int | None, label: str | None
) -> nengo.Ensemble:
    """Add to a `LegendreMemory` an ensemble of values of its window.

    See `add_function`, and `LegendreMemory.add_ensemble`.
    """
    label = label or "values of the window"
    with memory, nengo.Network(label=label):
        window = _ensemble(memory, weights, n_neurons, label)
    memory._connect_state(window, weights)
    return window


def _ensemble(
    memory: Any, weights: np.ndarray, n_neurons: int | None, label: str
) -> nengo.Ensemble:
    """An ensemble for the values that weights (n, d) read out of the state m."""
    realization = memory.realization
    size = memory.size_in * len(weights)
    if n_neurons is None:
        n_neurons = max(100, memory.n_neurons_per_dimension) * size
    n_neurons = check_integer("n_neurons", n_neurons, high=10**6)
    C = weights @ realization.T
    covariance = C @ realization.covariance @ C.T
    covariance = np.kron(np.eye(memory.size_in), covariance)
    # encoders may point anywhere: the widest direction must be covered
    expected = memory.spectrum
    peak = expected.peak if expected else float(realization.headrooms.max())
    radius = peak * float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
    intercepts = memory.intercepts
    if intercepts is None:
        intercepts = spread_intercepts(peak)
    return nengo.Ensemble(
        n_neurons,
        size,
        radius=radius,
        neuron_type=memory.neuron_type,
        max_rates=memory.max_rates,
        intercepts=intercepts,
        eval_points=_Correlated(covariance / radius**2),
        n_eval_points=min(default_n_eval_points(n_neurons, size), MOST_EVAL_POINTS),
        label=label,
    )


class _Correlated(Distribution):
    """A normal distribution with the covariance of the window's values."""

    covariance = NdarrayParam("covariance", shape=("*", "*"))

    def __init__(self, covariance: np.ndarray) -> None:
        super().__init__()
        self.covariance = covariance

    def sample(self, n: int, d: int | None = None, rng: Any = np.random) -> np.ndarray:
        values, vectors = np.linalg.eigh(self.covariance)
        points = rng.standard_normal((n, len(values)))
        return points * np.sqrt(np.maximum(values, 0)) @ vectors.T


def _size_of(name: str, function: Any, size_in: int) -> int:
    if not callable(function):
        raise refusal(name, function, "a function of the window's values")
    try:
        value = np.atleast_1d(np.asarray(function(np.zeros(size_in))))
    except Exception as error:
        raise ValidationError(
            f"must take an array of {size_in} values and return numbers, "
            f"but raises {type(error).__name__}: {error}",
            attr=name,
        ) from error
    allowed = "a function that returns a number or a vector"
    if value.dtype.kind not in "biuf":
        raise refusal(name, value, allowed)
    if value.ndim != 1 or value.size == 0:
        raise refusal(name, value.shape, allowed)
    return value.size
