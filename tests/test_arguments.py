"""Arguments that are declared in annotations: checked, and turned into Python's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments.arguments import REPEATED, OneOf, Range, checked
from spiking_lmu.validation import refusal


def even(name: str, value: Any) -> Any:
    if value % 2:
        raise refusal(name, value, "even")
    return value


def some(
    count: Annotated[int, Range(1, 9)] = 1,
    share: Annotated[float, Range(0, 1, exclusive=True)] = 0.5,
    word: Annotated[str, OneOf(("a", "b"))] = "a",
    sizes: Annotated[Sequence[int], Range(1)] = (1,),
    shares: Annotated[Sequence[float], Range(0), REPEATED] = (0.5,),
    left_out: Annotated[Sequence[int] | None, Range(1)] = (1,),
    every: Annotated[Sequence[int] | None, Range(1)] = None,
    pairs: Annotated[Sequence[int], even] = (2,),
    flag: bool = True,
    anything: str | None = None,
    trials: int = 1,
    seed: int = 0,
) -> None:
    pass


@pytest.mark.parametrize(
    "name, given, expected",
    [
        ("count", np.int64(9), 9),
        ("share", 1, 1.0),
        ("word", "b", "b"),
        ("sizes", np.array([3, 1]), [3, 1]),
        ("shares", (1, 1), [1.0, 1.0]),
        ("left_out", (), []),
        ("left_out", None, None),
        ("every", None, None),
        ("pairs", (4, 2), [4, 2]),
        ("flag", np.False_, False),
        ("anything", 1j, 1j),
        ("seed", 2**32 - 1, 2**32 - 1),
    ],
)
def test_what_is_allowed_becomes_what_python_has(name, given, expected):
    found = checked(some, {name: given, "other": 7})
    assert found == {name: expected, "other": 7}
    assert type(found[name]) is type(expected)
    for one in found[name] if isinstance(expected, list) else ():
        assert type(one) is type(expected[0])


@pytest.mark.parametrize(
    "name, given, allowed",
    [
        ("count", 0, "an integer of at least 1 and at most 9"),
        ("count", 2.0, "an integer of at least 1 and at most 9"),
        ("share", 0, "a finite number above 0 and of at most 1"),
        ("word", "c", "one of 'a', 'b'"),
        ("word", None, "one of 'a', 'b'"),
        ("sizes", (), "a sequence of at least one value"),
        ("sizes", (1, 1), "values that are all different"),
        ("shares", (-1,), "a finite number of at least 0"),
        ("left_out", (0,), "an integer of at least 1"),
        ("every", (), "a sequence of at least one value"),
        ("pairs", (3,), "even"),
        ("flag", "no", "True or False"),
        ("trials", 0, "an integer of at least 1 and at most 10000"),
        ("seed", 2**32, "an integer of at least 0 and at most 4294967295"),
    ],
)
def test_all_else_is_refused(name, given, allowed):
    with pytest.raises(ValidationError) as refused:
        checked(some, {name: given})
    assert str(refused.value).startswith(f"{name}: must be {allowed}, but is ")
