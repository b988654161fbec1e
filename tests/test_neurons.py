"""Neurons' types and where they are tuned."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.stats import chi2, kstest

from spiking_lmu.neurons import (
    NEURON_TYPES,
    alternating_encoders,
    neuron_type,
    poisson,
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
            alternating_encoders,
            [0, -1, 2.0, np.nan, "2", None, [], [2], True],
        ),
    ],
)
def test_refused(name, call, values):
    for bad in values:
        with pytest.raises(ValidationError, match=f"^{name}: must be"):
            call(bad)
