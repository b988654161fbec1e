"""The step of `SystematicSpiking` against a loop over neurons."""

import math
from types import SimpleNamespace

import nengo
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spiking_lmu import SystematicSpiking
from spiking_lmu.neurons import GOLDEN, SHIFTS

DT = 2.0**-10


def exact(low, high):
    """Numbers whose sums and products with ``DT`` are exact, so that floors are too."""
    return st.integers(low * 64, high * 64).map(lambda k: k / 64)


rates = st.lists(exact(-3000, 3000) | exact(0, 50) | st.just(0.0), min_size=1)
offsets = st.integers(0, 2**16 - 1).map(lambda k: k / 2**16)
populations = st.lists(st.tuples(rates, offsets), min_size=1, max_size=4)


def loop(populations):
    """Numbers of spikes of one step, neuron by neuron."""
    counts = []
    for population, u in populations:
        total = u
        for rate in population:
            before = math.floor(total)
            total += rate * DT
            counts.append(math.floor(total) - before)
    return counts


def joined(kind, populations):
    """What one step of all populations at once gives, and the state after it."""
    states = [
        kind.make_state(len(population), np.random.RandomState(0))
        for population, _ in populations
    ]
    state = {
        name: np.concatenate([s[name] for s in states]) for name in ("offset", "first")
    }
    if kind.shift == "random":
        drawn = np.array([u for _, u in populations])
        state["rng"] = SimpleNamespace(uniform=lambda size: drawn.reshape(size))
    else:
        sizes = [len(population) for population, _ in populations]
        added = GOLDEN if kind.shift == "golden" else 0
        before = [u - added for _, u in populations]
        state["offset"][...] = np.repeat(before, sizes)
    return state


@given(
    populations,
    st.sampled_from(["random", "carry"]),
    st.sampled_from([0.5, 1.0, 3.0]),
    st.sampled_from([32, 64]),
)
def test_a_step_is_that_of_a_loop(populations, shift, amplitude, bits):
    """Of any populations that Nengo joins; rates may be negative, or above 1 / dt."""
    kind = SystematicSpiking(nengo.RectifiedLinear(), shift, amplitude=amplitude)
    J = np.concatenate([rates for rates, _ in populations]).astype(f"float{bits}")
    output = np.empty_like(J)
    kind.step(DT, J, output, **joined(kind, populations))
    np.testing.assert_array_equal(output * DT / amplitude, loop(populations))


@given(st.lists(rates, min_size=1, max_size=4), st.integers(0, 2**31))
def test_golden_offsets_move_alike_in_all_populations(populations, seed):
    """A joined step is a step of each population alone, whatever its neighbours do."""
    kind = SystematicSpiking(nengo.RectifiedLinear(), "golden")
    rng = np.random.RandomState(seed)
    states = [kind.make_state(len(rates), rng) for rates in populations]
    starts = [state["offset"][0] for state in states]
    both = {name: np.concatenate([s[name] for s in states]) for name in states[0]}
    J = np.concatenate(populations)
    together = np.empty_like(J)
    for n in range(1, 4):
        kind.step(DT, J, together, **both)
        sums = []
        for rates, state in zip(populations, states):
            output = np.empty(len(rates))
            kind.step(DT, np.array(rates), output, **state)
            sums.append(output.sum() * DT)
        ends = np.cumsum([len(rates) for rates in populations])
        totals = np.diff(np.cumsum(together)[ends - 1], prepend=0) * DT
        np.testing.assert_allclose(totals, sums, atol=1e-6)
        moved = (np.array(starts) + n * GOLDEN) % 1
        sizes = [len(rates) for rates in populations]
        np.testing.assert_allclose(both["offset"], np.repeat(moved, sizes), atol=1e-12)


@given(st.integers(1, 4), st.data())
def test_carried_sums_never_err_by_more_than_one_spike(n_steps, data):
    """Whatever the rates are, and however many populations Nengo has joined."""
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    kind = SystematicSpiking(nengo.RectifiedLinear(), "carry")
    state = joined(kind, [([0] * size, 0.25) for size in sizes])
    values = st.lists(exact(-3000, 3000), min_size=sum(sizes), max_size=sum(sizes))
    spikes = expected = np.zeros(len(sizes))
    begins = np.cumsum([0, *sizes[:-1]])
    for _ in range(n_steps):
        J = np.array(data.draw(values))
        output = np.empty_like(J)
        kind.step(DT, J, output, **state)
        spikes = spikes + np.add.reduceat(output, begins) * DT
        expected = expected + np.add.reduceat(J, begins) * DT
        np.testing.assert_array_equal(spikes, np.floor(expected + 0.25))


@given(st.lists(rates, min_size=1, max_size=3), st.integers(0, 2**31))
def test_nearest_numbers_of_spikes(populations, seed):
    """Whatever was drawn: the whole number next to the sum of rates, in each step."""
    kind = SystematicSpiking(nengo.RectifiedLinear(), "nearest")
    states = [kind.make_state(len(r), np.random.RandomState(seed)) for r in populations]
    both = {name: np.concatenate([s[name] for s in states]) for name in states[0]}
    J = np.concatenate(populations)
    begins = np.cumsum([0, *[len(r) for r in populations[:-1]]])
    expected = np.add.reduceat(J, begins) * DT
    for _ in range(2):
        output = np.empty_like(J)
        kind.step(DT, J, output, **both)
        spikes = np.add.reduceat(output, begins) * DT
        assert (np.abs(spikes - expected) <= 0.5 + 1e-6).all()


@given(rates, st.integers(0, 2**31), st.sampled_from(SHIFTS))
def test_spikes_of_a_population_are_the_rounded_sum_of_its_rates(rates, seed, shift):
    kind = SystematicSpiking(nengo.RectifiedLinear(), shift)
    state = kind.make_state(len(rates), np.random.RandomState(seed))
    assert state["offset"].min() == state["offset"].max()
    output = np.empty(len(rates))
    expected = sum(rates) * DT
    for _ in range(3):
        kind.step(DT, np.array(rates), output, **state)
        assert round(output.sum() * DT) in (
            math.floor(expected),
            math.floor(expected) + 1,
        )
        each = np.array(rates) * DT
        assert np.all(np.abs(output * DT - each) < 1 + 1e-9)
