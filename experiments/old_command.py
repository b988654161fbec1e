"""The command line: ``spiking-lmu NAME``, one name an experiment."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nengo.exceptions import ValidationError

from spiking_lmu.experiments.arguments import (
    FOLDERS,
    Parser,
    folder,
    results_folder,
)

if TYPE_CHECKING:
    pass


MOST_LAWS = 6  # that are printed; the report lists them all


def main(argv: Sequence[str] | None = None) -> int:
    """Run one experiment; print what was found and where its report is.

    Returns
    -------
    status : int
        0; 1 if trials failed or a file could not be written; 2 for bad arguments;
        130 after Ctrl-C.
    """
    try:
        return _main(argv)
    except KeyboardInterrupt:  # while packages are imported, or after the run
        print("\nInterrupted.", file=sys.stderr)
        return 130


def _unrecognized(unknown: Sequence[str], parser: argparse.ArgumentParser) -> str:
    """What to type instead of arguments that an experiment does not have."""
    for action in parser._actions:
        name = f"--{action.dest}"
        if not action.option_strings and any(
            one == name or one.startswith(f"{name}=") for one in unknown
        ):
            return f"{name} is no option: give {action.metavar} without it"
    return (
        f"unrecognized arguments: {' '.join(unknown)}; {parser.prog} --help lists "
        "what there is"
    )


def _main(argv: Sequence[str] | None) -> int:
    argv = sys.argv[1:] if argv is None else list(argv)
    # where nengo-loihi finds tensorflow, that has much to say and nothing to warn of
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    args, unknown = make_parser().parse_known_args(argv)
    if unknown:
        args.parser.error(_unrecognized(unknown, args.parser))
    args.out = args.out or results_folder(args.name, args)
    command = shlex.join(["spiking-lmu", *argv])
    try:
        page, n_failed = args.run(args, args.out, command)
    except (ValidationError, ImportError) as error:
        args.parser.error(_in_words(error, args.parser))
    except OSError as error:
        print(f"spiking-lmu: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. Finished trials are kept in {args.out}: the same "
            "command goes on from there.",
            file=sys.stderr,
        )
        return 130
    print(_headline(page))
    print(f"Report: {page}")
    if n_failed:
        print(
            f"{n_failed} trials failed; the report lists them. The same command tries "
            "them again.",
            file=sys.stderr,
        )
    return 1 if n_failed else 0


def _headline(page: Path) -> str:
    """What was found, in a few lines: the lead of the page, and its laws."""
    facts = json.loads(page.with_name("summary.json").read_text("utf-8"))
    laws = [law["words"] for law in facts["laws"][:MOST_LAWS]]
    found = [textwrap.fill(words, 80) for words in (facts["lead"], *laws) if words]
    return "\n".join(found)


def _in_words(error: Exception, parser: Parser) -> str:
    """One line that names the argument, as those of argparse do."""
    if isinstance(error, ValidationError) and error.obj is None:
        name = parser.named("out" if error.attr == "folder" else error.attr)
        text = f"argument {name}: {error.args[0]}"
    else:
        text = str(error)
    return " ".join(text.split())


def make_parser() -> Parser:
    """The parser of the whole command line."""
    from spiking_lmu import __version__
    from spiking_lmu.experiments import deployment as deploy

    parser = Parser(
        prog="spiking-lmu",
        description="Experiments with spiking Legendre memories. Each writes its "
        "trials, figures and a report into one folder.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    experiments = parser.add_subparsers(metavar="EXPERIMENT", required=True)

    one = _experiment(
        experiments,
        "deploy",
        "run a trained network on a simulator or on chip: accuracy, spikes, energy",
    )
    deploy.add_arguments(one)
    one.set_defaults(run=deploy.main)
    return parser


def _experiment(experiments: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser = experiments.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
    )
    asked = "-".join(option.upper() for option in FOLDERS.get(name, {}))
    default = f"results/{name}" + (f", or results/{name}-{asked}" if asked else "")
    if name == "deploy":
        default = f"results/deploy/{asked}"
    parser.add_argument(
        "--out",
        type=folder,
        metavar="DIR",
        help=f"folder of the results ({default})",
    )
    parser.set_defaults(parser=parser, name=name)
    return parser


if __name__ == "__main__":
    sys.exit(main())
