"""Builds a prepared network for nengo-loihi: what its own builder cannot do.

A subclass of its builder, with build functions of ours where a memory, or neurons that
fire at random, need them. Everything else is left to the functions of nengo-loihi.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import nengo
import numpy as np
from nengo.builder.connection import BuiltConnection
from nengo.builder.network import build_network as build_nengo_network
from nengo.builder.network import seed_network
from nengo.builder.transforms import multiply
from nengo.connection import LearningRule
from nengo.ensemble import Neurons
from nengo.params import NumberParam
from nengo_loihi import BlockShape
from nengo_loihi.block import Axon, LoihiBlock, Synapse
from nengo_loihi.builder import Builder, Model
from nengo_loihi.builder.connection import build_chip_to_host, build_decoders
from nengo_loihi.builder.connection import build_connection as build_loihi_connection
from nengo_loihi.builder.discretize import discretize_block, discretize_probe
from nengo_loihi.builder.ensemble import build_ensemble as build_loihi_ensemble
from nengo_loihi.builder.inputs import (
    ChipReceiveNeurons,
    HostReceiveNode,
    HostSendNode,
)
from nengo_loihi.builder.probe import build_probe as build_loihi_probe
from nengo_loihi.builder.split_blocks import split_model
from nengo_loihi.builder.validate import validate_model
from nengo_loihi.inputs import SpikeInput
from nengo_loihi.neurons import loihi_rates
from nengo_loihi.passthrough import base_obj
from nengo_loihi.probe import LoihiProbe

from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import spike_height
from spiking_lmu.noise import count_variance

from .discretization import (
    Drive,
    discretize_scaled_block,
    discretize_stochastic_block,
    kept_of_current,
)
from .input_code import CODE_BITS, GateCode, InputCode
from .plan import Feed, Link, Plan
from .resources import Budget
from .splitting import Split, sent_from
from .stochastic import ChipPoisson, build_stochastic

# how far beyond its radius a coordinate may go before a current overflows, and how far
# while anything else than the memory drives its neurons
RADII, RADII_BESIDE = 4.0, 2.0
# how far, in radii, anything else may drive them: more changes nothing
REACH = 2 * RADII
# of a gate's weights, relative to the largest, those that its limit is made for
NOTABLE = 0.02
# what a population may do beyond what it does within its radius
BEYOND = 1.25
# evaluation points and components to tell tuning curves apart by
SAMPLES, CURVES = 300, 12


class ChipModel(Model):
    """A model of nengo-loihi that knows the plan which it is built to.

    Attributes
    ----------
    plan : Plan
    budget : Budget
    relays : list of (nengo.Node, nengo.Node)
        Senders and receivers between what the host computes before and after the
        chip.
    codes : dict of InputCode
        How the host sends its inputs to each memory.
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
    """The builder of nengo-loihi, with functions of ours in front."""

    @classmethod
    def build(cls, model: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Build with the function of the nearest of the object's classes."""
        for kind in type(obj).__mro__:
            if kind in _BUILD:
                return _BUILD[kind](model, obj, *args, **kwargs)
            if kind in Builder.builders:
                break
        return super().build(model, obj, *args, **kwargs)


class ChipRates(nengo.neurons.NeuronType):
    """The rates of neurons on the chip, where intervals are whole time steps."""

    spiking = True
    dt = NumberParam("dt", low=0, low_open=True)

    def __init__(self, neuron_type: nengo.neurons.NeuronType, dt: float) -> None:
        super().__init__()
        self.neuron_type = neuron_type
        self.dt = dt

    @property
    def amplitude(self) -> float:
        """Height of the spikes, which the rates hold."""
        return spike_height(self.neuron_type)

    def rates(self, x: Any, gain: Any, bias: Any) -> np.ndarray:
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
    """Build a network to the plan; discretize and split it, once all is built."""
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
    _bound_currents(model)
    _build_links(model, discretize)
    _build_feeds(model, discretize)
    _build_gates(model, discretize)
    _tell_synapses(model)
    if discretize:
        discretize_model(model)
    validate_model(model)


def _tell_synapses(model: ChipModel) -> None:
    """Say which inputs pass through another synapse than their own."""
    plan, passthrough = model.plan, model.split.passthrough
    taus: dict[nengo.Ensemble, set[float]] = defaultdict(set)
    for part in [*plan.links, *plan.feeds]:
        taus[_ensemble(part.target)].add(part.tau)
    for connection in [*plan.network.all_connections, *passthrough.to_add]:
        post, pre = base_obj(connection.post), base_obj(connection.pre)
        built = isinstance(post, nengo.Ensemble) and model.split.on_chip(post)
        if not built or connection in passthrough.to_remove:
            continue
        straight = isinstance(connection.post_obj, Neurons) or connection.solver.weights
        tau = model.decode_tau
        if straight and model.split.on_chip(pre):
            tau = getattr(connection.synapse, "tau", 0.0)
        taus[post].add(tau)
    for ensemble, all_of_them in taus.items():
        *faster, slowest = sorted(all_of_them)
        if faster and ensemble not in model.remembering:
            model.plan.changes.append(
                f"all inputs of {ensemble} pass through a synapse of {slowest:g} s, "
                f"some instead of {', '.join(f'{t:g}' for t in faster)} s: a neuron "
                "of the chip has one"
            )


def _origin(model: ChipModel, connection: nengo.Connection) -> Any:
    """The connection of the network whose place another one takes."""
    origin = model.plan.origins.get(connection, connection)
    if origin in model.plan.seeds:
        return origin
    # nengo-loihi has led it through nodes
    for removed in model.split.passthrough.to_remove:
        if isinstance(removed, nengo.Connection) and (
            removed.pre == origin.pre
            and removed.function is origin.function
            and removed.eval_points is origin.eval_points
        ):
            return removed
    return None


def build_ensemble(model: ChipModel, ensemble: nengo.Ensemble) -> None:
    """Build an ensemble or its stand-in, and split it as the budget says."""
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
    """Build a connection; values for the host are decoded there, from spikes."""
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
    """From neurons on the chip to the host: exact, unlike decoding on the chip."""
    transform = model.plan.sample(connection)
    decoders, eval_points, info = _solved(model, connection)
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


def _solved(
    model: ChipModel, connection: nengo.Connection
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Decoders (size_mid, n) of a connection, its points and what its solver tells."""
    connection = model.plan.redirect(connection)
    if connection not in model.solved:
        rng = np.random.RandomState(_seed_of(model, connection))
        points, decoders, info = build_decoders(model, connection, rng, None)
        model.solved[connection] = decoders, points, info
    return model.solved[connection]


def _seed_of(model: ChipModel, connection: nengo.Connection) -> Any:
    origin = model.plan.origins.get(connection, connection)
    return model.seeds.get(origin)


def _build_relay(model: ChipModel, connection: nengo.Connection) -> None:
    """From what the host computes before the chip to what it computes afterwards."""
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


def _build_links(model: ChipModel, discretize: bool) -> None:
    """Weights between neurons: one synapse from each population to each other."""
    weights: dict[Any, np.ndarray] = {}
    for link in model.plan.links:
        pre, post = model.plan.on_chip(link.source.pre_obj), link.target
        transform = _mapped(model, link, link.own) if discretize else link.transform
        through = _into(model, post) @ transform
        if isinstance(pre, Neurons):
            part = np.eye(pre.size_out)[link.source.pre_slice]
            amplitude = getattr(pre.ensemble.neuron_type, "amplitude", 1.0)
        else:
            part = _solve_link(model, link.source)
            amplitude = getattr(pre.neuron_type, "amplitude", 1.0)
        key = pre, post, link.tau, link.state
        weights[key] = weights.get(key, 0) + through @ part * (amplitude / model.dt)
    for (pre, post, tau, state), matrix in weights.items():
        limit = None
        if not state and _ensemble(post) in model.remembering:
            limit = _reach(model, pre, matrix)
            widest = REACH * model.params[_ensemble(post)].gain
            if discretize and np.any(limit > widest):
                shares = np.minimum(1, widest / np.maximum(limit, 1e-300))
                matrix, limit = matrix * shares[:, None], limit * shares
                model.plan.changes.append(
                    f"weights from {_ensemble(pre)} to {_ensemble(post)} are reduced "
                    f"to {shares.min():.1%} at the least: what they cause was beyond "
                    "the currents of the chip, and still outweighs the memory"
                )
        if limit is not None:
            limit = BEYOND * limit
        _add_synapse(model, pre, post, matrix, tau, _tuning(model, pre), state, limit)


def _mapped(model: ChipModel, link: Link | Feed, own: bool = False) -> np.ndarray:
    """The transform that does the same through the chip's synapse.

    A current keeps whole 4096ths of itself in each step: b, where a memory is made for
    a = exp(-dt / tau), which for slow synapses can be percents of theta apart. Now
    a x + (1 - a) y, with y what comes in, is b x + (1 - b) y' where y' is
    ((1 - a) y + (a - b) x) / (1 - b).
    """
    if not link.state or not link.tau:
        return link.transform
    a, b = np.exp(-model.dt / link.tau), kept_of_current(link.tau, model.dt)
    x = (a - b) * np.eye(len(link.transform)) if own else 0
    return (-np.expm1(-model.dt / link.tau) * link.transform + x) / (1 - b)


def _solve_link(model: ChipModel, source: nengo.Connection) -> np.ndarray:
    """Decoders (size_mid, n), which are among the data of the simulator as well."""
    decoders, points, info = _solved(model, source)
    if source not in model.params:
        transform = model.plan.sample(source)
        model.params[source] = BuiltConnection(
            eval_points=points,
            solver_info=info,
            transform=transform,
            weights=multiply(transform, decoders),
        )
    return decoders


def _into(model: ChipModel, target: Any) -> np.ndarray:
    """From values (size_in,) to the currents (n,) of neurons on the chip."""
    if isinstance(target, Neurons):
        return np.diag(model.params[target.ensemble].gain)
    return model.params[target].scaled_encoders / target.radius


def _tuning(model: ChipModel, pre: Any) -> np.ndarray | None:
    """Tuning curves (n, k) of an ensemble, in as few values as tell them apart."""
    if isinstance(pre, Neurons):
        return None
    if pre not in model.curves:
        rates = _rates(model, pre)
        _, sizes, directions = np.linalg.svd(rates, full_matrices=False)
        model.curves[pre] = (sizes[:CURVES, None] * directions[:CURVES]).T
    return model.curves[pre]


def _rates(model: ChipModel, ensemble: nengo.Ensemble) -> np.ndarray:
    """Rates (k, n) of neurons at some of the points that they are tuned to."""
    built = model.params[ensemble]
    points = built.eval_points[:: max(1, len(built.eval_points) // SAMPLES)]
    x = points @ built.encoders.T / ensemble.radius
    return loihi_rates(ensemble.neuron_type, x, built.gain, built.bias, model.dt)


def _reach(model: ChipModel, pre: Any, weights: np.ndarray) -> np.ndarray:
    """Largest currents (m,) that a population causes through weights (m, n)."""
    ensemble = _ensemble(pre)
    spikes = _rates(model, ensemble) * model.dt
    spikes = spikes / getattr(ensemble.neuron_type, "amplitude", 1.0)
    return np.abs(spikes @ weights.T).max(axis=0)


def _ensemble(end: Any) -> nengo.Ensemble:
    return end.ensemble if isinstance(end, Neurons) else end


def _add_synapse(
    model: ChipModel,
    source: Any,
    target: Any,
    weights: np.ndarray,
    tau: float,
    tuning: np.ndarray | None = None,
    state: bool = False,
    limit: np.ndarray | None = None,
) -> None:
    """Connect neurons or an input (n,) to neurons (m,) with weights (m, n).

    The tuning (n, k) of the neurons matters for how weights are rounded. The neurons
    of a memory hear their state, or what causes currents up to a limit (m,).
    """
    n_axons = weights.shape[1]
    rows, axons = weights.T.astype(np.float32), np.arange(n_axons)
    for block, columns in _pieces(model, target, "in"):
        synapse = Synapse(n_axons, label="weights")
        synapse.set_weights(np.ascontiguousarray(rows[:, columns]))
        if tuning is not None:
            model.tuning[synapse] = tuning
        if block in model.drive and state:
            model.drive[block].state.add(synapse)
        elif block in model.drive and limit is not None:
            model.drive[block].others[synapse] = limit[columns]
        block.add_synapse(synapse)
        block.compartment.configure_filter(tau, dt=model.dt)
        for part, neurons in _pieces(model, source, "out"):
            axon = Axon(len(axons[neurons]), label="weights")
            axon.target = synapse
            axon.set_compartment_axon_map(axons[neurons])
            part.add_axon(axon)


def _pieces(model: ChipModel, obj: Any, end: str) -> list[tuple[Any, Any]]:
    """The blocks over which an ensemble is split, and which of its neurons they hold.

    Links come after splitting: nengo-loihi splits synapses axon by axon, which takes
    minutes for the largest networks.
    """
    if isinstance(obj, SpikeInput):
        return [(obj, slice(None))]
    blocks = model.objs[obj][end]
    return [(block, model.block_comp_map[block].list) for block in blocks]


def _bound_currents(model: ChipModel) -> None:
    """Note how far the state of memories can drive neurons.

    The weights into a population can be large and cancel: what drives it is only
    what it represents.
    """
    for memory in model.plan.memories:
        for ensemble in map(model.plan.on_chip, memory.ensembles):
            if ensemble in model.objs:
                for block, neurons in _pieces(model, ensemble, "in"):
                    gain = model.params[ensemble].gain[neurons]
                    model.drive[block] = Drive(RADII * gain, RADII_BESIDE * gain)


def _build_feeds(model: ChipModel, discretize: bool) -> None:
    """What the host sends to memories: each input once, to all its populations."""
    feeds: dict[LegendreMemory, list[Feed]] = defaultdict(list)
    for feed in model.plan.feeds:
        feeds[feed.memory].append(feed)
    for memory, parts in feeds.items():
        code = InputCode(memory.size_in, memory.realization.largest_input, CODE_BITS)
        source = _build_code(model, sent_from(model.plan, memory), code)
        model.codes[memory] = code
        for feed in parts:
            transform = _mapped(model, feed) if discretize else feed.transform
            weights = _into(model, feed.target) @ transform @ code.values
            _add_synapse(
                model, source, feed.target, weights, feed.tau, state=feed.state
            )


def _build_gates(model: ChipModel, discretize: bool) -> None:
    """What the host adds to the currents of a memory's neurons.

    Values are cut off where they outweigh all that the memory can do: gates may have
    any weights, and the chip's currents end somewhere.
    """
    for gate in model.plan.gates:
        gain = model.params[_ensemble(gate.target)].gain
        weights = _into(model, gate.target) @ gate.transform
        radii = np.abs(weights) / gain[:, None]
        notable = np.where(radii > NOTABLE * radii.max(axis=0), radii, np.inf)
        limits = RADII / np.minimum(notable.min(axis=0), 1e300)
        limits[~np.isfinite(notable).any(axis=0)] = 1.0
        reach = np.minimum(radii * limits, REACH)
        kept = np.exp(-model.dt / gate.tau)
        if discretize:
            kept = kept_of_current(gate.tau, model.dt)
        code = GateCode(limits, kept)
        source = _build_code(model, gate.node, code)
        _add_synapse(
            model,
            source,
            gate.target,
            gain[:, None] * np.sign(weights) * reach @ code.values,
            gate.tau,
            tuning=np.eye(code.values.shape[1]),  # each digit counts for itself
            limit=gain * reach.sum(axis=1),
        )


def _build_code(model: ChipModel, node: nengo.Node, code: InputCode) -> Any:
    """Host side and chip side of a code; returns what the chip's axons come from."""
    host = model.host_model(node)
    n_axons = code.values.shape[1]
    coder = nengo.Node(code, label="code", add_to_container=False)
    send = HostSendNode(n_axons, add_to_container=False)
    receive = ChipReceiveNeurons(n_axons, add_to_container=False)
    joints = [
        nengo.Connection(pre, post, synapse=None, add_to_container=False)
        for pre, post in [(node, coder), (coder, send)]
    ]
    for part in [coder, send, *joints]:
        host.seeds[part], host.seeded[part] = model.seeds[node], model.seeded[node]
        host.build(part)
    model.seeds[receive], model.seeded[receive] = model.seeds[node], False
    model.builder.build(model, receive)
    model.host2chip_senders[send] = receive
    return model.objs[receive]["out"]


def build_probe(model: ChipModel, probe: nengo.Probe) -> None:
    """Build a probe; decoded values of an ensemble come from its spikes."""
    decoded = isinstance(probe.obj, nengo.Ensemble) and probe.attr == "decoded_output"
    if not decoded or probe in model.chip2host_params:  # what learns, to the host
        build_loihi_probe(model, probe)
        return
    ensemble = model.plan.on_chip(probe.obj)
    values = nengo.Node(size_in=ensemble.dimensions, add_to_container=False)
    connection = nengo.Connection(
        ensemble, values, solver=probe.solver, synapse=None, add_to_container=False
    )
    _seed_as(model, connection, probe)
    weights = _solved(model, connection)[0]
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


def discretize_model(model: ChipModel) -> None:
    """Turn all numbers into those of the chip."""
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
    ChipPoisson: build_stochastic,
}
