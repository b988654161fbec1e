"""The trade between precision and communication: RMSE against spikes and energy."""

from spiking_lmu.experiments.energy.figures import plot, plot_energy
from spiking_lmu.experiments.experiment import Experiment

__all__ = ["experiment", "plot", "plot_energy", "run"]

experiment = Experiment.of_folder(
    __name__,
    "energy",
    returns="Columns that end in ``energy``, ``energy_low`` or ``energy_high`` are "
    "estimates in nJ for each time step.",
    needs=lambda arguments: {"nengo-loihi": "the energy experiment"},
)
run = experiment.run
