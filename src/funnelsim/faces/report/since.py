"""Since the last report: windows that both reports know, what came in those that are over, and chances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from funnelsim.faces.report.facts import Facts, Span, edges_of
from funnelsim.vocabulary.receivables import Receivables

if TYPE_CHECKING:
    from funnelsim.faces.report.content import Told

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
    """

    then: Span
    kind: Kind
    now: tuple[float, float, float] | None = None
    came: float | None = None
    n_ahead: int = 0

    @property
    def moved(self) -> float | None:
        """What the median has moved by, where both forecast the window."""
        return None if self.now is None else self.now[1] - self.then.p50


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
    was, is_now : float, optional
        The chance of the last report's target in the last report's window, then and now, where both know it.
    new : tuple of str
        Periods of this report that the last one did not hold.
    """

    last: Facts
    is_same_kind: bool
    is_same_window: bool
    periods: tuple[Window, ...] = ()
    joint: Window | None = None
    moved: float | None = None
    was: float | None = None
    is_now: float | None = None
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
        return cls(
            last, is_same_kind=True, is_same_window=is_same, periods=tuple(_leading(windows)), joint=joint,
            moved=now.p50 - last.p50 if is_same else None if joint is None else joint.moved,
            was=None if is_now is None else last.chance, is_now=is_now, new=_new(told, last, edges),
        )  # fmt: skip


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


def _chance_now(told: Told, last: Facts, joint: Window | None) -> float | None:
    """The chance of the last report's target, in its own window, as it is now; None where that is unknown."""
    if last.target is None or last.chance is None:
        return None
    if joint is None:
        is_same = not last.spans and last.window == told.facts.window
        return told.outlook.chance(last.target).value if is_same else None
    if (joint.then.start, joint.then.end) != _reach(last):
        return None
    if not joint.n_ahead:
        return told.outlook.chance(last.target).value
    left = last.target - (joint.came or 0.0)
    return 1.0 if left <= 0 else told.outlook.chance(left, window=joint.n_ahead).value


def _seen(told: Told, span: Span, edges: list[str]) -> Window:
    """A window of the last report as this one sees it."""
    if span.end in edges[1:] and span.start in edges:
        return Window(span, "both", now=_range(told, slice(edges.index(span.start), edges.index(span.end))))
    clock, cutoff = told.funnel.clock, told.outlook.periods.cutoff_step
    if span.end in edges[1:] and span.start < edges[0]:
        came, n = _came(told, span.start, edges[0]), edges.index(span.end)
        if came is not None:  # what is known moves the law of the rest, and does not widen it
            low, middle, high = _range(told, slice(n))
            return Window(span, "both", now=(came + low, came + middle, came + high), came=came, n_ahead=n)
    if np.datetime64(span.end) <= clock.start_of(cutoff + 1):
        return Window(span, "over", came=_came(told, span.start, span.end))
    return Window(span, "apart")


def _range(told: Told, window: slice) -> tuple[float, float, float]:
    low, middle, high = told.outlook.quantile([0.1, 0.5, 0.9], window=window).tolist()
    return low, middle, high


def _came(told: Told, start: str, end: str) -> float | None:
    """What is recorded of a window that has ended, in the measure that is forecast; None where unknown."""
    position, measure = told.known_position, told.outlook.measure
    if position is None or position.clock != told.funnel.clock:
        return None
    if position.cutoff_step != told.outlook.periods.cutoff_step:
        return None
    steps = told.funnel.clock.step_of(np.array([start, end], dtype="datetime64[s]"))
    if measure == "cash" and position.receivables is not None:
        paid = position.receivables
        is_in = (paid.paid_step >= steps[0]) & (paid.paid_step < steps[1])
        return (
            float(paid.paid_amount[is_in].sum()) if len(is_in) and paid.paid_step.min() <= steps[0] else None
        )
    if measure not in ("bookings", "wins") or steps[0] < position.first_won_step:
        return None
    won = (position.won_step >= steps[0]) & (position.won_step < steps[1])
    if measure == "wins":
        return float(won.sum())
    mean = 1.0 if told.funnel.amounts is None else told.funnel.amounts.mean
    return float(np.where(np.isnan(position.won_amount), mean, position.won_amount)[won].sum())


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
