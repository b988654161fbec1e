r"""Recurrent layers with their gradients written out, several networks at once.

Weights have a leading axis for the network, so that networks that differ in seed or
learning rate are trained in one computation, each with its own data and none with an
influence on another. For layers this small that is several times as fast on one core as
TensorFlow, compiled.

Sequences are arrays (steps, networks, size, sequences): what the units of one layer do
in one step lies together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spiking_lmu.legendre import state_space
from spiking_lmu.linear_systems import discretize

Weights = dict[str, np.ndarray]


# ---- Initial weights, (n_out, n_in) ------------------------------------------------


def glorot_uniform(rng: np.random.Generator, n_out: int, n_in: int) -> np.ndarray:
    bound = np.sqrt(6 / (n_in + n_out))
    return rng.uniform(-bound, bound, (n_out, n_in))


def glorot_normal(rng: np.random.Generator, n_out: int, n_in: int) -> np.ndarray:
    return rng.normal(0, np.sqrt(2 / (n_in + n_out)), (n_out, n_in))


def lecun_uniform(rng: np.random.Generator, n_out: int, n_in: int) -> np.ndarray:
    bound = np.sqrt(3 / n_in)
    return rng.uniform(-bound, bound, (n_out, n_in))


def stacked(draws: Sequence[Mapping[str, np.ndarray]]) -> Weights:
    """The weights of several networks, with a leading axis for the network."""
    return {
        name: np.stack([one[name] for one in draws]).astype(np.float32)
        for name in draws[0]
    }


def transposed(w: np.ndarray) -> np.ndarray:
    """Matrices of all networks, transposed and contiguous."""
    return np.ascontiguousarray(w.swapaxes(1, 2))


def products(d: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The gradient of a matrix that leads from x to what has the gradient d."""
    total = np.zeros((d.shape[1], d.shape[2], x.shape[2]), d.dtype)
    one = np.empty_like(total)
    for of_step, heard in zip(d, x):
        total += np.matmul(of_step, heard.swapaxes(1, 2), out=one)
    return total


def with_inputs(x: np.ndarray, size: int) -> np.ndarray:
    """Room for what a layer hears in each step: inputs, its own state, and a one."""
    n_steps, networks, size_in, batch = x.shape
    heard = np.zeros((n_steps + 1, networks, size_in + size + 1, batch), x.dtype)
    heard[:-1, :, :size_in] = x
    heard[:, :, -1] = 1
    return heard


# ---- Layers ------------------------------------------------------------------------


class Linear:
    """Weights and a bias, and tanh if wanted.

    Parameters
    ----------
    size_in, units : int
    squashed : bool
        Whether tanh follows.
    """

    def __init__(self, size_in: int, units: int, squashed: bool = False) -> None:
        self.size_in, self.units, self.squashed = size_in, units, squashed

    @property
    def parameters(self) -> int:
        return self.units * (self.size_in + 1)

    def initial(self, rng: np.random.Generator) -> Weights:
        """Initial weights of one network."""
        return {
            "W": glorot_uniform(rng, self.units, self.size_in),
            "b": np.zeros((self.units, 1)),
        }

    def forward(self, w: Weights, x: np.ndarray) -> tuple[np.ndarray, Any]:
        """Outputs, and what `backward` needs."""
        y = w["W"] @ x
        y += w["b"]
        if self.squashed:
            np.tanh(y, out=y)
        return y, (x, y)

    def backward(
        self, w: Weights, cache: Any, d: np.ndarray
    ) -> tuple[Weights, np.ndarray]:
        """Gradients of the weights, and of the inputs."""
        x, y = cache
        if self.squashed:
            d = d * (1 - y**2)
        bias = d.sum(axis=3).sum(axis=0)[..., None]
        return {"W": products(d, x), "b": bias}, transposed(w["W"]) @ d


class LSTM:
    """A layer of long short-term memory.

    Gates are in the order input, forget, output, candidate. Weights begin as in Keras:
    Glorot's for inputs, orthogonal ones between units, and biases of one for the forget
    gates.

    Parameters
    ----------
    size_in, units : int
    """

    def __init__(self, size_in: int, units: int) -> None:
        self.size_in, self.units = size_in, units

    @property
    def parameters(self) -> int:
        return 4 * self.units * (self.size_in + self.units + 1)

    @property
    def state_variables(self) -> int:
        return 2 * self.units

    def initial(self, rng: np.random.Generator) -> Weights:
        """Initial weights of one network."""
        n = self.units
        W_x = glorot_uniform(rng, 4 * n, self.size_in)
        bias = np.zeros((4 * n, 1))
        bias[n : 2 * n] = 1
        recurrent, upper = np.linalg.qr(rng.normal(size=(4 * n, n)))
        return {"W_x": W_x, "W_h": recurrent * np.sign(np.diag(upper)), "b": bias}

    def forward(self, w: Weights, x: np.ndarray) -> tuple[np.ndarray, Any]:
        """The units' outputs, and what `backward` needs."""
        n = self.units
        W = np.concatenate([w["W_x"], w["W_h"], w["b"]], axis=2)
        heard = with_inputs(x, n)
        h = heard[:, :, self.size_in : -1]
        gates = np.empty((len(x), x.shape[1], 4 * n, x.shape[3]), W.dtype)
        c = np.zeros((len(x) + 1, x.shape[1], n, x.shape[3]), W.dtype)
        squashed, product = np.empty_like(c[1:]), np.empty_like(c[0])
        for t, g in enumerate(gates):
            np.matmul(W, heard[t], out=g)
            logistic = g[:, : 3 * n]  # (1 + tanh(x / 2)) / 2
            logistic *= 0.5
            np.tanh(g, out=g)
            logistic += 1
            logistic *= 0.5
            np.multiply(g[:, n : 2 * n], c[t], out=c[t + 1])
            c[t + 1] += np.multiply(g[:, :n], g[:, 3 * n :], out=product)
            np.tanh(c[t + 1], out=squashed[t])
            np.multiply(g[:, 2 * n : 3 * n], squashed[t], out=h[t + 1])
        return h[1:], (heard, gates, c, squashed)

    def backward(
        self, w: Weights, cache: Any, d_h: np.ndarray
    ) -> tuple[Weights, np.ndarray]:
        """Gradients of the weights, and of the inputs."""
        heard, gates, c, squashed = cache
        n, size = self.units, self.size_in
        back = transposed(np.concatenate([w["W_x"], w["W_h"]], axis=2))
        d_heard = np.zeros((len(d_h) + 1, *back.shape[:2], d_h.shape[3]), back.dtype)
        gradient = np.zeros((len(back), 4 * n, size + n + 1), back.dtype)
        one = np.empty_like(gradient)
        d, slope = np.empty_like(gates[0]), np.empty_like(gates[0])
        d_c, inner = np.zeros_like(c[0]), np.empty_like(c[0])
        for t in range(len(d_h) - 1, -1, -1):
            g, later = gates[t], d_heard[t + 1, :, size:]
            later += d_h[t]
            np.multiply(squashed[t], squashed[t], out=inner)
            np.subtract(1, inner, out=inner)
            inner *= g[:, 2 * n : 3 * n]
            inner *= later
            d_c += inner
            # of logistic gates g (1 - g), of the candidate 1 - g^2
            np.multiply(g, g, out=slope)
            np.subtract(g[:, : 3 * n], slope[:, : 3 * n], out=slope[:, : 3 * n])
            np.subtract(1, slope[:, 3 * n :], out=slope[:, 3 * n :])
            np.multiply(d_c, g[:, 3 * n :], out=d[:, :n])
            np.multiply(d_c, c[t], out=d[:, n : 2 * n])
            np.multiply(later, squashed[t], out=d[:, 2 * n : 3 * n])
            np.multiply(d_c, g[:, :n], out=d[:, 3 * n :])
            d *= slope
            d_c *= g[:, n : 2 * n]
            np.matmul(back, d, out=d_heard[t])
            gradient += np.matmul(d, heard[t].swapaxes(1, 2), out=one)
        W_x, W_h, b = np.split(gradient, [size, size + n], axis=2)
        return {"W_x": W_x, "W_h": W_h, "b": b}, d_heard[:-1, :, :size]


class LMU:
    r"""A Legendre Memory Unit, all of whose encoders and kernels are learned.

    The equations of LMU 2019 (6 and 7), with a bias of the hidden units,

    .. math::

        u_t &= e_x x_t + e_h h_{t-1} + e_m m_{t-1}, \\
        m_t &= \bar A m_{t-1} + \bar B u_t, \\
        h_t &= \tanh(W_x x_t + W_h h_{t-1} + W_m m_t + b),

    are one matrix between steps, of (h, m), if u and :math:`m_t` are eliminated; it is
    made anew from the weights for each update.

    Parameters
    ----------
    size_in, units, order : int
    theta : float
        In steps.
    kernel : float
        Bound of the initial W_h, which are uniform.
    """

    def __init__(
        self, size_in: int, units: int, order: int, theta: float, kernel: float
    ) -> None:
        self.size_in, self.units, self.order = size_in, units, order
        self.kernel = kernel
        system = discretize(*state_space(theta, order), 1.0)
        self.A, self.B = (part.astype(np.float32) for part in system)

    @property
    def parameters(self) -> int:
        encoders = self.size_in + self.units + self.order
        return encoders * (self.units + 1) + self.units

    @property
    def state_variables(self) -> int:
        return self.units + self.order

    def initial(self, rng: np.random.Generator) -> Weights:
        """Initial weights of one network."""
        n = self.units
        return {
            "e_x": lecun_uniform(rng, 1, self.size_in),
            "e_h": lecun_uniform(rng, 1, n),
            "e_m": np.zeros((1, self.order)),
            "W_x": glorot_normal(rng, n, self.size_in),
            "W_h": rng.uniform(-self.kernel, self.kernel, (n, n)),
            "W_m": glorot_normal(rng, n, self.order),
            "b": np.zeros((n, 1)),
        }

    def to_memory(self, w: Weights) -> np.ndarray:
        """What leads from inputs, and from the last (h, m), to m."""
        parts = [self.B @ w["e_x"], self.B @ w["e_h"], self.A + self.B @ w["e_m"]]
        return np.concatenate(parts, axis=2)

    def matrix(self, w: Weights) -> np.ndarray:
        """What leads from inputs, the last (h, m) and one to h, before tanh, and m."""
        n, size = self.units, self.size_in
        to_m = self.to_memory(w)
        to_h = w["W_m"] @ to_m
        to_h[..., :size] += w["W_x"]
        to_h[..., size : size + n] += w["W_h"]
        biases = np.concatenate([w["b"], np.zeros_like(to_m[..., :1])], axis=1)
        return np.concatenate([np.concatenate([to_h, to_m], axis=1), biases], axis=2)

    def forward(self, w: Weights, x: np.ndarray) -> tuple[np.ndarray, Any]:
        """The units' outputs, and what `backward` needs."""
        n = self.units
        W = self.matrix(w)
        heard = with_inputs(x, n + self.order)
        states = heard[:, :, self.size_in : -1]
        now = np.empty_like(states[0])
        for t in range(len(x)):
            np.matmul(W, heard[t], out=now)
            np.tanh(now[:, :n], out=states[t + 1, :, :n])
            states[t + 1, :, n:] = now[:, n:]
        return states[1:, :, :n], (heard, W)

    def backward(
        self, w: Weights, cache: Any, d_h: np.ndarray
    ) -> tuple[Weights, np.ndarray]:
        """Gradients of the weights, and of the inputs."""
        heard, W = cache
        n, size = self.units, self.size_in
        back = transposed(W[..., :-1])
        d_heard = np.zeros((len(d_h) + 1, *back.shape[:2], d_h.shape[3]), back.dtype)
        gradient, one = np.zeros_like(W), np.empty_like(W)
        slope = np.empty_like(d_heard[0, :, :n])
        for t in range(len(d_h) - 1, -1, -1):
            d, h = d_heard[t + 1, :, size:], heard[t + 1, :, size : size + n]
            np.multiply(h, h, out=slope)
            np.subtract(1, slope, out=slope)
            d[:, :n] += d_h[t]
            d[:, :n] *= slope
            np.matmul(back, d, out=d_heard[t])
            gradient += np.matmul(d, heard[t].swapaxes(1, 2), out=one)
        return self.unfold(w, gradient), d_heard[:-1, :, :size]

    def unfold(self, w: Weights, gradient: np.ndarray) -> Weights:
        """Gradients of the weights, from that of `matrix`."""
        n, size = self.units, self.size_in
        d_h, d_m = gradient[:, :n], gradient[:, n:, :-1]
        # what leads to m leads on to the hidden units through W_m
        encoded = self.B.T @ (d_m + transposed(w["W_m"]) @ d_h[..., :-1])
        e_x, e_h, e_m = np.split(encoded, [size, size + n], axis=2)
        return {
            "e_x": e_x,
            "e_h": e_h,
            "e_m": e_m,
            "W_x": d_h[..., :size],
            "W_h": d_h[..., size : size + n],
            "W_m": d_h[..., :-1] @ transposed(self.to_memory(w)),
            "b": d_h[..., -1:],
        }
