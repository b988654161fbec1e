"""What probes have recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from nengo.simulator import SimulationData

SPARE = 1.125  # room that a growing record keeps for more


class Record:
    """The samples of one probe, in one array that grows.

    A run of many steps makes the array as large as it needs. Arrays that were handed
    out never change.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample. In a minibatch, the first axis is that of the networks.
    dtype : numpy.dtype
    minibatch : bool
        Whether networks run side by side.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: Any, minibatch: bool = False
    ) -> None:
        # the array, and how many of its rows are samples. NengoGUI deletes samples in
        # another thread than the simulator's, and so both change together
        self._held = np.empty((0, *shape), dtype), 0
        self._minibatch = minibatch

    @property
    def _rows(self) -> np.ndarray:
        rows, n = self._held
        return rows[:n]

    def __len__(self) -> int:
        return self._held[1]

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __delitem__(self, index: Any) -> None:
        rows = np.delete(self._rows, index, axis=0)
        self._held = rows, len(rows)

    def make_room(self, n: int) -> None:
        """Have room for some more samples."""
        self._held = self._roomy(n)

    def _roomy(self, more: int) -> tuple[np.ndarray, int]:
        rows, n = self._held
        needed = n + more
        if needed > len(rows):
            size = needed if n == 0 else max(needed, int(SPARE * n))
            longer = np.empty((size, *rows.shape[1:]), rows.dtype)
            longer[:n] = rows[:n]
            rows = longer
        return rows, n

    def extend(self, samples: Iterable[Any]) -> None:
        """Add samples."""
        dtype, shape = self._held[0].dtype, self._held[0].shape[1:]
        samples = np.asarray(
            samples if isinstance(samples, np.ndarray) else list(samples), dtype
        )
        if len(samples):
            samples = samples.reshape(-1, *shape)
            rows, n = self._roomy(len(samples))
            rows[n : n + len(samples)] = samples
            self._held = rows, n + len(samples)

    def append(self, sample: Any) -> None:
        """Add one sample."""
        self.extend(np.asarray(sample)[np.newaxis])

    @property
    def samples(self) -> np.ndarray:
        """All samples: (n, ...), or (minibatch_size, n, ...)."""
        if len(self) == 0 and not self._minibatch:
            return np.asarray([])  # as Nengo's probes before the first step
        rows = self._rows
        rows = rows.swapaxes(0, 1) if self._minibatch else rows.view()
        rows.setflags(write=False)
        return rows


class Data(SimulationData):
    """Parameters of what was built, and the samples of probes."""

    def __getitem__(self, key: Any) -> Any:
        value = self.raw[key]
        return value.samples if isinstance(value, Record) else super().__getitem__(key)
