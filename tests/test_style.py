from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from nengo.exceptions import ValidationError

from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.user_text import plain
from spiking_lmu.neurons import NEURON_TYPES


def draw():
    """A figure with everything in it."""
    neurons = np.array([10.0, 100.0, 1000.0])
    errors = 1 / np.sqrt(neurons)
    with style.rc():
        figure = style.new_figure("double", aspect=0.5)
        left, right = figure.subplots(1, 2)
        style.points(left, neurons, errors, errors * 0.9, errors * 1.1, label="θ = 1")
        style.log_axis(left.xaxis)
        style.log_axis(left.yaxis)
        style.guide_line(left, (10, 1000), 0.1)
        style.letter(left, "a")
        style.heatmap(right, [[0.0, 1.0], [-2.0, 0.5]], (0, 1, 0, 1))
        left.legend()
    return figure


@pytest.mark.parametrize("format", ["png", "svg"])
def test_equal_figures_are_equal_files(format):
    first = style.render(draw(), format)
    assert first == style.render(draw(), format)
    assert b"<dc:date>" not in first


def test_rc_ignores_and_restores_the_users_settings():
    with matplotlib.rc_context({"font.size": 40, "svg.hashsalt": "mine"}):
        ours = style.render(draw(), "svg")
        assert matplotlib.rcParams["font.size"] == 40
    assert ours == style.render(draw(), "svg")


def test_rc_decorates():
    @style.rc()
    def size():
        return matplotlib.rcParams["xtick.labelsize"]

    before = matplotlib.rcParams["xtick.labelsize"]
    assert size() == size() == 8.5
    assert matplotlib.rcParams["xtick.labelsize"] == before


def test_figures_belong_to_no_window():
    code = (
        "import sys; from spiking_lmu.experiments.pages import style;"
        "assert 'matplotlib' not in sys.modules;"
        "figure = style.new_figure(); figure.subplots(); style.render(figure, 'png');"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_are_found_however_spelt():
    assert style.colour("ReLU") == style.colour("re-lu")
    assert style.marker("Poisson") == style.marker("poisson")
    assert len({style.colour(name) for name in NEURON_TYPES}) == len(NEURON_TYPES)
    assert style.marker("Poisson-ReLU") == style.marker("poisson-relu")
    with pytest.raises(ValidationError, match=r"name: must be one of 'poisson'.*'izh'"):
        style.colour("izh")


@pytest.mark.parametrize(
    "names",
    [NEURON_TYPES, ("legendre", "balanced")],
)
def test_colours_differ_for_the_colour_blind(names):
    """Deuteranopia, after Machado et al. (2009): what is left must still differ."""
    blind = np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    )
    seen = {name: blind @ to_rgb(style.colour(name)) for name in names}
    for first, second in combinations(names, 2):
        assert np.linalg.norm(seen[first] - seen[second]) > 0.15
        assert style.marker(first) != style.marker(second)


def test_order_colours_darken_with_order():
    colours = style.order_colours([24, 3, 6, 12, 6])
    assert list(colours) == [3, 6, 12, 24]
    brightness = [np.mean(to_rgb(colour)) for colour in colours.values()]
    assert brightness == sorted(brightness, reverse=True)
    assert len(style.order_colours([6])) == 1


def test_a_point_without_an_interval():
    with style.rc():
        ax = style.new_figure().subplots()
        style.points(ax, [1.0], [2.0], [np.nan], [np.nan])
        style.render(ax.figure, "png")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "0.001"),
        (0.05, "0.05"),
        (1, "1"),
        (20_000, "20,000"),
        (1e6, "$10^{6}$"),
        (2e7, r"$2\times10^{7}$"),
        (1e-5, "$10^{-5}$"),
    ],
)
def test_plain_number(value, text):
    assert style.plain_number(value) == text


def ticks(axis):
    low, high = axis.get_view_interval()
    places, labels = axis.get_majorticklocs(), axis.get_majorticklabels()
    return [
        label.get_text()
        for place, label in zip(places, labels)
        if low <= place <= high and label.get_text()
    ]


def test_log_axis_writes_plain_numbers():
    with style.rc():
        wide, narrow, given = style.new_figure().subplots(1, 3)
        for ax, stop in ((wide, 20_000), (narrow, 90), (given, 48)):
            ax.plot([3, stop], [1, 1])
        style.log_axis(wide.xaxis)
        style.log_axis(narrow.xaxis)
        style.log_axis(given.xaxis, ticks=[48, 3, 12])
    assert ticks(wide.xaxis) == ["10", "100", "1,000", "10,000"]
    assert ticks(narrow.xaxis) == ["5", "10", "20", "50"]
    assert ticks(given.xaxis) == ["3", "12", "48"]


def test_points_on_log_axes_keep_the_limits():
    with style.rc():
        ax = style.new_figure().subplots()
        ax.set_xscale("log")
        ax.set_yscale("log")
        style.points(ax, [30, 3000], [1.0, 0.1], [0.9, 0.09], [1.1, 0.11])
    assert 20 < ax.get_xlim()[0] < 30
    assert 0.05 < ax.get_ylim()[0] < 0.09


def test_guide_line_is_the_power_law():
    ax = style.new_figure().subplots()
    style.guide_line(ax, (10, 1000), 1.0)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1, 0.1])


@pytest.mark.parametrize(
    "call",
    [
        lambda: style.new_figure("triple"),
        lambda: style.new_figure(aspect=0),
        lambda: style.new_figure(aspect=np.nan),
        lambda: style.render(style.new_figure(), "gif"),
        lambda: style.guide_line(style.new_figure().subplots(), (0, 10), 1),
    ],
)
def test_bad_arguments(call):
    with pytest.raises(ValidationError):
        call()


USERS = [
    ("walking", "walking"),
    ("$x$ and $y$", r"\$x\$ and \$y\$"),
    ("$\\frac{1}{", r"\$\frac{1}{"),
    (r"\$", r"\\$"),
    ("5 $", r"5 \$"),
    ("a^b_c % & # ~ {", "a^b_c % & # ~ {"),
    ("two\nlines\t", "two lines"),
    ("Größe µV, Ωθ, да", "Größe µV, Ωθ, да"),
    ("\u732b", r"\u732b"),
    ("\udcff\x07", r"\udcff\x07"),
    ("x" * 30 + "y" * 5000, "x" * 12 + "…" + "y" * 11),
    (3, "3"),
    ("", ""),
]


# matplotlib 3.8 calls pyparsing by names that later ones deprecate
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("text, expected", USERS)
def test_text_of_users_is_shown_as_it_is(text, expected):
    shown = plain(text)
    assert shown == expected
    with style.rc():
        ax = style.new_figure().subplots()
        ax.set_xticks([0, 1], [shown, shown])
        ax.plot([0, 1], label=f"{shown} here")
        ax.legend()
    for format in ("png", "svg"):
        style.render(ax.figure, format)
    _, is_math = ax.get_xticklabels()[0]._preprocess_math(shown)
    assert not is_math


def test_dollars_are_drawn_as_dollars():
    def drawn(text):
        with style.rc():
            figure = style.new_figure("single")
            figure.text(0.1, 0.5, text, parse_math=False)
        return style.render(figure, "png")

    def drawn_plainly(text):
        with style.rc():
            figure = style.new_figure("single")
            figure.text(0.1, 0.5, plain(text))
        return style.render(figure, "png")

    assert drawn_plainly("$a$ < $b$") == drawn("$a$ < $b$")
    assert drawn_plainly("a\\b $") == drawn("a\\b $")
