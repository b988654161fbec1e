"""A small interpreter of NIR graphs, and networks that are written as such graphs."""

import nengo
import numpy as np
import pytest

from spiking_lmu.networks import LegendreMemory
from spiking_lmu.signals import white_noise

nir = pytest.importorskip("nir")

DT, THETA, ORDER = 0.001, 0.1, 3
REST = {"voltage": nengo.dists.Choice([0])}
LIF = nengo.LIF(tau_ref=0, min_voltage=-np.inf, initial_state=REST)
SRL = nengo.SpikingRectifiedLinear(initial_state=REST)
SLOW = nengo.dists.Uniform(20, 40)
U = white_noise(0.3, DT, 8, 0.4, seed=0)[:, None]


class Interpreter:
    """Runs a graph as NIR defines its nodes, one step of dt after the other.

    Steps are Euler's, or exact ones for constant input. Synapses change at the end of a
    step. A loop without them goes through the spikes of the step before.
    """

    def __init__(self, graph, dt=DT, euler=True, nengo_if=False):
        self.nodes, self.dt, self.euler = graph.nodes, dt, euler
        self.nengo_if = nengo_if
        (self.input,), (self.output,) = graph.inputs, graph.outputs
        self.into = {name: [] for name in graph.nodes}
        for pre, post in graph.edges:
            self.into[post].append(pre)
        self.state, self.last = {}, {}
        for name, node in graph.nodes.items():
            self.last[name] = np.zeros(int(np.ravel(node.output_type["output"])[0]))
            cuba = isinstance(node, nir.CubaLIF)
            # the current first
            self.state[name] = np.zeros(
                (2, len(node.r)) if cuba else len(self.last[name])
            )

    def run(self, inputs):
        outputs = []
        slow = [k for k, n in self.nodes.items() if isinstance(n, nir.LI | nir.Delay)]
        for u in inputs:
            self.values = {self.input: u, **{name: self.state[name] for name in slow}}
            outputs.append(self.sum(self.output))
            after = {name: self.synapse(name, self.sum(name)) for name in slow}
            self.state |= after
        return np.array(outputs)

    def share(self, tau):
        return self.dt / tau if self.euler else -np.expm1(-self.dt / tau)

    def sum(self, name):
        return sum(self.value(pre) for pre in self.into[name])

    def value(self, name):
        if name not in self.values:
            self.values[name] = self.last[name]  # for what is in a loop with it
            self.values[name] = self.last[name] = self.step(name, self.sum(name))
        return self.values[name]

    def synapse(self, name, x):
        node, v = self.nodes[name], self.state[name]
        if isinstance(node, nir.Delay):
            assert np.allclose(node.delay, self.dt)
            return x
        return v + self.share(node.tau) * (node.v_leak + node.r * x - v)

    def step(self, name, x):
        node = self.nodes[name]
        if isinstance(node, nir.Affine):
            return node.weight @ x + node.bias
        if isinstance(node, nir.Linear):
            return node.weight @ x
        if isinstance(node, nir.CubaLIF):
            i, v = self.state[name]
            i = i + self.share(node.tau_syn) * (node.w_in * x - i)
            v = v + self.share(node.tau_mem) * (node.v_leak + node.r * i - v)
        elif isinstance(node, nir.LIF):
            v = self.state[name]
            v = v + self.share(node.tau) * (node.v_leak + node.r * x - v)
        else:
            assert isinstance(node, nir.IF)
            if self.nengo_if:
                v = self.state[name] + self.dt * node.r * np.maximum(x, 0)
                self.state[name] = v - np.floor(v)
                return np.floor(v)
            v = self.state[name] + self.dt * node.r * x
        spikes = v > node.v_threshold
        v = np.where(spikes, node.v_reset, v)
        cuba = isinstance(node, nir.CubaLIF)
        self.state[name] = np.array([i, v]) if cuba else v
        return spikes.astype(float)


def memory(neuron_type=LIF, **kwargs):
    kwargs = {"max_rates": SLOW, "seed": 1, **kwargs}
    return LegendreMemory(
        THETA, ORDER, 30, neuron_type=neuron_type, freq=10, rms=0.4, **kwargs
    )
