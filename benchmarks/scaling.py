"""O(m): time and memory of the spiking memory as its neurons are doubled.

Prints, for each doubling, the ratio of run time per step and of peak memory to those
of half the neurons. Linear growth is a ratio of 2; constant overhead shows as less.
"""

from __future__ import annotations

import time
import tracemalloc

import nengo
import numpy as np

from spiking_lmu.networks import LegendreMemory

STEPS = 500
RUNS = 3  # the least counts: all else on the machine can only add to it


def measure(n_neurons: int) -> tuple[float, float, float]:
    """Build seconds, run seconds per step, and peak MB of what Python allocated."""
    tracemalloc.start()
    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node(np.sin)
        memory = LegendreMemory(theta=0.5, order=6, n_neurons=n_neurons)
        nengo.Connection(stimulus, memory.input, synapse=None)
    start = time.perf_counter()
    with nengo.Simulator(network, progress_bar=False, optimize=False) as sim:
        built = time.perf_counter()
        sim.run_steps(STEPS)
        ran = time.perf_counter()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return built - start, (ran - built) / STEPS, peak


def main() -> None:
    nengo.rc.set("decoder_cache", "enabled", "False")
    before = None
    print("neurons  build/x2  run/x2  memory/x2   (1 is constant, 2 is linear)")
    for n_neurons in (500, 1000, 2000, 4000, 8000):
        now = np.min([measure(n_neurons) for _ in range(RUNS)], axis=0)
        if before is not None:
            ratios = [a / b for a, b in zip(now, before)]
            print(f"{6 * n_neurons:7,}  " + "  ".join(f"{r:7.2f}" for r in ratios))
        before = now


if __name__ == "__main__":
    main()
