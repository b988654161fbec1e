"""Files of NumPy arrays, read within bounds of time and memory.

A file may be damaged, or made to do harm. So what it says of itself is checked before
anything is unpacked: that it is a regular file, what its arrays are called, their types
and shapes, and that as many bytes are there as these take. Nothing in a file is ever
executed or evaluated.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.validation import check_path, refusal

LARGEST = 2**29  # bytes of all arrays of a file
LARGEST_TEXT = 2**24  # bytes of all texts of a file, at four for each character
MEMBERS = 10**4
HEADER = 10**4  # bytes: NumPy's own bound
DIRECTORY = 2**21  # bytes of the list of members
ALLOWED = "a file that this program has saved"

_HEADER = re.compile(
    r"\{\s*'descr':\s*'(?P<dtype>[<>=|]?[?\w]+)',"
    r"\s*'fortran_order':\s*(?P<fortran>True|False),"
    r"\s*'shape':\s*\((?P<shape>[\d\s,]*)\)\s*,?\s*\}\s*",
    re.ASCII,
)


class DamagedFile(ValueError):
    """Why a file cannot be read; the reason, as a sentence about "it"."""


@dataclass(frozen=True)
class Header:
    """What an array is, before its numbers are read.

    Attributes
    ----------
    dtype : numpy.dtype
    shape : tuple of int
    fortran_order : bool
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran_order: bool

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


class Archive:
    """The arrays of an open ``.npz`` file; see `open_archive`.

    Attributes
    ----------
    headers : dict of Header
        By the names of the arrays.
    """

    def __init__(self, file: IO[bytes], largest: int) -> None:
        _check_directory(file)
        self._zip = zipfile.ZipFile(file)
        members = self._zip.infolist()
        self._members = {m.filename.removesuffix(".npy"): m for m in members}
        if len(members) > MEMBERS or len(self._members) < len(members):
            raise DamagedFile("it has too many members, or two of one name")
        self.headers = {name: self._header(m) for name, m in self._members.items()}
        total = sum(header.size for header in self.headers.values())
        if total > largest:
            raise DamagedFile(f"it holds {total:,} bytes, more than {largest:,}")

    def _header(self, member: zipfile.ZipInfo) -> Header:
        name = member.filename
        if not name.endswith(".npy"):
            raise DamagedFile(f"it holds {name[:60]!r}, which is no array")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DamagedFile("it is compressed in a way that NumPy does not use")
        with self._zip.open(member) as file:
            header, taken = _read_header(file)
        if taken + header.size != member.file_size:
            raise DamagedFile(f"{name[:60]!r} in it is not as long as it says")
        return header

    def read(self, name: str) -> np.ndarray:
        """The array of a name in `headers`.

        Raises
        ------
        DamagedFile
            If it cannot be read.
        """
        with _damage(), self._zip.open(self._members[name]) as file:
            header, _ = _read_header(file)
            return _read_numbers(file, header)

    def text(self, name: str) -> Any:
        """What `write_archive` was given as a text; None where there is none."""
        header = self.headers.get(f"json {name}")
        if header is None:
            return None
        if header.dtype.kind != "U" or header.shape or header.size > LARGEST_TEXT:
            raise DamagedFile(f"its {name!r} is no text, or one that is too long")
        with _damage():
            return json.loads(str(self.read(f"json {name}")))


@contextmanager
def open_archive(
    path: str | os.PathLike[str], largest: int = LARGEST
) -> Iterator[Archive]:
    """Open a ``.npz`` file and check what it says of its arrays, without reading them.

    Parameters
    ----------
    path : path
    largest : int
        Bytes that all its arrays may take.

    Raises
    ------
    DamagedFile
        If it is no such file, or larger.
    OSError
        If it cannot be opened.
    """
    with open_regular(path) as file:
        with _damage():
            archive = Archive(file, largest)
        yield archive


def read_npy(path: str | os.PathLike[str], largest: int = LARGEST) -> np.ndarray:
    """The array of a ``.npy`` file; errors as for `open_archive`."""
    with open_regular(path) as file, _damage():
        header, taken = _read_header(file)
        if header.size > largest:
            raise DamagedFile(f"it holds {header.size:,} bytes, more than {largest:,}")
        if taken + header.size != os.fstat(file.fileno()).st_size:
            raise DamagedFile("it is not as long as its header says")
        return _read_numbers(file, header)


def open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a regular file; a pipe or a device would keep a reader waiting.

    Raises
    ------
    DamagedFile
        If it is something else.
    OSError
        If it cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DamagedFile("it is no regular file")
    return os.fdopen(descriptor, "rb")


def read_archive(
    path: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and texts that `write_archive` wrote; nothing else is let in.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the file is not there, is damaged or is none of these.
    """
    with open_saved(path) as archive:
        coded = [name for name in archive.headers if name.startswith("json ")]
        names = [name.removeprefix("json ") for name in coded]
        texts = {name: archive.text(name) for name in names}
        plain = [name for name in archive.headers if name not in coded]
        return {name: archive.read(name) for name in plain}, texts


@contextmanager
def open_saved(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """Open what `write_archive` wrote; whatever is wrong is a ValidationError."""
    file = check_path("path", path)
    try:
        with open_archive(file) as archive:
            yield archive
    except FileNotFoundError:
        raise path_error(file, "a file that is there") from None
    except (OSError, DamagedFile) as error:
        raise path_error(file, f"{ALLOWED} ({error})") from None


def path_error(path: str | os.PathLike[str], allowed: str) -> ValidationError:
    """The error that names a file, in full, and what it should be."""
    return ValidationError(f"must be {allowed}, but is {str(path)!r}", attr="path")


def write_archive(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    texts: Mapping[str, Any],
) -> Path:
    """Write arrays and JSON texts into one file, whole or not at all.

    Raises
    ------
    nengo.exceptions.ValidationError
        If JSON cannot express the texts, or `read_archive` would refuse the file.
    """
    path = check_path("path", path)
    try:
        coded = {f"json {name}": np.array(json.dumps(v)) for name, v in texts.items()}
    except (TypeError, ValueError, RecursionError) as error:
        raise refusal(
            "about", texts, f"data that JSON can represent ({error})"
        ) from None
    if any(text.nbytes > LARGEST_TEXT for text in coded.values()):
        raise refusal("about", texts, f"shorter than {LARGEST_TEXT // 4:,} characters")
    total = sum(array.nbytes for array in (*arrays.values(), *coded.values()))
    if total > LARGEST:
        raise refusal(
            "path", str(path), f"for at most {LARGEST:,} bytes, not {total:,}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    kept: dict[str, Any] = {**arrays, **coded}
    try:
        with open(partial, "wb") as file:
            np.savez(file, **kept)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def fingerprint(*arrays: np.ndarray, start: int = 0) -> int:
    """A number that changes with the values of arrays, one after the other."""
    for array in arrays:
        start = zlib.crc32(np.ascontiguousarray(array).data, start)
    return start


@contextmanager
def _damage() -> Iterator[None]:
    """Say in one way what Python's readers of archives say in many."""
    try:
        yield
    except DamagedFile:
        raise
    except (
        ArithmeticError, AttributeError, EOFError, LookupError, MemoryError,
        NotImplementedError, OSError, RecursionError, RuntimeError, TypeError,
        ValueError, struct.error, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        raise DamagedFile(f"it is damaged: {error}") from None


def _check_directory(file: IO[bytes]) -> None:
    """Refuse a list of members that would itself fill the memory."""
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - 2**16))
    end = file.read()
    file.seek(0)
    place = end.rfind(b"PK\5\6")
    if place < 0 or len(end) < place + 22:
        raise DamagedFile("it is no whole archive")
    (size,) = struct.unpack_from("<L", end, place + 12)
    if size > DIRECTORY or end[max(0, place - 20) : place].startswith(b"PK\6\7"):
        raise DamagedFile("it has too many members")


def _read_header(file: IO[bytes]) -> tuple[Header, int]:
    """Of an array, and how many bytes it takes; see NumPy's NEP 1."""
    start = file.read(8)
    if len(start) < 8 or start[:6] != b"\x93NUMPY" or start[6] not in (1, 2, 3):
        raise DamagedFile("it holds something that is no array of NumPy")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(_exactly(file, width), "little")
    if length > HEADER:
        raise DamagedFile(f"it has a header of {length:,} bytes")
    text = _exactly(file, length).decode("latin1")
    found = _HEADER.fullmatch(text)
    if found is None:
        raise DamagedFile("it holds an array of objects or with a header of no sense")
    shape = tuple(int(n) for n in found["shape"].split(",") if n.strip())
    dtype = np.dtype(found["dtype"])
    if dtype.kind not in "biufcSU" or len(shape) > 32:
        raise DamagedFile(f"it holds an array of {dtype}, {len(shape)} dimensions")
    header = Header(dtype, shape, found["fortran"] == "True")
    return header, 8 + width + length


def _exactly(file: IO[bytes], n: int) -> bytes:
    content = file.read(n)
    if len(content) < n:
        raise DamagedFile("it ends too early")
    return content


def _read_numbers(file: IO[bytes], header: Header) -> np.ndarray:
    array: np.ndarray = np.empty(
        header.shape, header.dtype, "F" if header.fortran_order else "C"
    )
    content = array.reshape(-1, order="A").view(np.uint8).data
    done = 0
    while done < len(content):
        n = file.readinto(content[done : done + 2**24])  # type: ignore[attr-defined]
        if not n:
            raise DamagedFile("it ends too early")
        done += n
    file.read(1)  # and with it the checksum is compared
    return array
