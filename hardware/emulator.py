"""Nengo-loihi's emulator of Loihi, faster and for several runs at once.

Nengo-loihi's own emulator loops over spikes and synapses in Python. Here the synapses
of all compartments with the same sources form one dense matrix, and the spikes of a
step one sparse matrix, so a step is a few operations on arrays. The results are the
same, bit for bit: integers are exact in any order, and floats are added in the same
order.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from nengo_loihi.emulator.interface import EmulatorInterface, ProbeState
from nengo_loihi.inputs import SpikeInput
from nengo_loihi.probe import LoihiProbe

from spiking_lmu.compatibility import require
from spiking_lmu.validation import check_integer, refusal

from .arrivals import Arrivals, joined
from .compartments import Compartments
from .learning import update_weights
from .records import Records
from .wiring import Wiring

KEYS = ("current", "voltage", "spiked")  # of probes

STRETCH = 1000  # steps at once


class Emulator(EmulatorInterface):
    """An emulator of Loihi with the spikes of nengo-loihi's ``EmulatorInterface``.

    Synapses that learn, and axons with populations, use the code of nengo-loihi.
    Everything else reproduces its releases 1.1; another release raises an error.

    Parameters
    ----------
    model : nengo_loihi.builder.Model
        The built model.
    seed : int, optional
        Seed of the compartments' noise and of the rounding of learned weights.
    batch_size : int
        Number of independent runs to make at once. Only their inputs and noise differ.

    Attributes
    ----------
    spike_count : (n,) or (batch_size, n) ndarray
        Number of spikes of each compartment, all blocks one after the other.
    input_spike_counts : list of (size,) or (batch_size, size) ndarray
        Number of spikes of each input's neurons, in the order of ``model.inputs``.
    fan_out : (n_sources,) ndarray
        Number of synapses of each compartment and then of each input's neurons.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there are several runs of a network that learns, the model has inputs or
        probes of a kind that nengo-loihi 1.1 does not have, or another release of
        nengo-loihi is installed.
    """

    compartment: Any  # nengo-loihi's, or ours

    def __init__(self, model: Any, seed: int | None = None, batch_size: int = 1):
        # refuses other releases
        require("nengo_loihi", "spiking_lmu.hardware.loihi")
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

        # draw random numbers only where they have an effect, as nengo-loihi draws them
        self._noisy = bool(self.compartment.noise.enabled.any())
        self._learns = bool(self.synapses.traces)
        if self._learns and info.dtype == np.int32:
            self.synapses._weight_update = update_weights
        # the part of all synapses' state to which nengo-loihi's methods are applied
        self._rest = copy.copy(self.synapses)
        for name in ("slices", "spikes_in"):
            whole = getattr(self.synapses, name)
            setattr(self._rest, name, {s: whole[s] for s in whole if s in wiring.rest})
        self._rest_axons = {
            axon: s for axon, s in self.axons.items() if axon.target in wiring.rest
        }

    def close(self) -> None:
        """Release the network. Counts of spikes and the probes' data remain."""
        super().close()
        self._projections = []
        self._rest, self._rest_axons = None, {}

    def host2chip(
        self,
        spikes: Iterable[tuple[SpikeInput, int, Any]],
        errors: Sequence[Any],
        item: int | None = None,
    ) -> None:
        """Receive spikes, and errors for learning, for future steps.

        Parameters
        ----------
        spikes : iterable of (SpikeInput, int, array_like)
            Each an input, a step, and the indices of the neurons that spike.
        errors : list
            As for nengo-loihi's emulator.
        item : int, optional
            The run that receives them; all runs by default.
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
        """Send the probes' data of one of the runs to nodes of the host."""
        probes, self.probes = self.probes, self._of_item(item)
        super().chip2host(probes_receivers)
        self.probes = probes

    def collect_probe_output(
        self, probe: LoihiProbe, item: int | None = None
    ) -> np.ndarray:
        """The data of a probe, in one of the runs, since the last call.

        Parameters
        ----------
        probe : nengo_loihi.probe.LoihiProbe
        item : int, optional
            The run; required if there are several.
        """
        return self._of_item(item).collect_probe_output(probe)

    def synaptic_events(self) -> int:
        """Number of synapses that all spikes of compartments and inputs reach.

        It includes the spikes of the last step, which arrive in the next. For several
        runs it is the sum over all of them.
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
        """Receive from the inputs all spikes that arrive in the next steps.

        A spike takes one step to arrive; none arrive in the first step.
        """
        arrivals = Arrivals(steps, self.batch_size, self.inputs)
        times = range(self.t, self.t + steps)
        for source in self.inputs:
            common = [source.spike_idxs(t) if t else () for t in times]
            for item in range(self.batch_size):
                own = [self._given.pop((item, source, t), ()) for t in times]
                arrivals.add(item, source, [joined(*two) for two in zip(common, own)])
        self._input_counts += arrivals.counts
        return arrivals

    def _advance(self, arrivals: Arrivals, k: int) -> None:
        compartment = self.compartment
        currents = compartment.input
        currents.fill(0)
        bound = 0.0  # on the input of any compartment
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
        """Add up currents, and record spikes for learning, with nengo-loihi's code."""
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


def _check_model(model: Any) -> None:
    for spike_input in model.inputs:
        if type(spike_input) is not SpikeInput:
            raise refusal("model", spike_input, "built with SpikeInputs alone")
    for probe in model.probes:
        if probe.key not in KEYS:
            raise refusal("model", probe.key, f"probed for {', '.join(KEYS)}")
