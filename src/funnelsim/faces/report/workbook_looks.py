"""Looks of a workbook: colours, letters and number formats of each kind of cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from funnelsim.faces.plots.style import plain
from funnelsim.faces.tables import shorten
from funnelsim.vocabulary.language import language, tr

LONGEST_UNIT = 12
INK, BLUE, ORANGE, VERMILLION, GREY, PALE = "#222222", "#0072B2", "#E69F00", "#D55E00", "#767676", "#E4E4E4"
_FONTS = {"en": "Calibri", "zh": "Microsoft YaHei"}

_FIGURE: dict[str, Any] = {"align": "right", "valign": "top", "indent": 1}  # apart from words at their right

# What a cell looks like: a kind, and what sets it apart from others of its kind.
KINDS: dict[str, dict[str, Any]] = {
    "text": {"align": "left", "valign": "top", "indent": 1},
    "prose": {"align": "left", "valign": "top", "text_wrap": True, "indent": 1},
    "index": {"align": "center", "valign": "top", "num_format": "0"},
    "title": {"bold": True, "font_size": 18, "font_color": BLUE},
    "asked": {"font_color": GREY, "font_size": 12},
    "heading": {"bold": True, "font_size": 13, "font_color": BLUE},
    "note": {"font_color": "#555555", "text_wrap": True, "valign": "top"},
    "head": {
        "bold": True,
        "text_wrap": True,
        "valign": "bottom",
        "bottom": 2,
        "bg_color": "#EAF2F8",
        "align": "left",
        "indent": 1,
    },
    "link": {"font_color": BLUE, "underline": 1, "valign": "top"},
    "share": {"num_format": "0.0\\ %", **_FIGURE},
    "points": {"num_format": "+0.0;-0.0;0.0", **_FIGURE},
    "points_error": {"num_format": '"± "0.0', **_FIGURE},
    "count": {"num_format": "#,##0", **_FIGURE},
    "decimal": {"num_format": "#,##0.0", **_FIGURE},
    "decimal_error": {"num_format": '"± "#,##0.0', **_FIGURE},
    "decimal_change": {"num_format": "+#,##0.0;-#,##0.0;0.0", **_FIGURE},
    "figure": {"num_format": "0.000", **_FIGURE},
    "day": {"num_format": "yyyy-mm-dd", "align": "left", "valign": "top", "indent": 1},
}
MARKS: dict[str, dict[str, Any]] = {
    "left": {"align": "left", "indent": 1},
    "right": {"align": "right", "indent": 1},
    "center": {"align": "center", "indent": 0},
    "quoted": {"quote_prefix": True},  # or editing the cell would make a formula of it
    "key": {"bold": True, "font_size": 12},
    "hero": {"bold": True, "font_size": 22, "font_color": BLUE},
    "middle": {"valign": "vcenter"},
    "total": {"bold": True, "top": 1},
    "input": {"font_color": "#0000CC", "bg_color": "#FFF9DB"},
}
DECIMALS = {
    "count": 0,
    "decimal": 1,
    "figure": 3,
    "points": 1,
    "points_error": 1,
    "points_said": 1,
    "decimal_error": 1,
    "decimal_change": 1,
}


def book_options() -> dict[str, Any]:
    """Nothing is guessed from text; letters suit the language."""
    letters = {"font_name": _FONTS[language()], "font_size": 11, "font_color": INK}
    return {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_format_properties": letters,
    }


def quoted_unit(unit: str) -> str:
    """A unit as literal text at the end of a number format, whatever it is made of.

    Examples
    --------
    >>> quoted_unit("EUR")
    '" EUR"'
    """
    text = shorten(plain(unit), LONGEST_UNIT)
    return '" ' + text.replace('"', '"\\""') + '"' if text else ""


def number_format(decimals: int, unit: str = "") -> str:
    """Thousands separators, so many decimals, and a unit behind them."""
    return "#,##0" + ("." + "0" * decimals if decimals else "") + quoted_unit(unit)


def signed(code: str) -> str:
    """A number format with a sign before what is above 0, too: for changes.

    Examples
    --------
    >>> signed("0.0")
    '+0.0;-0.0;0.0'
    """
    return f"+{code};-{code};{code}"


def points_word() -> str:
    """What stands behind a figure in points."""
    return tr("1 points").removeprefix("1").strip()


def kinds(decimals: Mapping[str, int], unit: str) -> dict[str, dict[str, Any]]:
    """All kinds of cells of a workbook: those of every one, and amounts with their errors and changes.

    Parameters
    ----------
    decimals : mapping of str to int
        Decimals of each kind of amount: "money" and "deal_money".
    unit : str
        Of amounts; empty where there is none.
    """
    codes = {"points_said": signed("0.0" + quoted_unit(points_word()))}
    for name, n in decimals.items():
        codes[name], codes[f"{name}_error"] = number_format(n, unit), f'"± "{number_format(n)}'
        codes[f"{name}_change"] = signed(number_format(n, unit))
    return KINDS | {name: {"num_format": code, **_FIGURE} for name, code in codes.items()}
