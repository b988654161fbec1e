"""Sequences of the copy memory task, and how answers are scored.

A sequence has ten symbols out of eight, T - 1 blanks, a delimiter and ten more blanks.
The expected answers are blanks, and after the delimiter the ten symbols in their order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax

LENGTH = 10  # symbols in each sequence
SYMBOLS = 8
BLANK, DELIMITER = 8, 9
ANSWERS = 9  # the symbols and the blank
LETTERS = "abcdefgh_"  # their names


def baseline(delay: int) -> float:
    """Mean cross entropy of the best answers without memory."""
    return LENGTH * float(np.log(SYMBOLS)) / (delay + 2 * LENGTH)


def draw_symbols(
    n: int, delay: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of the task and expected answers, (n, T + 20) arrays of int."""
    symbols = rng.integers(0, SYMBOLS, (n, LENGTH))
    shown = np.full((n, delay + 2 * LENGTH), BLANK)
    shown[:, :LENGTH] = symbols
    shown[:, delay + LENGTH - 1] = DELIMITER
    y = np.full_like(shown, BLANK)
    y[:, -LENGTH:] = symbols
    return shown, y


def draw(n: int, delay: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of the task and expected answers.

    Parameters
    ----------
    n : int
        Number of sequences.
    delay : int
        T of the task.
    rng : numpy.random.Generator

    Returns
    -------
    x : (n, T + 20, 10) array of float32
        One of ten inputs is 1 in each step.
    y : (n, T + 20) array of int
    """
    shown, y = draw_symbols(n, delay, rng)
    return np.eye(DELIMITER + 1, dtype=np.float32)[shown], y


def score(outputs: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Mean cross entropy over all steps, and the share of symbols that are right."""
    logs = log_softmax(outputs.astype(float), axis=-1)
    chosen = np.take_along_axis(logs, y[..., None], axis=-1)
    right = outputs[:, -LENGTH:].argmax(axis=-1) == y[:, -LENGTH:]
    return {"loss": float(-chosen.mean()), "accuracy": float(right.mean())}


def tested(outputs: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The score of a test, what it would be without memory, and the first sequence."""
    return {
        "baseline": baseline(y.shape[1] - 2 * LENGTH),
        **score(outputs, y),
        "symbols": written(y[0, -LENGTH:]),
        "answers": written(outputs[0, -LENGTH:].argmax(axis=-1)),
    }


def written(symbols: np.ndarray) -> str:
    """Symbols as letters."""
    return "".join(LETTERS[k] for k in symbols)
