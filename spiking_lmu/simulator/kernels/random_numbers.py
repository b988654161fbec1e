"""Random numbers: xoshiro256++ streams, and what is drawn from them.

The state of a stream is four words of 64 bits in an array, ``words[at : at + 4]``.
Equal states give equal numbers on every machine.

References
----------
D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", ACM
Transactions on Mathematical Software 47(4), 2021.

W. Hörmann, "The transformed rejection method for generating Poisson random variables",
Insurance: Mathematics and Economics 12(1), 1993.

C. Loader, "Fast and accurate computation of binomial probabilities", 2000.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .compilation import compiled

SIZE = 4  # words of a stream's state
UNIT = 2.0**-53
FEW = 10.0  # means from here on are drawn by rejection


def streams(seed_sequence: np.random.SeedSequence, n: int) -> np.ndarray:
    """The initial states of independent streams.

    Parameters
    ----------
    seed_sequence : numpy.random.SeedSequence
    n : int
        Number of streams.

    Returns
    -------
    words : (4 * n,) ndarray of uint64
    """
    words = seed_sequence.generate_state(SIZE * n, np.uint64)
    # a state of zeros is the only one that stays as it is
    words[::SIZE][~words.reshape(n, SIZE).any(axis=1)] = 1
    return words


@compiled
def advance(s0: Any, s1: Any, s2: Any, s3: Any) -> tuple[Any, Any, Any, Any, Any]:
    """The next 64 random bits, and the state behind them."""
    total = s0 + s3
    word = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
    shifted = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return word, s0, s1, s2, s3


@compiled
def next_word(words: Any, at: int) -> Any:
    """The next 64 random bits of a stream."""
    word, s0, s1, s2, s3 = advance(
        words[at], words[at + 1], words[at + 2], words[at + 3]
    )
    words[at], words[at + 1], words[at + 2], words[at + 3] = s0, s1, s2, s3
    return word


@compiled
def fraction(word: Any) -> float:
    """A number in [0, 1) made of 64 random bits."""
    # conversions of signed integers are faster
    return np.int64(word >> np.uint64(11)) * UNIT


@compiled
def uniform(words: Any, at: int) -> float:
    """A number that is uniform in [0, 1)."""
    return fraction(next_word(words, at))


@compiled
def normal(words: Any, at: int) -> float:
    """A number of the standard normal distribution (Box and Muller)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(words, at)))
    return radius * math.cos(2.0 * math.pi * uniform(words, at))


@compiled
def poisson(mean: float, words: Any, at: int) -> float:
    """A number of the Poisson distribution; NaN if no mean can be meant."""
    if mean >= FEW:
        return _many(mean, words, at) if mean < math.inf else math.nan
    if mean > 0.0:
        return _few(mean, words, at)
    return 0.0 if mean == 0.0 else math.nan


@compiled
def _few(mean: float, words: Any, at: int) -> float:
    """Inversion: probabilities are subtracted from a uniform number, one by one."""
    while True:
        left, k = uniform(words, at), 0.0
        if left < 1.0 - mean:  # which is less than exp(-mean)
            return k
        probability = math.exp(-mean)
        while left >= probability:
            left -= probability
            k += 1.0
            probability *= mean / k
            if k > 100.0:  # rounding left more than there is
                break
        else:
            return k


@compiled
def _many(mean: float, words: Any, at: int) -> float:
    """Transformed rejection with a squeeze (Hörmann's PTRS)."""
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    accepted_at_once = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform(words, at) - 0.5
        v = 1.0 - uniform(words, at)
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = np.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= accepted_at_once:
            return k
        if k < 0.0 or (us < 0.013 and v > us):
            continue
        density = math.log(v * inverse_alpha / (a / (us * us) + b))
        if density <= _log_probability(k, mean):
            return k


@compiled
def _log_probability(k: float, mean: float) -> float:
    """Logarithm of a probability of the Poisson distribution, without cancellation."""
    if k < 16.0:
        return k * math.log(mean) - mean - math.lgamma(k + 1.0)
    square = 1.0 / (k * k)
    # the error of Stirling's formula
    error = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / k
    return -_deviance(k, mean) - error - 0.5 * math.log(2.0 * math.pi * k)


@compiled
def _deviance(k: float, mean: float) -> float:
    """``k * log(k / mean) + mean - k``."""
    difference = k - mean
    if abs(difference) >= 0.1 * (k + mean):
        return k * math.log(k / mean) - difference
    v = difference / (k + mean)
    total, term, n = difference * v, 2.0 * k * v, 1.0
    while True:
        term *= v * v
        n += 2.0
        last = total
        total += term / n
        if total == last:
            return total
