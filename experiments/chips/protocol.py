"""The protocol of Voelker 2019, from the code that was published with it.

0.1 s of white noise below 3 Hz, remembered in three dimensions for two seconds.
"""

from __future__ import annotations

import nengo
import numpy as np

from spiking_lmu.legendre import readout, state_space
from spiking_lmu.linear_systems import discretize, map_to_synapse, simulate
from spiking_lmu.metrics import nrmse
from spiking_lmu.signals import lowpass

THETA, ORDER = 0.1, 3  # seconds, dimensions
FREQ, RMS = 3.0, 1.0  # of the input, in Hz
DT, STEPS = 0.001, 2000
READOUT_SYNAPSE = 0.02  # seconds
POINTS = 100  # of the window
#: Seeds of the inputs that tell the ranges of the state. No network is tested on them.
EXAMPLES = range(101, 121)


def make_input(seed: int) -> np.ndarray:
    """The input of a test case (STEPS,)."""
    process = nengo.processes.WhiteSignal(
        period=STEPS * DT, rms=RMS, high=FREQ, y0=0, seed=seed
    )
    return process.run_steps(STEPS, dt=DT)[:, 0]


def ideal_state(u: np.ndarray) -> np.ndarray:
    """The state of the exact linear memory (n, ORDER), in Legendre coordinates."""
    return simulate(*discretize(*state_space(THETA, ORDER), DT), u)


def example_states() -> np.ndarray:
    """States (n, ORDER) under the inputs of `EXAMPLES`, which are not tested."""
    return np.concatenate([ideal_state(make_input(seed)) for seed in EXAMPLES])


def estimate_state(decoded: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The state, from decoded spikes and a synapse for the readout.

    Discrete Principle 3 for that synapse is applied once the run is over.

    Parameters
    ----------
    decoded : (n, ORDER) ndarray
        Unfiltered decoded spikes of each step, in Legendre coordinates.
    u : (n,) ndarray
        The input.
    """
    A, B = map_to_synapse(*state_space(THETA, ORDER), READOUT_SYNAPSE, DT)
    return lowpass(decoded @ A.T + u[:, None] * B[:, 0], READOUT_SYNAPSE, DT)


def window(state: np.ndarray) -> np.ndarray:
    """The window that a state holds (n, POINTS), from now to theta ago.

    As published, it is the readout of continuous time, without the half step by which
    a held sample is late. Networks and the exact memory are read in the same way.
    """
    return state @ readout(ORDER, np.linspace(0, 1, POINTS)).T


def window_error(decoded: np.ndarray, u: np.ndarray) -> float:
    """NRMSE over all points of the window and all times."""
    return nrmse(window(estimate_state(decoded, u)), window(ideal_state(u)))


def thesis_coordinates() -> np.ndarray:
    """The transform T, m = T x, to the coordinates x of Voelker 2019.

    They balance the Gramians of the delay, from its input to its output theta later.
    Each is divided by a radius of 1 / (i + 1), so that it lies between -1 and 1.
    """
    from scipy.linalg import solve_continuous_lyapunov

    A, B = state_space(THETA, ORDER)
    C = readout(ORDER, [1.0])
    reached = np.linalg.cholesky(solve_continuous_lyapunov(A, -B @ B.T))
    observed = solve_continuous_lyapunov(A.T, -C.T @ C)
    U, squares, _ = np.linalg.svd(reached.T @ observed @ reached)
    return reached @ U / squares**0.25 / np.arange(1, ORDER + 1)
