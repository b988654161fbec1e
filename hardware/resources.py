"""Resources of Loihi that a network requires: cores, axons, synaptic memory.

They are counted from the network alone, before anything is built or solved, by the
rules of nengo-loihi: each population is a block, which is split over as many cores as
its axons and weights require.

References
----------
M. Davies et al., "Loihi: a neuromorphic manycore processor with on-chip learning",
IEEE Micro 38(1), 2018, for the limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import nengo
from nengo.base import ObjView
from nengo.ensemble import Neurons
from nengo.exceptions import ValidationError

from spiking_lmu.validation import refusal

from .input_code import CODE_BITS, GATE_BITS
from .plan import Plan
from .preparation import prepare

# of one core
COMPARTMENTS = 1024
IN_AXONS = 4096
OUT_AXONS = 4096
SYNAPSE_BITS = 16384 * 64
# of one chip
CORES = 128

# nengo-loihi stores the weights of an axon in words of 64 bits, for groups of up to 64
# weights of 8 bits each and 10 bits more
_WORD, _GROUP, _WEIGHT, _HEAD = 64, 64, 8, 10
# pairs of neurons for each dimension of decoded values on the chip
_DECODE_PAIRS = 10


@dataclass(eq=False)
class Placement:
    """A population on the chip.

    Its neurons are placed together, on as many cores as they require.

    Attributes
    ----------
    label : str
    n_neurons : int
    per_core : int
        Number of neurons on each core; the last core may have fewer.
    in_axons, out_axons, synapse_bits : int
        Requirements of each core.
    synapses : int
        Number of all weights.
    """

    label: str
    n_neurons: int
    per_core: int = COMPARTMENTS
    in_axons: int = 0
    out_axons: int = 0
    synapse_bits: int = 0
    synapses: int = 0
    targets: list[Placement] = field(default_factory=list, repr=False)

    @property
    def cores(self) -> int:
        """Number of cores."""
        return -(-self.n_neurons // self.per_core)


@dataclass(eq=False)
class Resources:
    """Resources of the chip that a network requires. Print it for a table.

    Attributes
    ----------
    populations : list of Placement
        The populations on the chip, those for decoded values included.
    """

    populations: list[Placement]

    @property
    def cores(self) -> int:
        """Number of cores of all populations."""
        return sum(p.cores for p in self.populations)

    @property
    def chips(self) -> int:
        """Number of chips with so many cores."""
        return -(-self.cores // CORES)

    @property
    def compartments(self) -> int:
        """Number of neurons, those for decoded values included."""
        return sum(p.n_neurons for p in self.populations)

    @property
    def synapses(self) -> int:
        """Number of weights."""
        return sum(p.synapses for p in self.populations)

    @property
    def axons(self) -> int:
        """Number of connections from a neuron to a core."""
        return sum(p.out_axons * p.cores for p in self.populations)

    def __repr__(self) -> str:
        return (
            f"<Resources: {self.compartments:,} compartments and {self.synapses:,} "
            f"synapses on {self.cores} cores, {self.chips} chips>"
        )

    def __str__(self) -> str:
        head = ("population", "neurons", "cores", "a core", "in", "out", "memory")
        rows: list[tuple[str, ...]] = [head]
        for p in self.populations:
            share = f"{p.synapse_bits / SYNAPSE_BITS:.0%}"
            numbers = p.n_neurons, p.cores, p.per_core, p.in_axons, p.out_axons
            rows.append((p.label, *map(str, numbers), share))
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = [
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(row, widths))
            )
            for row in rows
        ]
        lines.append(
            f"{self.compartments:,} compartments and {self.synapses:,} synapses on "
            f"{self.cores} core{'s' * (self.cores > 1)} of {self.chips} "
            f"chip{'s' * (self.chips > 1)}; a core "
            f"has {COMPARTMENTS:,} compartments, {IN_AXONS:,} axons each way and "
            f"{SYNAPSE_BITS // 8192} KiB for synapses"
        )
        return "\n".join(lines)


class Budget(Resources):
    """The resources of a plan, with the share of each ensemble."""

    def __init__(self, plan: Plan) -> None:
        counted = _Count(plan)
        _split(counted.populations)
        super().__init__(counted.populations)
        self._of = counted.of

    def per_core(self, ensemble: nengo.Ensemble) -> int:
        """Number of neurons of an ensemble on one core."""
        return self._of[ensemble].per_core


def resources(network: nengo.Network) -> Resources:
    """Count the resources of Loihi that a network requires, without building it.

    Parameters
    ----------
    network : nengo.Network

    Returns
    -------
    resources : Resources
        Print it for a table.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the network exceeds a limit of the chip. The message names the limit and
        what to change.

    Notes
    -----
    Convolutions, and connections from nodes to neurons one by one, are counted as
    dense, which is more than they require.
    """
    if not isinstance(network, nengo.Network):
        raise refusal("network", network, "a nengo.Network")
    return Budget(
        prepare(network, placed(network, False), on_chip=placed(network, True))
    )


def placed(network: nengo.Network, on_chip: bool) -> list[nengo.Ensemble]:
    """Ensembles that nengo-loihi's configuration assigns to the chip, or the host."""
    ensemble_config = network.config[nengo.Ensemble]
    if "on_chip" not in ensemble_config._extra_params:
        return []
    return [e for e in network.all_ensembles if network.config[e].on_chip is on_chip]


class _Count:
    """Populations of a plan, and the axons between them."""

    def __init__(self, plan: Plan) -> None:
        self.populations: list[Placement] = []
        self.of: dict[nengo.Ensemble, Placement] = {}
        self.named: set[tuple[Placement, str]] = set()
        for ensemble in plan.chip:
            self.of[ensemble] = self._add(_name(ensemble), ensemble.n_neurons)
        linked = {link.key for link in plan.links}
        pairs = [(_of(key.pre), _of(key.post)) for key in linked]
        for pre, post in sorted(pairs, key=lambda p: [self._index(e) for e in p]):
            self._connect(self.of[pre], self.of[post], pre.n_neurons)
        for feed in plan.feeds:
            axons = 2 * CODE_BITS * feed.memory.size_in
            self._connect(None, self.of[_of(feed.target)], axons)
        for gate in plan.gates:
            axons = 2 * GATE_BITS * gate.node.size_in
            self._connect(None, self.of[_of(gate.target)], axons)
        for connection in _others(plan):
            self._count(connection)

    def _add(self, label: str, n_neurons: int) -> Placement:
        self.populations.append(Placement(label, n_neurons))
        return self.populations[-1]

    def _index(self, ensemble: nengo.Ensemble) -> int:
        return self.populations.index(self.of[ensemble])

    def _connect(
        self, pre: Placement | None, post: Placement, n_axons: int, named: str = ""
    ) -> None:
        """Add axons from a population, or the host, to all neurons of another.

        Connections to the same neurons share synapses of the same name.
        """
        if pre is not None:
            pre.targets.append(post)
        if (post, named) in self.named:
            return
        if named:
            self.named.add((post, named))
        post.in_axons += n_axons
        post.synapses += n_axons * post.n_neurons

    def _count(self, connection: nengo.Connection) -> None:
        """Count a connection as nengo-loihi builds it."""
        pre = self.of.get(_of(connection.pre_obj))
        post = self.of.get(_of(connection.post_obj))
        if post is None:
            return
        neurons = isinstance(connection.post_obj, Neurons)
        if pre is None:
            size = connection.size_mid if neurons else connection.post_obj.size_in
            self._connect(None, post, 2 * size, "" if neurons else "inputs")
        elif neurons or connection.solver.weights:
            self._connect(pre, post, pre.n_neurons)
        else:
            size = 2 * _DECODE_PAIRS * connection.size_out
            decoded = self._add(f"{pre.label} decoded for {post.label}", size)
            self._connect(pre, decoded, pre.n_neurons)
            self._connect(decoded, post, 2 * connection.post_obj.size_in, "decoded")


def _others(plan: Plan) -> Iterable[nengo.Connection]:
    """Connections that do not become links."""
    replaced = {new: old for old, new in plan.replaced.items()}
    for connection in plan.network.all_connections:
        if connection not in plan.removed:
            yield connection
    for connection in plan.added:
        yield replaced.get(connection, connection)


def _of(end: Any) -> Any:
    if isinstance(end, ObjView):
        end = end.obj
    return end.ensemble if isinstance(end, Neurons) else end


def _name(ensemble: nengo.Ensemble) -> str:
    return ensemble.label or f"ensemble of {ensemble.n_neurons}"


def _split(populations: list[Placement]) -> None:
    """Spread populations over as few cores as the limits allow."""
    for population in populations:
        _check_in_axons(population)
        population.per_core = _even(population, _fitting_weights(population))
    changed = True
    while changed:
        # more cores to reach require more axons, and these more cores
        changed = False
        for population in populations:
            reached = sum(target.cores for target in population.targets)
            if reached > OUT_AXONS:
                raise _refused(
                    population,
                    f"each of its neurons would reach {reached:,} cores, and a core "
                    f"has {OUT_AXONS:,} output axons",
                )
            if reached and population.per_core * reached > OUT_AXONS:
                population.per_core = _even(population, OUT_AXONS // reached)
                changed = True
    for population in populations:
        reached = sum(target.cores for target in population.targets)
        population.out_axons = population.per_core * reached
        population.synapse_bits = population.in_axons * _bits(population.per_core)


def _even(population: Placement, at_most: int) -> int:
    """Number of neurons on each of as few cores as possible, evenly distributed."""
    cores = -(-population.n_neurons // at_most)
    return -(-population.n_neurons // cores)


def _bits(n_weights: int) -> int:
    """Synaptic memory of one axon with so many weights, in bits."""
    full, rest = divmod(n_weights, _GROUP)
    words = full * -(-(_GROUP * _WEIGHT + _HEAD) // _WORD)
    if rest:
        words += -(-(rest * _WEIGHT + _HEAD) // _WORD)
    return words * _WORD


def _fitting_weights(population: Placement) -> int:
    """Number of neurons whose weights fit on a core."""
    if not population.in_axons:
        return min(COMPARTMENTS, population.n_neurons)
    room = SYNAPSE_BITS // population.in_axons
    fitting = min(COMPARTMENTS, population.n_neurons)
    while _bits(fitting) > room:
        fitting -= 1
    return fitting


def _check_in_axons(population: Placement) -> None:
    if population.in_axons > IN_AXONS:
        raise _refused(
            population,
            f"each of its cores would receive {population.in_axons:,} axons from "
            f"neurons and inputs, and a core has {IN_AXONS:,} input axons",
        )


def _refused(population: Placement, why: str) -> ValidationError:
    return ValidationError(
        f"does not fit on Loihi: population {population.label!r} of "
        f"{population.n_neurons:,} neurons: {why}. Use fewer neurons or a lower order "
        "(all populations of a memory are connected), or leave other ensembles on "
        "the host by nengo_loihi's on_chip",
        attr="network",
    )
