"""Noise shaping: populations that carry the errors of their decoded values over."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

import spiking_lmu
from spiking_lmu import coordinated, error_covariance, poisson
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import simulate
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.noise import predict_rmse, required_neurons
from spiking_lmu.realization import realize
from spiking_lmu.signals import Spectrum

THETA, DT = 0.5, 0.001


def realization(order, coordinates="balanced"):
    spectrum = Spectrum.flat(2.0, 0.4)
    return realize(*state_space(THETA, order), DT, 0.1, spectrum, coordinates)


def memory_of(neuron_type, seed=0, order=6, n_neurons=100, **more):
    with nengo.Network(seed=seed) as network:
        signal = nengo.processes.WhiteSignal(period=4, high=2, rms=0.4, seed=seed)
        stimulus = nengo.Node(signal)
        memory = LegendreMemory(
            THETA, order, n_neurons, neuron_type=neuron_type, freq=2, rms=0.4, **more
        )
        nengo.Connection(stimulus, memory.input, synapse=None)
        probes = nengo.Probe(stimulus), nengo.Probe(memory.output)
    return network, memory, probes


def errors(neuron_type, seconds=3.0, theory=True, **more):
    """RMSE of the state, and what theory says of it."""
    network, memory, probes = memory_of(neuron_type, **more)
    with spiking_lmu.Simulator(network, DT, progress_bar=False) as sim:
        sim.run(seconds)
        u, m = (np.array(sim.data[p]) for p in probes)
        predicted = memory.predict_rmse(sim.data, signal=u) if theory else np.nan
    exact = simulate(*memory.realization.step, u[:, 0]) @ memory.realization.T.T
    return np.sqrt(np.mean(np.sum((m - exact)[1000:] ** 2, axis=1))), predicted


@pytest.mark.parametrize("synapse", [None, 0.005])
@pytest.mark.parametrize("order", [3, 12])
def test_theory_is_the_noise_of_a_linear_memory(order, synapse):
    r = realization(order)
    q = np.linspace(1, 3, order) ** 2
    Ad, _ = r.step
    G = Ad - np.exp(-DT / r.tau) * np.eye(order)
    rng = np.random.default_rng(order)
    n, runs = 1600, 400
    x = last = np.zeros((runs, order))
    y, squares = x, []
    for step in range(n):
        noise = rng.normal(size=x.shape) * np.sqrt(q)
        x = x @ Ad.T + (noise - r.carried * last) @ G.T
        last = noise
        if synapse is not None:
            y = y + (x - y) * -np.expm1(-DT / synapse)
        if step >= 1000 and step % 50 == 0:
            squares.append(np.mean((x if synapse is None else y) ** 2, axis=0))
    found = np.mean(squares, axis=0)
    P = error_covariance(r, q, synapse, noise_shaping=True)
    # 400 independent runs alone give a relative deviation of sqrt(2 / 400)
    np.testing.assert_allclose(found, np.diag(P), rtol=4 * np.sqrt(2 / runs))
    np.testing.assert_allclose(P, P.T)


def test_closed_form_of_the_covariance():
    """G q G' is what the last step leaves; the rest is driven by G (Ad - D) q."""
    from scipy.linalg import solve_discrete_lyapunov

    r = realization(6, "legendre")
    q = np.arange(1.0, 7.0)
    Ad, D = r.step[0], np.diag(r.carried)
    G = Ad - np.exp(-DT / r.tau) * np.eye(6)
    M = G @ (Ad - D)
    P = (G * q) @ G.T + solve_discrete_lyapunov(Ad, (M * q) @ M.T)
    np.testing.assert_allclose(
        error_covariance(r, q, noise_shaping=True), P, rtol=1e-8, atol=1e-12
    )


@pytest.mark.parametrize(
    "neuron_type, least",
    [(poisson(), 4), (coordinated(), 4), (nengo.LIF(), 2), (nengo.LIFRate(), 15)],
)
def test_all_neurons_err_less(neuron_type, least):
    plain, shaped = (
        np.mean(
            [
                errors(neuron_type, 2.0, False, seed=seed, noise_shaping=shaped)[0]
                for seed in range(2)
            ]
        )
        for shaped in (False, True)
    )
    assert plain / shaped > least


@pytest.mark.parametrize("order", [3, 12])
def test_measured_error_is_the_predicted_one(order):
    found = [
        errors(coordinated(), seed=seed, order=order, noise_shaping=True)
        for seed in range(3)
    ]
    measured, predicted = np.sqrt(np.mean(np.square(found), axis=0))
    assert 0.9 < measured / predicted < 1.1


def test_distortion_is_predicted_for_rates():
    measured, predicted = errors(nengo.LIFRate(), n_neurons=30, noise_shaping=True)
    assert measured == pytest.approx(predicted, rel=0.03)


def test_simulators_agree():
    results = []
    for simulator in (nengo.Simulator, spiking_lmu.Simulator):
        network, _, probes = memory_of(nengo.LIF(), noise_shaping=True, order=3)
        with simulator(network, DT, progress_bar=False, optimize=False) as sim:
            sim.run(0.2)
            results.append(np.array(sim.data[probes[1]]))
            if simulator is spiking_lmu.Simulator:
                assert not sim.fallbacks
    np.testing.assert_allclose(*results, atol=1e-9)


def test_errors_are_those_of_the_decoded_values():
    network, memory, _ = memory_of(nengo.LIF(), noise_shaping=True, size_in=1)
    with network:
        decoded = nengo.Probe(memory.decoded[0])
        carried = nengo.Probe(memory.errors[0])
        state = nengo.Probe(memory.encoded)
    with spiking_lmu.Simulator(network, DT, progress_bar=False) as sim:
        sim.run(0.1)
    x, d, e = (np.array(sim.data[p]) for p in (state, decoded, carried))
    drive = x.copy()
    drive[1:] -= memory.realization.carried * e[:-1]
    np.testing.assert_allclose(e, d - drive, atol=1e-12)


def test_a_memory_of_two_inputs_has_errors_for_each():
    with nengo.Network(seed=0):
        memory = LegendreMemory(THETA, 3, 10, size_in=2, noise_shaping=True)
        plain = LegendreMemory(THETA, 3, 10, size_in=2)
    assert [n.label for n in memory.errors] == ["errors", "errors of input 1"]
    assert plain.errors == []


def test_required_neurons_knows_of_it():
    r = realization(3)
    n = required_neurons(0.02, r, noise_shaping=True, seed=1)
    assert predict_rmse(r, n, noise_shaping=True, seed=1) <= 0.02
    assert predict_rmse(r, n, seed=1) > 0.08


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_only_flags_are_accepted(value):
    with nengo.Network(), pytest.raises(ValidationError, match="noise_shaping"):
        LegendreMemory(THETA, 3, 10, noise_shaping=value)
    with pytest.raises(ValidationError, match="noise_shaping"):
        error_covariance(realization(3), np.ones(3), noise_shaping=value)


def test_the_readout_of_a_filtered_state_is_less_noisy_still():
    r, q = realization(6), np.ones(6)
    plain, shaped = (
        [np.trace(error_covariance(r, q, tau, flag)) for tau in (None, 0.005)]
        for flag in (False, True)
    )
    assert shaped[0] < plain[0] / 25
    assert shaped[1] / shaped[0] < plain[1] / plain[0]


def test_the_chip_is_refused():
    from spiking_lmu.hardware import loihi

    network, _, _ = memory_of(nengo.LIF(), order=3, noise_shaping=True)
    with pytest.raises(ValidationError, match="carries the errors of its decoded"):
        loihi.Simulator(network, progress_bar=False)


@pytest.mark.slow
def test_nengo_dl_agrees():
    nengo_dl = spiking_lmu.require("nengo_dl")
    results = []
    for simulator, more in ((nengo.Simulator, {}), (nengo_dl.Simulator, {"seed": 0})):
        network, _, probes = memory_of(nengo.LIFRate(), noise_shaping=True, order=3)
        with simulator(network, DT, progress_bar=False, **more) as sim:
            sim.run_steps(100)
            results.append(np.array(sim.data[probes[1]]).reshape(100, 3))
    np.testing.assert_allclose(*results, atol=1e-5)


def test_formats_without_one_step_delays_refuse_it():
    from spiking_lmu.networks import to_nir

    pytest.importorskip("nir")
    network, _, _ = memory_of(nengo.LIF(tau_ref=0), order=3, noise_shaping=True)
    with pytest.raises(ValidationError):
        to_nir(network)
