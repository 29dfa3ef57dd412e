"""Text for people: aligned tables, numbers with separators, bars; nothing raw reaches a terminal."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from funnelsim.vocabulary.language import known, language, tr

LINE_WIDTH = 100
_WIDEST_NAME, _NARROWEST_NAME, _LONGEST_NAME = 40, 12, 120  # columns; a longer name is cut
_GAP = "  "
_SOLID, _UNSURE = "█", "▒"
# Where a line may be broken: at blanks, and beside Chinese characters, but not before what closes a phrase or
# after what opens one, nor between a figure and its per cent sign.
_BLANKS = re.compile(r"\s+(?!%)|(?<=[㐀-鿿])\s+(?=%)")
_OPENS, _CLOSES = "（“《", "，。；：、！？）”》"
_WORD = rf"[^\s㐀-鿿{_OPENS}{_CLOSES}]+"
_PIECES = re.compile(rf"[{_OPENS}]*(?:[㐀-鿿]|{_WORD}(?:\s+%(?:{_WORD})?)?|[{_OPENS}{_CLOSES}])[{_CLOSES}]*")
# What a terminal without these characters shows instead.
_ASCII = str.maketrans({_SOLID: "#", _UNSURE: "~", "±": "+-", "…": "...", "–": "-", "×": "x"})


def visible(text: object, *, keep: str = "") -> str:
    r"""Text with control and other invisible characters written as escapes.

    A name in a file may hold a terminal's commands or marks that turn the reading direction; shown raw they
    could change what a person sees.

    Parameters
    ----------
    text : object
        Anything with a text form.
    keep : str
        Characters to leave as they are, such as ``"\n"`` in a message of several lines.

    Examples
    --------
    >>> print(visible("Acme\x1b[2J"))
    Acme\x1b[2J
    """
    return "".join(mark if mark in keep or _is_visible(mark) else _escaped(mark) for mark in str(text))


def _is_visible(mark: str) -> bool:
    category = unicodedata.category(mark)
    return category[0] != "C" and category not in ("Zl", "Zp")


def _escaped(mark: str) -> str:
    return mark.encode("unicode_escape").decode("ascii")


def plain(text: str, encoding: str | None) -> str:
    r"""The text as far as an encoding can show it; the rest is spelled out or escaped.

    Examples
    --------
    >>> plain("24 % ± 2 赢", "ascii")
    '24 % +- 2 \\u8d62'
    """
    encoding = encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def display_width(text: str) -> int:
    """Columns a text takes in letters of one width: Chinese characters take two, combining marks none.

    Examples
    --------
    >>> display_width("赢单"), display_width("won")
    (4, 3)
    """
    return sum(
        0 if unicodedata.combining(mark) else 2 if unicodedata.east_asian_width(mark) in "WF" else 1
        for mark in text
    )


def heading(text: str) -> str:
    """A line above a table, in the language that is spoken."""
    return visible(tr(text))


def name_lines(text: object) -> list[str]:
    """A name made visible, in lines no wider than a column of names; cut where it is very long."""
    return wrapped(shorten(visible(known(str(text))), _LONGEST_NAME), _WIDEST_NAME)


def shorten(text: str, most: int = _WIDEST_NAME) -> str:
    """The text, cut to a number of columns with "…" where it is longer."""
    return text if len(beginning(text, most)) == len(text) else beginning(text, most - 1) + "…"


def beginning(text: str, room: int) -> str:
    """As much of a text as fits; it is looked at no further, for names may have very many characters."""
    width = 0
    for n, mark in enumerate(text):
        width += display_width(mark)
        if width > room:
            return text[:n]
    return text


def wrapped(text: str, room: int) -> list[str]:
    """The text in lines of at most `room` columns, broken at blanks or beside Chinese where possible."""
    lines, line, room = [], "", max(room, 2)
    for blank, word in _words(text):
        while len(head := beginning(word, room)) < len(word):
            lines += [line, head] if line else [head]
            line, word = "", word[len(head) :]
        joined = f"{line}{blank}{word}" if line else word
        if display_width(joined) > room:
            lines.append(line)
            joined = word
        line = joined
    return [*lines, line] if line or not lines else lines


def _words(text: str) -> Iterator[tuple[str, str]]:
    """What a line is made of, each with the blank before it: words, and single Chinese characters."""
    for chunk in _BLANKS.split(text.strip()):
        for i, piece in enumerate(_PIECES.findall(chunk)):
            yield "" if i else " ", piece


def enumerated(items: Iterable[str]) -> str:
    """Items with the comma of the language that is spoken.

    Examples
    --------
    >>> enumerated(["won", "lost"])
    'won, lost'
    """
    return ("、" if language() == "zh" else ", ").join(items)


def paragraph(text: str, *, first: str = "", rest: str | None = None) -> list[str]:
    """Lines of a text in the language that is spoken; for `first` and `rest` see :func:`flowed`."""
    return flowed(tr(text), first=first, rest=rest)


def flowed(text: str, *, first: str = "", rest: str | None = None) -> list[str]:
    """Lines of a text under a lead-in; the lines after the first are indented as far, or by `rest`."""
    indent = " " * display_width(first) if rest is None else rest
    lines = wrapped(visible(text), LINE_WIDTH - display_width(first))
    return [first + lines[0], *(indent + line for line in lines[1:])]


def _pad(text: str, width: int, align: str) -> str:
    blanks = " " * (width - display_width(text))
    return blanks + text if align == "r" else text + blanks


def text_table(titles: Sequence[str], rows: Iterable[Sequence[object]], align: str) -> list[str]:
    r"""Lines of an aligned table that fits the page.

    Parameters
    ----------
    titles : sequence of str
        Two or more.
    rows : iterable of sequences
        Cells; text is made visible, long names are wrapped in the first column and cut in others. On a page
        too narrow the last column is wrapped, or the first one where the last holds figures.
    align : str
        One letter a column: ``"l"`` or ``"r"``.

    Examples
    --------
    >>> print("\n".join(text_table(["stage", "deals"], [["lead", "1,204"], ["offer", "87"]], "lr")))
    stage  deals
    lead   1,204
    offer     87
    """
    said = [[tr(title) for title in titles], *([known(str(cell)) for cell in row] for row in rows)]
    cells = [[visible(cell) for cell in row] for row in said]
    for row in cells:
        row[:-1] = [shorten(row[0], _LONGEST_NAME), *(shorten(cell) for cell in row[1:-1])]
    widths = [max(display_width(row[column]) for row in cells) for column in range(len(titles))]
    widths[0] = min(widths[0], _WIDEST_NAME)
    gaps = len(_GAP) * (len(titles) - 1)
    if align[-1] == "r":
        widths[0] = min(widths[0], max(LINE_WIDTH - gaps - sum(widths[1:]), _NARROWEST_NAME))
    used = gaps + sum(widths[:-1])
    widths[-1] = min(widths[-1], max(LINE_WIDTH - used, 20))
    lines = []
    for row in cells:
        first, last = wrapped(row[0], widths[0]), wrapped(row[-1], widths[-1])
        parts = zip([first[0], *row[1:-1], last[0]], widths, align, strict=True)
        lines.append(_GAP.join(_pad(*part) for part in parts).rstrip())
        lines += [*first[1:], *(" " * used + line for line in last[1:])]
    return lines


def number(value: float, *, decimals: int = 0) -> str:
    """A number with thousands separators; a dash where there is none.

    Examples
    --------
    >>> number(1234567.8), number(float("nan")), number(-0.2)
    ('1,234,568', '-', '0')
    """
    if not math.isfinite(value):
        return "-"
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text


def decimals_for(values: Iterable[float]) -> int:
    """Decimals that suit a column: none for large numbers, two for small ones."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return 0 if largest >= 1000 else 1 if largest >= 10 else 2


def percent(value: float, *, decimals: int = 1) -> str:
    """A share as a percentage.

    Examples
    --------
    >>> percent(0.2441), percent(float("nan"))
    ('24.4 %', '-')
    """
    return f"{number(100 * value, decimals=decimals)} %" if math.isfinite(value) else "-"


def error_bar(value: float, error: float, *, largest: float, room: int = 30) -> str:
    """A bar from zero: solid up to the low end of the error, shaded over its range.

    Parameters
    ----------
    value, error : float
        The bar's length and the half-width of its range.
    largest : float
        Value that fills `room` characters.

    Examples
    --------
    >>> error_bar(0.20, 0.05, largest=0.25, room=20)
    '████████████▒▒▒▒▒▒▒▒'
    """
    if not (largest > 0 and math.isfinite(value)):
        return ""
    spread = error if math.isfinite(error) else 0.0
    low, high = (round(room * end / largest) for end in (abs(value) - spread, abs(value) + spread))
    low, high = max(low, 0), min(max(high, 0), room)
    return _SOLID * low + _UNSURE * max(high - low, 0)
