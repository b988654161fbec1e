"""Data for the classification of sequences: MNIST, small digits, a user's own CSV."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.compatibility import missing, require
from spiking_lmu.validation import check_array, check_integer, file_problem, refusal

from .archives import DamagedFile, Header, open_archive
from .sequence_files import read_sequences

MNIST_KEYS = ("x_train", "y_train", "x_test", "y_test")
MNIST_FILE = (
    "an .npz file as Keras has it: x_train and x_test of shape (n, 28, 28) and type "
    "uint8, y_train and y_test of shape (n,) with integers from 0 to 9"
)
LARGEST_IMAGES = 2**27  # bytes of a file, once it is unpacked; MNIST has 55 million
DIGITS_PARTS = (1197, 200, 400)  # of the 1,797 images


@dataclass(frozen=True, eq=False)
class Split:
    """Sequences and their classes.

    Attributes
    ----------
    x : (n, T, size) array of float32
        Inputs of the network in each step.
    y : (n,) array of int
        Classes, from 0.
    """

    x: np.ndarray
    y: np.ndarray

    def __repr__(self) -> str:
        n, steps, size = self.x.shape
        return f"<Split: {n} sequences of {steps} steps of {size}>"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Sequences for training, validation and test.

    Attributes
    ----------
    name : str
    train, validation, test : Split
    labels : tuple of str
        Names of the classes, in their order.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    labels: tuple[str, ...]

    def __repr__(self) -> str:
        sizes = [len(s.y) for s in (self.train, self.validation, self.test)]
        of = f"{self.n_classes} classes, {self.shape[0]} steps of {self.shape[1]}"
        shown = "{} to train on, {} to choose by, {} to test".format(*sizes)
        return f"<Dataset {self.name!r}: {of}; {shown}>"

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int]:
        """Steps of each sequence, and values in each step."""
        steps, size = self.train.x.shape[1:]
        return int(steps), int(size)


def mnist(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Handwritten digits, 784 pixels one after the other, from 0 to 1.

    The last sixth of the training images are for validation: 50,000, 10,000 and
    10,000 images where the file is MNIST's own.

    Parameters
    ----------
    path : str or path, optional
        An ``.npz`` file as Keras has it. By default Keras' copy in
        ``~/.keras/datasets``, which Keras downloads where it is missing.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the file is missing, damaged, or holds anything else.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998.
    """
    if path is None:
        cached = Path("~/.keras/datasets/mnist.npz").expanduser()
        path = cached if cached.is_file() else None
    if path is None:
        arrays, source = _download_mnist(), "Keras' download"
        _check_kind(arrays, source)
    else:
        arrays, source = _read_npz(path), os.fsdecode(path)
    x, y = _sequences(arrays, "train", source)
    n = len(x) - len(x) // 6
    return Dataset(
        "mnist",
        Split(x[:n], y[:n]),
        Split(x[n:], y[n:]),
        Split(*_sequences(arrays, "test", source)),
        tuple("0123456789"),
    )


def permuted(dataset: Dataset, seed: int = 0) -> Dataset:
    """The same sequences with their steps in another order, one for all.

    Parameters
    ----------
    dataset : Dataset
    seed : int
        Of the permutation.
    """
    seed = check_integer("seed", seed, low=0, high=2**32 - 1)
    order = np.random.default_rng(seed).permutation(dataset.shape[0])

    def reordered(split: Split) -> Split:
        return Split(split.x[:, order], split.y)

    return replace(
        dataset,
        name=f"permuted {dataset.name}",
        train=reordered(dataset.train),
        validation=reordered(dataset.validation),
        test=reordered(dataset.test),
    )


def digits(seed: int = 0) -> Dataset:
    """The digits of scikit-learn: 1,797 images, 64 pixels from 0 to 1.

    Parameters
    ----------
    seed : int
        Seed of the split: 1,197 images for training, 200 for validation and 400 for the
        test, with all classes in equal shares.

    Raises
    ------
    nengo.exceptions.ValidationError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise missing("sklearn", "data", f"cannot be imported ({error})") from error
    images, y = load_digits(return_X_y=True)
    x = (images / 16).astype(np.float32)[:, :, None]
    return _divided("digits", x, y, tuple("0123456789"), DIGITS_PARTS, seed)


def sequences_csv(
    path: str | os.PathLike[str],
    shares: Sequence[float] = (0.7, 0.1, 0.2),
    seed: int = 0,
) -> Dataset:
    """A user's own sequences, all equally long, from a text file.

    Either one row a sequence, its label and then its values, with or without a line of
    names::

        label,v0,v1,v2
        walking,0.1,0.5,0.2

    or one row a time step, where the line of names is needed and each further column is
    a channel::

        sequence,label,x,y
        first,walking,0.1,-1.0
        first,walking,0.5,-0.9

    Labels are words or integers; classes are numbered in their sorted order. Commas,
    semicolons or tabs separate; if not commas, these may stand before decimals. A line
    of units may follow the line of names, and a column may number the rows if its name
    is empty, "index" or "sample". Values are taken as they are.

    Parameters
    ----------
    path : str or path
        The file.
    shares : (float, float, float)
        Shares of the sequences for training, validation and test. They hold
        approximately for each label.
    seed : int
        Seed of the split.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the file is not as above, a value is missing or not finite, there is only
        one label, or one has fewer than three sequences; it names the line.
    """
    path = _check_path(path, "a text file of sequences, such as sequences.csv")
    parts = check_array("shares", shares, 0, 1, exclusive=True, ndims=(1,))
    if len(parts) != 3 or abs(parts.sum() - 1) > 1e-6:
        raise refusal("shares", shares, "three numbers that add up to 1")
    x, y, labels = read_sequences(path)
    ends = np.round(len(x) * np.cumsum(parts)).astype(int)
    counts = tuple(int(n) for n in np.diff(ends, prepend=0))
    if min(counts) == 0:
        allowed = f"such that each part has some of the {len(x)} sequences in {path}"
        raise refusal("shares", shares, allowed)
    return _divided(path.stem, x, y, labels, counts, seed)


# ---- What goes where ---------------------------------------------------------------


def stratified(
    y: np.ndarray, counts: Sequence[int], seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Indices of disjoint parts, each with all classes in their shares of the whole.

    Parameters
    ----------
    y : (n,) array of int
        Classes.
    counts : sequence of int
        Sizes of the parts, n in all.
    seed : int
    """
    seed = check_integer("seed", seed, low=0, high=2**32 - 1)
    if sum(counts) != len(y):
        raise refusal("counts", counts, f"numbers that add up to {len(y)}")
    rng = np.random.default_rng(seed)
    # each class spread evenly over [0, 1], in random order: then any stretch of the
    # line holds all classes in their shares
    places = np.empty(len(y))
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        places[members] = (np.arange(len(members)) + rng.random()) / len(members)
    parts = np.split(np.argsort(places), np.cumsum(counts)[:-1])
    return tuple(rng.permutation(part) for part in parts)


def _divided(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    labels: tuple[str, ...],
    counts: Sequence[int],
    seed: int,
) -> Dataset:
    parts = stratified(y, counts, seed)
    train, validation, test = (Split(x[part], y[part]) for part in parts)
    return Dataset(name, train, validation, test, labels)


# ---- MNIST -------------------------------------------------------------------------


def _download_mnist() -> dict[str, np.ndarray]:
    """Through Keras, which checks what it gets and keeps it."""
    hint = f"give a file with --data, {MNIST_FILE}"
    try:
        source = require("tensorflow", "data").keras.datasets.mnist
    except ValidationError as error:
        raise ValidationError(
            "is not available: MNIST is not in Keras' cache, and its download "
            f"{error.args[0]}; or {hint}",
            attr="data",
        ) from error
    try:
        with redirect_stdout(sys.stderr):  # progress is no result
            (x_train, y_train), (x_test, y_test) = source.load_data()
    except Exception as error:  # Keras raises its own for whatever goes wrong
        raise ValidationError(
            f"is not available: Keras cannot download MNIST ({error}); {hint}",
            attr="data",
        ) from error
    return dict(zip(MNIST_KEYS, (x_train, y_train, x_test, y_test)))


def _read_npz(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of MNIST; nothing in the file is ever executed."""
    file = _check_path(path, MNIST_FILE)
    try:
        with open_archive(file, LARGEST_IMAGES) as archive:
            _check_kind(archive.headers, str(file))
            return {key: archive.read(key) for key in MNIST_KEYS}
    except (OSError, DamagedFile) as error:
        problem = f"cannot be read: {error}" if file.stat().st_size else "is empty"
        raise _mnist_error(file, problem) from error


def _check_kind(arrays: Mapping[str, Header | np.ndarray], source: str) -> None:
    """Check what the arrays are, for which none of them need be read."""
    for part, least in (("train", 6), ("test", 1)):
        for key in (f"x_{part}", f"y_{part}"):
            if key not in arrays:
                raise _mnist_error(source, f"has no array {key}")
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if len(x.shape) != 3 or x.shape[1:] != (28, 28):
            raise _mnist_error(source, f"has x_{part} of shape {x.shape}")
        if x.dtype != np.uint8:
            raise _mnist_error(source, f"has x_{part} of type {x.dtype}")
        n = x.shape[0]
        if n < least:
            problem = f"has {n} images in x_{part}, fewer than {least}"
            raise _mnist_error(source, problem)
        if y.shape != (n,):
            problem = f"has y_{part} of shape {y.shape} for {n} images"
            raise _mnist_error(source, problem)
        if y.dtype.kind not in "iu":
            raise _mnist_error(source, f"has y_{part} of type {y.dtype}")


def _sequences(
    arrays: Mapping[str, np.ndarray], part: str, source: str
) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of pixels from 0 to 1, and classes."""
    x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
    wrong = (y < 0) | (y > 9)
    if wrong.any():
        raise _mnist_error(source, f"has the label {y[wrong][0]} in y_{part}")
    pixels = x.reshape(len(x), -1, 1).astype(np.float32)
    pixels /= 255
    return pixels, y.astype(np.int64)


def _check_path(path: Any, allowed: str) -> Path:
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise refusal("data", path, f"the path of {allowed}")
    file = Path(os.fsdecode(path))
    problem = file_problem(file)
    if problem is None:
        return file
    raise ValidationError(f"must be {allowed}; but {file} {problem}", attr="data")


def _mnist_error(source: str | Path, problem: str) -> ValidationError:
    return ValidationError(f"must be {MNIST_FILE}; but {source} {problem}", attr="data")
