"""How many times as fast as Nengo: the compiled simulator, and the other simulators.

Each simulator has a process of its own, with one thread on one core, which builds each
model and then runs it for a simulated second (or for fewer steps, if that takes
long). The simulators take turns, several times, and the least of each counts: all else
on the machine can only add to it. What counts are seconds of the processor and not of
the clock, for the same reason; on an idle machine they are the same. Builds, compiling
and a first run of a few steps are not in these seconds. Every ratio is that of
`nengo.Simulator`, with its optimizer, to the simulator, in one run of this script.

The models are fourteen classical ones of Nengo and the `LegendreMemory`, named by its
order, neurons a dimension, neuron type and maximum rates. The last lines compare
coordinated neurons with independent Poisson neurons in the same run. ``--scaling`` runs
the memory from 100 to a million neurons instead, each size in new processes, and writes
what it measured to ``simulators/scaling.json``. ``--figure`` draws that.

Simulators whose packages conflict with ours get an environment in ``build/``. Whatever
cannot be installed, or refuses a model, is skipped, and the reason is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "simulators"
MEASUREMENTS = FOLDER / "scaling.json"
sys.path.insert(0, str(FOLDER))
from memory_arrays import export  # noqa: E402
from models import CLASSICAL, MEMORIES  # noqa: E402
from workers import SIMULATORS, Unavailable, Worker  # noqa: E402

LONGEST = 1.0  # seconds that one measurement may take
WARM_UP = 100  # steps, whose output is compared
SIZES = (100, 1000, 10_000, 100_000, 1_000_000)
SCALED = {"poisson": "lmu 6x{} poisson 20-40", "lif": "lmu 6x{} lif 200-400"}


def measure(
    model: str, workers: Sequence[Worker], seconds: float, rounds: int
) -> dict[str, dict[str, Any]]:
    """What each simulator takes for a simulated second of a model, or why it fails."""
    found: dict[str, dict[str, Any]] = {}
    steps = {}
    for worker in workers:
        name = worker.simulator
        try:
            built = build(worker, model)
            worker.ask("steps", WARM_UP)
            output = worker.ask("output", WARM_UP)["values"]
            once = worker.ask("steps", WARM_UP)["seconds"] / WARM_UP
        except Unavailable as reason:
            found[name] = {"skipped": str(reason)}
            continue
        affordable = int(LONGEST / max(once, 1e-9))
        steps[worker] = int(np.clip(affordable, WARM_UP, 1000 * seconds))
        found[name] = {"build": built, "output": np.array(output), "runs": []}
    for _ in range(rounds):
        for worker, n in steps.items():
            ran = worker.ask("steps", n)
            found[worker.simulator]["runs"].append(ran["seconds"] * 1000 / n)
            found[worker.simulator]["peak_gigabytes"] = ran.get("peak_gigabytes")
    outputs = {n: one.pop("output") for n, one in found.items() if "output" in one}
    for name, output in outputs.items():
        found[name]["seconds"] = min(found[name]["runs"])
        if "nengo" in outputs:
            found[name]["difference"] = difference(output, outputs["nengo"])
    return found


def difference(output: np.ndarray, reference: np.ndarray) -> float:
    """The root mean square of a difference, relative to the reference's."""
    return float(np.linalg.norm(output - reference) / np.linalg.norm(reference))


def build(worker: Worker, model: str) -> dict[str, Any]:
    if worker.simulator != "brian2":
        return worker.ask("build", model)
    if model in CLASSICAL:
        raise Unavailable("written for the memory only")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "memory.npz")
        export(model, path)
        return worker.ask("build", str(path))


@contextmanager
def started(simulators: Sequence[str]) -> Iterator[list[Worker]]:
    """The processes of those simulators that can be installed."""
    with ExitStack() as stack:
        workers = []
        for simulator in simulators:
            try:
                workers.append(stack.enter_context(closing(Worker(simulator))))
            except Unavailable as reason:
                print(f"{simulator}: {reason}")
        yield workers


def compare(
    models: Sequence[str], simulators: Sequence[str], seconds: float, rounds: int
) -> None:
    """Print a row of ratios for each model, and their mean over the classical ones."""
    ratios: dict[str, list[float]] = {name: [] for name in simulators}
    reasons: dict[tuple[str, str], list[str]] = {}
    differences: dict[str, list[float]] = {}
    taken: dict[tuple[str, str], float] = {}
    with started(simulators) as workers:
        names = [worker.simulator for worker in workers]
        print(
            f"{'model':26} neurons  nengo/s " + "".join(f"{n:>13}" for n in names[1:])
        )
        for model in models:
            found = measure(model, workers, seconds, rounds)
            print(row(model, found), flush=True)
            for name, one in found.items():
                if "skipped" in one:
                    reasons.setdefault((name, one["skipped"]), []).append(model)
                    continue
                taken[name, model] = one["seconds"]
                if "poisson" not in model and "coordinated" not in model:
                    differences.setdefault(name, []).append(one["difference"])
                if model in CLASSICAL:
                    ratios[name].append(found["nengo"]["seconds"] / one["seconds"])
    for label, statistic in (("geometric mean", geometric_mean), ("least", min)):
        cells = [
            f"{statistic(r):12.1f}x" if r else f"{'-':>13}"
            for r in map(ratios.get, names[1:])
        ]
        print(f"{'classical, ' + label:26} {'':7} {'':8} " + "".join(cells))
    for name, values in differences.items():
        print(f"{name}: outputs without random spikes differ by {max(values):.0e}")
    for (name, model), seconds in taken.items():
        other = name, model.replace("coordinated", "poisson")
        if other != (name, model) and other in taken:
            ratio = seconds / taken[other]
            print(f"{name}: {model} takes {ratio:.2f} times as long as Poisson neurons")
    for (name, reason), skipped in reasons.items():
        print(f"{name} skipped {', '.join(skipped)}: {reason}")


def row(model: str, found: dict[str, dict[str, Any]]) -> str:
    nengo = found["nengo"]
    cells = [
        f"{nengo['seconds'] / one['seconds']:12.1f}x"
        if "seconds" in one
        else f"{'-':>13}"
        for name, one in found.items()
        if name != "nengo"
    ]
    neurons = nengo["build"]["neurons"]
    return f"{model:26} {neurons:7,} {nengo['seconds']:8.3f} " + "".join(cells)


def geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def scale(
    kinds: Sequence[str],
    sizes: Sequence[int],
    simulators: Sequence[str],
    seconds: float,
    rounds: int,
) -> None:
    """Measure the memory from few neurons to many, and write what was found.

    What was measured before, of other neurons, sizes and simulators, is kept.
    """
    kept = json.loads(MEASUREMENTS.read_text()) if MEASUREMENTS.exists() else []
    for kind in kinds:
        for size in sizes:
            model = SCALED[kind].format(max(1, round(size / 6)))
            with started(simulators) as workers:
                found = measure(model, workers, seconds, rounds)
            for name, one in found.items():
                print(scaling_row(name, size, one), flush=True)
                if "seconds" in one:
                    key = {"neuron_type": kind, "target": size, "simulator": name}
                    kept = [k for k in kept if not key.items() <= k.items()]
                    kept.append({**key, **summary(one)})
            MEASUREMENTS.write_text(json.dumps(kept, indent=1) + "\n")
    exponents(kept)


def scaling_row(name: str, size: int, one: dict[str, Any]) -> str:
    if "skipped" in one:
        return f"{name:12} {size:9,}  skipped: {one['skipped']}"
    peak = one["peak_gigabytes"] or np.nan
    nanoseconds = one["seconds"] * 1e6 / one["build"]["neurons"]
    return (
        f"{name:12} {one['build']['neurons']:9,} {one['seconds']:9.4f} s a second, "
        f"{nanoseconds:6.2f} ns a neuron and step, built in "
        f"{one['build']['seconds']:7.2f} s, {peak:5.2f} GB at most"
    )


def exponents(measured: Sequence[dict[str, Any]]) -> None:
    """Print the power of the number of neurons that the seconds grow with."""
    for kind in SCALED:
        for name in SIMULATORS:
            points = [
                (one["neurons"], one["seconds"])
                for one in measured
                if (one["neuron_type"], one["simulator"]) == (kind, name)
                and one["target"] >= 1000
            ]
            if len(points) > 1:
                slope = np.polyfit(*np.log(points).T, 1)[0]
                print(f"{name:12} {kind:8} exponent {slope:.3f} from 1,000 neurons on")


def summary(one: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a measurement."""
    return {
        "neurons": one["build"]["neurons"],
        "seconds": one["seconds"],
        "build_seconds": one["build"]["seconds"],
        "peak_gigabytes": one["peak_gigabytes"],
        "load": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    models = (*CLASSICAL, *MEMORIES)
    parser.add_argument("--models", help="comma-separated, instead of all")
    parser.add_argument("--simulators", help="comma-separated, instead of all")
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="simulated at a time"
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each simulator")
    parser.add_argument("--scaling", action="store_true", help="the memory by neurons")
    parser.add_argument(
        "--sizes", help="comma-separated numbers of neurons to scale to"
    )
    parser.add_argument("--neurons", help="poisson or lif, instead of both, to scale")
    parser.add_argument("--figure", action="store_true", help="draw what was measured")
    given = parser.parse_args()
    simulators = listed(given.simulators, SIMULATORS)
    if given.figure:
        from figure import draw

        draw(MEASUREMENTS)
    elif given.scaling:
        sizes = [int(n) for n in listed(given.sizes, SIZES)]
        kinds = listed(given.neurons, tuple(SCALED))
        scale(kinds, sizes, simulators, given.seconds, given.rounds)
    else:
        simulators = list(dict.fromkeys(["nengo", *simulators]))
        print("processors and load:", os.cpu_count(), os.getloadavg())
        compare(listed(given.models, models), simulators, given.seconds, given.rounds)


def listed(text: str | None, every: Sequence[Any]) -> list[Any]:
    return list(every) if text is None else text.split(",")


if __name__ == "__main__":
    main()
