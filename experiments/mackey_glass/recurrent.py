r"""Recurrent networks for the Mackey-Glass task: LSTM, LMU, and layers of both in turn.

They are trained by backpropagation through time in Keras. All layers are in one
compiled loop, which takes a tenth of the time that the same networks take unrolled in
NengoDL. The LMU's cell has the equations of `networks.LMU`, and `to_nengo` builds
layers of those with the trained weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nengo
import numpy as np

from spiking_lmu.compatibility import require
from spiking_lmu.experiments.mackey_glass.series import Split, windows
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize
from spiking_lmu.metrics import nrmse
from spiking_lmu.networks import LMU
from spiking_lmu.simulators import repeatable

LAYERS = 4
ORDER, THETA = 4, 4.0  # of the memory in each layer of the LMU; theta in steps
LMU_UNITS, LSTM_UNITS, HYBRID_UNITS = 49, 25, 40
RATE = 5e-3  # at the beginning; it falls along half a cosine to zero
CLIP = 1.0  # norm of the gradient
BATCH = 32  # windows in each update


@dataclass(eq=False)
class Learned:
    """A trained network.

    Attributes
    ----------
    predict : callable
        Gives the outputs for inputs (n, n_steps, 1).
    parameters : int
        Number of trained parameters.
    history : list of dict
        ``epoch``, ``loss``, ``validation_nrmse`` and ``seconds`` of each epoch.
    network : object
        The model.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    parameters: int
    network: Any
    history: list[dict[str, float]] = field(default_factory=list)


def make_cells(tf: Any, model: str, seed: int) -> list[Any]:
    """The cells of all layers, with their usual initial weights.

    Sizes are those of LMU 2019, with some 18,000 parameters.
    """
    seeds = iter(np.random.SeedSequence([seed, 1]).generate_state(9 * LAYERS) >> 1)

    def lstm() -> Any:
        initial = tf.keras.initializers
        return tf.keras.layers.LSTMCell(
            LSTM_UNITS,
            kernel_initializer=initial.GlorotUniform(int(next(seeds))),
            recurrent_initializer=initial.Orthogonal(seed=int(next(seeds))),
        )

    def lmu(units: int) -> Any:
        return _lmu_cell(tf)(units, ORDER, THETA, [int(next(seeds)) for _ in range(5)])

    if model == "lstm":
        return [lstm() for _ in range(LAYERS)]
    if model == "lmu":
        return [lmu(LMU_UNITS) for _ in range(LAYERS)]
    return [lmu(HYBRID_UNITS) if k % 2 == 0 else lstm() for k in range(LAYERS)]


def make_model(tf: Any, model: str, seed: int) -> Any:
    """All layers, and a linear readout of the last one."""
    (last,) = np.random.SeedSequence([seed, 2]).generate_state(1) >> 1
    readout = tf.keras.layers.Dense(
        1, kernel_initializer=tf.keras.initializers.GlorotUniform(int(last))
    )
    cells = tf.keras.layers.StackedRNNCells(make_cells(tf, model, seed))
    layers = [tf.keras.layers.RNN(cells, return_sequences=True), readout]
    made = tf.keras.Sequential(layers)
    made.build((None, None, 1))
    return made


def _lmu_cell(tf: Any) -> type:
    """The class of the LMU's cell, made here lest this module import TensorFlow."""

    class LMUCell(tf.keras.layers.Layer):
        """LMU 2019, equations 6 and 7, in the order of `networks.LMU`."""

        def __init__(
            self, units: int, order: int, theta: float, seeds: list[int]
        ) -> None:
            super().__init__()
            self.units, self.order, self.seeds = units, order, seeds
            self.state_size, self.output_size = [units, order], units
            Ad, Bd = discretize(*state_space(theta, order), 1.0)
            self.system = np.vstack([Ad.T, Bd.T]).astype(np.float32)

        def build(self, shape: Any) -> None:
            sizes = {"x": int(shape[-1]), "h": self.units, "m": self.order}
            initial, seeds = tf.keras.initializers, iter(self.seeds)
            for name, size in sizes.items():
                # as `networks.LMU` has them: LeCun's for encoders, Xavier's for kernels
                scheme = (
                    initial.Zeros()
                    if name == "m"
                    else initial.LecunUniform(next(seeds))
                )
                setattr(self, f"e_{name}", self._add(f"e_{name}", size, 1, scheme))
            for name, size in sizes.items():
                scheme = initial.GlorotNormal(next(seeds))
                kernel = self._add(f"W_{name}", size, self.units, scheme)
                setattr(self, f"W_{name}", kernel)

        def _add(self, name: str, n_in: int, n_out: int, scheme: Any) -> Any:
            return self.add_weight(name=name, shape=(n_in, n_out), initializer=scheme)

        def call(self, x: Any, states: Any) -> Any:
            h, m = states
            u = x @ self.e_x + h @ self.e_h + m @ self.e_m
            m = tf.concat([m, u], 1) @ self.system
            h = tf.tanh(x @ self.W_x + h @ self.W_h + m @ self.W_m)
            return h, [h, m]

    return LMUCell


def train_recurrent(
    model: str, split: Split, epochs: int, length: int, seed: int
) -> Learned:
    """Train on windows of the series, and keep the best weights in validation.

    Parameters
    ----------
    model : str
        ``"lstm"``, ``"lmu"`` or ``"hybrid"``.
    split : Split
    epochs : int
        Passes through the training series.
    length : int
        Steps of the windows.
    seed : int
        Seed of the initial weights, and of where windows begin.
    """
    tf = require("tensorflow", "mackey-glass")
    rng = np.random.default_rng([seed, 0])
    network = make_model(tf, model, seed)
    compiled = tf.function(network, jit_compile=True)

    def predict(x: np.ndarray) -> np.ndarray:
        return np.asarray(compiled(x))

    learned = Learned(predict, int(network.count_params()), network)
    n_windows = len(windows(*split.train, length, np.random.default_rng(0))[0])
    batch = min(BATCH, n_windows)
    # where windows begin may change their number by one a series
    updates = epochs * max(1, n_windows // batch)
    update = _make_update(tf, network, updates)
    best, lowest = network.get_weights(), np.inf
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        x, y = windows(*split.train, length, rng)
        losses = [
            update(x[k : k + batch], y[k : k + batch])
            for k in range(0, len(x) - batch + 1, batch)
        ]
        error = nrmse(predict(split.validation[0]), split.validation[1])
        row = {"epoch": epoch, "loss": float(np.mean(losses))}
        seconds = time.perf_counter() - start
        learned.history.append({**row, "validation_nrmse": error, "seconds": seconds})
        if error < lowest:
            best, lowest = network.get_weights(), error
    network.set_weights(best)
    return learned


def _make_update(tf: Any, network: Any, updates: int) -> Callable[..., Any]:
    """A function of inputs and targets that makes one update with Adam."""
    rate = tf.keras.optimizers.schedules.CosineDecay(RATE, updates)
    optimizer = tf.keras.optimizers.Adam(rate, global_clipnorm=CLIP)
    optimizer.build(network.trainable_variables)

    @tf.function(jit_compile=True)
    def update(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            counts = tf.math.is_finite(y)
            error = network(x, training=True) - tf.where(counts, y, 0.0)
            squares = tf.where(counts, error**2, 0.0)
            loss = tf.reduce_sum(squares) / tf.reduce_sum(tf.cast(counts, x.dtype))
        gradient = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradient, network.trainable_variables))
        return loss

    return update


def named_weights(cell: Any) -> dict[str, Any]:
    """The weights of a cell by their names, as matrices (n_out, n_in)."""
    return {w.name.split("/")[-1].split(":")[0]: w.numpy().T for w in cell.weights}


def to_nengo(network: Any) -> nengo.Network:
    """A trained LMU of `train_recurrent` as a Nengo network, layers of `networks.LMU`.

    The input is its first node, the output its only probe, and the time step 1.
    """
    recurrent, readout = network.layers
    with nengo.Network(seed=0) as model:
        stimulus = nengo.Node(np.zeros(1), label="stimulus")
        hidden = stimulus
        for cell in recurrent.cell.cells:
            unit = LMU(
                cell.units,
                cell.order,
                THETA,
                size_in=hidden.size_out,
                dt=1.0,
                **named_weights(cell),
            )
            nengo.Connection(hidden, unit.input, synapse=None)
            hidden = unit.output
        kernel, bias = readout.get_weights()
        answer = nengo.Node(size_in=1, label="answer")
        nengo.Connection(hidden, answer, transform=kernel.T, synapse=None)
        nengo.Connection(nengo.Node(bias), answer, synapse=None)
        nengo.Probe(answer)
    return model


def run_on_nengo(model: nengo.Network, x: np.ndarray) -> np.ndarray:
    """Outputs of a network of `to_nengo` for one series (n_steps, 1)."""
    model.nodes[0].output = nengo.processes.PresentInput(x, 1.0)
    with repeatable(model, dt=1.0) as sim:
        sim.run_steps(len(x))
        return np.array(sim.data[model.probes[0]])
