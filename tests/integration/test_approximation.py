"""The approximation with its default arguments, as the command runs it."""

from __future__ import annotations

import json

import pytest

from spiking_lmu.experiments import command
from spiking_lmu.experiments.pages.report import read_trials


@pytest.mark.usefixtures("without_figures")
def test_the_published_numbers(tmp_path):
    assert command.main(["approximation", "--quiet", "--out", str(tmp_path)]) == 0
    frame = read_trials(tmp_path)

    bands = frame[(frame["kind"] == "band") & (frame["tolerance"] == 0.01)]
    band = bands.set_index("order")["theta_times_freq"]
    assert band[6] > 1  # under 1 % at one cycle a window for order 6
    assert band.is_monotonic_increasing
    need = frame[(frame["kind"] == "need") & (frame["tolerance"] == 0.01)]
    order = need.set_index("theta_times_freq")["order"]
    assert order[1] == 6
    assert (order < 3.5 * order.index + 7).all()

    laws = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["laws"]
    growth = next(law for law in laws if law["law"] == "band")
    assert growth["cycles_per_order"] == pytest.approx(0.293, abs=0.002)
    limit = next(law for law in laws if law["law"] == "euler")
    assert 1 < limit["exponent"] < 2
    assert "unstable" in (tmp_path / "report.html").read_text(encoding="utf-8")
