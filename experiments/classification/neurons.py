"""Trained networks in neurons: weights that know of their noise, and long runs.

Both take minutes, and are kept on the way: a run that is interrupted goes on.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from nengo.dists import Uniform

from spiking_lmu import training
from spiking_lmu.data.archives import read_archive, write_archive
from spiking_lmu.data.datasets import Dataset
from spiking_lmu.experiments.sweeps.store import versions
from spiking_lmu.networks import SequenceNetwork, freeze, state_noise

# noise-aware training: rounds of some epochs, after each of which coordinates and
# neurons are chosen anew, for what the network now makes of its memory
FINE_ROUNDS = 2
FINE_TUNING = 6
FINE_RATE = 5e-4
EXAMPLES = 5000  # training sequences that coordinates are chosen from


class InNeurons:
    """A trained network, around a memory of neurons.

    Parameters
    ----------
    path : pathlib.Path
        Of the trained network.
    dataset : Dataset
        That it was trained on.
    memory, n_neurons, presentation, synapse, seed
        See `networks.freeze`.
    rates : float
        Highest rate of the fastest neurons, in Hz; those of the slowest are half of it.
    noise_aware : bool
        Whether it is trained on, with the noise of these neurons. What comes of that is
        kept beside the trained network.

    Attributes
    ----------
    network : SequenceNetwork
        With an exact memory.
    frozen : SequenceNetwork
        With the same weights, in neurons.
    path : pathlib.Path
        Where these weights are kept.
    """

    def __init__(
        self,
        path: Path,
        dataset: Dataset,
        *,
        memory: str,
        n_neurons: int,
        presentation: int,
        synapse: float,
        rates: float,
        seed: int,
        noise_aware: bool,
    ) -> None:
        self._dataset = dataset
        self._settings: dict[str, Any] = {
            "memory_type": memory,
            "n_neurons": n_neurons,
            "inputs": dataset.train.x[:EXAMPLES],
            "presentation": presentation,
            "synapse": synapse,
            "max_rates": rates_up_to(rates),
            "seed": seed,
        }
        self.path, (self.network, about) = path, SequenceNetwork.load(path)
        if noise_aware:
            told = {
                "memory": memory,
                "neurons": n_neurons * self.network.order * self.network.size_in,
                "presentation": presentation,
                "synapse": synapse,
                "rates": rates,
                "seed": seed,
            }
            name = f"{path.stem}-{told['neurons']}{memory}-{presentation}ms"
            self.path = _kept(path, name, told, ".npz")
            if self.path.exists():
                self.network, _ = SequenceNetwork.load(self.path)
            else:
                self._train_on()
                self.network.save(self.path, {**about, "noise_aware": told})
        self.frozen = freeze(self.network, **self._settings)

    def _train_on(self) -> None:
        """Train with the noise that theory predicts for these very neurons."""
        x, y = self._dataset.train.x, self._dataset.train.y
        seed = self._settings["seed"]
        for _ in range(FINE_ROUNDS):
            frozen = freeze(self.network, **self._settings)
            training.fit(
                self.network,
                x,
                y,
                loss="crossentropy",
                epochs=FINE_TUNING,
                learning_rate=lambda epoch: FINE_RATE * (1 - epoch / FINE_TUNING),
                noise={self.network.lmu.state: state_noise(frozen, x, seed)},
                seed=seed,
            )


def rates_up_to(highest: float) -> Uniform:
    """Maximum rates of neurons, of which the fastest have the highest, in Hz."""
    return Uniform(highest / 2, highest)


def run_in_parts(
    run: Callable[[slice, int], dict[str, Any]],
    n: int,
    size: int,
    seed: int,
    path: Path,
) -> list[dict[str, Any]]:
    """What `run` says of each part of n things, from those that were done before on.

    Parameters
    ----------
    run : callable
        Of a part, and of a seed of its own; to a dict of what JSON can express.
    n, size : int
        How many there are in all, and in a part.
    seed : int
    path : pathlib.Path
        The file of the parts that are done. It is for the caller to remove.
    """
    rows: list[dict[str, Any]] = []
    if path.exists():
        rows = read_archive(path)[1]["rows"]
    for k in range(len(rows), -(-n // size)):
        (drawn,) = np.random.SeedSequence([seed, k]).generate_state(1)
        rows.append(run(slice(k * size, (k + 1) * size), int(drawn >> 1)))
        with suppress(OSError):  # a full disk costs no more than the way back
            write_archive(path, {}, {"rows": rows})
    return rows


def parts_path(path: Path, task: dict[str, Any]) -> Path:
    """Where the parts of a run of the network at ``path`` are kept."""
    return _kept(path, path.stem, task, ".parts")


def _kept(path: Path, name: str, what: dict[str, Any], suffix: str) -> Path:
    """A file beside a network, for what comes of it with some settings and versions."""
    # of the weights alone: the file also tells how long training took
    weights = read_archive(path)[0]
    code = zlib.crc32(json.dumps([what, versions()], sort_keys=True).encode())
    for part in sorted(weights):
        code = zlib.crc32(np.ascontiguousarray(weights[part]).data, code)
    return path.with_name(f"{name}-{code:08x}{suffix}")
