"""DealHistory: validated deals and their moves, as known at a cutoff."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.paths import Paths, clean_paths
from funnelsim.nouns.records import Records, issues_frame
from funnelsim.nouns.table import told
from funnelsim.numerics.hazards import Spells
from funnelsim.vocabulary.clock import Clock, end_of_day
from funnelsim.vocabulary.display import Shown
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.stages import Stages

_INSTANT = np.timedelta64(1, "us")


class HistoryError(FunnelsimError):
    """A history that cannot answer what is asked of it."""


@dataclass(frozen=True, eq=False)
class DealHistory(Shown):
    """What a company's records say about its deals, as known at one moment.

    Built by :func:`funnelsim.read_deals` or :func:`funnelsim.simulate_history`, not by hand.

    Parameters
    ----------
    records : Records
        Deals and moves as recorded, before the rules about unusual moves.
    stages : Stages
    clock : Clock
    cutoff : datetime64
        Moment of observation (business time zone); everything up to the end of its step is known.
    window_start : datetime64, optional
        From when the log is complete. None: from its first event.
    arrivals_until : datetime64, optional
        Until when new deals are recorded completely. None: until the cutoff.
    unit : str
        Unit of the amounts, such as "EUR".
    intake_issues : DataFrame, optional
        Repairs, omissions and notes made while reading.
    """

    records: Records
    stages: Stages
    clock: Clock
    cutoff: np.datetime64
    window_start: np.datetime64 | None = None
    arrivals_until: np.datetime64 | None = None
    unit: str = ""
    intake_issues: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if self.cutoff != self.clock.known_until(self.cutoff):
            raise HistoryError(
                f"the cutoff {self.cutoff} lies inside a {self.clock.step} of the clock, which would count "
                f"as watched to its end; use {self.clock.known_until(self.cutoff)}, or a clock of days"
            )
        start = self.window_start_step
        if start is not None and start > self.cutoff_step:
            raise HistoryError(
                f"the log is complete only from {self.window_start} on, and {self.cutoff} is before it: "
                "nothing can be learnt; choose a later moment"
            )
        if not len(self.paths.deal):
            when = str(self.cutoff).removesuffix("T23:59:59.999999")
            raise HistoryError(
                f"no deal is known at {when}; choose a later moment, or look at the rows left out"
            )

    @cached_property
    def _cleaned(self) -> tuple[Paths, pd.DataFrame]:
        return clean_paths(self.records, self.stages)

    @property
    def paths(self) -> Paths:
        """Moves after the rules, sorted by deal and time."""
        return self._cleaned[0]

    @property
    def issues(self) -> pd.DataFrame:
        """Every repair, omission and note; one row each."""
        frames = [
            frame for frame in (self.intake_issues, self._cleaned[1]) if frame is not None and len(frame)
        ]
        return told(pd.concat(frames, ignore_index=True) if frames else issues_frame())

    def issue_summary(self) -> pd.DataFrame:
        """Issues counted by rule, with one example each: what a person reads first."""
        issues = self.issues
        grouped = issues.where(issues.notna(), "").groupby(["level", "rule", "message"], sort=True)
        summary = grouped.agg(
            count=("rule", "size"), example_deal=("deal_id", "first"), example_value=("value", "first")
        )
        columns = ["level", "rule", "count", "message", "example_deal", "example_value"]
        return told(summary.reset_index()[columns])

    @property
    def cutoff_step(self) -> int:
        """Last step whose events are known."""
        return int(self.clock.step_of(self.cutoff))

    @property
    def window_start_step(self) -> int | None:
        """First whole step from which the log is complete; None: from its first event."""
        if self.window_start is None:
            return None
        return int(self.clock.step_of(self.window_start - _INSTANT)) + 1

    @property
    def last_arrival_step(self) -> int:
        """Last whole step until which new deals are recorded completely."""
        if self.arrivals_until is None:
            return self.cutoff_step
        return min(int(self.clock.step_of(self.clock.known_until(self.arrivals_until))), self.cutoff_step)

    @property
    def n_deals(self) -> int:
        """Number of deals with at least one move."""
        return int(self.paths.is_first.sum())

    def _shown_table(self) -> pd.DataFrame:
        issues = self.issues
        return issues.groupby(["level", "rule"]).size().rename("deals").reset_index()

    def __repr__(self) -> str:
        won, lost = (int(kind[self._last_place].sum()) for kind in (self.stages.is_won, self.stages.is_lost))
        day = np.datetime_as_string(self.cutoff, unit="D")
        return (
            f"DealHistory({self.n_deals:,} deals at {day}: {won:,} won, {lost:,} lost, "
            f"{self.n_deals - won - lost:,} open; {len(self.issues):,} issues)"
        )

    @property
    def _last_place(self) -> npt.NDArray[np.int64]:
        return self.paths.place[self.paths.is_last]

    @cached_property
    def spells(self) -> Spells:
        """Stays in open stages, in steps."""
        paths, step = self.paths, self.clock.step_of(self.paths.entered_at)
        follows = np.append(paths.deal[1:] == paths.deal[:-1], False)
        is_stay = paths.place < self.stages.n_open
        exit_step = np.where(follows, np.roll(step, -1), self.cutoff_step)
        destination = np.where(follows, np.roll(paths.place, -1), -1)
        return Spells(*(c[is_stay] for c in (paths.deal, paths.place, step, exit_step, destination)))

    @property
    def deals(self) -> pd.DataFrame:
        """One row a deal: where it stands now, since when, its amount, then its attributes.

        Columns ``deal_id``, ``created_at``, ``place`` (stage or outcome), ``outcome``, ``entered_at`` (of
        that place), ``closed_at`` (NaT when open), ``amount`` in the :attr:`unit`; an attribute of such a
        name gets a ``_``.
        """
        first, last = self.paths.keep(self.paths.is_first), self.paths.keep(self.paths.is_last)
        kind = np.select(
            [self.stages.is_won[last.place], self.stages.is_lost[last.place]], ["won", "lost"], "open"
        )
        frame = self.records.deals.iloc[first.deal].reset_index(drop=True)
        head = pd.DataFrame(
            {
                "deal_id": frame["deal_id"],
                "created_at": first.entered_at,
                "place": np.array(self.stages.names, dtype=object)[last.place],
                "outcome": kind,
                "entered_at": last.entered_at,
                "closed_at": np.where(kind == "open", np.datetime64("NaT"), last.entered_at),
                "amount": frame["amount"].astype(float),
            }
        )
        attributes = frame.drop(columns=["deal_id", "amount"])
        attributes = attributes.rename(columns={c: f"{c}_" for c in attributes if c in head})
        return told(pd.concat([head, attributes], axis=1), {"amount": self.unit})

    def pipeline(self) -> Pipeline:
        """The position at the cutoff: open deals with their age in stage, and the wins of twelve months."""
        deals, last = self.deals, self.paths.keep(self.paths.is_last)
        is_open = last.place < self.stages.n_open
        step = self.clock.step_of(last.entered_at)
        year_ago = self.clock.step_of(self.cutoff - np.timedelta64(367, "D"))
        is_recent_win = self.stages.is_won[last.place] & (step >= year_ago)
        amount = deals["amount"].to_numpy(float)
        attributes = deals.drop(
            columns=["deal_id", "created_at", "place", "outcome", "entered_at", "closed_at", "amount"]
        )

        def columns_of(which: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[np.object_]]:
            return {str(name): column.to_numpy(object)[which] for name, column in attributes.items()}

        return Pipeline(
            clock=self.clock,
            cutoff_step=self.cutoff_step,
            deal_ids=deals["deal_id"].to_numpy(object)[is_open],
            stage=last.place[is_open],
            age_steps=self.cutoff_step - step[is_open],
            amount=amount[is_open],
            won_step=step[is_recent_win],
            won_amount=amount[is_recent_win],
            unrecorded_steps=self.cutoff_step - self.last_arrival_step,
            attributes=columns_of(is_open),
            won_attributes=columns_of(is_recent_win),
        )

    def as_of(self, moment: str | dt.date | np.datetime64) -> DealHistory:
        """The history as it was known at an earlier moment.

        Moves after it do not exist; nor do deals without a move by then, nor amounts recorded later. Amounts
        and attributes without a record of their own are taken from the records as they stand now: a single
        export cannot say what they were.

        Parameters
        ----------
        moment : str, date, datetime or datetime64
            Such as "2026-09-30"; a plain date (or midnight) means the end of that day. On a clock of weeks or
            months, what the running one holds so far is not used: the cutoff is the end of the one before.

        Raises
        ------
        HistoryError
            If `moment` lies after the cutoff (not yet known), before the window, or no deal is known by then.
        ClockError
            If `moment` is not a moment.
        """
        at = self.clock.known_until(end_of_day(moment))
        if at > self.cutoff and self.clock.step_of(at) == self.cutoff_step:
            at = self.cutoff  # the same day: all that is known of it
        if at > self.cutoff:
            raise HistoryError(f"{at} lies after the cutoff {self.cutoff}: it is not known yet")
        moves = self.records.moves
        known = moves[moves[["entered_at", "recorded_at"]].max(axis=1) <= pd.Timestamp(at)]
        deals = self.records.deals
        if len(known) < len(moves) and moves["amount"].notna().any():
            deals = deals.assign(amount=_amounts_by_then(deals["amount"], moves, known))
        until = None if self.arrivals_until is None else min(self.arrivals_until, at)
        records = replace(self.records, deals=deals, moves=known)
        return replace(self, records=records, cutoff=at, arrivals_until=until)


def _amounts_by_then(
    amount: pd.Series[float], moves: pd.DataFrame, known: pd.DataFrame
) -> npt.NDArray[np.float64]:
    """Amounts as recorded with the moves known; the present amount for deals whose moves carry none."""
    has_own = np.isin(np.arange(len(amount)), moves.loc[moves["amount"].notna(), "deal"])
    latest = known.sort_values("entered_at", kind="stable").groupby("deal")["amount"].last()
    return np.where(has_own, latest.reindex(range(len(amount))).to_numpy(float), amount.to_numpy(float))
