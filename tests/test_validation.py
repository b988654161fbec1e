"""Checks of arguments: what passes, what is refused, and how it is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nengo.exceptions import ValidationError

from spiking_lmu.validation import (
    check_array,
    check_choice,
    check_integer,
    check_number,
    refusal,
)

NOT_NUMBERS = [None, "1", b"1", True, np.True_, 1j, {}, {1}, object(), [None], ["a"]]
NOT_FINITE = [np.nan, np.inf, -np.inf, np.float32("nan"), 10**400]


class Unreadable:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("no array")


@given(st.floats(-5, 5))
def test_number_within_bounds_is_returned_as_float(value):
    for given_value in (value, np.float64(value), np.array(value)):
        result = check_number("x", given_value, low=-5, high=5)
        assert type(result) is float
        assert result == value


@pytest.mark.parametrize("value", [*NOT_NUMBERS, *NOT_FINITE, [], [1.0], Unreadable()])
def test_number_refuses(value):
    with pytest.raises(ValidationError, match="^x: must be a finite number"):
        check_number("x", value)


@pytest.mark.parametrize(
    "value, exclusive, allowed",
    [
        (-0.1, False, "of at least 0 and of at most 2"),
        (2.1, False, "of at least 0 and of at most 2"),
        (0, True, "above 0 and of at most 2"),
    ],
)
def test_number_out_of_bounds(value, exclusive, allowed):
    with pytest.raises(ValidationError, match=f"{allowed}, but is {value}$") as error:
        check_number("theta", value, low=0, high=2, exclusive=exclusive)
    assert error.value.attr == "theta"


def test_upper_bound_alone():
    assert check_number("x", -1e9, high=0) == -1e9
    with pytest.raises(ValidationError, match="a finite number of at most 0, but is 1"):
        check_number("x", 1, high=0)


@given(st.integers(1, 2**62))
def test_integers_of_every_kind(value):
    for given_value in (value, np.int64(value), np.uint64(value), np.array(value)):
        result = check_integer("n", given_value)
        assert type(result) is int
        assert result == value


@pytest.mark.parametrize(
    "value",
    [*NOT_NUMBERS, *NOT_FINITE[:4], 1.0, [1], np.ones(1), np.timedelta64(3, "s")],
)
def test_integer_refuses(value):
    with pytest.raises(ValidationError, match="^n: must be an integer of at least 1"):
        check_integer("n", value)


@pytest.mark.parametrize("value", [0, -3, 11, pytest.param(10**5000, id="huge")])
def test_integer_out_of_bounds(value):
    with pytest.raises(ValidationError, match="at least 1 and at most 10, but is"):
        check_integer("n", value, high=10)


def test_array_becomes_floats_and_leaves_its_source_alone():
    source = np.arange(6).reshape(2, 3)
    result = check_array("a", source, ndims=(2,))
    assert result.dtype == np.float64
    result[:] = -1
    np.testing.assert_array_equal(source, np.arange(6).reshape(2, 3))
    floats = np.ones(2)
    check_array("a", floats)[:] = 0
    assert floats.all()


@pytest.mark.parametrize(
    "value",
    [[], [[1.0]], ["1"], [True], [1j], [1, None], [1.0, np.nan], np.zeros((0,)), {}],
)
def test_array_refuses(value):
    with pytest.raises(ValidationError, match="^a: must be finite numbers"):
        check_array("a", value)


@pytest.mark.filterwarnings("ignore")  # older numpy warns before we refuse
def test_ragged_array():
    with pytest.raises(ValidationError, match="finite numbers"):
        check_array("a", [[1], [1, 2]])


def test_array_shows_the_first_offender_as_a_plain_number():
    with pytest.raises(ValidationError, match="but is -3.5$"):
        check_array("a", [1, 2, -3.5, -4], low=0)


def test_array_of_wrong_dimensions_says_which():
    with pytest.raises(ValidationError, match="in an array of 0 or 2 dimensions"):
        check_array("a", [1.0], ndims=(0, 2))


def test_choice():
    assert check_choice("method", "zoh", ["zoh", "euler"]) == "zoh"
    for value in ("ZOH", "", None, 1, ["zoh"]):
        with pytest.raises(ValidationError, match="^method: must be one of 'zoh', 'e"):
            check_choice("method", value, ["zoh", "euler"])


def test_long_values_are_cut_and_stay_on_one_line():
    message = str(refusal("x", np.arange(1000.0).reshape(100, 10), "short"))
    assert "\n" not in message
    assert message.endswith("...")
    assert len(message) < 100
