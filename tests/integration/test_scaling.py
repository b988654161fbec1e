"""Precision of memories of Poisson neurons: theory against spikes, and its laws.

Theory is noise and static distortion together.

Each cell is one network of several memories, each with an input, populations and
spikes of its own. Many sequences run through it at once, and each gives one error: that
of its last step, when noise has settled. Spikes of sequences are independent: the RMSE
of 768 errors in 3 dimensions, and of 384 in 12, varies by 2 %. One case runs in Nengo,
step by step. There the error decorrelates within a window, in d dimensions: the RMSE of
one memory over three seconds varies by 5 to 15 %, that of six by 2 to 5 %.
"""

from functools import cache

import nengo
import numpy as np
import pytest

import spiking_lmu
from spiking_lmu.distortion import simulate_distorted
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize
from spiking_lmu.metrics import fit_scaling
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.networks.batched import BatchedMemory
from spiking_lmu.noise import required_neurons
from spiking_lmu.realization import realize
from spiking_lmu.signals import Spectrum, switched, white_noise

TAU, RMS = 0.1, 0.5
LMU_2019 = "legendre", "equal"
BEST = "balanced", "optimal"
LARGE = pytest.param(24, marks=pytest.mark.slow)


def exact(theta, order, dt, u):
    """States (n, k, d) of the exact memories of the inputs (n, k)."""
    Ad, Bd = discretize(*state_space(theta, order), dt)
    m = np.zeros((len(u), u.shape[1], order))
    for n in range(1, len(u)):
        m[n] = m[n - 1] @ Ad.T + u[n - 1, :, None] * Bd[:, 0]
    return m


def run(simulator, design, theta, order, n_neurons, u, dt=0.001, tau=TAU, seed=0):
    """Simulator, memory, and the probed x (n, k d) and m (n, k, d)."""
    coordinates, allocation = design
    with nengo.Network(seed=seed) as network:
        stimulus = nengo.Node(nengo.processes.PresentInput(u, dt))
        memory = LegendreMemory(
            theta,
            order,
            n_neurons,
            synapse=tau,
            dt=dt,
            coordinates=coordinates,
            allocation=allocation,
            freq=1 / theta,
            rms=RMS,
            size_in=u.shape[1],
        )
        nengo.Connection(stimulus, memory.input, synapse=None)
        x = nengo.Probe(memory.encoded, synapse=None)
        m = nengo.Probe(memory.output, synapse=None)
    # the optimizer merges random states, in another order every time
    with simulator(network, dt=dt, progress_bar=False, optimize=False) as sim:
        sim.run_steps(len(u))
    return sim, memory, sim.data[x], sim.data[m].reshape(len(u), -1, order)


def white(theta, duration, dt, n_inputs, seed):
    rng = np.random.SeedSequence(seed).generate_state(n_inputs) // 2
    signals = [white_noise(duration, dt, 1 / theta, RMS, int(s)) for s in rng]
    return np.stack(signals, axis=1)


@cache
def measure(design, order, n_neurons, theta=0.2, n_inputs=4, n_sequences=64):
    """Squared errors (n_sequences, n_inputs), and the predicted RMSE."""
    coordinates, allocation = design
    memory = LegendreMemory(
        theta,
        order,
        n_neurons,
        synapse=TAU,
        coordinates=coordinates,
        allocation=allocation,
        freq=1 / theta,
        rms=RMS,
        size_in=n_inputs,
        seed=n_neurons,
    )
    dt, length = memory.dt, round((theta + 5 * TAU) / memory.dt) + 1
    # windows of one signal: theory takes the mean over what they end with
    u = white(theta, 2.5, dt, n_inputs, seed=order * n_neurons)
    u *= RMS / np.sqrt(np.mean(u**2, axis=0))  # noise goes with the power
    ends = np.linspace(length, len(u), n_sequences).astype(int)
    x = np.stack([u[end - length : end] for end in ends])
    batched = BatchedMemory(memory, n_neurons)
    predicted = memory.predict_rmse(batched.data, signal=u) / np.sqrt(n_inputs)
    m = batched.run(x).reshape(n_sequences, n_inputs, order)
    # all sequences as the inputs of one exact memory
    side_by_side = x.transpose(1, 0, 2).reshape(length, -1)
    target = exact(theta, order, dt, side_by_side)[-1].reshape(m.shape)
    return np.sum((m - target) ** 2, axis=2), predicted


def rmse(squares):
    return float(np.sqrt(np.mean(squares)))


@pytest.mark.parametrize("design", [LMU_2019, BEST], ids="/".join)
@pytest.mark.parametrize(
    "order, n_neurons", [(3, 30), (12, 30), (3, 100), (6, 100), (12, 100)]
)
def test_spikes_agree_with_theory(design, order, n_neurons):
    # the fewer the neurons, the more inputs: memories of few differ more
    n_inputs = 6 if n_neurons == 100 else 12
    n_sequences = {3: 768, 6: 576, 12: 384}[order] // n_inputs
    squares, predicted = measure(
        design, order, n_neurons, n_inputs=n_inputs, n_sequences=n_sequences
    )
    # the relative error of a root is half of that of the mean under it
    known = np.std(squares) / np.mean(squares) / np.sqrt(squares.size) / 2
    assert known < 0.025
    assert 0.90 < rmse(squares) / predicted < 1.10


@pytest.mark.parametrize("design", [LMU_2019, BEST], ids="/".join)
def test_spikes_of_nengo_agree_with_theory(design):
    """At all steps of one run, instead of at the end of many."""
    theta, order, n_neurons, n_inputs, dt = 0.2, 6, 100, 6, 0.001
    u = white(theta, 2.5, dt, n_inputs, seed=order * n_neurons)
    sim, memory, _, m = run(
        nengo.Simulator, design, theta, order, n_neurons, u, seed=n_neurons
    )
    skip = round((theta + 5 * TAU) / dt)
    squares = np.sum((m - exact(theta, order, dt, u)) ** 2, axis=2)[skip:]
    predicted = memory.predict_rmse(sim.data, signal=u) / np.sqrt(n_inputs)
    errors = np.sqrt(squares.mean(axis=0))
    assert np.std(errors) / np.sqrt(errors.size) < 0.07 * predicted
    assert 0.90 < rmse(squares) / predicted < 1.10


@pytest.mark.parametrize("order, gain", [(6, 1.35), (12, 2.0)])
def test_balanced_memories_err_less(order, gain):
    best, best_predicted = measure(BEST, order, 200, n_inputs=2)
    other, other_predicted = measure(LMU_2019, order, 200, n_inputs=2)
    assert rmse(other) / rmse(best) > gain
    assert other_predicted / best_predicted > gain


def test_error_falls_with_the_square_root_of_neurons():
    """And by theory's own law, which is a little steeper where neurons are few."""
    neurons, errors, ratios = [], [], []
    for n_neurons in (50, 100, 200, 400, 800):
        squares, predicted = measure(
            LMU_2019, 3, n_neurons, theta=0.1, n_inputs=8, n_sequences=24
        )
        trials = np.sqrt(squares.mean(axis=0))
        neurons += [3 * n_neurons] * trials.size
        errors += list(trials)
        ratios += list(trials / predicted)
    law, rest = fit_scaling(neurons, errors), fit_scaling(neurons, ratios)
    assert law.high - law.low < 0.1
    assert law.exponent == pytest.approx(-0.5, abs=0.075)
    # a 99.9 % interval, so that other versions' random numbers do as well
    margin = 0.35 * (rest.high - rest.low)
    assert rest.low - margin < 0 < rest.high + margin


@pytest.mark.parametrize("design", [LMU_2019, BEST], ids="/".join)
def test_networks_of_the_required_size_meet_the_error(design):
    theta, order = 0.2, 4
    realization = realize(
        *state_space(theta, order), 0.001, TAU, Spectrum.flat(1 / theta, RMS), design[0]
    )
    wanted = 0.06 if design is LMU_2019 else 0.04
    n_neurons = required_neurons(wanted, realization, allocation=design[1])
    assert 100 < n_neurons < 600
    squares, _ = measure(design, order, n_neurons)
    assert 0.9 * wanted < rmse(squares) < 1.1 * wanted


@pytest.mark.parametrize("order", [6, 12, LARGE])
def test_jumps_drive_no_neuron_beyond_its_rate(order):
    """Input starts, stops, starts and jumps, at theta f = 1.

    A long window keeps spiking noise, which is in proportion to 1 / sqrt(p theta),
    small beside the radii: what is seen here is what the signal does. The synapse is
    a tenth of the window, as everywhere: distortion grows with theta / tau.
    """
    theta, tau, dt, n_inputs = 5.0, 0.5, 0.005, 2 if order < 24 else 1
    events = theta * np.array([1, 2.5, 4, 5.5])
    off, jump = theta * np.array([[0, 1], [2.5, 4]]), [5.5 * theta]
    base = white(theta, 7 * theta, dt, n_inputs, seed=order)
    u = np.stack([switched(b, dt, off, jump) for b in base.T], axis=1)
    n_neurons = 100 if order < 24 else 300
    sim, memory, x, m = run(
        spiking_lmu.Simulator, BEST, theta, order, n_neurons, u, dt, tau
    )

    for i, (population, ensemble) in enumerate(
        zip(memory.populations(sim.data), memory.ensembles)
    ):
        # rates rise or fall all along, and are highest at one of the ends
        fastest = population.rates(np.array([x[:, i].min(), x[:, i].max()])).max(axis=0)
        assert np.all(fastest <= sim.data[ensemble].max_rates)
    assert all(memory.check_range(signal) for signal in u.T)

    squares = np.sum((m - exact(theta, order, dt, u)) ** 2, axis=2).mean(axis=1)
    back = [round((event + theta) / dt) for event in events]
    after = np.concatenate([squares[n : n + round(theta / 2 / dt)] for n in back])
    # the usual: noise, and the distortion of a signal without any event
    noise = memory.predict_rmse(sim.data) / np.sqrt(n_inputs)
    populations = memory.populations(sim.data)[:order]
    steady = simulate_distorted(memory.realization, populations, base[:, 0])
    bias = (steady - exact(theta, order, dt, base[:, :1])[:, 0])[round(theta / dt) :]
    usual = np.sqrt(noise**2 + np.mean(np.sum(bias**2, axis=1)))
    assert np.sqrt(after.mean()) < 1.3 * usual
