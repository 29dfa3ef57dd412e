"""Plots as SVG inside a page: the same bytes for the same numbers, and marks of their own."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from funnelsim.faces.plots.sheet import alt_text

_SIZE = (7.4, 3.9)  # inches: half a page
_HEAD = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>", re.DOTALL)
_MARK = re.compile(r"""(\bid="|href="#|url\(#)([^")]+)""")


@dataclass(frozen=True)
class Picture:
    """A plot inside a page.

    Parameters
    ----------
    svg : str
        Markup, with letters as outlines, so that every reader sees the same.
    alt : str
        The numbers it shows, in one sentence.
    """

    svg: str
    alt: str


def drawn(plot: Callable[..., Any], noun: object, name: str) -> Picture:
    """A plot of a noun; `name` keeps the marks of several pictures in one page apart."""
    with mpl.rc_context({"svg.hashsalt": f"funnelsim {name}", "svg.fonttype": "path"}):
        figure = plt.figure(figsize=_SIZE, layout="constrained")
        ax = plot(noun, ax=figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    svg = _HEAD.sub("", file.getvalue()).strip()
    svg = _MARK.sub(rf"\g<1>{name}-\g<2>", svg)
    return Picture(
        re.sub(r'(<svg[^>]*?) width="[^"]*"|(<svg[^>]*?) height="[^"]*"', r"\1\2", svg), alt_text(ax)
    )
