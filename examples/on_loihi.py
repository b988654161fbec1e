"""Run a memory on the emulator of Loihi: resources, changes, error and energy.

Requires nengo-loihi, the extra ``loihi``.
"""

import nengo

from spiking_lmu import discretize, rmse, sampled_readout, simulate, state_space
from spiking_lmu.hardware import loihi
from spiking_lmu.networks import LegendreMemory

THETA, ORDER, FREQ, RMS = 0.5, 6, 2.0, 0.4

with nengo.Network(seed=0) as model:
    signal = nengo.processes.WhiteSignal(period=10, high=FREQ, rms=RMS, seed=0)
    stimulus = nengo.Node(signal)
    memory = LegendreMemory(
        THETA, ORDER, n_neurons=100, freq=FREQ, rms=RMS, label="memory"
    )
    nengo.Connection(stimulus, memory.input, synapse=None)
    delayed = memory.add_readout(delays=[THETA])
    u = nengo.Probe(stimulus)
    probe = nengo.Probe(delayed)

if __name__ == "__main__":  # NengoGUI runs the model by itself
    print("Resources, before anything is built:")
    print(loihi.resources(model))

    with loihi.Simulator(model, target="sim", progress_bar=False) as sim:
        print("\nDifferences from the network:")
        print(*sim.changes, sep="\n")
        sim.run(5)

    exact = simulate(*discretize(*state_space(THETA, ORDER), sim.dt), sim.data[u][:, 0])
    exact = exact @ sampled_readout(THETA, ORDER, sim.dt, [THETA]).T
    settled = sim.trange() > 2 * THETA
    error = rmse(sim.data[probe][settled], exact[settled])
    energy = loihi.energy(sim)
    print(f"\nRMSE of the input {THETA} s ago: {error:.3f}, of an input of rms {RMS}")
    rate = energy.counts.spikes / sim.time
    print(f"Spikes: {rate:,.0f} each second of {sim.time:g} s\n")
    print(energy)
