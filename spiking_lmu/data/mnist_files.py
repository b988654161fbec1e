"""Files of MNIST, and of data sets in its form, in the ways that are around."""

from __future__ import annotations

import gzip
import math
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.validation import file_problem, refusal

from .archives import DamagedFile, Header, open_archive, open_regular
from .sequence_files import line_error, read_sequences
from .train_test_files import find_files

KEYS = ("x_train", "y_train", "x_test", "y_test")
MNIST_FILE = (
    "an .npz file as Keras has it: x_train and x_test of shape (n, 28, 28) and type "
    "uint8, y_train and y_test of shape (n,) with integers from 0 to 9; the four files "
    "train-images-idx3-ubyte, ..., compressed (.gz) or not, or their folder; or .csv "
    "files with a row 'label,pixel0,...,pixel783' each"
)
LARGEST = 2**27  # bytes of a file, once it is unpacked; MNIST has 55 million
PIXELS = 784

_IDX = re.compile(
    r"(?P<part>train|t10k)-(?P<kind>images|labels)[-.]idx[13]-ubyte(\.gz)?"
)
_PARTS = {"train": "train", "t10k": "test"}
_FOLDERS = (".", "raw", "MNIST/raw")
_NAMED = re.compile(r'"?label"?,"?(pixel[01]|1x1)"?,')


def image_files(path: str | os.PathLike[str]) -> tuple[Path, ...] | None:
    """The files of images like MNIST that a path names; None if it names none.

    Their contents are not checked, but for the first line of a table.
    """
    file = Path(os.fsdecode(path))
    if file.suffix.lower() == ".npz":
        return (file,)
    one_of_four = _IDX.fullmatch(file.name) is not None
    found = _idx_files(file.parent if one_of_four else file, file.suffix == ".gz")
    return tuple(found.values()) if found else _tables(file)


def read_images(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], str]:
    """Images and labels by the names in `KEYS`, and what they are called in errors.

    A single table has no images for the test.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there are no such files, or one is damaged.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise refusal("data", path, f"the path of {MNIST_FILE}")
    file = Path(os.fsdecode(path))
    files = None if "\0" in str(file) else image_files(file)
    if files is None or file.suffix.lower() == ".npz":
        problem = file_problem(file)
        if problem is not None or files is None:
            problem = "is a directory without them" if file.is_dir() else problem
            raise mnist_error(file, problem or "holds no such images")
        return _read_npz(file), str(file)
    if files[0].suffix.lower() == ".csv":
        arrays = _read_tables(files)
    else:
        arrays = dict(zip(KEYS, map(_read_idx, files)))
    check_images(arrays, str(file), ("train", "test")[: len(arrays) // 2])
    return arrays, str(file)


def check_images(
    arrays: Mapping[str, Header | np.ndarray],
    source: str,
    parts: Sequence[str] = ("train", "test"),
) -> None:
    """Check what the arrays are, for which none of them need be read."""
    for part in parts:
        least = 6 if part == "train" else 1
        for key in (f"x_{part}", f"y_{part}"):
            if key not in arrays:
                raise mnist_error(source, f"has no array {key}")
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if len(x.shape) != 3 or x.shape[1:] != (28, 28):
            raise mnist_error(source, f"has x_{part} of shape {x.shape}")
        if x.dtype != np.uint8:
            raise mnist_error(source, f"has x_{part} of type {x.dtype}")
        n = x.shape[0]
        if n < least:
            problem = f"has {n} images in x_{part}, fewer than {least}"
            raise mnist_error(source, problem)
        if y.shape != (n,):
            problem = f"has y_{part} of shape {y.shape} for {n} images"
            raise mnist_error(source, problem)
        if y.dtype.kind not in "iu":
            raise mnist_error(source, f"has y_{part} of type {y.dtype}")


def mnist_error(source: str | Path, problem: str) -> ValidationError:
    """The error that names a source of images, and what is allowed."""
    return ValidationError(f"must be {MNIST_FILE}; but {source} {problem}", attr="data")


def _read_npz(file: Path) -> dict[str, np.ndarray]:
    """The arrays of Keras' file; nothing in the file is ever executed."""
    try:
        with open_archive(file, LARGEST) as archive:
            check_images(archive.headers, str(file))
            return {key: archive.read(key) for key in KEYS}
    except (OSError, DamagedFile) as error:
        problem = f"cannot be read: {error}" if file.stat().st_size else "is empty"
        raise mnist_error(file, problem) from error


# ---- The format IDX, as the original has it and torchvision keeps it ---------------


def _idx_files(folder: Path, compressed: bool) -> dict[str, Path]:
    """The four files of a folder, by `KEYS`; empty if they are not all there.

    Of two that differ in their compression, the one that is ``compressed`` or not.
    """
    for inner in _FOLDERS:
        found: dict[str, Path] = {}
        try:
            listed = list((folder / inner).iterdir())
        except (OSError, ValueError):
            continue
        for file in sorted(listed, key=lambda f: (f.suffix == ".gz") != compressed):
            name = _IDX.fullmatch(file.name)
            if name is not None and file.is_file():
                kind = "x" if name["kind"] == "images" else "y"
                found.setdefault(f"{kind}_{_PARTS[name['part']]}", file)
        if set(found) == set(KEYS):
            return {key: found[key] for key in KEYS}
    return {}


def _read_idx(path: Path) -> np.ndarray:
    """An array of bytes: two zeros, type, number of dimensions, sizes, and values."""
    try:
        with open_regular(path) as file:
            if path.suffix == ".gz":
                with gzip.open(file) as unpacked:
                    return _read_bytes(unpacked)
            return _read_bytes(file)
    except (OSError, EOFError, zlib.error, DamagedFile) as error:
        raise mnist_error(path, f"cannot be read: {error}") from None


def _read_bytes(file: IO[bytes] | gzip.GzipFile) -> np.ndarray:
    start = file.read(4)
    if len(start) < 4 or start[:3] != b"\0\0\x08" or start[3] not in (1, 3):
        raise DamagedFile("it does not begin as a file of images or labels")
    shape = tuple(np.frombuffer(file.read(4 * start[3]), ">u4").tolist())
    size = math.prod(shape)
    if len(shape) != start[3] or size > LARGEST:
        raise DamagedFile(f"it says that its shape is {shape}")
    content = file.read(size + 1)
    if len(content) != size:
        raise DamagedFile("it is not as long as its header says")
    return np.frombuffer(content, np.uint8).reshape(shape)


# ---- Tables, as Kaggle and others have them ----------------------------------------


def _tables(path: Path) -> tuple[Path, ...] | None:
    """One table or two of images; None if the path names something else."""
    try:
        files = tuple(file for file in find_files(path) if file is not None)
    except ValidationError:
        return None
    if files[0].suffix.lower() != ".csv":
        return None
    with open(files[0], encoding="utf-8-sig", errors="replace") as table:
        first = table.readline(20 * PIXELS)
    images = _NAMED.match(first) or "mnist" in files[0].name.lower()
    return files if images and first.count(",") == PIXELS else None


def _read_tables(files: tuple[Path, ...]) -> dict[str, np.ndarray]:
    arrays = {}
    for part, path in zip(("train", "test"), files):
        found = read_sequences(path)
        x = np.stack([values.reshape(28, 28) for values in found.sequences])
        wrong = ~((x >= 0) & (x <= 255) & (x == np.round(x))).all(axis=(1, 2))
        for k in np.flatnonzero(wrong)[:1]:
            raise line_error(path, found.lines[k], "has a pixel that is no byte")
        for line, label in zip(found.lines, found.labels):
            if label not in set("0123456789"):
                problem = f"has the label {label[:40]!r} instead of a digit"
                raise line_error(path, line, problem)
        arrays[f"x_{part}"] = x.astype(np.uint8)
        arrays[f"y_{part}"] = np.array(found.labels).astype(np.int64)
    return arrays
