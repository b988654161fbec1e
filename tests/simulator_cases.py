"""What tests of the simulator share: comparisons, and a network with many parts."""

import hashlib

import nengo
import numpy as np

import spiking_lmu

BOTH = [nengo.Simulator, spiking_lmu.Simulator]
LANES, SEED = 3, 5  # of minibatches


def assert_close(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


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


def fingerprint():
    """Digest of what a network with random spikes gives, the optimizer at work."""
    with nengo.Network(seed=1) as network:
        stimulus = nengo.Node(nengo.processes.WhiteSignal(1, 10))
        probes = []
        for rates in (nengo.LIFRate(), nengo.Tanh(), nengo.RectifiedLinear()):
            neurons = nengo.PoissonSpiking(rates)
            population = nengo.Ensemble(100, 1, neuron_type=neurons)
            nengo.Connection(stimulus, population)
            nengo.Connection(population, population)
            probes.append(nengo.Probe(population))
    with spiking_lmu.Simulator(network, progress_bar=False) as sim:
        sim.run_steps(100)
    values = np.concatenate([sim.data[probe] for probe in probes])
    assert np.ptp(values) > 0
    return hashlib.sha256(values.tobytes()).hexdigest()
