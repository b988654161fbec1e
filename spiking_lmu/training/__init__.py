"""Train networks on sequences with NengoDL, and keep what they have learned."""

from typing import TYPE_CHECKING

from spiking_lmu.exports import on_first_use

if TYPE_CHECKING:
    from .evaluation import evaluate as evaluate
    from .evaluation import predict as predict
    from .fitting import Training as Training
    from .fitting import fit as fit
    from .weights import load as load
    from .weights import save as save

__getattr__, __dir__, __all__ = on_first_use(
    __name__,
    {
        "evaluation": ("evaluate", "predict"),
        "fitting": ("Training", "fit"),
        "weights": ("load", "save"),
    },
)
