"""Recordings in files."""

import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.io import wavfile

from spiking_lmu.data.recordings import load_signal


def normalised(values):
    values = np.asarray(values, dtype=float)
    return (values - values.mean()) / values.std()


def write(path, values, rate=1000):
    """Write ``values`` (floats) as the ending says."""
    if path.suffix.lower() == ".npy":
        np.save(path, values)
    elif path.suffix.lower() == ".wav":
        wavfile.write(path, int(rate), np.asarray(values))
    else:
        np.savetxt(path, values, fmt="%.17g")
    return path


def refused(path, problem, **arguments):
    """The message names the argument, the whole path, what is allowed and wrong."""
    with pytest.raises(ValidationError) as error:
        load_signal(path, **{"rate": 1000, **arguments})
    message = str(error.value)
    assert message.startswith("signal: must be")
    assert ".csv" in message and ".npy" in message and ".wav" in message
    assert str(path) in message
    assert problem in message


def refused_table(folder, text, problem):
    """As `refused`, for a table with this text."""
    path = folder / "signal.csv"
    path.write_text(text)
    refused(path, problem)
