"""Where the sequences of a classification come from: names of data, or files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spiking_lmu.data import datasets
from spiking_lmu.data.datasets import Dataset
from spiking_lmu.data.mnist_files import image_files
from spiking_lmu.data.train_test_files import find_files
from spiking_lmu.validation import refusal

_LOADED: dict[tuple[Any, ...], Dataset] = {}


def load(data: str, permute: bool, keep: str = "best") -> Dataset:
    """The data of a task: ``"digits"``, ``"mnist"``, or a file.

    They are read once in each process, files again when they have changed. If the
    weights to ``keep`` are the last ones, no sequences are for validation.
    """
    state = [(f.stat().st_mtime_ns, f.stat().st_size) for f in data_files(data)]
    key = (data, permute, *state)
    if key not in _LOADED:
        if data == "digits":
            found = datasets.digits()
        elif is_mnist(data):
            found = datasets.mnist(None if data == "mnist" else data)
        else:
            found = datasets.load_sequences(data)
        if permute and found.train.lengths is not None:
            allowed = (
                "False, as with the commands classify and seqmnist, for sequences of "
                f"unequal lengths such as those of {data}"
            )
            raise refusal("permuted", permute, allowed)
        _LOADED[key] = datasets.permuted(found) if permute else found
    found = _LOADED[key]
    return found.without_validation() if keep == "last" else found


def is_mnist(data: Any) -> bool:
    """Whether the data of a task are MNIST, or files of images like it."""
    if not isinstance(data, str) or data in ("", "digits"):
        return False
    return data == "mnist" or image_files(data) is not None


def is_own(data: Any) -> bool:
    """Whether the data of a task are sequences of a user."""
    return isinstance(data, str) and data != "digits" and not is_mnist(data)


def data_files(data: str) -> tuple[Path, ...]:
    """The files that the data of a task are read from; none for those with a name."""
    if data in ("digits", "mnist"):
        return ()
    files = image_files(data) if is_mnist(data) else find_files(data)
    return tuple(file for file in files or () if file is not None)
