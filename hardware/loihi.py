"""Run any network on Loihi or its emulator: one line is other than with Nengo.

.. code-block:: python

    from spiking_lmu.hardware import loihi

    with loihi.Simulator(model) as sim:
        sim.run(1.0)
    print(*sim.changes, sep="\\n")
"""

from __future__ import annotations

import re
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import nengo
import numpy as np
from nengo.exceptions import SimulatorClosed
from nengo.utils.progress import Progress, ProgressBar, ProgressTracker
from numpy.typing import ArrayLike

from spiking_lmu.compatibility import require
from spiking_lmu.networks.expectations import check_dt
from spiking_lmu.validation import check_choice, check_integer, check_number, refusal

from .preparation import prepare
from .resources import Budget, Resources, placed, resources

require("nengo_loihi")

from nengo_loihi.builder import Model
from nengo_loihi.hardware import HAS_NXSDK, HardwareInterface
from nengo_loihi.simulator import SimulationData
from nengo_loihi.simulator import Simulator as LoihiSimulator

from .building import ChipModel, ChipRates
from .emulator import Emulator
from .energy import Energy, energy
from .running import Batch, BatchData, HostSimulator, Lane, check_inputs, host_seed
from .splitting import PassthroughCheck

__all__ = ["Energy", "Resources", "Simulator", "energy", "resources"]

TARGETS = ("sim", "simreal", "loihi")
MAX_DT = 0.1  # beyond it, membranes of usual neurons forget all in each step

# casts of nan that nengo-loihi overwrites; what it says of Nengo's version
_HARMLESS = re.compile("invalid value encountered in cast|has not been tested")
_INITIAL = re.compile("does not support initial values")
_SYNAPSES = re.compile(r"tau_s is (currently|already)")
_LOST_BITS = re.compile(r"Lost (\d+) extra bits")
_STEPS_AT_ONCE = 200  # between two signs of progress
# where warnings are collected, which is one place for the whole process
_COLLECTING = threading.RLock()


class Simulator(LoihiSimulator):
    """Runs a network on Loihi, or emulates it.

    Networks without a `LegendreMemory` and without Poisson neurons run as with
    ``nengo_loihi.Simulator``, only faster. For the others,

    - weights from population to population replace the nodes of a memory,
    - the host sends inputs as binary numbers, one axon for each digit,
    - what is read from ensembles is decoded from their spikes by the host,
    - `ChipPoisson` neurons stand in for Poisson neurons,
    - ensembles are split over as many cores as their axons and weights need.

    The network itself is left as it is.

    Parameters
    ----------
    network : nengo.Network
    dt : float
        Time step, in seconds, of at most 0.1.
    seed : int, optional
        Of all that is random while the network runs. By default, the network's seed
        plus one.
    target : str, optional
        ``"sim"``: the emulator, with the chip's integers; ``"simreal"``: the emulator
        with real numbers; ``"loihi"``: the chip. By default the chip where NxSDK is
        installed, else the emulator.
    precompute : bool, optional
        Whether to compute all inputs of a run before the chip runs. By default, where
        no input depends on what comes from the chip.
    progress_bar : bool or nengo.utils.progress.ProgressBar
    remove_passthrough : bool
        Whether nodes that only pass values on become connections, where they have
        nothing to do with a memory.
    hardware_options : dict, optional
        For ``nengo_loihi.hardware.HardwareInterface``.
    minibatch_size : int, optional
        Runs to make at once through the one network that is built. They differ by
        the inputs that `run_steps` is given and by the noise of neurons.
    model : nengo_loihi.builder.Model, optional
        To build into, instead of one that fits; the network is then built as by
        ``nengo_loihi.Simulator``.

    Attributes
    ----------
    changes : list of str
        What is other than in the network, in words.
    neuron_types : dict of nengo.neurons.NeuronType
        Of ensembles on the chip: with the rates that neurons have there.
        ``memory.predict_rmse(sim.data)`` goes by them.
    resources : Resources or None
        What it takes of the chip; None where ``nengo_loihi`` alone has built it.
    data : mapping
        Of each probe, (n_steps, size), or with minibatches (minibatch_size, n_steps,
        size); and of what was built for ensembles and connections.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, the network is too large or uses what the
        chip cannot do, or no chip is at hand for ``target="loihi"``.
    """

    def __init__(
        self,
        network: nengo.Network,
        dt: float = 0.001,
        seed: int | None = None,
        target: str | None = None,
        precompute: bool | None = None,
        progress_bar: Any = True,
        remove_passthrough: bool = True,
        hardware_options: dict[str, Any] | None = None,
        minibatch_size: int | None = None,
        model: Any = None,
    ) -> None:
        self.closed = True  # for __del__, until all is built
        self._batch: Batch | None = None
        self._options = hardware_options or {}
        self.network = network
        if not isinstance(network, nengo.Network):
            raise refusal("network", network, "a nengo.Network")
        dt = check_number("dt", dt, low=0, high=MAX_DT, exclusive=True)
        seed = _seed(seed)
        target = _target(target)
        if precompute not in (None, True, False):
            raise refusal("precompute", precompute, "True, False or None")
        allowed = "True, False or a nengo.utils.progress.ProgressBar"
        _check_kind("progress_bar", progress_bar, (bool, ProgressBar), allowed)
        _check_kind("hardware_options", hardware_options, (dict,), "a dict or None")
        if model is not None and not (isinstance(model, Model) and model.dt == dt):
            allowed = f"a nengo_loihi.builder.Model with dt={dt:g}, or None"
            raise refusal("model", model, allowed)
        if minibatch_size is not None:
            minibatch_size = check_integer("minibatch_size", minibatch_size)
            if target == "loihi":
                raise refusal("minibatch_size", minibatch_size, "None on the chip")
        self.minibatch_size = minibatch_size
        plan = prepare(network, placed(network, False), dt, placed(network, True))
        if remove_passthrough:
            PassthroughCheck(plan)
        for memory in plan.memories:
            check_dt(dt, memory.dt, "LegendreMemory")
        self.changes = plan.changes  # building may add to them
        self.neuron_types = {
            ensemble: ChipRates(plan.on_chip(ensemble).neuron_type, dt)
            for ensemble in plan.chip
        }
        self.resources = None
        self.progress_bar = progress_bar
        if plan and model is None:
            self.resources = Budget(plan)
            model = ChipModel(plan, self.resources, dt)
        with self._telling(), self._closing(), self._building(network, model):
            super().__init__(
                network,
                dt=dt,
                seed=seed,
                model=model,
                precompute=precompute,
                target=target,
                remove_passthrough=remove_passthrough,
                hardware_options=hardware_options,
            )
            self._learned = {
                synapse: [weights.copy() for weights in synapse.weights]
                for block in self.model.blocks
                for synapse in block.synapses
                if synapse.learning
            }
            self._start(self.sims[self._chip].seed)

    @property
    def _chip(self) -> str:
        return "loihi" if "loihi" in self.sims else "emulator"

    def _start(self, seed: int) -> None:
        """Set up host and chip for the first time step of a run, on our emulator."""
        for name in ("host_pre", "host"):
            if name in self.sims:
                self.sims[name].close()
                model = self.sims[name].model
                self.sims[name] = HostSimulator(model, host_seed(seed, 0, name))
        emulator = None
        if self._chip == "emulator":
            emulator = self.sims["emulator"] = Emulator(
                self.model, seed=seed, batch_size=self.minibatch_size or 1
            )
        self.data = SimulationData(self.model.params)
        for sim in self.sims.values():
            if isinstance(sim, HostSimulator):
                self.data.add_fallback(sim.data)
        run = self.model, self.sims, self.precompute, self.timers
        self._lanes = [Lane(*run)]
        self._runner: Any = self._lanes[0]
        if self.minibatch_size is not None:
            self._runner = self._batch = Batch(self.model, emulator, *run[2:])
            self._lanes = self._batch.lanes
            self.data = BatchData(self.data, self._batch)
        self.data.neuron_types = self.neuron_types  # for `LegendreMemory.populations`

    @contextmanager
    def _closing(self) -> Iterator[None]:
        """Leave nothing open if the network cannot be built."""
        try:
            yield
        except BaseException:
            for sim in getattr(self, "sims", {}).values():
                sim.close()
            raise

    @contextmanager
    def _building(self, network: nengo.Network, model: Any) -> Iterator[None]:
        if model is None:
            yield
            return
        objects = len(network.all_objects) + len(network.all_networks)
        with ProgressTracker(
            self.progress_bar, Progress("Building", "Build", objects)
        ) as tracker:
            progress = tracker.total_progress
            given = model.build_callback

            def after(obj: Any) -> None:
                progress.step()
                if given is not None:
                    given(obj)

            model.build_callback = after
            yield

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell each warning of nengo-loihi once, and none that means nothing.

        What other threads warn of meanwhile is shown as it would be without this.
        """
        builder, caught = threading.get_ident(), []
        try:
            with _COLLECTING, warnings.catch_warnings():
                warnings.filterwarnings("always", module="nengo_loihi|spiking_lmu")
                show = warnings.showwarning

                def take(message: Any, category: Any, *where: Any, **more: Any) -> None:
                    if threading.get_ident() == builder:
                        caught.append((str(message), category))
                    else:
                        show(message, category, *where, **more)

                warnings.showwarning = take
                yield
        finally:
            self._tell(caught)

    def _tell(self, caught: list[tuple[str, type[Warning]]]) -> None:
        lost, initial = [], False
        told: Counter[tuple[str, type[Warning]]] = Counter()
        for message, category in caught:
            bits = _LOST_BITS.search(message)
            if bits:
                lost.append(int(bits[1]))
            elif self.resources and _INITIAL.search(message):
                initial = True
            elif self.resources and _SYNAPSES.search(message):
                pass  # told in words of the network
            elif not _HARMLESS.search(message):
                told[message, category] += 1
        if lost:
            self.changes.append(
                f"weights of {len(lost)} synapses are rounded to fewer bits, by up to "
                f"{max(lost)}: much larger ones reach the same neurons"
            )
        if initial:
            self.changes.append("all neurons start from zero voltage, as on the chip")
        for (message, category), times in told.items():
            suffix = f" ({times} times)" if times > 1 else ""
            warnings.warn(message + suffix, category, stacklevel=5)

    def run(self, time_in_seconds: float) -> None:
        """Simulate for a length of time, rounded to whole time steps.

        Parameters
        ----------
        time_in_seconds : float

        Raises
        ------
        nengo.exceptions.SimulatorClosed
            If the simulator is closed.
        nengo.exceptions.ValidationError
            If the time is negative or no finite number.
        """
        super().run(check_number("time_in_seconds", time_in_seconds, low=0))

    def run_steps(
        self, steps: int, data: Mapping[nengo.Node, ArrayLike] | None = None
    ) -> None:
        """Simulate for a number of time steps.

        Parameters
        ----------
        steps : int
        data : mapping of nengo.Node to array_like, optional
            What nodes without inputs give during these steps instead of their own
            output: (steps, size), or with minibatches (minibatch_size, steps, size).

        Raises
        ------
        nengo.exceptions.SimulatorClosed
            If the simulator is closed.
        nengo.exceptions.ValidationError
            If the number is negative or not whole, or the data do not fit.
        """
        if self.closed:
            raise SimulatorClosed("Simulator cannot run because it is closed.")
        steps = check_integer("steps", steps, low=0)
        inputs = check_inputs(self.network, data, self.minibatch_size, steps)
        bar = self.progress_bar if steps > 1 else False
        progress = Progress("Simulating", "Simulation", max(steps, 1))
        try:
            for lane, values in zip(self._lanes, inputs):
                lane.feed(values)
            with ProgressTracker(bar, progress) as tracker:
                for start in range(0, steps, _STEPS_AT_ONCE):
                    n = min(_STEPS_AT_ONCE, steps - start)
                    super().run_steps(n)
                    tracker.total_progress.step(n)
        finally:
            for lane in self._lanes:
                lane.feed_no_more()
            self._check_range()  # of a run that ends with an error, too

    def _probe(self) -> None:
        """Take from the chip what its probes have seen; the host keeps its own."""
        self._probe_step_time()
        for probe in self.model.nengo_probes:
            if probe in self.model.chip2host_params:
                continue
            built = self.model.objs[probe]["out"]
            if self._batch is not None:
                self._batch.record(probe, built, self._sampled)
            else:
                chip = self.sims[self._chip]
                rows = self._sampled(probe, chip.collect_probe_output(built))
                self._probe_outputs[probe].extend(rows)

    def _sampled(self, probe: nengo.Probe, rows: ArrayLike) -> np.ndarray:
        """Of a row for each step up to now, those that Nengo would keep."""
        rows = np.asarray(rows)
        if probe.sample_every is None:
            return rows
        steps = np.arange(self.n_steps - len(rows), self.n_steps) + 1
        return rows[steps % (probe.sample_every / self.dt) < 1]

    def trange(self, sample_every: float | None = None, dt: Any = None) -> np.ndarray:
        """The times of what probes have recorded; the first is ``dt``, not 0.

        Parameters
        ----------
        sample_every : float, optional
            In seconds, as that of the probe; every time step by default.

        Raises
        ------
        nengo.exceptions.ValidationError
            If it is not positive and finite.
        """
        if sample_every is not None:
            check_number("sample_every", sample_every, low=0, exclusive=True)
        return super().trange(sample_every)

    def close(self) -> None:
        """Close the simulator: what was recorded stays, but it runs no more."""
        if self._batch is not None:
            self._batch.close()
        super().close()

    def reset(self, seed: int | None = None) -> None:
        """Go back to the state before the first time step.

        What was built stays, such as neurons and decoders; what was learned and
        recorded does not.

        Parameters
        ----------
        seed : int, optional
            Seed of everything random while the network runs; the same as before by
            default.
        """
        if self.closed:
            raise SimulatorClosed("Cannot reset closed Simulator.")
        chip = self.sims[self._chip]
        if seed is not None:
            self.seed = _seed(seed)
        seed = chip.seed if seed is None else self.seed
        self.clear_probes()
        if self._batch is not None:
            self._batch.close()
        chip.close()
        for synapse, weights in self._learned.items():
            for now, before in zip(synapse.weights, weights):
                now[:] = before
        for source in self.model.inputs:
            for t in set(source.spikes) - source.permanent:
                del source.spikes[t]
        if self._chip == "loihi":
            self.sims["loihi"] = HardwareInterface(
                self.model, use_snips=chip.use_snips, seed=seed, **self._options
            )
        self._start(seed)
        self._n_steps = 0
        self._probe_step_time()

    def _check_range(self) -> None:
        """Warn of inputs that were too large for the code which the host sends."""
        for memory, code in getattr(self.model, "codes", {}).items():
            found = [lane.state_of(code)["largest"] for lane in self._lanes]
            largest = max(float(each[0]) for each in found)
            if largest > 1:
                warnings.warn(
                    f"the input of {memory} reached {largest:.2f} times the largest "
                    "expected input, and was cut off there; set freq and rms for it, "
                    "or spectrum=Spectrum.from_signal(signal, dt)",
                    stacklevel=3,
                )
                for each in found:
                    each[0] = 0


def _check_kind(name: str, value: Any, kinds: tuple[type, ...], allowed: str) -> None:
    if value is not None and not isinstance(value, kinds):
        raise refusal(name, value, allowed)


def _seed(seed: Any) -> int | None:
    if seed is None:
        return None
    return check_integer("seed", seed, low=0, high=2**32 - 1)


def _target(target: Any) -> str:
    if target is None:
        return "loihi" if HAS_NXSDK else "sim"
    check_choice("target", target, TARGETS)
    if target == "loihi" and not HAS_NXSDK:
        raise refusal(
            "target",
            target,
            "'sim' or 'simreal' on this machine: a chip needs a board and Intel's "
            "NxSDK, which cannot be imported",
        )
    return target
