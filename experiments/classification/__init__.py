"""Classify sequences seen step by step: trained, then in neurons, then on chip.

One experiment under three names: ``psmnist`` shuffles the pixels of images, by one
permutation for all of them, and ``seqmnist`` leaves them in their order. ``classify``
does the same as ``seqmnist``, under a name for sequences of users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spiking_lmu.experiments.classification.figures import plot, plot_training
from spiking_lmu.experiments.classification.sources import is_mnist, is_own
from spiking_lmu.experiments.experiment import Experiment, Otherwise
from spiking_lmu.experiments.sweeps.backends import compile_simulator

__all__ = ["classify", "experiment", "plot", "plot_training", "run", "seqmnist"]

# for images of 784 pixels; the defaults are for those of 64
LARGE: dict[str, Any] = {
    "orders": (128, 256, 468),
    "units": 512,
    "epochs": 15,
    "batch_size": 100,
    "learning_rate": 2e-3,
    "noise": 0.7,
    "ladder_orders": (128, 256),
    "neurons": (10_000,),
    "presentations": (4, 10),
    "images": 1000,
    "chip_images": 500,
    "chip_neurons": 3072,
}


# for sequences of users, of which there are often less than a hundred: chosen on eight
# sets of the UCR and UEA archives (docs/data.md)
OWN: dict[str, Any] = {
    "units": 300,
    "epochs": 100,
    "batch_size": 10,
    "noise": 0.05,
    "dropout": 0.5,
    "keep": "last",
    "initial": "standardized",
}


def needs(arguments: Mapping[str, Any]) -> dict[str, str]:
    """The packages that train networks, and that of the emulator."""
    packages = dict.fromkeys(("nengo-dl", "tensorflow"), "training")
    if "loihi" in (arguments["rungs"] or ()):
        packages["nengo-loihi"] = "the rung 'loihi'"
    return packages


def before(arguments: Mapping[str, Any], announce: bool) -> None:
    """Compile the simulator, if networks run in neurons."""
    if arguments["rungs"]:
        compile_simulator(announce, minibatch=True)


experiment = Experiment.of_folder(
    __name__,
    "psmnist",
    returns="One row for each trained network, and for each run in neurons.",
    otherwise=(
        Otherwise("MNIST", lambda arguments: is_mnist(arguments["data"]), LARGE),
        Otherwise("your files", lambda arguments: is_own(arguments["data"]), OWN),
    ),
    fixed={"permuted": True},
    folders={"data": "digits"},
    needs=needs,
    before=before,
)
seqmnist = replace(experiment, name="seqmnist", fixed={"permuted": False})
classify = replace(seqmnist, name="classify")
run = experiment.run
