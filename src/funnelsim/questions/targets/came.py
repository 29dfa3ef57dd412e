"""What came between two dates beside what a funnel expected: volume, conversion, cycle and yield."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from funnelsim.nouns.funnel import Funnel, Span
from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.rates import rates_of
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FACTORS = ("volume", "conversion", "cycle", "yield")

WORTH = 4.0  # exits by which the rates of a stage lean on those of all stages
_LARGEST_LOG_ODDS = 5.0
LARGEST_FACTOR = 20.0


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
    """

    volume: float
    log_odds: Floats
    pace: Floats
    new_amount: float
    open_amount: float

    @classmethod
    def between(cls, then: DealHistory, now: DealHistory, funnel: Funnel, n_draws: int, seed: int) -> Came:
        """What came after the cutoff of an earlier history, until that of a later one."""
        streams = Streams(seed)
        log_odds, pace = _moves(then, now, funnel, streams, n_draws)
        new_amount, open_amount = _amounts(then, now, funnel)
        volume = _arrivals(then, now) / max(_expected_arrivals(then, now, funnel, streams, n_draws), 1e-9)
        return cls(min(volume, LARGEST_FACTOR), log_odds, pace, new_amount, open_amount)

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


def _arrivals(then: DealHistory, now: DealHistory) -> int:
    first = now.clock.step_of(now.deals["created_at"].to_numpy())
    return int((first > then.cutoff_step).sum())


def _expected_arrivals(
    then: DealHistory, now: DealHistory, funnel: Funnel, streams: Streams, n_draws: int
) -> float:
    """New deals that the funnel expected, its calendar and level included."""
    span, block = _span(then, now), funnel.arrivals.block_steps
    factor = np.add.reduceat(funnel.arrival_calendar(span), np.arange(0, span.n_ahead, block))
    by_draw = []
    for draw in range(n_draws):
        rate, _ = funnel.arrival_draw(streams, draw)
        levels, _ = funnel.arrival_swings(streams, draw, len(factor))
        by_draw.append(rate * float(levels @ factor))
    return float(np.mean(by_draw))


def _moves(
    then: DealHistory, now: DealHistory, funnel: Funnel, streams: Streams, n_draws: int
) -> tuple[Floats, Floats]:
    """Log-odds of moving forward and pace of leaving, by stage; little seen leans on all stages together."""
    span = Span(then.cutoff_step, 0, now.cutoff_step - then.cutoff_step)
    factors = [of_stage.mean(axis=0) for of_stage in funnel.factors(streams, range(n_draws), span)]
    rows = [_exits(now, funnel, stage, factors[stage], span) for stage in range(funnel.stages.n_open)]
    forward, left, expected_forward, expected = np.array(rows).T
    pooled = left.sum() / expected.sum() if expected.sum() > 0 else 1.0
    pace = (left + WORTH * pooled) / (expected + WORTH)
    share = np.divide(expected_forward, expected, out=np.full(len(left), 0.5), where=expected > 0)
    ahead = special.logit(np.clip(share, 1e-6, 1.0 - 1e-6))
    common = _common_log_odds(ahead, left, forward.sum())
    seen = (forward + WORTH * special.expit(ahead + common)) / (left + WORTH)
    log_odds = special.logit(np.clip(seen, 1e-6, 1.0 - 1e-6)) - ahead
    is_free = (share > 0.0) & (share < 1.0)
    bounded = np.clip(log_odds, -_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS)
    return np.where(is_free, bounded, 0.0), np.clip(pace, 1.0 / LARGEST_FACTOR, LARGEST_FACTOR)


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
) -> tuple[float, float, float, float]:
    """Forward exits and all exits of one stage after the plan date; and those expected of the same stays.

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
    expected = (
        weight @ (rates[age_bin] * factor[:, step - span.cutoff_step].T)
        if len(stay)
        else np.zeros(len(is_forward))
    )
    gone = destination[destination >= 0]
    return (
        float(is_forward[gone].sum()),
        float(len(gone)),
        float(expected[is_forward].sum()),
        float(expected.sum()),
    )


def _amounts(then: DealHistory, now: DealHistory, funnel: Funnel) -> tuple[float, float]:
    """Amount per win over that expected, of deals new since then, and of those that were open."""
    if funnel.amounts is None:
        return 1.0, 1.0
    won = now.deals.query("outcome == 'won'").set_index("deal_id")["amount"].astype(float).dropna()
    before = then.deals.set_index("deal_id")
    fresh = won[~won.index.isin(before.index)]
    new_amount = (
        float(fresh.mean()) / (funnel.amounts.mean * funnel.changes.new_amount) if len(fresh) else 1.0
    )
    open_then = before[before["outcome"] == "open"]
    stage = open_then["place"].map(funnel.stages.codes).to_numpy(dtype=np.int64)
    listed = open_then["amount"].astype(float) * funnel.mean_revision()[stage] * funnel.changes.open_amount
    both = won.index.intersection(listed.dropna().index)
    worth = float(listed[both].sum())
    return new_amount, float(won[both].sum()) / worth if worth > 0 else 1.0
