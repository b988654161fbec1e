"""Simulators of Nengo that repeat themselves, fed with given values."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import nengo
import numpy as np
from nengo.exceptions import ValidationError


def repeatable(
    network: nengo.Network, dt: float, seed: int | None = None
) -> nengo.Simulator:
    """A simulator of Nengo that gives the same numbers in every process.

    It is `nengo.Simulator` without its optimizer. The optimizer makes runs two to three
    times as fast, but it merges operators in an order that differs from process to
    process. Poisson populations then draw other spikes from the same seed, and sums are
    rounded differently in the last bit.
    """
    return nengo.Simulator(
        network, dt=dt, seed=seed, progress_bar=False, optimize=False
    )


def compiled(
    network: nengo.Network, dt: float, seed: int | None = None
) -> nengo.Simulator:
    """A compiled simulator; it, too, gives the same numbers in every process."""
    from spiking_lmu.simulator import Simulator  # slow to import

    return Simulator(network, dt=dt, seed=seed, progress_bar=False)


@contextmanager
def precision_kept() -> Iterator[None]:
    """Leave Nengo's precision as it was, whatever happens.

    NengoDL sets it to 32 bits while it builds, and leaves it there where building
    raises. Every later simulator in the process would then calculate in 32 bits.
    """
    bits = nengo.rc.get("precision", "bits")
    try:
        yield
    finally:
        nengo.rc.set("precision", "bits", bits)


@contextmanager
def presented(stimulus: nengo.Node, values: np.ndarray, dt: float) -> Iterator[None]:
    """Let a node give values (n, size), one each step, and then what it gave before."""
    before = stimulus.output
    stimulus.output = nengo.processes.PresentInput(values, dt)
    try:
        yield
    finally:
        stimulus.output = before


def given_outputs(
    nodes: Container[Any], data: Any, n_runs: int | None, steps: int
) -> dict[nengo.Node, np.ndarray]:
    """Check the values that replace the output of nodes.

    Parameters
    ----------
    nodes : container of nengo.Node
        The nodes of the network that have no inputs.
    data : dict of array_like or None
        For each node, values (steps, size), or (n_runs, steps, size).
    n_runs : int or None
        Number of runs side by side; None for one, and values without their axis.
    steps : int
        Number of time steps.

    Returns
    -------
    values : dict of (n_runs, steps, size) ndarray

    Raises
    ------
    nengo.exceptions.ValidationError
        If a node has inputs or is not part of the network, or values have another
        shape or are not finite.
    """
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise ValidationError(
            f"must be a mapping from nodes to arrays, but is {data!r}", attr="data"
        )
    for node in data:
        if not isinstance(node, nengo.Node) or node not in nodes:
            raise ValidationError(
                f"must be for nodes of the network without inputs, but is for {node!r}",
                attr="data",
            )
    return {node: _values(node, v, n_runs, steps) for node, v in data.items()}


def _values(
    node: nengo.Node, values: Any, n_runs: int | None, steps: int
) -> np.ndarray:
    shape: tuple[int, ...] = (steps, node.size_out)
    if n_runs is not None:
        shape = (n_runs, *shape)
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        array = np.zeros(0)
    if array.shape != shape:
        raise ValidationError(
            f"must be an array of shape {shape} for {node}, but has the shape "
            f"{np.shape(values)}",
            attr="data",
        )
    if not np.all(np.isfinite(array)):
        raise ValidationError(
            f"must be finite for {node}, but holds nan or infinity", attr="data"
        )
    return array if n_runs is not None else array[None]
