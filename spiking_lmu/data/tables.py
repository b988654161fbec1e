"""Text files of numbers: what separates them, and which lines hold none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

LARGEST = 2**30  # bytes of a text file
LONGEST = 2**24  # characters of a line
SAMPLE = 50  # lines that tell what separates

_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_POINT = re.compile(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?")
_QUOTED = re.compile(r'"[^"]*"')
_INDEX = ("", "#", "index", "unnamed: 0", "sample", "samples", "sample #", "row", "n")
_MISSING = ("", "na", "n/a", "nan", "null", "none", "missing")


class LineError(ValueError):
    """A line that cannot be used, or a whole file where it is None; and why."""

    def __init__(self, line: int | None, problem: str) -> None:
        super().__init__(problem if line is None else f"line {line}, {problem}")
        self.line = line
        self.problem = problem


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes
    ----------
    separator : str, optional
        What stands between cells; white space where it is None.
    decimal : str
        What stands before decimals, ``"."`` or ``","``.
    """

    separator: str | None
    decimal: str = "."

    def count(self, line: str) -> int:
        """How many cells a line holds, and separators in quotes one more each."""
        if self.separator is None:
            return len(line.split())
        return line.count(self.separator) + 1

    def split(self, line: str) -> list[str]:
        """The cells of a line that holds no quoted separators."""
        return [cell.strip(' \t\r\n"') for cell in line.split(self.separator)]

    def number(self, text: str) -> float | None:
        """The number that a cell holds, if it does; NaN and infinity are numbers."""
        try:
            return float(self.pointed(text))
        except ValueError:
            return None

    def pointed(self, text: str) -> str:
        """A cell with a point before its decimals."""
        if self.decimal == ".":
            return text
        return text.replace(",", ".") if _COMMA.fullmatch(text.strip()) else text


def find_dialect(lines: Sequence[str], tabs: bool = False) -> Dialect:
    """What separates cells and decimals in the first lines of a table.

    A semicolon or a tab separates where most lines have one, and then a comma may stand
    before decimals. Otherwise a comma separates, or white space.

    Parameters
    ----------
    lines : sequence of str
        Some lines that are not empty.
    tabs : bool
        Whether nothing but tabs can separate, as in a file that ends in ``.tsv``.
    """
    bare = [_QUOTED.sub("", line) for line in lines]
    bare = [line for line in bare if line.lstrip()[:1] in set("+-.0123456789")] or bare

    def common(mark: str) -> bool:
        return 2 * sum(mark in line for line in bare) > len(bare)

    if tabs:
        separator: str | None = "\t"
    elif common(";"):
        separator = ";"
    elif common("\t"):
        separator = "\t"
    elif all(map(_all_commas, bare)):
        return Dialect(None, ",")
    else:
        return Dialect("," if common(",") else None)
    if not any("," in line for line in bare):
        return Dialect(separator)
    cells = [cell for line in bare for cell in Dialect(separator).split(line)]
    commas = any(map(_COMMA.fullmatch, cells))
    points = any(map(_POINT.fullmatch, cells))
    return Dialect(separator, "," if commas and not points else ".")


def _all_commas(line: str) -> bool:
    """Whether a line holds numbers with decimal commas, and white space between."""
    cells = line.split() if "," in line else []
    return len(cells) > 1 and all(map(_COMMA.fullmatch, cells))


def is_heading(cells: Sequence[str], dialect: Dialect) -> bool:
    """Whether a line holds names or units, and no values."""
    first = next((cell for cell in cells if cell), "")
    return (
        first.lower() not in _MISSING
        and first[0] not in "+-.0123456789"
        and dialect.number(first) is None
    )


def names_an_index(name: str) -> bool:
    """Whether a column of this name numbers the rows, as pandas writes it."""
    return name.strip().lower() in _INDEX


def content(file: TextIO, comment: str | None = None) -> Iterator[tuple[int, str]]:
    """Lines that are neither empty nor comments, with their numbers from 1.

    Raises
    ------
    LineError
        If a line is no text or too long.
    """
    for line, text in enumerate(iter(lambda: file.readline(LONGEST), ""), start=1):
        if "\0" in text:
            raise LineError(line, "is no text")
        if len(text) == LONGEST:
            raise LineError(line, f"is longer than {LONGEST:,} characters")
        if text.strip() and not (comment and text.lstrip().startswith(comment)):
            yield line, text
