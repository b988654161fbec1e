"""A unit on a signal, and the equations of the paper."""

import nengo
import numpy as np

from spiking_lmu.linear_systems import discretize
from spiking_lmu.networks import LMU

UNITS, ORDER, SIZE_IN, THETA, DT, STEPS = 7, 5, 3, 0.05, 0.001, 1000
PATHS = ("e_x", "e_h", "e_m", "W_x", "W_h", "W_m")
X = np.random.default_rng(0).standard_normal((STEPS, SIZE_IN))


def shapes(memory_d=1, size_in=SIZE_IN, units=UNITS, order=ORDER):
    d = memory_d * order
    return {
        "e_x": (memory_d, size_in),
        "e_h": (memory_d, units),
        "e_m": (memory_d, d),
        "W_x": (units, size_in),
        "W_h": (units, units),
        "W_m": (units, d),
    }


def random_weights(seed=0, **sizes):
    """Of all six paths, such that each of them matters, and the unit is stable."""
    rng = np.random.default_rng(seed)
    scales = dict(zip(PATHS, (2.0, 1.0, 0.2, 0.5, 0.5, 2.0)))
    return {
        name: scales[name] * rng.standard_normal(shape) / np.sqrt(shape[1])
        for name, shape in shapes(**sizes).items()
    }


def unit_of_the_paper(x, weights, theta=THETA, order=ORDER, dt=DT):
    """LMU 2019, equations 6 and 7 as they stand: u, m and h in each step."""
    i, j = np.arange(order)[:, None], np.arange(order)
    A = (2 * i + 1) * np.where(i < j, -1.0, (-1.0) ** (i - j + 1)) / theta
    B = (2 * i + 1) * (-1.0) ** i / theta
    Abar, Bbar = discretize(A, B, dt)
    e_x, e_h, e_m, W_x, W_h, W_m = (weights[name] for name in PATHS)
    m, h = np.zeros((len(e_x), order)), np.zeros(len(W_x))
    steps = []
    for x_t in x:
        u = e_x @ x_t + e_h @ h + e_m @ m.ravel()
        m = m @ Abar.T + u[:, None] * Bbar[:, 0]
        h = np.tanh(W_x @ x_t + W_h @ h + W_m @ m.ravel())
        steps.append((u, m.ravel(), h))
    return [np.array(values) for values in zip(*steps)]


def make(units=UNITS, order=ORDER, theta=THETA, size_in=SIZE_IN, **kwargs):
    return LMU(units, order, theta, size_in=size_in, **kwargs)


def fed(x=X, seed=0, **kwargs):
    """A network, the unit in it that hears x, and probes of u, m and h."""
    with nengo.Network(seed=seed) as network:
        network.stimulus = nengo.Node(nengo.processes.PresentInput(x, DT))
        lmu = make(size_in=x.shape[1], **kwargs)
        nengo.Connection(network.stimulus, lmu.input, synapse=None)
        network.probes_of_unit = [
            nengo.Probe(o) for o in (lmu.memory.input, lmu.state, lmu.output)
        ]
    return network, lmu


def run(network, probes=None, n_steps=STEPS, simulator=nengo.Simulator, **kwargs):
    if simulator is nengo.Simulator:
        kwargs.setdefault("optimize", False)
    with simulator(network, progress_bar=False, **kwargs) as sim:
        sim.run_steps(n_steps)
    return [np.array(sim.data[p]) for p in probes or network.probes_of_unit]


def assert_equal(ours, expected, atol=1e-10):
    for a, b in zip(ours, expected):
        assert b.std() > 0.05
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


# Neurons in place of the exact memory


ARGS = {"n_neurons": 100, "freq": 1 / THETA, "rms": 0.5}


def changed(name, value, of="unit"):
    def change(arrays, texts):
        content = texts["about"] if of == "about" else texts["about"][of]
        content[name] = value

    return change
