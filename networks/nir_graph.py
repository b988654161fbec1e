"""From the linear maps of a network to nodes and edges of a NIR graph."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.validation import refusal

from .signal_flow import CONSTANT, Filter, Map, SignalFlow


@dataclass(frozen=True, eq=False)
class Group:
    """Inputs, synapses, neurons or outputs that are one node of the graph.

    Parameters
    ----------
    name : str
        The name of the node.
    parts : dict of slice
        The members, and which values of the node are theirs.
    """

    name: str
    parts: dict[Any, slice]

    @property
    def size(self) -> int:
        """Number of values."""
        return max(part.stop for part in self.parts.values())

    @property
    def first(self) -> Any:
        """A member; all have the same time constants."""
        return next(iter(self.parts))


class Graph:
    """Nodes and edges of a NIR graph.

    Parameters
    ----------
    nir : module
    flow : SignalFlow
    integrator : str
        As for `to_nir`.

    Attributes
    ----------
    nodes : dict
    edges : list of tuple of str
    input, output : Group
    """

    def __init__(self, nir: Any, flow: SignalFlow, integrator: str) -> None:
        self.nir, self.flow, self.dt = nir, flow, flow.dt
        self.integrator = integrator
        self.currents = {e: flow.current(e) for e in flow.ensembles}
        self.answers = {output: flow.received(output) for output in flow.outputs}
        self.filters = _filters(flow, [*self.currents.values(), *self.answers.values()])
        if not flow.outputs:
            raise refusal("outputs", [], "at least one node, probe or neurons")
        if not flow.inputs:
            raise refusal("inputs", [], "at least one that the outputs depend on")
        self.input = _groups("input", {n: n.size_out for n in flow.inputs})[0]
        self.output = _groups("output", {o: o.size_in for o in flow.outputs})[0]
        self.synapses = _groups(
            "synapse",
            {f: f.size for f in self.filters},
            {f: f.tau for f in self.filters},
        )
        self.neurons: list[Group] = []
        self.nodes = {
            "input": nir.Input(np.array([self.input.size])),
            "output": nir.Output(np.array([self.output.size])),
        }
        self.edges: list[tuple[str, str]] = []

    def connect_nodes(self) -> float:
        """Connect all, with synapses as nodes; none is left out, so the result is 0."""
        self._group_neurons({})
        for group in self.synapses:
            self.nodes[group.name] = self._synapse(group)
        for group in self.neurons:
            self.nodes[group.name], scale = self._neurons(group)
            self._connect(group, self.currents, scale)
        for group in self.synapses:
            self._connect(group, self.filters)
        self._connect(self.output, self.answers)
        return 0.0

    def connect_neurons(self, form: str) -> float:
        """Connect all, with synapses in neurons; the time constant that is left out."""
        taus = {e: self._tau_syn(e) for e in self.currents}
        for source in self.filters.values():
            if any(isinstance(s, Filter) for s in source):
                raise _needs_li("synapses that follow one another")
        self._group_neurons(taus)
        tau = self._tau_out()
        for group in self.neurons:
            self.nodes[group.name], scale = self._cuba(group, taus[group.first])
            if form == "CubaLIF-full":
                self._connect(group, self._multiplied(self.currents), scale)
            else:
                self._connect_through(group, self.currents, scale)
        if form == "CubaLIF-full":
            self._connect(self.output, self._multiplied(self.answers))
        else:
            self._connect_through(self.output, self.answers)
        return tau

    def _group_neurons(self, taus: Mapping[nengo.Ensemble, float]) -> None:
        levels: dict[nengo.Ensemble, int] = {}
        for ensemble in self.currents:
            _find_level(ensemble, self.currents, levels, ())
        kinds = {
            e: (
                type(e.neuron_type).__name__,
                getattr(e.neuron_type, "tau_rc", 0.0),
                levels[e],
                taus.get(e, 0.0),
            )
            for e in self.currents
        }
        self.neurons = _groups("neurons", {e: e.n_neurons for e in kinds}, kinds)

    def _tau_syn(self, ensemble: nengo.Ensemble) -> float:
        """The time constant of all synapses of an ensemble, which must be one."""
        sources = [s for s in self.currents[ensemble] if s is not CONSTANT]
        if not all(isinstance(s, Filter) and s.tau > 0 for s in sources):
            raise _needs_li(f"connections to {ensemble} without a lowpass synapse")
        return self._one_tau({s.tau for s in sources}, ensemble)

    def _tau_out(self) -> float:
        """The time constant of all synapses of the outputs, which must be one."""
        sources = [s for answer in self.answers.values() for s in answer]
        taus = [
            s.tau if isinstance(s, Filter) else 0.0
            for s in sources
            if s is not CONSTANT
        ]
        return self._one_tau(set(taus), "the outputs")

    def _one_tau(self, taus: set[float], post: Any) -> float:
        if len(taus) != 1:
            listed = ", ".join(f"{tau:g} s" for tau in sorted(taus)) or "none"
            raise _needs_li(f"several time constants of synapses to {post} ({listed})")
        return taus.pop()

    def _multiplied(self, equations: Mapping[Any, Map]) -> dict[Any, Map]:
        """The same with what synapses receive in the place of what they give."""
        result: dict[Any, Map] = {}
        for post, equation in equations.items():
            total: Map = {}
            for source, matrix in equation.items():
                inner = self.filters.get(source)
                more = {source: matrix}
                if inner is not None:
                    more = {s: matrix @ other for s, other in inner.items()}
                for s, other in more.items():
                    total[s] = total.get(s, 0) + other
            result[post] = total
        return result

    def _connect(
        self, post: Group, equations: Mapping[Any, Map], scale: float = 1.0
    ) -> None:
        """Add the matrices to a node, each between it and a node that they apply to."""
        self._join(self._matrices(post, equations, scale), post)

    def _connect_through(
        self, post: Group, equations: Mapping[Any, Map], scale: float = 1.0
    ) -> None:
        """The same where synapses are no nodes: matrices follow upon matrices."""
        before: dict[str, list[str]] = {}
        for group in self.synapses:
            prefix = f"_to_{group.name}"
            known = [name for name in self.nodes if name.endswith(prefix)]
            before[group.name] = known or self._matrices(group, self.filters)
        self._join(self._matrices(post, equations, scale, before), post)

    def _join(self, names: list[str], post: Group) -> None:
        """Add edges to a group; only one to the output, since some importers ask so."""
        if post is self.output and len(names) > 1:
            self.nodes["sum"] = self.nir.Linear(np.eye(post.size))
            self.edges += [(name, "sum") for name in names]
            names = ["sum"]
        self.edges += [(name, post.name) for name in names]

    def _matrices(
        self,
        post: Group,
        equations: Mapping[Any, Map],
        scale: float = 1.0,
        before: Mapping[str, list[str]] | None = None,
    ) -> list[str]:
        """Add nodes with matrices to a group, and edges to them; return their names."""
        constant = np.zeros(post.size)
        for member, part in post.parts.items():
            if CONSTANT in equations[member]:
                constant[part] = scale * equations[member][CONSTANT][:, 0]
        names = []
        matrices = {
            group.name: scale * self._assembled(post, group, equations)
            for group in (self.input, *self.synapses, *self.neurons)
        }
        used = [name for name, matrix in matrices.items() if np.any(matrix)]
        # a constant needs something that it is added to
        for k, source in enumerate(used or ["input"]):
            name = f"{source}_to_{post.name}"
            if k == 0 and (post in self.neurons or np.any(constant)):
                self.nodes[name] = self.nir.Affine(matrices[source], constant)
            else:
                self.nodes[name] = self.nir.Linear(matrices[source])
            sources = (before or {}).get(source, [source])
            self.edges += [(one, name) for one in sources]
            names.append(name)
        return names

    def _assembled(
        self, post: Group, pre: Group, equations: Mapping[Any, Map]
    ) -> np.ndarray:
        """The matrix from one group to another; spikes of NIR are ones."""
        matrix = np.zeros((post.size, pre.size))
        for member, rows in post.parts.items():
            for source, values in equations[member].items():
                if source in pre.parts:
                    height = 1.0
                    if isinstance(source, nengo.Ensemble):
                        height = source.neuron_type.amplitude / self.dt
                    matrix[rows, pre.parts[source]] = height * values
        return matrix

    def _share(self, tau: float) -> float:
        """How much of the way to its input a filter goes in one step."""
        return float(-np.expm1(-self.dt / tau))

    def _tau(self, tau: float) -> float:
        """A time constant for the integrator of the target."""
        return self.dt / self._share(tau) if self.integrator == "euler" else tau

    def _synapse(self, group: Group) -> Any:
        ones, tau = np.ones(group.size), group.first.tau
        if tau == 0:
            return self.nir.Delay(self.dt * ones)
        return self.nir.LI(self._tau(tau) * ones, ones, 0 * ones)

    def _neurons(self, group: Group) -> tuple[Any, float]:
        """Neurons, and the factor that their input has."""
        ones, kind = np.ones(group.size), group.first.neuron_type
        if isinstance(kind, nengo.LIF):
            tau = self._tau(kind.tau_rc) * ones
            return self.nir.LIF(tau, ones, 0 * ones, ones, 0 * ones), 1.0
        # a current for each step, since some simulators leave out r and the step
        return self.nir.IF(ones / self.dt, ones, 0 * ones), self.dt

    def _cuba(self, group: Group, tau_syn: float) -> tuple[Any, float]:
        """Neurons with a synapse inside, and the factor that their input has.

        Some simulators ask for r = tau_mem / dt: then each current of a step adds to
        the voltage as it is, and so does each input to the current.
        """
        ones, tau_rc = np.ones(group.size), group.first.neuron_type.tau_rc
        shares = self._share(tau_syn), self._share(tau_rc)
        node = self.nir.CubaLIF(
            tau_syn=self._tau(tau_syn) * ones,
            tau_mem=self._tau(tau_rc) * ones,
            r=ones / shares[1],
            v_leak=0 * ones,
            v_threshold=ones,
            v_reset=0 * ones,
            w_in=ones / shares[0],
        )
        return node, shares[0] * shares[1]


def labels(group: Group) -> str:
    """The members of a group with first and last index, as JSON."""
    return json.dumps(
        [[_label(one), part.start, part.stop - 1] for one, part in group.parts.items()]
    )


def _label(member: Any) -> str:
    target = getattr(member, "target", member)  # of an output
    return str(getattr(target, "label", None) or target)


def _needs_li(problem: str) -> ValidationError:
    return ValidationError(
        f'must be "LI", since neurons with a synapse inside cannot have {problem}',
        attr="form",
    )


def _filters(flow: SignalFlow, equations: list[Map]) -> dict[Filter, Map]:
    """All synapses that appear in some equations, and what they receive."""
    found: dict[Filter, Map] = {}
    waiting = list(equations)
    while waiting:
        for source in waiting.pop(0):
            if isinstance(source, Filter) and source not in found:
                found[source] = flow.into_filter(source)
                waiting.append(found[source])
    return found


def _find_level(
    ensemble: nengo.Ensemble,
    currents: Mapping[nengo.Ensemble, Map],
    levels: dict[nengo.Ensemble, int],
    way: tuple[nengo.Ensemble, ...],
) -> int:
    """How many ensembles come before one in the same step, without a synapse.

    Ensembles of one level can be one node: none of them receives spikes of another at
    once.
    """
    if ensemble in way:
        raise refusal("network", ensemble, "without a loop that has no synapse")
    if ensemble not in levels:
        before = [s for s in currents[ensemble] if isinstance(s, nengo.Ensemble)]
        way = (*way, ensemble)
        deep = [_find_level(s, currents, levels, way) for s in before]
        levels[ensemble] = 1 + max(deep, default=-1)
    return levels[ensemble]


def _groups(
    name: str, sizes: Mapping[Any, int], kinds: Mapping[Any, Hashable] | None = None
) -> list[Group]:
    """Members of one kind side by side, in the given order."""
    members: dict[Hashable, list[Any]] = {}
    for member in sizes:
        kind = None if kinds is None else kinds[member]
        members.setdefault(kind, []).append(member)
    groups = []
    for k, several in enumerate(members.values()):
        ends = np.cumsum([sizes[member] for member in several])
        parts = {
            member: slice(int(end) - sizes[member], int(end))
            for member, end in zip(several, ends)
        }
        groups.append(Group(name if len(members) == 1 else f"{name}_{k}", parts))
    return groups
