"""Time steps, synapses and simulation of linear systems."""

import nengo
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nengo.exceptions import ValidationError
from scipy.linalg import expm
from scipy.signal import cont2discrete

from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import (
    METHODS,
    discretize,
    map_to_synapse,
    simulate,
    transfer,
)
from spiking_lmu.signals import white_noise

# time steps


@pytest.mark.parametrize("order", [1, 3, 12, 24, 64])
@pytest.mark.parametrize("ratio", [1e-4, 1e-3, 0.01])
def test_zero_order_hold_has_its_closed_form(order, ratio):
    A, B = state_space(1.0, order)
    Ad, Bd = discretize(A, B, ratio)
    np.testing.assert_allclose(Ad, expm(A * ratio), rtol=0, atol=1e-12)
    expected = np.linalg.solve(A, (Ad - np.eye(order)) @ B)
    # the closed form takes a small difference from 1, and loses digits in that
    loss = 4 * np.finfo(float).eps
    atol = 1e-12 * np.abs(Bd).max() + loss
    np.testing.assert_allclose(Bd, expected, rtol=0, atol=atol)


def test_other_methods_have_their_closed_forms():
    dt, eye = 0.01, np.eye(6)
    A, B = state_space(0.5, 6)
    expected = {
        "euler": (eye + dt * A, dt * B),
        "backward_diff": np.split(
            np.linalg.solve(eye - dt * A, np.hstack([eye, dt * B])), [6], axis=1
        ),
        "bilinear": np.split(
            np.linalg.solve(eye - dt / 2 * A, np.hstack([eye + dt / 2 * A, dt * B])),
            [6],
            axis=1,
        ),
        "impulse": (expm(A * dt), dt * expm(A * dt) @ B),
    }
    for method, matrices in expected.items():
        for matrix, other in zip(discretize(A, B, dt, method), matrices):
            if method == "impulse" and other.shape[1] == 1:
                continue  # scipy's scale of it differs from one version to the next
            np.testing.assert_allclose(matrix, other, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_scipys(method):
    A, B = state_space(0.5, 6)
    C, D = np.eye(6), np.zeros((6, 1))
    Ad, Bd = discretize(A, B, 0.01, method)
    expected = cont2discrete((A, B, C, D), 0.01, method=method)
    np.testing.assert_allclose(Ad, expected[0], atol=1e-13)
    np.testing.assert_allclose(Bd, expected[1], atol=1e-13)


@settings(max_examples=30)
@given(
    order=st.integers(1, 24),
    first=st.floats(1e-5, 0.5),
    second=st.floats(1e-5, 0.5),
)
def test_two_steps_are_one(order, first, second):
    A, B = state_space(1.0, order)
    (A1, B1), (A2, B2), (A3, B3) = (
        discretize(A, B, dt) for dt in (first, second, first + second)
    )
    np.testing.assert_allclose(A2 @ A1, A3, atol=1e-10)
    np.testing.assert_allclose(A2 @ B1 + B2, B3, atol=1e-10)


def test_several_inputs():
    A, B = state_space(1.0, 4)
    inputs = np.hstack([B, 2 * B])
    _, Bd = discretize(A, inputs, 0.01)
    np.testing.assert_allclose(Bd[:, 1], 2 * Bd[:, 0])
    assert map_to_synapse(A, inputs, 0.1, 0.01)[1].shape == (4, 2)


@pytest.mark.parametrize("order", [105, 256])
def test_high_orders_are_finite_and_stable(order):
    A, B = state_space(1.0, order)
    Ad, Bd = discretize(A, B, 0.001)
    transforms = map_to_synapse(A, B, 0.1, 0.001)
    assert all(np.all(np.isfinite(matrix)) for matrix in (Ad, Bd, *transforms))
    assert np.max(np.abs(np.linalg.eigvals(Ad))) < 1
    assert np.max(np.linalg.eigvals(A).real) < 0


# synapses


def test_continuous_principle_3():
    A, B = state_space(0.5, 4)
    recurrent, feed = map_to_synapse(A, B, 0.1)
    np.testing.assert_allclose(recurrent, 0.1 * A + np.eye(4))
    np.testing.assert_allclose(feed, 0.1 * B)


def test_discrete_principle_3_becomes_continuous():
    A, B = state_space(0.5, 6)
    limits = map_to_synapse(A, B, 0.1)
    errors = []
    for dt in (1e-4, 1e-5, 1e-6):
        mapped = map_to_synapse(A, B, 0.1, dt)
        errors.append([np.abs(x - y).max() for x, y in zip(mapped, limits)])
    ratios = np.array(errors[:-1]) / errors[1:]
    np.testing.assert_allclose(ratios, 10, rtol=0.05)


@pytest.mark.parametrize("order, tau", [(1, 0.1), (6, 0.1), (12, 0.003), (24, 1.0)])
def test_filtered_loop_is_the_memory(order, tau):
    dt = 0.001
    A, B = state_space(0.5, order)
    recurrent, feed = map_to_synapse(A, B, tau, dt)
    u = white_noise(3, dt, 5, 0.5, seed=0)
    expected = simulate(*discretize(A, B, dt), u)
    a, x = np.exp(-dt / tau), np.zeros(order)
    for n in range(len(u)):
        np.testing.assert_allclose(x, expected[n], rtol=0, atol=1e-10)
        x = a * x + (1 - a) * (recurrent @ x + feed[:, 0] * u[n])


def test_filtered_loop_in_nengo():
    dt, tau = 0.001, 0.1
    A, B = state_space(0.5, 6)
    recurrent, feed = map_to_synapse(A, B, tau, dt)
    u = white_noise(2, dt, 5, 0.5, seed=0)
    with nengo.Network(seed=0) as model:
        stimulus = nengo.Node(nengo.processes.PresentInput(u, dt))
        into, state = nengo.Node(size_in=6), nengo.Node(size_in=6)
        nengo.Connection(stimulus, into, transform=feed, synapse=None)
        nengo.Connection(state, into, transform=recurrent, synapse=None)
        nengo.Connection(into, state, synapse=nengo.Lowpass(tau))
        probe = nengo.Probe(state)
    with nengo.Simulator(model, dt=dt, progress_bar=False) as sim:
        sim.run(2, progress_bar=False)
    expected = simulate(*discretize(A, B, dt), u)
    np.testing.assert_allclose(sim.data[probe], expected, rtol=0, atol=1e-10)


# the exact memory over time


def test_simulate_is_the_sum_of_impulse_responses():
    Ad, Bd = discretize(*state_space(0.1, 4), 0.01)
    u = np.random.default_rng(0).normal(size=30)
    x = simulate(Ad, Bd, u)
    np.testing.assert_array_equal(x[0], 0)
    for n in (1, 2, 17, 29):
        expected = sum(
            np.linalg.matrix_power(Ad, n - 1 - k) @ Bd[:, 0] * u[k] for k in range(n)
        )
        np.testing.assert_allclose(x[n], expected, atol=1e-13)


def test_simulate_refuses_states_beyond_all_numbers():
    unstable = [[2.0, 1.0], [0.0, 0.5]], [[0.0], [1.0]]
    assert np.isfinite(simulate(*unstable, np.ones(900))).all()
    with pytest.raises(
        ValidationError, match="^Ad: must be stable.*spectral radius.* 2"
    ):
        simulate(*unstable, np.ones(1100))
    with pytest.raises(ValidationError, match="^u: must be small enough"):
        simulate([[0.9]], [[1e200]], [1e200, 1.0, 1.0])


def test_simulate_steady_state_is_the_transfer_function():
    dt, freq, order = 0.001, 4.0, 6
    Ad, Bd = discretize(*state_space(0.5, order), dt)
    n = np.arange(8000)
    x = simulate(Ad, Bd, np.cos(2 * np.pi * freq * dt * n))
    H = transfer(Ad, Bd, np.exp(2j * np.pi * freq * dt * np.ones(1)))[0]
    expected = np.real(H * np.exp(2j * np.pi * freq * dt * n)[:, None])
    np.testing.assert_allclose(x[4000:], expected[4000:], atol=1e-10)
