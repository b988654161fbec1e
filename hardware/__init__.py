"""Neuromorphic chips: running networks on Loihi, and what they require of it."""

from spiking_lmu.exports import on_first_use

__getattr__, __dir__, __all__ = on_first_use(__name__, {"loihi": ()})
