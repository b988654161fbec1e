"""What a memory refuses."""

import nengo
import numpy as np
import pytest
from nengo.dists import Choice
from nengo.exceptions import ValidationError

from memory_cases import INF, NAN, THETA, U, fed, make

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
