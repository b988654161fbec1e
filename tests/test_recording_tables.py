"""Recordings in tables: rounded times, and other ways to write them."""

import os

import numpy as np
import pytest

from recording_cases import normalised, refused, refused_table, write
from spiking_lmu.data.recordings import load_signal

# ---- Times that were rounded, and other ways to write a table ----------------------


def timed(path, times, values, form="{:.3f}"):
    lines = [f"{form.format(t)},{v!r}" for t, v in zip(times, values.tolist())]
    path.write_text("\n".join(lines))
    return path


RATES = (360, 128, 117, 250, 300, 512)


@pytest.mark.parametrize("rate", RATES)
def test_times_rounded_to_milliseconds(tmp_path, rate):
    values = np.random.default_rng(rate).normal(size=2000)
    exact = load_signal(write(tmp_path / "signal.npy", values), rate=rate)
    for start in (0, 12.34):
        times = start + np.arange(values.size) / rate
        path = timed(tmp_path / "signal.csv", times, values)
        signal = load_signal(path)
        assert abs(signal.size - exact.size) <= 1
        n = min(signal.size, exact.size) // 2
        np.testing.assert_allclose(signal[100:n], exact[100:n], atol=0.15)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("form", ["{:.3f}", "{:.17g}"])
def test_a_sample_that_is_missing_or_comes_twice_is_refused(tmp_path, rate, form):
    values = np.random.default_rng(rate).normal(size=400)
    times = np.arange(400) / rate
    for k in (1, 2, 50, 137, 200, 201, 333, 397, 398):
        for lost in (np.delete(times, k), np.insert(times, k, times[k])):
            path = timed(tmp_path / "signal.csv", lost, values, form)
            refused(path, "equal steps", rate=None)


def test_times_of_six_digits(tmp_path):
    """Large times have fewer decimals, as ``%g`` writes them."""
    values = np.random.default_rng(0).normal(size=30_000)
    path = timed(tmp_path / "signal.csv", np.arange(30_000) / 90, values, "{:g}")
    assert load_signal(path, dt=1 / 90).size == pytest.approx(30_000, abs=5)


def test_jitter_is_no_rounding(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=500)
    times = np.arange(500) / 100 + rng.uniform(-0.002, 0.002, size=500)
    refused(timed(tmp_path / "a.csv", times, values, "{:.6f}"), "equal steps")
    small = np.arange(500) / 100 + rng.uniform(-0.00009, 0.00009, size=500)
    assert load_signal(timed(tmp_path / "a.csv", small, values, "{:.6f}")).size > 4000


NUMBERS = [0.5, -1.0, 2.25, 3.5, 0.125]
ROWS = list(enumerate(NUMBERS))


@pytest.mark.parametrize(
    "name, text, timed",
    [
        ("a.tsv", "\n".join(f"{i / 1000}\t{v}" for i, v in ROWS), True),
        ("a.tsv", "\n".join(f"{v}".replace(".", ",") for v in NUMBERS), False),
        (
            "a.csv",
            "\n".join(f"{i / 1000};{v}".replace(".", ",") for i, v in ROWS),
            True,
        ),
        (
            "a.csv",
            "time;EKG (mV)\ns;mV\n"
            + "\n".join(f"{i / 1000:.3f};{v:e}".replace(".", ",") for i, v in ROWS),
            True,
        ),
        (
            "a.csv",
            "\n".join(f"{i / 1000:.3f} {v:.3f}".replace(".", ",") for i, v in ROWS),
            True,
        ),
        (
            "a.csv",
            "time,ecg\n,mV\n" + "\n".join(f"{i / 1e3},{v}" for i, v in ROWS),
            True,
        ),
        ("a.csv", ",ecg\n" + "\n".join(f"{i},{v}" for i, v in ROWS), False),
        ("a.csv", "sample,ecg\n" + "\n".join(f"{i + 1},{v}" for i, v in ROWS), False),
        (
            "a.csv",
            ",time,ecg\n" + "\n".join(f"{i},{i / 1e3},{v}" for i, v in ROWS),
            True,
        ),
        ("a.csv", ",ecg\n" + "\n".join(f"{i / 1e3},{v}" for i, v in ROWS), True),
        ("a.csv", "name\nunit\n" + "\n".join(map(str, NUMBERS)), False),
    ],
)
def test_ways_to_write_a_table(tmp_path, name, text, timed):
    path = tmp_path / name
    path.write_text(text)
    signal = load_signal(path, rate=None if timed else 1000)
    np.testing.assert_allclose(signal, normalised(NUMBERS))


def test_units_that_are_no_unicode(tmp_path):
    path = tmp_path / "signal.csv"
    path.write_bytes("time;\xb5V\n0,0;1\n0,001;2\n0,002;4\n".encode("latin-1"))
    np.testing.assert_allclose(load_signal(path), normalised([1, 2, 4]))


@pytest.mark.parametrize(
    "text, problem",
    [
        ("a\nb\nc\n1\n2\n", "cannot be read"),  # three lines of names
        ("value\nNA\n1\n2\n", "not finite"),  # a missing value is no name
        ("a;b\n0,0;1.5\n0,1;2,5\n", "cannot be read"),
        ("0;1.000,5\n1;2.000,5\n", "cannot be read"),
    ],
)
def test_other_tables_are_refused(tmp_path, text, problem):
    refused_table(tmp_path, text, problem)


def test_pipes_and_huge_files_are_refused_at_once(tmp_path):
    for ending in (".csv", ".tsv", ".npy", ".wav"):
        path = tmp_path / f"pipe{ending}"
        os.mkfifo(path)
        refused(path, "is no regular file")
    path = tmp_path / "sparse.csv"
    with open(path, "wb") as file:
        file.truncate(2**33)
    refused(path, "more than")
