r"""The parallel form of a network: what is linear and fixed is computed all at once.

A network that hears sequences often begins with a part that is linear, does not learn
and does not change in time: the memory of a Legendre Memory Unit, above all. What that
part gives is the input convolved with its impulse responses,
:math:`m_t = \sum_k H_k x_{t-k}`, for all steps at once (CE 2021). If all that follows
has no memory of its own, then every step stands for itself, and the network can be
trained on single steps instead of being unrolled in time.

`split` finds out whether that is so, for any network, and takes it apart.

References
----------
N. Chilkuri, C. Eliasmith, "Parallelizing Legendre Memory Unit training", ICML 2021.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import nengo
import numpy as np
from nengo.ensemble import Neurons
from nengo.exceptions import ConfigError
from nengo.params import BoolParam
from scipy.fft import irfft, next_fast_len, rfft

from spiking_lmu.simulators import repeatable

Objects = dict[Any, None]  # an ordered set

LARGEST = 2**28  # bytes of a spectrum that is held at once


class NotParallel(Exception):
    """Why a network cannot be split; the reason, as a clause."""


@dataclass(eq=False)
class Cut:
    """A network cut where its linear part ends.

    Attributes
    ----------
    stimuli : list of nengo.Node
        Whose input is given.
    frontier : list of nengo.Node
        Where the linear part ends: the stimuli themselves, or pass-through nodes.
    linear : list of nengo.Node
        All pass-through nodes of the linear part.
    behind : list
        All other objects that matter for the probes: nodes and ensembles.
    connections : list of nengo.Connection
        Those that matter for the probes.
    """

    stimuli: list[nengo.Node]
    frontier: list[nengo.Node]
    linear: list[nengo.Node]
    behind: list[Any]
    connections: list[nengo.Connection]
    _responses: dict[tuple[int, float], Responses] = field(default_factory=dict)

    def responses(self, n_steps: int, dt: float) -> Responses:
        """Impulse responses of the linear part, as Nengo itself computes them."""
        key = (n_steps, dt)
        if key not in self._responses:
            self._responses[key] = _simulate(self, n_steps, dt)
        return self._responses[key]


@dataclass(frozen=True, eq=False)
class Responses:
    """What the linear part makes of any input.

    Attributes
    ----------
    impulse : dict of (n_steps, size, size_in) ndarray
        By pairs of a frontier node and a stimulus: the response to a one in the
        first step.
    offset : dict of (n_steps, size) ndarray
        By frontier node, what constant nodes add.
    """

    impulse: Mapping[tuple[nengo.Node, nengo.Node], np.ndarray]
    offset: Mapping[nengo.Node, np.ndarray]

    def last(
        self, node: nengo.Node, inputs: Mapping[nengo.Node, np.ndarray]
    ) -> np.ndarray:
        """What a frontier node gives in the last step, (n, size)."""
        n_steps = len(self.offset[node])
        total = self.offset[node][-1].astype(float)
        for stimulus, x in inputs.items():
            H = self.impulse[node, stimulus][:n_steps][::-1]
            flat = H.transpose(0, 2, 1).reshape(-1, H.shape[1])
            total = total + x.reshape(len(x), -1).astype(float) @ flat
        return np.atleast_2d(total)

    def all(
        self, node: nengo.Node, inputs: Mapping[nengo.Node, np.ndarray]
    ) -> np.ndarray:
        """What a frontier node gives in every step, (n, n_steps, size)."""
        n_steps, size = self.offset[node].shape
        length = next_fast_len(2 * n_steps - 1, real=True)
        n = len(next(iter(inputs.values())))
        total = np.broadcast_to(self.offset[node], (n, n_steps, size)).astype(float)
        for stimulus, x in inputs.items():
            H = rfft(self.impulse[node, stimulus], length, axis=0)
            X = rfft(np.asarray(x, dtype=float), length, axis=1)
            few = max(1, LARGEST // (16 * n * len(H)))
            for k in range(0, size, few):
                product = np.einsum("nfi,fsi->nfs", X, H[:, k : k + few])
                total[:, :, k : k + few] += irfft(product, length, axis=1)[:, :n_steps]
        return total


def split(
    network: nengo.Network,
    stimuli: Sequence[nengo.Node],
    probes: Sequence[nengo.Probe],
    trainable: Collection[Any],
) -> Cut:
    """Cut a network behind its linear part.

    Parameters
    ----------
    network : nengo.Network
    stimuli : sequence of nengo.Node
        The nodes whose input will be given.
    probes : sequence of nengo.Probe
        What is asked of the network.
    trainable : collection
        What learns: see `trainable_objects`.

    Returns
    -------
    cut : Cut

    Raises
    ------
    NotParallel
        If what is behind the linear part has a memory, or changes in time by itself.
    """
    connections, objects = _ancestors(network, probes)
    sources = {o: None for o in objects if isinstance(o, nengo.Node) and not o.size_in}
    for node in sources:
        if node not in stimuli and not isinstance(node.output, np.ndarray):
            raise NotParallel(f"{_name(node)} has an output of its own")
    linear = _linear_part(connections, objects, sources, trainable)
    behind = [o for o in objects if o not in linear and o not in sources]
    crossing = [
        c
        for c in connections
        if _owner(c.pre_obj) in (*linear, *sources) and _owner(c.post_obj) not in linear
    ]
    ends = {_owner(c.pre_obj): None for c in crossing}
    ends.update({_owner(p.obj): None for p in probes if _owner(p.obj) not in behind})
    frontier = [o for o in ends if o in linear or o in stimuli]
    inner = [c for c in connections if _owner(c.post_obj) not in linear]
    _check_without_memory(behind, inner, probes)
    constants = [o for o in sources if o not in stimuli and o in ends]
    return Cut(
        [o for o in sources if o in stimuli],
        frontier,
        list(linear),
        behind + constants,
        connections,
    )


def _ancestors(
    network: nengo.Network, probes: Sequence[nengo.Probe]
) -> tuple[list[nengo.Connection], Objects]:
    """The connections and objects that anything leads to the probes through."""
    reached: Objects = {_owner(p.obj): None for p in probes}
    into: dict[Any, list[nengo.Connection]] = {}
    for c in network.all_connections:
        into.setdefault(_owner(c.post_obj), []).append(c)
    pending = list(reached)
    while pending:
        for c in into.get(pending.pop(), ()):
            pre = _owner(c.pre_obj)
            if pre not in reached:
                reached[pre] = None
                pending.append(pre)
    # in the order of the network, whatever way was taken
    objects = {
        o: None for o in [*network.all_nodes, *network.all_ensembles] if o in reached
    }
    connections = [c for c in network.all_connections if _owner(c.post_obj) in reached]
    return connections, objects


def _owner(obj: Any) -> Any:
    """The ensemble of neurons, the connection of a learning rule; else the object."""
    if isinstance(obj, Neurons):
        return obj.ensemble
    if isinstance(obj, nengo.connection.LearningRule):
        return _owner(obj.connection.post_obj)
    return obj


def _name(obj: Any) -> str:
    return f"{type(obj).__name__} {obj.label!r}" if obj.label else str(obj)


def _linear_part(
    connections: Sequence[nengo.Connection],
    objects: Objects,
    sources: Objects,
    trainable: Collection[Any],
) -> Objects:
    """Pass-through nodes that hear nothing but sources and each other, unchanged."""
    linear = {
        o: None
        for o in objects
        if isinstance(o, nengo.Node) and o.size_in and o.output is None
    }
    into = [c for c in connections if _owner(c.post_obj) in linear]
    while True:
        lost = {
            _owner(c.post_obj)
            for c in into
            if _owner(c.post_obj) in linear
            and not (
                _is_linear(c, trainable)
                and (_owner(c.pre_obj) in linear or _owner(c.pre_obj) in sources)
            )
        }
        if not lost:
            return linear
        linear = {o: None for o in linear if o not in lost}


def _is_linear(connection: nengo.Connection, trainable: Collection[Any]) -> bool:
    return (
        connection.function is None
        and connection.learning_rule is None
        and connection not in trainable
        and (
            connection.synapse is None
            or isinstance(connection.synapse, nengo.LinearFilter)
        )
    )


def _check_without_memory(
    behind: Sequence[Any],
    connections: Sequence[nengo.Connection],
    probes: Sequence[nengo.Probe],
) -> None:
    for obj in behind:
        if isinstance(obj, nengo.Ensemble):
            kind = obj.neuron_type
            if kind.spiking or getattr(kind, "state", None) or obj.noise is not None:
                raise NotParallel(f"the neurons of {_name(obj)} have a state")
        elif obj.output is not None:
            raise NotParallel(f"{_name(obj)} has an output of its own")
    for c in connections:
        if c.synapse is not None:
            raise NotParallel(f"{_name(c)} has a synapse, which keeps a state")
        if c.learning_rule is not None:
            raise NotParallel(f"{_name(c)} has a learning rule")
    for probe in probes:
        if probe.synapse is not None:
            raise NotParallel("a probe has a synapse")


def _simulate(cut: Cut, n_steps: int, dt: float) -> Responses:
    """Run the linear part alone on an impulse of each input, one by one."""
    with nengo.Network(seed=0) as network:
        network.nodes.extend(cut.linear)
        members = set(cut.linear)
        doubles: dict[Any, nengo.Node] = {}
        for c in cut.connections:
            if c.post_obj not in members:
                continue
            if c.pre_obj in members:
                network.connections.append(c)
                continue
            if c.pre_obj not in doubles:
                known = c.pre_obj not in cut.stimuli
                value = c.pre_obj.output if known else np.zeros(c.pre_obj.size_out)
                doubles[c.pre_obj] = nengo.Node(value)
            reconnect(c, doubles[c.pre_obj], c.post_obj)
        ends = [node for node in cut.frontier if node in members]
        probes = {node: nengo.Probe(node) for node in ends}

    def run(stimulus: nengo.Node | None, k: int) -> dict[nengo.Node, np.ndarray]:
        for node in cut.stimuli:
            if node not in doubles:
                continue
            pulse = np.zeros((2, node.size_out))
            pulse[0, k] = float(node is stimulus)
            doubles[node].output = _Once(pulse[0])
        with repeatable(network, dt) as sim:
            sim.run_steps(n_steps)
            return {node: np.array(sim.data[p]) for node, p in probes.items()}

    offset = run(None, 0) if ends else {}
    impulse: dict[tuple[nengo.Node, nengo.Node], np.ndarray] = {}
    for stimulus in cut.stimuli:
        runs = [run(stimulus, k) for k in range(stimulus.size_out)] if ends else []
        for node in ends:
            columns = [r[node] - offset[node] for r in runs]
            impulse[node, stimulus] = np.stack(columns, axis=-1)
    for node in cut.frontier:
        if node in members:
            continue
        offset[node] = np.zeros((n_steps, node.size_out))
        for stimulus in cut.stimuli:
            direct = np.zeros((n_steps, node.size_out, stimulus.size_out))
            if stimulus is node:
                direct[0] = np.eye(node.size_out)
            impulse[node, stimulus] = direct
    return Responses(impulse, offset)


class _Once(nengo.Process):
    """A vector in the first step, and zeros ever after."""

    def __init__(self, value: np.ndarray) -> None:
        super().__init__(default_size_in=0, default_size_out=len(value))
        self._value = value

    def make_step(
        self, shape_in: Any, shape_out: Any, dt: float, rng: Any, state: Any
    ) -> Any:
        nothing = np.zeros_like(self._value)

        def step(t: float) -> np.ndarray:
            return self._value if t < 1.5 * dt else nothing

        return step


def reconnect(connection: nengo.Connection, pre: Any, post: Any) -> nengo.Connection:
    """The same connection between other objects, in the network that is open."""
    return nengo.Connection(
        pre[connection.pre_slice],
        post[connection.post_slice],
        transform=connection.transform,
        synapse=connection.synapse,
        function=connection.function,
        label=connection.label,
        seed=connection.seed,
    )


def configure_training(network: nengo.Network, trainable: bool | None = None) -> None:
    """Let objects be marked as trainable, for NengoDL, without importing it.

    None leaves the choice to each object, and to the enclosing networks. What
    ``nengo_dl.configure_settings(trainable=...)`` does.
    """
    network.config.configures(nengo.ensemble.Neurons)
    for kind in (nengo.Ensemble, nengo.Connection, nengo.ensemble.Neurons):
        configured = network.config[kind]
        if "trainable" in configured.extra_params:  # another time; keep what is marked
            configured.trainable = trainable
            continue
        parameter = BoolParam("trainable", trainable, optional=True)
        configured.set_param("trainable", parameter)


def trainable_objects(network: nengo.Network) -> Objects:
    """All ensembles, neurons and connections that NengoDL would train, in order.

    NengoDL trains what has weights unless some configuration says no; configurations
    of inner networks go before those of outer ones.
    """
    return {obj: None for obj, marked in _marks(network, []) if marked}


def _marks(
    network: nengo.Network, outer: list[nengo.Config]
) -> Iterator[tuple[Any, bool]]:
    configs = [*outer, network.config]
    for ensemble in network.ensembles:
        of_ensemble = _marked(configs, ensemble)
        yield ensemble, of_ensemble is not False
        of_neurons = _marked(configs, ensemble.neurons)
        yield (
            ensemble.neurons,
            (of_ensemble if of_neurons is None else of_neurons) is not False,
        )
    for connection in network.connections:
        weights = not isinstance(connection.transform, nengo.transforms.NoTransform)
        decoded = isinstance(connection.pre_obj, nengo.Ensemble)
        marked = _marked(configs, connection) is not False
        yield connection, marked and (weights or decoded)
    for inner in network.networks:
        yield from _marks(inner, configs)


def _marked(configs: Sequence[nengo.Config], obj: Any) -> bool | None:
    marked = None
    for config in configs:
        try:
            value = getattr(config[obj], "trainable", None)
        except ConfigError:
            continue
        marked = marked if value is None else bool(value)
    return marked
