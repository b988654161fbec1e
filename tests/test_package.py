"""What is installed, and what an import costs."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import spiking_lmu

LAYERS = ("experiments", "hardware", "networks")
HEAVY = ("tensorflow", "nengo_dl", "nengo_loihi", "matplotlib", "pandas", "numba")
# the installed one: `python -m pytest` also sees what a build left in this folder
DISTRIBUTION = next(
    found
    for found in importlib.metadata.distributions(name="spiking-lmu")
    if found.read_text("RECORD")
)


def folders() -> dict[str, Path]:
    """Where each part's sources are, in the repository or installed."""
    found = {"": Path(spiking_lmu.__file__).parent}
    for layer in LAYERS:
        spec = importlib.util.find_spec(f"spiking_lmu.{layer}")
        found[layer] = Path(spec.origin).parent
    return found


def loaded_by(statement: str, folder: Path) -> set[str]:
    """Top-level names of the modules that an interpreter started there loads."""
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("module", ["", ".data", ".experiments", ".hardware"])
def test_import_loads_nothing_until_a_name_is_used(module, tmp_path):
    loaded = loaded_by(f"import spiking_lmu{module}", tmp_path)
    assert "spiking_lmu" in loaded
    assert not loaded & {"nengo", "numpy", "scipy", *HEAVY}


def test_networks_and_training_load_nothing_heavy(tmp_path):
    statement = "import spiking_lmu.networks as n, spiking_lmu.training as t; n.LMU"
    assert not loaded_by(statement, tmp_path) & set(HEAVY)


@pytest.mark.parametrize("module", ["", ".data", ".networks", ".training"])
def test_all_that_a_package_offers_is_there(module):
    package = importlib.import_module(f"spiking_lmu{module}")
    for name in package.__all__:
        assert getattr(package, name) is getattr(package, name)
        assert name in dir(package)
    with pytest.raises(AttributeError, match="has no attribute 'missing'"):
        package.missing  # noqa: B018


def test_functions_are_not_hidden_by_modules_that_are_imported_first():
    for module in ("realization", "legendre", "networks.lmu", "training.weights"):
        importlib.import_module(f"spiking_lmu.{module}")
    assert callable(spiking_lmu.state_space) and callable(spiking_lmu.realize)


@pytest.mark.parametrize(
    "name",
    [
        "networks.LegendreMemory",
        "hardware.loihi.Simulator",
        "experiments.precision.run",
        "training.fit",
        "validation.refusal",
    ],
)
def test_one_import_is_enough_for_all_that_lies_within(name, tmp_path):
    loaded = loaded_by(f"import spiking_lmu; spiking_lmu.{name}", tmp_path)
    assert "spiking_lmu" in loaded


def test_a_misspelt_name_is_told_which_it_might_be():
    with pytest.raises(AttributeError) as raised:
        spiking_lmu.realise  # noqa: B018
    assert raised.value.name == "realise" and raised.value.obj is spiking_lmu
    assert not hasattr(spiking_lmu, "__wrapped__")
    assert {"networks", "hardware", "experiments"} <= set(dir(spiking_lmu))


def test_version_is_that_of_the_distribution():
    assert spiking_lmu.__version__ == DISTRIBUTION.version
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", spiking_lmu.__version__)


def test_types_are_shipped():
    assert (folders()[""] / "py.typed").is_file()


def test_no_generic_name_is_installed():
    top = {file.parts[0] for file in DISTRIBUTION.files or ()}
    ours = re.compile(
        r"spiking_lmu(-.*)?"  # the package, and the folder of its metadata
        r"|__editable__.*|__pycache__"  # an editable installation's pointers
        r"|\.\."  # the command, in the environment's bin
        r"|(\./)?.*\.(egg-info|pth)"
    )
    assert [name for name in top if not ours.fullmatch(name)] == []
    declared = (DISTRIBUTION.read_text("top_level.txt") or "spiking_lmu").split()
    assert declared == ["spiking_lmu"]


def test_all_extras_names_every_other():
    """But that of recordings, one of whose packages requires 20 more."""
    requirements = DISTRIBUTION.requires or []
    (everything,) = (
        re.search(r"\[(.*?)\]", line)
        for line in requirements
        if re.match(r"spiking.lmu\[", line)
    )
    extras = set(DISTRIBUTION.metadata.get_all("Provides-Extra") or ())
    named = {name.strip() for name in everything.group(1).split(",")}
    assert named == extras - {"all", "recordings"}


def test_command_is_installed():
    commands = {
        entry.name: entry.value
        for entry in DISTRIBUTION.entry_points
        if entry.group == "console_scripts"
    }
    assert commands == {"spiking-lmu": "spiking_lmu.experiments.command:main"}
