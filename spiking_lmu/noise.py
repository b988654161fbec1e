r"""How precise a memory of spiking neurons is: theory, forwards and backwards.

Poisson spikes of height h and rates r_k, decoded with weights w_k, are the decoded
value plus noise that is white in time, of variance
:math:`q = \sum_k w_k^2 h^2 r_k / \Delta t` in each step: O(1/p) for p neurons. It
enters the recurrence through :math:`G = \bar A - a I`, and what the memory makes of it
is the solution P of the discrete Lyapunov equation
:math:`P = \bar A P \bar A^T + G Q G^T`. No constant is fitted.

With noise shaping, each population carries its error over: its drive is the coordinate
less the error of its last decoded value, as far as that error is still in the state
(`Realization.carried`, D). A step then adds :math:`q_n - D q_{n-1}` instead of
:math:`q_n`, which has little power at the low frequencies that the memory holds. As G
and :math:`\bar A` commute, the error is

.. math:: P = G Q G^T + R, \qquad
          R = \bar A R \bar A^T + G (\bar A - D) Q (\bar A - D)^T G^T,

where R would vanish if D were the whole of :math:`\bar A`: noise then leaves the memory
after one step. Digital filters have it as error feedback (Higgins & Munson 1982), and
networks of spiking neurons as spikes that are sent to correct an error (Boerlin et al.
2013).

The same holds for all neurons that spike independently of each other and of their own
past, with the variance that their numbers of spikes have (`count_variance`); and for
coordinated neurons with a random shift, whose decoded values vary less than the sum of
their variances, by O(1/p^2) (`decoded_variance`). It holds for no others, and is no
bound for them: the error of LIF neurons ends at a floor, for their membranes follow a
moving input late, that more neurons do not lower.

References
----------
LMU 2019, section 2.3.
W. E. Higgins, D. C. Munson, "Noise reduction strategies for digital filters: error
spectrum shaping versus the optimal linear state-space formulation", IEEE Transactions
on Acoustics, Speech, and Signal Processing 30(6), 1982.
M. Boerlin, C. K. Machens, S. Denève, "Predictive coding of dynamical variables in
balanced spiking networks", PLOS Computational Biology 9(11), 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from nengo.dists import Distribution
from nengo.neurons import NeuronType
from numpy.typing import ArrayLike
from scipy.linalg import solve_discrete_lyapunov

from .neurons import MAX_RATES, check_neurons, is_coordinated, poisson
from .populations import (
    MAX_NEURONS,
    Population,
    check_predictable,
    draw_population,
)
from .realization import FEWEST_NEURONS, Realization, check_realization
from .validation import (
    check_array,
    check_flag,
    check_integer,
    check_number,
    check_positive,
    refusal,
)

LARGEST_SAMPLE = 2000  # beyond, populations only become more alike


ENOUGH_SAMPLES = 400  # neurons per dimension over which small populations are averaged


def check_populations(realization: Any, populations: Any) -> None:
    """Refuse what is not a realization with one population for each coordinate."""
    order = check_realization(realization).order
    if not isinstance(populations, Sequence) or not all(
        isinstance(p, Population) for p in populations
    ):
        raise refusal("populations", populations, "a sequence of Population")
    if len(populations) != order:
        raise refusal(
            "populations", len(populations), f"{order}, one for each coordinate"
        )


def spiking_noise(
    realization: Realization,
    populations: Sequence[Population],
    poisson: bool = False,
    noise_shaping: bool = False,
) -> np.ndarray:
    """Variance q (d,) of the noise that spikes add in each step.

    Rates are those of the expected input and of the noise itself, which moves the
    state too, and with noise shaping the drive of the populations: all are found by
    iteration.

    Parameters
    ----------
    realization : Realization
    populations : sequence of Population
        One for each coordinate.
    poisson : bool
        Whether to take all spikes for Poisson, whatever the neurons are. For others,
        that is the form of the noise, but not its size.
    noise_shaping : bool
        As for `networks.LegendreMemory`.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is no theory for the neurons (`count_variance`), or there is not one
        population for each coordinate.
    """
    check_populations(realization, populations)
    if not poisson:
        for population in populations:  # rates of some neuron types take very long
            check_predictable(population.neuron_type)
    expected = np.diag(realization.covariance)
    noise = np.zeros(realization.order)
    deviations = noise
    for _ in range(3):
        last, deviations = deviations, np.sqrt(expected + noise)
        if np.allclose(deviations, last, rtol=1e-3, atol=0):
            break
        q = np.array(
            [
                p.noise(s, realization.dt, poisson)
                for p, s in zip(populations, deviations)
            ]
        )
        noise = np.diag(error_covariance(realization, q, None, noise_shaping))
        if noise_shaping:
            D, G = realization.carried, np.diag(noise_input(realization))
            noise = noise + q * D * (D - 2 * G)
    return q


def noise_input(realization: Realization) -> np.ndarray:
    """G (d, d): what noise in the decoded values of a step adds to the state."""
    Ad, _ = realization.step
    return Ad - np.exp(-realization.dt / realization.tau) * np.eye(realization.order)


def error_covariance(
    realization: Realization,
    variances: ArrayLike,
    synapse: float | None = None,
    noise_shaping: bool = False,
) -> np.ndarray:
    r"""Covariance of the error that noise in the decoded values causes in the state.

    Parameters
    ----------
    realization : Realization
    variances : (d,) array_like
        Of the noise that each population adds to its decoded value in each step, q.
    synapse : float, optional
        Time constant of one more lowpass filter through which the state is read, in
        seconds. None is the state as it arrives at the neurons, which is what
        `networks.LegendreMemory.output` gives.
    noise_shaping : bool
        As for `networks.LegendreMemory`.

    Returns
    -------
    P : (d, d) ndarray
        In the coordinates of the realization.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is not one variance for each coordinate, or any is negative.
    """
    check_realization(realization)
    q = check_array("variances", variances, low=0, ndims=(1,))
    d = realization.order
    if q.shape != (d,):
        raise refusal("variances", q.shape, f"{d} numbers, one for each coordinate")
    F, G = realization.step[0], noise_input(realization)
    if check_flag("noise_shaping", noise_shaping):
        # the noise of the last step is d more states, which the next step subtracts
        F = np.block([[F, -G * realization.carried], [np.zeros((d, 2 * d))]])
        G = np.vstack([G, np.eye(d)])
    P = solve_discrete_lyapunov(F, (G * q) @ G.T)
    synapse = check_synapse(synapse)
    if synapse is not None:
        # the filter is d more states y: y[n + 1] = a y[n] + b x[n]
        a, b = np.exp(-realization.dt / synapse), -np.expm1(-realization.dt / synapse)
        cross = np.linalg.solve(np.eye(len(F)) - a * F, F @ P)  # of y and x, over b
        P = b * (P + a * (cross + cross.T)) / (1 + a)
    return (P + P.T)[:d, :d] / 2


def check_synapse(synapse: Any) -> float | None:
    """The time constant of a readout filter, or None for no filter."""
    if synapse is None:
        return None
    return check_positive("synapse", synapse)


def noise_rmse(
    realization: Realization,
    variances: ArrayLike,
    synapse: float | None = None,
    noise_shaping: bool = False,
) -> float:
    """RMSE of the state m, in its original coordinates, that spiking noise causes.

    Parameters are those of `error_covariance`. The error of a state is the length of
    the vector: squares are summed over its dimensions and averaged over time.
    """
    P = error_covariance(realization, variances, synapse, noise_shaping)
    return float(np.sqrt(np.trace(realization.T @ P @ realization.T.T)))


def predict_rmse(
    realization: Realization,
    n_neurons: int,
    synapse: float | None = None,
    allocation: str = "optimal",
    neuron_type: NeuronType | None = None,
    max_rates: Distribution = MAX_RATES,
    intercepts: Distribution | None = None,
    noise_shaping: bool = False,
    seed: int = 0,
) -> float:
    """RMSE of the decoded state that the noise of random spikes will cause.

    Nothing is simulated and no constant is fitted: populations are drawn and
    solved as in `networks.LegendreMemory`, and `error_covariance` gives the effect of
    their noise. The static distortion of the decoders is not included. It depends on
    the input, and `networks.LegendreMemory.predict_rmse` adds it for a given input.

    Parameters
    ----------
    realization : Realization
    n_neurons : int
        Mean number of neurons per dimension.
    synapse : float, optional
        Time constant of the filter through which the state is read, in seconds.
    allocation : str
        ``"optimal"`` or ``"equal"``.
    neuron_type : nengo.neurons.NeuronType, optional
        `poisson` by default. Others whose spikes are random and independent
        (``nengo.StochasticSpiking``) have a theory too, as have coordinated neurons
        with a random shift (`coordinated`), and neurons that do not spike have no
        noise. All others are refused, including ``nengo.LIF``, whose error has a floor
        that more neurons do not lower, and coordinated neurons with other shifts,
        whose noise depends on the input (`sampling.sampling_rmse`).
    max_rates, intercepts : nengo.dists.Distribution, optional
        Of the neurons; in Hz, and relative to the radius. Coordinated neurons all have
        the mean of the maximum rates.
    noise_shaping : bool
        As for `networks.LegendreMemory`.
    seed : int
        Seed of the populations.

    Returns
    -------
    rmse : float

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or there is no theory for the neurons.
    """
    check_realization(realization)
    n_neurons = check_integer("n_neurons", n_neurons, high=MAX_NEURONS)
    synapse = check_synapse(synapse)
    neuron_type = poisson() if neuron_type is None else neuron_type
    check_neurons(neuron_type, max_rates, intercepts)
    check_predictable(neuron_type)
    rng = np.random.RandomState(check_integer("seed", seed, low=0, high=2**32 - 1))
    neurons = realization.neurons(
        n_neurons * realization.order, allocation, is_coordinated(neuron_type)
    )
    if not neuron_type.spiking:
        return 0.0
    drawn = np.minimum(neurons, LARGEST_SAMPLE)
    variances = np.zeros(realization.order)
    draws = max(1, ENOUGH_SAMPLES // n_neurons)
    for _ in range(draws):
        populations = [
            draw_population(
                n,
                radius,
                headroom,
                realization.averaging,
                rng,
                allocation,
                neuron_type,
                max_rates,
                intercepts,
            )
            for n, radius, headroom in zip(
                drawn, realization.radii, realization.headrooms
            )
        ]
        noise = spiking_noise(realization, populations, noise_shaping=noise_shaping)
        variances += noise / draws
    variances *= (drawn / neurons) ** (2 * _exponent(neuron_type))
    return noise_rmse(realization, variances, synapse, noise_shaping)


def _exponent(neuron_type: NeuronType | None) -> float:
    """The error falls with this power of the number of neurons, if there are many."""
    return 1.0 if is_coordinated(neuron_type) else 0.5


def required_neurons(
    rmse: float, realization: Realization, synapse: float | None = None, **kwargs: Any
) -> int:
    """The mean number of neurons per dimension that a given RMSE requires.

    This is the inverse of `predict_rmse`. The other arguments are the same.

    Parameters
    ----------
    rmse : float
        Required error of the decoded state.
    realization : Realization
    synapse : float, optional
        Time constant of the filter through which the state is read, in seconds.

    Returns
    -------
    n_neurons : int
        Mean per dimension; the total is this times the order. At least 12, since
        decoders of fewer neurons have more distortion than noise.

    Raises
    ------
    nengo.exceptions.ValidationError
        If no number of neurons up to 1,000,000 per dimension is enough, or there is
        no theory for the neurons.
    """
    rmse = check_number("rmse", rmse, low=0, exclusive=True)

    def error(n: int) -> float:
        return predict_rmse(realization, n, synapse, **kwargs)

    # fewer neurons have little noise, but decode little of the state
    low = high = FEWEST_NEURONS
    while high < LARGEST_SAMPLE and error(high) > rmse:
        low, high = high, min(2 * high, LARGEST_SAMPLE)
    if high == LARGEST_SAMPLE:
        # from here on, the error is in proportion to 1 / n**exponent
        exponent = _exponent(kwargs.get("neuron_type"))
        reached = error(high)
        least = reached * (high / MAX_NEURONS) ** exponent
        if rmse < least:
            raise refusal(
                "rmse", rmse, f"at least {least:.2g}, for {MAX_NEURONS:,} neurons"
            )
        if reached > rmse:
            return int(np.ceil(high * (reached / rmse) ** (1 / exponent)))
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (middle, high) if error(middle) > rmse else (low, middle)
    return high
