"""The steps of reading, in order: tables, stages, typed columns, moves, what was known when, history."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from funnelsim.intake.cells import Cells
from funnelsim.intake.columns import DEALS, HISTORY, refuse_history, resolve
from funnelsim.intake.currencies import Rates
from funnelsim.intake.files import Source, load, table_names
from funnelsim.intake.findings import DataError, Findings
from funnelsim.intake.infer import InferredStagesWarning, infer_stages, note_spellings
from funnelsim.intake.moments import Wall
from funnelsim.intake.moves import build_moves, linked, without_repeated_rows
from funnelsim.intake.observe import (
    Observation,
    check_arrivals_until,
    check_window_start,
    end_of,
    infer_arrivals_until,
    infer_window_start,
    parse_moment,
    report_future,
)
from funnelsim.intake.parse import empty_log, in_one_currency, parse_deals, parse_log
from funnelsim.intake.parsed import Parsed
from funnelsim.intake.places import Places
from funnelsim.intake.reading import Reading
from funnelsim.intake.tables import Table
from funnelsim.intake.wide import infer_wide_stages, place_columns, wide_log
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.records import Records
from funnelsim.vocabulary.stages import Stage, Stages
from funnelsim.vocabulary.words import listed

_DATES_OF_DEALS = ("created_at", "closed_at", "updated_at")
_NOT_ATTRIBUTES = [name for name in DEALS.names if name not in ("deal_id", "amount", "lost_reason")]


@dataclass(frozen=True, eq=False)
class _Sources:
    """What was read: the deals table, the stages given or inferred, and the log of moves."""

    deals: Table
    stages: Stages
    log: Parsed


@dataclass(frozen=True)
class Reader:
    """Reads one set of records.

    Parameters
    ----------
    stages : Stages or None
        None: they are inferred.
    reading : Reading
    rates : Rates
    sets_aside : bool
        Whether deals with a fault are left out; else any fault is refused.
    today : datetime64
        No event can lie after it, unless `reading` has an ``as_of``.
    """

    stages: Stages | None
    reading: Reading
    rates: Rates
    sets_aside: bool
    today: np.datetime64

    def read(self, deals: Source, history: Source | None) -> DealHistory:
        """The deal history these records tell.

        Raises
        ------
        DataError
            If the records have faults that are not set aside.
        """
        findings = Findings()
        said, unit = self.reading, self.reading.unit or ""
        cells = Cells(findings, said.zones, said.date_format, said.decimal, self.rates, unit)
        sources = self._sources(deals, history, cells)
        stages, log = sources.stages, sources.log
        parsed = parse_deals(sources.deals, Places(stages), self.reading.outcome_values, cells)
        parsed, log = self._sound(parsed, log, findings)
        parsed, log, unit = in_one_currency(parsed, log, self.rates, unit, findings)
        keeps_file_order = "seq" in log.values
        moves = build_moves(parsed, log, stages, findings, keeps_file_order=keeps_file_order)
        moves = self._usable(moves, parsed, findings)
        _note_no_endings(parsed.table, moves, stages, findings)
        seen = self._observation(moves, findings)
        return self._history(parsed, seen, stages, unit, keeps_file_order, findings)

    def _sources(self, deals: Source, history: Source | None, cells: Cells) -> _Sources:
        """The tables, and how moves are told: by a log, a date column for each stage, or not at all."""
        findings = cells.findings
        names = table_names(deals, history)
        # Both are loaded before either is judged, so that one message tells of both.
        table, log_table = load(deals, names[0], findings), None
        if history is not None:
            log_table = load(history, names[1], findings)
        table = resolve(table, DEALS, self.reading.deals_columns, findings)
        if log_table is None:
            refuse_history(table, findings)
            findings.stop_if_refused()
            return self._without_log(table, cells)
        log_table = resolve(log_table, HISTORY, self.reading.history_columns, findings)
        if len(findings.faults()):
            refuse_history(table, findings)  # the two files may have changed places
        findings.stop_if_refused()
        return self._with_log(table, log_table, cells)

    def _with_log(self, table: Table, log_table: Table, cells: Cells) -> _Sources:
        entered_at = cells.dates(log_table, "entered_at")
        stages = self.stages
        if stages is None:
            self._check_dates(table, log_table, entered_at, cells)
            stages = infer_stages(log_table.ids, log_table.text("stage"), entered_at)
            _say_inferred(stages, cells.findings)
            note_spellings(log_table, cells.findings)
        return _Sources(table, stages, parse_log(log_table, entered_at, Places(stages), cells))

    def _check_dates(self, table: Table, log_table: Table, entered_at: Wall, cells: Cells) -> None:
        """Stop at faulty dates that leave a stage unknown: its rows would be faults that are none."""
        faults = cells.findings.faults()
        stage, is_dated = log_table.text("stage"), ~np.isnat(entered_at)
        is_told = set(stage) == set(stage[is_dated])
        if len(faults) and not is_told and not (self.sets_aside and (faults["level"] == "fault").all()):
            for column in _DATES_OF_DEALS:
                cells.dates(table, column)
            raise DataError(cells.findings.faults())

    def _without_log(self, table: Table, cells: Cells) -> _Sources:
        stages = self.stages or infer_wide_stages(table, cells)
        if self.stages is None and stages is not None:
            _say_inferred(stages, cells.findings)
        stages = stages or Stages((Stage("open"),))
        columns = place_columns(table, Places(stages))
        if columns:
            return _Sources(table.without(columns), stages, wide_log(table, columns, Places(stages), cells))
        _check_one_stage(table, stages, cells.findings)
        return _Sources(table, stages, empty_log(table.name))

    def _sound(self, parsed: Parsed, log: Parsed, findings: Findings) -> tuple[Parsed, Parsed]:
        """Deals and moves without faults so far; the others are judged no further."""
        findings.stop_if_refused()
        if self.reading.as_of is None:
            for rows, columns in ((parsed, _DATES_OF_DEALS), (log, ("entered_at", "recorded_at"))):
                for column in columns:
                    report_future(rows.table, column, rows.dates(column), self.today, findings)
        parsed, log = (rows.take(findings.is_sound(rows.table)) for rows in (parsed, log))
        if not len(parsed.table):
            raise DataError(findings.faults())
        return parsed, without_repeated_rows(linked(parsed, log, findings), findings)

    def _usable(self, moves: pd.DataFrame, parsed: Parsed, findings: Findings) -> pd.DataFrame:
        """Moves of deals without faults; deals that never arrived are listed."""
        is_sound = findings.is_sound(parsed.table)
        is_dated = np.isin(np.arange(len(parsed.table)), moves["deal"])
        message = "no dated move and no creation date; when the deal arrived is not known"
        findings.left_out("no date", message, parsed.table, is_sound & ~is_dated, "created_at")
        usable = moves[is_sound[moves["deal"].to_numpy(np.int64)]]
        if not len(usable):
            findings.refuse("nothing left", "no deal can be used", file=parsed.table.name)
        findings.issues(set_aside=self.sets_aside)  # raises what must be refused
        return usable

    def _observation(self, moves: pd.DataFrame, findings: Findings) -> Observation:
        as_of = self._moment("as_of")
        if as_of is None:
            return Observation.at_last_event(moves, self.reading.clock, findings)
        return Observation.at(as_of, moves, self.reading.clock, findings)

    def _moment(self, option: str) -> np.datetime64 | None:
        value = getattr(self.reading, option)
        if value is None:
            return None
        return parse_moment(value, option, self.reading.zones, self.reading.date_format)

    def _history(
        self,
        parsed: Parsed,
        seen: Observation,
        stages: Stages,
        unit: str,
        keeps_file_order: bool,
        findings: Findings,
    ) -> DealHistory:
        clock = self.reading.clock
        window_start, arrivals_until = self._moment("window_start"), self._moment("arrivals_until")
        if window_start is not None:
            check_window_start(window_start, seen, clock)
        else:
            window_start = infer_window_start(seen, stages, clock, findings)
        if arrivals_until is not None:
            check_arrivals_until(arrivals_until, seen, clock, findings)
        else:
            arrivals_until = infer_arrivals_until(seen, stages, clock, findings)
        return DealHistory(
            records=_records(parsed, seen.moves, keeps_file_order),
            stages=stages,
            clock=clock,
            cutoff=seen.cutoff,
            window_start=window_start,
            arrivals_until=None if arrivals_until is None else end_of(arrivals_until),
            unit=unit,
            intake_issues=findings.issues(set_aside=self.sets_aside),
        )


def _say_inferred(stages: Stages, findings: Findings) -> None:
    order = " > ".join(stage.name for stage in stages.open)
    ends = listed(outcome.name for outcome in stages.outcomes)
    message = f"no stages were given; taken from the records as {order}, ending in {ends}"
    findings.note("stages inferred", message)
    warnings.warn(f"{message}. Give stages= to say otherwise.", InferredStagesWarning, stacklevel=6)


def _check_one_stage(table: Table, stages: Stages, findings: Findings) -> None:
    """A deals table alone tells of one stage; refuse what it cannot tell."""
    if stages.n_open > 1:
        names = listed(stage.name for stage in stages.open)
        message = (
            f"a deals table alone cannot tell when deals moved between {names}; give the stage history, a "
            "date column for each stage, or stages= with a single stage"
        )
        findings.refuse("no history", message, file=table.name)
    if "created_at" not in table:
        found = listed(table.title(str(column)) for column in table.frame.columns)
        message = (
            f"there is no column 'created_at'. Columns found: {found}; name yours with columns=, or, where "
            "each stage has a column of dates, give stages= with stages called like these columns"
        )
        findings.refuse("missing column", message, file=table.name, column="created_at")
    if not {"outcome", "stage", "closed_at"} & set(table.frame.columns):
        message = "nothing says how deals ended: name the columns of outcome and closed_at with columns="
        findings.refuse("missing column", message, file=table.name, column="outcome")
    findings.stop_if_refused()


def _note_no_endings(table: Table, moves: pd.DataFrame, stages: Stages, findings: Findings) -> None:
    """Note that nothing tells of endings where a column that nobody named may do so."""
    unnamed = [str(column) for column in table.frame.columns if column not in DEALS.names]
    is_told = {"outcome", "stage"} & set(table.frame.columns) or (moves["stage"] >= stages.n_open).any()
    if unnamed and not is_told:
        message = (
            "no deal is known to have ended, so all count as open: there is no column 'outcome', and the "
            f"history holds no ending; if one of the columns {listed(unnamed)} says how deals ended, name it "
            "with columns={'outcome': ...}"
        )
        findings.note("no endings", message, file=table.name)


def _records(parsed: Parsed, moves: pd.DataFrame, keeps_file_order: bool) -> Records:
    """Records of the deals that have moved, numbered anew."""
    kept = np.unique(moves["deal"].to_numpy(np.int64))
    table = parsed.table
    deals = table.frame.drop(columns=[name for name in _NOT_ATTRIBUTES if name in table])
    deals = deals.assign(deal_id=table.ids, amount=parsed.values["amount"].to_numpy(float))
    attributes = [column for column in deals.columns if column not in ("deal_id", "amount")]
    deals = deals[["deal_id", "amount", *attributes]].iloc[kept].reset_index(drop=True)
    for name in attributes:
        if deals[name].dtype == object:
            deals[name] = deals[name].where(deals[name] != "", None)  # an empty cell of a text file
    numbered = moves.assign(deal=np.searchsorted(kept, moves["deal"].to_numpy(np.int64)))
    return Records(deals, numbered.reset_index(drop=True), keeps_file_order)
