"""One benchmark, published with chips' measurements, on every backend.

The Delay Network of Voelker 2019: the published network and the memory of this package
on the Loihi emulator, Nengo and NengoDL, beside what was measured on Loihi, on
Braindrop and with Nengo 2.8; how the error falls with neurons; and what in the design
of a network decides how large it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.compatibility import require
from spiking_lmu.experiments.arguments import (
    Option,
    add_execution,
    add_options,
    chosen,
    integers,
    words,
)
from spiking_lmu.experiments.chips.figures import figures, plot
from spiking_lmu.experiments.chips.report import report
from spiking_lmu.experiments.chips.trials import (
    PLATFORMS,
    Platform,
    run_example,
    run_task,
)
from spiking_lmu.experiments.pages import report as pages
from spiking_lmu.experiments.publishing import Figures, publish
from spiking_lmu.experiments.sweeps.tasks import SweepResult, sweep
from spiking_lmu.validation import check_choice, check_each, check_integer, refusal

__all__ = ["add_arguments", "execute", "main", "make_tasks", "plot", "report", "run"]

STUDIES = ("platforms", "scaling", "ablation")
INPUTS = ("published", "fresh")
N_NEURONS = 128  # per dimension, of the protocol
PUBLISHED_CASES = 10
FULL = {"trials": 25, "study_trials": 25}
PACKAGES = ("nengo-loihi", "nengo-dl", "tensorflow")
SCALED = ("lif-nengo", "lif-sim", "poisson-sim")
PACKAGE_OF = {"loihi": "nengo_loihi", "nengo-dl": "nengo_dl"}

_PUBLISHED = PLATFORMS["thesis-loihi"]
_TUNED = PLATFORMS["matched-sim"]
_EVEN = replace(_TUNED, intercepts=(-1, 0.5), allocation="equal")
#: From the published network to a `LegendreMemory` by default, a step at a time.
#: All at 10 ms and 100 to 120 Hz, on the emulator, unless said otherwise.
ABLATION = {
    "published: as published": _PUBLISHED,
    "published: 100 ms": replace(_PUBLISHED, synapse=0.1),
    "published: 200 to 400 Hz": replace(_PUBLISHED, max_rates=(200, 400)),
    "published: 100 ms, 200 to 400 Hz": replace(
        _PUBLISHED, synapse=0.1, max_rates=(200, 400)
    ),
    "published: Nengo": replace(_PUBLISHED, backend="nengo", target=""),
    "published: 100 ms, Nengo": replace(
        _PUBLISHED, synapse=0.1, backend="nengo", target=""
    ),
    "published: 200 to 400 Hz, Nengo": replace(
        _PUBLISHED, max_rates=(200, 400), backend="nengo", target=""
    ),
    "published: 100 ms, 200 to 400 Hz, Nengo": replace(
        _PUBLISHED, synapse=0.1, max_rates=(200, 400), backend="nengo", target=""
    ),
    "even: published coordinates and decoders": replace(
        _EVEN, ranges="published", decoders="published"
    ),
    "even: published coordinates": replace(_EVEN, ranges="published"),
    "even: published decoders": replace(_EVEN, decoders="published"),
    "even: ranges of examples": _EVEN,
    "even: announced ranges": replace(_EVEN, ranges="announced"),
    "tuned: ranges of examples": _TUNED,
    "tuned: announced ranges": replace(_TUNED, ranges="announced"),
    "tuned: announced ranges, rates in Nengo": replace(
        _TUNED, neuron_type="rate", backend="nengo", target="", ranges="announced"
    ),
    "tuned: 100 ms": replace(_TUNED, synapse=0.1),
    "tuned: 200 to 400 Hz": replace(_TUNED, max_rates=(200, 400)),
    "tuned: 100 ms, 200 to 400 Hz": replace(_TUNED, synapse=0.1, max_rates=(200, 400)),
    "tuned: 100 ms, 200 to 400 Hz, announced ranges": PLATFORMS["lif-sim"],
    "tuned: ranges of examples, real numbers": replace(_TUNED, target="simreal"),
}


def run(
    platforms: Sequence[str] | None = None,
    trials: int = 5,
    neurons: Sequence[int] = (32, 64, 128, 256, 512),
    ablation_neurons: Sequence[int] = (N_NEURONS,),
    study_trials: int = 3,
    studies: Sequence[str] = STUDIES,
    inputs: str = "published",
    cases: int = PUBLISHED_CASES,
    seed: int = 0,
    folder: str = "results/hardware",
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Measure the NRMSE of the remembered window; one row for each run.

    Parameters
    ----------
    platforms : sequence of str, optional
        Networks and simulators, of ``PLATFORMS``; by default all whose packages are
        installed.
    trials : int
        Networks on each platform, each with random neurons of its own.
    neurons, ablation_neurons : sequence of int
        Neurons per dimension, of the studies of scaling and of design.
    study_trials : int
        Networks of each kind in those two studies.
    studies : sequence of str
        ``"platforms"``: all platforms on the protocol; ``"scaling"``: error against
        neurons; ``"ablation"``: designs from the published network to the defaults of
        `LegendreMemory`, one change at a time.
    inputs : str
        ``"published"``: the inputs with which the chips were measured; or
        ``"fresh"``: others, drawn from ``seed``.
    cases : int
        Inputs for each network: the first of the ten published ones, or up to 100
        fresh ones.
    seed : int
        From which all others are derived.
    folder : str
        Where finished trials are stored, and found again.
    jobs, scheduler, progress
        See `sweep`.

    Returns
    -------
    trials : pandas.DataFrame
        Failed trials are left out.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or a package that it needs is missing.

    References
    ----------
    Voelker 2019, the chapter on neuromorphic hardware.
    """
    tasks = make_tasks(
        platforms,
        trials,
        neurons,
        ablation_neurons,
        study_trials,
        studies,
        inputs,
        cases,
        seed,
    )
    return execute(tasks, folder, jobs, scheduler, progress).frame


def execute(
    tasks: list[dict[str, Any]],
    folder: str,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> SweepResult:
    """Run the tasks through a sweep."""
    installed = pages.versions()
    return sweep(
        run_task,
        tasks,
        folder,
        context={name: installed.get(name, "none") for name in PACKAGES},
        jobs=jobs,
        scheduler=scheduler,
        progress=progress,
    )


def make_tasks(
    platforms: Sequence[str] | None,
    trials: int,
    neurons: Sequence[int],
    ablation_neurons: Sequence[int],
    study_trials: int,
    studies: Sequence[str],
    inputs: str,
    cases: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Complete descriptions of all trials, checked; see `run`."""
    check_integer("trials", trials, high=10**4)
    check_each("neurons", neurons, check_integer, 4, 10**4)
    check_each("ablation_neurons", ablation_neurons, check_integer, 4, 10**4)
    check_integer("study_trials", study_trials, high=10**4)
    check_each("studies", studies, check_choice, STUDIES)
    check_choice("inputs", inputs, INPUTS)
    check_integer("cases", cases, high=PUBLISHED_CASES if inputs == INPUTS[0] else 100)
    check_integer("seed", seed, low=0, high=2**32 - 1)
    chosen = _chosen(platforms)
    shared = {
        "inputs": inputs,
        "cases": list(range(1, cases + 1)),
        "input_seeds": _input_seeds(inputs, cases, seed),
    }

    def each(study: str, n_trials: int, designs: Iterator[Any]) -> list[dict[str, Any]]:
        return [
            {
                "study": study,
                "platform": name,
                "change": change,
                "n_neurons": int(n),
                **asdict(platform),
                **shared,
                "trial": trial,
                "seed": _derived_seed(seed, trial),
            }
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
            if _installed(design)
            for n in ablation_neurons
        ),
    }
    counts = {"platforms": trials, "scaling": study_trials, "ablation": study_trials}
    tasks = [t for s in studies for t in each(s, counts[s], designs[s])]
    if not tasks:
        raise refusal("platforms", platforms, f"some of {', '.join(SCALED)}")
    return tasks


def _chosen(platforms: Sequence[str] | None) -> tuple[str, ...]:
    if platforms is None:
        return tuple(name for name, p in PLATFORMS.items() if _installed(p))
    check_each("platforms", platforms, check_choice, tuple(PLATFORMS))
    for name in platforms:
        if not _installed(PLATFORMS[name]):
            require(PACKAGE_OF[PLATFORMS[name].backend])
    return tuple(platforms)


def _installed(platform: Platform) -> bool:
    return find_spec(PACKAGE_OF.get(platform.backend, "nengo")) is not None


def _derived_seed(seed: int, trial: int) -> int:
    return int(np.random.SeedSequence([seed, trial]).generate_state(1)[0] >> 1)


def _input_seeds(inputs: str, cases: int, seed: int) -> list[int]:
    if inputs == "published":
        return list(range(1, cases + 1))
    drawn = np.random.SeedSequence(seed, spawn_key=(1,)).generate_state(cases)
    return [int(s >> 1) for s in drawn]


# ---- The command -------------------------------------------------------------------

OPTIONS: dict[str, Option] = {
    "studies": (words, "STUDY,...", "what to run"),
    "platforms": (words, "NAME,...", f"{', '.join(PLATFORMS)} (all installed)"),
    "trials": (int, "N", "networks on each platform"),
    "neurons": (integers, "N,...", "per dimension, of the scaling"),
    "ablation_neurons": (integers, "N,...", "per dimension, of the ablation"),
    "study_trials": (int, "N", "networks of each kind in scaling and ablation"),
    "inputs": (str, "KIND", "published, or fresh ones drawn from the seed"),
    "cases": (int, "N", "inputs for each network"),
    "seed": (int, "N", "from which all others are derived"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`."""
    parser.add_argument(
        "--full",
        action="store_true",
        help="25 networks of everything, as published; an hour on two cores",
    )
    add_options(parser, OPTIONS, run, FULL)
    add_execution(parser)


def main(args: argparse.Namespace, out: Path, command: str) -> tuple[Path, int]:
    """Run, draw and write everything; see `publishing.publish`."""
    arguments = chosen(run, args, FULL if args.full else {})
    tasks = make_tasks(**arguments)

    def present(result: SweepResult) -> tuple[pages.Report, Figures]:
        failed = [task for task, _ in result.failures]
        examples = run_examples([task for task in tasks if task not in failed])
        drawn = figures(result.frame, examples)
        return report(result.frame, tuple(drawn)), drawn

    return publish(
        args,
        out,
        command,
        arguments,
        partial(execute, tasks),
        present,
    )


def run_examples(tasks: Sequence[dict[str, Any]]) -> list[Any]:
    """Runs to be shown: of the published network and of ours, on the emulator."""
    first = {task["platform"]: task for task in reversed(tasks)}
    shown = [first[p] for p in ("thesis-loihi", "matched-sim") if p in first]
    return [run_example(task) for task in shown or tasks[:1]]
