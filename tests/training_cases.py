"""Small networks to train, and sequences for them."""

import nengo
import numpy as np

from spiking_lmu import training
from spiking_lmu.networks import LMU, SequenceNetwork

STEPS = 20


def sequences(n=60, seed=0, size=1):
    """Sequences, and whether their first half is the larger."""
    x = np.random.default_rng(seed).normal(size=(n, STEPS, size))
    half = STEPS // 2
    return x, (x[:, :half].sum((1, 2)) > x[:, half:].sum((1, 2))).astype(int)


def classifier(seed=0, **kwargs):
    return SequenceNetwork(1, 2, 6, STEPS, kwargs.pop("units", 10), seed=seed, **kwargs)


def fit(network, **kwargs):
    x, y = sequences()
    settings = {
        "loss": "crossentropy",
        "epochs": 5,
        "batch_size": 10,
        "learning_rate": 0.01,
        **kwargs,
    }
    return training.fit(network, x, y, **settings)


def weights(network):
    return [c.transform.init for c in network.kernels.values()] + [
        layer.bias for layer in network.layers
    ]


def regression(**kwargs):
    """A unit with a linear readout, without recurrence through the hidden units."""
    with nengo.Network(seed=1) as network:
        stimulus = nengo.Node(np.zeros(1))
        paths = {"e_x": [1.0], "e_h": None, "e_m": None, "W_h": None, **kwargs}
        unit = LMU(8, 4, STEPS * 0.001, **paths)
        unit.config[unit.weights["e_x"]].trainable = paths["e_x"] != [1.0]
        nengo.Connection(stimulus, unit.input, synapse=None)
        output = nengo.Node(size_in=1)
        initial = nengo.dists.Uniform(-0.3, 0.3)
        nengo.Connection(unit.output, output, transform=initial, synapse=None)
        nengo.Probe(output)
    network.unit = unit
    return network
