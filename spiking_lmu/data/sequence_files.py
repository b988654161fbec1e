"""Files of labelled sequences: text tables, ``.ts`` and ``.arff``."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError

from .arff_files import read_arff
from .labelled import (
    Labelled,
    Lines,
    read_label,
    read_number,
    read_values,
    without_end,
)
from .tables import LARGEST, SAMPLE, LineError, content, find_dialect, names_an_index
from .ts_files import read_ts

Row = tuple[int, list[str]]
LabelNumbers = tuple[list[np.ndarray], tuple[str, ...]]


def read_sequences(path: Path) -> Labelled:
    """The sequences of a file, in the format that its ending names.

    Parameters
    ----------
    path : pathlib.Path
        As `datasets.load_sequences` says.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the file cannot be used; it names the line.
    """
    ending = path.suffix.lower()
    read, _ = FORMATS.get(ending, FORMATS[".txt"])
    # comments of these formats are in any encoding
    marked = "replace" if ending in (".ts", ".arff") else "strict"
    try:
        if path.stat().st_size > LARGEST:
            raise LineError(None, f"has more than {LARGEST:,} bytes")
        with open(path, encoding="utf-8-sig", errors=marked, newline="") as file:
            lines = content(file)
            found = read(lines)
        if not found.sequences:
            raise LineError(None, "holds no sequences")
    except LineError as error:
        raise line_error(path, error.line, error.problem) from None
    except UnicodeDecodeError:
        raise line_error(path, None, "is no text in UTF-8") from None
    except csv.Error as error:
        raise line_error(path, None, f"cannot be read: {error}") from error
    except OSError as error:
        raise line_error(path, None, f"cannot be read: {error.strerror}") from error
    for line, label in zip(found.lines, found.labels):
        if "\ufffd" in label:
            raise line_error(path, line, "is no text in UTF-8")
    with np.errstate(over="ignore"):
        single = [values.astype(np.float32) for values in found.sequences]
    for line, values in zip(found.lines, single):
        if np.isinf(values).any():
            problem = "holds a value beyond what 32 bits can express"
            raise line_error(path, line, problem)
    return Labelled(found.lines, single, found.labels)


def number_labels(files: Mapping[Path, Labelled], least: int = 1) -> LabelNumbers:
    """Classes from 0 in the sorted order of the labels, integers by their size.

    Parameters
    ----------
    files : mapping
        The sequences of files. Those of the first one have all labels.
    least : int
        How many sequences of each label it must have.

    Returns
    -------
    y : list of (n,) array of int
        Of each file.
    labels : tuple of str

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is only one label, or one has too few sequences; it names the line.
    """
    (path, first), *others = files.items()
    distinct = set(first.labels)
    words_too = any(read_number(word) is None for word in distinct)
    labels = tuple(sorted(distinct, key=str if words_too else int))
    if len(labels) < 2:
        raise line_error(path, None, f"has only one label, {labels[0]!r}")
    counts = Counter(first.labels)
    rarest = min(labels, key=counts.__getitem__)
    if counts[rarest] < least:
        problem = (
            f"has the label {rarest!r}, of which there are fewer than {least} sequences"
        )
        line = first.lines[first.labels.index(rarest)]
        raise line_error(path, line, problem)
    for other, found in others:
        for line, label in zip(found.lines, found.labels):
            if label not in distinct:
                problem = f"has the label {label[:40]!r}, which {path} does not have"
                raise line_error(other, line, problem)
    numbers = {label: k for k, label in enumerate(labels)}
    y = [np.array([numbers[w] for w in found.labels]) for found in files.values()]
    return y, labels


# ---- Tables ------------------------------------------------------------------------


def _read_table(lines: Lines, tabs: bool = False, padded: bool = False) -> Labelled:
    """One row a sequence, or one row a time step.

    Parameters
    ----------
    lines : iterator of (int, str)
    tabs : bool
        Whether nothing but tabs can separate.
    padded : bool
        Whether a row may lack values, as tables of the UCR archive do. Those at the end
        of a row mean that the sequence is shorter.
    """
    rows = _rows(lines, tabs, padded)
    line, first = next(rows)
    if len(first) < 2:
        raise LineError(line, "has fewer than two columns")
    named = all(name and read_number(name) is None for name in first[1:])
    named = named and not (padded and read_number(first[0]) is not None)
    names = [name.lower() for name in first] if named else []
    if named:
        rows = _without_units(rows)
        if names_an_index(names[0]) and names[1] in ("sequence", "label"):
            names = names[1:]
            rows = ((line, cells[1:]) for line, cells in rows)
    if named and names[0] == "sequence":
        if names[1] != "label" or len(names) < 3:
            problem = "names no columns sequence, label and at least one channel"
            raise LineError(line, problem)
        return _read_steps(rows, len(names))
    return _read_wide(rows if named else chain([(line, first)], rows), padded)


def _rows(lines: Lines, tabs: bool, spaces: bool) -> Iterator[Row]:
    """Line numbers and cells of all lines; decimals have a point."""
    first = list(islice(lines, SAMPLE))
    if not first:
        raise LineError(None, "is empty")
    dialect = find_dialect([text for _, text in first], tabs)
    mark = dialect.separator or ("" if spaces else ",")
    for line, text in chain(first, lines):
        cells = text.split() if not mark else next(csv.reader([text], delimiter=mark))
        cells = [cell.strip() for cell in cells]
        if dialect.decimal != ".":
            cells = [dialect.pointed(cell) for cell in cells]
        yield line, cells


def _without_units(rows: Iterator[Row]) -> Iterator[Row]:
    """All rows but the first if it holds words alone, as a line of units does."""
    for line, cells in islice(rows, 1):
        if any(read_number(c) is not None for c in cells[1:]) or not any(cells[1:]):
            yield line, cells
    yield from rows


def _read_wide(rows: Iterator[Row], padded: bool) -> Labelled:
    """A sequence of one channel in each row."""
    found, n = Labelled(), 0
    for line, cells in rows:
        values = read_values(line, cells[1:], missing=padded)
        n = n or len(values)
        if len(values) != n:
            problem = f"has {len(values)} values, but line {found.lines[0]} has {n}"
            raise LineError(line, problem)
        ended = without_end(values[:, None]) if padded else values[:, None]
        found.add(line, ended, read_label(line, cells[0]))
    return found


def _read_steps(rows: Iterator[Row], n_columns: int) -> Labelled:
    """A time step of one sequence in each row."""
    lines: dict[str, int] = {}
    steps: dict[str, list[np.ndarray]] = {}
    words: dict[str, str] = {}
    for line, cells in rows:
        if len(cells) != n_columns:
            problem = f"has {len(cells)} columns, but the line of names {n_columns}"
            raise LineError(line, problem)
        name, label = cells[0], read_label(line, cells[1])
        if not name:
            raise LineError(line, "does not say of which sequence it is")
        if words.setdefault(name, label) != label:
            problem = (
                f"has the label {label!r}, but sequence {name!r} has {words[name]!r}"
            )
            raise LineError(line, problem)
        lines.setdefault(name, line)
        steps.setdefault(name, []).append(read_values(line, cells[2:]))
    lengths = {name: len(values) for name, values in steps.items()}
    for name, n in lengths.items():
        first = next(iter(lengths))
        if n != lengths[first]:
            problem = (
                f"begins sequence {name!r} of {n} steps, but {first!r} has "
                f"{lengths[first]}"
            )
            raise LineError(lines[name], problem)
    sequences = [np.array(values) for values in steps.values()]
    return Labelled(list(lines.values()), sequences, list(words.values()))


TABLE = (
    "a table of sequences that are all equally long, a row 'label,v0,v1,...' each, or "
    "a row 'sequence,label,x,...' for each time step"
)
UCR = "a table of the UCR archive, a row of a label and values for each sequence"
#: How the formats are read and what they are, by the endings of files. Of the formats
#: that one data set may come in, those that come first are preferred.
FORMATS: dict[str, tuple[Callable[[Lines], Labelled], str]] = {
    ".ts": (read_ts, "a .ts file: a header, @data, and a line 'v0,v1,...:label' each"),
    ".arff": (read_arff, "an .arff file: attributes, @data, and a line a sequence"),
    ".tsv": (partial(_read_table, tabs=True, padded=True), UCR),
    ".txt": (partial(_read_table, padded=True), UCR),
    ".csv": (_read_table, TABLE),
}


def line_error(path: Path, line: int | None, problem: str) -> ValidationError:
    """The error that names a file, its line, and what is allowed."""
    place = f"{path}" if line is None else f"{path}, line {line},"
    _, form = FORMATS.get(path.suffix.lower(), FORMATS[".txt"])
    return ValidationError(f"must be {form}; but {place} {problem}", attr="data")
