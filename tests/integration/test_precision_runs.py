"""The precision experiment on other simulators and inputs, and what goes wrong."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from precision_cases import ARGUMENTS, TIMES, options, tasks_of
from spiking_lmu.experiments import command, precision
from spiking_lmu.experiments.experiment import Experiment, Result
from spiking_lmu.experiments.pages.report import read_trials
from spiking_lmu.experiments.precision.trials import make_tasks

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
        ({"neuron_types": ("coordinated",)}, "each on its own, .*'coordinated'"),
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


def test_noise_of_other_shifts_is_predicted_along_the_input(tmp_path):
    """But not where it is shaped."""
    designs = ("balanced/optimal", "balanced/optimal/shaped")
    frame = precision.run(
        orders=(3,),
        neurons=(30,),
        trials=2,
        duration=1.0,
        neuron_types=("coordinated-golden",),
        designs=designs,
        floor=False,
        generators=False,
        folder=tmp_path,
        jobs=1,
        progress=False,
    )
    shaped = frame["noise_shaping"].astype(bool)
    predicted = np.hypot(frame["predicted_rmse"], frame["distortion"])
    assert sorted(shaped) == [False, False, True, True]
    assert frame["predicted_rmse"][shaped].isna().all()
    assert ((predicted / frame["rmse"])[~shaped]).between(0.6, 1.7).all()
