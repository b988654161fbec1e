"""Data of probes on the emulated chip."""

from __future__ import annotations

from typing import Any

import numpy as np
from nengo_loihi.emulator.interface import BlockInfo, ProbeState
from nengo_loihi.probe import LoihiProbe

from .wiring import Index, as_index


class Records(ProbeState):
    """The data of probes, in arrays of many steps.

    Attributes
    ----------
    columns : dict
        For each key of a probe, the compartments to record.
    """

    def __init__(self, block_info: BlockInfo, probes: list[LoihiProbe], dt: float):
        super().__init__(block_info, probes, dt)
        every = np.arange(block_info.n_compartments)
        where = {
            probe: [every[s][cut] for s, cut in zip(slices.values(), probe.slice)]
            for probe, slices in self.probes.items()
        }
        self.columns: dict[str, Index] = {}
        self._where: dict[LoihiProbe, list[Index]] = {}
        for key in {probe.key for probe in probes}:
            seen = {p: parts for p, parts in where.items() if p.key == key}
            union = np.unique(np.concatenate([i for ii in seen.values() for i in ii]))
            self.columns[key] = as_index(union)
            for probe, parts in seen.items():
                self._where[probe] = [
                    as_index(np.searchsorted(union, i)) for i in parts
                ]

    def add(self, tapes: dict[str, np.ndarray]) -> None:
        """Add the records of some steps, (steps, n_columns) for each key."""
        for probe, parts in self._where.items():
            for output, where in zip(self.outputs[probe], parts):
                output.append(tapes[probe.key][:, where])

    def collect_probe_output(self, probe: LoihiProbe) -> np.ndarray:
        """The data of a probe since the last call."""
        self._join(probe)
        return super().collect_probe_output(probe)

    def send(self, t: int, probe: LoihiProbe, receiver: Any) -> int:
        """Send a probe's data to a node of the host; return the number of steps."""
        self._join(probe)
        return super().send(t, probe, receiver)

    def _join(self, probe: LoihiProbe) -> None:
        self.outputs[probe] = [
            np.concatenate(parts) if parts else [] for parts in self.outputs[probe]
        ]

    def clear_probe(self, probe: LoihiProbe) -> None:
        """Delete the data of a probe."""
        self.outputs[probe] = [[] for _ in self.outputs[probe]]
