"""The memory without spikes, from a table: against neurons, and without any error."""

from dataclasses import dataclass, replace

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.distortion import distortion_rmse, simulate_distorted
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.metrics import rmse
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.populations import Population, draw_population
from spiking_lmu.realization import realize
from spiking_lmu.signals import Spectrum, white_noise

THETA, DT = 0.2, 0.001
DESIGNS = [("legendre", "equal"), ("balanced", "optimal")]
U = white_noise(1.5, DT, 1 / THETA, 0.5, seed=0)


@dataclass(frozen=True, eq=False)
class Perfect(Population):
    """Decodes whatever is encoded."""

    def decode(self, x):
        return x


def perfect(order):
    none = np.zeros(1)
    return [Perfect(none, none, none, none, 1.0, nengo.LIFRate())] * order


def system(order, coordinates="balanced"):
    A, B = state_space(THETA, order)
    return realize(A, B, DT, 0.1, Spectrum.flat(1 / THETA, 0.5), coordinates)


def exact(order, u=U):
    return simulate(*discretize(*state_space(THETA, order), DT), u)


@pytest.mark.parametrize("order", [1, 3, 12])
@pytest.mark.parametrize("coordinates", ["legendre", "balanced"])
def test_perfect_decoders_leave_the_exact_memory(order, coordinates):
    m = simulate_distorted(system(order, coordinates), perfect(order), U)
    np.testing.assert_allclose(m, exact(order), atol=1e-9)


@pytest.mark.parametrize("coordinates, allocation", DESIGNS)
@pytest.mark.parametrize("order, n_neurons", [(3, 20), (6, 100)])
def test_equals_neurons_that_fire_at_rates(order, n_neurons, coordinates, allocation):
    with nengo.Network(seed=3) as network:
        stimulus = nengo.Node(nengo.processes.PresentInput(U[:, None], DT))
        memory = LegendreMemory(
            THETA,
            order,
            n_neurons,
            neuron_type=nengo.LIFRate(),
            coordinates=coordinates,
            allocation=allocation,
            freq=1 / THETA,
        )
        nengo.Connection(stimulus, memory.input, synapse=None)
        probe = nengo.Probe(memory.output, synapse=None)
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.run(1.5)
    table = simulate_distorted(memory.realization, memory.populations(sim.data), U)
    distortion = rmse(table, exact(order))
    assert distortion > 1e-4
    assert rmse(sim.data[probe], table) < 0.02 * distortion


def test_beyond_its_table_the_state_stays_finite():
    """Populations then decode what they do at the edge of the table."""
    u = np.full(2000, 1e4)
    m = simulate_distorted(system(2), perfect(2), u)
    recurrent, feed = system(2).transforms
    edge = 1.5 * system(2).radii
    bound = np.abs(recurrent) @ edge + 1e4 * np.abs(feed[:, 0])
    assert np.all(np.abs(m @ system(2).inverse.T) <= bound)


@pytest.mark.parametrize("synapse, settled", [(None, 0), (0.05, 400)])
def test_error_is_that_of_the_distorted_memory(synapse, settled):
    r = system(3)
    rng = np.random.RandomState(0)
    populations = [
        draw_population(30, radius, headroom, r.averaging, rng)
        for radius, headroom in zip(r.radii, r.headrooms)
    ]
    error = simulate_distorted(r, populations, U) - exact(3)
    if synapse is not None:
        kept = np.exp(-DT / synapse)
        filtered = np.zeros(3)
        for n, value in enumerate(error.copy()):
            error[n], filtered = filtered, kept * filtered + (1 - kept) * value
    expected = np.sqrt(np.mean(np.sum(error[settled:] ** 2, axis=1)))
    assert expected > 1e-3
    found = distortion_rmse(r, populations, U, synapse, settled)
    assert found == pytest.approx(expected, rel=1e-6)
    assert distortion_rmse(r, perfect(3), U, synapse, settled) < 1e-9


@pytest.mark.parametrize("settled", [-1, len(U), 1.0, None, True])
def test_refuses_to_count_nothing(settled):
    with pytest.raises(ValidationError, match="settled: must be"):
        distortion_rmse(system(2), perfect(2), U, settled=settled)


@pytest.mark.parametrize("synapse", [0, -1, np.nan, "1", [1.0]])
def test_refuses_filters(synapse):
    with pytest.raises(ValidationError, match="synapse: must be"):
        distortion_rmse(system(2), perfect(2), U, synapse)


@pytest.mark.parametrize("u", [[], [np.nan], [[1.0]], 1.0, "u", None])
def test_refuses_inputs(u):
    with pytest.raises(ValidationError, match="u: must be"):
        simulate_distorted(system(2), perfect(2), u)


@pytest.mark.parametrize("populations", [perfect(3), [], None, 2, ["a", "b"]])
def test_refuses_populations(populations):
    with pytest.raises(ValidationError, match="populations: must be"):
        simulate_distorted(system(2), populations, U)


@pytest.mark.parametrize("realization", [None, "balanced", state_space(1, 2)])
def test_refuses_what_is_no_realization(realization):
    with pytest.raises(ValidationError, match="realization: must be"):
        simulate_distorted(realization, perfect(2), U)


def test_does_not_change_what_it_is_given():
    populations, u = perfect(3), U.copy()
    realization = replace(system(3))
    simulate_distorted(realization, populations, u)
    np.testing.assert_array_equal(u, U)
    np.testing.assert_array_equal(realization.T, system(3).T)
