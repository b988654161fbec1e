"""A training that is killed, twice, ends with the weights of an undisturbed one.

Run as a script, this file is the training that is killed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from spiking_lmu.data.archives import read_archive

EPOCHS = 8


def train(folder: Path) -> None:
    from spiking_lmu import training
    from spiking_lmu.networks import SequenceNetwork

    rng = np.random.default_rng(0)
    x = rng.normal(size=(10_000, 12, 1))
    y = (x[:, :6].sum(axis=(1, 2)) > 0).astype(int)
    network = SequenceNetwork(1, 2, order=6, window=12, units=40)
    training.fit(
        network,
        x,
        y,
        loss="crossentropy",
        validation=(x[:500], y[:500]),
        epochs=EPOCHS,
        batch_size=50,
        noise=0.5,
        dropout=0.2,
        checkpoint=folder / "checkpoint.npz",
        seed=1,
    )
    network.save(folder / "network.npz")


def epochs_done(folder):
    checkpoint = folder / "checkpoint.npz"
    return len(read_archive(checkpoint)[1]["history"]) if checkpoint.exists() else 0


def start(folder):
    return subprocess.Popen([sys.executable, __file__, str(folder)])


def kill_after(folder, epochs):
    process = start(folder)
    while epochs_done(folder) < epochs:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    return epochs_done(folder)


@pytest.mark.slow
def test_killed_twice_and_run_again(tmp_path):
    disturbed, undisturbed = tmp_path / "disturbed", tmp_path / "undisturbed"
    for folder in (disturbed, undisturbed):
        folder.mkdir()
    assert 2 <= kill_after(disturbed, 2) < EPOCHS
    assert 5 <= kill_after(disturbed, 5) < EPOCHS
    assert not (disturbed / "network.npz").exists()
    # both here, which takes no more processes that import TensorFlow
    train(disturbed)
    train(undisturbed)

    killed, never = (
        read_archive(f / "network.npz")[0] for f in (disturbed, undisturbed)
    )
    assert killed.keys() == never.keys()
    for name, weights in never.items():
        np.testing.assert_array_equal(killed[name], weights)
    texts = (read_archive(f / "checkpoint.npz")[1] for f in (disturbed, undisturbed))
    losses = [[row["loss"] for row in text["history"]] for text in texts]
    assert losses[0] == losses[1]
    assert len(losses[0]) == EPOCHS


if __name__ == "__main__":
    train(Path(sys.argv[1]))
