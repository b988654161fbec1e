"""Neurons' types, where they are tuned and how they are decoded."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.stats import chi2, kstest

from spiking_lmu.neurons import (
    NEURON_TYPES,
    PoissonL2,
    alternating_encoders,
    neuron_type,
    noise_tau,
    poisson,
    spread_intercepts,
    tuned_eval_points,
)
from spiking_lmu.populations import draw_population

# types


def test_neuron_types_by_name():
    types = {name: neuron_type(name) for name in NEURON_TYPES}
    assert isinstance(types["poisson"], nengo.PoissonSpiking)
    assert isinstance(types["lif"], nengo.LIF)
    assert isinstance(types["relu"], nengo.SpikingRectifiedLinear)
    assert isinstance(types["rate"], nengo.LIFRate)
    assert [name for name in types if not types[name].spiking] == ["rate"]


def test_poisson_rates_are_those_of_lif():
    x = np.linspace(-1, 1, 21)[:, None] * np.ones(2)
    gain, bias = nengo.LIFRate().gain_bias(np.array([200.0, 400]), np.array([-0.5, 0]))
    np.testing.assert_allclose(
        poisson().rates(x, gain, bias), nengo.LIFRate().rates(x, gain, bias)
    )


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


def test_alternating_encoders():
    np.testing.assert_array_equal(alternating_encoders(3), [[1], [-1], [1]])


def test_noise_averages_out_longer_in_slower_and_larger_populations():
    assert noise_tau(0.2, 100) == pytest.approx(2 * noise_tau(0.1, 100))
    assert noise_tau(0.1, 200) == pytest.approx(2 * noise_tau(0.1, 100))


# decoders


def activities(n_points, n_neurons, seed=0):
    rng = np.random.RandomState(seed)
    points = np.linspace(-1, 1, n_points)[:, None]
    gain, bias = nengo.LIFRate().gain_bias(
        rng.uniform(200, 400, n_neurons), rng.uniform(-1, 0.9, n_neurons)
    )
    encoders = rng.choice([-1, 1], n_neurons)
    return nengo.LIFRate().rates(points * encoders, gain, bias), points


@pytest.mark.parametrize(
    "n_points, n_neurons", [(200, 30), (30, 200), (50, 50), (1, 1)]
)
@pytest.mark.parametrize("tau", [0.005, 0.5, 50.0])
def test_decoders_solve_the_augmented_system(n_points, n_neurons, tau):
    """Noise of a Poisson train through a lowpass, as rows below the activities."""
    A, x = activities(n_points, n_neurons)
    Y = np.hstack([x, x**2])
    decoders, info = PoissonL2(tau)(A, Y)
    rates = A.mean(axis=0)
    rates = rates + 0.01 * rates.mean()
    rows = np.vstack([A / np.sqrt(n_points), np.diag(np.sqrt(rates / (2 * tau)))])
    targets = np.vstack([Y / np.sqrt(n_points), np.zeros((n_neurons, 2))])
    expected = np.linalg.lstsq(rows, targets, rcond=None)[0]
    np.testing.assert_allclose(
        decoders, expected, rtol=1e-6, atol=1e-8 * abs(expected).max()
    )
    rmses = np.sqrt(np.mean((A @ decoders - Y) ** 2, axis=0))
    np.testing.assert_allclose(info["rmses"], rmses)


def test_decoders_trade_distortion_for_noise():
    A, x = activities(300, 50)
    quick, slow = (PoissonL2(tau)(A, x) for tau in (0.01, 10.0))
    assert slow[1]["rmses"] < quick[1]["rmses"]
    noise = [(A @ decoders**2).mean() for decoders in (quick[0], slow[0])]
    assert noise[0] < noise[1]


@pytest.mark.parametrize("n_neurons", [30, 400])
@pytest.mark.parametrize("height", [0.001, 0.5, 100])
def test_decoders_scale_with_one_over_the_height_of_spikes(height, n_neurons):
    A, x = activities(300, n_neurons)
    decoders, info = PoissonL2(0.1)(A, x)
    scaled, scaled_info = PoissonL2(0.1, height=height)(height * A, x)
    np.testing.assert_allclose(scaled * height, decoders, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(scaled_info["rmses"], info["rmses"], rtol=1e-6)


def test_silent_neurons_are_not_decoded():
    A, x = activities(100, 20)
    A[:, 3] = 0
    assert PoissonL2()(A, x)[0][3] == 0
    np.testing.assert_array_equal(PoissonL2()(0 * A, x)[0], 0)


@pytest.mark.parametrize("n_neurons", [20, 80])
def test_solver_within_nengo(n_neurons):
    """Weights are the decoders times the encoders of the other population."""
    points = tuned_eval_points(4.0)[::30]
    with nengo.Network(seed=0) as model:
        pre = nengo.Ensemble(n_neurons, 1, neuron_type=poisson(), radius=2.0)
        post = nengo.Ensemble(9, 1, neuron_type=poisson(), radius=0.5)
        decoded, full = (
            nengo.Connection(pre, post, solver=solver, eval_points=points, seed=3)
            for solver in (PoissonL2(0.5), PoissonL2(0.5, weights=True))
        )
    with nengo.Simulator(model, progress_bar=False) as sim:
        decoders = sim.data[decoded].weights
        weights = sim.data[full].weights
    expected = sim.data[post].scaled_encoders @ decoders
    assert weights.shape == (9, n_neurons)
    np.testing.assert_allclose(weights, expected, atol=1e-8 * np.abs(expected).max())
    activity = nengo.builder.ensemble.get_activities(sim.data[pre], pre, 2.0 * points)
    np.testing.assert_allclose(decoders.T, PoissonL2(0.5)(activity, 2.0 * points)[0])


@pytest.mark.parametrize("allocation", ["optimal", "equal"])
@pytest.mark.parametrize("headroom", [4.0, 16.0, 64.0])
def test_distortion_is_small_beside_noise(headroom, allocation):
    """Of 100 neurons, in deviations; noise after the filter of the decoders."""
    ratios = []
    x = np.random.default_rng(0).normal(size=2000)
    for seed in range(5):
        rng = np.random.RandomState(seed)
        population = draw_population(100, headroom, headroom, 0.1, rng, allocation)
        within = np.clip(x, -headroom, headroom)
        distortion = np.sqrt(np.mean((population.decode(within) - within) ** 2))
        # what a filter of this time constant leaves of white noise
        rest = 0.001 / (2 * noise_tau(0.1, 100))
        noise = np.sqrt(population.noise(1.0, 0.001) * rest)
        ratios.append(distortion / noise)
    # about 0.4 on average, and up to 0.8 where neurons are spread evenly over 64
    limit = 1.0 if (headroom, allocation) == (64.0, "equal") else 0.6
    assert np.max(ratios) < limit
    assert np.mean(ratios) < 0.8 * limit


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
        ("tau", lambda bad: noise_tau(bad, 10), NOT_POSITIVE),
        ("n_neurons", lambda bad: noise_tau(0.1, bad), [0, 1.5, None, "1", True]),
        ("noise_tau", PoissonL2, NOT_POSITIVE),
        (
            "n_neurons",
            alternating_encoders,
            [0, -1, 2.0, np.nan, "2", None, [], [2], True],
        ),
    ],
)
def test_refused(name, call, values):
    for bad in values:
        with pytest.raises(ValidationError, match=f"^{name}: must be"):
            call(bad)
