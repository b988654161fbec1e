"""Networks for Nengo: the spiking memory and what is built of it."""

from .legendre_memory import LegendreMemory
from .lmu import LMU
from .sequence import SequenceNetwork

__all__ = ["LMU", "LegendreMemory", "SequenceNetwork"]
