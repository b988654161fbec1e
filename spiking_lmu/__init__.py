"""Spiking Legendre Memory Units for Nengo: the mathematics, neurons and noise.

Networks are in `spiking_lmu.networks`, training in `spiking_lmu.training`, files of
users in `spiking_lmu.data`, measurements in `spiking_lmu.experiments`.
"""

from typing import TYPE_CHECKING

from .exports import on_first_use

if TYPE_CHECKING:
    from .compatibility import require as require
    from .data.recordings import load_signal as load_signal
    from .decoders import PoissonL2 as PoissonL2
    from .delay_errors import choose_order as choose_order
    from .delay_errors import delay_error as delay_error
    from .legendre import readout as readout
    from .legendre import sampled_readout as sampled_readout
    from .legendre import state_space as state_space
    from .linear_systems import discretize as discretize
    from .linear_systems import map_to_synapse as map_to_synapse
    from .linear_systems import simulate as simulate
    from .metrics import Floor as Floor
    from .metrics import Scaling as Scaling
    from .metrics import fit_floor as fit_floor
    from .metrics import fit_scaling as fit_scaling
    from .metrics import nrmse as nrmse
    from .metrics import rmse as rmse
    from .neurons import SystematicSpiking as SystematicSpiking
    from .neurons import coordinated as coordinated
    from .neurons import poisson as poisson
    from .noise import error_covariance as error_covariance
    from .noise import predict_rmse as predict_rmse
    from .noise import required_neurons as required_neurons
    from .realization import Realization as Realization
    from .realization import realize as realize
    from .realization import realize_for as realize_for
    from .signals import Spectrum as Spectrum
    from .signals import white_noise as white_noise
    from .simulator.simulator import Simulator as Simulator
    from .tuning_curves import in_order as in_order

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = on_first_use(
    __name__,
    {
        "compatibility": ("require",),
        "data": (),
        "data.recordings": ("load_signal",),
        "decoders": ("PoissonL2",),
        "delay_errors": ("choose_order", "delay_error"),
        "legendre": ("readout", "sampled_readout", "state_space"),
        "linear_systems": ("discretize", "map_to_synapse", "simulate"),
        "metrics": ("Floor", "Scaling", "fit_floor", "fit_scaling", "nrmse", "rmse"),
        "neurons": ("SystematicSpiking", "coordinated", "poisson"),
        "noise": ("error_covariance", "predict_rmse", "required_neurons"),
        "realization": ("Realization", "realize", "realize_for"),
        "signals": ("Spectrum", "white_noise"),
        "simulator": ("Simulator",),
        "training": (),
        "tuning_curves": ("in_order",),
        # the layers above, for those who write spiking_lmu.networks.LegendreMemory
        "networks": (),
        "hardware": (),
        "experiments": (),
    },
)
