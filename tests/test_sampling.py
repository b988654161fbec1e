"""The noise of coordinated spikes along an input: against networks and theory."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

import spiking_lmu
from spiking_lmu.distortion import distortion_rmse
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import simulate
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import SHIFTS, SystematicSpiking, coordinated, poisson
from spiking_lmu.noise import noise_rmse, spiking_noise
from spiking_lmu.populations import draw_population
from spiking_lmu.realization import realize
from spiking_lmu.sampling import (
    decoded_errors,
    noise_along,
    predictable_along,
    sampling_rmse,
)
from spiking_lmu.signals import Spectrum, lowpass, white_noise

THETA, ORDER, DT, SYNAPSE = 0.5, 6, 0.001, 0.005
FREQ, RMS = 2.0, 0.4
SETTLED = 1000
OTHERS = [shift for shift in SHIFTS if shift != "random"]


def drawn_system(shift="golden", n_neurons=100, seed=0):
    A, B = state_space(THETA, ORDER)
    system = realize(A, B, DT, 0.1, Spectrum.flat(FREQ, RMS), "balanced")
    rng = np.random.RandomState(seed)
    populations = [
        draw_population(
            n_neurons,
            radius,
            headroom,
            system.averaging,
            rng,
            neuron_type=coordinated(shift),
        )
        for radius, headroom in zip(system.radii, system.headrooms)
    ]
    return system, populations


def noise(seed, duration=6):
    return white_noise(duration, DT, FREQ, RMS, seed)


def run_memory(shift, n_neurons, seed, u, size_in=1, **more):
    """A memory, the data of its simulator, and the error of its filtered output."""
    u = u.reshape(len(u), size_in)
    with nengo.Network(seed=seed) as network:
        stimulus = nengo.Node(nengo.processes.PresentInput(u, DT))
        memory = LegendreMemory(
            THETA,
            ORDER,
            n_neurons,
            size_in=size_in,
            neuron_type=coordinated(shift),
            spectrum=Spectrum.flat(FREQ, RMS),
            **more,
        )
        nengo.Connection(stimulus, memory.input, synapse=None)
        probe = nengo.Probe(memory.output, synapse=SYNAPSE)
    with spiking_lmu.Simulator(network, progress_bar=False) as sim:
        sim.run_steps(len(u))
    r = memory.realization
    exact = np.hstack([simulate(*r.step, one) @ r.T.T for one in u.T])
    return memory, sim.data, (sim.data[probe] - lowpass(exact, SYNAPSE, DT))[SETTLED:]


def length_rmse(error):
    return np.sqrt(np.mean(np.sum(error**2, axis=1)))


def errors_by_hand(population, x, U):
    """The decoded errors, step by step, by the neurons' own code."""
    kind, n = population.neuron_type, len(population.gain)
    state = kind.make_state(n, np.random.RandomState(0))
    state["offset"][...] = U
    errors, output = np.empty(len(x)), np.empty(n)
    for t, value in enumerate(x):
        along = value * population.encoders[None] / population.radius
        rates = kind.rates(along, population.gain, population.bias)[0]
        kind.step(DT, rates / kind.amplitude, output, **state)
        errors[t] = (output - rates) @ population.decoders
    return errors


@pytest.mark.parametrize("shift", OTHERS)
def test_decoded_errors_are_those_of_the_neurons(shift):
    kind = SystematicSpiking(nengo.LIFRate(), shift, amplitude=2.0)
    population = draw_population(
        400, 1.0, 3.0, 0.1, np.random.RandomState(0), neuron_type=kind
    )
    x = np.sin(np.arange(250) / 40)  # more than is computed at once
    found = decoded_errors(population, x, DT, np.random.default_rng(0))
    U = 0.5 if shift == "nearest" else np.random.default_rng(0).uniform()
    expected = errors_by_hand(population, x, U)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    assert np.abs(expected).max() > 1e-4


def test_rmse_is_that_of_the_passes_by_hand():
    """Along the exact state, then twice along the state with the errors found."""
    system, populations = drawn_system("golden", n_neurons=12)
    u, settled = noise(0, 1), 300
    F, B = system.step
    G = F - np.exp(-DT / 0.1) * np.eye(ORDER)
    kept = np.exp(-DT / SYNAPSE)
    exact = np.zeros((len(u), ORDER))
    for n in range(len(u) - 1):
        exact[n + 1] = F @ exact[n] + B[:, 0] * u[n]
    rng = np.random.default_rng(7)
    error, squares = np.zeros_like(exact), []
    for _ in range(3):
        added = [
            errors_by_hand(population, x, rng.uniform())
            for population, x in zip(populations, (exact + error).T)
        ]
        error = np.zeros_like(exact)
        read = np.zeros_like(exact)
        for n, e in enumerate(np.transpose(added)[:-1]):
            error[n + 1] = F @ error[n] + G @ e
            read[n + 1] = kept * read[n] + (1 - kept) * error[n]
        squares.append(length_rmse((read @ system.T.T)[settled:]) ** 2)
    found = sampling_rmse(system, populations, u, SYNAPSE, settled, seed=7)
    assert found == pytest.approx(np.sqrt((squares[1] + squares[2]) / 2), rel=1e-6)
    unfiltered = sampling_rmse(system, populations, u, None, settled, seed=7)
    assert unfiltered > 1.02 * found


def test_random_shifts_have_the_noise_that_is_white_in_time():
    """Which is computed without drawing any spikes."""
    system, populations = drawn_system("random")
    squares = [
        sampling_rmse(system, populations, noise(seed), SYNAPSE, SETTLED, seed) ** 2
        for seed in range(8)
    ]
    q = spiking_noise(system, populations)
    error = np.mean(squares) / noise_rmse(system, q, SYNAPSE) ** 2 - 1
    # rates are those of this input here, and of all inputs of its kind there
    chance = np.std(squares, ddof=1) / np.mean(squares) / np.sqrt(len(squares))
    assert abs(error) < 3.5 * chance < 0.3


@pytest.mark.parametrize("shift, n_neurons", [("golden", 100), ("carry", 300)])
def test_predicts_the_error_of_networks(shift, n_neurons):
    logs = []
    for seed in range(12):
        u = noise(seed, 4)
        memory, data, error = run_memory(shift, n_neurons, seed, u)
        predicted = memory.predict_rmse(data, synapse=SYNAPSE, signal=u)
        logs.append(np.log(length_rmse(error) / predicted))
    chance = np.std(logs, ddof=1) / np.sqrt(len(logs))
    assert abs(np.mean(logs)) < 3.5 * chance < 0.25


def test_the_golden_shift_has_less_noise_than_a_random_one():
    """Its errors alternate, and the memory hardly follows."""
    u = noise(0)
    random, golden = (
        sampling_rmse(*drawn_system(shift), u, SYNAPSE, SETTLED)
        for shift in ("random", "golden")
    )
    assert golden < random / 2


def test_predictions_add_up_over_inputs_and_kinds_of_errors():
    u = np.stack([noise(0), noise(1)], axis=1)
    memory, data, _ = run_memory("golden", 30, 0, u, size_in=2)
    populations = memory.populations(data)
    settled = int(np.ceil((THETA + 5 * memory.synapse.tau) / DT))
    parts = [
        error(
            memory.realization,
            populations[k * ORDER : (k + 1) * ORDER],
            u[:, k],
            SYNAPSE,
            settled,
        )
        for k in range(2)
        for error in (noise_along, distortion_rmse)
    ]
    predicted = memory.predict_rmse(data, synapse=SYNAPSE, signal=u)
    assert predicted == pytest.approx(np.linalg.norm(parts))


def test_noise_along_an_input_is_by_the_theory_that_knows_it():
    u = noise(0, 3)
    system, populations = drawn_system("random")
    q = spiking_noise(system, populations)
    white = noise_along(system, populations, u, SYNAPSE, SETTLED)
    assert white == noise_rmse(system, q, SYNAPSE)
    system, populations = drawn_system("golden")
    along = noise_along(system, populations, u, SYNAPSE, SETTLED)
    assert along == sampling_rmse(system, populations, u, SYNAPSE, SETTLED)
    # where some of the shifts are random, too
    _, random = drawn_system("random")
    mixed = [*populations[:3], *random[3:]]
    along = noise_along(system, mixed, u, SYNAPSE, SETTLED)
    assert along == sampling_rmse(system, mixed, u, SYNAPSE, SETTLED)


@pytest.mark.parametrize("shaped", [False, True])
def test_which_noise_is_predictable_along_an_input(shaped):
    assert predictable_along(poisson(), shaped)
    assert not predictable_along(nengo.LIF(), shaped)
    known = [predictable_along(coordinated(shift), shaped) for shift in SHIFTS]
    assert known == [shift == "random" or not shaped for shift in SHIFTS]


def test_seeds_repeat():
    system, populations = drawn_system()
    u = noise(0, 3)
    first, again, other = (
        sampling_rmse(system, populations, u, SYNAPSE, SETTLED, seed)
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_without_a_signal_other_shifts_are_refused():
    memory, data, _ = run_memory("golden", 30, 0, noise(0, 2))
    with pytest.raises(ValidationError, match="neuron_type.*along a signal"):
        memory.predict_rmse(data)


def test_noise_shaping_with_other_shifts_is_refused():
    u = noise(0, 2)
    memory, data, _ = run_memory("golden", 30, 0, u, noise_shaping=True)
    with pytest.raises(ValidationError, match="neuron_type.*without noise shaping"):
        memory.predict_rmse(data, signal=u)


@pytest.mark.parametrize(
    "name, change, allowed",
    [
        ("u", [1.0, np.nan], "finite"),
        ("u", np.zeros((5, 2)), "dim"),
        ("settled", 3000, "2999"),
        ("settled", -1, "0"),
        ("synapse", 0, "positive|greater|above|> 0"),
        ("seed", -1, "0"),
        ("populations", [], "6, one for each"),
    ],
)
def test_refuses(name, change, allowed):
    system, populations = drawn_system(n_neurons=12)
    arguments = {"populations": populations, "u": noise(0, 3), name: change}
    for along in (sampling_rmse, noise_along):
        if along is noise_along and name == "seed":
            continue
        with pytest.raises(ValidationError, match=f"^{name}: .*({allowed})"):
            along(system, **arguments)


@pytest.mark.parametrize(
    "name, change", [("u", np.zeros((5, 2))), ("settled", 3000), ("noise_shaping", "y")]
)
def test_arguments_without_effect_are_checked_as_well(name, change):
    system, populations = drawn_system("random", n_neurons=12)
    arguments = {"populations": populations, "u": noise(0, 3), name: change}
    with pytest.raises(ValidationError, match=f"^{name}: "):
        noise_along(system, **arguments)


def test_refuses_neurons_that_do_not_coordinate():
    system, populations = drawn_system(n_neurons=12)
    other = draw_population(12, 1, 3, 0.1, np.random.RandomState(0))
    with pytest.raises(ValidationError, match="^neuron_type: must be SystematicSpik"):
        sampling_rmse(system, [*populations[:-1], other], noise(0, 3))
