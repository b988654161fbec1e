"""Runs a built network, the host's part and the chip's, once or several times."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import nengo
import nengo.simulator
import numpy as np
from nengo.builder.processes import SimProcess
from nengo_loihi.simulator import StepRunner

from spiking_lmu.simulators import given_outputs

from .emulator import Emulator


class HostSimulator(nengo.simulator.Simulator):
    """Nengo's simulator for a part of the network, with replaceable inputs."""

    def __init__(self, model: Any, seed: int) -> None:
        super().__init__(
            network=None,
            dt=model.dt,
            seed=seed,
            model=model,
            progress_bar=False,
            optimize=False,
        )
        self._own = list(self._steps)

    def feed(self, node: nengo.Node, values: np.ndarray) -> None:
        """Replace the output of a node by values (n_steps, size), one row a step."""
        signal = self.model.sig[node]["out"]
        target, rows = self.signals[signal], iter(values)

        def give() -> None:
            target[...] = next(rows)

        for i, operator in enumerate(self._step_order):
            if any(each.base is signal.base for each in operator.sets):
                self._steps[i] = give
                return
        # a constant, which no operator sets
        first = self._steps[0]

        def give_first() -> None:
            give()
            first()

        self._steps[0] = give_first

    def feed_no_more(self) -> None:
        """Restore the output of all nodes."""
        self._steps[:] = self._own

    def state_of(self, process: nengo.Process) -> dict[str, np.ndarray] | None:
        """The state of a process in this simulator; None if it is not part of it."""
        for operator in self.model.operators:
            if isinstance(operator, SimProcess) and operator.process is process:
                return {k: self.signals[s] for k, s in operator.state.items()}
        return None


def host_seed(seed: int, item: int, name: str) -> int:
    """Seed of a part of the host, in one of the runs."""
    sequence = np.random.SeedSequence([seed, item, len(name)])
    return int(sequence.generate_state(1)[0])


class Lane(StepRunner):
    """The host's side of a run, and its exchange with the chip.

    It also passes values from the part computed before the chip to the part after it.
    """

    def __init__(self, model: Any, sims: Any, precompute: bool, timers: Any) -> None:
        super().__init__(model, sims, precompute, timers)
        self.hosts = [s for s in (self.host_pre, self.host) if s is not None]
        self._relays = []
        if hasattr(model, "relays"):
            # spikes of the first step arrive in the second. nengo-loihi's receivers
            # would also give them in the first if the chip has run before the host
            for receiver in self.probes_receivers.values():
                receiver.receive(model.dt, np.zeros(receiver.size_out))
        for send, receive in getattr(model, "relays", []):
            sender = self._step_of(send.output, self.host_pre)
            receiver = self._step_of(receive.output, self.host)
            self._relays.append((sender.queue, receiver))

    def _step_of(self, process: nengo.Process, sim: nengo.Simulator) -> Any:
        operators = self._get_simprocess_op_dict(sim.model.operators)
        return self._get_step_f(operators[id(process)], sim)

    def _chip2host(self, sim: Any) -> None:
        super()._chip2host(sim)
        for queue, receiver in self._relays:
            for t, x in queue:
                receiver.receive(t, x)
            queue.clear()

    def feed(self, inputs: Mapping[nengo.Node, np.ndarray]) -> None:
        """Replace the output of nodes by values (n_steps, size) in the next steps."""
        for node, values in inputs.items():
            for host in self.hosts:
                if node in host.model.sig:
                    host.feed(node, values)

    def feed_no_more(self) -> None:
        """Restore the output of all nodes."""
        for host in self.hosts:
            host.feed_no_more()

    def state_of(self, process: nengo.Process) -> dict[str, np.ndarray]:
        """The state of a process that the host computes."""
        states = (host.state_of(process) for host in self.hosts)
        return next(state for state in states if state is not None)


class Batch:
    """Several runs through one network on the emulator, a lane for each."""

    def __init__(
        self, model: Any, emulator: Emulator, precompute: bool, timers: Any
    ) -> None:
        self.emulator, self.precompute, self.timers = emulator, precompute, timers
        self.lanes = []
        for item in range(emulator.batch_size):
            sims: dict[str, Any] = OrderedDict()
            for name in ("host_pre", "host"):
                if getattr(model, name).params:
                    seed = host_seed(emulator.seed, item, name)
                    sims[name] = HostSimulator(getattr(model, name), seed)
            sims["emulator"] = _Share(emulator, item)
            self.lanes.append(Lane(model, sims, precompute, timers))
        self.recorded: dict[nengo.Probe, list[list[Any]]] = defaultdict(
            lambda: [[] for _ in self.lanes]
        )

    def run_steps(self, steps: int) -> None:
        """Simulate all runs for a number of time steps."""
        self.timers.start("run")
        if self.precompute:
            self._before(steps)
            self.emulator.run_steps(steps)
            self._after(steps)
        else:
            for _ in range(steps):
                self._step()
        self.timers.stop("run")

    def _before(self, steps: int) -> None:
        for item, lane in enumerate(self.lanes):
            if lane.host_pre is not None:
                self._run_host(item, lane.host_pre, steps)
                lane._host2chip(lane.emulator)

    def _after(self, steps: int) -> None:
        for item, lane in enumerate(self.lanes):
            lane._chip2host(lane.emulator)
            if lane.host is not None:
                self._run_host(item, lane.host, steps)

    def _step(self) -> None:
        for item, lane in enumerate(self.lanes):
            if lane.host is not None:
                self._run_host(item, lane.host, 1)
                lane._host2chip(lane.emulator)
        self.emulator.step()
        for lane in self.lanes:
            lane._chip2host(lane.emulator)

    def _run_host(self, item: int, host: nengo.Simulator, steps: int) -> None:
        host.run_steps(steps, progress_bar=False)
        # the simulators of all runs append to the same lists
        for probe in host.model.probes:
            rows = host.model.params[probe]
            self.recorded[probe][item].extend(rows)
            rows.clear()

    def record(
        self, probe: nengo.Probe, built: Any, sampled: Callable[..., np.ndarray]
    ) -> None:
        """Collect a probe's samples from the chip, for each run."""
        for item, rows in enumerate(self.recorded[probe]):
            seen = self.emulator.collect_probe_output(built, item=item)
            rows.extend(sampled(probe, seen))

    def close(self) -> None:
        """Close the simulators of all lanes."""
        for lane in self.lanes:
            for host in lane.hosts:
                host.close()


class _Share:
    """One run's share of an emulator."""

    def __init__(self, emulator: Emulator, item: int) -> None:
        self.emulator, self.item = emulator, item

    def host2chip(self, spikes: Any, errors: Any) -> None:
        self.emulator.host2chip(spikes, errors, item=self.item)

    def chip2host(self, probes_receivers: Any) -> None:
        self.emulator.chip2host(probes_receivers, item=self.item)


class BatchData(Mapping):
    """The data of several runs: for each probe, (n_runs, n_steps, size)."""

    neuron_types: Mapping[nengo.Ensemble, nengo.neurons.NeuronType]

    def __init__(self, built: Mapping[Any, Any], batch: Batch) -> None:
        self._built, self._recorded = built, batch.recorded

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, nengo.Probe) and key in self._built:
            return np.asarray(self._recorded[key])
        return self._built[key]

    def reset(self) -> None:
        """Delete the recorded data."""
        self._recorded.clear()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._built)

    def __len__(self) -> int:
        return len(self._built)


def check_inputs(
    network: nengo.Network, data: Any, n_runs: int | None, steps: int
) -> list[dict[nengo.Node, np.ndarray]]:
    """The values that replace the output of nodes, for each run.

    Raises
    ------
    nengo.exceptions.ValidationError
        If a node has inputs or is not part of the network, or values have another
        shape.
    """
    nodes = [node for node in network.all_nodes if node.size_in == 0]
    arrays = given_outputs(nodes, data, n_runs, steps)
    return [
        {node: values[item] for node, values in arrays.items()}
        for item in range(n_runs or 1)
    ]
