"""Predict a chaotic series with an LSTM, an LMU, layers of both, and a spiking LMU.

This is the Mackey-Glass task of LMU 2019 in its true direction: to predict the value of
a series 15 steps later.
"""

from collections.abc import Mapping
from typing import Any

from spiking_lmu.experiments.experiment import Experiment
from spiking_lmu.experiments.mackey_glass.figures import plot
from spiking_lmu.experiments.sweeps import backends

__all__ = ["experiment", "plot", "run"]

REFERENCE: dict[str, Any] = {
    "series": (32, 32, 64),
    "epochs": 25,
    "parallel_epochs": 25,
    "spiking_epochs": 15,
    "neurons": (10, 30, 100, 300, 1000),
    "neuron_types": ("poisson-relu", "lif", "relu"),
    "presentations": (1, 3, 10),
    "spiking_steps": 2000,
}


def needs(arguments: Mapping[str, Any]) -> dict[str, str]:
    """The packages that train the networks of our own protocol, and simulate one."""
    if "ours" not in arguments["protocol"]:
        return {}
    training = dict.fromkeys(("nengo-dl", "tensorflow"), "the mackey-glass experiment")
    return training | (backends.needs(arguments) if _spikes(arguments) else {})


def before(arguments: Mapping[str, Any], announce: bool) -> None:
    """Compile what simulates spikes, if there are any."""
    if _spikes(arguments):
        backends.prepare(arguments, announce)


def _spikes(arguments: Mapping[str, Any]) -> bool:
    return "ours" in arguments["protocol"] and "spiking" in arguments["models"]


experiment = Experiment.of_folder(
    __name__,
    "mackey-glass",
    returns="""``study`` says what a row is:

    ========  ======================================================================
    training  an epoch, with its validation error
    test      a network, with its errors on the test series
    example   a step of a test series, as a network of the first trial predicts it
    spiking   a network whose memory is made of neurons
    ========  ======================================================================""",
    full=REFERENCE,
    full_help="The size of the reference, which takes hours.",
    folders={"protocol": ("ours",), "backend": "compiled"},
    needs=needs,
    before=before,
)
run = experiment.run
