"""Gradient descent on NengoDL, epoch by epoch, that a checkpoint takes up again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.compatibility import require
from spiking_lmu.data.archives import read_archive, write_archive
from spiking_lmu.validation import refusal

from .evaluation import run_samples
from .forms import Form
from .losses import keras_loss
from .samples import Arrays, Samples

#: Epochs whose weights a network can keep.
KEPT = ("best", "last")


class Descent:
    """Gradient descent that can be stopped after any epoch and taken up again."""

    def __init__(
        self,
        sim: Any,
        built: Form,
        loss: str,
        checkpoint: str | os.PathLike[str] | None,
        plan: Mapping[str, Any],
    ) -> None:
        tf = require("tensorflow", "spiking_lmu.training")
        self.sim, self.built, self.plan = sim, built, dict(plan)
        self.model = sim.keras_model
        self.optimizer = tf.keras.optimizers.Adam(jit_compile=False)
        losses = {p: keras_loss(loss) for p in built.probes.values()}
        sim.compile(self.optimizer, loss=losses)
        # TensorFlow traces a training twice, which takes most of the time of a short
        # one, if its first step creates variables: all are there before
        self.optimizer.build(self.model.trainable_variables)
        self.model.compiled_loss.build(self.model.output)
        self.history: list[dict[str, float]] = []
        self.best, self.lowest = 0, np.inf
        self.best_weights = self._weights()
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        if self.checkpoint is not None and self.checkpoint.exists():
            self._resume()

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    def run(
        self,
        samples: Samples,
        rate: float,
        rng: np.random.Generator,
        noise: Arrays,
        dropout: float,
    ) -> float:
        """One epoch; its mean loss. Samples that fill no batch wait for the next."""
        batch = self.sim.minibatch_size
        order = rng.permutation(len(samples))[: len(samples) // batch * batch]
        self.optimizer.learning_rate = rate
        total = 0.0
        for part in samples.chunks(order, batch):
            x = {node: a[part] for node, a in samples.x.items()}
            for node, root in noise.items():
                x[node] = x[node] + _normal(rng, x[node].shape, root)
            for ensemble, mask in self.built.masks.items():
                kept = rng.random((len(part), 1, ensemble.n_neurons)) >= dropout
                kept = (kept / (1 - dropout)).astype(np.float32)
                steps = next(iter(x.values())).shape[1]
                x[mask] = np.broadcast_to(kept, (len(part), steps, kept.shape[2]))
            y = {self.built.probes[p]: a[part] for p, a in samples.y.items()}
            done = self.sim.fit(x, y, epochs=1, shuffle=False, verbose=0)
            total += done.history["loss"][0] * len(part)
        return total / len(order)

    def predict(self, samples: Samples) -> Arrays:
        return run_samples(self.sim, self.built, samples)

    def finish_epoch(self, row: Mapping[str, float]) -> None:
        """Keep what an epoch gave, in the checkpoint too."""
        self.history.append(dict(row))
        value = self._measure(row, self.epoch)
        if not np.isfinite(row["loss"]):
            raise ValidationError(
                f"was too high: the loss is {row['loss']} in epoch {self.epoch}; the "
                "network keeps the best weights of earlier epochs",
                attr="learning_rate",
            )
        if value < self.lowest:
            self.best, self.lowest = self.epoch, value
            self.best_weights = self._weights()
        if self.checkpoint is not None:
            self._save()

    def _measure(self, row: Mapping[str, float], epoch: int) -> float:
        """What is lowest for the epoch whose weights are kept; perhaps the last one."""
        if self.plan["keep"] == "last":
            return -epoch
        return row.get("validation_loss", -epoch)

    def use_best(self) -> None:
        for variable, value in zip(self.model.trainable_variables, self.best_weights):
            variable.assign(value)

    def _weights(self) -> list[np.ndarray]:
        return [v.numpy() for v in self.model.trainable_variables]

    def _optimizer_state(self) -> list[Any]:
        return list(self.optimizer.variables)

    def _save(self) -> None:
        arrays = {f"best {k}": a for k, a in enumerate(self.best_weights)}
        arrays.update({f"weights {k}": a for k, a in enumerate(self._weights())})
        state = self._optimizer_state()
        arrays.update({f"state {k}": v.numpy() for k, v in enumerate(state)})
        texts = {"plan": self.plan, "history": self.history, "best": self.best}
        assert self.checkpoint is not None
        write_archive(self.checkpoint, arrays, texts)

    def _resume(self) -> None:
        assert self.checkpoint is not None
        arrays, texts = read_archive(self.checkpoint)
        plan = texts.get("plan")
        if not isinstance(plan, dict) or "history" not in texts:
            raise refusal(
                "checkpoint",
                str(self.checkpoint),
                "a checkpoint of `fit`, or a new file",
            )
        for name, value in self.plan.items():
            found = plan.get(name)
            if name == "rates" and isinstance(found, list):
                n = min(len(value), len(found))  # epochs may be other ones
                value, found = value[:n], found[:n]
            if value != found:
                raise ValidationError(
                    f"{self.checkpoint} belongs to a training with another {name}; "
                    "give another file, or remove this one",
                    attr="checkpoint",
                )
        variables = self.model.trainable_variables
        groups = {
            "weights": variables,
            "best": variables,
            "state": self._optimizer_state(),
        }
        for name, group in groups.items():
            shapes = [tuple(v.shape) for v in group]
            found = [arrays.get(f"{name} {k}") for k in range(len(group))]
            if any(a is None or a.shape != s for a, s in zip(found, shapes)):
                raise refusal(
                    "checkpoint", str(self.checkpoint), "of a network with such weights"
                )
        for name in ("weights", "state"):
            for k, variable in enumerate(groups[name]):
                variable.assign(arrays[f"{name} {k}"])
        self.best_weights = [arrays[f"best {k}"] for k in range(len(variables))]
        self.history, self.best = texts["history"], int(texts["best"])
        row = self.history[self.best - 1]
        self.lowest = self._measure(row, self.best)


def _normal(
    rng: np.random.Generator, shape: tuple[int, ...], root: np.ndarray
) -> np.ndarray:
    drawn = rng.standard_normal(shape, dtype=np.float32)
    return drawn * root if root.ndim == 1 else drawn @ root.T
