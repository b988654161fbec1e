"""The order of a step: compiled stretches, and Python in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from nengo.builder.operator import (
    Copy,
    DotInc,
    ElementwiseInc,
    Operator,
    Reset,
    SparseDotInc,
)
from nengo.builder.signal import Signal

from . import opcodes
from .instructions import Instruction

# operators that keep nothing from one step to the next
WITHOUT_STATE = {Copy, DotInc, ElementwiseInc, Reset, SparseDotInc}


@dataclass(eq=False)
class Task:
    """Operators that are done as one, by instructions or by Nengo's Python.

    Attributes
    ----------
    operators : tuple of nengo.builder.Operator
    instructions : list of Instruction or None
        None for an operator that Nengo's own Python does.
    """

    operators: tuple[Operator, ...]
    instructions: list[Instruction] | None


@dataclass
class Schedule:
    """A program, and what happens in a step.

    Attributes
    ----------
    code : (n,) ndarray of int64
        All instructions.
    stretches : list of tuple
        The begin and end of compiled stretches, and after each the operators that
        Python does before the next one.
    """

    code: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    stretches: list[tuple[int, int, list[Operator]]] = field(default_factory=list)

    @property
    def all_compiled(self) -> bool:
        """Whether a step needs no Python."""
        return not any(python for *_, python in self.stretches)


def in_order(
    tasks: Iterable[Task],
    dependents: Mapping[Operator, Iterable[Operator]],
    position: Mapping[Operator, int],
) -> list[Task] | None:
    """Tasks in an order in which each finds what it needs; None if there is none.

    Parameters
    ----------
    tasks : iterable of Task
    dependents : dict
        For each operator, those that must come after it.
    position : dict
        The place of each operator in Nengo's own order. It decides where the
        dependencies do not.
    """
    of = {operator: task for task in tasks for operator in task.operators}
    after: dict[Task, set[Task]] = {task: set() for task in of.values()}
    for operator, others in dependents.items():
        if operator in of:
            after[of[operator]].update(of[other] for other in others if other in of)
    for task, others in after.items():
        others.discard(task)
    waiting = dict.fromkeys(after, 0)
    for others in after.values():
        for other in others:
            waiting[other] += 1
    key = {task: min(position[o] for o in task.operators) for task in after}
    ready = sorted((t for t, n in waiting.items() if n == 0), key=key.__getitem__)
    order: list[Task] = []
    # as many compiled tasks as possible, then all of Python that is ready, and again
    python = False
    while ready:
        now = [task for task in ready if (task.instructions is None) == python]
        if not now:
            python = not python
            continue
        ready = [task for task in ready if (task.instructions is None) != python]
        order += now
        for task in now:
            for other in after[task]:
                waiting[other] -= 1
                if waiting[other] == 0:
                    ready.append(other)
        ready.sort(key=key.__getitem__)
    return order if len(order) == len(after) else None


def unread(tasks: Iterable[Task]) -> set[Task]:
    """Tasks whose results no other task reads: those of an output without a probe.

    All that they write is made anew in each step, so that the last step of a run
    is the only one that needs them.
    """
    writers: dict[Signal, set[Task]] = defaultdict(set)
    readers: dict[Signal, set[Task]] = defaultdict(set)
    anew: set[Signal] = set()
    for task in tasks:
        for operator in task.operators:
            if getattr(operator, "dst_slice", None) is None:
                anew.update(operator.sets)
            for signal in operator.sets + operator.incs + operator.updates:
                writers[signal.base].add(task)
            for signal in operator.reads:
                readers[signal.base].add(task)
    users = {signal: writers[signal] | readers[signal] for signal in writers}
    found = {
        task
        for task in tasks
        if task.operators
        and task.instructions is not None
        and all(type(operator) in WITHOUT_STATE for operator in task.operators)
    }
    needed = {task for s in writers if s not in anew for task in writers[s]}
    while True:
        found -= needed
        needed = {t for s in writers if not users[s] <= found for t in writers[s]}
        if not needed & found:
            return found


def schedule(order: Iterable[Task], last: Iterable[Instruction]) -> Schedule:
    """The program of tasks in an order, with some instructions at the end."""
    order = list(order)
    late = unread(order)
    code: list[int] = []
    stretches: list[tuple[int, int, list[Operator]]] = []
    pending: list[tuple[bool, Instruction]] = []
    python: list[Operator] = []

    def end_stretch() -> None:
        begin = len(code)
        for waits, group in groupby(pending, key=lambda pair: pair[0]):
            instructions = resets_joined(instruction for _, instruction in group)
            part = [word for each in instructions for word in each.code]
            if waits:
                code.extend(Instruction(opcodes.UNTIL_LAST, [len(part)]).code)
            code.extend(part)
        stretches.append((begin, len(code), list(python)))
        pending.clear()
        python.clear()

    for task in order:
        if task.instructions is None:
            python += task.operators
            continue
        if python:
            end_stretch()
        pending += [(task in late, each) for each in task.instructions]
    if python:
        end_stretch()
    pending += [(False, each) for each in last]
    end_stretch()
    return Schedule(np.array(code, np.int64), stretches)


def resets_joined(instructions: Iterable[Instruction]) -> list[Instruction]:
    """One instruction for signals that are reset one after the other and adjoin."""
    joined: list[Instruction] = []
    for instruction in instructions:
        before = joined[-1] if joined else instruction
        if before.opcode == instruction.opcode == opcodes.RESET and joined:
            n, offset, stride, *rest = before.operands
            n_more, next_offset, next_stride, *next_rest = instruction.operands
            alike = (next_stride, next_rest) == (stride, rest)
            if alike and next_offset == offset + n * stride:
                operands = [n + n_more, offset, stride, *rest]
                joined[-1] = Instruction(opcodes.RESET, operands)
                continue
        joined.append(instruction)
    return joined
