"""The memory as a Nengo network: what it is without noise, and how it composes."""

import warnings

import nengo
import numpy as np
import pytest
from nengo.dists import Choice, Uniform
from nengo.exceptions import ValidationError

from spiking_lmu.compatibility import require
from spiking_lmu.delay_errors import delay_error, usable_band
from spiking_lmu.distortion import distortion_rmse, simulate_distorted
from spiking_lmu.legendre import sampled_readout, state_space
from spiking_lmu.linear_systems import discretize, map_to_synapse, simulate
from spiking_lmu.metrics import rmse
from spiking_lmu.networks import LMU, LegendreMemory, SequenceNetwork
from spiking_lmu.networks.exact_memory import ExactMemory
from spiking_lmu.neurons import poisson
from spiking_lmu.signals import Spectrum, white_noise

THETA, ORDER, DT, TAU = 0.2, 6, 0.001, 0.1
COORDINATES = ["legendre", "balanced"]
NAN, INF = float("nan"), float("inf")
U = white_noise(1.2, DT, 1 / THETA, 0.5, seed=0)
IDEAL = simulate(*discretize(*state_space(THETA, ORDER), DT), U)


def make(theta=THETA, order=ORDER, n_neurons=20, **kwargs):
    if "spectrum" not in kwargs:
        kwargs.setdefault("freq", 1 / THETA)
    return LegendreMemory(theta, order, n_neurons, **kwargs)


def fed(u=U, seed=0, **kwargs):
    """A network, and the memory in it, that hears u."""
    u = u.reshape(len(u), -1)
    with nengo.Network(seed=seed) as network:
        stimulus = nengo.Node(nengo.processes.PresentInput(u, DT))
        memory = make(size_in=u.shape[1], **kwargs)
        nengo.Connection(stimulus, memory.input, synapse=None)
    return network, memory


def run(network, *probes, n_steps=None, **kwargs):
    # the optimizer merges random states, in another order every time
    with nengo.Simulator(network, progress_bar=False, optimize=False, **kwargs) as sim:
        sim.run_steps(len(U) if n_steps is None else n_steps)
    return [np.array(sim.data[probe]) for probe in probes]


def probe(network, target, synapse=None):
    with network:
        return nengo.Probe(target, synapse=synapse)


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
    with nengo.Simulator(network, dt=dt, progress_bar=False) as sim:
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


# Neurons


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("allocation", ["equal", "optimal"])
@pytest.mark.parametrize("n_neurons", [1, 7, 50])
def test_total_of_neurons(coordinates, allocation, n_neurons):
    memory = make(
        n_neurons=n_neurons, coordinates=coordinates, allocation=allocation, size_in=2
    )
    assert memory.n_neurons == 2 * ORDER * n_neurons
    sizes = [ensemble.n_neurons for ensemble in memory.ensembles]
    assert sizes[:ORDER] == sizes[ORDER:]
    if allocation == "equal":
        assert set(sizes) == {n_neurons}


def test_labels():
    memory = make(label="window", size_in=2)
    assert memory.label == "window"
    assert [e.label for e in memory.ensembles[:2]] == ["x0", "x1"]
    assert memory.ensembles[ORDER].label == "x0 of input 1"
    assert (memory.input.label, memory.output.label) == ("input", "output")


def test_seeds_decide():
    def noisy(seed):
        network, memory = fed(seed=seed)
        return run(network, probe(network, memory.output), n_steps=100)[0]

    first = noisy(1)
    np.testing.assert_array_equal(noisy(1), first)
    assert np.any(noisy(2) != first)


def test_own_seed_fixes_the_neurons():
    def gains(seed, own):
        with nengo.Network(seed=seed):
            memory = make(order=2, seed=own)
        with nengo.Simulator(memory, progress_bar=False) as sim:
            return np.concatenate([sim.data[e].gain for e in memory.ensembles])

    np.testing.assert_array_equal(gains(1, 5), gains(2, 5))
    assert np.any(gains(1, 5) != gains(1, 6))


def test_honours_the_configuration_of_the_enclosing_network():
    with nengo.Network() as network:
        network.config[nengo.Ensemble].neuron_type = nengo.LIF(tau_rc=0.03)
        network.config[nengo.Ensemble].max_rates = Uniform(50, 60)
        network.config[nengo.Ensemble].intercepts = Choice([0.1])
        configured = make(order=2)
        own = make(order=2, neuron_type=nengo.LIFRate(), max_rates=Uniform(90, 95))
    configured.add_output(np.sum, [0.1, 0.2])
    for ensemble in configured.all_ensembles:
        assert ensemble.neuron_type == nengo.LIF(tau_rc=0.03)
        assert ensemble.max_rates == Uniform(50, 60)
        assert ensemble.intercepts == Choice([0.1])
    for ensemble in own.ensembles:
        assert ensemble.neuron_type == nengo.LIFRate()
        assert ensemble.max_rates == Uniform(90, 95)
        assert ensemble.intercepts == Choice([0.1])


def test_defaults_without_configuration():
    memory = LegendreMemory(theta=0.5, order=6, n_neurons=20)
    assert memory.neuron_type == poisson()
    assert memory.max_rates == Uniform(200, 400)
    assert memory.realization.coordinates == "balanced"
    assert memory.spectrum.freq == pytest.approx(usable_band(6) / 0.5)
    assert memory.spectrum.rms == pytest.approx(0.5)


def test_default_band_ends_where_time_steps_do():
    memory = LegendreMemory(theta=0.004, order=12, n_neurons=20)
    assert memory.spectrum.freq == pytest.approx(500)


CONFIGURATIONS = {
    "transform": (nengo.Connection, "transform", 2.0),
    "synapse": (nengo.Connection, "synapse", 0.1),
    "solver": (nengo.Connection, "solver", nengo.solvers.LstsqL2(weights=True)),
    "gain": (nengo.Ensemble, "gain", Choice([1.5])),
    "bias": (nengo.Ensemble, "bias", Choice([0.5])),
    "radius": (nengo.Ensemble, "radius", 3.0),
    "eval_points": (nengo.Ensemble, "eval_points", Uniform(-0.1, 0.1)),
    "encoders": (nengo.Ensemble, "encoders", Choice([[1.0]])),
    "n_eval_points": (nengo.Ensemble, "n_eval_points", 5),
    "probe": (nengo.Probe, "synapse", 0.1),
}


def parts_of_networks():
    """All that our networks are made of, as it was configured."""
    with nengo.Network(seed=0):
        memory = make(order=2, seed=1)
        memory.add_readout([0, THETA])
        memory.add_output(np.prod, [0.0, 0.1])
        lmu = LMU(3, 4, THETA, memory_args={"n_neurons": 5}, seed=2)
        networks = [memory, lmu, ExactMemory(THETA, 3)]
        networks.append(SequenceNetwork(1, 2, 3, 20, units=[4, 3], seed=3))
    values = []
    for network in networks:
        for c in network.all_connections:
            values += [c.transform, getattr(c.synapse, "tau", None)]
            values += [c.solver, c.eval_points]
        for e in network.all_ensembles:
            values += [e.gain, e.bias, e.radius, e.encoders, e.normalize_encoders]
            values += [e.eval_points, e.n_eval_points]
        for node in network.all_nodes:
            values += [node.size_in, node.size_out, node.output is None]
        values += [p.synapse for p in network.all_probes]
    return values


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_configurations_that_would_ruin_a_network_stay_outside(name):
    kind, parameter, value = CONFIGURATIONS[name]
    expected = parts_of_networks()
    with nengo.Network() as network:
        setattr(network.config[kind], parameter, value)
        found = parts_of_networks()
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected):
        np.testing.assert_equal(repr(ours), repr(theirs))


def test_no_node_stands_alone():
    """Every node of a memory is a part of what it does."""
    with nengo.Network() as network:
        memory = make(size_in=2)
    used = {c.pre_obj for c in network.all_connections}
    used |= {c.post_obj for c in network.all_connections}
    assert set(memory.all_nodes) <= used
    assert all(node.output is None for node in memory.all_nodes)


# Warnings


def test_inputs_beyond_the_range_are_told_once():
    """By how much, and when; by every simulator anew."""
    u = np.full(100, 0.5)
    u[50:] = -2.5
    network, _ = fed(np.stack([u, 0 * u], axis=1), rms=0.5, label="window")
    told = 'window".*, dimension 0, is -2.5 at 0.051 s, but the memory expects at most'
    for _ in range(2):
        with pytest.warns(UserWarning, match=told) as caught:
            run(network, n_steps=100)
        assert len(caught) == 1


@pytest.mark.parametrize("neuron_type", [poisson(), nengo.Direct()])
def test_inputs_within_the_range_are_not_told(neuron_type):
    u = np.full(100, 2.25 if neuron_type == poisson() else 1000.0)
    network, _ = fed(u, rms=0.5, neuron_type=neuron_type)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(network, n_steps=100)


def test_bands_beyond_the_order_are_told():
    with pytest.warns(UserWarning, match="2.08 cycles in theta=0.5 s, .*order=10"):
        LegendreMemory(0.5, 6, 10, freq=4.16)
    with pytest.warns(UserWarning, match="an order of about 120"):
        LegendreMemory(0.5, 6, 10, freq=60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LegendreMemory(0.5, 6, 10, freq=usable_band(6) / 0.5)
        LegendreMemory(0.5, 6, 10, spectrum=Spectrum.flat(10, 1))


@pytest.mark.parametrize("kind", ["memory", "unit"])
def test_windows_of_milliseconds_are_told(kind):
    def build(theta, dt=0.001):
        if kind == "unit":
            LMU(3, 2, theta, dt=dt)
        else:
            LegendreMemory(theta, 2, 10, dt=dt)

    with pytest.warns(UserWarning, match="theta=500 is in seconds, .*theta=0.5;"):
        build(500)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(784.0, dt=1.0)
        build(20.0)


# Composition


def test_nests_in_other_networks_and_is_copied():
    with nengo.Network(seed=0) as outer:
        stimulus = nengo.Node(nengo.processes.PresentInput(U[:, None], DT))
        with nengo.Network(), nengo.Network() as inner:
            memory = make(neuron_type=nengo.Direct())
        nengo.Connection(stimulus, memory.input, synapse=None)
        probes = [nengo.Probe(memory.output, synapse=None)]
    assert inner.networks == [memory]
    (m,) = run(outer, *probes)
    np.testing.assert_allclose(m, IDEAL, atol=1e-10)
    copy = outer.copy()
    (again,) = run(copy, *copy.probes)
    np.testing.assert_array_equal(again, m)


def test_a_copy_knows_its_own_neurons():
    network, _ = fed(order=2)
    copy = network.copy()
    (memory,) = copy.networks
    with nengo.Simulator(copy, progress_bar=False) as sim:
        assert len(memory.populations(sim.data)) == 2
        assert memory.predict_rmse(sim.data) > 0


def test_any_ensemble_can_be_probed():
    network, memory = fed()
    with network:
        probes = [nengo.Probe(e) for e in memory.ensembles]
        probes += [nengo.Probe(e.neurons) for e in memory.ensembles]
    data = run(network, *probes, n_steps=50)
    sizes = [e.n_neurons for e in memory.ensembles]
    assert [d.shape[1] for d in data] == [1] * ORDER + sizes


def test_synapse_as_a_nengo_object():
    memory = make(synapse=nengo.Lowpass(0.05))
    assert memory.synapse == nengo.Lowpass(0.05)
    assert memory.realization.tau == 0.05


@pytest.mark.parametrize("dt", [0.0005, 0.00101, 0.002])
def test_other_time_steps_are_refused_at_build_time(dt):
    network, _ = fed()
    with pytest.raises(ValidationError, match=r"dt: must be 0.001.*but is 0.00"):
        nengo.Simulator(network, dt=dt, progress_bar=False)


def test_other_time_steps_can_be_asked_for():
    u, dt = U[::2], 2 * DT
    with nengo.Network() as network:
        stimulus = nengo.Node(nengo.processes.PresentInput(u[:, None], dt))
        memory = make(dt=dt, neuron_type=nengo.Direct())
        nengo.Connection(stimulus, memory.input, synapse=None)
    (m,) = run(network, probe(network, memory.output), n_steps=len(u), dt=dt)
    expected = simulate(*discretize(*state_space(THETA, ORDER), dt), u)
    np.testing.assert_allclose(m, expected, atol=1e-10)


def test_size_grows_with_order_and_not_with_its_square():
    """O(d) connections of one decoder each, and one dense recurrent transform."""

    def decoders(order):
        memory = make(order=order, n_neurons=10)
        memory.add_readout([0.1, 0.2])
        connections = memory.all_connections
        decoded = [c for c in connections if isinstance(c.pre_obj, nengo.Ensemble)]
        assert [c.size_out for c in decoded] == [1] * order
        dense = [c for c in connections if c.synapse is not None and c.size_in > 1]
        assert [c.transform.init.shape for c in dense] == [(order, order)]
        model = nengo.builder.Model()
        model.build(memory)
        return len(connections), len(model.operators)

    counts = np.array([decoders(order) for order in (4, 8, 16)])
    np.testing.assert_array_equal(counts[2] - counts[1], 2 * (counts[1] - counts[0]))


def test_size_grows_with_inputs_and_not_with_their_square():
    def weights(size_in):
        memory = make(order=3, size_in=size_in)
        memory.add_readout([0.1, 0.2])
        return sum(
            np.size(c.transform.init)
            for c in memory.all_connections
            if isinstance(c.transform, nengo.Dense)
        )

    assert weights(8) == 2 * weights(4)


# Expected input


def test_spectrum_from_an_example():
    """The louder and broader of two examples has the larger radii."""
    quiet, loud = (
        make(
            coordinates="legendre",
            spectrum=Spectrum.from_signal(white_noise(20, DT, freq, rms, 0), DT),
        )
        for freq, rms in ((3, 0.1), (5, 0.4))
    )
    assert np.all(loud.realization.radii > 2 * quiet.realization.radii)
    flat = make(coordinates="legendre", freq=5, rms=0.4)
    np.testing.assert_allclose(
        loud.realization.radii, flat.realization.radii, rtol=0.25
    )


def test_spectrum_leaves_no_room_for_freq_and_rms():
    spectrum = Spectrum.flat(5, 0.5)
    for name in ("freq", "rms"):
        with pytest.raises(ValidationError, match=f"{name}: must be None if spec"):
            make(spectrum=spectrum, **{name: 1.0})


@pytest.mark.parametrize("coordinates", COORDINATES)
def test_check_range(coordinates):
    memory = make(coordinates=coordinates)
    inside, outside = memory.check_range(U), memory.check_range(10 * U)
    column = memory.check_range(np.reshape(U, (-1, 1)))  # as Nengo gives it
    np.testing.assert_array_equal(column.largest, inside.largest)
    assert inside
    assert not outside
    assert inside.largest.shape == inside.outside.shape == (ORDER,)
    np.testing.assert_array_equal(inside.outside, 0)
    np.testing.assert_allclose(outside.largest, 10 * inside.largest)
    assert np.all((outside.outside > 0) & (outside.outside < 1))
    assert str(inside).startswith("The state stays within its radii: at most, coord")
    worst = int(np.argmax(outside.largest))
    text = f"coordinate {worst} reaches {outside.largest[worst]:.2f} of its radius"
    assert text in str(outside) and "Spectrum.from_signal" in str(outside)


def test_beyond_its_radii_the_memory_is_wrong_until_two_theta_after():
    loud = round(0.5 / DT)
    u = np.where(np.arange(len(U)) < loud, 10 * U, U)
    exact = simulate(*discretize(*state_space(THETA, ORDER), DT), u)
    network, memory = fed(u, neuron_type=nengo.LIFRate(), n_neurons=50)
    with pytest.warns(UserWarning, match="expects at most 2.25;"):
        (m,) = run(network, probe(network, memory.output))
    assert not memory.check_range(u)
    during, after = slice(0, loud), slice(loud + round(2 * THETA / DT), None)
    assert rmse(m[during], exact[during]) > 0.5 * rmse(exact[during], 0 * exact[during])
    assert rmse(m[after], exact[after]) < 0.1 * rmse(exact[after], 0 * exact[after])


def test_predicted_noise():
    network, memory = fed(order=3, n_neurons=50)
    with nengo.Simulator(network, progress_bar=False) as sim:
        populations = memory.populations(sim.data)
        noise = memory.predict_rmse(sim.data)
        filtered = memory.predict_rmse(sim.data, synapse=0.1)
    assert 0 < filtered < noise
    for population, ensemble in zip(populations, memory.ensembles):
        assert len(population.decoders) == ensemble.n_neurons
        values = 0.5 * ensemble.radius * np.linspace(-1, 1, 20)
        assert rmse(population.decode(values), values) < 0.1 * ensemble.radius


NEURONS = [
    nengo.LIF,
    nengo.SpikingRectifiedLinear,
    nengo.LIFRate,
    nengo.RectifiedLinear,
]
ON_NENGO = [("nengo", kind) for kind in NEURONS]


@pytest.mark.parametrize(
    "backend, kind",
    [*ON_NENGO, pytest.param("nengo_dl", nengo.LIF, marks=pytest.mark.slow)],
)
def test_spikes_of_any_height_are_decoded_as_well(backend, kind):
    simulator = (nengo if backend == "nengo" else require(backend)).Simulator
    u = U[:300]

    def states(amplitude):
        network, memory = fed(u, order=2, neuron_type=kind(amplitude=amplitude))
        with network:
            function = memory.add_output(np.prod, [0, THETA], n_neurons=50)
        targets = probe(network, memory.output), probe(network, function, 0.05)
        with simulator(network, progress_bar=False, seed=0) as sim:
            sim.run_steps(len(u))
            return [np.array(sim.data[target]) for target in targets]

    expected = states(1)
    for amplitude in (0.001, 100):
        for found, same in zip(states(amplitude), expected):
            assert rmse(found, same) < 0.01 * rmse(same, 0 * same)


def test_poisson_neurons_of_scaled_rates_spike_as_much_more_often():
    """The amplitude of the rates that they fire at is not that of their spikes."""
    predicted = []
    for amplitude in (0.1, 1):
        kind = nengo.PoissonSpiking(nengo.LIFRate(amplitude=amplitude))
        network, memory = fed(order=3, n_neurons=50, neuron_type=kind)
        with nengo.Simulator(network, progress_bar=False) as sim:
            predicted.append(memory.predict_rmse(sim.data))
    assert predicted[0] == pytest.approx(np.sqrt(10) * predicted[1], rel=0.2)


def test_neurons_without_a_theory_have_no_prediction(monkeypatch):
    network, memory = fed(order=3, neuron_type=nengo.LIF())
    with nengo.Simulator(network, progress_bar=False) as sim:
        data = sim.data
    # those of Izhikevich neurons take half a minute
    monkeypatch.setattr(nengo.LIF, "rates", lambda *_: pytest.fail("asked for rates"))
    with pytest.raises(ValidationError, match="^neuron_type: must be Poisson"):
        memory.predict_rmse(data)


@pytest.mark.parametrize("kind", [nengo.PoissonSpiking, nengo.RegularSpiking])
def test_refuses_spikes_that_are_decoded_without_their_height(kind):
    with pytest.raises(ValidationError, match="^neuron_type: .*amplitude of 1"):
        make(neuron_type=kind(nengo.LIFRate(), amplitude=0.01))


@pytest.mark.parametrize("kind", [nengo.AdaptiveLIF, nengo.AdaptiveLIFRate])
def test_amplitudes_of_neurons_that_adapt_to_them_are_refused(kind):
    """They would not only be higher, but fire at other rates."""
    make(neuron_type=kind())
    with pytest.raises(ValidationError, match="amplitude of 1, .*adapt to their own"):
        make(neuron_type=kind(amplitude=0.01))


@pytest.mark.parametrize("data", [{}, None, "sim.data", [1]])
def test_refuses_data_of_other_simulators(data):
    _, memory = fed(order=2)
    with pytest.raises(ValidationError, match="^data: must be sim.data of a simulator"):
        memory.predict_rmse(data)
    network, other = fed(order=2)
    with nengo.Simulator(network, progress_bar=False) as sim:
        others = sim.data
    with pytest.raises(ValidationError, match="^data: must be sim.data"):
        memory.predict_rmse(others)
    with pytest.raises(ValidationError, match="^neuron_types: must be"):
        other.predict_rmse(others, neuron_types=[nengo.LIF()])


def test_for_a_given_signal_the_prediction_holds_distortion():
    """Of two inputs, each with decoders of its own."""
    u = np.stack([U, 0.5 * U[::-1]], axis=1)
    for neuron_type in (poisson(), nengo.LIFRate()):
        memory = make(order=3, size_in=2, neuron_type=neuron_type)
        with nengo.Simulator(memory, progress_bar=False) as sim:
            data, populations = sim.data, memory.populations(sim.data)
        settled = round((THETA + 5 * 0.1) / DT)
        noise = memory.predict_rmse(data)
        squares = [noise**2]
        squares += [
            distortion_rmse(memory.realization, part, one, settled=settled) ** 2
            for part, one in zip((populations[:3], populations[3:]), u.T)
        ]
        both = memory.predict_rmse(data, signal=u)
        assert both == pytest.approx(np.sqrt(np.sum(squares)), rel=1e-3)
        assert both > noise


@pytest.mark.parametrize(
    "signal", [1.0, "u", [[1.0, 2.0]], [NAN] * 2000, np.zeros(100), np.zeros((2000, 2))]
)
def test_refuses_signals_of_a_prediction(signal):
    memory = make(order=2)
    with nengo.Simulator(memory, progress_bar=False) as sim:
        data = sim.data
    with pytest.raises(ValidationError, match="^signal: must be"):
        memory.predict_rmse(data, signal=signal)


def test_direct_mode_has_no_neurons():
    network, memory = fed(neuron_type=nengo.Direct())
    with nengo.Simulator(network, progress_bar=False) as sim:
        assert memory.predict_rmse(sim.data) == 0
        with pytest.raises(ValidationError, match="neuron_type"):
            memory.populations(sim.data)


# Refusals

NUMBERS = [-1, 0, NAN, INF, "a", [], [1, 2], 1e60, 1j]
TWO_AT_ONCE = Choice([[200.0, 300.0]])
INTEGERS = [-1, 0, NAN, INF, 2.5, "a", None, [], 10**8, True]
BAD = {
    "theta": [*NUMBERS, None],
    "order": INTEGERS,
    "n_neurons": INTEGERS,
    "synapse": [*NUMBERS, None, nengo.Alpha(0.1), nengo.Lowpass(0)],
    "dt": [*NUMBERS, None, 2 * THETA],
    "neuron_type": [
        "poisson",
        None,
        3,
        nengo.LIF,
    ],
    "coordinates": ["x", "", None, 3, []],
    "allocation": ["x", "", None, 3, []],
    "freq": [*NUMBERS, 501.0],
    "rms": NUMBERS,
    "spectrum": ["x", 3, [1.0, 2.0], U],
    "max_rates": [-1, 200.0, NAN, "x", None, [], [1.0, 2.0], TWO_AT_ONCE],
    "intercepts": [-1, 0.5, NAN, "x", [], [1.0, 2.0], TWO_AT_ONCE],
    "size_in": INTEGERS,
    "label": [3, []],
    "seed": [-1, NAN, 1.5, "a", [], 2**40],
}


@pytest.mark.parametrize(
    "name, value", [(name, value) for name, values in BAD.items() for value in values]
)
def test_refuses(name, value):
    with pytest.raises(ValidationError, match=rf"^(\w+\.)?{name}: "):
        make(**{name: value})


@pytest.mark.parametrize(
    "delays", [-0.1, THETA * 1.01, NAN, INF, "a", None, [], [[0.1]], [0, -1], 1j]
)
def test_refuses_delays(delays):
    memory = make(order=2)
    with pytest.raises(ValidationError, match="delays: must be"):
        memory.add_readout(delays)
    with pytest.raises(ValidationError, match="delays: must be"):
        memory.add_output(np.sum, delays)


@pytest.mark.parametrize(
    "function",
    [
        None,
        "x",
        3,
        lambda: 1,
        lambda w: w[5],
        lambda w: "a",
        lambda w: None,
        lambda w: [],
        lambda w: np.ones((2, 2)),
    ],
)
def test_refuses_functions(function):
    with pytest.raises(ValidationError, match="function: must"):
        make(order=2).add_output(function, 0.1)


@pytest.mark.parametrize("n_neurons", [-1, 0, 2.5, NAN, "a", [], 10**8])
def test_refuses_neurons_of_a_function(n_neurons):
    with pytest.raises(ValidationError, match="n_neurons: must be"):
        make(order=2).add_output(np.sum, 0.1, n_neurons=n_neurons)


@pytest.mark.parametrize("signal", [None, "a", 1.0, [], [NAN], [INF], [[1, 2]], [1j]])
def test_refuses_signals(signal):
    with pytest.raises(ValidationError, match="signal: must be"):
        make(order=2).check_range(signal)


@pytest.mark.parametrize("synapse", [-1, 0, NAN, INF, "a", []])
def test_refuses_the_synapse_of_a_prediction(synapse):
    network, memory = fed(order=2)
    with nengo.Simulator(network, progress_bar=False) as sim:
        data = sim.data
    with pytest.raises(ValidationError, match="synapse: must be"):
        memory.predict_rmse(data, synapse=synapse)


def test_only_its_user_gives_it_input():
    """NengoDL asks for data of every node that has no input of its own."""
    _, memory = fed(order=2)
    assert all(node.size_in for node in memory.all_nodes)
