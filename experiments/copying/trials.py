r"""Trials of the copy memory task.

Each symbol has to be kept for T + 10 steps. Without memory, one can at best answer
blanks, and then each symbol with the same probability: a cross entropy of
:math:`10 \ln 8 / (T + 20)`, averaged over all steps.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from spiking_lmu.experiments.arguments import OneOf, Range
from spiking_lmu.experiments.copying.learned import run_learned
from spiking_lmu.experiments.copying.ring import LEAST_ORDER, run_ring
from spiking_lmu.experiments.copying.sequences import LENGTH
from spiking_lmu.experiments.sweeps.backends import backend
from spiking_lmu.experiments.sweeps.store import installed
from spiking_lmu.experiments.sweeps.tasks import derived_seed

ENCODERS = ("learned", "ring")
MODELS = ("lmu", "lstm")
RATES = Range(0, 10, exclusive=True)  # of learning


def make_tasks(
    encoders: Annotated[Sequence[str], OneOf(ENCODERS)] = ENCODERS,
    delays: Annotated[Sequence[int], Range(2, 10**4)] = (100,),
    models: Annotated[Sequence[str], OneOf(MODELS)] = MODELS,
    updates: Annotated[int, Range(1, 10**8)] = 2000,
    learning_rates: Annotated[Sequence[float], RATES] = (0.001, 0.003, 0.01),
    trials: int = 3,
    ring_delays: Annotated[Sequence[int], Range(2, 10**5)] = (100, 300, 1000),
    ring_units: Annotated[int, Range(1, 10**4)] = 64,
    ring_order: Annotated[int, Range(LEAST_ORDER, 10 * LENGTH)] = 20,
    ring_sequences: Annotated[int, Range(1, 10**6)] = 400,
    ring_epochs: Annotated[int, Range(1, 10**6)] = 30,
    ring_learning_rate: Annotated[float, RATES] = 0.03,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Train networks on the copy memory task and test them; one row a network.

    Parameters
    ----------
    encoders : sequence of str
        ``learned``: the published task, with all weights of the LMU and the LSTM
        learned. ``ring``: a demonstration of what the memory can hold; e_x and e_m are
        set by hand, and only the weights that read the memory are learned.
    delays : sequence of int
        T of the task with learned encoders: each symbol is kept for T + 10 steps.
    models : sequence of str
        ``lmu`` and ``lstm``, with learned encoders and about 6,500 parameters each.
    updates : int
        Updates of RMSProp, each on 20 new sequences; 20,000 as published.
    learning_rates : sequence of float
        Learning rates to choose from; 0.001 as published. Each model uses, for each
        delay, the one with the least validation loss after 2,000 updates of a network
        that is not counted.
    trials : int
        Networks of each kind for each delay. Each has its own weights and data.
    ring_delays : sequence of int
        T of the task with the ring.
    ring_units : int
        Hidden units of the ring.
    ring_order : int
        State variables of each of the nine memories of the ring, at least 20.
    ring_sequences : int
        Sequences on which the ring is trained.
    ring_epochs : int
        Passes through these sequences.
    ring_learning_rate : float
        Initial learning rate of the ring. It falls to zero along half a cosine.
    seed : int
        Seed from which all other seeds are derived.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9(8),
    1997.

    M. Arjovsky, A. Shah, Y. Bengio, "Unitary evolution recurrent neural networks",
    ICML 2016.
    """

    def seed_of(delay: int, trial: int) -> int:
        # both models are tested on the same sequences
        return derived_seed(seed, zlib.crc32(str(delay).encode()), trial)

    learned = [
        {
            "model": model,
            "encoders": "learned",
            "delay": delay,
            "updates": updates,
            "rates": list(learning_rates),
            "seeds": [seed_of(delay, k) for k in range(trials)],
            "pilot_seed": seed_of(delay, trials),
            "seed": seed,
        }
        for model, delay in product(models, delays)
    ]
    ring = [
        {
            "model": "lmu",
            "encoders": "ring",
            "delay": delay,
            "units": ring_units,
            "order": ring_order,
            "sequences": ring_sequences,
            "epochs": ring_epochs,
            "learning_rate": ring_learning_rate,
            "seed": seed_of(delay, trial),
        }
        for delay, trial in product(ring_delays, range(trials))
    ]
    kinds = {"learned": learned, "ring": ring}
    return [task for kind in ENCODERS if kind in encoders for task in kinds[kind]]


def run_task(task: dict[str, Any], folder: str | None = None) -> list[dict[str, Any]]:
    """Train and test the networks of one task; one row each.

    Training with learned encoders is stored in ``folder``, to go on from there after
    an interruption.
    """
    if task["encoders"] == "ring":
        return run_ring(task)
    return run_learned(task, None if folder is None else Path(folder, "training"))


def needs(arguments: Mapping[str, Any]) -> dict[str, str]:
    """The packages that train the ring; where installed, trials without it keep them.

    So that a run with the ring finds the trials of one without.
    """
    asked = "ring" in arguments["encoders"]
    return {
        package: "the ring of the copy experiment"
        for package in backend("nengo-dl").packages
        if asked or installed(package)
    }
