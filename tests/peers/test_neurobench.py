"""Our measures of complexity are those of NeuroBench, for networks made in PyTorch.

Run by ``make peers-neurobench``, in an environment with NeuroBench and snnTorch.
"""

from __future__ import annotations

from dataclasses import replace

import nengo
import numpy as np
import pytest
import snntorch
import torch
from nengo.dists import Choice
from neurobench.benchmarks import Benchmark
from neurobench.metrics.static import ConnectionSparsity, Footprint
from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
from neurobench.models import SNNTorchModel, TorchModel
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from spiking_lmu.experiments.mackey_glass.complexity import (
    layers_of_stack,
    measure_recurrent,
)
from spiking_lmu.experiments.mackey_glass.paper import Stack, make_layers
from spiking_lmu.networks import (
    LegendreMemory,
    LSTMLayer,
    SequenceNetwork,
    complexity_of_layers,
    measure_complexity,
)

DT = 0.001
METRICS = [[Footprint, ConnectionSparsity], [ActivationSparsity, SynapticOperations]]
# integrate-and-fire neurons, with several spikes in a step if they are driven enough
IF = nengo.SpikingRectifiedLinear(initial_state={"voltage": Choice([0])})


def neurobench(model, x):
    """What NeuroBench measures on samples (n, n_steps, size), one in a batch."""
    data = TensorDataset(torch.as_tensor(x), torch.zeros(len(x)))
    benchmark = Benchmark(model, DataLoader(data, batch_size=1), [], [], METRICS)
    return benchmark.run(quiet=True)


def check(found, expected):
    """All results are the same numbers; shares and means up to the order of sums."""
    assert found["Footprint"] == expected["Footprint"]
    assert found["ConnectionSparsity"] == expected["ConnectionSparsity"]
    shares = found["ActivationSparsity"], expected["ActivationSparsity"]
    assert shares[0] == pytest.approx(shares[1], rel=1e-12)
    ours, theirs = found["SynapticOperations"], expected["SynapticOperations"]
    assert ours == pytest.approx(theirs, rel=1e-12)


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


def linear(weights, bias=None):
    """A layer of PyTorch with these weights, in 64 bits as Nengo."""
    layer = nn.Linear(*weights.shape[::-1], bias=bias is not None, dtype=torch.float64)
    layer.weight.data = torch.tensor(weights)
    if bias is not None:
        layer.bias.data = torch.tensor(bias)
    return layer


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


class Stepped(nn.Module):
    """A network that is run step by step, from an empty state."""

    def forward(self, x):
        for buffer in self.buffers():
            buffer.zero_()
        with torch.no_grad():
            return torch.stack([self.step(x[:, k]) for k in range(x.shape[1])], 1)


def wrapped(net):
    model = TorchModel(net)
    for module in (IntegrateAndFire, Gated, Squashed):
        model.add_activation_module(module)
    return model


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
    check(getattr(found, form).results, neurobench(wrapped(net), x))


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
    check(getattr(found, form).results, neurobench(wrapped(net), x))


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
    check(found.factors.results, neurobench(wrapped(Exact(network)), x))


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
    theirs = neurobench(wrapped(net), x)
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
