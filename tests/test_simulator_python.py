"""The compiled simulator with Python functions: values, errors, steps in between."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import SimulationError

import spiking_lmu

VALUES = {
    "float": lambda t: t,
    "int": lambda t: round(1000 * t),
    "list": lambda t: [t, 1],
    "tuple": lambda t: (np.float64(t), True),
    "array": lambda t: np.array([t, -t, 1.0]),
    "integers": lambda t: np.arange(3),
    "large numbers": lambda t: np.array([1e300, t, 1e300]),
    "many": lambda t: np.full(40, t),
    "small float": lambda t: np.float32(t),
    "list of arrays": lambda t: [np.array(t), 2.0],
}


def _simulated(simulator, network, n_steps=20):
    with simulator(network, progress_bar=False, seed=1) as sim:
        sim.run_steps(n_steps)
        return [sim.data[probe].copy() for probe in network.all_probes]


@pytest.mark.parametrize("name", VALUES)
def test_functions_may_return_what_nengo_takes(name):
    with nengo.Network() as network:
        nengo.Probe(nengo.Node(VALUES[name]))
    expected = _simulated(nengo.Simulator, network)
    np.testing.assert_array_equal(_simulated(spiking_lmu.Simulator, network), expected)


REFUSED = {
    "none": None,
    "text": "spike",
    "nan": float("nan"),
    "infinity": [0.0, -np.inf],
    "nan in an array": np.array([np.nan, 0.0]),
    "whole number without a float": [10**400, 0],
    "nan among many": np.full(40, np.nan),
    "too many": [1.0, 2.0, 3.0],
    "unlike": [[1.0], [1.0, 2.0]],
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_values_are_refused_as_in_nengo(name):
    def given(t):
        return np.full(n, t) if t < 0.0035 else REFUSED[name]

    n = 40 if name == "nan among many" else 2

    with nengo.Network() as network:
        probe = nengo.Probe(nengo.Node(given, size_out=n))
    found = []
    for simulator in (nengo.Simulator, spiking_lmu.Simulator):
        with (
            simulator(network, progress_bar=False) as sim,
            pytest.raises(SimulationError) as error,
        ):
            sim.run_steps(10)
        found.append((str(error.value), sim.n_steps, len(sim.data[probe])))
    assert found[0] == found[1]
    assert found[0][1:] == (3, 3)


@pytest.mark.parametrize("n_levels", [1, 3])
@pytest.mark.parametrize("weights", [False, True])
def test_functions_behind_functions_find_what_was_made_in_their_step(n_levels, weights):
    """With `weights`, Python has to record after each step too."""
    seen, current = [], []

    def told(t, x):
        seen.append((t, current[-1].n_steps if current else 0))
        return x + 0.1 * t

    with nengo.Network(seed=0) as network:
        noise = nengo.Node(nengo.processes.WhiteNoise(seed=3), size_out=2)
        at = nengo.Node(lambda t: [t, t * t])
        for _ in range(n_levels):
            node = nengo.Node(told, size_in=2)
            nengo.Connection(at, node, synapse=None)
            nengo.Connection(noise, node, synapse=0.002)
            at = node
        population = nengo.Ensemble(30, 2)
        connection = nengo.Connection(at, population, synapse=None)
        nengo.Connection(population, at, synapse=0.01)
        if weights:
            transform = nengo.Sparse((2, 2), indices=[[0, 0]], init=[1.0])
            sparse = nengo.Connection(at, population, transform=transform)
            nengo.Probe(sparse, "weights", sample_every=0.003)
        nengo.Probe(at)
        nengo.Probe(population, sample_every=0.002)
        nengo.Probe(connection, synapse=0.01)
    found = []
    for kind in (nengo.Simulator, spiking_lmu.Simulator):
        with kind(network, progress_bar=False, seed=1) as sim:
            seen.clear()
            current.append(sim)
            for n in (1, 7, 30):
                sim.run_steps(n)
            sim.step()
            found.append(
                [
                    np.array(sim.data[p])
                    for p in network.all_probes
                    if p.attr != "weights"
                ]
            )
        found[-1].append(np.array(seen))
    assert seen[-1] == (0.039, 38)
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
