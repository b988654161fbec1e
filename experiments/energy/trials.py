"""Trials of the energy experiment: memories on the emulator of Loihi, and what they do.

As in the precision experiment, a task is the complete description of one run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any

import nengo
import numpy as np
from nengo.dists import Uniform

from spiking_lmu.compatibility import require
from spiking_lmu.experiments.arguments import OneOf, Range
from spiking_lmu.experiments.precision.trials import (
    count_steps,
    make_input,
    make_memory,
    warm_up,
)
from spiking_lmu.experiments.sweeps.backends import check_fits
from spiking_lmu.experiments.sweeps.tasks import derived_seed
from spiking_lmu.hardware.stochastic import MAX_RATE
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.metrics import length_rmse
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.signals import lowpass
from spiking_lmu.validation import refusal

NEURON_TYPES = ("poisson", "lif", "relu")
RATES = ("25-50", "50-100", "100-200", "200-400")
DT = 0.001  # seconds: what the chip's own random neurons are made for
READOUT_SYNAPSE = 0.005  # seconds
LOWEST_RATE = 2  # in Hz; below, the gain of a LIF neuron is lost to rounding
HIGHEST_RATE = 400  # in Hz; LIF neurons reach 500 at most


def parse_rates(text: str) -> tuple[float, float]:
    """``"50-100"`` as (50.0, 100.0)."""
    low, high = text.split("-")
    return float(low), float(high)


def _check_rates(name: str, value: Any) -> str:
    number = r"\d+(\.\d+)?"
    allowed = (
        f"such as '50-100': two rates in Hz, the second higher, from {LOWEST_RATE} to "
        f"{HIGHEST_RATE}"
    )
    if not isinstance(value, str) or not re.fullmatch(f"{number}-{number}", value):
        raise refusal(name, value, allowed)
    low, high = parse_rates(value)
    if not LOWEST_RATE <= low < high <= HIGHEST_RATE:
        raise refusal(name, value, allowed)
    return value


def make_tasks(
    orders: Annotated[Sequence[int], Range(1, 64)] = (3, 6),
    neurons: Annotated[Sequence[int], Range(2, 4096)] = (32, 64, 128, 256),
    rates: Annotated[Sequence[str], _check_rates] = RATES,
    neuron_types: Annotated[Sequence[str], OneOf(NEURON_TYPES)] = ("poisson", "lif"),
    trials: int = 3,
    theta: Annotated[float, Range(0.01, 100)] = 0.5,
    synapse: Annotated[float, Range(0.001, 10)] = 0.1,
    cycles: Annotated[float, Range(0.01, 1000)] = 1.0,
    rms: Annotated[float, Range(1e-6, 1e6)] = 0.5,
    duration: Annotated[float, Range(0.01, 10_000)] = 3.0,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Measure error and cost of memories on the emulator of Loihi; one row a trial.

    The memory's state is compared with that of the exact linear memory, both filtered
    by the same readout synapse of 5 ms. The first theta and five synapses are run but
    not counted in the error.

    Parameters
    ----------
    orders : sequence of int
        Numbers of state variables.
    neurons : sequence of int
        Mean numbers of neurons per dimension.
    rates : sequence of str
        Ranges of the maximum rates of neurons in Hz, such as ``50-100``. The random
        neurons of the chip, which replace Poisson neurons, fire at up to 180 Hz: higher
        ranges are scaled down, and ranges that become equal are run once.
    neuron_types : sequence of str
        ``poisson``, ``lif`` or ``relu`` (integrate-and-fire).
    trials : int
        Runs of each combination. Each has its own neurons and input.
    theta : float
        Window, in seconds.
    synapse : float
        Recurrent time constant, in seconds.
    cycles : float
        Highest frequency of the white-noise input, in cycles per window.
    rms : float
        Root mean square of the input.
    duration : float
        Length of each run in seconds, without warm-up.
    seed : int
        Seed from which all other seeds are derived.
    """
    check_fits("loihi", orders, neurons, neuron_types)
    common = {
        "theta": theta,
        "synapse": synapse,
        "dt": DT,
        "cycles": cycles,
        "rms": rms,
        "duration": duration,
        "readout_synapse": READOUT_SYNAPSE,
    }
    _check_cycles(common)
    return [
        {
            **common,
            "order": order,
            "n_neurons": n,
            "neuron_type": kind,
            "rates": pair,
            # types and rates share inputs and neurons, to be compared pair by pair
            "seed": derived_seed(seed, [order, n], trial),
        }
        for order, n, kind in product(orders, neurons, neuron_types)
        for pair in _different(kind, rates)
        for trial in range(trials)
    ]


def _check_cycles(task: dict[str, Any]) -> None:
    nyquist = 0.5 / task["dt"] * task["theta"]
    if task["cycles"] > nyquist:
        allowed = f"at most {nyquist:g}, the Nyquist frequency"
        raise refusal("cycles", task["cycles"], allowed)
    least = task["theta"] / (count_steps(task) * task["dt"])
    if task["cycles"] < least:
        raise refusal("cycles", task["cycles"], f"at least {least:.3g}, a period a run")


def _different(kind: str, rates: Sequence[str]) -> list[str]:
    """The ranges without those that come to the same on the chip."""
    if kind != "poisson":
        return list(rates)
    on_chip: dict[tuple[float, float], str] = {}
    for pair in rates:
        low, high = parse_rates(pair)
        scale = min(1.0, MAX_RATE / high)
        on_chip.setdefault((low * scale, high * scale), pair)
    return list(on_chip.values())


def make_model(
    task: dict[str, Any], u: np.ndarray
) -> tuple[nengo.Network, LegendreMemory, nengo.Probe]:
    """The memory of a task, the input that drives it, and a probe of its state."""
    with nengo.Network(seed=task["seed"]) as network:
        process = nengo.processes.PresentInput(u[:, None], task["dt"])
        stimulus = nengo.Node(process, label="stimulus")
        max_rates = Uniform(*parse_rates(task["rates"]))
        memory = make_memory(task, None, max_rates=max_rates)
        nengo.Connection(stimulus, memory.input, synapse=None)
        probe = nengo.Probe(memory.output, synapse=task["readout_synapse"])
    return network, memory, probe


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the memory of one task on the emulator; its one row.

    The simulator makes up for the step that spikes take from the chip to the host, so
    that the state is compared with the exact one of the same step.
    """
    require("nengo_loihi", "energy")
    from spiking_lmu.hardware import loihi

    u = make_input(task, task["seed"], None)
    network, memory, probe = make_model(task, u)
    start = time.perf_counter()
    with loihi.Simulator(
        network, dt=task["dt"], seed=task["seed"], target="sim", progress_bar=False
    ) as sim:
        built = time.perf_counter()
        sim.run_steps(len(u))
        seconds = time.perf_counter() - built
        state = np.array(sim.data[probe])
        energy = loihi.energy(sim)
    system = discretize(*state_space(memory.theta, memory.order), task["dt"])
    exact = lowpass(simulate(*system, u), task["readout_synapse"], task["dt"])
    counted = slice(warm_up(task), None)
    return [
        {
            **{name: task[name] for name in ("order", "n_neurons")},
            "total_neurons": task["n_neurons"] * task["order"],
            **{name: task[name] for name in ("neuron_type", "rates", "theta")},
            **{name: task[name] for name in ("synapse", "dt", "cycles", "seed")},
            "rmse": length_rmse(state[counted] - exact[counted]),
            "state_rms": length_rmse(exact[counted]),
            **_costs(energy),
            "build_seconds": built - start,
            "run_seconds": seconds,
        }
    ]


def _costs(energy: Any) -> dict[str, Any]:
    """What a run costs: counts, and energies in nJ for each step."""
    counts, nano = energy.counts, 1e9
    row = {
        "cores": counts.cores,
        "spikes_per_second": counts.spikes / (counts.steps * counts.dt),
        "synaptic_operations": counts.synaptic_operations / counts.steps,
        "energy_low": nano * energy.per_step.low,
        "energy_high": nano * energy.per_step.high,
    }
    for kind, part in energy.parts.items():
        middle = nano * (part.low + part.high) / 2 / counts.steps
        row[kind.replace(" ", "_") + "_energy"] = middle
    for one in energy.processors:
        name = f"{one.name}_{one.method}_energy".lower()
        row[name] = nano * one.joules
    return row
