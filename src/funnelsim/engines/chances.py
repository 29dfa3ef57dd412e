"""Chances of one batch of draws: per open deal and period, and expected wins of deals yet to arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.classes import UNKNOWN
from funnelsim.nouns.funnel import Funnel, Span
from funnelsim.numerics.backward import values_by_step, won_from_age_by_step
from funnelsim.numerics.recursion import StageRates, won_after_entry, won_from_age
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


_DRAWS_PER_BATCH = 25  # fixed, so that the answer does not depend on the number of workers


def draw_batches(n_draws: int) -> list[range]:
    """Numbers of the draws, cut into batches."""
    return [
        range(first, min(first + _DRAWS_PER_BATCH, n_draws)) for first in range(0, n_draws, _DRAWS_PER_BATCH)
    ]


@dataclass(frozen=True, eq=False)
class Positions:
    """Open deals grouped by class, stage and age: deals of one group share their chances.

    Parameters
    ----------
    klass, stage, age : ndarray of int, shape (n_positions,)
    of_deal : ndarray of int, shape (n_deals,)
        Position of each deal.
    unrecorded_steps : int
        Latest steps whose new deals are not recorded yet.
    """

    klass: Ints
    stage: Ints
    age: Ints
    of_deal: Ints
    unrecorded_steps: int

    @classmethod
    def of(cls, funnel: Funnel, pipeline: Pipeline) -> Positions:
        """Group the deals of a pipeline by class, stage and age; ages beyond the oldest exit are alike."""
        tails = np.array([hazards.first_age[-1] - 1 for hazards in funnel.hazards], dtype=np.int64)
        ages = np.minimum(pipeline.age_steps, tails[pipeline.stage])
        klass = np.full(pipeline.n_deals, UNKNOWN)
        if funnel.classes is not None:
            klass = funnel.classes.codes(pipeline.attributes, pipeline.n_deals)
        columns = np.stack([klass, pipeline.stage, ages])
        alike, of_deal = np.unique(columns, axis=1, return_inverse=True)
        return cls(alike[0], alike[1], alike[2], of_deal.reshape(-1), pipeline.unrecorded_steps)


@dataclass(frozen=True, eq=False)
class Chances:
    """What draws say, before any future is drawn.

    Parameters
    ----------
    open_deals : ndarray of shape (n_draws, n_positions, n_periods)
        Chance to be won in each period; disjoint, so a window adds them.
    new_wins : ndarray of shape (n_draws, n_blocks, n_periods)
        Expected wins in each period of deals that arrive in each block of steps after the cutoff (or after
        the last step whose arrivals are recorded).
    dispersion : ndarray of shape (n_draws,)
        Over-dispersion of the arrivals of a block.
    """

    open_deals: Floats
    new_wins: Floats
    dispersion: Floats

    def of_draws(self, draws: range) -> Chances:
        """The chances of some of the draws."""
        some = slice(draws.start, draws.stop)
        return Chances(self.open_deals[some], self.new_wins[some], self.dispersion[some])

    @classmethod
    def joined(cls, batches: Sequence[Chances]) -> Chances:
        """The chances of all batches, in order."""
        return cls(
            np.concatenate([batch.open_deals for batch in batches]),
            np.concatenate([batch.new_wins for batch in batches]),
            np.concatenate([batch.dispersion for batch in batches]),
        )


def batch_chances(
    funnel: Funnel,
    positions: Positions,
    periods: Periods,
    streams: Streams,
    draws: Sequence[int],
    arriving_class: int | None = None,
) -> Chances:
    """Chances for a batch of draws: by the recursion, times the shared shock.

    The arguments are those of :func:`chances_without_shock`.
    """
    calm = chances_without_shock(funnel, positions, periods, streams, draws, arriving_class)
    return shocked(calm, funnel, periods, streams, draws)


def shocked(
    chances: Chances,
    funnel: Funnel,
    periods: Periods,
    streams: Streams,
    draws: Sequence[int],
    cells: Periods | None = None,
) -> Chances:
    """Chances under the funnel's shared shock: what is still to be won is multiplied by period.

    A deal that is all but won cannot be won more than once: its chances are scaled back to 1. Chances may be
    those of `cells` within the periods.
    """
    if funnel.shock is None:
        return chances
    factors = funnel.shock_factors(streams, draws, periods.steps_ahead)
    if cells is not None:
        factors = factors[:, np.searchsorted(periods.steps_ahead, cells.steps_ahead[1:], side="left") - 1]
    open_deals = chances.open_deals * factors[:, None]
    open_deals /= np.maximum(open_deals.sum(axis=2, keepdims=True), 1.0)
    return replace(chances, open_deals=open_deals, new_wins=chances.new_wins * factors[:, None])


def chances_without_shock(
    funnel: Funnel,
    positions: Positions,
    periods: Periods,
    streams: Streams,
    draws: Sequence[int],
    arriving_class: int | None = None,
) -> Chances:
    """Chances by the recursion for a batch of parameter draws.

    Parameters
    ----------
    funnel : Funnel
    positions : Positions
    periods : Periods
    streams : Streams
    draws : sequence of int
        Numbers of the draws.
    arriving_class : int, optional
        Code of the one class whose new deals are expected; by default those of all. A class that the funnel
        does not have has none.

    Returns
    -------
    Chances
    """
    ahead = periods.steps_ahead
    span = Span(periods.cutoff_step, positions.unrecorded_steps, int(ahead[-1]))
    # Drawn without the lever on volume, not divided by it afterwards: it may be 0.
    usual = funnel.with_changes(replace(funnel.changes, volume=1.0))
    arriving = [(usual.arrival_draw(streams, draw), funnel.class_shares(streams, draw)) for draw in draws]
    expected = {klass for klass in arriving[0][1] if arriving_class in (None, klass)}
    within = np.zeros((len(draws), len(positions.stage), len(ahead)))
    on_entry = np.zeros((len(draws), span.n_steps - 1, len(ahead)))
    rates = funnel.draw_rates(streams, draws)
    factors = None if funnel.is_steady else funnel.factors(streams, draws, span)
    for klass in sorted({*positions.klass.tolist(), *expected}):
        here = positions.klass == klass
        stage, age = positions.stage[here], positions.age[here]
        case = _Case(rates.of_class(klass), funnel.stages.is_won, stage, age, ahead, span)
        found = _steady_chances(case) if factors is None else _moving_chances(case, factors)
        within[:, here], entering = found
        volume = funnel.changes.of_class(klass).volume  # what came before the cutoff is as it was
        of_step = np.repeat([1.0, volume], [span.n_before, span.n_ahead])[:, None]
        for i, ((_, shares), by_class) in enumerate(arriving):
            if klass in expected:
                on_entry[i] += of_step * ((shares * by_class[klass]) @ entering[i])
    calendar = funnel.arrival_calendar(span)
    new_wins, dispersion = [], []
    block_steps = funnel.arrivals.block_steps
    for won, ((rate, _), _), draw in zip(on_entry, arriving, draws, strict=True):
        by_step = _rate_by_step(rate, funnel.changes.volume, span) * calendar
        levels, swings = funnel.arrival_swings(streams, draw, -(-len(by_step) // block_steps))
        new_wins.append(_expected_new_wins(by_step, won, block_steps) * levels[:, None])
        dispersion.append(swings)
    return Chances(np.maximum(np.diff(within, axis=2), 0.0), np.stack(new_wins), np.array(dispersion))


@dataclass(frozen=True, eq=False)
class _Case:
    """Deals of one class, their exit rates, and the edges by which their wins count."""

    rates: list[StageRates]
    is_won: Flags
    stage: Ints
    age: Ints
    ahead: Ints
    span: Span

    @property
    def n_draws(self) -> int:
        return len(self.rates[0].rates)


def _steady_chances(case: _Case) -> tuple[Floats, Floats]:
    """Chances to be won by each edge when rates do not change with time.

    Returns
    -------
    within : ndarray of shape (n_draws, n_positions, n_edges)
    on_entry : ndarray of shape (n_draws, n_steps, n_open, n_edges)
        Of a deal that arrives in each step after the last one whose arrivals are recorded.
    """
    ahead, is_won, stages = case.ahead, case.is_won, case.rates
    edges = ahead + case.span.n_before
    after_entry = won_after_entry(stages, is_won, int(edges[-1]))
    within = np.zeros((case.n_draws, len(case.stage), len(ahead)))
    for code, stage in enumerate(stages):
        here = case.stage == code
        if here.any():
            within[:, here] = won_from_age(stage, case.age[here], after_entry, is_won, ahead)
    left = edges[None, :] - np.arange(1, int(edges[-1]) + 1)[:, None]
    on_entry = np.where((left >= 0)[:, :, None], after_entry[:, np.maximum(left, 0)], 0.0)
    return within, on_entry.swapaxes(2, 3)


def _moving_chances(case: _Case, factors: list[Floats]) -> tuple[Floats, Floats]:
    """The same when rates change from step to step, by `factors` of all places, as of ``Funnel.factors``."""
    stages, ahead, start = case.rates, case.ahead, case.span.n_before
    multipliers = [by_place[:, stage.places] for by_place, stage in zip(factors, stages, strict=True)]
    values = values_by_step(stages, multipliers, case.is_won, ahead + start)
    within = np.zeros((case.n_draws, len(case.stage), len(ahead)))
    for code, (stage, multiplier) in enumerate(zip(stages, multipliers, strict=True)):
        here = case.stage == code
        if here.any():
            within[:, here] = won_from_age_by_step(stage, code, case.age[here], multiplier, values, start)
    return within, values.entering[:, 1:, : len(stages)]


def _rate_by_step(usual: float, volume: float, span: Span) -> Floats:
    """Arrivals by step; those not recorded yet came before the cutoff, whatever a lever on volume does."""
    return np.repeat([usual, usual * volume], [span.n_before, span.n_ahead])


def _expected_new_wins(rate_by_step: Floats, won_by_edge: Floats, block_steps: int) -> Floats:
    """Expected wins by block of arrival and period.

    Steps are counted from the last one whose arrivals are recorded; what its deals win before the first edge,
    the cutoff, is not counted. ``won_by_edge`` has the shape (n_steps, n_edges).
    """
    starts = np.arange(0, len(rate_by_step), block_steps)
    won = rate_by_step[:, None] * np.diff(won_by_edge, axis=1)
    expected: Floats = np.add.reduceat(won, starts, axis=0)
    return expected
