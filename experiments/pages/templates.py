"""The words of a report, from a template beside its experiment and numbers as data.

A template is rendered once. What it says is collected by the functions that it calls:

.. code-block:: jinja

    {% call title() %}How precise a memory is{% endcall %}
    {% call lead() %}{{ trials }} runs, of {{ orders|listed }} variables.{% endcall %}
    {% for fit in fits %}
    {% call law(fit) %}RMSE ∝ <i>m</i><sup>{{ fit.exponent|signed }}</sup>{% endcall %}
    {% endfor %}
    {% call section("Error against neurons") %}
    The first paragraph.

    The second one, after an empty line.
    {{ figure("rmse", "The caption.", alt="What the figure shows, in words.") }}
    {{ table(exponents, "What the table shows.") }}  or a list of rows, the head first
    {% endcall %}

Text outside of these calls is not shown. Values are escaped, the template's own markup
is not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from spiking_lmu.experiments.pages.report import (
    Law,
    Report,
    Section,
    environment,
    number,
    shown,
)
from spiking_lmu.experiments.pages.style import NAMES
from spiking_lmu.validation import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from pandas import DataFrame


NO_INTERVAL = "too few trials for an interval"


def fill(
    name: str, source: str, values: Mapping[str, Any], figures: Collection[str] = ()
) -> Report:
    """The report that a template gives with these values.

    Parameters
    ----------
    name : str
        Of the experiment, as the command line has it.
    source : str
        Text of the template.
    values : mapping
        What the template shows, by name.
    figures : collection of str
        Names of the figures there are; also the template's ``figures``.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the template shows a figure that there is not, or two in one section.
    jinja2.TemplateError
        If the template is wrong, or shows a value that there is not.
    """
    page = _Page(figures)
    ours = {
        "figures": tuple(figures),
        "title": page.title,
        "lead": page.lead,
        "law": page.law,
        "section": page.section,
        "figure": page.figure,
        "table": page.table,
    }
    if not ours.keys().isdisjoint(values):
        raise refusal("values", list(values), f"named other than {', '.join(ours)}")
    words = environment()
    words.filters.update(
        bounds=bounds,
        initial=initial,
        interval=interval,
        listed=listed,
        neurons=NAMES.__getitem__,
        percent=percent,
        signed=signed,
        signed_bounds=signed_bounds,
    )
    words.from_string(source).render(values, **ours)
    return Report(
        name, page.words["title"], page.words["lead"], tuple(page.sections), page.laws
    )


def listed(values: Iterable[Any]) -> str | Markup:
    """``[3, 6, 12]`` as "3, 6 and 12"; numbers as `shown` has them."""
    words = [
        v if isinstance(v, Markup) else f"{v:,}" if isinstance(v, int) else shown(v)
        for v in values
    ]
    *most, last = words or ["none"]
    return Markup("{} and {}").format(Markup(", ").join(most), last) if most else last


def signed(value: float, digits: int = 2) -> str:
    """A number with so many digits after its point, and a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "−")


def percent(share: float, of: int) -> str:
    """A share in percent, with as many digits as so many items can tell apart."""
    return signed(100 * share, 2 if of >= 1000 else 1)


def initial(text: str) -> str:
    """The text with a capital letter first."""
    return text[:1].upper() + text[1:]


def interval(law: Mapping[str, Any], name: str = "", factor: float = 1) -> str:
    """The 95 % interval from ``low`` to ``high``, or ``NAME_low`` to ``NAME_high``.

    Both times a factor, such as 100 for percent.
    """
    ends = bounds(law, name, factor)
    return ends if ends == NO_INTERVAL else f"95 % interval {ends}"


def bounds(
    law: Mapping[str, Any],
    name: str = "",
    factor: float = 1,
    words: Callable[[float], str] = number,
) -> str:
    """The same without the words before it; a trial alone has no interval."""
    low, high = (law[f"{name}_{end}".lstrip("_")] for end in ("low", "high"))
    if not (math.isfinite(low) and math.isfinite(high)):
        return NO_INTERVAL
    return f"{words(factor * low)} to {words(factor * high)}"


def signed_bounds(law: Mapping[str, Any]) -> str:
    """The bounds of an exponent, with as many digits as `signed` gives it."""
    return bounds(law, words=signed)


class _Page:
    """What the calls of one template have said so far."""

    def __init__(self, figures: Collection[str]) -> None:
        self.known = figures
        self.words: dict[str, Markup] = {"title": Markup(""), "lead": Markup("")}
        self.sections: list[Section] = []
        self.laws: tuple[Law, ...] = ()
        self.shown: dict[str, Any] = {}

    def title(self, caller: Callable[[], Markup]) -> str:
        self.words["title"] = one_line(caller())
        return ""

    def lead(self, caller: Callable[[], Markup]) -> str:
        self.words["lead"] = one_line(caller())
        return ""

    def law(self, values: Mapping[str, Any], caller: Callable[[], Markup]) -> str:
        self.laws += (Law(one_line(caller()), values),)
        return ""

    def section(self, title: str, caller: Callable[[], Markup]) -> str:
        self.shown = {}
        parts = re.split(r"\n\s*\n", caller())
        paragraphs = [one_line(part) for part in parts if part.strip()]
        self.sections.append(Section(title, tuple(paragraphs), **self.shown))
        return ""

    def figure(
        self,
        name: str,
        caption: str = "",
        alt: str = "",
        caller: Callable[[], Markup] | None = None,
    ) -> str:
        if name not in self.known or "figure" in self.shown:
            known = ", ".join(map(repr, self.known))
            raise refusal("figure", name, f"the only one of its section, of {known}")
        caption = one_line(caller() if caller else caption)
        self.shown.update(figure=name, caption=caption, alt=one_line(alt))
        return ""

    def table(
        self,
        table: DataFrame | Sequence[Sequence[Any]],
        caption: str = "",
        without: Sequence[str] = (),
    ) -> str:
        """Show a frame, or lists of cells with the head first, ``without`` columns."""
        import pandas as pd

        if "table" in self.shown:
            raise refusal("table", caption, "the only one of its section")
        if not isinstance(table, pd.DataFrame):
            head, *rows = table
            table = pd.DataFrame(rows, columns=list(head))
        table = table.drop(columns=list(without))
        self.shown.update(table=table, table_caption=one_line(caption))
        return ""


def one_line(text: str) -> Any:
    """The text on one line, marked up if it was."""
    return type(text)(" ".join(text.split()))
