"""Coordinated and regular spikes, against those of Nengo and by statistics."""

import pickle

import nengo
import numpy as np
import pytest
from nengo.processes import PresentInput
from scipy import stats

from simulator_cases import LANES, SEED
from spiking_lmu import Simulator
from spiking_lmu.neurons import SHIFTS, SystematicSpiking
from spiking_lmu.tuning_curves import in_order

DT = 0.001
UNLIKELY = 1e-3  # of each of the tests, whose seeds are fixed
BASES = {
    "lif": nengo.LIFRate(),
    "lif-slow": nengo.LIFRate(tau_rc=0.05, tau_ref=0.01, amplitude=0.7),
    "lif-no-refractory": nengo.LIFRate(tau_ref=0),
    "linear": nengo.RectifiedLinear(),
    "linear-amplitude": nengo.RectifiedLinear(amplitude=2.5),
    "sigmoid": nengo.Sigmoid(),
    "negative": nengo.Tanh(),
}
MAX_RATES = {
    "lif-slow": (40, 60),
    "lif-no-refractory": (500, 3000),
    "linear": (500, 3000),
}


# functions with a name, for pickle
def value(x):
    return x[0]


def square(x):
    return x[0] ** 2


def cube(x):
    return x[0] ** 3


POWERS = (value, square, cube)


class Coordinated(nengo.Network):
    """One population in the order of tuning, whose value and spikes are recorded."""

    def __init__(
        self,
        base="lif",
        shift="golden",
        n=150,
        dimensions=1,
        n_outputs=1,
        spikes=True,
        ordered=True,
        amplitude=1.0,
        seed=0,
    ):
        super().__init__(seed=seed)
        tuning = in_order(n, nengo.dists.Uniform(-1, 0.9))
        if not ordered or dimensions > 1:
            tuning = {}
        with self:
            self.stimulus = nengo.Node(PresentInput(np.zeros((1, dimensions)), DT))
            neuron_type = nengo.RegularSpiking(BASES[base], amplitude)
            if shift != "regular":
                neuron_type = SystematicSpiking(BASES[base], shift, amplitude)
            self.ensemble = nengo.Ensemble(
                n,
                dimensions,
                neuron_type=neuron_type,
                n_eval_points=300,
                max_rates=nengo.dists.Uniform(*MAX_RATES.get(base, (200, 400))),
                **tuning,
            )
            nengo.Connection(self.stimulus, self.ensemble, synapse=None)
            self.values = []
            for k in range(n_outputs):
                output = nengo.Node(size_in=1)
                nengo.Connection(
                    self.ensemble, output, function=POWERS[k], synapse=None
                )
                self.values.append(nengo.Probe(output))
            if spikes:
                self.spikes = nengo.Probe(self.ensemble.neurons)


def simulated(network, x, kind=Simulator, **options):
    """A simulator that has run the network on values (..., steps, dimensions)."""
    options = {"seed": SEED, "progress_bar": False, "optimize": False, **options}
    data = {"data": {network.stimulus: x}}
    if kind is nengo.Simulator:
        network.stimulus.output, data = PresentInput(x, DT), {}
    with kind(network, **options) as sim:
        sim.run_steps(x.shape[-2], **data)
        assert not getattr(sim, "fallbacks", ())
    return sim


def signal(n_steps, dimensions=1, seed=1):
    """Values (n_steps, dimensions) that go beyond the radius at times, and jump."""
    rng = np.random.RandomState(seed)
    slow = np.sin(np.arange(n_steps)[:, None] * rng.uniform(0.01, 0.05, dimensions))
    return 1.1 * slow + 0.1 * rng.randn(n_steps, dimensions)


def counts(sim, network):
    """Numbers of spikes (..., steps, n)."""
    found = sim.data[network.spikes] * DT / network.ensemble.neuron_type.amplitude
    assert np.allclose(found, np.round(found), atol=1e-4)
    return np.round(found)


def expected(sim, network, x):
    """Mean numbers of spikes (steps, n)."""
    one = nengo.Simulator(network, progress_bar=False, optimize=False)
    with one as built:
        rates = nengo.builder.ensemble.get_activities(
            built.data[network.ensemble], network.ensemble, x
        )
    return rates * DT / network.ensemble.neuron_type.amplitude


def assert_same_spikes(found, reference):
    """Equal but where a running sum is within rounding of a whole number.

    A neuron further along the order then spikes instead, in that step only.
    """
    assert np.mean(np.any(found != reference, axis=-1)) < 0.01
    along = np.cumsum(found - reference, axis=-1)
    assert np.abs(along).max() <= 1
    assert np.any(reference)


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("shift", ["golden", "carry"])
@pytest.mark.parametrize("base", BASES)
def test_spikes_are_those_of_nengo(base, shift, optimize):
    network, x = Coordinated(base, shift, n_outputs=2, amplitude=0.3), signal(200)
    reference = simulated(network, x, nengo.Simulator)
    found = simulated(network, x, optimize=optimize)
    assert_same_spikes(counts(found, network), counts(reference, network))
    for probe in network.values:
        differ = ~np.isclose(found.data[probe], reference.data[probe], atol=1e-9)
        assert np.mean(differ) < 0.01


@pytest.mark.parametrize(
    "base, kwargs",
    [
        ("lif", {"ordered": False}),
        ("lif", {"dimensions": 3}),
        ("linear", {"n": 1}),
        ("lif", {"n": 1100}),
        ("linear", {"n": 1100, "n_outputs": 3}),
        ("lif", {"n": 1100, "shift": "carry"}),
        ("lif", {"ordered": False, "shift": "carry"}),
        ("linear", {"n": 1, "shift": "carry"}),
    ],
)
def test_spikes_of_other_populations(base, kwargs):
    network = Coordinated(base, **kwargs)
    x = signal(150, kwargs.get("dimensions", 1))
    reference = simulated(network, x, nengo.Simulator)
    found = simulated(network, x, optimize=True)
    assert_same_spikes(counts(found, network), counts(reference, network))


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("base", ["lif", "linear", "sigmoid"])
def test_values_alone_are_those_with_spikes(base, shift):
    x, values = signal(200), []
    for spikes in (True, False):
        network = Coordinated(base, shift, spikes=spikes)
        sim = simulated(network, x, optimize=True)
        values.append(sim.data[network.values[0]])
    np.testing.assert_allclose(*values, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize(
    "base, shift",
    [
        ("lif", "golden"),
        ("linear", "golden"),
        ("negative", "golden"),
        ("lif", "carry"),
        ("linear", "carry"),
    ],
)
def test_spikes_side_by_side(base, shift, optimize):
    network, x = (
        Coordinated(base, shift),
        np.stack([signal(100, seed=k) for k in range(LANES)]),
    )
    many = simulated(network, x, minibatch_size=LANES, optimize=optimize)
    for lane in range(LANES):
        reference = simulated(network, x[lane], nengo.Simulator)
        assert_same_spikes(counts(many, network)[lane], counts(reference, network))


@pytest.mark.parametrize("base", ["lif", "lif-slow", "linear"])
@pytest.mark.parametrize("ordered", [False, True])
def test_regular_spikes_are_those_of_nengo(base, ordered):
    """But where a voltage is within rounding of a whole number."""
    network = Coordinated(base, "regular", n_outputs=2, ordered=ordered)
    x = np.stack([signal(200, seed=k) for k in range(LANES)])
    many = simulated(network, x, minibatch_size=LANES, optimize=True)
    one = simulated(network, x[0], optimize=True)
    for lane in range(LANES):
        reference = simulated(network, x[lane], nengo.Simulator)
        expected = counts(reference, network)
        assert np.any(expected)
        found = [counts(many, network)[lane]]
        found += [counts(one, network)] if lane == 0 else []
        for spikes in found:
            assert np.mean(spikes != expected) < 1e-3
            assert np.abs(np.cumsum(spikes - expected, axis=0)).max() <= 1
        for probe in network.values if lane == 0 else ():
            differ = ~np.isclose(one.data[probe], reference.data[probe], atol=1e-9)
            assert np.mean(differ) < 0.01


@pytest.mark.parametrize("optimize", [False, True])
def test_random_spikes_side_by_side_differ(optimize):
    network, x = Coordinated(shift="random"), np.full((LANES, 100, 1), 0.3)
    first = counts(
        simulated(network, x, minibatch_size=LANES, optimize=optimize), network
    )
    again = counts(
        simulated(network, x, minibatch_size=LANES, optimize=optimize), network
    )
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first, axis=0)) == LANES


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("base", ["lif", "linear"])
def test_each_neuron_is_random_and_all_together_are_not(base, optimize):
    network = Coordinated(base, "random", n=60)
    x = np.full((8000, 1), 0.4)
    sim = simulated(network, x, optimize=optimize)
    spikes, mean = counts(sim, network), expected(sim, network, x[:1])[0]
    total = spikes.sum(axis=1)
    assert set(total) == {np.floor(mean.sum()), np.ceil(mean.sum())}
    share = mean.sum() % 1
    assert abs(np.mean(total > mean.sum()) - share) < 4 * np.sqrt(
        share * (1 - share) / len(x)
    )
    # floor of the mean, and one more with the probability of the rest
    low = np.floor(mean)
    assert np.all((spikes == low) | (spikes == low + 1))
    rest = mean - low
    variance = rest * (1 - rest)
    active = variance > 1e-3
    assert np.count_nonzero(active) > 20
    z = (spikes - mean)[:, active] / np.sqrt(variance[active])
    highest = stats.norm.isf(UNLIKELY / np.count_nonzero(active))
    assert np.abs(z.sum(axis=0) / np.sqrt(len(x))).max() < highest
    assert abs(np.mean(z**2) - 1) < 0.05
    for lag in (1, 2, 10):
        products = (z[lag:] * z[:-lag]).sum(axis=0) / np.sqrt(len(z) - lag)
        assert np.abs(products).max() < highest


@pytest.mark.parametrize("minibatch_size", [None, 2])
@pytest.mark.parametrize("spikes", [False, True])
@pytest.mark.parametrize("shift", SHIFTS)
def test_spikes_are_repeatable(shift, spikes, minibatch_size):
    network = Coordinated(shift=shift, spikes=spikes)
    options = {"progress_bar": False, "seed": SEED, "minibatch_size": minibatch_size}
    (probe,) = network.values
    with Simulator(network, **options) as sim:
        sim.run_steps(20)
        first = sim.data[probe].copy()
        pickled = pickle.dumps(sim)
        sim.reset()
        sim.run_steps(40)
        longer = sim.data[probe].copy()
        sim.reset(seed=SEED + 1)
        sim.run_steps(20)
        assert np.array_equal(sim.data[probe], first) == (shift != "random")
    np.testing.assert_array_equal(longer[..., :20, :], first)
    with pickle.loads(pickled) as sim:
        (probe,) = sim.model.toplevel.values
        np.testing.assert_array_equal(sim.data[probe], first)
        sim.run_steps(20)
        np.testing.assert_array_equal(sim.data[probe], longer)


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("minibatch_size", [None, 2])
@pytest.mark.parametrize("shift", ["golden", "carry"])
def test_offsets_can_be_recorded(shift, optimize, minibatch_size):
    network = Coordinated("lif", shift, n=5)
    with network:
        probe = nengo.Probe(network.ensemble.neurons, "offset")
    reference = simulated(network, signal(30), nengo.Simulator).data[probe]
    network.stimulus.output = PresentInput(signal(30), DT)
    options = {"optimize": optimize, "minibatch_size": minibatch_size}
    with Simulator(network, progress_bar=False, **options) as sim:
        sim.run_steps(30)
        found = sim.data[probe].reshape(-1, 30, 5)
    np.testing.assert_allclose(found, [reference] * len(found), rtol=1e-12)


def test_populations_that_the_optimizer_has_joined():
    """Each has an offset of its own."""
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node(PresentInput(signal(100), DT))
        probes = []
        for seed in range(3):
            kind = SystematicSpiking(nengo.LIFRate(), "golden")
            ensemble = nengo.Ensemble(40, 1, seed=seed, neuron_type=kind)
            nengo.Connection(stimulus, ensemble, synapse=0.01)
            probes.append(nengo.Probe(ensemble.neurons))
    with nengo.Simulator(network, progress_bar=False) as reference:
        reference.run_steps(100)
        known = [np.round(reference.data[probe] * DT) for probe in probes]
    model = reference.model
    assert any(
        isinstance(o.neurons, SystematicSpiking) and o.output.size == 120
        for o in model.operators
        if hasattr(o, "neurons")
    )
    with Simulator(None, model=model, progress_bar=False) as sim:
        sim.run_steps(100)
        for probe, spikes in zip(probes, known, strict=True):
            assert_same_spikes(np.round(sim.data[probe] * DT), spikes)


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize(
    "base, shift", [("lif", "golden"), ("linear", "golden"), ("lif", "carry")]
)
def test_a_value_that_is_not_a_number_gives_none(base, shift, optimize):
    """A running sum that goes on from step to step is lost for good, as in Nengo."""
    network = Coordinated(base, shift)
    network.stimulus.output = [0.5]
    with Simulator(network, progress_bar=False, optimize=optimize) as sim:
        for number in (0.5, np.nan, 0.4):
            sim.signals[sim.model.sig[network.stimulus]["out"]] = number
            sim.run_steps(1)
        good = np.isfinite(sim.data[network.spikes])
        bad = [False, True, shift == "carry"]
        np.testing.assert_array_equal(good.all(axis=1), np.logical_not(bad))
        assert not good[1].any()
        np.testing.assert_array_equal(np.isnan(sim.data[network.values[0]])[:, 0], bad)
