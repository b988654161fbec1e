"""The command line: every bad option is refused by its name, before anything runs."""

import ast
import dataclasses
import inspect
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from command_cases import no_work, refused  # noqa: F401
from spiking_lmu import __version__
from spiking_lmu.experiments import command, options, precision
from spiking_lmu.experiments.experiment import Experiment
from spiking_lmu.experiments.pages import report


@pytest.mark.parametrize(
    "argv", [["--help"], ["precision", "-h"], ["approximation", "-h"]]
)
def test_help(capsys, argv):
    with pytest.raises(SystemExit) as exit:
        command.main(argv)
    assert exit.value.code == 0
    assert "precision" in capsys.readouterr().out or argv[0] == "approximation"


def test_version(capsys):
    with pytest.raises(SystemExit) as exit:
        command.main(["--version"])
    assert exit.value.code == 0
    assert capsys.readouterr().out.strip() == __version__


def shown_help(capsys, name):
    """The help of a command, as one line of words."""
    with pytest.raises(SystemExit):
        command.main([name, "--help"])
    return " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_help_names_the_defaults_of_run(capsys):
    """What the help says is what a call without options takes."""
    text = shown_help(capsys, "precision")
    defaults = inspect.signature(precision.run).parameters
    assert defaults["orders"].default == (3, 6, 12)
    for name, p in precision.experiment.parameters.items():
        flag = f"--{name.replace('_', '-')}"
        assert f"{flag} " in text
        assert p.default == defaults[name].default
        shown = options.typed(p.default)
        if not isinstance(p.default, bool) and shown:
            after = text.partition(f" {flag} ")[2].partition(" --")[0]
            assert f"[default: {shown}" in text.partition(f" {flag} ")[2], after
    for words in (
        "Windows, in seconds. [default: 0.5]",
        "Time step, in seconds. [default: 0.001]",
        "[default: 3,6,12; with --full: 3,6,12,24,48]",
        "3; with --full: 20; channel: 5]",
        "results/precision, or results/precision-NETWORK-SIGNAL-BACKEND]",
        "--no-floor",
    ):
        assert words in text


def test_run_has_the_signature_and_the_docstring_of_its_parts():
    names = list(inspect.signature(precision.run).parameters)
    assert names[-4:] == ["folder", "jobs", "scheduler", "progress"]
    text = precision.run.__doc__
    for name in names:
        assert f"\n{name} : " in text
    places = [text.index(f"\n{w}\n--") for w in ("Parameters", "Returns", "Raises")]
    assert places == sorted(places)
    with pytest.raises(TypeError, match="nonsense"):
        precision.run(nonsense=1)


def test_the_command_alone_lists_the_experiments(capsys):
    with pytest.raises(SystemExit) as exit:
        command.main([])
    assert exit.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    for name, (_, summary) in command.EXPERIMENTS.items():
        assert any(f" {name} " in line and f" {summary}." in line for line in lines)


def test_full_grid_gives_way_to_options():
    chosen = command.parse(["precision", "--full", "--orders", "3"]).arguments
    assert chosen["orders"] == (3,)
    assert chosen["neurons"] == precision.FULL_GRID["neurons"]
    assert chosen["trials"] == 20
    assert not {"folder", "jobs", "scheduler", "progress"} & set(chosen)
    channel = command.parse(["precision", "--full", "--network", "channel"])
    assert channel.arguments["trials"] == 20
    assert channel.experiment.name == "channel"


# ---- What a command says and where it writes ---------------------------------------


@pytest.mark.parametrize(
    "argv, expected",
    [
        ("precision", "precision"),
        ("precision --network memory --backend compiled", "precision"),
        ("precision --backend nengo", "precision-nengo"),
        ("precision --network channel", "precision-channel"),
        ("precision --backend loihi", "precision-loihi"),
        ("precision --signal data/ecg.csv", "precision-ecg"),
        (
            "precision --signal ../../e,c$g/..csv --backend nengo-dl",
            "precision-nengo-dl",
        ),
        ("precision --out mine --backend loihi", "mine"),
        ("psmnist", "psmnist"),
        ("psmnist --data mnist", "psmnist-mnist"),
        ("seqmnist --data my/gait.tsv", "seqmnist-gait"),
        ("deploy results/psmnist/models/one.npz", "deploy/one"),
        ("deploy one.npz --target loihi", "deploy/one-loihi"),
        ("deploy two.npz --data gait.csv --target dl", "deploy/two-gait-dl"),
        ("deploy .npz", "deploy/npz"),
        ("deploy " + "x" * 500, "deploy/" + "x" * 60),
        ("capacity", "capacity"),
        ("copy", "copy"),
        ("copy --encoders ring", "copy-ring"),
        ("mackey-glass --protocol ours", "mackey-glass"),
        ("mackey-glass --protocol ours,paper", "mackey-glass-ours-paper"),
    ],
)
def test_each_question_has_a_folder(argv, expected):
    folder = command.parse(argv.split()).folder
    assert folder.as_posix() == (
        expected if expected == "mine" else f"results/{expected}"
    )


@pytest.mark.parametrize(
    "argv",
    [
        ["deploy"],
        ["deploy", "none.npz"],
        ["deploy", "one.npz", "--images", "x"],
        ["energy", "--rates", "1-2"],
        ["energy", "--neurons", "3;4"],
        ["precision", "--nonsense"],
        ["precision", "--trials", "1.5"],
        ["precision", "--network", "x"],
        ["precision", "--seed"],
        ["nonsense"],
        ["precision", "--trials", "9" * 3000],
    ],
)
def test_errors_take_one_line(capsys, argv):
    with pytest.raises(SystemExit) as exit:
        command.main(argv)
    assert exit.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("spiking-lmu")
    assert len(shown.err.splitlines()) == 1 and len(shown.err) < 400
    assert "invalid int value" not in shown.err


def test_positional_arguments_are_named_as_help_names_them(capsys):
    assert "argument MODEL: must be" in refused(capsys, "deploy", "none.npz")
    error = refused(capsys, "energy", "--rates", "1-2")
    assert "argument --rates: must be such as '50-100'" in error and "'1-2'" in error
    error = refused(capsys, "precision", "--trials", "many")
    assert "argument --trials: must be an integer, but is 'many'" in error


def test_a_command_ends_with_what_was_found(capsys, monkeypatch, tmp_path):
    found = report.Report(
        "precision", "A title", "It errs by 0.25.", laws=(report.Law("RMSE ∝ m"),)
    )

    def publish(self, arguments, text, out, **execution):
        frame = pd.DataFrame({"rmse": [0.25]})
        return report.write(out, found, frame, {}, report.Run(text, {}, 0, 1.0)), 0

    monkeypatch.setattr(Experiment, "publish", publish)
    assert command.main(["precision", "--backend", "loihi"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "It errs by 0.25.",
        "RMSE ∝ m",
        "Report: results/precision-loihi/report.html",
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_errors_of_workers_take_one_line(capsys, monkeypatch, tmp_path, jobs):
    def fail(task):  # within, so that workers need not import this file
        raise ValidationError("is bad\ntwice", attr="data")

    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    failing = dataclasses.replace(precision.experiment, run_task=fail)
    monkeypatch.setattr(command, "load", lambda place: failing)
    argv = ["precision", "--orders", "3", "--no-floor", "--quiet", "--jobs", str(jobs)]
    argv += ["--designs", "balanced/optimal", "--neuron-types", "poisson,lif"]
    assert command.main(argv) == 1
    error = capsys.readouterr().err
    assert error == (
        "spiking-lmu: all 18 tasks failed, the first: ValidationError: data: is bad "
        "twice; all errors are in results/precision/failures.txt\n"
    )
    told = (tmp_path / "results" / "precision" / "failures.txt").read_text()
    assert told.count("Traceback") == 18


def test_where_too_little_is_left_to_be_shown_errors_are_kept(
    capsys, monkeypatch, tmp_path
):
    def fail(task):
        if task["study"] == "grid":
            raise ArithmeticError("no grid")
        return [{"study": task["study"], "rmse": 1.0}]

    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    failing = dataclasses.replace(precision.experiment, run_task=fail)
    monkeypatch.setattr(command, "load", lambda place: failing)
    argv = ["precision", "--orders", "3", "--neuron-types", "lif", "--jobs", "1"]
    assert command.main([*argv, "--quiet"]) == 1
    error = capsys.readouterr().err
    assert "at least one trial of the study 'grid'" in error
    assert "all errors are in results/precision/failures.txt" in error
    told = (tmp_path / "results" / "precision" / "failures.txt").read_text()
    assert told.count("ArithmeticError: no grid") == 18 and error.count("\n") == 1


@pytest.mark.parametrize("experiment", ["psmnist", "seqmnist"])
@pytest.mark.parametrize(
    "name, content",
    [
        ("missing.csv", None),
        ("digit", None),
        ("", None),
        ("signal.wav", b""),
        ("empty.tsv", b""),
        ("words.csv", b"a,b\nc,d\n"),
        ("uneven.csv", b"a,1,2\nb,1\n"),
        ("text.npz", b"hello"),
        ("binary.csv", bytes(range(256))),
    ],
)
def test_bad_data_is_told_before_anything_runs(
    capsys, tmp_path, experiment, name, content
):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    error = refused(capsys, experiment, "--data", name)
    assert "argument --data: must be" in error and name in error
    assert not (tmp_path / "results").exists()


def test_ctrl_c_while_packages_are_imported_is_one_line(monkeypatch, capsys):
    def interrupted(place):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "load", interrupted)
    assert command.main(["precision"]) == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


def test_ctrl_c_is_not_lost_where_python_ignores_exceptions():
    """In callbacks of imports for instance; ended before anything could be lost."""
    code = (
        "import signal, sys, time\n"
        "from spiking_lmu.experiments import command\n"
        "class Callback:\n"
        "    def __del__(self):\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "command.load = lambda place: Callback() and None\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.exit(command.main(['precision']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (130, "Interrupted.")


def test_handlers_of_ctrl_c_are_put_back(monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit):
        command.main(["--version"])
    assert signal.getsignal(signal.SIGINT) is before
    with ThreadPoolExecutor(1) as pool, pytest.raises(SystemExit):
        pool.submit(command.main, ["--version"]).result()


@pytest.mark.parametrize("argv", [["--model", "x.npz"], ["--model=y.npz", "x.npz"]])
def test_a_positional_that_is_typed_as_an_option(argv, capsys):
    with pytest.raises(SystemExit):
        command.main(["deploy", *argv])
    assert "--model is not an option; give MODEL without it" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--version"], ["--help"], [], ["nonsense"]])
def test_what_needs_no_experiment_imports_none(argv):
    code = (
        "import sys\n"
        "from spiking_lmu.experiments.command import main\n"
        "try:\n"
        f"    main({argv})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print({m.partition('.')[0] for m in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(ast.literal_eval(done.stdout.splitlines()[-1]))
    slow = {"nengo", "numpy", "scipy", "pandas", "matplotlib", "jinja2", "joblib"}
    assert not loaded & slow


def test_completion_knows_commands_and_options(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "script"
    with pytest.raises(SystemExit) as exit:
        command.main(["--install-completion", "--shell", "bash", f"--output={script}"])
    assert exit.value.code == 0
    text = script.read_text()
    assert "mackey-glass" in text and "--neuron-types" in text and "--no-floor" in text
