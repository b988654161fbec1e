"""Coordinated spikes in TensorFlow. Importing this module tells NengoDL of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from nengo_dl.neuron_builders import SimNeuronsBuilder, TFNeuronBuilder

from .neurons import SystematicSpiking


class SystematicSpikingBuilder(TFNeuronBuilder):
    """Builds populations of `SystematicSpiking`, which NengoDL joins.

    In training, neurons have their rates. Each population of each item of a minibatch
    has an offset of its own.
    """

    spiking = True

    def build_pre(self, signals: Any, config: Any) -> None:
        """Find the populations."""
        super().build_pre(signals, config)
        first = [op.state["first"].initial_value for op in self.ops]
        offset = [op.state["offset"].initial_value for op in self.ops]
        begin = np.flatnonzero(np.concatenate(first))
        sizes = np.diff(begin, append=sum(map(len, first)))
        self.begin = np.repeat(begin, sizes)
        self.last = np.repeat(begin + sizes - 1, sizes)
        self.continues = 1.0 * (np.concatenate(first) == 0)
        self.population = np.repeat(np.arange(len(begin)), sizes)
        self.drawn_shape = (signals.minibatch_size, len(begin))

        each = [op.J.shape[0] for op in self.ops]
        shifts = np.repeat([op.neurons.shift for op in self.ops], each)
        self.random, self.carry = shifts == "random", shifts == "carry"
        self.added = np.repeat([op.neurons.added for op in self.ops], each)
        # items of a minibatch begin with the same state: the first keeps it as it is
        seeds = (np.concatenate(offset)[begin] * 2**32).astype(np.uint32)
        apart = np.random.RandomState(seeds).uniform(size=self.drawn_shape)
        apart[0] = 0
        drawn_once = (shifts == "golden") | (shifts == "carry")
        self.apart = apart[:, self.population] * drawn_once

    def step(self, J: Any, dt: Any, offset: Any, first: Any) -> tuple[Any, Any, Any]:
        """One step of neurons whose rates are J."""
        drawn = tf.random.uniform(self.drawn_shape, dtype=J.dtype)
        moved = tf.gather(offset, self.last, axis=1) + tf.constant(self.added, J.dtype)
        offset = tf.where(
            self.random,
            tf.gather(drawn, self.population, axis=1),
            tf.math.floormod(moved, 1),
        )
        # in 64 bits: sums over all populations must keep the slowest neurons
        shift = tf.math.floormod(tf.cast(offset, tf.float64) + self.apart, 1)
        total = tf.cumsum(tf.cast(J, tf.float64) * tf.cast(dt, tf.float64), axis=1)
        before = tf.pad(total, [[0, 0], [1, 0]])
        total += shift - tf.gather(before, self.begin, axis=1)
        reached = tf.floor(total)
        left = tf.math.floormod(total - reached - self.apart, 1)
        offset = tf.where(self.carry, tf.cast(left, J.dtype), offset)
        last = tf.pad(reached, [[0, 0], [1, 0]])[:, :-1] * self.continues
        return tf.cast(reached - last, J.dtype) * self.alpha, offset, first

    def training_step(self, J: Any, dt: Any, **state: Any) -> Any:
        """The rates of the neurons, which can be differentiated."""
        return J if self.amplitude is None else J * self.amplitude


SimNeuronsBuilder.TF_NEURON_IMPL[SystematicSpiking] = SystematicSpikingBuilder
