"""Command-line arguments: their types, lists comma-separated, and those of all."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable, TypeVar

Item = TypeVar("Item")
#: The type of an option, the name of its value, and its help.
Option = tuple[Callable[[str], Any], str, str]

EXECUTION = ("folder", "jobs", "scheduler", "progress")


def integers(text: str) -> tuple[int, ...]:
    """``"3,6"`` as (3, 6)."""
    return _items(text, int, "integers")


def numbers(text: str) -> tuple[float, ...]:
    """``"0.1,0.5"`` as (0.1, 0.5)."""
    return _items(text, float, "numbers")


def words(text: str) -> tuple[str, ...]:
    """``"poisson,lif"`` as ("poisson", "lif")."""
    return _items(text, str, "words")


def folder(text: str) -> Path:
    """A folder that is there or can be made, as far as can be told beforehand."""
    path = Path(text)
    try:
        files = [p for p in (path, *path.parents) if p.exists() and not p.is_dir()]
    except OSError as error:
        raise argparse.ArgumentTypeError(f"must be a folder ({error})") from None
    if not text or files:
        found = f"{files[0]} is a file" if files else "is empty"
        raise argparse.ArgumentTypeError(f"must be a folder, but {found}")
    return path


def address(text: str) -> str:
    """Where a Dask scheduler listens, such as ``"tcp://host:8786"``."""
    if not re.fullmatch(r"(\w+://\S+|\S+:\d+)", text):
        raise argparse.ArgumentTypeError(
            f"must be an address such as tcp://host:8786, but is {text!r}"
        )
    return text


def add_execution(parser: argparse.ArgumentParser) -> None:
    """Add where and how visibly a sweep runs: what does not change its results."""
    add = parser.add_argument
    add("--jobs", type=int, metavar="N", help="local processes (one for each core)")
    add(
        "--scheduler",
        type=address,
        metavar="ADDRESS",
        help="of a Dask cluster, to run there instead",
    )
    add("--quiet", action="store_true", help="no progress bar")


def add_options(
    parser: argparse.ArgumentParser,
    options: Mapping[str, Option],
    run: Callable[..., Any],
    full: Mapping[str, Any] | None = None,
) -> None:
    """Add arguments of ``run``, with its defaults in their help.

    None of them is set where it was not given: see `chosen`. ``full`` is what
    ``--full`` sets.
    """
    parameters = inspect.signature(run).parameters
    for name, (kind, metavar, text) in options.items():
        default = shown(parameters[name].default)
        if full and name in full:
            default += f"; {shown(full[name])} with --full"
        flag = f"--{name.replace('_', '-')}"
        help_text = f"{text} ({default})" if default else text
        parser.add_argument(flag, type=kind, metavar=metavar, help=help_text)


def shown(default: Any) -> str:
    """A default as one would type it; nothing for None."""
    if isinstance(default, tuple):
        return ",".join(map(shown, default))
    if isinstance(default, float):
        return f"{default:g}"
    return "" if default is None else str(default)


def chosen(
    run: Callable[..., Any],
    args: argparse.Namespace,
    full: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What is to be run: the defaults of ``run``, ``full``, then what was given."""
    parameters = inspect.signature(run).parameters
    options = {n: p.default for n, p in parameters.items() if n not in EXECUTION}
    given = {n: v for n, v in vars(args).items() if n in options and v is not None}
    return {**options, **(full or {}), **given}


def _items(text: str, kind: Callable[[str], Item], name: str) -> tuple[Item, ...]:
    try:
        items = tuple(kind(item.strip()) for item in text.split(","))
    except ValueError:
        items = ()
    if not items or "" in items:
        raise argparse.ArgumentTypeError(
            f"must be {name} separated by commas, but is {text!r}"
        )
    return items
