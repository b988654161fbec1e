"""Classification of sequences: tasks, files, and a run in full."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments import classification as psmnist
from spiking_lmu.experiments import command
from spiking_lmu.experiments.classification import experiment, sources
from spiking_lmu.experiments.classification import trials as psmnist_trials
from spiking_lmu.experiments.sweeps.tasks import SweepResult
from spiking_lmu.networks import SequenceNetwork, freeze

COMMAND = (
    "psmnist --data digits --orders 8 --units 10 --trainings 1 --epochs 3 "
    "--rungs rate,poisson-relu --neurons 200 --presentations 2 --images 40"
)
ARGUMENTS = {
    "orders": (8,), "units": 10, "trainings": 2, "epochs": 2, "noise": 0.1,
    "rungs": ("relu", "poisson-relu"), "neurons": (200,), "presentations": (1, 2),
    "images": 30, "chip_images": 5, "chip_neurons": 100,
}  # fmt: skip


def plan(**arguments):
    """The tasks that train, and those that run what was trained."""
    training, ladder = experiment.plan(experiment.complete({**ARGUMENTS, **arguments}))
    finished = SweepResult(pd.DataFrame(), [], 0, 0, training.tasks)
    return training.tasks, ladder.tasks(finished)


def test_tasks_are_complete_and_different():
    trained, ladder = plan()
    assert len(trained) == 2 and len({t["seed"] for t in trained}) == 2
    # two networks, two times, two rungs, each without and with noise
    assert len(ladder) == 2 * 2 * 2 * 2
    assert len({json.dumps(t, sort_keys=True) for t in trained + ladder}) == 18
    paths = {psmnist_trials.model_path("x", t) for t in trained + ladder}
    assert len(paths) == 2
    assert {t["rung"] for t in ladder if t["noise_aware"]} == {"relu", "poisson-relu"}
    _, others = plan(rungs=("loihi", "rate"), noise_aware=("yes",))
    found = {(t["rung"], t["neurons"], t["images"], t["noise_aware"]) for t in others}
    assert found == {("loihi", 100, 5, True), ("rate", 200, 30, False)}
    assert plan(rungs=())[1] == []
    _, one = plan(orders=(8, 9), ladder_orders=(9,))
    assert {t["order"] for t in one} == {9}


def test_networks_whose_training_failed_are_not_run():
    training, ladder = experiment.plan(experiment.complete(ARGUMENTS))
    failed, finished = training.tasks
    done = SweepResult(pd.DataFrame(), [(failed, "error")], 0, 1, [finished])
    assert {t["seed"] for t in ladder.tasks(done)} == {finished["seed"]}


@pytest.mark.parametrize(
    "name, value",
    [
        ("data", ""), ("data", 3), ("orders", ()), ("orders", (0,)),
        ("orders", (8, 8)), ("orders", (5000,)), ("units", 0), ("trainings", 0),
        ("activation", "sigmoid"),
        ("epochs", 0), ("batch_size", 0), ("learning_rate", 0), ("learning_rate", 2),
        ("noise", -0.1), ("noise", np.nan), ("dropout", 1.0), ("seed", -1),
        ("rungs", ("direct",)), ("rungs", ("relu", "relu")), ("neurons", ()),
        ("neurons", (0,)), ("neurons", (7,)), ("presentations", (0,)),
        ("presentations", (1.5,)), ("images", 0), ("chip_images", 0),
        ("chip_neurons", 0), ("synapse", 0), ("rates", 0), ("rates", np.inf),
        ("noise_aware", ("maybe",)), ("noise_aware", ()), ("ladder_orders", ("8",)),
        ("ladder_orders", (9,)),
    ],
)  # fmt: skip
def test_bad_arguments(name, value):
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        plan(**{name: value})


def test_each_state_variable_needs_a_neuron(tmp_path):
    with pytest.raises(ValidationError, match="chip_neurons: must be at least one for"):
        plan(rungs=("loihi",), chip_neurons=7)
    # a memory for each of two channels
    steps = [(k, "ab"[k % 2], t, k * t) for k in range(20) for t in range(4)]
    frame = pd.DataFrame(steps, columns=["sequence", "label", "x", "y"])
    frame.to_csv(tmp_path / "two.csv", index=False)
    data = str(tmp_path / "two.csv")
    with pytest.raises(ValidationError, match="neurons: must be .* 16 state variables"):
        plan(data=data, neurons=(15,))
    assert plan(data=data, neurons=(16,))[1]


def test_a_file_that_has_changed_is_trained_on_again(tmp_path):
    path = tmp_path / "mine.csv"
    lines = [f"{'ab'[k % 2]},{k},{k * k % 7}" for k in range(20)]
    path.write_text("\n".join(lines))
    (first, _), runs = plan(data=str(path))
    assert first == plan(data=str(path))[0][0]
    path.write_text("\n".join(lines[1:]))
    assert len(sources.load(str(path), True).train.x) < 14
    (second, _), runs_of_second = plan(data=str(path))
    assert first != second and runs[0] != runs_of_second[0]
    paths = {psmnist_trials.model_path(tmp_path, task) for task in (first, second)}
    assert len(paths) == 2
    assert psmnist_trials.model_path(tmp_path, runs[0]) in paths


def test_the_command_line_asks_for_the_defaults_of_the_data():
    small = command.parse(["psmnist"]).arguments
    defaults = {k: p.default for k, p in experiment.parameters.items()}
    assert small == defaults and small["data"] == "digits"
    of_mnist = {**defaults, **psmnist.LARGE}
    for data in ("mnist", "a/mnist.npz"):
        large = command.parse(["seqmnist", "--data", data]).arguments
        assert large == {**of_mnist, "data": data, "permuted": False}
    of_own = experiment.complete({"data": "my.csv"})
    assert of_own == {**defaults, **psmnist.OWN, "data": "my.csv"}
    argv = "psmnist --data mnist --orders 8,16 --rungs none --rates 300 --images 5"
    found = command.parse(argv.split()).arguments
    assert (found["orders"], found["rungs"]) == ((8, 16), ())
    assert (found["rates"], found["images"]) == (300.0, 5)
    with pytest.raises(SystemExit):
        command.parse(["psmnist", "--no-permuted"])


def test_tasks_of_earlier_versions_are_found_again():
    """Options that came later are in a task only where they differ from before."""
    new = {"hidden", "hidden_rates", "hidden_synapse", "images_of", "keep", "initial"}
    trained, ladder = plan()
    assert not any(new & set(task) for task in (*trained, *ladder))
    same, others = plan(hidden=("real", "relu"), images_of="validation")
    assert same == trained and len(others) == 2 * len(ladder)
    assert all(task["images_of"] == "validation" for task in others)
    assert sum(task.get("hidden") == "relu" for task in others) == len(ladder)
    _, on_chip = plan(rungs=("loihi",), hidden=("real", "relu"))
    assert not any("hidden" in task for task in on_chip)
    with pytest.raises(
        ValidationError, match="images_of.*if the last weights are kept"
    ):
        plan(keep="last", images_of="validation")
    with pytest.raises(ValidationError, match="hidden.*must be real for units of tanh"):
        plan(activation="tanh", hidden=("relu",))


@pytest.fixture(scope="module")
def results(run_command):
    return run_command(COMMAND)


@pytest.mark.filterwarnings("ignore")
def test_a_run_in_full(results):
    out = results
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    names = {path.name for path in out.iterdir()}
    figures = {f"{a}.{b}" for a in ("ladder", "training") for b in ("png", "svg")}
    assert {"trials.csv", "summary.json", *figures} <= names
    trials = pd.read_csv(out / "trials.csv")
    assert trials["rung"].tolist() == ["exact", "rate", "poisson-relu", "poisson-relu"]
    trained = trials[trials["rung"] == "exact"]
    assert (trained["form"] == "parallel").all() and (trained["images"] == 400).all()
    assert (trained["accuracy"] > 0.3).all()  # chance is a tenth
    assert all((out / name).is_file() for name in trained["model"])
    assert not list((out / "models").glob("*.checkpoint"))
    runs = trials[trials["rung"] != "exact"]
    assert (runs["images"] == 40).all() and (runs["total_neurons"] == 200).all()
    assert ((runs["spikes_per_image"] > 0) == (runs["rung"] != "rate")).all()
    assert (runs["low"] <= runs["accuracy"]).all()
    assert (runs["weights_dense"] > runs["factors_dense"]).all()
    # the same pixels of 0 and 1 add in all rows, and spikes as well
    additions = runs.groupby(runs["rung"] == "rate")["weights_effective_acs"]
    assert additions.min()[False] > additions.max()[True]
    assert (trained["factors_effective_macs"] > 0).all()
    assert "By the measures of NeuroBench" in (out / "report.html").read_text()


@pytest.mark.filterwarnings("ignore")
def test_finished_trials_are_found_again(results, monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("run again")

    monkeypatch.setattr(psmnist_trials, "train", fail)
    monkeypatch.setattr(psmnist_trials, "run_rung", fail)
    arguments = experiment.complete(
        {
            "orders": (8,), "units": 10, "trainings": 1, "epochs": 3,
            "rungs": ("rate", "poisson-relu"), "neurons": (200,),
            "presentations": (2,), "images": 40,
        }
    )  # fmt: skip
    result = experiment.execute(arguments, results, jobs=1)
    assert (result.reused, result.new, result.failures) == (4, 0, [])


def test_defaults_are_those_of_the_networks():
    """A network of the library is the one that the command trains and freezes."""
    network = inspect.signature(SequenceNetwork).parameters
    ours = experiment.parameters
    for name in ("units", "activation"):
        assert ours[name].default == network[name].default
    frozen = inspect.signature(freeze).parameters["synapse"]
    assert ours["synapse"].default == frozen.default


@pytest.fixture
def unequal(tmp_path):
    """Two files of two channels, whose sequences have 6 to 10 steps."""
    rng = np.random.default_rng(0)
    for part, n in (("TRAIN", 24), ("TEST", 10)):
        lines = ["@univariate false", "@classLabel true up down", "@data"]
        for k in range(n):
            steps = np.arange(6 + k % 5)
            rising = (-1) ** (k % 2) * steps + rng.normal(size=len(steps))
            channels = (rising, rng.normal(size=len(steps)))
            words = [",".join(map(str, c.round(3))) for c in channels]
            lines.append(":".join([*words, ("up", "down")[k % 2]]))
        (tmp_path / f"Slopes_{part}.ts").write_text("\n".join(lines))
    return tmp_path / "Slopes"


def test_files_of_unequal_lengths_have_a_command(unequal):
    request = command.parse(["classify", "--data", str(unequal)])
    assert request.folder.name == "classify-Slopes"
    arguments = request.arguments
    assert (arguments["batch_size"], arguments["keep"]) == (10, "last")
    training, ladder = request.experiment.plan(arguments)
    trained = training.tasks
    assert {task["keep"] for task in trained} == {"last"}
    assert {task["initial"] for task in trained} == {"standardized"}
    # as many neurons for each of two channels as for the only one of images
    done = SweepResult(pd.DataFrame(), [], 0, 0, trained)
    assert {task["neurons"] for task in ladder.tasks(done)} == {1000, 4000}
    _, of_images = plan(neurons=None)
    assert {task["neurons"] for task in of_images} == {500, 2000}
    data = sources.load(str(unequal), False)
    assert data.shape == (10, 2) and sorted(set(data.test.lengths)) == [6, 7, 8, 9, 10]
    # what is not needed to choose by is trained on
    held_out, whole = data.validation, sources.load(str(unequal), False, "last")
    assert len(whole.train.y) == len(data.train.y) + len(held_out.y) == 24
    np.testing.assert_array_equal(whole.train.mask[-1], held_out.mask[-1])
    with pytest.raises(ValidationError, match="permuted: must be False, as with the"):
        experiment.plan(experiment.complete({"data": str(unequal)}))
