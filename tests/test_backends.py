"""Backends by name, and that the one of Loihi runs what it is told to."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments.sweeps.backends import backend, backends
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import poisson
from spiking_lmu.signals import white_noise
from spiking_lmu.simulators import Model, run_nengo

DT = 0.001


def test_known_backends():
    assert backends() == ("nengo", "nengo-dl", "loihi")
    assert backend("nengo").run is run_nengo
    assert backend("nengo-dl").shares_network


@pytest.mark.parametrize("name", ["nengodl", "", None, 3, ["nengo"]])
def test_unknown_backends_are_refused_with_the_known_ones(name):
    with pytest.raises(ValidationError, match="backend: .*'nengo', 'nengo-dl'"):
        backend(name)


@pytest.mark.parametrize("neuron_type", [nengo.LIF(), poisson()])
def test_loihi_feeds_inputs_and_gives_probes(neuron_type):
    with nengo.Network(seed=1) as network:
        stimulus = nengo.Node([0.0])
        memory = LegendreMemory(0.1, 4, 30, neuron_type=neuron_type, freq=10)
        nengo.Connection(stimulus, memory.input, synapse=None)
        probes = {"m": nengo.Probe(memory.output), "u": nengo.Probe(stimulus)}
    model = Model(network, stimulus, probes)
    us = [white_noise(0.5, DT, 10, 0.5, seed) for seed in (0, 1)]
    recordings = backend("loihi").run([model] * 2, us, DT, [0, 1])
    for recording, u in zip(recordings, us):
        np.testing.assert_array_equal(recording.data["u"][:, 0], u)
        assert recording.data["m"].shape == (500, 4)
        assert recording.build_seconds > 0 and recording.run_seconds > 0
        built = recording.parameters, recording.neuron_types
        assert len(memory.populations(*built)) == 4
    (again,) = backend("loihi").run([model], us[:1], DT, [0])
    np.testing.assert_array_equal(again.data["m"], recordings[0].data["m"])
