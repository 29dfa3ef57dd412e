"""From a deals table and a log to moves: which rows count, where a deal enters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from funnelsim.intake.endings import LastMoves, endings
from funnelsim.intake.findings import Findings
from funnelsim.intake.moments import Wall, is_before
from funnelsim.intake.parsed import Parsed
from funnelsim.intake.tables import Flags
from funnelsim.vocabulary.stages import Stages

_MOVE_COLUMNS = ["deal", "stage", "entered_at", "recorded_at", "amount", "row"]


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
    is_late = _after_closing(deals, log, stages) & (not keeps_file_order)
    late = log.values.loc[is_late, _MOVE_COLUMNS]
    if stages.reopened == "merge":
        message = "moved after the deal's closing date, and it stands as closed; the closing date counts"
        findings.left_out("moved after closing", message, log.table, is_late, "entered_at")
        late = late[:0]
    log = log.take(~is_late)
    entries = _entries(deals, log, stages, findings, keeps_file_order)
    moves = pd.concat([entries, log.values[_MOVE_COLUMNS]])
    last = LastMoves.of(moves, len(deals.table), keeps_file_order)
    moves = pd.concat([moves, endings(deals, log, last, stages, findings), late])
    return moves.sort_values("deal", kind="stable", ignore_index=True)


def _after_closing(deals: Parsed, log: Parsed, stages: Stages) -> Flags:
    """Moves after the closing date of a deal that moved before it too, and whose log tells of no ending."""
    deal, moved_at = log.codes("deal"), log.dates("entered_at")
    has_end = np.isin(np.arange(len(deals.table)), deal[log.codes("stage") >= stages.n_open])
    closed_at = np.where(has_end, np.datetime64("NaT"), deals.dates("closed_at"))
    closed_at = np.where(deals.codes("outcome") >= stages.n_open, closed_at, np.datetime64("NaT"))
    is_early = is_before(closed_at, _first_dates(log, len(closed_at)))
    is_late: Flags = is_before(closed_at[deal], moved_at) & ~is_early[deal]
    return is_late


def _entries(
    deals: Parsed, log: Parsed, stages: Stages, findings: Findings, keeps_file_order: bool
) -> pd.DataFrame:
    """Entry at the creation of a deal, for deals whose log tells of none."""
    every, in_log = np.arange(len(deals.table)), log.codes("deal")
    has_entry = np.isin(every, in_log[log.codes("stage") < stages.n_open])
    first_at, created_at = _first_dates(log, len(every)), deals.dates("created_at")
    # Where the order of moves is known, an ending before the creation is the date that is wrong.
    is_late = is_before(first_at, created_at) & (has_entry | (not keeps_file_order))
    message = "created after its first move; the first move counts"
    findings.repaired("created late", message, deals.table, is_late, "created_at")
    enters = ~has_entry & ~np.isnat(created_at)
    _note_silent(deals, log, enters & ~np.isin(every, in_log), stages, findings)
    at = np.flatnonzero(enters)
    stage = deals.codes("stage")[at]
    stage = np.where((stage >= 0) & (stage < stages.n_open), stage, 0)
    return deals.moves(at, stage, np.where(is_late, first_at, created_at)[at])


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
