"""The simulators that experiments can run on, by name."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from nengo.processes import PresentInput

from spiking_lmu.simulators import Backend, Model, Recording, run_nengo, run_nengo_dl
from spiking_lmu.validation import check_choice, refusal


def run_loihi(
    models: Sequence[Model],
    inputs: Sequence[np.ndarray],
    dt: float,
    seeds: Sequence[int],
) -> list[Recording]:
    """Run each model on its input on Loihi's emulator, one after the other."""
    return [_run_one(*run, dt=dt) for run in zip(models, inputs, seeds)]


def _run_one(model: Model, u: np.ndarray, seed: int, dt: float) -> Recording:
    from spiking_lmu.hardware import loihi

    start = time.perf_counter()
    model.stimulus.output = PresentInput(u[:, None], dt)
    simulator = loihi.Simulator(
        model.network, dt=dt, seed=seed, target="sim", progress_bar=False
    )
    with simulator as sim:
        built = time.perf_counter()
        sim.run_steps(len(u))
        data = {name: np.array(sim.data[p]) for name, p in model.probes.items()}
    times = built - start, time.perf_counter() - built
    return Recording(data, sim.data, *times, neuron_types=sim.neuron_types)


_BACKENDS = {
    "nengo": Backend(run_nengo),
    "nengo-dl": Backend(
        run_nengo_dl, shares_network=True, packages=("nengo-dl", "tensorflow")
    ),
    # all neurons of a memory and its input must find axons into each core
    "loihi": Backend(
        run_loihi, spiking_only=True, most_neurons=4080, packages=("nengo-loihi",)
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
    if chosen.spiking_only and "rate" in neuron_types:
        raise refusal("neuron_types", "rate", f"of spikes, with the backend {name!r}")
    order, n = max(orders), max(neurons)
    if chosen.most_neurons is not None and order * n > chosen.most_neurons:
        allowed = f"at most {chosen.most_neurons // order} at order {order}"
        raise refusal("neurons", n, f"{allowed}, with the backend {name!r}")
