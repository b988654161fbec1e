"""Many sequences at once against Nengo, one at a time; and theory."""

from __future__ import annotations

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize
from spiking_lmu.networks import (
    LegendreMemory,
    SequenceNetwork,
    freeze,
    run_sequences,
    state_noise,
)
from spiking_lmu.networks.batched import BatchedMemory
from spiking_lmu.neurons import coordinated, neuron_type, poisson
from spiking_lmu.training.weights import draw_weights

THETA = 0.1


def make_memory(neuron_type, order=4, n_neurons=30, size_in=1, seed=1, **kwargs):
    return LegendreMemory(
        THETA,
        order,
        n_neurons,
        synapse=0.02,
        neuron_type=neuron_type,
        size_in=size_in,
        seed=seed,
        **kwargs,
    )


def make_inputs(n, n_items, size_in=1, seed=0):
    """Smooth sequences, (n, n_items, size_in), of about the expected power."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((n, n_items + 9, size_in))
    smooth = sum(white[:, k : k + n_items] for k in range(10)) / np.sqrt(10)
    return 0.4 * smooth


def run_on_nengo(memory, x, presentation, seed=0):
    """The last state of the same memory for each sequence, and its spikes.

    Each begins in a state of its own: Nengo would draw the same voltages every time.
    """
    shown = np.repeat(x, presentation, axis=1)
    now = {"sequence": 0}

    def show(t):
        return shown[now["sequence"], min(round(t / memory.dt), shown.shape[1]) - 1]

    with nengo.Network() as model:
        stimulus = nengo.Node(show, size_out=x.shape[2])
        model.add(memory)
        nengo.Connection(stimulus, memory.input, synapse=None)
        probe = nengo.Probe(memory.output)
        neurons = [nengo.Probe(e.neurons) for e in memory.ensembles]
    states, spikes, rng = [], [], np.random.default_rng(seed)
    with nengo.Simulator(model, dt=memory.dt, progress_bar=False) as sim:
        for k in range(len(x)):
            now["sequence"] = k
            sim.reset(seed=seed + k)
            for ensemble in memory.ensembles:
                signals = sim.model.sig[ensemble.neurons]
                if "voltage" in signals:
                    voltage = sim.signals[signals["voltage"]]
                    voltage[...] = rng.random(voltage.shape)
                if "offset" in signals:
                    sim.signals[signals["offset"]][...] = rng.random()
            sim.run_steps(shown.shape[1])
            states.append(sim.data[probe][-1])
            spikes.append(sum(sim.data[p].sum() for p in neurons) * memory.dt)
    return np.array(states), float(np.mean(spikes))


@pytest.mark.parametrize("size_in, presentation", [(1, 1), (2, 3)])
@pytest.mark.parametrize(
    "neuron_type",
    [nengo.LIFRate(), nengo.LIFRate(tau_rc=0.01, amplitude=2), nengo.RectifiedLinear()],
    ids=repr,
)
def test_rates_are_those_of_nengo(neuron_type, size_in, presentation):
    memory = make_memory(neuron_type, size_in=size_in)
    x = make_inputs(3, 60, size_in)
    batched = BatchedMemory(memory)
    expected, _ = run_on_nengo(memory, x, presentation)
    found = batched.run(x, presentation)
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert batched.spikes == 0


@pytest.mark.parametrize(
    "neuron_type",
    [
        nengo.SpikingRectifiedLinear(),
        nengo.LIF(),
        poisson(),
        coordinated(),
        coordinated("golden"),
        neuron_type("coordinated-relu"),
        neuron_type("coordinated-carry-relu"),
    ],
    ids=repr,
)
def test_errors_and_spikes_are_as_large_as_on_nengo(neuron_type):
    memory = make_memory(neuron_type, n_neurons=50)
    x = make_inputs(1, 150)
    exact = exact_states(memory, x)[0]
    expected, expected_spikes = run_on_nengo(memory, np.repeat(x, 40, axis=0), 1)
    batched = BatchedMemory(memory)
    found = batched.run(np.repeat(x, 400, axis=0))
    assert batched.spikes == pytest.approx(expected_spikes, rel=0.02)
    # means of the state, each within its own standard error of the difference
    error = np.sqrt(expected.var(axis=0) / 40 + found.var(axis=0) / 400)
    assert (np.abs(expected.mean(axis=0) - found.mean(axis=0)) < 4.5 * error).all()
    ratio = _mean_square(found, exact) / _mean_square(expected, exact)
    # 40 sums of squares, of four correlated numbers each
    assert 0.6 < ratio < 1.6


def exact_states(memory, x):
    """Last states of a memory without neurons: one step late, as neurons have it."""
    Ad, Bd = memory.realization.step
    states = np.zeros((len(x), memory.order))
    for t in range(x.shape[1] - 1):
        states = states @ Ad.T + x[:, t] @ Bd.T
    return states @ memory.realization.T.T


def _mean_square(states, exact):
    return np.mean(np.sum((states - exact) ** 2, axis=1))


# with 50 coordinated neurons the measured variance is 1.6 times that of theory
@pytest.mark.parametrize("neuron_type, n", [(poisson(), 50), (coordinated(), 200)])
def test_noise_is_what_theory_predicts(neuron_type, n):
    # announced by the power that the inputs have: rates, and so noise, go with it
    memory = make_memory(neuron_type, n_neurons=n, rms=0.4)
    batched = BatchedMemory(memory, seed=4)
    # after four windows the noise has settled; there are as many inputs as would be
    # expected, and what they alone bring about is taken away
    x = np.repeat(make_inputs(20, 400, seed=2), 60, axis=0)
    m = batched.run(x).reshape(20, 60, 4)
    errors = (m - m.mean(axis=1, keepdims=True)).reshape(-1, 4)
    measured, predicted = errors.T @ errors / (20 * 59), batched.noise()
    assert predicted.shape == (4, 4)
    assert 0.85 < np.trace(measured) / np.trace(predicted) < 1.15


def test_equal_seeds_give_equal_states():
    memory, x = make_memory(poisson()), make_inputs(5, 30)
    first, second = (BatchedMemory(memory, seed=2).run(x) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, BatchedMemory(memory, seed=3).run(x))


def test_parts_have_spikes_of_their_own_for_every_seed(monkeypatch):
    monkeypatch.setattr("spiking_lmu.networks.batched.AT_ONCE", 2)
    memory = make_memory(poisson())
    x = np.repeat(make_inputs(1, 30), 4, axis=0)
    for seed in (0, 2**32 - 1):
        states = BatchedMemory(memory, seed).run(x)
        assert len(np.unique(states, axis=0)) == 4
    # the second part of one seed is no part of another seed
    first = BatchedMemory(memory, 0).run(x)
    assert not np.array_equal(first[2:], BatchedMemory(memory, 2).run(x)[:2])


def test_parts_of_a_batch(monkeypatch):
    """What is run together does not matter, where nothing is random."""
    memory, x = make_memory(nengo.LIFRate(), n_neurons=37), make_inputs(7, 20)
    whole = BatchedMemory(memory).run(x)
    monkeypatch.setattr("spiking_lmu.networks.batched.AT_ONCE", 3)
    assert np.allclose(BatchedMemory(memory).run(x), whole, rtol=1e-4, atol=1e-5)


def test_input_dimensions_have_memories_of_their_own():
    memory = make_memory(nengo.LIFRate(), size_in=2)
    x = make_inputs(2, 40, 2)
    both = BatchedMemory(memory).run(x)
    x[:, :, 1] = 0
    one = BatchedMemory(memory).run(x)
    assert np.allclose(both[:, :4], one[:, :4], atol=1e-5)
    assert not np.allclose(both[:, 4:], one[:, 4:], atol=0.01)


@pytest.mark.parametrize(
    "neuron_type",
    [
        nengo.AdaptiveLIF(inc_n=0.002),
        nengo.StochasticSpiking(nengo.LIFRate()),
        nengo.RegularSpiking(nengo.LIFRate()),
    ],
    ids=repr,
)
def test_other_neurons_hold_a_window_too(neuron_type):
    memory = make_memory(neuron_type, n_neurons=100)
    x = make_inputs(20, 150)
    batched = BatchedMemory(memory)
    found, exact = batched.run(x), exact_states(memory, x)
    assert batched.spikes > 0
    assert _mean_square(found, exact) < 0.1 * np.mean(np.sum(exact**2, axis=1))


@pytest.mark.parametrize(
    "name, inputs, presentation",
    [
        ("inputs", np.zeros((2, 5)), 1),
        ("inputs", np.zeros((2, 5, 2)), 1),
        ("inputs", np.full((2, 5, 1), np.nan), 1),
        ("inputs", np.zeros((0, 5, 1)), 1),
        ("presentation", np.zeros((2, 5, 1)), 0),
        ("presentation", np.zeros((2, 5, 1)), 1.5),
    ],
)
def test_bad_inputs(name, inputs, presentation):
    batched = BatchedMemory(make_memory(nengo.LIFRate()))
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        batched.run(inputs, presentation)


def test_bad_memories_and_seeds():
    with pytest.raises(ValidationError, match="memory.*must be"):
        BatchedMemory(nengo.Network())
    with pytest.raises(ValidationError, match="seed.*must be"):
        BatchedMemory(make_memory(nengo.LIFRate()), seed=-1)
    network = SequenceNetwork(1, 2, 3, 10, 4)
    with pytest.raises(ValidationError, match="inputs.*must be"):
        run_sequences(network, np.zeros((2, 5)))


@pytest.mark.parametrize("kind", ["relu", "poisson", "coordinated-relu"])
@pytest.mark.parametrize("size_in", [1, 2])
def test_noise_of_a_network_is_that_of_its_neurons(kind, size_in):
    network = SequenceNetwork(size_in, 2, 4, 20, 6, seed=0)
    draw_weights(network, 0)
    network.layers[0].encoders, network.layers[0].bias = np.ones((6, 1)), np.zeros(6)
    x = make_inputs(200, 40, size_in)
    frozen = freeze(network, kind, 40, x, presentation=5, synapse=0.02, seed=1)
    noise = state_noise(frozen, x)
    assert noise.shape == (4 * size_in, 4 * size_in)
    memory = BatchedMemory(frozen.lmu.memory)
    theory = np.kron(np.eye(size_in), memory.noise())
    assert np.allclose(noise / np.trace(noise), theory / np.trace(theory))
    # other sequences, other spikes; errors of sequences of four coordinates each: the
    # powers of 64 and of 200 of them are known to some 10 and 5 %
    x = make_inputs(200, 40, size_in, seed=3)
    late = BatchedMemory(frozen.lmu.memory, seed=7).run(x, 5)
    Ad, Bd = discretize(*state_space(frozen.lmu.theta, 4), frozen.dt)
    m = late.reshape(200, size_in, 4) @ Ad.T + x[:, -1, :, None] * Bd[:, 0]
    errors = m.reshape(200, -1) - network.final_states(x)
    ratio = np.mean(np.sum(errors**2, axis=1)) / np.trace(noise)
    assert 0.65 < ratio < 1.5
    if kind == "relu":
        assert np.trace(noise) < 0.8 * np.trace(theory)


def test_noise_of_a_network_needs_neurons_and_sequences():
    network = SequenceNetwork(1, 2, 3, 10, 4)
    with pytest.raises(ValidationError, match="network.*one with a memory"):
        state_noise(network, np.zeros((2, 5, 1)))
    with pytest.raises(ValidationError, match="inputs.*must be"):
        state_noise(network, np.zeros((2, 5)))


WRONG = {
    "network": [None, 3, "network", nengo.Network(), np.zeros(3)],
    "inputs": [
        None, 3, "x", [], [[1.0]], np.zeros((2, 10, 2)), np.zeros((0, 10, 1)), {},
        np.full((2, 10, 1), np.nan), np.zeros((2, 10, 1), complex), [[[1], [2, 3]]],
    ],
    "seed": [-1, 2**32, 0.5, "0", None, [0], True],
    "progress": [None, 1, "yes", np.zeros(2)],
}  # fmt: skip


@pytest.mark.parametrize("function", [run_sequences, state_noise])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_types(function, name):
    if name == "progress" and function is state_noise:
        pytest.skip("it has none")
    memory_args = {"n_neurons": 3}
    network = SequenceNetwork(1, 2, 3, 10, 4, memory_args=memory_args)
    draw_weights(network, 0)
    for value in WRONG[name]:
        arguments = {"network": network, "inputs": np.ones((2, 10, 1)), name: value}
        with pytest.raises(ValidationError, match=f"^{name}: must be"):
            function(**arguments)


def test_what_is_not_trained_is_told():
    with pytest.raises(ValidationError, match="network: must be trained"):
        run_sequences(SequenceNetwork(1, 2, 3, 10, 4), np.ones((2, 10, 1)))
