"""Kernels of the compiled simulator: random numbers and populations of neurons."""

import nengo
import numpy as np
import pytest
from nengo.dists import Uniform
from numba import njit
from scipy import stats

from kernel_cases import DT, run_instruction
from spiking_lmu.simulator import opcodes
from spiking_lmu.simulator.kernels import neurons, populations, random_numbers, steps
from spiking_lmu.simulator.kernels.random_numbers import streams

UNLIKELY = 1e-3  # of each of the tests, whose seeds are fixed


@njit
def _draw(means, uniforms, normals, raw, words):
    out = np.empty_like(means)
    for i in range(len(means)):
        out[i] = random_numbers.poisson(means[i], words, 0)
    for i in range(len(uniforms)):
        uniforms[i] = random_numbers.uniform(words, 4)
        normals[i] = random_numbers.normal(words, 8)
    for i in range(len(raw)):
        raw[i] = random_numbers.next_word(words, 12)
    return out


def _words(seed=0):
    return streams(np.random.SeedSequence(seed), 4)


def _poisson(mean, n, seed=0):
    none = np.empty(0)
    return _draw(
        np.full(n, mean, float), none, none, none.astype(np.uint64), _words(seed)
    )


@pytest.mark.parametrize("mean", [1e-3, 0.3, 1, 4.5, 9.99, 10, 11.3, 27, 400, 1e5])
def test_poisson_numbers(mean):
    n = 200_000
    numbers = _poisson(mean, n)
    edges = np.unique(stats.poisson.ppf(np.linspace(2e-4, 1 - 2e-4, 50), mean))
    expected = np.diff(stats.poisson.cdf(edges, mean), prepend=0, append=1) * n
    seen = np.bincount(np.searchsorted(edges, numbers), minlength=len(expected))
    while len(expected) > 2 and expected[-1] < 5:
        expected = np.append(expected[:-2], expected[-2:].sum())
        seen = np.append(seen[:-2], seen[-2:].sum())
    assert stats.chisquare(seen, expected).pvalue > UNLIKELY
    assert abs(numbers.mean() - mean) < 4 * np.sqrt(mean / n)


def test_poisson_numbers_of_huge_means():
    z = (_poisson(1e12, 100_000) - 1e12) / 1e6
    assert stats.kstest(z, "norm").pvalue > UNLIKELY


def test_poisson_numbers_of_odd_means():
    assert np.all(_poisson(0, 100) == 0)
    for mean in (-1, np.nan, np.inf):
        assert np.all(np.isnan(_poisson(mean, 3)))


def test_uniform_and_normal_numbers():
    uniforms, normals = np.empty((2, 100_000))
    _draw(np.empty(0), uniforms, normals, np.empty(0, np.uint64), _words())
    assert np.all((uniforms >= 0) & (uniforms < 1))
    assert stats.kstest(uniforms, "uniform").pvalue > UNLIKELY
    assert stats.kstest(normals, "norm").pvalue > UNLIKELY
    assert abs(np.corrcoef(uniforms[1:], uniforms[:-1])[0, 1]) < 4 / np.sqrt(1e5)
    assert abs(np.corrcoef(normals[1:], normals[:-1])[0, 1]) < 4 / np.sqrt(1e5)


def test_words_are_those_of_the_published_generator():
    words, raw = np.zeros(16, np.uint64), np.empty(4, np.uint64)
    words[12:] = 1, 2, 3, 4
    _draw(np.empty(0), np.empty(0), np.empty(0), raw, words)
    assert raw.tolist() == [41943041, 58720359, 3588806011781223, 3591011842654386]


def test_streams_differ_and_are_never_all_zero():
    words = streams(np.random.SeedSequence(1), 1000).reshape(-1, 4)
    assert len(np.unique(words)) == 4000
    np.testing.assert_array_equal(
        words.ravel(), streams(np.random.SeedSequence(1), 1000)
    )

    class Zeros:
        def generate_state(self, n, dtype):
            return np.zeros(n, dtype)

    assert streams(Zeros(), 3).reshape(3, 4).any(axis=1).all()


@njit
def _logarithms(x, out):
    for i in range(len(x)):
        out[i] = neurons.log1p_positive(x[i])


def test_logarithms():
    x = np.concatenate([10 ** np.linspace(-18, 300, 5000), np.linspace(0.1, 4, 1000)])
    out = np.empty_like(x)
    _logarithms(x, out)
    np.testing.assert_allclose(out, np.log1p(x), rtol=1e-15)


@njit
def _inverse_logarithms(x, out):
    for i in range(len(x)):
        out[i] = neurons.log1p_inverse(x[i])


@pytest.mark.parametrize("dtype, error", [(np.float64, 1e-14), (np.float32, 1e-6)])
def test_logarithms_of_inverses(dtype, error):
    x = np.concatenate([10 ** np.linspace(-30, 30, 5000), np.linspace(0.1, 4, 1000)])
    x = x.astype(dtype)
    out = np.empty_like(x)
    _inverse_logarithms(x, out)
    np.testing.assert_allclose(out, np.log1p(1 / x.astype(float)), rtol=error)


@pytest.mark.parametrize("tau_rc", [0.02, 0.005, 10.0])
def test_series_of_lif_neurons(tau_rc):
    one, *constants = steps.lif_series(nengo.LIF(tau_rc=tau_rc), DT)
    assert one == 1
    decay, since = constants[11:4:-1], constants[:11:-1]
    t = np.linspace(0, DT, 1001)[1:]
    np.testing.assert_allclose(
        t * np.polynomial.Polynomial(decay)(t), np.expm1(-t / tau_rc), rtol=1e-13
    )
    s = np.tanh(t / tau_rc / 2)
    np.testing.assert_allclose(s * np.polynomial.Polynomial(since)(s**2), t, rtol=1e-11)
    assert steps.lif_series(nengo.LIF(tau_rc=0.004), DT) == [0]


@njit
def _above_one(values, first):
    return steps.above_one(values, first)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 63, 64, 65, 200])
def test_numbers_above_one(size, dtype):
    rng = np.random.RandomState(0)
    values = rng.choice([-np.inf, -2, 0, 1, 1.0001, 3, np.inf, np.nan], size)
    values = values.astype(dtype)
    for first in range(0, size, 64):
        bits = int(_above_one(values, first))
        expected = values[first : first + 64] > 1
        assert [bits >> i & 1 for i in range(64)] == [*expected, *[0] * 64][:64]


class Kernel:
    """Some neurons in an arena of their own.

    Inputs, of size (steps, n_dimensions * lanes), or (steps, n * lanes) for currents,
    lie at the beginning.
    """

    def __init__(
        self,
        neuron_type,
        n,
        state=(),
        encoders=None,
        bias=None,
        decoders=None,
        lanes=None,
        output=True,
        seed=0,
    ):
        B = lanes or 1
        D = 0 if encoders is None else encoders.shape[1]
        K = 0 if decoders is None else decoders.shape[1]
        self.parts, self.size = [], 0
        x = self._put(np.zeros((D or n) * B))
        out = self._put(np.zeros(n * B))
        states = [self._put(np.repeat(values, B)) for values in state]
        outputs = [self._put(np.zeros(B)) for _ in range(K)]
        starts = [(out, n * B)] + [(s, n * B) for s in states]
        starts += [(o, B) for o in outputs]
        self.recorded = [np.arange(at, at + size) for at, size in starts]
        self.code = np.array(
            [
                steps.KINDS[type(neuron_type)],
                n,
                self._put(steps.parameters(neuron_type, DT)),
                self._put(np.zeros(populations.scratch_size(lanes))),
                0,
                -1 if D else x,
                out if output else -1,
                *states,
                *[-1] * (3 - len(states)),
                D,
                self._put(encoders.T if D else []),
                self._put(bias if D else []),
                *(x, B, int(B > 1)),
                K,
                self._put(populations.decoder_table(decoders.T) if K else []),
                *np.ravel([[o, B, 1] for o in outputs]),
            ],
            int,
        )
        self.n_outputs = K * B
        self.lanes, self.arena = lanes, np.concatenate(self.parts)
        self.words = streams(np.random.SeedSequence(seed), B)

    def _put(self, values):
        values = np.ravel(np.asarray(values, float))
        self.parts.append(values)
        self.size += len(values)
        return self.size - len(values)

    def run(self, x):
        """Outputs of neurons, states and decoded outputs of each step, in a list."""
        places = np.concatenate(self.recorded)
        x = np.reshape(x, (len(x), -1))
        outputs = places[len(places) - self.n_outputs :]
        program = opcodes.POPULATION, self.code, self.arena, self.words, self.lanes
        records = run_instruction(*program, x, outputs, places)
        records[:, len(places) - self.n_outputs :] -= 0.5  # outputs are incremented
        sizes = [len(part) for part in self.recorded]
        return np.split(records, np.cumsum(sizes[:-1]), axis=1)


STATES = {"voltage": Uniform(-0.5, 1), "refractory_time": Uniform(0, 0.004)}
TYPES = {
    "relu": nengo.RectifiedLinear(amplitude=0.3),
    "sigmoid": nengo.Sigmoid(tau_ref=0.003),
    "tanh": nengo.Tanh(tau_ref=0.003),
    "lif-rate": nengo.LIFRate(amplitude=0.7),
    "lif-rate-no-refractory": nengo.LIFRate(tau_ref=0),
    "adaptive-rate": nengo.AdaptiveLIFRate(tau_n=0.1, inc_n=0.5, amplitude=0.7),
    "integrate-and-fire": nengo.SpikingRectifiedLinear(amplitude=0.3),
    "lif": nengo.LIF(),
    "lif-amplitude": nengo.LIF(tau_rc=0.05, tau_ref=0.0035, amplitude=0.7),
    "lif-no-refractory": nengo.LIF(tau_ref=0),
    "lif-unlimited": nengo.LIF(min_voltage=-np.inf, initial_state=STATES),
    "lif-limited": nengo.LIF(min_voltage=-0.2, initial_state=STATES),
    "lif-fast": nengo.LIF(tau_rc=0.002, tau_ref=0.0005, min_voltage=-1),
    "lif-above": nengo.LIF(initial_state={"voltage": Uniform(0.5, 3)}),
    "adaptive": nengo.AdaptiveLIF(tau_n=0.1, inc_n=0.5, amplitude=0.7),
    "adaptive-fast": nengo.AdaptiveLIF(tau_rc=0.002, tau_n=0.1, inc_n=0.01),
    "adaptive-above": nengo.AdaptiveLIF(initial_state={"voltage": Uniform(0.5, 3)}),
    "izhikevich": nengo.Izhikevich(),
    "izhikevich-bursting": nengo.Izhikevich(reset_voltage=-50, reset_recovery=2),
    "regular": nengo.RegularSpiking(nengo.LIFRate(), amplitude=0.3),
    "regular-negative": nengo.RegularSpiking(nengo.Tanh()),
}


def _currents(neuron_type, steps, n, seed=0):
    """Random currents, slow and fast, across the range in which neurons respond."""
    rng = np.random.RandomState(seed)
    slow = np.sin(np.arange(steps)[:, None] * rng.uniform(0, 0.1, n))
    J = rng.uniform(-1, 4, n) + rng.uniform(0, 4, n) * slow + rng.randn(steps, n)
    if isinstance(neuron_type, nengo.Izhikevich):
        return 5 * J
    if isinstance(neuron_type, nengo.RegularSpiking | nengo.SpikingRectifiedLinear):
        J = 200 * J
    return J if neuron_type.negative or "rate" not in repr(neuron_type) else np.abs(J)


def _nengo(neuron_type, J, seed=0):
    """Outputs and states of each step of Nengo's own step function."""
    state = neuron_type.make_state(J.shape[1], np.random.RandomState(seed), float)
    output = np.zeros(J.shape[1])
    records = []
    initial = [value.copy() for value in state.values()]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        for current in J:
            neuron_type.step(DT, current, output, **state)
            records.append([output.copy(), *(v.copy() for v in state.values())])
    return initial, [np.array(part) for part in zip(*records, strict=True)]


@pytest.mark.parametrize("name", TYPES)
def test_neurons_are_those_of_nengo(name):
    neuron_type, n, parts = TYPES[name], 60, 10
    J = _currents(neuron_type, 1000, n)
    initial, expected = _nengo(neuron_type, J)
    kernel = Kernel(neuron_type, n, initial)
    output, states = expected[0], expected[1:]
    assert np.mean(output != 0) > 0.003
    if neuron_type.spiking:
        np.testing.assert_array_equal(kernel.run(J)[0] != 0, output != 0)

    # Spike times carry rounding along, and enlarge it from spike to spike. Numbers are
    # those of parts of the run, side by side, which start from Nengo's states.
    def side_by_side(values):
        return np.hstack(np.split(values, parts))

    length = len(J) // parts
    starts = [
        np.concatenate([first, *values[length - 1 : -1 : length]])
        for first, values in zip(initial, states, strict=True)
    ]
    actual = Kernel(neuron_type, n * parts, starts).run(side_by_side(J))
    for ours, theirs in zip(actual, map(side_by_side, expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", TYPES)
def test_not_a_number_stays_so(name):
    neuron_type, n = TYPES[name], 20
    J = _currents(neuron_type, 50, n)
    initial, _ = _nengo(neuron_type, J)
    good = Kernel(neuron_type, n, initial).run(J)
    J[20, 3] = np.nan
    bad = Kernel(neuron_type, n, initial).run(J)
    assert any(np.isnan(part[20:, 3]).any() for part in bad)
    others = np.arange(n) != 3
    for with_nan, without in zip(bad, good, strict=True):
        np.testing.assert_array_equal(with_nan[:, others], without[:, others])


@pytest.mark.parametrize("n_dimensions, n_outputs", [(1, 1), (1, 3), (3, 1), (4, 10)])
@pytest.mark.parametrize("name", ["lif", "integrate-and-fire", "lif-rate", "tanh"])
def test_populations_encode_and_decode(name, n_dimensions, n_outputs):
    rng, neuron_type, n, steps = np.random.RandomState(1), TYPES[name], 2500, 50
    encoders, bias = 3 * rng.randn(n, n_dimensions), rng.uniform(-1, 3, n)
    if name == "integrate-and-fire":
        encoders, bias = 100 * encoders, 100 * bias
    decoders = rng.randn(n, n_outputs)
    x = rng.uniform(-1, 1, (steps, n_dimensions))
    initial, expected = _nengo(neuron_type, x @ encoders.T + bias)
    for output in (True, False):
        kernel = Kernel(
            neuron_type, n, initial, encoders, bias, decoders, output=output
        )
        actual = kernel.run(x)
        if output:
            np.testing.assert_allclose(actual[0], expected[0], rtol=1e-9, atol=1e-9)
        else:
            assert np.all(actual[0] == 0)
        out = np.concatenate(actual[-n_outputs:], axis=1)
        np.testing.assert_allclose(out, expected[0] @ decoders, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("n_dimensions, n_outputs", [(1, 1), (1, 2), (2, 2), (9, 9)])
@pytest.mark.parametrize("lanes", [1, 3, 16, 1500])
@pytest.mark.parametrize("name", ["lif", "integrate-and-fire", "lif-rate"])
def test_lanes_are_networks_of_their_own(name, lanes, n_dimensions, n_outputs):
    rng, neuron_type = np.random.RandomState(1), TYPES[name]
    n, steps = (3, 5) if lanes > 100 else (131, 40)
    encoders, bias = 3 * rng.randn(n, n_dimensions), rng.uniform(-1, 3, n)
    if name == "integrate-and-fire":
        encoders, bias = 100 * encoders, 100 * bias
    decoders = rng.randn(n, n_outputs)
    x = rng.uniform(-1, 1, (steps, n_dimensions, lanes))
    initial, _ = _nengo(neuron_type, np.ones((1, n)))
    shared = initial, encoders, bias, decoders
    many = Kernel(neuron_type, n, *shared, lanes=lanes).run(x)
    hidden = Kernel(neuron_type, n, *shared, lanes=lanes, output=False)
    alone = hidden.run(x)
    for lane in {0, 1 % lanes, lanes - 1}:
        one = Kernel(neuron_type, n, *shared).run(x[:, :, lane])
        for ours, theirs in zip(many, one, strict=True):
            np.testing.assert_allclose(
                ours[:, lane::lanes], theirs, rtol=1e-9, atol=1e-9
            )
        for ours, theirs in zip(alone[1:], one[1:], strict=True):
            np.testing.assert_allclose(
                ours[:, lane::lanes], theirs, rtol=1e-9, atol=1e-9
            )


@pytest.mark.parametrize(
    "neuron_type",
    [
        nengo.PoissonSpiking(nengo.LIFRate(), amplitude=0.3),
        nengo.StochasticSpiking(nengo.LIFRate(), amplitude=0.3),
    ],
)
def test_random_spikes(neuron_type):
    steps, lanes = 5000, 2
    rates = np.array([0, 3.0, -40, 180, 900, -2300, 15000])
    J = np.repeat(rates, lanes) * np.ones((steps, 1))
    kernel = Kernel(neuron_type, len(rates), lanes=lanes)
    counts = kernel.run(J)[0] * DT / neuron_type.amplitude
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
    assert np.all(counts * np.sign(J) >= 0)
    counts, mean = np.abs(counts), np.abs(J[0]) * DT
    variance = mean % 1 * (1 - mean % 1)
    if isinstance(neuron_type, nengo.PoissonSpiking):
        variance = mean
    z = (counts.mean(axis=0) - mean)[2:] / np.sqrt(variance[2:] / steps + 1e-300)
    assert np.all(np.abs(z)[variance[2:] > 0] < 4)
    np.testing.assert_allclose(
        counts.var(axis=0)[4:], variance[4:], rtol=0.12, atol=1e-6
    )
    # lanes have streams of their own
    assert np.any(counts[:, ::2] != counts[:, 1::2])
    again = Kernel(neuron_type, len(rates), lanes=lanes).run(J)[0]
    np.testing.assert_array_equal(np.abs(again) * DT / neuron_type.amplitude, counts)
