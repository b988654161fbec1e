"""Files of units and networks: weights as arrays, arguments as JSON."""

from __future__ import annotations

import inspect
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.data.archives import DamagedFile, open_saved, path_error, write_archive
from spiking_lmu.neurons import SHIFTS, SystematicSpiking
from spiking_lmu.training.weights import LARGEST_WEIGHT
from spiking_lmu.validation import (
    check_choice,
    check_integer,
    check_number,
    refusal,
)

KIND = "spiking_lmu.networks.LMU"
#: Neuron types that a file may hold, by name.
NEURONS: dict[str, type[nengo.neurons.NeuronType]] = {
    kind.__name__: kind
    for kind in (
        nengo.Tanh,
        nengo.Sigmoid,
        nengo.RectifiedLinear,
        nengo.SpikingRectifiedLinear,
        nengo.LIF,
        nengo.LIFRate,
        nengo.PoissonSpiking,
        nengo.StochasticSpiking,
        nengo.RegularSpiking,
        SystematicSpiking,
    )
}
SIZES = {"units", "order", "theta", "size_in", "memory_d", "dt", "amplitude", "scale"}
MAX_MEMORIES = 1000  # of one unit
LARGEST = 2**25  # entries of the matrices A of all memories


def write_unit(
    path: str | os.PathLike[str],
    arguments: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    about: Mapping[str, Any] | None,
) -> Path:
    """Write the arguments and weights of a unit; see `LMU.save`."""
    if about is not None and not isinstance(about, Mapping):
        raise refusal("about", about, "a mapping")
    synapse = arguments["synapse"]
    if synapse is not None and type(synapse) is not nengo.Lowpass:
        raise refusal("synapse", synapse, "a Lowpass or None, to be stored in a file")
    unit = {
        **{name: arguments[name] for name in SIZES},
        "neuron_type": _describe(arguments["neuron_type"]),
        "synapse": None if synapse is None else synapse.tau,
        "fixed": arguments["fixed"],
    }
    for name, array in arrays.items():
        if not (np.abs(array) <= LARGEST_WEIGHT).all():
            raise refusal(name, np.abs(array).max(), f"at most {LARGEST_WEIGHT:g}")
    content = {"kind": KIND, "unit": unit, "about": dict(about or {})}
    return write_archive(path, arrays, {"about": content})


def read_unit(
    path: str | os.PathLike[str],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the arguments of a unit, with its weights, and what was saved with it."""
    with open_saved(path) as archive:
        content = archive.text("about")
        if not isinstance(content, dict) or content.get("kind") != KIND:
            raise path_error(path, "a file that LMU.save has written")
        unit, about = content.get("unit"), content.get("about")
        names = SIZES | {"neuron_type", "synapse", "fixed"}
        if not isinstance(unit, dict) or set(unit) != names:
            raise DamagedFile("it does not say what the unit is")
        if not isinstance(about, dict) or not isinstance(unit["fixed"], list):
            raise DamagedFile("it does not say what it is about")
        try:
            for name in SIZES:
                check_number(name, unit[name], low=0, exclusive=True)
            check_number("memory_d", unit["memory_d"], high=MAX_MEMORIES)
            if unit["memory_d"] * unit["order"] ** 2 > LARGEST:
                raise refusal("order", unit["order"], "smaller for this many memories")
            unit["neuron_type"] = _neurons(unit["neuron_type"])
        except ValidationError as error:
            raise path_error(path, f"a saved unit ({error})") from None
        _check_shapes(archive.headers, unit)
        for name in [name for name in archive.headers if name != "json about"]:
            unit[name] = archive.read(name)
            if not (np.abs(unit[name]) <= LARGEST_WEIGHT).all():
                raise DamagedFile(f"its {name} holds no number, or one too large")
    return unit, about


def shapes(unit: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shapes of all weights that a unit may have."""
    states = unit["memory_d"] * unit["order"]
    n, k, size = unit["units"], unit["memory_d"], unit["size_in"]
    return {
        "e_x": (k, size), "e_h": (k, n), "e_m": (k, states),
        "W_x": (n, size), "W_h": (n, n), "W_m": (n, states), "bias": (n,),
    }  # fmt: skip


def _check_shapes(headers: Mapping[str, Any], unit: Mapping[str, Any]) -> None:
    allowed = shapes(unit)
    for name, header in headers.items():
        if name == "json about":
            continue
        if header.dtype.kind != "f" or header.shape != allowed.get(name):
            shown = name[:60]
            raise DamagedFile(f"its {shown!r} of shape {header.shape} is no weight")


def _describe(neuron_type: nengo.neurons.NeuronType) -> dict[str, Any]:
    """A neuron type as JSON."""
    kind = type(neuron_type)
    if NEURONS.get(kind.__name__) is not kind or neuron_type.initial_state:
        allowed = f"one of {', '.join(NEURONS)}, to be stored in a file"
        raise refusal("neuron_type", neuron_type, allowed)
    values = {name: getattr(neuron_type, name) for name in _parameters(kind)}
    if "base_type" in values:
        values["base_type"] = _describe(values["base_type"])
    return {"type": kind.__name__, **values}


def _neurons(described: Any) -> nengo.neurons.NeuronType:
    if not isinstance(described, dict) or described.get("type") not in list(NEURONS):
        raise refusal("neuron_type", described, f"one of {', '.join(NEURONS)}")
    kind = NEURONS[described["type"]]
    values = {name: value for name, value in described.items() if name != "type"}
    if set(values) != set(_parameters(kind)):
        raise refusal("neuron_type", described, f"with the parameters of {kind}")
    for name, value in values.items():
        if name == "base_type":
            values[name] = _neurons(value)
        elif name == "shift":
            check_choice("shift", value, SHIFTS)
        else:
            check_number(name, value)
    return kind(**values)


def _parameters(kind: type[nengo.neurons.NeuronType]) -> list[str]:
    names = list(inspect.signature(kind).parameters)
    return [name for name in names if name not in ("initial_state", "negative")]


def check_architecture(
    architecture: Any, shapes: Collection[tuple[int, ...]]
) -> dict[str, Any]:
    """The arguments of a saved network, checked against the sizes of its weights."""
    names = {
        "size_in", "size_out", "order", "window", "units", "activation",
        "presentation", "dt",
    }  # fmt: skip
    if not isinstance(architecture, dict) or set(architecture) != names:
        raise refusal("network", architecture, "one with " + ", ".join(sorted(names)))
    sizes = [architecture[name] for name in ("size_in", "order")]
    for size in sizes:
        check_integer("network", size)
    # building takes longer the larger the sizes are: check them first
    if not any(len(s) == 2 and s[1] == sizes[0] * sizes[1] for s in shapes):
        raise refusal("network", sizes, "of as many state variables as the weights")
    return architecture


def check_about(name: str, about: Any, size_out: int) -> None:
    """Refuse what cannot be saved with a network of so many answers."""
    if not isinstance(about, Mapping):
        raise refusal(name, about, "a mapping")
    if "labels" not in about:
        return
    labels = about["labels"]
    if (
        not isinstance(labels, (list, tuple))
        or len(labels) != size_out
        or not all(isinstance(one, (str, int, float)) for one in labels)
    ):
        raise refusal(f'{name}["labels"]', labels, f"{size_out} words or numbers")
