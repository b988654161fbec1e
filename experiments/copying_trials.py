r"""The copy memory task, and what a Legendre Memory Unit and an LSTM make of it.

A sequence has ten symbols out of eight, T - 1 blanks, a delimiter and ten more blanks.
Blanks are to be answered, but after the delimiter the ten symbols in their order. Each
symbol has thus to be kept for T + 10 steps. Who remembers nothing can at best answer
blanks, and then each symbol with the same probability: a cross entropy of
:math:`10 \ln 8 / (T + 20)`, averaged over all steps.

The window of a memory without feedback would have to reach back T + 10 steps and to
resolve single ones, and thus to have about two state variables a step. Here the window
holds ten steps, and its own end is fed back into it by e_m (LMU 2019, equation 6): what
was written goes round and round, and the order does not depend on T. As e_m is fixed,
all before the hidden state remains a linear system.

References
----------
S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
M. Arjovsky, A. Shah, Y. Bengio, "Unitary evolution recurrent neural networks", ICML
2016.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from itertools import product
from typing import Any

import nengo
import numpy as np
from nengo.dists import Gaussian
from scipy.special import log_softmax

from spiking_lmu import training
from spiking_lmu.experiments.capacity_lstm import limit_threads
from spiking_lmu.networks import LMU
from spiking_lmu.simulators import require
from spiking_lmu.state_space import (
    discretize,
    simulate,
    state_space,
    window_weights,
)
from spiking_lmu.validation import (
    check_choice,
    check_each,
    check_integer,
    check_number,
)

MODELS = ("lmu", "lstm")
LENGTH = 10  # symbols in each sequence
SYMBOLS = 8
BLANK, DELIMITER = 8, 9
ANSWERS = 9  # the symbols and the blank
MEMORIES = 9  # of the symbols and the delimiter
LETTERS = "abcdefgh_"  # what they are called
LEAST_ORDER = 2 * LENGTH  # state variables that resolve single steps
DT = 0.001
BLANKS = 10  # steps between symbols and delimiter, of each sequence, to train on
BATCH = 100  # steps in each update of the LMU
LSTM_BATCH = 50  # sequences in each update of the LSTM
LSTM_RATE = 5e-3
CLIP = 1.0  # norm of the LSTM's gradient
CHECKS = 12  # times that the LSTM is tested while it learns
VALIDATION, TEST = 20, 100  # sequences
EXAMPLE = 0  # which test sequence is shown


def make_tasks(
    delays: Sequence[int],
    lstm_delays: Sequence[int],
    models: Sequence[str],
    trials: int,
    units: int,
    order: int,
    sequences: int,
    epochs: int,
    learning_rate: float,
    lstm_updates: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Complete descriptions of all runs, checked; see `copying.run`."""
    check_each("delays", delays, check_integer, 2, 10**5)
    check_each("lstm_delays", lstm_delays, check_integer, 2, 10**5)
    check_each("models", models, check_choice, MODELS)
    check_integer("trials", trials, high=10**4)
    check_integer("units", units, high=10**4)
    check_integer("order", order, low=LEAST_ORDER, high=10 * LENGTH)
    check_integer("sequences", sequences, high=10**6)
    check_integer("epochs", epochs, high=10**6)
    check_number("learning_rate", learning_rate, 0, 10, exclusive=True)
    check_integer("lstm_updates", lstm_updates, high=10**8)
    check_integer("seed", seed, low=0, high=2**32 - 1)
    size = {"units": int(units), "order": int(order)}
    settings: dict[str, dict[str, Any]] = {
        "lmu": {
            "sequences": int(sequences),
            "epochs": int(epochs),
            "learning_rate": float(learning_rate),
        },
        "lstm": {"lstm_updates": int(lstm_updates)},
    }
    return [
        {
            "model": model,
            "delay": int(delay),
            **size,
            **settings[model],
            "seed": _derived_seed(seed, int(delay), trial),
        }
        for model in models
        for delay, trial in product(
            delays if model == "lmu" else lstm_delays, range(trials)
        )
    ]


def _derived_seed(seed: int, delay: int, trial: int) -> int:
    # both models are tested on the same sequences
    key = zlib.crc32(repr(delay).encode())
    return int(np.random.SeedSequence([seed, key, trial]).generate_state(1)[0] >> 1)


# ---- The task ----------------------------------------------------------------------


def baseline(delay: int) -> float:
    """Mean cross entropy of the best answers without memory."""
    return LENGTH * float(np.log(SYMBOLS)) / (delay + 2 * LENGTH)


def draw(n: int, delay: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of the task and what is to be answered.

    Parameters
    ----------
    n : int
        Sequences.
    delay : int
        T.
    rng : numpy.random.Generator

    Returns
    -------
    x : (n, T + 20, 10) array of float32
        One of ten inputs is 1 in each step.
    y : (n, T + 20) array of int
    """
    symbols = rng.integers(0, SYMBOLS, (n, LENGTH))
    shown = np.full((n, delay + 2 * LENGTH), BLANK)
    shown[:, :LENGTH] = symbols
    shown[:, delay + LENGTH - 1] = DELIMITER
    y = np.full_like(shown, BLANK)
    y[:, -LENGTH:] = symbols
    return np.eye(DELIMITER + 1, dtype=np.float32)[shown], y


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


def score(outputs: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Mean cross entropy over all steps, and the share of symbols that were right."""
    logs = log_softmax(outputs.astype(float), axis=-1)
    chosen = np.take_along_axis(logs, y[..., None], axis=-1)
    right = outputs[:, -LENGTH:].argmax(axis=-1) == y[:, -LENGTH:]
    return {"loss": float(-chosen.mean()), "accuracy": float(right.mean())}


# ---- The networks ------------------------------------------------------------------


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


def count_lmu(units: int, order: int) -> int:
    """Trained parameters of the network: W_m, W_x and the answers' weights."""
    return units * (MEMORIES * order + DELIMITER + 1 + ANSWERS)


def count_lstm(units: int) -> int:
    """Parameters of an LSTM layer and a dense one for the answers."""
    return 4 * units * (units + DELIMITER + 2) + ANSWERS * (units + 1)


def equal_units(parameters: int) -> int:
    """Units of the LSTM that comes closest to a number of parameters."""
    units = 1
    while abs(count_lstm(units + 1) - parameters) <= abs(
        count_lstm(units) - parameters
    ):
        units += 1
    return units


# ---- Trials ------------------------------------------------------------------------


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Train and test one network; one row."""
    fresh, held_out, test = (
        np.random.default_rng(s) for s in np.random.SeedSequence(task["seed"]).spawn(3)
    )
    validation = draw(VALIDATION, task["delay"], held_out)
    x, y = draw(TEST, task["delay"], test)
    run = _run_lmu if task["model"] == "lmu" else _run_lstm
    row, curve, outputs = run(task, fresh, validation, x)
    return [
        {
            **{name: task[name] for name in ("model", "delay", "seed")},
            **row,
            "baseline": baseline(task["delay"]),
            **score(outputs, y),
            "symbols": _written(y[EXAMPLE, -LENGTH:]),
            "answers": _written(outputs[EXAMPLE, -LENGTH:].argmax(axis=-1)),
            "seconds": curve[-1][0],
            "curve_seconds": " ".join(f"{seconds:.3f}" for seconds, _ in curve),
            "curve_loss": " ".join(f"{loss:.4g}" for _, loss in curve),
        }
    ]


def _written(symbols: np.ndarray) -> str:
    return "".join(LETTERS[k] for k in symbols)


Pair = tuple[np.ndarray, np.ndarray]
# what describes the network; seconds and validation losses; answers to the test
Outcome = tuple[dict[str, Any], list[tuple[float, float]], np.ndarray]


def _run_lmu(
    task: dict[str, Any], rng: np.random.Generator, validation: Pair, x: np.ndarray
) -> Outcome:
    require("nengo_dl", "dl")
    network = make_network(task)
    inputs, y = draw(task["sequences"], task["delay"], rng)
    wanted = thinned(y, rng)
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
    row = {
        "units": task["units"],
        "order": task["order"],
        "parameters": result.n_parameters,
        "updates": len(result.history) * (int((wanted >= 0).sum()) // BATCH),
    }
    seconds = result.history["seconds"].cumsum()
    curve = list(zip(seconds, result.history["validation_loss"]))
    return row, curve, np.asarray(training.predict(network, x))


def _run_lstm(
    task: dict[str, Any], rng: np.random.Generator, validation: Pair, x: np.ndarray
) -> Outcome:
    """Backpropagation through whole sequences, which are new in each update."""
    tf = require("tensorflow", "dl")
    limit_threads(tf)
    n_units = equal_units(count_lmu(task["units"], task["order"]))
    n_steps = task["delay"] + 2 * LENGTH
    model = _make_lstm(tf, n_units, n_steps, np.random.SeedSequence(task["seed"]))
    optimizer = tf.keras.optimizers.Adam(LSTM_RATE, clipnorm=CLIP)
    model.compile(
        optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    curve = []
    seconds, done = 0.0, 0
    stops = np.ceil(task["lstm_updates"] * np.arange(1, CHECKS + 1) / CHECKS)
    for stop in np.unique(stops.astype(int)):
        start = time.perf_counter()
        for _ in range(stop - done):
            model.train_on_batch(*draw(LSTM_BATCH, task["delay"], rng))
        seconds, done = seconds + time.perf_counter() - start, int(stop)
        loss = score(_answers(model, validation[0]), validation[1])["loss"]
        curve.append((seconds, loss))
    row = {
        "units": n_units,
        "order": None,
        "parameters": int(model.count_params()),
        "updates": done,
    }
    return row, curve, _answers(model, x)


def _make_lstm(tf: Any, units: int, n_steps: int, seeds: np.random.SeedSequence) -> Any:
    a, b, c = (int(s) for s in seeds.generate_state(3) >> 1)
    initial = tf.keras.initializers
    return tf.keras.Sequential(
        [
            tf.keras.layers.LSTM(
                units,
                return_sequences=True,
                kernel_initializer=initial.GlorotUniform(seed=a),
                recurrent_initializer=initial.Orthogonal(seed=b),
                input_shape=(n_steps, DELIMITER + 1),
            ),
            tf.keras.layers.Dense(
                ANSWERS, kernel_initializer=initial.GlorotUniform(seed=c)
            ),
        ]
    )


def _answers(model: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict(x, batch_size=50, verbose=0))
