"""The expected input of a memory, and the error that theory predicts."""

import warnings

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from memory_cases import COORDINATES, DT, NAN, ORDER, THETA, U, fed, make, probe, run
from spiking_lmu.compatibility import require
from spiking_lmu.delay_errors import usable_band
from spiking_lmu.distortion import distortion_rmse
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.metrics import rmse
from spiking_lmu.networks import LMU, LegendreMemory
from spiking_lmu.neurons import poisson
from spiking_lmu.signals import Spectrum, white_noise

# Warnings


def test_inputs_beyond_the_range_are_told_once():
    """By how much, and when; by every simulator anew."""
    u = np.full(100, 0.5)
    u[50:] = -2.5
    network, _ = fed(np.stack([u, 0 * u], axis=1), rms=0.5, label="window")
    told = 'window".*, dimension 0, is -2.5 at 0.051 s, but the memory expects at most'
    for _ in range(2):
        with pytest.warns(UserWarning, match=told) as caught:
            run(network, n_steps=100)
        assert len(caught) == 1


@pytest.mark.parametrize("neuron_type", [poisson(), nengo.Direct()])
def test_inputs_within_the_range_are_not_told(neuron_type):
    u = np.full(100, 2.25 if neuron_type == poisson() else 1000.0)
    network, _ = fed(u, rms=0.5, neuron_type=neuron_type)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(network, n_steps=100)


def test_bands_beyond_the_order_are_told():
    with pytest.warns(UserWarning, match="2.08 cycles in theta=0.5 s, .*order=10"):
        LegendreMemory(0.5, 6, 10, freq=4.16)
    with pytest.warns(UserWarning, match="an order of about 120"):
        LegendreMemory(0.5, 6, 10, freq=60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LegendreMemory(0.5, 6, 10, freq=usable_band(6) / 0.5)
        LegendreMemory(0.5, 6, 10, spectrum=Spectrum.flat(10, 1))


@pytest.mark.parametrize("kind", ["memory", "unit"])
def test_windows_of_milliseconds_are_told(kind):
    def build(theta, dt=0.001):
        if kind == "unit":
            LMU(3, 2, theta, dt=dt)
        else:
            LegendreMemory(theta, 2, 10, dt=dt)

    with pytest.warns(UserWarning, match="theta=500 is in seconds, .*theta=0.5;"):
        build(500)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(784.0, dt=1.0)
        build(20.0)


# Expected input


def test_spectrum_from_an_example():
    """The louder and broader of two examples has the larger radii."""
    quiet, loud = (
        make(
            coordinates="legendre",
            spectrum=Spectrum.from_signal(white_noise(20, DT, freq, rms, 0), DT),
        )
        for freq, rms in ((3, 0.1), (5, 0.4))
    )
    assert np.all(loud.realization.radii > 2 * quiet.realization.radii)
    flat = make(coordinates="legendre", freq=5, rms=0.4)
    np.testing.assert_allclose(
        loud.realization.radii, flat.realization.radii, rtol=0.25
    )


def test_spectrum_leaves_no_room_for_freq_and_rms():
    spectrum = Spectrum.flat(5, 0.5)
    for name in ("freq", "rms"):
        with pytest.raises(ValidationError, match=f"{name}: must be None if spec"):
            make(spectrum=spectrum, **{name: 1.0})


@pytest.mark.parametrize("coordinates", COORDINATES)
def test_check_range(coordinates):
    memory = make(coordinates=coordinates)
    inside, outside = memory.check_range(U), memory.check_range(10 * U)
    column = memory.check_range(np.reshape(U, (-1, 1)))  # as Nengo gives it
    np.testing.assert_array_equal(column.largest, inside.largest)
    assert inside
    assert not outside
    assert inside.largest.shape == inside.outside.shape == (ORDER,)
    np.testing.assert_array_equal(inside.outside, 0)
    np.testing.assert_allclose(outside.largest, 10 * inside.largest)
    assert np.all((outside.outside > 0) & (outside.outside < 1))
    assert str(inside).startswith("The state stays within its radii: at most, coord")
    worst = int(np.argmax(outside.largest))
    text = f"coordinate {worst} reaches {outside.largest[worst]:.2f} of its radius"
    assert text in str(outside) and "Spectrum.from_signal" in str(outside)


def test_beyond_its_radii_the_memory_is_wrong_until_two_theta_after():
    loud = round(0.5 / DT)
    u = np.where(np.arange(len(U)) < loud, 10 * U, U)
    exact = simulate(*discretize(*state_space(THETA, ORDER), DT), u)
    network, memory = fed(u, neuron_type=nengo.LIFRate(), n_neurons=50)
    with pytest.warns(UserWarning, match="expects at most 2.25;"):
        (m,) = run(network, probe(network, memory.output))
    assert not memory.check_range(u)
    during, after = slice(0, loud), slice(loud + round(2 * THETA / DT), None)
    assert rmse(m[during], exact[during]) > 0.5 * rmse(exact[during], 0 * exact[during])
    assert rmse(m[after], exact[after]) < 0.1 * rmse(exact[after], 0 * exact[after])


def test_predicted_noise():
    network, memory = fed(order=3, n_neurons=50)
    with nengo.Simulator(network, progress_bar=False) as sim:
        populations = memory.populations(sim.data)
        noise = memory.predict_rmse(sim.data)
        filtered = memory.predict_rmse(sim.data, synapse=0.1)
    assert 0 < filtered < noise
    for population, ensemble in zip(populations, memory.ensembles):
        assert len(population.decoders) == ensemble.n_neurons
        values = 0.5 * ensemble.radius * np.linspace(-1, 1, 20)
        assert rmse(population.decode(values), values) < 0.1 * ensemble.radius


NEURONS = [
    nengo.LIF,
    nengo.SpikingRectifiedLinear,
    nengo.LIFRate,
    nengo.RectifiedLinear,
]
ON_NENGO = [("nengo", kind) for kind in NEURONS]


@pytest.mark.parametrize(
    "backend, kind",
    [*ON_NENGO, pytest.param("nengo_dl", nengo.LIF, marks=pytest.mark.slow)],
)
def test_spikes_of_any_height_are_decoded_as_well(backend, kind):
    simulator = (nengo if backend == "nengo" else require(backend)).Simulator
    u = U[:300]

    def states(amplitude):
        network, memory = fed(u, order=2, neuron_type=kind(amplitude=amplitude))
        with network:
            function = memory.add_output(np.prod, [0, THETA], n_neurons=50)
        targets = probe(network, memory.output), probe(network, function, 0.05)
        with simulator(network, progress_bar=False, seed=0) as sim:
            sim.run_steps(len(u))
            return [np.array(sim.data[target]) for target in targets]

    expected = states(1)
    for amplitude in (0.001, 100):
        for found, same in zip(states(amplitude), expected):
            assert rmse(found, same) < 0.01 * rmse(same, 0 * same)


def test_poisson_neurons_of_scaled_rates_spike_as_much_more_often():
    """The amplitude of the rates that they fire at is not that of their spikes."""
    predicted = []
    for amplitude in (0.1, 1):
        kind = nengo.PoissonSpiking(nengo.LIFRate(amplitude=amplitude))
        network, memory = fed(order=3, n_neurons=50, neuron_type=kind)
        with nengo.Simulator(network, progress_bar=False) as sim:
            predicted.append(memory.predict_rmse(sim.data))
    assert predicted[0] == pytest.approx(np.sqrt(10) * predicted[1], rel=0.2)


def test_neurons_without_a_theory_have_no_prediction(monkeypatch):
    network, memory = fed(order=3, neuron_type=nengo.LIF())
    with nengo.Simulator(network, progress_bar=False) as sim:
        data = sim.data
    # those of Izhikevich neurons take half a minute
    monkeypatch.setattr(nengo.LIF, "rates", lambda *_: pytest.fail("asked for rates"))
    with pytest.raises(ValidationError, match="^neuron_type: must be Poisson"):
        memory.predict_rmse(data)


@pytest.mark.parametrize("kind", [nengo.PoissonSpiking, nengo.RegularSpiking])
def test_refuses_spikes_that_are_decoded_without_their_height(kind):
    with pytest.raises(ValidationError, match="^neuron_type: .*amplitude of 1"):
        make(neuron_type=kind(nengo.LIFRate(), amplitude=0.01))


@pytest.mark.parametrize("kind", [nengo.AdaptiveLIF, nengo.AdaptiveLIFRate])
def test_amplitudes_of_neurons_that_adapt_to_them_are_refused(kind):
    """They would not only be higher, but fire at other rates."""
    make(neuron_type=kind())
    with pytest.raises(ValidationError, match="amplitude of 1, .*adapt to their own"):
        make(neuron_type=kind(amplitude=0.01))


@pytest.mark.parametrize("data", [{}, None, "sim.data", [1]])
def test_refuses_data_of_other_simulators(data):
    _, memory = fed(order=2)
    with pytest.raises(ValidationError, match="^data: must be sim.data of a simulator"):
        memory.predict_rmse(data)
    network, other = fed(order=2)
    with nengo.Simulator(network, progress_bar=False) as sim:
        others = sim.data
    with pytest.raises(ValidationError, match="^data: must be sim.data"):
        memory.predict_rmse(others)
    with pytest.raises(ValidationError, match="^neuron_types: must be"):
        other.predict_rmse(others, neuron_types=[nengo.LIF()])


def test_for_a_given_signal_the_prediction_holds_distortion():
    """Of two inputs, each with decoders of its own."""
    u = np.stack([U, 0.5 * U[::-1]], axis=1)
    for neuron_type in (poisson(), nengo.LIFRate()):
        memory = make(order=3, size_in=2, neuron_type=neuron_type)
        with nengo.Simulator(memory, progress_bar=False) as sim:
            data, populations = sim.data, memory.populations(sim.data)
        settled = round((THETA + 5 * 0.1) / DT)
        noise = memory.predict_rmse(data)
        squares = [noise**2]
        squares += [
            distortion_rmse(memory.realization, part, one, settled=settled) ** 2
            for part, one in zip((populations[:3], populations[3:]), u.T)
        ]
        both = memory.predict_rmse(data, signal=u)
        assert both == pytest.approx(np.sqrt(np.sum(squares)), rel=1e-3)
        assert both > noise


@pytest.mark.parametrize(
    "signal", [1.0, "u", [[1.0, 2.0]], [NAN] * 2000, np.zeros(100), np.zeros((2000, 2))]
)
def test_refuses_signals_of_a_prediction(signal):
    memory = make(order=2)
    with nengo.Simulator(memory, progress_bar=False) as sim:
        data = sim.data
    with pytest.raises(ValidationError, match="^signal: must be"):
        memory.predict_rmse(data, signal=signal)


def test_direct_mode_has_no_neurons():
    network, memory = fed(neuron_type=nengo.Direct())
    with nengo.Simulator(network, progress_bar=False) as sim:
        assert memory.predict_rmse(sim.data) == 0
        with pytest.raises(ValidationError, match="neuron_type"):
            memory.populations(sim.data)
