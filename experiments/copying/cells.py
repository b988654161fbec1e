r"""An LMU and an LSTM with every weight learned, several networks of each at once.

In each step, both read one of ten symbols and answer one of nine. Weights have a
leading axis for the network: networks that differ in seed or learning rate are trained
in one computation, each on its own data and independent of the others. Gradients are
written out. For networks this small, that is several times as fast as TensorFlow on one
core.

In the LMU (LMU 2019, equations 6 and 7) the memory is linear and its matrices are
fixed, so its state is a sum over past inputs,
:math:`m_t = \sum_j \bar A^j \bar B\, u_{t - j}`. Only :math:`W_m m_t` and
:math:`e_m m_t` are read from the state, so these readouts of the impulse response are
computed once for each update, and the state itself is never formed. The result is that
of `networks.LMU` within rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.training import recurrent_layers as layers
from spiking_lmu.training.recurrent_layers import Weights


def _gather(table: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Rows of each network's table (N, symbols, n), for symbols (L, N, B)."""
    networks = np.arange(table.shape[0])[:, None]
    return table[networks, shown]


def _scatter(shown: np.ndarray, n_symbols: int, d: np.ndarray) -> np.ndarray:
    """The gradient of `_gather`."""
    hot = (shown[..., None] == np.arange(n_symbols)).astype(np.float32)
    return _products(hot, d)


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sums over steps and sequences of outer products: (L, N, B, i), (L, N, B, j)."""
    n = a.shape[1]
    left = a.transpose(1, 3, 0, 2).reshape(n, a.shape[3], -1)
    right = b.transpose(1, 0, 2, 3).reshape(n, -1, b.shape[3])
    return left @ right


def _transposed(w: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(w.swapaxes(1, 2))


class LSTM:
    """A layer of long short-term memory, and a linear one for the answers.

    Parameters
    ----------
    units : int
    n_in, n_out : int
        Symbols that are shown, and that are answered.
    """

    def __init__(self, units: int, n_in: int, n_out: int) -> None:
        self.units, self.n_in = units, n_in
        self.recurrent = layers.LSTM(n_in, units)
        self.readout = layers.Linear(units, n_out)

    @property
    def state_variables(self) -> int:
        return self.recurrent.state_variables

    @property
    def parameters(self) -> int:
        return self.recurrent.parameters + self.readout.parameters

    def initial(self, rng: np.random.Generator) -> Weights:
        """Initial weights of one network."""
        recurrent, readout = self.recurrent.initial(rng), self.readout.initial(rng)
        return {**recurrent, "W_y": readout["W"], "b_y": readout["b"]}

    def forward(self, w: Weights, shown: np.ndarray) -> tuple[np.ndarray, Any]:
        """Answers (L, N, B, n_out) to symbols (L, N, B), and what `backward` needs."""
        x = shown[:, :, None] == np.arange(self.n_in)[:, None]
        h, recurrent = self.recurrent.forward(w, x.astype(w["W_y"].dtype))
        answers, readout = self.readout.forward(_readout(w), h)
        return answers.swapaxes(2, 3), (recurrent, readout)

    def backward(self, w: Weights, cache: Any, d: np.ndarray) -> Weights:
        """Gradients, from those of the answers."""
        recurrent, readout = cache
        of_readout, d_h = self.readout.backward(_readout(w), readout, d.swapaxes(2, 3))
        gradients, _ = self.recurrent.backward(w, recurrent, d_h)
        return {**gradients, "W_y": of_readout["W"], "b_y": of_readout["b"]}


def _readout(w: Weights) -> Weights:
    return {"W": w["W_y"], "b": w["b_y"]}


class LMU:
    """A Legendre Memory Unit whose encoders and kernels are all learned.

    One memory, and a linear layer for the answers. Encoders and kernels begin as in LMU
    2019: LeCun's for e_x and e_h, zero for e_m, Glorot's for the kernels.

    Parameters
    ----------
    units : int
    order : int
    theta : float
        Of the memory's window, in steps.
    n_in, n_out : int
        Symbols that are shown, and that are answered.
    """

    def __init__(
        self, units: int, order: int, theta: float, n_in: int, n_out: int
    ) -> None:
        self.units, self.order, self.theta = units, order, theta
        self.n_in, self.n_out = n_in, n_out
        self.responses: np.ndarray = np.zeros((0, order), np.float32)

    @property
    def state_variables(self) -> int:
        return self.order + self.units

    @property
    def parameters(self) -> int:
        encoders = self.n_in + self.units + self.order
        return self.units * (encoders + self.n_out) + encoders + self.n_out

    def initial(self, rng: np.random.Generator) -> Weights:
        """Initial weights of one network."""
        n = self.units
        return {
            "e_x": layers.lecun_uniform(rng, 1, self.n_in).T,
            "e_h": layers.lecun_uniform(rng, 1, n).T,
            "e_m": np.zeros((self.order, 1)),
            "W_x": layers.glorot_normal(rng, self.n_in, n),
            "W_h": layers.glorot_normal(rng, n, n),
            "W_m": layers.glorot_normal(rng, self.order, n),
            "W_y": layers.glorot_uniform(rng, n, self.n_out),
            "b_y": np.zeros((1, self.n_out)),
        }

    def impulse_responses(self, n_steps: int) -> np.ndarray:
        """The state after an impulse, (n_steps, order), the latest step first."""
        if len(self.responses) != n_steps:
            system = discretize(*state_space(self.theta, self.order), 1.0)
            # in `simulate`, an input arrives in the step after
            states = simulate(*system, np.eye(n_steps + 1)[0])[1:]
            self.responses = states[::-1].astype(np.float32)
        return self.responses

    def forward(self, w: Weights, shown: np.ndarray) -> tuple[np.ndarray, Any]:
        """Answers (L, N, B, n_out) to symbols (L, N, B), and what `backward` needs."""
        n_steps, n_networks, batch = shown.shape
        n = self.units
        # what W_m and e_m read from the impulse response, the latest step first
        read = np.concatenate([w["W_m"], w["e_m"]], axis=2)
        responses = self.impulse_responses(n_steps) @ read
        encoded = _gather(w["e_x"], shown)[..., 0]
        h = np.zeros((n_steps + 1, n_networks, batch, n), np.float32)
        h[1:] = _gather(w["W_x"], shown)
        u = np.zeros((n_networks, batch, n_steps), np.float32)
        memory = np.zeros((n_networks, batch, n + 1), np.float32)
        hidden = np.concatenate([w["W_h"], w["e_h"]], axis=2)
        for t in range(n_steps):
            fed_back = h[t] @ hidden
            u[..., t] = encoded[t] + fed_back[..., n] + memory[..., n]
            memory = u[..., : t + 1] @ responses[:, n_steps - 1 - t :]
            h[t + 1] += fed_back[..., :n]
            h[t + 1] += memory[..., :n]
            np.tanh(h[t + 1], out=h[t + 1])
        answers = h[1:] @ w["W_y"] + w["b_y"]
        return answers, (shown, responses, hidden, h, u)

    def backward(self, w: Weights, cache: Any, d: np.ndarray) -> Weights:
        """Gradients, from those of the answers."""
        shown, responses, hidden, h, u = cache
        n_steps, n = len(shown), self.units
        d_h = d @ _transposed(w["W_y"])
        slope = 1 - h[1:] ** 2
        back, hidden_back = _transposed(responses), _transposed(hidden)
        d_u, d_responses = np.zeros_like(u), np.zeros_like(responses)
        # of what is read at each step: by W_m, and by e_m one step later
        d_read = np.zeros((n_steps, *u.shape[:2], n + 1), np.float32)
        d_fed = np.zeros_like(d_read)
        later = np.zeros_like(h[0])
        for t in range(n_steps - 1, -1, -1):
            dr = d_read[t]
            np.multiply(later + d_h[t], slope[t], out=dr[..., :n])
            if t < n_steps - 1:
                dr[..., n] = d_u[..., t + 1]
            first = n_steps - 1 - t
            d_u[..., : t + 1] += dr @ back[..., first:]
            d_responses[:, first:] += u[..., : t + 1].swapaxes(1, 2) @ dr
            d_fed[t, ..., :n] = dr[..., :n]
            d_fed[t, ..., n] = d_u[..., t]
            later = d_fed[t] @ hidden_back
        d_memory = self.impulse_responses(n_steps).T @ d_responses
        d_hidden = _products(h[:-1], d_fed)
        d_encoded = d_fed[..., n:]
        return {
            "e_x": _scatter(shown, self.n_in, d_encoded),
            "e_h": d_hidden[..., n:],
            "e_m": d_memory[..., n:],
            "W_x": _scatter(shown, self.n_in, d_fed[..., :n]),
            "W_h": d_hidden[..., :n],
            "W_m": d_memory[..., :n],
            "W_y": _products(h[1:], d),
            "b_y": d.sum(axis=(0, 2))[:, None],
        }


def cross_entropy(answers: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean loss of each network, and the gradient of all; y is (L, N, B)."""
    n_steps, _, batch = y.shape
    logs = answers - answers.max(axis=-1, keepdims=True)
    p = np.exp(logs)
    total = p.sum(axis=-1, keepdims=True)
    p /= total
    picked = np.take_along_axis(logs, y[..., None], axis=-1)
    loss = (np.log(total) - picked).mean(axis=(0, 2, 3))
    np.put_along_axis(p, y[..., None], np.take_along_axis(p, y[..., None], -1) - 1, -1)
    p /= n_steps * batch
    return loss, p
