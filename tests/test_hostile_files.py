"""Files that are damaged, or mean harm."""

import gzip
import io
import os
import struct
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.io import wavfile

from dataset_cases import (
    ARFF,
    RELATIONAL,
    STEPS,
    TIMES,
    TS,
    bomb,
    idx_bytes,
    images,
    write_idx,
)  # fmt: skip
from spiking_lmu.data.datasets import load_sequences, mnist
from spiking_lmu.data.recordings import load_signal

# ---- Damaged and hostile files -----------------------------------------------------


def wave_bytes(size=None, form=b"RIFF"):
    """200 samples, of which the header may say that they are more."""
    file = io.BytesIO()
    wavfile.write(file, 360, np.arange(200, dtype=np.int16))
    data = file.getvalue()
    if size is not None:
        data = data[:40] + struct.pack("<I", size) + data[44:]
    return form + data[4:]


def array_bytes(array=None, header=None):
    file = io.BytesIO()
    np.save(file, np.sin(np.arange(200.0)) if array is None else array)
    data = file.getvalue()
    if header is None:
        return data
    return b"\x93NUMPY\2\0" + struct.pack("<I", len(header)) + header + data[128:]


def archive_bytes(save=np.savez, **changes):
    file = io.BytesIO()
    save(file, **{**images(), **changes})
    return file.getvalue()


def times_bytes():
    rows = [f"{k / 360:.3f};{k % 7 * 0.1}".replace(".", ",") for k in range(200)]
    return "\n".join(rows).encode()


def words_bytes():
    rows = [f"{'ab'[k % 2]},{k * 0.1},{k}" for k in range(40)]
    return "\n".join(["label,v0,v1", *rows]).encode()


def many(text):
    """A file with the same sequences six times."""
    head, data = text.split("@data\n")
    return f"{head}@data\n{6 * data}".encode()


def gz_bytes():
    return gzip.compress(idx_bytes(images()["y_test"]))


KINDS = [
    ("a.csv", times_bytes, load_signal),
    ("a.tsv", lambda: times_bytes().replace(b";", b"\t"), load_signal),
    ("a.wav", wave_bytes, load_signal),
    ("a.npy", array_bytes, partial(load_signal, rate=360)),
    ("m.npz", archive_bytes, mnist),
    ("c.npz", partial(archive_bytes, np.savez_compressed), mnist),
    ("s.csv", words_bytes, load_sequences),
    ("t.csv", lambda: "\n".join(STEPS).encode(), load_sequences),
    ("s.ts", lambda: many(TS), load_sequences),
    ("t.ts", lambda: many(TIMES), load_sequences),
    ("s.arff", lambda: many(ARFF), load_sequences),
    ("r.arff", lambda: many(RELATIONAL), load_sequences),
    ("s.tsv", lambda: words_bytes().replace(b",", b"\t"), load_sequences),
    ("s.txt", lambda: words_bytes()[12:].replace(b",", b" "), load_sequences),
    ("train-images-idx3-ubyte", lambda: idx_bytes(images()["x_train"]), mnist),
    ("t10k-labels-idx1-ubyte.gz", gz_bytes, mnist),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name, make, read", KINDS)
def test_files_damaged_at_random(tmp_path, damaged, name, make, read):
    """Read or refused, in one line that names the file, and soon."""
    rng = np.random.default_rng(0)
    content, path, messages = make(), tmp_path / name, []
    write_idx(tmp_path)
    read(written(path, content))
    for _ in range(25):
        written(path, damaged(content, rng))
        start = time.perf_counter()
        try:
            read(path)
        except ValidationError as error:
            messages.append(str(error))
        assert time.perf_counter() - start < 5
    assert len(messages) >= 5
    assert all(str(path) in text and "\n" not in text for text in messages)


def written(path, content):
    path.write_bytes(content)
    return path


HOSTILE = [
    ("a.wav", partial(wave_bytes, 2**32 - 1, b"RF64"), load_signal),
    ("a.npy", partial(array_bytes, header=b"(" * 10**6), load_signal),
    ("a.npy", partial(array_bytes, header=b"[" * 9000), load_signal),
    (
        "a.npy",
        partial(
            array_bytes,
            header=b"{'descr': '<f8', 'fortran_order': False, 'shape':(9999999999,)}\n",
        ),
        load_signal,
    ),
    ("a.npy", partial(array_bytes, np.full(9, 1e308 + 1e307)), load_signal),
    ("m.npz", partial(archive_bytes, y_train=np.array(["a"] * 12)), mnist),
    ("m.npz", partial(archive_bytes, y_train=np.full(12, 2**63, np.uint64)), mnist),
    ("m.npz", partial(archive_bytes, y_test=np.array([None] * 4)), mnist),
    ("m.npz", partial(archive_bytes, x_train=np.zeros((12, 28, 28), complex)), mnist),
    ("s.csv", lambda: b"a," * 10**6, load_sequences),
    ("s.csv", lambda: b'"' * 10**6, load_sequences),
    ("s.csv", lambda: b"1," * 10**6, load_sequences),
    ("s.ts", lambda: b"@data\n" + b"(1,2)," * 10**6, load_sequences),
    ("s.ts", lambda: b"@timeStamps true\n@data\n" + b"(1," * 10**6, load_sequences),
    ("s.ts", lambda: b"@data\n" + b"1:" * 10**6, load_sequences),
    ("s.ts", lambda: b"@classLabel true " + b"a " * 10**6, load_sequences),
    ("s.arff", lambda: ARFF.encode() + b"'" * 10**6, load_sequences),
    ("s.arff", lambda: ARFF.encode() + b"'" + b"\\" * 10**6, load_sequences),
    ("s.arff", lambda: ARFF.encode() + b"' " * 10**6, load_sequences),
    ("s.arff", lambda: b"@attribute " + b" '" * 10**6, load_sequences),
    ("train-images-idx3-ubyte", lambda: b"\0\0\x08\3" + b"\xff" * 12, mnist),
    ("t10k-labels-idx1-ubyte.gz", lambda: gzip.compress(bytes(10**8), 1), mnist),
    ("a.csv", lambda: b"1," * 10**6, load_signal),
    ("a.csv", lambda: b"1;" * 10**6, load_signal),
    ("a.csv", lambda: b"1 " * 10**6, load_signal),
    ("a.csv", lambda: b'"' * 10**6, load_signal),
    ("a.csv", lambda: b"1" * 10**7, load_signal),
    ("a.csv", lambda: b"1e999\n" * 1000, load_signal),
]


@pytest.mark.parametrize("name, make, read", HOSTILE)
def test_files_that_mean_harm(tmp_path, name, make, read):
    write_idx(tmp_path)
    path = written(tmp_path / name, make())
    start = time.perf_counter()
    with pytest.raises(ValidationError, match=str(path)):
        read(path)
    assert time.perf_counter() - start < 5


def test_lines_of_a_million_values_are_read_soon(tmp_path):
    """In well under a second, on a machine that does nothing else."""
    digits = np.random.default_rng(0).integers(0, 9, 300_000)
    rows = "".join(f"{label},{','.join(map(str, digits))}\n" for label in "aaabbb")
    path = written(tmp_path / "s.csv", rows.encode())
    start = time.perf_counter()
    data = load_sequences(path)
    assert time.perf_counter() - start < 5
    np.testing.assert_array_equal(data.train.x[0, :, 0], digits)


def test_nothing_is_unpacked_before_its_kind_is_known(tmp_path):
    """In a process of its own, whose memory is measured."""
    for name, kind in (("kind", "<f4"), ("size", "|u1")):
        written(tmp_path / f"{name}.npz", bomb(kind))
    os.mkfifo(tmp_path / "pipe.npz")
    os.mkfifo(tmp_path / "pipe.csv")
    code = (
        "import resource, sys, time\n"
        "from spiking_lmu.data.datasets import mnist, load_sequences\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "start = time.perf_counter()\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        (load_sequences if path.endswith('csv') else mnist)(path)\n"
        "    except ValueError as error:\n"
        "        print(type(error).__name__)\n"
        "print(time.perf_counter() - start)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    files = [
        str(tmp_path / f) for f in ("kind.npz", "size.npz", "pipe.npz", "pipe.csv")
    ]
    answer = subprocess.run(
        [sys.executable, "-c", code, *files],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    *errors, seconds, memory = answer.stdout.split()
    assert errors == ["ValidationError"] * 4
    assert float(seconds) < 2 and int(memory) < 100_000  # kilobytes
