"""How long building a `LegendreMemory` takes, before any simulator sees it.

Least of a few runs in one process, of the network and of its realization alone: the
coordinates, their radii and their shares of the neurons. Order 256 takes under 3 s.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from spiking_lmu import Spectrum, realize, state_space
from spiking_lmu.delay_errors import usable_band
from spiking_lmu.networks import LegendreMemory

CASES = ((0.5, 6), (0.5, 48), (0.5, 256), (10.0, 256))  # theta in seconds, and order
RUNS = 3


def least_seconds(build: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        build()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    print("theta  order  realization   memory")
    for theta, order in CASES:
        A, B = state_space(theta, order)
        spectrum = Spectrum.flat(usable_band(order) / theta, 0.5)
        realized = least_seconds(lambda: realize(A, B, 0.001, 0.1, spectrum))  # noqa: B023
        built = least_seconds(lambda: LegendreMemory(theta, order, 100))  # noqa: B023
        print(f"{theta:4g} s  {order:5}  {realized:9.3f} s  {built:6.3f} s")


if __name__ == "__main__":
    main()
