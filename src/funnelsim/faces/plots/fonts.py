"""Fonts of pictures: one with Chinese characters that ships with the package, others behind it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

SHIPPED = "Funnelsim Sans SC"  # Latin and all of GB2312, regular and bold; see the folder of the same name
# Fonts with Chinese, Japanese and Korean characters, of Windows, macOS and Linux, for what GB2312 lacks.
_INSTALLED = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Noto Sans CJK JP", "Microsoft YaHei",
    "PingFang SC", "PingFang HK", "Hiragino Sans GB", "Heiti TC", "SimHei", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "Arial Unicode MS",
)  # fmt: skip
_FOLDER = Path(__file__).with_name("fonts")
_DEFAULT = "DejaVu Sans"  # of matplotlib
_FIRST_WIDE = "\u2e80"  # East Asian scripts begin here
_WEIGHTS = ("normal", "bold")  # those that pictures use; a family may hold less in bold


def families(text: str = "", own: Sequence[str] | None = None) -> list[str]:
    """Families to draw a text with, best first; matplotlib looks for each character in one after the other.

    Parameters
    ----------
    text : str
        All that is written in a picture. Where some of it is Chinese the shipped font takes the place of
        matplotlib's default for the rest, too, so that a picture speaks with one voice.
    own : sequence of str, optional
        Families that the text has now; ``rcParams["font.family"]`` by default. Where they do not lead to
        matplotlib's default somebody chose them, and they stay first.

    Returns
    -------
    list of str
        Only families that are there: of others matplotlib would complain. ``rcParams`` stay as they are.
    """
    chosen = list(mpl.rcParams["font.family"] if own is None else own)
    available = _available()
    near, far = available[:1], available[1:]
    is_wide = max(text, default="") >= _FIRST_WIDE
    first = near if is_wide and _font(chosen[0], "normal").family_name == _DEFAULT else []
    order = list(dict.fromkeys([*first, *chosen, *near]))
    # Others only where they are needed: many have no bold, and matplotlib says so in every log.
    return list(dict.fromkeys([*order, *far])) if _lacking(text, order) else order


def missing(text: str) -> set[str]:
    """Characters of a text that would be drawn as boxes, in letters of one weight at least."""
    return _lacking(text, families(text))


def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Width in points of the widest line of a text that can be drawn, in letters of a size."""
    paths = [font_manager.findfont(FontProperties(family=[name], weight=weight)) for name in families(text)]
    font = font_manager.get_font(paths)
    font.set_size(size, 72)
    widths = []
    for line in text.split("\n"):
        font.set_text(line)
        widths.append(font.get_width_height()[0] / 64)
    return max(widths)


def _lacking(text: str, order: Sequence[str]) -> set[str]:
    rare = {c for c in text if not c.isascii()}
    if not rare:
        return rare
    by_weight = [[_font(family, weight) for family in order] for weight in _WEIGHTS]
    return {c for c in rare if not all(any(f.get_char_index(ord(c)) for f in each) for each in by_weight)}


def _available() -> list[str]:
    """The shipped family, registered on the first call, and those installed behind it."""
    manager = font_manager.fontManager
    if SHIPPED not in {font.name for font in manager.ttflist}:
        for path in sorted(_FOLDER.glob("*.ttf")):
            manager.addfont(path)
    known = {font.name for font in manager.ttflist}
    return [name for name in (SHIPPED, *_INSTALLED) if name in known]


def _font(family: str, weight: str) -> FT2Font:
    return font_manager.get_font(font_manager.findfont(FontProperties(family=[family], weight=weight)))
