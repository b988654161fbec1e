"""Remember a recording, an electrocardiogram, in windows of 0.2 s, and draw it.

Requires PyWavelets, which contains the recording. Writes ``ecg.png``, or the path given
as its first argument.
"""

import sys
import tempfile
from pathlib import Path

import nengo
import numpy as np
import pywt

from spiking_lmu import Simulator, Spectrum, load_signal
from spiking_lmu.experiments import style
from spiking_lmu.networks import LegendreMemory

THETA, ORDER, NEURONS = 0.2, 24, 400

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "ecg.npy")
    np.save(path, pywt.data.ecg().astype(float))
    ecg = 0.5 * load_signal(path, rate=360)  # at steps of 1 ms, rms 0.5

with nengo.Network(seed=0) as model:
    stimulus = nengo.Node(nengo.processes.PresentInput(ecg[:, None], 0.001))
    memory = LegendreMemory(
        THETA, ORDER, NEURONS, spectrum=Spectrum.from_signal(ecg, 0.001)
    )
    nengo.Connection(stimulus, memory.input, synapse=None)
    delays = [0.0, THETA / 2, THETA]
    delayed = memory.add_readout(delays)
    probe = nengo.Probe(delayed, synapse=0.003)
    window = nengo.Probe(memory.add_readout(np.linspace(0, THETA, 100), "window"))

if __name__ == "__main__":  # NengoGUI runs the model by itself
    with Simulator(model, progress_bar=False) as sim:
        sim.run_steps(len(ecg))

    t = sim.trange()
    with style.rc():
        figure = style.new_figure("double", 0.62)
        top, bottom = figure.subplots(2, 1, sharex=True)
        for k, (delay, shade) in enumerate(
            zip(delays, ("#0072b2", "#009e73", "#d55e00"))
        ):
            offset = 3.5 * (len(delays) - 1 - k)
            top.plot(t + delay, ecg + offset, color=style.QUIET, linewidth=0.8)
            top.plot(t, sim.data[probe][:, k] + offset, color=shade, linewidth=0.9)
            text = "now" if delay == 0 else f"{delay:g} s ago"
            top.text(t[-1] * 1.01, offset, text, color=shade, va="center")
        top.set_yticks([])
        top.set_xlim(0, t[-1])
        top.set_title(
            f"Read from {memory.n_neurons:,} Poisson neurons, and the recording in grey"
        )
        image = style.heatmap(
            bottom, sim.data[window].T, (0, t[-1], 0, THETA), cmap="RdBu_r"
        )
        bottom.invert_yaxis()
        bottom.set_ylabel("Ago (s)")
        bottom.set_xlabel("Time (s)")
        bottom.set_title("The window that the memory holds")
        figure.colorbar(image, ax=bottom, label="Input", pad=0.01)
        Path(sys.argv[1] if len(sys.argv) > 1 else "ecg.png").write_bytes(
            style.render(figure, "png")
        )
    print(memory.check_range(ecg))
