"""Every method and attribute of nengo.Simulator, against nengo.Simulator."""

import _thread
import gc
import importlib.util
import inspect
import threading
import warnings
from importlib.metadata import entry_points

import nengo
import numpy as np
import pytest
from nengo.builder import Model
from nengo.builder.operator import DotInc
from nengo.builder.signal import Signal
from nengo.exceptions import (
    BuildError,
    ReadonlyError,
    SimulationError,
    SimulatorClosed,
    ValidationError,
)
from nengo.utils.progress import ProgressBar

import spiking_lmu
from simulator_cases import BOTH, Feedback, assert_same, both, recorded, simulator


def breaks(t):
    return 1.0 if t < 0.0055 else None


@pytest.mark.parametrize(
    "module", ["spiking_lmu.simulator.simulator", "spiking_lmu.hardware.running"]
)
def test_base_is_nengos_even_when_first_imported_by_a_script_in_nengo_gui(
    module, monkeypatch
):
    """NengoGUI replaces `nengo.Simulator` by one that refuses, for as long."""
    if module.endswith("running"):
        pytest.importorskip("nengo_loihi")
    original, package = nengo.Simulator, importlib.import_module(module)
    monkeypatch.setattr(nengo, "Simulator", type("Dummy", (nengo.Simulator,), {}))
    spec = importlib.util.spec_from_file_location(f"{module}_again", package.__file__)
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    simulators = [v for n, v in vars(again).items() if n.endswith("Simulator")]
    assert [kind.__mro__[1] for kind in simulators] == [original]


def test_all_names_and_arguments_are_those_of_nengo():
    assert issubclass(spiking_lmu.Simulator, nengo.Simulator)
    names = both(nengo.Network(), lambda sim: set(dir(sim)))
    assert {name for name in names[0] if not name.startswith("_")} <= names[1]
    for name in ("__init__", "run", "run_steps", "step", "reset", "trange", "close"):
        expected, actual = (
            list(inspect.signature(getattr(kind, name)).parameters.values())
            for kind in BOTH
        )
        actual = actual[: len(expected)]
        assert [p.name for p in actual] == [p.name for p in expected], name
        assert [p.default for p in actual] == [p.default for p in expected], name


def test_it_is_listed_among_the_backends():
    backends = entry_points(group="nengo.backends")
    ours = [entry for entry in backends if entry.value.startswith("spiking_lmu")]
    assert [entry.load() for entry in ours] == [spiking_lmu.Simulator]


@pytest.mark.parametrize("optimize", [False, True])
def test_run_records_what_nengo_records(optimize):
    def run(sim):
        sim.run(0.15)
        sim.run(0.05)
        return recorded(sim)

    expected, actual = both(Feedback(), run, optimize)
    assert np.ptp(expected["voltage"]) > 0.9 and np.ptp(expected["weights"]) > 0
    assert_same(actual, expected)


@pytest.mark.parametrize("dt", [0.001, 0.0004, 0.01])
def test_steps_and_runs_can_be_mixed(dt):
    def run(sim):
        sim.run_steps(7)
        for _ in range(3):
            sim.step()
        sim.run(11 * dt)
        return {"time": np.array(sim.time), **recorded(sim)}

    expected, actual = both(Feedback(), run, dt=dt)
    assert_same(actual, expected)


def test_time_is_counted_as_nengo_counts():
    def run(sim):
        counted = [(sim.n_steps, sim.time)]
        for _ in range(3):
            sim.step()
            counted.append((sim.n_steps, sim.time))
        sim.run(0.0126)
        counted.append((sim.n_steps, sim.time))
        for n_steps, time in counted:
            assert type(n_steps) is int and type(time) is float
        return counted

    expected, actual = both(Feedback(), run)
    assert actual == expected
    assert actual[-1] == (16, 0.016)


def test_time_within_a_function_is_that_of_the_last_full_step():
    def run(sim):
        seen.clear()
        current.append(sim)
        sim.run_steps(5)
        current.clear()
        return list(seen)

    seen, current = [], []
    with nengo.Network() as network:
        nengo.Node(lambda t: seen.append((t, current and current[0].n_steps)))
    expected, actual = both(network, run)
    assert actual == expected and expected[-1] == (0.005, 4)


def test_trange_is_that_of_nengo():
    def run(sim):
        sim.run_steps(333)
        periods = sim.dt * np.array([0.5, 1, 1.5, 2, 2.5, 3, 7, 9.99, 10, 20, 400])
        with pytest.raises(ValidationError, match="both"):
            sim.trange(dt=0.1, sample_every=0.1)
        with pytest.warns(DeprecationWarning, match="sample_every"):
            deprecated = sim.trange(dt=0.002)
        return [sim.trange(), deprecated, *(sim.trange(None, p) for p in periods)]

    expected, actual = both(nengo.Network(), run)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_probes_sample_at_the_steps_of_trange():
    rng = np.random.default_rng(0)
    for _ in range(20):
        dt = rng.uniform(0.001, 0.1)
        periods = dt * np.append(rng.uniform(0.5, 9, 10), range(1, 9))
        with nengo.Network() as network:
            node = nengo.Node(lambda t: t)
            probes = [nengo.Probe(node, sample_every=period) for period in periods]
        with simulator(spiking_lmu.Simulator, network, dt=dt) as sim:
            sim.run_steps(23)
            sim.run_steps(24)
        for period, probe in zip(periods, probes, strict=True):
            expected = sim.trange(sample_every=period)
            np.testing.assert_allclose(sim.data[probe].ravel(), expected)


def test_times_that_nengo_refuses_are_refused():
    with simulator(spiking_lmu.Simulator, nengo.Network()) as sim:
        with pytest.raises(ValidationError, match="Must be positive"):
            sim.run(-0.001)
        for time in (np.inf, np.nan, "1"):
            with pytest.raises(ValidationError, match="time_in_seconds: must be"):
                sim.run(time)
        with pytest.warns(UserWarning, match="0 timesteps"):
            sim.run(0)
        with pytest.raises(ValidationError, match="max_steps"):
            sim.run_steps(0)
        assert sim.n_steps == 0
        with pytest.raises(ReadonlyError, match="dt"):
            sim.dt = 0.002
    for dt in (0, -0.001, np.inf, np.nan, None):
        with pytest.raises(ValidationError, match="dt: must be"):
            spiking_lmu.Simulator(nengo.Network(), dt=dt, progress_bar=False)


def test_operators_and_their_order_are_nengos():
    def run(sim):
        assert set(sim.step_order) <= set(sim.model.operators) == set(sim.dg)
        return [str(op) for op in sim.step_order]

    network = Feedback()
    expected, actual = both(network, run)
    assert actual == expected


@pytest.mark.parametrize("optimize", [False, True])
def test_optimize_is_kept_and_changes_rounding_only(optimize):
    network = Feedback()
    with simulator(spiking_lmu.Simulator, network) as sim:
        sim.run_steps(50)
        expected = recorded(sim)
    with simulator(spiking_lmu.Simulator, network, optimize=optimize) as sim:
        assert sim.optimize is optimize
        sim.run_steps(50)
        assert_same(recorded(sim), expected)


def test_a_closed_simulator_keeps_its_data_and_refuses_the_rest():
    network = Feedback()
    with simulator(spiking_lmu.Simulator, network) as sim:
        assert not sim.closed
        sim.run_steps(3)
    assert sim.closed and sim.signals is None
    assert len(sim.data[network.plots["decoded"]]) == 3
    assert sim.n_steps == 3 and sim.time == 0.003 and len(sim.trange()) == 3
    for call in (lambda: sim.run(1), lambda: sim.run_steps(1), sim.step):
        with pytest.raises(SimulatorClosed, match="cannot run because it is closed"):
            call()
    with pytest.raises(SimulatorClosed, match="Cannot reset"):
        sim.reset()
    with pytest.raises(SimulatorClosed, match="Cannot re-open"), sim:
        pass
    sim.close()


def test_an_open_simulator_warns_when_it_is_forgotten():
    simulator(spiking_lmu.Simulator, nengo.Network()).close()
    gc.collect()
    with pytest.warns(ResourceWarning, match="deallocated while open"):
        forget(simulator(spiking_lmu.Simulator, nengo.Network()))


def forget(sim):
    sim.__del__()
    sim.close()


def test_a_failed_build_leaves_no_warning():
    with nengo.Network() as network:
        nengo.Ensemble(10, 1, encoders=np.zeros((10, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ResourceWarning)
        with pytest.raises(BuildError, match="zero-length encoders"):
            simulator(spiking_lmu.Simulator, network)
        gc.collect()


@pytest.mark.parametrize("kind", BOTH)
def test_a_failing_function_leaves_what_was_recorded(kind):
    with nengo.Network() as network:
        node = nengo.Node(breaks)
        population = nengo.Ensemble(10, 1)
        nengo.Connection(node, population)
        probe = nengo.Probe(population)
    with simulator(kind, network) as sim:
        settings = np.geterr()
        with pytest.raises(SimulationError, match="non-finite value"):
            sim.run(0.02)
        assert np.geterr() == settings
        assert (sim.n_steps, len(sim.data[probe])) == (5, 5)
        assert len(sim.trange()) == 5


@pytest.mark.parametrize("kind", BOTH)
def test_an_interrupted_run_goes_on(kind):
    def interrupt(t):
        if interruptions and t > 0.0045:
            interruptions.pop()
            raise KeyboardInterrupt
        return t

    interruptions = [True]
    with nengo.Network(seed=0) as network:
        node = nengo.Node(interrupt, size_out=1)
        population = nengo.Ensemble(10, 1)
        nengo.Connection(node, population)
        probe = nengo.Probe(population)
    with simulator(kind, network) as sim:
        with pytest.raises(KeyboardInterrupt):
            sim.run(0.02)
        assert sim.n_steps == len(sim.data[probe]) == 4
        sim.run_steps(5)
        assert (sim.n_steps, len(sim.data[probe])) == (10, 9)


@pytest.mark.usefixtures("heard_interrupts")
def test_ctrl_c_stops_a_compiled_run_that_then_goes_on():
    with nengo.Network(seed=0) as network:
        relay = nengo.Node(size_in=1)
        nengo.Connection(nengo.Node([1.0]), relay, synapse=0.1)
        probe = nengo.Probe(relay, sample_every=0.01)
    with simulator(spiking_lmu.Simulator, network) as sim:
        sim.run_steps(10)
        assert not sim.fallbacks
        interrupt = threading.Timer(0.2, _thread.interrupt_main)
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            sim.run_steps(10**8)
        interrupt.join()
        n_steps = sim.n_steps
        assert 10 < n_steps < 10**8
        assert len(sim.data[probe]) == len(sim.trange(sample_every=0.01))
        sim.run_steps(100)
        assert sim.n_steps == n_steps + 100
        assert len(sim.data[probe]) == len(sim.trange(sample_every=0.01))


class Counting(ProgressBar):
    """A progress bar that writes down what it is told."""

    def __init__(self):
        super().__init__()
        self.seen, self.closed = [], False

    def update(self, progress):
        assert not self.closed
        self.seen.append((progress.n_steps, progress.max_steps))

    def close(self):
        self.closed = True


@pytest.mark.parametrize("kind", BOTH)
def test_progress_is_told_to_the_last_step(kind):
    building, running = Counting(), Counting()
    with kind(Feedback(), progress_bar=building) as sim:
        assert sim.progress_bar is building
        assert building.closed
        sim.run_steps(700, progress_bar=running)
        assert running.closed
    steps = [step for step, _ in running.seen]
    assert steps == sorted(steps) and running.seen[-1] == (700, 700)


def test_the_default_progress_bar_is_drawn(capsys):
    bar = nengo.utils.progress.TerminalProgressBar()
    with simulator(spiking_lmu.Simulator, Feedback(), progress_bar=bar) as sim:
        sim.run_steps(50)
    assert "Simulation finished" in capsys.readouterr().out


def test_a_built_model_is_run():
    def run(kind):
        model = Model(dt=0.001)
        model.build(Feedback())
        with simulator(kind, None, model=model) as sim:
            assert sim.model is model
            sim.run_steps(20)
            return recorded(sim)

    assert_same(run(spiking_lmu.Simulator), run(nengo.Simulator))


@pytest.mark.parametrize("dtype", [float, int])
def test_operators_added_by_hand_are_run(dtype):
    def run(kind):
        a, x, y = (
            Signal(np.array(value, dtype))
            for value in ([[1], [2], [3]], [1], [1, 2, 3])
        )
        square = Signal(np.array([2], dtype))
        model = Model(dt=0)
        model.operators += [DotInc(a, x, y), DotInc(square, square, x)]
        with simulator(kind, None, model=model) as sim:
            sim.run_steps(3)
            return {"y": sim.signals[y], "x": sim.signals[x]}

    assert_same(run(spiking_lmu.Simulator), run(nengo.Simulator))


def test_fallbacks_say_what_runs_in_python():
    network = Feedback()
    with simulator(spiking_lmu.Simulator, network) as sim:
        told = str(sim.fallbacks)
    assert "doubled" in told
    with nengo.Network() as compiled:
        nengo.Connection(nengo.Node([1]), nengo.Node(size_in=1))
    with simulator(spiking_lmu.Simulator, compiled) as sim:
        assert len(sim.fallbacks) == 0
