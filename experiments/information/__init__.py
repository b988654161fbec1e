"""Measure linear and nonlinear processing: capacities by delay and by degree.

Capacities are defined as by Jaeger (2002) and Dambre et al. (2012). The systems are the
linear memory, the LMU, a recurrent tanh network and memories of spiking neurons.
"""

from spiking_lmu.experiments.experiment import Experiment
from spiking_lmu.experiments.information.figures import plot, plot_memory
from spiking_lmu.experiments.sweeps.backends import needs, prepare

__all__ = ["experiment", "plot", "plot_memory", "run"]

experiment = Experiment.of_folder(
    __name__,
    "information",
    returns="``measure`` says what ``index`` is: the degree, or the delay of the "
    "linear memory function.",
    folders={"backend": "compiled"},
    needs=needs,
    before=prepare,
)
run = experiment.run
