"""One time step of one neuron, for each of Nengo's neuron types.

Functions of numbers: the input current and the state go in, the output and the new
state come out. Parameters have the names of Nengo's. The formulas are those of
`nengo.neurons`, in the same order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from .bits import bits_of, float_of
from .compilation import compiled
from .random_numbers import poisson, uniform

LARGEST = 1e300
ROOT_BITS = 0x3FE6A09E667F3BCD  # of sqrt(1/2)
LOG_2 = 6.93147180369123816490e-01  # with the lower half of the digits left out
HALF = 1 << 51
SHORT_HALF = np.int32(1 << 22)
SHORT_LOG_2 = np.float32(np.log(2.0))
ONE = np.float32(1.0)
THIRD, FIFTH, SEVENTH = (np.float32(1.0 / k) for k in (3, 5, 7))


@compiled(fastmath={"contract"})
def _log_rest(z: float) -> float:
    """``(log(1 + s) - log(1 - s)) / s - 2``, where z is the square of s.

    For abs(s) up to 0.1716, with the coefficients of Sun's fdlibm.
    """
    square = z * z
    even = 0.3999999999940941908 + square * (
        0.2222219843214978396 + square * 0.1531383769920937332
    )
    odd = 0.6666666666666735130 + square * (
        0.2857142874366239149
        + square * (0.1818357216161805012 + square * 0.1479819860511658591)
    )
    return z * (odd + z * even)


@compiled
def log1p_positive(x: float) -> float:
    """``log(1 + x)`` for x >= 0, without branches, so that loops are vectorized."""
    x = min(x, LARGEST)
    bits = bits_of(1.0 + x)
    # 1 + x = 2**k * m, with m from sqrt(1/2) to sqrt(2)
    k = (bits - ROOT_BITS) >> 52
    m = float_of(bits - (k << 52))
    # 1 + x loses digits of a small x, for which k is 0
    s = (x if k == 0 else m - 1.0) / (m + 1.0)
    rest = 2.0 * s + s * _log_rest(s * s)
    # the lower and the upper half of log(2)
    return float(k) * 1.90821492927058770002e-10 + rest + float(k) * LOG_2


def log1p_inverse(x: Any) -> Any:
    """``log(1 + 1 / x)`` for x > 0, without branches, in the precision of x."""


@overload(log1p_inverse)
def _log1p_inverse(x):  # type: ignore[no-untyped-def]  # Numba compares signatures
    if x == types.float32:
        return lambda x: _log1p_inverse_32(x)
    return lambda x: _log1p_inverse_64(x)


@compiled(fastmath={"contract"})
def _log1p_inverse_64(x: float) -> float:
    above = 1.0 + x
    # above / scaled is from 2**-0.59 to 2**0.59
    k = (bits_of(above) - bits_of(x) + HALF) >> 52
    scaled = float_of(bits_of(x) + (k << 52))
    s = (1.0 if k == 0 else above - scaled) / (above + scaled)
    rest = 2.0 * s + s * _log_rest(s * s)
    return float(k) * 1.90821492927058770002e-10 + rest + float(k) * LOG_2


@compiled(fastmath={"contract"})
def _log1p_inverse_32(x: Any) -> Any:
    above = ONE + x
    bits = bits_of(x)
    k = np.int32(bits_of(above) - bits + SHORT_HALF) >> np.int32(23)
    scaled = float_of(np.int32(bits + np.int32(k << np.int32(23))))
    s = (ONE if k == np.int32(0) else above - scaled) / (above + scaled)
    z = s * s
    rest = s + s * (z * (THIRD + z * (FIFTH + z * SEVENTH)))
    return np.float32(k) * SHORT_LOG_2 + (rest + rest)


@compiled
def rectified_linear(J: float, amplitude: float) -> float:
    """`nengo.RectifiedLinear`."""
    return amplitude * (0.0 if J <= 0.0 else J)


@compiled
def spiking_rectified_linear(
    J: float, voltage: float, dt: float, amplitude: float
) -> tuple[float, float]:
    """`nengo.SpikingRectifiedLinear`: output, voltage."""
    zero = dt - dt  # of the same type: floats of 32 bits remain so
    voltage += (zero if zero >= J else J) * dt
    n = np.floor(voltage)
    return (amplitude / dt) * n, voltage - n


@compiled
def sigmoid(J: float, tau_ref: float) -> float:
    """`nengo.Sigmoid`."""
    return (1.0 / tau_ref) / (1.0 + math.exp(-J))


@compiled
def tanh(J: float, tau_ref: float) -> float:
    """`nengo.Tanh`."""
    return (1.0 / tau_ref) * math.tanh(J)


@compiled
def lif_rate(J: float, tau_rc: float, tau_ref: float, amplitude: float) -> float:
    """`nengo.LIFRate`."""
    j = J - 1.0
    active = j > 0.0
    # for all, so that loops are vectorized
    rate = amplitude / (tau_ref + tau_rc * log1p_positive(1.0 / (j if active else 1.0)))
    return rate if active else (math.nan if math.isnan(j) else 0.0)


@compiled
def lif(
    J: float,
    voltage: float,
    refractory_time: float,
    dt: float,
    tau_rc: float,
    tau_ref: float,
    min_voltage: float,
) -> tuple[bool, float, float]:
    """`nengo.LIF`: whether it spikes, voltage, refractory time."""
    refractory_time -= dt
    delta_t = min(max(dt - refractory_time, 0.0), dt)
    voltage -= (J - voltage) * math.expm1(-delta_t / tau_rc)
    if voltage > 1.0:
        t_spike = dt + tau_rc * math.log1p(-(voltage - 1.0) / (J - 1.0))
        return True, 0.0, tau_ref + t_spike
    return False, min_voltage if voltage < min_voltage else voltage, refractory_time


@compiled
def lif_decay(
    J: float, voltage: float, refractory_time: float, constants: Any
) -> tuple[float, float]:
    """The part of `lif` before spikes, with the `lif_series` of a type.

    Neurons spike whose voltage is above 1 then. Without branches, so that loops are
    vectorized.
    """
    _, dt, min_voltage, _, _, _, decay, _ = constants
    refractory_time -= dt
    delta_t = min(max(dt - refractory_time, dt - dt), dt)
    voltage -= (J - voltage) * (delta_t * _polynomial(delta_t, decay))
    return min_voltage if voltage < min_voltage else voltage, refractory_time


@compiled
def lif_refractory_time(J: float, voltage: float, constants: Any) -> float:
    """The refractory time after a spike, of a voltage above 1 from `lif_decay`."""
    one, _, _, tau_rc, after, largest, _, since = constants
    over = voltage - one
    s = over / (over - (J - one) - (J - one))
    z = s * s
    if z > largest:  # the step began above 1
        return after + tau_rc * math.log1p(-over / (J - one))
    return after + s * _polynomial(z, since)


@compiled(fastmath={"contract"})
def _polynomial(x: float, coefficients: Any) -> float:
    """A polynomial, whose coefficient of the highest power comes first."""
    total = coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total


@compiled
def adapted(
    adaptation: float, output: float, dt: float, tau_n: float, inc_n: float
) -> float:
    """The adaptation of `nengo.AdaptiveLIF` and `AdaptiveLIFRate` after an output."""
    return adaptation + (dt / tau_n) * (inc_n * output - adaptation)


@compiled
def izhikevich(
    J: float,
    voltage: float,
    recovery: float,
    dt: float,
    tau_recovery: float,
    coupling: float,
    reset_voltage: float,
    reset_recovery: float,
) -> tuple[bool, float, float]:
    """`nengo.Izhikevich`: whether it spikes, voltage, recovery."""
    J = -30.0 if J < -30.0 else J
    dV = (0.04 * (voltage * voltage) + 5.0 * voltage + 140.0 - recovery + J) * 1000.0
    voltage += dV * dt
    spikes = voltage >= 30.0
    voltage = reset_voltage if spikes else voltage
    dU = (tau_recovery * (coupling * voltage - recovery)) * 1000.0
    recovery += dU * dt
    return spikes, voltage, recovery + reset_recovery if spikes else recovery


@compiled
def regular_spiking(
    rate: float, voltage: float, dt: float, amplitude: float
) -> tuple[float, float]:
    """`nengo.RegularSpiking`: output, voltage."""
    voltage += dt * rate
    n = np.floor(voltage)
    return (amplitude / dt) * n, voltage - n


@compiled
def fractional_part(x: float) -> float:
    """The part of a number after the point."""
    return x - np.floor(x)


@compiled
def stochastic_spiking(
    rate: float, dt: float, amplitude: float, words: Any, stream: int
) -> float:
    """`nengo.StochasticSpiking`."""
    mean = dt * abs(rate)
    n = np.floor(mean)
    n += uniform(words, stream) < mean - n
    return math.copysign((amplitude / dt) * n, rate)


@compiled
def poisson_spiking(
    rate: float, dt: float, amplitude: float, words: Any, stream: int
) -> float:
    """`nengo.PoissonSpiking`."""
    n = poisson(dt * abs(rate), words, stream)
    return math.copysign((amplitude / dt) * n, rate)
