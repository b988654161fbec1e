"""Trained networks in neurons: what is kept on the way, and how runs go on."""

from __future__ import annotations

import numpy as np
import pytest

from spiking_lmu.data.datasets import Dataset, Split
from spiking_lmu.experiments.classification import experiment
from spiking_lmu.experiments.classification import neurons as psmnist_neurons
from spiking_lmu.experiments.classification import trials as psmnist_trials
from spiking_lmu.experiments.classification.neurons import (
    InNeurons,
    parts_path,
    run_in_parts,
)
from spiking_lmu.experiments.sweeps.tasks import SweepResult
from spiking_lmu.networks import SequenceNetwork, state_noise
from spiking_lmu.training.weights import draw_weights

STEPS = 12
SETTINGS = {
    "memory": "poisson-relu", "n_neurons": 20, "presentation": 2, "synapse": 0.1,
    "rates": 400.0, "seed": 3, "noise_aware": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset():
    """Rising and falling lines, in noise."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    lines = np.linspace(0, 1, STEPS)
    x = np.where(y[:, None] == 1, lines, lines[::-1]) + 0.2 * rng.random((120, STEPS))
    split = Split(x[..., None].astype(np.float32), y)
    return Dataset("lines", split, split, split, ("down", "up"))


def make_network(seed=1):
    network = SequenceNetwork(1, 2, order=3, window=STEPS, units=8, seed=seed)
    draw_weights(network, seed)
    network.lmu.hidden.encoders = np.ones((8, 1))
    return network


@pytest.fixture
def path(tmp_path):
    return make_network().save(tmp_path / "one.npz", {"data": "lines"})


def test_kept_files_are_named_by_weights_and_not_by_wall_times(tmp_path):
    network, task = make_network(), {"images": 5}
    names = set()
    for seconds in (1.0, 2.0):
        path = network.save(tmp_path / "one.npz", {"history": {"seconds": [seconds]}})
        names.add(parts_path(path, task))
    assert len(names) == 1
    path = make_network(seed=2).save(tmp_path / "one.npz", {})
    assert parts_path(path, task) not in names


def weights(network):
    return np.concatenate([c.transform.init.ravel() for c in network.kernels.values()])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_noise_aware_weights_are_kept_and_found_again(dataset, path, monkeypatch):
    first = InNeurons(path, dataset, **SETTINGS)
    assert first.path != path and first.path.parent == path.parent
    assert "60poisson-relu-2ms" in first.path.name
    plain = SequenceNetwork.load(path)[0]
    assert not np.allclose(weights(first.network), weights(plain))
    loaded, about = SequenceNetwork.load(first.path)
    assert np.array_equal(weights(loaded), weights(first.network))
    assert about["data"] == "lines" and about["noise_aware"]["memory"] == "poisson-relu"
    assert np.array_equal(weights(first.frozen), weights(first.network))

    def fail(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(psmnist_neurons.training, "fit", fail)
    again = InNeurons(path, dataset, **SETTINGS)
    x = dataset.train.x
    assert np.array_equal(state_noise(first.frozen, x), state_noise(again.frozen, x))
    # other neurons, and another network in the same place, learn anew
    with pytest.raises(AssertionError, match="trained again"):
        InNeurons(path, dataset, **{**SETTINGS, "n_neurons": 21})
    make_network(seed=2).save(path, {"data": "lines"})
    with pytest.raises(AssertionError, match="trained again"):
        InNeurons(path, dataset, **SETTINGS)


def test_weights_stay_as_they_are_without(dataset, path):
    one = InNeurons(path, dataset, **{**SETTINGS, "noise_aware": False})
    assert one.path == path
    assert np.array_equal(weights(one.frozen), weights(SequenceNetwork.load(path)[0]))


def test_an_interrupted_run_goes_on_and_says_the_same(tmp_path):
    calls = []

    def run(part, seed):
        if len(calls) == 2:
            calls.append("killed")
            raise KeyboardInterrupt
        calls.append(part)
        here = np.arange(10)[part]
        return {"answers": (here * 2).tolist(), "drawn": seed}

    file = tmp_path / "a.parts"
    with pytest.raises(KeyboardInterrupt):
        run_in_parts(run, 10, 3, 5, file)
    rows = run_in_parts(run, 10, 3, 5, file)
    starts = [call if call == "killed" else call.start for call in calls]
    assert starts == [0, 3, "killed", 6, 9]
    assert np.concatenate([row["answers"] for row in rows]).tolist() == [
        *range(0, 20, 2)
    ]
    assert rows == run_in_parts(run, 10, 3, 5, tmp_path / "b.parts")
    assert len({row["drawn"] for row in rows}) == 4
    assert run_in_parts(run, 10, 3, 6, tmp_path / "c.parts") != rows


def test_a_full_disk_does_not_end_a_run(tmp_path, monkeypatch):
    def full(*args):
        raise OSError("no space left on device")

    monkeypatch.setattr(psmnist_neurons, "write_archive", full)
    rows = run_in_parts(lambda part, seed: {"n": part.stop}, 4, 2, 0, tmp_path / "x")
    assert rows == [{"n": 2}, {"n": 4}]


def test_parts_go_with_one_run_of_one_network(path):
    task = {"images": 5, "seed": 0}
    name = parts_path(path, task)
    assert name == parts_path(path, dict(task)) and name.parent == path.parent
    assert name != parts_path(path, {**task, "seed": 1})
    make_network(seed=2).save(path)
    assert name != parts_path(path, task)


@pytest.mark.filterwarnings("ignore")
def test_a_killed_run_in_neurons_gives_the_row_of_one_that_was_not(
    tmp_path, dataset, monkeypatch
):
    path = tmp_path / "lines.csv"
    path.touch()
    arguments = {
        "data": str(path), "permuted": False, "orders": (3,), "trainings": 1,
        "rungs": ("poisson-relu",), "neurons": (30,), "presentations": (2,),
        "noise_aware": ("no",), "images": 50,
    }  # fmt: skip
    monkeypatch.setattr(psmnist_trials, "load", lambda *_: dataset)
    trained, task = plan(arguments)
    monkeypatch.setattr(psmnist_trials, "PART", 20)
    rows = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        make_network().save(psmnist_trials.model_path(folder, trained))
        if folder.name == "b":
            limited = Limited(psmnist_trials.run_sequences, 1)
            with monkeypatch.context() as patch:
                patch.setattr(psmnist_trials, "run_sequences", limited)
                with pytest.raises(KeyboardInterrupt):
                    psmnist_trials.run_task(task, str(folder))
            assert len(list(folder.glob("models/*.parts"))) == 1
        (row,) = psmnist_trials.run_task(task, str(folder))
        assert not list(folder.glob("models/*.parts"))
        rows.append({k: v for k, v in row.items() if not k.endswith("_seconds")})
    assert rows[0] == rows[1]
    assert rows[0]["images"] == 50 and rows[0]["spikes_per_image"] > 0


@pytest.mark.filterwarnings("ignore")
def test_all_units_spike_on_the_images_that_are_asked_for(
    tmp_path, dataset, monkeypatch
):
    path = tmp_path / "lines.csv"
    path.touch()
    other = Split(dataset.train.x[:30], 1 - dataset.train.y[:30])
    mixed = Dataset("lines", dataset.train, other, dataset.test, dataset.labels)
    monkeypatch.setattr(psmnist_trials, "load", lambda *_: mixed)
    arguments = {
        "data": str(path), "permuted": False, "orders": (3,), "trainings": 1,
        "rungs": ("coordinated-relu",), "neurons": (60,), "presentations": (3,),
        "noise_aware": ("no",), "images": 30, "hidden": ("real", "relu"),
        "hidden_rates": 5000.0, "keep": "best",
    }  # fmt: skip
    make_network().save(psmnist_trials.model_path(tmp_path, plan(arguments)[0]))
    rows = {}
    for part in ("test", "validation"):
        for task in plan({**arguments, "images_of": part})[1:]:
            (row,) = psmnist_trials.run_task(task, str(tmp_path))
            assert (row["images_of"], row["rates"], row["synapse"]) == (part, 400, 0.3)
            rows[part, row["hidden"]] = row
    real, spiking = rows["test", "real"], rows["test", "relu"]
    assert real["hidden_spikes"] == 0 < spiking["hidden_spikes"]
    extra = spiking["spikes_per_image"] - spiking["hidden_spikes"]
    assert extra == pytest.approx(real["spikes_per_image"], rel=0.1)
    assert "hidden_rates" not in real and spiking["hidden_rates"] == 5000
    # labels of the validation set are the other way round here
    assert rows["validation", "real"]["exact_accuracy"] != real["exact_accuracy"]


def plan(arguments):
    """The tasks: that of a training, and the runs in neurons."""
    first, second = experiment.plan(experiment.complete(arguments))
    done = SweepResult(None, [], 0, 0, first.tasks)
    return [*first.tasks, *second.tasks(done)]


class Limited:
    """A function that is interrupted after some calls."""

    def __init__(self, function, calls):
        self.function, self.left = function, calls

    def __call__(self, *args):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return self.function(*args)
