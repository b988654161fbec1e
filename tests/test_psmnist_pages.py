"""Figures and pages of the classification of sequences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.data.archives import write_archive
from spiking_lmu.experiments import classification as psmnist
from spiking_lmu.experiments.classification import experiment
from spiking_lmu.experiments.classification.answers import pack, unpack
from spiking_lmu.experiments.classification.figures import (
    AWARE,
    NAMES,
    RUNGS,
    SPIKING,
    cells,
    exact,
    most_neurons,
    parts_of,
    plot,
    plot_costs,
    plot_training,
)
from spiking_lmu.experiments.classification.report import PUBLISHED
from spiking_lmu.experiments.experiment import Result
from spiking_lmu.experiments.pages import style
from spiking_lmu.intervals import mean_interval
from spiking_lmu.neurons import NEURON_TYPES


def report(frame, permuted=True, folder=Path()):
    one = experiment if permuted else psmnist.seqmnist
    return one.report(Result(frame, folder=folder))[0]


def make_frame(data="mnist", permuted=True, networks=3, rungs=None, images=2000):
    """Trials as they might have been, around known means."""
    rng = np.random.default_rng(0)
    rungs = ("rate", "relu", "poisson-relu", "loihi") if rungs is None else rungs
    rows = []
    for seed in range(networks):
        same = {"data": data, "permuted": permuted, "order": 64, "units": 20}
        same.update(activation="relu", epochs=3, seed=seed, images=images)
        rows.append(
            {
                **same, "rung": "exact", "n_neurons": 0, "total_neurons": 0,
                "presentation": 1, "noise_aware": False,
                "accuracy": 0.98 + 0.001 * seed, "exact_accuracy": 0.98,
                "parameters": 900, "form": "parallel", "best_epoch": 2,
                "validation_accuracy": 0.975, "train_seconds": 12.5,
                "spikes_per_image": 0.0, "model": f"models/{seed}.npz",
            }
        )  # fmt: skip
        for rung in rungs:
            for aware in (False,) if rung == "rate" else (False, True):
                for neurons in (640, 6400):
                    for presentation in (1, 4):
                        lost = 20 / np.sqrt(neurons * presentation) / (1 + aware)
                        lost += 0.001 * rng.standard_normal()
                        rows.append(
                            {
                                **same, "rung": rung, "noise_aware": aware,
                                "n_neurons": neurons // 64, "total_neurons": neurons,
                                "presentation": presentation,
                                "accuracy": round((0.98 - lost) * images) / images,
                                "exact_accuracy": 0.98, "agreement": 0.9,
                                "spikes_per_image": 1000.0 * presentation,
                                **(CHIP if rung == "loihi" else {}),
                            }
                        )  # fmt: skip
    return with_answers(pd.DataFrame(rows))


def with_answers(frame):
    """The same trials, telling which images they classify rightly: the first ones."""
    for share, name in (("accuracy", "right"), ("exact_accuracy", "exact_right")):
        n = (frame[share] * frame["images"]).round().astype(int)
        frame[share] = n / frame["images"]
        frame[name] = [pack(np.arange(m) < k) for k, m in zip(n, frame["images"])]
    return frame


CHIP = {
    "cores": 12, "chips": 1, "steps": 784, "synaptic_operations": 1e4,
    "energy_low": 500.0, "energy_high": 900.0,
}  # fmt: skip


def test_means_and_intervals():
    frame = make_frame()
    (row,) = exact(frame).itertuples()
    rows = frame[frame["rung"] == "exact"]
    expected = mean_interval(unpack(rows), "share")
    assert (row.accuracy, row.low, row.high) == pytest.approx(expected)
    assert row.accuracy == pytest.approx(rows["accuracy"].mean())
    means = cells(frame)
    assert len(means) == 7 * 2 * 2
    assert list(dict.fromkeys(means["step"])) == [
        name
        for name in NAMES
        if parts_of(name).rung in ("rate", "relu", "poisson-relu", "loihi")
        and not parts_of(name).spiking
        and not parts_of(name).shaped
        and not (parts_of(name).aware and name.startswith("rate"))
    ]
    drops = means["exact_accuracy"] - means["accuracy"]
    assert np.allclose(means["drop"], drops)
    assert (means["drop_low"] < drops).all() and (drops < means["drop_high"]).all()
    # of a single network, what its images tell
    means = cells(make_frame(networks=1, images=100))
    assert ((means["low"] < means["accuracy"]) & (means["low"] > 0)).all()
    assert (means["high"] <= 1).all()
    assert (means["drop_low"] < means["drop"]).all()


def all_spiking(frame):
    """Trials, and as many in which hidden units spike as well."""
    rows = frame[frame["rung"].isin(["relu", "coordinated-relu"])]
    more = rows.assign(
        hidden="relu", hidden_spikes=500.0,
        spikes_per_image=rows["spikes_per_image"] + 500,
    )  # fmt: skip
    return pd.concat([frame, more], ignore_index=True)


def test_all_neurons_have_a_place():
    assert set(RUNGS) == {*NEURON_TYPES, "loihi"}


def test_rows_say_whether_noise_is_shaped():
    frame = make_frame(rungs=("relu", "coordinated-relu"))
    more = frame[frame["rung"] != "exact"].assign(noise_shaping=True)
    means = cells(pd.concat([frame, more], ignore_index=True))
    shaped = means["step"].map(lambda step: parts_of(step).shaped)
    assert shaped.sum() == len(means) / 2
    page = report(pd.concat([frame, more], ignore_index=True))
    section = next(s for s in page.sections if s.title == "From exact to spikes")
    assert "carries the error of its decoded value" in str(section)


def test_rows_say_whether_hidden_units_spike():
    frame = all_spiking(make_frame(rungs=("relu", "coordinated-relu")))
    means = cells(frame)  # the first rows are as those of earlier versions
    spiking = means["step"].str.endswith(SPIKING)
    assert spiking.sum() == len(means) / 2 == 2 * 2 * 2 * 2
    assert (means["hidden"][spiking] == "relu").all()
    assert (means["hidden"][~spiking] == "real").all()
    extra = means["spikes_per_image"][spiking] - 1000 * means["presentation"][spiking]
    assert (extra == 500).all() and (means["hidden_spikes"][spiking] == 500).all()
    assert {parts_of(name) for name in NAMES} >= {parts_of(s) for s in means["step"]}
    assert len({parts_of(name) for name in NAMES}) == len(NAMES)
    page = report(frame)
    (table,) = (s.table for s in page.sections if s.title == "From exact to spikes")
    assert set(table["Hidden units"]) == {"real numbers", "integrate-and-fire"}
    (table,) = (s.table for s in page.sections if s.title == "Beside published values")
    assert table["Protocol"].str.contains("hidden units spike").sum() == 4
    words = " ".join(law.words for law in page.laws)
    assert "of which hidden units send 500" in words


def test_values_of_validation_images_do_not_stand_beside_published_ones():
    frame = make_frame(rungs=("relu",))
    frame.loc[frame["rung"] == "relu", "images_of"] = "validation"
    page = report(frame)
    assert "These are validation images" in page.lead
    (table,) = (s.table for s in page.sections if s.title == "Beside published values")
    assert not table["Protocol"].str.contains("spikes an image").any()


def test_costs_are_drawn_for_the_most_neurons():
    frame = all_spiking(make_frame(rungs=("rate", "relu", "coordinated-relu", "loihi")))
    shown = most_neurons(cells(frame))
    assert set(shown["total_neurons"]) == {6400}
    assert {parts_of(s)[0] for s in shown["step"]} == {"relu", "coordinated-relu"}
    by_time, by_spikes = plot_costs(frame).axes
    lines = [line for line in by_spikes.lines if line.get_marker() in ("None", None)]
    drawn = np.concatenate([line.get_xdata() for line in lines[1:]])
    assert len(by_time.lines) == len(by_spikes.lines) > 4
    spikes = shown["spikes_per_image"]
    assert drawn.min() > 0.8 * spikes.min() and drawn.max() < 1.2 * spikes.max()


@pytest.mark.parametrize("networks", [1, 3])
@pytest.mark.parametrize(
    "rungs", [None, (), ("loihi",), ("rate",), ("poisson-relu",), NEURON_TYPES]
)
def test_figures_and_pages_of_all_kinds(networks, rungs):
    frame = make_frame(networks=networks, rungs=rungs)
    style.render(plot(frame), "svg")
    page = report(frame)
    titles = [section.title for section in page.sections]
    assert ("On the chip" in titles) == (rungs is None or "loihi" in rungs)
    assert ("From exact to spikes" in titles) == (rungs != ())
    assert page.laws[0].values["law"] == "exact"
    assert page.laws[0].words in page.lead


def test_perfect_networks_can_be_drawn():
    frame = with_answers(make_frame().assign(accuracy=1.0, exact_accuracy=1.0))
    style.render(plot(frame), "svg")
    assert "100.00 %" in report(frame).lead


def test_the_lead_has_the_best_that_spikes():
    frame = make_frame()
    page = report(frame)
    assert "98.10 %" in page.lead
    spikes = cells(frame).query("step != 'rate'")
    best = spikes.loc[spikes["accuracy"].idxmax()]
    assert best["step"].endswith(AWARE) and "noise-aware" in page.lead
    assert f"{100 * best['accuracy']:.2f} %" in page.lead
    laws = [law.values for law in page.laws if law.values["law"] == "noise-aware"]
    assert [law["rung"] for law in laws] == ["relu", "poisson-relu", "loihi"]
    assert all(0 < law["low"] < law["points"] < law["high"] for law in laws)


@pytest.mark.parametrize("n", [1, 8, 100, 1003])
def test_answers_are_packed_and_unpacked(n):
    right = np.random.default_rng(n).random((3, n)) < 0.9
    rows = pd.DataFrame({"images": n, "right": [pack(row) for row in right]})
    np.testing.assert_array_equal(unpack(rows), right)


def test_trials_without_answers_are_refused():
    with pytest.raises(ValidationError, match="which images were classified"):
        exact(make_frame().drop(columns="right"))


def test_few_neurons_that_are_enough():
    frame = make_frame(rungs=("relu",))
    spiking = frame["rung"] == "relu"
    frame.loc[spiking, "accuracy"] = 0.98 - (0.98 - frame["accuracy"]) / 8
    frame = with_answers(frame)
    laws = [v.values for v in report(frame).laws if v.values["law"] == "enough"]
    close = cells(frame).query("drop <= 0.01")
    assert 0 < len(close) < len(cells(frame))
    few = close.groupby(["step", "presentation"])["total_neurons"].min()
    expected = {
        step: {str(time): int(n) for (_, time), n in of_step.items()}
        for step, of_step in few.groupby(level="step")
    }
    assert {law["rung"]: law["neurons"] for law in laws} == expected


@pytest.mark.parametrize(
    "data, permuted, shown",
    [
        ("mnist", True, True), ("my/mnist.npz", True, True), ("mnist", False, False),
        ("digits", True, False), ("mine.csv", True, False),
    ],
)  # fmt: skip
def test_published_values_are_for_permuted_mnist(data, permuted, shown):
    page = report(make_frame(data, permuted), permuted)
    tables = [s.table for s in page.sections if s.title == "Beside published values"]
    assert len(tables) == shown
    assert page.name == ("psmnist" if permuted else "seqmnist")
    for table in tables:
        sources = set(table["Source"])
        assert {row[3] for row in PUBLISHED} <= sources
        assert table["Test accuracy, %"].astype(float).is_monotonic_decreasing
        assert (table["Network"] == "LMU, order 64, 20 relu units").sum() == 1
        # neither value nor protocol of another network can be taken for ours
        assert table["Protocol"].str.contains("hidden units not spiking").sum() == 6


def test_training_is_drawn_from_the_files_of_the_networks(tmp_path):
    frame = make_frame(networks=2)
    assert plot_training(tmp_path, frame).axes  # none of them there
    history = {
        "epoch": [1, 2], "loss": [1.0, 0.5], "validation_loss": [0.9, 0.6],
        "validation_accuracy": [0.5, 1.0],
    }  # fmt: skip
    text = {"about": {"about": {"history": history}}}
    write_archive(tmp_path / "models" / "0.npz", {}, text)
    losses, errors = plot_training(tmp_path, frame).axes
    assert losses.lines[1].get_ydata().tolist() == [0.9, 0.6]
    assert errors.lines[0].get_ydata()[0] == 50
    alone = {name: history[name] for name in ("epoch", "loss")}
    text = {"about": {"about": {"history": alone}}}
    write_archive(tmp_path / "models" / "0.npz", {}, text)
    (losses,) = plot_training(tmp_path, frame).axes
    assert losses.lines[0].get_ydata().tolist() == [1.0, 0.5]


def test_no_trials_no_page(tmp_path):
    for draw in (report, plot, lambda frame: plot_training(tmp_path, frame)):
        with pytest.raises(ValidationError, match="at least one trial"):
            draw(pd.DataFrame())
