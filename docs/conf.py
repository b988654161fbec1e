"""Configuration of the documentation site, which `make docs` builds."""

from __future__ import annotations

import logging
import os
from pathlib import Path

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

# Pages are read on GitHub too, where headings have anchors of the same form.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "dollarmath"]

# Each build runs the notebooks. What they write to stderr, such as warnings, fails it.
nb_execution_mode = "force"
nb_execution_timeout = 600  # seconds, for a cell on a busy machine
nb_execution_in_temp = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_output_stderr = "warn"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # no page has widgets
logging.getLogger("traitlets").setLevel(logging.WARNING)  # of each notebook that runs
os.environ["MATPLOTLIBRC"] = str(HERE / "matplotlibrc")

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
