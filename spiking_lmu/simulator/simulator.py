"""A drop-in for `nengo.Simulator` whose steps are compiled."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import nengo
import nengo.simulator
import numpy as np
import scipy.linalg  # noqa: F401 (threadpoolctl limits only the BLAS that is loaded)
from nengo.exceptions import SimulatorClosed
from nengo.utils.progress import Progress, ProgressTracker
from threadpoolctl import ThreadpoolController

from spiking_lmu.simulators import given_outputs
from spiking_lmu.validation import check_integer, check_number, check_positive

from .interpreter import load_interpreter
from .program import Fallback, Program
from .recording import Data, Record
from .schedule import Schedule

__all__ = ["Simulator"]

STRETCH = 0.1  # seconds that compiled steps may take before Python has a look
MOST_VALUES = 2**21  # numbers that may be recorded or fed between two looks


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


# of the module: NengoGUI replaces nengo.Simulator while it runs a script, which may be
# what first imports this
class Simulator(nengo.simulator.Simulator):
    """Simulates any Nengo network with compiled steps.

    It takes the place of `nengo.Simulator`. Nengo builds the network. All signals lie
    in one array, and a compiled interpreter does what Nengo's operators do. What it
    does not know, such as the Python function of a node, runs as in Nengo, between
    compiled stretches; `fallbacks` lists it.

    Networks without random numbers of Poisson neurons or the like give Nengo's numbers
    but for rounding. Random spikes have Nengo's distribution, and streams of their own.

    Parameters
    ----------
    network : nengo.Network or None
        If None, give the built `model`.
    dt : float
        Time step in seconds.
    seed : int, optional
        Seed of processes and random spikes; by default one more than the network's.
    model : nengo.builder.Model, optional
        A model to build into, or that is built.
    progress_bar : bool or nengo.utils.progress.ProgressBar
        Whether to show progress of building and running.
    optimize : bool
        Whether to run a population (encoding, neurons and decoding) as one instruction.
        Sums are then added in another order. Nengo's own optimizer is never used.
    minibatch_size : int, optional
        Number of copies of the network that run side by side, each with random numbers
        of its own.

    Attributes
    ----------
    data : nengo.simulator.SimulationData
        For each probe, an array (n_steps, size), or (minibatch_size, n_steps, size);
        and the built parameters of ensembles and connections.
    fallbacks : list of Fallback
        Operators that run as Nengo's own Python, each with the reason.
    signals : nengo.builder.signal.SignalDict
        The arrays of all signals. In a minibatch, the networks are the last axis, but
        what they share, such as the time, has no such axis.

    Raises
    ------
    nengo.exceptions.ValidationError
        If `minibatch_size` is no positive integer.

    Notes
    -----
    The first simulator on a machine takes about half a minute to compile. The
    environment variable ``NUMBA_CACHE_DIR`` says where compiled code is kept.

    Examples
    --------
    >>> with spiking_lmu.Simulator(network, minibatch_size=2) as sim:
    ...     sim.run_steps(1000, data={stimulus: signals})  # (2, 1000, size)
    """

    # Type of the arena's numbers. 32 bits are too few for the time of long runs, on
    # which some processes depend.
    _dtype: Any = np.float64

    def __init__(
        self,
        network: nengo.Network | None,
        dt: float = 0.001,
        seed: int | None = None,
        model: Any = None,
        progress_bar: Any = True,
        optimize: bool = True,
        minibatch_size: int | None = None,
    ) -> None:
        self.closed = True
        if model is None:
            check_positive("dt", dt)
        if minibatch_size is not None:
            minibatch_size = check_integer("minibatch_size", minibatch_size)
        self.minibatch_size = minibatch_size
        self._fuse = bool(optimize)
        self._program: Program | None = None
        self._pace = 1.0  # steps in a stretch; measured while it runs
        # the last bit of decoders depends on the number of threads that solve for them
        with _blas().limit(limits=1, user_api="blas"):
            # ends with `reset`, which makes the program
            super().__init__(network, dt, seed, model, progress_bar, optimize=False)
        self.optimize = optimize
        self.data = Data(self._sim_data)

    @property
    def fallbacks(self) -> list[Fallback]:
        """Operators that run as Nengo's own Python, each with the reason."""
        assert self._program is not None
        return list(self._program.fallbacks)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["optimize"] = self._fuse
        state["given_optimize"] = self.optimize
        state["minibatch_size"] = self.minibatch_size
        assert self._program is not None
        state["words"] = self._program.sources.words
        state["clock"] = self._program.clock
        state["generators"] = self._program.generators
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(  # type: ignore[misc]
            network=None,
            model=state["model"],
            dt=state["dt"],
            seed=state["seed"],
            progress_bar=state["progress_bar"],
            optimize=state["optimize"],
            minibatch_size=state["minibatch_size"],
        )
        assert self._program is not None
        for key, value in state["signals"].items():
            self.signals[key] = value
        for key, value in state["probe_outputs"].items():
            self._sim_data[key] = value
        self._program.sources.words[:] = state["words"]
        self._program.clock[:] = state["clock"]
        self._program.generators = state["generators"]
        self._probe_step_time()
        self.optimize = state["given_optimize"]
        if state["closed"]:
            self.close()

    def reset(self, seed: int | None = None) -> None:
        """Set the simulator to its start.

        Parameters
        ----------
        seed : int, optional
            A new seed of processes and random spikes. Without one, the same numbers
            come again.
        """
        if self.closed:
            raise SimulatorClosed("Cannot reset closed Simulator.")
        if seed is not None:
            self.seed = seed
        if self._program is None:
            self._program = Program(
                self.model,
                self.step_order,
                self.dg,
                self._fuse,
                self.minibatch_size,
                self._dtype,
            )
            self.signals = self._program.signals
        self.rng, self._python = self._program.reset(self.seed)
        self.clear_probes()
        self._probe_step_time()

    def _probe_step_time(self) -> None:
        assert self._program is not None
        signals = self._program.lanes[0]
        self._n_steps = signals[self.model.step].item()
        self._time = signals[self.model.time].item()

    def clear_probes(self) -> None:
        """Forget what probes have recorded."""
        lanes = () if self.minibatch_size is None else (self.minibatch_size,)
        for probe in self.model.probes:
            signal = self.model.sig[probe]["in"]
            self._sim_data[probe] = []
            if not signal.sparse:
                record = Record((*lanes, *signal.shape), signal.dtype, bool(lanes))
                self._sim_data[probe] = record
        self.data.reset()

    def step(self) -> None:
        """Simulate one time step."""
        # Nengo's progress bar makes a thread, even where it shows nothing
        if self.closed:
            raise SimulatorClosed("Simulator cannot run because it is closed.")
        assert self._program is not None
        schedule, _ = self._program.schedule()
        self._has_nan = self._program.has_nan
        self._some_steps(1, schedule, {})

    def run(
        self, time_in_seconds: float, progress_bar: Any = None, data: Any = None
    ) -> None:
        """Simulate for some time.

        Parameters
        ----------
        time_in_seconds : float
            Rounded to whole time steps.
        progress_bar : bool or nengo.utils.progress.ProgressBar, optional
            By default as given to the simulator.
        data : dict of array_like, optional
            As for `run_steps`.
        """
        check_number("time_in_seconds", time_in_seconds)
        self._data = data
        try:
            super().run(time_in_seconds, progress_bar)
        finally:
            self._data = None

    _data: Any = None

    def run_steps(self, steps: int, progress_bar: Any = None, data: Any = None) -> None:
        """Simulate a number of time steps.

        Parameters
        ----------
        steps : int
        progress_bar : bool or nengo.utils.progress.ProgressBar, optional
            By default as given to the simulator.
        data : dict of array_like, optional
            For nodes without inputs, the values that replace their output: (steps,
            size), or (minibatch_size, steps, size). It holds for this call only.

        Raises
        ------
        nengo.exceptions.SimulatorClosed
        nengo.exceptions.ValidationError
            If `data` is for other nodes, has another shape or is not finite.
        """
        if self.closed:
            raise SimulatorClosed("Simulator cannot run because it is closed.")
        assert self._program is not None
        data = self._data if data is None else data
        given = given_outputs(
            self._program.without_inputs, data, self.minibatch_size, steps
        )
        schedule, feeds = self._program.schedule(given)
        # (lanes, steps, size) to rows with the lanes innermost
        rows = {
            feed: np.ascontiguousarray(np.moveaxis(given[node], 0, -1))
            for node, feed in feeds.items()
        }
        done = 0
        self._has_nan = self._program.has_nan
        for record in self._program.recorded:
            samples = self._sim_data[record.probe]
            samples.make_room(int(steps / max(record.period, 1)) + 1)
        if progress_bar is None:
            progress_bar = self.progress_bar
        progress = Progress("Simulating", "Simulation", steps)
        outputs = [self.model.sig[node]["out"] for node in feeds]
        before = [self.signals[signal].copy() for signal in outputs]
        try:
            with ProgressTracker(progress_bar, progress) as tracker, self._one_thread():
                while done < steps:
                    n = min(max(int(self._pace), 1), steps - done, self._most())
                    now = {feed: v[done : done + n] for feed, v in rows.items()}
                    self._some_steps(n, schedule, now)
                    done += n
                    tracker.total_progress.step(n)
        finally:
            # no operator sets what a constant node gives
            for signal, values in zip(outputs, before, strict=True):
                self.signals[signal] = values

    def _one_thread(self) -> Any:
        """Let BLAS in minibatches add in one order on any number of cores."""
        if self.minibatch_size is None:
            return nullcontext()
        return _blas().limit(limits=1, user_api="blas")

    def _most(self) -> int:
        """Most steps between two looks: what is fed and recorded stays small."""
        program = self._program
        assert program is not None
        values = sum(record.size for record in program.recorded)
        values += sum(feed.size for feed in program.sources.feeds)
        return max(1, MOST_VALUES // max(values, 1))

    def _some_steps(self, n: int, schedule: Schedule, given: Any) -> None:
        program = self._program
        assert program is not None
        started = time.perf_counter()
        sources, clock = program.sources, program.clock
        fed, starts = sources.sample(n, given)
        begins, room = [], 0
        for i, record in enumerate(program.recorded):
            clock[1 + i] = room
            begins.append(room)
            room += record.size * (int(n / max(record.period, 1)) + 1)
        recorded = np.empty(room)
        at_start = self.n_steps
        interpret = load_interpreter(
            self.minibatch_size is not None, self.progress_bar, self._dtype
        )

        # what is the same in all calls is looked up once
        constant = (
            self.dt,
            program.arena.numbers,
            sources.words,
            clock,
            fed,
            starts,
            recorded,
            self.minibatch_size,
        )

        def run(begin: int, end: int, first: int, last: int) -> None:
            interpret(schedule.code, begin, end, first, last, *constant)

        at_once = schedule.all_compiled and not program.others
        try:
            if at_once:
                run(0, len(schedule.code), 0, n - 1)
            else:
                self._step_by_step(n, schedule, run)
        finally:
            if at_once:  # Ctrl-C waits for the end of a stretch
                self._probe_step_time()
            self._collect(recorded, begins)
        for look in program.room.looks:
            look()
        had_nan, self._has_nan = self._has_nan, program.has_nan
        operator = program.invalid() if self._has_nan and not had_nan else None
        if operator is not None:
            raise FloatingPointError(
                f"invalid value encountered in {operator}, between the steps "
                f"{at_start + 1} and {self.n_steps}"
            )
        seconds = time.perf_counter() - started
        self._pace = min(2 * self._pace + 1, STRETCH * n / max(seconds, 1e-9))

    def _step_by_step(
        self, n: int, schedule: Schedule, run: Callable[[int, int, int, int], None]
    ) -> None:
        program = self._program
        assert program is not None
        stretches = [
            (end, [step for o in operators for step in self._python[o]])
            for _, end, operators in schedule.stretches
            if operators
        ]
        size, others, dt = len(schedule.code), program.others, self.dt
        before = program.lanes[0][self.model.step].item()
        # compiled steps have come to the place `here` in the step `at`
        here = at = 0
        with np.errstate(invalid="raise", divide="ignore"):
            for row in range(n):
                for end, python in stretches:
                    # with the end of the last step, if that is still to be done
                    if end > here or row > at:
                        run(here, end, at, row)
                        here, at = end, row
                    # only now: a step that fails does not count
                    self._n_steps = before + row
                    self._time = self._n_steps * dt
                    for step in python:
                        step()
                if others:
                    run(here, size, at, row)
                    here, at = 0, row + 1
                    self._probe_step_time()
                    self._sample_others()
            if at < n:
                run(here, size, at, n - 1)
            self._probe_step_time()

    def _sample_others(self) -> None:
        program = self._program
        assert program is not None
        for probe in program.others:
            if self.n_steps % program.period(probe) < 1:
                signal = self.model.sig[probe]["in"]
                self._sim_data[probe].append(program.values(signal))

    def _collect(self, recorded: np.ndarray, begins: list[int]) -> None:
        program = self._program
        assert program is not None
        for i, (record, begin) in enumerate(zip(program.recorded, begins, strict=True)):
            rows = recorded[begin : program.clock[1 + i]]
            self._sim_data[record.probe].extend(rows.reshape(-1, record.size))
