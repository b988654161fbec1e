"""keras-lmu itself against our networks, over 1,000 steps: `make peers-keras`.

Each version runs in an environment of its own, which does not have our package.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path

import nengo
import numpy as np
import pytest

from spiking_lmu.networks import LMU, SequenceNetwork, from_keras_lmu, to_keras_lmu

FOLDER = Path(__file__).parent
ENVIRONMENTS = FOLDER.parents[1] / "build"
VERSIONS = ("0.6", "0.9")
TOLERANCE = 1e-5
UNITS = (
    "all paths", "all paths, three memories", "all paths in a cell",
    "feedback from the hidden state", "hidden layer without recurrence", "sigmoid",
    "trained theta", "memory as a convolution", "feedforward", "raw convolution",
    "order 64",
)  # fmt: skip
MODELS = ("model", "model of two layers", "model of order 128")


@pytest.fixture(scope="module", params=VERSIONS)
def run(request, tmp_path_factory):
    """Run keras-lmu of a version."""
    python = ENVIRONMENTS / f"peers-keras-{request.param}" / "bin" / "python"
    if not python.exists():
        pytest.fail(f"{python} does not exist: run make peers-keras")
    folder = tmp_path_factory.mktemp("keras")

    @cache
    def outputs(given=None):
        file = folder / ("outputs.npz" if given else "layers.npz")
        command = [python, FOLDER / "run_keras_lmu.py", file]
        subprocess.run(command + ([given] if given else []), check=True)
        with np.load(file) as content:
            assert str(content["version"]).startswith(request.param)
            return dict(content)

    return outputs


def answers(network, x):
    """The output of a `SequenceNetwork` in each step, from its equations."""
    states = network.states(x)
    flat = states.reshape(-1, states.shape[-1]), x.reshape(-1, x.shape[-1])
    return network.answer(*flat).reshape(*x.shape[:2], -1)


def outputs_of(network, x):
    return network.run(x).h if isinstance(network, LMU) else answers(network, x)


def in_nengo(network_of, x):
    """The output in each step, in Nengo."""
    with nengo.Network() as model:
        network = network_of()
        node = network.input if isinstance(network, LMU) else network.stimulus
        present = nengo.processes.PresentInput(x, network.dt)
        if isinstance(network, LMU):
            stimulus = nengo.Node(present)
            nengo.Connection(stimulus, node, synapse=None)
        else:
            node.output = present
        probe = nengo.Probe(network.output)
    with nengo.Simulator(model, dt=network.dt, progress_bar=False) as sim:
        sim.run_steps(len(x))
    return sim.data[probe]


@pytest.mark.parametrize("name", UNITS + MODELS)
def test_from_keras(run, name):
    content = run()
    config = json.loads(str(content[f"{name}/config"]))
    count = sum(key.startswith(f"{name}/weights/") for key in content)
    weights = [content[f"{name}/weights/{i}"] for i in range(count)]
    x, y = content[f"{name}/x"].astype(float), content[f"{name}/y"]
    assert y.shape[1] == 1000 and y.std() > 0.01
    network = from_keras_lmu(config, weights)
    assert isinstance(network, SequenceNetwork if name in MODELS else LMU)
    worst = np.abs(outputs_of(network, x) - y).max()
    print(f"{name}: {worst:.1e} of {np.abs(y).max():.2f}")
    assert worst < TOLERANCE
    if name in ("all paths, three memories", "model of two layers"):
        found = in_nengo(lambda: from_keras_lmu(config, weights), x[0])
        assert np.abs(found - y[0]).max() < TOLERANCE


def trained(network, rng):
    """A network with weights as if it had been trained."""
    biases = [rng.normal(0, 0.3, layer.n_neurons) for layer in network.layers]
    for connection in network.kernels.values():
        size = connection.size_in
        weights = rng.normal(0, 0.5 / np.sqrt(size), (connection.size_out, size))
        connection.transform = weights
    for layer, bias in zip(network.layers, biases):
        layer.bias, layer.encoders = bias, np.ones((len(bias), 1))
    return network


def networks():
    rng = np.random.default_rng(0)

    def drawn(n_out, n_in, scale=0.5):
        return rng.normal(0, scale / np.sqrt(n_in), (n_out, n_in))

    paths = {
        "e_x": drawn(2, 2), "e_h": drawn(2, 20), "e_m": drawn(2, 12, 0.1),
        "W_x": drawn(20, 2), "W_h": drawn(20, 20), "W_m": drawn(20, 12),
        "bias": rng.normal(size=20),
    }  # fmt: skip
    sizes = {"units": 20, "order": 6, "theta": 0.04, "size_in": 2, "memory_d": 2}
    relu = nengo.PoissonSpiking(nengo.RectifiedLinear())
    bare = {**paths, **dict.fromkeys(("e_h", "e_m", "W_h", "bias"))}
    return {
        "all paths": LMU(**sizes, **paths),
        "no recurrence": LMU(**sizes, **bare),
        "no input": LMU(**sizes, **{**paths, "e_x": None, "W_x": None}),
        "no memory": LMU(**sizes, **{**paths, "W_m": None}),
        "spiking": LMU(**sizes, **paths, neuron_type=relu, scale=100.0),
        "part of a step": LMU(**{**sizes, "theta": 0.03725}, **paths),
        "model": trained(SequenceNetwork(2, 3, 6, 40, 30), rng),
        "model of two layers": trained(
            SequenceNetwork(2, 3, 6, 40, [20, 10], "tanh", presentation=3), rng
        ),
    }


def test_to_keras(run, tmp_path):
    x = np.random.default_rng(1).uniform(-1, 1, (2, 1000, 2))
    x = x.astype(np.float32).astype(float)
    content, expected = {}, {}
    for name, network in networks().items():
        config, weights = to_keras_lmu(network)
        content |= {f"{name}/config": json.dumps(config), f"{name}/x": x}
        content |= {f"{name}/weights/{i}": array for i, array in enumerate(weights)}
        expected[name] = outputs_of(network, x)
    np.savez(tmp_path / "given.npz", **content)
    found = run(tmp_path / "given.npz")
    for name, y in expected.items():
        assert y.std() > 0.01
        worst = np.abs(found[f"{name}/y"] - y).max()
        print(f"{name}: {worst:.1e} of {np.abs(y).max():.2f}")
        assert worst < TOLERANCE, name
