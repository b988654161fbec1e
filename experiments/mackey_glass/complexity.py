"""NeuroBench's measures of the recurrent networks, from weights of all their layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spiking_lmu.experiments.mackey_glass.paper import Layer, Stack
from spiking_lmu.experiments.mackey_glass.recurrent import (
    ORDER,
    THETA,
    named_weights,
)
from spiking_lmu.networks import LSTMLayer, NetworkComplexity, complexity_of_layers
from spiking_lmu.training.recurrent_layers import LMU, LSTM, Linear, Weights


@dataclass
class Counted:
    """What `complexity_of_layers` takes, in both forms; an LSTM is the same in both."""

    factors: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    activations: list[np.ndarray] = field(default_factory=list)
    others: list[np.ndarray] = field(default_factory=list)

    @property
    def complexity(self) -> NetworkComplexity:
        rest = self.activations, self.others
        return NetworkComplexity(
            complexity_of_layers(self.factors, *rest),
            complexity_of_layers(self.weights, *rest),
        )


def measure_recurrent(
    layers: list[tuple[Layer, Weights]], x: np.ndarray
) -> NetworkComplexity:
    """Run layers with the weights of one network on x (n, n_steps, 1), and count.

    LMUs are counted as in a network of Nengo, where a signal is multiplied in the step
    in which it is computed. An LSTM multiplies the outputs of the step before.
    """
    counted = Counted()
    for layer, w in layers:
        if isinstance(layer, LMU):
            x = _count_lmu(counted, layer, w, x)
        elif isinstance(layer, LSTM):
            x = _count_lstm(counted, layer, w, x)
        else:
            x = _count_linear(counted, layer, w, x)
    return counted.complexity


def _count_lstm(counted: Counted, layer: LSTM, w: Weights, x: np.ndarray) -> np.ndarray:
    W_x, W_h, b = (_last_two_exchanged(w[name]) for name in ("W_x", "W_h", "b"))
    made = LSTMLayer(W_x, W_h, b[:, 0], x)
    counted.factors.append(made)
    counted.weights.append(made)
    return made.outputs


def _last_two_exchanged(w: np.ndarray) -> np.ndarray:
    """Gates in the order of `LSTMLayer`, from that of `LSTM`, or the other way."""
    i, f, o, g = np.split(w, 4)
    return np.concatenate([i, f, g, o])


def _count_lmu(counted: Counted, layer: LMU, w: Weights, x: np.ndarray) -> np.ndarray:
    h, m = np.zeros((len(x), layer.units)), np.zeros((len(x), layer.order))
    b = w.get("b")
    steps = []
    for now in x.swapaxes(0, 1):
        u = now @ w["e_x"].T + h @ w["e_h"].T + m @ w["e_m"].T
        m = m @ layer.A.T + u @ layer.B.T
        current = now @ w["W_x"].T + h @ w["W_h"].T + m @ w["W_m"].T
        h = np.tanh(current if b is None else current + b[:, 0])
        steps.append((u, h, m))
    u, h, m = (np.stack(of_step, axis=1) for of_step in zip(*steps))
    kernels = [(w["W_x"], x), (w["W_h"], h), (w["W_m"], m)]
    encoders = [(w["e_x"], x), (w["e_h"], h), (w["e_m"], m)]
    counted.factors += [*encoders, (layer.A, m), (layer.B, u), *kernels]
    # u has no other way than into the memory
    into_m = [(layer.B @ e, of) for e, of in encoders]
    counted.weights += [*into_m, (layer.A, m), *kernels]
    counted.activations.append(h)
    counted.others += [h[0, 0].astype(np.float32), m[0, 0].astype(np.float32)]
    counted.others += [] if b is None else [b]
    return h


def _count_linear(
    counted: Counted, layer: Linear, w: Weights, x: np.ndarray
) -> np.ndarray:
    y = x @ w["W"].T + w["b"][:, 0]
    for form in (counted.factors, counted.weights):
        form.append((w["W"], x))
    counted.others.append(w["b"])
    if layer.squashed:
        y = np.tanh(y)
        counted.activations.append(y)
    return y


def layers_of_keras(network: Any) -> list[tuple[Layer, Weights]]:
    """Layers of a network of `make_model`, whose LMUs have no biases."""
    recurrent, readout = network.layers
    layers: list[tuple[Layer, Weights]] = []
    for cell in recurrent.cell.cells:
        named = named_weights(cell)
        if "e_x" in named:
            size_in = named["e_x"].shape[1]
            lmu = LMU(size_in, cell.units, ORDER, THETA, kernel=0)
            layers.append((lmu, named))
        else:
            names = {"W_x": "kernel", "W_h": "recurrent_kernel", "b": "bias"}
            w = {ours: _last_two_exchanged(named[name]) for ours, name in names.items()}
            w["b"] = w["b"][:, None]
            layers.append((LSTM(w["W_x"].shape[1], cell.units), w))
    W, b = readout.get_weights()
    return [*layers, (Linear(*W.shape), {"W": W.T, "b": b[:, None]})]


def layers_of_stack(stack: Stack, trial: int) -> list[tuple[Layer, Weights]]:
    """Layers of one of the networks that were trained side by side."""
    return [
        (layer, {name: array[trial] for name, array in w.items()})
        for layer, w in zip(stack.layers, stack.weights)
    ]
