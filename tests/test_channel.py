"""The communication channel: theory against spikes, and what the report says."""

from __future__ import annotations

import nengo
import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments import channel
from spiking_lmu.experiments.channel import trials
from spiking_lmu.experiments.experiment import Result
from spiking_lmu.experiments.pages import style
from spiking_lmu.metrics import fit_scaling
from spiking_lmu.populations import Population
from spiking_lmu.signals import lowpass

ARGUMENTS = {
    "neurons": (50,),
    "neuron_types": ("poisson",),
    "trials": 1,
    "freq": 10.0,
    "periods": 1,
    "seed": 0,
}
NUMBERS = ["rmse", "predicted_rmse", "distortion", "locked", "spikes_per_second"]


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return channel.run(
        neurons=(50, 150, 500, 1000),
        neuron_types=("poisson", "coordinated", "lif", "relu", "rate"),
        trials=3,
        periods=3,
        folder=tmp_path_factory.mktemp("channel"),
        jobs=1,
    )


def of(frame, kind):
    return frame[frame["neuron_type"] == kind]


def test_one_row_a_trial_with_scaled_time_constants(frame):
    assert len(frame) == 4 * 5 * 3
    assert np.allclose(frame["synapse"] * frame["freq"], 0.01)
    assert np.allclose(frame["dt"] * frame["freq"], 0.001)
    assert (frame["steps"] == 1000 * 4 + 50).all()
    assert (frame["parameter_bytes"] == 32 * frame["n_neurons"]).all()
    # neuron types share their neurons, trials do not
    assert frame.groupby(["n_neurons", "seed"])["neuron_type"].nunique().eq(5).all()
    assert frame["seed"].nunique() == 4 * 3


def test_spikes_are_as_many_as_tuning_curves_say(frame):
    poisson, rate = (
        of(frame, kind)["spikes_per_second"].to_numpy() for kind in ("poisson", "rate")
    )
    seconds = 3 / 10.0
    assert np.all(np.abs(poisson - rate) < 4 * np.sqrt(rate / seconds))
    # uniform max_rates of 20 to 40 Hz, reached at the ends of the sine only
    per_neuron = frame["spikes_per_second"] / frame["n_neurons"]
    assert per_neuron.between(7, 30).all()


@pytest.mark.parametrize("kind", ["poisson", "coordinated"])
def test_neurons_err_as_theory_says(frame, kind):
    rows = of(frame, kind)
    ratios = rows["rmse"] / np.hypot(rows["predicted_rmse"], rows["distortion"])
    # each trial has about 3 periods / synapse = 300 independent values, in power
    spread = np.sqrt(0.5 * 2 / 300)
    assert abs(ratios.mean() - 1) < 4 * spread / np.sqrt(len(rows))
    assert np.abs(ratios - 1).max() < 5 * spread
    assert (rows["distortion"] < 0.06 * rows["predicted_rmse"]).all()


def test_coordinated_neurons_err_less_where_they_spike_several_times_a_step(frame):
    """They are Poisson neurons as long as hardly two of them spike in one step."""
    ratios = [
        of(frame, kind).groupby("n_neurons")["predicted_rmse"].mean()
        for kind in ("coordinated", "poisson")
    ]
    ratio = ratios[0] / ratios[1]
    assert ratio.is_monotonic_decreasing
    assert ratio[50] > 0.9 and ratio[1000] < 0.5
    spikes = of(frame, "coordinated")["spikes_per_second"] * 1e-4
    assert spikes.min() < 0.1 and spikes.max() > 1


def test_poisson_error_falls_as_the_root_of_neurons(frame):
    rows = of(frame, "poisson")
    fit = fit_scaling(rows["n_neurons"], rows["rmse"])
    assert fit.low <= -0.5 <= fit.high
    assert fit.high - fit.low < 0.2


def test_rate_neurons_err_by_their_distortion_alone(frame):
    rows = of(frame, "rate")
    assert (rows["predicted_rmse"] == 0).all()
    assert np.allclose(rows["rmse"], rows["distortion"], rtol=1e-9)
    # their error is the same in each period
    assert np.allclose(rows["rmse"], rows["locked"], rtol=1e-9)


def test_lif_neurons_fall_into_step_with_the_sine(frame):
    lif = of(frame, "lif").groupby("n_neurons")[["rmse", "locked"]].mean()
    poisson = of(frame, "poisson").groupby("n_neurons")[["rmse", "locked"]].mean()
    assert lif.loc[500, "locked"] > 0.9 * lif.loc[500, "rmse"]
    # of independent noise, a mean over three periods leaves 1 / sqrt(3)
    assert poisson.loc[500, "locked"] == pytest.approx(
        poisson.loc[500, "rmse"] / np.sqrt(3), rel=0.15
    )
    assert lif.loc[500, "rmse"] > poisson.loc[500, "rmse"]


def test_theory_is_of_random_spikes_and_rates_alone(frame):
    known = frame["predicted_rmse"].notna()
    assert (
        known == frame["neuron_type"].isin(["poisson", "coordinated", "rate"])
    ).all()


def test_noise_by_simulating_the_filter():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=400_000) * 3
    filtered = lowpass(noise, 0.01, 0.001)
    assert trials.filtered_rmse(9, 0.01, 0.001) == pytest.approx(
        filtered.std(), rel=0.01
    )


def test_theory_by_summing_over_neurons():
    """A neuron at a time, and the limit of small time steps."""
    (task,) = trials.make_tasks(**ARGUMENTS)
    model, ensemble, decoded = trials.make_model(50, "poisson", 1e-3, task["seed"])
    with nengo.Simulator(model.network, dt=1e-4, progress_bar=False) as sim:
        population = Population.solved(sim.data, ensemble, decoded)
    x = np.sin(2 * np.pi * np.arange(1000) / 1000)
    noise = sum(
        w**2 * ensemble.neuron_type.rates(e * x, [g], [b])[:, 0].mean()
        for w, e, g, b in zip(
            population.decoders,
            population.encoders,
            population.gain,
            population.bias,
        )
    )
    (row,) = trials.run_task(task)
    assert row["predicted_rmse"] == pytest.approx(np.sqrt(noise / (2 * 1e-3)), rel=0.01)


def test_faster_sines_are_represented_by_fewer_spikes():
    slow, fast = (
        trials.run_task(trials.make_tasks(**{**ARGUMENTS, "freq": freq})[0])[0]
        for freq in (10, 40)
    )
    ratio = fast["predicted_rmse"] / slow["predicted_rmse"]
    assert ratio == pytest.approx(2, rel=0.25)
    assert fast["steps"] == slow["steps"]


def test_equal_arguments_give_equal_numbers(frame, tmp_path):
    again = channel.run(
        (150, 50), ("lif", "poisson"), 1, 10, 3, seed=0, folder=tmp_path, jobs=1
    )
    axes = ["neuron_type", "n_neurons", "seed"]
    both = again.merge(frame, on=axes)
    assert len(both) == len(again) == 4
    for name in NUMBERS:
        np.testing.assert_array_equal(both[f"{name}_x"], both[f"{name}_y"])
    other = trials.make_tasks(**{**ARGUMENTS, "seed": 1})
    assert other[0]["seed"] != trials.make_tasks(**ARGUMENTS)[0]["seed"]


@pytest.mark.parametrize(
    "name, value",
    [
        ("backend", "loihi"),
        ("neurons", ()),
        ("neurons", 100),
        ("neurons", "100"),
        ("neurons", (0,)),
        ("neurons", (-5,)),
        ("neurons", (10.5,)),
        ("neurons", (np.nan,)),
        ("neurons", (10**6,)),
        ("neurons", (100, 100)),
        ("neuron_types", "poisson"),
        ("neuron_types", ("izhikevich",)),
        ("neuron_types", ()),
        ("trials", 0),
        ("trials", 1.5),
        ("trials", 10**6),
        ("freq", 0),
        ("freq", -1.0),
        ("freq", np.inf),
        ("freq", np.nan),
        ("freq", 1e5),
        ("freq", "ten"),
        ("periods", 0),
        ("periods", 2.5),
        ("periods", 10**6),
        ("seed", -1),
        ("seed", 0.5),
        ("seed", 2**40),
    ],
)
def test_bad_arguments_are_named(name, value, tmp_path):
    with pytest.raises(ValidationError, match=name):
        channel.run(**{**ARGUMENTS, name: value}, folder=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_figure_shows_each_type_and_theory(frame):
    figure = channel.plot(frame)
    errors, ratios = figure.axes
    labels = [text.get_text() for text in errors.get_legend().get_texts()]
    assert labels == [
        "Poisson",
        "coordinated",
        "LIF",
        "rate (no spikes)",
        "integrate-and-fire",
        "theory",
    ]
    assert errors.get_xscale() == errors.get_yscale() == "log"
    assert ratios.get_ylim()[0] < 1 < ratios.get_ylim()[1]
    assert style.render(figure, "png").startswith(b"\x89PNG")
    (alone,) = channel.plot(of(frame, "lif")).axes
    labels = [text.get_text() for text in alone.get_legend().get_texts()]
    assert labels == ["LIF"]


def report_of(frame):
    return channel.experiment.report(Result(frame))[0]


def test_report_tells_what_the_trials_say(frame):
    report = report_of(frame)
    laws = {(law.values["law"], law.values["neuron_type"]): law for law in report.laws}
    law = laws["neurons", "poisson"]
    assert law.values["low"] <= -0.5 <= law.values["high"]
    assert f"−{-law.values['exponent']:.3f}" in law.words
    theory = laws["theory", "poisson"]
    rows = of(frame, "poisson")
    ratios = rows["rmse"] / np.hypot(rows["predicted_rmse"], rows["distortion"])
    assert theory.values["ratio"] == pytest.approx(ratios.mean())
    assert theory.values["low"] < theory.values["ratio"] < theory.values["high"]
    assert laws["floor", "lif"].values["locked_share"] > 0.8
    assert report.sections[0].figure == "channel"
    assert len(report.sections[0].table) == 20
    words = " ".join(p for section in report.sections for p in section.paragraphs)
    assert "nan" not in words and "inf " not in words


@pytest.mark.parametrize("kind", ["poisson", "coordinated", "lif", "rate"])
def test_a_single_trial_is_shown_and_told(frame, kind):
    one = of(frame, kind).head(1)
    assert style.render(channel.plot(one), "svg")
    report = report_of(one)
    assert all(law.values["law"] == "theory" for law in report.laws)
    assert "too few" in report.laws[0].words if report.laws else kind in ("lif", "rate")


def test_no_trials_are_refused(frame):
    with pytest.raises(ValidationError, match="frame"):
        report_of(frame.head(0))
    with pytest.raises(ValidationError, match="frame"):
        channel.plot(pd.DataFrame())
