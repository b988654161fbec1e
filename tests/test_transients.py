"""Deviations after jumps of the input, against the covariance of the state itself."""

import numpy as np
import pytest

from spiking_lmu.delay_errors import usable_band
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize
from spiking_lmu.realization import realize
from spiking_lmu.signals import Spectrum
from spiking_lmu.transients import covariance, jump_deviations, response


def by_covariances(Ad, H, angles, powers, steps, T_inv):
    """The covariance of what has started and of what is left, step by step."""
    K = covariance(H, powers)
    largest = np.zeros(len(Ad))
    for n in steps:
        decay = np.linalg.matrix_power(Ad, n)
        started = H - np.exp(-1j * angles * n)[:, None] * (H @ decay.T)
        after = covariance(started, powers) + decay @ K @ decay.T
        largest = np.maximum(largest, np.diag(T_inv @ after @ T_inv.T))
    return np.sqrt(largest)


@pytest.mark.parametrize("coordinates", ["legendre", "balanced"])
@pytest.mark.parametrize(
    "order, theta, settled",
    [(1, 0.5, 1), (6, 0.5, 743), (6, 50, 7e4), (24, 0.5, 388)] + [(48, 0.5, 293)],
)
def test_jumps_are_those_of_the_covariances(order, theta, settled, coordinates):
    dt, freq = 0.001, usable_band(order) / theta
    A, B = state_space(theta, order)
    Ad, Bd = discretize(A, B, dt)
    spectrum = Spectrum.flat(freq, 0.5)
    T = realize(A, B, dt, 0.1, spectrum, coordinates).T
    frequencies, powers = spectrum.sample(dt, freq / 30)
    angles = 2 * np.pi * frequencies * dt
    H, T_inv = response(Ad, Bd, frequencies, dt), np.linalg.inv(T)
    system = T_inv @ Ad @ T, T_inv @ Bd, H @ T_inv.T
    steps = np.geomspace(1, max(2, settled), 40 * max(6, order)).round().astype(int)
    expected = by_covariances(Ad, H, angles, powers, np.unique(steps), T_inv)
    found = jump_deviations(*system, angles, powers, settled)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_jumps_of_one_frequency_by_hand():
    """A leaky integrator that hears 1, then -1: it goes from one to the other."""
    Ad, Bd, rest = np.array([[0.5]]), np.array([[0.5]]), np.ones((1, 1))
    found = jump_deviations(Ad, Bd, rest, np.zeros(1), np.ones(1), settled=10)
    # what is left, 0.5**n, and what has come, 1 - 0.5**n, are unrelated
    steps = np.arange(1, 11)
    expected = np.sqrt(np.max(0.25**steps + (1 - 0.5**steps) ** 2))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
