"""Training that is interrupted, and continues."""

import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu import training
from training_cases import classifier, fit, sequences, weights


def test_killed_and_continued_is_as_uninterrupted(tmp_path):
    whole, parts = classifier(), classifier()
    settings = {"noise": 0.1, "dropout": 0.2, "validation": sequences(seed=5)}
    rate = {"learning_rate": lambda epoch: 0.01 / (1 + epoch)}
    expected = fit(whole, epochs=6, **settings, **rate)
    checkpoint = tmp_path / "training.npz"
    for epochs in (2, 5, 6):
        # as a new process would find it
        parts = classifier()
        result = fit(parts, epochs=epochs, checkpoint=checkpoint, **settings, **rate)
    for own, theirs in zip(weights(parts), weights(whole)):
        np.testing.assert_array_equal(own, theirs)
    columns = ["epoch", "loss", "validation_loss"]
    assert result.history[columns].equals(expected.history[columns])


def test_interruption_loses_no_epoch(tmp_path):
    def interrupt(epoch):
        if epoch == 3:
            raise KeyboardInterrupt
        return 0.01

    network, checkpoint = classifier(), tmp_path / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        fit(network, learning_rate=interrupt, checkpoint=checkpoint)
    resumed = fit(classifier(), learning_rate=lambda epoch: 0.01, checkpoint=checkpoint)
    assert len(resumed.history) == 5
    three = classifier()
    fit(three, epochs=3)
    for own, theirs in zip(weights(network), weights(three)):
        np.testing.assert_array_equal(own, theirs)


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory):
    """Content of the checkpoint after an epoch."""
    checkpoint = tmp_path_factory.mktemp("one_epoch") / "training.npz"
    fit(classifier(), epochs=1, checkpoint=checkpoint)
    return checkpoint.read_bytes()


@pytest.fixture
def checkpoint(tmp_path, one_epoch):
    path = tmp_path / "training.npz"
    path.write_bytes(one_epoch)
    return path


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"batch_size": 12}, {"dropout": 0.1}, {"learning_rate": 0.2}]
)
def test_checkpoint_of_another_training_is_refused(checkpoint, other):
    before = checkpoint.read_bytes()
    with pytest.raises(ValidationError, match="checkpoint"):
        fit(classifier(), checkpoint=checkpoint, **other)
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 truncated"])
def test_damaged_checkpoint_is_refused(tmp_path, content):
    checkpoint = tmp_path / "training.npz"
    checkpoint.write_bytes(content)
    with pytest.raises(ValidationError):
        fit(classifier(), checkpoint=checkpoint)
    assert checkpoint.read_bytes() == content


def test_checkpoint_of_other_data_is_refused(checkpoint):
    x, y = sequences(seed=8)
    with pytest.raises(ValidationError, match="another data"):
        training.fit(
            classifier(),
            x,
            y,
            loss="crossentropy",
            epochs=2,
            batch_size=10,
            learning_rate=0.01,
            checkpoint=checkpoint,
        )
