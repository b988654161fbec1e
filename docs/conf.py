"""Configuration of the documentation site, which `make docs` builds."""

from __future__ import annotations

import inspect
import logging
import os
import re
from collections import defaultdict
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import spiking_lmu
from spiking_lmu.experiments.sweeps.backends import compile_simulator

HERE = Path(__file__).parent

project = "spiking-lmu"
author = "The spiking-lmu developers"
project_copyright = author
version = release = spiking_lmu.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["inventories", "templates"]
templates_path = ["templates"]
show_warning_types = True

html_theme = "furo"
html_title = f"spiking-lmu {release}"
html_copy_source = False
html_css_files = ["site.css"]

# One file of MathJax becomes part of the site, so that formulas need no internet.
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
mathjax_path = "tex-svg.js"
html_static_path = ["static", str(MATHJAX / mathjax_path)]

# Pages are read on GitHub too, where headings have anchors of the same form.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "dollarmath"]

# Each build runs the notebooks. What they write to stderr, such as warnings, fails it.
nb_execution_mode = "force"
nb_execution_timeout = 1800  # seconds for a cell, on a busy machine
nb_execution_in_temp = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_output_stderr = "warn"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # no page has widgets
logging.getLogger("traitlets").setLevel(logging.WARNING)  # of each notebook that runs
os.environ["PYTHONWARNINGS"] = "ignore:No GPU support"  # of the import of NengoDL
os.environ["MATPLOTLIBRC"] = str(HERE / "matplotlibrc")
# Nengo caches decoders, and warns where another process has the lock of the cache. The
# notebooks do without, in a profile of IPython that has nothing of the user's.
os.environ["IPYTHONDIR"] = str(HERE.parent / "build" / "ipython")
START = 'import nengo\n\nnengo.rc.set("decoder_cache", "enabled", "False")\ndel nengo\n'
startup = Path(os.environ["IPYTHONDIR"], "profile_default", "startup", "nengo_cache.py")
startup.parent.mkdir(parents=True, exist_ok=True)
startup.write_text(START, encoding="utf-8")

# A name in single backticks in a docstring is a link if there is a page for it.
default_role = "py:obj"
autosummary_generate = True
autodoc_typehints = "none"  # docstrings have the types
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = {"optional", "or", "of", "and", "callable", "path", "mapping"}
# numpydoc's own aliases are terms and labels, which the inventories below do not have
numpydoc_xref_aliases = {
    "array": "numpy.ndarray",
    "array_like": "array_like",
    "bool": "bool",
    "boolean": "bool",
    "ndarray": "numpy.ndarray",
    "sequence": "sequence",
}

# Names that have a page in the documentation of others. The lists are here, so that the
# build needs no internet, in the first format of inventories, which is text. That of
# Nengo follows the sources of its pages; the others have what our docstrings name.
intersphinx_mapping = {
    name: (url, f"inventories/{name}.inv")
    for name, url in {
        "matplotlib": "https://matplotlib.org/stable",
        "nengo": "https://www.nengo.ai/nengo",
        "numpy": "https://numpy.org/doc/stable",
        "pandas": "https://pandas.pydata.org/docs",
        "python": "https://docs.python.org/3",
        "scipy": "https://docs.scipy.org/doc/scipy/reference",
    }.items()
}

# Here, and not in the first notebook, which would say so on its page.
for minibatch in (False, True):
    compile_simulator(announce=False, minibatch=minibatch)

PUBLIC = ("", ".networks", ".training", ".data", ".hardware.loihi")


@cache
def public_names() -> dict[str, str]:
    """The full name of what is public, by each end of the name that is of one only."""
    owners = defaultdict(set)
    for module in (f"spiking_lmu{part}" for part in PUBLIC):
        owner = import_module(module)
        for name in owner.__all__:
            if not inspect.ismodule(getattr(owner, name)):
                words = f"{module}.{name}".split(".")
                for i in range(len(words)):
                    owners[".".join(words[i:])].add(".".join(words))
    return {end: min(full) for end, full in owners.items() if len(full) == 1}


def link_names(app: Sphinx, doctree: nodes.document) -> None:
    """Make a link of each public name, and each of Nengo's, in the prose of a page."""
    page = app.env.docname
    if page.startswith("reference/"):
        return
    names = public_names()
    for literal in list(doctree.findall(nodes.literal)):
        found = re.fullmatch(r"([A-Za-z][\w.]*)(\(.*\))?", literal.astext())
        if not found or isinstance(literal.parent, (pending_xref, nodes.reference)):
            continue
        name, call = found.groups()
        telling = call or re.search(r"[._A-Z]", name)  # "save" may be any word
        target = name if name.startswith("nengo.") else names.get(name)
        if telling and target:
            link = pending_xref(
                "",
                refdomain="py",
                reftype="obj",
                reftarget=target,
                refdoc=app.env.docname,
            )
            literal.replace_self(link)
            link += literal


def find_public(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Resolve a name that a docstring of another module gives without its module."""
    full = public_names().get(node["reftarget"])
    if node.get("refdomain") != "py" or full is None:
        return None
    domain = env.domains["py"]
    page = node["refdoc"]
    return domain.resolve_xref(env, page, app.builder, "obj", full, node, content)


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", link_names)
    app.connect("missing-reference", find_public)
