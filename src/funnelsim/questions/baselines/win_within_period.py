"""Gradient-boosted chances of a win within each horizon, by scikit-learn: the only module that imports it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.baselines.chance import coin_flips, follow_past_origins
from funnelsim.questions.baselines.past import Past, Snapshot, past_of
from funnelsim.questions.baselines.protocol import Floats, Ints, Measure, RivalError, Samples, require

LIBRARY = "sklearn"
_LEAST_OF_A_CLASS = 5


@dataclass(frozen=True)
class WinWithinPeriod:
    """A classifier of "won within h periods" for every h, plus mean new business.

    Parameters
    ----------
    n_trees : int
        Boosting rounds of each classifier.
    most_rows : int
        Snapshots of deals to learn from, the latest first; older ones are left out.

    Notes
    -----
    Rows are the deals that were open at past origins (the ends of earlier periods) after which ``h`` periods
    had ended; features are the stage, the age in it, the age of the deal, the amount (missing allowed). The
    chance of a win by the end of period ``h`` is the largest predicted up to ``h``, so it never falls. Where
    fewer than five rows were won, or fewer than five were not, the share won stands in for the classifier.
    To it comes new business, on average what deals that arrived after a past origin brought.

    Range: each open deal is a coin of its own; new business follows a past origin drawn at random, all
    periods together.

    References
    ----------
    .. [1] Yan, Zhang, Zha, Gong, Sun, Huang, Chu, Yang (2015), On machine learning towards predictive sales
       pipeline analytics, *AAAI 2015*.
    .. [2] Ke and others (2017), LightGBM: a highly efficient gradient boosting decision tree, *NeurIPS 30*.
    """

    n_trees: int = 100
    most_rows: int = 20_000

    @property
    def name(self) -> str:
        """What the method is called in tables."""
        return "boosted win within period"

    @property
    def formula(self) -> str:
        """What is computed, and how its range comes about."""
        return (
            "gradient-boosted chance of a win within h periods by stage, ages and amount, plus mean new "
            "business; a coin for each deal, new business as after a past origin"
        )

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples by period.

        Raises
        ------
        RivalError
            If scikit-learn is not installed, or fewer than two past origins were followed by as many whole
            periods as are asked for.
        """
        require(LIBRARY, self.name)
        past = past_of(seen, edges, measure, n_samples)
        (later,) = follow_past_origins([past.new_business()], n_samples, rng)
        amount = seen.deals["amount"].to_numpy(float)
        now = past.open_at(seen.cutoff_step)
        by_then = np.maximum.accumulate(self._chances(past, amount, now), axis=1)
        totals = coin_flips(np.diff(by_then, axis=1, prepend=0.0), past.worth[now.deal], n_samples, rng)
        return Samples(totals + later, totals, by_then[:, -1])

    def _chances(self, past: Past, amount: Floats, now: Snapshot) -> Floats:
        """Chance that each open deal is won within the first h periods, shape (n_deals, n_periods)."""
        snapshots = [past.open_at(origin) for origin in past.origins[::-1].tolist()]
        rows = [_features(then, amount) for then in snapshots]
        period = [past.period_won(then.deal, then.step) for then in snapshots]
        n_ended = np.repeat([past.n_ended(then.step) for then in snapshots], [len(row) for row in rows])
        table, won_in, asked = np.concatenate(rows), np.concatenate(period), _features(now, amount)
        if np.isnan(table[:, -1]).all():  # the library cannot bin a column without any value
            table, asked = table[:, :-1], asked[:, :-1]
        chances = np.zeros((len(asked), past.n_periods))
        for horizon in range(1, past.n_periods + 1) if len(asked) else ():
            use = np.flatnonzero(n_ended >= horizon)[: self.most_rows]
            chances[:, horizon - 1] = self._predicted(table[use], won_in[use] < horizon, asked)
        return chances

    def _predicted(
        self, rows: Floats, is_won: np.ndarray[tuple[int], np.dtype[np.bool_]], asked: Floats
    ) -> Floats:
        from sklearn.ensemble import HistGradientBoostingClassifier

        n_won = int(is_won.sum())
        if not len(rows):
            raise RivalError("no deal was open at a past origin, so there is nothing to learn from")
        if min(n_won, len(rows) - n_won) < _LEAST_OF_A_CLASS:
            return np.full(len(asked), n_won / len(rows))
        model = HistGradientBoostingClassifier(
            max_iter=self.n_trees,
            max_leaf_nodes=15,
            categorical_features=[0],
            early_stopping=False,
            random_state=0,
        )
        with threadpool_limits(1):  # threads that wait for busy cores took fifty times as long
            return np.asarray(model.fit(rows, is_won).predict_proba(asked)[:, 1], dtype=float)


def _features(then: Snapshot, amount: Floats) -> Floats:
    """Stage, age in it, age of the deal and amount of the deals of a snapshot, shape (n_deals, 4)."""
    return np.column_stack((then.stage, then.age_steps, then.deal_age_steps, amount[then.deal])).astype(float)
