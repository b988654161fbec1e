"""One benchmark, published with chips' measurements, on every backend.

The Delay Network of Voelker 2019: the published network and the memory of this package
on the Loihi emulator, Nengo and NengoDL, beside what was measured on Loihi, on
Braindrop and with Nengo 2.8; how the error falls with neurons; and what in the design
of a network decides how large it is.
"""

from spiking_lmu.experiments.chips.designs import in_current_words
from spiking_lmu.experiments.chips.figures import plot
from spiking_lmu.experiments.chips.trials import needs
from spiking_lmu.experiments.experiment import Experiment
from spiking_lmu.experiments.sweeps.backends import prepare

__all__ = ["experiment", "plot", "run"]

experiment = Experiment.of_folder(
    __name__,
    "hardware",
    folders={"backend": "compiled"},
    needs=needs,
    before=prepare,
    finish=in_current_words,
    full={"trials": 25, "study_trials": 25},
    full_help="25 networks of everything, as published; an hour on two cores.",
)
run = experiment.run
