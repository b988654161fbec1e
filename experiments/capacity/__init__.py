"""The capacity task: how well the inputs of a long window can be recalled.

After LMU 2019, section 3.1: delays across a window of ever more time steps, for the
memory as it is and for a trained LSTM.
"""

from spiking_lmu.experiments.capacity.figures import plot
from spiking_lmu.experiments.experiment import Experiment

__all__ = ["experiment", "plot", "run"]

experiment = Experiment.of_folder(
    __name__,
    "capacity",
    returns="``rmse`` is relative to the root mean square of the input. LSTMs have "
    "rows for each amount of training that they were tested at, ``trained_steps``.",
    full={
        "lstm_steps": (100, 300, 1_000, 3_000, 10_000),
        "budget": 90.0,
        "trials": 5,
    },
    full_help="Train LSTMs twenty times as long, on longer windows too; takes hours.",
    needs=lambda arguments: (
        {"tensorflow": "the LSTM, which --lstm-steps none leaves out,"}
        if arguments["lstm_steps"]
        else {}
    ),
)
run = experiment.run
