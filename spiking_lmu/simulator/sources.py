"""What enters a network from outside of the interpreter: random streams and values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .kernels.random_numbers import SIZE, streams

Sampler = Callable[[int], np.ndarray]


class Feed:
    """Values of a signal that are made before the steps that use them.

    Attributes
    ----------
    size : int
        Number of values a step, of all lanes.
    sample : callable
        Gives values (n_steps, size) for the next steps; set at each reset. None where
        users give the values.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.sample: Sampler | None = None


class Sources:
    """All random streams and feeds of a program.

    Parameters
    ----------
    n_lanes : int
        Number of networks side by side. Each has its own random streams.

    Attributes
    ----------
    words : (n,) ndarray of uint64
        The random streams.
    feeds : list of Feed
    """

    def __init__(self, n_lanes: int) -> None:
        self.n_lanes = n_lanes
        self.feeds: list[Feed] = []
        self.words = np.empty(0, np.uint64)
        self._keys: list[tuple[int, ...]] = []

    def stream(self, *key: Any) -> int:
        """The place of a random stream for each lane.

        Parameters
        ----------
        *key : int or numpy.random.RandomState
            What distinguishes this stream, besides the simulator's seed.
        """
        numbers: list[int] = []
        for part in key:
            if isinstance(part, np.random.RandomState):
                state: Any = part.get_state()
                part = state[1][:4]
            numbers += np.ravel(part).astype(int).tolist()
        self._keys.append((len(self._keys), *numbers))
        return (len(self._keys) - 1) * SIZE * self.n_lanes

    def feed(self, size: int) -> Feed:
        """A feed of a number of values each step and lane."""
        feed = Feed(size * self.n_lanes)
        self.feeds.append(feed)
        return feed

    def reset(self, seed: int) -> None:
        """Start all random streams anew."""
        parts = [
            streams(np.random.SeedSequence([seed, *key]), self.n_lanes)
            for key in self._keys
        ]
        words = np.concatenate(parts) if parts else np.empty(0, np.uint64)
        if self.words.size != words.size:
            self.words = words
        self.words[:] = words

    def sample(
        self, n_steps: int, given: Mapping[Feed, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The values of all feeds in the next steps, one feed behind the other.

        Parameters
        ----------
        n_steps : int
        given : dict of (n_steps, ...) ndarray
            Values of feeds that no process makes.

        Returns
        -------
        values : (n,) ndarray
        starts : (n_feeds,) ndarray of int
            Where the values of each feed begin.
        """
        parts, starts, size = [np.empty(0)], [], 0
        for feed in self.feeds:
            values = given.get(feed) if feed.sample is None else feed.sample(n_steps)
            starts.append(size)
            if values is not None:
                parts.append(np.ravel(values))
                size += parts[-1].size
        return np.concatenate(parts), np.array(starts, np.int64)
