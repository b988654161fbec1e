"""What an experiment is: declared in one place, and run and shown from it."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import math
import pickle
import re
import zlib
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments import command
from spiking_lmu.experiments.experiment import Experiment, Otherwise, Result, Stage
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import read_trials
from spiking_lmu.experiments.sweeps.store import encode
from spiking_lmu.validation import check_each, check_number

# ---- A toy experiment: all that one takes ------------------------------------------


def make_tasks(
    sizes: Sequence[int] = (1, 2, 4),
    power: float = -0.5,
    trials: int = 2,
    seed: int = 0,
) -> list[dict]:
    """Measure how fast a toy errs; one row a trial.

    Parameters
    ----------
    sizes : sequence of int
        Sizes of the toy, in blocks.
    power : float
        Of the law that it follows.
    trials : int
        Runs of each size.
    seed : int
        From which all others are derived.
    """
    check_each("sizes", sizes, check_number, 1)
    return [
        {"size": n, "power": power, "trial": k} for n in sizes for k in range(trials)
    ]


def run_task(task: dict) -> list[dict]:
    return [{"size": task["size"], "error": task["size"] ** task["power"]}]


@style.rc()
def plot(frame):
    figure = style.new_figure("single")
    style.points(figure.subplots(), frame["size"], frame["error"])
    return figure


def present(result):
    slope = math.log(result.frame["error"].iloc[-1]) / math.log(4)
    values = {"n": len(result.frame), "slope": slope, "frame": result.frame}
    return values, {"errors": partial(plot, result.frame)}


TEMPLATE = """
{% call title() %}A toy{% endcall %}
{% call lead() %}{{ n }} runs of a toy.{% endcall %}
{% call law({"exponent": slope}) %}
It errs as n<sup>{{ slope|signed }}</sup>.
{% endcall %}
{% call section("Errors") %}
Larger toys err less.
{{ figure("errors", "Error against size.") }}
{{ table(frame, "All trials.") }}
{% endcall %}
"""
toy = Experiment("toy", make_tasks, run_task, present, template=TEMPLATE)

# ---- and the line in the list ------------------------------------------------------


@pytest.fixture
def listed(monkeypatch, tmp_path):
    monkeypatch.setitem(command.EXPERIMENTS, "toy", (f"{__name__}:toy", "A toy"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_toy_takes_few_lines():
    lines = inspect.getsource(inspect.getmodule(make_tasks)).splitlines()
    start = next(k for k, line in enumerate(lines) if "A toy experiment" in line)
    stop = next(k for k, line in enumerate(lines) if "and the line in the" in line)
    assert sum(bool(line.strip()) for line in lines[start:stop]) < 60


def test_the_toy_is_a_command(listed, capsys):
    argv = "toy --sizes 1,4 --power -1 --quiet --jobs 1"
    assert command.main(argv.split()) == 0
    assert capsys.readouterr().out.splitlines() == [
        "4 runs of a toy.",
        "It errs as n^−1.00.",
        "Report: results/toy/report.html",
    ]
    folder = listed / "results" / "toy"
    assert read_trials(folder)["error"].tolist() == [1, 1, 0.25, 0.25]
    facts = json.loads((folder / "summary.json").read_text("utf-8"))
    assert facts["arguments"] == {"sizes": [1, 4], "power": -1, "trials": 2, "seed": 0}
    assert facts["laws"] == [{"words": "It errs as n^−1.00.", "exponent": -1}]
    assert facts["figures"] == ["errors"]
    page = (folder / "report.html").read_text("utf-8")
    for words in ("Larger toys err less.", "Error against size.", "n<sup>−1.00</sup>"):
        assert words in page
    assert (folder / "errors.svg").exists()


def test_the_report_of_another_experiment_is_not_lost(tmp_path):
    text = '{"experiment": "toy", "figures": ["errors"]}'
    (tmp_path / "summary.json").write_text(text)
    other = dataclasses.replace(toy, name="other")
    with pytest.raises(ValidationError, match=f"folder: .*{tmp_path} has those of toy"):
        other.publish({}, "other", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_its_help_and_its_errors(listed, capsys):
    with pytest.raises(SystemExit):
        command.main(["toy", "--help"])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--sizes N,... Sizes of the toy, in blocks. [default: 1,2,4]" in text
    for argv, words in (
        ("--sizes 0", "--sizes: must be"),
        ("--sizes x", "--sizes: must be integers separated by commas, but is 'x'"),
        ("--trials 0", "--trials: must be an integer of at least 1"),
        ("--seed=-1", "--seed: must be"),
    ):
        with pytest.raises(SystemExit) as exit:
            command.main(["toy", *argv.split()])
        assert exit.value.code == 2
        error = capsys.readouterr().err
        assert f"spiking-lmu toy: error: argument {words}" in error
        assert error.count("\n") == 1


def test_the_toy_is_a_function(tmp_path):
    frame = toy.run((1, 4), power=-1, folder=tmp_path, jobs=1)
    assert frame["error"].tolist() == [1, 1, 0.25, 0.25]
    assert toy.run.__doc__.startswith("Measure how fast a toy errs; one row a trial.\n")
    with pytest.raises(ValidationError, match="sizes: must be"):
        toy.run(sizes=(0,), folder=tmp_path)


def test_wrong_names_are_told_as_python_tells_them(tmp_path):
    with pytest.raises(TypeError, match=r"^run\(\) got an unexpected keyword .*'size'"):
        toy.run(size=(1, 4), folder=tmp_path)


@pytest.mark.parametrize("value", ["no", 0, None])
def test_flags_are_true_or_false(tmp_path, value):
    """Any text would be true."""

    def tasks(swapped: bool = False) -> list[dict]:
        return [{"swapped": swapped}]

    flagged = dataclasses.replace(toy, make_tasks=tasks, run_task=lambda task: [task])
    assert flagged.run(swapped=np.True_, folder=tmp_path, jobs=1)["swapped"].all()
    with pytest.raises(ValidationError, match="swapped: must be True or False"):
        flagged.run(swapped=value, folder=tmp_path)


PLACES = [place for place, _ in command.EXPERIMENTS.values()]
EXPERIMENTS = sorted({place.lstrip(".").partition(":")[0] for place in PLACES})


WRONG = [
    0,
    True,
    np.int64(3),
    1.5,
    math.nan,
    "",
    "x",
    b"x",
    {},
    object(),
    [None],
    [[1, 2]],
]
WRONG += [np.ones((1, 2)), np.array([])]


@pytest.mark.parametrize("name", sorted({*EXPERIMENTS, "channel"} - {"deployment"}))
def test_arguments_of_any_type_are_planned_or_refused(name):
    one = importlib.import_module(f"spiking_lmu.experiments.{name}").experiment
    refused = []
    for argument in one.parameters:
        for value in WRONG:
            try:
                one.plan(one.prepare(one.complete({argument: value})))
            except ValidationError as error:
                refused.append(str(error))
    assert refused and not any("\n" in error for error in refused)


@pytest.mark.parametrize("kind", [np.array, pd.Series])
@pytest.mark.parametrize("name", sorted({*EXPERIMENTS, "channel"} - {"deployment"}))
def test_sequences_may_be_arrays(name, kind):
    one = importlib.import_module(f"spiking_lmu.experiments.{name}").experiment
    usual = one.complete({})
    sequences = {n: v for n, v in usual.items() if isinstance(v, tuple) and v}
    given = one.complete({n: kind(v) for n, v in sequences.items()})
    assert sequences and one.needs(given) == one.needs(usual)
    planned, expected = one.plan(given), one.plan(usual)
    for stage, like in zip(planned, expected, strict=True):
        assert callable(stage.tasks) or encode(stage.tasks) == encode(like.tasks)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_docstrings_have_each_section_once(name):
    run = importlib.import_module(f"spiking_lmu.experiments.{name}").run
    sections = re.findall(r"(?m)^(\w+)\n-{3,}$", run.__doc__)
    assert sections[:3] == ["Parameters", "Returns", "Raises"]
    assert len(set(sections)) == len(sections)
    documented = re.findall(r"(?m)^(\w+) : ", run.__doc__.partition("Returns\n---")[0])
    assert documented == list(inspect.signature(run).parameters)


@pytest.mark.parametrize("frame", [None, [], pd.DataFrame()])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_figures_refuse_what_has_no_trials(name, frame):
    module = importlib.import_module(f"spiking_lmu.experiments.{name}")
    with pytest.raises(ValidationError, match="^frame: must be"):
        module.plot(frame)


@pytest.mark.parametrize(
    "name, row, words",
    [
        ("precision", {"study": "floor"}, "trial of the study 'grid'"),
        ("mackey_glass", {"study": "example"}, "trial of the study 'test'"),
        ("classification", {"rung": "lif"}, "trial of the rung 'exact'"),
        ("information", {"measure": "delay"}, "row of the measure 'degree'"),
        ("approximation", {"kind": "band"}, "row of the kind 'delay'"),
        ("capacity", {"band": "growing"}, "trial of the fixed band"),
    ],
)
def test_figures_say_which_trials_are_missing(name, row, words):
    module = importlib.import_module(f"spiking_lmu.experiments.{name}")
    row = {"system": "spiking", "neuron_type": "lif", **row}
    with pytest.raises(ValidationError, match=f"of at least one {words}, but has none"):
        module.plot(pd.DataFrame([row]))


@pytest.mark.parametrize("place", sorted(PLACES))
def test_experiments_are_pickled_by_name(place):
    one = command.load(place)
    assert one.run is not None  # which is made when it is asked for
    assert pickle.loads(pickle.dumps(one)) is one
    assert pickle.loads(pickle.dumps(toy)) is toy


@pytest.mark.parametrize("name", command.EXPERIMENTS)
def test_options_that_do_nothing_are_not_offered(name, capsys):
    """Where all tasks run in one process, nothing can be divided."""
    one = command.load(command.EXPERIMENTS[name][0])
    assert one.sequential == (name in ("approximation", "deploy"))
    with pytest.raises(SystemExit):
        command.main([name, "--help"])
    text = capsys.readouterr().out
    names = inspect.signature(one.run).parameters
    for option in ("jobs", "scheduler"):
        assert (f"--{option} " in text) == (option in names) == (not one.sequential)
        assert (f"\n{option} : " in one.run.__doc__) == (option in names)
    assert "\nfolder : " in one.run.__doc__ and "\nprogress : " in one.run.__doc__


# ---- What else an experiment can declare -------------------------------------------


def test_stages_follow_each_other(tmp_path):
    seen = []

    def two(**arguments):
        first = make_tasks(**arguments)[::2]

        def later(done):
            assert [task["size"] for task, _ in done.failures] == [2]
            return [{**task, "trial": 9} for task in done.finished]

        return [Stage(first, sequential=True), Stage(later), Stage([])]

    def run(task, folder, power, progress):
        seen.append((task["trial"], folder, power, progress))
        if task["size"] == 2:
            raise RuntimeError("no luck")
        return run_task(task)

    staged = dataclasses.replace(toy, make_tasks=two, run_task=run)
    staged = dataclasses.replace(staged, fixed={"power": -2.0})
    two.__signature__ = inspect.signature(make_tasks)
    done = staged.execute(staged.complete({}), tmp_path, jobs=1, progress=True)
    assert [trial for trial, *_ in seen] == [0, 0, 0, 9, 9]
    assert {(folder, power) for _, folder, power, _ in seen} == {(str(tmp_path), -2.0)}
    assert [progress for *_, progress in seen] == [True] * 3 + [False] * 2
    assert len(done.frame) == 4 and len(done.failures) == 1 and done.new == 4


@pytest.mark.parametrize("progress", [False, True])
def test_what_is_done_before_knows_the_arguments(tmp_path, progress):
    told = []
    some = dataclasses.replace(toy, before=lambda *given: told.append(given))
    arguments = some.complete({})
    for _ in range(2):  # the second time, all rows are there
        some.execute(arguments, tmp_path, jobs=1, progress=progress)
    assert told == [(arguments, progress)]


#: Checksums of the tasks that defaults gave before an experiment was an `Experiment`:
#: with others, stores of that time would not be found. Those of precision name the
#: factor of the maximum rates, too.
OLD_TYPES = {"backend": "nengo", "neuron_types": ("poisson", "lif")}
OLD_TASKS = {
    "precision": (OLD_TYPES, 1315894446),
    "channel": (OLD_TYPES, 1882465918),
    "energy": ({}, 4283846707),
    "capacity": ({}, 915939826),
    "copying": ({}, 863689252),
    "information": (OLD_TYPES, 1921364813),
    "mackey_glass": (
        {"neuron_types": ("poisson", "relu"), "backend": "nengo"},
        1749463957,
    ),
    "chips": (
        {"platforms": ("thesis-nengo", "poisson-sim"), "backend": "nengo"},
        3960034109,
    ),
}


@pytest.mark.parametrize("name", OLD_TASKS)
def test_tasks_are_those_of_old_stores(name):
    given, expected = OLD_TASKS[name]
    package = f"spiking_lmu.experiments.{name}"
    one = importlib.import_module(package).experiment
    tasks = [task for stage in one.plan(one.complete(given)) for task in stage.tasks]
    texts = sorted(encode(task, sort_keys=True) for task in tasks)
    assert zlib.crc32("\n".join(texts).encode()) == expected


def test_defaults_that_depend_give_way_to_what_is_given():
    large = Otherwise("large", lambda a: a["power"] < -1, {"sizes": (8,), "trials": 9})
    some = dataclasses.replace(toy, otherwise=(large,), full={"trials": 20})
    assert some.complete({})["sizes"] == (1, 2, 4)
    assert some.complete({"power": -2})["sizes"] == (8,)
    assert some.complete({"power": -2}, full=True)["trials"] == 20
    assert some.complete({"power": -2, "trials": 1}, full=True)["trials"] == 1


def test_values_that_are_no_texts_have_no_folder():
    some = dataclasses.replace(toy, folders={"sizes": ("e", "f"), "power": "x"})
    for value, name in (
        (np.ones(3), "toy"), ([0.5], "toy"), (None, "toy"), ("", "toy"),
        (("e", "f"), "toy"), (("a", "b.c"), "toy-a-b"), ("d/e.csv", "toy-e"),
    ):  # fmt: skip
        assert some.results_folder({"sizes": value}).as_posix() == f"results/{name}"


def test_a_missing_package_is_named_with_who_needs_it(tmp_path, uninstall):
    needy = dataclasses.replace(toy, needs=lambda a: {"nengo-loihi": "the toy"})
    uninstall("nengo-loihi")
    with pytest.raises(ImportError) as error:
        needy.run(folder=tmp_path)
    assert str(error.value) == (
        "the toy needs nengo-loihi; install it with: pip install 'spiking-lmu[loihi]' "
        "--no-build-isolation, after pip install 'setuptools<80' wheel"
    )


def page(template, figures=(), **values):
    some = dataclasses.replace(toy, template=template)
    return some.fill(values, figures)


def test_templates_escape_values_and_keep_paragraphs():
    found = page(
        "{% call title() %}T{% endcall %}{% call lead() %}{{ x }}\n  and {% endcall %}"
        "{% call section('S') %}\none\nline <i>{{ x }}</i>\n\n\ntwo{% endcall %}",
        x="<b>",
    )
    assert found.lead == "&lt;b&gt; and"
    assert found.sections[0].paragraphs == ("one line <i>&lt;b&gt;</i>", "two")


@pytest.mark.parametrize(
    "text",
    [
        "{% call section('S') %}{{ figure('x') }}{% endcall %}",
        "{% call section('S') %}{{ figure('a') }}{{ figure('a') }}{% endcall %}",
        "{% call section('S') %}{{ table(t) }}{{ table(t) }}{% endcall %}",
    ],
)
def test_templates_show_figures_that_there_are_and_one_a_section(text):
    with pytest.raises(ValidationError, match="the only one of its section"):
        page(text, figures=("a",), t=pd.DataFrame())


def test_tables_may_be_written_in_a_template():
    found = page(
        "{% call section('S') %}{{ table([['', 'Here', 'There'], ['size', n, '<b>']], "
        "'Two.', without=['There']) }}{% endcall %}",
        n=3,
    )
    (section,) = found.sections
    assert section.table.to_dict("list") == {"": ["size"], "Here": [3]}
    assert section.table_caption == "Two."


def test_a_value_that_is_missing_is_no_empty_text():
    with pytest.raises(Exception, match="'nothing' is undefined"):
        page("{% call lead() %}{{ nothing }}{% endcall %}")


def test_words_of_lists_and_intervals():
    found = page(
        "{% call lead() %}{{ a|listed }}; {{ b|listed }}; {{ [1]|listed }}; "
        "{{ fit|interval }}; {{ fit|interval('x', factor=100) }}; "
        "{{ fit|bounds }}; {{ fit|signed_bounds }}; {{ x|signed_bounds }}; "
        "{{ -0.125|signed(1) }}; {{ 'lif'|neurons|initial }}{% endcall %}",
        a=[3, 6, 12000],
        b=["<", "b"],
        fit={"low": 0.5, "high": math.nan, "x_low": -1.0, "x_high": 2.0},
        x={"low": -1.0, "high": 2.0},
    )
    assert found.lead == (
        "3, 6 and 12,000; &lt; and b; 1; too few trials for an interval; "
        "95 % interval −100 to 200; too few trials for an interval; "
        "too few trials for an interval; −1.00 to 2.00; −0.1; LIF"
    )


def test_a_result_needs_no_more_than_a_frame():
    report, figures = toy.report(Result(pd.DataFrame({"size": [4], "error": [0.5]})))
    assert report.laws[0].values == {"exponent": -0.5} and list(figures) == ["errors"]
