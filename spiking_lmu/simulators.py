"""Backends: simulators that run networks on given inputs, and tell how long that took.

Nengo's reference simulator and NengoDL are here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import nengo
import numpy as np

from .compatibility import require


@dataclass(frozen=True, eq=False)
class Model:
    """A network and where to plug in.

    Attributes
    ----------
    network : nengo.Network
    stimulus : nengo.Node
        Without inputs: what it gives is replaced by the input of each run.
    probes : dict of nengo.Probe
    """

    network: nengo.Network
    stimulus: nengo.Node
    probes: Mapping[str, nengo.Probe]


@dataclass(frozen=True, eq=False)
class Recording:
    """What a simulator gave back.

    Attributes
    ----------
    data : dict of (n_steps, size) ndarray
        By the names of the probes.
    parameters : mapping
        The simulator's ``sim.data``, as far as it concerns what was built.
    build_seconds, run_seconds : float
        Wall time, the share of this run where several ran at once.
    neuron_types : dict of nengo.neurons.NeuronType
        By ensemble, where the simulator has neurons of its own.
    """

    data: Mapping[str, np.ndarray]
    parameters: Any
    build_seconds: float
    run_seconds: float
    neuron_types: Mapping[nengo.Ensemble, nengo.neurons.NeuronType] = field(
        default_factory=dict
    )

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {np.shape(d)}" for name, d in self.data.items())
        return f"<Recording: {shapes}, {self.run_seconds:.3g} s>"


@dataclass(frozen=True)
class Backend:
    """A simulator.

    Attributes
    ----------
    run : callable
        ``run(models, inputs, dt, seeds)``, a sequence of each; gives the recordings.
    shares_network : bool
        Whether runs that come together share one network, that of the first
        model, and differ by input and spikes alone.
    spiking_only : bool
        Whether it has no neurons that give rates.
    most_neurons : int, optional
        Of a memory, in all.
    packages : tuple of str
        Distributions that the results depend on, beside Nengo.
    """

    run: Callable[..., list[Recording]]
    shares_network: bool = False
    spiking_only: bool = False
    most_neurons: int | None = None
    packages: tuple[str, ...] = ()

    def versions(self) -> dict[str, str]:
        """The installed versions of its packages; ``"none"`` where one is missing."""
        return {name: _version(name) for name in self.packages}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def repeatable(
    network: nengo.Network, dt: float, seed: int | None = None
) -> nengo.Simulator:
    """A simulator of Nengo that gives the same numbers in every process.

    It runs without Nengo's optimizer. The optimizer makes runs two to three times as
    fast, but it merges operators in an order that differs from process to process.
    Poisson populations then draw other spikes from the same seed, and sums are rounded
    differently in the last bit.
    """
    return nengo.Simulator(
        network, dt=dt, seed=seed, progress_bar=False, optimize=False
    )


@contextmanager
def precision_kept() -> Iterator[None]:
    """Leave Nengo's precision as it was, whatever happens.

    NengoDL sets it to 32 bits while it builds, and leaves it there where building
    raises. Every later simulator in the process would then calculate in 32 bits.
    """
    bits = nengo.rc.get("precision", "bits")
    try:
        yield
    finally:
        nengo.rc.set("precision", "bits", bits)


def run_nengo(
    models: Sequence[Model],
    inputs: Sequence[np.ndarray],
    dt: float,
    seeds: Sequence[int],
) -> list[Recording]:
    """Run each model on its input, one after the other, on `nengo.Simulator`."""
    return [_run_one(*run, dt=dt) for run in zip(models, inputs, seeds)]


def _run_one(model: Model, u: np.ndarray, seed: int, dt: float) -> Recording:
    start = time.perf_counter()
    model.stimulus.output = nengo.processes.PresentInput(u[:, None], dt)
    with repeatable(model.network, dt, seed) as sim:
        built = time.perf_counter()
        sim.run_steps(len(u))
        data = {name: np.array(sim.data[p]) for name, p in model.probes.items()}
    return Recording(data, sim.data, built - start, time.perf_counter() - built)


def run_nengo_dl(
    models: Sequence[Model],
    inputs: Sequence[np.ndarray],
    dt: float,
    seeds: Sequence[int],
) -> list[Recording]:
    """Run the first model on all inputs at once, as one minibatch, on NengoDL."""
    nengo_dl = require("nengo_dl")
    start = time.perf_counter()
    model, batch = models[0], np.stack(inputs)[..., None]
    # NengoDL takes the size of the input from the process that it replaces
    model.stimulus.output = nengo.processes.PresentInput(batch[0], dt)
    with precision_kept():
        simulator = nengo_dl.Simulator(
            model.network,
            dt=dt,
            seed=seeds[0],
            minibatch_size=len(batch),
            progress_bar=False,
        )
    with simulator as sim:
        built = time.perf_counter()
        sim.run_steps(batch.shape[1], data={model.stimulus: batch})
        data = {name: np.array(sim.data[p]) for name, p in model.probes.items()}
        parameters = sim.data
        share = len(batch)
        times = (built - start) / share, (time.perf_counter() - built) / share
        parameters = {
            o: parameters[o]
            for o in [*model.network.all_ensembles, *_decoded(model.network)]
        }
    return [
        Recording({name: d[k] for name, d in data.items()}, parameters, *times)
        for k in range(share)
    ]


def _decoded(network: nengo.Network) -> list[nengo.Connection]:
    return [c for c in network.all_connections if isinstance(c.pre_obj, nengo.Ensemble)]
