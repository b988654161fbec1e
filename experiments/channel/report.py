"""The figure and the page of the channel experiment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import Law, Report, Section, number
from spiking_lmu.intervals import mean_interval
from spiking_lmu.metrics import LEVELS_OF_FLOOR, fit_floor, fit_scaling
from spiking_lmu.neurons import NEURON_TYPES
from spiking_lmu.validation import refusal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """RMSE against the number of neurons; that of Poisson neurons relative to theory.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    _check_frame(frame)
    figure = style.new_figure("double", aspect=0.44)
    if not len(_theory(frame)):
        _draw_errors(figure.subplots(), frame)
        return figure
    errors, ratios = figure.subplots(1, 2, width_ratios=(1.35, 1))
    _draw_errors(errors, frame)
    _draw_ratios(ratios, frame)
    style.letter(errors, "a")
    style.letter(ratios, "b")
    return figure


def _check_frame(frame: pd.DataFrame) -> None:
    if len(frame) == 0:
        raise refusal("frame", "empty", "of at least one trial")


def _by_type(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each neuron type, in the order in which they are always shown."""
    for kind in NEURON_TYPES:
        rows = frame[frame["neuron_type"] == kind]
        if len(rows):
            yield kind, rows


def _draw_points(ax: Axes, kind: str, x: Any, values: pd.Series) -> None:
    """Mean and interval of the values that share an x."""
    look: dict[str, Any] = {"color": style.colour(kind), "marker": style.marker(kind)}
    for k, (at, group) in enumerate(values.groupby(np.asarray(x))):
        look["label"] = "_" if k else style.NAMES[kind]
        style.points(ax, at, *mean_interval(group, "positive"), **look)


def _draw_errors(ax: Axes, frame: pd.DataFrame) -> None:
    for kind, rows in _by_type(frame):
        _draw_points(ax, kind, rows["n_neurons"], rows["rmse"])
    theory = _theory(frame)
    if len(theory):
        line = _predicted(theory).groupby(theory["n_neurons"]).mean()
        colour = style.colour("poisson")
        ax.plot(line.index, line, color=colour, label="theory", zorder=2)
        if len(line) > 1:
            ends = line.index[0], line.index[-1]
            style.guide_line(ax, ends, 0.68 * line.iloc[0])
    style.log_axis(ax.xaxis)
    style.log_axis(ax.yaxis)
    ax.legend(loc="best")
    ax.set_xlabel(r"neurons, $m$")
    ax.set_ylabel("RMSE")
    ax.set_title("A sine, represented and decoded")


def _theory(frame: pd.DataFrame) -> pd.DataFrame:
    """Trials that the theory is about: of Poisson neurons."""
    return frame[frame["neuron_type"] == "poisson"]


def _predicted(frame: pd.DataFrame) -> pd.Series:
    """Noise and static distortion together: independent, so that their squares add."""
    return np.hypot(frame["predicted_rmse"], frame["distortion"])


def _draw_ratios(ax: Axes, frame: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.axhline(1, color=style.colour("poisson"))
    furthest = 0.1
    for kind, rows in _by_type(_theory(frame)):
        ratios = rows["rmse"] / _predicted(rows)
        ax.plot(
            rows["n_neurons"],
            ratios,
            "o",
            color=style.colour(kind),
            alpha=0.35,
            markersize=2.5,
            markeredgewidth=0,
        )
        _draw_points(ax, kind, rows["n_neurons"], ratios)
        for _, group in ratios.groupby(rows["n_neurons"]):
            reach = np.abs(np.subtract([*mean_interval(group, "positive"), *group], 1))
            furthest = max(furthest, 1.05 * float(np.nanmax(reach)))
    style.log_axis(ax.xaxis)
    ax.set_ylim(max(0, 1 - furthest), 1 + furthest)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.set_xlabel(r"neurons, $m$")
    ax.set_ylabel("measured RMSE / theory")
    ax.set_title("Measurement against theory")


def report(frame: pd.DataFrame) -> Report:
    """What the trials say; the figure is "channel".

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    _check_frame(frame)
    laws = (*_scaling_laws(frame), *_theory_laws(frame), *_locking_laws(frame))
    freq, least, most = frame["freq"].iloc[0], *_ends(frame["n_neurons"])
    lead = (
        f"One population of {number(least)} to {number(most)} neurons represents a "
        f"sine at {number(float(freq), pad=False)} Hz, which is decoded and read "
        "through a synapse of a hundredth of its period. "
    )
    lead += " ".join(law.words for law in laws if _is_main(law))
    title = "The communication channel: precision of one population"
    sections = (
        _errors_section(frame),
        *_locking_sections(frame, laws),
        _cost_section(frame),
    )
    return Report("channel", title, lead, sections, laws)


def _is_main(law: Law) -> bool:
    """Whether the law is of Poisson neurons, or a floor of others."""
    poisson = law.values["neuron_type"] == "poisson"
    return poisson or (law.values["law"] == "floor" and law.values["low"] > 0)


def _ends(values: pd.Series) -> tuple[int, int]:
    return int(values.min()), int(values.max())


def _name(kind: str) -> str:
    return style.NAMES[kind][0].upper() + style.NAMES[kind][1:]


def _between(low: float, high: float) -> str:
    if not np.isfinite([low, high]).all():
        return "too few trials for an interval"
    return f"95 % interval {number(float(low))} to {number(float(high))}"


def _scaling_laws(frame: pd.DataFrame) -> Iterator[Law]:
    for kind, rows in _by_type(frame[frame["rmse"] > 0]):
        least, most = _ends(rows["n_neurons"])
        if least == most:
            continue
        fit = fit_scaling(rows["n_neurons"], rows["rmse"])
        words = (
            f"{_name(kind)}: RMSE falls as m to the power of {number(fit.exponent)} "
            f"({_between(fit.low, fit.high)}) from {number(least)} to {number(most)} "
            "neurons."
        )
        values = {"law": "neurons", "neuron_type": kind, "exponent": fit.exponent}
        bounds = {"low": fit.low, "high": fit.high, "constant": fit.constant}
        yield Law(words, {**values, **bounds})


def _theory_laws(frame: pd.DataFrame) -> Iterator[Law]:
    for kind, rows in _by_type(frame[frame["neuron_type"] == "poisson"]):
        ratio, low, high = mean_interval(rows["rmse"] / _predicted(rows), "positive")
        yield Law(
            f"{_name(kind)}: the RMSE measured is {number(ratio)} times that of theory "
            f"({_between(low, high)}), which has no fitted constant.",
            {
                "law": "theory",
                "neuron_type": kind,
                "ratio": ratio,
                "low": low,
                "high": high,
            },
        )


def _locking_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """Floors of neurons whose spikes are not random, and what is alike each period."""
    for kind, rows in _by_type(frame[frame["neuron_type"].isin(["lif", "relu"])]):
        if rows["n_neurons"].nunique() < LEVELS_OF_FLOOR:
            continue
        fit = fit_floor(rows["n_neurons"], rows["rmse"])
        low, high = fit.floor_interval
        largest = rows[rows["n_neurons"] == rows["n_neurons"].max()]
        share = float(np.mean(largest["locked"] ** 2) / np.mean(largest["rmse"] ** 2))
        if low > 0:
            words = f"{_name(kind)}: the RMSE levels off at {number(fit.floor)} "
            words += f"({_between(low, high)})."
        else:
            words = f"{_name(kind)}: no floor shows at these sizes."
        yield Law(
            words,
            {
                "law": "floor",
                "neuron_type": kind,
                "floor": fit.floor,
                "low": low,
                "high": high,
                "locked_share": share,
            },
        )


def _errors_section(frame: pd.DataFrame) -> Section:
    theory = _theory(frame)
    paragraphs = [
        "Each neuron fires at 20 to 40 Hz at most. The decoded value is compared with "
        "the sine, of amplitude 1, after both have passed the same synapse. Noise of "
        "independent spikes falls as 1/√m.",
    ]
    if len(theory):
        share = float(np.max(theory["distortion"] / theory["predicted_rmse"]))
        paragraphs.append(
            "Theory adds up the variances of Poisson spikes, each as large as the "
            "square of its decoder, and what the synapse leaves of them; and the "
            "square of the decoders' static distortion, which is at most "
            f"{number(100 * share)} % of the noise in any trial."
        )
    caption = (
        "RMSE of the decoded sine against the number of neurons. Points are means over "
        "trials, with 95 % intervals."
    )
    if len(theory):
        caption = (
            "RMSE of the decoded sine against the number of neurons (a), and that of "
            "Poisson neurons relative to theory (b). Points are means over trials, "
            "with 95 % intervals; in b, small points are trials. The blue line is the "
            "theory of Poisson neurons, without any fitted constant; the dashed one is "
            "a guide to the eye."
        )
    return Section(
        "Error against neurons",
        tuple(paragraphs),
        figure="channel",
        caption=caption,
        table=_table(frame),
        table_caption="Means over trials.",
    )


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "Neurons": style.NAMES[kind],
            "m": int(n),
            "Trials": len(group),
            "RMSE": group["rmse"].mean(),
            "Theory": _predicted(group).mean() if kind == "poisson" else None,
            "Distortion": group["distortion"].mean(),
            "Spikes per second": round(group["spikes_per_second"].mean()),
            "Build, s": group["build_seconds"].mean(),
            "Run, s": group["run_seconds"].mean(),
        }
        for kind, of_kind in _by_type(frame)
        for n, group in of_kind.groupby("n_neurons")
    ]
    return pd.DataFrame(rows)


def _locking_sections(frame: pd.DataFrame, laws: Sequence[Law]) -> Iterator[Section]:
    """What becomes of neurons whose spikes are not independent."""
    floors = [law for law in laws if law.values["law"] == "floor"]
    if not floors:
        return
    periods = int(frame["periods"].min())
    paragraphs = []
    for law in floors:
        words = law.words
        if periods > 1:
            share = number(100 * law.values["locked_share"])
            words += (
                f" In the largest network, {share} % of the error's power is the same "
                f"in each period of the sine; of independent noise, {periods} periods "
                f"would leave {number(100 / periods)} %."
            )
        paragraphs.append(words)
    if periods > 1 and any(law.values["locked_share"] > 0.5 for law in floors):
        paragraphs.append(
            "A membrane answers to a change faster than the tuning curve says, and "
            "neurons that see the same input fall into step with it. Such an error "
            "is common to all of them: more neurons do not average it out. Poisson "
            "neurons draw each spike independently, and are spared."
        )
    yield Section("Spikes that are not independent", tuple(paragraphs))


def _cost_section(frame: pd.DataFrame) -> Section:
    size = float((frame["parameter_bytes"] / frame["n_neurons"]).mean())
    words = [
        "A population is decoded by one weight a neuron, and there is no matrix of "
        f"m × m weights: memory is in proportion to m, {number(size, pad=False)} bytes "
        "for the parameters of a neuron, and so is time."
    ]
    for kind, rows in _by_type(frame):
        largest = rows[rows["n_neurons"] == rows["n_neurons"].max()]
        n = int(largest["n_neurons"].iloc[0])
        step = float((largest["run_seconds"] / (largest["steps"] * n)).mean())
        build = float((largest["build_seconds"] / n).mean())
        words.append(
            f"{_name(kind)}, {number(n)} neurons: {number(1e9 * step)} ns for each "
            f"neuron and time step, and {number(1e6 * build)} µs for each neuron to "
            f"build the network and solve for its decoders{_overhead(rows)}."
        )
    return Section("What a neuron costs", tuple(words))


def _overhead(rows: pd.DataFrame) -> str:
    """What a time step costs whatever the number of neurons, from a straight line."""
    if rows["n_neurons"].nunique() < 3:
        return ""
    seconds = rows["run_seconds"] / rows["steps"]
    slope, offset = np.polyfit(rows["n_neurons"], seconds, 1)
    if slope <= 0 or offset <= 0:
        return ""
    return (
        f"; a straight line through all sizes gives {number(1e6 * offset)} µs for a "
        f"step and {number(1e9 * slope)} ns for each neuron in it"
    )
