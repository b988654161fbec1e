"""Sequences through a network whose memory is on Loihi's emulator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from spiking_lmu.compatibility import require
from spiking_lmu.networks import LegendreMemory, SequenceNetwork
from spiking_lmu.training.weights import fix_seeds
from spiking_lmu.validation import check_choice, check_integer, check_sequences, refusal

TARGETS = ("sim", "simreal")
BATCH = 50  # sequences at once
STEPS = 500  # whose answers are held before they are forgotten


def run_on_chip(
    network: SequenceNetwork,
    inputs: ArrayLike,
    seed: int,
    progress: bool = False,
    target: str = "sim",
    batch_size: int = BATCH,
) -> tuple[np.ndarray, float, dict[str, Any]]:
    """Run sequences through a network whose memory is on the emulator of Loihi.

    The host computes the hidden units and the readout.

    Parameters
    ----------
    network : SequenceNetwork
        As `networks.freeze` gives it, with a memory of ``relu``, ``lif``,
        ``poisson-relu`` or ``poisson`` neurons.
    inputs : (n, n_items, size_in) array_like
    seed : int
        Seed of the run; also that of the neurons, if neither they nor the network
        have one.
    progress : bool
        Whether to show a progress bar on stderr.
    target : str
        ``"sim"``, with the integers of the chip, or ``"simreal"``, with real numbers.
    batch_size : int
        Largest number of sequences that run together.

    Returns
    -------
    values : (n, size_out) ndarray
        Answers at the end of each sequence.
    spikes : float
        Mean number of spikes of the memory's neurons for each sequence.
    extra : dict
        ``"target"``, ``"cores"``, ``"chips"``, ``"steps"`` (of each sequence),
        ``"synaptic_operations"`` in a step, and ``"energy_low"`` and
        ``"energy_high"``, estimates in nJ for each step.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the inputs do not fit, the memory is not of spiking neurons or does not fit
        on the chip, or nengo-loihi is not installed.
    """
    loihi = require_loihi()
    if not isinstance(network, SequenceNetwork):
        raise refusal("network", network, "a SequenceNetwork")
    memory = network.lmu.memory
    if not isinstance(memory, LegendreMemory) or not memory.neuron_type.spiking:
        raise refusal("memory", memory, "of spiking neurons")
    if network.hidden_spikes:
        raise refusal("network", network, "one whose hidden units are real numbers")
    check_choice("target", target, TARGETS)
    check_integer("batch_size", batch_size)
    seed = check_integer("seed", seed, low=0, high=2**32 - 1)
    x = check_sequences(inputs, network.size_in)
    fix_seeds(network, seed)  # or else each batch could run on other neurons
    values, energies, sizes = [], [], []
    with tqdm(total=len(x), unit="sequence", disable=not progress) as bar:
        for k, part in enumerate(np.array_split(x, -(-len(x) // batch_size))):
            (drawn,) = np.random.SeedSequence([seed, k]).generate_state(1)
            shown = np.repeat(part, network.presentation, axis=1)
            with loihi.Simulator(
                network,
                dt=network.dt,
                seed=int(drawn),
                target=target,
                minibatch_size=len(part),
                progress_bar=False,
            ) as sim:
                values.append(_last(sim, network, shown))
                energies.append(loihi.energy(sim))
            sizes.append(len(part))
            bar.update(len(part))

    def mean(numbers: list[float]) -> float:
        return float(np.average(numbers, weights=sizes))

    extra = {
        "target": target,
        "cores": sim.resources.cores,
        "chips": sim.resources.chips,
        "steps": x.shape[1] * network.presentation,
        "synaptic_operations": mean(
            [e.counts.synaptic_operations / e.counts.steps for e in energies]
        ),
        "energy_low": mean([1e9 * e.per_step.low for e in energies]),
        "energy_high": mean([1e9 * e.per_step.high for e in energies]),
    }
    return np.concatenate(values), mean([e.counts.spikes for e in energies]), extra


def require_loihi() -> Any:
    """`hardware.loihi`, or an error that says what to install."""
    require("nengo_loihi", "chip")
    from spiking_lmu.hardware import loihi

    return loihi


def _last(sim: Any, network: SequenceNetwork, shown: np.ndarray) -> np.ndarray:
    """The answers in the last step; those before are forgotten on the way."""
    for start in range(0, shown.shape[1], STEPS):
        sim.clear_probes()
        part = shown[:, start : start + STEPS]
        sim.run_steps(part.shape[1], data={network.stimulus: part})
    return np.array(sim.data[network.probe][:, -1])
