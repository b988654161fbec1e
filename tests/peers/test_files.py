"""Files of the archives, read by aeon and by us: the same values and labels."""

import numpy as np
import pytest
from aeon.datasets import load_from_arff_file, load_from_ts_file, load_from_tsv_file

from dataset_cases import ARFF, RELATIONAL, TS
from spiking_lmu.data.sequence_files import read_sequences

EQUAL = """@problemName Equal
@timeStamps false
@missing true
@univariate true
@equalLength true
@seriesLength 3
@classLabel true a b
@data
1,2e-3,-3:a
+4,?,.5:b
NaN,0,1:a
"""


def same(path, theirs, labels):
    """Equal values where aeon knows one, and equal labels but for their capitals."""
    ours = read_sequences(path)
    assert [word.lower() for word in ours.labels] == [
        str(word).lower() for word in labels
    ]
    assert len(theirs) == len(ours.sequences)
    for one, other in zip(ours.sequences, theirs):
        other = np.atleast_2d(other).T
        assert one.shape[1] == other.shape[1]
        assert not np.isnan(one).any()
        known = ~np.isnan(other[: len(one)])
        np.testing.assert_allclose(one[known], other[: len(one)][known], rtol=1e-6)
        assert np.isnan(other[len(one) :]).all()  # which end a row of a table


@pytest.mark.parametrize("text", [TS.replace("% the last one\n", ""), EQUAL])
def test_ts(tmp_path, text):
    path = tmp_path / "a.ts"
    path.write_text(text)
    same(path, *load_from_ts_file(str(path)))


@pytest.mark.parametrize("text", [ARFF, RELATIONAL.replace('"', "'")])
def test_arff(tmp_path, text):
    path = tmp_path / "a.arff"
    text = text.replace("% of Weka\n", "").replace("'Standing still'", "Standing")
    path.write_text(text.replace("?,4,5,no\n", ""))
    same(path, *load_from_arff_file(str(path)))


def test_tsv(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("2\t1\t2\t3\n1\tNaN\t4\tNaN\n-1\t5\tNaN\t7.5\n")
    x, y = load_from_tsv_file(str(path))
    same(path, x, y)
