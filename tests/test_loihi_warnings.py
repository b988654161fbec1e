"""What a simulator of Loihi tells, and warnings that are not its own."""

import threading
import warnings

import nengo
import numpy as np
import pytest

from loihi_cases import U, fed, simulator
from spiking_lmu.networks import LegendreMemory


def test_a_run_that_ends_with_an_error_says_what_was_cut_off():
    def output(t):
        if t > 0.05:
            raise RuntimeError("of the user")
        return 100.0

    with nengo.Network(seed=0) as network:
        memory = LegendreMemory(0.2, 2, 10, freq=2, rms=0.4)
        node = nengo.Node(output, size_out=1)
        nengo.Connection(node, memory.input, synapse=None)
        back = nengo.Node(size_in=1)  # so that inputs come step by step
        nengo.Connection(memory.output[0], back, synapse=None)
        nengo.Connection(back, memory.input, synapse=0.1, transform=0.1)
    told = pytest.warns(UserWarning, match="cut off there")
    with simulator(network) as sim, told, pytest.raises(RuntimeError, match="of the"):
        sim.run(0.1)


def test_inputs_out_of_range_are_told_once():
    network, memory = fed(rms=0.05)
    with network:
        nengo.Probe(memory.output)
    with simulator(network) as sim, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sim.run_steps(300)
    (warning,) = [w for w in caught if "largest expected input" in str(w.message)]
    assert "freq" in str(warning.message) and warning.filename == __file__
    peak = np.abs(U[:300]).max() / (memory.spectrum.peak * 0.05)
    assert f"reached {peak:.2f} times" in str(warning.message)


# warnings, which are one for all threads


def kept_by_python():
    return warnings.showwarning, warnings._showwarnmsg_impl, list(warnings.filters)


def in_threads(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.filterwarnings("ignore:.*not support initial values")
@pytest.mark.parametrize("when", ["building", "running"])
def test_simulators_of_two_threads_leave_warnings_as_they_were(when):
    """The one that begins first ends first, while the other is under way."""
    begun, second, ended, armed = (threading.Event() for _ in range(4))

    def network(mine, others):
        def wait(x):
            if armed.is_set():  # Nengo calls functions when it is given them, too
                mine.set()
                others.wait(0.3)  # in vain, where one builds after the other
            return x

        with nengo.Network(seed=0) as network:
            node = nengo.Node(lambda t: wait(0.0) if when == "running" else 0.0)
            ensemble = nengo.Ensemble(10, 1)
            nengo.Connection(node, ensemble)
            target = nengo.Node(lambda t, x: x, size_in=1)
            function = wait if when == "building" else None
            nengo.Connection(ensemble, target, function=function, eval_points=[[0.0]])
        return network

    networks = network(begun, second), network(second, ended)
    early = [simulator(each) for each in networks] if when == "running" else []

    def use(k):
        sim = early[k] if early else simulator(networks[k])
        with sim:
            sim.run_steps(2)

    def first():
        use(0)
        ended.set()

    def last():
        begun.wait(10)
        use(1)

    before = kept_by_python()
    armed.set()
    in_threads(first, last)
    after = kept_by_python()
    assert [a is b for a, b in zip(before[:2], after[:2])] == [True, True]
    assert before[2] == after[2]


def test_warnings_of_others_are_shown_while_a_network_is_built():
    def warn(x):
        in_threads(lambda: warnings.warn("of another thread", stacklevel=1))
        return x

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with nengo.Network(seed=0) as network:
            ensemble, node = (
                nengo.Ensemble(10, 1),
                nengo.Node(lambda t, x: x, size_in=1),
            )
            nengo.Connection(ensemble, node, function=warn, eval_points=[[0.0], [1.0]])
        caught.clear()
        simulator(network).close()
    others = [w for w in caught if "another thread" in str(w.message)]
    assert others and all(w.filename == __file__ for w in others)
    assert all("times" not in str(w.message) for w in others)


class Failing(nengo.solvers.Solver):
    """Finds no decoders."""

    compositional = True

    def __init__(self, fail):
        super().__init__(weights=False)
        self.fail = fail

    def __call__(self, *args, **kwargs):
        self.fail(None)


@pytest.mark.filterwarnings("ignore:.*not support initial values")
def test_what_fails_still_tells_its_warnings():
    def fail(x):
        warnings.warn("before it fails", stacklevel=1)
        raise ZeroDivisionError

    with nengo.Network(seed=0) as network:
        node = nengo.Node(lambda t: fail(t) if t > 0.0015 else 0.0)
        nengo.Connection(node, nengo.Ensemble(10, 1))
    with (
        pytest.warns(UserWarning, match="before it fails"),
        pytest.raises(ZeroDivisionError),
        simulator(network) as sim,
    ):
        sim.run_steps(3)
    with nengo.Network(seed=0) as network:
        node = nengo.Node(lambda t, x: x, size_in=1)
        nengo.Connection(nengo.Ensemble(10, 1), node, solver=Failing(fail))
    with (
        pytest.warns(UserWarning, match="before it fails"),
        pytest.raises(ZeroDivisionError),
    ):
        simulator(network)
