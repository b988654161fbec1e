"""Backends by name; each runs what it is told to, and equal seeds give equal runs."""

import sys

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments.sweeps.backends import (
    Model,
    backend,
    backends,
    run_nengo,
    run_nengo_dl,
)
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
    return Model(network, stimulus, probes), memory


def inputs(n, duration=0.5):
    return [white_noise(duration, DT, 1 / THETA, 0.5, seed) for seed in range(n)]


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
    (model, memory), us = memory_model(neuron_type), inputs(2)
    recordings = backend("loihi").run([model] * 2, us, DT, [0, 1])
    for recording, u in zip(recordings, us):
        np.testing.assert_array_equal(recording.data["u"][:, 0], u)
        assert recording.data["m"].shape == (500, 4)
        assert recording.build_seconds > 0 and recording.run_seconds > 0
        built = recording.parameters, recording.neuron_types
        assert len(memory.populations(*built)) == 4
    (again,) = backend("loihi").run([model], us[:1], DT, [0])
    np.testing.assert_array_equal(again.data["m"], recordings[0].data["m"])
    np.testing.assert_array_equal(model.stimulus.output, [0.0])


def test_run_nengo_feeds_inputs_and_gives_probes():
    (model, memory), us = memory_model(), inputs(2)
    first, second = run_nengo([model] * 2, us, DT, [0, 1])
    for recording, u in zip((first, second), us):
        np.testing.assert_array_equal(recording.data["u"][:, 0], u)
        assert recording.data["m"].shape == (500, 4)
        assert recording.build_seconds > 0 and recording.run_seconds > 0
    assert memory.predict_rmse(first.parameters) > 0
    (again,) = run_nengo([model], us[:1], DT, [0])
    np.testing.assert_array_equal(again.data["m"], first.data["m"])


def test_equal_seeds_give_equal_spikes_in_another_network():
    """To the last bit: sweeps must give the same numbers when they go on."""
    (u,) = inputs(1)
    ones, others = (run_nengo([memory_model()[0]], [u], DT, [0])[0] for _ in range(2))
    np.testing.assert_array_equal(ones.data["m"], others.data["m"])


def test_missing_packages_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nengo_dl", None)
    model, _ = memory_model()
    with pytest.raises(
        ValidationError, match=r"nengo_dl.*pip install 'spiking-lmu\[dl\]'"
    ):
        run_nengo_dl([model], inputs(1), DT, [0])


@pytest.mark.parametrize("name", backends())
def test_a_run_that_fails_leaves_the_network_as_it_was(name):
    for package in backend(name).packages:
        pytest.importorskip(package.replace("-", "_"))
    model, _ = memory_model()
    with model.network:
        nengo.Node(lambda t: 1 / (t < 0.1))
    with pytest.raises(Exception, match="division"):
        backend(name).run([model], inputs(1), DT, [0])
    np.testing.assert_array_equal(model.stimulus.output, [0.0])
