"""The networks that run the protocol: the published one, and a `LegendreMemory`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import nengo
import numpy as np
from nengo.dists import Choice, Uniform
from nengo.solvers import LstsqL2

from spiking_lmu.experiments.chips.protocol import (
    DT,
    FREQ,
    ORDER,
    RMS,
    THETA,
    example_states,
    thesis_coordinates,
)
from spiking_lmu.experiments.sweeps.backends import Model
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import map_to_synapse
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import neuron_type
from spiking_lmu.realization import Realization, realize_for
from spiking_lmu.signals import PEAK_OF_NOISE

NEGLIGIBLE = 1e-8  # transforms that are zero but for rounding
PUBLISHED_SOLVER = LstsqL2(reg=0.1)


def make_model(task: dict[str, Any]) -> tuple[Model, np.ndarray]:
    """The network of a task, and the T with m = T x for the x that it decodes."""
    tuning = {n: Uniform(*task[n]) for n in ("max_rates", "intercepts") if task[n]}
    make = make_thesis if task["network"] == "thesis" else make_memory
    return make(task, tuning)


def make_memory(
    task: dict[str, Any], tuning: dict[str, Uniform]
) -> tuple[Model, np.ndarray]:
    """A `LegendreMemory`, read from where it decodes its spikes."""
    with nengo.Network(seed=task["seed"]) as network:
        stimulus = nengo.Node([0.0], label="stimulus")
        memory = LegendreMemory(
            THETA,
            ORDER,
            task["n_neurons"],
            synapse=task["synapse"],
            dt=DT,
            neuron_type=neuron_type(task["neuron_type"]),
            allocation=task["allocation"],
            **_expected(task),
            **tuning,
        )
        if task["decoders"] == "published":
            _solve_as_published(memory)
        nengo.Connection(stimulus, memory.input, synapse=None)
        decoded = {"decoded": nengo.Probe(memory.decoded[0])}
        probes = {**decoded, **_spikes(memory.ensembles)}
    return Model(network, stimulus, probes), memory.realization.T


def headrooms(ranges: str, synapse: float) -> np.ndarray:
    """Radii (ORDER,) in standard deviations of coordinates under the protocol."""
    with nengo.Network():
        memory = LegendreMemory(
            THETA,
            ORDER,
            1,
            synapse=synapse,
            dt=DT,
            **_expected({"ranges": ranges, "synapse": synapse}),
        )
    realization = memory.realization
    x = example_states() @ realization.inverse.T
    return realization.radii / np.sqrt(np.mean(x**2, axis=0))


def _expected(task: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a `LegendreMemory` for its expected input."""
    if task["ranges"] == "expected":
        return {"freq": FREQ, "rms": RMS}
    states = example_states()
    realization = realize_for(
        *state_space(THETA, ORDER),
        DT,
        task["synapse"],
        states,
        largest_input=PEAK_OF_NOISE * RMS,
    )
    if task["ranges"] == "published":
        realization = _in_published_coordinates(realization, states)
    return {"realization": realization}


def _in_published_coordinates(
    realization: Realization, states: np.ndarray
) -> Realization:
    T = thesis_coordinates()
    x = states @ np.linalg.inv(T).T
    K = x.T @ x / len(x)
    return replace(
        realization,
        T=T,
        radii=np.ones(ORDER),
        deviations=np.sqrt(np.diag(K)),
        covariance=K,
    )


def _solve_as_published(memory: LegendreMemory) -> None:
    """Decode by regularized least squares, over points evenly within the radius."""
    for ensemble in memory.ensembles:
        ensemble.eval_points = nengo.dists.UniformHypersphere()
    for connection in memory.all_connections:
        if connection.pre_obj in memory.ensembles:
            connection.solver = PUBLISHED_SOLVER


def make_thesis(
    task: dict[str, Any], tuning: dict[str, Uniform]
) -> tuple[Model, np.ndarray]:
    """The network of Voelker 2019: ensembles connected one by one.

    For Loihi, solvers give weights from neuron to neuron. Voltages begin at zero, as in
    Nengo 2 and on the chip.
    """
    T, tau = thesis_coordinates(), task["synapse"]
    A, B = state_space(THETA, ORDER)
    A, B = np.linalg.solve(T, A @ T), np.linalg.solve(T, B)
    recurrent, feed = map_to_synapse(A, B, tau)
    solver = LstsqL2(reg=0.1, weights=task["backend"] == "loihi")
    lif = nengo.LIF(initial_state={"voltage": Choice([0])})
    with nengo.Network(seed=task["seed"]) as network:
        stimulus = nengo.Node([0.0], label="stimulus")
        ensembles = [
            nengo.Ensemble(task["n_neurons"], 1, neuron_type=lif, **tuning)
            for _ in range(ORDER)
        ]
        for i, j in np.argwhere(np.abs(recurrent) > NEGLIGIBLE):
            nengo.Connection(
                ensembles[j],
                ensembles[i],
                transform=recurrent[i, j],
                synapse=tau,
                solver=solver,
            )
        for b, ensemble in zip(feed[:, 0], ensembles):
            # nengo-loihi requires one node for each
            part = nengo.Node(_scaled(b), size_in=1)
            nengo.Connection(stimulus, part, synapse=None)
            nengo.Connection(part, ensemble, synapse=tau)
        decoded = {f"decoded {i}": nengo.Probe(e) for i, e in enumerate(ensembles)}
        probes = {**decoded, **_spikes(ensembles)}
    return Model(network, stimulus, probes), T


def _scaled(scale: float) -> Callable[[float, np.ndarray], np.ndarray]:
    """A node's function: its input times a constant."""
    return lambda t, x: scale * x


def _spikes(ensembles: Sequence[nengo.Ensemble]) -> dict[str, nengo.Probe]:
    return {f"spikes {i}": nengo.Probe(e.neurons) for i, e in enumerate(ensembles)}
