"""Who imports whom, by the sources alone: downwards, and never in a circle."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

# From the top down: each may import itself and what stands below it.
LAYERS = ("experiments", "hardware", "networks")
# Within spiking_lmu itself: what each folder may import beside itself and the root.
FOLDERS: dict[str, tuple[str, ...]] = {"training": ("data",), "data": ()}
LONGEST = 450  # lines of a module
ROOT = Path(__file__).parents[1]
READABLE = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("examples/*.py"),
]


def folder(package: str) -> Path:
    """Where a package's sources are, in the repository or installed."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


@cache
def modules() -> dict[str, Path]:
    """Every module by its name within spiking_lmu; packages end in ``__init__``."""
    found = {}
    root = folder("spiking_lmu")
    for layer in ("", *LAYERS):
        top = folder(f"spiking_lmu.{layer}") if layer else root
        for file in sorted(top.rglob("*.py")):
            parts = file.relative_to(top).with_suffix("").parts
            # installed, the layers are folders of spiking_lmu itself
            if layer or parts[0] not in LAYERS:
                found[".".join([*filter(None, [layer]), *parts])] = file
    return found


def statements(tree: ast.AST) -> list[ast.stmt]:
    """All statements, but those that only a type checker sees."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.stmt):
            found.append(node)
        found += statements(node)
    return found


def imported(source: str, package: str) -> set[str]:
    """Full names of all that a source imports, with relative ones resolved."""
    names = set()
    for node in statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join(parents) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


@cache
def offered(package: str) -> dict[str, str]:
    """Where the names come from that a package imports when they are first used."""
    source = modules()[f"{package}.__init__".lstrip(".")].read_text(encoding="utf-8")
    homes = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                assert isinstance(line, ast.ImportFrom) and line.level == 1
                home = ".".join(filter(None, [package, line.module]))
                homes |= {alias.name: f"{home}.{alias.name}" for alias in line.names}
    return homes


def resolved(name: str) -> str | None:
    """The module that an imported name comes from; None if it is not of ours."""
    if name != "spiking_lmu" and not name.startswith("spiking_lmu."):
        return None
    name = name.removeprefix("spiking_lmu").lstrip(".")
    package, _, last = name.rpartition(".")
    if f"{package}.__init__".lstrip(".") in modules():
        name = offered(package).get(last, name)
    while name and name not in modules() and f"{name}.__init__" not in modules():
        name = name.rpartition(".")[0]
    return name if name in modules() else f"{name}.__init__".lstrip(".")


@cache
def uses() -> dict[str, set[str]]:
    """The modules that each module imports."""
    graph = {}
    for module, file in modules().items():
        package = f"spiking_lmu.{module}".rpartition(".")[0]
        names = imported(file.read_text(encoding="utf-8"), package)
        graph[module] = {m for m in map(resolved, names) if m} - {module}
    return graph


def layer_of(module: str) -> int:
    """0 for the uppermost, and one more for each below."""
    first = module.partition(".")[0]
    return LAYERS.index(first) if first in LAYERS else len(LAYERS)


@pytest.mark.parametrize(
    ("source", "package", "expected"),
    [
        ("import spiking_lmu.networks", "spiking_lmu", "networks.__init__"),
        ("from . import networks", "spiking_lmu", "networks.__init__"),
        ("from .networks import LMU", "spiking_lmu", "networks.lmu"),
        ("from spiking_lmu import rmse", "spiking_lmu.networks", "metrics"),
        ("from .. import hardware", "spiking_lmu.networks", "hardware.__init__"),
        (
            "from ..validation import refusal",
            "spiking_lmu.networks",
            "validation",
        ),
        (
            "def f():\n    from spiking_lmu.networks import lmu",
            "spiking_lmu",
            "networks.lmu",
        ),
    ],
)
def test_imports_are_resolved_in_every_form(source, package, expected):
    assert [resolved(name) for name in imported(source, package)] == [expected]


def test_imports_for_type_checkers_do_not_count():
    source = "if TYPE_CHECKING:\n    import spiking_lmu.hardware\nimport numpy"
    assert imported(source, "spiking_lmu") == {"numpy"}


@pytest.mark.parametrize("module", modules())
def test_imports_point_downwards(module):
    for used in uses()[module]:
        assert layer_of(used) >= layer_of(module), used
        if layer_of(module) == len(LAYERS):  # training and data use the root, only
            own, other = module.partition(".")[0], used.partition(".")[0]
            assert other not in FOLDERS or other == own or other in FOLDERS.get(own, ())
    # the folders have their own names only inside the package
    source = modules()[module].read_text(encoding="utf-8")
    assert not {n.split(".")[0] for n in imported(source, "")} & {*LAYERS, *FOLDERS}


def test_no_module_imports_itself_by_way_of_others():
    graph, done = uses(), set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " > ".join((*way, module))
        if module not in done:
            for used in sorted(graph[module]):
                visit(used, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("module", modules())
def test_modules_are_short(module):
    n_lines = len(modules()[module].read_text(encoding="utf-8").splitlines())
    assert n_lines <= LONGEST


@pytest.mark.parametrize("package", ["", "data", "training", "networks", "experiments"])
def test_what_is_offered_is_declared_for_type_checkers_too(package):
    found = importlib.import_module(f"spiking_lmu.{package}".rstrip("."))
    assert found.__all__ == sorted(offered(package))
    # a module of the same name would replace what is offered once it is imported
    own = {m.rpartition(".")[2] for m in modules() if m.rpartition(".")[0] == package}
    assert not set(found.__all__) & own


def test_readers_are_shown_no_deeper_imports():
    packages = "networks|hardware|training|data|experiments"
    deeper = re.compile(
        rf"^\s*(?:from|import) spiking_lmu\.(?!(?:{packages})(?:\s|$))\S+"
        rf"|^\s*(?:from|import) spiking_lmu\.\w+\.\S+",
        re.MULTILINE,
    )
    assert READABLE
    for file in READABLE:
        found = deeper.findall(file.read_text(encoding="utf-8"))
        assert found == [], file.name


@pytest.mark.parametrize("module", ["signals", "data.recordings"])
def test_heavy_packages_are_imported_where_they_are_used(module):
    code = (
        f"import sys, spiking_lmu.{module}; print([name for name in "
        "('pandas', 'scipy.signal', 'scipy.io', 'matplotlib') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
