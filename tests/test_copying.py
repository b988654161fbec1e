"""The copy memory task: its data, its ring, its networks and its page."""

from __future__ import annotations

import json
from importlib import metadata

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments import copying
from spiking_lmu.experiments.copying_figures import cells, plot, plot_training
from spiking_lmu.experiments.copying_report import report
from spiking_lmu.experiments.copying_trials import (
    BLANK,
    BLANKS,
    DELIMITER,
    LENGTH,
    baseline,
    count_lmu,
    count_lstm,
    draw,
    equal_units,
    make_network,
    make_tasks,
    ring,
    run_task,
    score,
    thinned,
)
from spiking_lmu.state_space import discretize, state_space

ARGUMENTS = {
    "delays": (30,),
    "lstm_delays": (12,),
    "models": ("lmu", "lstm"),
    "trials": 1,
    "units": 40,
    "order": 20,
    "sequences": 150,
    "epochs": 4,
    "learning_rate": 0.03,
    "lstm_updates": 4,
    "seed": 0,
}


# ---- The task ----------------------------------------------------------------------


def test_sequences_are_those_of_the_task():
    x, y = draw(50, 7, np.random.default_rng(0))
    assert x.shape == (50, 27, 10) and y.shape == (50, 27)
    assert (x.sum(axis=2) == 1).all()
    shown = x.argmax(axis=2)
    assert set(shown[:, :LENGTH].ravel()) == set(range(8))
    assert (shown[:, LENGTH : LENGTH + 6] == BLANK).all()
    assert (shown[:, LENGTH + 6] == DELIMITER).all()
    assert (shown[:, LENGTH + 7 :] == BLANK).all()
    assert (y[:, :-LENGTH] == BLANK).all()
    np.testing.assert_array_equal(y[:, -LENGTH:], shown[:, :LENGTH])


def test_baseline_is_the_loss_of_blanks_and_guesses():
    _, y = draw(20, 30, np.random.default_rng(0))
    outputs = np.full((*y.shape, 9), -50.0)
    outputs[:, :-LENGTH, BLANK] = 50
    outputs[:, -LENGTH:, :BLANK] = 50
    assert score(outputs, y)["loss"] == pytest.approx(baseline(30))
    sure = 50 * np.eye(9)[y]
    assert score(sure, y) == {"loss": pytest.approx(0, abs=1e-12), "accuracy": 1}


def test_most_blanks_are_left_out():
    _, y = draw(30, 500, np.random.default_rng(0))
    kept = thinned(y, np.random.default_rng(1))
    for part in (slice(LENGTH), slice(-LENGTH - 1, None)):
        np.testing.assert_array_equal(kept[:, part], y[:, part])
    between = kept[:, LENGTH : -LENGTH - 1]
    assert set(between.ravel()) == {-1, BLANK}
    # drawn with repetition, so a few less
    counted = between >= 0
    assert (counted.sum(axis=1) > BLANKS / 2).all()
    assert counted.sum() <= 30 * BLANKS
    # all of these steps are as likely
    n = counted.shape[1]
    error = n / np.sqrt(12 * counted.sum())
    assert abs(np.nonzero(counted)[1].mean() - (n - 1) / 2) < 4 * error


# ---- The ring ----------------------------------------------------------------------


@pytest.mark.parametrize("order, period", [(20, 10), (30, 10), (24, 12)])
def test_what_is_written_goes_round_and_round(order, period):
    Ad, Bd = discretize(*state_space(period, order), 1.0)
    closed = Ad + Bd @ ring(order, period)[None]
    assert np.abs(np.linalg.eigvals(closed)).max() == pytest.approx(1, abs=1e-4)
    u = np.random.default_rng(0).choice([-1.0, 1.0], period)
    m = np.zeros((order, 1))
    states = []
    for t in range(100 * period):
        m = closed @ m + Bd * (u[t] if t < period else 0)
        states.append(m[:, 0])
    late, later = np.array(states[-2 * period : -period]), np.array(states[-period:])
    np.testing.assert_allclose(later, late, atol=1e-3 * np.abs(late).max())
    # all steps of the period can be told from each other: each is a linear function
    weights = np.linalg.lstsq(later, u, rcond=None)[0]
    np.testing.assert_allclose(later @ weights, u, atol=1e-3)


def test_too_small_an_order_does_not_hold_single_steps():
    Ad, Bd = discretize(*state_space(10, 10), 1.0)
    closed = Ad + Bd @ ring(10)[None]
    assert abs(np.abs(np.linalg.eigvals(closed)).max() - 1) > 1e-3


# ---- The networks ------------------------------------------------------------------


def test_as_many_parameters():
    for units in (8, 64, 200):
        n = count_lmu(units, 20)
        found = equal_units(n)
        errors = [abs(count_lstm(k) - n) for k in range(1, 300)]
        assert abs(count_lstm(found) - n) == min(errors)


@pytest.fixture(scope="module")
def trained():
    pytest.importorskip("nengo_dl")
    tasks = make_tasks(**ARGUMENTS)
    return {task["model"]: run_task(task)[0] for task in tasks}


@pytest.mark.filterwarnings("ignore")
def test_lmu_beats_the_baseline_within_few_epochs(trained):
    row = trained["lmu"]
    assert row["baseline"] / row["loss"] > 5
    assert row["accuracy"] > 0.9
    assert row["parameters"] == count_lmu(40, 20)
    seconds, losses = (
        np.array(row[name].split(), float) for name in ("curve_seconds", "curve_loss")
    )
    assert len(seconds) == len(losses) == ARGUMENTS["epochs"]
    assert np.all(np.diff(seconds) > 0)
    # other sequences of the same kind
    assert row["loss"] == pytest.approx(losses.min(), rel=0.5)


@pytest.mark.filterwarnings("ignore")
def test_lstm_has_the_same_test(trained):
    row = trained["lstm"]
    assert row.keys() == trained["lmu"].keys()
    assert row["parameters"] == count_lstm(equal_units(count_lmu(40, 20)))
    assert row["updates"] == 4 and row["order"] is None
    assert row["loss"] > row["baseline"]  # after four updates
    assert len(row["symbols"]) == len(row["answers"]) == LENGTH


@pytest.mark.filterwarnings("ignore")
def test_the_network_is_an_lmu_in_any_form():
    """Step by step on Nengo's reference simulator as all at once."""
    pytest.importorskip("nengo_dl")
    import nengo

    from spiking_lmu import training

    (task, _) = make_tasks(**{**ARGUMENTS, "units": 12})
    network = make_network(task)
    x, y = draw(20, 30, np.random.default_rng(0))
    result = training.fit(network, x, y, loss="crossentropy", epochs=1)
    assert result.form == "parallel"
    outputs = training.predict(network, x[:1], dtype="float64")
    (stimulus,) = (n for n in network.all_nodes if n.label == "stimulus")
    stimulus.output = nengo.processes.PresentInput(x[0], 0.001)
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.run_steps(len(x[0]))
    (probe,) = network.all_probes
    np.testing.assert_allclose(sim.data[probe], outputs[0], atol=1e-9)


# ---- The command -------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_everything_is_written(tmp_path):
    pytest.importorskip("nengo_dl")
    import argparse

    parser = argparse.ArgumentParser()
    copying.add_arguments(parser)
    argv = (
        "--delays 20 --lstm-delays 20 --trials 1 --units 8 --sequences 10 --epochs 2 "
        "--lstm-updates 2 --jobs 1 --quiet"
    )
    page, n_failed = copying.main(parser.parse_args(argv.split()), tmp_path, "copy")
    assert n_failed == 0 and page.is_file()
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert len(trials) == 2
    facts = json.loads((tmp_path / "summary.json").read_text())
    assert [law["model"] for law in facts["laws"]] == ["lmu", "lstm"]
    assert not any(law["solved"] for law in facts["laws"])  # with so little training


def test_laws_tell_what_was_solved():
    rows = [
        {
            "model": model, "delay": 100, "seed": k, "baseline": baseline(100),
            "units": 9, "order": 20 if model == "lmu" else None, "parameters": 1000,
            "updates": 2, "loss": baseline(100) / ratio * 1.1 ** (2 * k - 1),
            "accuracy": 1.0, "symbols": "abcdefghab", "answers": "abcdefgha_",
            "seconds": 2.0, "curve_seconds": "1.0 2.0", "curve_loss": "1e-1 1e-2",
        }
        for model, ratio in (("lmu", 400.0), ("lstm", 1.0)) for k in (0, 1)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    means = cells(frame)
    assert means["loss"].tolist() == pytest.approx([baseline(100) / 400, baseline(100)])
    page = report(frame)
    assert [law.values["ratio"] for law in page.laws] == pytest.approx([400, 1])
    assert [law.values["solved"] for law in page.laws] == [True, False]
    low, high = page.laws[0].values["ratio_low"], page.laws[0].values["ratio_high"]
    assert low < 400 < high and low * high == pytest.approx(400**2)
    assert "LMU at T = 100: a loss 400 times below" in page.lead
    assert "LSTM at T = 100: a loss 1.00 times that" in page.lead
    assert plot(frame).axes and plot_training(frame).axes
    one = frame[frame["seed"] == 0]
    assert "interval" not in report(one).lead and plot(one).axes


def test_no_trials_no_page():
    for draw_page in (report, plot, plot_training):
        with pytest.raises(ValidationError, match="at least one trial"):
            draw_page(pd.DataFrame())


def test_trials_differ_and_models_share_test_sequences():
    many = {"delays": (50, 60), "lstm_delays": (50,), "trials": 3}
    tasks = make_tasks(**{**ARGUMENTS, **many})
    assert len(tasks) == 9
    seeds = {
        model: {t["seed"] for t in tasks if t["model"] == model and t["delay"] == 50}
        for model in ("lmu", "lstm")
    }
    assert seeds["lmu"] == seeds["lstm"] and len(seeds["lmu"]) == 3


@pytest.mark.parametrize(
    "name, value",
    [
        ("delays", ()), ("delays", (1,)), ("delays", (50, 50)), ("lstm_delays", (0,)),
        ("models", ("gru",)), ("models", "lmu"), ("trials", 0), ("units", 0),
        ("order", 19), ("order", 1000), ("sequences", 0), ("epochs", 0),
        ("learning_rate", 0), ("learning_rate", np.nan), ("lstm_updates", 0),
        ("seed", -1),
    ],
)  # fmt: skip
def test_bad_arguments(name, value):
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        make_tasks(**{**ARGUMENTS, name: value})


def test_without_nengo_dl_it_says_what_to_install(monkeypatch, tmp_path):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(copying.metadata, "version", missing)
    with pytest.raises(ImportError, match=r"pip install 'spiking-lmu\[dl\]'"):
        copying.run(**ARGUMENTS, folder=tmp_path)
