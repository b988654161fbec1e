"""Files in the formats of the UCR and UEA archives, in pairs and alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nengo.exceptions import ValidationError
from scipy.io import arff

from dataset_cases import ARFF, RELATIONAL, TIMES, TS, equal_parts
from spiking_lmu.data import load_sequences, permuted
from spiking_lmu.data.datasets import held_out_of
from spiking_lmu.data.sequence_files import read_sequences
from spiking_lmu.networks import SequenceNetwork


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def refused_with(folder, text, old, new, problem, ending="ts"):
    """A file is refused if it holds ``new`` once in place of ``old``."""
    assert old in text
    path = written(folder / f"a.{ending}", text.replace(old, new, 1))
    with pytest.raises(ValidationError, match=problem):
        read_sequences(path)


def sequences(path, text):
    found = read_sequences(written(path, text))
    return [v.tolist() for v in found.sequences], found.labels


# ---- .ts ---------------------------------------------------------------------------


def test_channels_lengths_and_missing_values(tmp_path):
    values, labels = sequences(tmp_path / "a.ts", TS)
    assert labels == ["Walk", "Run", "Walk", "Run"]
    expected = [
        [[1, -10], [2, -10], [3, -10]],
        [[4, 0], [4, 0.5]],
        [[0.1, 7], [0.1, 7.5], [0.001, 8]],
        [[5, 6]],
    ]
    assert len(values) == 4
    for one, other in zip(values, expected):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_times_that_are_even(tmp_path):
    values, labels = sequences(tmp_path / "a.ts", TIMES)
    assert values == [[[241.75], [-2], [3]], [[4], [4.5], [5]]] and labels == ["1", "2"]


@pytest.mark.parametrize(
    "old, new, problem",
    [
        ("@data", "", "line 7, comes before @data and is neither"),
        ("@data", "@data now", "line 6, has something after @data"),
        ("@equalLength false", "@equalLength maybe", "line 4, has neither true nor"),
        ("@equalLength false", "@equalLength", "line 4, has neither true nor false"),
        ("@equalLength false", "@equalLength true", "line 8, has 2 values, but line 7"),
        ("@equalLength false", "@targetLabel true", "line 4, says that targets are"),
        ("@univariate false", "@univariate true", "line 7, has 2 channels, but the"),
        ("true Walk Run", "false", "line 5, says that sequences have no labels"),
        ("true Walk Run", "true Walk", "line 8, has the label 'Run', which @class"),
        ("1,2,3:", "1,2:", r"line 7, has channels of different lengths, \[2, 3\]"),
        ("1,2,3:", "", "line 8, has 2 channels, but line 7 1"),
        ("1,2,3:", "1,x,3:", "line 7, holds 'x' instead of a number"),
        ("1,2,3:", "1,,3:", "line 7, lacks a value"),
        ("1,2,3:", "1,inf,3:", "line 7, holds a value that is not finite"),
        ("1,2,3:", "1,1e39,3:", "line 7, .* 32 bits"),
        ("1,2,3:", "?,NaN,?:", "line 7, has no values, or none in one of its channels"),
        ("?,-10,?:Walk", "?,-10,?", "line 7, has the label '.*neither a word|line 7"),
        ("5:6:Run", "5", "line 11, has no label"),
        ("5:6:Run", "5:6:", "line 11, has no label"),
    ],
)
def test_what_is_not_as_the_header_says(tmp_path, old, new, problem):
    refused_with(tmp_path, TS, old, new, f"data: must be a .ts file.*{problem}")


@pytest.mark.parametrize(
    "old, new, problem",
    [
        ("00:02:00", "00:02:30", "line 6, has times that do not increase in equal"),
        ("00:02:00", "00:61:00", "line 6, has '.*' instead of a time"),
        ("(1,4.5)", "(0,4.5)", "line 7, has times that do not"),
        ("(1,4.5)", "1,4.5", "line 7, is no list of pairs"),
        ("(1,4.5)", "(1,x)", "line 7, holds 'x' instead"),
    ],
)
def test_times_that_are_not(tmp_path, old, new, problem):
    refused_with(tmp_path, TIMES, old, new, problem)


def test_comments_in_other_encodings_and_labels_in_none(tmp_path):
    path = tmp_path / "a.ts"
    path.write_bytes(b"# caf\xe9\n" + TS.encode())
    assert read_sequences(path).labels[0] == "Walk"
    path.write_bytes(TS.encode().replace(b"Walk", b"caf\xe9"))
    with pytest.raises(ValidationError, match="line 7, is no text in UTF-8"):
        read_sequences(path)


# ---- .arff -------------------------------------------------------------------------


def test_weka_files_are_read_as_scipy_reads_them(tmp_path):
    path = written(tmp_path / "a.arff", ARFF)
    table, meta = arff.loadarff(path)
    found = read_sequences(path)
    assert found.labels == [word.decode() for word in table["the class"]]
    for row, values in zip(table, found.sequences):
        expected = np.array([row[n] for n in meta.names() if n != "the class"])
        known = np.flatnonzero(~np.isnan(expected))
        np.testing.assert_allclose(values[known, 0], expected[known], rtol=1e-6)
    assert [len(v) for v in found.sequences] == [3, 3, 2, 3]
    np.testing.assert_allclose(found.sequences[1][:, 0], [-1, 0.5, 2])


def test_several_channels_are_one_attribute(tmp_path):
    values, labels = sequences(tmp_path / "a.arff", RELATIONAL)
    assert values == [[[1, 4], [2, 5], [3, 6]], [[7, 9], [8, 9]]]
    assert labels == ["Standing still", "Running"]


@pytest.mark.parametrize(
    "text, old, new, problem",
    [
        (ARFF, "@data", "", "line 8, comes before @data"),
        (ARFF, "numeric", "string", "line 3, has an attribute of the type 'string'"),
        (ARFF, "{no,yes}", "numeric", "has 0 nominal attributes"),
        (ARFF, "numeric", "{1,2}", "has 2 nominal attributes"),
        (ARFF, "1,2,3,no", "1,2,3", "line 8, has 3 columns, but there are 4"),
        (ARFF, "1,2,3,no", "1,2,3,na", "line 8, has the label 'na', which is not"),
        (ARFF, "1,2,3,no", "1,2,3,'no", "line 8, has a quotation that does not end"),
        (ARFF, "1,2,3,no", "{0 1, 3 no}", "line 8, is sparse"),
        (ARFF, "1,2,3,no", "1,x,3,no", "line 8, holds 'x' instead of a number"),
        (RELATIONAL, r"\n4,5,6", r"\n4,5", "line 8, has channels of different lengths"),
        (
            RELATIONAL,
            "Att relational",
            "Att date",
            "line 2, has an attribute of the type",
        ),
    ],
)
def test_other_attributes_and_lines(tmp_path, text, old, new, problem):
    expected = f"data: must be an .arff.*{problem}"
    refused_with(tmp_path, text, old, new, expected, ending="arff")


# ---- Tables of the UCR archive -----------------------------------------------------


@pytest.mark.parametrize("name, mark", [("a.tsv", "\t"), ("a.txt", "  "), ("a", ",")])
def test_tables_of_the_archive(tmp_path, name, mark):
    rows = [
        ["2", "1", "2", "3"],
        ["1.0000000e+00", "NaN", "4", "NaN"],
        ["-1", "5", "NaN", "7.5"],
    ]
    text = "\n".join("   " * (mark == "  ") + mark.join(row) for row in rows)
    values, labels = sequences(tmp_path / name, text)
    assert values == [[[1], [2], [3]], [[4], [4]], [[5], [6.25], [7.5]]]
    assert labels == ["2", "1", "-1"]


@pytest.mark.parametrize("name", ["a.tsv", "a.txt"])
@pytest.mark.parametrize(
    "row, problem",
    [("1\t2", "has 1 values, but line 1 has 2"), ("1\tNaN\tNaN", "has no values")],
)
def test_rows_of_the_archive_are_equally_wide(tmp_path, name, row, problem):
    path = written(tmp_path / name, f"1\t2\t3\n{row}\n")
    with pytest.raises(ValidationError, match=f"line 2, {problem}"):
        read_sequences(path)


# ---- Pairs of files ----------------------------------------------------------------


def rows_of(n, mark="\t", labels="ab", length=5, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        [labels[k % len(labels)], *map(str, rng.normal(size=length).round(3))]
        for k in range(n)
    ]
    return "\n".join(mark.join(row) for row in rows)


def test_two_files_have_many_names(tmp_path):
    folder = tmp_path / "Waves"
    folder.mkdir()
    written(folder / "Waves_TRAIN.tsv", rows_of(16))
    written(folder / "Waves_TEST.tsv", rows_of(6, seed=1))
    written(folder / "WavesDimension1_TRAIN.tsv", rows_of(4))
    written(folder / "WavesDimension1_TEST.tsv", rows_of(4))
    written(folder / "Waves_TRAIN.ts", TS)  # whose other file is missing
    written(folder / "README.txt", "no data")
    data = load_sequences(folder / "Waves_TRAIN.tsv")
    assert data.name == "Waves" and data.labels == ("a", "b")
    assert [len(s.y) for s in (data.train, data.validation, data.test)] == [14, 2, 6]
    expected = read_sequences(folder / "Waves_TEST.tsv").sequences
    np.testing.assert_array_equal(data.test.x, expected)
    both = np.concatenate([data.train.x, data.validation.x])[:, 0, 0]
    first = np.array(read_sequences(folder / "Waves_TRAIN.tsv").sequences)[:, 0, 0]
    assert sorted(both) == sorted(first)
    whole = data.without_validation()
    np.testing.assert_array_equal(whole.train.x[:, 0, 0], both)
    sizes = [len(s.y) for s in (whole.train, whole.validation, whole.test)]
    assert sizes == [16, 0, 6] and whole.train.lengths is None
    for path in (folder / "Waves_TEST.tsv", folder, folder / "Waves", str(folder)):
        assert equal_parts(data, load_sequences(path))
    other = load_sequences(folder, seed=1, shares=(0.4, 0.4, 0.2))
    assert len(other.train.y) == 8 and not equal_parts(data, other)
    # .ts comes first where both files are there
    written(folder / "Waves_TEST.ts", TS)
    assert load_sequences(folder).labels == ("Run", "Walk")
    (tmp_path / "data_test.csv").write_text(rows_of(3, ","))
    (tmp_path / "data_train.csv").write_text(rows_of(8, ","))
    assert load_sequences(tmp_path / "data").name == "data"


@pytest.mark.parametrize(
    "train, test, problem",
    [
        (rows_of(8), None, "a_TRAIN.tsv is one of two, and a_TEST.tsv does not exist"),
        (rows_of(8), rows_of(6, labels="abc"), "a_TEST.tsv, line 3, has the label 'c'"),
        (rows_of(8, labels="a"), rows_of(4), "a_TRAIN.tsv has only one label, 'a'"),
        (rows_of(2), rows_of(4), "a_TRAIN.tsv has no two sequences of any label"),
        (rows_of(8), rows_of(4, labels="b") + "\tx", "a_TEST.tsv, line 4, holds 'x'"),
    ],
)
def test_two_files_that_do_not_go_together(tmp_path, train, test, problem):
    path = written(tmp_path / "a_TRAIN.tsv", train)
    if test is not None:
        written(tmp_path / "a_TEST.tsv", test)
    with pytest.raises(ValidationError, match=problem):
        load_sequences(path)


def test_other_folders_and_names(tmp_path):
    with pytest.raises(ValidationError, match="is a directory without two such files"):
        load_sequences(tmp_path)
    for name in ("a", "b"):
        for part in ("TRAIN", "TEST"):
            written(tmp_path / f"{name}_{part}.txt", rows_of(8))
    with pytest.raises(ValidationError, match="has several: a, b"):
        load_sequences(tmp_path)
    with pytest.raises(ValidationError, match="data: must be .*/c does not exist"):
        load_sequences(tmp_path / "c")
    with pytest.raises(ValidationError, match="ends in .dat, and not in one of .ts"):
        load_sequences(written(tmp_path / "a.dat", rows_of(8)))
    written(tmp_path / "c_TRAIN.ts", TS)
    one_channel = "@classLabel true Walk Run\n@data\n1,2:Walk\n"
    written(tmp_path / "c_TEST.ts", one_channel)
    with pytest.raises(ValidationError, match="c_TEST.ts has 1 channels, but .* has 2"):
        load_sequences(tmp_path / "c")


@given(
    sizes=st.lists(st.integers(1, 12), min_size=2, max_size=5),
    share=st.floats(0.05, 0.9),
    seed=st.integers(0, 99),
)
def test_each_class_has_a_sequence_to_train_on(sizes, share, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    ours, held_out = held_out_of(y, share, seed)
    assert set(y[ours]) == set(range(len(sizes)))
    assert sorted([*ours, *held_out]) == list(range(len(y)))
    most = len(y) - len(sizes)  # all but one of each class
    assert len(held_out) == min(max(round(share * len(y)), 1), most)


# ---- Unequal lengths ---------------------------------------------------------------


@pytest.fixture
def unequal(tmp_path):
    rng = np.random.default_rng(0)
    head = "@univariate false\n@equalLength false\n@classLabel true 0 1\n@data\n"
    for part, n, longest in (("TRAIN", 12, 9), ("TEST", 4, 12)):
        lines = []
        for k in range(n):
            channels = rng.normal(size=(2, longest - k % 5)).round(3).tolist()
            words = [",".join(map(str, channel)) for channel in channels]
            lines.append(":".join([*words, str(k % 2)]))
        written(tmp_path / f"a_{part}.ts", head + "\n".join(lines))
    return tmp_path


def test_zeros_precede_shorter_sequences_and_leave_the_memory_at_zero(unequal):
    data = load_sequences(unequal)
    assert data.shape == (12, 2)
    sequences = read_sequences(unequal / "a_TEST.ts").sequences
    lengths = [len(values) for values in sequences]
    assert data.test.lengths.tolist() == lengths == [12, 11, 10, 9]
    network = SequenceNetwork(2, 2, 6, 12, 4, seed=0)
    states = network.final_states(data.test.x)
    for values, x, mask, state in zip(sequences, data.test.x, data.test.mask, states):
        np.testing.assert_array_equal(x[mask], values)
        assert not x[~mask].any() and np.all(np.diff(mask.astype(int)) >= 0)
        alone = network.final_states(values[None])[0]
        np.testing.assert_allclose(state, alone, atol=1e-12)
    assert data.train.lengths.max() == 9 and data.train.mask.sum() < 12 * 12
    some = data.test[1:3]
    assert some.lengths.tolist() == [11, 10] and len(some.y) == 2


def test_unequal_lengths_cannot_be_permuted(unequal):
    with pytest.raises(ValidationError, match="dataset: must be .* equally long"):
        permuted(load_sequences(unequal))


def test_equal_lengths_have_a_mask_too(tmp_path):
    data = load_sequences(written(tmp_path / "a.csv", rows_of(20, ",")))
    assert data.train.lengths is None and data.train.mask.all()
    assert data.train.mask.shape == data.train.x.shape[:2]
