"""Synapses of many blocks of the emulated chip, as a few dense matrices."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

import numpy as np
from nengo_loihi.block import Axon, LoihiBlock, Synapse
from nengo_loihi.emulator.interface import BlockInfo
from nengo_loihi.inputs import SpikeInput
from scipy.sparse import csr_array

PADDED = 2**20  # entries up to which one matrix with zeros beats several without

Index = slice | np.ndarray


class Projection:
    """Synapses from some sources to some compartments.

    Parameters
    ----------
    rows : (n_rows,) ndarray
        Indices of the sources among all that can spike, in the order of summation.
    columns : (n_columns,) ndarray
        The compartments.
    weights : (n_rows, n_columns) ndarray
        Zero where there is no synapse.
    batch_size : int
        Number of runs.
    """

    def __init__(
        self,
        rows: np.ndarray,
        columns: np.ndarray,
        weights: np.ndarray,
        batch_size: int,
    ):
        self.rows, self.columns, self.weights = (
            as_index(rows),
            as_index(columns),
            weights,
        )
        self._largest = float(np.abs(weights).max(initial=0))
        self._starts = np.arange(batch_size + 1) * len(rows)
        self._ones = np.ones(batch_size * len(rows), dtype=weights.dtype)
        # its product adds up rows from first to last, and skips those without a spike
        self._spikes = csr_array((batch_size, len(rows)), dtype=weights.dtype)

    def add(self, active: np.ndarray, currents: np.ndarray) -> float:
        """Add the currents that spikes cause, and return a bound on them."""
        hits = active[:, self.rows].reshape(-1).nonzero()[0]
        if not len(hits):
            return 0.0
        spikes = self._spikes
        spikes.data = self._ones[: len(hits)]
        if len(active) == 1:
            most = len(hits)
            spikes.indices, spikes.indptr = hits, np.array([0, most])
        else:
            spikes.indptr = hits.searchsorted(self._starts)
            counts = np.diff(spikes.indptr)
            spikes.indices = hits - np.repeat(self._starts[:-1], counts)
            most = counts.max()
        currents[:, self.columns] += spikes @ self.weights
        return self._largest * most


@dataclass(frozen=True)
class Bundle:
    """An axon with the place of its source among all that can spike."""

    offset: int
    size: int
    axon: Axon

    def targets(self) -> np.ndarray:
        """For each neuron of the source, the axon of the synapse; -1 for none."""
        targets = self.axon.compartment_map
        return np.arange(self.size) if targets is None else np.asarray(targets)

    def is_simple(self) -> bool:
        """Whether each neuron has at most one axon of the synapse, and no atoms."""
        targets, atoms = self.targets(), self.axon.compartment_atoms
        return (
            type(self.axon) is Axon
            and targets.shape == (self.size,)
            and targets.max(initial=-1) < self.axon.target.n_axons
            and (atoms is None or not np.any(atoms))
        )


class Source(NamedTuple):
    """A source of spikes: offset, size, and its count of occurrences in one block."""

    offset: int
    size: int
    again: int


@dataclass(frozen=True)
class Group:
    """Blocks that share one matrix, and the sources of its rows."""

    sources: tuple[Source, ...]
    blocks: list[LoihiBlock]

    @property
    def entries(self) -> int:
        """The size of the matrix."""
        n_rows = sum(source.size for source in self.sources)
        return n_rows * sum(block.n_neurons for block in self.blocks)

    def join(self, other: Group, ordered: bool) -> Group | None:
        """Both groups as one; None if orders conflict or zeros outweigh the savings."""
        try:
            sources = _in_both_orders(self.sources, other.sources, ordered)
        except CycleError:
            return None
        joined = Group(sources, self.blocks + other.blocks)
        worthwhile = max(PADDED, 1.25 * (self.entries + other.entries))
        return joined if joined.entries <= worthwhile else None


def _in_both_orders(
    first: tuple[Source, ...], second: tuple[Source, ...], ordered: bool
) -> tuple[Source, ...]:
    if not ordered:
        return tuple(sorted({*first, *second}))
    sorter: TopologicalSorter[Source] = TopologicalSorter()
    for sources in (first, second):
        for k, source in enumerate(sources):
            sorter.add(source, *sources[max(k - 1, 0) : k])
    return tuple(sorter.static_order())


class Wiring:
    """Decides which synapses form matrices, and builds these.

    Parameters
    ----------
    block_info : nengo_loihi.emulator.interface.BlockInfo
    inputs : list of (SpikeInput, int)
        With their places among all that can spike, after the compartments.

    Attributes
    ----------
    rest : set of Synapse
        Synapses that require nengo-loihi's code.
    fan_out : (n,) ndarray
        Number of synapses that each neuron of blocks and of inputs reaches.
    """

    def __init__(self, block_info: BlockInfo, inputs: list[tuple[SpikeInput, int]]):
        self._info = block_info
        self._ordered = block_info.dtype != np.int32  # floats add up in one order only
        n_inputs = sum(source.n_neurons for source, _ in inputs)
        self.fan_out = np.zeros(block_info.n_compartments + n_inputs, dtype=np.int64)

        bundles: dict[Synapse, list[Bundle]] = {
            synapse: [] for block in block_info.blocks for synapse in block.synapses
        }
        blocks = [(block, part.start) for block, part in block_info.slices.items()]
        for source, offset in [*inputs, *blocks]:
            for axon in source.axons:
                bundle = Bundle(offset, source.n_neurons, axon)
                bundles[axon.target].append(bundle)
        for ends in bundles.values():
            self._count(ends)

        self.rest: set[Synapse] = set()
        self._plans: dict[LoihiBlock, list[tuple[Source, Bundle]]] = {}
        for block in block_info.blocks:
            simple = [_is_simple(s, bundles[s]) for s in block.synapses]
            if self._ordered and not all(simple):  # the others add to what it adds to
                simple[simple.index(False) :] = [False] * len(simple)
            kept = [s for s, is_simple in zip(block.synapses, simple) if is_simple]
            self.rest.update(set(block.synapses) - set(kept))
            self._plans[block] = self._plan([b for s in kept for b in bundles[s]])

    def _plan(self, bundles: list[Bundle]) -> list[tuple[Source, Bundle]]:
        seen: dict[int, int] = {}
        plan = []
        for bundle in bundles:
            again = seen.get(bundle.offset, 0) if self._ordered else 0
            seen[bundle.offset] = again + 1
            plan.append((Source(bundle.offset, bundle.size, again), bundle))
        return plan

    def _count(self, bundles: list[Bundle]) -> None:
        if not bundles:
            return
        synapse = bundles[0].axon.target
        sizes = np.array(
            [
                synapse.weights[synapse.axon_weight_idx(k)].shape[1]
                if synapse.axon_compartment_base(k) is not None
                else 0
                for k in range(synapse.n_axons)
            ]
        )
        for bundle in bundles:
            targets = bundle.targets()
            neurons = np.flatnonzero((targets >= 0) & (targets < synapse.n_axons))
            self.fan_out[bundle.offset + neurons] += sizes[targets[neurons]]

    def projections(self, batch_size: int) -> list[Projection]:
        """All synapses in as few matrices as possible without too many zeros."""
        alike: dict[tuple[Source, ...], list[LoihiBlock]] = {}
        for block, plan in self._plans.items():
            if plan:
                sources = tuple(dict.fromkeys(source for source, _ in plan))
                alike.setdefault(sources, []).append(block)
        groups: list[Group] = []
        for group in (Group(*item) for item in alike.items()):
            for k, other in enumerate(groups):
                joined = other.join(group, self._ordered)
                if joined is not None:
                    groups[k] = joined
                    break
            else:
                groups.append(group)
        return [self._projection(group, batch_size) for group in groups]

    def _projection(self, group: Group, batch_size: int) -> Projection:
        starts = np.cumsum([0, *(source.size for source in group.sources)])
        start_of = dict(zip(group.sources, starts))
        places = [self._info.slices[block] for block in group.blocks]
        columns = np.concatenate([np.arange(s.start, s.stop) for s in places])
        rows = np.concatenate([s.offset + np.arange(s.size) for s in group.sources])
        weights = np.zeros((len(rows), len(columns)), dtype=self._info.dtype)
        used = np.zeros(len(rows), dtype=bool)
        left = 0
        for block in group.blocks:
            right = left + block.n_neurons
            dense: dict[Synapse, np.ndarray] = {}
            for source, bundle in self._plans[block]:
                synapse = bundle.axon.target
                if synapse not in dense:
                    dense[synapse] = _dense(synapse, block.n_neurons, weights.dtype)
                targets = bundle.targets()
                neurons = np.flatnonzero(targets >= 0)
                used[start_of[source] + neurons] = True
                added = dense[synapse][targets[neurons]]
                weights[start_of[source] + neurons, left:right] += added
            left = right
        if not used.all():
            rows, weights = rows[used], weights[used]
        return Projection(rows, columns, weights, batch_size)


def _dense(synapse: Synapse, n_columns: int, dtype: Any) -> np.ndarray:
    weights = np.zeros((synapse.n_axons, n_columns), dtype=dtype)
    for axon, row in enumerate(weights):
        base = synapse.axon_compartment_base(axon)
        if base is not None:
            values, indices = synapse.axon_weights_indices(axon)
            row[base + indices] = values
    return weights


def _is_simple(synapse: Synapse, bundles: list[Bundle]) -> bool:
    """Whether each axon of a synapse only adds one row of weights."""
    return (
        type(synapse) is Synapse
        and not synapse.learning
        and synapse.pop_type == 0
        and all(weights.shape[0] == 1 for weights in synapse.weights)
        and all(bundle.is_simple() for bundle in bundles)
    )


def as_index(numbers: np.ndarray) -> Index:
    """Numbers as a slice if possible, which selects without copying."""
    if len(numbers) and (np.diff(numbers) == 1).all():
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers
