"""Operators give the numbers of Nengo.

What is compared: Nengo's simulator, ours, and ours with three networks side by side,
each with data and random numbers of its own.
"""

import nengo
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from nengo.builder import Model
from nengo.builder.operator import (
    Copy,
    DotInc,
    ElementwiseInc,
    Reset,
    SparseDotInc,
)
from nengo.builder.signal import Signal
from nengo.transforms import SparseMatrix

from simulator_cases import LANES, assert_close
from spiking_lmu import Simulator

few = settings(max_examples=40)


def random_signal(shape, seed=0, **kwargs):
    return Signal(np.random.RandomState(seed).uniform(-1, 1, shape), **kwargs)


def assert_same_steps(operators, inputs=(), n_steps=3, compiled=True):
    """Compare all signals after some steps of operators, with values for the inputs."""
    model = Model()
    for operator in operators:
        model.add_op(operator)
    nodes = {}
    for signal in inputs:
        node = nengo.Node(np.zeros(signal.size), add_to_container=False)
        model.sig[node]["out"], nodes[node] = signal, signal
    rng = np.random.RandomState(1)
    data = {n: rng.uniform(-1, 1, (LANES, n_steps, s.size)) for n, s in nodes.items()}
    written = {s for o in operators for s in o.sets + o.incs + o.updates}
    expected = {signal: [] for signal in written}
    for lane in range(LANES):
        with nengo.Simulator(
            None, model=model, optimize=False, progress_bar=False
        ) as reference:
            for step in range(n_steps):
                for node, signal in nodes.items():
                    values = data[node][lane, step].reshape(signal.shape)
                    reference.signals[signal] = values
                reference.step()
            for signal in written:
                expected[signal].append(reference.signals[signal].copy())
    with Simulator(None, model=model, progress_bar=False) as sim:
        sim.run_steps(n_steps, data={n: values[0] for n, values in data.items()})
        assert (not sim.fallbacks) == compiled, [str(f) for f in sim.fallbacks]
        for signal in written:
            assert_close(sim.signals[signal], expected[signal][0])
    with Simulator(None, model=model, progress_bar=False, minibatch_size=LANES) as sim:
        sim.run_steps(n_steps, data=data)
        for signal in written:
            assert_close(sim.signals[signal], np.stack(expected[signal], axis=-1))


def test_time():
    model = Model(dt=0.25)
    with Simulator(None, model=model, dt=0.25, progress_bar=False) as sim:
        sim.run_steps(3)
        assert sim.signals[model.step] == 3
        assert sim.signals[model.step].dtype == np.int64
        assert sim.signals[model.time] == 0.75


@pytest.mark.parametrize("index", [..., slice(1, 4), slice(None, None, -2), 2])
def test_reset(index):
    signal = random_signal(6)
    assert_same_steps([Reset(signal[index], value=2.5)])


def test_reset_of_a_matrix():
    assert_same_steps([Reset(random_signal((2, 3)), value=-1)])
    assert_same_steps([Reset(random_signal(()), value=-1)])


@st.composite
def chosen(draw, size, n=None, repeats=True):
    """A slice or list of indices of a signal, and how many elements it chooses."""
    start, step = draw(st.integers(0, size - 1)), draw(st.sampled_from([-2, -1, 1, 2]))
    several = slice(start, None, step)
    n_several = len(range(size)[several])
    index = st.integers(-size, size - 1)
    if n is None:
        lists = st.lists(index, min_size=1, max_size=5)
    else:
        lists = st.lists(index, min_size=n, max_size=n)
    if not repeats:
        lists = lists.filter(lambda of: len({i % size for i in of}) == len(of))
    how = draw(lists) if n not in (None, n_several) else draw(st.just(several) | lists)
    return how, n_several if isinstance(how, slice) else len(how)


@given(st.data())
@few
def test_copy_of_chosen_elements(data):
    inc = data.draw(st.booleans())
    to, n = data.draw(chosen(5, repeats=inc))
    of, _ = data.draw(chosen(7, n))
    src, dst = random_signal(7), random_signal(5, 1)
    operator = Copy(src, dst, src_slice=of, dst_slice=to, inc=inc)
    assert_same_steps([operator], [src])


@pytest.mark.parametrize("inc", [False, True])
@pytest.mark.parametrize(
    "src, dst",
    [((4,), (4,)), ((1,), (4,)), ((), (4,)), ((), ()), ((2, 3), (2, 3)), ((), (2, 3))],
)
def test_copy(src, dst, inc):
    src, dst = random_signal(src), random_signal(dst, 1)
    assert_same_steps([Copy(src, dst, inc=inc)], [src])


@pytest.mark.parametrize("inc", [False, True])
def test_copy_of_views(inc):
    matrix, vector = random_signal((4, 3)), random_signal(6, 1)
    # rows of a matrix, and a vector as a matrix
    assert_same_steps([Copy(vector.reshape((2, 3)), matrix[1:3], inc=inc)], [vector])
    assert_same_steps([Copy(vector[:4], matrix[:, 1], inc=inc)], [vector])
    assert_same_steps([Copy(matrix[2, :], vector[::2], inc=inc)], [matrix])
    block = Copy(vector.reshape((3, 2)), matrix[1:, :2], inc=inc)
    assert_same_steps([block], [vector])
    repeated = Copy(vector[:3], matrix, inc=inc)
    assert_same_steps([repeated], [vector])


@st.composite
def factors(draw):
    """Shapes of Y, A and X: one of the last two has each of Y's axes."""
    Y = draw(st.lists(st.integers(1, 4), max_size=2))
    A, X = list(Y), list(Y)
    for axis in range(len(Y)):
        shape = draw(st.sampled_from([None, A, X]))
        if shape is not None:
            shape[axis] = 1
    while A and A[0] == 1 and draw(st.booleans()):
        A.pop(0)
    return tuple(A), tuple(X), tuple(Y)


@given(factors(), st.booleans())
@few
def test_elementwise_inc(shapes, swap):
    A, X, Y = (random_signal(shape, i) for i, shape in enumerate(shapes))
    if swap:
        A, X = X, A
    assert_same_steps([ElementwiseInc(A, X, Y)], [X])


@pytest.mark.parametrize(
    "A, X, Y",
    [
        ((3, 4), (4,), (3,)),
        ((1, 4), (4,), (1,)),
        ((4,), (4,), (1,)),
        ((4,), (4,), ()),
        ((3, 1), (1,), (3,)),
        ((3, 4), (4, 1), (3, 1)),
        ((), (4,), (4,)),
        ((4,), (), (4,)),
        ((), (), ()),
        ((1,), (1,), (1,)),
        ((1, 1), (1,), (1,)),
    ],
)
def test_dot_inc(A, X, Y):
    A, X, Y = (random_signal(shape, i) for i, shape in enumerate((A, X, Y)))
    assert_same_steps([DotInc(A, X, Y)], [X])
    assert_same_steps([DotInc(A, X, Y)], [A, X])  # matrices differ in a minibatch


@pytest.mark.parametrize("index", [slice(None, None, 2), slice(None, None, -2)])
def test_dot_inc_of_views(index):
    X, Y = random_signal(7), random_signal(5, 2)
    assert_same_steps([DotInc(random_signal((5, 4), 1), X[index], Y)], [X])
    assert_same_steps([DotInc(random_signal((5, 7), 1)[:3], X, Y[2:])], [X])
    A = random_signal((5, 9), 1)
    assert_same_steps([DotInc(A[:, 1:8], X, Y)], [A, X])
    assert_same_steps([DotInc(A[:, 8:1:-1], X, Y)], [X])
    assert_same_steps([DotInc(random_signal((10, 14), 1)[index, index], X, Y)], [X])


def test_sparse_dot_inc():
    rng = np.random.RandomState(0)
    X, Y = random_signal(10), random_signal(6, 1)
    matrix = scipy.sparse.random(6, 5, 0.4, random_state=rng, format="csr")
    assert_same_steps([SparseDotInc(Signal(matrix, readonly=True), X[::2], Y)], [X])
    # entries with one index are added
    indices = [[0, 1], [5, 9], [0, 1], [3, 3]]
    matrix = SparseMatrix(indices, [1.0, 2.0, 3.0, 4.0], (6, 10))
    assert_same_steps([SparseDotInc(Signal(matrix, readonly=True), X, Y[::-1])], [X])
