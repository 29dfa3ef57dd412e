"""Close rates by stage and time left: the share of open value won h periods later, plus new business."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.baselines.chance import coin_flips, draw_new_business
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

    Range: each open deal is a coin of its own; new business follows a past origin drawn at random, all
    periods together.

    References
    ----------
    .. [1] Clari, *Projection*; Zoho CRM and HubSpot, *historical close rate by stage and time left in the
       period*: product documentation.
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
            "plus mean new business; a coin for each deal, new business as after a past origin"
        )

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples by period.

        Raises
        ------
        RivalError
            If fewer than two past origins were followed by as many whole periods as are asked for.
        """
        past = past_of(seen, edges, measure, n_samples)
        later = draw_new_business(past.new_business(), n_samples, rng)
        now = past.open_at(seen.cutoff_step)
        chance = stage_shares(past)[now.stage]
        totals = coin_flips(chance, past.worth[now.deal], n_samples, rng)
        return Samples(totals + later, totals, np.minimum(chance.sum(axis=1), 1.0))


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
