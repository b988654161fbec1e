"""Trials of the Mackey-Glass experiment: networks that predict 15 steps ahead.

A task is the complete description of one network, the series it learns from, and what
it is made of.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from spiking_lmu.experiments.arguments import OneOf, Range
from spiking_lmu.experiments.mackey_glass.complexity import (
    layers_of_keras,
    layers_of_stack,
    measure_recurrent,
)
from spiking_lmu.experiments.mackey_glass.paper import (
    side_by_side,
    train_as_published,
)
from spiking_lmu.experiments.mackey_glass.parallel import spiking_rows, train_parallel
from spiking_lmu.experiments.mackey_glass.recurrent import (
    Learned,
    run_on_nengo,
    to_nengo,
    train_recurrent,
)
from spiking_lmu.experiments.mackey_glass.series import SETTLED, Split, make_split
from spiking_lmu.experiments.pages.complexity import complexity_columns
from spiking_lmu.experiments.sweeps.backends import SIMULATORS, in_task
from spiking_lmu.experiments.sweeps.tasks import derived_seed
from spiking_lmu.experiments.sweeps.workers import import_tensorflow
from spiking_lmu.metrics import nrmse
from spiking_lmu.networks import measure_complexity
from spiking_lmu.neurons import NEURON_TYPES
from spiking_lmu.validation import check_integer, refusal

RECURRENT = ("lstm", "lmu", "hybrid")
MODELS = (*RECURRENT, "parallel", "spiking")
USUAL = ("poisson-relu", "relu")  # neurons with linear tuning curves
PROTOCOLS = ("ours", "paper")
EXAMPLE = 400  # steps of a test series that are shown
ON_NENGO = 300  # steps for which the LMU is compared with itself on Nengo


def make_tasks(
    models: Annotated[Sequence[str], OneOf(MODELS)] = MODELS,
    series: Sequence[int] = (16, 4, 16),
    steps: Annotated[int, Range(2 * SETTLED, 10**6)] = 5000,
    ahead: Annotated[int, Range(1, 10**4)] = 15,
    tau: Annotated[int, Range(1, 10**4)] = 17,
    swapped: bool = False,
    length: int = 100,
    epochs: Annotated[int, Range(1, 10**6)] = 12,
    order: Annotated[int, Range(1, 256)] = 18,
    window: Annotated[int, Range(2, 10**4)] = 20,
    units: Annotated[int, Range(1, 10**4)] = 110,
    parallel_epochs: Annotated[int, Range(1, 10**6)] = 8,
    spiking_order: Annotated[int, Range(1, 256)] = 6,
    spiking_units: Annotated[int, Range(1, 10**4)] = 80,
    spiking_epochs: Annotated[int, Range(1, 10**6)] = 3,
    neurons: Annotated[Sequence[int], Range(2, 10**5)] = (20, 60, 200),
    neuron_types: Annotated[Sequence[str], OneOf(NEURON_TYPES)] = USUAL,
    presentations: Annotated[Sequence[int], Range(1, 1000)] = (10,),
    spiking_steps: int = 500,
    protocol: Annotated[Sequence[str], OneOf(PROTOCOLS)] = ("ours",),
    paper_series: Sequence[int] = (32, 32, 64),
    paper_length: int | None = None,
    paper_epochs: Annotated[int, Range(1, 10**6)] = 500,
    trials: int = 3,
    backend: Annotated[str, OneOf(tuple(SIMULATORS))] = "compiled",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Train networks to predict the Mackey-Glass series, and test them.

    Parameters
    ----------
    models : sequence of str
        ``lstm``, ``lmu``, and ``hybrid``, which has layers of both: four recurrent
        layers with about 18,000 parameters. ``parallel``: a feed-forward LMU, trained
        in parallel form. ``spiking``: a smaller one whose memory consists of neurons.
    series : sequence of three int
        Numbers of series for training, validation and test.
    steps : int
        Steps of each series.
    ahead : int
        Number of steps by which the target is ahead.
    tau : int
        Delay of the equation, in steps.
    swapped : bool
        Exchange inputs and targets, as the published notebook did. The target is then a
        past value of the series.
    length : int
        Length of the windows for training, in steps.
    epochs : int
        Passes of recurrent networks through the training series.
    order : int
        State variables of the parallel LMU.
    window : int
        Window of the parallel and the spiking LMU, in steps of the series.
    units : int
        Units in each of the two layers of the parallel LMU.
    parallel_epochs : int
        Passes of the parallel LMU through the training series.
    spiking_order : int
        State variables of the spiking LMU.
    spiking_units : int
        Units in each of the two layers of the spiking LMU.
    spiking_epochs : int
        Passes of the spiking LMU through the training series, and the number of further
        passes with noise.
    neurons : sequence of int
        Mean numbers of neurons per dimension.
    neuron_types : sequence of str
        With linear tuning curves: ``relu`` (integrate-and-fire), ``poisson-relu``
        (independent), ``coordinated-relu``, ``coordinated-golden-relu``,
        ``coordinated-carry-relu`` and ``coordinated-nearest-relu``. With those of LIF
        neurons: ``poisson``, ``coordinated``, ``coordinated-golden``,
        ``coordinated-carry``, ``coordinated-nearest``, ``regular``, ``lif``, or
        ``rate`` without spikes.
    presentations : sequence of int
        Time steps of 1 ms for which a spiking memory receives each value.
    spiking_steps : int
        Number of steps of a test series with which the spiking LMU is tested.
    protocol : sequence of str
        ``ours``; or ``paper``, in which recurrent networks are trained as in the
        notebook of LMU 2019.
    paper_series : sequence of three int
        Numbers of series for training, validation and test in the paper's protocol.
    paper_length : int, optional
        Number of steps, from the beginning of each training series, in the paper's
        protocol; by default all, as published. Validation and test use all steps.
    paper_epochs : int
        Epochs of the paper's protocol. Each has one update.
    trials : int
        Networks of each kind. Each has its own series and initial weights.
    backend : str
        Simulator of the spiking LMU: ``compiled``, that of this toolkit; or ``nengo``,
        as a reference.
    seed : int
        Seed from which all other seeds are derived.
    """
    for name, sizes in (("series", series), ("paper_series", paper_series)):
        if not isinstance(sizes, (tuple, list)) or len(sizes) != 3:
            allowed = "three numbers, for training, validation and test"
            raise refusal(name, sizes, allowed)
        for n in sizes:
            check_integer(name, n, high=10**5)
    paper_length = steps if paper_length is None else paper_length
    for name, value, low in (
        ("length", length, 2),
        ("paper_length", paper_length, 2),
        ("spiking_steps", spiking_steps, 2 * SETTLED),
    ):
        check_integer(name, value, low, steps)
    common = {
        "steps": steps,
        "ahead": ahead,
        "tau": tau,
        "swapped": swapped,
    }
    data = {"series": [int(n) for n in series], **common, "length": int(length)}
    learning: dict[str, dict[str, Any]] = {
        name: {"epochs": epochs} for name in RECURRENT
    }
    learning["parallel"] = {
        "epochs": parallel_epochs,
        "order": order,
        "window": window,
        "units": units,
    }
    learning["spiking"] = {
        "epochs": spiking_epochs,
        "order": spiking_order,
        "window": window,
        "units": spiking_units,
        "neurons": list(neurons),
        "neuron_types": list(neuron_types),
        "presentations": list(presentations),
        "spiking_steps": int(spiking_steps),
        **in_task(backend),
    }
    longest_first = sorted(models, key=MODELS.index, reverse=True)
    # all networks of a trial learn from the same series
    seeds = [derived_seed(seed, trial) for trial in range(trials)]
    ours = [
        {
            "protocol": "ours",
            "model": model,
            "trial": trial,
            **data,
            **learning[model],
            "seed": of_trial,
        }
        for model, (trial, of_trial) in product(longest_first, enumerate(seeds))
    ]
    paper = [
        {
            "protocol": "paper",
            "model": model,
            "series": [int(n) for n in paper_series],
            **common,
            "length": int(paper_length),
            "epochs": paper_epochs,
            "seeds": seeds,
        }
        for model in RECURRENT
        if model in models
    ]
    if "paper" in protocol and not paper:
        allowed = "at least one of lstm, lmu and hybrid for the paper's protocol"
        raise refusal("models", models, allowed)
    kinds = {"ours": ours, "paper": paper}
    return [task for kind in PROTOCOLS if kind in protocol for task in kinds[kind]]


def run_task(task: dict[str, Any], folder: str | None = None) -> list[dict[str, Any]]:
    """Train the network of one task, and test it; all trials at once as published.

    Training as published goes on after an interruption, from what it keeps in
    ``folder``.

    Returns
    -------
    rows : list of dict
        Of the studies ``"training"``, one row an epoch; ``"test"``, one row;
        ``"example"``, one row a step, in the first trial; and ``"spiking"``, one row a
        memory made of neurons.
    """
    if task["protocol"] == "paper":
        return _paper_rows(task, Path(folder) / "training" if folder else None)
    import_tensorflow("mackey-glass")
    split = _split(task, task["seed"])
    if task["model"] in RECURRENT:
        learned = train_recurrent(
            task["model"], split, task["epochs"], task["length"], task["seed"]
        )
    else:
        learned = train_parallel(task, split)
    if task["model"] == "spiking":
        studies = spiking_rows(task, split, learned.network)
    else:
        studies = _rows(task, split, learned)
    return [{**_common(task), **row} for row in studies]


def _split(task: dict[str, Any], seed: int, scaled: bool = True) -> Split:
    sizes = task["series"], task["steps"], task["ahead"], task["tau"]
    return make_split(*sizes, task["swapped"], seed, scaled=scaled)


def _common(task: dict[str, Any]) -> dict[str, Any]:
    names = ("protocol", "model", "trial", "swapped", "seed")
    return {name: task[name] for name in names}


def _paper_rows(task: dict[str, Any], folder: Path | None) -> list[dict[str, Any]]:
    splits = [_split(task, seed, scaled=False) for seed in task["seeds"]]
    stack, history = train_as_published(task, splits, folder)
    start = time.perf_counter()
    answers = stack.answer(side_by_side([split.test[0] for split in splits]))
    seconds = (time.perf_counter() - start) / len(splits)
    rows = []
    for trial, (seed, split) in enumerate(zip(task["seeds"], splits)):

        def predict(x: np.ndarray, trial: int = trial) -> np.ndarray:
            return answers[:, trial].transpose(2, 0, 1)

        of_trial = [
            {
                "epoch": epoch["epoch"],
                "loss": epoch["loss"][trial],
                "validation_nrmse": epoch["validation_nrmse"][trial],
                # all networks learn at once
                "seconds": epoch["seconds"] / len(splits),
            }
            for epoch in history
        ]
        learned = Learned(predict, stack.parameters, stack, of_trial)
        one = {**task, "trial": trial, "seed": seed}
        for row in _rows(one, split, learned):
            rows.append({**_common(one), **row})
            if row["study"] == "test":
                rows[-1]["test_seconds"] = seconds
    return rows


def _rows(
    task: dict[str, Any], split: Split, learned: Learned
) -> Iterator[dict[str, Any]]:
    for epoch in learned.history:
        yield {"study": "training", **epoch}
    start = time.perf_counter()
    predicted = learned.predict(split.test[0])
    seconds = time.perf_counter() - start
    target = split.test[1]
    errors = [epoch["validation_nrmse"] for epoch in learned.history]
    yield {
        "study": "test",
        "nrmse": nrmse(predicted, target),
        "nrmse_settled": nrmse(predicted[:, SETTLED:], target[:, SETTLED:]),
        "nrmse_deviation": _by_deviation(predicted, target),
        "parameters": learned.parameters,
        "epochs": learned.history[-1]["epoch"],
        "best_epoch": learned.history[int(np.argmin(errors))]["epoch"],
        "seconds_per_epoch": _seconds_per_epoch(learned.history),
        "train_seconds": sum(epoch["seconds"] for epoch in learned.history),
        "test_seconds": seconds,
        "nengo_difference": _nengo_difference(task, split, learned),
        **_complexity(task, split, learned),
    }
    if task["trial"] == 0:
        shown = slice(SETTLED, SETTLED + EXAMPLE)
        for k, (y, p) in enumerate(zip(target[0, shown, 0], predicted[0, shown, 0])):
            step = {"step": SETTLED + k, "target": float(y), "prediction": float(p)}
            yield {"study": "example", **step}


def _by_deviation(predicted: np.ndarray, target: np.ndarray) -> float:
    """RMSE relative to the deviation of the target from its mean."""
    return nrmse(predicted - target.mean(), target - target.mean())


def _seconds_per_epoch(history: list[dict[str, float]]) -> float:
    epochs = np.diff([0, *(row["epoch"] for row in history)])
    return float(np.median([row["seconds"] for row in history] / epochs))


def _complexity(task: dict[str, Any], split: Split, learned: Learned) -> dict[str, Any]:
    """NeuroBench's measures, with the beginning of a test series."""
    x = split.test[0][:1, :SETTLED]
    if task["model"] == "parallel":
        return complexity_columns(measure_complexity(learned.network, x))
    if task["protocol"] == "paper":
        layers = layers_of_stack(learned.network, task["trial"])
    else:
        layers = layers_of_keras(learned.network)
    return complexity_columns(measure_recurrent(layers, x))


def _nengo_difference(
    task: dict[str, Any], split: Split, learned: Learned
) -> float | None:
    """The largest difference between the LMU and its weights in a Nengo network."""
    if task["model"] != "lmu" or task["protocol"] == "paper":
        return None
    x = split.test[0][:1, :ON_NENGO]
    on_nengo = run_on_nengo(to_nengo(learned.network), x[0])
    return float(np.abs(on_nengo - learned.predict(x)[0]).max())
