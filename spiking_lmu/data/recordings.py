"""Users' recordings, read from files."""

from __future__ import annotations

import os
import warnings
from fractions import Fraction
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.compatibility import MissingPackageError
from spiking_lmu.signals import LARGEST, MAX_STEPS
from spiking_lmu.validation import check_array, check_number, file_problem, refusal

from .archives import read_npy
from .recording_packages import read_edf, read_wfdb
from .tables import LARGEST as LARGEST_TEXT
from .tables import SAMPLE, content, find_dialect, is_heading, names_an_index

HEADINGS = 2  # lines: of names, and of units
MOST_COLUMNS = 1000  # that are read before they are counted


def load_signal(
    path: str | os.PathLike[str],
    rate: float | None = None,
    dt: float = 0.001,
    channel: str | int | None = None,
) -> np.ndarray:
    """A recording from a file, resampled to ``dt``, of mean 0 and rms 1.

    ====  ======================================================================
    .csv  one column of values, or time in seconds and values. One or two lines of
          names and units may precede. A column may number the rows if its name
          is empty, "index" or "sample". The separator is ``,``, ``;``, tab or space,
          and if it is not ``,``, that may stand before decimals
    .tsv  the same, separated by tabs
    .npy  real numbers of shape (n,) or (n, 1), as ``numpy.save`` writes them
    .wav  one channel of integers or floats, uncompressed
    .edf  one of its channels, and the same for .bdf; requires one of the
          packages edfio, mne or pyedflib
    .hea  one channel of a record of WFDB, as PhysioNet has them. The file
          ``.dat`` of the record, or its name without an ending, mean the same.
          Requires the package wfdb
    ====  ======================================================================

    Times may be rounded, to milliseconds for instance. They must fit an even grid
    within that, or within 1 % of its step.

    Resampling removes frequencies above the Nyquist frequency of the new step. It
    rounds the ratio of rates to a fraction, by less than one part in a thousand.

    Parameters
    ----------
    path : str or path
        The file. Its ending determines the format.
    rate : float, optional
        Samples per second. Required if the file does not contain it. Otherwise it must
        agree with the file within 1 %.
    dt : float
        Time step of the result in seconds.
    channel : str or int, optional
        Name of a channel of an EDF, BDF or WFDB recording, or its number from 0.
        Required if there are several.

    Returns
    -------
    (n,) array of float64

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is no such file, it is not as above, its times are not even, its
        values are fewer than two, not finite or all the same, nothing of them is left
        at ``dt``, ``rate`` or ``channel`` is missing or contradicts, or a package is
        not installed.
    """
    path = _check_path(path)
    dt = check_number("dt", dt, 0, exclusive=True)
    if rate is not None:
        rate = check_number("rate", rate, 0, exclusive=True)
    ending = path.suffix.lower()
    if channel is not None and ending not in OF_CHANNELS:
        raise refusal("channel", channel, f"None for a file that ends in {ending}")
    found: float | None
    try:
        if ending in OF_CHANNELS:
            values, found = OF_CHANNELS[ending](path, channel)
        else:
            values, found = READERS[ending](path)
        values = np.asarray(values, dtype=np.float64)
    except Exception as error:  # whatever a parser makes of unknown bytes
        if isinstance(error, MissingPackageError):
            raise
        if isinstance(error, ValidationError) and error.attr == "channel":
            raise
        problem = " ".join(str(error).split())
        raise _file_error(path, f"cannot be read: {problem}") from error
    values = _centred(path, values)
    return _resample(path, values, _agreed_rate(path, rate, found), dt)


def _centred(path: Path, values: np.ndarray) -> np.ndarray:
    """``values`` of mean 0 and no more than 2, once they are fit for use."""
    if values.size < 2:
        raise _file_error(path, "holds fewer than two values")
    if not np.all(np.isfinite(values)):
        raise _file_error(path, "holds values that are missing or not finite")
    values = values / (np.max(np.abs(values)) or 1.0)
    values -= values.mean()
    if np.max(np.abs(values)) < 1e-12:
        raise _file_error(path, "holds the same value throughout")
    return values


def _read_text(path: Path) -> tuple[np.ndarray, float | None]:
    """Values and, from a column of times, their rate."""
    import pandas

    if path.stat().st_size > LARGEST_TEXT:
        raise ValueError(f"it has more than {LARGEST_TEXT:,} bytes; save it as .npy")
    # a name or a unit that is no UTF-8 shall not matter
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        first = list(islice(content(file, comment="#"), SAMPLE))
    if not first:
        raise ValueError("it is empty")
    dialect = find_dialect([t for _, t in first], tabs=path.suffix.lower() == ".tsv")
    most = max(dialect.count(text) for _, text in first)
    if most > MOST_COLUMNS:
        raise ValueError(f"it has {most} columns, not 1 or 2")
    rows = [(line, dialect.split(text)) for line, text in first]
    headings = list(takewhile(lambda row: is_heading(row[1], dialect), rows[:HEADINGS]))
    columns = pandas.read_csv(
        path,
        sep=dialect.separator or r"\s+",
        decimal=dialect.decimal,
        header=None,
        skiprows=headings[-1][0] if headings else 0,
        comment="#",
        skipinitialspace=True,
        encoding="utf-8-sig",
        encoding_errors="replace",
        dtype=np.float64,
    ).to_numpy()
    names = headings[0][1] if headings else []
    if _numbers_rows(names, columns):
        columns = columns[:, 1:]
    if columns.shape[1] == 1:
        return columns[:, 0], None
    if columns.shape[1] != 2:
        raise ValueError(f"it has {columns.shape[1]} columns, not 1 or 2")
    return columns[:, 1], _uniform_rate(columns[:, 0])


def _numbers_rows(names: list[str], columns: np.ndarray) -> bool:
    """Whether the first of several columns is an index, by its name and its values."""
    first = columns[:, 0]
    return (
        columns.shape[1] > 1
        and len(names) == columns.shape[1]
        and names_an_index(names[0])
        and first[0] in (0, 1)
        and bool(np.all(np.diff(first) == 1))
    )


def _uniform_rate(times: np.ndarray) -> float:
    """Samples per second, of times in seconds that may have been rounded.

    Each time is compared with an even grid, fitted to all of them. A sample that is
    missing shifts all later ones by a step, which no grid can follow.
    """
    if times.size < 2:
        raise ValueError("it has fewer than two values")
    times = check_array("times", times, -LARGEST, LARGEST)
    places = np.arange(times.size) - (times.size - 1) / 2
    step = float(places @ (times - times[0]) / (places @ places))
    off = times - times[0] - step * places
    allowed = 0.01 * step + _rounding(times, abs(step))
    if step <= 0 or np.max(off - allowed) > np.min(off + allowed):
        raise ValueError(
            "its times do not increase in equal steps (within 1 %, or their rounding)"
        )
    return 1 / step


def _rounding(times: np.ndarray, step: float) -> np.ndarray:
    """How far each of many times may be from where it was before it was rounded.

    Half of the last decimal, which large times may have fewer of. Decimals that
    leave the rate or the order of the samples in doubt do not count.
    """
    found = np.zeros(times.size)
    magnitudes = np.floor(np.log10(np.abs(times) + 1e-300)).clip(-10, 10)
    for magnitude in np.unique(magnitudes):
        these = magnitudes == magnitude
        for decimals in range(10):
            scaled = times[these] * 10.0**decimals
            if np.max(np.abs(scaled - np.round(scaled))) < 1e-4:
                found[these] = 0.5 / 10**decimals
                break
    sure = (2 * found <= 0.9 * step) & (2 * found <= 0.01 * step * times.size)
    return np.where(sure, found, 0.0)


def _read_npy(path: Path) -> tuple[np.ndarray, float | None]:
    values = read_npy(path)
    if values.dtype.kind not in "iuf":
        raise ValueError(f"it contains {values.dtype}, not real numbers")
    if values.ndim != 1 and values.shape[1:] != (1,):
        raise ValueError(f"its shape is {values.shape}, not (n,) or (n, 1)")
    return values.ravel(), None


def _read_wav(path: Path) -> tuple[np.ndarray, float | None]:
    from scipy.io import wavfile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        warnings.filterwarnings("error", "Reached EOF", wavfile.WavFileWarning)
        rate, values = wavfile.read(path)
    if values.ndim != 1:
        raise ValueError(f"it has {values.shape[1]} channels, not 1")
    if rate <= 0:
        raise ValueError(f"its rate is {rate} samples per second")
    return values, float(rate)


READERS = {".csv": _read_text, ".tsv": _read_text, ".npy": _read_npy, ".wav": _read_wav}
#: Of formats that name their channels.
OF_CHANNELS = {".edf": read_edf, ".bdf": read_edf, ".hea": read_wfdb, ".dat": read_wfdb}


def _agreed_rate(path: Path, rate: float | None, found: float | None) -> float:
    """Samples per second, from the file or from the user."""
    if found is None:
        if rate is None:
            allowed = f"given in samples per second, since {path} does not contain it"
            raise refusal("rate", rate, allowed)
        return rate
    if rate is not None and abs(rate - found) > 0.01 * found:
        raise refusal("rate", rate, f"{found:g} per second, as in {path}")
    return found


def _resample(path: Path, values: np.ndarray, rate: float, dt: float) -> np.ndarray:
    """``values`` of mean 0 from ``rate`` to 1 / dt, then of mean 0 and rms 1."""
    from scipy.signal import resample_poly

    ratio = 1 / (dt * rate)
    if not 1e-3 <= ratio <= 1e3 or values.size * ratio > MAX_STEPS:
        allowed = (
            f"within a factor of 1000 of 1/{rate:g} s, for at most {MAX_STEPS} steps"
        )
        raise refusal("dt", dt, allowed)
    if ratio >= 1:
        fraction = Fraction(ratio).limit_denominator(1000)
    else:
        fraction = 1 / Fraction(1 / ratio).limit_denominator(1000)
    before = np.sqrt(np.mean(values**2))
    values = resample_poly(
        values, fraction.numerator, fraction.denominator, padtype="line"
    )
    if values.size < 2:
        raise _file_error(path, f"is too short for two steps of {dt:g} s")
    values = values - values.mean()
    after = np.sqrt(np.mean(values**2))
    if after < 0.01 * before:
        raise _file_error(path, f"has nothing left below {0.5 / dt:g} Hz")
    return values / after


def _check_path(path: Any) -> Path:
    known = (*READERS, *OF_CHANNELS)
    endings = ", ".join(known)
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise refusal("signal", path, f"the path of a file that ends in {endings}")
    path = Path(os.fsdecode(path))
    record = path.parent / f"{path.name}.hea"
    named = path.suffix.lower() in known
    if not named and file_problem(record) is None:
        return record
    problem = file_problem(path)
    if not named and problem == "does not exist":
        problem += f", nor does {record.name}"
    elif not named and problem is None:
        problem = f"ends in {path.suffix or 'nothing'}"
    if problem:
        raise _file_error(path, problem)
    return path


def _file_error(path: Path, problem: str) -> ValidationError:
    """The error that names a file, what is wrong with it and what is allowed."""
    return ValidationError(
        "must be a file of at least two finite numbers, not all the same: .csv or .tsv "
        "(one column, or times in seconds and values), .npy (shape (n,) or (n, 1)), "
        f".wav (one channel), .edf, .bdf, or .hea (WFDB); but {path} {problem}",
        attr="signal",
    )
