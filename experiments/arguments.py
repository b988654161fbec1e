"""What the arguments of an experiment may be, declared in their annotations.

``Annotated[Sequence[int], Range(1, 256)]`` says what each value may be. `checked`
refuses all else, and turns numbers into those of Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import signature
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np

from spiking_lmu import validation


class Range(NamedTuple):
    """Numbers from ``low`` to ``high``; with ``exclusive``, without ``low`` itself."""

    low: float
    high: float | None = None
    exclusive: bool = False


class OneOf(NamedTuple):
    """Words that may be chosen."""

    words: Sequence[str]


REPEATED = "repeated"  # beside a rule: the same value may be given twice
#: Of arguments that many experiments have, where they declare no other.
USUAL = {"seed": Range(0, 2**32 - 1), "trials": Range(1, 10**4)}
DIVIDING = ("jobs", "scheduler")  # those of `execution` that say how to divide tasks


def execution(
    folder: str | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> None:
    """Where and how visibly an experiment runs: what does not change its results.

    Parameters
    ----------
    folder : str, optional
        Folder of the results. Finished trials are stored there and used again.
    jobs : int, optional
        Number of local processes; by default the number of cores.
    scheduler : str, optional
        Address of a running Dask scheduler, such as ``tcp://host:8786``. Its workers
        run the trials instead of local processes.
    progress : bool
        Whether to show a progress bar.
    """


def checked(
    function: Callable[..., Any], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a function, if its annotations allow them.

    Sequences become lists. An optional one may be empty, unless None is its default.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is not allowed.
    """
    found = dict(arguments)
    defaults = signature(function).parameters
    for name, kind in get_type_hints(function, include_extras=True).items():
        if name in found:
            default = defaults[name].default
            found[name] = _checked(name, found[name], kind, default is not None)
    return found


def _checked(name: str, value: Any, kind: Any, may_be_empty: bool) -> Any:
    rule, *more = [USUAL.get(name)]
    if get_origin(kind) is Annotated:
        kind, rule, *more = get_args(kind)
    kinds = get_args(kind) if NoneType in get_args(kind) else (kind,)
    if kind is bool:
        return validation.check_flag(name, value)
    if rule is None or (value is None and NoneType in kinds):
        return value
    listed = next((k for k in kinds if get_origin(k) is Sequence), None)
    if listed is None:
        return _check(kinds[0], rule)(name, value)
    check = _check(get_args(listed)[0], rule)
    empty = may_be_empty and NoneType in kinds
    different = REPEATED not in more
    validation.check_each(name, value, check, empty=empty, different=different)
    return [check(name, one) for one in value]


def _check(kind: type, rule: Any) -> Callable[[str, Any], Any]:
    """What refuses a value of a type, or returns it."""
    if isinstance(rule, OneOf):
        return partial(validation.check_choice, allowed=tuple(rule.words))
    if isinstance(rule, Range):
        low, high, exclusive = rule
        if kind is int:
            whole = None if high is None else int(high)
            return partial(validation.check_integer, low=int(low), high=whole)
        most = np.inf if high is None else high
        return partial(validation.check_number, low=low, high=most, exclusive=exclusive)
    return rule  # a function of name and value
