"""Invoices sent before the cutoff, those of one delay and age together: from a table, or from past wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.collections import Collections, steps_in
from funnelsim.numerics.collections import settled_from_age, settled_from_issue
from funnelsim.numerics.recursion import StageRates
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Alike:
    """Invoices of one delay and age.

    Parameters
    ----------
    columns : ndarray of int, shape (n,)
        Numbers of the invoices.
    already : ndarray of shape (n_draws,)
        Chance that one is settled by now; 0 where it is known to be unpaid.
    settled : ndarray of shape (n_draws, 2, n_steps)
        Chance to be unpaid now and settled within so many steps.
    issued, due : ndarray of int, shape (n,)
        Steps after the cutoff, so 0 or less for `issued`.
    amount : ndarray of shape (n,)
    """

    columns: Ints
    already: Floats
    settled: Floats
    issued: Ints
    due: Ints
    amount: Floats


@dataclass(frozen=True, eq=False)
class Delays:
    """How invoices are settled in a batch of draws.

    Parameters
    ----------
    terms : Collections
    rates, before : list of StageRates
        By code of the delay: from the cutoff on, and as they were before it. A lever changes no past.
    disputed : ndarray of shape (n_draws,)
        Share of invoices that become disputed.
    """

    terms: Collections
    rates: list[StageRates]
    before: list[StageRates]
    disputed: Floats

    @classmethod
    def of(cls, terms: Collections, streams: Streams, draws: Sequence[int]) -> Delays:
        """Of a batch of draws."""
        return cls(
            terms,
            terms.rates(streams, draws),
            replace(terms, pace=1.0).rates(streams, draws),
            np.array([terms.disputed_draw(streams, draw) for draw in draws]),
        )

    def from_issue(self, n_steps: int) -> tuple[Floats, ...]:
        """By code: chance that an invoice yet to be sent is settled within so many steps of its issue."""
        return tuple(settled_from_issue(law, n_steps, self.terms.never_paid_odds) for law in self.rates)

    def known(self, code: int, ages: Ints, n_steps: int) -> tuple[Floats, Floats]:
        """Chance to be settled by now (0), and within so many steps, of invoices known to be unpaid."""
        settled = settled_from_age(self.rates[code], ages, n_steps, self.terms.never_paid_odds)
        return np.zeros((len(settled), len(ages))), settled

    def sent(self, code: int, ages: Ints, n_steps: int) -> tuple[Floats, Floats]:
        """The same of invoices of which only the age is known."""
        still_open, settled = self._open(code, ages, n_steps)
        if self.terms.disputed is not None:
            disputed_open, disputed_settled = self._open(len(self.rates) - 1, ages, n_steps)
            share = self.disputed[:, None]
            still_open = (1.0 - share) * still_open + share * disputed_open
            share = share[:, None, None]
            settled = (1.0 - share) * settled + share * disputed_settled
        return 1.0 - still_open, settled

    def _open(self, code: int, ages: Ints, n_steps: int) -> tuple[Floats, Floats]:
        gone = settled_from_issue(self.before[code], int(ages.max()))[:, :, ages].sum(axis=1)
        _, settled = self.known(code, ages, n_steps)
        return 1.0 - gone, (1.0 - gone)[:, None, :, None] * settled


def codes_of(terms: Collections, attributes: Mapping[str, npt.NDArray[np.object_]], n: int) -> Ints:
    """Codes of the delays by the attribute that names the credit class; 0 where deals have none."""
    if not terms.by_class or terms.credit_attribute not in attributes:
        return np.zeros(n, dtype=np.int64)
    return terms.codes(attributes[terms.credit_attribute])


def invoices_sent(delays: Delays, pipeline: Pipeline, won_amount: Floats, n_steps: int) -> tuple[Alike, ...]:
    """Invoices sent by the cutoff: the unpaid ones where they are known, else all of past wins.

    Parameters
    ----------
    delays : Delays
    pipeline : Pipeline
    won_amount : ndarray of shape (n_won,)
        Amounts of the wins before the cutoff, none missing.
    n_steps : int
        Steps ahead.
    """
    terms, known = delays.terms, pipeline.receivables
    usual = steps_in(terms.terms_days - terms.terms_shift_days, terms.clock)
    if known is not None:
        code = terms.codes(known.credit_class)
        if terms.disputed is not None:
            code = np.where(known.is_disputed, len(delays.rates) - 1, code)
        due = np.where(known.due_step >= 0, known.due_step - pipeline.cutoff_step, usual - known.age_steps)
        return tuple(_alike(delays, True, code, -known.age_steps, due, known.amount, n_steps))
    klass = codes_of(terms, pipeline.won_attributes, len(won_amount))
    won_step = pipeline.won_step - pipeline.cutoff_step
    lags = [(share, steps_in(days, terms.clock)) for share, days in terms.instalments]
    issued = np.concatenate([won_step + lag for _, lag in lags])
    amount = np.concatenate([share * won_amount for share, _ in lags])
    sent = issued <= 0
    code, issued, amount = np.tile(klass, len(lags))[sent], issued[sent], amount[sent]
    return tuple(_alike(delays, False, code, issued, issued + usual, amount, n_steps))


def _alike(
    delays: Delays, is_known: bool, code: Ints, issued: Ints, due: Ints, amount: Floats, n_steps: int
) -> Iterator[Alike]:
    for law in np.unique(code).tolist():
        here = np.flatnonzero(code == law)
        ages, which = np.unique(-issued[here], return_inverse=True)
        already, settled = (delays.known if is_known else delays.sent)(law, ages, n_steps)
        for j in range(len(ages)):
            rows = here[which.reshape(-1) == j]
            of_age = np.ascontiguousarray(settled[:, :, j])
            yield Alike(rows, already[:, j], of_age, issued[rows], due[rows], amount[rows])
