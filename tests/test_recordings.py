"""Recordings of every kind, well-formed and not."""

import io
import pickle
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from nengo.exceptions import ValidationError

from recording_cases import normalised, refused, refused_table, write
from spiking_lmu.data.recordings import load_signal
from spiking_lmu.signals import Spectrum

SEVERAL = settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@SEVERAL
@given(
    seed=st.integers(0, 1000),
    n=st.integers(2, 300),
    scale=st.sampled_from([1e-150, 1.0, 1e6, 1e150]),
)
@pytest.mark.parametrize("ending", [".csv", ".npy", ".wav"])
def test_round_trip(tmp_path, ending, seed, n, scale):
    values = scale * np.random.default_rng(seed).normal(3, 1, size=n)
    path = write(tmp_path / f"signal{ending}", values)
    rate = None if ending == ".wav" else 1000
    signal = load_signal(path, rate=rate)
    assert signal.dtype == np.float64
    assert signal.mean() == pytest.approx(0, abs=1e-12)
    assert np.mean(signal**2) == pytest.approx(1)
    np.testing.assert_allclose(signal, normalised(values / scale), atol=1e-9)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_wav_formats(tmp_path, dtype):
    values = np.random.default_rng(0).normal(size=500) * 0.1
    if dtype == "uint8":
        stored = np.round(128 + 127 * values)
    elif dtype.startswith("int"):
        stored = np.round(values * np.iinfo(dtype).max)
    else:
        stored = values
    path = write(tmp_path / "SIGNAL.WAV", stored.astype(dtype), 1000)
    atol = 0.05 if dtype == "uint8" else 1e-3
    np.testing.assert_allclose(load_signal(path), normalised(values), atol=atol)


def test_24_bit_wav(tmp_path):
    values = np.random.default_rng(0).integers(-(2**22), 2**22, size=100)
    with wave.open(str(tmp_path / "deep.wav"), "wb") as file:
        file.setparams((1, 3, 1000, 100, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<i", v)[:3] for v in values))
    signal = load_signal(tmp_path / "deep.wav")
    np.testing.assert_allclose(signal, normalised(values), atol=1e-9)


@pytest.mark.filterwarnings("error")
def test_unknown_wav_chunks_are_passed_over(tmp_path):
    path = write(tmp_path / "signal.wav", np.arange(100, dtype=np.int16))
    data = path.read_bytes() + b"wird" + struct.pack("<I", 4) + b"1234"
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    assert load_signal(path).size == 100


@pytest.mark.parametrize("rate", [100, 360, 512, 2048, 8000, 44100])
def test_resampling_keeps_a_sine(tmp_path, rate):
    """Away from the ends it is the sine at the new instants, whatever the rates."""
    time = np.arange(3 * rate) / rate
    values = np.sin(2 * np.pi * 5 * time)
    signal = load_signal(write(tmp_path / "sine.npy", values), rate=rate)
    assert abs(signal.size - 3000) <= 1
    expected = np.sqrt(2) * np.sin(2 * np.pi * 5 * np.arange(signal.size) / 1000)
    np.testing.assert_allclose(signal[200:-200], expected[200:-200], atol=0.02)


def test_resampling_does_not_alias(tmp_path):
    time = np.arange(80_000) / 8000
    values = np.sin(2 * np.pi * 5 * time) + np.sin(2 * np.pi * 990 * time)
    signal = load_signal(write(tmp_path / "both.npy", values), rate=8000)
    expected = np.sqrt(2) * np.sin(2 * np.pi * 5 * np.arange(signal.size) / 1000)
    np.testing.assert_allclose(signal[200:-200], expected[200:-200], atol=0.02)
    path = write(tmp_path / "high.npy", np.sin(2 * np.pi * 3000 * time))
    with pytest.raises(ValidationError, match="nothing left below 500 Hz"):
        load_signal(path, rate=8000)


VALUES = "0.5 -1 2e0 +3.25 0.125"


@pytest.mark.parametrize(
    "header", ["", "ecg\n", '"ecg (mV), lead 2"\n', "# by hand\n\n"]
)
@pytest.mark.parametrize("mark", [",", ";", "\t", " ", "  ", ", "])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_dialects(tmp_path, header, mark, newline):
    numbers = VALUES.split()
    path = tmp_path / "signal.csv"
    one = header + "\n".join(numbers) + "\n\n"
    path.write_bytes(b"\xef\xbb\xbf" + one.replace("\n", newline).encode())
    signal = load_signal(path, rate=1000)
    np.testing.assert_allclose(signal, normalised([float(x) for x in numbers]))
    rows = [f"{i / 1000}{mark}{x}" for i, x in enumerate(numbers)]
    names = header and f"time{mark}value\n"
    path.write_bytes((names + "\n".join(rows)).replace("\n", newline).encode())
    np.testing.assert_allclose(load_signal(path), signal)
    np.testing.assert_allclose(load_signal(path, rate=1005), signal)


def test_npy_column_and_types(tmp_path):
    values = np.random.default_rng(0).integers(0, 100, size=(50, 1))
    for dtype in ("uint8", "int64", "float16", "float32", ">f8"):
        path = write(tmp_path / "signal.npy", values.astype(dtype))
        signal = load_signal(str(path), rate=1000)
        np.testing.assert_allclose(signal, normalised(values[:, 0]))


@pytest.mark.parametrize("ending", [".csv", ".npy", ".wav"])
def test_electrocardiogram(tmp_path, ending):
    ecg = pytest.importorskip("pywt").data.ecg()
    path = write(tmp_path / f"ecg{ending}", ecg.astype(np.int16), 360)
    signal = load_signal(path, rate=360)
    assert signal.size == pytest.approx(ecg.size / 0.36, abs=1)
    at_samples = np.interp(np.arange(ecg.size) / 0.36, np.arange(signal.size), signal)
    assert np.corrcoef(at_samples, ecg)[0, 1] > 0.999
    spectrum = Spectrum.from_signal(signal, 0.001)
    assert spectrum.rms == pytest.approx(1)
    assert 5 < spectrum.freq < 60


@pytest.mark.parametrize("rate", [None, 0, -1, np.nan, np.inf, "fast", [1]])
def test_rate_is_needed_where_the_file_is_silent(tmp_path, rate):
    for path in (tmp_path / "signal.csv", tmp_path / "signal.npy"):
        with pytest.raises(ValidationError, match="^rate: must be"):
            load_signal(write(path, np.arange(9.0)), rate=rate)


def test_rate_may_not_contradict(tmp_path):
    path = write(tmp_path / "signal.wav", np.arange(9.0), 1000)
    assert load_signal(path, rate=1000).size == 9
    with pytest.raises(ValidationError, match="^rate: must be 1000 per second"):
        load_signal(path, rate=360)
    times = tmp_path / "times.csv"
    times.write_text("0,1\n0.1,2\n0.2,4\n")
    with pytest.raises(ValidationError, match="^rate: must be 10 per second"):
        load_signal(times, rate=100, dt=0.1)


@pytest.mark.parametrize("dt", [0, -1, np.nan, "1", None, 1e-9, 1e6])
def test_load_refuses_dt(tmp_path, dt):
    path = write(tmp_path / "signal.npy", np.arange(9.0))
    with pytest.raises(ValidationError, match="^dt: must be"):
        load_signal(path, rate=1000, dt=dt)


@pytest.mark.parametrize("path", [None, 3, "", b"signal.csv", ["signal.csv"], 1.5])
def test_what_is_no_path(path):
    with pytest.raises(ValidationError, match="^signal: must be the path of a file"):
        load_signal(path)


def test_files_that_are_not_there(tmp_path):
    refused(tmp_path / "absent.csv", "does not exist")
    refused(str(tmp_path / "nul\0.csv"), "does not exist")
    (tmp_path / "folder.wav").mkdir()
    refused(tmp_path / "folder.wav", "is a directory")
    refused(tmp_path / "signal", "signal does not exist, nor does signal.hea")
    for name in ("signal.mp3", "signal"):
        (tmp_path / name).touch()
        refused(tmp_path / name, f"ends in {'.mp3' if 'mp3' in name else 'nothing'}")


@pytest.mark.parametrize("path", [".", "..", "/", "./", "/dev/.."])
def test_folders_are_no_recordings(path):
    with pytest.raises(ValidationError, match="is a directory"):
        load_signal(path)


@pytest.mark.parametrize(
    "text, problem",
    [
        ("", "is empty"),
        ("\n \n# only words\n", "is empty"),
        ("value\n", "cannot be read"),
        ("1\n", "fewer than two"),
        ("0,1\n", "fewer than two"),
        ("1\ntwo\n3\n", "two"),
        ("1\n2\nnan\n", "not finite"),
        ("nan\n1\n2\n", "not finite"),
        ("1\n\n2\ninf\n", "not finite"),
        ("0,1\n1,\n2,3\n", "not finite"),
        (",1\n1,2\n2,3\n", "times"),
        ("1\n1\n1\n", "same value"),
        ("0,1,2\n1,2,3\n", "3 columns"),
        ("1\n2,3\n", "cannot be read"),
        ("0,1\n1,2\n2\n", "not finite"),
        ("0,1\n1,2\n1.9,3\n", "equal steps"),
        ("2,1\n1,2\n0,3\n", "equal steps"),
        ("0,1\n0,2\n0,3\n", "equal steps"),
        ("1+2j\n3\n", "cannot be read"),
        ("1,5 mV\n2,6 mV\n", "cannot be read"),
        ("-\n1\n2\n", "cannot be read"),
        ("<html>\n<body>\n</html>", "cannot be read"),
    ],
)
def test_malformed_csv(tmp_path, text, problem):
    refused_table(tmp_path, text, problem)


@pytest.mark.parametrize(
    "array, problem",
    [
        (np.zeros(0), "fewer than two"),
        (np.ones(1), "fewer than two"),
        (np.array(1.0), "shape"),
        (np.ones(9), "same value"),
        (np.full(9, 0.1) + 1e-17, "same value"),
        (np.array([1, np.nan, 2]), "not finite"),
        (np.array([1, -np.inf, 2]), "not finite"),
        (np.arange(3) * 1j, "complex"),
        (np.array([True, False]), "bool"),
        (np.array(["a", "b"]), "not real numbers"),
        (np.arange(6.0).reshape(3, 2), "(3, 2)"),
        (np.arange(8.0).reshape(2, 2, 2), "(2, 2, 2)"),
        (np.array([1, "a", None], dtype=object), "array of object"),
    ],
)
def test_malformed_npy(tmp_path, array, problem):
    path = tmp_path / "signal.npy"
    np.save(path, array)
    refused(path, problem)


def test_foreign_npy(tmp_path):
    path = tmp_path / "signal.npy"
    path.write_bytes(pickle.dumps(np.arange(9.0)))
    refused(path, "cannot be read")
    archive = io.BytesIO()
    np.savez(archive, signal=np.arange(9.0))
    path.write_bytes(archive.getvalue())
    refused(path, "cannot be read")


def test_malformed_wav(tmp_path):
    path = tmp_path / "signal.wav"
    refused(write(path, np.arange(10.0).reshape(5, 2)), "2 channels")
    refused(write(path, np.zeros(9)), "same value")
    refused(write(path, np.ones(1)), "fewer than two")
    path.write_bytes(b"")
    refused(path, "cannot be read")
    write(path, np.arange(9, dtype=np.int16))
    data = bytearray(path.read_bytes())
    data[24:32] = bytes(8)  # no samples per second
    path.write_bytes(data)
    refused(path, "0 samples per second")


@pytest.mark.parametrize("ending", [".npy", ".wav"])
def test_truncated_anywhere(tmp_path, ending):
    path = write(tmp_path / f"signal{ending}", np.arange(40, dtype=np.int16))
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        refused(path, "cannot be read", rate=1000)


def test_short_and_slow(tmp_path):
    path = write(tmp_path / "signal.npy", np.arange(5.0))
    refused(path, "too short", dt=0.1)


@pytest.mark.filterwarnings("error")
@SEVERAL
@given(
    ending=st.sampled_from([".csv", ".npy", ".wav"]),
    position=st.integers(0, 200),
    junk=st.binary(min_size=1, max_size=20),
)
def test_corrupted_files_load_or_are_refused(tmp_path, ending, position, junk):
    path = write(tmp_path / f"signal{ending}", np.arange(40.0))
    data = bytearray(path.read_bytes())
    data[position : position + len(junk)] = junk
    path.write_bytes(data)
    try:
        signal = load_signal(path, rate=1000 if ending != ".wav" else None)
    except ValidationError:
        return
    assert np.all(np.isfinite(signal))
    assert np.mean(signal**2) == pytest.approx(1)


@SEVERAL
@given(ending=st.sampled_from([".csv", ".npy", ".wav"]), junk=st.binary(max_size=100))
def test_random_bytes_are_refused(tmp_path, ending, junk):
    assume(not any(48 <= byte < 58 for byte in junk))  # no digits
    path = Path(tmp_path) / f"signal{ending}"
    path.write_bytes(junk)
    refused(path, str(path))
