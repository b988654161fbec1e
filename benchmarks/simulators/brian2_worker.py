"""The memory in Brian2's C++ standalone mode, which compiles each network.

    python brian2_worker.py

Answers the requests of `worker`. A network comes as a file of arrays, which holds the
neurons and decoders that Nengo built (`export`). Populations, synapses and the linear
system are written as Brian2's documentation does: linked variables, `summed`, events.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
from worker import serve

STEPS = 1000  # what is compiled into the program
NEURONS = {
    "poisson": """
        above = gain_encoder * x + bias - 1 : 1
        period = tau_ref + tau_rc * log(1 + 1 / clip(above, 1e-12, inf)) : second
        rate = int(above > 0) / period : Hz
        """,
    "lif": "dv/dt = (gain_encoder * x + bias - v) / tau_rc : 1 (unless refractory)",
}
CONSTANT = """
    gain_encoder : 1 (constant)
    bias : 1 (constant)
    decoder : 1 (constant)
    x : 1 (linked)
    """
CLOCK = {
    "before_network_run": "const clock_t before = clock();",
    "after_network_run": """
        const double seconds = double(clock() - before) / CLOCKS_PER_SEC;
        std::cout << "seconds " << seconds << std::endl;
        """,
}


class Worker:
    """What answers the requests, with one compiled program at a time."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="brian2-")

    def build(self, path: str) -> dict[str, Any]:
        start = time.perf_counter()
        with np.load(path) as arrays:
            self.compile({name: arrays[name] for name in arrays.files})
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "wall": seconds, "neurons": self.neurons}

    def compile(self, memory: dict[str, np.ndarray]) -> None:
        kind, order = str(memory["kind"]), len(memory["recurrent"])
        self.neurons, self.readout = len(memory["bias"]), memory["readout"]
        b2.device.reinit()
        b2.device.activate()
        b2.set_device("cpp_standalone", build_on_run=False)
        b2.prefs.devices.cpp_standalone.openmp_threads = 0
        b2.defaultclock.dt = 1 * b2.ms
        constants = {
            "tau_rc": 0.02 * b2.second,
            "tau_ref": 0.002 * b2.second,
            "decay": float(memory["decay"]),
            "signal": b2.TimedArray(memory["signal"], dt=1 * b2.ms),
        }
        state = b2.NeuronGroup(
            order,
            "x : 1\n decoded : 1\n driven : 1\n feed : 1 (constant)",
            namespace=constants,
        )
        state.feed = memory["feed"]
        state.run_regularly(
            """
            x = decay * x + (1 - decay) * (driven + feed * signal(t))
            decoded = 0
            """,
            when="after_groups",
        )
        spiking = {
            "poisson": {"threshold": "rand() < rate * dt"},
            "lif": {
                "threshold": "v > 1",
                "reset": "v = 0",
                "refractory": "tau_ref",
                "method": "exact",
            },
        }
        neurons = b2.NeuronGroup(
            self.neurons,
            NEURONS[kind] + CONSTANT,
            namespace=constants,
            **spiking[kind],
        )
        population = memory["population"]
        neurons.x = b2.linked_var(state, "x", index=population)
        for name in ("gain_encoder", "bias", "decoder"):
            setattr(neurons, name, memory[name])
        decoding = b2.Synapses(neurons, state, on_pre="decoded_post += decoder_pre")
        decoding.connect(i=np.arange(self.neurons), j=population)
        system = b2.Synapses(
            state,
            state,
            """
            weight : 1 (constant)
            driven_post = weight * decoded_pre : 1 (summed)
            """,
        )
        system.connect()
        system.weight = memory["recurrent"].T.ravel()
        monitor = b2.StateMonitor(state, "x", record=True)
        for place, code in CLOCK.items():
            b2.device.insert_code(place, code)
        self.monitor = monitor
        b2.Network(state, neurons, decoding, system, monitor).run(STEPS * b2.ms)
        b2.device.build(directory=self.folder.name, run=False, clean=True)

    def steps(self, n: int) -> dict[str, Any]:
        """All the steps that were compiled, from the start, scaled to n of them."""
        done = subprocess.run(
            [Path(self.folder.name, "main")],
            cwd=self.folder.name,
            check=True,
            capture_output=True,
            text=True,
        )
        [line] = [one for one in done.stdout.splitlines() if one.startswith("seconds")]
        seconds = float(line.split()[1]) * n / STEPS
        return {"seconds": seconds, "wall": seconds}

    def output(self, n: int) -> dict[str, Any]:
        """The state in the first n steps."""
        b2.get_device().has_been_run = True
        return {"values": (self.readout @ self.monitor.x)[:, :n].T.tolist()}


if __name__ == "__main__":
    serve(Worker)
