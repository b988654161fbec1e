"""Commands that do no work, and how they refuse."""

import pytest

from spiking_lmu.experiments import command
from spiking_lmu.experiments.approximation import errors as approximation_errors
from spiking_lmu.experiments.sweeps import tasks as sweep


@pytest.fixture(autouse=True)
def no_work(monkeypatch, tmp_path):
    """Let nothing be run, and nothing be written to where the tests are started."""

    def run(*args, **kwargs):
        raise AssertionError("work began")

    monkeypatch.setattr(sweep, "run", run)
    monkeypatch.setattr(approximation_errors, "delay_error", run)
    monkeypatch.chdir(tmp_path)


def refused(capsys, *argv):
    """The last line of the error, which is all of it beside the usage."""
    with pytest.raises(SystemExit) as exit:
        command.main(argv)
    assert exit.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    *usage, error = shown.err.rstrip("\n").split("\n")
    usage = [line for line in usage if "task/s" not in line]  # the progress bar
    assert all(line.startswith(("usage: ", " ")) for line in usage)
    assert error.startswith(f"spiking-lmu {argv[0]}: error: ")
    return error
