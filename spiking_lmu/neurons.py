"""Neurons for a memory: their types, and which of them it can consist of."""

from __future__ import annotations

from typing import Any, ClassVar

import nengo
import numpy as np
from nengo.dists import (
    Distribution,
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

from .validation import check_choice, refusal

ALLOCATIONS = ("equal", "optimal")
NEURON_TYPES = (
    "poisson",
    "coordinated",
    "coordinated-golden",
    "coordinated-carry",
    "coordinated-nearest",
    "regular",
    "lif",
    "rate",
    "relu",
    "poisson-relu",
    "coordinated-relu",
    "coordinated-golden-relu",
    "coordinated-carry-relu",
    "coordinated-nearest-relu",
)
# with rectified linear tuning curves; the others have those of LIF neurons
LINEAR = tuple(name for name in NEURON_TYPES if name.endswith("relu"))
COORDINATED = tuple(name for name in NEURON_TYPES if name.startswith("coordinated"))
SHIFTS = ("random", "golden", "carry", "nearest")
GOLDEN = (np.sqrt(5) - 1) / 2  # the part after the point of the golden ratio
MAX_RATES = Uniform(200, 400)  # as Nengo's default, in Hz
MOST_NEURONS = 10**9  # of one population


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
        step to step. ``"carry"`` draws it once too, and begins each step with what the
        running sum of the last step left over. The number of spikes since the beginning
        then never errs by more than one. Which neurons spike is less even: a constant
        sum of rates may reach the same ones again and again. ``"nearest"`` keeps U at
        1/2. The number of spikes is the integer next to that expected, which errs the
        least in one step but in the same way in each. It is meant for populations whose
        errors are carried over (``noise_shaping`` of `networks.LegendreMemory`).
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

    # U of each neuron's population, the same for all of its neurons; with "carry", what
    # the running sum left over at each neuron, of which the last begins the next step
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

    @property
    def added(self) -> float:
        """What is added to U in each step, modulo 1.

        With ``"carry"``, where the step sets U, it is 0; with ``"nearest"``, where U
        stays, it is 1.
        """
        return {"golden": float(GOLDEN), "nearest": 1.0}.get(self.shift, 0.0)

    def rates(self, x: Any, gain: Any, bias: Any) -> np.ndarray:
        """Rates of the neurons in Hz, times the height of the spikes."""
        return self.amplitude * self.base_type.rates(x, gain, bias)

    def make_state(
        self, n_neurons: int, rng: Any = np.random, dtype: Any = None
    ) -> dict[str, Any]:
        """The state of a population: one offset, and its size where it begins.

        Nengo's optimizer joins populations. They keep offsets of their own.
        """
        state = super().make_state(n_neurons, rng=rng, dtype=dtype)
        state["offset"][...] = 0.5 if self.shift == "nearest" else state["offset"][:1]
        state["first"] = np.zeros_like(state["offset"])
        state["first"][:1] = n_neurons
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
            drawn = rng.uniform(size=len(begin))
        else:
            drawn = (offset[begin + sizes - 1] + self.added) % 1
        offset[...] = np.repeat(drawn, sizes)
        # in 64 bits: sums over many neurons must keep the slowest ones
        expected = np.multiply(J, dt, dtype=np.float64)
        total = np.cumsum(expected)
        total += offset - np.repeat((total - expected)[begin], sizes)
        reached = np.floor(total)
        before = np.concatenate([[0], reached[:-1]])
        before[begin] = 0
        output[...] = (self.amplitude / dt) * (reached - before)
        if self.shift == "carry":
            offset[...] = total - reached

    def offsets(
        self, totals: np.ndarray, last: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, float]:
        """U of one population in several steps.

        Parameters
        ----------
        totals : (n_steps,) ndarray
            The expected number of spikes of the population in each of these steps, at
            least one.
        last : float
            U of the step before; with ``"carry"``, what its running sum left over.
        rng : np.random.Generator
            For random shifts.

        Returns
        -------
        offsets : (n_steps,) ndarray
        last : float
            For the step that follows.
        """
        n_steps = len(totals)
        if self.shift == "carry":
            left = (last + np.cumsum(totals)) % 1
            return np.append(last, left[:-1]), float(left[-1])
        if self.shift == "random":
            return rng.uniform(size=n_steps), last
        offsets = (last + self.added * np.arange(1, n_steps + 1)) % 1
        return offsets, float(offsets[-1])


def coordinated(shift: str = "random") -> SystematicSpiking:
    """Neurons with the tuning curves of LIF neurons that coordinate their spikes.

    They differ from `poisson` in which neurons spike together: see
    `SystematicSpiking`.

    Parameters
    ----------
    shift : str
        ``"random"``, ``"golden"``, ``"carry"`` or ``"nearest"``.
    """
    return SystematicSpiking(nengo.LIFRate(), check_choice("shift", shift, SHIFTS))


def neuron_type(name: str) -> nengo.neurons.NeuronType:
    """A neuron type by its name on the command line.

    Parameters
    ----------
    name : str
        With the tuning curves of LIF neurons, ``"poisson"``, ``"coordinated"``,
        ``"coordinated-golden"``, ``"coordinated-carry"`` and ``"coordinated-nearest"``
        (`SystematicSpiking` with each shift), ``"regular"`` (``nengo.RegularSpiking``),
        ``"lif"`` and ``"rate"`` (``nengo.LIFRate``, without spikes). With rectified
        linear tuning curves, ``"relu"`` (``nengo.SpikingRectifiedLinear``),
        ``"poisson-relu"``, and those of coordinated neurons with ``-relu`` at the end.
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
    shift = spikes.removeprefix("coordinated").removeprefix("-")
    return SystematicSpiking(base, shift or "random")


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
    check_distribution("max_rates", max_rates)
    if intercepts is not None:
        check_distribution("intercepts", intercepts)


def check_distribution(name: str, value: Any) -> None:
    """Refuse what is not a distribution of single numbers."""
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


def firing_rates(
    neuron_type: NeuronType, x: np.ndarray, gain: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """The ``rates`` of a neuron type, to the last bit, in less time for LIF curves.

    Parameters
    ----------
    neuron_type : nengo.neurons.NeuronType
    x : (n_values, n) ndarray
        What each neuron is driven by: values times encoders, over the radius.
    gain, bias : (n,) ndarray

    Returns
    -------
    rates : (n_values, n) ndarray
        In Hz, times the height of the spikes where the type's ``rates`` hold it.
    """
    if type(neuron_type).rates is RatesToSpikesNeuronType.rates:
        return firing_rates(neuron_type.base_type, x, gain, bias)
    if type(neuron_type) is SystematicSpiking:
        return neuron_type.amplitude * firing_rates(
            neuron_type.base_type, x, gain, bias
        )
    if type(neuron_type) is not nengo.LIFRate:
        return neuron_type.rates(x, gain, bias)
    currents = np.multiply(x, gain, dtype=float)
    currents += bias
    currents -= 1
    active = currents > 0
    rates = currents[active]
    np.divide(1.0, rates, out=rates)
    np.log1p(rates, out=rates)
    rates *= neuron_type.tau_rc
    rates += neuron_type.tau_ref
    np.divide(neuron_type.amplitude, rates, out=rates)
    currents[...] = 0
    currents[active] = rates
    return currents


def is_coordinated(neuron_type: NeuronType) -> bool:
    """Whether the neurons of a population coordinate their spikes."""
    return isinstance(neuron_type, SystematicSpiking)
