"""Data for the classification of sequences: MNIST, small digits, users' own files."""

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
from spiking_lmu.validation import check_array, check_integer, refusal

from .labelled import Labelled
from .mnist_files import KEYS, MNIST_FILE, check_images, mnist_error, read_images
from .sequence_files import line_error, number_labels, read_sequences
from .train_test_files import common_name, find_files

LEAST = 3  # sequences of each label: one to train on, to choose by and to test
MOST_VALUES = 2**30  # of all sequences of a file, at four bytes each
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
    lengths : (n,) array of int, optional
        Numbers of steps, if some sequences are shorter. Zeros precede these.
    """

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray:
        """Which steps (n, T) belong to the sequences, and do not precede them."""
        n, steps = self.x.shape[:2]
        lengths = np.full(n, steps) if self.lengths is None else self.lengths
        return np.arange(steps) >= steps - lengths[:, None]

    def __getitem__(self, rows: Any) -> Split:
        """Some of the sequences."""
        lengths = None if self.lengths is None else self.lengths[rows]
        return Split(self.x[rows], self.y[rows], lengths)

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

    def without_validation(self) -> Dataset:
        """The same, with the validation sequences among those for training."""
        parts = self.train, self.validation
        lengths = None
        if self.train.lengths is not None or self.validation.lengths is not None:
            lengths = np.concatenate([part.mask.sum(axis=1) for part in parts])
        x, y = (np.concatenate([getattr(p, name) for p in parts]) for name in "xy")
        none = self.validation[:0]
        return replace(self, train=Split(x, y, lengths), validation=none)


def mnist(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Handwritten digits, 784 pixels one after the other, from 0 to 1.

    The last sixth of the training images are for validation: 50,000, 10,000 and
    10,000 images where the files are MNIST's own.

    Parameters
    ----------
    path : str or path, optional
        An ``.npz`` file as Keras has it; a folder with ``train-images-idx3-ubyte``,
        ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``, each compressed (``.gz``) or not, one of these
        files, or the folder of torchvision that has them in ``MNIST/raw``; or a
        ``.csv`` file whose rows are a label and 784 pixels, such as Kaggle's
        ``train.csv``, or one of two such files whose names end in ``_train`` and
        ``_test``. A single ``.csv`` file is divided: 70 % of its images are for
        training, 10 % for validation and 20 % for the test. By default Keras' copy in
        ``~/.keras/datasets``, which Keras downloads where it is missing.

    Raises
    ------
    nengo.exceptions.ValidationError
        If a file is missing, damaged, or holds anything else.

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
        check_images(arrays, source)
    else:
        arrays, source = read_images(path)
    whole, labels = _pixels(arrays, "train", source), tuple("0123456789")
    n = len(whole.y)
    if "x_test" not in arrays:
        counts = (n - n // 10 - n // 5, n // 10, n // 5)
        if not min(counts):
            raise mnist_error(source, f"has {n} images, too few to divide")
        return _divided("mnist", whole, labels, counts, 0)
    test = _pixels(arrays, "test", source)
    last = slice(n - n // 6, None)
    return Dataset("mnist", whole[: n - n // 6], whole[last], test, labels)


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
        if split.lengths is not None:
            raise refusal("dataset", dataset, "of sequences that are all equally long")
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
    return _divided("digits", Split(x, y), tuple("0123456789"), DIGITS_PARTS, seed)


def load_sequences(
    path: str | os.PathLike[str],
    shares: Sequence[float] = (0.7, 0.1, 0.2),
    seed: int = 0,
) -> Dataset:
    """A user's own labelled sequences, or a data set of the UCR and UEA archives.

    =====  =====================================================================
    .ts    as in the archives, and as aeon and sktime write it; one channel or
           several
    .arff  as in the archives, with relational attributes for several channels
    .tsv   a row a sequence: its label and its values, separated by tabs
    .txt   the same, separated by white space or commas
    .csv   a row a sequence, ``label,v0,v1,v2``; or a row a time step, below a
           line of names, ``sequence,label,x,y``, where each further column is a
           channel
    =====  =====================================================================

    **Two files.** Where the name of a file ends in ``_TRAIN`` or ``_TEST``, the other
    file is read from the same folder. ``path`` may also be their folder, or what their
    names have in common (``UCR/GunPoint/GunPoint``). Then ``.ts`` comes before
    ``.arff``, ``.tsv``, ``.txt`` and ``.csv``.

    **Missing values** (``?`` or ``NaN``) are interpolated linearly between the values
    before and after in the same channel. At the beginning or the end of a sequence they
    are the nearest value. In ``.arff``, ``.tsv`` and ``.txt``, missing values at the
    end mean that a sequence is shorter. In ``.csv`` they are refused.

    **Unequal lengths.** Zeros precede shorter sequences, so that all of them end in the
    last step, where a `networks.SequenceNetwork` is read. The zeros leave its memory at
    zero. ``lengths`` and ``mask`` of a `Split` tell which steps they are. A ``.csv``
    file of unequal lengths is refused.

    Labels are words or integers; classes are numbered in their sorted order. In tables,
    commas, semicolons or tabs separate; if not commas, these may stand before decimals.
    A line of units may follow the line of names, and a column may number the rows if
    its name is empty, "index" or "sample". Values are taken as they are.

    Parameters
    ----------
    path : str or path
        The file, one of two files, their folder or the beginning of their names.
    shares : (float, float, float)
        Shares of the sequences for training, validation and test. They hold
        approximately for each label. Of two files, the first two are shares of the
        training file, and at least one sequence of each label is for training.
    seed : int
        Seed of the split.

    Returns
    -------
    dataset : Dataset

    Raises
    ------
    nengo.exceptions.ValidationError
        If a file is not as above or is missing, there is only one label, or one of a
        single file has fewer than three sequences; it names the line.
    """
    parts = check_array("shares", shares, 0, 1, exclusive=True, ndims=(1,))
    if len(parts) != 3 or abs(parts.sum() - 1) > 1e-6:
        raise refusal("shares", shares, "three numbers that add up to 1")
    first, second = find_files(path)
    files = {file: read_sequences(file) for file in (first, second) if file is not None}
    of_files, labels = number_labels(files, LEAST if second is None else 1)
    longest = max(len(v) for found in files.values() for v in found.sequences)
    for file, found in files.items():
        _check_size(file, found, longest)
    splits = [_split(found, y, longest) for found, y in zip(files.values(), of_files)]
    if len({split.x.shape[2] for split in splits}) > 1:
        size, other = (split.x.shape[2] for split in splits)
        problem = f"has {other} channels, but {first} has {size}"
        raise line_error(list(files)[1], None, problem)
    whole = splits[0]
    if second is not None:
        ours, held_out = held_out_of(whole.y, parts[1] / (parts[0] + parts[1]), seed)
        if not len(held_out):
            raise line_error(first, None, "has no two sequences of any label")
        return Dataset(
            common_name(first), whole[ours], whole[held_out], splits[1], labels
        )
    ends = np.round(len(whole.y) * np.cumsum(parts)).astype(int)
    counts = tuple(int(n) for n in np.diff(ends, prepend=0))
    if min(counts) == 0:
        allowed = f"such that each part has some of the {len(whole.y)} sequences in"
        raise refusal("shares", shares, f"{allowed} {first}")
    return _divided(first.stem, whole, labels, counts, seed)


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


def held_out_of(
    y: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices to train on and to choose by; the first have one of each class."""
    seed = check_integer("seed", seed, low=0, high=2**32 - 1)
    order = np.random.default_rng(seed).permutation(len(y))
    _, first = np.unique(y[order], return_index=True)
    rest = np.delete(order, first)
    n = min(max(round(share * len(y)), 1), len(rest))
    kept, held_out = stratified(y[rest], (len(rest) - n, n), seed)
    return np.concatenate([order[first], rest[kept]]), rest[held_out]


def _divided(
    name: str, whole: Split, labels: tuple[str, ...], counts: Sequence[int], seed: int
) -> Dataset:
    parts = stratified(whole.y, counts, seed)
    train, validation, test = (whole[part] for part in parts)
    return Dataset(name, train, validation, test, labels)


def _check_size(file: Path, found: Labelled, n_steps: int) -> None:
    """Refuse sequences that are too many once the longest determines their length."""
    n, size = len(found.sequences), found.sequences[0].shape[1]
    if n * n_steps * size > MOST_VALUES:
        problem = (
            f"has {n:,} sequences, and the longest of all has {n_steps:,} steps of "
            f"{size}: more than {MOST_VALUES:,} values, with zeros before the others"
        )
        raise line_error(file, None, problem)


def _split(found: Labelled, y: np.ndarray, n_steps: int) -> Split:
    lengths = np.array([len(values) for values in found.sequences])
    x = found.padded(n_steps)
    return Split(x, y, None if np.all(lengths == n_steps) else lengths)


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
    return dict(zip(KEYS, (x_train, y_train, x_test, y_test)))


def _pixels(arrays: Mapping[str, np.ndarray], part: str, source: str) -> Split:
    """Sequences of pixels from 0 to 1, and classes."""
    x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
    wrong = (y < 0) | (y > 9)
    if wrong.any():
        raise mnist_error(source, f"has the label {y[wrong][0]} in y_{part}")
    pixels = x.reshape(len(x), -1, 1).astype(np.float32)
    pixels /= 255
    return Split(pixels, y.astype(np.int64))
