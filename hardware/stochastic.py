"""Neurons that fire at random on Loihi: memoryless units with noise at the membrane.

The chip's noise is one of 255 integers, uniformly distributed, times a power of two.
With a voltage that decays at once and a threshold within the range of the noise, the
unit fires in each step with a probability that is linear in its current.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nengo
import numpy as np
from nengo.params import NumberParam

from spiking_lmu.neurons import spike_height
from spiking_lmu.populations import count_variance
from spiking_lmu.validation import check_array

if TYPE_CHECKING:
    from nengo_loihi.block import LoihiBlock
    from nengo_loihi.builder import Model

# in Hz, for steps of 1 ms: up to this rate, the coefficient of variation of intervals
# is at least 0.9
MAX_RATE = 180.0


class ChipPoisson(nengo.RectifiedLinear):
    r"""Neurons that fire at random, as Loihi can: at most once in a step.

    In each step of length `dt` a neuron fires with probability

    .. math:: p = \min(\max(J \, dt, 0), 1)

    for a current :math:`J` in Hz, independently of all other neurons and steps. The
    tuning curves are rectified lines; the intervals between spikes are geometric, with
    a coefficient of variation of :math:`\sqrt{1 - p}`: nearly those of a Poisson
    process, whose rate fires twice in some steps.

    Parameters
    ----------
    amplitude : float
        Height of the spikes, relative to ``1 / dt``.
    initial_state : dict, optional
        As for every Nengo neuron type; these neurons have no state to give.

    Notes
    -----
    On the chip, 1/256 of the voltage remains from step to step, which smooths the 255
    levels of the noise. This raises rates by the factor 1 + (1 - p) / 512.
    """

    spiking = True

    def rates(self, x: Any, gain: Any, bias: Any) -> np.ndarray:
        """Rates (n_samples, n_neurons) in Hz, times the amplitude."""
        return self.amplitude * np.maximum(self.current(x, gain, bias), 0)

    def make_state(
        self, n_neurons: int, rng: Any = np.random, dtype: Any = None
    ) -> dict[str, Any]:
        """The random state of the spikes of a simulation."""
        state = super().make_state(n_neurons, rng=rng, dtype=dtype)
        return {**state, "rng": rng}

    def step(self, dt: float, J: np.ndarray, output: np.ndarray, rng: Any) -> None:
        """Each neuron fires with probability ``J * dt``."""
        output[...] = (self.amplitude / dt) * (rng.random_sample(J.shape) < J * dt)


class StandIn(ChipPoisson):
    """`ChipPoisson` neurons that replace those of a `nengo.PoissonSpiking`.

    In Nengo, the amplitude of such neurons multiplies their decoded values, since
    decoders do not include it. The same holds here.

    Parameters
    ----------
    amplitude : float
        Height of the spikes, relative to ``1 / dt``.
    rate_height : float
        Height of the spikes that rates and decoders include.
    initial_state : dict, optional
        As for every Nengo neuron type; these neurons have no state to give.
    """

    rate_height = NumberParam("rate_height", low=0, low_open=True)

    def __init__(
        self,
        amplitude: float = 1.0,
        rate_height: float = 1.0,
        initial_state: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(amplitude=amplitude, initial_state=initial_state)
        self.rate_height = rate_height

    def rates(self, x: Any, gain: Any, bias: Any) -> np.ndarray:
        """Rates (n_samples, n_neurons) in Hz, times ``rate_height``."""
        return self.rate_height * np.maximum(self.current(x, gain, bias), 0)


def rate_height(neuron_type: nengo.neurons.NeuronType) -> float:
    """Height of the spikes that rates include: `spike_height` except for stand-ins."""
    return float(getattr(neuron_type, "rate_height", spike_height(neuron_type)))


@count_variance.register
def _(neuron_type: ChipPoisson, expected: np.ndarray) -> np.ndarray:
    p = np.clip(expected, 0, 1)
    return p * (1 - p)


def build_stochastic(
    model: Model, neuron_type: ChipPoisson, neurons: Any, block: LoihiBlock
) -> None:
    """Configure a block of the chip as `ChipPoisson` neurons.

    This is a build function of a `nengo_loihi.builder.Builder`. Its blocks must be
    discretized by `discretization.discretize_stochastic_block`.

    Raises
    ------
    nengo.exceptions.ValidationError
        If maximum rates exceed `MAX_RATE` (for steps of 1 ms).
    """
    check_max_rates(neurons.ensemble, model.dt)
    compartment = block.compartment
    amplitude = 0.5 / model.dt
    compartment.decay_v[:] = 1
    compartment.scale_v = False
    compartment.refract_delay[:] = 1  # the chip's minimum: no refractory steps
    compartment.vth[:] = amplitude
    compartment.vmin = -np.inf
    compartment.vmax = np.inf
    compartment.enable_noise[:] = True
    compartment.noise_at_membrane = 1
    compartment.noise_offset = 0
    compartment.noise_exp = np.log10(amplitude)


def check_max_rates(ensemble: nengo.Ensemble, dt: float = 0.001) -> None:
    """Refuse an ensemble of `ChipPoisson` neurons that would fire too regularly.

    Raises
    ------
    nengo.exceptions.ValidationError
        If its ``max_rates`` exceed ``MAX_RATE * 0.001 / dt``.
    """
    high = MAX_RATE * 0.001 / dt
    check_array("max_rates", _max_rates(ensemble), high=high * (1 + 1e-6))


def _max_rates(ensemble: nengo.Ensemble) -> np.ndarray:
    n, rng = ensemble.n_neurons, np.random.RandomState(0)
    if ensemble.gain is not None and ensemble.bias is not None:
        gain = nengo.dists.get_samples(ensemble.gain, n, rng=rng)
        bias = nengo.dists.get_samples(ensemble.bias, n, rng=rng)
        return np.abs(gain) + bias
    if isinstance(ensemble.max_rates, nengo.dists.Uniform):
        return np.array([ensemble.max_rates.low, ensemble.max_rates.high])
    return nengo.dists.get_samples(ensemble.max_rates, n, rng=rng)
