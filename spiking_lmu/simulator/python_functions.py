"""Steps of Python functions: what `SimPyFunc` does, in a fraction of its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np
from nengo.builder.operator import SimPyFunc
from nengo.builder.signal import Signal
from nengo.exceptions import SimulationError
from nengo.utils.functions import function_name

__all__ = ["function_step"]

NUMBERS = frozenset((float, int, bool, np.float64))
DOUBLE = np.dtype(np.float64)
FEW = 32  # numbers that are looked at faster one by one than as an array


def function_step(
    operator: SimPyFunc, signals: Mapping[Signal, np.ndarray]
) -> Callable[[], None]:
    """What `SimPyFunc.make_step` gives: a call of the function, whose value is kept.

    Nengo looks at every value with functions for arrays, which take longer than most
    functions of nodes. Here, numbers and lists of numbers are looked at one by one.
    """
    fn = operator.fn
    output, t, x = (
        None if signal is None else signals[signal]
        for signal in (operator.output, operator.t, operator.x)
    )

    def step() -> None:
        if t is None:
            y = fn() if x is None else fn(x.copy())
        else:
            y = fn(t.item()) if x is None else fn(t.item(), x.copy())
        if output is None:
            return
        try:
            if y is None or not _is_finite(y):
                raise SimulationError(
                    f"Function '{function_name(fn)}' returned non-finite value"
                )
            output[...] = y
        except (TypeError, ValueError, OverflowError) as error:
            raise SimulationError(
                f"Function '{function_name(fn)}' returned a value "
                f"{y!r} of invalid type {type(y)!r}"
            ) from error

    return step


def _is_finite(y: Any) -> bool:
    kind = type(y)
    if kind in NUMBERS:
        return isfinite(y)
    if kind in (list, tuple) and NUMBERS.issuperset(map(type, y)):
        return all(map(isfinite, y))
    if kind is np.ndarray and y.dtype is DOUBLE and y.ndim == 1 and y.size <= FEW:
        return all(map(isfinite, y.tolist()))
    return bool(np.isfinite(y).all())
