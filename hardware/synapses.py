"""Synapses on the way to a chip, where each neuron has one."""

from __future__ import annotations

from collections.abc import Iterable

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.networks import LegendreMemory
from spiking_lmu.signals import Spectrum
from spiking_lmu.state_space import usable_band


def share_of_filter(memory: LegendreMemory, tau: float) -> float:
    """What a lowpass changes of the expected input of a memory, relative to its rms."""
    spectrum = memory.spectrum
    if spectrum is None:  # of a realization, which knows nothing of the input
        spectrum = Spectrum.flat(usable_band(memory.order) / memory.theta, 1.0)
    # means over bands of |1 - 1 / (1 + i omega tau)|^2
    phases = 2 * np.pi * spectrum.edges * tau
    changed = np.diff(phases - np.arctan(phases)) / np.maximum(np.diff(phases), 1e-300)
    power = spectrum.powers.sum() + spectrum.mean_power
    return float(np.sqrt(max(spectrum.powers @ changed, 0.0) / power))


def listed(taus: Iterable[float]) -> str:
    return ", ".join(f"{tau:g}" for tau in taus)


def in_series(taus: tuple[float, ...]) -> nengo.synapses.Synapse | None:
    if not taus:
        return None
    if len(taus) == 1:
        return nengo.Lowpass(taus[0])
    denominator = np.ones(1)
    for tau in taus:
        denominator = np.polymul(denominator, [tau, 1])
    return nengo.LinearFilter([1], denominator)


def taus_of(connection: nengo.Connection) -> tuple[float, ...]:
    if connection.synapse is None:
        return ()
    if isinstance(connection.synapse, nengo.Lowpass):
        return (connection.synapse.tau,) if connection.synapse.tau > 0 else ()
    raise refused_synapse(connection)


def refused_synapse(connection: nengo.Connection) -> ValidationError:
    """The error for a synapse that the chip does not have."""
    return ValidationError(
        f"{connection} has the synapse {connection.synapse!r}; on the chip, and on its "
        "way there, it must be a nengo.Lowpass or None",
        attr="synapse",
    )
