"""The one task of a deployment: a trained network on a target, on some sequences."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
from nengo.exceptions import ValidationError

from spiking_lmu.data.archives import fingerprint
from spiking_lmu.data.datasets import Split
from spiking_lmu.experiments.arguments import OneOf, Range
from spiking_lmu.experiments.classification.neurons import (
    COUNTED,
    EXAMPLES,
    rates_up_to,
)
from spiking_lmu.experiments.classification.sources import load
from spiking_lmu.experiments.classification.trials import OF_HIDDEN
from spiking_lmu.experiments.deployment.targets import ON_CHIP, TARGETS
from spiking_lmu.experiments.experiment import Stage
from spiking_lmu.experiments.pages.complexity import complexity_columns
from spiking_lmu.hardware.processors import compare
from spiking_lmu.hardware.resources import Resources, resources
from spiking_lmu.networks import (
    LegendreMemory,
    SequenceNetwork,
    freeze,
    measure_complexity,
    run_sequences,
)
from spiking_lmu.networks.freezing import MEMORY_TYPES
from spiking_lmu.realization import COORDINATES
from spiking_lmu.validation import (
    check_choice,
    check_integer,
    check_number,
    check_seed,
    refusal,
)

PARTS = ("test", "all")
LARGEST = 10  # populations that the page lists
# for models that were not trained for any neurons in particular
IN_NEURONS: dict[str, Any] = {
    "memory": "lif",
    "neurons": 2000,
    "presentation": 10,
    "synapse": 0.3,
    "rates": 400.0,
}


# only in models whose neurons have them
BESIDES = ("noise_shaping", *OF_HIDDEN)


class Job(NamedTuple):
    """What a deployment takes from its files."""

    network: SequenceNetwork  # trained, with an exact memory
    labels: list[str]  # of its classes
    data: str  # what the data are called
    examples: np.ndarray  # training sequences that coordinates are chosen for
    sequences: Split  # what is run

    @property
    def digest(self) -> int:
        """A number that changes with the data."""
        return fingerprint(self.examples, self.sequences.x, self.sequences.y)


Frozen = tuple[SequenceNetwork, float]  # and the seconds that it took


def make_tasks(
    model: str,
    target: Annotated[str, OneOf(tuple(TARGETS))] = "compiled",
    data: str | None = None,
    part: Annotated[str, OneOf(PARTS)] = "test",
    memory: str | None = None,
    neurons: int | None = None,
    presentation: int | None = None,
    synapse: float | None = None,
    rates: float | None = None,
    images: Annotated[int, Range(0)] = 100,
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
) -> list[Stage]:
    """Run a trained network on a target; one row a sequence.

    A network that was frozen, or trained for some neurons, runs with these neurons
    unless other ones are asked for.

    Parameters
    ----------
    model : str
        A network that ``psmnist``, ``seqmnist`` or ``classify`` has saved, such as
        ``results/psmnist/models/NAME.npz``, or that `SequenceNetwork.save` has written.
    target : str
        Simulator: ``compiled``, that of this toolkit, many sequences at a time;
        ``nengo``, one sequence at a time, as a reference; ``dl``, NengoDL; or
        ``loihi``, the emulator of the chip.
    data : str, optional
        ``digits``, ``mnist``, or files as for ``classify``; by default the data that
        the network was trained on. Sequences are permuted if they were in training.
    part : str
        Part of the data: ``test``, which was not used in training; or ``all``, for data
        that were not used in training at all.
    memory : str, optional
        ``exact``, or the neurons of the memory, by default those of the model, or
        ``lif``. With the tuning curves of LIF neurons: ``lif``, ``poisson``,
        ``coordinated``, ``coordinated-golden``, ``coordinated-carry``,
        ``coordinated-nearest``, ``regular`` and ``rate`` (without spikes). With linear
        ones: ``relu`` (integrate-and-fire), ``poisson-relu``, ``coordinated-relu``,
        ``coordinated-golden-relu``, ``coordinated-carry-relu`` and
        ``coordinated-nearest-relu``.
    neurons : int, optional
        Number of neurons of the memory, over all state variables; by default that of
        the model, or 2000.
    presentation : int, optional
        Time steps for which each item of a sequence is shown; by default as in the
        model, or 10.
    synapse : float, optional
        Recurrent synapse of the memory, in seconds; by default that of the model, or
        0.3.
    rates : float, optional
        Maximum rate of the fastest neurons, in Hz; by default that of the model, or
        400. The slowest neurons have half of it.
    images : int
        Number of sequences, drawn at random; 0 for all.
    seed : int
        Seed from which all other seeds are derived. A model that was frozen with a seed
        keeps its neurons.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the model or the data cannot be read or do not go together, or an argument
        is out of range.
    ImportError
        If a package that the target needs is not installed.
    """
    with _named("path", "model"):
        network, about = SequenceNetwork.load(model)
    given = {
        "memory": memory,
        "neurons": neurons,
        "presentation": presentation,
        "synapse": synapse,
        "rates": rates,
    }
    settings: dict[str, Any] = {
        **IN_NEURONS,
        "seed": seed,
        **made_for(about),
        **{name: value for name, value in given.items() if value is not None},
    }
    _check_neurons(target, settings, network)
    data = about.get("data") if data is None else data
    task: dict[str, Any] = {
        "model": str(model),
        "target": target,
        "data": data,
        "part": part,
        "images": images,
        "seed": seed,
        "settings": settings,
    }
    job = read(task)
    task["digests"] = [zlib.crc32(Path(model).read_bytes()), job.digest]
    beside: dict[str, Any] = {"job": job}
    if target == "loihi":
        beside["made"] = made = frozen(job, settings)
        with _named("network", "neurons"):
            resources(made[0])  # refuses what does not fit on the chip
    return [Stage([task], beside=beside)]


def made_for(about: dict[str, Any]) -> dict[str, Any]:
    """The neurons that a network was trained for, or frozen into, and their seed."""
    made: dict[str, Any] = {}
    for kind in ("noise_aware", "frozen"):
        found = about.get(kind, {})
        known = {*IN_NEURONS, "seed", "coordinates", *BESIDES}
        if not isinstance(found, dict) or not set(found) <= known:
            raise refusal("model", found, "with settings of freeze")
        made.update(found)
        if found.get("memory") == "poisson" and "seed" not in found:
            made["memory"] = "poisson-relu"  # as version 0.1.0 called it
    with _named("seed", "model"):
        check_seed(made.get("seed"))
    check_choice("model", made.setdefault("coordinates", "balanced"), COORDINATES)
    return {name: value for name, value in made.items() if value is not None}


def _check_neurons(
    target: str, settings: dict[str, Any], network: SequenceNetwork
) -> None:
    check_choice("memory", settings["memory"], MEMORY_TYPES)
    n_states = network.order * network.size_in
    least = 1 if settings["memory"] == "exact" else n_states
    check_integer("neurons", settings["neurons"], least, 10**6 * n_states)
    check_integer("presentation", settings["presentation"], high=10**4)
    check_number("synapse", settings["synapse"], low=0.001, high=100)
    check_number("rates", settings["rates"], low=10, high=2000)
    if target == "loihi" and settings["memory"] not in ON_CHIP:
        allowed = (
            f"{', '.join(ON_CHIP)} on a chip: its neurons have spikes, and share no "
            "random number"
        )
        raise refusal("memory", settings["memory"], allowed)
    if target == "loihi" and settings.get("noise_shaping"):
        allowed = "without noise shaping, which the chip does not have"
        raise refusal("model", "a network with noise shaping", allowed)
    if target == "loihi" and "hidden" in settings:
        allowed = "with hidden units of real numbers, which the host computes"
        raise refusal("model", f"with hidden units of {settings['hidden']}", allowed)


@contextmanager
def _named(theirs: str, ours: str) -> Iterator[None]:
    """Let an error name the argument of this experiment."""
    try:
        yield
    except ValidationError as error:
        if error.attr != theirs:
            raise
        raise ValidationError(error.args[0], attr=ours) from error


def read(task: dict[str, Any]) -> Job:
    """The model and the data of a task, which go together."""
    network, about = SequenceNetwork.load(task["model"])
    kind = about.get("task", "classification")
    if kind != "classification":
        raise refusal("model", kind, "a network for classification")
    data = task["data"]
    if not isinstance(data, str):
        raise refusal("data", data, "given, since the model does not name its data")
    dataset = load(data, bool(about.get("permuted", False)))
    n_steps, size = dataset.shape
    if (n_steps, size) != (network.window, network.size_in):
        raise ValidationError(
            f"must be of sequences of {network.window} steps and {network.size_in} "
            f"values in each, as the model was trained on, but {dataset.name} has "
            f"{n_steps} and {size}",
            attr="data",
        )
    known = [str(label) for label in about.get("labels", dataset.labels)]
    strange = [label for label in dataset.labels if label not in known]
    if strange or len(known) != network.size_out:
        allowed = f"of the {network.size_out} labels of the model"
        found = strange[0] if strange else len(known)
        raise refusal("data", found, allowed)
    splits = (dataset.train, dataset.validation, dataset.test)
    x, y = dataset.test.x, dataset.test.y
    if task["part"] == "all":
        x, y = (np.concatenate([getattr(s, k) for s in splits]) for k in "xy")
    y = np.array([known.index(label) for label in dataset.labels])[y]
    rng = np.random.default_rng(task["seed"])
    rows = np.arange(len(x))
    if 0 < task["images"] < len(x):
        rows = np.sort(rng.choice(len(x), task["images"], replace=False))
    examples = dataset.train.x[:EXAMPLES]
    return Job(network, known, dataset.name, examples, Split(x[rows], y[rows]))


def frozen(job: Job, settings: dict[str, Any]) -> Frozen:
    """The network around the memory that is asked for."""
    start = time.perf_counter()
    network = freeze(
        job.network,
        settings["memory"],
        settings["neurons"] // (job.network.order * job.network.size_in),
        job.examples,
        settings["presentation"],
        settings["synapse"],
        settings["coordinates"],
        max_rates=rates_up_to(settings["rates"]),
        seed=settings["seed"],
        **{name: settings[name] for name in BESIDES if name in settings},
    )
    return network, time.perf_counter() - start


def run_task(
    task: dict[str, Any],
    folder: str,
    progress: bool = False,
    job: Job | None = None,
    made: Frozen | None = None,
) -> list[dict[str, Any]]:
    """Run the network; a row a sequence. Further facts go into `facts_path`.

    ``job`` and ``made`` are what `make_tasks` has read and frozen already.
    """
    job = job or read(task)
    x, y = job.sequences.x, job.sequences.y
    network, seconds = made or frozen(job, task["settings"])
    start = time.perf_counter()
    told = {"law": _facts(task, job, network), "chip": _resources(network)}
    counted = measure_complexity(network, x[:COUNTED], seed=task["seed"])
    told["law"] |= complexity_columns(counted)
    exact = run_sequences(job.network, x).values
    built = time.perf_counter()
    values, spikes, extra = TARGETS[task["target"]](network, x, task["seed"], progress)
    told["law"] |= {
        "spikes": spikes,
        "build_seconds": seconds + built - start,
        "run_seconds": time.perf_counter() - built,
    }
    if extra:
        steps = 1e-9 * told["law"]["steps"]
        energies = [steps * extra[name] for name in ("energy_low", "energy_high")]
        told["law"] |= {
            "chip_energy": energies,
            "cores": extra["cores"],
            "chip_synaptic_operations": extra["synaptic_operations"],
        }
    facts_path(folder, task).write_text(json.dumps(told), "utf-8")
    names = np.array(job.labels)
    columns = {
        "sequence": np.arange(len(y)),
        "label": names[y],
        "predicted": names[values.argmax(axis=1)],
        "exact": names[exact.argmax(axis=1)],
        "margin": _margin(values, y),
        "exact_margin": _margin(exact, y),
    }
    return pd.DataFrame(columns).to_dict("records")


def _facts(task: dict[str, Any], job: Job, network: SequenceNetwork) -> dict[str, Any]:
    """What is known of a run before it."""
    settings, memory = task["settings"], network.lmu.memory
    steps = job.network.window * settings["presentation"]
    return {
        "model": task["model"],
        "data": job.data,
        "target": task["target"],
        "order": network.order,
        "units": list(network.units),
        **{name: settings[name] for name in IN_NEURONS},
        "neurons": 0 if settings["memory"] == "exact" else memory.n_neurons,
        "steps": steps,
        **{
            f"{one.name.lower()}_energy": one.joules * steps
            for one in compare(network, 0)
            if one.method == "factors"
        },
    }


def facts_path(folder: str | Path, task: dict[str, Any]) -> Path:
    """Where what is known of a run, beside its rows, is kept."""
    code = zlib.crc32(json.dumps(task, sort_keys=True).encode())
    return Path(folder, f"facts-{code:08x}.json")


def _resources(network: SequenceNetwork) -> dict[str, Any]:
    """What the network takes of Loihi; or why it cannot be there."""
    memory = network.lmu.memory
    if not isinstance(memory, LegendreMemory) or not memory.neuron_type.spiking:
        return {"why": "A chip has spiking neurons only, and this memory has none."}
    try:
        found: Resources = resources(network)
    except ValidationError as error:
        return {"why": f"On Loihi: {error.args[0]}."}
    largest = sorted(found.populations, key=lambda one: -one.n_neurons)[:LARGEST]
    return {
        "total": str(found).splitlines()[-1],
        "populations": [
            {
                "Population": one.label,
                "Neurons": one.n_neurons,
                "Cores": one.cores,
                "Input axons": one.in_axons,
                "Output axons": one.out_axons,
            }
            for one in largest
        ],
        "more": len(found.populations) - len(largest),
    }


def _margin(values: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The logit of the right class less the highest of the others."""
    rows = np.arange(len(y))
    others = np.array(values, dtype=float)
    others[rows, y] = -np.inf
    return values[rows, y] - others.max(axis=1)
