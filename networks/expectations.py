"""Whether a memory gets what it expects: range, band and units of its input."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from nengo.params import IntParam, NumberParam, StringParam

from spiking_lmu.delay_errors import choose_order, delay_error
from spiking_lmu.validation import refusal

WORST = 0.5  # `delay_error` at the end of the expected band that needs a warning
MANY_CYCLES = 20  # of more, `choose_order` is not asked: it takes seconds
# windows that long are rather of milliseconds, or of steps
LONG, MANY_STEPS = 50.0, 50_000


@dataclass(frozen=True, eq=False)
class RangeCheck:
    """Whether a memory's state stays within the radii of its populations.

    Attributes
    ----------
    largest : (d,) ndarray
        Largest magnitude of each coordinate, relative to its radius.
    outside : (d,) ndarray
        Share of the time that each coordinate is beyond its radius.
    """

    largest: np.ndarray
    outside: np.ndarray

    def __bool__(self) -> bool:
        return bool(np.all(self.largest <= 1))

    def __str__(self) -> str:
        worst = int(np.argmax(self.largest))
        text = f"coordinate {worst} goes to {self.largest[worst]:.2f} of its radius"
        if self:
            return f"The state stays within its radii: at most, {text}."
        return (
            f"The state leaves its radii: {text}, and is beyond it for "
            f"{self.outside[worst]:.2%} of the time. Announce this input by freq and "
            "rms, or by spectrum=Spectrum.from_signal(signal, dt)."
        )


class InputSynapse(nengo.Lowpass):
    """The synapse of a memory's input, which looks at what comes in.

    It refuses another time step when a simulator builds it, and warns, once in each
    simulator of Nengo, when the input is larger than what the memory expects. It needs
    no node of its own in the network. NengoDL, which runs all synapses as one tensor
    operation, calls no step of it and does not warn.

    Parameters
    ----------
    tau : float
        Time constant, in seconds.
    built_for : float
        Time step, in seconds.
    feed : (d,) ndarray
        Transform of the input before it comes here.
    largest : float
        Magnitude of the input that is expected; inf for any.
    owner : str
        What to call the memory.
    """

    built_for = NumberParam("built_for", low=0, low_open=True)
    watched = IntParam("watched", low=0)
    scale = NumberParam("scale")
    largest = NumberParam("largest", low=0, low_open=True)
    owner = StringParam("owner")

    def __init__(
        self, tau: float, built_for: float, feed: np.ndarray, largest: float, owner: str
    ) -> None:
        super().__init__(tau)
        self.built_for = built_for
        self.watched = int(np.argmax(np.abs(feed)))
        self.scale = float(feed[self.watched])
        self.largest = largest
        self.owner = owner

    def make_state(
        self, shape_in: Any, shape_out: Any, dt: float, dtype: Any = None, y0: Any = 0
    ) -> dict[str, Any]:
        check_dt(dt, self.built_for, "LegendreMemory")
        return super().make_state(shape_in, shape_out, dt, dtype=dtype, y0=y0)

    def make_step(
        self, shape_in: Any, shape_out: Any, dt: float, rng: Any, state: Any
    ) -> Callable[[float, np.ndarray], np.ndarray]:
        step = super().make_step(shape_in, shape_out, dt, rng, state)
        k, told = self.watched, False
        most = abs(self.scale) * self.largest * (1 + 1e-6)  # but for rounding

        def watching(t: float, signal: np.ndarray) -> np.ndarray:
            nonlocal told
            if not (told or -most <= signal.item(k) <= most):
                told = True
                self._warn(t, signal.item(k) / self.scale)
            return step(t, signal)

        return watching if np.isfinite(most) else step

    def _warn(self, t: float, value: float) -> None:
        warnings.warn(
            f"the input of {self.owner} is {value:.4g} at {t:.6g} s, and at most "
            f"{self.largest:.3g} is expected: beyond that, neurons saturate. Announce "
            "this input by freq and rms, or by spectrum=Spectrum.from_signal(signal, "
            "dt); memory.check_range(signal) tells how far it goes",
            stacklevel=3,
        )


def check_dt(dt: float, built_for: float, owner: str) -> None:
    """Refuse a time step that a network was not built for."""
    if not np.isclose(dt, built_for, rtol=1e-6, atol=0):
        allowed = f"{built_for:g}, for which {owner}(dt=...) was built"
        raise refusal("dt", dt, allowed)


def warn_of_band(theta: float, order: int, freq: float) -> None:
    """Warn of an expected input that changes faster than the memory can hold."""
    cycles = freq * theta
    error = delay_error(order, cycles)[0]
    if cycles == 0 or error < WORST:
        return
    if cycles <= MANY_CYCLES:
        enough = f"order={choose_order(cycles)} holds it with an error of 1 %"
    else:
        enough = f"That takes an order of about {4 * cycles:.0f}"
    warnings.warn(
        f"freq={freq:g} Hz is {cycles:.3g} cycles in theta={theta:g} s, more than "
        f"order={order} holds: a delay of theta errs by {error:.0%} there. {enough}",
        stacklevel=4,
    )


def warn_of_units(theta: float, dt: float) -> None:
    """Warn of a window that is so long that its unit must be another one.

    A network around it that has a ``window`` was given that in steps.
    """
    in_steps = any(hasattr(outer, "window") for outer in nengo.Network.context)
    if theta >= LONG and theta / dt >= MANY_STEPS and not in_steps:
        warnings.warn(
            f"theta={theta:g} is in seconds, {theta / dt:,.0f} steps of dt={dt:g} s. "
            f"{theta:g} ms are theta={theta / 1000:g}; so many steps, {theta:g} * dt",
            stacklevel=3,
        )
