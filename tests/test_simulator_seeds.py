"""Random numbers: the same after a reset, in another process, from a file."""

import pickle
import subprocess
import sys
from pathlib import Path

import nengo
import numpy as np
import pytest

import simulator_cases
import spiking_lmu
from simulator_cases import Feedback, assert_same, both, recorded, simulator


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


@pytest.mark.slow  # another Python loads everything
@pytest.mark.parametrize("n_threads", ["1", "2"])
def test_another_process_gives_the_same_numbers(n_threads):
    # decoders are solved anew, as here, and by one thread however many there are
    code = "import nengo; nengo.rc.set('decoder_cache', 'enabled', 'False')\n"
    code += "import simulator_cases; print(simulator_cases.fingerprint())"
    folder = str(Path(simulator_cases.__file__).parent)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), n_threads)
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": folder, **threads},
        capture_output=True,
        check=True,
        text=True,
    )
    assert other.stdout.strip() == simulator_cases.fingerprint()


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
