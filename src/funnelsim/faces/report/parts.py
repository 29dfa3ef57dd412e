"""Parts of a report, whatever file they go to: answers, sections, tables, and pictures yet to be drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from funnelsim.faces.plots import style
from funnelsim.faces.tables import decimals_for, number, percent
from funnelsim.nouns.forecast import Forecast
from funnelsim.vocabulary.language import known, tr

_LONGEST_NAME = 60  # columns; what distinguishes longer names often stands at their end, so the middle goes

_LEAST_CHANCE = 0.0005  # what would read 0.0 %


@dataclass(frozen=True)
class Table:
    """A table of text; the first column names the row.

    Parameters
    ----------
    caption : str
    titles : tuple of str
    rows : tuple of tuples of str
    words : tuple of int
        Columns that hold words, besides the first; all others hold figures.
    last_is_sum : bool
        Whether the last row stands for all.
    """

    caption: str
    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = ()
    last_is_sum: bool = False


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture that each kind of file draws in its own way.

    Parameters
    ----------
    key : str
        Tells the pictures of one report apart.
    title : str
    plot : callable
        One of :mod:`funnelsim.faces.plots`.
    noun : object
        What it draws.
    """

    key: str
    title: str
    plot: Callable[..., Any]
    noun: object


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a report under one heading."""

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    tables: tuple[Table, ...] = ()
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """One question of the first screen, with its answer.

    Parameters
    ----------
    key : str
    question : str
    figure : str
        The answer in a word or a number.
    sentences : tuple of str
        What it means.
    share : float, optional
        The figure as a share of one, where it is one.
    """

    key: str
    question: str
    figure: str
    sentences: tuple[str, ...]
    share: float | None = None


@dataclass(frozen=True, eq=False)
class FirstScreen:
    """What a reader sees before anything else."""

    asked: str
    answers: tuple[Answer, ...]
    drawing: Drawing


def name(text: object, longest: int = _LONGEST_NAME) -> str:
    """A name that users gave: on one line, in the language where it is one of ours, not too long."""
    return style.shorten(whole_name(text), longest)


def whole_name(text: object) -> str:
    """The same, however long it is."""
    return known(style.plain(text))


def unit_name(unit: str) -> str:
    """A unit of amounts in the language that is spoken, such as 欧元 for EUR."""
    return known(f"1 {unit}").removeprefix("1").strip() if unit else ""


def in_unit(outlook: Forecast) -> str:
    """The unit of amounts in brackets, for captions; empty where there is none."""
    return unit_aside(outlook.unit) if outlook.is_money else ""


def unit_aside(unit: str) -> str:
    """A unit in brackets; empty where there is none."""
    said = unit_name(style.plain(unit))
    return style.aside(said) if said else ""


def amount(outlook: Forecast, value: float) -> str:
    """A figure with separators and its unit."""
    decimals = 0 if float(value).is_integer() else decimals_for([value])
    unit = outlook.unit if outlook.is_money else tr("wins")
    return f"{number(value, decimals=decimals)} {style.plain(unit)}".rstrip()


def chance_said(chance: float, *, decimals: int = 1) -> str:
    """A chance as a share; a bound where it is so close to none or certain that its digits would read 0."""
    if chance < _LEAST_CHANCE or chance > 1.0 - _LEAST_CHANCE:
        return "< 0.1 %" if chance < 0.5 else "> 99.9 %"
    return percent(chance, decimals=decimals)


def points(change: float, *, signed: bool = True) -> str:
    """A change of a chance in percentage points."""
    text = number(100 * change, decimals=1)
    return f"+{text}" if signed and change > 0 and text != "0.0" else text


def points_with_error(change: float, error: float) -> str:
    """A change of a chance in percentage points, with its standard error."""
    return f"{points(change)} ± {number(100 * error, decimals=1)}"


def span(labels: Iterable[str]) -> str:
    """Periods in words, such as "2026-Q3 to 2027-Q2"."""
    all_labels = list(labels)
    first, last = (style.plain(all_labels[i]) for i in (0, -1))
    return first if first == last else f"{first.split(' to ')[0]} to {last.split(' to ')[-1]}"
