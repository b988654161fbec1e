"""The memory as a Nengo network: what it is without noise, and how it composes."""

import nengo
import numpy as np
import pytest

import spiking_lmu
from memory_cases import (
    COORDINATES,
    DT,
    IDEAL,
    ORDER,
    TAU,
    THETA,
    U,
    fed,
    make,
    probe,
    run,
)
from spiking_lmu.compatibility import require
from spiking_lmu.delay_errors import delay_error, usable_band
from spiking_lmu.distortion import simulate_distorted
from spiking_lmu.legendre import sampled_readout, state_space
from spiking_lmu.linear_systems import discretize, map_to_synapse, simulate
from spiking_lmu.metrics import rmse
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.networks.exact_memory import ExactMemory
from spiking_lmu.neurons import poisson
from spiking_lmu.signals import white_noise


def delayed(u, delays):
    """The input (n,) at each delay."""
    steps = [round(delay / DT) for delay in np.atleast_1d(delays)]
    return np.stack([np.append(np.zeros(k), u)[: len(u)] for k in steps], axis=1)


# Without spikes


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("tau", [0.01, 0.1, 1.0])
def test_without_neurons_it_is_the_exact_memory(coordinates, tau):
    network, memory = fed(
        neuron_type=nengo.Direct(), coordinates=coordinates, synapse=tau
    )
    (m,) = run(network, probe(network, memory.output))
    np.testing.assert_allclose(m, IDEAL, rtol=0, atol=1e-10)


@pytest.mark.parametrize("coordinates", COORDINATES)
def test_direct_mode_may_come_from_the_configuration(coordinates):
    with nengo.Network() as network:
        network.config[nengo.Ensemble].neuron_type = nengo.Direct()
        stimulus = nengo.Node(nengo.processes.PresentInput(U[:, None], DT))
        memory = make(coordinates=coordinates)
        nengo.Connection(stimulus, memory.input, synapse=None)
    (m,) = run(network, probe(network, memory.output))
    np.testing.assert_allclose(m, IDEAL, rtol=0, atol=1e-10)


@pytest.mark.parametrize("coordinates", COORDINATES)
def test_equals_a_network_built_by_hand(coordinates):
    """One array of ensembles in Legendre coordinates, as in LMU 2019."""
    recurrent, feed = map_to_synapse(*state_space(THETA, ORDER), TAU, DT)
    network, memory = fed(neuron_type=nengo.Direct(), coordinates=coordinates)
    with network:
        stimulus = nengo.Node(nengo.processes.PresentInput(U[:, None], DT))
        state = nengo.networks.EnsembleArray(1, ORDER, neuron_type=nengo.Direct())
        nengo.Connection(state.output, state.input, transform=recurrent, synapse=TAU)
        nengo.Connection(stimulus, state.input, transform=feed, synapse=TAU)
    ours, theirs = run(
        network, probe(network, memory.output), probe(network, state.input)
    )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("allocation", ["equal", "optimal"])
def test_rates_err_by_the_decoders_distortion(coordinates, allocation):
    network, memory = fed(
        neuron_type=nengo.LIFRate(),
        coordinates=coordinates,
        allocation=allocation,
        n_neurons=100,
    )
    p = probe(network, memory.output)
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.run_steps(len(U))
    populations = memory.populations(sim.data)
    distortion = rmse(simulate_distorted(memory.realization, populations, U), IDEAL)
    assert rmse(sim.data[p], IDEAL) == pytest.approx(distortion, rel=0.02)
    assert distortion < 0.05 * np.sqrt(np.mean(IDEAL**2))
    assert memory.predict_rmse(sim.data) == 0


def test_more_neurons_are_less_distorted():
    errors = []
    for n_neurons in (30, 300):
        network, memory = fed(neuron_type=nengo.LIFRate(), n_neurons=n_neurons)
        (m,) = run(network, probe(network, memory.output))
        errors.append(rmse(m, IDEAL))
    assert errors[1] < errors[0] / 3


# Outputs


def test_output_is_the_state_in_other_coordinates():
    network, memory = fed()
    x, m = run(network, probe(network, memory.encoded), probe(network, memory.output))
    np.testing.assert_allclose(m, x @ memory.realization.T.T, atol=1e-9)
    assert np.abs(memory.realization.T - np.eye(ORDER)).max() > 0.01


@pytest.mark.parametrize("coordinates", COORDINATES)
def test_readouts_are_the_delayed_input(coordinates):
    u = white_noise(1.2, DT, 0.5 / THETA, 0.5, seed=1)
    delays = [0, 0.25 * THETA, 0.5 * THETA, THETA]
    network, memory = fed(u, neuron_type=nengo.Direct(), coordinates=coordinates)
    all_of_them, last = (
        memory.add_readout(delays, label="four"),
        memory.add_readout(0.2),
    )
    assert (all_of_them.label, all_of_them.size_out, last.size_out) == ("four", 4, 1)
    values, end = run(network, probe(network, all_of_them), probe(network, last))
    # the ends of the window converge last
    tolerances = np.array([0.03, 0.01, 0.01, 0.01])
    late = slice(round(2 * THETA / DT), None)
    error = np.sqrt(np.mean((values - delayed(u, delays))[late] ** 2, axis=0))
    assert np.all(error < tolerances * np.sqrt(np.mean(u**2)))
    np.testing.assert_allclose(end[:, 0], values[:, 3], atol=1e-12)


def too_late(values, freq, dt, delays):
    """By how many steps, for each delay, beyond it; of a sine from the beginning on."""
    t = dt * np.arange(1, len(values) + 1)
    settled = slice(-round(2 / freq / dt), None)  # two periods
    waves = np.stack([np.sin(2 * np.pi * freq * t), np.cos(2 * np.pi * freq * t)])
    sines, cosines = np.linalg.pinv(waves[:, settled].T) @ values[settled]
    phase = np.angle((sines + 1j * cosines) * np.exp(2j * np.pi * freq * delays))
    return -phase / (2 * np.pi * freq * dt)


def hears_a_sine(hertz, duration, dt=DT, kind=LegendreMemory, **kwargs):
    """A network whose memory hears a sine, and its readouts across the window."""
    t = dt * np.arange(1, round(duration / dt) + 1)
    with nengo.Network(seed=0) as network:
        sine = np.sin(2 * np.pi * hertz * t)[:, None]
        stimulus = nengo.Node(nengo.processes.PresentInput(sine, dt))
        memory = kind(dt=dt, **kwargs)
        nengo.Connection(stimulus, memory.input, synapse=None)
        delays = np.linspace(0, memory.theta, 9)
        return network, nengo.Probe(memory.add_readout(delays)), delays


MEMORIES = {
    "legendre": {"coordinates": "legendre"},
    "balanced": {"coordinates": "balanced"},
    "exact": {"kind": ExactMemory},
}


@pytest.mark.parametrize("kind", [LegendreMemory, ExactMemory])
def test_labels_tell_readouts_apart(kind):
    with nengo.Network():
        memory = kind(0.5, 2, **({"n_neurons": 10} if kind is LegendreMemory else {}))
        nodes = [memory.add_readout(d) for d in (0.1, [0.1, 0.25], np.linspace(0, 0.5))]
        assert memory.add_readout(0.1, label="mine").label == "mine"
    assert [node.label for node in nodes] == [
        "readout of 0.1 s",
        "readout of 0.1, 0.25 s",
        "readout of 0 to 0.5 s",
    ]


@pytest.mark.parametrize("dt", [0.001, 0.01])
@pytest.mark.parametrize("theta, order", [(0.1, 6), (0.2, 3), (0.5, 6), (1.0, 24)])
@pytest.mark.parametrize("kind", MEMORIES)
def test_readouts_are_late_by_their_delay(kind, theta, order, dt):
    """Exactly: by no half step more or less, whatever the steps."""
    kwargs = dict(MEMORIES[kind], theta=theta, order=order, dt=dt)
    if kind != "exact":
        kwargs.update(n_neurons=10, neuron_type=nengo.Direct())
    freq = 0.1 * usable_band(order, 1e-3) / theta  # where the window itself is exact
    freq = 1 / dt / round(1 / dt / freq)  # whole steps in a period
    network, p, delays = hears_a_sine(freq, 2 * theta + 4 / freq, **kwargs)
    # long windows take thousands of steps
    simulator = nengo.Simulator if theta < 0.5 else spiking_lmu.Simulator
    with simulator(network, dt=dt, progress_bar=False) as sim:
        sim.run(2 * theta + 4 / freq)
    assert np.abs(too_late(sim.data[p], freq, dt, delays)).max() < 0.1


@pytest.mark.parametrize("dt", [0.001, 0.01])
def test_readouts_on_nengo_dl_are_late_by_their_delay(dt):
    nengo_dl = require("nengo_dl")
    theta, freq = 50 * dt, 0.1 / (50 * dt)
    network, p, delays = hears_a_sine(
        freq,
        30 * theta,
        dt=dt,
        theta=theta,
        order=6,
        n_neurons=10,
        neuron_type=nengo.Direct(),
    )
    with network:
        nengo_dl.configure_settings(dtype="float64")  # phases of a dt are small
    with nengo_dl.Simulator(network, dt=dt, progress_bar=False) as sim:
        sim.run_steps(1500)
    assert np.abs(too_late(sim.data[p][0], freq, dt, delays)).max() < 0.1


def test_fast_signals_are_delayed_as_well_as_promised():
    """40 Hz at 25 steps a period: a half step is an error of 0.125."""
    theta, freq, order = 0.05, 40.0, 12
    promised = delay_error(order, theta * freq)[0]
    network, p, _ = hears_a_sine(
        freq,
        0.4,
        theta=theta,
        order=order,
        n_neurons=10,
        neuron_type=nengo.Direct(),
        freq=freq,
    )
    (values,) = run(network, p, n_steps=400)
    wave = np.sin(2 * np.pi * freq * DT * np.arange(1, 401))
    error = np.abs(values[200:, -1] - wave[150:-50]).max()
    assert promised < 1e-4
    assert error < promised + 0.001  # what is left of the steps


@pytest.mark.parametrize("neuron_type, share", [(nengo.LIFRate(), 0.2), (None, 0.5)])
@pytest.mark.parametrize(
    "function, reference",
    [
        (lambda w: w[0] * w[1], lambda w: w[:, 0] * w[:, 1]),
        (np.max, lambda w: w.max(1)),
    ],
    ids=["product", "max"],
)
def test_functions_of_the_window(neuron_type, share, function, reference):
    """Within a share of the deviation, with 400 neurons for the function."""
    network, memory = fed(neuron_type=neuron_type or poisson(), n_neurons=200)
    delays = [0.5 * THETA, THETA]
    output = memory.add_output(function, delays)
    (values,) = run(network, probe(network, output, 0.02))
    target = reference(delayed(U, delays))[:, None]
    expected = nengo.Lowpass(0.02).filt(target, dt=DT, y0=0)
    late = slice(round((THETA + 5 * TAU) / DT), None)
    assert rmse(values[late], expected[late]) < share * np.std(expected[late])


def test_functions_without_neurons_are_exact():
    network, memory = fed(neuron_type=nengo.Direct())
    output = memory.add_output(lambda w: [w[0] * w[1], w[0]], [0.1, 0.2], label="two")
    assert (output.label, output.size_out) == ("two", 2)
    window = memory.add_readout([0.1, 0.2])
    values, w = run(network, probe(network, output), probe(network, window))
    expected = np.stack([w[:, 0] * w[:, 1], w[:, 0]], axis=1)
    np.testing.assert_allclose(values, expected, atol=1e-9)


def test_functions_of_many_neurons_have_no_more_evaluation_points():
    """By default, Nengo takes two for each neuron, and decoders neurons squared."""
    network, memory = fed()
    memory.add_output(np.prod, [0.1, 0.15], n_neurons=10**6)
    (window,) = [e for e in network.all_ensembles if e not in memory.ensembles]
    assert window.n_eval_points == 5000


def test_functions_are_represented_where_the_window_is():
    """Evaluation points have the window's covariance, whatever the radius."""
    network, memory = fed()
    memory.add_output(np.prod, [0.1, 0.15], n_neurons=77)
    (window,) = [e for e in network.all_ensembles if e not in memory.ensembles]
    assert window.n_neurons == 77
    with nengo.Simulator(network, progress_bar=False) as sim:
        points = sim.data[window].eval_points
    C = sampled_readout(THETA, memory.order, DT, [0.1, 0.15]) @ memory.realization.T
    expected = C @ memory.realization.covariance @ C.T
    np.testing.assert_allclose(np.cov(points.T), expected, rtol=0.2)
    assert window.radius == pytest.approx(
        4.5 * np.sqrt(np.linalg.eigvalsh(expected)[1])
    )


def test_two_inputs_have_two_memories():
    us = np.stack([U, white_noise(1.2, DT, 1 / THETA, 0.3, seed=9)], axis=1)
    network, memory = fed(us, neuron_type=nengo.Direct())
    readout = memory.add_readout([0, THETA])
    mixed = memory.add_output(lambda w: w[1] - w[2], [0, THETA])
    m, r, f = run(
        network, *(probe(network, o) for o in (memory.output, readout, mixed))
    )
    step = discretize(*state_space(THETA, ORDER), DT)
    np.testing.assert_allclose(m[:, :ORDER], IDEAL, atol=1e-10)
    np.testing.assert_allclose(m[:, ORDER:], simulate(*step, us[:, 1]), atol=1e-10)
    C = sampled_readout(THETA, ORDER, DT, [0, THETA])
    expected = np.hstack([m[:, :ORDER] @ C.T, m[:, ORDER:] @ C.T])
    np.testing.assert_allclose(r, expected, atol=1e-10)
    np.testing.assert_allclose(f[:, 0], r[:, 1] - r[:, 2], atol=1e-9)
    assert len(memory.ensembles) == 2 * ORDER
    assert memory.input.size_in == 2
