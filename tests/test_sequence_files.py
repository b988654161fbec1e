"""Files of users' own sequences."""

import csv

import numpy as np
import pytest
from nengo.exceptions import ValidationError

from dataset_cases import STEPS, equal_parts
from spiking_lmu.data import datasets
from spiking_lmu.data.datasets import load_sequences

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
    data = load_sequences(path)
    assert data.name == "mine" and data.labels == ("no", "yes")
    assert data.shape == (3, 1)
    assert [len(part.y) for part in (data.train, data.validation, data.test)] == [
        14, 2, 4,
    ]  # fmt: skip
    expected = sorted((*v, w) for w, v in zip(words, values.tolist()))
    assert all_rows(data) == expected
    assert equal_parts(data, load_sequences(path))
    assert not equal_parts(data, load_sequences(path, seed=1))
    halves = load_sequences(path, shares=(0.5, 0.25, 0.25))
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
    data = load_sequences(path, shares=(0.5, 0.25, 0.25))
    assert data.shape == (4, 2) and data.labels == ("a", "b")
    assert all_rows(data) == sorted((*values[k].ravel(), "ab"[k % 2]) for k in range(6))


def test_integer_labels_are_ordered_by_size(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(f"{k},1.0" for k in ("10", "2", "-1", "2.0") * 3))
    assert load_sequences(path).labels == ("-1", "2", "10")


def good(n=6):
    return [f"{'ab'[k % 2]},{k},1" for k in range(n)]


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
    csv.field_size_limit(131_072)  # Python's own; scipy's reader of .arff lifts it
    with pytest.raises(ValidationError, match=f"data: must be .*{problem}"):
        load_sequences(path)


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
    data = load_sequences(path)
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
    data = load_sequences(path, shares=(0.5, 0.25, 0.25))
    path.write_text("\n".join(STEPS))
    assert equal_parts(data, load_sequences(path, shares=(0.5, 0.25, 0.25)))


def test_labels_may_hold_other_marks(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(['"a;b",1,2', "b,1,2", '"c, d",1,2'] * 4))
    assert load_sequences(path).labels == ("a;b", "b", "c, d")


def test_no_text_at_all(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(ValidationError, match="mine.csv is no text in UTF-8"):
        load_sequences(path)
    with pytest.raises(ValidationError, match="is a directory"):
        load_sequences(tmp_path)


@pytest.mark.parametrize(
    "shares",
    [(0.5, 0.5), (0.5, 0.5, 0.5), (1, 0, 0), "abc", (0.8, 0.1, 0.1), (0.7, None, 0.3)],
)
def test_bad_shares(tmp_path, shares):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(good(4 if shares == (0.8, 0.1, 0.1) else 20)))
    with pytest.raises(ValidationError, match="shares: must be|fewer than 3"):
        load_sequences(path, shares=shares)


def test_one_long_sequence_does_not_fill_the_memory(tmp_path, monkeypatch):
    """As many steps as it has, all others get too."""
    monkeypatch.setattr(datasets, "MOST_VALUES", 100)
    path = tmp_path / "mine.ts"
    path.write_text("@data\n" + ",".join("1" * 20) + ":a\n" + "1:a\n1:b\n" * 3)
    with pytest.raises(ValidationError, match="7 sequences, and the longest .* 20 "):
        load_sequences(path)
    path.write_text("@data\n" + ",".join("1" * 14) + ":a\n" + "1:a\n1:b\n" * 3)
    assert load_sequences(path).shape == (14, 1)
