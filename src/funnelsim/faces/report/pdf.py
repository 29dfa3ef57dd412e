"""A report as PDF pages: the first screen, and what stands below it, to print and to pass on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from funnelsim import __version__
from funnelsim.faces.plots.paper import (
    ACCENT,
    BOTTOM,
    GROUND,
    HEIGHT,
    LEFT,
    RIGHT,
    SOFT,
    TOP,
    WIDTH,
    Paper,
    lines_of,
)
from funnelsim.faces.report.content import Told
from funnelsim.faces.report.parts import Answer, FirstScreen, Section
from funnelsim.faces.tables import shorten, visible
from funnelsim.vocabulary.language import tr

_COLUMN = 4.35  # inches: the answers; the fan takes the rest
_FIGURES = {"chance": 34.0, "range": 17.0}  # size of letters; other figures are smaller
_LETTERS = (8.5, 8.0, 7.5, 7.0, 6.5, 6.0, 5.5)  # of sentences: as large as leaves all answers on the page
_BETWEEN = 0.1
_PICTURE = 3.7  # inches high
_LONGEST_TITLE = 70


def pdf(told: Told, title: str) -> bytes:
    """The pages, in the language that is spoken."""
    name = shorten(visible(title or tr("Sales forecast")), _LONGEST_TITLE)
    first = told.first_screen
    paper = Paper(f"{name} · {tr(f'Made by funnelsim {__version__}.')}")
    _first_page(paper, first, name)
    for section in told.sections:
        _section(paper, section)
    return paper.finished(name, first.asked, told.facts.text(), dt.date.fromisoformat(told.as_of))


def _first_page(paper: Paper, first: FirstScreen, title: str) -> None:
    paper.turn()
    paper.put(LEFT, TOP, title, size=19, bold=True)
    paper.put(LEFT, TOP + 0.38, visible(first.asked), size=10, colour=SOFT)
    paper.y = TOP + 0.68
    paper.rule(LEFT, WIDTH - LEFT - RIGHT, colour=ACCENT, thickness=2.0)
    y = paper.y + 0.14
    room = HEIGHT - BOTTOM - y
    small = next((size for size in _LETTERS if _height_of(first.answers, size) <= room), _LETTERS[-1])
    for answer in first.answers:
        y = _answer(paper, answer, y, small) + _BETWEEN
    x = LEFT + _COLUMN + 0.25
    drawing = first.drawing
    paper.picture(drawing.plot, drawing.noun, x, TOP + 0.85, WIDTH - RIGHT - x, 5.6)
    paper.y = HEIGHT


def _height_of(answers: Sequence[Answer], small: float) -> float:
    """Inches that answers take below each other, in letters of a size."""
    return sum(_height(answer, small) + _BETWEEN for answer in answers) - _BETWEEN


def _height(answer: Answer, small: float) -> float:
    n_lines = sum(len(lines_of(text, _COLUMN - 0.25, small)) for text in answer.sentences)
    bar = 0.0 if answer.share is None else 0.14
    return 0.28 + 1.3 * _FIGURES.get(answer.key, 13.0) / 72 + n_lines * 1.35 * small / 72 + 0.1 + bar


def _answer(paper: Paper, answer: Answer, y: float, small: float) -> float:
    """One answer from a height on, its sentences in letters of a size; gives the height at which it ends."""
    large, height = _FIGURES.get(answer.key, 13.0), _height(answer, small)
    lines = [line for text in answer.sentences for line in lines_of(text, _COLUMN - 0.25, small)]
    paper.block(LEFT, y, _COLUMN, height, GROUND)
    paper.block(LEFT, y, 0.05, height, ACCENT)
    x, end = LEFT + 0.17, y + height
    paper.put(x, y + 0.08, visible(answer.question), size=8.5, colour=SOFT, bold=True)
    is_chance = answer.key == "chance"
    paper.put(
        x, y + 0.26, visible(answer.figure), size=large, bold=True, colour=ACCENT if is_chance else "#1D2733"
    )
    y += 0.28 + 1.3 * large / 72
    if answer.share is not None:
        paper.block(x, y, _COLUMN - 0.3, 0.08, "#CFD9E2")
        paper.block(x, y, (_COLUMN - 0.3) * answer.share, 0.08, ACCENT)
        y += 0.14
    for line in lines:
        paper.put(x, y, line, size=small)
        y += 1.35 * small / 72
    return end


def _section(paper: Paper, section: Section) -> None:
    if section.drawings:
        paper.turn()
    paper.heading(section.title)
    for text in section.sentences:
        paper.words(text)
    for item in section.items:
        paper.words(item, lead="•")
    for drawing in section.drawings:
        paper.drawing(drawing.plot, drawing.noun, height=_PICTURE)
    for table in section.tables:
        paper.table(table.caption, table.titles, table.rows, table.words)
    paper.y += 0.15
