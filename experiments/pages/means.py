"""Means over trials with their intervals, and rows by neuron type, for figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from nengo.exceptions import ValidationError

from spiking_lmu.intervals import mean_interval
from spiking_lmu.neurons import NEURON_TYPES
from spiking_lmu.validation import refusal


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


def of_study(frame: pd.DataFrame, study: str) -> pd.DataFrame:
    """The rows of one study, which must be there."""
    check_trials(frame)
    rows = frame[frame["study"] == study]
    check_trials(rows, f"trial of the study {study!r}")
    return rows
