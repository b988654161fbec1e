"""The tasks of the precision experiment, and arguments that it refuses."""

import json

import numpy as np
import pytest
from nengo.exceptions import ValidationError

from precision_cases import ARGUMENTS, tasks_of
from spiking_lmu.experiments import precision
from spiking_lmu.experiments.precision.studies import GENERATORS
from spiking_lmu.experiments.precision.trials import (
    DESIGNS,
    make_model,
    run_task,
)
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import neuron_type

# ---- The tasks ---------------------------------------------------------------------


def test_tasks_are_the_whole_grid():
    tasks = tasks_of(thetas=(0.1, 0.2), synapses=(0.02, 0.05))
    assert json.loads(json.dumps(tasks)) == tasks
    texts = {json.dumps(task, sort_keys=True) for task in tasks}
    assert len(texts) == len(tasks) == 2**7 + 4 * 2
    cells = {
        tuple(t[k] for k in ("order", "n_neurons", "theta", "synapse", "neuron_type"))
        for t in tasks
        if t["study"] == "grid"
    }
    assert len(cells) == 2**5
    assert all(len(task["seeds"]) == 1 for task in tasks)


def test_seeds_are_those_of_the_cell():
    assert tasks_of(orders=[2, 3], neurons=np.array([10, 20])) == tasks_of()
    tasks = tasks_of(floor=False)
    seeds = {}
    for task in tasks:
        cell = task["order"], task["n_neurons"]
        seeds.setdefault(cell, []).append(task["seeds"][0])
    # designs and neuron types share inputs; trials, orders and sizes do not
    assert all(len(of) == 8 and len(set(of)) == 2 for of in seeds.values())
    assert len(set().union(*seeds.values())) == 2 * len(seeds)
    # what else is in the grid, and how many trials, changes no seed
    more = tasks_of(orders=(7, 3, 2), neurons=(10, 20, 30), trials=3)
    assert {t["seeds"][0] for t in tasks} < {t["seeds"][0] for t in more}
    other = tasks_of(seed=1)
    assert not {t["seeds"][0] for t in tasks} & {t["seeds"][0] for t in other}


def floor_changes(**changes):
    """What each task of the floor study changes about the task that it is of."""
    tasks = tasks_of(trials=1, **changes)
    most = max(task["order"] for task in tasks), max(t["n_neurons"] for t in tasks)
    base = next(
        t
        for t in tasks
        if (t["order"], t["n_neurons"]) == most
        and (t["neuron_type"], t["design"]) == ("lif", DESIGNS[-1])
    )
    study = [t for t in tasks if t["study"] == "floor"]
    skipped = ("study", "seeds")
    return [
        {k: v for k, v in t.items() if v != base[k] and k not in skipped} for t in study
    ]


def test_floor_study_changes_one_thing_about_the_largest_lif_network():
    found = floor_changes(thetas=(0.1, 0.3), synapses=(0.02, 0.04))
    expected = [
        {"synapse": 0.04},
        {"neuron_type": "rate"},
        {"dt": 0.0005},
        {"cycles": 0.5},
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)
    recording = np.sin(np.arange(500.0))
    found = floor_changes(signal=recording)  # whose time step is what it is
    assert sorted(found, key=str) == sorted(expected[:2], key=str)


def test_floor_study_is_of_lif_neurons():
    for changes in ({"neuron_types": ("poisson", "rate")}, {"floor": False}):
        assert {task["study"] for task in tasks_of(**changes)} == {"grid"}


def test_generators_are_run_beside_coordinated_neurons():
    kinds = ("poisson", "coordinated", "lif")
    grid, both = (
        tasks_of(neuron_types=kinds, floor=False, generators=g, trials=1)
        for g in (False, True)
    )
    assert both[: len(grid)] == grid
    study = both[len(grid) :]
    assert {task["study"] for task in study} == {"generators"}
    assert {(task["order"], task["design"]) for task in study} == {(3, DESIGNS[-1])}
    # over sizes, those that are not in the grid; and all that spike, with slower rates
    over = {
        (task["neuron_type"], task["n_neurons"])
        for task in study
        if task["rate_factor"] == 1
    }
    others = set(GENERATORS) - set(kinds)
    assert over == {(kind, n) for kind in others for n in (10, 20)}
    slower = [
        (task["neuron_type"], task["n_neurons"], task["rate_factor"])
        for task in study
        if task["rate_factor"] < 1
    ]
    expected = [(k, 20, rate) for k in GENERATORS[:-1] for rate in (0.5, 0.25)]
    assert slower == expected
    # the same seeds, and therefore the same input, as in the grid
    seeds = {t["n_neurons"]: t["seeds"] for t in grid if t["order"] == 3}
    assert all(task["seeds"] == seeds[task["n_neurons"]] for task in study)
    assert tasks_of(neuron_types=("poisson", "lif")) == tasks_of(
        neuron_types=("poisson", "lif"), generators=False
    )


@pytest.mark.parametrize("kind", ["poisson", "coordinated"])
def test_memories_have_the_usual_tuning_of_their_neurons(kind):
    """Unless they are slower on purpose."""
    usual = LegendreMemory(0.1, 2, 10, neuron_type=neuron_type(kind)).max_rates
    task = tasks_of(neuron_types=(kind,), generators=False)[0]
    for factor in (1.0, 0.5):
        _, memory = make_model({**task, "rate_factor": factor}, 0, None)
        expected = factor * usual.low, factor * usual.high
        assert (memory.max_rates.low, memory.max_rates.high) == expected


def test_designs_say_whether_noise_is_shaped():
    designs = ("balanced/optimal", "balanced/optimal/shaped", "legendre/equal/shaped")
    given = {"floor": False, "orders": (3,), "neurons": (10,), "trials": 1}
    tasks = tasks_of(designs=designs, neuron_types=("poisson",), **given)
    assert [task["design"] for task in tasks] == list(designs)
    assert len({task["seeds"][0] for task in tasks}) == 1  # the same input
    made = [make_model(task, 0, None)[1] for task in tasks]
    settings = [(m.coordinates, m.allocation, m.noise_shaping) for m in made]
    assert settings == [
        ("balanced", "optimal", False),
        ("balanced", "optimal", True),
        ("legendre", "equal", True),
    ]
    plain, shaped = (run_task(task)[0] for task in tasks[:2])
    assert (plain["noise_shaping"], shaped["noise_shaping"]) == (False, True)
    for column in ("rmse", "predicted_rmse", "distortion"):
        assert shaped[column] < plain[column] / 2, column


def test_the_chip_has_no_place_for_noise_shaping():
    with pytest.raises(ValidationError, match="designs: must be without noise shaping"):
        tasks_of(designs=("legendre/equal", "balanced/optimal/shaped"), backend="loihi")


def test_on_the_chip_the_default_is_what_the_chip_has():
    chosen = precision.experiment.complete({"backend": "loihi", "neurons": (30,)})
    assert chosen["neuron_types"] == ("poisson", "lif")
    assert precision.experiment.plan(chosen)
    usual = precision.experiment.complete({})
    assert usual["neuron_types"] == ("poisson", "coordinated", "lif")


def test_backends_that_share_a_network_take_all_trials_at_once():
    tasks = tasks_of(backend="nengo-dl", floor=False, trials=3)
    assert len(tasks) == 2**4
    assert all(len(set(task["seeds"])) == 3 for task in tasks)


def test_recordings_are_told_apart():
    recording = np.sin(np.arange(500.0))
    names = {
        task["signal"]
        for signal in (None, recording, list(recording), recording[::-1])
        for task in tasks_of(signal=signal)
    }
    assert len(names) == 3 and "white noise" in names


@pytest.mark.parametrize(
    "name, value",
    [
        *(
            (n, v)
            for n in ("orders", "neurons")
            for v in ([2.0], [True], ["2"], [10**7])
        ),
        *((n, v) for n in ("thetas", "synapses") for v in (["1"], [None], [1j], [-1])),
        *((n, v) for n in ("neuron_types", "designs") for v in ([3], "lif", [None])),
        *(
            (name, value)
            for name in ("orders", "thetas", "designs")
            for value in ((), None, 3, {}, np.array(3), [[1]], iter([3]), [0, 0])
        ),
        *((n, v) for n in ("trials", "seed") for v in (None, 1.0, "1", True, -1, [1])),
        *(
            (name, value)
            for name in ("cycles", "rms", "duration", "readout_synapse", "dt")
            for value in (None, "1", True, 0, -1, np.nan, np.inf, [1], 1j)
        ),
        *(
            ("signal", v)
            for v in ([], [1.0], [1, 1], [1, np.nan], [[1, 2]], "a.csv", 1)
        ),
        *(("backend", v) for v in (None, "x", 3)),
    ],
)
def test_bad_arguments_are_named(name, value):
    with pytest.raises(ValidationError, match=f"^{name}: must be "):
        precision.run(**{**ARGUMENTS, name: value}, folder="/dev/null/none", jobs=1)


@pytest.mark.parametrize(
    "named, changes",
    [
        ("dt", {"dt": 0.02}),
        ("duration", {"duration": 0.005}),
        ("cycles", {"cycles": 51.0}),
        ("cycles", {"cycles": 0.3}),
        ("duration", {"duration": 2e5}),
        ("thetas", {"thetas": (0.1, 2e5)}),
        ("synapses", {"synapses": (1e5,)}),
        ("readout_synapse", {"readout_synapse": 1e5}),
        ("synapses", {"synapses": (0.1, 9e-6)}),
        ("readout_synapse", {"readout_synapse": 9e-6}),
    ],
)
def test_arguments_at_odds_with_each_other(named, changes):
    with pytest.raises(ValidationError, match=f"^{named}: must be "):
        tasks_of(**changes)
