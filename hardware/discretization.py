"""Numbers of the chip for populations: what they are rounded to, and how.

A neuron does the same if its weights, bias and threshold are all multiplied by one
factor. nengo-loihi has one factor for a whole block, so that the neuron with the
largest bias leaves the others, and those behind slow synapses above all, with a few
bits of their weights. Here each neuron has its own, and each synapse its own exponent.

What remains of rounding is made to cancel: the weights of a population are rounded
together, such that what they decode stays the same.
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
# nengo-loihi's scale for the largest weight, at an exponent of 0
_ITS_WIDEST = 255.0 * 2**6
_MAX_DECAY = 2**12 - 1

# share of many neurons that may fire in every step, for long, before the current that
# they cause overflows: a mean of 250 Hz
BUSIEST = 0.25

NOISE_LEVELS = 255
# in 4096ths: what is left of a voltage, 1/256, lets the noise of one step spread the
# levels of the next over the gaps between them
STOCHASTIC_DECAY_V = 4096 - 16


@dataclass(eq=False)
class Drive:
    """How far neurons can be driven, where more is known than what each spike adds.

    Attributes
    ----------
    limit : (n_neurons,) ndarray
        Largest magnitude of the current that a state causes.
    beside : (n_neurons,) ndarray
        The same while other synapses drive the neurons.
    state : set of Synapse
        Those that the state comes through.
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
    """Turn a block into integers, in place, as nengo_loihi's `discretize_block`.

    Parameters
    ----------
    block : nengo_loihi.block.LoihiBlock
    tuning : mapping of Synapse to (n_axons, k) ndarray, optional
        As for `round_together`.
    drive : Drive, optional
        How far the neurons can be driven, where that is known.

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
    # one for all neurons: at least as low as each of them may go
    compartment.vmin = compartment.vmin * factors.max()
    # such that a unit of weight becomes one integer
    info = discretize_compartment(compartment, _ITS_WIDEST)
    for synapse in block.synapses:
        _discretize_synapse(synapse, factors, (tuning or {}).get(synapse))
    return float(info["v_scale"])


def _factors(block: LoihiBlock, drive: Drive | None = None) -> np.ndarray:
    """For each neuron, integers for a unit of weight."""
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
    # rounding must not pass the limits
    return (np.min(limits, axis=0) * (1 - 1e-4)).astype(np.float32)


def _largest_weights(block: LoihiBlock) -> np.ndarray:
    """Of each neuron: the median over its synapses, so that no single one decides."""
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
    """Turn a block of `build_stochastic` into integers, in place.

    Takes the place of nengo_loihi's `discretize_block`, which rounds the amplitude of
    the noise to a power of two and so bends the tuning curves. Here all else is
    scaled such that this amplitude is a power of two.

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
    # a largest weight of this size makes nengo_loihi choose this scale
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

    Behind a slow filter the chip's smallest weight is not small: with a hundred neurons
    most weights are a few times as large, and those below half of it would become
    zero, all together.
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
    """Round weights such that what they make of activities stays the same.

    Each weight is rounded to make up for the errors of those before, as far as its
    neuron's tuning curve can.

    Parameters
    ----------
    weights : (n_axons, n) ndarray
    tuning : (n_axons, k) ndarray, optional
        Of the neurons behind the axons: activities, in as few values as tell them
        apart. By default, all neurons are taken to be alike.

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
    # of neurons that are all but silent, an error is none
    usual = 1 / np.maximum(squares, 1e-6 * squares.max(initial=1e-300))
    # neurons of similar weights must not make the same errors
    start = np.random.RandomState(0).uniform(-0.5, 0.5, size=n)
    left = np.outer(tuning.mean(axis=0), start)
    rounded = np.empty_like(weights)
    for axon, (along, scale) in enumerate(zip(tuning, usual)):
        wanted = weights[axon] + scale * (along @ left)
        rounded[axon] = np.round(wanted)
        left += np.outer(along, weights[axon] - rounded[axon])
    return rounded


def _noise_exponent(block: LoihiBlock, drive: Drive | None = None) -> int:
    """Exponent of the largest step of the noise that lets nothing overflow.

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
    """Largest sums of weights (n_neurons,), of either sign, of spikes at once.

    First in a single step; then in every step for long: few inputs may all keep
    firing, of many only a share, and no more than what is known to drive a neuron.
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
    """Sums of weights of either sign (2, n_neurons), and what keeps coming of them."""
    total, squares = np.zeros((2, block.n_neurons)), np.zeros((2, block.n_neurons))
    for synapse in synapses:
        for axon in range(synapse.n_axons):
            base = synapse.axon_compartment_base(axon)
            if base is None:  # an axon that is not used
                continue
            # a spike picks one of these populations; all of them are a safe bound
            i = synapse.axon_weight_idx(axon)
            w, index = synapse.weights[i], synapse.indices[i] + base
            for sign, row in enumerate([np.maximum(w, 0), np.maximum(-w, 0)]):
                np.add.at(total[sign], index, row)
                np.add.at(squares[sign], index, row**2)
    # as if of so many equal weights
    with np.errstate(invalid="ignore"):
        inputs = np.maximum(np.nan_to_num(total**2 / squares), 1)
    share = np.minimum(1, BUSIEST + 2 / np.sqrt(inputs))
    return total, (share * total).max(axis=0)


def _gain_of_filter(compartment: Compartment) -> float:
    """Integral of the current that one unit of charge causes, in integers."""
    if not compartment.scale_u:
        return 1.0
    decay = _whole_decay(compartment.decay_u)
    return float(decay_magnitude(decay, x0=2**21, offset=1)[0])


def _whole_decay(decay_u: np.ndarray) -> np.ndarray:
    """Of a current, in 4096ths; the chip decays by one more.

    Rounded in 32 bits, as nengo-loihi does; all that follows is in 64.
    """
    return np.round(np.clip(decay_u * _MAX_DECAY - 1, 0, _MAX_DECAY)).astype(float)


def kept_of_current(tau: float, dt: float) -> float:
    """What the chip keeps of a current in a step, where Nengo keeps exp(-dt / tau)."""
    decay = _whole_decay(np.array(-np.expm1(-dt / tau)))
    return float(1 - (decay + 1) / 2**12)


def _gain_of_membrane(compartment: Compartment) -> float:
    """As of the filter, of the voltage that one unit of current causes."""
    if not compartment.scale_v:
        return 1.0
    decay = np.round(compartment.decay_v * _MAX_DECAY).astype(float)
    return float(decay_magnitude(decay, x0=2**21)[0])


def _round_threshold(compartment: Compartment, scale: float) -> None:
    """Move threshold and biases together to where the chip can hold the threshold."""
    vth = float(compartment.vth[0]) * scale
    shift = (2**VTH_EXP * np.round(vth / 2**VTH_EXP) - vth) / scale
    compartment.vth += shift
    compartment.bias += shift
