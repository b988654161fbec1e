"""The command line: every bad option is refused by its name, before anything runs."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu import __version__
from spiking_lmu.experiments import command, options, precision
from spiking_lmu.experiments.approximation import errors as approximation_errors
from spiking_lmu.experiments.experiment import Experiment
from spiking_lmu.experiments.pages import report
from spiking_lmu.experiments.sweeps import backends
from spiking_lmu.experiments.sweeps import tasks as sweep
from spiking_lmu.experiments.sweeps.backends import Backend


@pytest.fixture(autouse=True)
def no_work(monkeypatch, tmp_path):
    """Let nothing be run, and nothing be written to where the tests are started."""

    def run(*args, **kwargs):
        raise AssertionError("work began")

    monkeypatch.setattr(sweep, "run", run)
    monkeypatch.setattr(approximation_errors, "delay_error", run)
    monkeypatch.chdir(tmp_path)


def refused(capsys, *argv):
    """The last line of the error, which is all of it beside the usage."""
    with pytest.raises(SystemExit) as exit:
        command.main(argv)
    assert exit.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    *usage, error = shown.err.rstrip("\n").split("\n")
    usage = [line for line in usage if "task/s" not in line]  # the progress bar
    assert all(line.startswith(("usage: ", " ")) for line in usage)
    assert error.startswith(f"spiking-lmu {argv[0]}: error: ")
    return error


COUNTS = ("", "0", "-1", "1.5", "nan", "inf", "x", "1e3", "9" * 30)
SIZES = ("", "0", "-1", "nan", "inf", "-inf", "x", "1,2", "1e300", "1e-300")
LISTS = (*COUNTS, ",", "3,", "3,,6", "3,-6", "3,0", "3,nan", "3 6", "3,3", "9" * 5000)
LENGTHS = (*SIZES[:-4], "x", ",", "0.5,", "0.5,0", "0.5,nan", "1e300", "0.5,0.5")
WORDS = ("", ",", "nonsense", "poisson,", "poisson,x", "Poisson", "poisson,poisson")

PRECISION = [
    *(("orders", v) for v in (*LISTS, "257")),
    *(("neurons", v) for v in (*LISTS, "1000001")),
    *(("thetas", v) for v in (*LENGTHS, "1e6", "0.001")),
    *(("synapses", v) for v in (*LENGTHS, "1e6")),
    *(("neuron-types", v) for v in WORDS),
    *(("designs", v) for v in (*WORDS, "balanced", "balanced/x", "/", "optimal/equal")),
    *(("trials", v) for v in (*COUNTS, "10001")),
    *(("cycles", v) for v in (*SIZES, "1000", "0.001")),
    *(("rms", v) for v in SIZES),
    *(("duration", v) for v in (*SIZES, "1e6", "0.001")),
    *(("readout-synapse", v) for v in (*SIZES, "1e6")),
    *(("dt", v) for v in (*SIZES, "0.1")),
    *(("seed", v) for v in ("", "-1", "1.5", "nan", "x", str(2**32))),
    *(("jobs", v) for v in ("", "0", "-1", "1.5", "nan", "x")),
    *(("scheduler", v) for v in ("", "nonsense", "host:", "tcp://", "a b:1")),
    *(("backend", v) for v in ("", "x", "Nengo", "nengo,nengo-dl")),
    *(("network", v) for v in ("", "x", "lmu")),
]


@pytest.mark.parametrize("name, value", PRECISION)
def test_bad_options_of_precision(capsys, name, value):
    error = refused(capsys, "precision", f"--{name}={value}")
    # what is at odds with theta may be called by either name
    named = [name, "dt"] if name in ("thetas", "dt") else [name]
    named += ["duration"] if (name, value) == ("dt", "1e-300") else []
    assert any(f"argument --{one}: " in error for one in named)


CHANNEL = [
    *(("neurons", v) for v in LISTS),
    *(("neuron-types", v) for v in WORDS),
    *(("trials", v) for v in COUNTS),
    *(("freq", v) for v in SIZES),
    *(("seed", v) for v in ("-1", str(2**32))),
    *(("jobs", v) for v in ("0", "-1")),
    *(("orders", v) for v in ("3",)),
    ("designs", "balanced/optimal"),
    ("thetas", "0.5"),
    ("synapses", "0.1"),
    ("cycles", "1"),
    ("rms", "0.5"),
    ("duration", "6"),
    ("readout-synapse", "0.03"),
    ("dt", "0.001"),
    ("signal", "signal.csv"),
    ("rate", "100"),
    ("backend", "loihi"),
]


@pytest.mark.parametrize("name, value", CHANNEL)
def test_bad_options_of_the_channel(capsys, name, value):
    error = refused(capsys, "precision", "--network", "channel", f"--{name}={value}")
    assert f"argument --{name}: " in error


def test_options_of_the_other_network(capsys):
    error = refused(capsys, "precision", "--freq", "10")
    assert "argument --freq: is for --network channel" in error
    error = refused(capsys, "precision", "--network", "channel", "--no-floor")
    assert "argument --no-floor: is for --network memory" in error


APPROXIMATION = [
    *(("orders", v) for v in (*LISTS[:-2], "257")),  # one order twice is once
    *(("max-cycles", v) for v in SIZES),
    *(("points", v) for v in ("", "1", "-1", "2.5", "nan", "100000")),
    *(("tolerances", v) for v in ("", ",", "0", "1", "nan", "-0.1", "x")),
    *(("cycles", v) for v in ("", ",", "0", "1000", "nan", "x")),
    *(("window-cycles", v) for v in SIZES),
    *(("methods", v) for v in ("", ",", "tustin", "zoh,")),
    *(("steps", v) for v in ("", "1", "2.5", "-20", "9" * 30)),
    *(("step-orders", v) for v in ("", "0", "257", "x")),
    *(("step-cycles", v) for v in (*SIZES, "10")),
    *(("seed", v) for v in ("", "-1", "x", "1.5", str(2**31))),
]


@pytest.mark.parametrize("name, value", APPROXIMATION)
def test_bad_options_of_approximation(capsys, name, value):
    error = refused(capsys, "approximation", f"--{name}={value}")
    assert f"argument --{name}: " in error


@pytest.mark.parametrize("experiment", ["precision", "approximation"])
@pytest.mark.parametrize("out", ["", "file", "file/within", "x" * 300])
def test_out_must_be_a_folder(capsys, tmp_path, experiment, out):
    (tmp_path / "file").write_text("mine")
    error = refused(capsys, experiment, "--out", out)
    assert "argument --out: must be a folder" in error
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "name, content",
    [
        ("missing.csv", None),
        ("empty.csv", b""),
        ("one.csv", b"1\n"),
        ("words.csv", b"a\nb\nc\n"),
        ("constant.csv", b"1\n1\n1\n"),
        ("gaps.csv", b"1\n\nnan\n2\n"),
        ("infinite.csv", b"1\ninf\n2\n"),
        ("ragged.csv", b"0,1\n1,2\n2,3,4,5\n3,4\n"),
        ("times.csv", b"0,1\n1,2\n5,3\n"),
        ("wide.csv", b"1,2,3\n4,5,6\n"),
        ("binary.csv", bytes(range(256))),
        ("text.npy", b"hello"),
        ("text.wav", b"hello"),
        ("signal.txt", b"1\n2\n3\n"),
        ("signal", b"1\n2\n3\n"),
    ],
)
def test_bad_signal_files(capsys, tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    error = refused(capsys, "precision", "--rate", "100", "--signal", name)
    assert "argument --signal: " in error and name in error


def test_signal_and_rate_go_together(capsys, tmp_path):
    np.save(tmp_path / "signal.npy", np.sin(np.arange(1000.0)))
    assert "--rate: is for a rec" in refused(capsys, "precision", "--rate", "100")
    error = refused(capsys, "precision", "--signal", "signal.npy")
    assert "argument --rate: must be given in samples per second" in error
    for rate in SIZES:
        error = refused(capsys, "precision", "--signal=signal.npy", f"--rate={rate}")
        assert "--rate: " in error or "--dt: " in error
    assert "--signal: " in refused(capsys, "precision", "--signal", "")
    assert "--signal: " in refused(capsys, "precision", "--signal", str(tmp_path))


@pytest.mark.parametrize(
    "argv, named",
    [
        (("nonsense",), "nonsense"),
        (("precision", "--nonsense"), "--nonsense"),
        (("precision", "stray"), "stray"),
        (("precision", "--orders"), "--orders"),
        (("approximation", "--quiet", "x"), "x"),
    ],
)
def test_unknown_words(capsys, argv, named):
    with pytest.raises(SystemExit) as exit:
        command.main(argv)
    assert exit.value.code == 2
    assert named in capsys.readouterr().err.splitlines()[-1]


def test_a_backend_that_is_not_installed(capsys, monkeypatch):
    absent = Backend(lambda *args: [], packages=("no-such-package",))
    monkeypatch.setattr(backends, "backend", lambda name: absent)
    error = refused(capsys, "precision", "--backend", "nengo-dl")
    assert "the backend 'nengo-dl' needs no-such-package; install it with: " in error


def test_what_is_missing_and_what_is_wrong_take_one_line(capsys, monkeypatch):
    for error, words in (
        (ImportError("needs this:\npip install that"), "error: needs this: pip"),
        (ValidationError("is\nbad", attr="readout_synapse"), "--readout-synapse: is b"),
        (
            ValidationError("is bad", attr="x", obj="a thing"),
            "x: is bad",
        ),
        (ValidationError("is bad", attr="folder"), "argument --out: is bad"),
    ):

        def fail(*args, error=error, **kwargs):
            raise error

        monkeypatch.setattr(Experiment, "execute", fail)
        assert words in refused(capsys, "precision")


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


@pytest.mark.parametrize(
    "text, kind, expected",
    [
        ("3,6", int, (3, 6)),
        (" 3 , -6", int, (3, -6)),
        ("0.1,1e-3", float, (0.1, 0.001)),
        ("poisson, lif", str, ("poisson", "lif")),
    ],
)
def test_lists(text, kind, expected):
    assert options.items(text, kind) == expected


def test_addresses():
    for text in ("tcp://host:8786", "127.0.0.1:8786"):
        assert options.address(text) == text


def test_folders_need_not_exist(tmp_path):
    assert options.folder(str(tmp_path)) == tmp_path
    assert options.folder(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    assert not (tmp_path / "a").exists()
    with pytest.raises(ValueError, match="must be a folder"):
        options.folder("")


@pytest.mark.parametrize(
    "argv, words",
    [
        (["precision", "--jobs", "0"], "argument --jobs: must be an integer"),
        (["precision", "--orders", "3,x"], "argument --orders: must be integers"),
        (["approximation", "--points", "1"], "argument --points: must be"),
    ],
)
def test_the_process_ends_with_status_2(tmp_path, argv, words):
    done = subprocess.run(
        [sys.executable, "-m", "spiking_lmu.experiments.command", *argv],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


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
    assert command.main([*argv, "--designs", "balanced/optimal"]) == 1
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


VALUES = (
    "", "0", "-1", "3", "1.5", "nan", "1e300", ",", "3,", "--", "-", "-x", "--orders",
    "none", "é", "\x00", "9" * 400, "{}", "[1,2", "a=b", "..", "true", "１", "\n",
)  # fmt: skip


def test_random_command_lines_end_in_words(monkeypatch, capsys):
    """Whatever is typed, there is one line of error, or something to run."""

    def publish(self, arguments, text, folder, **execution):
        self.plan(self.prepare(dict(arguments)))
        raise OSError("it would run now")

    monkeypatch.setattr(Experiment, "publish", publish)
    rng = random.Random(0)
    names = list(command.EXPERIMENTS)
    for _ in range(60):
        name = rng.choice(names)
        known = command.load(command.EXPERIMENTS[name][0]).parameters
        argv = [name]
        for _ in range(rng.randint(0, 3)):
            words = rng.choice([*known, "out", "jobs", "scheduler", "full", "x.y"])
            option, value = f"--{words.replace('_', '-')}", rng.choice(VALUES)
            argv += rng.choice([[option], [option, value], [f"{option}={value}"]])
        try:
            status = command.main(argv)
        except SystemExit as exit:
            status = exit.code
        error = capsys.readouterr().err
        assert status in (0, 1, 2), argv
        assert error.count("\n") == (status > 0) and len(error) < 600, argv
