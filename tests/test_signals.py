"""Spectra and synthetic signals."""

import nengo
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nengo.exceptions import ValidationError
from scipy.signal import lfilter

from spiking_lmu.signals import Spectrum, lowpass, sine, switched, white_noise

# spectra


@given(
    freq=st.floats(0.1, 200),
    rms=st.floats(0.01, 10),
    fineness=st.floats(0.005, 5),
)
def test_flat_power_lies_in_the_band(freq, rms, fineness):
    spectrum = Spectrum.flat(freq, rms)
    frequencies, powers = spectrum.sample(0.001, fineness * freq)
    assert spectrum.freq == freq
    assert spectrum.rms == pytest.approx(rms)
    assert powers.sum() == pytest.approx(rms**2, rel=1e-12)
    assert np.all(powers > 0)
    assert np.all(np.diff(frequencies) > 0)
    assert frequencies[0] > 0 and frequencies[-1] < freq
    edges = np.concatenate([[0], frequencies, [freq]])
    assert np.max(np.diff(edges)) <= fineness * freq


@pytest.mark.parametrize("theta", [0.01, 0.1, 1.0])
def test_flat_integral_has_its_closed_form(theta):
    """A lowpass of time constant theta: an arctangent."""
    freq = 2.0
    frequencies, powers = Spectrum.flat(freq, 3.0).sample(0.001, 0.05 / theta)
    angular = 2 * np.pi * theta
    gains = 1 / (1 + (angular * frequencies) ** 2)
    expected = 9 / freq * np.arctan(angular * freq) / angular
    assert powers @ gains == pytest.approx(expected, rel=1e-6)


def test_oscillating_integral_has_its_closed_form():
    """The autocovariance of band-limited white noise is a sinc."""
    lags = np.linspace(0, 1, 7)
    frequencies, powers = Spectrum.flat(5, 1).sample(0.001, 0.05)
    covariance = np.cos(2 * np.pi * np.outer(lags, frequencies)) @ powers
    np.testing.assert_allclose(covariance, np.sinc(2 * 5 * lags), atol=1e-9)


def test_pass_band_may_end_at_the_limit():
    frequencies, powers = Spectrum.flat(500, 2).sample(0.001, 20)
    assert powers.sum() == pytest.approx(4)
    assert frequencies[-1] < 500


@settings(max_examples=50)
@given(
    n=st.integers(2, 3000),
    mean=st.floats(-10, 10),
    dt=st.sampled_from([1e-4, 1e-3, 0.1]),
    seed=st.integers(0, 100),
)
def test_measured_power_is_the_signals(n, mean, dt, seed):
    """Parseval: the powers add up to the mean square, whatever the window."""
    signal = np.random.default_rng(seed).normal(mean, 1, size=n)
    spectrum = Spectrum.from_signal(signal, dt)
    square = np.mean(signal**2)
    assert spectrum.rms**2 == pytest.approx(square)
    assert 0 < spectrum.freq <= 0.5 / dt
    frequencies, powers = spectrum.sample(dt, spectrum.freq / 7)
    assert powers.sum() == pytest.approx(square)
    assert frequencies[0] == 0
    assert powers[0] == pytest.approx(signal.mean() ** 2)


def test_measured_spectrum_of_white_noise_is_flat():
    signal = white_noise(50, 0.001, 20, 0.7, seed=1)
    spectrum = Spectrum.from_signal(signal, 0.001)
    assert spectrum.freq == pytest.approx(20, rel=0.02)
    assert spectrum.rms == pytest.approx(0.7, rel=0.1)
    frequencies, powers = spectrum.sample(0.001, 0.2)
    shares, _ = np.histogram(frequencies, [0, 5, 10, 15, 20], weights=powers)
    # 5 Hz in 50 s are 250 coefficients of two degrees of freedom each
    tolerance = 4 / np.sqrt(250)
    np.testing.assert_allclose(shares, 0.49 / 4, rtol=tolerance)
    assert powers[frequencies > 20.5].sum() < 1e-3 * spectrum.rms**2


def test_measured_spectrum_agrees_with_the_filtered_signal():
    """Covariance of a lowpass: by the spectrum, and by running the filter."""
    dt, tau = 0.001, 0.02
    signal = white_noise(60, dt, 10, 1, seed=3) + 0.5
    decay = np.exp(-dt / tau)
    state = lfilter([1 - decay], [1, -decay], signal)
    spectrum = Spectrum.from_signal(signal, dt)
    frequencies, powers = spectrum.sample(dt, 0.5)
    gains = (1 - decay) / np.abs(1 - decay * np.exp(-2j * np.pi * frequencies * dt))
    assert powers @ gains**2 == pytest.approx(np.mean(state**2), rel=0.01)


def test_measured_sine_is_found():
    spectrum = Spectrum.from_signal(sine(10, 0.001, 8, 2), 0.001)
    assert spectrum.freq == pytest.approx(8, abs=1)
    assert spectrum.rms == pytest.approx(2)
    frequencies, powers = spectrum.sample(0.001, 0.1)
    near = np.abs(frequencies - 8) < 1
    assert powers[near].sum() == pytest.approx(4, rel=0.01)


def test_signal_of_lower_rate_than_the_system():
    spectrum = Spectrum.from_signal(np.random.default_rng(0).normal(size=2000), 0.01)
    frequencies, powers = spectrum.sample(0.001, 1)
    assert frequencies[-1] < 50
    assert powers.sum() == pytest.approx(spectrum.rms**2)
    with pytest.raises(ValidationError, match="^dt: must be at most 0.01"):
        spectrum.sample(0.02, 1)


def test_signal_of_higher_rate_than_the_system():
    """What little lies above the system's limit counts as if it lay below."""
    signal = white_noise(10, 0.0001, 30, 0.5, seed=0)
    signal += 0.01 * np.random.default_rng(0).normal(size=signal.size)
    spectrum = Spectrum.from_signal(signal, 0.0001)
    assert spectrum.edges[-1] == 5000
    frequencies, powers = spectrum.sample(0.001, 1)
    assert frequencies[-1] < 500
    assert powers.sum() == pytest.approx(np.mean(signal**2))


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("edges", ([1, 2], [1])),
        ("edges", ([0, 2, 2], [1, 1])),
        ("edges", ([0, np.inf], [1])),
        ("edges", ("ab", [1])),
        ("powers", ([0, 1], [1, 2])),
        ("powers", ([0, 1], [-1])),
        ("powers", ([0, 1], [0])),
        ("powers", ([0], [1])),
        ("mean_power", ([0, 1], [1], -1)),
    ],
)
def test_spectrum_refuses(name, arguments):
    with pytest.raises(ValidationError, match=f"^{name}: must be"):
        Spectrum(*arguments)


BAD_NUMBERS = [0, -1, np.nan, np.inf, "1", None, [1, 2], True]


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_spectrum_refuses_numbers(bad):
    spectrum = Spectrum.flat(2, 1)
    for name, call in {
        "freq": lambda: Spectrum.flat(bad, 1),
        "rms": lambda: Spectrum.flat(1, bad),
        "dt": lambda: spectrum.sample(bad, 1),
        "resolution": lambda: spectrum.sample(0.001, bad),
    }.items():
        with pytest.raises(ValidationError, match=f"^{name}: must be"):
            call()
    with pytest.raises(ValidationError, match="^dt: must be"):
        Spectrum.from_signal([1, 2], bad)


def test_sample_refuses_what_it_cannot_resolve():
    with pytest.raises(ValidationError, match="resolution"):
        Spectrum.flat(2, 1).sample(0.001, 1e-9)
    with pytest.raises(ValidationError, match="^dt: must be at most 0.25 s"):
        Spectrum.flat(2, 1).sample(0.5, 0.1)


@pytest.mark.parametrize("bad", [[], [1], [2, 2, 2], [1, np.nan], [[1, 2]], "ab", None])
def test_signals_refused(bad):
    with pytest.raises(ValidationError, match="^signal: must be"):
        Spectrum.from_signal(bad, 0.001)
    with pytest.raises(ValidationError, match="^signal: must be"):
        switched(bad, 0.001)


# synthetic signals


@pytest.mark.parametrize("duration, dt", [(1.0, 0.001), (0.3, 0.007), (0.1001, 0.0001)])
def test_white_noise_is_what_a_simulation_sees(duration, dt):
    process = nengo.processes.WhiteSignal(duration, high=30, rms=0.4, seed=6)
    with nengo.Network(seed=1) as model:
        probe = nengo.Probe(nengo.Node(process))
    with nengo.Simulator(model, dt=dt, progress_bar=False) as sim:
        sim.run_steps(round(duration / dt), progress_bar=False)
    signal = white_noise(duration, dt, 30, 0.4, seed=6)
    np.testing.assert_array_equal(signal, sim.data[probe][:, 0])


def test_white_noise_has_its_power_in_its_band():
    signal = white_noise(100, 0.001, 10, 0.5, seed=0)
    assert signal.shape == (100_000,)
    assert signal.mean() == pytest.approx(0, abs=1e-12)
    # 1,000 coefficients of two degrees of freedom each, in the mean square
    assert np.mean(signal**2) == pytest.approx(0.25, rel=4 / np.sqrt(1000))
    lines = np.abs(np.fft.rfft(signal))
    frequencies = np.fft.rfftfreq(signal.size, 0.001)
    assert lines[frequencies > 10.001].max() < 1e-9 * lines.max()


def test_sine():
    signal = sine(1, 0.001, 10, 0.3)
    assert np.sqrt(np.mean(signal**2)) == pytest.approx(0.3)
    assert signal.max() == pytest.approx(0.3 * np.sqrt(2))
    assert signal[99] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("bad", BAD_NUMBERS)
@pytest.mark.parametrize(
    "position, name", list(enumerate(["duration", "dt", "freq", "rms"]))
)
def test_synthetic_signals_refuse(position, name, bad):
    arguments = [1, 0.001, 10, 0.5]
    arguments[position] = bad
    with pytest.raises(ValidationError, match=f"^{name}: must be"):
        sine(*arguments)
    with pytest.raises(ValidationError, match=f"^{name}: must be"):
        white_noise(*arguments, seed=0)


def test_synthetic_signals_refuse_extremes():
    for seed in (-1, None, 1.5, 2**31):
        with pytest.raises(ValidationError, match="^seed"):
            white_noise(1, 0.001, 10, 0.5, seed)
    for freq in (0.5, 501):
        with pytest.raises(ValidationError, match="^freq"):
            white_noise(1, 0.001, freq, 0.5, 0)
    with pytest.raises(ValidationError, match="^duration"):
        sine(1e9, 0.001, 10, 0.5)


def test_switched_stops_starts_and_jumps():
    dt, signal = 0.1, np.sin(np.arange(1.0, 21))
    np.testing.assert_array_equal(switched(signal, dt), signal)
    result = switched(signal, dt, off=[(0, 0.3), (1.0, 1.2)], jumps=[1.5, 0.5])
    assert np.flatnonzero(result == 0).tolist() == [0, 1, 2, 10, 11]
    np.testing.assert_array_equal(result[3:5], signal[3:5])
    np.testing.assert_array_equal(result[5:10], signal[13:18])  # 8 samples on
    np.testing.assert_array_equal(result[15:], np.roll(signal, -16)[15:])
    np.testing.assert_array_equal(signal, np.sin(np.arange(1.0, 21)))


@given(st.lists(st.floats(0, 2), max_size=4))
def test_jumps_keep_the_values(jumps):
    signal = np.arange(20.0)
    result = switched(signal, 0.1, jumps=jumps)
    assert set(result) <= set(signal)
    steps = np.diff(result) % 20
    assert np.sum(steps != 1) <= len(jumps)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("dt", {"dt": 0}),
        ("off", {"off": [(1, 0.5)]}),
        ("off", {"off": [(0, 3)]}),
        ("off", {"off": [(-1, 1)]}),
        ("off", {"off": [(0, 1, 2)]}),
        ("off", {"off": [0, 1]}),
        ("off", {"off": "soon"}),
        ("jumps", {"jumps": [3]}),
        ("jumps", {"jumps": [-1]}),
        ("jumps", {"jumps": 1.0}),
        ("jumps", {"jumps": [np.nan]}),
    ],
)
def test_switched_refuses(name, arguments):
    with pytest.raises(ValidationError, match=f"^{name}: must be"):
        switched(np.arange(20.0), **{"dt": 0.1, **arguments})


def test_one_column_is_a_signal():
    """As Nengo's processes and probes give it."""
    signal = np.random.default_rng(0).normal(size=(3000, 1))
    column, flat = Spectrum.from_signal(signal), Spectrum.from_signal(signal[:, 0])
    np.testing.assert_array_equal(column.powers, flat.powers)
    np.testing.assert_array_equal(
        switched(signal, 0.001, off=[[1, 2]]), switched(signal[:, 0], 0.001, [[1, 2]])
    )
    for other in (np.ones((3, 2)), np.ones((1, 3)), np.ones((3, 1, 1))):
        with pytest.raises(ValidationError, match="^signal: must be"):
            Spectrum.from_signal(other)


@pytest.mark.parametrize("tau", [1e9, 1e14, 1e20])
def test_slow_filters_integrate(tau):
    """Where 1 - exp(-dt / tau) would be rounded, or nothing."""
    filtered = lowpass(np.ones(1000), tau, 1e-3)
    np.testing.assert_allclose(filtered, np.arange(1000) * 1e-3 / tau, rtol=1e-9)
