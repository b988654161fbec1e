"""How long importing `spiking_lmu` takes, alone and against `import nengo`.

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
{}
print(time.perf_counter() - start)
"""


def import_seconds(statement: str) -> float:
    """Seconds that an import takes in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(statement)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def main() -> None:
    statements = (
        "import nengo",
        "import spiking_lmu",
        "from spiking_lmu import rmse",
        "from spiking_lmu.networks import LegendreMemory",
    )
    runs = [
        [import_seconds(statement) for statement in statements] for _ in range(RUNS)
    ]
    least = [min(column) for column in zip(*runs)]
    for statement, seconds in zip(statements, least):
        print(f"{statement:48} {seconds:.3f} s  {seconds / least[0]:.2f} x nengo")


if __name__ == "__main__":
    main()
