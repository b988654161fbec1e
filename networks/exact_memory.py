"""The linear memory without neurons, exact on the time grid."""

from __future__ import annotations

from typing import Any

import nengo
from nengo.params import NumberParam
from numpy.typing import ArrayLike

from spiking_lmu.legendre import sampled_readout, state_space
from spiking_lmu.linear_systems import discretize
from spiking_lmu.validation import check_integer, check_number, check_seed

from .defaults import keep_own, readout_label
from .expectations import check_dt, warn_of_units


class ExactMemory(nengo.Network):
    r"""The linear memory, :math:`m_t = \bar A m_{t-1} + \bar B u_t`, without neurons.

    As `LegendreMemory` without noise, but for one thing: its ``output`` is :math:`m_t`
    in the step in which its ``input`` is :math:`u_t`, not one step later.

    Parameters
    ----------
    theta, order, dt, size_in, label, seed
        As for `LegendreMemory`.

    Attributes
    ----------
    input : nengo.Node
        u, of ``size_in``. Connect to it with ``synapse=None``.
    output : nengo.Node
        m, of ``size_in * order``, the memory of one input after the other.
    """

    def __init__(
        self,
        theta: float,
        order: int,
        dt: float = 0.001,
        size_in: int = 1,
        label: str | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(label=label, seed=check_seed(seed))
        keep_own(self)
        A, B = state_space(theta, order)
        self.theta, self.order = float(theta), int(order)
        self.dt = check_number("dt", dt, low=0, high=theta, exclusive=True)
        warn_of_units(self.theta, self.dt)
        self.size_in = check_integer("size_in", size_in, high=10**4)
        Ad, Bd = discretize(A, B, self.dt)
        with self:
            self.input = nengo.Node(size_in=self.size_in, label="input")
            self.output = nengo.Node(size_in=self.size_in * self.order, label="output")
            for k in range(self.size_in):
                m = self.output[k * self.order : (k + 1) * self.order]
                nengo.Connection(m, m, transform=Ad, synapse=_OneStep(self.dt))
                nengo.Connection(self.input[k], m, transform=Bd, synapse=None)

    def add_readout(self, delays: ArrayLike, label: str | None = None) -> nengo.Node:
        """Add a node that gives the input as it was some time ago.

        As `LegendreMemory.add_readout`.
        """
        C = sampled_readout(self.theta, self.order, self.dt, delays, newest=0)
        n, d = len(C), self.order
        with self:
            size, label = self.size_in * n, label or readout_label(delays)
            node = nengo.Node(size_in=size, label=label)
            for k in range(self.size_in):
                m = self.output[k * d : (k + 1) * d]
                part = node[k * n : (k + 1) * n]
                nengo.Connection(m, part, transform=C, synapse=None)
        return node


class _OneStep(nengo.Lowpass):
    """A delay of one step, as synapse=0, that refuses another time step.

    Unlike a node that does, it is no input of the network, so that NengoDL asks for
    no data for it.
    """

    built_for = NumberParam("built_for", low=0, low_open=True)

    def __init__(self, dt: float) -> None:
        super().__init__(0)
        self.built_for = dt

    def make_state(
        self, shape_in: Any, shape_out: Any, dt: float, dtype: Any = None, y0: Any = 0
    ) -> dict[str, Any]:
        check_dt(dt, self.built_for, "the LMU")
        return super().make_state(shape_in, shape_out, dt, dtype=dtype, y0=y0)
