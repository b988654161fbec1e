"""Builds the weights of a plan: its links, feeds and gates."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import nengo
import numpy as np
from nengo.builder.connection import BuiltConnection
from nengo.builder.transforms import multiply
from nengo.ensemble import Neurons
from nengo_loihi.block import Axon, Synapse
from nengo_loihi.builder.connection import build_decoders
from nengo_loihi.builder.inputs import ChipReceiveNeurons, HostSendNode
from nengo_loihi.inputs import SpikeInput
from nengo_loihi.neurons import loihi_rates

from spiking_lmu.networks import LegendreMemory

from .discretization import Drive, kept_of_current
from .input_code import CODE_BITS, GateCode, InputCode
from .plan import Feed, Link
from .splitting import sent_from
from .stochastic import rate_height

if TYPE_CHECKING:
    from .building import ChipModel

# radii that a coordinate may reach before a current overflows: alone, and while
# anything other than the memory drives its neurons
RADII, RADII_BESIDE = 4.0, 2.0
# radii by which anything else may drive them: more would have no effect
REACH = 2 * RADII
# weights of a gate that set its limit, relative to the largest
NOTABLE = 0.02
# largest effect of a population, relative to its effect within its radius
BEYOND = 1.25
# evaluation points, and components, that represent tuning curves
SAMPLES, CURVES = 300, 12


def build_links(model: ChipModel, discretize: bool) -> None:
    """Build the weights between neurons, one synapse for each pair of populations."""
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
        if not state and the_ensemble(post) in model.remembering:
            limit = _reach(model, pre, matrix)
            widest = REACH * model.params[the_ensemble(post)].gain
            if discretize and np.any(limit > widest):
                shares = np.minimum(1, widest / np.maximum(limit, 1e-300))
                matrix, limit = matrix * shares[:, None], limit * shares
                model.plan.changes.append(
                    f"weights from {the_ensemble(pre)} to {the_ensemble(post)} are "
                    f"reduced, to {shares.min():.1%} at the least: their effect was "
                    "beyond the currents of the chip, and still outweighs the memory"
                )
        if limit is not None:
            limit = BEYOND * limit
        _add_synapse(model, pre, post, matrix, tau, _tuning(model, pre), state, limit)


def _mapped(model: ChipModel, link: Link | Feed, own: bool = False) -> np.ndarray:
    """The transform with the same effect through the chip's synapse.

    In each step, a current keeps a whole number of 4096ths of itself, b. The memory is
    designed for a = exp(-dt / tau); for slow synapses, the difference can be percents
    of theta. With y the input of the synapse,
    a x + (1 - a) y = b x + (1 - b) y', where y' = ((1 - a) y + (a - b) x) / (1 - b).
    """
    if not link.state or not link.tau:
        return link.transform
    a, b = np.exp(-model.dt / link.tau), kept_of_current(link.tau, model.dt)
    x = (a - b) * np.eye(len(link.transform)) if own else 0
    return (-np.expm1(-model.dt / link.tau) * link.transform + x) / (1 - b)


def _solve_link(model: ChipModel, source: nengo.Connection) -> np.ndarray:
    """Decoders (size_mid, n), which are also added to the simulator's data."""
    decoders, points, info = solved(model, source)
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
    """Tuning curves (n, k) of an ensemble, in a few values each."""
    if isinstance(pre, Neurons):
        return None
    if pre not in model.curves:
        rates = _rates(model, pre)
        _, sizes, directions = np.linalg.svd(rates, full_matrices=False)
        model.curves[pre] = (sizes[:CURVES, None] * directions[:CURVES]).T
    return model.curves[pre]


def _rates(model: ChipModel, ensemble: nengo.Ensemble) -> np.ndarray:
    """Rates (k, n) of neurons at some of their evaluation points."""
    built = model.params[ensemble]
    points = built.eval_points[:: max(1, len(built.eval_points) // SAMPLES)]
    x = points @ built.encoders.T / ensemble.radius
    return loihi_rates(ensemble.neuron_type, x, built.gain, built.bias, model.dt)


def _reach(model: ChipModel, pre: Any, weights: np.ndarray) -> np.ndarray:
    """Largest currents (m,) that a population causes through weights (m, n)."""
    ensemble = the_ensemble(pre)
    spikes = _rates(model, ensemble) * model.dt / rate_height(ensemble.neuron_type)
    return np.abs(spikes @ weights.T).max(axis=0)


def the_ensemble(end: Any) -> nengo.Ensemble:
    """The ensemble itself, or that of some neurons."""
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

    The tuning (n, k) of the neurons is used for rounding the weights. For neurons of a
    memory, the input is a part of their state, or causes currents up to a limit (m,).
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
    """The blocks over which an ensemble is split, and the neurons of each.

    Links are built after splitting, since nengo-loihi splits synapses axon by axon,
    which takes minutes for the largest networks.
    """
    if isinstance(obj, SpikeInput):
        return [(obj, slice(None))]
    blocks = model.objs[obj][end]
    return [(block, model.block_comp_map[block].list) for block in blocks]


def bound_currents(model: ChipModel) -> None:
    """Record how far the state of memories can drive neurons.

    The weights into a population can be large and cancel: its state alone drives it.
    """
    for memory in model.plan.memories:
        for ensemble in map(model.plan.on_chip, memory.ensembles):
            if ensemble in model.objs:
                for block, neurons in _pieces(model, ensemble, "in"):
                    gain = model.params[ensemble].gain[neurons]
                    model.drive[block] = Drive(RADII * gain, RADII_BESIDE * gain)


def build_feeds(model: ChipModel, discretize: bool) -> None:
    """Build the inputs of memories, each sent once to all populations."""
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


def build_gates(model: ChipModel, discretize: bool) -> None:
    """Build the values that the host adds to the currents of a memory's neurons.

    Values are clipped where they outweigh the memory's largest currents, since weights
    of gates may be arbitrarily large and the chip's currents have a limit.
    """
    for gate in model.plan.gates:
        gain = model.params[the_ensemble(gate.target)].gain
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
            tuning=np.eye(code.values.shape[1]),  # digits are independent
            limit=gain * reach.sum(axis=1),
        )


def _build_code(model: ChipModel, node: nengo.Node, code: InputCode) -> Any:
    """Build both sides of a code; return the source of the chip's axons."""
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


def solved(
    model: ChipModel, connection: nengo.Connection
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Decoders (size_mid, n) of a connection, evaluation points and solver's info."""
    connection = model.plan.redirect(connection)
    if connection not in model.solved:
        rng = np.random.RandomState(_seed_of(model, connection))
        points, decoders, info = solve_as_nengo(model, connection, rng)
        model.solved[connection] = decoders, points, info
    return model.solved[connection]


def solve_as_nengo(
    model: ChipModel,
    connection: nengo.Connection,
    rng: Any,
    transform: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Evaluation points, decoders and solver's info, for spikes of any height.

    In Nengo, decoders do not know the amplitude of `nengo.RegularSpiking`. Those of
    nengo-loihi do, and cancel it.
    """
    points, decoders, info = build_decoders(model, connection, rng, transform)
    neuron_type = connection.pre_obj.neuron_type
    if isinstance(neuron_type, nengo.RegularSpiking):
        decoders = neuron_type.amplitude * decoders
    return points, decoders, info


def _seed_of(model: ChipModel, connection: nengo.Connection) -> Any:
    origin = model.plan.origins.get(connection, connection)
    return model.seeds.get(origin)
