"""The precision experiment: its tasks, whole small runs, its figures and its page."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from precision_cases import ARGUMENTS, TIMES, options, tasks_of
from spiking_lmu.experiments import command, precision
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import Run, read_trials, summary
from spiking_lmu.experiments.precision import example as precision_example
from spiking_lmu.experiments.precision import figures as precision_figures
from spiking_lmu.experiments.precision import laws as precision_laws
from spiking_lmu.experiments.precision import report as precision_report
from spiking_lmu.experiments.precision.studies import GENERATORS
from spiking_lmu.experiments.precision.trials import DESIGNS, design_settings
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


def made_up(**changes):
    """A frame as if the grid had been run."""
    rng = np.random.default_rng(0)
    rows = []
    for task in tasks_of(**changes):
        settings = design_settings(task["design"])
        m = task["order"] * task["n_neurons"]
        gain = 1 if settings["coordinates"] == "legendre" else task["order"] ** 0.5
        gain *= 5 if settings["noise_shaping"] else 1
        predicted = task["order"] / np.sqrt(m) / gain
        known = {"poisson": predicted, "rate": 0.0}
        if task["neuron_type"] == "coordinated":
            known["coordinated"] = predicted = 3 * task["order"] / m / gain
        same = ("study", "order", "n_neurons", "neuron_type", "backend", "theta",
                "synapse", "dt", "cycles", "signal", "rate_factor")  # fmt: skip
        rows += [
            {
                **{name: task[name] for name in same},
                "total_neurons": m,
                **settings,
                "seed": seed,
                "rmse": predicted * rng.uniform(0.9, 1.1),
                "predicted_rmse": known.get(task["neuron_type"], np.nan),
                "distortion": predicted / 10,
                "state_rms": 0.5,
                "nrmse_window": 0.2,
                "spikes_per_second": 80.0 * m * task["rate_factor"],
                "build_seconds": 1.0,
                "run_seconds": 1.0,
            }
            for seed in task["seeds"]
        ]
    return pd.DataFrame(rows)


ONE = {
    "orders": (3,),
    "neurons": (10,),
    "trials": 1,
    "neuron_types": ("poisson",),
    "designs": ("balanced/optimal",),
}
COORDINATED = {"neuron_types": ("poisson", "coordinated", "lif")}
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


def test_floor_study_compares_with_the_same_network():
    frame = made_up(thetas=(0.1, 0.3), synapses=(0.02, 0.04))
    study = precision_laws.floor_study(frame).set_index("change")
    base = frame[
        (frame["study"] == "grid")
        & (frame["neuron_type"] == "lif")
        & (frame["order"] == 3)
        & (frame["n_neurons"] == 20)
        & (frame["coordinates"] == "balanced")
        & (frame["theta"] == 0.1)
        & (frame["synapse"] == 0.02)
    ]
    assert study.loc["as it is", "rmse"] == pytest.approx(base["rmse"].mean())
    twice = frame[(frame["study"] == "floor") & (frame["synapse"] == 0.04)]
    assert study.loc["twice the synapse", "rmse"] == pytest.approx(twice["rmse"].mean())
    assert len(study) == 5


@pytest.mark.parametrize("changes", [{}, {"designs": DESIGNS[::-1]}])
def test_the_main_figure_shows_three_designs(changes):
    frame = made_up(**COORDINATED, **changes)
    shown = precision_figures.networks(precision_laws.grid(frame))
    *designs, last = changes.get("designs", DESIGNS)
    expected = [("poisson", d) for d in (*designs, last)] + [("coordinated", last)]
    assert shown == expected
    axes = precision.plot(frame).axes
    assert len(axes) == 3
    guides = [ax.texts[0].get_text() for ax in axes]
    assert guides == [r"$\propto 1/\sqrt{m}$"] * 2 + [r"$\propto 1/m$"]
    # theory is drawn through all three: one line an order, besides the points
    for ax in axes:
        lines = [line for line in ax.lines if line.get_zorder() == 2]
        assert len(lines) >= 2


def test_a_theory_that_is_not_known_is_not_drawn():
    frame = made_up(**COORDINATED)
    table = precision_laws.scaling_table(frame).set_index("neuron_type")
    np.testing.assert_allclose(table.loc["coordinated", "theory"], -1)
    assert table.loc["lif", "theory"].isna().all()
    ratios = precision_laws.theory_ratios(frame)
    assert set(ratios["neuron_type"]) == {"poisson", "coordinated"}
    of_coordinated = frame["neuron_type"] == "coordinated"
    unknown = frame.assign(
        predicted_rmse=frame["predicted_rmse"].mask(of_coordinated, np.nan)
    )
    table = precision_laws.scaling_table(unknown).set_index("neuron_type")
    assert table.loc["coordinated", "theory"].isna().all()
    assert set(precision_laws.theory_ratios(unknown)["neuron_type"]) == {"poisson"}
    assert precision_laws.coordination_gains(unknown)["predicted"].isna().all()


SHAPED = (*DESIGNS, "balanced/optimal/shaped")


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


def test_rows_of_earlier_versions_have_no_noise_shaping():
    frame = made_up(**COORDINATED)
    expected = precision_laws.grid(frame)["design"]
    old = frame.drop(columns="noise_shaping")
    pd.testing.assert_series_equal(precision_laws.grid(old)["design"], expected)
    # a store to which newer trials were added
    mixed = pd.concat([old, made_up(designs=SHAPED[2:])], ignore_index=True)
    found = precision.experiment.finish(mixed)["noise_shaping"]
    assert found.dtype == bool
    assert not found[: len(old)].any() and found[len(old) :].all()
    assert set(precision_laws.grid(mixed)["design"]) == set(SHAPED)


def test_every_generator_is_explained():
    template = Path(precision_report.__file__).with_name("report.j2").read_text("utf-8")
    explained = re.findall(r'^  "([a-z-]+)": "[A-Z].+\.",$', template, re.MULTILINE)
    assert explained == list(GENERATORS)


def test_generators_are_compared_at_one_order_and_design():
    frame = made_up(**COORDINATED, orders=(3, 5, 12), neurons=(10, 20, 40))
    means = precision_laws.generator_means(frame)
    assert set(means["order"]) == {5}
    usual = means[means["rate_factor"] == 1]
    assert len(usual) == len(GENERATORS) * 3
    slower = means[means["rate_factor"] < 1]
    assert len(slower) == (len(GENERATORS) - 1) * 2
    assert set(slower["n_neurons"]) == {20}
    # those of the grid are those trials
    trials = precision_laws.grid(frame)
    trials = trials[
        (trials["order"] == 5)
        & (trials["design"] == "balanced/optimal")
        & (trials["neuron_type"] == "coordinated")
        & (trials["n_neurons"] == 40)
    ]
    found = usual[(usual["neuron_type"] == "coordinated") & (usual["n_neurons"] == 40)]
    assert found["rmse"].item() == pytest.approx(trials["rmse"].mean())
    laws = {law["neuron_type"]: law for law in precision_laws.generator_laws(frame)}
    assert list(laws) == list(GENERATORS)
    coordinated = laws["coordinated"]
    assert coordinated["rmse"]["mean"] == pytest.approx(trials["rmse"].mean())
    times = laws["poisson"]["rmse"]["mean"] / trials["rmse"].mean()
    assert coordinated["times_less"] == pytest.approx(times)
    assert coordinated["scaling"]["exponent"] == pytest.approx(-1, abs=0.15)
    slower = precision_laws.slower_neurons(frame)
    assert (slower["share"], slower["total_neurons"]) == (0.25, 100)
    assert list(slower["times"]) == list(GENERATORS[:-1])


def test_laws_are_those_of_the_numbers():
    frame = made_up(neurons=(10, 30, 100), trials=4)
    found = precision_laws.scaling_table(frame)
    assert len(found) == 2 * 2 * 2
    np.testing.assert_allclose(found["exponent"], -0.5, atol=0.06)
    poisson = frame[frame["neuron_type"] == "poisson"]
    # noise and distortion are independent: squares add up
    both = np.sqrt(poisson["predicted_rmse"] ** 2 + poisson["distortion"] ** 2)
    exact = poisson.assign(rmse=both)
    np.testing.assert_allclose(precision_laws.theory_ratios(exact)["ratio"], 1)
    gains = precision_laws.gains(exact)
    np.testing.assert_allclose(gains["gain"], np.sqrt(gains["order"]))
    np.testing.assert_allclose(gains["gain"], gains["predicted"])
    orders = precision_laws.order_table(exact).set_index("design")["exponent"]
    np.testing.assert_allclose(orders["legendre/equal"], 0.5)
    np.testing.assert_allclose(orders["balanced/optimal"], 0, atol=1e-9)


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
