"""The moment of observation: what was known by then, and from and until when the log is complete."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from funnelsim.intake.dates import AmbiguousDate, parse_dates
from funnelsim.intake.findings import Findings
from funnelsim.intake.moments import Wall
from funnelsim.intake.places import Codes
from funnelsim.intake.reading import Moment
from funnelsim.intake.tables import Table
from funnelsim.intake.zones import Zones
from funnelsim.numerics.windows import STILL_OPEN, count_endings, silent_steps
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.errors import FunnelsimError, english
from funnelsim.vocabulary.stages import Stages

_DAY = np.timedelta64(1, "D")
_LONGEST_SILENCE_DAYS = 400  # between the last event and the moment of observation; a year's gap may be real
_INSTANT = np.timedelta64(1, "us")


class MomentError(FunnelsimError):
    """A moment of observation, or the edge of a window, that cannot be understood."""


def parse_moment(value: Moment, option: str, zones: Zones, date_format: str | None) -> np.datetime64:
    """A moment given as an option; without an offset it is in the business's time zone."""
    try:
        moments = parse_dates(np.array([str(value)], dtype=object), date_format=date_format)
    except AmbiguousDate as error:
        raise MomentError(f"{option}={value!r}: {english(error)}") from error
    if moments.problem[0] or np.isnat(moments.wall[0]):
        raise MomentError(f"{option}={value!r}: {moments.problem[0] or 'not a date; write it as 2026-03-05'}")
    if np.isnan(moments.offset_minutes[0]):
        return np.datetime64(moments.wall[0], "us")
    return np.datetime64(zones.to_business(moments).wall[0], "us")


def end_of(moment: np.datetime64) -> np.datetime64:
    """The last instant of a plain date (midnight counts as one); a moment with a time as it is."""
    return moment + _DAY - _INSTANT if moment == moment.astype("datetime64[D]") else moment


def report_future(table: Table, column: str, wall: Wall, today: np.datetime64, findings: Findings) -> None:
    """Report dates after today: they cannot have been recorded."""
    message = (
        f"after today ({today.astype('datetime64[D]')}): an event cannot lie in the future; correct it, or "
        "give as_of= to use only what was known by then"
    )
    findings.fault("future date", message, table, wall > end_of(today), column)


@dataclass(frozen=True, eq=False)
class Observation:
    """The moves known at a moment."""

    cutoff: np.datetime64
    moves: pd.DataFrame

    @classmethod
    def at(cls, as_of: np.datetime64, moves: pd.DataFrame, clock: Clock, findings: Findings) -> Observation:
        """What was known at a given moment; how much came later is noted.

        On a clock of weeks or months the running one is not used: it has not been watched to its end.

        Raises
        ------
        MomentError
            If nothing was known yet, or the last event is more than 400 days old: every open deal would count
            as watched all that time, when the log most likely ends long before.
        """
        _check_silence(as_of, moves)
        cutoff = clock.known_until(end_of(as_of))
        if cutoff < as_of:
            message = f"the running {clock.step} is not used; what is known ends with the {clock.step} before"
            findings.note("as_of", message, value=np.datetime_as_string(cutoff, unit="D"))
        is_known = moves[["entered_at", "recorded_at"]].max(axis=1) <= pd.Timestamp(cutoff)
        if not is_known.any():
            first = moves["entered_at"].min()
            raise MomentError(f"no deal is known at as_of={cutoff}; the first event is on {first:%Y-%m-%d}")
        n_later = int((~is_known).sum())
        if n_later:
            n_deals = moves["deal"].nunique() - moves.loc[is_known, "deal"].nunique()
            message = (
                f"moves after {cutoff.astype('datetime64[D]')} are not known yet and not used "
                f"({n_deals:,} deals start later)"
            )
            findings.note("after as_of", message, value=n_later)
        return cls(cutoff, moves[is_known])

    @classmethod
    def at_last_event(cls, moves: pd.DataFrame, clock: Clock, findings: Findings) -> Observation:
        """Everything; the last event, or the end of its step, is taken as the moment of observation."""
        last = _last_event(moves)
        message = "as_of was not given; the last recorded event is taken as the moment of observation"
        findings.note("as_of", message, value=np.datetime_as_string(last, unit="s").replace("T", " "))
        if clock.known_until(end_of(last)) < last:
            message = (
                f"the {clock.step} of the last recorded event counts as watched to its end; give as_of if not"
            )
            last = _start_of(clock, int(clock.step_of(last)) + 1) - _INSTANT
            findings.note("as_of", message, value=np.datetime_as_string(last, unit="D"))
        return cls(end_of(last), moves)


def _last_event(moves: pd.DataFrame) -> np.datetime64:
    return np.datetime64(moves[["entered_at", "recorded_at"]].max().max(), "us")


def _check_silence(as_of: np.datetime64, moves: pd.DataFrame) -> None:
    last = _last_event(moves)
    n_days = int((as_of - last) // _DAY)
    if n_days > _LONGEST_SILENCE_DAYS:
        raise MomentError(
            f"as_of={_day(as_of)} lies {n_days:,} days after the last recorded event ({_day(last)}); give "
            f"the day of the export, at most {_LONGEST_SILENCE_DAYS} days after that event"
        )


def _day(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[D]"))


@dataclass(frozen=True, eq=False)
class _Lives:
    """Steps in which deals start and end, and that of the first ending, even if it was undone later."""

    start_step: Codes
    end_step: Codes
    cutoff_step: int
    first_end_step: int

    @classmethod
    def of(cls, seen: Observation, stages: Stages, clock: Clock) -> _Lives:
        moves = seen.moves.sort_values("entered_at", kind="stable")
        first = moves.drop_duplicates("deal").set_index("deal").sort_index()
        last = moves.drop_duplicates("deal", keep="last").set_index("deal").sort_index()
        end_step = clock.step_of(last["entered_at"].to_numpy())
        is_open = last["stage"].to_numpy() < stages.n_open
        start_step = clock.step_of(first["entered_at"].to_numpy())
        cutoff_step = int(clock.step_of(seen.cutoff))
        is_end = moves["stage"].to_numpy() >= stages.n_open
        first_end = clock.step_of(moves["entered_at"].to_numpy()[is_end]).min(initial=cutoff_step + 1)
        return cls(start_step, np.where(is_open, STILL_OPEN, end_step), cutoff_step, int(first_end))


def _start_of(clock: Clock, step: int) -> np.datetime64:
    return np.datetime64(clock.start_of(step).item(), "us")


def check_window_start(window_start: np.datetime64, seen: Observation, clock: Clock) -> None:
    """Refuse a window in which no deal was ever watched.

    Raises
    ------
    MomentError
    """
    if clock.step_of(window_start) >= clock.step_of(seen.cutoff):
        raise MomentError(
            f"window_start={_day(window_start)} leaves no {clock.step} before the moment of observation "
            f"({_day(seen.cutoff)}), so nothing could be learnt; give an earlier date"
        )


def check_arrivals_until(
    arrivals_until: np.datetime64, seen: Observation, clock: Clock, findings: Findings
) -> None:
    """Refuse an end of arrivals before the first deal; note one after the moment of observation.

    Raises
    ------
    MomentError
    """
    first = np.datetime64(seen.moves["entered_at"].min(), "us")
    if clock.step_of(arrivals_until) < clock.step_of(first):
        raise MomentError(
            f"arrivals_until={_day(arrivals_until)} lies before the first deal ({_day(first)}), so no "
            "arrival would count; give a later date"
        )
    if clock.step_of(arrivals_until) > clock.step_of(seen.cutoff):
        message = f"it lies after the moment of observation ({_day(seen.cutoff)}), which counts instead"
        findings.note("arrivals_until", message, value=_day(arrivals_until))


def infer_window_start(
    seen: Observation, stages: Stages, clock: Clock, findings: Findings
) -> np.datetime64 | None:
    """From when endings are complete, if the log tells that earlier ones were left out."""
    lives = _Lives.of(seen, stages, clock)
    has_ended = lives.end_step != STILL_OPEN
    if not has_ended.any():
        return None
    first_end = lives.first_end_step
    endings = count_endings(lives.start_step, lives.end_step, lives.cutoff_step, first_end)
    if not endings.is_late:
        return None
    start = _start_of(clock, first_end)
    if first_end >= lives.cutoff_step:
        message = (
            "every ending lies in the last step of the clock, as where deals are closed in bulk: how long "
            "deals take to end is not known"
        )
        findings.note("window_start", message, value=str(start.astype("datetime64[D]")))
        return None
    message = (
        f"no deal is recorded as ended before {start.astype('datetime64[D]')}, though about "
        f"{endings.n_expected:.0f} of those that arrived earlier should have been; the log is taken to be "
        "complete from then on (window_start)"
    )
    findings.note("window_start", message, value=str(start.astype("datetime64[D]")))
    return start


def infer_arrivals_until(
    seen: Observation, stages: Stages, clock: Clock, findings: Findings
) -> np.datetime64 | None:
    """Until when new deals are recorded, if they stop before the log does."""
    lives = _Lives.of(seen, stages, clock)
    first = int(lives.start_step.min())
    arrivals = np.bincount(lives.start_step - first, minlength=lives.cutoff_step - first + 1)
    n_silent = silent_steps(arrivals, clock.step)
    if n_silent is None:
        return None
    last = lives.cutoff_step - n_silent
    until = _start_of(clock, last + 1) - _INSTANT
    n_later = int(clock.step_of(_last_event(seen.moves))) - last
    gap = f"{n_silent:,} {clock.step}s"
    what = (
        f"no deal arrives after {_day(until)}, though events go on for {n_later:,} of the {gap} since"
        if n_later > 0
        else f"nothing at all is recorded in the {gap} after {_day(until)} (give as_of= that day if the "
        "export ends there)"
    )
    message = f"{what}; new deals are taken to be recorded until then (arrivals_until)"
    findings.note("arrivals_until", message, value=str(until.astype("datetime64[D]")))
    return until
