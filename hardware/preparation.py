"""Plans which parts of a network go on a Loihi chip, and over which connections.

The chip has neurons and the weights between them, nothing else. The nodes of a memory
only pass values on, and become weights from ensemble to ensemble. Values that leave the
chip still pass through these nodes, on the host.

Nothing is built here, and the user's network remains unchanged.
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
from spiking_lmu.neurons import SystematicSpiking, spike_height

from .plan import Plan, ensemble_of
from .rewiring import Rewiring
from .stochastic import MAX_RATE, ChipPoisson, StandIn
from .synapses import is_lowpass, refused_synapse

# neuron types of the chip, and rates for which it has regular and random spikes
ON_CHIP = (nengo.LIF, nengo.SpikingRectifiedLinear, ChipPoisson)
RECTIFYING = (nengo.LIFRate, nengo.RectifiedLinear)
UNITS = (nengo.Tanh, nengo.Sigmoid)  # their Poisson neurons stay on the host


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
        Ensembles that the user has assigned to the host.
    dt : float
        Time step, in seconds, which limits the rates of random spikes.
    on_chip : sequence of nengo.Ensemble
        Ensembles that the user has assigned to the chip, even if one synapse for all
        their inputs changes these inputs.

    Returns
    -------
    plan : Plan

    Raises
    ------
    nengo.exceptions.ValidationError
        If the chip does not have the neurons or connections of the network.
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
    """Put all ensembles on the chip except those of the host."""
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
            f"{len(plan.stand_ins)} ensembles of {n_neurons} Poisson neurons have the "
            "chip's own noise, and rectified linear tuning curves of up to "
            f"{high:g} Hz at the radius; beyond it they fire faster"
        )
    return plan


def _check_neurons(ensemble: nengo.Ensemble, memory: LegendreMemory | None) -> None:
    """Refuse neurons that the chip would replace by others, or that have no builder."""
    neuron_type = ensemble.neuron_type
    if memory is not None and memory.noise_shaping:
        raise ValidationError(
            f"{memory} shapes its noise: it carries the errors of its decoded values "
            "from one step to the next, for which the chip has no place; choose "
            "noise_shaping=False, or leave its ensembles on the host by nengo_loihi's "
            "on_chip",
            attr="noise_shaping",
        )
    if isinstance(neuron_type, nengo.AdaptiveLIF):
        # nengo-loihi would build nengo.LIF, their parent class
        raise ValidationError(
            f"neurons of {ensemble} adapt, and those of the chip do not; choose "
            "nengo.LIF, or leave them on the host by nengo_loihi's on_chip",
            attr="neuron_type",
        )
    if isinstance(neuron_type, SystematicSpiking):
        raise ValidationError(
            f"neurons of {ensemble} share a random number in each step, and those of "
            "the chip have none in common; choose nengo.LIF or nengo.PoissonSpiking, "
            "or leave them on the host by nengo_loihi's on_chip",
            attr="neuron_type",
        )
    if isinstance(neuron_type, nengo.PoissonSpiking):
        base = neuron_type.base_type
        if type(base) not in RECTIFYING:
            raise ValidationError(
                f"{neuron_type!r} of {ensemble} has no equivalent on the chip, which "
                "has Poisson neurons of nengo.LIFRate and nengo.RectifiedLinear only; "
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
                f"{connection} ends at a part of an ensemble on the chip; connect to "
                "the whole ensemble, with a transform whose other rows are zero",
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
    """Ensembles beside the memories whose neuron type keeps them on the host."""
    remembering = {e for memory in memories for e in memory.all_ensembles}
    return [
        e
        for e in network.all_ensembles
        if _stays(e.neuron_type) and e not in remembering
    ]


def _stays(neuron_type: nengo.neurons.NeuronType) -> bool:
    """Whether neurons of this type stay on the host by themselves."""
    if isinstance(neuron_type, (nengo.Direct, nengo.AdaptiveLIF)):
        return False
    if isinstance(neuron_type, nengo.PoissonSpiking):
        return type(neuron_type.base_type) in UNITS
    return not _has_equal(neuron_type)


def _has_equal(neuron_type: nengo.neurons.NeuronType) -> bool:
    """Whether the chip has neurons of this type, or equal ones."""
    if isinstance(neuron_type, (nengo.PoissonSpiking, nengo.RegularSpiking)):
        return type(neuron_type.base_type) in RECTIFYING
    return isinstance(neuron_type, ON_CHIP)


def _taught(network: nengo.Network) -> Iterator[nengo.Ensemble | None]:
    """Ensembles that nengo-loihi leaves on the host: those that learn or teach."""
    for connection in network.all_connections:
        if connection.learning_rule_type is not None:
            yield ensemble_of(connection.post_obj)
        if isinstance(connection.post_obj, LearningRule):
            yield ensemble_of(connection.pre_obj)


def _stochastic(
    ensemble: nengo.Ensemble, high: float, seed: int, read: bool
) -> nengo.Ensemble:
    """A copy of an ensemble with neurons that fire at random, up to a given rate.

    If rates are scaled down and the neurons are read one by one, each spike counts for
    more. The amplitude of the base type becomes a factor of the rates.
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
    height = 1 / scale if read else 1.0
    return nengo.Ensemble(
        ensemble.n_neurons,
        ensemble.dimensions,
        radius=ensemble.radius,
        encoders=ensemble.encoders,
        intercepts=intercepts,
        max_rates=max_rates,
        eval_points=ensemble.eval_points,
        neuron_type=StandIn(
            amplitude=neuron_type.amplitude * height, rate_height=height
        ),
        normalize_encoders=ensemble.normalize_encoders,
        noise=ensemble.noise,
        label=ensemble.label,
        seed=ensemble.seed,
        add_to_container=False,
    )


def _drawn_tuning(ensemble: nengo.Ensemble, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Maximum rates and intercepts, from the same random numbers as in Nengo.

    Raises
    ------
    nengo.exceptions.ValidationError
        If neurons are silent within their radius.
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
            "for which the chip has no equivalent; choose others, or leave the "
            "ensemble on the host by nengo_loihi's on_chip",
            attr="gain",
        )
    return max_rates, intercepts


def _redirect(plan: Plan) -> None:
    """Redirect the connections of ensembles to their stand-ins."""
    for connection in plan.network.all_connections:
        new = connection
        if connection not in plan.removed:
            new = plan.redirect(connection)
        if new is connection:
            continue
        plan.removed.add(connection)
        plan.added.append(new)
