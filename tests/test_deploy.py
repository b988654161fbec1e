"""Deployment: every target gives the same answers, and the command tells them."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import nengo
import numpy as np
import pandas as pd
import pytest
from nengo.dists import Uniform
from nengo.exceptions import ValidationError

from spiking_lmu.data import load_sequences
from spiking_lmu.experiments import classification, command, deployment
from spiking_lmu.experiments.deployment import experiment, targets, trials
from spiking_lmu.experiments.deployment.figures import labels
from spiking_lmu.experiments.deployment.report import show
from spiking_lmu.experiments.deployment.targets import add_spike_probe
from spiking_lmu.experiments.deployment.trials import run_task
from spiking_lmu.networks import SequenceNetwork, freeze, run_sequences
from spiking_lmu.training.weights import draw_weights

STEPS, NAMES = 12, ("falling", "flat", "rising")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sequences in a file, and a model that has not learned much about them."""
    folder = tmp_path_factory.mktemp("deploy")
    write_csv(folder / "data.csv", NAMES)
    network = SequenceNetwork(1, 3, order=3, window=STEPS, units=10, seed=1)
    draw_weights(network, 1)
    network.lmu.hidden.encoders = np.ones((10, 1))
    about = {"task": "classification", "labels": NAMES, "permuted": False}
    about["data"] = str(folder / "data.csv")
    network.save(folder / "model.npz", about)
    return folder


def write_csv(path, names, steps=STEPS):
    rng = np.random.default_rng(0)
    slope = np.linspace(-1, 1, steps)
    rows = [
        [name, *(k * slope + 0.3 * rng.normal(size=steps)).round(4)]
        for k, name in zip((-1, 0, 1), names)
        for _ in range(10)
    ]
    pd.DataFrame(rows).to_csv(path, index=False, header=False)


def arguments(folder, **changes):
    given = {
        "model": str(folder / "model.npz"),
        "target": "compiled",
        "data": None,
        "part": "test",
        "memory": "lif",
        "neurons": 30,
        "presentation": 3,
        "images": 0,
        "synapse": 0.1,
        "rates": None,
        "seed": 0,
    }
    return {**given, **changes}


class Done(NamedTuple):
    frame: pd.DataFrame
    facts: dict
    chip: dict


@pytest.fixture
def deploy(tmp_path):
    """A run, and what its page is told."""

    def run(**given):
        (stage,) = experiment.plan(experiment.complete(given))
        (task,) = stage.tasks
        frame = pd.DataFrame(run_task(task, str(tmp_path)))
        (path,) = tmp_path.glob("facts-*.json")
        told = json.loads(path.read_text("utf-8"))
        path.unlink()
        return Done(frame, show(frame, told)[0]["facts"], told["chip"])

    return run


@pytest.mark.parametrize("target", ["nengo", "compiled", "dl"])
def test_an_exact_memory_says_the_same_everywhere(deploy, folder, target):
    done = deploy(**arguments(folder, target=target, memory="exact"))
    frame = done.frame
    assert len(frame) == 6 and done.facts["agreement"] == 1
    tolerance = 1e-4 if target == "dl" else 1e-9  # 32 bits, and 64
    assert np.allclose(frame["margin"], frame["exact_margin"], rtol=0, atol=tolerance)
    assert done.facts["spikes"] == 0 and "none" in done.chip["why"]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("target", ["nengo", "compiled", "dl", "loihi"])
def test_spiking_memories_run_everywhere(deploy, folder, target):
    done = deploy(**arguments(folder, target=target))
    facts = done.facts
    assert facts["neurons"] == 30 and facts["steps"] == 3 * STEPS
    # of 30 neurons, in 36 ms, of which none fires at more than 500 Hz
    assert 0 < facts["spikes"] < 30 * 0.036 * 500
    assert facts["low"] < facts["accuracy"] <= facts["high"] or not facts["accuracy"]
    assert "30 compartments" in done.chip["total"]
    assert ("chip_energy" in facts) == (target == "loihi")
    # operations are counted for the network as it was, without the counter of spikes
    plain = deploy(**arguments(folder))
    assert facts["cpu_energy"] == plain.facts["cpu_energy"]
    spread = np.std(plain.frame["exact_margin"])
    assert np.mean(np.abs(done.frame["margin"] - plain.frame["margin"])) < 2 * spread


def test_the_counter_counts_all_spikes(folder):
    network, _ = SequenceNetwork.load(folder / "model.npz")
    x = np.random.default_rng(0).random((3, STEPS, 1))
    for memory, hidden in (
        ("lif", None), ("poisson-relu", None), ("relu", None), ("lif", "relu"),
        ("exact", "coordinated-relu"),
    ):  # fmt: skip
        frozen = freeze(network, memory, 10, x, 3, seed=1, hidden=hidden)
        counter = add_spike_probe(frozen)
        memories = [] if memory == "exact" else frozen.lmu.memory.ensembles
        with frozen:
            counted = [*memories, *(frozen.layers if hidden else [])]
            spikes = [nengo.Probe(e.neurons) for e in counted]
        frozen.stimulus.output = [0.4]
        with nengo.Simulator(frozen, progress_bar=False, optimize=False) as sim:
            sim.run_steps(40)
        counted = sum(sim.data[p].sum() * sim.dt for p in spikes)
        assert sim.data[counter][-1, 0] == pytest.approx(counted) != 0
    assert add_spike_probe(freeze(network, "rate", 10, x)) is None


@pytest.mark.parametrize("target", ["nengo", "compiled"])
def test_equal_seeds_give_equal_rows_and_others_do_not(deploy, folder, target):
    changes = {"target": target, "memory": "poisson-relu"}
    rows = [
        deploy(**arguments(folder, **changes, seed=seed)).frame["margin"]
        for seed in (1, 1, 2)
    ]
    assert rows[0].equals(rows[1]) and not rows[0].equals(rows[2])


@pytest.mark.parametrize("target", ["nengo", "dl"])
def test_targets_share_their_neurons(deploy, folder, target):
    """Without spikes, nothing but neurons is random: all targets say the same."""
    here, there = (
        deploy(**arguments(folder, target=name, memory="rate")).frame["margin"]
        for name in ("compiled", target)
    )
    assert np.allclose(here, there, rtol=0, atol=1e-3)  # 32 bits, through a recurrence


def test_models_run_in_the_neurons_that_they_were_trained_for(deploy, folder, tmp_path):
    network, about = SequenceNetwork.load(folder / "model.npz")
    trained_for = {
        "memory": "poisson-relu", "neurons": 36, "presentation": 2, "synapse": 0.2,
        "rates": 300.0,
    }  # fmt: skip
    path = network.save(tmp_path / "one.npz", {**about, "noise_aware": trained_for})
    unsaid = dict.fromkeys(trained_for)
    facts = deploy(**{**arguments(folder, model=str(path)), **unsaid}).facts
    assert {name: facts[name] for name in trained_for} == trained_for
    given = arguments(folder, model=str(path), presentation=3, memory="lif", seed=1)
    facts = deploy(**given).facts
    assert (facts["memory"], facts["presentation"], facts["rates"]) == ("lif", 3, 300)
    for wrong in (
        {"neurons": "many"}, {"evil": 1}, {"seed": -1}, {"coordinates": "x"}, 3,
    ):  # fmt: skip
        network.save(path, {**about, "noise_aware": wrong})
        with pytest.raises(ValidationError, match="must be"):
            deploy(**{**arguments(folder, model=str(path)), **unsaid})


def test_frozen_models_run_as_they_were_frozen(deploy, folder, tmp_path):
    network, about = SequenceNetwork.load(folder / "model.npz")
    x = np.random.default_rng(0).random((5, STEPS, 1))
    unsaid = dict.fromkeys(("memory", "neurons", "presentation", "synapse", "rates"))
    frozen = freeze(network, "poisson-relu", 12, x, 4, 0.2, max_rates=Uniform(75, 150))
    path = frozen.save(tmp_path / "frozen.npz", about)
    facts = deploy(**{**arguments(folder, model=str(path)), **unsaid}).facts
    assert {name: facts[name] for name in unsaid} == {
        "memory": "poisson-relu", "neurons": 36, "presentation": 4, "synapse": 0.2,
        "rates": 150.0,
    }  # fmt: skip
    # names of version 0.1.0, which kept no seeds
    kept = {**about, "frozen": {"memory": "poisson", "neurons": 36}}
    old = network.save(tmp_path / "old.npz", kept)
    facts = deploy(**{**arguments(folder, model=str(old)), **unsaid}).facts
    assert facts["memory"] == "poisson-relu"
    again = {**arguments(folder, model=str(path)), **unsaid, "presentation": 2}
    assert deploy(**again).facts["presentation"] == 2
    freeze(network, presentation=5).save(path, about)
    facts = deploy(**{**arguments(folder, model=str(path)), **unsaid}).facts
    assert (facts["memory"], facts["presentation"]) == ("exact", 5)
    assert facts["agreement"] == 1


def test_hidden_units_that_spiked_spike_again(deploy, folder, tmp_path):
    network, about = SequenceNetwork.load(folder / "model.npz")
    x = load_sequences(folder / "data.csv").train.x
    unsaid = dict.fromkeys(("memory", "neurons", "presentation", "synapse", "rates"))
    spikes = []
    for hidden in (None, "relu"):
        frozen = freeze(network, "relu", 12, x, 4, 0.2, hidden=hidden, seed=1)
        path = str(frozen.save(tmp_path / "frozen.npz", about))
        spikes.append(
            deploy(**{**arguments(folder, model=path), **unsaid}).facts["spikes"]
        )
    assert spikes[1] > spikes[0] > 0
    with pytest.raises(ValidationError, match="model.*hidden units of real numbers"):
        deploy(**{**arguments(folder, model=path, target="loihi"), **unsaid})


def test_noise_that_was_shaped_is_shaped_again(deploy, folder, tmp_path):
    network, about = SequenceNetwork.load(folder / "model.npz")
    data = load_sequences(folder / "data.csv")
    unsaid = dict.fromkeys(("memory", "neurons", "presentation", "synapse", "rates"))
    margins = []
    for shaped in (False, True):
        settings = {"max_rates": Uniform(75, 150), "seed": 1, "noise_shaping": shaped}
        frozen = freeze(network, "rate", 12, data.train.x, 4, 0.2, **settings)
        path = str(frozen.save(tmp_path / f"{shaped}.npz", about))
        values = run_sequences(frozen, data.test.x).values
        right = values[np.arange(len(values)), data.test.y]
        values[np.arange(len(values)), data.test.y] = -np.inf
        found = deploy(**{**arguments(folder, model=path), **unsaid}).frame["margin"]
        np.testing.assert_allclose(found, right - values.max(axis=1), rtol=1e-6)
        margins.append(found)
    assert not np.allclose(*margins, rtol=1e-3)
    given = {**arguments(folder, model=path, target="loihi"), **unsaid, "memory": "lif"}
    with pytest.raises(ValidationError, match="model.*must be without noise shaping"):
        deploy(**given)


@pytest.mark.parametrize("coordinates", ["balanced", "legendre"])
def test_the_neurons_are_those_that_were_frozen(deploy, folder, tmp_path, coordinates):
    """Whatever the seed of the run; rates are random in their tuning alone."""
    network, about = SequenceNetwork.load(folder / "model.npz")
    data = load_sequences(folder / "data.csv")
    unsaid = dict.fromkeys(("memory", "neurons", "presentation", "synapse", "rates"))
    rates = Uniform(75, 150)
    found = []
    for drawn in (5, 6):
        settings = {"max_rates": rates, "seed": drawn, "coordinates": coordinates}
        frozen = freeze(network, "rate", 12, data.train.x, 4, 0.2, **settings)
        path = frozen.save(tmp_path / "frozen.npz", about)
        values = run_sequences(frozen, data.test.x).values
        right = values[np.arange(len(values)), data.test.y]
        values[np.arange(len(values)), data.test.y] = -np.inf
        for seed in (0, 1):
            given = {**arguments(folder, model=str(path), seed=seed), **unsaid}
            found.append(deploy(**given).frame["margin"].to_numpy())
            np.testing.assert_allclose(found[-1], right - values.max(axis=1), rtol=1e-6)
    assert not np.allclose(found[0], found[-1], rtol=1e-6)


def test_classes_go_by_their_names(deploy, folder):
    """Data with some of the labels only; all of them, where none was trained on."""
    whole = deploy(**arguments(folder, memory="exact", part="all")).frame
    assert len(whole) == 30
    write_csv(folder / "two.csv", NAMES[1:])
    data = str(folder / "two.csv")
    two = deploy(**arguments(folder, data=data, memory="exact", part="all")).frame
    assert len(two) == 20 and set(two["label"]) == set(NAMES[1:])
    drawn = deploy(**arguments(folder, memory="exact", part="all", images=7)).frame
    assert len(drawn) == 7


def test_the_command_writes_everything(folder, tmp_path, capsys):
    argv = ["--target", "compiled", "--neurons", "60", "--quiet", "--part", "all"]
    argv += ["--out", str(tmp_path)]
    assert command.main(["deploy", str(folder / "model.npz"), *argv]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert {"trials.csv", "summary.json", "answers.png", "answers.svg"} <= names
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert len(trials) == 30
    assert (trials["margin"] > 0).equals(trials["predicted"] == trials["label"])
    (law,) = json.loads((tmp_path / "summary.json").read_text())["laws"]
    assert law["accuracy"] == (trials["predicted"] == trials["label"]).mean()
    assert law["low"] <= law["accuracy"] <= law["high"]
    page = Path(tmp_path, "report.html").read_text()
    assert "Resources of the chip" in page and "measures of NeuroBench" in page
    assert law["weights_dense"] > law["factors_dense"] > 0
    assert law["weights_effective_acs"] > law["factors_effective_acs"] > 0
    assert f"{100 * law['accuracy']:.1f} % of 30" in capsys.readouterr().out
    (facts,) = tmp_path.glob("facts-*.json")
    facts.unlink()
    assert command.main(["deploy", str(folder / "model.npz"), *argv]) == 1
    assert (
        f"{facts.name}, which the page requires, is missing" in capsys.readouterr().err
    )


def test_other_weights_and_other_data_are_run_anew(folder, tmp_path):
    """Finished runs are found again, as long as the files are what they were."""
    given = experiment.complete(arguments(folder, memory="exact", presentation=1))
    model, data = tmp_path / "model.npz", tmp_path / "data.csv"
    model.write_bytes((folder / "model.npz").read_bytes())
    data.write_bytes((folder / "data.csv").read_bytes())
    given.update(model=str(model), data=str(data))

    def new():
        classification.sources._LOADED.clear()
        return experiment.execute(given, tmp_path / "results").new

    assert (new(), new()) == (1, 0)
    network, about = SequenceNetwork.load(model)
    network.lmu.hidden.bias = network.lmu.hidden.bias + 0.1
    network.save(model, about)
    assert (new(), new()) == (1, 0)
    data.write_text(data.read_text().replace("0.1", "0.2"))
    assert (new(), new()) == (1, 0)


def test_pages_with_energy_of_a_chip_and_many_labels(deploy, folder):
    done = deploy(**arguments(folder))
    law = {**done.facts, "chip_energy": [1e-6, 2e-6], "cores": 3}
    page = experiment.fill(*show(done.frame, {"law": law, "chip": done.chip}))
    table = page.sections[1].table
    assert table.set_index("Quantity")["Value"][
        "µJ for each sequence, on the chip"
    ] == ("1.00 to 2.00")
    many = pd.concat([done.frame.assign(label=str(k)) for k in range(30)])
    assert labels(many.assign(predicted="5"))[:3] == ["0", "1", "2"]
    assert deployment.plot(many).axes


# ---- What is refused ---------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"target": "brain"}, "target.*'nengo'"), ({"memory": "wet"}, "memory"),
        ({"part": "some"}, "part"), ({"neurons": 2}, "neurons.*at least 3"),
        ({"neurons": 4_000_000}, "^neurons.*at most 3000000"),
        ({"target": "loihi", "neurons": 9000}, "^neurons.*does not fit on Loihi"),
        ({"presentation": 0}, "presentation"), ({"images": -1}, "images"),
        ({"synapse": 0}, "synapse"), ({"rates": 0}, "rates"), ({"seed": -1}, "seed"),
        ({"data": "nothing.csv"}, "data.*does not exist"),
        ({"data": 3}, "data.*does not name"),
        ({"model": "nothing.npz"}, "model.*there"),
        ({"target": "loihi", "memory": "rate"}, "memory.*spikes"),
    ],
)  # fmt: skip
def test_bad_arguments(deploy, folder, changes, match):
    with pytest.raises(ValidationError, match=match):
        deploy(**arguments(folder, **changes))


def test_bad_models(deploy, folder, tmp_path):
    model = tmp_path / "model.npz"
    whole = (folder / "model.npz").read_bytes()
    for content in (b"", b"not a model", whole[: len(whole) // 2]):
        model.write_bytes(content)
        with pytest.raises(ValidationError, match="model"):
            deploy(**arguments(folder, model=str(model)))
    np.savez(model, evil=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValidationError, match="model.*array of object"):
        deploy(**arguments(folder, model=str(model)))
    np.savez(model, weights=np.zeros(3))
    with pytest.raises(ValidationError, match=r"model.*SequenceNetwork\.save"):
        deploy(**arguments(folder, model=str(model)))
    network, about = SequenceNetwork.load(folder / "model.npz")
    network.save(model, {**about, "task": "forecast"})
    with pytest.raises(ValidationError, match="model.*classification.*'forecast'"):
        deploy(**arguments(folder, model=str(model)))
    network.save(model)
    with pytest.raises(ValidationError, match="data.*does not name"):
        deploy(**arguments(folder, model=str(model)))


def test_data_that_do_not_fit_the_model(deploy, folder, tmp_path):
    data = tmp_path / "data.csv"
    write_csv(data, NAMES, steps=9)
    with pytest.raises(ValidationError, match=r"data.*12 steps .* has 9"):
        deploy(**arguments(folder, data=str(data)))
    write_csv(tmp_path / "other.csv", ("falling", "steep", "rising"))
    with pytest.raises(ValidationError, match=r"data.*labels.*steep"):
        deploy(**arguments(folder, data=str(tmp_path / "other.csv")))


@pytest.mark.parametrize("target", ["dl", "loihi"])
def test_a_missing_package_is_named(folder, target, monkeypatch, tmp_path):
    def missing(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", missing)
    package = targets.NEEDS[target][0]
    named = rf"target '{target}' needs {package}.*spiking-lmu\[{target}\]"
    with pytest.raises(ImportError, match=named):
        deployment.run(**arguments(folder, target=target), folder=str(tmp_path))


def test_a_network_is_frozen_once(deploy, folder, monkeypatch, tmp_path):
    """On the chip too, where it is frozen before to see whether it fits."""
    calls = []

    def counted(*args, **kwargs):
        calls.append(args)
        return freeze(*args, **kwargs)

    monkeypatch.setattr(trials, "freeze", counted)
    given = arguments(folder, target="loihi", images=2)
    frame = experiment.execute(experiment.complete(given), tmp_path).frame
    assert len(calls) == 1
    assert frame.equals(deploy(**given).frame)
