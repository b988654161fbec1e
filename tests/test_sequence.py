"""Networks that hear sequences: against Nengo, by differences, and through files."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from nengo.processes import PresentInput

from spiking_lmu.archives import read_archive, write_archive
from spiking_lmu.networks import LMU, LegendreMemory, SequenceNetwork
from spiking_lmu.weights import draw_weights

SIZES = {"size_in": 2, "size_out": 3, "order": 4, "window": 12}


def make_network(units=(6, 5), seed=0, **kwargs):
    """A network as after training: with weights and biases, though random ones."""
    network = SequenceNetwork(**{**SIZES, **kwargs}, units=units, seed=seed)
    draw_weights(network, seed)
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        layer.encoders = np.ones((layer.n_neurons, 1))
        layer.bias = rng.standard_normal(layer.n_neurons)
    return network


def make_inputs(n=4, n_items=12, size_in=2, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, (n, n_items, size_in))


def run_on_nengo(network, x):
    """Answers (n, size_out) and states of a network in the last step, on Nengo."""
    answers, states = [], []
    for sequence in x:
        seconds = network.presentation * network.dt
        network.stimulus.output = PresentInput(sequence, seconds)
        with network:
            probe = nengo.Probe(network.lmu.state)
        with nengo.Simulator(network, dt=network.dt, progress_bar=False) as sim:
            sim.run_steps(len(sequence) * network.presentation)
        answers.append(sim.data[network.probe][-1])
        states.append(sim.data[probe][-1])
        network.probes.remove(probe)
    return np.array(answers), np.array(states)


@pytest.mark.parametrize("units", [7, (6,), (6, 5), (6, 5, 4)])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("presentation", [1, 3])
def test_answers_and_states_are_those_of_nengo(units, activation, presentation):
    network = make_network(units, activation=activation, presentation=presentation)
    x = make_inputs(2)
    answers, states = run_on_nengo(network, x)
    assert np.allclose(network.states(x)[:, -1], states, atol=1e-9)
    assert np.allclose(network.answer(states, x[:, -1]), answers, atol=1e-9)


def test_states_on_the_way_are_those_of_shorter_sequences():
    network, x = make_network(), make_inputs()
    states = network.states(x, every=5)
    assert states.shape == (4, 4, 8)
    for k, n in enumerate((1, 6, 11, 12)):
        assert np.allclose(states[:, k], network.states(x[:, :n])[:, -1])


def jacobian(network, states, last, step=1e-6):
    """Of the answers by the states, (n, size_out, d), by central differences."""
    columns = []
    for k in range(states.shape[1]):
        ends = []
        for sign in (1, -1):
            moved = states.copy()
            moved[:, k] += sign * step
            ends.append(network.answer(moved, last))
        columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, axis=2)


@pytest.mark.parametrize("units", [7, (6, 5), (6, 5, 4)])
@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("n", [1, 30])
def test_sensitivity_by_differences(units, classes, activation, n):
    network, x = make_network(units, activation=activation), make_inputs(n)
    states, last = network.states(x)[:, -1], x[:, -1]
    J = jacobian(network, states, last)
    # only differences between logits count
    inner = np.eye(3) - classes / 3
    expected = np.einsum("nki,kl,nlj->ij", J, inner, J) / n
    C = network.sensitivity(x, classes)
    assert C.shape[1] == 8 and len(C) <= max(8, 3 * n)
    assert np.allclose(C.T @ C, expected, rtol=1e-5, atol=1e-8 * expected.max())


def test_files_keep_all_of_a_network(tmp_path):
    network, x = make_network(presentation=2, activation="relu"), make_inputs()
    path = network.save(tmp_path / "folder" / "model.npz", {"labels": ["a", "b", "c"]})
    loaded, about = SequenceNetwork.load(path)
    assert about == {"labels": ["a", "b", "c"]}
    assert loaded.architecture == network.architecture
    m = network.states(x)[:, -1]
    assert np.array_equal(loaded.answer(m, x[:, -1]), network.answer(m, x[:, -1]))
    found, expected = (run_on_nengo(n, x[:1])[0] for n in (loaded, network))
    assert np.array_equal(found, expected)


def test_what_is_not_trained_is_not_saved(tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(ValidationError, match="network.*must be trained"):
        SequenceNetwork(**SIZES).save(path)
    assert not path.exists()


@pytest.fixture
def model(tmp_path):
    return make_network().save(tmp_path / "model.npz")


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9, 0.99])
def test_a_truncated_file_is_refused(model, keep):
    content = model.read_bytes()
    model.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ValidationError, match="path.*must be"):
        SequenceNetwork.load(model)


def test_a_damaged_file_is_refused(model):
    content = bytearray(model.read_bytes())
    content[len(content) // 3] ^= 0xFF
    model.write_bytes(bytes(content))
    with pytest.raises(ValidationError, match="path.*must be"):
        SequenceNetwork.load(model)


class Bomb:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_pickled_objects_are_refused_and_not_executed(tmp_path):
    mark, path = tmp_path / "executed", tmp_path / "model.npz"
    np.savez(path, weights=np.array([Bomb(mark)], dtype=object))
    with pytest.raises(ValidationError, match="path.*must be"):
        SequenceNetwork.load(path)
    path.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(ValidationError, match="path.*must be"):
        SequenceNetwork.load(path)
    assert not mark.exists()
    pickle.loads(path.read_bytes())
    assert mark.exists()  # as it would have been


def test_other_files_are_refused(tmp_path, model):
    with pytest.raises(ValidationError, match="path.*a file that is there"):
        SequenceNetwork.load(tmp_path / "none.npz")
    other = tmp_path / "other.npz"
    np.savez(other, x=np.zeros(3))
    with pytest.raises(ValidationError, match="path.*must be what SequenceNetwork"):
        SequenceNetwork.load(other)
    write_archive(other, {}, {"about": {"kind": "something else"}})
    with pytest.raises(ValidationError, match="path.*must be what SequenceNetwork"):
        SequenceNetwork.load(other)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(ValidationError, match="path.*must be"):
        SequenceNetwork.load(other)


@pytest.mark.parametrize(
    "changed", [{"order": 5}, {"units": [6]}, {"size_in": 1}, {"order": 0}, {"dt": "x"}]
)
def test_an_architecture_that_does_not_fit_its_weights(tmp_path, model, changed):
    arrays, texts = read_archive(model)
    texts["about"]["network"].update(changed)
    path = write_archive(tmp_path / "changed.npz", arrays, texts)
    with pytest.raises(ValidationError, match="path|saved"):
        SequenceNetwork.load(path)


def test_learning_from_another(tmp_path):
    first, second, x = make_network(seed=0), make_network(seed=1), make_inputs()
    m = first.states(x)[:, -1]
    second.learn_from(first)
    assert np.array_equal(second.answer(m, x[:, -1]), first.answer(m, x[:, -1]))
    with pytest.raises(ValidationError, match="other.*must be"):
        first.learn_from(make_network(order=5))
    with pytest.raises(ValidationError, match="network.*must be trained"):
        first.learn_from(SequenceNetwork(**SIZES, units=(6, 5)))


def test_memories_of_both_kinds():
    exact = SequenceNetwork(**SIZES, presentation=3)
    assert isinstance(exact.lmu, LMU)
    assert not isinstance(exact.lmu.memory, LegendreMemory)
    assert exact.lmu.theta == pytest.approx(12 * 3 * 0.001)
    spiking = SequenceNetwork(**SIZES, memory="spiking", memory_args={"n_neurons": 20})
    assert isinstance(spiking.lmu.memory, LegendreMemory)
    assert len(spiking.lmu.memory.ensembles) == 2 * 4


@pytest.mark.parametrize(
    "name, value",
    [
        ("size_in", 0), ("size_out", 1.5), ("order", 0), ("window", 1), ("units", 0),
        ("units", ()), ("units", (5, 0)), ("presentation", 0), ("dt", 0),
        ("memory", "rate"), ("memory_args", {"n_neurons": 20}),
    ],
)  # fmt: skip
def test_bad_arguments(name, value):
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        SequenceNetwork(**{**SIZES, name: value})


def test_a_file_is_replaced_whole_or_not_at_all(model, monkeypatch):
    before = model.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="no space"):
        make_network(seed=3).save(model)
    assert model.read_bytes() == before
    assert [p.name for p in Path(model).parent.iterdir()] == [model.name]


@pytest.mark.parametrize("size_in", [1, 3])
def test_final_states_are_those_of_the_recurrence(size_in):
    network = SequenceNetwork(size_in, 2, 7, 30)
    x = np.random.default_rng(0).normal(size=(5, 40, size_in))
    every = network.states(x, every=9)
    np.testing.assert_allclose(network.final_states(x), every[:, -1], atol=1e-12)
