"""The copy memory task: its data, its networks, the ring, its training and its page."""

import json

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from copying_cases import ARGUMENTS
from spiking_lmu.experiments import copying
from spiking_lmu.experiments.command import main
from spiking_lmu.experiments.copying.figures import plot, plot_training
from spiking_lmu.experiments.copying.laws import cells
from spiking_lmu.experiments.copying.ring import BLANKS, thinned
from spiking_lmu.experiments.copying.sequences import (
    BLANK,
    DELIMITER,
    LENGTH,
    baseline,
    draw,
    score,
)
from spiking_lmu.experiments.copying.trials import make_tasks
from spiking_lmu.experiments.experiment import Result

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


# ---- The command -------------------------------------------------------------------


def test_everything_is_written(tmp_path):
    argv = (
        "copy --encoders learned --delays 4 --updates 3 --trials 2 "
        f"--learning-rates 0.01 --jobs 1 --quiet --out {tmp_path}"
    )
    assert main(argv.split()) == 0
    assert (tmp_path / "report.html").is_file()
    assert len(list((tmp_path / "training").glob("*.npz"))) == 2
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert len(trials) == 4 and set(trials["encoders"]) == {"learned"}
    facts = json.loads((tmp_path / "summary.json").read_text())
    assert [law["model"] for law in facts["laws"]] == ["lmu", "lstm"]
    assert not any(law["solved"] for law in facts["laws"])  # with so little training
    assert (tmp_path / "training.png").is_file()


def some_rows():
    common = {
        "parameters": 6500, "state_variables": 68, "units": 9, "learning_rate": 0.003,
        "rates": "0.001 0.003", "rate_losses": "0.2 0.1", "accuracy": 1.0,
        "symbols": "abcdefghab", "answers": "abcdefgha_", "seconds": 2.0,
        "curve_updates": "10 20", "curve_loss": "1e-1 1e-2", "updates": 20,
    }  # fmt: skip
    made = {("lmu", "learned"): 400.0, ("lstm", "learned"): 1.0, ("lmu", "ring"): 9.0}
    return pd.DataFrame(
        [
            {
                **common,
                "model": model,
                "encoders": encoders,
                "delay": 100,
                "seed": k,
                "baseline": baseline(100),
                "order": 20 if model == "lmu" else None,
                "loss": baseline(100) / ratio * 1.1 ** (2 * k - 1),
            }
            for (model, encoders), ratio in made.items()
            for k in (0, 1)
        ]
    )


def page_of(frame):
    return copying.experiment.report(Result(frame))[0]


def test_laws_tell_what_was_solved():
    frame = some_rows()
    means = cells(frame)
    wanted = [baseline(100) / 400, baseline(100), baseline(100) / 9]
    assert means["loss"].tolist() == pytest.approx(wanted)
    assert (means["loss_low"] > 0).all()
    page = page_of(frame)
    assert [law.values["ratio"] for law in page.laws] == pytest.approx([400, 1, 9])
    assert [law.values["solved"] for law in page.laws] == [True, False, False]
    low, high = page.laws[0].values["ratio_low"], page.laws[0].values["ratio_high"]
    assert low < 400 < high and low * high == pytest.approx(400**2)
    assert "LMU at T = 100, after 20 updates: a loss 400 times below" in page.lead
    assert "LSTM at T = 100, after 20 updates: a loss 1.00 times that" in page.lead
    assert "ing by hand" not in page.lead
    assert plot(frame).axes and plot_training(frame).axes
    one = frame[frame["seed"] == 0]
    assert "interval" not in page_of(one).lead and plot(one).axes


def test_the_ring_is_called_a_demonstration():
    page = page_of(some_rows())
    (section,) = (s for s in page.sections if s.title == "The ring")
    assert "demonstration" in section.paragraphs[0]
    assert "made by hand and not learned" in section.paragraphs[0]
    (table,) = (s.table for s in page.sections if s.title == "All networks")
    assert "ring by hand" in set(table["Network"])


def test_the_protocol_stands_beside_the_published_one():
    page = page_of(some_rows())
    (section,) = (s for s in page.sections if s.title == "Learned encoders")
    assert list(section.table) == ["", "Published", "Here"]
    rows = section.table.set_index("")
    assert rows.loc["Updates", "Here"] == "20"
    assert "0.003 (LSTM, T = 100)" in rows.loc["Learning rate", "Here"]
    assert "at an end of the list" in section.paragraphs[-1]


def test_no_trials_no_page():
    for draw_page in (page_of, plot, plot_training):
        with pytest.raises(ValidationError, match="at least one trial"):
            draw_page(pd.DataFrame())
    with pytest.raises(ValidationError, match="learned encoders"):
        plot_training(some_rows().query("encoders == 'ring'"))


def test_trials_differ_and_models_share_test_sequences():
    many = {"delays": (50, 60), "ring_delays": (50,), "trials": 3}
    tasks = make_tasks(**{**ARGUMENTS, **many})
    assert len(tasks) == 2 * 2 + 3
    by = {(t["model"], t["delay"]): t for t in tasks if t["encoders"] == "learned"}
    assert by["lmu", 50]["seeds"] == by["lstm", 50]["seeds"]
    assert len(set(by["lmu", 50]["seeds"] + by["lmu", 60]["seeds"])) == 6


@pytest.mark.parametrize(
    "name, value",
    [
        ("encoders", ("hand",)), ("encoders", ()), ("delays", ()), ("delays", (1,)),
        ("delays", (50, 50)), ("ring_delays", (0,)), ("models", ("gru",)),
        ("models", "lmu"), ("updates", 0), ("learning_rates", (0,)),
        ("learning_rates", (np.nan,)), ("trials", 0), ("ring_units", 0),
        ("ring_order", 19), ("ring_order", 1000), ("ring_sequences", 0),
        ("ring_epochs", 0), ("ring_learning_rate", 0),
        ("ring_learning_rate", np.nan), ("seed", -1),
    ],
)  # fmt: skip
def test_bad_arguments(name, value):
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        copying.experiment.plan({**ARGUMENTS, name: value})


def test_without_nengo_dl_it_says_what_to_install(uninstall, tmp_path):
    uninstall("nengo-dl")
    with pytest.raises(ImportError, match=r"ring .*pip install 'spiking-lmu\[dl\]'"):
        copying.run(**ARGUMENTS, folder=tmp_path)


def test_learned_encoders_need_no_nengo_dl(uninstall, tmp_path):
    uninstall("nengo-dl")
    few = {"encoders": ("learned",), "models": ("lstm",), "updates": 1, "trials": 1}
    assert len(copying.run(**{**ARGUMENTS, **few}, folder=tmp_path, jobs=1)) == 1


def test_trials_are_found_again_with_and_without_the_ring():
    """Their packages are the same, whatever encoders there are."""
    learned, both = (
        copying.experiment.needs({"encoders": kinds})
        for kinds in (("learned",), ("learned", "ring"))
    )
    assert learned == both and set(both) == {"nengo-dl", "tensorflow"}
