"""How our networks follow `nengo.Config` of the networks around them."""

from __future__ import annotations

from typing import Any

import nengo
from nengo.params import Default

from spiking_lmu.validation import check_seed

# What our networks are made of. Neuron types, maximum rates, intercepts, noise and
# seeds are the user's to configure.
DESIGN = {
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


class DesignedNetwork(nengo.Network):
    """A network whose design does not depend on the configuration around it.

    A `nengo.Config` sets the defaults of everything that is created inside its network.
    A transform, gains or biases that were configured for other parts would silently
    turn a memory into something else. Here, `DESIGN` has Nengo's own defaults.

    Parameters
    ----------
    label, seed, add_to_container
        As for `nengo.Network`.
    """

    def __init__(
        self,
        label: str | None = None,
        seed: int | None = None,
        add_to_container: bool | None = None,
    ) -> None:
        super().__init__(label, check_seed(seed), add_to_container)
        for kind, names in DESIGN.items():
            for name in names:
                setattr(self.config[kind], name, getattr(kind, name).default)


def configured(name: str, value: Any, default: Any) -> Any:
    """An argument for ensembles; where it is not given, what the user has configured.

    Parameters
    ----------
    name : str
        A parameter of `nengo.Ensemble`.
    value : object
        The argument; ``Default`` if it was not given.
    default : object
        What to return if nothing was configured either.
    """
    if value is not Default:
        return value
    found = nengo.Config.default(nengo.Ensemble, name)
    return default if found is getattr(nengo.Ensemble, name).default else found
