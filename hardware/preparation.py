"""What of a network goes on a Loihi chip, and over which connections.

On the chip there are neurons and the weights between them, nothing else. A memory's
nodes, which pass values on, become weights from ensemble to ensemble. What happens to
its values beyond the chip stays with those nodes, on the host.

Only the frontend of Nengo is needed here; nothing is built, and nothing of the user's
network is touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import nengo
import numpy as np
from nengo.connection import LearningRule
from nengo.dists import Uniform
from nengo.exceptions import ValidationError

from spiking_lmu.networks import LegendreMemory

from .plan import Plan, ensemble_of
from .rewiring import Rewiring
from .stochastic import MAX_RATE, ChipPoisson

UNITS = (nengo.Tanh, nengo.Sigmoid, nengo.RectifiedLinear)  # that do not spike


def prepare(
    network: nengo.Network, off_chip: Sequence[Any] = (), dt: float = 0.001
) -> Plan:
    """Plan how to put a network on a chip.

    Parameters
    ----------
    network : nengo.Network
    off_chip : sequence of nengo.Ensemble
        That the user wants to stay on the host.
    dt : float
        Time step, in seconds, on which the highest rates depend.

    Returns
    -------
    plan : Plan

    Raises
    ------
    nengo.exceptions.ValidationError
        If values pass to the chip in a way that it cannot follow.
    """
    memories = [n for n in network.all_networks if isinstance(n, LegendreMemory)]
    if isinstance(network, LegendreMemory):
        memories.insert(0, network)
    rates = _of_rates(network, memories) if memories else []
    host = {*off_chip, *_taught(network), *rates}
    chip = [
        e
        for e in network.all_ensembles
        if e not in host and not isinstance(e.neuron_type, nengo.Direct)
    ]
    for ensemble in chip:
        if isinstance(ensemble.neuron_type, nengo.AdaptiveLIF):
            # nengo-loihi would build what these neurons are a special case of
            raise ValidationError(
                f"neurons of {ensemble} adapt, which those of the chip do not; choose "
                "nengo.LIF, or leave them on the host by nengo_loihi's on_chip",
                attr="neuron_type",
            )
    plan = Plan(network, memories, chip)
    if rates:
        named = ", ".join(str(e.label or e) for e in rates)
        plan.changes.append(f"units that no chip has stay on the host: {named}")
    high = MAX_RATE * 0.001 / dt
    for ensemble in chip:
        if isinstance(ensemble.neuron_type, nengo.PoissonSpiking):
            plan.stand_ins[ensemble] = _stochastic(ensemble, high)
    if plan.stand_ins:
        n_neurons = sum(e.n_neurons for e in plan.stand_ins)
        plan.changes.append(
            f"{len(plan.stand_ins)} ensembles of {n_neurons} Poisson neurons: the "
            f"chip's own noise, on rectified linear tuning curves up to {high:g} Hz"
        )
    if memories:
        Rewiring(plan).apply()
    _redirect(plan)
    return plan


def _of_rates(
    network: nengo.Network, memories: Sequence[LegendreMemory]
) -> list[nengo.Ensemble]:
    """Ensembles of units that no chip has, beside the memories: they do not spike."""
    remembering = {e for memory in memories for e in memory.all_ensembles}
    return [
        e
        for e in network.all_ensembles
        if type(e.neuron_type) in UNITS and e not in remembering
    ]


def _taught(network: nengo.Network) -> Iterator[nengo.Ensemble | None]:
    """What nengo-loihi leaves on the host: where learning goes, and what teaches."""
    for connection in network.all_connections:
        if connection.learning_rule_type is not None:
            yield ensemble_of(connection.post_obj)
        if isinstance(connection.post_obj, LearningRule):
            yield ensemble_of(connection.pre_obj)


def _stochastic(ensemble: nengo.Ensemble, high: float) -> nengo.Ensemble:
    """An ensemble like this one, of neurons that fire at random, up to a rate."""
    max_rates, intercepts = ensemble.max_rates, ensemble.intercepts
    if ensemble.gain is not None and ensemble.bias is not None:
        gain, bias = (
            nengo.dists.get_samples(
                values, ensemble.n_neurons, rng=np.random.RandomState(seed)
            )
            for seed, values in enumerate([ensemble.gain, ensemble.bias])
        )
        max_rates, intercepts = ensemble.neuron_type.max_rates_intercepts(gain, bias)
    if isinstance(max_rates, Uniform):
        scale = min(1.0, high / max_rates.high)
        max_rates = Uniform(max_rates.low * scale, max_rates.high * scale)
    else:
        drawn = nengo.dists.get_samples(
            max_rates, ensemble.n_neurons, rng=np.random.RandomState(0)
        )
        max_rates = drawn * min(1.0, high / drawn.max())
    return nengo.Ensemble(
        ensemble.n_neurons,
        ensemble.dimensions,
        radius=ensemble.radius,
        encoders=ensemble.encoders,
        intercepts=intercepts,
        max_rates=max_rates,
        eval_points=ensemble.eval_points,
        neuron_type=ChipPoisson(amplitude=ensemble.neuron_type.amplitude),
        normalize_encoders=ensemble.normalize_encoders,
        noise=ensemble.noise,
        label=ensemble.label,
        seed=ensemble.seed,
        add_to_container=False,
    )


def _redirect(plan: Plan) -> None:
    """Lead connections to and from ensembles to their stand-ins."""
    for connection in plan.network.all_connections:
        new = connection
        if connection not in plan.removed:
            new = plan.redirect(connection)
        if new is connection:
            continue
        plan.removed.add(connection)
        plan.added.append(new)
