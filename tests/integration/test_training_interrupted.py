"""A training that is killed, twice, ends with the weights of an undisturbed one.

Run as a script, this file is the training that is killed: with the third epoch's
updates done, and as it writes the checkpoint of the sixth.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spiking_lmu.compatibility import require
from spiking_lmu.data import archives
from spiking_lmu.data.archives import read_archive
from spiking_lmu.training import fit
from spiking_lmu.training.descent import Descent

EPOCHS = 8


def train(folder: Path) -> None:
    from spiking_lmu.networks import SequenceNetwork

    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 12, 1))
    y = (x[:, :6].sum(axis=(1, 2)) > 0).astype(int)
    network = SequenceNetwork(1, 2, order=6, window=12, units=40)
    fit(
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


def kill_at_call(owner, name, count):
    """Let a function kill its process when it is called that often."""
    function = getattr(owner, name)

    def counted(*args, **kwargs):
        nonlocal count
        count -= 1
        if count == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    setattr(owner, name, counted)


def kill_twice(folder: Path) -> None:
    """Print how many epochs are stored after each time."""
    require("nengo_dl")  # takes seconds: once, before there are two processes
    for owner, name, count in (
        (Descent, "predict", 3),  # once an epoch, between its updates and its end
        (archives.os, "fsync", 4),  # once a checkpoint
    ):
        child = os.fork()
        if child == 0:
            kill_at_call(owner, name, count)
            train(folder)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        print(epochs_done(folder), flush=True)


@pytest.mark.slow
def test_killed_twice_and_run_again(tmp_path):
    disturbed, undisturbed = tmp_path / "disturbed", tmp_path / "undisturbed"
    for folder in (disturbed, undisturbed):
        folder.mkdir()
    command = [sys.executable, __file__, str(disturbed)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert result.stdout.split() == ["2", "5"]
    # a whole checkpoint, and what was being written
    assert (disturbed / "checkpoint.npz.partial").exists()
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
    kill_twice(Path(sys.argv[1]))
