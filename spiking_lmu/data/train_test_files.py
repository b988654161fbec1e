"""Training and test sequences in two files, as the UCR and UEA archives have them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from nengo.exceptions import ValidationError

from spiking_lmu.validation import check_path, file_problem

from .sequence_files import FORMATS

_PART = re.compile(r"(?P<name>.*)(?P<mark>[_-])(?P<part>train|test)", re.IGNORECASE)
#: Of a path that names a pair of files without their endings.
ENDINGS = (*FORMATS, "")
OTHER = {"train": "test", "test": "train"}
ALLOWED = (
    "a file of sequences, one of two whose names end in _TRAIN and _TEST, what these "
    "names have in common, or the folder of both"
)


def find_files(path: str | os.PathLike[str]) -> tuple[Path, Path | None]:
    """The file that a path names, or the training file and the test file.

    Parameters
    ----------
    path : str or path
        As `datasets.load_sequences` says.

    Returns
    -------
    first : pathlib.Path
    second : pathlib.Path or None
        The test file, if there are two.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is no such file, or one of two is missing.
    """
    file = check_path("data", path)
    if file.is_dir():
        return _in_folder(file)
    problem = file_problem(file)
    if problem is None:
        found = _PART.fullmatch(_stem(file))
        if found is None:
            _check_ending(file)
            return file, None
        here, part = file, found["part"].lower()
        there = file.with_name(_other_name(found) + _ending(file))
        problem = file_problem(there)
        if problem:
            raise _error(f"{file} is one of two, and {there.name} {problem}")
        return (here, there) if part == "train" else (there, here)
    pairs = _pairs(file.parent, file.name) if file.parent.is_dir() else {}
    if not pairs:
        raise _error(f"{file} {problem}")
    return next(iter(pairs.values()))


def common_name(file: Path) -> str:
    """What the names of two files have in common."""
    found = _PART.fullmatch(_stem(file))
    return found["name"] if found else _stem(file)


def _in_folder(folder: Path) -> tuple[Path, Path]:
    """The pair of a folder: the one that has its name, or the only one."""
    pairs = _pairs(folder)
    same = [name for name in pairs if name.lower() == folder.resolve().name.lower()]
    if len(same) != 1 and len(pairs) > 1:
        raise _error(f"{folder} has several: {', '.join(sorted(pairs)[:10])}")
    if not pairs:
        raise _error(f"{folder} is a directory without two such files")
    return pairs[same[0] if same else next(iter(pairs))]


def _pairs(folder: Path, name: str | None = None) -> dict[str, tuple[Path, Path]]:
    """Training files and test files by what their names have in common.

    Of pairs of one name, that whose ending comes first in `ENDINGS`.
    """
    try:
        listed = sorted(folder.iterdir())
    except OSError as error:
        raise _error(f"{folder} cannot be read: {error.strerror}") from None
    files = {file.name: file for file in listed if file_problem(file) is None}
    found: dict[str, tuple[Path, Path]] = {}
    for ending in ENDINGS:
        for file in files.values():
            part = _PART.fullmatch(_stem(file))
            if part is None or _ending(file) != ending:
                continue
            other = files.get(_other_name(part) + file.suffix * bool(ending))
            is_train = part["part"].lower() == "train"
            if other is not None and is_train and name in (None, part["name"]):
                found.setdefault(part["name"], (file, other))
    return found


def _ending(file: Path) -> str:
    """The ending of a name, if a format has it."""
    return file.suffix if file.suffix.lower() in FORMATS else ""


def _stem(file: Path) -> str:
    return file.name.removesuffix(_ending(file))


def _other_name(found: re.Match[str]) -> str:
    """The name of the other file, in capitals or not as this one."""
    part = found["part"]
    other = OTHER[part.lower()]
    same = (
        other.upper() if part.isupper() else other.title() if part.istitle() else other
    )
    return found["name"] + found["mark"] + same


def _check_ending(file: Path) -> None:
    if not _ending(file):
        raise _error(
            f"{file} ends in {file.suffix or 'nothing'}, and not in one of "
            f"{', '.join(FORMATS)}"
        )


def _error(problem: str) -> ValidationError:
    return ValidationError(f"must be {ALLOWED}; but {problem}", attr="data")
