"""Backends: simulators that run networks on given inputs, and tell how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import nengo
import numpy as np

from spiking_lmu.compatibility import require
from spiking_lmu.experiments.sweeps.store import installed
from spiking_lmu.neurons import COORDINATED
from spiking_lmu.simulators import compiled, precision_kept, presented, repeatable
from spiking_lmu.validation import check_choice, refusal


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
    lacks : tuple of str
        Neuron types that it does not have.
    most_neurons : int, optional
        Of a memory, in all.
    shapes_noise : bool
        Whether it runs memories with noise shaping.
    packages : tuple of str
        Distributions that the results depend on, beside Nengo.
    prepare : callable
        What to do once, before processes run it; of whether to say so.
    """

    run: Callable[..., list[Recording]]
    shares_network: bool = False
    lacks: tuple[str, ...] = ()
    most_neurons: int | None = None
    shapes_noise: bool = True
    packages: tuple[str, ...] = ()
    prepare: Callable[[bool], None] = lambda announce: None

    @property
    def installed(self) -> bool:
        """Whether its packages are installed."""
        return None not in map(installed, self.packages)


def compile_simulator(announce: bool = True, minibatch: bool = False) -> None:
    """Compile the simulator for this machine, or load what was compiled.

    Processes that are started afterwards load it too, instead of compiling each for
    itself.

    Parameters
    ----------
    announce : bool
        Whether to say on stderr that it is being compiled.
    minibatch : bool
        Whether it is that for many networks side by side.
    """
    # slow to import
    from spiking_lmu.simulator.interpreter import load_interpreter

    load_interpreter(minibatch, announce)


def run_each(
    simulator: Callable[[nengo.Network, float, int], Any],
    models: Sequence[Model],
    inputs: Sequence[np.ndarray],
    dt: float,
    seeds: Sequence[int],
) -> list[Recording]:
    """Run each model on its input, one after the other."""
    found = []
    for model, u, seed in zip(models, inputs, seeds):
        start = time.perf_counter()
        with (
            presented(model.stimulus, u[:, None], dt),
            simulator(model.network, dt, seed) as sim,
        ):
            built = time.perf_counter()
            sim.run_steps(len(u))
            data = {name: np.array(sim.data[p]) for name, p in model.probes.items()}
        times = built - start, time.perf_counter() - built
        # simulators with neurons of their own tell which
        types = getattr(sim, "neuron_types", {})
        found.append(Recording(data, sim.data, *times, types))
    return found


def emulated(network: nengo.Network, dt: float, seed: int) -> Any:
    """The emulator of Loihi."""
    from spiking_lmu.hardware import loihi  # slow to import

    return loihi.Simulator(network, dt=dt, seed=seed, target="sim", progress_bar=False)


run_compiled, run_nengo = (partial(run_each, one) for one in (compiled, repeatable))


def run_nengo_dl(
    models: Sequence[Model],
    inputs: Sequence[np.ndarray],
    dt: float,
    seeds: Sequence[int],
) -> list[Recording]:
    """Run the first model on all inputs at once, as one minibatch, on NengoDL."""
    simulator = require("nengo_dl", "backend").Simulator
    return run_batch(models[0], inputs, dt, seeds[0], simulator)


def run_batch(
    model: Model,
    inputs: Sequence[np.ndarray],
    dt: float,
    seed: int,
    simulator: Callable[..., Any],
) -> list[Recording]:
    """Run a model on all inputs at once, as one minibatch of a simulator class."""
    start = time.perf_counter()
    batch = np.stack(inputs)[..., None]
    # NengoDL takes the size of the input from the process that it replaces
    with presented(model.stimulus, batch[0], dt), precision_kept():
        made = simulator(
            model.network,
            dt=dt,
            seed=seed,
            minibatch_size=len(batch),
            progress_bar=False,
        )
    with made as sim:
        built = time.perf_counter()
        sim.run_steps(batch.shape[1], data={model.stimulus: batch})
        data = {name: np.array(sim.data[p]) for name, p in model.probes.items()}
        share = len(batch)
        times = (built - start) / share, (time.perf_counter() - built) / share
        connections = model.network.all_connections
        decoded = [c for c in connections if isinstance(c.pre_obj, nengo.Ensemble)]
        objects = [*model.network.all_ensembles, *decoded]
        parameters = {o: sim.data[o] for o in objects if o in sim.data}
    return [
        Recording({name: d[k] for name, d in data.items()}, parameters, *times)
        for k in range(share)
    ]


#: Simulators of one network at a time, with real numbers.
SIMULATORS: dict[str, Callable[[nengo.Network, float, int | None], Any]] = {
    "compiled": compiled,
    "nengo": repeatable,
}


_BACKENDS = {
    "compiled": Backend(run_compiled, packages=("numba",), prepare=compile_simulator),
    "nengo": Backend(run_nengo),
    "nengo-dl": Backend(
        run_nengo_dl, shares_network=True, packages=("nengo-dl", "tensorflow")
    ),
    # all neurons of a memory and its input must find axons into each core
    "loihi": Backend(
        partial(run_each, emulated),
        lacks=("rate", *COORDINATED),
        most_neurons=4080,
        shapes_noise=False,
        packages=("nengo-loihi",),
    ),
}


def backends() -> tuple[str, ...]:
    """The names of all backends."""
    return tuple(_BACKENDS)


def backend(name: str) -> Backend:
    """The backend of a name.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is none of that name.
    """
    return _BACKENDS[check_choice("backend", name, backends())]


def in_task(name: str) -> dict[str, str]:
    """What a task says of its backend.

    Tasks on Nengo say nothing: they are stored since before there was another.
    """
    return {} if name == "nengo" else {"backend": name}


def of_task(task: Mapping[str, Any]) -> str:
    """The backend of a task that says what `in_task` gives."""
    return task.get("backend", "nengo")


def needs(arguments: Mapping[str, Any]) -> dict[str, str]:
    """The packages of the backend that arguments name, and who needs them."""
    name = arguments["backend"]
    return dict.fromkeys(backend(name).packages, f"the backend {name!r}")


def prepare(arguments: Mapping[str, Any], announce: bool = True) -> None:
    """Do once what the backend that arguments name needs before it runs."""
    backend(arguments["backend"]).prepare(announce)


def check_fits(
    name: str,
    orders: Sequence[int],
    neurons: Sequence[int],
    neuron_types: Sequence[str],
) -> None:
    """Refuse memories that a backend cannot hold.

    Raises
    ------
    nengo.exceptions.ValidationError
        If it has no such neurons, or not so many.
    """
    chosen = backend(name)
    for kind in neuron_types:
        if kind in chosen.lacks:
            allowed = "neurons that spike, each on its own"
            raise refusal("neuron_types", kind, f"{allowed}, with the backend {name!r}")
    order, n = max(orders), max(neurons)
    if chosen.most_neurons is not None and order * n > chosen.most_neurons:
        allowed = f"at most {chosen.most_neurons // order} at order {order}"
        raise refusal("neurons", n, f"{allowed}, with the backend {name!r}")
