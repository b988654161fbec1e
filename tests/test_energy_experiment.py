"""The energy experiment: its tasks, its Pareto front, and a run in full."""

from __future__ import annotations

import json
from importlib import metadata

import numpy as np
import pandas as pd
import pytest
from nengo.exceptions import ValidationError

pytest.importorskip("nengo_loihi")

from spiking_lmu.experiments import energy
from spiking_lmu.experiments.command import main
from spiking_lmu.experiments.energy_figures import cells, front
from spiking_lmu.experiments.energy_report import report
from spiking_lmu.experiments.energy_trials import make_tasks, run_task

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


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("energy")
    argv = (
        "energy --orders 2 --neurons 10,30 --rates 50-100,200-400 --theta 0.1 "
        "--synapse 0.02 --duration 0.2 --trials 1 --jobs 1 --seed 3 --quiet --out"
    )
    return main([*argv.split(), str(out)]), out


@pytest.mark.filterwarnings("ignore")
def test_the_command_writes_everything(results):
    status, out = results
    assert status == 0
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
    assert {law["law"] for law in facts["laws"]} == {"energy", "front", "processor"}


def test_a_trial_costs_what_its_counts_say(results):
    trials = pd.read_csv(results[1] / "trials.csv")
    synaptic = 23.6e-3 * trials["synaptic_operations"]
    assert np.allclose(trials["synaptic_operations_energy"], synaptic)
    updates = trials["neuron_updates_energy"] / trials["total_neurons"]
    assert updates.between(0.052, 0.081).all()
    # encoders, decoders and updates, and a few transforms
    operations = trials["cpu_factors_energy"] / 8.6
    assert (operations > 3 * trials["total_neurons"]).all()
    assert (operations < 3 * trials["total_neurons"] + 30).all()
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
        make_tasks(**{**ARGUMENTS, name: value})


def test_bad_rates_on_the_command_line(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(["energy", "--rates", "fast", "--out", str(tmp_path)])
    assert "--rates: must be such as '50-100'" in capsys.readouterr().err


def test_without_nengo_loihi_it_says_what_to_install(monkeypatch, tmp_path):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(energy.metadata, "version", missing)
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
    assert report(frame).laws[0].values["law"] == "front"
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
            "gpu_factors_energy": n,
        }
        for n in (10, 20, 40) for rate in (50, 100) for k in range(2)
    ]  # fmt: skip
    page = report(pd.DataFrame(rows))
    (law,) = [law for law in page.laws if law.values["law"] == "rates"]
    assert law.values["neurons"] == pytest.approx(-0.5)
    assert law.values["rate"] == pytest.approx(-0.8)
    assert law.values["neurons_half"] < 1e-6
    assert law.words in page.sections[0].paragraphs


def test_no_trials_no_page():
    with pytest.raises(ValidationError, match="at least one trial"):
        report(pd.DataFrame())
