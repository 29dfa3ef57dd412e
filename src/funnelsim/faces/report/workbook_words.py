"""Sheets of a workbook in words: inputs, what was found in the records, method and assumptions."""

from __future__ import annotations

import numpy as np

from funnelsim import __version__
from funnelsim.faces.plots.style import plain
from funnelsim.faces.report.content import Told
from funnelsim.faces.report.parts import whole_name
from funnelsim.faces.report.wording import TOGETHER, doubt_said, notes_of, rates_said, shock_said
from funnelsim.faces.report.workbook_cells import Cell, Column, Sheet
from funnelsim.faces.report.workbook_deals import listed_amounts
from funnelsim.faces.report.workbook_sheets import measured
from funnelsim.faces.tables import visible
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.history import DealHistory
from funnelsim.vocabulary.language import known, tr

_MOST_ISSUES = 2000


def cutoff_of(told: Told) -> np.datetime64:
    """The last second that is known."""
    step = told.outlook.periods.cutoff_step
    start: np.datetime64 = told.funnel.clock.start_of([step + 1])[0]
    return start - np.timedelta64(1, "s")


def input_rows(sheet: Sheet, told: Told) -> None:
    """What the forecast was made from, and how it was asked for."""
    outlook = told.outlook
    sheet.line(tr("Inputs"), "title")
    sheet.line(tr("What was asked, of which position, and how it was computed"), "asked")
    sheet.gap()
    periods = outlook.periods
    asked: list[tuple[str, Cell, str, str]] = [
        (tr("what is forecast"), measured(outlook), "text", tr("as asked for")),
        _target(outlook),
        (tr("first period"), known(periods.labels[0]), "text", tr("it may have begun before the cutoff")),
        (tr("last period"), known(periods.labels[-1]), "text", ""),
        (tr("cutoff"), cutoff_of(told).astype("datetime64[D]"), "day", tr("what is dated later is not used")),
        (tr("engine"), tr(outlook.engine), "prose", tr("how chances are turned into ranges")),
        (
            tr("draws of the parameters"),
            outlook.n_draws,
            "count",
            tr("errors shown as ± come from their spread"),
        ),
        (
            tr("simulated futures"),
            outlook.n_futures or tr("none"),
            "count" if outlook.n_futures else "text",
            "",
        ),
        (tr("seed"), outlook.seed, "count", tr("same seed, same answer")),
        (tr("version"), f"funnelsim {__version__}", "text", ""),
    ]
    _rows(sheet, asked)
    sheet.gap()
    sheet.line(tr("Position and funnel"), "heading")
    _rows(sheet, _position(told))
    sheet.gap()
    _definition(sheet, told)


def _target(outlook: Forecast) -> tuple[str, Cell, str, str]:
    said = tr("for all periods together")
    if outlook.target is None:
        return tr("target"), tr("none"), "text", said
    return tr("target"), outlook.target, "money" if outlook.is_money else "decimal", said


def _rows(sheet: Sheet, rows: list[tuple[str, Cell, str, str]]) -> None:
    """Names, values of different kinds, and notes."""
    head = [Column(tr("input")), Column(tr("value")), Column(tr("remark"), "prose")]
    block = sheet.table(head, [])
    for i, (name, value, style, note) in enumerate(rows):
        at = block.first + i
        sheet.put(at, 0, name, "text")
        sheet.put(at, 1, value, f"{style}:left" if style != "prose" else style)
        sheet.put(at, 2, note, "prose")
    sheet.next = block.first + len(rows)


def _position(told: Told) -> list[tuple[str, Cell, str, str]]:
    outlook, funnel = told.outlook, told.funnel
    rows: list[tuple[str, Cell, str, str]] = [
        (tr("where the rates come from"), known(funnel.origin) or tr("not said"), "prose", ""),
        (tr("open deals"), len(outlook.deals.stage), "count", tr("at the cutoff")),
    ]
    if outlook.is_money:
        missing = int(outlook.deals.is_imputed.sum())
        said = tr(f"{missing:,} of them without an amount") if missing else tr("as listed")
        rows.append((tr("amount of open deals"), float(listed_amounts(told).sum()), "money", said))
        realised = float(outlook.table()["realised"].iloc[-1])
        rows.append((tr("realised"), realised, "money", tr("known: no error")))
    law = funnel.arrivals.scaled(funnel.changes.volume)
    per_step = law.mean_per_block / law.block_steps
    step = tr(funnel.clock.step)
    rows.append(
        (
            tr(f"new deals a {step}"),
            per_step,
            "figure",
            tr("usual rate; its range is beside the course formula"),
        )
    )
    if funnel.amounts is not None:
        mean = funnel.changes.new_amount * funnel.amounts.mean
        rows.append(
            (tr("mean amount of a won deal"), mean, "money", tr("its range is beside the course formula"))
        )
    if funnel.collections is not None:
        rows.append((tr("payments"), tr(repr(funnel.collections)), "prose", ""))
    if funnel.shock is not None:
        rows.append((tr("shared shock"), tr(shock_said(funnel.shock)), "prose", ""))
    if told.comparison is not None:
        levers = "\n".join(whole_name(lever.name) for lever in told.comparison.levers)
        rows.append((tr("levers compared"), levers, "prose", tr("on the sheet of levers")))
    return rows


def _definition(sheet: Sheet, told: Told) -> None:
    """Stages as the organisation defines them."""
    sheet.line(tr("Stages as defined"), "heading")
    columns = [
        Column(tr("stage")),
        Column(tr("nominal win rate"), "share"),
        Column(tr("promotion standard"), "prose"),
    ]
    rows: list[list[Cell]] = [
        [whole_name(stage.name), stage.nominal_win_rate, stage.gate or tr("none written")]
        for stage in told.funnel.stages.open
    ]
    sheet.table(columns, rows)


def record_rows(sheet: Sheet, told: Told) -> None:
    """What was found in the records, rule by rule."""
    sheet.line(tr("Data issues"), "title")
    if told.history is None:
        sheet.line(tr("No records were given: the funnel stands as it was written or saved."))
        return
    sheet.line(tr(_records(told.history)), "asked")
    summary = told.history.issue_summary()
    sheet.line(
        tr("Nothing is repaired or left out silently. Notes change no figure.")
        if len(summary)
        else tr("Nothing was repaired or left out.")
    )
    sheet.gap()
    columns = [
        Column(tr("level")),
        Column(tr("rule")),
        Column(tr("times"), "count"),
        Column(tr("what it means"), "prose"),
    ]
    columns += [Column(tr("example: deal")), Column(tr("example: value"))]
    keys = ("level", "rule", "count", "message", "example_deal", "example_value")
    rows: list[list[Cell]] = []
    for row in summary.head(_MOST_ISSUES).to_dict("records"):
        level, rule, count, message, deal, value = (row[key] for key in keys)
        rows.append(
            [
                known(str(level)),
                known(str(rule)),
                int(count),
                known(str(message)),
                plain(deal),
                visible(value),
            ]
        )
    if rows:
        sheet.table(columns, rows, is_main=True)


def _records(history: DealHistory) -> str:
    """How many deals, in which state, seen when."""
    counts = history.deals["outcome"].value_counts()
    won, lost, still_open = (int(counts.get(kind, 0)) for kind in ("won", "lost", "open"))
    day = np.datetime_as_string(history.cutoff, unit="D")
    return f"{history.n_deals:,} deals as of {day}: {won:,} won, {lost:,} lost, {still_open:,} open"


def assumption_rows(sheet: Sheet, told: Told) -> None:
    """Method, notes of the forecast, and the words used."""
    sheet.line(tr("Method and assumptions"), "title")
    sheet.gap()
    method = (
        rates_said(told),
        tr(TOGETHER),
        tr("Every open deal keeps its age: how long it has waited in its stage moves its chance."),
        doubt_said(told),
    )
    notes = notes_of(told)
    rows: list[list[Cell]] = [[i + 1, tr("method"), text] for i, text in enumerate(method)]
    rows += [[len(rows) + i + 1, tr("assumption"), note] for i, note in enumerate(notes)]
    sheet.table([Column("#", "index"), Column(tr("kind")), Column(tr("in words"), "prose")], rows)
    sheet.gap()
    _bare(sheet)
    sheet.gap()
    _words(sheet)


def _bare(sheet: Sheet) -> None:
    """Why some figures stand without an error."""
    sheet.line(tr("Figures without a ± of their own"), "heading")
    bare = (
        (tr("realised, listed amounts, counts"), tr("they are facts of the records")),
        (tr("nominal rates"), tr("they are rules of the company, not measured")),
        (
            tr("closed-only rates, weighted pipeline"),
            tr("the classical method gives none but a coin-flip range, which is too narrow"),
        ),
        (
            tr("expected of a single deal"),
            tr("the ± of its chance carries over; the deal itself is won or not"),
        ),
        (tr("deals yet to come, by period"), tr("they are part of the mean, whose ± stands in the same row")),
    )
    block = sheet.table([Column("#", "index"), Column(tr("figure")), Column(tr("why"), "prose")], [])
    for i, (name, why) in enumerate(bare):
        sheet.put(block.first + i, 0, i + 1, "index")
        sheet.put(block.first + i, 1, name, "text")
        sheet.put(block.first + i, 2, why, "prose")
    sheet.next = block.first + len(bare)


def _words(sheet: Sheet) -> None:
    """The words of this workbook, for a reader who meets them first here."""
    sheet.line(tr("Words"), "heading")
    words = (
        ("P10, P50, P90", tr("one future in ten, half, nine in ten end below")),
        (tr("80 % range"), tr("from P10 to P90: four futures in five end within it")),
        (
            tr("standard error (±)"),
            tr("how exactly a figure was computed, not how far reality may lie from it"),
        ),
        (tr("standard deviation (sd)"), tr("how far reality may lie from the mean")),
        (tr("weighted pipeline"), tr("realised plus open amount times the win rate of the stage")),
        (tr("backtest"), tr("forecasts made again at past dates and held against what came")),
    )
    rows: list[list[Cell]] = [[i + 1, word, meaning] for i, (word, meaning) in enumerate(words)]
    sheet.table([Column("#", "index"), Column(tr("word")), Column(tr("meaning"), "prose")], rows)
