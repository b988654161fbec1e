"""A signal, its window, and how well the window is recalled: whoever recalls it."""

from __future__ import annotations

from typing import Any

import numpy as np

from spiking_lmu.legendre import sampled_readout, state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.signals import white_noise

WARM_UP = 1.5  # windows that are not counted: a window, and half of one to settle


def delay_steps(steps: int, n: int) -> np.ndarray:
    """``n`` delays (n,), in whole steps, evenly from 0 to the whole window."""
    return np.round(np.linspace(0, steps, n)).astype(int)


def make_signal(steps: int, length: int, cycles: float, seed: int) -> np.ndarray:
    """White noise (length,) of so many ``cycles`` a window of so many ``steps``."""
    dt = 1 / steps  # the window is the unit of time
    return white_noise(length * dt, dt, cycles, 1.0, seed)[:length]


def remember(u: np.ndarray, steps: int, order: int, lags: np.ndarray) -> np.ndarray:
    """What the exact memory gives for the inputs ``lags`` steps ago, (n, len(lags)).

    A window of one step more than ``steps`` holds the inputs of 0 to ``steps`` steps
    ago, each for a step.
    """
    window = float(steps + 1)
    system = discretize(*state_space(window, order), 1.0)
    states = simulate(*system, np.append(u, 0.0))[1:]
    return states @ sampled_readout(window, order, 1.0, lags, newest=0).T


def delayed(u: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """The input so many steps ago (n, len(lags)), 0 before its beginning."""
    padded = np.concatenate([np.zeros(lags.max()), u])
    return np.stack([padded[lags.max() - lag :][: len(u)] for lag in lags], axis=1)


def relative_rmse(actual: np.ndarray, target: np.ndarray, u: np.ndarray) -> np.ndarray:
    """RMSE of each last dimension, relative to the root mean square of the input."""
    axes = tuple(range(actual.ndim - 1))
    return np.sqrt(np.mean((actual - target) ** 2, axis=axes) / np.mean(u**2))


def rows_of(
    task: dict[str, Any], lags: np.ndarray, errors: np.ndarray, **found: Any
) -> list[dict[str, Any]]:
    """A row for each delay; LSTMs are tested at those that both models share."""
    compared = set(delay_steps(task["steps"], task["delays"]).tolist())
    first = ("state_variables", "parameters")
    return [
        {
            "model": task["model"],
            "steps": task["steps"],
            **{name: found[name] for name in first},
            **{name: task[name] for name in ("band", "cycles", "seed")},
            **found,
            "delay_steps": int(lag),
            "delay": lag / task["steps"],
            "compared": int(lag) in compared,
            "rmse": float(error),
        }
        for lag, error in zip(lags, errors)
    ]
