"""A Nengo network as linear maps between inputs, synapses and neurons.

Nodes without a function, decoders, transforms and encoders are all linear. What a
synapse or a population of neurons receives in a step is therefore a sum of matrices,
each times the values of an input, of another synapse, or of neurons.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import nengo
import numpy as np
from nengo.builder import Model
from nengo.ensemble import Neurons
from nengo.exceptions import ValidationError
from nengo.transforms import Dense, NoTransform, Sparse

from spiking_lmu.validation import refusal

from .expectations import TimedLowpass, check_dt
from .synaptic_layers import has_neurons

#: What constant nodes and biases are multiples of.
CONSTANT = "constant"
#: Matrices by what they are applied to: an input, an ensemble's spikes or a `Filter`.
Map = dict[Any, np.ndarray]


@dataclass(frozen=True)
class Filter:
    """A lowpass synapse, or a delay of one step, on what an object receives.

    Parameters
    ----------
    post : nengo.Node, nengo.Ensemble, Neurons or Output
        The object.
    taus : tuple of float
        Time constants of the synapse, which are passed one after the other. A single 0
        is a delay of one time step.
    stage : int
        Which of them this is.
    """

    post: Any
    taus: tuple[float, ...]
    stage: int

    @property
    def tau(self) -> float:
        """The time constant in seconds; 0 for a delay of one step."""
        return self.taus[self.stage]

    @property
    def size(self) -> int:
        """The number of values."""
        return int(self.post.size_in)


@dataclass(frozen=True, eq=False)
class Output:
    """An output of the whole network: a node, neurons or a probe."""

    target: Any
    size_in: int


class Wire(NamedTuple):
    """A connection, or what leads to an output."""

    pre: Any
    pre_slice: Any
    post_slice: Any
    synapse: Any
    connection: Any


class SignalFlow:
    """The part of a network that its outputs depend on.

    Parameters
    ----------
    network : nengo.Network
    inputs : sequence of nengo.Node or None
        Nodes whose values are given from outside. By default ``network.input`` or
        ``network.stimulus``; in networks without them, all nodes that nothing connects
        to and that are not constant.
    outputs : sequence or None
        Nodes, neurons and probes. By default ``network.output``, or all probes.
    dt : float
        Time step of the simulator in seconds.
    check_neurons : callable
        Takes an ensemble, and raises an error if its neurons are none that are wanted.
    data : mapping or None
        ``sim.data`` of a simulator that has built the network, or None to build it.

    Attributes
    ----------
    inputs : list of nengo.Node
    outputs : list of Output
    ensembles : list of nengo.Ensemble
        Those of neurons, that is not of `nengo.Direct`, in the order of the network.
    """

    def __init__(
        self,
        network: nengo.Network,
        inputs: Sequence[nengo.Node] | None,
        outputs: Sequence[Any] | None,
        dt: float,
        check_neurons: Callable[[nengo.Ensemble], None],
        data: Mapping[Any, Any] | None = None,
    ) -> None:
        self.dt = dt
        self._wires: dict[Any, list[Wire]] = defaultdict(list)
        for c in network.all_connections:
            wire = Wire(c.pre_obj, c.pre_slice, c.post_slice, c.synapse, c)
            self._wires[c.post_obj].append(wire)
        if inputs is None:
            found = self._default_inputs(network)
        else:
            found = _members("inputs", inputs, network.all_nodes, "nodes")
        self.outputs = [self._output(o) for o in _outputs(network, outputs)]
        reached = self._reach(found, check_neurons)
        self.inputs = [n for n in found if inputs is not None or n in reached]
        self.ensembles = [
            e for e in network.all_ensembles if e in reached and has_neurons(e)
        ]
        if data is not None and not (
            isinstance(data, Mapping) and all(e in data for e in self.ensembles)
        ):
            allowed = "sim.data of a simulator that has built this network, or None"
            raise refusal("data", data, allowed)
        if data is None:
            model = Model(dt=dt)
            model.build(network)
            data = model.params
        self._data = data
        self._received: dict[Any, Map] = {}
        self._open: list[Any] = []

    def _default_inputs(self, network: nengo.Network) -> list[nengo.Node]:
        own = [getattr(network, name, None) for name in ("input", "stimulus")]
        own = [node for node in own if isinstance(node, nengo.Node)]
        return own or [
            node
            for node in network.all_nodes
            if not self._wires[node] and not _is_constant(node)
        ]

    def _output(self, target: Any) -> Output:
        """Make a target an output, with a wire to it."""
        if isinstance(target, nengo.Probe):
            output = Output(target, int(target.size_in))
            wire = Wire(target.obj, target.slice, None, target.synapse, target)
        else:
            output = Output(target, int(target.size_out))
            wire = Wire(target, None, None, None, None)
        self._wires[output].append(wire)
        return output

    def _reach(
        self, inputs: list[nengo.Node], check_neurons: Callable[[nengo.Ensemble], None]
    ) -> set[Any]:
        """Everything that the outputs depend on, each checked."""
        reached: set[Any] = set()
        waiting: list[Any] = [*self.outputs]
        while waiting:
            post = waiting.pop()
            if post in reached:
                continue
            reached.add(post)
            if post in inputs:
                continue
            if isinstance(post, Neurons):
                waiting.append(post.ensemble)
                continue
            if isinstance(post, nengo.Ensemble):
                if has_neurons(post):
                    check_neurons(post)
                if post.noise is not None:
                    raise refusal(f"noise of {post}", post.noise, "None")
            elif isinstance(post, nengo.Node):
                _check_node(post, bool(self._wires[post]))
            for wire in self._into(post):
                _check_wire(wire, self.dt)
                waiting.append(wire.pre)
        return reached

    def _into(self, post: Any) -> list[Wire]:
        """All that leads to an object, and to its neurons."""
        into = self._wires.get(post, [])
        if isinstance(post, nengo.Ensemble):
            return [*into, *self._wires.get(post.neurons, [])]
        return into

    def received(self, post: Any) -> Map:
        """What an object receives, the output of synapses included."""
        if post not in self._received:
            if post in self._open:
                raise refusal("network", post, "without a loop that has no synapse")
            self._open.append(post)
            total: Map = {}
            for wire in self._wires.get(post, []):
                taus = _taus(wire.synapse)
                if taus:
                    last = Filter(post, taus, len(taus) - 1)
                    total[last] = np.eye(last.size)
                else:
                    _add(total, self._through(wire, post.size_in))
            self._open.remove(post)
            self._received[post] = total
        return self._received[post]

    def into_filter(self, synapse: Filter) -> Map:
        """What a synapse receives."""
        if synapse.stage > 0:
            before = Filter(synapse.post, synapse.taus, synapse.stage - 1)
            return {before: np.eye(synapse.size)}
        total: Map = {}
        for wire in self._wires[synapse.post]:
            if _taus(wire.synapse) == synapse.taus:
                _add(total, self._through(wire, synapse.size))
        return total

    def current(self, ensemble: nengo.Ensemble) -> Map:
        """The input current of neurons, their biases included."""
        built = self._data[ensemble]
        total: Map = {CONSTANT: np.array(built.bias, dtype=float)[:, None]}
        _add(total, _times(built.scaled_encoders, self.received(ensemble)))
        gains = built.gain[:, None]
        onto = self.received(ensemble.neurons).items()
        _add(total, {source: gains * matrix for source, matrix in onto})
        return total

    def lowest_current(self, ensemble: nengo.Ensemble) -> np.ndarray | None:
        """The lowest current of neurons for values within the radius.

        None if there are connections to the neurons, whose values have no bound.
        """
        if self._wires.get(ensemble.neurons):
            return None
        built = self._data[ensemble]
        span = np.linalg.norm(built.scaled_encoders, axis=1) * ensemble.radius
        return np.asarray(built.bias - span * (1 - 1e-9))

    def _through(self, wire: Wire, size: int) -> Map:
        """What a connection gives to an object of some size, its synapse left out."""
        weights = self._weights(wire)
        decoded = has_neurons(wire.pre)
        given = {wire.pre: np.eye(wire.pre.n_neurons)} if decoded else self._out(wire)
        if weights is not None:
            given = _times(weights, given)
        if wire.post_slice is None:
            return given
        onto = np.eye(size)[wire.post_slice].reshape(-1, size).T
        return _times(onto, given)

    def _out(self, wire: Wire) -> Map:
        """The values of an object that is not decoded, those of a slice of it."""
        pre = wire.pre
        if isinstance(pre, Neurons):
            values: Map = {pre.ensemble: np.eye(pre.size_out)}
        elif pre in self.inputs:
            values = {pre: np.eye(pre.size_out)}
        elif isinstance(pre, nengo.Node) and pre.output is not None:
            values = {CONSTANT: np.ravel(pre.output)[:, None]}
        else:
            values = self.received(pre)
        if wire.pre_slice is None:
            return values
        chosen = np.eye(pre.size_out)[wire.pre_slice].reshape(-1, pre.size_out)
        return _times(chosen, values)

    def _weights(self, wire: Wire) -> np.ndarray | None:
        """The matrix of a connection, decoders included; None for the identity."""
        connection = wire.connection
        if connection is None:
            return None
        if isinstance(connection, nengo.Probe):
            if not has_neurons(wire.pre):
                return None
            # Nengo makes a connection of its own for the probe of an ensemble
            connection = next(
                c for c in self._data if getattr(c, "post_obj", None) is connection
            )
        weights = self._data[connection].weights
        if weights is None:
            return None
        if hasattr(weights, "toarray"):
            weights = weights.toarray()
        weights = np.asarray(weights, dtype=float)
        if weights.ndim < 2:
            return np.asarray(np.diag(np.broadcast_to(weights, connection.size_mid)))
        return weights


def _outputs(network: nengo.Network, outputs: Any) -> list[Any]:
    """Check the outputs, or find them."""
    if outputs is None:
        own = getattr(network, "output", None)
        return [own] if isinstance(own, nengo.Node) else list(network.all_probes)
    known = [*network.all_nodes, *network.all_probes]
    known += [e.neurons for e in network.all_ensembles]
    return _members("outputs", outputs, known, "nodes, neurons or probes")


def _members(name: str, given: Any, known: Iterable[Any], kinds: str) -> list[Any]:
    """Check that some objects are in the network, each once."""
    allowed = f"a sequence of {kinds} of the network, each once"
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise refusal(name, given, allowed)
    known = set(known)
    for k, one in enumerate(given):
        if not isinstance(one, nengo.base.NengoObject | Neurons) or one not in known:
            raise refusal(name, one, allowed)
        if one in given[:k]:
            raise refusal(name, one, allowed)
    return list(given)


def _check_node(node: nengo.Node, has_input: bool) -> None:
    """Refuse nodes that compute something, and inputs that were not given as such."""
    if node.output is None and has_input:
        return
    if node.size_in > 0 and node.output is not None:
        raise ValidationError(
            f"of {node} must be None, but is {_name(node.output)}: a function in a "
            "node cannot be written. Decode the function from an ensemble, or give the "
            "node as one of the inputs",
            attr="output",
        )
    if node.output is not None and not _is_array(node):
        raise ValidationError(
            f"must include {node}, whose output is {_name(node.output)}: values that "
            "a process or a function draws cannot be written, only be given to the "
            "network while it runs",
            attr="inputs",
        )


def _check_wire(wire: Wire, dt: float) -> None:
    """Refuse connections that are not a matrix and a synapse."""
    c = wire.connection
    if isinstance(c, nengo.Probe):
        plain = ("output", "decoded_output", "spikes")
        if c.attr not in plain or not isinstance(
            c.obj, nengo.Node | nengo.Ensemble | Neurons
        ):
            raise refusal("outputs", c, f"probes of {', '.join(plain)}")
    elif c is not None:
        if c.function is not None and not has_neurons(wire.pre):
            raise ValidationError(
                f"of {c} must be None, but is {_name(c.function)}: a function of exact "
                "values cannot be written. Decode it from an ensemble of neurons",
                attr="function",
            )
        if c.learning_rule_type is not None:
            raise ValidationError(
                f"of {c} must be None, but is {c.learning_rule_type}: learning cannot "
                "be written. Train first, and build the network with the weights",
                attr="learning_rule_type",
            )
        if not isinstance(c.transform, Dense | Sparse | NoTransform):
            allowed = "nengo.Dense or nengo.Sparse"
            raise refusal(f"transform of {c}", c.transform, allowed)
        if c.solver.weights:
            allowed = "a solver of decoders, with weights=False"
            raise refusal(f"solver of {c}", c.solver, allowed)
    if isinstance(wire.synapse, TimedLowpass):
        check_dt(dt, wire.synapse.built_for, wire.synapse.kind)
    known = (nengo.Lowpass, nengo.Alpha)
    if wire.synapse is not None and not isinstance(wire.synapse, known):
        allowed = "nengo.Lowpass, nengo.Alpha or None"
        raise refusal(f"synapse of {c}", wire.synapse, allowed)


def _taus(synapse: Any) -> tuple[float, ...]:
    """The time constants of lowpass filters in series that a synapse consists of."""
    if synapse is None:
        return ()
    return (float(synapse.tau),) * (2 if isinstance(synapse, nengo.Alpha) else 1)


def _is_array(node: nengo.Node) -> bool:
    return node.size_in == 0 and isinstance(node.output, np.ndarray)


def _is_constant(node: nengo.Node) -> bool:
    """Whether a node is constant, and not a placeholder for data, which is 0."""
    return _is_array(node) and bool(np.any(node.output))


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or str(function)


def _times(matrix: np.ndarray, values: Map) -> Map:
    return {source: matrix @ other for source, other in values.items()}


def _add(total: Map, more: Map) -> None:
    for source, matrix in more.items():
        total[source] = total[source] + matrix if source in total else matrix
