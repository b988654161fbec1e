"""Trained networks around memories of other kinds."""

from __future__ import annotations

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from nengo.processes import PresentInput

from spiking_lmu.networks import (
    LegendreMemory,
    SequenceNetwork,
    freeze,
    run_sequences,
)
from spiking_lmu.neurons import LINEAR
from spiking_lmu.training.weights import draw_weights, fix_seeds


def make_network(size_in=1, units=(8,), seed=0, size_out=3):
    network = SequenceNetwork(size_in, size_out, 4, 20, units, seed=seed)
    draw_weights(network, seed)
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        layer.encoders = np.ones((layer.n_neurons, 1))
        layer.bias = 0.3 * rng.standard_normal(layer.n_neurons)
    return network


def make_inputs(n, size_in=1, seed=1):
    """Smooth sequences of 20 items, as a memory of four can hold them."""
    white = np.random.default_rng(seed).uniform(-1, 1, (n, 24, size_in))
    return sum(white[:, k : k + 20] for k in range(5)) / 2


def run_on_nengo(network, x):
    """Answers at the end of each sequence."""
    answers = []
    for sequence in x:
        seconds = network.presentation * network.dt
        network.stimulus.output = PresentInput(sequence, seconds)
        with nengo.Simulator(network, dt=network.dt, progress_bar=False) as sim:
            sim.run_steps(len(sequence) * network.presentation)
        answers.append(sim.data[network.probe][-1])
    return np.array(answers)


@pytest.mark.parametrize("presentation", [1, 4])
@pytest.mark.parametrize("size_in, units", [(1, (8,)), (2, (7, 6))])
def test_exact_is_what_was_trained(size_in, units, presentation):
    network, x = make_network(size_in, units), make_inputs(3, size_in)
    frozen = freeze(network, presentation=presentation)
    assert frozen.presentation == presentation
    assert frozen.lmu.theta == pytest.approx(20 * presentation * network.dt)
    expected = run_on_nengo(network, x)
    assert np.allclose(run_on_nengo(frozen, x), expected, atol=1e-6)
    assert np.allclose(run_sequences(frozen, x).values, expected, atol=1e-6)
    assert run_sequences(frozen, x).spikes == 0


@pytest.mark.parametrize("size_in", [1, 2])
def test_rate_is_the_same_on_nengo_and_in_batches(size_in):
    network, x = make_network(size_in), make_inputs(4, size_in)
    frozen = freeze(network, "rate", 100, make_inputs(50, size_in, 2), 3, 0.02, seed=5)
    fix_seeds(frozen, 5)  # so that both draw the same neurons
    answers = run_sequences(frozen, x)
    assert np.allclose(answers.values, run_on_nengo(frozen, x), atol=1e-3)


@pytest.mark.parametrize("memory", ["rate", "relu", "lif", "poisson", "poisson-relu"])
def test_many_neurons_answer_as_the_exact_network(memory):
    network, x = make_network(), make_inputs(32)
    expected = run_sequences(network, x).values
    examples = make_inputs(100, seed=2)
    errors = []
    for n_neurons in (20, 300):
        frozen = freeze(network, memory, n_neurons, examples, 15, 0.02, seed=0)
        assert isinstance(frozen.lmu.memory, LegendreMemory)
        assert frozen.lmu.memory.n_neurons_per_dimension == n_neurons
        answers = run_sequences(frozen, x)
        assert (answers.spikes > 0) == (memory != "rate")
        errors.append(np.sqrt(np.mean((answers.values - expected) ** 2)))
    assert errors[1] < 0.5 * errors[0]
    assert errors[1] < 0.3 * expected.std()


def test_files_say_what_was_frozen(tmp_path):
    network, x = make_network(), make_inputs(3)
    frozen = freeze(network, "relu", 20, x, 2, np.float64(0.1), seed=np.int64(3))
    _, about = SequenceNetwork.load(frozen.save(tmp_path / "frozen.npz"))
    assert about["frozen"] == {
        "memory": "relu", "neurons": 20 * 4, "presentation": 2, "seed": 3,
        "synapse": 0.1, "rates": 400.0, "coordinates": "balanced",
    }  # fmt: skip


def test_freezing_leaves_the_network_as_it_was():
    network, x = make_network(), make_inputs(2)
    before = run_sequences(network, x).values
    frozen = freeze(network, "relu", 20, x, seed=0)
    frozen.kernels["readout"].transform = np.zeros((3, 8))
    assert np.array_equal(run_sequences(network, x).values, before)


def test_coordinates_cover_what_sequences_bring_about():
    network, x = make_network(2), make_inputs(30, 2)
    for coordinates in ("legendre", "balanced"):
        frozen = freeze(network, "relu", 50, x, 2, 0.05, coordinates)
        r = frozen.lmu.memory.realization
        assert r.coordinates == coordinates and r.order == 4
        states = network.states(x).reshape(-1, 4) @ r.inverse.T
        assert (np.abs(states) <= r.radii).all()
        assert r.largest_input == np.abs(x).max()


def test_balanced_coordinates_are_less_noisy():
    network, x = make_network(), make_inputs(200)
    expected, examples = run_sequences(network, x).values, make_inputs(200, seed=2)
    errors = {}
    for coordinates in ("legendre", "balanced"):
        frozen = freeze(
            network, "poisson-relu", 50, examples, 10, 0.02, coordinates, seed=0
        )
        values = run_sequences(frozen, x).values
        errors[coordinates] = np.mean((values - expected) ** 2)
    assert errors["balanced"] < errors["legendre"]


def test_memory_arguments_are_passed_on():
    network, x = make_network(), make_inputs(5)
    rates = nengo.dists.Uniform(50, 60)
    frozen = freeze(network, "lif", 20, x, max_rates=rates, allocation="equal")
    assert frozen.lmu.memory.max_rates == rates
    assert frozen.lmu.memory.n_neurons_per_ensemble.tolist() == [20] * 4
    assert isinstance(frozen.lmu.memory.neuron_type, nengo.LIF)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("memory_type", {"memory_type": "loihi"}),
        ("n_neurons", {"memory_type": "relu", "inputs": make_inputs(2)}),
        ("n_neurons", {"memory_type": "lif", "n_neurons": 0, "inputs": make_inputs(2)}),
        ("inputs", {"memory_type": "relu", "n_neurons": 20}),
        (
            "inputs",
            {"memory_type": "relu", "n_neurons": 20, "inputs": np.zeros((2, 20))},
        ),
        (
            "inputs",
            {"memory_type": "lif", "n_neurons": 20, "inputs": np.zeros((2, 9, 2))},
        ),
        (
            "inputs",
            {
                "memory_type": "lif",
                "n_neurons": 20,
                "inputs": np.full((2, 9, 1), np.inf),
            },
        ),
        (
            "inputs",
            {"memory_type": "lif", "n_neurons": 20, "inputs": np.zeros((2, 9, 1))},
        ),
        ("presentation", {"presentation": 0}),
        ("presentation", {"presentation": "long"}),
        ("seed", {"seed": -1}),
        ("seed", {"seed": 2**32}),
        ("seed", {"seed": "a"}),
        ("memory_type", {"memory_type": None}),
        (
            "classes",
            {
                "memory_type": "lif",
                "n_neurons": 20,
                "inputs": make_inputs(2),
                "classes": 1,
            },
        ),
        (
            "coordinates",
            {
                "memory_type": "relu",
                "n_neurons": 20,
                "inputs": make_inputs(2),
                "coordinates": "polar",
            },
        ),
        (
            "synapse",
            {
                "memory_type": "relu",
                "n_neurons": 20,
                "inputs": make_inputs(2),
                "synapse": -1,
            },
        ),
    ],
)
def test_bad_arguments(name, arguments):
    problem = "tau" if name == "synapse" else name
    with pytest.raises(ValidationError, match=f"({problem}|{name}).*must be"):
        freeze(make_network(), **arguments)


def test_what_is_not_trained_or_no_such_network():
    with pytest.raises(ValidationError, match="network.*must be trained"):
        freeze(SequenceNetwork(1, 3, 4, 20))
    with pytest.raises(ValidationError, match="network.*must be trained"):
        freeze(SequenceNetwork(1, 3, 4, 20), "lif", 20, make_inputs(2))
    with pytest.raises(ValidationError, match="network.*must be a SequenceNetwork"):
        freeze(nengo.Network())


def test_one_output_is_no_class():
    network = make_network(size_out=1)
    x = make_inputs(20)
    expected = run_sequences(network, x).values
    values = run_sequences(freeze(network, "rate", 300, x, 15, 0.02, seed=0), x).values
    assert np.sqrt(np.mean((values - expected) ** 2)) < 0.2 * expected.std()
    with pytest.raises(ValidationError, match="classes.*must be False"):
        freeze(network, "rate", 300, x, classes=True)


def test_what_the_network_does_not_hear_has_no_coordinates():
    network = make_network()
    network.kernels["W_m"].transform = np.zeros((8, 4))
    with pytest.raises(ValidationError, match="sensitivity.*must be of squares above"):
        freeze(network, "lif", 20, make_inputs(5))


@pytest.mark.parametrize("units", [(8,), (7, 6)])
@pytest.mark.parametrize("hidden", LINEAR)
def test_hidden_units_that_spike_often_answer_as_real_numbers(hidden, units):
    network, x, known = make_network(1, units), make_inputs(6), make_inputs(50, 1, 2)
    frozen = freeze(
        network, inputs=known, presentation=10,
        hidden=hidden, hidden_rates=2e6, hidden_synapse=0.003,
    )  # fmt: skip
    exact = run_sequences(network, x).values
    answers = run_sequences(frozen, x, seed=1)
    assert 0 < np.abs(answers.values - exact).max() < 0.08 * np.abs(exact).max()
    # as many spikes as the hidden states of all steps tell
    ends = network.hidden_states(network.final_states(known), known[:, -1])
    states = network.states(x).reshape(-1, network.order)
    passed = network.hidden_states(states, x.reshape(-1, 1))
    rates = sum(2e6 * h.sum() / top.max() for h, top in zip(passed, ends))
    assert answers.spikes == answers.hidden_spikes
    assert answers.spikes == pytest.approx(rates * 10 * network.dt / len(x), rel=0.05)


def test_all_units_spike_and_all_spikes_are_counted():
    network, x = make_network(), make_inputs(40)
    given = {"memory_type": "coordinated-relu", "n_neurons": 40, "inputs": x, "seed": 0}
    real = run_sequences(freeze(network, presentation=10, **given), x)
    frozen = freeze(network, presentation=10, hidden="relu", **given)
    assert frozen.hidden_spikes
    answers = run_sequences(frozen, x)
    memory = answers.spikes - answers.hidden_spikes
    assert memory == pytest.approx(real.spikes, rel=0.02)
    assert real.hidden_spikes == 0 < answers.hidden_spikes
    alone = run_sequences(freeze(network, inputs=x, presentation=10, hidden="relu"), x)
    assert answers.hidden_spikes == pytest.approx(alone.spikes, rel=0.1)
    assert np.mean(answers.values.argmax(1) == real.values.argmax(1)) > 0.8


def test_files_keep_weights_of_networks_whose_hidden_units_spike(tmp_path):
    network, x = make_network(1, (7, 6)), make_inputs(3)
    frozen = freeze(network, inputs=x, hidden="relu", hidden_rates=200)
    assert {layer.neuron_type for layer in frozen.layers} == {
        nengo.SpikingRectifiedLinear()
    }
    loaded, about = SequenceNetwork.load(frozen.save(tmp_path / "frozen.npz"))
    assert np.allclose(
        run_sequences(loaded, x).values, run_sequences(network, x).values
    )
    assert about["frozen"]["hidden"] == "relu"
    assert about["frozen"]["hidden_rates"] == 200
    again = freeze(frozen)  # and back to real numbers
    assert not again.hidden_spikes
    assert np.allclose(run_sequences(again, x).values, run_sequences(network, x).values)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("hidden", {"hidden": "lif"}), ("hidden", {"hidden": "real"}),
        ("inputs", {"hidden": "relu", "inputs": None}),
        ("hidden_rates", {"hidden": "relu", "hidden_rates": 0}),
        ("hidden_synapse", {"hidden": "relu", "hidden_synapse": -1}),
    ],
)  # fmt: skip
def test_hidden_units_that_cannot_spike_are_refused(name, arguments):
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        freeze(make_network(), **{"inputs": make_inputs(2), **arguments})


@pytest.mark.parametrize(
    "changed",
    [
        {"neuron_type": nengo.RectifiedLinear()}, {"neuron_type": nengo.LIF()},
        {"scale": [1.0, 2.0]}, {"scale": 1.0}, {"scale": [0.0]}, {"amplitude": 1.0},
    ],
)  # fmt: skip
def test_hidden_arguments_are_checked(changed):
    good = {"neuron_type": nengo.SpikingRectifiedLinear(), "scale": [1.0]}
    good["synapse"] = None
    SequenceNetwork(1, 3, 4, 20, hidden_args=good)
    with pytest.raises(ValidationError, match=r"(hidden_args|scale).*must be"):
        SequenceNetwork(1, 3, 4, 20, hidden_args={**good, **changed})
    with pytest.raises(ValidationError, match="activation.*must be 'relu'"):
        SequenceNetwork(1, 3, 4, 20, activation="tanh", hidden_args=good)
