"""Membranes of the emulated chip: one time step of all compartments."""

from __future__ import annotations

import numpy as np
from nengo_loihi.builder.discretize import Q_BITS, U_BITS
from nengo_loihi.emulator.interface import BlockInfo, CompartmentState

from .wiring import Index


class Compartments(CompartmentState):
    """The compartments of all blocks, in several runs.

    During steps the state is held by arrays of floats, with twice the width if it
    consists of integers. Floats of that width hold these integers exactly, and no step
    requires a division or a sign.

    Parameters
    ----------
    block_info : nengo_loihi.emulator.interface.BlockInfo
    strict : bool
        Whether overflow is an error.
    batch_size : int
        Number of runs.
    n_inputs : int
        Number of neurons of the inputs.

    Attributes
    ----------
    active : (batch_size, n + n_inputs) ndarray of bool
        Whether each compartment spiked in the last step, and whether each neuron of
        the inputs does.
    """

    def __init__(
        self, block_info: BlockInfo, strict: bool, batch_size: int, n_inputs: int
    ):
        super().__init__(block_info, strict=strict)
        n = self.n_compartments
        shape = (n,) if batch_size == 1 else (batch_size, n)
        self.active = np.zeros((batch_size, n + n_inputs), dtype=bool)
        self.input = np.zeros((batch_size, n), dtype=self.dtype)
        self.spiked = self.active[0, :n] if batch_size == 1 else self.active[:, :n]
        for name in ("current", "voltage", "spike_count", "ref_count"):
            setattr(self, name, np.zeros(shape, dtype=getattr(self, name).dtype))

        self._discrete = self.dtype == np.int32
        wide = np.float64 if self._discrete else np.float32
        if self._discrete:  # exact, as these are twelve bits after the point
            self._keep_u = (4096.0 - 1 - self.decay_u) / 4096
            self._keep_v = (4096.0 - self.decay_v) / 4096
        else:
            self._keep_u, self._keep_v = 1 - self.decay_u, 1 - self.decay_v
        self._bias, self._vth, self._vmin, self._vmax = (
            x.astype(wide) for x in (self.bias, self.vth, self.vmin, self.vmax)
        )
        # a voltage above threshold is reset: clipping it would have no effect
        self._clips_above = bool((self.vmax <= self.vth).any())
        self._ref = np.tile(self.ref.astype(np.int32), batch_size)
        self._holds = bool((self.ref > 1).any())
        # currents up to this do not overflow with any bias added
        self._room = 2.0**U_BITS - np.abs(self._bias).max()

        self._u, self._v, self._sum = np.zeros((3, batch_size, n), dtype=wide)
        self._free = np.zeros((batch_size, n), dtype=np.int32)  # first step to spike in
        self._spikes: list[np.ndarray] = []
        self._reach = np.inf  # no current is larger

    def load(self, t: int) -> None:
        """Read the state after step ``t`` from the public arrays."""
        self._u[...], self._v[...] = self.current, self.voltage
        self._free[...] = self.ref_count + (t + 1)
        self._reach = np.inf

    def store(self, t: int) -> None:
        """Write the state after step ``t`` to the public arrays."""
        shape = self.current.shape
        self.current[...] = self._u.reshape(shape)
        self.voltage[...] = self._v.reshape(shape)
        self.ref_count[...] = np.maximum(self._free - (t + 1), 0).reshape(shape)
        if self._spikes:
            spikes = np.concatenate(self._spikes)
            counts = np.bincount(spikes, minlength=self.spike_count.size)
            self.spike_count += counts.reshape(shape).astype(np.int32)
            self._spikes.clear()

    def state(self, key: str) -> np.ndarray:
        """The state of this key, (batch_size, n), during steps."""
        if key == "current":
            return self._u
        return self._v if key == "voltage" else self.active[:, : self.n_compartments]

    def tape(self, key: str, columns: Index, steps: int) -> np.ndarray:
        """An array (steps, batch_size, n_columns) to record some compartments in."""
        dtype = getattr(self, key).dtype
        return np.empty((steps, *self.state(key)[:, columns].shape), dtype=dtype)

    def advance(self, t: int, bound: float, noise: np.ndarray | None) -> None:
        """Advance to step ``t`` with the values in ``input``, which ``bound`` limits.

        The order is that of `nengo_loihi.emulator.interface.CompartmentState.update`.
        """
        q, u, v, total = self.input, self._u, self._v, self._sum
        if noise is not None:
            at_u = self.noise.target_u
            q[:, ~at_u] += noise[:, ~at_u]
            bound = np.inf
        if self._discrete and bound >= 2**Q_BITS and _leaves(q, Q_BITS):
            self._overflow(q, bits=Q_BITS, name="q0")

        self._decay(u, self._keep_u, q, self.scale_u)
        if self._discrete and (noise is not None or self._nears_limit(bound)):
            self._add_checked(noise)
        else:
            np.add(u, self._bias, out=total)
            if noise is not None:
                total[:, at_u] += noise[:, at_u]

        self._decay(v, self._keep_v, total, self.scale_v)
        np.maximum(v, self._vmin, out=v)
        if self._clips_above:
            np.minimum(v, self._vmax, out=v)
        if self._holds:
            np.putmask(v, self._free > t, 0)
        spiked = np.greater(v, self._vth)
        self.active[:, : self.n_compartments] = spiked
        spikes = spiked.reshape(-1).nonzero()[0]
        v.reshape(-1)[spikes] = 0
        if self._holds:
            self._free.reshape(-1)[spikes] = self._ref[spikes] + t
        self._spikes.append(spikes)

    def _decay(
        self, x: np.ndarray, keep: np.ndarray, added: np.ndarray, scale: np.ndarray
    ) -> None:
        np.multiply(x, keep, out=x)
        if self._discrete:
            np.trunc(x, out=x)
            np.add(x, added, out=x)
        else:
            np.add(x, scale * added, out=x)

    def _nears_limit(self, bound: float) -> bool:
        """Whether currents may overflow; measured only if they may have grown."""
        self._reach += bound
        if self._reach >= self._room:
            self._reach = max(self._u.max(), -self._u.min())
        return self._reach >= self._room

    def _add_checked(self, noise: np.ndarray | None) -> None:
        current = self._u.astype(self.dtype)
        self._overflow(current, bits=U_BITS, name="current")
        self._u[...] = current
        current += self.bias
        if noise is not None:
            at_u = self.noise.target_u
            current[:, at_u] += noise[:, at_u]
        self._overflow(current, bits=U_BITS, name="u2")
        self._sum[...] = current
        self._reach = np.inf


def _leaves(x: np.ndarray, bits: int) -> bool:
    return bool(x.max() >= 2**bits or x.min() < -(2**bits))
