"""`.ci/venv`: where it takes Python from, and how it installs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "venv"
TOOLS = ("cat", "cksum", "dirname", "head", "mkdir", "rm", "tail")
# stands for an interpreter, and writes down what it is asked for
PYTHON = '#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "$@" >>"$LOG"\n'
UV = f"""#!/bin/sh
[ "$1" = --version ] && exit 0
echo "uv $@" >>"$LOG"
mkdir -p "$6/bin"
[ "$5" = 3.12 ] || exit 2
cat >"$6/bin/python" <<'END'
{PYTHON}
END
/bin/chmod +x "$6/bin/python"
"""


@pytest.fixture
def run(tmp_path):
    """A function that runs the script, where there is nothing but what it is given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool))
    log = tmp_path / "log"

    def call(versions, **commands):
        for name, source in commands.items():
            (folder / name).write_text(source)
            (folder / name).chmod(0o755)
        log.write_text("")
        done = subprocess.run(
            ["/bin/sh", SCRIPT, tmp_path / "made", versions, "--editable", "."],
            env={"PATH": str(folder), "HOME": str(tmp_path), "LOG": str(log)},
            capture_output=True,
            text=True,
        )
        return done, log.read_text().splitlines()

    return call


def test_without_any_python_uv_is_asked_for_one(run, tmp_path):
    """For each version in turn; and pip installs into what it makes."""
    done, asked = run("3.11 3.12", uv=UV)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "made"
    assert asked[:2] == [
        f"uv venv --quiet --seed --python {version} {made}"
        for version in ("3.11", "3.12")
    ]
    assert "Python 3.12, from uv" in done.stderr
    assert "setuptools>=64,<80" in asked[2]
    assert asked[3].startswith("-m pip install")
    assert asked[3].endswith("--no-build-isolation --editable .")
    assert asked[4].endswith('--no-deps tf_keras>=2.21; python_version >= "3.14"')
    assert len(asked) == 5
    again, asked = run("3.11 3.12", uv=UV)
    assert again.returncode == 0 and asked == []


def test_a_python_that_fits_comes_before_uv(run):
    done, asked = run("3.11 3.12", uv=UV, python3=PYTHON)
    assert asked[0] == "--version" and not any(line.startswith("uv") for line in asked)
    assert "a new environment" in done.stderr


@pytest.mark.parametrize("uv", [None, UV])
def test_without_either_it_says_what_to_install(run, uv):
    done, _ = run("3.13", **({} if uv is None else {"uv": uv}))
    assert done.returncode == 3
    assert "wanted one of 3.13" in done.stderr and "or install uv" in done.stderr


def test_this_python_is_one_of_those_that_make_asks_for():
    listed = (SCRIPT.parents[1] / "Makefile").read_text().split("VERSIONS := ")[1]
    here = "{}.{}".format(*sys.version_info)
    assert here in listed.splitlines()[0].split()
    assert os.access(SCRIPT, os.X_OK)
