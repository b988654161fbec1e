"""What coordinated spikes gain over independent ones, one change at a time.

Memories are run as ``spiking-lmu precision`` runs them, with the same inputs in each
row. Prints the error of each row, and the error of independent Poisson neurons over it,
with the 95 % interval of the geometric mean over trials.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import nengo
import numpy as np
from nengo.dists import Uniform
from tqdm import tqdm

from spiking_lmu.experiments.precision import trials
from spiking_lmu.experiments.sweeps.backends import backend
from spiking_lmu.intervals import mean_interval
from spiking_lmu.tuning_curves import EqualRates, OrderedIntercepts

USUAL = Uniform(200, 400)  # Hz, the default of `LegendreMemory`


def unchanged(ensemble: nengo.Ensemble, rng: np.random.RandomState) -> None:
    """Leave the tuning that `LegendreMemory` chooses."""


def all_of_it(ensemble: nengo.Ensemble, rng: np.random.RandomState) -> None:
    """Tune independent neurons as coordinated ones."""
    ensemble.max_rates = EqualRates(USUAL)
    ensemble.intercepts = OrderedIntercepts(ensemble.intercepts)


def evenly_spaced(ensemble: nengo.Ensemble, rng: np.random.RandomState) -> None:
    """Draw maximum rates at random."""
    ensemble.max_rates = USUAL


def there_and_back(ensemble: nengo.Ensemble, rng: np.random.RandomState) -> None:
    """Draw maximum rates and intercepts at random."""
    ensemble.max_rates = USUAL
    drawn = ensemble.intercepts.intercepts.sample(ensemble.n_neurons, rng=rng)
    ensemble.intercepts = OrderedIntercepts(drawn)


def spikes_alone(ensemble: nengo.Ensemble, rng: np.random.RandomState) -> None:
    """Draw both at random, and put the neurons in order from end to end."""
    there_and_back(ensemble, rng)
    down, up = np.split(ensemble.intercepts.intercepts, [ensemble.n_neurons // 2])
    ensemble.intercepts = np.concatenate([np.sort(down)[::-1], np.sort(up)])


ROWS = {
    "independent": ("poisson", unchanged),
    "independent, tuned as coordinated": ("poisson", all_of_it),
    "coordinated spikes alone, in order": ("coordinated", spikes_alone),
    "+ order there and back": ("coordinated", there_and_back),
    "+ evenly spaced intercepts": ("coordinated", evenly_spaced),
    "+ equal maximum rates": ("coordinated", unchanged),
    "golden shift, spikes alone, in order": ("coordinated-golden", spikes_alone),
    "golden shift, all of it": ("coordinated-golden", unchanged),
}


def error(task: dict[str, Any], kind: str, change: Callable[..., None]) -> float:
    """The error of one run of the network of a task, with other neurons."""
    (seed,) = task["seeds"]
    u = trials.make_input(task, seed, None)
    model, memory = trials.make_model({**task, "neuron_type": kind}, seed, None)
    rng = np.random.RandomState(seed % 2**32)
    for ensemble in memory.ensembles:
        change(ensemble, rng)
    run = backend("compiled").run
    (recorded,) = run([model], [u], task["dt"], [seed])
    return trials.measure(task, seed, memory, u, recorded)["rmse"]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--order", type=int, default=6)
    parser.add_argument("--neurons", type=int, default=1000, help="a dimension")
    parser.add_argument("--trials", type=int, default=10)
    return parser.parse_args()


def main() -> None:
    given = parse()
    nengo.rc.set("decoder_cache", "enabled", "False")
    tasks = trials.make_tasks(
        orders=(given.order,),
        neurons=(given.neurons,),
        neuron_types=("poisson",),
        designs=("balanced/optimal",),
        trials=given.trials,
    )
    errors = {
        name: np.array([error(task, *row) for task in tqdm(tasks, name, leave=False)])
        for name, row in ROWS.items()
    }
    for name, found in errors.items():
        gains = np.log(errors["independent"] / found)
        mean, low, high = np.exp(mean_interval(gains))
        print(f"{name:38} {found.mean():.2e}  {mean:6.2f} [{low:.2f}, {high:.2f}]")


if __name__ == "__main__":
    main()
