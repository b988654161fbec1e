"""Spikes of many neurons as one number."""

from __future__ import annotations

from collections.abc import Sequence

import nengo
import numpy as np


def add_counter(
    ensembles: Sequence[nengo.Ensemble],
    label: str = "spikes per second",
    spike: float = 1.0,
) -> nengo.Node:
    """A node, in the network around, that gives the sum of all outputs of a step.

    Parameters
    ----------
    ensembles : sequence of nengo.Ensemble
    label : str
        Label of the node.
    spike : float
        Factor of the neurons' outputs.
    """
    counter = nengo.Node(size_in=1, label=label)
    for ensemble in ensembles:
        each = np.full((1, ensemble.n_neurons), spike)
        nengo.Connection(ensemble.neurons, counter, transform=each, synapse=None)
    return counter
