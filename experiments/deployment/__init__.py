"""From a trained network to a simulator or a chip: what it makes of data there.

.. code-block:: text

    spiking-lmu deploy results/psmnist/models/NAME.npz --target loihi
"""

from spiking_lmu.experiments.deployment.figures import plot
from spiking_lmu.experiments.deployment.report import present
from spiking_lmu.experiments.deployment.targets import NEEDS
from spiking_lmu.experiments.deployment.trials import make_tasks, run_task
from spiking_lmu.experiments.experiment import Experiment

__all__ = ["experiment", "plot", "run"]

experiment = Experiment(
    "deploy",
    make_tasks,
    run_task,
    present,
    returns="One row for each sequence: ``sequence``, its place among those that were "
    "run; ``label``; ``predicted``; ``exact``, what the exact network predicts; "
    "``margin`` and ``exact_margin``, the logit of the right class less the highest "
    "of the others.",
    sequential=True,
    folders={"model": None, "data": None, "target": "nengo"},
    needs=lambda arguments: dict.fromkeys(
        NEEDS.get(arguments["target"], ()), f"the target {arguments['target']!r}"
    ),
)
run = experiment.run
