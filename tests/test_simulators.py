"""That Nengo runs what it is told to, and equal seeds give equal runs."""

import sys

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu import simulators
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import poisson
from spiking_lmu.signals import white_noise

THETA, DT = 0.1, 0.001


def memory_model(neuron_type=None):
    with nengo.Network(seed=1) as network:
        stimulus = nengo.Node([0.0])
        memory = LegendreMemory(
            THETA, 4, 30, neuron_type=neuron_type or poisson(), freq=1 / THETA
        )
        nengo.Connection(stimulus, memory.input, synapse=None)
        probes = {
            "m": nengo.Probe(memory.output, synapse=None),
            "u": nengo.Probe(stimulus),
        }
    return simulators.Model(network, stimulus, probes), memory


def inputs(n, duration=0.5):
    return [white_noise(duration, DT, 1 / THETA, 0.5, seed) for seed in range(n)]


def test_run_nengo_feeds_inputs_and_gives_probes():
    (model, memory), us = memory_model(), inputs(2)
    first, second = simulators.run_nengo([model] * 2, us, DT, [0, 1])
    for recording, u in zip((first, second), us):
        np.testing.assert_array_equal(recording.data["u"][:, 0], u)
        assert recording.data["m"].shape == (500, 4)
        assert recording.build_seconds > 0 and recording.run_seconds > 0
    assert memory.predict_rmse(first.parameters) > 0
    (again,) = simulators.run_nengo([model], us[:1], DT, [0])
    np.testing.assert_array_equal(again.data["m"], first.data["m"])


def test_equal_seeds_give_equal_spikes_in_another_network():
    """To the last bit: sweeps must give the same numbers when they go on."""
    (u,) = inputs(1)
    ones, others = (
        simulators.run_nengo([memory_model()[0]], [u], DT, [0])[0] for _ in range(2)
    )
    np.testing.assert_array_equal(ones.data["m"], others.data["m"])


def test_missing_packages_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nengo_dl", None)
    model, _ = memory_model()
    with pytest.raises(
        ValidationError, match=r"nengo_dl.*pip install 'spiking-lmu\[dl\]'"
    ):
        simulators.run_nengo_dl([model], inputs(1), DT, [0])


def test_a_network_that_nengo_dl_refuses_leaves_the_precision():
    from spiking_lmu import training

    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node([0.0])
        memory = LegendreMemory(theta=0.1, order=2, n_neurons=10, dt=0.002)
        nengo.Connection(stimulus, memory.input, synapse=None)
        nengo.Probe(memory.output)
    bits = nengo.rc.get("precision", "bits")
    with pytest.raises(ValidationError, match="dt"):
        training.predict(network, np.zeros((1, 5, 1)), dt=0.001)
    assert nengo.rc.get("precision", "bits") == bits
