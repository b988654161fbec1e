from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError
from numpy.polynomial import legendre
from scipy.signal import cont2discrete

from spiking_lmu.delay_errors import delay_error
from spiking_lmu.experiments import approximation, command
from spiking_lmu.experiments.approximation import errors as approximation_errors
from spiking_lmu.experiments.approximation import figures as approximation_figures
from spiking_lmu.experiments.experiment import Result
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import read_trials
from spiking_lmu.legendre import readout, state_space
from spiking_lmu.linear_systems import METHODS, discretize, lag_of, simulate

SMALL = {
    "orders": (1, 3, 6),
    "max_cycles": 5.0,
    "points": 21,
    "cycles": (1, 2),
    "steps": (4, 8, 50, 100, 1000),
    "step_orders": (6,),
}


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """Where results go by default."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return approximation.run(**SMALL, folder=tmp_path_factory.mktemp("frame"))


def page(frame):
    return approximation.experiment.report(Result(frame))[0]


def chosen(frame, **values):
    for column, value in values.items():
        frame = frame[(frame[column] == value).fillna(False)]
    return frame


def the_error(frame, **values):
    (error,) = chosen(frame, kind="step", **values)["error"]
    return error


def test_one_row_a_number(frame):
    counts = frame["kind"].value_counts().to_dict()
    assert counts == {
        "delay": 3 * 21,
        "band": 3 * 2,
        "need": 2 * 2,
        "window": 3 * 2,
        "limit": 3,
        "step": len(METHODS) * 5 * 3,
    }
    assert list(frame.columns) == list(approximation_errors.COLUMNS)
    assert frame[["kind", "order"]].notna().all(axis=None)
    unstable = frame["kind"].eq("step") & ~frame["stable"].fillna(True).astype(bool)
    valued = frame["kind"].isin(["delay", "window", "step"]) & ~unstable
    assert unstable.any()
    assert (frame["error"].notna() == valued).all()


def test_equal_arguments_give_equal_frames(frame):
    again = approximation.run(**{**SMALL, "orders": [6, 3, 1, 3]})
    pd.testing.assert_frame_equal(again, frame)


def test_delay_of_order_1_is_a_lowpass(frame):
    rows = chosen(frame, kind="delay", order=1)
    s = 2j * np.pi * rows["theta_times_freq"].to_numpy()
    np.testing.assert_allclose(rows["error"], np.abs(np.exp(-s) - 1 / (1 + s)))
    assert rows["theta_times_freq"].iloc[[0, -1]].tolist() == pytest.approx([0.005, 5])


def test_bands_and_needs_are_where_the_error_crosses(frame):
    for row in chosen(frame, kind="band").itertuples():
        edge = delay_error(row.order, row.theta_times_freq * np.array([0.999, 1.001]))
        assert edge[0] < row.tolerance < edge[1]
    for row in chosen(frame, kind="need").itertuples():
        freqs = np.linspace(0, row.theta_times_freq, 50)
        assert delay_error(row.order, freqs).max() <= row.tolerance
        assert delay_error(row.order - 1, freqs).max() > row.tolerance


def test_usable_band_tends_to_one_cycle_for_pi_orders():
    rows = chosen(approximation.run((96, 192), cycles=[1], points=2), kind="band")
    for _, band in rows.groupby("tolerance"):
        gain = np.diff(band["theta_times_freq"])[0] / 96
        assert 0.97 / np.pi < gain < 1 / np.pi


def solved(A, b):
    """The solution of A x = b in fractions."""
    rows = [[*map(Fraction, row), Fraction(y)] for row, y in zip(A, b)]
    for k in range(len(rows)):
        pivot = next(i for i in range(k, len(rows)) if rows[i][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(len(rows)):
            if i != k:
                rows[i] = [x - rows[i][k] * y for x, y in zip(rows[i], rows[k])]
    return [row[-1] for row in rows]


@pytest.mark.parametrize("order", [1, 2, 3, 6, 12])
def test_leading_error_is_the_first_power_of_s_that_is_missed(order):
    """In exact arithmetic: sum x = - C A^-(k + 1) B is the factor of s^k."""
    A, B = state_space(1.0, order)
    x = [-Fraction(b) for b in B[:, 0]]
    for k in range(2 * order + 1):
        x = solved(A.astype(int).tolist(), x)
        missed = sum(x) - Fraction((-1) ** k, math.factorial(k))
        if k < 2 * order:
            assert missed == 0
    expected = abs(missed) * Fraction(2 * np.pi) ** (2 * order)
    found = approximation_errors.leading_error(order, np.array([1.0]))[0]
    assert found == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_leading_error_is_the_error_at_low_frequency(order):
    freq = (1e-8 / approximation_errors.leading_error(order, 1.0)) ** (0.5 / order)
    assert delay_error(order, freq)[0] == pytest.approx(1e-8, rel=0.01)


@pytest.mark.parametrize("order", [1, 4, 9])
def test_window_errors_by_quadrature(order):
    cycles = np.array([0.0, 0.3, 1.7, 4.0])
    memory, projection = approximation_errors.window_errors(order, cycles)
    nodes, weights = legendre.leggauss(80)
    r, weights = (nodes + 1) / 2, weights / 2
    C = readout(order, r)
    A, B = state_space(1.0, order)
    for k, freq in enumerate(cycles):
        wave = np.exp(-2j * np.pi * freq * r)
        m = np.linalg.solve(2j * np.pi * freq * np.eye(order) - A, B)[:, 0]
        best = np.linalg.lstsq(
            C * np.sqrt(weights)[:, None], wave * np.sqrt(weights), -1
        )
        for found, coefficients in ((memory, m), (projection, best[0])):
            expected = weights @ np.abs(wave - C @ coefficients) ** 2
            assert found[k] == pytest.approx(expected, rel=1e-9, abs=1e-14)


def test_window_error_of_noise_in_the_time_domain(frame):
    per_window, order, cycles = 400, 6, 3.0
    rng = np.random.default_rng(0)
    freqs = cycles * (np.arange(60) + 0.5) / 60
    phases = rng.uniform(0, 2 * np.pi, 60)
    t = np.arange(80 * per_window) / per_window
    u = np.sin(2 * np.pi * freqs[:, None] * t + phases[:, None]).sum(axis=0)
    m = simulate(*discretize(*state_space(1.0, order), 1 / per_window, "zoh"), u)
    delays = np.linspace(0, 1, 41)
    now = np.arange(20 * per_window, len(u))
    # half a step older, for that is what zero-order hold makes of the input
    old = now[:, None] / per_window - delays - 0.5 / per_window
    error = m[now] @ readout(order, delays).T - np.interp(old, t, u)
    weights = np.r_[0.5, np.ones(39), 0.5] / 40
    measured = np.sqrt((error**2 @ weights).mean() / (u**2).mean())
    (expected,) = chosen(frame, kind="window", order=order, method="memory")["error"]
    assert measured == pytest.approx(expected, rel=0.03)


def test_example_windows_agree_with_the_errors():
    r, true, held = approximation_errors.example_windows((3, 24), cycles=2.0, seed=3)
    assert held.shape == (2, len(r)) and true.shape == r.shape
    np.testing.assert_allclose(held[1], true, atol=1e-6)
    assert np.abs(held[0] - true).max() > 0.1
    again = approximation_errors.example_windows((3, 24), cycles=2.0, seed=4)[1]
    assert np.abs(again - true).max() > 0.1


@pytest.mark.parametrize("order", [2, 6, 24])
def test_euler_is_stable_just_above_its_limit(order):
    limit = approximation_errors.euler_limit(order)
    A, B = state_space(1.0, order)
    for steps, stable in ((limit * 1.001, True), (limit * 0.999, False)):
        Ad, _ = discretize(A, B, 1 / steps, "euler")
        assert (np.abs(np.linalg.eigvals(Ad)).max() < 1) == stable


def test_unstable_systems_have_no_error(frame):
    (limit,) = chosen(frame, kind="limit", order=6)["steps"]
    rows = chosen(frame, kind="step", method="euler")
    assert (rows["stable"] == (rows["steps"] >= limit)).all()
    assert (rows["stable"] == (rows["spectral_radius"] < 1)).all()
    assert rows["error"].isna().any()
    assert chosen(frame, kind="step", method="zoh")["stable"].all()


@pytest.mark.parametrize("method", METHODS)
def test_errors_of_steps_in_the_time_domain(frame, method):
    steps = 100
    A, B = state_space(1.0, 6)
    u = np.exp(2j * np.pi * np.arange(40 * steps) / steps)
    Ad, Bd = discretize(A, B, 1 / steps, method)
    m = simulate(Ad, Bd, u.real) + 1j * simulate(Ad, Bd, u.imag)
    state = m[-1] @ readout(6, 1.0)[0] / u[-1]
    for reading, lag in (("state", 0), ("shifted", approximation_errors.LAGS[method])):
        ideal = np.exp(-2j * np.pi * (1 + lag / steps))
        error = the_error(frame, method=method, reading=reading, steps=steps)
        assert error == pytest.approx(abs(state - ideal), rel=1e-6)
    F, G, H, D, _ = cont2discrete(
        (A, B, readout(6, 1.0), np.zeros((1, 1))), 1 / steps, method
    )
    x = simulate(F, G, u.real)[-1] + 1j * simulate(F, G, u.imag)[-1]
    system = (H @ x + D[0] * u[-1])[0] / u[-1]
    error = the_error(frame, method=method, reading="system", steps=steps)
    assert error == pytest.approx(abs(system - 1), rel=1e-6)  # a whole cycle late


@pytest.mark.parametrize("method", ["zoh", "bilinear", "euler", "backward_diff"])
def test_lags_are_those_of_ramps(method):
    Ad, Bd = discretize(*state_space(1.0, 6), 1e-4, method)
    lag = lag_of(readout(6, 1.0), Ad, Bd)[0] - 1e4
    assert lag == pytest.approx(approximation_errors.LAGS[method], abs=1e-2)


def test_systems_of_methods_map_s_to_z():
    """Tustin's and the Euler methods in closed form: H at a function of z."""
    steps, order = 100, 6
    z = np.exp(2j * np.pi / steps)
    maps = {
        "bilinear": 2 * steps * (z - 1) / (z + 1),
        "euler": steps * (z - 1),
        "backward_diff": steps * (z - 1) / z,
    }
    frame = approximation.run(**{**SMALL, "methods": list(maps)})
    A, B = state_space(1.0, order)
    for method, s in maps.items():
        response = np.linalg.solve(s * np.eye(order) - A, B).sum()
        error = the_error(frame, method=method, reading="system", steps=steps)
        assert error == pytest.approx(abs(response - 1))


def test_zero_order_hold_is_half_a_step_late():
    frame = approximation.run(**{**SMALL, "step_orders": [24], "methods": ["zoh"]})
    state = the_error(frame, reading="state", steps=1000)
    shifted = the_error(frame, reading="shifted", steps=1000)
    assert state == pytest.approx(np.pi / 1000, rel=0.01)
    assert shifted < state / 100
    # and so does reading half a step less of delay
    z = np.exp(2j * np.pi / 1000)
    Ad, Bd = discretize(*state_space(1.0, 24), 1 / 1000)
    C = readout(24, 1 - 0.5 / 1000)
    response = (C @ np.linalg.solve(z * np.eye(24) - Ad, Bd)).item()
    assert abs(response - 1) < state / 100


def test_the_direct_path_is_half_of_d_steps():
    """What C m lacks under first-order hold, at 0 Hz."""
    for order, steps in ((6, 10_000), (24, 50_000)):
        Ad, Bd = discretize(*state_space(1.0, order), 1 / steps, "foh")
        dc = readout(order, 1.0) @ np.linalg.solve(np.eye(order) - Ad, Bd)
        assert abs(dc.item() - 1) * steps == pytest.approx(order / 2, rel=0.02)


DELAY, WINDOWS, METHODS_OF_STEPS = FIGURES = (
    approximation.plot,
    approximation_figures.plot_windows,
    approximation_figures.plot_methods,
)


@pytest.mark.parametrize(
    "arguments, changed",
    [
        ({"orders": [2]}, FIGURES),
        ({"orders": [256], "points": 2}, FIGURES),
        ({"tolerances": [0.2], "cycles": [0.5]}, [DELAY, WINDOWS]),
        ({"methods": ["euler"], "steps": [4, 5]}, [METHODS_OF_STEPS]),
        ({"methods": ["zoh"], "steps": [50]}, [METHODS_OF_STEPS]),
        ({"step_orders": [1, 2, 3]}, [METHODS_OF_STEPS]),
        ({"window_cycles": 0.05}, [WINDOWS]),
        ({"window_cycles": 30}, [WINDOWS]),
    ],
)
def test_unusual_arguments_render_too(arguments, changed):
    """In the figures whose rows they change."""
    frame = approximation.run(**{**SMALL, **arguments})
    for plot in changed:
        with style.rc():
            plot(frame).draw_without_rendering()
    assert page(frame).sections


def test_axes_of_the_figures(frame):
    curves, bands = approximation.plot(frame).axes
    assert curves.get_xscale() == curves.get_yscale() == "log"
    assert {text.get_text() for text in curves.texts} >= {"3", "6", "1 %"}
    assert len(bands.get_lines()) == 3  # two tolerances and the guide
    panels = approximation_figures.plot_methods(frame).axes
    assert len(panels) == 3
    assert "unstable" in [text.get_text() for text in panels[0].texts]


def laws(frame):
    found = {}
    for law in page(frame).laws:
        found.setdefault(law.values["law"], []).append(law)
    return found


def test_laws_come_from_the_frame(frame):
    found = laws(frame)
    band = chosen(frame, kind="band", order=6, tolerance=0.01)["theta_times_freq"]
    assert f"up to θf = {band.item():.2f} within 1 %" in found["bands"][0].words
    slopes = laws(approximation.run(**{**SMALL, "points": 201}))["slope"][0]
    for order, exponent in slopes.values["exponents"].items():
        assert exponent == pytest.approx(2 * order, rel=0.02)
    assert found["window"][0].values["memory"] > found["window"][0].values["projection"]
    changed = frame.assign(theta_times_freq=2 * frame["theta_times_freq"])
    slope = laws(changed)["band"][0].values["cycles_per_order"]
    assert slope == pytest.approx(2 * found["band"][0].values["cycles_per_order"])


def test_laws_of_steps_are_the_orders_of_the_methods():
    steps = (500, 700, 1000, 1500, 2000, 3000, 4000)
    frame = approximation.run(**{**SMALL, "steps": steps, "step_orders": (12,)})
    found = {law.values["method"]: law.values for law in laws(frame)["steps"]}
    floor = {"rel": 0.15}
    assert found["zoh"]["state"] == pytest.approx(1, **floor)
    assert found["bilinear"]["state"] == pytest.approx(1, **floor)
    assert found["euler"]["state"] == pytest.approx(1, **floor)
    assert found["backward_diff"]["system"] == pytest.approx(1, **floor)
    assert found["impulse"]["system"] == pytest.approx(1, **floor)
    assert found["zoh"]["shifted"] == pytest.approx(2, **floor)
    assert found["bilinear"]["system"] == pytest.approx(2, **floor)
    assert found["foh"]["system"] == pytest.approx(2, **floor)


def test_tables_say_where_a_method_is_unstable(frame):
    table = page(frame).sections[-1].table.set_index("Method")
    assert table.loc["Euler", "4 steps"] == "unstable"
    assert "unstable" not in table.loc["Zero-order hold"].to_numpy()
    assert not table.reset_index().duplicated().any()


@pytest.mark.parametrize(
    "name, value",
    [
        ("orders", ()),
        ("orders", 6),
        ("orders", "6"),
        ("orders", None),
        ("orders", [0]),
        ("orders", [257]),
        ("orders", [2.5]),
        ("orders", [True]),
        ("orders", [[1]]),
        ("max_cycles", 0),
        ("max_cycles", np.nan),
        ("max_cycles", np.inf),
        ("max_cycles", "1"),
        ("points", 1),
        ("points", 2.0),
        ("points", 10**9),
        ("tolerances", []),
        ("tolerances", [0]),
        ("tolerances", [1e-12]),
        ("tolerances", [0.1, 1.0]),
        ("tolerances", ["a"]),
        ("cycles", [-1]),
        ("cycles", [np.nan]),
        ("cycles", [1000]),
        ("window_cycles", -1),
        ("window_cycles", 1e9),
        ("window_cycles", [3]),
        ("methods", "zoh"),
        ("methods", []),
        ("methods", ["tustin"]),
        ("methods", [3]),
        ("steps", [1]),
        ("steps", [20.5]),
        ("steps", [-20]),
        ("steps", [10**9]),
        ("step_orders", [0]),
        ("step_orders", []),
        ("step_cycles", 0),
        ("step_cycles", 2.0),
        ("step_cycles", np.inf),
    ],
)
def test_bad_arguments_are_named(name, value):
    with pytest.raises(ValidationError, match=f"{name}.* must be .*, but is "):
        approximation.run(**{**SMALL, name: value})


@pytest.mark.parametrize("seed", [-1, 2**31, 2**40])
def test_bad_seeds_are_refused_before_anything_is_written(tmp_path, seed):
    with pytest.raises(SystemExit):
        command.main(["approximation", f"--seed={seed}", f"--out={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()


def test_main_writes_the_folder(tmp_path, frame):
    options = ["--orders", "1,3,6", "--max-cycles", "5", "--points", "21"]
    options += ["--cycles", "1,2", "--steps", "4,8,50,100,1000", "--step-orders", "6"]
    argv = ["approximation", *options, "--quiet", "--out", str(tmp_path / "out")]
    assert command.main(argv) == 0
    out = tmp_path / "out"
    names = {path.name for path in out.iterdir()}
    figures = {
        f"{n}.{f}" for n in ("delay", "windows", "methods") for f in ("png", "svg")
    }
    assert names == figures | {
        "report.html", "trials.csv", "summary.json", "trials.sqlite"
    }  # fmt: skip
    assert all((out / name).stat().st_size > 10_000 for name in figures)
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["experiment"] == "approximation"
    assert summary["command"].startswith("spiking-lmu approximation --orders 1,3,6 ")
    assert summary["arguments"]["orders"] == [1, 3, 6]
    assert summary["arguments"]["seed"] == summary["seeds"] == 0
    stored = read_trials(out)
    np.testing.assert_array_equal(stored["error"], frame["error"])
    # the figures and the words can be had again from what is stored
    for plot, name in zip(FIGURES, ("delay", "windows", "methods")):
        written = (out / f"{name}.svg").read_bytes()
        assert style.render(plot(stored), "svg") == written
    assert page(stored).laws == page(frame).laws
