"""What tests stand on: one BLAS thread, no decoder cache, reports, damaged files."""

import signal
import subprocess
import sys
from importlib import metadata

import nengo
import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from spiking_lmu.compatibility import require
from spiking_lmu.experiments import command

# tests import what they need of it by its own name
require("nengo_loihi")
# a cache written under another numpy breaks runs; set before any simulator is built
nengo.rc.set("decoder_cache", "enabled", "False")
# The time that an example takes says nothing on a busy machine. The suite draws the
# same examples each time, so that a run can be repeated. Others are drawn with
# --hypothesis-profile=fresh.
settings.register_profile("fresh", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def pytest_sessionstart(session):
    """Compile the simulator before there are workers, who would compile it each."""
    if not getattr(session.config.option, "numprocesses", None):
        return
    variants = [(False, "float64"), (True, "float64"), (True, "float32")]
    load = (
        "from spiking_lmu.simulator.interpreter import load_interpreter; "
        "load_interpreter({}, False, '{}')"
    )
    compiling = [
        subprocess.Popen([sys.executable, "-c", load.format(*variant)])
        for variant in variants
    ]
    assert not any([process.wait() for process in compiling])


@pytest.fixture(autouse=True, scope="session")
def one_blas_thread():
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(autouse=True)
def whole_precision():
    """NengoDL leaves Nengo at 32 bits where it refuses a network."""
    bits = nengo.rc.get("precision", "bits")
    yield
    nengo.rc.set("precision", "bits", bits)


@pytest.fixture
def heard_interrupts():
    """Shells start background jobs with SIGINT ignored, and tests with them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def run_command(tmp_path_factory):
    """A function of a command's words: runs it here, and gives its folder."""

    def run(words):
        folder = tmp_path_factory.mktemp(words.split()[0])
        fixed = ["--jobs", "1", "--quiet", "--out", str(folder)]
        assert command.main([*words.split(), *fixed]) == 0
        return folder

    return run


@pytest.fixture
def without_figures(monkeypatch):
    """Reports whose figures are made, but drawn empty: drawing takes most of the time.

    For tests of what else a command does. Others look at its figures.
    """
    from spiking_lmu.experiments.pages import style

    empty = {
        format: style.render(style.new_figure(), format) for format in ("svg", "png")
    }
    monkeypatch.setattr(style, "render", lambda figure, format: empty[format])


@pytest.fixture(scope="session")
def damaged():
    """A function of bytes and a random generator: a piece cut, changed or doubled."""
    return damage


def damage(content, rng):
    data = bytearray(content)
    start, size = rng.integers(len(data)), int(2 ** rng.uniform(0, 12))
    junk = rng.bytes(size)
    kind = rng.integers(5)
    if kind == 0:
        return bytes(data[:start])
    if kind == 1:
        data[start : start + size] = junk
    elif kind == 2:
        data[start] ^= 1 << rng.integers(8)
    elif kind == 3:
        del data[start : start + size]
    else:
        data[start:start] = data[start : start + size]
    return bytes(data)


@pytest.fixture
def uninstall(monkeypatch):
    """A function of a package, which is not installed from then on."""

    def missing(name):
        version = metadata.version

        def version_of(package):
            if package == name:
                raise metadata.PackageNotFoundError(package)
            return version(package)

        monkeypatch.setattr(metadata, "version", version_of)

    return missing
