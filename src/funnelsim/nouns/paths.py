"""The rules that turn recorded moves into one clean path per deal; every use of a rule is listed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.records import Records, issues_frame
from funnelsim.vocabulary.stages import Stages

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Paths:
    """Moves sorted by deal and time, as arrays of one entry per move."""

    deal: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    entered_at: npt.NDArray[np.datetime64]
    row: npt.NDArray[np.int64]

    @property
    def is_first(self) -> Flags:
        """Whether a move is the first of its deal."""
        return (
            np.concatenate(([True], self.deal[1:] != self.deal[:-1])) if len(self.deal) else np.zeros(0, bool)
        )

    @property
    def is_last(self) -> Flags:
        """Whether a move is the last of its deal."""
        return np.concatenate((self.is_first[1:], [True])) if len(self.deal) else np.zeros(0, bool)

    def keep(self, which: Flags | npt.NDArray[np.int64]) -> Paths:
        """Only the flagged moves, or the moves at these positions."""
        return Paths(self.deal[which], self.place[which], self.entered_at[which], self.row[which])


def clean_paths(records: Records, stages: Stages) -> tuple[Paths, pd.DataFrame]:
    """Apply the rules of `stages` to recorded moves.

    The order is fixed: sort (dates out of order take the latest date so far), drop repeated entries into the
    same stage, then the rules for re-opened, backward and skipped moves.

    Returns
    -------
    paths : Paths
    issues : DataFrame
        One row for each use of a rule, with the columns of ``ISSUE_COLUMNS``.
    """
    ledger = _Ledger(records)
    paths = _in_order(records, ledger)
    repeats = paths.keep(~paths.is_first & (paths.place == np.roll(paths.place, 1)))
    message = "entered the stage it was already in; that revises the deal, it does not move it"
    ledger.note("note", "repeated entry", message, repeats, _names(stages, repeats))
    paths = _without_repeats(paths)
    paths = _reopened(paths, stages, ledger)
    paths = _backward(paths, stages, ledger)
    paths = _skipped(paths, stages, ledger)
    return paths, ledger.frame()


class _Ledger:
    """Collects what the rules did, with the deal and row concerned."""

    def __init__(self, records: Records) -> None:
        self._deal_ids = records.deals["deal_id"].to_numpy(dtype=object)
        self._frames: list[pd.DataFrame] = []

    def note(self, level: str, rule: str, message: str, paths: Paths, values: npt.NDArray[Any]) -> None:
        if not len(paths.deal):
            return
        frame = issues_frame().reindex(range(len(paths.deal))).astype(object)
        frame["level"], frame["rule"], frame["message"] = level, rule, message
        frame["deal_id"], frame["row"], frame["value"] = self._deal_ids[paths.deal], paths.row, values
        self._frames.append(frame)

    def frame(self) -> pd.DataFrame:
        return pd.concat(self._frames, ignore_index=True) if self._frames else issues_frame()


def _in_order(records: Records, ledger: _Ledger) -> Paths:
    moves = records.moves
    deal = moves["deal"].to_numpy(np.int64)
    entered_at = moves["entered_at"].to_numpy("datetime64[ns]")
    order = np.argsort(deal, kind="stable") if records.keeps_file_order else np.lexsort((entered_at, deal))
    places, rows = moves["stage"].to_numpy(np.int64), moves["row"].to_numpy(np.int64)
    paths = Paths(deal, places, entered_at, rows).keep(order)
    if not records.keeps_file_order:
        return paths
    latest = pd.Series(paths.entered_at).groupby(paths.deal).cummax().to_numpy("datetime64[ns]")
    late = latest > paths.entered_at
    ledger.note(
        "repaired",
        "date out of order",
        "dated before the move that precedes it; takes that move's date",
        paths.keep(late),
        paths.entered_at[late].astype("datetime64[s]").astype(str),
    )
    return replace(paths, entered_at=latest)


def _without_repeats(paths: Paths) -> Paths:
    """Drop entries into the stage a deal is already in: they revise the deal, they do not move it."""
    if not len(paths.deal):
        return paths
    return paths.keep(paths.is_first | (paths.place != np.roll(paths.place, 1)))


def _names(stages: Stages, paths: Paths) -> npt.NDArray[np.object_]:
    return np.array(stages.names, dtype=object)[paths.place]


def _leave_out(paths: Paths, offending: Flags, rule: str, stages: Stages, ledger: _Ledger) -> Paths:
    message = f"the deal is left out because stages set {rule} = 'reject'"
    ledger.note(
        "left out", f"{rule} move", message, paths.keep(offending), _names(stages, paths.keep(offending))
    )
    return paths.keep(~np.isin(paths.deal, paths.deal[offending]))


def _reopened(paths: Paths, stages: Stages, ledger: _Ledger) -> Paths:
    is_end = paths.place >= stages.n_open
    ends_before = _count_before(is_end, paths)
    after_end = ends_before > 0
    rule, found = "re-opened move", paths.keep(after_end)
    if stages.reopened == "reject":
        return _leave_out(paths, after_end, "reopened", stages, ledger)
    if stages.reopened == "cut":
        message = "moved after it had ended; the first ending counts, later moves do not"
        ledger.note("left out", rule, message, found, _names(stages, found))
        return paths.keep(~after_end)
    message = "moved after it had ended; that ending is undone, the deal stayed in its last stage"
    ledger.note("repaired", rule, message, found, _names(stages, found))
    return _without_repeats(paths.keep(~is_end | paths.is_last))


def _count_before(flags: Flags, paths: Paths) -> npt.NDArray[np.int64]:
    """How many flagged moves a deal made before each of its moves."""
    seen = np.cumsum(flags, dtype=np.int64) - flags
    return seen - _from_first(seen, paths)


def _from_first(values: npt.NDArray[np.int64], paths: Paths) -> npt.NDArray[np.int64]:
    """The value at each deal's first move, repeated over its moves."""
    first = np.flatnonzero(paths.is_first)
    return values[first].repeat(np.diff(np.append(first, len(values))))


def _furthest_before(paths: Paths, stages: Stages) -> npt.NDArray[np.int64]:
    """Furthest open stage a deal had reached before each move; -1 at its first move."""
    open_place = np.where(paths.place < stages.n_open, paths.place, -1)
    furthest = pd.Series(open_place).groupby(paths.deal).cummax().groupby(paths.deal).shift(fill_value=-1)
    return np.asarray(furthest, dtype=np.int64)


def _backward(paths: Paths, stages: Stages, ledger: _Ledger) -> Paths:
    before = _furthest_before(paths, stages)
    previous = np.where(paths.is_first, -1, np.roll(paths.place, 1))
    is_open = paths.place < stages.n_open
    found = paths.keep(is_open & (paths.place < previous))
    if stages.backward == "reject":
        return _leave_out(paths, is_open & (paths.place < before), "backward", stages, ledger)
    if stages.backward == "allow":
        message = "moved to an earlier stage; kept as a move of its own, its time in stage starts anew"
        ledger.note("note", "backward move", message, found, _names(stages, found))
        return paths
    behind = is_open & (paths.place < before)
    message = "moved to an earlier stage; counted as staying in the furthest stage it had reached"
    ledger.note("repaired", "backward move", message, paths.keep(behind), _names(stages, paths.keep(behind)))
    return _without_repeats(paths.keep(~behind))


def _skipped(paths: Paths, stages: Stages, ledger: _Ledger) -> Paths:
    is_won = stages.is_won[paths.place]
    target = np.where(is_won, stages.n_open, paths.place)
    previous = np.where(paths.is_first, target, np.roll(paths.place, 1))
    jump = np.where((paths.place < stages.n_open) | is_won, np.maximum(target - previous - 1, 0), 0)
    found = paths.keep(jump > 0)
    if stages.skipped == "reject":
        return _leave_out(paths, jump > 0, "skipped", stages, ledger)
    if stages.skipped == "allow":
        message = "passed over a stage; kept as a move of its own"
        ledger.note("note", "skipped stage", message, found, _names(stages, found))
        return paths
    message = "passed over a stage; it counts as entered and left in the same moment"
    ledger.note("repaired", "skipped stage", message, found, _names(stages, found))
    copies = jump + 1
    source = np.repeat(np.arange(len(paths.deal)), copies)
    nth = np.arange(len(source)) - np.repeat(np.cumsum(copies) - copies, copies)
    filled = paths.keep(source)
    return replace(
        filled, place=np.where(nth < jump[source], previous[source] + 1 + nth, paths.place[source])
    )
