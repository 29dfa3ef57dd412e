"""What came between two dates beside what a funnel expected: volume, conversion, cycle and yield."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel, Span
from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.rates import rates_of
from funnelsim.questions.targets.luck import LARGEST_FACTOR, WORTH, held_back, two_sided_luck
from funnelsim.questions.targets.worth import worth_of_wins
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FACTORS = ("volume", "conversion", "cycle", "yield")

_LARGEST_LOG_ODDS = 5.0


@dataclass(frozen=True, eq=False)
class Came:
    """By how much what came differs from what was expected, as factors on the funnel of the plan date.

    Parameters
    ----------
    volume : float
        New deals over those expected.
    log_odds : ndarray of shape (n_open,)
        Of moving forward, by stage.
    pace : ndarray of shape (n_open,)
        Of leaving, by stage.
    new_amount, open_amount : float
        Amount per win over that expected: of deals that were not there yet, and of those that were.
    luck : dict of str to float
        For each factor the chance that luck alone brings it as far from what was expected, were the funnel
        right; 1 where nothing is known of it.
    """

    volume: float
    log_odds: Floats
    pace: Floats
    new_amount: float
    open_amount: float
    luck: dict[str, float]

    @classmethod
    def between(cls, then: DealHistory, now: DealHistory, funnel: Funnel, before: Forecast) -> Came:
        """What came after the cutoff of an earlier history, until that of a later one.

        Parameters
        ----------
        then, now : DealHistory
        funnel : Funnel
            Of the earlier one.
        before : Forecast
            Made with that funnel at the earlier cutoff: its draws, and the chances of the deals open then.
        """
        streams = Streams(before.seed)
        volume, luck_of_volume = _volume(then, now, funnel, streams, before.n_draws)
        log_odds, pace, luck = _moves(then, now, funnel, streams, before.n_draws)
        luck |= {"volume": luck_of_volume}
        if before.measure == "wins":
            return cls(volume, log_odds, pace, 1.0, 1.0, luck)
        worth = worth_of_wins(then, now, funnel, before.deals)
        return cls(volume, log_odds, pace, worth.new, worth.open, luck | {"yield": worth.luck})

    def on(self, funnel: Funnel, factors: Collection[str]) -> Funnel:
        """The funnel with some factors as they came, the others as they were expected."""
        changes = funnel.changes
        if "volume" in factors:
            changes = replace(changes, volume=changes.volume * self.volume)
        if "conversion" in factors:
            changes = replace(changes, forward_log_odds=changes.forward_log_odds + self.log_odds)
        if "cycle" in factors:
            changes = replace(changes, speed=changes.speed * self.pace[:, None])
        if "yield" in factors:
            changes = replace(
                changes,
                new_amount=changes.new_amount * self.new_amount,
                open_amount=changes.open_amount * self.open_amount,
            )
        return funnel.with_changes(changes)


def _span(then: DealHistory, now: DealHistory) -> Span:
    return Span(then.cutoff_step, 0, max(now.last_arrival_step - then.cutoff_step, 1))


def _volume(
    then: DealHistory, now: DealHistory, funnel: Funnel, streams: Streams, n_draws: int
) -> tuple[float, float]:
    """New deals over those that the funnel expected, its calendar and level included; and the luck in it.

    Only as long as new deals are recorded completely: if that ends before the plan begins, nothing is known.
    """
    if now.last_arrival_step <= then.cutoff_step:
        return 1.0, 1.0
    first = now.clock.step_of(now.deals["created_at"].to_numpy())
    count = float(((first > then.cutoff_step) & (first <= now.last_arrival_step)).sum())
    span, block = _span(then, now), funnel.arrivals.block_steps
    factor = np.add.reduceat(funnel.arrival_calendar(span), np.arange(0, span.n_ahead, block))
    expected, beyond = np.zeros(n_draws), np.zeros(n_draws)
    for draw in range(n_draws):
        rate, _ = funnel.arrival_draw(streams, draw)
        levels, dispersion = funnel.arrival_swings(streams, draw, len(factor))
        by_block = rate * levels * factor
        expected[draw], beyond[draw] = by_block.sum(), dispersion * (by_block**2).sum()
    mean = float(expected.mean())
    spread = np.sqrt(mean + beyond.mean() + expected.var())
    return held_back(count / max(mean, 1e-9), 1.0 / max(mean, 1e-9)), two_sided_luck(count - mean, spread)


def _moves(
    then: DealHistory, now: DealHistory, funnel: Funnel, streams: Streams, n_draws: int
) -> tuple[Floats, Floats, dict[str, float]]:
    """Log-odds of moving forward and pace of leaving, by stage; little seen leans on all stages together."""
    span = Span(then.cutoff_step, 0, now.cutoff_step - then.cutoff_step)
    factors = funnel.factors(streams, range(n_draws), span)
    rows = [_exits(now, funnel, stage, factors[stage], span) for stage in range(funnel.stages.n_open)]
    forward, left = np.array([row[:2] for row in rows]).T
    by_draw = np.array([row[2:] for row in rows])  # (n_open, forward or all, n_draws)
    expected_forward, expected = by_draw.mean(axis=2).T
    pooled = left.sum() / expected.sum() if expected.sum() > 0 else 1.0
    pace = (left + WORTH * pooled) / (expected + WORTH)
    share = np.divide(expected_forward, expected, out=np.full(len(left), 0.5), where=expected > 0)
    ahead = special.logit(np.clip(share, 1e-6, 1.0 - 1e-6))
    common = _common_log_odds(ahead, left, forward.sum())
    seen = (forward + WORTH * special.expit(ahead + common)) / (left + WORTH)
    log_odds = special.logit(np.clip(seen, 1e-6, 1.0 - 1e-6)) - ahead
    is_free = (share > 0.0) & (share < 1.0)
    bounded = np.clip(log_odds, -_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS)
    pace = np.clip(pace, 1.0 / LARGEST_FACTOR, LARGEST_FACTOR)
    return np.where(is_free, bounded, 0.0), pace, _luck_of_moves(funnel, forward, left, by_draw)


def _luck_of_moves(funnel: Funnel, forward: Floats, left: Floats, by_draw: Floats) -> dict[str, float]:
    """The luck in conversion and cycle: that of exits to come, of those learnt from, and of the level."""
    learnt = np.array([np.inf if h.is_certain else max(h.n_exits, 1.0) for h in funnel.hazards])
    expected = by_draw[:, 1].mean(axis=1)
    share = np.divide(by_draw[:, 0], by_draw[:, 1], out=np.zeros_like(by_draw[:, 0]), where=by_draw[:, 1] > 0)
    usual = share.mean(axis=1)
    of_exits = expected + expected**2 / learnt
    of_ways = usual * (1.0 - usual) * (left + left**2 / learnt)
    surprises = {
        "conversion": (forward - left * usual, of_ways, left[:, None] * share),
        "cycle": (left - expected, of_exits, by_draw[:, 1]),
    }
    return {name: _luck_by_stage(*surprise) for name, surprise in surprises.items()}


def _luck_by_stage(miss: Floats, variance: Floats, by_draw: Floats) -> float:
    """Luck of misses by stage: of their sum, or of the largest of them; asked twice, so counted twice."""
    whole = two_sided_luck(float(miss.sum()), np.sqrt(variance.sum() + by_draw.sum(axis=0).var()))
    each = [
        two_sided_luck(float(m), np.sqrt(v))
        for m, v in zip(miss, variance + by_draw.var(axis=1), strict=True)
    ]
    return min(1.0, 2.0 * min(whole, len(each) * min(each)))


def _common_log_odds(ahead: Floats, left: Floats, forward: float) -> float:
    """One factor on the odds of all stages under which as many move forward as did."""

    def missing(log_odds: float) -> float:
        return float(left @ special.expit(ahead + log_odds)) - forward

    most = _LARGEST_LOG_ODDS
    if not left.sum() or missing(-most) >= 0.0 or missing(most) <= 0.0:
        return (
            0.0 if not left.sum() else float(np.clip(-np.inf if missing(-most) >= 0 else most, -most, most))
        )
    return float(optimize.brentq(missing, -most, most))


def _exits(
    now: DealHistory, funnel: Funnel, stage: int, factor: Floats, span: Span
) -> tuple[float, float, Floats, Floats]:
    """Forward exits and all exits of one stage after the plan date; and by draw those expected of its stays.

    Steps at risk count with the rate ``-log(1 - h)`` of their age, the one in which a deal leaves half: then
    exits over expected exits estimate a factor on rates.
    """
    spells, is_forward = now.spells, funnel.stages.is_forward(stage)
    here = (spells.stage == stage) & (spells.exit_step > span.cutoff_step)
    entry, end, destination = (
        column[here] for column in (spells.entry_step, spells.exit_step, spells.destination)
    )
    first = np.maximum(entry, span.cutoff_step + 1)
    n_steps = end - first + 1
    stay = np.repeat(np.arange(len(entry)), n_steps)
    step = first[stay] + np.arange(len(stay)) - np.repeat(np.cumsum(n_steps) - n_steps, n_steps)
    age_bin = np.searchsorted(funnel.hazards[stage].first_age, step - entry[stay], side="right") - 1
    weight = np.where((step == end[stay]) & (destination[stay] >= 0), 0.5, 1.0)
    rates = rates_of(funnel.mean_hazards(stage)) * funnel.changes.speed[stage]
    at_rates = np.zeros((span.n_steps, len(is_forward)))
    np.add.at(at_rates, step - span.cutoff_step, weight[:, None] * rates[age_bin])
    expected = np.einsum("tj,djt->dj", at_rates, factor)
    gone = destination[destination >= 0]
    return (
        float(is_forward[gone].sum()),
        float(len(gone)),
        expected[:, is_forward].sum(axis=1),
        expected.sum(axis=1),
    )
