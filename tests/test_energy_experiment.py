"""The energy experiment: its tasks, its Pareto front, and a run in full."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.experiments import energy
from spiking_lmu.experiments.command import main
from spiking_lmu.experiments.energy.figures import cells, front
from spiking_lmu.experiments.energy.laws import fit_clustered
from spiking_lmu.experiments.energy.trials import make_tasks, run_task
from spiking_lmu.experiments.experiment import Result

COMMAND = (
    "energy --orders 2 --neurons 10,30 --rates 50-100,200-400 --theta 0.1 "
    "--synapse 0.02 --duration 0.2 --trials 1 --seed 3"
)
ARGUMENTS = {
    "orders": (2,),
    "neurons": (20,),
    "rates": ("50-100",),
    "neuron_types": ("lif",),
    "trials": 1,
    "theta": 0.1,
    "synapse": 0.02,
    "cycles": 1.0,
    "rms": 0.5,
    "duration": 0.2,
    "seed": 0,
}


def report(frame):
    return energy.experiment.report(Result(frame))[0]


@pytest.fixture(scope="module")
def results(run_command):
    return run_command(COMMAND)


@pytest.mark.filterwarnings("ignore")
def test_the_command_writes_everything(results):
    out = results
    names = {path.name for path in out.iterdir()}
    figures = {
        f"{name}.{kind}" for name in ("tradeoff", "energy") for kind in ("png", "svg")
    }
    assert {"trials.csv", "summary.json", "report.html", *figures} <= names
    trials = pd.read_csv(out / "trials.csv")
    assert len(trials) == 2 * 2 * 2
    assert np.isfinite(trials.select_dtypes("number")).all(axis=None)
    assert (trials["energy_low"] <= trials["energy_high"]).all()
    parts = trials[
        [
            "synaptic_operations_energy",
            "neuron_updates_energy",
            "spikes_to_cores_energy",
        ]
    ].sum(axis=1)
    assert np.allclose(parts, (trials["energy_low"] + trials["energy_high"]) / 2)
    facts = json.loads((out / "summary.json").read_text())
    assert facts["seeds"] == 3 and facts["arguments"]["rates"] == ["50-100", "200-400"]
    laws = {law["law"] for law in facts["laws"]}
    assert laws == {"exact", "energy", "front", "processor"}


def test_a_trial_costs_what_its_counts_say(results):
    trials = pd.read_csv(results / "trials.csv")
    synaptic = 23.6e-3 * trials["synaptic_operations"]
    assert np.allclose(trials["synaptic_operations_energy"], synaptic)
    updates = trials["neuron_updates_energy"] / trials["total_neurons"]
    assert updates.between(0.052, 0.081).all()
    # encoders, decoders and updates, and a few transforms
    operations = trials["cpu_factors_energy"] / 8.6
    assert (operations > 3 * trials["total_neurons"]).all()
    assert (operations < 3 * trials["total_neurons"] + 30).all()
    # the exact memory of order 2: four and two multiply-adds
    exact = trials[[f"{name}_exact_energy" for name in ("cpu", "gpu", "arm")]]
    assert np.allclose(exact, 6 * np.array([8.6, 0.3, 0.9]))
    lif = trials[trials["neuron_type"] == "lif"].groupby("rates")["spikes_per_second"]
    assert lif.mean()["200-400"] > 2 * lif.mean()["50-100"]


def test_equal_seeds_give_equal_rows():
    (task,) = make_tasks(**ARGUMENTS)
    times = {"build_seconds": 0, "run_seconds": 0}
    (first,), (second,) = run_task(task), run_task(task)
    assert {**first, **times} == {**second, **times}


def test_trials_share_inputs_and_neurons_across_types_and_rates():
    varied = {"neuron_types": ("lif", "relu"), "rates": ("25-50", "50-100")}
    tasks = make_tasks(**{**ARGUMENTS, **varied, "trials": 3})
    assert len(tasks) == 12
    assert len({task["seed"] for task in tasks}) == 3


def test_random_neurons_run_no_range_twice():
    rates = ("50-100", "100-200", "200-400", "100-400")
    kept = {
        kind: [
            t["rates"]
            for t in make_tasks(
                **{**ARGUMENTS, "rates": rates, "neuron_types": (kind,)}
            )
        ]
        for kind in ("poisson", "lif")
    }
    assert kept == {"poisson": ["50-100", "100-200", "100-400"], "lif": list(rates)}


@pytest.mark.parametrize(
    "name, value",
    [
        ("orders", ()), ("orders", (0,)), ("neurons", (1,)), ("neurons", (64, 64)),
        ("rates", ("100",)), ("rates", ("100-50",)), ("rates", ("50-500",)),
        ("rates", (50,)), ("rates", ("0-50",)), ("rates", "50-100"),
        ("neuron_types", ("rate",)), ("trials", 0), ("theta", 0), ("synapse", -1),
        ("cycles", 100), ("cycles", 0.05), ("rms", 0), ("duration", 0), ("seed", -1),
    ],
)  # fmt: skip
def test_bad_arguments(name, value):
    with pytest.raises(ValidationError, match=f"{name}.*must be"):
        energy.experiment.plan({**ARGUMENTS, name: value})


def test_bad_rates_on_the_command_line(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(["energy", "--rates", "fast", "--out", str(tmp_path)])
    assert "--rates: must be such as '50-100'" in capsys.readouterr().err


def test_without_nengo_loihi_it_says_what_to_install(uninstall, tmp_path):
    uninstall("nengo-loihi")
    with pytest.raises(ImportError, match=r"pip install 'spiking-lmu\[loihi\]'"):
        energy.run(**ARGUMENTS, folder=tmp_path)


def test_front_by_comparing_all_pairs():
    rng = np.random.default_rng(0)
    means = pd.DataFrame(rng.integers(1, 20, (60, 2)), columns=["energy", "rmse"])
    best = set(map(tuple, front(means, "energy").values))
    every = set(map(tuple, means.values))
    expected = {
        one
        for one in every
        if not any(
            two != one and two[0] <= one[0] and two[1] <= one[1] for two in every
        )
    }
    assert best == expected


def test_one_trial_is_enough_for_a_page(tmp_path):
    frame = energy.run(**ARGUMENTS, folder=tmp_path, jobs=1)
    assert len(frame) == 1
    assert energy.plot(frame).axes and energy.plot_energy(frame).axes
    first, front = report(frame).laws[:2]
    assert first.values["law"] == "exact" and front.values["law"] == "front"
    assert np.isnan(cells(frame)["rmse_low"].iloc[0])


def test_exponents_of_neurons_and_rates_are_found():
    rows = [
        {
            "order": 2, "neuron_type": "lif", "rates": f"{rate}-{2 * rate}", "seed": k,
            "n_neurons": n, "total_neurons": 2 * n, "spikes_per_second": 2 * n * rate,
            "rmse": 3 * (2 * n) ** -0.5 * rate**-0.8, "cores": 2,
            "energy_low": n * rate, "energy_high": n * rate + n,
            "synaptic_operations": n * rate,
            "synaptic_operations_energy": n * rate, "neuron_updates_energy": n / 2,
            "spikes_to_cores_energy": 0, "cpu_factors_energy": 9 * n,
            "gpu_factors_energy": n, "arm_factors_energy": 2 * n,
            "cpu_exact_energy": 51.6, "gpu_exact_energy": 1.8, "arm_exact_energy": 5.4,
        }
        for n in (10, 20, 40) for rate in (50, 100) for k in range(2)
    ]  # fmt: skip
    page = report(pd.DataFrame(rows))
    (law,) = [law for law in page.laws if law.values["law"] == "rates"]
    assert law.values["neurons"] == pytest.approx(-0.5)
    assert law.values["rate"] == pytest.approx(-0.8)
    assert law.values["neurons_high"] - law.values["neurons_low"] < 1e-6
    assert law.words in page.sections[0].paragraphs
    # the exact memory comes first: on the page, in words, and in both tables
    assert page.laws[0].values["CPU"] == 51.6 and page.laws[0].words in page.lead
    for table in (page.sections[1].table, page.sections[3].table):
        assert list(table["Neurons"][:3]) == [
            f"none: exact memory on {name}" for name in ("CPU", "GPU", "ARM")
        ]
        assert list(table["nJ, low"][:3]) == [51.6, 1.8, 5.4]


def clustered(rng, n_clusters=3, within=1.0):
    """Errors of three sizes and four rates; rates share what a cluster has."""
    size = np.repeat([1.0, 2.0, 3.0], 4 * n_clusters)
    cluster = np.repeat(np.arange(3 * n_clusters), 4)
    shared = rng.standard_normal(3 * n_clusters)[cluster]
    y = 1 - 0.5 * size + within * shared + 0.1 * rng.standard_normal(len(size))
    return np.column_stack([np.ones(len(size)), size]), y, cluster, size


def test_intervals_cover_where_runs_share_neurons_and_inputs():
    rng = np.random.default_rng(0)
    hits = [
        fit.low[1] <= -0.5 <= fit.high[1]
        for fit in (fit_clustered(*clustered(rng)) for _ in range(200))
    ]
    # as if all runs were independent, it would be under 80 %
    assert 0.9 < np.mean(hits) < 0.99


def test_clusters_of_one_run_each_are_ordinary_least_squares():
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(60), np.repeat([1.0, 2.0, 3.0], 20)])
    y = x @ [1, -0.5] + rng.standard_normal(60)
    fit = fit_clustered(x, y, np.arange(60), x[:, 1])
    values, squares, *_ = np.linalg.lstsq(x, y, rcond=None)
    half = 2 * np.sqrt(squares[0] / 58 * np.linalg.inv(x.T @ x)[1, 1])
    assert np.allclose(fit.values, values)
    assert (fit.high - fit.low)[1] == pytest.approx(2 * half, rel=0.25)


def test_one_cluster_a_size_says_nothing_of_the_spread():
    x, y, cluster, size = clustered(np.random.default_rng(0), n_clusters=1)
    fit = fit_clustered(x, y, cluster, size)
    assert np.isfinite(fit.values).all() and np.isnan([fit.low, fit.high]).all()


def test_no_trials_no_page():
    with pytest.raises(ValidationError, match="at least one trial"):
        report(pd.DataFrame())
