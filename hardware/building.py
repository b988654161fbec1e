"""Builds a planned network for nengo-loihi.

This is a subclass of nengo-loihi's builder. Memories and neurons that fire at random
have build functions of our own; everything else is built by nengo-loihi's.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import nengo
import numpy as np
from nengo.builder.connection import BuiltConnection
from nengo.builder.network import build_network as build_nengo_network
from nengo.builder.network import seed_network
from nengo.builder.transforms import multiply
from nengo.connection import LearningRule
from nengo.params import NumberParam
from nengo_loihi import BlockShape
from nengo_loihi.block import LoihiBlock, Synapse
from nengo_loihi.builder import Builder, Model
from nengo_loihi.builder.connection import build_chip_to_host
from nengo_loihi.builder.connection import build_connection as build_loihi_connection
from nengo_loihi.builder.discretize import discretize_block, discretize_probe
from nengo_loihi.builder.ensemble import build_ensemble as build_loihi_ensemble
from nengo_loihi.builder.inputs import (
    HostReceiveNode,
    HostSendNode,
)
from nengo_loihi.builder.probe import build_probe as build_loihi_probe
from nengo_loihi.builder.split_blocks import split_model
from nengo_loihi.builder.validate import validate_model
from nengo_loihi.neurons import loihi_rates
from nengo_loihi.passthrough import base_obj
from nengo_loihi.probe import LoihiProbe
from scipy.sparse import csr_array

from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import spike_height
from spiking_lmu.populations import count_variance

from .discretization import (
    Drive,
    discretize_scaled_block,
    discretize_stochastic_block,
)
from .input_code import InputCode
from .linking import (
    bound_currents,
    build_feeds,
    build_gates,
    build_links,
    solve_as_nengo,
    solved,
    the_ensemble,
)
from .plan import Feed, Link, Plan
from .resources import Budget
from .splitting import Split
from .stochastic import ChipPoisson, build_stochastic
from .synapses import is_straight


class ChipModel(Model):
    """A model of nengo-loihi that is built to a plan.

    Attributes
    ----------
    plan : Plan
    budget : Budget
    relays : list of (nengo.Node, nengo.Node)
        Senders and receivers between the parts that the host computes before and after
        the chip.
    codes : dict of InputCode
        For each memory, the code of its inputs.
    """

    def __init__(self, plan: Plan, budget: Budget, dt: float = 0.001) -> None:
        super().__init__(
            dt=dt, label=f"{plan.network}, dt={dt:f}", builder=ChipBuilder()
        )
        self.plan = plan
        self.budget = budget
        self.remembering = {e for memory in plan.memories for e in memory.ensembles}
        self.relays: list[tuple[nengo.Node, nengo.Node]] = []
        self.codes: dict[LegendreMemory, InputCode] = {}
        self.solved: dict[nengo.Connection, Any] = {}
        self.curves: dict[nengo.Ensemble, np.ndarray] = {}
        self.tuning: dict[Synapse, np.ndarray] = {}
        self.drive: dict[LoihiBlock, Drive] = {}


class ChipBuilder(Builder):
    """The builder of nengo-loihi, which looks for our build functions first."""

    @classmethod
    def build(cls, model: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Build with the function for the most derived of the object's classes."""
        for kind in type(obj).__mro__:
            if kind in _BUILD:
                return _BUILD[kind](model, obj, *args, **kwargs)
            if kind in Builder.builders:
                break
        return super().build(model, obj, *args, **kwargs)


class ChipRates(nengo.neurons.NeuronType):
    """Neurons with the rates of the chip, where intervals are whole time steps."""

    spiking = True
    dt = NumberParam("dt", low=0, low_open=True)

    def __init__(self, neuron_type: nengo.neurons.NeuronType, dt: float) -> None:
        super().__init__()
        self.neuron_type = neuron_type
        self.dt = dt

    @property
    def amplitude(self) -> float:
        """Height of the spikes, a factor of the rates."""
        return spike_height(self.neuron_type)

    def rates(self, x: Any, gain: Any, bias: Any) -> np.ndarray:
        """Rates (n_samples, n_neurons) in Hz, times the height of the spikes."""
        return loihi_rates(self.neuron_type, x, gain, bias, self.dt)


@count_variance.register
def _(neuron_type: ChipRates, expected: np.ndarray) -> np.ndarray:
    return count_variance(neuron_type.neuron_type, expected)


def build_network(
    model: ChipModel,
    network: nengo.Network,
    precompute: bool | None = None,
    remove_passthrough: bool = True,
    discretize: bool = True,
) -> None:
    """Build a network to the plan, then split and discretize it."""
    if model.toplevel is not None:
        build_nengo_network(model, network, progress=None)
        return
    model.seeds.update(model.plan.seeds)
    model.seeded.update(model.plan.seeded)
    seed_network(network, seeds=model.seeds, seeded=model.seeded)
    model.split = Split(model.plan, precompute, remove_passthrough)
    build_nengo_network(model, network, progress=None)
    for node in model.plan.nodes:
        model.seeds[node], model.seeded[node] = None, False
        model.build(node)
    for connection in model.split.passthrough.to_add:
        origin = _origin(model, connection)
        model.seeds[connection] = model.seeds.get(origin)
        model.seeded[connection] = model.seeded.get(origin, False)
        model.build(connection)
    blocks = split_model(model)
    model.block_comp_map = {
        new: indices for parts in blocks.values() for new, indices in parts.items()
    }
    bound_currents(model)
    build_links(model, discretize)
    build_feeds(model, discretize)
    build_gates(model, discretize)
    for probe in model.probes:
        if probe.key == "spiked" and probe.is_transformed:
            probe.weight_outputs = partial(_decoded, probe)
    _tell_synapses(model)
    if discretize:
        discretize_model(model)
    validate_model(model)


def _tell_synapses(model: ChipModel) -> None:
    """Report inputs that pass through a synapse other than their own."""
    plan, passthrough = model.plan, model.split.passthrough
    taus: dict[nengo.Ensemble, set[float]] = defaultdict(set)
    parts: list[Link | Feed] = [*plan.links, *plan.feeds]
    for part in parts:
        taus[the_ensemble(part.target)].add(part.tau)
    for connection in [*plan.network.all_connections, *passthrough.to_add]:
        post, pre = base_obj(connection.post), base_obj(connection.pre)
        built = isinstance(post, nengo.Ensemble) and model.split.on_chip(post)
        if not built or connection in passthrough.to_remove:
            continue
        tau = model.decode_tau
        if is_straight(connection) and model.split.on_chip(pre):
            tau = getattr(connection.synapse, "tau", 0.0)
        taus[post].add(tau)
    for ensemble, all_of_them in taus.items():
        *faster, slowest = sorted(all_of_them)
        if faster and ensemble not in model.remembering:
            text = (
                f"all inputs of {ensemble} pass through a synapse of {slowest:g} s, "
                f"some instead of {', '.join(f'{t:g}' for t in faster)} s: a neuron "
                "of the chip has one synapse"
            )
            model.plan.changes.append(text)
            late = slowest - faster[0]
            if not plan.memories or ensemble in plan.disturbed:
                warnings.warn(
                    f"{text}. These arrive up to {late:g} s later than in Nengo, and "
                    "feedback through them differs; leave the ensemble on the host by "
                    "nengo_loihi's on_chip",
                    stacklevel=2,
                )


def _origin(model: ChipModel, connection: nengo.Connection) -> Any:
    """The connection of the network that a connection derives from."""
    origin = model.plan.origins.get(connection, connection)
    if origin in model.plan.seeds:
        return origin
    # nengo-loihi has combined it with connections through nodes
    for removed in model.split.passthrough.to_remove:
        if isinstance(removed, nengo.Connection) and (
            removed.pre == origin.pre
            and removed.function is origin.function
            and removed.eval_points is origin.eval_points
        ):
            return removed
    return None


def build_ensemble(model: ChipModel, ensemble: nengo.Ensemble) -> None:
    """Build an ensemble or its stand-in, and split it to the budget."""
    built = model.plan.on_chip(ensemble)
    if built is not ensemble:
        model.seeds[built] = model.seeds[ensemble]
        model.seeded[built] = model.seeded[ensemble]
    build_loihi_ensemble(model, built)
    block = model.objs[built]["in"]
    if model.block_shapes[block] is None:
        per_core = model.budget.per_core(ensemble)
        model.block_shapes[block] = BlockShape((per_core,), (block.n_neurons,))
    if built is not ensemble:
        for ours, theirs in [(built, ensemble), (built.neurons, ensemble.neurons)]:
            model.objs[theirs].update(model.objs[ours])
        model.params[ensemble] = model.params[built]


def build_connection(model: ChipModel, connection: nengo.Connection) -> None:
    """Build a connection; the host decodes its own values from spikes."""
    split = model.split
    if isinstance(connection.post_obj, LearningRule):
        build_loihi_connection(model, connection)
        return
    pre, post = base_obj(connection.pre), base_obj(connection.post)
    decoded = isinstance(connection.pre_obj, nengo.Ensemble)
    if split.on_chip(post) or connection.learning_rule_type is not None:
        build_loihi_connection(model, connection)
    elif split.on_chip(pre):
        (_build_decoded if decoded else build_loihi_connection)(model, connection)
    elif model.host_model(pre) is model.host_model(post):
        build_loihi_connection(model, connection)
    else:
        _build_relay(model, connection)


def _build_decoded(model: ChipModel, connection: nengo.Connection) -> None:
    """Decode values for the host from spikes: exact, unlike decoding on the chip."""
    transform = model.plan.sample(connection)
    decoders, eval_points, info = solved(model, connection)
    weights = multiply(transform, decoders)
    spikes = nengo.Connection(
        connection.pre_obj.neurons,
        connection.post,
        transform=weights,
        synapse=connection.synapse,
        label=connection.label,
        add_to_container=False,
    )
    _seed_as(model, spikes, connection)
    build_chip_to_host(model, spikes)
    model.params[connection] = BuiltConnection(
        eval_points=eval_points,
        solver_info=info,
        transform=transform,
        weights=weights,
    )
    for original, replacement in model.plan.replaced.items():
        if replacement is connection:
            model.params[original] = model.params[connection]


def _build_relay(model: ChipModel, connection: nengo.Connection) -> None:
    """Connect the part computed before the chip with the part computed after it."""
    before = model.host_model(base_obj(connection.pre))
    after = model.host_model(base_obj(connection.post))
    size = connection.pre_obj.size_out
    send = HostSendNode(size, label=connection.label, add_to_container=False)
    receive = HostReceiveNode(size, label=connection.label, add_to_container=False)
    to_send = nengo.Connection(
        connection.pre_obj, send, synapse=None, add_to_container=False
    )
    onwards = nengo.Connection(
        receive[connection.pre_slice],
        connection.post,
        function=connection.function,
        transform=connection.transform,
        synapse=connection.synapse,
        label=connection.label,
        add_to_container=False,
    )
    for host, parts in [(before, (send, to_send)), (after, (receive, onwards))]:
        for part in parts:
            _seed_as(host, part, connection, of=model)
            host.build(part)
    model.relays.append((send, receive))


def _seed_as(model: Any, obj: Any, like: Any, of: Any = None) -> None:
    of = of or model
    model.seeds[obj], model.seeded[obj] = of.seeds[like], of.seeded[like]


def build_solver(
    model: ChipModel,
    solver: nengo.solvers.Solver,
    connection: nengo.Connection,
    rng: Any,
    transform: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Decode values for the chip as Nengo does, whatever the height of spikes."""
    return solve_as_nengo(model, connection, rng, transform)


def build_probe(model: ChipModel, probe: nengo.Probe) -> None:
    """Build a probe; decoded values of an ensemble come from its spikes."""
    decoded = isinstance(probe.obj, nengo.Ensemble) and probe.attr == "decoded_output"
    if not decoded or probe in model.chip2host_params:  # the latter for learning
        build_loihi_probe(model, probe)
        return
    ensemble = model.plan.on_chip(probe.obj)
    values = nengo.Node(size_in=ensemble.dimensions, add_to_container=False)
    connection = nengo.Connection(
        ensemble, values, solver=probe.solver, synapse=None, add_to_container=False
    )
    _seed_as(model, connection, probe)
    weights = solved(model, connection)[0]
    if probe.slice is not None:
        weights = weights[probe.slice]
    amplitude = getattr(ensemble.neuron_type, "amplitude", 1.0)
    target = model.objs[ensemble]["out"]
    built = LoihiProbe(
        target=target,
        key="spiked",
        weights=weights.T * (amplitude / model.dt),
        synapse=probe.synapse,
    )
    model.add_probe(built)
    model.objs[probe]["in"] = target
    model.objs[probe]["out"] = built
    model.nengo_probes.append(probe)
    model.params[probe] = []


def _decoded(probe: LoihiProbe, outputs: list[Any]) -> np.ndarray:
    """Decode the spikes (n_steps, n) of each block of a probe, as ``weight_outputs``.

    A product with a sparse matrix adds up each row in one order. The last bit of a
    product by BLAS depends on the number of rows, and so on how a run is divided.
    """
    spikes = (csr_array(np.atleast_2d(output).astype(float)) for output in outputs)
    return sum(part @ weights for part, weights in zip(spikes, probe.weights))


def discretize_model(model: ChipModel) -> None:
    """Turn all numbers into integers of the chip."""
    scales = {block: _discretize(model, block) for block in model.blocks}
    for probe in model.probes:
        for i, block in enumerate(probe.target):
            discretize_probe(probe, i, scales[block])


def _discretize(model: ChipModel, block: LoihiBlock) -> float:
    drive = model.drive.get(block)
    if np.any(block.compartment.enable_noise):
        return discretize_stochastic_block(block, model.tuning, drive)
    if any(s.learning or s.pop_type for s in block.synapses):
        return discretize_block(block)
    return discretize_scaled_block(block, model.tuning, drive)


_BUILD: dict[type, Callable[..., Any]] = {
    nengo.Network: build_network,
    nengo.Ensemble: build_ensemble,
    nengo.Connection: build_connection,
    nengo.Probe: build_probe,
    nengo.solvers.Solver: build_solver,
    ChipPoisson: build_stochastic,
}
