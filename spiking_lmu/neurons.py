"""Neurons for a memory: their type and where they are tuned."""

from __future__ import annotations

from typing import Any, ClassVar

import nengo
import numpy as np
from nengo.dists import (
    PDF,
    DistOrArrayParam,
    Distribution,
    Samples,
    Uniform,
    get_samples,
)
from nengo.exceptions import ValidationError
from nengo.neurons import (
    AdaptiveLIF,
    AdaptiveLIFRate,
    NeuronType,
    RatesToSpikesNeuronType,
)
from nengo.params import EnumParam
from scipy.special import ndtri

from .validation import check_choice, check_integer, check_number, refusal

ALLOCATIONS = ("equal", "optimal")
NEURON_TYPES = (
    "poisson",
    "coordinated",
    "coordinated-golden",
    "regular",
    "lif",
    "rate",
    "relu",
    "poisson-relu",
    "coordinated-relu",
    "coordinated-golden-relu",
)
COORDINATED = tuple(name for name in NEURON_TYPES if name.startswith("coordinated"))
SHIFTS = ("random", "golden")
GOLDEN = (np.sqrt(5) - 1) / 2  # the part after the point of the golden ratio
MAX_RATES = Uniform(200, 400)  # as Nengo's default, in Hz
FINER = 32  # random intercepts from which each of those in order is taken
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


class SystematicSpiking(RatesToSpikesNeuronType):
    r"""Turn rates into spikes that the neurons of a population share out among them.

    In each step, the whole population draws one number U, uniformly from 0 to 1. With
    :math:`C_k` the running sum :math:`r_1 \Delta t + \dots + r_k \Delta t` of the
    expected numbers of spikes, neuron k spikes
    :math:`\lfloor C_k + U \rfloor - \lfloor C_{k-1} + U \rfloor` times. In survey
    statistics, this is systematic sampling.

    Each neuron alone is as if it were independent: with :math:`r \Delta t < 1`, it
    spikes with probability :math:`r \Delta t` in each step, whatever it did before.
    Together, the neurons spike :math:`\lfloor C_n \rfloor` or
    :math:`\lfloor C_n \rfloor + 1` times, and spread these spikes evenly along their
    order. A value decoded from n neurons then errs by O(1/n) instead of
    :math:`O(1/\sqrt n)`, if decoders vary little from each neuron to the next. The
    neurons of a `networks.LegendreMemory` are in such an order. Those of other
    ensembles must be sorted: `in_order` gives encoders and intercepts.

    Parameters
    ----------
    base_type : nengo.neurons.NeuronType
        Neurons that have the rates, such as ``nengo.LIFRate()``.
    shift : str
        ``"random"`` draws U anew in each step. ``"golden"`` draws it once, and then
        adds the golden ratio modulo 1 in each step. The errors of successive steps
        then nearly cancel in a slow synapse, but the neurons are no longer random from
        step to step.
    amplitude : float
        Height of the spikes. Unlike that of Nengo's own types, it is part of the rates,
        so that decoders account for it.
    initial_state : dict, optional
        As for every `nengo.neurons.NeuronType`.

    References
    ----------
    .. [1] W. G. Madow, "On the theory of systematic sampling, II", Annals of
       Mathematical Statistics 20(3), 1949.
    """

    # U of each neuron's population; the same for all neurons of a population
    state: ClassVar[dict[str, Any]] = {"offset": Uniform(0, 1)}
    shift = EnumParam("shift", values=SHIFTS)

    def __init__(
        self,
        base_type: NeuronType,
        shift: str = "random",
        amplitude: float = 1.0,
        initial_state: dict[str, Any] | None = None,
    ) -> None:
        self.shift = shift  # first, for Nengo's errors show the neuron type
        super().__init__(base_type, amplitude, initial_state)

    def rates(self, x: Any, gain: Any, bias: Any) -> np.ndarray:
        """Rates of the neurons in Hz, times the height of the spikes."""
        return self.amplitude * self.base_type.rates(x, gain, bias)

    def make_state(
        self, n_neurons: int, rng: Any = np.random, dtype: Any = None
    ) -> dict[str, Any]:
        """The state of a population: one offset, and where the population begins.

        Nengo's optimizer joins populations. They keep offsets of their own.
        """
        state = super().make_state(n_neurons, rng=rng, dtype=dtype)
        state["offset"][...] = state["offset"][:1]
        state["first"] = np.zeros_like(state["offset"])
        state["first"][:1] = 1
        if self.shift == "random":
            state["rng"] = rng
        return state

    def step(
        self,
        dt: float,
        J: np.ndarray,
        output: np.ndarray,
        offset: np.ndarray,
        first: np.ndarray,
        rng: Any = None,
        **base_state: Any,
    ) -> None:
        """One step of neurons whose rates are J."""
        begin = np.flatnonzero(first)
        sizes = np.diff(begin, append=len(J))
        if self.shift == "random":
            offset[...] = np.repeat(rng.uniform(size=len(begin)), sizes)
        else:
            offset[...] = (offset + GOLDEN) % 1
        # in 64 bits: sums over many neurons must keep the slowest ones
        expected = np.multiply(J, dt, dtype=np.float64)
        total = np.cumsum(expected)
        total += offset - np.repeat((total - expected)[begin], sizes)
        reached = np.floor(total)
        before = np.concatenate([[0], reached[:-1]])
        before[begin] = 0
        output[...] = (self.amplitude / dt) * (reached - before)


def coordinated(shift: str = "random") -> SystematicSpiking:
    """Neurons with the tuning curves of LIF neurons that coordinate their spikes.

    They differ from `poisson` in which neurons spike together: see
    `SystematicSpiking`.

    Parameters
    ----------
    shift : str
        ``"random"`` or ``"golden"``.
    """
    return SystematicSpiking(nengo.LIFRate(), check_choice("shift", shift, SHIFTS))


def neuron_type(name: str) -> nengo.neurons.NeuronType:
    """A neuron type by its name on the command line.

    Parameters
    ----------
    name : str
        With the tuning curves of LIF neurons, ``"poisson"``, ``"coordinated"`` and
        ``"coordinated-golden"`` (`SystematicSpiking` with either shift), ``"regular"``
        (``nengo.RegularSpiking``), ``"lif"`` and ``"rate"`` (``nengo.LIFRate``, without
        spikes). With rectified linear tuning curves, ``"relu"``
        (``nengo.SpikingRectifiedLinear``), ``"poisson-relu"``, ``"coordinated-relu"``
        and ``"coordinated-golden-relu"``.
    """
    check_choice("neuron_type", name, NEURON_TYPES)
    if name == "lif":
        return nengo.LIF()
    if name == "relu":
        return nengo.SpikingRectifiedLinear()
    rectified = name.endswith("-relu")
    base = nengo.RectifiedLinear() if rectified else nengo.LIFRate()
    spikes = name.removesuffix("-relu")
    if spikes == "rate":
        return base
    if spikes == "poisson":
        return nengo.PoissonSpiking(base)
    if spikes == "regular":
        return nengo.RegularSpiking(base)
    golden = spikes == "coordinated-golden"
    return SystematicSpiking(base, "golden" if golden else "random")


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
    _check_distribution("intercepts", intercepts)
    return {
        "encoders": _encoders(n_neurons),
        "intercepts": OrderedIntercepts(intercepts),
    }


def _encoders(n_neurons: int) -> np.ndarray:
    """Encoders (n_neurons, 1): the first half prefers negative values."""
    return np.where(np.arange(n_neurons) < n_neurons // 2, -1.0, 1.0)[:, None]


def is_coordinated(neuron_type: NeuronType) -> bool:
    """Whether the neurons of a population coordinate their spikes."""
    return isinstance(neuron_type, SystematicSpiking)


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
