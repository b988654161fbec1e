"""The information experiment: capacities against closed forms, systems, a full run."""

from __future__ import annotations

import json
from math import comb

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments import information
from spiking_lmu.experiments.experiment import Result
from spiking_lmu.experiments.information.capacity import (
    capacities,
    chance,
    expected_memory,
    legendre,
    make_terms,
)
from spiking_lmu.experiments.information.laws import totals
from spiking_lmu.experiments.information.systems import (
    VARIANCE,
    Hidden,
    echo_state,
    linear_memory,
    lmu,
    lmu_weights,
    memory_step,
    spiking_memory,
)
from spiking_lmu.experiments.information.trials import make_tasks, run_task
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, simulate

ARGUMENTS = {
    "systems": ("linear", "lmu-feedforward", "lmu", "tanh", "spiking"),
    "units": 8,
    "radius": 0.9,
    "gain": 0.5,
    "bias": 0.5,
    "order": 3,
    "window": 4.0,
    "steps": 1000,
    "delays": (20, 4, 2),
    "neurons": (20,),
    "neuron_types": ("poisson",),
    "synapse": 0.05,
    "presentation": 10,
    "spiking_steps": 200,
    "trials": 1,
    "seed": 0,
}


@pytest.fixture(scope="module")
def u():
    return np.random.default_rng(0).uniform(-1, 1, 6000)


def taps(u, n):
    """The inputs of 0 to n - 1 steps ago, (len(u), n)."""
    return np.stack([np.roll(u, k) for k in range(n)], axis=1)


# ---- Functions ---------------------------------------------------------------------


@pytest.mark.parametrize("delays", [(7,), (5, 5), (6, 6, 6), (4, 4, 4, 4)])
def test_there_are_as_many_functions_as_monomials(delays):
    terms = make_terms(delays)
    n = delays[0] + 1
    # monomials of degree g in n variables
    expected = [comb(n + g - 1, g) for g in range(1, len(delays) + 1)]
    degrees = [sum(p for _, p in term) for term in terms]
    assert np.bincount(degrees)[1:].tolist() == expected
    assert len(set(terms)) == len(terms)


def test_functions_of_legendre_polynomials_are_orthonormal():
    x, weights = np.polynomial.legendre.leggauss(20)
    values = np.stack([legendre(k, x) for k in range(8)])
    assert np.allclose((values * weights / 2) @ values.T, np.eye(8))


# ---- Capacities against closed forms -----------------------------------------------


def test_a_delay_line_has_the_capacity_of_its_taps_all_linear(u):
    rng = np.random.default_rng(1)
    states = taps(u, 5) @ rng.standard_normal((5, 5)) + 3  # mixed, with an offset
    found = capacities(states, u, make_terms((20, 6, 4)))
    assert found.rank == 5
    assert np.allclose(found.by_delay()[:5], 1)
    assert found.by_degree()[0] == pytest.approx(5, abs=1e-9 + 16 * chance(5, 5980))
    assert found.by_degree()[1:].tolist() == [0, 0]


def test_a_product_of_two_taps_is_one_function_of_degree_two(u):
    states = (u * np.roll(u, 3))[:, None]
    found = capacities(states, u, make_terms((10, 6, 3)))
    assert found.by_degree().tolist() == pytest.approx([0, 1, 0], abs=1e-9)
    best = found.terms[int(np.argmax(found.values))]
    assert best == ((0, 1), (3, 1))


def test_a_square_of_one_tap_is_its_polynomial(u):
    found = capacities(np.roll(u, 2)[:, None] ** 2, u, make_terms((4, 4)))
    assert found.values.max() == pytest.approx(1)
    assert found.terms[int(np.argmax(found.values))] == ((2, 2),)


def test_a_cube_is_divided_between_its_degrees(u):
    """x³ = (2 P_3 + 3 P_1) / 5: shares 3/5² * ... of its power 1/7."""
    found = capacities(u[:, None] ** 3, u, make_terms((3, 2, 2)))
    linear = (3 / 5) ** 2 / 3 * 7
    error = 5 / np.sqrt(len(u))
    assert found.by_degree() == pytest.approx([linear, 0, 1 - linear], abs=error)


def test_all_capacities_together_are_the_rank(u):
    """Any four mixtures of functions within the basis, and copies of them."""
    rng = np.random.default_rng(2)
    x = taps(u, 3)
    basis = np.column_stack([x, x[:, :1] * x[:, 1:], x**2, x[:, :1] * x[:, 1:2] ** 2])
    states = basis @ rng.standard_normal((basis.shape[1], 4))
    states = np.column_stack([states, states @ rng.standard_normal((4, 3))])
    found = capacities(states, u, make_terms((4, 4, 4)))
    assert found.rank == 4
    # each capacity that is measured has a deviation of about 2 sqrt(c / n) at most
    assert found.total == pytest.approx(4, abs=0.15)


def test_noise_takes_what_it_takes_from_each_tap(u):
    rng = np.random.default_rng(3)
    deviation = np.array([0.1, 0.3, 1.0])
    states = taps(u, 3) + deviation * rng.standard_normal((len(u), 3))
    found = capacities(states, u, make_terms((10, 3)))
    expected = VARIANCE / (VARIANCE + deviation**2)
    error = 4 * 2 * np.sqrt(expected * (1 - expected) / len(u))
    assert np.all(np.abs(found.by_delay()[:3] - expected) < error + 1e-3)


def test_pure_chance_counts_for_nothing_and_shuffled_inputs_too(u):
    rng = np.random.default_rng(4)
    states = rng.standard_normal((len(u), 20))
    terms = make_terms((200, 20, 10))
    found = capacities(states, u, terms)
    n = len(u) - 200
    # on average each function seems to have rank / n
    assert found.raw.mean() == pytest.approx(20 / n, rel=0.1)
    assert (found.raw > chance(20, n, 0.05)).mean() == pytest.approx(0.05, abs=0.03)
    assert found.total < 3 * found.threshold
    surrogate = capacities(taps(u, 4), rng.permutation(u), terms)
    assert surrogate.total < 3 * surrogate.threshold


def test_what_chance_adds_is_taken_off():
    """Over many short runs, the mean is the capacity and not above it."""
    rng = np.random.default_rng(5)
    values, raw = [], []
    for _ in range(200):
        u = rng.uniform(-1, 1, 200)
        states = rng.standard_normal((200, 10))
        states[:, 0] = u + np.sqrt(VARIANCE) * states[:, 0]
        found = capacities(states, u, make_terms((0,)))
        values.append(found.values[0])
        raw.append(found.raw[0])
    error = 4 * np.std(values) / np.sqrt(200)
    assert np.mean(values) == pytest.approx(0.5, abs=error)
    assert np.mean(raw) > 0.5 + 2 * error / 4


@pytest.mark.parametrize("order, window", [(3, 4.0), (6, 12.0)])
def test_a_linear_memory_by_closed_form(u, order, window):
    found = capacities(linear_memory(u, order, window), u, make_terms((60, 6)), 60)
    expected = expected_memory(memory_step(order, window), 61)
    assert expected.sum() == pytest.approx(order)
    assert found.rank == order and found.by_degree()[1] == 0
    # of what lies below the threshold nothing is counted
    least = np.where(found.by_delay() > 0, 0.05, found.threshold + 0.05)
    assert np.all(np.abs(found.by_delay() - expected) < least)


def test_noise_in_closed_form_against_a_simulation(u):
    rng = np.random.default_rng(6)
    step = memory_step(4, 6.0)
    N = 0.02 * np.diag([1.0, 2.0, 3.0, 4.0])
    states = linear_memory(u, 4, 6.0)
    states = states + rng.multivariate_normal(np.zeros(4), VARIANCE * N, len(u))
    found = capacities(states, u, make_terms((30,)))
    expected = expected_memory(step, 31, N)
    assert found.by_delay()[:6] == pytest.approx(expected[:6], abs=0.05)
    assert found.total == pytest.approx(expected.sum(), abs=0.1)


@pytest.mark.parametrize(
    "name, call",
    [
        ("u", lambda u: capacities(u[:, None], 2 * u, make_terms((2,)))),
        ("u", lambda u: capacities(taps(u[:10], 4), u[:10], make_terms((2,)))),
        ("states", lambda u: capacities(u[:5, None], u, make_terms((2,)))),
        ("states", lambda u: capacities(np.ones((len(u), 2)), u, make_terms((2,)))),
        ("terms", lambda u: capacities(u[:, None], u, [])),
        ("delays", lambda u: make_terms(())),
        ("delays", lambda u: make_terms((-1,))),
        ("delays", lambda u: make_terms((100, 100, 100, 100))),
    ],
)
def test_what_cannot_be_measured(u, name, call):
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        call(u)


# ---- Systems -----------------------------------------------------------------------


def test_the_lmu_by_its_equations(u):
    u = u[:60]
    hidden = Hidden(units=5, radius=0.9, gain=0.7, bias=0.4)
    weights = lmu_weights(hidden, 4, 6.0, seed=1)
    m = linear_memory(u, 4, 6.0)
    h, expected = np.zeros(5), []
    for k in range(len(u)):
        outside = weights["W_x"] @ [u[k], 1.0] + weights["W_m"] @ m[k]
        h = np.tanh(outside + weights["W_h"] @ h)
        expected.append(h)
    assert np.allclose(lmu(u, hidden, 4, 6.0, seed=1), expected, atol=1e-10)


def test_what_arrives_at_the_units_has_the_gain_asked_for(u):
    hidden = Hidden(units=30, radius=0.0, gain=0.7, bias=0.0)
    weights = lmu_weights(hidden, 4, 6.0, seed=1)
    assert weights["W_h"] is None
    arriving = linear_memory(u, 4, 6.0) @ weights["W_m"].T
    arriving += np.outer(u, weights["W_x"][:, 0])
    assert arriving[50:].std(axis=0) == pytest.approx(np.full(30, 0.7), rel=0.1)
    rng = np.random.default_rng(0)
    W = Hidden(units=30, radius=0.8, gain=1.0, bias=0.0).recurrent(rng)
    assert np.abs(np.linalg.eigvals(W)).max() == pytest.approx(0.8)


def test_tanh_units_without_biases_have_odd_degrees_only(u):
    found = {}
    for bias in (0.0, 0.5):
        hidden = Hidden(units=10, radius=0.8, gain=0.7, bias=bias)
        states = echo_state(u, hidden, seed=0)
        found[bias] = capacities(states, u, make_terms((40, 10, 6)), 40).by_degree()
    assert found[0.0][1] == 0 and found[0.0][2] > 1
    assert found[0.5][1] > 1


def test_a_value_that_is_held_is_one_step_of_the_longer_window():
    """Ten steps of a held value, or one of a memory whose window is ten steps less."""
    u = np.random.default_rng(0).uniform(-1, 1, 50)
    held = np.append(np.repeat(u, 10), 0.0)
    system = discretize(*state_space(0.06, 4), 0.001)
    assert np.allclose(simulate(*system, held)[10::10], linear_memory(u, 4, 6.0))


@pytest.mark.parametrize("kind", ["poisson", "coordinated"])
def test_spiking_neurons_hold_what_theory_says(kind):
    u = np.random.default_rng(0).uniform(-1, 1, 500)
    task = {"order": 3, "window": 4.0, "presentation": 10, "neuron_type": kind}
    task |= {"synapse": 0.1, "seed": 0}
    (states, predicted), (_, better) = (
        spiking_memory(u, {**task, "n_neurons": n}, 21) for n in (30, 200)
    )
    assert states.shape == (500, 3)
    exact = expected_memory(memory_step(3, 4.0), 21)
    assert predicted.sum() < better.sum() < exact.sum()
    found = capacities(states, u, make_terms((20,)))
    # 500 values: noise of the estimate, what lies below the threshold, and distortion
    assert found.total == pytest.approx(predicted.sum(), rel=0.15)


def test_coordinated_neurons_hold_more_than_as_many_independent_ones():
    u = np.random.default_rng(0).uniform(-1, 1, 1500)
    task = {"order": 4, "window": 6.0, "presentation": 10, "synapse": 0.1, "seed": 0}
    task |= {"n_neurons": 30, "backend": "compiled"}
    total = {}
    for kind in ("poisson", "coordinated", "coordinated-golden"):
        states, predicted = spiking_memory(u, {**task, "neuron_type": kind}, 31)
        assert (predicted is None) == (kind == "coordinated-golden")
        total[kind] = capacities(states, u, make_terms((30,))).total
    assert total["coordinated"] > total["poisson"] + 0.2
    assert total["coordinated-golden"] > total["coordinated"]


# ---- The experiment ----------------------------------------------------------------


@pytest.fixture(scope="module")
def results(run_command):
    return run_command(
        "information --units 8 --order 3 --window 4 --steps 1000 --delays 20,4,2 "
        "--neurons 10,20 --spiking-steps 200 --trials 2 --seed 3"
    )


def test_the_command_writes_everything(results):
    out = results
    assert (out / "report.html").exists()
    for name in ("capacity", "memory"):
        assert (out / f"{name}.png").exists() and (out / f"{name}.svg").exists()
    facts = json.loads((out / "summary.json").read_text())
    assert facts["seeds"] == 3
    laws = [law["law"] for law in facts["laws"]]
    assert laws == ["system"] * 4 + ["spiking", "theory"] * 2 + ["spiking"]
    kinds = [law["neuron_type"] for law in facts["laws"] if law["law"] == "theory"]
    assert kinds == ["poisson", "coordinated"]
    trials = pd.read_csv(out / "trials.csv")
    one = totals(trials.fillna({"neuron_type": ""}))
    assert len(one) == 4 + 3 * 2
    assert (one["capacity"] <= 1.05 * one["variables"]).all()
    assert trials["capacity"].between(0, 1 + 1e-9)[trials["measure"] == "delay"].all()


def test_systems_share_inputs_and_equal_seeds_give_equal_rows():
    tasks = make_tasks(**{**ARGUMENTS, "trials": 2})
    assert len({task["seed"] for task in tasks}) == 2
    for task in tasks[::2]:
        first, second = run_task(task), run_task(task)
        for row in (*first, *second):
            row.pop("run_seconds")
        pd.testing.assert_frame_equal(pd.DataFrame(first), pd.DataFrame(second))


@pytest.mark.parametrize("system", ["linear", "spiking"])
def test_one_system_is_enough_for_a_page(system, tmp_path):
    arguments = {**ARGUMENTS, "systems": (system,)}
    frame = information.run(**arguments, folder=tmp_path, jobs=1)
    assert information.plot(frame).axes and information.plot_memory(frame).axes
    assert information.experiment.report(Result(frame, arguments))[0].laws


def test_figures_come_from_trials_csv_as_well(tmp_path):
    """In it, systems without neurons have an empty cell for the type of neurons."""
    systems = ("linear", "spiking")
    frame = information.run(
        **{**ARGUMENTS, "systems": systems}, folder=tmp_path, jobs=1
    )
    frame.to_csv(tmp_path / "trials.csv", index=False)
    stored = pd.read_csv(tmp_path / "trials.csv")
    for plot in (information.plot, information.plot_memory):
        first, again = plot(frame), plot(stored)
        for one, other in zip(first.axes, again.axes, strict=True):
            assert len(one.patches) == len(other.patches)
            assert len(one.lines) == len(other.lines)


def test_where_the_largest_memories_failed_the_next_are_shown(tmp_path):
    kinds = {"systems": ("spiking",), "neuron_types": ("poisson", "lif")}
    arguments = {**ARGUMENTS, **kinds, "neurons": (10, 20)}
    frame = information.run(**arguments, folder=tmp_path, jobs=1)
    failed = (frame["neuron_type"] == "lif") & (frame["n_neurons"] == 20)
    assert failed.any()
    bars = information.plot(frame[~failed]).axes[0].patches
    assert len(bars) == len(information.plot(frame).axes[0].patches)


@pytest.mark.parametrize(
    "name, value",
    [
        ("systems", ()), ("systems", ("gru",)), ("units", 0), ("radius", 0),
        ("gain", -1), ("bias", -1), ("order", 0), ("window", 1), ("steps", 50),
        ("delays", ()), ("delays", (-1,)), ("neurons", (1,)), ("neurons", (20, 20)),
        ("neuron_types", ("rate",)), ("synapse", 0), ("presentation", 0),
        ("spiking_steps", 30), ("trials", 0), ("seed", -1),
    ],
)  # fmt: skip
def test_bad_arguments(name, value):
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        information.experiment.plan({**ARGUMENTS, name: value})


def test_no_trials_no_page():
    with pytest.raises(ValidationError, match="at least one trial"):
        totals(pd.DataFrame())
