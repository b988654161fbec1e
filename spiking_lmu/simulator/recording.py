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
        self._rows = np.empty((0, *shape), dtype)
        self._minibatch = minibatch
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self._rows[: self._n])

    def __getitem__(self, index: Any) -> Any:
        return self._rows[: self._n][index]

    def make_room(self, n: int) -> None:
        """Have room for some more samples."""
        needed = self._n + n
        if needed > len(self._rows):
            size = needed if self._n == 0 else max(needed, int(SPARE * self._n))
            rows = np.empty((size, *self._rows.shape[1:]), self._rows.dtype)
            rows[: self._n] = self._rows[: self._n]
            self._rows = rows

    def extend(self, samples: Iterable[Any]) -> None:
        """Add samples."""
        samples = np.asarray(
            samples if isinstance(samples, np.ndarray) else list(samples),
            self._rows.dtype,
        )
        if len(samples):
            samples = samples.reshape(-1, *self._rows.shape[1:])
            self.make_room(len(samples))
            self._rows[self._n : self._n + len(samples)] = samples
            self._n += len(samples)

    def append(self, sample: Any) -> None:
        """Add one sample."""
        self.extend(np.asarray(sample)[np.newaxis])

    @property
    def samples(self) -> np.ndarray:
        """All samples: (n, ...), or (minibatch_size, n, ...)."""
        if self._n == 0 and not self._minibatch:
            return np.asarray([])  # as Nengo's probes before the first step
        rows = self._rows[: self._n]
        rows = rows.swapaxes(0, 1) if self._minibatch else rows.view()
        rows.setflags(write=False)
        return rows


class Data(SimulationData):
    """Parameters of what was built, and the samples of probes."""

    def __getitem__(self, key: Any) -> Any:
        value = self.raw[key]
        return value.samples if isinstance(value, Record) else super().__getitem__(key)
