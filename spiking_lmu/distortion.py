"""The static part of a memory's error: what its decoders get wrong without any spikes.

Decoders approximate each coordinate by a function of it. That error is a bias: it is
the same whenever the state is the same, and does not average out over time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from .linear_systems import simulate
from .metrics import length_rmse
from .noise import check_populations, check_synapse
from .populations import Population
from .realization import Realization
from .signals import lowpass
from .validation import check_array, check_flag, check_integer

GRID = 2001  # values of each coordinate at which its tuning curves are evaluated
BEYOND = 1.5  # the grid ends at this multiple of the radius


def simulate_distorted(
    realization: Realization,
    populations: Sequence[Population],
    u: ArrayLike,
    noise_shaping: bool = False,
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
    noise_shaping : bool
        As for `networks.LegendreMemory`.

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

    carried = realization.carried * check_flag("noise_shaping", noise_shaping)
    x = _compiled_steps()(a, recurrent, drive, carried, scales, edges, grid, table)
    return x @ realization.T.T


def _steps(
    a: float,
    recurrent: np.ndarray,
    drive: np.ndarray,
    carried: np.ndarray,
    scales: np.ndarray,
    edges: np.ndarray,
    grid: np.ndarray,
    table: np.ndarray,
) -> np.ndarray:
    """The coordinates (n, d), step by step: a loop that Numba compiles."""
    x = np.zeros(drive.shape)
    decoded = np.zeros(drive.shape[1])
    encoded = np.zeros(drive.shape[1])
    for n in range(len(x) - 1):
        for i in range(len(decoded)):
            state = x[n, i] - carried[i] * (decoded[i] - encoded[i])
            encoded[i] = state
            place = (np.arcsinh(state / scales[i]) / edges[i] + 1) * ((GRID - 1) / 2)
            below = int(min(max(place, 0.0), GRID - 1.000001))
            # between grid points, linear in the coordinate itself
            left, right = grid[below, i], grid[below + 1, i]
            part = min(max((state - left) / (right - left), 0.0), 1.0)
            start = table[i, below]
            decoded[i] = start + part * (table[i, below + 1] - start)
        for i, row in enumerate(recurrent):
            total = 0.0
            for weight, value in zip(row, decoded):
                total += weight * value
            x[n + 1, i] = a * x[n, i] + total + drive[n, i]
    return x


@cache
def _compiled_steps() -> Callable[..., np.ndarray]:
    import numba  # slow to import

    try:
        return numba.njit(_steps, cache=True)
    except RuntimeError:  # there is no folder to keep it in
        return numba.njit(_steps)


def distortion_rmse(
    realization: Realization,
    populations: Sequence[Population],
    u: ArrayLike,
    synapse: float | None = None,
    settled: int = 0,
    noise_shaping: bool = False,
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
    noise_shaping : bool
        As for `networks.LegendreMemory`.

    Returns
    -------
    rmse : float
        Of the length of the error of the state m, in its original coordinates.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or there is no step to count.
    """
    synapse = check_synapse(synapse)
    error = simulate_distorted(realization, populations, u, noise_shaping)
    error -= simulate(*realization.step, u) @ realization.T.T
    settled = check_integer("settled", settled, low=0, high=len(error) - 1)
    if synapse is not None:
        error = lowpass(error, synapse, realization.dt)
    return length_rmse(error[settled:])
