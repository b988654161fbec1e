"""From a trained network to a simulator or a chip: what it makes of data there.

.. code-block:: text

    spiking-lmu deploy results/psmnist/models/NAME.npz --target loihi
"""

from collections.abc import Mapping
from typing import Any

from spiking_lmu.experiments.deployment.figures import plot
from spiking_lmu.experiments.deployment.targets import NEEDS
from spiking_lmu.experiments.experiment import Experiment
from spiking_lmu.experiments.sweeps.backends import compile_simulator

__all__ = ["experiment", "plot", "run"]


def before(arguments: Mapping[str, Any], announce: bool) -> None:
    """Compile the simulator, if it is the target."""
    if arguments["target"] == "compiled":
        compile_simulator(announce, minibatch=True)


experiment = Experiment.of_folder(
    __name__,
    "deploy",
    returns="One row for each sequence: ``sequence``, its place among those that were "
    "run; ``label``; ``predicted``; ``exact``, what the exact network predicts; "
    "``margin`` and ``exact_margin``, the logit of the right class less the highest "
    "of the others.",
    sequential=True,
    folders={"model": None, "data": None, "target": "compiled"},
    before=before,
    needs=lambda arguments: dict.fromkeys(
        NEEDS.get(arguments["target"], ()), f"the target {arguments['target']!r}"
    ),
)
run = experiment.run
