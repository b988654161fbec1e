"""A memory as arrays, for simulators that do not build networks of Nengo."""

from __future__ import annotations

from pathlib import Path

import models
import nengo
import numpy as np

STEPS = 1000


def export(name: str, path: Path) -> None:
    """Write the neurons, decoders and the system of a memory, as Nengo builds them."""
    network = models.make(name)
    memory = network.memory
    with nengo.Simulator(network, progress_bar=False, optimize=False) as sim:
        parts = [sim.data[ensemble] for ensemble in memory.ensembles]
        decoders = {
            connection.pre_obj: sim.data[connection].weights[0]
            for connection in memory.all_connections
            if isinstance(connection.pre_obj, nengo.Ensemble)
        }
    recurrent, feed = memory.realization.transforms
    [signal] = [node for node in network.nodes if node.output is not None]
    np.savez(
        path,
        kind="lif" if isinstance(memory.neuron_type, nengo.LIF) else "poisson",
        population=np.repeat(np.arange(memory.order), memory.n_neurons_per_ensemble),
        gain_encoder=np.concatenate([part.scaled_encoders[:, 0] for part in parts]),
        bias=np.concatenate([part.bias for part in parts]),
        # a spike of Nengo is as high as a step is short
        decoder=np.concatenate([decoders[e] for e in memory.ensembles]) / memory.dt,
        recurrent=recurrent,
        readout=memory.realization.T,
        feed=feed[:, 0],
        decay=np.exp(-memory.dt / memory.synapse.tau),
        signal=signal.output.run_steps(STEPS, dt=memory.dt)[:, 0],
    )
