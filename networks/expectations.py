"""What input a memory expects, and warnings where it gets another one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from nengo.params import IntParam, NumberParam, StringParam

from spiking_lmu.delay_errors import choose_order, delay_error, usable_band
from spiking_lmu.signals import Spectrum
from spiking_lmu.validation import check_number, refusal

MAX_CYCLES = 1000  # of the expected input in the window
WORST = 0.5  # a larger `delay_error` at the end of the expected band needs a warning
MANY_CYCLES = 20  # beyond this, `choose_order` takes seconds and is not called
# a window of so many seconds and steps was probably given in milliseconds or in steps
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
        text = f"coordinate {worst} reaches {self.largest[worst]:.2f} of its radius"
        if self:
            return f"The state stays within its radii: at most, {text}."
        return (
            f"The state leaves its radii: {text}, and is beyond it for "
            f"{self.outside[worst]:.2%} of the time. Set freq and rms for this input, "
            "or spectrum=Spectrum.from_signal(signal, dt)."
        )

    def __repr__(self) -> str:
        return (
            f"<RangeCheck: largest {self.largest.max():.3g} of a radius, outside for "
            f"{self.outside.max():.2%} of the time>"
        )


class TimedLowpass(nengo.Lowpass):
    """A lowpass synapse for one time step, which refuses to be built for another.

    Parameters
    ----------
    tau : float
        Time constant, in seconds.
    built_for : float
        Time step, in seconds.
    kind : str
        The class of the network that was built for this time step.
    """

    built_for = NumberParam("built_for", low=0, low_open=True)
    kind = StringParam("kind")

    def __init__(self, tau: float, built_for: float, kind: str) -> None:
        super().__init__(tau)
        self.built_for = built_for
        self.kind = kind

    def make_state(
        self, shape_in: Any, shape_out: Any, dt: float, dtype: Any = None, y0: Any = 0
    ) -> dict[str, Any]:
        """The state of the filter, for the time step that it was built for."""
        check_dt(dt, self.built_for, self.kind)
        return super().make_state(shape_in, shape_out, dt, dtype=dtype, y0=y0)

    @staticmethod
    def translate(operator: Any, room: Any) -> list[Any]:
        """Instructions of the compiled simulator."""
        from spiking_lmu.simulator.processes import linear_filter

        return linear_filter(operator, room)


class InputSynapse(TimedLowpass):
    """The synapse of a memory's input, which warns of an input that is too large.

    It warns once in each simulator. It is a part of the connection, and adds no node
    to the network.

    Parameters
    ----------
    tau, built_for
        As for `TimedLowpass`.
    feed : (d,) ndarray
        Transform of the input in front of the synapse.
    largest : float
        Largest magnitude of the expected input; inf for any.
    owner : str
        The memory, as warnings name it.

    Notes
    -----
    NengoDL computes all lowpass synapses in one tensor operation and does not call
    `make_step`: there, `LegendreMemory.check_range` tells whether an input is too
    large.
    """

    watched = IntParam("watched", low=0)
    scale = NumberParam("scale")
    largest = NumberParam("largest", low=0, low_open=True)
    owner = StringParam("owner")

    def __init__(
        self, tau: float, built_for: float, feed: np.ndarray, largest: float, owner: str
    ) -> None:
        super().__init__(tau, built_for, "LegendreMemory")
        self.watched = int(np.argmax(np.abs(feed)))
        self.scale = float(feed[self.watched])
        self.largest = largest
        self.owner = owner

    def make_state(
        self, shape_in: Any, shape_out: Any, dt: float, dtype: Any = None, y0: Any = 0
    ) -> dict[str, Any]:
        """The state of the filter, and whether a warning was given."""
        state = super().make_state(shape_in, shape_out, dt, dtype=dtype, y0=y0)
        return {**state, "warned": np.zeros(1)}

    def make_step(
        self, shape_in: Any, shape_out: Any, dt: float, rng: Any, state: Any
    ) -> Callable[[float, np.ndarray], np.ndarray]:
        """A step of the filter that looks at the input first."""
        step = super().make_step(shape_in, shape_out, dt, rng, state)
        k, warned = self.watched, state["warned"]
        most = abs(self.scale) * self.largest * (1 + 1e-6)  # but for rounding

        def watching(t: float, signal: np.ndarray) -> np.ndarray:
            if not (-most <= signal.item(k) <= most) and not warned[0]:
                warned[0] = 1
                self._warn(t, signal.item(k) / self.scale)
            return step(t, signal)

        return watching if np.isfinite(most) else step

    @staticmethod
    def translate(operator: Any, room: Any) -> list[Any]:
        """Instructions of the compiled simulator, which look at the input first."""
        from spiking_lmu.simulator.processes import linear_filter, watch

        self = operator.process
        most = abs(self.scale) * self.largest * (1 + 1e-6)
        filtering = linear_filter(operator, room)
        if not np.isfinite(most):
            return filtering

        def warn(t: float, value: float) -> None:
            self._warn(t, value / self.scale)

        element, noted = operator.input[self.watched], operator.state["warned"]
        return [watch(element, noted, operator.t, most, warn, room), *filtering]

    def _warn(self, t: float, value: float) -> None:
        warnings.warn(
            f"the input of {self.owner} is {value:.4g} at {t:.6g} s, but the memory "
            f"expects at most {self.largest:.3g}; neurons saturate beyond that. Set "
            "freq and rms for this input, or spectrum=Spectrum.from_signal(signal, "
            "dt); memory.check_range(signal) shows by how much",
            stacklevel=3,
        )


def check_dt(dt: float, built_for: float, kind: str) -> None:
    """Refuse a time step that a network was not built for."""
    if not np.isclose(dt, built_for, rtol=1e-6, atol=0):
        allowed = f"{built_for:g}, for which {kind}(dt=...) was built"
        raise refusal("dt", dt, allowed)


def expected_spectrum(
    theta: float, order: int, dt: float, freq: Any, rms: Any, spectrum: Any
) -> Spectrum:
    """The expected input of a memory, from its arguments; see `LegendreMemory`."""
    if spectrum is not None:
        if not isinstance(spectrum, Spectrum):
            raise refusal("spectrum", spectrum, "a spiking_lmu.Spectrum")
        if freq is not None or rms is not None:
            name, value = ("freq", freq) if freq is not None else ("rms", rms)
            raise refusal(name, value, "None if spectrum is given")
        return spectrum
    highest = min(0.5 / dt, MAX_CYCLES / theta)
    if freq is None:
        freq = min(usable_band(order) / theta, highest)
    else:
        freq = check_number("freq", freq, low=0, high=highest, exclusive=True)
        warn_of_band(theta, order, freq)
    return Spectrum.flat(freq, 0.5 if rms is None else rms)


def warn_of_band(theta: float, order: int, freq: float) -> None:
    """Warn of an expected input that changes too fast for the order of the memory."""
    cycles = freq * theta
    error = delay_error(order, cycles)[0]
    if cycles == 0 or error < WORST:
        return
    if cycles <= MANY_CYCLES:
        enough = f"order={choose_order(cycles)} holds it with an error of 1 %"
    else:
        enough = f"It requires an order of about {4 * cycles:.0f}"
    warnings.warn(
        f"freq={freq:g} Hz is {cycles:.3g} cycles in theta={theta:g} s, more than "
        f"order={order} holds: a delay of theta has an error of {error:.0%} there. "
        f"{enough}",
        stacklevel=4,
    )


def warn_of_units(theta: float, dt: float) -> None:
    """Warn of a window so long that it was probably not given in seconds.

    A network around the memory that has a ``window`` counts it in steps on purpose.
    """
    in_steps = any(hasattr(outer, "window") for outer in nengo.Network.context)
    if theta >= LONG and theta / dt >= MANY_STEPS and not in_steps:
        warnings.warn(
            f"theta={theta:g} is in seconds, {theta / dt:,.0f} steps of dt={dt:g} s. "
            f"{theta:g} ms are theta={theta / 1000:g}; {theta:g} steps are "
            f"theta={theta:g} * dt",
            stacklevel=4,
        )
