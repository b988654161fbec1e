"""An LSTM, trained to recall a window of its input."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from spiking_lmu.experiments.capacity.recall import (
    WARM_UP,
    delay_steps,
    delayed,
    make_signal,
    relative_rmse,
    rows_of,
)
from spiking_lmu.experiments.sweeps.workers import import_tensorflow

SEQUENCE = 2.0  # windows of each sequence
TESTED = 40  # sequences
CHECKPOINTS = 10  # amounts of training after which it is tested
NOISE = 500  # windows of noise that sequences to train on are cut out of
CLIP = 1.0  # norm of the gradient


def count_updates(task: dict[str, Any]) -> int:
    """Updates that the budget, in millions of time steps, is enough for."""
    per_update = task["batch"] * round(SEQUENCE * task["steps"])
    return max(1, round(task["budget"] * 1e6 / per_update))


def run_lstm(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Train one LSTM by backpropagation through whole sequences, and test it.

    Each update sees sequences of two windows, cut anywhere out of 500 windows of
    noise, and errors from the end of the
    first window on count. The test is on sequences of its own, and there, as for the
    memory, another half window is not counted.

    Returns
    -------
    rows : list of dict
        One for each delay and amount of training, from none to all of it.
    """
    tf = import_tensorflow("lstm_steps")
    n, length = task["steps"], round(SEQUENCE * task["steps"])
    lags = delay_steps(n, task["delays"])
    initial, train, test = np.random.SeedSequence(task["seed"]).spawn(3)
    model = make_model(tf, length, task["units"], len(lags), initial)
    update = _make_update(tf, model, n, task["learning_rate"])
    recall = tf.function(model)
    rng = np.random.default_rng(train)
    noise = make_signal(n, NOISE * n, task["cycles"], int(rng.integers(2**31)))
    tested = _make_test(np.random.default_rng(test), n, length, task["cycles"])
    first = round(WARM_UP * n)
    target = np.stack([delayed(u, lags)[first:] for u in tested])

    def rows(updates: int, seconds: float) -> list[dict[str, Any]]:
        start = time.perf_counter()
        output = np.asarray(recall(tested[..., None].astype("float32"))[:, first:])
        return rows_of(
            task,
            lags,
            relative_rmse(output, target, tested),
            state_variables=2 * task["units"],  # h and c
            parameters=int(model.count_params()),
            trained_steps=updates * task["batch"] * length,
            updates=updates,
            train_seconds=seconds,
            run_seconds=time.perf_counter() - start,
        )

    n_updates = count_updates(task)
    found, seconds, done = rows(0, 0.0), 0.0, 0
    stops = np.unique(np.linspace(0, n_updates, CHECKPOINTS + 1).round().astype(int))
    for stop in stops[1:]:
        start = time.perf_counter()
        for _ in range(stop - done):
            u = cut(rng, task["batch"], noise, length)
            wanted = np.stack([delayed(one, lags)[n:] for one in u])
            update(u[..., None].astype("float32"), wanted.astype("float32"))
        seconds, done = seconds + time.perf_counter() - start, int(stop)
        found += rows(done, seconds)
    return found


def _make_test(
    rng: np.random.Generator, steps: int, length: int, cycles: float
) -> np.ndarray:
    noise = make_signal(steps, TESTED * length, cycles, int(rng.integers(2**31)))
    return cut(rng, TESTED, noise, length)


def make_model(
    tf: Any, length: int, units: int, n_out: int, seed: np.random.SeedSequence
) -> Any:
    """An LSTM layer and a linear one, initialized as Keras does."""
    a, b, c = (int(s) for s in seed.generate_state(3) >> 1)
    initial = tf.keras.initializers
    return tf.keras.Sequential(
        [
            tf.keras.layers.LSTM(
                units,
                return_sequences=True,
                kernel_initializer=initial.GlorotUniform(seed=a),
                recurrent_initializer=initial.Orthogonal(seed=b),
                input_shape=(length, 1),
            ),
            tf.keras.layers.Dense(
                n_out, kernel_initializer=initial.GlorotUniform(seed=c)
            ),
        ]
    )


def _make_update(tf: Any, model: Any, steps: int, learning_rate: float) -> Any:
    """A function of inputs and targets that improves the model a little, by Adam."""
    optimizer = tf.keras.optimizers.Adam(learning_rate, clipnorm=CLIP)
    optimizer.build(model.trainable_variables)  # or the update would be traced twice

    @tf.function
    def update(x: Any, wanted: Any) -> None:
        with tf.GradientTape() as tape:
            error = model(x, training=True)[:, steps:] - wanted
            loss = tf.reduce_mean(error**2)
        gradient = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradient, model.trainable_variables))

    return update


def cut(rng: np.random.Generator, n: int, noise: np.ndarray, length: int) -> np.ndarray:
    """Sequences (n, length) that begin anywhere in a long signal."""
    starts = rng.integers(len(noise) - length + 1, size=n)
    return np.stack([noise[start : start + length] for start in starts])
