"""Train networks on sequences with NengoDL, and keep what they have learned."""

from typing import TYPE_CHECKING

from spiking_lmu.exports import on_first_use

if TYPE_CHECKING:
    from .fitting import Training as Training
    from .fitting import evaluate as evaluate
    from .fitting import fit as fit
    from .fitting import predict as predict
    from .weights import load as load
    from .weights import save as save

__getattr__, __dir__, __all__ = on_first_use(
    __name__,
    {
        "fitting": ("Training", "evaluate", "fit", "predict"),
        "weights": ("load", "save"),
    },
)
