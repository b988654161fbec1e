"""The precision experiment: its tasks, whole small runs, its figures and its page."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments import command, precision
from spiking_lmu.experiments.experiment import Experiment, Result
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import Run, read_trials, summary
from spiking_lmu.experiments.precision import figures as precision_figures
from spiking_lmu.experiments.precision import laws as precision_laws
from spiking_lmu.experiments.precision import report as precision_report
from spiking_lmu.experiments.precision.trials import DESIGNS, make_tasks
from spiking_lmu.experiments.sweeps import tasks as sweep

COLUMNS = [
    *("order", "n_neurons", "total_neurons", "neuron_type", "coordinates"),
    *("allocation", "backend", "theta", "synapse", "dt", "seed", "rmse"),
    *("predicted_rmse", "distortion", "nrmse_window", "spikes_per_second"),
    *("build_seconds", "run_seconds"),
]
TIMES = ["build_seconds", "run_seconds"]
ARGUMENTS = {
    "orders": (2, 3),
    "neurons": (10, 20),
    "thetas": (0.1,),
    "synapses": (0.02,),
    "neuron_types": ("poisson", "lif"),
    "designs": DESIGNS,
    "trials": 2,
    "cycles": 1.0,
    "rms": 0.5,
    "duration": 0.2,
    "readout_synapse": 0.01,
    "dt": 0.001,
    "floor": True,
    "signal": None,
    "backend": "nengo",
    "seed": 0,
}


def tasks_of(**changes):
    return make_tasks(**{**ARGUMENTS, **changes})


def options(**changes):
    """The arguments as the command line has them, for one job and without a bar."""
    given = {k: v for k, v in {**ARGUMENTS, **changes}.items() if v is not None}
    given.pop("floor")
    argv = ["precision", "--quiet"]
    for name, value in {"jobs": 1, **given}.items():
        several = isinstance(value, tuple)
        text = ",".join(map(str, value)) if several else str(value)
        argv.append(f"--{name.replace('_', '-')}={text}")
    return argv


# ---- The tasks ---------------------------------------------------------------------


def test_tasks_are_the_whole_grid():
    tasks = tasks_of(thetas=(0.1, 0.2), synapses=(0.02, 0.05))
    assert json.loads(json.dumps(tasks)) == tasks
    texts = {json.dumps(task, sort_keys=True) for task in tasks}
    assert len(texts) == len(tasks) == 2**7 + 4 * 2
    cells = {
        tuple(t[k] for k in ("order", "n_neurons", "theta", "synapse", "neuron_type"))
        for t in tasks
        if t["study"] == "grid"
    }
    assert len(cells) == 2**5
    assert all(len(task["seeds"]) == 1 for task in tasks)


def test_seeds_are_those_of_the_cell():
    assert tasks_of(orders=[2, 3], neurons=np.array([10, 20])) == tasks_of()
    tasks = tasks_of(floor=False)
    seeds = {}
    for task in tasks:
        cell = task["order"], task["n_neurons"]
        seeds.setdefault(cell, []).append(task["seeds"][0])
    # designs and neuron types share inputs; trials, orders and sizes do not
    assert all(len(of) == 8 and len(set(of)) == 2 for of in seeds.values())
    assert len(set().union(*seeds.values())) == 2 * len(seeds)
    # what else is in the grid, and how many trials, changes no seed
    more = tasks_of(orders=(7, 3, 2), neurons=(10, 20, 30), trials=3)
    assert {t["seeds"][0] for t in tasks} < {t["seeds"][0] for t in more}
    other = tasks_of(seed=1)
    assert not {t["seeds"][0] for t in tasks} & {t["seeds"][0] for t in other}


def floor_changes(**changes):
    """What each task of the floor study changes about the task that it is of."""
    tasks = tasks_of(trials=1, **changes)
    most = max(task["order"] for task in tasks), max(t["n_neurons"] for t in tasks)
    base = next(
        t
        for t in tasks
        if (t["order"], t["n_neurons"]) == most
        and (t["neuron_type"], t["design"]) == ("lif", DESIGNS[-1])
    )
    study = [t for t in tasks if t["study"] == "floor"]
    skipped = ("study", "seeds")
    return [
        {k: v for k, v in t.items() if v != base[k] and k not in skipped} for t in study
    ]


def test_floor_study_changes_one_thing_about_the_largest_lif_network():
    found = floor_changes(thetas=(0.1, 0.3), synapses=(0.02, 0.04))
    expected = [
        {"synapse": 0.04},
        {"neuron_type": "rate"},
        {"dt": 0.0005},
        {"cycles": 0.5},
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)
    recording = np.sin(np.arange(500.0))
    found = floor_changes(signal=recording)  # whose time step is what it is
    assert sorted(found, key=str) == sorted(expected[:2], key=str)


def test_floor_study_is_of_lif_neurons():
    for changes in ({"neuron_types": ("poisson", "rate")}, {"floor": False}):
        assert {task["study"] for task in tasks_of(**changes)} == {"grid"}


def test_backends_that_share_a_network_take_all_trials_at_once():
    tasks = tasks_of(backend="nengo-dl", floor=False, trials=3)
    assert len(tasks) == 2**4
    assert all(len(set(task["seeds"])) == 3 for task in tasks)


def test_recordings_are_told_apart():
    recording = np.sin(np.arange(500.0))
    names = {
        task["signal"]
        for signal in (None, recording, list(recording), recording[::-1])
        for task in tasks_of(signal=signal)
    }
    assert len(names) == 3 and "white noise" in names


@pytest.mark.parametrize(
    "name, value",
    [
        *(
            (n, v)
            for n in ("orders", "neurons")
            for v in ([2.0], [True], ["2"], [10**7])
        ),
        *((n, v) for n in ("thetas", "synapses") for v in (["1"], [None], [1j], [-1])),
        *((n, v) for n in ("neuron_types", "designs") for v in ([3], "lif", [None])),
        *(
            (name, value)
            for name in ("orders", "thetas", "designs")
            for value in ((), None, 3, {}, np.array(3), [[1]], iter([3]), [0, 0])
        ),
        *((n, v) for n in ("trials", "seed") for v in (None, 1.0, "1", True, -1, [1])),
        *(
            (name, value)
            for name in ("cycles", "rms", "duration", "readout_synapse", "dt")
            for value in (None, "1", True, 0, -1, np.nan, np.inf, [1], 1j)
        ),
        *(
            ("signal", v)
            for v in ([], [1.0], [1, 1], [1, np.nan], [[1, 2]], "a.csv", 1)
        ),
        *(("backend", v) for v in (None, "x", 3)),
    ],
)
def test_bad_arguments_are_named(name, value):
    with pytest.raises(ValidationError, match=f"^{name}: must be "):
        precision.run(**{**ARGUMENTS, name: value}, folder="/dev/null/none", jobs=1)


@pytest.mark.parametrize(
    "named, changes",
    [
        ("dt", {"dt": 0.02}),
        ("duration", {"duration": 0.005}),
        ("cycles", {"cycles": 51.0}),
        ("cycles", {"cycles": 0.3}),
        ("duration", {"duration": 2e5}),
        ("thetas", {"thetas": (0.1, 2e5)}),
        ("synapses", {"synapses": (1e5,)}),
        ("readout_synapse", {"readout_synapse": 1e5}),
        ("synapses", {"synapses": (0.1, 9e-6)}),
        ("readout_synapse", {"readout_synapse": 9e-6}),
    ],
)
def test_arguments_at_odds_with_each_other(named, changes):
    with pytest.raises(ValidationError, match=f"^{named}: must be "):
        tasks_of(**changes)


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


RATES = {
    "orders": (3,),
    "neurons": (20,),
    "neuron_types": ("rate",),
    "duration": 0.5,
}


def test_without_spikes_the_error_is_the_distortion(tmp_path):
    """The network that runs, and its decoders in the recurrence, without a network."""
    rates = precision.run(**{**ARGUMENTS, **RATES}, folder=tmp_path, jobs=1)
    assert len(rates) == 4
    np.testing.assert_allclose(rates["rmse"], rates["distortion"], rtol=0.03)
    assert rates["rmse"].nunique() == 4


@pytest.mark.parametrize(
    "extreme",
    [
        {"rms": 1e-9},
        {"rms": 1e6},
        {"synapses": (1e-5,)},
        {"readout_synapse": 1e-5},
        {"cycles": 50.0},
        {"orders": (1,), "neurons": (1,)},
        {"duration": 0.01},
    ],
)
def test_what_is_just_allowed_runs(tmp_path, extreme):
    given = {**ARGUMENTS, **RATES, "trials": 1, **extreme}
    frame = precision.run(**given, folder=tmp_path, jobs=1)
    assert len(frame) == 2
    assert np.isfinite(frame["rmse"]).all()


@pytest.mark.usefixtures("without_figures")
def test_nengo_dl_runs_the_same_network(tmp_path):
    given = {**ARGUMENTS, **RATES, "designs": ("balanced/optimal",)}
    reference = precision.run(**given, folder=tmp_path, jobs=1)
    argv = options(**{**RATES, "designs": ("balanced/optimal",), "backend": "nengo-dl"})
    assert command.main([*argv, f"--out={tmp_path / 'dl'}"]) == 0
    frame = read_trials(tmp_path / "dl")
    assert frame["backend"].unique().tolist() == ["nengo-dl"]
    assert frame["seed"].tolist() == reference["seed"].tolist()
    # the first trial has the very neurons that Nengo gives it, the second shares them
    for column in ("rmse", "distortion", "spikes_per_second"):
        assert frame[column].iloc[0] == pytest.approx(reference[column].iloc[0], 2e-3)
    assert frame["rmse"].iloc[1] == pytest.approx(frame["distortion"].iloc[1], 0.03)
    versions = json.loads((tmp_path / "dl" / "summary.json").read_text())["versions"]
    assert "tensorflow" in versions


@pytest.mark.usefixtures("without_figures")
def test_the_emulator_of_loihi_runs_the_same_network(tmp_path):
    given = {"designs": ("balanced/optimal",), "neuron_types": ("lif", "poisson")}
    argv = options(**given, backend="loihi")
    assert command.main([*argv, f"--out={tmp_path}"]) == 0
    frame = read_trials(tmp_path)
    # rates, which the chip does not have, tell what spikes add to the error
    other = frame[frame["backend"] != "loihi"]
    assert other["neuron_type"].unique().tolist() == ["rate"]
    frame = frame[frame["study"] == "grid"]
    given = {**ARGUMENTS, **given, "floor": False}
    reference = precision.run(**given, folder=tmp_path / "nengo", jobs=1)
    lif = (frame["neuron_type"] == "lif").to_numpy()
    # LIF neurons nearly as in Nengo; the chip's random ones fire less, and err more
    ratio = frame["rmse"].to_numpy() / reference["rmse"].to_numpy()
    assert 0.7 < np.median(ratio[lif]) < 1.5
    assert 1 < np.median(ratio[~lif]) < 3
    spikes = frame["spikes_per_second"] / reference["spikes_per_second"].to_numpy()
    # 180 Hz instead of 400 at most, on lines instead of curves
    assert 0.1 < np.median(spikes[~lif]) < 0.45
    shown = (tmp_path / "report.html").read_text()
    assert "on the emulator of Loihi" in shown and "up to 180 Hz" in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"neuron_types": ("lif", "rate")}, "neuron_types: must be neurons that spike"),
        ({"orders": (3, 24), "neurons": (10, 200)}, "neurons: must be at most 170"),
    ],
)
def test_what_does_not_go_on_the_chip_is_refused_at_once(changes, words):
    with pytest.raises(ValidationError, match=words):
        tasks_of(**changes, backend="loihi")


@pytest.fixture
def recording():
    t = np.arange(0, 2, 0.01)
    return t, np.sin(2 * np.pi * 3 * t) + 0.3 * np.sin(2 * np.pi * 7 * t) + 5


@pytest.mark.usefixtures("without_figures")
def test_a_recording_instead_of_noise(tmp_path, recording):
    file = tmp_path / "signal.csv"
    np.savetxt(file, np.transpose(recording), delimiter=",")
    given = {"orders": (3,), "neurons": (20,), "trials": 1, "signal": file}
    argv = [*options(**given), f"--out={tmp_path / 'out'}"]
    assert command.main(argv) == 0
    frame = read_trials(tmp_path / "out")
    assert frame["signal"].str.match("recording [0-9a-f]{8}").all()
    assert len(frame) == 4 + 2
    facts = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert facts["arguments"]["signal"] == str(file)
    # and with values alone, at the rate that is given
    np.savetxt(file, recording[1])
    assert command.main([*argv, "--rate=100"]) == 0
    pd.testing.assert_frame_equal(
        read_trials(tmp_path / "out").drop(columns=TIMES), frame.drop(columns=TIMES)
    )
    facts = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert facts["arguments"]["rate"] == 100


def test_the_headline_says_what_of_a_recording_the_memory_holds(tmp_path):
    """Neurons without spikes, many of them, hold nearly what the exact memory does."""
    t = np.arange(0, 3, 0.001)
    fast = np.sin(2 * np.pi * 20 * t) + 0.5 * np.sin(2 * np.pi * 10 * t)
    given = {
        **ARGUMENTS, "orders": (3, 12), "neurons": (300,), "neuron_types": ("rate",),
        "designs": ("balanced/optimal",), "trials": 1, "signal": fast[:, None],
        "floor": False,
    }  # fmt: skip
    frame = precision.run(**given, folder=tmp_path, jobs=1)
    low, high = frame["exact_nrmse_window"]
    assert low > 0.5 > 0.1 > high
    np.testing.assert_allclose(frame["nrmse_window"], [low, high], atol=0.05)
    tasks = make_tasks(**given)
    result = Result(frame, given, tasks)
    lead = precision.experiment.report(result)[0].lead
    theta = ARGUMENTS["thetas"][0]
    told = "the NRMSE of the window of the exact memory is"
    assert f"{told} {low:.2f} at d = 3 and {theta:g} s" in lead
    assert f"{high:.2f} at d = 12" in lead


def test_a_list_is_a_recording(tmp_path, recording):
    values = (recording[1] - recording[1].mean()).tolist()
    given = {**ARGUMENTS, **RATES, "trials": 1, "signal": values}
    assert len(precision.run(**given, folder=tmp_path, jobs=1)) == 2


def test_the_channel(tmp_path):
    argv = ["precision", "--network=channel", "--neurons=20,50", "--trials=1"]
    argv += ["--neuron-types=poisson", "--jobs=1", "--quiet", f"--out={tmp_path}"]
    assert command.main(argv) == 0
    assert read_trials(tmp_path)["n_neurons"].tolist() == [20, 50]
    facts = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert facts["arguments"]["network"] == "channel"
    assert facts["arguments"]["neurons"] == [20, 50]
    assert facts["arguments"]["freq"] == 10
    assert (tmp_path / "channel.svg").exists() and (tmp_path / "report.html").exists()


# ---- What goes wrong ---------------------------------------------------------------

FEW = {"orders": (2,), "neuron_types": ("poisson",), "trials": 1}


def test_interruption(tmp_path, monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Experiment, "execute", interrupted)
    assert command.main([*options(**FEW), f"--out={tmp_path}"]) == 130
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"Interrupted. Finished trials are kept in {tmp_path}" in shown.err
    assert "Traceback" not in shown.err


def failing(monkeypatch, fails):
    def run_task(task, signal=None):
        if fails(task):
            raise RuntimeError("no luck today")
        return precision.experiment.run_task(task, signal)

    changed = replace(precision.experiment, run_task=run_task)
    monkeypatch.setattr(command, "load", lambda place: changed)


def test_all_trials_fail(tmp_path, monkeypatch, capsys):
    failing(monkeypatch, lambda task: True)
    assert command.main([*options(**FEW), f"--out={tmp_path}"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "all 4 tasks failed, the first: RuntimeError: no luck today" in shown.err
    assert shown.err.count("\n") == 1 and "Traceback" not in shown.err
    # what each of them was, and where it failed, is kept
    failures = (tmp_path / "failures.txt").read_text(encoding="utf-8")
    assert failures.count("RuntimeError: no luck today") >= 4
    assert "n_neurons" in failures and "Traceback" in failures
    assert not (tmp_path / "report.html").exists()


@pytest.mark.usefixtures("without_figures")
def test_some_trials_fail_and_are_tried_again(tmp_path, monkeypatch, capsys):
    largest = 20, "balanced/optimal"  # the one that is shown in full
    with monkeypatch.context() as patch:
        failing(patch, lambda task: (task["n_neurons"], task["design"]) == largest)
        assert command.main([*options(**FEW), f"--out={tmp_path}"]) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("3 runs of memories")
    assert shown.out.endswith(f"\nReport: {tmp_path / 'report.html'}\n")
    assert "1 trials failed; the report lists them" in shown.err
    assert "no luck today" in (tmp_path / "report.html").read_text(encoding="utf-8")
    facts = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    (failure,) = facts["failures"]
    assert failure["parameters"]["design"] == "balanced/optimal"
    assert "no luck today" in failure["error"]
    assert facts["trials"] == len(read_trials(tmp_path)) == 3

    assert command.main([*options(**FEW), f"--out={tmp_path}"]) == 0
    assert capsys.readouterr().err == ""
    assert len(read_trials(tmp_path)) == 4
    assert "no luck today" not in (tmp_path / "report.html").read_text(encoding="utf-8")


# ---- Figures and page --------------------------------------------------------------


def made_up(**changes):
    """A frame as if the grid had been run."""
    rng = np.random.default_rng(0)
    rows = []
    for task in tasks_of(**changes):
        coordinates, allocation = task["design"].split("/")
        m = task["order"] * task["n_neurons"]
        gain = 1 if coordinates == "legendre" else task["order"] ** 0.5
        predicted = task["order"] / np.sqrt(m) / gain
        known = {"poisson": predicted, "rate": 0.0}
        same = ("study", "order", "n_neurons", "neuron_type", "backend", "theta",
                "synapse", "dt", "cycles", "signal")  # fmt: skip
        rows += [
            {
                **{name: task[name] for name in same},
                "total_neurons": m,
                "coordinates": coordinates,
                "allocation": allocation,
                "seed": seed,
                "rmse": predicted * rng.uniform(0.9, 1.1),
                "predicted_rmse": known.get(task["neuron_type"], np.nan),
                "distortion": predicted / 10,
                "state_rms": 0.5,
                "nrmse_window": 0.2,
                "spikes_per_second": 1000.0,
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
    "no LIF": {"neuron_types": ("poisson", "relu")},
    "no Poisson": {"neuron_types": ("lif",)},
    "rates alone": {"neuron_types": ("rate",)},
    "all types": {"neuron_types": ("rate", "relu", "lif", "poisson")},
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
    return precision_figures.run_example(tasks_of())


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
    shown = precision_figures.run_example(tasks)
    assert shown.task["order"] == tasks[0]["order"]
    assert len(shown.times) == len(shown.exact) == len(shown.decoded) == 200
    figure = precision_figures.plot_example(shown)
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
