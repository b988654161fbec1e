"""Docstrings of experiments, made of those that declare their arguments."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

PARAMETERS = "Parameters\n----------\n"
RAISES = """Raises
------
nengo.exceptions.ValidationError
    If an argument is out of range.
ImportError
    If a package that the experiment needs is not installed."""


def of_run(
    own: Callable[..., Any],
    where: Callable[..., Any],
    returned: str,
    left_out: Sequence[str] = (),
) -> str:
    """The docstring of an experiment as a function.

    Parameters
    ----------
    own, where : callable
        Whose parameters it has: first those of the experiment, then those of how it
        is run.
    returned : str
        What the rows are.
    left_out : sequence of str
        Parameters of ``where`` that it does not have.
    """
    shared = documentation(where)[1]
    for name in left_out:
        shared = re.sub(rf"(?m)^{name} : .*\n(    .*\n)+", "", shared)
    before, parameters, after = documentation(own)
    returns = f"Failed trials are left out. {returned}".strip()
    raises = "" if "\n\nRaises\n---" in after else f"\n\n{RAISES}"
    if "\n" not in returns:
        returns = textwrap.fill(returns, 80, subsequent_indent="    ")
    return (
        f"{before}{PARAMETERS}{parameters}\n{shared}\n\n"
        f"Returns\n-------\ntrials : pandas.DataFrame\n    {returns}"
        f"{raises}{after}\n"
    )


def documentation(function: Callable[..., Any]) -> tuple[str, str, str]:
    """A numpydoc docstring: before its parameters, the parameters, and after them."""
    before, _, rest = (inspect.getdoc(function) or "").partition(PARAMETERS)
    parted: Any = re.fullmatch(r"(.*?)(\n\n\w+\n---+\n.*)?", rest, re.S)
    own, after = parted.groups("")
    return before, own.rstrip(), after
