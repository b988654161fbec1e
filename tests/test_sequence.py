"""Networks that hear sequences: against Nengo, by differences, and through files."""

from __future__ import annotations

import json
import os
import pickle
import resource
import time
import warnings
import zipfile
from pathlib import Path

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from nengo.processes import PresentInput

from spiking_lmu.data.archives import read_archive, write_archive
from spiking_lmu.networks import LMU, LegendreMemory, SequenceNetwork
from spiking_lmu.networks.sequence import KIND
from spiking_lmu.training.weights import draw_weights

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
    spiking = SequenceNetwork(**SIZES, memory_args={"n_neurons": 20})
    assert isinstance(spiking.lmu.memory, LegendreMemory)
    assert len(spiking.lmu.memory.ensembles) == 2 * 4


@pytest.mark.parametrize("args", [{}, {"memory_args": {"n_neurons": 5}}])
def test_long_windows_are_meant_in_steps(args):
    """Nobody has confused seconds with anything who gives a window in steps."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SequenceNetwork(1, 2, 3, 60_000, **args)
    with pytest.warns(UserWarning, match="is in seconds"):
        LMU(3, 3, 60.0)


@pytest.mark.parametrize(
    "name, value",
    [
        ("size_in", 0), ("size_out", 1.5), ("order", 0), ("window", 1), ("units", 0),
        ("units", ()), ("units", (5, 0)), ("presentation", 0), ("dt", 0),
        ("memory_args", "exact"), ("memory_args", {"freq": 2}),
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


# ---- Damaged and hostile files -----------------------------------------------------

STRANGE = [
    None, True, -1, 0, 3, 1e308, 10**400, "tanh", "x" * 1000, [], [[]], {}, [1] * 1000,
    {"a": 1}, [None, 1], float("nan"), 10**9, 1024, 10**4,
]  # fmt: skip
HEADERS = [
    b"(" * 9000, b"-" * 9000, b"{" * 100, b"", b" " * 9999,
    b"{'descr': '|O', 'fortran_order': False, 'shape': (6,), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }",
    b"{'descr': '<f8', 'fortran_order': True, 'shape': (-1,), }",
    b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (6,), }",
]  # fmt: skip


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path, content):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def damaged(path, rng):
    """Damage a file in one way of many, at random; says how."""

    def one(things):
        return things[rng.integers(len(things))]

    how = one(["flip", "cut", "extend", "remove", "header", "text", "weights", "zeros"])
    content = path.read_bytes()
    if how == "flip":
        changed = bytearray(content)
        for place in rng.integers(len(content), size=rng.integers(1, 20)):
            changed[place] ^= rng.integers(1, 256)
        path.write_bytes(bytes(changed))
    elif how == "cut":
        path.write_bytes(content[: rng.integers(len(content))])
    elif how == "extend":
        path.write_bytes(content + rng.bytes(rng.integers(1, 100)))
    elif how == "zeros":
        start, stop = sorted(rng.integers(len(content), size=2))
        path.write_bytes(content[:start] + bytes(stop - start) + content[stop:])
    elif how in ("remove", "header"):
        inside = members(path)
        name = one(list(inside))
        if how == "remove":
            del inside[name]
        else:
            header = one(HEADERS)
            start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
            if rng.random() < 0.3:
                start = b"\x93NUMPY\x02\x00" + rng.bytes(4)
            inside[name] = start + header + inside[name][128:]
        write_members(path, inside)
    else:
        arrays, texts = read_archive(path)
        if how == "weights":
            name = one(list(arrays))
            arrays[name] = one(
                [arrays[name] * 1e300, arrays[name] * np.nan, arrays[name][:-1],
                 arrays[name].astype(complex), arrays[name].astype("U"), np.zeros(())]
            )  # fmt: skip
        else:
            inner = one([texts, texts["about"], texts["about"], texts["about"]])
            if inner is not texts and rng.random() < 0.8:
                inner = one([inner["network"], inner["network"], inner["about"]])
            name = one(list(inner))
            if rng.random() < 0.2:
                del inner[name]
            else:
                inner[name] = one(STRANGE)
        with np.errstate(over="ignore"):
            np.savez(
                path,
                **arrays,
                **{f"json {k}": np.array(json.dumps(v)) for k, v in texts.items()},
            )
    return how


def test_files_damaged_at_random_are_refused_or_load(tmp_path):
    """250 files: a ValidationError or a network, soon and in little memory."""
    labels = {"labels": ["a", "b", "c"], "history": {"loss": [0.5, 0.25]}}
    whole = make_network().save(tmp_path / "whole.npz", labels).read_bytes()
    rng = np.random.default_rng(20)
    path = tmp_path / "damaged.npz"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused, messages, slowest = set(), [], 0.0
    for _ in range(250):
        path.write_bytes(whole)
        how = damaged(path, rng)
        start = time.process_time()
        try:
            network, about = SequenceNetwork.load(path)
        except ValidationError as error:
            refused.add(how)
            messages.append(str(error))
        else:
            network.sensitivity(make_inputs())
            assert isinstance(about, dict)
        slowest = max(slowest, time.process_time() - start)
    assert slowest < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KiB
    assert refused >= {"cut", "flip", "header", "remove", "text", "weights"}
    assert len(messages) > 150
    assert [one for one in messages if "damaged.npz" not in one] == []


@pytest.mark.parametrize(
    "text", [None, {"kind": KIND}, {"kind": KIND, "network": None}, [], "kind", 3]
)
def test_files_that_do_not_say_what_they_are(tmp_path, text):
    path = write_archive(tmp_path / "file.npz", {}, {"about": text})
    with pytest.raises(ValidationError, match="path.*saved|path.*SequenceNetwork"):
        SequenceNetwork.load(path)


@pytest.mark.parametrize("labels", [None, 3, "abc", ["a", "b"], ["a", "b", None], {}])
def test_labels_are_one_for_each_class(tmp_path, labels):
    with pytest.raises(ValidationError, match="about.*labels.*3 words or numbers"):
        make_network().save(tmp_path / "model.npz", {"labels": labels})
    path = make_network().save(tmp_path / "model.npz")
    arrays, texts = read_archive(path)
    texts["about"]["about"]["labels"] = labels
    write_archive(path, arrays, texts)
    with pytest.raises(ValidationError, match="path.*labels"):
        SequenceNetwork.load(path)


def test_a_network_that_no_memory_holds_is_not_built(tmp_path):
    start = time.process_time()
    with pytest.raises(ValidationError, match="order.*size_in"):
        SequenceNetwork(10**4, 3, 1024, 12)
    arrays, texts = read_archive(make_network().save(tmp_path / "model.npz"))
    for shape in ((8, 6), (1, 1024 * 10**4)):
        texts["about"]["network"].update(order=1024, size_in=10**4)
        arrays["connection 0"] = np.zeros(shape)
        path = write_archive(tmp_path / "large.npz", arrays, texts)
        with pytest.raises(ValidationError, match="path.*saved network"):
            SequenceNetwork.load(path)
    assert time.process_time() - start < 2
