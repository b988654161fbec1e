"""Train a whole unit with NengoDL (extra `dl`), then replace its memory by neurons.

It trains, and is no model for NengoGUI.
"""

import nengo
import numpy as np

import spiking_lmu
from spiking_lmu import white_noise
from spiking_lmu.networks import LMU

UNITS, ORDER, THETA, FREQ, RMS = 30, 6, 0.2, 3, 0.4
DT = 0.01  # coarse, for short training
STEPS = 100


def build(decoders, **unit):
    """A unit that hears one number, and a linear readout of its hidden state."""
    with nengo.Network(seed=0) as network:
        network.stimulus = nengo.Node([0.0])
        network.unit = LMU(UNITS, ORDER, THETA, dt=DT, **unit)
        readout = nengo.Node(size_in=1)
        nengo.Connection(network.stimulus, network.unit.input, synapse=None)
        network.readout = nengo.Connection(
            network.unit.output, readout, transform=decoders, synapse=None
        )
        network.probe = nengo.Probe(readout)
    return network


def simulator(network, n):
    return nengo_dl.Simulator(network, dt=DT, minibatch_size=n, progress_bar=False)


if __name__ == "__main__":
    nengo_dl = spiking_lmu.require("nengo_dl")
    tf = spiking_lmu.require("tensorflow")

    # the task: the median of the input now, half a theta ago and theta ago
    noise = [white_noise(STEPS * DT, DT, FREQ, RMS, seed) for seed in range(64)]
    x = np.array(noise)[..., None]
    shift = round(THETA / DT)
    y = np.zeros_like(x)
    window = [x[:, shift:], x[:, shift // 2 : -(shift // 2)], x[:, :-shift]]
    y[:, shift:] = np.median(window, axis=0)
    heldout, x, target, y = x[:16], x[16:], y[:16], y[16:]

    exact = build(nengo_dl.dists.Glorot(), e_x=[1.0], e_h=None)
    with simulator(exact, 16) as sim:
        sim.compile(tf.optimizers.Adam(0.01), loss={exact.probe: "mse"})
        sim.fit({exact.stimulus: x}, {exact.probe: y}, epochs=60, verbose=0)
        trained = {name: sim.data[c].weights for name, c in exact.unit.weights.items()}
        decoders = sim.data[exact.readout].weights

    # the same weights around a memory of Poisson neurons
    for n_neurons in (None, 300, 3000):
        kind = {}
        if n_neurons is not None:
            kind = {"memory_args": {"n_neurons": n_neurons, "freq": FREQ, "rms": RMS}}
        network = build(decoders, e_h=None, **trained, **kind)
        with simulator(network, 16) as sim:
            sim.run_steps(STEPS, data={network.stimulus: heldout})
            error = (sim.data[network.probe] - target)[:, shift:]
        share = np.sqrt(np.mean(error**2)) / target[:, shift:].std()
        memory = f"{n_neurons} neurons a dimension" if n_neurons else "exact memory"
        print(f"{memory}: error {share:.2f} of the deviation")
