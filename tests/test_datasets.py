"""Data for classification: what is read, how it is divided, and what is refused."""

import builtins
import io
import os
import struct
import subprocess
import sys
import time
import zipfile
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nengo.exceptions import ValidationError
from scipy.io import wavfile

from spiking_lmu.data import datasets
from spiking_lmu.data.datasets import (
    digits,
    mnist,
    permuted,
    sequences_csv,
    stratified,
)
from spiking_lmu.data.recordings import load_signal


def images(n_train=12, n_test=4, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "x_train": rng.integers(0, 256, (n_train, 28, 28), dtype=np.uint8),
        "y_train": rng.integers(0, 10, n_train, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (n_test, 28, 28), dtype=np.uint8),
        "y_test": rng.integers(0, 10, n_test, dtype=np.uint8),
    }


def saved(folder, **changes):
    arrays = {k: v for k, v in {**images(), **changes}.items() if v is not None}
    np.savez(folder / "mnist.npz", **arrays)
    return folder / "mnist.npz"


def equal_parts(one, two):
    return all(
        np.array_equal(getattr(one, part).x, getattr(two, part).x)
        and np.array_equal(getattr(one, part).y, getattr(two, part).y)
        for part in ("train", "validation", "test")
    )


# ---- MNIST -------------------------------------------------------------------------


def test_mnist_is_scaled_and_divided(tmp_path):
    data, arrays = mnist(saved(tmp_path)), images()
    assert data.shape == (784, 1) and data.n_classes == 10
    parts = (data.train, data.validation, data.test)
    assert [part.x.shape for part in parts] == [(n, 784, 1) for n in (10, 2, 4)]
    assert all(part.x.dtype == np.float32 for part in parts)
    x = np.concatenate([data.train.x, data.validation.x])
    np.testing.assert_allclose(
        x[:, :, 0], arrays["x_train"].reshape(12, 784) / 255, rtol=1e-6
    )
    np.testing.assert_array_equal(data.validation.y, arrays["y_train"][10:])
    np.testing.assert_array_equal(data.test.y, arrays["y_test"])


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"x_test": None}, "has no array x_test"),
        ({"x_train": np.zeros((12, 28, 27), np.uint8)}, r"shape \(12, 28, 27\)"),
        ({"x_train": np.zeros((12, 784), np.uint8)}, r"shape \(12, 784\)"),
        ({"x_train": np.full((12, 28, 28), np.nan)}, "x_train of type float64"),
        ({"x_train": np.zeros((0, 28, 28), np.uint8)}, "0 images in x_train"),
        ({"x_test": np.zeros((0, 28, 28), np.uint8)}, "0 images in x_test"),
        ({"y_train": np.zeros(11, np.uint8)}, r"y_train of shape \(11,\) for 12"),
        ({"y_train": np.full(12, np.nan)}, "y_train of type float64"),
        ({"y_train": np.full(12, 10)}, "the label 10 in y_train"),
        ({"y_test": np.full(4, -1)}, "the label -1 in y_test"),
    ],
)
def test_other_images_are_refused(tmp_path, changes, problem):
    path = saved(tmp_path, **changes)
    with pytest.raises(
        ValidationError, match=f"data: must be.*; but {path}.*{problem}"
    ):
        mnist(path)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("bare", [True, False])
def test_pickles_are_never_opened(tmp_path, bare):
    trace = tmp_path / "trace"
    bomb = np.array([Bomb(trace)], dtype=object)
    path = tmp_path / "mnist.npz"
    if bare:
        path.write_bytes(bomb.dumps())
    else:
        np.savez(path, **{**images(), "y_test": bomb})
    with pytest.raises(
        ValidationError,
        match="data: must be .*cannot be read: it (holds an array of obj|is no whole)",
    ):
        mnist(path)
    assert not trace.exists()


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_truncated_archives(tmp_path, share):
    path = saved(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValidationError, match="is empty|it is no whole archive"):
        mnist(path)


def test_damage_inside_of_an_archive(tmp_path):
    path = saved(tmp_path)
    content = bytearray(path.read_bytes())
    content[500:520] = bytes(20)  # of an image: the checksum no longer fits
    path.write_bytes(content)
    with pytest.raises(ValidationError, match="cannot be read: "):
        mnist(path)
    with zipfile.ZipFile(path, "w") as archive:
        for key in datasets.MNIST_KEYS:
            archive.writestr(f"{key}.npy", b"no array")
    with pytest.raises(ValidationError, match="no array of NumPy"):
        mnist(path)


@pytest.mark.parametrize("path", [3, "", "no.npz", "a\0b", b"no.npz", "."])
def test_no_such_file(path):
    with pytest.raises(ValidationError, match="data: must be .*, but|but .* (does|is)"):
        mnist(path)


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_keras_cache_comes_before_a_download(no_cache):
    folder = no_cache / ".keras" / "datasets"
    folder.mkdir(parents=True)
    path = saved(folder)
    assert equal_parts(mnist(), mnist(path))


def replace_download(monkeypatch, load_data):
    mnist = SimpleNamespace(load_data=load_data)
    keras = SimpleNamespace(datasets=SimpleNamespace(mnist=mnist))
    tensorflow = SimpleNamespace(keras=keras)
    monkeypatch.setattr(
        datasets,
        "require",
        lambda module, needed_by: {"tensorflow": tensorflow}[module],
    )


def test_download(no_cache, monkeypatch, capsys):
    def load_data():
        print("downloading")
        arrays = images()
        return tuple((arrays[f"x_{p}"], arrays[f"y_{p}"]) for p in ("train", "test"))

    replace_download(monkeypatch, load_data)
    assert equal_parts(mnist(), mnist(saved(no_cache)))
    assert capsys.readouterr().out == ""


def test_no_way_to_mnist_names_the_option(no_cache, monkeypatch):
    def load_data():
        raise Exception("URL fetch failure: no network")

    replace_download(monkeypatch, load_data)
    with pytest.raises(ValidationError, match="data: .*no network.* --data, an .npz"):
        mnist()
    monkeypatch.undo()
    monkeypatch.setenv("HOME", str(no_cache))
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ValidationError, match="data: .*needs tensorflow.*--data"):
        mnist()


# ---- Order and division ------------------------------------------------------------


def test_one_permutation_for_all(tmp_path):
    plain = mnist(saved(tmp_path))
    data = permuted(plain)
    order = np.random.default_rng(0).permutation(784)
    for part in ("train", "validation", "test"):
        before, after = getattr(plain, part), getattr(data, part)
        np.testing.assert_array_equal(after.x, before.x[:, order])
        np.testing.assert_array_equal(after.y, before.y)
    assert data.name == "permuted mnist"
    assert not equal_parts(data, permuted(plain, seed=1))
    with pytest.raises(ValidationError, match="seed: must be"):
        permuted(plain, seed=-1)


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 2**32 - 1),
)
def test_parts_are_disjoint_and_hold_all_classes_in_their_shares(sizes, cuts, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    ends = sorted(round(cut * len(y)) for cut in cuts)
    counts = np.diff([0, *ends, len(y)]).tolist()
    parts = stratified(y, counts, seed)
    assert [len(part) for part in parts] == counts
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
    for part in parts:
        found = np.bincount(y[part], minlength=len(sizes))
        expected = np.array(sizes) * len(part) / len(y)
        # the ends of a part are off by less than one of each class, and it has two
        assert np.all(np.abs(found - expected) < 2 + len(sizes))
    again = stratified(y, counts, seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again))


def test_counts_of_another_sum():
    with pytest.raises(ValidationError, match="counts: must be .* add up to 5"):
        stratified(np.zeros(5, int), (1, 2))


def test_digits():
    load_digits = pytest.importorskip("sklearn.datasets").load_digits
    data = digits()
    assert data.shape == (64, 1) and data.n_classes == 10
    parts = (data.train, data.validation, data.test)
    assert [len(part.y) for part in parts] == [1197, 200, 400]
    x = np.concatenate([part.x for part in parts])[:, :, 0]
    assert x.min() == 0 and x.max() == 1
    raw = load_digits().data / 16
    np.testing.assert_allclose(
        x[np.lexsort(x.T)], raw[np.lexsort(raw.T)], rtol=1e-6
    )  # the same images, in another order
    shares = [np.bincount(part.y) / len(part.y) for part in parts]
    assert np.abs(shares[0] - shares[2]).max() < 0.01
    assert equal_parts(data, digits()) and not equal_parts(data, digits(seed=1))


def test_digits_without_scikit_learn(monkeypatch):
    def refuse(name, *args, **kwargs):
        if name.startswith("sklearn"):
            raise ImportError("no sklearn")
        return original(name, *args, **kwargs)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(
        ValidationError, match=r"data: needs sklearn.*'spiking-lmu\[dl\]'"
    ):
        digits()


# ---- Users' own --------------------------------------------------------------------


def all_rows(data):
    """Sequences with the names of their classes, in an order of their own."""
    parts = (data.train, data.validation, data.test)
    x = np.concatenate([part.x for part in parts])
    y = np.concatenate([part.y for part in parts])
    rows = [(*row.ravel().tolist(), data.labels[k]) for row, k in zip(x, y)]
    return sorted(rows)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["", "label{0}v0{0}v1{0}v2\n\n"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_one_row_a_sequence(tmp_path, mark, header, ending):
    values = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    words = ["no", "yes"] * 10
    rows = [mark.join([w, *map(str, v)]) for w, v in zip(words, values.tolist())]
    text = "\ufeff" + header.format(mark) + "\n".join(rows) + "\n"
    path = tmp_path / "mine.csv"
    path.write_text(text.replace("\n", ending), encoding="utf-8", newline="")
    data = sequences_csv(path)
    assert data.name == "mine" and data.labels == ("no", "yes")
    assert data.shape == (3, 1)
    assert [len(part.y) for part in (data.train, data.validation, data.test)] == [
        14, 2, 4,
    ]  # fmt: skip
    expected = sorted((*v, w) for w, v in zip(words, values.tolist()))
    assert all_rows(data) == expected
    assert equal_parts(data, sequences_csv(path))
    assert not equal_parts(data, sequences_csv(path, seed=1))
    halves = sequences_csv(path, shares=(0.5, 0.25, 0.25))
    assert len(halves.train.y) == 10 and all_rows(halves) == expected


def test_one_row_a_step(tmp_path):
    values = np.arange(6 * 4 * 2).reshape(6, 4, 2)
    lines = ["Sequence,Label,x,y"]
    for step in range(4):  # the sequences take turns
        lines += [
            f"s{k},{'ab'[k % 2]},{values[k, step, 0]},{values[k, step, 1]}"
            for k in range(6)
        ]
    path = tmp_path / "steps.csv"
    path.write_text("\n".join(lines))
    data = sequences_csv(path, shares=(0.5, 0.25, 0.25))
    assert data.shape == (4, 2) and data.labels == ("a", "b")
    assert all_rows(data) == sorted((*values[k].ravel(), "ab"[k % 2]) for k in range(6))


def test_integer_labels_are_ordered_by_size(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(f"{k},1.0" for k in ("10", "2", "-1", "2.0") * 3))
    assert sequences_csv(path).labels == ("-1", "2", "10")


def good(n=6):
    return [f"{'ab'[k % 2]},{k},1" for k in range(n)]


STEPS = [
    "sequence,label,x",
    *(f"{k},{'ab'[k % 2]},{s}" for k in range(6) for s in (1, 2)),
]


@pytest.mark.parametrize(
    "lines, problem",
    [
        ([], "mine.csv is empty"),
        (["", " "], "mine.csv is empty"),
        (["label,v0,v1"], "holds no sequences"),
        (["sequence,label,x"], "holds no sequences"),
        (["a", "b"], "line 1, has fewer than two columns"),
        ([*good(), "a,1"], "line 7, has 1 values, but line 1 has 2"),
        ([*good(), "a,1,2,3"], "line 7, has 3 values"),
        ([*good(), "", "a"], "line 8, has 0 values"),
        (["label,v0,v1", *good(), "a,1,"], "line 8, lacks a value"),
        ([*good(), "a,1,x"], "line 7, holds 'x' instead of a number"),
        ([*good(), "a,nan,1"], "line 7, holds a value that is missing or not finite"),
        ([*good(), "a,inf,1"], "line 7, holds a value that is missing or not finite"),
        ([*good(), "a,1e39,1"], "line 7, .* 32 bits"),
        ([*good(), ",1,2"], "line 7, has no label"),
        ([*good(), "nan,1,2"], "line 7, has the label 'nan'"),
        ([*good(), "1.5,1,2"], "line 7, has the label '1.5', neither"),
        (["a,1,2"] * 6, "has only one label, 'a'"),
        ([*good(), "c,1,2", "c,1,2"], "line 7, has the label 'c', of which"),
        (["sequence,x,y", "1,2,3"], "line 1, names no columns sequence, label"),
        (["sequence,label", "1,2"], "line 1, names no columns sequence, label"),
        ([*STEPS, "6,a,1"], "line 14, begins sequence '6' of 1 steps, but '0' has 2"),
        ([*STEPS, "5,b,1"], "line 12, begins sequence '5' of 3 steps"),
        ([*STEPS, "5,a,1"], "line 14, has the label 'a', but sequence '5' has 'b'"),
        ([*STEPS, "5,b"], "line 14, has 2 columns, but the line of names 3"),
        ([*STEPS, ",b,1"], "line 14, does not say of which sequence"),
        ([*STEPS, "5,b,"], "line 14, lacks a value"),
        ([*good(), "a,\0,1"], "line 7, is no text"),
        ([*good(), "a,1," + "1" * 200_000], "cannot be read: field larger"),
    ],
)
def test_other_text_is_refused_with_its_line(tmp_path, lines, problem):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(ValidationError, match=f"data: must be .*{problem}"):
        sequences_csv(path)


@pytest.mark.parametrize(
    "name, mark, comma, head",
    [
        ("a.csv", ";", True, ""),
        ("a.csv", ";", True, "label;v0;v1"),
        ("a.csv", ";", False, "label;v0;v1\n;mV;mV"),
        ("a.csv", "\t", True, "label\tv0\tv1"),
        ("a.tsv", "\t", True, ""),
        ("a.csv", ",", False, "label,v0,v1\nword,mV,mV"),
        ("a.csv", ",", False, ",label,v0,v1"),
        ("a.csv", ";", True, "index;label;v0;v1\n;;mV;mV"),
    ],
)
def test_ways_to_write_sequences(tmp_path, name, mark, comma, head):
    values = np.random.default_rng(0).normal(size=(20, 2)).round(3)
    index = head.startswith((",label", "index"))
    lines = [head] if head else []
    for k, pair in enumerate(values.tolist()):
        cells = [f"{v:.3f}".replace(".", "," if comma else ".") for v in pair]
        lines.append(mark.join([*[str(k)] * index, "no" if k % 2 else "yes", *cells]))
    path = tmp_path / name
    path.write_text("\n".join(lines))
    data = sequences_csv(path)
    assert data.shape == (2, 1) and data.labels == ("no", "yes")
    expected = [(*row, "no" if k % 2 else "yes") for k, row in enumerate(values)]
    found = all_rows(data)
    assert [row[-1] for row in found] == [row[-1] for row in sorted(expected)]
    np.testing.assert_allclose(
        [row[:-1] for row in found], [row[:-1] for row in sorted(expected)], rtol=1e-6
    )


def test_an_index_and_units_of_steps(tmp_path):
    path = tmp_path / "steps.csv"
    rows = [f"{n},{line}" for n, line in enumerate(STEPS[1:])]
    path.write_text("\n".join([f",{STEPS[0]}", ",,,mV", *rows]))
    data = sequences_csv(path, shares=(0.5, 0.25, 0.25))
    path.write_text("\n".join(STEPS))
    assert equal_parts(data, sequences_csv(path, shares=(0.5, 0.25, 0.25)))


def test_labels_may_hold_other_marks(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(['"a;b",1,2', "b,1,2", '"c, d",1,2'] * 4))
    assert sequences_csv(path).labels == ("a;b", "b", "c, d")


def test_no_text_at_all(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(ValidationError, match="mine.csv is no text in UTF-8"):
        sequences_csv(path)
    with pytest.raises(ValidationError, match="is a directory"):
        sequences_csv(tmp_path)


@pytest.mark.parametrize(
    "shares",
    [(0.5, 0.5), (0.5, 0.5, 0.5), (1, 0, 0), "abc", (0.8, 0.1, 0.1), (0.7, None, 0.3)],
)
def test_bad_shares(tmp_path, shares):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(good(4 if shares == (0.8, 0.1, 0.1) else 20)))
    with pytest.raises(ValidationError, match="shares: must be|fewer than 3"):
        sequences_csv(path, shares=shares)


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


KINDS = [
    ("a.csv", times_bytes, load_signal),
    ("a.tsv", lambda: times_bytes().replace(b";", b"\t"), load_signal),
    ("a.wav", wave_bytes, load_signal),
    ("a.npy", array_bytes, partial(load_signal, rate=360)),
    ("m.npz", archive_bytes, mnist),
    ("c.npz", partial(archive_bytes, np.savez_compressed), mnist),
    ("s.csv", words_bytes, sequences_csv),
    ("t.csv", lambda: "\n".join(STEPS).encode(), sequences_csv),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name, make, read", KINDS)
def test_files_damaged_at_random(tmp_path, damaged, name, make, read):
    """Read or refused, in one line that names the file, and soon."""
    rng = np.random.default_rng(0)
    content, path, messages = make(), tmp_path / name, []
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


def bomb(dtype):
    """An archive that says of one of its arrays that it takes 1.5 GB."""
    shape, file = (1_500_000_000 // 784, 28, 28), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in ("y_train", "x_test", "y_test"):
            with archive.open(f"{key}.npy", "w") as member:
                np.save(member, images()[key])
        with archive.open("x_train.npy", "w") as member:
            head = {"descr": dtype, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, head)
            member.write(bytes(10**6))
        size = np.dtype(dtype).itemsize * int(np.prod(shape))
        archive.getinfo("x_train.npy").file_size += size - 10**6
    return file.getvalue()


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
    ("s.csv", lambda: b"a," * 10**6, sequences_csv),
    ("s.csv", lambda: b'"' * 10**6, sequences_csv),
    ("s.csv", lambda: b"1," * 10**6, sequences_csv),
    ("a.csv", lambda: b"1," * 10**6, load_signal),
    ("a.csv", lambda: b"1;" * 10**6, load_signal),
    ("a.csv", lambda: b"1 " * 10**6, load_signal),
    ("a.csv", lambda: b'"' * 10**6, load_signal),
    ("a.csv", lambda: b"1" * 10**7, load_signal),
    ("a.csv", lambda: b"1e999\n" * 1000, load_signal),
]


@pytest.mark.parametrize("name, make, read", HOSTILE)
def test_files_that_mean_harm(tmp_path, name, make, read):
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
    data = sequences_csv(path)
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
        "from spiking_lmu.data.datasets import mnist, sequences_csv\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "start = time.perf_counter()\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        (sequences_csv if path.endswith('csv') else mnist)(path)\n"
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
