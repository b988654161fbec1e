"""Spiking Legendre Memory Units for Nengo: the mathematics, neurons and noise.

Networks are in `spiking_lmu.networks`, measurements in `spiking_lmu.experiments`.
"""

from .metrics import Floor, Scaling, fit_floor, fit_scaling, nrmse, rmse
from .neurons import PoissonL2, poisson
from .noise import error_covariance, predict_rmse, required_neurons
from .realization import Realization, realize
from .recordings import load_signal
from .signals import Spectrum
from .state_space import (
    choose_order,
    delay_error,
    discretize,
    map_to_synapse,
    readout,
    sampled_readout,
    simulate,
    state_space,
)

__version__ = "0.2.0"

__all__ = [
    "Floor",
    "PoissonL2",
    "Realization",
    "Scaling",
    "Spectrum",
    "choose_order",
    "delay_error",
    "discretize",
    "error_covariance",
    "fit_floor",
    "fit_scaling",
    "load_signal",
    "map_to_synapse",
    "nrmse",
    "poisson",
    "predict_rmse",
    "readout",
    "realize",
    "required_neurons",
    "rmse",
    "sampled_readout",
    "simulate",
    "state_space",
]
