"""Trials of the Delay Network protocol: what is run, and how it is measured."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np

from spiking_lmu.experiments.arguments import OneOf, Range
from spiking_lmu.experiments.chips.designs import (
    ABLATION,
    PLATFORMS,
    SCALED,
    as_named,
    as_stored,
    on_backend,
)
from spiking_lmu.experiments.chips.networks import make_model
from spiking_lmu.experiments.chips.protocol import (
    DT,
    estimate_state,
    ideal_state,
    make_input,
    window_error,
)
from spiking_lmu.experiments.sweeps import backends
from spiking_lmu.experiments.sweeps.backends import (
    SIMULATORS,
    Model,
    Recording,
    run_batch,
)
from spiking_lmu.experiments.sweeps.tasks import derived_seed
from spiking_lmu.validation import check_integer, refusal

STUDIES = ("platforms", "scaling", "ablation")
INPUTS = ("published", "fresh")
N_NEURONS = 128  # per dimension, of the protocol
PUBLISHED_CASES = 10


def make_tasks(
    platforms: Annotated[Sequence[str] | None, OneOf(tuple(PLATFORMS))] = None,
    trials: int = 5,
    neurons: Annotated[Sequence[int], Range(4, 10**4)] = (32, 64, 128, 256, 512),
    ablation_neurons: Annotated[Sequence[int], Range(4, 10**4)] = (N_NEURONS,),
    study_trials: Annotated[int, Range(1, 10**4)] = 3,
    studies: Annotated[Sequence[str], OneOf(STUDIES)] = STUDIES,
    inputs: Annotated[str, OneOf(INPUTS)] = "published",
    cases: int = PUBLISHED_CASES,
    backend: Annotated[str, OneOf(tuple(SIMULATORS))] = "compiled",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Measure the NRMSE of the remembered window; one row a run.

    Parameters
    ----------
    platforms : sequence of str, optional
        Networks and simulators; by default all whose packages are installed.
        ``thesis-loihi`` and ``thesis-nengo`` are the published networks.
        ``matched-sim`` and ``matched-nengo`` are a `LegendreMemory` with the same
        settings. ``lif-nengo``, ``lif-nengo-dl``, ``lif-simreal``, ``lif-sim``,
        ``poisson-nengo`` and ``poisson-sim`` are a `LegendreMemory` with default
        settings.
    trials : int
        Networks on each platform. Each has its own random neurons.
    neurons : sequence of int
        Numbers of neurons per dimension in the study of scaling.
    ablation_neurons : sequence of int
        Numbers of neurons per dimension in the ablation.
    study_trials : int
        Networks of each kind in scaling and ablation.
    studies : sequence of str
        ``platforms``: all platforms on the protocol; ``scaling``: error against
        neurons; ``ablation``: designs from the published network to the defaults of
        `LegendreMemory`, one change at a time.
    inputs : str
        ``published``: the inputs with which the chips were measured; ``fresh``: other
        inputs, drawn from the seed.
    cases : int
        Number of inputs for each network: the first of the ten published ones, or up to
        100 fresh ones.
    backend : str
        Simulator of the platforms ``-nengo``: ``compiled``, that of this toolkit; or
        ``nengo``, as a reference.
    seed : int
        Seed from which all other seeds are derived.

    References
    ----------
    Voelker 2019, the chapter on neuromorphic hardware.
    """
    chosen = platforms or [name for name, p in PLATFORMS.items() if p.installed]
    check_integer("cases", cases, high=PUBLISHED_CASES if inputs == INPUTS[0] else 100)
    shared = {
        "inputs": inputs,
        "cases": list(range(1, cases + 1)),
        "input_seeds": _input_seeds(inputs, cases, seed),
    }

    def each(study: str, n_trials: int, designs: Iterator[Any]) -> list[dict[str, Any]]:
        return [
            as_stored(
                {
                    "study": study,
                    "platform": name,
                    "change": change,
                    "n_neurons": n,
                    **asdict(on_backend(platform, backend)),
                    **shared,
                    "trial": trial,
                    "seed": derived_seed(seed, trial),
                }
            )
            for name, change, platform, n in designs
            for trial in range(n_trials)
        ]

    designs = {
        "platforms": ((p, "", PLATFORMS[p], N_NEURONS) for p in chosen),
        "scaling": (
            (p, "", PLATFORMS[p], n) for p in SCALED if p in chosen for n in neurons
        ),
        "ablation": (
            ("", change, design, n)
            for change, design in ABLATION.items()
            if design.installed
            for n in ablation_neurons
        ),
    }
    counts = {"platforms": trials, "scaling": study_trials, "ablation": study_trials}
    tasks = [t for s in studies for t in each(s, counts[s], designs[s])]
    if not tasks:
        raise refusal("platforms", platforms, f"one or more of {', '.join(SCALED)}")
    return tasks


def _input_seeds(inputs: str, cases: int, seed: int) -> list[int]:
    if inputs == "published":
        return list(range(1, cases + 1))
    drawn = np.random.SeedSequence(seed, spawn_key=(1,)).generate_state(cases)
    return [int(s >> 1) for s in drawn]


def needs(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Packages of simulators that are installed or asked for, and who needs them."""
    asked = arguments["platforms"] or ()
    return backends.needs(arguments) | {
        package: f"the platform {name!r}"
        for name, platform in PLATFORMS.items()
        if name in asked or platform.installed
        for package in backends.backend(platform.backend).packages
    }


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Run one network on all inputs; a row for each."""
    task = as_named(task)
    described = {k: v for k, v in task.items() if k not in ("cases", "input_seeds")}
    for name in ("max_rates", "intercepts"):
        bounds = task[name]
        described[name] = f"{bounds[0]:g} to {bounds[1]:g}" if bounds else "default"
    return [
        {
            **described,
            "test_case": case,
            "input_seed": seed,
            "nrmse": window_error(decoded, u),
            "spikes_per_second": rate,
            "build_seconds": recording.build_seconds,
            "run_seconds": recording.run_seconds,
        }
        for case, seed, (u, decoded, rate, recording) in zip(
            task["cases"], task["input_seeds"], run_network(task)
        )
    ]


def run_network(
    task: dict[str, Any],
) -> list[tuple[np.ndarray, np.ndarray, float, Recording]]:
    """For each input: itself, decoded values, spikes per second of a neuron, the rest.

    The neurons depend on the seed of the task. Spikes that a simulator draws at random
    have other seeds.
    """
    task = as_named(task)
    model, T = make_model(task)
    inputs = [make_input(seed) for seed in task["input_seeds"]]
    seeds = [task["seed"] + 1 + k for k in range(len(inputs))]
    recordings = _run(task, model, inputs, seeds)
    results = []
    for u, recording in zip(inputs, recordings):
        data = recording.data
        decoded = np.hstack([data[k] for k in model.probes if k.startswith("decoded")])
        spikes = np.hstack([data[k] for k in model.probes if k.startswith("spikes")])
        results.append((u, decoded @ T.T, float(spikes.mean()), recording))
    return results


def _run(
    task: dict[str, Any],
    model: Model,
    inputs: Sequence[np.ndarray],
    seeds: Sequence[int],
) -> list[Recording]:
    """Run the network on all inputs, on the simulator of the task."""
    if task["backend"] != "loihi":
        run = backends.backend(task["backend"]).run
        return run([model] * len(inputs), inputs, DT, seeds)
    from spiking_lmu.hardware import loihi

    simulator = partial(loihi.Simulator, target=task["target"])
    with warnings.catch_warnings():
        # a neuron has one synapse, so faster ones of its inputs are replaced
        warnings.filterwarnings("ignore", "tau_s is already set")
        return run_batch(model, inputs, DT, seeds[0], simulator)


@dataclass(frozen=True, eq=False)
class Example:
    """One run in full, states in Legendre coordinates."""

    task: dict[str, Any]
    ideal: np.ndarray
    estimate: np.ndarray


def run_example(task: dict[str, Any]) -> Example:
    """Run the network of a task again, on the first of its inputs."""
    first = {name: task[name][:1] for name in ("cases", "input_seeds")}
    task = {**as_named(task), **first}
    ((u, decoded, _, _),) = run_network(task)
    return Example(task, ideal_state(u), estimate_state(decoded, u))
