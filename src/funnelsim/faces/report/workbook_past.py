"""The sheet of a workbook with the backtest: past ranges against what came, and the share that held."""

from __future__ import annotations

import numpy as np

from funnelsim.faces.report.content import Told
from funnelsim.faces.report.first import checked_instead
from funnelsim.faces.report.parts import unit_aside
from funnelsim.faces.report.wording import as_sentence, share_held
from funnelsim.faces.report.workbook_cells import Block, Cell, Column, Live, Sheet
from funnelsim.faces.report.workbook_charts import backtest_chart
from funnelsim.faces.report.workbook_looks import number_format
from funnelsim.questions.backtest.result import OURS, Backtest
from funnelsim.vocabulary.language import known, tr


def backtest_rows(sheet: Sheet, told: Told) -> None:
    """Whether ranges held at past origins, cell by cell, with the share recomputed."""
    test = told.test
    sheet.line(tr("Can it be believed?"), "title")
    if not isinstance(test, Backtest):
        sheet.line(tr("Whether such ranges held in the past was not checked.") if test is None else tr(test))
        return
    said = share_held(told)
    sheet.line(said[0], "asked")
    unit = unit_aside(test.unit) if test.measure == "bookings" else ""
    sheet.line(tr("Forecasts made again at past dates, with what was known then, against what came."))
    for text in (*said[1:], *checked_instead(told), *(as_sentence(tr(note)) for note in test.notes)):
        sheet.line(text)
    sheet.line(f"{tr(test.measure.capitalize())}{unit}")
    sheet.gap()
    cells = test.cells.query("part == 'total' and window == 'period'")
    cells = cells[(cells["measure"] == test.measure) & (cells["method"] == OURS)]
    style, first = ("money" if test.measure == "bookings" else "decimal"), sheet.next + 2
    columns = [Column(tr("forecast from")), Column(tr("periods ahead"), "count"), Column(tr("until"))]
    columns += [Column(name, style) for name in ("P10", "P50", "P90", tr("what came"))]
    columns += [Column(tr("held?")), Column("P10–P50", style), Column("P50–P90", style)]
    rows: list[list[Cell]] = []
    yes, no = tr("yes"), tr("no")
    for i, row in enumerate(cells.to_dict("records")):
        at, came, (low, middle, high) = first + i, row["actual"], (row["p10"], row["p50"], row["p90"])
        held = Live(f'=IF(AND(G{at}>=D{at},G{at}<=F{at}),"{yes}","{no}")', yes if low <= came <= high else no)
        halves = [Live(f"=E{at}-D{at}", middle - low), Live(f"=F{at}-E{at}", high - middle)]
        dates = [str(row["origin"]), row["ahead"], str(row["until"])]
        rows.append([*dates, low, middle, high, came, held, *halves])
    block = sheet.table(columns, rows)
    _share_held(sheet, test, block, yes)
    sheet.gap()
    chart = backtest_chart(
        sheet.book,
        block,
        title=tr("Ranges forecast at past dates, and what came"),
        y_name=known(test.measure),
        y_format=number_format(0),
    )
    sheet.chart(chart, " ".join(said))
    _scores(sheet, test)


def _share_held(sheet: Sheet, test: Backtest, block: Block, yes: str) -> None:
    share, low, high, _ = test.coverage()
    held = block.column(7)
    bounds = tr("too few independent origins for an interval")
    if np.isfinite([low, high]).all():
        bounds = tr(f"90 % interval {100 * low:.0f}-{100 * high:.0f}; four in five were meant to hold")
    sheet.put(sheet.next, 0, tr("share held"), "text:total")
    for column in range(1, 7):
        sheet.put(sheet.next, column, "", "text:total")
    sheet.put(sheet.next, 7, Live(f'=COUNTIF({held},"{yes}")/ROWS({held})', share), "share:total")
    sheet.next += 1
    sheet.line(bounds)
    sheet.line(
        tr("The last two columns are the heights of the bars in the chart: differences of the others.")
    )


def _scores(sheet: Sheet, test: Backtest) -> None:
    """Scores of every method on the totals by period."""
    scores = test.scores().query("part == 'total' and window == 'period'")
    scores = scores[scores["measure"] == test.measure]
    sheet.line(tr("Scores by method"), "heading")
    sheet.line(
        tr(
            "nCRPS: error of the whole range over the mean of what came, less is better. Bias: above 0 where "
            "too much was expected."
        )
    )
    columns = [
        Column(tr("method"), "prose"),
        Column(tr("cells"), "count"),
        Column("nCRPS", "figure"),
    ]
    for share in (tr("bias"), tr("80 % ranges held")):
        columns += [Column(share, "share"), Column(tr("low"), "share"), Column(tr("high"), "share")]
    keys = ["n_cells", "ncrps"]
    keys += [share + end for share in ("bias", "coverage_80") for end in ("", "_low", "_high")]
    rows: list[list[Cell]] = [
        [known(str(row["method"])), *(row[key] for key in keys)] for row in scores.to_dict("records")
    ]
    sheet.table(columns, rows)
