"""The emulator of Loihi from nengo-loihi, faster and for several runs at once.

The one of nengo-loihi goes through spikes and synapses in Python. Here the synapses of
all compartments that listen to the same sources are one dense matrix, and the spikes of
a step one sparse one, so that a step is a few operations on arrays. Results are the
same, bit for bit: integers are exact in any order, and floats are added in theirs.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from nengo_loihi.block import Axon, Synapse
from nengo_loihi.builder.discretize import Q_BITS, U_BITS
from nengo_loihi.emulator.interface import (
    BlockInfo,
    CompartmentState,
    EmulatorInterface,
    ProbeState,
)
from nengo_loihi.inputs import SpikeInput
from nengo_loihi.probe import LoihiProbe

from spiking_lmu.compatibility import require
from spiking_lmu.validation import check_integer, refusal

from .learning import update_weights
from .wiring import Index, Wiring, as_index

KEYS = ("current", "voltage", "spiked")  # what probes can ask for

STRETCH = 1000  # steps between tidying up


class Emulator(EmulatorInterface):
    """Emulates Loihi, spike for spike as `nengo_loihi.emulator.EmulatorInterface`.

    Synapses that learn or that populations share go through the code of nengo-loihi.
    All else is what its releases 1.1 do; another release is refused.

    Parameters
    ----------
    model : nengo_loihi.builder.Model
        What to emulate, built.
    seed : int, optional
        Of the noise of compartments and of the rounding of learning.
    batch_size : int
        How many independent runs to make at once. They share all but their inputs.

    Attributes
    ----------
    spike_count : (n,) or (batch_size, n) ndarray
        Spikes of each compartment, all blocks one after the other.
    input_spike_counts : list of (size,) or (batch_size, size) ndarray
        Spikes that each input brought, in the order of ``model.inputs``.
    fan_out : (n_sources,) ndarray
        Synapses of each compartment and then of each input.

    Raises
    ------
    nengo.exceptions.ValidationError
        If several runs are wanted of a network that learns, the model has inputs or
        probes of a kind that nengo-loihi 1.1 does not have, or nengo-loihi is another
        release.
    """

    compartment: Any  # nengo-loihi's, or ours

    def __init__(self, model: Any, seed: int | None = None, batch_size: int = 1):
        require("nengo_loihi")  # refuses other releases
        self.batch_size = check_integer("batch_size", batch_size)
        _check_model(model)
        super().__init__(model, seed=seed)
        if batch_size > 1 and self.synapses.traces:
            raise refusal("batch_size", batch_size, "1 for a network that learns")
        n, info = self.block_info.n_compartments, self.block_info
        sizes = [spike_input.n_neurons for spike_input in self.inputs]
        ends = np.cumsum([0, *sizes])
        wiring = Wiring(info, list(zip(self.inputs, n + ends)))
        self.fan_out = wiring.fan_out
        self._projections = wiring.projections(self.batch_size)

        self.compartment = Compartments(info, self.strict, self.batch_size, sum(sizes))
        self.spike_count = self.compartment.spike_count
        self._input_counts = np.zeros((self.batch_size, sum(sizes)), dtype=np.int64)
        counts = self._input_counts if self.batch_size > 1 else self._input_counts[0]
        self.input_spike_counts = np.split(counts, ends[1:-1], axis=-1)[: len(sizes)]
        self._given: dict[tuple[int, SpikeInput, int], Any] = {}

        self._records = [
            Records(info, list(model.probes), model.dt) for _ in range(self.batch_size)
        ]
        self.probes = self._records[0]

        # random numbers are drawn where they show, and then as nengo-loihi does
        self._noisy = bool(self.compartment.noise.enabled.any())
        self._learns = bool(self.synapses.traces)
        if self._learns and info.dtype == np.int32:
            self.synapses._weight_update = update_weights
        # a part of the state of all synapses, to which nengo-loihi's methods apply
        self._rest = copy.copy(self.synapses)
        for name in ("slices", "spikes_in"):
            whole = getattr(self.synapses, name)
            setattr(self._rest, name, {s: whole[s] for s in whole if s in wiring.rest})
        self._rest_axons = {
            axon: s for axon, s in self.axons.items() if axon.target in wiring.rest
        }

    def close(self) -> None:
        """Let go of the network. Counts of spikes and what probes recorded stay."""
        super().close()
        self._projections = []
        self._rest, self._rest_axons = None, {}

    def host2chip(
        self,
        spikes: Iterable[tuple[SpikeInput, int, Any]],
        errors: Sequence[Any],
        item: int | None = None,
    ) -> None:
        """Take spikes, and errors to learn from, that will be used in steps to come.

        Parameters
        ----------
        spikes : iterable of (SpikeInput, int, array_like)
            The input, the step, and which of its neurons spike.
        errors : list
            As for nengo-loihi's emulator.
        item : int, optional
            The run that gets them; without it, all do.
        """
        if item is None or self.batch_size == 1:
            self._check_item(item or 0)
            super().host2chip(spikes, errors)
            return
        self._check_item(item)
        for spike_input, step, neurons in spikes:
            if (item, spike_input, int(step)) in self._given:
                raise refusal("spikes", step, "one list for each input and step")
            self._given[item, spike_input, int(step)] = neurons

    def chip2host(self, probes_receivers: Any, item: int | None = None) -> None:
        """Send what probes saw to the host's nodes, for one of the runs."""
        probes, self.probes = self.probes, self._of_item(item)
        super().chip2host(probes_receivers)
        self.probes = probes

    def collect_probe_output(
        self, probe: LoihiProbe, item: int | None = None
    ) -> np.ndarray:
        """What a probe saw in one of the runs since it was last asked.

        Parameters
        ----------
        probe : nengo_loihi.probe.LoihiProbe
        item : int, optional
            The run; must be given if there are several.
        """
        return self._of_item(item).collect_probe_output(probe)

    def synaptic_events(self) -> int:
        """Over all spikes of compartments and inputs, the synapses they reach.

        Those of the last step count, though they arrive in the next. Of several runs
        it is the sum.
        """
        counts = np.atleast_2d(self.spike_count).sum(axis=0, dtype=np.int64)
        counts = np.concatenate([counts, self._input_counts.sum(axis=0)])
        return int(counts @ self.fan_out)

    def step(self) -> None:
        """Advance by one step."""
        self.run_steps(1)

    def run_steps(self, steps: int) -> None:
        """Advance by a number of steps."""
        for start in range(0, steps, STRETCH):
            self._run_stretch(min(STRETCH, steps - start))

    def _run_stretch(self, steps: int) -> None:
        compartment, columns = self.compartment, self.probes.columns
        tapes = {key: compartment.tape(key, columns[key], steps) for key in columns}
        arrivals = self._receive(steps)
        compartment.load(self.t)
        for k in range(steps):
            self.t += 1
            self._advance(arrivals, k)
            for key, tape in tapes.items():
                tape[k] = compartment.state(key)[:, columns[key]]
        compartment.store(self.t)
        for item, records in enumerate(self._records):
            records.add({key: tape[:, item] for key, tape in tapes.items()})

    def _receive(self, steps: int) -> Arrivals:
        """Take from the inputs all spikes that arrive in the coming steps.

        Each takes a step to arrive, and the first step gets none.
        """
        arrivals = Arrivals(steps, self.batch_size, self.inputs)
        times = range(self.t, self.t + steps)
        for source in self.inputs:
            common = [source.spike_idxs(t) if t else () for t in times]
            for item in range(self.batch_size):
                own = [self._given.pop((item, source, t), ()) for t in times]
                arrivals.add(item, source, [_joined(*two) for two in zip(common, own)])
        self._input_counts += arrivals.counts
        return arrivals

    def _advance(self, arrivals: Arrivals, k: int) -> None:
        compartment = self.compartment
        currents = compartment.input
        currents.fill(0)
        bound = 0.0  # on what any compartment gets
        if self.inputs:
            compartment.active[:, compartment.n_compartments :] = arrivals.marks[k]
        if arrivals.usual[k]:
            for projection in self._projections:
                bound += projection.add(compartment.active, currents)
            if self._rest.slices:
                self._inject(self._rest, arrivals, k, self._rest_axons)
                bound = np.inf
        else:
            self._inject(self.synapses, arrivals, k, self.axons)
            bound = np.inf
        if self._learns:
            self.synapses.update_traces(self.t, self.rng)
            self.synapses.update_weights(self.t, self.rng)
        compartment.advance(self.t, bound, self._sample_noise())

    def _inject(self, synapses: Any, arrivals: Arrivals, k: int, axons: Any) -> None:
        """Add up currents, and note spikes to learn from, with nengo-loihi's code."""
        for item, currents in enumerate(self.compartment.input):
            inputs = arrivals.of(item, k, synapses.slices)
            spiked = self.compartment.state("spiked")[item]
            synapses.inject_current(self.t, inputs, axons, spiked)
            synapses.update_input(currents[None])

    def _sample_noise(self) -> np.ndarray | None:
        if not self._noisy and not self._learns:
            return None
        sample = self.compartment.noise.sample
        noise = np.stack([sample(self.rng) for _ in range(self.batch_size)])
        return noise if self._noisy else None

    def _of_item(self, item: int | None) -> ProbeState:
        if item is None and self.batch_size > 1:
            raise refusal("item", item, f"one of the {self.batch_size} runs")
        self._check_item(item or 0)
        return self._records[item or 0]

    def _check_item(self, item: int) -> None:
        check_integer("item", item, 0, self.batch_size - 1)


class Arrivals:
    """Spikes of inputs that arrive in some steps.

    Attributes
    ----------
    marks : (steps, batch_size, n_inputs) ndarray of bool
        Which neurons spike, those of all inputs one after the other.
    usual : (steps,) ndarray of bool
        Whether they came in order and none of them twice, as marks tell.
    counts : (batch_size, n_inputs) ndarray
        Spikes in all steps.
    """

    def __init__(self, steps: int, batch_size: int, inputs: list[SpikeInput]):
        ends = np.cumsum([0, *(source.n_neurons for source in inputs)])
        self._starts = dict(zip(inputs, ends))
        self.marks = np.zeros((steps, batch_size, ends[-1]), dtype=bool)
        self.usual = np.ones(steps, dtype=bool)
        self.counts = np.zeros((batch_size, ends[-1]), dtype=np.int64)
        self._spikes: dict[tuple[int, SpikeInput], list[np.ndarray]] = {}

    def add(self, item: int, source: SpikeInput, spikes: list[np.ndarray]) -> None:
        """Take the spikes that an input has for one of the runs, by step."""
        self._spikes[item, source] = spikes
        neurons = np.concatenate(spikes)
        steps = np.repeat(np.arange(len(spikes)), [len(idxs) for idxs in spikes])
        order = steps * source.n_neurons + neurons
        self.usual[steps[1:][np.diff(order) <= 0]] = False
        start = self._starts[source]
        self.marks[steps, item, start + neurons] = True
        here = slice(start, start + source.n_neurons)
        self.counts[item, here] += np.bincount(neurons, minlength=source.n_neurons)

    def of(self, item: int, step: int, synapses: Container[Synapse]) -> list[Taken]:
        """Those of one step for some synapses, in a form that nengo-loihi takes."""
        return [
            Taken([axon for axon in source.axons if axon.target in synapses], idxs)
            for source in self._starts
            for idxs in [self._spikes[item, source][step]]
        ]


@dataclass(frozen=True)
class Taken:
    """Spikes that have been taken from an input, in the form of an input."""

    axons: list[Axon]
    neurons: np.ndarray

    def spike_idxs(self, step: int) -> np.ndarray:
        """The spikes, of whatever step."""
        return self.neurons


def _joined(common: Any, own: Any) -> np.ndarray:
    if not len(own):
        return np.asarray(common, dtype=int)
    return np.concatenate([common, own]).astype(int)


class Compartments(CompartmentState):
    """The compartments of all blocks, in several runs.

    While steps are made the state is in arrays of floats, of twice the width where it
    holds integers: there nothing rounds, and no step needs a division or a sign.

    Parameters
    ----------
    block_info : nengo_loihi.emulator.interface.BlockInfo
    strict : bool
        Whether overflow is an error.
    batch_size : int
        Number of runs.
    n_inputs : int
        Number of neurons of the inputs.

    Attributes
    ----------
    active : (batch_size, n + n_inputs) ndarray of bool
        Which compartments spiked, and which neurons of inputs do.
    """

    def __init__(
        self, block_info: BlockInfo, strict: bool, batch_size: int, n_inputs: int
    ):
        super().__init__(block_info, strict=strict)
        n = self.n_compartments
        shape = (n,) if batch_size == 1 else (batch_size, n)
        self.active = np.zeros((batch_size, n + n_inputs), dtype=bool)
        self.input = np.zeros((batch_size, n), dtype=self.dtype)
        self.spiked = self.active[0, :n] if batch_size == 1 else self.active[:, :n]
        for name in ("current", "voltage", "spike_count", "ref_count"):
            setattr(self, name, np.zeros(shape, dtype=getattr(self, name).dtype))

        self._discrete = self.dtype == np.int32
        wide = np.float64 if self._discrete else np.float32
        if self._discrete:  # exact, as these are twelve bits after the point
            self._keep_u = (4096.0 - 1 - self.decay_u) / 4096
            self._keep_v = (4096.0 - self.decay_v) / 4096
        else:
            self._keep_u, self._keep_v = 1 - self.decay_u, 1 - self.decay_v
        self._bias, self._vth, self._vmin, self._vmax = (
            x.astype(wide) for x in (self.bias, self.vth, self.vmin, self.vmax)
        )
        # a voltage above threshold is reset, so that nobody sees whether it was clipped
        self._clips_above = bool((self.vmax <= self.vth).any())
        self._ref = np.tile(self.ref.astype(np.int32), batch_size)
        self._holds = bool((self.ref > 1).any())
        # the currents that stay within their bits with every bias added
        self._room = 2.0**U_BITS - np.abs(self._bias).max()

        self._u, self._v, self._sum = np.zeros((3, batch_size, n), dtype=wide)
        self._free = np.zeros((batch_size, n), dtype=np.int32)  # first step to spike in
        self._spikes: list[np.ndarray] = []
        self._reach = np.inf  # no current is larger

    def load(self, t: int) -> None:
        """Start from the public arrays, which hold the state after step ``t``."""
        self._u[...], self._v[...] = self.current, self.voltage
        self._free[...] = self.ref_count + (t + 1)
        self._reach = np.inf

    def store(self, t: int) -> None:
        """Write the state after step ``t`` to the public arrays."""
        shape = self.current.shape
        self.current[...] = self._u.reshape(shape)
        self.voltage[...] = self._v.reshape(shape)
        self.ref_count[...] = np.maximum(self._free - (t + 1), 0).reshape(shape)
        if self._spikes:
            spikes = np.concatenate(self._spikes)
            counts = np.bincount(spikes, minlength=self.spike_count.size)
            self.spike_count += counts.reshape(shape).astype(np.int32)
            self._spikes.clear()

    def state(self, key: str) -> np.ndarray:
        """What a probe of this key sees, (batch_size, n), while steps are made."""
        if key == "current":
            return self._u
        return self._v if key == "voltage" else self.active[:, : self.n_compartments]

    def tape(self, key: str, columns: Index, steps: int) -> np.ndarray:
        """Room to record some compartments, (steps, batch_size, n_columns)."""
        dtype = getattr(self, key).dtype
        return np.empty((steps, *self.state(key)[:, columns].shape), dtype=dtype)

    def advance(self, t: int, bound: float, noise: np.ndarray | None) -> None:
        """Make step ``t`` with what is in ``input``, none of it larger than ``bound``.

        The order is that of `nengo_loihi.emulator.interface.CompartmentState.update`.
        """
        q, u, v, total = self.input, self._u, self._v, self._sum
        if noise is not None:
            at_u = self.noise.target_u
            q[:, ~at_u] += noise[:, ~at_u]
            bound = np.inf
        if self._discrete and bound >= 2**Q_BITS and _leaves(q, Q_BITS):
            self._overflow(q, bits=Q_BITS, name="q0")

        self._decay(u, self._keep_u, q, self.scale_u)
        if self._discrete and (noise is not None or self._nears_limit(bound)):
            self._add_checked(noise)
        else:
            np.add(u, self._bias, out=total)
            if noise is not None:
                total[:, at_u] += noise[:, at_u]

        self._decay(v, self._keep_v, total, self.scale_v)
        np.maximum(v, self._vmin, out=v)
        if self._clips_above:
            np.minimum(v, self._vmax, out=v)
        if self._holds:
            np.putmask(v, self._free > t, 0)
        spiked = np.greater(v, self._vth)
        self.active[:, : self.n_compartments] = spiked
        spikes = spiked.reshape(-1).nonzero()[0]
        v.reshape(-1)[spikes] = 0
        if self._holds:
            self._free.reshape(-1)[spikes] = self._ref[spikes] + t
        self._spikes.append(spikes)

    def _decay(
        self, x: np.ndarray, keep: np.ndarray, added: np.ndarray, scale: np.ndarray
    ) -> None:
        np.multiply(x, keep, out=x)
        if self._discrete:
            np.trunc(x, out=x)
            np.add(x, added, out=x)
        else:
            np.add(x, scale * added, out=x)

    def _nears_limit(self, bound: float) -> bool:
        """Whether currents may overflow; measures them only if they may have grown."""
        self._reach += bound
        if self._reach >= self._room:
            self._reach = max(self._u.max(), -self._u.min())
        return self._reach >= self._room

    def _add_checked(self, noise: np.ndarray | None) -> None:
        current = self._u.astype(self.dtype)
        self._overflow(current, bits=U_BITS, name="current")
        self._u[...] = current
        current += self.bias
        if noise is not None:
            at_u = self.noise.target_u
            current[:, at_u] += noise[:, at_u]
        self._overflow(current, bits=U_BITS, name="u2")
        self._sum[...] = current
        self._reach = np.inf


def _leaves(x: np.ndarray, bits: int) -> bool:
    return bool(x.max() >= 2**bits or x.min() < -(2**bits))


class Records(ProbeState):
    """What probes see, in arrays of many steps.

    Attributes
    ----------
    columns : dict
        For each key that is probed, the compartments to record.
    """

    def __init__(self, block_info: BlockInfo, probes: list[LoihiProbe], dt: float):
        super().__init__(block_info, probes, dt)
        every = np.arange(block_info.n_compartments)
        where = {
            probe: [every[s][cut] for s, cut in zip(slices.values(), probe.slice)]
            for probe, slices in self.probes.items()
        }
        self.columns: dict[str, Index] = {}
        self._where: dict[LoihiProbe, list[Index]] = {}
        for key in {probe.key for probe in probes}:
            seen = {p: parts for p, parts in where.items() if p.key == key}
            union = np.unique(np.concatenate([i for ii in seen.values() for i in ii]))
            self.columns[key] = as_index(union)
            for probe, parts in seen.items():
                self._where[probe] = [
                    as_index(np.searchsorted(union, i)) for i in parts
                ]

    def add(self, tapes: dict[str, np.ndarray]) -> None:
        """Take what was recorded in some steps, (steps, n_columns) for each key."""
        for probe, parts in self._where.items():
            for output, where in zip(self.outputs[probe], parts):
                output.append(tapes[probe.key][:, where])

    def collect_probe_output(self, probe: LoihiProbe) -> np.ndarray:
        """What a probe saw since it was last asked."""
        self._join(probe)
        return super().collect_probe_output(probe)

    def send(self, t: int, probe: LoihiProbe, receiver: Any) -> int:
        """Send what a probe saw to a node of the host; gives the number of steps."""
        self._join(probe)
        return super().send(t, probe, receiver)

    def _join(self, probe: LoihiProbe) -> None:
        self.outputs[probe] = [
            np.concatenate(parts) if parts else [] for parts in self.outputs[probe]
        ]

    def clear_probe(self, probe: LoihiProbe) -> None:
        """Forget what a probe saw."""
        self.outputs[probe] = [[] for _ in self.outputs[probe]]


def _check_model(model: Any) -> None:
    for spike_input in model.inputs:
        if type(spike_input) is not SpikeInput:
            raise refusal("model", spike_input, "built with SpikeInputs alone")
    for probe in model.probes:
        if probe.key not in KEYS:
            raise refusal("model", probe.key, f"probed for {', '.join(KEYS)}")
