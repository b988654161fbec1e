"""Two populations with the same rates: independent and coordinated Poisson spikes.

Writes ``coordinated.png``, or the path given as its first argument.
"""

import sys
from pathlib import Path

import nengo
import numpy as np
from nengo.dists import Choice, Uniform

from spiking_lmu import Simulator, coordinated, in_order, poisson, rmse
from spiking_lmu.experiments import style

NEURONS, SECONDS, DT, SYNAPSE = 200, 0.2, 0.001, 0.005
SETTLED = int(0.05 / DT)  # ten synapses, which are not shown
KINDS = {"independent": poisson(), "coordinated": coordinated()}

with nengo.Network(seed=1) as model:
    stimulus = nengo.Node(lambda t: 0.8 * np.sin(2 * np.pi * 10 * t))
    probes = {}
    for name, neurons in KINDS.items():
        ensemble = nengo.Ensemble(
            NEURONS,
            1,
            neuron_type=neurons,
            label=name,
            seed=2,  # the same tuning curves
            max_rates=Choice([300]),  # random ones make decoders differ
            **in_order(NEURONS, Uniform(-1, 0.9)),
        )
        nengo.Connection(stimulus, ensemble, synapse=None)
        probes[name] = nengo.Probe(ensemble.neurons), nengo.Probe(ensemble)
    exact = nengo.Probe(stimulus)

if __name__ == "__main__":  # NengoGUI runs the model by itself
    with Simulator(model, dt=DT, progress_bar=False) as sim:
        sim.run(SECONDS + SETTLED * DT)
        shown = slice(SETTLED, None)
        built = sim.data[ensemble]
        rates = coordinated().rates(
            sim.data[exact] @ np.ones((1, NEURONS)) * built.encoders[:, 0],
            built.gain,
            built.bias,
        )

    t = 1000 * DT * np.arange(round(SECONDS / DT))
    lowpass = nengo.Lowpass(SYNAPSE)
    target = lowpass.filt(sim.data[exact], dt=DT)[shown, 0]
    with style.rc():
        figure = style.new_figure("double", 0.72)
        axes = figure.subplots(
            3, 2, sharex=True, sharey="row", height_ratios=[1.5, 1, 1], squeeze=False
        )
        for column, (name, (spiking, decoding)) in zip(axes.T, probes.items()):
            kind = "poisson" if name == "independent" else name
            colour = style.colour(kind)
            spikes = np.round(sim.data[spiking][shown] * DT)
            step, neuron = np.nonzero(spikes)
            column[0].plot(t[step], neuron, ".", color=colour, markersize=1.2)
            column[0].set_title(f"{name.capitalize()}: which neurons spike")
            column[1].step(
                t, spikes.sum(axis=1), color=colour, where="mid", linewidth=0.8
            )
            expected = DT * rates[shown].sum(axis=1)
            column[1].plot(t, expected, color=style.QUIET, linewidth=1.2, zorder=0)
            column[1].set_title("How many spike in a step, and the sum of the rates")
            decoded = lowpass.filt(sim.data[decoding], dt=DT)[shown, 0]
            column[2].plot(t, target, color=style.QUIET, linewidth=1.2)
            column[2].plot(t, decoded, color=colour, linewidth=0.9)
            error = rmse(decoded, target)
            column[2].set_title(f"Decoded and filtered: RMSE {error:.3f}")
            column[2].set_xlabel("Time (ms)")
            print(f"{name}: {spikes.sum():.0f} spikes, RMSE {error:.4f}")
        axes[0, 0].set_ylabel("Neuron, in order of tuning")
        axes[1, 0].set_ylabel("Spikes a step")
        axes[2, 0].set_ylabel("Value")
        axes[0, 0].set_xlim(0, t[-1])
        Path(sys.argv[1] if len(sys.argv) > 1 else "coordinated.png").write_bytes(
            style.render(figure, "png")
        )
