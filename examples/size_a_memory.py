"""How many neurons does a memory require? Predict, build and measure."""

import nengo
import numpy as np

from spiking_lmu import (
    Simulator,
    Spectrum,
    choose_order,
    discretize,
    realize,
    required_neurons,
    simulate,
    state_space,
)
from spiking_lmu.networks import LegendreMemory

theta, freq, rms, wanted = 1.0, 1.5, 0.5, 0.05
order = choose_order(theta * freq, tolerance=0.01)
realization = realize(
    *state_space(theta, order), dt=0.001, tau=0.1, spectrum=Spectrum.flat(freq, rms)
)
n_neurons = required_neurons(wanted, realization)
print(f"order {order}, {n_neurons} neurons per dimension")

with nengo.Network(seed=1) as model:
    signal = nengo.processes.WhiteSignal(period=20, high=freq, rms=rms, seed=1)
    stimulus = nengo.Node(signal)
    memory = LegendreMemory(theta, order, n_neurons, freq=freq, rms=rms)
    nengo.Connection(stimulus, memory.input, synapse=None)
    u = nengo.Probe(stimulus)
    m = nengo.Probe(memory.output)

if __name__ == "__main__":  # NengoGUI runs the model by itself
    with Simulator(model) as sim:
        sim.run(20)

    exact = simulate(*discretize(*state_space(theta, order), sim.dt), sim.data[u][:, 0])
    error = (sim.data[m] - exact)[sim.trange() > theta + 0.5]
    measured = np.sqrt(np.mean(np.sum(error**2, axis=1)))
    print(f"required RMSE {wanted}, measured {measured:.4f}")
