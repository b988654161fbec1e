"""Ensembles of the chip's own random neurons, in place of Poisson neurons."""

import nengo
import numpy as np
import pytest
from nengo.dists import Choice, Uniform
from nengo.exceptions import ValidationError

from spiking_lmu.hardware.preparation import prepare
from spiking_lmu.hardware.stochastic import MAX_RATE, ChipPoisson


def test_poisson_neurons_do_not_learn():
    with nengo.Network() as network:
        pre = nengo.Ensemble(30, 1, neuron_type=nengo.PoissonSpiking(nengo.LIFRate()))
        post = nengo.Node(size_in=1)
        learned = nengo.Connection(pre, post, learning_rule_type=nengo.PES())
        nengo.Connection(nengo.Node(0), learned.learning_rule)
    with pytest.raises(ValidationError, match="learns.*choose nengo.LIF"):
        prepare(network)


# neurons that the chip does not have


def poisson_ensemble(**kwargs):
    return nengo.Ensemble(
        10, 1, neuron_type=nengo.PoissonSpiking(nengo.LIFRate()), **kwargs
    )


@pytest.mark.parametrize(
    "max_rates, lowest, highest",
    [
        (Uniform(200, 400), 90, 180),
        (Uniform(50, 100), 50, 100),
        (Choice([400]), MAX_RATE, MAX_RATE),
        (Choice([40]), 40, 40),
        (np.linspace(100, 360, 10), 50, 180),
        (np.linspace(10, 100, 10), 10, 100),
    ],
)
def test_stand_ins_fire_as_fast_as_they_can(max_rates, lowest, highest):
    with nengo.Network() as network:
        ensemble = poisson_ensemble(max_rates=max_rates, radius=2, label="p", seed=3)
    plan = prepare(network)
    assert plan
    stand_in = plan.stand_ins[ensemble]
    assert isinstance(stand_in.neuron_type, ChipPoisson)
    rates = stand_in.max_rates
    if isinstance(rates, Uniform):
        rates = np.array([rates.low, rates.high])
    assert (rates.min(), rates.max()) == pytest.approx((lowest, highest))
    for name in ("n_neurons", "dimensions", "radius", "label", "seed"):
        assert getattr(stand_in, name) == getattr(ensemble, name)
    assert plan.on_chip(ensemble) is stand_in
    assert plan.on_chip(ensemble.neurons) == stand_in.neurons
    assert any("1 ensembles of 10 Poisson neurons" in c for c in plan.changes)


def test_stand_ins_have_the_tuning_that_gains_and_biases_give():
    neurons = nengo.LIFRate()
    wanted = np.linspace(50, 350, 10), np.linspace(-0.9, 0.9, 10)
    gain, bias = neurons.gain_bias(*wanted)
    with nengo.Network() as network:
        ensemble = poisson_ensemble(gain=gain, bias=bias)
    stand_in = prepare(network).stand_ins[ensemble]
    np.testing.assert_allclose(stand_in.max_rates, wanted[0] * MAX_RATE / 350)
    np.testing.assert_allclose(stand_in.intercepts, wanted[1])


@pytest.mark.parametrize("given", [Uniform(40, 100), Choice([100])])
@pytest.mark.parametrize("beneath, highest", [(0.3, 30), (3, 180)])
def test_stand_ins_fire_as_fast_as_the_amplitude_beneath_says(given, beneath, highest):
    kind = nengo.PoissonSpiking(nengo.LIFRate(amplitude=beneath), amplitude=0.1)
    with nengo.Network() as network:
        ensemble = nengo.Ensemble(10, 1, neuron_type=kind, max_rates=given)
        count = nengo.Node(size_in=10)
        nengo.Connection(ensemble.neurons, count)
    stand_in = prepare(network).stand_ins[ensemble]
    rates = stand_in.max_rates
    high = rates.high if isinstance(rates, Uniform) else rates.max()
    assert high == pytest.approx(highest)
    # and, where they are read, each of their spikes counts for those that are missing
    spikes = stand_in.neuron_type.amplitude * high
    assert spikes == pytest.approx(0.1 * 100 * beneath)
    assert stand_in.neuron_type.rate_height * high == pytest.approx(100 * beneath)


def test_noise_of_ensembles_is_not_forgotten():
    noise = nengo.processes.WhiteNoise()
    with nengo.Network() as network:
        ensemble = poisson_ensemble(noise=noise)
    assert prepare(network).stand_ins[ensemble].noise is noise


def test_connections_lead_to_stand_ins():
    with nengo.Network() as network:
        poisson, other = poisson_ensemble(), nengo.Ensemble(10, 1)
        there = nengo.Connection(other, poisson, synapse=0.01, transform=2, seed=1)
        node = nengo.Node(size_in=6)
        back = nengo.Connection(poisson.neurons[:3], node[2:5], label="back")
        self_ = nengo.Connection(poisson, poisson, function=np.square)
        apart = nengo.Connection(other, other)
    plan = prepare(network)
    stand_in = plan.stand_ins[poisson]
    assert set(plan.replaced) == {there, back, self_} == plan.removed
    assert plan.added == list(plan.replaced.values())
    assert plan.redirect(apart) is apart
    new = plan.replaced[there]
    assert (new.pre, new.post) == (other, stand_in)
    assert (new.synapse, new.seed) == (there.synapse, 1)
    assert new.transform == there.transform
    new = plan.replaced[back]
    assert new.pre_obj == stand_in.neurons and new.pre_slice == slice(None, 3)
    assert new.post_obj is node and new.post_slice == slice(2, 5)
    new = plan.replaced[self_]
    assert new.pre_obj is new.post_obj is stand_in and new.function is np.square


def test_off_chip_ensembles_need_no_stand_ins():
    with nengo.Network() as network:
        ensemble = poisson_ensemble()
    plan = prepare(network, off_chip=[ensemble])
    assert not plan and not plan.stand_ins
