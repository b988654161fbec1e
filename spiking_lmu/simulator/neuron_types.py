"""From neurons and populations to instructions of the interpreter."""

from __future__ import annotations

from nengo.builder.neurons import SimNeurons

from . import opcodes
from .arena import NotCompiled
from .fusion import Population
from .instructions import Instruction, Room
from .kernels.poisson_events import eligible, event_table, rate_table

NOWHERE = [-1, 0, 0]  # the place of what nobody reads


def population(population: Population, room: Room) -> list[Instruction]:
    """The instruction of a whole population.

    Raises
    ------
    NotCompiled
        If its neurons have no kernel for populations.
    """
    last = population.neurons[-1]
    if population.x.size == 1 and eligible(last.neurons):
        return [_poisson_events(population, last, room)]
    kind = type(last.neurons).__name__
    raise NotCompiled(f"populations of {kind} neurons")


def _poisson_events(
    population: Population, neurons: SimNeurons, room: Room
) -> Instruction:
    n = population.encoders.shape[0]
    decoders = population.stacked_decoders
    table, order = event_table(
        population.encoders.initial_value[:, 0],
        population.bias.initial_value,
        decoders.T,
        neurons.neurons,
        room.dt,
    )
    outputs = [
        code
        for _, Y in population.decoders
        for k in range(Y.size)
        for code in room.place(Y)[k].code
    ]
    spikes = NOWHERE
    if population.output is not None:
        spikes = room.place(population.output).code
    kind = neurons.neurons
    stream = room.sources.stream(*neurons.state_extra.values())
    operands = [
        *room.place(population.x).code,
        room.constant(table),
        room.shared(("rates", kind.base_type), lambda: rate_table(kind)),
        stream,
        1,
        *NOWHERE[:2],
        *spikes,
        n,
    ]
    where = len(operands) + 2 + len(outputs)
    operands += [where, len(decoders), *outputs]
    if population.output is not None:
        operands += order.tolist()
    return Instruction(opcodes.POISSON_EVENTS, operands)
