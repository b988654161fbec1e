"""Code in README.md and docs/: it runs, or at least names what exists.

`make docs` runs the pages that are notebooks, whose blocks are ``{code-cell}``.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


FENCE = re.compile(r"```(python|\{code-cell\} i?python3?)\n(.*?)```", re.S)


def blocks(page):
    """Blocks of Python by name. The cells of a notebook are one block."""
    found, cells = {}, []
    for i, (kind, block) in enumerate(FENCE.findall(page.read_text())):
        if kind == "python":
            found[f"{page.name}-{i}"] = dedent(block)
        else:
            cells.append(re.sub(r"^[%:].*\n", "", block))  # magic, or tags of a cell
    if cells:
        found[f"{page.name}-cells"] = "\n".join(cells)
    return found


BLOCKS = [
    pytest.param(block, id=name)
    for page in PAGES
    for name, block in blocks(page).items()
]
PUBLIC = [
    "spiking_lmu",
    "spiking_lmu.networks",
    "spiking_lmu.hardware.loihi",
    "spiking_lmu.training",
    "spiking_lmu.data",
]


def imported(tree):
    """What a block imports, by its name in the block."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = importlib.import_module(alias.name)
                found[alias.asname or alias.name] = module
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
                found[alias.asname or alias.name] = getattr(module, alias.name)
    return found


def named(node, names):
    """The object that an expression such as ``training.fit`` names, if it is imported.

    An attribute that a module or class does not have is an AttributeError.
    """
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = named(node.value, names)
        return None if owner is None else getattr(owner, node.attr)
    return None


@pytest.mark.parametrize("block", BLOCKS)
def test_names_and_arguments_exist(block):
    tree = ast.parse(block)
    names = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            named(node, names)
        if isinstance(node, ast.Call) and (function := named(node.func, names)):
            given = {k.arg: None for k in node.keywords if k.arg}
            try:
                signature = inspect.signature(function)
            except ValueError:  # compiled functions of numpy 1 have none
                continue
            signature.bind_partial(*node.args, **given)


def test_site_has_every_page():
    """The lists of docs/index.md, which are its menu."""
    entries = re.findall(r"^\w+$", (DOCS / "index.md").read_text(), re.M)
    pages = [path.stem for path in DOCS.iterdir() if path.suffix in (".md", ".rst")]
    assert sorted(["index", *entries]) == sorted(pages)


@pytest.mark.parametrize("module", PUBLIC)
def test_reference_has_every_public_name(module):
    parts = (DOCS / "api.rst").read_text().split(".. currentmodule:: ")[1:]
    listed = {
        f"{owner}.{name}"
        for owner, section in (part.split("\n", 1) for part in parts)
        for name in re.findall(r"^   (\w[\w.]*)$", section, re.M)
    }
    owner = importlib.import_module(module)
    names = [n for n in owner.__all__ if not inspect.ismodule(getattr(owner, n))]
    there = {name for name in listed if name.rpartition(".")[0] == module}
    assert there == {f"{module}.{name}" for name in names} != set()


def test_pages_have_blocks():
    found = {p.id for p in BLOCKS}
    assert "README.md-0" in found
    notebooks = {p for p in PAGES if "file_format: mystnb" in p.read_text()}
    assert len(notebooks) >= 7
    assert {f"{page.name}-cells" for page in notebooks} <= found
    for page in notebooks:  # inside of a list, a cell is not run
        assert not re.search(r"^ +```\{code-cell\}", page.read_text(), re.M)


def block_of(name):
    (block,) = (p.values[0] for p in BLOCKS if p.id == name)
    return compile(block, name, "exec")


def test_notebook_of_the_simulator_runs(capsys):
    namespace = {}
    exec(block_of("simulator.md-cells"), namespace)
    assert "(8, 1000, 1)" in (printed := capsys.readouterr().out)
    assert "Python function" in printed


@pytest.mark.slow
def test_block_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    exec(block_of("README.md-0"), namespace)
    sim, probe = namespace["sim"], namespace["probe"]
    assert sim.data[probe].shape == (10_000, 2)
