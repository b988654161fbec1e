"""Options of the command: bad ones are refused in one line, before any work."""

import random
import subprocess
import sys

import numpy as np
import pytest
from nengo.exceptions import ValidationError

from command_cases import no_work, refused  # noqa: F401
from spiking_lmu.experiments import command, options
from spiking_lmu.experiments.experiment import Experiment
from spiking_lmu.experiments.sweeps import backends
from spiking_lmu.experiments.sweeps.backends import Backend

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
    for name in ("--rate", "--channel"):
        assert f"{name}: is for a rec" in refused(capsys, "precision", name, "100")
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
