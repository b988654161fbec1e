"""From a trained network to a simulator or a chip: what it makes of data there.

.. code-block:: text

    spiking-lmu deploy results/psmnist/models/NAME.npz --target loihi
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nengo.exceptions import ValidationError

from spiking_lmu.data.datasets import Dataset, Split
from spiking_lmu.experiments.arguments import Option, add_options, chosen, shown
from spiking_lmu.experiments.classification.neurons import EXAMPLES, rates_up_to
from spiking_lmu.experiments.classification.trials import load
from spiking_lmu.experiments.deployment.report import plot, report
from spiking_lmu.experiments.deployment.targets import TARGETS, require_target
from spiking_lmu.experiments.pages import report as pages
from spiking_lmu.hardware.processors import compare
from spiking_lmu.hardware.resources import Resources, resources
from spiking_lmu.intervals import mean_interval
from spiking_lmu.networks import SequenceNetwork, freeze, run_sequences
from spiking_lmu.networks.freezing import MEMORY_TYPES
from spiking_lmu.training.weights import fix_seeds
from spiking_lmu.validation import (
    check_choice,
    check_integer,
    check_number,
    check_seed,
    refusal,
)

__all__ = ["Deployment", "add_arguments", "deploy", "main", "plot", "run"]

PARTS = ("test", "all")
# of models that were trained for no neurons in particular
IN_NEURONS: dict[str, Any] = {
    "memory": "lif",
    "neurons": 2000,
    "presentation": 10,
    "synapse": 0.3,
    "rates": 400.0,
}

OPTIONS: dict[str, Option] = {
    "target": (str, "NAME", "nengo; batched, the same for all sequences at once; dl, "
               "NengoDL; loihi, its emulator"),
    "data": (str, "DATA", "digits, mnist, an .npz file like it or a .csv or .tsv of "
             "sequences; by default what it was trained on"),
    "part": (str, "NAME", "of the data: test, or all where none was trained on"),
    "memory": (str, "NAME", "exact, rate, relu, lif, poisson-relu, poisson"),
    "neurons": (int, "N", "of the memory, in all"),
    "presentation": (int, "N", "time steps for which each item is shown"),
    "synapse": (float, "S", "recurrent synapse of the memory, in seconds"),
    "rates": (float, "HZ", "highest rate of the fastest neurons"),
    "images": (int, "N", "sequences, drawn at random; 0 for all"),
    "seed": (int, "N", "from which all others are derived"),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Deployment:
    """What a network did on a target.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a sequence; see `run`.
    facts : dict
        ``"accuracy"`` with its 95 % interval, ``"low"`` and ``"high"`` (Wilson 1927);
        ``"exact_accuracy"`` and ``"agreement"``, with the exact network; ``"spikes"``
        of the memory for each sequence; ``"steps"`` of each; ``"cpu_energy"``,
        ``"gpu_energy"`` and ``"arm_energy"``, and on the emulator ``"chip_energy"``,
        low and high, estimates in joules for each sequence; and how it was run.
    resources : Resources or str
        What the network takes of Loihi; or why it cannot be there.
    """

    frame: pd.DataFrame
    facts: dict[str, Any]
    resources: Resources | str

    def __repr__(self) -> str:
        accuracy, low, high = (self.facts[k] for k in ("accuracy", "low", "high"))
        shown = (
            f"{accuracy:.1%} ({low:.1%} to {high:.1%}) of {len(self.frame)} sequences"
        )
        return f"<Deployment on {self.facts['target']}: {shown}>"


def run(
    model: str,
    target: str = "nengo",
    data: str | None = None,
    part: str = "test",
    memory: str | None = None,
    neurons: int | None = None,
    presentation: int | None = None,
    synapse: float | None = None,
    rates: float | None = None,
    images: int = 100,
    seed: int = 0,
    progress: bool = False,
) -> pd.DataFrame:
    """Run a trained network on a target; one row a sequence.

    Parameters
    ----------
    model : str
        What `SequenceNetwork.save` has written: `psmnist` keeps its networks in
        ``results/psmnist/models``.
    target : str
        ``"nengo"``: `nengo.Simulator`, one sequence after the other; ``"batched"``:
        `networks.run_sequences`, the same for all sequences at once; ``"dl"``: NengoDL;
        ``"loihi"``: the emulator of the chip.
    data : str, optional
        As for `psmnist.run`; by default what the network was trained on. Sequences are
        shuffled in time where they were in training.
    part : str
        ``"test"``, the part that was held out; or ``"all"``, for data of which nothing
        was trained on.
    memory : str, optional
        ``"exact"``, or the neurons that it is made of; see `networks.freeze`. By
        default this and the next four are those that the model was frozen with, or of
        its noise-aware training, or else those of `IN_NEURONS`.
    neurons : int, optional
        Of the memory, in all.
    presentation : int, optional
        Time steps for which each item of a sequence is shown.
    synapse : float, optional
        Recurrent synapse of the memory, in seconds.
    rates : float, optional
        Highest rate of the fastest neurons, in Hz; those of the slowest are half of it.
    images : int
        How many sequences, drawn at random; 0 for all.
    seed : int
        From which all others are derived.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    sequences : pandas.DataFrame
        ``sequence`` (its place in the part), ``label``, ``predicted``, ``exact`` (what
        the exact network predicts), ``margin`` and ``exact_margin``, by how much the
        logit of the right class is above the highest other.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the model or the data cannot be read or do not go together, an argument is
        out of range, or the target's package is not installed.
    """
    arguments = dict(locals())
    return deploy(**arguments).frame


def deploy(
    model: str,
    target: str,
    data: str | None,
    part: str,
    images: int,
    seed: int,
    progress: bool = False,
    **in_neurons: Any,
) -> Deployment:
    """As `run`, with all that is known about the run."""
    check_choice("target", target, tuple(TARGETS))
    check_choice("part", part, PARTS)
    check_integer("images", images, low=0)
    check_integer("seed", seed, low=0, high=2**31 - 1)
    with _named("path", "model"):
        network, about = SequenceNetwork.load(model)
    given = {name: value for name, value in in_neurons.items() if value is not None}
    made = _made_for(about)
    drawn = made.pop("seed", None)  # of the neurons that the network was made for
    settings = {**IN_NEURONS, **made, **given}
    _check_neurons(target, settings)
    with _named("backend", "target"):
        require_target(target)
    memory, presentation = settings["memory"], settings["presentation"]
    dataset, some = _data(network, about, data, part, images, seed)
    start = time.perf_counter()
    frozen = _frozen(network, dataset, settings, seed if drawn is None else drawn)
    taken = _resources(frozen, memory)
    operations = compare(frozen, 0)
    exact = run_sequences(network, some.x).values
    built = time.perf_counter()
    with _named("network", "neurons"):
        values, spikes, extra = TARGETS[target](frozen, some.x, seed, progress)
    frame = _frame(values, exact, some.y, _labels(about, dataset))
    steps = some.x.shape[1] * presentation
    facts = {
        "model": str(model),
        "data": dataset.name,
        "target": target,
        "order": network.order,
        "units": list(network.units),
        **settings,
        "neurons": 0 if memory == "exact" else frozen.lmu.memory.n_neurons,
        "steps": steps,
        **_accuracy(frame),
        "spikes": spikes,
        **{
            f"{one.name.lower()}_energy": one.joules * steps
            for one in operations
            if one.method == "factors"
        },
        "build_seconds": built - start,
        "run_seconds": time.perf_counter() - built,
    }
    if extra:
        bounds = (extra["energy_low"], extra["energy_high"])
        facts["chip_energy"] = [1e-9 * steps * bound for bound in bounds]
        facts["cores"] = extra["cores"]
    return Deployment(frame, facts, taken)


@contextmanager
def _named(theirs: str, ours: str) -> Iterator[None]:
    """Let an error name the argument of this experiment."""
    try:
        yield
    except ValidationError as error:
        if error.attr != theirs:
            raise
        raise ValidationError(error.args[0], attr=ours) from error


def _data(
    network: SequenceNetwork,
    about: dict[str, Any],
    data: str | None,
    part: str,
    images: int,
    seed: int,
) -> tuple[Dataset, Split]:
    """The data that go with a model, and the sequences that it is to be run on."""
    task = about.get("task", "classification")
    if task != "classification":
        raise refusal("model", task, "one that tells classes: of psmnist or seqmnist")
    data = about.get("data") if data is None else data
    if not isinstance(data, str):
        raise refusal("data", data, "given: the model does not say what it was for")
    dataset = load(data, bool(about.get("permuted", False)))
    n_steps, size = dataset.shape
    if (n_steps, size) != (network.window, network.size_in):
        raise ValidationError(
            f"must be of sequences of {network.window} steps and {network.size_in} "
            f"values in each, as the model was trained on, but {dataset.name} has "
            f"{n_steps} and {size}",
            attr="data",
        )
    known = _labels(about, dataset)
    strange = [label for label in dataset.labels if label not in known]
    if strange or len(known) != network.size_out:
        allowed = f"of the {network.size_out} labels that the model knows"
        found = strange[0] if strange else len(known)
        raise refusal("data", found, allowed)
    splits = (dataset.train, dataset.validation, dataset.test)
    x, y = dataset.test.x, dataset.test.y
    if part == "all":
        x, y = (np.concatenate([getattr(s, k) for s in splits]) for k in "xy")
    y = np.array([known.index(label) for label in dataset.labels])[y]
    rng = np.random.default_rng(seed)
    rows = np.arange(len(x))
    if 0 < images < len(x):
        rows = np.sort(rng.choice(len(x), images, replace=False))
    return dataset, Split(x[rows], y[rows])


def _labels(about: dict[str, Any], dataset: Dataset) -> list[str]:
    """What the model's classes are called."""
    return [str(label) for label in about.get("labels", dataset.labels)]


def _made_for(about: dict[str, Any]) -> dict[str, Any]:
    """The neurons that a network has been trained for, or frozen into."""
    made: dict[str, Any] = {}
    for kind in ("noise_aware", "frozen"):
        found = about.get(kind, {})
        if not isinstance(found, dict) or not set(found) <= {*IN_NEURONS, "seed"}:
            raise refusal("model", found, "made for a memory of neurons, or for none")
        made.update(found)
        if found.get("memory") == "poisson" and "seed" not in found:
            made["memory"] = "poisson-relu"  # as version 0.1.0 called it
    with _named("seed", "model"):
        check_seed(made.get("seed"))
    return made


def _check_neurons(target: str, settings: dict[str, Any]) -> None:
    check_choice("memory", settings["memory"], MEMORY_TYPES)
    check_integer("neurons", settings["neurons"], high=10**7)
    check_integer("presentation", settings["presentation"], high=10**4)
    check_number("synapse", settings["synapse"], low=0.001, high=100)
    check_number("rates", settings["rates"], low=10, high=2000)
    if target == "loihi" and settings["memory"] in ("exact", "rate"):
        allowed = "lif, relu, poisson-relu or poisson on a chip: it has spikes"
        raise refusal("memory", settings["memory"], allowed)


def _frozen(
    network: SequenceNetwork, dataset: Dataset, settings: dict[str, Any], seed: int
) -> SequenceNetwork:
    memory, neurons = settings["memory"], settings["neurons"]
    least = network.order * network.size_in
    if memory != "exact" and neurons < least:
        raise refusal("neurons", neurons, f"at least {least}, one a state variable")
    frozen = freeze(
        network,
        memory,
        neurons // least,
        dataset.train.x[:EXAMPLES],
        settings["presentation"],
        settings["synapse"],
        max_rates=rates_up_to(settings["rates"]),
        seed=seed,
    )
    # the same neurons on every target, also where it builds only the memory
    fix_seeds(frozen, seed)
    return frozen


def _resources(frozen: SequenceNetwork, memory: str) -> Resources | str:
    if memory in ("exact", "rate"):
        return "A chip has spiking neurons only, and this memory has none."
    try:
        return resources(frozen)
    except ValidationError as error:
        return f"On Loihi: {error.args[0]}."


def _frame(
    values: np.ndarray, exact: np.ndarray, y: np.ndarray, labels: list[str]
) -> pd.DataFrame:
    names = np.array(labels)
    return pd.DataFrame(
        {
            "sequence": np.arange(len(y)),
            "label": names[y],
            "predicted": names[values.argmax(axis=1)],
            "exact": names[exact.argmax(axis=1)],
            "margin": _margin(values, y),
            "exact_margin": _margin(exact, y),
        }
    )


def _margin(values: np.ndarray, y: np.ndarray) -> np.ndarray:
    """By how much the right class is above the highest other."""
    rows = np.arange(len(y))
    others = np.array(values, dtype=float)
    others[rows, y] = -np.inf
    return values[rows, y] - others.max(axis=1)


def _accuracy(frame: pd.DataFrame) -> dict[str, Any]:
    """Shares of the sequences, and the 95 % interval of the first."""
    right = frame["predicted"] == frame["label"]
    accuracy, low, high = mean_interval(right.to_numpy(float)[None], "share")
    return {
        "sequences": len(frame),
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "exact_accuracy": float((frame["exact"] == frame["label"]).mean()),
        "agreement": float((frame["predicted"] == frame["exact"]).mean()),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model and the options of `run`."""
    parser.add_argument("model", metavar="MODEL", help="what psmnist has kept (.npz)")
    for name, (kind, metavar, text) in OPTIONS.items():
        if name in IN_NEURONS:
            text += f" ({shown(IN_NEURONS[name])}, or what the model was made for)"
        add_options(parser, {name: (kind, metavar, text)}, run)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def main(args: argparse.Namespace, out: Path, command: str) -> tuple[Path, int]:
    """Run the model, draw and write everything.

    Parameters
    ----------
    args : argparse.Namespace
        As a parser with `add_arguments` returns it.
    out : pathlib.Path
        The results folder.
    command : str
        The exact command, for the record.

    Returns
    -------
    page : pathlib.Path
        Of the report.
    n_failed : int
        0.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the model, the data or an option is of no use.
    OSError
        If a file cannot be written.
    """
    start = time.perf_counter()
    arguments = chosen(run, args)
    done = deploy(**arguments, progress=not args.quiet)
    page = pages.write(
        out,
        report(done.frame, done.facts, done.resources),
        done.frame,
        {"answers": plot(done.frame)},
        pages.Run(command, arguments, arguments["seed"], time.perf_counter() - start),
    )
    return page, 0
