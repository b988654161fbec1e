"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


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
