"""What the configuration of an enclosing network may change in a network of ours."""

from __future__ import annotations

import nengo
import numpy as np
from numpy.typing import ArrayLike

# neuron types, max_rates, intercepts, noise and seeds are for the user to configure;
# these are what our networks are made of, and stay as Nengo has them
FIXED = {
    nengo.Connection: (
        "transform",
        "eval_points",
        "scale_eval_points",
        "solver",
        "synapse",
        "learning_rule_type",
    ),
    nengo.Ensemble: (
        "gain",
        "bias",
        "encoders",
        "normalize_encoders",
        "eval_points",
        "n_eval_points",
        "radius",
    ),
    nengo.Node: ("output", "size_in", "size_out"),
    nengo.Probe: ("synapse", "sample_every"),
}


def keep_own(network: nengo.Network) -> None:
    """Let no configuration from outside change how a network's parts are connected.

    A `nengo.Config` of an enclosing network sets the defaults of all that is made
    inside. A transform, gains or biases that were meant for other parts would make of
    a memory something else without a word.
    """
    for kind, names in FIXED.items():
        for name in names:
            setattr(network.config[kind], name, getattr(kind, name).default)


def readout_label(delays: ArrayLike) -> str:
    """What a readout is called: by its delays, of many by the first and the last."""
    told = [f"{delay:g}" for delay in np.ravel(delays)]
    if len(told) > 3:
        told = [f"{told[0]} to {told[-1]}"]
    return f"readout of {', '.join(told)} s"
