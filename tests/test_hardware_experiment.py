"""The Delay Network protocol in closed form, its networks, and the command."""

import json
import re

import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from hardware_cases import ARGUMENTS, task_of
from spiking_lmu.experiments import chips as hardware
from spiking_lmu.experiments.chips import trials
from spiking_lmu.experiments.chips.designs import ABLATION, PLATFORMS, as_named
from spiking_lmu.experiments.chips.laws import PUBLISHED, cells, fits
from spiking_lmu.experiments.chips.laws import STEPS as STEPS_OF_DESIGN
from spiking_lmu.experiments.chips.trials import make_tasks, run_task
from spiking_lmu.experiments.command import main
from spiking_lmu.experiments.experiment import Result
from spiking_lmu.experiments.pages import style

# ---- The experiment ----------------------------------------------------------------


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return hardware.run(
        platforms=("thesis-nengo", "lif-nengo", "poisson-nengo"),
        trials=2,
        neurons=(16, 32, 64),
        study_trials=1,
        studies=("platforms", "scaling"),
        cases=1,
        folder=tmp_path_factory.mktemp("hardware"),
        jobs=1,
    )


def test_one_row_a_run(frame):
    counts = frame.groupby("study").size()
    assert counts["platforms"] == 3 * 2
    assert counts["scaling"] == 3  # of platforms that scaling is about
    assert (frame["nrmse"] > 0).all()
    shared = frame[frame["study"] == "platforms"].groupby("trial")["seed"].nunique()
    assert (shared == 1).all()  # platforms share their seeds, trials do not
    assert frame["seed"].nunique() == 2


def test_default_neurons_err_least_on_nengo(frame):
    means = frame[frame["study"] == "platforms"].groupby("platform")["nrmse"].mean()
    assert means["lif-nengo"] < means["thesis-nengo"] < means["poisson-nengo"]


def test_error_falls_with_neurons(frame):
    means = frame[frame["study"] == "scaling"].groupby("n_neurons")["nrmse"].mean()
    assert means[64] < means[32] < means[16]


def test_few_sizes_have_no_floor(frame):
    (fit,) = fits(frame)
    assert fit[-1] is None  # three sizes, three parameters
    rows = frame[frame["study"] == "scaling"]
    more = [rows.assign(n_neurons=4 * rows["n_neurons"], nrmse=rows["nrmse"] / 2)]
    ((_, _, _, floor),) = fits(pd.concat([rows, *more]))
    assert floor is not None


def test_figures_and_report(frame):
    result = Result(frame, ARGUMENTS, [task_of("lif-nengo")])
    report, figures = hardware.experiment.report(result)
    assert set(figures) == {"platforms", "scaling", "example"}
    for draw in figures.values():
        assert style.render(draw(), "png").startswith(b"\x89PNG")
    laws = [law.values["law"] for law in report.laws]
    assert laws == ["reproduction", "scaling"]
    table = report.sections[0].table
    assert len(table) == len(PUBLISHED) + 3
    words = report.lead + " ".join(p for s in report.sections for p in s.paragraphs)
    assert "nan" not in words


def test_fresh_inputs_are_others_and_depend_on_the_seed():
    seeds = []
    for seed in (0, 1):
        given = {**ARGUMENTS, "inputs": "fresh", "cases": 20, "seed": seed}
        (task,) = make_tasks(**given)
        seeds += task["input_seeds"]
    assert len(set(seeds)) == 40
    assert not set(seeds) & set(range(1, 11))


def test_no_trials_are_refused():
    with pytest.raises(ValidationError, match="frame"):
        hardware.plot(pd.DataFrame())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("platforms", ()),
        ("platforms", "lif-sim"),
        ("platforms", ("truenorth",)),
        ("trials", 0),
        ("trials", 1.5),
        ("neurons", ()),
        ("neurons", (1,)),
        ("neurons", (64, 64)),
        ("neurons", (10**6,)),
        ("ablation_neurons", (0,)),
        ("study_trials", -1),
        ("studies", ("speed",)),
        ("studies", ()),
        ("inputs", "secret"),
        ("cases", 0),
        ("cases", 11),
        ("backend", "loihi"),
        ("seed", -1),
        ("seed", 2**40),
    ],
)
def test_bad_arguments_are_named(name, value, tmp_path):
    with pytest.raises(ValidationError, match=name):
        hardware.run(**{**ARGUMENTS, name: value}, folder=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_nothing_to_scale_is_refused():
    given = {**ARGUMENTS, "platforms": ("thesis-nengo",), "studies": ("scaling",)}
    with pytest.raises(ValidationError, match="platforms"):
        make_tasks(**given)


@pytest.mark.parametrize("name", ["thesis-loihi", "lif-nengo-dl"])
def test_a_missing_package_is_named(name, uninstall, tmp_path):
    package = {"loihi": "nengo-loihi", "nengo-dl": "nengo-dl"}[PLATFORMS[name].backend]
    uninstall(package)
    assert name not in {t["platform"] for t in make_tasks(studies=("platforms",))}
    extra = package.removeprefix("nengo-")
    with pytest.raises(ImportError, match=rf"'{name}' needs .*spiking-lmu\[{extra}\]"):
        hardware.run(**{**ARGUMENTS, "platforms": (name,)}, folder=tmp_path)


def test_all_simulators_count_whatever_platforms_run():
    """So that a run of further platforms finds the trials of those before."""
    needs = hardware.experiment.needs
    reference = needs({"platforms": None, "backend": "nengo"})
    assert set(reference) == {"nengo-loihi", "nengo-dl", "tensorflow"}
    assert needs({"platforms": ("lif-nengo",), "backend": "nengo"}) == reference
    assert set(needs({"platforms": None, "backend": "compiled"})) == {
        "numba",
        *reference,
    }


def test_networks_in_nengo_have_the_simulator_that_is_asked_for():
    platforms = ("lif-nengo", "lif-nengo-dl", "lif-sim")
    given = {**ARGUMENTS, "platforms": platforms}
    for backend in ("compiled", "nengo"):
        tasks = make_tasks(**given, backend=backend)
        assert [task["backend"] for task in tasks] == [backend, "nengo-dl", "loihi"]


def test_help_names_all_platforms():
    assert set(PLATFORMS) <= set(re.findall(r"[\w-]+", make_tasks.__doc__))


def test_designs_are_told_apart(tmp_path, monkeypatch):
    few = [
        "published: as published",
        "even: ranges of examples",
        "tuned: ranges of examples",
        "tuned: expected ranges, rates in Nengo",
    ]
    monkeypatch.setattr(trials, "ABLATION", {name: ABLATION[name] for name in few})
    rows = hardware.run(
        **{**ARGUMENTS, "studies": ("ablation",)}, folder=tmp_path, jobs=1
    )
    assert set(rows["change"]) == set(few)
    report, figures = hardware.experiment.report(Result(rows))
    assert set(figures) == {"ablation"}
    assert style.render(figures["ablation"](), "svg")
    assert {law.values["law"] for law in report.laws} == {"design"}


def test_each_change_of_design_has_its_words():
    """On made-up rows, for all designs take minutes."""
    rows = [
        {
            "study": "ablation",
            "platform": "",
            "inputs": "published",
            "change": change,
            "n_neurons": 16,
            "trial": 0,
            "nrmse": 0.1,
            "spikes_per_second": 50.0,
        }
        for change in ABLATION
    ]
    report, _ = hardware.experiment.report(Result(pd.DataFrame(rows)))
    assert len(report.laws) == len(STEPS_OF_DESIGN)
    assert len({law.words for law in report.laws}) == len(STEPS_OF_DESIGN)
    assert {name for step in STEPS_OF_DESIGN for name in step} <= set(ABLATION)


def test_earlier_trials_are_read_in_current_words(tmp_path):
    given = {**ARGUMENTS, "studies": ("ablation",)}
    tasks = [t for t in make_tasks(**given) if t["ranges"] == "announced"]
    assert tasks and all("expected" not in t["change"] for t in tasks)  # as stored
    old = pd.DataFrame([{**t, "nrmse": 0.1, "spikes_per_second": 5.0} for t in tasks])
    now = cells(old.drop(columns=["cases", "input_seeds"]), "ablation", "change")
    assert "tuned: expected ranges" in set(now["change"])
    assert not now["change"].str.contains("announced").any()
    new = hardware.experiment.finish(old)
    assert set(new["ranges"]) == {"expected"}
    assert set(new["change"]) == {as_named(t)["change"] for t in tasks} <= set(ABLATION)


AT_OWN_SETTINGS = {
    "study": "platforms",
    "change": "",
    "n_neurons": 128,
    "synapse": 0.1,
    "max_rates": "default",
    "ranges": "expected",
    "build_seconds": 1.0,
    "run_seconds": 1.0,
}


def platform_rows(platform, nrmse, rate):
    """Rows of as many trials as there are errors, on two inputs."""
    return pd.DataFrame(
        [
            {
                "platform": platform,
                "trial": trial,
                "test_case": case,
                "nrmse": case * error,
                "spikes_per_second": rate,
            }
            for trial, error in enumerate(nrmse)
            for case in (1, 2)
        ]
    )


def test_matched_settings_come_first_with_their_interval():
    then = platform_rows("thesis-loihi", (0.098, 0.1, 0.102), 30.0)
    now = platform_rows("matched-sim", (0.081, 0.08, 0.079), 24.0)
    own = platform_rows("lif-sim", (0.02, 0.021, 0.019), 60.0)
    rows = pd.concat([then, now, own]).assign(inputs="published", **AT_OWN_SETTINGS)
    laws = hardware.experiment.report(Result(rows))[0].laws
    assert [law.values["law"] for law in laws] == ["matched", "reproduction", "own"]
    matched = laws[0].values
    assert matched["ratio"] == pytest.approx(0.8, rel=0.01)
    assert matched["low"] < 0.8 < matched["high"] < 1
    for words in ("synapse of 10 ms", "100 to 120 Hz", "0.800 times the spikes"):
        assert words in laws[0].words
    assert "synapse of 100 ms" in laws[2].words
    assert "2.00 times the spikes" in laws[2].words


def test_one_network_and_one_input_have_no_interval():
    pair = {"thesis-nengo": 0.1, "matched-nengo": 0.05}
    rows = pd.concat([platform_rows(p, (e,), 50.0) for p, e in pair.items()])
    rows = rows[rows["test_case"] == 1].assign(inputs="fresh", **AT_OWN_SETTINGS)
    law, *_ = hardware.experiment.report(Result(rows))[0].laws
    assert law.values["ratio"] == pytest.approx(0.5)
    assert "interval" not in law.words and "nan" not in law.words


@pytest.mark.parametrize(
    ("inputs", "platforms"),
    [("published", "thesis-loihi,poisson-sim"), ("fresh", "thesis-loihi,matched-sim")],
)
def test_command_writes_everything(inputs, platforms, tmp_path, request):
    if inputs == "fresh":  # the same figures
        request.getfixturevalue("without_figures")
    out = tmp_path / "out"
    command = (
        f"hardware --platforms {platforms} --studies platforms "
        f"--trials 1 --cases 1 --inputs {inputs} --jobs 1 --quiet --out {out}"
    )
    assert main(command.split()) == 0
    written = {path.name for path in out.iterdir()}
    assert {"report.html", "platforms.png", "platforms.svg", "example.png"} <= written
    facts = json.loads((out / "summary.json").read_text())
    laws = {law["law"] for law in facts["laws"]}
    assert laws == ({"reproduction", "own"} if inputs == "published" else {"matched"})
    assert facts["arguments"]["trials"] == 1


def test_runs_on_nengo_dl_give_the_numbers_of_nengo():
    errors = [
        run_task(task_of(name, n_neurons=32))[0]["nrmse"]
        for name in ("lif-nengo", "lif-nengo-dl")
    ]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)


def test_command_names_bad_options(capsys):
    with pytest.raises(SystemExit):
        main(["hardware", "--cases", "11", "--quiet"])
    assert "--cases" in capsys.readouterr().err
