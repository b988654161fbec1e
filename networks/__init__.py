"""Networks for Nengo: the spiking memory and networks that use it."""

from typing import TYPE_CHECKING

from spiking_lmu.exports import on_first_use

if TYPE_CHECKING:
    from .batched import run_sequences as run_sequences
    from .batched import state_noise as state_noise
    from .complexity import Complexity as Complexity
    from .complexity import complexity_of_layers as complexity_of_layers
    from .exact_memory import ExactMemory as ExactMemory
    from .freezing import freeze as freeze
    from .keras_lmu import from_keras_lmu as from_keras_lmu
    from .keras_lmu import to_keras_lmu as to_keras_lmu
    from .legendre_memory import LegendreMemory as LegendreMemory
    from .lmu import LMU as LMU
    from .lstm_layer import LSTMLayer as LSTMLayer
    from .measured_complexity import NetworkComplexity as NetworkComplexity
    from .measured_complexity import measure_complexity as measure_complexity
    from .nir_export import to_nir as to_nir
    from .sequence import SequenceNetwork as SequenceNetwork

__getattr__, __dir__, __all__ = on_first_use(
    __name__,
    {
        "batched": ("run_sequences", "state_noise"),
        "complexity": ("Complexity", "complexity_of_layers"),
        "exact_memory": ("ExactMemory",),
        "freezing": ("freeze",),
        "keras_lmu": ("from_keras_lmu", "to_keras_lmu"),
        "legendre_memory": ("LegendreMemory",),
        "lmu": ("LMU",),
        "lstm_layer": ("LSTMLayer",),
        "measured_complexity": ("NetworkComplexity", "measure_complexity"),
        "nir_export": ("to_nir",),
        "sequence": ("SequenceNetwork",),
    },
)
