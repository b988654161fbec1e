"""The noise of coordinated spikes: what theory says of it, against spikes."""

import nengo
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nengo.dists import Choice, Uniform
from nengo.exceptions import ValidationError

from spiking_lmu.legendre import state_space
from spiking_lmu.neurons import (
    GOLDEN,
    SystematicSpiking,
    coordinated,
    poisson,
)
from spiking_lmu.noise import (
    noise_rmse,
    predict_rmse,
    required_neurons,
    spiking_noise,
)
from spiking_lmu.populations import (
    check_predictable,
    decoded_variance,
    draw_population,
    predictable,
)
from spiking_lmu.realization import realize
from spiking_lmu.signals import Spectrum
from spiking_lmu.tuning_curves import in_order

DT = 0.001


def spike_counts(expected, offsets):
    """Numbers of spikes (n_offsets, n) by definition."""
    reached = np.floor(np.cumsum(expected) + offsets[:, None])
    return np.diff(reached, axis=1, prepend=0)


# negative spikes, silent neurons, several spikes a step; exact in binary, so that
# sums do not depend on their order
EXPECTED = st.lists(
    st.integers(-160, 160).map(lambda k: k / 64), min_size=1, max_size=25
).map(np.array)


@given(EXPECTED, st.integers(0, 10**6))
def test_variance_is_that_over_the_shared_number(expected, seed):
    decoders = np.random.default_rng(seed).normal(size=len(expected))
    # jumps lie at multiples of 1/64: the middles of 64 intervals give exact means
    sums = spike_counts(expected, (np.arange(64) + 0.5) / 64) @ decoders
    found = decoded_variance(coordinated(), expected[None], decoders)
    np.testing.assert_allclose(found, sums.var(), rtol=1e-9, atol=1e-12)
    assert sums.mean() == pytest.approx(expected @ decoders)  # no bias


def test_variance_of_any_rates_is_that_over_the_shared_number():
    rng = np.random.default_rng(0)
    expected = rng.uniform(-0.3, 1.5, size=(5, 60))
    decoders = rng.normal(size=60)
    offsets = (np.arange(100_000) + 0.5) / 100_000
    sums = [spike_counts(row, offsets) @ decoders for row in expected]
    found = decoded_variance(coordinated(), expected, decoders)
    # each of 60 jumps is misplaced by at most half a hundred-thousandth
    bound = 4 * np.abs(np.diff(decoders, append=0)).sum() ** 2 / 100_000
    np.testing.assert_allclose(found, np.var(sums, axis=1), atol=bound)


@given(EXPECTED, st.floats(-10, 10))
def test_equal_decoders_see_the_total_alone(expected, weight):
    """Which is one of two successive numbers."""
    part = expected.sum() % 1
    found = decoded_variance(
        coordinated(), expected[None], np.full(len(expected), weight)
    )
    assert found == pytest.approx(weight**2 * part * (1 - part), abs=1e-12)


@given(EXPECTED, st.integers(0, 24))
def test_each_neuron_alone_varies_as_if_independent(expected, k):
    alone = np.eye(25)[k][: len(expected)]
    part = (alone @ expected) % 1
    found = decoded_variance(coordinated(), expected[None], alone)
    assert found == pytest.approx(part * (1 - part), abs=1e-12)
    independent = nengo.StochasticSpiking(nengo.LIFRate())
    assert found == pytest.approx(
        decoded_variance(independent, expected[None], alone), abs=1e-12
    )


def test_neurons_that_do_not_spike_have_no_variance():
    found = decoded_variance(coordinated(), np.zeros((3, 9)), np.ones(9))
    np.testing.assert_array_equal(found, np.zeros(3))
    assert decoded_variance(coordinated(), np.zeros((2, 0)), np.zeros(0)).size == 2


@pytest.mark.parametrize("height", [1.0, 0.02])
def test_noise_of_a_population_falls_faster_than_that_of_independent_neurons(height):
    kind = SystematicSpiking(nengo.LIFRate(), amplitude=height)
    ratios = []
    for n in (100, 1000):
        rng = np.random.RandomState(0)
        population = draw_population(n, 1.0, 4.5, 0.1, rng, neuron_type=kind)
        ratios.append(
            population.noise(1 / 4.5, DT) / population.noise(1 / 4.5, DT, True)
        )
        x = np.linspace(-0.9, 0.9, 50)
        together = population.variance(x, DT)
        # a few values at a time or one alone: the same
        assert population.variance(x[7:8], DT) == pytest.approx(together[7])
    assert ratios[1] < 0.4 * ratios[0] < 0.1


def test_only_a_random_shift_makes_noise_that_is_white_in_time():
    assert predictable(coordinated())
    assert not predictable(coordinated("golden"))
    rng = np.random.default_rng(0)
    expected, decoders = rng.uniform(0, 0.2, 50), np.linspace(-1, 1, 50)
    q = decoded_variance(coordinated("golden"), expected[None], decoders)
    # in any one step, the golden shift is as uniform as a random one
    offsets = np.arange(20_000) * GOLDEN % 1
    sums = spike_counts(expected, offsets) @ decoders
    assert sums.var() == pytest.approx(q[0], rel=0.01)
    assert np.corrcoef(sums[1:], sums[:-1])[0, 1] < -0.2


@pytest.mark.parametrize("shift", ["golden", "carry"])
def test_refuses_other_shifts_where_noise_must_be_white(shift):
    with pytest.raises(ValidationError, match="^neuron_type: must be .* random shift"):
        check_predictable(coordinated(shift))


def test_carried_sums_of_equal_neurons_err_by_less_than_one_spike_in_all():
    """Errors of random shifts add up, as a random walk does."""
    n, steps, x = 40, 500, 0.3 + 0.2 * np.sin(np.arange(500) / 30)
    errors = {}
    for shift in ("random", "carry"):
        kind = SystematicSpiking(nengo.RectifiedLinear(), shift)
        state = kind.make_state(n, np.random.RandomState(0))
        J, spikes = np.empty(n), np.empty((steps, n))
        for t in range(steps):
            J[...] = 100 * x[t]
            kind.step(DT, J, spikes[t], **state)
        summed = np.cumsum(spikes.sum(axis=1) * DT - n * 100 * x * DT)
        errors[shift] = np.abs(summed).max()
    assert errors["carry"] < 1 < 4 < errors["random"]


def test_shares_of_coordinated_neurons_make_the_least_noise():
    """Any other shares would be worse, as those of independent neurons are."""
    r = realize(*state_space(0.5, 12), DT, 0.1, Spectrum.flat(2, 0.5))
    costs = r.radii**2 * np.diag(r.noise_weight)
    total = 10**6  # rounding and smallest shares do not matter
    best = r.neurons(total, coordinated=True)
    rng = np.random.default_rng(0)
    for _ in range(20):
        other = best * np.exp(0.1 * rng.normal(size=12))
        other *= total / other.sum()
        assert np.sum(costs / other**2) > np.sum(costs / best**2)
    assert best.sum() == total
    errors = []
    for neurons in (r.neurons(1200), r.neurons(1200, coordinated=True)):
        draw = np.random.RandomState(0)
        populations = [
            draw_population(n, *ranges, r.averaging, draw, neuron_type=coordinated())
            for n, *ranges in zip(neurons, r.radii, r.headrooms)
        ]
        errors.append(noise_rmse(r, spiking_noise(r, populations)))
    assert errors[1] < 0.8 * errors[0]


def test_prediction_for_coordinated_neurons():
    r = realize(*state_space(0.5, 1), DT, 0.1, Spectrum.flat(2, 0.5))
    few, many, most = (
        predict_rmse(r, n, neuron_type=coordinated()) for n in (100, 1000, 10**6)
    )
    assert np.log10(many / few) < -0.85  # the exponent of n
    assert predict_rmse(r, 1000) > 15 * many
    # beyond the largest sample, in proportion to 1 / n
    assert most == pytest.approx(many / 1000, rel=0.5)
    found = required_neurons(2 * most, r, neuron_type=coordinated())
    assert found == pytest.approx(500_000, rel=0.01)


@pytest.mark.parametrize(
    "n, dt, ordered, max_rates, expected",
    [  # as in docs/coordinated.md
        (200, 0.001, True, Choice([300]), 0.16),
        (200, 0.001, True, Uniform(200, 400), 0.21),
        (200, 0.001, False, Uniform(200, 400), 0.66),
        (100, 0.001, True, Choice([300]), 0.21),
        (100, 0.0001, True, Choice([300]), 0.69),
        (8, 0.0001, True, Choice([300]), 0.98),
    ],
)
def test_what_order_rates_and_spikes_in_a_step_gain(
    n, dt, ordered, max_rates, expected
):
    tuning = in_order(n, Uniform(-1, 0.9)) if ordered else {}
    x = np.linspace(-0.9, 0.9, 61)[:, None]
    gained = []
    for seed in range(6):
        with nengo.Network(seed=seed) as model:
            ensemble = nengo.Ensemble(
                n, 1, neuron_type=coordinated(), max_rates=max_rates, **tuning
            )
            decoded = nengo.Connection(ensemble, nengo.Node(size_in=1))
        with nengo.Simulator(model, progress_bar=False) as sim:
            built, decoders = sim.data[ensemble], sim.data[decoded].weights[0]
        rates = coordinated().rates(x * built.encoders[:, 0], built.gain, built.bias)
        noise = [
            decoded_variance(neurons, rates * dt, decoders).mean()
            for neurons in (coordinated(), poisson())
        ]
        gained.append(np.sqrt(noise[0] / noise[1]))
    assert np.mean(gained) == pytest.approx(expected, rel=0.05)
