"""One network on Nengo and on NengoDL."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.compatibility import require
from spiking_lmu.experiments.sweeps.backends import Model, run_nengo, run_nengo_dl
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.metrics import rmse
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import poisson
from spiking_lmu.signals import white_noise

THETA, ORDER, DT = 0.1, 4, 0.001


@pytest.fixture(autouse=True)
def nengo_dl():
    return require("nengo_dl")


def memory_model(neuron_type):
    with nengo.Network(seed=1) as network:
        stimulus = nengo.Node([0.0])
        memory = LegendreMemory(
            THETA, ORDER, 50, neuron_type=neuron_type, freq=1 / THETA
        )
        nengo.Connection(stimulus, memory.input, synapse=None)
        probe = nengo.Probe(memory.output, synapse=None)
    return Model(network, stimulus, {"m": probe}), memory


def inputs(n, duration):
    return [white_noise(duration, DT, 1 / THETA, 0.5, seed) for seed in range(n)]


@pytest.mark.parametrize("neuron_type", [nengo.LIFRate(), nengo.RectifiedLinear()])
def test_rates_are_equal(neuron_type):
    model, memory = memory_model(neuron_type)
    us = inputs(3, 0.5)
    ours = run_nengo([model] * 3, us, DT, [0] * 3)
    theirs = run_nengo_dl([model] * 3, us, DT, [0] * 3)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(b.data["m"], a.data["m"], rtol=0, atol=1e-4)
        assert b.data["m"].std() > 0.1
    for a, b in zip(
        memory.populations(ours[0].parameters), memory.populations(theirs[0].parameters)
    ):
        scale = np.abs(a.decoders).max()
        np.testing.assert_allclose(b.decoders, a.decoders, rtol=0, atol=1e-4 * scale)


def test_poisson_spikes_are_statistically_equal():
    """The same populations: the means of 12 inputs differ by what chance allows."""
    n = 12
    model, memory = memory_model(poisson())
    us = inputs(n, 1.5)
    skip = round((THETA + 0.5) / DT)
    step = discretize(*state_space(THETA, ORDER), DT)
    ideal = [simulate(*step, u) for u in us]

    def errors(recordings):
        return [rmse(r.data["m"][skip:], m[skip:]) for r, m in zip(recordings, ideal)]

    ours = run_nengo([model] * n, us, DT, range(n))
    theirs = run_nengo_dl([model] * n, us, DT, range(n))
    a, b = np.log(errors(ours)), np.log(errors(theirs))
    difference = a.mean() - b.mean()
    standard_error = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / n)
    assert standard_error < 0.06
    assert abs(difference) < 3.5 * standard_error
    # and spikes are drawn anew for each input of the minibatch
    noise = [r.data["m"] - m for r, m in zip(theirs, ideal)]
    correlations = np.corrcoef([e[skip:, 0] for e in noise])
    assert np.max(np.abs(correlations - np.eye(n))) < 0.8
    expected = memory.predict_rmse(ours[0].parameters)
    assert memory.predict_rmse(theirs[0].parameters) == pytest.approx(
        expected, rel=1e-3
    )


def test_other_steps_are_refused():
    model, _ = memory_model(nengo.LIFRate())
    with pytest.raises(ValidationError, match="dt: must be 0.001"):
        run_nengo_dl([model], inputs(1, 0.2), 2 * DT, [0])
