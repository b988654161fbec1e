"""Input signals: their expected spectra, and synthetic ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np

from .validation import (
    check_array,
    check_column,
    check_integer,
    check_number,
    check_positive,
    refusal,
)

# of Gaussian noise, in standard deviations: exceeded 7 times in a million
PEAK_OF_NOISE = 4.5
LARGEST = 1e100  # squares of it, and their sums, are still finite
MAX_STEPS = 10**8
MAX_PANELS = 10**5
GROWTH = 0.02  # how much wider each panel above `freq` is than the last


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The expected input: its power at each frequency.

    Power is uniform within each band. `flat` and `from_signal` are the usual ways to
    create a spectrum.

    Parameters
    ----------
    edges : (n + 1,) array_like
        Frequencies in Hz, increasing from 0, that bound the bands.
    powers : (n,) array_like
        Mean square of the input in each band.
    mean_power : float
        Square of the input's mean.
    peak : float
        Largest expected magnitude, relative to the rms: 4.5 for noise, more for
        recordings with sharp peaks. Populations cover this range.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is none of the above, or the input has no power.
    """

    edges: np.ndarray
    powers: np.ndarray
    mean_power: float = 0.0
    peak: float = PEAK_OF_NOISE

    def __post_init__(self) -> None:
        edges = check_array("edges", self.edges, 0, LARGEST, ndims=(1,))
        powers = check_array("powers", self.powers, 0, LARGEST, ndims=(1,))
        if edges[0] != 0 or np.any(np.diff(edges) <= 0):
            raise refusal("edges", self.edges, "frequencies that increase from 0")
        if powers.size != edges.size - 1:
            allowed = f"{edges.size - 1} numbers, one for each band"
            raise refusal("powers", self.powers, allowed)
        if not powers.any():
            raise refusal("powers", self.powers, "above zero in at least one band")
        mean_power = check_number("mean_power", self.mean_power, 0, LARGEST)
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "powers", powers)
        object.__setattr__(self, "mean_power", mean_power)
        object.__setattr__(self, "peak", check_number("peak", self.peak, 1, 1e6))

    def __repr__(self) -> str:
        bands = f"{len(self.powers)} bands up to" if len(self.powers) > 1 else "up to"
        return f"<Spectrum: {self.rms:.3g} rms, {bands} {self.freq:.4g} Hz>"

    @classmethod
    def flat(cls, freq: float, rms: float) -> Spectrum:
        """White noise of ``rms`` that is band-limited to 0 to ``freq`` Hz.

        Raises
        ------
        nengo.exceptions.ValidationError
            If ``freq`` or ``rms`` is not positive.
        """
        freq = check_number("freq", freq, 0, LARGEST, exclusive=True)
        rms = check_positive("rms", rms)
        return cls(np.array([0, freq]), np.array([rms**2]))

    @classmethod
    def from_signal(cls, signal: Any, dt: float = 0.001) -> Spectrum:
        """The measured spectrum of an example, by the method of Welch [1]_.

        Segments overlap by half. They are a quarter of the signal long, and at
        least 256 samples if there are so many. Their sum is scaled to the variance
        of the signal, so that windows do not change the power. The mean is power at
        0 Hz. The peak is that of the example if it exceeds that of noise.

        Parameters
        ----------
        signal : (n,) or (n, 1) array_like
            At least 2 samples, not all the same.
        dt : float
            Time between samples in seconds.

        Raises
        ------
        nengo.exceptions.ValidationError
            If an argument is none of the above.

        References
        ----------
        .. [1] P. D. Welch, "The use of fast Fourier transform for the
           estimation of power spectra", IEEE Transactions on Audio and
           Electroacoustics 15(2), 1967.
        """
        from scipy.signal import welch

        signal = _check_signal(signal)
        dt = check_positive("dt", dt)
        mean = signal.mean()
        variance = np.mean((signal - mean) ** 2)
        length = max(signal.size // 4, min(signal.size, 256))
        scaled = (signal - mean) / np.sqrt(variance)
        centres, density = welch(scaled, 1 / dt, nperseg=length, detrend=False)
        middles = (centres[1:] + centres[:-1]) / 2
        edges = np.concatenate([[0], middles, [0.5 / dt]])
        powers = variance * density / density.sum()
        # signals that are spikier than noise keep their peaks
        peak = np.max(np.abs(signal)) / np.sqrt(variance + mean**2)
        return cls(edges, powers, mean**2, max(PEAK_OF_NOISE, float(peak)))

    @property
    def rms(self) -> float:
        """Root mean square of the input, its mean included."""
        return float(np.sqrt(self.powers.sum() + self.mean_power))

    @property
    def freq(self) -> float:
        """Hz below which 99 % of the power about the mean lies, in whole bands."""
        share = np.cumsum(self.powers) / self.powers.sum()
        return float(self.edges[1:][np.argmax(share >= 0.99)])

    def sample(self, dt: float, resolution: float) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies and powers that represent the spectrum in an integral.

        The integral of the density times any g(f) is about
        ``powers @ g(frequencies)``; so the covariance of states with transfer
        functions H is the sum of powers times Re(H H*). Gauss-Legendre
        quadrature, in panels that become wider above `freq`. The powers add up
        to ``rms**2``; power above 1 / (2 dt), at most 1 %, is
        distributed in proportion over the frequencies below.

        Parameters
        ----------
        dt : float
            Time step of the system in seconds.
        resolution : float
            Largest spacing of frequencies up to `freq`, in Hz. Take a small part
            of the scale on which g varies.

        Returns
        -------
        frequencies, powers : (n,) arrays
            In Hz, and in the square of the input's unit.

        Raises
        ------
        nengo.exceptions.ValidationError
            If `freq` does not lie below 1 / (2 dt), or the resolution is not
            positive or too fine.
        """
        dt = check_number("dt", dt, 0, exclusive=True)
        if 0.5 / dt < self.freq * (1 - 1e-9):
            allowed = (
                f"at most {0.5 / self.freq:g} s for frequencies to {self.freq:g} Hz"
            )
            raise refusal("dt", dt, allowed)
        lowest = 2 * self.freq / MAX_PANELS
        resolution = check_number("resolution", resolution, low=lowest)
        limit = min(self.edges[-1], 0.5 / dt)
        panels = _panels(self.freq, limit, 2 * resolution)
        widths = np.diff(panels)
        cumulative = np.concatenate([[0], np.cumsum(self.powers)])
        powers = np.diff(np.interp(panels, self.edges, cumulative))
        powers *= self.powers.sum() / powers.sum()
        nodes, weights = np.polynomial.legendre.leggauss(4)
        frequencies = panels[:-1, None] + widths[:, None] * (nodes + 1) / 2
        frequencies, powers = frequencies.ravel(), np.outer(powers, weights / 2).ravel()
        if self.mean_power:
            frequencies = np.append(0.0, frequencies)
            powers = np.append(self.mean_power, powers)
        return frequencies, powers


def white_noise(
    duration: float, dt: float, freq: float, rms: float, seed: int
) -> np.ndarray:
    """Band-limited Gaussian white noise, as ``nengo.processes.WhiteSignal`` makes it.

    The mean is zero; the signal repeats after ``duration``.

    Parameters
    ----------
    duration, dt : float
        Length and time step in seconds.
    freq : float
        Highest frequency in Hz, 1 / duration to 1 / (2 dt).
    rms : float
        Expected root mean square.
    seed : int
        The same seed gives the same signal, here and in a simulation.

    Returns
    -------
    (n,) array
        The values at dt, 2 dt, ..., duration.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is none of the above.
    """
    n_steps, dt = _check_steps(duration, dt)
    freq = check_number("freq", freq, 1 / duration, 0.5 / dt)
    rms = check_positive("rms", rms)
    seed = check_integer("seed", seed, 0, np.iinfo(np.int32).max)
    process = nengo.processes.WhiteSignal(duration, high=freq, rms=rms, seed=seed)
    return process.run_steps(n_steps, dt=dt)[:, 0]


def sine(duration: float, dt: float, freq: float, rms: float) -> np.ndarray:
    """A sine wave that begins at 0, of the given ``rms`` over whole periods.

    Parameters
    ----------
    duration, dt
        As for `white_noise`.
    freq : float
        In Hz, at most 1 / (2 dt).
    rms : float
        Root mean square; the amplitude is sqrt(2) times as much.

    Returns
    -------
    (n,) array
        As `white_noise` does, which raises the same errors.
    """
    n_steps, dt = _check_steps(duration, dt)
    freq = check_number("freq", freq, 0, 0.5 / dt, exclusive=True)
    rms = check_positive("rms", rms)
    time = dt * np.arange(1, n_steps + 1)
    return np.sqrt(2) * rms * np.sin(2 * np.pi * freq * time)


def lowpass(values: np.ndarray, tau: float, dt: float) -> np.ndarray:
    """Filter values (n,) or (n, d) over time as a `nengo.Probe` with a synapse does.

    Nengo's probes show the output of their synapse a step late, which
    ``nengo.Lowpass.filt`` does not.

    Parameters
    ----------
    values : (n,) or (n, d) ndarray
    tau, dt : float
        Time constant and time step, in seconds.
    """
    from scipy.signal import lfilter

    tau = check_number("tau", tau, 0, exclusive=True)
    a, b = np.exp(-dt / tau), -np.expm1(-dt / tau)
    return lfilter([0, b], [1, -a], values, axis=0)


def switched(signal: Any, dt: float, off: Any = (), jumps: Any = ()) -> np.ndarray:
    """A copy of ``signal`` that stops, starts and jumps.

    At each jump it continues elsewhere in the signal, as in a loop. The value jumps,
    and the spectrum between jumps remains the same.

    Parameters
    ----------
    signal : (n,) or (n, 1) array_like
        Values at dt, 2 dt, ...
    dt : float
        Time step in seconds.
    off : (k, 2) array_like
        Beginning and end, in seconds, of the spans where the signal is zero.
    jumps : (j,) array_like
        Times of the jumps in seconds. A change is visible in the first step after it.

    Returns
    -------
    (n,) array

    Raises
    ------
    nengo.exceptions.ValidationError
        If the signal is constant or not finite, a span ends before it begins,
        or an instant is negative or after the end of the signal.
    """
    signal = _check_signal(signal)
    dt = check_positive("dt", dt)
    duration = signal.size * dt * (1 + 1e-9)
    time = dt * np.arange(1, signal.size + 1)
    result = signal
    if np.size(jumps):
        jumps = check_array("jumps", jumps, 0, duration, ndims=(1,))
        stretch = np.searchsorted(np.sort(jumps) + dt * 1e-6, time)
        shift = round(0.382 * signal.size)  # golden ratio: stretches are spread evenly
        result = signal[(np.arange(signal.size) + stretch * shift) % signal.size]
    result = result.copy()
    if np.size(off):
        spans = check_array("off", off, 0, duration, ndims=(2,))
        if spans.shape[1] != 2 or np.any(spans[:, 0] >= spans[:, 1]):
            raise refusal("off", off, "pairs of a start and a later end")
        for start, stop in spans + dt * 1e-6:
            result[(time > start) & (time <= stop)] = 0
    return result


def _panels(freq: float, limit: float, width: float) -> np.ndarray:
    """Edges from 0 to ``limit``, at most ``width`` apart below ``freq``.

    Above it each panel is wider than the last.
    """
    n_inner = int(np.ceil(freq / width * (1 - 1e-12)))
    inner = np.linspace(0, freq, n_inner + 1)
    span = limit - freq
    if span <= 1e-9 * freq:
        return inner
    n_outer = int(np.ceil(np.log1p(span * GROWTH / inner[1]) / np.log1p(GROWTH)))
    outer = np.expm1(np.arange(1, n_outer + 1) * np.log1p(GROWTH))
    return np.concatenate([inner, freq + span * outer / outer[-1]])


def _check_signal(signal: Any) -> np.ndarray:
    values = check_column("signal", signal, -LARGEST, LARGEST)
    if np.ptp(values) <= 1e-12 * np.max(np.abs(values)):
        raise refusal("signal", signal, "of at least two values, not all the same")
    return values


def _check_steps(duration: Any, dt: Any) -> tuple[int, float]:
    """Number of steps and dt."""
    dt = check_positive("dt", dt)
    duration = check_number("duration", duration, dt, dt * MAX_STEPS)
    return round(duration / dt), dt
