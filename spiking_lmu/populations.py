"""Populations of neurons as theory sees them: rates, decoders, the noise of spikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import nengo
import numpy as np
from nengo.dists import Distribution, get_samples
from nengo.exceptions import ValidationError
from nengo.neurons import NeuronType
from scipy.special import ndtri

from .decoders import cached_blocks, decoder_solver
from .neurons import (
    MAX_RATES,
    SystematicSpiking,
    check_neurons,
    firing_rates,
    poisson,
    spike_height,
)
from .tuning_curves import tuning
from .validation import check_integer, check_number, refusal

MAX_NEURONS = 10**6

# the middles of 1,000 equally likely intervals of a normal distribution
_NORMAL_QUANTILES = ndtri((np.arange(1000) + 0.5) / 1000)


@singledispatch
def count_variance(neuron_type: NeuronType, expected: np.ndarray) -> np.ndarray:
    """Variance of the numbers of spikes of independent neurons in a step.

    Neuron types whose spikes are independent of each other and from step to step are
    registered here; neurons that do not spike have none. Types that are not registered
    have no such variance, or it is not all that matters (`decoded_variance`).

    Parameters
    ----------
    neuron_type : nengo.neurons.NeuronType
    expected : ndarray
        Mean numbers of spikes in a step; negative for negative spikes.

    Returns
    -------
    variance : ndarray
        Of the shape of ``expected``.

    Raises
    ------
    nengo.exceptions.ValidationError
        If no theory of the neurons' spikes is known.
    """
    if neuron_type.spiking:
        raise refusal(
            "neuron_type",
            neuron_type,
            "Poisson or other neurons with random, independent spikes "
            "(nengo.PoissonSpiking, nengo.StochasticSpiking), coordinated neurons "
            "(SystematicSpiking) with a random shift, or rates, since the theory of "
            "noise includes no others",
        )
    return np.zeros(np.shape(expected))


@count_variance.register
def _(neuron_type: nengo.PoissonSpiking, expected: np.ndarray) -> np.ndarray:
    return np.abs(expected)


@count_variance.register
def _(neuron_type: nengo.StochasticSpiking, expected: np.ndarray) -> np.ndarray:
    # one more spike or none: the fraction is the probability of one more
    part = np.abs(expected) % 1
    return part * (1 - part)


@singledispatch
def decoded_variance(
    neuron_type: NeuronType, expected: np.ndarray, decoders: np.ndarray
) -> np.ndarray:
    r"""Variance of the decoded spikes of a whole population in a step.

    Variances of independent neurons add up. `SystematicSpiking` neurons are not
    independent: all of their spikes follow from one random number U. By summation by
    parts, with :math:`C_k` the expected number of spikes of the neurons 1 to k, the
    decoded sum is :math:`\sum_k J_k \lfloor C_k + U \rfloor`, where
    :math:`J_k = w_k - w_{k+1}` and :math:`J_n = w_n`. As a function of U it is
    constant but for n jumps, by :math:`J_k` where U reaches 1 less the fraction of
    :math:`C_k`. Its mean and variance are those of a piecewise constant function,
    without approximation.

    Parameters
    ----------
    neuron_type : nengo.neurons.NeuronType
        Those of which `count_variance` knows, or `SystematicSpiking`.
    expected : (n_values, n) ndarray
        Mean numbers of spikes of all neurons of the population in a step.
    decoders : (n,) ndarray

    Returns
    -------
    variance : (n_values,) ndarray
        Of the sum of numbers of spikes times decoders.

    Raises
    ------
    nengo.exceptions.ValidationError
        If no theory of the neurons' spikes is known.
    """
    return count_variance(neuron_type, expected) @ decoders**2


@decoded_variance.register
def _(
    neuron_type: SystematicSpiking, expected: np.ndarray, decoders: np.ndarray
) -> np.ndarray:
    steps = np.append(decoders[:-1] - decoders[1:], decoders[-1:])
    reached = np.cumsum(expected, axis=1) % 1
    order = np.argsort(reached, axis=1)
    edges = np.take_along_axis(reached, order, axis=1)
    # where 1 - U lies between two edges, the neurons of the higher ones have jumped
    values = np.zeros((len(edges), len(decoders) + 1))
    np.cumsum(steps[order[:, ::-1]], axis=1, out=values[:, -2::-1])
    widths = np.diff(edges, axis=1, prepend=0, append=1)
    mean = np.sum(widths * values, axis=1, keepdims=True)
    return np.asarray(np.sum(widths * (values - mean) ** 2, axis=1))


def check_predictable(neuron_type: NeuronType) -> None:
    """Refuse neurons whose noise is not known, or not white in time.

    Raises
    ------
    nengo.exceptions.ValidationError
        If no theory of the neurons' spikes is known.
    """
    decoded_variance(neuron_type, np.zeros((0, 0)), np.zeros(0))
    if isinstance(neuron_type, SystematicSpiking) and neuron_type.shift != "random":
        allowed = (
            "coordinated neurons with a random shift (with another one, the noise is "
            "not white in time: LegendreMemory.predict_rmse knows it along a signal, "
            "without noise shaping)"
        )
        raise refusal("neuron_type", neuron_type, allowed)


def predictable(neuron_type: NeuronType) -> bool:
    """Whether theory knows the noise of these neurons."""
    try:
        check_predictable(neuron_type)
    except ValidationError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one coordinate, solved: what theory needs to know of them.

    Attributes
    ----------
    encoders, gain, bias, decoders : (n,) ndarray
    radius : float
    neuron_type : nengo.neurons.NeuronType
    """

    encoders: np.ndarray
    gain: np.ndarray
    bias: np.ndarray
    decoders: np.ndarray
    radius: float
    neuron_type: NeuronType

    def __repr__(self) -> str:
        n = len(self.gain)
        return f"<Population: {n} of {self.neuron_type}, radius {self.radius:.3g}>"

    @classmethod
    def solved(
        cls,
        data: Mapping[Any, Any],
        ensemble: nengo.Ensemble,
        decoded: nengo.Connection,
        neuron_type: NeuronType | None = None,
    ) -> Population:
        """A one-dimensional ensemble as a simulator, with this ``sim.data``, built it.

        ``decoded`` is the connection that decodes it, ``neuron_type`` what it was built
        of if not of its own neuron type.
        """
        return cls(
            encoders=data[ensemble].encoders[:, 0],
            gain=data[ensemble].gain,
            bias=data[ensemble].bias,
            decoders=data[decoded].weights[0],
            radius=float(ensemble.radius),
            neuron_type=neuron_type or ensemble.neuron_type,
        )

    def rates(self, x: np.ndarray) -> np.ndarray:
        """Rates (n_values, n_neurons) of the neurons at the values x (n_values,).

        In Hz, times the height of the spikes.
        """
        along = x[:, None] * self.encoders / self.radius
        return firing_rates(self.neuron_type, along, self.gain, self.bias)

    def decode(self, x: np.ndarray) -> np.ndarray:
        """The decoded value (n_values,) at the values x, without any noise."""
        decoded = np.empty(len(x))
        for part in cached_blocks(len(x), len(self.gain)):
            decoded[part] = self.rates(x[part]) @ self.decoders
        return decoded

    def variance(self, x: np.ndarray, dt: float, poisson: bool = False) -> np.ndarray:
        """Variance (n_values,) of the noise in a decoded value x in one time step.

        With ``poisson``, as if the spikes were Poisson, whatever the neurons are.
        """
        height = spike_height(self.neuron_type)
        total = np.zeros(len(x))
        for part in cached_blocks(len(x), len(self.gain)):
            expected = self.rates(x[part]) * (dt / height)
            if poisson:
                total[part] = np.abs(expected) @ self.decoders**2
            else:
                total[part] = decoded_variance(
                    self.neuron_type, expected, self.decoders
                )
        return total * (height / dt) ** 2

    def noise(self, deviation: float, dt: float, poisson: bool = False) -> float:
        """Mean of `variance`, for x normal with this deviation."""
        x = np.clip(_NORMAL_QUANTILES * deviation, -self.radius, self.radius)
        return float(np.mean(self.variance(x, dt, poisson)))


def draw_population(
    n_neurons: int,
    radius: float,
    headroom: float,
    tau: float,
    rng: np.random.RandomState,
    allocation: str = "optimal",
    neuron_type: NeuronType | None = None,
    max_rates: Distribution = MAX_RATES,
    intercepts: Distribution | None = None,
) -> Population:
    """A random population, drawn and solved as in `networks.LegendreMemory`.

    Parameters
    ----------
    n_neurons : int
    radius : float
        Range of the coordinate.
    headroom : float
        The radius in standard deviations of the coordinate.
    tau : float
        Time over which noise is averaged, `Realization.averaging`, in seconds.
    rng : numpy.random.RandomState
    allocation : str
        ``"optimal"`` or ``"equal"``: how neurons are spread over the radius.
    neuron_type, max_rates, intercepts
        As for `predict_rmse`.

    Returns
    -------
    population : Population

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range.
    """
    n_neurons = check_integer("n_neurons", n_neurons, high=MAX_NEURONS)
    radius = check_number("radius", radius, low=0, exclusive=True)
    if not isinstance(rng, np.random.RandomState):
        raise refusal("rng", rng, "a numpy.random.RandomState")
    neuron_type = poisson() if neuron_type is None else neuron_type
    check_neurons(neuron_type, max_rates, intercepts)
    tuned = tuning(neuron_type, n_neurons, headroom, allocation, max_rates, intercepts)
    gain, bias = neuron_type.gain_bias(
        get_samples(tuned["max_rates"], n_neurons, rng=rng),
        get_samples(tuned["intercepts"], n_neurons, rng=rng),
    )
    encoders, points = tuned["encoders"], tuned["eval_points"]
    decoders, _ = decoder_solver(tau, n_neurons, neuron_type).solve_tuned(
        neuron_type, points, encoders, gain, bias, points * radius
    )
    return Population(encoders[:, 0], gain, bias, decoders[:, 0], radius, neuron_type)
