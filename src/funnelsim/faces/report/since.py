"""Since the last report: windows that both reports know, what came in those that are over, and chances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from funnelsim.faces.report.facts import Facts, Span, edges_of, median_error
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.receivables import Receivables

if TYPE_CHECKING:
    from funnelsim.faces.report.content import Told
    from funnelsim.nouns.history import DealHistory

Kind = Literal["both", "over", "apart"]


@dataclass(frozen=True)
class Window:
    """A window of the last report, and what is known of it now.

    Parameters
    ----------
    then : Span
    kind : {"both", "over", "apart"}
        Whether this report knows its range too, it has ended, or it is neither.
    now : tuple of (P10, P50, P90), optional
        Where both know it: from the joint law of this one, on top of what came of it before this one begins.
    came : float, optional
        What came before this report begins, where that is known: all of a window that is over.
    n_ahead : int
        Periods of this report, from its first, that are part of a window which both know.
    now_error : float, optional
        Standard error of the median of `now`.
    """

    then: Span
    kind: Kind
    now: tuple[float, float, float] | None = None
    came: float | None = None
    n_ahead: int = 0
    now_error: float | None = None

    @property
    def moved(self) -> float | None:
        """What the median has moved by, where both forecast the window."""
        return None if self.now is None else self.now[1] - self.then.p50

    @property
    def moved_error(self) -> float | None:
        """Standard error of that change; None where the last report hands on none of its own."""
        return _of_both(self.then.p50_error, self.now_error)


@dataclass(frozen=True)
class Since:
    """What this report and the last one can be asked in common.

    Parameters
    ----------
    last : Facts
    is_same_kind : bool
        Whether both forecast one measure in one unit; if not, nothing is compared.
    is_same_window : bool
        Whether both ask for one window.
    periods : tuple of Window
        Each period of the last report.
    joint : Window, optional
        The longest window of which both know the range as a whole.
    moved : float, optional
        What the median has moved by: of all where the windows are the same, else of `joint`.
    moved_error : float, optional
        Standard error of `moved`; None where the last report hands on none of its own.
    was, is_now : float, optional
        The chance of the last report's target in the last report's window, then and now, where both know it.
    chance_error : float, optional
        Standard error of the change from `was` to `is_now`.
    ended : Window, optional
        All periods of the last report as one window, where it is over.
    new : tuple of str
        Periods of this report that the last one did not hold.
    """

    last: Facts
    is_same_kind: bool
    is_same_window: bool
    periods: tuple[Window, ...] = ()
    joint: Window | None = None
    moved: float | None = None
    moved_error: float | None = None
    was: float | None = None
    is_now: float | None = None
    chance_error: float | None = None
    ended: Window | None = None
    new: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: Told) -> Since:
        """What can be compared between a report and its last one."""
        last, now = told.previous, told.facts
        assert last is not None
        if any(old and old != new for old, new in ((last.measure, now.measure), (last.unit, now.unit))):
            return cls(last, is_same_kind=False, is_same_window=False)
        edges = edges_of(told.outlook, told.funnel.clock)
        is_same = _reach(last) == (edges[0], edges[-1]) if last.spans else last.window in ("", now.window)
        windows = [_seen(told, span, edges) for span in last.spans]
        joint = max((one for one in windows if one.kind == "both"), key=_length, default=None)
        is_now = _chance_now(told, last, joint)
        moved, error = (None, None) if joint is None else (joint.moved, joint.moved_error)
        if is_same:
            moved, error = now.p50 - last.p50, _of_both(last.p50_error, now.p50_error)
        return cls(
            last, is_same_kind=True, is_same_window=is_same, periods=tuple(_leading(windows)), joint=joint,
            moved=moved, moved_error=error,
            was=None if is_now is None else last.chance, is_now=None if is_now is None else is_now.value,
            chance_error=None if is_now is None else _of_both(last.chance_error, is_now.standard_error),
            ended=_ended(last, windows), new=_new(told, last, edges),
        )  # fmt: skip


def _of_both(then: float | None, now: float | None) -> float | None:
    """Standard error of a change between two computations; that of shared draws is smaller."""
    return None if then is None or now is None else float(np.hypot(then, now))


def _ended(last: Facts, windows: list[Window]) -> Window | None:
    """All that the last report was about, where it is over."""
    over = [one for one in windows if one.kind == "over"]
    return next((one for one in over if (one.then.start, one.then.end) == _reach(last)), None)


def _reach(last: Facts) -> tuple[str, str]:
    """When the periods of the last report begin and end."""
    return min(span.start for span in last.spans), max(span.end for span in last.spans)


def _leading(windows: list[Window]) -> Iterator[Window]:
    """The periods: each begins where the one before ends; what is left from each on comes after them."""
    end = None
    for window in windows:
        if end is not None and window.then.start != end:
            return
        yield window
        end = window.then.end


def _length(window: Window) -> np.timedelta64:
    return np.datetime64(window.then.end) - np.datetime64(window.then.start)


def _chance_now(told: Told, last: Facts, joint: Window | None) -> Estimate | None:
    """The chance of the last report's target, in its own window, as it is now; None where that is unknown."""
    if last.target is None or last.chance is None:
        return None
    if joint is None:
        is_same = not last.spans and last.window == told.facts.window
        return told.outlook.chance(last.target) if is_same else None
    if (joint.then.start, joint.then.end) != _reach(last):
        return None
    if not joint.n_ahead:
        return told.outlook.chance(last.target)
    left = last.target - (joint.came or 0.0)
    return Estimate(1.0, 0.0) if left <= 0 else told.outlook.chance(left, window=joint.n_ahead)


def _seen(told: Told, span: Span, edges: list[str]) -> Window:
    """A window of the last report as this one sees it."""
    clock, cutoff = told.funnel.clock, told.outlook.periods.cutoff_step
    if span.end in edges[1:] and span.start in edges:
        return _in_both(told, span, slice(edges.index(span.start), edges.index(span.end)))
    if span.end in edges[1:] and span.start < edges[0]:
        came = _came(told, span.start, edges[0])
        if came is not None:
            return _in_both(told, span, slice(edges.index(span.end)), came)
    if np.datetime64(span.end) <= clock.start_of(cutoff + 1):
        return Window(span, "over", came=_came(told, span.start, span.end))
    return Window(span, "apart")


def _in_both(told: Told, span: Span, window: slice, came: float | None = None) -> Window:
    """A window that both know: what is known of it moves the law of the rest, and does not widen it."""
    low, middle, high = ((came or 0.0) + q for q in told.outlook.quantile([0.1, 0.5, 0.9], window=window))
    n_ahead = 0 if came is None else window.stop
    now, error = (float(low), float(middle), float(high)), median_error(told.outlook, window)
    return Window(span, "both", now, came, n_ahead, error)


def _came(told: Told, start: str, end: str) -> float | None:
    """What is recorded of a window that has ended, in the measure that is forecast; None where unknown."""
    position, measure, clock = told.known_position, told.outlook.measure, told.funnel.clock
    if position is None or position.clock != clock:
        return None
    if position.cutoff_step != told.outlook.periods.cutoff_step:
        return None
    steps = clock.step_of(np.array([start, end], dtype="datetime64[s]"))
    if measure == "cash" and position.receivables is not None:
        return _paid(position.receivables, steps)
    if measure not in ("bookings", "wins"):
        return None
    won_step, amount = position.won_step, position.won_amount
    if steps[0] < position.first_won_step:  # older than a position keeps: the records may still know
        history = told.history
        if history is None or history.clock != clock or steps[0] < _known_from(history):
            return None
        deals = history.deals[history.deals["outcome"] == "won"]
        won_step = clock.step_of(deals["closed_at"].to_numpy("datetime64[us]"))
        amount = deals["amount"].to_numpy(float)
    won = (won_step >= steps[0]) & (won_step < steps[1])
    if measure == "wins":
        return float(won.sum())
    mean = 1.0 if told.funnel.amounts is None else told.funnel.amounts.mean
    return float(np.where(np.isnan(amount), mean, amount)[won].sum())


def _known_from(history: DealHistory) -> int:
    """First step from which all wins are in the records."""
    if history.window_start_step is not None:
        return history.window_start_step
    return int(history.clock.step_of(history.deals["created_at"].min().to_datetime64()))


def _new(told: Told, last: Facts, edges: list[str]) -> tuple[str, ...]:
    """Periods of this report of which the last one said nothing, not even as part of a longer one."""
    if not last.spans:
        return ()
    start, end = _reach(last)
    labels = told.outlook.periods.labels
    return tuple(
        label
        for label, first, after in zip(labels, edges[:-1], edges[1:], strict=True)
        if first >= end or after <= start
    )


def _paid(known: Receivables, steps: npt.NDArray[np.int64]) -> float | None:
    """Payments of a window; None where the invoices do not reach back to its beginning."""
    if not len(known.paid_step) or known.paid_step.min() > steps[0]:
        return None
    return float(known.paid_amount[(known.paid_step >= steps[0]) & (known.paid_step < steps[1])].sum())
