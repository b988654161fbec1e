"""Decoders that weigh distortion against noise, at any number of neurons."""

import tracemalloc

import nengo
import numpy as np
import pytest
from nengo.builder.connection import build_solver
from nengo.exceptions import BuildError, ValidationError

from spiking_lmu import tuning_curves
from spiking_lmu.decoders import BLOCK, PoissonL2, noise_tau
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import poisson
from spiking_lmu.populations import Population, draw_population
from spiking_lmu.tuning_curves import tuned_eval_points


def test_noise_averages_out_longer_in_slower_and_larger_populations():
    assert noise_tau(0.2, 100) == pytest.approx(2 * noise_tau(0.1, 100))
    assert noise_tau(0.1, 200) == pytest.approx(2 * noise_tau(0.1, 100))


def activities(n_points, n_neurons, seed=0):
    rng = np.random.RandomState(seed)
    points = np.linspace(-1, 1, n_points)[:, None]
    gain, bias = nengo.LIFRate().gain_bias(
        rng.uniform(200, 400, n_neurons), rng.uniform(-1, 0.9, n_neurons)
    )
    encoders = rng.choice([-1, 1], n_neurons)
    return nengo.LIFRate().rates(points * encoders, gain, bias), points


@pytest.mark.parametrize(
    "n_points, n_neurons", [(200, 30), (30, 200), (30, 2 * BLOCK + 1), (50, 50), (1, 1)]
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


# many neurons


def decoded(n_neurons, neuron_type, points, dimensions=1, **tuning):
    """A network, and a connection that decodes an ensemble at these points."""
    with nengo.Network(seed=0) as network:
        ensemble = nengo.Ensemble(
            n_neurons,
            dimensions,
            radius=2.0,
            neuron_type=neuron_type,
            **tuning,
        )
        connection = nengo.Connection(
            ensemble,
            nengo.Node(size_in=dimensions),
            solver=PoissonL2(0.5),
            eval_points=points,
            seed=1,
        )
    return network, connection


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize(
    "neuron_type",
    [poisson(), nengo.SpikingRectifiedLinear(), nengo.Tanh(), nengo.Sigmoid()],
    ids=lambda neuron_type: type(neuron_type).__name__,
)
def test_builder_solves_as_nengo_would(neuron_type, dimensions):
    """With more neurons than points: Nengo's way computes all activities at once."""
    rates = {"max_rates": nengo.dists.Uniform(200, 400)}
    points = nengo.dists.UniformHypersphere()  # drawn from the connection's seed
    network, connection = decoded(
        2 * BLOCK + 7, neuron_type, points, dimensions, n_eval_points=50, **rates
    )
    model = nengo.builder.Model()
    model.build(network)
    built = model.params[connection]
    rng = np.random.RandomState(model.seeds[connection])
    expected_points, expected, info = build_solver(
        model, connection.solver, connection, rng
    )
    np.testing.assert_array_equal(built.eval_points, expected_points)
    assert built.eval_points.shape == (50, dimensions)
    np.testing.assert_allclose(
        built.weights, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max()
    )
    np.testing.assert_allclose(built.solver_info["rmses"], info["rmses"], rtol=1e-6)


@pytest.mark.parametrize("n_neurons", [10, 1000])
def test_silent_neurons_are_refused_as_by_nengo(n_neurons):
    points = np.linspace(-0.5, 0.5, 20)[:, None]
    network, connection = decoded(
        n_neurons, poisson(), points, intercepts=nengo.dists.Choice([0.7])
    )
    model = nengo.builder.Model()
    with pytest.raises(BuildError) as refused:
        model.build(network)
    with pytest.raises(BuildError) as expected:
        build_solver(model, connection.solver, connection, np.random)
    assert str(refused.value) == str(expected.value)


def test_memories_of_many_neurons_are_built_in_little_memory(monkeypatch):
    """Less than one matrix of evaluation points and neurons, let alone neurons squared.

    What remains is the points squared, and some arrays of one number a neuron.
    """
    n_points = 300
    monkeypatch.setattr(tuning_curves, "EVAL_POINTS", n_points)
    with nengo.Network(seed=0) as network:
        memory = LegendreMemory(0.1, 1, 100_000, freq=1.0)
    model = nengo.builder.Model()
    tracemalloc.start()
    model.build(network)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (population,) = memory.populations(model.params)
    assert len(population.decoders) == 100_000
    assert peak < n_points * 100_000 * 8 / 5
    x = np.linspace(-0.5, 0.5, 20) * population.radius
    np.testing.assert_allclose(population.decode(x), x, atol=1e-4 * population.radius)


@pytest.mark.parametrize("headroom", [4.0, 20.0])
def test_more_evaluation_points_do_not_help(headroom, monkeypatch):
    """Distortion changes by less than 5 %, and with noise by less than 0.1 %."""
    x = np.random.default_rng(0).normal(size=2000)
    errors = []
    for n_points in (1500, 3000):
        monkeypatch.setattr(tuning_curves, "EVAL_POINTS", n_points)
        rng = np.random.RandomState(0)
        population = draw_population(1000, headroom, headroom, 0.1, rng)
        distortion = np.mean((population.decode(x) - x) ** 2)
        noise = population.noise(1.0, 0.001) * 0.001 / (2 * 0.1)
        errors.append([np.sqrt(distortion), np.sqrt(distortion + noise)])
    few, many = np.array(errors)
    np.testing.assert_array_less(np.abs(few / many - 1), [0.05, 0.001])


def test_populations_are_evaluated_in_little_memory():
    n, x, rng = 20_000, np.linspace(-1, 1, 400), np.random.RandomState(0)
    gain, bias = poisson().gain_bias(rng.uniform(200, 400, n), rng.uniform(-1, 0.9, n))
    encoders = rng.choice([-1.0, 1.0], n)
    population = Population(encoders, gain, bias, rng.normal(size=n), 2.0, poisson())
    tracemalloc.start()
    values, variance = population.decode(x), population.variance(x, 0.001)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n * len(x) * 8 / 4
    rates = population.rates(x)
    np.testing.assert_allclose(values, rates @ population.decoders, rtol=1e-9)
    expected = rates @ population.decoders**2 / 0.001
    np.testing.assert_allclose(variance, expected, rtol=1e-9)


# what is refused

NOT_POSITIVE = [0, -1, np.nan, np.inf, "1", None, [], [1, 2], True, 1j]


@pytest.mark.parametrize(
    "name, call, values",
    [
        ("tau", lambda bad: noise_tau(bad, 10), NOT_POSITIVE),
        ("n_neurons", lambda bad: noise_tau(0.1, bad), [0, 1.5, None, "1", True]),
        ("noise_tau", PoissonL2, NOT_POSITIVE),
    ],
)
def test_refused(name, call, values):
    for bad in values:
        with pytest.raises(ValidationError, match=f"^{name}: must be"):
            call(bad)
