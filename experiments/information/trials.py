"""Trials of the information experiment: one system each, its capacities measured.

A task is the complete description of one run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from spiking_lmu.experiments.arguments import OneOf, Range
from spiking_lmu.experiments.information.capacity import (
    Capacities,
    capacities,
    expected_memory,
    make_terms,
)
from spiking_lmu.experiments.information.systems import (
    Hidden,
    echo_state,
    linear_memory,
    lmu,
    memory_step,
    spiking_memory,
)
from spiking_lmu.experiments.sweeps.backends import SIMULATORS, in_task, of_task
from spiking_lmu.experiments.sweeps.tasks import derived_seed
from spiking_lmu.neurons import NEURON_TYPES
from spiking_lmu.validation import check_integer, refusal

SYSTEMS = ("linear", "lmu-feedforward", "lmu", "tanh", "spiking")
ON_NUMPY = ("linear", "tanh")  # the others are Nengo networks
SPIKING = tuple(name for name in NEURON_TYPES if name != "rate")
MOST_STEPS = 10**7  # of one run
WINDOWS = 5  # delays of a spiking memory: beyond, nothing is left


def make_tasks(
    systems: Annotated[Sequence[str], OneOf(SYSTEMS)] = SYSTEMS,
    units: Annotated[int, Range(1, 1000)] = 50,
    radius: Annotated[float, Range(0, 10, exclusive=True)] = 0.95,
    gain: Annotated[float, Range(0, 100, exclusive=True)] = 0.5,
    bias: Annotated[float, Range(0, 100)] = 0.5,
    order: Annotated[int, Range(1, 64)] = 6,
    window: Annotated[float, Range(1, 1000, exclusive=True)] = 12.0,
    steps: Annotated[int, Range(10, MOST_STEPS)] = 30_000,
    delays: Sequence[int] = (120, 30, 16, 10),
    neurons: Annotated[Sequence[int], Range(2, 10**5)] = (10, 30, 100, 300),
    neuron_types: Annotated[Sequence[str], OneOf(SPIKING)] = (
        "poisson",
        "coordinated",
        "lif",
    ),
    synapse: Annotated[float, Range(0.001, 10)] = 0.1,
    presentation: Annotated[int, Range(1, 10**4)] = 10,
    spiking_steps: int = 3_000,
    trials: int = 5,
    backend: Annotated[str, OneOf(tuple(SIMULATORS))] = "compiled",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Measure what systems hold of their input; one row a degree or delay and trial.

    Parameters
    ----------
    systems : sequence of str
        ``linear``: the exact memory. ``lmu`` and ``lmu-feedforward``: tanh units on a
        small exact memory, with and without recurrent weights. ``tanh``: an echo state
        network. ``spiking``: the small memory in spiking neurons.
    units : int
        Number of state variables or tanh units of all systems except the spiking
        memory.
    radius : float
        Spectral radius of the recurrent weights.
    gain : float
        Standard deviation of the external input of tanh units.
    bias : float
        Standard deviation of the biases of tanh units.
    order : int
        State variables of the memory of the LMUs and of the spiking memory.
    window : float
        Window of these memories, in values of the input. The window of the linear
        memory is longer in proportion to its state variables.
    steps : int
        Number of input values with which systems without spikes are measured.
    delays : sequence of int
        The longest delay for each degree, starting at degree 1. Delays of the spiking
        memory end after five windows.
    neurons : sequence of int
        Mean numbers of neurons per dimension.
    neuron_types : sequence of str
        With the tuning curves of LIF neurons: ``poisson``, ``coordinated``,
        ``coordinated-golden``, ``coordinated-carry``, ``coordinated-nearest``,
        ``regular`` or ``lif``. With rectified linear ones: ``relu``
        (integrate-and-fire), ``poisson-relu``, ``coordinated-relu``,
        ``coordinated-golden-relu``, ``coordinated-carry-relu`` or
        ``coordinated-nearest-relu``.
    synapse : float
        Recurrent time constant of the spiking memory, in seconds.
    presentation : int
        Time steps of 1 ms for which the spiking memory receives each value.
    spiking_steps : int
        Number of input values with which the spiking memory is measured.
    trials : int
        Runs of each system. Each has its own inputs and weights.
    backend : str
        Simulator of the LMUs and the spiking memory: ``compiled``, that of this
        toolkit; or ``nengo``, as a reference.
    seed : int
        Seed from which all other seeds are derived. All systems have the same inputs.
    """
    make_terms(delays)
    check_integer("spiking_steps", spiking_steps, 10, MOST_STEPS // presentation)
    _check_lengths("steps", steps, max(delays), units)
    furthest = max(_clipped(delays, window))
    _check_lengths("spiking_steps", spiking_steps, furthest, order)
    on_backend = in_task(backend)
    memory = {"order": order, "window": window}
    hidden = {
        "units": units,
        "radius": radius,
        "gain": gain,
        "bias": bias,
    }
    long = {"steps": steps, "delays": [int(k) for k in delays]}
    cells: list[dict[str, Any]] = []
    if "spiking" in systems:
        cells += [
            {
                "system": "spiking",
                **memory,
                "steps": spiking_steps,
                "delays": _clipped(delays, window),
                "n_neurons": n,
                "neuron_type": kind,
                "synapse": synapse,
                "presentation": presentation,
                **on_backend,
            }
            for n in sorted(neurons, reverse=True)
            for kind in neuron_types
        ]
    if "lmu" in systems:
        cells.append({"system": "lmu", **hidden, **memory, **long, **on_backend})
    if "lmu-feedforward" in systems:
        parts = {**hidden, "radius": 0.0}
        cells.append(
            {"system": "lmu-feedforward", **parts, **memory, **long, **on_backend}
        )
    if "tanh" in systems:
        cells.append({"system": "tanh", **hidden, **long})
    if "linear" in systems:
        # as many variables as the others, and as long a window for each of them
        size = {"order": units, "window": window * units / order}
        cells.append({"system": "linear", **size, **long})
    return [
        # all systems share inputs
        {**cell, "seed": derived_seed(seed, k)}
        for cell in cells
        for k in range(trials)
    ]


def _clipped(delays: Sequence[int], window: float) -> list[int]:
    return [min(int(delay), int(WINDOWS * window)) for delay in delays]


def _check_lengths(name: str, steps: int, delay: int, size: int) -> None:
    least = 2 * delay + 3 * size + 10
    if steps < least:
        raise refusal(name, steps, f"at least {least:,}, for such delays and sizes")


def make_input(task: dict[str, Any]) -> np.ndarray:
    """Independent values, uniform on [-1, 1]."""
    rng = np.random.default_rng(np.random.SeedSequence(task["seed"]).spawn(1)[0])
    return rng.uniform(-1, 1, task["steps"])


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Run one system; a row for each degree, and for each delay of linear memory."""
    u = make_input(task)
    start = time.perf_counter()
    states, predicted = run_system(task, u)
    seconds = time.perf_counter() - start
    terms = make_terms(task["delays"])
    found = capacities(states, u, terms, washout=max(task["delays"]))
    common = {
        "system": task["system"],
        "neuron_type": task.get("neuron_type", ""),
        "n_neurons": task.get("n_neurons", 0),
        "backend": "" if task["system"] in ON_NUMPY else of_task(task),
        "variables": states.shape[1],
        "rank": found.rank,
        "order": task.get("order", 0),
        "window": task.get("window", 0.0),
        "values": len(u),
        "threshold": found.threshold,
        "seed": task["seed"],
        "run_seconds": seconds,
    }
    return [{**common, **row} for row in _measures(found, predicted)]


def _measures(found: Capacities, predicted: np.ndarray | None) -> list[dict[str, Any]]:
    """``index`` is the degree, or the delay of the linear memory function."""
    degrees, delays = found.by_degree(), found.by_delay()
    known = np.full(len(delays), np.nan) if predicted is None else predicted
    total = np.full(len(degrees), np.nan)
    total[0] = known.sum()
    return [
        {
            "measure": measure,
            "index": first + k,
            "capacity": float(value),
            "predicted": float(theory),
        }
        for measure, first, values, expected in (
            ("degree", 1, degrees, total),
            ("delay", 0, delays, known),
        )
        for k, (value, theory) in enumerate(zip(values, expected))
    ]


def run_system(
    task: dict[str, Any], u: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """States (n, variables) of a system, and its memory function where theory has one.

    That of the linear memory is exact, that of spiking neurons is for random spikes.
    """
    n_delays = task["delays"][0] + 1
    if task["system"] == "spiking":
        return spiking_memory(u, task, n_delays)
    if task["system"] == "linear":
        order, window = task["order"], task["window"]
        exact = expected_memory(memory_step(order, window), n_delays)
        return linear_memory(u, order, window), exact
    hidden = Hidden(task["units"], task["radius"], task["gain"], task["bias"])
    if task["system"] == "tanh":
        return echo_state(u, hidden, task["seed"]), None
    size = task["order"], task["window"]
    return lmu(u, hidden, *size, task["seed"], of_task(task)), None
