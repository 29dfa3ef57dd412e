"""Drift: which transitions have moved, since when, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from funnelsim.fitting.fit import fit
from funnelsim.fitting.pace import LEVEL_STEPS, LevelPeriod  # the one table of periods by clock
from funnelsim.fitting.tally import count_by_step
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.pace import period_name
from funnelsim.nouns.table import told
from funnelsim.numerics.by_time import sum_by_block
from funnelsim.numerics.change_point import LEAST_PERIODS, Change, adjust_p_values, find_change
from funnelsim.numerics.level import (
    FEW,
    LAST_PERIODS,
    LEAST_EXITS,
    Levels,
    average_levels,
    block_steps_for,
    filter_levels,
    fit_levels,
)
from funnelsim.questions.given import fitting
from funnelsim.vocabulary.display import Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.datetime64]

ARRIVALS = "arrivals"
STAYED = "no sign of a move"
_INTERVAL = 0.8
_BISECTIONS = 60


class DriftError(FunnelsimError):
    """A question about drift that the history or the funnel cannot answer."""


@dataclass(frozen=True, eq=False)
class Series:
    """Exits of one transition, or arrivals, by period, beside what the funnel expects.

    Parameters
    ----------
    name : str
        Such as "offer > won", or "arrivals".
    last_day : ndarray of datetime64[D], shape (n_periods,)
        Last day of each period.
    observed, expected : ndarray of float, shape (n_periods,)
        Oldest period first; the calendar of the funnel is part of what is expected.
    """

    name: str
    last_day: Days
    observed: Floats
    expected: Floats

    @property
    def is_arrivals(self) -> bool:
        """Whether it is new deals that are counted."""
        return self.name == ARRIVALS


@dataclass(frozen=True, eq=False)
class Course:
    """A series with its level as the filter follows it, and its best single change.

    Parameters
    ----------
    series : Series
    weights : ndarray of float, shape (n_settings,)
        Chance of each setting of the filter; one setting for a transition, several for arrivals.
    levels : Levels
        One entry for each setting.
    shape, rate : ndarray of float, shape (n_settings, n_latest)
        The level after each of the latest periods (60 at most) is Gamma.
    change : Change
    """

    series: Series
    weights: Floats
    levels: Levels
    shape: Floats
    rate: Floats
    change: Change

    @property
    def level(self) -> Floats:
        """Expected level after each of the latest periods, shape (n_latest,)."""
        return self.weights @ (self.shape / self.rate)

    def level_quantile(self, chance: float) -> Floats:
        """Quantile of the level after each of the latest periods, over all settings; shape (n_latest,)."""
        each = np.asarray(special.gammaincinv(self.shape, chance)) / self.rate
        low, high = each.min(axis=0), each.max(axis=0)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            is_low = self.weights @ special.gammainc(self.shape, self.rate * middle) < chance
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        return high

    def days_after(self, n_periods: npt.ArrayLike) -> Days:
        """Last day of so many periods, or of parts of one; the nearest whole day."""
        ends = self.series.last_day.astype(float)
        ends = np.concatenate([2 * ends[:1] - ends[1:2], ends])
        days: Days = np.rint(
            np.interp(np.asarray(n_periods, dtype=float), np.arange(len(ends)), ends)
        ).astype("datetime64[D]")
        return days

    def moves(self, period: str) -> str:
        """How the level moves, in words, by the likeliest setting of the filter."""
        likeliest = int(self.weights.argmax())
        memory, transient = float(self.levels.memory[likeliest]), float(self.levels.transient[likeliest])
        said = [] if np.isinf(memory) else [f"follows about the last {memory:.0f} {period}s"]
        if transient > 0:
            said.append(f"swings by {100 * np.sqrt(transient):.0f} % from {period} to {period}")
        return ", ".join(said) or "steady"

    def verdict(self, *, is_sure: bool) -> str:
        """What to say of the change."""
        if not is_sure:
            return STAYED
        rises = self.change.ratio.value > 1
        words = ("more", "fewer") if self.series.is_arrivals else ("faster", "slower")
        first_day = self.days_after(self.change.n_before) + np.timedelta64(1, "D")
        return f"moved: {words[0] if rises else words[1]} since about {first_day.astype('datetime64[M]')}"


@dataclass(frozen=True, eq=False)
class Drift(Shown):
    """What has moved in a funnel, since when, and how sure that is. Made by :func:`drift`.

    Parameters
    ----------
    courses : tuple of Course
        Transitions in the order of the funnel, then arrivals.
    period : str
        Period that is counted, such as "week".
    block_steps : int
        Its length in steps of the clock.
    false_discoveries : float
        Largest share of false ones among the moves that are told, on average.
    """

    _column_words: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"level": "recent level", "level_low": "recent level low", "level_high": "recent level high"}
    )

    courses: tuple[Course, ...]
    period: str
    block_steps: int
    false_discoveries: float

    @property
    def p_adjusted(self) -> Floats:
        """P-values adjusted for the number of series, shape (n_series,)."""
        return adjust_p_values([course.change.p_value for course in self.courses])

    @property
    def is_sure(self) -> npt.NDArray[np.bool_]:
        """Which series are told to have moved, shape (n_series,)."""
        sure: npt.NDArray[np.bool_] = self.p_adjusted <= self.false_discoveries
        return sure

    @property
    def surest(self) -> str:
        """The series with the smallest p-value; of several, that whose change explains most."""
        found = min(self.courses, key=lambda course: (course.change.p_value, -course.change.gain))
        return found.series.name

    def table(self) -> pd.DataFrame:
        """One row for each transition with at least 8 exits, and one for arrivals.

        Returns
        -------
        DataFrame
            Index: transition. ``observed`` exits (or arrivals); ``level`` now, as a multiple of the usual
            rate, with central 80 % bounds (from the filter that forecasts use), and ``moves``: how it moves,
            in words. Then the best single change: ``changed_after`` (last day before it, to a quarter of a
            period), and ``earliest`` and ``latest`` such day of its 80 % interval; levels ``before`` and
            ``after`` (multiples of the usual rate) and their ``ratio``, each with 80 % bounds; ``p_value``
            against no change, ``p_adjusted`` for the number of rows, and ``verdict``. Where the verdict is
            "no sign of a move" the change is the best of what luck offers: do not use its date or ratio.
        """
        rows = []
        for course, p_adjusted, is_sure in zip(self.courses, self.p_adjusted, self.is_sure, strict=True):
            change = course.change
            tails = [float(course.level_quantile(q)[-1]) for q in ((1 - _INTERVAL) / 2, (1 + _INTERVAL) / 2)]
            row: dict[str, Any] = {
                "observed": course.series.observed.sum(),
                "level": course.level[-1],
                "level_low": tails[0],
                "level_high": tails[1],
                "moves": course.moves(self.period),
            }
            dates = course.days_after([change.n_before, change.earliest, change.latest])
            row |= dict(zip(("changed_after", "earliest", "latest"), dates, strict=True))
            for name in ("before", "after", "ratio"):
                value, low, high = getattr(change, name)
                row |= {name: value, f"{name}_low": low, f"{name}_high": high}
            row |= {"p_value": change.p_value, "p_adjusted": p_adjusted}
            rows.append(row | {"verdict": course.verdict(is_sure=bool(is_sure))})
        names = [course.series.name for course in self.courses]
        return told(pd.DataFrame(rows, index=pd.Index(names, name="transition")), None, self._column_words)

    def course(self, transition: str | None = None) -> Course:
        """Course of a transition such as "offer > won", or of "arrivals"; of the surest if none is named.

        Raises
        ------
        DriftError
            If no such transition is in the table.
        """
        wanted = self.surest if transition is None else transition
        for course in self.courses:
            if course.series.name == wanted:
                return course
        known = ", ".join(repr(course.series.name) for course in self.courses)
        raise DriftError(f"{wanted!r} is not in the table; it holds {known}")

    def plot(self, transition: str | None = None, *, ax: Any = None) -> Any:
        """Draw one course: :func:`funnelsim.plot_drift` of this drift."""
        import funnelsim  # pictures lie in a higher layer, loaded when one is asked for

        return funnelsim.plot_drift(self, transition, ax=ax)

    def __repr__(self) -> str:
        moved = [c.series.name for c, is_sure in zip(self.courses, self.is_sure, strict=True) if is_sure]
        said = f"{len(moved)} moved: {', '.join(moved)}" if moved else "none has moved"
        return f"Drift({len(self.courses)} series by {self.period}; {said})"


@checked
def drift(
    history: DealHistory,
    *,
    funnel: Funnel | None = None,
    period: LevelPeriod = "auto",
    n_simulations: int = 999,
    seed: int | np.random.Generator | None = 0,
    false_discoveries: float = 0.1,
) -> Drift:
    """Tell which transitions have moved, when, and how sure that is.

    Parameters
    ----------
    history : DealHistory
    funnel : Funnel, optional
        What is usual; fitted on `history` by default. One fitted earlier tells how things run against then.
    period : {"auto", "week", "month", "quarter"}
        Period in which exits are counted, back from the cutoff: 7, 28 and 91 days; "auto" takes the shortest
        that holds 20 exits at the median, as :func:`funnelsim.fit` does.
    n_simulations : int
        Series without a change behind each p-value.
    seed : int, Generator or None
    false_discoveries : float
        Largest share of false ones among the moves that are told, on average.

    Returns
    -------
    Drift
        With ``table`` and ``plot``.

    Raises
    ------
    DriftError
        If fewer than 4 whole periods were watched, `funnel` has other stages, another clock or levers on, or
        a number is out of range.

    Notes
    -----
    Expected exits are the deals at risk in each period times the usual hazards at their ages, times the
    calendar of the funnel: neither deals of another age nor a busy month pass for a move. What a single
    change is held against is in :func:`funnelsim.numerics.change_point.find_change`. Mind that

    - a level that wanders is told as moved too, with the best single date; ``moves`` tells how it wanders;
    - a season that the calendar does not know (it needs two years) can pass for a move;
    - a change of who comes in (sources, products) moves the rates of all together;
    - with fewer than a dozen periods that swing much, p-values are up to twice too small.

    Examples
    --------
    >>> import funnelsim as fs
    >>> found = fs.drift(fs.simulate_history(seed=1), n_simulations=99)
    >>> found.table().columns[:4].tolist()
    ['observed', 'level', 'level_low', 'level_high']
    """
    if isinstance(n_simulations, bool) or not isinstance(n_simulations, int) or n_simulations < 1:
        raise DriftError(f"n_simulations {n_simulations!r} must be a whole number of at least 1, such as 999")
    if not 0 < false_discoveries < 1:
        raise DriftError(f"false_discoveries {false_discoveries} must lie between 0 and 1; 0.1 is one in ten")
    usual = fit(history) if funnel is None else _checked(funnel, history)
    size, transitions, arrivals = _count(history, usual, period)
    frequent = [series for series in transitions if series.observed.sum() >= LEAST_EXITS]
    streams = Streams.of(seed)
    courses = []
    for series, weights, levels, start in _with_levels(frequent, arrivals):
        o, e = series.observed[None, -LAST_PERIODS:], series.expected[None, -LAST_PERIODS:]
        followed = filter_levels(o, e, levels.discount[:, None], levels.transient[:, None], *start)
        shape, rate = np.stack(followed.by_period, axis=-1)[:, :, 0]
        rng = streams.generator(f"drift, {series.name}")
        change = find_change(
            series.observed, series.expected, rng, n_simulations=n_simulations, interval=_INTERVAL
        )
        courses.append(Course(series, weights, levels, shape, rate, change))
    return Drift(tuple(courses), period_name(usual.clock.step, size), size, false_discoveries)


def _checked(funnel: Funnel, history: DealHistory) -> Funnel:
    """The funnel, if it is one of such data and no lever is on."""
    if not funnel.changes.is_none:
        raise DriftError("a funnel under levers tells what would be, not what is usual; leave the levers out")
    return fitting(funnel, history, DriftError)


def _count(history: DealHistory, funnel: Funnel, period: LevelPeriod) -> tuple[int, list[Series], Series]:
    """Steps in a period; every transition that the funnel expects, and arrivals, by period."""
    clock, names = history.clock, history.stages.names
    start, first_move = history.window_start_step, int(clock.step_of(history.paths.entered_at.min()))
    first = first_move if start is None else max(first_move, start)
    counts = count_by_step(history, funnel.hazards, first)
    moments = clock.start_of(first + np.arange(history.cutoff_step - first + 1))
    factor = None
    if funnel.calendar is not None and funnel.calendar.moves_deals:
        factor = funnel.calendar.by_place(history.stages, moments)
    exits = [c.exits for c in counts]
    expected = [c.expected(h.mean_hazards(), factor) for c, h in zip(counts, funnel.hazards, strict=True)]
    size = _block_steps(clock.step, period, np.sum(exits, axis=(0, 1)))
    transitions = [
        _by_period(history, f"{stage.name} > {name}", seen, hoped, size, history.cutoff_step)
        for stage, of_stage, usual in zip(history.stages.open, exits, expected, strict=True)
        for name, seen, hoped in zip(names, of_stage, usual, strict=True)
        if hoped.sum() > 0
    ]
    new_deals = _arrivals(history, funnel, first if start is None else start)
    arrivals = _by_period(history, ARRIVALS, *new_deals, size, history.last_arrival_step)
    return size, transitions, arrivals


def _block_steps(step: str, period: LevelPeriod, exits_by_step: Floats) -> int:
    sizes = LEVEL_STEPS[step]
    if period == "auto":
        return block_steps_for(exits_by_step, list(sizes.values()))
    if period not in sizes:
        known = ", ".join(repr(name) for name in ("auto", *sizes))
        raise DriftError(f"period={period!r} is unknown on a clock of {step}s; use {known}")
    return sizes[period]


def _arrivals(history: DealHistory, funnel: Funnel, first: int) -> tuple[Floats, Floats]:
    """Arrivals by step as far as they are recorded completely, and those of the funnel's usual rate."""
    last, paths = history.last_arrival_step, history.paths
    first = min(first, last)
    entered = history.clock.step_of(paths.entered_at[paths.is_first & (paths.place < history.stages.n_open)])
    entered = entered[(entered >= first) & (entered <= last)]
    arrived = np.bincount(entered - first, minlength=last - first + 1).astype(float)
    usual = np.full(len(arrived), funnel.arrivals.mean_per_block / funnel.arrivals.block_steps)
    if funnel.calendar is not None:
        moments = history.clock.start_of(first + np.arange(len(arrived)))
        usual = usual * funnel.calendar.by_step("arrivals", moments)
    return arrived, usual


def _by_period(
    history: DealHistory, name: str, observed: Floats, expected: Floats, size: int, last_step: int
) -> Series:
    """Sums over periods counted back from the last step; exits that the funnel calls impossible are out."""
    seen, hoped = (sum_by_block(part, size) for part in (observed, expected))
    if len(seen) < LEAST_PERIODS:
        words = period_name(history.clock.step, size)
        raise DriftError(
            f"{name}: {len(seen)} whole {words}(s) were watched, and a change cannot be told in fewer than "
            f"{LEAST_PERIODS}; choose a shorter period, or wait for more history"
        )
    next_step = last_step + 1 - size * np.arange(len(seen))[::-1]
    last_day = (history.clock.start_of(next_step) - np.timedelta64(1, "s")).astype("datetime64[D]")
    return Series(name, last_day, np.where(hoped > 0, seen, 0.0), hoped)


def _with_levels(
    transitions: list[Series], arrivals: Series
) -> Iterator[tuple[Series, Floats, Levels, tuple[float, ...]]]:
    """Each series with the weights and settings of its filter, and what the level 1 is worth at its start."""
    if transitions:
        levels, _ = fit_levels(
            np.stack([series.observed for series in transitions]),
            np.stack([series.expected for series in transitions]),
        )
        for i, series in enumerate(transitions):
            yield series, np.ones(1), levels.keep(np.arange(len(transitions)) == i), ()
    yield arrivals, *average_levels(arrivals.observed, arrivals.expected), (FEW,)
