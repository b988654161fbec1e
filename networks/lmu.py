"""The whole Legendre Memory Unit: a linear memory and a nonlinear hidden state."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import nengo
import numpy as np
from nengo.dists import Distribution, Gaussian, Uniform
from nengo.params import NumberParam
from numpy.typing import ArrayLike

from spiking_lmu.parallel import configure_training
from spiking_lmu.state_space import discretize, sampled_readout, state_space
from spiking_lmu.validation import (
    check_array,
    check_choice,
    check_integer,
    check_number,
    refusal,
)

from .legendre_memory import LegendreMemory

MEMORIES = ("exact", "spiking")
INITIAL = ("lecun_uniform", "xavier_normal", "zeros")
# what the unit itself tells its memory
TOLD = ("theta", "order", "dt", "size_in", "label", "seed")
MAX_SIZE = 10**6


class LMU(nengo.Network):
    r"""A recurrent unit that computes with a sliding window of its input.

    In each time step t (LMU 2019, equations 6 and 7, with :math:`\bar A, \bar B` the
    zero-order hold of the memory):

    .. math::

        u_t &= e_x x_t + e_h h_{t-1} + e_m m_{t-1} \\
        m_t &= \bar A m_{t-1} + \bar B u_t \\
        h_t &= f(W_x x_t + W_h h_{t-1} + W_m m_t)

    **Timing.** No path adds a step: in the step in which ``input`` is :math:`x_t`,
    ``state`` is :math:`m_t` and ``output`` is :math:`h_t`, so that units stack without
    delay. Connect to ``input``, and from ``output``, with ``synapse=None``. A spiking
    memory gives :math:`m_{t-1}`; ``state`` is the step from there to :math:`m_t`, by
    the equation above, so that weights move from an exact to a spiking memory as they
    are. Only a ``synapse`` makes something late: ``output`` at t is then what the
    hidden neurons gave until t - 1, filtered, and stands in for :math:`h_{t-1}` in the
    equations.

    **Training.** NengoDL trains ``weights``, which are ordinary connections, and leaves
    the rest of the unit as it is: A and B, all that is in the memory, biases. It
    need not be told, since the network's configuration marks them. To keep a weight as
    it is, ``lmu.config[lmu.weights["e_m"]].trainable = False``; to train the biases of
    the hidden units, ``lmu.config[lmu.hidden.neurons].trainable = True``.

    Parameters
    ----------
    units : int
        Size of the hidden state h.
    order : int
        Number of state variables of each memory, d.
    theta : float
        Length of the window, in seconds. For a window of n time steps, ``n * dt``.
    size_in : int
        Size of the input x.
    memory_d : int
        Size of u: each of its dimensions has a memory of its own. LMU 2019 has one.
    dt : float
        Time step, in seconds, of the simulator that will run this network. Another
        one is refused when the network is built.
    e_x, e_h, e_m : array_like, nengo.dists.Distribution, str or None
        Encoders: (memory_d, size_in), (memory_d, units) and
        (memory_d, memory_d * order), or vectors where ``memory_d`` is 1. A
        distribution, of `nengo.dists` or ``nengo_dl.dists``, is drawn from when the
        network is built. ``"lecun_uniform"``, ``"xavier_normal"`` and ``"zeros"`` are
        initial weights as they are usual for networks that learn. None leaves the path
        out.
    W_x, W_h, W_m : array_like, nengo.dists.Distribution, str or None
        Kernels: (units, size_in), (units, units) and (units, memory_d * order);
        likewise.
    neuron_type : nengo.neurons.NeuronType, optional
        The hidden units: f is their response curve, with a gain of 1 and no bias. By
        default ``nengo.Tanh(tau_ref=1)``, which is tanh itself. It is a part of the
        equations and does not follow the configuration of the enclosing network.
        ``nengo.PoissonSpiking(nengo.Tanh(tau_ref=0.0025))`` is the same f with spikes,
        at up to 400 Hz.
    amplitude : float, optional
        The hidden state is the neurons' output times this. By default, such that it
        is 1 at their highest rate where a ``tau_ref`` sets one, and 1 elsewhere.
    synapse : float or nengo.synapses.Synapse, optional
        Filter on the hidden neurons' output, for those that spike. None by default.
    memory : str
        ``"exact"`` for the equations above, without neurons; ``"spiking"`` for a
        `LegendreMemory`, which is the same with noise.
    memory_args : mapping, optional
        For the spiking memory: arguments of `LegendreMemory`, ``n_neurons`` at least;
        ``freq`` and ``rms`` are about u.
    label : str, optional
    seed : int, optional
        Of all that is random: weights, neurons.

    Attributes
    ----------
    input : nengo.Node
        x, of ``size_in``.
    memory : ExactMemory or LegendreMemory
        ``memory.input`` is u, of ``memory_d``.
    state : nengo.Node
        m, of ``memory_d * order``, the memory of one dimension of u after the other.
    hidden : nengo.Ensemble
        The hidden units, ``units`` neurons.
    output : nengo.Node
        h, of ``units``.
    weights : dict of nengo.Connection
        By the names of the arguments, those that are not None.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or an array is not of the shape of its path;
        and when a simulator of another time step builds the network.

    References
    ----------
    LMU 2019, section 2.2.
    """

    def __init__(
        self,
        units: int,
        order: int,
        theta: float,
        size_in: int = 1,
        memory_d: int = 1,
        dt: float = 0.001,
        e_x: ArrayLike | Distribution | str | None = "lecun_uniform",
        e_h: ArrayLike | Distribution | str | None = "lecun_uniform",
        e_m: ArrayLike | Distribution | str | None = "zeros",
        W_x: ArrayLike | Distribution | str | None = "xavier_normal",
        W_h: ArrayLike | Distribution | str | None = "xavier_normal",
        W_m: ArrayLike | Distribution | str | None = "xavier_normal",
        neuron_type: nengo.neurons.NeuronType | None = None,
        amplitude: float | None = None,
        synapse: float | nengo.synapses.Synapse | None = None,
        memory: str = "exact",
        memory_args: Mapping[str, Any] | None = None,
        label: str | None = None,
        seed: int | None = None,
    ) -> None:
        if seed is not None:
            seed = check_integer("seed", seed, low=0, high=2**32 - 1)
        super().__init__(label=label, seed=seed)
        self.units = check_integer("units", units, high=MAX_SIZE)
        self.size_in = check_integer("size_in", size_in, high=MAX_SIZE)
        self.memory_d = check_integer("memory_d", memory_d, high=10**4)
        spiking = check_choice("memory", memory, MEMORIES) == "spiking"
        told = _check_memory_args(spiking, memory_args)
        neuron_type = _check_neurons(neuron_type)
        if amplitude is None:
            amplitude = _amplitude(neuron_type)
        self.amplitude = check_number("amplitude", amplitude, low=0, exclusive=True)
        synapse = _check_synapse(synapse)
        # a synapse of 0 delays by one step: for paths that are not late already
        after_memory = None if spiking else 0
        after_hidden = 0 if synapse is None else None

        self.weights: dict[str, nengo.Connection] = {}
        with self:
            self.input = nengo.Node(size_in=self.size_in, label="input")
            kind = LegendreMemory if spiking else ExactMemory
            self.memory = kind(
                theta, order, dt=dt, size_in=self.memory_d, label="memory", **told
            )
            self.hidden = nengo.Ensemble(
                self.units,
                1,
                gain=np.ones(self.units),
                bias=np.zeros(self.units),
                neuron_type=neuron_type,
                label="hidden",
            )
            self.output = nengo.Node(size_in=self.units, label="output")
            nengo.Connection(
                self.hidden.neurons,
                self.output,
                transform=self.amplitude,
                synapse=synapse,
            )
        self.theta, self.order = self.memory.theta, self.memory.order
        self.dt = self.memory.dt
        self.state = self._add_state() if spiking else self.memory.output

        x, u, m, h = self.input, self.memory.input, self.state, self.output
        self._add("e_x", e_x, x, u)
        self._add("e_h", e_h, h, u, after_hidden)
        self._add("e_m", e_m, self.memory.output, u, after_memory)
        self._add("W_x", W_x, x, self.hidden.neurons)
        self._add("W_h", W_h, h, self.hidden.neurons, after_hidden)
        self._add("W_m", W_m, m, self.hidden.neurons)
        configure_training(self)
        configure_training(self.memory, False)
        self.config[self.hidden].trainable = False
        for connection in set(self.connections) - set(self.weights.values()):
            self.config[connection].trainable = False

    def _add_state(self) -> nengo.Node:
        """Add the state of this step, out of the one that a memory gives late."""
        d = self.order
        Ad, Bd = discretize(*state_space(self.theta, d), self.dt)
        with self:
            state = nengo.Node(size_in=self.memory_d * d, label="state")
            for k in range(self.memory_d):
                part = slice(k * d, (k + 1) * d)
                before, now = self.memory.output[part], state[part]
                nengo.Connection(before, now, transform=Ad, synapse=None)
                nengo.Connection(self.memory.input[k], now, transform=Bd, synapse=None)
        return state

    def _add(
        self, name: str, value: Any, pre: Any, post: Any, synapse: float | None = None
    ) -> None:
        """Connect one path, unless it is left out."""
        if value is None:
            return
        initial = _initial(name, value, pre.size_out, post.size_in)
        with self:
            self.weights[name] = nengo.Connection(
                pre, post, transform=initial, synapse=synapse, label=name
            )

    @property
    def fixed(self) -> list[nengo.Connection]:
        """All connections that are no weights, A and B of the memory among them."""
        weights = set(self.weights.values())
        return [c for c in self.all_connections if c not in weights]


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
        super().__init__(label=label, seed=seed)
        A, B = state_space(theta, order)
        self.theta, self.order = float(theta), int(order)
        self.dt = check_number("dt", dt, low=0, high=theta, exclusive=True)
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
            node = nengo.Node(size_in=self.size_in * n, label=label or "readout")
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
        if not np.isclose(dt, self.built_for, rtol=1e-6, atol=0):
            allowed = f"{self.built_for:g}, for which the LMU(dt=...) was built"
            raise refusal("dt", dt, allowed)
        return super().make_state(shape_in, shape_out, dt, dtype=dtype, y0=y0)


def _initial(name: str, value: Any, n_in: int, n_out: int) -> Any:
    """What Nengo takes as the weights (n_out, n_in) of a connection."""
    if isinstance(value, Distribution):
        return value
    if isinstance(value, str):
        check_choice(name, value, INITIAL)
        if value == "lecun_uniform":
            return Uniform(-np.sqrt(3 / n_in), np.sqrt(3 / n_in))
        if value == "xavier_normal":
            return Gaussian(0, np.sqrt(2 / (n_in + n_out)))
        return np.zeros((n_out, n_in))
    array = check_array(name, value, ndims=(1, 2) if n_out == 1 else (2,))
    if array.ndim == 1:
        array = array[None]
    if array.shape != (n_out, n_in):
        raise refusal(name, np.shape(value), f"of shape ({n_out}, {n_in})")
    return array


def _check_memory_args(spiking: bool, memory_args: Any) -> dict[str, Any]:
    if not spiking:
        if memory_args is not None:
            raise refusal("memory_args", memory_args, "None where memory is 'exact'")
        return {}
    known = set(inspect.signature(LegendreMemory).parameters) - set(TOLD)
    allowed = "a mapping of arguments of LegendreMemory, n_neurons among them"
    if not isinstance(memory_args, Mapping) or "n_neurons" not in memory_args:
        raise refusal("memory_args", memory_args, allowed)
    unknown = [name for name in memory_args if name not in known]
    if unknown:
        allowed = "made of arguments of LegendreMemory other than " + ", ".join(TOLD)
        raise refusal("memory_args", unknown[0], allowed)
    return dict(memory_args)


def _check_neurons(neuron_type: Any) -> nengo.neurons.NeuronType:
    if neuron_type is None:
        return nengo.Tanh(tau_ref=1)
    known = isinstance(neuron_type, nengo.neurons.NeuronType)
    if not known or isinstance(neuron_type, nengo.Direct):
        allowed = "an instance of a Nengo neuron type other than Direct"
        raise refusal("neuron_type", neuron_type, allowed)
    return neuron_type


def _amplitude(neuron_type: nengo.neurons.NeuronType) -> float:
    """One over the largest output of neurons, or 1 where they have none."""
    base = getattr(neuron_type, "base_type", None)
    parts = [neuron_type] if base is None else [neuron_type, base]
    tau_ref = getattr(parts[-1], "tau_ref", 0)
    if tau_ref == 0:
        return 1.0
    return tau_ref / float(np.prod([getattr(p, "amplitude", 1.0) for p in parts]))


def _check_synapse(synapse: Any) -> nengo.synapses.Synapse | None:
    if synapse is None or isinstance(synapse, nengo.synapses.Synapse):
        return synapse
    return nengo.Lowpass(check_number("synapse", synapse, low=0))
