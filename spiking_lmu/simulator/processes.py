"""From Nengo's processes and synapses to instructions of the interpreter.

A function decorated with ``@translates_process(Process)`` makes the instructions of
processes of exactly that type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import getclosurevars
from typing import Any

import numpy as np
from nengo.builder.processes import SimProcess
from nengo.builder.signal import Signal
from nengo.dists import Gaussian, Uniform
from nengo.processes import (
    BrownNoise,
    FilteredNoise,
    Piecewise,
    PresentInput,
    WhiteNoise,
    WhiteSignal,
)
from nengo.synapses import Alpha, LinearFilter, Lowpass, Triangle

from . import opcodes
from .arena import NotCompiled, Place
from .instructions import Instruction, Room, translates

__all__ = ["linear_filter", "translates_process", "watch"]

Translation = Callable[[SimProcess, Room], list[Instruction]]
_TRANSLATIONS: dict[type, Translation] = {}


def translates_process(*kinds: type) -> Callable[[Translation], Translation]:
    """Decorator of the function that translates processes of some types."""

    def register(function: Translation) -> Translation:
        _TRANSLATIONS.update(dict.fromkeys(kinds, function))
        return function

    return register


@translates(SimProcess)
def process(operator: SimProcess, room: Room) -> list[Instruction]:
    kind = type(operator.process)
    function = _TRANSLATIONS.get(kind) or getattr(kind, "translate", None)
    if function is None:
        raise NotCompiled(f"a process of the type {kind.__name__}")
    return list(function(operator, room))


def _output(operator: SimProcess, room: Room) -> list[int]:
    """The first operands of all processes: increments?, n, output."""
    output = operator.output
    return [int(operator.mode == "inc"), output.size, *room.place(output).code]


@translates_process(LinearFilter, Lowpass, Alpha)
def linear_filter(operator: SimProcess, room: Room) -> list[Instruction]:
    output, values = operator.output, operator.input
    if values is None or values.shape != output.shape:
        raise NotCompiled("a synapse whose input and output differ in shape")
    operands = [*_output(operator, room), *room.place(values).code]
    return _filtered(operator.process, operands, operator.state["X"], room)


def _filtered(
    synapse: LinearFilter, operands: list[int], X: Any, room: Room
) -> list[Instruction]:
    A, B, C, D = synapse._get_ss(room.dt)
    order = len(A)
    # the cases that `LinearFilter.make_step` tells apart
    if order == 0:
        return [Instruction(opcodes.GAIN_FILTER, [*operands, room.constant(D)])]
    operands = [*operands, *room.place(X).code]
    if order == 1 and not D.any():
        parameters = room.constant(A, C.item() * B.item())
        return [Instruction(opcodes.LOWPASS, [*operands, parameters])]
    parameters = room.constant(A, B, C, D, np.zeros(order))
    operands = [*operands, parameters, order, int(not D.any())]
    return [Instruction(opcodes.STATE_SPACE_FILTER, operands)]


@translates_process(Triangle)
def triangle(operator: SimProcess, room: Room) -> list[Instruction]:
    state = [operator.state[name] for name in ("Y", "X", "Xi")]
    n_taps, first, difference = operator.process._get_coefficients(room.dt)
    operands = [*_output(operator, room), *room.place(operator.input).code]
    for signal in state:
        operands += room.place(signal).code
    operands += [n_taps, room.constant(first, difference)]
    return [Instruction(opcodes.TRIANGLE_FILTER, operands)]


def _variables(step: Callable[..., Any]) -> Mapping[str, Any]:
    """The variables of what a process has made for the steps of its operator."""
    return getclosurevars(getclosurevars(step).nonlocals["step_f"]).nonlocals


def _time(operator: SimProcess, room: Room) -> int:
    return room.place(operator.t).offset


@translates_process(WhiteSignal)
def white_signal(operator: SimProcess, room: Room) -> list[Instruction]:
    rows = 2 * int(np.ceil(operator.process.period / room.dt / 2.0))
    n, lanes = operator.output.size, room.sources.n_lanes
    offset = room.arena.reserve(rows * n * lanes)

    def fill(steps: list[Callable[..., Any]]) -> None:
        signals = [_variables(step)["signal"] for step in steps]
        table = np.stack(signals, axis=-1).reshape(-1)
        room.arena.numbers[offset : offset + table.size] = table

    room.at_reset(operator, fill)
    operands = [*_output(operator, room), _time(operator, room), offset, rows]
    return [Instruction(opcodes.TABLE, [*operands, room.constant(room.dt)])]


@translates_process(PresentInput)
def present_input(operator: SimProcess, room: Room) -> list[Instruction]:
    process = operator.process
    inputs = np.reshape(process.inputs, (len(process.inputs), -1))
    if inputs.shape[1] != operator.output.size:
        raise NotCompiled(f"inputs of {inputs.shape[1]} values")  # Nengo refuses them
    operands = [*_output(operator, room), _time(operator, room)]
    operands += [room.constant(inputs), len(inputs)]
    operands += [room.constant(room.dt, float(process.presentation_time))]
    return [Instruction(opcodes.PRESENT_INPUT, operands)]


@translates_process(Piecewise)
def piecewise(operator: SimProcess, room: Room) -> list[Instruction]:
    process = operator.process
    times, values = zip(*sorted(process.data.items()), strict=True)
    if process.interpolation != "zero" or any(callable(value) for value in values):
        raise NotCompiled("a Piecewise with functions or interpolation")
    operands = [*_output(operator, room), _time(operator, room)]
    operands += [room.constant(*values), len(times), room.constant(room.dt, times)]
    return [Instruction(opcodes.PIECEWISE, operands)]


@translates_process(WhiteNoise)
def white_noise(operator: SimProcess, room: Room) -> list[Instruction]:
    return [_noise(operator, room, room.place(operator.output), operator.mode == "inc")]


@translates_process(FilteredNoise, BrownNoise)
def filtered_noise(operator: SimProcess, room: Room) -> list[Instruction]:
    synapse = operator.process.synapse
    if _TRANSLATIONS.get(type(synapse)) is not linear_filter:
        raise NotCompiled(f"noise filtered by a {type(synapse).__name__}")
    n, lanes = operator.output.size, room.sources.n_lanes
    many = room.arena.minibatch_size is not None
    unfiltered = Place(room.arena.reserve(n * lanes), lanes, int(many))
    operands = [*_output(operator, room), *unfiltered.code]
    return [
        _noise(operator, room, unfiltered, inc=False),
        *_filtered(synapse, operands, operator.state["X"], room),
    ]


def _noise(operator: SimProcess, room: Room, place: Place, inc: bool) -> Instruction:
    """White noise, drawn as Nengo draws it, for many steps at once."""
    n = operator.output.size
    feed = room.sources.feed(n)

    def start(steps: list[Callable[..., Any]]) -> None:
        drawn_by = [_variables(step) for step in steps]

        def sample(n_steps: int) -> np.ndarray:
            lanes = [_drawn(n_steps, n, **variables) for variables in drawn_by]
            return np.stack(lanes, axis=-1)

        feed.sample = sample

    room.at_reset(operator, start)
    operands = [int(inc), n, *place.code, room.sources.feeds.index(feed)]
    return Instruction(opcodes.FEED, operands)


def _drawn(
    n_steps: int, n: int, dist: Any, rng: Any, scale: bool, alpha: float, **_: Any
) -> np.ndarray:
    if type(dist) in (Gaussian, Uniform):  # number by number
        values = dist.sample(n=n_steps, d=n, rng=rng)
    else:
        values = np.stack([dist.sample(n=1, d=n, rng=rng)[0] for _ in range(n_steps)])
    return values * alpha if scale else values


def watch(
    element: Signal,
    noted: Signal,
    time: Signal,
    largest: float,
    tell: Callable[[float, float], None],
    room: Room,
) -> Instruction:
    """Tell of the first value of a signal whose magnitude is too large.

    Parameters
    ----------
    element, noted, time : nengo.builder.signal.Signal
        The signal, of size 1; one that is 1 once a value was noted; and the time.
    largest : float
        Largest magnitude that is not told.
    tell : callable
        Called with the time and the value, soon after.
    """
    parameters = room.constant(largest, 0.0, 0.0)
    operands = [*room.place(element).code, *room.place(noted).code]
    operands += [room.place(time).offset, parameters]

    def look() -> None:
        when, value = room.arena.numbers[parameters + 1 : parameters + 3]
        if when > 0:
            room.arena.numbers[parameters + 1] = 0
            tell(float(when), float(value))

    room.looks.append(look)
    return Instruction(opcodes.WATCH, operands)
