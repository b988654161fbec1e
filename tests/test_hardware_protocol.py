"""The protocol of the hardware experiment, and the networks that run it."""

from dataclasses import asdict

import nengo
import nengo_loihi
import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

from hardware_cases import ARGUMENTS, task_of
from spiking_lmu.experiments.chips.designs import ABLATION, PLATFORMS
from spiking_lmu.experiments.chips.laws import MATCHED, PUBLISHED
from spiking_lmu.experiments.chips.networks import headrooms, make_model
from spiking_lmu.experiments.chips.protocol import (
    DT,
    EXAMPLES,
    ORDER,
    POINTS,
    STEPS,
    THETA,
    estimate_state,
    ideal_state,
    make_input,
    thesis_coordinates,
    window,
    window_error,
)
from spiking_lmu.experiments.chips.trials import make_tasks, run_network, run_task
from spiking_lmu.legendre import readout, state_space

# ---- The protocol ------------------------------------------------------------------


def test_input_is_that_of_the_protocol():
    u = make_input(3)
    assert u.shape == (STEPS,)
    assert 0.7 < np.sqrt(np.mean([make_input(k) ** 2 for k in range(1, 11)])) < 1.3
    power = np.abs(np.fft.rfft(u)) ** 2
    assert power[7:].sum() < 1e-6 * power.sum()  # up to 3 Hz, in two seconds


def test_the_exact_state_has_no_error():
    """Principle 3 and its synapse give back the state, a step late."""
    u = make_input(1)
    ideal = ideal_state(u)
    estimate = estimate_state(ideal, u)
    # it differs by the one step between a synapse's input and its output
    assert window_error(np.vstack([ideal[1:], ideal[-1:]]), u) < 0.1
    assert np.allclose(estimate, ideal, atol=1e-9)
    assert window_error(ideal, u) < 1e-9


def test_silence_has_an_error_of_the_input_alone():
    u = make_input(2)
    assert window_error(np.zeros((STEPS, ORDER)), u) > 0.5


def test_window_runs_from_now_to_theta_ago():
    u = make_input(4)
    values = window(ideal_state(u))
    assert values.shape == (STEPS, POINTS)
    late = int(THETA / DT)
    assert np.abs(values[late:, -1] - u[:-late]).max() < 0.1 * np.abs(u).max()
    assert np.abs(values[1:, 0] - u[:-1]).max() < 0.2 * np.abs(u).max()
    # as published: of the state in continuous time
    published = ideal_state(u) @ readout(ORDER, np.linspace(0, 1, POINTS)).T
    assert np.array_equal(values, published)


def test_coordinates_are_balanced_and_scaled():
    T = thesis_coordinates() * np.arange(1, ORDER + 1)
    A, B = state_space(THETA, ORDER)
    A, B, C = (
        np.linalg.solve(T, A @ T),
        np.linalg.solve(T, B),
        readout(ORDER, [1.0]) @ T,
    )
    reached = solve_continuous_lyapunov(A, -B @ B.T)
    observed = solve_continuous_lyapunov(A.T, -C.T @ C)
    assert np.allclose(reached, observed)
    assert np.allclose(reached, np.diag(np.diag(reached)))
    assert np.all(np.diff(np.diag(reached)) < 0)


def test_coordinates_lie_within_their_radii():
    T = thesis_coordinates()
    x = np.concatenate(
        [ideal_state(make_input(s)) @ np.linalg.inv(T).T for s in range(1, 11)]
    )
    assert np.all(np.abs(x).max(axis=0) < 1.25)
    assert np.all(np.abs(x).max(axis=0) > 0.5)


@pytest.mark.parametrize("of", PUBLISHED.values(), ids=PUBLISHED)
def test_published_means_agree_with_each_other(of):
    assert np.mean(of.cases) == pytest.approx(of.mean, abs=1e-4)
    assert of.low < of.mean < of.high


# ---- Networks ----------------------------------------------------------------------


def test_memory_decodes_the_state_without_spikes():
    model, T = make_model(task_of("lif-nengo"))
    model.network.config[nengo.Ensemble].neuron_type = nengo.Direct()
    for ensemble in model.network.all_ensembles:
        ensemble.neuron_type = nengo.LIFRate()
    u = make_input(1)
    model.stimulus.output = nengo.processes.PresentInput(u[:, None], DT)
    with nengo.Simulator(model.network, dt=DT, progress_bar=False) as sim:
        sim.run_steps(STEPS)
    decoded = sim.data[model.probes["decoded"]] @ T.T
    assert window_error(decoded, u) < 0.02


def test_published_network_errs_on_nengo_as_published():
    ((_, decoded, rate, _),) = run_network(task_of("thesis-nengo"))
    error = window_error(decoded, make_input(1))
    assert error == pytest.approx(PUBLISHED["nengo"].cases[0], rel=0.25)
    assert 30 < rate < 200


def test_published_network_errs_on_the_emulator_as_on_the_chip():
    task = task_of("thesis-loihi", cases=[1, 2, 3], input_seeds=[1, 2, 3])
    rows = run_task(task)
    mean = np.mean([row["nrmse"] for row in rows])
    assert mean == pytest.approx(np.mean(PUBLISHED["loihi"].cases[:3]), abs=0.01)
    assert [row["test_case"] for row in rows] == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("then, now", MATCHED.items())
def test_at_published_settings_ours_errs_no_more(then, now):
    """Same inputs, synapse, rates, neurons and readout; no more spikes."""
    for name in ("synapse", "max_rates", "backend", "neuron_type"):
        assert getattr(PLATFORMS[then], name) == getattr(PLATFORMS[now], name)
    cases = [2, 5, 7]
    rows = {
        name: run_task(task_of(name, cases=cases, input_seeds=cases))
        for name in (then, now)
    }
    published, ours = (
        {key: np.array([row[key] for row in rows[name]]) for key in row}
        for name in (then, now)
        for row in rows[name][:1]
    )
    assert np.mean(ours["nrmse"] / published["nrmse"]) < 1
    assert ours["spikes_per_second"].mean() < published["spikes_per_second"].mean()


def test_examples_of_ranges_are_not_tested_on():
    given = {**ARGUMENTS, "inputs": "fresh", "cases": 100}
    (fresh,) = make_tasks(**given)
    assert not set(EXAMPLES) & {*range(1, 11), *fresh["input_seeds"]}


def test_radii_of_examples_are_as_far_as_the_published_ones():
    published, examples, expected = (
        headrooms(ranges, 0.01) for ranges in ("published", "examples", "expected")
    )
    assert np.all(examples > 3) and np.all(examples < published)
    assert np.all(expected > examples) and expected[-1] > 5 * examples[-1]


def test_published_coordinates_and_decoders_are_those_of_the_published_network():
    design = ABLATION["even: published coordinates and decoders"]
    task = {**task_of("matched-nengo"), **asdict(design), "n_neurons": 16}
    model, T = make_model(task)
    assert np.array_equal(T, thesis_coordinates())
    with nengo.Simulator(model.network, progress_bar=False, optimize=False) as sim:
        for ensemble in model.network.all_ensembles:
            assert ensemble.radius == 1
            points = sim.data[ensemble].eval_points
            assert abs(points).max() > 0.9 and abs(points.mean()) < 0.1
        connections = model.network.all_connections
        decoded = [c for c in connections if isinstance(c.pre_obj, nengo.Ensemble)]
        assert len(decoded) == ORDER
        assert all(c.solver == nengo.solvers.LstsqL2(reg=0.1) for c in decoded)


def test_published_network_is_the_same_to_nengo_loihi():
    from spiking_lmu.hardware import loihi

    model, _ = make_model(task_of("thesis-loihi", n_neurons=32))
    model.stimulus.output = nengo.processes.PresentInput(make_input(1)[:, None], DT)
    data = []
    for simulator in (nengo_loihi.Simulator, loihi.Simulator):
        with pytest.warns() if simulator is nengo_loihi.Simulator else _quiet():
            sim = simulator(model.network, dt=DT, progress_bar=False, target="sim")
        with sim:
            sim.run_steps(300)
            data.append([sim.data[p] for p in model.probes.values()])
    for stock, ours in zip(*data):
        assert np.array_equal(stock, ours)


def _quiet():
    import warnings

    catcher = warnings.catch_warnings()
    warnings.filterwarnings("ignore", "tau_s is already set")
    return catcher
