"""Units with a spiking memory, and hidden units of other neurons."""

import nengo
import numpy as np
import pytest

from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.metrics import rmse
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.signals import white_noise
from unit_cases import (
    ARGS,
    DT,
    ORDER,
    STEPS,
    THETA,
    UNITS,
    X,
    assert_equal,
    fed,
    make,
    random_weights,
    run,
    unit_of_the_paper,
)


def rms(values):
    return rmse(values, np.zeros_like(values))


def test_a_spiking_memory_without_neurons_is_the_exact_one():
    weights = random_weights(memory_d=2)
    args = {**ARGS, "neuron_type": nengo.Direct(), "coordinates": "legendre"}
    network, lmu = fed(memory_args=args, memory_d=2, **weights)
    assert isinstance(lmu.memory, LegendreMemory)
    expected = unit_of_the_paper(X, weights)
    assert_equal(run(network), expected)


def test_spiking_memory_errs_as_predicted():
    u = white_noise(2.0, DT, 1 / THETA, 0.5, seed=3)
    weights = random_weights(size_in=1)
    weights |= {"e_x": np.ones((1, 1)), "e_h": None, "e_m": None, "W_h": None}
    network, lmu = fed(u[:, None], memory_args=ARGS, **weights)
    with network:
        probe = nengo.Probe(lmu.memory.output)
    with nengo.Simulator(network, progress_bar=False, optimize=False) as sim:
        sim.run_steps(len(u))
        predicted = lmu.memory.predict_rmse(sim.data)
    m, h = sim.data[probe], sim.data[network.probes_of_unit[2]]
    Ad, Bd = discretize(*state_space(THETA, ORDER), DT)
    exact = simulate(Ad, Bd, u)
    late = slice(round((THETA + 0.5) / DT), None)
    error = np.sqrt(ORDER) * rmse(m[late], exact[late])  # of the vector
    assert error == pytest.approx(predicted, rel=0.2)
    # tanh makes differences no larger
    now = exact @ Ad.T + u[:, None] * Bd[:, 0]
    ideal = np.tanh(u[:, None] @ weights["W_x"].T + now @ weights["W_m"].T)
    gain = np.linalg.norm(weights["W_m"] @ Ad, 2)
    error = np.sqrt(UNITS) * rmse(h[late], ideal[late])
    assert 0.1 * gain * predicted < error < gain * predicted


def test_spiking_memory_in_a_closed_loop():
    """With all six paths, it goes to where the exact unit goes, as 1/√neurons."""
    x = white_noise(1.0, DT, 1 / THETA, 0.5, seed=4)[:, None]
    weights = random_weights(size_in=1)
    exact = unit_of_the_paper(x, weights)[2]
    errors = []
    for n_neurons in (200, 1800):
        args = {**ARGS, "n_neurons": n_neurons}
        network, _ = fed(x, memory_args=args, **weights)
        errors.append(rmse(run(network)[2], exact))
    assert errors[1] < 0.2 * rms(exact)
    assert errors[0] / errors[1] == pytest.approx(3, rel=0.3)


def test_arguments_of_the_memory_are_handed_on():
    args = {"n_neurons": 30, "coordinates": "legendre", "allocation": "equal"}
    args |= {"neuron_type": nengo.LIF(), "synapse": 0.05}
    memory = make(memory_args=args, memory_d=2).memory
    assert (memory.theta, memory.order, memory.size_in) == (THETA, ORDER, 2)
    assert memory.realization.coordinates == "legendre"
    assert [e.n_neurons for e in memory.ensembles] == [30] * 2 * ORDER
    assert (memory.neuron_type, memory.synapse.tau) == (nengo.LIF(), 0.05)


# Other hidden units


def rates(x, weights, f):
    """Of the feed-forward unit: f of its currents."""
    _, m, _ = unit_of_the_paper(x, {**weights, "W_h": 0 * weights["W_h"]})
    return f(x @ weights["W_x"].T + m @ weights["W_m"].T)


@pytest.mark.parametrize(
    "neuron_type, f",
    [
        (nengo.Tanh(), np.tanh),
        (nengo.Sigmoid(tau_ref=0.01), lambda J: 1 / (1 + np.exp(-J))),
        (nengo.RectifiedLinear(), lambda J: np.maximum(J, 0)),
        (nengo.RectifiedLinear(amplitude=2), lambda J: 2 * np.maximum(J, 0)),
    ],
)
def test_hidden_units_of_other_rates(neuron_type, f):
    weights = random_weights()
    feed = {**weights, "e_h": None, "W_h": None}
    network, _ = fed(neuron_type=neuron_type, **feed)
    weights["e_h"] = 0 * weights["e_h"]
    assert_equal(run(network)[2:], [rates(X, weights, f)])


@pytest.mark.parametrize(
    "neuron_type, amplitude",
    [
        (nengo.LIF(tau_ref=0.002), 0.002),
        (nengo.LIF(tau_ref=0.002, amplitude=0.1), 0.02),
        (nengo.LIF(tau_ref=0), 1),
        (nengo.SpikingRectifiedLinear(), 1),
        (nengo.PoissonSpiking(nengo.Tanh(tau_ref=0.01)), 0.01),
        (nengo.RegularSpiking(nengo.Tanh(tau_ref=0.01), amplitude=0.01), 1),
        (nengo.StochasticSpiking(nengo.LIFRate(tau_ref=0.1, amplitude=2)), 0.05),
    ],
)
def test_hidden_state_is_one_at_the_highest_rate(neuron_type, amplitude):
    lmu = make(neuron_type=neuron_type)
    assert lmu.hidden.neuron_type == neuron_type
    assert lmu.amplitude == pytest.approx(amplitude)
    assert make(neuron_type=neuron_type, amplitude=3).amplitude == 3


@pytest.mark.parametrize(
    "kind", [nengo.PoissonSpiking, nengo.RegularSpiking, nengo.StochasticSpiking]
)
def test_hidden_units_that_spike_have_the_right_mean(kind):
    x = np.ones((STEPS, 1)) * 0.5
    network, _ = fed(
        x,
        units=20,
        neuron_type=kind(nengo.Tanh(tau_ref=0.0025)),
        e_h=None,
        W_h=None,
        W_m=None,
        W_x=np.ones((20, 1)),
    )
    h = run(network)[2]
    assert h.mean() == pytest.approx(np.tanh(0.5), rel=0.07)
    assert set(np.unique(np.round(h / 2.5, 6))) >= {0, 1}  # spikes of 0.0025 / dt


def test_filtered_hidden_state_is_the_previous_one():
    """A synapse's own delay stands in for that of the recurrences."""
    weights = random_weights()
    network, _ = fed(synapse=0, **weights)
    u, m, h = run(network)
    expected = unit_of_the_paper(X, weights)
    assert_equal([u, m, h[1:]], [*expected[:2], expected[2][:-1]])


def test_spiking_unit_follows_the_exact_one():
    """Everything spikes: the memory, and the hidden units behind a synapse."""
    x = white_noise(1.0, DT, 5, 0.5, seed=5)[:, None]
    weights = random_weights(size_in=1)
    exact = unit_of_the_paper(x, weights)[2]
    network, _ = fed(
        x,
        neuron_type=nengo.RegularSpiking(nengo.Tanh(tau_ref=0.0025)),
        synapse=0.01,
        memory_args={**ARGS, "n_neurons": 300},
        **weights,
    )
    h = run(network)[2]
    expected = nengo.Lowpass(0.01).filt(exact, dt=DT, y0=0)
    assert rmse(h, expected) < 0.5 * rms(expected)
