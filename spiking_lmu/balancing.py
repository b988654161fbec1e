"""Coordinates in which what the input does and what noise does are in balance."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, eigh, solve_discrete_lyapunov, svd

# a gain of noise below this is zero but for rounding
NOTHING = 1e-12


def noise_root(Ad: np.ndarray, a: float, weight: np.ndarray) -> np.ndarray:
    """R with R'R = W: some directions of W are so small that W itself loses them."""
    X = solve_discrete_lyapunov(Ad.T, weight)
    return cholesky((X + X.T) / 2) @ (Ad - a * np.eye(len(Ad)))


def root_of(K: np.ndarray) -> np.ndarray:
    """R with RR' = K."""
    powers, directions = eigh((K + K.T) / 2)
    # beyond this, directions of K are rounding errors
    return directions * np.sqrt(np.maximum(powers, 1e-13 * powers[-1]))


def balance(root: np.ndarray, weight_root: np.ndarray) -> np.ndarray:
    """T with inv(T) K inv(T)' = T' W T, diagonal, largest first; from roots of both.

    The largest entry of each column is positive: signs are no accident.
    """
    _, mu, V = svd(weight_root @ root)
    # noise in so small a direction has no effect, and any scale will do; if the system
    # is the synapse itself, no noise has an effect
    scale = np.maximum(mu, 1e-6 * mu[0]) if mu[0] > NOTHING else np.ones(len(mu))
    T = root @ V.T / np.sqrt(scale)
    return T * np.sign(T[np.argmax(np.abs(T), axis=0), np.arange(len(T))])
