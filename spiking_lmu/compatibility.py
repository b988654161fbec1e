"""Import NengoDL and nengo-loihi, whose last releases are older than what they run on.

Neither package imports or runs by itself on current packages. One line makes it work:

.. code-block:: python

    nengo_dl = spiking_lmu.require("nengo_dl")

After that line, ``import nengo_dl`` works everywhere in the process. The same line
exists for ``nengo_loihi`` and for ``tensorflow``. All of spiking-lmu goes through it.

What is mended, and what breaks without it:

- ``TF_USE_LEGACY_KERAS`` is 1 while TensorFlow is imported. From TensorFlow 2.16 on,
  ``tf.keras`` is Keras 3, whose layers refuse the arguments that NengoDL 3.6.0 gives
  them ("Unrecognized keyword arguments passed to TensorGraph"). With this variable,
  ``tf.keras`` is the package tf_keras, which is Keras 2.
- ``keras.engine.functional`` and ``keras.layers`` are modules of tf_keras while NengoDL
  is imported. NengoDL 3.6.0 takes ``Functional`` and ``BatchNormalizationV1``
  from there. Keras 3 has neither ("No module named 'keras.engine'").
- NengoDL 3.6.0 imports TensorFlow a second time, in a process of its own, to ask
  whether there is a graphics card. While it is imported, ``subprocess.call`` answers
  that question in this process. Without this, the import takes twice as long.
- ``np`` in three modules of nengo-loihi 1.1.0 is a numpy whose ``array`` with
  ``copy=False`` copies where it must, and whose ``fromstring`` reads bytes. The first
  raises a ValueError since numpy 2.0 ("Unable to avoid copy"). The second, for files
  of events, does since numpy 2.3 ("The binary mode of fromstring is removed").
- NengoDL is told how to build `SystematicSpiking` in TensorFlow. It would otherwise
  call Python in each step, without a generator of random numbers.
- nengo-loihi 1.1.0 is imported without TensorFlow, unless NengoDL is there already. It
  would import TensorFlow with Keras 3, which NengoDL could not use any more.
- What TensorFlow 2.21 and 2.22 write to stderr about processors and graphics cards,
  whatever their log level is, is left out, unless ``TF_CPP_MIN_LOG_LEVEL`` is 0.

Environment variables and ``sys.modules`` are put back after the import. A program's own
``import keras`` is Keras 3, before and after, and its numpy is untouched.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from nengo.exceptions import ValidationError

from .validation import check_choice

#: The extra of spiking-lmu that installs each optional package.
EXTRAS = {"nengo_dl": "dl", "tensorflow": "dl", "nengo_loihi": "loihi"}
#: The same for packages that need no mend.
OTHER_EXTRAS = {
    "sklearn": "dl",
    "distributed": "cluster",
    "nir": "nir",
    "edfio": "recordings",
    "wfdb": "recordings",
}
#: Extras that install without anything else.
PLAIN_EXTRAS = ("cluster", "nir", "recordings")
#: The releases that the mends are made for.
RELEASES = {"nengo_dl": "3.6", "nengo_loihi": "1.1"}
#: Parts of TensorFlow that are Keras. Each chooses its Keras at its first use.
KERAS = ("keras", "losses", "metrics", "optimizers", "initializers")

_NOTICE = re.compile(rb"[IW]\d{4} |WARNING: All log messages before|.*\bcuInit\b")
# further lines of a notice: the processor's instructions, and where TensorFlow 2.22 was
_CONTINUED = re.compile(rb"To enable the following|=== Source Location|external/|\s*$")
# environment and sys.modules are the whole process's
_IMPORTING = threading.RLock()


def require(module: str, needed_by: str = "spiking_lmu.require") -> Any:
    """Import NengoDL, nengo-loihi or TensorFlow so that they work together.

    Parameters
    ----------
    module : str
        ``"nengo_dl"``, ``"nengo_loihi"`` or ``"tensorflow"``.
    needed_by : str
        The function or option that needs it, which an error names.

    Returns
    -------
    module

    Raises
    ------
    nengo.exceptions.ValidationError
        If it is not installed, is another release than the one known here, or if
        ``tf.keras`` is in use already and is Keras 3. The message says what to do.

    Examples
    --------
    >>> nengo_dl = require("nengo_dl")  # doctest: +SKIP
    """
    check_choice("module", module, tuple(EXTRAS))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with _IMPORTING, _without_warnings(module):
            package = _IMPORTS[module]()
    except ImportError as error:
        raise missing(module, needed_by, f"cannot be imported ({error})") from error
    except ValidationError as error:  # an earlier import is in the way
        raise ValidationError(error.args[0], attr=needed_by) from None
    release = RELEASES.get(module)
    if release and not f"{package.__version__}.".startswith(f"{release}."):
        problem = f"is {package.__version__} here, and must be {release}"
        raise missing(module, needed_by, problem)
    return package


class MissingPackageError(ValidationError, ImportError):
    """An optional package cannot be imported, or not in the release that is needed."""

    def __init__(self, problem: str, needed_by: str = "") -> None:
        ValidationError.__init__(self, problem, attr=needed_by)


def missing(
    module: str, needed_by: str, problem: str = "is not installed"
) -> MissingPackageError:
    """The error that names an optional package, what needs it and what to install.

    Parameters
    ----------
    module : str
        A key of `EXTRAS` or `OTHER_EXTRAS`.
    needed_by : str
        A function or an option.
    problem : str
        What is wrong, as a clause about the package.
    """
    return MissingPackageError(
        f"needs {module}, which {problem}; install it with: {installation(module)}",
        needed_by,
    )


def installation(module: str) -> str:
    """The command that installs an optional package, by the extra that brings it."""
    extra = {**EXTRAS, **OTHER_EXTRAS}.get(module, "all")
    # NengoDL and nengo-loihi require an older setuptools than pip installs
    options = " --no-build-isolation, after pip install 'setuptools<80' wheel"
    if extra != "loihi" and sys.version_info >= (3, 14):
        # setup.cfg says why
        options += ", and then pip install --no-deps tf_keras"
    if extra in PLAIN_EXTRAS:
        options = ""
    return f"pip install 'spiking-lmu[{extra}]'{options}"


def _import_tensorflow() -> ModuleType:
    loaded = "tensorflow" in sys.modules
    notices = nullcontext() if loaded else _without_notices()
    with _environment("TF_USE_LEGACY_KERAS", "1"), notices:
        import_module("tf_keras")
        tf: Any = import_module("tensorflow")
        names = {name: getattr(tf, name).__name__ for name in KERAS}
    if not all(name.startswith("tf_keras") for name in names.values()):
        raise ValidationError(
            "tf.keras is Keras 3 here, and NengoDL needs Keras 2: call "
            'spiking_lmu.require("nengo_dl") before anything uses tf.keras, or set '
            "TF_USE_LEGACY_KERAS=1 before Python starts",
            attr="module",
        )
    return tf


def _import_nengo_dl() -> ModuleType:
    if "nengo_dl" in sys.modules:
        return import_module("nengo_dl")
    tf: Any = _import_tensorflow()

    def call(command: Any, *args: Any, **options: Any) -> int:
        if "list_physical_devices('GPU')" not in command[-1]:
            return subprocess.call(command, *args, **options)
        return int(not tf.config.list_physical_devices("GPU"))

    stand_ins = {
        "keras.engine.functional": import_module("tf_keras.src.engine.functional"),
        "keras.layers": import_module("tf_keras.src.layers"),
        "subprocess": _Mended(subprocess, call=call),
    }
    with _modules(stand_ins), _without_notices():
        package = import_module("nengo_dl")
    import_module("spiking_lmu.tensorflow_spikes")
    return package


def _import_nengo_loihi() -> ModuleType:
    hidden = () if sys.modules.get("nengo_dl") else ("tensorflow", "nengo_dl")
    with _without(*hidden):
        package = import_module("nengo_loihi")
    for name in ("block", "dvs", "neurons"):
        vars(import_module(f"nengo_loihi.{name}"))["np"] = _Mended(
            np, array=_array, fromstring=_fromstring
        )
    return package


_IMPORTS = {
    "nengo_dl": _import_nengo_dl,
    "nengo_loihi": _import_nengo_loihi,
    "tensorflow": _import_tensorflow,
}


class _Mended(ModuleType):
    """A module some of whose names are replaced. The module itself is left alone."""

    def __init__(self, module: ModuleType, **names: Any) -> None:
        super().__init__(module.__name__)
        self._module = module
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _array(*args: Any, copy: bool = True, **options: Any) -> np.ndarray:
    """``np.array`` that copies where it must, as numpy 1 did with ``copy=False``."""
    return np.array(*args, copy=copy or _IF_NEEDED, **options)


def _fromstring(data: bytes, dtype: Any) -> np.ndarray:
    return np.frombuffer(data, dtype).copy()


# numpy 1 takes no None
_IF_NEEDED: Any = None if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else False


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set an environment variable, and restore it afterwards."""
    given = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if given is None:
            del os.environ[name]
        else:
            os.environ[name] = given


@contextmanager
def _without_warnings(module: str) -> Iterator[None]:
    """Import a module without its warning about the version of Nengo.

    Filters of warnings belong to the whole process. They do not change if the module
    has already been imported.
    """
    if sys.modules.get(module):
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This version of .* has not been tested")
        yield


@contextmanager
def _without_notices() -> Iterator[None]:
    """Remove notices of TensorFlow from what is written to stderr."""
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    try:
        stderr = os.dup(2)
    except OSError:  # the process has no stderr
        yield
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            file.seek(0)
            notice = False
            for line in file:
                further = notice and _CONTINUED.match(line)
                notice = bool(further or _NOTICE.match(line))
                if not notice:
                    os.write(2, line)


@contextmanager
def _modules(stand_ins: dict[str, ModuleType]) -> Iterator[None]:
    """Replace modules of these names, and restore them afterwards."""
    given = {name: sys.modules.pop(name, None) for name in stand_ins}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, module in given.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module


class _Hidden:
    """Hides packages from one thread, as if they were not installed."""

    def __init__(self, *packages: str) -> None:
        self.packages, self.thread = packages, threading.get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name in self.packages and threading.get_ident() == self.thread:
            raise ModuleNotFoundError(f"{name} is not needed here", name=name)


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    finder: Any = _Hidden(*packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
