"""Populations of neurons: encoding, a step of each neuron, and decoding.

One kernel does all three, or what of them is wanted, for about 1,000 numbers at a time,
which stay in the processor's cache in between. Numbers of different lanes are
neurons of their own to it, apart from encoding, decoding and random numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import neurons
from .bits import lowest_bit
from .compilation import compiled
from .lanes import n_lanes
from .steps import (
    LIF,
    SPIKING_RECTIFIED_LINEAR,
    above_one,
    series,
    steps,
)

CHUNK = 1024  # numbers at a time
FEW_OUTPUTS = 8


def decoder_table(decoders: np.ndarray) -> np.ndarray:
    """Decoders (n_outputs, n) in the order in which `population` reads them.

    All of an output are together, or all of a neuron where there are many outputs:
    these are added for the neurons that spike.
    """
    return decoders if len(decoders) <= FEW_OUTPUTS else decoders.T


def scratch_size(lanes: int | None) -> int:
    """How many numbers `population` needs for its own use in the arena."""
    return 2 * max(CHUNK, lanes or 1) + 2 * (lanes or 1)


# operands of `population`
KIND, N, PARAMETERS, SCRATCH, STREAM, J, OUTPUT, STATES = range(8)
N_DIMENSIONS, ENCODERS, BIAS, X = 10, 11, 12, 13
N_OUTPUTS, DECODERS, OUTPUTS = 16, 17, 18


@compiled
def population(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """One time step of some neurons of a kind.

    Operands, of which those without a stride are offsets of contiguous numbers:

    - kind, number of neurons, `parameters`, scratch, random stream;
    - currents, outputs of the neurons, first, second and third state;
    - number of dimensions D, encoders (D, n), biases (n,), x (a place);
    - number of outputs K, `decoder_table`, the place of each output, which lanes do not
      share. Outputs are incremented.

    With D = 0 the currents are read. Otherwise they are made of x, and written if they
    have an offset. An offset of -1 stands for what is not there: currents, outputs
    and states.
    """
    n_lane = n_lanes(lanes)
    n = code[at + N]
    if (
        code[at + N_DIMENSIONS] == 1
        and 1 <= code[at + N_OUTPUTS] <= 2
        and code[at + J] < 0
        and code[at + OUTPUT] < 0
    ):
        if lanes is None:
            one_output = code[at + N_OUTPUTS] == 1
            if code[at + KIND] == LIF and one_output and _lif(code, at, arena):
                return
        elif code[at + KIND] == SPIKING_RECTIFIED_LINEAR and code[at + X + 2] == 1:
            _integrate_and_fire(code, at, arena, n_lane)
            return
    size = max(CHUNK // n_lane, 1)
    room = max(CHUNK, n_lane)
    scratch = code[at + SCRATCH]
    for start in range(0, n, size):
        count = min(size, n - start)
        m, shift = count * n_lane, start * n_lane
        J_at, out_at = scratch, scratch + room
        if code[at + J] >= 0:
            J_at = code[at + J] + shift
        if code[at + OUTPUT] >= 0:
            out_at = code[at + OUTPUT] + shift
        if code[at + N_DIMENSIONS] > 0:
            _encode(code, at, arena, start, count, arena[J_at : J_at + m], lanes)
        steps(
            code[at + KIND],
            code[at + PARAMETERS],
            arena,
            J_at,
            out_at,
            code[at + STATES] + shift,
            code[at + STATES + 1] + shift,
            code[at + STATES + 2] + shift,
            m,
            n_lane,
            words,
            code[at + STREAM],
            scratch + 2 * room,
        )
        out = arena[out_at : out_at + m]
        if code[at + N_OUTPUTS] > 0:
            _decode(code, at, arena, start, count, out, lanes)


@compiled(forceinline=True)
def _encode(
    code: Any, at: int, arena: Any, start: int, count: int, J: Any, lanes: Any
) -> None:
    """Currents: encoders times x, plus the biases."""
    n, n_dimensions = code[at + N], code[at + N_DIMENSIONS]
    x, stride, lane = code[at + X], code[at + X + 1], code[at + X + 2]
    encoders, biases = code[at + ENCODERS] + start, code[at + BIAS] + start
    bias = arena[biases : biases + count]
    if lanes is None:
        e, value = arena[encoders : encoders + count], arena[x]
        if n_dimensions == 1:
            for i in range(count):
                J[i] = bias[i] + e[i] * value
            return
        for i in range(count):
            J[i] = e[i] * value
        for d in range(1, n_dimensions):
            encoders += n
            e, value = arena[encoders : encoders + count], arena[x + d * stride]
            for i in range(count):
                J[i] += e[i] * value
        for i in range(count):
            J[i] += bias[i]
    else:
        size = np.uint64(n_lanes(lanes))
        for i in range(np.uint64(count)):
            row, value = i * size, bias[i]
            for b in range(size):
                J[row + b] = value
        for d in range(n_dimensions):
            e = arena[encoders + d * n : encoders + d * n + count]
            values = np.uint64(x + d * stride)
            for i in range(np.uint64(count)):
                row, gain = i * size, e[i]
                if lane == 1:
                    for b in range(size):
                        J[row + b] += gain * arena[values + b]
                else:
                    value = gain * arena[values]
                    for b in range(size):
                        J[row + b] += value


@compiled(fastmath={"reassoc", "nsz"})
def dot(a: Any, b: Any) -> float:
    """The sum of products, in any order."""
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@compiled(forceinline=True)
def _decode(
    code: Any, at: int, arena: Any, start: int, count: int, out: Any, lanes: Any
) -> None:
    """Add decoders times the neurons' outputs to the outputs of the population."""
    n_outputs, outputs = code[at + N_OUTPUTS], at + OUTPUTS
    weights, step, stride = code[at + DECODERS] + start, code[at + N], 1
    if n_outputs > FEW_OUTPUTS:
        weights, step, stride = code[at + DECODERS] + start * n_outputs, 1, n_outputs
    if lanes is not None:
        for k in range(n_outputs):
            to = code[outputs + 3 * k]
            of = weights + k * step
            _add_rows(arena, to, of, stride, out, count, n_lanes(lanes))
    elif n_outputs <= FEW_OUTPUTS:
        for k in range(n_outputs):
            of = weights + k * step
            arena[code[outputs + 3 * k]] += dot(arena[of : of + count], out)
    else:
        first = code[outputs]
        together = True
        for k in range(n_outputs):
            together &= code[outputs + 3 * k] == first + k
        for i in range(count):
            height, of = out[i], weights + i * stride
            if height == 0.0:
                continue
            if together:
                total = arena[first : first + n_outputs]
                row = arena[of : of + n_outputs]
                for k in range(n_outputs):
                    total[k] += row[k] * height
            else:
                for k in range(n_outputs):
                    arena[code[outputs + 3 * k]] += arena[of + k] * height


@compiled
def _add_rows(
    arena: Any, to: Any, weights: int, stride: int, rows: Any, count: int, size: Any
) -> None:
    """Add weighted rows of `size` numbers to the numbers at `to`, four at a time."""
    to, size = np.uint64(to), np.uint64(size)
    for i in range(0, count - count % 4, 4):
        at = weights + i * stride
        w0, w1 = arena[at], arena[at + stride]
        w2, w3 = arena[at + 2 * stride], arena[at + 3 * stride]
        r0 = np.uint64(i) * size
        r1, r2, r3 = r0 + size, r0 + size + size, r0 + size + size + size
        for b in range(size):
            arena[to + b] += (w0 * rows[r0 + b] + w1 * rows[r1 + b]) + (
                w2 * rows[r2 + b] + w3 * rows[r3 + b]
            )
    for i in range(count - count % 4, count):
        w0, r0 = arena[weights + i * stride], np.uint64(i) * size
        for b in range(size):
            arena[to + b] += w0 * rows[r0 + b]


@compiled
def _lif(code: Any, at: int, arena: Any) -> bool:
    """All of a step of `nengo.LIF` at once, in a single network, if it has series."""
    n, p = code[at + N], code[at + PARAMETERS]
    if arena[p + 5] != 1.0:
        return False
    voltage = arena[code[at + STATES] : code[at + STATES] + n]
    times = arena[code[at + STATES + 1] : code[at + STATES + 1] + n]
    encoders = arena[code[at + ENCODERS] : code[at + ENCODERS] + n]
    bias = arena[code[at + BIAS] : code[at + BIAS] + n]
    decoders = arena[code[at + DECODERS] : code[at + DECODERS] + n]
    x, constants = arena[code[at + X]], series(arena, p + 5)
    total = _lif_total(x, encoders, bias, decoders, voltage, times, constants)
    arena[code[at + OUTPUTS]] += total * (arena[p + 3] / arena[p])
    return True


@compiled(fastmath={"reassoc", "nsz", "contract"})
def _lif_total(
    x: float,
    encoders: Any,
    bias: Any,
    decoders: Any,
    voltage: Any,
    refractory_time: Any,
    constants: Any,
) -> float:
    """A step of LIF neurons, and the sum of the decoders of those that spike."""
    for i in range(len(voltage)):
        voltage[i], refractory_time[i] = neurons.lif_decay(
            bias[i] + encoders[i] * x, voltage[i], refractory_time[i], constants
        )
    total = 0.0
    for first in range(0, len(voltage), 64):
        bits = above_one(voltage, first)
        while bits != np.uint64(0):
            i = np.uint64(first) + lowest_bit(bits)
            bits &= bits - np.uint64(1)
            refractory_time[i] = neurons.lif_refractory_time(
                bias[i] + encoders[i] * x, voltage[i], constants
            )
            voltage[i] = 0.0
            total += decoders[i]
    return total


@compiled
def _integrate_and_fire(code: Any, at: int, arena: Any, n_lane: int) -> None:
    """All of a step of `nengo.SpikingRectifiedLinear` at once, in a minibatch.

    For one output or two, of which the second counts spikes, say.
    """
    n, p = code[at + N], code[at + PARAMETERS]
    dt, amplitude = arena[p], arena[p + 1]
    encoder, bias, decoder = code[at + ENCODERS], code[at + BIAS], code[at + DECODERS]
    size, voltage = np.uint64(n_lane), np.uint64(code[at + STATES])
    x, to = np.uint64(code[at + X]), np.uint64(code[at + OUTPUTS])
    for i in range(n):
        gain, constant, weight = arena[encoder + i], arena[bias + i], arena[decoder + i]
        if code[at + N_OUTPUTS] == 1:
            for b in range(size):
                spikes, arena[voltage + b] = neurons.spiking_rectified_linear(
                    constant + gain * arena[x + b], arena[voltage + b], dt, amplitude
                )
                arena[to + b] += weight * spikes
        else:
            other, other_weight = code[at + OUTPUTS + 3], arena[decoder + n + i]
            other = np.uint64(other)
            for b in range(size):
                spikes, arena[voltage + b] = neurons.spiking_rectified_linear(
                    constant + gain * arena[x + b], arena[voltage + b], dt, amplitude
                )
                arena[to + b] += weight * spikes
                arena[other + b] += other_weight * spikes
        voltage += size
