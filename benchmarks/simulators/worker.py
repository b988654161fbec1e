"""One simulator in a process of its own; runs in that simulator's environment.

    python worker.py SIMULATOR

Requests come as lines of JSON, and so do the answers: ``{"build": NAME}`` builds one of
`models`, and ``{"steps": N}`` runs it. All that these cost is told in seconds of the
processor, of all threads, and in those of the clock.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any


def nengo_simulator(network: Any, optimize: bool) -> Any:
    import nengo

    return nengo.Simulator(network, progress_bar=False, optimize=optimize)


def compiled_simulator(network: Any) -> Any:
    import spiking_lmu

    return spiking_lmu.Simulator(network, progress_bar=False)


def nengo_dl_simulator(network: Any) -> Any:
    import spiking_lmu

    nengo_dl = spiking_lmu.require("nengo_dl")
    return nengo_dl.Simulator(network, progress_bar=False)


def nengo_torch_simulator(network: Any) -> Any:
    import nengo_torch
    import torch

    torch.set_num_threads(1)
    return nengo_torch.Simulator(network, progress_bar=False)


def nengo_ocl_simulator(network: Any) -> Any:
    import nengo
    import nengo_ocl
    import pyopencl

    # it takes the inside of Lowpass for granted, which that of a memory's input is not
    for connection in network.all_connections:
        if isinstance(connection.synapse, nengo.Lowpass):
            connection.synapse = nengo.Lowpass(connection.synapse.tau)
    [device] = pyopencl.get_platforms()[0].get_devices()
    context = pyopencl.Context([device])
    return nengo_ocl.Simulator(network, context=context, progress_bar=False)


SIMULATORS: dict[str, Callable[[Any], Any]] = {
    "nengo": lambda network: nengo_simulator(network, optimize=True),
    "nengo-plain": lambda network: nengo_simulator(network, optimize=False),
    "spiking-lmu": compiled_simulator,
    "nengo-dl": nengo_dl_simulator,
    "nengo-ocl": nengo_ocl_simulator,
    "nengo-torch": nengo_torch_simulator,
}


class Worker:
    """What answers the requests: a simulator and the network that it runs."""

    def __init__(self, simulator: str) -> None:
        import models
        import nengo

        nengo.rc.set("decoder_cache", "enabled", "False")
        self.make = models.make
        self.simulator = SIMULATORS[simulator]
        self.sim: Any = None
        self.network: Any = None

    def build(self, name: str) -> dict[str, Any]:
        if self.sim is not None:
            self.sim.close()
            self.sim = self.network = None
        self.network = self.make(name)
        seconds, self.sim = timed(lambda: self.simulator(self.network))
        fallbacks = [str(one) for one in getattr(self.sim, "fallbacks", ())]
        return {**seconds, "neurons": self.network.n_neurons, "fallbacks": fallbacks}

    def steps(self, n: int) -> dict[str, Any]:
        if hasattr(self.sim, "clear_probes"):  # NengoDL's has no such method
            self.sim.clear_probes()
        return timed(lambda: self.sim.run_steps(n, progress_bar=False))[0]

    def output(self, n: int) -> dict[str, Any]:
        """What the probe recorded in the first n steps of the last run."""
        values = self.sim.data[self.network.output]
        return {"values": values.reshape(-1, values.shape[-1])[:n].tolist()}


def timed(function: Callable[[], Any]) -> tuple[dict[str, Any], Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": cpu, "wall": wall, "peak_gigabytes": peak}, result


def serve(start: Callable[[], Any]) -> None:
    """Answer requests until there are no more; an answer may be an error."""
    # whatever the libraries print goes to the standard error
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core, all threads
    warnings.simplefilter("ignore")
    worker = None
    for line in sys.stdin:
        try:
            worker = worker or start()
            [(name, value)] = json.loads(line).items()
            answer = getattr(worker, name)(value)
        except Exception as error:
            reason = str(error).strip() or "no reason given"
            answer = {"error": f"{type(error).__name__}: {reason.splitlines()[0]}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(lambda: Worker(sys.argv[1]))
