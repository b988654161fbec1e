"""What of a network goes on a Loihi chip, and over which connections.

On the chip there are neurons and the weights between them, nothing else. A memory's
nodes, which pass values on, become weights from ensemble to ensemble. What happens to
its values beyond the chip stays with those nodes, on the host.

Only the frontend of Nengo is needed here; nothing is built, and nothing of the user's
network is touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import nengo
import numpy as np
from nengo.base import ObjView
from nengo.connection import LearningRule
from nengo.dists import Uniform
from nengo.ensemble import Neurons
from nengo.exceptions import ValidationError

from spiking_lmu.networks import LegendreMemory

from .stochastic import MAX_RATE, ChipPoisson

# relative to the radii: less than this is less than the chip's weights can tell apart
NEGLIGIBLE = 1e-5

Target = Union[nengo.Ensemble, Neurons]


@dataclass(frozen=True, eq=False)
class Link:
    """Weights from neurons to neurons, through one synapse.

    Attributes
    ----------
    source : nengo.Connection
        Decodes the ensemble that it comes from; from there on, `transform` applies.
    target : nengo.Ensemble or nengo.ensemble.Neurons
    transform : (target.size_in, source.size_mid) ndarray
    tau : float
        In seconds.
    """

    source: nengo.Connection
    target: Target
    transform: np.ndarray
    tau: float


@dataclass(frozen=True, eq=False)
class Feed:
    """A signal that the host sends to neurons, as spikes.

    Attributes
    ----------
    memory : LegendreMemory
        Whose input it is; what that expects is the range of the spikes' code.
    target : nengo.Ensemble or nengo.ensemble.Neurons
    transform : (target.size_in, memory.size_in) ndarray
    tau : float
        In seconds.
    """

    memory: LegendreMemory
    target: Target
    transform: np.ndarray
    tau: float


@dataclass(eq=False)
class Plan:
    """How to put a network on a chip.

    Attributes
    ----------
    network : nengo.Network
    memories : list of LegendreMemory
    chip : list of nengo.Ensemble
        Those of the network whose neurons go on the chip.
    stand_ins : dict of nengo.Ensemble
        What takes the place of ensembles whose neurons a chip does not have.
    links : list of Link
    feeds : list of Feed
    parts : dict of nengo.Node
        Nodes that sum what the host sends to a memory which the chip sends to as well.
    nodes : list of nengo.Node
        That are added, these among them.
    removed : set
        Nodes and connections that are not built.
    added : list of nengo.Connection
        That are built instead.
    replaced : dict of nengo.Connection
        Those of them that are a connection of the network with other ends.
    changes : list of str
        What is other than in the network, in words.
    """

    network: nengo.Network
    memories: list[LegendreMemory]
    chip: list[nengo.Ensemble]
    stand_ins: dict[nengo.Ensemble, nengo.Ensemble] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    feeds: list[Feed] = field(default_factory=list)
    parts: dict[LegendreMemory, nengo.Node] = field(default_factory=dict)
    nodes: list[nengo.Node] = field(default_factory=list)
    removed: set[Any] = field(default_factory=set)
    added: list[nengo.Connection] = field(default_factory=list)
    replaced: dict[nengo.Connection, nengo.Connection] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        stochastic = any(isinstance(e.neuron_type, ChipPoisson) for e in self.chip)
        return bool(self.memories or self.stand_ins or stochastic)

    def on_chip(self, end: Any) -> Any:
        """What is on the chip for an ensemble, or its neurons, of the network."""
        stand_in = self.stand_ins.get(_ensemble(end))
        if stand_in is None:
            return end
        return stand_in.neurons if isinstance(end, Neurons) else stand_in

    def redirect(self, connection: nengo.Connection) -> nengo.Connection:
        """The connection itself, or one like it between stand-ins."""
        pre, post = self._end(connection.pre), self._end(connection.post)
        if pre is connection.pre and post is connection.post:
            return connection
        if connection not in self.replaced:
            self.replaced[connection] = _copy(connection, pre, post)
        return self.replaced[connection]

    def _end(self, end: Any) -> Any:
        if isinstance(end, ObjView):
            obj = self.on_chip(end.obj)
            return end if obj is end.obj else obj[end.slice]
        return self.on_chip(end)


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
    host = {*off_chip, *_taught(network)}
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
        _Rewiring(plan).apply()
    _redirect(plan)
    return plan


def _taught(network: nengo.Network) -> Iterator[nengo.Ensemble | None]:
    """What nengo-loihi leaves on the host: where learning goes, and what teaches."""
    for connection in network.all_connections:
        if connection.learning_rule_type is not None:
            yield _ensemble(connection.post_obj)
        if isinstance(connection.post_obj, LearningRule):
            yield _ensemble(connection.pre_obj)


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


class _Rewiring:
    """Finds the weights that replace the nodes of memories on the chip.

    Follows values backwards, from neurons on the chip, through the nodes that pass
    them on, to the neurons and the inputs that they come from.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.chip = set(plan.chip)
        self.into: dict[Any, list[nengo.Connection]] = defaultdict(list)
        self.out_of: dict[Any, list[nengo.Connection]] = defaultdict(list)
        for connection in plan.network.all_connections:
            self.into[connection.post_obj].append(connection)
            self.out_of[connection.pre_obj].append(connection)
        self.on_chip = [m for m in plan.memories if self.chip.issuperset(m.ensembles)]
        self.inputs = {m.input: m for m in self.on_chip}
        self.states = {m.coordinates for m in self.on_chip}
        self.from_chip = self._reached_from_chip()
        self.dropped: set[float] = set()

    def apply(self) -> None:
        around = self._around_memories()
        for connection in self.plan.network.all_connections:
            from_node = connection.pre_obj in around and self._leads(connection)
            if from_node and self._is_chip(connection.post_obj):
                self._rewire(connection)
        self._part_inputs()
        self._prune(around)
        for memory in self.on_chip:
            if memory.coordinates not in self.plan.removed:
                self._catch_up(memory)
        self._report()

    def _around_memories(self) -> set[nengo.Node]:
        """Nodes that pass on values and are connected with those of a memory."""
        found: set[nengo.Node] = set()
        frontier = [n for m in self.plan.memories for n in m.all_nodes]
        while frontier:
            node = frontier.pop()
            if node not in found and _passes_on(node):
                found.add(node)
                frontier += [c.pre_obj for c in self.into[node]]
                frontier += [c.post_obj for c in self.out_of[node]]
        return found

    def _reached_from_chip(self) -> set[nengo.Node]:
        """Nodes that pass on values of neurons on the chip, maybe among others."""
        found: set[nengo.Node] = set()
        on_host = set(self.plan.memories).difference(self.on_chip)
        stay = {node for memory in on_host for node in memory.all_nodes}
        frontier = [
            connection.post_obj
            for connection in self.plan.network.all_connections
            if self._comes_from_chip(connection)
        ]
        while frontier:
            node = frontier.pop()
            if _passes_on(node) and node not in found and node not in stay:
                found.add(node)
                frontier += [c.post_obj for c in self.out_of[node]]
        return found

    def _is_chip(self, end: Any) -> bool:
        return _ensemble(end) in self.chip

    def _rewire(self, connection: nengo.Connection) -> None:
        """Replace a connection from a node to neurons on the chip."""
        target = connection.post_obj
        self.plan.removed.add(connection)
        found: dict[tuple[Any, float], Any] = defaultdict(float)
        for source, transform, taus in self._trace(
            connection.pre_obj, _matrix(connection), _taus(connection), ()
        ):
            if isinstance(source, LegendreMemory) or self._comes_from_chip(source):
                tau = max(taus, default=0.0)
                self.dropped.update(t for t in taus if t < tau)
                found[source, tau] = found[source, tau] + transform
            else:
                new = _combined(source, target, transform, taus)
                self.plan.added.append(new)
        for (source, tau), transform in found.items():
            if isinstance(source, LegendreMemory):
                self.plan.feeds.append(Feed(source, target, transform, tau))
            elif not _is_negligible(source, target, transform):
                self.plan.links.append(Link(source, target, transform, tau))

    def _trace(
        self,
        node: nengo.Node,
        transform: np.ndarray,
        taus: tuple[float, ...],
        passed: tuple[nengo.Node, ...],
    ) -> Iterator[tuple[Any, np.ndarray, tuple[float, ...]]]:
        """Where a node's values come from, and what happens to them from there on.

        A source is a connection from neurons or from a node that makes values; or a
        memory, for what the host sends to it.
        """
        if node in self.states and taus:
            # another synapse follows: what is decoded is the state already
            yield from self._trace_decoded(node, transform, taus, (*passed, node))
            return
        if node in passed:
            raise ValidationError(
                f"{node} passes values on to itself, which no weights can do; give it "
                "a function, and it stays on the host",
                attr="network",
            )
        memory = self.inputs.get(node)
        sent = False
        for connection in self.into[node]:
            if memory is not None and not self._hears_chip(connection):
                sent = True
                continue
            before = transform @ _matrix(connection), _taus(connection) + taus
            if self._leads(connection):
                sources = self._trace(connection.pre_obj, *before, (*passed, node))
            else:
                sources = iter([(connection, *before)])
            for source in sources:
                if memory is None or self._comes_from_chip(source[0]):
                    yield source
                else:
                    sent = True
        if sent:
            yield memory, transform, taus

    def _leads(self, connection: nengo.Connection) -> bool:
        """Whether to look behind the node that a connection comes from."""
        return connection.pre_obj in self.from_chip or connection.pre_obj in self.inputs

    def _hears_chip(self, connection: nengo.Connection) -> bool:
        return connection.pre_obj in self.from_chip or self._comes_from_chip(connection)

    def _comes_from_chip(self, source: Any) -> bool:
        """Whether weights can take the place of this; the host gets what learns."""
        return (
            isinstance(source, nengo.Connection)
            and self._is_chip(source.pre_obj)
            and source.learning_rule_type is None
        )

    def _trace_decoded(
        self, node: nengo.Node, *arguments: Any
    ) -> Iterator[tuple[Any, np.ndarray, tuple[float, ...]]]:
        transform, taus, passed = arguments
        for connection in self.into[node]:
            if connection.pre_obj not in self.inputs:
                part = np.arange(node.size_in)[connection.post_slice]
                yield from self._trace(
                    connection.pre_obj, transform[:, part], taus, passed
                )

    def _part_inputs(self) -> None:
        """Let the host send only what does not come from the chip."""
        for memory in {feed.memory: None for feed in self.plan.feeds}:
            node = memory.input
            mixed = [c for c in self.into[node] if self._hears_chip(c)]
            if mixed:
                part = self._add_node(node.size_in, f"{node.label} from the host")
                self.plan.parts[memory] = part
                for connection in self.into[node]:
                    if connection not in mixed:
                        end = part[connection.post_slice]
                        self.plan.added.append(_copy(connection, connection.pre, end))
                    elif self._leads(connection):
                        self._add_part(connection, memory, part)

    def _add_part(
        self, connection: nengo.Connection, memory: LegendreMemory, part: nengo.Node
    ) -> None:
        """Lead to another node what a connection to a memory brings from the host."""
        # the synapse that follows is the memory's
        onwards = _matrix(connection), (*_taus(connection), memory.synapse.tau)
        found = self._trace(connection.pre_obj, *onwards, (memory.input,))
        for source, transform, taus in found:
            if not self._comes_from_chip(source):
                self.plan.added.append(_combined(source, part, transform, taus[:-1]))

    def _prune(self, around: set[nengo.Node]) -> None:
        """Leave out nodes whose values nobody on the host asks for any more."""
        removed = self.plan.removed
        kept = {p.obj for p in self.plan.network.all_probes}
        kept |= {f.memory.input for f in self.plan.feeds}
        kept |= {c.pre_obj for c in self.plan.added}
        idle = [n for n in around if n not in kept]
        while idle:
            unused = [n for n in idle if all(c in removed for c in self.out_of[n])]
            if not unused:
                break
            for node in unused:
                removed.add(node)
                removed.update(self.into[node])
            idle = [n for n in idle if n not in removed]

    def _catch_up(self, memory: LegendreMemory) -> None:
        """Make up for the step that spikes take from the chip to the host.

        The host finds the state of a step ago, and what the memory's own system makes
        of it by now.
        """
        Ad, Bd = memory.realization.step
        one = np.eye(memory.size_in)
        late = self._add_node(memory.coordinates.size_in, "state of the step before")
        before = self._add_node(memory.size_in, "input of the step before")
        for connection in self.into[memory.coordinates]:
            self.plan.removed.add(connection)
            pre = before if connection.pre_obj is memory.input else connection.pre_obj
            self._add(
                pre[connection.pre_slice],
                late[connection.post_slice],
                connection.transform,
                connection.synapse,
            )
        self._add(memory.input, before, synapse=nengo.Lowpass(0))
        self._add(late, memory.coordinates, transform=np.kron(one, Ad))
        self._add(before, memory.coordinates, transform=np.kron(one, Bd))

    def _add_node(self, size_in: int, label: str) -> nengo.Node:
        node = nengo.Node(size_in=size_in, label=label, add_to_container=False)
        self.plan.nodes.append(node)
        return node

    def _add(
        self,
        pre: Any,
        post: Any,
        transform: Any = 1.0,
        synapse: nengo.synapses.Synapse | None = None,
    ) -> None:
        self.plan.added.append(
            nengo.Connection(
                pre, post, transform=transform, synapse=synapse, add_to_container=False
            )
        )

    def _report(self) -> None:
        plan = self.plan
        for memory in plan.memories:
            n_links = sum(
                _ensemble(link.target) in memory.all_ensembles for link in plan.links
            )
            if n_links:
                plan.changes.append(
                    f"{memory}: {n_links} connections from population to population "
                    "take the place of its nodes; what is read from it is decoded "
                    "from spikes, on the host"
                )
        if self.dropped:
            times = ", ".join(f"{t:g}" for t in sorted(self.dropped))
            plan.changes.append(
                f"synapses of {times} s left out, in front of slower ones: a neuron "
                "of the chip has one"
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


def _copy(connection: nengo.Connection, pre: Any, post: Any) -> nengo.Connection:
    """A connection like this one between other ends."""
    _check_no_learning(connection)
    return nengo.Connection(
        pre,
        post,
        function=connection.function,
        transform=connection.transform,
        synapse=connection.synapse,
        solver=connection.solver,
        eval_points=connection.eval_points,
        scale_eval_points=connection.scale_eval_points,
        label=connection.label,
        seed=connection.seed,
        add_to_container=False,
    )


def _check_no_learning(connection: nengo.Connection) -> None:
    if connection.learning_rule_type is not None:
        raise ValidationError(
            f"{connection} learns, which Poisson neurons on a chip cannot, nor what "
            "goes on to it together with other values; choose nengo.LIF for its "
            "ensembles, and give the node that it goes to a function",
            attr="network",
        )


def _combined(
    source: nengo.Connection,
    target: Any,
    transform: np.ndarray,
    taus: tuple[float, ...],
) -> nengo.Connection:
    """A connection that does what a source and all that follows it do."""
    _check_no_learning(source)
    return nengo.Connection(
        source.pre_obj if _passes_on(source.pre_obj) else source.pre,
        target,
        function=source.function,
        transform=transform,
        synapse=_in_series(taus),
        solver=source.solver,
        eval_points=source.eval_points,
        scale_eval_points=source.scale_eval_points,
        label=source.label,
        add_to_container=False,
    )


def _in_series(taus: tuple[float, ...]) -> nengo.synapses.Synapse | None:
    if not taus:
        return None
    if len(taus) == 1:
        return nengo.Lowpass(taus[0])
    denominator = np.ones(1)
    for tau in taus:
        denominator = np.polymul(denominator, [tau, 1])
    return nengo.LinearFilter([1], denominator)


def _passes_on(obj: Any) -> bool:
    """Whether this is a node that only passes values on."""
    return isinstance(obj, nengo.Node) and obj.output is None


def _ensemble(end: Any) -> nengo.Ensemble | None:
    if isinstance(end, Neurons):
        return end.ensemble
    return end if isinstance(end, nengo.Ensemble) else None


def _matrix(connection: nengo.Connection) -> np.ndarray:
    """From the values of a connection's function to those of the object it goes to.

    For a node that passes values on: from all of its values.
    """
    transform = connection.transform
    if isinstance(transform, nengo.transforms.NoTransform):
        matrix = np.eye(connection.size_mid)
    elif isinstance(transform, nengo.Dense) and not isinstance(
        transform.init, nengo.dists.Distribution
    ):
        matrix = np.asarray(transform.init, dtype=float)
        if matrix.ndim < 2:
            matrix = matrix * np.eye(connection.size_mid)
    else:
        raise ValidationError(
            f"{connection} has a transform of {type(transform).__name__}, or a random "
            "one; on its way to a chip, it must be an array",
            attr="transform",
        )
    into = np.zeros((connection.post_obj.size_in, connection.size_mid))
    into[connection.post_slice] = matrix
    if not _passes_on(connection.pre_obj):
        return into
    full = np.zeros((len(into), connection.pre_obj.size_out))
    full[:, np.arange(full.shape[1])[connection.pre_slice]] = into
    return full


def _taus(connection: nengo.Connection) -> tuple[float, ...]:
    if connection.synapse is None:
        return ()
    if isinstance(connection.synapse, nengo.Lowpass):
        return (connection.synapse.tau,) if connection.synapse.tau > 0 else ()
    raise ValidationError(
        f"{connection} has the synapse {connection.synapse!r}; on its way to a chip, "
        "it must be a nengo.Lowpass or None",
        attr="synapse",
    )


def _is_negligible(
    source: nengo.Connection, target: Target, transform: np.ndarray
) -> bool:
    before = source.pre_obj
    plain = isinstance(before, nengo.Ensemble) and isinstance(target, nengo.Ensemble)
    if not plain or source.function is not None:
        return not np.any(transform)
    scale = before.radius / target.radius
    return bool(np.all(np.abs(transform) * scale < NEGLIGIBLE))
