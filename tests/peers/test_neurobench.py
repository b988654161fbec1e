"""Our measures of complexity are those of NeuroBench, for networks made in PyTorch.

Run by ``make peers-neurobench``, in an environment with NeuroBench and snnTorch.
"""

from __future__ import annotations

import nengo
import numpy as np
import pytest
import snntorch
import torch
from nengo.dists import Choice
from neurobench.models import SNNTorchModel
from torch import nn

from neurobench_cases import Stepped, check, linear, neurobench, wrapped
from spiking_lmu.networks import (
    LegendreMemory,
    SequenceNetwork,
    complexity_of_layers,
    measure_complexity,
)

DT = 0.001
# integrate-and-fire neurons, with several spikes in a step if they are driven enough
IF = nengo.SpikingRectifiedLinear(initial_state={"voltage": Choice([0])})


class Spiking(nn.Module):
    """Two layers of snnTorch's LIF neurons, with some weights that are zero."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(4, 30), nn.Linear(30, 10, bias=False)
        for layer in (self.first, self.second):
            layer.weight.data[torch.rand(layer.weight.shape) < 0.3] = 0
        self.hidden = snntorch.Leaky(beta=0.9, init_hidden=True)
        self.out = snntorch.Leaky(beta=0.8, init_hidden=True, output=True)
        self.seen: dict[str, list[np.ndarray]] = {}

    def _see(self, name, value):
        self.seen.setdefault(name, []).append(value.detach().numpy().copy())

    def forward(self, x):
        self._see("x", x)
        hidden = self.hidden(3 * self.first(x))
        self._see("hidden", hidden)
        out = self.out(self.second(hidden))
        self._see("out", out[0])
        return out


@pytest.mark.parametrize("kind", ["real", "binary", "ternary", "mixed"])
def test_a_network_of_snntorch(kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 20, 4)).astype(np.float32)
    if kind != "real":
        x = np.sign(x) * (rng.uniform(size=x.shape) < 0.4).astype(np.float32)
    if kind == "binary":
        x = np.abs(x)
    if kind == "mixed":
        x[2, 5] = [0.5, 0, 1, 1]
    net = Spiking()
    others = [net.first.bias.detach().numpy(), *(b.numpy() for b in net.buffers())]
    theirs = neurobench(SNNTorchModel(net), x)
    seen = {k: np.concatenate(v).reshape(5, 20, -1) for k, v in net.seen.items()}
    np.testing.assert_array_equal(seen["x"], x)
    assert seen["hidden"].any() and not seen["hidden"].all()
    ours = complexity_of_layers(
        [
            (net.first.weight.detach().numpy(), seen["x"]),
            (net.second.weight.detach().numpy(), seen["hidden"]),
        ],
        activations=[seen["hidden"], seen["out"]],
        others=others,
    )
    check(ours.results, theirs)
    operations = theirs["SynapticOperations"]
    assert operations["Effective_ACs"] > 0
    assert (operations["Effective_MACs"] > 0) == (kind in ("real", "mixed"))


class IntegrateAndFire(nn.Module):
    """`nengo.SpikingRectifiedLinear`: the number of spikes of each neuron in a step."""

    def __init__(self, n):
        super().__init__()
        self.register_buffer("voltage", torch.zeros(n, dtype=torch.float64))

    def forward(self, current):
        self.voltage += torch.clamp(current[0], min=0) * DT
        spikes = torch.floor(self.voltage)
        self.voltage -= spikes
        return spikes[None]


class Filter(nn.Module):
    """`nengo.Lowpass`, whose output is that of the step before."""

    def __init__(self, n, tau):
        super().__init__()
        self.decay = np.exp(-DT / tau)
        self.register_buffer("state", torch.zeros(1, n, dtype=torch.float64))

    @property
    def output(self):
        return self.state.clone()  # hooks keep what they see, not a copy of it

    def add(self, x):
        self.state.copy_(self.decay * self.state + (1 - self.decay) * x)


class InFactors(Stepped):
    """Two populations, with encoders and decoders."""

    def __init__(self, arrays):
        super().__init__()
        self.feed = linear(arrays["feed"])
        self.encoders_a = linear(arrays["encoders_a"], arrays["bias_a"])
        self.encoders_b = linear(arrays["encoders_b"], arrays["bias_b"])
        self.a, self.b = (IntegrateAndFire(len(arrays[f"bias_{k}"])) for k in "ab")
        for name in ("a_to_a", "a_to_b", "b_to_out"):
            setattr(self, name, linear(arrays[name] / DT))
        self.to_a, self.to_b, self.to_out = (
            Filter(2, 0.1),
            Filter(1, 0.05),
            Filter(1, 0.01),
        )

    def step(self, x):
        a = self.a(self.encoders_a(self.feed(x) + self.to_a.output))
        b = self.b(self.encoders_b(self.to_b.output))
        out = self.to_out.output
        self.to_a.add(self.a_to_a(a))
        self.to_b.add(self.a_to_b(a))
        self.to_out.add(self.b_to_out(b))
        return out


class InWeights(Stepped):
    """The same, with a weight for each pair of neurons."""

    def __init__(self, arrays):
        super().__init__()
        E_a, E_b = arrays["encoders_a"], arrays["encoders_b"]
        self.feed = linear(E_a @ arrays["feed"], arrays["bias_a"])
        self.a_to_a = linear(E_a @ arrays["a_to_a"] / DT)
        self.a_to_b = linear(E_b @ arrays["a_to_b"] / DT)
        self.b_to_out = linear(arrays["b_to_out"] / DT)
        self.bias_b = nn.Parameter(torch.tensor(arrays["bias_b"]))
        self.a, self.b = IntegrateAndFire(len(E_a)), IntegrateAndFire(len(E_b))
        self.to_a, self.to_b = Filter(len(E_a), 0.1), Filter(len(E_b), 0.05)
        self.to_out = Filter(1, 0.01)

    def step(self, x):
        a = self.a(self.feed(x) + self.to_a.output)
        b = self.b(self.to_b.output + self.bias_b)
        out = self.to_out.output
        self.to_a.add(self.a_to_a(a))
        self.to_b.add(self.a_to_b(a))
        self.to_out.add(self.b_to_out(b))
        return out


@pytest.fixture(scope="module", params=[(100, 200), (500, 1500)])
def two_populations(request):
    """A Nengo network with samples and arrays; the faster spikes twice in a step."""
    rates = nengo.dists.Uniform(*request.param)
    with nengo.Network(seed=3) as network:
        network.config[nengo.Ensemble].update({"neuron_type": IF, "max_rates": rates})
        stimulus = nengo.Node([0.0, 0.0])
        a, b = nengo.Ensemble(20, 2), nengo.Ensemble(15, 1)
        out = nengo.Node(size_in=1)
        feed = np.array([[1.0, 0.5], [0.0, 1.0]])
        nengo.Connection(stimulus, a, transform=feed, synapse=None)
        own = nengo.Connection(a, a, synapse=0.1)
        on = nengo.Connection(a, b, transform=[[1.0, -1.0]], synapse=0.05)
        read = nengo.Connection(b, out, function=np.square, synapse=0.01)
        probe = nengo.Probe(out)
    with nengo.Simulator(network, progress_bar=False) as sim:
        built = sim.data
        arrays = {
            "feed": feed,
            "encoders_a": built[a].scaled_encoders,
            "encoders_b": built[b].scaled_encoders,
            "bias_a": built[a].bias,
            "bias_b": built[b].bias,
            "a_to_a": built[own].weights,
            "a_to_b": built[on].weights,
            "b_to_out": built[read].weights,
        }
    x = 0.8 * np.random.default_rng(1).normal(size=(3, 60, 2))
    return network, stimulus, probe, x, arrays


@pytest.mark.parametrize("form, make", [("factors", InFactors), ("weights", InWeights)])
def test_two_populations(two_populations, form, make):
    network, stimulus, probe, x, arrays = two_populations
    net = make(arrays)
    outputs = net(torch.as_tensor(x[:1])).numpy()[0]
    stimulus.output = nengo.processes.PresentInput(x[0], DT)
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.run_steps(x.shape[1])
    np.testing.assert_allclose(outputs, sim.data[probe], atol=1e-12)
    stimulus.output = np.zeros(2)
    found = measure_complexity(network, {stimulus: x}, bytes_per_number=8)
    check(getattr(found, form).results, neurobench(wrapped(net, IntegrateAndFire), x))


class MemoryInFactors(Stepped):
    """A `LegendreMemory` of integrate-and-fire neurons, as it is in Nengo."""

    def __init__(self, memory, data):
        super().__init__()
        recurrent, feed = memory.realization.transforms
        populations = memory.populations(data)
        self.encoders = nn.ModuleList(
            linear(data[e].scaled_encoders, data[e].bias) for e in memory.ensembles
        )
        self.neurons = nn.ModuleList(
            IntegrateAndFire(e.n_neurons) for e in memory.ensembles
        )
        self.decoders = nn.ModuleList(
            linear(p.decoders.reshape(1, -1) / DT) for p in populations
        )
        self.recurrent, self.feed = linear(recurrent), linear(feed)
        self.to_legendre = linear(memory.realization.T)
        tau = memory.synapse.tau
        self.filters = nn.ModuleList(Filter(memory.order, tau) for _ in range(2))

    def step(self, u):
        x = self.filters[0].output + self.filters[1].output
        m = self.to_legendre(x)
        decoded = [
            decode(fire(encode(x[:, [k]])))
            for k, (encode, fire, decode) in enumerate(
                zip(self.encoders, self.neurons, self.decoders)
            )
        ]
        self.filters[0].add(self.recurrent(torch.cat(decoded, dim=1)))
        self.filters[1].add(self.feed(u))
        return m


class MemoryInWeights(Stepped):
    """The same, with a weight for each pair of neurons."""

    def __init__(self, memory, data):
        super().__init__()
        recurrent, feed = memory.realization.transforms
        decoders = [p.decoders.reshape(-1) / DT for p in memory.populations(data)]
        T, tau = memory.realization.T, memory.synapse.tau
        parts = list(enumerate(memory.ensembles))
        gains = [data[e].scaled_encoders[:, 0] for e in memory.ensembles]
        self.biases = nn.ParameterList(torch.tensor(data[e].bias) for _, e in parts)
        self.neurons = nn.ModuleList(IntegrateAndFire(e.n_neurons) for _, e in parts)
        self.between = nn.ModuleList(
            nn.ModuleList(
                linear(recurrent[i, j] * np.outer(gains[i], decoders[j]))
                for j, _ in parts
            )
            for i, _ in parts
        )
        self.feed = nn.ModuleList(linear(np.outer(gains[i], feed[i])) for i, _ in parts)
        self.out = nn.ModuleList(
            linear(np.outer(T @ recurrent[:, j], decoders[j])) for j, _ in parts
        )
        self.feed_out = linear(T @ feed)
        self.filters = nn.ModuleList(
            Filter(e.n_neurons, tau) for _ in range(2) for _, e in parts
        )
        self.filters_out = nn.ModuleList(Filter(memory.order, tau) for _ in range(2))

    def step(self, u):
        d = len(self.neurons)
        m = self.filters_out[0].output + self.filters_out[1].output
        spikes = [
            fire(self.filters[i].output + self.filters[d + i].output + self.biases[i])
            for i, fire in enumerate(self.neurons)
        ]
        for i, row in enumerate(self.between):
            self.filters[i].add(sum(w(s) for w, s in zip(row, spikes)))
            self.filters[d + i].add(self.feed[i](u))
        self.filters_out[0].add(sum(w(s) for w, s in zip(self.out, spikes)))
        self.filters_out[1].add(self.feed_out(u))
        return m


@pytest.mark.parametrize(
    "form, make", [("factors", MemoryInFactors), ("weights", MemoryInWeights)]
)
def test_a_memory(form, make):
    with nengo.Network(seed=5) as network:
        stimulus = nengo.Node([0.0])
        memory = LegendreMemory(0.1, 3, 15, neuron_type=IF, synapse=0.05)
        nengo.Connection(stimulus, memory.input, synapse=None)
        probe = nengo.Probe(memory.output)
    x = np.random.default_rng(0).uniform(-0.8, 0.8, size=(2, 10, 1)).repeat(10, axis=1)
    stimulus.output = nengo.processes.PresentInput(x[0], DT)
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.run_steps(x.shape[1])
    net = make(memory, sim.data)
    outputs = net(torch.as_tensor(x[:1])).numpy()[0]
    np.testing.assert_allclose(outputs, sim.data[probe], atol=1e-10)
    assert outputs.std() > 0.05
    stimulus.output = np.zeros(1)
    found = measure_complexity(network, {stimulus: x}, bytes_per_number=8)
    check(getattr(found, form).results, neurobench(wrapped(net, IntegrateAndFire), x))


class Exact(Stepped):
    """A `SequenceNetwork` with its exact memory, one input dimension."""

    def __init__(self, network):
        super().__init__()
        memory = network.lmu.memory
        self.Ad, self.Bd = (linear(c.transform.init) for c in memory.connections)
        arrays = {k: np.array(c.transform.init) for k, c in network.kernels.items()}
        self.e_x = linear(np.eye(1))
        self.W_x, self.W_m = linear(arrays["W_x"]), linear(arrays["W_m"])
        self.readout = linear(arrays["readout"])
        self.bias = nn.Parameter(torch.zeros(network.units[0], dtype=torch.float64))
        self.relu = nn.ReLU()
        self.register_buffer("m", torch.zeros(1, memory.order, dtype=torch.float64))

    def step(self, x):
        m = self.m + self.Bd(self.e_x(x))
        hidden = self.relu(self.W_x(x) + self.W_m(m) + self.bias)
        self.m.copy_(self.Ad(m))
        return self.readout(hidden)


def test_an_exact_network():
    rng = np.random.default_rng(2)
    network = SequenceNetwork(1, 3, 6, 20, 30, seed=0)
    for connection in network.kernels.values():
        shape = (connection.post.size_in, connection.pre.size_out)
        weights = rng.normal(size=shape)
        weights[rng.uniform(size=shape) < 0.2] = 0  # pruned
        connection.transform = weights
    x = rng.normal(size=(4, 20, 1))
    x[1, 3:8] = 0
    x[2, 4] = 1
    found = measure_complexity(network, x, bytes_per_number=8)
    net = wrapped(Exact(network), IntegrateAndFire)
    check(found.factors.results, neurobench(net, x))
