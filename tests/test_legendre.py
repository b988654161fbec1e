"""The linear memory against closed forms, exact fractions, scipy and Nengo."""

from fractions import Fraction
from math import factorial

import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.special import eval_sh_legendre

from spiking_lmu.delay_errors import choose_order, delay_error, usable_band
from spiking_lmu.legendre import readout, sampled_readout, state_space, window_weights
from spiking_lmu.linear_systems import discretize, map_to_synapse, simulate, transfer
from spiking_lmu.signals import white_noise


def pade(order):
    """Coefficients of [order - 1 / order] of exp(-s), lowest power first, exactly."""
    p, q = order - 1, order

    def coefficient(n, j):
        ways = factorial(p + q - j) * factorial(n)
        return Fraction(ways, factorial(p + q) * factorial(j) * factorial(n - j))

    top = [(-1) ** j * coefficient(p, j) for j in range(p + 1)]
    return top, [coefficient(q, j) for j in range(q + 1)]


def on_imaginary_axis(coefficients, omega):
    """A polynomial at i * omega: real and imaginary part, exactly."""
    real = imaginary = Fraction(0)
    for k, c in enumerate(coefficients):
        term = c * omega**k * (-1) ** (k // 2)
        real, imaginary = (
            (real, imaginary + term) if k % 2 else (real + term, imaginary)
        )
    return real, imaginary


# the continuous system


def test_entries():
    A, B = state_space(0.5, 3)
    np.testing.assert_array_equal(A * 0.5, [[-1, -1, -1], [3, -3, -3], [-5, 5, -5]])
    np.testing.assert_array_equal(B * 0.5, [[1], [-3], [5]])


@pytest.mark.parametrize("order", [1, 2, 7, 64, 256])
def test_entries_by_their_formula(order):
    A, B = state_space(2.0, order)
    for i in range(order):
        for j in range(order):
            sign = -1 if i < j else (-1) ** (i - j + 1)
            assert A[i, j] == (2 * i + 1) * sign / 2
        assert B[i, 0] == (2 * i + 1) * (-1) ** i / 2


@pytest.mark.parametrize("order", [1, 2, 3, 6, 12])
def test_poles_are_those_of_the_pade_approximant(order):
    _, bottom = pade(order)
    expected = np.array([float(c / bottom[-1]) for c in bottom[::-1]])
    theta = 0.3
    poles = np.linalg.eigvals(state_space(theta, order)[0]) * theta
    np.testing.assert_allclose(np.poly(poles).real, expected, rtol=1e-9)
    assert np.all(poles.real < 0)


@pytest.mark.parametrize("order", [1, 2, 3, 6, 24, 64])
@pytest.mark.parametrize("omega", [Fraction(0), Fraction(1, 3), Fraction(7), 50])
def test_response_is_the_pade_approximant(order, omega):
    top, bottom = pade(order)
    (a, b), (c, d) = (on_imaginary_axis(part, omega) for part in (top, bottom))
    square = c * c + d * d
    exact = complex((a * c + b * d) / square, (b * c - a * d) / square)
    A, B = state_space(1.0, order)
    response = readout(order, 1.0) @ np.linalg.solve(1j * omega * np.eye(order) - A, B)
    assert response[0, 0] == pytest.approx(exact, abs=1e-12)
    error = delay_error(order, float(omega) / (2 * np.pi))
    assert error[0] == pytest.approx(abs(np.exp(-1j * float(omega)) - exact), abs=1e-12)


@pytest.mark.parametrize("order", [1, 5, 64, 256, 1024])
def test_gain_at_rest_is_one(order):
    """A constant input is remembered as it is, at every delay."""
    A, B = state_space(0.1, order)
    m = -np.linalg.solve(A, B)
    np.testing.assert_allclose(m[0], 1, rtol=1e-12)
    np.testing.assert_allclose(readout(order, [0, 0.3, 1]) @ m, 1, rtol=1e-10)


def test_transfer_in_blocks_is_transfer_at_once():
    A, B = state_space(1.0, 600)
    s = 2j * np.pi * np.linspace(0, 100, 25)
    together = transfer(A, B, s)
    for k in (0, 11, 24):
        alone = np.linalg.solve(s[k] * np.eye(600) - A, B)[:, 0]
        np.testing.assert_allclose(together[k], alone, atol=1e-12)


# how well it delays


def test_published_delay_error():
    assert delay_error(6, 1.0)[0] < 0.01
    assert np.all(delay_error(6, np.linspace(0, 1, 101)) < 0.01)
    assert delay_error(5, 1.0)[0] > 0.01


def test_delay_error_at_its_limits():
    orders = [1, 6, 24, 256, 1024]
    np.testing.assert_allclose(delay_error(orders, 0), 0, atol=1e-15)
    np.testing.assert_allclose(delay_error(orders, 1e-300), 0, atol=1e-15)
    np.testing.assert_allclose(delay_error(orders, 1e9), 1, rtol=1e-2)
    # the first term that the approximant misses: s**(2 d), over its coefficient
    s, d = 2 * np.pi * 0.02, 2
    missed = factorial(d - 1) * factorial(d) / (factorial(2 * d - 1) * factorial(2 * d))
    assert delay_error(d, 0.02)[0] == pytest.approx(missed * s ** (2 * d), rel=0.01)


def test_delay_error_broadcasts():
    orders, cycles = np.array([[1], [6], [12]]), np.linspace(0, 2, 4)
    table = delay_error(orders, cycles)
    assert table.shape == (3, 4)
    for i, order in enumerate([1, 6, 12]):
        for j in range(4):
            assert table[i, j] == delay_error(order, cycles[j])[0]
    assert delay_error(3, 1.0).shape == (1,)
    assert delay_error([3, 4], 1.0).shape == (2,)


@pytest.mark.parametrize("tolerance", [1e-12, 1e-3, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("order", [1, 2, 6, 13, 24, 48])
def test_order_and_band_are_inverse(order, tolerance):
    band = usable_band(order, tolerance)
    assert delay_error(order, band)[0] <= tolerance
    assert choose_order(band, tolerance) == order
    assert choose_order(1.001 * band, tolerance) == order + 1
    within = delay_error(order, np.linspace(0, band, 500))
    assert np.all(within <= tolerance * (1 + 1e-9) + 1e-14)


def test_chosen_order_is_the_smallest():
    for cycles, tolerance in [(0, 0.01), (1, 0.01), (1, 0.1), (5, 0.01), (7, 0.4)]:
        worst = [
            delay_error(order, np.linspace(0, cycles, 200)).max()
            for order in range(1, 30)
        ]
        expected = 1 + np.flatnonzero(np.array(worst) <= tolerance)[0]
        assert choose_order(cycles, tolerance) == expected


def test_orders_that_do_not_suffice():
    assert 64 < choose_order(20) < 128
    with pytest.raises(ValidationError, match="^theta_times_freq.*at most 1024"):
        choose_order(1000)


# readouts


@pytest.mark.parametrize("order", [1, 2, 3, 24, 64])
def test_readout_agrees_with_scipy(order):
    delays = np.linspace(0, 1, 41)
    expected = np.array([eval_sh_legendre(i, delays) for i in range(order)]).T
    np.testing.assert_allclose(readout(order, delays), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", [2, 64, 256, 1024])
def test_readout_is_stable(order):
    C = readout(order, np.linspace(0, 1, 501))
    assert np.all(np.abs(C) <= 1 + 1e-12)
    np.testing.assert_array_equal(C[-1], 1)
    np.testing.assert_array_equal(C[0], (-1.0) ** np.arange(order))


def test_readout_is_orthogonal():
    nodes, weights = np.polynomial.legendre.leggauss(256)
    C = readout(256, np.clip((nodes + 1) / 2, 0, 1))
    gram = C.T @ (C * weights[:, None] / 2)
    np.testing.assert_allclose(gram, np.diag(window_weights(256)), atol=1e-12)


def test_readout_shapes():
    assert readout(3, 0.5).shape == (1, 3)
    assert readout(3, [0, 1]).shape == (2, 3)


def test_window_weights_are_mean_squares():
    m = np.random.default_rng(0).normal(size=9)
    window = readout(9, (np.arange(20_000) + 0.5) / 20_000) @ m
    assert window_weights(9) @ m**2 == pytest.approx(np.mean(window**2), rel=1e-6)


def test_long_memory_recovers_delays():
    """The input, held during each step, is what the state is the window of.

    Half way through a step the held input is the sample of that step, so a delay of
    k + 1/2 steps is the sample of k + 1 steps ago: the state of step n has seen those
    up to n - 1.
    """
    n_steps, window, cycles, order = 100_000, 1000, 10, 105
    u = white_noise(n_steps, 1.0, cycles / window, 0.5, seed=0)
    x = simulate(*discretize(*state_space(window, order), 1.0), u)
    steps = np.array([0, 1, 5, 100, 250, 500, 750, 999])
    decoded = x @ readout(order, (steps + 0.5) / window).T
    for k, signal in zip(steps, decoded.T):
        error = signal[window:] - u[window - k - 1 : n_steps - k - 1]
        rmse = np.sqrt(np.mean(error**2)) / 0.5
        assert rmse < (2e-4 if 5 < k < 999 else 2e-3)


@pytest.mark.parametrize("newest", [0, 1])
@pytest.mark.parametrize(
    "order, steps", [(1, 10), (2, 4), (3, 10), (6, 5), (6, 37.3), (24, 100), (256, 784)]
)
def test_samples_of_a_ramp_are_read_exactly(order, steps, newest):
    """Constants and ramps: with the lag of a ramp, all slow signals are late."""
    dt = 0.003
    Ad, Bd = discretize(*state_space(steps * dt, order), dt)
    delays = np.linspace(0, steps * dt, 21)
    C = sampled_readout(steps * dt, order, dt, delays, newest)
    u = 1 + 0.01 * np.arange(40 * int(steps))
    m = simulate(Ad, Bd, np.append(u, 0))[1 - newest :][: len(u)]
    late = u[-1] - 0.01 * delays / dt
    if order == 1:  # one number, whatever the delay: the staircase theta ago
        late = u[-1] - 0.01 * (steps + newest - 0.5)
        np.testing.assert_allclose(m[-1] @ C.T, late, rtol=0.001)
    else:
        np.testing.assert_allclose(m[-1] @ C.T, late, rtol=0, atol=1e-6)


def test_samples_are_read_as_the_window_where_steps_are_short():
    delays = np.linspace(0, 1, 33)
    found = sampled_readout(1.0, 6, 1e-5, delays)
    np.testing.assert_allclose(found, readout(6, delays), atol=1e-3)
    half = sampled_readout(1.0, 6, 1e-3, delays[1:-1])
    shifted = readout(6, delays[1:-1] - 0.5e-3)
    np.testing.assert_allclose(half, shifted, atol=2e-5)


def test_the_end_of_the_window_is_read_as_well_as_the_steps_before_it():
    """The polynomial errs least at theta itself, where no step has its middle.

    Cubics through four steps add nothing to that: at 40 Hz, where theta are two
    periods of 25 steps, the error is that of the window half a step inside.
    """
    theta, freq, order = 0.05, 40.0, 12
    s = 2j * np.pi * freq
    state = transfer(*state_space(theta, order), np.array([s]))[0]

    def of_window(delay):
        return abs(readout(order, delay / theta) @ state - np.exp(-s * delay))[0]

    def of_samples(dt):
        z = np.exp([s * dt])
        discrete = transfer(*discretize(*state_space(theta, order), dt), z)[0]
        C = sampled_readout(theta, order, dt, theta)
        return abs(C @ discrete - np.exp(-s * theta))[0]

    promised = delay_error(order, freq * theta)[0]
    assert of_window(theta) == pytest.approx(promised, rel=1e-6)
    assert of_window(theta - 0.0005) > 8 * promised
    assert of_samples(0.001) == pytest.approx(of_window(theta - 0.0005), rel=0.1)
    assert of_samples(0.0001) < 1.5 * promised


@pytest.mark.parametrize("order, steps", [(6, 5), (12, 20), (48, 300), (256, 784)])
def test_samples_are_read_with_bounded_weights(order, steps):
    """Outside of the window, polynomials of order 256 grow a thousandfold."""
    C = sampled_readout(float(steps), order, 1.0, [0.0, float(steps)])
    gain = np.sqrt(C**2 @ window_weights(order) / window_weights(order).sum())
    assert np.all(gain < 1.6)


# what is refused


NOT_POSITIVE = [0, -1, np.nan, np.inf, 1e300, "1", None, [], [1, 2], True, 1j]
NO_ORDERS = [0, -1, 1.0, 1.5, np.nan, np.inf, 1025, 10**400, "6", None, [], True]
NO_MATRICES = [1.0, [1.0], [[]], "A", None, [[np.nan]], [[np.inf]], [[1j]], [[[1.0]]]]
SYSTEM = state_space(1.0, 2)


@pytest.mark.parametrize(
    "name, call, values",
    [
        ("theta", lambda bad: state_space(bad, 3), NOT_POSITIVE),
        ("order", lambda bad: state_space(1.0, bad), NO_ORDERS),
        ("A", lambda bad: discretize(bad, [[1.0]], 0.1), [*NO_MATRICES, [[1.0, 2.0]]]),
        ("B", lambda bad: discretize([[1.0]], bad, 0.1), [*NO_MATRICES, [[1.0]] * 2]),
        ("dt", lambda bad: discretize(*SYSTEM, bad), NOT_POSITIVE),
        ("dt", lambda bad: discretize([[1.0]], [[1.0]], bad), [1e5, 1e40]),
        ("dt", lambda bad: discretize([[1.0]], [[1.0]], bad, "backward_diff"), [1.0]),
        (
            "method",
            lambda bad: discretize(*SYSTEM, 0.1, bad),
            ["", "ZOH", "gbt", None, 1, []],
        ),
        ("order", lambda bad: readout(bad, 0.5), NO_ORDERS),
        (
            "delays",
            lambda bad: sampled_readout(0.5, 3, 0.1, bad),
            [-0.1, 0.51, np.nan, "1", None, []],
        ),
        ("dt", lambda bad: sampled_readout(0.5, 3, bad, 0.1), [*NOT_POSITIVE, 0.6]),
        (
            "newest",
            lambda bad: sampled_readout(0.5, 3, 0.1, 0.1, bad),
            [-1, 2, 0.5, None],
        ),
        (
            "delays",
            lambda bad: readout(3, bad),
            [-0.1, 1.1, np.nan, [0, np.inf], [], [[0.5]], "now", None, True],
        ),
        ("order", window_weights, NO_ORDERS),
        ("order", lambda bad: delay_error(bad, 1.0), [*NO_ORDERS, [1, 0], [[[1]]]]),
        (
            "theta_times_freq",
            lambda bad: delay_error(6, bad),
            [-1, np.nan, np.inf, 1e13, [], [1, -1], "1", None, True],
        ),
        ("order", lambda bad: delay_error(bad, [1.0, 2.0, 3.0]), [[1, 2]]),
        (
            "theta_times_freq",
            choose_order,
            [-1, np.nan, np.inf, 1e300, [], [1], "1", None, True],
        ),
        ("tolerance", lambda bad: choose_order(1.0, bad), [*NOT_POSITIVE, 1e-13, 0.6]),
        ("order", usable_band, NO_ORDERS),
        ("tolerance", lambda bad: usable_band(6, bad), [*NOT_POSITIVE, 1e-13, 0.6]),
        ("A", lambda bad: map_to_synapse(bad, [[1.0]], 0.1), NO_MATRICES),
        ("tau", lambda bad: map_to_synapse(*SYSTEM, bad), NOT_POSITIVE),
        (
            "dt",
            lambda bad: map_to_synapse(*SYSTEM, 0.1, bad),
            [value for value in NOT_POSITIVE if value is not None],
        ),
        ("Ad", lambda bad: simulate(bad, [[1.0]], [1.0]), [None]),
        ("Bd", lambda bad: simulate([[1.0]], bad, [1.0]), [None, [[1.0, 2.0]]]),
        ("u", lambda bad: simulate([[0.5]], [[1.0, 2.0]], bad), [np.ones((5, 3))]),
        (
            "u",
            lambda bad: simulate([[0.5]], [[1.0]], bad),
            [1.0, [], [[[1.0]]], [np.nan], "u", None],
        ),
    ],
)
def test_refused(name, call, values):
    for bad in values:
        with pytest.raises(ValidationError, match=f"^{name}: must be"):
            call(bad)
