"""The results folder of a run: its trials, summary, figures and one page of report.

An experiment tells its findings as a `Report` of `Section`s and `Law`s; `write` makes
the files. The page holds all that it shows and asks the network for nothing. Text is
escaped wherever it comes from, unless it is `markupsafe.Markup`.
"""

from __future__ import annotations

import json
import os
import platform
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import UTC, datetime
from importlib import resources
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.files import SUMMARY, read_summary, write_files
from spiking_lmu.experiments.sweeps.store import installed
from spiking_lmu.validation import check_number, refusal

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure
    from pandas import DataFrame

#: Packages whose versions are told, where they are installed.
PACKAGES = (
    "spiking-lmu",
    "nengo",
    "numpy",
    "scipy",
    "pandas",
    "matplotlib",
    "nengo-dl",
    "tensorflow",
    "nengo-loihi",
    "dask",
)

LARGEST_SVG = 1_500_000  # bytes; of a larger figure the page holds the PNG
LARGEST_CSV = 4_000_000  # bytes; the page holds no larger table of trials
MOST_FAILURES = 50  # listed on the page; the summary lists all
MISSING = "–"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NAME = re.compile(r"[\w-]+", re.ASCII)  # of a figure
LEGIBLE = "backslashreplace"  # for names of files that are no text


@dataclass(frozen=True)
class Section:
    """One heading of a report, with what stands under it.

    Attributes
    ----------
    title : str
        The heading.
    paragraphs : tuple of str
        What to say before the figure.
    figure : str, optional
        Name of one of the figures given to `write`.
    caption, alt : str
        What stands below the figure, and what it shows in words, for those who
        cannot see it (by default the caption).
    table : pandas.DataFrame, optional
        Shown without its index, numbers to three digits. Its columns are named as
        the reader shall see them.
    table_caption : str
        What the table shows.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    figure: str | None = None
    caption: str = ""
    alt: str = ""
    table: DataFrame | None = None
    table_caption: str = ""


@dataclass(frozen=True)
class Law:
    """A fitted law, in words for the page and in numbers for the summary."""

    words: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What an experiment found.

    Attributes
    ----------
    name : str
        Of the experiment, as the command line has it.
    title, lead : str
        Of the page, and the one paragraph that says what was found.
    sections : tuple of Section
        In the order of reading.
    laws : tuple of Law
        What was fitted to the trials.
    """

    name: str
    title: str
    lead: str
    sections: tuple[Section, ...] = ()
    laws: tuple[Law, ...] = ()

    def __repr__(self) -> str:
        parts = f"{len(self.sections)} sections, {len(self.laws)} laws"
        return f"<Report {self.name!r}: {self.title}; {parts}>"


@dataclass(frozen=True)
class Run:
    """How the trials came about, so that they can be had again.

    Attributes
    ----------
    command : str
        The exact command.
    arguments : dict
        All arguments, those left at their defaults too.
    seeds : object
        The root seed, or seeds, from which all others are drawn.
    seconds : float
        Wall time.
    failures : sequence of (dict, str)
        The parameters of each trial that failed, and its error.
    trials : int, optional
        How many trials finished, where one may have several rows.
    """

    command: str
    arguments: Mapping[str, Any]
    seeds: Any
    seconds: float
    failures: Sequence[tuple[Mapping[str, Any], str]] = ()
    trials: int | None = None


def write(
    folder: str | os.PathLike[str],
    report: Report,
    trials: DataFrame,
    figures: Mapping[str, Figure],
    run: Run,
) -> Path:
    """Write ``trials.csv``, ``summary.json``, the figures and ``report.html``.

    Files appear whole or not at all: until all of them are on the disk, those of
    an earlier run stay as they are. Then figures of that run that this one does not
    have are removed.

    Parameters
    ----------
    folder : path
        Where to write. Made if need be.
    report : Report
        What was found.
    trials : pandas.DataFrame
        One row a trial, or several, written to the last bit.
    figures : dict of matplotlib.figure.Figure
        By the names that the sections use, which are also those of their files.
    run : Run
        How the trials came about.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is of no use.
    OSError
        If a file cannot be written; it names the file.
    """
    if not isinstance(folder, (str, os.PathLike)) or not os.fspath(folder):
        raise refusal("folder", folder, "a path")
    check_number("seconds", run.seconds, 0)
    _check_figures(report, figures)
    drawn = {
        f"{name}.{format}": style.render(figure, format)
        for name, figure in figures.items()
        for format in ("svg", "png")
    }
    facts = {**summary(report, trials, run), "figures": list(figures)}
    table = trials.to_csv(index=False, lineterminator="\n").encode(errors=LEGIBLE)
    page = _page(report, facts, table, drawn, figures)
    stale = _stale_figures(folder, drawn)
    text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    files = {"trials.csv": table, SUMMARY: text.encode(errors=LEGIBLE)}
    write_files(folder, {**files, **drawn, "report.html": page})
    for path in stale:
        path.unlink(missing_ok=True)
    return Path(folder, "report.html")


def read_trials(folder: str | os.PathLike[str]) -> DataFrame:
    """The frame in ``trials.csv``, as `write` had it, numbers to the last bit."""
    import pandas as pd

    path = Path(folder, "trials.csv")
    if not path.read_bytes().strip():
        return pd.DataFrame()
    options: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):  # later the default
        options["float_precision"] = "round_trip"
    return pd.read_csv(path, **options)


def summary(report: Report, trials: DataFrame, run: Run) -> dict[str, Any]:
    """What ``summary.json`` says: numbers that are not finite are None."""
    facts = {
        "experiment": report.name,
        "title": unmarked(report.title),
        "lead": unmarked(report.lead),
        "command": run.command,
        "arguments": run.arguments,
        "seeds": run.seeds,
        "laws": [{"words": unmarked(law.words), **law.values} for law in report.laws],
        "trials": len(trials) if run.trials is None else run.trials,
        "rows": len(trials),
        "failures": [{"parameters": p, "error": error} for p, error in run.failures],
        "seconds": float(run.seconds),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "platform": {
            "system": platform.platform(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
        },
    }
    return _for_json(facts)


def versions() -> dict[str, str]:
    """Of Python and the packages that matter here, without importing any."""
    found = {package: installed(package) for package in PACKAGES}
    known = {package: version for package, version in found.items() if version}
    return {"python": platform.python_version(), **known}


def _stale_figures(
    folder: str | os.PathLike[str], drawn: Mapping[str, bytes]
) -> list[Path]:
    """Figures that the summary of an earlier run lists and this run does not draw."""
    earlier = read_summary(folder).get("figures")
    listed = earlier if isinstance(earlier, list) else []
    names = [n for n in listed if isinstance(n, str) and _NAME.fullmatch(n)]
    files = [f"{name}.{format}" for name in names for format in ("svg", "png")]
    return [Path(folder, file) for file in files if file not in drawn]


def _check_figures(report: Report, figures: Mapping[str, Figure]) -> None:
    for name in figures:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise refusal("figures", name, "named by letters, digits, _ and -")
    for section in report.sections:
        if section.figure is not None and section.figure not in figures:
            known = ", ".join(map(repr, figures)) or "none, since there are no figures"
            raise refusal("figure", section.figure, f"one of {known}")


# ---- The page ----------------------------------------------------------------------


def _page(
    report: Report,
    facts: Mapping[str, Any],
    trials: bytes,
    drawn: Mapping[str, bytes],
    figures: Mapping[str, Figure],
) -> bytes:
    source = resources.files(__package__).joinpath("report.html.j2")
    template = environment().from_string(source.read_text(encoding="utf-8"))
    page = template.render(
        report=report,
        facts=facts,
        images={name: _image(name, drawn, figures[name]) for name in figures},
        csv=_data_uri("text/csv", trials) if len(trials) <= LARGEST_CSV else None,
        most_failures=MOST_FAILURES,
    )
    return page.encode(errors=LEGIBLE)


def environment() -> Environment:
    """What templates are rendered in: text is escaped, and missing values fail."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        cells=cells, duration=duration, number=number, shown=shown, unmarked=unmarked
    )
    return environment


def _image(name: str, drawn: Mapping[str, bytes], figure: Figure) -> dict[str, Any]:
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    svg = drawn[f"{name}.svg"]
    if len(svg) <= LARGEST_SVG:
        uri = _data_uri("image/svg+xml", svg)
    else:
        uri = _data_uri("image/png", drawn[f"{name}.png"])
    return {"uri": uri, "width": width, "height": height}


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


def cells(frame: DataFrame) -> dict[str, Any]:
    """A table as text: its head, its rows, and which of its columns are numbers."""
    columns = [frame.iloc[:, k].tolist() for k in range(frame.shape[1])]
    texts = [_column(values) for values in columns]
    return {
        "head": [str(name) for name in frame.columns],
        "rows": list(zip(*texts)),
        "numeric": [all(_is_number(v) or _is_missing(v) for v in c) for c in columns],
    }


def _column(values: Sequence[Any]) -> list[str]:
    """Three digits throughout, or fewer where all values are as short as 0.5 or 20."""
    numbers = [v for v in values if _is_number(v) and not isinstance(v, Integral)]
    exact = all(float(f"{v:.3g}") == v for v in numbers)
    return [number(v, pad=not exact) if _is_number(v) else shown(v) for v in values]


def _is_number(value: Any) -> bool:
    real = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    return real and value == value


def _is_missing(value: Any) -> bool:
    return value is None or value is not value or str(value) in ("nan", "NaT", "<NA>")


def number(value: Any, pad: bool = True) -> str:
    """A number for reading: integers in full, others to three significant digits.

    With ``pad``, zeros at the end stay, for they are digits too.
    """
    if isinstance(value, Integral):
        whole = int(value)
        text = f"{whole:,}" if abs(whole) >= 10_000 else f"{whole}"
        return text.replace("-", "−")
    if not np.isfinite(value):
        return MISSING if np.isnan(value) else "−∞" if value < 0 else "∞"
    factor, _, digits = f"{value:.2e}".partition("e")
    exponent, power = int(digits), ""
    if value == 0:
        factor = "0"
    elif -3 <= exponent < 6:
        factor = f"{float(f'{value:.2e}'):,.{max(0, 2 - exponent)}f}"
    else:
        power = f" × 10{str(exponent).translate(RAISED)}"
    if not pad and "." in factor:
        factor = factor.rstrip("0").rstrip(".")
    return factor.replace("-", "−") + power


def shown(value: Any) -> str:
    """Any value of an argument or a cell, for reading."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {shown(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value)) or MISSING
    if _is_missing(value):
        return MISSING
    return str(value)


def duration(seconds: float) -> str:
    """A time for reading, such as 2 min 13 s."""
    if seconds < 60:
        return f"{number(float(seconds), pad=False)} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def unmarked(words: str) -> str:
    """Marked-up words without their tags, exponents after ^ and indices after _."""
    if not isinstance(words, Markup):
        return words
    flat = re.sub("<su([pb])>", lambda tag: "^" if tag[1] == "p" else "_", words)
    return Markup(flat).striptags()


def _for_json(value: Any) -> Any:
    """The value in terms of JSON, which knows no NaN and no infinity."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _for_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_for_json(item) for item in value]
    return str(value)
