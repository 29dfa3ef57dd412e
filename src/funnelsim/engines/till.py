"""The till: every win of a future is invoiced, earned and paid, and so is what was won before the cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from funnelsim.engines.chances import Positions
from funnelsim.engines.unpaid import Alike, Delays, codes_of, invoices_sent
from funnelsim.engines.win_steps import WinSteps
from funnelsim.nouns.collections import OVERDUE_DAYS, Collections, steps_in
from funnelsim.nouns.flows import Flow, Flows
from funnelsim.nouns.funnel import Funnel
from funnelsim.numerics.collections import draw_ends, earned_by
from funnelsim.numerics.keyed import uniforms_by_key
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_WON, _OPEN, _NEW = 0, 1, 2  # where money comes from
_REVENUE, _CASH, _INVOICED, _SETTLED, _LATE, _CLEARED = 0, 3, 6, 7, 8, 9  # rows of the books
_N_ROWS = 10
_WHEN, _IS_DISPUTED, _DELAY = 0, 1, 2  # what a number is drawn for
_MOST_NUMBERS = 250_000  # at once; the answer does not depend on it


@dataclass(frozen=True, eq=False)
class Till:
    """Terms and delays of a batch of draws.

    Parameters
    ----------
    collections : Collections
    ahead : ndarray of int, shape (n_periods + 1,)
        Steps after the cutoff at which periods end, from 0.
    when : WinSteps
    draws : sequence of int
    position, klass : ndarray of int, shape (n_deals,)
        Position and code of the delay of each open deal.
    won_klass : ndarray of int, shape (n_won,)
    new_amount : float
        Factor on the amounts of new deals.
    settled : tuple of ndarray, each of shape (n_draws, 2, n_steps)
        By code of the delay: chance that an invoice is settled by each step after its issue.
    disputed : ndarray of shape (n_draws,)
        Share of invoices that become disputed.
    won_step, won_amount : ndarray of shape (n_won,)
        Wins before the cutoff, in steps after it (0 or less).
    unpaid : tuple of Alike
        Invoices sent before the cutoff, those of one delay and age together.
    streams : Streams
    """

    collections: Collections
    ahead: Ints
    when: WinSteps
    draws: Sequence[int]
    position: Ints
    klass: Ints
    won_klass: Ints
    new_amount: float
    settled: tuple[Floats, ...]
    disputed: Floats
    won_step: Ints
    won_amount: Floats
    unpaid: tuple[Alike, ...]
    streams: Streams

    @cached_property
    def sent(self) -> tuple[Ints, Ints, Floats]:
        """Steps of issue and due date, and amounts, of the invoices sent before the cutoff, by number."""
        order = np.argsort(np.concatenate([group.columns for group in self.unpaid]))
        return (
            np.concatenate([group.issued for group in self.unpaid])[order],
            np.concatenate([group.due for group in self.unpaid])[order],
            np.concatenate([group.amount for group in self.unpaid])[order],
        )

    @classmethod
    def of(
        cls,
        funnel: Funnel,
        pipeline: Pipeline,
        positions: Positions,
        periods: Periods,
        streams: Streams,
        draws: Sequence[int],
    ) -> Till | None:
        """For a batch of draws; None where the funnel knows no collections, or no amounts.

        Nor is there one where the periods begin after the cutoff: what is won in between is not drawn, so
        its cash would be missing.
        """
        terms = funnel.collections
        if terms is None or funnel.amounts is None or periods.edges[0] > periods.cutoff_step + 1:
            return None
        ahead, won_amount = periods.steps_ahead, pipeline.won_amount
        won_amount = np.where(np.isnan(won_amount), funnel.amounts.mean, won_amount)
        delays, n_steps = Delays.of(terms, streams, draws), int(ahead[-1])
        return cls(
            collections=terms,
            ahead=ahead,
            when=WinSteps.of(funnel, positions, periods, streams, draws),
            draws=draws,
            position=positions.of_deal,
            klass=codes_of(terms, pipeline.attributes, pipeline.n_deals),
            won_klass=codes_of(terms, pipeline.won_attributes, len(won_amount)),
            new_amount=funnel.changes.new_amount,
            settled=delays.from_issue(n_steps),
            disputed=delays.disputed,
            won_step=pipeline.won_step - pipeline.cutoff_step,
            won_amount=won_amount,
            unpaid=invoices_sent(delays, pipeline, won_amount, n_steps),
            streams=streams,
        )

    def desk(self, i: int, block: int, n_futures: int) -> Desk:
        """Where a block of futures of the i-th draw is booked; what was won before is booked at once."""
        seed = int(self.streams.generator("payments", self.draws[i], block).integers(2**63))
        books = np.zeros((_N_ROWS, n_futures * (len(self.ahead) + 1)))
        desk = Desk(self, i, seed, n_futures, books)
        desk.book_past()
        desk.book_unpaid(self.streams.generator("unpaid invoices", self.draws[i], block))
        return desk


@dataclass(frozen=True, eq=False)
class Desk:
    """The books of a block of futures of one draw.

    Parameters
    ----------
    till : Till
    i : int
        Which draw of the till.
    seed : int
        Of the numbers that belong to single invoices, so that a lever leaves those of others as they were.
    n_futures : int
    books : ndarray of shape (n_rows, n_futures * (n_periods + 2))
        Columns of a future: before the cutoff, its periods, and later.
    """

    till: Till
    i: int
    seed: int
    n_futures: int
    books: Floats

    def sell_open(self, future: Ints, period: Ints, deal: Ints, amount: Floats) -> None:
        """Book wins of open deals."""
        till = self.till
        key = future * len(till.position) + deal
        chance = uniforms_by_key(self.seed, _OPEN, key, _WHEN)
        step = till.when.draw(till.when.open_deals[self.i], till.position[deal], period, chance)
        self._sell(_OPEN, future, step, amount, till.klass[deal], key)

    def sell_new(self, future: Ints, period: Ints, number: Ints, amount: Floats) -> None:
        """Book wins of new deals; `number` counts those of one future and period."""
        n_periods, when = len(self.till.ahead) - 1, self.till.when
        key = (future * n_periods + period) * 1_000_003 + number
        chance = uniforms_by_key(self.seed, _NEW, key, _WHEN)
        row = np.zeros(len(future), dtype=np.int64)
        step = when.draw(when.new[self.i], row, period, chance)
        self._sell(_NEW, future, step, self.till.new_amount * amount, row, key)

    def book_past(self) -> None:
        """Book what was won before the cutoff: earned for certain; here its instalments still to be sent."""
        till, terms = self.till, self.till.collections
        earned = earned_by(till.ahead, till.won_step, *terms.recognition.steps(terms.clock))
        self._page(_REVENUE + _WON)[:, 1:-1] += till.won_amount @ np.diff(earned, axis=1)
        last = max(steps_in(days, terms.clock) for _, days in terms.instalments)
        wins = np.flatnonzero(till.won_step + last > 0)
        for rows in _slices(self.n_futures, _MOST_NUMBERS // max(len(wins), 1)):
            future = np.repeat(np.arange(rows.start, rows.stop), len(wins))
            win = np.tile(wins, rows.stop - rows.start)
            key = future * len(till.won_step) + win
            self._invoice(_WON, future, till.won_step[win], till.won_amount[win], till.won_klass[win], key)

    def book_unpaid(self, rng: np.random.Generator) -> None:
        """Book what becomes of invoices sent before the cutoff, given how long they have waited."""
        groups = self.till.unpaid
        n_sent = sum(len(group.columns) for group in groups)
        for rows in _slices(self.n_futures, _MOST_NUMBERS // max(n_sent, 1)):
            chance = rng.random((rows.stop - rows.start, n_sent))
            found = [self._ends(group, chance[:, group.columns]) for group in groups]
            if found:  # posted at once: a posting runs over the whole page
                future, number, wait, is_paid = (
                    np.concatenate(column) for column in zip(*found, strict=True)
                )
                issued, due, amount = self.till.sent
                issued, due, amount = issued[number], due[number], amount[number]
                self._settle(_WON, future + rows.start, issued, wait + 1, is_paid, due, amount)

    def _ends(self, group: Alike, chance: Floats) -> tuple[Ints, Ints, Ints, Flags]:
        """Futures and numbers of the invoices that are unpaid now, and when and how they end."""
        left = chance - group.already[self.i]
        future, number = np.nonzero(left >= 0.0)
        return future, group.columns[number], *draw_ends(group.settled[self.i], left[future, number])

    def _sell(self, source: int, future: Ints, step: Ints, amount: Floats, klass: Ints, key: Ints) -> None:
        till = self.till
        earned = earned_by(till.ahead, step, *till.collections.recognition.steps(till.collections.clock))
        page = self._page(_REVENUE + source)
        for period, share in enumerate(np.diff(earned, axis=1).T, start=1):
            page[:, period] += np.bincount(future, amount * share, self.n_futures)
        self._invoice(source, future, step, amount, klass, key)

    def _invoice(self, source: int, future: Ints, step: Ints, amount: Floats, klass: Ints, key: Ints) -> None:
        """Send the invoices of wins, and settle each."""
        terms = self.till.collections
        shift, due_after = (steps_in(d, terms.clock) for d in (terms.terms_shift_days, terms.terms_days))
        for number, (share, days) in enumerate(terms.instalments):
            issued = step + steps_in(days, terms.clock)
            here = np.flatnonzero(issued > 0)  # those sent before the cutoff are booked apart
            rows, sent, worth = future[here], issued[here], share * amount[here]
            wait, is_paid = self._delays(klass[here], (source, key[here], number))
            # Under other terms payments move, but none comes before its invoice.
            settled = sent + np.maximum(wait + shift, 0)
            self._settle(source, rows, sent, settled, is_paid, sent + due_after, worth)

    def _delays(self, klass: Ints, keys: tuple[int, Ints, int]) -> tuple[Ints, Flags]:
        """Steps from issue to settlement, and whether that is a payment."""
        source, key, number = keys
        if self.till.collections.disputed is not None:
            chance = uniforms_by_key(self.seed, source, key, number, _IS_DISPUTED)
            is_disputed = chance < self.till.disputed[self.i]
            klass = np.where(is_disputed, len(self.till.settled) - 1, klass)
        chance = uniforms_by_key(self.seed, source, key, number, _DELAY)
        wait, is_paid = np.zeros(len(klass), np.int64), np.zeros(len(klass), bool)
        for code in np.unique(klass).tolist():
            here = klass == code
            wait[here], is_paid[here] = draw_ends(self.till.settled[code][self.i], chance[here])
        return wait, is_paid

    def _settle(
        self,
        source: int,
        future: Ints,
        issued: Ints,
        settled: Ints,
        is_paid: Flags,
        due: Ints,
        amount: Floats,
    ) -> None:
        """Enter invoices: issued, paid or written off, and overdue in between."""
        late = np.maximum(due + steps_in(OVERDUE_DAYS, self.till.collections.clock) + 1, issued)
        is_late = settled >= late
        self._post(_CASH + source, future[is_paid], settled[is_paid], amount[is_paid])
        self._post(_INVOICED, future, issued, amount)
        self._post(_SETTLED, future, settled, amount)
        self._post(_LATE, future[is_late], late[is_late], amount[is_late])
        self._post(_CLEARED, future[is_late], settled[is_late], amount[is_late])

    def _post(self, row: int, future: Ints, step: Ints, amount: Floats) -> None:
        n_columns = len(self.till.ahead) + 1
        cell = future * n_columns + np.searchsorted(self.till.ahead, step, side="left")
        self.books[row] += np.bincount(cell, amount, self.books.shape[1])

    def _page(self, row: int) -> Floats:
        page: Floats = self.books[row].reshape(self.n_futures, -1)
        return page

    def flows(self) -> Flows:
        """What the books say, by future and period."""
        pages = [self._page(row)[:, 1:-1] for row in range(_N_ROWS)]
        balance = [np.cumsum(self._page(row), axis=1)[:, 1:-1] for row in range(_INVOICED, _N_ROWS)]
        return Flows(
            revenue=Flow(*pages[_REVENUE : _REVENUE + 3]),
            cash=Flow(*pages[_CASH : _CASH + 3]),
            invoiced=pages[_INVOICED],
            unpaid=np.maximum(balance[0] - balance[1], 0.0),
            overdue=np.maximum(balance[2] - balance[3], 0.0),
        )


def _slices(n: int, size: int) -> list[slice]:
    size = max(size, 1)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
