"""Splits a network between chip and host, and the host's part before and after it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import nengo
import numpy as np
from nengo.exceptions import BuildError, ValidationError
from nengo_loihi import add_params
from nengo_loihi.passthrough import PassthroughSplit, base_obj
from nengo_loihi.splitter import HostChipSplit

from spiking_lmu.networks import LegendreMemory

from .plan import Plan
from .synapses import is_lowpass, refused_synapse


class Split:
    """Splits a network to a plan, with the interface of ``nengo_loihi.splitter.Split``.

    Values that the host computes before the chip may also go to the part after the
    chip, so most networks require no exchange in each step.
    """

    def __init__(
        self, plan: Plan, precompute: bool | None, remove_passthrough: bool
    ) -> None:
        network = self.network = plan.network
        add_params(network)
        self.hostchip = HostChipSplit(network)
        for ensemble, stand_in in plan.stand_ins.items():
            if ensemble in self.hostchip.chip_objs:
                self.hostchip.chip_objs.add(stand_in)
        on_host = [e for e in network.all_ensembles if e not in plan.chip]
        self.hostchip.chip_objs.difference_update(on_host)
        self.hostchip.host_objs.update(on_host, plan.nodes)
        for probe in network.all_probes:  # to the side of their target
            if base_obj(probe.target) in self.hostchip.host_objs:
                self.hostchip.chip_objs.discard(probe)
                self.hostchip.host_objs.add(probe)
        self.passthrough = _Passthrough(plan, self.hostchip, remove_passthrough)
        self._before = _before_the_chip(plan, self.hostchip, self.passthrough)
        if self._before is None and precompute:
            raise BuildError(
                "Cannot precompute input, as it is dependent on output: choose "
                "precompute=False or None"
            )
        self.precompute = precompute
        if precompute is None:
            self.precompute = self._before is not None

    def precomputable(self, obj: Any = None) -> bool:
        """Whether an object, or all input of the chip, is computed before the chip."""
        if obj is None or self._before is None:
            return obj is None and self._before is not None
        if isinstance(obj, nengo.Probe):
            obj = base_obj(obj.target)
        return obj in self._before

    def on_chip(self, obj: Any) -> bool:
        """Whether an object is built on the chip."""
        return self.hostchip.on_chip(obj)


class _Passthrough(PassthroughSplit):
    """Leaves the nodes of memories to the plan."""

    def __init__(self, plan: Plan, hostchip: Any, remove: bool) -> None:
        self._planned = {n for m in plan.memories for n in m.all_nodes}
        super().__init__(plan.network if remove else None, hostchip)
        gone = {obj for obj in self.to_remove if isinstance(obj, nengo.Node)}
        kept = [c for c in plan.added if gone.isdisjoint({c.pre_obj, c.post_obj})]
        self.to_remove |= plan.removed
        # a list: its order is that of the synapses
        self.to_add: list[nengo.Connection] = [
            *(plan.redirect(c) for c in self.to_add),
            *kept,
        ]

    def _split_cluster(self, cluster: Any) -> None:
        if cluster.objs.isdisjoint(self._planned):
            super()._split_cluster(cluster)


class PassthroughCheck(PassthroughSplit):
    """Refuses nodes that nengo-loihi would replace by impossible connections."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._planned = {n for m in plan.memories for n in m.all_nodes}
        super().__init__(plan.network, None)

    def _split_cluster(self, cluster: Any) -> None:
        self._already_split.add(cluster)
        from_chip = any(self._on_chip(c.pre) for c in cluster.conns_in)
        to_chip = any(self._on_chip(c.post) for c in cluster.conns_out)
        if not (from_chip and to_chip and cluster.objs.isdisjoint(self._planned)):
            return
        onwards = defaultdict(list)
        for connection in [*cluster.conns_mid, *cluster.conns_out]:
            onwards[connection.pre_obj].append(connection)
        ends, ways = [], [[connection] for connection in cluster.conns_in]
        while ways:
            way = ways.pop()
            passed = {connection.post_obj for connection in way[:-1]}
            if way[-1] in cluster.conns_out:
                ends.append(way)
            elif way[-1].post_obj in passed:
                return  # nodes in a loop stay on the host
            else:
                ways += [[*way, c] for c in onwards[way[-1].post_obj]]
        for way in ends:
            self._check(way)

    def _on_chip(self, end: Any) -> bool:
        return base_obj(end) in self._plan.chip

    def _check(self, way: list[nengo.Connection]) -> None:
        within = self._on_chip(way[0].pre) and self._on_chip(way[-1].post)
        filters = [c for c in way if c.synapse is not None]
        for connection in filters:
            if (within or len(filters) > 1) and not is_lowpass(connection):
                raise refused_synapse(
                    connection,
                    "; remove_passthrough=False leaves the nodes on the host",
                )
        for connection in way:
            transform = connection.transform
            dense = isinstance(getattr(transform, "init", None), np.ndarray)
            if not dense and not isinstance(transform, nengo.transforms.NoTransform):
                raise ValidationError(
                    f"{connection} has the transform {transform!r}; where nodes pass "
                    "values on between ensembles on the chip, it must be an array; "
                    "remove_passthrough=False leaves the nodes on the host",
                    attr="transform",
                )


def _before_the_chip(plan: Plan, hostchip: Any, passthrough: Any) -> set[Any] | None:
    """Objects to compute before the chip; None if they depend on the chip's output."""
    connections = [
        c
        for c in [*plan.network.all_connections, *passthrough.to_add]
        if c not in passthrough.to_remove
    ]
    if any(c.learning_rule is not None for c in connections):
        return None
    into = defaultdict(list)
    for connection in connections:
        into[base_obj(connection.post)].append(base_obj(connection.pre))
    frontier = [sent_from(plan, feed.memory) for feed in plan.feeds]
    frontier += [gate.node for gate in plan.gates]
    for connection in connections:
        pre, post = base_obj(connection.pre), base_obj(connection.post)
        if hostchip.on_chip(post) and not hostchip.on_chip(pre):
            frontier.append(pre)
    before: set[Any] = set()
    while frontier:
        obj = frontier.pop()
        if hostchip.on_chip(obj):
            return None
        if obj not in before:
            before.add(obj)
            frontier += into[obj]
    for connection in connections:
        pre, post = base_obj(connection.pre), base_obj(connection.post)
        crosses = pre in before and not hostchip.on_chip(post) and post not in before
        if crosses and not isinstance(connection.pre_obj, nengo.Node):
            return None
    return before


def sent_from(plan: Plan, memory: LegendreMemory) -> nengo.Node:
    """The node of the host whose values are sent to a memory."""
    return plan.parts.get(memory, memory.input)
