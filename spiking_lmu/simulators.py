"""Simulators of Nengo that repeat themselves, fed with given values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import nengo
import numpy as np


def repeatable(
    network: nengo.Network, dt: float, seed: int | None = None
) -> nengo.Simulator:
    """A simulator of Nengo that gives the same numbers in every process.

    It runs without Nengo's optimizer. The optimizer makes runs two to three times as
    fast, but it merges operators in an order that differs from process to process.
    Poisson populations then draw other spikes from the same seed, and sums are rounded
    differently in the last bit.
    """
    return nengo.Simulator(
        network, dt=dt, seed=seed, progress_bar=False, optimize=False
    )


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
