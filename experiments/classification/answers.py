"""Which test images a network classified correctly, as a table of trials holds it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages.means import with_interval
from spiking_lmu.validation import refusal


def pack(right: np.ndarray) -> str:
    """One bit for each image, as hexadecimal digits that a table can hold."""
    return np.packbits(right).tobytes().hex()


def unpack(rows: pd.DataFrame, name: str = "right") -> np.ndarray:
    """A table (n_networks, n_images) of 0 and 1, of what `pack` has written."""
    n_images = int(rows["images"].iloc[0])
    try:
        table = [np.frombuffer(bytes.fromhex(text), np.uint8) for text in rows[name]]
        return np.stack([np.unpackbits(row, count=n_images) for row in table]) * 1.0
    except (KeyError, TypeError, ValueError):
        allowed = "of trials that tell which images were classified correctly"
        raise refusal("frame", f"without them in {name!r}", allowed) from None


def accuracy_columns(right: np.ndarray, exact: np.ndarray) -> dict[str, Any]:
    """Share of right answers, its 95 % interval over images, and the answers."""
    return {
        "images": len(right),
        **with_interval("accuracy", 1.0 * right[None], "share"),
        "exact_accuracy": float(np.mean(exact)),
        "right": pack(right),
        "exact_right": pack(exact),
    }
