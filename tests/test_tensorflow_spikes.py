"""Coordinated spikes on NengoDL."""

import nengo
import numpy as np
import pytest
from nengo.builder.ensemble import get_activities

from spiking_lmu import (
    SystematicSpiking,
    coordinated,
    discretize,
    rmse,
    simulate,
    white_noise,
)
from spiking_lmu.compatibility import require
from spiking_lmu.experiments.sweeps.backends import Model, run_nengo, run_nengo_dl
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.signals import lowpass

pytestmark = pytest.mark.slow
DT, STEPS, ITEMS = 0.001, 400, 3


@pytest.fixture(scope="module")
def nengo_dl():
    return require("nengo_dl")


def populations():
    """Populations that NengoDL joins, of all shifts and of different heights."""
    kinds = [
        coordinated(), SystematicSpiking(nengo.LIFRate(), amplitude=0.5),
        coordinated("golden"), SystematicSpiking(nengo.Tanh(tau_ref=0.005), "golden"),
        coordinated("carry"),
    ]  # fmt: skip
    with nengo.Network(seed=0) as network:
        value = nengo.Node([0.4])
        ensembles = [
            nengo.Ensemble(
                40 + k, 1, neuron_type=kind, max_rates=nengo.dists.Uniform(50, 150)
            )
            for k, kind in enumerate(kinds)
        ]
        for ensemble in ensembles:
            nengo.Connection(value, ensemble, synapse=None)
        probes = [nengo.Probe(ensemble.neurons) for ensemble in ensembles]
    return network, ensembles, probes


def test_populations_of_each_item_share_out_their_spikes(nengo_dl):
    network, ensembles, probes = populations()
    with nengo_dl.Simulator(
        network, dt=DT, minibatch_size=ITEMS, seed=0, progress_bar=False
    ) as sim:
        sim.run_steps(STEPS)
    sums = []
    for ensemble, probe in zip(ensembles, probes):
        height = ensemble.neuron_type.amplitude
        spikes = sim.data[probe][:, 1:] * DT / height
        rates = get_activities(sim.data[ensemble], ensemble, [[0.4]])[0] / height
        np.testing.assert_allclose(spikes, spikes.round(), atol=1e-3)
        expected = rates.sum() * DT
        count = spikes.sum(axis=2).round()
        assert set(np.unique(count)) == {np.floor(expected), np.floor(expected) + 1}
        deviation = np.sqrt(np.abs(rates) * DT / (ITEMS * STEPS))
        means = spikes.mean(axis=(0, 1))
        assert np.all(np.abs(means - rates * DT) < 5 * deviation + 1e-6)
        sums.append(count)
    # U of each population of each item is its own
    sums = np.concatenate(sums)
    more = sums > sums.min(axis=1, keepdims=True)
    assert len(np.unique(more, axis=0)) == len(more)
    correlations = np.corrcoef(sums[: 2 * ITEMS])[np.triu_indices(2 * ITEMS, 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(STEPS)


def test_shifts_of_the_first_item_are_those_of_nengo(nengo_dl):
    network, _, probes = populations()
    with nengo.Simulator(network, dt=DT, progress_bar=False) as theirs:
        theirs.run_steps(20)
    with nengo_dl.Simulator(
        network, dt=DT, minibatch_size=ITEMS, progress_bar=False
    ) as sim:
        sim.run_steps(20)
    for probe in probes[2:]:
        found, expected = sim.data[probe], theirs.data[probe]
        # in 32 bits, a spike may go to the next neuron
        assert np.mean(np.abs(found[0] - expected) * DT > 0.5) < 0.01
        assert np.mean(np.abs(found[1] - expected) * DT > 0.5) > 0.02


def test_memories_err_as_on_nengo(nengo_dl):
    with nengo.Network(seed=1) as network:
        stimulus = nengo.Node([0.0])
        memory = LegendreMemory(
            *(0.1, 3, 200), synapse=0.02, neuron_type=coordinated(), freq=10, rms=0.5
        )
        nengo.Connection(stimulus, memory.input, synapse=None)
        model = Model(
            network, stimulus, {"m": nengo.Probe(memory.output, synapse=0.01)}
        )
    us = [white_noise(STEPS * DT, DT, 10, 0.5, seed) for seed in range(ITEMS)]
    system = discretize(memory.A, memory.B, DT)
    ideal = np.array([lowpass(simulate(*system, u), 0.01, DT) for u in us])[:, 150:]
    errors = [
        np.array([r.data["m"][150:] for r in run([model] * ITEMS, us, DT, [0] * ITEMS)])
        for run in (run_nengo, run_nengo_dl)
    ]
    theirs, ours = (rmse(states, ideal) for states in errors)
    assert ours == pytest.approx(theirs, rel=0.2)
    assert ours < 0.05 * ideal.std()


def test_training_differentiates_rates(nengo_dl):
    """A population learns to represent the square of its value, in spikes."""
    with nengo.Network(seed=0) as network:
        nengo_dl.configure_settings(trainable=None)
        value, output = nengo.Node([0.0]), nengo.Node(size_in=1)
        ensemble = nengo.Ensemble(100, 1, neuron_type=coordinated())
        network.config[ensemble.neurons].trainable = False
        network.config[ensemble].trainable = False
        nengo.Connection(value, ensemble, synapse=None)
        nengo.Connection(
            ensemble.neurons, output, transform=np.zeros((1, 100)), synapse=None
        )
        probe = nengo.Probe(output)
    x = np.linspace(-1, 1, 32)[:, None, None]
    tf = require("tensorflow")
    with nengo_dl.Simulator(network, minibatch_size=32, progress_bar=False) as sim:
        sim.compile(tf.optimizers.Adam(1e-4), loss="mse")
        sim.fit({value: x}, {probe: x**2}, epochs=300, verbose=0)
        shown = np.repeat(x, 300, axis=1)
        means = sim.predict({value: shown}, verbose=0)[probe][:, 1:].mean(axis=1)
    assert np.sqrt(np.mean((means - x[:, 0] ** 2) ** 2)) < 0.05
