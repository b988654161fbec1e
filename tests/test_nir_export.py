"""Networks as NIR graphs: run by an interpreter of our own, against Nengo."""

import json
import sys

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

import spiking_lmu
from spiking_lmu.linear_systems import simulate
from spiking_lmu.networks import LMU, LegendreMemory, SequenceNetwork, to_nir
from spiking_lmu.signals import white_noise

nir = pytest.importorskip("nir")

DT, THETA, ORDER = 0.001, 0.1, 3
REST = {"voltage": nengo.dists.Choice([0])}
LIF = nengo.LIF(tau_ref=0, min_voltage=-np.inf, initial_state=REST)
SRL = nengo.SpikingRectifiedLinear(initial_state=REST)
SLOW = nengo.dists.Uniform(20, 40)
U = white_noise(0.6, DT, 8, 0.4, seed=0)[:, None]


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


def by_nengo(network, targets, u=U, simulator=nengo.Simulator):
    """What Nengo gives, and the data of the simulator."""
    with nengo.Network(seed=0) as model:
        model.add(network)
        stimulus = nengo.Node(nengo.processes.PresentInput(u, DT))
        nengo.Connection(stimulus, network.input, synapse=None)
        probes = [nengo.Probe(target) for target in targets]
    with simulator(model, dt=DT, progress_bar=False) as sim:
        sim.run_steps(len(u))
        data = {key: sim.data[key] for key in sim.data}
    return np.concatenate([data[probe] for probe in probes], axis=1), data


def memory(neuron_type=LIF, **kwargs):
    kwargs = {"max_rates": SLOW, "seed": 1, **kwargs}
    return LegendreMemory(
        THETA, ORDER, 30, neuron_type=neuron_type, freq=10, rms=0.4, **kwargs
    )


def custom():
    """A network of most of what NIR has, with two inputs."""
    with nengo.Network(seed=3) as network:
        network.config[nengo.Ensemble].neuron_type = LIF
        network.config[nengo.Ensemble].max_rates = SLOW
        network.input = nengo.Node(size_in=3)
        constant = nengo.Node([0.3, -0.2])
        a = nengo.Ensemble(40, 2, radius=1.5, label="a")
        b = nengo.Ensemble(
            30,
            1,
            neuron_type=nengo.LIF(0.01, 0, -np.inf, amplitude=0.5, initial_state=REST),
        )
        exact = nengo.Ensemble(1, 2, neuron_type=nengo.Direct())
        array = nengo.networks.EnsembleArray(20, 2)
        network.output = nengo.Node(size_in=4)
        nengo.Connection(network.input[:2], a, synapse=None)
        nengo.Connection(constant, a, synapse=0.02)
        nengo.Connection(network.input[[2, 0]], exact, transform=[0.5, -1])
        nengo.Connection(exact, array.input, synapse=0.1)
        nengo.Connection(a, b, function=lambda x: x[0] * x[1], synapse=0.01)
        nengo.Connection(b, b, transform=0.5, synapse=0.05)
        nengo.Connection(array.output[1], b.neurons, transform=[[0.1]] * 30)
        nengo.Connection(b.neurons[::3], a.neurons[5:15], synapse=0.005, transform=0.01)
        nengo.Connection(b, network.output[-1], synapse=0.03)
        nengo.Connection(constant[1], network.output[0], synapse=None)
        nengo.Connection(array.output, network.output[1:3], synapse=nengo.Lowpass(0))
        nengo.Connection(a[1], network.output[0], synapse=0.03)
    return network


@pytest.mark.parametrize("integrator", ["euler", "exact"])
def test_a_memory_gives_what_it_gives_in_nengo(integrator):
    network = memory()
    expected, data = by_nengo(network, [network.output])
    graph = to_nir(network, integrator=integrator, data=data)
    found = Interpreter(graph, euler=integrator == "euler").run(U)
    assert np.abs(found - expected).max() < 1e-9
    assert np.abs(expected).max() > 0.1


def test_any_network_gives_what_it_gives_in_nengo():
    network = custom()
    u = np.hstack([U, -U[::-1], np.roll(U, 50)])
    expected, data = by_nengo(network, [network.output], u)
    found = Interpreter(to_nir(network, data=data)).run(u)
    assert np.abs(found - expected).max() < 1e-9
    assert np.all(expected.std(axis=0) > 0.01)


def test_several_inputs_and_outputs_stand_side_by_side():
    with nengo.Network(seed=0) as network:
        nodes = [nengo.Node(np.sin, label="sine"), nengo.Node(np.cos, label="cosine")]
        a = nengo.Ensemble(20, 1, neuron_type=LIF, max_rates=SLOW, seed=1)
        nengo.Connection(nodes[0], a)
        nengo.Connection(nodes[1], a, synapse=0.02, transform=-1)
        decoded = nengo.Probe(a, synapse=0.01, label="decoded")
        spikes = nengo.Probe(a.neurons[2:5])
        direct = nengo.Probe(nodes[1], synapse=0.1)
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.run(0.3)
    graph = to_nir(network, dt=DT)
    u = np.array([np.sin(sim.trange()), np.cos(sim.trange())]).T
    found = Interpreter(graph).run(u)
    expected = np.hstack([sim.data[p] for p in (decoded, spikes, direct)])
    assert np.abs(found - expected).max() < 1e-9
    assert json.loads(graph.metadata["inputs"]) == [["sine", 0, 0], ["cosine", 1, 1]]
    places = [place for _, *place in json.loads(graph.metadata["outputs"])]
    assert places == [[0, 0], [1, 3], [4, 4]]
    assert json.loads(graph.metadata["outputs"])[0][0] == "decoded"
    swapped = to_nir(network, inputs=nodes[::-1], outputs=[spikes])
    assert Interpreter(swapped).run(u[:, ::-1]) == pytest.approx(expected[:, 1:4])


@pytest.mark.parametrize("form", ["CubaLIF", "CubaLIF-full"])
def test_neurons_with_synapses_inside_spike_at_the_same_times(form):
    network = memory(size_in=2)
    u = np.hstack([U, -U[::-1]])
    expected, data = by_nengo(network, network.decoded, u)
    graph = to_nir(network, form=form, outputs=network.decoded, data=data)
    run = Interpreter(graph)
    # biases pass through the synapse; here it has forgotten the beginning
    (affine,) = [n for n in graph.nodes.values() if isinstance(n, nir.Affine)]
    run.state["neurons"][0] = graph.nodes["neurons"].w_in * affine.bias
    found = run.run(np.vstack([0 * u[:1], u])[: len(u)])
    assert np.abs(found - expected).max() < 1e-9
    assert not any(isinstance(n, nir.LI | nir.LIF) for n in graph.nodes.values())
    square = (network.n_neurons, network.n_neurons)
    shapes = [n.weight.shape for n in graph.nodes.values() if hasattr(n, "weight")]
    assert (square in shapes) == (form == "CubaLIF-full")


@pytest.mark.parametrize("form", ["LI", "CubaLIF", "CubaLIF-full"])
def test_the_error_of_a_memory_is_ours(form):
    u = white_noise(1.5, DT, 8, 0.4, seed=1)[:, None]
    network = memory(nengo.LIF(tau_ref=0, min_voltage=-np.inf))
    states, data = by_nengo(
        network, [network.output], u, simulator=spiking_lmu.Simulator
    )
    graph = to_nir(network, form=form, data=data)
    found = Interpreter(graph).run(u)
    tau = graph.metadata["output_synapse"]
    if tau:
        found = nengo.Lowpass(tau).filt(found, dt=DT, y0=0)
    ideal = simulate(
        *spiking_lmu.discretize(*spiking_lmu.state_space(THETA, ORDER), DT), u[:, 0]
    )
    settled = int((THETA + 5 * 0.1) / DT)
    ours, theirs = (
        spiking_lmu.rmse(m[settled:], ideal[settled:]) for m in (states, found)
    )
    assert theirs == pytest.approx(ours, rel=0.1)


def test_a_memory_without_neurons_is_a_linear_graph():
    network = memory(nengo.Direct())
    found = Interpreter(to_nir(network)).run(U)
    A, B = spiking_lmu.state_space(THETA, ORDER)
    ideal = simulate(*spiking_lmu.discretize(A, B, DT), U[:, 0])
    assert found == pytest.approx(ideal, abs=1e-9)


@pytest.mark.parametrize("memory_args", [None, {"n_neurons": 20, "neuron_type": LIF}])
def test_a_unit_gives_what_it_gives_in_nengo(memory_args):
    hidden = nengo.LIF(tau_ref=0, min_voltage=-np.inf, initial_state=REST)
    unit = LMU(
        units=10,
        order=ORDER,
        theta=THETA,
        e_m=0.1 * np.ones(ORDER),
        bias=np.linspace(0.9, 1.5, 10),
        neuron_type=hidden,
        amplitude=0.01,
        memory_args=memory_args,
        seed=0,
    )
    expected, data = by_nengo(unit, [unit.output, unit.state])
    graph = to_nir(unit, outputs=[unit.output, unit.state], data=data)
    found = Interpreter(graph).run(U)
    assert np.abs(found - expected).max() < 1e-9
    assert np.all(expected.std(axis=0)[[0, -1]] > 0.01)


def test_a_network_for_sequences_gives_what_it_gives_in_nengo():
    relu = {"neuron_type": SRL, "scale": [100.0, 100.0], "synapse": 0.005}
    network = SequenceNetwork(
        1,
        2,
        order=ORDER,
        window=100,
        units=[10, 8],
        memory_args={"n_neurons": 20, "neuron_type": LIF},
        hidden_args=relu,
        seed=0,
    )
    network.input = network.stimulus
    network.stimulus.output = nengo.processes.PresentInput(U, DT)
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.run_steps(len(U))
    graph = to_nir(network, below_rest=True)
    found = Interpreter(graph, nengo_if=True).run(U)
    assert np.abs(found - sim.data[network.probe]).max() < 1e-9
    assert np.all(sim.data[network.probe].std(axis=0) > 0.01)
