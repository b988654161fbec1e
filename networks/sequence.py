"""Networks that classify or predict sequences and train in parallel form."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nengo
import numpy as np
from nengo.dists import Gaussian
from nengo.exceptions import ValidationError

from spiking_lmu import training
from spiking_lmu.data.archives import open_saved, path_error
from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize
from spiking_lmu.training.parallel import configure_training
from spiking_lmu.training.weights import read_weights
from spiking_lmu.validation import (
    check_array,
    check_choice,
    check_flag,
    check_integer,
    check_number,
    check_sequences,
    refusal,
)

from .configuration import DesignedNetwork
from .hidden_units import ACTIVATIONS, spiking_units
from .lmu import LMU
from .unit_files import check_about, check_architecture

KIND = "spiking_lmu.networks.SequenceNetwork"
LARGEST = 2**25  # entries of the matrices A of all memories
MAX_UNITS = 10**6
MAX_LAYERS = 100


class SequenceNetwork(DesignedNetwork):
    r"""A memory of the last items of a sequence, hidden layers, and a readout.

    This is the unit of CE 2021. Each input dimension has a memory of its own
    (:math:`u = x`), and hidden units receive the memory and the input but not each
    other. The trained weights come after all that is recurrent, so `training.fit`
    trains them in parallel form, at thousands of sequences a second. The trained
    network computes the same, step by step, on any simulator.

    Parameters
    ----------
    size_in : int
        Size of an item of the sequence.
    size_out : int
        Size of the answer; the number of classes for classification.
    order : int
        Number of state variables of the memory of each input dimension.
    window : int
        Length of the memory's window, in items.
    units : int or sequence of int
        Number of hidden units of the first layer, or of each layer.
    activation : str
        Response of the hidden units: ``"relu"``, or ``"tanh"`` as in LMU 2019.
    presentation : int
        Number of time steps for which each item is shown. It does not change the exact
        network's answers; spikes have more time to represent an item.
    dt : float
        Time step in seconds.
    memory_args, label, seed, add_to_container
        As for `LMU`: ``memory_args`` for a memory of neurons.
    hidden_args : mapping, optional
        For hidden units that spike: their ``neuron_type``, with rectified linear tuning
        curves, the ``synapse`` that their spikes pass through, as for `LMU`, and
        ``scale``, for each layer the rate in Hz of a hidden state of 1. By default
        hidden units are real numbers. `freeze` chooses these arguments.

    Attributes
    ----------
    stimulus : nengo.Node
        The input, of size ``size_in``.
    lmu : LMU
        Memory and first hidden layer.
    layers : list of nengo.Ensemble
        All hidden layers, that of ``lmu`` first.
    output : nengo.Node
        The answer in each step, of size ``size_out``; logits for classes.
    probe : nengo.Probe
        A probe of ``output``.
    in_neurons : dict
        For a network that `freeze` has returned: its kind of memory, number of neurons,
        synapse, coordinates, presentation and seed. `save` stores them, and
        ``spiking-lmu deploy`` uses them.
    """

    def __init__(
        self,
        size_in: int,
        size_out: int,
        order: int,
        window: int,
        units: int | Sequence[int] = 100,
        activation: str = "relu",
        presentation: int = 1,
        dt: float = 0.001,
        memory_args: Mapping[str, Any] | None = None,
        hidden_args: Mapping[str, Any] | None = None,
        label: str | None = None,
        seed: int | None = None,
        add_to_container: bool | None = None,
    ) -> None:
        super().__init__(label, seed, add_to_container)
        self.in_neurons: dict[str, Any] = {}
        self.size_in = check_integer("size_in", size_in, high=10**4)
        self.size_out = check_integer("size_out", size_out, high=10**6)
        self.window = check_integer("window", window, low=2, high=10**7)
        self.presentation = check_integer("presentation", presentation, high=10**4)
        self.dt = check_number("dt", dt, low=0, exclusive=True)
        check_choice("activation", activation, tuple(ACTIVATIONS))
        self.activation = activation
        widths = list(units) if isinstance(units, Sequence) else [units]
        if not 1 <= len(widths) <= MAX_LAYERS:
            raise refusal("units", units, f"of 1 to {MAX_LAYERS} layers")
        for width in widths:
            check_integer("units", width, high=MAX_UNITS)
        self._neuron_type = ACTIVATIONS[activation].neuron_type
        self._hidden_synapse: Any = None
        self._scales: list[float] = [1.0] * len(widths)
        if hidden_args is not None:
            if activation != "relu":
                raise refusal("activation", activation, "'relu' for units that spike")
            self._neuron_type, self._scales, self._hidden_synapse = spiking_units(
                hidden_args, len(widths)
            )
        self._dense = [f"into layer {k}" for k in range(1, len(widths))] + ["readout"]
        if self.size_in * check_integer("order", order) ** 2 > LARGEST:
            allowed = f"such that size_in * order**2 is at most {LARGEST:,}"
            raise refusal("order", order, allowed)
        with self:
            self.stimulus = nengo.Node(np.zeros(self.size_in), label="stimulus")
            self.lmu = LMU(
                widths[0],
                order,
                self.window * self.presentation * self.dt,
                size_in=self.size_in,
                memory_d=self.size_in,
                dt=self.dt,
                e_x=np.eye(self.size_in),
                e_h=None,
                e_m=None,
                W_h=None,
                neuron_type=self._neuron_type,
                scale=self._scales[0],
                synapse=self._hidden_synapse,
                bias=0.0,
                memory_args=memory_args,
                label="lmu",
            )
            self.order = self.lmu.order
            nengo.Connection(self.stimulus, self.lmu.input, synapse=None)
            self.layers = [self.lmu.hidden]
            hidden = self.lmu.output
            for k, width in enumerate(widths[1:], 1):
                hidden = self._add_layer(hidden, width, k)
            self.output = nengo.Node(size_in=self.size_out, label="output")
            self._connect(hidden, self.output, "readout")
            self.probe = nengo.Probe(self.output, label="answer")
        self.units = tuple(layer.n_neurons for layer in self.layers)
        _mark(self)

    def _add_layer(self, hidden: Any, width: int, k: int) -> Any:
        layer = nengo.Ensemble(
            width,
            1,
            gain=np.ones(width),
            bias=np.zeros(width),
            neuron_type=self._neuron_type,
            label=f"layer {k}",
        )
        self.layers.append(layer)
        if not self.hidden_spikes:
            self._connect(hidden, layer.neurons, f"into layer {k}")
            return layer.neurons
        drive = nengo.Node(size_in=width, label=f"drive of layer {k}")
        output = nengo.Node(size_in=width, label=f"output of layer {k}")
        self._connect(hidden, drive, f"into layer {k}")
        scale, synapse = self._scales[k], self._hidden_synapse
        nengo.Connection(drive, layer.neurons, transform=scale, synapse=None)
        nengo.Connection(layer.neurons, output, transform=1 / scale, synapse=synapse)
        return output

    @property
    def hidden_spikes(self) -> bool:
        """Whether the hidden units spike."""
        return bool(self._neuron_type.spiking)

    def _connect(self, pre: Any, post: Any, label: str) -> None:
        deviation = np.sqrt(2 / (pre.size_out + post.size_in))
        nengo.Connection(
            pre, post, transform=Gaussian(0, deviation), synapse=None, label=label
        )

    @property
    def architecture(self) -> dict[str, Any]:
        """The arguments of this network with an exact memory."""
        return {
            "size_in": self.size_in,
            "size_out": self.size_out,
            "order": self.order,
            "window": self.window,
            "units": list(self.units),
            "activation": self.activation,
            "presentation": self.presentation,
            "dt": self.dt,
        }

    def save(
        self,
        path: str | os.PathLike[str],
        about: Mapping[str, Any] | None = None,
    ) -> Path:
        """Save the network's arguments and trained weights.

        Parameters
        ----------
        path, about
            As for `training.save`. If ``about`` has ``"labels"``, they must be a list
            of words or numbers, one for each of ``size_out`` classes.

        Returns
        -------
        path : pathlib.Path
        """
        about = {} if about is None else about
        check_about("about", about, self.size_out)
        about = {**about, **({"frozen": self.in_neurons} if self.in_neurons else {})}
        content = {"kind": KIND, "network": self.architecture, "about": about}
        exact = self
        if self.in_neurons:  # trained weights are the same, named by their place
            exact = SequenceNetwork(**self.architecture)
            exact.learn_from(self)
        return training.save(path, exact, content)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str]
    ) -> tuple[SequenceNetwork, dict[str, Any]]:
        """Read a network that `save` has written, with an exact memory.

        Returns
        -------
        network : SequenceNetwork
        about : dict
            What was saved with it.

        Raises
        ------
        nengo.exceptions.ValidationError
            If the file is damaged, or was not written by `save`.
        """
        with open_saved(path) as archive:
            content = archive.text("about")
            shapes = {header.shape for header in archive.headers.values()}
        if not isinstance(content, dict) or content.get("kind") != KIND:
            raise path_error(path, "what SequenceNetwork.save has written")
        try:
            network = cls(**check_architecture(content.get("network"), shapes))
            check_about("about", content.get("about"), network.size_out)
        except ValidationError as error:
            raise path_error(path, f"a saved network ({error})") from None
        return network, training.load(path, network)["about"]

    @property
    def kernels(self) -> dict[str, nengo.Connection]:
        """All connections with trained weights, by name."""
        readouts = {c.label: c for c in self.connections if c.label in self._dense}
        return {**{k: self.lmu.weights[k] for k in ("W_x", "W_m")}, **readouts}

    @property
    def _arrays(self) -> dict[str, np.ndarray]:
        """The weights of `kernels`."""
        arrays = {name: c.transform.init for name, c in self.kernels.items()}
        if not all(
            isinstance(a, np.ndarray) for a in (*arrays.values(), *self._biases)
        ):
            raise refusal("network", self, "trained: some weights are still random")
        return arrays

    @property
    def _biases(self) -> list[Any]:
        """The biases of each hidden layer, of the equations."""
        given = [layer.bias for layer in self.layers]
        return [
            b / s if isinstance(b, np.ndarray) else b
            for b, s in zip(given, self._scales)
        ]

    def learn_from(self, other: SequenceNetwork) -> None:
        """Copy weights and biases from a network of the same sizes."""
        if not isinstance(other, SequenceNetwork):
            raise refusal("other", other, "a SequenceNetwork")
        kept = ("size_in", "size_out", "order", "units", "activation")
        if any(getattr(self, name) != getattr(other, name) for name in kept):
            raise refusal("other", other.architecture, "a network of the same sizes")
        read_weights(other)  # refuses what has not been trained
        for name, connection in self.kernels.items():
            connection.transform = other.kernels[name].transform
        parts = zip(self.layers, self._scales, other.layers, other._biases)
        for layer, scale, theirs, bias in parts:
            layer.bias, layer.encoders = scale * bias, theirs.encoders

    def sensitivity(
        self, inputs: np.ndarray, classes: bool | None = None
    ) -> np.ndarray:
        """Change of the answer with the memory's state at the end of sequences.

        Parameters
        ----------
        inputs : (n, n_items, size_in) array_like
        classes : bool, optional
            Whether the answer consists of logits, of which only differences matter.
            True by default if there is more than one number.

        Returns
        -------
        C : (k, size_in * order) ndarray
            C'C is the mean square change of the answer for a change of the state.
        """
        if classes is None:
            classes = self.size_out > 1
        if check_flag("classes", classes) and self.size_out == 1:
            raise refusal("classes", classes, "False for a network of one output")
        x = check_sequences(inputs, self.size_in)
        m = self.final_states(x)
        weights, f = self._arrays, ACTIVATIONS[self.activation]
        drives = self._drives(m, x[:, -1])
        # J, backwards: the derivative of the answer by the input of each layer
        inner = [weights[name] for name in ("W_m", *self._dense[:-1])]
        slopes = [f.slope(z) for z in drives]
        J = np.broadcast_to(weights["readout"], (len(x), *weights["readout"].shape))
        for W, slope in zip(inner[::-1], slopes[::-1]):
            J = (J * slope[:, None]) @ W
        if classes:
            J = J - J.mean(axis=1, keepdims=True)
        J = J.reshape(-1, J.shape[-1]) / np.sqrt(len(x))
        # R of the QR decomposition has the same C'C and fewer rows
        return J if len(J) <= J.shape[1] else np.asarray(np.linalg.qr(J, mode="r"))

    def answer(self, states: np.ndarray, last: np.ndarray) -> np.ndarray:
        """The answers to memory states and last items, from the equations.

        Parameters
        ----------
        states : (n, size_in * order) array_like
        last : (n, size_in) array_like

        Returns
        -------
        answers : (n, size_out) ndarray
        """
        hidden = self.hidden_states(states, last)
        return np.asarray(hidden[-1] @ self._arrays["readout"].T)

    def hidden_states(self, states: np.ndarray, last: np.ndarray) -> list[np.ndarray]:
        """The hidden state (n, units) of each layer, from the equations.

        Parameters
        ----------
        states, last
            As for `answer`.
        """
        f = ACTIVATIONS[self.activation].value
        return [f(z) for z in self._drives(states, last)]

    def _drives(self, states: Any, last: Any) -> list[np.ndarray]:
        """The input (n, units) of each hidden layer, biases included."""
        weights, f = self._arrays, ACTIVATIONS[self.activation].value
        states = check_array("states", states, ndims=(2,))
        last = check_array("last", last, ndims=(2,))
        n, sizes = len(last), (self.size_in * self.order, self.size_in)
        if (*states.shape, *last.shape) != (n, sizes[0], n, sizes[1]):
            shapes = f"(n, {sizes[0]}), and of the last items (n, {sizes[1]})"
            raise refusal("states", (states.shape, last.shape), f"of shape {shapes}")
        biases = self._biases
        drives = [states @ weights["W_m"].T + last @ weights["W_x"].T + biases[0]]
        for bias, name in zip(biases[1:], self._dense):
            drives.append(f(drives[-1]) @ weights[name].T + bias)
        return drives

    def final_states(self, inputs: np.ndarray) -> np.ndarray:
        """States (n, size_in * order) of the exact memory after the last item.

        They are computed from impulse responses (CE 2021), without the steps between.
        """
        x = check_sequences(inputs, self.size_in)
        Ad, Bd = discretize(*state_space(float(self.window), self.order), 1.0)
        responses = np.empty((x.shape[1], self.order))
        response = Bd[:, 0]
        for k in range(x.shape[1]):
            responses[-1 - k] = response
            response = Ad @ response
        m = x.transpose(0, 2, 1) @ responses
        return m.reshape(len(x), self.size_in * self.order)

    def states(self, inputs: np.ndarray, every: int = 1) -> np.ndarray:
        """States of the exact memory, some on the way and the last.

        Parameters
        ----------
        inputs : (n, n_items, size_in) array_like
        every : int
            Number of items between two states.

        Returns
        -------
        states : (n, n_kept, size_in * order) ndarray
        """
        x = check_sequences(inputs, self.size_in)
        check_integer("every", every)
        Ad, Bd = discretize(*state_space(float(self.window), self.order), 1.0)
        m = np.zeros((len(x), self.size_in, self.order))
        kept = []
        for t in range(x.shape[1]):
            m = m @ Ad.T + x[:, t, :, None] * Bd[:, 0]
            if t % every == 0 and t < x.shape[1] - 1:
                kept.append(m)
        return np.stack([*kept, m], axis=1).reshape(
            len(x), -1, self.size_in * self.order
        )


def _mark(network: SequenceNetwork) -> None:
    """Mark kernels, readouts and biases as trainable, but not the memory's input."""
    configure_training(network)
    network.lmu.config[network.lmu.weights["e_x"]].trainable = False
    for layer in network.layers[1:]:
        network.config[layer].trainable = False
        network.config[layer.neurons].trainable = True
    for connection in network.connections:
        if connection.pre_obj is network.stimulus:
            network.config[connection].trainable = False
