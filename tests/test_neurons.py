"""Neurons' types and where they are tuned."""

import warnings

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.stats import chi2, kstest

from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import (
    NEURON_TYPES,
    SystematicSpiking,
    coordinated,
    firing_rates,
    neuron_type,
    poisson,
)
from spiking_lmu.tuning_curves import (
    EqualRates,
    OrderedIntercepts,
    in_order,
    spread_intercepts,
    tuned_eval_points,
)

# types


def test_neuron_types_by_name():
    types = {name: neuron_type(name) for name in NEURON_TYPES}
    assert isinstance(types["poisson"], nengo.PoissonSpiking)
    assert isinstance(types["lif"], nengo.LIF)
    assert isinstance(types["relu"], nengo.SpikingRectifiedLinear)
    assert isinstance(types["rate"], nengo.LIFRate)
    assert [name for name in types if not types[name].spiking] == ["rate"]
    for name in ("coordinated", "coordinated-relu"):
        assert isinstance(types[name], SystematicSpiking)
        assert types[name].shift == "random"
        assert types[name.replace("ed", "ed-golden", 1)].shift == "golden"
    assert isinstance(types["regular"], nengo.RegularSpiking)
    for name, kind in types.items():
        base = getattr(kind, "base_type", kind)
        linear = isinstance(base, (nengo.RectifiedLinear, nengo.SpikingRectifiedLinear))
        assert linear == name.endswith("relu")


def test_poisson_rates_are_those_of_lif():
    x = np.linspace(-1, 1, 21)[:, None] * np.ones(2)
    gain, bias = nengo.LIFRate().gain_bias(np.array([200.0, 400]), np.array([-0.5, 0]))
    np.testing.assert_allclose(
        poisson().rates(x, gain, bias), nengo.LIFRate().rates(x, gain, bias)
    )


@pytest.mark.parametrize(
    "neuron_type",
    [
        nengo.LIFRate(tau_rc=0.03, tau_ref=0.001, amplitude=0.5),
        nengo.LIF(),
        nengo.AdaptiveLIFRate(),
        nengo.Sigmoid(),
        poisson(),
        nengo.RegularSpiking(nengo.LIFRate(amplitude=2), amplitude=3),
        nengo.StochasticSpiking(nengo.RectifiedLinear()),
        SystematicSpiking(nengo.LIFRate(), "golden", amplitude=2),
    ],
)
def test_rates_are_nengos_to_the_last_bit(neuron_type):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 40))
    x[0] = 0
    gain, bias = rng.uniform(0, 5, 40), rng.normal(size=40)
    bias[0], gain[1] = 1, 0  # at its threshold; hears nothing
    found = firing_rates(neuron_type, x, gain, bias)
    np.testing.assert_array_equal(found, neuron_type.rates(x, gain, bias))
    assert found.std() > 0


def test_poisson_spikes_are_poisson():
    """Counts in steps: of the LIF rate, as much variance as mean, not correlated."""
    dt, seconds, value = 0.001, 5, 0.4
    with nengo.Network(seed=0) as model:
        stimulus = nengo.Node(value)
        ensemble = nengo.Ensemble(
            40, 1, neuron_type=poisson(), encoders=np.ones((40, 1)), seed=1
        )
        nengo.Connection(stimulus, ensemble, synapse=None)
        probe = nengo.Probe(ensemble.neurons)
    with nengo.Simulator(model, dt=dt, progress_bar=False) as sim:
        sim.run(seconds, progress_bar=False)
    counts = sim.data[probe][10:] * dt
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    built = sim.data[ensemble]
    expected = (
        nengo.LIFRate().rates(np.full((1, 40), value), built.gain, built.bias)[0] * dt
    )
    mean, active = counts.mean(axis=0), expected > 0
    assert 20 < active.sum() < 40
    np.testing.assert_array_equal(mean[~active], 0)
    counts, mean, expected = counts[:, active], mean[active], expected[active]
    deviations = (mean - expected) / np.sqrt(expected / len(counts))
    assert np.abs(deviations).max() < 4
    assert np.std(deviations) < 1.4
    # dispersion: a sum of n variances over the mean is chi-squared
    total = np.sum((counts - mean) ** 2 / mean)
    degrees = counts.size - mean.size
    assert chi2.cdf(total, degrees) == pytest.approx(0.5, abs=0.4999)
    assert total / degrees == pytest.approx(1, abs=0.02)
    normal = (counts - mean) / np.sqrt(mean)
    between = normal.T @ normal / len(normal) - np.eye(len(mean))
    assert np.abs(between - np.diag(np.diag(between))).max() < 5 / np.sqrt(len(normal))
    assert np.abs(np.mean(normal[1:] * normal[:-1])) < 4 / np.sqrt(normal.size)


def record(kind, J, n_steps, dt=0.001, seed=0):
    """Numbers of spikes (n_steps, n) of a population whose rates are J."""
    J = np.asarray(J, dtype=float)
    output = np.empty(len(J))
    state = kind.make_state(len(J), rng=np.random.RandomState(seed))
    counts = []
    for _ in range(n_steps):
        kind.step(dt, J, output, **state)
        counts.append(output * dt / kind.amplitude)
    return np.array(counts)


@pytest.mark.parametrize("shift", ["random", "golden"])
def test_coordinated_spikes_are_systematic_samples(shift):
    """Of neurons in a row, as many spike as are expected, rounded up or down."""
    J = np.random.default_rng(0).uniform(0, 400, 100)
    counts = record(SystematicSpiking(nengo.LIFRate(), shift), J, 200)
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    assert set(np.round(counts.ravel())) == {0, 1}
    for part in (slice(0, 7), slice(20, 60), slice(0, 100)):
        expected = np.sum(J[part]) * 0.001
        off = np.round(counts[:, part].sum(axis=1)) - expected
        assert np.abs(off).max() < 1 + 1e-9


def test_each_coordinated_neuron_is_poisson():
    """Alone, a neuron is a coin of probability r dt, independent from step to step."""
    J = np.random.default_rng(1).uniform(20, 300, 50)
    n = 20_000
    counts = np.round(record(SystematicSpiking(nengo.LIFRate()), J, n))
    p = J * 0.001
    mean = counts.mean(axis=0)
    assert np.abs((mean - p) / np.sqrt(p * (1 - p) / n)).max() < 4.5
    np.testing.assert_array_equal(counts, counts**2)
    # steps do not know of each other: correlations up to ten steps later
    normal = (counts - p) / np.sqrt(p * (1 - p))
    for lag in (1, 2, 3, 10):
        correlation = np.mean(normal[lag:] * normal[:-lag], axis=0)
        assert np.abs(correlation).max() * np.sqrt(n) < 4.5
    # so that intervals between spikes are geometric
    for k in (0, 25, 49):
        intervals = np.diff(np.flatnonzero(counts[:, k]))
        tail = [np.mean(intervals > m) - (1 - p[k]) ** m for m in (1, 3, 10)]
        assert np.abs(tail).max() < 4.5 * 0.5 / np.sqrt(len(intervals))


def test_high_rates_give_several_coordinated_spikes():
    counts = record(SystematicSpiking(nengo.RectifiedLinear()), [2500.0, 400.0], 5000)
    np.testing.assert_allclose(np.unique(counts[:, 0]), [2, 3], atol=1e-9)
    assert counts[:, 0].mean() == pytest.approx(2.5, abs=4 * 0.5 / np.sqrt(5000))


def test_coordinated_spikes_may_be_negative():
    counts = record(SystematicSpiking(nengo.Tanh()), [300.0, -300.0, -200.0], 5000)
    assert set(np.round(np.unique(counts))) == {-1, 0, 1}
    assert (counts[:, 0] >= 0).all() and (counts[:, 1:] <= 1e-12).all()
    margin = 4 * 0.5 / np.sqrt(5000)
    np.testing.assert_allclose(counts.mean(axis=0), [0.3, -0.3, -0.2], atol=margin)


def test_golden_shifts_advance_by_the_golden_ratio():
    """The sum of the spikes of many steps is off by no more than a few."""
    counts = record(SystematicSpiking(nengo.LIFRate(), "golden"), [123.4, 321.0], 3000)
    for n in (10, 100, 1000, 3000):
        off = counts[:n].sum(axis=0) - n * 0.001 * np.array([123.4, 321.0])
        assert np.abs(off).max() < 4  # of independent steps: up to 30


def test_joined_populations_keep_their_own_shifts():
    """Nengo's optimizer makes one step of two populations."""
    kind = SystematicSpiking(nengo.RectifiedLinear())
    with nengo.Network(seed=0) as model:
        parts = [
            nengo.Ensemble(
                n, 1, neuron_type=kind, gain=np.ones(n), bias=np.full(n, 130.0)
            )
            for n in (7, 20)
        ]
        probes = [nengo.Probe(part.neurons) for part in parts]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Extra state has been modified")
        sim = nengo.Simulator(model, progress_bar=False, optimize=True)
    with sim:
        assert sum("SimNeurons" in str(op) for op in sim.model.operators) == 2
        sim.run_steps(2000, progress_bar=False)
    for probe, n in zip(probes, (7, 20)):
        total = sim.data[probe].sum(axis=1) * 0.001
        assert np.abs(total - n * 0.13).max() < 1
    one, other = (sim.data[probe][:, 0] for probe in probes)
    assert np.abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(2000)


@pytest.mark.parametrize("shift", ["random", "golden"])
def test_decoders_account_for_the_height_of_coordinated_spikes(shift):
    decoded = {}
    for amplitude in (1.0, 0.25):
        kind = SystematicSpiking(nengo.LIFRate(), shift, amplitude=amplitude)
        with nengo.Network(seed=0) as model:
            stimulus = nengo.Node(0.5)
            ensemble = nengo.Ensemble(200, 1, neuron_type=kind)
            nengo.Connection(stimulus, ensemble)
            probe = nengo.Probe(ensemble, synapse=0.02)
        with nengo.Simulator(model, progress_bar=False) as sim:
            sim.run(0.5, progress_bar=False)
        decoded[amplitude] = sim.data[probe][200:].mean()
    assert decoded[0.25] == pytest.approx(0.5, abs=0.02)
    assert decoded[0.25] == pytest.approx(decoded[1.0], abs=1e-9)


# tuning


@pytest.mark.parametrize("headroom", [1.0, 4.0, 40.0, 400.0])
def test_optimal_intercepts_are_even_in_asinh(headroom):
    x = spread_intercepts(headroom).sample(20_000, rng=np.random.RandomState(0))
    edge = np.arcsinh(0.9 * headroom)
    assert np.abs(x).max() == pytest.approx(0.9)
    even = np.arcsinh(headroom * x) / edge
    assert kstest(even, "uniform", (-1, 2)).pvalue > 1e-3
    quantiles = np.quantile(even, np.linspace(0.05, 0.95, 19))
    np.testing.assert_allclose(quantiles, np.linspace(-0.9, 0.9, 19), atol=0.03)


def test_equal_intercepts_are_nengos():
    intercepts = spread_intercepts(10.0, "equal")
    assert intercepts == nengo.dists.Uniform(-1.0, 0.9)


@pytest.mark.parametrize("headroom", [4.0, 16.0, 64.0, 400.0])
def test_evaluation_points(headroom):
    points = tuned_eval_points(headroom)
    assert points.shape == (1500, 1)
    np.testing.assert_allclose(np.sort(points, 0), np.sort(-points, 0), atol=1e-12)
    assert points.max() == pytest.approx(1)
    usual, wide = points[:1350, 0] * headroom, points[1350:, 0] * headroom
    assert usual.mean() == pytest.approx(0, abs=1e-9)
    assert usual.std() == pytest.approx(1, rel=5e-3)
    assert np.mean(usual**4) == pytest.approx(3, rel=0.03)
    steps = np.diff(np.arcsinh(wide))
    np.testing.assert_allclose(steps, steps[0])


def test_evaluation_points_stay_within_the_radius():
    assert np.abs(tuned_eval_points(1.0)).max() == 1


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_neurons_in_order_of_tuning(n):
    order = in_order(n, nengo.dists.Uniform(-1, 1))
    encoders = order["encoders"][:, 0]
    intercepts = order["intercepts"].sample(n, rng=np.random.RandomState(0))
    assert encoders.tolist() == [-1.0] * (n // 2) + [1.0] * (n - n // 2)
    for side in (intercepts[encoders < 0], intercepts[encoders > 0]):
        there, back = np.split(side, [(len(side) + 1) // 2])
        assert (np.diff(there) > 0).all() and (np.diff(back) < 0).all()
        # every other one is left for the way back
        ranks = np.argsort(np.argsort(side))
        np.testing.assert_array_equal(ranks[: len(there)], 2 * np.arange(len(there)))


def test_intercepts_in_order_are_evenly_spaced_in_their_distribution():
    order = in_order(400, spread_intercepts(10.0))
    intercepts = order["intercepts"].sample(400, rng=np.random.RandomState(0))
    grid = np.sinh(np.linspace(-1, 1, 201) * np.arcsinh(9.0)) / 10
    for side in (intercepts[:200], intercepts[200:]):
        # quantiles of 6,400 values err by up to 3 / sqrt(4 * 6400), and 200 by a half
        fractions = np.searchsorted(np.sort(side), grid) / 200
        np.testing.assert_allclose(fractions, np.linspace(0, 1, 201), atol=0.03)
        # random ones would have gaps that vary by as much as they are long
        gaps = np.diff(np.arcsinh(10 * np.sort(side)))
        assert gaps.std() < 0.3 * gaps.mean()
    assert np.any(intercepts != order["intercepts"].sample(400, rng=np.random))


def test_given_intercepts_are_put_in_order():
    given = [0.3, -0.2, 0.1, 0.9, -0.5, 0.0]
    expected = [-0.2, 0.3, 0.1, -0.5, 0.9, 0.0]
    for same in (given, nengo.dists.Samples(given)):
        assert OrderedIntercepts(same).sample(6).tolist() == expected


def test_equal_rates_are_the_mean_of_the_given_ones():
    rates = EqualRates(nengo.dists.Uniform(20, 40)).sample(50)
    # a mean of 1,600 values, of deviation 20 / sqrt(12)
    assert np.ptp(rates) == 0
    assert rates[0] == pytest.approx(30, abs=5 * 20 / np.sqrt(12 * 1600))
    assert EqualRates([20.0, 60.0]).sample(2).tolist() == [40, 40]


def test_a_memory_has_its_coordinated_neurons_in_order():
    for kind in (coordinated(), poisson()):
        with nengo.Network(seed=0) as model:
            memory = LegendreMemory(0.5, 2, 50, neuron_type=kind)
        with nengo.Simulator(model, progress_bar=False) as sim:
            for ensemble in memory.ensembles:
                built = sim.data[ensemble]
                turns = [
                    np.count_nonzero(np.diff(np.sign(np.diff(side))))
                    for side in np.split(built.intercepts, [len(built.gain) // 2])
                ]
                if kind == coordinated():
                    assert turns == [1, 1]  # there and back
                    assert np.ptp(built.max_rates) < 1e-6
                else:
                    assert max(turns) > 3
                    assert np.ptp(built.max_rates) > 100


# what is refused

NOT_POSITIVE = [0, -1, np.nan, np.inf, "1", None, [], [1, 2], True, 1j]
NO_HEADROOMS = [*NOT_POSITIVE, 0.99]


@pytest.mark.parametrize(
    "name, call, values",
    [
        ("neuron_type", neuron_type, ["", "LIF", None, 1, nengo.LIF, ["lif"]]),
        ("headroom", spread_intercepts, NO_HEADROOMS),
        ("allocation", lambda bad: spread_intercepts(4.0, bad), ["", None, 1, "even"]),
        ("headroom", tuned_eval_points, NO_HEADROOMS),
        (
            "n_neurons",
            lambda bad: in_order(bad, nengo.dists.Uniform(-1, 1)),
            [0, -1, 2.0, np.nan, "2", None, [], [2], True],
        ),
    ],
)
def test_refused(name, call, values):
    for bad in values:
        with pytest.raises(ValidationError, match=f"^{name}: must be"):
            call(bad)


@pytest.mark.filterwarnings("ignore:.*is a spiking neuron type")
def test_coordinated_neurons_of_coordinated_neurons_are_refused():
    with pytest.raises(ValidationError, match="overlapping state variable"):
        SystematicSpiking(coordinated())
