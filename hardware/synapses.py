"""Synapses of connections to a chip, where each neuron has only one."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import nengo
import numpy as np
from nengo.ensemble import Neurons
from nengo.exceptions import ValidationError

from spiking_lmu.delay_errors import usable_band
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.signals import Spectrum

from .plan import Plan, Target, ensemble_of, passes_on

# largest share of the expected input that a neglected synapse may change
NEGLIGIBLE_FILTER = 0.05
# largest share that one synapse for all inputs may change for ensembles beside a
# memory; beyond it they stay on the host
TOLERABLE_FILTER = 0.2
# nengo-loihi's own synapse, in seconds, for input from the host and for the neurons
# that it puts between ensembles, which have the connection's synapse
DECODED = 0.005

BAND_POINTS = 16  # of the integral over each band

Taus = tuple[float, ...]


class Synapses:
    """Keeps account of the synapses that others replace.

    Attributes
    ----------
    by_host : dict of nengo.Connection
        Connections that pass through the host to keep their synapse, each with the
        share of the expected input that would be wrong without it.
    received : dict of nengo.Ensemble
        For ensembles beside the memories, the synapses of all inputs; each input has a
        tuple of the time constants in series.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.by_host: dict[nengo.Connection, float] = {}
        self.received: dict[nengo.Ensemble, set[Taus]] = defaultdict(set)
        self._dropped: dict[tuple[float, float], float] = {}
        self._merged: set[Taus] = set()
        self._slowed: dict[LegendreMemory, set[float]] = defaultdict(set)

    def one_of(
        self, taus: Taus, target: Target, holder: LegendreMemory | None
    ) -> float:
        """The time constant of one synapse that replaces several in series.

        For neurons of a memory it is the memory's, a part of its equations. For others
        it is the sum of all time constants, which has the same delay.
        """
        if holder is None:
            if len(taus) > 1:
                self._merged.add(taus)
            self.received[ensemble_of(target)].add(taus)
            return float(sum(taus))
        tau = holder.synapse.tau
        rest = list(taus)
        if tau in rest:
            rest.remove(tau)
            for t in rest:
                self._dropped[t, tau] = share_of_change(holder, (t,), ())
        else:
            self._slowed[holder].update(taus or (0.0,))
        return tau

    def disturbed(self) -> dict[nengo.Ensemble, str]:
        """Ensembles that one synapse for all inputs would disturb, with the reasons."""
        self._hear_others()
        found = {}
        for ensemble, ways in self.received.items():
            times = sorted({sum(taus) for taus in ways})
            share = max(
                share_of_change(memory, taus, (times[-1],))
                for memory in self.plan.memories
                for taus in ways
            )
            if share > TOLERABLE_FILTER:
                found[ensemble] = (
                    f"a neuron of the chip has one synapse, and its inputs have "
                    f"synapses of {listed(times)} s; through the slowest alone, up to "
                    f"{share:.0%} of its input would be wrong"
                )
        return found

    def _hear_others(self) -> None:
        """Add the synapses of inputs that do not come from a memory."""
        plan = self.plan
        remembering = {e for memory in plan.memories for e in memory.ensembles}
        beside = set(plan.chip) - remembering
        into = defaultdict(list)
        for connection in plan.network.all_connections:
            into[connection.post_obj].append(connection)
        for connection in [*plan.network.all_connections, *plan.added]:
            target = ensemble_of(connection.post_obj)
            if target in beside and connection not in plan.removed:
                self.received[target].update(self._ways(into, connection, (), ()))

    def _ways(
        self,
        into: Mapping[Any, list[nengo.Connection]],
        connection: nengo.Connection,
        after: tuple[nengo.Connection, ...],
        passed: tuple[nengo.Node, ...],
    ) -> Iterator[Taus]:
        """Synapses of all paths that end with a connection, through nodes."""
        pre, way = connection.pre_obj, (connection, *after)
        through = passes_on(pre) and pre not in passed and into[pre]
        if through and connection not in self.by_host:
            for before in into[pre]:
                yield from self._ways(into, before, way, (*passed, pre))
        elif ensemble_of(pre) in self.plan.chip and is_straight(way[-1]):
            yield tuple(tau for part in way for tau in taus_of(part))
        else:
            yield (DECODED,)

    def report(self) -> None:
        """Add what has changed to the plan's changes."""
        changes = self.plan.changes
        for (tau, slower), share in sorted(self._dropped.items()):
            changes.append(
                f"synapses of {tau:g} s are omitted in front of a memory's of "
                f"{slower:g} s: a neuron of the chip has one synapse. This changes the "
                f"expected input by {share:.1%}"
            )
        for connection, share in self.by_host.items():
            changes.append(
                f"{connection} passes through the host, which has its synapse of "
                f"{sum(taus_of(connection)):g} s: a neuron of the chip has one "
                f"synapse, that of the memory. Without the other, {share:.0%} of the "
                "expected input would be wrong"
            )
        for taus in sorted(self._merged):
            changes.append(
                f"synapses of {listed(taus)} s in series become one of "
                f"{sum(taus):g} s: a neuron of the chip has one synapse"
            )
        for memory, times in self._slowed.items():
            own = memory.synapse.tau
            text = (
                f"{memory}: input of its neurons beside its state passes through "
                f"its own synapse of {own:g} s instead of "
                f"{listed(sorted(times))} s: a neuron of the chip has one synapse"
            )
            changes.append(text)
            late = max(abs(own - tau) for tau in times)
            warnings.warn(
                f"{text}. It arrives {late:g} s later or earlier than in Nengo; with a "
                "node that has a function on the way, the host compensates for that",
                stacklevel=2,
            )


def share_of_change(memory: LegendreMemory, wanted: Taus, given: Taus) -> float:
    """Change of the expected input by other lowpass filters, relative to its rms."""
    spectrum = memory.spectrum
    if spectrum is None:  # a realization was given, without an expected input
        spectrum = Spectrum.flat(usable_band(memory.order) / memory.theta, 1.0)
    # means over bands of the square of the difference
    points, weights = np.polynomial.legendre.leggauss(BAND_POINTS)
    low, width = spectrum.edges[:-1, None], np.diff(spectrum.edges)[:, None]
    s = 2j * np.pi * (low + width * (points + 1) / 2)
    difference = _response(wanted, s) - _response(given, s)
    changed = np.abs(difference) ** 2 @ weights / 2
    power = spectrum.powers.sum() + spectrum.mean_power
    return float(np.sqrt(spectrum.powers @ changed / power))


def _response(taus: Taus, s: np.ndarray) -> np.ndarray:
    response = np.ones_like(s)
    for tau in taus:
        response = response / (1 + s * tau)
    return response


def listed(taus: Iterable[float]) -> str:
    """Time constants in words."""
    return ", ".join(f"{tau:g}" for tau in taus)


def in_series(taus: Taus) -> nengo.synapses.Synapse | None:
    """One synapse for lowpass filters in series."""
    if not taus:
        return None
    if len(taus) == 1:
        return nengo.Lowpass(taus[0])
    denominator: np.ndarray = np.ones(1)
    for tau in taus:
        denominator = np.polymul(denominator, [tau, 1])
    return nengo.LinearFilter([1], denominator)


def taus_of(connection: nengo.Connection) -> Taus:
    """The time constant of a connection, as a tuple; empty without a synapse."""
    if not is_lowpass(connection):
        raise refused_synapse(connection)
    tau = getattr(connection.synapse, "tau", 0.0)
    return (tau,) if tau > 0 else ()


def is_straight(connection: nengo.Connection) -> bool:
    """Whether neurons on the chip are connected without others in between."""
    return connection.solver.weights or isinstance(connection.post_obj, Neurons)


def is_lowpass(connection: nengo.Connection) -> bool:
    """Whether a connection has a synapse of the chip, or none."""
    return isinstance(connection.synapse, (nengo.Lowpass, type(None)))


def refused_synapse(connection: nengo.Connection, advice: str = "") -> ValidationError:
    """The error for a synapse that the chip does not have."""
    return ValidationError(
        f"{connection} has the synapse {connection.synapse!r}; on the chip, and on its "
        "way there, it must be a nengo.Lowpass or None" + advice,
        attr="synapse",
    )
