"""Trials of the capacity experiment: how well a window of the input is remembered.

A task is the complete description of one run: of a memory that is not trained, or of
an LSTM that is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any
from zlib import crc32

from spiking_lmu.experiments.arguments import Range
from spiking_lmu.experiments.capacity.lstm import run_lstm
from spiking_lmu.experiments.capacity.recall import (
    WARM_UP,
    delay_steps,
    delayed,
    make_signal,
    relative_rmse,
    remember,
    rows_of,
)
from spiking_lmu.experiments.sweeps.tasks import derived_seed
from spiking_lmu.validation import refusal

STEPS = (100, 1_000, 10_000, 100_000)
GROWING_STEPS = (50, 100, 200, 250, 300, 350, 400, 500, 1_000)
COUNTED = 2.0  # windows that are, of the memory
BETWEEN = 4  # the memory is read at so many delays for each one of the LSTM's
LONGEST = 200_000  # steps of a window: the states of a run must fit in memory
LONGEST_LSTM = 20_000  # steps of a window: backpropagation keeps all of a sequence


def make_tasks(
    steps: Annotated[Sequence[int], Range(20, LONGEST)] = STEPS,
    lstm_steps: Annotated[Sequence[int] | None, Range(20, LONGEST_LSTM)] = (100, 1_000),
    order: Annotated[int, Range(1, 256)] = 105,
    units: Annotated[int, Range(1, 2048)] = 105,
    delays: Annotated[int, Range(2, 101)] = 5,
    cycles: Annotated[float, Range(1)] = 10.0,
    growing_steps: Annotated[Sequence[int] | None, Range(20, LONGEST)] = GROWING_STEPS,
    density: Annotated[float, Range(1e-6, 0.25)] = 0.1,
    trials: int = 3,
    budget: Annotated[float, Range(1e-6, 1e6)] = 4.5,
    batch: Annotated[int, Range(1, 10**4)] = 20,
    learning_rate: Annotated[float, Range(1e-8, 1)] = 0.01,
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
    lstm_steps, growing_steps = lstm_steps or (), growing_steps or ()
    shortest = min([*steps, *lstm_steps])
    if cycles > shortest / 4:
        allowed = f"at most {shortest / 4:g}, a quarter of the shortest window's steps"
        raise refusal("cycles", cycles, allowed)
    shortest = min([shortest, *growing_steps])
    if shortest < delays:
        raise refusal("delays", delays, f"at most {shortest}, the shortest window")
    if growing_steps and density * min(growing_steps) < 1:
        allowed = f"at least {1 / min(growing_steps):g}, a cycle of the shortest window"
        raise refusal("density", density, allowed)
    common = {"band": "fixed", "cycles": cycles, "delays": delays}
    learning = {
        "units": units,
        "budget": budget,
        "batch": batch,
        "learning_rate": learning_rate,
    }
    lstm: list[dict[str, Any]] = [
        {"model": "lstm", "steps": n, **common, **learning}
        for n in sorted(lstm_steps, reverse=True)
    ]
    memory: list[dict[str, Any]] = [
        {"model": "lmu", "steps": n, **common, "order": order}
        for n in sorted(steps, reverse=True)
    ]
    growing: list[dict[str, Any]] = [
        {
            "model": "lmu",
            "steps": n,
            "band": "growing",
            "cycles": density * n,
            "delays": delays,
            "order": order,
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
    first = round(WARM_UP * n)
    u = make_signal(n, first + round(COUNTED * n), task["cycles"], task["seed"])
    start = time.perf_counter()
    recalled = remember(u, n, order, lags)
    seconds = time.perf_counter() - start
    # the row of a step has seen the input of that step
    errors = relative_rmse(recalled[first:], delayed(u, lags)[first:], u)
    return rows_of(
        task,
        lags,
        errors,
        state_variables=order,
        parameters=order * task["delays"],
        trained_steps=0,
        updates=0,
        train_seconds=0.0,
        run_seconds=seconds,
    )
