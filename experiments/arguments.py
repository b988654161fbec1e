"""Types of command-line arguments: lists are comma-separated."""

from __future__ import annotations

import argparse
from typing import Callable, TypeVar

Item = TypeVar("Item")


def integers(text: str) -> tuple[int, ...]:
    """``"3,6"`` as (3, 6)."""
    return _items(text, int, "integers")


def numbers(text: str) -> tuple[float, ...]:
    """``"0.1,0.5"`` as (0.1, 0.5)."""
    return _items(text, float, "numbers")


def words(text: str) -> tuple[str, ...]:
    """``"poisson,lif"`` as ("poisson", "lif")."""
    return _items(text, str, "words")


def _items(text: str, kind: Callable[[str], Item], name: str) -> tuple[Item, ...]:
    try:
        items = tuple(kind(item.strip()) for item in text.split(","))
    except ValueError:
        items = ()
    if not items or "" in items:
        raise argparse.ArgumentTypeError(
            f"must be {name} separated by commas, but is {text!r}"
        )
    return items
