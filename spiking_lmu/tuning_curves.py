"""Where the neurons of a memory are tuned, and in which order they stand."""

from __future__ import annotations

from typing import Any

import numpy as np
from nengo.dists import (
    PDF,
    DistOrArrayParam,
    Distribution,
    Samples,
    Uniform,
    get_samples,
)
from nengo.neurons import NeuronType
from scipy.special import ndtri

from .neurons import (
    ALLOCATIONS,
    MAX_RATES,
    MOST_NEURONS,
    check_distribution,
    is_coordinated,
)
from .validation import check_choice, check_integer, check_number

FINER = 32  # random intercepts from which each of those in order is taken
# Fewer evaluation points miss the kinks of the tuning curves. More do not help: with
# twice as many, distortion and noise together change by 0.2 % at 10,000 neurons, and by
# 1.4 % at 50,000.
EVAL_POINTS = 1500
# the share of the evaluation points that represent transients of the state
TRANSIENT = 0.1


def spread_intercepts(headroom: float, allocation: str = "optimal") -> Distribution:
    """Intercepts that spread the neurons of a population over its radius.

    Populations must cover the radius, for transients, but the state spends its
    time within a deviation or two around zero. ``"optimal"`` intercepts are
    spaced evenly in asinh(x / deviation): evenly within a deviation, and by
    a constant factor beyond (Weber's law). The noise then grows with about the
    square root of the headroom, instead of with the headroom.

    Parameters
    ----------
    headroom : float
        The radius in standard deviations of the coordinate.
    allocation : str
        ``"optimal"``; or ``"equal"``: evenly over the radius, as Nengo's default.

    Returns
    -------
    intercepts : nengo.dists.Distribution
        For `nengo.Ensemble`: relative to the radius.
    """
    headroom = check_number("headroom", headroom, low=1)
    if check_choice("allocation", allocation, ALLOCATIONS) == "equal":
        return Uniform(-1.0, 0.9)
    x = _evenly_in_asinh(headroom, 401, limit=0.9)
    return PDF(x, np.full(len(x), 1 / len(x)))


def tuned_eval_points(headroom: float) -> np.ndarray:
    """Evaluation points (n, 1), relative to the radius, spread as the state is.

    Nine of ten are quantiles of a normal distribution; the others reach out to the
    radius, for transients, evenly in asinh(x / deviation).
    """
    headroom = check_number("headroom", headroom, low=1)
    n_wide = int(TRANSIENT * EVAL_POINTS)
    n = EVAL_POINTS - n_wide
    usual = ndtri((np.arange(n) + 0.5) / n) / headroom
    wide = _evenly_in_asinh(headroom, n_wide, limit=1.0)
    return np.clip(np.concatenate([usual, wide]), -1, 1)[:, None]


def _evenly_in_asinh(headroom: float, n: int, limit: float) -> np.ndarray:
    edge = np.arcsinh(headroom * limit)
    return np.sinh(np.linspace(-edge, edge, n)) / headroom


class EqualRates(Distribution):
    """Maximum rates that are all the mean of a distribution.

    Random ones would make decoders differ from each neuron to the next.

    Parameters
    ----------
    max_rates : nengo.dists.Distribution or array_like
    """

    max_rates = DistOrArrayParam("max_rates", sample_shape=("*",))

    def __init__(self, max_rates: Any) -> None:
        super().__init__()
        self.max_rates = max_rates

    def sample(self, n: int, d: int | None = None, rng: Any = np.random) -> np.ndarray:
        """The mean of a sample of ``n``, or of `FINER` times as many, n times."""
        drawn = get_samples(self.max_rates, _how_many(self.max_rates, n), d, rng)
        return np.repeat(drawn.mean(axis=0, keepdims=True), n, axis=0)


def _how_many(distribution: Any, n: int) -> int:
    """Values to draw for n neurons; as many as there are where they are given."""
    given = isinstance(distribution, Samples | np.ndarray)
    return n if given else FINER * n


class OrderedIntercepts(Distribution):
    """Intercepts in the order of tuning of `in_order`, spread over a distribution.

    They are as evenly spaced in the distribution's quantiles as a random sample of
    `FINER` times their number allows: decoders then vary evenly along the order, and
    the distortion of few neurons is several times smaller than with random gaps.

    Parameters
    ----------
    intercepts : nengo.dists.Distribution or array_like
    """

    intercepts = DistOrArrayParam("intercepts", sample_shape=("*",))

    def __init__(self, intercepts: Any) -> None:
        super().__init__()
        self.intercepts = intercepts

    def sample(self, n: int, d: int | None = None, rng: Any = np.random) -> np.ndarray:
        """Intercepts (n,), or (n, d): rising and falling again for n // 2 neurons,
        and once more for the others.
        """
        drawn = get_samples(self.intercepts, _how_many(self.intercepts, n), d, rng)
        finer = len(drawn) // n
        parts = np.split(drawn, [finer * (n // 2)])
        return np.concatenate([_there_and_back(part, finer) for part in parts])


def _there_and_back(drawn: np.ndarray, finer: int) -> np.ndarray:
    """Every ``finer``-th value in ascending order: one of two on the way back."""
    ascending = np.sort(drawn, axis=0)[finer // 2 :: finer]
    return np.concatenate([ascending[::2], ascending[1::2][::-1]])


def in_order(n_neurons: int, intercepts: Distribution) -> dict[str, Any]:
    """Encoders and intercepts of a one-dimensional ensemble in the order of tuning.

    The first half prefers negative values, the second half positive ones. In each
    half, intercepts rise from neuron to neuron and then fall again. Decoders of a
    smooth function then vary little from each neuron to the next, which
    `SystematicSpiking` requires. The number of spikes of all neurons is uncertain by
    one, and this one spike is the first or the last: a spike of neurons with the lowest
    intercepts, whose decoders are the smallest. Maximum rates must not differ at random
    either: let them be the same for all neurons.

    Parameters
    ----------
    n_neurons : int
    intercepts : nengo.dists.Distribution
        Relative to the radius, as for `nengo.Ensemble`.

    Returns
    -------
    arguments : dict
        ``encoders`` and ``intercepts`` for `nengo.Ensemble`.
    """
    n_neurons = check_integer("n_neurons", n_neurons, high=MOST_NEURONS)
    check_distribution("intercepts", intercepts)
    return {
        "encoders": _encoders(n_neurons),
        "intercepts": OrderedIntercepts(intercepts),
    }


def _encoders(n_neurons: int) -> np.ndarray:
    """Encoders (n_neurons, 1): the first half prefers negative values."""
    return np.where(np.arange(n_neurons) < n_neurons // 2, -1.0, 1.0)[:, None]


def tuning(
    neuron_type: NeuronType,
    n_neurons: int,
    headroom: float,
    allocation: str = "optimal",
    max_rates: Distribution = MAX_RATES,
    intercepts: Distribution | None = None,
) -> dict[str, Any]:
    """Arguments of `nengo.Ensemble` that tune one population of a memory.

    Coordinated neurons are in the order of `in_order`, with equal maximum rates.

    Parameters
    ----------
    neuron_type : nengo.neurons.NeuronType
    n_neurons : int
    headroom : float
        The radius in standard deviations of the coordinate.
    allocation : str
        ``"optimal"`` or ``"equal"``: how neurons are spread over the radius.
    max_rates : nengo.dists.Distribution
        Of which coordinated neurons have the mean.
    intercepts : nengo.dists.Distribution, optional
        Intercepts to use instead of `spread_intercepts`.

    Returns
    -------
    arguments : dict
        ``encoders``, ``max_rates``, ``intercepts`` and ``eval_points``.
    """
    if intercepts is None:
        intercepts = spread_intercepts(headroom, allocation)
    if is_coordinated(neuron_type):
        max_rates = EqualRates(max_rates)
        intercepts = OrderedIntercepts(intercepts)
    return {
        "encoders": _encoders(n_neurons),
        "max_rates": max_rates,
        "intercepts": intercepts,
        "eval_points": tuned_eval_points(headroom),
    }
