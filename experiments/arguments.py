"""Command-line arguments: their types, lists comma-separated, and those of all."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

Item = TypeVar("Item")
#: The type of an option, the name of its value, and its help.
Option = tuple[Callable[[str], Any], str, str]

EXECUTION = ("folder", "jobs", "scheduler", "progress")


#: Options by which a command asks another question, so that its results belong into
#: another folder; and their values that make no difference.
FOLDERS: dict[str, dict[str, Any]] = {
    "precision": {"network": "memory", "signal": None, "backend": "nengo"},
    "deploy": {"model": None, "data": None, "target": "nengo"},
}
LONGEST_NAME = 60  # characters, of what a file gives to the name of a folder


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line: the option, its value and what is allowed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register("type", int, integer)
        self.register("type", float, number)

    def error(self, message: str) -> NoReturn:
        """Print the error and end with status 2."""
        self.exit(2, f"{self.prog}: error: {message}\n")

    def named(self, name: str) -> str:
        """An argument as the user types it: an option, or what help calls it."""
        for action in self._actions:
            if action.dest == name:
                return "/".join(action.option_strings) or str(action.metavar or name)
        return name


def results_folder(name: str, args: argparse.Namespace) -> Path:
    """Where a command writes by default: ``results/NAME``, and what is asked of it.

    So that what is asked of another network, recording, model or simulator does not
    take the place of what was found before.
    """
    given = {
        option: value
        for option, standard in FOLDERS.get(name, {}).items()
        if (value := getattr(args, option)) not in (None, "", standard)
    }
    texts = ["-".join(v) if isinstance(v, tuple) else v for v in given.values()]
    parts = [
        re.sub(r"[^\w.-]+", "_", Path(text).stem if "." in text else text).strip("._-")
        for text in texts
    ]
    words = [name, *(part[:LONGEST_NAME] for part in parts if part)]
    if name == "deploy":  # of nothing but models
        return Path("results", name, "-".join(words[1:]) or "model")
    return Path("results", "-".join(words))


def integer(text: str) -> int:
    """``"3"`` as 3."""
    return _item(text, int, "an integer")


def number(text: str) -> float:
    """``"0.5"`` as 0.5."""
    return _item(text, float, "a number")


def _item(text: str, kind: Callable[[str], Item], name: str) -> Item:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be {name}, but is {abbreviated(text)}"
        ) from None


def abbreviated(text: str) -> str:
    """What a user typed, quoted, and cut where it is very long."""
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}..."


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
            f"must be an address such as tcp://host:8786, but is {abbreviated(text)}"
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
            f"must be {name} separated by commas, but is {abbreviated(text)}"
        )
    return items
