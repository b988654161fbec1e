"""How well the linear memory approximates a delay, and what time steps do to it."""

from spiking_lmu.experiments.approximation.errors import COLUMNS
from spiking_lmu.experiments.approximation.figures import plot
from spiking_lmu.experiments.experiment import Experiment

__all__ = ["experiment", "plot", "run"]

experiment = Experiment.of_folder(
    __name__,
    "approximation",
    finish=lambda frame: frame.reindex(columns=list(COLUMNS)).astype(COLUMNS),
    sequential=True,
    returns="""One row a number; a column that does not apply is empty. By ``kind``:

    ======== =======================================================================
    delay    ``error`` of a delay of theta at ``theta_times_freq``, in continuous
             time
    band     the ``theta_times_freq`` up to which ``error`` <= ``tolerance``
    need     the ``order`` which that takes
    window   ``error``, the rms over the window relative to the rms of the signal,
             of ``method`` "memory" or "projection" (the best polynomial)
    limit    ``steps`` from which on ``method`` "euler" is stable
    step     ``error`` of ``method`` with ``steps`` in a window; missing where the
             system is not ``stable``, for its ``spectral_radius`` is 1 or more
    ======== =======================================================================""",
)
run = experiment.run
