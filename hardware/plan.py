"""The plan of a network on a chip, complete before anything is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import nengo
import numpy as np
from nengo.base import ObjView
from nengo.builder.ensemble import gen_eval_points
from nengo.dists import Distribution
from nengo.ensemble import Neurons
from nengo.exceptions import ValidationError

from spiking_lmu.decoders import PoissonL2
from spiking_lmu.networks import LegendreMemory

from .stochastic import ChipPoisson, rate_height

Target: TypeAlias = nengo.Ensemble | Neurons


class Key(NamedTuple):
    """Identifies a synapse between two groups of neurons."""

    pre: Target
    post: Target
    tau: float
    state: bool


@dataclass(frozen=True, eq=False)
class Link:
    """Weights from neurons to neurons, through one synapse.

    Attributes
    ----------
    source : nengo.Connection
        The connection whose function is decoded; `transform` applies to its values.
    target : nengo.Ensemble or nengo.ensemble.Neurons
    transform : (target.size_in, source.size_mid) ndarray
    tau : float
        In seconds.
    state : bool
        Whether it is a part of the state that a population of a memory holds.
    own : bool
        Whether it feeds a coordinate of a memory back to itself. There is one such
        link for each coordinate.
    """

    source: nengo.Connection
    target: Target
    transform: np.ndarray
    tau: float
    state: bool = False
    own: bool = False

    @property
    def key(self) -> Key:
        """Links of one key share their synapses."""
        return Key(self.source.pre_obj, self.target, self.tau, self.state)


@dataclass(frozen=True, eq=False)
class Feed:
    """A signal that the host sends to neurons, as spikes.

    Attributes
    ----------
    memory : LegendreMemory
        The memory with this input; its expected input is the range of the code.
    target : nengo.Ensemble or nengo.ensemble.Neurons
    transform : (target.size_in, memory.size_in) ndarray
    tau : float
        In seconds.
    state : bool
        As for `Link`.
    """

    memory: LegendreMemory
    target: Target
    transform: np.ndarray
    tau: float
    state: bool = False


@dataclass(frozen=True, eq=False)
class Gate:
    """Values that the host adds to the currents of neurons of a memory.

    Attributes
    ----------
    node : nengo.Node
        The node with the values, on the host.
    target : nengo.Ensemble or nengo.ensemble.Neurons
    transform : (target.size_in, node.size_in) ndarray
    tau : float
        Time constant of these neurons' synapse, in seconds, for which the host
        compensates.
    """

    node: nengo.Node
    target: Target
    transform: np.ndarray
    tau: float


@dataclass(eq=False)
class Plan:
    """A plan of a network on a chip.

    `preparation.prepare` makes it; `building.build_network` builds to it.

    Attributes
    ----------
    network : nengo.Network
    memories : list of LegendreMemory
    chip : list of nengo.Ensemble
        Ensembles of the network with neurons on the chip.
    stand_ins : dict of nengo.Ensemble
        Ensembles that replace those whose neurons the chip does not have.
    links : list of Link
    feeds : list of Feed
    gates : list of Gate
    parts : dict of nengo.Node
        For each memory with inputs from both chip and host, a node that sums those from
        the host.
    nodes : list of nengo.Node
        All added nodes, the parts included.
    disturbed : set of nengo.Ensemble
        Ensembles on the chip although one synapse for all their inputs changes these.
    removed : set
        Nodes and connections that are not built.
    added : list of nengo.Connection
        Connections that replace the removed ones.
    origins : dict of nengo.Connection
        For each added connection, the connection of the network that it derives from.
    replaced : dict of nengo.Connection
        For connections of the network, copies that differ only in their ends.
    seeds, seeded : dict
        Nengo's seeds of all objects of the network.
    changes : list of str
        Differences between the network and its version on the chip, one sentence each.
    """

    network: nengo.Network
    memories: list[LegendreMemory]
    chip: list[nengo.Ensemble]
    stand_ins: dict[nengo.Ensemble, nengo.Ensemble] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    feeds: list[Feed] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    parts: dict[LegendreMemory, nengo.Node] = field(default_factory=dict)
    nodes: list[nengo.Node] = field(default_factory=list)
    disturbed: set[nengo.Ensemble] = field(default_factory=set)
    removed: set[Any] = field(default_factory=set)
    added: list[nengo.Connection] = field(default_factory=list)
    origins: dict[nengo.Connection, nengo.Connection] = field(default_factory=dict)
    replaced: dict[nengo.Connection, nengo.Connection] = field(default_factory=dict)
    seeds: dict[Any, int] = field(default_factory=dict)
    seeded: dict[Any, bool] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether the plan differs from what nengo-loihi alone would build."""
        ours = any(_is_built_by_us(e.neuron_type) for e in self.chip)
        return bool(self.memories or self.stand_ins or ours)

    def on_chip(self, end: Any) -> Any:
        """The ensemble, or neurons, on the chip for one of the network."""
        stand_in = self.stand_ins.get(ensemble_of(end))
        if stand_in is None:
            return end
        return stand_in.neurons if isinstance(end, Neurons) else stand_in

    def redirect(self, connection: nengo.Connection) -> nengo.Connection:
        """The connection itself, or a copy of it between stand-ins."""
        pre, post = self._end(connection.pre), self._end(connection.post)
        if pre is connection.pre and post is connection.post:
            return connection
        if connection not in self.replaced:
            new = self.replaced[connection] = copy_connection(connection, pre, post)
            solver = new.solver
            if isinstance(solver, PoissonL2) and isinstance(pre, nengo.Ensemble):
                # spikes of a stand-in may have another height
                height = rate_height(pre.neuron_type)
                new.solver = PoissonL2(solver.noise_tau, solver.weights, height)
            self.origins[new] = self.origins.get(connection, connection)
        return self.replaced[connection]

    def sample(self, connection: nengo.Connection) -> np.ndarray:
        """The transform of a connection, from the same random numbers as in Nengo."""
        if isinstance(connection.transform, nengo.transforms.NoTransform):
            return np.array(1.0)
        origin = self.origins.get(connection, connection)
        rng, pre = np.random.RandomState(self.seeds.get(origin)), connection.pre_obj
        if isinstance(pre, nengo.Ensemble) and isinstance(
            connection.eval_points, Distribution
        ):
            gen_eval_points(
                pre, connection.eval_points, rng, connection.scale_eval_points
            )
        return connection.transform.sample(rng=rng)

    def matrix(self, connection: nengo.Connection) -> np.ndarray:
        """The matrix from the values of a connection's function to its target.

        If the connection starts at a node that passes values on, it is the matrix from
        all values of that node.
        """
        transform = connection.transform
        if isinstance(transform, nengo.transforms.NoTransform):
            matrix = np.eye(connection.size_mid)
        elif isinstance(transform, nengo.Dense):
            matrix = self.sample(connection)
            if matrix.ndim < 2:
                matrix = matrix * np.eye(connection.size_mid)
        else:
            raise ValidationError(
                f"{connection} has a transform of {type(transform).__name__}; on its "
                "way to a chip, it must be an array or a distribution",
                attr="transform",
            )
        into = np.zeros((connection.post_obj.size_in, connection.size_mid))
        into[connection.post_slice] = matrix
        if not passes_on(connection.pre_obj):
            return into
        full = np.zeros((len(into), connection.pre_obj.size_out))
        full[:, np.arange(full.shape[1])[connection.pre_slice]] = into
        return full

    def _end(self, end: Any) -> Any:
        if isinstance(end, ObjView):
            obj = self.on_chip(end.obj)
            return end if obj is end.obj else obj[end.slice]
        return self.on_chip(end)


def _is_built_by_us(neuron_type: nengo.neurons.NeuronType) -> bool:
    """Whether nengo-loihi lacks such neurons, or decodes them other than Nengo does."""
    if isinstance(neuron_type, nengo.RegularSpiking):
        return neuron_type.amplitude != 1
    return isinstance(neuron_type, ChipPoisson)


def copy_connection(
    connection: nengo.Connection, pre: Any, post: Any
) -> nengo.Connection:
    """A copy of a connection between other ends."""
    check_no_learning(connection)
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


def ensemble_of(end: Any) -> nengo.Ensemble | None:
    """The ensemble that an end of a connection belongs to, if it is of neurons."""
    if isinstance(end, Neurons):
        return end.ensemble
    return end if isinstance(end, nengo.Ensemble) else None


def passes_on(obj: Any) -> bool:
    """Whether this is a node that only passes values on."""
    return isinstance(obj, nengo.Node) and obj.output is None


def check_no_learning(connection: nengo.Connection) -> None:
    """Refuse to replace a connection that learns, since a copy would not learn."""
    if connection.learning_rule_type is not None:
        raise ValidationError(
            f"{connection} learns. On the chip, Poisson neurons cannot learn, nor can "
            "connections through nodes that only pass values on; choose nengo.LIF for "
            "its ensembles, and give the node at its end a function",
            attr="network",
        )
