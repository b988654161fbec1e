"""From neurons and populations to instructions of the interpreter.

`kernels.populations` encodes, steps neurons and decodes, or does a part of that;
`kernels.poisson_events` does all of it for one-dimensional Poisson populations, and
`kernels.rate_populations` for those with coordinated or regular spikes.
"""

from __future__ import annotations

import numpy as np
from nengo.builder.neurons import SimNeurons
from nengo.builder.signal import Signal

from . import opcodes
from .arena import NotCompiled, Place
from .fusion import Population
from .instructions import Instruction, Room, translates
from .kernels import event_tables, rate_populations, rate_tables
from .kernels.event_tables import event_table, rate_table
from .kernels.populations import decoder_table, scratch_size
from .kernels.steps import KINDS, parameters

__all__ = ["neurons", "population"]

ABSENT = -1  # the offset of what is not there
NOWHERE = Place(ABSENT, 0, 0)


@translates(SimNeurons)
def neurons(operator: SimNeurons, room: Room) -> list[Instruction]:
    return [_population(operator, room, currents=operator.J, output=operator.output)]


def population(found: Population, room: Room) -> list[Instruction]:
    """The instructions of a whole population.

    Raises
    ------
    NotCompiled
        If its neurons have no kernel.
    """
    *before, last = found.neurons
    if before and found.x.size == 1 and found.currents is None:
        exact = room.arena.dtype == np.float64  # as tables of events require
        if exact and event_tables.eligible(last.neurons):
            return [_poisson_events(found, last, room)]
        if rate_tables.eligible(last.neurons) and _is_one(last, found):
            return [_rate_population(found, last, room)]
    if not before:
        return [_population(last, room, found.currents, found.output, found, found)]
    (rates,) = before
    return [
        _population(rates, room, found.currents, rates.output, encoded=found),
        _population(last, room, rates.output, found.output, decoded=found),
    ]


def _population(
    operator: SimNeurons,
    room: Room,
    currents: Signal | None,
    output: Signal | None,
    encoded: Population | None = None,
    decoded: Population | None = None,
) -> Instruction:
    kind = type(operator.neurons)
    if kind not in KINDS:
        raise NotCompiled(f"neurons of the type {kind.__name__}")
    n = operator.output.size
    states = [_contiguous(signal, room) for signal in operator.state.values()]
    extra = operator.state_extra.values()
    minibatch = room.arena.minibatch_size
    operands = [
        KINDS[kind],
        n,
        room.constant(parameters(operator.neurons, room.dt)),
        room.scratch("population", scratch_size(minibatch)),
        room.sources.stream(*extra) if extra else ABSENT,
        ABSENT if currents is None else _contiguous(currents, room),
        ABSENT if output is None else _contiguous(output, room),
        *states,
        *[ABSENT] * (3 - len(states)),
    ]
    if encoded is None:
        operands += [0, ABSENT, ABSENT, *NOWHERE.code]
    else:
        encoders, bias = encoded.encoders.initial_value, encoded.bias.initial_value
        operands += [encoders.shape[1], room.constant(encoders.T), room.constant(bias)]
        operands += room.place(encoded.x).code
    decoders = np.empty((0, n)) if decoded is None else decoded.stacked_decoders
    operands += [len(decoders), room.constant(decoder_table(decoders))]
    operands += [] if decoded is None else _outputs(decoded, room)
    return Instruction(opcodes.POPULATION, operands)


def _poisson_events(found: Population, operator: SimNeurons, room: Room) -> Instruction:
    n, kind = found.encoders.shape[0], operator.neurons
    decoders, outputs = found.stacked_decoders, _outputs(found, room)
    table, order = event_table(
        found.encoders.initial_value[:, 0],
        found.bias.initial_value,
        decoders.T,
        kind,
        room.dt,
    )
    spikes = NOWHERE if found.output is None else room.place(found.output)
    operands = [
        *room.place(found.x).code,
        room.constant(table),
        room.shared(("rates", kind.base_type), lambda: rate_table(kind)),
        room.sources.stream(*operator.state_extra.values()),
        *spikes.code,
        n,
    ]
    where = len(operands) + 2 + len(outputs)
    operands += [where, len(decoders), *outputs]
    operands += [] if found.output is None else order.tolist()
    return Instruction(opcodes.POISSON_EVENTS, operands)


def _is_one(operator: SimNeurons, found: Population) -> bool:
    """Whether the neurons share one random number, if any, that nobody else reads."""
    if "first" not in operator.state:
        return True
    begins = np.flatnonzero(operator.state["first"].initial_value)
    return not found.watched and begins.tolist() == [0]


def _rate_population(
    found: Population, operator: SimNeurons, room: Room
) -> Instruction:
    n, decoders = found.encoders.shape[0], found.stacked_decoders
    table = rate_tables.population_table(
        found.encoders.initial_value[:, 0],
        found.bias.initial_value,
        decoders.T,
        operator.neurons,
        room.dt,
    )
    minibatch = room.arena.minibatch_size
    size = rate_populations.scratch_size(n, len(decoders), minibatch)
    added = getattr(operator.neurons, "added", 0.0)  # regular neurons have none
    if "voltage" in operator.state:
        state, stream = operator.state["voltage"], rate_populations.REGULAR
        _contiguous(state, room)
        at = room.place(state)
    else:
        stream = rate_populations.ONE_DRAW
        at = room.place(operator.state["offset"])[n - 1]
        if operator.state_extra:
            stream = room.sources.stream(*operator.state_extra.values())
    spikes = NOWHERE if found.output is None else room.place(found.output)
    operands = [
        *room.place(found.x).code,
        room.constant(table),
        room.scratch(("rates", size), size),
        *(stream, at.offset, at.lane),
        room.shared(("added", added), lambda: added),
        *spikes.code,
        *(n, len(decoders)),
        *_outputs(found, room),
    ]
    return Instruction(opcodes.RATE_POPULATION, operands)


def _outputs(found: Population, room: Room) -> list[int]:
    """The place of each decoded number."""
    places = [(room.place(Y), Y.size) for _, Y in found.decoders]
    return [i for place, size in places for k in range(size) for i in place[k].code]


def _contiguous(signal: Signal, room: Room) -> int:
    """The offset of a signal whose numbers, of all lanes, lie side by side."""
    place = room.place(signal)
    if place.stride != (room.arena.minibatch_size or 1):
        raise NotCompiled("a view of neurons that is not contiguous")
    return place.offset
