"""NeuroBench's measures as columns of trials, and as a section of a page."""

import pandas as pd

from spiking_lmu.experiments.pages.complexity import (
    COLUMNS,
    complexity_columns,
    complexity_section,
)
from spiking_lmu.networks import Complexity, NetworkComplexity


def row(steps=10):
    factors = Complexity(4000, 0.25, 0.9, 100.0, 30.0, 5.0, steps)
    weights = Complexity(8000, 0.5, 0.9, 900.0, 2.0, 50.0, steps)
    return complexity_columns(NetworkComplexity(factors, weights))


def test_columns():
    columns = row()
    assert tuple(columns) == COLUMNS
    assert columns["factors_footprint"] == 4000
    assert columns["weights_effective_acs"] == 50


def test_a_section_has_two_rows_for_each_network():
    section = complexity_section(pd.DataFrame([row(), row()]), {"Order": [3, 6]})
    table = section["table"]
    assert table["Order"].tolist() == [3, 3, 6, 6]
    assert table["Weights"].tolist() == 2 * ["factors", "multiplied out"]
    assert table["kB"].tolist() == 2 * [4, 8]
    assert table["Zero weights, %"].tolist() == 2 * [25, 50]
    assert "NeuroBench" in section["words"]


def test_trials_of_earlier_versions_have_no_section_or_no_row():
    earlier = pd.DataFrame({"order": [3]})
    assert complexity_section(earlier, {"Order": earlier["order"]}) is None
    both = pd.concat([earlier, pd.DataFrame([row() | {"order": 6}])])
    table = complexity_section(both, {"Order": both["order"].to_numpy()})["table"]
    assert table["Order"].tolist() == [6, 6]
    assert complexity_section(both.iloc[:1], {"Order": [3]}) is None
