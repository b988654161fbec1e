"""A small precision experiment."""

from spiking_lmu.experiments.arguments import checked
from spiking_lmu.experiments.precision.trials import DESIGNS, make_tasks

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
