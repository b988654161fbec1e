"""Learn a function of the past while the network runs, from a teacher who is late.

Writes ``online_learning.png``, or the path given as its first argument.
"""

import sys
from pathlib import Path

import nengo
import numpy as np
from nengo.processes import PresentInput

from spiking_lmu import Simulator, white_noise
from spiking_lmu.experiments import style
from spiking_lmu.networks import LegendreMemory

DT, FREQ, RMS, SYNAPSE = 0.001, 2.0, 0.4, 0.03
TAUGHT, SECONDS = 280, 300  # the teacher leaves, the end
LATE, SPAN = 0.1, 0.25  # how late the teacher is, and between the two values


def function(window):
    """Of two values of the input; its rms is about 1."""
    return window[0] * window[1] / RMS**2


def taught(t, error):
    """The error, until the teacher leaves."""
    return error if t < TAUGHT else 0 * error


u = white_noise(SECONDS, DT, FREQ, RMS, seed=0)
delays = [LATE, LATE + SPAN]  # the window as it was LATE ago
past = [np.roll(u, round(delay / DT)) for delay in delays]

with nengo.Network(seed=0) as model:
    stimulus = nengo.Node(PresentInput(u, DT), label="input")
    teacher = nengo.Node(PresentInput(function(past), DT), label="teacher")
    memory = LegendreMemory(0.5, 6, 100, freq=FREQ, rms=RMS, label="memory")
    nengo.Connection(stimulus, memory.input, synapse=None)

    window = memory.add_ensemble(delays, n_neurons=400)
    output = nengo.Node(size_in=1, label="learned")
    error = nengo.Node(taught, size_in=1, label="error")
    learned = nengo.Connection(
        window,
        output,
        function=lambda x: 0,
        learning_rule_type=nengo.PES(3e-4, pre_synapse=SYNAPSE),
        synapse=SYNAPSE,
    )
    nengo.Connection(output, error, synapse=None)
    nengo.Connection(teacher, error, transform=-1, synapse=SYNAPSE)
    nengo.Connection(error, learned.learning_rule, synapse=None)

    solved = memory.add_output(function, delays, n_neurons=400, label="solved")
    probes = {
        "target": nengo.Probe(teacher, synapse=SYNAPSE),
        "learned": nengo.Probe(output),
        "solved": nengo.Probe(solved, synapse=SYNAPSE),
    }

if __name__ == "__main__":  # NengoGUI runs the model by itself
    with Simulator(model, dt=DT, progress_bar=False) as sim:
        sim.run(SECONDS)
    t = sim.trange()
    y = {name: sim.data[probe][:, 0] for name, probe in probes.items()}
    size = np.sqrt(np.mean(y["target"] ** 2))

    def relative(name, start, stop):
        """RMS of the error from one second to another, over that of the target."""
        part = slice(round(start / DT), round(stop / DT))
        return np.sqrt(np.mean((y[name] - y["target"])[part] ** 2)) / size

    print("error of an output of 0: 1")
    print(f"learned, first 5 s: {relative('learned', 0, 5):.2f}")
    print(f"learned, after the teacher: {relative('learned', TAUGHT, SECONDS):.2f}")
    print(f"decoders solved beforehand: {relative('solved', TAUGHT, SECONDS):.2f}")

    with style.rc():
        figure = style.new_figure("double", 0.62)
        grid = figure.add_gridspec(2, 2)
        for column, (start, title) in enumerate(
            [(0, "First seconds"), (TAUGHT, "After the teacher has left")]
        ):
            axes = figure.add_subplot(grid[0, column])
            shown = slice(round(start / DT), round((start + 4) / DT))
            axes.plot(t[shown], y["target"][shown], color=style.QUIET, label="target")
            axes.plot(t[shown], y["learned"][shown], label="output")
            axes.set(title=title, xlabel="Time (s)", ylim=(-4, 7))
            axes.legend(loc="upper right", ncols=2)
        axes = figure.add_subplot(grid[1, :])
        starts = np.arange(0, SECONDS, 4)
        for name, look in (("learned", "-"), ("solved", ":")):
            axes.plot(
                starts + 2, [relative(name, s, s + 4) for s in starts], look, label=name
            )
        axes.axvline(TAUGHT, color=style.QUIET, linewidth=0.8)
        axes.set(xlabel="Time (s)", ylabel="Relative error in 4 s", ylim=(0, None))
        axes.legend(loc="upper right", ncols=2)
        Path(sys.argv[1] if len(sys.argv) > 1 else "online_learning.png").write_bytes(
            style.render(figure, "png")
        )
