"""Coordinates, ranges and shares, against brute force and simulated signals."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nengo.exceptions import ValidationError
from scipy.linalg import matmul_toeplitz

from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, map_to_synapse, simulate
from spiking_lmu.realization import realize
from spiking_lmu.signals import Spectrum, switched, white_noise
from spiking_lmu.transients import TRANSIENT_DB

THETA, DT, TAU, FREQ, RMS = 1.0, 0.002, 0.1, 1.0, 0.4
ORDERS = [3, 6, 12, 24]


def memory(order, coordinates="balanced", dt=DT, rms=RMS):
    spectrum = Spectrum.flat(FREQ, rms)
    return realize(*state_space(THETA, order), dt, TAU, spectrum, coordinates)


def impulse_response(Ad, Bd, seconds):
    """States (n, d) in the steps after one input of 1."""
    pulse = np.zeros(int(seconds / DT))
    pulse[0] = 1
    return simulate(Ad, Bd, pulse)[1:]


@cache
def autocorrelations(n_lags):
    """Of the band, which is a sinc, and of its transients, in 40,000 slices."""
    lags = DT * np.arange(n_lags)
    band = RMS**2 * np.sinc(2 * FREQ * lags)
    level = RMS**2 / FREQ * 10 ** (TRANSIENT_DB / 10)
    edges = np.geomspace(FREQ, 0.5 / DT, 40_001)
    powers = level * FREQ**2 * -np.diff(1 / edges)
    middles = (edges[1:] + edges[:-1]) / 2
    tail = np.concatenate(
        [
            np.cos(2 * np.pi * np.outer(some, middles)) @ powers
            for some in np.array_split(lags, 20)
        ]
    )
    return band, tail


def covariances(r):
    """Of x under the band and under its transients, from lagged correlations.

    The impulse response takes them to the state.
    """
    h = impulse_response(*r.step, 7.5)
    return [h.T @ matmul_toeplitz(c, h) for c in autocorrelations(len(h))]


@pytest.mark.parametrize("order", [1, *ORDERS])
def test_balanced_coordinates_balance(order):
    r = memory(order)
    band, tail = covariances(r)
    scale = np.outer(r.deviations, r.deviations)
    np.testing.assert_allclose((band + tail) / scale, np.eye(order), atol=1e-4)
    np.testing.assert_allclose(band / scale, r.covariance / scale, atol=1e-4)
    np.testing.assert_allclose(r.noise_weight / scale, np.eye(order), atol=1e-4)
    assert np.all(np.diff(r.deviations) <= 0)


@pytest.mark.parametrize("coordinates", ["legendre", "balanced"])
@pytest.mark.parametrize("order", [1, 6, 24])
def test_noise_weight_is_the_sum_over_time(order, coordinates):
    """What one unit of noise leaves in m, squared and summed over all later steps."""
    r = memory(order, coordinates)
    Ad, _ = r.step
    later = Ad - np.exp(-DT / TAU) * np.eye(order)
    total = np.zeros((order, order))
    for _ in range(4000):
        effect = r.T @ later
        total += effect.T @ effect
        later = Ad @ later
    scale = np.sqrt(np.outer(np.diag(total), np.diag(total)))
    np.testing.assert_allclose(r.noise_weight / scale, total / scale, atol=1e-6)


@pytest.mark.parametrize("coordinates", ["legendre", "balanced"])
@pytest.mark.parametrize("order", ORDERS)
def test_coordinates_are_the_same_system(order, coordinates):
    r = memory(order, coordinates)
    np.testing.assert_allclose(r.inverse @ r.T, np.eye(order), atol=1e-8)
    assert r.order == order
    u = white_noise(4, DT, FREQ, RMS, seed=0)
    m = simulate(*discretize(*state_space(THETA, order), DT), u)
    x = simulate(*r.step, u)
    np.testing.assert_allclose(x @ r.T.T, m, atol=1e-8)
    recurrent, feed = r.transforms
    mapped = map_to_synapse(r.inverse @ r.A @ r.T, r.inverse @ r.B, TAU, DT)
    np.testing.assert_allclose(recurrent, mapped[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(feed, mapped[1], rtol=1e-6, atol=1e-6)


def test_legendre_coordinates_are_the_original_ones():
    r = memory(6, "legendre")
    np.testing.assert_array_equal(r.T, np.eye(6))
    np.testing.assert_allclose(r.headrooms, r.radii / r.deviations)
    assert r.coordinates == "legendre"


@pytest.mark.parametrize("order", ORDERS)
def test_high_orders_stay_well_conditioned(order):
    assert np.linalg.cond(memory(order).T) < 1e4
    for coordinates in ("legendre", "balanced"):
        r = memory(order, coordinates)
        assert np.all(r.headrooms >= 4.5 * (1 - 1e-12))
        assert r.allocation.sum() == pytest.approx(1)
        assert np.all(r.allocation > 0)


@pytest.mark.parametrize("order", [12, 24, 48])
@pytest.mark.parametrize("tau", [0.2, 0.07, 0.03, 0.01, 0.001])
def test_synapses_that_let_one_direction_vanish(order, tau):
    """Between 1 / tau and the poles, noise in one direction is all but forgotten."""
    spectrum = Spectrum.flat(FREQ, RMS)
    r = realize(*state_space(THETA, order), 0.001, tau, spectrum)
    np.testing.assert_allclose(r.inverse @ r.T, np.eye(order), atol=1e-8)
    assert np.linalg.cond(r.T) < 1e4
    assert np.all(np.diag(r.noise_weight) > 0) and np.all(r.allocation > 0)
    balance = r.noise_weight / np.outer(r.deviations, r.deviations)
    expected = np.eye(order)
    assert 0 < balance[-1, -1] < 1 + 1e-4
    expected[-1, -1] = balance[-1, -1]
    np.testing.assert_allclose(balance, expected, atol=1e-4)


@pytest.mark.parametrize("coordinates", ["legendre", "balanced"])
@pytest.mark.parametrize("theta", [0.1, 0.25, 3.0])
def test_a_system_that_is_the_synapse_has_no_noise(theta, coordinates):
    """Order 1 with theta = tau: the weight of the recurrence is 0."""
    r = realize(
        *state_space(theta, 1), DT, theta, Spectrum.flat(FREQ, RMS), coordinates
    )
    recurrent, _ = r.transforms
    assert abs(recurrent[0, 0]) < 1e-9
    assert r.allocation == [1.0]
    assert r.headrooms[0] > 1 and np.isfinite(r.radii).all()
    assert np.isfinite(r.T).all()


def test_order_256_is_finite():
    r = realize(*state_space(1.0, 256), 0.005, 0.1, Spectrum.flat(20.0, 0.4))
    for part in (r.T, r.radii, r.allocation, r.noise_weight, *r.transforms):
        assert np.all(np.isfinite(part))


# what the state does under the expected input


@pytest.mark.parametrize("coordinates", ["legendre", "balanced"])
def test_covariance_is_that_of_a_long_signal(coordinates):
    r = memory(6, coordinates)
    x = simulate(*r.step, white_noise(1000, DT, FREQ, RMS, seed=0))[2000:]
    scale = np.sqrt(np.outer(np.diag(r.covariance), np.diag(r.covariance)))
    # 2,000 independent samples: squares are 3 % apart
    np.testing.assert_allclose(np.cov(x.T) / scale, r.covariance / scale, atol=0.13)


def ensemble(Ad, Bd, inputs):
    """States (steps, trials, d) of many memories for inputs (steps, trials)."""
    x = np.empty((*inputs.shape, len(Ad)))
    state = np.zeros(x.shape[1:])
    for n, u in enumerate(inputs):
        x[n] = state
        state = state @ Ad.T + u[:, None] * Bd[:, 0]
    return x


@pytest.fixture(scope="module")
def jumping():
    """Inputs (2,000, 400): a start from zero, a jump after 1.5 s, an end after 3 s."""
    noise = white_noise(1200, DT, FREQ, RMS, seed=1).reshape(-1, 1500)
    halves = noise.reshape(-1, 750)[np.random.default_rng(0).permutation(800)]
    return np.hstack([halves.reshape(400, 1500), np.zeros((400, 500))]).T


@pytest.mark.parametrize("coordinates", ["legendre", "balanced"])
@pytest.mark.parametrize("order", ORDERS)
def test_radii_cover_transients(jumping, order, coordinates):
    """At any time after a start, a jump or an end: radii are 4.5 deviations or more."""
    r = memory(order, coordinates)
    x = ensemble(*r.step, jumping)
    deviations = x.std(axis=1).max(axis=0)
    # the largest of many estimates, each of 400 trials: 3.5 % apart
    assert np.all(4.5 * deviations < 1.15 * r.radii)
    # and none is wide for nothing
    assert np.all(4.5 * deviations > 0.5 * r.radii)


@pytest.mark.parametrize("order", ORDERS)
def test_state_stays_within_its_radii(order):
    """Whatever starts, stops and jumps: six minutes hold no 4.5 deviations."""
    for seed in range(6):
        u = white_noise(60, DT, FREQ, RMS, seed)
        spans = [(5, 8), (20, 23), (33, 33.4), (50, 52)]
        u = switched(u, DT, off=spans, jumps=[12, 15, 28, 40, 45, 46])
        m = simulate(*discretize(*state_space(THETA, order), DT), u)
        for coordinates in ("legendre", "balanced"):
            r = memory(order, coordinates)
            assert np.max(np.abs(m @ r.inverse.T) / r.radii) <= 1


# how realizations scale


@pytest.mark.parametrize("coordinates", ["legendre", "balanced"])
def test_ranges_are_proportional_to_the_input(coordinates):
    one, three = (memory(6, coordinates, rms=rms) for rms in (0.4, 1.2))
    np.testing.assert_allclose(three.T * three.radii, 3 * one.T * one.radii, rtol=1e-6)
    np.testing.assert_allclose(three.allocation, one.allocation, rtol=1e-6)
    np.testing.assert_allclose(three.headrooms, one.headrooms, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 0.2, 7.0])
def test_only_ratios_of_times_matter(scale):
    one = memory(6)
    other = realize(
        *state_space(scale * THETA, 6),
        scale * DT,
        scale * TAU,
        Spectrum.flat(FREQ / scale, RMS),
    )
    for name in ("T", "radii", "deviations", "allocation", "noise_weight"):
        expected = getattr(one, name)
        atol = 1e-8 * np.abs(expected).max()
        np.testing.assert_allclose(getattr(other, name), expected, 1e-5, atol)


@pytest.mark.parametrize("order", [3, 6, 12, 24, 48])
def test_balancing_lowers_the_noise(order):
    """For the same neurons; the more so the higher the order."""
    legendre, balanced = memory(order, "legendre"), memory(order)

    def costs(r):  # the noise of a population is as its radius times deviation
        return r.radii * r.deviations * np.diag(r.noise_weight)

    equal = order * costs(legendre).sum()
    optimal = np.sqrt(costs(balanced)).sum() ** 2
    assert np.sqrt(costs(legendre)).sum() ** 2 <= equal
    assert optimal < equal / {3: 1.2, 6: 1.7, 12: 3, 24: 4.5, 48: 6.5}[order]
    np.testing.assert_allclose(
        balanced.allocation, np.sqrt(costs(balanced) / optimal), rtol=1e-9
    )


def test_measured_spectra_do_as_well():
    """A recording of the same noise gives nearly the same realization."""
    measured = Spectrum.from_signal(white_noise(400, DT, FREQ, RMS, seed=0), DT)
    other = realize(*state_space(THETA, 6), DT, TAU, measured, "legendre")
    np.testing.assert_allclose(other.radii, memory(6, "legendre").radii, rtol=0.1)


def test_a_band_up_to_the_limit():
    r = realize(*state_space(1.0, 3), 0.01, 0.1, Spectrum.flat(50.0, 0.4))
    assert np.all(np.isfinite(r.radii)) and np.all(r.radii > 0)


# shares of neurons


@settings(max_examples=200)
@given(order=st.sampled_from([1, *ORDERS]), mean=st.floats(1, 1e7))
@pytest.mark.parametrize("allocation", ["optimal", "equal"])
def test_neurons_are_shared(allocation, order, mean):
    r = REALIZATIONS[order]
    total = int(order * mean)
    neurons = r.neurons(total, allocation)
    assert neurons.dtype.kind == "i"
    assert neurons.sum() == total
    least = min(max(total / order / 3, 12), 32, total / order)
    assert neurons.min() >= np.floor(least)
    if allocation == "equal":
        assert np.ptp(neurons) <= 1
    else:
        free = neurons > least + 1
        shares = r.allocation[free] / r.allocation[free].sum()
        np.testing.assert_allclose(neurons[free], neurons[free].sum() * shares, 0, 1.01)


REALIZATIONS = {order: memory(order) for order in (1, *ORDERS)}


def test_few_neurons():
    assert memory(3).neurons(3).tolist() == [1, 1, 1]
    assert memory(3).neurons(24).tolist() == [8, 8, 8]
    assert memory(3).neurons(5, "equal").tolist() == [2, 2, 1]


# what is refused

NOT_POSITIVE = [0, -1, np.nan, np.inf, 1e300, "1", None, [], [1, 2], True, 1j]


@pytest.mark.parametrize(
    "name, values",
    [
        ("A", [None, 1.0, [[1.0, 2.0]], [[np.nan]], [[]], "A", [[0.0]], [[1.0]]]),
        ("B", [None, [[1.0, 2.0]], [[1.0], [1.0]], [[np.inf]], [[0.0]], [1.0]]),
        ("dt", [*NOT_POSITIVE, 0.6]),
        ("tau", NOT_POSITIVE),
        ("spectrum", [None, 1.0, "flat", (1.0, 0.4), Spectrum, Spectrum.flat(1e7, 1)]),
        ("coordinates", [None, "", "Legendre", 1, []]),
    ],
)
def test_refused(name, values):
    good = {
        "A": [[-1.0]],
        "B": [[1.0]],
        "dt": 0.001,
        "tau": 0.1,
        "spectrum": Spectrum.flat(1.0, 0.4),
        "coordinates": "balanced",
    }
    realize(**good)
    for bad in values:
        with pytest.raises(ValidationError, match=f"^{name}: must be"):
            realize(**{**good, name: bad})


def test_states_out_of_reach_are_refused():
    with pytest.raises(ValidationError, match="^B: must be such that"):
        realize(-np.eye(2), [[1.0], [0.0]], DT, TAU, Spectrum.flat(1.0, 1.0))


def test_neurons_refused():
    for bad in (0, -1, 2, 3.0, np.nan, 10**10, 10**400, "9", None, [9], True):
        with pytest.raises(ValidationError, match="^total: must be"):
            REALIZATIONS[3].neurons(bad)
    for bad in ("", "Equal", None, 1):
        with pytest.raises(ValidationError, match="^allocation: must be"):
            REALIZATIONS[3].neurons(9, bad)
