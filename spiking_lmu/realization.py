r"""Coordinates for a memory made of noisy neurons.

The state of a linear system may be written in any coordinates x, m = T x. In exact
arithmetic they are all the same. With one population of neurons for each x_i they are
not: a population must cover the range of its coordinate, so its noise is in proportion
to that range, and the system then filters the noise. This is the round-off-noise
problem of digital filters, and has the same solution: coordinates that balance what
the input does to the state (the covariance K) against what noise in the state does
to the output (the weight W).

References
----------
C. T. Mullis, R. A. Roberts, "Synthesis of minimum roundoff noise fixed point digital
filters", IEEE Transactions on Circuits and Systems 23(9), 1976.
S. Y. Hwang, "Minimum uncorrelated unit noise in state-space digital filtering", IEEE
Transactions on Acoustics, Speech, and Signal Processing 25(4), 1977.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .balancing import balance, noise_root, root_of
from .linear_systems import check_system, discretize, map_to_synapse
from .neurons import ALLOCATIONS
from .shares import at_least, normalized, round_to_total
from .signals import Spectrum
from .transients import covariance, jump_deviations, response, transient_tail
from .validation import (
    check_array,
    check_choice,
    check_integer,
    check_number,
    check_positive,
    refusal,
)

COORDINATES = ("legendre", "balanced")

# least power, relative to the mean, of directions that the data do not contain or that
# the outputs do not depend on: noise reaches all directions, and spreads from there
STATE_FLOOR = 1e-2
WEIGHT_FLOOR = 1e-4
# fewer neurons do not represent the sign of their coordinate. If the slope of a decoded
# value errs by more than tau times a pole of the memory, the memory is unstable. The
# smallest share is therefore a third of the mean, but 12 to 32 neurons
FEWEST_NEURONS = 12
ENOUGH_NEURONS = 32
MAX_TOTAL = 10**9
# panels of the integral over the spectrum for each time that a step is remembered
RESOLUTION = 0.05
MAX_FREQUENCIES = 20_000


@dataclass(frozen=True, eq=False)
class Realization:
    """A linear system in coordinates that suit populations of neurons; m = T x.

    Attributes
    ----------
    A, B : (d, d) and (d, 1) ndarray
        The system in its original coordinates, in continuous time.
    dt, tau : float
        Time step of the simulator and time constant of the synapse, in seconds.
    coordinates : str
        ``"legendre"`` (T is the identity) or ``"balanced"``.
    T : (d, d) ndarray
        From these coordinates to the original ones.
    radii : (d,) ndarray
        Range that the population of each coordinate covers.
    deviations : (d,) ndarray
        Standard deviation of each coordinate under the expected input, transients
        included: what populations are tuned to.
    allocation : (d,) ndarray
        Share of the neurons for each coordinate for the least noise of independent
        neurons; sums to 1.
    covariance : (d, d) ndarray
        Of x under the expected input, in the long run.
    noise_weight : (d, d) ndarray
        W: noise of covariance Q in x, anew at each step, adds trace(W Q) to the mean
        squared error of m, or of what is made of m.
    largest_input : float
        Largest magnitude of the expected input.
    """

    A: np.ndarray
    B: np.ndarray
    dt: float
    tau: float
    coordinates: str
    T: np.ndarray
    radii: np.ndarray
    deviations: np.ndarray
    allocation: np.ndarray
    covariance: np.ndarray
    noise_weight: np.ndarray
    largest_input: float

    def __repr__(self) -> str:
        times = f"dt {self.dt:g} s, synapse {self.tau:g} s"
        return f"<Realization: order {self.order}, {self.coordinates}, {times}>"

    @property
    def order(self) -> int:
        """Number of state variables, d."""
        return len(self.A)

    @cached_property
    def averaging(self) -> float:
        """Seconds over which the loop averages noise, and in which biases add up.

        The longer of the synapse and the slowest pole of the system.
        """
        return max(self.tau, _slowest(self.A))

    @property
    def headrooms(self) -> np.ndarray:
        """(d,): the radii in standard deviations."""
        return self.radii / self.deviations

    @cached_property
    def inverse(self) -> np.ndarray:
        """(d, d): from the original coordinates to these, x = inverse @ m."""
        return np.linalg.inv(self.T)

    @cached_property
    def step(self) -> tuple[np.ndarray, np.ndarray]:
        """Ad (d, d) and Bd (d, 1) of x[n + 1] = Ad x[n] + Bd u[n]."""
        return self._in_coordinates(*discretize(self.A, self.B, self.dt))

    @property
    def carried(self) -> np.ndarray:
        """(d,): what one step leaves of each coordinate in itself, the diagonal of Ad.

        Noise shaping carries this share of an error over to the next step.
        """
        return np.diag(self.step[0])

    @cached_property
    def transforms(self) -> tuple[np.ndarray, np.ndarray]:
        """Recurrent (d, d) and input (d, 1) transform through the synapse."""
        return self._in_coordinates(*map_to_synapse(self.A, self.B, self.tau, self.dt))

    def _in_coordinates(
        self, A: np.ndarray, B: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.inverse @ A @ self.T, self.inverse @ B

    def neurons(
        self, total: int, allocation: str = "optimal", coordinated: bool = False
    ) -> np.ndarray:
        r"""Share ``total`` neurons among the coordinates.

        Parameters
        ----------
        total : int
            At least one for each coordinate.
        allocation : str
            ``"optimal"`` is in proportion to `allocation`, but no share is below a
            third of the mean, within 12 to 32 neurons (or the mean, where that is
            less); ``"equal"`` is equal, as far as the total can be divided.
        coordinated : bool
            Whether the neurons coordinate their spikes. In a step, one spike more or
            less is then uncertain, and not the number of all spikes: a variance of
            about :math:`(r_i / p_i)^2` for :math:`p_i` neurons. The least noise is that
            of shares in proportion to :math:`(r_i^2 W_{ii})^{1/3}`, instead of
            `allocation`.

        Returns
        -------
        neurons : (d,) ndarray of int
            Sums to ``total``.
        """
        total = check_integer("total", total, self.order, MAX_TOTAL)
        check_choice("allocation", allocation, ALLOCATIONS)
        if allocation == "equal":
            shares = np.full(self.order, total / self.order)
        else:
            mean = total / self.order
            fewest = min(mean, np.clip(mean / 3, FEWEST_NEURONS, ENOUGH_NEURONS))
            optimal = self.allocation
            if coordinated:
                optimal = normalized(
                    np.cbrt(self.radii**2 * self.noise_weight.diagonal())
                )
            shares = at_least(fewest, total * optimal)
        return round_to_total(shares, total)


def check_realization(
    realization: Any, system: tuple[np.ndarray, float, float] | None = None
) -> Realization:
    """Return a realization, which must be one of a system (A, dt, tau) if given.

    Raises
    ------
    nengo.exceptions.ValidationError
        If it is not a `Realization`, or one of another memory.
    """
    if not isinstance(realization, Realization):
        raise refusal("realization", realization, "a result of realize or realize_for")
    if system is None:
        return realization
    A, dt, tau = system
    theirs, own = (
        (realization.order, realization.dt, realization.tau),
        (len(A), dt, tau),
    )
    same = theirs[0] == own[0] and np.allclose(theirs[1:], own[1:], rtol=1e-6)
    if not same or not np.allclose(realization.A, A, rtol=1e-6):
        raise refusal(
            "realization", theirs, f"of this theta, and of order, dt and synapse {own}"
        )
    return realization


def realize(
    A: ArrayLike,
    B: ArrayLike,
    dt: float,
    tau: float,
    spectrum: Spectrum,
    coordinates: str = "balanced",
) -> Realization:
    r"""Choose coordinates, their ranges and their shares of the neurons.

    ``"balanced"`` coordinates make :math:`K = W = \operatorname{diag}(\mu)`: K the
    covariance of the state under the expected input and its transients,
    :math:`W = G^T X G` with :math:`G = \bar A - a I` and
    :math:`X = \bar A^T X \bar A + I`, so that W gives the effect of noise in the
    state on the mean squared error of the state itself. In both coordinates, each
    radius covers 4.5 standard deviations of the state (the ``peak`` of the spectrum),
    in the long run and at any time after the input has started, stopped or jumped.
    The optimal numbers of neurons are proportional to
    :math:`\sqrt{r_i \sigma_i W_{ii}}` (radius, deviation).

    Parameters
    ----------
    A, B : (d, d) and (d, 1) array_like
        The system in continuous time, such as `state_space` returns.
    dt : float
        Time step of the simulator, in seconds.
    tau : float
        Time constant of the recurrent synapse, in seconds.
    spectrum : Spectrum
        The expected input.
    coordinates : str
        ``"legendre"``: leave the state as it is; or ``"balanced"``.

    Returns
    -------
    realization : Realization

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or the system is not stable with this step.

    References
    ----------
    Mullis & Roberts 1976; Hwang 1977.
    """
    A, B, dt, tau = _check_system(A, B, dt, tau, coordinates)
    if not isinstance(spectrum, Spectrum):
        raise refusal("spectrum", spectrum, "a spiking_lmu.Spectrum")
    slowest = _slowest(A)
    if slowest <= 0:
        raise refusal("A", A, "stable (eigenvalues with negative real parts)")
    if spectrum.freq * slowest > RESOLUTION * MAX_FREQUENCIES:
        highest = RESOLUTION * MAX_FREQUENCIES / slowest
        allowed = f"of frequencies up to {highest:.3g} Hz for this system"
        raise refusal("spectrum", f"{spectrum.freq:g} Hz", allowed)

    Ad, Bd = discretize(A, B, dt)
    frequencies, powers = spectrum.sample(dt, resolution=RESOLUTION / slowest)
    tail, tail_powers = transient_tail(spectrum, dt)
    responses = response(Ad, Bd, np.concatenate([frequencies, tail]), dt)
    H, H_tail = np.split(responses, [len(frequencies)])
    K = covariance(H, powers)
    K_transient = K + covariance(H_tail, tail_powers)
    if not np.all(np.diag(K_transient) > 0):
        raise refusal("B", B, "such that the input reaches every state")

    def radii(T: np.ndarray, T_inv: np.ndarray, deviations: np.ndarray) -> np.ndarray:
        jumps = jump_deviations(
            T_inv @ Ad @ T,
            T_inv @ Bd,
            H @ T_inv.T,
            2 * np.pi * frequencies * dt,
            powers,
            settled=6 * slowest / dt,
        )
        return spectrum.peak * np.maximum(deviations, jumps)

    return _realized(
        (A, B, dt, tau, coordinates),
        root_of(K_transient),
        noise_root(Ad, np.exp(-dt / tau), np.eye(len(A))),
        K,
        radii,
        largest_input=spectrum.peak * spectrum.rms,
    )


def realize_for(
    A: ArrayLike,
    B: ArrayLike,
    dt: float,
    tau: float,
    states: ArrayLike,
    sensitivity: ArrayLike | None = None,
    coordinates: str = "balanced",
    largest_input: float = 1.0,
) -> Realization:
    r"""Choose coordinates for given data, and for the use of the state.

    As `realize`, but K is the second moment of given states, and
    :math:`X = \bar A^T X \bar A + C^T C` with C the sensitivity of an outcome to the
    state. W gives the effect of noise on that outcome. Radii exceed the largest of the
    states by a tenth.

    Parameters
    ----------
    A, B, dt, tau, coordinates
        As for `realize`.
    states : (n, d) array_like
        States of the memory at all times, for the expected input.
    sensitivity : (k, d) array_like, optional
        C, the derivative of the outcome by the state. By default, the outcome is the
        state itself.
    largest_input : float
        Largest magnitude of the input.

    Returns
    -------
    realization : Realization
        Its ``noise_weight`` gives the noise of the outcome C m.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range or of another shape.

    References
    ----------
    Mullis & Roberts 1976; Hwang 1977.
    """
    A, B, dt, tau = _check_system(A, B, dt, tau, coordinates)
    d = len(A)
    largest_input = check_number("largest_input", largest_input, low=0, exclusive=True)
    states = check_array("states", states, ndims=(2,))
    if states.shape[1] != d:
        raise refusal("states", states.shape, f"of shape (n, {d})")
    C = np.eye(d) if sensitivity is None else sensitivity
    C = check_array("sensitivity", C, ndims=(2,))
    if C.shape[1] != d:
        raise refusal("sensitivity", C.shape, f"of shape (k, {d})")

    Ad, _ = discretize(A, B, dt)
    with np.errstate(over="ignore"):
        K = states.T @ states / len(states)
        weight = C.T @ C
    for name, moments in (("states", K), ("sensitivity", weight)):
        if not 0 < np.trace(moments) < np.inf:
            size = np.abs(states if name == "states" else C).max()
            raise refusal(name, size, "of squares above 0 that are finite")
    weight += WEIGHT_FLOOR * np.trace(weight) / d * np.eye(d)

    def radii(T: np.ndarray, T_inv: np.ndarray, deviations: np.ndarray) -> np.ndarray:
        covered = 1.1 * np.abs(states @ T_inv.T).max(axis=0)
        return np.maximum(covered, 2 * deviations)

    return _realized(
        (A, B, dt, tau, coordinates),
        root_of(K + STATE_FLOOR * np.trace(K) / d * np.eye(d)),
        noise_root(Ad, np.exp(-dt / tau), weight),
        K,
        radii,
        largest_input,
    )


def _check_system(
    A: ArrayLike, B: ArrayLike, dt: float, tau: float, coordinates: str
) -> tuple[np.ndarray, np.ndarray, float, float]:
    A, B = check_system(A, B)
    if B.shape[1] != 1:
        raise refusal("B", B.shape, "a matrix of one column")
    check_choice("coordinates", coordinates, COORDINATES)
    return A, B, check_positive("dt", dt), check_positive("tau", tau)


def _realized(
    system: tuple[np.ndarray, np.ndarray, float, float, str],
    root: np.ndarray,
    weight_root: np.ndarray,
    K: np.ndarray,
    radii: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    largest_input: float,
) -> Realization:
    """The realization for roots of a state's covariance and of its weight.

    ``radii`` takes T, its inverse and the deviations of the coordinates. K is the
    covariance in the long run, ``root`` is of one that holds all that is covered.
    """
    A, B, dt, tau, coordinates = system
    T = np.eye(len(A)) if coordinates == "legendre" else balance(root, weight_root)
    T_inv = np.linalg.inv(T)
    deviations = np.linalg.norm(T_inv @ root, axis=1)
    ranges = radii(T, T_inv, deviations)
    weight = (weight_root @ T).T @ (weight_root @ T)
    shares = np.sqrt(ranges * deviations * np.diag(weight))
    return Realization(
        A=A,
        B=B,
        dt=dt,
        tau=tau,
        coordinates=coordinates,
        T=T,
        radii=ranges,
        deviations=deviations,
        allocation=normalized(shares),
        covariance=T_inv @ K @ T_inv.T,
        noise_weight=weight,
        largest_input=largest_input,
    )


def _slowest(A: np.ndarray) -> float:
    """Time constant of the slowest pole; not positive where A is not stable."""
    largest = float(np.max(np.real(np.linalg.eigvals(A))))
    return -1 / largest if largest else 0.0
