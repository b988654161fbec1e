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


def joined(common: Any, own: Any) -> np.ndarray:
    if not len(own):
        return np.asarray(common, dtype=int)
    return np.concatenate([common, own]).astype(int)
