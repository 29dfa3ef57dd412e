"""What a rival learns from: the lives of deals up to the origin as arrays, and the periods behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.hazards import Spells
from funnelsim.questions.baselines.protocol import Floats, Ints, Measure, RivalError
from funnelsim.vocabulary.clock import Clock

NEVER = int(np.iinfo(np.int64).max // 2)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The deals open at the end of a step, ordered by deal.

    Parameters
    ----------
    step : int
    deal : ndarray of int, shape (n_deals,)
        Number of the deal in :class:`Past`.
    stage, age_steps, deal_age_steps : ndarray of int, shape (n_deals,)
        Its stage, and the steps since it entered the stage and since it arrived.
    """

    step: int
    deal: Ints
    stage: Ints
    age_steps: Ints
    deal_age_steps: Ints


@dataclass(frozen=True, eq=False)
class Past:
    """Everything known at the origin, as arrays; made by :func:`past_of`.

    Parameters
    ----------
    ahead : ndarray of int, shape (n_periods + 1,)
        Edges of the periods to forecast.
    edges : ndarray of int, shape (n_past + 1,)
        Edges of the whole periods behind the origin, oldest first; the last is ``ahead[0]``.
    n_stages : int
        Number of open stages.
    arrival_step, won_step : ndarray of int, shape (n_deals,)
        Step of each deal's first move, and of its win; ``NEVER`` where it is not won by the origin.
    is_lost : ndarray of bool, shape (n_deals,)
    worth : ndarray of float, shape (n_deals,)
        What the deal adds when won: 1, or its amount. A missing amount, of an open or a won deal, is the mean
        of the known amounts of won deals.
    stays : Spells
        Stays in open stages, by number of deal; ``exit_step`` is ``NEVER`` where the deal is still there.
    """

    ahead: Ints
    edges: Ints
    n_stages: int
    arrival_step: Ints
    won_step: Ints
    is_lost: np.ndarray[tuple[int], np.dtype[np.bool_]]
    worth: Floats
    stays: Spells

    @property
    def n_periods(self) -> int:
        """Number of periods to forecast."""
        return len(self.ahead) - 1

    @property
    def origins(self) -> Ints:
        """Steps at whose end a whole period begins, oldest first, shape (n_past,): origins of the past."""
        return self.edges[:-1] - 1

    def n_ended(self, origin_step: int) -> int:
        """How many of the periods that follow a past origin had ended by the present one."""
        return int((self.ahead[1:] - self.ahead[0] + origin_step + 1 <= self.ahead[0]).sum())

    def open_at(self, step: int) -> Snapshot:
        """The deals open at the end of a step: entered by then, and not gone by then."""
        here = (self.stays.entry_step <= step) & (step < self.stays.exit_step)
        deal = self.stays.deal[here]
        arrived = self.arrival_step[deal]
        return Snapshot(
            step, deal, self.stays.stage[here], step - self.stays.entry_step[here], step - arrived
        )

    def period_won(self, deal: Ints, origin_step: int) -> Ints:
        """Period after a past origin in which each deal was won; at least ``n_periods`` if in none."""
        edges = self.ahead - self.ahead[0] + origin_step + 1
        return np.searchsorted(edges, self.won_step[deal], side="right") - 1

    def new_business(self) -> Floats:
        """Wins or bookings, after each past origin, of deals that arrived after it.

        Returns
        -------
        ndarray of shape (n_past, n_periods)
            By past origin, oldest first, and period after it; NaN where that period had not ended yet.
        """
        found = np.full((len(self.origins), self.n_periods), np.nan)
        for row, origin in enumerate(self.origins):
            later = np.flatnonzero((self.arrival_step > origin) & (self.won_step < NEVER))
            period, n_ended = self.period_won(later, int(origin)), self.n_ended(int(origin))
            counts = (period >= 0) & (period < n_ended)
            found[row, :n_ended] = np.bincount(
                period[counts], self.worth[later[counts]], minlength=self.n_periods
            )[:n_ended]
        return found


def past_of(seen: DealHistory, edges: Ints, measure: Measure, n_samples: int = 1) -> Past:
    """What is known at the origin, ready to learn from.

    The periods behind the origin have the lengths of those ahead: calendar months (or quarters, or years) if
    those ahead are, else the same numbers of steps, over and over. The first one begins no earlier than the
    window; where none is set, no earlier than the first move.

    Raises
    ------
    RivalError
        If the periods do not begin right after the cutoff or do not increase, `measure` is unknown, samples
        are less than one, or bookings are asked for and no deal has an amount.
    """
    ahead = np.asarray(edges, dtype=np.int64)
    if len(ahead) < 2 or (np.diff(ahead) <= 0).any() or ahead[0] != seen.cutoff_step + 1:
        raise RivalError(
            f"periods must increase and begin at {seen.cutoff_step + 1}, right after the cutoff, not {ahead}"
        )
    if measure not in ("bookings", "wins"):
        raise RivalError(f"measure {measure!r} is unknown; use 'bookings' or 'wins'")
    if n_samples < 1:
        raise RivalError(f"n_samples must be at least 1, not {n_samples}")
    clock, paths, stages = seen.clock, seen.paths, seen.stages
    first, last = paths.keep(paths.is_first), paths.keep(paths.is_last)
    is_won = stages.is_won[last.place]
    start = seen.window_start_step
    arrival = clock.step_of(first.entered_at)
    spells = seen.spells
    stays = Spells(
        np.searchsorted(first.deal, spells.deal),
        spells.stage,
        spells.entry_step,
        np.where(spells.destination < 0, NEVER, spells.exit_step),
        spells.destination,
    )
    return Past(
        ahead=ahead,
        edges=_edges_behind(ahead, int(arrival.min()) if start is None else start, clock),
        n_stages=stages.n_open,
        arrival_step=arrival,
        won_step=np.where(is_won, clock.step_of(last.entered_at), NEVER),
        is_lost=stages.is_lost[last.place],
        worth=_worth(seen, is_won, measure),
        stays=stays,
    )


def _worth(seen: DealHistory, is_won: np.ndarray[tuple[int], np.dtype[np.bool_]], measure: Measure) -> Floats:
    if measure == "wins":
        return np.ones(len(is_won))
    amount = seen.deals["amount"].to_numpy(float)
    is_known = np.isfinite(amount)
    if not is_known.any():
        raise RivalError("no deal has an amount, so there are no bookings to forecast; use measure='wins'")
    usual = amount[is_known & is_won] if (is_known & is_won).any() else amount[is_known]
    return np.where(is_known, amount, usual.mean())


def _edges_behind(ahead: Ints, first_step: int, clock: Clock) -> Ints:
    """Edges of whole periods behind the origin, oldest first, from `first_step` on."""
    months = _months(ahead, clock)
    if months is not None:
        first_month = int(clock.start_of(first_step).astype("datetime64[M]").astype(np.int64))
        back = months[0] - np.cumsum(np.resize(np.diff(months)[::-1], max(months[0] - first_month, 0) + 1))
        behind = clock.step_of(back.astype("datetime64[M]"))
    else:
        lengths = np.diff(ahead)
        n_most = int(max(ahead[0] - first_step, 0) // lengths.min()) + 1
        behind = ahead[0] - np.cumsum(np.resize(lengths[::-1], n_most))
    return np.concatenate((behind[behind >= first_step][::-1], ahead[:1]))


def _months(ahead: Ints, clock: Clock) -> Ints | None:
    """Months since 1970 at which the periods begin and end; None if one does not begin with a month."""
    moments = clock.start_of(ahead)
    months = moments.astype("datetime64[M]")
    return months.astype(np.int64) if (months == moments).all() else None
