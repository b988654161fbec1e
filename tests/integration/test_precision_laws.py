"""Laws of the precision experiment, for numbers that are made up and so are known."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from precision_cases import COORDINATED, SHAPED, made_up
from spiking_lmu.experiments import precision
from spiking_lmu.experiments.precision import figures as precision_figures
from spiking_lmu.experiments.precision import laws as precision_laws
from spiking_lmu.experiments.precision import report as precision_report
from spiking_lmu.experiments.precision.studies import GENERATORS
from spiking_lmu.experiments.precision.trials import DESIGNS


def test_floor_study_compares_with_the_same_network():
    frame = made_up(thetas=(0.1, 0.3), synapses=(0.02, 0.04))
    study = precision_laws.floor_study(frame).set_index("change")
    base = frame[
        (frame["study"] == "grid")
        & (frame["neuron_type"] == "lif")
        & (frame["order"] == 3)
        & (frame["n_neurons"] == 20)
        & (frame["coordinates"] == "balanced")
        & (frame["theta"] == 0.1)
        & (frame["synapse"] == 0.02)
    ]
    assert study.loc["as it is", "rmse"] == pytest.approx(base["rmse"].mean())
    twice = frame[(frame["study"] == "floor") & (frame["synapse"] == 0.04)]
    assert study.loc["twice the synapse", "rmse"] == pytest.approx(twice["rmse"].mean())
    assert len(study) == 5


@pytest.mark.parametrize("changes", [{}, {"designs": DESIGNS[::-1]}])
def test_the_main_figure_shows_three_designs(changes):
    frame = made_up(**COORDINATED, **changes)
    shown = precision_figures.networks(precision_laws.grid(frame))
    *designs, last = changes.get("designs", DESIGNS)
    expected = [("poisson", d) for d in (*designs, last)] + [("coordinated", last)]
    assert shown == expected
    axes = precision.plot(frame).axes
    assert len(axes) == 3
    guides = [ax.texts[0].get_text() for ax in axes]
    assert guides == [r"$\propto 1/\sqrt{m}$"] * 2 + [r"$\propto 1/m$"]
    # theory is drawn through all three: one line an order, besides the points
    for ax in axes:
        lines = [line for line in ax.lines if line.get_zorder() == 2]
        assert len(lines) >= 2


def test_a_theory_that_is_not_known_is_not_drawn():
    frame = made_up(**COORDINATED)
    table = precision_laws.scaling_table(frame).set_index("neuron_type")
    np.testing.assert_allclose(table.loc["coordinated", "theory"], -1)
    assert table.loc["lif", "theory"].isna().all()
    ratios = precision_laws.theory_ratios(frame)
    assert set(ratios["neuron_type"]) == {"poisson", "coordinated"}
    of_coordinated = frame["neuron_type"] == "coordinated"
    unknown = frame.assign(
        predicted_rmse=frame["predicted_rmse"].mask(of_coordinated, np.nan)
    )
    table = precision_laws.scaling_table(unknown).set_index("neuron_type")
    assert table.loc["coordinated", "theory"].isna().all()
    assert set(precision_laws.theory_ratios(unknown)["neuron_type"]) == {"poisson"}
    assert precision_laws.coordination_gains(unknown)["predicted"].isna().all()


def test_rows_of_earlier_versions_have_no_noise_shaping():
    frame = made_up(**COORDINATED)
    expected = precision_laws.grid(frame)["design"]
    old = frame.drop(columns="noise_shaping")
    pd.testing.assert_series_equal(precision_laws.grid(old)["design"], expected)
    # a store to which newer trials were added
    mixed = pd.concat([old, made_up(designs=SHAPED[2:])], ignore_index=True)
    found = precision.experiment.finish(mixed)["noise_shaping"]
    assert found.dtype == bool
    assert not found[: len(old)].any() and found[len(old) :].all()
    assert set(precision_laws.grid(mixed)["design"]) == set(SHAPED)


def test_every_generator_is_explained():
    template = Path(precision_report.__file__).with_name("report.j2").read_text("utf-8")
    explained = re.findall(r'^  "([a-z-]+)": "[A-Z].+\.",$', template, re.MULTILINE)
    assert explained == list(GENERATORS)


def test_generators_are_compared_at_one_order_and_design():
    frame = made_up(**COORDINATED, orders=(3, 5, 12), neurons=(10, 20, 40))
    means = precision_laws.generator_means(frame)
    assert set(means["order"]) == {5}
    usual = means[means["rate_factor"] == 1]
    assert len(usual) == len(GENERATORS) * 3
    slower = means[means["rate_factor"] < 1]
    assert len(slower) == (len(GENERATORS) - 1) * 2
    assert set(slower["n_neurons"]) == {20}
    # those of the grid are those trials
    trials = precision_laws.grid(frame)
    trials = trials[
        (trials["order"] == 5)
        & (trials["design"] == "balanced/optimal")
        & (trials["neuron_type"] == "coordinated")
        & (trials["n_neurons"] == 40)
    ]
    found = usual[(usual["neuron_type"] == "coordinated") & (usual["n_neurons"] == 40)]
    assert found["rmse"].item() == pytest.approx(trials["rmse"].mean())
    laws = {law["neuron_type"]: law for law in precision_laws.generator_laws(frame)}
    assert list(laws) == list(GENERATORS)
    coordinated = laws["coordinated"]
    assert coordinated["rmse"]["mean"] == pytest.approx(trials["rmse"].mean())
    times = laws["poisson"]["rmse"]["mean"] / trials["rmse"].mean()
    assert coordinated["times_less"] == pytest.approx(times)
    assert coordinated["scaling"]["exponent"] == pytest.approx(-1, abs=0.15)
    slower = precision_laws.slower_neurons(frame)
    assert (slower["share"], slower["total_neurons"]) == (0.25, 100)
    assert list(slower["times"]) == list(GENERATORS[:-1])


def test_laws_are_those_of_the_numbers():
    frame = made_up(neurons=(10, 30, 100), trials=4)
    found = precision_laws.scaling_table(frame)
    assert len(found) == 2 * 2 * 2
    np.testing.assert_allclose(found["exponent"], -0.5, atol=0.06)
    poisson = frame[frame["neuron_type"] == "poisson"]
    # noise and distortion are independent: squares add up
    both = np.sqrt(poisson["predicted_rmse"] ** 2 + poisson["distortion"] ** 2)
    exact = poisson.assign(rmse=both)
    np.testing.assert_allclose(precision_laws.theory_ratios(exact)["ratio"], 1)
    gains = precision_laws.gains(exact)
    np.testing.assert_allclose(gains["gain"], np.sqrt(gains["order"]))
    np.testing.assert_allclose(gains["gain"], gains["predicted"])
    orders = precision_laws.order_table(exact).set_index("design")["exponent"]
    np.testing.assert_allclose(orders["legendre/equal"], 0.5)
    np.testing.assert_allclose(orders["balanced/optimal"], 0, atol=1e-9)
