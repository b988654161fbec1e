"""Neurons that fire at random: their statistics in Nengo and on the emulated chip."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu import discretize, map_to_synapse, state_space
from spiking_lmu.hardware.stochastic import MAX_RATE, ChipPoisson, check_max_rates
from spiking_lmu.populations import count_variance

DT = 0.001
SIMULATORS = ["nengo", "simreal", "sim"]
RATES = np.array([2.0, 5, 10, 20, 50, 100, 150, MAX_RATE])


def on_chip(model, target, seed=0):
    """A simulator of the chip, in floats (simreal) or in integers (sim)."""
    from spiking_lmu.hardware import loihi

    return loihi.Simulator(model, target=target, seed=seed, progress_bar=False)


def simulator(model, target, seed=0):
    if target == "nengo":
        return nengo.Simulator(model, dt=DT, seed=seed, progress_bar=False)
    return on_chip(model, target, seed)


def spike_trains(currents, target, steps, amplitude=1.0):
    """Spikes (steps, n), as heights times dt, of neurons with constant currents."""
    n = len(currents)
    with nengo.Network(seed=1) as model:
        ensemble = nengo.Ensemble(
            n,
            1,
            neuron_type=ChipPoisson(amplitude),
            gain=np.full(n, 1e-6),
            bias=np.asarray(currents) - 1e-6,
        )
        probe = nengo.Probe(ensemble.neurons)
    with simulator(model, target) as sim:
        sim.run_steps(steps)
    return sim.data[probe] * DT


def intervals(spikes):
    return np.concatenate([np.diff(np.flatnonzero(train)) for train in spikes.T])


# the neurons themselves


def test_gain_and_bias_place_the_line():
    max_rates, intercepts = np.array([40.0, 180, 900]), np.array([-0.9, 0, 0.95])
    neurons = ChipPoisson()
    gain, bias = neurons.gain_bias(max_rates, intercepts)
    x = np.linspace(-1, 1, 41)
    expected = np.maximum(x[:, None] - intercepts, 0) / (1 - intercepts) * max_rates
    np.testing.assert_allclose(neurons.rates(x, gain, bias), expected, atol=1e-9)
    again = neurons.max_rates_intercepts(gain, bias)
    np.testing.assert_allclose(again, [max_rates, intercepts], atol=1e-9)
    assert neurons.spiking and not neurons.negative


@pytest.mark.parametrize("amplitude", [1, 0.1])
def test_spikes_vary_as_theory_says(amplitude):
    neurons, rng = ChipPoisson(amplitude), np.random.RandomState(0)
    p = np.array([-0.1, 0.01, 0.1, 0.18, 0.9, 1.5])
    output = np.empty((20_000, 6))
    neurons.step(DT, np.tile(p / DT, (20_000, 1)), output, rng)
    found = (output * DT / amplitude).var(axis=0)
    expected = count_variance(neurons, p)
    np.testing.assert_allclose(found, expected, atol=0.003)
    # fewer than Poisson neurons', which fire twice in some steps
    assert np.all(expected[1:] < p[1:])


def test_amplitude_scales_spikes_and_rates():
    neurons = ChipPoisson(amplitude=0.1)
    assert neurons.rates([1.0], [100.0], [0.0]) == pytest.approx(10)
    assert set(np.unique(spike_trains([50.0] * 9, "nengo", 200, 0.1))) == {0, 0.1}


@pytest.mark.parametrize("target", SIMULATORS)
def test_rates_and_intervals(target):
    """Rates are those of the line, intervals geometric; steps know nothing of others.

    The voltage that is left over adds at most 1 / 512 to the rates of integers.
    """
    each, steps = 40, 20_000
    spikes = spike_trains(np.repeat(RATES, each), target, steps) > 0
    n = spikes.shape[0] * each
    p = RATES * DT
    measured = spikes.reshape(len(spikes), len(RATES), each).mean(axis=(0, 2))
    bias = p / 512 if target == "sim" else 0
    z = (measured - p - bias) / np.sqrt(p * (1 - p) / n)
    assert np.abs(z).max() < 3.5
    assert measured[1:] == pytest.approx(p[1:], rel=0.05)
    for k in range(1, len(RATES)):
        isi = intervals(spikes[:, k * each : (k + 1) * each])
        cv = isi.std() / isi.mean()
        assert cv == pytest.approx(np.sqrt(1 - p[k]), abs=4 / np.sqrt(len(isi)))
        assert 0.9 - 2 / np.sqrt(len(isi)) < cv < 1.1
    fastest = spikes[:, -each:] - measured[-1]
    for lag in (1, 2, 10):
        correlation = np.mean(fastest[lag:] * fastest[:-lag]) / np.var(fastest)
        assert abs(correlation) < 4 / np.sqrt(fastest.size)
    between = np.corrcoef(fastest.T) - np.eye(each)
    assert np.abs(between).max() < 5 / np.sqrt(len(fastest))


@pytest.mark.parametrize("target", SIMULATORS)
def test_rates_are_finer_than_the_noise(target):
    """A level of the noise is 3.9 Hz; rates between two levels are told apart."""
    rates = 60 + np.linspace(0, 1000 / 255, 8, endpoint=False)
    measured = spike_trains(np.repeat(rates, 100), target, 10_000).mean(axis=0) / DT
    error = measured.reshape(8, 100).mean(axis=1) - rates
    assert np.abs(error).max() < 4 * np.sqrt(60 / 1000)
    assert np.polyfit(rates, error, 1)[0] == pytest.approx(0, abs=0.25)


@pytest.mark.parametrize("target", SIMULATORS)
@pytest.mark.parametrize("size", [1.5, 20.0, 200.0])
def test_extremes_saturate(target, size, recwarn):
    """Far below threshold: no spike. Far above: one in each step, and no overflow."""
    n = 10
    with nengo.Network(seed=1) as model:
        source = nengo.Ensemble(
            n, 1, neuron_type=ChipPoisson(), gain=np.ones(n), bias=np.full(n, -5.0)
        )
        # fires in every step: its weights bring the others to their extremes
        drive = nengo.Ensemble(
            1,
            1,
            neuron_type=nengo.SpikingRectifiedLinear(
                initial_state={"voltage": nengo.dists.Choice([0])}
            ),
            gain=[1e-3],
            bias=[2000.0],
        )
        weights = size * np.where(np.arange(n) % 2, 1.0, -1.0)
        nengo.Connection(
            drive.neurons, source.neurons, transform=weights[:, None], synapse=0.01
        )
        probe = nengo.Probe(source.neurons)
    with simulator(model, target) as sim:
        sim.run(0.3)
    spikes = sim.data[probe][100:] > 0
    assert spikes[:, 1::2].all()
    assert not spikes[:, ::2].any()
    assert not [w for w in recwarn if "verflow" in str(w.message)]


# on the chip


@pytest.mark.parametrize(
    "arguments",
    [
        {},  # Nengo's default of up to 400 Hz
        {"max_rates": nengo.dists.Uniform(100, 181)},
        {"max_rates": nengo.dists.Choice([181])},
        {"max_rates": [100.0, 150, 181]},
        {"gain": np.full(3, 100.0), "bias": np.full(3, 91.0)},
    ],
)
def test_rates_too_high_for_the_chip(arguments):
    with nengo.Network():
        ensemble = nengo.Ensemble(3, 1, neuron_type=ChipPoisson(), **arguments)
    with pytest.raises(ValidationError, match="max_rates.*at most 180, but is"):
        check_max_rates(ensemble)
    check_max_rates(ensemble, dt=0.0001)


def test_builder_refuses_rates_too_high():
    with nengo.Network() as model:
        nengo.Ensemble(3, 1, neuron_type=ChipPoisson())
    with pytest.raises(ValidationError, match="max_rates"):
        on_chip(model, "simreal")


def test_random_neurons_beside_others():
    """Of a network without memories, learned connections among them."""
    with nengo.Network(seed=0) as model:
        stimulus = nengo.Node(0.5)
        pre = nengo.Ensemble(50, 1)
        noisy = nengo.Ensemble(
            50, 1, neuron_type=ChipPoisson(), max_rates=nengo.dists.Uniform(100, 180)
        )
        post, error = nengo.Node(size_in=1), nengo.Node(size_in=1)
        nengo.Connection(stimulus, pre)
        nengo.Connection(pre, noisy)
        learned = nengo.Connection(
            pre, post, function=np.zeros_like, learning_rule_type=nengo.PES(1e-3)
        )
        nengo.Connection(post, error)
        nengo.Connection(stimulus, error, transform=-1)
        nengo.Connection(error, learned.learning_rule)
        probes = [nengo.Probe(x, synapse=0.1) for x in (noisy, post)]
    with on_chip(model, "sim") as sim:
        sim.run(1)
    for p in probes:
        assert sim.data[p][-200:].mean() == pytest.approx(0.5, abs=0.12)


# populations


def decoded(n_neurons, target, seconds=4.0):
    """What a population decodes from a constant, once its synapse has settled."""
    value, settled = 0.3, 0.5
    with nengo.Network(seed=n_neurons) as model:
        ensemble = nengo.Ensemble(
            n_neurons,
            1,
            neuron_type=ChipPoisson(),
            max_rates=nengo.dists.Uniform(100, MAX_RATE),
            intercepts=nengo.dists.Uniform(-0.95, 0.9),
        )
        nengo.Connection(nengo.Node(value), ensemble, synapse=None)
        probe = nengo.Probe(ensemble, synapse=0.03)
    with simulator(model, target) as sim:
        sim.run(seconds + settled)
    return sim.data[probe][int(settled / DT) :, 0] - value


@pytest.mark.parametrize("target", SIMULATORS)
def test_precision_grows_with_the_square_root(target):
    neurons = np.array([16, 64, 256])
    errors = [decoded(n, target) for n in neurons]
    noise = np.array([error.std() for error in errors])
    slope = np.polyfit(np.log(neurons), np.log(noise), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.12)
    assert noise[-1] < 0.1
    assert abs(errors[-1].mean()) < noise[-1]


def memory_error(n_neurons, target, seconds=6.0):
    """Relative error of a memory of three Legendre coordinates, all-to-all weights."""
    theta, tau, order = 0.5, 0.1, 3
    A, B = state_space(theta, order)
    recurrent, driving = map_to_synapse(A, B, tau, DT)
    signal = nengo.processes.WhiteSignal(12, high=1.5, rms=0.4, seed=3)
    ideal = np.zeros((round(seconds / DT) + 1, order))
    Ad, Bd = discretize(A, B, DT)
    for k, u in enumerate(signal.run(seconds, dt=DT)):
        ideal[k + 1] = Ad @ ideal[k] + Bd @ u
    ideal, radii = ideal[1:], 1.1 * np.abs(ideal).max(axis=0)
    weights = nengo.solvers.LstsqL2(reg=0.1, weights=True)
    with nengo.Network(seed=0) as model:
        stimulus = nengo.Node(signal)
        ensembles = [
            nengo.Ensemble(
                n_neurons,
                1,
                radius=radius,
                neuron_type=ChipPoisson(),
                max_rates=nengo.dists.Uniform(100, MAX_RATE),
                intercepts=nengo.dists.Uniform(-1, 0.9),
            )
            for radius in radii
        ]
        for i, post in enumerate(ensembles):
            nengo.Connection(stimulus, post, transform=driving[i, 0], synapse=None)
            for j, pre in enumerate(ensembles):
                nengo.Connection(
                    pre, post, transform=recurrent[i, j], synapse=tau, solver=weights
                )
        probes = [nengo.Probe(ensemble, synapse=0.03) for ensemble in ensembles]
    with simulator(model, target) as sim:
        sim.run(seconds)
    state = np.hstack([sim.data[probe] for probe in probes])[1000:]
    wanted = nengo.Lowpass(0.03).filt(ideal, dt=DT)[1000:]
    return np.sqrt(np.mean((state - wanted) ** 2) / np.mean(wanted**2))


@pytest.mark.filterwarnings("ignore:all inputs of .* pass through:UserWarning")
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:tau_s is ")
def test_memory_in_integers_is_as_good_as_in_floats():
    few, many = (memory_error(n, "sim") for n in (32, 128))
    assert few < 0.45
    assert many < 0.25
    assert many < 0.75 * few
    assert many < 1.4 * memory_error(128, "simreal")
