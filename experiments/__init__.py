"""Experiments: sweeps, figures, reports and the command line."""

from typing import TYPE_CHECKING

from spiking_lmu.exports import on_first_use

if TYPE_CHECKING:
    from .pages import style as style

__getattr__, __dir__, __all__ = on_first_use(__name__, {"pages": ("style",)})
