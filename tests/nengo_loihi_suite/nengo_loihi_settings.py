"""A pytest plugin: nengo-loihi's own conftest, with our simulator.

Its conftest stands at the root of its repository and is not installed with it. All else
that its tests ask for is from pytest-allclose, pytest-rng, pytest-plt and nengo-extras.
"""

import sys
from importlib.util import find_spec
from types import ModuleType

import matplotlib
import nengo.builder.transforms
import numpy as np
import pytest

from spiking_lmu.hardware import loihi

MARKS = ("slow", "target_sim", "target_loihi", "requires_multichip_snips", "hang")


def pytest_addoption(parser):
    parser.addoption("--target", default="sim")
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


def pytest_collection_modifyitems(config, items):
    # without a simulator, a test knows nothing of ours
    items[:] = [item for item in items if "Simulator" in item.fixturenames]
    for item in items:
        if item.get_closest_marker("target_loihi"):
            item.add_marker(pytest.mark.skip("needs a chip"))


@pytest.fixture(scope="session")
def Simulator(request):
    def make(network, *args, **kwargs):
        kwargs.setdefault("target", request.config.getoption("--target"))
        kwargs.setdefault("progress_bar", False)
        return loihi.Simulator(network, *args, **kwargs)

    return make
