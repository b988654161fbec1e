"""Files of arrays: what NumPy wrote is read; damaged and hostile ones are refused."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.data.archives import (
    DamagedFile,
    open_archive,
    read_archive,
    read_npy,
    write_archive,
)

ARRAYS = {
    "plain": np.arange(6.0).reshape(2, 3),
    "fortran order": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "big endian": np.arange(4, dtype=">f4"),
    "of no dimension": np.array(3.5),
    "empty": np.zeros((0, 4)),
    "words": np.array(["a", "bcd"]),
    "bits": np.array([True, False]),
    "bytes": np.arange(256, dtype=np.uint8),
}


def of_npy(header, content=b"", version=1):
    """The bytes of a .npy file with any header."""
    width = "<H" if version == 1 else "<I"
    header = header.encode()
    start = b"\x93NUMPY" + bytes([version, 0]) + struct.pack(width, len(header))
    return start + header + content


def header(descr="'<f8'", shape="(3,)"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_wrote_is_read(tmp_path, save):
    path = tmp_path / "arrays.npz"
    save(path, **ARRAYS)
    with open_archive(path) as archive:
        assert set(archive.headers) == set(ARRAYS)
        for name, array in ARRAYS.items():
            assert archive.headers[name].shape == array.shape
            found = archive.read(name)
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_single_arrays_are_read(tmp_path, name, version):
    path = tmp_path / "array.npy"
    with open(path, "wb") as file:
        np.lib.format.write_array(file, ARRAYS[name], version)
    np.testing.assert_array_equal(read_npy(path), ARRAYS[name])


def test_arrays_and_texts_of_our_own(tmp_path):
    texts = {"about": {"α": [1, None, 2.5]}, "rows": []}
    path = write_archive(tmp_path / "new" / "own.npz", {"x": ARRAYS["plain"]}, texts)
    arrays, found = read_archive(path)
    assert found == texts and list(arrays) == ["x"]
    np.testing.assert_array_equal(arrays["x"], ARRAYS["plain"])


HEADERS = {
    "objects": header("'|O'"),
    "fields": header("[('a', '<f8')]"),
    "no dtype": header("'<q17'"),
    "huge": header(shape="(1000000000000, 1000000000)"),
    "larger than the file": header(shape="(100000000,)"),
    "smaller than the file": header(shape="(2,)"),
    "negative": header(shape="(-3,)"),
    "many dimensions": header(shape=f"({'1,' * 40})"),
    "thousands of digits": header(shape=f"({'9' * 5000},)"),
    "nested": "(" * 9000,
    "signs": header(shape=f"({'-' * 9000}3,)"),
    "no header": "",
    "code": "__import__('os').system('true')",
}


@pytest.mark.parametrize("what", HEADERS)
def test_headers_that_make_no_sense(tmp_path, what):
    content = of_npy(HEADERS[what], bytes(24))
    (tmp_path / "one.npy").write_bytes(content)
    with pytest.raises(DamagedFile):
        read_npy(tmp_path / "one.npy")
    path = tmp_path / "some.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(ValidationError, match="path.*saved"):
        read_archive(path)


def test_a_giant_header_is_not_read(tmp_path):
    start = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1)
    path = tmp_path / "some.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", start + b" " * 10**7)
    with pytest.raises(ValidationError, match="a header of 4,294,967,295 bytes"):
        read_archive(path)


@pytest.mark.parametrize("name", ["x.npy", "json about.npy"])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, name):
    n = 40 * 2**20
    path = tmp_path / "bomb.npz"
    descr = "'<f8'" if name == "x.npy" else f"'<U{n // 4}'"
    shape = f"({n // 8},)" if name == "x.npy" else "()"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, of_npy(header(descr, shape), bytes(n)))
    assert path.stat().st_size < 2**16
    tracemalloc.start()
    with pytest.raises(DamagedFile, match="more than"), open_archive(path, 2**25):
        pass
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_a_long_text_is_refused(tmp_path):
    path = tmp_path / "long.npz"
    np.savez_compressed(path, **{"json about": np.array("[" * (2**22 + 1))})
    with pytest.raises(ValidationError, match="too long"):
        read_archive(path)
    with pytest.raises(ValidationError, match="about"):
        write_archive(path, {}, {"about": "a" * 2**22})


@pytest.mark.parametrize("text", ["[" * 10**5, "{", "", "1" * 5000, "nul"])
def test_texts_that_are_no_json(tmp_path, text):
    path = tmp_path / "texts.npz"
    np.savez(path, **{"json about": np.array(text)})
    with pytest.raises(ValidationError, match="path"):
        read_archive(path)


def test_other_members(tmp_path):
    path = tmp_path / "some.npz"
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    for names, kind in (
        (["x.npy"], zipfile.ZIP_BZIP2),
        (["x.npy"], zipfile.ZIP_LZMA),
        (["x.txt"], zipfile.ZIP_STORED),
        (["x.npy", "x"], zipfile.ZIP_STORED),
        ([f"{k}.npy" for k in range(10001)], zipfile.ZIP_STORED),
    ):
        with zipfile.ZipFile(path, "w", kind) as archive:
            for name in names:
                archive.writestr(name, buffer.getvalue())
        with pytest.raises(ValidationError, match="path.*saved"):
            read_archive(path)


@pytest.mark.parametrize("read", [read_npy, read_archive])
def test_what_is_no_regular_file(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path / "pipe.npz", tmp_path, "/dev/zero"):
        with pytest.raises((DamagedFile, ValidationError), match="no regular file"):
            read(path)


@pytest.mark.parametrize("path", [None, 3, "", b"a\0b", "a\0b", ["a"], "nowhere.npz"])
def test_what_is_no_path(path):
    with pytest.raises(ValidationError, match="path.*must be"):
        read_archive(path)


def test_too_much_for_a_file(tmp_path):
    path = tmp_path / "much.npz"
    with pytest.raises(ValidationError, match="path.*bytes"):
        write_archive(path, {"x": np.broadcast_to(0.0, (2**14, 2**13))}, {})
    assert not path.exists()
