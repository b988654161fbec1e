"""Trials of the classification tasks: train a network, then run it in neurons.

A task with the rung ``"trained"`` trains an exact network and keeps it in the folder of
the results; the others take it from there, and put neurons in the place of its memory.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu import training
from spiking_lmu.data.datasets import (
    Dataset,
    digits,
    mnist,
    permuted,
    sequences_csv,
)
from spiking_lmu.experiments.classification.neurons import (
    InNeurons,
    parts_path,
    run_in_parts,
)
from spiking_lmu.intervals import mean_interval
from spiking_lmu.networks import SequenceNetwork, run_sequences
from spiking_lmu.networks.sequence import ACTIVATIONS
from spiking_lmu.neurons import NEURON_TYPES
from spiking_lmu.validation import (
    check_choice,
    check_each,
    check_integer,
    check_number,
    refusal,
)

RUNGS = (*NEURON_TYPES, "loihi")
TUNED = ("no", "yes")
CHIP_NEURONS = "lif"  # others are discharged by negative currents on the chip
PART, CHIP_PART = 500, 100  # sequences of a run that are kept when they are done
# what a training is told, and its name made of
OF_TRAINING = (
    "data", "permuted", "order", "units", "activation", "epochs", "batch_size",
    "learning_rate", "noise", "dropout", "seed",
)  # fmt: skip

_LOADED: dict[tuple[str, bool], Dataset] = {}


def load(data: str, permute: bool) -> Dataset:
    """The data of a task: ``"digits"``, ``"mnist"``, or a file; once per process."""
    _check_data(data)
    key = (data, permute)
    if key not in _LOADED:
        if data == "digits":
            found = digits()
        elif data.lower().endswith((".csv", ".tsv")):
            found = sequences_csv(data)
        else:
            found = mnist(None if data == "mnist" else data)
        _LOADED[key] = permuted(found) if permute else found
    return _LOADED[key]


def _check_data(data: Any) -> None:
    known = isinstance(data, str) and (
        data in ("digits", "mnist") or data.lower().endswith((".csv", ".tsv", ".npz"))
    )
    if not known:
        allowed = "digits, mnist, or a file that ends in .npz, .csv or .tsv"
        raise refusal("data", data, allowed)


def make_training_tasks(
    data: str,
    permute: bool,
    orders: Sequence[int],
    units: int,
    activation: str,
    trainings: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    noise: float,
    dropout: float,
    seed: int,
) -> list[dict[str, Any]]:
    """Complete descriptions of all trainings, checked."""
    _check_data(data)
    check_each("orders", orders, check_integer, 1, 2000)
    check_integer("units", units, high=10**5)
    check_choice("activation", activation, tuple(ACTIVATIONS))
    check_integer("trainings", trainings, high=1000)
    check_integer("epochs", epochs, high=10**5)
    check_integer("batch_size", batch_size, high=10**6)
    check_number("learning_rate", learning_rate, low=0, high=1, exclusive=True)
    check_number("noise", noise, low=0, high=10)
    check_number("dropout", dropout, low=0, high=0.95)
    check_integer("seed", seed, low=0, high=2**32 - 1)
    return [
        {
            "rung": "trained",
            "data": data,
            "permuted": bool(permute),
            "order": int(order),
            "units": int(units),
            "activation": activation,
            "epochs": int(epochs),
            "batch_size": int(batch_size),
            "learning_rate": float(learning_rate),
            "noise": float(noise),
            "dropout": float(dropout),
            "seed": _seed(seed, trial),
        }
        for order, trial in product(orders, range(trainings))
    ]


def make_ladder_tasks(
    trained: Sequence[dict[str, Any]],
    rungs: Sequence[str],
    neurons: Sequence[int],
    presentations: Sequence[int],
    images: int | None,
    chip_images: int,
    chip_neurons: int,
    noise_aware: Sequence[str],
    synapse: float,
    rates: float,
) -> list[dict[str, Any]]:
    """Complete descriptions of all runs of trained networks in neurons, checked."""
    rungs = () if tuple(rungs) == ("none",) else rungs
    if rungs:
        check_each("rungs", rungs, check_choice, RUNGS)
    check_each("noise_aware", noise_aware, check_choice, TUNED)
    check_each("neurons", neurons, check_integer, 1, 10**7)
    check_each("presentations", presentations, check_integer, 1, 1000)
    if images is not None:
        check_integer("images", images)
    check_integer("chip_images", chip_images)
    check_integer("chip_neurons", chip_neurons)
    check_number("synapse", synapse, low=0.001, high=100)
    check_number("rates", rates, low=10, high=2000)
    tasks = []
    for one, rung, presentation in product(trained, rungs, presentations):
        chip = rung == "loihi"
        for total in (chip_neurons,) if chip else neurons:
            if total < one["order"]:
                allowed = f"at least one for each of {one['order']} state variables"
                raise refusal("neurons", total, allowed)
            for tuned in noise_aware if rung != "rate" else ("no",):
                tasks.append(
                    {
                        **one,
                        "rung": rung,
                        "presentation": int(presentation),
                        "neurons": int(total),
                        "images": chip_images if chip else images,
                        "noise_aware": tuned == "yes",
                        "synapse": float(synapse),
                        "rates": float(rates),
                    }
                )
    return tasks


def _seed(seed: int, trial: int) -> int:
    return int(np.random.SeedSequence([seed, trial]).generate_state(1)[0] >> 1)


def model_path(folder: str | Path, task: dict[str, Any]) -> Path:
    """Where the network of a training is kept."""
    described = json.dumps([task[k] for k in OF_TRAINING])
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
    dataset = load(task["data"], task["permuted"])
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
    result = training.fit(
        network,
        dataset.train.x,
        dataset.train.y,
        loss="crossentropy",
        validation=(dataset.validation.x, dataset.validation.y),
        epochs=epochs,
        batch_size=task["batch_size"],
        learning_rate=falling,
        noise=task["noise"] or None,
        dropout=task["dropout"],
        checkpoint=checkpoint,
        seed=task["seed"],
        progress=progress,
    )
    history = result.history.to_dict("list")
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
        **_accuracy(right, right),
        "parameters": result.n_parameters,
        "form": result.form,
        "best_epoch": result.best_epoch,
        "validation_accuracy": history["validation_accuracy"][result.best_epoch - 1],
        "train_seconds": result.seconds,
        "run_seconds": 0.0,
        "spikes_per_image": 0.0,
        "model": str(path.relative_to(folder)),
    }


def run_rung(task: dict[str, Any], folder: str) -> dict[str, Any]:
    """Run a trained network with a memory of neurons on test sequences."""
    dataset = load(task["data"], task["permuted"])
    chip = task["rung"] == "loihi"
    seed = task["seed"] % 2**31
    n_states = task["order"] * dataset.shape[1]
    if task["neurons"] < n_states:
        allowed = f"at least one for each of {n_states} state variables"
        raise refusal("neurons", task["neurons"], allowed)
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
            values, spikes, extra = answers.values, answers.spikes, {}
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
        **_accuracy(answers == y, exact == y),
        "agreement": float(np.mean(answers == exact)),
        "build_seconds": built - start,
        "model": str(one.path.relative_to(folder)),
        **_together(rows),
    }


def _together(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the parts of a run: seconds in all, means over images of what is not whole."""
    weights = [len(row["answers"]) for row in rows]
    together = {k: v for k, v in rows[0].items() if k != "answers"}
    for name, value in together.items():
        if isinstance(value, float):
            each = [row[name] for row in rows]
            together[name] = float(np.average(each, weights=weights))
    together["run_seconds"] = sum(row["run_seconds"] for row in rows)
    return together


def _some(dataset: Dataset, task: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The test set, or as many of it as are asked for, the same for all networks."""
    x, y = dataset.test.x, dataset.test.y
    if task["images"] is None or task["images"] >= len(x):
        return x, y
    rng = np.random.default_rng(task["images"])
    chosen = np.sort(rng.choice(len(x), task["images"], replace=False))
    return x[chosen], y[chosen]


def _described(task: dict[str, Any]) -> dict[str, Any]:
    return {name: task[name] for name in ("rung", *OF_TRAINING)}


def _accuracy(right: np.ndarray, exact: np.ndarray) -> dict[str, Any]:
    """Share of right answers, its 95 % interval over images, and which these are."""
    share, low, high = mean_interval(1.0 * right[None], "share")
    return {
        "images": len(right),
        "accuracy": share,
        "low": low,
        "high": high,
        "exact_accuracy": float(np.mean(exact)),
        "right": pack(right),
        "exact_right": pack(exact),
    }


def pack(right: np.ndarray) -> str:
    """Yes or no for each image, as hexadecimal digits that a table can hold."""
    return np.packbits(right).tobytes().hex()


def unpack(rows: pd.DataFrame, name: str = "right") -> np.ndarray:
    """A table (n_networks, n_images) of 0 and 1, of what `pack` has written."""
    n_images = int(rows["images"].iloc[0])
    try:
        table = [np.frombuffer(bytes.fromhex(text), np.uint8) for text in rows[name]]
        return np.stack([np.unpackbits(row, count=n_images) for row in table]) * 1.0
    except (KeyError, TypeError, ValueError):
        allowed = "of trials that tell which images were classified rightly"
        raise refusal("frame", f"without them in {name!r}", allowed) from None
