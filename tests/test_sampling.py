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
from spiking_lmu.sampling import known_along_input, noise_along, sampling_rmse
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


@pytest.mark.parametrize("shift", OTHERS)
def test_numbers_of_successive_steps_are_those_of_the_neurons(shift):
    n, n_steps = 30, 200
    kind = SystematicSpiking(nengo.LIFRate(), shift, amplitude=2.0)
    rng = np.random.RandomState(0)
    state = kind.make_state(n, rng)
    last = float(state["offset"][0])
    rates = rng.uniform(0, 300, size=(n_steps, n))  # of heights 1: see `step`
    spikes = np.empty((n_steps, n))
    for J, output in zip(rates, spikes):
        kind.step(DT, J.copy(), output, **state)
    reached = np.cumsum(rates * DT, axis=1)
    first, last = kind.offsets(reached[:80, -1], last, None)
    second, _ = kind.offsets(reached[80:, -1], last, None)
    offsets = np.append(first, second)
    expected = np.diff(np.floor(reached + offsets[:, None]), axis=1, prepend=0)
    np.testing.assert_array_equal(spikes * DT / 2, expected)


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
    assert [known_along_input(coordinated(shift)) for shift in SHIFTS] == [
        shift != "random" for shift in SHIFTS
    ]
    assert not known_along_input(poisson()) and not known_along_input(nengo.LIF())


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
    with pytest.raises(ValidationError, match="neuron_type.*along a given signal"):
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
    with pytest.raises(ValidationError, match=f"^{name}: .*({allowed})"):
        sampling_rmse(system, **arguments)


def test_refuses_neurons_that_do_not_coordinate():
    system, populations = drawn_system(n_neurons=12)
    other = draw_population(12, 1, 3, 0.1, np.random.RandomState(0))
    with pytest.raises(ValidationError, match="^neuron_type: must be SystematicSpik"):
        sampling_rmse(system, [*populations[:-1], other], noise(0, 3))
