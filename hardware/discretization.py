"""Rounds the parameters of populations to integers of the chip.

A neuron computes the same if its weights, bias and threshold are all multiplied by one
factor. Nengo-loihi has one factor for a whole block, so the neuron with the largest
bias leaves only a few bits to the weights of the others, above all behind slow
synapses. Here each neuron has its own factor, and each synapse its own exponent.

The remaining errors cancel: the weights of a population are rounded together, such that
the decoded values stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from nengo.exceptions import BuildError
from nengo_loihi.block import Compartment, LoihiBlock, Synapse
from nengo_loihi.builder.discretize import (
    BIAS_MAX,
    Q_BITS,
    U_BITS,
    VTH_EXP,
    VTH_MAX,
    decay_magnitude,
    discretize_compartment,
)

# weights have 127 magnitudes, in quanta of 2 to the power of 7 and of an exponent; with
# exponents below -1 the chip drops the last bits again
MAGNITUDES = 127
QUANTUM = 2**7
LEAST_EXPONENT, LARGEST_EXPONENT = -1, 7
_WIDEST = MAGNITUDES * QUANTUM  # at an exponent of 0
# the scale of nengo-loihi for the largest weight, at an exponent of 0
_ITS_WIDEST = 255.0 * 2**6
_MAX_DECAY = 2**12 - 1

# share of many neurons that may fire in every step for a long time before the current
# overflows: a mean rate of 250 Hz
BUSIEST = 0.25

NOISE_LEVELS = 255
# in 4096ths: 1/256 of a voltage remains, so the noise of one step fills the gaps
# between the levels of the next
STOCHASTIC_DECAY_V = 4096 - 16


@dataclass(eq=False)
class Drive:
    """Limits of the currents of neurons that are smaller than the sum of all spikes.

    Attributes
    ----------
    limit : (n_neurons,) ndarray
        Largest magnitude of the current that a state causes.
    beside : (n_neurons,) ndarray
        The same while other synapses drive the neurons.
    state : set of Synapse
        Synapses of the state.
    others : dict of Synapse
        Largest magnitudes (n_neurons,) of the currents through other synapses.
    """

    limit: np.ndarray
    beside: np.ndarray
    state: set[Synapse] = field(default_factory=set)
    others: dict[Synapse, np.ndarray] = field(default_factory=dict)


def discretize_scaled_block(
    block: LoihiBlock,
    tuning: Mapping[Synapse, np.ndarray] | None = None,
    drive: Drive | None = None,
) -> float:
    """Turn a block into integers in place, instead of nengo-loihi's `discretize_block`.

    Parameters
    ----------
    block : nengo_loihi.block.LoihiBlock
    tuning : mapping of Synapse to (n_axons, k) ndarray, optional
        As for `round_together`.
    drive : Drive, optional
        Limits of the currents, if there are any.

    Returns
    -------
    v_scale : float
        Integers for each unit of voltage, before each neuron's own factor.

    Raises
    ------
    nengo.exceptions.BuildError
        If weights are too large for the chip.
    """
    compartment = block.compartment
    factors = _factors(block, drive)
    gain = _gain_of_filter(compartment) * _gain_of_membrane(compartment)
    if np.any(gain * factors * compartment.vth < 2**VTH_EXP):
        raise BuildError(
            f"{block}: weights or biases are too large for the chip, beside the "
            "thresholds of its neurons"
        )
    compartment.vth *= factors
    compartment.bias *= factors
    # one for all neurons, at least as low as the minimum of each
    compartment.vmin = compartment.vmin * factors.max()
    # such that a unit of weight becomes one integer
    info = discretize_compartment(compartment, _ITS_WIDEST)
    for synapse in block.synapses:
        _discretize_synapse(synapse, factors, (tuning or {}).get(synapse))
    return float(info["v_scale"])


def _factors(block: LoihiBlock, drive: Drive | None = None) -> np.ndarray:
    """For each neuron, the integers of one unit of weight."""
    compartment = block.compartment
    u, v = _gain_of_filter(compartment), _gain_of_membrane(compartment)
    at_once, for_long = _largest_input(block, drive)
    bias = np.abs(compartment.bias)
    with np.errstate(divide="ignore"):
        limits = [
            VTH_MAX / (u * v * compartment.vth),
            BIAS_MAX / (u * bias),
            _WIDEST / _largest_weights(block),
            2**Q_BITS / at_once,
            2**U_BITS / (u * (for_long + bias)),
        ]
    # stay within the limits after rounding
    return (np.min(limits, axis=0) * (1 - 1e-4)).astype(np.float32)


def _largest_weights(block: LoihiBlock) -> np.ndarray:
    """Largest weight of each neuron, the median over synapses against outliers."""
    largest = np.zeros((max(len(block.synapses), 1), block.n_neurons))
    for row, synapse in zip(largest, block.synapses):
        for weights, indices in zip(synapse.weights, synapse.indices):
            np.maximum.at(row, indices.ravel(), np.abs(weights).ravel())
    return np.median(largest, axis=0)


def discretize_stochastic_block(
    block: LoihiBlock,
    tuning: Mapping[Synapse, np.ndarray] | None = None,
    drive: Drive | None = None,
) -> float:
    """Turn a block of `build_stochastic` into integers in place.

    Nengo-loihi's `discretize_block` rounds the amplitude of the noise to a power of
    two, which bends the tuning curves. Here everything else is scaled such that the
    amplitude is a power of two.

    Parameters
    ----------
    block, tuning, drive
        As for `discretize_scaled_block`.

    Returns
    -------
    v_scale : float
        Integers for each unit of voltage.

    Raises
    ------
    nengo.exceptions.BuildError
        If weights or biases are too large for the chip.
    """
    compartment = block.compartment
    noise_step = 2.0 ** _noise_exponent(block, drive)
    scale = NOISE_LEVELS / 2 * noise_step / float(compartment.vth[0])
    _round_threshold(compartment, scale)
    # with a largest weight of this size, nengo-loihi chooses this scale
    unit = scale / _gain_of_filter(compartment)
    info = discretize_compartment(compartment, _ITS_WIDEST / unit)
    compartment.decay_v[:] = STOCHASTIC_DECAY_V
    factors = np.full(block.n_neurons, unit, dtype=np.float32)
    for synapse in block.synapses:
        _discretize_synapse(synapse, factors, (tuning or {}).get(synapse))
    return float(info["v_scale"])


def _discretize_synapse(
    synapse: Synapse, factors: np.ndarray, tuning: np.ndarray | None
) -> None:
    """Round weights, times each neuron's factor, such that their errors cancel.

    Behind a slow filter the chip's smallest weight is not small. With a hundred neurons
    most weights are only a few times as large, and without this, all weights below half
    of it would become zero.
    """
    scaled = [w * factors[i] for w, i in zip(synapse.weights, synapse.indices)]
    largest = max((float(np.abs(w).max()) for w in scaled if w.size), default=0.0)
    exponent = LEAST_EXPONENT
    if largest > 0:
        exponent = max(exponent, int(np.ceil(np.log2(largest / _WIDEST))))
    if exponent > LARGEST_EXPONENT:
        raise BuildError(
            f"{synapse}: weights are too large for the chip, beside the thresholds "
            "of its neurons"
        )
    quantum = QUANTUM * 2.0**exponent
    synapse.format(weight_exp=exponent)
    steps: Any
    if all(w.shape == (1, len(factors)) for w in scaled):
        steps = round_together(np.vstack(scaled) / quantum, tuning)[:, None]
    else:
        steps = [np.round(w / quantum) for w in scaled]
    synapse.weights = [
        (quantum * np.clip(each, -MAGNITUDES, MAGNITUDES)).astype(np.int32)
        for each in steps
    ]


def round_together(weights: np.ndarray, tuning: np.ndarray | None = None) -> np.ndarray:
    """Round weights such that their effect on activities stays the same.

    Each weight is rounded to compensate for the errors of the weights before it, as far
    as the tuning curve of its neuron allows.

    Parameters
    ----------
    weights : (n_axons, n) ndarray
    tuning : (n_axons, k) ndarray, optional
        Tuning curves of the neurons behind the axons, in a few values each. By default,
        all neurons are treated as equal.

    Returns
    -------
    rounded : (n_axons, n) ndarray

    References
    ----------
    E. Lybrand and R. Saab, "A greedy algorithm for quantizing neural networks",
    Journal of Machine Learning Research 22, 2021.
    """
    n_axons, n = weights.shape
    if tuning is None:
        tuning = np.ones((n_axons, 1))
    squares = np.sum(tuning**2, axis=1)
    # errors of neurons that are almost silent have no effect
    usual = 1 / np.maximum(squares, 1e-6 * squares.max(initial=1e-300))
    # neurons with similar weights must not have the same errors
    start = np.random.RandomState(0).uniform(-0.5, 0.5, size=n)
    left = np.outer(tuning.mean(axis=0), start)
    rounded = np.empty_like(weights)
    for axon, (along, scale) in enumerate(zip(tuning, usual)):
        wanted = weights[axon] + scale * (along @ left)
        rounded[axon] = np.round(wanted)
        left += np.outer(along, weights[axon] - rounded[axon])
    return rounded


def _noise_exponent(block: LoihiBlock, drive: Drive | None = None) -> int:
    """Largest exponent of the noise without any overflow.

    The larger it is, the finer are the weights and biases.
    """
    compartment = block.compartment
    amplitude, bias = float(compartment.vth[0]), np.abs(compartment.bias)
    gain = _gain_of_filter(compartment)
    weight = max((s.max_abs_weight() for s in block.synapses), default=0)
    at_once, for_long = _largest_input(block, drive)
    limits = [
        (BIAS_MAX - 2**VTH_EXP, bias.max()),  # _round_threshold may add to a bias
        (_WIDEST * 2**LARGEST_EXPONENT * gain, weight),
        (2**Q_BITS * gain, at_once.max()),
        (2**U_BITS, (for_long + bias).max() + amplitude),
    ]
    scale = min(limit / float(value) for limit, value in limits if value > 0)
    exponent = int(np.floor(np.log2(scale * amplitude * 2 / NOISE_LEVELS)))
    if exponent < 0:
        raise BuildError(f"{block}: weights or biases too large for the noise")
    return exponent


def _largest_input(
    block: LoihiBlock, drive: Drive | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Largest sums of weights (n_neurons,) of either sign, in one and in every step.

    In every step for a long time, a few inputs may all fire, but only a share of many;
    known limits of the currents apply as well.
    """
    if drive is None:
        total, for_long = _sums(block, block.synapses)
        return total.max(axis=0), for_long
    bounded = drive.state.union(drive.others)
    total, state = _sums(block, [s for s in block.synapses if s in drive.state])
    for_others = np.zeros(block.n_neurons)
    for synapse, limit in drive.others.items():
        more, for_long = _sums(block, [synapse])
        total = total + more
        for_others += np.minimum(for_long, limit)
    more, for_long = _sums(block, [s for s in block.synapses if s not in bounded])
    for_others += for_long
    together = np.minimum(state, drive.beside) + for_others
    return (total + more).max(axis=0), np.maximum(
        np.minimum(state, drive.limit), together
    )


def _sums(block: LoihiBlock, synapses: list[Synapse]) -> tuple[np.ndarray, np.ndarray]:
    """Sums of weights of either sign (2, n_neurons), and their share in every step."""
    total, squares = np.zeros((2, block.n_neurons)), np.zeros((2, block.n_neurons))
    for synapse in synapses:
        for axon in range(synapse.n_axons):
            base = synapse.axon_compartment_base(axon)
            if base is None:  # an axon that is not used
                continue
            # a spike selects one of these populations; all of them are a safe bound
            i = synapse.axon_weight_idx(axon)
            w, index = synapse.weights[i], synapse.indices[i] + base
            for sign, row in enumerate([np.maximum(w, 0), np.maximum(-w, 0)]):
                np.add.at(total[sign], index, row)
                np.add.at(squares[sign], index, row**2)
    # the equivalent number of equal weights
    with np.errstate(invalid="ignore"):
        inputs = np.maximum(np.nan_to_num(total**2 / squares), 1)
    share = np.minimum(1, BUSIEST + 2 / np.sqrt(inputs))
    return total, (share * total).max(axis=0)


def _gain_of_filter(compartment: Compartment) -> float:
    """Integral of the current from one unit of charge, in integers."""
    if not compartment.scale_u:
        return 1.0
    decay = _whole_decay(compartment.decay_u)
    return float(decay_magnitude(decay, x0=2**21, offset=1)[0])


def _whole_decay(decay_u: np.ndarray) -> np.ndarray:
    """The decay of a current in 4096ths; the chip adds one more.

    It is rounded in 32 bits as by nengo-loihi; everything after is in 64 bits.
    """
    return np.round(np.clip(decay_u * _MAX_DECAY - 1, 0, _MAX_DECAY)).astype(float)


def kept_of_current(tau: float, dt: float) -> float:
    """Share of a current that the chip keeps in a step; in Nengo, exp(-dt / tau)."""
    decay = _whole_decay(np.array(-np.expm1(-dt / tau)))
    return float(1 - (decay + 1) / 2**12)


def _gain_of_membrane(compartment: Compartment) -> float:
    """Integral of the voltage from one unit of current, in integers."""
    if not compartment.scale_v:
        return 1.0
    decay = np.round(compartment.decay_v * _MAX_DECAY).astype(float)
    return float(decay_magnitude(decay, x0=2**21)[0])


def _round_threshold(compartment: Compartment, scale: float) -> None:
    """Shift threshold and biases together to the nearest threshold of the chip."""
    vth = float(compartment.vth[0]) * scale
    shift = (2**VTH_EXP * np.round(vth / 2**VTH_EXP) - vth) / scale
    compartment.vth += shift
    compartment.bias += shift
