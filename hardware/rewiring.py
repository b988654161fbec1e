"""Replaces nodes that pass values on by weights from neurons to neurons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import nengo
import numpy as np
from nengo.ensemble import Neurons
from nengo.exceptions import ValidationError

from spiking_lmu.networks import LegendreMemory

from .plan import (
    Feed,
    Gate,
    Link,
    Plan,
    Target,
    check_no_learning,
    copy_connection,
    ensemble_of,
    passes_on,
)
from .synapses import (
    NEGLIGIBLE_FILTER,
    Synapses,
    in_series,
    share_of_change,
    taus_of,
)

# relative to the radii, the chip's weights cannot represent less than this
NEGLIGIBLE = 1e-5


class Rewiring:
    """Finds the weights that replace the nodes of memories on the chip.

    It traces values backwards from neurons on the chip, through the nodes that pass
    them on, to the neurons and inputs at their origin.
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
        self.states = {m.encoded for m in self.on_chip}
        self.decoded = {node for m in self.on_chip for node in m.decoded}
        self.holders = {e: m for m in self.on_chip for e in m.ensembles}
        self.synapses = Synapses(plan)
        self.by_host = self.synapses.by_host
        self.from_chip = self._reached_from_chip()
        for memory in self.on_chip:
            self._keep_synapses(memory)
        self.from_chip = self._reached_from_chip()

    def apply(self) -> None:
        """Add the weights to the plan, and remove what they replace."""
        around = self._around_memories()
        for connection in self.plan.network.all_connections:
            from_node = connection.pre_obj in around and self._leads(connection)
            if from_node and self._is_chip(connection.post_obj):
                self._rewire(connection)
            elif ensemble_of(connection.post_obj) in self.holders:
                self._rewire_direct(connection)
        self._part_inputs()
        self._prune(around)
        for memory in self.on_chip:
            if memory.encoded not in self.plan.removed:
                self._catch_up(memory)

    def _around_memories(self) -> set[nengo.Node]:
        """Nodes that pass values on and are connected with those of a memory."""
        found: set[nengo.Node] = set()
        frontier = [n for m in self.plan.memories for n in m.all_nodes]
        while frontier:
            node = frontier.pop()
            if node not in found and passes_on(node):
                found.add(node)
                frontier += [c.pre_obj for c in self.into[node]]
                frontier += [c.post_obj for c in self.out_of[node]]
        return found

    def _reached_from_chip(self) -> set[nengo.Node]:
        """Nodes that pass on values of neurons on the chip, maybe with other values."""
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
            if passes_on(node) and node not in found and node not in stay:
                found.add(node)
                onwards = [c for c in self.out_of[node] if c not in self.by_host]
                frontier += [c.post_obj for c in onwards]
        return found

    def _is_chip(self, end: Any) -> bool:
        return ensemble_of(end) in self.chip

    def _rewire(self, connection: nengo.Connection) -> None:
        """Replace a connection from a node to neurons on the chip."""
        target = connection.post_obj
        self.plan.removed.add(connection)
        holder = self.holders.get(ensemble_of(target))
        state = holder is not None and connection.pre_obj is holder.encoded
        found: dict[tuple[Any, float], Any] = defaultdict(float)
        for source, transform, taus in self._trace(
            connection.pre_obj, self.plan.matrix(connection), taus_of(connection), ()
        ):
            if isinstance(source, LegendreMemory) or self._comes_from_chip(source):
                tau = self.synapses.one_of(taus, target, holder)
                found[source, tau] = found[source, tau] + transform
            elif holder is not None:
                self._add_gate(source, target, transform, in_series(taus), holder)
            else:
                self._add_combined(source, target, transform, in_series(taus))
        for (source, tau), transform in found.items():
            if isinstance(source, LegendreMemory):
                self.plan.feeds.append(Feed(source, target, transform, tau, state))
                continue
            own = source.pre_obj is target and source.post_obj in self.decoded
            if own or not _is_negligible(source, target, transform):
                self.plan.links.append(Link(source, target, transform, tau, state, own))

    def _rewire_direct(self, connection: nengo.Connection) -> None:
        """Replace a connection to neurons of a memory that does not use its nodes."""
        target = connection.post_obj
        holder = self.holders[ensemble_of(target)]
        solved = connection.solver.weights and isinstance(target, nengo.Ensemble)
        if solved or connection.learning_rule_type is not None:
            return
        if self._is_chip(connection.pre_obj):
            self.plan.removed.add(connection)
            tau = self.synapses.one_of(taus_of(connection), target, holder)
            transform = self.plan.matrix(connection)
            self.plan.links.append(Link(connection, target, transform, tau))
        elif not isinstance(connection.pre_obj, Neurons):
            self.plan.removed.add(connection)
            transform, synapse = self.plan.matrix(connection), connection.synapse
            self._add_gate(connection, target, transform, synapse, holder)

    def _add_gate(
        self,
        source: nengo.Connection,
        target: Target,
        transform: np.ndarray,
        synapse: nengo.synapses.Synapse | None,
        holder: LegendreMemory,
    ) -> None:
        """Let the host add to the currents of neurons of a memory."""
        node = self._add_node(transform.shape[1], f"gate of {ensemble_of(target)}")
        self._add_combined(source, node, 1.0, synapse)
        self.plan.gates.append(Gate(node, target, transform, holder.synapse.tau))

    def _keep_synapses(self, memory: LegendreMemory) -> None:
        """Find connections that must pass through the host to keep their synapse.

        Values from the chip could go to the memory directly, but only through the
        memory's own synapse.
        """
        frontier, seen = [memory.input], set()
        while frontier:
            node = frontier.pop()
            seen.add(node)
            for connection in self.into[node]:
                pre = connection.pre_obj
                if not self._leads(connection) and not self._carries_chip(connection):
                    continue
                share = share_of_change(memory, taus_of(connection), ())
                if share > NEGLIGIBLE_FILTER:
                    self.by_host[connection] = share
                elif passes_on(pre) and pre not in seen and pre not in self.states:
                    frontier.append(pre)

    def _trace(
        self,
        node: nengo.Node,
        transform: np.ndarray,
        taus: tuple[float, ...],
        passed: tuple[tuple[nengo.Node, bool], ...],
    ) -> Iterator[tuple[Any, np.ndarray, tuple[float, ...]]]:
        """The sources of a node's values, with transforms and synapses on the way.

        A source is a connection from neurons or from a node with an output of its own;
        or a memory, for the input that the host sends to it.
        """
        here = node, bool(taus)  # a memory may occur without a synapse, then with one
        if node in self.states and taus:
            # another synapse follows: the decoded values already are the state
            yield from self._trace_decoded(node, transform, taus, (*passed, here))
            return
        if here in passed:
            raise ValidationError(
                f"{node} passes values on to itself, which weights cannot do; give it "
                "a function to leave it on the host",
                attr="network",
            )
        memory = self.inputs.get(node)
        sent = False
        for connection in self.into[node]:
            if memory is not None and not self._carries_chip(connection):
                sent = True
                continue
            matrix = transform @ self.plan.matrix(connection)
            before = matrix, taus_of(connection) + taus
            if self._leads(connection):
                sources = self._trace(connection.pre_obj, *before, (*passed, here))
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
        """Whether to trace values beyond the node that a connection starts at."""
        pre = connection.pre_obj
        known = pre in self.from_chip or pre in self.inputs
        return known and connection not in self.by_host

    def _carries_chip(self, connection: nengo.Connection) -> bool:
        if connection in self.by_host:
            return False
        return connection.pre_obj in self.from_chip or self._comes_from_chip(connection)

    def _comes_from_chip(self, source: Any) -> bool:
        """Whether weights can replace this connection; learning requires the host."""
        return (
            isinstance(source, nengo.Connection)
            and self._is_chip(source.pre_obj)
            and source.learning_rule_type is None
            and source not in self.by_host
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
        """Restrict the input from the host to values that do not come from the chip."""
        for memory in {feed.memory: None for feed in self.plan.feeds}:
            node = memory.input
            mixed = [c for c in self.into[node] if self._carries_chip(c)]
            if mixed:
                part = self._add_node(node.size_in, f"{node.label} from the host")
                self.plan.parts[memory] = part
                for connection in self.into[node]:
                    if connection not in mixed:
                        end = part[connection.post_slice]
                        new = copy_connection(connection, connection.pre, end)
                        self.plan.origins[new] = connection
                        self.plan.added.append(new)
                    elif self._leads(connection):
                        self._add_part(connection, memory, part)

    def _add_part(
        self, connection: nengo.Connection, memory: LegendreMemory, part: nengo.Node
    ) -> None:
        """Redirect the host's share of a connection to a memory to another node."""
        # the memory's own synapse follows
        taus = (*taus_of(connection), memory.synapse.tau)
        found = self._trace(
            connection.pre_obj,
            self.plan.matrix(connection),
            taus,
            ((memory.input, True),),
        )
        for source, transform, taus in found:
            if not self._comes_from_chip(source):
                self._add_combined(source, part, transform, in_series(taus[:-1]))

    def _prune(self, around: set[nengo.Node]) -> None:
        """Remove nodes whose values are no longer used on the host."""
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
        """Compensate for the step that spikes take from the chip to the host.

        The host computes the state of the step before, and advances it by one step of
        the memory's system.
        """
        Ad, Bd = memory.realization.step
        one = np.eye(memory.size_in)
        late = self._add_node(memory.encoded.size_in, "state of the step before")
        before = self._add_node(memory.size_in, "input of the step before")
        for connection in self.into[memory.encoded]:
            self.plan.removed.add(connection)
            pre = before if connection.pre_obj is memory.input else connection.pre_obj
            new = self._add(
                pre[connection.pre_slice],
                late[connection.post_slice],
                connection.transform,
                # the code for the chip warns of inputs that are too large
                memory.synapse if pre is before else connection.synapse,
            )
            self.plan.origins[new] = connection
        self._add(memory.input, before, synapse=nengo.Lowpass(0))
        self._add(late, memory.encoded, transform=np.kron(one, Ad))
        self._add(before, memory.encoded, transform=np.kron(one, Bd))

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
    ) -> nengo.Connection:
        new = nengo.Connection(
            pre, post, transform=transform, synapse=synapse, add_to_container=False
        )
        self.plan.added.append(new)
        return new

    def _add_combined(
        self,
        source: nengo.Connection,
        target: Any,
        transform: Any,
        synapse: nengo.synapses.Synapse | None,
    ) -> None:
        """Add a connection that combines a source with all that follows it."""
        check_no_learning(source)
        new = nengo.Connection(
            source.pre_obj if passes_on(source.pre_obj) else source.pre,
            target,
            function=source.function,
            transform=transform,
            synapse=synapse,
            solver=source.solver,
            eval_points=source.eval_points,
            scale_eval_points=source.scale_eval_points,
            label=source.label,
            add_to_container=False,
        )
        self.plan.origins[new] = source
        self.plan.added.append(new)

    def report(self) -> None:
        """Add to the plan's changes what replaces the nodes of memories."""
        plan = self.plan
        for memory in plan.memories:
            n_links = sum(
                ensemble_of(link.target) in memory.all_ensembles for link in plan.links
            )
            if n_links:
                plan.changes.append(
                    f"{memory}: {n_links} connections from population to population "
                    "replace its nodes; the host decodes its output from spikes"
                )
        self.synapses.report()


def _is_negligible(
    source: nengo.Connection, target: Target, transform: np.ndarray
) -> bool:
    before = source.pre_obj
    plain = isinstance(before, nengo.Ensemble) and isinstance(target, nengo.Ensemble)
    if not plain or source.function is not None:
        return not np.any(transform)
    scale = before.radius / target.radius
    return bool(np.all(np.abs(transform) * scale < NEGLIGIBLE))
