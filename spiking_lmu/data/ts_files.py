"""Files in the format ``.ts`` of the UEA and UCR archives.

The format is that of aeon and sktime. Lines of a header, each ``@key value``, are
followed by ``@data`` and by one line a sequence: its channels, separated by colons, and
its label. ``#`` and ``%`` begin comments.
"""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np

from .labelled import Labelled, Lines, read_label, read_values, side_by_side
from .tables import LineError

FLAGS = ("timestamps", "missing", "univariate", "equallength", "targetlabel")
_PAIR = re.compile(r"\(([^(),]+),([^(),]+)\)")


def read_ts(lines: Lines) -> Labelled:
    """The sequences of a ``.ts`` file.

    Parameters
    ----------
    lines : iterator of (int, str)
        Its lines with their numbers, without those that are empty.

    Raises
    ------
    LineError
        If a line is not as the format and the file's own header say.
    """
    flags, labels = _read_header(lines)
    found = Labelled()
    for line, text in lines:
        if text.lstrip()[0] in "#%":
            continue
        if flags["timestamps"]:
            parts = re.split(r"(?<=\))\s*:", text.strip())
        else:
            parts = text.strip().split(":")
        if len(parts) < 2:
            raise LineError(line, "has no label, which follows a colon")
        if flags["univariate"] and len(parts) > 2:
            problem = f"has {len(parts) - 1} channels, but the file says @univariate"
            raise LineError(line, problem)
        label = read_label(line, parts[-1].strip())
        if labels and label not in labels:
            problem = f"has the label {label[:40]!r}, which @classLabel does not name"
            raise LineError(line, problem)
        read = _with_times if flags["timestamps"] else _without_times
        channels = [read(line, part) for part in parts[:-1]]
        found.add(line, side_by_side(line, channels), label)
    if flags["equallength"]:
        found.check_equal_lengths()
    return found


def _read_header(lines: Lines) -> tuple[dict[str, bool], frozenset[str]]:
    """What the lines up to ``@data`` say; and the labels, if they name any."""
    flags = dict.fromkeys(FLAGS, False)
    labels: list[str] = []
    for line, text in lines:
        if text.lstrip()[0] in "#%":
            continue
        key, *words = text.split()
        if not key.startswith("@"):
            raise LineError(line, "comes before @data and is neither @ nor # nor %")
        key = key[1:].lower()
        if key == "data":
            if words:
                raise LineError(line, "has something after @data")
            return flags, frozenset(labels)
        if key == "classlabel" or key in FLAGS:
            value = words[0].lower() if words else ""
            if value not in ("true", "false"):
                raise LineError(line, f"has neither true nor false after @{key}")
            if key in FLAGS:
                flags[key] = value == "true"
            elif value == "false":
                raise LineError(line, "says that sequences have no labels")
            labels = [read_label(line, w) for w in words[1:]] if words[1:] else labels
        if flags["targetlabel"]:
            raise LineError(line, "says that targets are numbers, and not classes")
    raise LineError(None, "has no line @data")


def _without_times(line: int, text: str) -> np.ndarray:
    return read_values(line, text.split(","), missing=True)


def _with_times(line: int, text: str) -> np.ndarray:
    """The values of pairs ``(time,value)`` whose times increase in equal steps."""
    pairs = _PAIR.findall(text)
    if not pairs or _PAIR.sub("", text).replace(",", "").strip():
        raise LineError(line, "is no list of pairs (time,value)")
    values = read_values(line, [value for _, value in pairs], missing=True)
    steps = np.diff([_seconds(line, time.strip()) for time, _ in pairs])
    if len(steps) and not np.all(np.abs(steps - steps.mean()) < 0.01 * steps.mean()):
        raise LineError(line, "has times that do not increase in equal steps")
    return values


def _seconds(line: int, text: str) -> float:
    try:
        if re.match(r"\d{4}-", text):
            return (datetime.fromisoformat(text) - datetime(1970, 1, 1)).total_seconds()
    except (TypeError, ValueError):
        raise LineError(line, f"has {text[:40]!r} instead of a time") from None
    return float(read_values(line, [text])[0])
