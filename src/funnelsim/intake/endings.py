"""How deals end by the deals table, held against what their log says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from funnelsim.intake.findings import Findings
from funnelsim.intake.moments import Wall, is_before
from funnelsim.intake.parsed import Parsed
from funnelsim.intake.places import OPEN, UNSAID, Codes
from funnelsim.intake.tables import Flags, Positions
from funnelsim.vocabulary.stages import Stages


@dataclass(frozen=True, eq=False)
class LastMoves:
    """The last move of every deal; stage -1 and NaT for a deal without one."""

    stage: Codes
    entered_at: Wall

    @classmethod
    def of(cls, moves: pd.DataFrame, n_deals: int, keeps_file_order: bool) -> LastMoves:
        order = moves if keeps_file_order else moves.sort_values("entered_at", kind="stable")
        last = order.drop_duplicates("deal", keep="last").set_index("deal").reindex(range(n_deals))
        return cls(last["stage"].fillna(-1).to_numpy(np.int64), last["entered_at"].to_numpy("datetime64[us]"))


@dataclass(frozen=True, eq=False)
class _Claims:
    """What the deals table says about each deal's ending, beside what the log says."""

    outcome: Codes
    closed_at: Wall
    says_end: Flags
    has_end: Flags
    agrees: Flags


def _claims(deals: Parsed, last: LastMoves, stages: Stages) -> _Claims:
    outcome = deals.codes("outcome")
    says_end, has_end = outcome >= stages.n_open, last.stage >= stages.n_open
    agrees = says_end & has_end & (stages.is_won[outcome] == stages.is_won[last.stage])
    return _Claims(outcome, deals.dates("closed_at"), says_end, has_end, agrees)


def endings(deals: Parsed, log: Parsed, last: LastMoves, stages: Stages, findings: Findings) -> pd.DataFrame:
    """Endings that only the deals table tells of."""
    claims = _claims(deals, last, stages)
    _report_contradictions(deals, claims, stages, findings)
    _report_other_dates(deals, claims, last, findings)
    ended_before = _ever_ended(log, claims.outcome, stages)
    is_new = claims.says_end & ~claims.has_end & ~(np.isnat(claims.closed_at) & ended_before)
    is_new &= ~np.isnat(last.entered_at)
    closed_at = _dated(deals, log, is_new, claims, last, stages, findings)
    is_early = is_new & is_before(closed_at, last.entered_at)
    message = "closed before its first move; the ending takes the date of its last move"
    findings.repaired("closed early", message, deals.table, is_early, "closed_at")
    at = np.flatnonzero(is_new & ~np.isnat(closed_at))
    _note_guesses(deals, at, findings)
    return deals.moves(at, claims.outcome[at], np.maximum(closed_at, last.entered_at)[at])


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


def _report_other_dates(deals: Parsed, claims: _Claims, last: LastMoves, findings: Findings) -> None:
    is_dated = claims.agrees & ~np.isnat(claims.closed_at)
    differs = claims.closed_at.astype("datetime64[D]") != last.entered_at.astype("datetime64[D]")
    message = "the closing date is another day than the ending in the history; the history's date counts"
    findings.repaired("other closing date", message, deals.table, is_dated & differs, "closed_at")


def _dated(
    deals: Parsed,
    log: Parsed,
    is_new: Flags,
    claims: _Claims,
    last: LastMoves,
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
