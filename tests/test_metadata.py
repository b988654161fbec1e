"""Files that repeat what setup.cfg or README.md says, for other programs."""

import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import spiking_lmu

ROOT = Path(__file__).parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")


def read_yaml(name):
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((ROOT / name).read_text())


def test_citation_is_of_this_version_and_licence():
    citation = read_yaml("CITATION.cff")
    assert citation["version"] == spiking_lmu.__version__
    assert citation["license"] == SETUP["metadata"]["license"]
    assert citation["title"].startswith(SETUP["metadata"]["name"])
    assert [author["name"] for author in citation["authors"]] == [
        SETUP["metadata"]["author"]
    ]
    for paper in citation["references"]:
        assert {"type", "title", "authors", "year"} <= set(paper)


def test_conda_environment_has_the_bounds_of_the_package():
    listed = read_yaml("environment.yml")["dependencies"]
    ours = [
        Requirement(one.partition("#")[0]) for one in listed if one is not listed[-1]
    ]
    theirs = [
        Requirement(line)
        for line in SETUP["options"]["install_requires"].splitlines()
        if line and not line.startswith("#")
    ]
    bounds = {required.name: required.specifier for required in theirs}
    bounds["matplotlib-base"] = bounds["matplotlib"]
    compiled = [one for one in ours if one.name in bounds]
    assert len(compiled) == 5
    for one in compiled:
        assert one.specifier == bounds[one.name], one.name
    (python,) = (one.specifier for one in ours if one.name == "python")
    assert SETUP["options"]["python_requires"] in str(python).split(",")
    assert listed[-1] == {"pip": ["-e ."]}


def test_container_runs_the_two_commands_of_the_readme():
    block = r"```\w*\n(make precision\n.*?)```"
    found = re.search(block, (ROOT / "README.md").read_text(), re.S)
    last = (ROOT / "Dockerfile").read_text().splitlines()[-1]
    assert last == f'CMD ["sh", "-c", "{" && ".join(found[1].splitlines())}"]'
