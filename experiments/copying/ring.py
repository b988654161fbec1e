"""An LMU in whose memory the symbols go round, made by hand.

It demonstrates what the memory can hold, and does not solve the task: e_m is made for
sequences of ten symbols. The window holds ten steps, and e_m feeds its end back into
the memory (LMU 2019, equation 6). So what was written goes round and round, and the
order does not depend on T. As e_m is fixed, all before the hidden state is a linear
system, from which least squares could read the answers.
"""

from __future__ import annotations

from typing import Any

import nengo
import numpy as np
from nengo.dists import Gaussian

from spiking_lmu import training
from spiking_lmu.experiments.copying.sequences import (
    ANSWERS,
    BLANK,
    DELIMITER,
    LENGTH,
    draw,
    tested,
)
from spiking_lmu.legendre import state_space, window_weights
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.networks import LMU

MEMORIES = 9  # of the symbols and the delimiter
LEAST_ORDER = 2 * LENGTH  # state variables that resolve single steps
DT = 0.001
BLANKS = 10  # steps between symbols and delimiter, of each sequence, to train on
BATCH = 100  # steps in each update
VALIDATION, TEST = 20, 100  # sequences


def thinned(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Answers to train on, with -1, which does not count, in most blank steps.

    The steps with symbols count, those from the delimiter on, and some of those in
    between, drawn at random. Blanks are all alike and need not outnumber the others by
    a hundred to one.
    """
    counted = np.zeros(y.shape, dtype=bool)
    counted[:, :LENGTH] = True
    counted[:, -LENGTH - 1 :] = True
    steps = rng.integers(LENGTH, y.shape[1] - LENGTH - 1, (len(y), BLANKS))
    np.put_along_axis(counted, steps, True, axis=1)
    return np.where(counted, y, -1)


def ring(order: int, period: int = LENGTH) -> np.ndarray:
    """Weights that feed the end of a window back, so that it goes round for ever.

    From the state, they read the input exactly ``period - 1`` steps ago. Through e_m,
    which is one step late, u then repeats itself with that period. They are found by
    least squares over impulse responses; `readout` would give the Padé approximant,
    which blurs single steps.

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
    # in coordinates of equal size; without small directions of the state, which would
    # make weights huge
    scale = np.sqrt(window_weights(order))
    weights, *_ = np.linalg.lstsq(responses * scale, wanted, rcond=1e-5)
    return weights * scale


def make_network(task: dict[str, Any]) -> nengo.Network:
    """A unit in whose memory all symbols but blanks go round, and its answers.

    The stimulus is the only node without input, and the answers are the only probe.
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
    fresh, held_out, test = (
        np.random.default_rng(s) for s in np.random.SeedSequence(task["seed"]).spawn(3)
    )
    validation = draw(VALIDATION, task["delay"], held_out)
    x, y = draw(TEST, task["delay"], test)
    network = make_network(task)
    inputs, answers = draw(task["sequences"], task["delay"], fresh)
    wanted = thinned(answers, fresh)

    def rate(epoch: int) -> float:
        """Half a cosine, from the whole rate to almost nothing."""
        share = epoch / task["epochs"]
        return task["learning_rate"] * (1 + np.cos(np.pi * share)) / 2

    result = training.fit(
        network,
        inputs,
        wanted,
        loss="crossentropy",
        validation=validation,
        epochs=task["epochs"],
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
            **tested(outputs, y),
            "seconds": float(result.history["seconds"].sum()),
            "curve_updates": " ".join(str(n) for n in done),
            "curve_loss": " ".join(f"{loss:.4g}" for loss in losses),
        }
    ]
