"""fit_log: a funnel from a log that does not fit into memory, counted in parts that add."""

from __future__ import annotations

import datetime as dt
import math
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.fitting.fit import Setting, fit_counts
from funnelsim.fitting.log_files import LogError, LogSource
from funnelsim.fitting.log_moves import FaultyDealError, LogDeals, LogMoves, complete_moves
from funnelsim.fitting.log_parts import Limits, LogReader, Split, connected, id_of_key, read_part
from funnelsim.fitting.log_windows import check_arrivals, check_start, save_lives
from funnelsim.fitting.pace import LevelPeriod
from funnelsim.fitting.tally import Tally, count_spells
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory, HistoryError
from funnelsim.nouns.records import Records
from funnelsim.numerics.by_time import StepCounts
from funnelsim.numerics.hazards import Spells, StageHazards
from funnelsim.vocabulary.clock import Clock, Step, end_of_day
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.scales import scale_of
from funnelsim.vocabulary.stages import Stages

Moment = str | dt.date | np.datetime64
Progress = bool | Callable[[str], None]

_LONGEST_SILENCE_DAYS = 400  # as in read_deals: open deals would count as watched all that time
_BYTES_PER_MOVE = 1_000  # of a part while it is counted, with room to spare
_MOVES_PER_PART = 1_000_000
_MOST_PARTS = 512
_LEAST_BYTES = 64 * 2**20
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?)i?B?\s*", re.IGNORECASE)


@checked
def fit_log(
    deals: LogSource,
    history: LogSource,
    *,
    stages: Stages,
    as_of: Moment,
    window_start: Moment | None = None,
    arrivals_until: Moment | None = None,
    step: Step = "day",
    columns: Mapping[str, str] | None = None,
    history_columns: Mapping[str, str] | None = None,
    unit: str = "",
    level_period: LevelPeriod | None = "auto",
    calendar: bool = True,
    holidays: Sequence[Moment] = (),
    workers: int = 1,
    memory: int | str = "2GB",
    parts: int | None = None,
    progress: Progress = True,
) -> Funnel:
    """Learn how deals move from a log of many millions of moves on disk, in bounded memory.

    Counts are the same, to the last unit, as those of :func:`funnelsim.read_deals` with the same options and
    :func:`funnelsim.fit`: DuckDB splits the log by deal into parts on disk, each part is counted in memory,
    and the counts are added.

    Parameters
    ----------
    deals : path, or list of paths
        One row a deal: ``deal_id`` and, where there are such, ``created_at``, ``amount``, ``outcome``,
        ``closed_at``, ``stage``, ``currency``. Parquet or CSV (also gzipped); ``*`` stands for any text.
    history : path, or list of paths
        One row for each entry into a stage: ``deal_id``, ``stage``, ``entered_at`` and, where there are such,
        ``recorded_at``, ``amount``. Rows of a deal with the same time stand in the order of the moves.
    stages : Stages
    as_of : date, datetime or str
        Moment of observation; a plain date means the end of that day.
    window_start, arrivals_until : date, datetime or str, optional
        From when endings, and until when new deals, are recorded completely. None: from the first event, and
        until `as_of`; refused where the dates say otherwise (`read_deals` takes what they say).
    step : {"day", "hour", "week", "month"}
        Length of a step of the clock.
    columns, history_columns : mapping of str to str, optional
        What the files call a column: ``{"deal_id": "Opportunity ID"}``.
    unit : str
        Unit of the amounts, without a scale; by default the currency the deals table names.
    level_period, calendar, holidays
        As in :func:`funnelsim.fit`; with neither levels nor calendar, calendar steps are not counted, which
        takes half the time.
    workers : int
        Processes (joblib), and threads of DuckDB. The answer is the same for any number.
    memory : int or str
        Bytes that the log may take at a time ("2GB"), shared by the workers. Parts are made as small as that
        needs; what does not fit waits in a temporary folder, about as large as the log as Parquet.
    parts : int, optional
        Number of parts; by default what `memory` allows.
    progress : bool or callable
        Whether to tell on stderr how far it is; or what to do with each message.

    Returns
    -------
    Funnel

    Raises
    ------
    LogError
        If a table needs a repair or a guess, names stages that `stages` does not, or cannot be read; if
        endings are missing at its start, or arrivals at its end, and no edge says so; or if DuckDB is not
        installed (``pip install 'funnelsim[big]'``).

    Notes
    -----
    Moments are timestamps of the business's time zone without an offset, or text such as 2026-03-05 17:30.
    Some rules of `read_deals` apply here too, but their uses are not listed: those of `stages`, repeated rows
    counted once, deals created after their first move, closed before their last one, or moved after closing.
    Amounts recorded with moves are not read: listed amounts of open deals are taken to stand.

    Examples
    --------
    >>> funnel = fit_log("deals.parquet", "moves/*.parquet", stages=stages, as_of="2026-09-30",
    ...                  window_start="2023-01-01")  # doctest: +SKIP
    """
    if scale_of(unit) != 1.0:
        raise LogError(
            f"unit={unit!r} holds a scale; name the currency alone, such as 'CNY' or 'EUR', and write "
            "amounts in single units"
        )
    edges = Edges.of(Clock(step), as_of, window_start, arrivals_until)
    request = LogRequest((deals, history), (columns, history_columns), stages, edges, unit)
    with counted_log(request, Work.of(workers, memory, parts, progress)) as log:
        return fit_counts(
            log.tally,
            log.count_by_step,
            log.setting,
            level_period=level_period,
            calendar=calendar,
            holidays=[end_of_day(day).astype("datetime64[D]") for day in holidays],
        )


@dataclass(frozen=True, eq=False)
class Edges:
    """The clock, the moment of observation and the edges of what is complete."""

    clock: Clock
    cutoff: np.datetime64
    as_of: np.datetime64
    window_start: np.datetime64 | None
    arrivals_until: np.datetime64 | None

    @classmethod
    def of(
        cls, clock: Clock, as_of: Moment, window_start: Moment | None, arrivals_until: Moment | None
    ) -> Edges:
        at, cutoff = _moment(as_of), clock.known_until(end_of_day(as_of))
        start = None if window_start is None else _moment(window_start)
        if start is not None and clock.step_of(start) >= clock.step_of(cutoff):
            raise LogError(
                f"window_start={window_start} leaves no {clock.step} before the moment of observation "
                f"({cutoff}), so nothing could be learnt; give an earlier date"
            )
        return cls(clock, cutoff, at, start, None if arrivals_until is None else end_of_day(arrivals_until))

    def check(self, first: np.datetime64, last: np.datetime64) -> None:
        """Refuse edges that the events on record contradict."""
        n_days = int((self.as_of - last) // np.timedelta64(1, "D"))
        if n_days > _LONGEST_SILENCE_DAYS:
            raise LogError(
                f"as_of={self.as_of} lies {n_days:,} days after the last recorded event ({last}); give the "
                f"day of the export, at most {_LONGEST_SILENCE_DAYS} days after that event"
            )
        until = self.arrivals_until
        if until is not None and self.clock.step_of(until) < self.clock.step_of(first):
            raise LogError(
                f"arrivals_until={until} lies before the first deal ({first}), so no arrival would count; "
                "give a later date"
            )


def _moment(value: Moment) -> np.datetime64:
    """A moment as it stands: midnight is the beginning of its day."""
    end_of_day(value)  # refuses what is no moment
    plain = dt.datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    return np.datetime64(np.asarray(plain, dtype="datetime64[us]").item(), "us")


@dataclass(frozen=True, eq=False)
class LogRequest:
    """What is to be counted."""

    sources: tuple[LogSource, LogSource]
    columns: tuple[Mapping[str, str] | None, Mapping[str, str] | None]
    stages: Stages
    edges: Edges
    unit: str


@dataclass(frozen=True)
class Work:
    """How it is to be counted: by how many processes, in how much memory and how many parts."""

    workers: int
    memory_bytes: int
    parts: int | None
    tell: Callable[[str], None]

    @classmethod
    def of(cls, workers: int, memory: int | str, parts: int | None, progress: Progress) -> Work:
        for name, number in (("workers", workers), ("parts", parts)):
            if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
                raise LogError(f"{name}={number!r} must be a whole number from 1 on")
        if parts is not None and parts > _MOST_PARTS:
            raise LogError(f"parts={parts} is more than {_MOST_PARTS}; give fewer")
        tell = progress if callable(progress) else _tell if progress else _say_nothing
        return cls(workers, _bytes_of(memory), parts, tell)

    def n_parts(self, n_moves: int) -> int:
        """As many parts as memory needs, and one for each worker at least."""
        if self.parts is not None:
            return self.parts
        at_once = min(self.memory_bytes // self.workers // _BYTES_PER_MOVE, _MOVES_PER_PART)
        return min(max(math.ceil(n_moves / at_once), self.workers), _MOST_PARTS)


def _bytes_of(memory: int | str) -> int:
    found = _SIZE.fullmatch(str(memory))
    size = int(float(found[1]) * 1000 ** " KMG".index(found[2].upper() or " ")) if found else 0
    if size < _LEAST_BYTES or isinstance(memory, bool):
        raise LogError(f"memory={memory!r}: give at least {_LEAST_BYTES:,} bytes, as a number or as '2GB'")
    return size


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _say_nothing(message: str) -> None:
    pass


@dataclass(frozen=True, eq=False)
class CountedLog:
    """A log that has been counted, while its stays lie on disk.

    Parameters
    ----------
    tally : Tally
    setting : Setting
    spells : tuple of Path
        Stays by part.
    """

    tally: Tally
    setting: Setting
    spells: tuple[Path, ...]
    workers: int
    tell: Callable[[str], None]

    def count_by_step(self, hazards: tuple[StageHazards, ...], first_step: int) -> list[StepCounts]:
        """Exits and exposure of every open stage by step, in the bins of its hazards."""
        self.tell("counting by calendar step")
        span = (first_step, self.setting.cutoff_step)
        counted = joblib.Parallel(n_jobs=self.workers)(
            joblib.delayed(_count_part_by_step)(path, hazards, len(self.setting.stages.names), span)
            for path in self.spells
        )
        return [reduce(add, of_stage) for of_stage in zip(*counted, strict=True)]


@contextmanager
def counted_log(request: LogRequest, work: Work) -> Iterator[CountedLog]:
    """Split a log, count its parts and add them; the temporary folder goes with the context."""
    with tempfile.TemporaryDirectory(prefix="funnelsim-") as name:
        folder = Path(name)
        split = _split(request, work, folder)
        share = work.memory_bytes // min(work.workers, split.n_parts)
        jobs = joblib.Parallel(n_jobs=work.workers, return_as="generator")(
            joblib.delayed(_count_part)(split, number, request, Limits(folder / f"{number}", share, 1))
            for number in range(split.n_parts)
        )
        counted: list[_Counted] = []
        for number, part in enumerate(jobs, start=1):
            counted += [part] if part is not None else []
            work.tell(f"counted part {number} of {split.n_parts}")
        known = [part for part in counted if part.tally is not None and part.setting is not None]
        if not known:
            raise LogError(f"no deal is known at as_of={request.edges.cutoff}; choose a later moment")
        request.edges.check(min(part.first for part in known), max(part.last for part in counted))
        tally = Tally.total([part.tally for part in known if part.tally is not None])
        _check_silent_edges(request.edges, tally, known)
        yield CountedLog(
            tally=tally,
            setting=known[0].setting,  # type: ignore[arg-type]
            spells=tuple(part.spells for part in known),
            workers=work.workers,
            tell=work.tell,
        )


def _check_silent_edges(edges: Edges, tally: Tally, known: Sequence[_Counted]) -> None:
    """Edges that were not given are taken only where the dates do not contradict them."""
    lives, first_end = [part.lives for part in known], min(part.first_end for part in known)
    cutoff_step = int(edges.clock.step_of(edges.cutoff))
    if edges.window_start is None:
        check_start(lives, first_end, edges.clock, cutoff_step)
    if edges.arrivals_until is None:
        check_arrivals(tally.arrivals, edges.clock, cutoff_step)


def _split(request: LogRequest, work: Work, folder: Path) -> Split:
    with connected(Limits(folder, work.memory_bytes, work.workers)) as connection:
        reader = LogReader.of(connection, request.sources, request.columns, request.stages)
        work.tell("checking the deals")
        n_deals, currency = reader.check_deals(connection)
        if request.unit and currency and request.unit != currency:
            raise LogError(
                f"unit={request.unit!r}, but the deals name {currency!r}; convert the amounts first"
            )
        work.tell(f"{n_deals:,} deals; checking the moves")
        moves = reader.check_moves(connection)
        n_parts = work.n_parts(sum(moves.values()) + n_deals)
        work.tell(f"{sum(moves.values()):,} moves; splitting them into {n_parts} part(s)")
        return reader.split(connection, folder, n_parts, request.unit or currency, moves)


@dataclass(frozen=True, eq=False)
class _Counted:
    """Counts of a part; no tally when nothing of it is known at the cutoff."""

    tally: Tally | None
    setting: Setting | None
    spells: Path
    lives: Path
    first: np.datetime64
    last: np.datetime64
    first_end: int  # step of the first ending, even if it was undone later


def _count_part(split: Split, number: int, request: LogRequest, limits: Limits) -> _Counted | None:
    """Count one part, and leave its stays on disk for the counts by calendar step."""
    with connected(limits) as connection:
        part = read_part(connection, split, number)
        if part is None:
            return None
        deals, moves, keys = part
        try:
            moves = complete_moves(deals, moves, request.stages)
        except FaultyDealError as fault:
            deal_id = id_of_key(connection, split, keys[fault.deal])
            raise LogError(
                f"deal {deal_id!r}, column {fault.column!r}: {fault.message} "
                f"(in this part of the log: {fault.n_deals:,} such deals)"
            ) from None
    spells, lives = (limits.folder.with_name(f"{kind}-{number}.npy") for kind in ("spells", "lives"))
    known_at = np.fmax(moves.entered_at, moves.recorded_at)
    known = moves.keep(known_at <= request.edges.cutoff)
    history = _history(deals, known, request, split.unit)
    last, first = known_at.max(), known.entered_at.min() if len(known.deal) else known_at.max()
    if history is None:
        return _Counted(None, None, spells, lives, first, last, 0)
    stays = history.spells
    columns = (stays.stage, stays.entry_step, stays.exit_step, stays.destination)
    np.save(spells, np.stack([column.astype(np.int32) for column in columns]))
    save_lives(lives, history)
    ends = history.clock.step_of(known.entered_at[known.stage >= request.stages.n_open])
    first_end = int(ends.min(initial=history.cutoff_step + 1))
    tally = Tally.of(history, rows=deals.row)
    return _Counted(tally, Setting.of(history), spells, lives, first, last, first_end)


def _history(deals: LogDeals, moves: LogMoves, request: LogRequest, unit: str) -> DealHistory | None:
    """The history of a part; None when no deal of it is known, or the rules of the stages leave none."""
    n_moves, edges = len(moves.deal), request.edges
    records = Records(
        pd.DataFrame({"deal_id": deals.row, "amount": deals.amount}),
        pd.DataFrame(
            {
                "deal": moves.deal,
                "stage": moves.stage,
                "entered_at": moves.entered_at,
                "recorded_at": moves.recorded_at,
                "amount": moves.amount,
                "row": np.arange(n_moves),
            }
        ),
        keeps_file_order=True,  # they are sorted, and need no second sorting
    )
    try:
        return DealHistory(
            records,
            request.stages,
            edges.clock,
            edges.cutoff,
            window_start=edges.window_start,
            arrivals_until=edges.arrivals_until,
            unit=unit,
        )
    except HistoryError:  # the edges have been checked: no deal is left
        return None


def _count_part_by_step(
    path: Path, hazards: tuple[StageHazards, ...], n_places: int, span: tuple[int, int]
) -> list[StepCounts]:
    stays: npt.NDArray[np.int64] = np.load(path).astype(np.int64)
    stage, entry_step, exit_step, destination = stays
    spells = Spells(np.zeros_like(stage), stage, entry_step, exit_step, destination)
    return count_spells(spells, hazards, n_places, span)
