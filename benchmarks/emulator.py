"""The emulator of Loihi: how many times as fast as nengo-loihi's own.

Prints, for recurrent networks in which all ensembles connect to all, the ratio of the
times per step, and that for each of several runs at once; then the same for the whole
simulators, which compute inputs and collect probes as well. Spikes must be the same.
"""

from __future__ import annotations

import time
import warnings

import nengo
import numpy as np
from nengo.exceptions import ValidationError

import spiking_lmu
from spiking_lmu.hardware import loihi
from spiking_lmu.hardware.emulator import Emulator

nengo_loihi = spiking_lmu.require("nengo_loihi")

STEPS = 300
RUNS = 3  # the least counts: all else on the machine can only add to it
BATCH = 8
SYNAPSE = 0.1


def make(order: int, n_neurons: int) -> nengo.Network:
    """A rotation in as many dimensions, driven by a sine."""
    rotation = np.linalg.qr(np.random.RandomState(0).normal(size=(order, order)))[0]
    with nengo.Network(seed=0) as network:
        network.config[nengo.Ensemble].max_rates = nengo.dists.Uniform(200, 250)
        network.drive = nengo.Node(lambda t: np.sin(20 * t))
        xs = [nengo.Ensemble(n_neurons, 1) for _ in range(order)]
        for i, post in enumerate(xs):
            for j, pre in enumerate(xs):
                nengo.Connection(
                    pre,
                    post,
                    transform=rotation[i, j],
                    synapse=SYNAPSE,
                    solver=nengo.solvers.LstsqL2(reg=0.1, weights=True),
                )
        nengo.Connection(network.drive, xs[0], synapse=None)
        network.spikes = [nengo.Probe(x.neurons) for x in xs]
    return network


def build(order: int, n_neurons: int, target: str) -> nengo_loihi.builder.Model:
    """The network as nengo-loihi builds it."""
    with simulate(nengo_loihi.Simulator, make(order, n_neurons), target) as sim:
        return sim.model


def simulate(
    kind: type[nengo_loihi.Simulator], network: nengo.Network, target: str
) -> nengo_loihi.Simulator:
    model = nengo_loihi.builder.Model(dt=0.001)
    model.decode_tau = SYNAPSE
    return kind(network, model=model, target=target, seed=0, progress_bar=False)


def measure(
    emulator: nengo_loihi.emulator.EmulatorInterface,
) -> tuple[float, np.ndarray]:
    """Seconds per step, and how often each compartment spiked."""
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        emulator.run_steps(STEPS)
        seconds.append((time.perf_counter() - start) / STEPS)
    return min(seconds), emulator.compartment.spike_count


def compare(order: int, n_neurons: int, target: str) -> None:
    """Print one line."""
    model = build(order, n_neurons, target)
    stock, counts = measure(nengo_loihi.emulator.EmulatorInterface(model))
    ours, our_counts = measure(Emulator(model))
    batch, batch_counts = measure(Emulator(model, batch_size=BATCH))
    if (our_counts != counts).any() or (batch_counts != counts).any():
        raise ValidationError("spikes differ", attr="target")
    rate = counts.mean() / (RUNS * STEPS * model.dt)
    print(
        f"{order:5} {n_neurons:7}  {target:7} {rate:5.0f} {stock * 1e6:9.0f} "
        f"{ours * 1e6:6.0f}  {stock / ours:5.1f}  {stock * BATCH / batch:7.1f}"
    )


def compare_simulators(order: int, n_neurons: int, target: str) -> None:
    """Print one line, of the simulators as users know them."""
    network, seconds, spikes = make(order, n_neurons), [], []
    for kind in (nengo_loihi.Simulator, loihi.Simulator):
        with simulate(kind, network, target) as sim:
            start = time.perf_counter()
            sim.run_steps(RUNS * STEPS)
            seconds.append((time.perf_counter() - start) / (RUNS * STEPS))
            spikes.append([sim.data[probe] for probe in network.spikes])
    if not np.array_equal(*(np.hstack(each) for each in spikes)):
        raise ValidationError("spikes differ", attr="target")
    stock, ours = seconds
    print(
        f"{order:5} {n_neurons:7}  {target:7} {'':5} {stock * 1e6:9.0f} "
        f"{ours * 1e6:6.0f}  {stock / ours:5.1f}"
    )


def main() -> None:
    nengo.rc.set("decoder_cache", "enabled", "False")
    warnings.simplefilter("ignore")  # of nengo-loihi, on rounding
    print("order neurons  target     Hz  stock/us   ours  ratio  a run of", BATCH)
    for order, n_neurons in ((3, 256), (12, 32), (6, 100)):
        for target in ("sim", "simreal"):
            compare(order, n_neurons, target)
    print("whole simulators")
    for order, n_neurons in ((3, 256), (12, 32)):
        for target in ("sim", "simreal"):
            compare_simulators(order, n_neurons, target)


if __name__ == "__main__":
    main()
