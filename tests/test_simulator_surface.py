"""Every method and attribute of nengo.Simulator, against nengo.Simulator."""

import _thread
import gc
import inspect
import pickle
import subprocess
import sys
import textwrap
import threading
import tracemalloc
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

BOTH = [nengo.Simulator, spiking_lmu.Simulator]


class Feedback(nengo.Network):
    """A recurrent, an adaptive and a learned population, a function, and probes."""

    def __init__(self, seed=3):
        super().__init__(seed=seed)
        with self:
            self.stimulus = nengo.Node(nengo.processes.WhiteSignal(1, 10, rms=0.5))
            self.function = nengo.Node(doubled, size_in=1)
            self.first = nengo.Ensemble(20, 1)
            second = nengo.Ensemble(30, 2, neuron_type=nengo.AdaptiveLIF())
            error = nengo.Node(size_in=1)
            nengo.Connection(self.stimulus, self.first, synapse=None)
            nengo.Connection(self.stimulus, self.function)
            nengo.Connection(self.first, self.first, synapse=0.1)
            nengo.Connection(self.function, second, synapse=nengo.Alpha(0.01))
            self.learned = nengo.Connection(
                second, error, function=zero, learning_rule_type=nengo.PES()
            )
            nengo.Connection(self.stimulus, error, transform=-1)
            nengo.Connection(error, self.learned.learning_rule)
            self.plots = {
                "stimulus": nengo.Probe(self.stimulus),
                "decoded": nengo.Probe(self.first, synapse=0.01),
                "spikes": nengo.Probe(second.neurons, sample_every=0.003),
                "voltage": nengo.Probe(self.first.neurons[::2], "voltage"),
                "weights": nengo.Probe(self.learned, "weights", sample_every=0.0025),
                "error": nengo.Probe(error, synapse=0.02),
            }


# functions with a name, for pickle
def doubled(t, x):
    return [t, 2 * x[0]]


def zero(x):
    return 0


def breaks(t):
    return 1.0 if t < 0.0055 else None


def simulator(kind, network, **options):
    options = {"seed": 5, "progress_bar": False, "optimize": False, **options}
    return kind(network, **options)


def recorded(sim):
    """Copies of what the probes have recorded."""
    plots = sim.model.toplevel.plots
    return {name: np.array(sim.data[probe]) for name, probe in plots.items()}


def both(network, run, optimize=False, **options):
    """What a function of a simulator gives with Nengo's and with ours."""
    results = []
    for kind in BOTH:
        # Nengo's optimizer lets processes draw their random numbers in another order
        optimized = optimize and kind is spiking_lmu.Simulator
        with simulator(kind, network, optimize=optimized, **options) as sim:
            results.append(run(sim))
    return results


def assert_same(actual, expected, tolerance=1e-9):
    assert actual.keys() == expected.keys()
    for name, values in expected.items():
        assert actual[name].shape == values.shape, name
        assert actual[name].dtype == values.dtype, name
        np.testing.assert_allclose(
            actual[name], values, tolerance, tolerance, err_msg=name
        )


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
        with pytest.warns(UserWarning, match="0 timesteps"):
            sim.run(0)
        with pytest.raises(ValidationError, match="max_steps"):
            sim.run_steps(0)
        assert sim.n_steps == 0
        with pytest.raises(ReadonlyError, match="dt"):
            sim.dt = 0.002


def test_reset_repeats_the_run():
    network = Feedback()
    with network:
        noise = nengo.Node(nengo.processes.WhiteNoise())
        nengo.Connection(noise, network.first, transform=0.001)
        poisson = nengo.PoissonSpiking(nengo.LIFRate())
        population = nengo.Ensemble(50, 1, neuron_type=poisson)
        rounded = nengo.StochasticSpiking(nengo.Tanh())
        others = nengo.Ensemble(50, 1, neuron_type=rounded)
        network.plots["poisson"] = nengo.Probe(population, synapse=0.01)
        network.plots["stochastic"] = nengo.Probe(others, synapse=0.01)
        network.plots["noise"] = nengo.Probe(noise)
    with simulator(spiking_lmu.Simulator, network) as sim:
        sim.run(0.05)
        first = recorded(sim)
        sim.run(0.05)
        sim.reset()
        assert (sim.n_steps, sim.time, sim.seed) == (0, 0, 5)
        assert all(len(sim.data[probe]) == 0 for probe in network.plots.values())
        sim.run(0.05)
        assert_same(recorded(sim), first, tolerance=0)
        sim.reset(seed=6)
        assert sim.seed == 6
        sim.run(0.05)
        for name in ("stimulus", "noise", "poisson", "stochastic"):
            assert not np.array_equal(sim.data[network.plots[name]], first[name])
        sim.reset(seed=5)
        sim.run(0.05)
        assert_same(recorded(sim), first, tolerance=0)


class OwnPoisson(nengo.PoissonSpiking):
    """Neurons of a user's own, which run as Python."""


@pytest.mark.parametrize("neurons", [nengo.PoissonSpiking, OwnPoisson])
def test_reset_repeats_random_neurons_in_python_too(neurons):
    with nengo.Network(seed=0) as network:
        kind = neurons(nengo.LIFRate())
        population = nengo.Ensemble(50, 1, neuron_type=kind)
        network.plots = {"spikes": nengo.Probe(population.neurons)}
    with simulator(spiking_lmu.Simulator, network) as sim:
        assert len(sim.fallbacks) == (neurons is OwnPoisson)
        sim.run_steps(20)
        first = recorded(sim)
        pickled = pickle.dumps(sim)
        sim.reset()
        sim.run_steps(20)
        assert_same(recorded(sim), first, tolerance=0)
        sim.run_steps(20)
        longer = recorded(sim)
    assert np.ptp(first["spikes"]) > 0
    with pickle.loads(pickled) as sim:
        assert_same(recorded(sim), first, tolerance=0)
        sim.run_steps(20)
        assert_same(recorded(sim), longer, tolerance=0)
        sim.reset()
        sim.run_steps(20)
        assert_same(recorded(sim), first, tolerance=0)


def test_seeds_are_chosen_as_nengo_chooses():
    with simulator(spiking_lmu.Simulator, nengo.Network(seed=41), seed=None) as sim:
        assert sim.seed == 42
    with simulator(spiking_lmu.Simulator, nengo.Network(seed=41), seed=0) as sim:
        assert sim.seed == 0
    np.random.seed(8)  # noqa: NPY002
    expected, actual = both(nengo.Network(), lambda sim: sim.seed, seed=None)
    assert actual != expected


def test_random_processes_draw_as_in_nengo():
    with nengo.Network(seed=0) as network:
        nodes = [
            nengo.Node(nengo.processes.WhiteSignal(0.5, 20)),
            nengo.Node(nengo.processes.WhiteNoise(), size_out=2),
            nengo.Node(nengo.processes.FilteredNoise(), size_out=3),
            nengo.Node(nengo.processes.BrownNoise()),
            nengo.Node(nengo.processes.WhiteNoise(seed=1)),
        ]
        relay = nengo.Node(size_in=1)
        nengo.Connection(nodes[0], relay)
        network.plots = {str(i): nengo.Probe(node) for i, node in enumerate(nodes)}

    def run(sim):
        sim.run_steps(20)
        return recorded(sim)

    expected, actual = both(network, run)
    assert_same(actual, expected)


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


def test_constants_cannot_be_written():
    network = Feedback()
    with simulator(spiking_lmu.Simulator, network) as sim:
        encoders = sim.model.sig[network.first]["encoders"]
        with pytest.raises(ValueError, match="read-only"):
            sim.signals[encoders][...] = 1


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


def test_a_pickled_simulator_goes_on_where_it_was():
    network = Feedback()
    with network:
        poisson = nengo.PoissonSpiking(nengo.LIFRate())
        population = nengo.Ensemble(50, 1, neuron_type=poisson)
        network.plots["poisson"] = nengo.Probe(population, synapse=0.01)
    with simulator(spiking_lmu.Simulator, network, dt=0.002, optimize=True) as sim:
        sim.run_steps(30)
        pickled = pickle.dumps(sim)
        sim.run_steps(30)
        expected = recorded(sim)
    del sim, network
    with pickle.loads(pickled) as sim:
        assert (sim.n_steps, sim.dt, sim.seed, sim.optimize) == (30, 0.002, 5, True)
        sim.run_steps(30)
        actual = recorded(sim)
    # Nengo draws anew from the seed for each process; a Poisson population's stream
    # and the memories of filters go on
    assert_same(actual, expected)
    closed = pickle.loads(pickle.dumps(sim))
    assert closed.closed
    assert_same(recorded(closed), expected)


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


def test_fallbacks_say_what_runs_in_python():
    network = Feedback()
    with simulator(spiking_lmu.Simulator, network) as sim:
        told = str(sim.fallbacks)
    assert "doubled" in told
    with nengo.Network() as compiled:
        nengo.Connection(nengo.Node([1]), nengo.Node(size_in=1))
    with simulator(spiking_lmu.Simulator, compiled) as sim:
        assert len(sim.fallbacks) == 0


def test_another_process_gives_the_same_numbers():
    code = textwrap.dedent("""
        import nengo, spiking_lmu, hashlib
        with nengo.Network(seed=1) as network:
            stimulus = nengo.Node(nengo.processes.WhiteSignal(1, 10))
            for rates in (nengo.LIFRate(), nengo.Tanh(), nengo.RectifiedLinear()):
                neurons = nengo.PoissonSpiking(rates)
                population = nengo.Ensemble(100, 1, neuron_type=neurons)
                nengo.Connection(stimulus, population)
                nengo.Connection(population, population)
                probe = nengo.Probe(population)
        with spiking_lmu.Simulator(network, progress_bar=False) as sim:
            sim.run_steps(100)
        print(hashlib.sha256(sim.data[probe].tobytes()).hexdigest())
    """)
    prints = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1")
    ]
    assert len(prints[0]) == 65 and prints[0] == prints[1]
