"""Content of a report: sections of sentences, pictures and tables, whatever the file they go to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from funnelsim.faces.plots import plot_backtest, plot_chance, plot_fan, plot_funnel, plot_levers
from funnelsim.faces.plots.svg import Picture, drawn
from funnelsim.faces.tables import decimals_for, number, percent
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.questions.backtest.result import Backtest
from funnelsim.questions.compare import LeverComparison
from funnelsim.vocabulary.language import known, tr

_MOST_DEALS = 25


@dataclass(frozen=True)
class Table:
    """A table of text; the first column names the row."""

    caption: str
    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of a report under one heading."""

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, eq=False)
class Told:
    """What a report is made of.

    Parameters
    ----------
    outlook : Forecast
    funnel : Funnel
    history : DealHistory, optional
    comparison : LeverComparison, optional
    test : Backtest or str, optional
        Or the reason why there is none.
    previous : mapping, optional
        Facts of the last report, as it wrote them.
    """

    outlook: Forecast
    funnel: Funnel
    history: DealHistory | None = None
    comparison: LeverComparison | None = None
    test: Backtest | str | None = None
    previous: Mapping[str, float | str] = field(default_factory=dict)

    def sections(self) -> list[Section]:
        """All of them, in the order of the questions a reader has."""
        makers: list[Callable[[], Section | None]] = [
            self._answer, self._periods, self._levers, self._deals, self._stages, self._checked, self._data,
            self._assumed,
        ]  # fmt: skip
        return [section for maker in makers if (section := maker()) is not None]

    def facts(self) -> dict[str, float]:
        """The figures that the next report compares itself with."""
        low, middle, high = self.outlook.quantile([0.1, 0.5, 0.9]).tolist()
        chance = {} if self.outlook.target is None else {"chance": self.outlook.chance().value}
        return {"p10": low, "p50": middle, "p90": high} | chance

    def facts_text(self) -> str:
        """The same as one line of ASCII, that every kind of file carries."""
        return json.dumps(self.facts(), sort_keys=True)

    def _answer(self) -> Section:
        told = [self._chance(), self._range(), *self._changed(), *self._first_lever(), *self._belief()]
        pictures = [drawn(plot_fan, self.outlook, "fan")]
        return Section("answer", tr("The answer"), tuple(told), tuple(pictures))

    def _chance(self) -> str:
        outlook = self.outlook
        if outlook.target is None:
            return tr("No target was given, so there is no chance of one.")
        chance = outlook.chance()
        error = number(100 * chance.standard_error, decimals=1)
        asked = self._amount(outlook.target)
        return tr(
            f"Chance of {asked} or more: {percent(chance.value)} ± {error} points (one standard error)."
        )

    def _range(self) -> str:
        low, high = self.outlook.quantile([0.1, 0.9]).tolist()
        return tr(
            f"In four futures out of five the total lies between {number(low)} and {self._amount(high)}."
        )

    def _changed(self) -> list[str]:
        before = {key: value for key, value in self.previous.items() if not isinstance(value, str)}
        now = self.facts()
        told = []
        if "chance" in before and "chance" in now:
            points = number(100 * (now["chance"] - before["chance"]), decimals=1)
            told.append(tr(f"Since the last report the chance of the target has moved by {points} points."))
        if "p50" in before:
            moved = self._amount(now["p50"] - before["p50"])
            told.append(tr(f"Since the last report the median has moved by {moved}."))
        return told

    def _first_lever(self) -> list[str]:
        if self.comparison is None or not self.comparison.levers:
            return []
        effects = [self.comparison.effect(i) for i in range(len(self.comparison.levers))]
        best = max(range(len(effects)), key=lambda i: effects[i].value)
        points = number(100 * effects[best].value, decimals=1)
        error = number(100 * effects[best].standard_error, decimals=1)
        name = known(self.comparison.levers[best].name)
        return [tr(f"Of the levers compared, most moves with: {name} (+{points} ± {error} points).")]

    def _belief(self) -> list[str]:
        if self.test is None:
            return [tr("Whether such ranges held in the past was not checked.")]
        return [tr(self.test if isinstance(self.test, str) else self.test.verdict())]

    def _periods(self) -> Section:
        table = self.outlook.table()
        names = [n for n in ("realised", "won_before", "p10", "p50", "p90", "mean", "mean_se") if n in table]
        decimals = decimals_for(table["p90"])
        rows = [
            (known(str(label)), *(number(float(row[name]), decimals=decimals) for name in names))
            for label, row in zip(table.index, table.to_dict("records"), strict=True)
        ]
        titles = (tr("period"), *(known(name.replace("_", " ")) for name in names))
        note = tr(
            "Ranges of the total come from joint draws: they are not sums of the ranges of the periods."
        )
        return Section(
            "periods", tr("By period"), (note,), (), (Table(self._measured(), titles, tuple(rows)),)
        )

    def _levers(self) -> Section | None:
        if self.comparison is None:
            return None
        table = self.comparison.table()
        rows = [
            (
                known(str(name)),
                percent(row["chance"]),
                _in_points(row["change_of_chance"], row["change_se"]),
            )
            for name, row in zip(table.index, table.to_dict("records"), strict=True)
        ]
        titles = (tr("lever"), tr("chance"), tr("change in points"))
        picture = drawn(plot_levers, self.comparison, "levers")
        return Section("levers", tr("Levers"), (), (picture,), (Table(tr("Levers"), titles, tuple(rows)),))

    def _deals(self) -> Section | None:
        table = self.outlook.by_deal()
        if not len(table):
            return Section("deals", tr("Open deals"), (tr("There are no open deals."),))
        is_money = "amount" in table
        rows = [
            (
                str(row["deal_id"]),
                str(row["stage"]),
                f"{percent(row['chance'])} ± {number(100 * row['chance_sd'], decimals=1)}",
                *([number(row["amount"]), number(row["expected"])] if is_money else []),
            )
            for row in table.head(_MOST_DEALS).to_dict("records")
        ]
        titles = [tr("deal"), tr("stage"), tr("chance")]
        titles += [known("amount"), tr("expected")] if is_money else []
        return Section(
            "deals", tr("Open deals"), (), (), (Table(tr("Open deals"), tuple(titles), tuple(rows)),)
        )

    def _stages(self) -> Section:
        table = self.funnel.table()
        rows = [
            (
                str(name),
                _with_range(row, "conversion"),
                _with_range(row, "win_rate"),
                percent(row.get("nominal", float("nan"))),
            )
            for name, row in zip(table.index, table.to_dict("records"), strict=True)
        ]
        titles = (tr("stage"), tr("conversion"), tr("win rate"), tr("nominal"))
        picture = drawn(plot_funnel, self.funnel, "funnel")
        return Section("stages", tr("Stages"), (), (picture,), (Table(tr("Stages"), titles, tuple(rows)),))

    def _checked(self) -> Section | None:
        if not isinstance(self.test, Backtest):
            return None
        return Section(
            "checked",
            tr("Can it be believed?"),
            (tr(self.test.verdict()),),
            (drawn(plot_backtest, self.test, "backtest"),),
        )

    def _data(self) -> Section | None:
        if self.history is None:
            return None
        issues = self.history.issues
        counted = issues.groupby(["level", "rule"]).size() if len(issues) else pd.Series(dtype=int)
        rows = [
            (known(str(k[0])), known(str(k[1])), f"{n:,}")
            for k, n in zip(counted.index, counted, strict=True)
        ]
        tables = (
            (Table(tr("Data issues"), (tr("level"), tr("rule"), tr("deals")), tuple(rows)),) if rows else ()
        )
        return Section("data", tr("Data issues"), (tr(repr(self.history)),), (), tables)

    def _assumed(self) -> Section:
        method = (
            tr(
                "Rates are counted as exits over exposure by stage, destination and time in stage; "
                "open deals count as open."
            ),
            tr("The futures of all deals, and of those yet to come, are joined into one distribution."),
        )
        notes = tuple(tr(note) for note in self.outlook.notes)
        picture = () if self.outlook.target is None else (drawn(plot_chance, self.outlook, "chance"),)
        return Section("assumed", tr("Method and assumptions"), (*method, *notes), picture)

    def _amount(self, value: float) -> str:
        unit = self.outlook.unit if self.outlook.is_money else "wins"
        return f"{number(value)} {unit}".rstrip()

    def _measured(self) -> str:
        unit = f", {self.outlook.unit}" if self.outlook.is_money and self.outlook.unit else ""
        return f"{known(self.outlook.measure)}{unit}"


def _in_points(change: float, error: float) -> str:
    return f"{number(100 * change, decimals=1)} ± {number(100 * error, decimals=1)}"


def _with_range(row: Mapping[Any, Any], name: str) -> str:
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    text = percent(row[name])
    return text if low is None or high is None or low != low else f"{text} ({percent(low)}–{percent(high)})"
