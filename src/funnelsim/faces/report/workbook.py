"""A report as an Excel workbook: the answer first, live formulas to check by, every deal and assumption."""

from __future__ import annotations

import numpy as np

from funnelsim import __version__
from funnelsim.faces.plots.style import sentences
from funnelsim.faces.report.content import Told
from funnelsim.faces.report.parts import chance_said, unit_name, whole_name
from funnelsim.faces.report.sections_since import window_name
from funnelsim.faces.report.workbook_cash import cash_rows
from funnelsim.faces.report.workbook_cells import Book, Cell, Column, Live, Sheet
from funnelsim.faces.report.workbook_checks import recomputed
from funnelsim.faces.report.workbook_deals import deal_rows, listed_amounts, open_by_stage, stage_rates
from funnelsim.faces.report.workbook_past import backtest_rows
from funnelsim.faces.report.workbook_sheets import (
    PeriodPlaces,
    draw_fan,
    lever_rows,
    measured,
    money_style,
    period_rows,
)
from funnelsim.faces.report.workbook_since import since_rows
from funnelsim.faces.report.workbook_words import assumption_rows, cutoff_of, input_rows, record_rows
from funnelsim.faces.tables import decimals_for, number, percent
from funnelsim.nouns.forecast import Forecast
from funnelsim.questions.backtest.result import Backtest
from funnelsim.questions.targets.attainable import quantiles_with_errors
from funnelsim.vocabulary.language import tr

Row = tuple[str, Cell, str, str, str]  # what, figure, its style, how sure, what it means


def workbook(told: Told, title: str) -> bytes:
    """The workbook, in the language that is spoken.

    Parameters
    ----------
    told : Told
    title : str
        Empty: a title of ours.
    """
    outlook = told.outlook
    totals = [float(value) for value in outlook.quantile([0.1, 0.5, 0.9])]
    unit = unit_name(outlook.unit) if outlook.is_money else ""
    decimals = {
        "money": decimals_for([*totals, outlook.target or 0.0]),
        "deal_money": decimals_for(listed_amounts(told)) if outlook.is_money else 1,
    }
    book = Book(title or tr("Sales forecast"), unit, decimals, cutoff_of(told), told.facts.text())
    sheets = {name: book.sheet(said) for name, said in _names(told).items()}
    rates = stage_rates(sheets["stages"], told)
    deals = deal_rows(sheets["deals"], told, rates)
    open_by_stage(sheets["stages"], told, deals)
    periods = period_rows(sheets["periods"], outlook)
    weighted = recomputed(sheets["check"], told, rates, deals, periods)
    if "since" in sheets:
        since_rows(sheets["since"], told)
    if "cash" in sheets:
        cash_rows(sheets["cash"], told)
    lever_rows(sheets["levers"], told)
    backtest_rows(sheets["backtest"], told)
    input_rows(sheets["inputs"], told)
    record_rows(sheets["records"], told)
    assumption_rows(sheets["assumptions"], told)
    _answer(sheets["answer"], told, periods, weighted)
    _contents(sheets)
    return book.contents()


def _names(told: Told) -> dict[str, str]:
    """Names of the sheets, in their order."""
    since = {} if told.since is None else {"since": tr("Since last report")}
    cash = {} if told.cash is None else {"cash": tr("Cash")}
    return {
        "answer": tr("Answer"), "periods": tr("By period"), **since, **cash, "levers": tr("Levers"),
        "deals": tr("Open deals"), "stages": tr("Stages"), "check": tr("Recompute"),
        "backtest": tr("Backtest"), "inputs": tr("Inputs"), "records": tr("Records"),
        "assumptions": tr("Assumptions"),
    }  # fmt: skip


def _answer(sheet: Sheet, told: Told, periods: PeriodPlaces, weighted: str) -> None:
    """The first sheet: the questions of a reader, one row each, and the fan."""
    outlook = told.outlook
    sheet.line(sheet.book.title, "title")
    asked = told.first_screen.asked
    sheet.line(asked[:1].upper() + asked[1:], "asked")
    rows = [
        *_chance(outlook),
        *_totals(outlook, periods, weighted),
        *_changed(told),
        *_first_lever(told),
        *_belief(told),
    ]
    sheet.gap()
    columns = [
        Column(tr("question"), "prose"),
        Column(tr("figure"), "count"),
        Column(tr("how sure"), "prose"),
        Column(tr("what it means"), "prose"),
    ]
    block = sheet.table(columns, [], is_main=True)
    for i, (what, value, style, sure, meaning) in enumerate(rows):
        at = block.first + i
        words = "prose" if i else "prose:middle"
        sheet.put(at, 0, what, words)
        sheet.put(at, 1, value, f"{style}{':right' if style == 'text' else ''}:{'key' if i else 'hero'}")
        sheet.put(at, 2, sure, words)
        sheet.put(at, 3, meaning, words)
    sheet.next = block.first + len(rows)
    sheet.least_widths |= {0: 30, 1: 20, 2: 36, 3: 56}
    sheet.gap()
    draw_fan(sheet, outlook, periods.ends)
    futures = f"{outlook.n_futures:,} futures in " if outlook.n_futures else ""
    sheet.line(
        tr(
            f"{outlook.engine}, {futures}{outlook.n_draws:,} draws of the parameters, "
            f"seed {outlook.seed}; funnelsim {__version__}"
        )
    )


def _chance(outlook: Forecast) -> list[Row]:
    if outlook.target is None:
        return [
            (
                tr("Chance of the target"),
                None,
                "share",
                tr("No target was given, so there is no chance of one."),
                "",
            )
        ]
    chance = outlook.chance()
    sure = tr(f"± {number(100 * chance.standard_error, decimals=1)} points (one standard error)")
    meaning = tr("From the joint law of all deals: no formula of cells can recompute it.")
    asked = f"{number(outlook.target)} {outlook.unit if outlook.is_money else tr('wins')}".rstrip()
    n = outlook.n_futures
    least = 1e-4 if n is None else 3 / n  # of futures the rule of three: none of n seen
    if chance.value < least or chance.value > 1 - least:
        end = (
            tr(f"below {percent(least, decimals=2)}")
            if chance.value < 0.5
            else tr(f"above {percent(1 - least, decimals=2)}")
        )
        return [
            (
                tr(f"Chance to reach {asked} or more"),
                end,
                "text",
                tr("no ±: too close to none or certain to tell one"),
                meaning,
            )
        ]
    return [(tr(f"Chance to reach {asked} or more"), chance.value, "share", sure, meaning)]


def _totals(outlook: Forecast, periods: PeriodPlaces, weighted: str) -> list[Row]:
    style, unit = money_style(outlook), measured(outlook)
    quantiles, errors = quantiles_with_errors(outlook, np.array([0.1, 0.5, 0.9]))
    meanings = (
        tr("One future in ten ends below."),
        tr("Half of the futures end below."),
        tr("One future in ten ends above."),
    )
    names = (tr("Total, low end (P10)"), tr("Total, median (P50)"), tr("Total, high end (P90)"))
    decimals = decimals_for(quantiles)
    rows: list[Row] = [
        (name, float(q), style, tr(f"± {number(float(e), decimals=decimals)} (one standard error)"), meaning)
        for name, q, e, meaning in zip(names, quantiles, errors, meanings, strict=True)
    ]
    mean = outlook.mean()
    sure = tr(f"± {number(mean.standard_error, decimals=decimals)} (one standard error)")
    said = tr("Realised + open deals + deals yet to come; a live formula, from the sheet by period.")
    rows.append((tr(f"Mean: {unit}"), Live(f"={periods.mean}", periods.mean_value), style, sure, said))
    realised = float(outlook.table()["realised"].iloc[-1])
    rows.append(
        (tr("Realised so far"), realised, style, tr("known: no error"), tr("Part of the figures above."))
    )
    if weighted:
        low, high = outlook.classical[0].interval80
        sure = tr(f"coin-flip range of 80 %: {number(low)} to {number(high)}, too narrow")
        said = tr("The classical figure, for comparison: without deals yet to come and without time.")
        rows.append(
            (
                tr("Weighted pipeline"),
                Live(f"={weighted}", outlook.classical[0].figure),
                style,
                sure,
                said,
            )
        )
    return rows


def _changed(told: Told) -> list[Row]:
    """Against the last report, where it can be; the sentences are those of every kind of report."""
    since, said = told.since, _said(told, "changed")
    rows: list[Row] = []
    if since is None or since.moved is None:
        figure = next(answer.figure for answer in told.first_screen.answers if answer.key == "changed")
        return [(tr("Since the last report"), None if figure == "–" else figure, "text", said, "")]
    if since.was is not None and since.is_now is not None:
        what = tr("Chance since the last report")
        sure = [tr(f"then {chance_said(since.was)}, now {chance_said(since.is_now)}")]
        if since.chance_error is not None:
            error = number(100 * since.chance_error, decimals=1)
            sure.append(tr(f"± {error} points (one standard error)"))
        rows.append((what, 100 * (since.is_now - since.was), "points_said", "\n".join(sure), said))
    if since.is_same_window:
        what, was, is_now = tr("Median since the last report"), since.last.p50, told.facts.p50
    else:
        assert since.joint is not None
        assert since.joint.now is not None
        what = tr(f"Median of {window_name(since.joint)} since the last report")
        was, is_now = since.joint.then.p50, since.joint.now[1]
    decimals = decimals_for([was, is_now])
    sure = [tr(f"then {number(was, decimals=decimals)}, now {number(is_now, decimals=decimals)}")]
    if since.moved_error is not None:
        sure.append(tr(f"± {number(since.moved_error, decimals=decimals)} (one standard error)"))
    rows.append(
        (what, since.moved, f"{money_style(told.outlook)}_change", "\n".join(sure), "" if rows else said)
    )
    return rows


def _said(told: Told, key: str) -> str:
    """What the first screen of every kind of report says to a question."""
    answers = told.first_screen.answers
    return sentences(next(answer for answer in answers if answer.key == key).sentences)


def _first_lever(told: Told) -> list[Row]:
    comparison, said = told.comparison, _said(told, "lever")
    if comparison is None or not comparison.levers:
        return [(tr("The lever to pull first"), None, "text", said, "")]
    effects = [comparison.effect(i) for i in range(len(comparison.levers))]
    best = max(range(len(effects)), key=lambda i: effects[i].value)
    sure = tr(f"± {number(100 * effects[best].standard_error, decimals=1)} points (one standard error)")
    name = whole_name(comparison.levers[best].name)
    return [(tr(f"The lever to pull first: {name}"), 100 * effects[best].value, "points_said", sure, said)]


def _belief(told: Told) -> list[Row]:
    what, said = tr("Have 80 % ranges held in the past?"), _said(told, "belief")
    if not isinstance(told.test, Backtest):
        return [(what, None, "share", said, "")]
    if told.test.measure != told.outlook.measure:
        what = tr(f"Have 80 % ranges of {told.test.measure} held in the past?")
    share, low, high, _ = told.held
    sure = tr("too few independent origins for an interval")
    if np.isfinite([low, high]).all():
        sure = tr(f"90 % interval {100 * low:.0f}-{100 * high:.0f}; four in five were meant to hold")
    return [(what, share, "share", sure, said)]


def _contents(sheets: dict[str, Sheet]) -> None:
    """What each sheet holds, with links, at the foot of the first."""
    answer = sheets["answer"]
    answer.gap()
    answer.line(tr("What the sheets hold"), "heading")
    said = {
        "periods": tr("ranges by period and in total, and why quantiles do not add; the fan"),
        "since": tr("what the last report said of each period, what this one says, and what came"),
        "cash": tr("invoices, payments and what is unpaid, by period"),
        "levers": tr("what each lever does to the chance and the mean"),
        "deals": tr("every open deal with its chance, amount and what is expected of it"),
        "stages": tr("conversions and win rates with ranges, beside nominal and closed-only ones"),
        "check": tr("the mean, the weighted pipeline and the course formula as live formulas"),
        "backtest": tr("ranges forecast at past dates against what came"),
        "inputs": tr("what was asked, the position, the definition of the stages"),
        "records": tr("what was found in the records"),
        "assumptions": tr("method, assumptions, and what the words mean"),
    }
    for key, text in said.items():
        if key not in sheets:
            continue
        answer.link(sheets[key].name)
        answer.put(answer.next, 2, text, "text")
        answer.next += 1
