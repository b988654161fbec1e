"""The quick tests of nengo-loihi, with our simulator: what passes with theirs passes.

`make loihi-suite` runs all of them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import nengo_loihi
import pytest

SUITE = Path(__file__).parents[1] / "nengo_loihi_suite"


@pytest.mark.slow
def test_quick_tests_of_nengo_loihi_pass_with_our_simulator():
    # the seeds of its tests depend on the folder that holds nengo_loihi
    root = Path(nengo_loihi.__file__).parents[1]
    options = ["--config-file=pytest.ini", f"--rootdir={root}", "--short", "-q"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=SUITE,
    )
    said = result.stdout[-3000:] + result.stderr[-3000:]
    assert result.returncode == 0, said
    # so that none is lost unseen
    assert re.search(r"^92 passed, \d+ skipped", result.stdout, re.MULTILINE), said
