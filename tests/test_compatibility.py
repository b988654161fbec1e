"""That NengoDL and nengo-loihi work, and that nothing else notices how."""

import os
import subprocess
import sys
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu import compatibility
from spiking_lmu.compatibility import require

ALL_EXTRAS = {**compatibility.EXTRAS, **compatibility.OTHER_EXTRAS}


def run_fresh(code):
    """Run some lines in another process; gives what it prints, and what it says."""
    head = "import sys; from spiking_lmu.compatibility import require\n"
    clean = {"TF_CPP_MIN_LOG_LEVEL", "TF_USE_LEGACY_KERAS"}
    result = subprocess.run(
        [sys.executable, "-W", "always::UserWarning", "-c", head + code],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k not in clean},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split(), result.stderr.splitlines()


def test_nengo_loihi_is_quiet_and_does_not_bring_tensorflow_along():
    code = "require('nengo_loihi'); print('tensorflow' in sys.modules)"
    assert run_fresh(code) == (["False"], [])


KERAS_OF_THE_PROGRAM = """
def keras_modules():
    return {k: m for k, m in sys.modules.items() if k.split(".")[0] == "keras"}

import os
known = keras_modules()
require("nengo_dl")
assert keras_modules() == known and "TF_USE_LEGACY_KERAS" not in os.environ
import keras, nengo_dl, tensorflow as tf
print(keras.__version__[:2], keras.layers.Dense.__module__.split(".")[0])
print(tf.keras.layers.Dense.__module__.split(".")[0])
"""


@pytest.mark.slow
def test_keras_of_the_program_stays_keras_3():
    """And NengoDL is quiet."""
    printed, said = run_fresh(KERAS_OF_THE_PROGRAM)
    assert printed == ["3.", "keras", "tf_keras"] and said == []


@pytest.mark.slow
def test_keras_that_was_imported_stays_keras_3():
    """Where TensorFlow uses it, too, the error says what to do."""
    # importing TensorFlow takes most of the time: a fork does the other half
    fork = """
import os
import tensorflow as tf
child = os.fork()
if child == 0:
    tf.keras.layers.Dense
    try:
        require("nengo_dl")
    except ValueError as error:
        print(error)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
import keras
"""
    printed, _ = run_fresh(fork + KERAS_OF_THE_PROGRAM)
    refused, kept = printed[:-3], printed[-3:]
    assert "Keras 3 here, and NengoDL needs Keras 2: call" in " ".join(refused)
    assert kept == ["3.", "keras", "tf_keras"]


def test_keras_3_is_refused_in_one_sentence(monkeypatch):
    known = SimpleNamespace(__name__="keras._tf_keras.keras")
    tensorflow = SimpleNamespace(**dict.fromkeys(compatibility.KERAS, known))
    monkeypatch.setitem(sys.modules, "tf_keras", tensorflow)
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "0")
    with pytest.raises(
        ValidationError, match=r'call spiking_lmu.require\("nengo_dl"\)'
    ):
        require("tensorflow")
    assert os.environ["TF_USE_LEGACY_KERAS"] == "0"


def test_a_failing_import_leaves_no_trace(monkeypatch, tmp_path):
    (tmp_path / "nengo_dl.py").write_text(
        "from keras.engine.functional import Functional, _build_map\n"
        "from keras.layers import BatchNormalizationV1, BatchNormalizationV2\n"
        "raise ImportError('out of order')\n"
    )
    require("tensorflow")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "nengo_dl", raising=False)
    known, environment = dict(sys.modules), dict(os.environ)
    with pytest.raises(ValidationError, match="out of order.*pip install"):
        require("nengo_dl")
    assert sys.modules == known and dict(os.environ) == environment


@pytest.mark.parametrize("module", compatibility.EXTRAS)
def test_missing_packages_say_what_to_install(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    extra = compatibility.EXTRAS[module]
    with pytest.raises(
        ValidationError, match=rf"{module}.*pip install 'spiking-lmu\[{extra}\]'"
    ):
        require(module)


def test_missing_packages_name_what_needs_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "nengo_dl", None)
    with pytest.raises(ImportError, match="^fit: needs nengo_dl"):
        require("nengo_dl", needed_by="fit")


@pytest.mark.parametrize("python, by_itself", [((3, 13), False), ((3, 14), True)])
def test_on_python_3_14_tf_keras_is_installed_by_itself(monkeypatch, python, by_itself):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", python)
        said = {name: compatibility.installation(name) for name in ALL_EXTRAS}
    for name, extra in ALL_EXTRAS.items():
        assert ("--no-deps tf_keras" in said[name]) == (by_itself and extra == "dl")


def test_other_packages_are_refused():
    with pytest.raises(ValidationError, match="module: .*'nengo_dl'.*'numpy'"):
        require("numpy")


@pytest.mark.parametrize("dtype", [None, np.float32, np.int32])
def test_arrays_of_nengo_loihi_are_copied_where_they_must(dtype):
    """What calls of ``np.array(..., copy=False)`` gave before numpy 2."""
    import nengo_loihi.block
    import nengo_loihi.neurons

    for module in (nengo_loihi.block, nengo_loihi.neurons):
        given = np.arange(3.0)
        got = module.np.array(given, dtype=dtype, copy=False, ndmin=1)
        assert np.shares_memory(got, given) == (dtype is None)
        np.testing.assert_array_equal(got, given)
        assert module.np.array([1, 2], copy=False, ndmin=2).shape == (1, 2)
        assert not np.shares_memory(module.np.array(given), given)
        assert module.np.sum is np.sum and isinstance(got, module.np.ndarray)
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        with pytest.raises(ValueError, match="copy"):
            np.array([1.0], copy=False)  # a program's own numpy is as it was


@pytest.mark.parametrize("module", ["nengo_loihi", "tensorflow"])
def test_what_is_there_is_given_as_it_is(monkeypatch, module):
    """Filters of warnings and stderr are all threads': they are left alone."""
    there = require(module)
    with monkeypatch.context() as patch:
        patch.setattr(warnings, "catch_warnings", None)
        patch.setattr(compatibility, "_without_notices", None)
        assert require(module) is there


def test_nengo_loihi_reads_files_of_events():
    import nengo_loihi.dvs

    read = nengo_loihi.dvs.np.fromstring(b"\x00\x01\xff", np.uint8)
    np.testing.assert_array_equal(read, [0, 1, 255])
    assert read.flags.writeable and read.dtype == np.uint8


def test_other_threads_see_tensorflow_meanwhile():
    hidden = compatibility._Hidden("json")
    with pytest.raises(ModuleNotFoundError, match="json"):
        hidden.find_spec("json")
    assert hidden.find_spec("yaml") is None
    found = []
    thread = threading.Thread(target=lambda: found.append(hidden.find_spec("json")))
    thread.start()
    thread.join()
    assert found == [None]


def test_notices_of_tensorflow_are_left_out_and_nothing_else(capfd, monkeypatch):
    lines = [
        "WARNING: All log messages before absl::InitializeLog() is called are written",
        "I0000 00:00:1795692779.951750   17146 port.cc:153] oneDNN custom operations",
        "To enable the following instructions: AVX2 FMA, rebuild TensorFlow",
        "E0000 00:00:1795692804.812242   17221 cuda_platform.cc:52] call to cuInit: no",
        "=== Source Location Trace: === ",
        "external/xla/xla/stream_executor/cuda/cuda_status.cc:50",
        "",
        "E0000 00:00:1795692804.812242   17221 disk.cc:52] the disk is full",
        "",
        "Traceback (most recent call last)",
    ]
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    with pytest.raises(TypeError), compatibility._without_notices():
        os.write(2, "\n".join(lines).encode()) / ""
    assert capfd.readouterr().err.splitlines() == lines[-3:]
