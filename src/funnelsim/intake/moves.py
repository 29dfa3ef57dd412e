"""From a deals table and a log to moves: where a deal enters, how it ends, which date counts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from funnelsim.intake.dates import Wall
from funnelsim.intake.findings import Findings
from funnelsim.intake.places import OPEN, UNSAID, Codes
from funnelsim.intake.tables import Flags, Numbers, Positions, Table
from funnelsim.vocabulary.stages import Stages

_NEVER = np.datetime64("NaT", "us")
_MOVE_COLUMNS = ["deal", "stage", "entered_at", "recorded_at", "amount", "row"]


@dataclass(frozen=True, eq=False)
class Parsed:
    """Typed columns beside the table they were read from, row by row."""

    table: Table
    values: pd.DataFrame

    def take(self, keep: Flags) -> Parsed:
        """Only the flagged rows."""
        return Parsed(self.table.take(keep), self.values[keep].reset_index(drop=True))

    def sorted_by(self, column: str) -> Parsed:
        """Rows in the order of a column; ties stay as they are."""
        order = np.argsort(self.values[column].to_numpy(), kind="stable")
        table = replace(self.table, frame=self.table.frame.iloc[order], rows=self.table.rows[order])
        return Parsed(table, self.values.iloc[order].reset_index(drop=True))

    def with_amount(self, amount: Numbers) -> Parsed:
        """The same rows with other amounts."""
        return replace(self, values=self.values.assign(amount=amount))

    def codes(self, column: str) -> Codes:
        """A column of codes as an array."""
        return self.values[column].to_numpy(np.int64)

    def dates(self, column: str) -> Wall:
        """A column of moments as an array."""
        return self.values[column].to_numpy("datetime64[us]")


@dataclass(frozen=True, eq=False)
class _Last:
    """The last move of every deal; stage -1 and NaT for a deal without one."""

    stage: Codes
    entered_at: Wall

    @classmethod
    def of(cls, moves: pd.DataFrame, n_deals: int, keeps_file_order: bool) -> _Last:
        order = moves if keeps_file_order else moves.sort_values("entered_at", kind="stable")
        last = order.drop_duplicates("deal", keep="last").set_index("deal").reindex(range(n_deals))
        return cls(last["stage"].fillna(-1).to_numpy(np.int64), last["entered_at"].to_numpy("datetime64[us]"))


def build_moves(
    deals: Parsed, log: Parsed, stages: Stages, findings: Findings, *, keeps_file_order: bool
) -> pd.DataFrame:
    """Every move of every deal, with its entry and its ending, in the order of the file within a deal.

    Parameters
    ----------
    deals : Parsed
        Columns ``created_at``, ``closed_at``, ``updated_at``, ``stage``, ``outcome``, ``is_guess``.
    log : Parsed
        Columns as `Records.moves`; ``deal`` is the position in `deals`.
    stages : Stages
    findings : Findings
    keeps_file_order : bool
        Whether rows of the log stand in the order of the moves.

    Returns
    -------
    DataFrame
        Columns of ``Records.moves``. A deal without any date has none.
    """
    _report_won_and_lost_at_once(log, stages, findings)
    entries = _entries(deals, log, stages, findings, keeps_file_order)
    moves = pd.concat([entries, log.values[_MOVE_COLUMNS]])
    last = _Last.of(moves, len(deals.table), keeps_file_order)
    moves = pd.concat([moves, _endings(deals, log, last, stages, findings)])
    return moves.sort_values("deal", kind="stable", ignore_index=True)


def _moves_at(deals: Parsed, at: Positions, stage: Codes, entered_at: Wall) -> pd.DataFrame:
    """Moves that the deals table tells of, not the log."""
    return pd.DataFrame(
        {
            "deal": at,
            "stage": stage,
            "entered_at": entered_at,
            "recorded_at": np.full(len(at), _NEVER),
            "amount": np.full(len(at), np.nan),
            "row": deals.table.rows[at],
        }
    )


def _is_before(earlier: Wall, later: Wall) -> Flags:
    """Whether a moment lies before another; a plain date is not before a time on the same day."""
    day = earlier.astype("datetime64[D]")
    is_same_date = (earlier == day) & (day == later.astype("datetime64[D]"))
    return (earlier < later) & ~is_same_date


def _entries(
    deals: Parsed, log: Parsed, stages: Stages, findings: Findings, keeps_file_order: bool
) -> pd.DataFrame:
    """Entry at the creation of a deal, for deals whose log tells of none."""
    every, in_log = np.arange(len(deals.table)), log.codes("deal")
    has_entry = np.isin(every, in_log[log.codes("stage") < stages.n_open])
    first_at, created_at = _first_dates(log, len(every)), deals.dates("created_at")
    # Where the order of moves is known, an ending before the creation is the date that is wrong.
    is_late = _is_before(first_at, created_at) & (has_entry | (not keeps_file_order))
    message = "created after its first move; the first move counts"
    findings.repaired("created late", message, deals.table, is_late, "created_at")
    enters = ~has_entry & ~np.isnat(created_at)
    _note_silent(deals, log, enters & ~np.isin(every, in_log), stages, findings)
    at = np.flatnonzero(enters)
    stage = deals.codes("stage")[at]
    stage = np.where((stage >= 0) & (stage < stages.n_open), stage, 0)
    return _moves_at(deals, at, stage, np.where(is_late, first_at, created_at)[at])


def _first_dates(log: Parsed, n_deals: int) -> Wall:
    first = pd.Series(log.dates("entered_at")).groupby(log.codes("deal")).min()
    return first.reindex(range(n_deals)).to_numpy("datetime64[us]")


def _note_silent(deals: Parsed, log: Parsed, is_silent: Flags, stages: Stages, findings: Findings) -> None:
    if not is_silent.any() or not len(log.table):
        return
    where = "the stage the deals table names" if "stage" in deals.table else repr(stages.open[0].name)
    message = f"deals without a dated move enter {where} when they were created"
    findings.note("no history", message, file=deals.table.name, value=int(is_silent.sum()))


def _report_won_and_lost_at_once(log: Parsed, stages: Stages, findings: Findings) -> None:
    stage = log.codes("stage")
    ends = log.values[stage >= stages.n_open].assign(is_won=stages.is_won[stage[stage >= stages.n_open]])
    kinds = ends.groupby(["deal", "entered_at"])["is_won"].transform("nunique")
    at = ends.index[kinds > 1].to_numpy()
    message = "the history has the deal won and lost in the same moment; delete the row that is wrong"
    findings.fault("won and lost at once", message, log.table, at, "stage")


@dataclass(frozen=True, eq=False)
class _Claims:
    """What the deals table says about each deal's ending, beside what the log says."""

    outcome: Codes
    closed_at: Wall
    says_end: Flags
    has_end: Flags
    agrees: Flags


def _claims(deals: Parsed, last: _Last, stages: Stages) -> _Claims:
    outcome = deals.codes("outcome")
    says_end, has_end = outcome >= stages.n_open, last.stage >= stages.n_open
    agrees = says_end & has_end & (stages.is_won[outcome] == stages.is_won[last.stage])
    return _Claims(outcome, deals.dates("closed_at"), says_end, has_end, agrees)


def _endings(deals: Parsed, log: Parsed, last: _Last, stages: Stages, findings: Findings) -> pd.DataFrame:
    """Endings that only the deals table tells of."""
    claims = _claims(deals, last, stages)
    _report_contradictions(deals, claims, stages, findings)
    ended_before = _ever_ended(log, claims.outcome, stages)
    is_new = claims.says_end & ~claims.has_end & ~(np.isnat(claims.closed_at) & ended_before)
    is_new &= ~np.isnat(last.entered_at)
    closed_at = _dated(deals, log, is_new, claims, last, stages, findings)
    is_early = is_new & _is_before(closed_at, last.entered_at)
    message = "closed before its last move; the ending takes the date of that move"
    findings.repaired("closed early", message, deals.table, is_early, "closed_at")
    at = np.flatnonzero(is_new & ~np.isnat(closed_at))
    _note_guesses(deals, at, findings)
    return _moves_at(deals, at, claims.outcome[at], np.maximum(closed_at, last.entered_at)[at])


def _ever_ended(log: Parsed, outcome: Codes, stages: Stages) -> Flags:
    """Whether the log once had each deal end the way the deals table says (it may have re-opened since)."""
    stage, deal, every = log.codes("stage"), log.codes("deal"), np.arange(len(outcome))
    was_won, was_lost = (np.isin(every, deal[kind[stage]]) for kind in (stages.is_won, stages.is_lost))
    return np.where(stages.is_won[outcome], was_won, was_lost)


def _report_contradictions(deals: Parsed, claims: _Claims, stages: Stages, findings: Findings) -> None:
    table, outcome = deals.table, "outcome" if "outcome" in deals.table else "stage"
    has_date = ~np.isnat(claims.closed_at)
    findings.fault(
        "open but closed",
        "the deal is open but has a closing date; empty the date, or say how the deal ended (an expected "
        "closing date belongs in a column of another name)",
        table,
        (claims.outcome == OPEN) & has_date,
        "closed_at",
    )
    findings.fault(
        "closed without outcome",
        "the deal has a closing date, but nothing says how it ended; fill in the outcome, or empty the date",
        table,
        (claims.outcome == UNSAID) & has_date & ~claims.has_end,
        "closed_at",
    )
    differs = claims.has_end & (claims.outcome != UNSAID) & ~claims.agrees
    if stages.reopened == "cut":
        message = (
            "the outcome differs from the first ending in the history; that ending counts (reopened = 'cut')"
        )
        findings.repaired("outcome after the ending", message, table, differs, outcome)
    else:
        message = (
            "the outcome contradicts the ending in the history (won and lost at once, or open and ended); "
            "correct whichever is wrong"
        )
        findings.fault("won and lost at once", message, table, differs, outcome)


def _dated(
    deals: Parsed,
    log: Parsed,
    is_new: Flags,
    claims: _Claims,
    last: _Last,
    stages: Stages,
    findings: Findings,
) -> Wall:
    """When each new ending happened; a loss without a date is dated when its record last changed."""
    is_undated = is_new & np.isnat(claims.closed_at)
    is_won = stages.is_won[claims.outcome] & is_undated
    message = "won without a closing date; fill in the date, or the outcome of a deal that is still open"
    findings.fault("won without a date", message, deals.table, is_won, "closed_at")
    is_lost = is_undated & ~is_won
    is_told = np.isin(np.arange(len(is_new)), log.codes("deal")) | ~np.isnat(deals.dates("updated_at"))
    message = "lost without a closing date, a last update or a move to date it; fill in the date"
    findings.fault("lost without a date", message, deals.table, is_lost & ~is_told, "closed_at")
    message = (
        "lost without a closing date; dated at the record's last update or the deal's last move, whichever "
        "is later, and open until then"
    )
    findings.repaired("lost without a date", message, deals.table, is_lost & is_told, "closed_at")
    updated_at = np.fmax(deals.dates("updated_at"), last.entered_at)
    return np.where(is_lost, updated_at, claims.closed_at)


def _note_guesses(deals: Parsed, at: Positions, findings: Findings) -> None:
    guessed = deals.values["is_guess"].to_numpy(bool)[at].sum()
    if guessed:
        message = "deals whose outcome could be several of the stages file's count as the first of that kind"
        findings.note("which outcome", message, file=deals.table.name, column="outcome", value=int(guessed))


def without_repeated_rows(log: Parsed, findings: Findings) -> Parsed:
    """The log without rows that say the same twice."""
    is_repeated = log.values.drop(columns="row").duplicated().to_numpy(bool)
    findings.repaired("repeated row", "the same row twice; it counts once", log.table, is_repeated, "stage")
    return log.take(~is_repeated)


def linked(deals: Parsed, log: Parsed, findings: Findings) -> Parsed:
    """The log with the position of each row's deal, without rows of deals that are not in the deals table."""
    ids = pd.Index(deals.table.ids)
    position = ids.get_indexer(pd.Index(log.table.ids))
    is_known = position >= 0
    if not is_known.any() and len(log.table):
        findings.refuse(
            "no deal in common",
            f"no deal of the history is in {deals.table.name} (such as {log.table.ids[0]!r}, "
            f"where the deals are such as {ids[0]!r}); check that both have the same kind of id",
            file=log.table.name,
            column=log.table.title("deal_id"),
        )
        findings.stop_if_refused()
    message = "a move of a deal that is not in the deals table; not used"
    findings.left_out("unknown deal", message, log.table, ~is_known, "deal_id")
    known = log.take(is_known)
    return replace(known, values=known.values.assign(deal=position[is_known]))
