"""Networks for Nengo: the spiking memory and what is built of it."""

from .batched import run_sequences, state_noise
from .freezing import freeze
from .legendre_memory import LegendreMemory
from .lmu import LMU
from .sequence import SequenceNetwork

__all__ = [
    "LMU",
    "LegendreMemory",
    "SequenceNetwork",
    "freeze",
    "run_sequences",
    "state_noise",
]
