"""Neurons for a memory: their type and where they are tuned."""

from __future__ import annotations

from typing import Any

import nengo
import numpy as np
from nengo.dists import PDF, Distribution, Uniform, get_samples
from nengo.exceptions import ValidationError
from nengo.neurons import (
    AdaptiveLIF,
    AdaptiveLIFRate,
    NeuronType,
    RatesToSpikesNeuronType,
)
from scipy.special import ndtri

from .validation import check_choice, check_integer, check_number, refusal

ALLOCATIONS = ("equal", "optimal")
NEURON_TYPES = ("poisson", "lif", "relu", "poisson-relu", "rate")
MAX_RATES = Uniform(200, 400)  # as Nengo's default, in Hz
MOST_NEURONS = 10**9  # of one population

# Fewer evaluation points miss the kinks of the tuning curves. More do not help: with
# twice as many, distortion and noise together change by 0.2 % at 10,000 neurons, and by
# 1.4 % at 50,000.
EVAL_POINTS = 1500
# the share of the evaluation points that represent transients of the state
TRANSIENT = 0.1


def poisson() -> nengo.PoissonSpiking:
    """Heterogeneous Poisson neurons with the tuning curves of LIF neurons.

    Each neuron fires at the rate of a leaky integrate-and-fire neuron with the
    same gain and bias, at times that are random and independent of all others.

    References
    ----------
    LMU 2019, section 2.3.
    """
    return nengo.PoissonSpiking(nengo.LIFRate())


def neuron_type(name: str) -> nengo.neurons.NeuronType:
    """A neuron type by its name on the command line.

    Parameters
    ----------
    name : str
        With the tuning curves of LIF neurons, ``"poisson"``, ``"lif"`` and ``"rate"``
        (``nengo.LIFRate``, without spikes). With rectified linear tuning curves,
        ``"relu"`` (``nengo.SpikingRectifiedLinear``) and ``"poisson-relu"``.
    """
    check_choice("neuron_type", name, NEURON_TYPES)
    if name == "poisson":
        return poisson()
    if name == "poisson-relu":
        return nengo.PoissonSpiking(nengo.RectifiedLinear())
    types = {
        "lif": nengo.LIF,
        "relu": nengo.SpikingRectifiedLinear,
        "rate": nengo.LIFRate,
    }
    return types[name]()


def check_neurons(neuron_type: Any, max_rates: Any, intercepts: Any) -> None:
    """Refuse neurons that a memory cannot consist of.

    Parameters
    ----------
    neuron_type : nengo.neurons.NeuronType
    max_rates : nengo.dists.Distribution
    intercepts : nengo.dists.Distribution or None

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is none of these, a distribution is not of single numbers, or
        the neurons have an amplitude that Nengo's decoders do not include, or that
        changes the neurons themselves.
    """
    if not isinstance(neuron_type, NeuronType):
        allowed = "an instance of a Nengo neuron type"
        raise refusal("neuron_type", neuron_type, allowed)
    untold = getattr(type(neuron_type), "rates", None) is RatesToSpikesNeuronType.rates
    if untold and neuron_type.amplitude != 1:
        name = type(neuron_type).__name__
        raise ValidationError(
            f"must be {name} with an amplitude of 1, but is {neuron_type}: Nengo "
            "decodes such neurons as if it were 1, and the decoded values would be "
            "too small or too large by this factor",
            attr="neuron_type",
        )
    if isinstance(neuron_type, AdaptiveLIFRate | AdaptiveLIF) and (
        neuron_type.amplitude != 1
    ):
        name = type(neuron_type).__name__
        raise ValidationError(
            f"must be {name} with an amplitude of 1, but is {neuron_type}: these "
            "neurons adapt to their own output, so that another amplitude changes "
            "their rates, and decoders do not include that",
            attr="neuron_type",
        )
    # an array would be of one value a neuron, and populations differ in size
    _check_distribution("max_rates", max_rates)
    if intercepts is not None:
        _check_distribution("intercepts", intercepts)


def _check_distribution(name: str, value: Any) -> None:
    allowed = "a distribution of nengo.dists"
    if not isinstance(value, Distribution):
        raise refusal(name, value, allowed)
    try:
        shape = np.shape(get_samples(value, 1, rng=np.random.RandomState(0)))
    except ValidationError:  # nengo.dists.Samples are so many, and no other number
        return
    if shape != (1,):
        raise refusal(name, value, allowed + " of single numbers")


def spike_height(neuron_type: NeuronType) -> float:
    """How much one spike adds to the sum of a neuron's rates: Nengo's ``amplitude``.

    Of neurons that do not spike, the factor that their rates hold.
    """
    return float(getattr(neuron_type, "amplitude", 1.0))


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


def alternating_encoders(n_neurons: int) -> np.ndarray:
    """Encoders (n_neurons, 1) that prefer up and down in turn: no side is short."""
    n_neurons = check_integer("n_neurons", n_neurons, high=MOST_NEURONS)
    return np.where(np.arange(n_neurons) % 2, -1.0, 1.0)[:, None]


def tuning(
    n_neurons: int,
    headroom: float,
    allocation: str = "optimal",
    intercepts: Distribution | None = None,
) -> dict[str, Any]:
    """Arguments of `nengo.Ensemble` that tune one population of a memory.

    Parameters
    ----------
    n_neurons : int
    headroom : float
        The radius in standard deviations of the coordinate.
    allocation : str
        ``"optimal"`` or ``"equal"``: how neurons are spread over the radius.
    intercepts : nengo.dists.Distribution, optional
        Intercepts to use instead of `spread_intercepts`.

    Returns
    -------
    arguments : dict
        ``encoders``, ``intercepts`` and ``eval_points``.
    """
    if intercepts is None:
        intercepts = spread_intercepts(headroom, allocation)
    return {
        "encoders": alternating_encoders(n_neurons),
        "intercepts": intercepts,
        "eval_points": tuned_eval_points(headroom),
    }
