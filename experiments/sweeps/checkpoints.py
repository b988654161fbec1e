"""Training that goes on after an interruption: arrays and numbers in one file.

Files are left where they are when training has ended, for its results are stored only
after that. They may be deleted then.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spiking_lmu.experiments.sweeps.store import versions

Arrays = Mapping[str, Mapping[str, np.ndarray]]


def place(folder: str | os.PathLike[str], task: Mapping[str, Any], name: str) -> Path:
    """The file of a task's training, in a folder that is made if need be.

    Its name tells tasks apart, and versions of what trains them.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    text = json.dumps([task, versions()], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Path(folder) / f"{task['model']}-{key}-{name}.npz"


def write(path: Path, arrays: Arrays, rest: Mapping[str, Any]) -> None:
    """Write groups of arrays, and what JSON can express, or leave what is there."""
    flat: dict[str, Any] = {
        f"{group}/{name}": array
        for group, named in arrays.items()
        for name, array in named.items()
    }
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, rest=np.array(json.dumps(rest)), **flat)
    os.replace(partial, path)


def read(path: Path) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """What `write` wrote."""
    arrays: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path) as stored:
        rest = json.loads(str(stored["rest"]))
        for key in stored.files:
            if key != "rest":
                group, name = key.split("/", 1)
                arrays.setdefault(group, {})[name] = stored[key]
    return arrays, rest
