"""What the approximation experiment computes: one task a kind of number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from spiking_lmu.experiments.approximation import errors
from spiking_lmu.experiments.arguments import REPEATED, OneOf, Range
from spiking_lmu.linear_systems import METHODS
from spiking_lmu.validation import refusal

Orders = Annotated[Sequence[int], Range(1, 256), REPEATED]
CYCLES = (1, 2, 5, 10, 20, 50)
STEPS = (20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000)


def make_tasks(
    orders: Orders = (1, 2, 3, 6, 12, 24, 48),
    max_cycles: Annotated[float, Range(0.01, 1000)] = 50.0,
    points: Annotated[int, Range(2, 10_000)] = 401,
    tolerances: Annotated[Sequence[float], Range(1e-9, 0.5), REPEATED] = (0.01, 0.1),
    cycles: Annotated[Sequence[float], Range(0.01, 100), REPEATED] = CYCLES,
    window_cycles: Annotated[float, Range(0.01, 100)] = 3.0,
    methods: Annotated[Sequence[str], OneOf(METHODS), REPEATED] = METHODS,
    steps: Annotated[Sequence[int], Range(2, 10**6), REPEATED] = STEPS,
    step_orders: Orders = (6, 24),
    step_cycles: Annotated[float, Range(0.001)] = 1.0,
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
) -> list[dict[str, Any]]:
    r"""Compute errors of the linear memory, in continuous time and with time steps.

    Parameters
    ----------
    orders : sequence of int
        Orders of the memory, at most 256.
    max_cycles : float
        Highest theta * f: the number of cycles in the window.
    points : int
        Number of frequencies, spaced logarithmically from 0.005 cycles.
    tolerances : sequence of float
        Tolerated errors, 1e-9 to 0.5.
    cycles : sequence of float
        Numbers of cycles, at most 100, for which to find the required order.
    window_cycles : float
        Highest theta * f of the signal of flat spectrum whose window is reconstructed.
    methods : sequence of str
        Methods of `spiking_lmu.discretize`.
    steps : sequence of int
        Numbers of time steps in a window, theta / dt.
    step_orders : sequence of int
        Orders for which methods are compared.
    step_cycles : float
        The theta * f at which methods are compared; less than half of the smallest of
        ``steps``.
    seed : int
        Seed of the example signal in the figure of windows.


    Notes
    -----
    With steps, the frequency response H(z), :math:`z = e^{i \omega dt}`, is held
    against an ideal delay: ``error`` is
    :math:`|H(z) - e^{-i \omega (\theta + \mathrm{lag} \cdot dt)}|`. What a method
    yields is a state space of four matrices, and `discretize` returns two of them.
    Hence three fair comparisons, by ``reading``:

    "state"
        C m with C = ``readout(order, 1)``, all that a network has whose neurons
        hold the state; what it knows of the input is one step old. "foh" and
        "impulse" leave a share of the response to the direct path from input to
        output, and C m lacks that.
    "shifted"
        The same, against a delay that is longer by the ``lag`` of the method,
        which is half a step for "zoh" and "bilinear" and a whole one for
        "backward_diff": what remains if one reads ``1 - lag / steps`` instead
        of 1, or takes the delay for what it is.
    "system"
        The output equation of `scipy.signal.cont2discrete` too, with its direct path.
    """
    orders, step_orders, steps = map(_increasing, (orders, step_orders, steps))
    if step_cycles >= min(steps) / 2:
        allowed = f"below {min(steps) / 2:g}, half the least of steps"
        raise refusal("step_cycles", step_cycles, allowed)
    return [
        {
            "kind": "delay",
            "orders": orders,
            "cycles": np.geomspace(0.005, max_cycles, points).tolist(),
        },
        {
            "kind": "band",
            "orders": orders,
            "tolerances": _increasing(tolerances),
            "cycles": _increasing(cycles),
        },
        {"kind": "window", "orders": orders, "cycles": window_cycles},
        {"kind": "limit", "orders": orders},
        {
            "kind": "step",
            "orders": step_orders,
            "methods": list(dict.fromkeys(methods)),
            "steps": steps,
            "cycles": step_cycles,
        },
    ]


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The numbers of one kind."""
    rows: dict[str, Any] = {
        "delay": errors.delay_rows,
        "band": errors.band_rows,
        "window": errors.window_rows,
        "limit": errors.limit_rows,
        "step": errors.step_rows,
    }
    arguments = {name: value for name, value in task.items() if name != "kind"}
    return list(rows[task["kind"]](**arguments))


def _increasing(values: Sequence[Any]) -> list[Any]:
    return sorted(set(values))
