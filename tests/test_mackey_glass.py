"""The Mackey-Glass experiment: its tasks, its page, and a run in full."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments import mackey_glass
from spiking_lmu.experiments.command import main, parse
from spiking_lmu.experiments.experiment import Result
from spiking_lmu.experiments.mackey_glass.figures import (
    PUBLISHED,
    plot,
    plot_spiking,
    plot_training,
)
from spiking_lmu.experiments.mackey_glass.trials import make_tasks

ARGUMENTS = {
    "models": ("lstm", "spiking"),
    "series": (2, 1, 1),
    "steps": 300,
    "ahead": 15,
    "tau": 17,
    "swapped": False,
    "length": 60,
    "epochs": 1,
    "order": 8,
    "window": 20,
    "units": 10,
    "parallel_epochs": 1,
    "spiking_order": 3,
    "spiking_units": 5,
    "spiking_epochs": 1,
    "neurons": (10,),
    "neuron_types": ("lif",),
    "presentations": (2,),
    "spiking_steps": 250,
    "protocol": ("ours",),
    "paper_series": (3, 1, 2),
    "paper_length": None,
    "paper_epochs": 2,
    "trials": 2,
    "seed": 0,
}


def test_networks_of_a_trial_share_series_and_others_do_not():
    tasks = make_tasks(**ARGUMENTS)
    assert [task["model"] for task in tasks] == 2 * ["spiking"] + 2 * ["lstm"]
    seeds = {task["trial"]: task["seed"] for task in tasks}
    assert seeds[0] != seeds[1]
    assert all(task["seed"] == seeds[task["trial"]] for task in tasks)


@pytest.mark.parametrize(
    "name, value",
    [
        ("models", ("gru",)), ("models", ()), ("series", (1, 2)), ("series", (1, 0, 1)),
        ("series", 3), ("steps", 100), ("ahead", 0), ("tau", 0), ("swapped", 1),
        ("length", 1), ("length", 301), ("epochs", 0), ("order", 0), ("window", 1),
        ("units", 0), ("parallel_epochs", 0), ("spiking_order", 0),
        ("spiking_units", 0), ("spiking_epochs", 0), ("neurons", (1,)),
        ("neuron_types", ("lstm",)), ("presentations", (0,)), ("spiking_steps", 301),
        ("protocol", ("theirs",)), ("paper_series", (1, 2)), ("paper_length", 301),
        ("paper_epochs", 0), ("trials", 0), ("seed", -1),
    ],
)  # fmt: skip
def test_bad_arguments(name, value):
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        mackey_glass.experiment.plan({**ARGUMENTS, name: value})


def test_full_is_the_size_of_the_reference_unless_told_otherwise():
    def asked(*argv):
        return parse(["mackey-glass", *argv]).arguments

    more = asked("--full", "--trials", "5")
    assert more["series"] == (32, 32, 64) and more["trials"] == 5
    fewer = asked("--full", "--epochs", "7")
    assert fewer["epochs"] == 7 and not fewer["swapped"]
    assert asked("--swapped")["swapped"]
    assert asked()["series"] == (16, 4, 16)


@pytest.fixture(scope="module")
def results(run_command):
    return run_command(
        "mackey-glass --models lmu,parallel,spiking --series 2,1,1 --steps 300 "
        "--length 60 --epochs 1 --parallel-epochs 2 --spiking-epochs 1 --units 10 "
        "--spiking-units 10 --spiking-order 3 --neurons 10,20 --neuron-types lif "
        "--presentations 2 --spiking-steps 250 --trials 1 --seed 3"
    )


@pytest.mark.filterwarnings("ignore")
def test_the_command_writes_everything(results):
    names = {path.name for path in results.iterdir()}
    drawn = {f"{name}.png" for name in ("models", "prediction", "training", "spiking")}
    assert {"trials.csv", "summary.json", "report.html", *drawn} <= names
    trials = pd.read_csv(results / "trials.csv")
    tests = trials[trials["study"] == "test"].set_index("model")
    assert set(tests.index) == {"lmu", "parallel"}
    assert tests["nrmse"].between(0, 3).all()
    # the same weights in a Nengo network, to single precision
    assert 0 < tests.loc["lmu", "nengo_difference"] < 1e-4
    assert tests.loc["lmu", "parameters"] == 18050
    assert (trials["study"] == "training").sum() == 1 + 2
    spikes = trials[trials["study"] == "spiking"]
    assert len(spikes) == 2 * 2 and spikes["spikes_per_second"].gt(0).all()
    facts = json.loads((results / "summary.json").read_text())
    assert facts["arguments"]["series"] == [2, 1, 1] and facts["seeds"] == 3
    laws = {law["law"] for law in facts["laws"]}
    assert laws == {"nrmse", "best", "spiking", "aware"}
    assert (tests["factors_effective_macs"] > 0).all()
    assert (tests["factors_effective_acs"] == 0).all()  # nothing spikes
    assert (spikes["factors_effective_acs"] > 0).all()
    assert "By the measures of NeuroBench" in (results / "report.html").read_text()


# ---- The page, of made-up rows -----------------------------------------------------


def made_up(swapped=False):
    rng = np.random.default_rng(0)
    tests = [
        {
            "model": model, "trial": k, "swapped": swapped, "seed": k, "study": "test",
            "protocol": protocol, "nrmse": error + 0.001 * rng.random(),
            "nrmse_settled": error / 2,
            "nrmse_deviation": error, "parameters": 18_000, "epochs": 10,
            "seconds_per_epoch": 2.0, "train_seconds": 20.0, "nengo_difference": None,
        }
        for model, protocol, error in (
            ("lstm", "ours", 0.05), ("lmu", "ours", 0.04), ("parallel", "ours", 0.02),
            ("lstm", "paper", 0.07), ("lmu", "paper", 0.07),
        )
        for k in range(3)
    ]  # fmt: skip
    spikes = [
        {
            "model": "spiking", "trial": k, "swapped": swapped, "seed": k,
            "study": "spiking", "protocol": "ours", "neuron_type": "lif",
            "n_neurons": n, "aware": aware,
            "total_neurons": 6 * n, "presentation": 10, "exact_nrmse": 0.03,
            "nrmse": (1 if aware else 3) / n + 0.01 * k / n, "spikes_per_second": n,
        }
        for k in range(3) for n in (10, 100) for aware in (False, True)
    ]  # fmt: skip
    return pd.DataFrame(tests + spikes)


def report(frame, arguments):
    return mackey_glass.experiment.report(Result(frame, arguments))[0]


def test_laws_say_what_rows_say():
    page = report(made_up(), ARGUMENTS)
    by_law = {
        (law.values["law"], law.values.get("model")): law
        for law in page.laws
        if law.values.get("protocol") != "paper"
    }
    lmu = by_law["nrmse", "lmu"].values
    assert 0.04 < lmu["nrmse"] < 0.041
    assert lmu["low"] < lmu["nrmse"] < lmu["high"]
    assert by_law["best", "parallel"].words in page.lead
    ratio = by_law["over_lstm", "lmu"].values
    assert ratio["low"] < ratio["ratio"] < ratio["high"] < 1
    assert ", a significant difference" in by_law["over_lstm", "lmu"].words
    aware = by_law["aware", None].values
    assert aware["low"] == pytest.approx(3, rel=0.02)
    (spiking,) = [law for law in page.laws if law.values["law"] == "spiking"]
    assert spiking.values["aware"] and spiking.values["total_neurons"] == 600


def test_published_values_stand_beside_the_protocol_of_the_paper():
    page = report(made_up(), {**ARGUMENTS, "protocol": ("ours", "paper")})
    published = {
        (law.values["protocol"], law.values["model"]): law.values.get("published")
        for law in page.laws
        if law.values["law"] == "nrmse"
    }
    assert published["paper", "lmu"] == PUBLISHED["lmu paper"]
    assert published["paper", "lstm"] == PUBLISHED["lstm paper"]
    assert all(published[k] is None for k in published if k[0] == "ours")
    (same,) = [
        law
        for law in page.laws
        if law.values["law"] == "over_lstm" and law.values["protocol"] == "paper"
    ]
    assert same.values["ratio"] == pytest.approx(1, abs=0.02)
    assert ", no significant difference" in same.words
    (section,) = [s for s in page.sections if s.title == "Protocols"]
    rows = section.table.set_index("")
    assert rows.loc["Updates in an epoch; epochs"].tolist()[:2] == ["1; 500", "1; 10"]
    shortened = {**ARGUMENTS, "paper_length": 200}
    (section,) = [
        s for s in report(made_up(), shortened).sections if s.title == "Protocols"
    ]
    rows = section.table.set_index("")
    length = rows.loc["Steps of each that are trained on", "Paper's protocol, here"]
    assert length == "200, from the beginning"


@pytest.mark.usefixtures("without_figures")
def test_a_run_by_the_protocol_of_the_paper(tmp_path):
    argv = (
        "mackey-glass --protocol paper --models lmu,hybrid,parallel "
        "--paper-series 2,1,1 --paper-epochs 2 --paper-length 100 --steps 200 "
        "--spiking-steps 200 --trials 2 --jobs 1 --quiet --out"
    )
    assert main([*argv.split(), str(tmp_path)]) == 0
    assert (tmp_path / "report.html").is_file()
    trials = pd.read_csv(tmp_path / "trials.csv")
    tests = trials[trials["study"] == "test"]
    assert list(tests["model"]) == ["lmu", "lmu", "hybrid", "hybrid"]
    assert set(tests["protocol"]) == {"paper"} and set(tests["epochs"]) == {2}
    # the published numbers of trained parameters
    assert set(tests["parameters"]) == {18246, 17980}
    assert len(list((tmp_path / "training").iterdir())) == 2


def test_the_paper_has_recurrent_networks_only():
    with pytest.raises(ValidationError, match="models.*lstm, lmu and hybrid"):
        make_tasks(**{**ARGUMENTS, "protocol": ("paper",), "models": ("parallel",)})


def test_the_swapped_direction_is_compared_with_nothing_and_explained():
    page = report(made_up(True), {**ARGUMENTS, "swapped": True})
    (models,) = [s for s in page.sections if s.title == "Models"]
    assert "published, %" not in models.table.columns
    assert any("exchanged" in text for text in models.paragraphs)
    assert not any("published" in law.values for law in page.laws)
    assert "recalled" in page.title
    true = report(made_up(), ARGUMENTS)
    assert not any("exchanged" in p for s in true.sections for p in s.paragraphs)


def test_figures_of_made_up_rows():
    frame = made_up()
    assert len(plot(frame).axes) == 2
    assert len(plot_spiking(frame).axes) == 1
    with pytest.raises(ValidationError, match="study 'training'"):
        plot_training(frame)


def test_no_trials_no_page():
    with pytest.raises(ValidationError, match="at least one trial"):
        report(pd.DataFrame(), ARGUMENTS)


@pytest.mark.parametrize("package", ["tensorflow", "nengo-dl"])
def test_a_missing_package_is_named_with_who_needs_it(uninstall, tmp_path, package):
    uninstall(package)
    told = rf"mackey-glass experiment needs {package}; .* 'spiking-lmu\[dl\]'"
    with pytest.raises(ImportError, match=told):
        mackey_glass.run(folder=str(tmp_path))
    # gradients of the paper's protocol are written out
    assert mackey_glass.experiment.needs({"protocol": ("paper",)}) == {}
