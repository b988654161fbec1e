"""Where the rows of finished tasks are kept: one SQLite file, as JSON text.

Each row has a checksum, so that a file that was damaged is noticed and not believed.
"""

from __future__ import annotations

import hashlib
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

from spiking_lmu.validation import file_problem, refusal

STORE = "trials.sqlite"
LOCK_SECONDS = 30.0
COLUMNS = ("task", "context", "rows", "checksum")


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


def installed(package: str) -> str | None:
    """The version of a package, None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe_context(context: Mapping[str, Any] | None) -> str:
    """All that rows depend on besides their task, as text."""
    try:
        return encode({"versions": versions(), **dict(context or {})}, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        allowed = f"a dict of data that JSON can represent ({error})"
        raise refusal("context", context, allowed) from error


def checksum(*texts: str) -> str:
    """Of several texts, and of where each begins."""
    text = json.dumps(texts)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def is_rows(text: Any) -> bool:
    """Whether a text holds rows: a list of dicts of numbers, texts, booleans, None."""
    try:
        rows = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return False
    return isinstance(rows, list) and all(
        isinstance(row, dict)
        and not any(isinstance(value, (dict, list)) for value in row.values())
        for row in rows
    )


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

    insert = "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?)"

    def __init__(self, folder: Path, context: str) -> None:
        self.path = folder / STORE
        self.context = context
        self.unsaved: dict[str, str] = {}
        self.error: sqlite3.Error | None = None
        with self.reading():
            problem = file_problem(self.path)
            if problem not in (None, "does not exist"):
                raise sqlite3.DatabaseError(f"it {problem}")
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
        """Make the table in a new file; fail in one that is damaged or something else.

        Stores of earlier versions have no checksums; they get a column for them.
        """
        self.connection.execute("PRAGMA trusted_schema = OFF")
        with self.transaction("DEFERRED"):
            names = self.columns()
            self.check_whole()
        if names == COLUMNS:
            return
        with self.transaction("IMMEDIATE"):  # another process may have been here
            names = self.columns()
            if not names:
                self.connection.execute(
                    "CREATE TABLE trials"
                    " (task TEXT, context TEXT, rows TEXT NOT NULL, checksum TEXT,"
                    " PRIMARY KEY (task, context))"
                )
            elif names == COLUMNS[:3]:
                self.connection.execute("ALTER TABLE trials ADD COLUMN checksum TEXT")

    @contextmanager
    def transaction(self, kind: str) -> Iterator[None]:
        """Do all or nothing of what follows."""
        self.connection.execute(f"BEGIN {kind}")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def columns(self) -> tuple[str, ...]:
        """Names of the table's columns, none in a new file."""
        found = self.connection.execute(
            "SELECT type, name FROM sqlite_master WHERE sql != ''"
        ).fetchall()
        if found not in ([], [("table", "trials")]):
            raise sqlite3.DatabaseError("it is the database of something else")
        columns = self.connection.execute("PRAGMA table_info(trials)").fetchall()
        names = tuple(str(column[1]) for column in columns)
        if names not in ((), COLUMNS[:3], COLUMNS):
            raise sqlite3.DatabaseError("its table has other columns")
        return names

    def check_whole(self) -> None:
        """Fail if the file was cut off, or its pages do not fit together."""
        (pages,) = self.connection.execute("PRAGMA page_count").fetchone()
        (size,) = self.connection.execute("PRAGMA page_size").fetchone()
        if pages and self.path.stat().st_size % size:
            raise sqlite3.DatabaseError("it was cut off")
        (answer,) = self.connection.execute("PRAGMA quick_check(1)").fetchone()
        if answer != "ok":
            raise sqlite3.DatabaseError(" ".join(str(answer).split())[:100])

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Name the file where it cannot be read as a store."""
        try:
            yield
        except (sqlite3.Error, UnicodeError, OverflowError, MemoryError) as error:
            raise ValidationError(
                f"must be one whose trials can be read and stored, but {self.path}"
                f" cannot be used ({error}); move that file away to start again,"
                " or give another folder",
                attr="folder",
            ) from error

    def load(self, keys: Iterable[str]) -> dict[str, str]:
        """The rows of those tasks that are stored, if they are as they were stored."""
        wanted = set(keys)
        select = "SELECT task, rows, checksum FROM trials WHERE context = ?"
        loaded = {}
        with self.reading():
            for task, rows, found in self.connection.execute(select, (self.context,)):
                if task not in wanted:
                    continue
                if not is_rows(rows) or found not in (None, self.checksum(task, rows)):
                    raise sqlite3.DatabaseError("the rows of a task in it are damaged")
                loaded[task] = rows
        return loaded

    def outdated(self, keys: Iterable[str]) -> int:
        """How many of those tasks are stored in other contexts only."""
        select = "SELECT DISTINCT task FROM trials WHERE context != ?"
        with self.reading():
            stored = {
                task for (task,) in self.connection.execute(select, [self.context])
            }
        return len(stored.intersection(keys))

    def checksum(self, key: str, rows: str) -> str:
        """Of all that is stored of a task."""
        return checksum(key, self.context, rows)

    def put(self, key: str, rows: str) -> None:
        """Store the rows of one task, or keep them for later."""
        self.unsaved[key] = rows
        self.save()

    def save(self) -> None:
        """Write what is not written yet, as far as possible."""
        try:
            for key, rows in list(self.unsaved.items()):
                self.connection.execute(
                    self.insert, (key, self.context, rows, self.checksum(key, rows))
                )
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
                copy.execute(
                    self.insert, (key, self.context, rows, self.checksum(key, rows))
                )
        return path
