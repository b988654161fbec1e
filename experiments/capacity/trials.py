"""Trials of the capacity experiment: how well a window of the input is remembered.

A task is the complete description of one run: of a memory that is not trained, or of
an LSTM that is.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from spiking_lmu.legendre import sampled_readout, state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.signals import white_noise
from spiking_lmu.validation import check_each, check_integer, check_number, refusal

WARM_UP = 1.5  # windows that are not counted: a window, and half of one to settle
COUNTED = 2.0  # windows that are, of the memory
BETWEEN = 4  # the memory is read at so many delays for each one of the LSTM's
LONGEST = 200_000  # steps of a window: the states of a run must fit in memory
LONGEST_LSTM = 20_000  # steps of a window: backpropagation keeps all of a sequence


def make_tasks(
    steps: Sequence[int],
    lstm_steps: Sequence[int],
    order: int,
    units: int,
    delays: int,
    cycles: float,
    growing_steps: Sequence[int],
    density: float,
    trials: int,
    budget: float,
    batch: int,
    learning_rate: float,
    seed: int,
) -> list[dict[str, Any]]:
    """Complete descriptions of all runs, checked, the longest first; see `run`."""
    check_each("steps", steps, check_integer, 20, LONGEST)
    if len(lstm_steps):
        check_each("lstm_steps", lstm_steps, check_integer, 20, LONGEST_LSTM)
    check_integer("order", order, 1, 256)
    check_integer("units", units, 1, 2048)
    check_integer("delays", delays, 2, 101)
    check_integer("trials", trials, high=10**4)
    check_number("budget", budget, 1e-6, 1e6)
    check_integer("batch", batch, high=10**4)
    check_number("learning_rate", learning_rate, 1e-8, 1)
    check_integer("seed", seed, low=0, high=2**32 - 1)
    if len(growing_steps):
        check_each("growing_steps", growing_steps, check_integer, 20, LONGEST)
    density = check_number("density", density, 1e-6, 0.25)
    shortest = min([*steps, *lstm_steps])
    cycles = check_number("cycles", cycles, 1.0)
    if cycles > shortest / 4:
        allowed = f"at most {shortest / 4:g}, a quarter of the shortest window's steps"
        raise refusal("cycles", cycles, allowed)
    shortest = min([shortest, *growing_steps])
    if shortest < delays:
        raise refusal("delays", delays, f"at most {shortest}, the shortest window")
    if len(growing_steps) and density * min(growing_steps) < 1:
        allowed = f"at least {1 / min(growing_steps):g}, a cycle of the shortest window"
        raise refusal("density", density, allowed)
    common = {"band": "fixed", "cycles": cycles, "delays": int(delays)}
    learning = {
        "units": int(units),
        "budget": float(budget),
        "batch": int(batch),
        "learning_rate": float(learning_rate),
    }
    lstm: list[dict[str, Any]] = [
        {"model": "lstm", "steps": int(n), **common, **learning}
        for n in sorted(lstm_steps, reverse=True)
    ]
    memory: list[dict[str, Any]] = [
        {"model": "lmu", "steps": int(n), **common, "order": int(order)}
        for n in sorted(steps, reverse=True)
    ]
    growing: list[dict[str, Any]] = [
        {
            "model": "lmu",
            "steps": int(n),
            "band": "growing",
            "cycles": density * int(n),
            "delays": int(delays),
            "order": int(order),
        }
        for n in sorted(growing_steps, reverse=True)
    ]
    return [
        {**cell, "seed": derived_seed(seed, cell["steps"], k)}
        for cell in lstm + memory + growing
        for k in range(trials)
    ]


def derived_seed(seed: int, steps: int, trial: int) -> int:
    """The seed of one trial, the same for both models."""
    key = zlib.crc32(repr(steps).encode())
    return int(np.random.SeedSequence([seed, key, trial]).generate_state(1)[0] >> 1)


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Run one task; a row for each delay, and for each amount of training."""
    if task["model"] == "lstm":
        from spiking_lmu.experiments.capacity.lstm import run_lstm

        return run_lstm(task)
    return run_memory(task)


def run_memory(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the untrained memory at delays across its window."""
    n, order = task["steps"], task["order"]
    lags = delay_steps(n, BETWEEN * (task["delays"] - 1) + 1)
    compared = set(delay_steps(n, task["delays"]).tolist())
    first = round(WARM_UP * n)
    u = make_signal(n, first + round(COUNTED * n), task["cycles"], task["seed"])
    start = time.perf_counter()
    recalled = remember(u, n, order, lags)
    seconds = time.perf_counter() - start
    # the row of a step has seen the input of that step
    errors = relative_rmse(recalled[first:], delayed(u, lags)[first:], u)
    return [
        {
            "model": "lmu",
            "steps": n,
            "state_variables": order,
            "parameters": order * task["delays"],
            "band": task["band"],
            "cycles": task["cycles"],
            "seed": task["seed"],
            "trained_steps": 0,
            "updates": 0,
            "train_seconds": 0.0,
            "run_seconds": seconds,
            "delay_steps": int(lag),
            "delay": lag / n,
            "compared": int(lag) in compared,
            "rmse": float(error),
        }
        for lag, error in zip(lags, errors)
    ]


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
