"""What is installed, what an import costs, and who may import whom."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import spiking_lmu

# The parts from the top down: each may import itself and what stands below it.
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


def sources() -> list[tuple[str, Path]]:
    """Every source file, with the part that it belongs to."""
    return [
        (layer, file)
        for layer, folder in folders().items()
        for file in sorted(folder.rglob("*.py"))
        # installed, the parts are folders of spiking_lmu itself
        if layer or file.relative_to(folder).parts[0] not in LAYERS
    ]


def imported(tree: ast.AST, package: str) -> set[str]:
    """Names of all modules that a source imports, with relative ones resolved."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join(parents) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(
    ("source", "package", "expected"),
    [
        ("import spiking_lmu.networks", "spiking_lmu", "spiking_lmu.networks"),
        ("from . import networks", "spiking_lmu", "spiking_lmu.networks"),
        ("from .. import hardware", "spiking_lmu.networks", "spiking_lmu.hardware"),
        ("from ..experiments.sweeps.tasks import x", "spiking_lmu.networks",
         "spiking_lmu.experiments.sweeps.tasks"),
        ("def f():\n    from spiking_lmu import networks", "spiking_lmu",
         "spiking_lmu.networks"),
    ],
)  # fmt: skip
def test_imported_resolves_every_form(source, package, expected):
    assert expected in imported(ast.parse(source), package)


@pytest.mark.parametrize(
    ("layer", "file"),
    [pytest.param(*pair, id="/".join(pair[1].parts[-2:])) for pair in sources()],
)
def test_imports_point_downwards(layer, file):
    above = LAYERS if not layer else LAYERS[: LAYERS.index(layer)]
    folder = folders()[layer]
    package = ".".join(
        ["spiking_lmu", *filter(None, [layer]), *file.relative_to(folder).parts[:-1]]
    )
    names = imported(ast.parse(file.read_text(encoding="utf-8")), package)
    for name in names:
        assert not re.match(rf"spiking_lmu\.({'|'.join(above) or '$'})\b", name)
        # the folders have their own names only inside the package
        assert name.split(".")[0] not in LAYERS


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


@pytest.mark.parametrize("module", ["spiking_lmu", "spiking_lmu.networks"])
def test_import_is_light(module, tmp_path):
    loaded = loaded_by(f"import {module}", tmp_path)
    assert "spiking_lmu" in loaded
    assert not loaded & set(HEAVY)


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
    requirements = DISTRIBUTION.requires or []
    (everything,) = (
        re.search(r"\[(.*?)\]", line)
        for line in requirements
        if re.match(r"spiking.lmu\[", line)
    )
    extras = set(DISTRIBUTION.metadata.get_all("Provides-Extra") or ())
    assert {name.strip() for name in everything.group(1).split(",")} == extras - {"all"}


def test_command_is_installed():
    commands = {
        entry.name: entry.value
        for entry in DISTRIBUTION.entry_points
        if entry.group == "console_scripts"
    }
    assert commands == {"spiking-lmu": "spiking_lmu.experiments.command:main"}
