"""The plan of what goes on a chip: its weights make the same linear system."""

import nengo
import numpy as np
import pytest
from nengo.dists import Uniform
from nengo.ensemble import Neurons

from plan_cases import (
    DT,
    ORDER,
    TAU,
    THETA,
    check_system,
    feeds_to,
    links_from,
    make,
    number_of,
    stimulate,
    system,
)
from spiking_lmu.hardware.preparation import prepare
from spiking_lmu.hardware.stochastic import ChipPoisson
from spiking_lmu.legendre import sampled_readout


def everything(network):
    """All objects of a network and of those in it, each with the values it has."""
    found = []
    for net in [network, *network.all_networks]:
        found += [net.label, net.seed]
        for obj in [o for objects in net.objects.values() for o in objects]:
            # a view that is made anew whenever one asks for it
            names = [n for n in dir(obj) if n[0] != "_" and n != "neurons"]
            found += [obj, *(repr(getattr(obj, n, None)) for n in names)]
    return found


# one memory


@pytest.mark.parametrize("coordinates", ["legendre", "balanced"])
@pytest.mark.parametrize("size_in", [1, 2])
def test_links_and_feeds_are_the_memory(coordinates, size_in):
    with nengo.Network() as network:
        memory = make(coordinates=coordinates, size_in=size_in)
        stimulate(memory)
    plan = prepare(network)
    check_system(plan, memory)
    assert plan and plan.memories == [memory]
    assert plan.chip == memory.ensembles
    assert plan.parts == {}
    assert {link.tau for link in plan.links} == {TAU}
    # all that an ensemble listens to is in the plan
    into = {c for c in network.all_connections if c.post_obj in memory.ensembles}
    assert into <= plan.removed


def test_a_memory_may_be_the_network():
    memory = make()
    plan = prepare(memory)
    assert plan.memories == [memory]
    np.testing.assert_allclose(
        system(plan, memory)[0], memory.realization.transforms[0], atol=1e-3
    )
    assert not plan.feeds  # nobody sends anything


def test_nodes_that_nobody_reads_are_left_out():
    with nengo.Network() as network:
        memory = make()
        stimulate(memory)
        unread = memory.add_readout(0.1)
        read = memory.add_readout(0.2)
        nengo.Probe(read)
    plan = prepare(network)
    assert unread in plan.removed and memory.output in plan.removed
    assert plan.removed.isdisjoint({read, memory.encoded, memory.input})


@pytest.mark.parametrize("nested", [1, 3])
def test_memories_deep_in_networks(nested):
    with nengo.Network() as network:
        inner = network
        for _ in range(nested):
            with inner:
                inner = nengo.Network()
        with inner:
            memory = make()
        stimulate(memory)
    check_system(prepare(network), memory)


# what feeds it


def test_an_ensemble_on_the_chip_feeds_it():
    with nengo.Network() as network:
        memory = make()
        source = nengo.Ensemble(30, 2)
        nengo.Connection(
            source, memory.input, function=np.prod, transform=2, synapse=0.001
        )
    plan = prepare(network)
    assert not plan.feeds
    link_of = {k.target: k for k in plan.links if k.source.pre_obj is source}
    feed = memory.realization.transforms[1]
    for ensemble, row in zip(memory.ensembles, feed):
        link = link_of[ensemble]
        np.testing.assert_allclose(link.transform, 2 * row[None])
        assert link.tau == TAU
        assert link.source.function is np.prod
    assert any("synapses of 0.001 s are omitted" in c for c in plan.changes)


def test_neurons_feed_it():
    with nengo.Network() as network:
        memory = make()
        source = nengo.Ensemble(4, 1)
        weights = np.arange(3.0)[None]
        nengo.Connection(
            source.neurons[1:], memory.input, transform=weights, synapse=None
        )
    plan = prepare(network)
    links = [k for k in plan.links if isinstance(k.source.pre_obj, Neurons)]
    assert len(links) == ORDER
    feed = memory.realization.transforms[1]
    np.testing.assert_allclose(
        np.vstack([k.transform for k in links]), feed @ weights, atol=1e-12
    )


@pytest.mark.parametrize("synapse", [None, 0.01, nengo.Alpha(0.02)])
def test_host_and_chip_feed_it_together(synapse):
    with nengo.Network() as network:
        memory = make()
        stimulus = stimulate(memory, transform=3, synapse=synapse)
        source = nengo.Ensemble(30, 1)
        nengo.Connection(source, memory.input, synapse=None)
    plan = prepare(network)
    check_system(plan, memory)
    part = plan.parts[memory]
    (added,) = [c for c in plan.added if c.post_obj is part]
    assert added.pre_obj is stimulus
    assert added.synapse == (
        nengo.Lowpass(synapse) if isinstance(synapse, float) else synapse
    )
    np.testing.assert_allclose(np.squeeze(added.transform.sample()), 3)
    fed = [k for k in plan.links if k.source.pre_obj is source]
    assert len(fed) == ORDER


@pytest.mark.parametrize("synapse", [nengo.Alpha(0.02), nengo.LinearFilter([1], [1])])
def test_the_host_may_filter_as_it_likes(synapse):
    with nengo.Network() as network:
        memory = make()
        stimulate(memory, synapse=synapse)
    plan = prepare(network)
    check_system(plan, memory)
    assert not plan.parts


def test_the_host_may_keep_loops_and_random_transforms():
    with nengo.Network() as network:
        memory = make()
        integrator = nengo.Node(size_in=1)
        nengo.Connection(integrator, integrator, synapse=0.1)
        nengo.Connection(
            nengo.Node([0, 0]), integrator, transform=Uniform(-1, 1), synapse=None
        )
        nengo.Connection(integrator, memory.input, synapse=None)
    plan = prepare(network)
    check_system(plan, memory)
    assert integrator not in plan.removed


def test_passthrough_nodes_of_the_user():
    with nengo.Network() as network:
        memory = make(size_in=2)
        first, second = nengo.Node(size_in=3), nengo.Node(size_in=2)
        source = nengo.Ensemble(30, 2)
        one, two = np.arange(6.0).reshape(3, 2), np.arange(4.0).reshape(2, 2) + 1
        nengo.Connection(source, first, transform=one, synapse=None)
        nengo.Connection(first[[2, 0]], second, transform=two, synapse=None)
        nengo.Connection(second[0], memory.input[1], transform=5, synapse=None)
    plan = prepare(network)
    _, feed = memory.realization.transforms
    wanted = 5 * feed @ (two @ one[[2, 0]])[:1]
    links = [k for k in plan.links if k.source.pre_obj is source]
    assert {k.target for k in links} == set(memory.ensembles[ORDER:])
    np.testing.assert_allclose(np.vstack([k.transform for k in links]), wanted)
    assert {first, second} <= plan.removed


def test_a_passthrough_node_fans_in():
    with nengo.Network() as network:
        memory = make()
        hub = nengo.Node(size_in=1)
        sources = [nengo.Ensemble(30, 1) for _ in range(2)]
        for source in sources:
            nengo.Connection(source, hub, synapse=None)
        stimulus = nengo.Node(0)
        nengo.Connection(stimulus, hub, transform=0.5)
        nengo.Connection(hub, memory.input, synapse=None)
    plan = prepare(network)
    check_system(plan, memory)
    feed = memory.realization.transforms[1]
    for source in sources:
        fed = [links_from(plan, [source], e, TAU) for e in memory.ensembles]
        np.testing.assert_allclose(np.vstack(fed), feed)
    (added,) = [c for c in plan.added if c.post_obj is plan.parts[memory]]
    assert added.pre_obj is stimulus
    np.testing.assert_allclose(np.squeeze(added.transform.sample()), 0.5)


def test_the_same_ensemble_twice_is_one_link():
    with nengo.Network() as network:
        memory = make()
        source = nengo.Ensemble(30, 1)
        connection = nengo.Connection(source, memory.input, synapse=None)
        nengo.Connection(source, memory.input, transform=2, synapse=None)
    plan = prepare(network)
    fed = [links_from(plan, [source], e, TAU) for e in memory.ensembles]
    np.testing.assert_allclose(np.vstack(fed), 3 * memory.realization.transforms[1])
    assert connection.pre_obj is source


# what reads it


@pytest.mark.parametrize("size_in", [1, 2])
def test_synapses_of_readers_replace_the_recurrent_one(size_in):
    """What is decoded is the state already: no second synapse, no recurrence."""
    with nengo.Network() as network:
        memory = make(size_in=size_in)
        stimulate(memory)
        delays = [0.0, THETA / 2]
        window = memory.add_readout(delays)
        reader = nengo.Ensemble(50, window.size_out)
        state = nengo.Ensemble(50, memory.output.size_out)
        nengo.Connection(window, reader, synapse=0.02)
        nengo.Connection(memory.output, state, transform=2, synapse=0.03)
    plan = prepare(network)
    T, one = memory.realization.T, np.eye(size_in)
    C = sampled_readout(THETA, ORDER, DT, delays)
    for target, tau, wanted in [(reader, 0.02, C @ T), (state, 0.03, 2 * T)]:
        np.testing.assert_allclose(
            links_from(plan, memory.ensembles, target, tau),
            np.kron(one, wanted),
            atol=1e-4,
        )
        assert number_of(plan, target) == len(memory.ensembles)
    check_system(plan, memory)


def test_readers_without_a_synapse_hear_the_recurrence():
    with nengo.Network() as network:
        memory = make()
        stimulate(memory)
        state = nengo.Ensemble(50, ORDER)
        nengo.Connection(memory.output, state, synapse=None)
    plan = prepare(network)
    T = memory.realization.T
    recurrent, feed = memory.realization.transforms
    np.testing.assert_allclose(
        links_from(plan, memory.ensembles, state, TAU), T @ recurrent, atol=1e-4
    )
    np.testing.assert_allclose(feeds_to(plan, memory, state, TAU), T @ feed)


def test_neurons_read_it():
    with nengo.Network() as network:
        memory = make()
        stimulate(memory)
        reader = nengo.Ensemble(5, 1)
        weights = np.arange(5.0 * ORDER).reshape(5, ORDER)
        nengo.Connection(memory.output, reader.neurons, transform=weights, synapse=0.02)
    plan = prepare(network)
    ours = links_from(plan, memory.ensembles, reader.neurons, 0.02)
    np.testing.assert_allclose(ours, weights @ memory.realization.T)


def test_functions_of_the_window_have_an_ensemble_on_the_chip():
    with nengo.Network() as network:
        memory = make()
        stimulate(memory)
        delays = [0, THETA / 2]
        output = memory.add_output(np.prod, delays)
        nengo.Probe(output)
    plan = prepare(network)
    window = plan.chip[-1]
    assert window not in memory.ensembles and window.dimensions == 2
    C = sampled_readout(THETA, ORDER, DT, delays) @ memory.realization.T
    recurrent, feed = memory.realization.transforms
    np.testing.assert_allclose(
        links_from(plan, memory.ensembles, window, TAU), C @ recurrent, atol=1e-4
    )
    np.testing.assert_allclose(feeds_to(plan, memory, window, TAU), C @ feed)
    assert output not in plan.removed


@pytest.mark.parametrize("synapse", [None, 0.001])
def test_memories_in_a_chain(synapse):
    with nengo.Network() as network:
        first, second = make(), make(coordinates="legendre")
        stimulate(first)
        nengo.Connection(first.add_readout(THETA), second.input, synapse=synapse)
    plan = prepare(network)
    check_system(plan, first)
    np.testing.assert_allclose(
        system(plan, second)[0], second.realization.transforms[0], atol=1e-3
    )
    assert {feed.memory for feed in plan.feeds} == {first}
    C = sampled_readout(THETA, ORDER, DT, [THETA]) @ first.realization.T
    wanted = second.realization.transforms[1] @ C
    for ensemble, row in zip(second.ensembles, wanted):
        ours = links_from(plan, first.ensembles, ensemble, TAU)
        np.testing.assert_allclose(ours, row[None], atol=1e-4)


def test_what_one_memory_gives_and_the_host_sends_add_up():
    with nengo.Network() as network:
        first, second = make(), make()
        stimulate(first)
        stimulus = stimulate(second)
        nengo.Connection(first.add_readout(0), second.input, synapse=None)
    plan = prepare(network)
    check_system(plan, second)
    assert set(plan.parts) == {second}
    (added,) = [c for c in plan.added if c.post_obj is plan.parts[second]]
    assert added.pre_obj is stimulus


def test_a_memory_may_hear_itself():
    """A readout that is fed back is more recurrence."""
    with nengo.Network() as network:
        memory = make()
        window = memory.add_readout(THETA)
        nengo.Connection(window, memory.input, transform=0.5, synapse=None)
        stimulate(memory)
    plan = prepare(network)
    recurrent, feed = memory.realization.transforms
    C = sampled_readout(THETA, ORDER, DT, [THETA]) @ memory.realization.T
    ours = system(plan, memory)
    np.testing.assert_allclose(ours[0], recurrent + 0.5 * feed @ C, atol=1e-3)
    np.testing.assert_allclose(ours[1], feed)


def test_neurons_of_the_chip_need_a_plan():
    """nengo-loihi does not know them."""
    with nengo.Network() as network:
        nengo.Ensemble(10, 1, neuron_type=ChipPoisson(), max_rates=Uniform(100, 180))
    plan = prepare(network)
    assert plan and not plan.stand_ins


# and the user's network


def test_the_network_is_left_as_it_is():
    with nengo.Network(seed=3) as network:
        memory = make(size_in=2)
        stimulate(memory)
        source = nengo.Ensemble(30, 1)
        nengo.Connection(source, memory.input[0], synapse=None)
        with nengo.Network():
            second = make()
        nengo.Connection(memory.add_readout(0.1)[0], second.input, synapse=0.01)
        nengo.Probe(second.add_output(np.prod, [0, 0.1]))
    before = everything(network)
    prepare(network)
    assert everything(network) == before
