"""The linear memory without neurons, exact on the time grid."""

from __future__ import annotations

import nengo

from spiking_lmu.linear_systems import discretize

from .expectations import TimedLowpass
from .memory import Memory


class ExactMemory(Memory):
    r"""The linear memory, :math:`m_t = \bar A m_{t-1} + \bar B u_t`, without neurons.

    It differs from a `LegendreMemory` without noise in one thing: its ``output`` is
    :math:`m_t` in the step in which its ``input`` is :math:`u_t`, not one step later.

    Parameters
    ----------
    theta, order, dt, size_in, label, seed, add_to_container
        As for `LegendreMemory`.

    Attributes
    ----------
    input : nengo.Node
        u, of ``size_in``. Connect to it with ``synapse=None``.
    output : nengo.Node
        m, of ``size_in * order``, the memory of one input after the other.
    """

    newest = 0

    def __init__(
        self,
        theta: float,
        order: int,
        dt: float = 0.001,
        size_in: int = 1,
        label: str | None = None,
        seed: int | None = None,
        add_to_container: bool | None = None,
    ) -> None:
        super().__init__(
            theta,
            order,
            dt,
            size_in,
            label=label,
            seed=seed,
            add_to_container=add_to_container,
        )
        Ad, Bd = discretize(self.A, self.B, self.dt)
        with self:
            self.input = nengo.Node(size_in=self.size_in, label="input")
            self.output = nengo.Node(size_in=self.size_in * self.order, label="output")
            for k in range(self.size_in):
                m = self.output[self.part(k)]
                # a synapse of 0 delays by one step. A node that does so would be an
                # input of the network, for which NengoDL asks for data
                one_step = TimedLowpass(0, self.dt, "the LMU")
                nengo.Connection(m, m, transform=Ad, synapse=one_step)
                nengo.Connection(self.input[k], m, transform=Bd, synapse=None)
