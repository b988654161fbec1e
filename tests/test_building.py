"""What is built for the chip: the code of inputs, and where the host computes what."""

import nengo
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from nengo_loihi.neurons import LoihiLIF

from spiking_lmu.hardware import loihi
from spiking_lmu.hardware.building import ChipRates, InputCode
from spiking_lmu.networks import LegendreMemory


def coded(code, values):
    """What the spikes of a code say of values (n_steps, size), and its state then."""
    shapes = (code.size,), code.values.shape[1:]
    state = code.make_state(*shapes, 0.001)
    step = code.make_step(*shapes, 0.001, None, state)
    spikes = np.array([step(0.001 * i, x) for i, x in enumerate(values)])
    assert set(np.unique(spikes)) <= {0.0, 1.0}
    return spikes @ code.values.T, state


@given(
    st.integers(1, 3),
    st.floats(0.01, 100),
    st.integers(1, 10),
    st.integers(0, 2**32 - 1),
)
def test_what_a_step_leaves_over_is_carried_on(size, scale, bits, seed):
    code = InputCode(size, scale, bits)
    values = scale * np.random.default_rng(seed).uniform(-1, 1, size=(50, size))
    said, state = coded(code, values)
    least = scale / (2**bits - 1)
    # the sum of all steps is never off by more than half of the least digit
    assert np.abs(np.cumsum(said - values, axis=0)).max() <= 0.5001 * least
    assert 0 < state["largest"][0] <= 1


def test_code_saturates_and_says_so():
    code = InputCode(1, 2.0, 4)
    said, state = coded(code, np.full((20, 1), 3.0))
    np.testing.assert_allclose(said, 2.0)
    assert state["largest"][0] == 1.5
    # and does not remember it
    np.testing.assert_allclose(coded(code, np.array([[5.0], [0.0]]))[0][-1], 0)


def test_rates_of_the_chip_are_those_of_whole_intervals():
    x = np.linspace(-1, 1, 50)[:, None] * np.ones(5)
    gain, bias = np.linspace(1, 20, 5), np.linspace(0, 2, 5)
    for dt in (0.001, 0.0005):
        rates = ChipRates(nengo.LIF(), dt).rates(x, gain, bias)
        np.testing.assert_array_equal(rates, LoihiLIF().rates(x, gain, bias, dt=dt))
        intervals = 1 / (rates[rates > 0] * dt)
        np.testing.assert_allclose(intervals, np.round(intervals), atol=1e-4)


def parts(model):
    with loihi.Simulator(model, progress_bar=False) as sim:
        return sim.precompute, len(sim.model.relays)


def test_what_goes_around_the_chip_is_carried_along():
    """Most networks need no exchange between host and chip at each step."""
    with nengo.Network(seed=0) as network:
        signal = nengo.Node(np.sin)
        memory = LegendreMemory(0.1, 2, 20, neuron_type=nengo.LIF())
        nengo.Connection(signal, memory.input, synapse=None)
        assert parts(network) == (True, 0)  # nothing is read
        error = nengo.Node(size_in=1)
        nengo.Connection(memory.add_readout([0.1]), error, synapse=None)
        # the memory's own state, on the host, needs the input
        nengo.Probe(error)
        assert parts(network) == (True, 1)
        nengo.Connection(signal, error, transform=-1, synapse=None)
        assert parts(network) == (True, 2)
        other = nengo.Node(lambda t, x: x, size_in=1)
        nengo.Connection(error, other, synapse=None)
        nengo.Connection(other, memory.input, synapse=0.1)
        assert parts(network)[0] is False
