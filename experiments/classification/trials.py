"""Trials of the classification tasks: train a network, then run it in neurons.

A task with the rung ``"trained"`` trains an exact network and keeps it in the folder of
the results. The other tasks read it from there and replace its memory by neurons.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from spiking_lmu import training
from spiking_lmu.data.datasets import Dataset
from spiking_lmu.experiments.arguments import OneOf, Range
from spiking_lmu.experiments.classification.answers import accuracy_columns
from spiking_lmu.experiments.classification.neurons import (
    COUNTED,
    InNeurons,
    parts_path,
    run_in_parts,
    together,
)
from spiking_lmu.experiments.classification.sources import data_files, load
from spiking_lmu.experiments.experiment import Stage
from spiking_lmu.experiments.pages.complexity import complexity_columns
from spiking_lmu.experiments.sweeps.tasks import SweepResult, derived_seed
from spiking_lmu.networks import SequenceNetwork, measure_complexity, run_sequences
from spiking_lmu.networks.hidden_units import ACTIVATIONS
from spiking_lmu.neurons import LINEAR, NEURON_TYPES
from spiking_lmu.training.descent import KEPT
from spiking_lmu.training.fitting import INITIAL
from spiking_lmu.validation import refusal

RUNGS = (*NEURON_TYPES, "loihi")
LADDER = ("rate", "relu", "lif", "poisson-relu")
TUNED = ("no", "yes")
REAL = "real"
HIDDEN = (REAL, *LINEAR)
OF_HIDDEN = ("hidden", "hidden_rates", "hidden_synapse")  # of neurons, not of training
IMAGES_OF = ("test", "validation")
NEURONS = (500, 2000)  # of the memory of each channel
CHIP_NEURONS = "lif"  # others are discharged by negative currents on the chip
PART, CHIP_PART = 500, 100  # sequences after which the results of a run are kept
# what a training, and the name of its file, depend on
OF_TRAINING = (
    "data", "permuted", "order", "units", "activation", "epochs", "batch_size",
    "learning_rate", "noise", "dropout", "seed",
)  # fmt: skip


def make_tasks(
    data: str = "digits",
    permuted: bool = True,
    orders: Annotated[Sequence[int], Range(1, 2000)] = (32,),
    units: Annotated[int, Range(1, 10**5)] = 100,
    activation: Annotated[str, OneOf(tuple(ACTIVATIONS))] = "relu",
    trainings: Annotated[int, Range(1, 1000)] = 3,
    epochs: Annotated[int, Range(1, 10**5)] = 40,
    batch_size: Annotated[int, Range(1, 10**6)] = 50,
    learning_rate: Annotated[float, Range(0, 1, exclusive=True)] = 1e-2,
    noise: Annotated[float, Range(0, 10)] = 0.3,
    dropout: Annotated[float, Range(0, 0.95)] = 0.1,
    keep: Annotated[str, OneOf(KEPT)] = "best",
    initial: Annotated[str, OneOf(INITIAL)] = "plain",
    rungs: Annotated[Sequence[str] | None, OneOf(RUNGS)] = LADDER,
    ladder_orders: Annotated[Sequence[int] | None, Range(1, 2000)] = None,
    neurons: Annotated[Sequence[int] | None, Range(1, 10**7)] = None,
    presentations: Annotated[Sequence[int], Range(1, 1000)] = (4, 16),
    images: Annotated[int | None, Range(1)] = 200,
    chip_images: Annotated[int, Range(1)] = 100,
    chip_neurons: Annotated[int, Range(1)] = 1024,
    noise_aware: Annotated[Sequence[str], OneOf(TUNED)] = TUNED,
    synapse: Annotated[float, Range(0.001, 100)] = 0.3,
    rates: Annotated[float, Range(10, 2000)] = 400.0,
    noise_shaping: Annotated[Sequence[str], OneOf(TUNED)] = ("no",),
    hidden: Annotated[Sequence[str], OneOf(HIDDEN)] = (REAL,),
    hidden_rates: Annotated[float, Range(10, 10**5)] = 1000.0,
    hidden_synapse: Annotated[float, Range(0, 1)] = 0.005,
    images_of: Annotated[str, OneOf(IMAGES_OF)] = "test",
    seed: int = 0,
) -> list[Stage]:
    """Train networks on images seen pixel by pixel, and run them in neurons.

    Networks are trained in this process, one after the other. The workers of a cluster
    must see the same folder.

    Parameters
    ----------
    data : str
        ``digits``, small images of scikit-learn; ``mnist``, or files of MNIST; or files
        of your sequences: ``.ts``, ``.arff``, ``.tsv``, ``.txt`` or ``.csv``. Of two
        files ``NAME_TRAIN`` and ``NAME_TEST``, either one, their folder, or ``NAME``.
    permuted : bool
        Whether to shuffle the time steps, by one permutation for all sequences.
    orders : sequence of int
        Numbers of state variables.
    units : int
        Number of hidden units.
    activation : str
        Nonlinearity of the hidden units: ``relu`` or ``tanh``.
    trainings : int
        Networks of each order. Each has its own initial weights.
    epochs : int
        Epochs of training.
    batch_size : int
        Images in each step of training.
    learning_rate : float
        Learning rate at the beginning of training.
    noise : float
        Noise added to the state in training, relative to the size of the state.
    dropout : float
        Share of hidden units that are omitted in each step of training.
    keep : str
        Weights that a trained network keeps: ``best``, those of the epoch with the
        lowest loss on validation sequences; or the ``last``, after training on the
        validation sequences, too.
    initial : str
        Inputs that initial weights are drawn for: ``plain``, as they are; or
        ``standardized``, state variables divided by their root mean square.
    rungs : sequence of str, optional
        Neurons of the memory. With the tuning curves of LIF neurons: ``poisson``
        (independent), ``coordinated``, ``coordinated-golden``, ``coordinated-carry``,
        ``coordinated-nearest``, ``regular``, ``lif``, or ``rate`` without spikes. With
        rectified linear tuning curves: ``poisson-relu``, ``coordinated-relu``,
        ``coordinated-golden-relu``, ``coordinated-carry-relu``,
        ``coordinated-nearest-relu``, or ``relu`` (integrate-and-fire). ``loihi`` for
        LIF neurons on the emulator of the chip; or ``none``.
    ladder_orders : sequence of int, optional
        Orders whose networks are run in neurons; by default all.
    neurons : sequence of int, optional
        Numbers of neurons of the memory, over all state variables of all channels; by
        default 500 and 2,000 for each channel.
    presentations : sequence of int
        Steps of 1 ms for which each pixel is shown.
    images : int, optional
        Number of images that are run in neurons, drawn at random.
    chip_images : int
        Number of test images that are run on the chip.
    chip_neurons : int
        Number of neurons of the memory on the chip.
    noise_aware : sequence of str
        ``no``: as trained; ``yes``: after further training with the neurons' noise.
    synapse : float
        Recurrent synapse of the memory, in seconds.
    rates : float
        Maximum rate of the fastest neurons, in Hz.
    noise_shaping : sequence of str
        ``yes``: each population of the memory carries the error of its decoded value
        over to the next step; or ``no``. Not on the chip.
    hidden : sequence of str
        Hidden units: ``real`` numbers, or neurons that spike: ``relu``
        (integrate-and-fire), ``poisson-relu``, ``coordinated-relu``,
        ``coordinated-golden-relu``, ``coordinated-carry-relu`` or
        ``coordinated-nearest-relu``.
    hidden_rates : float
        Highest rate of hidden units that spike, in Hz.
    hidden_synapse : float
        Filter on the spikes of hidden units, in seconds: the time over which the answer
        is read.
    images_of : str
        Images that are run in neurons: those of the ``test`` set; or those of the
        ``validation`` set, to choose neurons by. The latter requires ``keep best``.
    seed : int
        Seed from which all other seeds are derived.
    """
    rungs = rungs or ()
    size = 1  # a file that cannot be read is refused before any run
    of_file: dict[str, Any] = {}  # a file that has changed is trained on again
    if images_of == "validation" and keep == "last":
        allowed = "test if the last weights are kept: no sequences are for validation"
        raise refusal("images_of", images_of, allowed)
    if not isinstance(data, str):
        raise refusal("data", data, "digits, mnist, or the name of a file")
    if data not in ("digits", "mnist"):
        _, size = load(data, permuted).shape
        checksum = 0
        for file in data_files(data):
            checksum = zlib.crc32(file.read_bytes(), checksum)
        of_file = {"checksum": checksum}
    trained: list[dict[str, Any]] = [
        {
            "rung": "trained",
            "data": data,
            **of_file,
            "permuted": permuted,
            "order": order,
            "units": units,
            "activation": activation,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "noise": noise,
            "dropout": dropout,
            "seed": derived_seed(seed, trial),
            # only what differs from earlier versions, whose trials remain
            **({} if keep == "best" else {"keep": keep}),
            **({} if initial == "plain" else {"initial": initial}),
        }
        for order, trial in product(orders, range(trainings))
    ]
    totals = [size * n for n in NEURONS] if neurons is None else neurons
    ladder = []
    of_hidden = {"hidden_rates": hidden_rates, "hidden_synapse": hidden_synapse}
    run_in_neurons = [t for t in trained if t["order"] in (ladder_orders or orders)]
    if rungs and not run_in_neurons:
        allowed = f"among the orders, {', '.join(map(str, orders))}"
        raise refusal("ladder_orders", ladder_orders, allowed)
    if activation != "relu" and set(hidden) != {REAL}:
        raise refusal("hidden", hidden, f"{REAL} for units of {activation}")
    for one, rung, presentation in product(run_in_neurons, rungs, presentations):
        chip = rung == "loihi"
        for total in (chip_neurons,) if chip else totals:
            if total < (n_states := one["order"] * size):
                name = "chip_neurons" if chip else "neurons"
                allowed = f"at least one for each of {n_states} state variables"
                raise refusal(name, total, allowed)
            kinds = product(
                noise_aware if rung != "rate" else ("no",),
                hidden if not chip else (REAL,),  # the host computes them
                noise_shaping if not chip else ("no",),
            )
            ladder += [
                {
                    **one,
                    "rung": rung,
                    "presentation": presentation,
                    "neurons": total,
                    "images": chip_images if chip else images,
                    "noise_aware": tuned == "yes",
                    "synapse": synapse,
                    "rates": rates,
                    # not that of earlier versions, whose trials are others
                    **({} if chip else {"backend": "compiled"}),
                    # only what differs from earlier versions, whose trials remain
                    **({} if images_of == "test" else {"images_of": images_of}),
                    **({} if kind == REAL else {"hidden": kind, **of_hidden}),
                    **({} if shaped == "no" else {"noise_shaping": True}),
                }
                for tuned, kind, shaped in kinds
            ]
    return [Stage(trained, sequential=True), Stage(partial(_of_trained, ladder))]


def _of_trained(ladder: list[dict[str, Any]], done: SweepResult) -> list[Any]:
    """The runs of those networks whose training has finished."""
    return [
        task
        for task in ladder
        if {**_of_training(task), "rung": "trained"} in done.finished
    ]


def _of_training(task: dict[str, Any]) -> dict[str, Any]:
    names = (*OF_TRAINING, "checksum", "keep", "initial")
    return {k: task[k] for k in names if k in task}


def model_path(folder: str | Path, task: dict[str, Any]) -> Path:
    """Where the network of a training is kept."""
    described = json.dumps(list(_of_training(task).values()))
    name = f"order{task['order']}-{zlib.crc32(described.encode()):08x}.npz"
    return Path(folder) / "models" / name


def run_task(
    task: dict[str, Any], folder: str, progress: bool = False
) -> list[dict[str, Any]]:
    """Run one task; its one row."""
    if task["rung"] == "trained":
        return [train(task, folder, progress)]
    return [run_rung(task, folder)]


def train(task: dict[str, Any], folder: str, progress: bool = False) -> dict[str, Any]:
    """Train a network with an exact memory, keep it, and test it."""
    keep = task.get("keep", "best")
    dataset = load(task["data"], task["permuted"], keep)
    path = model_path(folder, task)
    n_steps, size = dataset.shape
    network = SequenceNetwork(
        size,
        dataset.n_classes,
        task["order"],
        n_steps,
        task["units"],
        task["activation"],
        seed=task["seed"],
    )
    epochs = task["epochs"]

    def falling(epoch: int) -> float:
        half_cosine = 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        return task["learning_rate"] * max(half_cosine, 0.01)

    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = path.with_suffix(".checkpoint")
    held_out = dataset.validation.x, dataset.validation.y
    result = training.fit(
        network,
        dataset.train.x,
        dataset.train.y,
        loss="crossentropy",
        validation=held_out if keep == "best" else None,
        epochs=epochs,
        batch_size=task["batch_size"],
        learning_rate=falling,
        noise=task["noise"] or None,
        dropout=task["dropout"],
        checkpoint=checkpoint,
        keep=keep,
        initial=task.get("initial", "plain"),
        seed=task["seed"],
        progress=progress,
    )
    history = result.history.to_dict("list")
    chosen_by = {k: v for k, v in history.items() if k == "validation_accuracy"}
    about = {
        "task": "classification",
        "data": task["data"],
        "permuted": task["permuted"],
        "labels": list(dataset.labels),
        "history": history,
    }
    network.save(path, about)
    answers = run_sequences(network, dataset.test.x).values
    right = answers.argmax(axis=1) == dataset.test.y
    checkpoint.unlink(missing_ok=True)
    return {
        **_described(task),
        "rung": "exact",
        "n_neurons": 0,
        "total_neurons": 0,
        "presentation": 1,
        "noise_aware": False,
        **accuracy_columns(right, right),
        "parameters": result.n_parameters,
        "form": result.form,
        "best_epoch": result.best_epoch,
        **{name: values[result.best_epoch - 1] for name, values in chosen_by.items()},
        "train_seconds": result.seconds,
        "run_seconds": 0.0,
        "spikes_per_image": 0.0,
        "model": str(path.relative_to(folder)),
        **_complexity(network, dataset.test.x, task["seed"] % 2**31),
    }


def run_rung(task: dict[str, Any], folder: str) -> dict[str, Any]:
    """Run a trained network with a memory of neurons on test sequences.

    On validation sequences, if the task says so."""
    dataset = load(task["data"], task["permuted"], task.get("keep", "best"))
    chip = task["rung"] == "loihi"
    seed = task["seed"] % 2**31
    n_states = task["order"] * dataset.shape[1]
    start = time.perf_counter()
    one = InNeurons(
        model_path(folder, task),
        dataset,
        memory=CHIP_NEURONS if chip else task["rung"],
        n_neurons=task["neurons"] // n_states,
        presentation=task["presentation"],
        synapse=task["synapse"],
        rates=task["rates"],
        seed=seed,
        noise_aware=task["noise_aware"],
        noise_shaping=task.get("noise_shaping", False),
        **{name: task[name] for name in OF_HIDDEN if name in task},
    )
    x, y = _some(dataset, task)
    built = time.perf_counter()

    def run(part: slice, seed: int) -> dict[str, Any]:
        begin = time.perf_counter()
        if chip:
            from spiking_lmu.experiments.classification.chip import run_on_chip

            values, spikes, extra = run_on_chip(one.frozen, x[part], seed)
        else:
            answers = run_sequences(one.frozen, x[part], seed)
            values, spikes = answers.values, answers.spikes
            extra = {"hidden_spikes": answers.hidden_spikes}
        return {
            "answers": values.argmax(axis=1).tolist(),
            "run_seconds": time.perf_counter() - begin,
            "spikes_per_image": spikes,
            **extra,
        }

    parts = parts_path(one.path, task)
    rows = run_in_parts(run, len(x), CHIP_PART if chip else PART, seed, parts)
    answers = np.concatenate([row["answers"] for row in rows])
    exact = run_sequences(one.network, x).values.argmax(axis=1)
    n_neurons = one.frozen.lmu.memory.n_neurons_per_dimension
    parts.unlink(missing_ok=True)
    return {
        **_described(task),
        "n_neurons": n_neurons,
        "total_neurons": n_neurons * n_states,
        "presentation": task["presentation"],
        "noise_aware": task["noise_aware"],
        "noise_shaping": task.get("noise_shaping", False),
        "hidden": task.get("hidden", REAL),
        "images_of": task.get("images_of", "test"),
        **{
            name: task[name]
            for name in ("synapse", "rates", *OF_HIDDEN[1:])
            if name in task
        },
        "backend": "loihi" if chip else task["backend"],
        **accuracy_columns(answers == y, exact == y),
        "agreement": float(np.mean(answers == exact)),
        "build_seconds": built - start,
        "model": str(one.path.relative_to(folder)),
        **together(rows),
        # on the chip, `run_on_chip` counts operations
        **({} if chip else _complexity(one.frozen, x, seed)),
    }


def _complexity(network: SequenceNetwork, x: np.ndarray, seed: int) -> dict[str, Any]:
    return complexity_columns(measure_complexity(network, x[:COUNTED], seed=seed))


def _some(dataset: Dataset, task: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The set to run, or as many sequences of it, the same ones for all networks."""
    part = getattr(dataset, task.get("images_of", "test"))
    x, y = part.x, part.y
    if task["images"] is None or task["images"] >= len(x):
        return x, y
    rng = np.random.default_rng(task["images"])
    chosen = np.sort(rng.choice(len(x), task["images"], replace=False))
    return x[chosen], y[chosen]


def _described(task: dict[str, Any]) -> dict[str, Any]:
    return {name: task[name] for name in ("rung", *OF_TRAINING)}
