"""The weighted pipeline as a rival: every open deal at the win rate of its stage, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.weighted_pipeline import closed_rates
from funnelsim.questions.baselines.chance import coin_flips
from funnelsim.questions.baselines.past import NEVER, Past, Snapshot, past_of
from funnelsim.questions.baselines.protocol import Floats, Ints, Measure, RivalError, Samples


@dataclass(frozen=True)
class WeightedPipeline:
    """Sum over open deals of amount x win rate of the stage; no new business.

    Parameters
    ----------
    rates : {"historical", "nominal"}
        Share won among the closed deals that visited the stage, or the percentage the organisation assigns
        to it (``Stage.nominal_win_rate``). Where no loss was ever recorded closed deals would all be won:
        then it is the share won among all deals that visited the stage.
    timing : {"even", "cycle"}
        When: the whole weighted amount is booked within the periods asked for, by their lengths (a pipeline
        report without dates); or each deal closes one mean sales cycle after it arrived, overdue ones in the
        first period, later ones after the last.

    Notes
    -----
    Range: each deal is a coin of its own that pays its whole amount; the variance of the sum is
    ``sum amount^2 p (1 - p)``. Open deals without an amount count the mean amount of won ones.

    References
    ----------
    .. [1] Salesforce, *Expected Revenue* of an opportunity: amount x probability of its stage.
    """

    rates: Literal["historical", "nominal"] = "historical"
    timing: Literal["even", "cycle"] = "even"

    def __post_init__(self) -> None:
        if self.rates not in ("historical", "nominal") or self.timing not in ("even", "cycle"):
            raise RivalError(
                f"rates {self.rates!r} with timing {self.timing!r} is unknown; use 'historical' or 'nominal' "
                "rates, and 'even' or 'cycle' for the timing"
            )

    @property
    def name(self) -> str:
        """What the method is called in tables."""
        return f"weighted pipeline ({self.rates}{', by cycle' if self.timing == 'cycle' else ''})"

    @property
    def formula(self) -> str:
        """What is computed, and how its range comes about."""
        rate = "closed-only" if self.rates == "historical" else "nominal"
        when = "evenly over the periods" if self.timing == "even" else "a mean sales cycle after arrival"
        return (
            f"sum over open deals of amount x {rate} win rate of the stage, {when}; no new business; "
            "a coin for each deal"
        )

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples by period; the total is that of the open deals.

        Raises
        ------
        RivalError
            If no deal has closed, nothing is won yet (timing by cycle), or a stage has no nominal rate.
        """
        past = past_of(seen, edges, measure, n_samples)
        now = past.open_at(seen.cutoff_step)
        rate = self._rates(past, seen)[now.stage]
        chance = rate[:, None] * (_by_length(past) if self.timing == "even" else _by_cycle(past, now))
        totals = coin_flips(chance, past.worth[now.deal], n_samples, rng)
        return Samples(totals, totals, np.minimum(chance.sum(axis=1), 1.0))

    def _rates(self, past: Past, seen: DealHistory) -> Floats:
        if self.rates == "nominal":
            missing = [stage.name for stage in seen.stages.open if stage.nominal_win_rate is None]
            if missing:
                raise RivalError(
                    f"stage {missing[0]!r} has no nominal_win_rate; give one, or use 'historical'"
                )
            return np.array([stage.nominal_win_rate for stage in seen.stages.open], dtype=float)
        is_won = past.won_step < NEVER
        is_closed = is_won | past.is_lost
        if not is_closed.any():
            raise RivalError(
                "no deal has closed by the origin, so there are no win rates; use a later origin"
            )
        counted = is_closed if past.is_lost.any() else np.ones_like(is_closed)
        return closed_rates(past.stays, is_won, counted, past.n_stages).rates


def _by_length(past: Past) -> Floats:
    """Share of each period in the time ahead, shape (1, n_periods)."""
    steps = np.diff(past.ahead)
    return (steps / steps.sum())[None, :]


def _by_cycle(past: Past, now: Snapshot) -> Floats:
    """1 in the period in which a deal is due, shape (n_deals, n_periods)."""
    is_won = past.won_step < NEVER
    if not is_won.any():
        raise RivalError("no deal is won by the origin, so there is no sales cycle; use timing='even'")
    cycle = int(np.rint((past.won_step - past.arrival_step)[is_won].mean()))
    due = np.maximum(past.arrival_step[now.deal] + cycle, past.ahead[0])
    period = np.searchsorted(past.ahead, due, side="right") - 1
    return (period[:, None] == np.arange(past.n_periods)).astype(float)
