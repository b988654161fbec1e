"""Train a network on your own sequences (extra `dl`), then run it in spiking neurons.

``python train_your_own.py FILE.csv`` reads one row for each sequence: its label, then
its values. Without a file, it makes one: noisy waves of changing frequency and three
shapes, which are the labels. It trains, and is no model for NengoGUI.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.signal import sawtooth, square

from spiking_lmu import training
from spiking_lmu.data import load_sequences
from spiking_lmu.networks import SequenceNetwork, freeze, run_sequences

ORDER = 12
FILE = Path("waves.csv")


def write_waves(path, n=1500, steps=100):
    """Sines, square waves and sawteeth whose frequency drifts, with noise."""
    rng = np.random.default_rng(0)
    shapes = {"sine": np.sin, "square": square, "sawtooth": sawtooth}
    lines = []
    for name in rng.permutation(list(shapes) * (n // len(shapes))):
        cycles = np.linspace(*rng.uniform(0.015, 0.04, size=2), steps)  # in each step
        phase = 2 * np.pi * (rng.random() + np.cumsum(cycles))
        wave = shapes[name](phase) + 0.2 * rng.normal(size=steps)
        lines.append(",".join([name, *(f"{value:.3f}" for value in wave)]))
    path.write_text("\n".join(lines) + "\n")


def accuracy(network, test):
    answers = run_sequences(network, test.x)
    right = answers.values.argmax(axis=1) == test.y
    return (
        f"{right.mean():.1%} of {len(right)} right, {answers.spikes:,.0f} spikes each"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        FILE = Path(sys.argv[1])
    else:
        write_waves(FILE)
    data = load_sequences(FILE)  # 70 % training, 10 % validation, 20 % test
    n_steps, size = data.shape
    print(f"{FILE}: {n_steps} steps of {size}, labels {', '.join(data.labels)}")

    network = SequenceNetwork(size, data.n_classes, ORDER, n_steps, seed=0)
    result = training.fit(
        network,
        data.train.x,
        data.train.y,
        loss="crossentropy",
        validation=(data.validation.x, data.validation.y),
        epochs=40,
        batch_size=50,
        learning_rate=1e-2,
        noise=0.3,  # prepares for the noise of neurons
        progress=True,
    )
    print(result)

    print("exact:", accuracy(network, data.test))
    for presentation in (1, 4):  # time steps for each value of a sequence
        for neurons in (50, 200):  # for each state variable
            spiking = freeze(
                network, "lif", neurons, data.train.x, presentation, seed=0
            )
            shown = f"{neurons * ORDER * size:,} LIF neurons, {presentation} ms a step"
            print(f"{shown}: {accuracy(spiking, data.test)}")

    about = {"data": str(FILE), "labels": list(data.labels)}
    model = network.save(f"{FILE.stem}-model.npz", about)
    print(
        f"Saved. On the emulator of a chip: spiking-lmu deploy {model} --target loihi"
    )
