"""Remember half a second of a signal with 1,200 spiking neurons."""

import nengo
import numpy as np

from spiking_lmu import (
    Simulator,
    discretize,
    rmse,
    sampled_readout,
    simulate,
    state_space,
)
from spiking_lmu.networks import LegendreMemory

with nengo.Network(seed=0) as model:
    signal = nengo.processes.WhiteSignal(period=10, high=2, rms=0.4, seed=0)
    stimulus = nengo.Node(signal)
    memory = LegendreMemory(theta=0.5, order=6, n_neurons=200)
    nengo.Connection(stimulus, memory.input, synapse=None)
    delayed = memory.add_readout(delays=[0.25, 0.5])  # seconds
    input_probe = nengo.Probe(stimulus)
    probe = nengo.Probe(delayed)

if __name__ == "__main__":  # NengoGUI runs the model by itself
    with Simulator(model) as sim:
        sim.run(10)

    u = sim.data[input_probe][:, 0]
    exact = simulate(*discretize(*state_space(0.5, 6), sim.dt), u)
    exact = exact @ sampled_readout(0.5, 6, sim.dt, [0.25, 0.5]).T
    settled = sim.trange() > 1.0
    print("neurons:", model.n_neurons)
    print("RMS of the input:", np.sqrt(np.mean(u**2)).round(3))
    for k, delay in enumerate((0.25, 0.5)):
        error = rmse(sim.data[probe][settled, k], exact[settled, k])
        print(f"RMSE of the input {delay} s ago: {error:.3f}")
    print(
        "RMSE of the state that theory predicts:",
        round(memory.predict_rmse(sim.data), 3),
    )
