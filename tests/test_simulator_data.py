"""What a simulator records, and its signals, against nengo.Simulator."""

import tracemalloc
from itertools import pairwise

import nengo
import numpy as np
import pytest
from nengo.builder.operator import Copy
from nengo.builder.probe import SimProbe
from nengo.builder.signal import Signal

import spiking_lmu
from simulator_cases import (
    BOTH,
    Feedback,
    assert_close,
    assert_same,
    both,
    recorded,
    simulator,
)
from spiking_lmu.simulator import opcodes
from spiking_lmu.simulator.instructions import Instruction
from spiking_lmu.simulator.schedule import Task, unread


def test_data_of_objects_is_what_nengo_built():
    network = Feedback()

    def run(sim):
        ensemble, connection = sim.data[network.first], sim.data[network.learned]
        assert len(sim.data) == len(sim.model.params)
        assert set(sim.data) == set(sim.model.params)
        with pytest.raises(KeyError):
            sim.data["nothing"]
        assert sim.data.get("nothing") is None
        return {
            **{name: np.asarray(value) for name, value in ensemble._asdict().items()},
            "weights": connection.weights,
        }

    expected, actual = both(network, run)
    assert_same(actual, expected, tolerance=0)


def test_data_of_probes_is_kept_as_it_was():
    network = Feedback()
    probe = network.plots["decoded"]

    def run(sim):
        before = sim.data[probe]
        sim.run_steps(5)
        first = sim.data[probe]
        copy = np.array(first)
        with pytest.raises(ValueError, match="read-only"):
            first[0] = 1
        sim.run_steps(3)
        second = sim.data[probe]
        assert len(second) == 8
        sim.reset()
        sim.run_steps(300)
        np.testing.assert_array_equal(first, copy)
        return {"before": before, "first": first, "second": second}

    expected, actual = both(network, run)
    assert_same(actual, expected)


def test_clear_probes_forgets_and_goes_on():
    def run(sim):
        sim.run_steps(5)
        sim.clear_probes()
        lengths = [len(sim.data[probe]) for probe in sim.model.probes]
        sim.run_steps(4)
        return {"lengths": np.array(lengths), **recorded(sim)}

    expected, actual = both(Feedback(), run)
    assert not actual["lengths"].any() and len(actual["decoded"]) == 4
    assert_same(actual, expected)


def test_samples_can_be_deleted_as_nengo_gui_does():
    def run(sim):
        sim.run_steps(5)
        for probe in sim.model.probes:
            del sim.data.raw[probe][:]
            assert len(sim.data.raw[probe][:]) == 0
        sim.run_steps(3)
        kept = {name: sim.data[probe] for name, probe in network.plots.items()}
        del sim.data.raw[network.plots["decoded"]][:2]
        last = np.array(sim.data.raw[network.plots["decoded"]][:])
        return {**kept, "last": last}

    network = Feedback()
    expected, actual = both(network, run)
    assert len(actual["decoded"]) == 3
    assert_same(actual, expected)


def test_a_long_run_takes_memory_for_what_it_records_only():
    with nengo.Network() as network:
        relay = nengo.Node(size_in=8)
        nengo.Connection(nengo.Node(np.ones(8)), relay, synapse=0.1)
        seldom = nengo.Probe(relay, sample_every=10.0)
    with simulator(spiking_lmu.Simulator, network) as sim:
        sim.run_steps(10)
        tracemalloc.start()
        sim.run_steps(300_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert sim.data[seldom].shape == (30, 8)
        assert peak < 2**20


@pytest.mark.parametrize("optimize", [False, True])
def test_signals_are_read_and_written_between_steps(optimize):
    network = Feedback()

    def run(sim):
        voltage = sim.model.sig[network.first.neurons]["voltage"]
        sim.run_steps(10)
        seen = {"before": sim.signals[voltage].copy()}
        sim.signals[voltage] = np.linspace(0, 0.9, 20)
        weights = sim.model.sig[network.learned]["weights"]
        sim.signals[weights][...] = 0.001
        sim.run_steps(10)
        seen["after"] = sim.signals[voltage].copy()
        assert voltage in sim.signals and len(sim.signals) > 10
        assert "voltage" in str(sim.signals)
        return {**seen, **recorded(sim)}

    expected, actual = both(network, run, optimize)
    assert_same(actual, expected)


def test_signals_are_those_of_nengo_after_a_run():
    def run(sim):
        sim.run_steps(25)
        for signal, values in sim.signals.items():
            assert values.shape == signal.shape, signal
            assert values.flags.writeable != signal.readonly, signal
        return {
            f"{i} {signal.shape}": sim.signals[signal].copy()
            for i, signal in enumerate(
                dict.fromkeys(s for op in sim.step_order for s in op.all_signals)
            )
        }

    expected, actual = both(Feedback(), run)
    assert_same(actual, expected)


@pytest.mark.parametrize("in_python", [False, True])
@pytest.mark.parametrize("lanes", [None, 2])
def test_what_nobody_reads_is_made_in_the_last_step(in_python, lanes):
    """A node without a probe has the value of the last step after each run."""
    with nengo.Network(seed=1) as network:
        stimulus = nengo.Node(nengo.processes.WhiteSignal(1, high=20))
        neurons = nengo.Ensemble(10, 2)
        nengo.Connection(stimulus, neurons, transform=[[1], [-1]])
        unread = nengo.Node(size_in=3)
        further = nengo.Node(size_in=2)
        nengo.Connection(neurons, unread[:2], synapse=0.01)
        nengo.Connection(stimulus, unread[2], synapse=None)
        nengo.Connection(unread, further, transform=np.eye(2, 3, 1), synapse=None)
        if in_python:  # reads another part of what the node gives
            function = nengo.Node(lambda t, x: x, size_in=1)
            nengo.Connection(unread[2], function, synapse=None)
    one_by_one = simulator(nengo.Simulator, network)
    with (
        one_by_one,
        simulator(spiking_lmu.Simulator, network, minibatch_size=lanes) as sim,
    ):
        of = sim.model.sig
        waits = opcodes.UNTIL_LAST in sim._program.schedule()[0].code
        assert waits or in_python
        for n in (1, 7, 1, 12):
            sim.run_steps(n)
            one_by_one.run_steps(n)
            for node in (unread, further):
                expected = one_by_one.signals[one_by_one.model.sig[node]["in"]]
                values = sim.signals[of[node]["in"]]
                assert_close(values if lanes is None else values[:, 0], expected)
                assert np.any(expected != 0)


def test_only_what_keeps_nothing_waits_for_the_last_step():
    """Not what a filter, a probe or a sum over steps has use for."""
    x, y, total, kept = (Signal(np.zeros(2), name=name) for name in "xytk")
    part = Signal(np.zeros(4), name="part")
    some = [Instruction(opcodes.COPY, [])]

    def task(operator):
        return Task((operator,), some)

    anew = task(Copy(x, y))
    on = task(Copy(y, kept))
    sums = task(Copy(x, total, inc=True))  # that nothing sets
    half = [
        task(Copy(x, part, dst_slice=slice(0, 2))),
        task(Copy(y, part, dst_slice=slice(2, 4), inc=True)),
    ]
    assert unread([anew, on]) == {anew, on}
    assert unread([anew, on, task(SimProbe(y))]) == {on}
    assert unread([anew, on, task(SimProbe(kept))]) == set()
    assert unread([anew, sums]) == {anew}
    assert unread([anew, *half]) == set()
    in_python = Task((Copy(y, kept),), None)
    assert unread([anew, in_python]) == set()


def test_constants_cannot_be_written():
    network = Feedback()
    with simulator(spiking_lmu.Simulator, network) as sim:
        encoders = sim.model.sig[network.first]["encoders"]
        with pytest.raises(ValueError, match="read-only"):
            sim.signals[encoders][...] = 1


@pytest.mark.parametrize("bits", ["16", "32", "64"])
def test_precision_is_that_of_the_settings(bits):
    nengo.rc.set("precision", "bits", bits)

    def run(sim):
        sim.run_steps(30)
        kinds = {values.dtype for values in sim.signals.values()}
        return {"kinds": np.array(sorted(map(str, kinds))), **recorded(sim)}

    network = Feedback()
    expected, actual = both(network, run)
    kinds, expected_kinds = actual.pop("kinds"), expected.pop("kinds")
    assert list(kinds) == list(expected_kinds) == [f"float{bits}", f"int{bits}"]
    tolerance = {"16": 1e-1, "32": 1e-4, "64": 1e-9}[bits]
    for name in ("stimulus", "error", "weights"):
        assert actual[name].dtype == expected[name].dtype == f"float{bits}"
        np.testing.assert_allclose(actual[name], expected[name], tolerance, tolerance)


def test_invalid_numbers_raise_as_in_nengo():
    with nengo.Network() as network:
        node = nengo.Node(lambda t: 1e200 * (t > 0.005), size_out=1)
        relay = nengo.Node(size_in=1)
        nengo.Connection(node, relay, transform=1e200, synapse=None)
        difference = nengo.Node(size_in=1)
        nengo.Connection(relay, difference, synapse=None)
        nengo.Connection(relay, difference, transform=-1, synapse=None)
        nengo.Probe(difference)
    for kind in BOTH:
        with (
            simulator(kind, network) as sim,
            pytest.raises(FloatingPointError),
        ):
            sim.run(0.02)


class GivesNothing(nengo.Process):
    def make_step(self, shape_in, shape_out, dt, rng, state):
        return lambda t: None


def test_what_is_no_number_on_purpose_is_none_in_both():
    with nengo.Network(seed=0) as network:
        nothing = nengo.Node(GivesNothing(), size_out=1)
        given = nengo.Node([1.0])
        relay = nengo.Node(size_in=1)
        nengo.Connection(nothing, relay, synapse=0.01)
        nengo.Connection(given, relay, synapse=0.01)
        network.plots = {
            "nothing": nengo.Probe(nothing),
            "relay": nengo.Probe(relay),
            "given": nengo.Probe(given, synapse=0.1),
        }

    def run(sim):
        sim.run_steps(5)
        output = sim.model.sig[given]["out"]
        sim.signals[output] = np.nan
        sim.run_steps(5)
        return recorded(sim)

    expected, actual = both(network, run)
    assert np.isnan(expected["relay"]).any() and np.isnan(expected["given"]).any()
    assert_same(actual, expected)


def test_a_function_gets_numbers_of_its_own():
    seen = []

    def function(t, x):
        assert type(t) is float and x.base is None
        assert not any(x is other for other in seen)
        seen.append(x)
        return x

    with nengo.Network() as network:
        clock = nengo.Node(lambda t: t)
        node = nengo.Node(function, size_in=1, size_out=1)
        nengo.Connection(clock, node, synapse=None)
    with simulator(spiking_lmu.Simulator, network) as sim:
        sim.run_steps(5)
    np.testing.assert_allclose(np.ravel(seen), sim.trange())


@pytest.mark.parametrize("optimize", [False, True])
def test_populations_that_follow_each_other_without_a_synapse(optimize):
    with nengo.Network(seed=0) as network:
        ensembles = [nengo.Ensemble(30, 1) for _ in range(3)]
        chain = [nengo.Node([0.8]), *ensembles, nengo.Node(size_in=1)]
        for before, after in pairwise(chain):
            nengo.Connection(before, after, synapse=None)
        network.plots = {
            str(i): nengo.Probe(link, synapse=0.01) for i, link in enumerate(chain)
        }

    def run(sim):
        sim.run_steps(100)
        return recorded(sim)

    expected, actual = both(network, run, optimize)
    assert expected["4"][-1] > 0.4
    assert_same(actual, expected)
