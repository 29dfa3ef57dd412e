"""The till: every win of a future is invoiced, earned and paid, and so is what was won before the cutoff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.engines.chances import Positions
from funnelsim.engines.win_steps import WinSteps
from funnelsim.nouns.collections import OVERDUE_DAYS, Collections, steps_in
from funnelsim.nouns.flows import Flow, Flows
from funnelsim.nouns.funnel import Funnel
from funnelsim.numerics.collections import draw_ends, earned_by, settled_from_age, settled_from_issue
from funnelsim.numerics.keyed import uniforms_by_key
from funnelsim.numerics.recursion import StageRates
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
    unpaid : tuple of _Alike
        Unpaid invoices, those of one delay and age together.
    has_table : bool
        Whether invoices are known: then those of past wins are among them.
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
    unpaid: tuple[_Alike, ...]
    has_table: bool
    streams: Streams

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

        Raises
        ------
        EngineError
            If the periods begin after the cutoff.
        """
        terms = funnel.collections
        if terms is None or funnel.amounts is None:
            return None
        ahead, won_step = periods.steps_ahead, pipeline.won_step - pipeline.cutoff_step
        n_steps = int(ahead[-1] - won_step.min(initial=0))
        rates = terms.rates(streams, draws)
        won_amount = pipeline.won_amount
        return cls(
            collections=terms,
            ahead=ahead,
            when=WinSteps.of(funnel, positions, periods, streams, draws),
            draws=draws,
            position=positions.of_deal,
            klass=_codes(terms, pipeline.attributes, pipeline.n_deals),
            won_klass=_codes(terms, pipeline.won_attributes, len(won_step)),
            new_amount=funnel.changes.new_amount,
            settled=tuple(settled_from_issue(law, n_steps, terms.never_paid_odds) for law in rates),
            disputed=np.array([terms.disputed_draw(streams, draw) for draw in draws]),
            won_step=won_step,
            won_amount=np.where(np.isnan(won_amount), funnel.amounts.mean, won_amount),
            unpaid=_alike(pipeline, terms, rates, int(ahead[-1])),
            has_table=pipeline.receivables is not None,
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
class _Alike:
    """Unpaid invoices of one delay and age.

    Parameters
    ----------
    columns : ndarray of int, shape (n,)
        Which of the unpaid invoices.
    settled : ndarray of shape (n_draws, 2, n_steps)
    issued, due : ndarray of int, shape (n,)
        Steps after the cutoff.
    amount : ndarray of shape (n,)
    """

    columns: Ints
    settled: Floats
    issued: Ints
    due: Ints
    amount: Floats


def _codes(terms: Collections, attributes: Mapping[str, npt.NDArray[np.object_]], n: int) -> Ints:
    """Codes of the delays by the attribute that names the credit class; 0 where deals have none."""
    if not terms.by_class or terms.credit_attribute not in attributes:
        return np.zeros(n, dtype=np.int64)
    return terms.codes(attributes[terms.credit_attribute])


def _alike(
    pipeline: Pipeline, terms: Collections, rates: Sequence[StageRates], n_steps: int
) -> tuple[_Alike, ...]:
    known = pipeline.receivables
    if known is None:
        return ()
    code = terms.codes(known.credit_class)
    if terms.disputed is not None:
        code = np.where(known.is_disputed, len(terms.laws) - 1, code)
    usual = steps_in(terms.terms_days - terms.terms_shift_days, terms.clock)
    due = np.where(known.due_step >= 0, known.due_step - pipeline.cutoff_step, usual - known.age_steps)
    groups = []
    for law in np.unique(code).tolist():
        here = np.flatnonzero(code == law)
        ages, which = np.unique(known.age_steps[here], return_inverse=True)
        settled = settled_from_age(rates[law], ages, n_steps, terms.never_paid_odds)
        for j in range(len(ages)):
            rows = here[which.reshape(-1) == j]
            of_age = np.ascontiguousarray(settled[:, :, j])
            groups.append(_Alike(rows, of_age, -known.age_steps[rows], due[rows], known.amount[rows]))
    return tuple(groups)


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
        """Book what was won before the cutoff: earned for certain, paid by the same law."""
        till, n_won = self.till, len(self.till.won_step)
        if not n_won:
            return
        earned = earned_by(
            till.ahead, till.won_step, *till.collections.recognition.steps(till.collections.clock)
        )
        by_period = till.won_amount @ np.diff(earned, axis=1)
        self._page(_REVENUE + _WON)[:, 1:-1] += by_period
        for rows in _slices(self.n_futures, _MOST_NUMBERS // n_won):
            future = np.repeat(np.arange(rows.start, rows.stop), n_won)
            win = np.tile(np.arange(n_won), rows.stop - rows.start)
            self._invoice(
                _WON,
                future,
                till.won_step[win],
                till.won_amount[win],
                till.won_klass[win],
                future * n_won + win,
            )

    def book_unpaid(self, rng: np.random.Generator) -> None:
        """Book what becomes of unpaid invoices, given how long they have waited."""
        groups = self.till.unpaid
        n_unpaid = sum(len(group.columns) for group in groups)
        for rows in _slices(self.n_futures, _MOST_NUMBERS // max(n_unpaid, 1)):
            chance = rng.random((rows.stop - rows.start, n_unpaid))
            for group in groups:
                wait, is_paid = draw_ends(group.settled[self.i], chance[:, group.columns])
                future = np.repeat(np.arange(rows.start, rows.stop), len(group.columns))
                n = rows.stop - rows.start
                issued, due = np.tile(group.issued, n), np.tile(group.due, n)
                amount = np.tile(group.amount, n)
                self._settle(_WON, future, issued, wait.ravel() + 1, is_paid.ravel(), due, amount)

    def _sell(self, source: int, future: Ints, step: Ints, amount: Floats, klass: Ints, key: Ints) -> None:
        till = self.till
        earned = earned_by(till.ahead, step, *till.collections.recognition.steps(till.collections.clock))
        page = self._page(_REVENUE + source)
        for period, share in enumerate(np.diff(earned, axis=1).T, start=1):
            page[:, period] += np.bincount(future, amount * share, self.n_futures)
        self._invoice(source, future, step, amount, klass, key)

    def _invoice(self, source: int, future: Ints, step: Ints, amount: Floats, klass: Ints, key: Ints) -> None:
        """Send the invoices of wins, and settle each."""
        till, terms = self.till, self.till.collections
        shift, due_after = (steps_in(d, terms.clock) for d in (terms.terms_shift_days, terms.terms_days))
        for number, (share, days) in enumerate(terms.instalments):
            issued = step + steps_in(days, terms.clock)
            if source == _WON and till.has_table:
                ahead = issued > 0  # the others are in the table
                if not ahead.any():
                    continue
            else:
                ahead = np.ones(len(issued), dtype=bool)
            rows = (future[ahead], issued[ahead], share * amount[ahead])
            wait, is_paid = self._delays(klass[ahead], (source, key[ahead], number))
            # Under other terms payments move, but none comes before its invoice.
            wait = np.where(rows[1] > 0, np.maximum(wait + shift, 0), wait)
            self._settle(source, rows[0], rows[1], rows[1] + wait, is_paid, rows[1] + due_after, rows[2])

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
