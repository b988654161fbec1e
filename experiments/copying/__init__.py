"""The copy memory task: ten symbols kept for T steps by LMU and LSTM, all learned."""

from spiking_lmu.experiments.copying.figures import plot, plot_training
from spiking_lmu.experiments.copying.trials import needs
from spiking_lmu.experiments.experiment import Experiment

__all__ = ["experiment", "plot", "plot_training", "run"]

experiment = Experiment.of_folder(
    __name__,
    "copy",
    needs=needs,
    folders={"encoders": ("learned", "ring")},
    returns="``loss`` is the mean cross entropy over all steps of the test sequences, "
    "in nats, ``baseline`` the least without memory, and ``accuracy`` the share of "
    "symbols that are right. ``curve_updates`` and ``curve_loss`` are updates and "
    "losses of validation sequences during training, as text; ``rates`` and "
    "``rate_losses`` the learning rates to choose from and their losses; ``symbols`` "
    "and ``answers`` an example.",
)
run = experiment.run
