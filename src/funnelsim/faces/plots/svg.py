"""Plots as SVG inside a page: the same bytes for the same numbers, and marks of their own."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import alt_text
from funnelsim.faces.tables import visible

_SIZE = (7.4, 3.9)  # inches: half a page
_HEAD = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>", re.DOTALL)
_MARK = re.compile(r"""(\bid="|href="#|url\(#)([^")]+)""")
_OUTER = re.compile(r"<svg\b[^>]*>")
_STYLE = re.compile(r"<defs>\s*<style\b.*?</style>\s*</defs>", re.DOTALL)  # would hold for the whole page
_OUTLINE = re.compile(r'(?<= d=")[^"]+')
_ENDLESS = re.compile(r"[^\s，。；：、（）]{120,}")  # names of thousands of characters
_DPI = 200  # of what is drawn as an image, such as thousands of deals
_DIGITS = re.compile(r"(\.\d\d)\d+")
_BOX = re.compile(r'viewBox="[^"]*"')


def drawn(
    plot: Callable[..., Any], noun: object, name: str, *, title: str, size: tuple[float, float] = _SIZE
) -> str:
    """A plot of a noun as markup, its letters as outlines, so that every reader sees the same.

    The page must say ``stroke-linejoin: round; stroke-linecap: butt`` for all that is inside.

    Parameters
    ----------
    plot : callable
        Takes the noun and ``ax=``.
    noun : object
    name : str
        Keeps the marks of several pictures in one page apart.
    title : str
        What the picture is called; the numbers it shows, in one sentence, follow as its description.
    size : (width, height)
        In inches.
    """
    with mpl.rc_context({"svg.hashsalt": f"funnelsim {name}", "svg.fonttype": "path"}):
        figure = plt.figure(figsize=size, layout="constrained")
        ax = plot(noun, ax=figure.add_subplot())
        file = io.StringIO()
        nothing = {"Date": None, "Creator": None}
        figure.savefig(file, format="svg", bbox_inches="tight", metadata=nothing, dpi=_DPI)
        plt.close(figure)
    svg = _MARK.sub(rf"\g<1>{name}-\g<2>", _STYLE.sub("", _HEAD.sub("", file.getvalue())).strip())
    svg = _OUTLINE.sub(lambda found: " ".join(_DIGITS.sub(r"\1", found[0]).split()), svg)
    box = _BOX.search(svg)
    assert box is not None  # matplotlib writes one
    outer = (
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" xmlns="http://www.w3.org/2000/svg" {box[0]} '
        f'role="img" aria-label="{escape(title)}" aria-describedby="{name}-desc">'
        f'<title>{escape(title)}</title><desc id="{name}-desc">{escape(in_words(ax))}</desc>'
    )
    return _OUTER.sub(lambda _: outer, svg, count=1)


def in_words(ax: Axes) -> str:
    """The numbers that a plot shows, to be read aloud or printed: endless names cut, nothing unseen."""
    return _ENDLESS.sub(lambda found: style.shorten(found[0], 60), visible(alt_text(ax)))
