"""Text files of sequences, one row a sequence or one row a time step."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np
from nengo.exceptions import ValidationError

from .tables import (
    LARGEST,
    SAMPLE,
    LineError,
    content,
    find_dialect,
    names_an_index,
)

LEAST = 3  # sequences of each label: one to train on, to choose by and to test
Row = tuple[int, list[str]]


def read_sequences(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Sequences, their classes, and what these are called.

    Parameters
    ----------
    path : pathlib.Path
        As `datasets.sequences_csv` says.

    Returns
    -------
    x : (n, T, size) array of float32
    y : (n,) array of int
    labels : tuple of str

    Raises
    ------
    nengo.exceptions.ValidationError
        If the file cannot be used; it names the line.
    """
    if path.stat().st_size > LARGEST:
        raise _error(path, None, f"has more than {LARGEST:,} bytes")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return _read(path, _rows(path, file))
    except UnicodeDecodeError:
        raise _error(path, None, "is no text in UTF-8") from None
    except csv.Error as error:
        raise _error(path, None, f"cannot be read: {error}") from error
    except OSError as error:
        raise _error(path, None, f"cannot be read: {error.strerror}") from error


def _rows(path: Path, file: TextIO) -> Iterator[Row]:
    """Line numbers and cells of all lines that are not empty; decimals have a point."""
    lines = content(file)
    try:
        first = list(islice(lines, SAMPLE))
        if not first:
            raise _error(path, None, "is empty")
        tabs = path.suffix.lower() == ".tsv"
        dialect = find_dialect([text for _, text in first], tabs)
        mark = dialect.separator or ","
        for line, text in chain(first, lines):
            (cells,) = csv.reader([text], delimiter=mark)
            cells = [cell.strip() for cell in cells]
            if dialect.decimal != ".":
                cells = [dialect.pointed(cell) for cell in cells]
            yield line, cells
    except LineError as error:
        raise _error(path, error.line, error.problem) from None


def _read(
    path: Path, rows: Iterator[Row]
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    line, first = next(rows)
    if len(first) < 2:
        raise _error(path, line, "has fewer than two columns")
    named = all(name and _number(name) is None for name in first[1:])
    names = [name.lower() for name in first] if named else []
    if named:
        rows = _without_units(rows)
        if names_an_index(names[0]) and names[1] in ("sequence", "label"):
            names = names[1:]
            rows = ((line, cells[1:]) for line, cells in rows)
    if named and names[0] == "sequence":
        if names[1] != "label" or len(names) < 3:
            problem = "names no columns sequence, label and at least one channel"
            raise _error(path, line, problem)
        found = _read_steps(path, rows, len(names))
    else:
        found = _read_wide(path, rows if named else chain([(line, first)], rows))
    lines, sequences, words = found
    if not sequences:
        raise _error(path, None, "holds no sequences")
    with np.errstate(over="ignore"):
        x = np.array(sequences).astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(x).all(axis=(1, 2)))
    if bad.size:
        problem = "holds a value beyond what 32 bits can express"
        raise _error(path, lines[bad[0]], problem)
    return x, *_classes(path, lines, words)


def _without_units(rows: Iterator[Row]) -> Iterator[Row]:
    """All rows but the first if it holds words alone, as a line of units does."""
    for line, cells in islice(rows, 1):
        if any(_number(cell) is not None for cell in cells[1:]) or not any(cells[1:]):
            yield line, cells
    yield from rows


def _read_wide(
    path: Path, rows: Iterator[Row]
) -> tuple[list[int], list[np.ndarray], list[str]]:
    """A sequence of one channel in each row."""
    lines: list[int] = []
    sequences: list[np.ndarray] = []
    words: list[str] = []
    for line, cells in rows:
        values = _values(path, line, cells[1:])
        if sequences and len(values) != len(sequences[0]):
            problem = (
                f"has {len(values)} values, but line {lines[0]} has {len(sequences[0])}"
            )
            raise _error(path, line, problem)
        if not len(values):
            raise _error(path, line, "has no values")
        lines.append(line)
        sequences.append(values[:, None])
        words.append(_label(path, line, cells[0]))
    return lines, sequences, words


def _read_steps(
    path: Path, rows: Iterator[Row], n_columns: int
) -> tuple[list[int], list[np.ndarray], list[str]]:
    """A time step of one sequence in each row."""
    lines: dict[str, int] = {}
    steps: dict[str, list[np.ndarray]] = {}
    words: dict[str, str] = {}
    for line, cells in rows:
        if len(cells) != n_columns:
            problem = f"has {len(cells)} columns, but the line of names {n_columns}"
            raise _error(path, line, problem)
        name, label = cells[0], _label(path, line, cells[1])
        if not name:
            raise _error(path, line, "does not say of which sequence it is")
        if words.setdefault(name, label) != label:
            problem = (
                f"has the label {label!r}, but sequence {name!r} has {words[name]!r}"
            )
            raise _error(path, line, problem)
        lines.setdefault(name, line)
        steps.setdefault(name, []).append(_values(path, line, cells[2:]))
    lengths = {name: len(values) for name, values in steps.items()}
    for name, n in lengths.items():
        first = next(iter(lengths))
        if n != lengths[first]:
            problem = (
                f"begins sequence {name!r} of {n} steps, but {first!r} has "
                f"{lengths[first]}"
            )
            raise _error(path, lines[name], problem)
    sequences = [np.array(values) for values in steps.values()]
    return list(lines.values()), sequences, list(words.values())


def _values(path: Path, line: int, cells: list[str]) -> np.ndarray:
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        bad = next(cell for cell in cells if _number(cell) is None)
        problem = f"holds {bad[:40]!r} instead of a number" if bad else "lacks a value"
        raise _error(path, line, problem) from None
    if not np.isfinite(values).all():
        raise _error(path, line, "holds a value that is missing or not finite")
    return values


def _label(path: Path, line: int, text: str) -> str:
    """A label as it is compared: 1.0 is 1, and 1.5 is none."""
    if not text:
        raise _error(path, line, "has no label")
    value = _number(text)
    if value is None:
        return text
    if not abs(value) <= 2**53 or value != round(value):
        problem = f"has the label {text[:40]!r}, neither a word nor an integer"
        raise _error(path, line, problem)
    return str(round(value))


def _classes(
    path: Path, lines: list[int], words: list[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Classes from 0 in the sorted order of the labels, integers by their size."""
    distinct = set(words)
    words_too = any(_number(word) is None for word in distinct)
    labels = tuple(sorted(distinct, key=str if words_too else int))
    if len(labels) < 2:
        raise _error(path, None, f"has only one label, {labels[0]!r}")
    numbers = {label: k for k, label in enumerate(labels)}
    y = np.array([numbers[word] for word in words], dtype=np.int64)
    counts = np.bincount(y)
    rarest = labels[int(counts.argmin())]
    if counts.min() < LEAST:
        problem = (
            f"has the label {rarest!r}, of which there are fewer than {LEAST} sequences"
        )
        raise _error(path, lines[words.index(rarest)], problem)
    return y, labels


def _number(text: str) -> float | None:
    """The number that a cell holds, if it does."""
    if text[:1].isalpha() and text[0] not in "nNiI":  # soon told: no NaN, no infinity
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _error(path: Path, line: int | None, problem: str) -> ValidationError:
    """The error that names a file, its line, and what is allowed."""
    place = f"{path}" if line is None else f"{path}, line {line},"
    return ValidationError(
        "must be a text file of sequences that are all equally long, at least three of "
        "each label: a row 'label,v0,v1,...' each, or a row "
        f"'sequence,label,x,...' for each time step; but {place} {problem}",
        attr="data",
    )
