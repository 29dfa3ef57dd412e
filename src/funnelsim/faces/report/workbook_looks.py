"""Looks of a workbook: colours, letters and number formats of each kind of cell."""

from __future__ import annotations

from typing import Any

from funnelsim.faces.tables import shorten, visible
from funnelsim.vocabulary.language import language

LONGEST_UNIT = 12
INK, BLUE, ORANGE, VERMILLION, GREY, PALE = "#222222", "#0072B2", "#E69F00", "#D55E00", "#767676", "#E4E4E4"
_FONTS = {"en": "Calibri", "zh": "Microsoft YaHei"}

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
    "share": {"num_format": "0.0\\ %", "valign": "top"},
    "points": {"num_format": "+0.0;-0.0;0.0", "valign": "top"},
    "points_error": {"num_format": '"± "0.0', "valign": "top"},
    "count": {"num_format": "#,##0", "valign": "top"},
    "decimal": {"num_format": "#,##0.0", "valign": "top"},
    "decimal_error": {"num_format": '"± "#,##0.0', "valign": "top"},
    "figure": {"num_format": "0.000", "valign": "top"},
    "day": {"num_format": "yyyy-mm-dd", "align": "left", "valign": "top"},
}
MARKS: dict[str, dict[str, Any]] = {
    "left": {"align": "left", "indent": 1},
    "right": {"align": "right", "indent": 0},
    "center": {"align": "center", "indent": 0},
    "quoted": {"quote_prefix": True},  # or editing the cell would make a formula of it
    "key": {"bold": True, "font_size": 12},
    "hero": {"bold": True, "font_size": 22, "font_color": BLUE},
    "middle": {"valign": "vcenter"},
    "total": {"bold": True, "top": 1},
    "input": {"font_color": "#0000CC", "bg_color": "#FFF9DB"},
}
DECIMALS = {"count": 0, "decimal": 1, "figure": 3, "points": 1, "points_error": 1, "decimal_error": 1}


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
    plain = shorten(visible(unit).strip(), LONGEST_UNIT)
    return '" ' + plain.replace('"', '"\\""') + '"' if plain else ""


def number_format(decimals: int, unit: str = "") -> str:
    """Thousands separators, so many decimals, and a unit behind them."""
    return "#,##0" + ("." + "0" * decimals if decimals else "") + quoted_unit(unit)
