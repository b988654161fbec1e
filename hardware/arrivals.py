"""Spikes of inputs on their way to the emulated chip."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np
from nengo_loihi.block import Axon, Synapse
from nengo_loihi.inputs import SpikeInput


class Arrivals:
    """Spikes of inputs that arrive in some steps.

    Attributes
    ----------
    marks : (steps, batch_size, n_inputs) ndarray of bool
        Whether each neuron spikes, the neurons of all inputs one after the other.
    usual : (steps,) ndarray of bool
        Whether the spikes of a step are sorted and none occurs twice, so that the marks
        describe them.
    counts : (batch_size, n_inputs) ndarray
        Number of spikes in all steps.
    """

    def __init__(self, steps: int, batch_size: int, inputs: list[SpikeInput]):
        ends = np.cumsum([0, *(source.n_neurons for source in inputs)])
        self._starts = dict(zip(inputs, ends))
        self.marks = np.zeros((steps, batch_size, ends[-1]), dtype=bool)
        self.usual = np.ones(steps, dtype=bool)
        self.counts = np.zeros((batch_size, ends[-1]), dtype=np.int64)
        self._spikes: dict[tuple[int, SpikeInput], list[np.ndarray]] = {}

    def add(self, item: int, source: SpikeInput, spikes: list[np.ndarray]) -> None:
        """Add the spikes of an input in one of the runs, one array for each step."""
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
        """The spikes of one step for some synapses, in the form of nengo-loihi."""
        return [
            Taken([axon for axon in source.axons if axon.target in synapses], idxs)
            for source in self._starts
            for idxs in [self._spikes[item, source][step]]
        ]


@dataclass(frozen=True)
class Taken:
    """Spikes of one step, with the interface of an input."""

    axons: list[Axon]
    neurons: np.ndarray

    def spike_idxs(self, step: int) -> np.ndarray:
        """The spikes, for any step."""
        return self.neurons


def joined(common: Any, own: Any) -> np.ndarray:
    """Spikes for all runs and for one of them."""
    if not len(own):
        return np.asarray(common, dtype=int)
    return np.concatenate([common, own]).astype(int)
