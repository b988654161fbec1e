"""Backends by name; each runs what it is told to, and equal seeds give equal runs."""

import sys

import nengo
import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments.precision.trials import make_tasks, run_task
from spiking_lmu.experiments.sweeps.backends import (
    SIMULATORS,
    Model,
    backend,
    backends,
    run_compiled,
    run_nengo,
    run_nengo_dl,
)
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import neuron_type, poisson
from spiking_lmu.signals import white_noise

THETA, DT = 0.1, 0.001


def memory_model(neurons=None):
    with nengo.Network(seed=1) as network:
        stimulus = nengo.Node([0.0])
        memory = LegendreMemory(
            THETA, 4, 30, neuron_type=neurons or poisson(), freq=1 / THETA
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
    assert backends() == ("compiled", "nengo", "nengo-dl", "loihi")
    assert backend("compiled").run is run_compiled
    assert backend("nengo").run is run_nengo
    assert backend("nengo-dl").shares_network


@pytest.mark.parametrize("name", ["nengodl", "", None, 3, ["nengo"]])
def test_unknown_backends_are_refused_with_the_known_ones(name):
    with pytest.raises(ValidationError, match="backend: .*'compiled', 'nengo'"):
        backend(name)


@pytest.mark.parametrize("neurons", [nengo.LIF(), poisson()])
def test_loihi_feeds_inputs_and_gives_probes(neurons):
    (model, memory), us = memory_model(neurons), inputs(2)
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


@pytest.mark.parametrize("run", [run_compiled, run_nengo])
def test_inputs_are_fed_and_probes_are_given(run):
    (model, memory), us = memory_model(), inputs(2)
    first, second = run([model] * 2, us, DT, [0, 1])
    for recording, u in zip((first, second), us):
        np.testing.assert_array_equal(recording.data["u"][:, 0], u)
        assert recording.data["m"].shape == (500, 4)
        assert recording.build_seconds > 0 and recording.run_seconds > 0
    assert memory.predict_rmse(first.parameters) > 0
    (again,) = run([model], us[:1], DT, [0])
    np.testing.assert_array_equal(again.data["m"], first.data["m"])
    assert np.abs(second.data["m"] - first.data["m"]).max() > 0.1


@pytest.mark.parametrize("run", [run_compiled, run_nengo])
def test_equal_seeds_give_equal_spikes_in_another_network(run):
    """To the last bit: sweeps must give the same numbers when they go on."""
    (u,) = inputs(1)
    ones, others = (run([memory_model()[0]], [u], DT, [0])[0] for _ in range(2))
    np.testing.assert_array_equal(ones.data["m"], others.data["m"])


@pytest.mark.parametrize("kind", ["lif", "relu", "rate"])
def test_compiled_neurons_without_noise_are_those_of_nengo(kind):
    (u,) = inputs(1)
    model, memory = memory_model(neuron_type(kind))
    with model.network:
        every = [nengo.Probe(ensemble.neurons) for ensemble in memory.ensembles]
    model.probes.update(enumerate(every))
    (ours,), (theirs,) = (
        run([model], [u], DT, [3]) for run in (run_compiled, run_nengo)
    )
    for name, expected in theirs.data.items():
        atol = 1e-9 * np.abs(expected).max()
        np.testing.assert_allclose(ours.data[name], expected, rtol=0, atol=atol)
    assert theirs.data["m"].std() > 0.05


@pytest.mark.slow
def test_compiled_poisson_neurons_err_as_those_of_nengo():
    """Thirty networks: the mean ratio of errors is 1 within what chance allows."""
    tasks = make_tasks(
        orders=(3,),
        neurons=(20,),
        thetas=(0.05,),
        synapses=(0.02,),
        neuron_types=("poisson",),
        designs=("balanced/optimal",),
        duration=0.3,
        trials=30,
    )
    tasks = [{**task, "backend": name} for task in tasks for name in SIMULATORS]
    frame = pd.DataFrame([row for task in tasks for row in run_task(task)])
    errors = frame.pivot(index="seed", columns="backend", values="rmse")
    ratios = np.log(errors["compiled"] / errors["nengo"])
    standard_error = ratios.std() / np.sqrt(len(ratios))
    assert len(ratios) == 30 and 0 < standard_error < 0.05
    assert abs(ratios.mean()) < 3.5 * standard_error
    rates = frame.groupby("backend")["spikes_per_second"].mean()
    assert rates["compiled"] == pytest.approx(rates["nengo"], rel=0.02)


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
