"""What every memory has in common: a window, a time step, and readouts."""

from __future__ import annotations

from typing import Any

import nengo
import numpy as np
from numpy.typing import ArrayLike

from spiking_lmu.legendre import sampled_readout, state_space
from spiking_lmu.validation import check_integer, check_number

from .configuration import DesignedNetwork
from .expectations import warn_of_units


class Memory(DesignedNetwork):
    """A sliding window over the last theta seconds of each input dimension.

    A subclass adds ``input``, ``output`` and the system between them.

    Parameters
    ----------
    theta, order, dt, size_in, label, seed, add_to_container
        As for `LegendreMemory`.
    """

    #: How many steps ago the newest input that ``output`` holds was sampled.
    newest = 1

    input: nengo.Node
    output: nengo.Node

    def __init__(
        self,
        theta: float,
        order: int,
        dt: float,
        size_in: int,
        **own: Any,
    ) -> None:
        super().__init__(**own)
        self.A, self.B = state_space(theta, order)
        self.theta, self.order = float(theta), int(order)
        self.dt = check_number("dt", dt, low=0, high=theta, exclusive=True)
        warn_of_units(self.theta, self.dt)
        self.size_in = check_integer("size_in", size_in, high=10**4)

    def part(self, k: int) -> slice:
        """The state variables of input dimension k."""
        return slice(k * self.order, (k + 1) * self.order)

    def add_readout(self, delays: ArrayLike, label: str | None = None) -> nengo.Node:
        """Add a node that gives the input as it was some time ago.

        It is late by the delay and by nothing else: time steps are counted
        (`spiking_lmu.sampled_readout`).

        Parameters
        ----------
        delays : float or (n,) array_like
            In seconds, from 0 to theta.
        label : str, optional
            By default, one that names the delays.

        Returns
        -------
        readout : nengo.Node
            Of size ``size_in * n``: all delays of the first input, then of the next.

        Raises
        ------
        nengo.exceptions.ValidationError
            If a delay lies outside the window.
        """
        C = self._weights_at(delays)
        with self:
            size = self.size_in * len(C)
            node = nengo.Node(size_in=size, label=label or _label(delays))
        self._connect_state(node, C)
        return node

    def _weights_at(self, delays: ArrayLike) -> np.ndarray:
        """Weights (n, d) that read the input at these delays out of the state m."""
        return sampled_readout(self.theta, self.order, self.dt, delays, self.newest)

    def _connect_state(self, post: Any, weights: np.ndarray) -> None:
        """Connect the state m of each input dimension through weights (n, d)."""
        self._connect_each(self.output, post, weights)

    def _connect_each(self, pre: Any, post: Any, weights: np.ndarray) -> None:
        n = len(weights)
        with self:
            for k in range(self.size_in):
                nengo.Connection(
                    pre[self.part(k)],
                    post[k * n : (k + 1) * n],
                    transform=weights,
                    synapse=None,
                )


def _label(delays: ArrayLike) -> str:
    """The label of a readout: its delays, or the first and the last of many."""
    listed = [f"{delay:g}" for delay in np.ravel(delays)]
    if len(listed) > 3:
        listed = [f"{listed[0]} to {listed[-1]}"]
    return f"readout of {', '.join(listed)} s"
