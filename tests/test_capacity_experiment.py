"""The capacity experiment: its task, its memory by two routes, its LSTM, a full run."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError
from scipy.signal import fftconvolve

from spiking_lmu.delay_errors import delay_error
from spiking_lmu.experiments import capacity, command
from spiking_lmu.experiments.capacity.laws import overall, trained
from spiking_lmu.experiments.capacity.recall import (
    delay_steps,
    delayed,
    make_signal,
    remember,
)
from spiking_lmu.experiments.capacity.trials import make_tasks, run_task
from spiking_lmu.experiments.experiment import Result
from spiking_lmu.experiments.pages.report import read_trials

COMMAND = (
    "capacity --steps 20 --lstm-steps 20 --order 12 --units 12 --delays 2 "
    "--cycles 1 --trials 1 --budget 0.032 --batch 10 --growing-steps none"
)
ARGUMENTS = {
    "steps": (40,),
    "lstm_steps": (),
    "order": 12,
    "units": 4,
    "delays": 3,
    "cycles": 2.0,
    "growing_steps": (),
    "density": 0.1,
    "trials": 1,
    "budget": 0.001,
    "batch": 2,
    "learning_rate": 0.01,
    "seed": 0,
}


def run_in(out, *argv):
    status = command.main(["capacity", *argv, "--quiet", f"--out={out}"])
    return out / "report.html", status


def report(frame, arguments):
    return capacity.experiment.report(Result(frame, arguments))[0]


def test_step_by_step_or_by_convolution():
    """The memory's outputs are its impulse responses, convolved with the input."""
    steps, order, lags = 300, 30, delay_steps(300, 7)
    u = make_signal(steps, 1200, 5.0, seed=1)
    impulse = np.eye(1, len(u))[0]
    responses = remember(impulse, steps, order, lags)
    convolved = fftconvolve(u[:, None], responses, axes=0)[: len(u)]
    assert np.allclose(remember(u, steps, order, lags), convolved, atol=1e-11)


def test_delayed_by_indices():
    u, lags = np.arange(1.0, 9.0), np.array([0, 2, 5])
    for n, row in enumerate(delayed(u, lags)):
        assert row.tolist() == [u[n - lag] if n >= lag else 0.0 for lag in lags]


def test_the_memory_recalls_the_whole_window_the_better_the_finer_it_is():
    errors = {}
    for steps in (100, 1000):
        (task,) = make_tasks(**{**ARGUMENTS, "steps": (steps,), "order": 40})
        rows = pd.DataFrame(run_task(task))
        assert rows["delay_steps"].agg(["min", "max"]).tolist() == [0, steps]
        assert rows["compared"].sum() == 3
        errors[steps] = rows["rmse"]
    # the input moves by 2 pi * 2 / steps / sqrt(3) of its rms in a step, on average
    for steps, error in errors.items():
        assert error.max() < 2 * np.pi * 2 / steps / np.sqrt(3)
    # read in the middle of steps, what is left inside goes with their square
    assert errors[1000].median() < errors[100].median() / 30


def test_reading_a_step_late_costs_what_the_signal_moves_in_it():
    """Alignment: one step off is an error of the signal's derivative, not less."""
    steps, lag = 500, np.array([200])
    u = make_signal(steps, 2000, 2.0, seed=3)
    recalled = remember(u, steps, 40, lag)[750:, 0]
    right = np.std(recalled - delayed(u, lag)[750:, 0])
    late = np.std(recalled - delayed(u, lag + 1)[750:, 0])
    moved = np.std(np.diff(u))
    assert right < moved / 50
    assert late == pytest.approx(moved, rel=0.2)


def test_trials_share_inputs_across_models_and_the_longest_come_first():
    tasks = make_tasks(
        **{**ARGUMENTS, "steps": (40, 80), "lstm_steps": (40, 60), "trials": 2}
    )
    order = [(task["model"], task["steps"]) for task in tasks]
    assert order[::2] == [("lstm", 60), ("lstm", 40), ("lmu", 80), ("lmu", 40)]
    seeds = {
        model: [t["seed"] for t in tasks if (t["model"], t["steps"]) == (model, 40)]
        for model in ("lmu", "lstm")
    }
    assert seeds["lmu"] == seeds["lstm"] and len(set(seeds["lmu"])) == 2


def test_a_command_without_lstm(tmp_path):
    argv = (
        "--steps 40,80 --lstm-steps none --order 12 --cycles 2 --trials 2 --jobs 1 "
        "--growing-steps none"
    )
    page, status = run_in(tmp_path, *argv.split())
    assert status == 0 and page.exists()
    facts = json.loads((tmp_path / "summary.json").read_text())
    assert facts["arguments"]["lstm_steps"] == []
    assert [law["steps"] for law in facts["laws"]] == [40, 80]
    assert (tmp_path / "capacity.png").exists() and (tmp_path / "example.svg").exists()
    text = page.read_text()
    assert "LSTM" not in text


def test_the_memory_breaks_where_its_order_ends(tmp_path):
    """With a band that grows, up to where the readout is off by all of the input."""
    argv = (
        "--steps 60,120 --lstm-steps none --order 24 --cycles 2 --trials 2 --jobs 1 "
        "--growing-steps 30,60,90,120,300 --density 0.1"
    )
    page, status = run_in(tmp_path, *argv.split())
    assert status == 0 and (tmp_path / "growing.png").exists()
    facts = json.loads((tmp_path / "summary.json").read_text())
    (law,) = (law for law in facts["laws"] if law["law"] == "breaks")
    assert law["held_rmse"] < 0.1 < law["broken_rmse"]
    assert law["held_low"] > 0
    # by another route: the error of the longest delay at the highest frequency
    assert delay_error(24, law["broken_cycles"])[0] > 0.5
    assert delay_error(24, law["held_cycles"] / 2)[0] < 0.05
    text = page.read_text()
    assert "Where the memory breaks" in text
    # every window of the fixed band stands in the lead, and the band by its name
    lead = report(read_trials(tmp_path), facts["arguments"]).lead
    assert "inputs of up to 2 cycles a window" in lead
    assert "window of 60 steps" in lead and "window of 120 steps" in lead


def test_a_growing_band_needs_a_cycle_in_each_window():
    growing = {**ARGUMENTS, "growing_steps": (20,), "density": 0.01}
    with pytest.raises(ValidationError, match=r"density.*at least 0\.05"):
        make_tasks(**growing)
    tasks = make_tasks(**{**growing, "growing_steps": (40, 80), "density": 0.1})
    cycles = {t["steps"]: t["cycles"] for t in tasks if t["band"] == "growing"}
    assert cycles == {40: pytest.approx(4), 80: pytest.approx(8)}


@pytest.fixture(scope="module")
def learned(run_command):
    return run_command(COMMAND)


@pytest.mark.filterwarnings("ignore")
def test_an_lstm_learns_what_it_can_in_a_short_window(learned):
    trials = pd.read_csv(learned / "trials.csv")
    lstm = trials[trials["model"] == "lstm"]
    present = lstm[lstm["delay_steps"] == 0].sort_values("trained_steps")["rmse"]
    assert present.iloc[0] > 0.7 and present.iloc[-1] < 0.5 * present.iloc[0]
    assert lstm["trained_steps"].max() == 32_000 == lstm["updates"].max() * 10 * 40
    # gates: input, recurrent weights and biases; and the two outputs
    assert (lstm["parameters"] == 4 * (12 + 12 * 12 + 12) + 2 * 12 + 2).all()
    assert (lstm["state_variables"] == 24).all()
    assert "LSTM" in (learned / "report.html").read_text()


@pytest.mark.filterwarnings("ignore")
def test_equal_seeds_train_equal_networks(learned):
    arguments = json.loads((learned / "summary.json").read_text())["arguments"]
    lstm, _ = make_tasks(**arguments)
    before = read_trials(learned).query("model == 'lstm'")
    again = pd.DataFrame(run_task(lstm))
    assert again["rmse"].tolist() == before["rmse"].tolist()


def test_without_tensorflow_it_says_what_to_install(uninstall, tmp_path):
    uninstall("tensorflow")
    with pytest.raises(ImportError, match=r"--lstm-steps none.*'spiking-lmu\[dl\]'"):
        capacity.run(**{**ARGUMENTS, "lstm_steps": (40,)}, folder=tmp_path)


@pytest.mark.parametrize(
    "name, value",
    [
        ("steps", ()), ("steps", (10,)), ("steps", (40, 40)), ("steps", (10**6,)),
        ("lstm_steps", (5,)), ("lstm_steps", (10**5,)), ("order", 0), ("units", 0),
        ("delays", 1), ("cycles", 0.5), ("cycles", 11), ("trials", 0), ("budget", 0),
        ("batch", 0), ("learning_rate", -1), ("seed", -1), ("growing_steps", (5,)),
        ("density", 0.0), ("density", 0.3), ("density", np.nan),
    ],
)  # fmt: skip
def test_bad_arguments(name, value):
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        capacity.experiment.plan({**ARGUMENTS, name: value})


def test_full_is_a_default_that_arguments_override():
    seen = command.parse(["capacity", "--full", "--trials", "2"]).arguments
    assert seen["trials"] == 2 and seen["budget"] == 90
    assert seen["order"] == 105


def test_over_all_delays_squares_are_averaged():
    rows = [
        {
            "model": "lmu", "steps": 40, "trained_steps": 0, "updates": 0, "seed": seed,
            "train_seconds": 0.0, "run_seconds": 0.0, "parameters": 9, "delay": delay,
            "band": "fixed",
            "state_variables": 3, "compared": delay != 0.5, "rmse": rmse,
            "delay_steps": int(40 * delay),
        }
        for seed in (0, 1) for delay, rmse in ((0.0, 3.0), (0.5, 99.0), (1.0, 4.0))
    ]  # fmt: skip
    means = overall(pd.DataFrame(rows))
    assert means["rmse"].tolist() == [pytest.approx(np.sqrt(12.5))]
    assert trained(pd.DataFrame(rows)).shape[0] == 6


def test_no_trials_no_page():
    with pytest.raises(ValidationError, match="at least one trial"):
        report(pd.DataFrame(), ARGUMENTS)
