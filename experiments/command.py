"""The command line: ``spiking-lmu NAME``, one name an experiment."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import textwrap
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nengo.exceptions import ValidationError

from spiking_lmu.experiments.arguments import (
    FOLDERS,
    Parser,
    add_execution,
    chosen,
    folder,
    integers,
    numbers,
    results_folder,
    words,
)

if TYPE_CHECKING:
    from spiking_lmu.experiments.pages.report import Report
    from spiking_lmu.experiments.publishing import Figures
    from spiking_lmu.experiments.sweeps.tasks import SweepResult


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
    from spiking_lmu.experiments import (
        approximation,
        capacity,
        copying,
        energy,
        information,
        mackey_glass,
    )
    from spiking_lmu.experiments import chips as hardware
    from spiking_lmu.experiments import classification as psmnist
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
        "precision",
        "RMSE of the spiking memory against neurons, order and time constants",
    )
    _add_precision(one)
    one.set_defaults(run=run_precision)

    one = _experiment(
        experiments,
        "approximation",
        "what the linear memory can hold: delay error, windows, discretization",
    )
    approximation.add_arguments(one)
    one.set_defaults(run=run_approximation)

    one = _experiment(
        experiments,
        "energy",
        "precision against spikes and energy on the emulator of Loihi",
    )
    energy.add_arguments(one)
    one.set_defaults(run=energy.main)

    one = _experiment(
        experiments,
        "hardware",
        "a benchmark that chips were measured on, on every backend",
    )
    hardware.add_arguments(one)
    one.set_defaults(run=hardware.main)

    one = _experiment(
        experiments,
        "psmnist",
        "classify images seen pixel by pixel, shuffled: trained, in neurons, on chip",
    )
    psmnist.add_arguments(one)
    one.set_defaults(run=psmnist.main)

    one = _experiment(
        experiments, "seqmnist", "the same with the pixels in their order"
    )
    psmnist.add_arguments(one)
    one.set_defaults(run=partial(psmnist.main, permuted=False))

    one = _experiment(
        experiments,
        "mackey-glass",
        "predict a chaotic series: LSTM, LMU, hybrid, parallel LMU, and it in spikes",
    )
    mackey_glass.add_arguments(one)
    one.set_defaults(run=mackey_glass.main)

    one = _experiment(
        experiments,
        "copy",
        "the copy memory task: ten symbols kept for up to thousands of steps, LMU and "
        "LSTM",
    )
    copying.add_arguments(one)
    one.set_defaults(run=copying.main)

    one = _experiment(
        experiments,
        "capacity",
        "how well a long window is recalled: the memory as it is, and a trained LSTM",
    )
    capacity.add_arguments(one)
    one.set_defaults(run=capacity.main)

    one = _experiment(
        experiments,
        "information",
        "linear and nonlinear processing: capacities by delay and by degree",
    )
    information.add_arguments(one)
    one.set_defaults(run=information.main)

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


def run_approximation(args: Any, out: Path, command: str) -> tuple[Path, int]:
    """Run the approximation experiment."""
    from spiking_lmu.experiments import approximation

    return approximation.main(args, out, command), 0


def _add_precision(parser: argparse.ArgumentParser) -> None:
    # defaults that depend on --network and --full are None here
    add = parser.add_argument
    add(
        "--network",
        choices=("memory", "channel"),
        default="memory",
        help="the memory, or a single population that communicates a sine (memory)",
    )
    add("--full", action="store_true", help="the publication grid; takes days")
    add("--orders", type=integers, metavar="D,...", help="state variables (3,6,12)")
    add(
        "--neurons",
        type=integers,
        metavar="N,...",
        help="mean neurons per dimension (30,100,300); of the channel, in all "
        "(100 to 20,000)",
    )
    add(
        "--neuron-types",
        type=words,
        metavar="TYPE,...",
        help="poisson, lif, rate, relu (spiking rectified linear), poisson-relu "
        "(poisson,lif)",
    )
    add(
        "--designs",
        type=words,
        metavar="C/A,...",
        help="coordinates/allocation (legendre/equal,balanced/optimal)",
    )
    add("--thetas", type=numbers, metavar="S,...", help="windows in seconds (0.5)")
    add("--synapses", type=numbers, metavar="S,...", help="recurrent synapses (0.1 s)")
    add("--trials", type=int, metavar="N", help="runs of each combination (3; 5)")
    add(
        "--cycles",
        type=float,
        metavar="N",
        help="highest frequency of the white noise, in cycles per window (1)",
    )
    add("--rms", type=float, metavar="X", help="root mean square of the input (0.5)")
    add("--duration", type=float, metavar="S", help="seconds that count (5)")
    add("--readout-synapse", type=float, metavar="S", help="of the probe (0.005 s)")
    add("--dt", type=float, metavar="S", help="time step (0.001 s)")
    add("--freq", type=float, metavar="HZ", help="of the channel's sine (10)")
    add(
        "--signal",
        metavar="FILE",
        help="a recording instead of white noise: .csv, .tsv, .npy or .wav",
    )
    add(
        "--rate",
        type=float,
        metavar="HZ",
        help="sampling rate of the recording, where the file does not say",
    )
    add(
        "--no-floor",
        action="store_true",
        help="leave out what tells where the floor of LIF neurons comes from",
    )
    add(
        "--backend",
        metavar="NAME",
        help="simulator: nengo, nengo-dl, or loihi, its emulator (nengo)",
    )
    add("--seed", type=int, default=0, help="from which all others are derived (0)")
    add_execution(parser)


_MEMORY_ONLY = (
    "orders", "designs", "thetas", "synapses", "cycles", "rms", "duration",
    "readout_synapse", "dt", "signal", "rate", "backend",
)  # fmt: skip


def run_precision(args: Any, out: Path, command: str) -> tuple[Path, int]:
    """Run the precision experiment, on the memory or on the channel."""
    if args.network == "channel":
        return _run_channel(args, out, command)
    if args.freq is not None:
        raise ValidationError("is for --network channel; see --cycles", attr="freq")
    if args.rate is not None and args.signal is None:
        raise ValidationError("is for a recording, --signal FILE", attr="rate")

    from spiking_lmu.data.recordings import load_signal
    from spiking_lmu.experiments import precision
    from spiking_lmu.experiments.precision import report as precision_report
    from spiking_lmu.experiments.precision.figures import run_example
    from spiking_lmu.experiments.precision.trials import make_tasks
    from spiking_lmu.experiments.publishing import publish

    options = chosen(precision.run, args, precision.FULL_GRID if args.full else {})
    options["floor"] = not args.no_floor
    arguments = {"network": "memory", **options, "rate": args.rate}
    if args.signal is not None:
        options["signal"] = load_signal(args.signal, args.rate, options["dt"])
    tasks = make_tasks(**options)
    signal = options["signal"]

    def present(result: SweepResult) -> tuple[Report, Figures]:
        failed = [task for task, _ in result.failures]
        finished = [task for task in tasks if task not in failed]
        example = run_example(finished, signal)
        drawn = precision_report.figures(result.frame, example)
        return precision_report.report(result.frame, example), drawn

    return publish(
        args,
        out,
        command,
        arguments,
        partial(precision.execute, tasks, signal, options["backend"]),
        present,
    )


def _run_channel(args: Any, out: Path, command: str) -> tuple[Path, int]:
    from spiking_lmu.experiments import channel
    from spiking_lmu.experiments.precision import FULL_GRID
    from spiking_lmu.experiments.publishing import publish

    for name in _MEMORY_ONLY:
        if getattr(args, name) is not None:
            raise ValidationError("is for --network memory", attr=name)
    if args.no_floor:
        raise ValidationError("is for --network memory", attr="no_floor")
    full = {"trials": FULL_GRID["trials"]} if args.full else {}
    options = chosen(channel.run, args, full)
    tasks = channel.make_tasks(**options)
    return publish(
        args,
        out,
        command,
        {"network": "channel", **options},
        partial(channel.execute, tasks),
        lambda result: (
            channel.report(result.frame),
            {"channel": channel.plot(result.frame)},
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
