"""Text of users in figures, such as the labels of their classes."""

from __future__ import annotations

import functools
from typing import Any

from spiking_lmu.experiments.pages.style import FONTS


def plain(text: Any, longest: int = 24) -> str:
    """Text of a user, such as the label of a class, as every figure shows it.

    On one line, as it is: a dollar is no mathematics. Characters that our fonts do not
    have are written by their codes, and the middle of what is too long is left out.

    Parameters
    ----------
    text : object
        What to show.
    longest : int
        Characters that there is room for.
    """
    known = _glyphs()
    words = "".join(
        c
        if ord(c) in known and c.isprintable()
        else c.encode("unicode_escape").decode()
        for c in " ".join(str(text).split())
    )
    if len(words) > longest:
        words = f"{words[: longest // 2]}…{words[-((longest - 1) // 2) :]}"
    return words.replace("$", r"\$")


@functools.cache
def _glyphs() -> frozenset[int]:
    """Codes of the characters that the fonts of `rc` have."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    fonts = [findfont(FontProperties(family=name)) for name in FONTS]
    return frozenset(code for font in fonts for code in get_font(font).get_charmap())
