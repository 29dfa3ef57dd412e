"""A report as one HTML page that needs nothing else: pictures inside, no script, no outside address."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources

import jinja2
from markupsafe import Markup

from funnelsim import __version__
from funnelsim.faces.plots.svg import drawn
from funnelsim.faces.report.content import Told
from funnelsim.faces.report.parts import Drawing
from funnelsim.faces.tables import visible
from funnelsim.vocabulary.language import language, tr

_FIRST = (7.2, 5.0)  # inches: the fan beside the answers
_BEFORE_A_UNIT = re.compile(
    r"(?<=\d) (?=[%±万亿]|[kM]?\b ?[A-Z]{3}\b)|(?<=\d [kM]) (?=[A-Z]{3}\b)|(?<=±) (?=\d)"
)
_NARROW = (4.4, 4.8)  # the same for a telephone, whose reader would else see a part of it at a time


def page(told: Told, title: str) -> bytes:
    """The page as UTF-8, in the language that is spoken."""
    folder = resources.files("funnelsim.faces.report")
    template, style = (
        folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.html.j2", "page.css")
    )
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=_legible, trim_blocks=True
    )
    first = told.first_screen
    text = environment.from_string(template).render(
        lang="zh-Hans" if language() == "zh" else "en",
        title=title or tr("Sales forecast"),
        style=Markup(style),
        first=first,
        fan=_markup(first.drawing, _FIRST),
        narrow=_markup(replace(first.drawing, key=f"{first.drawing.key}-narrow"), _NARROW),
        sections=told.sections,
        markup=_markup,
        unbroken=_unbroken,
        hint=tr("Swipe sideways to see the whole picture."),
        made=tr(f"Made by funnelsim {__version__}."),
        skip=tr("Skip to the details"),
        details=tr("Details"),
        answers=tr("The answer"),
        facts=Markup(told.facts.text().replace("<", "\\u003c")),
    )
    return text.encode("utf-8", "backslashreplace")


def _markup(drawing: Drawing, size: tuple[float, float] = (7.4, 3.9)) -> Markup:
    return Markup(drawn(drawing.plot, drawing.noun, drawing.key, title=visible(drawing.title), size=size))


def _unbroken(cell: str) -> Markup:
    """A figure, date or range that no line breaks; only between a figure and its range in brackets."""
    first, bracket, rest = visible(cell).partition(" (")
    pieces = [first, f"({rest}"] if bracket else [first]
    return Markup(" ").join(Markup('<span class="one">{}</span>').format(piece) for piece in pieces)


def _legible(value: object) -> object:
    """Text without what no reader sees or what turns its order, numbers on a line with their units."""
    return _BEFORE_A_UNIT.sub("\u00a0", visible(value)) if type(value) is str else value
