"""The look of every figure: fonts, sizes, and one colour for each thing shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np

from spiking_lmu.validation import check_array, check_choice, check_number, refusal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

#: Widths of a column and of a page, in inches.
WIDTHS = {"single": 3.5, "double": 7.2}

#: Ink of text and axes, and the quieter ink of guides.
INK, QUIET = "#1c1e21", "#7c828a"

#: Dashes of lines for comparison: what theory or chance gives, and where goals are.
DASHED: tuple[int, tuple[float, float]] = (0, (4, 2.5))
DOTTED: tuple[int, tuple[float, float]] = (0, (1, 2))

#: One colour and one marker each, safe for colour-blind readers and in grey.
COLOURS = {
    "poisson": "#0072b2",
    "lif": "#d55e00",
    "relu": "#009e73",
    "poisson-relu": "#56b4e9",
    "rate": "#2f3338",
    "coordinated": "#a200db",
    "coordinated-golden": "#e6a817",
    "coordinated-carry": "#020791",
    "coordinated-nearest": "#5973f2",
    "regular": "#7a5230",
    "coordinated-relu": "#c9c9c9",
    "coordinated-golden-relu": "#f0d060",
    "coordinated-carry-relu": "#88b477",
    "coordinated-nearest-relu": "#7f0d7f",
    "legendre": "#c77f00",
    "balanced": "#4b3b8f",
}
#: What figures and pages call neuron types.
NAMES = {
    "poisson": "Poisson",
    "lif": "LIF",
    "relu": "integrate-and-fire",
    "rate": "rate (no spikes)",
    "coordinated": "coordinated",
    "coordinated-golden": "coordinated, golden shift",
    "coordinated-carry": "coordinated, carry",
    "coordinated-nearest": "coordinated, nearest",
    "regular": "regular",
}
NAMES |= {
    f"{kind}-relu": f"rectified {name}"
    for kind, name in NAMES.items()
    if kind.startswith(("poisson", "coordinated"))
}
#: A white rim, by which markers stand out from lines and from each other.
RIMMED: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.5}
MARKERS = {
    "poisson": "o",
    "lif": "s",
    "relu": "^",
    "poisson-relu": "v",
    "rate": "D",
    "coordinated": "P",
    "coordinated-golden": "*",
    "coordinated-carry": "<",
    "coordinated-nearest": "d",
    "regular": "X",
    "coordinated-relu": "p",
    "coordinated-golden-relu": "h",
    "coordinated-carry-relu": ">",
    "coordinated-nearest-relu": "8",
    "legendre": "s",
    "balanced": "o",
}
#: Sizes of markers that would look smaller than the others, in points.
SIZES = {"P": 5.5, "X": 5.5, "*": 7.5}

FONTS = ["STIXGeneral", "DejaVu Sans"]
_PARAMETERS: dict[Any, Any] = {
    "font.family": FONTS,
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 5,
    "axes.labelpad": 3,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.title_fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 1.5,
    "legend.labelspacing": 0.35,
    "legend.borderaxespad": 0.2,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "axes.xmargin": 0.03,
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": True,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.dpi": 300,
    "svg.fonttype": "path",
    "svg.hashsalt": "spiking-lmu",
}


@contextmanager
def rc() -> Iterator[None]:
    """Draw in this style, whatever the user's own settings, and restore them after.

    Serves as a context manager and as a decorator, ``@rc()``, of a function
    that draws.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_PARAMETERS)
        yield


def new_figure(width: str = "double", aspect: float = 0.45) -> Figure:
    """An empty figure, as wide as a column or a page; it belongs to no window.

    Parameters
    ----------
    width : {"single", "double"}
        One column of a paper, or both.
    aspect : float
        Height over width.

    Returns
    -------
    matplotlib.figure.Figure
        To be divided by its own ``subplots`` or ``subplot_mosaic``, inside `rc`.
    """
    from matplotlib.figure import Figure

    inches = WIDTHS[check_choice("width", width, tuple(WIDTHS))]
    aspect = check_number("aspect", aspect, 0, 10, exclusive=True)
    return Figure(figsize=(inches, inches * aspect))


def render(figure: Figure, format: str) -> bytes:
    """The figure as a PNG or SVG file, equal to the last byte for equal figures."""
    check_choice("format", format, ("png", "svg"))
    buffer = BytesIO()
    with rc():
        metadata: dict[str, Any] = {"Date": None} if format == "svg" else {}
        figure.savefig(buffer, format=format, metadata=metadata)
    return buffer.getvalue()


def colour(name: str) -> str:
    """The colour of a neuron type or a coordinate system, however it is spelt."""
    return _looked_up(name, COLOURS)


def marker(name: str) -> str:
    """The marker of a neuron type or a coordinate system, however it is spelt."""
    return _looked_up(name, MARKERS)


def _looked_up(name: str, table: dict[str, str]) -> str:
    known = {_letters(one): value for one, value in table.items()}
    if _letters(name) not in known:
        raise refusal("name", name, "one of " + ", ".join(map(repr, table)))
    return known[_letters(name)]


def _letters(name: str) -> str:
    return "".join(filter(str.isalpha, str(name))).lower()


def order_colours(orders: Iterable[float]) -> dict[float, str]:
    """A colour for each order, from light for the least to dark for the greatest."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    distinct = sorted(set(orders))
    shades = (
        np.linspace(0.82, 0.0, len(distinct)) if len(distinct) > 1 else np.array([0.4])
    )
    ramp = colormaps["viridis"]
    return {order: to_hex(ramp(shade)) for order, shade in zip(distinct, shades)}


def points(
    ax: Axes,
    x: Any,
    y: Any,
    low: Any = None,
    high: Any = None,
    color: str = INK,
    **kwargs: Any,
) -> None:
    """Measured points, with their intervals from ``low`` to ``high``.

    Other arguments go to `matplotlib.axes.Axes.plot`: label, marker.
    """
    if low is not None and high is not None:
        ax.plot([x, x], [low, high], color=color, linewidth=0.9, zorder=2.5)
    look = {"zorder": 3, **mark(kwargs.get("marker", "o"))}
    ax.plot(x, y, linestyle="none", color=color, **{**look, **kwargs})


def mark(marker: str) -> dict[str, Any]:
    """How a marker looks: for `matplotlib.axes.Axes.plot` and for `entry`."""
    size = {"markersize": SIZES[marker]} if marker in SIZES else {}
    return {"marker": marker, **RIMMED, **size}


def guide_line(
    ax: Axes,
    x: Sequence[float],
    y: float,
    exponent: float = -0.5,
    text: str = r"$\propto 1/\sqrt{m}$",
    above: bool = True,
) -> None:
    """A dashed power law for the eye, with its label along it, on log axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Both of its axes logarithmic.
    x : (float, float)
        Where the line begins and ends.
    y : float
        Its height at the beginning.
    exponent : float
        Of the power law.
    text : str
        What to write along it.
    above : bool
        Whether to write above the line, or below.
    """
    start, stop = check_array("x", x, 0, exclusive=True, ndims=(1,))
    ends = np.array([start, stop])
    heights = y * (ends / start) ** exponent
    ax.plot(ends, heights, color=QUIET, linewidth=0.8, linestyle=DASHED)
    middle, height = np.sqrt(ends.prod()), np.sqrt(heights.prod())
    ax.text(
        middle,
        height * (1.04 if above else 0.9),
        text,
        color=QUIET,
        fontsize="small",
        ha="center",
        va="bottom" if above else "top",
        rotation=np.degrees(np.arctan(exponent * height / middle)),
        rotation_mode="anchor",
        transform_rotates_text=True,
    )


def log_axis(axis: Axis, ticks: Iterable[float] | None = None) -> None:
    """Make ``ax.xaxis`` or ``ax.yaxis`` logarithmic, its numbers written plainly.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
        Call it once the data are drawn: how far they reach decides which of
        the ticks between the powers of ten carry a number.
    ticks : iterable of float, optional
        Where to put ticks, such as the values that were simulated.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

    ax = axis.axes
    set_scale = ax.set_xscale if axis is ax.xaxis else ax.set_yscale
    set_scale("log")
    plain = FuncFormatter(lambda value, _: plain_number(value))
    axis.set_major_formatter(plain)
    if ticks is not None:
        axis.set_major_locator(FixedLocator(sorted(set(ticks))))
        axis.set_minor_locator(FixedLocator([]))
        return
    low, high = axis.get_view_interval()
    decades = 2.1 if axis is ax.yaxis else 1.6  # numbers are wider than they are high
    subs = (1, 2, 5) if np.log10(high / low) < decades else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=9))
    axis.set_minor_locator(LogLocator(subs=range(1, 10), numticks=20))
    axis.set_minor_formatter(NullFormatter())


def log_axes(ax: Axes, ticks: Iterable[float] | None = None) -> None:
    """Make both axes of a panel logarithmic, with these ticks on the horizontal one."""
    log_axis(ax.xaxis, ticks)
    log_axis(ax.yaxis)


def plain_number(value: float) -> str:
    """A tick's number without exponent where that is short: 0.01, 50, 20,000."""
    if 1e-4 <= value < 1e6:
        text = f"{value:,.10f}"
        return text.rstrip("0").rstrip(".")
    factor, _, exponent = f"{value:.6e}".partition("e")
    times = "" if float(factor) == 1 else rf"{float(factor):g}\times"
    return f"${times}10^{{{int(exponent)}}}$"


def reference(ax: Axes, y: float, **look: Any) -> None:
    """A quiet dashed line across the panel, to compare with."""
    dashes = {"color": QUIET, "linewidth": 0.8, "linestyle": DASHED}
    ax.axhline(y, **{**dashes, **look})


def entry(label: str, **look: Any) -> Line2D:
    """An entry of a legend, for what is drawn elsewhere: a line, or its markers."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **look)


def legend_above(
    place: Axes | Figure, entries: Sequence[Any] | None = None, ncols: int = 8
) -> None:
    """A legend above a panel or all panels, in rows of ``ncols`` entries.

    Parameters
    ----------
    place : matplotlib.axes.Axes or matplotlib.figure.Figure
        The panel, or the figure.
    entries : sequence, optional
        What it lists, such as `entry` gives; by default what the panel labels.
    ncols : int
        Entries side by side, at the most.
    """
    from matplotlib.figure import Figure

    if entries is None:
        entries, _ = place.get_legend_handles_labels()  # type: ignore[union-attr]
    look: dict[str, Any] = {"columnspacing": 1.2, "handletextpad": 0.4}
    if isinstance(place, Figure):
        look["loc"] = "outside upper center"
    else:
        look.update(loc="lower center", bbox_to_anchor=(0.5, 1))
    place.legend(handles=entries, ncols=max(1, min(len(entries), ncols)), **look)


def letters(axes: Iterable[Axes]) -> None:
    """Mark panels with a, b, c, in this order."""
    for ax, text in zip(axes, ascii_lowercase):
        letter(ax, text)


def letter(ax: Axes, text: str) -> None:
    """Mark a panel with its letter, bold, above its upper left corner."""
    ax.annotate(
        text,
        (0, 1),
        (-22, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=11,
        fontweight="bold",
        va="bottom",
    )


def heatmap(
    ax: Axes,
    values: Any,
    extent: tuple[float, float, float, float],
    **kwargs: Any,
) -> AxesImage:
    """Signed values in colour, white at zero; rows from the bottom of the panel.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    values : array_like, (rows, columns)
        What to draw.
    extent : (float, float, float, float)
        Left, right, bottom and top, in units of the axes.
    **kwargs
        For `matplotlib.axes.Axes.imshow`: vmin, vmax, cmap.
    """
    limit = float(np.nanmax(np.abs(values))) or 1.0
    look = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, "origin": "lower"}
    return ax.imshow(
        values,
        extent=extent,
        aspect="auto",
        interpolation="nearest",
        **{**look, **kwargs},
    )
