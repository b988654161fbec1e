"""Networks side by side, and given values of nodes."""

import pickle

import nengo
import numpy as np
import pytest
from nengo.builder import Model
from nengo.builder.operator import Copy, Reset
from nengo.builder.signal import Signal
from nengo.exceptions import ValidationError

from spiking_lmu import Simulator


def two_nodes(output=(0.5,)):
    """Two nodes, and a probe of each."""
    with nengo.Network(seed=0) as network:
        nodes = [nengo.Node(output), nengo.Node(output)]
        probes = [nengo.Probe(node) for node in nodes]
    return network, nodes, probes


def test_values_belong_to_their_nodes_in_any_order():
    network, (first, second), probes = two_nodes()
    ones = np.ones((2, 1))
    with Simulator(network, progress_bar=False) as sim:
        sim.run_steps(2, data={first: ones, second: 2 * ones})
        sim.run_steps(2, data={second: 2 * ones, first: ones})
        assert [np.unique(sim.data[probe]) for probe in probes] == [1, 2]


@pytest.mark.parametrize("output", [0.5, lambda t: 0.5], ids=["constant", "function"])
@pytest.mark.parametrize("minibatch_size", [None, 2])
def test_values_hold_for_one_call(output, minibatch_size):
    network, (node, _), (probe, _) = two_nodes(output)
    lanes = () if minibatch_size is None else (minibatch_size,)
    with Simulator(network, progress_bar=False, minibatch_size=minibatch_size) as sim:
        sim.run_steps(1)
        sim.run_steps(2, data={node: np.ones((*lanes, 2, 1))})
        sim.run_steps(1)
        expected = np.broadcast_to([[0.5], [1], [1], [0.5]], (*lanes, 4, 1))
        assert np.array_equal(sim.data[probe], expected)


def test_values_of_a_node_that_nobody_reads_are_taken():
    with nengo.Network() as network:
        node = nengo.Node([0.5])
    with Simulator(network, progress_bar=False) as sim:
        sim.run_steps(2, data={node: np.ones((2, 1))})
        assert sim.n_steps == 2


def test_each_network_has_values_of_its_own():
    with nengo.Network() as network:
        node = nengo.Node([0.0, 0.0])
        output = nengo.Node(lambda t, x: x**2, size_in=2)
        nengo.Connection(node, output, synapse=None)
        probe = nengo.Probe(output)
    values = np.arange(12.0).reshape(3, 2, 2)
    with Simulator(network, progress_bar=False, minibatch_size=3) as sim:
        sim.run_steps(2, data={node: values})
        assert np.array_equal(sim.data[probe], values**2)
        signal = sim.model.sig[output]["out"]
        assert np.array_equal(sim.signals[signal], values[:, -1].T ** 2)
        assert sim.signals[sim.model.time].shape == ()


def test_a_pickled_minibatch_goes_on_where_it_was():
    with nengo.Network(seed=0) as network:
        node = nengo.Node([0.2])
        ensemble = nengo.Ensemble(
            20, 1, neuron_type=nengo.PoissonSpiking(nengo.LIFRate())
        )
        nengo.Connection(node, ensemble)
        nengo.Probe(ensemble, synapse=0.01)
    values = np.linspace(-1, 1, 30).reshape(3, 10, 1)
    with Simulator(network, progress_bar=False, minibatch_size=3) as sim:
        sim.run_steps(10, data={node: values})
        with pickle.loads(pickle.dumps(sim)) as other:
            (copied,) = other.model.toplevel.all_probes
            for one in (sim, other):
                one.run_steps(10)
            found = other.data[copied]
            assert found.shape == (3, 20, 1)
            assert np.array_equal(found, sim.data[network.all_probes[0]])


@pytest.mark.parametrize("bits", ["16", "32"])
def test_short_floats_run_alone_and_without_values(bits):
    nengo.rc.set("precision", "bits", bits)
    network, (node, _), (probe, _) = two_nodes()
    with pytest.raises(ValidationError, match=r"minibatch_size: requires .* 64-bit"):
        Simulator(network, progress_bar=False, minibatch_size=2)
    with Simulator(network, progress_bar=False) as sim:
        with pytest.raises(ValidationError, match=r"data: requires .* 64-bit"):
            sim.run_steps(2, data={node: np.ones((2, 1))})
        sim.run_steps(2)
        assert np.array_equal(sim.data[probe], [[0.5], [0.5]])


@pytest.mark.parametrize("minibatch_size", [None, 3])
def test_resets_leave_what_lies_between_them(minibatch_size):
    signal, other = Signal(np.arange(24.0)), Signal(np.ones(2))
    model = Model()
    for operator in (
        Reset(signal[0:2], value=-1),
        Reset(signal[4:6], value=-1),
        Reset(signal[8:16:2], value=-1),
        Reset(signal[:-3:-1], value=-1),
        Reset(other[::-1]),
    ):
        model.add_op(operator)
    expected = np.arange(24.0)
    expected[[0, 1, 4, 5, 8, 10, 12, 14, 22, 23]] = -1
    with Simulator(
        None, model=model, progress_bar=False, minibatch_size=minibatch_size
    ) as sim:
        sim.step()
        found = sim.signals[signal].reshape(24, -1)
        assert np.array_equal(found, np.repeat(expected[:, None], found.shape[1], 1))
        assert not sim.signals[other].any()


def test_probes_of_blocks_of_a_matrix():
    matrix, vector = Signal(np.zeros((4, 3))), Signal(np.arange(4.0))
    model = Model()
    model.add_op(Copy(vector.reshape((2, 2)), matrix[1:3, :2]))
    probe = nengo.Probe(nengo.Node([0], add_to_container=False), add_to_container=False)
    model.sig[probe]["in"] = matrix[1:, :2]
    model.probes.append(probe)
    expected = [[[0, 1], [2, 3], [0, 0]]] * 2
    for minibatch_size in (None, 3):
        with Simulator(
            None, model=model, progress_bar=False, minibatch_size=minibatch_size
        ) as sim:
            sim.run_steps(2)
            found = sim.data[probe]
            if minibatch_size is not None:
                assert found.shape == (3, 2, 3, 2)
                found = found[1]
            assert np.array_equal(found, expected)
