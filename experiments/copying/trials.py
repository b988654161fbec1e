r"""Trials of the copy memory task.

Each symbol has to be kept for T + 10 steps. Who remembers nothing can at best answer
blanks, and then each symbol with the same probability: a cross entropy of
:math:`10 \ln 8 / (T + 20)`, averaged over all steps.

With *learned* encoders, the task is as it was published: see `copying_learned`.

The *ring* demonstrates what the memory can hold. It does not solve that task: its e_m
is made by hand for sequences of ten symbols. Its window holds ten steps, and its own
end is fed back into it by e_m (LMU 2019, equation 6): what was written goes round and
round, and the order does not depend on T. As e_m is fixed, all before the hidden state
is a linear system, from which least squares could read the answers.

References
----------
S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
M. Arjovsky, A. Shah, Y. Bengio, "Unitary evolution recurrent neural networks", ICML
2016.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from itertools import product
from typing import Any

import nengo
import numpy as np
from nengo.dists import Gaussian

from spiking_lmu import training
from spiking_lmu.compatibility import require
from spiking_lmu.experiments.copying.learned import run_learned
from spiking_lmu.experiments.copying.sequences import (
    ANSWERS,
    BLANK,
    DELIMITER,
    LENGTH,
    baseline,
    draw,
    score,
    written,
)
from spiking_lmu.legendre import state_space, window_weights
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.networks import LMU
from spiking_lmu.validation import (
    check_choice,
    check_each,
    check_integer,
    check_number,
)

ENCODERS = ("learned", "ring")
MODELS = ("lmu", "lstm")
MEMORIES = 9  # of the symbols and the delimiter
LEAST_ORDER = 2 * LENGTH  # state variables that resolve single steps
DT = 0.001
BLANKS = 10  # steps between symbols and delimiter, of each sequence, to train on
BATCH = 100  # steps in each update of the ring
VALIDATION, TEST = 20, 100  # sequences
EXAMPLE = 0  # which test sequence is shown


def make_tasks(
    encoders: Sequence[str],
    delays: Sequence[int],
    models: Sequence[str],
    updates: int,
    learning_rates: Sequence[float],
    trials: int,
    ring_delays: Sequence[int],
    ring_units: int,
    ring_order: int,
    ring_sequences: int,
    ring_epochs: int,
    ring_learning_rate: float,
    seed: int,
) -> list[dict[str, Any]]:
    """Complete descriptions of all runs, checked; see `copying.run`."""
    check_each("encoders", encoders, check_choice, ENCODERS)
    check_each("delays", delays, check_integer, 2, 10**4)
    check_each("models", models, check_choice, MODELS)
    check_integer("updates", updates, high=10**8)
    check_each("learning_rates", learning_rates, check_number, 0, 10, True)
    check_integer("trials", trials, high=10**4)
    check_each("ring_delays", ring_delays, check_integer, 2, 10**5)
    check_integer("ring_units", ring_units, high=10**4)
    check_integer("ring_order", ring_order, low=LEAST_ORDER, high=10 * LENGTH)
    check_integer("ring_sequences", ring_sequences, high=10**6)
    check_integer("ring_epochs", ring_epochs, high=10**6)
    check_number("ring_learning_rate", ring_learning_rate, 0, 10, exclusive=True)
    check_integer("seed", seed, low=0, high=2**32 - 1)
    learned = [
        {
            "model": model,
            "encoders": "learned",
            "delay": int(delay),
            "updates": int(updates),
            "rates": [float(rate) for rate in learning_rates],
            "seeds": [_derived_seed(seed, int(delay), k) for k in range(trials)],
            "pilot_seed": _derived_seed(seed, int(delay), trials),
            "seed": int(seed),
        }
        for model, delay in product(models, delays)
    ]
    ring = [
        {
            "model": "lmu",
            "encoders": "ring",
            "delay": int(delay),
            "units": int(ring_units),
            "order": int(ring_order),
            "sequences": int(ring_sequences),
            "epochs": int(ring_epochs),
            "learning_rate": float(ring_learning_rate),
            "seed": _derived_seed(seed, int(delay), trial),
        }
        for delay, trial in product(ring_delays, range(trials))
    ]
    kinds = {"learned": learned, "ring": ring}
    return [task for kind in ENCODERS if kind in encoders for task in kinds[kind]]


def _derived_seed(seed: int, delay: int, trial: int) -> int:
    # both models are tested on the same sequences
    key = zlib.crc32(repr(delay).encode())
    return int(np.random.SeedSequence([seed, key, trial]).generate_state(1)[0] >> 1)


def run_task(
    task: dict[str, Any], folder: str | os.PathLike[str] | None = None
) -> list[dict[str, Any]]:
    """Train and test the networks of one task; one row each.

    ``folder`` is where training with learned encoders can go on after an interruption.
    """
    if task["encoders"] == "learned":
        return run_learned(task, folder)
    return run_ring(task)


# ---- The ring ----------------------------------------------------------------------


def thinned(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Answers to train on: -1, which does not count, in most of the blank steps.

    The steps with symbols count, those from the delimiter on, and some of those
    between, drawn at random: blanks are all alike, and need not outnumber the rest by a
    hundred to one.
    """
    counted = np.zeros(y.shape, dtype=bool)
    counted[:, :LENGTH] = True
    counted[:, -LENGTH - 1 :] = True
    steps = rng.integers(LENGTH, y.shape[1] - LENGTH - 1, (len(y), BLANKS))
    np.put_along_axis(counted, steps, True, axis=1)
    return np.where(counted, y, -1)


def ring(order: int, period: int = LENGTH) -> np.ndarray:
    """Weights that feed the end of a window back, so that it goes round for ever.

    They read out of the state what entered the memory exactly ``period - 1`` steps ago,
    so that through e_m, which is one step late, u repeats itself with that period. By
    least squares over impulse responses, for `readout` would give the Padé
    approximant of it, which blurs single steps.

    Parameters
    ----------
    order : int
        Number of state variables, at least two for each step.
    period : int
        Length of the window, in steps.

    Returns
    -------
    e_m : (order,) ndarray
    """
    system = discretize(*state_space(period, order), 1.0)
    impulse = np.eye(4 * period + 1)[0]
    responses = simulate(*system, impulse)[1:]
    wanted = np.eye(4 * period)[period - 1]
    # in coordinates of equal size; small directions of the state are left alone, lest
    # weights be huge
    scale = np.sqrt(window_weights(order))
    weights, *_ = np.linalg.lstsq(responses * scale, wanted, rcond=1e-5)
    return weights * scale


def make_network(task: dict[str, Any]) -> nengo.Network:
    """A unit in whose memory all but blanks go round, and its answers.

    Its input is the network's only node without input, its answers the only probe.
    """
    heard = np.delete(np.eye(DELIMITER + 1), BLANK, axis=0)
    units = task["units"]
    with nengo.Network(seed=task["seed"]) as network:
        stimulus = nengo.Node(np.zeros(DELIMITER + 1), label="stimulus")
        unit = LMU(
            units,
            task["order"],
            theta=LENGTH * DT,
            size_in=DELIMITER + 1,
            memory_d=MEMORIES,
            dt=DT,
            e_x=heard,
            e_h=None,
            e_m=np.kron(np.eye(MEMORIES), ring(task["order"])),
            W_h=None,
        )
        for name in ("e_x", "e_m"):
            unit.config[unit.weights[name]].trainable = False
        answers = nengo.Node(size_in=ANSWERS, label="answers")
        initial = Gaussian(0, np.sqrt(2 / (units + ANSWERS)))
        nengo.Connection(stimulus, unit.input, synapse=None)
        nengo.Connection(unit.output, answers, transform=initial, synapse=None)
        nengo.Probe(answers)
    return network


def run_ring(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Train and test one network with a ring; one row."""
    require("nengo_dl")
    fresh, held_out, test = (
        np.random.default_rng(s) for s in np.random.SeedSequence(task["seed"]).spawn(3)
    )
    validation = draw(VALIDATION, task["delay"], held_out)
    x, y = draw(TEST, task["delay"], test)
    network = make_network(task)
    inputs, answers = draw(task["sequences"], task["delay"], fresh)
    wanted = thinned(answers, fresh)
    epochs = task["epochs"]

    def rate(epoch: int) -> float:
        """Half a cosine, from the whole rate to almost nothing."""
        return task["learning_rate"] * (1 + np.cos(np.pi * epoch / epochs)) / 2

    result = training.fit(
        network,
        inputs,
        wanted,
        loss="crossentropy",
        validation=validation,
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=rate,
        form="parallel",
        seed=task["seed"],
    )
    outputs = np.asarray(training.predict(network, x))
    per_epoch = int((wanted >= 0).sum()) // BATCH
    done = per_epoch * np.arange(1, len(result.history) + 1)
    losses = result.history["validation_loss"]
    named = ("model", "encoders", "delay", "seed", "units", "order", "learning_rate")
    return [
        {
            **{name: task[name] for name in named},
            "state_variables": MEMORIES * task["order"],
            "parameters": result.n_parameters,
            "updates": int(done[-1]),
            "baseline": baseline(task["delay"]),
            **score(outputs, y),
            "symbols": written(y[EXAMPLE, -LENGTH:]),
            "answers": written(outputs[EXAMPLE, -LENGTH:].argmax(axis=-1)),
            "seconds": float(result.history["seconds"].sum()),
            "curve_updates": " ".join(str(n) for n in done),
            "curve_loss": " ".join(f"{loss:.4g}" for loss in losses),
        }
    ]
