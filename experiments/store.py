"""Where the rows of finished tasks are kept: one SQLite file, as JSON text."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.validation import refusal

STORE = "trials.sqlite"
LOCK_SECONDS = 30.0


def encode(value: Any, sort_keys: bool = False) -> str:
    """JSON in which every float comes back to the last bit, NaN and infinity too."""
    return json.dumps(value, sort_keys=sort_keys, default=plain)


def plain(value: Any) -> Any:
    """The Python value of a NumPy scalar."""
    item = value.item() if isinstance(value, np.generic) else value
    if not isinstance(item, (bool, int, float, str)):
        raise TypeError(f"{value!r} is neither number, string, boolean nor None")
    return item


def versions() -> dict[str, str]:
    """Versions of the packages that decide what numbers a task gives."""
    packages = ("spiking-lmu", "nengo", "numpy", "scipy")
    return {package: metadata.version(package) for package in packages}


def describe_context(context: Mapping[str, Any] | None) -> str:
    """All that rows depend on besides their task, as text."""
    try:
        return encode({"versions": versions(), **dict(context or {})}, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        allowed = f"a dict of what JSON can express ({error})"
        raise refusal("context", context, allowed) from error


class Store:
    """The rows of finished tasks, in an SQLite file; each is written at once.

    Rows that cannot be written, on a full disk for instance, are kept and tried again
    with each later task and at the end. If that fails as well, a copy of the store
    with all rows goes to the folder for temporary files.

    Parameters
    ----------
    folder : pathlib.Path
        Where the file lies.
    context : str
        What else the rows depend on; rows of another context are not seen.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    unsaved : dict
        The rows that could not be written yet.
    """

    insert = "INSERT OR REPLACE INTO trials VALUES (?, ?, ?)"

    def __init__(self, folder: Path, context: str) -> None:
        self.path = folder / STORE
        self.context = context
        self.unsaved: dict[str, str] = {}
        self.error: sqlite3.Error | None = None
        with self.reading():
            self.connection = sqlite3.connect(
                str(self.path), timeout=LOCK_SECONDS, isolation_level=None
            )
        try:
            with self.reading():
                self.prepare()
        except BaseException:
            self.connection.close()
            raise

    def prepare(self) -> None:
        """Make the table in a new file; fail in a file that is something else."""
        find = "SELECT count(*) FROM sqlite_master WHERE name != 'trials' AND sql != ''"
        if self.connection.execute(find).fetchone()[0]:
            raise sqlite3.DatabaseError("it is the database of something else")
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS trials"
            " (task TEXT, context TEXT, rows TEXT NOT NULL,"
            " PRIMARY KEY (task, context))"
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Name the file where it cannot be read as a store."""
        try:
            yield
        except sqlite3.Error as error:
            raise ValidationError(
                f"must be one whose trials can be read and stored, but {self.path}"
                f" cannot be used ({error}); move that file away to start afresh,"
                " or give another folder",
                attr="folder",
            ) from error

    def load(self, keys: Iterable[str]) -> dict[str, str]:
        """The rows of those tasks that are stored."""
        wanted = set(keys)
        select = "SELECT task, rows FROM trials WHERE context = ?"
        with self.reading():
            stored = self.connection.execute(select, (self.context,)).fetchall()
        return {task: rows for task, rows in stored if task in wanted}

    def put(self, key: str, rows: str) -> None:
        """Store the rows of one task, or keep them for later."""
        self.unsaved[key] = rows
        self.save()

    def save(self) -> None:
        """Write what is not written yet, as far as possible."""
        try:
            for key, rows in list(self.unsaved.items()):
                self.connection.execute(self.insert, (key, self.context, rows))
                del self.unsaved[key]
        except sqlite3.Error as error:
            self.error = error

    def close(self) -> None:
        """Write what is left, here or else elsewhere, and close the file."""
        with closing(self.connection):
            self.save()
            if not self.unsaved:
                return
            problem = f"{self.path} cannot be written ({self.error})"
            try:
                rescued = self.rescue()
            except (sqlite3.Error, OSError) as error:
                raise OSError(
                    f"{problem}, nor can a copy in {tempfile.gettempdir()} ({error});"
                    f" the rows of {len(self.unsaved)} tasks are lost"
                ) from error
            raise OSError(
                f"{problem}. All finished trials are in {rescued} instead: make room,"
                f" move that file to {self.path} and run again"
            ) from self.error

    def rescue(self) -> Path:
        """Write a whole copy of the store to the folder for temporary files."""
        path = Path(tempfile.mkdtemp(prefix="trials-")) / STORE
        with closing(sqlite3.connect(str(path), isolation_level=None)) as copy:
            self.connection.backup(copy)
            for key, rows in self.unsaved.items():
                copy.execute(self.insert, (key, self.context, rows))
        return path
