"""Networks of the copy experiment: the ring, and cells with learned encoders."""

import nengo
import numpy as np
import pytest

from copying_cases import ARGUMENTS
from spiking_lmu import networks
from spiking_lmu.compatibility import require
from spiking_lmu.experiments.copying import learned as copying_learned
from spiking_lmu.experiments.copying.cells import LMU, LSTM, cross_entropy
from spiking_lmu.experiments.copying.learned import (
    PARAMETERS,
    Run,
    make_cell,
    run_learned,
    stops_of,
)
from spiking_lmu.experiments.copying.ring import make_network, ring
from spiking_lmu.experiments.copying.sequences import draw, draw_symbols
from spiking_lmu.experiments.copying.trials import make_tasks, run_task
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize
from spiking_lmu.training.recurrent_layers import stacked

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


# ---- Learned encoders --------------------------------------------------------------


def some_weights(cell, n, seed=0):
    """Weights with which no part of the network is idle, in double precision."""
    rng = np.random.default_rng(seed)
    drawn = stacked([cell.initial(rng) for _ in range(n)])
    return {k: w + rng.normal(0, 0.1, w.shape) for k, w in drawn.items()}


@pytest.mark.parametrize("cell", [LSTM(5, 10, 9), LMU(6, 12, 14.0, 10, 9)])
def test_gradients_are_those_of_the_loss(cell):
    rng = np.random.default_rng(1)
    weights = some_weights(cell, 2)
    x, y = rng.integers(0, 10, (15, 2, 4)), rng.integers(0, 9, (15, 2, 4))
    answers, cache = cell.forward(weights, x)
    _, d = cross_entropy(answers, y)
    gradients = cell.backward(weights, cache, d)
    assert gradients.keys() == weights.keys()
    for name, w in weights.items():
        assert gradients[name].shape == w.shape
        way = rng.normal(size=w.shape)

        def moved(step, name=name, w=w, way=way):
            there = {**weights, name: w + step * way}
            return cross_entropy(cell.forward(there, x)[0], y)[0]

        slope = (moved(1e-3) - moved(-1e-3)) / 2e-3
        along = (gradients[name] * way).sum(axis=(1, 2))
        np.testing.assert_allclose(along, slope, rtol=0.01, atol=2e-4)


def test_lmu_is_the_unit_of_the_networks():
    """All at once as step by step in Nengo."""
    cell = LMU(6, 12, 14.0, 10, 9)
    weights = some_weights(cell, 2)
    x = np.random.default_rng(1).integers(0, 10, (15, 2, 3))
    answers, _ = cell.forward(weights, x)
    one = {name: w[1].T for name, w in weights.items()}
    with nengo.Network(seed=0) as network:
        shown = np.eye(10)[x[:, 1, 2]]
        stimulus = nengo.Node(nengo.processes.PresentInput(shown, 1.0))
        given = {k: one[k] for k in ("e_x", "e_h", "e_m", "W_x", "W_h", "W_m")}
        unit = networks.LMU(6, 12, 14.0, size_in=10, dt=1.0, **given)
        nengo.Connection(stimulus, unit.input, synapse=None)
        probe = nengo.Probe(unit.output)
    with nengo.Simulator(network, dt=1.0, progress_bar=False, optimize=False) as sim:
        sim.run_steps(15)
    wanted = sim.data[probe] @ one["W_y"].T + one["b_y"].T
    np.testing.assert_allclose(answers[:, 1, 2], wanted, atol=1e-5)


def test_lstm_is_that_of_keras():
    tf = require("tensorflow")
    cell = LSTM(5, 10, 9)
    weights = some_weights(cell, 2)
    x = np.random.default_rng(1).integers(0, 10, (15, 2, 3))
    answers, _ = cell.forward(weights, x)
    one = {name: w[1] for name, w in weights.items()}

    def keras_order(w):  # input, forget, candidate, output
        i, f, o, g = np.split(w, 4)
        return np.concatenate([i, f, g, o]).T

    layer = tf.keras.layers.LSTM(5, return_sequences=True)
    layer.build((None, None, 10))
    layer.set_weights(
        [keras_order(one[k]) for k in ("W_x", "W_h")] + [keras_order(one["b"])[0]]
    )
    h = layer(np.eye(10, dtype="float32")[x[:, 1].T]).numpy()
    wanted = h @ one["W_y"].T + one["b_y"][:, 0]
    np.testing.assert_allclose(answers[:, 1].swapaxes(0, 1), wanted, atol=1e-5)


@pytest.mark.parametrize("model", ["lmu", "lstm"])
@pytest.mark.parametrize("delay", [5, 100, 300])
def test_both_have_as_many_parameters(model, delay):
    cell = make_cell(model, delay)
    weights = cell.initial(np.random.default_rng(0))
    assert sum(w.size for w in weights.values()) == cell.parameters
    assert cell.parameters == pytest.approx(PARAMETERS, rel=0.04)


def test_networks_do_not_depend_on_those_beside_them():
    rows = {}
    for seeds in ([1, 2], [2]):
        (task,) = make_tasks(
            **{**ARGUMENTS, "encoders": ("learned",), "models": ("lstm",)}
        )
        rows[len(seeds)] = run_learned({**task, "seeds": seeds})
    same = ("seed", "loss", "curve_loss", "answers", "learning_rate")
    for name in same:
        assert rows[2][1][name] == rows[1][0][name]


@pytest.mark.parametrize("model", ["lmu", "lstm"])
def test_training_goes_on_where_it_stopped(model, tmp_path, monkeypatch):
    monkeypatch.setattr(copying_learned, "EVERY", 2)
    monkeypatch.setattr(copying_learned, "SAVE_SECONDS", 0.0)
    (task,) = make_tasks(**{**ARGUMENTS, "encoders": ("learned",), "models": (model,)})
    whole = run_learned(task)

    real, calls = copying_learned.update, []

    def stops(*args):
        calls.append(1)
        if len(calls) == 6 + 5:  # six of the choice of the rate, then five of six
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(copying_learned, "update", stops)
    with pytest.raises(KeyboardInterrupt):
        run_learned(task, tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    resumed = run_learned(task, tmp_path)
    assert len(calls) == 6 + 5 + 2  # the second half of the run was not stored
    for before, after in zip(whole, resumed):
        for name in before.keys() - {"seconds"}:
            assert before[name] == after[name]
    # what is stored of a run that has ended gives its rows again
    assert run_learned(task, tmp_path) == resumed and len(calls) == 6 + 5 + 2


def test_the_rate_is_chosen_on_validation_data(monkeypatch):
    seen = []
    real = copying_learned.train

    def train(cell, run, delay, updates, validation, checkpoint=None):
        real(cell, run, delay, updates, validation, checkpoint)
        seen.append((run, validation))

    monkeypatch.setattr(copying_learned, "train", train)
    (task,) = make_tasks(**{**ARGUMENTS, "encoders": ("learned",), "models": ("lmu",)})
    row = run_learned(task)[0]
    (pilot, validation), (run, _) = seen
    assert isinstance(pilot, Run) and pilot.done == run.done == 6
    losses = [float(loss) for loss in row["rate_losses"].split()]
    assert losses == pytest.approx(pilot.lowest.tolist(), rel=1e-3)
    assert row["learning_rate"] == (0.001, 0.01)[int(np.argmin(losses))]
    assert task["pilot_seed"] not in task["seeds"]
    # test sequences are others
    shown = {tuple(one) for one in validation[0][:, 0].T}
    _, test = np.random.SeedSequence(0).spawn(2)
    tested, _ = draw_symbols(1000, 5, np.random.default_rng(test))
    assert not shown & {tuple(one) for one in tested}


def test_lmu_learns_the_task_when_it_is_short():
    (task, _) = make_tasks(
        **{
            **ARGUMENTS,
            "encoders": ("learned",),
            "updates": 600,
            "learning_rates": (0.01,),
        }
    )
    for row in run_learned(task):
        assert row["loss"] < row["baseline"] / 2
        assert row["accuracy"] > 0.5
        assert len(row["curve_updates"].split()) == len(row["curve_loss"].split()) == 3


def test_longer_training_begins_as_shorter_does():
    assert stops_of(500) == [200, 400, 500]
    assert stops_of(500, done=400) == [500]
    assert stops_of(7) == [7]


# ---- The ring's network ------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_a_readout_of_the_ring_learns_within_few_epochs():
    (task,) = make_tasks(**{**ARGUMENTS, "encoders": ("ring",), "trials": 1})
    (row,) = run_task(task)
    assert row["baseline"] / row["loss"] > 5
    assert row["accuracy"] > 0.9
    assert row["parameters"] == 40 * (9 * 20 + 10 + 9)
    updates, losses = (
        np.array(row[name].split(), float) for name in ("curve_updates", "curve_loss")
    )
    assert len(updates) == len(losses) == ARGUMENTS["ring_epochs"]
    assert updates[-1] == row["updates"] and np.all(np.diff(updates) > 0)
    # other sequences of the same kind
    assert row["loss"] == pytest.approx(losses.min(), rel=0.5)


@pytest.mark.filterwarnings("ignore")
def test_the_network_is_an_lmu_in_any_form():
    """Step by step on Nengo's reference simulator as all at once."""
    from spiking_lmu import training

    small = {"encoders": ("ring",), "ring_units": 12, "trials": 1}
    (task,) = make_tasks(**{**ARGUMENTS, **small})
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
