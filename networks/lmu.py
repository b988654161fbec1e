"""The whole Legendre Memory Unit: a linear memory and a nonlinear hidden state."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import nengo
import numpy as np
from nengo.dists import Distribution
from nengo.exceptions import ValidationError
from nengo.params import Default
from numpy.typing import ArrayLike

from spiking_lmu.data.archives import path_error
from spiking_lmu.linear_systems import discretize
from spiking_lmu.training.parallel import configure_training, trainable_objects
from spiking_lmu.validation import check_integer, check_number, refusal

from .configuration import DesignedNetwork
from .exact_memory import ExactMemory
from .hidden_units import (
    check_biases,
    check_scale,
    check_synapse,
    default_amplitude,
    hidden_neurons,
)
from .initial_weights import WEIGHTS, initial_weights
from .legendre_memory import LegendreMemory
from .memory import Memory
from .unit_equations import UnitRun, run_equations
from .unit_files import read_unit, write_unit

# arguments that the unit itself gives to its memory
OWN = ("theta", "order", "dt", "size_in", "label", "seed", "add_to_container")
MAX_SIZE = 10**6


class LMU(DesignedNetwork):
    r"""A recurrent unit that computes with a sliding window of its input.

    In each time step t (LMU 2019, equations 6 and 7, with :math:`\bar A, \bar B` the
    zero-order hold of the memory; the paper has no biases b):

    .. math::

        u_t &= e_x x_t + e_h h_{t-1} + e_m m_{t-1} \\
        m_t &= \bar A m_{t-1} + \bar B u_t \\
        h_t &= f(W_x x_t + W_h h_{t-1} + W_m m_t + b)

    **Timing.** No path adds a step: in the step in which ``input`` is :math:`x_t`,
    ``state`` is :math:`m_t` and ``output`` is :math:`h_t`, so units stack without
    delay. Connect to ``input``, and from ``output``, with ``synapse=None``. A memory of
    neurons gives :math:`m_{t-1}`; ``state`` is computed from it by the equation above,
    so the same weights suit both kinds of memory. Only a ``synapse`` adds a delay:
    ``output`` at t is then the filtered output of the hidden neurons until t - 1, which
    replaces :math:`h_{t-1}` in the equations.

    **Training.** NengoDL trains ``weights``, which are ordinary connections. The rest
    of the unit stays fixed: A, B and everything in the memory. The network's
    configuration marks both, so NengoDL requires no further settings. To fix a weight
    as well, set ``lmu.config[lmu.weights["e_m"]].trainable = False``. Set ``bias`` if
    the target is not an odd function of the input, a product for instance: tanh units
    without biases compute odd functions only.

    **Neurons.** `freeze` replaces the exact memory by one of neurons.
    ``lmu.rebuilt(neuron_type=nengo.SpikingRectifiedLinear(), scale=100)`` makes
    rectified linear hidden units spike, at 100 Hz for a hidden state of 1. ``save`` and
    ``load`` write a unit to a file and read it.

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
        Size of u. Each of its dimensions has a memory of its own; LMU 2019 has one.
    dt : float
        Time step, in seconds, of the simulator that will run this network. A simulator
        with another time step raises an error when it builds the network.
    e_x, e_h, e_m : array_like, nengo.dists.Distribution, str or None
        Encoders, of shapes (memory_d, size_in), (memory_d, units) and
        (memory_d, memory_d * order), or vectors if ``memory_d`` is 1. A distribution,
        of `nengo.dists` or ``nengo_dl.dists``, is sampled when the network is built.
        ``"lecun_uniform"``, ``"xavier_normal"`` and ``"zeros"`` are the usual initial
        weights of networks that learn. None omits the path.
    W_x, W_h, W_m : array_like, nengo.dists.Distribution, str or None
        Kernels, of shapes (units, size_in), (units, units) and
        (units, memory_d * order), given in the same ways.
    neuron_type : nengo.neurons.NeuronType, optional
        Neuron type of the hidden units: f is its response curve with a gain of 1 and
        no bias. ``nengo.Tanh(tau_ref=1)``, which is tanh itself, by default, or what
        the enclosing network's ``config`` sets; where that is `nengo.Direct`, the
        default remains, since it has no neural error either.
        ``nengo.PoissonSpiking(nengo.Tanh(tau_ref=0.0025))`` is the same f with spikes,
        at up to 400 Hz.
    amplitude : float, optional
        Factor from the neurons' output to the hidden state. By default, the hidden
        state is 1 at the highest rate of neurons that have a ``tau_ref``; for others,
        the factor is 1.
    synapse : float or nengo.synapses.Synapse, optional
        Filter on the output of hidden neurons that spike. None by default.
    memory_args : mapping, optional
        Arguments of `LegendreMemory`, ``n_neurons`` at least, for a memory of neurons;
        ``freq`` and ``rms`` describe u. By default the memory is exact, without
        neurons, as in the equations above.
    bias : array_like or float, optional
        Initial biases of the hidden units, of shape (units,), or one number for all.
        They are trained. None, as in the paper, for no biases.
    scale : float
        Output of rectified linear hidden units for a hidden state of 1; in Hz if they
        spike. Their input is multiplied by it and their output divided, so h remains
        the same.
    label : str, optional
        Name of the network.
    seed : int, optional
        Seed of everything random: weights and neurons.
    add_to_container : bool, optional
        As for `nengo.Network`.

    Attributes
    ----------
    input : nengo.Node
        x, of size ``size_in``.
    memory : ExactMemory or LegendreMemory
        The memory; ``memory.input`` is u, of size ``memory_d``.
    state : nengo.Node
        m, of size ``memory_d * order``, the memory of one dimension of u after the
        other.
    hidden : nengo.Ensemble
        The hidden units, ``units`` neurons.
    output : nengo.Node
        h, of size ``units``.
    weights : dict of nengo.Connection
        The paths that are not omitted, by the names of the arguments.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or an array does not have the shape of its path;
        and when a simulator with another time step builds the network.

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
        neuron_type: nengo.neurons.NeuronType | None = Default,
        amplitude: float | None = None,
        synapse: float | nengo.synapses.Synapse | None = None,
        memory_args: Mapping[str, Any] | None = None,
        bias: ArrayLike | None = None,
        scale: float = 1.0,
        label: str | None = None,
        seed: int | None = None,
        add_to_container: bool | None = None,
    ) -> None:
        super().__init__(label, seed, add_to_container)
        self.units = check_integer("units", units, high=MAX_SIZE)
        self.size_in = check_integer("size_in", size_in, high=MAX_SIZE)
        self.memory_d = check_integer("memory_d", memory_d, high=10**4)
        in_neurons = memory_args is not None
        neuron_type = hidden_neurons(neuron_type)
        self.scale = check_scale(scale, neuron_type)
        if amplitude is None:
            amplitude = default_amplitude(neuron_type) / self.scale
        self.amplitude = check_number("amplitude", amplitude, low=0, exclusive=True)
        biases = (
            np.zeros(self.units) if bias is None else check_biases(bias, self.units)
        )
        self.synapse = synapse = check_synapse(synapse)
        # a synapse of 0 delays by one step: for paths that are not late already
        after_memory = None if in_neurons else 0
        after_hidden = 0 if synapse is None else None

        self.weights: dict[str, nengo.Connection] = {}
        with self:
            self.input = nengo.Node(size_in=self.size_in, label="input")
            self.memory = _memory(memory_args)(
                theta, order, dt=dt, size_in=self.memory_d, label="memory"
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
        self.state = self._add_state() if in_neurons else self.memory.output

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
        """Add the state of this step, from that of a memory that is one step late."""
        memory = self.memory
        Ad, Bd = discretize(memory.A, memory.B, self.dt)
        with self:
            state = nengo.Node(size_in=self.memory_d * self.order, label="state")
            for k in range(self.memory_d):
                before, now = memory.output[memory.part(k)], state[memory.part(k)]
                nengo.Connection(before, now, transform=Ad, synapse=None)
                nengo.Connection(memory.input[k], now, transform=Bd, synapse=None)
        return state

    def _add_drive(self) -> nengo.Node:
        """Add the input of the hidden units, before ``scale``."""
        with self:
            drive = nengo.Node(size_in=self.units, label="drive")
            nengo.Connection(
                drive, self.hidden.neurons, transform=self.scale, synapse=None
            )
        return drive

    def _add(
        self, name: str, value: Any, pre: Any, post: Any, synapse: float | None = None
    ) -> None:
        """Connect one path, unless it is omitted."""
        if value is None:
            return
        initial = initial_weights(name, value, pre.size_out, post.size_in)
        with self:
            self.weights[name] = nengo.Connection(
                pre, post, transform=initial, synapse=synapse, label=name
            )

    @property
    def fixed(self) -> list[nengo.Connection]:
        """All connections that are not weights, those of the memory included."""
        weights = set(self.weights.values())
        return [c for c in self.all_connections if c not in weights]

    @property
    def arrays(self) -> dict[str, Any]:
        """Weights and biases, by the names of the arguments.

        They are arrays once the unit is trained or where arrays were given, and before
        that what draws them (`nengo.dists.Distribution`).
        """
        arrays = {name: c.transform.init for name, c in self.weights.items()}
        if self.has_bias:
            arrays["bias"] = np.asarray(self.hidden.bias) / self.scale
        return arrays

    def trained_arrays(self) -> dict[str, np.ndarray]:
        """Weights and biases of a trained unit, by the names of the arguments.

        Raises
        ------
        nengo.exceptions.ValidationError
            If the unit has not been trained and they are still random.
        """
        arrays = self.arrays
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise refusal("network", self, "trained: some weights are still random")
        return arrays

    @property
    def _arguments(self) -> dict[str, Any]:
        """The arguments of this unit, except for its weights and its memory."""
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
            "synapse": self.synapse,
            "fixed": [n for n, c in self.weights.items() if c not in trainable],
        }

    @classmethod
    def _build(cls, arguments: Mapping[str, Any]) -> LMU:
        """A unit with the given weights; those that are not given are omitted."""
        given = {"bias": None, **dict.fromkeys(WEIGHTS), **arguments}
        fixed = given.pop("fixed")
        unit = cls(**given)
        for name in fixed:
            if name not in unit.weights:
                raise refusal("fixed", name, "the name of a weight")
            unit.config[unit.weights[name]].trainable = False
        return unit

    def rebuilt(self, **changes: Any) -> LMU:
        """A unit with the same weights and some other arguments.

        Parameters
        ----------
        **changes
            Any arguments of `LMU`, such as ``memory_args``, ``neuron_type``, ``scale``
            and ``synapse``. ``amplitude`` follows ``neuron_type`` and ``scale`` unless
            it was set by hand. The memory is exact unless ``memory_args`` is given.

        Returns
        -------
        unit : LMU

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
        default = default_amplitude(self.hidden.neuron_type) / self.scale
        if np.isclose(self.amplitude, default):
            arguments["amplitude"] = None
        return LMU._build({**arguments, **self.trained_arrays(), **changes})

    def save(
        self, path: str | os.PathLike[str], about: Mapping[str, Any] | None = None
    ) -> Path:
        """Save the unit and its weights, but not its memory's neurons.

        Parameters
        ----------
        path, about
            As for `training.save`.

        Returns
        -------
        path : pathlib.Path
            The file.

        Raises
        ------
        nengo.exceptions.ValidationError
            If the unit has not been trained, or its neurons or its synapse cannot be
            stored in a file.
        """
        return write_unit(path, self._arguments, self.trained_arrays(), about)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> tuple[LMU, dict[str, Any]]:
        """Read a unit that `save` has written, with an exact memory.

        Returns
        -------
        unit : LMU
        about : dict
            What was saved with it.

        Raises
        ------
        nengo.exceptions.ValidationError
            If `save` has not written the file, or it is damaged.
        """
        arguments, about = read_unit(path)
        try:
            return cls._build(arguments), about
        except ValidationError as error:
            raise path_error(path, f"a saved unit ({error})") from None

    def run(self, inputs: ArrayLike) -> UnitRun:
        """Compute the equations in every step, with an exact memory and no synapse.

        Parameters
        ----------
        inputs : (n, n_steps, size_in) array_like

        Returns
        -------
        run : UnitRun
        """
        return run_equations(self, inputs)

    def response(self, z: np.ndarray) -> np.ndarray:
        """The hidden state f(z), for z of shape (n, units)."""
        ones = np.ones(self.units)
        rates = self.hidden.neuron_type.rates(self.scale * z, ones, 0 * ones)
        return np.asarray(self.amplitude * rates)


def _memory(memory_args: Any) -> Callable[..., Memory]:
    """What builds the memory of a unit: exact, or of neurons with these arguments."""
    if memory_args is None:
        return ExactMemory
    known = set(inspect.signature(LegendreMemory).parameters) - set(OWN)
    allowed = "a mapping of arguments of LegendreMemory, including n_neurons"
    if not isinstance(memory_args, Mapping) or "n_neurons" not in memory_args:
        raise refusal("memory_args", memory_args, allowed)
    unknown = [name for name in memory_args if name not in known]
    if unknown:
        allowed = "a mapping of arguments of LegendreMemory, without " + ", ".join(OWN)
        raise refusal("memory_args", unknown[0], allowed)
    return partial(LegendreMemory, **memory_args)
