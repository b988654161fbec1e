"""What training minimizes, and how well a network does, on arrays.

Targets that are missing do not count: NaN for ``"mse"``, -1 for ``"crossentropy"``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spiking_lmu.compatibility import require

LOSSES = ("mse", "crossentropy")
#: The measure that goes with each loss, for people.
MEASURES = {"mse": "nrmse", "crossentropy": "accuracy"}


def counts(loss: str, targets: np.ndarray) -> np.ndarray:
    """Where targets (n, T, size) count, (n, T): not missing."""
    missing = (
        targets[..., 0] < 0 if loss == "crossentropy" else np.isnan(targets[..., 0])
    )
    return ~missing


def keras_loss(loss: str) -> Callable[[Any, Any], Any]:
    """The loss as Keras calls it: targets (n, T', size), outputs (n, T, size).

    Targets of fewer steps are those of the last ones.
    """
    tf = require("tensorflow", "spiking_lmu.training")

    def mean(values: Any, counted: Any) -> Any:
        total = tf.reduce_sum(tf.where(counted, values, tf.zeros_like(values)))
        return total / tf.maximum(tf.reduce_sum(tf.cast(counted, values.dtype)), 1)

    def mse(y: Any, output: Any) -> Any:
        output = output[:, -tf.shape(y)[1] :]
        counted = tf.math.is_finite(y)
        known = tf.where(counted, y, tf.zeros_like(y))
        return mean((output - known) ** 2, counted)

    def crossentropy(y: Any, output: Any) -> Any:
        labels = tf.cast(y[..., 0], tf.int32)
        output = output[:, -tf.shape(y)[1] :]
        values = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.maximum(labels, 0), logits=output
        )
        return mean(values, labels >= 0)

    return {"mse": mse, "crossentropy": crossentropy}[loss]


def score(loss: str, targets: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """The loss and its measure, for targets (n, T', size) and outputs (n, T, size)."""
    outputs = outputs[:, -targets.shape[1] :].astype(float)
    counted = counts(loss, targets)
    y, z = targets[counted], outputs[counted]
    if loss == "crossentropy":
        labels = y[:, 0].astype(int)
        z = z - z.max(axis=1, keepdims=True)
        chosen = z[np.arange(len(z)), labels]
        value = np.mean(np.log(np.exp(z).sum(axis=1)) - chosen)
        accuracy = np.mean(z.argmax(axis=1) == labels)
        return {"loss": float(value), "accuracy": float(accuracy)}
    square = float(np.mean((z - y) ** 2))
    power = float(np.mean(y**2))
    return {
        "loss": square,
        "nrmse": float(np.sqrt(square / power)) if power else np.nan,
    }
