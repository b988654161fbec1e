"""Tests of nengo-loihi, with our simulator: what passes with theirs passes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

nengo_loihi = pytest.importorskip("nengo_loihi")

MODULES = (
    "basic",
    "connection",
    "decode_neurons",
    "ensemble",
    "inputs",
    "neurons",
    "passthrough",
    "probe",
    "simulator",
)
FILES = ["emulator/tests", *(f"tests/test_{name}.py" for name in MODULES)]
# the first asks for other words in an error, the second for a warning that there are no
# progress bars
DIFFERENT = {"test_none_network", "test_progressbar_values"}


def outcomes(simulator):
    """The tests that passed, and those that did not."""
    root = Path(nengo_loihi.__file__).parent
    here = Path(__file__).parent
    files = [str(root / name) for name in FILES if (root / name).exists()]
    options = ["-p", "nengo_loihi_fixtures", "--simulator", simulator, "-rpfE", "-q"]
    # not this project's configuration, nor plugins that Nengo brings along
    options += ["-c", os.devnull, "--rootdir", str(root), "-p", "no:nengo"]
    options += ["-p", "no:cacheprovider", "--tb", "no", "-W", "default"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(here), "OMP_NUM_THREADS": "1"},
        cwd=root,
    )
    lines = [line.split() for line in result.stdout.splitlines()]
    found = {
        kind: {words[1].split("::", 1)[-1] for words in lines if words[:1] == [kind]}
        for kind in ("PASSED", "FAILED", "ERROR")
    }
    assert found["PASSED"], result.stdout[-3000:] + result.stderr[-3000:]
    return found["PASSED"], found["FAILED"] | found["ERROR"]


def test_tests_of_nengo_loihi_pass_with_our_simulator():
    passed, _ = outcomes("theirs")
    _, failed = outcomes("ours")
    assert len(passed) > 100
    assert {test for test in failed & passed if test not in DIFFERENT} == set()
