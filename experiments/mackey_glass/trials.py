"""Trials of the Mackey-Glass experiment: networks that learn to look 15 steps ahead.

A task is the complete description of one network, the series it learns from, and what
it is made of.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import nengo
import numpy as np

from spiking_lmu import training
from spiking_lmu.compatibility import require
from spiking_lmu.experiments.capacity.lstm import limit_threads
from spiking_lmu.experiments.mackey_glass.paper import (
    side_by_side,
    train_as_published,
)
from spiking_lmu.experiments.mackey_glass.recurrent import (
    Learned,
    run_on_nengo,
    to_nengo,
    train_recurrent,
)
from spiking_lmu.experiments.mackey_glass.series import Split, make_split, windows
from spiking_lmu.metrics import nrmse
from spiking_lmu.networks import SequenceNetwork, freeze, state_noise
from spiking_lmu.neurons import NEURON_TYPES
from spiking_lmu.simulators import repeatable
from spiking_lmu.validation import (
    check_choice,
    check_each,
    check_integer,
    refusal,
)

RECURRENT = ("lstm", "lmu", "hybrid")
MODELS = (*RECURRENT, "parallel", "spiking")
PROTOCOLS = ("ours", "paper")
SETTLED = 100  # steps of a series after which a network knows where in it it is
RATE = 3e-3  # at the beginning; it falls along half a cosine
BATCH = 200  # steps in each update, in parallel form
VALIDATED = 8  # series at most, in parallel form, where each step is a sample
EXAMPLE = 400  # steps of a test series that are shown
ON_NENGO = 300  # steps for which the LMU is compared with itself on Nengo


def make_tasks(
    models: Sequence[str],
    series: Sequence[int],
    steps: int,
    ahead: int,
    tau: int,
    swapped: bool,
    length: int,
    epochs: int,
    order: int,
    window: int,
    units: int,
    parallel_epochs: int,
    spiking_order: int,
    spiking_units: int,
    spiking_epochs: int,
    neurons: Sequence[int],
    neuron_types: Sequence[str],
    presentations: Sequence[int],
    spiking_steps: int,
    protocol: Sequence[str],
    paper_series: Sequence[int],
    paper_length: int | None,
    paper_epochs: int,
    trials: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Complete descriptions of all runs, checked; see `mackey_glass.run`."""
    check_each("models", models, check_choice, MODELS)
    check_each("protocol", protocol, check_choice, PROTOCOLS)
    for name, sizes in (("series", series), ("paper_series", paper_series)):
        if not isinstance(sizes, (tuple, list)) or len(sizes) != 3:
            allowed = "three numbers: to train, to validate, to test"
            raise refusal(name, sizes, allowed)
        for n in sizes:
            check_integer(name, n, high=10**5)
    check_integer("steps", steps, 2 * SETTLED, 10**6)
    check_integer("ahead", ahead, high=10**4)
    check_integer("tau", tau, high=10**4)
    check_integer("length", length, 2, steps)
    if paper_length is None:
        paper_length = steps
    check_integer("paper_length", paper_length, 2, steps)
    check_integer("paper_epochs", paper_epochs, high=10**6)
    for name, value in (("epochs", epochs), ("parallel_epochs", parallel_epochs)):
        check_integer(name, value, high=10**6)
    check_integer("spiking_epochs", spiking_epochs, high=10**6)
    check_integer("order", order, high=256)
    check_integer("spiking_order", spiking_order, high=256)
    check_integer("window", window, 2, 10**4)
    check_integer("units", units, high=10**4)
    check_integer("spiking_units", spiking_units, high=10**4)
    check_each("neurons", neurons, check_integer, 2, 10**5)
    check_each("neuron_types", neuron_types, check_choice, NEURON_TYPES)
    check_each("presentations", presentations, check_integer, 1, 1000)
    check_integer("spiking_steps", spiking_steps, 2 * SETTLED, steps)
    check_integer("trials", trials, high=10**4)
    check_integer("seed", seed, low=0, high=2**32 - 1)
    if not isinstance(swapped, bool):
        raise refusal("swapped", swapped, "True or False")
    common = {
        "steps": int(steps),
        "ahead": int(ahead),
        "tau": int(tau),
        "swapped": swapped,
    }
    data = {"series": [int(n) for n in series], **common, "length": int(length)}
    learning: dict[str, dict[str, Any]] = {
        name: {"epochs": int(epochs)} for name in RECURRENT
    }
    learning["parallel"] = {
        "epochs": int(parallel_epochs),
        "order": int(order),
        "window": int(window),
        "units": int(units),
    }
    learning["spiking"] = {
        "epochs": int(spiking_epochs),
        "order": int(spiking_order),
        "window": int(window),
        "units": int(spiking_units),
        "neurons": [int(n) for n in neurons],
        "neuron_types": list(neuron_types),
        "presentations": [int(n) for n in presentations],
        "spiking_steps": int(spiking_steps),
    }
    longest_first = sorted(models, key=MODELS.index, reverse=True)
    seeds = [_derived_seed(seed, trial) for trial in range(trials)]
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
            "epochs": int(paper_epochs),
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


def _derived_seed(seed: int, trial: int) -> int:
    # all networks of a trial learn from the same series
    return int(np.random.SeedSequence([seed, trial]).generate_state(1)[0] >> 1)


def run_task(
    task: dict[str, Any], folder: str | os.PathLike[str] | None = None
) -> list[dict[str, Any]]:
    """Train the network of one task, and test it; all trials at once as published.

    ``folder`` is where training as published can go on after an interruption.

    Returns
    -------
    rows : list of dict
        Of the studies ``"training"``, one row an epoch; ``"test"``, one row;
        ``"example"``, one row a step, in the first trial; and ``"spiking"``, one row a
        memory made of neurons.
    """
    if task["protocol"] == "paper":
        return _paper_rows(task, folder)
    limit_threads(require("tensorflow"))
    split = make_split(
        task["series"],
        task["steps"],
        task["ahead"],
        task["tau"],
        task["swapped"],
        task["seed"],
    )
    if task["model"] in RECURRENT:
        learned = train_recurrent(
            task["model"], split, task["epochs"], task["length"], task["seed"]
        )
    else:
        learned = train_parallel(task, split)
    if task["model"] == "spiking":
        studies = _spiking_rows(task, split, learned.network)
    else:
        studies = _rows(task, split, learned)
    names = ("protocol", "model", "trial", "swapped", "seed")
    common = {name: task[name] for name in names}
    return [{**common, **row} for row in studies]


def _paper_rows(
    task: dict[str, Any], folder: str | os.PathLike[str] | None
) -> list[dict[str, Any]]:
    splits = [
        make_split(
            task["series"],
            task["steps"],
            task["ahead"],
            task["tau"],
            task["swapped"],
            seed,
            scaled=False,
        )
        for seed in task["seeds"]
    ]
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
        common = {
            "protocol": "paper",
            "model": task["model"],
            "trial": trial,
            "swapped": task["swapped"],
            "seed": seed,
        }
        for row in _rows({**task, "trial": trial}, split, learned):
            rows.append({**common, **row})
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


def _nengo_difference(
    task: dict[str, Any], split: Split, learned: Learned
) -> float | None:
    """The largest difference between the LMU and its weights in a Nengo network."""
    if task["model"] != "lmu" or task["protocol"] == "paper":
        return None
    x = split.test[0][:1, :ON_NENGO]
    on_nengo = run_on_nengo(to_nengo(learned.network), x[0])
    return float(np.abs(on_nengo - learned.predict(x)[0]).max())


# ---- In parallel form --------------------------------------------------------------


def train_parallel(task: dict[str, Any], split: Split) -> Learned:
    """Train a feed-forward LMU: one exact memory, and two layers that hear it."""
    units = (task["units"], task["units"])
    network = SequenceNetwork(
        1, 1, task["order"], task["window"], units, "tanh", seed=task["seed"]
    )
    result = _fit(network, task, split)
    names = ["epoch", "loss", "validation_nrmse", "seconds"]
    history = result.history[names].to_dict("records")

    def predict(x: np.ndarray) -> np.ndarray:
        answers = training.predict(network, x)
        assert isinstance(answers, np.ndarray)
        return answers

    return Learned(predict, result.n_parameters, network, history)


def _fit(
    network: SequenceNetwork, task: dict[str, Any], split: Split, noise: Any = None
) -> training.Training:
    x, y = windows(*split.train, task["length"], np.random.default_rng(task["seed"]))
    few = slice(VALIDATED)
    return training.fit(
        network,
        x,
        y,
        validation=(split.validation[0][few], split.validation[1][few]),
        epochs=task["epochs"],
        batch_size=BATCH,
        learning_rate=_falling(task["epochs"]),
        noise=noise,
        seed=task["seed"],
    )


def _falling(epochs: int) -> Callable[[int], float]:
    return lambda epoch: RATE / 2 * (1 + math.cos(math.pi * epoch / epochs))


# ---- In spikes ---------------------------------------------------------------------


def _spiking_rows(
    task: dict[str, Any], split: Split, network: SequenceNetwork
) -> Iterator[dict[str, Any]]:
    """The network with its memory made of ever more neurons.

    As it was trained, and after as much further training with the noise that is
    predicted for Poisson neurons, whose number and time for each value are the same.
    """
    heard = windows(*split.train, task["length"], np.random.default_rng(task["seed"]))
    steps = slice(task["spiking_steps"])
    x, y = split.test[0][0, steps], split.test[1][0, steps]
    for presentation, n in product(task["presentations"], task["neurons"]):

        def frozen(
            kind: str,
            of: SequenceNetwork,
            presentation: int = presentation,
            n: int = n,
        ) -> SequenceNetwork:
            return freeze(
                of,
                kind,
                n,
                heard[0],
                presentation=presentation,
                classes=False,
                seed=task["seed"],
            )

        tough = SequenceNetwork(
            1,
            1,
            network.order,
            network.window,
            network.units,
            "tanh",
            seed=task["seed"],
        )
        tough.learn_from(network)
        noise = state_noise(frozen("poisson-relu", network), heard[0])
        _fit(tough, task, split, noise={tough.lmu.state: noise})
        for aware, of in ((False, network), (True, tough)):
            exact = training.predict(of, x[None])[0]
            for kind in task["neuron_types"]:
                start = time.perf_counter()
                answers, rate = run_in_spikes(frozen(kind, of), x)
                yield {
                    "study": "spiking",
                    "neuron_type": kind,
                    "n_neurons": n,
                    "total_neurons": n * network.order,
                    "presentation": presentation,
                    "aware": aware,
                    "nrmse": nrmse(answers[SETTLED:], y[SETTLED:]),
                    "exact_nrmse": nrmse(exact[SETTLED:], y[SETTLED:]),
                    "spikes_per_second": rate,
                    "run_seconds": time.perf_counter() - start,
                }


def run_in_spikes(
    network: SequenceNetwork, x: np.ndarray
) -> tuple[np.ndarray, float | None]:
    """Run a frozen network on one series (n_steps, 1), on Nengo.

    Returns
    -------
    answers : (n_steps, 1) ndarray
        At the end of the time that each value is shown for.
    rate : float or None
        Spikes per second of all neurons of the memory; None for rates.
    """
    dt, presentation = network.dt, network.presentation
    network.stimulus.output = nengo.processes.PresentInput(x, presentation * dt)
    memory = network.lmu.memory
    spiking = memory.neuron_type.spiking
    with network:
        activity = nengo.Node(size_in=1, label="activity")
        for ensemble in memory.ensembles:
            every = np.ones((1, ensemble.n_neurons))
            nengo.Connection(ensemble.neurons, activity, transform=every, synapse=None)
        counted = nengo.Probe(activity)
    with repeatable(network, dt, network.seed) as sim:
        sim.run_steps(len(x) * presentation)
        answers = np.array(sim.data[network.probe][presentation - 1 :: presentation])
        rate = float(sim.data[counted].mean()) if spiking else None
    return answers, rate
