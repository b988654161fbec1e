"""Run layers of keras-lmu, in an environment that has it, for test_keras_lmu.py.

    python run_keras_lmu.py FILE [GIVEN]

FILE gets configuration, weights, input and output of some layers and models. With
GIVEN, they are those that are described there, and only their output is added.
"""

from __future__ import annotations

import json
import sys

import keras_lmu
import numpy as np
import tensorflow as tf

layers = tf.keras.layers
N_STEPS = 1000


def unit(hidden="SimpleRNNCell", units=20, order=6, theta=40, **options):
    """A layer of keras-lmu, with a tanh in its hidden cell."""
    activation, dtype = options.pop("activation", "tanh"), options.get("dtype")
    cell = getattr(layers, hidden)(units, activation=activation, dtype=dtype)
    kind = options.pop("kind", keras_lmu.LMU)
    return kind(
        options.pop("memory_d", 1), order, theta, cell, return_sequences=True, **options
    )


def model(*dense, **options):
    return tf.keras.Sequential(
        [unit("Dense", **options), *(layers.Dense(n, activation=a) for n, a in dense)]
    )


def functional(order, theta, units, dtype):
    """The usual model for permuted MNIST, with a memory alone and a dropout."""
    x = tf.keras.Input((N_STEPS, 2), dtype=dtype)
    memory = keras_lmu.LMU(1, order, theta, None, return_sequences=True, dtype=dtype)
    h = layers.Dense(units, activation="relu", dtype=dtype)(memory(x))
    h = layers.Dropout(0.5, dtype=dtype)(h)
    return tf.keras.Model(x, layers.Dense(3, dtype=dtype)(h))


def cell(**options):
    inner = layers.SimpleRNNCell(20, activation="tanh")
    return layers.RNN(
        keras_lmu.LMUCell(2, 6, 40, inner, **options), return_sequences=True
    )


ALL = {"hidden_to_memory": True, "memory_to_memory": True, "input_to_hidden": True}
CASES = {
    "all paths": lambda: unit(**ALL),
    "all paths, three memories": lambda: unit(memory_d=3, **ALL),
    "all paths in a cell": lambda: cell(**ALL),
    "feedback from the hidden state": lambda: unit(hidden_to_memory=True),
    "hidden layer without recurrence": lambda: unit("Dense", hidden_to_memory=True),
    "sigmoid": lambda: unit(activation="sigmoid", **ALL),
    "trained theta": lambda: unit(trainable_theta=True, **ALL),
    "memory as a convolution": lambda: unit("Dense", activation="relu"),
    "feedforward": lambda: unit(
        "Dense", kind=keras_lmu.LMUFeedforward, input_to_hidden=True, use_bias=True
    ),
    "raw convolution": lambda: unit(
        "Dense", kind=keras_lmu.LMUFeedforward, conv_mode="raw", truncate_ir=None
    ),
    "order 64": lambda: unit(order=64, theta=500, dtype="float64"),
    "model": lambda: model((3, None), activation="relu", units=30),
    "model of two layers": lambda: model(
        (10, "tanh"), (3, None), memory_d=2, input_to_hidden=True
    ),
    "model of order 128": lambda: functional(128, 784, 50, "float64"),
}


def drawn(layer, rng):
    """Weights of about the size of those that are trained, so that nothing grows."""
    weights = []
    for variable, array in zip(layer.weights, layer.get_weights()):
        name = variable.name.split("/")[-1].split(":")[0]
        if name == "theta_inv":
            weights.append(np.array(1 / 37.25))
        elif name == "bias" and array.shape == (1,):  # of the memory
            weights.append(array)
        else:
            scale = 0.1 if name == "recurrent_kernel" else 0.5
            size = array.shape[0] if array.ndim == 2 else 4
            weights.append(rng.normal(0, scale / np.sqrt(size), array.shape))
    return weights


def outputs(layer, x):
    """The output in each step, from a compiled loop."""
    x = tf.constant(x.astype(layer.get_weights()[0].dtype))
    return tf.function(lambda given: layer(given))(x).numpy()


def ours():
    """The layers of `CASES`, with inputs and outputs."""
    content = {}
    for k, (name, make) in enumerate(CASES.items()):
        rng = np.random.default_rng(k)
        layer = make()
        x = rng.uniform(-1, 1, (2, N_STEPS, 2)).astype(np.float32)
        if not layer.built:
            layer.build((None, *x.shape[1:]))
        layer.set_weights(drawn(layer, rng))
        content[f"{name}/config"] = json.dumps(layer.get_config())
        for i, array in enumerate(layer.get_weights()):
            content[f"{name}/weights/{i}"] = array
        content[f"{name}/x"], content[f"{name}/y"] = x, outputs(layer, x)
    return content


def theirs(file):
    """The outputs of the layers that a file describes."""
    content = {}
    with np.load(file) as given:
        for name in {key.split("/")[0] for key in given}:
            config = json.loads(str(given[f"{name}/config"]))
            kind = tf.keras.Sequential if "layers" in config else keras_lmu.LMU
            layer, x = kind.from_config(config), given[f"{name}/x"]
            layer.build((None, *x.shape[1:]))
            count = sum(key.startswith(f"{name}/weights") for key in given)
            layer.set_weights([given[f"{name}/weights/{i}"] for i in range(count)])
            content[f"{name}/y"] = outputs(layer, x)
    return content


if __name__ == "__main__":
    file, *given = sys.argv[1:]
    content = theirs(*given) if given else ours()
    np.savez(file, version=keras_lmu.__version__, **content)
