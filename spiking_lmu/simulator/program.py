"""A network's program: made once for a simulator, started anew at each reset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from nengo.builder import Model
from nengo.builder.neurons import SimNeurons
from nengo.builder.operator import Operator, SimPyFunc, TimeUpdate
from nengo.builder.probe import SimProbe
from nengo.builder.processes import SimProcess
from nengo.builder.signal import Signal
from nengo.exceptions import ValidationError

from . import learning, opcodes, processes
from .arena import Arena, ArenaSignals, NotCompiled
from .fusion import populations
from .instructions import Instruction, Room, translate
from .neuron_types import population
from .python_functions import function_step
from .schedule import WITHOUT_STATE, Schedule, Task, in_order, schedule
from .sources import Feed, Sources

# importing these makes their translations known, besides those of `instructions`
TRANSLATIONS = (learning, processes)
# operators that draw no random numbers when they make their steps
DRAWING_NOTHING = {*WITHOUT_STATE, SimNeurons, SimProbe, TimeUpdate}


@dataclass(frozen=True)
class Fallback:
    """An operator that runs as Nengo's own Python, and why."""

    operator: Operator
    reason: str

    def __str__(self) -> str:
        return f"{self.operator}: {self.reason}"


@dataclass(frozen=True)
class Recorded:
    """A probe that the interpreter records."""

    probe: Any
    size: int
    period: float
    instruction: Instruction


class Program:
    """What a simulator does in a step.

    Parameters
    ----------
    model : nengo.builder.Model
        The built network.
    order : list of nengo.builder.Operator
        All operators, in Nengo's order.
    dependents : dict
        For each operator, those that must come after it.
    optimize : bool
        Whether to fuse populations.
    minibatch_size : int, optional
    dtype : numpy.dtype
        Type of the arena's numbers.

    Attributes
    ----------
    arena : Arena
    sources : Sources
    signals : ArenaSignals
        The map from signals to arrays that users see.
    lanes : list of ArenaSignals
        The same for each network of a minibatch, on which Python's steps work. Only
        the first where no operator needs such steps.
    clock : ndarray of int64
        The number of the step; then, for each probe, where its next row begins.
    fallbacks : list of Fallback
    without_inputs : dict
        Nodes that no connection leads to, with the signal of their output.
    recorded : list of Recorded
    others : list of nengo.Probe
        Probes that Python records.
    generators : list of tuple
        Random number generators of neurons that run as Python, and their state at the
        start.
    """

    def __init__(
        self,
        model: Model,
        order: list[Operator],
        dependents: Mapping[Operator, Iterable[Operator]],
        optimize: bool,
        minibatch_size: int | None = None,
        dtype: Any = np.float64,
    ) -> None:
        self.model, self.order, self.dependents = model, order, dependents
        self.minibatch_size, self.n_lanes = minibatch_size, minibatch_size or 1
        shared = {signal for o in order if type(o) is TimeUpdate for signal in o.sets}
        self.without_inputs = self._without_inputs()
        given = {signal.base for signal in self.without_inputs.values()}
        self.arena = Arena(order, np.dtype(dtype), minibatch_size, shared, given)
        if minibatch_size is not None and not self._holds_all_written():
            raise ValidationError(
                "requires signals of 64-bit floats (see the precision of nengo.rc)",
                attr="minibatch_size",
            )
        self.sources = Sources(self.n_lanes)
        self.room = Room(self.arena, self.sources, model.dt)
        self.fallbacks: list[Fallback] = []
        position = {operator: i for i, operator in enumerate(order)}
        tasks = in_order(self._tasks(optimize), dependents, position)
        if tasks is None:  # populations wait for each other
            self.fallbacks.clear()
            tasks = in_order(self._tasks(optimize=False), dependents, position)
        assert tasks is not None
        self._in_order = tasks
        self.recorded: list[Recorded] = []
        self.others: list[Any] = []
        for probe in model.probes:
            self._record(probe)
        self.clock = np.zeros(1 + len(self.recorded), np.int64)
        self.arena.allocate()
        own = {}
        if model.step is not None and model.step.dtype == self.clock.dtype:
            own[model.step.base] = self.clock[:1].reshape(model.step.base.shape)
        self.signals = ArenaSignals(self.arena, own)
        for operator in model.operators:
            operator.init_signals(self.signals)
        self.arena.keep_start()
        # operators that need Nengo's step for each network of a minibatch
        self._stepped_alone = dict.fromkeys(f.operator for f in self.fallbacks)
        self._stepped_alone.update(dict.fromkeys(self.room.resets))
        self.lanes = [self.signals]
        if minibatch_size is not None:
            count = minibatch_size if self._stepped_alone else 1
            self.lanes = [ArenaSignals(self.arena, own, i) for i in range(count)]
            for lane, signals in enumerate(self.lanes):
                for operator in model.operators if lane == 0 else self._stepped_alone:
                    operator.init_signals(signals)
        self.generators = [
            (generator, generator.get_state())
            for fallback in self.fallbacks
            for generator in getattr(fallback.operator, "state_extra", {}).values()
        ]
        self._kept_steps: dict[Operator, list[Any]] = {}
        self._schedules: dict[frozenset[Any], tuple[Schedule, dict[Any, Feed]]] = {}

    def _holds_all_written(self) -> bool:
        return all(
            self.arena.holds(signal) or signal is self.model.step
            for operator in self.order
            for signal in operator.sets + operator.incs + operator.updates
        )

    def _without_inputs(self) -> dict[nengo.Node, Signal]:
        """Nodes that no connection leads to, with the signal of their output."""
        reached = {signal.base for o in self.order for signal in o.incs}
        outputs = {
            node: signals["out"]
            for node, signals in self.model.sig.items()
            if isinstance(node, nengo.Node) and signals.get("out") is not None
        }
        return {
            node: signal
            for node, signal in outputs.items()
            if node.size_in == 0 or (node.output is None and signal.base not in reached)
        }

    def _tasks(self, optimize: bool) -> list[Task]:
        tasks: list[Task] = []
        for found in populations(self.order) if optimize else []:
            try:
                instructions = population(found, self.room)
            except NotCompiled:  # its operators may be compiled one by one
                continue
            tasks.append(Task(found.operators, instructions))
        done = {operator for task in tasks for operator in task.operators}
        for operator in self.order:
            if operator in done:
                continue
            instructions: list[Instruction] | None = None  # type: ignore[no-redef]
            if type(operator) is SimProbe:
                instructions = []
            else:
                try:
                    instructions = translate(operator, self.room)
                except NotCompiled as error:
                    self.fallbacks.append(Fallback(operator, str(error)))
            tasks.append(Task((operator,), instructions))
        return tasks

    def _record(self, probe: Any) -> None:
        signal = self.model.sig[probe]["in"]
        try:
            place = self.room.place(signal)
        except NotCompiled:
            self.others.append(probe)
            return
        period = self.period(probe)
        operands = [signal.size, *place.code, len(self.recorded) + 1]
        operands.append(int(np.float64(period).view(np.int64)))
        instruction = Instruction(opcodes.RECORD, operands)
        size = signal.size * self.n_lanes
        self.recorded.append(Recorded(probe, size, period, instruction))

    def period(self, probe: Any) -> float:
        """Steps between two samples of a probe."""
        every = probe.sample_every
        return 1 if every is None else every / self.model.dt

    def reset(
        self, seed: int
    ) -> tuple[np.random.RandomState, dict[Operator, list[Any]]]:
        """Set everything to its start; gives Nengo's steps of all operators.

        Operators make their steps in Nengo's order, for they draw from one random
        number generator; those that do not draw keep their first step. In a minibatch,
        every network has its own generator, and networks after the first make only the
        steps that are needed.
        """
        self.arena.restart()
        for signals in {id(s): s for s in [self.signals, *self.lanes]}.values():
            for signal in signals:
                if not self.arena.holds(signal):
                    signals.reset(signal)
        self.clock[:] = 0
        for generator, state in self.generators:
            generator.set_state(state)
        steps = {operator: list(made) for operator, made in self._kept_steps.items()}
        steps.update((o, []) for o in self.order if o not in steps)
        making = [o for o in self.order if o not in self._kept_steps]
        rngs = []
        for lane, signals in enumerate(self.lanes):
            rngs.append(np.random.RandomState(lane_seed(seed, lane)))
            for operator in making:
                if lane == 0 or operator in self._stepped_alone:
                    if type(operator) is SimPyFunc:
                        made = function_step(operator, signals)
                    else:
                        made = operator.make_step(signals, self.model.dt, rngs[-1])
                    steps[operator].append(made)
                elif isinstance(operator, SimProcess):
                    operator.process.get_rng(rngs[-1])  # draws as its step would
        for operator in making:
            compiled = operator not in self._stepped_alone
            if compiled and type(operator) in DRAWING_NOTHING:
                self._kept_steps[operator] = steps[operator]
        for operator, do in self.room.resets.items():
            do(steps[operator])
        self.sources.reset(seed)
        return rngs[0], steps

    @property
    def has_nan(self) -> bool:
        """Whether any signal that varies is not a number."""
        numbers = self.arena.numbers[: self.arena.n_varying]
        return bool(np.isnan(numbers.min(initial=0)))

    def invalid(self) -> Operator | None:
        """The operator that made NaN; None if it came from Python, which may give it.

        Nengo raises an error where an operator makes NaN of numbers. NaN that a process
        returns, or that a user writes into a signal, goes through.
        """
        python = {fallback.operator for fallback in self.fallbacks}
        first = None
        for operator in self.order:
            made = self._any_nan(operator.sets + operator.incs + operator.updates)
            if made and operator not in python:
                first = first or operator
            elif made and not self._any_nan(operator.reads):
                return None
        return first

    def _any_nan(self, signals: list[Signal]) -> bool:
        return any(
            self.arena.holds(signal) and np.isnan(self.signals[signal]).any()
            for signal in signals
        )

    def schedule(self, given: Iterable[Any] = ()) -> tuple[Schedule, dict[Any, Feed]]:
        """The program where nodes are given their values, and the nodes' feeds."""
        key = frozenset(given)
        if key not in self._schedules:
            first: list[Instruction] = []
            feeds: dict[Any, Feed] = {}
            replaced: set[Signal] = set()
            for node in given:
                signal = self.without_inputs[node]
                if signal.dtype != np.float64:
                    raise ValidationError(
                        f"requires signals of 64-bit floats, but that of {node} has "
                        f"the type {signal.dtype} (see the precision of nengo.rc)",
                        attr="data",
                    )
                if not self.arena.holds(signal):  # no operator reads it
                    continue
                feeds[node] = feed = self.sources.feed(signal.size)
                place = self.room.place(signal)
                operands = [0, signal.size, *place.code]
                operands.append(self.sources.feeds.index(feed))
                first.append(Instruction(opcodes.FEED, operands))
                replaced.add(signal.base)
            tasks = [
                task
                for task in self._in_order
                if not any(s.base in replaced for o in task.operators for s in o.sets)
            ]
            last = [record.instruction for record in self.recorded]
            begin = Task((), first)
            self._schedules[key] = schedule([begin, *tasks], last), feeds
        return self._schedules[key]

    def values(self, signal: Signal) -> np.ndarray:
        """A copy of a signal; in a minibatch, the networks are the first axis."""
        values = self.signals[signal]
        if self.minibatch_size is None:
            return values.copy()
        if values.ndim == signal.ndim:  # the networks share it
            return np.stack([values] * self.minibatch_size)
        return np.moveaxis(values, -1, 0).copy()


def lane_seed(seed: int, lane: int) -> int:
    """Seed of one of many runs with a seed; that of the first is the given one."""
    if lane == 0:
        return seed
    return int(np.random.SeedSequence([seed, lane]).generate_state(1)[0])
