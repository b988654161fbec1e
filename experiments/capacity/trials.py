"""Trials of the capacity experiment: how well a window of the input is remembered.

A task is the complete description of one run: of a memory that is not trained, or of
an LSTM that is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from spiking_lmu.experiments.capacity.lstm import run_lstm
from spiking_lmu.experiments.capacity.recall import (
    WARM_UP,
    delay_steps,
    delayed,
    make_signal,
    relative_rmse,
    remember,
)
from spiking_lmu.experiments.sweeps.tasks import derived_seed
from spiking_lmu.validation import check_each, check_integer, check_number, refusal

GROWING_STEPS = (50, 100, 200, 250, 300, 350, 400, 500, 1_000)
COUNTED = 2.0  # windows that are, of the memory
BETWEEN = 4  # the memory is read at so many delays for each one of the LSTM's
LONGEST = 200_000  # steps of a window: the states of a run must fit in memory
LONGEST_LSTM = 20_000  # steps of a window: backpropagation keeps all of a sequence


def make_tasks(
    steps: Sequence[int] = (100, 1_000, 10_000, 100_000),
    lstm_steps: Sequence[int] | None = (100, 1_000),
    order: int = 105,
    units: int = 105,
    delays: int = 5,
    cycles: float = 10.0,
    growing_steps: Sequence[int] | None = GROWING_STEPS,
    density: float = 0.1,
    trials: int = 3,
    budget: float = 4.5,
    batch: int = 20,
    learning_rate: float = 0.01,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Measure how well inputs of some time ago are recalled; one row a delay and trial.

    The input is white noise, band-limited to so many cycles in a window: the signal is
    the same whatever the number of steps that it is sampled at. A longer window of it
    is no harder for the memory. A second input, for the memory alone, has a band that
    grows with the window: so many cycles in each step, up to where the memory breaks.
    The memory is exact and not trained; the LSTM learns from sequences of two windows,
    backpropagated as a whole. For neither do the first one and a half windows count.

    Parameters
    ----------
    steps : sequence of int
        Windows of the memory, in time steps.
    lstm_steps : sequence of int, optional
        Windows of the LSTM, in time steps, or none.
    order : int
        State variables of the memory.
    units : int
        Units of the LSTM, each with two state variables.
    delays : int
        Number of delays to recall in each step, spaced evenly from zero to the whole
        window. The memory is read at three more between each two.
    cycles : float
        Highest frequency of the input, in cycles per window; at least 1.
    growing_steps : sequence of int, optional
        Windows for the input whose band grows, in time steps, or none.
    density : float
        Highest frequency of that input, in cycles per step; at most 0.25.
    trials : int
        Runs of each combination. Each has its own inputs and initial weights.
    budget : float
        Number of time steps of all sequences on which each LSTM is trained, in
        millions. Windows of all lengths require the same time.
    batch : int
        Sequences in each update of the LSTM.
    learning_rate : float
        Learning rate of the LSTM, for Adam.
    seed : int
        Seed from which all other seeds are derived.
    """
    lstm_steps = () if lstm_steps is None else lstm_steps
    growing_steps = () if growing_steps is None else growing_steps
    check_each("steps", steps, check_integer, 20, LONGEST)
    check_each("lstm_steps", lstm_steps, check_integer, 20, LONGEST_LSTM, empty=True)
    check_integer("order", order, 1, 256)
    check_integer("units", units, 1, 2048)
    check_integer("delays", delays, 2, 101)
    check_number("budget", budget, 1e-6, 1e6)
    check_integer("batch", batch, high=10**4)
    check_number("learning_rate", learning_rate, 1e-8, 1)
    check_each("growing_steps", growing_steps, check_integer, 20, LONGEST, empty=True)
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
        # the same for both models
        {**cell, "seed": derived_seed(seed, crc32(str(cell["steps"]).encode()), k)}
        for cell in lstm + memory + growing
        for k in range(trials)
    ]


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Run one task; a row for each delay, and for each amount of training."""
    if task["model"] == "lstm":
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
