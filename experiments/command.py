"""The command line: ``spiking-lmu NAME``, one name an experiment."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from spiking_lmu import __version__

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError

    from spiking_lmu.experiments.experiment import Experiment

#: Every command: the module of its experiment, where that is not ``experiment`` with
#: its name after a colon, and what it measures. Nothing is imported before it runs.
EXPERIMENTS = {
    "precision": (".precision", "Error of the spiking memory against its neurons"),
    "approximation": (".approximation", "Error of the linear memory, without neurons"),
    "energy": (".energy", "Error against spikes and energy on Loihi"),
    "hardware": (".chips", "A benchmark with published measurements of chips"),
    "psmnist": (".classification", "Classify images seen pixel by pixel, permuted"),
    "seqmnist": (
        ".classification:seqmnist",
        "Classify images seen pixel by pixel, in order",
    ),
    "classify": (
        ".classification:classify",
        "Classify your own sequences, or those of an archive",
    ),
    "mackey-glass": (
        ".mackey_glass",
        "Predict a chaotic series: LSTM, LMU, hybrid, spikes",
    ),
    "copy": (".copying", "Keep ten symbols for hundreds of steps: LMU and LSTM"),
    "capacity": (".capacity", "Recall a long window: memory and LSTM"),
    "information": (
        ".information",
        "Linear and nonlinear capacity, by delay and degree",
    ),
    "deploy": (".deployment", "Run a trained network on a simulator or a chip"),
}

PROGRAM = "spiking-lmu"
COMPLETION = "--install-completion"
INTERRUPT = 130  # the status that shells know Ctrl-C by
INTERRUPTED = "\nInterrupted."
_WHERE = {"jobs", "scheduler"}
MOST_LAWS = 6  # that are printed; the report lists them all


class Request(NamedTuple):
    """What a command line asks for: an experiment, and how it is to be run."""

    experiment: Experiment
    arguments: dict[str, Any]
    folder: Path
    execution: dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one experiment; print what was found and where its report is.

    Returns
    -------
    status : int
        0; 1 if trials failed or a file could not be written; 2 for bad arguments;
        130 after Ctrl-C.
    """
    try:
        return _main(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:  # while packages are imported, or after the run
        print(INTERRUPTED, file=sys.stderr)
        return INTERRUPT


def _main(argv: list[str]) -> int:
    # where nengo-loihi finds tensorflow, that has much to say and nothing to warn of
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _ended_by_interrupts():
        asked = parse(argv)
    command = shlex.join([PROGRAM, *argv])
    try:
        page, n_failed = asked.experiment.publish(
            asked.arguments, command, asked.folder, **asked.execution
        )
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. Finished trials are kept in {asked.folder}. The same "
            "command continues there.",
            file=sys.stderr,
        )
        return INTERRUPT
    except OSError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        refuse(argv[0], _in_words(error, asked.experiment))
    print(_headline(page))
    print(f"Report: {page}")
    if n_failed:
        print(
            f"{n_failed} trials failed; the report lists them. The same command "
            "repeats them.",
            file=sys.stderr,
        )
    return 1 if n_failed else 0


@contextmanager
def _ended_by_interrupts() -> Iterator[None]:
    """Let Ctrl-C end the process at once, while there is nothing to lose.

    Python loses an exception that is raised in a callback, of which imports have many.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # such as ignored, in the background of a shell
        return

    def end(*received: Any) -> NoReturn:
        os.write(2, f"{INTERRUPTED}\n".encode())
        os._exit(INTERRUPT)

    try:
        signal.signal(signal.SIGINT, end)
    except ValueError:  # not in the main thread, which hears signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def refuse(name: str, text: str) -> NoReturn:
    """Print an error on one line, and end with status 2."""
    print(f"{PROGRAM} {name}".rstrip() + f": error: {text}", file=sys.stderr)
    raise SystemExit(2)


def _headline(page: Path) -> str:
    """What was found, in a few lines: the lead of the page, and its laws."""
    facts = json.loads(page.with_name("summary.json").read_text("utf-8"))
    laws = [law["words"] for law in facts["laws"][:MOST_LAWS]]
    found = [textwrap.fill(words, 80) for words in (facts["lead"], *laws) if words]
    return "\n".join(found)


def _in_words(error: Exception, experiment: Experiment) -> str:
    """A refused argument or a missing package in one line; other errors go on."""
    from nengo.exceptions import ValidationError

    if isinstance(error, ValidationError) and error.obj is None:
        text = f"argument {_typed(error.attr, experiment)}: {error.args[0]}"
    elif isinstance(error, (ValidationError, ImportError)):
        text = str(error)
    else:
        raise error
    return " ".join(text.split())


def _typed(argument: str, experiment: Experiment) -> str:
    """An argument as the user types it."""
    if argument in experiment.required:
        return argument.upper()
    named = {"folder": "out", "progress": "quiet"}.get(argument, argument)
    for one in (experiment, *experiment.variants.values()):
        if argument in one.parameters and one.parameters[argument].default is True:
            named = f"no-{argument}"
    return f"--{named.replace('_', '-')}"


# ---- What is asked for --------------------------------------------------------------


def parse(argv: Sequence[str]) -> Request:
    """What is asked for; help and the version are printed, and end the process."""
    from cyclopts import CycloptsError

    name = argv[0] if argv and argv[0] in EXPERIMENTS else ""
    asked = [name] if name else []
    if COMPLETION in argv[:1]:
        asked = [name for name, (place, _) in EXPERIMENTS.items() if place]
    loaded = {name: load(EXPERIMENTS[name][0]) for name in asked}
    experiment = loaded.get(name)
    try:
        command, bound, _ = make_app(loaded).parse_args(
            list(argv), print_error=False, exit_on_error=False
        )
    except CycloptsError as error:
        refuse(name, _wrong(error, experiment))
    if experiment is None or getattr(command, "experiment", None) is None:
        command(*bound.args, **bound.kwargs)
        raise SystemExit(0)
    return request(experiment, name, dict(bound.arguments))


def make_app(loaded: Mapping[str, Experiment]) -> App:
    """The command line, with the options of those commands that are loaded."""
    from cyclopts import App

    app = App(
        name=PROGRAM,
        help="Experiments with spiking Legendre memories. Each writes trials, figures "
        "and a report into one folder.",
        help_format="plaintext",
        version=__version__,
    )
    app.register_install_completion_command(help="Install completion for your shell.")
    for place, (name, (_, summary)) in enumerate(EXPERIMENTS.items()):
        options: Callable[..., None] = _not_loaded
        if name in loaded:
            from spiking_lmu.experiments.options import command_function

            options = command_function(loaded[name])
        app.command(options, name=name, help=f"{summary}.", sort_key=place)
    return app


def _not_loaded() -> None:
    """Stands for commands whose options are not asked for."""


def load(place: str) -> Experiment:
    """The experiment that stands at a place of `EXPERIMENTS`."""
    module, _, name = place.partition(":")
    return getattr(import_module(module, __package__), name or "experiment")


def request(experiment: Experiment, name: str, given: dict[str, Any]) -> Request:
    """How to run an experiment, from the options that were given."""
    full = given.pop("full", False)
    execution = {name: given.pop(name) for name in _WHERE & given.keys()}
    execution["progress"] = not given.pop("progress", False)
    folder = given.pop("folder", None)
    asked = experiment
    choice: dict[str, str] = {}
    if experiment.choice:
        option, usual, _ = experiment.choice
        variants = {usual: experiment, **experiment.variants}
        value = given.pop(option, usual)
        choice = {option: value}
        if value not in variants:
            known = " or ".join(variants)
            refuse(name, f"argument --{option}: must be {known}, but is {value!r}")
        asked = variants[value]
        for one in given:
            if one not in asked.parameters:
                fitting = next(v for v, e in variants.items() if one in e.parameters)
                typed = _typed(one, experiment)
                refuse(name, f"argument {typed}: is for --{option} {fitting}")
    arguments = asked.complete(given, full)
    if folder is None:
        folder = experiment.results_folder({**choice, **arguments})
    return Request(asked, arguments, folder, execution)


def _wrong(error: CycloptsError, experiment: Experiment | None) -> str:
    """What is wrong with a command line, in one line."""
    import cyclopts

    argument = error.argument.name if error.argument else ""
    argument = getattr(error, "keyword", None) or argument
    required = experiment.required if experiment else []
    argument = argument.removeprefix("--").upper() if argument in required else argument
    if isinstance(error, cyclopts.CoercionError):
        told = str(error.msg) if error.msg else "takes no value"
        return f"argument {argument}: {told}"
    if isinstance(error, cyclopts.UnknownCommandError):
        unknown = " ".join(error.unused_tokens or [])[:60]
        known = ", ".join(EXPERIMENTS)
        return f"EXPERIMENT must be one of {known}, but is {unknown!r}"
    if isinstance(error, cyclopts.MissingArgumentError):
        if argument in [name.upper() for name in required]:
            return f"{argument} is required"
        return f"argument {argument}: expected one argument"
    if isinstance(error, cyclopts.UnknownOptionError):
        unknown = error.token.keyword or error.token.value
    else:
        unknown = " ".join(error.unused_tokens or [str(error)])
    for name in required:
        if re.match(f"--{name}(=|$)", unknown):
            return f"--{name} is not an option; give {name.upper()} without it"
    return f"unrecognized arguments: {unknown[:60]!r}; --help lists the options"


if __name__ == "__main__":
    sys.exit(main())
