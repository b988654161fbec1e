"""Trained networks in neurons: noise-aware training, and long runs.

Both take minutes. Their results are kept as they come, so that an interrupted run goes
on where it was.
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
from spiking_lmu.data.archives import fingerprint, read_archive, write_archive
from spiking_lmu.data.datasets import Dataset
from spiking_lmu.experiments.sweeps.store import versions
from spiking_lmu.experiments.sweeps.tasks import derived_seed
from spiking_lmu.networks import SequenceNetwork, freeze, state_noise

# noise-aware training: rounds of some epochs; after each of them, coordinates and
# neurons are chosen again for the weights that the network now has
FINE_ROUNDS = 2
FINE_TUNING = 6
FINE_RATE = 5e-4
COUNTED = 2  # sequences with which operations are counted, by NeuroBench's measures
EXAMPLES = 5000  # training sequences that coordinates are chosen from


class InNeurons:
    """A trained network with a memory of neurons.

    Parameters
    ----------
    path : pathlib.Path
        File of the trained network.
    dataset : Dataset
        The data that it was trained on.
    memory, n_neurons, presentation, synapse, seed
        See `networks.freeze`.
    rates : float
        Maximum rate of the fastest neurons, in Hz; that of the slowest is half of it.
    noise_aware : bool
        Whether to train the network further with the noise of these neurons. The result
        is kept beside the trained network.
    noise_shaping : bool
        As for `networks.LegendreMemory`.
    **hidden
        ``hidden``, ``hidden_rates`` and ``hidden_synapse`` of `networks.freeze`.
        Noise-aware training does not include the noise of hidden units.

    Attributes
    ----------
    network : SequenceNetwork
        The network with an exact memory.
    frozen : SequenceNetwork
        The network with the same weights and a memory of neurons.
    path : pathlib.Path
        File of these weights.
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
        noise_shaping: bool = False,
        **hidden: Any,
    ) -> None:
        same = {"presentation": presentation, "synapse": synapse, "seed": seed}
        self._dataset = dataset
        self._settings: dict[str, Any] = {
            **same,
            "memory_type": memory,
            "n_neurons": n_neurons,
            "inputs": dataset.train.x[:EXAMPLES],
            "max_rates": rates_up_to(rates),
            "noise_shaping": noise_shaping,
        }
        self.path, (self.network, about) = path, SequenceNetwork.load(path)
        if noise_aware:
            total = n_neurons * self.network.order * self.network.size_in
            told = {**same, "memory": memory, "neurons": total, "rates": rates}
            if noise_shaping:  # not in the names of earlier versions
                told["noise_shaping"] = True
            name = f"{path.stem}-{total}{memory}-{presentation}ms"
            self.path = _kept(path, name, told, ".npz")
            if self.path.exists():
                self.network, _ = SequenceNetwork.load(self.path)
            else:
                self._train_on()
                self.network.save(self.path, {**about, "noise_aware": told})
        self.frozen = freeze(self.network, **self._settings, **hidden)

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
    """Maximum rates of neurons in Hz: from half the highest rate to the highest."""
    return Uniform(highest / 2, highest)


def run_in_parts(
    run: Callable[[slice, int], dict[str, Any]],
    n: int,
    size: int,
    seed: int,
    path: Path,
) -> list[dict[str, Any]]:
    """Run n items in parts, except those parts that were finished before.

    Parameters
    ----------
    run : callable
        Takes a part and its own seed, and returns a dict that JSON can express.
    n, size : int
        Numbers of items in all, and in a part.
    seed : int
        Seed that those of the parts are derived from.
    path : pathlib.Path
        File of the finished parts. The caller removes it.
    """
    rows: list[dict[str, Any]] = []
    if path.exists():
        rows = read_archive(path)[1]["rows"]
    for k in range(len(rows), -(-n // size)):
        rows.append(run(slice(k * size, (k + 1) * size), derived_seed(seed, k)))
        with suppress(OSError):  # on a full disk, only the way back is lost
            write_archive(path, {}, {"rows": rows})
    return rows


def together(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of the parts of a run: the sum of seconds, and means over images."""
    weights = [len(row["answers"]) for row in rows]
    together = {k: v for k, v in rows[0].items() if k != "answers"}
    for name, value in together.items():
        if isinstance(value, float):
            each = [row[name] for row in rows]
            together[name] = float(np.average(each, weights=weights))
    together["run_seconds"] = sum(row["run_seconds"] for row in rows)
    return together


def parts_path(path: Path, task: dict[str, Any]) -> Path:
    """Where the parts of a run of the network at ``path`` are kept."""
    return _kept(path, path.stem, task, ".parts")


def _kept(path: Path, name: str, what: dict[str, Any], suffix: str) -> Path:
    """A file beside a network, for its results with some settings and versions."""
    # of the weights alone: the file also tells how long training took
    weights = read_archive(path)[0]
    code = zlib.crc32(json.dumps([what, versions()], sort_keys=True).encode())
    code = fingerprint(*(weights[part] for part in sorted(weights)), start=code)
    return path.with_name(f"{name}-{code:08x}{suffix}")
