"""Networks for Nengo: the spiking memory and what is built of it."""

from .legendre_memory import LegendreMemory

__all__ = ["LegendreMemory"]
