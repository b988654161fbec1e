"""What the simulators are timed on: classical Nengo models, and the memory.

Plain Nengo throughout, so that every simulator can build them. Signals come from
processes and, in a third of the models, from functions of time, as users write them.
Each network has ``output``, a probe of what the model is for, with a synapse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import nengo
import numpy as np
from nengo.processes import Piecewise, PresentInput, WhiteSignal

PROBE_SYNAPSE = 0.02

# ---- signals and dynamics


def communication_channel() -> nengo.Network:
    """Two populations in a row pass a signal of two dimensions on."""
    with nengo.Network(seed=0) as network:
        signal = nengo.Node(WhiteSignal(2, high=5, rms=0.4, seed=0), size_out=2)
        first, second = (nengo.Ensemble(200, 2) for _ in range(2))
        nengo.Connection(signal, first, synapse=None)
        nengo.Connection(first, second)
        network.output = nengo.Probe(second, synapse=PROBE_SYNAPSE)
    return network


def integrator() -> nengo.Network:
    """One population adds up what it is told, pushes of either sign."""
    with nengo.Network(seed=0) as network:
        pushes = nengo.Node(Piecewise({0: 0, 0.2: 1.5, 0.5: 0, 0.8: -2, 1.1: 0}))
        total = nengo.Ensemble(200, 1)
        nengo.Connection(pushes, total, transform=0.1, synapse=0.1)
        nengo.Connection(total, total, synapse=0.1)
        network.output = nengo.Probe(total, synapse=PROBE_SYNAPSE)
    return network


def controlled_integrator() -> nengo.Network:
    """An integrator that keeps or forgets, as a second dimension says."""
    with nengo.Network(seed=0) as network:
        drive = nengo.Node(WhiteSignal(2, high=3, rms=0.6, seed=0))
        keep = nengo.Node(lambda t: 1.0 if t % 1.0 < 0.6 else 0.5)
        state = nengo.Ensemble(500, 2, radius=1.5)
        nengo.Connection(drive, state[0], transform=0.1, synapse=0.1)
        nengo.Connection(keep, state[1], synapse=0.005)
        nengo.Connection(state, state[0], function=lambda x: x[0] * x[1], synapse=0.1)
        network.output = nengo.Probe(state[0], synapse=PROBE_SYNAPSE)
    return network


def oscillator() -> nengo.Network:
    """A population goes in circles, as fast as its third dimension says."""
    tau, speed = 0.1, 20.0

    def turned(x: np.ndarray) -> list[float]:
        angle, pull = tau * speed * x[2], 1.1
        return [pull * x[0] - angle * x[1], pull * x[1] + angle * x[0]]

    with nengo.Network(seed=0) as network:
        kick = nengo.Node(lambda t: [1.0, 0.0] if t < 0.1 else [0.0, 0.0])
        pace = nengo.Node(WhiteSignal(2, high=1, rms=0.5, seed=1))
        state = nengo.Ensemble(500, 3, radius=1.4)
        nengo.Connection(kick, state[:2], synapse=None)
        nengo.Connection(pace, state[2])
        nengo.Connection(state, state[:2], function=turned, synapse=tau)
        network.output = nengo.Probe(state[:2], synapse=PROBE_SYNAPSE)
    return network


def lorenz() -> nengo.Network:
    """The attractor of Lorenz in one population of three dimensions."""
    tau, sigma, beta, rho = 0.1, 10.0, 8 / 3, 28.0

    def moved(x: np.ndarray) -> list[float]:
        change = (
            sigma * (x[1] - x[0]),
            -x[0] * x[2] - x[1],
            x[0] * x[1] - beta * (x[2] + rho) - rho,
        )
        return [value + tau * rate for value, rate in zip(x, change)]

    with nengo.Network(seed=0) as network:
        state = nengo.Ensemble(2000, 3, radius=60)
        nengo.Connection(state, state, function=moved, synapse=tau)
        network.output = nengo.Probe(state, synapse=PROBE_SYNAPSE)
    return network


# ---- products


def multiplication() -> nengo.Network:
    """Two signals, each in a population, and their product by a third."""
    with nengo.Network(seed=0) as network:
        signals = [nengo.Node(WhiteSignal(2, 5, rms=0.4, seed=k)) for k in range(2)]
        factors = [nengo.Ensemble(100, 1) for _ in signals]
        both = nengo.Ensemble(200, 2, radius=1.5)
        product = nengo.Ensemble(100, 1)
        for k, (signal, factor) in enumerate(zip(signals, factors)):
            nengo.Connection(signal, factor, synapse=None)
            nengo.Connection(factor, both[k])
        nengo.Connection(both, product, function=lambda x: x[0] * x[1])
        network.output = nengo.Probe(product, synapse=PROBE_SYNAPSE)
    return network


def matrix_multiplication(rows: int = 4, inner: int = 3, columns: int = 4):
    """Two matrices that change with time, and a population for every product."""
    with nengo.Network(seed=0) as network:
        arrays = []
        for k, size in enumerate((rows * inner, inner * columns)):
            signal = nengo.Node(WhiteSignal(2, 3, rms=0.4, seed=k), size_out=size)
            arrays.append(nengo.networks.EnsembleArray(100, size))
            nengo.Connection(signal, arrays[-1].input, synapse=None)
        products = nengo.networks.Product(200, rows * inner * columns)
        cells = np.arange(rows * inner * columns).reshape(rows, columns, inner)
        result = nengo.networks.EnsembleArray(100, rows * columns)
        left, right, added = (
            np.zeros((cells.size, a.size_out))
            for a in (arrays[0].output, arrays[1].output, result.output)
        )
        for (i, k, j), cell in np.ndenumerate(cells):
            left[cell, i * inner + j] = right[cell, j * columns + k] = 1
            added[cell, i * columns + k] = 1
        nengo.Connection(arrays[0].output, products.input_a, transform=left)
        nengo.Connection(arrays[1].output, products.input_b, transform=right)
        nengo.Connection(products.output, result.input, transform=added.T)
        network.output = nengo.Probe(result.output, synapse=PROBE_SYNAPSE)
    return network


def circular_convolution(dimensions: int = 32) -> nengo.Network:
    """Two vectors bound into one by circular convolution."""
    vectors = pointers(("A", "B"), dimensions)
    with nengo.Network(seed=0) as network:
        binding = nengo.networks.CircularConvolution(100, dimensions)
        result = nengo.networks.EnsembleArray(50, dimensions)
        inputs = (("A", binding.input_a), ("B", binding.input_b))
        for name, place in inputs:
            nengo.Connection(nengo.Node(vectors[name]), place, synapse=None)
        nengo.Connection(binding.output, result.input)
        network.output = nengo.Probe(result.output, synapse=PROBE_SYNAPSE)
    return network


# ---- semantic pointers


def pointers(names: Iterable[str], dimensions: int) -> dict[str, np.ndarray]:
    """A random unit vector for each name, the same in every process."""
    names = list(names)
    vectors = np.random.RandomState(0).normal(size=(len(names), dimensions))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return dict(zip(names, vectors))


def bound(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The circular convolution of two vectors."""
    return np.fft.irfft(np.fft.rfft(a) * np.fft.rfft(b), n=len(a))


def shown(vectors: Iterable[np.ndarray], seconds: float) -> nengo.Node:
    """A node that gives one vector after the other, so many seconds each."""
    return nengo.Node(PresentInput(np.array(list(vectors)), seconds))


def store(dimensions: int, feedback: float = 0.0) -> nengo.networks.EnsembleArray:
    """Populations for a semantic pointer, with as much memory as the feedback."""
    array = nengo.networks.EnsembleArray(
        50, dimensions, radius=3.5 / np.sqrt(dimensions)
    )
    if feedback:
        nengo.Connection(array.output, array.input, transform=feedback, synapse=0.1)
    return array


def selection(
    utilities: Iterable[tuple[nengo.networks.EnsembleArray, np.ndarray]],
) -> nengo.Node:
    """Basal ganglia and thalamus: near 1 for the action of most utility, near 0 else.

    The utility of an action is the dot product of a store and a vector.
    """
    utilities = list(utilities)
    ganglia = nengo.networks.BasalGanglia(len(utilities), n_neurons_per_ensemble=100)
    thalamus = nengo.networks.Thalamus(len(utilities), n_neurons_per_ensemble=50)
    for k, (source, vector) in enumerate(utilities):
        nengo.Connection(source.output, ganglia.input[k], transform=vector[None])
    nengo.Connection(ganglia.output, thalamus.input)
    return thalamus.output


def associative_memory(dimensions: int = 64, items: int = 20) -> nengo.Network:
    """Noisy vectors go in; the cleaned one that is the most similar comes out."""
    vectors = np.array(list(pointers(map(str, range(items)), dimensions).values()))
    with nengo.Network(seed=0) as network:
        noise = np.random.RandomState(1).normal(size=vectors.shape)
        noisy = shown(vectors + 0.3 * noise / np.sqrt(dimensions), 0.2)
        seen = store(dimensions)
        memory = nengo.networks.AssociativeMemory(vectors, n_neurons=50, threshold=0.4)
        memory.add_wta_network()
        memory.add_threshold_to_outputs()
        nengo.Connection(noisy, seen.input, synapse=None)
        nengo.Connection(seen.output, memory.input)
        network.output = nengo.Probe(memory.output, synapse=PROBE_SYNAPSE)
    return network


def spa_memory(dimensions: int = 32) -> nengo.Network:
    """Colours bound to shapes and remembered together; a shape asks for its colour."""
    names = ("RED", "BLUE", "CIRCLE", "SQUARE")
    vectors = pointers(names, dimensions)
    red, blue, circle, square = (vectors[name] for name in names)
    nothing = np.zeros(dimensions)
    with nengo.Network(seed=0) as network:
        colour = shown([red, blue, nothing, nothing], 0.25)
        shape = shown([circle, square, nothing, nothing], 0.25)
        cue = shown([nothing, nothing, circle, square], 0.25)
        binding = nengo.networks.CircularConvolution(50, dimensions)
        pairs = store(dimensions, feedback=1.0)
        asking = nengo.networks.CircularConvolution(50, dimensions, invert_b=True)
        answer = store(dimensions)
        nengo.Connection(colour, binding.input_a, synapse=None)
        nengo.Connection(shape, binding.input_b, synapse=None)
        nengo.Connection(binding.output, pairs.input, transform=0.4)
        nengo.Connection(pairs.output, asking.input_a)
        nengo.Connection(cue, asking.input_b, synapse=None)
        nengo.Connection(asking.output, answer.input)
        network.output = nengo.Probe(answer.output, synapse=PROBE_SYNAPSE)
    return network


def spa_sequence(dimensions: int = 32, length: int = 5) -> nengo.Network:
    """Basal ganglia and thalamus go through a cycle of vectors in working memory."""
    vectors = list(pointers(map(str, range(length)), dimensions).values())
    with nengo.Network(seed=0) as network:
        start = nengo.Node(lambda t: vectors[0] if t < 0.05 else np.zeros(dimensions))
        state = store(dimensions, feedback=0.6)
        nengo.Connection(start, state.input, synapse=None)
        chosen = selection((state, vector) for vector in vectors)
        following = np.array(vectors[1:] + vectors[:1]).T
        nengo.Connection(chosen, state.input, transform=following)
        network.output = nengo.Probe(state.output, synapse=PROBE_SYNAPSE)
    return network


def spa_parse(dimensions: int = 32) -> nengo.Network:
    """A command of verb and noun, seen in turn, is parsed into one bound phrase.

    Words are held by their kinds in gated memories; at the end of the sentence, the
    phrase is bound and sent on, and the action that says so is chosen by basal ganglia.
    """
    names = ("WRITE", "SAY", "YES", "NO", "END", "VERB", "NOUN")
    vectors = pointers(names, dimensions)
    sentence = ("WRITE", "YES", "END", "SAY", "NO", "END")
    with nengo.Network(seed=0) as network:
        seen = store(dimensions)
        words = shown([vectors[word] for word in sentence], 0.2)
        nengo.Connection(words, seen.input, synapse=None)
        held = {kind: store(dimensions, feedback=0.8) for kind in ("VERB", "NOUN")}
        phrase, motor = store(dimensions, feedback=0.3), store(dimensions)
        kinds = {
            "VERB": vectors["WRITE"] + vectors["SAY"],
            "NOUN": vectors["YES"] + vectors["NO"],
            "END": vectors["END"],
        }
        chosen = selection((seen, vector) for vector in kinds.values())
        for k, (kind, memory) in enumerate(held.items()):
            routed(seen, memory, chosen[k], gain=0.8)
            tagging = nengo.networks.CircularConvolution(50, dimensions)
            nengo.Connection(memory.output, tagging.input_a)
            nengo.Connection(nengo.Node(vectors[kind]), tagging.input_b, synapse=None)
            nengo.Connection(tagging.output, phrase.input, transform=0.5)
        routed(phrase, motor, chosen[2])
        network.output = nengo.Probe(motor.output, synapse=PROBE_SYNAPSE)
    return network


def routed(
    source: nengo.networks.EnsembleArray,
    target: nengo.networks.EnsembleArray,
    gate: nengo.base.NengoObject,
    gain: float = 1.0,
) -> None:
    """Connect two stores through a channel that is silent unless the gate is near 1."""
    size = source.output.size_out
    channel = store(size)
    nengo.Connection(source.output, channel.input)
    nengo.Connection(channel.output, target.input, transform=gain)
    closing = nengo.Ensemble(
        50,
        1,
        encoders=nengo.dists.Choice([[1]]),
        intercepts=nengo.dists.Uniform(0.3, 0.9),
    )
    always = nengo.Node(1)
    nengo.Connection(always, closing, synapse=None)
    nengo.Connection(gate, closing, transform=-1)
    for ensemble in channel.ea_ensembles:
        silence = np.full((ensemble.n_neurons, 1), -4.0)
        nengo.Connection(closing, ensemble.neurons, transform=silence)


# ---- learning


def learned_channel() -> nengo.Network:
    """The error rule PES teaches a connection to pass a signal on unchanged."""
    return _learned(2, 2, lambda x: x)


def learned_product() -> nengo.Network:
    """The same rule teaches a connection the product of two signals."""
    return _learned(2, 1, lambda x: x[0] * x[1])


def _learned(
    size_in: int, size_out: int, target: Callable[[np.ndarray], np.ndarray]
) -> nengo.Network:
    with nengo.Network(seed=0) as network:
        signal = nengo.Node(WhiteSignal(2, high=4, rms=0.4, seed=0), size_out=size_in)
        pre = nengo.Ensemble(100 * size_in, size_in)
        post, error = (nengo.Ensemble(100 * size_out, size_out) for _ in range(2))
        nengo.Connection(signal, pre, synapse=None)
        learned = nengo.Connection(
            pre,
            post,
            function=lambda x: np.zeros(size_out),
            learning_rule_type=nengo.PES(learning_rate=3e-4),
        )
        nengo.Connection(post, error)
        nengo.Connection(signal, error, function=target, transform=-1)
        nengo.Connection(error, learned.learning_rule)
        network.output = nengo.Probe(post, synapse=PROBE_SYNAPSE)
    return network


CLASSICAL: dict[str, Callable[[], nengo.Network]] = {
    make.__name__: make
    for make in (
        communication_channel,
        integrator,
        controlled_integrator,
        oscillator,
        lorenz,
        multiplication,
        matrix_multiplication,
        circular_convolution,
        associative_memory,
        spa_memory,
        spa_sequence,
        spa_parse,
        learned_channel,
        learned_product,
    )
}

# ---- the memory of a Legendre Memory Unit

#: Those that goals are set for; `make` knows every name of this form.
MEMORIES = (
    "lmu 6x100 poisson 20-40",
    "lmu 6x100 poisson 200-400",
    "lmu 6x1000 poisson 20-40",
    "lmu 6x1000 poisson 200-400",
    "lmu 6x100 coordinated 20-40",
    "lmu 6x100 coordinated 200-400",
    "lmu 6x1000 coordinated 20-40",
    "lmu 6x1000 coordinated 200-400",
    "lmu 6x1000 lif 20-40",
    "lmu 6x1000 lif 200-400",
)


def legendre_memory(
    order: int, n_neurons: int, neurons: str, rates: tuple[float, float]
) -> nengo.Network:
    """A `LegendreMemory` of half a second, driven by noise."""
    from spiking_lmu.networks import LegendreMemory
    from spiking_lmu.neurons import neuron_type

    with nengo.Network(seed=0) as network:
        signal = nengo.Node(WhiteSignal(10, high=2, rms=0.4, seed=0))
        network.memory = LegendreMemory(
            theta=0.5,
            order=order,
            n_neurons=n_neurons,
            neuron_type=neuron_type(neurons),
            max_rates=nengo.dists.Uniform(*rates),
        )
        nengo.Connection(signal, network.memory.input, synapse=None)
        network.output = nengo.Probe(network.memory.output)
    return network


def make(name: str) -> nengo.Network:
    """The network of this name: a classical one, or "lmu 6x1000 poisson 20-40"."""
    if name in CLASSICAL:
        return CLASSICAL[name]()
    _, size, neurons, rates = name.split()
    order, n_neurons = map(int, size.split("x"))
    low, high = map(float, rates.split("-"))
    return legendre_memory(order, n_neurons, neurons, (low, high))
