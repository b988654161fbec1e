"""The whole Legendre Memory Unit: a linear memory and a nonlinear hidden state."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nengo
import numpy as np
from nengo.dists import Distribution, Gaussian, Uniform
from nengo.exceptions import ValidationError
from numpy.typing import ArrayLike

from spiking_lmu.data.archives import path_error
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize
from spiking_lmu.training.parallel import configure_training, trainable_objects
from spiking_lmu.validation import (
    check_array,
    check_choice,
    check_integer,
    check_number,
    check_seed,
    refusal,
)

from .defaults import keep_own
from .exact_memory import ExactMemory
from .legendre_memory import LegendreMemory
from .unit_files import read_unit, write_unit

MEMORIES = ("exact", "spiking")
WEIGHTS = ("e_x", "e_h", "e_m", "W_x", "W_h", "W_m")
INITIAL = ("lecun_uniform", "xavier_normal", "zeros")
# what the unit itself tells its memory
TOLD = ("theta", "order", "dt", "size_in", "label", "seed")
MAX_SIZE = 10**6


@dataclass(frozen=True, eq=False)
class UnitRun:
    """What a unit computed for sequences, by its equations.

    Attributes
    ----------
    u : (n, n_steps, memory_d) ndarray
        What goes into the memory.
    m : (n, n_steps, memory_d * order) ndarray
        State of the memory.
    z : (n, n_steps, units) ndarray
        What goes into the hidden units, biases included.
    h : (n, n_steps, units) ndarray
        Hidden state; of units that spike, by their rates.
    """

    u: np.ndarray
    m: np.ndarray
    z: np.ndarray
    h: np.ndarray


class LMU(nengo.Network):
    r"""A recurrent unit that computes with a sliding window of its input.

    In each time step t (LMU 2019, equations 6 and 7, with :math:`\bar A, \bar B` the
    zero-order hold of the memory; the paper has no biases b):

    .. math::

        u_t &= e_x x_t + e_h h_{t-1} + e_m m_{t-1} \\
        m_t &= \bar A m_{t-1} + \bar B u_t \\
        h_t &= f(W_x x_t + W_h h_{t-1} + W_m m_t + b)

    **Timing.** No path adds a step: in the step in which ``input`` is :math:`x_t`,
    ``state`` is :math:`m_t` and ``output`` is :math:`h_t`, so that units stack without
    delay. Connect to ``input``, and from ``output``, with ``synapse=None``. A spiking
    memory gives :math:`m_{t-1}`; ``state`` is the step from there to :math:`m_t`, by
    the equation above, so that weights move from an exact to a spiking memory as they
    are. Only a ``synapse`` makes something late: ``output`` at t is then what the
    hidden neurons gave until t - 1, filtered, and stands in for :math:`h_{t-1}` in the
    equations.

    **Training.** NengoDL trains ``weights``, which are ordinary connections, and leaves
    the rest of the unit as it is: A and B, and all that is in the memory. It
    need not be told, since the network's configuration marks them. To keep a weight as
    it is, ``lmu.config[lmu.weights["e_m"]].trainable = False``. Give a ``bias`` where
    the answer is no odd function of the input, such as a product: tanh without biases
    computes odd functions only.

    **Into neurons.** `freeze` puts a memory of neurons in the place of the exact one.
    ``lmu.rebuilt(neuron_type=nengo.SpikingRectifiedLinear(), scale=100)`` makes hidden
    units of rectified lines spike, at 100 Hz for a hidden state of 1. ``save`` and
    ``load`` keep a unit in a file.

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
    bias : array_like or float, optional
        Biases of the hidden units, (units,), or one number for all, where they begin:
        they are trained. None, as in the paper, for none.
    scale : float
        Of hidden units whose response is a rectified line: their output, in Hz for
        those that spike, for a hidden state of 1. What goes into them is multiplied
        by it, and what comes out divided, so that h is the same.
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
        bias: ArrayLike | None = None,
        scale: float = 1.0,
        label: str | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(label=label, seed=check_seed(seed))
        keep_own(self)
        self.units = check_integer("units", units, high=MAX_SIZE)
        self.size_in = check_integer("size_in", size_in, high=MAX_SIZE)
        self.memory_d = check_integer("memory_d", memory_d, high=10**4)
        spiking = check_choice("memory", memory, MEMORIES) == "spiking"
        told = _check_memory_args(spiking, memory_args)
        neuron_type = _check_neurons(neuron_type)
        self.scale = _check_scale(scale, neuron_type)
        if amplitude is None:
            amplitude = _amplitude(neuron_type) / self.scale
        self.amplitude = check_number("amplitude", amplitude, low=0, exclusive=True)
        biases = np.zeros(self.units) if bias is None else _biases(bias, self.units)
        synapse = self._synapse = _check_synapse(synapse)
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
                bias=self.scale * biases,
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

        into_hidden = self._add_drive() if self.scale != 1 else self.hidden.neurons

        x, u, m, h = self.input, self.memory.input, self.state, self.output
        self._add("e_x", e_x, x, u)
        self._add("e_h", e_h, h, u, after_hidden)
        self._add("e_m", e_m, self.memory.output, u, after_memory)
        self._add("W_x", W_x, x, into_hidden)
        self._add("W_h", W_h, h, into_hidden, after_hidden)
        self._add("W_m", W_m, m, into_hidden)
        configure_training(self)
        configure_training(self.memory, False)
        self.config[self.hidden].trainable = False
        self.has_bias = bias is not None
        self.config[self.hidden.neurons].trainable = self.has_bias
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

    def _add_drive(self) -> nengo.Node:
        """Add what goes into the hidden units, before it is multiplied."""
        with self:
            drive = nengo.Node(size_in=self.units, label="drive")
            nengo.Connection(
                drive, self.hidden.neurons, transform=self.scale, synapse=None
            )
        return drive

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

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Weights and biases, by the names of the arguments.

        Raises
        ------
        nengo.exceptions.ValidationError
            If the unit has not been trained and they are still random.
        """
        arrays = {name: c.transform.init for name, c in self.weights.items()}
        if self.has_bias:
            arrays["bias"] = np.asarray(self.hidden.bias) / self.scale
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise refusal("network", self, "trained: some weights are still random")
        return arrays

    @property
    def _arguments(self) -> dict[str, Any]:
        """What it takes to build the unit again, but for weights and memory."""
        trainable = trainable_objects(self)
        return {
            "units": self.units,
            "order": self.order,
            "theta": self.theta,
            "size_in": self.size_in,
            "memory_d": self.memory_d,
            "dt": self.dt,
            "neuron_type": self.hidden.neuron_type,
            "amplitude": self.amplitude,
            "scale": self.scale,
            "synapse": self._synapse,
            "fixed": [n for n, c in self.weights.items() if c not in trainable],
        }

    @classmethod
    def _build(cls, arguments: Mapping[str, Any]) -> LMU:
        """A unit with given weights; those that are not given are left out."""
        given = {"bias": None, **dict.fromkeys(WEIGHTS), **arguments}
        fixed = given.pop("fixed")
        unit = cls(**given)
        for name in fixed:
            if name not in unit.weights:
                raise refusal("fixed", name, "the name of a weight")
            unit.config[unit.weights[name]].trainable = False
        return unit

    def rebuilt(self, **changes: Any) -> LMU:
        """The same unit with the same weights, and other arguments.

        Parameters
        ----------
        **changes
            Any arguments of `LMU`, such as ``memory``, ``neuron_type``, ``scale`` and
            ``synapse``. ``amplitude`` follows ``neuron_type`` and ``scale`` unless it
            was chosen otherwise. The memory is exact unless ``memory`` is given.

        Raises
        ------
        nengo.exceptions.ValidationError
            If the unit has not been trained, or an argument is out of range.
        """
        known = set(inspect.signature(LMU).parameters)
        unknown = sorted(set(changes) - known)
        if unknown:
            raise refusal("changes", unknown[0], "arguments of LMU")
        arguments = self._arguments
        default = _amplitude(self.hidden.neuron_type) / self.scale
        if np.isclose(self.amplitude, default):
            arguments["amplitude"] = None
        return LMU._build({**arguments, **self.arrays, **changes})

    def save(
        self, path: str | os.PathLike[str], about: Mapping[str, Any] | None = None
    ) -> Path:
        """Save the unit with its weights; around an exact memory it is the same.

        Parameters
        ----------
        path, about
            As for `training.save`.

        Returns
        -------
        path : pathlib.Path

        Raises
        ------
        nengo.exceptions.ValidationError
            If the unit has not been trained, or its neurons or its synapse cannot be
            kept in a file.
        """
        return write_unit(path, self._arguments, self.arrays, about)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> tuple[LMU, dict[str, Any]]:
        """A unit that `save` has saved, and what was kept with it.

        Raises
        ------
        nengo.exceptions.ValidationError
            If the file is damaged or no such file.
        """
        arguments, about = read_unit(path)
        try:
            return cls._build(arguments), about
        except ValidationError as error:
            raise path_error(path, f"a saved unit ({error})") from None

    def run(self, inputs: ArrayLike) -> UnitRun:
        """What the equations give in every step, with an exact memory, no synapse.

        Parameters
        ----------
        inputs : (n, n_steps, size_in) array_like

        Returns
        -------
        run : UnitRun
        """
        x = check_sequences(inputs, self.size_in)
        weights = {name: array.T for name, array in self.arrays.items()}
        Ad, Bd = discretize(*state_space(self.theta, self.order), self.dt)
        m = np.zeros((len(x), self.memory_d, self.order))
        h = np.zeros((len(x), self.units))

        def total(values: Mapping[str, np.ndarray], size: int) -> np.ndarray:
            parts = [v @ weights[k] for k, v in values.items() if k in weights]
            return np.asarray(sum(parts, np.zeros((len(x), size))))

        steps = []
        for t in range(x.shape[1]):
            flat = m.reshape(len(x), -1)
            u = total({"e_x": x[:, t], "e_h": h, "e_m": flat}, self.memory_d)
            m = m @ Ad.T + u[:, :, None] * Bd[:, 0]
            flat = m.reshape(len(x), -1)
            z = total({"W_x": x[:, t], "W_h": h, "W_m": flat}, self.units)
            z = z + weights.get("bias", 0.0)
            h = self.response(z)
            steps.append((u, flat, z, h))
        return UnitRun(*(np.stack(values, axis=1) for values in zip(*steps)))

    def response(self, z: np.ndarray) -> np.ndarray:
        """The hidden state f(z), for z of shape (n, units)."""
        ones = np.ones(self.units)
        rates = self.hidden.neuron_type.rates(self.scale * z, ones, 0 * ones)
        return np.asarray(self.amplitude * rates)


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


def _check_scale(scale: Any, neuron_type: nengo.neurons.NeuronType) -> float:
    scale = check_number("scale", scale, low=0, exclusive=True)
    base = getattr(neuron_type, "base_type", neuron_type)
    if scale != 1 and not isinstance(base, nengo.RectifiedLinear):
        allowed = f"1 for {neuron_type}, whose response is no rectified line"
        raise refusal("scale", scale, allowed)
    return scale


def _biases(bias: Any, units: int) -> np.ndarray:
    array = check_array("bias", bias)
    if array.shape not in ((), (units,)):
        raise refusal("bias", array.shape, f"of shape ({units},)")
    return np.full(units, array)


def check_sequences(inputs: ArrayLike, size_in: int) -> np.ndarray:
    """Sequences as float array, once they are (n, n_items, size_in) and finite."""
    x = check_array("inputs", inputs, ndims=(3,))
    if x.shape[2] != size_in:
        raise refusal("inputs", x.shape, f"of shape (n, n_items, {size_in})")
    return x


def _check_synapse(synapse: Any) -> nengo.synapses.Synapse | None:
    if synapse is None or isinstance(synapse, nengo.synapses.Synapse):
        return synapse
    return nengo.Lowpass(check_number("synapse", synapse, low=0))
