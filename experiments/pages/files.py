"""Files of a results folder: they appear whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nengo.exceptions import ValidationError

SUMMARY = "summary.json"


def write_files(folder: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write files, by name, such that a crash leaves each whole, old or new.

    All are first written beside their places, and put there when none has failed.

    Raises
    ------
    OSError
        Of the kind that happened, naming the file.
    """
    parts = {}
    try:
        for name, content in files.items():
            path = Path(folder, name)
            with _naming(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                parts[path] = path.with_name(f".{path.name}.{os.getpid()}.part")
                with open(parts[path], "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
        for path, part in parts.items():
            with _naming(path):
                os.replace(part, path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error of the file system name the file that the user knows."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        text = f"cannot write {path.name} ({reason}); what was there is unchanged"
        raise OSError(error.errno or 0, text, str(path)) from error


def read_summary(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """What the summary of an earlier run says; nothing if it cannot be read."""
    path = Path(folder, SUMMARY)
    try:
        facts = json.loads(path.read_bytes()) if path.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def check_owner(folder: str | os.PathLike[str], name: str) -> None:
    """Refuse a folder with the report of another experiment, which would be lost.

    Parameters
    ----------
    folder : path
    name : str
        Of the experiment that is to write there.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the summary there names another one.
    """
    owner = read_summary(folder).get("experiment")
    if isinstance(owner, str) and owner != name:
        raise ValidationError(
            f"must be a folder without results of another experiment, but {folder} "
            f"has those of {owner[:60]}: give another folder",
            attr="folder",
        )
