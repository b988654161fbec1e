"""NeuroBench's measures of the recurrent networks of the Mackey-Glass experiment."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from spiking_lmu.compatibility import require
from spiking_lmu.experiments.mackey_glass.complexity import (
    layers_of_keras,
    layers_of_stack,
    measure_recurrent,
)
from spiking_lmu.experiments.mackey_glass.paper import Stack, make_layers
from spiking_lmu.experiments.mackey_glass.recurrent import make_model, to_nengo
from spiking_lmu.networks import complexity_of_layers, measure_complexity
from spiking_lmu.training.recurrent_layers import LSTM

pytestmark = pytest.mark.filterwarnings("ignore")
ORDER, N, HYBRID, GATED = 4, 49, 40, 25  # order and widths of the paper
X = np.random.default_rng(0).standard_normal((1, 20, 1)).astype(np.float32)


def lmu(size_in, n, factors):
    """Weights of a layer: kernels, and encoders and memory, or their product."""
    heard = size_in + n + ORDER
    memory = heard + ORDER * (ORDER + 1) if factors else ORDER * (heard + ORDER)
    return memory + n * heard


def lstm(size_in):
    """Operations of a layer: four gates, and three products for each unit."""
    return 4 * GATED * (size_in + GATED) + 3 * GATED


@pytest.fixture(scope="module")
def made():
    """A hybrid and an LMU of our protocol, with random weights."""
    tf, rng = require("tensorflow"), np.random.default_rng(1)
    networks = {name: make_model(tf, name, 0) for name in ("lmu", "hybrid")}
    for network in networks.values():
        shapes = [w.shape for w in network.get_weights()]
        network.set_weights([0.2 * rng.standard_normal(shape) for shape in shapes])
    return networks


@pytest.mark.parametrize("form", ["factors", "weights"])
@pytest.mark.parametrize("name", ["lstm", "lmu", "hybrid"])
def test_operations_are_those_of_the_sizes(name, form):
    of_lmu = partial(lmu, factors=form == "factors")
    expected = {
        "lstm": lstm(1) + 3 * lstm(GATED) + GATED,
        "lmu": of_lmu(1, N) + 3 * of_lmu(N, N) + N,
        "hybrid": of_lmu(1, HYBRID) + of_lmu(GATED, HYBRID) + 2 * lstm(HYBRID) + GATED,
    }
    stack = Stack(make_layers(name), [0])
    for k, weights in enumerate(stack.weights):  # e_m begins with zeros
        rng = np.random.default_rng(k)
        stack.weights[k] = {n: rng.normal(0, 0.2, w.shape) for n, w in weights.items()}
    found = getattr(measure_recurrent(layers_of_stack(stack, 0), X), form)
    assert found.dense == expected[name]
    assert found.activation_sparsity == found.effective_acs == 0
    # only what an LSTM has of the step before is zero, in the first of 20
    before = {"lstm": 4, "lmu": 0, "hybrid": 2}[name] * (4 * GATED**2 + GATED)
    assert found.effective_macs == found.dense - before / len(X[0])


def test_an_lmu_is_counted_as_its_network_in_nengo(made):
    network = to_nengo(made["lmu"])
    nengo = measure_complexity(network, {network.nodes[0]: X}, dt=1.0)
    found = measure_recurrent(layers_of_keras(made["lmu"]), X)
    # Nengo has biases of all neurons, which are zero here, but none of the readout; and
    # states of two connections to u, or of that from e_m to the memory
    for form, states in (("factors", 2), ("weights", ORDER)):
        ours, theirs = (getattr(one, form).numbers for one in (found, nengo))
        more = 4 * (4 * (N + states) - 1)
        assert ours.pop("footprint") == theirs.pop("footprint") - more
        assert ours == pytest.approx(theirs, rel=1e-12)


def test_what_is_counted_runs_as_in_keras(made, monkeypatch):
    """The last layer of weights receives what Keras gives to its readout."""
    seen = []

    def look(layers, *rest):
        seen.append(layers[-1])
        return complexity_of_layers(layers, *rest)

    module = "spiking_lmu.experiments.mackey_glass.complexity"
    monkeypatch.setattr(f"{module}.complexity_of_layers", look)
    measure_recurrent(layers_of_keras(made["hybrid"]), X)
    assert len(seen) == 2
    for W, hidden in seen:
        assert W.shape == (1, GATED)
        np.testing.assert_allclose(hidden, made["hybrid"].layers[0](X), atol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "lmu", "hybrid"])
def test_networks_trained_side_by_side_are_counted_one_by_one(name):
    """The paper's networks have biases, and the readout of two passes through tanh."""
    stack = Stack(make_layers(name), [0, 1])
    silent = [k for k, layer in enumerate(stack.layers) if isinstance(layer, LSTM)]
    for k in silent:
        stack.weights[k]["W_x"][1, 0] = 0
    both = [measure_recurrent(layers_of_stack(stack, k), X).factors for k in (0, 1)]
    assert (both[0].connection_sparsity != both[1].connection_sparsity) == bool(silent)
    weights = sum(
        array[0].size
        for of_layer in stack.weights
        for kind, array in of_layer.items()
        if kind != "b"
    )
    memories = 4 - len(silent)
    fixed = memories * ORDER * (ORDER + 1)
    assert both[0].dense == weights + fixed + len(silent) * 3 * GATED
    states = sum(layer.state_variables for layer in stack.layers[:-1])
    assert both[0].footprint == 4 * (stack.parameters + fixed + states)
