"""Sections of a report that look back: stages, past forecasts, records, method and assumptions."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from funnelsim import __version__
from funnelsim.faces.plots import style
from funnelsim.faces.plots.backtest import plot_backtest
from funnelsim.faces.plots.funnel import plot_funnel
from funnelsim.faces.plots.units import period_name, steps
from funnelsim.faces.report.first import checked_instead, judgement, off_by
from funnelsim.faces.report.parts import Drawing, Section, Table, amount, name, span
from funnelsim.faces.report.wording import TOGETHER, as_sentence, doubt_said, notes_of, rates_said, share_held
from funnelsim.faces.tables import decimals_for, number, percent
from funnelsim.questions.backtest.result import Backtest
from funnelsim.vocabulary.language import known, tr

if TYPE_CHECKING:
    from funnelsim.faces.report.content import Told

_MOST_ISSUES = 20
_LONGEST_TEXT = 300  # columns
Row = Mapping[Hashable, Any]


def stages(told: Told) -> Section:
    """How far deals of each stage come, against what the organisation assumes; and what lets them move on."""
    table = told.funnel.table()
    open_deals = told.outlook.by_stage()
    rows = tuple(
        _stage_row(str(label), row, open_deals)
        for label, row in zip(table.index, table.to_dict("records"), strict=True)
    )
    titles = [tr("stage"), tr("open deals"), tr("conversion"), tr("nominal conversion"), tr("win rate")]
    titles += [tr("nominal win rate"), tr(f"median stay in {steps(told.funnel.clock.step)}")]
    tables = [Table(tr("Stages, with 80 % intervals"), tuple(titles), rows)]
    gates = [
        (name(stage.name), style.shorten(style.plain(stage.gate), _LONGEST_TEXT))
        for stage in told.funnel.stages.open
        if stage.gate
    ]
    if gates:
        titles = [tr("stage"), tr("evidence that lets a deal move on")]
        tables.append(Table(tr("Promotion standards"), tuple(titles), tuple(gates), (1,)))
    notes = (
        tr(
            "Conversion: the share of deals that move on to a later stage or are won. "
            "Win rate: the share won in the end."
        ),
        tr("Nominal is what the organisation assumes; it is shown beside for comparison."),
    )
    drawing = Drawing("funnel", tr("How far deals come"), plot_funnel, told.funnel)
    return Section("stages", tr("Stages"), notes, (drawing,), tuple(tables))


def _stage_row(label: str, row: Row, open_deals: pd.DataFrame) -> tuple[str, ...]:
    here = int(open_deals["n_deals"].get(label, 0))
    return (
        name(label),
        f"{here:,}",
        _with_range(row, "conversion"),
        percent(row.get("nominal_conversion", float("nan"))),
        _with_range(row, "win_rate"),
        percent(row.get("nominal", float("nan"))),
        _with_range(row, "median_dwell", is_share=False),
    )


def _with_range(row: Row, column: str, *, is_share: bool = True) -> str:
    """A figure with its interval, where it has one."""

    def said(value: float) -> str:
        return percent(value) if is_share else number(value, decimals=0 if value == round(value) else 1)

    low, high = (row.get(f"{column}_{end}", float("nan")) for end in ("low", "high"))
    text = said(row[column]) if row[column] == row[column] else "–"
    return (
        text
        if low != low or high != high
        else f"{text} ({said(low)[: -2 if is_share else None]}–{said(high)})"
    )


def checked(told: Told) -> Section:
    """Forecasts made again at past dates, against what came."""
    title, test = tr("Have such ranges held?"), told.test
    if not isinstance(test, Backtest):
        return Section(
            "checked", title, (tr(test or "Whether such ranges held in the past was not checked."),)
        )
    drawing = Drawing("backtest", tr("Past forecasts and what came"), plot_backtest, test)
    says = [
        tr(
            "The forecast was made again at past dates, each time with what was known then, "
            "and held against what came."
        ),
        *checked_instead(told),
        *share_held(told),
        judgement(*told.held[1:]),
        *off_by(test),
        tr("Bounds here and on the first screen are 90 % intervals, by block bootstrap over the past dates."),
        *(as_sentence(tr(note)) for note in test.notes),
    ]
    return Section("checked", title, tuple(says), (drawing,), (_origins(told, test),))


def _origins(told: Told, test: Backtest) -> Table:
    cells = test.cells.query("part == 'total' and window == 'period' and method == 'funnelsim'")
    cells = cells[cells["measure"] == test.measure].sort_values(["origin", "ahead"])
    decimals = decimals_for(cells["p90"])
    rows = []
    for row in cells.to_dict("records"):
        low, high, came = row["p10"], row["p90"], row["actual"]
        verdict = tr("held") if low <= came <= high else tr("too low") if came > high else tr("too high")
        rows.append(
            (
                f"{pd.Timestamp(row['origin']):%Y-%m-%d}",
                str(int(row["ahead"])),
                str(row["until"]),
                f"{number(low, decimals=decimals)} – {number(high, decimals=decimals)}",
                number(came, decimals=decimals),
                verdict,
            )
        )
    titles = (tr("forecast from"), tr("period ahead"), tr("until"), tr("80 % range"), tr("what came"))
    return Table(tr("Past forecasts and what came"), (*titles, tr("the range")), tuple(rows), (2, 5))


def data(told: Told) -> Section:
    """What was found in the records."""
    title, history = tr("Data issues"), told.history
    if history is None:
        return Section("data", title, (tr("No records were given: the funnel is taken as it is."),))
    outcomes = history.deals["outcome"].value_counts()
    won, lost, still_open = (int(outcomes.get(kind, 0)) for kind in ("won", "lost", "open"))
    read = tr(
        f"{history.n_deals:,} deals as of {told.as_of}: {won:,} won, {lost:,} lost, {still_open:,} open"
    )
    summary = history.issue_summary().sort_values("count", ascending=False, kind="stable")
    if not len(summary):
        return Section("data", title, (style.sentence(read), tr("Nothing was repaired or left out.")))
    rows = tuple(
        (
            known(str(row["rule"])),
            known(str(row["level"])),
            f"{row['count']:,}",
            tr(style.plain(row["message"])),
            name(row["example_deal"]),
        )
        for row in summary.head(_MOST_ISSUES).to_dict("records")
    )
    titles = (tr("issue"), tr("kind"), tr("times"), tr("what it means"), tr("for example"))
    caption = tr("What was repaired, left out or noted while reading")
    return Section("data", title, (style.sentence(read),), (), (Table(caption, titles, rows, (1, 3, 4)),))


def method(told: Told) -> Section:
    """How the figures come about, in plain words."""
    texts = [
        rates_said(told),
        tr(
            "So a deal that has waited long gets the chance of deals that waited as long, "
            "and not that of all deals."
        ),
        tr(TOGETHER),
        doubt_said(told),
        tr("Business as a whole may go better or worse than that; this widens the ranges, too."),
        tr("A range says what chance and these doubts leave open, not what a decision of yours may change."),
    ]
    if told.outlook.is_money:
        texts.append(tr("Amounts of deals yet to come are drawn from the amounts of won deals."))
    return Section("method", tr("Method in plain words"), items=tuple(texts))


def assumed(told: Told) -> Section:
    """Every setting, and every assumption made for want of data."""
    notes = notes_of(told)
    rows = tuple(
        (tr(title), style.shorten(style.plain(value), _LONGEST_TEXT))
        for title, value in _settings(told).items()
    )
    table = Table(tr("Settings"), (tr("setting"), tr("value")), rows, (1,))
    says = () if notes else (tr("Nothing was assumed beyond the method."),)
    return Section("assumed", tr("Every assumption"), says, (), (table,), tuple(notes))


def _settings(told: Told) -> dict[str, str]:
    outlook, funnel, history = told.outlook, told.funnel, told.history
    settings = {
        "forecast": tr(f"{outlook.measure} in {span(outlook.periods.labels)}"),
        "periods": style.enumerated(period_name(label) for label in outlook.periods.labels),
        "target": tr("none") if outlook.target is None else known(amount(outlook, outlook.target)),
        "known up to": told.as_of,
    }
    if history is not None and history.window_start is not None:
        settings["log complete from"] = str(history.window_start.astype("datetime64[D]"))
    if history is not None and history.arrivals_until is not None:
        settings["new deals recorded until"] = str(history.arrivals_until.astype("datetime64[D]"))
    shock = funnel.shock
    settings |= {
        "funnel": known(funnel.origin) if funnel.origin else tr("written by hand"),
        "clock": known(funnel.clock.step),
        "classes of deals": style.enumerated(funnel.classes.attributes) if funnel.classes else tr("none"),
        "shared shock": "–" if shock is None else percent(shock.variances[0] ** 0.5),
        "engine": tr(outlook.engine),
        "draws of the parameters": f"{outlook.n_draws:,}",
        "simulated futures": f"{outlook.n_futures:,}" if outlook.n_futures else tr("none: exact law"),
        "seed": str(outlook.seed),
        "software": f"funnelsim {__version__}",
    }
    return settings
