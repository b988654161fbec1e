"""Checks of arguments: every bad value is named in one way, before any arithmetic."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from numbers import Integral
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

import numpy as np
from nengo.exceptions import ValidationError

SMALLEST, LARGEST = 1e-50, 1e50  # far from the largest and smallest floats


def check_number(
    name: str,
    value: Any,
    low: float = -np.inf,
    high: float = np.inf,
    exclusive: bool = False,
) -> float:
    """Return ``value`` as a finite float between ``low`` and ``high``.

    Parameters
    ----------
    name : str
        What the user calls the argument.
    value : object
        What the user gave.
    low, high : float
        Bounds.
    exclusive : bool
        Whether ``low`` itself is refused.

    Raises
    ------
    nengo.exceptions.ValidationError
        If it is no real number, is not finite or lies outside the bounds.
    """
    return float(check_array(name, value, low, high, exclusive, ndims=(0,)))


def check_integer(name: str, value: Any, low: int = 1, high: int | None = None) -> int:
    """Return ``value`` as an int between ``low`` and ``high`` (both allowed).

    Raises
    ------
    nengo.exceptions.ValidationError
        If it is no integer or lies outside the bounds.
    """
    allowed = f"an integer of at least {low}"
    if high is not None:
        allowed += f" and at most {high}"
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    # numpy's timedelta64 is an Integral
    no_count = isinstance(value, (bool, np.bool_, np.timedelta64))
    if no_count or not isinstance(value, Integral):
        raise refusal(name, value, allowed)
    number = int(value)
    if number < low or (high is not None and number > high):
        raise refusal(name, value, allowed)
    return number


def check_array(
    name: str,
    value: Any,
    low: float = -np.inf,
    high: float = np.inf,
    exclusive: bool = False,
    ndims: Sequence[int] = (0, 1),
) -> np.ndarray:
    """Return ``value`` as a float array of finite numbers within the bounds.

    Parameters
    ----------
    name, value, low, high, exclusive
        As for `check_number`, for each element.
    ndims : sequence of int
        The allowed numbers of dimensions.

    Raises
    ------
    nengo.exceptions.ValidationError
        If it is empty, has another number of dimensions, or any element is
        no real number, is not finite or lies outside the bounds.
    """
    kind = "a finite number" if tuple(ndims) == (0,) else "finite numbers"
    allowed = kind
    if low > -np.inf:
        allowed += f" {'above' if exclusive else 'of at least'} {low:g}"
    if high < np.inf:
        allowed += f"{' and' if low > -np.inf else ''} of at most {high:g}"
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        raise refusal(name, value, allowed) from None
    if array.dtype.kind not in "iuf":
        raise refusal(name, value, allowed)
    if array.ndim not in ndims:
        shapes = " or ".join(f"{n}" for n in ndims)
        raise refusal(name, value, f"{allowed}, in an array of {shapes} dimensions")
    if array.size == 0:
        raise refusal(name, value, f"{allowed}, at least one of them")
    with np.errstate(over="ignore"):  # of longer floats, which become infinite
        array = array.astype(float)
    below = array <= low if exclusive else array < low
    bad = ~np.isfinite(array) | below | (array > high)
    if bad.any():
        raise refusal(name, array[bad].flat[0].item() if array.ndim else value, allowed)
    return array


def check_choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Return ``value`` if it is one of the ``allowed`` words.

    Raises
    ------
    nengo.exceptions.ValidationError
        If it is not.
    """
    if not isinstance(value, str) or value not in allowed:
        raise refusal(name, value, "one of " + ", ".join(map(repr, allowed)))
    return value


def check_flag(name: str, value: Any) -> bool:
    """Return ``value`` if it is True or False.

    Raises
    ------
    nengo.exceptions.ValidationError
        If it is something else.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise refusal(name, value, "True or False")
    return bool(value)


def check_seed(value: Any) -> int | None:
    """Return a seed as NumPy takes them, or None."""
    return None if value is None else check_integer("seed", value, 0, 2**32 - 1)


def check_positive(name: str, value: Any) -> float:
    """Return ``value`` as a float above 0, such as a time in seconds.

    Numbers so small or large that products of them leave what floats hold are refused.
    """
    number = check_number(name, value, low=0, exclusive=True)
    if not SMALLEST <= number <= LARGEST:
        raise refusal(name, value, f"a number from {SMALLEST:g} to {LARGEST:g}")
    return number


def check_each(
    name: str,
    values: Any,
    check: Callable[..., Any],
    *bounds: Any,
    empty: bool = False,
    different: bool = True,
) -> None:
    """Check each of several values in the same way.

    Parameters
    ----------
    name : str
        What the user calls the argument.
    values : sequence
        What the user gave.
    check : callable
        `check_number`, `check_integer` or `check_choice`.
    *bounds
        Further arguments for ``check``.
    empty : bool
        Whether there may be none.
    different : bool
        Whether a value that comes twice is refused.

    Raises
    ------
    nengo.exceptions.ValidationError
        If it is no sequence, is empty, or any value is refused.
    """
    listed = isinstance(values, (Sequence, np.ndarray)) and np.iterable(values)
    if not listed or isinstance(values, str) or not (empty or len(values)):
        least = "" if empty else " of at least one value"
        raise refusal(name, values, f"a sequence{least}")
    for value in values:
        check(name, value, *bounds)
    if different and len(set(values)) < len(values):
        raise refusal(name, values, "values that are all different")


def check_path(name: str, value: Any) -> Path:
    """Return ``value`` as the path of a file, which need not be there.

    Raises
    ------
    nengo.exceptions.ValidationError
        If it is no path, or empty.
    """
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise refusal(name, value, "the path of a file")
    path = os.fsdecode(value)
    if "\0" in path:
        raise refusal(name, path, "the path of a file, without null characters")
    return Path(path)


def check_column(
    name: str, value: Any, low: float = -np.inf, high: float = np.inf
) -> np.ndarray:
    """Return one value a time step, of shape (n,) or (n, 1), as an (n,) float array.

    Nengo's probes and processes give their values in shape (n, 1).

    Raises
    ------
    nengo.exceptions.ValidationError
        As `check_array` does, and if there are several columns.
    """
    array = check_array(name, value, low, high, ndims=(1, 2))
    if array.ndim == 2 and array.shape[1] != 1:
        raise refusal(name, array.shape, "of shape (n,) or (n, 1)")
    return array.ravel()


def check_sequences(inputs: Any, size_in: int) -> np.ndarray:
    """Return sequences (n, n_items, size_in) of finite numbers, as a float array.

    Raises
    ------
    nengo.exceptions.ValidationError
        As `check_array` does, and if items have another size.
    """
    x = check_array("inputs", inputs, ndims=(3,))
    if x.shape[2] != size_in:
        raise refusal("inputs", x.shape, f"of shape (n, n_items, {size_in})")
    return x


def file_problem(path: Path) -> str | None:
    """What keeps a path from being a file that can be read, in words; None if nothing.

    A pipe, which would have its reader wait for ever, is no regular file.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if S_ISDIR(mode):
        return "is a directory"
    return None if S_ISREG(mode) else "is no regular file"


def refusal(name: str, value: Any, allowed: str) -> ValidationError:
    """The error that names an argument, its value and what is allowed."""
    try:
        shown = " ".join(repr(value).split())
    except ValueError:  # Python refuses to print integers of thousands of digits
        shown = f"{type(value).__name__} too large to show"
    if len(shown) > 60:
        shown = shown[:57] + "..."
    return ValidationError(f"must be {allowed}, but is {shown}", attr=name)
