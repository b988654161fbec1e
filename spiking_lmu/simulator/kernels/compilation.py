"""How kernels are compiled."""

from __future__ import annotations

from typing import Any

from numba import njit

# Kernels are called by other compiled functions only. Entries for others would take a
# sixth of the time that it takes to compile all of them.
CALLED: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
# References to slices of the arena are not counted: this takes longer than a step of a
# small population.
OPTIONS: dict[str, Any] = {**CALLED, "error_model": "numpy", "_nrt": False}


def kernel(**options: Any) -> Any:
    """Decorator of functions that Numba compiles, with further options."""
    return njit(**CALLED, **options)


def compiled(*function: Any, **options: Any) -> Any:
    """Decorator of functions that Numba compiles, with or without further options.

    Such functions can make slices of arrays, but no arrays.
    """
    return njit(*function, **{**OPTIONS, **options})
