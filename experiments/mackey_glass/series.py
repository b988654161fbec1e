r"""Mackey-Glass series, made as in the reference for this task.

A chaotic time series from a delay equation,

.. math::

    \dot x(t) = \frac{0.2\, x(t - \tau)}{1 + x(t - \tau)^{10}} - 0.1\, x(t),

and the task to predict its value 15 steps later.

References
----------
M. C. Mackey, L. Glass, "Oscillation and chaos in physiological control systems",
Science 197, 1977. LMU 2019, section 3.3, and the notebook that belongs to it,
``experiments/mackey-glass.ipynb`` of https://github.com/nengo/keras-lmu.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spiking_lmu.validation import check_integer

SUBSTEPS = 10  # of Euler's method, in each step
WASHOUT = 100  # steps at the beginning of each series that are thrown away
SETTLED = 100  # steps of the rest after which errors count as settled
UNKNOWN = 5  # values that are too few to predict the next ones from
STARTS = 8  # times that the beginning of each series is trained on


@dataclass(frozen=True, eq=False)
class Split:
    """Training, validation and test series.

    Attributes
    ----------
    train, validation, test : tuple of two (n, n_steps, 1) arrays of float32
        Inputs and targets.
    """

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def mackey_glass(n: int, n_steps: int, tau: int = 17, seed: int = 0) -> np.ndarray:
    """Series of the Mackey-Glass equation, squashed, one after the other.

    They equal those of the reference to the last random number. The equation is
    integrated by Euler's method with ten substeps. The past of each series is drawn
    anew around 1.2, but it starts from the last value of the series before. The result
    is tanh(x - 1).

    Parameters
    ----------
    n : int
        Number of series.
    n_steps : int
        Steps of each.
    tau : int
        The delay, in steps; 17 is mildly chaotic.
    seed : int
        Of the random past.

    Returns
    -------
    series : (n, n_steps) ndarray

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range.
    """
    check_integer("n", n, high=10**6)
    check_integer("n_steps", n_steps, high=10**7)
    delay = SUBSTEPS * check_integer("tau", tau, high=10**4)
    rng = np.random.RandomState(check_integer("seed", seed, low=0, high=2**32 - 1))
    x = 1.2
    series = []
    for _ in range(n):
        past = (1.2 + 0.2 * (rng.rand(delay) - 0.5)).tolist()
        for k in range(n_steps * SUBSTEPS):
            past.append(x)
            x += (0.2 * past[k] / (1 + past[k] ** 10) - 0.1 * x) / SUBSTEPS
        series.append([*past[delay + SUBSTEPS :: SUBSTEPS], x])
    return np.tanh(np.array(series) - 1)


def make_split(
    sizes: Sequence[int],
    n_steps: int,
    ahead: int,
    tau: int,
    swapped: bool,
    seed: int,
    scaled: bool = True,
) -> Split:
    """Series for a trial, centred, and scaled to a standard deviation of 1.

    Mean and standard deviation are those of the training series alone.

    Parameters
    ----------
    sizes : three int
        Numbers of training, validation and test series.
    n_steps : int
        Steps of each.
    ahead : int
        Steps from an input to its target.
    tau : int
        Delay of the equation.
    swapped : bool
        Exchange inputs and targets: the target is the value ``ahead`` steps ago.
    seed : int
        As for `mackey_glass`.
    scaled : bool
        Whether to scale; the published notebook only centres.
    """
    series = mackey_glass(sum(sizes), WASHOUT + n_steps + ahead, tau, seed)
    series = series[:, WASHOUT:, None]
    known = series[: sizes[0]]
    series = (series - known.mean()) / (known.std() if scaled else 1)
    series = series.astype(np.float32)
    x, y = series[:, :-ahead], series[:, ahead:]
    if swapped:
        x, y = y, x
    first, last = sizes[0], sizes[0] + sizes[1]
    parts = (slice(first), slice(first, last), slice(last, None))
    return Split(*((x[part], y[part]) for part in parts))


def windows(
    x: np.ndarray, y: np.ndarray, length: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Windows of the series, in random order.

    Eight windows of each series are its beginning, which is rare and has to be learnt
    too. The others follow each other from a random step on. Their first five targets
    are NaN and do not count: they cannot be predicted from so few values, and such
    large errors would dominate all others.

    Parameters
    ----------
    x, y : (n, n_steps, 1) ndarray
        Inputs and targets.
    length : int
        Steps of the windows.
    rng : numpy.random.Generator

    Returns
    -------
    x, y : (n_windows, length, 1) ndarray
    """
    n, n_steps = x.shape[:2]
    latest = n_steps - length
    phase = rng.integers(min(length, latest + 1))
    others = [start for start in range(phase, latest + 1, length) if start]
    starts = STARTS * [0] + others
    cuts = [(k, start) for k in range(n) for start in starts]
    cuts = [cuts[i] for i in rng.permutation(len(cuts))]
    inputs = np.stack([x[k, start : start + length] for k, start in cuts])
    targets = np.stack([y[k, start : start + length] for k, start in cuts])
    targets[[start > 0 for _, start in cuts], : min(UNKNOWN, length - 1)] = np.nan
    return inputs, targets
