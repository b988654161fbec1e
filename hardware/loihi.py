"""Run any network on Loihi or its emulator, as a network is run with Nengo.

.. code-block:: python

    from spiking_lmu.hardware import loihi

    with loihi.Simulator(model) as sim:
        sim.run(1.0)
    print(*sim.changes, sep="\\n")
"""

from __future__ import annotations

import warnings
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

require("nengo_loihi", "spiking_lmu.hardware.loihi")

from nengo_loihi.builder import Model
from nengo_loihi.hardware import HAS_NXSDK, HardwareInterface
from nengo_loihi.simulator import SimulationData
from nengo_loihi.simulator import Simulator as LoihiSimulator

from .building import ChipModel, ChipRates
from .emulator import Emulator
from .energy import Energy, energy
from .messages import collected_warnings
from .running import Batch, BatchData, HostSimulator, Lane, check_inputs, host_seed
from .splitting import PassthroughCheck

__all__ = ["Energy", "Resources", "Simulator", "energy", "resources"]

TARGETS = ("sim", "simreal", "loihi")
MAX_DT = 0.1  # beyond it, membranes of usual neurons keep nothing from step to step

_STEPS_AT_ONCE = 200  # between two updates of the progress bar


class Simulator(LoihiSimulator):
    """Simulates a network on Loihi or on its emulator.

    A network without a `LegendreMemory` and without Poisson neurons runs as with
    ``nengo_loihi.Simulator``, only faster. In other networks,

    - weights from population to population replace the nodes of a memory;
    - the host sends inputs as binary numbers, with one axon for each digit;
    - the host decodes the values of ensembles from their spikes;
    - `ChipPoisson` neurons replace Poisson neurons;
    - ensembles are split over as many cores as their axons and weights require.

    The network itself remains unchanged.

    Parameters
    ----------
    network : nengo.Network
        The network to simulate.
    dt : float
        Time step in seconds, at most 0.1.
    seed : int, optional
        Seed of everything random while the network runs. By default, the network's
        seed plus one.
    target : str, optional
        ``"sim"`` for the emulator with the chip's integers, ``"simreal"`` for the
        emulator with real numbers, ``"loihi"`` for the chip. By default the chip if
        NxSDK is installed, otherwise the emulator.
    precompute : bool, optional
        Whether to compute all inputs of a run before the chip runs. By default, this
        is done if no input depends on the chip's output.
    progress_bar : bool or nengo.utils.progress.ProgressBar
        As for `nengo.Simulator`.
    remove_passthrough : bool
        Whether to replace nodes that only pass values on by connections, except for
        those around a memory.
    hardware_options : dict, optional
        Arguments of ``nengo_loihi.hardware.HardwareInterface``.
    minibatch_size : int, optional
        Number of runs to make at once with the same built network. They differ in the
        inputs given to `run_steps` and in the noise of neurons.
    model : nengo_loihi.builder.Model, optional
        The model to build into. The network is then built by ``nengo_loihi`` alone.

    Attributes
    ----------
    changes : list of str
        Differences between the network and its version on the chip, one sentence each.
    neuron_types : dict of nengo.neurons.NeuronType
        For each ensemble on the chip, neurons with the rates that they have there.
        ``memory.predict_rmse(sim.data)`` uses them.
    resources : Resources or None
        The resources of the chip that the network requires; None if ``nengo_loihi``
        alone has built it.
    data : mapping
        For each probe, an array (n_steps, size), or (minibatch_size, n_steps, size)
        with minibatches; and the built parameters of ensembles and connections.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, the network is too large for the chip or
        requires what the chip does not have, or there is no chip for
        ``target="loihi"``.
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
        build = network, dt, seed, model, precompute, target
        with (
            collected_warnings(self.changes, bool(self.resources)),
            self._closing(),
            self._building(network, model),
        ):
            super().__init__(
                *build,
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

    def _start(self, seed: Any) -> None:
        """Set up host and chip for the first time step of a run, on our emulator."""
        for name in ("host_pre", "host"):
            if name in self.sims:
                self.sims[name].close()
                model = self.sims[name].model
                self.sims[name] = HostSimulator(model, host_seed(seed, 0, name))
        emulator: Any = None
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
        """Close everything if the network cannot be built."""
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

    def run(self, time_in_seconds: float) -> None:
        """Simulate for a given time, rounded to whole time steps.

        Parameters
        ----------
        time_in_seconds : float

        Raises
        ------
        nengo.exceptions.SimulatorClosed
            If the simulator is closed.
        nengo.exceptions.ValidationError
            If the time is negative or not finite.
        """
        super().run(check_number("time_in_seconds", time_in_seconds, low=0))

    def run_steps(
        self, steps: int, data: Mapping[nengo.Node, ArrayLike] | None = None
    ) -> None:
        """Simulate for a given number of time steps.

        Parameters
        ----------
        steps : int
        data : mapping of nengo.Node to array_like, optional
            Values that replace the output of nodes without inputs during these steps:
            (steps, size), or (minibatch_size, steps, size) with minibatches.

        Raises
        ------
        nengo.exceptions.SimulatorClosed
            If the simulator is closed.
        nengo.exceptions.ValidationError
            If the number is negative or not an integer, or the data have another shape.
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
            self._check_range()  # also after a run that ends with an error

    def _probe(self) -> None:
        """Collect the data of probes on the chip; the host records its own."""
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
        """Of one row for each step until now, those that Nengo would record."""
        rows = np.asarray(rows)
        if probe.sample_every is None:
            return rows
        steps = np.arange(self.n_steps - len(rows), self.n_steps) + 1
        return rows[steps % (probe.sample_every / self.dt) < 1]

    def trange(self, sample_every: float | None = None, dt: Any = None) -> np.ndarray:
        """The times of the probes' data; the first is ``dt``, not 0.

        Parameters
        ----------
        sample_every : float, optional
            Sampling period of the probe, in seconds; every time step by default.

        Raises
        ------
        nengo.exceptions.ValidationError
            If the period is not positive and finite.
        """
        if sample_every is not None:
            check_number("sample_every", sample_every, low=0, exclusive=True)
        return super().trange(sample_every)

    def close(self) -> None:
        """Close the simulator. Recorded data remain; it cannot run again."""
        if self._batch is not None:
            self._batch.close()
        super().close()

    def reset(self, seed: int | None = None) -> None:
        """Return to the state before the first time step.

        Everything that was built remains, such as neurons and decoders. Learned
        weights are restored to their initial values, and recorded data are deleted.

        Parameters
        ----------
        seed : int, optional
            Seed of everything random while the network runs. By default, the random
            numbers are the same as before.

        Raises
        ------
        nengo.exceptions.SimulatorClosed
            If the simulator is closed.
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
            "'sim' or 'simreal' on this machine: a chip requires a board and Intel's "
            "NxSDK, which cannot be imported",
        )
    return target
