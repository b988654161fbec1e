"""How precise the spiking memory is: RMSE against neurons, order, time constants."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from nengo.exceptions import ValidationError

from spiking_lmu.experiments.precision.figures import plot
from spiking_lmu.experiments.precision.trials import DESIGNS, make_tasks, run_task
from spiking_lmu.experiments.sweeps.backends import backend
from spiking_lmu.experiments.sweeps.tasks import SweepResult, sweep
from spiking_lmu.neurons import NEURON_TYPES

__all__ = ["FULL_GRID", "execute", "plot", "run"]

# for publication; the defaults of `run` take minutes
FULL_GRID: dict[str, Any] = {
    "orders": (3, 6, 12, 24, 48),
    "neurons": (10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
    "neuron_types": NEURON_TYPES,
    "trials": 20,
}


def run(
    orders: Sequence[int] = (3, 6, 12),
    neurons: Sequence[int] = (30, 100, 300),
    thetas: Sequence[float] = (0.5,),
    synapses: Sequence[float] = (0.1,),
    neuron_types: Sequence[str] = ("poisson", "lif"),
    designs: Sequence[str] = DESIGNS,
    trials: int = 3,
    cycles: float = 1.0,
    rms: float = 0.5,
    duration: float = 5.0,
    readout_synapse: float = 0.005,
    dt: float = 0.001,
    floor: bool = True,
    signal: np.ndarray | None = None,
    backend: str = "nengo",
    seed: int = 0,
    folder: str = "results/precision",
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Measure the RMSE of spiking memories over a grid; one row a trial.

    The decoded state is compared with that of the exact linear memory, both
    filtered by the same readout synapse. The first theta and five of the longer
    synapse are run but not counted.

    Parameters
    ----------
    orders : sequence of int
        Numbers of state variables.
    neurons : sequence of int
        Mean numbers of neurons per dimension.
    thetas, synapses : sequence of float
        Windows and recurrent time constants, in seconds.
    neuron_types : sequence of str
        ``"poisson"``, ``"lif"``, ``"rate"``, ``"relu"`` (integrate-and-fire) or
        ``"poisson-relu"`` (Poisson neurons with rectified linear tuning curves).
    designs : sequence of str
        Coordinates and allocation of neurons, such as ``"balanced/optimal"``.
    trials : int
        Runs of each combination, each with neurons and input of its own.
    cycles : float
        Highest frequency of the white-noise input, in cycles per window:
        theta times f. With a ``signal`` it has no meaning.
    rms : float
        Root mean square of the input.
    duration : float
        Seconds that count, of each run.
    readout_synapse, dt : float
        Time constant and time step, in seconds.
    floor : bool
        Whether to add trials that tell where the floor of LIF neurons comes
        from, where there are any: the largest network with half the time step, with
        twice the synapse, with half the input's frequencies, and without spikes.
    signal : (n,) or (n, 1) array_like, optional
        A recording, at steps of ``dt``, instead of white noise: played in a loop, from
        another point in each trial. Of mean 0 and rms 1, as `load_signal` gives it;
        it is multiplied by ``rms``.
    backend : str
        ``"nengo"`` or ``"nengo-dl"``. On NengoDL, the trials of a combination run as
        one minibatch and share their neurons.
    seed : int
        From which all others are derived.
    folder : str
        Where finished trials are stored, and found again.
    jobs, scheduler, progress
        See `sweep`.

    Returns
    -------
    trials : pandas.DataFrame
        Failed trials are left out.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range.
    """
    arguments = {k: v for k, v in locals().items() if k not in _EXECUTION}
    tasks = make_tasks(**arguments)
    result = execute(tasks, signal, backend, folder, jobs, scheduler, progress)
    return result.frame


_EXECUTION = ("folder", "jobs", "scheduler", "progress")


def execute(
    tasks: list[dict[str, Any]],
    signal: np.ndarray | None,
    backend_name: str,
    folder: str,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> SweepResult:
    """Run the tasks through a sweep; the signal travels beside them."""
    recording = None if signal is None else np.ravel(signal).astype(float)
    versions = backend(backend_name).versions()
    missing = [package for package, version in versions.items() if version == "none"]
    if missing and scheduler is None:
        needs = f"{backend_name!r} needs {' and '.join(missing)}, not installed here"
        raise ValidationError(needs, attr="backend")
    return sweep(
        partial(run_task, recording=recording),
        tasks,
        folder,
        context=versions,
        jobs=jobs,
        scheduler=scheduler,
        progress=progress,
    )
