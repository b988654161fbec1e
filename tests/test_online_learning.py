"""PES learns a function of a memory's window, on three simulators."""

from __future__ import annotations

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from nengo.processes import PresentInput

import spiking_lmu
from spiking_lmu.hardware import loihi
from spiking_lmu.networks import LegendreMemory

DT, TAU, THETA, LATE, SPAN = 0.002, 0.03, 0.3, 0.06, 0.16
PERIOD, TAUGHT = 0.5, 9  # seconds, periods
STEPS = round(PERIOD / DT)


def learner(seed, neuron_type):
    """The teacher is late: it says what the product of two values was before."""
    t = DT * np.arange(STEPS)
    u = 0.5 * np.sin(2 * np.pi * t / PERIOD) + 0.3 * np.cos(4 * np.pi * t / PERIOD)
    delays = [LATE, LATE + SPAN]
    values = 4 * np.prod([np.roll(u, round(delay / DT)) for delay in delays], axis=0)
    end = TAUGHT * PERIOD
    with nengo.Network(seed=seed) as network:
        stimulus = nengo.Node(PresentInput(u, DT))
        teacher = nengo.Node(PresentInput(values, DT))
        memory = LegendreMemory(
            THETA, 4, 25, dt=DT, freq=4, rms=0.41, neuron_type=neuron_type
        )
        nengo.Connection(stimulus, memory.input, synapse=None)
        window = memory.add_ensemble(delays, n_neurons=60)
        output = nengo.Node(lambda t, y: y, size_in=1)
        error = nengo.Node(lambda t, e: e * (t < end), size_in=1)
        learned = nengo.Connection(
            window,
            output,
            function=lambda x: 0,
            learning_rule_type=nengo.PES(1e-3, pre_synapse=TAU),
            synapse=TAU,
        )
        nengo.Connection(output, error, synapse=None)
        nengo.Connection(teacher, error, transform=-1, synapse=TAU)
        nengo.Connection(error, learned.learning_rule, synapse=None)
        network.output = nengo.Probe(output)
        network.teacher = nengo.Probe(teacher, synapse=TAU)
    return network


def error(make, seed, neuron_type):
    """In the period after the last that is taught; 1 for an output of 0."""
    network = learner(seed, neuron_type)
    with make(network, dt=DT, progress_bar=False) as sim:
        sim.run_steps((TAUGHT + 1) * STEPS)
    output, target = sim.data[network.output], sim.data[network.teacher]
    assert (output[0] == 0).all()
    wrong = (output - target)[-STEPS:]
    return np.sqrt(np.mean(wrong**2) / np.mean(target[-STEPS:] ** 2))


# Networks of 20 seeds on the compiled simulator have an error of 0.46, with a deviation
# of 0.04; two in Nengo 0.44 and 0.05; three on the emulator 0.45 and 0.06. The bound is
# five deviations above the mean of those that vary most.
@pytest.mark.parametrize(
    "make", [nengo.Simulator, spiking_lmu.Simulator, loihi.Simulator]
)
def test_a_function_is_learned_while_the_network_runs(make):
    assert error(make, 0, nengo.LIF()) < 0.75


def test_the_ensemble_represents_the_values_of_the_window():
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node(lambda t: np.sin(2 * np.pi * np.array([1, 2]) * t))
        memory = LegendreMemory(
            THETA, 4, 50, freq=2, rms=0.7, size_in=2, neuron_type=nengo.LIFRate()
        )
        own = list(memory.ensembles)
        nengo.Connection(stimulus, memory.input, synapse=None)
        window = memory.add_ensemble([0.1, 0.2], label="two inputs, two delays")
        assert (window.n_neurons, window.dimensions) == (400, 4)
        assert window.label == "two inputs, two delays" and memory.ensembles == own
        found = nengo.Probe(window, synapse=TAU)
        expected = nengo.Probe(memory.add_readout([0.1, 0.2]), synapse=TAU)
    with spiking_lmu.Simulator(network, progress_bar=False) as sim:
        sim.run(1)
    wrong = sim.data[found] - sim.data[expected]
    assert np.sqrt(np.mean(wrong**2)) < 0.1 * sim.data[expected].std()


@pytest.mark.parametrize(("delays", "n_neurons"), [([0.4], 50), ([0.1], 0)])
def test_bad_arguments_of_the_ensemble_are_refused(delays, n_neurons):
    with nengo.Network():
        memory = LegendreMemory(THETA, 2, 10)
    with pytest.raises(ValidationError, match="delays|n_neurons"):
        memory.add_ensemble(delays, n_neurons)
