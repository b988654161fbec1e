"""Networks as NIR graphs: run by an interpreter of our own, against Nengo."""

import json

import nengo
import numpy as np
import pytest

import spiking_lmu
from nir_cases import DT, LIF, ORDER, REST, SLOW, SRL, THETA, Interpreter, U, memory
from spiking_lmu.linear_systems import simulate
from spiking_lmu.networks import LMU, SequenceNetwork, to_nir
from spiking_lmu.signals import white_noise

nir = pytest.importorskip("nir")


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


def charged(graph):
    """Synapses inside neurons, through which the biases have passed already."""
    run = Interpreter(graph)
    for name, node in graph.nodes.items():
        if isinstance(node, nir.CubaLIF):
            into = (graph.nodes[pre] for pre in run.into[name])
            biases = sum(n.bias for n in into if isinstance(n, nir.Affine))
            run.state[name][0] = node.w_in * biases
    return run


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
        sim.run(0.2)
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
    found = charged(graph).run(np.vstack([0 * u[:1], u])[: len(u)])
    assert np.abs(found - expected).max() < 1e-9
    assert not any(isinstance(n, nir.LI | nir.LIF) for n in graph.nodes.values())
    square = (network.n_neurons, network.n_neurons)
    shapes = [n.weight.shape for n in graph.nodes.values() if hasattr(n, "weight")]
    assert (square in shapes) == (form == "CubaLIF-full")


@pytest.mark.parametrize("form", ["CubaLIF", "CubaLIF-full"])
def test_synapses_inside_neurons_may_differ_from_ensemble_to_ensemble(form):
    with nengo.Network(seed=0) as network:
        network.input = nengo.Node(size_in=1)
        a, b = (nengo.Ensemble(10, 1, neuron_type=LIF) for _ in range(2))
        nengo.Connection(network.input, a, synapse=0.01)
        nengo.Connection(nengo.Node([0.3]), a, synapse=0.01)
        nengo.Connection(a, b, synapse=0.03, function=np.abs)
    expected, data = by_nengo(network, [b.neurons])
    graph = to_nir(network, form=form, outputs=[b.neurons], data=data)
    taus = sorted(n.tau_syn[0] for n in graph.nodes.values() if hasattr(n, "tau_syn"))
    assert taus == pytest.approx([0.0105, 0.0305], rel=1e-2)
    found = charged(graph).run(U)
    # they begin a step or two earlier
    counts = DT * found.sum(axis=0), DT * expected.sum(axis=0)
    assert np.abs(counts[0] - counts[1]).max() <= 2
    assert counts[1].max() > 20


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
        e_x=[1.0],
        e_h=None,
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


def test_alpha_is_two_filters_in_series():
    with nengo.Network(seed=0) as network:
        network.input = nengo.Node(size_in=1)
        network.output = nengo.Node(size_in=1)
        nengo.Connection(network.input, network.output, synapse=nengo.Alpha(0.02))
    expected, _ = by_nengo(network, [network.output])
    found = Interpreter(to_nir(network)).run(U)
    # the zero-order hold of two filters is not that of each
    assert spiking_lmu.nrmse(found, expected) < 0.03


def test_neurons_that_follow_at_once_are_nodes_of_their_own():
    with nengo.Network(seed=0) as network:
        network.input = nengo.Node(size_in=1)
        a, b, c = (nengo.Ensemble(9, 1, neuron_type=LIF) for _ in range(3))
        network.output = nengo.Node(size_in=1)
        nengo.Connection(network.input, a)
        nengo.Connection(network.input, b)
        nengo.Connection(a, c, synapse=None)
        nengo.Connection(b, c)
        nengo.Connection(c, network.output)
    expected, data = by_nengo(network, [network.output])
    graph = to_nir(network, data=data)
    assert np.abs(Interpreter(graph).run(U) - expected).max() < 1e-9
    sizes = [len(n.tau) for n in graph.nodes.values() if isinstance(n, nir.LIF)]
    assert sizes == [18, 9]


def test_neurons_without_input_have_their_biases():
    with nengo.Network(seed=0) as network:
        network.input = nengo.Node(size_in=1)
        a = nengo.Ensemble(9, 1, neuron_type=LIF)
        network.output = nengo.Node(size_in=10)
        nengo.Connection(a.neurons, network.output[:9], synapse=None)
        nengo.Connection(network.input, network.output[9], synapse=None)
    expected, data = by_nengo(network, [network.output])
    found = Interpreter(to_nir(network, data=data)).run(U)
    assert found == pytest.approx(expected)
    assert np.any(expected[:, :9])


def test_neurons_are_those_of_a_simulator_with_the_same_seed():
    graphs = [to_nir(memory(seed=seed)) for seed in (1, 1, 2)]
    weights = [graph.nodes["neurons_to_synapse"].weight for graph in graphs]
    assert np.array_equal(weights[0], weights[1])
    assert not np.allclose(weights[0], weights[2])


def test_integrate_and_fire_neurons_need_no_permission_for_positive_currents():
    neurons = {"neuron_type": SRL, "intercepts": nengo.dists.Choice([-1])}
    graph = to_nir(memory(**neurons))
    node = graph.nodes["neurons"]
    assert isinstance(node, nir.IF)
    # what one step adds to the voltage does not depend on dt
    assert np.allclose(DT * node.r, 1)


def test_a_file_holds_the_graph(tmp_path):
    network = memory()
    graph = to_nir(network)
    nir.write(tmp_path / "memory.nir", graph)
    read = nir.read(tmp_path / "memory.nir")
    assert read.edges == graph.edges
    assert read.metadata == graph.metadata
    assert set(read.nodes) == set(graph.nodes)
    assert np.array_equal(Interpreter(read).run(U), Interpreter(graph).run(U))
