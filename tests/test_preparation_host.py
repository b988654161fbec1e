"""What a plan for Loihi leaves to the host."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from plan_cases import ORDER, check_system, make, number_of, stimulate
from spiking_lmu.hardware.preparation import prepare
from spiking_lmu.hardware.synapses import share_of_change

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
