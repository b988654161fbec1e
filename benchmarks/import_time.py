"""How long `import spiking_lmu` takes, alone and against `import nengo`.

Each import runs in fresh interpreters, in turn, with files already in the disk's cache;
the least of the runs counts, as everything else on the machine can only add to it.
"""

from __future__ import annotations

import subprocess
import sys

RUNS = 7
TIMED = """
import time
start = time.perf_counter()
import {}
print(time.perf_counter() - start)
"""


def import_seconds(module: str) -> float:
    """Seconds that a fresh interpreter takes to import ``module``."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(module)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def main() -> None:
    modules = ("nengo", "spiking_lmu", "spiking_lmu.networks")
    runs = [[import_seconds(module) for module in modules] for _ in range(RUNS)]
    least = [min(column) for column in zip(*runs)]
    for module, seconds in zip(modules, least):
        print(f"import {module:22} {seconds:.3f} s  {seconds / least[0]:.2f} x nengo")


if __name__ == "__main__":
    main()
