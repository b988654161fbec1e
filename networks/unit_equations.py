"""The equations of a unit, computed directly on arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spiking_lmu.linear_systems import discretize
from spiking_lmu.validation import check_sequences


@dataclass(frozen=True, eq=False)
class UnitRun:
    """What the equations of a unit give for some sequences.

    Attributes
    ----------
    u : (n, n_steps, memory_d) ndarray
        Input of the memory.
    m : (n, n_steps, memory_d * order) ndarray
        State of the memory.
    z : (n, n_steps, units) ndarray
        Input of the hidden units, biases included.
    h : (n, n_steps, units) ndarray
        Hidden state; for units that spike, from their rates.
    """

    u: np.ndarray
    m: np.ndarray
    z: np.ndarray
    h: np.ndarray

    def __repr__(self) -> str:
        n, n_steps, units = self.h.shape
        return f"<UnitRun: {n} sequences of {n_steps} steps, {units} hidden units>"


def run_equations(unit: Any, inputs: ArrayLike) -> UnitRun:
    """Run an `LMU` by its equations; see `LMU.run`."""
    x = check_sequences(inputs, unit.size_in)
    weights = {name: array.T for name, array in unit.trained_arrays().items()}
    Ad, Bd = discretize(unit.memory.A, unit.memory.B, unit.dt)
    m = np.zeros((len(x), unit.memory_d, unit.order))
    h = np.zeros((len(x), unit.units))

    def total(values: Mapping[str, np.ndarray], size: int) -> np.ndarray:
        parts = [v @ weights[k] for k, v in values.items() if k in weights]
        return np.asarray(sum(parts, np.zeros((len(x), size))))

    steps = []
    for t in range(x.shape[1]):
        flat = m.reshape(len(x), -1)
        u = total({"e_x": x[:, t], "e_h": h, "e_m": flat}, unit.memory_d)
        m = m @ Ad.T + u[:, :, None] * Bd[:, 0]
        flat = m.reshape(len(x), -1)
        z = total({"W_x": x[:, t], "W_h": h, "W_m": flat}, unit.units)
        z = z + weights.get("bias", 0.0)
        h = unit.response(z)
        steps.append((u, flat, z, h))
    return UnitRun(*(np.stack(values, axis=1) for values in zip(*steps)))
