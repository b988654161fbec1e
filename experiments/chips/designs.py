"""What is compared: networks, their settings, and the simulators that run them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from spiking_lmu.experiments.sweeps.backends import backend

Range = tuple[float, float] | None


@dataclass(frozen=True)
class Platform:
    """A network and the simulator that runs it.

    Attributes
    ----------
    network : str
        ``"thesis"`` or ``"memory"``, a `LegendreMemory`.
    neuron_type : str
        ``"lif"``, ``"poisson"`` or ``"rate"``, LIF without spikes.
    backend : str
        ``"nengo"``, ``"nengo-dl"`` or ``"loihi"``, the emulator; or ``"compiled"``, see
        `on_backend`.
    target : str
        Target of the emulator, ``"sim"`` or ``"simreal"``; empty for other backends.
    synapse : float
        Synapse of the recurrence, in seconds.
    max_rates, intercepts : (float, float), optional
        Bounds of uniform distributions; by default those of `LegendreMemory`.
    allocation : str
        How the `LegendreMemory` divides its neurons among dimensions.
    ranges : str
        What the coordinates and radii of the `LegendreMemory` come from:
        ``"expected"``, the band and the rms of the input; ``"examples"``, other
        inputs of the protocol; ``"published"``, the published network.
    decoders : str
        ``"memory"``, or ``"published"``, solved for as in the published network.
    """

    network: str
    neuron_type: str
    backend: str
    target: str = ""
    synapse: float = 0.1
    max_rates: Range = None
    intercepts: Range = None
    allocation: str = "optimal"
    ranges: str = "expected"
    decoders: str = "memory"

    @property
    def installed(self) -> bool:
        """Whether the packages of its simulator are installed."""
        return backend(self.backend).installed


# each tuned as it was in the published code; the second by the defaults of Nengo 2
_LOIHI = Platform("thesis", "lif", "loihi", "sim", 0.01, (100, 120), (-1, 0.5), "equal")
_NENGO = Platform("thesis", "lif", "nengo", "", 0.01, (200, 400), (-1, 1), "equal")
_OURS = Platform("memory", "lif", "loihi", "sim", 0.01, (100, 120), ranges="examples")
_IN_NENGO: dict[str, Any] = {"backend": "nengo", "target": ""}

PLATFORMS = {
    "thesis-loihi": _LOIHI,
    "thesis-nengo": _NENGO,
    "matched-sim": _OURS,
    "matched-nengo": replace(_OURS, max_rates=(200, 400), **_IN_NENGO),
    "lif-nengo": Platform("memory", "lif", "nengo"),
    "lif-nengo-dl": Platform("memory", "lif", "nengo-dl"),
    "lif-simreal": Platform("memory", "lif", "loihi", "simreal"),
    "lif-sim": Platform("memory", "lif", "loihi", "sim"),
    "poisson-nengo": Platform("memory", "poisson", "nengo"),
    "poisson-sim": Platform("memory", "poisson", "loihi", "sim"),
}
SCALED = ("lif-nengo", "lif-sim", "poisson-sim")

_EVEN = replace(_OURS, intercepts=(-1, 0.5), allocation="equal")
_CHANGES: dict[str, dict[str, Any]] = {
    "100 ms": {"synapse": 0.1},
    "200 to 400 Hz": {"max_rates": (200, 400)},
    "100 ms, 200 to 400 Hz": {"synapse": 0.1, "max_rates": (200, 400)},
}


def _changed(name: str, design: Platform) -> dict[str, Platform]:
    """The design with a slower synapse, with higher rates, and with both."""
    return {
        name.format(words): replace(design, **change)
        for words, change in _CHANGES.items()
    }


#: From the published network to a `LegendreMemory` by default, a step at a time.
#: All at 10 ms and 100 to 120 Hz, on the emulator, unless said otherwise.
ABLATION = {
    "published: as published": _LOIHI,
    **_changed("published: {}", _LOIHI),
    "published: Nengo": replace(_LOIHI, **_IN_NENGO),
    **_changed("published: {}, Nengo", replace(_LOIHI, **_IN_NENGO)),
    "even: published coordinates and decoders": replace(
        _EVEN, ranges="published", decoders="published"
    ),
    "even: published coordinates": replace(_EVEN, ranges="published"),
    "even: published decoders": replace(_EVEN, decoders="published"),
    "even: ranges of examples": _EVEN,
    "even: expected ranges": replace(_EVEN, ranges="expected"),
    "tuned: ranges of examples": _OURS,
    "tuned: expected ranges": replace(_OURS, ranges="expected"),
    "tuned: expected ranges, rates in Nengo": replace(
        _OURS, neuron_type="rate", ranges="expected", **_IN_NENGO
    ),
    **_changed("tuned: {}", _OURS),
    "tuned: 100 ms, 200 to 400 Hz, expected ranges": PLATFORMS["lif-sim"],
    "tuned: ranges of examples, real numbers": replace(_OURS, target="simreal"),
}


# what stores, and trials of earlier versions, call expected ranges
_STORED = "announced"


def as_stored(task: dict[str, Any]) -> dict[str, Any]:
    """A task in the words by which stores find it."""
    return _reworded(task, "expected", _STORED)


def as_named(task: dict[str, Any]) -> dict[str, Any]:
    """A task of `as_stored` in the words of `ABLATION`."""
    return _reworded(task, _STORED, "expected")


def _reworded(task: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {**task, **{n: task[n].replace(old, new) for n in ("change", "ranges")}}


def in_current_words(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials, those of earlier versions too, in the words of `ABLATION`."""
    columns = [name for name in ("change", "ranges") if name in frame]
    return frame.replace(dict.fromkeys(columns, _STORED), "expected", regex=True)


def on_backend(platform: Platform, backend: str) -> Platform:
    """The platform with another simulator, if its own is ``"nengo"``."""
    if platform.backend != "nengo":
        return platform
    return replace(platform, backend=backend)
