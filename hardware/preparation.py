"""What of a network goes on a Loihi chip, and over which connections.

On the chip there are neurons and the weights between them, nothing else. A memory's
nodes, which pass values on, become weights from ensemble to ensemble. What happens to
its values beyond the chip stays with those nodes, on the host.

Nothing is built here, and nothing of the user's network is touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import nengo
import numpy as np
from nengo.builder.ensemble import gen_eval_points
from nengo.builder.network import seed_network
from nengo.connection import LearningRule
from nengo.dists import Uniform
from nengo.ensemble import Neurons
from nengo.exceptions import ValidationError

from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import spike_height

from .plan import Plan, ensemble_of
from .rewiring import Rewiring
from .stochastic import MAX_RATE, ChipPoisson, StandIn
from .synapses import is_lowpass, refused_synapse

# neurons of the chip, and the rates of which it makes spikes, regular or at random
ON_CHIP = (nengo.LIF, nengo.SpikingRectifiedLinear, ChipPoisson)
RECTIFYING = (nengo.LIFRate, nengo.RectifiedLinear)
UNITS = (nengo.Tanh, nengo.Sigmoid)  # whose Poisson neurons stay on the host


def prepare(
    network: nengo.Network,
    off_chip: Sequence[Any] = (),
    dt: float = 0.001,
    on_chip: Sequence[Any] = (),
) -> Plan:
    """Plan how to put a network on a chip.

    Parameters
    ----------
    network : nengo.Network
    off_chip : sequence of nengo.Ensemble
        That the user wants to stay on the host.
    dt : float
        Time step, in seconds, on which the highest rates depend.
    on_chip : sequence of nengo.Ensemble
        That the user wants on the chip, whatever its one synapse makes of their inputs.

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
    others = _of_other_types(network, memories) if memories else []
    host = {*off_chip, *_taught(network), *others}
    changes = []
    if others:
        named = ", ".join(
            f"{e.label or e} ({type(e.neuron_type).__name__})" for e in others
        )
        changes.append(
            f"ensembles of neurons that no chip has stay on the host: {named}"
        )
    plan = _place(network, memories, host, dt)
    while memories:
        rewiring = Rewiring(plan)
        rewiring.apply()
        disturbed = rewiring.synapses.disturbed()
        moved = [e for e in disturbed if e not in on_chip]
        if not moved:
            plan.changes[:0] = changes
            plan.disturbed.update(disturbed)
            rewiring.report()
            break
        changes += [f"{e} stays on the host: {disturbed[e]}" for e in moved]
        host.update(moved)
        plan = _place(network, memories, host, dt)
    _check_connections(plan)
    _redirect(plan)
    return plan


def _place(
    network: nengo.Network, memories: list[LegendreMemory], host: Any, dt: float
) -> Plan:
    """Put all ensembles on the chip but those of the host."""
    chip = [
        e
        for e in network.all_ensembles
        if e not in host and not isinstance(e.neuron_type, nengo.Direct)
    ]
    memory_of = {e: memory for memory in memories for e in memory.all_ensembles}
    for ensemble in chip:
        _check_neurons(ensemble, memory_of.get(ensemble))
    plan = Plan(network, memories, chip)
    random = [e for e in chip if isinstance(e.neuron_type, nengo.PoissonSpiking)]
    if memories or random:
        seed_network(network, plan.seeds, plan.seeded)
    high = MAX_RATE * 0.001 / dt
    read = {c.pre_obj.ensemble for c in network.all_connections if _of_neurons(c)}
    for ensemble in random:
        plan.stand_ins[ensemble] = _stochastic(
            ensemble, high, plan.seeds[ensemble], ensemble in read
        )
    if plan.stand_ins:
        n_neurons = sum(e.n_neurons for e in plan.stand_ins)
        plan.changes.append(
            f"{len(plan.stand_ins)} ensembles of {n_neurons} Poisson neurons: the "
            "chip's own noise, on rectified linear tuning curves of up to "
            f"{high:g} Hz at the radius; beyond it they fire faster"
        )
    return plan


def _check_neurons(ensemble: nengo.Ensemble, memory: LegendreMemory | None) -> None:
    """Refuse neurons that nengo-loihi or we would build as others, or cannot build."""
    neuron_type = ensemble.neuron_type
    if isinstance(neuron_type, nengo.AdaptiveLIF):
        # nengo-loihi would build what these neurons are a special case of
        raise ValidationError(
            f"neurons of {ensemble} adapt, which those of the chip do not; choose "
            "nengo.LIF, or leave them on the host by nengo_loihi's on_chip",
            attr="neuron_type",
        )
    if isinstance(neuron_type, nengo.PoissonSpiking):
        base = neuron_type.base_type
        if type(base) not in RECTIFYING:
            raise ValidationError(
                f"{neuron_type!r} of {ensemble} has no equal on the chip: of Poisson "
                "neurons, it has those of nengo.LIFRate and nengo.RectifiedLinear; "
                "choose one of these, or leave them on the host by nengo_loihi's "
                "on_chip",
                attr="neuron_type",
            )
    elif memory is not None and not _has_equal(neuron_type):
        raise ValidationError(
            f"the chip has no {type(neuron_type).__name__} neurons for {ensemble} of "
            f"{memory}; choose nengo.LIF, nengo.SpikingRectifiedLinear or "
            "nengo.PoissonSpiking",
            attr="neuron_type",
        )


def _check_connections(plan: Plan) -> None:
    """Refuse connections to the chip that nengo-loihi fails to build."""
    chip = set(plan.chip)
    for connection in plan.network.all_connections:
        target = ensemble_of(connection.post_obj)
        if target not in chip or connection in plan.removed:
            continue
        solved = connection.solver.weights and connection.post_obj is target
        if connection.post_slice != slice(None) and not solved:
            raise ValidationError(
                f"{connection} goes to a part of what is on the chip; connect to the "
                "whole, with a transform whose other rows are zero",
                attr="network",
            )
        from_chip = ensemble_of(connection.pre_obj) in chip
        if from_chip and not is_lowpass(connection):
            raise refused_synapse(connection)


def _of_neurons(connection: nengo.Connection) -> bool:
    return isinstance(connection.pre_obj, Neurons)


def _of_other_types(
    network: nengo.Network, memories: Sequence[LegendreMemory]
) -> list[nengo.Ensemble]:
    """Ensembles beside the memories that stay on the host for their neuron type."""
    remembering = {e for memory in memories for e in memory.all_ensembles}
    return [
        e
        for e in network.all_ensembles
        if _stays(e.neuron_type) and e not in remembering
    ]


def _stays(neuron_type: nengo.neurons.NeuronType) -> bool:
    """Whether these neurons stay on the host without being asked to."""
    if isinstance(neuron_type, (nengo.Direct, nengo.AdaptiveLIF)):
        return False
    if isinstance(neuron_type, nengo.PoissonSpiking):
        return type(neuron_type.base_type) in UNITS
    return not _has_equal(neuron_type)


def _has_equal(neuron_type: nengo.neurons.NeuronType) -> bool:
    """Whether the chip has such neurons, or spikes like theirs."""
    if isinstance(neuron_type, (nengo.PoissonSpiking, nengo.RegularSpiking)):
        return type(neuron_type.base_type) in RECTIFYING
    return isinstance(neuron_type, ON_CHIP)


def _taught(network: nengo.Network) -> Iterator[nengo.Ensemble | None]:
    """What nengo-loihi leaves on the host: where learning goes, and what teaches."""
    for connection in network.all_connections:
        if connection.learning_rule_type is not None:
            yield ensemble_of(connection.post_obj)
        if isinstance(connection.post_obj, LearningRule):
            yield ensemble_of(connection.pre_obj)


def _stochastic(
    ensemble: nengo.Ensemble, high: float, seed: int, read: bool
) -> nengo.Ensemble:
    """An ensemble like this one, of neurons that fire at random, up to a rate.

    Where its neurons are read one by one, each spike counts for those that are missing.
    The rates hold the amplitude of the type beneath: neurons fire that much faster.
    """
    max_rates, intercepts = ensemble.max_rates, ensemble.intercepts
    neuron_type = ensemble.neuron_type
    faster = spike_height(neuron_type.base_type)
    if isinstance(max_rates, Uniform) and ensemble.gain is None:
        scale = min(1.0, high / (max_rates.high * faster))
        low, top = max_rates.low * faster * scale, max_rates.high * faster * scale
        max_rates = Uniform(low, top)
    else:
        max_rates, intercepts = _drawn_tuning(ensemble, seed)
        scale = min(1.0, high / (max_rates * faster).max())
        max_rates = max_rates * faster * scale
    told = 1 / scale if read else 1.0
    return nengo.Ensemble(
        ensemble.n_neurons,
        ensemble.dimensions,
        radius=ensemble.radius,
        encoders=ensemble.encoders,
        intercepts=intercepts,
        max_rates=max_rates,
        eval_points=ensemble.eval_points,
        neuron_type=StandIn(amplitude=neuron_type.amplitude * told, told=told),
        normalize_encoders=ensemble.normalize_encoders,
        noise=ensemble.noise,
        label=ensemble.label,
        seed=ensemble.seed,
        add_to_container=False,
    )


def _drawn_tuning(ensemble: nengo.Ensemble, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Maximum rates and intercepts as Nengo draws them, after all that it draws first.

    Raises
    ------
    nengo.exceptions.ValidationError
        If neurons do not fire within their radius.
    """
    rng, n = np.random.RandomState(seed), ensemble.n_neurons
    gen_eval_points(ensemble, ensemble.eval_points, rng)
    nengo.dists.get_samples(ensemble.encoders, n, ensemble.dimensions, rng=rng)
    if ensemble.gain is None or ensemble.bias is None:
        max_rates = nengo.dists.get_samples(ensemble.max_rates, n, rng=rng)
        return max_rates, nengo.dists.get_samples(ensemble.intercepts, n, rng=rng)
    gain = nengo.dists.get_samples(ensemble.gain, n, rng=rng)
    bias = nengo.dists.get_samples(ensemble.bias, n, rng=rng)
    max_rates, intercepts = ensemble.neuron_type.max_rates_intercepts(gain, bias)
    if not np.all(np.isfinite(max_rates) & (max_rates > 0) & (intercepts < 1)):
        raise ValidationError(
            f"gain and bias of {ensemble} leave neurons silent within its radius, "
            "which those of the chip then have no equal of; choose others, or leave "
            "them on the host by nengo_loihi's on_chip",
            attr="gain",
        )
    return max_rates, intercepts


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
