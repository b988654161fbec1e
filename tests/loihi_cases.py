"""A memory on a signal, and simulators to run it on."""

import nengo
import nengo_loihi
import numpy as np

from spiking_lmu.hardware import loihi
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.signals import white_noise

THETA, ORDER, DT = 0.2, 3, 0.001
TARGETS = ["sim", "simreal"]
STEPS = 1000
SETTLED = slice(300, None)
U = white_noise(STEPS * DT, DT, 1 / THETA, 0.5, seed=0)
IDEAL = simulate(*discretize(*state_space(THETA, ORDER), DT), U)


def make(n_neurons=50, neuron_type=None, **kwargs):
    neuron_type = neuron_type or nengo.LIF()
    kwargs = {"freq": 1 / THETA, "rms": 0.5, **kwargs}
    return LegendreMemory(THETA, ORDER, n_neurons, neuron_type=neuron_type, **kwargs)


def stimulus(*signals):
    values = np.stack([*signals] or [U], axis=1)
    return nengo.Node(nengo.processes.PresentInput(values, DT))


def fed(**kwargs):
    with nengo.Network(seed=0) as network:
        memory = make(**kwargs)
        nengo.Connection(stimulus(*[U] * memory.size_in), memory.input, synapse=None)
    return network, memory


def simulator(network, target="sim", **kwargs):
    if target == "nengo":
        return nengo.Simulator(network, progress_bar=False, optimize=False)
    return loihi.Simulator(network, **{"progress_bar": False, **kwargs}, target=target)


def run(network, target="sim", steps=STEPS, **kwargs):
    with simulator(network, target, **kwargs) as sim:
        sim.run_steps(steps)
    return sim


# all that can be around it


def feeding_ensemble(synapse=None, host=False):
    with nengo.Network(seed=0) as network:
        memory = make(rms=1)
        source = nengo.Ensemble(100, 1, radius=2)
        nengo.Connection(stimulus(), source, synapse=None)
        nengo.Connection(source, memory.input, synapse=synapse)
        if host:
            nengo.Connection(stimulus(), memory.input, synapse=None, transform=0.5)
        nengo.Probe(memory.output, synapse=0.03)
    return network


def on_host(network, number):
    nengo_loihi.add_params(network)
    network.config[network.ensembles[number]].on_chip = False
    return network


def chain():
    network, first = fed()
    with network:
        second = make(coordinates="legendre")
        nengo.Connection(first.add_readout(THETA / 2), second.input, synapse=None)
        nengo.Probe(second.output, synapse=0.03)
    return network


def readers(synapse):
    network, memory = fed()
    with network:
        reader = nengo.Ensemble(150, 2, radius=1.5)
        window = memory.add_readout([0, THETA])
        nengo.Connection(window, reader, synapse=synapse)
        nengo.Probe(reader, synapse=0.03)
        nengo.Probe(window, synapse=0.03)
    return network


def two_inputs():
    with nengo.Network(seed=0) as network:
        memory = make(size_in=2)
        nengo.Connection(stimulus(U, -0.5 * U), memory.input, synapse=None)
        nengo.Probe(memory.output, synapse=0.03)
        nengo.Probe(memory.encoded, synapse=0.03)
    return network


def several_synapses():
    """The window through its memory's synapse and a fast one, feedback, the input."""
    network, memory = fed()
    with network:
        reader = nengo.Ensemble(200, 1, radius=1.5)
        now = memory.add_readout(0)
        nengo.Connection(now, reader, synapse=None, transform=0.5)
        nengo.Connection(reader, reader, synapse=0.005, transform=0.4)
        nengo.Connection(network.nodes[0], reader, synapse=None, transform=0.5)
        nengo.Probe(reader, synapse=0.01)
    return network


def function_of_the_window():
    network, memory = fed()
    with network:
        nengo.Probe(memory.add_output(np.sum, [0, THETA / 2]), synapse=0.03)
    return network


def nested():
    with nengo.Network(seed=0) as network:
        hub = nengo.Node(size_in=1)
        with nengo.Network(), nengo.Network():
            memory = make()
        nengo.Connection(stimulus(), hub, synapse=0.01)
        nengo.Connection(hub, memory.input, synapse=None)
        other = nengo.Node(size_in=ORDER)
        nengo.Connection(memory.output, other, synapse=None)
        reader = nengo.networks.EnsembleArray(60, ORDER, radius=1.5)
        nengo.Connection(other, reader.input, synapse=0.03)
        nengo.Probe(reader.output, synapse=0.03)
        nengo.Probe(other, synapse=0.03)
    return network


def hearing_itself():
    network, memory = fed(rms=0.7)
    with network:
        window = memory.add_readout(THETA)
        nengo.Connection(window, memory.input, transform=-0.3, synapse=None)
        nengo.Probe(window, synapse=0.03)
    return network


def beside_host_functions():
    """The host hears the input, the memory, and what it makes of both."""
    network, memory = fed()
    with network:
        both = nengo.Node(lambda t, x: x[0] - x[1], size_in=2)
        direct = nengo.Ensemble(1, 1, neuron_type=nengo.Direct())
        nengo.Connection(network.nodes[0], both[0], synapse=None)
        nengo.Connection(memory.add_readout(0), both[1], synapse=0.01)
        nengo.Connection(both, direct, synapse=0.01)
        nengo.Connection(memory.input, direct, function=None, synapse=0.01)
        nengo.Probe(both, synapse=0.03)
        nengo.Probe(direct, synapse=0.03)
        nengo.Probe(network.nodes[0], synapse=0.03)
        nengo.Probe(memory.input, synapse=0.03)
    return network


def host_in_the_loop():
    """What the chip sends comes back to it in the step after."""
    network, memory = fed()
    with network:
        host = nengo.Node(lambda t, x: x, size_in=1)
        reader = nengo.Ensemble(100, 1, radius=2)
        nengo.Connection(memory.add_readout(0), host, synapse=0.01)
        nengo.Connection(host, reader, synapse=None)
        nengo.Probe(reader, synapse=0.03)
    return network


def memory_on_the_host():
    """Between two on the chip."""
    network, first = fed()
    with network:
        middle, last = make(neuron_type=nengo.Direct()), make(rms=1)
        nengo.Connection(first.add_readout(0), middle.input, synapse=0.01)
        nengo.Connection(middle.add_readout(0), last.input, synapse=None)
        nengo.Probe(last.output, synapse=0.03)
    return network


def learning():
    """The window is the teacher of an ensemble that hears the input.

    It learns on the host, which is where its error comes to.
    """
    network, memory = fed()
    with network:
        pre = nengo.Ensemble(100, 1, radius=2)
        post, error = nengo.Node(size_in=1), nengo.Node(size_in=1)
        nengo.Connection(network.nodes[0], pre, synapse=None)
        learned = nengo.Connection(
            pre,
            post,
            function=lambda x: x,
            learning_rule_type=nengo.PES(1e-5),
            synapse=0.01,
        )
        nengo.Connection(post, error)
        nengo.Connection(memory.add_readout(0), error, transform=-1)
        nengo.Connection(error, learned.learning_rule)
        nengo.Probe(post, synapse=0.03)
        nengo.Probe(memory.output, synapse=0.03)
    return network


NETWORKS = {
    "fed by an ensemble": feeding_ensemble,
    "through a synapse": lambda: feeding_ensemble(0.005),
    "fed by both": lambda: feeding_ensemble(host=True),
    "fed by the host's ensemble": lambda: on_host(feeding_ensemble(host=True), 0),
    "chain": chain,
    "readers": lambda: readers(0.03),
    "readers without synapse": lambda: readers(None),
    "readers on the host": lambda: on_host(readers(0.03), 0),
    "several synapses": several_synapses,
    "two inputs": two_inputs,
    "function": function_of_the_window,
    "nested": nested,
    "hearing itself": hearing_itself,
    "beside functions": beside_host_functions,
    "host in the loop": host_in_the_loop,
    "memory on the host": memory_on_the_host,
    "learning": learning,
}
