"""Native charts of a workbook, drawn from its own cells: the fan, the levers, past ranges."""

from __future__ import annotations

from typing import Any

from funnelsim.faces.report.workbook_cells import Block, Book
from funnelsim.faces.report.workbook_looks import BLUE, INK, ORANGE, PALE, VERMILLION
from funnelsim.vocabulary.language import tr


def _dressed(chart: Any, title: str, *, x_name: str, y_name: str, y_format: str, **of_x: Any) -> Any:
    """Titles, quiet lines and small letters, the same for every chart."""
    chart.set_title({"name": title, "name_font": {"size": 12, "bold": True, "color": INK}, "overlay": False})
    chart.set_x_axis(
        {"name": x_name, "name_font": {"size": 9, "bold": False}, "num_font": {"size": 9}, **of_x}
    )
    lines = {"visible": True, "line": {"color": PALE, "width": 0.75}}
    chart.set_y_axis(
        {
            "name": y_name, "name_font": {"size": 9, "bold": False}, "num_font": {"size": 9},
            "num_format": y_format, "major_gridlines": lines, "line": {"none": True}, "min": 0,
        }
    )  # fmt: skip
    chart.set_legend({"position": "bottom", "font": {"size": 9}})
    return chart


def fan_chart(book: Book, table: Block, target: bool, *, title: str, y_name: str, y_format: str) -> Any:
    """Bands of 80 and 50 % of the futures, the median and the target, by the end of each period.

    Parameters
    ----------
    book : Book
    table : Block
        Columns: end, P10, P25, P50, P75, P90, target, then the heights of the bands.
    target : bool
        Whether there is a target to draw.
    title, y_name, y_format : str
    """
    areas = book.made.add_chart({"type": "area", "subtype": "stacked"})
    ends = "=" + table.column(0)
    bands = (
        (7, tr("below the ranges"), None),
        (8, tr("80 % of futures"), "#BFDDEE"),
        (9, tr("50 % of futures"), "#7FB8D8"),
        (10, tr("80 % of futures, upper part"), "#BFDDEE"),
    )
    for column, name, colour in bands:
        fill = {"none": True} if colour is None else {"color": colour}
        series = {"name": name, "categories": ends, "values": "=" + table.column(column), "fill": fill}
        areas.add_series(series | {"line": {"none": True}, "border": {"none": True}})
    over = book.made.add_chart({"type": "line"})
    over.add_series(
        {
            "name": tr("median"), "categories": ends, "values": "=" + table.column(3),
            "line": {"color": BLUE, "width": 2},
            "marker": {"type": "circle", "size": 5, "fill": {"color": BLUE}},
        }
    )  # fmt: skip
    if target:
        over.add_series(
            {
                "name": tr("target"), "categories": ends, "values": "=" + table.column(6),
                "line": {"color": VERMILLION, "width": 1.75, "dash_type": "dash"}, "marker": {"type": "none"},
            }
        )  # fmt: skip
    areas.combine(over)
    _dressed(
        areas, title, x_name=tr("by the end of"), y_name=y_name, y_format=y_format, position_axis="on_tick"
    )
    areas.set_legend({"position": "bottom", "font": {"size": 9}, "delete_series": [0, 3]})
    return areas


def lever_chart(book: Book, table: Block, rows: int, *, title: str) -> Any:
    """Bars of what each lever adds to the chance of the target, with one standard error.

    Parameters
    ----------
    book : Book
    table : Block
        Its first row is the funnel as it is; column 0 names, 3 the change in points, 4 its error.
    rows : int
        Levers to draw, from the second row on.
    title : str
    """
    chart = book.made.add_chart({"type": "bar"})
    part = Block(table.sheet, table.first + 1, rows)
    errors = {"type": "custom", "plus_values": "=" + part.column(4), "minus_values": "=" + part.column(4)}
    chart.add_series(
        {
            "name": title, "categories": "=" + part.column(0), "values": "=" + part.column(3), "gap": 60,
            "fill": {"color": BLUE}, "invert_if_negative": True, "invert_if_negative_color": ORANGE,
            "y_error_bars": errors | {"line": {"color": INK, "width": 1.25}},
            "data_labels": {
                "value": True, "num_format": "+0.0;-0.0;0.0", "position": "inside_base",
                "font": {"size": 9, "color": "#FFFFFF"},
            },
        }
    )  # fmt: skip
    chart.set_title({"name": title, "name_font": {"size": 12, "bold": True, "color": INK}})
    # Of bars the vertical axis holds the names; turned round, so that the first is on top.
    chart.set_y_axis(
        {"reverse": True, "label_position": "low", "num_font": {"size": 9}, "line": {"color": INK}}
    )
    chart.set_x_axis(
        {
            "name": tr("points, ± one standard error"), "name_font": {"size": 9, "bold": False},
            "num_font": {"size": 9}, "num_format": "0", "label_position": "high",
            "major_gridlines": {"visible": True, "line": {"color": PALE}},
        }
    )  # fmt: skip
    chart.set_legend({"none": True})
    return chart


def backtest_chart(book: Book, table: Block, *, title: str, y_name: str, y_format: str) -> Any:
    """Past ranges as bars from P10 to P90, split at the median, and what came as marks.

    Parameters
    ----------
    book : Book
    table : Block
        Columns: 0 origin, 3 P10, 4 P50, 5 P90, 6 what came, 8 and 9 the heights of the two halves.
    title, y_name, y_format : str
    """
    bars = book.made.add_chart({"type": "column", "subtype": "stacked"})
    origins = "=" + table.column(0)
    parts = (
        (3, tr("below the ranges"), None),
        (8, tr("P10 to P50"), "#7FB8D8"),
        (9, tr("P50 to P90"), "#BFDDEE"),
    )
    for column, name, colour in parts:
        fill = {"none": True} if colour is None else {"color": colour}
        values = {"name": name, "categories": origins, "values": "=" + table.column(column)}
        bars.add_series(values | {"fill": fill, "border": {"none": True}, "gap": 80})
    came = book.made.add_chart({"type": "line"})
    mark = {"type": "diamond", "size": 9, "fill": {"color": VERMILLION}, "border": {"color": INK}}
    values = {"name": tr("what came"), "categories": origins, "values": "=" + table.column(6)}
    came.add_series(values | {"line": {"none": True}, "marker": mark})
    bars.combine(came)
    _dressed(bars, title, x_name=tr("forecast from"), y_name=y_name, y_format=y_format, text_axis=True)
    bars.set_legend({"position": "bottom", "font": {"size": 9}, "delete_series": [0]})
    return bars
