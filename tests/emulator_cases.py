"""Networks on nengo-loihi's emulator and on ours."""

import nengo
import nengo_loihi
import numpy as np
from nengo_loihi.builder import Model

TARGETS = ["sim", "simreal"]
STATES = ["current", "voltage", "spiked", "spike_count", "ref_count"]


def connect(rng, pre, post, synapse=0.01):
    """One of the ways in which ensembles connect on the chip."""
    how = rng.randint(3)
    if how == 0:
        nengo.Connection(pre, post, synapse=synapse, transform=rng.choice([-1, 1]))
    elif how == 1:
        solver = nengo.solvers.LstsqL2(reg=0.1, weights=True)
        nengo.Connection(pre, post, synapse=synapse, solver=solver)
    else:
        weights = rng.normal(0, 0.01, (post.n_neurons, pre.n_neurons))
        nengo.Connection(pre.neurons, post.neurons, synapse=synapse, transform=weights)


def probe(ensemble):
    nengo.Probe(ensemble.neurons)
    nengo.Probe(ensemble.neurons[2:9:3], "voltage")
    nengo.Probe(ensemble.neurons, "input", synapse=0.01)
    nengo.Probe(ensemble, synapse=0.02)


def random_network(seed):
    rng = np.random.RandomState(seed)
    with nengo.Network(seed=seed) as network:
        nengo_loihi.add_params(network)
        network.config[nengo.Ensemble].max_rates = nengo.dists.Uniform(100, 200)
        stimulus = nengo.Node(lambda t: np.sin(30 * t))
        kinds = [nengo.LIF(tau_ref=0.003), nengo_loihi.neurons.LoihiLIF()]
        kinds += [nengo.SpikingRectifiedLinear()]
        sizes = rng.randint(10, 40, size=rng.randint(1, 5))
        ensembles = [
            nengo.Ensemble(n, 1, neuron_type=kinds[rng.randint(3)]) for n in sizes
        ]
        for post in ensembles:
            if rng.rand() < 0.3:
                shape = nengo_loihi.BlockShape((7,), (post.n_neurons,))
                network.config[post].block_shape = shape
            nengo.Connection(stimulus, post, synapse=0.01)
            for pre in ensembles:
                if rng.rand() < 0.7:
                    connect(rng, pre, post)
            probe(post)
    return network


def all_to_all(order=3, n_neurons=20, block=None):
    """What a memory looks like on the chip."""
    rng = np.random.RandomState(1)
    with nengo.Network(seed=1) as network:
        nengo_loihi.add_params(network)
        network.config[nengo.Ensemble].max_rates = nengo.dists.Uniform(200, 250)
        stimulus = nengo.Node(lambda t: np.sin(30 * t))
        xs = [nengo.Ensemble(n_neurons, 1) for _ in range(order)]
        for post in xs:
            if block is not None:
                shape = nengo_loihi.BlockShape((block,), (n_neurons,))
                network.config[post].block_shape = shape
            nengo.Connection(stimulus, post, synapse=0.01)
            for pre in xs:
                solver = nengo.solvers.LstsqL2(reg=0.1, weights=True)
                transform = rng.uniform(-0.5, 0.5)
                nengo.Connection(
                    pre, post, synapse=0.01, transform=transform, solver=solver
                )
            probe(post)
    return network


def convolution(pop_type=32):
    """Synapses that share weights, which nengo-loihi's code takes care of."""
    with nengo.Network(seed=3) as network:
        nengo_loihi.add_params(network)
        transform = nengo.Convolution(4, (5, 5, 2), kernel_size=(3, 3))
        one, pre, post = (
            nengo.Ensemble(
                n,
                1,
                neuron_type=nengo.SpikingRectifiedLinear(),
                max_rates=nengo.dists.Choice([100]),
                intercepts=nengo.dists.Choice([-0.3]),
            )
            for n in (50, 50, transform.output_shape.size)
        )
        connect(np.random.RandomState(2), one, pre)
        for source in (pre, one):
            conv = nengo.Connection(
                source.neurons, post.neurons, transform=transform, synapse=0.01
            )
            network.config[conv].pop_type = pop_type
        nengo.Probe(pre.neurons)
        nengo.Probe(post.neurons)
        nengo.Probe(post.neurons, "voltage")
    return network


def built(network, target="sim"):
    model = Model(dt=0.001)
    model.decode_tau = 0.01
    with nengo_loihi.Simulator(network, model=model, target=target) as sim:
        return sim.model


def collected(runner, model, **item):
    return [runner.collect_probe_output(p, **item) for p in model.probes]
