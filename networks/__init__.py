"""Networks for Nengo: the spiking memory and networks that use it."""

from typing import TYPE_CHECKING

from spiking_lmu.exports import on_first_use

if TYPE_CHECKING:
    from .batched import run_sequences as run_sequences
    from .batched import state_noise as state_noise
    from .exact_memory import ExactMemory as ExactMemory
    from .freezing import freeze as freeze
    from .legendre_memory import LegendreMemory as LegendreMemory
    from .lmu import LMU as LMU
    from .sequence import SequenceNetwork as SequenceNetwork

__getattr__, __dir__, __all__ = on_first_use(
    __name__,
    {
        "batched": ("run_sequences", "state_noise"),
        "exact_memory": ("ExactMemory",),
        "freezing": ("freeze",),
        "legendre_memory": ("LegendreMemory",),
        "lmu": ("LMU",),
        "sequence": ("SequenceNetwork",),
    },
)
