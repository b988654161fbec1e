"""The parallel form: what is linear and fixed, found and computed at once."""

import nengo
import numpy as np
import pytest

from spiking_lmu.compatibility import require
from spiking_lmu.networks import LMU, LegendreMemory
from spiking_lmu.training.parallel import NotParallel, split, trainable_objects

DT = 0.001


def network(build, size=2):
    with nengo.Network(seed=0) as net:
        net.stimulus = nengo.Node(np.zeros(size))
        net.out = nengo.Node(size_in=1)
        build(net)
        net.probe = nengo.Probe(net.out)
    return net


def fixed(net, pre, post, **kwargs):
    from spiking_lmu.training.parallel import configure_training

    configure_training(net)
    connection = nengo.Connection(pre, post, **kwargs)
    net.config[connection].trainable = False
    return connection


def cut_of(net):
    return split(net, [net.stimulus], [net.probe], trainable_objects(net))


def tanh(net, n=3):
    hidden = nengo.Ensemble(
        n, 1, gain=np.ones(n), bias=np.zeros(n), neuron_type=nengo.Tanh(tau_ref=1)
    )
    nengo.Connection(hidden.neurons, net.out, transform=np.ones((1, n)), synapse=None)
    return hidden


def simulated(net, x, node):
    """What the node gives, by Nengo."""
    with net:
        probe = nengo.Probe(node)
    net.stimulus.output = nengo.processes.PresentInput(x, DT)
    with nengo.Simulator(net, dt=DT, progress_bar=False) as sim:
        sim.run_steps(len(x))
        return sim.data[probe]


@pytest.mark.parametrize("synapse", [None, 0, 0.01, nengo.Alpha(0.02)])
def test_responses_are_those_of_nengo(synapse):
    def build(net):
        net.state = nengo.Node(size_in=3)
        rng = np.random.default_rng(0)
        into = rng.normal(size=(3, 2))
        fixed(net, net.stimulus, net.state, transform=into, synapse=synapse)
        loop = 0.9 * np.linalg.qr(rng.normal(size=(3, 3)))[0]
        fixed(net, net.state, net.state, transform=loop, synapse=0)
        constant = nengo.Node([0.5])
        fixed(net, constant, net.state, transform=[[1.0], [0.0], [2.0]], synapse=0)
        hidden = tanh(net)
        nengo.Connection(net.state, hidden.neurons, synapse=None)

    net = network(build)
    cut = cut_of(net)
    assert cut.frontier == [net.state]
    x = np.random.default_rng(1).normal(size=(4, 30, 2))
    responses = cut.responses(30, DT)
    every = responses.all(net.state, {net.stimulus: x})
    last = responses.last(net.state, {net.stimulus: x})
    np.testing.assert_allclose(last, every[:, -1], atol=1e-12)
    expected = simulated(net, x[2], net.state)
    np.testing.assert_allclose(every[2], expected, atol=1e-12)


def test_a_unit_ends_at_its_memory():
    def build(net):
        net.lmu = LMU(4, 5, 0.02, size_in=2, dt=DT, e_x=[1, 2], e_h=None, W_h=None)
        net.lmu.config[net.lmu.weights["e_x"]].trainable = False
        fixed(net, net.stimulus, net.lmu.input, synapse=None)
        nengo.Connection(net.lmu.output, net.out, transform=np.ones((1, 4)))

    net = network(build)
    with pytest.raises(NotParallel, match="synapse"):
        cut_of(net)  # e_m lets the memory hear itself, through zeros that learn
    net.lmu.config[net.lmu.weights["e_m"]].trainable = False
    for connection in net.connections:
        connection.synapse = None
    cut = cut_of(net)
    assert set(cut.frontier) == {net.lmu.input, net.lmu.state}


def changed(kind):
    def build(net):
        state = nengo.Node(size_in=2)
        fixed(net, net.stimulus, state, synapse=None)
        source = state
        neurons = nengo.Tanh(tau_ref=1)
        if kind == "spikes":
            neurons = nengo.LIF()
        if kind == "adaptation":
            neurons = nengo.AdaptiveLIFRate()
        if kind == "function":
            source = nengo.Node(lambda t, x: x * t, size_in=2)
            nengo.Connection(state, source, synapse=None)
        hidden = nengo.Ensemble(
            2, 1, gain=np.ones(2), bias=np.zeros(2), neuron_type=neurons
        )
        synapse = 0.01 if kind == "synapse" else None
        nengo.Connection(source, hidden.neurons, synapse=synapse)
        if kind == "clock":
            nengo.Connection(nengo.Node(np.sin), hidden.neurons[0], synapse=None)
        if kind == "recurrence":
            nengo.Connection(hidden.neurons, hidden.neurons, synapse=0)
        if kind == "memory":
            memory = LegendreMemory(0.1, 3, 20)
            nengo.Connection(hidden.neurons[0], memory.input, synapse=None)
            nengo.Connection(memory.output[0], net.out, synapse=None)
        nengo.Connection(
            hidden.neurons, net.out, transform=np.ones((1, 2)), synapse=None
        )

    return network(build)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("spikes", "have a state"),
        ("adaptation", "have a state"),
        ("function", "output of its own"),
        ("synapse", "has a synapse"),
        ("clock", "output of its own"),
        ("recurrence", "has a synapse"),
        ("memory", "have a state"),
    ],
)
def test_what_has_a_memory_of_its_own_is_refused(kind, reason):
    with pytest.raises(NotParallel, match=reason):
        cut_of(changed(kind))


def test_a_filter_of_the_probe_is_refused():
    net = changed(None)
    net.probe.synapse = nengo.Lowpass(0.1)
    with pytest.raises(NotParallel, match="probe"):
        cut_of(net)


def test_what_does_not_lead_to_the_probe_does_not_matter():
    net = changed(None)
    with net:
        aside = nengo.Ensemble(20, 2)
        nengo.Connection(net.stimulus, aside)
    cut = cut_of(net)
    assert aside not in cut.behind


def test_trainable_objects_are_those_of_nengo_dl():
    nengo_dl = require("nengo_dl")

    def build(net):
        nengo_dl.configure_settings(trainable=None)
        net.lmu = LMU(4, 3, 0.02, size_in=2, dt=DT)
        net.ensemble = nengo.Ensemble(5, 1, neuron_type=nengo.RectifiedLinear())
        nengo.Connection(net.stimulus[0], net.ensemble, synapse=None)
        net.decoded = nengo.Connection(net.ensemble, net.out, synapse=None)
        net.config[net.decoded].trainable = False
        nengo.Connection(net.lmu.output, net.out, transform=np.ones((1, 4)))

    net = network(build)
    with nengo_dl.Simulator(net, dt=DT, progress_bar=False) as sim:
        theirs = {
            obj
            for obj in [*net.all_ensembles, *net.all_connections]
            for name in ("encoders", "weights")
            if getattr(sim.model.sig[obj].get(name), "trainable", None)
        }
        neurons = [e.neurons for e in net.all_ensembles]
        theirs |= {n for n in neurons if sim.model.sig[n]["bias"].trainable}
    assert set(trainable_objects(net)) == theirs
