"""Labelled sequences as the lines of a file have them, and their cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from .tables import LineError

Line = tuple[int, str]
Lines = Iterator[Line]
MISSING = frozenset({"?", "na", "nan", "+nan", "-nan", "n/a", "null"})


@dataclass(frozen=True, eq=False)
class Labelled:
    """Sequences of one file.

    Attributes
    ----------
    lines : list of int
        Numbers of the lines where they begin, from 1.
    sequences : list of (T, size) ndarray
        Their values.
    labels : list of str
    """

    lines: list[int] = field(default_factory=list)
    sequences: list[np.ndarray] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def add(self, line: int, values: np.ndarray, label: str) -> None:
        """Take a further sequence (T, size), of as many channels as those before.

        Values that are missing (NaN) are interpolated between those before and after
        in their channel. At an end, they are the nearest one.
        """
        known = ~np.isnan(values)
        if not known.any(axis=0).all():
            raise LineError(line, "has no values, or none in one of its channels")
        if not known.all():
            values = _interpolated(values, known)
        if self.sequences and values.shape[1] != (size := self.sequences[0].shape[1]):
            problem = f"has {values.shape[1]} channels, but line {self.lines[0]} {size}"
            raise LineError(line, problem)
        self.lines.append(line)
        self.sequences.append(values)
        self.labels.append(label)

    def check_equal_lengths(self) -> None:
        """Refuse a sequence that differs in length from the first."""
        for line, values in zip(self.lines, self.sequences):
            if len(values) != (n := len(self.sequences[0])):
                problem = (
                    f"has {len(values)} values, but line {self.lines[0]} has {n}, and "
                    "the file says that all are equally long"
                )
                raise LineError(line, problem)

    def padded(self, n_steps: int) -> np.ndarray:
        """All sequences (n, n_steps, size), with zeros before those that are shorter.

        A memory that starts at zero stays there while its input is zero. Its state at
        the end is that of the sequence alone.
        """
        size = self.sequences[0].shape[1]
        x = np.zeros((len(self.sequences), n_steps, size), dtype=np.float32)
        for k, values in enumerate(self.sequences):
            x[k, n_steps - len(values) :] = values
        return x


def side_by_side(line: int, channels: Sequence[np.ndarray]) -> np.ndarray:
    """The sequence (T, size) of channels (T,)."""
    if len(lengths := {len(values) for values in channels}) > 1:
        problem = f"has channels of different lengths, {sorted(lengths)}"
        raise LineError(line, problem)
    return np.stack(channels, axis=1)


def _interpolated(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    steps = np.arange(len(values))
    columns = zip(values.T, known.T)
    return np.stack([np.interp(steps, steps[k], v[k]) for v, k in columns], axis=1)


def without_end(values: np.ndarray) -> np.ndarray:
    """A sequence (T, size) without the steps at its end that have no values."""
    known = np.flatnonzero(~np.isnan(values).all(axis=1))
    return values[: known[-1] + 1] if known.size else values[:0]


def read_values(line: int, cells: Sequence[str], missing: bool = False) -> np.ndarray:
    """The numbers in cells.

    Parameters
    ----------
    line : int
        Their line, for the error.
    cells : sequence of str
    missing : bool
        Whether some may be missing; they are NaN in the result.
    """
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        if missing:
            known = [c if c.strip().lower() not in MISSING else "nan" for c in cells]
            if "" in map(str.strip, cells):
                raise LineError(line, "lacks a value") from None
            if known != list(cells):
                return read_values(line, known, missing)
        bad = next(cell for cell in cells if read_number(cell) is None)
        problem = f"holds {bad[:40]!r} instead of a number" if bad else "lacks a value"
        raise LineError(line, problem) from None
    if np.isinf(values).any() or not (missing or np.isfinite(values).all()):
        kind = "not finite" if missing else "missing or not finite"
        raise LineError(line, f"holds a value that is {kind}")
    return values


def read_label(line: int, text: str) -> str:
    """A label as it is compared: 1.0 is 1, and 1.5 is none."""
    if not text:
        raise LineError(line, "has no label")
    value = read_number(text)
    if value is None:
        return text
    if not abs(value) <= 2**53 or value != round(value):
        problem = f"has the label {text[:40]!r}, neither a word nor an integer"
        raise LineError(line, problem)
    return str(round(value))


def read_number(text: str) -> float | None:
    """The number that a cell holds, if it does."""
    if text[:1].isalpha() and text[0] not in "nNiI":  # soon told: no NaN, no infinity
        return None
    try:
        return float(text)
    except ValueError:
        return None
