"""Close rates by stage and time left: the share of open value won h periods later, plus new business."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.baselines.chance import follow_past_origins
from funnelsim.questions.baselines.past import Past, past_of
from funnelsim.questions.baselines.protocol import Floats, Ints, Measure, RivalError, Samples


@dataclass(frozen=True)
class StageByTimeInPeriod:
    """What leading CRM products document: historical close rate by stage and time left, plus new business.

    Notes
    -----
    ``share[s, h] = sum_o won[o, s, h] / sum_o open[o, s]`` over the past origins ``o`` (the ends of earlier
    periods) after which period ``h`` had ended: ``open`` is the value of deals that stood in stage ``s``,
    ``won`` the part of it won in period ``h`` after the origin. A deal open now is won in period ``h`` with
    chance ``share[s, h]``; the chances of a stage are scaled down should they exceed 1. A stage in which no
    deal stood at a past origin is given no chance. To it comes new business, on average what deals that
    arrived after a past origin brought in period ``h``.

    Range: futures go as it went after past origins drawn at random, through all periods. What the open deals
    bring misses the forecast by the ratio ``won / sum_s share[s, h] open[s]`` of that origin (shifted to a
    mean of 1), and new business is what came then. Coins for single deals were tried and dropped: they leave
    out what deals have in common; on four real histories their 80 % ranges held 15 to 62 % of the totals,
    these hold 45 to 82 %.
    """

    @property
    def name(self) -> str:
        """What the method is called in tables."""
        return "stage by time left"

    @property
    def formula(self) -> str:
        """What is computed, and how its range comes about."""
        return (
            "sum over open deals of amount x historical share of the stage's open value won h periods later, "
            "plus mean new business; relative errors and new business as after past origins"
        )

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples by period.

        Raises
        ------
        RivalError
            If fewer than two past origins with anything to win were followed by as many whole periods as are
            asked for.
        """
        past = past_of(seen, edges, measure, n_samples)
        share, now = stage_shares(past), past.open_at(seen.cutoff_step)
        ratio, later = follow_past_origins([_ratios(past, share), past.new_business()], n_samples, rng)
        totals = past.worth[now.deal] @ share[now.stage] * ratio
        return Samples(totals + later, totals, np.minimum(share[now.stage].sum(axis=1), 1.0))


def _ratios(past: Past, share: Floats) -> Floats:
    """Won over expected of the open deals of past origins, mean 1 by period, shape (n_past, n_periods)."""
    ratio = np.full((len(past.origins), past.n_periods), np.nan)
    for row, origin in enumerate(past.origins.tolist()):
        then, n_ended = past.open_at(origin), past.n_ended(origin)
        worth, period = past.worth[then.deal], past.period_won(then.deal, origin)
        counts = period < n_ended
        won = np.bincount(period[counts], worth[counts], minlength=past.n_periods)
        expected = worth @ share[then.stage]
        is_known = (np.arange(past.n_periods) < n_ended) & (expected > 0)
        ratio[row, is_known] = won[is_known] / expected[is_known]
    n_known = np.isfinite(ratio).sum(axis=0)
    return ratio + 1.0 - np.nansum(ratio, axis=0) / np.maximum(n_known, 1)


def stage_shares(past: Past) -> Floats:
    """Share of the value open in a stage that was won in each period after past origins.

    Returns
    -------
    ndarray of shape (n_stages, n_periods)

    Raises
    ------
    RivalError
        If no past origin was followed by a whole period.
    """
    stood, won = np.zeros((2, past.n_stages, past.n_periods))
    for origin in past.origins.tolist():
        then, n_ended = past.open_at(origin), past.n_ended(origin)
        worth, period = past.worth[then.deal], past.period_won(then.deal, origin)
        stood[:, :n_ended] += np.bincount(then.stage, worth, minlength=past.n_stages)[:, None]
        counts = period < n_ended
        np.add.at(won, (then.stage[counts], period[counts]), worth[counts])
    if not len(past.origins):
        raise RivalError("no whole period lies behind the origin; use a later origin, or shorter periods")
    share = np.divide(won, stood, out=np.zeros_like(won), where=stood > 0)
    return np.asarray(share / np.maximum(share.sum(axis=1, keepdims=True), 1.0))
