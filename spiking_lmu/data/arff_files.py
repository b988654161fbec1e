"""Files in the format ``.arff`` of Weka, with one sequence a line.

The attributes of a sequence of one channel are numbers, and one attribute is nominal:
its label. A sequence of several channels is one relational attribute, a quoted text
whose lines, one a channel, are separated by a backslash and ``n``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .labelled import (
    Labelled,
    Lines,
    read_label,
    read_values,
    side_by_side,
    without_end,
)
from .tables import LineError

NUMERIC = ("numeric", "real", "integer")
_CELL = re.compile(
    r"""\s*+(?:'([^'\\]*(?:\\.[^'\\]*)*)'|"([^"\\]*(?:\\.[^"\\]*)*)"|([^,'"][^,]*|))"""
    r"\s*(?:,|$)"
)
_NAMED = re.compile(r"""@attribute\s+('[^']*'|"[^"]*"|[^\s'"]\S*)\s+(.+)""", re.I)


@dataclass
class _Header:
    """Where the values and the label of a line are, and which labels there are."""

    columns: int = 0
    relational: int | None = None
    nominal: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    within: bool = False  # whether the attributes of a relation follow


def read_arff(lines: Lines) -> Labelled:
    """The sequences of an ``.arff`` file; parameters and errors as for `read_ts`."""
    header = _read_header(lines)
    if len(header.nominal) != 1:
        problem = (
            f"has {len(header.nominal)} nominal attributes, not one with the labels"
        )
        raise LineError(None, problem)
    ((place, labels),) = header.nominal
    found = Labelled()
    for line, text in lines:
        if text.lstrip()[0] == "%":
            continue
        if text.lstrip()[0] == "{":
            raise LineError(line, "is sparse")
        cells = split_cells(line, text.strip())
        if len(cells) != header.columns:
            problem = f"has {len(cells)} columns, but there are {header.columns}"
            raise LineError(line, f"{problem} attributes")
        word = cells.pop(place)
        if word not in labels:
            problem = f"has the label {word[:40]!r}, which is not among the nominal"
            raise LineError(line, f"{problem} values")
        if header.relational is None:
            channels = [read_values(line, cells, missing=True)]
        else:
            channels = [
                read_values(line, part.split(","), missing=True)
                for part in re.split(r"\\n|\n", cells[0])
            ]
        values = without_end(side_by_side(line, channels))
        found.add(line, values, read_label(line, word))
    return found


def split_cells(line: int, text: str) -> list[str]:
    """The cells of a line, without quotes."""
    if "'" not in text and '"' not in text:
        return [cell.strip() for cell in text.split(",")]
    cells, place = [], 0
    while place <= len(text):
        found = _CELL.match(text, place)
        if found is None:
            raise LineError(line, "has a quotation that does not end before a comma")
        single, double, bare = found.groups()
        quoted = single if single is not None else double
        cells.append(
            bare.strip() if quoted is None else re.sub(r"\\(['\"\\%])", r"\1", quoted)
        )
        if found.end() == len(text) and not found[0].endswith(","):
            break
        place = found.end()
    return cells


def _read_header(lines: Lines) -> _Header:
    header = _Header()
    for line, text in lines:
        text = text.strip()
        word = text.split()[0].lower()
        if text[0] == "%" or word == "@relation":
            continue
        if word == "@data":
            return header
        if word == "@end":
            header.within = False
        elif word == "@attribute" and (found := _NAMED.fullmatch(text)):
            if not header.within:
                _add_attribute(header, line, found[2].strip())
        else:
            raise LineError(line, "comes before @data and is no @attribute name type")
    raise LineError(None, "has no line @data")


def _add_attribute(header: _Header, line: int, kind: str) -> None:
    place, header.columns = header.columns, header.columns + 1
    if kind.startswith("{") and kind.endswith("}"):
        labels = frozenset(split_cells(line, kind[1:-1].strip()))
        header.nominal.append((place, labels))
    elif kind.lower() == "relational" and header.relational is None and place < 2:
        header.relational, header.within = place, True
    elif kind.lower() not in NUMERIC or header.relational is not None:
        problem = f"has an attribute of the type {kind[:40]!r}"
        raise LineError(line, f"{problem}, which no sequence of numbers has")
