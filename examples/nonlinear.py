"""Compute with the past: how much louder is a signal now than half a second ago?"""

import nengo
import numpy as np

from spiking_lmu import Simulator
from spiking_lmu.networks import LegendreMemory


def difference_of_squares(window):
    """Of the values now and theta ago."""
    return window[0] ** 2 - window[1] ** 2


with nengo.Network(seed=2) as model:
    signal = nengo.processes.WhiteSignal(period=10, high=2, rms=0.4, seed=2)
    stimulus = nengo.Node(signal)
    memory = LegendreMemory(theta=0.5, order=6, n_neurons=300, freq=2, rms=0.4)
    nengo.Connection(stimulus, memory.input, synapse=None)
    louder = memory.add_output(difference_of_squares, delays=[0.0, 0.5])
    u = nengo.Probe(stimulus, synapse=0.03)
    y = nengo.Probe(louder, synapse=0.03)

if __name__ == "__main__":  # NengoGUI runs the model by itself
    with Simulator(model) as sim:
        sim.run(10)

    heard = sim.data[u][:, 0]
    shift = int(0.5 / sim.dt)
    target = heard[shift:] ** 2 - heard[:-shift] ** 2
    decoded = sim.data[y][shift:, 0]
    print("correlation with the target:", np.corrcoef(target, decoded)[0, 1].round(3))
    print("in its range:", memory.check_range(heard))
