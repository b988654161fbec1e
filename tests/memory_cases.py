"""A memory on a signal, and what the exact one gives."""

import nengo
import numpy as np

from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.signals import white_noise

THETA, ORDER, DT, TAU = 0.2, 6, 0.001, 0.1
COORDINATES = ["legendre", "balanced"]
NAN, INF = float("nan"), float("inf")
U = white_noise(1.2, DT, 1 / THETA, 0.5, seed=0)
IDEAL = simulate(*discretize(*state_space(THETA, ORDER), DT), U)


def make(theta=THETA, order=ORDER, n_neurons=20, **kwargs):
    if "spectrum" not in kwargs:
        kwargs.setdefault("freq", 1 / THETA)
    return LegendreMemory(theta, order, n_neurons, **kwargs)


def fed(u=U, seed=0, **kwargs):
    """A network, and the memory in it, that hears u."""
    u = u.reshape(len(u), -1)
    with nengo.Network(seed=seed) as network:
        stimulus = nengo.Node(nengo.processes.PresentInput(u, DT))
        memory = make(size_in=u.shape[1], **kwargs)
        nengo.Connection(stimulus, memory.input, synapse=None)
    return network, memory


def run(network, *probes, n_steps=None, **kwargs):
    # the optimizer merges random states, in another order every time
    with nengo.Simulator(network, progress_bar=False, optimize=False, **kwargs) as sim:
        sim.run_steps(len(U) if n_steps is None else n_steps)
    return [np.array(sim.data[probe]) for probe in probes]


def probe(network, target, synapse=None):
    with network:
        return nengo.Probe(target, synapse=synapse)
