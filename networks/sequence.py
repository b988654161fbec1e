"""Networks that hear a sequence and answer, to be trained in parallel form."""

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
from spiking_lmu.parallel import configure_training
from spiking_lmu.validation import check_integer, check_number, refusal
from spiking_lmu.weights import read_archive

from .lmu import LMU

KIND = "spiking_lmu.networks.SequenceNetwork"


class SequenceNetwork(nengo.Network):
    r"""A memory of the last items of a sequence, hidden layers on it, and a readout.

    The unit of CE 2021: each input dimension goes straight into a memory of its own
    (:math:`u = x`), and hidden units hear memory and input but not each other. Nothing
    that learns has a memory, so that `training.fit` trains it in parallel form, at
    thousands of sequences a second; and what it then computes is the same, step by
    step, on any simulator.

    Parameters
    ----------
    size_in : int
        Size of an item of the sequence.
    size_out : int
        Size of the answer; for classes, their number.
    order : int
        Number of state variables of the memory of each input dimension.
    window : int
        Length of the memory's window, in items.
    units : int or sequence of int
        Hidden units: of the unit itself, then of further layers on it.
    presentation : int
        Time steps for which each item is shown. What the network computes does not
        depend on it; neurons have more time for it.
    dt : float
        Time step in seconds.
    memory : str
        ``"exact"`` or ``"spiking"``; see `LMU`.
    memory_args : mapping, optional
        See `LMU`.
    label : str, optional
    seed : int, optional

    Attributes
    ----------
    stimulus : nengo.Node
        Where the sequence goes in, of ``size_in``.
    lmu : LMU
        Memory and first hidden layer.
    layers : list of nengo.Ensemble
        All hidden layers, that of ``lmu`` first.
    output : nengo.Node
        The answer, of ``size_out``, at each step; logits for classes.
    probe : nengo.Probe
        On ``output``.
    """

    def __init__(
        self,
        size_in: int,
        size_out: int,
        order: int,
        window: int,
        units: int | Sequence[int] = 100,
        presentation: int = 1,
        dt: float = 0.001,
        memory: str = "exact",
        memory_args: Mapping[str, Any] | None = None,
        label: str | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(label=label, seed=seed)
        self.size_in = check_integer("size_in", size_in, high=10**4)
        self.size_out = check_integer("size_out", size_out, high=10**6)
        self.window = check_integer("window", window, low=2, high=10**7)
        self.presentation = check_integer("presentation", presentation, high=10**4)
        self.dt = check_number("dt", dt, low=0, exclusive=True)
        widths = list(units) if isinstance(units, Sequence) else [units]
        if not widths:
            raise refusal("units", units, "at least one number of hidden units")
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
                memory=memory,
                memory_args=memory_args,
                label="lmu",
            )
            self.order = self.lmu.order
            nengo.Connection(self.stimulus, self.lmu.input, synapse=None)
            self.layers = [self.lmu.hidden]
            hidden = self.lmu.output
            for k, width in enumerate(widths[1:], 1):
                hidden = self._add_layer(hidden, check_integer("units", width), k)
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
            neuron_type=nengo.Tanh(tau_ref=1),
            label=f"layer {k}",
        )
        self._connect(hidden, layer.neurons, f"into layer {k}")
        self.layers.append(layer)
        return layer.neurons

    def _connect(self, pre: Any, post: Any, label: str) -> None:
        deviation = np.sqrt(2 / (pre.size_out + post.size_in))
        nengo.Connection(
            pre, post, transform=Gaussian(0, deviation), synapse=None, label=label
        )

    @property
    def architecture(self) -> dict[str, Any]:
        """What it takes to build the network again, with an exact memory."""
        return {
            "size_in": self.size_in,
            "size_out": self.size_out,
            "order": self.order,
            "window": self.window,
            "units": list(self.units),
            "presentation": self.presentation,
            "dt": self.dt,
        }

    def save(
        self,
        path: str | os.PathLike[str],
        about: Mapping[str, Any] | None = None,
    ) -> Path:
        """Save what the network has learned and what it is; see `training.save`."""
        content = {"kind": KIND, "network": self.architecture, "about": about or {}}
        return training.save(path, self, content)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str]
    ) -> tuple[SequenceNetwork, dict[str, Any]]:
        """A network that `save` has saved, and what was kept with it.

        Raises
        ------
        nengo.exceptions.ValidationError
            If the file is damaged or no such file.
        """
        _, texts = read_archive(path)
        content = texts.get("about")
        if not isinstance(content, dict) or content.get("kind") != KIND:
            raise refusal("path", str(path), "what SequenceNetwork.save has written")
        try:
            network = cls(**content["network"])
        except (KeyError, TypeError, ValidationError) as error:
            raise refusal("path", str(path), f"a saved network ({error})") from None
        return network, training.load(path, network)["about"]


    def activities(self, inputs: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """States and hidden layers in the last step, by the equations themselves.

        Parameters
        ----------
        inputs : (n, n_items, size_in) ndarray

        Returns
        -------
        states : (n, size_in * order) ndarray
            m.
        hidden : list of (n, units) ndarray
            Of each layer.
        """
        states = self.states(inputs, last=True)
        x = np.asarray(inputs, dtype=float)[:, -1]
        kernels = self.kernels
        hidden = [np.tanh(states @ kernels[0].T + x @ self.direct.T + self.biases[0])]
        for W, b in zip(kernels[1:-1], self.biases[1:]):
            hidden.append(np.tanh(hidden[-1] @ W.T + b))
        return states, hidden


def _mark(network: SequenceNetwork) -> None:
    """Say what learns: kernels, readouts and biases; the memory's input does not."""
    configure_training(network)
    network.lmu.config[network.lmu.weights["e_x"]].trainable = False
    network.lmu.config[network.lmu.hidden.neurons].trainable = True
    for layer in network.layers[1:]:
        network.config[layer].trainable = False
        network.config[layer.neurons].trainable = True
    for connection in network.connections:
        if connection.pre_obj is network.stimulus:
            network.config[connection].trainable = False
