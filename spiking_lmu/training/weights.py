"""What a network has learned: drawn, read, put back, and kept in files.

Files are NumPy archives of plain arrays and JSON text. Nothing in them is ever
executed, and a file of another network is refused.
"""

from __future__ import annotations

import copy
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nengo
import numpy as np
from nengo.builder.network import seed_network
from nengo.dists import Distribution
from nengo.exceptions import ValidationError
from nengo.solvers import NoSolver
from nengo.transforms import ConvolutionTranspose, SparseMatrix

from spiking_lmu.data.archives import Archive, DamagedFile, open_saved, write_archive
from spiking_lmu.validation import check_path, refusal

from .forms import Form
from .parallel import trainable_objects

# of a file: beyond it, products of the weights of a few layers leave 32 bits
LARGEST_WEIGHT = 1e12
MAX_SEED = 2**32 - 1


def fix_seeds(network: nengo.Network, seed: int) -> None:
    """Give every object the seed that Nengo would give it, for all simulators to come.

    What is trained around random neurons is worth nothing around others.
    """
    if network.seed is None:
        network.seed = seed
    seeds: dict[Any, Any] = {network: network.seed}
    seed_network(network, seeds, {})
    for obj in [*network.all_ensembles, *network.all_connections, *network.all_nodes]:
        if obj.seed is None:
            obj.seed = seeds[obj]


def draw_weights(network: nengo.Network, seed: int) -> list[nengo.Connection]:
    """Draw the weights that are still distributions and are to be trained.

    Returns
    -------
    drawn : list of nengo.Connection
        Those whose weights have been drawn.
    """
    drawn_now = []
    for k, c in enumerate(_trained_connections(network)):
        (number,) = np.random.SeedSequence([seed, k]).generate_state(1)
        rng = np.random.RandomState(number)
        if isinstance(getattr(c.transform, "init", None), Distribution):
            drawn_now.append(c)
            drawn = c.transform.sample(rng=rng)
            if isinstance(c.transform, nengo.Dense):
                c.transform = drawn
            else:
                _set_weights(c, drawn)
        elif isinstance(c.transform, nengo.Sparse) and not _is_decoded(c):
            drawn_now.append(c)
            _set_weights(c, np.array(_sparse(c).sample(rng=rng).data, dtype=float))
    return drawn_now


def _trained_connections(network: nengo.Network) -> list[nengo.Connection]:
    trainable = trainable_objects(network)
    return [c for c in network.all_connections if c in trainable]


def check_storable(network: nengo.Network, all_weights: bool = False) -> None:
    """Refuse what would be trained and could not be kept; names the object.

    Parameters
    ----------
    network : nengo.Network
    all_weights : bool
        Whether weights of Keras layers that do not learn are refused, too.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is such an object.
    """
    for c in _trained_connections(network):
        kinds: tuple[type, ...] = (nengo.Dense, nengo.transforms.NoTransform)
        if not _is_decoded(c):
            kinds = (nengo.Dense, nengo.Convolution, ConvolutionTranspose, nengo.Sparse)
        if not isinstance(c.transform, kinds):
            kind = type(c.transform).__name__
            raise ValidationError(
                f"has weights that cannot be stored: those of {c}, a {kind}; set its "
                "`trainable` to False, or connect from neurons or nodes",
                attr="network",
            )
    nengo_dl = sys.modules.get("nengo_dl")
    if nengo_dl is None:  # there are no such nodes
        return
    for node in network.all_nodes:
        layer = getattr(node, "tensor_func", None)
        kept = "weights" if all_weights else "trainable_weights"
        if isinstance(node, nengo_dl.TensorNode) and getattr(layer, kept, None):
            raise ValidationError(
                f"has weights that cannot be stored: those of the Keras layer in "
                f"{node}; use Nengo connections instead, or train with NengoDL itself",
                attr="network",
            )


def _is_decoded(connection: nengo.Connection) -> bool:
    return isinstance(connection.pre_obj, nengo.Ensemble)


def store_weights(sim: Any, form: Form) -> None:
    """Put what a NengoDL simulator has learned into the network's own objects."""
    flat = sim.model.toplevel
    built = {*flat.connections, *flat.ensembles}
    for obj in form.trainable:
        if isinstance(obj, nengo.Connection):
            double = form.stand_ins.get(obj, obj)
            if double in built:
                weights = sim.data[double].weights
                if isinstance(obj.transform, nengo.Sparse):
                    weights = weights.data
                weights = np.asarray(weights, dtype=float)
                weights = weights / form.scales.get(double, 1.0)
                # of a scalar, NengoDL makes a vector
                _set_weights(obj, weights.reshape(_shape(obj)))
        elif (ensemble := getattr(obj, "ensemble", obj)) in built:
            for name, value in sim.get_nengo_params(ensemble).items():
                setattr(ensemble, name, value)


def _set_weights(connection: nengo.Connection, weights: np.ndarray) -> None:
    """Let a connection have these weights: its decoders, where it decodes."""
    if _is_decoded(connection):
        connection.solver = NoSolver(weights.T)
        connection.function = _Zeros(len(weights))
        connection.transform = nengo.transforms.NoTransform(len(weights))
        return
    if isinstance(connection.transform, nengo.Dense):
        connection.transform = weights
        return
    # transforms can only be built anew, and each kind from other arguments
    transform = copy.copy(connection.transform)
    if isinstance(transform, nengo.Sparse):
        weights = SparseMatrix(_sparse(connection).indices, weights, transform.shape)
    type(transform).init.data[transform] = weights
    connection.transform = transform


def _weights(connection: nengo.Connection) -> Any:
    """What a connection has learned, as an array; something else if nothing yet."""
    if _is_decoded(connection):
        return getattr(getattr(connection.solver, "values", None), "T", None)
    if isinstance(connection.transform, nengo.Sparse):
        return _sparse(connection).data
    return connection.transform.init


def _sparse(connection: nengo.Connection) -> Any:
    """Entries and indices of a sparse transform, of Nengo or of scipy."""
    init = connection.transform.init
    if isinstance(init, SparseMatrix):
        return init
    init = init.tocoo()
    indices = np.stack([init.row, init.col], axis=1)
    return SparseMatrix(indices, init.data, init.shape)


def _shape(connection: nengo.Connection) -> tuple[int, ...]:
    """Of all that a connection learns."""
    transform = connection.transform
    if _is_decoded(connection):
        return connection.size_out, connection.pre_obj.n_neurons
    if isinstance(transform, nengo.Sparse):
        return (len(_sparse(connection).indices),)
    if isinstance(transform, nengo.Dense):
        init = transform.init
        return np.shape(init) if isinstance(init, np.ndarray) else transform.shape
    return tuple(transform.kernel_shape)


class _Zeros:
    """The function of a connection whose decoders are given: only its size counts."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.zeros(self.size)


def read_weights(network: nengo.Network) -> dict[str, np.ndarray]:
    """All that learns in a network, by name.

    Raises
    ------
    nengo.exceptions.ValidationError
        If something has not been trained yet.
    """
    check_network(network)
    check_storable(network, all_weights=True)
    trainable = trainable_objects(network)
    weights: dict[str, Any] = {}
    for k, c in enumerate(network.all_connections):
        if c in trainable:
            weights[f"connection {k}"] = _weights(c)
    for k, e in enumerate(network.all_ensembles):
        if e in trainable or e.neurons in trainable:
            for name in _OF_ENSEMBLE:
                weights[f"ensemble {k} {name}"] = getattr(e, name)
    if any(not isinstance(value, np.ndarray) for value in weights.values()):
        raise refusal("network", network, "trained: some weights are still random")
    return weights


_OF_ENSEMBLE = ("encoders", "gain", "bias")


def write_weights(network: nengo.Network, weights: Mapping[str, np.ndarray]) -> None:
    """Give a network the weights that `read_weights` has read from one like it."""
    for k, c in enumerate(network.all_connections):
        if f"connection {k}" in weights:
            _set_weights(c, weights[f"connection {k}"])
    for k, e in enumerate(network.all_ensembles):
        if f"ensemble {k} gain" in weights:
            for name in _OF_ENSEMBLE:
                setattr(e, name, weights[f"ensemble {k} {name}"])
            e.normalize_encoders = False
            e.max_rates = nengo.Ensemble.max_rates.default
            e.intercepts = nengo.Ensemble.intercepts.default


def count_parameters(network: nengo.Network) -> int:
    """How many numbers NengoDL would train."""
    trainable = trainable_objects(network)
    count = 0
    for obj in trainable:
        if isinstance(obj, nengo.Connection):
            count += math.prod(_shape(obj))
        elif isinstance(obj, nengo.ensemble.Neurons):
            count += obj.ensemble.n_neurons
        else:
            count += obj.n_neurons * obj.dimensions
    return count


def describe(network: nengo.Network) -> list[str]:
    """What a network is made of, in words: equal for networks that fit together."""
    trainable = trainable_objects(network)
    words = []
    for node in network.all_nodes:
        words.append(f"node {node.label}: {node.size_in} to {node.size_out}")
    for e in network.all_ensembles:
        learns = "trained" if e in trainable or e.neurons in trainable else "fixed"
        kind = f"{e.n_neurons} neurons, {e.dimensions} dimensions, {e.neuron_type}"
        words.append(f"ensemble {e.label}: {kind}, {learns}")
    for c in network.all_connections:
        learns = "trained" if c in trainable else _size_of(c)
        words.append(f"connection {c.label}: {c.size_in} to {c.size_out}, {learns}")
    return words


def _size_of(connection: nengo.Connection) -> str:
    """A few digits of what is fixed: enough to tell other fixed weights."""
    values = getattr(connection.transform, "init", None)
    if not isinstance(values, np.ndarray):
        return "fixed"
    return f"fixed {np.linalg.norm(values):.4g}"


def save(
    path: str | os.PathLike[str],
    network: nengo.Network,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Save what a network has learned.

    Parameters
    ----------
    path : path
        Path of the file, a NumPy archive, usually ``*.npz``. An existing file is
        replaced as a whole.
    network : nengo.Network
        Trained.
    about : mapping, optional
        Further data to store with it that JSON can represent.

    Returns
    -------
    path : pathlib.Path

    Raises
    ------
    nengo.exceptions.ValidationError
        If the network has not been trained, or ``about`` is no JSON.
    """
    if about is not None and not isinstance(about, Mapping):
        raise refusal("about", about, "a mapping")
    path = check_path("path", path)
    weights = read_weights(network)
    for name, value in weights.items():
        if not (np.abs(value) <= LARGEST_WEIGHT).all():
            allowed = f"of finite weights of at most {LARGEST_WEIGHT:g} ({name})"
            raise refusal("network", network, allowed)
    objects = [*network.all_ensembles, *network.all_connections, *network.all_nodes]
    seeds = [-1 if o.seed is None else int(o.seed) for o in objects]
    texts = {"about": dict(about or {}), "architecture": describe(network)}
    return write_archive(path, {**weights, "seeds": np.array(seeds)}, texts)


def load(path: str | os.PathLike[str], network: nengo.Network) -> dict[str, Any]:
    """Load the weights that another network has learned.

    Parameters
    ----------
    path : path
        A file that `save` has written.
    network : nengo.Network
        A network of the same architecture.

    Returns
    -------
    about : dict
        The data that were stored with it.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the file is not such a file, is damaged, or was written for another network.
        The network is then unchanged.
    """
    check_network(network)
    objects = [*network.all_ensembles, *network.all_connections, *network.all_nodes]
    with open_saved(path) as archive:
        about = archive.text("about")
        if not isinstance(about, dict):
            raise DamagedFile("it does not say what it is about")
        _check_architecture(path, network, archive.text("architecture"))
        shapes = _shapes(network)
        _check_shapes(path, shapes, archive)
        seeds = _read_seeds(archive, len(objects))
        weights = {name: archive.read(name) for name in shapes}
        for name, value in weights.items():
            if not (np.abs(value) <= LARGEST_WEIGHT).all():
                raise DamagedFile(f"its {name} holds no number, or one too large")
    for obj, seed in zip(objects, seeds):
        obj.seed = None if seed < 0 else seed
    write_weights(network, weights)
    return about


def check_network(network: Any) -> None:
    if not isinstance(network, nengo.Network):
        raise refusal("network", network, "a nengo.Network")


def _other_network(path: Any, how: str) -> ValidationError:
    return ValidationError(f"{path} was saved from another network: it {how}", "path")


def _check_architecture(path: Any, network: nengo.Network, found: Any) -> None:
    own = describe(network)
    if not isinstance(found, list):
        raise DamagedFile("it does not describe a network")
    for mine, theirs in zip(own, found):
        if mine != theirs:
            shown = repr(theirs)[:100]
            raise _other_network(path, f"has {shown} where this one has {mine!r}")
    if len(own) != len(found):
        how = f"is made of {len(found)} parts, this one of {len(own)}"
        raise _other_network(path, how)


def _read_seeds(archive: Archive, n: int) -> list[int]:
    header = archive.headers.get("seeds")
    if header is None or header.shape != (n,) or header.dtype.kind != "i":
        raise DamagedFile("it has no seeds for this network")
    seeds: list[int] = archive.read("seeds").tolist()
    if min(seeds, default=0) < -1 or max(seeds, default=0) > MAX_SEED:
        raise DamagedFile("its seeds are out of range")
    return seeds


def _check_shapes(
    path: Any, shapes: Mapping[str, tuple[int, ...]], archive: Archive
) -> None:
    """Refuse weights that are not all there or of other shapes, before reading any."""
    found = [n for n in archive.headers if n != "seeds" and not n.startswith("json ")]
    if set(found) != set(shapes):
        raise _other_network(path, "has other weights")
    for name, shape in shapes.items():
        header = archive.headers[name]
        if header.shape != shape or header.dtype.kind != "f":
            raise _other_network(path, f"has {header.shape} for {name}, not {shape}")


def _shapes(network: nengo.Network) -> dict[str, tuple[int, ...]]:
    """Of all that learns in a network, by the names of `read_weights`."""
    trainable = trainable_objects(network)
    shapes: dict[str, tuple[int, ...]] = {}
    for k, c in enumerate(network.all_connections):
        if c in trainable:
            shapes[f"connection {k}"] = _shape(c)
    for k, e in enumerate(network.all_ensembles):
        if e in trainable or e.neurons in trainable:
            n = e.n_neurons
            shapes[f"ensemble {k} encoders"] = (n, e.dimensions)
            shapes[f"ensemble {k} gain"] = shapes[f"ensemble {k} bias"] = (n,)
    return shapes
