"""The LMU in parallel form: trained with NengoDL, and run with a memory of neurons."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import nengo
import numpy as np

from spiking_lmu import training
from spiking_lmu.experiments.mackey_glass.recurrent import Learned
from spiking_lmu.experiments.mackey_glass.series import SETTLED, Split, windows
from spiking_lmu.experiments.pages.complexity import complexity_columns
from spiking_lmu.experiments.sweeps.backends import SIMULATORS, of_task
from spiking_lmu.metrics import nrmse
from spiking_lmu.networks import (
    SequenceNetwork,
    freeze,
    measure_complexity,
    state_noise,
)
from spiking_lmu.networks.counting import add_counter
from spiking_lmu.neurons import COORDINATED

RATE = 3e-3  # at the beginning; it falls along half a cosine
BATCH = 200  # steps in each update, in parallel form
VALIDATED = 8  # series at most, for each of their steps is a sample


def make_network(task: dict[str, Any]) -> SequenceNetwork:
    """One exact memory, and two layers that receive its state."""
    units = (task["units"], task["units"])
    return SequenceNetwork(
        1, 1, task["order"], task["window"], units, "tanh", seed=task["seed"]
    )


def train_parallel(task: dict[str, Any], split: Split) -> Learned:
    """Train a feed-forward LMU on windows of the series."""
    network = make_network(task)
    result = _fit(network, task, split)
    names = ["epoch", "loss", "validation_nrmse", "seconds"]
    history = result.history[names].to_dict("records")

    def predict(x: np.ndarray) -> np.ndarray:
        answers = training.predict(network, x)
        assert isinstance(answers, np.ndarray)
        return answers

    return Learned(predict, result.n_parameters, network, history)


def _windows(task: dict[str, Any], split: Split) -> tuple[np.ndarray, np.ndarray]:
    return windows(*split.train, task["length"], np.random.default_rng(task["seed"]))


def _fit(
    network: SequenceNetwork, task: dict[str, Any], split: Split, noise: Any = None
) -> training.Training:
    x, y = split.validation
    epochs = task["epochs"]
    return training.fit(
        network,
        *_windows(task, split),
        validation=(x[:VALIDATED], y[:VALIDATED]),
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=lambda k: RATE / 2 * (1 + math.cos(math.pi * k / epochs)),
        noise=noise,
        seed=task["seed"],
    )


def spiking_rows(
    task: dict[str, Any], split: Split, network: SequenceNetwork
) -> Iterator[dict[str, Any]]:
    """Rows of a trained network with its memory made of more and more neurons.

    It is run as it was trained, and again after as many epochs with the noise of its
    neurons (`noise_of`), for the same number and presentation time.
    """
    known = _windows(task, split)[0]
    steps = slice(task["spiking_steps"])
    x, y = split.test[0][0, steps], split.test[1][0, steps]
    for presentation, n in product(task["presentations"], task["neurons"]):
        look = {"presentation": presentation, "classes": False, "seed": task["seed"]}
        tough: dict[str, SequenceNetwork] = {}
        for source in dict.fromkeys(map(noise_of, task["neuron_types"])):
            tough[source] = make_network(task)
            tough[source].learn_from(network)
            noise = state_noise(freeze(network, source, n, known, **look), known)
            _fit(tough[source], task, split, noise={tough[source].lmu.state: noise})
        for aware, kind in product((False, True), task["neuron_types"]):
            start = time.perf_counter()
            trained = tough[noise_of(kind)] if aware else network
            exact = training.predict(trained, x[None])[0]
            frozen = freeze(trained, kind, n, known, **look)
            counted = measure_complexity(frozen, x[None, :SETTLED], seed=task["seed"])
            answers, rate = run_in_spikes(frozen, x, of_task(task))
            yield {
                "study": "spiking",
                "neuron_type": kind,
                "n_neurons": n,
                "total_neurons": n * network.order,
                "presentation": presentation,
                "backend": of_task(task),
                "aware": aware,
                "nrmse": nrmse(answers[SETTLED:], y[SETTLED:]),
                "exact_nrmse": nrmse(exact[SETTLED:], y[SETTLED:]),
                "spikes_per_second": rate,
                "run_seconds": time.perf_counter() - start,
                **complexity_columns(counted),
            }


def noise_of(kind: str) -> str:
    """The neurons whose noise a network is trained with, for neurons of this type.

    Coordinated neurons have much less than independent ones, and a network that expects
    more loses precision. For all others it is that of Poisson neurons, from theory.
    """
    return kind if kind in COORDINATED else "poisson-relu"


def run_in_spikes(
    network: SequenceNetwork, x: np.ndarray, backend: str = "compiled"
) -> tuple[np.ndarray, float | None]:
    """Run a frozen network on one series (n_steps, 1).

    Returns
    -------
    answers : (n_steps, 1) ndarray
        At the end of each value's presentation.
    rate : float or None
        Spikes per second of all neurons of the memory; None for rates.
    """
    dt, presentation = network.dt, network.presentation
    network.stimulus.output = nengo.processes.PresentInput(x, presentation * dt)
    memory = network.lmu.memory
    with network:
        counted = nengo.Probe(add_counter(memory.ensembles, "activity"))
    with SIMULATORS[backend](network, dt, network.seed) as sim:
        sim.run_steps(len(x) * presentation)
        answers = np.array(sim.data[network.probe][presentation - 1 :: presentation])
        spiking = memory.neuron_type.spiking
        return answers, float(sim.data[counted].mean()) if spiking else None
