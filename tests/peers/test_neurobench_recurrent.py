"""Our measures of recurrent layers are those of NeuroBench, for the same in PyTorch.

Run by ``make peers-neurobench``, in an environment with NeuroBench and snnTorch.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from neurobench_cases import Stepped, check, linear, neurobench, wrapped
from spiking_lmu.experiments.mackey_glass.complexity import (
    layers_of_stack,
    measure_recurrent,
)
from spiking_lmu.experiments.mackey_glass.paper import Stack, make_layers
from spiking_lmu.networks import LSTMLayer, complexity_of_layers


class Gated(nn.Module):
    """A layer of PyTorch's LSTM cells. Its second vector of biases is zero."""

    def __init__(self, W_x, W_h, bias):
        super().__init__()
        self.cell = nn.LSTMCell(W_x.shape[1], W_h.shape[1], dtype=torch.float64)
        arrays = {"weight_ih": W_x, "weight_hh": W_h, "bias_ih": bias, "bias_hh": 0}
        for name, array in arrays.items():
            parameter = getattr(self.cell, name)
            parameter.data = torch.tensor(array).double().expand_as(parameter).clone()
        for name in "hc":
            zeros = torch.zeros(1, W_h.shape[1], dtype=torch.float64)
            self.register_buffer(name, zeros)
        self.left_out = 0

    def forward(self, x):
        self.left_out += 4 * self.h.numel() * int((self.h == 0).sum())
        self.left_out += int((self.c == 0).sum())
        h, c = self.cell(x, (self.h.clone(), self.c.clone()))
        self.h.copy_(h)
        self.c.copy_(c)
        return h


class OneLayer(Stepped):
    """A layer, whose outputs are those of the network."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def step(self, x):
        return self.layer(x)


def check_cells(found, net, x):
    """As `check`, but for three numbers in which the package has cells otherwise.

    It has two vectors of biases, of which the second is zero here; it counts biases as
    weights; and its dense operations leave out states that are zero.
    """
    cells = [module for module in net.modules() if isinstance(module, Gated)]
    for cell in cells:
        cell.left_out = 0
    theirs = neurobench(wrapped(net, Gated, Squashed), x)
    second = sum(one.cell.bias_hh.numel() for one in cells)
    first = [one.cell.bias_ih.detach().numpy() for one in cells]
    zeros = second + sum(b.size - np.count_nonzero(b) for b in first)
    weights = sum(
        parameter.numel() for parameter in net.parameters() if parameter.ndim == 2
    )
    zero_weights = round(weights * found.connection_sparsity)
    share = (zero_weights + zeros) / (weights + 2 * second)
    assert theirs["ConnectionSparsity"] == round(share, 4)
    theirs["ConnectionSparsity"] = round(found.connection_sparsity, 4)
    theirs["Footprint"] -= 8 * second
    left_out = sum(one.left_out for one in cells) / len(x)
    assert bool(left_out) == bool(cells)
    theirs["SynapticOperations"]["Dense"] += left_out
    check(found.results, theirs)


@pytest.mark.parametrize("kind", ["real", "binary", "mixed"])
def test_a_layer_of_lstm(kind):
    """With weights and biases that are zero, and a unit that receives nothing."""
    n, size_in, rng = 6, 3, np.random.default_rng(4)
    shapes = {"W_x": (4 * n, size_in), "W_h": (4 * n, n), "bias": 4 * n}
    arrays = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    for array in arrays.values():
        array[rng.uniform(size=array.shape) < 0.4] = 0
        array[2::n] = 0
    x = rng.normal(size=(4, 12, size_in))
    x[rng.uniform(size=x.shape) < 0.3] = 0
    if kind == "binary":
        x = np.sign(x)
    if kind == "mixed":
        x[1:3] = np.sign(x[1:3])
    net = OneLayer(Gated(**arrays))
    layer = LSTMLayer(**arrays, inputs=x)
    np.testing.assert_allclose(net(torch.as_tensor(x[:1]))[0], layer.outputs[0])
    found = complexity_of_layers([layer])
    assert (found.effective_macs > 0) == (kind != "binary")
    check_cells(found, net, x)
    assert 0 < found.activation_sparsity < 1


class Squashed(nn.Tanh):
    """Hyperbolic tangents, which the package does not look for."""


class LMULayer(nn.Module):
    """A layer of LMUs; signals are multiplied in the step in which they are there."""

    def __init__(self, layer, w, form):
        super().__init__()
        w = {name: np.asarray(array, float) for name, array in w.items()}
        A, B = (np.asarray(array, float) for array in (layer.A, layer.B))
        self.kernels = nn.ModuleList(linear(w[f"W_{name}"]) for name in "xhm")
        self.bias = nn.Parameter(torch.tensor(w["b"][:, 0]))
        # multiplied out, encoders lead into the memory
        before = B if form == "weights" else np.eye(1)
        encoders = [linear(before @ w[f"e_{name}"]) for name in "xhm"]
        self.encoders = nn.ModuleList(encoders)
        self.feed = nn.Identity() if form == "weights" else linear(B)
        self.memory = linear(A)
        self.squashed = Squashed()
        for name, size in (("h", layer.units), ("m", layer.order)):
            self.register_buffer(name, torch.zeros(1, size, dtype=torch.float64))
        self.later = None  # what the step before has sent

    def forward(self, x):
        if not (self.h.any() or self.m.any()):
            self.later = 0, 0, 0
        u, own, hidden = self.later
        m = own + self.feed(self.encoders[0](x) + u)
        current = self.kernels[0](x) + hidden + self.kernels[2](m) + self.bias
        h = self.squashed(current)
        self.h.copy_(h)
        self.m.copy_(m)
        self.later = (
            self.encoders[1](h) + self.encoders[2](m),
            self.memory(m),
            self.kernels[1](h),
        )
        return h


class Recurrent(Stepped):
    """Layers of the Mackey-Glass experiment."""

    def __init__(self, layers, form):
        super().__init__()
        made = []
        for layer, w in layers:
            if "e_x" in w:
                made.append(LMULayer(layer, w, form))
            elif "W_h" in w:
                made.append(Gated(*gates(w)))
            else:
                made.append(linear(w["W"].astype(float), w["b"][:, 0].astype(float)))
                made.append(Squashed() if layer.squashed else nn.Identity())
        self.layers = nn.Sequential(*made)

    def step(self, x):
        return self.layers(x)


def gates(w):
    """Weights of an LSTM, with the gates in PyTorch's order."""
    for name in ("W_x", "W_h", "b"):
        i, f, o, g = np.split(w[name].astype(float), 4)
        both = np.concatenate([i, f, g, o])
        yield both[:, 0] if name == "b" else both


@pytest.mark.parametrize("form", ["factors", "weights"])
@pytest.mark.parametrize("name", ["lstm", "lmu", "hybrid"])
def test_recurrent_networks_of_mackey_glass(name, form):
    stack = Stack(make_layers(name), [0])
    rng = np.random.default_rng(5)
    for k, weights in enumerate(stack.weights):
        drawn = {n: rng.normal(0, 0.2, w.shape) for n, w in weights.items()}
        drawn["b"] += 0.5
        stack.weights[k] = {n: w.astype(np.float32) for n, w in drawn.items()}
    x = rng.normal(size=(1, 20, 1))
    layers = layers_of_stack(stack, 0)
    net = Recurrent(layers, form)
    answers = stack.answer(x.transpose(1, 0, 2)[..., None].astype(np.float32))
    outputs = net(torch.as_tensor(x)).numpy()
    np.testing.assert_allclose(outputs[0], answers[:, 0, :, 0], atol=1e-5)
    found = getattr(measure_recurrent(layers, x), form)
    check_cells(replace(found, footprint=2 * found.footprint), net, x)  # in 64 bits
