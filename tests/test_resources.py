"""What a network takes of the chip: the counts before it is built, and after."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.hardware import resources as counting
from spiking_lmu.hardware.preparation import prepare
from spiking_lmu.hardware.resources import (
    COMPARTMENTS,
    CORES,
    IN_AXONS,
    OUT_AXONS,
    SYNAPSE_BITS,
    resources,
)
from spiking_lmu.networks import LegendreMemory

THETA = 0.2


def memory_network(order=3, n_neurons=20, size_in=1, **kwargs):
    with nengo.Network(seed=0) as network:
        memory = LegendreMemory(
            THETA, order, n_neurons, freq=1 / THETA, size_in=size_in, **kwargs
        )
        stimulus = nengo.Node(np.zeros(size_in))
        nengo.Connection(stimulus, memory.input, synapse=None)
        nengo.Probe(memory.output)
    return network, memory


def fed_by_an_ensemble():
    network, memory = memory_network()
    with network:
        source = nengo.Ensemble(60, 1, label="source")
        nengo.Connection(nengo.Node(0), source)
        nengo.Connection(source, memory.input, synapse=None)
        reader = nengo.Ensemble(70, 2, label="reader")
        nengo.Connection(memory.add_readout([0, THETA]), reader, synapse=0.02)
        nengo.Probe(memory.add_output(np.prod, [0, THETA]))
    return network


def with_neurons_and_decoders():
    """All other ways in which connections reach the chip."""
    network, _ = memory_network()
    weights = nengo.solvers.LstsqL2(weights=True)
    with network:
        one, two, three = (nengo.Ensemble(n, 2, label=str(n)) for n in (30, 40, 50))
        nengo.Connection(nengo.Node([0, 0]), one)
        nengo.Connection(
            nengo.Node(np.zeros(3)), two.neurons, transform=np.ones((40, 3))
        )
        nengo.Connection(one, two)
        nengo.Connection(one, two, function=np.square, solver=weights)
        nengo.Connection(two, two, transform=-1)
        nengo.Connection(one[0], three, function=np.sin, transform=[[1], [1]])
        nengo.Connection(one.neurons, three.neurons, transform=np.ones((50, 30)))
        nengo.Probe(three)
        nengo.Probe(three.neurons, "voltage")
    return network


def built(network):
    from spiking_lmu.hardware import loihi

    with loihi.Simulator(network, target="simreal", progress_bar=False) as sim:
        assert str(sim.resources) == str(resources(network))
        return sim.model.blocks


NETWORKS = [
    lambda: memory_network(3)[0],
    lambda: memory_network(6)[0],
    lambda: memory_network(3, size_in=2)[0],
    lambda: memory_network(3, coordinates="legendre", allocation="equal")[0],
    lambda: memory_network(3, neuron_type=nengo.LIF(), n_neurons=150)[0],
    lambda: memory_network(6, n_neurons=180)[0],  # more than one core holds
    fed_by_an_ensemble,
    with_neurons_and_decoders,
]


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.filterwarnings("ignore:.*not support initial values")
def test_counts_are_those_of_what_is_built(make):
    network = make()
    counted = resources(network)
    blocks = built(network)
    assert counted.cores == len(blocks)
    used = [block.utilization() for block in blocks]
    expected = []
    for p in counted.populations:
        sizes = [p.per_core] * (p.cores - 1)
        sizes.append(p.n_neurons - sum(sizes))
        expected += [(size, p.in_axons) for size in sizes]
    found = [(u["compartments"][0], u["in-axons"][0]) for u in used]
    assert sorted(found) == sorted(expected)
    assert counted.compartments == sum(u["compartments"][0] for u in used)
    assert counted.synapses == sum(
        w.size for b in blocks for s in b.synapses for w in s.weights
    )
    # a core whose share is the smallest takes no more than the others
    most = {k: max(u[k][0] for u in used) for k in used[0]}
    assert most["out-axons"] == max(p.out_axons for p in counted.populations)
    assert most["synapses"] == max(p.synapse_bits for p in counted.populations)
    limits = {k: u[1] for u in used for k, u in u.items()}
    assert limits == {
        "compartments": COMPARTMENTS,
        "in-axons": IN_AXONS,
        "out-axons": OUT_AXONS,
        "synapses": SYNAPSE_BITS,
    }
    for u in used:
        assert all(now <= limit for now, limit in u.values())


def test_some_of_them_split():
    counted = resources(NETWORKS[5]())
    assert counted.cores > len(counted.populations) == 6


def test_the_memory_is_all_to_all():
    """In closed form: weights, axons and memory of populations of equal size."""
    network, _ = memory_network(
        4, 50, coordinates="legendre", allocation="equal", neuron_type=nengo.LIF()
    )
    counted = resources(network)
    assert counted.compartments == 200
    assert counted.synapses == 200 * (200 + 2 * counting.CODE_BITS)
    assert counted.axons == 200 * 4
    assert (counted.cores, counted.chips) == (4, 1)
    # 50 weights of 8 bits and a head of 10 are 7 words
    for p in counted.populations:
        assert p.in_axons == 200 + 2 * counting.CODE_BITS
        assert p.synapse_bits == p.in_axons * 7 * 64


def test_negligible_weights_take_nothing():
    """Coordinates that do not hear each other are not connected."""
    network, memory = memory_network(6, 20)
    recurrent = memory.realization.transforms[0]
    scale = memory.realization.radii / memory.realization.radii[:, None]
    n_links = np.sum(np.abs(recurrent) * scale >= 1e-5)
    assert len(prepare(network).links) == n_links


def test_off_chip_ensembles_take_nothing():
    network, memory = memory_network()
    before = resources(network)
    with network:
        other = nengo.Ensemble(10, 1)
        nengo.Connection(memory.add_readout(0), other)
    assert resources(network).compartments == before.compartments + 10
    network.config[nengo.Ensemble].set_param(
        "on_chip", nengo.params.Parameter("on_chip", default=None, optional=True)
    )
    network.config[other].on_chip = False
    after = resources(network)
    assert (after.compartments, after.synapses) == (60, before.synapses)


def test_networks_without_memories_are_counted():
    with nengo.Network() as network:
        one, two = nengo.Ensemble(2000, 1, label="one"), nengo.Ensemble(30, 1)
        nengo.Connection(one, two, solver=nengo.solvers.LstsqL2(weights=True))
    counted = resources(network)
    first, second = counted.populations
    assert (first.label, second.label) == ("one", "ensemble of 30")
    assert (first.cores, first.per_core) == (2, 1000)
    assert first.out_axons == 1000 and second.in_axons == 2000
    assert counted.synapses == 60_000


def test_many_chips():
    with nengo.Network() as network:
        nengo.Ensemble((CORES + 1) * COMPARTMENTS, 1)
    counted = resources(network)
    assert (counted.cores, counted.chips) == (CORES + 1, 2)
    assert "129 cores of 2 chips" in str(counted)


@pytest.mark.parametrize(
    "order, n_neurons, limit",
    [(12, 500, "4,096 input axons"), (6, 680, None)],
)
def test_limits_of_axons(order, n_neurons, limit):
    network, memory = memory_network(order, n_neurons)
    if limit is None:
        assert max(p.in_axons for p in resources(network).populations) <= IN_AXONS
        return
    message = rf"does not fit on Loihi: population 'x\d' .* {limit}.* lower order"
    with pytest.raises(ValidationError, match=message):
        resources(network)
    assert memory.ensembles


def test_limit_of_output_axons():
    """A neuron that reaches more cores than a core has axons for."""
    with nengo.Network() as network:
        hub = nengo.Ensemble(2, 1, label="hub")
        for _ in range(3):
            far = nengo.Ensemble(1400 * COMPARTMENTS, 1)
            solver = nengo.solvers.LstsqL2(weights=True)
            nengo.Connection(hub, far, solver=solver)
    with pytest.raises(ValidationError, match="'hub'.*4,200 cores.* output axons"):
        resources(network)


def test_table():
    network = fed_by_an_ensemble()
    text = str(resources(network))
    head, *rows, total = text.splitlines()
    assert " ".join(head.split()) == "population neurons cores a core in out memory"
    assert len({len(row) for row in [head, *rows]}) == 1
    labels = {row.split("  ")[0] for row in rows}
    assert labels == {
        "x0",
        "x1",
        "x2",
        "function of the window: values",
        "source",
        "reader",
    }
    assert total.startswith(f"{60 + 60 + 70 + 200:,} compartments")
    assert "of 1 chip;" in total and "128 KiB for synapses" in total


@pytest.mark.parametrize("network", [None, 3, "a"])
def test_refuses_what_is_no_network(network):
    with pytest.raises(ValidationError, match="network: must be a nengo.Network"):
        resources(network)
