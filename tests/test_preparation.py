"""The plan of what goes on a chip: its weights make the same linear system."""

import nengo
import numpy as np
import pytest
from nengo.dists import Choice, Uniform
from nengo.ensemble import Neurons
from nengo.exceptions import ValidationError

from spiking_lmu.hardware.preparation import prepare
from spiking_lmu.hardware.stochastic import MAX_RATE, ChipPoisson
from spiking_lmu.hardware.synapses import share_of_change
from spiking_lmu.legendre import sampled_readout
from spiking_lmu.networks import LegendreMemory

THETA, ORDER, TAU, DT = 0.2, 3, 0.1, 0.001


def make(**kwargs):
    return LegendreMemory(
        THETA, ORDER, 20, **{"synapse": TAU, "freq": 1 / THETA, **kwargs}
    )


def stimulate(memory, **kwargs):
    stimulus = nengo.Node(np.zeros(memory.size_in))
    nengo.Connection(stimulus, memory.input, **{"synapse": None, **kwargs})
    return stimulus


def links_from(plan, sources, target, tau):
    """Transform (target.size_in, n) from ensembles of one dimension to a target."""
    matrix = np.zeros((target.size_in, len(sources)))
    for link in plan.links:
        if link.target == target and link.tau == tau and link.source.pre_obj in sources:
            matrix[:, [sources.index(link.source.pre_obj)]] += link.transform
    return matrix


def feeds_to(plan, memory, target, tau):
    matrix = np.zeros((target.size_in, memory.size_in))
    for feed in plan.feeds:
        if (feed.memory, feed.target, feed.tau) == (memory, target, tau):
            matrix += feed.transform
    return matrix


def system(plan, memory, tau=TAU):
    """Recurrent and input transform, as links and feeds make them."""
    pieces = [
        (links_from(plan, memory.ensembles, e, tau), feeds_to(plan, memory, e, tau))
        for e in memory.ensembles
    ]
    return [np.vstack(parts) for parts in zip(*pieces)]


def check_system(plan, memory, fed=1.0):
    """The transforms of the memory itself, but for what weights cannot tell apart."""
    recurrent, feed = memory.realization.transforms
    one = np.eye(memory.size_in)
    scale = np.tile(memory.realization.radii, memory.size_in)
    ours = system(plan, memory)
    np.testing.assert_allclose(
        ours[0] / scale[:, None] * scale,
        np.kron(one, recurrent) / scale[:, None] * scale,
        rtol=0,
        atol=1e-5,
    )
    np.testing.assert_allclose(ours[1], fed * np.kron(one, feed), rtol=1e-9, atol=1e-12)


def number_of(plan, target):
    return sum(part.target == target for part in [*plan.links, *plan.feeds])


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


# what stays on the host


def hears_two_synapses(way, times):
    """An ensemble that hears a memory and others through two synapses."""
    slow, fast = times
    with nengo.Network(seed=0) as network:
        memory = make()
        stimulate(memory)
        source, target = (nengo.Ensemble(20, 1, label=name) for name in "ab")
        nengo.Connection(memory.add_readout(0), target, synapse=slow)
        if way == "itself":
            nengo.Connection(target, target, synapse=fast)
        elif way == "neurons":
            weights = np.ones((20, 20)) / 1000
            nengo.Connection(
                source.neurons, target.neurons, transform=weights, synapse=fast
            )
        elif way == "node":
            node = nengo.Node(size_in=1)
            nengo.Connection(source.neurons[:1], node, synapse=fast)
            ones = np.ones((20, 1))
            nengo.Connection(node, target.neurons, transform=ones, synapse=None)
        else:
            nengo.Connection(nengo.Node(0), target, synapse=fast)
    return network, target


@pytest.mark.parametrize("way", ["itself", "neurons", "node", "host"])
def test_what_one_synapse_would_disturb_stays_on_the_host(way):
    network, target = hears_two_synapses(way, (0.1, 0.005))
    plan = prepare(network)
    assert target not in plan.chip
    (text,) = (t for t in plan.changes if "stays on the host" in t)
    assert "<Ensemble 'b'>" in text and "0.005, 0.1 s" in text
    # unless the user wants it so
    assert target in prepare(network, on_chip=[target]).chip


@pytest.mark.parametrize("way", ["itself", "neurons", "node", "host"])
def test_similar_synapses_are_of_the_chip(way):
    network, target = hears_two_synapses(way, (0.006, 0.005))
    assert target in prepare(network).chip


@pytest.mark.parametrize("tau", [0.001, 0.02, 0.3])
def test_what_a_lowpass_changes(tau):
    """By an integral in closed form, over a flat spectrum from 0 to f."""
    memory = make()
    omega = 2 * np.pi * memory.spectrum.edges[-1] * tau
    alone = np.sqrt(1 - np.arctan(omega) / omega)
    assert len(memory.spectrum.powers) == 1
    assert share_of_change(memory, (tau,), ()) == pytest.approx(alone, rel=1e-6)
    assert share_of_change(memory, (tau, 0.1), (0.1, tau)) == pytest.approx(0, abs=1e-9)


def test_off_chip_ensembles_are_of_the_host():
    with nengo.Network() as network:
        memory = make()
        source, reader = nengo.Ensemble(30, 1), nengo.Ensemble(30, ORDER)
        nengo.Connection(source, memory.input, synapse=nengo.Alpha(0.1))
        nengo.Connection(memory.output, reader, synapse=nengo.Alpha(0.1))
    plan = prepare(network, off_chip=[source, reader])
    check_system(plan, memory)
    assert plan.chip == memory.ensembles
    assert plan.removed.isdisjoint(memory.input.params) and not plan.parts
    kept = [c for c in network.all_connections if c not in plan.removed]
    assert {c.pre_obj for c in kept} >= {source, memory.output}


def test_a_memory_on_the_host_reads_and_is_read():
    """All that passes between host and chip is left to nengo-loihi."""
    with nengo.Network() as network:
        first, direct, last = make(), make(neuron_type=nengo.Direct()), make()
        stimulate(first)
        nengo.Connection(first.add_readout(0), direct.input, synapse=nengo.Alpha(0.1))
        nengo.Connection(direct.add_readout(0), last.input, synapse=None)
        reader = nengo.Ensemble(30, ORDER)
        nengo.Connection(direct.output, reader, synapse=nengo.Alpha(0.1))
    plan = prepare(network)
    check_system(plan, first)
    assert {f.memory for f in plan.feeds} == {first, last}
    assert not number_of(plan, reader)
    kept = [c for c in network.all_connections if c not in plan.removed]
    assert {c.post_obj for c in kept} >= {reader, direct.encoded, *direct.ensembles}


def test_direct_memories_stay_as_they_are():
    with nengo.Network() as network:
        memory = make(neuron_type=nengo.Direct())
        stimulate(memory)
        nengo.Probe(memory.output)
    plan = prepare(network)
    assert plan.chip == plan.links == plan.feeds == []
    kept = [c for c in network.all_connections if c not in plan.removed]
    assert kept == network.all_connections


def test_other_networks_need_no_plan():
    with nengo.Network() as network:
        one, two = nengo.Ensemble(30, 1), nengo.Ensemble(30, 1)
        hub = nengo.Node(size_in=1)
        nengo.Connection(one, hub)
        nengo.Connection(hub, two, synapse=nengo.Alpha(0.1))
    plan = prepare(network)
    assert not plan
    assert not (plan.links or plan.feeds or plan.removed or plan.added or plan.changes)


# what is refused


def test_loops_of_nodes_are_refused():
    with nengo.Network() as network:
        memory = make()
        hub, reader = nengo.Node(size_in=1), nengo.Ensemble(30, 1)
        nengo.Connection(hub, hub, synapse=0.1)
        nengo.Connection(memory.add_readout(0), hub)
        nengo.Connection(hub, reader, synapse=None)
    with pytest.raises(ValidationError, match="passes values on to itself.*function"):
        prepare(network)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"synapse": nengo.Alpha(0.1)}, "synapse.*must be a nengo.Lowpass or None"),
        ({"transform": nengo.Sparse((1, 1), indices=[(0, 0)])}, "must be an array"),
    ],
)
def test_what_weights_cannot_do_is_refused(arguments, message):
    with nengo.Network() as network:
        memory = make()
        source = nengo.Ensemble(30, 1)
        nengo.Connection(source, memory.input, **{"synapse": None, **arguments})
    with pytest.raises(ValidationError, match=message):
        prepare(network)


def test_what_learns_goes_by_the_host():
    with nengo.Network() as network:
        memory = make()
        source, teacher = nengo.Ensemble(30, 1), nengo.Ensemble(30, 1)
        learned = nengo.Connection(
            source, memory.input, learning_rule_type=nengo.PES(), synapse=None
        )
        nengo.Connection(memory.add_readout(0), teacher, synapse=0.01)
        nengo.Connection(teacher, learned.learning_rule)
        taught = nengo.Ensemble(30, 1)
        again = nengo.Connection(source, taught, learning_rule_type=nengo.PES())
        nengo.Connection(nengo.Node(0), again.learning_rule)
    plan = prepare(network)
    check_system(plan, memory)
    assert {source, *memory.ensembles} == set(plan.chip)
    assert not number_of(plan, teacher)
    assert plan.removed.isdisjoint({learned, again, memory.input})
    with network:
        nengo.Connection(source, memory.input, synapse=None)
    with pytest.raises(ValidationError, match="learns"):
        prepare(network)


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
