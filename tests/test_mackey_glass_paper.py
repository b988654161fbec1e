"""Training on Mackey-Glass as in the notebook of LMU 2019."""

from __future__ import annotations

import numpy as np
import pytest

from spiking_lmu.compatibility import require
from spiking_lmu.experiments.mackey_glass import paper as mackey_glass_paper
from spiking_lmu.experiments.mackey_glass.paper import (
    Adam,
    Stack,
    make_layers,
    named,
    side_by_side,
    train_as_published,
)
from spiking_lmu.experiments.mackey_glass.series import make_split
from spiking_lmu.metrics import nrmse


@pytest.fixture(scope="module")
def splits():
    return [
        make_split((3, 2, 2), 300, 15, 17, False, seed=seed, scaled=False)
        for seed in (1, 2)
    ]


def task(model, **changes):
    wanted = {"model": model, "seeds": [1, 2], "epochs": 6, "length": 60}
    return {**wanted, **changes}


@pytest.mark.parametrize(
    "model, parameters", [("lstm", 18026), ("lmu", 18246), ("hybrid", 17980)]
)
def test_parameters_are_those_of_the_notebook(model, parameters):
    stack = Stack(make_layers(model), [0])
    assert stack.parameters == parameters
    assert sum(w[0].size for w in named(stack.weights).values()) == parameters


@pytest.mark.parametrize("model", ["lstm", "lmu", "hybrid"])
def test_gradients_are_those_of_the_mean_square(model):
    stack = Stack(make_layers(model), [1, 2])
    rng = np.random.default_rng(0)
    stack.weights = [
        {k: w + rng.normal(0, 0.05, w.shape) for k, w in of_layer.items()}
        for of_layer in stack.weights
    ]
    x, y = rng.normal(size=(2, 20, 2, 1, 3))
    _, gradients = stack.gradients(x, y)
    for k, of_layer in enumerate(gradients):
        for name, gradient in of_layer.items():
            way = rng.normal(size=gradient.shape)
            w = stack.weights[k][name]
            moved = []
            for step in (1e-4, -1e-4):
                stack.weights[k][name] = w + step * way
                moved.append(np.mean((stack.answer(x) - y) ** 2, axis=(0, 2, 3)))
            stack.weights[k][name] = w
            slope = (moved[0] - moved[1]) / 2e-4
            along = (gradient * way).sum(axis=(1, 2))
            np.testing.assert_allclose(along, slope, rtol=1e-3, atol=1e-6)


def test_adam_is_that_of_keras():
    tf = require("tensorflow")
    rng = np.random.default_rng(0)
    initial = rng.normal(size=(1, 3, 4)).astype(np.float32)
    theirs = tf.Variable(initial)
    ours = {"w": initial.copy()}
    keras, adam = tf.keras.optimizers.Adam(), Adam(ours)
    for _ in range(5):
        g = rng.normal(size=initial.shape).astype(np.float32)
        keras.apply_gradients([(tf.constant(g), theirs)])
        adam.update({"w": g})
    np.testing.assert_allclose(ours["w"], theirs.numpy(), atol=1e-6)
    assert np.abs(ours["w"] - initial).max() > 1e-3


def test_training_keeps_the_epoch_that_validates_best(splits, monkeypatch):
    monkeypatch.setattr(mackey_glass_paper, "EVERY", 2)
    stack, history = train_as_published(task("hybrid"), splits)
    assert [row["epoch"] for row in history] == [2, 4, 6]
    assert np.all(np.array(history[-1]["loss"]) < history[0]["loss"])
    errors = np.array([row["validation_nrmse"] for row in history])
    x, y = (side_by_side([s.validation[k] for s in splits]) for k in (0, 1))
    answers = stack.answer(x)
    for k in (0, 1):
        kept = nrmse(answers[:, k], y[:, k])
        assert kept == pytest.approx(errors[:, k].min(), rel=1e-6)


def test_training_goes_on_where_it_stopped(splits, monkeypatch, tmp_path):
    monkeypatch.setattr(mackey_glass_paper, "EVERY", 2)
    monkeypatch.setattr(mackey_glass_paper, "SAVE_SECONDS", 0.0)
    whole, history = train_as_published(task("lmu"), splits)
    real, calls = Stack.gradients, []

    def stops(self, *args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(Stack, "gradients", stops)
    with pytest.raises(KeyboardInterrupt):
        train_as_published(task("lmu"), splits, tmp_path)
    resumed, again = train_as_published(task("lmu"), splits, tmp_path)
    assert len(calls) == 4 + 4  # two of six epochs were stored
    for name, w in named(whole.weights).items():
        np.testing.assert_array_equal(w, named(resumed.weights)[name])
    for before, after in zip(history, again):
        assert before["validation_nrmse"] == after["validation_nrmse"]
        assert before["loss"] == after["loss"]


def test_networks_do_not_depend_on_those_beside_them(splits):
    both, _ = train_as_published(task("hybrid"), splits)
    alone, _ = train_as_published(task("hybrid", seeds=[2]), splits[1:])
    for name, w in named(both.weights).items():
        # but for the order of sums
        np.testing.assert_allclose(w[1], named(alone.weights)[name][0], atol=1e-5)
