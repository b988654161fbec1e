"""Users' recordings, read from files."""

from __future__ import annotations

import os
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from nengo.exceptions import ValidationError

from .signals import LARGEST, MAX_STEPS
from .validation import check_array, check_number, refusal


def load_signal(
    path: str | os.PathLike[str], rate: float | None = None, dt: float = 0.001
) -> np.ndarray:
    """A recording from a file, resampled to ``dt``, of mean 0 and rms 1.

    ====  ======================================================================
    .csv  one column of values, or time in seconds and values; a line of names
          may precede, and ``,``, ``;``, tab or space may separate
    .npy  real numbers of shape (n,) or (n, 1), as ``numpy.save`` writes them
    .wav  one channel of integers or floats, uncompressed
    ====  ======================================================================

    Resampling filters out what the new step could not carry; it rounds the
    ratio of rates to a fraction, by less than one part in a thousand.

    Parameters
    ----------
    path : str or path
        The file; its ending says what it holds.
    rate : float, optional
        Samples per second. Needed where the file does not say, and otherwise
        to agree with it within 1 %.
    dt : float
        Time step of the result in seconds.

    Returns
    -------
    (n,) array of float64

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is no such file, it is not as above, its times are not uniform
        within 1 %, its values are fewer than two, not finite or all the same,
        nothing of them is left at ``dt``, or ``rate`` is missing or contradicts.
    """
    path = _check_path(path)
    dt = check_number("dt", dt, 0, exclusive=True)
    if rate is not None:
        rate = check_number("rate", rate, 0, exclusive=True)
    try:
        values, found = READERS[path.suffix.lower()](path)
        values = np.asarray(values, dtype=np.float64)
    except Exception as error:  # whatever a parser makes of unknown bytes
        raise _file_error(path, f"cannot be read: {error}") from error
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


def _read_csv(path: Path) -> tuple[np.ndarray, float | None]:
    """Values and, from a column of times, their rate."""
    import pandas

    with open(path, encoding="utf-8-sig") as file:
        numbered = enumerate(line.strip() for line in file)
        content = ((i, line) for i, line in numbered if line and line[0] != "#")
        index, first = next(content, (0, ""))
        second = next(content, (0, first))[1]
    if not first:
        raise ValueError("it is empty")
    mark = next((mark for mark in ";\t," if mark in second), None)
    name = first.split(mark)[0].strip(' "')
    named = bool(name) and name[0] not in "+-.0123456789" and not _is_number(name)
    columns = pandas.read_csv(
        path,
        sep=mark or r"\s+",
        header=None,
        skiprows=index + 1 if named else 0,
        comment="#",
        skipinitialspace=True,
        encoding="utf-8-sig",
        dtype=np.float64,
    ).to_numpy()
    if columns.shape[1] == 1:
        return columns[:, 0], None
    if columns.shape[1] != 2:
        raise ValueError(f"it has {columns.shape[1]} columns, not 1 or 2")
    return columns[:, 1], _uniform_rate(columns[:, 0])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _uniform_rate(times: np.ndarray) -> float:
    """Samples per second, of times in seconds."""
    if times.size < 2:
        raise ValueError("it has fewer than two values")
    steps = np.diff(check_array("times", times, -LARGEST, LARGEST))
    mean = steps.mean()
    if mean <= 0 or np.any(np.abs(steps - mean) > 0.01 * mean):
        raise ValueError("its times do not increase in equal steps (within 1 %)")
    return float(1 / mean)


def _read_npy(path: Path) -> tuple[np.ndarray, float | None]:
    with open(path, "rb") as file:
        values = np.lib.format.read_array(file, allow_pickle=False)
    if values.dtype.kind not in "iuf":
        raise ValueError(f"it holds {values.dtype}, not real numbers")
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


READERS = {".csv": _read_csv, ".npy": _read_npy, ".wav": _read_wav}


def _agreed_rate(path: Path, rate: float | None, found: float | None) -> float:
    """Samples per second, from the file or from the user."""
    if found is None:
        if rate is None:
            allowed = f"given in samples per second, for {path} does not hold it"
            raise refusal("rate", rate, allowed)
        return rate
    if rate is not None and abs(rate - found) > 0.01 * found:
        raise refusal("rate", rate, f"{found:g} per second, as {path} has it")
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
    endings = ", ".join(READERS)
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise refusal("signal", path, f"the path of a file that ends in {endings}")
    path = Path(os.fsdecode(path))
    if path.suffix.lower() not in READERS:
        raise _file_error(path, f"ends in {path.suffix or 'nothing'}")
    if path.is_dir():
        raise _file_error(path, "is a directory")
    if "\0" in str(path) or not path.is_file():
        raise _file_error(path, "does not exist")
    return path


def _file_error(path: Path, problem: str) -> ValidationError:
    """The error that names a file, what is wrong with it and what is allowed."""
    return ValidationError(
        "must be a file of at least two finite numbers, not all the same: .csv (one "
        "column, or times in seconds and values), .npy (shape (n,) or (n, 1)) or "
        f".wav (one channel); but {path} {problem}",
        attr="signal",
    )
