"""Poisson neurons by events: the spikes of `nengo.PoissonSpiking`, by statistics."""

import nengo
import numpy as np
import pytest
from scipy import stats

from kernel_cases import DT, run_instruction
from spiking_lmu.simulator import opcodes
from spiking_lmu.simulator.kernels import event_tables as tables
from spiking_lmu.simulator.kernels.random_numbers import streams

UNLIKELY = 1e-3  # of each of the tests, whose seeds are fixed


class Population:
    """A population in an arena of its own: x, outputs, spikes, then tables."""

    def __init__(
        self, neuron_type=None, n=50, rates=(200, 400), n_outputs=1, lanes=1, seed=0
    ):
        rng = np.random.RandomState(seed)
        self.neuron_type = neuron_type or nengo.PoissonSpiking(nengo.LIFRate())
        gain, self.bias = self.neuron_type.gain_bias(
            rng.uniform(*rates, n), rng.uniform(-1, 0.9, n)
        )
        self.gain = gain * rng.choice([-1, 1], n)
        self.decoders = rng.randn(n, n_outputs) / n
        table, self.order = tables.event_table(
            self.gain, self.bias, self.decoders, self.neuron_type, DT
        )
        rate_table = tables.rate_table(self.neuron_type)
        self.lanes, self.n_outputs, self.n = lanes, n_outputs, n
        sizes = np.array([1, n_outputs, n]) * lanes
        x, out, spikes, behind = np.concatenate([[0], np.cumsum(sizes)])
        outputs = [[out + k * lanes, lanes, 1] for k in range(n_outputs)]
        self.code = np.concatenate(
            [[x, lanes, 1, behind, behind + len(table), 0]]
            + [[spikes, lanes, 1, n, 12 + 3 * n_outputs, n_outputs]]
            + [*outputs, self.order]
        )
        self.arena = np.concatenate([np.zeros(behind), table, rate_table])
        self.words = streams(np.random.SeedSequence(seed), lanes)

    def run(self, x, lanes=None):
        """Heights of spikes (steps, n * lanes) and outputs of each step."""
        x = np.asarray(x, float)
        x = x.reshape(len(x), -1)
        program = opcodes.POISSON_EVENTS, self.code, self.arena, self.words, lanes
        outputs = self.code[12] + np.arange(self.n_outputs * self.lanes)
        spikes = self.code[6] + np.arange(self.n * self.lanes)
        if self.code[6] < 0:  # they are not wanted
            spikes = spikes[:0]
        places = np.concatenate([spikes, outputs])
        records = run_instruction(*program, x, outputs, places)
        spikes, out = np.split(records, [len(spikes)], axis=1)
        return spikes, out - 0.5

    def counts(self, x):
        """Numbers of spikes (steps, n)."""
        return self.run(x)[0] * DT / self.neuron_type.amplitude

    def expected(self, x):
        """Mean numbers of spikes (steps, n)."""
        x = np.asarray(x)[:, None] * np.ones(self.n)
        return self.neuron_type.rates(x, self.gain, self.bias) * DT


def _likely(statistic, freedom):
    """Whether a sum of squares of standard normal numbers is as it should be."""
    p = stats.chi2.cdf(statistic, freedom)
    return UNLIKELY < p < 1 - UNLIKELY


def _fits(numbers, values, distribution):
    """Whether whole numbers follow a distribution; beyond the values, all are one."""
    cells = np.append(distribution.pmf(values), distribution.sf(values[-1]))
    first = int(values[0])
    seen = np.minimum(numbers, values[-1] + 1).astype(int) - first
    seen = np.bincount(seen, minlength=len(cells))
    often = cells * len(numbers) > 5
    cells, seen = (np.append(v[often], v[~often].sum()) for v in (cells, seen))
    if cells[-1] * len(numbers) < 5:
        cells[-2:-1], seen[-2:-1] = cells[-2:].sum(), seen[-2:].sum()
        cells, seen = cells[:-1], seen[:-1]
    return stats.chisquare(seen, cells * len(numbers)).pvalue > UNLIKELY / 10


TYPES = {
    "lif": (nengo.PoissonSpiking(nengo.LIFRate()), (200, 400)),
    "slow": (nengo.PoissonSpiking(nengo.LIFRate(tau_ref=0.01)), (20, 40)),
    "heights": (nengo.PoissonSpiking(nengo.LIFRate(amplitude=2.0), 0.3), (50, 90)),
    "no-refractory": (nengo.PoissonSpiking(nengo.LIFRate(tau_ref=0)), (50, 1500)),
    "linear": (nengo.PoissonSpiking(nengo.RectifiedLinear()), (100, 3000)),
    "many": (nengo.PoissonSpiking(nengo.RectifiedLinear(2.0)), (3000, 20000)),
}


BLOCKS = pytest.mark.parametrize("n_blocks", [1, 6], indirect=True)


@pytest.fixture
def n_blocks(request, monkeypatch):
    """Populations of 50 neurons have as many blocks, the last one not full."""
    if request.param > 1:
        monkeypatch.setattr(tables, "BLOCK", 27)  # 9 neurons with one output


@BLOCKS
@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("moving", [False, True])
def test_each_neuron_spikes_as_often_as_its_rate_says(name, moving, n_blocks):
    population = Population(*TYPES[name][:1], rates=TYPES[name][1])
    x = 1.2 * np.sin(np.arange(4000) * 0.01) if moving else np.full(4000, 0.3)
    total, mean = population.counts(x).sum(axis=0), population.expected(x).sum(axis=0)
    assert np.all(total[mean == 0] == 0)
    total, mean = total[mean > 5], mean[mean > 5]
    assert len(mean) > 10
    assert _likely(np.sum((total - mean) ** 2 / mean), len(mean))


@BLOCKS
@pytest.mark.parametrize("name", ["lif", "linear", "many"])
def test_numbers_of_spikes_in_a_step_are_poisson(name, n_blocks):
    population = Population(*TYPES[name][:1], rates=TYPES[name][1])
    counts = population.counts(np.full(10000, 0.5))
    mean = population.expected([0.5])[0]
    for i in np.flatnonzero(mean > 0.02)[::3]:
        k = np.arange(stats.poisson.isf(1e-3, mean[i]) + 1)
        assert _fits(counts[:, i].round(), k, stats.poisson(mean[i]))


def test_intervals_are_geometric():
    population = Population()
    counts = population.counts(np.full(20000, 0.9))
    mean = population.expected([0.9])[0]
    i = np.argmax(mean)
    intervals = np.diff(np.flatnonzero(counts[:, i]))
    assert _fits(intervals, np.arange(1, 25), stats.geom(-np.expm1(-mean[i])))


@BLOCKS
def test_spikes_are_correlated_neither_in_time_nor_among_neurons(n_blocks):
    population = Population(n=40)
    counts = population.counts(np.full(20000, -0.6))
    mean = population.expected([-0.6])[0]
    active = mean > 0.01
    z = (counts[:, active] - mean[active]) / np.sqrt(mean[active])
    freedom = int(np.count_nonzero(active))
    for lag in (0, 1, 2, 10):
        products = z[lag:].T @ z[: len(z) - lag] / np.sqrt(len(z) - lag)
        if lag == 0:
            products = products[np.triu_indices(freedom, 1)]
        assert _likely(np.sum(products**2), products.size)
        assert np.abs(products).max() < stats.norm.isf(UNLIKELY / products.size)


@BLOCKS
def test_outputs_are_the_decoded_spikes_and_vary_as_theory_says(n_blocks):
    x = np.full(20000, 0.2)
    for n_outputs in (1, 3):
        population = Population(n_outputs=n_outputs)
        spikes, out = population.run(x)
        np.testing.assert_allclose(out, spikes @ population.decoders, atol=1e-9)
        rates = population.expected([0.2])[0] / DT
        mean, variance = (
            rates @ population.decoders,
            rates @ population.decoders**2 / DT,
        )
        z = (out.mean(axis=0) - mean) / np.sqrt(variance / len(x))
        assert np.all(np.abs(z) < 4)
        np.testing.assert_allclose(out.var(axis=0), variance, rtol=0.05)


@BLOCKS
def test_outputs_alone_are_those_with_spikes(n_blocks):
    x = np.sin(np.arange(1000) * 0.01)
    with_spikes, alone = Population(), Population()
    _, out = with_spikes.run(x)
    alone.code[6] = -1
    _, only = alone.run(x)
    np.testing.assert_allclose(only, out, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(alone.words, with_spikes.words)


def test_one_seed_gives_the_same_spikes_and_another_seed_others():
    x = np.full(200, 0.5)
    first, again = Population().run(x)[0], Population().run(x)[0]
    np.testing.assert_array_equal(first, again)
    other = Population()
    other.words = streams(np.random.SeedSequence(1), 1)
    assert np.any(other.run(x)[0] != first)


@BLOCKS
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_each_lane_is_a_network_of_its_own(n_outputs, n_blocks):
    x = np.random.RandomState(1).uniform(-1, 1, (300, 3))
    many = Population(lanes=3, n_outputs=n_outputs)
    spikes, out = many.run(x, lanes=3)
    words = streams(np.random.SeedSequence(0), 3).reshape(3, 4)
    for lane in range(3):
        one = Population(n_outputs=n_outputs)
        one.words = words[lane].copy()
        expected_spikes, expected_out = one.run(x[:, lane])
        np.testing.assert_array_equal(spikes[:, lane::3], expected_spikes)
        np.testing.assert_array_equal(out[:, lane::3], expected_out)


def test_a_value_that_is_not_a_number_gives_none():
    population = Population(n_outputs=2)
    spikes, out = population.run([0.5, np.nan, 0.5, np.inf, -np.inf, 1e200])
    bad = [False, True, False, False, False, False]
    np.testing.assert_array_equal(np.isnan(out).all(axis=1), bad)
    np.testing.assert_array_equal(np.isnan(spikes).all(axis=1), bad)


def test_beyond_all_limits_neurons_spike_at_their_highest_rate():
    population = Population()
    total = population.counts(np.full(4000, np.inf)).sum()
    mean = np.count_nonzero(population.gain > 0) * 4000 * DT / 0.002
    assert abs(total - mean) < 4 * np.sqrt(mean)


def _cells(table):
    first, last = (
        tables.HEADER,
        tables.HEADER + tables.CELL * tables.CELLS,
    )
    return table[first:last].reshape(-1, tables.CELL)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("spread", [1.0, 0.01, 0.0])
def test_tables_bound_the_rates_at_all_values(name, spread):
    neuron_type, rates = TYPES[name]
    rng = np.random.RandomState(3)
    gain, bias = neuron_type.gain_bias(
        rng.uniform(*rates, 60), 0.1 + spread * rng.uniform(-1, 0.8, 60)
    )
    gain *= rng.choice([-1, 1], 60)
    gain[:3], bias[:3] = 0.0, [0.5, 1.5, 3.0]
    table, order = tables.event_table(gain, bias, np.zeros((60, 1)), neuron_type, DT)
    assert sorted(order) == list(range(60))
    cells, scale = _cells(table), table[tables.SCALE]
    x = np.concatenate(
        [rng.randn(2000) * size for size in (1e-3, 0.3, 2, 100, 1e6)] + [[0, 1e300]]
    )
    cell = np.minimum((1 + x / (np.abs(x) + scale)) * tables.CELLS / 2, 255).astype(int)
    with np.errstate(over="ignore"):
        rate = neuron_type.rates(x[:, None] * np.ones(60), gain, bias)[:, order]
    bound = cells[cell, tables.BOUND]
    assert np.all(rate <= bound[:, None])
    i, first, count = np.arange(60), *cells[cell][:, :2].T[:, :, None]
    assert np.all(rate[(i < first) | (i >= first + count)] == 0)
    # bounds are no wider than cells make them
    near = (np.abs(x) < 2) & (bound > 0)
    assert np.median(rate.max(axis=1)[near] / bound[near]) > 0.95


def test_bounds_of_blocks_are_those_of_their_neurons(monkeypatch):
    neuron_type, rates = TYPES["lif"]
    rng = np.random.RandomState(4)
    gain, bias = neuron_type.gain_bias(rng.uniform(*rates, 50), rng.uniform(-1, 1, 50))
    gain *= rng.choice([-1, 1], 50)
    monkeypatch.setattr(tables, "BLOCK", 27)
    table, order = tables.event_table(gain, bias, np.zeros((50, 1)), neuron_type, DT)
    assert tuple(table[[tables.ROWS, tables.N_BLOCKS]]) == (9, 6)
    bounds = table[int(table[tables.BOUNDS]) :].reshape(tables.CELLS, 6)
    x = np.linspace(-2, 2, 500)
    cell = ((1 + x / (np.abs(x) + table[tables.SCALE])) * tables.CELLS / 2).astype(int)
    rate = neuron_type.rates(x[:, None] * np.ones(50), gain, bias)[:, order]
    highest = np.maximum.reduceat(rate, np.arange(0, 50, 9), axis=1)
    bound = bounds[cell]
    assert np.all(highest <= bound)
    assert np.median(highest[bound > 0] / bound[bound > 0]) > 0.95
    np.testing.assert_array_equal(bounds.max(axis=1), _cells(table)[:, tables.BOUND])


def test_many_neurons_spike_as_often_as_their_rates_say():
    population = Population(n=30_000)  # in several blocks that are fetched in advance
    assert population.arena[population.code[3] + tables.N_BLOCKS] > 4
    n_steps = 300
    spikes, out = population.run(np.full(n_steps, 0.3))
    total, mean = spikes.sum(axis=0) * DT, n_steps * population.expected([0.3])[0]
    assert np.all(total[mean == 0] == 0)
    of = mean > 5
    assert _likely(np.sum((total[of] - mean[of]) ** 2 / mean[of]), of.sum())
    np.testing.assert_allclose(out, spikes @ population.decoders, atol=1e-9)


def test_a_population_that_is_never_active_is_silent():
    neuron_type = nengo.PoissonSpiking(nengo.LIFRate())
    table, _ = tables.event_table(
        np.zeros(4), np.full(4, 0.5), np.ones((4, 1)), neuron_type, DT
    )
    assert np.all(_cells(table)[:, tables.MEAN] == 0)


def test_eligible_types():
    assert all(tables.eligible(neuron_type) for neuron_type, _ in TYPES.values())
    for neuron_type in (
        nengo.LIF(),
        nengo.PoissonSpiking(nengo.Sigmoid()),
        nengo.PoissonSpiking(nengo.AdaptiveLIFRate()),
        nengo.StochasticSpiking(nengo.LIFRate()),
    ):
        assert not tables.eligible(neuron_type)
