"""Data for classification: what is read, how it is divided, and what is refused."""

import builtins
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nengo.exceptions import ValidationError

from dataset_cases import equal_parts, idx_bytes, images, write_idx
from spiking_lmu.data import datasets
from spiking_lmu.data.datasets import digits, mnist, permuted, stratified
from spiking_lmu.data.mnist_files import KEYS


def saved(folder, **changes):
    arrays = {k: v for k, v in {**images(), **changes}.items() if v is not None}
    np.savez(folder / "mnist.npz", **arrays)
    return folder / "mnist.npz"


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
        for key in KEYS:
            archive.writestr(f"{key}.npy", b"no array")
    with pytest.raises(ValidationError, match="no array of NumPy"):
        mnist(path)


@pytest.mark.parametrize("path", [3, "", "no.npz", "a\0b", b"no.npz", "."])
def test_no_such_file(path):
    with pytest.raises(ValidationError, match="data: must be .*, but|but .* (does|is)"):
        mnist(path)


@pytest.mark.parametrize(
    "where, ending, named",
    [
        ("", "", ""),
        ("", ".gz", ""),
        ("", "", "t10k-images-idx3-ubyte"),
        ("", ".gz", "train-labels-idx1-ubyte.gz"),
        ("MNIST/raw", "", ""),
        ("MNIST/raw", ".gz", "MNIST"),
    ],
)
def test_the_files_of_the_original(tmp_path, where, ending, named):
    write_idx(tmp_path / where, ending)
    assert equal_parts(mnist(tmp_path / named), mnist(saved(tmp_path)))


def rows_of(part):
    arrays = images()
    rows = zip(arrays[f"y_{part}"], arrays[f"x_{part}"].reshape(-1, 784))
    return [",".join(map(str, [label, *pixels])) for label, pixels in rows]


def test_tables_of_pixels(tmp_path):
    for part in ("train", "test"):
        (tmp_path / f"mnist_{part}.csv").write_text("\n".join(rows_of(part)))
    expected = mnist(saved(tmp_path))
    for path in ("mnist_test.csv", "mnist_train.csv", "mnist", ""):
        assert equal_parts(mnist(tmp_path / path), expected)
    names = ",".join(["label", *(f"pixel{k}" for k in range(784))])
    path = tmp_path / "train.csv"  # of Kaggle, whose other file has no labels
    path.write_text("\n".join([names, *rows_of("train")]))
    data = mnist(path)
    assert [len(s.y) for s in (data.train, data.validation, data.test)] == [9, 1, 2]
    x = np.concatenate([data.train.x, data.validation.x, data.test.x])
    whole = images()["x_train"].reshape(12, 784, 1) / 255
    np.testing.assert_allclose(
        x[np.lexsort(x[:, :, 0].T)], whole[np.lexsort(whole[:, :, 0].T)], rtol=1e-6
    )


@pytest.mark.parametrize(
    "column, value, problem",
    [
        (5, "256", "line 2, has a pixel that is no byte"),
        (5, "0.5", "line 2, has a pixel that is no byte"),
        (0, "a", "line 2, has the label 'a' instead of a digit"),
        (5, "", "line 2, lacks a value"),
    ],
)
def test_pixels_that_are_none(tmp_path, column, value, problem):
    first, second, *others = (row.split(",") for row in rows_of("train"))
    second[column] = value
    path = tmp_path / "mnist.csv"
    path.write_text("\n".join(",".join(row) for row in (first, second, *others)))
    with pytest.raises(ValidationError, match=f"data: must be .*{problem}"):
        mnist(path)


@pytest.mark.parametrize(
    "content, problem",
    [
        (idx_bytes(images()["x_train"][:11]), r"y_train of shape \(12,\) for 11"),
        (idx_bytes(images()["y_train"]), r"has x_train of shape \(12,\)"),
        (idx_bytes(images()["x_train"])[:-1], "it is not as long as its header says"),
        (idx_bytes(images()["x_train"]) + b"0", "not as long as its header says"),
        (b"", "it does not begin as a file of images"),
        (b"<!DOCTYPE html>", "it does not begin as a file of images"),
    ],
)
def test_originals_that_are_damaged(tmp_path, content, problem):
    write_idx(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(ValidationError, match=f"data: must be .*{problem}"):
        mnist(tmp_path)


def test_originals_that_are_not_all_there(tmp_path):
    write_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(
        ValidationError, match="data: must be .* is a directory without"
    ):
        mnist(tmp_path)


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
