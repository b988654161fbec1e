"""From Nengo's learning rules to instructions of the interpreter."""

from __future__ import annotations

import numpy as np
from nengo.builder.learning_rules import SimBCM, SimOja, SimPES, SimRLS, SimVoja
from nengo.builder.signal import Signal

from . import opcodes
from .arena import NotCompiled
from .instructions import Instruction, Room, translates


def _change(
    delta: Signal, pre: Signal, of_rows: list[Signal], room: Room, like: Signal | None
) -> list[int]:
    """The first operands of all rules, after a check of the shapes."""
    shape = (of_rows[0].size, pre.size)
    vectors = all(s.ndim == 1 and s.size == shape[0] for s in of_rows) and pre.ndim == 1
    if (
        not vectors
        or delta.shape != shape
        or (like is not None and like.shape != shape)
    ):
        raise NotCompiled(f"a learning rule for weights of shape {delta.shape}")
    return [
        *shape,
        *room.places(delta, pre),
        room.arena.reserve(2 * room.sources.n_lanes),
    ]


@translates(SimPES)
def pes(operator: SimPES, room: Room) -> list[Instruction]:
    error, pre = operator.error, operator.pre_filtered
    operands = _change(operator.delta, pre, [error], room, None)
    alpha = -operator.learning_rate * room.dt / pre.shape[0]
    operands += [*room.places(error), room.constant(alpha)]
    return [Instruction(opcodes.PES, operands)]


@translates(SimBCM)
def bcm(operator: SimBCM, room: Room) -> list[Instruction]:
    post, theta = operator.post_filtered, operator.theta
    operands = _change(operator.delta, operator.pre_filtered, [post, theta], room, None)
    operands += [
        *room.places(post, theta),
        room.constant(operator.learning_rate * room.dt),
    ]
    return [Instruction(opcodes.BCM, operands)]


@translates(SimOja)
def oja(operator: SimOja, room: Room) -> list[Instruction]:
    post, weights = operator.post_filtered, operator.weights
    operands = _change(operator.delta, operator.pre_filtered, [post], room, weights)
    parameters = room.constant(operator.learning_rate * room.dt, operator.beta)
    operands += [*room.places(weights, post), parameters]
    return [Instruction(opcodes.OJA, operands)]


@translates(SimVoja)
def voja(operator: SimVoja, room: Room) -> list[Instruction]:
    post, encoders = operator.post_filtered, operator.scaled_encoders
    learning = operator.learning_signal
    operands = _change(operator.delta, operator.pre_decoded, [post], room, encoders)
    if learning.size != 1 or np.size(operator.scale) != post.size:
        raise NotCompiled("a Voja rule with several learning signals")
    parameters = room.constant(operator.learning_rate * room.dt, operator.scale)
    operands += [*room.places(encoders, post, learning), parameters]
    return [Instruction(opcodes.VOJA, operands)]


@translates(SimRLS)
def rls(operator: SimRLS, room: Room) -> list[Instruction]:
    r, error, P = operator.pre_filtered, operator.error, operator.inv_gamma
    operands = _change(operator.delta, r, [error], room, None)
    operands += [*room.places(error, P)]
    operands.append(room.arena.reserve(r.size * room.sources.n_lanes))
    return [Instruction(opcodes.RLS, operands)]
