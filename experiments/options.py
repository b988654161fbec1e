"""The options of a command, from the signature and docstring of its experiment.

Lists are comma-separated. What cannot be converted is refused in words: what the option
must be, and what it was.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import NoneType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    get_args,
    get_origin,
    get_type_hints,
)

from cyclopts import Parameter

from spiking_lmu.experiments.arguments import execution
from spiking_lmu.experiments.docstrings import PARAMETERS, documentation

if TYPE_CHECKING:
    from spiking_lmu.experiments.experiment import Experiment

Kind = type[int] | type[float] | type[str]
#: Of types that a list or an option can have: what help shows, and in words.
KINDS: dict[Kind, tuple[str, str, str]] = {
    int: ("N", "an integer", "integers"),
    float: ("X", "a number", "numbers"),
    str: ("WORD", "a word", "words"),
}


def convert(text: str, kind: Kind) -> Any:
    """``"0.5"`` as 0.5."""
    try:
        return kind(text)
    except ValueError:
        raise _refusal(KINDS[kind][1], text) from None


def items(text: str, kind: Kind) -> tuple[Any, ...]:
    """``"3,6"`` as (3, 6)."""
    try:
        found = tuple(kind(item.strip()) for item in text.split(","))
    except ValueError:
        found = ()
    if not found or "" in found:
        raise _refusal(f"{KINDS[kind][2]} separated by commas", text)
    return found


def _refusal(allowed: str, text: str) -> ValueError:
    return ValueError(f"must be {allowed}, but is {abbreviated(text)}")


def folder(text: str) -> Path:
    """A folder that is there or can be made, as far as can be told beforehand."""
    path = Path(text)
    try:
        files = [p for p in (path, *path.parents) if p.exists() and not p.is_dir()]
    except (OSError, ValueError) as error:
        raise ValueError(f"must be a folder ({error})") from None
    if not text or files:
        found = f"{files[0]} is a file" if files else "is empty"
        raise ValueError(f"must be a folder, but {found}")
    return path


def address(text: str) -> str:
    """Where a Dask scheduler listens, such as ``"tcp://host:8786"``."""
    if not re.fullmatch(r"(\w+://\S+|\S+:\d+)", text):
        raise _refusal("an address such as tcp://host:8786", text)
    return text


def abbreviated(text: str) -> str:
    """What a user typed, quoted, and cut where it is very long."""
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}..."


def typed(value: Any) -> str:
    """A value as one would type it; nothing for None."""
    if isinstance(value, (tuple, list)):
        return ",".join(map(typed, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def command_function(experiment: Experiment) -> Callable[..., None]:
    """A function for cyclopts whose signature and docstring are those of a command.

    Its parameters are those of the experiment and of its variants, those of
    `execution`, and ``full`` where there is something that it sets. It is not called.
    """

    def command(**given: Any) -> None:
        raise NotImplementedError

    command.experiment = experiment  # type: ignore[attr-defined]
    parameters = sorted(_parameters(experiment), key=lambda p: p.kind)
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    documented = [*experiment.variants.values(), experiment]
    blocks = [documentation(one.make_tasks)[1] for one in documented]
    text = "\n".join([*blocks, documentation(execution)[1]])
    # one line for each, which help breaks where it must
    text = re.sub(r"(?m)(?<=^    )(\S.*(?:\n    \S.*)*)", _joined, text)
    command.__doc__ = f"Options.\n\n{PARAMETERS}{text}".replace("`", "")
    return command


def _joined(lines: re.Match[str]) -> str:
    return " ".join(lines[0].split())


def _parameters(experiment: Experiment) -> Iterator[inspect.Parameter]:
    if experiment.choice:
        name, usual, help = experiment.choice
        yield _option(name, str, usual, help, shown=usual)
    if experiment.full:
        yield _option("full", bool, False, experiment.full_help)
    every = [experiment, *experiment.variants.values()]
    for name in dict.fromkeys(name for one in every for name in one.parameters):
        if name not in experiment.fixed:
            one = next(one for one in every if name in one.parameters)
            kind = get_type_hints(one.make_tasks)[name]
            default = one.parameters[name].default
            yield _option(name, kind, default, shown=_defaults(name, every))
    yield _option("folder", folder, None, name="--out", shown=_folders(experiment))
    if not experiment.sequential:
        yield _option("jobs", int, None)
        yield _option("scheduler", address, None)
    yield _option("progress", bool, False, "Show no progress bar.", name="--quiet")


def _option(
    argument: str,
    kind: Any,
    default: Any,
    help: str | None = None,
    *,
    shown: str = "",
    **more: Any,
) -> inspect.Parameter:
    """A parameter as cyclopts understands it; one without a default has no ``--``."""
    required = default is inspect.Parameter.empty
    more.update({"help": help} if help else {})
    if kind is bool:
        more["negative"] = f"--no-{argument.replace('_', '-')}" if default else ()
        more["show_default"] = False
        annotation: Any = bool
    else:
        more["metavar"], converter = _conversion(kind)
        if required:
            more["metavar"] = argument.upper()
        more.update(negative=(), n_tokens=1, accepts_keys=False)
        more["converter"] = lambda _, tokens: converter(tokens[-1].value)
        more["show_default"] = (lambda _: shown) if shown else False
        annotation = Any
    return inspect.Parameter(
        argument,
        inspect.Parameter.POSITIONAL_ONLY
        if required
        else inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[annotation, Parameter(**more)],
    )


def _conversion(kind: Any) -> tuple[str, Callable[[str], Any]]:
    """What help calls a value of a type, and how text becomes one."""
    if kind in (folder, address):
        return ("DIR" if kind is folder else "ADDRESS"), kind
    alternatives = [one for one in get_args(kind) or (kind,) if one is not NoneType]
    if get_origin(kind) is Sequence:
        alternatives = [kind]
    listed = next((k for k in alternatives if get_origin(k) is Sequence), None)
    if listed is not None:
        item = get_args(listed)[0]
        empty = len(alternatives) < len(get_args(kind))  # None may be given
        return (
            f"{KINDS[item][0]},...",
            lambda text: () if empty and text.strip() == "none" else items(text, item),
        )
    (item,) = [one for one in alternatives if one in KINDS]
    return KINDS[item][0], lambda text: convert(text, item)


def _defaults(name: str, every: Sequence[Experiment]) -> str:
    """The default of an option in words, with those that depend on others."""
    first, *rest = [one for one in every if name in one.parameters]
    default = first.parameters[name].default
    if name in first.fixed or default is inspect.Parameter.empty:
        return ""
    texts = [typed(default)]
    for other in first.otherwise:
        value = typed(other.defaults.get(name, default))
        texts += [f"{other.when}: {value}"] if value != texts[0] else []
    if name in first.full:
        texts.append(f"with --full: {typed(first.full[name])}")
    for one in rest:
        value = typed(one.parameters[name].default)
        texts += [f"{one.name}: {value}"] if value != texts[0] else []
    return "; ".join(text for text in texts if text)


def _folders(experiment: Experiment) -> str:
    words = "-".join(name.upper() for name in experiment.folders)
    usual = f"results/{experiment.name}"
    if experiment.required:
        return f"{usual}/{words}"
    return f"{usual}, or {usual}-{words}" if words else usual
