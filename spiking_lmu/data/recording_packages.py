"""Recordings in the formats EDF, BDF and WFDB, read by packages that know them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from spiking_lmu.compatibility import missing
from spiking_lmu.validation import refusal

Channel = str | int | None
Samples = tuple[np.ndarray, float]
#: Packages that read EDF and BDF. The first that is installed does.
OF_EDF = ("edfio", "mne", "pyedflib")


def read_edf(path: Path, channel: Channel) -> Samples:
    """The values of one channel in its unit, and their rate.

    Raises
    ------
    MissingPackageError
        If none of the packages that read the format is installed.
    """
    found = [name for name in OF_EDF if find_spec(name) is not None]
    if not found:
        raise missing("edfio", "signal", "is not installed, nor are mne and pyedflib")
    read = {"edfio": _with_edfio, "mne": _with_mne, "pyedflib": _with_pyedflib}
    return read[found[0]](path, channel)


def _with_edfio(path: Path, channel: Channel) -> Samples:
    import edfio

    bdf = path.suffix.lower() == ".bdf"
    with warnings.catch_warnings():  # of files that end too early
        warnings.filterwarnings("error", "Incomplete data|EDF header indicates")
        file = edfio.read_bdf(path) if bdf else edfio.read_edf(path)
    if not file.is_continuous:
        raise ValueError("it has gaps between its data records")
    signal = file.signals[choose_channel(path, channel, file.labels)]
    return np.asarray(signal.data, dtype=np.float64), signal.sampling_frequency


def _with_mne(path: Path, channel: Channel) -> Samples:
    import mne

    file = mne.io.read_raw(path, verbose="error")
    place = choose_channel(path, channel, file.ch_names)
    return file.get_data(picks=[place])[0], float(file.info["sfreq"])


def _with_pyedflib(path: Path, channel: Channel) -> Samples:
    import pyedflib

    with pyedflib.EdfReader(str(path)) as file:
        place = choose_channel(path, channel, file.getSignalLabels())
        return file.readSignal(place), file.getSampleFrequency(place)


def read_wfdb(path: Path, channel: Channel) -> Samples:
    """The same of a record of WFDB, of which the path is one of its files."""
    if find_spec("wfdb") is None:
        raise missing("wfdb", "signal")
    import wfdb

    record = str(path.with_suffix(""))
    names = wfdb.rdheader(record).sig_name or []
    place = choose_channel(path, channel, names)
    found = wfdb.rdrecord(record, channels=[place])
    return found.p_signal[:, 0], float(found.fs)


def choose_channel(path: Path, channel: Channel, names: Sequence[str]) -> int:
    """The place of a channel that is given by its name or its number from 0.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is no such channel, or none is given and there are several.
    """
    known = [name.strip() for name in names]
    if not known:
        raise ValueError("it has no channels")
    if channel is None and len(known) == 1:
        return 0
    if isinstance(channel, str) and known.count(channel.strip()) == 1:
        return known.index(channel.strip())
    if isinstance(channel, str) and channel.isdecimal():
        channel = int(channel)
    if type(channel) is int and 0 <= channel < len(known):
        return channel
    shown = ", ".join(f"{k} ({name})" for k, name in enumerate(known[:20]))
    raise refusal("channel", channel, f"one of the channels of {path}: {shown}")
