from __future__ import annotations

import errno
import json
import os
import re
from datetime import datetime
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup
from nengo.exceptions import ValidationError

from spiking_lmu.experiments.deployment.figures import labels
from spiking_lmu.experiments.deployment.figures import plot as plot_deployment
from spiking_lmu.experiments.pages import report, style

HOSTILE = "<script>boom()</script>&\"'><img src=http://example.org/x.png>"


def draw(heights=(1, 2, 3)):
    with style.rc():
        figure = style.new_figure("single")
        figure.subplots().plot(heights)
    return figure


TRIALS = pd.DataFrame(
    {
        "order": [3, 6],
        "neuron_type": ["poisson", "NA"],
        "rmse": [0.1 + 0.2, np.nan],
        "seconds": [1e-300, 123456789.12345678],
    }
)
SECTIONS = (
    report.Section("Error", (HOSTILE,), "error", HOSTILE, table=TRIALS),
    report.Section("Words", ("Only words.",)),
)
LAW = report.Law(
    Markup("RMSE ∝ <i>m</i><sup>−0.5</sup>"), {"exponent": np.float32(-0.5)}
)
REPORT = report.Report("precision", "Precision", "Lead " + HOSTILE, SECTIONS, (LAW,))
RUN = report.Run(
    command="spiking-lmu precision --signal '" + HOSTILE + "'",
    arguments={"orders": (3, 6), "signal": Path(HOSTILE), "floor": np.nan},
    seeds=np.array([1, 2]),
    seconds=2.5,
)


def written(folder, content=REPORT, trials=TRIALS, run=RUN):
    return report.write(folder, content, trials, {"error": draw()}, run)


class Tags(HTMLParser):
    """All tags with their attributes; the text outside of them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_write_makes_the_folder(tmp_path):
    page = written(tmp_path / "a" / "b")
    names = {"trials.csv", "summary.json", "error.svg", "error.png", "report.html"}
    assert page == tmp_path / "a" / "b" / "report.html"
    assert {path.name for path in page.parent.iterdir()} == names
    assert (page.parent / "error.png").read_bytes().startswith(b"\x89PNG")


def test_figures_of_an_earlier_run_are_removed(tmp_path):
    (tmp_path / "mine.png").write_bytes(b"a picture of my own")
    both = {"error": draw(), "other-one": draw()}
    report.write(tmp_path, REPORT, TRIALS, both, RUN)
    assert (tmp_path / "other-one.svg").exists()
    written(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert "mine.png" in names and {"error.svg", "error.png"} <= names
    assert not {"other-one.svg", "other-one.png"} & names


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"figures": 3}', '{"figures": ["../mine", "a/b", 3, "no"]}', "["],
)
def test_other_summaries_remove_nothing(tmp_path, text):
    (tmp_path / "mine.png").write_bytes(b"a picture of my own")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "summary.json").write_text(text)
    written(tmp_path / "results")
    assert (tmp_path / "mine.png").exists()


def test_page_escapes_all_text_but_markup(tmp_path):
    failures = [({"signal": HOSTILE}, "Traceback\n" + HOSTILE)]
    run = report.Run(HOSTILE, {HOSTILE: HOSTILE}, HOSTILE, 1, failures)
    sections = (
        report.Section(HOSTILE, (HOSTILE,), "error", HOSTILE, HOSTILE),
        report.Section("T", table=pd.DataFrame({HOSTILE: [HOSTILE]})),
        report.Section("U", table=TRIALS, table_caption=HOSTILE),
    )
    law = report.Law(HOSTILE)
    hostile = report.Report(HOSTILE, HOSTILE, HOSTILE, sections, (law, LAW))
    page = Tags(written(tmp_path, hostile, run=run).read_text("utf-8"))
    kinds = [tag for tag, _ in page.tags]
    assert "script" not in kinds
    assert kinds.count("img") == 1
    assert ("sup", {}) in page.tags
    assert page.text.count(HOSTILE) >= 15
    assert page.open == []


def test_page_asks_for_nothing(tmp_path):
    page = Tags(written(tmp_path).read_text("utf-8"))
    for _, attributes in page.tags:
        for name in ("src", "href"):
            link = attributes.get(name, "#")
            assert link.startswith(("#", "data:"))
    assert ("html", {"lang": "en"}) in page.tags
    assert any(a.get("name") == "viewport" for _, a in page.tags)
    assert all(a["alt"] for tag, a in page.tags if tag == "img")


def test_large_figures_are_embedded_as_png(tmp_path, monkeypatch):
    assert "data:image/svg+xml" in written(tmp_path).read_text("utf-8")
    monkeypatch.setattr(report, "LARGEST_SVG", 100)
    monkeypatch.setattr(report, "LARGEST_CSV", 10)
    page = written(tmp_path).read_text("utf-8")
    assert "data:image/svg+xml" not in page
    assert "data:image/png" in page
    assert "data:text/csv" not in page


def test_failures_have_a_section(tmp_path, monkeypatch):
    assert 'id="failures"' not in written(tmp_path).read_text("utf-8")
    failures = [({"order": k}, f"Traceback\n  at\nError: number {k}") for k in range(3)]
    monkeypatch.setattr(report, "MOST_FAILURES", 2)
    run = report.Run("c", {}, 0, 1, failures)
    page = written(tmp_path, run=run).read_text("utf-8")
    assert "<strong>Error: number 1</strong><br>order = 1" in page
    assert "Error: number 2" not in page
    saved = json.loads((tmp_path / "summary.json").read_text("utf-8"))["failures"]
    assert saved[2] == {"parameters": {"order": 2}, "error": failures[2][1]}


def test_trials_come_back_to_the_last_bit(tmp_path):
    values = np.random.default_rng(0).random(500) * 10.0 ** np.arange(-250, 250)
    values[0] = np.nan
    trials = pd.DataFrame({"rmse": values, "seed": np.arange(500) + 2**53})
    written(tmp_path, trials=trials)
    back = report.read_trials(tmp_path)
    pd.testing.assert_frame_equal(back, trials, check_exact=True)
    written(tmp_path)
    back = report.read_trials(tmp_path)
    assert back["neuron_type"].tolist() == ["poisson", "NA"]
    assert back["rmse"][0] == 0.1 + 0.2


def test_no_trials_at_all(tmp_path):
    written(tmp_path, trials=pd.DataFrame())
    assert report.read_trials(tmp_path).empty


def test_summary(tmp_path):
    written(tmp_path)
    text = (tmp_path / "summary.json").read_text("utf-8")

    def refuse(token):
        raise AssertionError(f"{token} is not JSON")

    facts = json.loads(text, parse_constant=refuse)
    assert facts["experiment"] == "precision"
    assert facts["command"] == RUN.command
    assert facts["arguments"] == {
        "orders": [3, 6],
        "signal": str(Path(HOSTILE)),
        "floor": None,
    }
    assert facts["seeds"] == [1, 2]
    assert facts["seconds"] == 2.5
    assert facts["trials"] == 2
    assert facts["laws"] == [{"words": "RMSE ∝ m^−0.5", "exponent": -0.5}]
    assert facts["versions"]["nengo"] == metadata.version("nengo")
    assert {"python", "spiking-lmu", "numpy", "scipy"} <= set(facts["versions"])
    assert datetime.fromisoformat(facts["finished"]).tzinfo is not None


def test_versions_leave_out_what_is_not_installed(monkeypatch):
    monkeypatch.setattr(report, "PACKAGES", ("numpy", "no-such-package-here"))
    assert set(report.versions()) == {"python", "numpy"}


def test_names_that_are_no_text_are_shown(tmp_path):
    name = os.fsdecode(b"re\xe9.wav") if os.name == "posix" else "re\udce9.wav"
    run = report.Run(name, {"signal": name}, 0, 1)
    trials = pd.DataFrame({"signal": [name]})
    page = written(tmp_path, trials=trials, run=run)
    assert r"re\udce9.wav" in page.read_text("utf-8")
    facts = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert facts["arguments"]["signal"] == name


def disk_full(name):
    """An fsync that finds the disk full at the file of this name."""

    def fsync(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if name in path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return fsync


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="there is no /proc")
@pytest.mark.parametrize("name", ["trials.csv", "error.png", "report.html"])
def test_full_disk_leaves_older_files_whole(tmp_path, monkeypatch, name):
    written(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(os, "fsync", disk_full(name))
    with pytest.raises(OSError, match=f"cannot write {re.escape(name)}") as caught:
        written(tmp_path, trials=TRIALS.iloc[:1])
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / name)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"cannot write trials.csv"):
        written(tmp_path / "file")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"cannot write report.html"):
        written(tmp_path)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"folder": None}, "folder"),
        ({"folder": ""}, "folder"),
        ({"figures": {}}, "figure: must be one of none"),
        ({"figures": {"../error": draw()}}, "figures"),
        ({"run": report.Run("c", {}, 0, np.nan)}, "seconds"),
    ],
)
def test_bad_arguments(tmp_path, change, message):
    arguments = {
        "folder": tmp_path,
        "report": REPORT,
        "trials": TRIALS,
        "figures": {"error": draw()},
        "run": RUN,
    }
    with pytest.raises(ValidationError, match=message):
        report.write(**{**arguments, **change})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "text", "short"),
    [
        (0.5, "0.500", "0.5"),
        (0.03125, "0.0312", "0.0312"),
        (-1.0, "−1.00", "−1"),
        (0.0, "0", "0"),
        (99.96, "100", "100"),
        (0.9999, "1.00", "1"),
        (3123.4, "3,120", "3,120"),
        (0.00002, "2.00 × 10⁻⁵", "2 × 10⁻⁵"),
        (1234567.0, "1.23 × 10⁶", "1.23 × 10⁶"),
        (np.float32(0.25), "0.250", "0.25"),
        (-np.inf, "−∞", "−∞"),
        (np.nan, "–", "–"),
        (9999, "9999", "9999"),
        (np.int64(48000), "48,000", "48,000"),
    ],
)
def test_number(value, text, short):
    assert report.number(value) == text
    assert report.number(value, pad=False) == short


def test_cells_of_a_table():
    frame = pd.DataFrame(
        {
            "theta": [0.5, 1.0],
            "rmse": [0.5, 0.12345],
            "order": [3, 12345],
            "name": ["a", None],
            "balanced": [True, False],
            "missing": [1.0, np.nan],
        }
    )
    table = report.cells(frame)
    assert table["head"] == list(frame)
    assert table["numeric"] == [True, True, True, False, False, True]
    assert table["rows"] == [
        ("0.5", "0.500", "3", "a", "yes", "1"),
        ("1", "0.123", "12,345", "–", "no", "–"),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        ([1, "a"], "1, a"),
        ((), "–"),
        ({"a": [1, 2]}, "a = 1, 2"),
        (pd.NA, "–"),
        (0.1, "0.1"),
    ],
)
def test_shown(value, text):
    assert report.shown(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.25 s"), (59, "59 s"), (133.2, "2 min 13 s"), (7380, "2 h 3 min")],
)
def test_duration(seconds, text):
    assert report.duration(seconds) == text


# matplotlib 3.8 calls pyparsing by names that later ones deprecate
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("error")
def test_labels_of_users_on_the_page_and_in_the_figure(tmp_path):
    names = [
        "$a$ & $b$",
        "$\\frac{",
        HOSTILE,
        "\u732b" * 99,
        "²",
        "-",
        "--3",
        "x\udcff",
    ]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "sequence": np.arange(40),
            "label": rng.choice(names, 40),
            "predicted": rng.choice(names, 40),
            "exact": rng.choice(names, 40),
            "margin": rng.normal(size=40),
            "exact_margin": rng.normal(size=40),
        }
    )
    frame.loc[range(len(names)), "label"] = names
    table = pd.DataFrame({"Label": labels(frame)})
    content = report.Report(
        "deploy", "T", "L", (report.Section("S", figure="a", table=table),)
    )
    figures = {"a": plot_deployment(frame)}
    page = Tags(report.write(tmp_path, content, frame, figures, RUN).read_text("utf-8"))
    assert [tag for tag, _ in page.tags].count("img") == 1
    assert all(name in page.text for name in names[:-1])
