"""The static part of a memory's error: what its decoders get wrong without any spikes.

Decoders approximate each coordinate by a function of it. That error is a bias: it is
the same whenever the state is the same, and does not average out over time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .linear_systems import simulate
from .noise import check_populations
from .populations import Population
from .realization import Realization
from .signals import lowpass
from .validation import check_array, check_integer, check_positive

GRID = 2001  # values of each coordinate at which its tuning curves are evaluated
BEYOND = 1.5  # the grid ends at this multiple of the radius


def simulate_distorted(
    realization: Realization, populations: Sequence[Population], u: ArrayLike
) -> np.ndarray:
    """Run a memory whose neurons communicate by rates, without simulating neurons.

    Each coordinate passes through the decoded function of its population, read
    from a table, in every step: the memory as it would be with infinitely many
    spikes. What remains of its error is the decoders' static distortion.

    Parameters
    ----------
    realization : Realization
    populations : sequence of Population
        One for each coordinate.
    u : (n,) array_like
        Input at each step.

    Returns
    -------
    m : (n, d) ndarray
        The state in its original coordinates, as `state_space.simulate` has it.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is not one population for each coordinate, or an input is not finite.
    """
    check_populations(realization, populations)
    u = check_array("u", u, ndims=(1,))
    recurrent, feed = realization.transforms
    ratio = realization.dt / realization.tau
    a, b = np.exp(-ratio), -np.expm1(-ratio)
    recurrent, drive = b * recurrent, b * u[:, None] * feed[:, 0]

    # evenly in asinh, as the tuning curves are: fine where the state mostly is
    scales = realization.deviations
    edges = np.arcsinh(BEYOND * realization.radii / scales)
    grid = np.sinh(np.linspace(-1, 1, GRID)[:, None] * edges) * scales
    table = np.stack([p.decode(x) for p, x in zip(populations, grid.T)])

    rows = np.arange(realization.order)
    x = np.empty(drive.shape)
    state = np.zeros(realization.order)
    for n in range(len(u)):
        x[n] = state
        place = (np.arcsinh(state / scales) / edges + 1) * ((GRID - 1) / 2)
        place = np.clip(place, 0, GRID - 1.000001)
        below = place.astype(int)
        start = table[rows, below]
        # between grid points, linear in the coordinate itself
        left, right = grid[below, rows], grid[below + 1, rows]
        part = np.clip((state - left) / (right - left), 0, 1)
        decoded = start + part * (table[rows, below + 1] - start)
        state = a * state + recurrent @ decoded + drive[n]
    return x @ realization.T.T


def distortion_rmse(
    realization: Realization,
    populations: Sequence[Population],
    u: ArrayLike,
    synapse: float | None = None,
    settled: int = 0,
) -> float:
    """RMSE of the state that the decoders' distortion causes, through the recurrence.

    It and the RMSE of noise (`noise.noise_rmse`) are independent: squares add up.

    Parameters
    ----------
    realization, populations, u
        As for `simulate_distorted`.
    synapse : float, optional
        Time constant of a filter through which the state is read, in seconds.
    settled : int
        Steps at the beginning that are not counted.

    Returns
    -------
    rmse : float
        Of the length of the error of the state m, in its original coordinates.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or there is no step to count.
    """
    if synapse is not None:
        synapse = check_positive("synapse", synapse)
    error = simulate_distorted(realization, populations, u)
    error -= simulate(*realization.step, u) @ realization.T.T
    settled = check_integer("settled", settled, low=0, high=len(error) - 1)
    if synapse is not None:
        error = lowpass(error, synapse, realization.dt)
    return float(np.sqrt(np.mean(np.sum(error[settled:] ** 2, axis=1))))
