r"""How much of its past input a dynamical system holds, by delay and by degree.

The input is independent, uniform on [-1, 1]. The functions

.. math:: z(n) = \prod_k \sqrt{2 p_k + 1} \, P_{p_k}(u(n - k))

of past inputs, with Legendre polynomials P, are then orthonormal, and the capacity of
a system for one of them is the share of its variance that a linear readout of the
state gives, between 0 and 1. All capacities together are at most the number of
linearly independent variables, and as many if the system forgets and has no noise.
Those of degree 1 are its linear memory.

References
----------
.. [1] H. Jaeger, "Short term memory in echo state networks", GMD report 152, 2002.
.. [2] J. Dambre, D. Verstraeten, B. Schrauwen, S. Massar, "Information processing
   capacity of dynamical systems", Scientific Reports 2, 514, 2012.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb
from typing import Any

import numpy as np
from scipy.special import chdtri

from spiking_lmu.validation import check_array, check_integer, check_number, refusal

#: Delays and degrees of the factors of one function: ((delay, degree), ...).
Term = tuple[tuple[int, int], ...]

BLOCK = 256  # functions that are evaluated at once
MOST_TERMS = 10**6
FALSE_POSITIVES = 1e-4  # share of the functions that pass though nothing is there


@dataclass(frozen=True, eq=False)
class Capacities:
    """Capacities of one system.

    Attributes
    ----------
    terms : list of Term
        The functions.
    values : (n,) ndarray
        Their capacities, 0 where they may be chance.
    raw : (n,) ndarray
        As measured, including what chance adds.
    rank : int
        Number of linearly independent variables of the state.
    threshold : float
        Raw capacities below it are attributed to chance.
    """

    terms: list[Term]
    values: np.ndarray
    raw: np.ndarray
    rank: int
    threshold: float

    @property
    def total(self) -> float:
        """All capacities together."""
        return float(self.values.sum())

    def by_degree(self) -> np.ndarray:
        """Sums (n,) of the capacities of degree 1, 2, ..."""
        degrees = [sum(degree for _, degree in term) for term in self.terms]
        return np.bincount(degrees, weights=self.values)[1:]

    def by_delay(self) -> np.ndarray:
        """The memory function (n,): the capacity for the input 0, 1, ... steps ago."""
        linear = {
            term[0][0]: value
            for term, value in zip(self.terms, self.values)
            if len(term) == 1 and term[0][1] == 1
        }
        return np.array(
            [linear.get(k, 0.0) for k in range(max(linear, default=-1) + 1)]
        )


def make_terms(delays: Sequence[int]) -> list[Term]:
    """All functions of degree 1, 2, ..., up to a longest delay for each degree.

    Parameters
    ----------
    delays : sequence of int
        The longest delay for each degree, from 1 on; ``(20, 5)`` is linear memory of up
        to 20 steps, and squares and products of the inputs 0 to 5 steps ago.

    Returns
    -------
    terms : list of Term
        By degree, and within one by the longest delay.
    """
    if not isinstance(delays, (Sequence, np.ndarray)) or len(delays) == 0:
        raise refusal("delays", delays, "a sequence of at least one longest delay")
    for delay in delays:
        check_integer("delays", delay, low=0, high=10**5)
    # as many as monomials of this degree in the inputs up to the longest delay
    n_terms = sum(comb(delay + g, g) for g, delay in enumerate(map(int, delays), 1))
    if n_terms > MOST_TERMS:
        allowed = f"such that there are at most {MOST_TERMS:,} functions"
        raise refusal("delays", delays, allowed)
    terms: list[Term] = []
    for degree, longest in enumerate(delays, start=1):
        found: list[Term] = []
        for n_factors in range(1, min(degree, longest + 1) + 1):
            powers = list(_compositions(degree, n_factors))
            for places in combinations(range(longest + 1), n_factors):
                found += [tuple(zip(places, parts)) for parts in powers]
        terms += sorted(found, key=lambda term: term[-1][0])
    return terms


def _compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All sequences of this many positive integers that add up to the total."""
    for cuts in combinations(range(1, total), parts - 1):
        edges = (0, *cuts, total)
        yield tuple(b - a for a, b in pairwise(edges))


def capacities(
    states: Any,
    u: Any,
    terms: Sequence[Term],
    washout: int = 0,
    false_positives: float = FALSE_POSITIVES,
) -> Capacities:
    r"""How much of each function of the input a linear readout of the state gives.

    With n steps and a state of rank d, a function that has nothing to do with the state
    seems to have a capacity of d / n on average, distributed as :math:`\chi^2_d / n`
    (Dambre et al. 2012). Only capacities above a quantile of that are kept, less what
    chance adds to them: c becomes :math:`(c - d / n) / (1 - d / n)`, as in an adjusted
    :math:`R^2`. Small capacities may be missed; sums are lower bounds.

    Parameters
    ----------
    states : (n, d) array_like
        One row a step: the state once u of the same row has arrived.
    u : (n,) array_like
        Input, independent and uniform on [-1, 1].
    terms : sequence of Term
        As `make_terms` gives them.
    washout : int
        Steps at the beginning that do not count, besides the longest delay.
    false_positives : float
        Probability that a capacity of chance alone is kept.

    Returns
    -------
    Capacities

    Raises
    ------
    nengo.exceptions.ValidationError
        If the shapes do not match, the input leaves [-1, 1], the state is constant, or
        there are too few steps: not more than twice the rank.
    """
    u = check_array("u", u, -1, 1, ndims=(1,))
    states = check_array("states", states, ndims=(2,))
    if len(states) != len(u):
        raise refusal("states", states.shape, f"of {len(u)} rows, one for each input")
    if len(terms) == 0:
        raise refusal("terms", terms, "at least one function")
    check_number("false_positives", false_positives, 0, 0.5, exclusive=True)
    longest = max(delay for term in terms for delay, _ in term)
    first = longest + check_integer("washout", washout, low=0)
    n = len(u) - first
    if n < 3:
        raise refusal("u", u.shape, f"longer than {first + 3} steps")
    Q = orthonormal(states[first:])
    rank = Q.shape[1]
    if n <= 2 * rank:
        raise refusal("u", u.shape, f"longer than {first + 2 * rank} steps")
    raw = np.concatenate(
        [
            _explained(Q, _evaluate(u, terms[k : k + BLOCK], first))
            for k in range(0, len(terms), BLOCK)
        ]
    )
    threshold = chance(rank, n, false_positives)
    by_chance = rank / (n - 1)
    values = np.where(raw > threshold, (raw - by_chance) / (1 - by_chance), 0.0)
    return Capacities(list(terms), values, raw, rank, threshold)


def chance(rank: int, n: int, false_positives: float = FALSE_POSITIVES) -> float:
    """The capacity that chance alone exceeds with this probability."""
    return float(chdtri(rank, false_positives)) / n


def orthonormal(states: np.ndarray) -> np.ndarray:
    """An orthonormal basis (n, rank) of the states about their means."""
    about = states - states.mean(axis=0)
    scale = np.sqrt(np.mean(about**2, axis=0))
    about = about[:, scale > 1e-12 * max(scale.max(), 1e-300)]
    if about.shape[1] == 0:
        raise refusal("states", states, "not all constant")
    # units of the variables do not matter, only whether they are independent
    about /= np.sqrt(np.mean(about**2, axis=0))
    vectors, values, _ = np.linalg.svd(about, full_matrices=False)
    least = max(about.shape) * np.finfo(float).eps * values[0]
    return vectors[:, values > least]


def _explained(Q: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The share of each target's variance that lies in the space of Q."""
    about = targets - targets.mean(axis=0)
    return np.sum((Q.T @ about) ** 2, axis=0) / np.sum(about**2, axis=0)


def _evaluate(u: np.ndarray, terms: Sequence[Term], first: int) -> np.ndarray:
    """The functions (n, len(terms)) from step ``first`` on."""
    values = np.ones((len(terms), len(u) - first))
    known: dict[tuple[int, int], np.ndarray] = {}
    for row, term in zip(values, terms):
        for delay, degree in term:
            if (delay, degree) not in known:
                past = u[first - delay : len(u) - delay]
                known[delay, degree] = legendre(degree, past)
            row *= known[delay, degree]
    return values.T


def legendre(degree: int, x: np.ndarray) -> np.ndarray:
    """The Legendre polynomial with a mean square of 1 over [-1, 1]."""
    from numpy.polynomial import legendre as series

    return np.sqrt(2 * degree + 1) * series.legval(x, np.eye(degree + 1)[degree])


def expected_memory(
    step: tuple[np.ndarray, np.ndarray], n: int, noise: np.ndarray | None = None
) -> np.ndarray:
    r"""The memory function of a linear system, in closed form.

    Its state is :math:`\sum_k A^k B u(n - k)` plus noise of covariance N, so that the
    capacity for a delay of k is :math:`s_k^T (S + N)^{-1} s_k` with
    :math:`s_k = A^k B` and :math:`S = \sum_k s_k s_k^T`, for u of variance 1.

    Parameters
    ----------
    step : (A, B)
        Of one step: (d, d) and (d, 1).
    n : int
        Number of delays, from 0 to n - 1, such that nothing older is left.
    noise : (d, d) ndarray, optional
        Covariance of the noise of the state.
    """
    A, B = step
    s = [B[:, 0]]
    for _ in range(n - 1):
        s.append(A @ s[-1])
    weights = np.stack(s)
    if noise is None:
        # S may be hard to invert: the same by an orthonormal basis of its directions
        vectors, values, _ = np.linalg.svd(weights, full_matrices=False)
        least = max(weights.shape) * np.finfo(float).eps * values[0]
        return np.sum(vectors[:, values > least] ** 2, axis=1)
    total = weights.T @ weights + noise
    return np.sum(weights.T * np.linalg.solve(total, weights.T), axis=0)
