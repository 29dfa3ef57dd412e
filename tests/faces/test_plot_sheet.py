"""The sheet of pictures: letters, lines and titles suit its size, in both languages."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

import funnelsim as fs
from funnelsim.faces.plots.fonts import missing
from funnelsim.faces.plots.sheet import Sheet, safe

NOTEBOOK, SLIDE, PRINT = (6.4, 4.0), (13.3, 7.5), (3.4, 2.6)
TITLES = (
    "Chance that bookings from 2026-Q3 to 2027-Q2 reach an amount",
    "WWWW Wins and Wages in 2026-Q3, ± MMM of all the WWW Markets",
    "Hours used: 100 % ± 0.0, a request for work waits 41.5 ± 0.9 days",
)


def axes(size: tuple[float, float]) -> Axes:
    return Figure(figsize=size).add_subplot()


@pytest.mark.parametrize(("size", "least", "most"), [(PRINT, 5.9, 9), (NOTEBOOK, 8, 12), (SLIDE, 14, 24)])
def test_letters_can_be_read_at_every_size(size: tuple[float, float], least: float, most: float) -> None:
    """A slide is read from the back of a room: nothing below 14 points, which is what speakers are told."""
    sheet = Sheet.on(axes(size))
    (line,) = sheet.ax.plot([0, 1], [0, 1])
    sheet.axis_names("x", "y")
    sheet.title("Title")
    sheet.legend([(line, "line")], lines_above=2)
    sheet.finish("Line.")
    sizes = [t.get_fontsize() for t in sheet.ax.findobj(Text) if isinstance(t, Text) and t.get_text()]
    assert min(sizes) >= least
    assert max(sizes) <= most


def test_a_tall_picture_is_no_slide() -> None:
    """Of twenty levers, on a page of the usual width: letters as wide as those of a slide would not fit."""
    assert Sheet.on(axes((6.4, 10.5))).size < Sheet.on(axes(SLIDE)).size - 3


def test_lines_and_marks_grow_and_shrink_with_the_letters() -> None:
    drawn = {}
    for size in (PRINT, SLIDE):
        sheet = Sheet.on(axes(size))
        own = sheet.size
        (line,) = sheet.ax.plot([0, 1], [0, 1], "o-", linewidth=2, markersize=6)
        dots = sheet.ax.scatter([0, 1], [0, 1], s=36, linewidth=0.5)
        stems = sheet.ax.vlines([0, 1], 0, 1, linewidth=4)
        sheet.legend([(line, "line")], lines_above=2)
        sheet.finish("Line.")
        legend = sheet.ax.get_legend()
        assert legend is not None
        keys = [key for key in legend.get_lines() if key.get_linestyle() != "None"]
        widths = (line.get_linewidth(), keys[0].get_linewidth(), stems.get_linewidth()[0] / 2)
        assert widths == pytest.approx([widths[0]] * 3)
        assert np.sqrt(dots.get_sizes()[0]) == pytest.approx(line.get_markersize())
        drawn[size] = np.array([own, widths[0], line.get_markersize()])
    ratio = drawn[SLIDE] / drawn[PRINT]
    assert ratio == pytest.approx([ratio[0]] * 3)
    assert ratio[0] > 2


def test_what_others_drew_on_the_axes_stays_as_it_is() -> None:
    ax = axes(SLIDE)
    (line,) = ax.plot([0, 1], linewidth=2)
    Sheet.on(ax).finish("Nothing.")
    assert line.get_linewidth() == 2


@pytest.mark.parametrize("size", [NOTEBOOK, SLIDE, PRINT])
@pytest.mark.parametrize("title", TITLES)
def test_titles_fit_whole_and_no_line_is_left_with_a_word(size: tuple[float, float], title: str) -> None:
    sheet = Sheet.on(axes(size))
    sheet.title(title, n_lines=3)
    sheet.finish("Nothing.")
    shown = sheet.ax.get_title(loc="left").replace("\u00a0", " ")
    assert shown.replace("\n", " ") == title
    lines = shown.split("\n")
    assert min(map(len, lines)) > 0.4 * max(map(len, lines))
    width = sheet.ax._left_title.get_window_extent().width / sheet.ax.figure.dpi  # type: ignore[attr-defined]
    assert width <= sheet.width * 1.01


def test_chinese_lines_do_not_touch() -> None:
    """A character fills its em, so lines need more than an em; Latin letters keep the usual distance."""
    with fs.use_language("zh"):
        sheet = Sheet.on(axes(PRINT))
        sheet.title("现状下达成 550 万欧元的概率：31.2 % ± 1.6 个百分点（标准误）")
        ax = sheet.finish("图。")
    title = ax._left_title  # type: ignore[attr-defined]
    assert "\n" in title.get_text()
    one = Text(text="国", fontsize=title.get_fontsize(), fontfamily=title.get_fontfamily(), figure=ax.figure)
    n_lines = title.get_text().count("\n") + 1
    spare = title.get_window_extent().height - one.get_window_extent().height
    apart = spare / (n_lines - 1) / ax.figure.dpi * 72
    assert apart >= 1.2 * title.get_fontsize()


def test_numbers_after_names_from_right_to_left_stay_where_they_are() -> None:
    """Laid out as bidirectional text, "name 3 68 %" would read "68 3 name %": a mark ends the name."""
    assert safe("مرحبا 3 68 %") == "مرحبا\u200e 3 68 %"
    assert safe("شركة النور 7") == "شركة النور\u200e 7"  # two words stay in their order
    assert safe("Proof 68 %") == "Proof 68 %"
    assert not missing("\u200e")
