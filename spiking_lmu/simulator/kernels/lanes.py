"""How many networks run side by side."""

from __future__ import annotations

from numba import types
from numba.extending import overload


def n_lanes(lanes: int | None) -> int:
    """Number of lanes; a constant of the compiler for a single network."""
    return 1 if lanes is None else lanes


@overload(n_lanes, inline="always")
def _n_lanes(lanes):  # type: ignore[no-untyped-def]  # Numba compares signatures
    if isinstance(lanes, types.NoneType):
        return lambda lanes: 1
    return lambda lanes: lanes
