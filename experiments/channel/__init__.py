"""A communication channel: one population represents a sine, and is decoded again."""

from spiking_lmu.experiments.channel.figures import plot
from spiking_lmu.experiments.experiment import Experiment
from spiking_lmu.experiments.sweeps.backends import needs, prepare

__all__ = ["experiment", "plot", "run"]

experiment = Experiment.of_folder(
    __name__,
    "channel",
    returns="``predicted_rmse`` is the error of the spikes' noise alone, empty where "
    "there is no theory of the neurons, and ``distortion`` that of the decoders alone; "
    "squares add up.",
    full={"trials": 20},
    fixed={"network": "channel"},
    needs=needs,
    before=prepare,
)
run = experiment.run
