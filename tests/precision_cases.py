"""A small precision experiment."""

import numpy as np
import pandas as pd

from spiking_lmu.experiments.arguments import checked
from spiking_lmu.experiments.precision.trials import (
    DESIGNS,
    design_settings,
    make_tasks,
)

TIMES = ["build_seconds", "run_seconds"]
ARGUMENTS = {
    "orders": (2, 3),
    "neurons": (10, 20),
    "thetas": (0.1,),
    "synapses": (0.02,),
    "neuron_types": ("poisson", "lif"),
    "designs": DESIGNS,
    "trials": 2,
    "cycles": 1.0,
    "rms": 0.5,
    "duration": 0.2,
    "readout_synapse": 0.01,
    "dt": 0.001,
    "floor": True,
    "signal": None,
    "backend": "nengo",
    "seed": 0,
}


def tasks_of(**changes):
    """The tasks of arguments that are checked first, as `Experiment.plan` does."""
    return make_tasks(**checked(make_tasks, {**ARGUMENTS, **changes}))


def options(**changes):
    """The arguments as the command line has them, for one job and without a bar."""
    given = {k: v for k, v in {**ARGUMENTS, **changes}.items() if v is not None}
    given.pop("floor")
    argv = ["precision", "--quiet"]
    for name, value in {"jobs": 1, **given}.items():
        several = isinstance(value, tuple)
        text = ",".join(map(str, value)) if several else str(value)
        argv.append(f"--{name.replace('_', '-')}={text}")
    return argv


ONE = {
    "orders": (3,),
    "neurons": (10,),
    "trials": 1,
    "neuron_types": ("poisson",),
    "designs": ("balanced/optimal",),
}
COORDINATED = {"neuron_types": ("poisson", "coordinated", "lif")}
SHAPED = (*DESIGNS, "balanced/optimal/shaped")


def made_up(**changes):
    """A frame as if the grid had been run."""
    rng = np.random.default_rng(0)
    rows = []
    for task in tasks_of(**changes):
        settings = design_settings(task["design"])
        m = task["order"] * task["n_neurons"]
        gain = 1 if settings["coordinates"] == "legendre" else task["order"] ** 0.5
        gain *= 5 if settings["noise_shaping"] else 1
        predicted = task["order"] / np.sqrt(m) / gain
        known = {"poisson": predicted, "rate": 0.0}
        if task["neuron_type"] == "coordinated":
            known["coordinated"] = predicted = 3 * task["order"] / m / gain
        same = ("study", "order", "n_neurons", "neuron_type", "backend", "theta",
                "synapse", "dt", "cycles", "signal", "rate_factor")  # fmt: skip
        rows += [
            {
                **{name: task[name] for name in same},
                "total_neurons": m,
                **settings,
                "seed": seed,
                "rmse": predicted * rng.uniform(0.9, 1.1),
                "predicted_rmse": known.get(task["neuron_type"], np.nan),
                "distortion": predicted / 10,
                "state_rms": 0.5,
                "nrmse_window": 0.2,
                "spikes_per_second": 80.0 * m * task["rate_factor"],
                "build_seconds": 1.0,
                "run_seconds": 1.0,
            }
            for seed in task["seeds"]
        ]
    return pd.DataFrame(rows)
