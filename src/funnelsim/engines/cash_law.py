"""The law of cash over all periods: what is paid by the end, computed and not simulated.

Given a draw of the parameters, what a deal pays by the end is one of a few shares of its amount: those of the
instalments paid by then. So cash is a portfolio like bookings, with a prize for each deal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from funnelsim.engines.assemble import check_match, paid_so_far
from funnelsim.engines.chances import Positions, chances_without_shock, draw_batches, shocked
from funnelsim.engines.exact import ExactLaw
from funnelsim.engines.protocol import EngineError
from funnelsim.engines.unpaid import Delays, codes_of, invoices_sent
from funnelsim.engines.win_steps import cells_of
from funnelsim.nouns.collections import Collections, steps_in
from funnelsim.nouns.funnel import Funnel
from funnelsim.numerics.collections import PAID
from funnelsim.numerics.portfolio import Arriving, Lumps, Portfolio, Prizes, Unsure
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_SHARES = 64  # of an amount; so many instalments are better simulated
_DIGITS = 9  # of a share: those that differ by less are one


@dataclass(frozen=True, eq=False)
class Cash:
    """Cash of all periods together.

    Parameters
    ----------
    law : ExactLaw
    parts : tuple of float
        Its mean: from what is won or paid already, from deals open now, and from deals yet to arrive.
    """

    law: ExactLaw
    parts: tuple[float, float, float]


def cash_law(
    funnel: Funnel,
    pipeline: Pipeline,
    periods: Periods,
    streams: Streams,
    n_draws: int,
    *,
    n_cells: int = 8192,
) -> Cash:
    """Law of cash over all periods, what is paid already included, on the draws that the engines take.

    Parameters
    ----------
    funnel : Funnel
        With collections and amounts.
    pipeline : Pipeline
    periods : Periods
        From the running one on.
    streams : Streams
    n_draws : int
    n_cells : int
        As in `Exact`.

    Raises
    ------
    EngineError
        If the funnel knows nothing of payments or of amounts, the periods begin after the cutoff, there are
        too many instalments, or the pipeline does not match.

    Notes
    -----
    Exact but for two things: within a cell of a few steps a win is as likely at each (as in simulated
    futures); and where arrivals of a block swing as a whole, so does what its deals pay, with mean and
    variance as they are, each payment by the law of all blocks.
    """
    check_match(funnel, pipeline)
    terms = _checked_terms(funnel, periods)
    positions, shares = Positions.of(funnel, pipeline), _sums_of_shares(terms)
    with threadpool_limits(1):
        batches = [
            _Batch.of(funnel, pipeline, positions, periods, streams, draws) for draws in draw_batches(n_draws)
        ]
    sent = np.concatenate([batch.sent for batch in batches])
    past = Lumps(sent, batches[0].sent_amount, np.ones(sent.shape[1], dtype=np.int64))
    amounts = np.stack([funnel.amount_draw(streams, draw) for draw in range(n_draws)])
    new = _arriving(funnel, shares, batches, amounts)
    open_deals = _open_deals(funnel, pipeline, positions, shares, batches, amounts, streams)
    whole = Portfolio(past, open_deals, new)
    of_new = float((new.expected.sum(axis=1) * new.prizes.moment(1)).mean())
    of_won = float(sent.mean(axis=0) @ past.amount)
    realised = paid_so_far(pipeline, periods)
    of_open = float(whole.mean().mean()) - of_won - of_new
    return Cash(ExactLaw(whole, realised, n_cells), (of_won + realised, of_open, of_new))


def _checked_terms(funnel: Funnel, periods: Periods) -> Collections:
    terms = funnel.collections
    if terms is None or funnel.amounts is None:
        raise EngineError("the funnel knows no payments; give it collections, as in funnel.with_collections")
    if periods.edges[0] > periods.cutoff_step + 1:
        raise EngineError(
            f"period {periods.labels[0]} begins after the cutoff: cash from wins before it would be missing; "
            "begin with the running period"
        )
    n_shares = len(_sums_of_shares(terms))
    if n_shares > _MOST_SHARES:
        raise EngineError(
            f"{len(terms.instalments)} instalments make {n_shares:,} shares of an amount; "
            "use engine=MonteCarlo()"
        )
    return terms


def _sums_of_shares(terms: Collections) -> Floats:
    """Shares of an amount that may be paid, 0 first: every sum of instalments."""
    sums = np.zeros(1)
    for share, _ in terms.instalments:
        sums = np.unique(np.round(np.concatenate([sums, sums + share]), _DIGITS))
    return sums


@dataclass(frozen=True, eq=False)
class _Batch:
    """What a batch of draws says.

    Parameters
    ----------
    sent : ndarray of shape (n_draws, n_sent)
        Chance that what is won already pays an instalment in the periods, of invoices sent and yet to be.
    sent_amount : ndarray of shape (n_sent,)
    paid : list of ndarray of shape (n_draws, n_positions, n_shares)
        By code of the delay: chance that an open deal pays each share of its amount.
    arriving : ndarray of shape (n_draws, n_blocks, n_shares)
        Expected wins of new deals that pay each share.
    dispersion : ndarray of shape (n_draws,)
    """

    sent: Floats
    sent_amount: Floats
    paid: list[Floats]
    arriving: Floats
    dispersion: Floats

    @classmethod
    def of(
        cls,
        funnel: Funnel,
        pipeline: Pipeline,
        positions: Positions,
        periods: Periods,
        streams: Streams,
        draws: Sequence[int],
    ) -> _Batch:
        """Of a batch of draws."""
        terms, cells = funnel.collections, cells_of(periods)
        assert terms is not None  # as was checked
        calm = chances_without_shock(funnel, positions, cells, streams, draws)
        chances = shocked(calm, funnel, periods, streams, draws, cells)
        payments = _Payments.of(terms, int(periods.steps_ahead[-1]), streams, draws)
        by_cell = [payments.by_cell(code, cells.steps_ahead) for code in range(payments.n_codes)]
        sent, sent_amount = payments.of_past_wins(funnel, pipeline)
        return cls(
            sent,
            sent_amount,
            [chances.open_deals @ of_code for of_code in by_cell],
            chances.new_wins @ by_cell[0],
            chances.dispersion,
        )


@dataclass(frozen=True, eq=False)
class _Payments:
    """When invoices are paid, in a batch of draws.

    Parameters
    ----------
    terms : Collections
    n_steps : int
        Steps ahead.
    delays : Delays
    paid : list of ndarray of shape (n_draws, n_steps + 1)
        By code of the delay: chance to be paid within so many steps of the issue, disputes included.
    """

    terms: Collections
    n_steps: int
    delays: Delays
    paid: list[Floats]

    @classmethod
    def of(cls, terms: Collections, n_steps: int, streams: Streams, draws: Sequence[int]) -> _Payments:
        """Of a batch of draws."""
        delays = Delays.of(terms, streams, draws)
        paid = [settled[:, PAID] for settled in delays.from_issue(n_steps)]
        if terms.disputed is not None:
            share, of_disputed = delays.disputed[:, None], paid.pop()
            paid = [(1.0 - share) * of_law + share * of_disputed for of_law in paid]
        return cls(terms, n_steps, delays, paid)

    @property
    def n_codes(self) -> int:
        """Delays that deals may have."""
        return len(self.paid)

    def chance(self, code: int, issued: Ints) -> Floats:
        """Chance that invoices sent at some steps ahead are paid by the end, shape (n_draws, n_issued)."""
        # Under other terms payments move, but none comes before its invoice.
        left = self.n_steps - issued - steps_in(self.terms.terms_shift_days, self.terms.clock)
        is_in_time = (issued <= self.n_steps) & (left >= 0)
        return np.where(is_in_time, self.paid[code][:, np.clip(left, 0, self.n_steps)], 0.0)

    def by_cell(self, code: int, edges: Ints) -> Floats:
        """Chance of each share of an amount to be paid, given a win in a cell; (n_draws, n_cells, n_shares).

        Given the step of the win instalments are paid, or not, independently.
        """
        won = np.arange(1, self.n_steps + 1)
        sums, law = np.zeros(1), np.ones((len(self.paid[code]), self.n_steps, 1))
        for share, days in self.terms.instalments:
            chance = self.chance(code, won + steps_in(days, self.terms.clock))[..., None]
            both = np.round(np.concatenate([sums, sums + share]), _DIGITS)
            sums, place = np.unique(both, return_inverse=True)
            joint = np.concatenate([law * (1.0 - chance), law * chance], axis=2)
            law = joint @ np.eye(len(sums))[place.reshape(-1)]
        return np.asarray(np.add.reduceat(law, edges[:-1], axis=1) / np.diff(edges)[:, None])

    def of_past_wins(self, funnel: Funnel, pipeline: Pipeline) -> tuple[Floats, Floats]:
        """Chances and amounts of what deals won by the cutoff may still pay, instalment by instalment."""
        assert funnel.amounts is not None  # as was checked
        amount = np.where(np.isnan(pipeline.won_amount), funnel.amounts.mean, pipeline.won_amount)
        chances, amounts = [np.zeros((len(self.paid[0]), 0))], [np.zeros(0)]
        for group in invoices_sent(self.delays, pipeline, amount, self.n_steps):
            paid = group.settled[:, PAID, -1:]
            chances.append(np.repeat(paid, len(group.amount), axis=1))
            amounts.append(group.amount)
        codes = codes_of(self.terms, pipeline.won_attributes, len(amount))
        for share, days in self.terms.instalments:
            issued = pipeline.won_step - pipeline.cutoff_step + steps_in(days, self.terms.clock)
            for code in np.unique(codes).tolist():
                here = (codes == code) & (issued > 0)
                chances.append(self.chance(code, issued[here]))
                amounts.append(share * amount[here])
        return np.concatenate(chances, axis=1), np.concatenate(amounts)


def _arriving(funnel: Funnel, shares: Floats, batches: Sequence[_Batch], amounts: Floats) -> Arriving:
    """Payments of deals yet to arrive, by block of arrival."""
    assert funnel.amounts is not None  # as was checked
    paying = np.concatenate([batch.arriving for batch in batches])[..., 1:]
    worth, total = paying @ shares[1:], paying.sum(axis=(1, 2))
    # So many wins that each block brings what it does, though all draw from one law.
    mean = np.divide(worth.sum(axis=1), total, out=np.ones_like(total), where=total > 0)
    of_share = paying.sum(axis=1) / np.where(total > 0, total, 1.0)[:, None]
    of_share[total <= 0, -1] = 1.0
    points = np.outer(shares[1:], funnel.changes.new_amount * funnel.amounts.points)
    prizes = Prizes(points.ravel(), (of_share[:, :, None] * amounts[:, None]).reshape(len(amounts), -1))
    dispersion = np.concatenate([batch.dispersion for batch in batches])
    return Arriving(worth / mean[:, None], dispersion, prizes)


def _open_deals(
    funnel: Funnel,
    pipeline: Pipeline,
    positions: Positions,
    shares: Floats,
    batches: Sequence[_Batch],
    amounts: Floats,
    streams: Streams,
) -> tuple[Unsure, ...]:
    """Payments of open deals: those of one position and delay share the law of what they pay."""
    assert funnel.amounts is not None  # as was checked
    assert funnel.collections is not None
    codes = codes_of(funnel.collections, pipeline.attributes, pipeline.n_deals)
    paid = [np.concatenate(of_code) for of_code in zip(*(batch.paid for batch in batches), strict=True)]
    listed = pipeline.amount * funnel.changes.open_amount
    found = []
    for factor, law, of_law in _worth(funnel, pipeline, listed, amounts, streams):
        deals = np.flatnonzero(~np.isnan(factor))
        for position, code in np.unique(
            np.stack([positions.of_deal[deals], codes[deals]]), axis=1
        ).T.tolist():
            alike = deals[(positions.of_deal[deals] == position) & (codes[deals] == code)]
            chance = paid[code][:, position, 1:]
            pays = np.minimum(chance.sum(axis=1), 1.0 - 1e-15)
            of_share = chance / np.maximum(chance.sum(axis=1), 1e-300)[:, None]
            prizes = Prizes(
                np.outer(shares[1:], law).ravel(),
                (of_share[:, :, None] * of_law[:, None]).reshape(len(of_law), -1),
            )
            distinct, count = np.unique(factor[alike], return_counts=True)
            each = np.repeat(pays[:, None], len(distinct), axis=1)
            found.append(Unsure(each, distinct, count, prizes))
    return tuple(found)


def _worth(
    funnel: Funnel, pipeline: Pipeline, listed: Floats, amounts: Floats, streams: Streams
) -> list[tuple[Floats, Floats, Floats]]:
    """What open deals are worth if won: a factor for each deal, NaN where another law holds, and a law.

    Returns
    -------
    list of (factor of shape (n_deals,), points of shape (n_points,), shares of shape (n_draws, n_points))
    """
    assert funnel.amounts is not None  # as was checked
    is_missing = np.isnan(listed)
    missing = np.where(is_missing, funnel.changes.open_amount, np.nan)
    laws = [(missing, funnel.amounts.points, amounts)]
    stands = listed.copy()
    for of_stage in zip(*(funnel.revision_draw(streams, draw) for draw in range(len(amounts))), strict=True):
        stage, ratios, _ = of_stage[0]
        revised = np.where(pipeline.stage == stage, listed, np.nan)
        stands[pipeline.stage == stage] = np.nan
        laws.append((revised, ratios.points, np.stack([drawn for _, _, drawn in of_stage])))
    return [*laws, (stands, np.ones(1), np.ones((len(amounts), 1)))]
