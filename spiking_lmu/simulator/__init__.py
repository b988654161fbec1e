"""A compiled simulator of Nengo networks."""

from spiking_lmu.exports import on_first_use

__getattr__, __dir__, __all__ = on_first_use(
    __name__, {"simulator": ("Simulator",), "program": ("Fallback",)}
)
