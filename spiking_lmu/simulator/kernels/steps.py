"""A time step of many neurons of a kind, whose numbers lie side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nengo
import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from spiking_lmu.neurons import SystematicSpiking

from . import neurons
from .bits import lowest_bit, which_above_one
from .compilation import compiled
from .random_numbers import SIZE, uniform

LONGEST = 0.2  # time steps for which LIF neurons have series, in units of tau_rc

(
    RECTIFIED_LINEAR,
    SPIKING_RECTIFIED_LINEAR,
    SIGMOID,
    TANH,
    LIF_RATE,
    LIF,
    ADAPTIVE_LIF_RATE,
    ADAPTIVE_LIF,
    IZHIKEVICH,
    REGULAR_SPIKING,
    STOCHASTIC_SPIKING,
    POISSON_SPIKING,
    SYSTEMATIC_SPIKING,
) = range(13)

KINDS: dict[type, int] = {
    nengo.RectifiedLinear: RECTIFIED_LINEAR,
    nengo.SpikingRectifiedLinear: SPIKING_RECTIFIED_LINEAR,
    nengo.Sigmoid: SIGMOID,
    nengo.Tanh: TANH,
    nengo.LIFRate: LIF_RATE,
    nengo.LIF: LIF,
    nengo.AdaptiveLIFRate: ADAPTIVE_LIF_RATE,
    nengo.AdaptiveLIF: ADAPTIVE_LIF,
    nengo.Izhikevich: IZHIKEVICH,
    nengo.RegularSpiking: REGULAR_SPIKING,
    nengo.StochasticSpiking: STOCHASTIC_SPIKING,
    nengo.PoissonSpiking: POISSON_SPIKING,
    SystematicSpiking: SYSTEMATIC_SPIKING,
}

# the attributes of Nengo's types that follow dt in their parameters
ATTRIBUTES: dict[int, tuple[str, ...]] = {
    RECTIFIED_LINEAR: ("amplitude",),
    SPIKING_RECTIFIED_LINEAR: ("amplitude",),
    SIGMOID: ("tau_ref",),
    TANH: ("tau_ref",),
    LIF_RATE: ("tau_rc", "tau_ref", "amplitude"),
    LIF: ("tau_rc", "tau_ref", "amplitude", "min_voltage"),
    ADAPTIVE_LIF_RATE: ("tau_rc", "tau_ref", "amplitude", "tau_n", "inc_n"),
    ADAPTIVE_LIF: ("tau_rc", "tau_ref", "amplitude", "min_voltage", "tau_n", "inc_n"),
    IZHIKEVICH: ("tau_recovery", "coupling", "reset_voltage", "reset_recovery"),
    REGULAR_SPIKING: ("amplitude",),
    STOCHASTIC_SPIKING: ("amplitude",),
    POISSON_SPIKING: ("amplitude",),
    SYSTEMATIC_SPIKING: ("amplitude",),
}


def parameters(neuron_type: nengo.neurons.NeuronType, dt: float) -> list[float]:
    """The numbers that the step of a neuron type requires, to be put into the arena.

    The first is dt. The `lif_series` of spiking LIF neurons come last.
    """
    names = ATTRIBUTES[KINDS[type(neuron_type)]]
    own = [float(getattr(neuron_type, name)) for name in names]
    if isinstance(neuron_type, nengo.LIF):
        own += lif_series(neuron_type, dt)
    if type(neuron_type) is SystematicSpiking:
        own.append(neuron_type.added)
    return [dt, *own]


def lif_series(neuron_type: nengo.LIF, dt: float) -> list[float]:
    """The constants of `neurons.lif_decay`, of which the first is 1; or a 0 alone.

    The decay ``expm1(-t / tau_rc)`` of a time t, and the time since a spike, are
    polynomials that differ from them by rounding errors, for times up to dt.
    """
    tau_rc, tau_ref = neuron_type.tau_rc, neuron_type.tau_ref
    if dt > LONGEST * tau_rc:
        return [0.0]

    def decay(t: np.ndarray) -> np.ndarray:
        return np.expm1(-t / tau_rc) / t

    def since(z: np.ndarray) -> np.ndarray:
        return 2 * tau_rc * np.arctanh(np.sqrt(z)) / np.sqrt(z)

    largest = np.tanh(dt / tau_rc / 2) ** 2
    return [
        1.0,
        *(dt, neuron_type.min_voltage, tau_rc, tau_ref + dt, 1.01 * largest),
        *_polynomial(decay, 6, dt),
        *_polynomial(since, 3, largest),
    ]


def _polynomial(
    function: Callable[[np.ndarray], np.ndarray], degree: int, end: float
) -> list[float]:
    """Coefficients of a polynomial that is close to a function between 0 and `end`.

    That of the highest power comes first.
    """
    nodes = Chebyshev.interpolate(lambda u: function(u * end), degree, [0, 1])
    coefficients = [float(c) for c in nodes.convert(kind=Polynomial).coef]
    coefficients += [0.0] * (degree + 1 - len(coefficients))
    return [c / end**k for k, c in enumerate(coefficients)][::-1]


@compiled(forceinline=True)
def series(arena: Any, p: int) -> Any:
    """The `lif_series` at p."""
    low = (arena[p], arena[p + 1], arena[p + 2], arena[p + 3], arena[p + 4])
    p += 6
    powers = (arena[p], arena[p + 1], arena[p + 2], arena[p + 3])
    decay = (*powers, arena[p + 4], arena[p + 5], arena[p + 6])
    since = (arena[p + 7], arena[p + 8], arena[p + 9], arena[p + 10])
    return (*low, arena[p - 1], decay, since)


@compiled(forceinline=True)
def above_one(voltage: Any, first: int) -> Any:
    """Which of the 64 numbers from one on, or of the last ones, are above 1: bits."""
    if first + 64 <= len(voltage):
        return which_above_one(voltage, first)
    bits = np.uint64(0)
    for i in range(np.uint64(len(voltage) - first)):
        bits |= np.uint64(voltage[np.uint64(first) + i] > 1.0) << i
    return bits


@compiled(forceinline=True)
def steps(
    kind: int,
    p: int,
    arena: Any,
    J_at: int,
    out_at: int,
    first: int,
    second: int,
    third: int,
    m: int,
    n_lane: int,
    words: Any,
    streams: int,
    carried: int,
) -> None:
    """Outputs and states of m neurons of a kind, with parameters at p.

    Their currents, outputs, and up to three states begin at the other places. The
    neurons take turns with the random streams of `n_lane` lanes. At `carried`, two
    numbers of each lane are kept for the next neurons.
    """
    J, out = arena[J_at : J_at + m], arena[out_at : out_at + m]
    dt = arena[p]
    p += 1
    if kind == LIF:
        voltage, refractory_time = arena[first : first + m], arena[second : second + m]
        _lif(J, out, voltage, refractory_time, arena, p - 1, p + 4)
    elif kind == SPIKING_RECTIFIED_LINEAR:
        _spiking_rectified_linear(J, out, arena[first : first + m], dt, arena[p])
    elif kind == LIF_RATE:
        _lif_rate(J, out, arena[p], arena[p + 1], arena[p + 2])
    elif kind == RECTIFIED_LINEAR:
        amplitude = arena[p]
        for i in range(m):
            out[i] = neurons.rectified_linear(J[i], amplitude)
    elif kind == SIGMOID:
        tau_ref = arena[p]
        for i in range(m):
            out[i] = neurons.sigmoid(J[i], tau_ref)
    elif kind == TANH:
        tau_ref = arena[p]
        for i in range(m):
            out[i] = neurons.tanh(J[i], tau_ref)
    elif kind == REGULAR_SPIKING:
        voltage, amplitude = arena[first : first + m], arena[p]
        for i in range(m):
            out[i], voltage[i] = neurons.regular_spiking(
                J[i], voltage[i], dt, amplitude
            )
    elif kind == STOCHASTIC_SPIKING:
        for i in range(m):
            stream = streams + SIZE * (i % n_lane)
            out[i] = neurons.stochastic_spiking(J[i], dt, arena[p], words, stream)
    elif kind == POISSON_SPIKING:
        for i in range(m):
            stream = streams + SIZE * (i % n_lane)
            out[i] = neurons.poisson_spiking(J[i], dt, arena[p], words, stream)
    elif kind == SYSTEMATIC_SPIKING:
        offset, begins = arena[first : first + m], arena[second : second + m]
        sums = arena[carried : carried + n_lane]
        shifts = arena[carried + n_lane : carried + 2 * n_lane]
        carry = streams < 0 and arena[p + 1] == 0.0
        for row in range(0, m, n_lane):
            if begins[row] > 0.0:
                last = first + row + (int(begins[row]) - 1) * n_lane
                for b in range(n_lane):
                    if streams < 0:
                        shifts[b] = neurons.fractional_part(
                            arena[last + b] + arena[p + 1]
                        )
                    else:
                        shifts[b] = uniform(words, streams + SIZE * b)
                    sums[b] = shifts[b]
            for b in range(n_lane):
                out[row + b], sums[b] = neurons.regular_spiking(
                    J[row + b], sums[b], dt, arena[p]
                )
                offset[row + b] = sums[b] if carry else shifts[b]
    elif kind == ADAPTIVE_LIF_RATE:
        adaptation = arena[first : first + m]
        for i in range(m):
            out[i] = J[i] - adaptation[i]
        _lif_rate(out, out, arena[p], arena[p + 1], arena[p + 2])
        for i in range(m):
            adaptation[i] = neurons.adapted(
                adaptation[i], out[i], dt, arena[p + 3], arena[p + 4]
            )
    elif kind == ADAPTIVE_LIF:
        adaptation = arena[third : third + m]
        voltage, refractory_time = arena[first : first + m], arena[second : second + m]
        for i in range(m):
            out[i] = J[i] - adaptation[i]
        _lif(out, out, voltage, refractory_time, arena, p - 1, p + 6)
        for i in range(m):
            adaptation[i] = neurons.adapted(
                adaptation[i], out[i], dt, arena[p + 4], arena[p + 5]
            )
    elif kind == IZHIKEVICH:
        for i in range(m):
            spikes, arena[first + i], arena[second + i] = neurons.izhikevich(
                J[i],
                arena[first + i],
                arena[second + i],
                dt,
                arena[p],
                arena[p + 1],
                arena[p + 2],
                arena[p + 3],
            )
            out[i] = spikes / dt


@compiled
def _spiking_rectified_linear(
    J: Any, out: Any, voltage: Any, dt: float, amplitude: float
) -> None:
    for i in range(len(J)):
        out[i], voltage[i] = neurons.spiking_rectified_linear(
            J[i], voltage[i], dt, amplitude
        )


@compiled
def _lif_rate(
    J: Any, out: Any, tau_rc: float, tau_ref: float, amplitude: float
) -> None:
    for i in range(len(J)):
        out[i] = neurons.lif_rate(J[i], tau_rc, tau_ref, amplitude)


@compiled
def _lif(
    J: Any,
    out: Any,
    voltage: Any,
    refractory_time: Any,
    arena: Any,
    p: int,
    series_at: int,
) -> None:
    """Steps of LIF neurons, whose currents and outputs may be the same array."""
    dt, height = arena[p], arena[p + 3] / arena[p]
    if arena[series_at] == 1.0:
        constants = series(arena, series_at)
        for i in range(len(J)):
            voltage[i], refractory_time[i] = neurons.lif_decay(
                J[i], voltage[i], refractory_time[i], constants
            )
        for first in range(0, len(J), 64):
            bits = above_one(voltage, first)
            while bits != np.uint64(0):
                i = np.uint64(first) + lowest_bit(bits)
                bits &= bits - np.uint64(1)
                refractory_time[i] = neurons.lif_refractory_time(
                    J[i], voltage[i], constants
                )
        for i in range(len(J)):
            out[i] = height if voltage[i] > 1.0 else 0.0
            voltage[i] = 0.0 if voltage[i] > 1.0 else voltage[i]
    else:
        tau_rc, tau_ref, min_voltage = arena[p + 1], arena[p + 2], arena[p + 4]
        for i in range(len(J)):
            spikes, voltage[i], refractory_time[i] = neurons.lif(
                J[i], voltage[i], refractory_time[i], dt, tau_rc, tau_ref, min_voltage
            )
            out[i] = height if spikes else 0.0
