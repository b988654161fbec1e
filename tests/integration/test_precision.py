"""The precision experiment: its tasks, whole small runs, its figures and its page."""

import json
import re
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from precision_cases import (
    ARGUMENTS,
    COORDINATED,
    ONE,
    SHAPED,
    TIMES,
    made_up,
    options,
    tasks_of,
)
from spiking_lmu.experiments import command, precision
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import Run, read_trials, summary
from spiking_lmu.experiments.precision import example as precision_example
from spiking_lmu.experiments.precision import figures as precision_figures
from spiking_lmu.experiments.precision import laws as precision_laws
from spiking_lmu.experiments.precision import report as precision_report
from spiking_lmu.experiments.precision.trials import DESIGNS
from spiking_lmu.experiments.sweeps import tasks as sweep
from spiking_lmu.neurons import NEURON_TYPES

COLUMNS = [
    *("order", "n_neurons", "total_neurons", "neuron_type", "coordinates"),
    *("allocation", "backend", "theta", "synapse", "dt", "seed", "rmse"),
    *("predicted_rmse", "distortion", "nrmse_window", "spikes_per_second"),
    *("build_seconds", "run_seconds"),
]


# ---- Whole runs --------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of a run of the whole command."""
    folder = tmp_path_factory.mktemp("precision")
    assert command.main([*options(), f"--out={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def frame(folder):
    return read_trials(folder)


def test_the_folder_holds_what_is_promised(folder, frame):
    figures = {
        f"{name}.{kind}"
        for name in ("rmse", "orders", "types", "example")
        for kind in ("png", "svg")
    }
    files = {"trials.csv", "summary.json", "report.html", "trials.sqlite"}
    assert {path.name for path in folder.iterdir()} == figures | files
    assert set(COLUMNS) <= set(frame.columns)
    assert len(frame) == 2**5 + 4 * 2
    assert frame.drop(columns="predicted_rmse").notna().all(axis=None)
    assert (frame["total_neurons"] == frame["order"] * frame["n_neurons"]).all()
    numbers = frame.select_dtypes("number").drop(columns="seed")
    assert (numbers.drop(columns="predicted_rmse") > 0).all(axis=None)
    # what does not spike has no noise, and regular spikes have no theory
    assert (frame["predicted_rmse"].eq(0) == frame["neuron_type"].eq("rate")).all()
    assert (frame["predicted_rmse"].isna() == frame["neuron_type"].eq("lif")).all()


def test_the_summary_tells_how_to_have_it_again(folder, frame):
    facts = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert facts["experiment"] == "precision"
    assert facts["command"].startswith(
        "spiking-lmu precision --quiet --jobs=1 --orders"
    )
    for name in ("orders", "neurons", "designs", "trials", "seed", "backend", "rms"):
        expected = ARGUMENTS[name]
        expected = list(expected) if isinstance(expected, tuple) else expected
        assert facts["arguments"][name] == expected
    assert facts["arguments"]["network"] == "memory"
    assert facts["seeds"] == 0
    assert facts["trials"] == len(frame) and facts["failures"] == []
    assert {"spiking-lmu", "nengo", "numpy"} <= set(facts["versions"])
    assert {law["neuron_type"] for law in facts["laws"]} == {"poisson", "lif"}


def test_the_page_tells_the_laws(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "RMSE ∝ <i>m</i><sup>−" in page
    assert "RMSE ∝ <i>d</i><sup>" in page
    assert "half the time step" in page


@pytest.mark.usefixtures("without_figures")
def test_a_second_run_computes_nothing(folder, monkeypatch):
    def stored():
        with closing(sqlite3.connect(folder / "trials.sqlite")) as store:
            return store.execute("SELECT * FROM trials ORDER BY task").fetchall()

    before, table = stored(), (folder / "trials.csv").read_bytes()
    assert len(before) == 2**5 + 4 * 2

    def run(function, pending, *rest):
        assert not pending
        yield from ()

    monkeypatch.setattr(sweep, "run", run)
    result = precision.experiment.execute(
        precision.experiment.complete(ARGUMENTS), folder, jobs=1
    )
    assert (result.reused, result.new) == (len(before), 0)
    assert stored() == before
    (folder / "trials.csv").write_bytes(b"")
    assert command.main([*options(), f"--out={folder}"]) == 0
    assert (folder / "trials.csv").read_bytes() == table
    assert stored() == before


def test_processes_give_the_same_numbers(folder, frame, tmp_path):
    """Those of a part of the grid, in another order and in two processes."""
    part = {"orders": (3,), "neurons": (20, 10), "neuron_types": ("poisson",)}
    precision.run(**{**ARGUMENTS, **part}, folder=tmp_path, jobs=2)
    again = precision.run(**{**ARGUMENTS, **part}, folder=tmp_path, jobs=1)
    keys = ["n_neurons", "coordinates", "seed"]
    kept = frame[
        (frame["study"] == "grid")
        & (frame["order"] == 3)
        & (frame["neuron_type"] == "poisson")
    ]
    one, two = (
        f.drop(columns=TIMES).sort_values(keys).reset_index(drop=True)
        for f in (kept, again)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert (again[TIMES] > 0).all(axis=None)


# ---- Figures and page --------------------------------------------------------------


MANY = {"orders": (3,), "neurons": (10, 20, 50), "designs": ("balanced/optimal",)}
FRAMES = {
    "one order": {"orders": (3,)},
    "order 1": {"orders": (1,)},
    "one size": {"neurons": (10,)},
    "one trial": {"trials": 1},
    "one design": {"designs": ("balanced/optimal",)},
    "the other design": {"designs": ("legendre/equal",)},
    "all designs": {
        "designs": (*DESIGNS, "legendre/optimal", "balanced/equal"),
    },
    "noise shaping": {
        **{"orders": (3, 6, 12, 24), "neurons": (10,), "neuron_types": ("lif",)},
        "designs": ("balanced/optimal", "balanced/optimal/shaped"),
    },
    "no LIF": {"neuron_types": ("poisson", "relu")},
    "no Poisson": {"neuron_types": ("lif",)},
    "rates alone": {"neuron_types": ("rate",)},
    "all types": {"neuron_types": NEURON_TYPES},
    "coordinated": COORDINATED,
    "coordinated alone": {"neuron_types": ("coordinated",)},
    "coordinated, not compared": {**COORDINATED, "generators": False},
    "coordinated, one size": {**COORDINATED, "neurons": (10,), "trials": 1},
    "coordinated, one design": {**COORDINATED, "designs": ("legendre/equal",)},
    "no floor study": {"floor": False},
    "a recording": {"signal": np.sin(np.arange(500.0))},
    "sizes enough for a floor": {**MANY, "trials": 3},
    "sizes enough, one trial": {**MANY, "trials": 1},
    "many orders": {"orders": (3, 6, 12, 24, 48), "neurons": (10,)},
    "time constants": {"thetas": (0.1, 0.3), "synapses": (0.02, 0.04)},
    "one of everything": ONE,
    "one, LIF": {**ONE, "neuron_types": ("lif",)},
    "one, rate": {**ONE, "neuron_types": ("rate",)},
}


@pytest.fixture(scope="module")
def example():
    return precision_example.run_example(tasks_of())


def shown_page(frame, example):
    """The page and all its figures."""
    values, figures = precision_report.show(frame, example)
    page = precision.experiment.fill(values, figures)
    return page, {name: draw() for name, draw in figures.items()}


@pytest.mark.parametrize("changes", FRAMES.values(), ids=FRAMES)
def test_any_grid_can_be_shown(changes, example):
    frame = made_up(**changes)
    page, drawn = shown_page(frame, example)
    shown = {section.figure for section in page.sections} - {None}
    assert shown == set(drawn)
    if "orders" not in drawn:  # a user may ask for it all the same
        drawn["orders"] = precision_figures.plot_orders(frame)
    with style.rc():
        for name in ("rmse", "types", "orders"):
            drawn[name].draw_without_rendering()
    assert "nan" not in page.lead
    facts = summary(page, frame, Run("command", {}, 0, 1.0))
    json.dumps(facts, allow_nan=False)


def test_two_single_trials_have_no_interval_and_the_page_says_so(example):
    frame = made_up(trials=1, floor=False)
    values, figures = precision_report.show(frame, example)
    page = precision.experiment.fill(values, figures)
    words = [law.words for law in page.laws]
    assert any("(too few trials for an interval) at" in text for text in words)
    table = next(s.table for s in page.sections if s.title == "Error against neurons")
    assert not any(bad in str((words, table)) for bad in ("inf", "∞"))


def test_trials_that_failed_are_missed_by_nobody(example):
    frame = made_up()
    floor = frame["study"] == "floor"
    lif = frame["neuron_type"] == "lif"
    for left in (
        frame[floor | ~lif],  # the base of the floor study
        frame[frame["dt"] == 0.001],  # a part of it
        frame[~((frame["order"] == 3) & (frame["coordinates"] == "balanced"))],
        frame[::3],
    ):
        shown_page(left, example)


def test_gains_of_noise_shaping_are_those_of_the_numbers(example):
    frame = made_up(**COORDINATED, designs=SHAPED)
    gains = precision_laws.shaping_gains(frame)
    assert set(gains["design"]) == {"balanced/optimal"}
    assert len(gains) == 3 * 2 * 2  # types, orders and sizes
    np.testing.assert_allclose(gains["gain"], 5, rtol=0.25)
    known = gains[gains["neuron_type"] != "lif"]
    np.testing.assert_allclose(known["predicted"], 5, rtol=0.05)
    laws = precision_laws.shaping_laws(frame)
    assert [law["neuron_type"] for law in laws] == ["poisson", "coordinated", "lif"]
    page = precision.experiment.fill(*precision_report.show(frame, example))
    assert "Noise shaping divides the error of Poisson neurons" in page.lead
    (section,) = (s for s in page.sections if s.title == "Noise shaping")
    assert section.figure == "shaping" and len(section.table) == len(gains)
    figure = precision_figures.plot_shaping(frame)
    hollow = [line.get_markerfacecolor() == "white" for line in figure.axes[0].lines]
    assert any(hollow) and not all(hollow)


def test_a_page_without_noise_shaping_says_how_to_add_it(example):
    values, drawn = precision_report.show(made_up(), example)
    page = precision.experiment.fill(values, drawn)
    (section,) = (s for s in page.sections if s.title == "Noise shaping")
    assert section.figure is None and "shaping" not in drawn
    assert "--designs balanced/optimal,balanced/optimal/shaped" in str(section)


@pytest.mark.parametrize(
    "changes",
    [
        {"neuron_types": ("rate",)},
        {"orders": (1,), "neurons": (1,)},
        {"orders": (9,)},
        {"neurons": (100,), "neuron_types": ("lif",)},
    ],
)
def test_any_example_can_be_shown(changes):
    tasks = tasks_of(**{**ONE, **changes})
    shown = precision_example.run_example(tasks)
    assert shown.task["order"] == tasks[0]["order"]
    assert len(shown.times) == len(shown.exact) == len(shown.decoded) == 200
    figure = precision_example.plot_example(shown)
    title = figure.axes[0].get_title(loc="left")
    assert re.fullmatch(r"Spikes of [^,]+ neurons, [a-z]+ coordinates, .*", title)
    figure.draw_without_rendering()


def test_the_example_is_one_of_the_trials(example, frame):
    """Its neurons and input again: the decoded state is as far off as the trial's."""
    task = example.task
    trial = frame[
        (frame["study"] == "grid")
        & (frame["seed"] == task["seeds"][0])
        & (frame["neuron_type"] == task["neuron_type"])
        & (frame["coordinates"] == task["design"].split("/")[0])
    ].iloc[0]
    assert (task["order"], task["n_neurons"]) == (3, 20)
    error = example.decoded - example.exact
    found = np.sqrt(np.mean(np.sum(error**2, axis=1)))
    assert found == pytest.approx(trial["rmse"])
