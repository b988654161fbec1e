"""Train on Mackey-Glass as the notebook of LMU 2019 does, several networks at once.

Four layers of the published widths receive whole series of 5,000 steps. All 32 series
are in one update, and each of 500 epochs is one update, by Adam with the default
settings of Keras, at a constant learning rate and without clipping. The weights of the
epoch with the smallest validation error are kept. Series are centred, here by the mean
of the training series, and not scaled.

Training series can be shortened to their beginning, and networks are validated every
ten epochs rather than after each.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from spiking_lmu.experiments.mackey_glass.recurrent import (
    HYBRID_UNITS,
    LAYERS,
    LMU_UNITS,
    LSTM_UNITS,
    ORDER,
    THETA,
)
from spiking_lmu.experiments.mackey_glass.series import Split
from spiking_lmu.experiments.sweeps import checkpoints
from spiking_lmu.metrics import nrmse
from spiking_lmu.training.recurrent_layers import (
    LMU,
    LSTM,
    Linear,
    Weights,
    stacked,
)

KERNEL = 0.05  # bound of the initial W_h
RATE, MOMENTUM, DECAY, EPSILON = 1e-3, 0.9, 0.999, 1e-7  # of Adam, as Keras has them
EVERY = 10  # epochs from one validation to the next
SAVE_SECONDS = 60.0  # between checkpoints

Layer = LMU | LSTM | Linear


def make_layers(model: str) -> list[Layer]:
    """Four recurrent layers and a readout, of some 18,000 parameters."""
    layers: list[Layer] = []
    size = 1
    for k in range(LAYERS):
        if model == "lstm" or (model == "hybrid" and k % 2):
            layers.append(LSTM(size, LSTM_UNITS))
        else:
            units = HYBRID_UNITS if model == "hybrid" else LMU_UNITS
            layers.append(LMU(size, units, ORDER, THETA, KERNEL))
        size = layers[-1].units
    return [*layers, Linear(size, 1, squashed=model != "lmu")]


class Stack:
    """Layers one after another, in several networks that are trained together.

    Parameters
    ----------
    layers : list
    seeds : list of int
        Of the initial weights of each network.
    """

    def __init__(self, layers: list[Layer], seeds: list[int]) -> None:
        self.layers = layers
        generators = [np.random.default_rng([seed, 3]) for seed in seeds]
        self.weights: list[Weights] = [
            stacked([layer.initial(rng) for rng in generators]) for layer in layers
        ]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    def answer(self, x: np.ndarray) -> np.ndarray:
        """Outputs for x, both (steps, networks, 1, series)."""
        for layer, w in zip(self.layers, self.weights):
            x, _ = layer.forward(w, x)
        return x

    def gradients(
        self, x: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, list[Weights]]:
        """Mean squares of each network's errors, and their gradients by layer."""
        caches = []
        for layer, w in zip(self.layers, self.weights):
            x, cache = layer.forward(w, x)
            caches.append(cache)
        error = x - target
        n = error.shape[0] * error.shape[3]
        d = error * np.float32(2 / n)
        found: list[Weights] = []
        for layer, w in zip(self.layers[::-1], self.weights[::-1]):
            gradient, d = layer.backward(w, caches.pop(), d)
            found.append(gradient)
        return (error**2).sum(axis=(0, 2, 3)) / n, found[::-1]


def named(layers: list[Weights]) -> Weights:
    """Weights or gradients of all layers, by the layer's number and their names."""
    return {
        f"{k} {name}": array
        for k, of_layer in enumerate(layers)
        for name, array in of_layer.items()
    }


class Adam:
    """Adam with the default settings of Keras.

    Parameters
    ----------
    weights : dict of arrays
        The weights, which are changed in place.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.means = {k: np.zeros_like(w) for k, w in weights.items()}
        self.squares = {k: np.zeros_like(w) for k, w in weights.items()}
        self.updates = 0

    def update(self, gradients: Weights) -> None:
        self.updates += 1
        rate = RATE * np.sqrt(1 - DECAY**self.updates) / (1 - MOMENTUM**self.updates)
        for name, g in gradients.items():
            mean, square = self.means[name], self.squares[name]
            mean += (1 - MOMENTUM) * (g - mean)
            square += (1 - DECAY) * (g**2 - square)
            self.weights[name] -= rate * mean / (np.sqrt(square) + EPSILON)


def side_by_side(parts: list[np.ndarray]) -> np.ndarray:
    """Series (n, steps, 1) of each network as (steps, networks, 1, n)."""
    return np.ascontiguousarray(np.stack(parts).transpose(2, 0, 3, 1))


def train_as_published(
    task: dict[str, Any],
    splits: list[Split],
    folder: str | os.PathLike[str] | None = None,
) -> tuple[Stack, list[dict[str, Any]]]:
    """Train one network on each split, and keep its best weights in validation.

    Parameters
    ----------
    task : dict
        With ``model``, ``seeds``, ``epochs`` and ``length``: how many steps of the
        beginning of each series are trained on.
    splits : list of Split
    folder : path, optional
        Where training is stored once a minute, to continue after an interruption.

    Returns
    -------
    stack : Stack
    history : list of dict
        For each validation, the ``epoch``, the ``loss`` and ``validation_nrmse`` of
        each network, and the ``seconds`` since the validation before.
    """
    length = task["length"]
    x, y = (
        side_by_side([split.train[k][:, :length] for split in splits]) for k in (0, 1)
    )
    held_out, wanted = (
        side_by_side([split.validation[k] for split in splits]) for k in (0, 1)
    )
    stack = Stack(make_layers(task["model"]), task["seeds"])
    weights = named(stack.weights)
    adam = Adam(weights)
    best = {name: w.copy() for name, w in weights.items()}
    lowest = np.full(len(splits), np.inf)
    history: list[dict[str, Any]] = []
    stored = {
        "weights": weights,
        "means": adam.means,
        "squares": adam.squares,
        "best": best,
    }
    path = None if folder is None else checkpoints.place(folder, task, "epochs")
    if path is not None and path.is_file():
        arrays, rest = checkpoints.read(path)
        for group, into in stored.items():
            for name, array in into.items():
                array[:] = arrays[group][name]
        lowest, history = np.array(rest["lowest"]), rest["history"]
        adam.updates = rest["done"]
    start = saved = time.perf_counter()
    losses: list[np.ndarray] = []
    for epoch in range(adam.updates + 1, task["epochs"] + 1):
        loss, gradients = stack.gradients(x, y)
        losses.append(loss)
        adam.update(named(gradients))
        if epoch % EVERY and epoch != task["epochs"]:
            continue
        answers = stack.answer(held_out)
        pairs = [(answers[:, k], wanted[:, k]) for k in range(len(splits))]
        errors = np.array([nrmse(*pair) for pair in pairs])
        better = errors < lowest
        lowest = np.where(better, errors, lowest)
        for name, w in weights.items():
            best[name][better] = w[better]
        now = time.perf_counter()
        history.append(
            {
                "epoch": epoch,
                "loss": np.mean(losses, axis=0).tolist(),
                "validation_nrmse": errors.tolist(),
                "seconds": now - start,
            }
        )
        start, losses = now, []
        if path is not None and (epoch == task["epochs"] or now - saved > SAVE_SECONDS):
            rest = {"lowest": lowest.tolist(), "history": history, "done": epoch}
            checkpoints.write(path, stored, rest)
            saved = now
    for name, w in weights.items():
        w[:] = best[name]
    return stack, history
