"""The energy of a run on Loihi, estimated from counts on the emulator.

Spikes, synaptic operations and neuron updates are counted exactly. The energy of each
has been published, from simulations of the circuits. Their products are an estimate.

References
----------
M. Davies et al., "Loihi: a neuromorphic manycore processor with on-chip learning",
IEEE Micro 38(1), 2018, table 2, for the energies of Loihi.
J. A. Boyle et al., SANA-FE, https://github.com/SLAM-Lab/SANA-FE, arch/loihi.yaml, for
the grid of tiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.validation import refusal

from .emulator import Emulator
from .processors import IDLE, Processor, compare
from .resources import CORES
from .wiring import Bundle

# in joules, of Loihi
SYNAPTIC_OPERATION = 23.6e-12  # "min"; no maximum has been published
UPDATE_ACTIVE, UPDATE_INACTIVE = 81e-12, 52e-12
SPIKE_IN_TILE = 1.7e-12
HOP_EAST_WEST, HOP_NORTH_SOUTH = 3.0e-12, 4.0e-12
# of one chip: 128 cores, four to a tile
TILE_CORES, TILE_COLUMNS = 4, 8


class Range(NamedTuple):
    """A low and a high estimate, in joules or watts."""

    low: float
    high: float

    def times(self, factor: float) -> Range:
        """Both estimates, multiplied by a factor."""
        return Range(self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Counts:
    """Counts of events on the chip in one run.

    They are means if several runs were made at once.

    Attributes
    ----------
    steps : int
        Number of time steps.
    dt : float
        Time step in seconds.
    cores, compartments, weights : int
        Numbers in use; weights are the synapses of all compartments and inputs.
    spikes, input_spikes : float
        Number of spikes of compartments, and of spikes that the host sends.
    messages : float
        Number of both kinds of spikes, times the cores that each is sent to.
    synaptic_operations : float
        Number of both kinds of spikes, times the synapses that each reaches.
    """

    steps: int
    dt: float
    cores: int
    compartments: int
    weights: int
    spikes: float
    input_spikes: float
    messages: float
    synaptic_operations: float

    @property
    def updates(self) -> int:
        """Number of neuron updates: each compartment in each step."""
        return self.compartments * self.steps


@dataclass(frozen=True)
class Energy:
    """An estimate of the energy of a run on Loihi. Print it for a table.

    All energies are dynamic: they come on top of the power of a chip at rest. The
    published idle power, `idle`, is listed apart and is not included in any sum.

    Attributes
    ----------
    counts : Counts
        The counts behind the estimate.
    parts : dict of Range
        Energies in joules over the whole run, by kind: ``"synaptic operations"``,
        ``"neuron updates"`` and ``"spikes to cores"``.
    processors : tuple of Processor
        Other processors for comparison, which compute the whole network in each step.
    left_out : tuple of str
        Other consumers of energy, which the estimate does not include.
    """

    counts: Counts
    parts: Mapping[str, Range]
    processors: tuple[Processor, ...]
    left_out: tuple[str, ...]

    @property
    def idle(self) -> float:
        """Published power at rest of all chips in use, in watts."""
        return IDLE["Loihi"] * -(-self.counts.cores // CORES)

    @property
    def total(self) -> Range:
        """Energy of the whole run, in joules."""
        low, high = zip(*self.parts.values())
        return Range(sum(low), sum(high))

    @property
    def per_step(self) -> Range:
        """Energy of a time step, in joules."""
        return self.total.times(1 / self.counts.steps)

    @property
    def per_second(self) -> Range:
        """Energy of a second of simulated time, in joules: watts in real time."""
        return self.per_step.times(1 / self.counts.dt)

    def __str__(self) -> str:
        return "\n".join(_table(self))

    def __repr__(self) -> str:
        return (
            f"<Energy: {_span(self.per_step, 1e9)} nJ in each of {self.counts.steps:,} "
            f"steps on {self.counts.cores} cores>"
        )


def energy(sim: Any) -> Energy:
    r"""Estimate the energy of a run on Loihi.

    Parameters
    ----------
    sim : spiking_lmu.hardware.loihi.Simulator
        A simulator that has run on the emulator.

    Returns
    -------
    energy : Energy
        Print it for a table.

    Raises
    ------
    nengo.exceptions.ValidationError
        If it is no such simulator, has not run, or its spikes are not counted: on the
        chip, and where nengo-loihi's own emulator runs.

    Notes
    -----
    With :math:`s` spikes of :math:`n` compartments in :math:`k` steps, the

    - low estimate has :math:`81 s + 52 (n k - s)` pJ for updates, as if only
      compartments that spike were active, and 1.7 pJ for each core that a spike is
      sent to;
    - high estimate has :math:`81 n k` pJ for updates, and for each core that a spike
      is sent to also the path from corner to corner of the tiles in use, with 3 pJ for
      a hop east or west and 4 pJ for a hop north or south. Cores fill tiles of four,
      and tiles fill rows of eight.

    Both have 23.6 pJ for a synaptic operation, which was published as the minimum. The
    high estimate is therefore not a bound. `Energy.left_out` lists what is not
    included, `Energy.idle` is the idle power. `spiking_lmu.hardware.processors`
    describes the comparison with processors.
    """
    emulator = _check(sim)
    counts = _count(sim, emulator)
    processors = compare(sim.network, counts.weights + counts.compartments)
    return Energy(counts, estimate(counts), processors, _left_out(sim, counts))


def estimate(counts: Counts) -> dict[str, Range]:
    """Low and high energies of some counts, in joules, by kind."""
    synaptic = SYNAPTIC_OPERATION * counts.synaptic_operations
    inactive = UPDATE_INACTIVE * (counts.updates - counts.spikes)
    across = SPIKE_IN_TILE + hops(counts.cores)
    return {
        "synaptic operations": Range(synaptic, synaptic),
        "neuron updates": Range(
            UPDATE_ACTIVE * counts.spikes + inactive, UPDATE_ACTIVE * counts.updates
        ),
        "spikes to cores": Range(
            SPIKE_IN_TILE * counts.messages, across * counts.messages
        ),
    }


def hops(cores: int) -> float:
    """Energy of the longest path between the tiles of so many cores of one chip."""
    tiles = -(-min(cores, CORES) // TILE_CORES)
    columns, rows = min(tiles, TILE_COLUMNS), -(-tiles // TILE_COLUMNS)
    return HOP_EAST_WEST * max(columns - 1, 0) + HOP_NORTH_SOUTH * max(rows - 1, 0)


def _check(sim: Any) -> Emulator:
    """The emulator of a simulator that has run."""
    sims = getattr(sim, "sims", {})
    if "loihi" in sims:
        raise ValidationError(
            "must have run on the emulator, target='sim': a chip's spikes are not "
            "counted",
            attr="sim",
        )
    emulator = sims.get("emulator")
    if not isinstance(emulator, Emulator):
        raise refusal("sim", sim, "a spiking_lmu.hardware.loihi.Simulator")
    if sim.n_steps == 0:
        raise ValidationError("must have run, but has made no step", attr="sim")
    return emulator


def _count(sim: Any, emulator: Emulator) -> Counts:
    """The counts of a simulator, means over its runs."""
    spikes = np.atleast_2d(emulator.spike_count).mean(axis=0)
    given = [np.atleast_2d(c).mean(axis=0) for c in emulator.input_spike_counts]
    sources = [*sim.model.blocks, *sim.model.inputs]
    ends = np.cumsum([block.n_neurons for block in sim.model.blocks])
    by_source = [*np.split(spikes, ends[:-1]), *given] if len(ends) else given
    return Counts(
        steps=sim.n_steps,
        dt=sim.dt,
        cores=len(sim.model.blocks),
        compartments=spikes.size,
        weights=int(emulator.fan_out.sum()),
        spikes=float(spikes.sum()),
        input_spikes=float(sum(c.sum() for c in given)),
        messages=float(sum(map(_messages, sources, by_source))),
        synaptic_operations=emulator.synaptic_events() / emulator.batch_size,
    )


def _messages(source: Any, spikes: np.ndarray) -> float:
    """Number of spikes of a block or an input, times the cores that each goes to."""
    bundles = (Bundle(0, source.n_neurons, axon) for axon in source.axons)
    return float(sum(spikes[bundle.targets() >= 0].sum() for bundle in bundles))


def _left_out(sim: Any, counts: Counts) -> tuple[str, ...]:
    out = [
        "static power",
        "the host, with its side of input and output",
    ]
    if counts.cores > CORES:
        out.append("spikes from chip to chip")
    if any(s.learning for block in sim.model.blocks for s in block.synapses):
        out.append("updates of learned weights")
    return tuple(out)


def _table(result: Energy) -> Iterable[str]:
    counts = result.counts
    yield (
        f"Estimate for Loihi: {counts.steps:,} steps of {counts.dt:g} s, "
        f"{counts.compartments:,} compartments on {counts.cores} cores"
    )
    yield from _aligned(_rows(result))
    yield f"{_span(result.per_second, 1e6)} microwatts, in real time, beyond idle power"
    yield (
        f"Idle power, published: {_number(1e6 * result.idle)} microwatts, "
        f"{_number(1e9 * result.idle * counts.dt)} nJ in a step"
    )
    yield f"Not included: {'; '.join(result.left_out)}."
    yield "The same network on processors, all of it in each step:"
    yield from _aligned(
        [
            ("", "operations", "nJ in a step", "W at rest"),
            *(
                (
                    _method(p),
                    _number(p.operations),
                    _number(1e9 * p.joules),
                    _number(IDLE[p.name]),
                )
                for p in result.processors
            ),
        ]
    )


def _method(processor: Processor) -> str:
    if processor.method == "exact":
        return f"{processor.name}, exact memory, no neurons"
    return f"{processor.name}, by {processor.method}"


def _rows(result: Energy) -> Iterable[tuple[str, ...]]:
    counts, steps = result.counts, result.counts.steps
    numbers = {
        "synaptic operations": counts.synaptic_operations,
        "neuron updates": counts.updates,
        "spikes to cores": counts.messages,
    }
    yield ("", "in a step", "pJ for one", "nJ in a step")
    for kind, part in result.parts.items():
        n = numbers[kind]
        one = _span(part, 1e12 / n) if n else ""
        yield kind, _number(n / steps), one, _span(part, 1e9 / steps)
    yield "in all", "", "", _span(result.per_step, 1e9)


def _aligned(rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows)]
    for first, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:])]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()


def _span(values: Range, factor: float) -> str:
    low, high = (_number(value * factor) for value in values)
    return low if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
