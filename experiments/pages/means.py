"""Means over trials with their intervals, and rows by neuron type, for figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from nengo.exceptions import ValidationError

from spiking_lmu.intervals import mean_interval
from spiking_lmu.metrics import Scaling
from spiking_lmu.neurons import NEURON_TYPES
from spiking_lmu.validation import refusal

Law = dict[str, Any]  # numbers of a law; the template has its words


def with_interval(name: str, values: Any, kind: str = "linear") -> Law:
    """A mean by this name, and its 95 % interval as ``low`` and ``high``."""
    return dict(zip((name, "low", "high"), map(float, mean_interval(values, kind))))


def scaling(fit: Scaling) -> Law:
    """The exponent of a fitted law, with its 95 % interval.

    NaN, as `with_interval` has it, where single trials say nothing of their spread.
    """
    known = np.isfinite(fit.low) and np.isfinite(fit.high)
    low, high = (fit.low, fit.high) if known else (np.nan, np.nan)
    return {"exponent": fit.exponent, "low": low, "high": high}


def averaged(
    frame: pd.DataFrame, keys: Sequence[str], column: str, kind: str = "positive"
) -> pd.DataFrame:
    """Means of all numbers over the trials that share ``keys``, in their order.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a trial.
    keys : sequence of str
        Columns.
    column : str
        Whose 95 % intervals are to be ``low`` and ``high``.
    kind : str
        Of the values: see `mean_interval`.
    """
    check_trials(frame)
    groups = frame.groupby(list(keys), sort=False)
    found = groups.mean(numeric_only=True).reset_index()
    ends = [mean_interval(group[column], kind) for _, group in groups]
    _, found["low"], found["high"] = zip(*ends)
    return found


def by_type(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each neuron type, in the order in which they are always shown."""
    found = {kind: frame[frame["neuron_type"] == kind] for kind in NEURON_TYPES}
    return {kind: rows for kind, rows in found.items() if len(rows)}


def check_trials(frame: pd.DataFrame, kind: str = "trial") -> None:
    """Refuse what is no frame, or has not one of what is to be shown."""
    if not isinstance(frame, pd.DataFrame):
        raise refusal("frame", frame, "a pandas.DataFrame of trials, as `run` gives")
    if len(frame) == 0:
        problem = f"must be of at least one {kind}, but has none"
        raise ValidationError(problem, attr="frame")


def those(frame: pd.DataFrame, column: str, value: str, kind: str = "") -> pd.DataFrame:
    """The rows with a value in a column, which must be there."""
    check_trials(frame)
    rows = frame[frame[column] == value]
    check_trials(rows, kind or f"trial of the {column} {value!r}")
    return rows


def of_study(frame: pd.DataFrame, study: str) -> pd.DataFrame:
    """The rows of one study, which must be there."""
    return those(frame, "study", study)
