"""The two forms in which NengoDL trains a network: parallel, and unrolled in time.

Each is a flat network that shares its objects with the user's: nothing is copied, and
the user's network stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import nengo
import numpy as np
from nengo.ensemble import Neurons
from nengo.exceptions import ValidationError

from spiking_lmu.compatibility import require
from spiking_lmu.simulators import precision_kept
from spiking_lmu.validation import check_choice, check_number

from .parallel import (
    Cut,
    NotParallel,
    Responses,
    configure_training,
    reconnect,
    split,
    trainable_objects,
)

FORMS = ("auto", "parallel", "sequential")
SMALLEST = 1e-4  # of what entries are divided by, relative to the largest of a node
CHUNK = 2**27  # bytes of the linear part's output that are computed together

Arrays = dict[Any, np.ndarray]


@dataclass(eq=False)
class Form:
    """A network as NengoDL is to run it.

    Attributes
    ----------
    network : nengo.Network
    entries : dict of nengo.Node
        The nodes that take data, by the nodes of the user's network that they stand
        for: the stimuli, or where the linear part ends.
    probes : dict of nengo.Probe
        By the user's probes.
    stand_ins : dict
        By objects of the user's network, the connections that stand for them.
    masks : dict of nengo.Node
        By ensemble, where its dropout mask goes in.
    cut : Cut or None
        For the parallel form.
    reason : str
        Why this form.
    trainable : collection
        What learns, in the user's network.
    dt : float
    scales : dict of (size,) ndarray
        By connections of ``network``, what their input has been divided by, and their
        weights multiplied.
    """

    network: nengo.Network
    entries: dict[nengo.Node, nengo.Node]
    probes: dict[nengo.Probe, nengo.Probe]
    stand_ins: dict[Any, Any]
    masks: dict[nengo.Ensemble, nengo.Node]
    cut: Cut | None
    reason: str
    trainable: Collection[Any]
    dt: float
    scales: dict[nengo.Connection, np.ndarray] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return "sequential" if self.cut is None else "parallel"

    def data(
        self,
        inputs: Arrays,
        steps: np.ndarray | None = None,
        dtype: str = "float32",
    ) -> Arrays:
        """What goes into the entries, (n, n_steps, size) by node of ``network``.

        In parallel form each sample is a single step: those that are marked in
        ``steps`` (n, T), the last T of each sequence; in order of sequences, then
        steps. Else it is the whole sequence.
        """
        if self.cut is None:
            return {self.entries[node]: x for node, x in inputs.items()}
        assert steps is not None
        n_steps = next(iter(inputs.values())).shape[1]
        responses = self.cut.responses(n_steps, self.dt)
        return {
            entry: _states(responses, node, inputs, steps, dtype)[:, None]
            for node, entry in self.entries.items()
        }

    def standardize(
        self, x: Arrays, drawn: Collection[nengo.Connection] = ()
    ) -> Arrays:
        """What to divide the entries by, (size,) each: their root mean squares.

        State variables of a memory differ in size by orders of magnitude, and gradient
        descent is slow to find out. The weights that hear them are multiplied here, so
        that the network stays the same; except those of ``drawn``, connections of the
        user's network. Entries that anything else hears are left out.
        """
        as_drawn = {self.stand_ins[c] for c in drawn if c in self.stand_ins}
        learns = {c for o, c in self.stand_ins.items() if o in self.trainable}
        scales = {}
        for entry in self.entries.values() if self.cut else ():
            heard = [c for c in self.network.connections if c.pre_obj is entry]
            whole = all(
                c.pre_slice == slice(None)
                and isinstance(c.transform, nengo.Dense)
                and np.ndim(c.transform.init) == 2
                for c in heard
            )
            if not heard or not whole or not learns.issuperset(heard):
                continue
            scale = np.sqrt(np.mean(x[entry].astype(float) ** 2, axis=(0, 1)))
            if not scale.any():
                continue
            scales[entry] = np.maximum(scale, SMALLEST * scale.max())
            for connection in heard:
                self.scales[connection] = scales[entry]
                if connection not in as_drawn:
                    connection.transform = connection.transform.init * scales[entry]
        return scales

    @contextmanager
    def simulator(
        self, minibatch: int, dtype: str, seed: int, last: bool = False
    ) -> Iterator[Any]:
        """NengoDL's simulator of this network, that keeps all steps or the last."""
        nengo_dl = require("nengo_dl", "spiking_lmu.training")
        with self.network:
            nengo_dl.configure_settings(
                dtype=dtype,
                stateful=False,
                keep_history=not last,
                # a loop of one step costs as much as the step
                use_loop=self.cut is None,
            )
        with precision_kept():
            simulator = nengo_dl.Simulator(
                self.network,
                dt=self.dt,
                seed=seed,
                minibatch_size=minibatch,
                progress_bar=False,
            )
        with simulator as sim:
            yield sim


def _states(
    responses: Responses,
    node: nengo.Node,
    inputs: Arrays,
    steps: np.ndarray,
    dtype: str,
) -> np.ndarray:
    """What a node of the linear part gives in the marked steps, (n_marked, size)."""
    n, n_steps = next(iter(inputs.values())).shape[:2]
    size = node.size_out
    states = np.empty((int(steps.sum()), size), dtype=dtype)
    only_last = steps.shape[1] == 1
    few = max(1, CHUNK // (8 * size * (1 if only_last else n_steps)))
    done = 0
    for k in range(0, n, few):
        part = {stimulus: x[k : k + few] for stimulus, x in inputs.items()}
        if only_last:
            values = responses.last(node, part)[steps[k : k + few, 0]]
        else:
            every = responses.all(node, part)[:, -steps.shape[1] :]
            values = every[steps[k : k + few]]
        states[done : done + len(values)] = values
        done += len(values)
    return states


def choose_form(
    network: nengo.Network,
    stimuli: Sequence[nengo.Node],
    probes: Sequence[nengo.Probe],
    form: str = "auto",
    dropout: bool = False,
    dt: float | None = None,
) -> Form:
    """Bring a network into the form that NengoDL trains best.

    Raises
    ------
    nengo.exceptions.ValidationError
        If ``form`` is ``"parallel"`` and the network cannot be; says why.
    """
    check_choice("form", form, FORMS)
    trainable = trainable_objects(network)
    if dt is None:
        dt = _time_step(network)
    else:
        dt = check_number("dt", dt, low=0, exclusive=True)
    cut, reason = None, "as requested"
    if form != "sequential":
        try:
            cut = split(network, stimuli, probes, trainable)
        except NotParallel as error:
            if form == "parallel":
                raise ValidationError(
                    f"cannot be 'parallel' for this network: {error}", attr="form"
                ) from None
            reason = str(error)
        else:
            reason = (
                "trained parts have no memory, and parts with memory are not trained"
            )
    with nengo.Network(seed=0) as flat:
        if cut is not None:
            entries, stand_ins, inner = _after(cut, flat)
        else:
            entries, stand_ins, inner = _unrolled(network, stimuli, flat)
        masks = _gate(inner, flat, stand_ins) if dropout else {}
        flat.connections.extend(c for c in inner if c not in stand_ins)
        outputs = {p: _probe(p, entries, flat) for p in probes}
    _mark(flat, trainable, stand_ins)
    return Form(flat, entries, outputs, stand_ins, masks, cut, reason, trainable, dt)


def _time_step(network: nengo.Network) -> float:
    """The time step that the network's memories were built for."""
    steps = {float(n.dt) for n in network.all_networks if hasattr(n, "dt")}
    if len(steps) > 1:
        raise ValidationError(
            f"must be given: the network's parts were built for {sorted(steps)}",
            attr="dt",
        )
    return steps.pop() if steps else 0.001


Parts = tuple[dict[Any, nengo.Node], dict[Any, Any], list[nengo.Connection]]


def _after(cut: Cut, flat: nengo.Network) -> Parts:
    """What follows a cut, in the open network: entries, stand-ins, connections."""
    entries = {
        node: nengo.Node(np.zeros(node.size_out), label=node.label)
        for node in cut.frontier
    }
    for obj in cut.behind:
        (flat.ensembles if isinstance(obj, nengo.Ensemble) else flat.nodes).append(obj)
    members = set(cut.behind)
    inner = []
    stand_ins = {}
    for c in cut.connections:
        if getattr(c.post_obj, "ensemble", c.post_obj) not in members:
            continue
        if c.pre_obj in entries:
            stand_ins[c] = reconnect(c, entries[c.pre_obj], c.post_obj)
        else:
            inner.append(c)
    return entries, stand_ins, inner


def _unrolled(
    network: nengo.Network, stimuli: Sequence[nengo.Node], flat: nengo.Network
) -> Parts:
    """A whole network, in the open network: entries, stand-ins, connections."""
    entries = {node: nengo.Node(np.zeros(node.size_out)) for node in stimuli}
    flat.nodes.extend(n for n in network.all_nodes if n not in entries)
    flat.ensembles.extend(network.all_ensembles)
    stand_ins: dict[Any, Any] = {
        c: reconnect(c, entries[c.pre_obj], c.post_obj)
        for c in network.all_connections
        if c.pre_obj in entries
    }
    return (
        entries,
        stand_ins,
        [c for c in network.all_connections if c not in stand_ins],
    )


def _probe(
    probe: nengo.Probe, entries: Mapping[nengo.Node, nengo.Node], flat: nengo.Network
) -> nengo.Probe:
    """The probe in the open network that stands for a user's: often itself."""
    if probe.obj in entries:
        return nengo.Probe(
            entries[probe.obj][probe.slice],
            synapse=probe.synapse,
            sample_every=probe.sample_every,
        )
    flat.probes.append(probe)
    return probe


def _gate(
    connections: Sequence[nengo.Connection],
    flat: nengo.Network,
    stand_ins: dict[Any, Any],
) -> dict[nengo.Ensemble, nengo.Node]:
    """Let a mask multiply the output of all neurons, within the open network.

    Masks are data, not random numbers of tensorflow: so training can go on after an
    interruption as if there had been none.
    """
    nengo_dl = require("nengo_dl", "spiking_lmu.training")
    masks: dict[nengo.Ensemble, nengo.Node] = {}
    gates: dict[nengo.Ensemble, nengo.Node] = {}
    for c in connections:
        if not isinstance(c.pre_obj, Neurons):
            continue
        ensemble = c.pre_obj.ensemble
        if ensemble not in gates:
            n = ensemble.n_neurons
            mask = nengo.Node(np.ones(n), label="mask")
            gate = nengo_dl.TensorNode(
                _Product(n), shape_in=(2 * n,), shape_out=(n,), pass_time=False
            )
            nengo.Connection(c.pre_obj, gate[:n], synapse=None)
            nengo.Connection(mask, gate[n:], synapse=None)
            masks[ensemble], gates[ensemble] = mask, gate
        stand_ins[c] = reconnect(c, gates[ensemble], c.post_obj)
    if not masks:
        allowed = "0 where no connection comes from the neurons of an ensemble"
        raise ValidationError(f"must be {allowed}", attr="dropout")
    return masks


class _Product:
    """The first half of a vector times the second, elementwise."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, x: Any) -> Any:
        return x[:, : self.n] * x[:, self.n :]


def _mark(
    flat: nengo.Network, trainable: Collection[Any], stand_ins: Mapping[Any, Any]
) -> None:
    """Mark what learns; in a flat network, nothing is inherited."""
    configure_training(flat)
    originals = {double: original for original, double in stand_ins.items()}
    for ensemble in flat.ensembles:
        flat.config[ensemble].trainable = ensemble in trainable
        flat.config[ensemble.neurons].trainable = ensemble.neurons in trainable
    for c in flat.connections:
        flat.config[c].trainable = originals.get(c, c) in trainable
