"""Shares of the neurons: of all, of at least so many, and in whole numbers."""

from __future__ import annotations

import numpy as np

from .balancing import NOTHING


def normalized(shares: np.ndarray) -> np.ndarray:
    """Shares that sum to 1; equal shares if no noise has an effect."""
    total = shares.sum()
    return shares / total if total > NOTHING else np.full(len(shares), 1 / len(shares))


def at_least(fewest: float, shares: np.ndarray) -> np.ndarray:
    """Raise small shares to a floor, and let the others pay for it."""
    total = shares.sum()
    small = np.zeros(len(shares), dtype=bool)
    while True:
        scaled = np.where(small, fewest, 0.0)
        rest = total - scaled.sum()
        if not small.all():
            scaled[~small] = shares[~small] * rest / shares[~small].sum()
        more = ~small & (scaled < fewest)
        if not more.any():
            return scaled
        small |= more


def round_to_total(shares: np.ndarray, total: int) -> np.ndarray:
    """Integers that sum to the total, by largest remainders."""
    counts = np.floor(shares + 1e-9).astype(int)
    order = np.argsort(counts - shares, kind="stable")
    counts[order[: total - counts.sum()]] += 1
    return counts
