"""Users' files, and the data sets of the experiments."""

from typing import TYPE_CHECKING

from spiking_lmu.exports import on_first_use

if TYPE_CHECKING:
    from .datasets import Dataset as Dataset
    from .datasets import Split as Split
    from .datasets import digits as digits
    from .datasets import load_sequences as load_sequences
    from .datasets import mnist as mnist
    from .datasets import permuted as permuted
    from .recordings import load_signal as load_signal

__getattr__, __dir__, __all__ = on_first_use(
    __name__,
    {
        "datasets": (
            "Dataset",
            "Split",
            "digits",
            "mnist",
            "permuted",
            "load_sequences",
        ),
        "recordings": ("load_signal",),
    },
)
