"""A pytest plugin: what nengo-loihi's own tests ask for, and a simulator of choice.

They were written for plugins of another time; these stand in for them.
"""

import hashlib
from unittest.mock import MagicMock

import numpy as np
import pytest

MARKS = ("slow", "target_sim", "target_loihi", "requires_multichip_snips", "hang")


def pytest_addoption(parser):
    parser.addoption("--simulator", choices=("theirs", "ours"))
    parser.addoption("--target", default="sim")
    parser.addini("nengo_neurons", "", type="linelist", default=[])


def pytest_configure(config):
    for mark in MARKS:
        config.addinivalue_line("markers", mark)


def pytest_collection_modifyitems(config, items):
    for item in items:
        for mark in ("slow", "target_loihi"):
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(mark))


@pytest.fixture
def Simulator(request):
    ours = request.config.getoption("--simulator") == "ours"
    if ours:
        from spiking_lmu.hardware.loihi import Simulator as kind
    else:
        from nengo_loihi import Simulator as kind

    def make(network, *args, target="sim", **kwargs):
        if ours:
            kwargs.setdefault("progress_bar", False)
        return kind(network, *args, target=target, **kwargs)

    return make


@pytest.fixture
def seed(request):
    return int(hashlib.md5(request.node.nodeid.encode()).hexdigest()[:7], 16)


@pytest.fixture
def rng(seed):
    return np.random.RandomState(seed)


@pytest.fixture
def plt():
    return MagicMock()


@pytest.fixture
def allclose():
    def close(a, b, rtol=1e-5, atol=1e-8, xtol=0, equal_nan=False, **_):
        """As numpy's, also up to some steps earlier or later."""
        a, b = np.broadcast_arrays(np.asarray(a), np.asarray(b))
        tolerance = {"rtol": rtol, "atol": atol, "equal_nan": equal_nan}
        near = np.array(np.isclose(a, b, **tolerance))
        for i in range(1, xtol + 1):
            near[i:] |= np.isclose(a[i:], b[:-i], **tolerance)
            near[:-i] |= np.isclose(a[:-i], b[i:], **tolerance)
        return bool(near.all())

    return close
