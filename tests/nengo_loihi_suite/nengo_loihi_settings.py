"""A pytest plugin: nengo-loihi's own conftest, with our simulator.

Its conftest stands at the root of its repository and is not installed with it. All else
that its tests ask for is from pytest-allclose, pytest-rng, pytest-plt and nengo-extras.
"""

import sys
from collections import Counter
from importlib.util import find_spec
from types import ModuleType

import matplotlib
import nengo.builder.transforms
import numpy as np
import pytest

from spiking_lmu.hardware import loihi

MARKS = ("slow", "target_sim", "target_loihi", "requires_multichip_snips", "hang")
# spends a third of the time in nengo-loihi's allocators, and runs no step
LEFT_OUT = "test_allocators.py::test_interchip_allocators"
DATA = "images that are not installed with it"
OTHER_WORDS = "asks for another error, or other words in it"
FAILING = {
    "test_conv.py::test_conv_connection": DATA,
    "test_conv.py::test_conv_deepnet": DATA,
    "test_conv.py::test_conv_non_lowpass": OTHER_WORDS,
    "test_conv.py::test_conv_split": DATA,
    "test_simulator.py::test_interface": OTHER_WORDS,
    "test_simulator.py::test_none_network": OTHER_WORDS,
    "test_simulator.py::test_progressbar_values": "asks for a warning that there are "
    "no progress bars",
}
#: How many pass of each file, so that none is lost unseen.
PASSING = {
    "builder/tests/test_builder.py": 4,
    "builder/tests/test_connection.py": 17,
    "builder/tests/test_discretize.py": 3,
    "builder/tests/test_split_blocks.py": 7,
    "hardware/tests/test_allocators.py": 1,
    "tests/test_basic.py": 5,
    "tests/test_connection.py": 58,
    "tests/test_conv.py": 13,
    "tests/test_decode_neurons.py": 6,
    "tests/test_dvs.py": 2,
    "tests/test_ensemble.py": 23,
    "tests/test_learning.py": 10,
    "tests/test_neurons.py": 20,
    "tests/test_node.py": 2,
    "tests/test_passthrough.py": 4,
    "tests/test_probe.py": 15,
    "tests/test_simulator.py": 28,
    "tests/test_version.py": 1,
}
#: Left out with --short: even the first case takes long.
LONG = (
    "test_allocators.py::test_interchip_helpers",
    "test_dvs.py::test_dvs_file_chip_node",
    "test_learning.py::test_multiple_pes",
    "test_learning.py::test_pes_comm_channel",
    "test_learning.py::test_pes_overflow",
    "test_passthrough.py::test_cluster_errors",
    "test_split_blocks.py::test_split_ensembles",
    "test_split_blocks.py::test_split_probe",
)


def pytest_addoption(parser):
    parser.addoption("--target", default="sim")
    parser.addoption(
        "--short", action="store_true", help="the first case of each quick test"
    )
    parser.addini("nengo_neurons", "", type="linelist", default=[])


def pytest_configure(config):
    import nengo_loihi
    from nengo_loihi.builder.builder import Model, ValidationLevel
    from nengo_loihi.emulator import EmulatorInterface

    matplotlib.use("Agg")
    EmulatorInterface.strict = True
    nengo_loihi.set_defaults()
    Model.default_validation_level = ValidationLevel.FULL
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    if find_spec("nengo._vendor.npconv2d") is None:  # where it was before Nengo 4.1
        moved = ModuleType("nengo._vendor.npconv2d")
        moved.conv2d = nengo.builder.transforms
        nengo._vendor.npconv2d = sys.modules[moved.__name__] = moved
        sys.modules[f"{moved.__name__}.conv2d"] = moved.conv2d
    nengo.synapses.Synapse.filt = filt


_filt = nengo.synapses.Synapse.filt


def filt(synapse, x, **options):
    """Nengo 4.1 and numpy 2.5 do not filter one-dimensional signals, only columns."""
    if np.ndim(x) != 1:
        return _filt(synapse, x, **options)
    return _filt(synapse, np.asarray(x)[:, None], **options)[:, 0]


def function_of(test):
    """A test's name in nengo-loihi, without its file's folder and its case."""
    return test.split("[")[0].rsplit("/", 1)[1]


def pytest_collection_modifyitems(config, items):
    # without a simulator, a test knows nothing of ours
    items[:] = [
        item
        for item in items
        if "Simulator" in item.fixturenames and function_of(item.nodeid) != LEFT_OUT
    ]
    if config.getoption("--short"):
        first = {item.nodeid.split("[")[0]: item for item in reversed(items)}
        items[:] = [
            item
            for test, item in reversed(first.items())
            if function_of(test) not in LONG
        ]
    for item in items:
        if item.get_closest_marker("target_loihi"):
            item.add_marker(pytest.mark.skip("needs a chip"))
        reason = FAILING.get(function_of(item.nodeid))
        if reason:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def pytest_sessionfinish(session):
    """Fail if another number passes of a file, where no test is chosen."""
    config = session.config
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if config.getoption("--short") or "deselected" in reporter.stats:
        return
    passed = (report.nodeid.split("::")[0] for report in reporter.stats["passed"])
    counts = Counter(file.split("/", 1)[1] for file in passed)
    if counts != PASSING:
        reporter.write_line(f"other numbers pass: {counts ^ Counter(PASSING)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def Simulator(request):
    def make(network, *args, **kwargs):
        kwargs.setdefault("target", request.config.getoption("--target"))
        kwargs.setdefault("progress_bar", False)
        return loihi.Simulator(network, *args, **kwargs)

    return make
