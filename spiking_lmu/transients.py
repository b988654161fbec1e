"""How far the state of a linear system goes under an input that jumps at times."""

from __future__ import annotations

import numpy as np

from .linear_systems import transfer
from .signals import Spectrum

# power of transients in the spectrum that balances the coordinates, relative to that of
# the band; like that of jumps, it falls with the square of the frequency
TRANSIENT_DB = -25.0
BLOCK = 64  # time steps after a jump that are computed together


def response(
    Ad: np.ndarray, Bd: np.ndarray, frequencies: np.ndarray, dt: float
) -> np.ndarray:
    """State (n, d) for an input of unit amplitude at each frequency."""
    return transfer(Ad, Bd, np.exp(2j * np.pi * frequencies * dt))


def covariance(H: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Of the state, under an input of these powers at the frequencies of H."""
    return np.real((H.T * powers) @ H.conj())


def transient_tail(spectrum: Spectrum, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and powers beyond the band of an input that sometimes jumps."""
    nyquist = 0.5 / dt
    if spectrum.freq >= nyquist:
        return np.array([nyquist]), np.array([0.0])
    edges = np.geomspace(spectrum.freq, nyquist, 400)
    frequencies = np.sqrt(edges[1:] * edges[:-1])
    density = spectrum.rms**2 / spectrum.freq * 10 ** (TRANSIENT_DB / 10)
    return frequencies, density * (spectrum.freq / frequencies) ** 2 * np.diff(edges)


def jump_deviations(
    Ad: np.ndarray,
    Bd: np.ndarray,
    H: np.ndarray,
    angles: np.ndarray,
    powers: np.ndarray,
    settled: float,
) -> np.ndarray:
    r"""Largest deviation (d,) of each coordinate after the input has jumped.

    Some steps after the input jumped from one stretch of signal to another, unrelated
    one, the state is what is left of the first plus what has come of the second.
    Starting and stopping are the halves of that.

    Parameters
    ----------
    Ad, Bd : (d, d) and (d, 1) ndarray
        The system with time steps.
    H : (n, d) ndarray
        Its `response` at each frequency.
    angles : (n,) ndarray
        The frequencies, in radians per step.
    powers : (n,) ndarray
        Of the input at the frequencies.
    settled : float
        Steps after which there is nothing to be seen any more.

    Notes
    -----
    Seen from the response h to a frequency :math:`\omega` (in radians per step),
    :math:`y_n = \bar A^n h e^{-i \omega n}` is left of it n steps after the jump, and
    :math:`h - y_n` has come of the new input. The variance after the jump is the sum
    over frequencies of :math:`|y_n|^2 + |h - y_n|^2`. Since
    :math:`y_{n+1} = y_n - b_n \varphi_n`, with the impulse response
    :math:`b_n = \bar A^n \bar B` and :math:`\varphi_n = e^{-i \omega (n + 1)}`, it
    changes in each step by

    .. math:: 2 b_n (b_n |\varphi_n|^2 + \langle h, \varphi_n \rangle
        - 2 \langle y_n, \varphi_n \rangle),

    inner products over frequencies, which take no product of matrices for each step.
    """
    d = len(Ad)
    # coordinates of higher order rise and fall faster: evaluate them as often
    steps = np.geomspace(1, max(2, settled), 40 * max(6, d))
    steps = np.unique(np.round(steps).astype(int))
    amplitudes = np.sqrt(powers)
    h = H.T * amplitudes
    # the input of each step of a block, seen from its beginning
    inputs = _real(amplitudes * np.exp(-1j * np.outer(np.arange(BLOCK) + 1, angles)))
    products = inputs @ inputs.T
    past = np.triu(products, 1)  # how a step of the block depends on earlier ones
    pulses = np.empty((d, BLOCK))
    pulses[:, 0] = Bd[:, 0]
    for k in range(1, BLOCK):
        pulses[:, k] = Ad @ pulses[:, k - 1]
    whole = np.linalg.matrix_power(Ad, BLOCK)
    left = _real(h)
    variances = np.sum(left**2, axis=1)
    largest = np.zeros(d)
    start = 0
    while True:
        ahead = _real(h * np.exp(1j * start * angles))
        now = variances + 2 * np.sum(left * (left - ahead), axis=1)
        gone = left @ inputs.T - pulses @ past
        change = pulses * (products[0, 0] * pulses + ahead @ inputs.T - 2 * gone)
        after = now[:, None] + 2 * np.cumsum(change, axis=1)
        seen = steps[(steps > start) & (steps <= start + BLOCK)] - start - 1
        largest = np.maximum(largest, after[:, seen].max(axis=1))
        later = steps[steps > start + BLOCK]
        if not later.size:
            return np.sqrt(largest)
        gap = max(BLOCK, int(later[0]) - 1 - start)
        power = whole if gap == BLOCK else np.linalg.matrix_power(Ad, gap)
        left, pulses, start = power @ left, power @ pulses, start + gap


def _real(values: np.ndarray) -> np.ndarray:
    """Complex numbers (n, m) as real ones (n, 2 m) with the same inner products."""
    return np.concatenate([values.real, values.imag], axis=1)
