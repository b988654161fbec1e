"""Environments of the other simulators, and the processes that run in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parent.parent

#: Versions of Python and what to install, for those that get their own environment.
ENVIRONMENTS = {
    "nengo-ocl": (
        "3.11 3.12 3.13",
        ["--editable", ".", "nengo-ocl==3.0.0", "pyopencl", "pocl-binary-distribution"],
    ),
    "nengo-torch": ("3.11 3.12", ["--editable", ".", "nengo-torch==0.1.0"]),
    "brian2": ("3.12 3.13 3.11", ["brian2"]),
}
#: In the order of tables: Nengo first, which all are compared with.
SIMULATORS = (
    "nengo",
    "nengo-plain",
    "spiking-lmu",
    "nengo-dl",
    "nengo-ocl",
    "nengo-torch",
    "brian2",
)
ONE_CORE = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "POCL_MAX_PTHREAD_COUNT": "1",
    "CUDA_VISIBLE_DEVICES": "",
}


class Unavailable(Exception):
    """A simulator, or one of its models, that cannot be had; the message says why."""


def python_of(simulator: str) -> str:
    """The interpreter of a simulator's environment, which is made where it is not."""
    if simulator not in ENVIRONMENTS:
        return sys.executable
    versions, packages = ENVIRONMENTS[simulator]
    folder = f"build/benchmark-{simulator}"
    command = [".ci/venv", folder, versions, *packages]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise Unavailable(f"not installed: {lines[-1]}")
    return str(REPOSITORY / folder / "bin" / "python")


class Worker:
    """A process that runs one simulator, of one model after the other."""

    def __init__(self, simulator: str) -> None:
        self.simulator = simulator
        script = "brian2_worker.py" if simulator == "brian2" else "worker.py"
        self.process = subprocess.Popen(
            [python_of(simulator), str(FOLDER / script), simulator],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **ONE_CORE},
        )

    def ask(self, name: str, value: Any) -> dict[str, Any]:
        """The answer to a request."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            print(json.dumps({name: value}), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Unavailable(f"ended with status {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise Unavailable(answer["error"])
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
